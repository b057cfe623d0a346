/* SPDX-License-Identifier: MIT */
/*
 * The SHA-256 of one file, taken beside the main loop: the only other thread of the engine. The thread has the nice
 * value 19, touches its own job and nothing else, and reads the file in pieces of 128 KiB.
 */
#ifndef NG_GUARDD_HASHING_H
#define NG_GUARDD_HASHING_H

#include <glib.h>

#include "history/history.h"

G_BEGIN_DECLS

#define NG_HASHING_MAX_BYTES (G_GUINT64_CONSTANT(1) << 30) /* a larger file is not read */
#define NG_HASHING_MAX_S 120                               /* for one file: then it counts as one that cannot be read */

/* What tells one content of a file from another without reading it. */
typedef struct {
	guint64 size, dev, ino;
	gint64 mtime_ns, ctime_ns;
} NgFileStamp;

/* FALSE, with errno: there is no such file, it is none that can be read, or it cannot be looked at. */
gboolean ng_file_stamp(const char *path, NgFileStamp *ret_stamp);
/* The device is not asked: it may be another after each start of the machine, and a file of the same inode, size and
 * times on another device is not made by chance. */
gboolean ng_file_stamp_equal(const NgFileStamp *a, const NgFileStamp *b);

typedef enum {
	NG_HASHED,
	NG_HASHED_OTHER,   /* the file is not, or no longer, the one with that stamp */
	NG_HASHED_NOTHING, /* it cannot be read, not in time, or is too large */
} NgHashed;

typedef struct _NgHashing NgHashing;

/* `sha256` is only there for NG_HASHED. Called from the main loop. */
typedef void (*NgHashingDone)(NgHashed result, const guint8 sha256[NG_HISTORY_HASH], gpointer user_data);
/* Read `path`, which must be the file with this stamp. Borrowed by the caller until `done` was called. */
NgHashing *ng_hashing_start(const char *path, const NgFileStamp *stamp, NgHashingDone done, gpointer user_data);
/* Do not call `done` any more. Does not wait: a file system may hold the thread for as long as it likes. */
void ng_hashing_cancel(NgHashing *hashing);

G_END_DECLS
#endif
