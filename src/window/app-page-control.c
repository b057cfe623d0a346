/* SPDX-License-Identifier: MIT */
/*
 * The top of the application page: icon and name, the profile and its effect, for how long, and the reason with its
 * history. Shows what is in force; what the person does goes through changes.h. Main loop only, no power.
 */
#include <glib/gi18n.h>

#include "window/app-page-parts.h"
#include "window/app-page-rows.h"
#include "window/app-page-texts.h"
#include "window/changes.h"
#include "window/format.h"
#include "window/profile-switch.h"

#define MAX_REASONS 20

struct _NgwPageControl {
	NgwPageSection parent;
	GtkWidget *icon, *name, *effect, *now;
	NgwProfileSwitch *profile;
	GtkWidget *rows;
	GtkWidget *locked_row, *end_row, *keep, *while_row, *menu, *reason, *save, *earlier_row, *earlier, *reasons;
	char *shown_reason;      /* what `reason` was last set to: anything else is being typed */
	NgwProfile menu_without; /* the profile the menu leaves out */
};

G_DEFINE_FINAL_TYPE(NgwPageControl, ngw_page_control, NGW_TYPE_PAGE_SECTION)

/* --- what is shown --- */

static gboolean is_locked(NgwPageSection *section)
{
	const NgwPageView *view = ngw_page_section_view(section);

	return ngw_page_section_data(section)->is_managed || !(view->may_tighten || view->may_loosen);
}

static void show_head(NgwPageControl *self, NgwApp *app)
{
	const NgwAppData *data = ngw_app_data(app);
	g_autofree char *now = ngw_app_subtitle(app);
	g_autofree char *effect = NULL;

	if (ngw_app_is_decided(app))
		/* Translators: an application and what it can do: "Firefox can reach the Internet." */
		effect = g_strdup_printf(_("%s %s."), data->name, ngw_profile_effect(data->profile));
	else if (data->profile == NGW_PROFILE_NONE)
		effect = g_strdup(_("Nobody has decided on this program."));
	else
		effect = g_strdup_printf(_("Nobody has decided on this program. By default it %s."),
					 ngw_profile_effect(data->profile));
	gtk_image_set_from_gicon(GTK_IMAGE(self->icon), data->icon);
	gtk_label_set_text(GTK_LABEL(self->name), data->name);
	gtk_label_set_text(GTK_LABEL(self->effect), effect);
	gtk_label_set_text(GTK_LABEL(self->now), now);
	/* What other lines of the page say is not said twice. */
	gtk_widget_set_visible(self->now, ngw_app_is_decided(app) && g_strcmp0(now, data->reason) != 0 &&
						  g_strcmp0(now, data->executable) != 0);
	ngw_profile_switch_show(self->profile, data->name, data->profile, !ngw_app_is_decided(app),
				ngw_app_pending(app));
	gtk_widget_set_sensitive(GTK_WIDGET(self->profile), !is_locked(NGW_PAGE_SECTION(self)));
}

static void show_locked(NgwPageControl *self, const NgwAppData *data, const NgwPageView *view)
{
	GVariant *permissions = ngw_guard_permissions(view->guard);
	g_autofree char *managed = g_strdup_printf(_("Set by the administrator in %s"), data->path);
	const char *why = ngw_dict_string(permissions, "text", "");

	gtk_widget_set_visible(self->locked_row,
			       data->is_managed || (permissions && is_locked(NGW_PAGE_SECTION(self))));
	if (data->is_managed)
		ngw_page_row_set(self->locked_row, managed, _("It is changed in that file, not here."));
	else
		ngw_page_row_set(self->locked_row, _("You may look, but not change anything"), why);
}

