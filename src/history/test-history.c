/* SPDX-License-Identifier: MIT */
/* The file in bad circumstances: no folder, no room, no permission, damage. History may fail; it must say so, do harm
 * to nobody, and work again as soon as it can. */
#include "history/test-help.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

static void add_some(NgHistory *history, guint32 from, guint32 n)
{
	for (guint32 i = from; i < from + n; i++) {
		NgAttempt attempt = test_attempt(i);

		ng_history_add(history, &attempt);
	}
}

static void assert_unwell(NgHistory *history, const char *expected)
{
	const char *health = ng_history_health(history);

	g_assert_nonnull(health);
	if (expected && !strstr(health, expected))
		g_error("health says \"%s\", not \"%s\"", health, expected);
}

static void test_no_folder(void)
{
	char *folder = test_folder_new();
	g_autoptr(GError) error = NULL;
	NgAudit audit = test_audit("app");
	guint64 records, bad;

	g_rmdir(folder);
	NgHistory *history = ng_history_new(folder, NULL);
	assert_unwell(history, "No such file or directory");
	add_some(history, 0, 10);
	g_assert_false(ng_history_flush(history, &error));
	g_assert_nonnull(error);
	g_assert_false(ng_history_audit(history, &audit, NULL));
	g_assert_false(ng_history_verify(history, &records, &bad, NULL));
	g_assert_cmpuint(ng_history_denied_since(history, "curl", 0), ==, 0);
	g_assert_cmpint(g_mkdir(folder, 0700), ==, 0);
	test_flush_until_well(history);
	g_assert_null(ng_history_health(history));
	g_assert_cmpuint(test_rows(history, NULL), ==, 10);
	ng_history_free(history);
	test_folder_free(folder);
}

/* In a child of another user, since root may write anywhere. */
static int read_only_child(const char *folder)
{
	NgAudit audit = test_audit("app");

	if (setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
		return 2;
	g_autoptr(NgHistory) history = ng_history_new(folder, NULL);
	assert_unwell(history, NULL);
	add_some(history, 0, 10);
	g_assert_false(ng_history_flush(history, NULL));
	g_assert_false(ng_history_audit(history, &audit, NULL));
	assert_unwell(history, "Permission denied");
	return 0;
}

static void test_read_only(void)
{
	char *folder = test_folder_new();
	int status = -1;
	pid_t child;

	if (geteuid() != 0) {
		g_test_skip("needs root, to become another user");
		test_folder_free(folder);
		return;
	}
	g_assert_cmpint(g_chmod(folder, 0755), ==, 0);
	child = fork();
	if (child == 0)
		_exit(read_only_child(folder));
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	g_assert_cmpint(status, ==, 0);
	test_folder_free(folder);
}

static void fill(const char *path)
{
	static const char zeros[4096];
	int fd = g_open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	gsize size = sizeof(zeros);

	g_assert_cmpint(fd, >=, 0);
	while (size > 0)
		if (write(fd, zeros, size) < 0)
			size /= 2;
	close(fd);
}

static void check_full_disk(const char *folder)
{
	g_autofree char *ballast = g_build_filename(folder, "ballast", NULL);
	NgAudit audit = test_audit("app");
	g_autoptr(NgHistory) history = ng_history_new(folder, NULL);
	g_autoptr(GError) error = NULL;
	guint64 records, bad, attempts;

	g_assert_null(ng_history_health(history));
	test_audit_add(history, "before");
	fill(ballast);
	add_some(history, 0, NG_HISTORY_MAX_GROUPS + 1000);
	g_assert_cmpuint(g_hash_table_size(history->groups), ==, NG_HISTORY_MAX_GROUPS);
	g_assert_false(ng_history_flush(history, &error));
	g_assert_error(error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
	assert_unwell(history, "the disk is full");
	assert_unwell(history, "1000 attempts were lost");
	g_assert_false(ng_history_audit(history, &audit, NULL));
	g_assert_false(ng_history_flush(history, NULL));
	assert_unwell(history, "the disk is full");
	g_assert_cmpint(g_unlink(ballast), ==, 0);
	test_flush_until_well(history);
	g_assert_null(ng_history_health(history));
	g_assert_cmpuint(test_rows(history, &attempts), ==, NG_HISTORY_MAX_GROUPS);
	g_assert_cmpuint(g_hash_table_size(history->groups), ==, 0);
	test_audit_add(history, "after");
	g_assert_true(ng_history_verify(history, &records, &bad, NULL));
	g_assert_cmpuint(records, ==, 3); /* before, the gap, after */
	g_assert_cmpint(test_sql(folder, "SELECT json_extract(after, '$.attempts_lost') FROM audit WHERE"
					 " action = 'gap'"),
			==, 1000);
	g_assert_false(test_file_exists(folder, NG_HISTORY_FILE ".damaged-1"));
}

static void check_new_on_full_disk(const char *folder)
{
	g_autofree char *ballast = g_build_filename(folder, "ballast", NULL);

	fill(ballast);
	g_autoptr(NgHistory) history = ng_history_new(folder, NULL);
	assert_unwell(history, NULL);
	add_some(history, 0, 10);
	g_assert_false(ng_history_flush(history, NULL));
	g_assert_cmpint(g_unlink(ballast), ==, 0);
	test_flush_until_well(history);
	g_assert_null(ng_history_health(history));
	g_assert_cmpuint(test_rows(history, NULL), ==, 10);
	g_assert_false(test_file_exists(folder, NG_HISTORY_FILE ".damaged-1"));
}

static void on_small_disk(void (*check)(const char *folder))
{
	char *folder = test_folder_new();
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount("tmpfs", folder, "tmpfs", 0, "size=4m,mode=0700") < 0)
			_exit(77);
		check(folder);
		_exit(0);
	}
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		g_test_skip("cannot mount a small disk here (needs root)");
	else
		g_assert_cmpint(status, ==, 0);
	test_folder_free(folder);
}

