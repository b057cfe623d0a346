/* SPDX-License-Identifier: MIT */
/*
 * The program: one instance for each session, its options, its actions (app.*), what outlives a window: the guard, the
 * applications, the .desktop entries, notifications.
 */
#ifndef NGW_APPLICATION_H
#define NGW_APPLICATION_H

#include <adwaita.h>

#include "window/apps.h"
#include "window/desktop-entries.h"
#include "window/guard.h"

G_BEGIN_DECLS

#define NGW_APPLICATION_ID "org.networkguard.Window"
#define NGW_RESOURCES "/org/networkguard/Window"

#define NGW_TYPE_APPLICATION (ngw_application_get_type())
G_DECLARE_FINAL_TYPE(NgwApplication, ngw_application, NGW, APPLICATION, AdwApplication)

NgwApplication *ngw_application_new(void);
NgwGuard *ngw_application_guard(NgwApplication *application);
NgwApps *ngw_application_apps(NgwApplication *application);
NgwDesktopEntries *ngw_application_entries(NgwApplication *application);

G_END_DECLS
#endif
