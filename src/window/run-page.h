/* SPDX-License-Identifier: MIT */
/*
 * The page Run: one command confined by `netguard run`, which needs no service: what it attempts, what it prints, how
 * it ended, and what to allow the next time. It says of the confinement what the launcher's start record says and no
 * more. Main loop only.
 */
#ifndef NGW_RUN_PAGE_H
#define NGW_RUN_PAGE_H

#include "window/window.h"

G_BEGIN_DECLS

#define NGW_TYPE_RUN_PAGE (ngw_run_page_get_type())
G_DECLARE_FINAL_TYPE(NgwRunPage, ngw_run_page, NGW, RUN_PAGE, GtkWidget)

GtkWidget *ngw_run_page_new(NgwWindow *window);
/* Does a command run? It ends with the page. */
gboolean ngw_run_page_is_running(NgwRunPage *page);

G_END_DECLS
#endif
