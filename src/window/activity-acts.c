/* SPDX-License-Identifier: MIT */
/*
 * What can be done about attempts: see activity-acts.h. An attempt is changed where it was decided: at the application
 * whose rule it was, which may be one that started the program.
 */
#include "window/activity-acts.h"

#include <glib/gi18n.h>

#include "window/changes.h"
#include "window/choices.h"

static NgwActivityShown shown_of; /* of the one class there is */

/* --- names --- */

static NgwApp *app_of(NgwWindow *window, const NgwAttempt *attempt)
{
	NgwApps *apps = ngw_window_apps(window);

	if (*attempt->application)
		return ngw_apps_find(apps, attempt->application);
	return *attempt->executable ? ngw_apps_find_executable(apps, attempt->executable) : NULL;
}

static const NgwDesktopEntry *entry_of(NgwWindow *window, const NgwAttempt *attempt)
{
	return *attempt->executable ? ngw_desktop_entries_find(ngw_window_entries(window), attempt->executable) : NULL;
}

char *ngw_activity_name(NgwWindow *window, const NgwAttempt *attempt)
{
	NgwApp *app = app_of(window, attempt);
	const NgwDesktopEntry *entry = app ? NULL : entry_of(window, attempt);

	if (app)
		return g_strdup(ngw_app_data(app)->name);
	if (*attempt->application) /* forgotten meanwhile */
		return g_strdup(attempt->application);
	return entry ? g_strdup(entry->name) : ngw_attempt_program(attempt);
}

GIcon *ngw_activity_icon(NgwWindow *window, const NgwAttempt *attempt)
{
	NgwApp *app = app_of(window, attempt);
	const NgwDesktopEntry *entry = app ? NULL : entry_of(window, attempt);

	if (app)
		return g_object_ref(ngw_app_data(app)->icon);
	return entry ? g_object_ref(entry->icon) : g_themed_icon_new("application-x-executable");
}

char *ngw_activity_decider_name(NgwWindow *window, const NgwAttempt *attempt)
{
	NgwApp *app;

	if (!*attempt->decider || g_str_equal(attempt->decider, attempt->application))
		return NULL;
	app = ngw_apps_find(ngw_window_apps(window), attempt->decider);
	return g_strdup(app ? ngw_app_data(app)->name : attempt->decider);
}

/* --- whose decision --- */

/* A program that nobody decided on and that does not run now has no line; calls name it by its path. */
static NgwApp *target_new(NgwWindow *window, const NgwAttempt *attempt)
{
	GVariant *settings = ngw_guard_settings(ngw_window_guard(window));
	NgwAppData *data = g_new0(NgwAppData, 1);

	data->id = g_strdup("");
	data->name = ngw_activity_name(window, attempt);
	data->executable = g_strdup(attempt->executable);
	data->icon = ngw_activity_icon(window, attempt);
	data->profile = ngw_profile_from_word(ngw_dict_string(settings, "default-profile", attempt->profile));
	data->while_word = g_strdup("");
	data->reason = g_strdup("");
	data->layer = g_strdup("");
	data->path = g_strdup("");
	data->fingerprint = g_strdup("");
	data->children = g_strdup("");
	return ngw_app_new(data);
}

/* Owned by the caller; NULL: there is none that could be changed. */
static NgwApp *target_of(NgwWindow *window, const NgwAttempt *attempt)
{
	NgwApps *apps = ngw_window_apps(window);
	const char *id = *attempt->decider ? attempt->decider : attempt->application;
	NgwApp *app;

	if (*id) {
		app = ngw_apps_find(apps, id);
		return app ? g_object_ref(app) : NULL;
	}
	if (!g_path_is_absolute(attempt->executable))
		return NULL;
	app = ngw_apps_find_executable(apps, attempt->executable);
	return app ? g_object_ref(app) : target_new(window, attempt);
}

/* --- actions --- */

