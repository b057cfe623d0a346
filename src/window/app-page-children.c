/* SPDX-License-Identifier: MIT */
/*
 * Whether the programs an application starts share its profile. The switch shows what is in force: it moves when the
 * guard has said so. Main loop only, no power.
 */
#include <glib/gi18n.h>

#include "window/app-page-parts.h"
#include "window/app-page-rows.h"
#include "window/changes.h"

struct _NgwPageChildren {
	NgwPageSection parent;
	GtkWidget *list, *row, *sharing;
	gboolean is_showing; /* set by us, not by the person */
	gboolean is_asked;
};

G_DEFINE_FINAL_TYPE(NgwPageChildren, ngw_page_children, NGW_TYPE_PAGE_SECTION)

static void ngw_page_children_update(NgwPageSection *section, gboolean is_new)
{
	NgwPageChildren *self = NGW_PAGE_CHILDREN(section);
	const NgwAppData *data = ngw_page_section_data(section);
	const NgwPageView *view = ngw_page_section_view(section);
	const gboolean is_shared = g_strcmp0(data->children, "own") != 0;
	g_autofree char *name = g_strdup_printf(_("Programs that %s starts share its profile"), data->name);
	g_autofree char *shared = g_strdup_printf(_("What %s starts may reach no more than %s itself, whatever it is: "
						    "copying or renaming a program gains nothing."),
						  data->name, data->name);
	g_autofree char *own = g_strdup_printf(_("What %s starts has its own profile. A shell or a desktop needs that; "
						 "anything else can get around its profile this way."),
					       data->name);

	if (is_new)
		self->is_asked = FALSE;
	gtk_widget_set_visible(GTK_WIDGET(section), ngw_app_is_decided(ngw_page_section_app(section)));
	ngw_page_row_set(self->row, _("They share its profile"), is_shared ? shared : own);
	ngw_page_button_name(self->sharing, name);
	gtk_widget_set_sensitive(self->sharing, !data->is_managed && !self->is_asked &&
							(is_shared ? view->may_loosen : view->may_tighten));
	if (self->is_asked)
		return;
	self->is_showing = TRUE;
	gtk_switch_set_active(GTK_SWITCH(self->sharing), is_shared);
	gtk_switch_set_state(GTK_SWITCH(self->sharing), is_shared);
	self->is_showing = FALSE;
}

static void sharing_done(const GError *error, gpointer data)
{
	g_autoptr(NgwPageChildren) self = data;

	self->is_asked = FALSE;
	if (ngw_page_section_app(NGW_PAGE_SECTION(self)))
		ngw_page_children_update(NGW_PAGE_SECTION(self), FALSE);
}

static gboolean sharing_set(GtkSwitch *sharing, gboolean is_on, gpointer data)
{
	NgwPageChildren *self = data;
	NgwApp *app = ngw_page_section_app(data);

	if (self->is_showing)
		return FALSE;
	if (app && !self->is_asked) {
		self->is_asked = TRUE;
		ngw_page_change(GTK_WIDGET(self), app, NULL, is_on ? "inherit" : "own", sharing_done,
				g_object_ref(self));
	}
	return TRUE; /* its state follows when it is so */
}

static void ngw_page_children_class_init(NgwPageChildrenClass *class)
{
	NGW_PAGE_SECTION_CLASS(class)->update = ngw_page_children_update;
}

static void ngw_page_children_init(NgwPageChildren *self)
{
	AdwPreferencesGroup *group = ADW_PREFERENCES_GROUP(self);

	adw_preferences_group_set_title(group, _("Programs it starts"));
	self->list = ngw_page_list_new(_("Programs it starts"));
	self->row = ngw_page_row_new();
	self->sharing = gtk_switch_new();
	gtk_widget_set_valign(self->sharing, GTK_ALIGN_CENTER);
	g_signal_connect(self->sharing, "state-set", G_CALLBACK(sharing_set), self);
	adw_action_row_add_suffix(ADW_ACTION_ROW(self->row), self->sharing);
	gtk_list_box_append(GTK_LIST_BOX(self->list), self->row);
	adw_preferences_group_add(group, self->list);
}
