/* SPDX-License-Identifier: MIT */
/*
 * The hosts an application may reach whatever its profile: a list with remove, and an entry to add to it. Whether an
 * entry is one, the guard says; its words are shown below the entry. Main loop only, no power.
 */
#include <glib/gi18n.h>

#include "window/app-page-parts.h"
#include "window/app-page-rows.h"
#include "window/app-page-texts.h"
#include "window/changes.h"

#define MAX_ROWS 100

struct _NgwPageAllow {
	NgwPageSection parent;
	GtkWidget *list, *adding, *entry, *problem, *problem_text;
	gboolean is_asked;
};

G_DEFINE_FINAL_TYPE(NgwPageAllow, ngw_page_allow, NGW_TYPE_PAGE_SECTION)

static gboolean is_locked(NgwPageSection *section)
{
	return ngw_page_section_data(section)->is_managed || !ngw_page_section_view(section)->may_tighten;
}

static void say_problem(NgwPageAllow *self, const char *text)
{
	gtk_label_set_text(GTK_LABEL(self->problem_text), text ? text : "");
	gtk_widget_set_visible(self->problem, text != NULL);
	if (text)
		gtk_widget_add_css_class(self->entry, "error");
	else
		gtk_widget_remove_css_class(self->entry, "error");
}

/* --- the list --- */

static void remove_clicked(GtkButton *button, gpointer data)
{
	NgwApp *app = ngw_page_section_app(data);
	const char *gone = g_object_get_data(G_OBJECT(button), "ngw-entry");
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
	g_auto(GStrv) rest = NULL;

	if (!app)
		return;
	for (char **entry = ngw_app_data(app)->allow; entry && *entry; entry++) {
		if (!g_str_equal(*entry, gone))
			g_strv_builder_add(builder, *entry);
	}
	rest = g_strv_builder_end(builder);
	ngw_page_change(GTK_WIDGET(data), app, (const char *const *)rest, NULL, NULL, NULL);
}

static GtkWidget *host_new(gpointer item, gpointer data)
{
	GtkWidget *row = ngw_page_row_new();
	GtkWidget *button = gtk_button_new_from_icon_name("user-trash-symbolic");

	adw_preferences_row_set_title_selectable(ADW_PREFERENCES_ROW(row), TRUE);
	gtk_widget_add_css_class(button, "flat");
	gtk_widget_set_valign(button, GTK_ALIGN_CENTER);
	gtk_widget_set_tooltip_text(button, _("Do not allow it any more"));
	g_object_set_data_full(G_OBJECT(button), "ngw-entry", g_strdup(*(char **)item), g_free);
	g_object_set_data(G_OBJECT(row), "ngw-button", button);
	g_signal_connect(button, "clicked", G_CALLBACK(remove_clicked), data);
	adw_action_row_add_suffix(ADW_ACTION_ROW(row), button);
	return row;
}

static void host_show(GtkWidget *row, gpointer item, gpointer data)
{
	NgwPageSection *section = data;
	const char *entry = *(char **)item, *meaning = ngw_page_allow_meaning(entry);
	GtkWidget *button = g_object_get_data(G_OBJECT(row), "ngw-button");
	g_autofree char *name =
		g_strdup_printf(_("Do not allow %s for %s any more"), entry, ngw_page_section_data(section)->name);

	ngw_page_row_set(row, entry, meaning ? meaning : "");
	ngw_page_button_name(button, name);
	gtk_widget_set_visible(button, !is_locked(section));
}

static void show_list(NgwPageAllow *self, const NgwAppData *data)
{
	const NgwPageListStyle style = { host_new, host_show, self, MAX_ROWS, FALSE };
	g_autoptr(GPtrArray) items = g_ptr_array_new();
	g_autofree char *more = NULL;

	for (char **entry = data->allow; entry && *entry; entry++)
		g_ptr_array_add(items, entry); /* a row's key is the entry itself */
	if (items->len > MAX_ROWS)
		more = g_strdup_printf(_("and %u more"), items->len - MAX_ROWS);
	ngw_page_list_sync(self->list, items, &style, _("No host is allowed beyond the profile."), more);
}

