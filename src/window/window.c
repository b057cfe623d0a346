/* SPDX-License-Identifier: MIT */
/* The window: wiring of header, strip, views and the page of one application. See window.h. */
#include "window/window.h"

#include <glib/gi18n.h>

#include "window/activity-page.h"
#include "window/add-dialog.h"
#include "window/app-page.h"
#include "window/apps-page.h"
#include "window/changes.h"
#include "window/check-dialog.h"
#include "window/choices.h"
#include "window/log-page.h"
#include "window/preferences.h"
#include "window/run-page.h"
#include "window/strip.h"
#include "window/welcome.h"

struct _NgwWindow {
	AdwApplicationWindow parent;
	AdwToastOverlay *toasts;
	AdwLeaflet *leaflet;
	GtkBox *main;
	AdwViewStack *views;
	AdwViewSwitcherTitle *switcher_title;
	GtkWidget *state, *state_icon, *state_label, *select, *search, *menu, *switcher_bar;
	NgwAppsPage *apps_page;
	NgwAppPage *app_page;
	NgwRunPage *run_page;
	AdwToast *undo_toast; /* weak */
	guint folding;
	NgwApplication *application; /* borrowed: it outlives its windows */
};

G_DEFINE_FINAL_TYPE(NgwWindow, ngw_window, ADW_TYPE_APPLICATION_WINDOW)

NgwWindow *ngw_window_of(GtkWidget *widget)
{
	GtkRoot *root = gtk_widget_get_root(widget);

	/* Dialogs belong to a window by being transient for it. */
	while (root && GTK_IS_WINDOW(root) && !NGW_IS_WINDOW(root))
		root = (GtkRoot *)gtk_window_get_transient_for(GTK_WINDOW(root));
	return root && NGW_IS_WINDOW(root) ? NGW_WINDOW(root) : NULL;
}

NgwGuard *ngw_window_guard(NgwWindow *self)
{
	return ngw_application_guard(self->application);
}

NgwApps *ngw_window_apps(NgwWindow *self)
{
	return ngw_application_apps(self->application);
}

NgwDesktopEntries *ngw_window_entries(NgwWindow *self)
{
	return ngw_application_entries(self->application);
}

void ngw_window_add_toast(NgwWindow *self, AdwToast *toast)
{
	/* Toasts wait for each other: what can be undone on the screen is the last thing that was done. */
	if (adw_toast_get_button_label(toast)) {
		if (self->undo_toast)
			adw_toast_dismiss(self->undo_toast);
		g_set_weak_pointer(&self->undo_toast, toast);
	}
	adw_toast_overlay_add_toast(self->toasts, toast);
}

void ngw_window_show_app(NgwWindow *self, const char *key)
{
	if (key)
		ngw_app_page_show(self->app_page, key);
	adw_leaflet_set_visible_child_name(self->leaflet, key ? "app" : "views");
}

void ngw_window_show_view(NgwWindow *self, const char *name)
{
	ngw_window_show_app(self, NULL);
	adw_view_stack_set_visible_child_name(self->views, name);
}

/* --- what is shown --- */

static gboolean is_mode(NgwGuard *guard, const char *state)
{
	return g_str_equal(ngw_dict_string(ngw_guard_status(guard), "state", ""), state);
}

