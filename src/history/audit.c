/* SPDX-License-Identifier: MIT */
/*
 * The audit chain: who changed what, each record bound to the one before it by its hash, and the row `chain` that holds
 * both ends. Engine, no privilege, one thread.
 *
 * What the chain proves: that no record was changed, removed, put in or moved by somebody who did not also compute all
 * later hashes and the head anew. It has no secret: a program that runs as the engine's user can write a new chain.
 *
 * hash = SHA-256 (hash before, then seq, time and uid as 8 bytes each, then each text as 8 bytes of length and itself);
 * numbers big-endian; the texts in the order of NgAudit from auth to origin. The first hash before is 32 zero bytes.
 */
#include "history/history-private.h"

#include <string.h>

#define MAX_TEXT (64 * 1024) /* bytes of one text; `before` and `after` are whole application files as JSON */
#define PRUNE_RECORDS 1000
#define DAY_US (24 * 3600 * (gint64)G_USEC_PER_SEC)
#define TEXTS 7

typedef struct {
	gint64 anchor_seq, head_seq;
	guint8 anchor[NG_HASH_BYTES], head[NG_HASH_BYTES];
} Chain;

static void sum_number(GChecksum *sum, guint64 number)
{
	const guint64 big = GUINT64_TO_BE(number);

	g_checksum_update(sum, (const guchar *)&big, sizeof(big));
}

static void texts_of(const NgAudit *audit, const char *ret_texts[TEXTS])
{
	const char *texts[TEXTS] = { audit->auth,  audit->action, audit->app,   audit->before,
				     audit->after, audit->reason, audit->origin };

	memcpy(ret_texts, texts, sizeof(texts));
}

static void hash_make(const guint8 before[NG_HASH_BYTES], const NgAudit *audit, guint8 ret_hash[NG_HASH_BYTES])
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	const char *texts[TEXTS];
	gsize length = NG_HASH_BYTES;

	texts_of(audit, texts);
	g_checksum_update(sum, before, NG_HASH_BYTES);
	sum_number(sum, audit->seq);
	sum_number(sum, (guint64)audit->time);
	sum_number(sum, audit->uid);
	for (int i = 0; i < TEXTS; i++) {
		sum_number(sum, strlen(texts[i]));
		g_checksum_update(sum, (const guchar *)texts[i], (gssize)strlen(texts[i]));
	}
	g_checksum_get_digest(sum, ret_hash, &length);
}

static gboolean column_hash(sqlite3_stmt *statement, int column, guint8 ret_hash[NG_HASH_BYTES])
{
	const void *blob = sqlite3_column_blob(statement, column);

	if (!blob || sqlite3_column_bytes(statement, column) != NG_HASH_BYTES)
		return FALSE;
	memcpy(ret_hash, blob, NG_HASH_BYTES);
	return TRUE;
}

/* Both ends of the chain. FALSE without a row, or with one that is not well formed: *ret_code is then SQLITE_OK. */
static gboolean chain_read(NgHistory *history, Chain *ret_chain, int *ret_code)
{
	sqlite3_stmt *statement = ng_history_sql(history, NG_SQL_CHAIN);
	int code = sqlite3_step(statement);
	gboolean is_whole = FALSE;

	if (code == SQLITE_ROW) {
		ret_chain->anchor_seq = sqlite3_column_int64(statement, 0);
		ret_chain->head_seq = sqlite3_column_int64(statement, 2);
		is_whole = column_hash(statement, 1, ret_chain->anchor) && column_hash(statement, 3, ret_chain->head);
	}
	sqlite3_reset(statement);
	*ret_code = code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
	return is_whole;
}

/* --- writing --- */

static char *text_copy(const char *text)
{
	return text ? g_utf8_make_valid(text, (gssize)strnlen(text, MAX_TEXT)) : g_strdup("");
}

static gboolean record_write(NgHistory *history, const NgAudit *audit, const guint8 hash[NG_HASH_BYTES], GError **error)
{
	sqlite3_stmt *statement = ng_history_sql(history, NG_SQL_AUDIT_ADD);
	const char *texts[TEXTS];

	texts_of(audit, texts);
	sqlite3_bind_int64(statement, 1, (gint64)audit->seq);
	sqlite3_bind_int64(statement, 2, audit->time);
	sqlite3_bind_int64(statement, 3, audit->uid);
	for (int i = 0; i < TEXTS; i++)
		sqlite3_bind_text(statement, 4 + i, texts[i], -1, SQLITE_STATIC);
	sqlite3_bind_blob(statement, 11, hash, NG_HASH_BYTES, SQLITE_STATIC);
	if (!ng_history_run(history, statement, error))
		return FALSE;
	statement = ng_history_sql(history, NG_SQL_CHAIN_HEAD);
	sqlite3_bind_int64(statement, 1, (gint64)audit->seq);
	sqlite3_bind_blob(statement, 2, hash, NG_HASH_BYTES, SQLITE_STATIC);
	return ng_history_run(history, statement, error);
}

