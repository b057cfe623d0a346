/* SPDX-License-Identifier: MIT */
/*
 * A list that grows: GtkListView makes the widgets of about 200 rows at once, which takes a third of a second. Here it
 * gets a screenful at first and a few more at a time, then all the rest, which costs no widgets. Main loop only.
 */
#ifndef NGW_ROW_GROWTH_H
#define NGW_ROW_GROWTH_H

#include <gtk/gtk.h>

G_BEGIN_DECLS

typedef struct {
	GtkSliceListModel *shown; /* what the view gets */
	guint timer;
} NgwRowGrowth;

void ngw_row_growth_init(NgwRowGrowth *growth, GListModel *model); /* borrows `model` */
void ngw_row_growth_done(NgwRowGrowth *growth);
/* Begin with a screenful again: before much of the model changes at once. */
void ngw_row_growth_restart(NgwRowGrowth *growth);
/* Only a view that is seen grows. */
void ngw_row_growth_set_seen(NgwRowGrowth *growth, gboolean is_seen);

G_END_DECLS
#endif
