/* SPDX-License-Identifier: MIT */
/*
 * Log: the audit chain, newest first; verify; export as JSON or CSV.
 */
#ifndef NGW_LOG_PAGE_H
#define NGW_LOG_PAGE_H

#include "window/window.h"

G_BEGIN_DECLS

#define NGW_TYPE_LOG_PAGE (ngw_log_page_get_type())
G_DECLARE_FINAL_TYPE(NgwLogPage, ngw_log_page, NGW, LOG_PAGE, GtkWidget)

GtkWidget *ngw_log_page_new(NgwWindow *window);

G_END_DECLS
#endif
