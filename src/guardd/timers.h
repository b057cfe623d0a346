/* SPDX-License-Identifier: MIT */
/*
 * What ends: Until of applications and a pause, by the wall clock; While, by what spans.h says. One timerfd on
 * CLOCK_REALTIME, which also fires when the clock is set; and a look every 30 seconds that does what must not be
 * forgotten.
 */
#ifndef NG_GUARDD_TIMERS_H
#define NG_GUARDD_TIMERS_H

#include "guardd/engine.h"

G_BEGIN_DECLS

NgTimers *ng_timers_new(NgEngine *engine);
void ng_timers_free(NgTimers *timers);
/* Something with an end was added, changed or removed. */
void ng_timers_rearm(NgTimers *timers);
/* End what is over now; loads if anything was. Called at start before the first load (with `load` FALSE). */
void ng_timers_expire(NgTimers *timers, gboolean load);

G_END_DECLS
#endif
