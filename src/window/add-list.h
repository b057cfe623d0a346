/* SPDX-License-Identifier: MIT */
/*
 * A list of programs to choose one of, with search: for the add dialog. Only the rows that are seen exist, so that
 * thousands of programs cost no more than a screenful. Main loop only.
 *
 * Signals: "chosen" () the selection is another; "activated" () Enter or a double click on it.
 */
#ifndef NGW_ADD_LIST_H
#define NGW_ADD_LIST_H

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define NGW_TYPE_ADD_ITEM (ngw_add_item_get_type())
G_DECLARE_FINAL_TYPE(NgwAddItem, ngw_add_item, NGW, ADD_ITEM, GObject)

/* `note` is what is true of it already ("Offline"); may be NULL. `search` is casefolded. Copies all. */
NgwAddItem *ngw_add_item_new(const char *name, const char *path, GIcon *icon, const char *search, const char *note);
const char *ngw_add_item_name(NgwAddItem *item);
const char *ngw_add_item_path(NgwAddItem *item);

#define NGW_TYPE_ADD_LIST (ngw_add_list_get_type())
G_DECLARE_FINAL_TYPE(NgwAddList, ngw_add_list, NGW, ADD_LIST, GtkWidget)

/* `items` are NgwAddItem, in their order; the one selected stays so if its path is there again. */
void ngw_add_list_set_items(NgwAddList *list, GPtrArray *items);
/* What is shown when there is nothing at all: a title and a sentence. `name` is the list's accessible name. */
void ngw_add_list_set_texts(NgwAddList *list, const char *name, const char *title, const char *sentence);
void ngw_add_list_search(NgwAddList *list, const char *text);
/* Borrowed; NULL: none. */
NgwAddItem *ngw_add_list_selected(NgwAddList *list);

G_END_DECLS
#endif