static void test_full_disk(void)
{
	on_small_disk(check_full_disk);
}

static void test_new_on_full_disk(void)
{
	on_small_disk(check_new_on_full_disk);
}

/* The limit on a file's size fails in the middle of a write, as a quota would. */
static int file_limit_child(const char *folder)
{
	struct rlimit limit = { 200 * 1024, RLIM_INFINITY };
	g_autoptr(NgHistory) history = ng_history_new(folder, NULL);

	signal(SIGXFSZ, SIG_IGN);
	g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
	add_some(history, 0, 4000);
	g_assert_false(ng_history_flush(history, NULL));
	assert_unwell(history, NULL);
	limit.rlim_cur = RLIM_INFINITY;
	g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
	test_flush_until_well(history);
	g_assert_null(ng_history_health(history));
	g_assert_cmpuint(test_rows(history, NULL), ==, 4000);
	g_assert_false(test_file_exists(folder, NG_HISTORY_FILE ".damaged-1"));
	return 0;
}

static void test_file_limit(void)
{
	char *folder = test_folder_new();
	int status = -1;
	pid_t child = fork();

	if (child == 0)
		_exit(file_limit_child(folder));
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	g_assert_cmpint(status, ==, 0);
	test_folder_free(folder);
}

/* A history with 200 attempts and 5 audit records, closed. */
static void make_history(const char *folder)
{
	g_autoptr(NgHistory) history = ng_history_new(folder, NULL);

	add_some(history, 0, 200);
	for (int i = 0; i < 5; i++)
		test_audit_add(history, "app");
}

