/* SPDX-License-Identifier: MIT */
/*
 * The database's shape, as numbered migrations: the file's user_version is the number of those it has. Append, never
 * change one that was released. Also the text of every statement, so that all the SQL is in one place. Engine, no
 * privilege.
 *
 * activity.minute and the times of `runs` are seconds, all other times microseconds. approved.approved is the hash of
 * the file that was meant, sha256 of the one that is there now, with the stat data it had then.
 *
 * attempts.key is the first 16 bytes of a hash over what makes attempts alike (attempts.c); `chain` has one row: what
 * lies before the first audit record kept (the anchor), and the last record (the head), so that a cut tail is noticed.
 */
#include "history/history-private.h"

#define DAY_OF_LAST "last / 86400000000" /* days since the epoch, UTC; the text is part of an index */

static const char *const migrations[] = {
	/* 1: attempts */
	"CREATE TABLE attempts ("
	" id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, first INTEGER NOT NULL, last INTEGER NOT NULL,"
	" count INTEGER NOT NULL, source TEXT NOT NULL, pid INTEGER NOT NULL, uid INTEGER NOT NULL, exe TEXT NOT NULL,"
	" comm TEXT NOT NULL, app TEXT NOT NULL, decider TEXT NOT NULL, profile INTEGER NOT NULL,"
	" simulated INTEGER NOT NULL, family INTEGER NOT NULL, addr BLOB NOT NULL, port INTEGER NOT NULL,"
	" proto INTEGER NOT NULL, call INTEGER NOT NULL, raw INTEGER NOT NULL, onlink INTEGER NOT NULL,"
	" allowed INTEGER NOT NULL, reason INTEGER NOT NULL, class INTEGER NOT NULL);"
	"CREATE INDEX attempts_last ON attempts (last);"
	"CREATE INDEX attempts_app ON attempts (app, last);",
	/* 2: the audit chain */
	"CREATE TABLE audit ("
	" seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, uid INTEGER NOT NULL, auth TEXT NOT NULL,"
	" action TEXT NOT NULL, app TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL, reason TEXT NOT NULL,"
	" origin TEXT NOT NULL, hash BLOB NOT NULL);"
	"CREATE TABLE chain ("
	" id INTEGER PRIMARY KEY CHECK (id = 1), anchor_seq INTEGER NOT NULL, anchor BLOB NOT NULL,"
	" head_seq INTEGER NOT NULL, head BLOB NOT NULL);"
	"INSERT INTO chain VALUES (1, 0, zeroblob(32), 0, zeroblob(32));",
	/* 3: activity by the minute, when the service ran, and each user's blocked attempts without a look at the rows
	 */
	"CREATE TABLE activity ("
	" minute INTEGER PRIMARY KEY, allowed INTEGER NOT NULL, blocked INTEGER NOT NULL);"
	"CREATE TABLE runs (start INTEGER PRIMARY KEY, seen INTEGER NOT NULL);"
	"CREATE INDEX attempts_denied ON attempts (" DAY_OF_LAST ", uid, app, count) WHERE allowed = 0;",
	/* 4: fingerprints of programs; a path may hold any byte */
	"CREATE TABLE approved ("
	" app TEXT NOT NULL, path BLOB NOT NULL, approved BLOB NOT NULL, time INTEGER NOT NULL, sha256 BLOB NOT NULL,"
	" size INTEGER NOT NULL, mtime INTEGER NOT NULL, ctime INTEGER NOT NULL, dev INTEGER NOT NULL,"
	" ino INTEGER NOT NULL, PRIMARY KEY (app, path)) WITHOUT ROWID;",
};

#define ATTEMPT_COLUMNS                                                                                                \
	"first, last, count, source, pid, uid, exe, comm, app, decider, profile, simulated, family, addr, port, "      \
	"proto,"                                                                                                       \
	" call, raw, onlink, allowed, reason, class"
#define ATTEMPT_WHERE "last >= ?2 AND (?3 < 0 OR uid = ?3) AND (?4 < 0 OR allowed = ?4) ORDER BY last DESC LIMIT ?5"
#define APPROVED_COLUMNS "app, path, approved, time, sha256, size, mtime, ctime, dev, ino"
#define AUDIT_COLUMNS "seq, time, uid, auth, action, app, before, after, reason, origin, hash"

