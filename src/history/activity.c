/* SPDX-License-Identifier: MIT */
/*
 * Activity: how many connections were allowed and blocked in each minute, when the service ran, and what of each user
 * was blocked on a day. Engine, no privilege, one thread.
 *
 * A run of the service is one row: its start, and when it was last seen to run, which every write moves on. Nothing is
 * written for that alone, so after a crash the time since the last write counts as not known, never as run.
 */
#include "history/history-private.h"

#define DAY_S G_GINT64_CONSTANT(86400)
#define MAX_COUNT (G_GINT64_CONSTANT(1) << 53)

static gboolean minute_add(NgHistory *history, gint64 minute, guint64 allowed, guint64 blocked, GError **error)
{
	sqlite3_stmt *statement;

	if (allowed == 0 && blocked == 0)
		return TRUE;
	statement = ng_history_sql(history, NG_SQL_ACTIVITY_ADD);
	sqlite3_bind_int64(statement, 1, minute);
	sqlite3_bind_int64(statement, 2, (gint64)MIN(allowed, MAX_COUNT));
	sqlite3_bind_int64(statement, 3, (gint64)MIN(blocked, MAX_COUNT));
	return ng_history_run(history, statement, error);
}

static gboolean run_seen(NgHistory *history, gint64 run_start, gint64 now, GError **error)
{
	sqlite3_stmt *statement = ng_history_sql(history, NG_SQL_RUNS_SEEN);

	sqlite3_bind_int64(statement, 1, run_start);
	sqlite3_bind_int64(statement, 2, now);
	return ng_history_run(history, statement, error);
}

gboolean ng_history_activity_add(NgHistory *history, gint64 run_start, gint64 now, gint64 minute, guint64 allowed,
				 guint64 blocked, GError **error)
{
	if (!ng_history_ready(history, error) || !ng_history_begin(history, error) ||
	    !minute_add(history, minute - minute % 60, allowed, blocked, error) ||
	    !run_seen(history, run_start, MAX(now, run_start), error) || !ng_history_commit(history, error))
		return FALSE;
	return TRUE;
}

gboolean ng_history_activity(NgHistory *history, gint64 since, guint step, guint limit, NgActivityRow row,
			     gpointer user_data, GError **error)
{
	sqlite3_stmt *statement;
	int code;

	if (!ng_history_ready(history, error))
		return FALSE;
	statement = ng_history_sql(history, NG_SQL_ACTIVITY);
	sqlite3_bind_int64(statement, 1, since - since % 60);
	sqlite3_bind_int64(statement, 2, MAX(step, 60));
	sqlite3_bind_int64(statement, 3, limit);
	while ((code = sqlite3_step(statement)) == SQLITE_ROW)
		row(sqlite3_column_int64(statement, 0), (guint64)sqlite3_column_int64(statement, 1),
		    (guint64)sqlite3_column_int64(statement, 2), user_data);
	if (code != SQLITE_DONE)
		return ng_history_fail(history, code, error);
	sqlite3_reset(statement);
	return TRUE;
}

gboolean ng_history_ran(NgHistory *history, gint64 since, gint64 run_start)
{
	gint64 from = run_start; /* it ran from here on */
	sqlite3_stmt *statement;

	if (since >= run_start)
		return TRUE;
	if (!ng_history_ready(history, NULL))
		return FALSE;
	statement = ng_history_sql(history, NG_SQL_RUNS);
	sqlite3_bind_int64(statement, 1, since);
	sqlite3_bind_int64(statement, 2, run_start);
	while (from > since && sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_int64(statement, 1) >= from)
		from = sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	return from <= since;
}

gboolean ng_history_denied_on(NgHistory *history, gint64 uid, gint64 day, NgDeniedRow row, gpointer user_data,
			      GError **error)
{
	sqlite3_stmt *statement;
	int code;

	if (!ng_history_ready(history, error))
		return FALSE;
	statement = ng_history_sql(history, uid < 0 ? NG_SQL_ATTEMPTS_DAY_ALL : NG_SQL_ATTEMPTS_DAY_OWN);
	sqlite3_bind_int64(statement, 1, day);
	sqlite3_bind_int64(statement, 2, uid);
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		const char *app = (const char *)sqlite3_column_text(statement, 0);

		row(app ? app : "", (guint64)sqlite3_column_int64(statement, 1), user_data);
	}
	if (code != SQLITE_DONE)
		return ng_history_fail(history, code, error);
	sqlite3_reset(statement);
	return TRUE;
}

gboolean ng_history_activity_prune(NgHistory *history, GError **error)
{
	static const NgSql drops[] = { NG_SQL_ACTIVITY_DROP, NG_SQL_RUNS_DROP };
	gint64 age = NG_HISTORY_ACTIVITY_DAYS * DAY_S;

	if (history->retention.max_age > 0)
		age = MIN(age, history->retention.max_age / G_USEC_PER_SEC);
	if (!ng_history_begin(history, error))
		return FALSE;
	for (gsize i = 0; i < G_N_ELEMENTS(drops); i++) {
		sqlite3_stmt *statement = ng_history_sql(history, drops[i]);

		sqlite3_bind_int64(statement, 1, g_get_real_time() / G_USEC_PER_SEC - age);
		if (!ng_history_run(history, statement, error))
			return FALSE;
	}
	return ng_history_commit(history, error);
}