/* However the file was damaged: it is set aside, and the new one says so in its first record. */
static void check_set_aside(const char *folder)
{
	g_autoptr(NgHistory) history = ng_history_new(folder, NULL);
	guint64 records = 0, bad = 0;

	for (int i = 0; i < 2; i++) { /* where damage shows late, the first use meets it */
		add_some(history, 1000, 10);
		(void)ng_history_flush(history, NULL);
		(void)ng_history_denied_since(history, "curl", 0);
	}
	g_assert_null(ng_history_health(history));
	g_assert_cmpuint(test_rows(history, NULL), ==, 10);
	g_assert_true(test_file_exists(folder, NG_HISTORY_FILE ".damaged-1"));
	g_assert_true(ng_history_verify(history, &records, &bad, NULL));
	g_assert_cmpuint(records, ==, 1);
	g_assert_cmpint(test_sql(folder, "SELECT seq FROM audit WHERE action = 'damage' AND auth = 'service' AND"
					 " reason LIKE '%set aside as history.db.damaged-1'"),
			==, 1);
}

static void damage_garbage(const char *path)
{
	g_assert_true(g_file_set_contents(path, "this is no database, nor ever was one, for all I know", -1, NULL));
}

static void damage_cut(const char *path)
{
	GStatBuf info;

	g_assert_cmpint(g_stat(path, &info), ==, 0);
	g_assert_cmpint(truncate(path, info.st_size / 2 + 100), ==, 0);
}

static void damage_emptied(const char *path)
{
	g_assert_cmpint(truncate(path, 0), ==, 0);
}

static void damage_page(const char *path)
{
	g_autofree char *bytes = NULL;
	gsize length;

	g_assert_true(g_file_get_contents(path, &bytes, &length, NULL));
	for (gsize i = 4096 * 2; i < length; i++)
		bytes[i] ^= 0x5a;
	g_assert_true(g_file_set_contents(path, bytes, (gssize)length, NULL));
}

static void damage_folder(const char *path)
{
	g_assert_cmpint(g_unlink(path), ==, 0);
	g_assert_cmpint(g_mkdir(path, 0700), ==, 0);
}

static void damage_fifo(const char *path)
{
	g_assert_cmpint(g_unlink(path), ==, 0);
	g_assert_cmpint(mkfifo(path, 0600), ==, 0);
}

static void damage_link(const char *path)
{
	g_assert_cmpint(g_unlink(path), ==, 0);
	g_assert_cmpint(symlink("/dev/null", path), ==, 0);
}

static void damage_sql(const char *path, const char *text)
{
	g_autofree char *folder = g_path_get_dirname(path);

	test_sql(folder, text);
}

static void damage_table(const char *path)
{
	damage_sql(path, "DROP TABLE attempts");
}

static void damage_stranger(const char *path)
{
	damage_sql(path, "PRAGMA application_id = 7");
}

static const struct {
	const char *name;
	void (*damage)(const char *path);
} damages[] = {
	{ "garbage", damage_garbage },
	{ "cut short", damage_cut },
	{ "emptied", damage_emptied },
	{ "pages overwritten", damage_page },
	{ "a folder in its place", damage_folder },
	{ "a fifo in its place", damage_fifo },
	{ "a link in its place", damage_link },
	{ "a table removed", damage_table },
	{ "another program's database", damage_stranger },
};

static void test_damage(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(damages); i++) {
		char *folder = test_folder_new();
		g_autofree char *path = test_file(folder);

		g_test_message("%s", damages[i].name);
		make_history(folder);
		damages[i].damage(path);
		check_set_aside(folder);
		test_folder_free(folder);
	}
}

static void test_damage_kept(void)
{
	char *folder = test_folder_new();
	g_autofree char *path = test_file(folder);
	g_autofree char *last = g_strconcat(path, ".damaged-3", NULL);
	g_autofree char *content = NULL;

	for (int i = 1; i <= 5; i++) {
		g_autofree char *text =
			g_strdup_printf("garbage %d, as long as it has to be to look like something", i);

		g_assert_true(g_file_set_contents(path, text, -1, NULL));
		ng_history_free(ng_history_new(folder, NULL));
	}
	g_assert_false(test_file_exists(folder, NG_HISTORY_FILE ".damaged-4"));
	g_assert_true(g_file_get_contents(last, &content, NULL, NULL));
	g_assert_true(g_str_has_prefix(content, "garbage 5"));
	test_folder_free(folder);
}

