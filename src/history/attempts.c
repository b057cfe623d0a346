/* SPDX-License-Identifier: MIT */
/*
 * Attempts: grouped in memory, written in one transaction, read back, dropped when old or too many. Engine, no
 * privilege, one thread.
 *
 * Memory is bounded by NG_HISTORY_MAX_GROUPS groups of at most MAX_TEXT bytes for each text. When they are all taken
 * the least recent are written out; what cannot be written then is dropped and counted as lost. The file is bounded by
 * the retention: each batch that is written drops as many of the oldest rows as it added, once the limit is reached.
 */
#include "history/history-private.h"

#include <string.h>

#define KEY_BYTES 16
#define HOUR_US (3600 * (gint64)G_USEC_PER_SEC)
#define WRITE_OUT 512   /* groups, when memory is full */
#define MAX_EXE 4096    /* bytes, PATH_MAX */
#define MAX_TEXT 256    /* bytes, for the others: an application's id has at most 128 */
#define PRUNE_ROWS 4000 /* rows dropped by one call of prune: some 50 ms */
#define MAX_COUNT (G_GINT64_CONSTANT(1) << 53)

typedef struct {
	guint8 key[KEY_BYTES];
	GList link;        /* in `recent`; data is the group */
	NgAttempt attempt; /* its strings are ours */
} Group;

static void group_free(Group *group)
{
	g_free((char *)group->attempt.source);
	g_free((char *)group->attempt.exe);
	g_free((char *)group->attempt.comm);
	g_free((char *)group->attempt.app);
	g_free((char *)group->attempt.decider);
	g_free(group);
}

static guint key_hash(gconstpointer key)
{
	guint hash;

	memcpy(&hash, key, sizeof(hash));
	return hash;
}

static gboolean key_equal(gconstpointer a, gconstpointer b)
{
	return memcmp(a, b, KEY_BYTES) == 0;
}

void ng_history_attempts_init(NgHistory *history)
{
	history->groups = g_hash_table_new(key_hash, key_equal);
	g_queue_init(&history->recent);
}

static void group_drop(NgHistory *history, Group *group)
{
	g_hash_table_remove(history->groups, group->key);
	g_queue_unlink(&history->recent, &group->link);
	group_free(group);
}

void ng_history_attempts_done(NgHistory *history)
{
	while (!g_queue_is_empty(&history->recent))
		group_drop(history, g_queue_peek_tail(&history->recent));
	g_hash_table_destroy(history->groups);
}

/* --- what is alike --- */

static void key_add_text(GChecksum *sum, const char *text, gsize limit)
{
	guint32 length = text ? (guint32)strnlen(text, limit) : 0;

	g_checksum_update(sum, (const guchar *)&length, sizeof(length));
	g_checksum_update(sum, (const guchar *)text, (gssize)length);
}

/* The port of an arriving flow is the other side's own and says nothing. */
static guint16 port_of(const NgAttempt *attempt)
{
	return attempt->flow.call == NG_CALL_RECV ? 0 : attempt->flow.port;
}

static void key_make(const NgAttempt *attempt, guint8 ret_key[KEY_BYTES])
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	guint8 digest[NG_HASH_BYTES];
	gsize length = sizeof(digest);
	const gint64 hour = attempt->last / HOUR_US;
	const guint16 port = port_of(attempt);
	const guint8 small[] = { attempt->profile,         attempt->simulated != 0,
				 attempt->flow.call,       attempt->flow.proto,
				 attempt->verdict.allowed, attempt->verdict.reason,
				 (guint8)(port >> 8),      (guint8)port };

	g_checksum_update(sum, (const guchar *)&hour, sizeof(hour));
	g_checksum_update(sum, (const guchar *)&attempt->uid, sizeof(attempt->uid));
	g_checksum_update(sum, attempt->flow.addr, sizeof(attempt->flow.addr));
	g_checksum_update(sum, small, sizeof(small));
	key_add_text(sum, attempt->source, MAX_TEXT);
	key_add_text(sum, attempt->exe, MAX_EXE);
	key_add_text(sum, attempt->app, MAX_TEXT);
	key_add_text(sum, attempt->decider, MAX_TEXT);
	g_checksum_get_digest(sum, digest, &length);
	memcpy(ret_key, digest, KEY_BYTES);
}

