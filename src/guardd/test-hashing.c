/* SPDX-License-Identifier: MIT */
/* Hashing one file beside the main loop: what comes of files that are large, others, or none. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guardd/hashing.h"

typedef struct {
	GMainLoop *loop;
	gboolean is_done;
	NgHashed result;
	guint8 sha256[NG_HISTORY_HASH];
	guint turns; /* of the main loop meanwhile */
} Outcome;

static char *folder;

static char *path_of(const char *name)
{
	return g_build_filename(folder, name, NULL);
}

static void done(NgHashed result, const guint8 sha256[NG_HISTORY_HASH], gpointer data)
{
	Outcome *outcome = data;

	g_assert_false(outcome->is_done);
	g_assert_true((sha256 != NULL) == (result == NG_HASHED));
	outcome->is_done = TRUE;
	outcome->result = result;
	if (sha256)
		memcpy(outcome->sha256, sha256, NG_HISTORY_HASH);
	g_main_loop_quit(outcome->loop);
}

static gboolean late(gpointer data)
{
	g_test_fail_printf("no outcome within 60 seconds");
	abort();
}

static gboolean turn(gpointer data)
{
	((Outcome *)data)->turns++;
	return G_SOURCE_CONTINUE;
}

static Outcome hash(const char *path, const NgFileStamp *stamp)
{
	Outcome outcome = { .loop = g_main_loop_new(NULL, FALSE) };
	const guint timer = g_timeout_add_seconds(60, late, NULL), ticks = g_timeout_add(1, turn, &outcome);

	ng_hashing_start(path, stamp, done, &outcome);
	g_main_loop_run(outcome.loop);
	g_source_remove(timer);
	g_source_remove(ticks);
	g_main_loop_unref(outcome.loop);
	return outcome;
}

static NgFileStamp stamp_of(const char *path)
{
	NgFileStamp stamp;

	g_assert_true(ng_file_stamp(path, &stamp));
	return stamp;
}

static void make(const char *path, const char *text)
{
	g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void assert_sha256(const Outcome *outcome, const char *hex)
{
	g_autoptr(GString) text = g_string_new(NULL);

	g_assert_cmpint(outcome->result, ==, NG_HASHED);
	for (guint i = 0; i < NG_HISTORY_HASH; i++)
		g_string_append_printf(text, "%02x", outcome->sha256[i]);
	g_assert_cmpstr(text->str, ==, hex);
}

static void test_hash(void)
{
	g_autofree char *path = path_of("abc"), *empty = path_of("empty");
	NgFileStamp stamp;
	Outcome outcome;

	make(path, "abc");
	make(empty, "");
	stamp = stamp_of(path);
	outcome = hash(path, &stamp);
	/* FIPS 180-2, appendix B.1 */
	assert_sha256(&outcome, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	stamp.dev++; /* as after a start of the machine */
	outcome = hash(path, &stamp);
	g_assert_cmpint(outcome.result, ==, NG_HASHED);
	stamp = stamp_of(empty);
	outcome = hash(empty, &stamp);
	assert_sha256(&outcome, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void test_other(void)
{
	g_autofree char *path = path_of("changing"), *fifo = path_of("fifo");
	NgFileStamp stamp, none;
	Outcome outcome;

	make(path, "one");
	stamp = stamp_of(path);
	make(path, "two");
	outcome = hash(path, &stamp);
	g_assert_cmpint(outcome.result, ==, NG_HASHED_OTHER);
	g_assert_cmpint(g_unlink(path), ==, 0);
	outcome = hash(path, &stamp);
	g_assert_cmpint(outcome.result, ==, NG_HASHED_OTHER);
	/* A pipe in its place holds nobody. */
	g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
	g_assert_false(ng_file_stamp(fifo, &none));
	outcome = hash(fifo, &stamp);
	g_assert_cmpint(outcome.result, ==, NG_HASHED_OTHER);
}

static void make_large(const char *path, off_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	g_assert_cmpint(ftruncate(fd, size), ==, 0);
	close(fd);
}

static void test_large(void)
{
	g_autofree char *large = path_of("large"), *too_large = path_of("too-large");
	const off_t size = 64 * 1024 * 1024;
	NgFileStamp stamp;
	Outcome outcome;
	gint64 start;

	make_large(large, size);
	make_large(too_large, (off_t)NG_HASHING_MAX_BYTES + 1);
	stamp = stamp_of(large);
	start = g_get_monotonic_time();
	outcome = hash(large, &stamp);
	g_test_message("%.0f MB a second; the main loop turned %u times meanwhile",
		       (double)size / (double)(g_get_monotonic_time() - start), outcome.turns);
	g_assert_cmpint(outcome.result, ==, NG_HASHED);
	g_assert_cmpuint(outcome.turns, >, 1);
	stamp = stamp_of(too_large);
	outcome = hash(too_large, &stamp);
	g_assert_cmpint(outcome.result, ==, NG_HASHED_NOTHING);
}

static void test_longer(void)
{
	/* The kernel's own files have content and the size 0. */
	const NgFileStamp stamp = stamp_of("/proc/cpuinfo");

	g_assert_cmpuint(stamp.size, ==, 0);
	g_assert_cmpint(hash("/proc/cpuinfo", &stamp).result, ==, NG_HASHED_OTHER);
}

static void test_cancel(void)
{
	g_autofree char *path = path_of("large");
	const NgFileStamp stamp = stamp_of(path);
	g_autofree char *small = path_of("abc");
	const NgFileStamp small_stamp = stamp_of(small);

	/* `done` with no data would crash. */
	ng_hashing_cancel(ng_hashing_start(path, &stamp, done, NULL));
	g_assert_cmpint(hash(small, &small_stamp).result, ==, NG_HASHED);
}

int main(int argc, char **argv)
{
	int result;

	g_test_init(&argc, &argv, NULL);
	folder = g_dir_make_tmp("netguard-hashing-XXXXXX", NULL);
	g_test_add_func("/hashing/a file has the hash that is known for its content", test_hash);
	g_test_add_func("/hashing/a file that is not the one that was meant has none", test_other);
	g_test_add_func("/hashing/a large file is read while the main loop turns, a too large one is not", test_large);
	g_test_add_func("/hashing/a file is read no further than it was long when it was opened", test_longer);
	g_test_add_func("/hashing/one that is cancelled says nothing", test_cancel);
	result = g_test_run();
	for (const char *const *name = (const char *const[]){ "abc", "empty", "fifo", "large", "too-large", NULL };
	     *name; name++) {
		g_autofree char *path = path_of(*name);

		g_unlink(path);
	}
	g_rmdir(folder);
	g_free(folder);
	return result;
}
