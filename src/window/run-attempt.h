/* SPDX-License-Identifier: MIT */
/*
 * What a confined command attempted, attempts that are alike counted as one. Filled by NgwRunSession, shown by rows.
 * Main loop only, no power.
 *
 * Signal "changed" (): the count is different.
 */
#ifndef NGW_RUN_ATTEMPT_H
#define NGW_RUN_ATTEMPT_H

#include "window/run-record.h"

G_BEGIN_DECLS

#define NGW_TYPE_RUN_ATTEMPT (ngw_run_attempt_get_type())
G_DECLARE_FINAL_TYPE(NgwRunAttempt, ngw_run_attempt, NGW, RUN_ATTEMPT, GObject)

NgwRunAttempt *ngw_run_attempt_new(NgwRunRecord *record); /* takes it */
void ngw_run_attempt_add(NgwRunAttempt *attempt, guint64 count);
const NgwRunRecord *ngw_run_attempt_record(NgwRunAttempt *attempt); /* borrowed */

G_END_DECLS
#endif
