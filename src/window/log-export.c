/* SPDX-License-Identifier: MIT */
/* The audit chain as a file: see log-export.h. */
#include "window/log-export.h"

#include <glib/gi18n.h>
#include <string.h>

#include "window/activity-words.h"
#include "window/log-words.h"

#define BYTES_OF_A_RECORD 512 /* about */

typedef struct {
	GVariant *records; /* aa{sv} */
	NgwLogFormat format;
	GFile *file;
} Export;

static void export_free(Export *export)
{
	g_variant_unref(export->records);
	g_object_unref(export->file);
	g_free(export);
}

const char *ngw_log_format_word(NgwLogFormat format)
{
	return format == NGW_LOG_CSV ? "csv" : "json";
}

/* --- CSV --- */

static void csv_cell(GString *text, const char *value)
{
	/* https://owasp.org/www-community/attacks/CSV_Injection names these. */
	const gboolean is_formula = *value && strchr("=+-@\t\r", *value);

	g_string_append_c(text, '"');
	if (is_formula)
		g_string_append_c(text, '\'');
	for (const char *c = value; *c; c++) {
		if (*c == '"')
			g_string_append_c(text, '"');
		g_string_append_c(text, *c);
	}
	g_string_append_c(text, '"');
}

static void csv_record(GString *text, const NgwLogData *data)
{
	g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(data->time);
	g_autofree char *stamp = time ? g_date_time_format_iso8601(time) : g_strdup("");
	g_autofree char *user = ngw_user_name(data->uid);
	g_autofree char *title = ngw_log_title(data);
	const char *const cells[] = { data->uid == NGW_LOG_UID_UNKNOWN ? "" : user,
				      data->auth,
				      data->action,
				      data->application,
				      title,
				      data->before,
				      data->after,
				      data->reason,
				      data->origin,
				      data->hash };

	g_string_append_printf(text, "%" G_GUINT64_FORMAT ",%s,", data->seq, stamp);
	if (data->uid != NGW_LOG_UID_UNKNOWN)
		g_string_append_printf(text, "%u", data->uid);
	for (gsize i = 0; i < G_N_ELEMENTS(cells); i++) {
		g_string_append_c(text, ',');
		csv_cell(text, cells[i]);
	}
	g_string_append(text, "\r\n");
}

static void csv_records(GString *text, GPtrArray *records)
{
	g_string_append(text, "seq,time,uid,user,auth,action,application,change,before,after,reason,origin,hash\r\n");
	for (guint i = 0; i < records->len; i++)
		csv_record(text, records->pdata[i]);
}

/* --- JSON --- */

static void json_records(GString *text, GPtrArray *records)
{
	g_string_append(text, "{\n\"version\": 1,\n\"records\": [");
	for (guint i = 0; i < records->len; i++) {
		g_autofree char *raw = ngw_log_raw(records->pdata[i]);

		g_string_append_printf(text, "%s\n%s", i > 0 ? "," : "", raw);
	}
	g_string_append(text, "\n]\n}\n");
}

char *ngw_log_export_text(GPtrArray *records, NgwLogFormat format)
{
	GString *text = g_string_sized_new((gsize)records->len * BYTES_OF_A_RECORD);

	switch (format) {
	case NGW_LOG_JSON:
		json_records(text, records);
		break;
	case NGW_LOG_CSV:
		csv_records(text, records);
		break;
	}
	return g_string_free(text, FALSE);
}

/* --- the file --- */

static void export_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
	Export *export = data;
	g_autoptr(GPtrArray) records = g_ptr_array_new_with_free_func((GDestroyNotify)ngw_log_data_free);
	g_autofree char *text = NULL;
	GError *error = NULL;

	for (gsize i = 0; i < g_variant_n_children(export->records); i++) {
		g_autoptr(GVariant) dict = g_variant_get_child_value(export->records, i);

		g_ptr_array_add(records, ngw_log_data_read(dict));
	}
	text = ngw_log_export_text(records, export->format);

	if (g_file_replace_contents(export->file, text, strlen(text), NULL, FALSE,
				    G_FILE_CREATE_PRIVATE | G_FILE_CREATE_REPLACE_DESTINATION, NULL, cancellable,
				    &error))
		g_task_return_boolean(task, TRUE);
	else
		g_task_return_error(task, error);
}

void ngw_log_export(GVariant *records, NgwLogFormat format, GFile *file, GCancellable *cancellable,
		    GAsyncReadyCallback callback, gpointer user_data)
{
	g_autoptr(GTask) task = g_task_new(NULL, cancellable, callback, user_data);
	Export *export = g_new(Export, 1);

	*export = (Export){ g_variant_ref(records), format, g_object_ref(file) };
	g_task_set_task_data(task, export, (GDestroyNotify)export_free);
	g_task_run_in_thread(task, export_thread);
}

gboolean ngw_log_export_finish(GAsyncResult *result, GError **error)
{
	return g_task_propagate_boolean(G_TASK(result), error);
}
