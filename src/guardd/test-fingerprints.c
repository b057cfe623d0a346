/* SPDX-License-Identifier: MIT */
/* Fingerprints of a guard of one's own: taken on a decision, held against the file, approved again. */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/interface.h"
#include "guardd/test-world.h"

#define PATIENCE_US (30 * G_USEC_PER_SEC)

static World *world_started(void)
{
	World *world = world_new();

	world_start(world);
	return world;
}

/* In place: the inode stays. */
static void write_into(World *world, const char *name, const char *text)
{
	g_autofree char *path = world_path(world, name);
	FILE *file = g_fopen(path, "we");

	g_assert_nonnull(file);
	g_assert_cmpint(fputs(text, file), >=, 0);
	g_assert_cmpint(fclose(file), ==, 0);
}

static void set(World *world, const char *app, const char *profile)
{
	g_variant_unref(world_do(world, "SetProfile", g_variant_new("(ss@a{sv})", app, profile, options(NULL, NULL))));
}

/* An application "tool" for exes/tool, whose content is `text`. */
static void make_tool(World *world, const char *text)
{
	g_autofree char *path = world_path(world, "exes/tool");

	world_write(world, "exes/tool", text);
	set(world, path, "offline");
}

static GVariant *get(World *world, const char *app)
{
	return world_do(world, "GetApp", g_variant_new("(s)", app));
}

static char *sha256(const char *text)
{
	return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
}

static char *changed_words(GVariant *app)
{
	g_auto(GStrv) paths = NULL;

	g_assert_true(g_variant_lookup(app, "changed", "^as", &paths));
	for (char **path = paths; *path; path++) {
		char *name = g_path_get_basename(*path);

		g_free(*path);
		*path = name;
	}
	return g_strjoinv(" ", paths);
}

/* The application's fingerprint is that of `text` ("": none), and these files are changed. */
static void wait_for(World *world, const char *app, const char *text, const char *changed)
{
	const gint64 end = g_get_monotonic_time() + PATIENCE_US;
	g_autofree char *expected = *text ? sha256(text) : g_strdup("");
	g_autofree char *now = NULL;
	g_autoptr(GVariant) dict = NULL;

	do {
		g_clear_pointer(&dict, g_variant_unref);
		g_clear_pointer(&now, g_free);
		dict = get(world, app);
		now = changed_words(dict);
		if (g_str_equal(dict_text(dict, "fingerprint"), expected) && g_str_equal(now, changed))
			return;
	} while (g_get_monotonic_time() < end);
	g_assert_cmpstr(dict_text(dict, "fingerprint"), ==, expected);
	g_assert_cmpstr(now, ==, changed);
}

static GVariant *approve_arguments(const char *app)
{
	return g_variant_new("(s@a{sv})", app, options("reason", g_variant_new_string("tests"), NULL));
}

static void approve(World *world, const char *app, const char *text)
{
	g_autoptr(GVariant) result = world_do(world, "Approve", approve_arguments(app));
	g_autofree char *expected = sha256(text);

	g_assert_cmpstr(dict_text(result, "id"), ==, app);
	g_assert_cmpstr(dict_text(result, "fingerprint"), ==, expected);
}

static void test_changed(void)
{
	World *world = world_started();
	gint64 approved = 0;
	g_autoptr(GVariant) app = NULL;

	make_tool(world, "one");
	wait_for(world, "tool", "one", "");
	app = get(world, "tool");
	g_assert_true(g_variant_lookup(app, "approved", "x", &approved));
	g_assert_cmpint(ABS(g_get_real_time() / G_USEC_PER_SEC - approved), <, 60);
	world_write(world, "exes/tool", "two"); /* another file in its place */
	wait_for(world, "tool", "one", "tool");
	/* A new decision about the network is none about the file. */
	set(world, "tool", "local");
	wait_for(world, "tool", "one", "tool");
	approve(world, "tool", "two");
	wait_for(world, "tool", "two", "");
	g_assert_cmpuint(world_count_audit(world, "approve", "command"), ==, 1);
	write_into(world, "exes/tool", "three"); /* the same file with another content */
	wait_for(world, "tool", "two", "tool");
	write_into(world, "exes/tool", "two");
	wait_for(world, "tool", "two", "");
	world_free(world);
}

