/* SPDX-License-Identifier: MIT */
/*
 * What runs, and decisions that last while a program or this boot lasts, as clients see them. What runs is what the
 * test says in the file "programs" (test-enforcer.c).
 */
#include <gio/gio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "api/interface.h"
#include "guardd/test-world.h"

#define ENV "/usr/bin/env" /* a program every machine has */

static World *world_started(void)
{
	World *world = world_new();

	world_start(world);
	return world;
}

static GVariant *set(World *world, const char *app, const char *profile, GVariant *more)
{
	return world_do(world, "SetProfile",
			g_variant_new("(ss@a{sv})", app, profile, more ? more : options(NULL, NULL)));
}

static GVariant *lasting(const char *span)
{
	return options("while", g_variant_new_string(span), NULL);
}

static char *set_fails(World *world, const char *app, GVariant *more)
{
	return world_fail(world, geteuid(), "SetProfile", g_variant_new("(ss@a{sv})", app, "online", more));
}

static void assert_app(World *world, const char *id, const char *profile, const char *span)
{
	g_autoptr(GVariant) app = world_do(world, "GetApp", g_variant_new("(s)", id));

	g_assert_cmpstr(dict_text(app, "profile"), ==, profile);
	g_assert_cmpstr(dict_text(app, "while"), ==, span);
}

/* Within 20 seconds. */
static void wait_for_end(World *world, const char *id, const char *profile)
{
	const gint64 end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
	g_autoptr(GVariant) app = NULL;

	do {
		g_clear_pointer(&app, g_variant_unref);
		app = world_do(world, "GetApp", g_variant_new("(s)", id));
	} while (*dict_text(app, "while") && g_get_monotonic_time() < end);
	g_assert_cmpstr(dict_text(app, "while"), ==, "");
	g_assert_cmpstr(dict_text(app, "profile"), ==, profile);
}

static guint questions(World *world)
{
	g_autofree char *path = world_path(world, "bin/asked"), *text = NULL;

	return g_file_get_contents(path, &text, NULL, NULL) ? (guint)atoi(text) : 0;
}

static void wait_for_questions(World *world, guint n)
{
	const gint64 end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;

	while (questions(world) < n && g_get_monotonic_time() < end)
		g_usleep(5000);
	g_assert_cmpuint(questions(world), >=, n);
}

static guint64 now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (guint64)now.tv_sec * 1000 + (guint64)now.tv_nsec / 1000000;
}

static pid_t child_start(void)
{
	pid_t child = fork();

	g_assert_cmpint(child, >=, 0);
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nobody behind */
		pause();
		_exit(0);
	}
	return child;
}

static void child_end(pid_t child)
{
	g_assert_cmpint(kill(child, SIGKILL), ==, 0);
	g_assert_cmpint(waitpid(child, NULL, 0), ==, child);
}

/* One process of "env" runs. */
static void write_env(World *world, guint64 started_ms, pid_t pid)
{
	g_autofree char *text = g_strdup_printf("env %" G_GUINT64_FORMAT " %d 0 0 - " ENV "\n", started_ms, (int)pid);

	world_write(world, "bin/programs", text);
}

static GVariant *find_program(GVariant *programs, const char *executable)
{
	for (gsize i = 0; i < g_variant_n_children(programs); i++) {
		GVariant *one = g_variant_get_child_value(programs, i);

		if (g_str_equal(dict_text(one, "executable"), executable))
			return one;
		g_variant_unref(one);
	}
	g_error("%s is not in the list", executable);
}

