/* SPDX-License-Identifier: MIT */
/* Fingerprints come back as they were put. */
#include "history/test-help.h"

static NgApproved sample(const char *app, const char *path, guint8 seed)
{
	NgApproved approved = { .app = app,
				.path = path,
				.time = TEST_TIME + seed,
				.size = G_GUINT64_CONSTANT(5000000000) + seed,
				.mtime_ns = G_GINT64_CONSTANT(1700000000123456789),
				.ctime_ns = -1,
				.dev = 0xfffff00012,
				.ino = G_MAXINT64 };

	memset(approved.approved, seed, NG_HISTORY_HASH);
	memset(approved.sha256, seed + 1, NG_HISTORY_HASH);
	return approved;
}

static void put(NgHistory *history, const NgApproved *approved)
{
	g_autoptr(GError) error = NULL;

	g_assert_true(ng_history_approved_put(history, approved, &error));
	g_assert_no_error(error);
}

static void take_row(const NgApproved *approved, gpointer user_data)
{
	const NgApproved expected = sample(approved->app, approved->path, approved->approved[0]);

	g_assert_cmpmem(approved, sizeof(*approved), &expected, sizeof(expected));
	g_string_append_printf(user_data, "%s %s %d;", approved->app, approved->path, approved->approved[0]);
}

static void assert_rows(NgHistory *history, const char *expected)
{
	g_autoptr(GString) text = g_string_new(NULL);

	g_assert_true(ng_history_approved(history, take_row, text, NULL));
	g_assert_cmpstr(text->str, ==, expected);
}

static void test_kept(void)
{
	char *folder = test_folder_new();
	NgHistory *history = ng_history_new(folder, NULL);
	const NgApproved rows[] = { sample("b", "/bin/b", 1), sample("a", "/bin/\xff\xfe", 2), sample("a", "/bin/a", 3),
				    sample("b", "/bin/b", 4), sample("c", "/bin/a", 5) };

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
		put(history, &rows[i]);
	assert_rows(history, "a /bin/a 3;a /bin/\xff\xfe 2;b /bin/b 4;c /bin/a 5;");
	ng_history_free(history);
	history = ng_history_new(folder, NULL);
	assert_rows(history, "a /bin/a 3;a /bin/\xff\xfe 2;b /bin/b 4;c /bin/a 5;");
	g_assert_true(ng_history_approved_drop(history, "a", "/bin/a", NULL));
	assert_rows(history, "a /bin/\xff\xfe 2;b /bin/b 4;c /bin/a 5;");
	g_assert_true(ng_history_approved_drop(history, "b", NULL, NULL));
	assert_rows(history, "a /bin/\xff\xfe 2;c /bin/a 5;");
	ng_history_free(history);
	test_folder_free(folder);
}

static void test_strange(void)
{
	char *folder = test_folder_new();
	NgHistory *history = ng_history_new(folder, NULL);
	const NgApproved good = sample("a", "/bin/a", 1), bad = sample("b", "/bin/b", 2);

	put(history, &good);
	put(history, &bad);
	test_sql(folder, "UPDATE approved SET sha256 = x'00' WHERE app = 'b'");
	assert_rows(history, "a /bin/a 1;");
	ng_history_free(history);
	test_folder_free(folder);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/approved/fingerprints are kept for each file of each application", test_kept);
	g_test_add_func("/approved/a row that is no fingerprint is passed over", test_strange);
	return g_test_run();
}
