/* SPDX-License-Identifier: MIT */
/*
 * Who changed what of an application, from the audit chain. Not everybody may read that: then it says so, with a button
 * that asks for it. Main loop only; the records are taken apart in a thread; no power.
 *
 * Signal "changes" (GPtrArray of NgwPageChange; NULL: not known): for the reasons that were given earlier.
 */
#include <glib/gi18n.h>

#include "window/app-page-gate.h"
#include "window/app-page-parts.h"
#include "window/app-page-rows.h"
#include "window/app-page-texts.h"
#include "window/changes.h"
#include "window/format.h"

#define MAX_ROWS 20
#define MAX_RECORDS 1000u /* what the guard gives somebody who is not root */

struct _NgwPageHistory {
	NgwPageSection parent;
	GtkWidget *list;
	NgwPageGate *gate;
};

static guint signal_changes;

G_DEFINE_FINAL_TYPE(NgwPageHistory, ngw_page_history, NGW_TYPE_PAGE_SECTION)

typedef struct {
	GPtrArray *changes;
	guint more;
} Result;

static gpointer digest(GVariant *reply, gpointer subject)
{
	Result *result = g_new0(Result, 1);

	result->changes = ngw_page_changes_of(reply, subject, MAX_ROWS, &result->more);
	return result;
}

static void result_free(gpointer data)
{
	g_ptr_array_unref(((Result *)data)->changes);
	g_free(data);
}

static GtkWidget *change_new(gpointer item, gpointer data)
{
	return ngw_page_row_new();
}

static void change_show(GtkWidget *row, gpointer item, gpointer data)
{
	const NgwPageChange *change = item;
	g_autofree char *when = ngw_format_when(change->time);
	g_autofree char *about = *change->reason
					 ? g_strdup_printf(_("%s · %s · “%s”"), when, change->who, change->reason)
					 : g_strdup_printf("%s · %s", when, change->who);

	ngw_page_row_set(row, change->what, about);
}

static const NgwPageListStyle style = { change_new, change_show, NULL, MAX_ROWS, TRUE };

static const char *closed_text(NgwPageHistory *self)
{
	if (!ngw_page_section_view(NGW_PAGE_SECTION(self))->is_live)
		return _("Not known while the service does not answer.");
	if (g_str_equal(ngw_page_gate_permission(self->gate), "no"))
		return _("Only the administrator may see who changed what.");
	return _("Who changed what is shown after you have said who you are.");
}

static void show_closed(NgwPageHistory *self)
{
	ngw_page_list_sync(self->list, NULL, &style, closed_text(self), NULL);
	g_signal_emit(self, signal_changes, 0, NULL);
}

static void answered(NgwPageSection *section, gpointer data, const GError *error)
{
	NgwPageHistory *self = NGW_PAGE_HISTORY(section);
	const Result *result = data;
	g_autofree char *more = NULL;

	if (error && !ngw_page_section_view(section)->is_live)
		return;
	if (error) {
		ngw_page_gate_close(self->gate);
		show_closed(self);
		ngw_toast_error(GTK_WIDGET(self), _("The changes are not shown"), error);
		return;
	}
	if (result->more > 0)
		more = g_strdup_printf(_("and %u more; Log shows them all"), result->more);
	ngw_page_list_sync(self->list, result->changes, &style, _("Nothing was changed in the time that is on record."),
			   more);
	g_signal_emit(self, signal_changes, 0, result->changes);
}

static void ngw_page_history_refresh(NgwPageSection *section)
{
	NgwPageHistory *self = NGW_PAGE_HISTORY(section);
	const NgwAppData *app = ngw_page_section_data(section);
	g_auto(GVariantDict) filter = G_VARIANT_DICT_INIT(NULL);

	if (!*app->id || !ngw_page_gate_is_open(self->gate) || !ngw_page_gate_may_ask(self->gate))
		return;
	g_variant_dict_insert(&filter, "limit", "u", MAX_RECORDS);
	ngw_page_section_ask(section, &(NgwPageQuestion){
					      .method = "GetAudit",
					      .parameters = g_variant_new("(@a{sv})", g_variant_dict_end(&filter)),
					      .reply_type = "(aa{sv})",
					      .digest = digest,
					      .data = ngw_page_subject_new(app->id, app->executables),
					      .data_free = ngw_page_subject_free,
					      .result_free = result_free,
					      .done = answered,
				      });
}

static void ngw_page_history_update(NgwPageSection *section, gboolean is_new)
{
	NgwPageHistory *self = NGW_PAGE_HISTORY(section);

	gtk_widget_set_visible(GTK_WIDGET(section), ngw_app_is_decided(ngw_page_section_app(section)));
	ngw_page_gate_update(self->gate, is_new);
	if (is_new)
		ngw_page_list_sync(self->list, NULL, &style, NULL, NULL);
	if (!ngw_page_gate_is_open(self->gate) && ngw_page_section_view(section)->is_live)
		show_closed(self);
}

static void ngw_page_history_class_init(NgwPageHistoryClass *class)
{
	NGW_PAGE_SECTION_CLASS(class)->update = ngw_page_history_update;
	NGW_PAGE_SECTION_CLASS(class)->refresh = ngw_page_history_refresh;
	signal_changes = g_signal_new("changes", NGW_TYPE_PAGE_HISTORY, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
				      G_TYPE_NONE, 1, G_TYPE_PTR_ARRAY);
}

static void ngw_page_history_init(NgwPageHistory *self)
{
	adw_preferences_group_set_title(ADW_PREFERENCES_GROUP(self), _("Changes"));
	self->list = ngw_page_list_new(_("Changes"));
	adw_preferences_group_add(ADW_PREFERENCES_GROUP(self), self->list);
	self->gate = ngw_page_gate_new(NGW_PAGE_SECTION(self), "audit", _("Show"), _("Look Again"),
				       _("Show who changed what"), TRUE);
}