static void window_update(NgwWindow *self)
{
	NgwGuard *guard = ngw_window_guard(self);
	const gboolean is_ready = ngw_guard_is_ready(guard) && !ngw_guard_is_read_only(guard);
	const gboolean is_held = is_mode(guard, "paused") || is_mode(guard, "panic");
	g_autofree char *state = ngw_state_text(guard);
	g_autofree char *name = g_strdup_printf(_("State: %s. Show what is enforced"), state);

	gtk_label_set_text(GTK_LABEL(self->state_label), state);
	gtk_image_set_from_icon_name(GTK_IMAGE(self->state_icon), ngw_state_icon(guard));
	adw_view_switcher_title_set_subtitle(self->switcher_title, state);
	gtk_widget_set_tooltip_text(self->state, ngw_dict_string(ngw_guard_status(guard), "summary", state));
	gtk_accessible_update_property(GTK_ACCESSIBLE(self->state), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
	gtk_widget_action_set_enabled(GTK_WIDGET(self), "win.pause", is_ready && !is_held);
	gtk_widget_action_set_enabled(GTK_WIDGET(self), "win.panic", is_ready && !is_mode(guard, "panic"));
	gtk_widget_action_set_enabled(GTK_WIDGET(self), "win.resume", is_ready && is_held);
	gtk_widget_action_set_enabled(GTK_WIDGET(self), "win.add", is_ready);
}

/* Narrow: the header has no room for the state in words, the title's second line has; what the menu has too goes. */
static void window_fit_header(NgwWindow *self)
{
	const gboolean is_apps = g_strcmp0(adw_view_stack_get_visible_child_name(self->views), "apps") == 0;
	const gboolean is_narrow = adw_view_switcher_title_get_title_visible(self->switcher_title);

	/* Shown, not slid in: on its way in GTK 4.8 gives what is in it a height of -1 and complains. */
	gtk_widget_set_visible(self->switcher_bar, is_narrow);
	gtk_widget_set_visible(self->state_label, !is_narrow);
	gtk_widget_set_visible(self->select, is_apps && !is_narrow);
	gtk_widget_set_visible(self->search, is_apps);
}

static void window_view_changed(NgwWindow *self)
{
	const gboolean is_apps = g_strcmp0(adw_view_stack_get_visible_child_name(self->views), "apps") == 0;

	window_fit_header(self);
	if (!is_apps && ngw_apps_page_is_selecting(self->apps_page))
		gtk_widget_activate_action(GTK_WIDGET(self), "win.select", NULL);
}

static gboolean window_fold(gpointer data)
{
	NgwWindow *self = data;

	self->folding = 0;
	window_fit_header(self);
	return G_SOURCE_REMOVE;
}

/* The title tells while it is given its place, when nothing may change size: after that. */
static void window_title_changed(NgwWindow *self)
{
	if (self->folding == 0)
		self->folding = g_idle_add(window_fold, self);
}

static void window_leaflet_moved(NgwWindow *self)
{
	if (!adw_leaflet_get_child_transition_running(self->leaflet) &&
	    g_strcmp0(adw_leaflet_get_visible_child_name(self->leaflet), "views") == 0)
		ngw_app_page_show(self->app_page, NULL);
}

/* --- actions --- */

static void do_pause(GtkWidget *widget, const char *action, GVariant *parameter)
{
	ngw_change_pause(widget, g_variant_get_uint32(parameter));
}

static void do_resume(GtkWidget *widget, const char *action, GVariant *parameter)
{
	ngw_change_resume(widget);
}

static void do_panic(GtkWidget *widget, const char *action, GVariant *parameter)
{
	ngw_change_panic(widget);
}

static void do_undo(GtkWidget *widget, const char *action, GVariant *parameter)
{
	ngw_change_undo(widget, g_variant_get_uint64(parameter));
}

static void do_back(GtkWidget *widget, const char *action, GVariant *parameter)
{
	ngw_window_show_app(NGW_WINDOW(widget), NULL);
}

static void do_view(GtkWidget *widget, const char *action, GVariant *parameter)
{
	NgwWindow *self = NGW_WINDOW(widget);
	const char *name = g_variant_get_string(parameter, NULL);

	ngw_window_show_view(self, name);
	if (g_str_equal(name, "run")) /* to type a command at once */
		gtk_widget_grab_focus(adw_view_stack_get_visible_child(self->views));
}

static void do_retry(GtkWidget *widget, const char *action, GVariant *parameter)
{
	NgwWindow *self = NGW_WINDOW(widget);

	ngw_guard_retry(ngw_window_guard(self));
	ngw_apps_refresh(ngw_window_apps(self));
}

static void do_search(GtkWidget *widget, const char *action, GVariant *parameter)
{
	NgwWindow *self = NGW_WINDOW(widget);

	ngw_window_show_view(self, "apps");
	ngw_apps_page_toggle_search(self->apps_page);
}

static void do_add(GtkWidget *widget, const char *action, GVariant *parameter)
{
	ngw_add_dialog_present(NGW_WINDOW(widget));
}

static void do_check(GtkWidget *widget, const char *action, GVariant *parameter)
{
	ngw_check_dialog_present(NGW_WINDOW(widget));
}

static void do_welcome(GtkWidget *widget, const char *action, GVariant *parameter)
{
	ngw_welcome_present(NGW_WINDOW(widget));
}

static void do_preferences(GtkWidget *widget, const char *action, GVariant *parameter)
{
	ngw_preferences_present(NGW_WINDOW(widget));
}

static void select_changed(GSimpleAction *action, GVariant *value, gpointer data)
{
	NgwWindow *self = data;

	g_simple_action_set_state(action, value);
	ngw_apps_page_set_selecting(self->apps_page, g_variant_get_boolean(value));
}

static void service_started(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(NgwWindow) self = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);

	if (reply) {
		ngw_guard_retry(ngw_window_guard(self));
		return;
	}
	g_dbus_error_strip_remote_error(error);
	ngw_toast_error(GTK_WIDGET(self), _("The service could not be started"), error);
}

