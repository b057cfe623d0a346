/* SPDX-License-Identifier: MIT */
/* GetActivity of a guard of one's own: what the kernel counts, whose is whose, and what is not known. */
#include <gio/gio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "api/interface.h"
#include "guardd/test-world.h"

#define PATIENCE_US (20 * G_USEC_PER_SEC)

typedef struct {
	guint64 allowed, blocked;
} Sum;

static GVariant *activity(Raw *raw, GVariant *filter)
{
	g_autoptr(GVariant) body = raw_call(raw, "GetActivity", g_variant_new("(@a{sv})", filter), NULL);

	return g_variant_get_child_value(body, 0);
}

static Sum sum_of(GVariant *answer)
{
	g_autoptr(GVariant) buckets = g_variant_lookup_value(answer, "buckets", G_VARIANT_TYPE("a(xtt)"));
	Sum sum = { 0 };

	for (gsize i = 0; i < g_variant_n_children(buckets); i++) {
		guint64 allowed, blocked;
		gint64 start;

		g_variant_get_child(buckets, i, "(xtt)", &start, &allowed, &blocked);
		g_assert_cmpint(start % 60, ==, 0);
		sum.allowed += allowed;
		sum.blocked += blocked;
	}
	return sum;
}

static void wait_for(Raw *raw, guint64 allowed, guint64 blocked)
{
	const gint64 end = g_get_monotonic_time() + PATIENCE_US;
	Sum sum;

	do {
		g_autoptr(GVariant) answer = activity(raw, options(NULL, NULL));

		sum = sum_of(answer);
	} while ((sum.allowed != allowed || sum.blocked != blocked) && g_get_monotonic_time() < end);
	g_assert_cmpuint(sum.allowed, ==, allowed);
	g_assert_cmpuint(sum.blocked, ==, blocked);
}

static gboolean needs_counters(void)
{
	if (geteuid() == 0)
		return FALSE;
	g_test_skip("needs root: without it the guard simulates, and has no counters");
	return TRUE;
}

static void test_counters(void)
{
	World *world;
	g_autoptr(Raw) raw = NULL;

	if (needs_counters())
		return;
	world = world_new();
	/* What was there before the service is nobody's minute. */
	world_write(world, "bin/counts", "- 1000 100\ncurl 50 5\n");
	world_start(world);
	raw = raw_new(world, NOBODY);
	wait_for(raw, 0, 0);
	world_write(world, "bin/counts", "- 1010 100\ncurl 50 8\nnew 1 1\n");
	wait_for(raw, 11, 4);
	/* One counter began anew, one is gone, and comes back as it was. */
	world_write(world, "bin/counts", "- 7 2\n");
	wait_for(raw, 18, 6);
	world_write(world, "bin/counts", "- 7 2\ncurl 50 8\nnew 2 1\n");
	wait_for(raw, 19, 6);
	world_stop(world, SIGTERM);
	/* It is kept; what the kernel counted meanwhile is not known. */
	world_write(world, "bin/counts", "- 90007 2\ncurl 50 8\n");
	world_start(world);
	raw_free(g_steal_pointer(&raw));
	raw = raw_new(world, geteuid());
	wait_for(raw, 19, 6);
	world_write(world, "bin/counts", "- 90008 2\ncurl 50 8\n");
	wait_for(raw, 20, 6);
	world_free(world);
}

static gboolean is_complete(World *world, gint64 since)
{
	g_autoptr(Raw) raw = raw_new(world, NOBODY);
	g_autoptr(GVariant) answer =
		activity(raw, options("since", g_variant_new_int64(since), "step", g_variant_new_uint32(86400), NULL));

	return dict_true(answer, "complete");
}

static void test_complete(void)
{
	World *world;
	const gint64 before = g_get_real_time() / G_USEC_PER_SEC;
	gint64 since = before + 1;
	const gint64 end = g_get_monotonic_time() + PATIENCE_US;

	if (needs_counters())
		return;
	world = world_new();
	world_start(world);
	g_assert_false(is_complete(world, before - 100));
	/* From some second on it has counted everything. */
	while (!is_complete(world, since) && g_get_monotonic_time() < end)
		since = g_get_real_time() / G_USEC_PER_SEC;
	g_assert_true(is_complete(world, since));
	world_stop(world, SIGKILL);
	world_start(world);
	g_assert_false(is_complete(world, since - 100));
	world_free(world);
}

static guint64 denied_today(GVariant *answer, const char *app)
{
	g_autoptr(GVariant) dict = g_variant_lookup_value(answer, "denied-today", G_VARIANT_TYPE("a{st}"));
	guint64 count = 0;

	g_variant_lookup(dict, app, "t", &count);
	return count;
}

