/* SPDX-License-Identifier: MIT */
/* The audit chain: what is written is read back, every change to it is found, and old records go without breaking it.
 */
#include "history/test-help.h"

static gboolean verify(NgHistory *history, guint64 *ret_records, guint64 *ret_bad_seq)
{
	g_autoptr(GError) error = NULL;
	gboolean is_good = ng_history_verify(history, ret_records, ret_bad_seq, &error);

	g_assert_true(is_good == (error == NULL));
	if (!is_good)
		g_assert_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
	return is_good;
}

static void take_strings(const NgAudit *audit, gpointer user_data)
{
	g_ptr_array_add(user_data, g_strdup_printf("%" G_GUINT64_FORMAT " %u %s %s %s %s %s %s %s %zu", audit->seq,
						   audit->uid, audit->auth, audit->action, audit->app, audit->before,
						   audit->after, audit->reason, audit->origin, strlen(audit->hash)));
}

static void test_read_back(void)
{
	char *folder = test_folder_new();
	NgHistory *history = ng_history_new(folder, NULL);
	g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(g_free);
	NgAudit sparse = { .time = TEST_TIME - 1, .action = "panic" };

	test_audit_add(history, "one");
	test_audit_add(history, "two");
	g_assert_true(ng_history_audit(history, &sparse, NULL));
	g_assert_true(ng_history_audits(history, 0, 10, take_strings, rows, NULL));
	g_assert_cmpuint(rows->len, ==, 3);
	g_assert_cmpstr(rows->pdata[0], ==, "3 0  panic      64");
	g_assert_cmpstr(rows->pdata[1], ==,
			"2 1000 bus set two {\"profile\":\"online\"} {\"profile\":\"offline\"} because command 64");
	g_ptr_array_set_size(rows, 0);
	g_assert_true(ng_history_audits(history, TEST_TIME, 1, take_strings, rows, NULL));
	g_assert_cmpuint(rows->len, ==, 1);
	ng_history_free(history);
	test_folder_free(folder);
}

static void test_unbroken(void)
{
	char *folder = test_folder_new();
	NgHistory *history = ng_history_new(folder, NULL);
	guint64 records, bad;

	g_assert_true(verify(history, &records, &bad));
	g_assert_cmpuint(records, ==, 0);
	for (int i = 0; i < 500; i++)
		test_audit_add(history, "app");
	ng_history_free(history);
	history = ng_history_new(folder, NULL);
	test_audit_add(history, "after a restart");
	g_assert_true(verify(history, &records, &bad));
	g_assert_cmpuint(records, ==, 501);
	g_assert_cmpuint(bad, ==, 0);
	ng_history_free(history);
	test_folder_free(folder);
}

/* What somebody does to a chain of 10 records, and where it must be noticed. */
static const struct {
	const char *sql;
	guint64 bad_seq;
} changes[] = {
	{ "UPDATE audit SET time = time + 1 WHERE seq = 4", 4 },
	{ "UPDATE audit SET uid = 0 WHERE seq = 4", 4 },
	{ "UPDATE audit SET uid = uid + 4294967296 WHERE seq = 4", 4 },
	{ "UPDATE audit SET auth = 'x' WHERE seq = 4", 4 },
	{ "UPDATE audit SET action = 'x' WHERE seq = 4", 4 },
	{ "UPDATE audit SET app = 'x' WHERE seq = 4", 4 },
	{ "UPDATE audit SET before = 'x' WHERE seq = 4", 4 },
	{ "UPDATE audit SET after = 'x' WHERE seq = 4", 4 },
	{ "UPDATE audit SET reason = 'x' WHERE seq = 4", 4 },
	{ "UPDATE audit SET origin = 'x' WHERE seq = 4", 4 },
	{ "UPDATE audit SET before = before || after, after = '' WHERE seq = 4", 4 },
	{ "UPDATE audit SET hash = zeroblob(32) WHERE seq = 4", 4 },
	{ "UPDATE audit SET hash = 'x' WHERE seq = 4", 4 },
	{ "DELETE FROM audit WHERE seq = 1", 1 },
	{ "DELETE FROM audit WHERE seq = 5", 5 },
	{ "DELETE FROM audit WHERE seq = 10", 10 },
	{ "DELETE FROM audit WHERE seq > 7", 8 },
	{ "DELETE FROM audit", 1 },
	/* A removed record whose number the next ones take. */
	{ "DELETE FROM audit WHERE seq = 5; UPDATE audit SET seq = seq - 1 WHERE seq > 5", 5 },
	{ "UPDATE audit SET seq = -1 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 4;"
	  "UPDATE audit SET seq = 4 WHERE seq = -1",
	  3 },
	{ "INSERT INTO audit SELECT 11, time, uid, auth, action, app, before, after, reason, origin, hash FROM audit"
	  " WHERE seq = 10",
	  11 },
	{ "UPDATE chain SET head_seq = 9, head = (SELECT hash FROM audit WHERE seq = 9)", 10 },
	{ "UPDATE chain SET anchor_seq = 1", 2 },
	{ "UPDATE chain SET anchor = (SELECT hash FROM audit WHERE seq = 1)", 1 },
	{ "UPDATE chain SET head = zeroblob(32)", 10 },
	{ "DELETE FROM chain", 1 },
};

static void change(const char *folder, const char *text)
{
	g_autofree char *path = test_file(folder);
	sqlite3 *db = NULL;

	g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
	(void)sqlite3_exec(db, text, NULL, NULL, NULL);
	g_assert_cmpint(sqlite3_close(db), ==, SQLITE_OK);
}

