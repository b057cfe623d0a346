/* SPDX-License-Identifier: MIT */
/*
 * What people do, from click to toast: see changes.h.
 *
 * A Change is one call under way: it repeats the call with the passphrase when the guard asks for it (as often as the
 * person tries), and ends with its callback exactly once. It holds its widget weakly: a row may be gone by then, and
 * then the window that was active gets the toast.
 */
#include "window/changes.h"

#include <glib/gi18n.h>
#include <string.h>

#include "window/format.h"
#include "window/passphrase.h"
#include "window/window.h"

#define ORIGIN "window"

typedef struct {
	GWeakRef widget;
	NgwGuard *guard; /* owned */
	char *method;
	GVariant *parameters; /* owned */
	int options_index;
	char *reply_type;
	char *what; /* for the question; may be NULL */
	NgwChangeReply callback;
	gpointer user_data;
	guint keep_seconds;
} Change;

static void change_start(Change *change, const char *passphrase);

static void change_free(Change *change)
{
	g_weak_ref_clear(&change->widget);
	g_object_unref(change->guard);
	g_free(change->method);
	g_variant_unref(change->parameters);
	g_free(change->reply_type);
	g_free(change->what);
	g_free(change);
}

/* --- toasts --- */

/* The window for a widget that may be gone: any window of the program then. */
static NgwWindow *window_for(GtkWidget *widget)
{
	NgwWindow *window = widget ? ngw_window_of(widget) : NULL;
	GApplication *application = g_application_get_default();
	GList *windows;

	if (window || !application)
		return window;
	windows = gtk_application_get_windows(GTK_APPLICATION(application));
	for (; windows; windows = windows->next) {
		if (NGW_IS_WINDOW(windows->data))
			return windows->data;
	}
	return NULL;
}

void ngw_toast(GtkWidget *widget, const char *text, const char *label, const char *detailed_action)
{
	NgwWindow *window = window_for(widget);
	g_autofree char *escaped = g_markup_escape_text(text, -1);
	AdwToast *toast;

	if (!window)
		return;
	toast = adw_toast_new(escaped);
	if (label) {
		adw_toast_set_button_label(toast, label);
		adw_toast_set_detailed_action_name(toast, detailed_action);
		adw_toast_set_timeout(toast, 8);
	}
	ngw_window_add_toast(window, toast);
}

void ngw_toast_error(GtkWidget *widget, const char *what, const GError *error)
{
	g_autofree char *text = NULL;

	if (g_error_matches(error, NG_CLIENT_ERROR, NG_CLIENT_ERROR_CANCELLED))
		text = g_strdup_printf(_("%s: cancelled, nothing was changed"), what);
	else
		text = g_strdup_printf("%s: %s", what, error->message);
	ngw_toast(widget, text, NULL, NULL);
}

char *ngw_change_not_in_force(GVariant *result)
{
	const char *warning = ngw_dict_string(result, "warning", "");
	gboolean is_enforced = TRUE;

	if (!g_variant_lookup(result, "enforced", "b", &is_enforced) || is_enforced)
		return NULL;
	if (!*warning)
		return g_strdup(_("Stored, but not in force"));
	return g_strdup_printf(_("Stored, but not in force: %s"), warning);
}

/* --- one call --- */

static GVariant *with_options(Change *change, const char *passphrase)
{
	const gsize n = g_variant_n_children(change->parameters);
	GVariantBuilder tuple, options;

	if (change->options_index < 0)
		return g_variant_ref(change->parameters);
	g_variant_builder_init(&tuple, G_VARIANT_TYPE_TUPLE);
	for (gsize i = 0; i < n; i++) {
		g_autoptr(GVariant) child = g_variant_get_child_value(change->parameters, i);
		GVariantIter iter;
		GVariant *entry;

		if (i != (gsize)change->options_index) {
			g_variant_builder_add_value(&tuple, child);
			continue;
		}
		g_variant_builder_init(&options, G_VARIANT_TYPE_VARDICT);
		g_variant_iter_init(&iter, child);
		while ((entry = g_variant_iter_next_value(&iter))) {
			g_variant_builder_add_value(&options, entry);
			g_variant_unref(entry);
		}
		g_variant_builder_add(&options, "{sv}", "origin", g_variant_new_string(ORIGIN));
		if (passphrase)
			g_variant_builder_add(&options, "{sv}", "passphrase", g_variant_new_string(passphrase));
		g_variant_builder_add_value(&tuple, g_variant_builder_end(&options));
	}
	return g_variant_ref_sink(g_variant_builder_end(&tuple));
}

