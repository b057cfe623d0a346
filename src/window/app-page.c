/* SPDX-License-Identifier: MIT */
/*
 * The page of one application (app-page.h): finds it, follows it, and hands its parts what they need. What a part shows
 * is in its own file (app-page-parts.h).
 *
 * The application is followed by its id, and by its path across a decision: a program that is decided on, or forgotten,
 * is another NgwApp, and the same page. Updates wait for the main loop to be idle: NgwApp says "changed" while NgwApps
 * is being rebuilt.
 */
#include "window/app-page.h"

#include <glib/gi18n.h>

#include "window/app-page-parts.h"
#include "window/strip.h"

#define N_PARTS 9

struct _NgwAppPage {
	GtkWidget parent;
	GtkWidget *box, *header, *back, *scrolled, *parts, *gone, *forget;
	AdwWindowTitle *title;
	NgwPageControl *control;
	NgwPageSection *approval, *blocked, *connections, *why, *allow, *children, *identity, *history;
	NgwWindow *window; /* borrowed: we are in it */
	char *key;         /* what is asked for; NULL: nothing */
	char *executable;  /* of what is shown: finds it again under another key */
	NgwApp *app;       /* owned; NULL: not found */
	gulong app_handler;
	guint idle;
};

G_DEFINE_FINAL_TYPE(NgwAppPage, ngw_app_page, GTK_TYPE_WIDGET)

static void page_all_parts(NgwAppPage *self, NgwPageSection *parts[N_PARTS])
{
	NgwPageSection *all[N_PARTS] = { NGW_PAGE_SECTION(self->control),
					 self->approval,
					 self->blocked,
					 self->connections,
					 self->why,
					 self->allow,
					 self->children,
					 self->identity,
					 self->history };

	for (guint i = 0; i < N_PARTS; i++)
		parts[i] = all[i];
}

/* --- what is shown --- */

/* As was last said: what can be done does not come and go with the connection, it is insensitive without one. */
static gboolean may(NgwGuard *guard, const char *action)
{
	return !g_str_equal(ngw_guard_permission(guard, action), "no");
}

static void page_show_parts(NgwAppPage *self)
{
	NgwGuard *guard = ngw_window_guard(self->window);
	const NgwPageView view = {
		.window = self->window,
		.guard = guard,
		.app = self->app,
		.is_live = ngw_guard_is_ready(guard),
		.may_tighten = may(guard, "tighten"),
		.may_loosen = may(guard, "loosen"),
	};
	NgwPageSection *parts[N_PARTS];

	page_all_parts(self, parts);
	for (guint i = 0; i < N_PARTS; i++)
		ngw_page_section_show(parts[i], &view);
	/* Old is greyed; the strip says so in words. */
	gtk_widget_set_sensitive(self->parts, view.is_live);
	if (view.is_live)
		gtk_widget_remove_css_class(self->parts, "old");
	else
		gtk_widget_add_css_class(self->parts, "old");
}