static void test_denied(void)
{
	const gint64 end = g_get_monotonic_time() + PATIENCE_US;
	World *world;
	g_autoptr(Raw) nobody = NULL, root = NULL;
	g_autoptr(GVariant) own = NULL, all = NULL;

	if (needs_counters())
		return;
	world = world_new();
	world_start(world);
	nobody = raw_new(world, NOBODY);
	root = raw_new(world, 0);
	g_variant_unref(world_do(world, "SetProfile",
				 g_variant_new("(ss@a{sv})", "/usr/bin/env", "offline", options(NULL, NULL))));
	world_write(world, "bin/events", "1000 env 0 5\n65534 env 0 2\n65534 env 1 9\n65534 - 0 3\n");
	do {
		g_clear_pointer(&all, g_variant_unref);
		all = activity(root, options(NULL, NULL));
	} while (denied_today(all, "env") != 7 && g_get_monotonic_time() < end);
	g_assert_cmpuint(denied_today(all, "env"), ==, 7);
	g_assert_cmpuint(denied_today(all, ""), ==, 3);
	own = activity(nobody, options(NULL, NULL));
	g_assert_cmpuint(denied_today(own, "env"), ==, 2);
	g_assert_cmpuint(denied_today(own, ""), ==, 3);
	world_free(world);
}

static guint64 listed(Raw *raw, const char *key)
{
	g_autoptr(GVariant) body = raw_call(raw, "ListApps", NULL, NULL);
	g_autoptr(GVariant) list = g_variant_get_child_value(body, 0);
	g_autoptr(GVariant) app = NULL;
	guint64 number = G_MAXUINT64;

	g_assert_cmpuint(g_variant_n_children(list), ==, 1);
	app = g_variant_get_child_value(list, 0);
	g_assert_cmpstr(dict_text(app, "id"), ==, "env");
	g_variant_lookup(app, key, "t", &number);
	return number;
}

static void test_list(void)
{
	World *world;
	g_autoptr(Raw) nobody = NULL, root = NULL;

	if (needs_counters())
		return;
	world = world_new();
	world_start(world);
	nobody = raw_new(world, NOBODY);
	root = raw_new(world, 0);
	g_variant_unref(world_do(world, "SetProfile",
				 g_variant_new("(ss@a{sv})", "/usr/bin/env", "offline", options(NULL, NULL))));
	g_assert_cmpuint(listed(root, "tx-bytes"), ==, 1234);
	world_write(world, "bin/counts", "env 70 7\nother 1 1\n");
	g_assert_cmpuint(listed(root, "allowed"), ==, 70);
	g_assert_cmpuint(listed(root, "denied"), ==, 7);
	world_write(world, "bin/counts", "other 1 1\n");
	g_assert_cmpuint(listed(root, "allowed"), ==, 0);
	g_assert_cmpuint(listed(nobody, "allowed"), ==, G_MAXUINT64); /* is not told */
	/* Numbers and texts are those of now, also after a change. */
	world_write(world, "bin/counts", "env 71 7\n");
	g_variant_unref(
		world_do(world, "SetProfile", g_variant_new("(ss@a{sv})", "env", "local", options(NULL, NULL))));
	g_assert_cmpuint(listed(root, "allowed"), ==, 71);
	world_free(world);
}

static void test_simulation(void)
{
	World *world;
	g_autoptr(Raw) raw = NULL;
	g_autoptr(GVariant) answer = NULL;

	if (geteuid() == 0) {
		g_test_skip("needs not to be root: then the guard simulates");
		return;
	}
	world = world_new();
	world_start(world);
	raw = raw_new(world, geteuid());
	world_write(world, "bin/events", "1000 - 0 5\n1000 - 1 2\n");
	wait_for(raw, 2, 5);
	world_free(world);
}

static void test_wrong(void)
{
	World *world = world_new();
	GVariant *wrong[] = {
		options("step", g_variant_new_uint32(0), NULL),
		options("step", g_variant_new_uint32(90), NULL),
		options("since", g_variant_new_int64(-1), NULL),
		options("since", g_variant_new_int64(0), NULL),
		options("since", g_variant_new_int64(g_get_real_time() / G_USEC_PER_SEC - 1500 * 60), NULL),
		options("since", g_variant_new_uint32(5), NULL),
		options("uid", g_variant_new_uint32(5), NULL),
	};
	g_autoptr(GVariant) answer = NULL;
	g_autoptr(Raw) raw = NULL;

	world_start(world);
	for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autofree char *error =
			world_fail(world, geteuid(), "GetActivity", g_variant_new("(@a{sv})", wrong[i]));

		g_assert_cmpstr(error, ==, NG_API_ERROR_INVALID);
	}
	raw = raw_new(world, geteuid());
	answer = activity(raw, options("since", g_variant_new_int64(G_MAXINT64), NULL));
	g_assert_cmpuint(sum_of(answer).allowed, ==, 0);
	world_free(world);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	world_init(argc, argv);
#define ADD(sentence, fn) g_test_add_func("/minutes/" sentence, fn)
	ADD("the kernel's counters are added up, also those that begin anew", test_counters);
	ADD("an answer is complete only where the service is known to have counted", test_complete);
	ADD("each user is told of own blocked attempts, root of everyone's", test_denied);
	ADD("root's list has the numbers of now", test_list);
	ADD("a simulation counts what it reports", test_simulation);
	ADD("a wrong filter is refused", test_wrong);
	return g_test_run();
}
