/* SPDX-License-Identifier: MIT */
/*
 * Notifications of blocked attempts (see notifier.h; how often: notices.h).
 *
 * A button never skips anything: app.allow-hour brings the window up and asks there, because any program of the session
 * can activate it; what is answered goes through ngw_change_profile(), with authorisation and passphrase. It is offered
 * only where it would help: not in a simulation, not where the profile of a program that started this one decides, not
 * for what the administrator fixed, not in panic. In a simulation notices are shown too, but worded "would have been
 * blocked" and with no such button: learning what a profile would do is what a simulation is for.
 */
#include "window/notifier.h"

#include <glib/gi18n.h>
#include <string.h>

#include "window/changes.h"
#include "window/choices.h"
#include "window/notices.h"
#include "window/window.h"

#define MAX_REMEMBERED 256

struct _NgwNotifier {
	GObject parent;
	NgwApplication *application; /* borrowed: it owns us */
	NgwNotices *notices;
	GHashTable *needs; /* key -> NgwProfile: what the button of its last notification allows; NONE: it has none */
	char *allowing;    /* key that waits for the applications to be known, or NULL */
	guint timer;
};

G_DEFINE_FINAL_TYPE(NgwNotifier, ngw_notifier, G_TYPE_OBJECT)

static void notifier_pump(NgwNotifier *self);

static char *notification_id(const char *key)
{
	return g_strconcat("blocked:", key, NULL);
}

/* --- whom it is about --- */

static NgwApp *app_of_attempt(NgwNotifier *self, GVariant *attempt)
{
	NgwApps *apps = ngw_application_apps(self->application);
	const char *id = ngw_dict_string(attempt, "application", "");
	NgwApp *app = *id ? ngw_apps_find(apps, id) : NULL;

	return app ? app : ngw_apps_find_executable(apps, ngw_dict_string(attempt, "executable", ""));
}

/* NULL: it cannot be said of whom it is, so there is no page to open either; the counted faults tell of those. */
static const char *key_of_attempt(GVariant *attempt, NgwApp *app)
{
	const char *id = ngw_dict_string(attempt, "application", "");
	const char *executable = ngw_dict_string(attempt, "executable", "");

	if (app)
		return ngw_app_key(app);
	if (*id)
		return id;
	return *executable ? executable : NULL;
}

static char *name_of(NgwNotifier *self, const char *key)
{
	NgwApp *app = ngw_apps_find(ngw_application_apps(self->application), key);

	if (app)
		return g_strdup(ngw_app_data(app)->name);
	return *key == '/' ? g_path_get_basename(key) : g_strdup(key);
}

static gboolean is_somebody_looking(NgwNotifier *self)
{
	GList *windows = gtk_application_get_windows(GTK_APPLICATION(self->application));

	for (; windows; windows = windows->next) {
		if (gtk_window_is_active(windows->data))
			return TRUE;
	}
	return FALSE;
}

/* --- telling --- */

static gboolean can_allow(const NgwNotice *notice, NgwApp *app)
{
	return !notice->is_simulated && !notice->is_inherited && notice->needs != NGW_PROFILE_NONE &&
	       (app ? !ngw_app_data(app)->is_managed : *notice->key == '/');
}

static void notifier_remember(NgwNotifier *self, const NgwNotice *notice, NgwProfile needs)
{
	if (g_hash_table_size(self->needs) >= MAX_REMEMBERED)
		g_hash_table_remove_all(self->needs);
	g_hash_table_insert(self->needs, g_strdup(notice->key), GINT_TO_POINTER(needs));
}

static void notifier_tell(NgwNotifier *self, const NgwNotice *notice)
{
	NgwApp *app = ngw_apps_find(ngw_application_apps(self->application), notice->key);
	g_autofree char *name = name_of(self, notice->key);
	g_autofree char *decider = name_of(self, *notice->decider ? notice->decider : notice->key);
	g_autofree char *title = ngw_notice_title(notice, name);
	g_autofree char *body = ngw_notice_body(notice, decider);
	g_autofree char *id = notification_id(notice->key);
	g_autoptr(GNotification) notification = g_notification_new(title);

	g_notification_set_body(notification, body);
	g_notification_set_category(notification, "network");
	if (app)
		g_notification_set_icon(notification, ngw_app_data(app)->icon);
	g_notification_set_default_action_and_target(notification, "app.open", "s", notice->key);
	g_notification_add_button_with_target(notification, _("Open"), "app.open", "s", notice->key);
	notifier_remember(self, notice, can_allow(notice, app) ? notice->needs : NGW_PROFILE_NONE);
	if (can_allow(notice, app))
		g_notification_add_button_with_target(notification, _("Allow for an Hour"), "app.allow-hour", "s",
						      notice->key);
	g_application_send_notification(G_APPLICATION(self->application), id, notification);
}

