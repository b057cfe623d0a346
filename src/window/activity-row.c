/* SPDX-License-Identifier: MIT */
/* One row of Activity: see activity-row.h. */
#include "window/activity-row.h"

#include <glib/gi18n.h>

#include "window/activity-acts.h"
#include "window/format.h"

#define WIDTH_CHARS 8 /* of wrapped lines: few enough for 360 pixels and large text */

struct _NgwActivityRow {
	GtkWidget parent;
	NgwWindow *window; /* borrowed */
	GtkWidget *icon, *texts, *name, *when, *destination, *verdict_icon, *verdict, *process, *menu;
	NgwActivityGroup *group; /* owned */
	gulong handler;
	gboolean is_stale; /* changed while nobody could see it */
};

G_DEFINE_FINAL_TYPE(NgwActivityRow, ngw_activity_row, GTK_TYPE_WIDGET)

const NgwAttempt *ngw_activity_row_attempt(NgwActivityRow *self)
{
	return self->group ? ngw_activity_group_attempt(self->group) : NULL;
}

static const NgwAttempt *row_shown(GtkWidget *widget)
{
	return ngw_activity_row_attempt(NGW_ACTIVITY_ROW(widget));
}

/* "Blocked 12 times: it is Offline". */
static char *verdict_text(NgwActivityRow *self, const NgwAttempt *attempt)
{
	g_autofree char *times = ngw_format_times(attempt->count);
	g_autofree char *decider = ngw_activity_decider_name(self->window, attempt);
	const char *title = ngw_verdict_title(attempt->verdict), *why = ngw_attempt_why(attempt);

	if (decider && attempt->verdict != NGW_VERDICT_ALLOWED)
		/* Translators: "Blocked 3 times because of Terminal, which started it: it is Offline" */
		return g_strdup_printf(_("%s %s because of %s, which started it: %s"), title, times, decider, why);
	/* Translators: "Blocked 3 times: it is Offline" */
	return g_strdup_printf(_("%s %s: %s"), title, times, why);
}

/* What changes each time: kept cheap. */
static void row_show_counts(NgwActivityRow *self)
{
	const NgwAttempt *attempt = ngw_activity_group_attempt(self->group);
	GtkWidget *item = gtk_widget_get_parent(GTK_WIDGET(self));
	g_autofree char *verdict = verdict_text(self, attempt);
	g_autofree char *when = ngw_format_when(attempt->last);
	g_autofree char *user = attempt->uid == getuid() ? NULL : ngw_user_name(attempt->uid);
	g_autofree char *process = ngw_attempt_process(attempt, user);
	g_autofree char *sentence = ngw_attempt_sentence(attempt, gtk_label_get_text(GTK_LABEL(self->name)));

	gtk_label_set_text(GTK_LABEL(self->when), when);
	gtk_label_set_text(GTK_LABEL(self->verdict), verdict);
	gtk_label_set_text(GTK_LABEL(self->process), process);
	/* The list's own widget around this one has no name before GTK 4.12. */
	if (item)
		gtk_accessible_update_property(GTK_ACCESSIBLE(item), GTK_ACCESSIBLE_PROPERTY_LABEL, sentence, -1);
}

static void row_changed(NgwActivityRow *self)
{
	if (gtk_widget_get_mapped(GTK_WIDGET(self)))
		row_show_counts(self);
	else
		self->is_stale = TRUE;
}

static void row_show(NgwActivityRow *self)
{
	const NgwAttempt *attempt = ngw_activity_group_attempt(self->group);
	g_autofree char *name = ngw_activity_name(self->window, attempt);
	g_autofree char *destination = ngw_attempt_destination(attempt);
	g_autofree char *more = g_strdup_printf(_("What to do about %s, %s"), name, destination);
	g_autoptr(GIcon) icon = ngw_activity_icon(self->window, attempt);
	const gboolean is_allowed = attempt->verdict == NGW_VERDICT_ALLOWED;

	gtk_image_set_from_gicon(GTK_IMAGE(self->icon), icon);
	gtk_label_set_text(GTK_LABEL(self->name), name);
	gtk_label_set_text(GTK_LABEL(self->destination), destination);
	gtk_image_set_from_icon_name(GTK_IMAGE(self->verdict_icon),
				     is_allowed ? "object-select-symbolic" : "action-unavailable-symbolic");
	gtk_accessible_update_property(GTK_ACCESSIBLE(self->texts), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION,
				       attempt->executable, -1);
	gtk_accessible_update_property(GTK_ACCESSIBLE(self->menu), GTK_ACCESSIBLE_PROPERTY_LABEL, more, -1);
	row_show_counts(self);
}

