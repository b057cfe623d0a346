/* SPDX-License-Identifier: MIT */
/* One row of the Apps page: see app-row.h. */
#include "window/app-row.h"

#include <glib/gi18n.h>

#include "window/application.h"
#include "window/changes.h"
#include "window/choices.h"
#include "window/fold-layout.h"
#include "window/profile-switch.h"
#include "window/window.h"

#define FOLD_WIDTH 620
#define TICK_S 20 /* "Back to Offline in 42 min" */

struct _NgwAppRow {
	GtkWidget parent;
	GtkWidget *about, *controls; /* the two halves */
	GtkWidget *check, *icon, *name, *subtitle;
	NgwProfileSwitch *profile;
	GtkWidget *menu;
	NgwApp *app; /* owned */
	gulong handler;
	guint tick;
	gboolean is_showing;
};

G_DEFINE_FINAL_TYPE(NgwAppRow, ngw_app_row, GTK_TYPE_WIDGET)

static void row_show(NgwAppRow *self)
{
	const NgwAppData *data = ngw_app_data(self->app);
	const gboolean is_fixed = data->is_managed || data->is_read_only;
	g_autofree char *subtitle = ngw_app_subtitle(self->app);
	g_autofree char *more = g_strdup_printf(_("More for %s"), data->name);
	g_autofree char *choose = g_strdup_printf(_("Choose %s"), data->name);
	g_autofree char *path = g_utf8_make_valid(data->executable, -1);

	self->is_showing = TRUE;
	gtk_image_set_from_gicon(GTK_IMAGE(self->icon), data->icon);
	gtk_label_set_text(GTK_LABEL(self->name), data->name);
	gtk_label_set_text(GTK_LABEL(self->subtitle), subtitle);
	if (g_strcmp0(gtk_widget_get_tooltip_text(self->about), path) != 0)
		gtk_widget_set_tooltip_text(self->about, path);
	ngw_profile_switch_show(self->profile, data->name, data->profile, !ngw_app_is_decided(self->app),
				ngw_app_pending(self->app));
	gtk_widget_set_sensitive(GTK_WIDGET(self->profile), !is_fixed);
	gtk_accessible_update_property(GTK_ACCESSIBLE(self->menu), GTK_ACCESSIBLE_PROPERTY_LABEL, more, -1);
	gtk_check_button_set_active(GTK_CHECK_BUTTON(self->check), ngw_app_is_selected(self->app));
	gtk_accessible_update_property(GTK_ACCESSIBLE(self->check), GTK_ACCESSIBLE_PROPERTY_LABEL, choose, -1);
	gtk_widget_set_sensitive(self->check, !is_fixed);
	gtk_widget_action_set_enabled(GTK_WIDGET(self), "row.temporary", !is_fixed);
	gtk_widget_action_set_enabled(GTK_WIDGET(self), "row.approve", !is_fixed && data->changed && data->changed[0]);
	gtk_widget_action_set_enabled(GTK_WIDGET(self), "row.forget",
				      ngw_app_is_decided(self->app) && !is_fixed && g_str_equal(data->layer, "user"));
	self->is_showing = FALSE;
}

static gboolean row_tick(gpointer data)
{
	NgwAppRow *self = data;

	if (self->app && ngw_app_data(self->app)->until > 0)
		row_show(self);
	return G_SOURCE_CONTINUE;
}

void ngw_app_row_set_app(NgwAppRow *self, NgwApp *app)
{
	if (self->app)
		g_signal_handler_disconnect(self->app, self->handler);
	g_set_object(&self->app, app);
	if (!app)
		return;
	self->handler = g_signal_connect_swapped(app, "changed", G_CALLBACK(row_show), self);
	row_show(self);
}

void ngw_app_row_set_selecting(NgwAppRow *self, gboolean is_selecting)
{
	gtk_widget_set_visible(self->check, is_selecting);
}

/* --- what people do --- */

static void row_chosen(NgwProfileSwitch *profile, int chosen, gpointer data)
{
	NgwAppRow *self = data;

	ngw_change_profile(GTK_WIDGET(self), self->app, chosen, NGW_FOR_EVER, NULL);
}

static void row_checked(GtkCheckButton *check, gpointer data)
{
	NgwAppRow *self = data;

	if (!self->is_showing && self->app)
		ngw_app_set_selected(self->app, gtk_check_button_get_active(check));
}

