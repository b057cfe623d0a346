/* SPDX-License-Identifier: MIT */
/*
 * AF_UNIX. A path is resolved once, as the caller would (its root, its working directory), to an O_PATH descriptor;
 * that is judged, and used through /proc/self/fd: whatever the path means a moment later changes nothing. Abstract
 * names live in the network of the socket: inside, they need no judge.
 *
 * bind() has to be told the caller's very words, since getsockname() and the peers of datagrams repeat them. So it is
 * done in the caller's working directory, or, for an absolute path, where our root leads to the same directory. Which
 * file it made we ask the socket itself.
 */
#include "run/broker-private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef SIOCUNIXFILE
#define SIOCUNIXFILE (0x89e0 + 0) /* linux/un.h: an O_PATH descriptor of what the socket is bound to */
#endif
#define PATH_AT offsetof(struct sockaddr_un, sun_path)
#define TRIES 4 /* EAGAIN: something on the way was renamed meanwhile */

/* --- as the caller --- */

struct as_caller {
	uid_t uid;
	gid_t gid;
	bool is_changed;
};

/* For root with callers of other uids: file permissions as theirs. */
static int become_caller(const struct ng_broker *broker, const struct ng_task_status *status,
			 struct as_caller *ret_saved)
{
	*ret_saved = (struct as_caller){ .uid = geteuid(), .gid = getegid() };
	if (!broker->is_root || (status->fsuid == ret_saved->uid && status->fsgid == ret_saved->gid))
		return 0;
	ret_saved->is_changed = true;
	setfsgid(status->fsgid);
	setfsuid(status->fsuid);
	return 0;
}

static void become_self(const struct as_caller *saved)
{
	if (!saved->is_changed)
		return;
	setfsuid(saved->uid);
	setfsgid(saved->gid);
}

/* --- resolving --- */

static int open_at(int dir, const char *path, uint64_t flags, uint64_t resolve)
{
	const struct open_how how = { .flags = O_PATH | O_CLOEXEC | flags, .resolve = resolve | RESOLVE_NO_MAGICLINKS };
	int fd = -1;

	for (int i = 0; i < TRIES && fd < 0; i++) {
		fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
		if (fd < 0 && errno != EAGAIN)
			return -errno;
	}
	return fd < 0 ? -EAGAIN : fd;
}

static int open_in_root(pid_t tid, const char *path, uint64_t flags)
{
	ng_auto_fd root = ng_task_open(tid, "root");

	return root < 0 ? root : open_at(root, path, flags, RESOLVE_IN_ROOT);
}

/* An O_PATH descriptor of what the caller calls so, or negative errno. */
static int resolve(pid_t tid, const char *path, uint64_t flags)
{
	char text[64], joined[PATH_MAX * 2];
	ng_auto_fd cwd = -1;
	ssize_t n;
	int fd;

	if (*path == '/')
		return open_in_root(tid, path, flags);
	cwd = ng_task_open(tid, "cwd");
	fd = cwd < 0 ? cwd : open_at(cwd, *path ? path : ".", flags, RESOLVE_BENEATH);
	if (fd != -EXDEV)
		return fd;
	/* It leads out of the working directory, perhaps by an absolute link, which is the caller's root's. */
	snprintf(text, sizeof text, "/proc/%d/cwd", (int)tid);
	n = readlink(text, joined, PATH_MAX - 1);
	if (n < 0)
		return -errno;
	snprintf(joined + n, sizeof joined - (size_t)n, "/%s", path);
	return open_in_root(tid, joined, flags);
}

/* The path in an address, terminated; NULL if there is none. */
static const char *path_of(const struct ng_address *address, char ret_path[static 128])
{
	const size_t len = address->len - PATH_AT;

	if (address->len <= PATH_AT || !address->un.sun_path[0])
		return NULL;
	memcpy(ret_path, address->un.sun_path, len);
	ret_path[len] = '\0';
	return ret_path;
}

/* --- judging --- */

static bool is_free(const struct ng_broker *broker)
{
	return broker->run->policy->app.profile == NG_PROFILE_ONLINE || broker->run->policy->is_dry_run;
}

static struct ng_judgement judgement_of(const struct ng_broker *broker, bool is_named)
{
	const bool is_online = broker->run->policy->app.profile == NG_PROFILE_ONLINE;

	return (struct ng_judgement){ .is_allowed = is_named || is_free(broker),
				      .is_foreseen = !is_named && !is_online && broker->run->policy->is_dry_run,
				      .reason = is_named    ? NG_REASON_ALLOWANCE
						: is_online ? NG_REASON_ONLINE
							    : NG_REASON_OFFLINE,
				      .class = NG_CLASS_MACHINE };
}

