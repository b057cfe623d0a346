/* SPDX-License-Identifier: MIT */
/*
 * What a change takes: tighten or loosen, by what is decided and found now. Engine; reads only. Must be asked in the
 * turn of the main loop that makes the change.
 */
#ifndef NG_GUARDD_CHANGE_H
#define NG_GUARDD_CHANGE_H

#include "guardd/engine.h"

G_BEGIN_DECLS

/* Before `after` takes the place of what its id says now. */
NgAction ng_change_of_app(NgEngine *engine, const NgPolicyApp *after);
/* Before what users decided on `app` is forgotten. */
NgAction ng_change_of_forgetting(NgEngine *engine, const NgPolicyApp *app);
/* Before another mode (NG_MODE_*) holds; pausing is an action of its own. */
NgAction ng_change_of_mode(guint32 before, guint32 after);

G_END_DECLS
#endif
