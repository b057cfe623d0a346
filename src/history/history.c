/* SPDX-License-Identifier: MIT */
/*
 * The history file: opening, mending, closing, and the words about its health. What belongs to attempts or to the audit
 * chain is in attempts.c and audit.c. Engine, no privilege, one thread.
 *
 * A file is set aside only when its content is known to be bad (SQLITE_CORRUPT, SQLITE_NOTADB, not a regular file, not
 * the tables of its version), never because the disk or the permissions are: those may be well again in a minute. A
 * file of a newer version is left alone. Opening is tried at most once in NG_HISTORY_RETRY_US.
 */
#include "history/history-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHECK_BYTES (8 * 1024 * 1024) /* a file up to here is checked whole when it is opened: some 20 ms */

/* Pragmas of every connection. auto_vacuum works only before the first table is made. The cache bounds memory. */
static const char pragmas[] =
	"PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
	"PRAGMA journal_size_limit = " G_STRINGIFY(
		NG_HISTORY_WAL_BYTES) ";"
				      "PRAGMA wal_autocheckpoint = 1000; PRAGMA temp_store = MEMORY; PRAGMA cache_size "
				      "= -1024;"
				      "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;";

static int primary(int code)
{
	return code & 0xff;
}

static gboolean is_damage(int code)
{
	return primary(code) == SQLITE_CORRUPT || primary(code) == SQLITE_NOTADB;
}

/* --- words --- */

static void health_set(NgHistory *history, char *words)
{
	g_free(history->health);
	history->health = words;
}

static char *failure_words(const NgHistory *history, int code)
{
	int system = history->db ? sqlite3_system_errno(history->db) : 0;

	switch (primary(code)) {
	case SQLITE_FULL:
		return g_strdup("the disk is full");
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return g_strdup("another program holds the file");
	case SQLITE_NOMEM:
		return g_strdup("there is no memory");
	case SQLITE_SCHEMA:
		return g_strdup("the file was written by a newer version of Network Guard and is left alone");
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return g_strdup("the file is damaged");
	case SQLITE_READONLY:
		return g_strdup("the file or its folder cannot be written");
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
		return g_strdup_printf("the file cannot be opened: %s", g_strerror(system ? system : EACCES));
	default:
		if (system == ENOSPC || system == EDQUOT)
			return g_strdup("the disk is full");
		return g_strdup_printf("%s%s%s", sqlite3_errstr(code), system ? ": " : "",
				       system ? g_strerror(system) : "");
	}
}

static GIOErrorEnum failure_code(const NgHistory *history, int code)
{
	int system = history->db ? sqlite3_system_errno(history->db) : 0;

	if (primary(code) == SQLITE_FULL || system == ENOSPC || system == EDQUOT)
		return G_IO_ERROR_NO_SPACE;
	if (primary(code) == SQLITE_BUSY)
		return G_IO_ERROR_BUSY;
	return is_damage(code) ? G_IO_ERROR_INVALID_DATA : G_IO_ERROR_FAILED;
}

const char *ng_history_health(NgHistory *history)
{
	g_clear_pointer(&history->health_said, g_free);
	if (!history->health)
		return NULL;
	if (history->lost == 0)
		history->health_said =
			g_strdup_printf("History is not being written to %s: %s.", history->path, history->health);
	else
		history->health_said = g_strdup_printf("History is not being written to %s: %s; %" G_GUINT64_FORMAT
						       " attempts were lost.",
						       history->path, history->health, history->lost);
	return history->health_said;
}

void ng_history_well(NgHistory *history)
{
	health_set(history, NULL);
}

/* --- set aside --- */

static char *damaged_path(const NgHistory *history, guint number, const char *suffix)
{
	return g_strdup_printf("%s.damaged-%u%s", history->path, number, suffix);
}

static void damaged_move(const NgHistory *history, guint from, guint to)
{
	static const char *const suffixes[] = { "", "-wal" };

	for (gsize i = 0; i < G_N_ELEMENTS(suffixes); i++) {
		g_autofree char *old = damaged_path(history, from, suffixes[i]);
		g_autofree char *new = damaged_path(history, to, suffixes[i]);

		if (to == 0)
			(void)g_remove(old);
		else
			(void)g_rename(old, new);
	}
}

/* The number that a damaged file gets: the first free one, or the last after the oldest has gone. */
static guint damaged_number(const NgHistory *history)
{
	for (guint n = 1; n <= NG_HISTORY_MAX_DAMAGED; n++) {
		g_autofree char *path = damaged_path(history, n, "");
		GStatBuf info;

		if (g_lstat(path, &info) < 0)
			return n;
	}
	damaged_move(history, 1, 0);
	for (guint n = 2; n <= NG_HISTORY_MAX_DAMAGED; n++)
		damaged_move(history, n, n - 1);
	return NG_HISTORY_MAX_DAMAGED;
}

