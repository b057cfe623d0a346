/* SPDX-License-Identifier: MIT */
/* Who guessed wrong and how long each waits, with a clock of the test's own; and uids that are lent. Files in a folder
 * of the test's own. */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guardd/guesses.h"
#include "guardd/lent.h"

#define START 1000000

typedef struct {
	char *folder, *path;
	NgGuesses *guesses;
	gint64 now;
} Fixture;

static void restart(Fixture *fixture)
{
	ng_guesses_free(fixture->guesses);
	fixture->guesses = ng_guesses_new(fixture->path, fixture->now);
}

static void fixture_up(Fixture *fixture, gconstpointer data)
{
	fixture->folder = g_dir_make_tmp("netguard-guesses-XXXXXX", NULL);
	g_assert_nonnull(fixture->folder);
	fixture->path = g_build_filename(fixture->folder, "guesses", NULL);
	fixture->now = START;
	restart(fixture);
}

static void fixture_down(Fixture *fixture, gconstpointer data)
{
	ng_guesses_free(fixture->guesses);
	g_unlink(fixture->path);
	g_rmdir(fixture->path);
	g_assert_cmpint(g_rmdir(fixture->folder), ==, 0);
	g_free(fixture->folder);
	g_free(fixture->path);
}

static gint64 wait_of(Fixture *fixture, guint32 uid)
{
	const gint64 retry_at = ng_guesses_retry_at(fixture->guesses, uid, fixture->now);

	return retry_at ? retry_at - fixture->now : 0;
}

static void guess(Fixture *fixture, guint32 uid)
{
	g_autoptr(GError) error = NULL;

	g_assert_true(ng_guesses_count(fixture->guesses, uid, fixture->now, &error));
	g_assert_no_error(error);
}

/* So often, each as soon as it may. */
static void guess_times(Fixture *fixture, guint32 uid, guint n)
{
	for (guint i = 0; i < n; i++) {
		fixture->now += wait_of(fixture, uid);
		guess(fixture, uid);
	}
}

static void assert_refused(Fixture *fixture, guint32 uid)
{
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(wait_of(fixture, uid), >, 0);
	g_assert_false(ng_guesses_count(fixture->guesses, uid, fixture->now, &error));
	g_assert_nonnull(error);
}

static void fill(Fixture *fixture, guint n_guesses)
{
	for (guint32 i = 0; i < NG_GUESSES_MAX_UIDS; i++)
		for (guint j = 0; j < n_guesses; j++)
			guess(fixture, 1000 + i);
}

static void put(Fixture *fixture, const char *text)
{
	g_assert_true(g_file_set_contents(fixture->path, text, -1, NULL));
	restart(fixture);
}

static void test_the_wait_doubles_with_each_wrong_guess_up_to_the_longest(Fixture *fixture, gconstpointer data)
{
	static const gint64 waits[] = { 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300 };

	for (gsize i = 0; i < G_N_ELEMENTS(waits); i++) {
		guess(fixture, 1000);
		g_assert_cmpint(wait_of(fixture, 1000), ==, waits[i]);
		if (waits[i] > 0)
			assert_refused(fixture, 1000);
		fixture->now += waits[i];
	}
}

static void test_nobody_waits_for_the_guesses_of_another(Fixture *fixture, gconstpointer data)
{
	guess_times(fixture, 1000, 9);
	g_assert_cmpint(wait_of(fixture, 1000), ==, 32);
	g_assert_cmpint(wait_of(fixture, 1001), ==, 0);
	g_assert_cmpint(wait_of(fixture, 0), ==, 0);
	guess_times(fixture, 1001, NG_GUESSES_FREE);
	g_assert_cmpint(wait_of(fixture, 1001), ==, 0);
	g_assert_cmpint(wait_of(fixture, 1000), ==, 32);
}

static void test_root_waits_for_its_own_guesses(Fixture *fixture, gconstpointer data)
{
	guess_times(fixture, 0, 9);
	g_assert_cmpint(wait_of(fixture, 0), ==, 32);
	g_assert_cmpint(wait_of(fixture, 1000), ==, 0);
}