static void service_bus(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(NgwWindow) self = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GDBusConnection) bus = g_bus_get_finish(result, &error);

	if (!bus) {
		ngw_toast_error(GTK_WIDGET(self), _("The service could not be started"), error);
		return;
	}
	g_dbus_connection_call(bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
			       "org.freedesktop.systemd1.Manager", "StartUnit",
			       g_variant_new("(ss)", "netguardd.service", "replace"), G_VARIANT_TYPE("(o)"),
			       G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION, NG_CLIENT_ASK_TIMEOUT_MS, NULL,
			       service_started, g_object_ref(self));
}

/* systemd starts it, and asks who may with polkit. Without systemd a person does, as root. */
static void do_start_service(GtkWidget *widget, const char *action, GVariant *parameter)
{
	ngw_guard_retry(ngw_window_guard(NGW_WINDOW(widget)));
	if (g_file_test("/run/systemd/system", G_FILE_TEST_IS_DIR))
		g_bus_get(G_BUS_TYPE_SYSTEM, NULL, service_bus, g_object_ref(widget));
	else
		ngw_toast(widget, _("Start it as root in a terminal: netguardd"), NULL, NULL);
}

/* --- the end --- */

static gboolean end_quit(gpointer data)
{
	g_application_quit(G_APPLICATION(NGW_WINDOW(data)->application));
	return G_SOURCE_REMOVE;
}

static gboolean end_close(gpointer data)
{
	gtk_window_destroy(GTK_WINDOW(data));
	return G_SOURCE_REMOVE;
}

/* Not at once: in libadwaita 1.2 the question still asks its parent after it was answered. */
static void end_answered(NgwWindow *self, const char *response)
{
	if (!g_str_equal(response, "cancel"))
		g_idle_add_full(G_PRIORITY_DEFAULT_IDLE, g_str_equal(response, "quit") ? end_quit : end_close,
				g_object_ref(self), g_object_unref);
}

gboolean ngw_window_may_end(NgwWindow *self, gboolean quits)
{
	AdwMessageDialog *question;
	const char *yes = quits ? "quit" : "close";

	if (!ngw_run_page_is_running(self->run_page))
		return TRUE;
	question =
		ADW_MESSAGE_DIALOG(adw_message_dialog_new(GTK_WINDOW(self), _("End the Command?"),
							  _("A command still runs on the page Run. It and all that it "
							    "started ends with this window.")));
	adw_message_dialog_add_responses(question, "cancel", _("_Cancel"), yes, _("_End It"), NULL);
	adw_message_dialog_set_response_appearance(question, yes, ADW_RESPONSE_DESTRUCTIVE);
	adw_message_dialog_set_default_response(question, "cancel");
	adw_message_dialog_set_close_response(question, "cancel");
	g_signal_connect_object(question, "response", G_CALLBACK(end_answered), self, G_CONNECT_SWAPPED);
	gtk_window_present(GTK_WINDOW(question));
	return FALSE;
}

static gboolean ngw_window_close_request(GtkWindow *window)
{
	return !ngw_window_may_end(NGW_WINDOW(window), FALSE) ||
	       GTK_WINDOW_CLASS(ngw_window_parent_class)->close_request(window);
}

/* --- life --- */

static void ngw_window_dispose(GObject *object)
{
	g_clear_handle_id(&NGW_WINDOW(object)->folding, g_source_remove);
	g_clear_weak_pointer(&NGW_WINDOW(object)->undo_toast);
	G_OBJECT_CLASS(ngw_window_parent_class)->dispose(object);
}

