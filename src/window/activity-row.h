/* SPDX-License-Identifier: MIT */
/*
 * One row of Activity: who, where to, what came of it and why, when, and a menu of what can be done. Follows its
 * NgwActivityGroup. Main loop only.
 */
#ifndef NGW_ACTIVITY_ROW_H
#define NGW_ACTIVITY_ROW_H

#include "window/activity-group.h"
#include "window/window.h"

G_BEGIN_DECLS

#define NGW_TYPE_ACTIVITY_ROW (ngw_activity_row_get_type())
G_DECLARE_FINAL_TYPE(NgwActivityRow, ngw_activity_row, NGW, ACTIVITY_ROW, GtkWidget)

/* `window` is borrowed: it holds the row. */
GtkWidget *ngw_activity_row_new(NgwWindow *window);
/* NULL: nothing. */
void ngw_activity_row_set_group(NgwActivityRow *row, NgwActivityGroup *group);
/* Names may be other ones than before. */
void ngw_activity_row_refresh(NgwActivityRow *row);
void ngw_activity_row_popup(NgwActivityRow *row);
const NgwAttempt *ngw_activity_row_attempt(NgwActivityRow *row); /* borrowed; NULL: it shows nothing */

G_END_DECLS
#endif