static void test_counts_outlive_a_restart_each_for_its_uid(Fixture *fixture, gconstpointer data)
{
	guess_times(fixture, 1000, 9);
	guess_times(fixture, 1001, 2);
	restart(fixture);
	g_assert_cmpint(wait_of(fixture, 1000), ==, 32);
	g_assert_cmpint(wait_of(fixture, 1001), ==, 0);
	guess_times(fixture, 1001, 2);
	g_assert_cmpint(wait_of(fixture, 1001), ==, 1);
}

static void test_a_right_guess_forgets_the_wrong_ones_of_that_uid_alone(Fixture *fixture, gconstpointer data)
{
	guess_times(fixture, 1000, 9);
	guess_times(fixture, 1001, 3);
	g_assert_true(ng_guesses_forgive(fixture->guesses, 1001, NULL));
	g_assert_true(ng_guesses_forgive(fixture->guesses, 1002, NULL));
	restart(fixture);
	g_assert_cmpint(wait_of(fixture, 1000), ==, 32);
	guess_times(fixture, 1001, NG_GUESSES_FREE);
	g_assert_cmpint(wait_of(fixture, 1001), ==, 0);
	/* And when nobody is left to be remembered. */
	g_assert_true(ng_guesses_forgive(fixture->guesses, 1000, NULL));
	g_assert_true(ng_guesses_forgive(fixture->guesses, 1001, NULL));
	restart(fixture);
	g_assert_cmpint(wait_of(fixture, 1000), ==, 0);
}

static void test_without_a_place_a_newcomer_is_refused_but_not_root_nor_who_has_one(Fixture *fixture,
										    gconstpointer data)
{
	fill(fixture, NG_GUESSES_FREE - 1);
	assert_refused(fixture, 5000);
	g_assert_cmpint(wait_of(fixture, 5000), ==, NG_GUESSES_FORGET_S);
	g_assert_cmpint(wait_of(fixture, 1000), ==, 0);
	guess(fixture, 1000);
	g_assert_cmpint(wait_of(fixture, 0), ==, 0);
	guess(fixture, 0);
	restart(fixture); /* what was written is understood, root's entry besides a full table too */
	assert_refused(fixture, 5000);
	guess(fixture, 1001);
	guess(fixture, 0);
	/* Whoever guesses right leaves a place. */
	g_assert_true(ng_guesses_forgive(fixture->guesses, 1002, NULL));
	guess(fixture, 5000);
	assert_refused(fixture, 5001);
}

static void test_the_place_that_was_over_longest_goes_first_and_none_that_waits(Fixture *fixture, gconstpointer data)
{
	guess(fixture, 0); /* the oldest, and never given away */
	fixture->now++;
	guess_times(fixture, 1031, 13);
	fixture->now++;
	guess(fixture, 1030);
	fixture->now++;
	for (guint32 uid = 1000; uid < 1030; uid++)
		guess_times(fixture, uid, 2);
	assert_refused(fixture, 5000);
	/* 1030 is over for an hour; 1031, which guessed first, waited longer. */
	fixture->now += wait_of(fixture, 5000);
	guess(fixture, 5000);
	assert_refused(fixture, 1030);
	assert_refused(fixture, 5001);
	guess(fixture, 1031);
	g_assert_cmpint(wait_of(fixture, 1031), ==, NG_GUESSES_MAX_WAIT_S);
	/* Three seconds later the others are, and 1031 still waits. */
	fixture->now += 3;
	for (guint32 uid = 6000; uid < 6030; uid++)
		guess(fixture, uid);
	assert_refused(fixture, 6030);
	g_assert_cmpint(wait_of(fixture, 1031), ==, NG_GUESSES_MAX_WAIT_S - 3);
}

/* Guess `k` times as fast as one may, be forgotten, start anew: no faster than waiting the longest wait each time. */
static void test_to_be_forgotten_gains_no_guesses(Fixture *fixture, gconstpointer data)
{
	for (guint k = 1; k <= 30; k++) {
		const gint64 start = fixture->now;

		guess_times(fixture, 1000 + k, k);
		fixture->now += wait_of(fixture, 1000 + k) + NG_GUESSES_FORGET_S;
		g_assert_cmpint(fixture->now - start, >=, (gint64)k * NG_GUESSES_MAX_WAIT_S);
	}
}

