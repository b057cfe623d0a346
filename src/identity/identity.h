/* SPDX-License-Identifier: MIT */
/*
 * Identity: which file on disk an Executable= entry means, as the kernel sees it. Runs in the engine, without
 * privilege: a path that the engine's user cannot reach is a stated problem, never a guess.
 */
#ifndef NG_IDENTITY_H
#define NG_IDENTITY_H

#include <glib.h>

#include "verdict/abi.h"

G_BEGIN_DECLS

typedef struct _NgIdentity NgIdentity; /* knows the mounts; re-reads them when a device is not known */

NgIdentity *ng_identity_new(void);
void ng_identity_free(NgIdentity *identity);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NgIdentity, ng_identity_free)

/* One found file. */
typedef struct {
	struct ng_exe_key key;
	char *path; /* as matched, not with symbolic links resolved */
} NgIdentityFile;

/* All regular files that `entry` (an absolute path or glob) means now; symbolic links are followed. Appends
 * NgIdentityFile to `files` (element clear function set by ng_identity_files_new). A path that does not exist adds
 * nothing and is no error: the program may be installed later. FALSE: it cannot be told (permission), or more than
 * `max` files match; what was found besides is in `files` all the same. Found files are in the order of their paths.
 * The device is the kernel's own s_dev, major << 20 | minor (statx mount id looked up in /proc/self/mountinfo), which
 * differs from st_dev on btrfs and overlayfs. */
gboolean ng_identity_find(NgIdentity *identity, const char *entry, guint max, GArray *files, GError **error);
GArray *ng_identity_files_new(void);

/* The folders whose changes can change the answer for `entry`: appended to `folders` (owned strings, once each). */
void ng_identity_folders(const char *entry, GHashTable *folders);

G_END_DECLS
#endif
