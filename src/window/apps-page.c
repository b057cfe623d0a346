/* SPDX-License-Identifier: MIT */
/* Apps, the home: see apps-page.h. */
#include "window/apps-page.h"

#include <glib/gi18n.h>

#include "window/app-row.h"
#include "window/changes.h"
#include "window/row-growth.h"
#include "window/sections.h"

struct _NgwAppsPage {
	GtkWidget parent;
	GtkWidget *box, *stack, *search_bar, *search_entry, *filter, *list, *scroller, *unable, *selection_bar,
		*selection_count, *spinner;
	NgwWindow *window; /* borrowed: it holds the page */
	NgwSections *sections;
	NgwRowGrowth *growth; /* the rows of `sections` that the list has */
	GPtrArray *rows;      /* NgwAppRow, borrowed: those that exist now */
	gboolean is_selecting;
};

G_DEFINE_FINAL_TYPE(NgwAppsPage, ngw_apps_page, GTK_TYPE_WIDGET)

/* --- rows --- */

static void row_gone(gpointer data, GObject *row)
{
	g_ptr_array_remove_fast(((NgwAppsPage *)data)->rows, row);
}

static GtkWidget *heading_new(void)
{
	GtkWidget *label = g_object_new(GTK_TYPE_LABEL, "accessible-role", GTK_ACCESSIBLE_ROLE_HEADING, NULL);

	gtk_label_set_xalign(GTK_LABEL(label), 0);
	gtk_widget_add_css_class(label, "heading");
	gtk_widget_add_css_class(label, "section");
	return label;
}