/* Forgetting it and deciding anew takes new fingerprints: so it takes what an approval takes. */
static void test_forget_changed(void)
{
	World *world = world_started();
	g_autofree char *error = NULL;

	make_tool(world, "one");
	set(world, "tool", "online");
	wait_for(world, "tool", "one", "");
	world_write(world, "exes/tool", "two");
	wait_for(world, "tool", "one", "tool");
	g_assert_null(world_do(world, "SetLock",
			       g_variant_new("(ss@a{sv})", "", "a passphrase of tests", options(NULL, NULL))));
	error = world_fail(world, geteuid(), "Forget", g_variant_new("(s@a{sv})", "tool", options(NULL, NULL)));
	g_assert_cmpstr(error, ==, NG_API_ERROR_LOCKED);
	world_free(world);
}

static void test_same_content(void)
{
	World *world = world_started();

	make_tool(world, "one");
	wait_for(world, "tool", "one", "");
	world_write(world, "exes/tool", "one");
	world_write(world, "exes/other", "x");
	/* When the change of a later file was seen, the earlier one was looked at. */
	{
		g_autofree char *other = world_path(world, "exes/other");

		set(world, other, "offline");
		wait_for(world, "other", "x", "");
		world_write(world, "exes/other", "y");
		wait_for(world, "other", "x", "other");
	}
	wait_for(world, "tool", "one", "");
	world_free(world);
}

static void test_restart(void)
{
	World *world = world_started();

	make_tool(world, "one");
	wait_for(world, "tool", "one", "");
	world_stop(world, SIGKILL);
	write_into(world, "exes/tool", "two");
	world_start(world);
	wait_for(world, "tool", "one", "tool");
	world_stop(world, SIGKILL);
	world_start(world);
	wait_for(world, "tool", "one", "tool");
	g_variant_unref(world_do(world, "Forget", g_variant_new("(s@a{sv})", "tool", options(NULL, NULL))));
	make_tool(world, "three");
	wait_for(world, "tool", "three", "");
	world_free(world);
}

static void test_unreadable(void)
{
	World *world;
	g_autofree char *path = NULL, *error = NULL;

	if (geteuid() != 0) {
		g_test_skip("needs root: a file that the guard's user cannot read");
		return;
	}
	world = world_started();
	path = world_path(world, "exes/secret");
	world_write(world, "exes/secret", "one");
	g_assert_cmpint(chmod(path, 0711), ==, 0);
	set(world, path, "offline");
	make_tool(world, "one");
	wait_for(world, "tool", "one", ""); /* the first was looked at before */
	wait_for(world, "secret", "", "");
	error = world_fail(world, 0, "Approve", approve_arguments("secret"));
	g_assert_cmpstr(error, ==, NG_API_ERROR_FAILED);
	/* One that was readable, and is so no more, cannot be shown to be the same. */
	path = (g_free(path), world_path(world, "exes/tool"));
	world_write(world, "exes/tool", "two");
	g_assert_cmpint(chmod(path, 0711), ==, 0);
	wait_for(world, "tool", "one", "tool");
	world_free(world);
}

static void test_pattern(void)
{
	World *world = world_started();
	g_autofree char *pattern = world_path(world, "exes/app-*");

	world_write(world, "exes/app-1", "one");
	g_variant_unref(world_do(world, "SetProfile",
				 g_variant_new("(ss@a{sv})", pattern, "offline",
					       options("name", g_variant_new_string("Versions"), NULL))));
	wait_for(world, "Versions", "one", "");
	world_write(world, "exes/app-2", "two");
	wait_for(world, "Versions", "one", "app-2");
	world_remove(world, "exes/app-1");
	wait_for(world, "Versions", "one", "app-2");
	{
		g_autoptr(GVariant) result = world_do(world, "Approve", approve_arguments("Versions"));
		g_autofree char *two = sha256("two");

		g_assert_cmpstr(dict_text(result, "fingerprint"), ==, two);
	}
	wait_for(world, "Versions", "two", "");
	world_free(world);
}