static void act_profile(GtkWidget *widget, NgwProfile profile, NgwDuration duration)
{
	NgwWindow *window = ngw_window_of(widget);
	g_autoptr(NgwApp) target = window ? target_of(window, shown_of(widget)) : NULL;

	if (target)
		ngw_change_profile(widget, target, profile, duration, NULL);
}

static void act_local(GtkWidget *widget, const char *action, GVariant *parameter)
{
	act_profile(widget, NGW_PROFILE_LOCAL, NGW_FOR_EVER);
}

static void act_online(GtkWidget *widget, const char *action, GVariant *parameter)
{
	act_profile(widget, NGW_PROFILE_ONLINE, NGW_FOR_EVER);
}

/* The least that helps. */
static NgwProfile profile_for_an_hour(const NgwAttempt *attempt)
{
	return ngw_attempt_helps(attempt) & NGW_HELPS_LOCAL ? NGW_PROFILE_LOCAL : NGW_PROFILE_ONLINE;
}

static void act_hour(GtkWidget *widget, const char *action, GVariant *parameter)
{
	act_profile(widget, profile_for_an_hour(shown_of(widget)), NGW_FOR_1_HOUR);
}

static void act_destination(GtkWidget *widget, const char *action, GVariant *parameter)
{
	NgwWindow *window = ngw_window_of(widget);
	const NgwAttempt *attempt = shown_of(widget);
	g_autoptr(NgwApp) target = window ? target_of(window, attempt) : NULL;
	g_autofree char *allowance = ngw_attempt_allowance(attempt);
	g_autoptr(GPtrArray) allow = g_ptr_array_new();
	char **had = target ? ngw_app_data(target)->allow : NULL;

	if (!target || !allowance)
		return;
	for (; had && *had; had++)
		g_ptr_array_add(allow, *had);
	g_ptr_array_add(allow, allowance);
	g_ptr_array_add(allow, NULL);
	ngw_change_details(widget, target, NULL, (const char *const *)allow->pdata, NULL, NULL, NULL);
}

/* Notifications are told of, and muted for, the application whose decision it was. Owned by the caller. */
static char *mute_key(const NgwAttempt *attempt, NgwApp *target)
{
	return g_strdup(target ? ngw_app_key(target) : ngw_attempt_key(attempt));
}

static void act_mute(GtkWidget *widget, const char *action, GVariant *parameter)
{
	NgwWindow *window = ngw_window_of(widget);
	const NgwAttempt *attempt = shown_of(widget);
	g_autoptr(NgwApp) target = window ? target_of(window, attempt) : NULL;
	g_autofree char *key = mute_key(attempt, target);
	const gboolean is_muted = ngw_choices_is_muted(ngw_choices_get(), key);
	g_autofree char *name = target ? g_strdup(ngw_app_data(target)->name) : ngw_activity_name(window, attempt);
	g_autofree char *text = g_strdup_printf(
		is_muted ? _("Notifications of %s are shown again") : _("Notifications of %s are muted"), name);

	ngw_choices_set_muted(ngw_choices_get(), key, !is_muted);
	ngw_toast(widget, text, NULL, NULL);
}

static void act_open(GtkWidget *widget, const char *action, GVariant *parameter)
{
	ngw_window_show_app(ngw_window_of(widget), ngw_attempt_key(shown_of(widget)));
}

static void act_copy(GtkWidget *widget, const char *action, GVariant *parameter)
{
	const NgwAttempt *attempt = shown_of(widget);
	g_autofree char *name = ngw_activity_name(ngw_window_of(widget), attempt);
	g_autofree char *user = ngw_user_name(attempt->uid);
	g_autofree char *details = ngw_attempt_details(attempt, name, user);

	gdk_clipboard_set_text(gtk_widget_get_clipboard(widget), details);
	ngw_toast(widget, _("The details were copied"), NULL, NULL);
}

