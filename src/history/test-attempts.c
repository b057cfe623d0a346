/* SPDX-License-Identifier: MIT */
/* Attempts: what is alike becomes one row, what is asked comes back, and neither memory nor the file grows for ever. */
#include "history/test-help.h"

#include <string.h>

static void test_alike(void)
{
	char *folder = test_folder_new();
	NgHistory *history = ng_history_new(folder, NULL);
	NgAttempt attempt = test_attempt(443);
	guint64 attempts;

	g_assert_null(ng_history_health(history));
	for (int i = 0; i < 10; i++) {
		attempt.last = attempt.first = TEST_TIME + 10 - i;
		attempt.pid = 100 + (guint32)i;
		ng_history_add(history, &attempt);
	}
	g_assert_cmpuint(test_rows(history, &attempts), ==, 1);
	g_assert_cmpuint(attempts, ==, 10);
	/* Also with what lies in the file already. */
	attempt.last = TEST_TIME + 20;
	attempt.count = 5;
	ng_history_add(history, &attempt);
	g_assert_cmpuint(test_rows(history, &attempts), ==, 1);
	g_assert_cmpuint(attempts, ==, 15);
	g_assert_cmpint(test_sql(folder, "SELECT first FROM attempts"), ==, TEST_TIME + 1);
	g_assert_cmpint(test_sql(folder, "SELECT last FROM attempts"), ==, TEST_TIME + 20);
	g_assert_cmpint(test_sql(folder, "SELECT pid FROM attempts"), ==, 109);
	ng_history_free(history);
	test_folder_free(folder);
}

static void test_not_alike(void)
{
	char *folder = test_folder_new();
	NgHistory *history = ng_history_new(folder, NULL);
	NgAttempt base = test_attempt(443), other;
	guint n = 1;

#define DIFFERENT(field, value)                                                                                        \
	do {                                                                                                           \
		other = base;                                                                                          \
		other.field = (value);                                                                                 \
		ng_history_add(history, &other);                                                                       \
		n++;                                                                                                   \
	} while (0)
	ng_history_add(history, &base);
	DIFFERENT(last, base.last + G_GINT64_CONSTANT(3600000000));
	DIFFERENT(source, "python");
	DIFFERENT(uid, 1001);
	DIFFERENT(exe, "/usr/bin/curl2");
	DIFFERENT(app, "curl2");
	DIFFERENT(decider, "shell");
	DIFFERENT(profile, NG_PROFILE_LOCAL);
	DIFFERENT(simulated, TRUE);
	DIFFERENT(flow.call, NG_CALL_SENDMSG);
	DIFFERENT(flow.addr[15], 9);
	DIFFERENT(flow.port, 444);
	DIFFERENT(flow.proto, IPPROTO_UDP);
	DIFFERENT(verdict.allowed, 1);
	DIFFERENT(verdict.reason, NG_REASON_PANIC);
	g_assert_cmpuint(test_rows(history, NULL), ==, n);
	/* Only the port of what arrives says nothing. */
	base.flow.call = NG_CALL_RECV;
	ng_history_add(history, &base);
	base.flow.port++;
	ng_history_add(history, &base);
	g_assert_cmpuint(test_rows(history, NULL), ==, n + 1);
	ng_history_free(history);
	test_folder_free(folder);
}

static NgAttempt last_read;
static char *last_exe;

static void take_last(const NgAttempt *attempt, gpointer user_data)
{
	last_read = *attempt;
	g_free(last_exe);
	last_exe = g_strdup(attempt->exe);
}

static void test_fields(void)
{
	char *folder = test_folder_new();
	NgHistory *history = ng_history_new(folder, NULL);
	NgAttempt attempt = test_attempt(65535);
	NgAttemptQuery query = { .uid = -1, .verdict = -1, .limit = 1 };

	attempt.uid = G_MAXUINT32;
	attempt.simulated = TRUE;
	attempt.flow.raw = 1;
	attempt.flow.onlink = 1;
	attempt.exe = "/opt/b\xff\xfe' OR 1=1; --";
	attempt.comm = NULL;
	ng_history_add(history, &attempt);
	g_assert_true(ng_history_attempts(history, &query, take_last, NULL, NULL));
	g_assert_cmpmem(&last_read.flow, sizeof(last_read.flow), &attempt.flow, sizeof(attempt.flow));
	g_assert_cmpmem(&last_read.verdict, sizeof(last_read.verdict), &attempt.verdict, sizeof(attempt.verdict));
	g_assert_cmpuint(last_read.uid, ==, attempt.uid);
	g_assert_cmpint(last_read.family, ==, AF_INET);
	g_assert_cmpint(last_read.profile, ==, NG_PROFILE_OFFLINE);
	g_assert_true(last_read.simulated);
	g_assert_true(g_utf8_validate(last_exe, -1, NULL));
	g_assert_nonnull(strstr(last_exe, "' OR 1=1; --"));
	g_clear_pointer(&last_exe, g_free);
	ng_history_free(history);
	test_folder_free(folder);
}

