/* SPDX-License-Identifier: MIT */
/*
 * Activity: attempts grouped by application, destination and reason, the chart, filters, and what can be done about
 * each.
 */
#ifndef NGW_ACTIVITY_PAGE_H
#define NGW_ACTIVITY_PAGE_H

#include "window/window.h"

G_BEGIN_DECLS

#define NGW_TYPE_ACTIVITY_PAGE (ngw_activity_page_get_type())
G_DECLARE_FINAL_TYPE(NgwActivityPage, ngw_activity_page, NGW, ACTIVITY_PAGE, GtkWidget)

GtkWidget *ngw_activity_page_new(NgwWindow *window);

G_END_DECLS
#endif