static void show_end(NgwPageControl *self, NgwApp *app, const NgwPageView *view)
{
	const NgwAppData *data = ngw_app_data(app);
	const char *profile = ngw_profile_title(data->profile);
	const char *otherwise = ngw_dict_string(ngw_guard_status(view->guard), "default-profile", "");
	const gboolean is_temporary = ngw_app_is_temporary(app);
	g_autofree char *keep = g_strdup_printf(_("Keep %s %s"), data->name, profile);
	g_autofree char *until_then = g_strdup_printf(_("%s until then"), profile);
	g_autofree char *end = NULL;

	gtk_widget_set_visible(self->end_row, is_temporary);
	gtk_widget_set_visible(self->keep, !is_locked(NGW_PAGE_SECTION(self)));
	if (!is_temporary)
		return;
	end = ngw_page_end_text(data->name, data->until, data->while_word, ngw_profile_word(data->then), otherwise);
	ngw_page_row_set(self->end_row, end, until_then);
	ngw_page_button_name(self->keep, keep);
}

static GMenu *durations_new(NgwProfile profile)
{
	static const char *const words[] = { "15m", "1h", "quit", "restart" };
	GMenu *menu = g_menu_new();

	for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
		g_autoptr(GMenuItem) item = g_menu_item_new(ngw_duration_text(ngw_duration_from_word(words[i])), NULL);

		g_menu_item_set_action_and_target(item, "page.temporary", "(ss)", ngw_profile_word(profile), words[i]);
		g_menu_append_item(menu, item);
	}
	return menu;
}

/* Not the profile it has anyway: after the while it would be the same. */
static void show_menu(NgwPageControl *self, NgwApp *app)
{
	const char *const titles[] = { N_("Offline for a While"), N_("Local for a While"), N_("Online for a While") };
	const NgwAppData *data = ngw_app_data(app);
	const gboolean is_plain = ngw_app_is_decided(app) && !ngw_app_is_temporary(app);
	const NgwProfile without = is_plain ? data->profile : NGW_PROFILE_NONE;
	g_autofree char *name = g_strdup_printf(_("Another profile for %s for a while"), data->name);
	g_autoptr(GMenu) menu = NULL;

	ngw_page_button_name(self->menu, name);
	gtk_widget_set_visible(self->while_row, !is_locked(NGW_PAGE_SECTION(self)));
	if (gtk_menu_button_get_menu_model(GTK_MENU_BUTTON(self->menu)) && self->menu_without == without)
		return;
	menu = g_menu_new();
	for (guint i = 0; i < G_N_ELEMENTS(titles); i++) {
		g_autoptr(GMenu) submenu = durations_new(NGW_PROFILE_OFFLINE + i);

		if (NGW_PROFILE_OFFLINE + i != without)
			g_menu_append_submenu(menu, _(titles[i]), G_MENU_MODEL(submenu));
	}
	self->menu_without = without;
	gtk_menu_button_set_menu_model(GTK_MENU_BUTTON(self->menu), G_MENU_MODEL(menu));
}

static void show_reason(NgwPageControl *self, NgwApp *app, gboolean is_new)
{
	const NgwAppData *data = ngw_app_data(app);
	const char *reason = data->reason ? data->reason : "";
	const char *text = gtk_editable_get_text(GTK_EDITABLE(self->reason));
	const gboolean is_typed = !is_new && g_strcmp0(text, self->shown_reason) != 0 && g_strcmp0(text, reason) != 0;

	gtk_widget_set_visible(self->reason,
			       ngw_app_is_decided(app) && (*reason || !is_locked(NGW_PAGE_SECTION(self))));
	gtk_editable_set_editable(GTK_EDITABLE(self->reason), !is_locked(NGW_PAGE_SECTION(self)));
	adw_preferences_row_set_title(ADW_PREFERENCES_ROW(self->reason), *reason || is_locked(NGW_PAGE_SECTION(self))
										 ? _("Reason")
										 : _("Why? Write the reason down"));
	if (is_typed || g_strcmp0(self->shown_reason, reason) == 0)
		return;
	g_free(self->shown_reason);
	self->shown_reason = g_strdup(reason);
	gtk_editable_set_text(GTK_EDITABLE(self->reason), reason);
	gtk_widget_set_visible(self->save, FALSE);
	gtk_widget_remove_css_class(self->reason, "error");
}