static guint64 rows_of(NgHistory *history, const char *app, gint64 since, gint64 uid, gint verdict, guint limit)
{
	NgAttemptQuery query = { app, since, uid, verdict, limit };
	guint64 counts[2] = { 0 };

	g_assert_true(ng_history_attempts(history, &query, test_count_attempt, counts, NULL));
	return counts[0];
}

static void test_query(void)
{
	char *folder = test_folder_new();
	NgHistory *history = ng_history_new(folder, NULL);

	for (guint32 i = 0; i < 100; i++) {
		NgAttempt attempt = test_attempt(i);

		attempt.last = attempt.first = TEST_TIME + i;
		attempt.app = i % 2 ? "odd" : "even";
		attempt.uid = i % 5;
		attempt.verdict.allowed = i % 10 == 0;
		attempt.count = 2;
		ng_history_add(history, &attempt);
	}
	g_assert_cmpuint(rows_of(history, NULL, 0, -1, -1, 1000), ==, 100);
	g_assert_cmpuint(rows_of(history, "odd", 0, -1, -1, 1000), ==, 50);
	g_assert_cmpuint(rows_of(history, "", 0, -1, -1, 1000), ==, 0);
	g_assert_cmpuint(rows_of(history, NULL, TEST_TIME + 90, -1, -1, 1000), ==, 10);
	g_assert_cmpuint(rows_of(history, NULL, 0, 3, -1, 1000), ==, 20);
	g_assert_cmpuint(rows_of(history, NULL, 0, -1, 1, 1000), ==, 10);
	g_assert_cmpuint(rows_of(history, NULL, 0, -1, 0, 1000), ==, 90);
	g_assert_cmpuint(rows_of(history, NULL, 0, -1, -1, 7), ==, 7);
	g_assert_cmpuint(rows_of(history, NULL, 0, -1, -1, 0), ==, 1);
	g_assert_cmpuint(ng_history_denied_since(history, "even", 0), ==, 80);
	g_assert_cmpuint(ng_history_denied_since(history, "even", TEST_TIME + 91), ==, 8);
	g_assert_cmpuint(ng_history_denied_since(history, "nobody", 0), ==, 0);
	ng_history_free(history);
	test_folder_free(folder);
}

static gint64 previous_time;

static void take_order(const NgAttempt *attempt, gpointer user_data)
{
	g_assert_cmpint(attempt->last, <=, previous_time);
	previous_time = attempt->last;
}

static void test_order(void)
{
	char *folder = test_folder_new();
	NgHistory *history = ng_history_new(folder, NULL);
	NgAttemptQuery query = { .uid = -1, .verdict = -1, .limit = 100 };

	for (guint32 i = 0; i < 50; i++) {
		NgAttempt attempt = test_attempt(i);

		attempt.last = attempt.first = TEST_TIME + i * 37 % 50;
		ng_history_add(history, &attempt);
	}
	previous_time = G_MAXINT64;
	g_assert_true(ng_history_attempts(history, &query, take_order, NULL, NULL));
	g_assert_cmpint(previous_time, ==, TEST_TIME);
	ng_history_free(history);
	test_folder_free(folder);
}

static void test_reopen(void)
{
	char *folder = test_folder_new();
	NgHistory *history = ng_history_new(folder, NULL);
	NgAttempt attempt = test_attempt(443);
	g_autofree char *path = test_file(folder);
	GStatBuf info;

	ng_history_add(history, &attempt);
	ng_history_free(history); /* flushes */
	g_assert_cmpint(g_stat(path, &info), ==, 0);
	g_assert_cmpint(info.st_mode & 07777, ==, 0600);
	history = ng_history_new(folder, NULL);
	g_assert_cmpuint(test_rows(history, NULL), ==, 1);
	ng_history_free(history);
	test_folder_free(folder);
}

