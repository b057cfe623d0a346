/* SPDX-License-Identifier: MIT */
/*
 * Why it is so: the guard's sentence, and the rule and the file behind it; and "Can it reach…", which asks the guard
 * about one destination. Decides nothing itself. Main loop only, no power.
 */
#include <glib/gi18n.h>

#include "window/app-page-parts.h"
#include "window/app-page-rows.h"
#include "window/app-page-texts.h"

struct _NgwPageWhy {
	NgwPageSection parent;
	GtkWidget *facts, *asking, *entry, *answer, *answer_icon, *allow;
	char *shown;       /* what `facts` was made of */
	char *destination; /* asked about last; NULL: none */
	char *allowable;   /* the entry that would allow it; NULL: none */
};

G_DEFINE_FINAL_TYPE(NgwPageWhy, ngw_page_why, NGW_TYPE_PAGE_SECTION)

/* --- why it is so --- */

static void show_facts(NgwPageWhy *self, const char *text, const char *rule, const char *path)
{
	g_autofree char *all = g_strjoin("\n", text, rule, path, NULL);
	GtkListBox *list = GTK_LIST_BOX(self->facts);
	GtkWidget *row;

	if (g_strcmp0(self->shown, all) == 0)
		return;
	g_free(self->shown);
	self->shown = g_steal_pointer(&all);
	while ((row = gtk_widget_get_first_child(self->facts)))
		gtk_list_box_remove(list, row);
	gtk_list_box_append(list, ngw_page_fact_new(_("In short"), text, NULL));
	if (*rule)
		gtk_list_box_append(list, ngw_page_fact_new(_("Rule"), rule, NULL));
	if (*path)
		gtk_list_box_append(list, ngw_page_fact_new(_("File"), path, NULL));
	else if (*rule)
		gtk_list_box_append(list,
				    ngw_page_fact_new(_("File"), _("None: the default for unknown programs"), NULL));
}

static void explained(NgwPageSection *section, gpointer reply, const GError *error)
{
	NgwPageWhy *self = NGW_PAGE_WHY(section);
	g_autoptr(GVariant) result = reply ? g_variant_get_child_value(reply, 0) : NULL;

	if (error && !ngw_page_section_view(section)->is_live)
		return;
	if (error)
		show_facts(self, error->message, "", "");
	else
		show_facts(self, ngw_dict_string(result, "text", ""), ngw_dict_string(result, "rule", ""),
			   ngw_dict_string(result, "path", ""));
}

/* --- can it reach --- */

static void show_answer(NgwPageWhy *self, const char *icon, const char *title, const char *detail)
{
	gtk_image_set_from_icon_name(GTK_IMAGE(self->answer_icon), icon);
	ngw_page_row_set(self->answer, title, detail);
}

static void show_hint(NgwPageWhy *self)
{
	g_clear_pointer(&self->destination, g_free);
	g_clear_pointer(&self->allowable, g_free);
	gtk_widget_set_visible(self->allow, FALSE);
	show_answer(self, "dialog-information-symbolic", _("Write an address"),
		    _("With a port and protocol if you like: 203.0.113.5:443/tcp or [2001:db8::1]:53/udp"));
}

static char *rule_text(GVariant *result)
{
	const char *rule = ngw_dict_string(result, "rule", ""), *path = ngw_dict_string(result, "path", "");

	if (*path)
		return g_strdup_printf(_("Rule: %s, in %s"), rule, path);
	return g_strdup_printf(_("Rule: %s, the default for unknown programs"), rule);
}

static void show_verdict(NgwPageWhy *self, GVariant *result)
{
	const NgwPageView *view = ngw_page_section_view(NGW_PAGE_SECTION(self));
	const gboolean is_allowed = g_str_equal(ngw_dict_string(result, "verdict", ""), "allowed");
	const char *word = ngw_dict_string(result, "reason", "");
	g_autofree char *reason = ngw_page_reason_text(word, ngw_dict_string(result, "text", ""));
	g_autofree char *rule = rule_text(result);
	g_autofree char *title = NULL;
	/* Translators: an address and where it is: "203.0.113.5 is on the Internet. Rule: ..." */
	g_autofree char *detail = g_strdup_printf(_("%s is %s. %s"), self->destination,
						  ngw_page_class_text(ngw_dict_string(result, "class", "")), rule);

	if (is_allowed)
		title = g_strdup_printf(_("Yes: %s"), reason);
	else if (ngw_guard_is_simulation(view->guard))
		title = g_strdup_printf(_("It would be blocked: %s"), reason);
	else
		title = g_strdup_printf(_("No: %s"), reason);
	show_answer(self, is_allowed ? "emblem-ok-symbolic" : "action-unavailable-symbolic", title, detail);
	if (!is_allowed && ngw_page_reason_is_allowable(word))
		self->allowable =
			g_strdup(g_str_equal(self->destination, "localhost") ? "loopback" : self->destination);
}