static void ngw_page_control_update(NgwPageSection *section, gboolean is_new)
{
	NgwPageControl *self = NGW_PAGE_CONTROL(section);
	NgwApp *app = ngw_page_section_app(section);
	const NgwPageView *view = ngw_page_section_view(section);

	if (is_new) {
		g_clear_pointer(&self->shown_reason, g_free);
		ngw_page_control_set_changes(self, NULL);
	}
	show_head(self, app);
	show_locked(self, ngw_app_data(app), view);
	show_end(self, app, view);
	show_menu(self, app);
	show_reason(self, app, is_new);
	gtk_widget_set_visible(self->rows,
			       gtk_widget_get_visible(self->locked_row) || gtk_widget_get_visible(self->end_row) ||
				       gtk_widget_get_visible(self->while_row) || gtk_widget_get_visible(self->reason));
}

/* --- earlier reasons --- */

static GtkWidget *reason_new(gpointer item, gpointer data)
{
	return ngw_page_row_new();
}

static void reason_show(GtkWidget *row, gpointer item, gpointer data)
{
	const NgwPageChange *change = item;
	const NgwProfile profile = ngw_profile_from_word(change->profile);
	g_autofree char *when = ngw_format_when(change->time);
	g_autofree char *about =
		profile == NGW_PROFILE_NONE
			? g_strdup_printf("%s · %s", when, change->who)
			: g_strdup_printf("%s · %s · %s", ngw_profile_title(profile), when, change->who);

	ngw_page_row_set(row, change->reason, about);
}

void ngw_page_control_set_changes(NgwPageControl *self, GPtrArray *changes)
{
	const NgwPageListStyle style = { reason_new, reason_show, NULL, MAX_REASONS, TRUE };
	g_autoptr(GPtrArray) given = g_ptr_array_new();
	const char *last = self->shown_reason;
	g_autofree char *count = NULL;

	for (guint i = 0; changes && i < changes->len; i++) {
		const NgwPageChange *change = g_ptr_array_index(changes, i);

		if (!*change->reason || g_strcmp0(change->reason, last) == 0)
			continue;
		g_ptr_array_add(given, (gpointer)change);
		last = change->reason;
	}
	count = g_strdup_printf(g_dngettext(GETTEXT_PACKAGE, "%u earlier reason", "%u earlier reasons", given->len),
				given->len);
	ngw_page_row_set(self->earlier_row, count, "");
	gtk_widget_set_visible(self->earlier_row, given->len > 0);
	ngw_page_list_sync(self->reasons, given, &style, NULL, NULL);
	gtk_widget_set_visible(self->reasons,
			       given->len > 0 && gtk_toggle_button_get_active(GTK_TOGGLE_BUTTON(self->earlier)));
}

static void earlier_toggled(GtkToggleButton *button, gpointer data)
{
	NgwPageControl *self = data;

	gtk_widget_set_visible(self->reasons,
			       gtk_toggle_button_get_active(button) && gtk_widget_get_visible(self->earlier_row));
}

/* --- what people do --- */

static void profile_chosen(NgwProfileSwitch *profile, int chosen, gpointer data)
{
	NgwApp *app = ngw_page_section_app(data);

	if (app)
		ngw_change_profile(GTK_WIDGET(data), app, (NgwProfile)chosen, NGW_FOR_EVER, NULL);
}

static void keep_clicked(GtkButton *button, gpointer data)
{
	NgwApp *app = ngw_page_section_app(data);

	if (app)
		ngw_change_profile(GTK_WIDGET(data), app, ngw_app_data(app)->profile, NGW_FOR_EVER, NULL);
}

static void temporary_activated(GtkWidget *widget, const char *action, GVariant *parameter)
{
	NgwApp *app = ngw_page_section_app(NGW_PAGE_SECTION(widget));
	const char *profile, *duration;

	g_variant_get(parameter, "(&s&s)", &profile, &duration);
	if (app)
		ngw_change_profile(widget, app, ngw_profile_from_word(profile), ngw_duration_from_word(duration), NULL);
}

/* What was typed stays when it was not taken, marked; ngw_change_details() has said why. */
static void reason_done(const GError *error, gpointer data)
{
	g_autoptr(NgwPageControl) self = data;

	if (error && self->reason)
		gtk_widget_add_css_class(self->reason, "error");
}

