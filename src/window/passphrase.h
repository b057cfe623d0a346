/* SPDX-License-Identifier: MIT */
/*
 * The question for the passphrase of the second lock. The text is wiped when it has been used. Main loop only.
 */
#ifndef NGW_PASSPHRASE_H
#define NGW_PASSPHRASE_H

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define NGW_PASSPHRASE_KEEP_S (15 * 60)

/* `passphrase` is NULL when the person closed the question; borrowed for the call. `keep_seconds`: 0, or for how long
 * the person wants to stay unlocked. */
typedef void (*NgwPassphraseDone)(const char *passphrase, guint keep_seconds, gpointer user_data);

/* `what` is the change in words ("Let Firefox reach the Internet"); `problem` NULL or why it is asked again. `done` is
 * called once, also when the window of `widget` goes away. */
void ngw_passphrase_ask(GtkWidget *widget, const char *what, const char *problem, NgwPassphraseDone done,
			gpointer user_data);

G_END_DECLS
#endif
