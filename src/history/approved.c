/* SPDX-License-Identifier: MIT */
/*
 * Fingerprints of programs: what was decided on, and what was found there last (see migrations.c). Only kept here;
 * who takes and compares them is src/guardd/fingerprints.c. Engine, no privilege, one thread.
 */
#include "history/history-private.h"

#include <string.h>

G_STATIC_ASSERT(NG_HISTORY_HASH == NG_HASH_BYTES);

/* Column `column` as a hash; FALSE: it is none. */
static gboolean column_hash(sqlite3_stmt *statement, int column, guint8 ret_hash[NG_HISTORY_HASH])
{
	const void *hash = sqlite3_column_blob(statement, column);

	if (!hash || sqlite3_column_bytes(statement, column) != NG_HISTORY_HASH)
		return FALSE;
	memcpy(ret_hash, hash, NG_HISTORY_HASH);
	return TRUE;
}

/* A row that does not hold what it should is passed over: that program's fingerprint is not known. */
static void row_read(sqlite3_stmt *statement, NgApprovedRow row, gpointer user_data)
{
	g_autofree char *path = g_strndup(sqlite3_column_blob(statement, 1), (gsize)sqlite3_column_bytes(statement, 1));
	NgApproved approved = {
		.app = (const char *)sqlite3_column_text(statement, 0),
		.path = path,
		.time = sqlite3_column_int64(statement, 3),
		.size = (guint64)sqlite3_column_int64(statement, 5),
		.mtime_ns = sqlite3_column_int64(statement, 6),
		.ctime_ns = sqlite3_column_int64(statement, 7),
		.dev = (guint64)sqlite3_column_int64(statement, 8),
		.ino = (guint64)sqlite3_column_int64(statement, 9),
	};

	if (approved.app && path && column_hash(statement, 2, approved.approved) &&
	    column_hash(statement, 4, approved.sha256))
		row(&approved, user_data);
}

gboolean ng_history_approved(NgHistory *history, NgApprovedRow row, gpointer user_data, GError **error)
{
	sqlite3_stmt *statement;
	int code;

	if (!ng_history_ready(history, error))
		return FALSE;
	statement = ng_history_sql(history, NG_SQL_APPROVED);
	while ((code = sqlite3_step(statement)) == SQLITE_ROW)
		row_read(statement, row, user_data);
	if (code != SQLITE_DONE)
		return ng_history_fail(history, code, error);
	sqlite3_reset(statement);
	return TRUE;
}

gboolean ng_history_approved_put(NgHistory *history, const NgApproved *approved, GError **error)
{
	sqlite3_stmt *statement;

	if (!ng_history_ready(history, error))
		return FALSE;
	statement = ng_history_sql(history, NG_SQL_APPROVED_PUT);
	sqlite3_bind_text(statement, 1, approved->app, -1, SQLITE_STATIC);
	sqlite3_bind_blob(statement, 2, approved->path, (int)strlen(approved->path), SQLITE_STATIC);
	sqlite3_bind_blob(statement, 3, approved->approved, NG_HISTORY_HASH, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 4, approved->time);
	sqlite3_bind_blob(statement, 5, approved->sha256, NG_HISTORY_HASH, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 6, (gint64)approved->size);
	sqlite3_bind_int64(statement, 7, approved->mtime_ns);
	sqlite3_bind_int64(statement, 8, approved->ctime_ns);
	sqlite3_bind_int64(statement, 9, (gint64)approved->dev);
	sqlite3_bind_int64(statement, 10, (gint64)approved->ino);
	return ng_history_run(history, statement, error);
}

gboolean ng_history_approved_drop(NgHistory *history, const char *app, const char *path, GError **error)
{
	sqlite3_stmt *statement;

	if (!ng_history_ready(history, error))
		return FALSE;
	statement = ng_history_sql(history, path ? NG_SQL_APPROVED_DROP : NG_SQL_APPROVED_FORGET);
	sqlite3_bind_text(statement, 1, app, -1, SQLITE_STATIC);
	if (path)
		sqlite3_bind_blob(statement, 2, path, (int)strlen(path), SQLITE_STATIC);
	return ng_history_run(history, statement, error);
}
