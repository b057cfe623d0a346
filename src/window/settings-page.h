/* SPDX-License-Identifier: MIT */
/*
 * Preferences, the guard's page: default for unknown programs, what they may reach besides, how long history is kept,
 * the second lock, what the person may do. Shows what is in force: a switch moves when the guard said yes. What the
 * administrator's file fixes is shown and cannot be changed.
 */
#ifndef NGW_SETTINGS_PAGE_H
#define NGW_SETTINGS_PAGE_H

#include <adwaita.h>

#include "window/guard.h"

G_BEGIN_DECLS

#define NGW_TYPE_SETTINGS_PAGE (ngw_settings_page_get_type())
G_DECLARE_FINAL_TYPE(NgwSettingsPage, ngw_settings_page, NGW, SETTINGS_PAGE, AdwPreferencesPage)

/* Once, before it is shown. */
void ngw_settings_page_follow(NgwSettingsPage *page, NgwGuard *guard);

G_END_DECLS
#endif