static void ngw_page_allow_update(NgwPageSection *section, gboolean is_new)
{
	NgwPageAllow *self = NGW_PAGE_ALLOW(section);
	const NgwAppData *data = ngw_page_section_data(section);

	gtk_widget_set_visible(GTK_WIDGET(section), ngw_app_is_decided(ngw_page_section_app(section)));
	adw_preferences_group_set_description(ADW_PREFERENCES_GROUP(section),
					      data->profile == NGW_PROFILE_ONLINE
						      ? _("Online reaches every host; these matter when it is Local or "
							  "Offline.")
						      : _("These can be reached whatever the profile says."));
	if (is_new) {
		self->is_asked = FALSE;
		gtk_editable_set_text(GTK_EDITABLE(self->entry), "");
		say_problem(self, NULL);
		ngw_page_list_sync(self->list, NULL, &(NgwPageListStyle){ .max = 0 }, NULL, NULL);
	}
	show_list(self, data);
	gtk_widget_set_visible(self->adding, !data->is_managed && ngw_page_section_view(section)->may_loosen);
}

/* --- adding --- */

static void add_done(const GError *error, gpointer data)
{
	g_autoptr(NgwPageAllow) self = data;

	self->is_asked = FALSE;
	if (!ngw_page_section_app(NGW_PAGE_SECTION(self)))
		return;
	say_problem(self, error ? error->message : NULL);
	if (!error)
		gtk_editable_set_text(GTK_EDITABLE(self->entry), "");
}

static void host_given(NgwPageAllow *self)
{
	NgwApp *app = ngw_page_section_app(NGW_PAGE_SECTION(self));
	g_autofree char *text = g_strstrip(g_strdup(gtk_editable_get_text(GTK_EDITABLE(self->entry))));
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
	g_auto(GStrv) list = NULL;
	char **old = app ? ngw_app_data(app)->allow : NULL;

	if (!app || self->is_asked || !*text)
		return;
	if (old && g_strv_contains((const char *const *)old, text)) {
		say_problem(self, _("It is in the list already."));
		return;
	}
	for (char **each = old; each && *each; each++)
		g_strv_builder_add(builder, *each);
	g_strv_builder_add(builder, text);
	list = g_strv_builder_end(builder);
	say_problem(self, NULL);
	self->is_asked = TRUE;
	ngw_page_change(GTK_WIDGET(self), app, (const char *const *)list, NULL, add_done, g_object_ref(self));
}

/* --- life --- */

static void ngw_page_allow_class_init(NgwPageAllowClass *class)
{
	NGW_PAGE_SECTION_CLASS(class)->update = ngw_page_allow_update;
}

static void build_problem(NgwPageAllow *self)
{
	GtkWidget *icon = gtk_image_new_from_icon_name("dialog-warning-symbolic");

	gtk_accessible_update_state(GTK_ACCESSIBLE(icon), GTK_ACCESSIBLE_STATE_HIDDEN, TRUE, -1);
	self->problem = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 6);
	self->problem_text = gtk_label_new(NULL);
	gtk_label_set_wrap(GTK_LABEL(self->problem_text), TRUE);
	gtk_label_set_wrap_mode(GTK_LABEL(self->problem_text), PANGO_WRAP_WORD_CHAR);
	gtk_label_set_xalign(GTK_LABEL(self->problem_text), 0);
	gtk_box_append(GTK_BOX(self->problem), icon);
	gtk_box_append(GTK_BOX(self->problem), self->problem_text);
	gtk_widget_add_css_class(self->problem, "error");
	gtk_widget_set_margin_top(self->problem, 6);
	gtk_widget_set_margin_start(self->problem, 12);
	gtk_widget_set_visible(self->problem, FALSE);
}

static void ngw_page_allow_init(NgwPageAllow *self)
{
	AdwPreferencesGroup *group = ADW_PREFERENCES_GROUP(self);

	adw_preferences_group_set_title(group, _("Allowed hosts"));
	self->list = ngw_page_list_new(_("Allowed hosts"));
	self->adding = ngw_page_list_new(_("Allow another host"));
	self->entry = ngw_page_entry_new(_("Another: 203.0.113.5:443/tcp"), _("Allow"), _("Allow this host"),
					 G_CALLBACK(host_given), self);
	gtk_list_box_append(GTK_LIST_BOX(self->adding), self->entry);
	gtk_widget_set_margin_top(self->adding, 12);
	build_problem(self);
	adw_preferences_group_add(group, self->list);
	adw_preferences_group_add(group, self->adding);
	adw_preferences_group_add(group, self->problem);
}
