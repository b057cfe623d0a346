/* SPDX-License-Identifier: MIT */
/*
 * Log: see log-page.h. Records never change once they are written, so an answer only adds to the top (new ones) or to
 * the end (older ones were asked for). Where the guard would ask the person for a password, records are asked for only
 * when the person says so, never by themselves.
 */
#include "window/log-page.h"

#include <glib/gi18n.h>

#include "window/changes.h"
#include "window/log-export.h"
#include "window/log-record.h"
#include "window/log-row.h"
#include "window/note.h"
#include "window/row-growth.h"

#define PAGE 200       /* records of one step back */
#define MAX_SHOWN 1000 /* what the service gives to others than root */
#define MAX_EXPORT 10000
#define SETTLE_MS 300 /* one click changes several things */

struct _NgwLogPage {
	GtkWidget parent;
	GtkWidget *box, *result, *tools, *count, *refresh, *verify, *export, *stack, *scroller, *list, *older, *spinner,
		*ask, *denied, *unable;
	NgwWindow *window; /* borrowed: it holds the page */
	GListStore *records;
	NgwRowGrowth *growth; /* the rows of `records` that the list has */
	guint wanted;         /* how many are asked for */
	gboolean is_loaded, is_stale;
	gboolean has_older;
	char *error;
	GCancellable *asking;
	GCancellable *life; /* of the page: everything but GetAudit */
	guint settle;
	GtkFileChooserNative *chooser;
	NgwLogFormat format;
};

G_DEFINE_FINAL_TYPE(NgwLogPage, ngw_log_page, GTK_TYPE_WIDGET)

/* --- which page --- */

static const char *page_permission(NgwLogPage *self)
{
	return ngw_guard_permission(ngw_window_guard(self->window), "audit");
}

static const char *page_name(NgwLogPage *self, const char **ret_why)
{
	NgwGuard *guard = ngw_window_guard(self->window);
	const NgwLink link = ngw_guard_link(guard);

	*ret_why = self->error ? self->error : ngw_guard_link_text(guard);
	if (self->is_loaded)
		return g_list_model_get_n_items(G_LIST_MODEL(self->records)) > 0 ? "list" : "none";
	if (self->asking)
		return "loading";
	if (link == NGW_LINK_CONNECTING)
		return "loading";
	if (link != NGW_LINK_READY)
		return "unable";
	if (!ngw_guard_permissions(guard))
		return "loading";
	*ret_why = ngw_dict_string(ngw_guard_permissions(guard), "text", "");
	if (g_str_equal(page_permission(self), "no"))
		return "denied";
	if (g_str_equal(page_permission(self), "authenticate"))
		return "ask";
	*ret_why = self->error;
	return self->error ? "unable" : "loading";
}

static void page_update_count(NgwLogPage *self)
{
	const guint n = g_list_model_get_n_items(G_LIST_MODEL(self->records));
	g_autofree char *text =
		self->has_older
			? g_strdup_printf(
				  g_dngettext(GETTEXT_PACKAGE, "The newest %'u record", "The newest %'u records", n), n)
			: g_strdup_printf(g_dngettext(GETTEXT_PACKAGE, "%'u record", "%'u records", n), n);

	gtk_label_set_text(GTK_LABEL(self->count), text);
	gtk_widget_set_visible(self->older, self->has_older && self->wanted < MAX_SHOWN);
}

static void page_update(NgwLogPage *self)
{
	const gboolean is_ready = ngw_guard_is_ready(ngw_window_guard(self->window));
	const char *why, *name = page_name(self, &why);
	GtkWidget *const pages[] = { self->ask, self->denied, self->unable };
	g_autofree char *escaped = g_markup_escape_text(why ? why : "", -1);

	for (gsize i = 0; i < G_N_ELEMENTS(pages); i++)
		adw_status_page_set_description(ADW_STATUS_PAGE(pages[i]), escaped);
	adw_status_page_set_description(
		ADW_STATUS_PAGE(self->ask),
		_("It says who decided what and when. To see it you will be asked for a password."));
	gtk_spinner_set_spinning(GTK_SPINNER(self->spinner), g_str_equal(name, "loading"));
	gtk_stack_set_visible_child_name(GTK_STACK(self->stack), name);
	gtk_widget_set_visible(self->tools, self->is_loaded);
	gtk_widget_set_visible(self->refresh, !g_str_equal(page_permission(self), "yes"));
	gtk_widget_set_sensitive(self->scroller, is_ready);
	gtk_widget_set_sensitive(self->export, is_ready);
	gtk_widget_action_set_enabled(GTK_WIDGET(self), "log.show", is_ready && !self->asking);
	gtk_widget_action_set_enabled(GTK_WIDGET(self), "log.older", is_ready && !self->asking);
	gtk_widget_action_set_enabled(GTK_WIDGET(self), "log.verify", is_ready);
	gtk_widget_action_set_enabled(GTK_WIDGET(self), "log.export", is_ready);
	page_update_count(self);
}