/* Before the service has come to watch a new application's file. */
static void test_at_once(void)
{
	World *world = world_started();
	g_autofree char *other = world_path(world, "exes/other");
	const char *const names[] = { "tool", "second", "third" };

	/* Its folder is watched for another already. */
	world_write(world, "exes/other", "x");
	set(world, other, "offline");
	wait_for(world, "other", "x", "");
	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *name = g_strdup_printf("exes/%s", names[i]), *path = world_path(world, name);

		world_write(world, name, "one");
		set(world, path, "offline");
		wait_for(world, names[i], "one", "");
		world_write(world, name, "two");
		wait_for(world, names[i], "one", names[i]);
	}
	world_free(world);
}

/* The guard has `path` open. */
static void wait_until_open(World *world, const char *path)
{
	const gint64 end = g_get_monotonic_time() + PATIENCE_US;
	g_autofree char *folder = g_strdup_printf("/proc/%d/fd", world->pid);

	while (g_get_monotonic_time() < end) {
		g_autoptr(GDir) fds = g_dir_open(folder, 0, NULL);
		const char *name;

		g_assert_nonnull(fds);
		while ((name = g_dir_read_name(fds))) {
			g_autofree char *link = g_build_filename(folder, name, NULL);
			g_autofree char *target = g_file_read_link(link, NULL);

			if (g_strcmp0(target, path) == 0)
				return;
		}
	}
	g_test_fail_printf("%s was not read within 30 seconds", path);
}

/* While it is read, which takes a second. */
static void test_gone(void)
{
	World *world = world_started();
	g_autofree char *large = world_path(world, "exes/large"), *pattern = world_path(world, "exes/*");
	g_autoptr(Raw) raw = raw_new(world, geteuid());
	g_autoptr(GDBusMessage) message = NULL;

	world_write(world, "exes/a", "one");
	world_write(world, "exes/large", "");
	g_assert_cmpint(truncate(large, 16 << 20), ==, 0);
	g_variant_unref(world_do(
		world, "SetProfile",
		g_variant_new("(ss@a{sv})", pattern, "offline", options("name", g_variant_new_string("Both"), NULL))));
	wait_for(world, "Both", "one", "");
	g_assert_cmpint(truncate(large, 256 << 20), ==, 0);
	wait_for(world, "Both", "one", "large");
	raw_post(raw, "Approve", approve_arguments("Both"));
	wait_until_open(world, large);
	g_assert_cmpint(g_unlink(large), ==, 0);
	message = raw_read(raw);
	g_assert_cmpstr(g_dbus_message_get_error_name(message), ==, NG_API_ERROR_FAILED);
	g_variant_unref(get(world, "Both"));
	world_free(world);
}

static void test_signal(void)
{
	World *world = world_started();
	g_autoptr(Raw) raw = raw_new(world, geteuid());

	make_tool(world, "one");
	wait_for(world, "tool", "one", "");
	g_variant_unref(raw_call(raw, "Subscribe", NULL, NULL));
	world_write(world, "exes/tool", "two");
	for (gboolean is_told = FALSE; !is_told;) {
		g_autoptr(GDBusMessage) message = raw_read(raw);
		g_autoptr(GVariant) now = NULL;
		g_autofree char *changed = NULL;

		g_assert_nonnull(message);
		if (g_strcmp0(g_dbus_message_get_arg0(message), "policy") != 0)
			continue;
		now = get(world, "tool");
		changed = changed_words(now);
		is_told = g_str_equal(changed, "tool");
	}
	world_free(world);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	world_init(argc, argv);
#define ADD(sentence, fn) g_test_add_func("/fingerprints/" sentence, fn)
	ADD("a file that is another, or has another content, is changed until it is approved", test_changed);
	ADD("forgetting an application whose file changed is a loosening", test_forget_changed);
	ADD("a file that is written anew with the same content is not changed", test_same_content);
	ADD("what changed while the service was away is seen, and remembered", test_restart);
	ADD("what cannot be read has no fingerprint, or counts as changed", test_unreadable);
	ADD("a new file of a pattern is changed until it is approved", test_pattern);
	ADD("a file that is replaced right after the decision is noticed", test_at_once);
	ADD("an approval whose file goes while it is read has not been done", test_gone);
	ADD("subscribers are told", test_signal);
	return g_test_run();
}
