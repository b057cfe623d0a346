/* SPDX-License-Identifier: MIT */
/* Activity by the minute, what is known of when the service ran, and what of each user was blocked. */
#include <stdio.h>

#include "history/test-help.h"

#define NOW (TEST_TIME / G_USEC_PER_SEC) /* on the hour */
#define DAY (TEST_TIME / G_USEC_PER_SEC / 86400)
/* The day before and the day after, as seen from the test's time. */
#define BEFORE (DAY * 86400 * G_USEC_PER_SEC - 1 - TEST_TIME)
#define AFTER ((DAY + 1) * 86400 * G_USEC_PER_SEC - TEST_TIME)
#define MANY 100000u
#define BEFORE_THAT 20000u

static void row(gint64 start, guint64 allowed, guint64 blocked, gpointer user_data)
{
	g_string_append_printf(user_data, "%" G_GINT64_FORMAT ":%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT " ",
			       start - NOW, allowed, blocked);
}

static char *rows(NgHistory *history, gint64 since, guint step, guint limit)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GError) error = NULL;

	g_assert_true(ng_history_activity(history, NOW + since, step, limit, row, text, &error));
	g_assert_no_error(error);
	return g_string_free(g_steal_pointer(&text), FALSE);
}

static void assert_rows(NgHistory *history, gint64 since, guint step, const char *expected)
{
	g_autofree char *text = rows(history, since, step, 1500);

	g_assert_cmpstr(text, ==, expected);
}

static void add(NgHistory *history, gint64 run, gint64 now, guint64 allowed, guint64 blocked)
{
	g_autoptr(GError) error = NULL;

	g_assert_true(ng_history_activity_add(history, NOW + run, NOW + now, NOW + now, allowed, blocked, &error));
	g_assert_no_error(error);
}

static void test_minutes(void)
{
	char *folder = test_folder_new();
	NgHistory *history = ng_history_new(folder, NULL);
	g_autofree char *one = NULL;

	add(history, 0, 5, 1, 2);
	add(history, 0, 59, 10, 20);
	add(history, 0, 60, 100, 0);
	add(history, 0, 3600, 0, 7);
	add(history, 0, 3661, 0, 0);
	assert_rows(history, 0, 60, "0:11/22 60:100/0 3600:0/7 ");
	assert_rows(history, 0, 3600, "0:111/22 3600:0/7 ");
	assert_rows(history, 60, 60, "60:100/0 3600:0/7 ");
	/* From within a minute on the minute counts. */
	assert_rows(history, 119, 60, "60:100/0 3600:0/7 ");
	one = rows(history, 0, 60, 1);
	g_assert_cmpstr(one, ==, "0:11/22 ");
	ng_history_free(history);
	history = ng_history_new(folder, NULL);
	assert_rows(history, 0, 3600, "0:111/22 3600:0/7 ");
	ng_history_free(history);
	test_folder_free(folder);
}

static void test_ran(void)
{
	char *folder = test_folder_new();
	NgHistory *history = ng_history_new(folder, NULL);

	g_assert_true(ng_history_ran(history, NOW, NOW));
	g_assert_false(ng_history_ran(history, NOW - 1, NOW));
	add(history, -1000, -1000, 0, 0); /* a run from -1000 to -500 */
	add(history, -1000, -500, 0, 0);
	add(history, -499, -499, 0, 0); /* one second later another */
	add(history, -499, -100, 0, 0);
	g_assert_true(ng_history_ran(history, NOW - 100, NOW - 100));
	g_assert_true(ng_history_ran(history, NOW - 499, NOW - 100));
	g_assert_false(ng_history_ran(history, NOW - 500, NOW - 100));
	g_assert_false(ng_history_ran(history, NOW - 499, NOW));
	add(history, -500, -400, 0, 0); /* runs that touch are one */
	g_assert_true(ng_history_ran(history, NOW - 1000, NOW - 100));
	g_assert_false(ng_history_ran(history, NOW - 1001, NOW - 100));
	ng_history_free(history);
	test_folder_free(folder);
}

static void test_prune(void)
{
	char *folder = test_folder_new();
	NgRetention retention = { 0, 0 };
	NgHistory *history = ng_history_new(folder, &retention);
	const gint64 now = g_get_real_time() / G_USEC_PER_SEC;
	const gint64 days[] = { 9, 7, 2, 0 };

	for (gsize i = 0; i < G_N_ELEMENTS(days); i++)
		g_assert_true(ng_history_activity_add(history, now - days[i] * 86400, now - days[i] * 86400,
						      now - days[i] * 86400, 1, 0, NULL));
	g_assert_true(ng_history_prune(history, NULL));
	g_assert_cmpint(test_sql(folder, "SELECT count(*) FROM activity"), ==, 3);
	g_assert_cmpint(test_sql(folder, "SELECT count(*) FROM runs"), ==, 3);
	retention.max_age = G_GINT64_CONSTANT(86400) * G_USEC_PER_SEC;
	ng_history_set_retention(history, &retention);
	g_assert_true(ng_history_prune(history, NULL));
	g_assert_cmpint(test_sql(folder, "SELECT count(*) FROM activity"), ==, 1);
	g_assert_cmpint(test_sql(folder, "SELECT count(*) FROM runs"), ==, 1);
	ng_history_free(history);
	test_folder_free(folder);
}

