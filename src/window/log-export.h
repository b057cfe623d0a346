/* SPDX-License-Identifier: MIT */
/*
 * The audit chain as a file of the person's: JSON, or CSV for spreadsheets. Written in a thread, as a whole or not at
 * all (a temporary file, then renamed), readable by the person only. Runs with the person's own power.
 *
 * CSV is that of RFC 4180. A cell that a spreadsheet would take for a formula gets an apostrophe before it: the records
 * hold what programs and people wrote.
 */
#ifndef NGW_LOG_EXPORT_H
#define NGW_LOG_EXPORT_H

#include "window/log-record.h"

G_BEGIN_DECLS

typedef enum {
	NGW_LOG_JSON,
	NGW_LOG_CSV,
} NgwLogFormat;

/* "json" or "csv", also the suffix of the file. */
const char *ngw_log_format_word(NgwLogFormat format);
/* Records (NgwLogData) as a text. Owned by the caller. */
char *ngw_log_export_text(GPtrArray *records, NgwLogFormat format);

/* `records` is GetAudit's aa{sv}. */
void ngw_log_export(GVariant *records, NgwLogFormat format, GFile *file, GCancellable *cancellable,
		    GAsyncReadyCallback callback, gpointer user_data);
gboolean ngw_log_export_finish(GAsyncResult *result, GError **error);

G_END_DECLS
#endif