static gboolean notifier_woken(gpointer data)
{
	NgwNotifier *self = data;

	self->timer = 0;
	notifier_pump(self);
	return G_SOURCE_REMOVE;
}

static void notifier_pump(NgwNotifier *self)
{
	const NgwNotice *notice;
	gint64 wait_us = -1;

	g_clear_handle_id(&self->timer, g_source_remove);
	if (!ngw_choices_notify(ngw_choices_get()) || is_somebody_looking(self)) {
		ngw_notices_drop(self->notices, NULL);
		return;
	}
	while ((notice = ngw_notices_next(self->notices, g_get_monotonic_time(), &wait_us)))
		notifier_tell(self, notice);
	if (wait_us >= 0)
		self->timer = g_timeout_add((guint)(wait_us / 1000) + 1, notifier_woken, self);
}

static void notifier_attempts(NgwGuard *guard, GPtrArray *attempts, NgwNotifier *self)
{
	NgwChoices *choices = ngw_choices_get();

	if (!ngw_choices_notify(choices) || is_somebody_looking(self))
		return;
	for (guint i = 0; i < attempts->len; i++) {
		GVariant *attempt = attempts->pdata[i];
		NgwApp *app;
		const char *key;

		if (g_str_equal(ngw_dict_string(attempt, "verdict", "allowed"), "allowed"))
			continue;
		app = app_of_attempt(self, attempt);
		key = key_of_attempt(attempt, app);
		if (key && !ngw_choices_is_muted(choices, key))
			ngw_notices_add(self->notices, key, attempt, g_get_monotonic_time());
	}
	notifier_pump(self);
}

static void choices_changed(NgwNotifier *self)
{
	NgwChoices *choices = ngw_choices_get();
	GHashTableIter iter;
	gpointer key;

	if (!ngw_choices_notify(choices))
		ngw_notices_drop(self->notices, NULL);
	g_hash_table_iter_init(&iter, self->needs);
	while (g_hash_table_iter_next(&iter, &key, NULL)) {
		g_autofree char *id = notification_id(key);

		if (!ngw_choices_is_muted(choices, key))
			continue;
		ngw_notices_drop(self->notices, key);
		g_application_withdraw_notification(G_APPLICATION(self->application), id);
	}
}

/* --- what its buttons do --- */

static NgwWindow *notifier_window(NgwNotifier *self)
{
	GList *windows;

	g_application_activate(G_APPLICATION(self->application));
	windows = gtk_application_get_windows(GTK_APPLICATION(self->application));
	for (; windows; windows = windows->next) {
		if (NGW_IS_WINDOW(windows->data))
			return windows->data;
	}
	return NULL;
}

static void notifier_withdraw(NgwNotifier *self, const char *key)
{
	g_autofree char *id = notification_id(key);

	ngw_notices_drop(self->notices, key);
	g_application_withdraw_notification(G_APPLICATION(self->application), id);
}

static void do_open(GSimpleAction *action, GVariant *parameter, gpointer data)
{
	NgwNotifier *self = data;
	const char *key = g_variant_get_string(parameter, NULL);
	NgwWindow *window = notifier_window(self);

	notifier_withdraw(self, key);
	if (window)
		ngw_window_show_app(window, key);
}

/* A program nobody decided on that does not run any more: it has no line, but a path to decide on. */
static NgwApp *app_of_path(const char *path)
{
	g_autofree char *name = g_path_get_basename(path);
	NgwAppData *data = ngw_app_data_new_program(path, name);

	data->icon = g_themed_icon_new("application-x-executable");
	return ngw_app_new(data);
}

typedef struct {
	NgwApp *app; /* owned */
	NgwProfile profile;
} Asked;

static void asked_free(gpointer data, GClosure *closure)
{
	Asked *asked = data;

	g_object_unref(asked->app);
	g_free(asked);
}

static void allow_answered(GtkWindow *dialog, const char *response, gpointer data)
{
	const Asked *asked = data;

	if (g_str_equal(response, "allow"))
		ngw_change_profile(GTK_WIDGET(gtk_window_get_transient_for(dialog)), asked->app, asked->profile,
				   NGW_FOR_1_HOUR, NULL);
}

