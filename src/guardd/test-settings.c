/* SPDX-License-Identifier: MIT */
/* Settings as users set them: stored, in force at once, below the administrator's, kept when a file is damaged. */
#include <gio/gio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "api/interface.h"
#include "guardd/test-world.h"

static World *world_started(void)
{
	World *world = world_new();

	world_start(world);
	return world;
}

static GVariant *settings(World *world)
{
	return world_do(world, "GetSettings", NULL);
}

static GVariant *set_arguments(GVariant *values)
{
	return g_variant_new("(@a{sv}@a{sv})", values, options("origin", g_variant_new_string("window"), NULL));
}

static void set(World *world, const char *key, GVariant *value)
{
	g_autoptr(GVariant) result = world_do(world, "SetSettings", set_arguments(options(key, value, NULL)));

	g_assert_true(dict_true(result, "enforced") == world->is_root);
	g_assert_cmpstr(dict_text(result, "state"), ==, "normal");
}

static void assert_error(World *world, const char *key, GVariant *value, const char *name)
{
	g_autofree char *error = world_fail(world, geteuid(), "SetSettings", set_arguments(options(key, value, NULL)));

	g_assert_cmpstr(error, ==, name);
}

static void assert_words(GVariant *dict, const char *key, const char *expected)
{
	g_auto(GStrv) words = NULL;
	g_autofree char *text = NULL;

	g_assert_true(g_variant_lookup(dict, key, "^as", &words));
	text = g_strjoinv(" ", words);
	g_assert_cmpstr(text, ==, expected);
}

static void test_set(void)
{
	World *world = world_started();
	g_autoptr(GVariant) now = settings(world);

	g_assert_cmpstr(dict_text(now, "default-profile"), ==, "online");
	assert_words(now, "default-allow", "");
	g_assert_cmpuint(dict_number(now, "max-age-days"), ==, 90);
	g_assert_cmpuint(dict_number(now, "max-size-mb"), ==, 256);
	assert_words(now, "managed", "");
	set(world, "default-profile", g_variant_new_string("local"));
	set(world, "default-allow", g_variant_new_strv((const char *[]){ "loopback", "shared" }, 2));
	set(world, "max-age-days", g_variant_new_uint32(7));
	world_wait_for(world, "default-profile", "local");
	g_assert_cmpuint(world_count_audit(world, "config", "window"), ==, 3);
	world_stop(world, SIGKILL);
	world_start(world);
	g_clear_pointer(&now, g_variant_unref);
	now = settings(world);
	g_assert_cmpstr(dict_text(now, "default-profile"), ==, "local");
	assert_words(now, "default-allow", "loopback shared");
	g_assert_cmpuint(dict_number(now, "max-age-days"), ==, 7);
	g_assert_cmpuint(dict_number(now, "max-size-mb"), ==, 256);
	world_free(world);
}

static void test_in_force(void)
{
	World *world = world_started();
	g_autoptr(GVariant) result = NULL, lost = NULL;

	world_write(world, "bin/closed-3", "");
	result = world_do(world, "SetSettings",
			  set_arguments(options("default-profile", g_variant_new_string("offline"), NULL)));
	g_assert_cmpuint(dict_number(result, "closed"), ==, 3);
	world_write(world, "bin/fail", "");
	lost = world_do(world, "SetSettings",
			set_arguments(options("default-profile", g_variant_new_string("local"), NULL)));
	g_assert_false(dict_true(lost, "enforced"));
	g_assert_nonnull(strstr(dict_text(lost, "warning"), "stored, but not in force"));
	world_wait_for(world, "default-profile", "local");
	world_free(world);
}

static void test_wrong(void)
{
	World *world = world_started();
	g_autofree char *none = NULL;
	g_autoptr(GVariant) now = NULL;

	assert_error(world, "default-profile", g_variant_new_string("Online"), NG_API_ERROR_INVALID);
	assert_error(world, "default-profile", g_variant_new_uint32(1), NG_API_ERROR_INVALID);
	assert_error(world, "default-allow", g_variant_new_strv((const char *[]){ "10.0.0.0/8" }, 1),
		     NG_API_ERROR_INVALID);
	assert_error(world, "max-age-days", g_variant_new_uint32(36501), NG_API_ERROR_INVALID);
	assert_error(world, "max-size-mb", g_variant_new_uint32(G_MAXUINT32), NG_API_ERROR_INVALID);
	assert_error(world, "managed", g_variant_new_strv(NULL, 0), NG_API_ERROR_INVALID);
	none = world_fail(world, geteuid(), "SetSettings", set_arguments(options(NULL, NULL)));
	g_assert_cmpstr(none, ==, NG_API_ERROR_INVALID);
	now = settings(world);
	g_assert_cmpstr(dict_text(now, "default-profile"), ==, "online");
	world_free(world);
}