void ngw_activity_acts_install(GtkWidgetClass *class, NgwActivityShown shown)
{
	shown_of = shown;
	gtk_widget_class_install_action(class, "attempt.open", NULL, act_open);
	gtk_widget_class_install_action(class, "attempt.allow-local", NULL, act_local);
	gtk_widget_class_install_action(class, "attempt.allow-online", NULL, act_online);
	gtk_widget_class_install_action(class, "attempt.allow-hour", NULL, act_hour);
	gtk_widget_class_install_action(class, "attempt.allow-destination", NULL, act_destination);
	gtk_widget_class_install_action(class, "attempt.mute", NULL, act_mute);
	gtk_widget_class_install_action(class, "attempt.copy", NULL, act_copy);
}

void ngw_activity_acts_update(GtkWidget *widget)
{
	NgwWindow *window = ngw_window_of(widget);
	const NgwAttempt *attempt = shown_of(widget);
	g_autoptr(NgwApp) target = window ? target_of(window, attempt) : NULL;
	const gboolean is_open = target && !ngw_app_data(target)->is_managed;
	const NgwHelps helps = is_open ? ngw_attempt_helps(attempt) : 0;

	gtk_widget_action_set_enabled(widget, "attempt.allow-local", (helps & NGW_HELPS_LOCAL) != 0);
	gtk_widget_action_set_enabled(widget, "attempt.allow-online", (helps & NGW_HELPS_ONLINE) != 0);
	gtk_widget_action_set_enabled(widget, "attempt.allow-hour", helps != 0);
	gtk_widget_action_set_enabled(widget, "attempt.allow-destination", (helps & NGW_HELPS_ALLOWANCE) != 0);
	gtk_widget_action_set_enabled(widget, "attempt.open", *ngw_attempt_key(attempt) != '\0');
	gtk_widget_action_set_enabled(widget, "attempt.mute", *ngw_attempt_key(attempt) != '\0');
}

GMenuModel *ngw_activity_acts_menu(GtkWidget *widget)
{
	NgwWindow *window = ngw_window_of(widget);
	const NgwAttempt *attempt = shown_of(widget);
	g_autoptr(NgwApp) target = window ? target_of(window, attempt) : NULL;
	g_autofree char *allowance = ngw_attempt_allowance(attempt);
	g_autofree char *only =
		allowance ? g_strdup_printf(_("Allow Only %s"), allowance) : g_strdup(_("Allow Only This Destination"));
	g_autofree char *muted = mute_key(attempt, target);
	const gboolean is_local = profile_for_an_hour(attempt) == NGW_PROFILE_LOCAL;
	g_autoptr(GMenu) allow = g_menu_new(), rest = g_menu_new();
	g_autoptr(GMenuItem) same = g_menu_item_new(_("Show Only This Application"), NULL);
	GMenu *menu = g_menu_new();

	g_menu_append(allow, _("Allow Local"), "attempt.allow-local");
	g_menu_append(allow, _("Allow Online"), "attempt.allow-online");
	g_menu_append(allow, is_local ? _("Allow Local for an Hour") : _("Allow Online for an Hour"),
		      "attempt.allow-hour");
	g_menu_append(allow, only, "attempt.allow-destination");
	g_menu_append(rest, _("Open Application"), "attempt.open");
	g_menu_item_set_action_and_target(same, "activity.only", "s", ngw_attempt_key(attempt));
	g_menu_append_item(rest, same);
	g_menu_append(rest,
		      ngw_choices_is_muted(ngw_choices_get(), muted) ? _("Unmute Notifications")
								     : _("Mute Notifications"),
		      "attempt.mute");
	g_menu_append(rest, _("Copy Details"), "attempt.copy");
	/* Whose profile it is that would change. */
	g_menu_append_section(menu, target ? ngw_app_data(target)->name : NULL, G_MENU_MODEL(allow));
	g_menu_append_section(menu, NULL, G_MENU_MODEL(rest));
	return G_MENU_MODEL(menu);
}
