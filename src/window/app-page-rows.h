/* SPDX-License-Identifier: MIT */
/*
 * Rows and lists of the application page. A list is brought to a new state without touching the rows that stay, so that
 * neither the keyboard's place nor a click under way is lost: rows never move, new ones come on top or at the end.
 */
#ifndef NGW_APP_PAGE_ROWS_H
#define NGW_APP_PAGE_ROWS_H

#include <adwaita.h>

G_BEGIN_DECLS

/* An empty list with frame; `name` is its accessible name. */
GtkWidget *ngw_page_list_new(const char *name);

/* Row of an item, new or again; `item` begins with its key (char *), which is its identity. */
typedef GtkWidget *(*NgwPageRowNew)(gpointer item, gpointer user_data);
typedef void (*NgwPageRowShow)(GtkWidget *row, gpointer item, gpointer user_data);

typedef struct {
	NgwPageRowNew create;
	NgwPageRowShow show; /* called for new rows too */
	gpointer user_data;
	guint max;                /* rows; items past it are not shown */
	gboolean is_newest_first; /* new ones on top */
} NgwPageListStyle;

/* `items` NULL: none. `note` is the only row when there are no items, NULL: no row then; `more` is the last row. */
void ngw_page_list_sync(GtkWidget *list, GPtrArray *items, const NgwPageListStyle *style, const char *note,
			const char *more);

/* A row with a title, a subtitle and whatever is added: both are plain text, wrapped, the title selectable. */
GtkWidget *ngw_page_row_new(void);
void ngw_page_row_set(GtkWidget *row, const char *title, const char *subtitle);

/* A row that says one thing of the application: what it is, small, and below it the value, which wraps anywhere and can
 * be selected and copied. `icon` may be NULL. */
GtkWidget *ngw_page_fact_new(const char *title, const char *value, const char *icon);

/* A flat or ordinary button for the end of a row; `name` is what a screen reader says. */
GtkWidget *ngw_page_button_new(const char *label, const char *name);
/* An entry with a button at its end, which can be used while something is written; Enter does the same. Calls
 * `given`(user_data). */
GtkWidget *ngw_page_entry_new(const char *title, const char *label, const char *name, GCallback given,
			      gpointer user_data);
void ngw_page_button_name(GtkWidget *button, const char *name);

G_END_DECLS
#endif
