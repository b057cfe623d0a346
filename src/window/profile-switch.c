/* SPDX-License-Identifier: MIT */
/* Offline | Local | Online: see profile-switch.h. */
#include "window/profile-switch.h"

#include <glib/gi18n.h>

#define N_PROFILES 3

struct _NgwProfileSwitch {
	GtkWidget parent;
	GtkWidget *box;
	GtkWidget *toggles[N_PROFILES];
	gboolean is_showing; /* set by us, not clicked */
	/* What is shown: saying it again costs thousands of rows their time. */
	char *name;
	NgwProfile profile, pending;
	gboolean is_default;
};

static guint signal_chosen;

G_DEFINE_FINAL_TYPE(NgwProfileSwitch, ngw_profile_switch, GTK_TYPE_WIDGET)

static void switch_toggled(GtkToggleButton *toggle, gpointer data)
{
	NgwProfileSwitch *self = data;

	if (self->is_showing)
		return;
	/* Back to what is in force: what was clicked is shown when it was really applied. */
	self->is_showing = TRUE;
	gtk_toggle_button_set_active(toggle, !gtk_toggle_button_get_active(toggle));
	self->is_showing = FALSE;
	for (guint i = 0; i < N_PROFILES; i++) {
		if (self->toggles[i] == GTK_WIDGET(toggle))
			g_signal_emit(self, signal_chosen, 0, NGW_PROFILE_OFFLINE + i);
	}
}

static gboolean switch_key(GtkEventControllerKey *controller, guint key, guint code, GdkModifierType modifiers,
			   gpointer data)
{
	NgwProfileSwitch *self = data;
	const gboolean is_mirrored = gtk_widget_get_direction(GTK_WIDGET(self)) == GTK_TEXT_DIR_RTL;
	int step = key == GDK_KEY_Left || key == GDK_KEY_KP_Left ? -1 : key == GDK_KEY_Right || key == GDK_KEY_KP_Right;

	if (step == 0)
		return GDK_EVENT_PROPAGATE;
	if (is_mirrored)
		step = -step;
	for (int i = 0; i < N_PROFILES; i++) {
		if (!gtk_widget_has_focus(self->toggles[i]))
			continue;
		if (i + step >= 0 && i + step < N_PROFILES)
			gtk_widget_grab_focus(self->toggles[i + step]);
		return GDK_EVENT_STOP;
	}
	return GDK_EVENT_PROPAGATE;
}

static GtkWidget *toggle_new(NgwProfileSwitch *self, NgwProfile profile)
{
	GtkWidget *toggle = gtk_toggle_button_new();
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6);
	GtkWidget *label = gtk_label_new(ngw_profile_title(profile));

	gtk_widget_set_halign(box, GTK_ALIGN_CENTER);
	gtk_box_append(GTK_BOX(box), gtk_image_new_from_icon_name(ngw_profile_icon(profile)));
	gtk_box_append(GTK_BOX(box), label);
	gtk_button_set_child(GTK_BUTTON(toggle), box);
	gtk_widget_set_hexpand(toggle, TRUE);
	gtk_widget_add_css_class(toggle, ngw_profile_word(profile));
	g_signal_connect(toggle, "toggled", G_CALLBACK(switch_toggled), self);
	return toggle;
}

static void set_class(GtkWidget *widget, const char *class, gboolean is_set)
{
	if (is_set)
		gtk_widget_add_css_class(widget, class);
	else
		gtk_widget_remove_css_class(widget, class);
}

static char *toggle_name(const char *name, NgwProfile profile, gboolean is_active, gboolean is_default,
			 gboolean is_pending)
{
	const char *title = ngw_profile_title(profile);

	if (is_pending)
		return g_strdup_printf(_("%s: %s, being applied"), name, title);
	if (is_active)
		return g_strdup_printf(_("%s: %s, selected"), name, title);
	if (is_default)
		return g_strdup_printf(_("%s: %s, by default"), name, title);
	return g_strdup_printf(_("%s: %s"), name, title);
}