static const char *const texts[NG_SQL_STATEMENTS] = {
	[NG_SQL_BEGIN] = "BEGIN IMMEDIATE",
	[NG_SQL_COMMIT] = "COMMIT",
	[NG_SQL_ROLLBACK] = "ROLLBACK",
	/* A count stays below 2^53: exact in JSON, and far from where SQLite would turn it into a fraction. */
	[NG_SQL_ATTEMPT_ADD] =
		"INSERT INTO attempts (key, " ATTEMPT_COLUMNS ") VALUES"
		" (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, "
		"?22, ?23)"
		" ON CONFLICT (key) DO UPDATE SET first = min(first, excluded.first),"
		" pid = iif(excluded.last >= last, excluded.pid, pid), comm = iif(excluded.last >= last, "
		"excluded.comm, comm),"
		" last = max(last, excluded.last), count = min(count + excluded.count, 9007199254740992)",
	[NG_SQL_ATTEMPTS_ALL] = "SELECT " ATTEMPT_COLUMNS " FROM attempts WHERE ?1 IS NULL AND " ATTEMPT_WHERE,
	[NG_SQL_ATTEMPTS_APP] = "SELECT " ATTEMPT_COLUMNS " FROM attempts WHERE app = ?1 AND " ATTEMPT_WHERE,
	[NG_SQL_ATTEMPTS_DENIED] =
		"SELECT coalesce(sum(count), 0) FROM attempts WHERE app = ?1 AND last >= ?2 AND allowed = 0",
	[NG_SQL_ATTEMPTS_DROP_OLD] = "DELETE FROM attempts WHERE id IN"
				     " (SELECT id FROM attempts WHERE last < ?1 ORDER BY last LIMIT ?2)",
	[NG_SQL_ATTEMPTS_DROP_OLDEST] =
		"DELETE FROM attempts WHERE id IN (SELECT id FROM attempts ORDER BY last LIMIT ?1)",
	/* Grouped in the order of the index: nothing is sorted. */
	[NG_SQL_ATTEMPTS_DAY_OWN] = "SELECT app, sum(count) FROM attempts INDEXED BY attempts_denied"
				    " WHERE allowed = 0 AND " DAY_OF_LAST " = ?1 AND uid = ?2 GROUP BY app",
	[NG_SQL_ATTEMPTS_DAY_ALL] = "SELECT app, sum(count) FROM attempts INDEXED BY attempts_denied"
				    " WHERE allowed = 0 AND " DAY_OF_LAST " = ?1 AND ?2 < 0 GROUP BY uid, app",
	[NG_SQL_ACTIVITY_ADD] = "INSERT INTO activity (minute, allowed, blocked) VALUES (?1, ?2, ?3)"
				" ON CONFLICT (minute) DO UPDATE SET"
				" allowed = min(allowed + excluded.allowed, 9007199254740992),"
				" blocked = min(blocked + excluded.blocked, 9007199254740992)",
	[NG_SQL_ACTIVITY] = "SELECT minute - minute % ?2, sum(allowed), sum(blocked) FROM activity"
			    " WHERE minute >= ?1 GROUP BY 1 ORDER BY 1 LIMIT ?3",
	[NG_SQL_ACTIVITY_DROP] = "DELETE FROM activity WHERE minute < ?1",
	[NG_SQL_RUNS_SEEN] = "INSERT INTO runs (start, seen) VALUES (?1, ?2)"
			     " ON CONFLICT (start) DO UPDATE SET seen = max(seen, excluded.seen)",
	[NG_SQL_RUNS] = "SELECT start, seen FROM runs WHERE seen >= ?1 AND start < ?2 ORDER BY start DESC",
	[NG_SQL_RUNS_DROP] = "DELETE FROM runs WHERE seen < ?1",
	[NG_SQL_APPROVED] = "SELECT " APPROVED_COLUMNS " FROM approved ORDER BY app, path",
	[NG_SQL_APPROVED_PUT] = "INSERT OR REPLACE INTO approved (" APPROVED_COLUMNS
				") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
	[NG_SQL_APPROVED_DROP] = "DELETE FROM approved WHERE app = ?1 AND path = ?2",
	[NG_SQL_APPROVED_FORGET] = "DELETE FROM approved WHERE app = ?1",
	[NG_SQL_AUDIT_ADD] =
		"INSERT INTO audit (" AUDIT_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
	[NG_SQL_AUDITS_NEWEST] = "SELECT " AUDIT_COLUMNS " FROM audit WHERE time >= ?1 ORDER BY seq DESC LIMIT ?2",
	[NG_SQL_AUDITS_ALL] = "SELECT " AUDIT_COLUMNS " FROM audit ORDER BY seq",
	[NG_SQL_AUDITS_OLDEST] = "SELECT seq, time, hash FROM audit ORDER BY seq LIMIT ?1",
	[NG_SQL_AUDITS_DROP] = "DELETE FROM audit WHERE seq <= ?1",
	[NG_SQL_CHAIN] = "SELECT anchor_seq, anchor, head_seq, head FROM chain WHERE id = 1",
	[NG_SQL_CHAIN_HEAD] = "UPDATE chain SET head_seq = ?1, head = ?2 WHERE id = 1",
	[NG_SQL_CHAIN_ANCHOR] = "UPDATE chain SET anchor_seq = ?1, anchor = ?2 WHERE id = 1",
	/* Changes nothing and has to be written all the same. */
	[NG_SQL_PROBE] = "UPDATE chain SET head_seq = head_seq WHERE id = 1",
	[NG_SQL_USED_PAGES] = "SELECT (SELECT page_count FROM pragma_page_count),"
			      " (SELECT freelist_count FROM pragma_freelist_count),"
			      " (SELECT page_size FROM pragma_page_size)",
	[NG_SQL_VACUUM] = "PRAGMA incremental_vacuum(1000)",
};

