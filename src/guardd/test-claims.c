/* SPDX-License-Identifier: MIT */
/* Two applications that claim one file, as clients of the service see it: who has it, what is said, and that a link
 * which is exchanged later frees nothing. With an enforcer that enforces nothing. */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "guardd/test-world.h"

static GVariant *set(World *world, const char *app, const char *profile)
{
	return world_do(world, "SetProfile", g_variant_new("(ss@a{sv})", app, profile, options(NULL, NULL)));
}

/* A package's application with the id "tool", for the program exes/tool, before the service starts. */
static World *world_with_tool(const char *profile)
{
	World *world = world_new();
	g_autofree char *tool = world_path(world, "exes/tool");
	g_autofree char *text = g_strdup_printf("[Application]\nExecutable=%s\n[Network]\nProfile=%s\n", tool, profile);

	world_write(world, "exes/tool", "x");
	world_write(world, "exes/mine", "x");
	world_write(world, "vendor/tool.app", text);
	world_start(world);
	return world;
}

/* Points exes/link there, in one step. */
static void exchange_link(World *world, const char *target)
{
	g_autofree char *link = world_path(world, "exes/link"), *new = world_path(world, "exes/.link");

	g_assert_cmpint(symlink(target, new), ==, 0);
	g_assert_cmpint(g_rename(new, link), ==, 0);
}

static GVariant *explain(World *world, const char *text)
{
	return world_do(world, "Explain", g_variant_new("(ss)", text, "203.0.113.1"));
}

/* Ask until the file at `path` answers to `app`. */
static GVariant *wait_for_owner(World *world, const char *path, const char *app)
{
	const gint64 end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;

	while (g_get_monotonic_time() < end) {
		g_autoptr(GVariant) dict = explain(world, path);

		if (g_str_equal(dict_text(dict, "app"), app))
			return g_steal_pointer(&dict);
	}
	g_error("%s did not come to answer to “%s”", path, app);
}

static void test_exchanged_link(void)
{
	World *world = world_with_tool("offline");
	g_autofree char *link = world_path(world, "exes/link"), *tool = world_path(world, "exes/tool");
	g_autoptr(GVariant) result = NULL, before = NULL, after = NULL, itself = NULL, named = NULL, again = NULL;

	exchange_link(world, "mine");
	result = set(world, link, "online");
	g_assert_true(dict_true(result, "enforced") == world->is_root);
	before = explain(world, link);
	g_assert_cmpstr(dict_text(before, "app"), ==, "link");
	g_assert_cmpstr(dict_text(before, "verdict"), ==, "allowed");
	exchange_link(world, "tool");
	after = wait_for_owner(world, link, "tool");
	g_assert_cmpstr(dict_text(after, "verdict"), ==, "denied");
	g_assert_nonnull(strstr(dict_text(after, "text"),
				"It answers to “tool”, which is Offline, because that has the "
				"stricter profile."));
	itself = explain(world, tool);
	g_assert_cmpstr(dict_text(itself, "app"), ==, "tool");
	g_assert_cmpstr(dict_text(itself, "verdict"), ==, "denied");
	named = explain(world, "link");
	g_assert_cmpstr(dict_text(named, "app"), ==, "link");
	g_assert_nonnull(strstr(dict_text(named, "text"), "It answers to “tool”"));
	exchange_link(world, "mine");
	again = wait_for_owner(world, link, "link");
	g_assert_null(strstr(dict_text(again, "text"), "claim"));
	world_free(world);
}

static void test_overruled(void)
{
	World *world = world_with_tool("offline");
	g_autofree char *link = world_path(world, "exes/link"), *tool = world_path(world, "exes/tool");
	g_autoptr(GVariant) overruled = NULL, same = NULL, freed = NULL, alike = NULL, stricter = NULL;

	exchange_link(world, "tool");
	overruled = set(world, link, "online");
	g_assert_cmpstr(dict_text(overruled, "id"), ==, "link");
	g_assert_false(dict_true(overruled, "enforced"));
	g_assert_nonnull(strstr(dict_text(overruled, "warning"), "“tool” and “link” both claim the file"));
	/* What somebody else said already is nothing that failed. */
	alike = set(world, link, "offline");
	g_assert_true(dict_true(alike, "enforced") == world->is_root);
	g_variant_unref(set(world, link, "online"));
	/* The package's own path is the package's application. */
	freed = set(world, tool, "local");
	g_assert_cmpstr(dict_text(freed, "id"), ==, "tool");
	g_assert_false(dict_true(freed, "created"));
	g_assert_true(dict_true(freed, "enforced") == world->is_root);
	same = explain(world, tool);
	g_assert_cmpstr(dict_text(same, "profile"), ==, "local");
	/* And a user's stricter decision by another path has the file. */
	stricter = set(world, link, "offline");
	g_assert_true(dict_true(stricter, "enforced") == world->is_root);
	g_variant_unref(wait_for_owner(world, tool, "link"));
	world_free(world);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	world_init(argc, argv);
	g_test_add_func("/claims/a link exchanged after it was set takes no file of a stricter application",
			test_exchanged_link);
	g_test_add_func("/claims/set does not say that a decision holds which another application overrules",
			test_overruled);
	return g_test_run();
}