static void test_a_clock_that_is_set_makes_no_wait_longer_than_the_longest(Fixture *fixture, gconstpointer data)
{
	guess_times(fixture, 1000, 9);
	fixture->now -= 900000;
	g_assert_cmpint(wait_of(fixture, 1000), ==, NG_GUESSES_MAX_WAIT_S);
	g_assert_cmpint(wait_of(fixture, 1001), ==, 0);
	fixture->now += NG_GUESSES_MAX_WAIT_S;
	g_assert_cmpint(wait_of(fixture, 1000), ==, 0);
	restart(fixture);
	g_assert_cmpint(wait_of(fixture, 1000), ==, NG_GUESSES_MAX_WAIT_S);
	fixture->now += 1800000; /* forward: over, and the count goes on */
	guess(fixture, 1000);
	g_assert_cmpint(wait_of(fixture, 1000), ==, 64);
}

static void test_with_a_clock_set_back_no_place_is_kept_longer_than_it_may(Fixture *fixture, gconstpointer data)
{
	fill(fixture, 1);
	fixture->now -= 900000;
	g_assert_cmpint(wait_of(fixture, 5000), ==, NG_GUESSES_FORGET_S + NG_GUESSES_MAX_WAIT_S);
	g_assert_cmpint(wait_of(fixture, 1000), ==, 0);
}

static void test_a_file_of_before_is_a_wait_for_everybody_until_it_is_over(Fixture *fixture, gconstpointer data)
{
	put(fixture, "9 1000060\n");
	assert_refused(fixture, 1000);
	assert_refused(fixture, 0);
	g_assert_cmpint(wait_of(fixture, 1000), ==, 60);
	fixture->now += 59;
	restart(fixture);
	assert_refused(fixture, 1001);
	fixture->now++;
	guess_times(fixture, 1000, 9);
	g_assert_cmpint(wait_of(fixture, 1001), ==, 0);
	put(fixture, "99 9000000\n");
	g_assert_cmpint(wait_of(fixture, 1000), ==, NG_GUESSES_MAX_WAIT_S);
	put(fixture, "2 0\n");
	g_assert_cmpint(wait_of(fixture, 1000), ==, 0);
}

static void assert_worst(Fixture *fixture, const char *what)
{
	g_test_message("%s", what);
	restart(fixture);
	g_assert_cmpint(wait_of(fixture, 1000), ==, NG_GUESSES_MAX_WAIT_S);
	assert_refused(fixture, 0);
}

static void test_a_file_that_cannot_be_understood_is_the_longest_wait_for_everybody(Fixture *fixture,
										    gconstpointer data)
{
	static const char *const texts[] = {
		"",
		"rubbish",
		"9\n",
		"9 1",
		"-1 1\n",
		"9 1\n9 1\n",
		"9 99999999999999999999\n",
		"netguard-guesses 3\n",
		"netguard-guesses 2\n1000 4 1",
		"netguard-guesses 2\n1000 4\n",
		"netguard-guesses 2\n1000 0 1\n",
		"netguard-guesses 2\n1000 4 1 1\n",
		"netguard-guesses 2\n1000 4 -1\n",
		"netguard-guesses 2\n4294967295 4 1\n",
		"netguard-guesses 2\n1000 4 1\n\n1001 4 1\n",
		"netguard-guesses 2\n1000 4 1\n1000 4 1\n",
	};
	g_autoptr(GString) many = g_string_new("netguard-guesses 2\n");
	g_autofree char *huge = g_strnfill(100000, '1');

	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_assert_true(g_file_set_contents(fixture->path, texts[i], -1, NULL));
		assert_worst(fixture, texts[i]);
	}
	for (guint i = 0; i <= NG_GUESSES_MAX_UIDS; i++)
		g_string_append_printf(many, "%u 1 1\n", 1000 + i);
	put(fixture, many->str);
	assert_worst(fixture, "more uids than there are places");
	put(fixture, huge);
	assert_worst(fixture, "a long one");
	g_assert_true(g_file_set_contents(fixture->path, "9 1\n\0", 5, NULL));
	assert_worst(fixture, "a zero byte");
	g_unlink(fixture->path);
	g_assert_cmpint(symlink("/dev/null", fixture->path), ==, 0);
	assert_worst(fixture, "a link");
	g_unlink(fixture->path);
	g_assert_cmpint(mkfifo(fixture->path, 0600), ==, 0);
	assert_worst(fixture, "a fifo");
	g_unlink(fixture->path);
	g_assert_cmpint(g_mkdir(fixture->path, 0700), ==, 0);
	assert_worst(fixture, "a folder");
	g_assert_cmpint(g_rmdir(fixture->path), ==, 0);
}