static void passphrase_given(const char *passphrase, guint keep_seconds, gpointer data)
{
	Change *change = data;

	if (!passphrase) {
		g_autoptr(GError) error = g_error_new_literal(NG_CLIENT_ERROR, NG_CLIENT_ERROR_CANCELLED,
							      _("The passphrase was not given."));

		change->callback(NULL, error, change->user_data);
		change_free(change);
		return;
	}
	change->keep_seconds = keep_seconds;
	change_start(change, passphrase);
}

static void ask_passphrase(Change *change, const GError *error)
{
	g_autoptr(GtkWidget) widget = g_weak_ref_get(&change->widget);
	NgwWindow *window = window_for(widget);
	const gboolean was_wrong = g_error_matches(error, NG_CLIENT_ERROR, NG_CLIENT_ERROR_WRONG_PASSPHRASE);

	if (!window) {
		change->callback(NULL, error, change->user_data);
		change_free(change);
		return;
	}
	ngw_passphrase_ask(widget ? widget : GTK_WIDGET(window), change->what ? change->what : _("Allow more than now"),
			   was_wrong ? error->message : NULL, passphrase_given, change);
}

static void change_answered(GObject *source, GAsyncResult *result, gpointer data)
{
	Change *change = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) reply = ngw_guard_call_finish(NGW_GUARD(source), result, &error);

	if (g_error_matches(error, NG_CLIENT_ERROR, NG_CLIENT_ERROR_LOCKED) ||
	    g_error_matches(error, NG_CLIENT_ERROR, NG_CLIENT_ERROR_WRONG_PASSPHRASE)) {
		ask_passphrase(change, error);
		return;
	}
	change->callback(reply, error, change->user_data);
	change_free(change);
}

static void change_unlocked(GObject *source, GAsyncResult *result, gpointer data)
{
	Change *change = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) reply = ngw_guard_call_finish(NGW_GUARD(source), result, &error);

	if (reply)
		change_start(change, NULL);
	else if (g_error_matches(error, NG_CLIENT_ERROR, NG_CLIENT_ERROR_WRONG_PASSPHRASE))
		ask_passphrase(change, error);
	else {
		change->callback(NULL, error, change->user_data);
		change_free(change);
	}
}

static void change_start(Change *change, const char *passphrase)
{
	g_autoptr(GVariant) parameters = NULL;

	if (passphrase && change->keep_seconds > 0) {
		const guint seconds = change->keep_seconds;

		change->keep_seconds = 0;
		ngw_guard_call(change->guard, "Unlock", g_variant_new("(su)", passphrase, seconds), "(a{sv})", NULL,
			       change_unlocked, change);
		return;
	}
	parameters = with_options(change, passphrase);
	ngw_guard_call(change->guard, change->method, parameters, change->reply_type, NULL, change_answered, change);
}

void ngw_change_call_about(GtkWidget *widget, const char *what, const char *method, GVariant *parameters,
			   int options_index, const char *reply_type, NgwChangeReply callback, gpointer user_data)
{
	Change *change = g_new0(Change, 1);

	g_weak_ref_init(&change->widget, widget);
	/* The program's: the window may be gone by the second of several calls. */
	change->guard = g_object_ref(ngw_application_guard(NGW_APPLICATION(g_application_get_default())));
	change->method = g_strdup(method);
	change->parameters = g_variant_ref_sink(parameters ? parameters : g_variant_new("()"));
	change->options_index = options_index;
	change->reply_type = g_strdup(reply_type);
	change->what = g_strdup(what);
	change->callback = callback;
	change->user_data = user_data;
	change_start(change, NULL);
}

void ngw_change_call(GtkWidget *widget, const char *method, GVariant *parameters, int options_index,
		     const char *reply_type, NgwChangeReply callback, gpointer user_data)
{
	ngw_change_call_about(widget, NULL, method, parameters, options_index, reply_type, callback, user_data);
}

/* --- calls that only tell --- */

typedef struct {
	GWeakRef widget;
	NgwApp *app; /* owned; may be NULL */
	char *what;  /* "Firefox could not be set to Local" */
	char *said;  /* toast on success; NULL: made of the answer */
	NgwChangeDone done;
	gpointer user_data;
} Told;

static Told *told_new(GtkWidget *widget, NgwApp *app, char *what, char *said)
{
	Told *told = g_new0(Told, 1);

	g_weak_ref_init(&told->widget, widget);
	told->app = app ? g_object_ref(app) : NULL;
	told->what = what;
	told->said = said;
	return told;
}

static void told_free(Told *told)
{
	g_weak_ref_clear(&told->widget);
	g_clear_object(&told->app);
	g_free(told->what);
	g_free(told->said);
	g_free(told);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Told, told_free)

