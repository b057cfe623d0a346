/* SPDX-License-Identifier: MIT */
/*
 * Starting (see start.h). The stages, in order:
 *
 *   1. folders   root makes the state folder for the service's user (0700) and the runtime folder for itself (0755);
 *                a folder that somebody else owns or can write is refused: whoever owns the runtime folder could put a
 *                socket of his own there
 *   2. lock      one guard for each runtime folder
 *   3. socket    bound and listening, owned by root, open to everyone: who may do what is decided for each call
 *   4. enforcer  forked and executed with an empty environment and one descriptor; the only process that keeps power
 *   5. drop      this process becomes the service's user, and proves that it cannot go back
 *   6. check     the user can write the state folder and read the rest; nothing has changed in force until now
 */
#include "guardd/start.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <string.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/interface.h"
#include "base/cleanup.h"
#include "config.h"
#include "guardd/pins.h"
#include "guardd/privilege.h"

#define LISTEN_BACKLOG 4096
#define DESCRIPTORS 4096
#define LINK_BUFFER (4 << 20) /* bytes the enforcer can be ahead of the engine */
#define ENFORCER_FD 3         /* its end, in the enforcer */

static gboolean start_fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
static gboolean start_fail(GError **error, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_FAILED, text);
	return FALSE;
}

/* A folder that exists, is a folder, belongs to `uid` (or to us) and is writable for nobody else. */
static gboolean start_folder(const char *path, mode_t mode, uid_t uid, gid_t gid, GError **error)
{
	ng_auto_fd fd = -1;
	struct stat st;

	if (g_mkdir_with_parents(path, 0755) < 0)
		return start_fail(error, "cannot make the folder %s: %s", path, g_strerror(errno));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return start_fail(error, "cannot open the folder %s: %s", path, g_strerror(errno));
	if (st.st_uid != uid && st.st_uid != geteuid())
		return start_fail(error, "the folder %s belongs to uid %u, not to uid %u. Remove it or name another.",
				  path, (guint)st.st_uid, (guint)uid);
	if ((st.st_uid != uid || st.st_gid != gid) && geteuid() == 0 && fchown(fd, uid, gid) < 0)
		return start_fail(error, "cannot give the folder %s to uid %u: %s", path, (guint)uid,
				  g_strerror(errno));
	if ((st.st_mode & 07777) != mode && fchmod(fd, mode) < 0)
		return start_fail(error, "cannot set the permissions of the folder %s: %s", path, g_strerror(errno));
	return TRUE;
}

static gboolean start_lock(const char *runtime, int *ret_fd, GError **error)
{
	g_autofree char *path = g_build_filename(runtime, "lock", NULL);
	ng_auto_fd fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return start_fail(error, "cannot open the lock %s: %s", path, g_strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return start_fail(error, "another guard runs on %s. End it first, or name another --runtime.", runtime);
	*ret_fd = ng_steal_fd(&fd);
	return TRUE;
}

static gboolean start_listen(const char *runtime, int *ret_fd, GError **error)
{
	g_autofree char *path = g_build_filename(runtime, NG_API_SOCKET, NULL);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	ng_auto_fd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask;
	int r;

	if (g_strlcpy(address.sun_path, path, sizeof address.sun_path) >= sizeof address.sun_path)
		return start_fail(error, "the path %s is too long for a socket. Name a shorter --runtime.", path);
	/* We hold the lock: whatever lies here is stale. */
	if (fd < 0 || (unlink(path) < 0 && errno != ENOENT))
		return start_fail(error, "cannot make the socket %s: %s", path, g_strerror(errno));
	mask = umask(0111);
	r = bind(fd, (struct sockaddr *)&address, sizeof address);
	umask(mask);
	if (r < 0 || listen(fd, LISTEN_BACKLOG) < 0)
		return start_fail(error, "cannot listen on %s: %s", path, g_strerror(errno));
	*ret_fd = ng_steal_fd(&fd);
	return TRUE;
}

/* Beside our own program, as in a build folder; else where it was installed. */
static char *start_find_enforcer(GError **error)
{
	g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
	g_autofree char *folder = self ? g_path_get_dirname(self) : NULL;
	g_autofree char *beside = folder ? g_build_filename(folder, "netguard-enforcer", NULL) : NULL;

	if (beside && access(beside, X_OK) == 0)
		return g_steal_pointer(&beside);
	if (access(NG_LIBEXEC_DIR "/netguard-enforcer", X_OK) == 0)
		return g_strdup(NG_LIBEXEC_DIR "/netguard-enforcer");
	start_fail(error, "netguard-enforcer is neither beside netguardd nor in %s. Install it again.", NG_LIBEXEC_DIR);
	return NULL;
}

/* In the child: standard input is nothing, standard output goes to standard error, descriptor 3 is the link, and there
 * is no other. Its own session: a Ctrl-C meant for the engine is not for the enforcer. */
static void start_become_enforcer(const char *program, char **argv, int fd)
{
	static char *const environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", NULL };
	sigset_t none;
	int null = open("/dev/null", O_RDWR);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setsid();
	if (null < 0 || fcntl(fd, F_DUPFD, 10) < 0) /* 10: clear of 3 */
		_exit(126);
	fd = fcntl(fd, F_DUPFD, 10);
	if (dup2(null, 0) < 0 || dup2(2, 1) < 0 || dup2(fd, ENFORCER_FD) < 0)
		_exit(126);
	syscall(SYS_close_range, ENFORCER_FD + 1, ~0u, 0);
	execve(program, argv, environment);
	dprintf(2, "netguardd: cannot run %s: %s\n", program, strerror(errno));
	_exit(127);
}

static gboolean start_socketpair(int ret_fds[2], GError **error)
{
	const int size = LINK_BUFFER;
	int force = geteuid() == 0 ? SO_SNDBUFFORCE : SO_SNDBUF;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_fds) < 0)
		return start_fail(error, "cannot make a socketpair: %s", g_strerror(errno));
	for (int i = 0; i < 2; i++) {
		if (setsockopt(ret_fds[i], SOL_SOCKET, force, &size, sizeof size) < 0)
			setsockopt(ret_fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
	}
	return TRUE;
}

