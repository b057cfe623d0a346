/* SPDX-License-Identifier: MIT */
/*
 * One record of the audit chain as the Log shows it: what GetAudit said, kept as text, and whether the person opened
 * it. Main loop only, no power; its texts come from the service's records and are never markup.
 *
 * Signal "opened" (): it was opened or closed.
 */
#ifndef NGW_LOG_RECORD_H
#define NGW_LOG_RECORD_H

#include <gio/gio.h>

G_BEGIN_DECLS

#define NGW_LOG_UID_UNKNOWN G_MAXUINT32

typedef struct {
	guint64 seq;
	gint64 time; /* seconds */
	guint uid;   /* NGW_LOG_UID_UNKNOWN: nobody knows */
	char *auth;
	char *action;
	char *application;
	char *before; /* JSON, text, or "" */
	char *after;
	char *reason;
	char *origin;
	char *hash;
} NgwLogData;

/* One of GetAudit's dictionaries. */
NgwLogData *ngw_log_data_read(GVariant *dict);
void ngw_log_data_free(NgwLogData *data);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NgwLogData, ngw_log_data_free)

#define NGW_TYPE_LOG_RECORD (ngw_log_record_get_type())
G_DECLARE_FINAL_TYPE(NgwLogRecord, ngw_log_record, NGW, LOG_RECORD, GObject)

NgwLogRecord *ngw_log_record_new(NgwLogData *data); /* takes it */
const NgwLogData *ngw_log_record_data(NgwLogRecord *record);
gboolean ngw_log_record_is_open(NgwLogRecord *record);
void ngw_log_record_set_open(NgwLogRecord *record, gboolean is_open);

G_END_DECLS
#endif
