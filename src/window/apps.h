/* SPDX-License-Identifier: MIT */
/*
 * All applications and undecided running programs, as a GListModel of NgwApp in no particular order. Asks the guard
 * (ListApps, ListRunning, GetActivity) when something changed and, while somebody looks, every few seconds; answers are
 * taken apart in a thread and merged on the main loop. An NgwApp lives on while its application does.
 *
 * Signal "loaded" (): an answer was taken, or asking failed (then ngw_apps_error()).
 */
#ifndef NGW_APPS_H
#define NGW_APPS_H

#include "window/app.h"
#include "window/desktop-entries.h"
#include "window/guard.h"

G_BEGIN_DECLS

#define NGW_TYPE_APPS (ngw_apps_get_type())
G_DECLARE_FINAL_TYPE(NgwApps, ngw_apps, NGW, APPS, GObject)

NgwApps *ngw_apps_new(NgwGuard *guard, NgwDesktopEntries *entries);
void ngw_apps_refresh(NgwApps *apps);
/* Somebody looks: keep what runs up to date. */
void ngw_apps_set_watched(NgwApps *apps, gboolean is_watched);
gboolean ngw_apps_is_loaded(NgwApps *apps);
/* Why the list could not be had; NULL: it could. Borrowed. */
const char *ngw_apps_error(NgwApps *apps);
/* By id, or by path for one nobody decided on. Borrowed; NULL: none. */
NgwApp *ngw_apps_find(NgwApps *apps, const char *key);
/* The application of an executable, decided or not. Borrowed; NULL: none. */
NgwApp *ngw_apps_find_executable(NgwApps *apps, const char *path);

G_END_DECLS
#endif
