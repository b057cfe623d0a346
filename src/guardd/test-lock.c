/* SPDX-License-Identifier: MIT */
/*
 * The second lock without a service: right and wrong passphrases, the wait that grows and outlives a restart, who is
 * unlocked, files that are damaged or removed, and that memory is given back. Real Argon2id, in a folder of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guardd/guesses.h"
#include "guardd/lock.h"

#define PASSPHRASE "correct horse"
#define UID 1000

typedef struct {
	char *folder, *path, *failures;
	NgLock *lock;
	guint n_outside;
} Fixture;

typedef struct {
	gboolean is_done;
	NgLockAnswer answer;
	char *text;
} Answer;

static void outside(gpointer data)
{
	((Fixture *)data)->n_outside++;
}

static void start(Fixture *fixture)
{
	fixture->lock = ng_lock_new(fixture->folder, outside, fixture);
}

static void restart(Fixture *fixture)
{
	ng_lock_free(fixture->lock);
	start(fixture);
}

static void fixture_up(Fixture *fixture, gconstpointer data)
{
	fixture->folder = g_dir_make_tmp("netguard-lock-XXXXXX", NULL);
	g_assert_nonnull(fixture->folder);
	fixture->path = g_build_filename(fixture->folder, NG_LOCK_FILE, NULL);
	fixture->failures = g_build_filename(fixture->folder, NG_LOCK_FAILURES_FILE, NULL);
	start(fixture);
}

static void fixture_down(Fixture *fixture, gconstpointer data)
{
	ng_lock_free(fixture->lock);
	g_unlink(fixture->path);
	g_rmdir(fixture->path);
	g_unlink(fixture->failures);
	g_assert_cmpint(g_rmdir(fixture->folder), ==, 0);
	g_free(fixture->folder);
	g_free(fixture->path);
	g_free(fixture->failures);
}

static void answered(NgLockAnswer answer, const char *text, gpointer data)
{
	Answer *known = data;

	g_assert_false(known->is_done);
	known->is_done = TRUE;
	known->answer = answer;
	known->text = g_strdup(text);
}

static NgLockAnswer wait_for(Answer *answer)
{
	while (!answer->is_done)
		g_main_context_iteration(NULL, TRUE);
	g_clear_pointer(&answer->text, g_free);
	return answer->answer;
}

static NgLockAnswer verify_as(Fixture *fixture, guint32 uid, const char *passphrase)
{
	Answer answer = { 0 };

	ng_lock_verify(fixture->lock, uid, passphrase, answered, &answer);
	return wait_for(&answer);
}

static NgLockAnswer verify(Fixture *fixture, const char *passphrase)
{
	return verify_as(fixture, UID, passphrase);
}

static NgLockAnswer change(Fixture *fixture, const char *old, const char *next)
{
	Answer answer = { 0 };

	ng_lock_change(fixture->lock, UID, old, next, answered, &answer);
	return wait_for(&answer);
}

/* How often UID guessed wrong; 0: the file does not tell. */
static guint failures_of(Fixture *fixture)
{
	g_autofree char *text = NULL;
	guint failures = 0;

	if (!g_file_get_contents(fixture->failures, &text, NULL, NULL) ||
	    sscanf(text, "netguard-guesses 2\n1000 %u ", &failures) != 1)
		return 0;
	return failures;
}

/* As if the wait were over: what the file says of it is set to the past. */
static void let_wait_pass(Fixture *fixture)
{
	g_autofree char *text = g_strdup_printf("netguard-guesses 2\n1000 %u 1\n", failures_of(fixture));

	g_assert_true(g_file_set_contents(fixture->failures, text, -1, NULL));
	restart(fixture);
}