static char *text_copy(const char *text, gsize limit)
{
	return text ? g_utf8_make_valid(text, (gssize)strnlen(text, limit)) : g_strdup("");
}

static Group *group_new(const NgAttempt *attempt, const guint8 key[KEY_BYTES])
{
	Group *group = g_new0(Group, 1);

	memcpy(group->key, key, KEY_BYTES);
	group->link.data = group;
	group->attempt = *attempt;
	group->attempt.count = 0;
	group->attempt.flow.port = port_of(attempt);
	group->attempt.source = text_copy(attempt->source, MAX_TEXT);
	group->attempt.exe = text_copy(attempt->exe, MAX_EXE);
	group->attempt.comm = text_copy(attempt->comm, MAX_TEXT);
	group->attempt.app = text_copy(attempt->app, MAX_TEXT);
	group->attempt.decider = text_copy(attempt->decider, MAX_TEXT);
	return group;
}

static void group_merge(Group *group, const NgAttempt *attempt)
{
	NgAttempt *own = &group->attempt;
	guint64 count = MIN(MAX(attempt->count, 1), MAX_COUNT);

	own->count = MIN(own->count + count, MAX_COUNT);
	own->first = MIN(own->first, attempt->first);
	if (attempt->last < own->last)
		return;
	own->last = attempt->last;
	own->pid = attempt->pid;
	if (g_strcmp0(own->comm, attempt->comm) != 0) {
		g_free((char *)own->comm);
		own->comm = text_copy(attempt->comm, MAX_TEXT);
	}
}

/* --- writing --- */

static void bind_text(sqlite3_stmt *statement, int index, const char *text)
{
	sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

static gboolean group_write(NgHistory *history, const Group *group, GError **error)
{
	const NgAttempt *attempt = &group->attempt;
	sqlite3_stmt *statement = ng_history_sql(history, NG_SQL_ATTEMPT_ADD);
	const int numbers[] = { attempt->profile,        attempt->simulated != 0, attempt->family,
				attempt->flow.port,      attempt->flow.proto,     attempt->flow.call,
				attempt->flow.raw,       attempt->flow.onlink,    attempt->verdict.allowed,
				attempt->verdict.reason, attempt->verdict.class };
	const int columns[] = { 12, 13, 14, 16, 17, 18, 19, 20, 21, 22, 23 };

	sqlite3_bind_blob(statement, 1, group->key, KEY_BYTES, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 2, attempt->first);
	sqlite3_bind_int64(statement, 3, attempt->last);
	sqlite3_bind_int64(statement, 4, (gint64)attempt->count);
	bind_text(statement, 5, attempt->source);
	sqlite3_bind_int64(statement, 6, attempt->pid);
	sqlite3_bind_int64(statement, 7, attempt->uid);
	bind_text(statement, 8, attempt->exe);
	bind_text(statement, 9, attempt->comm);
	bind_text(statement, 10, attempt->app);
	bind_text(statement, 11, attempt->decider);
	sqlite3_bind_blob(statement, 15, attempt->flow.addr, sizeof(attempt->flow.addr), SQLITE_STATIC);
	for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++)
		sqlite3_bind_int(statement, columns[i], numbers[i]);
	return ng_history_run(history, statement, error);
}

/* Bytes of the file that hold something, the write-ahead log included in its pages. 0: not known. */
static guint64 bytes_used(NgHistory *history, guint64 *ret_bytes)
{
	sqlite3_stmt *statement = ng_history_sql(history, NG_SQL_USED_PAGES);
	guint64 pages = 0, empty = 0, size = 0;

	if (sqlite3_step(statement) == SQLITE_ROW) {
		pages = (guint64)sqlite3_column_int64(statement, 0);
		empty = (guint64)sqlite3_column_int64(statement, 1);
		size = (guint64)sqlite3_column_int64(statement, 2);
	}
	sqlite3_reset(statement);
	*ret_bytes = pages * size;
	return (pages - MIN(empty, pages)) * size;
}

/* Within a transaction: when the rows take more than the retention allows, drop up to `rows` of the oldest. */
static gboolean drop_oldest(NgHistory *history, gint64 rows, GError **error)
{
	guint64 bytes;
	sqlite3_stmt *statement;

	if (history->retention.max_bytes == 0 || bytes_used(history, &bytes) <= history->retention.max_bytes)
		return TRUE;
	statement = ng_history_sql(history, NG_SQL_ATTEMPTS_DROP_OLDEST);
	sqlite3_bind_int64(statement, 1, rows);
	return ng_history_run(history, statement, error);
}

