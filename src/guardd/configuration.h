/* SPDX-License-Identifier: MIT */
/*
 * Which settings hold: key by key the administrator's netguard.conf, below it what users set (STATE/settings.conf),
 * below that the defaults. A file that is damaged keeps what it said last, also over a restart: of each file what was
 * read last without error is kept in the state folder.
 */
#ifndef NG_GUARDD_CONFIGURATION_H
#define NG_GUARDD_CONFIGURATION_H

#include "guardd/engine.h"

G_BEGIN_DECLS

/* Read both files into engine->settings, tell of problems, and audit what became different. With `is_start` there is
 * nothing yet that a damaged file could keep but what the state folder has. TRUE: what is decided for the default
 * changed. */
gboolean ng_configuration_read(NgEngine *engine, gboolean is_start);
/* What users say is `user` from now on: stored, then held to. Does not load, and records nothing. FALSE: nothing has
 * changed. */
gboolean ng_configuration_store(NgEngine *engine, const NgSettings *user, GError **error);
/* For the audit chain. Owned by the caller. */
char *ng_configuration_json(const NgSettings *settings);

G_END_DECLS
#endif