static void test_a_lock_is_set_asked_for_changed_and_removed(Fixture *fixture, gconstpointer data)
{
	g_assert_cmpint(ng_lock_state(fixture->lock), ==, NG_LOCK_UNSET);
	g_assert_cmpint(change(fixture, "", PASSPHRASE), ==, NG_LOCK_RIGHT);
	g_assert_cmpint(ng_lock_state(fixture->lock), ==, NG_LOCK_SET);
	g_assert_cmpint(verify(fixture, PASSPHRASE), ==, NG_LOCK_RIGHT);
	g_assert_cmpint(verify(fixture, PASSPHRASE " "), ==, NG_LOCK_WRONG);
	g_assert_cmpint(change(fixture, "wrong one", "another one"), ==, NG_LOCK_WRONG);
	g_assert_cmpint(change(fixture, "", "another one"), ==, NG_LOCK_FAILED);
	g_assert_cmpint(verify(fixture, PASSPHRASE), ==, NG_LOCK_RIGHT);
	g_assert_cmpint(change(fixture, PASSPHRASE, "another one"), ==, NG_LOCK_RIGHT);
	g_assert_cmpint(verify(fixture, PASSPHRASE), ==, NG_LOCK_WRONG);
	g_assert_cmpint(change(fixture, "another one", ""), ==, NG_LOCK_RIGHT);
	g_assert_cmpint(ng_lock_state(fixture->lock), ==, NG_LOCK_UNSET);
	g_assert_false(g_file_test(fixture->path, G_FILE_TEST_EXISTS));
	g_assert_cmpuint(fixture->n_outside, ==, 0);
}

static void test_the_files_are_for_the_service_alone_and_hold_no_passphrase(Fixture *fixture, gconstpointer data)
{
	g_autofree char *text = NULL;
	struct stat st;

	umask(0);
	change(fixture, "", PASSPHRASE);
	verify(fixture, "wrong one");
	umask(022);
	g_assert_cmpint(stat(fixture->path, &st), ==, 0);
	g_assert_cmpint(st.st_mode & 07777, ==, 0600);
	g_assert_cmpint(stat(fixture->failures, &st), ==, 0);
	g_assert_cmpint(st.st_mode & 07777, ==, 0600);
	g_assert_true(g_file_get_contents(fixture->path, &text, NULL, NULL));
	g_assert_null(strstr(text, PASSPHRASE));
	g_assert_nonnull(strstr(text, "$argon2id$v=19$m=65536,"));
}

static void test_the_wait_grows_with_wrong_guesses_and_outlives_a_restart(Fixture *fixture, gconstpointer data)
{
	gint64 last = 0;

	change(fixture, "", PASSPHRASE);
	for (guint i = 0; i < NG_GUESSES_FREE; i++) {
		g_assert_cmpint(ng_lock_retry_at(fixture->lock, UID), ==, 0);
		g_assert_cmpint(verify(fixture, "wrong one"), ==, NG_LOCK_WRONG);
	}
	for (guint i = 0; i < 5; i++) {
		gint64 wait;

		g_assert_cmpint(verify(fixture, "wrong one"), ==, NG_LOCK_WRONG);
		if (i == 0) { /* one second, which may be over by now */
			let_wait_pass(fixture);
			continue;
		}
		wait = ng_lock_retry_at(fixture->lock, UID) - g_get_real_time() / G_USEC_PER_SEC;
		g_assert_cmpint(wait, >, last);
		last = wait;
		/* Not even the right one is looked at, and asking does not make the wait longer. */
		g_assert_cmpint(verify(fixture, PASSPHRASE), ==, NG_LOCK_EARLY);
		restart(fixture);
		g_assert_cmpint(verify(fixture, PASSPHRASE), ==, NG_LOCK_EARLY);
		let_wait_pass(fixture);
	}
	g_assert_cmpint(verify(fixture, PASSPHRASE), ==, NG_LOCK_RIGHT);
	/* And then it starts anew. */
	g_assert_cmpint(verify(fixture, "wrong one"), ==, NG_LOCK_WRONG);
	g_assert_cmpint(ng_lock_retry_at(fixture->lock, UID), ==, 0);
}

static void test_a_guess_counts_before_it_is_looked_at(Fixture *fixture, gconstpointer data)
{
	Answer answer = { 0 };

	change(fixture, "", PASSPHRASE);
	ng_lock_verify(fixture->lock, UID, "wrong one", answered, &answer);
	while (failures_of(fixture) != 1)
		g_main_context_iteration(NULL, TRUE);
	g_assert_false(answer.is_done);
	restart(fixture); /* in the middle of it */
	g_assert_false(answer.is_done);
	for (guint i = 1; i <= NG_GUESSES_FREE; i++)
		g_assert_cmpint(verify(fixture, "wrong one"), ==, NG_LOCK_WRONG);
	g_assert_cmpuint(failures_of(fixture), ==, NG_GUESSES_FREE + 1);
}

