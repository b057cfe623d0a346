/* SPDX-License-Identifier: MIT */
/*
 * From what the enforcer saw to the record of it: history, subscribers, today's count of each application. And the
 * words and the tip that go with an attempt.
 */
#ifndef NG_GUARDD_ATTEMPTS_H
#define NG_GUARDD_ATTEMPTS_H

#include "guardd/engine.h"

G_BEGIN_DECLS

NgAttempts *ng_attempts_new(NgEngine *engine);
void ng_attempts_free(NgAttempts *attempts);

void ng_attempts_take(NgAttempts *attempts, const struct ng_event_report *report);
/* Blocked since midnight (local time). */
guint64 ng_attempts_denied_today(NgAttempts *attempts, const char *app);
/* One of GetAttempts' dictionaries. Floating. */
GVariant *ng_attempt_variant(NgEngine *engine, const NgAttempt *attempt);
/* The command that would allow it; "" where it is allowed or none would. `app` is the id of the decider, "" for the
 * default, then `exe` names the program. Owned by the caller. */
char *ng_attempt_tip(const char *app, const char *exe, const struct ng_verdict *verdict, guint8 profile);
/* The same as this guard's users would type it: whoever started a simulation may change it without sudo. Borrowed. */
const char *ng_attempt_tip_here(NgEngine *engine, const char *tip);

G_END_DECLS
#endif
