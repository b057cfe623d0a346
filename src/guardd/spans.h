/* SPDX-License-Identifier: MIT */
/*
 * Decisions that last while a program or this boot lasts (While= in application files). Ending them is timers.c's work,
 * as for those that end by the clock; here is told which are over.
 *
 * boot: over when the machine has another boot id.
 *
 * running: a decision that permits more than what follows it lasts as long as a process of the application is left
 * that ran when it was decided. Whoever starts later, also as a child of those, does not keep it alive: a program that
 * quits and is started again is another. A decision that permits no more than what follows lasts as long as any process
 * is left that is held to the application's rules, so that a program cannot shed it by starting another and ending.
 *
 * Fail safe: if the enforcer does not say what runs, twice in a row (10 seconds after the program has quit at most),
 * decisions of the first kind end and those of the second kind last. At the start of the service it is asked when the
 * first image is in force.
 */
#ifndef NG_GUARDD_SPANS_H
#define NG_GUARDD_SPANS_H

#include "guardd/engine.h"

G_BEGIN_DECLS

NgSpans *ng_spans_new(NgEngine *engine);
void ng_spans_free(NgSpans *spans);

/* Decisions changed, or the first image is in force: see whether there is something to watch. */
void ng_spans_rearm(NgSpans *spans);
/* What `app` says does not hold any more, whatever its file says. FALSE for what has no span. */
gboolean ng_span_is_over(NgEngine *engine, const NgPolicyApp *app);

/*
 * Before `app`, whose span is set, is stored for `call`: fills in the boot and the processes that are meant. TRUE: it
 * may be stored, in this turn of the main loop. FALSE: return at once, having changed nothing; the call has been
 * answered (the program does not run), or its handler will be run again when the enforcer has said what runs.
 */
gboolean ng_span_begin(NgEngine *engine, NgCall *call, NgPolicyApp *app);

G_END_DECLS
#endif