static void test_the_guesses_of_one_uid_make_no_other_wait(Fixture *fixture, gconstpointer data)
{
	change(fixture, "", PASSPHRASE);
	g_assert_true(g_file_set_contents(fixture->failures, "netguard-guesses 2\n1000 9 1\n", -1, NULL));
	restart(fixture);
	g_assert_cmpint(verify(fixture, "wrong one"), ==, NG_LOCK_WRONG);
	g_assert_cmpint(verify(fixture, PASSPHRASE), ==, NG_LOCK_EARLY);
	g_assert_cmpint(ng_lock_retry_at(fixture->lock, 1001), ==, 0);
	g_assert_cmpint(verify_as(fixture, 1001, PASSPHRASE), ==, NG_LOCK_RIGHT);
	g_assert_cmpint(verify_as(fixture, 0, PASSPHRASE), ==, NG_LOCK_RIGHT);
	/* Nor does their success let the first one guess. */
	g_assert_cmpint(verify(fixture, PASSPHRASE), ==, NG_LOCK_EARLY);
	restart(fixture);
	g_assert_cmpint(verify(fixture, PASSPHRASE), ==, NG_LOCK_EARLY);
	g_assert_cmpint(change(fixture, PASSPHRASE, ""), ==, NG_LOCK_EARLY);
	g_assert_cmpint(verify_as(fixture, 1001, PASSPHRASE), ==, NG_LOCK_RIGHT);
}

static void test_a_count_that_cannot_be_read_is_taken_as_the_worst(Fixture *fixture, gconstpointer data)
{
	change(fixture, "", PASSPHRASE);
	g_assert_true(g_file_set_contents(fixture->failures, "rubbish", -1, NULL));
	restart(fixture);
	g_assert_cmpint(verify(fixture, PASSPHRASE), ==, NG_LOCK_EARLY);
}

static void test_many_at_once_of_one_uid_are_bounded_and_all_count(Fixture *fixture, gconstpointer data)
{
	Answer answers[NG_LOCK_QUEUE * 3] = { { 0 } }, other = { 0 };
	guint n_busy = 0;

	change(fixture, "", PASSPHRASE);
	for (guint i = 0; i < G_N_ELEMENTS(answers); i++)
		ng_lock_verify(fixture->lock, UID, "wrong one", answered, &answers[i]);
	ng_lock_verify(fixture->lock, 1001, PASSPHRASE, answered, &other);
	for (guint i = 0; i < G_N_ELEMENTS(answers); i++)
		n_busy += wait_for(&answers[i]) == NG_LOCK_BUSY;
	g_assert_cmpint(wait_for(&other), ==, NG_LOCK_RIGHT);
	g_assert_cmpuint(n_busy, ==, G_N_ELEMENTS(answers) - NG_LOCK_QUEUE);
	g_assert_cmpint(answers[NG_LOCK_QUEUE - 1].answer, ==, NG_LOCK_WRONG);
	g_assert_cmpuint(failures_of(fixture), ==, NG_LOCK_QUEUE);
}

static void test_many_uids_at_once_are_bounded_and_root_is_taken_all_the_same(Fixture *fixture, gconstpointer data)
{
	Answer answers[NG_LOCK_QUEUE_ALL + 1] = { { 0 } }, root = { 0 };

	/* No lock is set, so that each is answered without a hash. */
	for (guint i = 0; i < G_N_ELEMENTS(answers); i++)
		ng_lock_verify(fixture->lock, 1000 + i, "wrong one", answered, &answers[i]);
	ng_lock_verify(fixture->lock, 0, "wrong one", answered, &root);
	g_assert_cmpint(wait_for(&answers[NG_LOCK_QUEUE_ALL]), ==, NG_LOCK_BUSY);
	for (guint i = 0; i < NG_LOCK_QUEUE_ALL; i++)
		g_assert_cmpint(wait_for(&answers[i]), ==, NG_LOCK_FAILED);
	g_assert_cmpint(wait_for(&root), ==, NG_LOCK_FAILED);
}