static void page_show_forget(NgwAppPage *self)
{
	const NgwAppData *data = ngw_app_data(self->app);
	NgwGuard *guard = ngw_window_guard(self->window);
	g_autofree char *name = g_strdup_printf(_("Forget the decision on %s"), data->name);

	gtk_widget_set_visible(self->forget, ngw_app_is_decided(self->app) && !data->is_managed &&
						     g_str_equal(data->layer, "user") &&
						     (may(guard, "tighten") || may(guard, "loosen")));
	gtk_accessible_update_property(GTK_ACCESSIBLE(self->forget), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
}

static void page_show(NgwAppPage *self)
{
	NgwGuard *guard = ngw_window_guard(self->window);
	NgwApps *apps = ngw_window_apps(self->window);
	g_autofree char *state = ngw_state_text(guard);

	if (self->app) /* else the name of what has gone stays */
		adw_window_title_set_title(self->title, ngw_app_data(self->app)->name);
	adw_window_title_set_subtitle(self->title, state);
	gtk_widget_set_visible(self->scrolled, self->app != NULL);
	gtk_widget_set_visible(self->gone, self->key && !self->app && ngw_apps_is_loaded(apps));
	if (self->app)
		page_show_forget(self);
	page_show_parts(self);
}

/* --- following --- */

static gboolean page_update(gpointer data);

static void page_update_soon(NgwAppPage *self)
{
	if (self->idle == 0)
		self->idle = g_idle_add(page_update, self);
}

static void page_follow(NgwAppPage *self, NgwApp *app)
{
	if (app == self->app)
		return;
	if (self->app)
		g_signal_handler_disconnect(self->app, self->app_handler);
	g_set_object(&self->app, app);
	if (app)
		self->app_handler = g_signal_connect_swapped(app, "changed", G_CALLBACK(page_update_soon), self);
}

static void page_find(NgwAppPage *self)
{
	NgwApps *apps = ngw_window_apps(self->window);
	NgwApp *app = self->key ? ngw_apps_find(apps, self->key) : NULL;

	if (!app && self->key && self->executable)
		app = ngw_apps_find_executable(apps, self->executable);
	page_follow(self, app);
	if (!app)
		return;
	/* Copies first: the key may be what is replaced. */
	g_free(self->executable);
	self->executable = g_strdup(ngw_app_data(app)->executable);
	g_free(self->key);
	self->key = g_strdup(ngw_app_key(app));
}

static gboolean page_update(gpointer data)
{
	NgwAppPage *self = data;

	self->idle = 0;
	page_find(self);
	page_show(self);
	return G_SOURCE_REMOVE;
}

static void page_stir(NgwAppPage *self)
{
	NgwPageSection *parts[N_PARTS];

	page_all_parts(self, parts);
	for (guint i = 0; i < N_PARTS; i++)
		ngw_page_section_stir(parts[i]);
}

/* The guard says that something is different: what is known is shown again, and asked for again. */
static void page_guard_changed(NgwGuard *guard, guint parts, gpointer data)
{
	NgwAppPage *self = data;

	if (!self->key)
		return;
	page_update_soon(self);
	if (parts & (NGW_PART_POLICY | NGW_PART_STATUS | NGW_PART_PERMISSIONS))
		page_stir(self);
}

static gboolean attempt_is_of(GVariant *attempt, const NgwAppData *data)
{
	const char *application = ngw_dict_string(attempt, "application", "");

	if (*data->id)
		return g_str_equal(application, data->id);
	return !*application && g_str_equal(ngw_dict_string(attempt, "executable", ""), data->executable);
}

static void page_attempts(NgwGuard *guard, GPtrArray *attempts, gpointer data)
{
	NgwAppPage *self = data;

	for (guint i = 0; self->app && i < attempts->len; i++) {
		if (attempt_is_of(g_ptr_array_index(attempts, i), ngw_app_data(self->app))) {
			ngw_page_section_stir(self->blocked);
			return;
		}
	}
}

static void page_link_changed(NgwAppPage *self)
{
	if (self->key)
		page_update_soon(self);
}

static void page_forget(NgwAppPage *self)
{
	if (self->app)
		ngw_page_ask_forget(GTK_WIDGET(self), self->app, ngw_window_guard(self->window), FALSE);
}

static void page_changes(NgwPageHistory *history, GPtrArray *changes, gpointer data)
{
	ngw_page_control_set_changes(NGW_APP_PAGE(data)->control, changes);
}

void ngw_app_page_show(NgwAppPage *self, const char *key)
{
	if (g_strcmp0(self->key, key) == 0)
		return;
	g_clear_handle_id(&self->idle, g_source_remove);
	g_clear_pointer(&self->executable, g_free);
	g_free(self->key);
	self->key = g_strdup(key);
	page_find(self);
	page_show(self);
	if (key) {
		gtk_adjustment_set_value(gtk_scrolled_window_get_vadjustment(GTK_SCROLLED_WINDOW(self->scrolled)), 0);
		gtk_widget_grab_focus(self->back);
	}
}

/* --- life --- */

static void ngw_app_page_dispose(GObject *object)
{
	NgwAppPage *self = NGW_APP_PAGE(object);

	g_clear_handle_id(&self->idle, g_source_remove);
	page_follow(self, NULL);
	g_clear_pointer(&self->box, gtk_widget_unparent);
	G_OBJECT_CLASS(ngw_app_page_parent_class)->dispose(object);
}

static void ngw_app_page_finalize(GObject *object)
{
	g_free(NGW_APP_PAGE(object)->key);
	g_free(NGW_APP_PAGE(object)->executable);
	G_OBJECT_CLASS(ngw_app_page_parent_class)->finalize(object);
}

static void ensure_parts(void)
{
	g_type_ensure(NGW_TYPE_PAGE_CONTROL);
	g_type_ensure(NGW_TYPE_PAGE_APPROVAL);
	g_type_ensure(NGW_TYPE_PAGE_BLOCKED);
	g_type_ensure(NGW_TYPE_PAGE_CONNECTIONS);
	g_type_ensure(NGW_TYPE_PAGE_WHY);
	g_type_ensure(NGW_TYPE_PAGE_ALLOW);
	g_type_ensure(NGW_TYPE_PAGE_CHILDREN);
	g_type_ensure(NGW_TYPE_PAGE_IDENTITY);
	g_type_ensure(NGW_TYPE_PAGE_HISTORY);
}

static void ngw_app_page_class_init(NgwAppPageClass *class)
{
	GtkWidgetClass *widget = GTK_WIDGET_CLASS(class);

	G_OBJECT_CLASS(class)->dispose = ngw_app_page_dispose;
	G_OBJECT_CLASS(class)->finalize = ngw_app_page_finalize;
	ensure_parts();
	gtk_widget_class_set_layout_manager_type(widget, GTK_TYPE_BIN_LAYOUT);
	gtk_widget_class_set_template_from_resource(widget, NGW_RESOURCES "/ui/app-page.ui");
	gtk_widget_class_bind_template_child(widget, NgwAppPage, box);
	gtk_widget_class_bind_template_child(widget, NgwAppPage, header);
	gtk_widget_class_bind_template_child(widget, NgwAppPage, back);
	gtk_widget_class_bind_template_child(widget, NgwAppPage, scrolled);
	gtk_widget_class_bind_template_child(widget, NgwAppPage, parts);
	gtk_widget_class_bind_template_child(widget, NgwAppPage, gone);
	gtk_widget_class_bind_template_child(widget, NgwAppPage, forget);
	gtk_widget_class_bind_template_child(widget, NgwAppPage, title);
	gtk_widget_class_bind_template_child(widget, NgwAppPage, control);
	gtk_widget_class_bind_template_child(widget, NgwAppPage, approval);
	gtk_widget_class_bind_template_child(widget, NgwAppPage, blocked);
	gtk_widget_class_bind_template_child(widget, NgwAppPage, connections);
	gtk_widget_class_bind_template_child(widget, NgwAppPage, why);
	gtk_widget_class_bind_template_child(widget, NgwAppPage, allow);
	gtk_widget_class_bind_template_child(widget, NgwAppPage, children);
	gtk_widget_class_bind_template_child(widget, NgwAppPage, identity);
	gtk_widget_class_bind_template_child(widget, NgwAppPage, history);
}

static void ngw_app_page_init(NgwAppPage *self)
{
	gtk_widget_init_template(GTK_WIDGET(self));
	g_signal_connect_swapped(self->forget, "clicked", G_CALLBACK(page_forget), self);
	g_signal_connect(self->history, "changes", G_CALLBACK(page_changes), self);
}

GtkWidget *ngw_app_page_new(NgwWindow *window)
{
	NgwAppPage *self = g_object_new(NGW_TYPE_APP_PAGE, NULL);
	NgwGuard *guard = ngw_window_guard(window);
	NgwApps *apps = ngw_window_apps(window);

	self->window = window;
	gtk_box_insert_child_after(GTK_BOX(self->box), ngw_strip_new(guard), self->header);
	g_signal_connect_object(guard, "link", G_CALLBACK(page_link_changed), self, G_CONNECT_SWAPPED);
	g_signal_connect_object(guard, "changed", G_CALLBACK(page_guard_changed), self, 0);
	g_signal_connect_object(guard, "attempts", G_CALLBACK(page_attempts), self, 0);
	g_signal_connect_object(apps, "loaded", G_CALLBACK(page_link_changed), self, G_CONNECT_SWAPPED);
	return GTK_WIDGET(self);
}