/* What an answer with enforced and warning means for the toast. Owned by the caller. */
static char *text_of_result(const char *said, GVariant *reply)
{
	g_autoptr(GVariant) result =
		reply && g_variant_n_children(reply) > 0 ? g_variant_get_child_value(reply, 0) : NULL;
	const gboolean is_dict = result && g_variant_is_of_type(result, G_VARIANT_TYPE_VARDICT);
	const guint64 closed = is_dict ? ngw_dict_count(result, "closed") : 0;
	const char *warning = is_dict ? ngw_dict_string(result, "warning", "") : "";
	char *otherwise = is_dict ? ngw_change_not_in_force(result) : NULL;

	if (otherwise)
		return otherwise;
	if (*warning)
		return g_strdup_printf("%s · %s", said, warning);
	if (closed > 0) {
		g_autofree char *text = ngw_format_closed(closed);

		return g_strdup_printf("%s · %s", said, text);
	}
	return g_strdup(said);
}

static void told_answered(GVariant *reply, const GError *error, gpointer data)
{
	g_autoptr(Told) told = data;
	g_autoptr(GtkWidget) widget = g_weak_ref_get(&told->widget);
	g_autofree char *text = NULL;

	if (error) {
		ngw_toast_error(widget, told->what, error);
	} else if (told->said) {
		text = text_of_result(told->said, reply);
		ngw_toast(widget, text, NULL, NULL);
	}
	if (told->done)
		told->done(error, told->user_data);
}

void ngw_change_details(GtkWidget *widget, NgwApp *app, const char *reason, const char *const *allow,
			const char *children, NgwChangeDone done, gpointer user_data)
{
	const NgwAppData *data = ngw_app_data(app);
	Told *told = told_new(widget, app, g_strdup_printf(_("%s could not be changed"), data->name),
			      g_strdup_printf(_("%s was changed"), data->name));
	GVariantBuilder options;

	told->done = done;
	told->user_data = user_data;
	g_variant_builder_init(&options, G_VARIANT_TYPE_VARDICT);
	if (reason)
		g_variant_builder_add(&options, "{sv}", "reason", g_variant_new_string(reason));
	if (allow)
		g_variant_builder_add(&options, "{sv}", "allow", g_variant_new_strv(allow, -1));
	if (children)
		g_variant_builder_add(&options, "{sv}", "children", g_variant_new_string(children));
	if (data->until > 0) {
		g_variant_builder_add(&options, "{sv}", "until", g_variant_new_int64(data->until));
		g_variant_builder_add(&options, "{sv}", "then", g_variant_new_string(ngw_profile_word(data->then)));
	} else if (*data->while_word) {
		g_variant_builder_add(&options, "{sv}", "while", g_variant_new_string(data->while_word));
		g_variant_builder_add(&options, "{sv}", "then", g_variant_new_string(ngw_profile_word(data->then)));
	}
	ngw_change_call_about(widget, told->said, "SetProfile",
			      g_variant_new("(ssa{sv})", ngw_app_key(app), ngw_profile_word(data->profile), &options),
			      2, "(a{sv})", told_answered, told);
}

void ngw_change_approve(GtkWidget *widget, NgwApp *app)
{
	const char *name = ngw_app_data(app)->name;
	Told *told = told_new(widget, app, g_strdup_printf(_("%s could not be approved"), name),
			      g_strdup_printf(_("The new version of %s is approved"), name));

	ngw_change_call_about(widget, told->said, "Approve", g_variant_new("(sa{sv})", ngw_app_key(app), NULL), 1,
			      "(a{sv})", told_answered, told);
}

void ngw_change_pause(GtkWidget *widget, guint seconds)
{
	Told *told = told_new(widget, NULL, g_strdup(_("Network Guard could not be paused")),
			      g_strdup(_("Paused: every program can reach the Internet")));

	ngw_change_call_about(widget, _("Let every program reach the Internet for a while"), "Pause",
			      g_variant_new("(ua{sv})", seconds, NULL), 1, "(a{sv})", told_answered, told);
}

void ngw_change_resume(GtkWidget *widget)
{
	Told *told = told_new(widget, NULL, g_strdup(_("The decisions could not be put in force again")),
			      g_strdup(_("The decisions are in force again")));

	ngw_change_call_about(widget, told->said, "Resume", g_variant_new("(a{sv})", NULL), 0, "(a{sv})", told_answered,
			      told);
}

void ngw_change_panic(GtkWidget *widget)
{
	Told *told = told_new(widget, NULL, g_strdup(_("The programs could not be set Offline")),
			      g_strdup(_("Everything is Offline until you resume")));

	ngw_change_call_about(widget, told->said, "Panic", g_variant_new("(a{sv})", NULL), 0, "(a{sv})", told_answered,
			      told);
}
