/* SPDX-License-Identifier: MIT */
/*
 * From what a person typed to what the service can look up: commands in PATH, relative paths, near misses. Reads the
 * file system as the user; changes nothing. Runs in `netguard`.
 */
#ifndef NG_CLI_LOOKUP_H
#define NG_CLI_LOOKUP_H

#include <glib.h>

G_BEGIN_DECLS

/* The absolute path of a file: its folder without symbolic links, "." and "..", its last component as it is (an
 * alternative such as /usr/bin/vi is a name of its own). NULL if the folder does not exist or `path` names none
 * ("..", "/"). Owned by the caller. */
char *ng_lookup_absolute(const char *path);
/* The first executable file called `command` in the folders of `search` (as PATH), or NULL. `command` has no slash. An
 * empty or relative folder of PATH is passed over: the answer must not depend on where one stands. Owned by the caller.
 */
char *ng_lookup_command(const char *command, const char *search);

/* The nearest of `words` (NULL-terminated) to `word`, case folded, by optimal string alignment; NULL if none is near
 * (at most a third of the letters wrong, and at least one right). Borrowed from words. */
const char *ng_lookup_nearest(const char *word, const char *const *words);
guint ng_lookup_distance(const char *a, const char *b);

/* What a rule for this path would miss, as a sentence, or NULL: not there, a folder, a script (the kernel sees its
 * interpreter). Owned by the caller. */
char *ng_lookup_caveat(const char *path);

G_END_DECLS
#endif
