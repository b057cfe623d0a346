/* SPDX-License-Identifier: MIT */
/*
 * What the files of src/history share. history.c opens, mends and closes the file and keeps the health; the
 * others use it through ng_history_begin() and its companions and never call sqlite3_exec() or judge an error
 * themselves. Engine, no privilege, one thread.
 *
 * Invariants: `db` is NULL or an open, current database with every statement prepared; outside a public function no
 * transaction is open; after any failure ng_history_health() has words for it.
 */
#ifndef NG_HISTORY_PRIVATE_H
#define NG_HISTORY_PRIVATE_H

#include <sqlite3.h>

#include "history/history.h"

#define NG_HISTORY_FILE "history.db"
#define NG_HISTORY_MAX_DAMAGED 3
#define NG_HISTORY_MAX_GROUPS 4096
#define NG_HISTORY_BUSY_MS 50
#define NG_HISTORY_RETRY_US (1 * G_USEC_PER_SEC) /* between tries to open or, when full, to make room in memory */
#define NG_HISTORY_WAL_BYTES 4194304             /* one number: it becomes text in SQL */
#define NG_HISTORY_APPLICATION_ID 0x4e476869     /* "NGhi" */
#define NG_HASH_BYTES 32

typedef enum {
	NG_SQL_BEGIN,
	NG_SQL_COMMIT,
	NG_SQL_ROLLBACK,
	NG_SQL_ATTEMPT_ADD,
	NG_SQL_ATTEMPTS_ALL,
	NG_SQL_ATTEMPTS_APP,
	NG_SQL_ATTEMPTS_DENIED,
	NG_SQL_ATTEMPTS_DROP_OLD,
	NG_SQL_ATTEMPTS_DROP_OLDEST,
	NG_SQL_ATTEMPTS_DAY_OWN,
	NG_SQL_ATTEMPTS_DAY_ALL,
	NG_SQL_ACTIVITY_ADD,
	NG_SQL_ACTIVITY,
	NG_SQL_ACTIVITY_DROP,
	NG_SQL_RUNS_SEEN,
	NG_SQL_RUNS,
	NG_SQL_RUNS_DROP,
	NG_SQL_APPROVED,
	NG_SQL_APPROVED_PUT,
	NG_SQL_APPROVED_DROP,
	NG_SQL_APPROVED_FORGET,
	NG_SQL_AUDIT_ADD,
	NG_SQL_AUDITS_NEWEST,
	NG_SQL_AUDITS_ALL,
	NG_SQL_AUDITS_OLDEST,
	NG_SQL_AUDITS_DROP,
	NG_SQL_CHAIN,
	NG_SQL_CHAIN_HEAD,
	NG_SQL_CHAIN_ANCHOR,
	NG_SQL_PROBE,
	NG_SQL_USED_PAGES,
	NG_SQL_VACUUM,
	NG_SQL_STATEMENTS,
} NgSql;

struct _NgHistory {
	char *folder;
	char *path;
	NgRetention retention;
	sqlite3 *db;
	sqlite3_stmt *statements[NG_SQL_STATEMENTS];
	guint64 dev, ino;  /* of the open file, to notice when it is taken away */
	gint64 retry_at;   /* monotonic; 0: at once */
	char *health;      /* what failed last, or NULL */
	char *health_said; /* what ng_history_health() lent out */
	char *set_aside;   /* the damage that the next file's audit chain has to begin with, or NULL */

	GHashTable *groups; /* attempts not yet written: key (16 bytes) to group, which the queue owns */
	GQueue recent;      /* the same groups, the latest at the head */
	guint64 lost;       /* attempts dropped because they could not be written */
};

/* --- history.c --- */

/* The file is open, or is made so now. FALSE: it cannot be, the health says why. */
gboolean ng_history_ready(NgHistory *history, GError **error);

/* A transaction for writing, and its end. A failed step is followed by ng_history_fail(), which rolls back. */
gboolean ng_history_begin(NgHistory *history, GError **error);
gboolean ng_history_commit(NgHistory *history, GError **error);

/* A statement, reset and without bindings; borrowed. Only while the file is open. */
sqlite3_stmt *ng_history_sql(NgHistory *history, NgSql sql);
/* Steps a statement that gives no rows. */
gboolean ng_history_run(NgHistory *history, sqlite3_stmt *statement, GError **error);
/* What sqlite3_step() or another call said went wrong: rolls back, keeps words for the health, sets a damaged file
 * aside, closes where reopening may help. Always FALSE. */
gboolean ng_history_fail(NgHistory *history, int code, GError **error);
/* Writing works (again). */
void ng_history_well(NgHistory *history);

/* --- attempts.c --- */
void ng_history_attempts_init(NgHistory *history);
void ng_history_attempts_done(NgHistory *history);
gboolean ng_history_attempts_prune(NgHistory *history, GError **error);

/* --- activity.c --- */
gboolean ng_history_activity_prune(NgHistory *history, GError **error);

/* --- audit.c --- */
/* Within a transaction. */
gboolean ng_history_audit_add(NgHistory *history, const NgAudit *audit, GError **error);
gboolean ng_history_audit_prune(NgHistory *history, GError **error);

/* --- migrations.c --- */
/* Brings an open database to the present version. TRUE, or FALSE with *ret_code the SQLite error (SQLITE_NOTADB: not a
 * history; SQLITE_SCHEMA: of a newer version). */
gboolean ng_history_migrate(sqlite3 *db, int *ret_code);
/* The text of a prepared statement. */
const char *ng_history_sql_text(NgSql sql);

#endif