static void test_the_largest_file_is_read_again(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GString) text = g_string_new("netguard-guesses 2\n");

	for (guint i = 0; i < NG_GUESSES_MAX_UIDS; i++)
		g_string_append_printf(text, "%u 4294967295 9223372036854775807\n", 4294967294u - i);
	g_string_append(text, "0 1 1\n");
	put(fixture, text->str);
	g_assert_cmpint(wait_of(fixture, 4294967294u), ==, NG_GUESSES_MAX_WAIT_S);
	g_assert_cmpint(wait_of(fixture, 0), ==, 0);
	fixture->now += NG_GUESSES_MAX_WAIT_S;
	guess(fixture, 4294967294u); /* the count stays at its end */
	restart(fixture);
	g_assert_cmpint(wait_of(fixture, 4294967294u), ==, NG_GUESSES_MAX_WAIT_S);
	g_assert_cmpint(wait_of(fixture, 0), ==, 0);
}

static void test_what_cannot_be_stored_is_not_counted_and_not_forgotten(Fixture *fixture, gconstpointer data)
{
	g_autoptr(GError) error = NULL;

	guess_times(fixture, 1000, 3);
	g_unlink(fixture->path);
	g_assert_cmpint(g_mkdir(fixture->path, 0700), ==, 0);
	g_assert_false(ng_guesses_count(fixture->guesses, 1000, fixture->now, &error));
	g_assert_nonnull(error);
	g_assert_cmpint(wait_of(fixture, 1000), ==, 0);
	g_assert_false(ng_guesses_forgive(fixture->guesses, 1000, NULL));
	g_assert_cmpint(g_rmdir(fixture->path), ==, 0);
	guess(fixture, 1000);
	g_assert_cmpint(wait_of(fixture, 1000), ==, 1);
}

static void test_a_range_of_lent_uids_is_one(Fixture *fixture, gconstpointer data)
{
	static const struct {
		guint32 uid, first;
	} cases[] = {
		{ 0, 0 },           { 1000, 1000 },
		{ 99999, 99999 },   { 100000, 100000 },
		{ 165535, 100000 }, { 165536, 165536 },
		{ 200001, 200000 }, { 300005, 300005 },
		{ 4000, 4000 },     { 4294967294u, 4294960000u },
	};

	g_assert_cmpuint(ng_lent_first(fixture->path, 100001), ==, 100001); /* there is no file */
	g_assert_true(g_file_set_contents(fixture->path,
					  "# none\nanna:100000:65536\n1001:200000:10\nroot:0:4294967295\n"
					  "x:300000\ny:300000:ten\nz:300000:10:\n:\n\nbert:4294960000:65536",
					  -1, NULL));
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
		g_assert_cmpuint(ng_lent_first(fixture->path, cases[i].uid), ==, cases[i].first);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define TEST(name) g_test_add("/guesses/" #name, Fixture, NULL, fixture_up, test_##name, fixture_down)
	TEST(the_wait_doubles_with_each_wrong_guess_up_to_the_longest);
	TEST(nobody_waits_for_the_guesses_of_another);
	TEST(root_waits_for_its_own_guesses);
	TEST(counts_outlive_a_restart_each_for_its_uid);
	TEST(a_right_guess_forgets_the_wrong_ones_of_that_uid_alone);
	TEST(without_a_place_a_newcomer_is_refused_but_not_root_nor_who_has_one);
	TEST(the_place_that_was_over_longest_goes_first_and_none_that_waits);
	TEST(to_be_forgotten_gains_no_guesses);
	TEST(a_clock_that_is_set_makes_no_wait_longer_than_the_longest);
	TEST(with_a_clock_set_back_no_place_is_kept_longer_than_it_may);
	TEST(a_file_of_before_is_a_wait_for_everybody_until_it_is_over);
	TEST(a_file_that_cannot_be_understood_is_the_longest_wait_for_everybody);
	TEST(the_largest_file_is_read_again);
	TEST(what_cannot_be_stored_is_not_counted_and_not_forgotten);
	TEST(a_range_of_lent_uids_is_one);
	return g_test_run();
}
