/* SPDX-License-Identifier: MIT */
/* One record of the audit chain: see log-record.h. */
#include "window/log-record.h"

#include "window/guard.h"

struct _NgwLogRecord {
	GObject parent;
	NgwLogData *data;
	gboolean is_open;
};

static guint signal_opened;

G_DEFINE_FINAL_TYPE(NgwLogRecord, ngw_log_record, G_TYPE_OBJECT)

static char *text_of(GVariant *dict, const char *key)
{
	return g_strdup(ngw_dict_string(dict, key, ""));
}

NgwLogData *ngw_log_data_read(GVariant *dict)
{
	NgwLogData *data = g_new0(NgwLogData, 1);

	data->seq = ngw_dict_count(dict, "seq");
	data->time = ngw_dict_time(dict, "time");
	data->uid = (guint)ngw_dict_count(dict, "uid");
	data->auth = text_of(dict, "auth");
	data->action = text_of(dict, "action");
	data->application = text_of(dict, "application");
	data->before = text_of(dict, "before");
	data->after = text_of(dict, "after");
	data->reason = text_of(dict, "reason");
	data->origin = text_of(dict, "origin");
	data->hash = text_of(dict, "hash");
	return data;
}

void ngw_log_data_free(NgwLogData *data)
{
	if (!data)
		return;
	g_free(data->auth);
	g_free(data->action);
	g_free(data->application);
	g_free(data->before);
	g_free(data->after);
	g_free(data->reason);
	g_free(data->origin);
	g_free(data->hash);
	g_free(data);
}

const NgwLogData *ngw_log_record_data(NgwLogRecord *self)
{
	return self->data;
}

gboolean ngw_log_record_is_open(NgwLogRecord *self)
{
	return self->is_open;
}

void ngw_log_record_set_open(NgwLogRecord *self, gboolean is_open)
{
	if (self->is_open == is_open)
		return;
	self->is_open = is_open;
	g_signal_emit(self, signal_opened, 0);
}

static void ngw_log_record_finalize(GObject *object)
{
	ngw_log_data_free(NGW_LOG_RECORD(object)->data);
	G_OBJECT_CLASS(ngw_log_record_parent_class)->finalize(object);
}

static void ngw_log_record_class_init(NgwLogRecordClass *class)
{
	G_OBJECT_CLASS(class)->finalize = ngw_log_record_finalize;
	signal_opened =
		g_signal_new("opened", NGW_TYPE_LOG_RECORD, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void ngw_log_record_init(NgwLogRecord *self)
{
}

NgwLogRecord *ngw_log_record_new(NgwLogData *data)
{
	NgwLogRecord *self = g_object_new(NGW_TYPE_LOG_RECORD, NULL);

	self->data = data;
	return self;
}
