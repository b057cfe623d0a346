/* SPDX-License-Identifier: MIT */
/*
 * The files of an application are not those that were approved: which, and what can be done. Shown only then. Main loop
 * only, no power.
 */
#include <glib/gi18n.h>

#include "window/app-page-parts.h"
#include "window/app-page-rows.h"
#include "window/changes.h"

#define MAX_FILES 5

struct _NgwPageApproval {
	NgwPageSection parent;
	GtkWidget *list, *acts, *approve, *differ_row, *differ;
	char *shown; /* what the list was made of */
};

G_DEFINE_FINAL_TYPE(NgwPageApproval, ngw_page_approval, NGW_TYPE_PAGE_SECTION)

static void show_files(NgwPageApproval *self, char **changed)
{
	g_autofree char *text = g_strjoinv("\n", changed);
	const guint n = g_strv_length(changed);
	GtkWidget *row;

	if (g_strcmp0(self->shown, text) == 0)
		return;
	g_free(self->shown);
	self->shown = g_steal_pointer(&text);
	while ((row = gtk_widget_get_first_child(self->list)))
		gtk_list_box_remove(GTK_LIST_BOX(self->list), row);
	for (guint i = 0; i < MIN(n, MAX_FILES); i++)
		gtk_list_box_append(GTK_LIST_BOX(self->list), ngw_page_fact_new(_("Not the file you approved"),
										changed[i], "dialog-warning-symbolic"));
	if (n > MAX_FILES) {
		g_autofree char *more = g_strdup_printf(_("and %u more"), n - MAX_FILES);

		gtk_list_box_append(GTK_LIST_BOX(self->list), ngw_page_fact_new(_("Files"), more, NULL));
	}
}

static void ngw_page_approval_update(NgwPageSection *section, gboolean is_new)
{
	NgwPageApproval *self = NGW_PAGE_APPROVAL(section);
	const NgwAppData *data = ngw_page_section_data(section);
	const NgwPageView *view = ngw_page_section_view(section);
	const gboolean is_changed = data->changed && data->changed[0];
	const gboolean is_own = !data->is_managed && g_str_equal(data->layer, "user");
	g_autofree char *approve = g_strdup_printf(_("Approve this version of %s"), data->name);
	g_autofree char *differ = g_strdup_printf(_("Treat %s as different"), data->name);

	gtk_widget_set_visible(GTK_WIDGET(section), is_changed);
	if (!is_changed)
		return;
	show_files(self, data->changed);
	ngw_page_button_name(self->approve, approve);
	ngw_page_button_name(self->differ, differ);
	gtk_widget_set_sensitive(self->approve, view->may_loosen);
	gtk_widget_set_sensitive(self->differ, view->may_tighten || view->may_loosen);
	gtk_widget_set_visible(self->differ_row, is_own);
}

static void approve_clicked(GtkButton *button, gpointer data)
{
	NgwApp *app = ngw_page_section_app(data);

	if (app)
		ngw_change_approve(GTK_WIDGET(data), app);
}

static void differ_clicked(GtkButton *button, gpointer data)
{
	NgwPageSection *section = data;
	NgwApp *app = ngw_page_section_app(section);

	if (app)
		ngw_page_ask_forget(GTK_WIDGET(section), app, ngw_page_section_view(section)->guard, TRUE);
}

static void ngw_page_approval_finalize(GObject *object)
{
	g_free(NGW_PAGE_APPROVAL(object)->shown);
	G_OBJECT_CLASS(ngw_page_approval_parent_class)->finalize(object);
}

static void ngw_page_approval_class_init(NgwPageApprovalClass *class)
{
	G_OBJECT_CLASS(class)->finalize = ngw_page_approval_finalize;
	NGW_PAGE_SECTION_CLASS(class)->update = ngw_page_approval_update;
}

static GtkWidget *add_act(NgwPageApproval *self, const char *title, const char *subtitle, GtkWidget *button)
{
	GtkWidget *row = ngw_page_row_new();

	ngw_page_row_set(row, title, subtitle);
	adw_action_row_add_suffix(ADW_ACTION_ROW(row), button);
	gtk_list_box_append(GTK_LIST_BOX(self->acts), row);
	return row;
}

static void ngw_page_approval_init(NgwPageApproval *self)
{
	AdwPreferencesGroup *group = ADW_PREFERENCES_GROUP(self);

	gtk_widget_set_visible(GTK_WIDGET(self), FALSE);
	adw_preferences_group_set_title(group, _("Changed since you approved it"));
	adw_preferences_group_set_description(group, _("An update does this, and so does somebody who swaps the "
						       "program. Its profile holds for the new version too until you "
						       "decide."));
	self->list = ngw_page_list_new(_("Files that changed"));
	self->acts = ngw_page_list_new(_("What to do about it"));
	self->approve = ngw_page_button_new(_("Approve"), "");
	gtk_widget_add_css_class(self->approve, "suggested-action");
	g_signal_connect(self->approve, "clicked", G_CALLBACK(approve_clicked), self);
	add_act(self, _("Approve this version"), _("You know why it changed: it was updated, or you did it."),
		self->approve);
	self->differ = ngw_page_button_new(_("Forget…"), "");
	g_signal_connect(self->differ, "clicked", G_CALLBACK(differ_clicked), self);
	self->differ_row = add_act(self, _("Treat as different"),
				   _("It is another program now, which nobody has decided on."), self->differ);
	gtk_widget_set_margin_top(self->acts, 12);
	adw_preferences_group_add(group, self->list);
	adw_preferences_group_add(group, self->acts);
}
