/* SPDX-License-Identifier: MIT */
/* A button before what not everybody may see: see app-page-gate.h. */
#include "window/app-page-gate.h"

#include <unistd.h>

struct _NgwPageGate {
	GtkWidget parent;
	GtkWidget *button, *lock, *label;
	NgwPageSection *section; /* we are in it */
	char *action, *closed, *open;
	gboolean opens_itself;
	gboolean is_open;
	gboolean is_pressed; /* and not asked yet */
};

G_DEFINE_FINAL_TYPE(NgwPageGate, ngw_page_gate, GTK_TYPE_WIDGET)

const char *ngw_page_gate_permission(NgwPageGate *self)
{
	return ngw_guard_permission(ngw_page_section_view(self->section)->guard, self->action);
}

static gboolean is_free(NgwPageGate *self)
{
	return g_str_equal(ngw_page_gate_permission(self), "yes");
}

gboolean ngw_page_gate_is_open(NgwPageGate *self)
{
	return self->is_open || (self->opens_itself && is_free(self));
}

gboolean ngw_page_gate_may_ask(NgwPageGate *self)
{
	const gboolean was_pressed = self->is_pressed;

	self->is_pressed = FALSE;
	return was_pressed || is_free(self);
}

static void gate_show(NgwPageGate *self)
{
	const gboolean is_root = getuid() == 0; /* who sees everything anyway */
	const gboolean is_asked = g_str_equal(ngw_page_gate_permission(self), "authenticate");

	gtk_label_set_text(GTK_LABEL(self->label), self->is_open ? self->open : self->closed);
	gtk_widget_set_visible(self->lock, is_asked && !self->is_open);
	gtk_widget_set_visible(GTK_WIDGET(self),
			       is_asked || (is_free(self) && !self->opens_itself && !is_root && !self->is_open));
}

void ngw_page_gate_update(NgwPageGate *self, gboolean is_new)
{
	if (is_new)
		self->is_open = self->is_pressed = FALSE;
	gate_show(self);
}

void ngw_page_gate_close(NgwPageGate *self)
{
	self->is_open = self->is_pressed = FALSE;
	gate_show(self);
}

static void gate_clicked(GtkButton *button, gpointer data)
{
	NgwPageGate *self = data;

	self->is_open = self->is_pressed = TRUE;
	gate_show(self);
	ngw_page_section_stir(self->section);
}

static void ngw_page_gate_dispose(GObject *object)
{
	g_clear_pointer(&NGW_PAGE_GATE(object)->button, gtk_widget_unparent);
	G_OBJECT_CLASS(ngw_page_gate_parent_class)->dispose(object);
}

static void ngw_page_gate_finalize(GObject *object)
{
	NgwPageGate *self = NGW_PAGE_GATE(object);

	g_free(self->action);
	g_free(self->closed);
	g_free(self->open);
	G_OBJECT_CLASS(ngw_page_gate_parent_class)->finalize(object);
}

static void ngw_page_gate_class_init(NgwPageGateClass *class)
{
	G_OBJECT_CLASS(class)->dispose = ngw_page_gate_dispose;
	G_OBJECT_CLASS(class)->finalize = ngw_page_gate_finalize;
	gtk_widget_class_set_layout_manager_type(GTK_WIDGET_CLASS(class), GTK_TYPE_BIN_LAYOUT);
}

static void ngw_page_gate_init(NgwPageGate *self)
{
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6);

	self->lock = gtk_image_new_from_icon_name("changes-prevent-symbolic");
	self->label = gtk_label_new(NULL);
	self->button = gtk_button_new();
	gtk_box_append(GTK_BOX(box), self->lock);
	gtk_box_append(GTK_BOX(box), self->label);
	gtk_button_set_child(GTK_BUTTON(self->button), box);
	gtk_widget_add_css_class(self->button, "flat");
	gtk_widget_set_valign(self->button, GTK_ALIGN_CENTER);
	gtk_widget_set_parent(self->button, GTK_WIDGET(self));
	gtk_widget_set_visible(GTK_WIDGET(self), FALSE);
	g_signal_connect(self->button, "clicked", G_CALLBACK(gate_clicked), self);
}

NgwPageGate *ngw_page_gate_new(NgwPageSection *section, const char *action, const char *closed, const char *open,
			       const char *name, gboolean opens_itself)
{
	NgwPageGate *self = g_object_new(NGW_TYPE_PAGE_GATE, NULL);

	self->section = section;
	self->action = g_strdup(action);
	self->closed = g_strdup(closed);
	self->open = g_strdup(open);
	self->opens_itself = opens_itself;
	gtk_accessible_update_property(GTK_ACCESSIBLE(self->button), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
	adw_preferences_group_set_header_suffix(ADW_PREFERENCES_GROUP(section), GTK_WIDGET(self));
	return self;
}
