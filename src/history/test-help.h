/* SPDX-License-Identifier: MIT */
/* For the tests of src/history: a folder of their own, attempts and audit records by the dozen, and a second look into
 * the file with SQLite alone. */
#ifndef NG_HISTORY_TEST_HELP_H
#define NG_HISTORY_TEST_HELP_H

#include <glib.h>
#include <glib/gstdio.h>
#include <sys/socket.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>

#include "history/history-private.h"

#define TEST_TIME G_GINT64_CONSTANT(1800000000000000) /* on the hour */
#define TEST_DEADLINE_US (5 * G_USEC_PER_SEC)

static inline char *test_folder_new(void)
{
	char *folder = g_dir_make_tmp("ng-history-XXXXXX", NULL);

	g_assert_nonnull(folder);
	return folder;
}

static inline void test_folder_free(char *folder)
{
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(folder, name, NULL);

		g_remove(path);
	}
	g_rmdir(folder);
	g_free(folder);
}

static inline char *test_file(const char *folder)
{
	return g_build_filename(folder, NG_HISTORY_FILE, NULL);
}

static inline gboolean test_file_exists(const char *folder, const char *name)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);

	return g_file_test(path, G_FILE_TEST_EXISTS);
}

/* An attempt to reach 203.0.113.x, x and the port from `n`. */
static inline NgAttempt test_attempt(guint32 n)
{
	return (NgAttempt){
		.first = TEST_TIME + 1,
		.last = TEST_TIME + 1,
		.count = 1,
		.source = "guard",
		.pid = 4711,
		.uid = 1000,
		.exe = "/usr/bin/curl",
		.comm = "curl",
		.app = "curl",
		.decider = "curl",
		.profile = NG_PROFILE_OFFLINE,
		.family = AF_INET,
		.flow = { .addr = { [10] = 0xff,
				    [11] = 0xff,
				    [12] = 203,
				    [13] = (guint8)(n >> 24),
				    [14] = 113,
				    [15] = (guint8)(n >> 16) },
			  .port = (guint16)n,
			  .proto = IPPROTO_TCP,
			  .call = NG_CALL_CONNECT },
		.verdict = { .allowed = 0, .reason = NG_REASON_OFFLINE, .class = NG_CLASS_GLOBAL },
	};
}

static inline NgAudit test_audit(const char *app)
{
	return (NgAudit){ .time = TEST_TIME,
			  .uid = 1000,
			  .auth = "bus",
			  .action = "set",
			  .app = app,
			  .before = "{\"profile\":\"online\"}",
			  .after = "{\"profile\":\"offline\"}",
			  .reason = "because",
			  .origin = "command" };
}

static inline void test_count_attempt(const NgAttempt *attempt, gpointer user_data)
{
	guint64 *counts = user_data;

	counts[0]++;
	counts[1] += attempt->count;
}

/* Rows, and attempts in them. */
static inline guint64 test_rows(NgHistory *history, guint64 *ret_attempts)
{
	NgAttemptQuery query = { .uid = -1, .verdict = -1, .limit = 10000 };
	guint64 counts[2] = { 0 };
	g_autoptr(GError) error = NULL;

	g_assert_true(ng_history_attempts(history, &query, test_count_attempt, counts, &error));
	g_assert_no_error(error);
	if (ret_attempts)
		*ret_attempts = counts[1];
	return counts[0];
}

static inline void test_audit_add(NgHistory *history, const char *app)
{
	NgAudit audit = test_audit(app);
	g_autoptr(GError) error = NULL;

	g_assert_true(ng_history_audit(history, &audit, &error));
	g_assert_no_error(error);
}

/* The file with SQLite alone, as somebody else would change it. */
static inline gint64 test_sql(const char *folder, const char *text)
{
	g_autofree char *path = test_file(folder);
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	gint64 number = -1;

	g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
	g_assert_cmpint(sqlite3_prepare_v2(db, text, -1, &statement, NULL), ==, SQLITE_OK);
	if (sqlite3_step(statement) == SQLITE_ROW)
		number = sqlite3_column_int64(statement, 0);
	g_assert_cmpint(sqlite3_finalize(statement), ==, SQLITE_OK);
	g_assert_cmpint(sqlite3_close(db), ==, SQLITE_OK);
	return number;
}

/* Flush as the caller would, until it works. */
static inline void test_flush_until_well(NgHistory *history)
{
	gint64 deadline = g_get_monotonic_time() + TEST_DEADLINE_US;

	while (!ng_history_flush(history, NULL)) {
		g_assert_cmpint(g_get_monotonic_time(), <, deadline);
		g_poll(NULL, 0, 20);
	}
}

#endif