/* Within a transaction: attempts were lost while nothing could be written, and the record says so. */
static gboolean gap_record(NgHistory *history, GError **error)
{
	g_autofree char *after = g_strdup_printf("{\"attempts_lost\":%" G_GUINT64_FORMAT "}", history->lost);

	return ng_history_audit_add(history,
				    &(NgAudit){ .time = g_get_real_time(),
						.auth = "service",
						.action = "gap",
						.after = after,
						.reason = "attempts were lost while history could not be written",
						.origin = "service" },
				    error);
}

/* Within a transaction. */
static gboolean write_groups(NgHistory *history, guint n, guint *ret_written, GError **error)
{
	guint written = 0;

	/* An empty transaction writes nothing and would prove nothing. */
	if (!ng_history_run(history, ng_history_sql(history, NG_SQL_PROBE), error))
		return FALSE;
	for (GList *link = history->recent.tail; link && written < n; link = link->prev, written++)
		if (!group_write(history, link->data, error))
			return FALSE;
	*ret_written = written;
	return (history->lost == 0 || gap_record(history, error)) &&
	       drop_oldest(history, (gint64)written + written / 4 + 64, error);
}

/* Write the `n` least recent groups; they leave memory only when they are in the file. */
static gboolean write_out(NgHistory *history, guint n, GError **error)
{
	guint written = 0;

	if (!ng_history_ready(history, error) || !ng_history_begin(history, error) ||
	    !write_groups(history, n, &written, error) || !ng_history_commit(history, error))
		return FALSE;
	for (guint i = 0; i < written; i++)
		group_drop(history, g_queue_peek_tail(&history->recent));
	history->lost = 0;
	ng_history_well(history);
	return TRUE;
}

/* Memory is full. A disk that just failed is not asked again for every attempt. */
static void make_room(NgHistory *history)
{
	gint64 now = g_get_monotonic_time();

	if (now >= history->retry_at) {
		if (write_out(history, WRITE_OUT, NULL))
			return;
		history->retry_at = MAX(history->retry_at, now + NG_HISTORY_RETRY_US);
	}
	Group *oldest = g_queue_peek_tail(&history->recent);
	history->lost += oldest->attempt.count;
	group_drop(history, oldest);
}

void ng_history_add(NgHistory *history, const NgAttempt *attempt)
{
	guint8 key[KEY_BYTES];
	Group *group;

	key_make(attempt, key);
	group = g_hash_table_lookup(history->groups, key);
	if (group) {
		g_queue_unlink(&history->recent, &group->link);
	} else {
		if (g_hash_table_size(history->groups) >= NG_HISTORY_MAX_GROUPS)
			make_room(history);
		group = group_new(attempt, key);
		g_hash_table_insert(history->groups, group->key, group);
	}
	group_merge(group, attempt);
	g_queue_push_head_link(&history->recent, &group->link);
}

gboolean ng_history_flush(NgHistory *history, GError **error)
{
	if (g_queue_is_empty(&history->recent) && !history->health)
		return TRUE;
	/* Also with nothing to write after a failure: whether it works again is found out by writing. */
	return write_out(history, NG_HISTORY_MAX_GROUPS, error);
}

/* --- reading --- */

static const char *column_text(sqlite3_stmt *statement, int column)
{
	const char *text = (const char *)sqlite3_column_text(statement, column);

	return text ? text : "";
}

