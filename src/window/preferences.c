/* SPDX-License-Identifier: MIT */
/*
 * Preferences (see preferences.h): the guard's page is in settings-page.c, here is the person's own, over the choices
 * file.
 */
#include "window/preferences.h"

#include <glib/gi18n.h>

#include "window/check-rows.h"
#include "window/choices.h"
#include "window/settings-page.h"

#define NGW_TYPE_PREFERENCES (ngw_preferences_get_type())
G_DECLARE_FINAL_TYPE(NgwPreferences, ngw_preferences, NGW, PREFERENCES, AdwPreferencesWindow)

struct _NgwPreferences {
	AdwPreferencesWindow parent;
	NgwSettingsPage *settings;
	AdwPreferencesGroup *problem_group;
	GtkSwitch *notify, *background;
	GtkDropDown *scheme;
	GtkWidget *problem;
	gboolean is_showing;
};

G_DEFINE_FINAL_TYPE(NgwPreferences, ngw_preferences, ADW_TYPE_PREFERENCES_WINDOW)

/* In the order of the drop-down. */
static const char *const schemes[] = { "default", "light", "dark" };

static void preferences_show(NgwPreferences *self)
{
	NgwChoices *choices = ngw_choices_get();
	const char *problem = ngw_choices_problem(choices);

	self->is_showing = TRUE;
	gtk_switch_set_active(self->notify, ngw_choices_notify(choices));
	gtk_switch_set_active(self->background, ngw_choices_background(choices));
	for (guint i = 0; i < G_N_ELEMENTS(schemes); i++) {
		if (g_str_equal(schemes[i], ngw_choices_scheme(choices)))
			gtk_drop_down_set_selected(self->scheme, i);
	}
	adw_action_row_set_subtitle(ADW_ACTION_ROW(self->problem), problem ? problem : "");
	gtk_widget_set_visible(GTK_WIDGET(self->problem_group), problem != NULL);
	self->is_showing = FALSE;
}

static void preferences_chosen(NgwPreferences *self)
{
	NgwChoices *choices = ngw_choices_get();
	const guint scheme = gtk_drop_down_get_selected(self->scheme);
	const gboolean notify = gtk_switch_get_active(self->notify);
	const gboolean background = gtk_switch_get_active(self->background);

	if (self->is_showing)
		return;
	/* Each of these tells "changed", which shows the choices again: read all controls first. */
	ngw_choices_set_notify(choices, notify);
	ngw_choices_set_background(choices, background);
	if (scheme < G_N_ELEMENTS(schemes))
		ngw_choices_set_scheme(choices, schemes[scheme]);
}

static void ngw_preferences_class_init(NgwPreferencesClass *class)
{
	GtkWidgetClass *widget = GTK_WIDGET_CLASS(class);

	gtk_widget_class_set_template_from_resource(widget, NGW_RESOURCES "/ui/preferences.ui");
	gtk_widget_class_bind_template_child(widget, NgwPreferences, settings);
	gtk_widget_class_bind_template_child(widget, NgwPreferences, problem_group);
	gtk_widget_class_bind_template_child(widget, NgwPreferences, notify);
	gtk_widget_class_bind_template_child(widget, NgwPreferences, background);
	gtk_widget_class_bind_template_child(widget, NgwPreferences, scheme);
	gtk_widget_class_bind_template_callback(widget, preferences_chosen);
}

static void ngw_preferences_init(NgwPreferences *self)
{
	g_type_ensure(NGW_TYPE_SETTINGS_PAGE);
	self->is_showing = TRUE;
	gtk_widget_init_template(GTK_WIDGET(self));
	self->problem = ngw_check_text_row_new("dialog-warning-symbolic", _("Something Did Not Work"), "");
	adw_preferences_group_add(self->problem_group, self->problem);
}

void ngw_preferences_present(NgwWindow *window)
{
	NgwPreferences *self = g_object_new(NGW_TYPE_PREFERENCES, "transient-for", window, NULL);

	ngw_settings_page_follow(self->settings, ngw_window_guard(window));
	g_signal_connect_object(ngw_choices_get(), "changed", G_CALLBACK(preferences_show), self, G_CONNECT_SWAPPED);
	preferences_show(self);
	gtk_window_present(GTK_WINDOW(self));
}