static void test_unlocking_is_for_one_uid_and_ends(Fixture *fixture, gconstpointer data)
{
	change(fixture, "", PASSPHRASE);
	ng_lock_unlock(fixture->lock, 1000, 3600);
	g_assert_cmpint(ng_lock_unlocked_until(fixture->lock, 1000), >, g_get_real_time() / G_USEC_PER_SEC);
	g_assert_cmpint(ng_lock_unlocked_until(fixture->lock, 1001), ==, 0);
	g_assert_cmpint(ng_lock_unlocked_until(fixture->lock, 0), ==, 0);
	g_assert_true(ng_lock_end(fixture->lock, 1000));
	g_assert_false(ng_lock_end(fixture->lock, 1000));
	g_assert_cmpint(ng_lock_unlocked_until(fixture->lock, 1000), ==, 0);
	ng_lock_unlock(fixture->lock, 1000, 0);
	g_assert_cmpint(ng_lock_unlocked_until(fixture->lock, 1000), ==, 0);
	ng_lock_unlock(fixture->lock, 1000, 3600);
	g_assert_cmpint(change(fixture, PASSPHRASE, "another one"), ==, NG_LOCK_RIGHT);
	g_assert_cmpint(ng_lock_unlocked_until(fixture->lock, 1000), ==, 0);
	ng_lock_unlock(fixture->lock, 1000, 3600);
	restart(fixture);
	g_assert_cmpint(ng_lock_unlocked_until(fixture->lock, 1000), ==, 0);
}

static void assert_damaged(Fixture *fixture, const char *what)
{
	g_test_message("%s", what);
	g_assert_cmpint(ng_lock_state(fixture->lock), ==, NG_LOCK_DAMAGED);
	g_assert_nonnull(strstr(ng_lock_damage(fixture->lock), fixture->path));
	g_assert_nonnull(strstr(ng_lock_damage(fixture->lock), "Root can remove"));
	g_assert_cmpint(verify(fixture, PASSPHRASE), ==, NG_LOCK_FAILED);
	g_assert_cmpint(change(fixture, PASSPHRASE, ""), ==, NG_LOCK_FAILED);
	g_assert_cmpint(change(fixture, "", "another one"), ==, NG_LOCK_FAILED);
}

/* As when its folder may not be looked into. */
static void test_a_file_that_cannot_be_looked_at_is_a_lock_that_nobody_opens(Fixture *fixture, gconstpointer data)
{
	g_autofree char *folder = g_path_get_dirname(fixture->path);
	g_autofree char *aside = g_strconcat(folder, "-aside", NULL);

	g_assert_cmpint(ng_lock_state(fixture->lock), ==, NG_LOCK_UNSET);
	g_assert_cmpint(g_rename(folder, aside), ==, 0);
	g_assert_true(g_file_set_contents(folder, "no folder", -1, NULL));
	g_assert_cmpint(ng_lock_state(fixture->lock), ==, NG_LOCK_DAMAGED);
	g_assert_nonnull(strstr(ng_lock_damage(fixture->lock), "cannot be looked at"));
	g_assert_cmpint(g_unlink(folder), ==, 0);
	g_assert_cmpint(g_rename(aside, folder), ==, 0);
	g_assert_cmpint(ng_lock_state(fixture->lock), ==, NG_LOCK_UNSET);
}