void ngw_profile_switch_show(NgwProfileSwitch *self, const char *name, NgwProfile profile, gboolean is_default,
			     NgwProfile pending)
{
	if (self->profile == profile && self->is_default == is_default && self->pending == pending &&
	    g_strcmp0(self->name, name) == 0)
		return;
	g_free(self->name);
	self->name = g_strdup(name);
	self->profile = profile;
	self->is_default = is_default;
	self->pending = pending;
	self->is_showing = TRUE;
	for (guint i = 0; i < N_PROFILES; i++) {
		const NgwProfile its = NGW_PROFILE_OFFLINE + i;
		const gboolean is_pending = its == pending;
		const gboolean is_active = its == profile && !is_default;
		const gboolean is_by_default = its == profile && is_default;
		g_autofree char *text = toggle_name(name, its, is_active, is_by_default, is_pending);
		g_autofree char *tip = g_strdup_printf(is_by_default ? _("%s %s (the default: nobody chose)") : "%s %s",
						       name, ngw_profile_effect(its));

		gtk_toggle_button_set_active(GTK_TOGGLE_BUTTON(self->toggles[i]), is_active);
		set_class(self->toggles[i], "pending", is_pending);
		set_class(self->toggles[i], "by-default", is_by_default);
		gtk_widget_set_tooltip_text(self->toggles[i], tip);
		gtk_accessible_update_property(GTK_ACCESSIBLE(self->toggles[i]), GTK_ACCESSIBLE_PROPERTY_LABEL, text,
					       -1);
	}
	self->is_showing = FALSE;
}

/* GTK 4.8 tells assistive technology of the widget that was made insensitive, not of what is in it. */
static void ngw_profile_switch_state_flags_changed(GtkWidget *widget, GtkStateFlags before)
{
	NgwProfileSwitch *self = NGW_PROFILE_SWITCH(widget);

	for (guint i = 0; i < N_PROFILES; i++)
		gtk_accessible_update_state(GTK_ACCESSIBLE(self->toggles[i]), GTK_ACCESSIBLE_STATE_DISABLED,
					    !gtk_widget_is_sensitive(widget), -1);
	GTK_WIDGET_CLASS(ngw_profile_switch_parent_class)->state_flags_changed(widget, before);
}

static void ngw_profile_switch_dispose(GObject *object)
{
	g_clear_pointer(&NGW_PROFILE_SWITCH(object)->box, gtk_widget_unparent);
	G_OBJECT_CLASS(ngw_profile_switch_parent_class)->dispose(object);
}

static void ngw_profile_switch_finalize(GObject *object)
{
	g_free(NGW_PROFILE_SWITCH(object)->name);
	G_OBJECT_CLASS(ngw_profile_switch_parent_class)->finalize(object);
}

static void ngw_profile_switch_class_init(NgwProfileSwitchClass *class)
{
	GtkWidgetClass *widget = GTK_WIDGET_CLASS(class);

	G_OBJECT_CLASS(class)->dispose = ngw_profile_switch_dispose;
	G_OBJECT_CLASS(class)->finalize = ngw_profile_switch_finalize;
	widget->state_flags_changed = ngw_profile_switch_state_flags_changed;
	gtk_widget_class_set_layout_manager_type(widget, GTK_TYPE_BIN_LAYOUT);
	gtk_widget_class_set_accessible_role(widget, GTK_ACCESSIBLE_ROLE_GROUP);
	gtk_widget_class_set_css_name(widget, "profileswitch");
	signal_chosen = g_signal_new("chosen", NGW_TYPE_PROFILE_SWITCH, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
				     G_TYPE_NONE, 1, G_TYPE_INT);
}

static void ngw_profile_switch_init(NgwProfileSwitch *self)
{
	GtkEventController *keys = gtk_event_controller_key_new();

	self->box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 0);
	gtk_box_set_homogeneous(GTK_BOX(self->box), TRUE);
	gtk_widget_add_css_class(self->box, "linked");
	gtk_widget_set_parent(self->box, GTK_WIDGET(self));
	for (guint i = 0; i < N_PROFILES; i++) {
		self->toggles[i] = toggle_new(self, NGW_PROFILE_OFFLINE + i);
		gtk_box_append(GTK_BOX(self->box), self->toggles[i]);
	}
	gtk_event_controller_set_propagation_phase(keys, GTK_PHASE_CAPTURE);
	g_signal_connect(keys, "key-pressed", G_CALLBACK(switch_key), self);
	gtk_widget_add_controller(GTK_WIDGET(self), keys);
}

GtkWidget *ngw_profile_switch_new(void)
{
	return g_object_new(NGW_TYPE_PROFILE_SWITCH, NULL);
}