/* GtkListItem has no accessible name of its own before GTK 4.12; the widget that it makes does. */
static void row_name(GtkWidget *child, const char *name)
{
	GtkWidget *row = gtk_widget_get_parent(child);

	if (row)
		gtk_accessible_update_property(GTK_ACCESSIBLE(row), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
}

static void item_bind(GtkSignalListItemFactory *factory, GtkListItem *item, gpointer data)
{
	NgwAppsPage *self = data;
	GObject *object = gtk_list_item_get_item(item);
	const gboolean is_heading = NGW_IS_HEADING(object);
	GtkWidget *child = gtk_list_item_get_child(item);

	gtk_list_item_set_activatable(item, !is_heading);
	gtk_list_item_set_selectable(item, TRUE); /* what cannot be selected cannot have the keyboard either */
	if (is_heading) {
		if (!child || !GTK_IS_LABEL(child)) {
			child = heading_new();
			gtk_list_item_set_child(item, child);
		}
		gtk_label_set_text(GTK_LABEL(child), ngw_heading_title(NGW_HEADING(object)));
		row_name(child, ngw_heading_title(NGW_HEADING(object)));
		return;
	}
	if (!child || !NGW_IS_APP_ROW(child)) {
		child = ngw_app_row_new();
		g_ptr_array_add(self->rows, child);
		g_object_weak_ref(G_OBJECT(child), row_gone, self);
		gtk_list_item_set_child(item, child);
	}
	ngw_app_row_set_selecting(NGW_APP_ROW(child), self->is_selecting);
	ngw_app_row_set_app(NGW_APP_ROW(child), NGW_APP(object));
	row_name(child, ngw_app_data(NGW_APP(object))->name);
}

static void item_unbind(GtkSignalListItemFactory *factory, GtkListItem *item, gpointer data)
{
	GtkWidget *child = gtk_list_item_get_child(item);

	if (NGW_IS_APP_ROW(child))
		ngw_app_row_set_app(NGW_APP_ROW(child), NULL);
}

static void list_activated(GtkListView *list, guint position, gpointer data)
{
	NgwAppsPage *self = data;
	g_autoptr(GObject) item = g_list_model_get_item(G_LIST_MODEL(self->growth), position);

	if (!NGW_IS_APP(item))
		return;
	if (self->is_selecting)
		ngw_app_set_selected(NGW_APP(item), !ngw_app_is_selected(NGW_APP(item)));
	else
		ngw_window_show_app(self->window, ngw_app_key(NGW_APP(item)));
}

/* --- which page --- */

static gboolean is_filtered(NgwAppsPage *self)
{
	return *gtk_editable_get_text(GTK_EDITABLE(self->search_entry)) ||
	       gtk_drop_down_get_selected(GTK_DROP_DOWN(self->filter)) != NGW_SHOW_ALL;
}

static void page_update(NgwAppsPage *self)
{
	NgwApps *apps = ngw_window_apps(self->window);
	NgwGuard *guard = ngw_window_guard(self->window);
	const NgwLink link = ngw_guard_link(guard);
	const char *why = ngw_guard_link_text(guard), *page = "list";

	if (ngw_sections_n_apps(self->sections) == 0 && is_filtered(self) && ngw_apps_is_loaded(apps))
		page = "no-result";
	else if (ngw_apps_error(apps) && !ngw_apps_is_loaded(apps))
		page = "unable", why = ngw_apps_error(apps);
	else if (!ngw_apps_is_loaded(apps) && link != NGW_LINK_CONNECTING && link != NGW_LINK_READY)
		page = "unable";
	else if (!ngw_apps_is_loaded(apps))
		page = "loading";
	else if (g_list_model_get_n_items(G_LIST_MODEL(apps)) == 0)
		page = "none";
	if (g_str_equal(page, "unable"))
		adw_status_page_set_description(ADW_STATUS_PAGE(self->unable), why ? why : "");
	gtk_spinner_set_spinning(GTK_SPINNER(self->spinner), g_str_equal(page, "loading"));
	gtk_stack_set_visible_child_name(GTK_STACK(self->stack), page);
	gtk_widget_set_sensitive(self->scroller, ngw_guard_is_ready(guard));
}

/* --- search and filter --- */

static void search_changed(NgwAppsPage *self)
{
	ngw_row_growth_restart(self->growth);
	ngw_sections_search(self->sections, gtk_editable_get_text(GTK_EDITABLE(self->search_entry)));
	page_update(self);
}

static void filter_changed(NgwAppsPage *self)
{
	ngw_row_growth_restart(self->growth);
	ngw_sections_show(self->sections, gtk_drop_down_get_selected(GTK_DROP_DOWN(self->filter)));
	page_update(self);
}

/* A closed search bar hides its filter too: it must not go on filtering. */
static void search_mode_changed(NgwAppsPage *self)
{
	if (!gtk_search_bar_get_search_mode(GTK_SEARCH_BAR(self->search_bar)))
		gtk_drop_down_set_selected(GTK_DROP_DOWN(self->filter), NGW_SHOW_ALL);
}

static void page_show_all(GtkWidget *widget, const char *action, GVariant *parameter)
{
	NgwAppsPage *self = NGW_APPS_PAGE(widget);

	gtk_drop_down_set_selected(GTK_DROP_DOWN(self->filter), NGW_SHOW_ALL);
	gtk_editable_set_text(GTK_EDITABLE(self->search_entry), "");
	gtk_search_bar_set_search_mode(GTK_SEARCH_BAR(self->search_bar), FALSE);
}

void ngw_apps_page_toggle_search(NgwAppsPage *self)
{
	GtkSearchBar *bar = GTK_SEARCH_BAR(self->search_bar);

	gtk_search_bar_set_search_mode(bar, !gtk_search_bar_get_search_mode(bar));
}

/* --- several at once --- */

static GPtrArray *selected_apps(NgwAppsPage *self)
{
	GListModel *apps = G_LIST_MODEL(ngw_window_apps(self->window));
	GPtrArray *selected = g_ptr_array_new_with_free_func(g_object_unref);

	for (guint i = 0; i < g_list_model_get_n_items(apps); i++) {
		g_autoptr(NgwApp) app = g_list_model_get_item(apps, i);

		if (ngw_app_is_selected(app))
			g_ptr_array_add(selected, g_steal_pointer(&app));
	}
	return selected;
}

static void selection_show(NgwAppsPage *self)
{
	g_autoptr(GPtrArray) selected = self->is_selecting ? selected_apps(self) : g_ptr_array_new();
	g_autofree char *text =
		g_strdup_printf(g_dngettext(GETTEXT_PACKAGE, "%u chosen", "%u chosen", selected->len), selected->len);

	gtk_label_set_text(GTK_LABEL(self->selection_count), text);
	gtk_widget_action_set_enabled(GTK_WIDGET(self), "apps.set-selected", selected->len > 0);
}

static void sections_changed(NgwAppsPage *self)
{
	page_update(self);
	if (self->is_selecting)
		selection_show(self);
}

static void page_set_selected(GtkWidget *widget, const char *action, GVariant *parameter)
{
	NgwAppsPage *self = NGW_APPS_PAGE(widget);
	g_autoptr(GPtrArray) selected = selected_apps(self);

	ngw_change_profiles(widget, selected, ngw_profile_from_word(g_variant_get_string(parameter, NULL)),
			    NGW_FOR_EVER);
	gtk_widget_activate_action(widget, "win.select", NULL);
}

static void page_select_all(GtkWidget *widget, const char *action, GVariant *parameter)
{
	NgwAppsPage *self = NGW_APPS_PAGE(widget);
	GListModel *rows = G_LIST_MODEL(self->sections);

	for (guint i = 0; i < g_list_model_get_n_items(rows); i++) {
		g_autoptr(GObject) item = g_list_model_get_item(rows, i);

		if (NGW_IS_APP(item) && !ngw_app_data(NGW_APP(item))->is_managed)
			ngw_app_set_selected(NGW_APP(item), TRUE);
	}
	selection_show(self);
}

void ngw_apps_page_set_selecting(NgwAppsPage *self, gboolean is_selecting)
{
	g_autoptr(GPtrArray) selected = selected_apps(self);

	for (guint i = 0; i < selected->len; i++)
		ngw_app_set_selected(selected->pdata[i], FALSE);
	self->is_selecting = is_selecting;
	for (guint i = 0; i < self->rows->len; i++)
		ngw_app_row_set_selecting(self->rows->pdata[i], is_selecting);
	gtk_action_bar_set_revealed(GTK_ACTION_BAR(self->selection_bar), is_selecting);
	selection_show(self);
}

gboolean ngw_apps_page_is_selecting(NgwAppsPage *self)
{
	return self->is_selecting;
}

static void app_selected(NgwAppsPage *self)
{
	if (self->is_selecting)
		selection_show(self);
}

static void apps_items(NgwAppsPage *self, guint position, guint removed, guint added, GListModel *apps)
{
	for (guint i = position; i < position + added; i++) {
		g_autoptr(NgwApp) app = g_list_model_get_item(apps, i);

		g_signal_connect_object(app, "changed", G_CALLBACK(app_selected), self, G_CONNECT_SWAPPED);
	}
}

/* --- life --- */

static void ngw_apps_page_map(GtkWidget *widget)
{
	GTK_WIDGET_CLASS(ngw_apps_page_parent_class)->map(widget);
	ngw_apps_set_watched(ngw_window_apps(NGW_APPS_PAGE(widget)->window), TRUE);
	ngw_row_growth_set_seen(NGW_APPS_PAGE(widget)->growth, TRUE);
}

static void ngw_apps_page_unmap(GtkWidget *widget)
{
	ngw_apps_set_watched(ngw_window_apps(NGW_APPS_PAGE(widget)->window), FALSE);
	ngw_row_growth_set_seen(NGW_APPS_PAGE(widget)->growth, FALSE);
	GTK_WIDGET_CLASS(ngw_apps_page_parent_class)->unmap(widget);
}

static void ngw_apps_page_dispose(GObject *object)
{
	NgwAppsPage *self = NGW_APPS_PAGE(object);

	for (guint i = 0; self->rows && i < self->rows->len; i++)
		g_object_weak_unref(G_OBJECT(self->rows->pdata[i]), row_gone, self);
	g_clear_pointer(&self->rows, g_ptr_array_unref);
	if (self->sections)
		g_signal_handlers_disconnect_by_data(self->sections, self);
	g_clear_pointer(&self->box, gtk_widget_unparent);
	g_clear_object(&self->growth);
	g_clear_object(&self->sections);
	G_OBJECT_CLASS(ngw_apps_page_parent_class)->dispose(object);
}

static void ngw_apps_page_class_init(NgwAppsPageClass *class)
{
	GtkWidgetClass *widget = GTK_WIDGET_CLASS(class);

	G_OBJECT_CLASS(class)->dispose = ngw_apps_page_dispose;
	widget->map = ngw_apps_page_map;
	widget->unmap = ngw_apps_page_unmap;
	gtk_widget_class_set_template_from_resource(widget, NGW_RESOURCES "/ui/apps-page.ui");
	gtk_widget_class_bind_template_child(widget, NgwAppsPage, box);
	gtk_widget_class_bind_template_child(widget, NgwAppsPage, stack);
	gtk_widget_class_bind_template_child(widget, NgwAppsPage, search_bar);
	gtk_widget_class_bind_template_child(widget, NgwAppsPage, search_entry);
	gtk_widget_class_bind_template_child(widget, NgwAppsPage, filter);
	gtk_widget_class_bind_template_child(widget, NgwAppsPage, list);
	gtk_widget_class_bind_template_child(widget, NgwAppsPage, scroller);
	gtk_widget_class_bind_template_child(widget, NgwAppsPage, unable);
	gtk_widget_class_bind_template_child(widget, NgwAppsPage, spinner);
	gtk_widget_class_bind_template_child(widget, NgwAppsPage, selection_bar);
	gtk_widget_class_bind_template_child(widget, NgwAppsPage, selection_count);
	gtk_widget_class_install_action(widget, "apps.show-all", NULL, page_show_all);
	gtk_widget_class_install_action(widget, "apps.set-selected", "s", page_set_selected);
	gtk_widget_class_install_action(widget, "apps.select-all", NULL, page_select_all);
}

static void ngw_apps_page_init(NgwAppsPage *self)
{
	self->rows = g_ptr_array_new();
	gtk_widget_init_template(GTK_WIDGET(self));
	gtk_search_bar_connect_entry(GTK_SEARCH_BAR(self->search_bar), GTK_EDITABLE(self->search_entry));
}

GtkWidget *ngw_apps_page_new(NgwWindow *window)
{
	NgwAppsPage *self = g_object_new(NGW_TYPE_APPS_PAGE, NULL);
	NgwApps *apps = ngw_window_apps(window);
	g_autoptr(GtkListItemFactory) factory = gtk_signal_list_item_factory_new();
	g_autoptr(GtkNoSelection) selection = NULL;

	self->window = window;
	self->sections = ngw_sections_new(apps);
	self->growth = ngw_row_growth_new(G_LIST_MODEL(self->sections), NGW_ROWS_STEADY);
	selection = gtk_no_selection_new(G_LIST_MODEL(g_object_ref(self->growth)));
	g_signal_connect(factory, "bind", G_CALLBACK(item_bind), self);
	g_signal_connect(factory, "unbind", G_CALLBACK(item_unbind), self);
	gtk_list_view_set_factory(GTK_LIST_VIEW(self->list), factory);
	gtk_list_view_set_model(GTK_LIST_VIEW(self->list), GTK_SELECTION_MODEL(selection));
	g_signal_connect(self->list, "activate", G_CALLBACK(list_activated), self);
	ngw_row_growth_follow(self->growth, gtk_scrolled_window_get_vadjustment(GTK_SCROLLED_WINDOW(self->scroller)),
			      self->list);
	g_signal_connect_swapped(self->search_entry, "search-changed", G_CALLBACK(search_changed), self);
	g_signal_connect_swapped(self->filter, "notify::selected", G_CALLBACK(filter_changed), self);
	g_signal_connect_swapped(self->search_bar, "notify::search-mode-enabled", G_CALLBACK(search_mode_changed),
				 self);
	g_signal_connect_swapped(self->sections, "updated", G_CALLBACK(sections_changed), self);
	g_signal_connect_object(apps, "loaded", G_CALLBACK(page_update), self, G_CONNECT_SWAPPED);
	g_signal_connect_object(apps, "items-changed", G_CALLBACK(apps_items), self, G_CONNECT_SWAPPED);
	apps_items(self, 0, 0, g_list_model_get_n_items(G_LIST_MODEL(apps)), G_LIST_MODEL(apps));
	g_signal_connect_object(ngw_window_guard(window), "link", G_CALLBACK(page_update), self, G_CONNECT_SWAPPED);
	gtk_search_bar_set_key_capture_widget(GTK_SEARCH_BAR(self->search_bar), GTK_WIDGET(window));
	page_update(self);
	return GTK_WIDGET(self);
}