/* --- records --- */

static guint64 seq_of(GVariant *records, gsize i)
{
	g_autoptr(GVariant) dict = g_variant_get_child_value(records, i);

	return ngw_dict_count(dict, "seq");
}

/* Newest first, whichever way they came: the interface does not say. */
static GVariant *newest_first(GVariant *records)
{
	const gsize n = g_variant_n_children(records);
	GVariantBuilder builder;

	if (n < 2 || seq_of(records, 0) > seq_of(records, n - 1))
		return g_variant_ref(records);
	g_variant_builder_init(&builder, G_VARIANT_TYPE("aa{sv}"));
	for (gsize i = n; i-- > 0;) {
		g_autoptr(GVariant) dict = g_variant_get_child_value(records, i);

		g_variant_builder_add_value(&builder, dict);
	}
	return g_variant_ref_sink(g_variant_builder_end(&builder));
}

static GPtrArray *records_read(GVariant *records, gsize from, gsize to)
{
	GPtrArray *read = g_ptr_array_new_with_free_func(g_object_unref);

	for (gsize i = from; i < to; i++) {
		g_autoptr(GVariant) dict = g_variant_get_child_value(records, i);

		g_ptr_array_add(read, ngw_log_record_new(ngw_log_data_read(dict)));
	}
	return read;
}

static void store_splice(GListStore *store, guint position, guint remove, GPtrArray *add)
{
	if (remove > 0 || add->len > 0)
		g_list_store_splice(store, position, remove, add->pdata, add->len);
}

/* Take an answer, newest first: what is there already stays as it is, opened or not. */
static void page_merge(NgwLogPage *self, GVariant *records)
{
	const gsize n = g_variant_n_children(records);
	const guint had = g_list_model_get_n_items(G_LIST_MODEL(self->records));
	g_autoptr(NgwLogRecord) first = g_list_model_get_item(G_LIST_MODEL(self->records), 0);
	const guint64 newest = first ? ngw_log_record_data(first)->seq : 0;
	g_autoptr(GPtrArray) top = NULL, end = NULL;
	gsize n_new = 0, kept;

	while (n_new < n && seq_of(records, n_new) > newest)
		n_new++;
	/* Not the same chain: begin anew. */
	if (had > 0 && (n_new == n || seq_of(records, n_new) != newest)) {
		end = records_read(records, 0, n);
		store_splice(self->records, 0, had, end);
		return;
	}
	top = records_read(records, 0, n_new);
	store_splice(self->records, 0, 0, top);
	kept = MIN(had, n - n_new);
	if (had > kept) { /* dropped by age, or beyond what is asked for */
		end = g_ptr_array_new();
		store_splice(self->records, (guint)(n_new + kept), (guint)(had - kept), end);
	} else {
		end = records_read(records, n_new + kept, n);
		store_splice(self->records, (guint)(n_new + kept), 0, end);
	}
}

static void records_answered(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(NgwLogPage) self = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) reply = ngw_guard_call_finish(NGW_GUARD(source), result, &error);
	g_autoptr(GVariant) records = reply ? g_variant_get_child_value(reply, 0) : NULL;

	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return;
	g_clear_object(&self->asking);
	g_clear_pointer(&self->error, g_free);
	if (records) {
		g_autoptr(GVariant) ordered = newest_first(records);

		page_merge(self, ordered);
		self->is_loaded = TRUE;
		self->is_stale = FALSE;
		self->has_older = g_variant_n_children(records) >= self->wanted;
	} else {
		self->error = g_strdup(error->message);
		if (ngw_guard_is_ready(ngw_window_guard(self->window)))
			ngw_toast_error(GTK_WIDGET(self), _("The log cannot be shown"), error);
	}
	page_update(self);
}

