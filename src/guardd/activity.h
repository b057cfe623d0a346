/* SPDX-License-Identifier: MIT */
/*
 * How many connections were allowed and blocked, by the minute. Sampled from the kernel's counters once a minute, and
 * when somebody asks, at most once a second; in a simulation counted from what it reports. Says nothing on whose.
 */
#ifndef NG_GUARDD_ACTIVITY_H
#define NG_GUARDD_ACTIVITY_H

#include "guardd/engine.h"

G_BEGIN_DECLS

NgActivity *ng_activity_new(NgEngine *engine);
void ng_activity_free(NgActivity *activity); /* writes what is not yet written */

/* From now on: the first load has ended. What was counted before is not known. */
void ng_activity_start(NgActivity *activity);
/* What a simulation reports. */
void ng_activity_take(NgActivity *activity, gboolean allowed, guint32 count);

/* Bring the running minute up to date. `done` is called once, maybe before this returns; also when the enforcer does
 * not answer. */
typedef void (*NgActivityDone)(gpointer user_data);
void ng_activity_refresh(NgActivity *activity, NgActivityDone done, gpointer user_data);
/* The minute that is not in the history yet. */
typedef struct {
	gint64 start; /* seconds since the epoch */
	guint64 allowed, blocked;
} NgActivityMinute;
NgActivityMinute ng_activity_running(NgActivity *activity);
/* Everything since then was counted, for all that is known. */
gboolean ng_activity_is_complete(NgActivity *activity, gint64 since);

G_END_DECLS
#endif