/* Move the file out of the way. The -shm file is only an index of the -wal file, and made anew. */
static gboolean set_aside(NgHistory *history, const char *why)
{
	guint number = damaged_number(history);
	g_autofree char *target = damaged_path(history, number, "");
	g_autofree char *target_wal = damaged_path(history, number, "-wal");
	g_autofree char *wal = g_strconcat(history->path, "-wal", NULL);
	g_autofree char *shm = g_strconcat(history->path, "-shm", NULL);
	g_autofree char *name = g_path_get_basename(target);

	if (g_rename(history->path, target) < 0) {
		health_set(history, g_strdup_printf("%s, and it cannot be set aside: %s", why, g_strerror(errno)));
		return FALSE;
	}
	(void)g_rename(wal, target_wal);
	(void)g_remove(shm);
	g_free(history->set_aside);
	history->set_aside = g_strdup_printf("%s; it was set aside as %s", why, name);
	return TRUE;
}

/* --- open and close --- */

static void file_close(NgHistory *history)
{
	for (guint i = 0; i < NG_SQL_STATEMENTS; i++)
		g_clear_pointer(&history->statements[i], sqlite3_finalize);
	g_clear_pointer(&history->db, sqlite3_close);
}

/* A small file is read through; damage in a larger one is met when it is used. */
static int file_check(sqlite3 *db, goffset size)
{
	sqlite3_stmt *statement = NULL;
	int code;

	if (size > CHECK_BYTES)
		return SQLITE_OK;
	code = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &statement, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		code = g_strcmp0((const char *)sqlite3_column_text(statement, 0), "ok") == 0 ? SQLITE_OK
											     : SQLITE_CORRUPT;
	sqlite3_finalize(statement);
	return code;
}

static int file_prepare(NgHistory *history)
{
	for (guint i = 0; i < NG_SQL_STATEMENTS; i++) {
		int code = sqlite3_prepare_v3(history->db, ng_history_sql_text((NgSql)i), -1, SQLITE_PREPARE_PERSISTENT,
					      &history->statements[i], NULL);

		/* The tables are not those of the version that the file says it has. */
		if (code == SQLITE_ERROR)
			return SQLITE_CORRUPT;
		if (code != SQLITE_OK)
			return code;
	}
	return SQLITE_OK;
}

/* Opens what is there. SQLITE_OK, or the error with `db` still open where there is one, for its system error. */
static int file_connect(NgHistory *history)
{
	GStatBuf info;
	int code = sqlite3_open_v2(history->path, &history->db,
				   SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL);

	if (code != SQLITE_OK)
		return code;
	sqlite3_extended_result_codes(history->db, 1);
	sqlite3_busy_timeout(history->db, NG_HISTORY_BUSY_MS);
	(void)sqlite3_db_config(history->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	code = sqlite3_exec(history->db, pragmas, NULL, NULL, NULL);
	if (code == SQLITE_OK)
		(void)ng_history_migrate(history->db, &code);
	if (code == SQLITE_OK && g_stat(history->path, &info) < 0)
		code = SQLITE_CANTOPEN;
	if (code == SQLITE_OK) {
		history->dev = info.st_dev;
		history->ino = info.st_ino;
		code = file_check(history->db, info.st_size);
	}
	return code == SQLITE_OK ? file_prepare(history) : code;
}

typedef enum { FILE_IS_NEW, FILE_IS_OLD, FILE_IS_STRANGE, FILE_FAILED } FileState;

/* Makes the file, for nobody's eyes but ours, where there is none. */
static FileState file_find(NgHistory *history)
{
	GStatBuf info;
	int fd;

	if (g_lstat(history->path, &info) == 0)
		return S_ISREG(info.st_mode) && info.st_size > 0 ? FILE_IS_OLD : FILE_IS_STRANGE;
	fd = errno == ENOENT ? g_open(history->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600) : -1;
	if (fd >= 0) {
		close(fd);
		return FILE_IS_NEW;
	}
	health_set(history, g_strdup_printf("the file cannot be made: %s", g_strerror(errno)));
	return FILE_FAILED;
}

/* Take back a new file that could not be given its tables: an empty one would count as strange next time. */
static void file_unmake(const NgHistory *history)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };

	for (gsize i = 0; i < G_N_ELEMENTS(suffixes); i++) {
		g_autofree char *path = g_strconcat(history->path, suffixes[i], NULL);

		(void)g_unlink(path);
	}
}

/* The first record of a file that takes the place of another one. */
static gboolean damage_record(NgHistory *history, GError **error)
{
	NgAudit audit = { .time = g_get_real_time(),
			  .auth = "service",
			  .action = "damage",
			  .reason = history->set_aside,
			  .origin = "service" };

	if (!ng_history_begin(history, error) || !ng_history_audit_add(history, &audit, error) ||
	    !ng_history_commit(history, error))
		return FALSE;
	g_clear_pointer(&history->set_aside, g_free);
	return TRUE;
}

