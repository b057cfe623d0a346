/* SPDX-License-Identifier: MIT */
/*
 * The table of the confinement's own AF_UNIX sockets (unix-known.h). An inode number is used again when a file is gone;
 * the birth time tells the two apart where the file system keeps one.
 */
#include "run/unix-known.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include "base/cleanup.h"

struct identity {
	uint64_t device, inode;
	int64_t birth_ns; /* 0: the file system keeps none */
};

struct abstract {
	char name[sizeof((struct sockaddr_un *)0)->sun_path];
	size_t len;
	ino_t socket_ino;
};

struct ng_unix_known {
	struct identity inodes[NG_UNIX_INODES];
	uint64_t n_inodes; /* ever; the next place is this, modulo */
	struct abstract abstract[NG_UNIX_ABSTRACT];
	uint64_t n_abstract;
	const struct ng_run_policy *policy;
	struct identity allowed[NG_RUN_UNIX_MAX]; /* inode 0: was not there at the start */
	int64_t start_ns;
};

static int64_t ns_of(const struct statx_timestamp *stamp)
{
	return stamp->tv_sec * 1000000000LL + stamp->tv_nsec;
}

static int identify(int dir, const char *path, int flags, struct identity *ret_identity, unsigned *ret_links)
{
	struct statx found;

	if (statx(dir, path, flags, STATX_BASIC_STATS | STATX_BTIME, &found) < 0)
		return -errno;
	if (!S_ISSOCK(found.stx_mode))
		return -ECONNREFUSED;
	*ret_identity = (struct identity){
		.device = (uint64_t)found.stx_dev_major << 32 | found.stx_dev_minor,
		.inode = found.stx_ino,
		.birth_ns = found.stx_mask & STATX_BTIME ? ns_of(&found.stx_btime) : 0,
	};
	if (ret_links)
		*ret_links = found.stx_nlink;
	return 0;
}

static bool is_same(const struct identity *a, const struct identity *b)
{
	return a->inode && a->device == b->device && a->inode == b->inode && a->birth_ns == b->birth_ns;
}

int ng_unix_known_new(const struct ng_run_policy *policy, struct ng_unix_known **ret_known)
{
	struct ng_unix_known *known = calloc(1, sizeof *known);
	struct timespec now;

	if (!known)
		return -ENOMEM;
	known->policy = policy;
	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	known->start_ns = now.tv_sec * 1000000000LL + now.tv_nsec;
	for (unsigned i = 0; i < policy->n_unix; i++)
		identify(AT_FDCWD, policy->unix_paths[i], 0, &known->allowed[i], NULL);
	*ret_known = known;
	return 0;
}

void ng_unix_known_free(struct ng_unix_known *known)
{
	free(known);
}

int ng_unix_known_add(struct ng_unix_known *known, int fd)
{
	struct identity identity = { 0 };
	const int result = identify(fd, "", AT_EMPTY_PATH, &identity, NULL);

	if (result == 0)
		known->inodes[known->n_inodes++ % NG_UNIX_INODES] = identity;
	return result;
}

bool ng_unix_known_is_inside(const struct ng_unix_known *known, int fd)
{
	const uint64_t n = known->n_inodes < NG_UNIX_INODES ? known->n_inodes : NG_UNIX_INODES;
	struct identity identity = { 0 };

	if (identify(fd, "", AT_EMPTY_PATH, &identity, NULL) < 0)
		return false;
	for (uint64_t i = 0; i < n; i++) {
		if (is_same(&known->inodes[i], &identity))
			return true;
	}
	return false;
}

bool ng_unix_known_is_allowed(const struct ng_unix_known *known, int fd)
{
	struct identity identity = { 0 }, named = { 0 };
	unsigned links = 0;

	if (identify(fd, "", AT_EMPTY_PATH, &identity, &links) < 0)
		return false;
	for (unsigned i = 0; i < known->policy->n_unix; i++) {
		if (is_same(&known->allowed[i], &identity))
			return true;
		/* The service was started, or started again: its file is younger than we are. Not a link that the
		 * program made to another service's, which is older, or has its other name still. */
		if (links == 1 && identity.birth_ns > known->start_ns &&
		    identify(AT_FDCWD, known->policy->unix_paths[i], AT_SYMLINK_NOFOLLOW, &named, NULL) == 0 &&
		    is_same(&named, &identity))
			return true;
	}
	return false;
}

void ng_unix_known_add_abstract(struct ng_unix_known *known, const char *name, size_t len, ino_t socket_ino)
{
	struct abstract *entry = &known->abstract[known->n_abstract++ % NG_UNIX_ABSTRACT];

	if (len > sizeof entry->name)
		return;
	memcpy(entry->name, name, len);
	entry->len = len;
	entry->socket_ino = socket_ino;
}

/* Is the socket still bound? Its name is then still its own: proc(5), /proc/net/unix. */
static bool is_bound(ino_t socket_ino)
{
	ng_auto_file file = fopen("/proc/self/net/unix", "re");
	char line[256];

	while (file && fgets(line, sizeof line, file)) {
		unsigned long inode;

		if (sscanf(line, "%*s %*s %*s %*s %*s %*s %lu", &inode) == 1 && inode == socket_ino)
			return true;
	}
	return false;
}

bool ng_unix_known_is_abstract(const struct ng_unix_known *known, const char *name, size_t len)
{
	for (unsigned i = 0; i < NG_UNIX_ABSTRACT; i++) {
		const struct abstract *entry = &known->abstract[i];

		if (entry->len == len && len && memcmp(entry->name, name, len) == 0 && is_bound(entry->socket_ino))
			return true;
	}
	return false;
}