static void test_flood(void)
{
	enum { N = 100000 };
	char *folder = test_folder_new();
	NgHistory *history = ng_history_new(folder, NULL);
	g_autofree char *path = test_file(folder);
	g_autofree char *wal = g_strconcat(path, "-wal", NULL);
	GStatBuf info;
	gint64 start = g_get_monotonic_time();

	for (guint32 i = 0; i < N; i++) {
		NgAttempt attempt = test_attempt(i);

		ng_history_add(history, &attempt);
		g_assert_cmpuint(g_hash_table_size(history->groups), <=, NG_HISTORY_MAX_GROUPS);
	}
	g_assert_true(ng_history_flush(history, NULL));
	g_assert_cmpuint(g_hash_table_size(history->groups), ==, 0);
	g_test_message("%d distinct attempts in %" G_GINT64_FORMAT " ms", N, (g_get_monotonic_time() - start) / 1000);
	g_assert_cmpint(test_sql(folder, "SELECT count(*) FROM attempts"), ==, N);
	g_assert_cmpuint(ng_history_denied_since(history, "curl", 0), ==, N);
	g_assert_cmpint(g_stat(wal, &info), ==, 0);
	/* The log is begun anew once it is longer than its limit, so the last batch of all groups may come on top. */
	g_assert_cmpint(info.st_size, <=, 2 * NG_HISTORY_WAL_BYTES);
	ng_history_free(history);
	test_folder_free(folder);
}

static void test_size(void)
{
	const NgRetention retention = { .max_bytes = 1024 * 1024 };
	char *folder = test_folder_new();
	NgHistory *history = ng_history_new(folder, &retention);
	g_autofree char *path = test_file(folder);
	GStatBuf info;

	test_audit_add(history, "kept");
	for (guint32 i = 0; i < 30000; i++) {
		NgAttempt attempt = test_attempt(i);

		attempt.last = attempt.first = TEST_TIME + i;
		ng_history_add(history, &attempt);
	}
	g_assert_true(ng_history_flush(history, NULL));
	for (int i = 0; i < 3; i++)
		g_assert_true(ng_history_prune(history, NULL));
	ng_history_free(history); /* and what the log holds goes into the file */
	g_assert_cmpint(g_stat(path, &info), ==, 0);
	g_assert_cmpint(info.st_size, <=, (goffset)retention.max_bytes + 256 * 1024);
	g_assert_cmpint(info.st_size, >=, (goffset)retention.max_bytes / 2);
	/* The oldest went; what is recent and what is audited stayed. */
	g_assert_cmpint(test_sql(folder, "SELECT min(port) FROM attempts"), >, 20000);
	g_assert_cmpint(test_sql(folder, "SELECT max(port) FROM attempts"), ==, 29999);
	g_assert_cmpint(test_sql(folder, "SELECT count(*) FROM audit"), ==, 1);
	test_folder_free(folder);
}

static void test_age(void)
{
	const NgRetention retention = { .max_age = 24 * 3600 * (gint64)G_USEC_PER_SEC };
	char *folder = test_folder_new();
	NgHistory *history = ng_history_new(folder, &retention);
	gint64 now = g_get_real_time();

	for (guint32 i = 0; i < 100; i++) {
		NgAttempt attempt = test_attempt(i);

		attempt.last = attempt.first = now - (i < 60 ? 2 : 0) * retention.max_age;
		ng_history_add(history, &attempt);
	}
	g_assert_true(ng_history_flush(history, NULL));
	g_assert_true(ng_history_prune(history, NULL));
	g_assert_cmpuint(test_rows(history, NULL), ==, 40);
	ng_history_free(history);
	test_folder_free(folder);
}

static void test_count_limit(void)
{
	char *folder = test_folder_new();
	NgHistory *history = ng_history_new(folder, NULL);
	NgAttempt attempt = test_attempt(443);
	guint64 attempts;

	attempt.count = G_MAXUINT64;
	for (int i = 0; i < 3; i++) {
		ng_history_add(history, &attempt);
		ng_history_add(history, &attempt);
		g_assert_true(ng_history_flush(history, NULL));
	}
	g_assert_cmpuint(test_rows(history, &attempts), ==, 1);
	g_assert_cmpuint(attempts, ==, G_GUINT64_CONSTANT(1) << 53);
	ng_history_free(history);
	test_folder_free(folder);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(sentence, fn) g_test_add_func("/attempts/" sentence, fn)
	ADD("what is alike becomes one row with a count", test_alike);
	ADD("what differs in one field becomes a row of its own", test_not_alike);
	ADD("what was put in comes out and hostile text is only text", test_fields);
	ADD("a query gives what was asked for", test_query);
	ADD("the newest come first", test_order);
	ADD("closing flushes into a file for our eyes alone", test_reopen);
	ADD("100000 distinct attempts fill neither memory nor the log", test_flood);
	ADD("the file stays within its size and loses the oldest attempts", test_size);
	ADD("attempts past their age go", test_age);
	ADD("a count stops at its limit", test_count_limit);
	return g_test_run();
}
