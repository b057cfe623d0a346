/* SPDX-License-Identifier: MIT */
/*
 * Hashing one file (see hashing.h). A job is held by the main loop and by its thread, whoever lets go last frees it.
 * What the thread needs is made before it starts, so that it allocates nothing; `done` and `user_data` belong to the
 * main loop.
 */
#include "guardd/hashing.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define PIECE (128 * 1024)
#define NICE 19

struct _NgHashing {
	gatomicrefcount refs;
	gint is_cancelled; /* atomic */
	guint deadline;    /* main loop; 0: none any more */
	char *path;
	NgFileStamp stamp;
	GChecksum *sum;
	guint8 *piece;
	NgHashed result; /* written by the thread before it reports */
	NgHashingDone done;
	gpointer user_data;
};

static void hashing_unref(gpointer data)
{
	NgHashing *self = data;

	if (!g_atomic_ref_count_dec(&self->refs))
		return;
	g_checksum_free(self->sum);
	g_free(self->piece);
	g_free(self->path);
	g_free(self);
}

static gint64 time_ns(const struct timespec *time)
{
	return (gint64)time->tv_sec * 1000000000 + time->tv_nsec;
}

static gboolean stamp_of(const struct stat *st, NgFileStamp *ret_stamp)
{
	if (!S_ISREG(st->st_mode)) {
		errno = EINVAL;
		return FALSE;
	}
	*ret_stamp = (NgFileStamp){ .size = (guint64)st->st_size,
				    .dev = st->st_dev,
				    .ino = st->st_ino,
				    .mtime_ns = time_ns(&st->st_mtim),
				    .ctime_ns = time_ns(&st->st_ctim) };
	return TRUE;
}

gboolean ng_file_stamp(const char *path, NgFileStamp *ret_stamp)
{
	struct stat st;

	return stat(path, &st) == 0 && stamp_of(&st, ret_stamp);
}

gboolean ng_file_stamp_equal(const NgFileStamp *a, const NgFileStamp *b)
{
	return a->size == b->size && a->ino == b->ino && a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

static gboolean is_expected(const NgHashing *self, int fd)
{
	NgFileStamp now;
	struct stat st;

	return fstat(fd, &st) == 0 && stamp_of(&st, &now) && ng_file_stamp_equal(&now, &self->stamp);
}

static NgHashed hashing_read(NgHashing *self)
{
	ng_auto_fd fd = -1;
	guint64 total = 0;
	ssize_t n;

	if (self->stamp.size > NG_HASHING_MAX_BYTES)
		return NG_HASHED_NOTHING;
	/* Neither a pipe nor a terminal that came in its place may hold or change us. */
	fd = open(self->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? NG_HASHED_OTHER : NG_HASHED_NOTHING;
	if (!is_expected(self, fd))
		return NG_HASHED_OTHER;
	do {
		n = read(fd, self->piece, PIECE);
		if (n < 0 && errno != EINTR)
			return NG_HASHED_NOTHING;
		if (n > 0)
			g_checksum_update(self->sum, self->piece, n);
		total += (guint64)MAX(n, 0);
		if (total > self->stamp.size) /* it grows, perhaps without end */
			return NG_HASHED_OTHER;
	} while (n != 0 && !g_atomic_int_get(&self->is_cancelled));
	return is_expected(self, fd) ? NG_HASHED : NG_HASHED_OTHER;
}

static gboolean hashing_report(gpointer data)
{
	NgHashing *self = data;
	guint8 sha256[NG_HISTORY_HASH];
	gsize length = sizeof sha256;

	if (g_atomic_int_get(&self->is_cancelled))
		return G_SOURCE_REMOVE;
	g_clear_handle_id(&self->deadline, g_source_remove);
	g_checksum_get_digest(self->sum, sha256, &length);
	self->done(self->result, self->result == NG_HASHED ? sha256 : NULL, self->user_data);
	return G_SOURCE_REMOVE;
}

/* The thread ends by itself, unless the file system holds it. */
static gboolean hashing_late(gpointer data)
{
	NgHashing *self = data;

	self->deadline = 0;
	g_atomic_int_set(&self->is_cancelled, TRUE);
	self->done(NG_HASHED_NOTHING, NULL, self->user_data);
	return G_SOURCE_REMOVE;
}

static gpointer hashing_thread(gpointer data)
{
	NgHashing *self = data;

	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
	self->result = hashing_read(self);
	g_idle_add_full(G_PRIORITY_DEFAULT, hashing_report, self, hashing_unref);
	return NULL;
}

NgHashing *ng_hashing_start(const char *path, const NgFileStamp *stamp, NgHashingDone done, gpointer user_data)
{
	NgHashing *self = g_new0(NgHashing, 1);

	g_atomic_ref_count_init(&self->refs); /* the thread's, then its report's */
	self->path = g_strdup(path);
	self->stamp = *stamp;
	self->sum = g_checksum_new(G_CHECKSUM_SHA256);
	self->piece = g_malloc(PIECE);
	self->result = NG_HASHED_NOTHING;
	self->done = done;
	self->user_data = user_data;
	self->deadline = g_timeout_add_seconds(NG_HASHING_MAX_S, hashing_late, self);
	g_thread_unref(g_thread_new("fingerprint", hashing_thread, self));
	return self;
}

void ng_hashing_cancel(NgHashing *self)
{
	g_clear_handle_id(&self->deadline, g_source_remove);
	g_atomic_int_set(&self->is_cancelled, TRUE);
}
