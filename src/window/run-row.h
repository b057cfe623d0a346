/* SPDX-License-Identifier: MIT */
/*
 * One row of the page Run: who tried what, where to, what came of it and how often; refused ones with a switch that
 * puts what would allow it on the list for the next run. Main loop only.
 */
#ifndef NGW_RUN_ROW_H
#define NGW_RUN_ROW_H

#include <gtk/gtk.h>

#include "window/run-attempt.h"

G_BEGIN_DECLS

#define NGW_TYPE_RUN_ROW (ngw_run_row_get_type())
G_DECLARE_FINAL_TYPE(NgwRunRow, ngw_run_row, NGW, RUN_ROW, GtkListBoxRow)

/* `allowances` is a GtkStringList of tips that holds what was chosen. A tip that is a profile activates "run.profile".
 */
GtkWidget *ngw_run_row_new(NgwRunAttempt *attempt, GtkStringList *allowances);

/* Where the tip is in the list; -1. */
int ngw_run_allowances_find(GtkStringList *allowances, const char *tip);

G_END_DECLS
#endif