/* One try. A file that turns out damaged is set aside, and the second try makes a new one. */
static gboolean file_open(NgHistory *history, GError **error)
{
	for (int i = 0; i < 2; i++) {
		FileState state = file_find(history);
		int code;

		if (state == FILE_FAILED)
			break;
		if (state == FILE_IS_STRANGE) {
			if (!set_aside(history, "what was in its place is not a history file"))
				break;
			continue;
		}
		code = file_connect(history);
		if (code == SQLITE_OK)
			return TRUE;
		health_set(history, failure_words(history, code));
		file_close(history);
		if (state == FILE_IS_NEW)
			file_unmake(history);
		if (!is_damage(code) || !set_aside(history, "the file was damaged"))
			break;
	}
	g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "history: %s",
		    history->health ? history->health : "the file cannot be opened");
	return FALSE;
}

/* Whether the open file is still the one that the path names. */
static gboolean file_is_ours(const NgHistory *history)
{
	GStatBuf info;

	return g_lstat(history->path, &info) == 0 && info.st_dev == history->dev && info.st_ino == history->ino;
}

gboolean ng_history_ready(NgHistory *history, GError **error)
{
	gint64 now = g_get_monotonic_time();

	if (history->db && !file_is_ours(history)) {
		file_close(history);
		g_free(history->set_aside);
		history->set_aside = g_strdup("the file was taken away while it was in use");
	}
	if (!history->db && now < history->retry_at) {
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "history: %s",
			    history->health ? history->health : "the file cannot be opened");
		return FALSE;
	}
	if (!history->db) {
		history->retry_at = now + NG_HISTORY_RETRY_US;
		if (!file_open(history, error))
			return FALSE;
		history->retry_at = 0;
		ng_history_well(history);
	}
	return !history->set_aside || damage_record(history, error);
}

/* --- statements --- */

sqlite3_stmt *ng_history_sql(NgHistory *history, NgSql sql)
{
	sqlite3_stmt *statement = history->statements[sql];

	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	return statement;
}

gboolean ng_history_fail(NgHistory *history, int code, GError **error)
{
	const gboolean is_trouble = is_damage(code) || primary(code) == SQLITE_IOERR ||
				    primary(code) == SQLITE_CANTOPEN || primary(code) == SQLITE_READONLY ||
				    primary(code) == SQLITE_SCHEMA || primary(code) == SQLITE_ERROR;

	health_set(history, failure_words(history, code));
	g_set_error(error, G_IO_ERROR, failure_code(history, code), "history: %s", history->health);
	for (guint i = 0; i < NG_SQL_STATEMENTS; i++)
		sqlite3_reset(history->statements[i]);
	if (!sqlite3_get_autocommit(history->db))
		(void)sqlite3_step(history->statements[NG_SQL_ROLLBACK]);
	if (!is_trouble)
		return FALSE;
	file_close(history);
	history->retry_at = g_get_monotonic_time() + NG_HISTORY_RETRY_US;
	if (is_damage(code) && set_aside(history, "the file was damaged"))
		history->retry_at = 0;
	return FALSE;
}

gboolean ng_history_run(NgHistory *history, sqlite3_stmt *statement, GError **error)
{
	int code = sqlite3_step(statement);

	if (code != SQLITE_DONE && code != SQLITE_ROW)
		return ng_history_fail(history, code, error);
	sqlite3_reset(statement);
	return TRUE;
}

gboolean ng_history_begin(NgHistory *history, GError **error)
{
	return ng_history_run(history, ng_history_sql(history, NG_SQL_BEGIN), error);
}

gboolean ng_history_commit(NgHistory *history, GError **error)
{
	return ng_history_run(history, ng_history_sql(history, NG_SQL_COMMIT), error);
}

/* --- the public life --- */

NgHistory *ng_history_new(const char *folder, const NgRetention *retention)
{
	NgHistory *history = g_new0(NgHistory, 1);

	history->folder = g_strdup(folder);
	history->path = g_build_filename(folder, NG_HISTORY_FILE, NULL);
	if (retention)
		history->retention = *retention;
	ng_history_attempts_init(history);
	(void)ng_history_ready(history, NULL);
	return history;
}

void ng_history_free(NgHistory *history)
{
	if (!history)
		return;
	(void)ng_history_flush(history, NULL);
	file_close(history);
	ng_history_attempts_done(history);
	g_free(history->folder);
	g_free(history->path);
	g_free(history->health);
	g_free(history->health_said);
	g_free(history->set_aside);
	g_free(history);
}

void ng_history_set_retention(NgHistory *history, const NgRetention *retention)
{
	history->retention = *retention;
}

gboolean ng_history_prune(NgHistory *history, GError **error)
{
	return ng_history_ready(history, error) && ng_history_attempts_prune(history, error) &&
	       ng_history_activity_prune(history, error) && ng_history_audit_prune(history, error);
}