static GVariant *filter_new(guint limit)
{
	GVariantBuilder filter;

	g_variant_builder_init(&filter, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&filter, "{sv}", "limit", g_variant_new_uint32(limit));
	return g_variant_new("(a{sv})", &filter);
}

static void page_ask(NgwLogPage *self)
{
	g_cancellable_cancel(self->asking);
	g_clear_object(&self->asking);
	self->asking = g_cancellable_new();
	g_clear_pointer(&self->error, g_free);
	ngw_guard_call(ngw_window_guard(self->window), "GetAudit", filter_new(self->wanted), "(aa{sv})", self->asking,
		       records_answered, g_object_ref(self));
	page_update(self);
}

/* Without a person's wish: only while somebody looks, and where nobody is asked for a password. */
static void page_ask_by_itself(NgwLogPage *self)
{
	if (!ngw_guard_is_ready(ngw_window_guard(self->window)) || !g_str_equal(page_permission(self), "yes") ||
	    !gtk_widget_get_mapped(GTK_WIDGET(self)))
		return;
	page_ask(self);
}

static gboolean page_settled(gpointer data)
{
	NgwLogPage *self = data;

	self->settle = 0;
	page_ask_by_itself(self);
	return G_SOURCE_REMOVE;
}

static void guard_changed(NgwLogPage *self, guint parts)
{
	if (parts & (NGW_PART_STATUS | NGW_PART_POLICY | NGW_PART_PERMISSIONS)) {
		self->is_stale = TRUE;
		if (self->settle == 0)
			self->settle = g_timeout_add(SETTLE_MS, page_settled, self);
	}
	page_update(self);
}

/* --- verify --- */

static char *verify_text(NgwLogPage *self, GVariant *result, gboolean *ret_is_well)
{
	NgwGuard *guard = ngw_window_guard(self->window);
	const guint64 records = ngw_dict_count(result, "records"), bad = ngw_dict_count(result, "first-bad");
	const gboolean is_intact = ngw_dict_flag(result, "intact"), is_in_force = ngw_dict_flag(result, "in-force");
	const gboolean is_simulation = ngw_guard_is_simulation(guard);
	g_autofree char *chain = NULL;

	*ret_is_well = is_intact && (is_in_force || is_simulation);
	if (is_intact)
		chain = g_strdup_printf(g_dngettext(GETTEXT_PACKAGE, "Intact: the %'lu record was not changed.",
						    "Intact: all %'lu records fit together, "
						    "none was changed or removed.",
						    (gulong)records),
					(gulong)records);
	else if (bad > 0)
		chain = g_strdup_printf(_("Not intact: record %'lu does not fit the one before it. "
					  "Something was changed, removed or put in there."),
					(gulong)bad);
	else
		return g_strdup(ngw_dict_string(result, "text", _("The log could not be verified.")));
	if (is_simulation)
		return g_strdup_printf(_("%s In a simulation nothing is in force."), chain);
	return g_strdup_printf("%s %s", chain,
			       is_in_force ? _("What is in force is what was decided.")
					   : _("But what is in force is not what was decided."));
}

static void verified(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(NgwLogPage) self = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) reply = ngw_guard_call_finish(NGW_GUARD(source), result, &error);
	g_autoptr(GVariant) dict = reply ? g_variant_get_child_value(reply, 0) : NULL;
	g_autofree char *text = NULL;
	gboolean is_well;

	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return;
	gtk_widget_set_sensitive(self->verify, TRUE);
	if (!dict) {
		ngw_toast_error(GTK_WIDGET(self), _("The log could not be verified"), error);
		return;
	}
	text = verify_text(self, dict, &is_well);
	ngw_note_say(GTK_INFO_BAR(self->result), is_well ? GTK_MESSAGE_INFO : GTK_MESSAGE_ERROR, text);
}