static void row_temporary(GtkWidget *widget, const char *action, GVariant *parameter)
{
	const char *profile, *duration;

	g_variant_get(parameter, "(&s&s)", &profile, &duration);
	ngw_change_profile(widget, NGW_APP_ROW(widget)->app, ngw_profile_from_word(profile),
			   ngw_duration_from_word(duration), NULL);
}

static void row_open(GtkWidget *widget, const char *action, GVariant *parameter)
{
	ngw_window_show_app(ngw_window_of(widget), ngw_app_key(NGW_APP_ROW(widget)->app));
}

static void row_approve(GtkWidget *widget, const char *action, GVariant *parameter)
{
	ngw_change_approve(widget, NGW_APP_ROW(widget)->app);
}

static void row_forget(GtkWidget *widget, const char *action, GVariant *parameter)
{
	ngw_change_forget(widget, NGW_APP_ROW(widget)->app);
}

static void row_mute(GtkWidget *widget, const char *action, GVariant *parameter)
{
	const char *key = ngw_app_key(NGW_APP_ROW(widget)->app);

	ngw_choices_set_muted(ngw_choices_get(), key, !ngw_choices_is_muted(ngw_choices_get(), key));
}

/* --- the menu --- */

static GMenu *menu_of_durations(NgwProfile profile)
{
	static const char *const words[] = { "15m", "1h", "quit", "restart" };
	GMenu *menu = g_menu_new();

	for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
		g_autoptr(GMenuItem) item = g_menu_item_new(ngw_duration_text(ngw_duration_from_word(words[i])), NULL);

		g_menu_item_set_action_and_target(item, "row.temporary", "(ss)", ngw_profile_word(profile), words[i]);
		g_menu_append_item(menu, item);
	}
	return menu;
}

GMenuModel *ngw_app_row_menu(void)
{
	static GMenu *menu;

	if (!menu) {
		const char *const titles[] = { N_("Offline for a While"), N_("Local for a While"),
					       N_("Online for a While") };
		g_autoptr(GMenu) durations = g_menu_new(), rest = g_menu_new();

		menu = g_menu_new();
		for (guint i = 0; i < G_N_ELEMENTS(titles); i++) {
			g_autoptr(GMenu) submenu = menu_of_durations(NGW_PROFILE_OFFLINE + i);

			g_menu_append_submenu(durations, _(titles[i]), G_MENU_MODEL(submenu));
		}
		g_menu_append(rest, _("Details"), "row.open");
		g_menu_append(rest, _("Approve This Version"), "row.approve");
		g_menu_append(rest, _("Mute or Unmute"), "row.mute");
		g_menu_append(rest, _("Forget the Decision"), "row.forget");
		g_menu_append_section(menu, NULL, G_MENU_MODEL(durations));
		g_menu_append_section(menu, NULL, G_MENU_MODEL(rest));
	}
	return G_MENU_MODEL(menu);
}

static void menu_fill(GtkMenuButton *button, gpointer data)
{
	if (!gtk_menu_button_get_popover(button)) {
		GtkWidget *popover = gtk_popover_menu_new_from_model(ngw_app_row_menu());

		gtk_menu_button_set_popover(button, popover);
	}
}

/* --- life --- */

static GtkWidget *label_new(const char *class)
{
	GtkWidget *label = gtk_label_new(NULL);

	gtk_label_set_xalign(GTK_LABEL(label), 0);
	gtk_label_set_ellipsize(GTK_LABEL(label), PANGO_ELLIPSIZE_END);
	gtk_widget_set_hexpand(label, TRUE);
	if (class)
		gtk_widget_add_css_class(label, class);
	return label;
}