static void reason_typed(NgwPageControl *self)
{
	gtk_widget_set_visible(self->save,
			       g_strcmp0(gtk_editable_get_text(GTK_EDITABLE(self->reason)), self->shown_reason) != 0);
	gtk_widget_remove_css_class(self->reason, "error");
}

static void reason_given(NgwPageControl *self)
{
	NgwApp *app = ngw_page_section_app(NGW_PAGE_SECTION(self));
	g_autofree char *text = g_strstrip(g_strdup(gtk_editable_get_text(GTK_EDITABLE(self->reason))));

	if (app && g_strcmp0(text, self->shown_reason) != 0)
		ngw_change_details(GTK_WIDGET(self), app, text, NULL, NULL, reason_done, g_object_ref(self));
}

/* --- life --- */

static void ngw_page_control_dispose(GObject *object)
{
	gtk_widget_dispose_template(GTK_WIDGET(object), NGW_TYPE_PAGE_CONTROL);
	G_OBJECT_CLASS(ngw_page_control_parent_class)->dispose(object);
}

static void ngw_page_control_finalize(GObject *object)
{
	g_free(NGW_PAGE_CONTROL(object)->shown_reason);
	G_OBJECT_CLASS(ngw_page_control_parent_class)->finalize(object);
}

static void ngw_page_control_class_init(NgwPageControlClass *class)
{
	GtkWidgetClass *widget = GTK_WIDGET_CLASS(class);

	G_OBJECT_CLASS(class)->dispose = ngw_page_control_dispose;
	G_OBJECT_CLASS(class)->finalize = ngw_page_control_finalize;
	NGW_PAGE_SECTION_CLASS(class)->update = ngw_page_control_update;
	g_type_ensure(NGW_TYPE_PROFILE_SWITCH);
	gtk_widget_class_install_action(widget, "page.temporary", "(ss)", temporary_activated);
	gtk_widget_class_set_template_from_resource(widget, NGW_RESOURCES "/ui/app-page-control.ui");
	gtk_widget_class_bind_template_child(widget, NgwPageControl, icon);
	gtk_widget_class_bind_template_child(widget, NgwPageControl, name);
	gtk_widget_class_bind_template_child(widget, NgwPageControl, effect);
	gtk_widget_class_bind_template_child(widget, NgwPageControl, now);
	gtk_widget_class_bind_template_child(widget, NgwPageControl, profile);
	gtk_widget_class_bind_template_child(widget, NgwPageControl, rows);
	gtk_widget_class_bind_template_child(widget, NgwPageControl, locked_row);
	gtk_widget_class_bind_template_child(widget, NgwPageControl, end_row);
	gtk_widget_class_bind_template_child(widget, NgwPageControl, keep);
	gtk_widget_class_bind_template_child(widget, NgwPageControl, while_row);
	gtk_widget_class_bind_template_child(widget, NgwPageControl, menu);
	gtk_widget_class_bind_template_child(widget, NgwPageControl, reason);
	gtk_widget_class_bind_template_child(widget, NgwPageControl, save);
	gtk_widget_class_bind_template_child(widget, NgwPageControl, earlier_row);
	gtk_widget_class_bind_template_child(widget, NgwPageControl, earlier);
	gtk_widget_class_bind_template_child(widget, NgwPageControl, reasons);
}

static void ngw_page_control_init(NgwPageControl *self)
{
	gtk_widget_init_template(GTK_WIDGET(self));
	g_signal_connect(self->profile, "chosen", G_CALLBACK(profile_chosen), self);
	g_signal_connect(self->keep, "clicked", G_CALLBACK(keep_clicked), self);
	g_signal_connect_swapped(self->reason, "entry-activated", G_CALLBACK(reason_given), self);
	g_signal_connect_swapped(self->reason, "changed", G_CALLBACK(reason_typed), self);
	g_signal_connect_swapped(self->save, "clicked", G_CALLBACK(reason_given), self);
	g_signal_connect(self->earlier, "toggled", G_CALLBACK(earlier_toggled), self);
}