static void ngw_window_class_init(NgwWindowClass *class)
{
	GtkWidgetClass *widget = GTK_WIDGET_CLASS(class);

	G_OBJECT_CLASS(class)->dispose = ngw_window_dispose;
	GTK_WINDOW_CLASS(class)->close_request = ngw_window_close_request;
	gtk_widget_class_set_template_from_resource(widget, NGW_RESOURCES "/ui/window.ui");
	gtk_widget_class_bind_template_child(widget, NgwWindow, toasts);
	gtk_widget_class_bind_template_child(widget, NgwWindow, leaflet);
	gtk_widget_class_bind_template_child(widget, NgwWindow, main);
	gtk_widget_class_bind_template_child(widget, NgwWindow, views);
	gtk_widget_class_bind_template_child(widget, NgwWindow, switcher_title);
	gtk_widget_class_bind_template_child(widget, NgwWindow, state);
	gtk_widget_class_bind_template_child(widget, NgwWindow, state_icon);
	gtk_widget_class_bind_template_child(widget, NgwWindow, state_label);
	gtk_widget_class_bind_template_child(widget, NgwWindow, select);
	gtk_widget_class_bind_template_child(widget, NgwWindow, search);
	gtk_widget_class_bind_template_child(widget, NgwWindow, menu);
	gtk_widget_class_bind_template_child(widget, NgwWindow, switcher_bar);
	gtk_widget_class_install_action(widget, "win.pause", "u", do_pause);
	gtk_widget_class_install_action(widget, "win.resume", NULL, do_resume);
	gtk_widget_class_install_action(widget, "win.panic", NULL, do_panic);
	gtk_widget_class_install_action(widget, "win.undo", "t", do_undo);
	gtk_widget_class_install_action(widget, "win.back", NULL, do_back);
	gtk_widget_class_install_action(widget, "win.view", "s", do_view);
	gtk_widget_class_install_action(widget, "win.retry", NULL, do_retry);
	gtk_widget_class_install_action(widget, "win.search", NULL, do_search);
	gtk_widget_class_install_action(widget, "win.add", NULL, do_add);
	gtk_widget_class_install_action(widget, "win.check", NULL, do_check);
	gtk_widget_class_install_action(widget, "win.welcome", NULL, do_welcome);
	gtk_widget_class_install_action(widget, "win.preferences", NULL, do_preferences);
	gtk_widget_class_install_action(widget, "win.start-service", NULL, do_start_service);
}

static void ngw_window_init(NgwWindow *self)
{
	gtk_widget_init_template(GTK_WIDGET(self));
}

static void window_build(NgwWindow *self)
{
	static const GActionEntry entries[] = { { "select", NULL, NULL, "false", select_changed, { 0 } } };
	GtkWidget *strip = ngw_strip_new(ngw_window_guard(self));
	AdwLeafletPage *page;

	gtk_box_insert_child_after(self->main, strip, gtk_widget_get_first_child(GTK_WIDGET(self->main)));
	self->apps_page = NGW_APPS_PAGE(ngw_apps_page_new(self));
	adw_view_stack_add_titled_with_icon(self->views, GTK_WIDGET(self->apps_page), "apps", _("Apps"),
					    "view-app-grid-symbolic");
	adw_view_stack_add_titled_with_icon(self->views, ngw_activity_page_new(self), "activity", _("Activity"),
					    "network-transmit-receive-symbolic");
	adw_view_stack_add_titled_with_icon(self->views, ngw_log_page_new(self), "log", _("Log"),
					    "document-open-recent-symbolic");
	self->run_page = NGW_RUN_PAGE(ngw_run_page_new(self));
	adw_view_stack_add_titled_with_icon(self->views, GTK_WIDGET(self->run_page), "run", _("Run"),
					    "system-run-symbolic");
	self->app_page = NGW_APP_PAGE(ngw_app_page_new(self));
	page = adw_leaflet_append(self->leaflet, GTK_WIDGET(self->app_page));
	adw_leaflet_page_set_name(page, "app");
	g_action_map_add_action_entries(G_ACTION_MAP(self), entries, G_N_ELEMENTS(entries), self);
}

NgwWindow *ngw_window_new(NgwApplication *application)
{
	NgwWindow *self = g_object_new(NGW_TYPE_WINDOW, NULL);
	NgwGuard *guard = ngw_application_guard(application);
	g_autoptr(GtkBuilder) builder = NULL;

	self->application = application;
	gtk_window_set_application(GTK_WINDOW(self), GTK_APPLICATION(application));
	gtk_window_set_icon_name(GTK_WINDOW(self), NGW_APPLICATION_ID);
	builder = gtk_builder_new_from_resource(NGW_RESOURCES "/ui/help-overlay.ui");
	gtk_application_window_set_help_overlay(GTK_APPLICATION_WINDOW(self),
						GTK_SHORTCUTS_WINDOW(gtk_builder_get_object(builder, "help_overlay")));
	window_build(self);
	g_signal_connect_object(guard, "link", G_CALLBACK(window_update), self, G_CONNECT_SWAPPED);
	g_signal_connect_object(guard, "changed", G_CALLBACK(window_update), self, G_CONNECT_SWAPPED);
	g_signal_connect_swapped(self->views, "notify::visible-child", G_CALLBACK(window_view_changed), self);
	g_signal_connect_swapped(self->switcher_title, "notify::title-visible", G_CALLBACK(window_title_changed), self);
	g_signal_connect_swapped(self->leaflet, "notify::child-transition-running", G_CALLBACK(window_leaflet_moved),
				 self);
	window_update(self);
	window_fold(self);
	return self;
}
