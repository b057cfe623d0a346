/* SPDX-License-Identifier: MIT */
/*
 * What an application tried and was denied, one row for each place, each with "Allow This" where an entry in the list
 * of allowed hosts would help. Rows stay where they are while somebody looks, so that a click meets what was aimed at.
 * Main loop only; the records are taken apart in a thread; no power.
 */
#include <glib/gi18n.h>
#include <unistd.h>

#include "window/app-page-gate.h"
#include "window/app-page-parts.h"
#include "window/app-page-rows.h"
#include "window/app-page-texts.h"
#include "window/changes.h"
#include "window/format.h"

#define MAX_ROWS 20
#define MAX_ATTEMPTS 1000u /* what the guard gives somebody who is not root */

struct _NgwPageBlocked {
	NgwPageSection parent;
	GtkWidget *list;
	NgwPageGate *everyone;
	gboolean is_asked_all;
	GPtrArray *blocks; /* NgwPageBlock, of the last answer */
};

G_DEFINE_FINAL_TYPE(NgwPageBlocked, ngw_page_blocked, NGW_TYPE_PAGE_SECTION)

/* --- rows --- */

static void act_clicked(GtkButton *button, gpointer data)
{
	NgwPageSection *section = data;
	const char *entry = g_object_get_data(G_OBJECT(button), "ngw-entry");
	const char *decider = g_object_get_data(G_OBJECT(button), "ngw-decider");

	if (entry && ngw_page_section_app(section))
		ngw_page_allow_entry(GTK_WIDGET(section), ngw_page_section_app(section), entry);
	else if (decider)
		ngw_window_show_app(ngw_page_section_view(section)->window, decider);
}

static GtkWidget *block_new(gpointer item, gpointer data)
{
	const NgwPageBlock *block = item;
	GtkWidget *row = ngw_page_row_new();
	GtkWidget *button = ngw_page_button_new(block->decider ? _("Open") : _("Allow This"), "");

	adw_preferences_row_set_title_selectable(ADW_PREFERENCES_ROW(row), TRUE);
	g_object_set_data_full(G_OBJECT(button), "ngw-entry", g_strdup(block->allow), g_free);
	g_object_set_data_full(G_OBJECT(button), "ngw-decider", g_strdup(block->decider), g_free);
	g_object_set_data(G_OBJECT(row), "ngw-button", button);
	g_signal_connect(button, "clicked", G_CALLBACK(act_clicked), data);
	adw_action_row_add_suffix(ADW_ACTION_ROW(row), button);
	return row;
}

static char *block_text(NgwPageSection *section, const NgwPageBlock *block, gboolean is_allowed)
{
	g_autofree char *times = ngw_format_times(block->count), *when = ngw_format_when(block->last);
	NgwApps *apps = ngw_window_apps(ngw_page_section_view(section)->window);
	NgwApp *decider = block->decider ? ngw_apps_find(apps, block->decider) : NULL;
	const char *simulated = block->is_simulated ? _("Would be blocked: ") : "";

	if (is_allowed)
		return g_strdup_printf(_("Allowed now. It was blocked %s, the last time %s."), times, when);
	if (block->decider)
		return g_strdup_printf(_("%s%s, the last time %s. It was started by %s, which decides for it."),
				       simulated, times, when, decider ? ngw_app_data(decider)->name : block->decider);
	/* Translators: "3 times, the last time 14:30: it is Offline" */
	return g_strdup_printf(_("%s%s, the last time %s: %s."), simulated, times, when, block->reason);
}

static void block_show(GtkWidget *row, gpointer item, gpointer data)
{
	NgwPageSection *section = data;
	const NgwPageBlock *block = item;
	const NgwAppData *app = ngw_page_section_data(section);
	GtkWidget *button = g_object_get_data(G_OBJECT(row), "ngw-button");
	const gboolean is_allowed =
		block->allow && app->allow && g_strv_contains((const char *const *)app->allow, block->allow);
	g_autofree char *text = block_text(section, block, is_allowed);
	g_autofree char *name = block->decider ? g_strdup_printf(_("Open %s"), block->decider)
					       : g_strdup_printf(_("Allow %s for %s"), block->allow, app->name);

	ngw_page_row_set(row, block->place, text);
	ngw_page_button_name(button, name);
	gtk_widget_set_visible(button, block->decider || (block->allow && !is_allowed && !app->is_managed &&
							  ngw_page_section_view(section)->may_loosen));
}

static void show(NgwPageBlocked *self, const char *note)
{
	const NgwPageListStyle style = { block_new, block_show, self, MAX_ROWS, TRUE };
	g_autofree char *more = NULL;

	if (self->blocks && self->blocks->len > MAX_ROWS)
		more = g_strdup_printf(_("and %u more places; Activity shows them all"), self->blocks->len - MAX_ROWS);
	ngw_page_list_sync(self->list, self->blocks, &style, note, more);
}