static void test_list(void)
{
	World *world = world_started();
	g_autoptr(GVariant) programs = NULL, env = NULL, other = NULL, rest = NULL, uids = NULL;

	g_variant_unref(set(world, ENV, "offline", options("name", g_variant_new_string("The tool"), NULL)));
	world_write(world, "bin/cut", "");
	world_write(world, "bin/programs",
		    "env 100 11 0 0 - " ENV "\n- 100 12 1000 1 - /opt/a b\n- 1 13 0 2 - /c\n- 1 14 0 4 - /d\n"
		    "- 1 15 0 0 - /e\n- 1 16 0 0 - /f\n- 1 17 0 0 - /g\n");
	programs = world_do(world, "ListRunning", NULL);
	g_assert_cmpuint(g_variant_n_children(programs), ==, 8);
	env = find_program(programs, ENV);
	g_assert_cmpstr(dict_text(env, "name"), ==, "The tool");
	g_assert_cmpstr(dict_text(env, "application"), ==, "env");
	g_assert_cmpstr(dict_text(env, "profile"), ==, "offline");
	g_assert_cmpuint(dict_number(env, "pid"), ==, 11);
	g_assert_false(dict_true(env, "deleted"));
	other = find_program(programs, "/opt/a b");
	g_assert_cmpstr(dict_text(other, "name"), ==, "a b");
	g_assert_cmpstr(dict_text(other, "application"), ==, "");
	g_assert_cmpstr(dict_text(other, "profile"), ==, "online");
	g_assert_true(dict_true(other, "deleted"));
	uids = g_variant_lookup_value(other, "uids", G_VARIANT_TYPE("au"));
	g_assert_cmpuint(g_variant_n_children(uids), ==, 1);
	rest = find_program(programs, "");
	g_assert_cmpuint(dict_number(rest, "pid"), ==, 0);
	g_assert_cmpuint(dict_number(rest, "processes"), ==, 7);
	world_free(world);
}

static void test_list_everyone(void)
{
	World *world = world_started();
	g_autoptr(Raw) raw = NULL;
	g_autoptr(GVariant) body = NULL, programs = NULL;

	if (!world->is_root) {
		g_test_skip("only root can be another user");
		world_free(world);
		return;
	}
	write_env(world, 1, 1);
	raw = raw_new(world, NOBODY);
	body = raw_call(raw, "ListRunning", NULL, NULL);
	programs = g_variant_get_child_value(body, 0);
	g_assert_cmpuint(g_variant_n_children(programs), ==, 1);
	world_free(world);
}

static void test_list_shared(void)
{
	World *world = world_started();
	Raw *raws[30];
	guint n;

	write_env(world, 1, 1);
	for (gsize i = 0; i < G_N_ELEMENTS(raws); i++)
		raws[i] = raw_new(world, geteuid());
	for (gsize i = 0; i < G_N_ELEMENTS(raws); i++)
		raw_post(raws[i], "ListRunning", NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(raws); i++) {
		g_autoptr(GDBusMessage) reply = raw_read(raws[i]);

		g_assert_cmpint((int)g_dbus_message_get_message_type(reply), ==, G_DBUS_MESSAGE_TYPE_METHOD_RETURN);
		raw_free(raws[i]);
	}
	n = questions(world);
	g_assert_cmpuint(n, >=, 1);
	g_assert_cmpuint(n, <=, 3); /* a slow machine may take longer than an answer is kept */
	world_free(world);
}

static void test_list_after_change(void)
{
	World *world = world_started();
	g_autoptr(GVariant) before = NULL, after = NULL, env = NULL, undecided = NULL;

	write_env(world, 1, 1);
	before = world_do(world, "ListRunning", NULL);
	undecided = find_program(before, ENV);
	g_assert_cmpstr(dict_text(undecided, "profile"), ==, "online");
	g_variant_unref(set(world, ENV, "local", NULL));
	after = world_do(world, "ListRunning", NULL);
	env = find_program(after, ENV);
	g_assert_cmpstr(dict_text(env, "profile"), ==, "local");
	world_free(world);
}

static void test_list_mute(void)
{
	World *world = world_started();
	g_autofree char *error = NULL;

	world_write(world, "bin/mute", "");
	error = world_fail(world, geteuid(), "ListRunning", NULL);
	g_assert_cmpstr(error, ==, NG_API_ERROR_NOT_ENFORCED);
	world_free(world);
}

static void test_refused(void)
{
	World *world = world_started();
	g_autofree char *not_running = NULL, *both = NULL, *word = NULL, *mute = NULL;

	g_variant_unref(set(world, ENV, "offline", NULL));
	not_running = set_fails(world, "env", lasting("running"));
	g_assert_cmpstr(not_running, ==, NG_API_ERROR_INVALID);
	both = set_fails(world, "env",
			 options("while", g_variant_new_string("boot"), "until",
				 g_variant_new_int64(g_get_real_time() / G_USEC_PER_SEC + 60), NULL));
	g_assert_cmpstr(both, ==, NG_API_ERROR_INVALID);
	word = set_fails(world, "env", lasting("sleeping"));
	g_assert_cmpstr(word, ==, NG_API_ERROR_INVALID);
	world_write(world, "bin/mute", "");
	mute = set_fails(world, "env", lasting("running"));
	g_assert_cmpstr(mute, ==, NG_API_ERROR_NOT_ENFORCED);
	assert_app(world, "env", "offline", "");
	g_assert_cmpuint(world_count_audit(world, "set", "command"), ==, 1);
	world_free(world);
}