static void attempt_read(sqlite3_stmt *statement, NgAttempt *ret_attempt)
{
	const void *addr = sqlite3_column_blob(statement, 13);

	*ret_attempt = (NgAttempt){
		.first = sqlite3_column_int64(statement, 0),
		.last = sqlite3_column_int64(statement, 1),
		.count = (guint64)sqlite3_column_int64(statement, 2),
		.source = column_text(statement, 3),
		.pid = (guint32)sqlite3_column_int64(statement, 4),
		.uid = (guint32)sqlite3_column_int64(statement, 5),
		.exe = column_text(statement, 6),
		.comm = column_text(statement, 7),
		.app = column_text(statement, 8),
		.decider = column_text(statement, 9),
		.profile = (guint8)sqlite3_column_int(statement, 10),
		.simulated = sqlite3_column_int(statement, 11) != 0,
		.family = (guint8)sqlite3_column_int(statement, 12),
		.flow = { .port = (guint16)sqlite3_column_int(statement, 14),
			  .proto = (guint8)sqlite3_column_int(statement, 15),
			  .call = (guint8)sqlite3_column_int(statement, 16),
			  .raw = (guint8)sqlite3_column_int(statement, 17),
			  .onlink = (guint8)sqlite3_column_int(statement, 18) },
		.verdict = { .allowed = sqlite3_column_int(statement, 19) != 0,
			     .reason = (guint8)sqlite3_column_int(statement, 20),
			     .class = (guint8)sqlite3_column_int(statement, 21) },
	};
	if (addr && sqlite3_column_bytes(statement, 13) == sizeof(ret_attempt->flow.addr))
		memcpy(ret_attempt->flow.addr, addr, sizeof(ret_attempt->flow.addr));
}

gboolean ng_history_attempts(NgHistory *history, const NgAttemptQuery *query, NgAttemptRow row, gpointer user_data,
			     GError **error)
{
	sqlite3_stmt *statement;
	int code;

	/* What cannot be written is no reason to show nothing. */
	(void)ng_history_flush(history, NULL);
	if (!ng_history_ready(history, error))
		return FALSE;
	statement = ng_history_sql(history, query->app ? NG_SQL_ATTEMPTS_APP : NG_SQL_ATTEMPTS_ALL);
	if (query->app)
		bind_text(statement, 1, query->app);
	sqlite3_bind_int64(statement, 2, query->since);
	sqlite3_bind_int64(statement, 3, query->uid);
	sqlite3_bind_int(statement, 4, query->verdict);
	sqlite3_bind_int(statement, 5, (int)CLAMP(query->limit, 1, 10000));
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		NgAttempt attempt;

		attempt_read(statement, &attempt);
		row(&attempt, user_data);
	}
	if (code != SQLITE_DONE)
		return ng_history_fail(history, code, error);
	sqlite3_reset(statement);
	return TRUE;
}

guint64 ng_history_denied_since(NgHistory *history, const char *app, gint64 since)
{
	sqlite3_stmt *statement;
	guint64 count = 0;
	int code;

	(void)ng_history_flush(history, NULL);
	if (!ng_history_ready(history, NULL))
		return 0;
	statement = ng_history_sql(history, NG_SQL_ATTEMPTS_DENIED);
	bind_text(statement, 1, app ? app : "");
	sqlite3_bind_int64(statement, 2, since);
	code = sqlite3_step(statement);
	if (code != SQLITE_ROW) {
		ng_history_fail(history, code, NULL);
		return 0;
	}
	count = (guint64)sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	return count;
}

/* --- retention --- */

/* Give empty pages back to the disk, a bounded number. */
static gboolean give_back(NgHistory *history, GError **error)
{
	sqlite3_stmt *statement = ng_history_sql(history, NG_SQL_VACUUM);
	int code;

	while ((code = sqlite3_step(statement)) == SQLITE_ROW)
		;
	if (code != SQLITE_DONE)
		return ng_history_fail(history, code, error);
	sqlite3_reset(statement);
	return TRUE;
}

gboolean ng_history_attempts_prune(NgHistory *history, GError **error)
{
	const gint64 cutoff = g_get_real_time() - history->retention.max_age;
	guint64 bytes = 0;

	if (!ng_history_begin(history, error))
		return FALSE;
	if (history->retention.max_age > 0) {
		sqlite3_stmt *statement = ng_history_sql(history, NG_SQL_ATTEMPTS_DROP_OLD);

		sqlite3_bind_int64(statement, 1, cutoff);
		sqlite3_bind_int(statement, 2, PRUNE_ROWS);
		if (!ng_history_run(history, statement, error))
			return FALSE;
	}
	if (!drop_oldest(history, PRUNE_ROWS, error) || !ng_history_commit(history, error))
		return FALSE;
	(void)bytes_used(history, &bytes);
	if (history->retention.max_bytes == 0 || bytes <= history->retention.max_bytes)
		return TRUE;
	return give_back(history, error);
}