/* --- asking --- */

static gpointer digest(GVariant *reply, gpointer subject)
{
	return ngw_page_blocks_of(reply, subject);
}

static void result_free(gpointer data)
{
	g_ptr_array_unref(data);
}

static const char *nothing_text(NgwPageBlocked *self)
{
	const gboolean is_all = self->is_asked_all || getuid() == 0;

	if (ngw_guard_is_simulation(ngw_page_section_view(NGW_PAGE_SECTION(self))->guard))
		return is_all ? _("Nothing would have been blocked.")
			      : _("Nothing that you ran would have been blocked.");
	return is_all ? _("Nothing was blocked.") : _("Nothing that you ran was blocked.");
}

static void answered(NgwPageSection *section, gpointer result, const GError *error)
{
	NgwPageBlocked *self = NGW_PAGE_BLOCKED(section);

	if (error && self->is_asked_all) {
		ngw_page_gate_close(self->everyone);
		ngw_toast_error(GTK_WIDGET(self), _("Everyone's attempts are not shown"), error);
		return;
	}
	if (error && !ngw_page_section_view(section)->is_live)
		return;
	g_clear_pointer(&self->blocks, g_ptr_array_unref);
	self->blocks = result ? g_ptr_array_ref(result) : NULL;
	show(self, error ? error->message : nothing_text(self));
}

static void ngw_page_blocked_refresh(NgwPageSection *section)
{
	NgwPageBlocked *self = NGW_PAGE_BLOCKED(section);
	const NgwAppData *app = ngw_page_section_data(section);
	const gboolean is_all = ngw_page_gate_is_open(self->everyone);
	g_auto(GVariantDict) filter = G_VARIANT_DICT_INIT(NULL);

	if (is_all && !ngw_page_gate_may_ask(self->everyone))
		return;
	self->is_asked_all = is_all;
	if (*app->id)
		g_variant_dict_insert(&filter, "app", "s", app->id);
	if (is_all)
		g_variant_dict_insert(&filter, "everyone", "b", TRUE);
	g_variant_dict_insert(&filter, "verdict", "s", "denied");
	g_variant_dict_insert(&filter, "limit", "u", MAX_ATTEMPTS);
	ngw_page_section_ask(section, &(NgwPageQuestion){
					      .method = "GetAttempts",
					      .parameters = g_variant_new("(@a{sv})", g_variant_dict_end(&filter)),
					      .reply_type = "(aa{sv})",
					      .digest = digest,
					      .data = ngw_page_subject_new(app->id, app->executables),
					      .data_free = ngw_page_subject_free,
					      .result_free = result_free,
					      .done = answered,
				      });
}

static void ngw_page_blocked_update(NgwPageSection *section, gboolean is_new)
{
	NgwPageBlocked *self = NGW_PAGE_BLOCKED(section);
	const gboolean is_simulation = ngw_guard_is_simulation(ngw_page_section_view(section)->guard);

	adw_preferences_group_set_title(ADW_PREFERENCES_GROUP(self),
					is_simulation ? _("Would have been blocked recently") : _("Blocked recently"));
	ngw_page_gate_update(self->everyone, is_new);
	if (is_new)
		g_clear_pointer(&self->blocks, g_ptr_array_unref);
	if (is_new || self->blocks)
		show(self, self->blocks ? nothing_text(self) : _("Looking…"));
}

static void ngw_page_blocked_finalize(GObject *object)
{
	g_clear_pointer(&NGW_PAGE_BLOCKED(object)->blocks, g_ptr_array_unref);
	G_OBJECT_CLASS(ngw_page_blocked_parent_class)->finalize(object);
}

static void ngw_page_blocked_class_init(NgwPageBlockedClass *class)
{
	G_OBJECT_CLASS(class)->finalize = ngw_page_blocked_finalize;
	NGW_PAGE_SECTION_CLASS(class)->update = ngw_page_blocked_update;
	NGW_PAGE_SECTION_CLASS(class)->refresh = ngw_page_blocked_refresh;
}

static void ngw_page_blocked_init(NgwPageBlocked *self)
{
	self->list = ngw_page_list_new(_("Blocked recently"));
	adw_preferences_group_add(ADW_PREFERENCES_GROUP(self), self->list);
	self->everyone = ngw_page_gate_new(NGW_PAGE_SECTION(self), "observe", _("Show Everyone's"), _("Look Again"),
					   _("Show everyone's blocked attempts"), FALSE);
}
