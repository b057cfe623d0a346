/* SPDX-License-Identifier: MIT */
/*
 * One file from disk, whatever somebody put there: a FIFO, a terminal, a loop of links, ten gigabytes, a file that goes
 * away between two calls. Runs in the engine, without privilege. It never blocks, never reads more than
 * NG_POLICY_MAX_FILE + 1 bytes, and opens nothing that is not a regular file when it is looked at.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "policy/private.h"

/* Kernels stamp files by the clock of their last tick, up to 10 ms late (CONFIG_HZ=100); several times that. */
#define SETTLE_NS (100 * G_GINT64_CONSTANT(1000000))

NgPolicyStamp ng_policy_stamp(const struct stat *st)
{
	struct timespec now = { 0 };
	gint64 age_ns = 0;

	clock_gettime(CLOCK_REALTIME, &now);
	age_ns = (now.tv_sec - st->st_ctim.tv_sec) * G_GINT64_CONSTANT(1000000000) + now.tv_nsec - st->st_ctim.tv_nsec;
	return (NgPolicyStamp){ .dev = st->st_dev,
				.ino = st->st_ino,
				.size = (guint64)st->st_size,
				.mtime_s = st->st_mtim.tv_sec,
				.mtime_ns = st->st_mtim.tv_nsec,
				.ctime_s = st->st_ctim.tv_sec,
				.ctime_ns = st->st_ctim.tv_nsec,
				.settled = age_ns > SETTLE_NS };
}

gboolean ng_policy_stamp_equal(const NgPolicyStamp *a, const NgPolicyStamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime_s == b->mtime_s &&
	       a->mtime_ns == b->mtime_ns && a->ctime_s == b->ctime_s && a->ctime_ns == b->ctime_ns;
}

static char *describe_errno(int error)
{
	switch (error) {
	case ELOOP:
		return g_strdup("This is a symbolic link that leads back to itself. Remove it.");
	case EACCES:
	case EPERM:
		return g_strdup("The service may not read this file. Make it readable for the user netguard.");
	default:
		return g_strdup_printf("The file cannot be read (%s). Repair or remove it.", g_strerror(error));
	}
}

static char *describe_kind(const struct stat *st)
{
	const char *kind = S_ISDIR(st->st_mode)    ? "a folder"
			   : S_ISFIFO(st->st_mode) ? "a pipe"
			   : S_ISSOCK(st->st_mode) ? "a socket"
						   : "a device";

	return g_strdup_printf("This is %s, not a file. Remove it, or rename it so that it does not end in .app.",
			       kind);
}

static int check_stat(const struct stat *st, char **ret_problem)
{
	if (!S_ISREG(st->st_mode)) {
		*ret_problem = describe_kind(st);
		return -EINVAL;
	}
	if (st->st_size > NG_POLICY_MAX_FILE) {
		*ret_problem = g_strdup_printf("The file is larger than %d bytes. Shorten it; patterns in Executable= "
					       "save lines.",
					       NG_POLICY_MAX_FILE);
		return -EFBIG;
	}
	return 0;
}

static int read_all(int fd, char *buffer, gsize size, gsize *ret_length)
{
	gsize length = 0;

	while (length < size) {
		ssize_t n = read(fd, buffer + length, size - length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		length += (gsize)n;
	}
	*ret_length = length;
	return 0;
}

/* ENOENT: it went away, which is an answer (-ENOENT); or it is a link to nothing, which is a problem. */
static int fail_errno(int folder_fd, const char *name, int error, char **ret_problem)
{
	struct stat st = { 0 };

	if (error != ENOENT) {
		*ret_problem = describe_errno(error);
		return -error;
	}
	if (fstatat(folder_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -ENOENT;
	*ret_problem = g_strdup("This is a symbolic link to a file that does not exist. Remove it.");
	return -ESTALE;
}

int ng_policy_read(int folder_fd, const char *name, char **ret_text, gsize *ret_length, NgPolicyStamp *ret_stamp,
		   char **ret_problem)
{
	g_autofree char *text = NULL;
	ng_auto_fd fd = -1;
	struct stat st = { 0 };
	gsize length = 0;
	int r = 0;

	/* Looked at before it is opened: to open a device can already do something. */
	if (fstatat(folder_fd, name, &st, 0) < 0)
		return fail_errno(folder_fd, name, errno, ret_problem);
	r = check_stat(&st, ret_problem);
	if (r < 0)
		return r;
	fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return fail_errno(folder_fd, name, errno, ret_problem);
	if (fstat(fd, &st) < 0)
		return fail_errno(folder_fd, name, errno, ret_problem);
	r = check_stat(&st, ret_problem);
	if (r < 0)
		return r;
	text = g_malloc((gsize)st.st_size + 2);
	r = read_all(fd, text, (gsize)st.st_size + 1, &length);
	if (r < 0) {
		*ret_problem = describe_errno(-r);
		return r;
	}
	text[length] = '\0';
	*ret_stamp = ng_policy_stamp(&st);
	/* It grew while it was read: half of something. It is not settled, so it is read again. */
	if (length != (gsize)st.st_size)
		ret_stamp->settled = FALSE;
	*ret_text = g_steal_pointer(&text);
	*ret_length = length;
	return 0;
}