static void test_others(void)
{
	World *world;
	g_autofree char *error = NULL;

	if (geteuid() != 0) {
		g_test_skip("needs root: another uid is to be the caller");
		return;
	}
	world = world_started();
	error = world_fail(world, NOBODY, "SetSettings",
			   set_arguments(options("default-profile", g_variant_new_string("offline"), NULL)));
	g_assert_cmpstr(error, ==, NG_API_ERROR_DENIED);
	world_free(world);
}

static void test_managed(void)
{
	World *world = world_new();
	g_autoptr(GVariant) now = NULL;

	world_write(world, "etc/netguard.conf", "[Default]\nProfile=local\n[History]\nMaxSizeMB=5\n");
	world_start(world);
	now = settings(world);
	assert_words(now, "managed", "default-profile max-size-mb");
	assert_error(world, "default-profile", g_variant_new_string("local"), NG_API_ERROR_MANAGED);
	set(world, "max-age-days", g_variant_new_uint32(3));
	set(world, "default-allow", g_variant_new_strv((const char *[]){ "loopback" }, 1));
	/* What the administrator no longer says is the user's again. */
	world_write(world, "etc/netguard.conf", "[History]\nMaxAgeDays=30\n");
	world_wait_for(world, "default-profile", "online");
	g_clear_pointer(&now, g_variant_unref);
	now = settings(world);
	assert_words(now, "managed", "max-age-days");
	assert_words(now, "default-allow", "loopback");
	g_assert_cmpuint(dict_number(now, "max-age-days"), ==, 30);
	world_remove(world, "etc/netguard.conf");
	g_variant_unref(world_do(world, "Reload", NULL));
	g_clear_pointer(&now, g_variant_unref);
	now = settings(world);
	g_assert_cmpuint(dict_number(now, "max-age-days"), ==, 3);
	world_free(world);
}

/* One problem, of this file and line. */
static void assert_problem(World *world, const char *name, guint32 line)
{
	g_autoptr(GVariant) status = world_do(world, "GetStatus", NULL);
	g_autoptr(GVariant) problems = g_variant_lookup_value(status, "problems", G_VARIANT_TYPE("aa{sv}"));
	g_autoptr(GVariant) first = NULL;
	g_autofree char *path = world_path(world, name);

	g_assert_cmpuint(g_variant_n_children(problems), ==, 1);
	first = g_variant_get_child_value(problems, 0);
	g_assert_cmpstr(dict_text(first, "path"), ==, path);
	g_assert_cmpuint(dict_number(first, "line"), ==, line);
	g_assert_true(dict_true(first, "kept"));
}

static void test_damaged(void)
{
	static const char *const files[] = { "state/settings.conf", "etc/netguard.conf" };

	for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
		World *world = world_started();

		if (i == 0)
			set(world, "default-profile", g_variant_new_string("offline"));
		else
			world_write(world, files[i], "[Default]\nProfile=offline\n");
		world_wait_for(world, "default-profile", "offline");
		world_write(world, files[i], "[Default]\n\nProfile=anything\n");
		g_variant_unref(world_do(world, "Reload", NULL));
		assert_problem(world, files[i], 3);
		world_wait_for(world, "default-profile", "offline");
		/* Also by a service that never saw the file whole. */
		world_stop(world, SIGTERM);
		world_start(world);
		assert_problem(world, files[i], 3);
		world_wait_for(world, "default-profile", "offline");
		world_free(world);
	}
}

/* What a user sets mends the user's file. */
static void test_mended(void)
{
	World *world = world_started();
	g_autoptr(GVariant) status = NULL, problems = NULL;

	world_write(world, "state/settings.conf", "rubbish");
	g_variant_unref(world_do(world, "Reload", NULL));
	set(world, "default-profile", g_variant_new_string("local"));
	status = world_do(world, "GetStatus", NULL);
	problems = g_variant_lookup_value(status, "problems", G_VARIANT_TYPE("aa{sv}"));
	g_assert_cmpuint(g_variant_n_children(problems), ==, 0);
	world_free(world);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	world_init(argc, argv);
#define ADD(sentence, fn) g_test_add_func("/settings/" sentence, fn)
	ADD("what was set holds at once, is recorded, and survives a crash", test_set);
	ADD("the answer says what it closed and whether it is in force", test_in_force);
	ADD("what is no setting is refused and changes nothing", test_wrong);
	ADD("others may not set", test_others);
	ADD("what the administrator fixes is refused, the rest holds below it", test_managed);
	ADD("a damaged file is named by line and keeps what it said, over a restart too", test_damaged);
	ADD("setting something mends the user's damaged file", test_mended);
	return g_test_run();
}