gboolean ng_history_audit_add(NgHistory *history, const NgAudit *audit, GError **error)
{
	g_autofree char *auth = text_copy(audit->auth);
	g_autofree char *action = text_copy(audit->action);
	g_autofree char *app = text_copy(audit->app);
	g_autofree char *before = text_copy(audit->before);
	g_autofree char *after = text_copy(audit->after);
	g_autofree char *reason = text_copy(audit->reason);
	g_autofree char *origin = text_copy(audit->origin);
	guint8 hash[NG_HASH_BYTES];
	Chain chain;
	int code;
	NgAudit record = { .time = audit->time,
			   .uid = audit->uid,
			   .auth = auth,
			   .action = action,
			   .app = app,
			   .before = before,
			   .after = after,
			   .reason = reason,
			   .origin = origin };

	/* Without its row the chain cannot be gone on with: the file is not what it was. */
	if (!chain_read(history, &chain, &code))
		return ng_history_fail(history, code == SQLITE_OK ? SQLITE_CORRUPT : code, error);
	record.seq = (guint64)chain.head_seq + 1;
	hash_make(chain.head, &record, hash);
	return record_write(history, &record, hash, error);
}

gboolean ng_history_audit(NgHistory *history, const NgAudit *audit, GError **error)
{
	if (!ng_history_ready(history, error) || !ng_history_begin(history, error) ||
	    !ng_history_audit_add(history, audit, error) || !ng_history_commit(history, error))
		return FALSE;
	ng_history_well(history);
	return TRUE;
}

/* --- reading --- */

static const char *column_text(sqlite3_stmt *statement, int column)
{
	const char *text = (const char *)sqlite3_column_text(statement, column);

	return text ? text : "";
}

static void hex_of(const guint8 hash[NG_HASH_BYTES], char ret_hex[2 * NG_HASH_BYTES + 1])
{
	for (int i = 0; i < NG_HASH_BYTES; i++)
		g_snprintf(ret_hex + 2 * i, 3, "%02x", hash[i]);
}

/* The record and its hash; FALSE for a hash that is none. A uid beyond 32 bits cannot be ours: it is kept apart, so
 * that the hash does not fit. */
static gboolean record_read(sqlite3_stmt *statement, NgAudit *ret_audit, guint8 ret_hash[NG_HASH_BYTES])
{
	gint64 uid = sqlite3_column_int64(statement, 2);

	*ret_audit = (NgAudit){
		.seq = (guint64)sqlite3_column_int64(statement, 0),
		.time = sqlite3_column_int64(statement, 1),
		.uid = (guint32)uid,
		.auth = column_text(statement, 3),
		.action = column_text(statement, 4),
		.app = column_text(statement, 5),
		.before = column_text(statement, 6),
		.after = column_text(statement, 7),
		.reason = column_text(statement, 8),
		.origin = column_text(statement, 9),
	};
	return column_hash(statement, 10, ret_hash) && uid >= 0 && uid <= G_MAXUINT32;
}

gboolean ng_history_audits(NgHistory *history, gint64 since, guint limit, NgAuditRow row, gpointer user_data,
			   GError **error)
{
	sqlite3_stmt *statement;
	int code;

	if (!ng_history_ready(history, error))
		return FALSE;
	statement = ng_history_sql(history, NG_SQL_AUDITS_NEWEST);
	sqlite3_bind_int64(statement, 1, since);
	sqlite3_bind_int(statement, 2, (int)CLAMP(limit, 1, 10000));
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		guint8 hash[NG_HASH_BYTES] = { 0 };
		char hex[2 * NG_HASH_BYTES + 1];
		NgAudit audit;

		(void)record_read(statement, &audit, hash);
		hex_of(hash, hex);
		audit.hash = hex;
		row(&audit, user_data);
	}
	if (code != SQLITE_DONE)
		return ng_history_fail(history, code, error);
	sqlite3_reset(statement);
	return TRUE;
}

/* --- verifying --- */

/* SQLITE_DONE: the records form a chain from the anchor; SQLITE_ROW: *ret_seq is the first that does not fit; else an
 * error. At the end `head` and *ret_seq are those of the last record. */
static int chain_walk(NgHistory *history, guint8 head[NG_HASH_BYTES], guint64 *ret_seq, guint64 *ret_records)
{
	sqlite3_stmt *statement = ng_history_sql(history, NG_SQL_AUDITS_ALL);
	int code;

	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		guint8 stored[NG_HASH_BYTES] = { 0 }, computed[NG_HASH_BYTES];
		NgAudit audit;
		gboolean is_whole = record_read(statement, &audit, stored);

		hash_make(head, &audit, computed);
		if (!is_whole || audit.seq != *ret_seq + 1 || memcmp(stored, computed, NG_HASH_BYTES) != 0) {
			*ret_seq += 1;
			break;
		}
		memcpy(head, computed, NG_HASH_BYTES);
		*ret_seq = audit.seq;
		*ret_records += 1;
	}
	sqlite3_reset(statement);
	return code;
}

