/* SPDX-License-Identifier: MIT */
/*
 * The person's own choices about the window, in $XDG_CONFIG_HOME/netguard/window.conf (a key file, written atomically,
 * in a thread): nothing here changes what is enforced. A damaged file is as none, said once, and kept beside the new
 * one as window.conf.damaged. Main loop only, no power but the person's own.
 *
 * "Background" is also the file autostart/org.networkguard.Window.desktop of the same folder; a desktop's own tools may
 * remove that, and then the choice is off.
 *
 * Signal "changed" ().
 */
#ifndef NGW_CHOICES_H
#define NGW_CHOICES_H

#include <gio/gio.h>

G_BEGIN_DECLS

#define NGW_CHOICES_MAX_MUTED 1000
#define NGW_CHOICES_MAX_COMMANDS 10

#define NGW_TYPE_CHOICES (ngw_choices_get_type())
G_DECLARE_FINAL_TYPE(NgwChoices, ngw_choices, NGW, CHOICES, GObject)

NgwChoices *ngw_choices_get(void); /* the one of this process; borrowed */
/* Another one, of that configuration folder: for tests. */
NgwChoices *ngw_choices_new(const char *config_dir);
/* Wait until everything is in the file: at the end of the program. */
void ngw_choices_flush(NgwChoices *choices);
/* What could not be read or written, for people; NULL: nothing. Borrowed. */
const char *ngw_choices_problem(NgwChoices *choices);

gboolean ngw_choices_welcomed(NgwChoices *choices); /* first start has been gone through or skipped */
void ngw_choices_set_welcomed(NgwChoices *choices, gboolean welcomed);
gboolean ngw_choices_notify(NgwChoices *choices); /* tell of blocked attempts; default TRUE */
void ngw_choices_set_notify(NgwChoices *choices, gboolean notify);
gboolean ngw_choices_background(NgwChoices *choices); /* start with the session, stay when the window is closed */
/* Stays as it was, with ngw_choices_problem(), if the autostart file cannot be written or removed. */
void ngw_choices_set_background(NgwChoices *choices, gboolean background);
gboolean ngw_choices_is_muted(NgwChoices *choices, const char *app_key);
/* Past NGW_CHOICES_MAX_MUTED the one muted longest ago is heard again. */
void ngw_choices_set_muted(NgwChoices *choices, const char *app_key, gboolean is_muted);
/* Command lines of the page Run, the newest first; ends with NULL. Borrowed until the next change. */
const char *const *ngw_choices_commands(NgwChoices *choices);
/* To the front, once; past NGW_CHOICES_MAX_COMMANDS the oldest is forgotten. NULL: forget all. */
void ngw_choices_add_command(NgwChoices *choices, const char *command);
/* "default", "light", "dark" */
const char *ngw_choices_scheme(NgwChoices *choices);
void ngw_choices_set_scheme(NgwChoices *choices, const char *scheme);

G_END_DECLS
#endif
