/* SPDX-License-Identifier: MIT */
/*
 * Noticing what others change: application files, netguard.conf, and executables that are installed, replaced or
 * removed. By inotify, collected for a short while; where a folder cannot be watched, by looking again now and then.
 */
#ifndef NG_GUARDD_POLICY_WATCH_H
#define NG_GUARDD_POLICY_WATCH_H

#include "guardd/engine.h"

G_BEGIN_DECLS

#define NG_WATCH_MAX_FOLDERS 2048 /* of executables; those beyond are looked at every NG_WATCH_LOOK_S */
#define NG_WATCH_LOOK_S 60

NgWatch *ng_watch_new(NgEngine *engine);
void ng_watch_free(NgWatch *watch);
/* The applications are others: watch the folders of their executables, a moment later. */
void ng_watch_apps_changed(NgWatch *watch);

G_END_DECLS
#endif