static void show_allow(NgwPageWhy *self)
{
	NgwPageSection *section = NGW_PAGE_SECTION(self);
	NgwApp *app = ngw_page_section_app(section);
	g_autofree char *name = NULL;

	gtk_widget_set_visible(self->allow, self->allowable && ngw_app_is_decided(app) &&
						    !ngw_app_data(app)->is_managed &&
						    ngw_page_section_view(section)->may_loosen);
	if (!self->allowable)
		return;
	name = g_strdup_printf(_("Allow %s for %s"), self->allowable, ngw_app_data(app)->name);
	ngw_page_button_name(self->allow, name);
}

static void judged(NgwPageSection *section, gpointer reply, const GError *error)
{
	NgwPageWhy *self = NGW_PAGE_WHY(section);
	g_autoptr(GVariant) result = reply ? g_variant_get_child_value(reply, 0) : NULL;

	g_clear_pointer(&self->allowable, g_free);
	if (error)
		show_answer(self, "dialog-warning-symbolic", _("It could not be told"), error->message);
	else if (self->destination)
		show_verdict(self, result);
	show_allow(self);
}

static void ask_destination(NgwPageWhy *self)
{
	const NgwPageView *view = ngw_page_section_view(NGW_PAGE_SECTION(self));

	if (!self->destination || !view->app || !view->is_live)
		return;
	ngw_page_section_ask(NGW_PAGE_SECTION(self),
			     &(NgwPageQuestion){
				     .method = "Explain",
				     .parameters = g_variant_new("(ss)", ngw_app_key(view->app), self->destination),
				     .reply_type = "(a{sv})",
				     .done = judged,
			     });
}

static void destination_given(NgwPageWhy *self)
{
	g_autofree char *text = g_strstrip(g_strdup(gtk_editable_get_text(GTK_EDITABLE(self->entry))));

	show_hint(self);
	if (!*text)
		return;
	self->destination = g_steal_pointer(&text);
	ask_destination(self);
}

static void allow_clicked(GtkButton *button, gpointer data)
{
	NgwPageWhy *self = data;
	NgwApp *app = ngw_page_section_app(data);

	if (app && self->allowable)
		ngw_page_allow_entry(GTK_WIDGET(self), app, self->allowable);
}

/* --- life --- */

/* The question about a destination is asked again too: what was changed may have changed its answer. */
static void ngw_page_why_refresh(NgwPageSection *section)
{
	ngw_page_section_ask(
		section, &(NgwPageQuestion){
				 .method = "Explain",
				 .parameters = g_variant_new("(ss)", ngw_app_key(ngw_page_section_app(section)), ""),
				 .reply_type = "(a{sv})",
				 .done = explained,
			 });
	ask_destination(NGW_PAGE_WHY(section));
}

static void ngw_page_why_update(NgwPageSection *section, gboolean is_new)
{
	NgwPageWhy *self = NGW_PAGE_WHY(section);

	if (is_new) {
		show_facts(self, _("Looking…"), "", "");
		gtk_editable_set_text(GTK_EDITABLE(self->entry), "");
		show_hint(self);
	}
	show_allow(self);
}

static void ngw_page_why_finalize(GObject *object)
{
	NgwPageWhy *self = NGW_PAGE_WHY(object);

	g_free(self->shown);
	g_free(self->destination);
	g_free(self->allowable);
	G_OBJECT_CLASS(ngw_page_why_parent_class)->finalize(object);
}

static void ngw_page_why_class_init(NgwPageWhyClass *class)
{
	G_OBJECT_CLASS(class)->finalize = ngw_page_why_finalize;
	NGW_PAGE_SECTION_CLASS(class)->update = ngw_page_why_update;
	NGW_PAGE_SECTION_CLASS(class)->refresh = ngw_page_why_refresh;
}

static void build_asking(NgwPageWhy *self)
{
	self->asking = ngw_page_list_new(_("Can it reach a destination?"));
	self->entry = ngw_page_entry_new(_("Can it reach…"), _("Ask"), _("Ask whether it can reach that"),
					 G_CALLBACK(destination_given), self);
	self->answer = ngw_page_row_new();
	self->answer_icon = gtk_image_new();
	gtk_accessible_update_state(GTK_ACCESSIBLE(self->answer_icon), GTK_ACCESSIBLE_STATE_HIDDEN, TRUE, -1);
	self->allow = ngw_page_button_new(_("Allow This"), "");
	g_signal_connect(self->allow, "clicked", G_CALLBACK(allow_clicked), self);
	adw_action_row_add_prefix(ADW_ACTION_ROW(self->answer), self->answer_icon);
	adw_action_row_add_suffix(ADW_ACTION_ROW(self->answer), self->allow);
	gtk_list_box_append(GTK_LIST_BOX(self->asking), self->entry);
	gtk_list_box_append(GTK_LIST_BOX(self->asking), self->answer);
	gtk_widget_set_margin_top(self->asking, 12);
}

static void ngw_page_why_init(NgwPageWhy *self)
{
	adw_preferences_group_set_title(ADW_PREFERENCES_GROUP(self), _("Why it is so"));
	self->facts = ngw_page_list_new(_("Why it is so"));
	build_asking(self);
	adw_preferences_group_add(ADW_PREFERENCES_GROUP(self), self->facts);
	adw_preferences_group_add(ADW_PREFERENCES_GROUP(self), self->asking);
	show_hint(self);
}