static void ask_allow(NgwWindow *window, NgwApp *app, NgwProfile profile)
{
	const NgwAppData *data = ngw_app_data(app);
	g_autofree char *heading = g_strdup_printf(_("Allow %s for an Hour?"), data->name);
	g_autofree char *path = g_utf8_make_valid(data->executable, -1);
	GtkWidget *dialog = adw_message_dialog_new(GTK_WINDOW(window), heading, NULL);
	Asked *asked = g_new(Asked, 1);

	adw_message_dialog_format_body(ADW_MESSAGE_DIALOG(dialog), _("%s will be %s for an hour: it %s.\n%s"),
				       data->name, ngw_profile_title(profile), ngw_profile_effect(profile), path);
	adw_message_dialog_add_responses(ADW_MESSAGE_DIALOG(dialog), "cancel", _("_Cancel"), "allow", _("_Allow"),
					 NULL);
	adw_message_dialog_set_default_response(ADW_MESSAGE_DIALOG(dialog), "cancel");
	adw_message_dialog_set_close_response(ADW_MESSAGE_DIALOG(dialog), "cancel");
	*asked = (Asked){ g_object_ref(app), profile };
	g_signal_connect_data(dialog, "response", G_CALLBACK(allow_answered), asked, asked_free, 0);
	gtk_window_present(GTK_WINDOW(dialog));
}

static void notifier_allow(NgwNotifier *self)
{
	g_autofree char *key = g_steal_pointer(&self->allowing);
	NgwWindow *window = notifier_window(self);
	NgwApp *known = ngw_apps_find(ngw_application_apps(self->application), key);
	g_autoptr(NgwApp) app = known ? g_object_ref(known) : *key == '/' ? app_of_path(key) : NULL;
	const NgwProfile needs = GPOINTER_TO_INT(g_hash_table_lookup(self->needs, key));

	if (!window)
		return;
	if (!app) {
		ngw_toast(GTK_WIDGET(window), _("This application is not decided on any more"), NULL, NULL);
		return;
	}
	ngw_window_show_app(window, key);
	/* Nothing was notified that offered it: its page says what can be done. */
	if (needs != NGW_PROFILE_NONE)
		ask_allow(window, app, needs);
}

static void apps_loaded(NgwNotifier *self)
{
	if (self->allowing && ngw_apps_is_loaded(ngw_application_apps(self->application)))
		notifier_allow(self);
}

/* The program may have been started by this very click: then the applications are not known yet. */
static void do_allow_hour(GSimpleAction *action, GVariant *parameter, gpointer data)
{
	NgwNotifier *self = data;

	g_free(self->allowing);
	self->allowing = g_variant_dup_string(parameter, NULL);
	notifier_withdraw(self, self->allowing);
	notifier_window(self);
	apps_loaded(self);
}

/* --- life --- */

static void ngw_notifier_finalize(GObject *object)
{
	NgwNotifier *self = NGW_NOTIFIER(object);

	g_clear_handle_id(&self->timer, g_source_remove);
	ngw_notices_free(self->notices);
	g_hash_table_unref(self->needs);
	g_free(self->allowing);
	G_OBJECT_CLASS(ngw_notifier_parent_class)->finalize(object);
}

static void ngw_notifier_dispose(GObject *object)
{
	NgwNotifier *self = NGW_NOTIFIER(object);

	if (self->application) {
		g_action_map_remove_action(G_ACTION_MAP(self->application), "open");
		g_action_map_remove_action(G_ACTION_MAP(self->application), "allow-hour");
	}
	self->application = NULL;
	g_clear_handle_id(&self->timer, g_source_remove);
	G_OBJECT_CLASS(ngw_notifier_parent_class)->dispose(object);
}

static void ngw_notifier_class_init(NgwNotifierClass *class)
{
	G_OBJECT_CLASS(class)->dispose = ngw_notifier_dispose;
	G_OBJECT_CLASS(class)->finalize = ngw_notifier_finalize;
}

static void ngw_notifier_init(NgwNotifier *self)
{
	self->notices = ngw_notices_new();
	self->needs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

NgwNotifier *ngw_notifier_new(NgwApplication *application)
{
	static const GActionEntry entries[] = { { "open", do_open, "s", NULL, NULL, { 0 } },
						{ "allow-hour", do_allow_hour, "s", NULL, NULL, { 0 } } };
	NgwNotifier *self = g_object_new(NGW_TYPE_NOTIFIER, NULL);

	self->application = application;
	g_action_map_add_action_entries(G_ACTION_MAP(application), entries, G_N_ELEMENTS(entries), self);
	g_signal_connect_object(ngw_application_guard(application), "attempts", G_CALLBACK(notifier_attempts), self, 0);
	g_signal_connect_object(ngw_application_apps(application), "loaded", G_CALLBACK(apps_loaded), self,
				G_CONNECT_SWAPPED);
	g_signal_connect_object(ngw_choices_get(), "changed", G_CALLBACK(choices_changed), self, G_CONNECT_SWAPPED);
	return self;
}