void ngw_activity_row_set_group(NgwActivityRow *self, NgwActivityGroup *group)
{
	if (self->group)
		g_signal_handler_disconnect(self->group, self->handler);
	g_set_object(&self->group, group);
	if (!group)
		return;
	self->handler = g_signal_connect_swapped(group, "changed", G_CALLBACK(row_changed), self);
	row_show(self);
}

void ngw_activity_row_refresh(NgwActivityRow *self)
{
	g_autofree char *name =
		self->group ? ngw_activity_name(self->window, ngw_activity_group_attempt(self->group)) : NULL;

	if (name && !g_str_equal(name, gtk_label_get_text(GTK_LABEL(self->name))))
		row_show(self);
}

void ngw_activity_row_popup(NgwActivityRow *self)
{
	gtk_menu_button_popup(GTK_MENU_BUTTON(self->menu));
}

/* Made when it is opened: most rows never are. */
static void menu_fill(GtkMenuButton *button, gpointer data)
{
	NgwActivityRow *self = data;
	g_autoptr(GMenuModel) menu = self->group ? ngw_activity_acts_menu(GTK_WIDGET(self)) : NULL;

	if (!menu)
		return;
	ngw_activity_acts_update(GTK_WIDGET(self));
	gtk_menu_button_set_popover(button, gtk_popover_menu_new_from_model(menu));
}

static void right_clicked(NgwActivityRow *self)
{
	ngw_activity_row_popup(self);
}

/* Setting a tooltip's text asks the display where the pointer is, and waits: a tenth of what a row took to be shown. */
static gboolean texts_tooltip(GtkWidget *texts, int x, int y, gboolean by_keyboard, GtkTooltip *tooltip, gpointer data)
{
	const NgwAttempt *attempt = ngw_activity_row_attempt(data);

	if (attempt && *attempt->executable)
		gtk_tooltip_set_text(tooltip, attempt->executable);
	return attempt && *attempt->executable;
}

static gboolean menu_tooltip(GtkWidget *menu, int x, int y, gboolean by_keyboard, GtkTooltip *tooltip, gpointer data)
{
	gtk_tooltip_set_text(tooltip, _("Allow, and more"));
	return TRUE;
}

/* --- life --- */

static GtkWidget *label_new(gboolean wraps, const char *class)
{
	GtkWidget *label = gtk_label_new(NULL);

	gtk_label_set_xalign(GTK_LABEL(label), 0);
	gtk_widget_set_hexpand(label, TRUE);
	if (wraps) {
		gtk_label_set_wrap(GTK_LABEL(label), TRUE);
		gtk_label_set_wrap_mode(GTK_LABEL(label), PANGO_WRAP_WORD_CHAR);
		/* Else GTK lays it out with one letter a line, to see how narrow it can be. */
		gtk_label_set_width_chars(GTK_LABEL(label), WIDTH_CHARS);
	} else {
		gtk_label_set_ellipsize(GTK_LABEL(label), PANGO_ELLIPSIZE_END);
	}
	if (class)
		gtk_widget_add_css_class(label, class);
	return label;
}

/* A small icon before the first line of a label that wraps. Not a box: with a wrapped label in it GTK 4.8 measures one
 * pixel less than it needs, and warns. */
static GtkWidget *with_icon(GtkWidget *label, GtkWidget *icon)
{
	GtkWidget *overlay = gtk_overlay_new();

	gtk_image_set_pixel_size(GTK_IMAGE(icon), 12);
	gtk_widget_set_valign(icon, GTK_ALIGN_START);
	gtk_widget_set_halign(icon, GTK_ALIGN_START);
	gtk_widget_set_margin_top(icon, 2);
	gtk_widget_set_margin_start(label, 18);
	gtk_overlay_set_child(GTK_OVERLAY(overlay), label);
	gtk_overlay_add_overlay(GTK_OVERLAY(overlay), icon);
	return overlay;
}

