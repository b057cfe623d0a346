/* SPDX-License-Identifier: MIT */
/*
 * Uids that are lent to an account by /etc/subuid (subuid(5)): whoever has such a range, commonly 65,536 of them, acts
 * as any of them without further right. What is counted by uid takes a range as one.
 *
 * Runs in the engine; reads a file that is the administrator's. Ranges that a directory service keeps are not known.
 */
#ifndef NG_GUARDD_LENT_H
#define NG_GUARDD_LENT_H

#include <glib.h>

G_BEGIN_DECLS

#define NG_LENT_FILE "/etc/subuid"

/* The first uid of the range that `uid` is in; `uid` where it is in none, and where the file cannot be read. Never 0
 * for another: no range makes anybody count as root. */
guint32 ng_lent_first(const char *path, guint32 uid);

G_END_DECLS
#endif
