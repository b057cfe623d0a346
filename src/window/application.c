/* SPDX-License-Identifier: MIT */
/* The program: see application.h. */
#include "window/application.h"

#include <glib-unix.h>
#include <glib/gi18n.h>

#include "window/choices.h"
#include "window/notifier.h"
#include "window/welcome.h"
#include "window/window.h"

struct _NgwApplication {
	AdwApplication parent;
	NgwGuard *guard;
	NgwApps *apps;
	NgwDesktopEntries *entries;
	NgwNotifier *notifier;
	char *runtime_dir; /* --runtime; NULL: search */
	gboolean in_background, is_held;
	guint sources[2];
};

G_DEFINE_FINAL_TYPE(NgwApplication, ngw_application, ADW_TYPE_APPLICATION)

NgwGuard *ngw_application_guard(NgwApplication *self)
{
	return self->guard;
}

NgwApps *ngw_application_apps(NgwApplication *self)
{
	return self->apps;
}

NgwDesktopEntries *ngw_application_entries(NgwApplication *self)
{
	return self->entries;
}

/* --- actions --- */

static void do_quit(GSimpleAction *action, GVariant *parameter, gpointer data)
{
	GList *windows = gtk_application_get_windows(GTK_APPLICATION(data));

	while (windows && !NGW_IS_WINDOW(windows->data))
		windows = windows->next;
	if (!windows || ngw_window_may_end(windows->data, TRUE))
		g_application_quit(G_APPLICATION(data));
}

static void do_about(GSimpleAction *action, GVariant *parameter, gpointer data)
{
	static const char *const developers[] = { "The Network Guard project", NULL };

	adw_show_about_window(gtk_application_get_active_window(GTK_APPLICATION(data)), "application-name",
			      _("Network Guard"), "application-icon", NGW_APPLICATION_ID, "version", NG_VERSION,
			      "developer-name", "The Network Guard project", "developers", developers, "license-type",
			      GTK_LICENSE_MIT_X11, "comments",
			      _("Decide for every program whether it may use the network."), NULL);
}

/* --- one window --- */

static gboolean is_welcome_due(NgwApplication *self)
{
	return !ngw_choices_welcomed(ngw_choices_get());
}

static void application_show(NgwApplication *self)
{
	GtkWindow *window = gtk_application_get_active_window(GTK_APPLICATION(self));
	GList *windows = gtk_application_get_windows(GTK_APPLICATION(self));

	for (; windows && !(window && NGW_IS_WINDOW(window)); windows = windows->next)
		window = windows->data;
	if (!window) {
		window = GTK_WINDOW(ngw_window_new(self));
		gtk_window_present(window);
		if (is_welcome_due(self))
			ngw_welcome_present(NGW_WINDOW(window));
		return;
	}
	gtk_window_present(window);
}

static void scheme_apply(void)
{
	const char *scheme = ngw_choices_scheme(ngw_choices_get());
	const AdwColorScheme value = g_str_equal(scheme, "dark")    ? ADW_COLOR_SCHEME_FORCE_DARK
				     : g_str_equal(scheme, "light") ? ADW_COLOR_SCHEME_FORCE_LIGHT
								    : ADW_COLOR_SCHEME_DEFAULT;

	adw_style_manager_set_color_scheme(adw_style_manager_get_default(), value);
}

/* In the background the program stays when its window is closed; otherwise it ends with it. */
static void background_apply(NgwApplication *self)
{
	const gboolean stays = self->in_background || ngw_choices_background(ngw_choices_get());

	if (stays && !self->is_held)
		g_application_hold(G_APPLICATION(self));
	else if (!stays && self->is_held)
		g_application_release(G_APPLICATION(self));
	self->is_held = stays;
}

static void choices_changed(NgwApplication *self)
{
	scheme_apply();
	background_apply(self);
}

static void ngw_application_activate(GApplication *application)
{
	NgwApplication *self = NGW_APPLICATION(application);

	background_apply(self);
	if (self->in_background)
		self->in_background = FALSE; /* the next one shows the window */
	else
		application_show(self);
}

static gboolean application_ended(gpointer data)
{
	g_application_quit(G_APPLICATION(data));
	return G_SOURCE_CONTINUE;
}

static void set_accels(GtkApplication *application, const char *action, const char *first)
{
	const char *const accels[] = { first, NULL };

	gtk_application_set_accels_for_action(application, action, accels);
}