static gboolean start_enforcer(const NgOptions *options, NgStart *start, GError **error)
{
	g_autofree char *program = start_find_enforcer(error);
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	char pins[NG_PINS_MAX], number[8];
	int fds[2];

	if (!program || !start_socketpair(fds, error))
		return FALSE;
	ng_pins_path(options->runtime, pins);
	g_snprintf(number, sizeof number, "%d", ENFORCER_FD);
	g_ptr_array_add(argv, (gpointer) "netguard-enforcer");
	g_ptr_array_add(argv, (gpointer) "--socket");
	g_ptr_array_add(argv, number);
	g_ptr_array_add(argv, (gpointer) "--backend");
	g_ptr_array_add(argv, (gpointer)(options->simulate ? "simulation" : "bpf"));
	if (options->cgroup) {
		g_ptr_array_add(argv, (gpointer) "--cgroup");
		g_ptr_array_add(argv, options->cgroup);
	}
	g_ptr_array_add(argv, (gpointer) "--pins");
	g_ptr_array_add(argv, pins);
	g_ptr_array_add(argv, NULL);
	start->enforcer_pid = fork();
	if (start->enforcer_pid == 0)
		start_become_enforcer(program, (char **)argv->pdata, fds[1]);
	close(fds[1]);
	start->enforcer_fd = fds[0];
	if (start->enforcer_pid < 0)
		return start_fail(error, "cannot start the enforcer: %s", g_strerror(errno));
	return TRUE;
}

/* As the service's user: is everything there that the engine will need. */
static gboolean start_check(const NgOptions *options, GError **error)
{
	static const char *const subfolders[] = { "apps.d" };

	if (access(options->state, R_OK | W_OK | X_OK) < 0)
		return start_fail(error, "the state folder %s cannot be used: %s. It must belong to the user %s.",
				  options->state, g_strerror(errno), options->user);
	for (gsize i = 0; i < G_N_ELEMENTS(subfolders); i++) {
		g_autofree char *path = g_build_filename(options->state, subfolders[i], NULL);

		if ((mkdir(path, 0755) < 0 && errno != EEXIST) || access(path, R_OK | W_OK | X_OK) < 0)
			return start_fail(error, "the folder %s cannot be used: %s. It must belong to the user %s.",
					  path, g_strerror(errno), options->user);
	}
	return TRUE;
}

static void start_undo(NgStart *start)
{
	if (start->enforcer_fd >= 0)
		close(start->enforcer_fd);
	if (start->enforcer_pid > 0)
		waitpid(start->enforcer_pid, NULL, WNOHANG);
	if (start->listen_fd >= 0)
		close(start->listen_fd);
	if (start->lock_fd >= 0)
		close(start->lock_fd);
}

static gboolean start_stages(const NgOptions *options, uid_t uid, gid_t gid, NgStart *start, GError **error)
{
	const struct rlimit descriptors = { DESCRIPTORS, DESCRIPTORS };

	if (!start_folder(options->runtime, options->simulate && geteuid() != 0 ? 0700 : 0755, geteuid(), getegid(),
			  error) ||
	    !start_folder(options->state, 0700, uid, gid, error) ||
	    !start_lock(options->runtime, &start->lock_fd, error) ||
	    !start_listen(options->runtime, &start->listen_fd, error) || !start_enforcer(options, start, error))
		return FALSE;
	if (setrlimit(RLIMIT_NOFILE, &descriptors) < 0 && geteuid() == 0)
		return start_fail(error, "cannot raise the limit of descriptors: %s", g_strerror(errno));
	if (!(geteuid() == 0 ? ng_privilege_drop(uid, gid, error) : ng_privilege_confine(error)))
		return FALSE;
	return start_check(options, error);
}

gboolean ng_start(const NgOptions *options, NgStart *ret_start, GError **error)
{
	NgStart start = { -1, -1, -1, -1 };
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (uid == 0) {
		struct passwd *user = getpwnam(options->user);

		if (!user)
			return start_fail(error,
					  "there is no user %s. Make it (useradd --system %s) or name one with --user.",
					  options->user, options->user);
		if (user->pw_uid == 0)
			return start_fail(error, "--user must not be root: the engine runs without privilege");
		uid = user->pw_uid;
		gid = user->pw_gid;
	}
	if (!start_stages(options, uid, gid, &start, error)) {
		start_undo(&start);
		return FALSE;
	}
	*ret_start = start;
	return TRUE;
}