static int judge_abstract(struct ng_broker *broker, struct ng_call *call, const struct ng_sock *sock,
			  const struct ng_address *address)
{
	const size_t len = address->len - PATH_AT;
	struct ng_judgement judgement;
	char text[sizeof address->un.sun_path + 2] = "@";

	if (sock->is_inside || ng_unix_known_is_abstract(broker->unix_known, address->un.sun_path, len))
		return 0;
	judgement = judgement_of(broker, false);
	for (size_t i = 1; i < len; i++)
		text[i] = address->un.sun_path[i] ? address->un.sun_path[i] : '@';
	ng_call_record(broker, call, AF_UNIX, NULL, text, &judgement, judgement.is_allowed ? 0 : ECONNREFUSED);
	return judgement.is_allowed ? 0 : -ECONNREFUSED;
}

static int judge_path(struct ng_broker *broker, struct ng_call *call, const char *path, int target)
{
	struct ng_judgement judgement;
	char link[64], found[PATH_MAX];
	ssize_t n = -1;

	if (ng_unix_known_is_inside(broker->unix_known, target))
		return 0;
	judgement = judgement_of(broker, ng_unix_known_is_allowed(broker->unix_known, target));
	snprintf(link, sizeof link, "/proc/self/fd/%d", target);
	if (*path != '/')
		n = readlink(link, found, sizeof found - 1);
	found[n > 0 ? n : 0] = '\0';
	ng_call_record(broker, call, AF_UNIX, NULL, n > 0 ? found : path, &judgement,
		       judgement.is_allowed ? 0 : EACCES);
	return judgement.is_allowed ? 0 : -EACCES;
}

/* The caller may write to it. */
static int open_target(struct ng_broker *broker, struct ng_call *call, const char *path, int *ret_target)
{
	struct ng_task_status status = { 0 };
	struct as_caller saved;
	struct stat found;
	int fd = broker->is_root ? ng_task_status(call->tid, &status) : 0;

	if (fd < 0)
		return fd;
	become_caller(broker, &status, &saved);
	fd = resolve(call->tid, path, 0);
	if (fd >= 0 && saved.is_changed && faccessat(fd, "", W_OK, AT_EMPTY_PATH | AT_EACCESS) < 0) {
		close(fd);
		fd = -EACCES;
	}
	become_self(&saved);
	if (fd < 0)
		return fd;
	if (fstat(fd, &found) < 0 || !S_ISSOCK(found.st_mode)) {
		close(fd);
		return -ECONNREFUSED;
	}
	*ret_target = fd;
	return 0;
}

/* The links of /proc lead past every root and mount: they are not followed, which is a refusal of ours and no fault of
 * the path. */
static bool is_through_proc(const char *path, int result)
{
	return result == -ELOOP || strncmp(path, "/proc/", strlen("/proc/")) == 0;
}

int ng_unix_aim(struct ng_broker *broker, struct ng_call *call, const struct ng_sock *sock, struct ng_address *address,
		int *ret_target)
{
	char text[128];
	const char *path;
	ng_auto_fd target = -1;
	int result;

	*ret_target = -1;
	if (address->len >= sizeof(sa_family_t) && address->any.sa_family == AF_UNSPEC)
		return 0; /* dissolves, or is the kernel's EINVAL */
	if (address->len <= PATH_AT || address->len > sizeof address->un || address->any.sa_family != AF_UNIX)
		return -EINVAL;
	path = path_of(address, text);
	if (!path)
		return judge_abstract(broker, call, sock, address);
	result = open_target(broker, call, path, &target);
	if (result < 0 && is_through_proc(path, result)) {
		const struct ng_judgement judgement = { .reason = NG_REASON_OFFLINE, .class = NG_CLASS_MACHINE };

		ng_call_record(broker, call, AF_UNIX, NULL, path, &judgement, -result);
	}
	if (result == 0)
		result = judge_path(broker, call, path, target);
	if (result < 0)
		return result;
	address->len = (socklen_t)(PATH_AT + 1) + (socklen_t)snprintf(address->un.sun_path, sizeof address->un.sun_path,
								      "/proc/self/fd/%d", target);
	*ret_target = ng_steal_fd(&target);
	return 0;
}

/* --- bind --- */

static bool is_same_file(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* The file a socket made, without asking the socket: a young one of the caller's own. For where SIOCUNIXFILE is
 * refused. */
static int find_made(int dir, const char *name, uid_t uid, const struct timespec *before)
{
	ng_auto_fd fd = open_at(dir, name, O_NOFOLLOW, 0);
	struct statx made;

	if (fd < 0)
		return fd;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &made) < 0)
		return -errno;
	if (!S_ISSOCK(made.stx_mode) || made.stx_uid != uid || made.stx_nlink != 1 || !(made.stx_mask & STATX_BTIME))
		return -ESTALE;
	if (made.stx_btime.tv_sec < before->tv_sec ||
	    (made.stx_btime.tv_sec == before->tv_sec && made.stx_btime.tv_nsec < before->tv_nsec))
		return -ESTALE;
	return ng_steal_fd(&fd);
}