const char *ng_history_sql_text(NgSql sql)
{
	return texts[sql];
}

/* The first number of a query's first row, or `otherwise`. */
static gint64 number_of(sqlite3 *db, const char *text, gint64 otherwise, int *ret_code)
{
	sqlite3_stmt *statement = NULL;
	gint64 number = otherwise;
	int code = sqlite3_prepare_v2(db, text, -1, &statement, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		number = sqlite3_column_int64(statement, 0);
	*ret_code = code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
	sqlite3_finalize(statement);
	return number;
}

static int run_migration(sqlite3 *db, guint number)
{
	g_autofree char *text = g_strdup_printf("BEGIN IMMEDIATE; %s PRAGMA application_id = %d;"
						" PRAGMA user_version = %u; COMMIT;",
						migrations[number - 1], NG_HISTORY_APPLICATION_ID, number);
	int code = sqlite3_exec(db, text, NULL, NULL, NULL);

	if (code != SQLITE_OK && !sqlite3_get_autocommit(db))
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return code;
}

gboolean ng_history_migrate(sqlite3 *db, int *ret_code)
{
	gint64 version = number_of(db, "PRAGMA user_version", 0, ret_code);
	gint64 application, tables;

	if (*ret_code != SQLITE_OK)
		return FALSE;
	application = number_of(db, "PRAGMA application_id", 0, ret_code);
	if (*ret_code != SQLITE_OK)
		return FALSE;
	tables = number_of(db, "SELECT count(*) FROM sqlite_schema", 0, ret_code);
	if (*ret_code != SQLITE_OK)
		return FALSE;
	if ((version != 0 || tables != 0) && application != NG_HISTORY_APPLICATION_ID)
		*ret_code = SQLITE_NOTADB;
	else if (version < 0 || version > (gint64)G_N_ELEMENTS(migrations))
		*ret_code = SQLITE_SCHEMA;
	for (gint64 n = version + 1; *ret_code == SQLITE_OK && n <= (gint64)G_N_ELEMENTS(migrations); n++)
		*ret_code = run_migration(db, (guint)n);
	return *ret_code == SQLITE_OK;
}
