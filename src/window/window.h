/* SPDX-License-Identifier: MIT */
/*
 * The window: header, strip, the views Apps, Activity, Log and Run, and the page of one application over them. Wiring
 * only; what a view shows is in its own file.
 */
#ifndef NGW_WINDOW_H
#define NGW_WINDOW_H

#include <adwaita.h>

#include "window/application.h"

G_BEGIN_DECLS

#define NGW_TYPE_WINDOW (ngw_window_get_type())
G_DECLARE_FINAL_TYPE(NgwWindow, ngw_window, NGW, WINDOW, AdwApplicationWindow)

NgwWindow *ngw_window_new(NgwApplication *application);

/* The window a widget is in; NULL if it is in none. */
NgwWindow *ngw_window_of(GtkWidget *widget);
/* The parts, borrowed. */
NgwGuard *ngw_window_guard(NgwWindow *window);
NgwApps *ngw_window_apps(NgwWindow *window);
NgwDesktopEntries *ngw_window_entries(NgwWindow *window);

void ngw_window_add_toast(NgwWindow *window, AdwToast *toast); /* takes it */
/* Go to the page of one application (by ngw_app_key()), or back to the views. */
void ngw_window_show_app(NgwWindow *window, const char *key);
/* Nothing runs on its page Run. Otherwise asks the person, and after a yes closes the window or quits the program. */
gboolean ngw_window_may_end(NgwWindow *window, gboolean quits);
void ngw_window_show_view(NgwWindow *window, const char *name); /* "apps", "activity", "log", "run" */

G_END_DECLS
#endif