static void row_build_about(NgwAppRow *self)
{
	GtkWidget *texts = gtk_box_new(GTK_ORIENTATION_VERTICAL, 2);

	self->about = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);
	self->check = gtk_check_button_new();
	gtk_widget_add_css_class(self->check, "selection-mode");
	gtk_widget_set_valign(self->check, GTK_ALIGN_CENTER);
	gtk_widget_set_visible(self->check, FALSE);
	g_signal_connect(self->check, "toggled", G_CALLBACK(row_checked), self);
	self->icon = gtk_image_new();
	gtk_image_set_pixel_size(GTK_IMAGE(self->icon), 32);
	gtk_accessible_update_state(GTK_ACCESSIBLE(self->icon), GTK_ACCESSIBLE_STATE_HIDDEN, TRUE, -1);
	self->name = label_new("row-name");
	self->subtitle = label_new("row-subtitle");
	gtk_widget_add_css_class(self->subtitle, "dim-label");
	gtk_widget_add_css_class(self->subtitle, "caption");
	gtk_widget_set_valign(texts, GTK_ALIGN_CENTER);
	gtk_box_append(GTK_BOX(texts), self->name);
	gtk_box_append(GTK_BOX(texts), self->subtitle);
	gtk_box_append(GTK_BOX(self->about), self->check);
	gtk_box_append(GTK_BOX(self->about), self->icon);
	gtk_box_append(GTK_BOX(self->about), texts);
	gtk_widget_set_parent(self->about, GTK_WIDGET(self));
}

static void row_build_controls(NgwAppRow *self)
{
	self->controls = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6);
	gtk_widget_set_valign(self->controls, GTK_ALIGN_CENTER);
	self->profile = NGW_PROFILE_SWITCH(ngw_profile_switch_new());
	gtk_widget_set_hexpand(GTK_WIDGET(self->profile), TRUE);
	g_signal_connect(self->profile, "chosen", G_CALLBACK(row_chosen), self);
	self->menu = gtk_menu_button_new();
	gtk_menu_button_set_icon_name(GTK_MENU_BUTTON(self->menu), "view-more-symbolic");
	gtk_menu_button_set_create_popup_func(GTK_MENU_BUTTON(self->menu), menu_fill, NULL, NULL);
	gtk_widget_set_tooltip_text(self->menu, _("For a while, and more"));
	gtk_widget_add_css_class(self->menu, "flat");
	gtk_box_append(GTK_BOX(self->controls), GTK_WIDGET(self->profile));
	gtk_box_append(GTK_BOX(self->controls), self->menu);
	gtk_widget_set_parent(self->controls, GTK_WIDGET(self));
}

static void ngw_app_row_map(GtkWidget *widget)
{
	NgwAppRow *self = NGW_APP_ROW(widget);

	GTK_WIDGET_CLASS(ngw_app_row_parent_class)->map(widget);
	if (self->tick == 0)
		self->tick = g_timeout_add_seconds(TICK_S, row_tick, self);
}

static void ngw_app_row_unmap(GtkWidget *widget)
{
	g_clear_handle_id(&NGW_APP_ROW(widget)->tick, g_source_remove);
	GTK_WIDGET_CLASS(ngw_app_row_parent_class)->unmap(widget);
}

static void ngw_app_row_dispose(GObject *object)
{
	NgwAppRow *self = NGW_APP_ROW(object);

	g_clear_handle_id(&self->tick, g_source_remove);
	ngw_app_row_set_app(self, NULL);
	g_clear_pointer(&self->about, gtk_widget_unparent);
	g_clear_pointer(&self->controls, gtk_widget_unparent);
	G_OBJECT_CLASS(ngw_app_row_parent_class)->dispose(object);
}

static void ngw_app_row_class_init(NgwAppRowClass *class)
{
	GtkWidgetClass *widget = GTK_WIDGET_CLASS(class);

	G_OBJECT_CLASS(class)->dispose = ngw_app_row_dispose;
	widget->map = ngw_app_row_map;
	widget->unmap = ngw_app_row_unmap;
	gtk_widget_class_set_css_name(widget, "approw");
	gtk_widget_class_set_accessible_role(widget, GTK_ACCESSIBLE_ROLE_GROUP);
	gtk_widget_class_install_action(widget, "row.temporary", "(ss)", row_temporary);
	gtk_widget_class_install_action(widget, "row.open", NULL, row_open);
	gtk_widget_class_install_action(widget, "row.approve", NULL, row_approve);
	gtk_widget_class_install_action(widget, "row.mute", NULL, row_mute);
	gtk_widget_class_install_action(widget, "row.forget", NULL, row_forget);
}

static void ngw_app_row_init(NgwAppRow *self)
{
	row_build_about(self);
	row_build_controls(self);
	gtk_widget_set_layout_manager(GTK_WIDGET(self), ngw_fold_layout_new(FOLD_WIDTH, 12));
}

GtkWidget *ngw_app_row_new(void)
{
	return g_object_new(NGW_TYPE_APP_ROW, NULL);
}