static void ngw_application_startup(GApplication *application)
{
	static const GActionEntry entries[] = { { "quit", do_quit, NULL, NULL, NULL, { 0 } },
						{ "about", do_about, NULL, NULL, NULL, { 0 } } };
	static const struct {
		const char *action, *accel;
	} accels[] = { { "app.quit", "<Control>q" },     { "window.close", "<Control>w" },
		       { "win.search", "<Control>f" },   { "win.add", "<Control>n" },
		       { "win.select", "<Control>s" },   { "win.preferences", "<Control>comma" },
		       { "win.view('apps')", "<Alt>1" }, { "win.view('activity')", "<Alt>2" },
		       { "win.view('log')", "<Alt>3" },  { "win.view('run')", "<Alt>4" },
		       { "win.back", "<Alt>Left" } };
	NgwApplication *self = NGW_APPLICATION(application);

	G_APPLICATION_CLASS(ngw_application_parent_class)->startup(application);
	g_action_map_add_action_entries(G_ACTION_MAP(self), entries, G_N_ELEMENTS(entries), self);
	for (gsize i = 0; i < G_N_ELEMENTS(accels); i++)
		set_accels(GTK_APPLICATION(self), accels[i].action, accels[i].accel);
	self->sources[0] = g_unix_signal_add(SIGTERM, application_ended, self);
	self->sources[1] = g_unix_signal_add(SIGINT, application_ended, self);
	self->guard = ngw_guard_new(self->runtime_dir);
	self->entries = ngw_desktop_entries_new();
	self->apps = ngw_apps_new(self->guard, self->entries);
	self->notifier = ngw_notifier_new(self);
	g_signal_connect_object(ngw_choices_get(), "changed", G_CALLBACK(choices_changed), self, G_CONNECT_SWAPPED);
	scheme_apply();
}

static void ngw_application_shutdown(GApplication *application)
{
	NgwApplication *self = NGW_APPLICATION(application);
	GList *windows;

	for (guint i = 0; i < G_N_ELEMENTS(self->sources); i++)
		g_clear_handle_id(&self->sources[i], g_source_remove);
	while ((windows = gtk_application_get_windows(GTK_APPLICATION(self))))
		gtk_window_destroy(windows->data);
	if (self->guard)
		ngw_guard_stop(self->guard);
	g_clear_object(&self->notifier);
	G_APPLICATION_CLASS(ngw_application_parent_class)->shutdown(application);
}

/* --- options --- */

static int ngw_application_options(GApplication *application, GVariantDict *options)
{
	NgwApplication *self = NGW_APPLICATION(application);

	if (g_variant_dict_contains(options, "version")) {
		g_print("netguard-window %s\n", NG_VERSION);
		return 0;
	}
	g_variant_dict_lookup(options, "runtime", "^ay", &self->runtime_dir);
	self->in_background = g_variant_dict_contains(options, "background");
	if (self->runtime_dir) /* another guard: not the window of the usual one */
		g_application_set_flags(application, g_application_get_flags(application) | G_APPLICATION_NON_UNIQUE);
	return -1;
}

static void ngw_application_finalize(GObject *object)
{
	NgwApplication *self = NGW_APPLICATION(object);

	/* Not at shutdown: answers that come until the end ask for them. */
	g_clear_object(&self->apps);
	g_clear_object(&self->entries);
	g_clear_object(&self->guard);
	g_free(self->runtime_dir);
	G_OBJECT_CLASS(ngw_application_parent_class)->finalize(object);
}

static void ngw_application_class_init(NgwApplicationClass *class)
{
	GApplicationClass *application = G_APPLICATION_CLASS(class);

	G_OBJECT_CLASS(class)->finalize = ngw_application_finalize;
	application->startup = ngw_application_startup;
	application->activate = ngw_application_activate;
	application->shutdown = ngw_application_shutdown;
	application->handle_local_options = ngw_application_options;
}

static void ngw_application_init(NgwApplication *self)
{
	static const GOptionEntry options[] = {
		{ "runtime", 0, 0, G_OPTION_ARG_FILENAME, NULL, N_("Talk to the guard whose socket is in DIR"), "DIR" },
		{ "background", 0, 0, G_OPTION_ARG_NONE, NULL, N_("Start without a window, for notifications"), NULL },
		{ "version", 0, 0, G_OPTION_ARG_NONE, NULL, N_("Print the version"), NULL },
		{ NULL },
	};

	g_application_add_main_option_entries(G_APPLICATION(self), options);
	g_application_set_option_context_summary(G_APPLICATION(self),
						 _("Decide for every program whether it may use the network."));
}

NgwApplication *ngw_application_new(void)
{
	return g_object_new(NGW_TYPE_APPLICATION, "application-id", NGW_APPLICATION_ID, "resource-base-path",
			    NGW_RESOURCES, NULL);
}
