/* SPDX-License-Identifier: MIT */
/*
 * One row of the Log: what was done, by whom, when and why; opened, the record as it is with its hash. Main loop only.
 */
#ifndef NGW_LOG_ROW_H
#define NGW_LOG_ROW_H

#include <gtk/gtk.h>

#include "window/log-record.h"

G_BEGIN_DECLS

#define NGW_TYPE_LOG_ROW (ngw_log_row_get_type())
G_DECLARE_FINAL_TYPE(NgwLogRow, ngw_log_row, NGW, LOG_ROW, GtkWidget)

GtkWidget *ngw_log_row_new(void);
void ngw_log_row_set_record(NgwLogRow *row, NgwLogRecord *record); /* NULL: nothing */

G_END_DECLS
#endif