static void row_build_texts(NgwActivityRow *self)
{
	GtkWidget *first = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6);

	self->texts = gtk_box_new(GTK_ORIENTATION_VERTICAL, 2);
	self->name = label_new(FALSE, "row-name");
	self->when = label_new(FALSE, "dim-label");
	gtk_widget_add_css_class(self->when, "caption");
	gtk_widget_add_css_class(self->when, "numeric");
	gtk_widget_set_hexpand(self->when, FALSE);
	gtk_label_set_ellipsize(GTK_LABEL(self->when), PANGO_ELLIPSIZE_NONE);
	self->destination = label_new(TRUE, "numeric");
	self->verdict_icon = gtk_image_new();
	gtk_accessible_update_state(GTK_ACCESSIBLE(self->verdict_icon), GTK_ACCESSIBLE_STATE_HIDDEN, TRUE, -1);
	self->verdict = label_new(TRUE, "caption");
	self->process = label_new(TRUE, "caption");
	gtk_widget_add_css_class(self->process, "dim-label");
	gtk_box_append(GTK_BOX(first), self->name);
	gtk_box_append(GTK_BOX(first), self->when);
	gtk_box_append(GTK_BOX(self->texts), first);
	gtk_box_append(GTK_BOX(self->texts), self->destination);
	gtk_box_append(GTK_BOX(self->texts), with_icon(self->verdict, self->verdict_icon));
	gtk_box_append(GTK_BOX(self->texts), self->process);
	gtk_widget_set_hexpand(self->texts, TRUE);
	g_object_set(self->texts, "has-tooltip", TRUE, NULL);
	g_signal_connect(self->texts, "query-tooltip", G_CALLBACK(texts_tooltip), self);
	gtk_widget_set_parent(self->texts, GTK_WIDGET(self));
}

static void row_build_menu(NgwActivityRow *self)
{
	self->menu = gtk_menu_button_new();
	gtk_menu_button_set_icon_name(GTK_MENU_BUTTON(self->menu), "view-more-symbolic");
	gtk_menu_button_set_create_popup_func(GTK_MENU_BUTTON(self->menu), menu_fill, self, NULL);
	g_object_set(self->menu, "has-tooltip", TRUE, NULL);
	g_signal_connect(self->menu, "query-tooltip", G_CALLBACK(menu_tooltip), NULL);
	gtk_accessible_update_property(GTK_ACCESSIBLE(self->menu), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION,
				       _("Allow, and more"), -1);
	gtk_widget_set_valign(self->menu, GTK_ALIGN_CENTER);
	gtk_widget_add_css_class(self->menu, "flat");
	gtk_widget_set_parent(self->menu, GTK_WIDGET(self));
}

static void ngw_activity_row_map(GtkWidget *widget)
{
	NgwActivityRow *self = NGW_ACTIVITY_ROW(widget);

	GTK_WIDGET_CLASS(ngw_activity_row_parent_class)->map(widget);
	if (self->is_stale && self->group)
		row_show_counts(self);
	self->is_stale = FALSE;
}

static void ngw_activity_row_dispose(GObject *object)
{
	NgwActivityRow *self = NGW_ACTIVITY_ROW(object);

	ngw_activity_row_set_group(self, NULL);
	g_clear_pointer(&self->icon, gtk_widget_unparent);
	g_clear_pointer(&self->texts, gtk_widget_unparent);
	g_clear_pointer(&self->menu, gtk_widget_unparent);
	G_OBJECT_CLASS(ngw_activity_row_parent_class)->dispose(object);
}

static void ngw_activity_row_class_init(NgwActivityRowClass *class)
{
	GtkWidgetClass *widget = GTK_WIDGET_CLASS(class);

	G_OBJECT_CLASS(class)->dispose = ngw_activity_row_dispose;
	widget->map = ngw_activity_row_map;
	gtk_widget_class_set_layout_manager_type(widget, GTK_TYPE_BOX_LAYOUT);
	gtk_widget_class_set_css_name(widget, "activityrow");
	gtk_widget_class_set_accessible_role(widget, GTK_ACCESSIBLE_ROLE_GROUP);
	ngw_activity_acts_install(widget, row_shown);
}

static void ngw_activity_row_init(NgwActivityRow *self)
{
	GtkGesture *click = gtk_gesture_click_new();

	gtk_box_layout_set_spacing(GTK_BOX_LAYOUT(gtk_widget_get_layout_manager(GTK_WIDGET(self))), 12);
	self->icon = gtk_image_new();
	gtk_image_set_pixel_size(GTK_IMAGE(self->icon), 32);
	gtk_widget_set_valign(self->icon, GTK_ALIGN_START);
	gtk_accessible_update_state(GTK_ACCESSIBLE(self->icon), GTK_ACCESSIBLE_STATE_HIDDEN, TRUE, -1);
	gtk_widget_set_parent(self->icon, GTK_WIDGET(self));
	row_build_texts(self);
	row_build_menu(self);
	gtk_gesture_single_set_button(GTK_GESTURE_SINGLE(click), GDK_BUTTON_SECONDARY);
	g_signal_connect_swapped(click, "pressed", G_CALLBACK(right_clicked), self);
	gtk_widget_add_controller(GTK_WIDGET(self), GTK_EVENT_CONTROLLER(click));
}

GtkWidget *ngw_activity_row_new(NgwWindow *window)
{
	NgwActivityRow *self = g_object_new(NGW_TYPE_ACTIVITY_ROW, NULL);

	self->window = window;
	return GTK_WIDGET(self);
}
