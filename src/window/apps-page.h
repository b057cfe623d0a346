/* SPDX-License-Identifier: MIT */
/*
 * Apps, the home: all applications in sections, search, filters, several chosen at once, and the empty pages. One click
 * on Offline | Local | Online applies.
 */
#ifndef NGW_APPS_PAGE_H
#define NGW_APPS_PAGE_H

#include "window/window.h"

G_BEGIN_DECLS

#define NGW_TYPE_APPS_PAGE (ngw_apps_page_get_type())
G_DECLARE_FINAL_TYPE(NgwAppsPage, ngw_apps_page, NGW, APPS_PAGE, GtkWidget)

GtkWidget *ngw_apps_page_new(NgwWindow *window);
/* Show or hide the search entry; typing in the window searches too. */
void ngw_apps_page_toggle_search(NgwAppsPage *page);
void ngw_apps_page_set_selecting(NgwAppsPage *page, gboolean is_selecting);
gboolean ngw_apps_page_is_selecting(NgwAppsPage *page);

G_END_DECLS
#endif