static void denied_row(const char *app, guint64 count, gpointer user_data)
{
	g_string_append_printf(user_data, "%s=%" G_GUINT64_FORMAT " ", app, count);
}

static char *denied(NgHistory *history, gint64 uid)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GError) error = NULL;

	g_assert_true(ng_history_denied_on(history, uid, DAY, denied_row, text, &error));
	g_assert_no_error(error);
	return g_string_free(g_steal_pointer(&text), FALSE);
}

static void test_denied(void)
{
	static const struct {
		guint32 uid;
		const char *app;
		gint64 after;
		guint8 allowed, simulated;
	} cases[] = { { 1000, "curl", 1, 0, 0 },     { 1000, "curl", 2, 0, 0 }, { 1000, "wget", 1, 0, 1 },
		      { 1000, "curl", 1, 1, 0 },     { 1001, "curl", 1, 0, 0 }, { 1000, "curl", BEFORE, 0, 0 },
		      { 1000, "curl", AFTER, 0, 0 }, { 1000, "", 1, 0, 0 } };
	char *folder = test_folder_new();
	NgHistory *history = ng_history_new(folder, NULL);
	g_autofree char *own = NULL, *other = NULL, *all = NULL, *nobody = NULL;

	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		NgAttempt attempt = test_attempt(i);

		attempt.uid = cases[i].uid;
		attempt.app = cases[i].app;
		attempt.first = attempt.last = TEST_TIME + cases[i].after;
		attempt.verdict.allowed = cases[i].allowed;
		attempt.simulated = cases[i].simulated;
		ng_history_add(history, &attempt);
	}
	g_assert_true(ng_history_flush(history, NULL));
	own = denied(history, 1000);
	g_assert_cmpstr(own, ==, "=1 curl=2 wget=1 ");
	other = denied(history, 1001);
	g_assert_cmpstr(other, ==, "curl=1 ");
	nobody = denied(history, 65534);
	g_assert_cmpstr(nobody, ==, "");
	all = denied(history, -1);
	g_assert_cmpstr(all, ==, "=1 curl=2 wget=1 curl=1 ");
	ng_history_free(history);
	test_folder_free(folder);
}

static gint64 denied_us(NgHistory *history, gint64 uid)
{
	gint64 best = G_MAXINT64;

	for (int i = 0; i < 5; i++) {
		const gint64 start = g_get_monotonic_time();
		g_autofree char *text = denied(history, uid);

		best = MIN(best, g_get_monotonic_time() - start);
	}
	return best;
}

/* 100,000 rows of one day, all of one user and a thousand applications, and 20,000 of the day before. */
static void test_denied_is_cheap(void)
{
	char *folder = test_folder_new();
	NgHistory *history = ng_history_new(folder, NULL);
	gint64 own, all;

	for (guint i = 0; i < MANY + BEFORE_THAT; i++) {
		g_autofree char *app = g_strdup_printf("app-%u", i % 1000);
		NgAttempt attempt = test_attempt(i);

		attempt.app = app;
		attempt.last -= i < MANY ? 0 : 86400 * (gint64)G_USEC_PER_SEC;
		ng_history_add(history, &attempt);
	}
	g_assert_true(ng_history_flush(history, NULL));
	g_assert_cmpint(test_sql(folder, "SELECT count(*) FROM attempts"), ==, MANY + BEFORE_THAT);
	own = denied_us(history, 1000);
	all = denied_us(history, -1);
	g_test_message("one user's %u rows of the day: %" G_GINT64_FORMAT " us; everyone's: %" G_GINT64_FORMAT " us",
		       MANY, own, all);
	/* Ten times what is measured without a sanitizer: only a scan of the whole table is to fail. */
	g_assert_cmpint(own, <, 100000);
	ng_history_free(history);
	test_folder_free(folder);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(sentence, fn) g_test_add_func("/activity/" sentence, fn)
	ADD("minutes add up, are kept, and are summed into buckets", test_minutes);
	ADD("a time counts as run only where the service was seen without a gap", test_ran);
	ADD("minutes are kept for eight days, or as long as the retention says", test_prune);
	ADD("each user has own counts of what was blocked, root everyone's", test_denied);
	ADD("counting what was blocked is cheap with 100,000 rows", test_denied_is_cheap);
	return g_test_run();
}