/* A world in which env is Offline, and Online while the process of `child` runs. */
static World *world_with_running(pid_t *ret_child)
{
	World *world = world_started();

	*ret_child = child_start();
	g_variant_unref(set(world, ENV, "offline", NULL));
	write_env(world, now_ms(), *ret_child);
	g_variant_unref(set(world, "env", "online", lasting("running")));
	assert_app(world, "env", "online", "running");
	return world;
}

static void test_running_ends(void)
{
	pid_t child;
	World *world = world_with_running(&child);
	gint64 start;

	wait_for_questions(world, 2); /* the first was whether it runs; from the second on its process is watched */
	world_write(world, "bin/programs", "");
	start = g_get_monotonic_time();
	child_end(child);
	wait_for_end(world, "env", "offline");
	g_test_message("ended %" G_GINT64_FORMAT " ms after the process", (g_get_monotonic_time() - start) / 1000);
	g_assert_cmpuint(world_count_audit(world, "expire", "timer"), ==, 1);
	world_free(world);
}

static void test_started_again(void)
{
	pid_t child;
	World *world = world_with_running(&child);
	const pid_t next = child_start();

	write_env(world, now_ms() + 1000, next);
	child_end(child);
	wait_for_end(world, "env", "offline");
	child_end(next);
	world_free(world);
}

static void test_down(void)
{
	pid_t child;
	World *world = world_with_running(&child);

	world_stop(world, SIGKILL);
	world_start(world);
	assert_app(world, "env", "online", "running");
	world_stop(world, SIGTERM);
	world_write(world, "bin/programs", "");
	child_end(child);
	world_start(world);
	wait_for_end(world, "env", "offline");
	g_assert_cmpuint(world_count_audit(world, "expire", "timer"), ==, 1);
	world_free(world);
}

static void test_narrow(void)
{
	World *world = world_started();
	const pid_t child = child_start();
	guint before;

	write_env(world, now_ms(), child);
	g_variant_unref(set(world, ENV, "online", NULL));
	g_variant_unref(set(world, "env", "offline", lasting("running")));
	/* It has started another program and ended: that one is held to env's rules still. */
	world_write(world, "bin/programs", "- 99999999999 1 0 0 env /bin/sh\n");
	before = questions(world);
	child_end(child);
	wait_for_questions(world, before + 2);
	assert_app(world, "env", "offline", "running");
	world_write(world, "bin/programs", "");
	wait_for_end(world, "env", "online");
	world_free(world);
}

static void test_unanswered(void)
{
	pid_t child;
	World *world = world_with_running(&child);
	g_autoptr(GVariant) narrow = NULL;

	world_write(world, "bin/programs", "env 1 1 0 0 - " ENV "\nhead 1 1 0 0 - /usr/bin/head\n");
	g_variant_unref(set(world, "/usr/bin/head", "online", NULL));
	g_variant_unref(set(world, "head", "offline", lasting("running")));
	world_write(world, "bin/mute", "");
	child_end(child);
	wait_for_end(world, "env", "offline");
	assert_app(world, "head", "offline", "running");
	world_free(world);
}

static void test_quiet(void)
{
	pid_t child;
	World *world = world_with_running(&child);
	guint n;

	wait_for_questions(world, 2);
	g_variant_unref(
		world_do(world, "SetProfile", g_variant_new("(ss@a{sv})", "env", "offline", options(NULL, NULL))));
	n = questions(world);
	g_usleep(2500 * 1000); /* that nothing happens is what is tested */
	g_assert_cmpuint(questions(world), ==, n);
	child_end(child);
	world_free(world);
}

#define OTHER_BOOT "0b2e1a4c-5d6f-4a7b-8c9d-0e1f2a3b4c5d"