static void page_verify(GtkWidget *widget, const char *action, GVariant *parameter)
{
	NgwLogPage *self = NGW_LOG_PAGE(widget);

	gtk_widget_set_sensitive(self->verify, FALSE);
	ngw_note_say(GTK_INFO_BAR(self->result), GTK_MESSAGE_INFO, _("Verifying…"));
	ngw_guard_call(ngw_window_guard(self->window), "VerifyAudit", NULL, "(a{sv})", self->life, verified,
		       g_object_ref(self));
}

static void result_closed(NgwLogPage *self)
{
	ngw_note_say(GTK_INFO_BAR(self->result), GTK_MESSAGE_INFO, NULL);
}

/* --- export: choose a file, ask for the records, write --- */

typedef struct {
	NgwLogPage *self; /* owned */
	GFile *file;
	NgwLogFormat format;
	guint limit;
	guint n;
} Saving;

static void saving_free(Saving *saving)
{
	g_object_unref(saving->self);
	g_object_unref(saving->file);
	g_free(saving);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Saving, saving_free)

static void saving_failed(NgwLogPage *self, const GError *error)
{
	ngw_toast_error(GTK_WIDGET(self), _("The records were not saved"), error);
}

static void saved(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(Saving) saving = data;
	g_autoptr(GError) error = NULL;
	g_autofree char *name = g_file_get_basename(saving->file);
	g_autofree char *shown = name ? g_filename_display_name(name) : g_strdup("");
	g_autofree char *text = NULL;

	if (!ngw_log_export_finish(result, &error)) {
		if (!g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
			saving_failed(saving->self, error);
		return;
	}
	/* All that the service gives at once: who needs more has the command. */
	if (saving->n >= saving->limit)
		text = g_strdup_printf(_("The newest %'u records were saved in %s"), saving->n, shown);
	else
		text = g_strdup_printf(g_dngettext(GETTEXT_PACKAGE, "%'u record was saved in %s",
						   "%'u records were saved in %s", saving->n),
				       saving->n, shown);
	ngw_toast(GTK_WIDGET(saving->self), text, NULL, NULL);
}

static void saving_ask(Saving *saving);

static void saving_answered(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(Saving) saving = data;
	NgwLogPage *self = saving->self;
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) reply = ngw_guard_call_finish(NGW_GUARD(source), result, &error);
	g_autoptr(GVariant) records = reply ? g_variant_get_child_value(reply, 0) : NULL;

	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return;
	/* The full number is for root only. */
	if (g_error_matches(error, NG_CLIENT_ERROR, NG_CLIENT_ERROR_INVALID_ARGUMENT) && saving->limit > MAX_SHOWN) {
		saving->limit = MAX_SHOWN;
		saving_ask(g_steal_pointer(&saving));
		return;
	}
	if (!records) {
		saving_failed(self, error);
		return;
	}
	saving->n = (guint)g_variant_n_children(records);
	ngw_log_export(records, saving->format, saving->file, self->life, saved, g_steal_pointer(&saving));
}

static void saving_ask(Saving *saving)
{
	ngw_guard_call(ngw_window_guard(saving->self->window), "GetAudit", filter_new(saving->limit), "(aa{sv})",
		       saving->self->life, saving_answered, saving);
}

static void file_chosen(NgwLogPage *self, int response)
{
	g_autoptr(GtkFileChooserNative) chooser = g_steal_pointer(&self->chooser);
	Saving *saving;

	if (response != GTK_RESPONSE_ACCEPT)
		return;
	saving = g_new0(Saving, 1);
	saving->self = g_object_ref(self);
	saving->file = gtk_file_chooser_get_file(GTK_FILE_CHOOSER(chooser));
	saving->format = self->format;
	saving->limit = MAX_EXPORT;
	saving_ask(saving);
}

