/* SPDX-License-Identifier: MIT */
/*
 * The first rows of a list, as many as are needed: GtkListView makes and lays out the widgets of about 200 rows at
 * once, seen or not, which takes a third of a second, and makes them anew for each row that comes at the top. Between
 * it and its model stands this GListModel of the model's first rows: a few at first, then a few at a time until there
 * is a page more than can be seen. End asks for all of them.
 *
 * Whoever has scrolled down reads: then the rows stand still (they still count) and what came meanwhile is shown when
 * the top is seen again. Main loop only, no power.
 */
#ifndef NGW_ROW_GROWTH_H
#define NGW_ROW_GROWTH_H

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define NGW_ROW_GROWTH_FIRST 4 /* rows at first */
#define NGW_ROW_GROWTH_STEP 2  /* rows more at a time */
#define NGW_ROW_GROWTH_FEWER 6 /* rows fewer at a time */

typedef enum {
	NGW_ROWS_STEADY, /* most rows stay what they are */
	NGW_ROWS_STREAM, /* new ones at the top all the time */
} NgwRowKind;

#define NGW_TYPE_ROW_GROWTH (ngw_row_growth_get_type())
G_DECLARE_FINAL_TYPE(NgwRowGrowth, ngw_row_growth, NGW, ROW_GROWTH, GObject)

NgwRowGrowth *ngw_row_growth_new(GListModel *model, NgwRowKind kind);
/* `vertical` says what is seen: its upper is the height of the rows. Both are referenced; `list`, which gets End, may
 * be NULL. */
void ngw_row_growth_follow(NgwRowGrowth *growth, GtkAdjustment *vertical, GtkWidget *list);
/* Begin at the top with few rows again: before much of the model changes at once. */
void ngw_row_growth_restart(NgwRowGrowth *growth);
/* Only a view that is seen grows. */
void ngw_row_growth_set_seen(NgwRowGrowth *growth, gboolean is_seen);
/* All rows from now on, until it is restarted or the top is seen again. */
void ngw_row_growth_show_all(NgwRowGrowth *growth);

G_END_DECLS
#endif