static void test_a_damaged_file_is_a_lock_that_nobody_opens(Fixture *fixture, gconstpointer data)
{
	static const char *const texts[] = { "",
					     "\n",
					     "netguard-lock 1\n",
					     "netguard-lock 1\n\n",
					     "netguard-lock 2\n$argon2id$v=19$m=65536,t=10,p=1$aaaa$bbbb\n",
					     "netguard-lock 1\n$argon2id$v=19$m=65536,t=10,p=1$aaaa\n",
					     "netguard-lock 1\n$argon2i$v=19$m=8,t=1,p=1$c29tZXNhbHQ$aGFzaA\n",
					     "netguard-lock 1\ncorrect horse\n" };
	g_autofree char *good = NULL, *cut = NULL;

	change(fixture, "", PASSPHRASE);
	g_assert_true(g_file_get_contents(fixture->path, &good, NULL, NULL));
	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_assert_true(g_file_set_contents(fixture->path, texts[i], -1, NULL));
		assert_damaged(fixture, texts[i]);
	}
	cut = g_strndup(good, strlen(good) - 4);
	g_assert_true(g_file_set_contents(fixture->path, cut, -1, NULL));
	assert_damaged(fixture, "cut short");
	g_unlink(fixture->path);
	g_assert_cmpint(g_mkdir(fixture->path, 0700), ==, 0);
	assert_damaged(fixture, "a folder");
	g_rmdir(fixture->path);
	g_assert_cmpint(symlink("/dev/null", fixture->path), ==, 0);
	assert_damaged(fixture, "a link");
	g_unlink(fixture->path);
	g_assert_cmpint(mkfifo(fixture->path, 0600), ==, 0);
	assert_damaged(fixture, "a fifo");
	g_unlink(fixture->path);
	/* The good one again: still good. */
	g_assert_true(g_file_set_contents(fixture->path, good, -1, NULL));
	g_assert_cmpint(verify(fixture, PASSPHRASE), ==, NG_LOCK_RIGHT);
}

static void test_removing_the_file_removes_the_lock_and_is_noticed(Fixture *fixture, gconstpointer data)
{
	change(fixture, "", PASSPHRASE);
	ng_lock_unlock(fixture->lock, 1000, 3600);
	g_assert_cmpint(g_unlink(fixture->path), ==, 0);
	g_assert_cmpint(ng_lock_state(fixture->lock), ==, NG_LOCK_UNSET);
	g_assert_cmpint(ng_lock_unlocked_until(fixture->lock, 1000), ==, 0);
	g_assert_cmpuint(fixture->n_outside, ==, 1);
}

static void test_a_lock_that_cannot_be_counted_is_not_opened(Fixture *fixture, gconstpointer data)
{
	change(fixture, "", PASSPHRASE);
	g_unlink(fixture->failures);
	g_assert_cmpint(g_mkdir(fixture->failures, 0700), ==, 0);
	g_assert_cmpint(verify(fixture, PASSPHRASE), ==, NG_LOCK_FAILED);
	g_assert_cmpint(g_rmdir(fixture->failures), ==, 0);
	g_assert_cmpint(verify(fixture, PASSPHRASE), ==, NG_LOCK_RIGHT);
}

static gint64 resident_kib(void)
{
	g_autofree char *text = NULL;
	long pages = 0;

	g_assert_true(g_file_get_contents("/proc/self/statm", &text, NULL, NULL));
	g_assert_cmpint(sscanf(text, "%*d %ld", &pages), ==, 1);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void test_the_memory_of_a_hash_is_given_back(Fixture *fixture, gconstpointer data)
{
	gint64 before;

	change(fixture, "", PASSPHRASE);
	before = resident_kib();
	for (guint i = 0; i < 3; i++)
		g_assert_cmpint(verify(fixture, PASSPHRASE), ==, NG_LOCK_RIGHT);
	g_test_message("%" G_GINT64_FORMAT " KiB more than before", resident_kib() - before);
	g_assert_cmpint(resident_kib() - before, <, 4096);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define TEST(name) g_test_add("/lock/" #name, Fixture, NULL, fixture_up, test_##name, fixture_down)
	TEST(a_lock_is_set_asked_for_changed_and_removed);
	TEST(the_files_are_for_the_service_alone_and_hold_no_passphrase);
	TEST(the_wait_grows_with_wrong_guesses_and_outlives_a_restart);
	TEST(a_guess_counts_before_it_is_looked_at);
	TEST(the_guesses_of_one_uid_make_no_other_wait);
	TEST(a_count_that_cannot_be_read_is_taken_as_the_worst);
	TEST(many_at_once_of_one_uid_are_bounded_and_all_count);
	TEST(many_uids_at_once_are_bounded_and_root_is_taken_all_the_same);
	TEST(unlocking_is_for_one_uid_and_ends);
	TEST(a_damaged_file_is_a_lock_that_nobody_opens);
	TEST(a_file_that_cannot_be_looked_at_is_a_lock_that_nobody_opens);
	TEST(removing_the_file_removes_the_lock_and_is_noticed);
	TEST(a_lock_that_cannot_be_counted_is_not_opened);
	TEST(the_memory_of_a_hash_is_given_back);
	return g_test_run();
}
