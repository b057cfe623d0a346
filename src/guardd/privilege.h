/* SPDX-License-Identifier: MIT */
/* Giving up root for good. Called once, by the engine, before it reads anything that others can write. */
#ifndef NG_GUARDD_PRIVILEGE_H
#define NG_GUARDD_PRIVILEGE_H

#include <gio/gio.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* Become `uid` and `gid` with no supplementary groups, no capability in any set, no way to gain one, and no way for
 * others of that uid to look into this process; then prove that root cannot be had back. FALSE: do not go on. */
gboolean ng_privilege_drop(uid_t uid, gid_t gid, GError **error);
/* The part of it that an ordinary user can do: no new privileges, not dumpable. */
gboolean ng_privilege_confine(GError **error);

G_END_DECLS
#endif
