/* SPDX-License-Identifier: MIT */
/*
 * Offline | Local | Online: linked toggle buttons, icon and text. Shows what is in force, not what was clicked: a click
 * emits "chosen" and the widget goes on showing the old profile as current, the asked one as pending, until told.
 * Arrow keys move between the three. Accessible names are "Firefox: Local, selected".
 *
 * Signal "chosen" (NgwProfile).
 */
#ifndef NGW_PROFILE_SWITCH_H
#define NGW_PROFILE_SWITCH_H

#include <gtk/gtk.h>

#include "window/app.h"

G_BEGIN_DECLS

#define NGW_TYPE_PROFILE_SWITCH (ngw_profile_switch_get_type())
G_DECLARE_FINAL_TYPE(NgwProfileSwitch, ngw_profile_switch, NGW, PROFILE_SWITCH, GtkWidget)

GtkWidget *ngw_profile_switch_new(void);
/* `is_default`: nobody chose; the profile is marked, none is pressed. `pending`: NONE, or what was asked for.
 * `name` is who it is about, for accessible names. */
void ngw_profile_switch_show(NgwProfileSwitch *self, const char *name, NgwProfile profile, gboolean is_default,
			     NgwProfile pending);

G_END_DECLS
#endif
