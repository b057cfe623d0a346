/* SPDX-License-Identifier: MIT */
/*
 * Writing decisions: one application file at once, and about a second later, when it is quiet, the snapshot of all last
 * good states. Knows which files the engine itself wrote, so that the watch can tell them from other people's.
 */
#ifndef NG_GUARDD_STORE_H
#define NG_GUARDD_STORE_H

#include "guardd/engine.h"

G_BEGIN_DECLS

NgStore *ng_store_new(NgEngine *engine);
void ng_store_free(NgStore *store); /* writes what is due */

/* As ng_policy_store() and ng_policy_forget(). */
gboolean ng_store_app(NgStore *store, const NgPolicyApp *app, GError **error);
gboolean ng_store_forget(NgStore *store, const char *id, GError **error);
/* The file `name` of the user's folder is as the engine left it. */
gboolean ng_store_is_ours(NgStore *store, const char *name);
/* Give the policy what was remembered, before its first reload; what was decided when the service ended (id -> JSON),
 * or NULL. */
GHashTable *ng_store_remember(NgStore *store);
/* Write the snapshot soon. */
void ng_store_snapshot_later(NgStore *store);

G_END_DECLS
#endif
