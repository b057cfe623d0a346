/* SPDX-License-Identifier: MIT */
/*
 * One row of the Apps page: icon, name, what is true now, Offline | Local | Online, and a menu of durations. Shows one
 * NgwApp at a time (rows are used again for others). Its actions (row.*) go through changes.h.
 */
#ifndef NGW_APP_ROW_H
#define NGW_APP_ROW_H

#include <gtk/gtk.h>

#include "window/app.h"

G_BEGIN_DECLS

#define NGW_TYPE_APP_ROW (ngw_app_row_get_type())
G_DECLARE_FINAL_TYPE(NgwAppRow, ngw_app_row, NGW, APP_ROW, GtkWidget)

GtkWidget *ngw_app_row_new(void);
/* NULL: none. */
void ngw_app_row_set_app(NgwAppRow *row, NgwApp *app);
/* Show a check button to choose several. */
void ngw_app_row_set_selecting(NgwAppRow *row, gboolean is_selecting);

/* The menu of durations and the rest, for this row and for the application page: targets (ss) of row.temporary are a
 * profile's word and a duration's. Borrowed. */
GMenuModel *ngw_app_row_menu(void);

G_END_DECLS
#endif
