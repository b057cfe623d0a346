/* SPDX-License-Identifier: MIT */
/*
 * What runs now: one question to the enforcer for all who ask at a time, and the answer made of it, kept for a second.
 * Engine; the word on what runs is the enforcer's, never a process's own.
 */
#ifndef NG_GUARDD_RUNNING_H
#define NG_GUARDD_RUNNING_H

#include "guardd/engine.h"

G_BEGIN_DECLS

/* `failure` is a sentence, or NULL: ng_running_programs() has the answer. */
typedef void (*NgRunningDone)(const char *failure, gpointer user_data);

NgRunning *ng_running_new(NgEngine *engine);
void ng_running_free(NgRunning *running); /* who waits is told that the service ends */

/* Ask the enforcer. `done` is called once, never from within. With `may_join` an answer to a question that is already
 * under way will do; without, what is told was looked at after this call. */
void ng_running_ask(NgRunning *running, gboolean may_join, NgRunningDone done, gpointer user_data);
/* struct ng_program of the answer that NgRunningDone is being told of. Borrowed, for that time. NULL at other times. */
const GArray *ng_running_programs(NgRunning *running);
/* Of that answer: processes that are not in it because of its limits, and because they may not be looked at. */
void ng_running_missing(NgRunning *running, guint *ret_left_out, guint *ret_unseen);
/* What was answered is not true any more: what applications mean by files is other now. */
void ng_running_forget(NgRunning *running);
/* ListRunning's answer, kept for a second; NULL: none. Borrowed. */
NgReply *ng_running_reply(NgRunning *running);
/* Takes a reference of its own. */
void ng_running_keep_reply(NgRunning *running, NgReply *reply);

/* The application it is of, as is decided now; NULL: nobody's. */
const NgPolicyApp *ng_running_app(NgEngine *engine, const struct ng_program *program);

G_END_DECLS
#endif
