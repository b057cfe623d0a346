/* SPDX-License-Identifier: MIT */
/*
 * What is in force, as the enforcer last said, and the words for it. The one place that may say "protecting".
 */
#ifndef NG_GUARDD_TRUTH_H
#define NG_GUARDD_TRUTH_H

#include "guardd/engine.h"

G_BEGIN_DECLS

typedef void (*NgTruthDone)(gpointer user_data);

NgTruth *ng_truth_new(NgEngine *engine);
void ng_truth_free(NgTruth *truth);

/* Call `done` once the enforcer's word is at most `max_age_ms` old; at once if it is, or if the enforcer does not
 * answer anyway (it is asked all the same); after one second in any case. `done` may be NULL. With `verify` the
 * enforcer looks at the kernel instead of remembering. */
void ng_truth_refresh(NgTruth *truth, guint max_age_ms, gboolean verify, NgTruthDone done, gpointer user_data);
/* A load has ended: ask. */
void ng_truth_loaded(NgTruth *truth);

/* The enforcer's word; NULL: it never said anything. Borrowed. */
const struct ng_status *ng_truth_status(NgTruth *truth);
/* GetStatus' state: "protecting", "paused", "panic", "simulation", "not-protecting". */
const char *ng_truth_state(NgTruth *truth);
/* The kernel holds programs to an image of this run, with every needed capability; also while paused. */
gboolean ng_truth_protects(NgTruth *truth);
char *ng_truth_summary(NgTruth *truth);         /* one sentence or two; owned by the caller */
gboolean ng_truth_is_enforcing(NgTruth *truth); /* denied flows are denied, by the kernel, now */
/* What remains when the service ends now: a sentence, static. */
const char *ng_truth_afterwards(NgTruth *truth);
char *ng_truth_missing(NgTruth *truth); /* the needed capabilities not in force; NULL: none. Owned by the caller */

G_END_DECLS
#endif