/* All records up to `seq` fit each other, but not the head: the first that does not fit that. */
static guint64 bad_end(const Chain *chain, guint64 seq)
{
	const guint64 head_seq = (guint64)MAX(chain->head_seq, 0);

	/* Where the numbers agree, the last record was written anew; else the tail was cut, or something was put on. */
	return seq == head_seq ? MAX(seq, 1) : MIN(seq, head_seq) + 1;
}

gboolean ng_history_verify(NgHistory *history, guint64 *ret_records, guint64 *ret_bad_seq, GError **error)
{
	guint64 records = 0, seq;
	guint8 hash[NG_HASH_BYTES];
	Chain chain = { 0 };
	gboolean has_chain, is_good;
	int code;

	*ret_records = *ret_bad_seq = 0;
	if (!ng_history_ready(history, error))
		return FALSE;
	has_chain = chain_read(history, &chain, &code);
	if (code != SQLITE_OK)
		return ng_history_fail(history, code, error);
	seq = (guint64)chain.anchor_seq;
	memcpy(hash, chain.anchor, sizeof(hash));
	code = chain_walk(history, hash, &seq, &records);
	if (code != SQLITE_DONE && code != SQLITE_ROW)
		return ng_history_fail(history, code, error);
	*ret_records = records;
	is_good = has_chain && code == SQLITE_DONE && seq == (guint64)chain.head_seq &&
		  memcmp(hash, chain.head, sizeof(hash)) == 0;
	if (is_good)
		return TRUE;
	*ret_bad_seq = code == SQLITE_ROW ? seq : bad_end(&chain, seq);
	g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
		    "history: the audit chain is broken at record %" G_GUINT64_FORMAT, *ret_bad_seq);
	return FALSE;
}

/* --- retention --- */

/* How far the oldest records are too old: the last of them, or seq 0. The newest record of all always stays. */
static int old_records(NgHistory *history, gint64 head_seq, gint64 *ret_seq, guint8 ret_hash[NG_HASH_BYTES])
{
	/* In steps, so that the record about it does not come every minute. */
	const gint64 max_age = history->retention.max_age, step = MIN(DAY_US, max_age / 8);
	const gint64 cutoff = g_get_real_time() - max_age;
	sqlite3_stmt *statement = ng_history_sql(history, NG_SQL_AUDITS_OLDEST);
	gboolean is_due = FALSE;
	int code;

	*ret_seq = 0;
	sqlite3_bind_int(statement, 1, PRUNE_RECORDS);
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		gint64 seq = sqlite3_column_int64(statement, 0), time = sqlite3_column_int64(statement, 1);

		is_due |= time < cutoff - step;
		if (!is_due || time >= cutoff || seq >= head_seq || !column_hash(statement, 2, ret_hash))
			break;
		*ret_seq = seq;
	}
	sqlite3_reset(statement);
	return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

static gboolean drop_records(NgHistory *history, gint64 seq, const guint8 anchor[NG_HASH_BYTES], GError **error)
{
	char hex[2 * NG_HASH_BYTES + 1];
	g_autofree char *after = NULL;
	sqlite3_stmt *statement = ng_history_sql(history, NG_SQL_AUDITS_DROP);

	sqlite3_bind_int64(statement, 1, seq);
	if (!ng_history_run(history, statement, error))
		return FALSE;
	statement = ng_history_sql(history, NG_SQL_CHAIN_ANCHOR);
	sqlite3_bind_int64(statement, 1, seq);
	sqlite3_bind_blob(statement, 2, anchor, NG_HASH_BYTES, SQLITE_STATIC);
	if (!ng_history_run(history, statement, error))
		return FALSE;
	hex_of(anchor, hex);
	after = g_strdup_printf("{\"dropped_to\":%" G_GINT64_FORMAT ",\"anchor\":\"%s\"}", seq, hex);
	return ng_history_audit_add(history,
				    &(NgAudit){ .time = g_get_real_time(),
						.auth = "service",
						.action = "retention",
						.after = after,
						.reason = "records older than the retention were dropped",
						.origin = "service" },
				    error);
}

gboolean ng_history_audit_prune(NgHistory *history, GError **error)
{
	guint8 anchor[NG_HASH_BYTES];
	Chain chain = { 0 };
	gint64 seq = 0;
	int code;

	if (history->retention.max_age <= 0)
		return TRUE;
	if (!ng_history_begin(history, error))
		return FALSE;
	(void)chain_read(history, &chain, &code);
	if (code == SQLITE_OK)
		code = old_records(history, chain.head_seq, &seq, anchor);
	if (code != SQLITE_OK)
		return ng_history_fail(history, code, error);
	return (seq == 0 || drop_records(history, seq, anchor, error)) && ng_history_commit(history, error);
}
