/* SPDX-License-Identifier: MIT */
/*
 * What people do, from click to toast: asks the guard, shows the passphrase question when the second lock needs it,
 * says in a toast what came of it ("Firefox is now Local", "2 open connections closed", Undo), or why not. Every widget
 * that changes something goes through here, so that all of them say the same. Main loop only, no power of its own.
 *
 * `widget` is any widget of the window: toasts and questions go there. It may die meanwhile.
 */
#ifndef NGW_CHANGES_H
#define NGW_CHANGES_H

#include <gtk/gtk.h>

#include "window/app.h"
#include "window/guard.h"

G_BEGIN_DECLS

/* How long a decision holds. */
typedef enum {
	NGW_FOR_EVER,
	NGW_FOR_15_MINUTES,
	NGW_FOR_1_HOUR,
	NGW_UNTIL_QUIT,
	NGW_UNTIL_RESTART,
} NgwDuration;
NgwDuration ngw_duration_from_word(const char *word); /* "ever", "15m", "1h", "quit", "restart" */
const char *ngw_duration_text(NgwDuration duration);  /* _("for 15 minutes") */

/* The end of a change: `error` is NULL or why nothing changed (already told in a toast). */
typedef void (*NgwChangeDone)(const GError *error, gpointer user_data);

/* Set `app`'s profile; ngw_app_pending() says so meanwhile. With a toast and Undo. Without a `reason` (NULL) there is
 * none: the one before was for the decision before. */
void ngw_change_profile(GtkWidget *widget, NgwApp *app, NgwProfile profile, NgwDuration duration, const char *reason);
/* Several at once; one toast, one Undo. `apps` are NgwApp. */
void ngw_change_profiles(GtkWidget *widget, GPtrArray *apps, NgwProfile profile, NgwDuration duration);
/* A program that has no line yet, by its path; `name` may be NULL. */
void ngw_change_new(GtkWidget *widget, const char *executable, const char *name, NgwProfile profile);
/* Other fields; NULL leaves as it is. `allow` replaces the list. */
void ngw_change_details(GtkWidget *widget, NgwApp *app, const char *reason, const char *const *allow,
			const char *children, NgwChangeDone done, gpointer user_data);
/* Take back what the toast with that number said (action win.undo). */
void ngw_change_undo(GtkWidget *widget, guint64 number);
void ngw_change_forget(GtkWidget *widget, NgwApp *app);
void ngw_change_approve(GtkWidget *widget, NgwApp *app);
void ngw_change_pause(GtkWidget *widget, guint seconds);
void ngw_change_resume(GtkWidget *widget);
void ngw_change_panic(GtkWidget *widget);

/* Any method that may need the passphrase: `parameters` is the tuple, whose child `options_index` is the a{sv} that
 * takes `passphrase` (-1: none). `origin` = "window" is added to it. The reply is borrowed; NULL with an error, which
 * has NOT been told. */
typedef void (*NgwChangeReply)(GVariant *reply, const GError *error, gpointer user_data);
void ngw_change_call(GtkWidget *widget, const char *method, GVariant *parameters, int options_index,
		     const char *reply_type, NgwChangeReply callback, gpointer user_data);
/* The same; `what` is the change in words, for the question. */
void ngw_change_call_about(GtkWidget *widget, const char *what, const char *method, GVariant *parameters,
			   int options_index, const char *reply_type, NgwChangeReply callback, gpointer user_data);

/* What to say instead of "is now" when the answer says that the decision is not in force; NULL: it is. Owned by the
 * caller. */
char *ngw_change_not_in_force(GVariant *result);

/* A toast in the window that `widget` is in; with a button if `label` is not NULL, which runs `action`
 * (a detailed action name). */
void ngw_toast(GtkWidget *widget, const char *text, const char *label, const char *detailed_action);
/* Say why something did not work, in words for the situation. */
void ngw_toast_error(GtkWidget *widget, const char *what, const GError *error);

G_END_DECLS
#endif
