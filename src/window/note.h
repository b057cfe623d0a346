/* SPDX-License-Identifier: MIT */
/*
 * A sentence at the top of a dialog, with an icon: what went wrong, or what to know. A toast would be cut off at 360
 * pixels. Main loop only.
 */
#ifndef NGW_NOTE_H
#define NGW_NOTE_H

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* `bar` is an empty GtkInfoBar of a template; `text` NULL hides it. */
void ngw_note_say(GtkInfoBar *bar, GtkMessageType type, const char *text);
/* Why something was not done: nothing is said of a question that the person closed but that it was closed. */
void ngw_note_say_error(GtkInfoBar *bar, const GError *error);

G_END_DECLS
#endif