/* As if the machine had been started again: the file names another boot. */
static void change_boot(World *world)
{
	g_autofree char *path = world_path(world, "state/apps.d/env.app"), *text = NULL, *boot = NULL;
	g_autoptr(GString) changed = NULL;

	g_assert_true(g_file_get_contents("/proc/sys/kernel/random/boot_id", &boot, NULL, NULL));
	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	changed = g_string_new(text);
	g_assert_cmpuint(g_string_replace(changed, g_strstrip(boot), OTHER_BOOT, 0), ==, 1);
	world_write(world, "state/apps.d/env.app", changed->str);
}

static void test_boot(void)
{
	World *world = world_started();

	g_variant_unref(set(world, ENV, "offline", NULL));
	g_variant_unref(set(world, "env", "online", lasting("boot")));
	world_stop(world, SIGTERM);
	world_start(world);
	assert_app(world, "env", "online", "boot");
	world_stop(world, SIGKILL);
	change_boot(world);
	world_start(world);
	assert_app(world, "env", "offline", "");
	g_assert_cmpuint(world_count_audit(world, "expire", "timer"), ==, 1);
	world_free(world);
}

static void test_boot_of_running(void)
{
	pid_t child;
	World *world = world_with_running(&child);

	world_stop(world, SIGTERM);
	change_boot(world);
	world_start(world);
	assert_app(world, "env", "offline", "");
	child_end(child);
	world_free(world);
}

/* What followed a temporary decision follows the next one too. */
static void test_twice(void)
{
	World *world = world_started();
	g_autoptr(GVariant) app = NULL;

	g_variant_unref(set(world, ENV, "offline", NULL));
	g_variant_unref(set(world, "env", "local", lasting("boot")));
	g_variant_unref(set(world, "env", "online", lasting("boot")));
	app = world_do(world, "GetApp", g_variant_new("(s)", "env"));
	g_assert_cmpstr(dict_text(app, "then"), ==, "offline");
	world_free(world);
}

static void test_words(void)
{
	World *world = world_started();
	g_autoptr(GVariant) why = NULL, document = NULL;

	g_variant_unref(set(world, ENV, "offline", NULL));
	g_variant_unref(set(world, "env", "online", lasting("boot")));
	g_variant_unref(set(world, "/usr/bin/head", "offline", lasting("boot")));
	why = world_do(world, "Explain", g_variant_new("(ss)", "env", ""));
	g_assert_nonnull(strstr(dict_text(why, "text"), "until this machine restarts; then it is Offline"));
	document = world_do(world, "Export", NULL);
	g_assert_null(strstr(g_variant_get_string(document, NULL), "while"));
	g_assert_null(strstr(g_variant_get_string(document, NULL), "head"));
	g_assert_nonnull(strstr(g_variant_get_string(document, NULL), "\"profile\":\"offline\""));
	world_free(world);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	world_init(argc, argv);
	g_test_add_func("/spans/what runs is listed with its application and profile", test_list);
	g_test_add_func("/spans/what runs is for everyone", test_list_everyone);
	g_test_add_func("/spans/many who ask what runs share one question", test_list_shared);
	g_test_add_func("/spans/a change shows in what runs at once", test_list_after_change);
	g_test_add_func("/spans/without an answer what runs is an error", test_list_mute);
	g_test_add_func("/spans/a span that cannot be is refused and changes nothing", test_refused);
	g_test_add_func("/spans/a wider profile ends with the program", test_running_ends);
	g_test_add_func("/spans/a program that is started again does not keep a wider profile", test_started_again);
	g_test_add_func("/spans/a program that ended while the service was down has ended", test_down);
	g_test_add_func("/spans/a narrower profile lasts while anything is held to it", test_narrow);
	g_test_add_func("/spans/without an answer wider profiles end and narrower ones last", test_unanswered);
	g_test_add_func("/spans/without such a decision nothing is asked", test_quiet);
	g_test_add_func("/spans/another boot ends what lasts for a boot", test_boot);
	g_test_add_func("/spans/another boot ends what lasts while a program runs", test_boot_of_running);
	g_test_add_func("/spans/a span after a span is followed by what was before both", test_twice);
	g_test_add_func("/spans/explanation and export know what a span is", test_words);
	return g_test_run();
}