static void page_export(GtkWidget *widget, const char *action, GVariant *parameter)
{
	NgwLogPage *self = NGW_LOG_PAGE(widget);
	g_autoptr(GDateTime) now = g_date_time_new_now_local();
	g_autofree char *day = g_date_time_format(now, "%Y-%m-%d");
	g_autofree char *name = NULL;

	if (self->chooser)
		return;
	self->format = g_str_equal(g_variant_get_string(parameter, NULL), "csv") ? NGW_LOG_CSV : NGW_LOG_JSON;
	name = g_strdup_printf("network-guard-log-%s.%s", day, ngw_log_format_word(self->format));
	self->chooser = gtk_file_chooser_native_new(_("Export the Log"), GTK_WINDOW(self->window),
						    GTK_FILE_CHOOSER_ACTION_SAVE, _("_Save"), _("_Cancel"));
	gtk_file_chooser_set_current_name(GTK_FILE_CHOOSER(self->chooser), name);
	gtk_native_dialog_set_modal(GTK_NATIVE_DIALOG(self->chooser), TRUE);
	g_signal_connect_swapped(self->chooser, "response", G_CALLBACK(file_chosen), self);
	gtk_native_dialog_show(GTK_NATIVE_DIALOG(self->chooser));
}

/* --- other actions --- */

static void page_show(GtkWidget *widget, const char *action, GVariant *parameter)
{
	page_ask(NGW_LOG_PAGE(widget));
}

static void page_older(GtkWidget *widget, const char *action, GVariant *parameter)
{
	NgwLogPage *self = NGW_LOG_PAGE(widget);

	self->wanted = MIN(self->wanted + PAGE, MAX_SHOWN);
	page_ask(self);
}

static void page_retry(GtkWidget *widget, const char *action, GVariant *parameter)
{
	NgwLogPage *self = NGW_LOG_PAGE(widget);
	NgwGuard *guard = ngw_window_guard(self->window);

	if (ngw_guard_is_ready(guard))
		page_ask(self);
	else
		ngw_guard_retry(guard);
}

/* --- rows --- */

static void item_setup(GtkSignalListItemFactory *factory, GtkListItem *item, gpointer data)
{
	gtk_list_item_set_child(item, ngw_log_row_new());
	gtk_list_item_set_selectable(item, FALSE);
}

static void item_bind(GtkSignalListItemFactory *factory, GtkListItem *item, gpointer data)
{
	ngw_log_row_set_record(NGW_LOG_ROW(gtk_list_item_get_child(item)), gtk_list_item_get_item(item));
}

static void item_unbind(GtkSignalListItemFactory *factory, GtkListItem *item, gpointer data)
{
	ngw_log_row_set_record(NGW_LOG_ROW(gtk_list_item_get_child(item)), NULL);
}

static void list_activated(GtkListView *list, guint position, gpointer data)
{
	NgwLogPage *self = data;
	g_autoptr(NgwLogRecord) record = g_list_model_get_item(G_LIST_MODEL(self->growth), position);

	if (record)
		ngw_log_record_set_open(record, !ngw_log_record_is_open(record));
}

/* --- life --- */

static void ngw_log_page_map(GtkWidget *widget)
{
	NgwLogPage *self = NGW_LOG_PAGE(widget);

	GTK_WIDGET_CLASS(ngw_log_page_parent_class)->map(widget);
	ngw_row_growth_set_seen(self->growth, TRUE);
	if (self->is_stale || !self->is_loaded)
		page_ask_by_itself(self);
}

static void ngw_log_page_unmap(GtkWidget *widget)
{
	ngw_row_growth_set_seen(NGW_LOG_PAGE(widget)->growth, FALSE);
	GTK_WIDGET_CLASS(ngw_log_page_parent_class)->unmap(widget);
}

static void ngw_log_page_dispose(GObject *object)
{
	NgwLogPage *self = NGW_LOG_PAGE(object);

	g_clear_handle_id(&self->settle, g_source_remove);
	g_cancellable_cancel(self->asking);
	g_clear_object(&self->asking);
	g_cancellable_cancel(self->life);
	g_clear_object(&self->life);
	if (self->chooser)
		gtk_native_dialog_destroy(GTK_NATIVE_DIALOG(self->chooser));
	g_clear_object(&self->chooser);
	g_clear_pointer(&self->box, gtk_widget_unparent);
	g_clear_object(&self->growth);
	g_clear_object(&self->records);
	g_clear_pointer(&self->error, g_free);
	G_OBJECT_CLASS(ngw_log_page_parent_class)->dispose(object);
}

