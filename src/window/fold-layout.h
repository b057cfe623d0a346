/* SPDX-License-Identifier: MIT */
/*
 * A layout for two children: side by side where there is room, below each other where there is not. The first child
 * grows. Stateless but for its numbers; for rows that must work at 360 pixels and at 4K.
 */
#ifndef NGW_FOLD_LAYOUT_H
#define NGW_FOLD_LAYOUT_H

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define NGW_TYPE_FOLD_LAYOUT (ngw_fold_layout_get_type())
G_DECLARE_FINAL_TYPE(NgwFoldLayout, ngw_fold_layout, NGW, FOLD_LAYOUT, GtkLayoutManager)

/* Narrower than `width` pixels the children are below each other. */
GtkLayoutManager *ngw_fold_layout_new(int width, int spacing);

G_END_DECLS
#endif