struct making {
	const char *path, *name;
	int dir; /* the parent, as the caller resolves it */
	const struct ng_task_status *status;
};

static long bind_there(struct ng_call *call, const struct ng_sock *sock, const struct ng_address *address,
		       const struct making *making, const char *parent)
{
	struct ng_address other;
	ng_auto_fd own_cwd = -1, cwd = -1;
	long result;

	if (*making->path != '/') {
		own_cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
		cwd = ng_task_open(call->tid, "cwd");
		if (own_cwd >= 0 && cwd >= 0 && fchdir(cwd) == 0) {
			result = ng_result(bind(sock->fd, &address->any, address->len));
			return fchdir(own_cwd) < 0 ? -errno : result;
		}
	} else if (is_same_file(making->dir, parent)) {
		return ng_result(bind(sock->fd, &address->any, address->len));
	}
	/* Another root than ours: the place is right, the name that the socket tells is not. */
	memset(&other, 0, sizeof other);
	other.un.sun_family = AF_UNIX;
	result =
		snprintf(other.un.sun_path, sizeof other.un.sun_path, "/proc/self/fd/%d/%s", making->dir, making->name);
	if (result >= (long)sizeof other.un.sun_path)
		return -ENAMETOOLONG;
	other.len = (socklen_t)(PATH_AT + 1 + (size_t)result);
	return ng_result(bind(sock->fd, &other.any, other.len));
}

static long make(struct ng_broker *broker, struct ng_call *call, const struct ng_sock *sock,
		 const struct ng_address *address, const struct making *making, const char *parent)
{
	struct as_caller saved;
	struct timespec before;
	ng_auto_fd made = -1;
	mode_t own_umask;
	long result;

	clock_gettime(CLOCK_REALTIME_COARSE, &before);
	own_umask = umask(making->status->umask);
	become_caller(broker, making->status, &saved);
	result = bind_there(call, sock, address, making, parent);
	become_self(&saved);
	umask(own_umask);
	if (result < 0)
		return result;
	made = ioctl(sock->fd, SIOCUNIXFILE);
	if (made < 0)
		made = find_made(making->dir, making->name, making->status->fsuid, &before);
	if (made >= 0)
		ng_unix_known_add(broker->unix_known, made);
	return 0;
}

static long bind_path(struct ng_broker *broker, struct ng_call *call, const struct ng_sock *sock,
		      const struct ng_address *address, const char *path)
{
	struct ng_task_status status;
	char parent[128];
	const char *slash = strrchr(path, '/');
	const size_t len = slash ? (size_t)(slash - path) + (slash == path) : 0;
	struct making making = { .path = path, .name = slash ? slash + 1 : path, .status = &status };
	ng_auto_fd dir = -1;
	int result = ng_task_status(call->tid, &status);

	memcpy(parent, path, len);
	parent[len] = '\0';
	if (result == 0)
		result = dir = resolve(call->tid, parent, O_DIRECTORY);
	if (result < 0)
		return result;
	if (!ng_call_is_valid(broker, call))
		return NG_CALL_DONE;
	making.dir = dir;
	return make(broker, call, sock, address, &making, parent);
}

/* An abstract name, or the kernel's choice of one. */
static long bind_abstract(struct ng_broker *broker, struct ng_call *call, const struct ng_sock *sock,
			  const struct ng_address *address)
{
	struct ng_address bound = { .len = sizeof bound.storage };
	struct stat socket_stat;
	long result;

	if (!ng_call_is_valid(broker, call))
		return NG_CALL_DONE;
	result = ng_result(bind(sock->fd, &address->any, address->len));
	if (result == 0 && !sock->is_inside && fstat(sock->fd, &socket_stat) == 0 &&
	    getsockname(sock->fd, &bound.any, &bound.len) == 0 && bound.len > PATH_AT)
		ng_unix_known_add_abstract(broker->unix_known, bound.un.sun_path, bound.len - PATH_AT,
					   socket_stat.st_ino);
	return result;
}

long ng_unix_bind(struct ng_broker *broker, struct ng_call *call, const struct ng_sock *sock,
		  const struct ng_address *address)
{
	char text[128];
	const char *path;

	if (address->len < PATH_AT || address->len > sizeof address->un || address->any.sa_family != AF_UNIX)
		return -EINVAL;
	path = path_of(address, text);
	return path ? bind_path(broker, call, sock, address, path) : bind_abstract(broker, call, sock, address);
}