static void page_bind_template(GtkWidgetClass *widget)
{
	gtk_widget_class_set_template_from_resource(widget, NGW_RESOURCES "/ui/log-page.ui");
	gtk_widget_class_bind_template_child(widget, NgwLogPage, box);
	gtk_widget_class_bind_template_child(widget, NgwLogPage, result);
	gtk_widget_class_bind_template_child(widget, NgwLogPage, tools);
	gtk_widget_class_bind_template_child(widget, NgwLogPage, count);
	gtk_widget_class_bind_template_child(widget, NgwLogPage, refresh);
	gtk_widget_class_bind_template_child(widget, NgwLogPage, verify);
	gtk_widget_class_bind_template_child(widget, NgwLogPage, export);
	gtk_widget_class_bind_template_child(widget, NgwLogPage, stack);
	gtk_widget_class_bind_template_child(widget, NgwLogPage, scroller);
	gtk_widget_class_bind_template_child(widget, NgwLogPage, list);
	gtk_widget_class_bind_template_child(widget, NgwLogPage, older);
	gtk_widget_class_bind_template_child(widget, NgwLogPage, spinner);
	gtk_widget_class_bind_template_child(widget, NgwLogPage, ask);
	gtk_widget_class_bind_template_child(widget, NgwLogPage, denied);
	gtk_widget_class_bind_template_child(widget, NgwLogPage, unable);
	gtk_widget_class_bind_template_callback(widget, result_closed);
}

static void ngw_log_page_class_init(NgwLogPageClass *class)
{
	GtkWidgetClass *widget = GTK_WIDGET_CLASS(class);

	G_OBJECT_CLASS(class)->dispose = ngw_log_page_dispose;
	widget->map = ngw_log_page_map;
	widget->unmap = ngw_log_page_unmap;
	page_bind_template(widget);
	gtk_widget_class_install_action(widget, "log.show", NULL, page_show);
	gtk_widget_class_install_action(widget, "log.older", NULL, page_older);
	gtk_widget_class_install_action(widget, "log.retry", NULL, page_retry);
	gtk_widget_class_install_action(widget, "log.verify", NULL, page_verify);
	gtk_widget_class_install_action(widget, "log.export", "s", page_export);
}

static void ngw_log_page_init(NgwLogPage *self)
{
	g_autoptr(GtkListItemFactory) factory = gtk_signal_list_item_factory_new();
	g_autoptr(GtkNoSelection) selection = NULL;

	self->records = g_list_store_new(NGW_TYPE_LOG_RECORD);
	self->life = g_cancellable_new();
	self->wanted = PAGE;
	gtk_widget_init_template(GTK_WIDGET(self));
	self->growth = ngw_row_growth_new(G_LIST_MODEL(self->records), NGW_ROWS_STREAM);
	selection = gtk_no_selection_new(G_LIST_MODEL(g_object_ref(self->growth)));
	g_signal_connect(factory, "setup", G_CALLBACK(item_setup), NULL);
	g_signal_connect(factory, "bind", G_CALLBACK(item_bind), NULL);
	g_signal_connect(factory, "unbind", G_CALLBACK(item_unbind), NULL);
	gtk_list_view_set_factory(GTK_LIST_VIEW(self->list), factory);
	gtk_list_view_set_model(GTK_LIST_VIEW(self->list), GTK_SELECTION_MODEL(selection));
	g_signal_connect(self->list, "activate", G_CALLBACK(list_activated), self);
	ngw_row_growth_follow(self->growth, gtk_scrolled_window_get_vadjustment(GTK_SCROLLED_WINDOW(self->scroller)),
			      self->list);
}

GtkWidget *ngw_log_page_new(NgwWindow *window)
{
	NgwLogPage *self = g_object_new(NGW_TYPE_LOG_PAGE, NULL);
	NgwGuard *guard = ngw_window_guard(window);

	self->window = window;
	g_signal_connect_object(guard, "changed", G_CALLBACK(guard_changed), self, G_CONNECT_SWAPPED);
	g_signal_connect_object(guard, "link", G_CALLBACK(page_update), self, G_CONNECT_SWAPPED);
	page_update(self);
	return GTK_WIDGET(self);
}