static void test_damage_in_use(void)
{
	char *folder = test_folder_new();
	g_autofree char *path = test_file(folder);
	guint64 records, bad;

	make_history(folder);
	NgHistory *history = ng_history_new(folder, NULL);
	g_assert_cmpint(g_unlink(path), ==, 0);
	add_some(history, 0, 3);
	g_assert_true(ng_history_flush(history, NULL));
	g_assert_cmpuint(test_rows(history, NULL), ==, 3);
	g_assert_true(ng_history_verify(history, &records, &bad, NULL));
	g_assert_cmpuint(records, ==, 1); /* that the file was taken away */
	ng_history_free(history);
	test_folder_free(folder);
}

static void test_newer(void)
{
	char *folder = test_folder_new();
	g_autofree char *path = test_file(folder);

	make_history(folder);
	damage_sql(path, "PRAGMA user_version = 99");
	NgHistory *history = ng_history_new(folder, NULL);
	assert_unwell(history, "newer version");
	add_some(history, 0, 3);
	g_assert_false(ng_history_flush(history, NULL));
	ng_history_free(history);
	g_assert_false(test_file_exists(folder, NG_HISTORY_FILE ".damaged-1"));
	g_assert_cmpint(test_sql(folder, "SELECT count(*) FROM attempts"), ==, 200);
	test_folder_free(folder);
}

static void test_older(void)
{
	char *folder = test_folder_new();
	g_autofree char *path = test_file(folder);

	make_history(folder);
	damage_sql(path, "DROP TABLE audit");
	damage_sql(path, "DROP TABLE chain");
	damage_sql(path, "DROP TABLE activity");
	damage_sql(path, "DROP TABLE runs");
	damage_sql(path, "DROP INDEX attempts_denied");
	damage_sql(path, "DROP TABLE approved");
	damage_sql(path, "PRAGMA user_version = 1");
	NgHistory *history = ng_history_new(folder, NULL);
	g_assert_null(ng_history_health(history));
	g_assert_cmpuint(test_rows(history, NULL), ==, 200);
	test_audit_add(history, "app");
	ng_history_free(history);
	test_folder_free(folder);
}

static void test_busy(void)
{
	char *folder = test_folder_new();
	g_autofree char *path = test_file(folder);
	NgHistory *history = ng_history_new(folder, NULL);
	sqlite3 *db = NULL;
	gint64 start;

	g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
	g_assert_cmpint(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), ==, SQLITE_OK);
	add_some(history, 0, 3);
	start = g_get_monotonic_time();
	g_assert_false(ng_history_flush(history, NULL));
	g_assert_cmpint(g_get_monotonic_time() - start, <, G_USEC_PER_SEC);
	assert_unwell(history, "another program");
	g_assert_cmpint(sqlite3_close(db), ==, SQLITE_OK);
	g_assert_true(ng_history_flush(history, NULL));
	g_assert_null(ng_history_health(history));
	g_assert_cmpuint(test_rows(history, NULL), ==, 3);
	ng_history_free(history);
	test_folder_free(folder);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define ADD(sentence, fn) g_test_add_func("/history/" sentence, fn)
	ADD("without a folder it fails in words and works when there is one", test_no_folder);
	ADD("in a folder that cannot be written it fails in words", test_read_only);
	ADD("a full disk costs what memory cannot hold and is recovered from", test_full_disk);
	ADD("a file that cannot be made on a full disk is made later", test_new_on_full_disk);
	ADD("a write that breaks off is recovered from", test_file_limit);
	ADD("a damaged file is set aside and the new one says so", test_damage);
	ADD("at most three damaged files are kept, the latest among them", test_damage_kept);
	ADD("a file that is taken away is begun anew", test_damage_in_use);
	ADD("a file of a newer version is left alone", test_newer);
	ADD("a file of an older version is brought up to date", test_older);
	ADD("a file that another program holds costs a moment and no attempt", test_busy);
	return g_test_run();
}
