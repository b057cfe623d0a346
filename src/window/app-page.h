/* SPDX-License-Identifier: MIT */
/*
 * The page of one application: profile and duration, reason, why it is so, identity, connections, what was blocked,
 * allowed hosts, changes, forget. Has its own header bar with a way back (action win.back). Follows its NgwApp.
 */
#ifndef NGW_APP_PAGE_H
#define NGW_APP_PAGE_H

#include "window/window.h"

G_BEGIN_DECLS

#define NGW_TYPE_APP_PAGE (ngw_app_page_get_type())
G_DECLARE_FINAL_TYPE(NgwAppPage, ngw_app_page, NGW, APP_PAGE, GtkWidget)

GtkWidget *ngw_app_page_new(NgwWindow *window);
/* Show the application with that ngw_app_key(); one that is not there (any more) is said. NULL: nothing, stop asking.
 */
void ngw_app_page_show(NgwAppPage *page, const char *key);

G_END_DECLS
#endif