static void test_changes(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(changes); i++) {
		char *folder = test_folder_new();
		NgHistory *history = ng_history_new(folder, NULL);
		guint64 records, bad;
		char app[2] = "a";

		for (int n = 0; n < 10; n++, app[0]++)
			test_audit_add(history, app);
		ng_history_free(history);
		change(folder, changes[i].sql);
		history = ng_history_new(folder, NULL);
		g_test_message("%s", changes[i].sql);
		g_assert_false(verify(history, &records, &bad));
		g_assert_cmpuint(bad, ==, changes[i].bad_seq);
		ng_history_free(history);
		test_folder_free(folder);
	}
}

static void test_lost_end(void)
{
	char *folder = test_folder_new();
	NgHistory *history = ng_history_new(folder, NULL);
	NgAudit audit = test_audit("later");
	g_autoptr(GError) error = NULL;
	guint64 records, bad;

	test_audit_add(history, "first");
	ng_history_free(history);
	change(folder, "DELETE FROM chain");
	history = ng_history_new(folder, NULL);
	/* It cannot be gone on with: set aside as it is, and a new one begins. */
	g_assert_false(ng_history_audit(history, &audit, &error));
	g_assert_nonnull(ng_history_health(history));
	g_assert_true(test_file_exists(folder, NG_HISTORY_FILE ".damaged-1"));
	g_assert_true(ng_history_audit(history, &audit, NULL));
	g_assert_null(ng_history_health(history));
	g_assert_true(verify(history, &records, &bad));
	g_assert_cmpuint(records, ==, 2);
	ng_history_free(history);
	test_folder_free(folder);
}

static void test_age(void)
{
	const NgRetention retention = { .max_age = 80 * (gint64)G_USEC_PER_SEC };
	char *folder = test_folder_new();
	NgHistory *history = ng_history_new(folder, &retention);
	gint64 now = g_get_real_time();
	guint64 records, bad;

	for (int i = 0; i < 30; i++) {
		NgAudit audit = test_audit("app");

		audit.time = now - (i < 20 ? 2 * retention.max_age : 0);
		g_assert_true(ng_history_audit(history, &audit, NULL));
	}
	g_assert_true(ng_history_prune(history, NULL));
	g_assert_true(verify(history, &records, &bad));
	g_assert_cmpuint(records, ==, 11); /* the ten, and the one about the twenty */
	g_assert_cmpint(test_sql(folder, "SELECT anchor_seq FROM chain"), ==, 20);
	g_assert_cmpint(test_sql(folder, "SELECT count(*) FROM audit WHERE action = 'retention' AND"
					 " json_extract(after, '$.dropped_to') = 20"),
			==, 1);
	g_assert_true(ng_history_prune(history, NULL));
	g_assert_true(verify(history, &records, &bad));
	g_assert_cmpuint(records, ==, 11);
	change(folder, "DELETE FROM audit WHERE seq = 21");
	g_assert_false(verify(history, &records, &bad));
	g_assert_cmpuint(bad, ==, 21);
	ng_history_free(history);
	test_folder_free(folder);
}

static void test_all_old(void)
{
	const NgRetention retention = { .max_age = 80 * (gint64)G_USEC_PER_SEC };
	char *folder = test_folder_new();
	NgHistory *history = ng_history_new(folder, &retention);
	guint64 records, bad;

	for (int i = 0; i < 5; i++) {
		NgAudit audit = test_audit("app");

		audit.time = 1;
		g_assert_true(ng_history_audit(history, &audit, NULL));
	}
	g_assert_true(ng_history_prune(history, NULL));
	g_assert_true(verify(history, &records, &bad));
	g_assert_cmpuint(records, ==, 2);
	ng_history_free(history);
	test_folder_free(folder);
}

/* What the file says is the hash, computed by hand for the record of the first test. */
static void test_hash(void)
{
	static const guchar before[32];
	static const guchar numbers[] = {
		0, 0, 0, 0, 0, 0, 0, 1, /* seq */
		0, 0, 0, 0, 0, 0, 0, 5, /* time */
		0, 0, 0, 0, 0, 0, 0, 7, /* uid */
		0, 0, 0, 0, 0, 0, 0, 3, 'b', 'u', 's', 0, 0, 0, 0, 0, 0, 0, 3, 's', 'e', 't'
	};
	static const guchar empty[5 * 8];
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	char *folder = test_folder_new();
	NgHistory *history = ng_history_new(folder, NULL);
	NgAudit audit = { .time = 5, .uid = 7, .auth = "bus", .action = "set" };
	g_autofree char *query = NULL;

	g_checksum_update(sum, before, sizeof(before));
	g_checksum_update(sum, numbers, sizeof(numbers));
	g_checksum_update(sum, empty, sizeof(empty));
	g_assert_true(ng_history_audit(history, &audit, NULL));
	query = g_strdup_printf("SELECT lower(hex(hash)) = '%s' FROM audit", g_checksum_get_string(sum));
	g_assert_cmpint(test_sql(folder, query), ==, 1);
	ng_history_free(history);
	test_folder_free(folder);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(sentence, fn) g_test_add_func("/audit/" sentence, fn)
	ADD("records come back newest first", test_read_back);
	ADD("an untouched chain is unbroken, also over a restart", test_unbroken);
	ADD("the hash is the one that is documented", test_hash);
	ADD("every change is found at the first record that does not fit", test_changes);
	ADD("a chain without its ends is set aside", test_lost_end);
	ADD("records past their age go and the chain starts from a stated anchor", test_age);
	ADD("the newest record stays however old", test_all_old);
	return g_test_run();
}
