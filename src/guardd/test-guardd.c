/* SPDX-License-Identifier: MIT */
/* The service as its clients see it, with an enforcer that enforces nothing: changes, ends, modes, restarts, failures.
 */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/interface.h"
#include "guardd/test-world.h"

#define CURL "/usr/bin/env" /* a program every machine has */

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

static GVariant *get(World *world, const char *app)
{
	return world_do(world, "GetApp", g_variant_new("(s)", app));
}

static GVariant *status(World *world)
{
	return world_do(world, "GetStatus", NULL);
}

static void test_status(void)
{
	World *world = world_started();
	g_autoptr(GVariant) now = status(world);

	g_assert_cmpstr(dict_text(now, "state"), ==, world->is_root ? "protecting" : "simulation");
	g_assert_true(dict_true(now, "enforcing") == world->is_root);
	g_assert_cmpstr(dict_text(now, "mode"), ==, "normal");
	g_assert_true(dict_true(now, "enforcer-answers"));
	g_assert_cmpstr(dict_text(now, "default-profile"), ==, "online");
	world_free(world);
}

static void test_set(void)
{
	World *world = world_started();
	g_autoptr(GVariant) result = NULL, app = NULL, again = NULL;
	g_autofree char *file = world_path(world, "state/apps.d/env.app"), *conflict = NULL;

	world_write(world, "bin/closed-3", "");
	result = set(world, CURL, "offline", options("reason", g_variant_new_string("because"), NULL));
	g_assert_cmpstr(dict_text(result, "id"), ==, "env");
	g_assert_true(dict_true(result, "created"));
	g_assert_true(dict_true(result, "enforced") == world->is_root);
	g_assert_cmpuint(dict_number(result, "closed"), ==, 3);
	g_assert_cmpstr(dict_text(result, "before"), ==, "");
	g_assert_true(g_file_test(file, G_FILE_TEST_EXISTS));
	app = get(world, "env");
	g_assert_cmpstr(dict_text(app, "profile"), ==, "offline");
	g_assert_cmpstr(dict_text(app, "reason"), ==, "because");
	conflict = world_fail(world, geteuid(), "SetProfile",
			      g_variant_new("(ss@a{sv})", "/usr/bin/true", "offline",
					    options("name", g_variant_new_string("ENV"), NULL)));
	g_assert_cmpstr(conflict, ==, NG_API_ERROR_CONFLICT);
	again = set(world, CURL, "local", NULL);
	g_assert_false(dict_true(again, "created"));
	g_assert_cmpstr(dict_text(again, "before"), ==, "offline");
	g_assert_cmpuint(world_count_audit(world, "set", "command"), ==, 2);
	world_free(world);
}

static void test_set_wrong(void)
{
	static const struct {
		const char *app, *profile, *key;
		const char *value; /* GVariant text */
		const char *error;
	} cases[] = {
		{ CURL, "sideways", NULL, NULL, NG_API_ERROR_INVALID },
		{ "nothing", "offline", NULL, NULL, NG_API_ERROR_UNKNOWN },
		{ CURL, "offline", "colour", "'red'", NG_API_ERROR_INVALID },
		{ CURL, "offline", "until", "'soon'", NG_API_ERROR_INVALID },
		{ CURL, "offline", "until", "int64 1", NG_API_ERROR_INVALID },
		{ CURL, "offline", "then", "'local'", NG_API_ERROR_INVALID },
		{ CURL, "offline", "children", "'adopted'", NG_API_ERROR_INVALID },
		{ CURL, "offline", "allow", "['example.org']", NG_API_ERROR_INVALID },
		{ CURL, "offline", "origin", "'timer'", NG_API_ERROR_INVALID },
		{ CURL, "offline", "name", "'/usr/bin/true'", NG_API_ERROR_INVALID },
		{ "/no\nline", "offline", NULL, NULL, NG_API_ERROR_INVALID },
		{ "", "offline", NULL, NULL, NG_API_ERROR_UNKNOWN },
	};
	World *world = world_started();
	g_autoptr(GVariant) now = NULL;

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		GVariant *more = cases[i].key ? options(cases[i].key, g_variant_new_parsed(cases[i].value), NULL)
					      : options(NULL, NULL);
		g_autofree char *error = world_fail(world, geteuid(), "SetProfile",
						    g_variant_new("(ss@a{sv})", cases[i].app, cases[i].profile, more));

		g_test_message("%s %s %s", cases[i].app, cases[i].profile, cases[i].key ? cases[i].key : "");
		g_assert_cmpstr(error, ==, cases[i].error);
	}
	now = status(world);
	g_assert_cmpuint(dict_number(now, "applications"), ==, 0);
	world_free(world);
}

static void test_forget(void)
{
	World *world = world_started();
	g_autoptr(GVariant) result = NULL, now = NULL;
	g_autofree char *error = NULL;

	g_variant_unref(set(world, CURL, "offline", NULL));
	result = world_do(world, "Forget", g_variant_new("(s@a{sv})", CURL, options(NULL, NULL)));
	g_assert_cmpstr(dict_text(result, "now"), ==, "online");
	now = status(world);
	g_assert_cmpuint(dict_number(now, "applications"), ==, 0);
	error = world_fail(world, geteuid(), "Forget", g_variant_new("(s@a{sv})", CURL, options(NULL, NULL)));
	g_assert_cmpstr(error, ==, NG_API_ERROR_UNKNOWN);
	world_free(world);
}

static GVariant *soon(int seconds)
{
	return g_variant_new_int64(g_get_real_time() / G_USEC_PER_SEC + seconds);
}

/* Ask until the profile is `profile`, or ("") the application is gone. */
static void wait_for_profile(World *world, const char *app, const char *profile)
{
	const gint64 end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
	g_autoptr(Raw) raw = raw_new(world, geteuid());

	while (g_get_monotonic_time() < end) {
		g_autofree char *error = NULL;
		g_autoptr(GVariant) body = raw_call(raw, "GetApp", g_variant_new("(s)", app), &error);
		g_autoptr(GVariant) dict = body ? g_variant_get_child_value(body, 0) : NULL;

		if (dict ? g_str_equal(dict_text(dict, "profile"), profile) : *profile == '\0')
			return;
	}
	g_error("%s did not become “%s”", app, profile);
}

static void test_until(void)
{
	World *world = world_started();

	g_variant_unref(set(world, CURL, "offline", NULL));
	g_variant_unref(set(world, CURL, "online", options("until", soon(2), NULL)));
	g_variant_unref(set(world, "/usr/bin/head", "offline",
			    options("until", soon(2), "then", g_variant_new_string(""), NULL)));
	wait_for_profile(world, "env", "offline");
	wait_for_profile(world, "head", "");
	g_assert_cmpuint(world_count_audit(world, "expire", "timer"), ==, 2);
	world_free(world);
}

static void test_until_restart(void)
{
	World *world = world_started();
	gint64 end = g_get_real_time() + 2 * G_USEC_PER_SEC;
	g_autoptr(GVariant) app = NULL;

	g_variant_unref(set(world, CURL, "offline", NULL));
	g_variant_unref(set(world, CURL, "online", options("until", soon(1), NULL)));
	g_assert_cmpint(world_stop(world, SIGKILL), ==, SIGKILL);
	while (g_get_real_time() < end)
		g_usleep(10000); /* the wall clock is what is tested */
	world_start(world);
	app = get(world, "env");
	g_assert_cmpstr(dict_text(app, "profile"), ==, "offline");
	g_assert_cmpuint(world_count_audit(world, "expire", "timer"), ==, 1);
	world_free(world);
}

static void test_mode_restart(void)
{
	World *world = world_started();
	g_autoptr(GVariant) panic = NULL;

	panic = world_do(world, "Panic", g_variant_new("(@a{sv})", options(NULL, NULL)));
	g_assert_cmpstr(dict_text(panic, "state"), ==, "panic");
	world_wait_for(world, "state", world->is_root ? "panic" : "simulation");
	g_assert_cmpint(world_stop(world, SIGKILL), ==, SIGKILL);
	world_start(world);
	world_wait_for(world, "mode", "panic");
	world_wait_for(world, "state", world->is_root ? "panic" : "simulation");
	g_variant_unref(world_do(world, "Pause", g_variant_new("(u@a{sv})", 3600u, options(NULL, NULL))));
	world_stop(world, SIGTERM);
	world_start(world);
	world_wait_for(world, "mode", "paused");
	g_variant_unref(world_do(world, "Resume", g_variant_new("(@a{sv})", options(NULL, NULL))));
	world_wait_for(world, "state", world->is_root ? "protecting" : "simulation");
	world_free(world);
}

static void test_pause_ends(void)
{
	World *world = world_started();
	g_autofree char *error = NULL;

	g_variant_unref(world_do(world, "Pause", g_variant_new("(u@a{sv})", 1u, options(NULL, NULL))));
	world_wait_for(world, "mode", "normal");
	g_assert_cmpuint(world_count_audit(world, "resume", "timer"), ==, 1);
	error = world_fail(world, geteuid(), "Pause", g_variant_new("(u@a{sv})", 0u, options(NULL, NULL)));
	g_assert_cmpstr(error, ==, NG_API_ERROR_INVALID);
	world_free(world);
}

static void test_stopped_enforcer(void)
{
	World *world = world_started();
	const pid_t enforcer = world_enforcer(world);
	g_autoptr(GVariant) result = NULL, now = NULL, later = NULL;
	gint64 start;

	kill(enforcer, SIGSTOP);
	start = g_get_monotonic_time();
	result = set(world, CURL, "offline", NULL);
	g_assert_false(dict_true(result, "enforced"));
	g_assert_cmpstr(dict_text(result, "warning"), !=, "");
	g_assert_cmpint(g_get_monotonic_time() - start, <, 9 * G_USEC_PER_SEC);
	start = g_get_monotonic_time();
	now = status(world);
	g_assert_false(dict_true(now, "enforcer-answers"));
	g_assert_cmpint(g_get_monotonic_time() - start, <, 3 * G_USEC_PER_SEC);
	kill(enforcer, SIGCONT);
	if (world->is_root)
		world_wait_for(world, "summary", "Every program on this machine is held to its profile.");
	later = set(world, CURL, "local", NULL);
	g_assert_true(dict_true(later, "enforced") == world->is_root);
	world_free(world);
}

static void test_refused_load(void)
{
	World *world = world_started();
	g_autoptr(GVariant) result = NULL, now = NULL, good = NULL;
	g_autoptr(GVariant) problems = NULL;

	world_write(world, "bin/fail", "");
	result = set(world, CURL, "offline", NULL);
	g_assert_false(dict_true(result, "enforced"));
	g_assert_nonnull(strstr(dict_text(result, "warning"), "the test says no"));
	now = status(world);
	g_assert_nonnull(strstr(dict_text(now, "summary"), "not in force"));
	problems = g_variant_lookup_value(now, "problems", G_VARIANT_TYPE("aa{sv}"));
	g_assert_cmpuint(g_variant_n_children(problems), ==, 1);
	world_remove(world, "bin/fail");
	good = set(world, CURL, "local", NULL);
	g_assert_true(dict_true(good, "enforced") == world->is_root);
	world_free(world);
}

static void test_never_loaded(void)
{
	World *world = world_new();
	g_autoptr(GVariant) now = NULL;

	world_write(world, "bin/fail", "");
	world_start(world);
	now = status(world);
	g_assert_cmpstr(dict_text(now, "state"), ==, world->is_root ? "not-protecting" : "simulation");
	g_assert_false(dict_true(now, "enforcing"));
	world_free(world);
}

static void test_less(void)
{
	World *world = world_new();
	g_autoptr(GVariant) now = NULL, missing = NULL, first = NULL, same = NULL, panic = NULL;

	world_write(world, "bin/less", "");
	world_start(world);
	now = status(world);
	g_assert_cmpstr(dict_text(now, "state"), ==, world->is_root ? "not-protecting" : "simulation");
	g_assert_false(dict_true(now, "enforcing"));
	missing = g_variant_lookup_value(now, "missing", G_VARIANT_TYPE("as"));
	g_assert_cmpuint(g_variant_n_children(missing), ==, 1);
	/* Nor does any change say so: one, the same again (nothing to load), and a mode. */
	first = set(world, CURL, "offline", NULL);
	same = set(world, CURL, "offline", NULL);
	panic = world_do(world, "Panic", g_variant_new("(@a{sv})", options(NULL, NULL)));
	g_assert_false(dict_true(first, "enforced") || dict_true(same, "enforced") || dict_true(panic, "enforced"));
	if (world->is_root) {
		g_assert_true(g_str_has_prefix(dict_text(first, "warning"), "Not protecting"));
		g_assert_true(g_str_has_prefix(dict_text(same, "warning"), "Not protecting"));
		g_assert_true(g_str_has_prefix(dict_text(panic, "warning"), "Not protecting"));
	}
	world_free(world);
}

static void test_dead_enforcer(void)
{
	World *world = world_started();
	g_autofree char *errors = NULL;
	int end;

	kill(world_enforcer(world), SIGKILL);
	g_assert_cmpint(waitpid(world->pid, &end, 0), ==, world->pid);
	world_has_ended(world);
	g_assert_true(WIFEXITED(end));
	g_assert_cmpint(WEXITSTATUS(end), ==, 1);
	errors = world_errors(world);
	g_assert_nonnull(strstr(errors, "enforcer"));
	world_free(world);
}

static void test_end(void)
{
	World *world = world_started();
	g_autofree char *errors = NULL;
	const int end = world_stop(world, SIGTERM);

	g_assert_true(WIFEXITED(end) && WEXITSTATUS(end) == 0);
	errors = world_errors(world);
	g_assert_nonnull(strstr(errors, world->is_root ? "stays in force" : "Nothing was being blocked"));
	world_free(world);
}

static void test_two_guards(void)
{
	World *world = world_started();
	g_autofree char *program = world_path(world, "bin/netguardd"), *runtime = world_path(world, "run");
	g_autofree char *state = world_path(world, "other"), *errors = NULL;
	const char *argv[] = { program, "--runtime", runtime, "--state", state, "--user", "nobody", NULL };
	int end;

	g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, 0, NULL, NULL, NULL, &errors, &end, NULL));
	g_assert_true(WIFEXITED(end) && WEXITSTATUS(end) == 1);
	g_assert_nonnull(strstr(errors, "another guard runs"));
	world_wait_for(world, "mode", "normal");
	world_free(world);
}

static void wait_for_applications(World *world, guint n)
{
	const gint64 end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
	guint now;

	do {
		g_autoptr(GVariant) dict = status(world);

		now = dict_number(dict, "applications");
	} while (now != n && g_get_monotonic_time() < end);
	g_assert_cmpuint(now, ==, n);
}

static void test_outside(void)
{
	static const char text[] = "[Application]\nName=Head\nExecutable=/usr/bin/head\n[Network]\nProfile=offline\n";
	World *world = world_started();
	g_autofree char *error = NULL;
	g_autoptr(GVariant) app = NULL;

	world_write(world, "etc/apps.d/head.app", text);
	wait_for_applications(world, 1);
	app = get(world, "head");
	g_assert_true(dict_true(app, "managed"));
	error = world_fail(world, geteuid(), "SetProfile",
			   g_variant_new("(ss@a{sv})", "head", "online", options(NULL, NULL)));
	g_assert_cmpstr(error, ==, NG_API_ERROR_MANAGED);
	g_assert_cmpuint(world_count_audit(world, "set", "file"), ==, 1);
	world_remove(world, "etc/apps.d/head.app");
	wait_for_applications(world, 0);
	g_assert_cmpuint(world_count_audit(world, "forget", "file"), ==, 1);
	/* Our own writes are not somebody else's. */
	g_variant_unref(set(world, CURL, "offline", NULL));
	world_write(world, "etc/apps.d/head.app", text);
	wait_for_applications(world, 2);
	g_assert_cmpuint(world_count_audit(world, "set", "file"), ==, 2);
	world_free(world);
}

static void test_outside_while_down(void)
{
	static const char text[] = "[Application]\nName=Head\nExecutable=/usr/bin/head\n[Network]\nProfile=offline\n";
	World *world = world_started();

	g_variant_unref(set(world, CURL, "offline", NULL));
	world_stop(world, SIGTERM);
	world_write(world, "vendor/head.app", text);
	world_start(world);
	wait_for_applications(world, 2);
	g_assert_cmpuint(world_count_audit(world, "set", "file"), ==, 1);
	world_free(world);
}

static void test_settings(void)
{
	World *world = world_started();
	g_autoptr(GVariant) now = NULL, problems = NULL, first = NULL;
	guint32 line;

	world_write(world, "etc/netguard.conf", "[Default]\nProfile=local\n");
	world_wait_for(world, "default-profile", "local");
	g_assert_cmpuint(world_count_audit(world, "config", "file"), ==, 1);
	world_write(world, "etc/netguard.conf", "[Default]\n# a word\nProfile=nearby\n");
	g_variant_unref(world_do(world, "Reload", NULL));
	now = status(world);
	g_assert_cmpstr(dict_text(now, "default-profile"), ==, "local");
	problems = g_variant_lookup_value(now, "problems", G_VARIANT_TYPE("aa{sv}"));
	g_assert_cmpuint(g_variant_n_children(problems), ==, 1);
	first = g_variant_get_child_value(problems, 0);
	line = dict_number(first, "line");
	g_assert_cmpuint(line, ==, 3);
	world_free(world);
}

static void wait_for_found(World *world, const char *app, guint n)
{
	const gint64 end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
	gsize now;

	do {
		g_autoptr(GVariant) dict = get(world, app);
		g_autoptr(GVariant) found = g_variant_lookup_value(dict, "found", G_VARIANT_TYPE("as"));

		now = g_variant_n_children(found);
	} while (now != n && g_get_monotonic_time() < end);
	g_assert_cmpuint(now, ==, n);
}

static void test_installed_later(void)
{
	World *world = world_started();
	g_autofree char *path = world_path(world, "exes/later");
	g_autofree char *folder = world_path(world, "exes/new"), *deep = world_path(world, "exes/new/tool");

	g_variant_unref(set(world, path, "offline", NULL));
	g_variant_unref(set(world, deep, "offline", NULL));
	wait_for_found(world, "later", 0);
	world_write(world, "exes/later", "x");
	wait_for_found(world, "later", 1);
	g_assert_cmpint(g_mkdir(folder, 0755), ==, 0);
	world_write(world, "exes/new/tool", "x");
	wait_for_found(world, "tool", 1);
	world_remove(world, "exes/later");
	wait_for_found(world, "later", 0);
	world_free(world);
}

static void test_unreadable_state(void)
{
	World *world = world_new();
	g_autofree char *program = world_path(world, "bin/netguardd"), *runtime = world_path(world, "run");
	g_autofree char *state = world_path(world, "state"), *apps = world_path(world, "state/apps.d"), *errors = NULL;
	const char *argv[] = { program, "--runtime", runtime, "--state", state, "--user", "nobody", NULL };
	int end;

	g_mkdir(state, 0700);
	g_mkdir(apps, 0000); /* root's, or unreadable */
	g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, 0, NULL, NULL, NULL, &errors, &end, NULL));
	g_assert_true(WIFEXITED(end) && WEXITSTATUS(end) == 1);
	g_assert_nonnull(strstr(errors, "cannot be used"));
	world_free(world);
}

static void test_privilege(void)
{
	World *world;
	g_autofree char *path = NULL, *text = NULL;

	if (geteuid() != 0) {
		g_test_skip("needs root: without it there is nothing to give up");
		return;
	}
	world = world_started();
	path = g_strdup_printf("/proc/%d/status", (int)world->pid);
	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	g_assert_nonnull(strstr(text, "\nUid:\t65534\t65534\t65534\t65534\n"));
	g_assert_nonnull(strstr(text, "\nGroups:\t \n"));
	g_assert_nonnull(strstr(text, "\nCapPrm:\t0000000000000000\n"));
	g_assert_nonnull(strstr(text, "\nCapEff:\t0000000000000000\n"));
	g_assert_nonnull(strstr(text, "\nCapBnd:\t0000000000000000\n"));
	g_assert_nonnull(strstr(text, "\nCapAmb:\t0000000000000000\n"));
	g_assert_nonnull(strstr(text, "\nNoNewPrivs:\t1\n"));
	world_free(world);
}

/* NULL: it failed, with *ret_error. */
static GVariant *gdbus_call(GDBusConnection *connection, const char *path, const char *interface, const char *method,
			    const char *type, GError **ret_error)
{
	return g_dbus_connection_call_sync(connection, NULL, path, interface, method, NULL, G_VARIANT_TYPE(type), 0, -1,
					   NULL, ret_error);
}

static void test_gdbus(void)
{
	World *world = world_started();
	g_autofree char *address = g_strdup_printf("unix:path=%s", world->socket);
	g_autoptr(GError) error = NULL;
	g_autoptr(GDBusConnection) connection = g_dbus_connection_new_for_address_sync(
		address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, NULL, NULL, &error);

	g_assert_no_error(error);
	g_variant_unref(gdbus_call(connection, NG_API_OBJECT, NG_API_INTERFACE, "GetStatus", "(a{sv})", &error));
	g_variant_unref(gdbus_call(connection, NG_API_OBJECT, "org.freedesktop.DBus.Introspectable", "Introspect",
				   "(s)", &error));
	g_variant_unref(gdbus_call(connection, "/", "org.freedesktop.DBus.Peer", "GetMachineId", "(s)", &error));
	g_assert_null(gdbus_call(connection, NG_API_OBJECT, NG_API_INTERFACE, "GetEverything", "()", &error));
	g_assert_error(error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD);
	world_free(world);
}

/* A bus of the test's own that lets everyone own every name. */
static pid_t bus_start(World *world, char **ret_address)
{
	static const char text[] =
		"<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN\"\n"
		" \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
		"<busconfig><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth><policy context=\"default\">"
		"<allow user=\"*\"/><allow own=\"*\"/><allow send_type=\"method_call\"/><allow send_type=\"signal\"/>"
		"<allow send_requested_reply=\"true\"/><allow receive_type=\"method_call\"/>"
		"<allow receive_type=\"signal\"/><allow receive_requested_reply=\"true\"/></policy></busconfig>\n";
	g_autofree char *config = g_strdup_printf(text, world->folder);
	g_autofree char *option = g_strdup_printf("--config-file=%s/bus.conf", world->folder);
	g_autofree char *program = g_find_program_in_path("dbus-daemon");
	const char *argv[] = { program, option, "--nofork", "--nosyslog", "--print-address=1", NULL };
	char address[256] = "";
	GPid pid;
	int out;

	if (!program)
		return 0;
	world_write(world, "bus.conf", config);
	g_assert_true(g_spawn_async_with_pipes(NULL, (char **)argv, NULL,
					       G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &pid,
					       NULL, &out, NULL, NULL));
	g_assert_cmpint(read(out, address, sizeof address - 1), >, 0); /* it listens */
	close(out);
	*ret_address = g_strdup_printf("unix:path=%s/bus", world->folder);
	return pid;
}

static void count_signal(GDBusConnection *connection, const char *sender, const char *path, const char *interface,
			 const char *name, GVariant *parameters, gpointer data)
{
	(*(guint *)data)++;
}

static gboolean has_owner(GDBusConnection *bus)
{
	g_autoptr(GVariant) reply = g_dbus_connection_call_sync(
		bus, "org.freedesktop.DBus", "/", "org.freedesktop.DBus", "NameHasOwner",
		g_variant_new("(s)", NG_API_BUS_NAME), G_VARIANT_TYPE("(b)"), 0, -1, NULL, NULL);
	gboolean owned = FALSE;

	g_assert_nonnull(reply);
	g_variant_get(reply, "(b)", &owned);
	return owned;
}

static GVariant *bus_call(GDBusConnection *bus, const char *method, GVariant *parameters)
{
	g_autoptr(GError) error = NULL;
	GVariant *reply = g_dbus_connection_call_sync(bus, NG_API_BUS_NAME, NG_API_OBJECT, NG_API_INTERFACE, method,
						      parameters, NULL, 0, -1, NULL, &error);

	g_assert_no_error(error);
	return reply;
}

static GDBusConnection *bus_connect(const char *address)
{
	g_autoptr(GError) error = NULL;
	GDBusConnection *bus = g_dbus_connection_new_for_address_sync(
		address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
		NULL, NULL, &error);

	g_assert_no_error(error);
	g_dbus_connection_set_exit_on_close(bus, FALSE);
	return bus;
}

static void test_bus(void)
{
	World *world = world_new();
	g_autofree char *address = NULL;
	const pid_t daemon = bus_start(world, &address);
	g_autoptr(GDBusConnection) one = NULL, other = NULL;
	const gint64 end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
	guint heard = 0, overheard = 0;

	if (daemon == 0 || geteuid() != 0) {
		g_test_skip(daemon == 0 ? "there is no dbus-daemon" : "a simulation does not join the bus");
		if (daemon > 0)
			kill(daemon, SIGTERM);
		world_free(world);
		return;
	}
	world->bus = address;
	world_start(world);
	one = bus_connect(address);
	other = bus_connect(address);
	while (!has_owner(one) && g_get_monotonic_time() < end)
		;
	g_dbus_connection_signal_subscribe(one, NULL, NG_API_INTERFACE, NULL, NULL, NULL, 0, count_signal, &heard,
					   NULL);
	g_dbus_connection_signal_subscribe(other, NULL, NG_API_INTERFACE, NULL, NULL, NULL, 0, count_signal, &overheard,
					   NULL);
	g_variant_unref(bus_call(one, "Subscribe", NULL));
	g_variant_unref(bus_call(other, "GetStatus", NULL));
	g_variant_unref(
		bus_call(other, "SetProfile", g_variant_new("(ss@a{sv})", CURL, "offline", options(NULL, NULL))));
	while (heard == 0 && g_get_monotonic_time() < end)
		g_main_context_iteration(NULL, FALSE);
	g_variant_unref(bus_call(other, "GetStatus", NULL)); /* what was sent to it has come */
	while (g_main_context_iteration(NULL, FALSE))
		;
	g_assert_cmpuint(heard, >, 0);
	g_assert_cmpuint(overheard, ==, 0);
	/* Without the bus the socket goes on. */
	kill(daemon, SIGTERM);
	waitpid(daemon, NULL, 0);
	world_wait_for(world, "mode", "normal");
	world_free(world);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	world_init(argc, argv);
	g_test_add_func("/guardd/status says what is in force", test_status);
	g_test_add_func("/guardd/a change is stored, put in force and answered", test_set);
	g_test_add_func("/guardd/a wrong change is refused and changes nothing", test_set_wrong);
	g_test_add_func("/guardd/forgetting gives back the default", test_forget);
	g_test_add_func("/guardd/a timed profile ends on time", test_until);
	g_test_add_func("/guardd/a timed profile that ended while the service was down has ended", test_until_restart);
	g_test_add_func("/guardd/pause and panic survive a restart", test_mode_restart);
	g_test_add_func("/guardd/a pause ends by itself", test_pause_ends);
	g_test_add_func("/guardd/a stopped enforcer costs an answer and not the service", test_stopped_enforcer);
	g_test_add_func("/guardd/a refused image is said to be not in force", test_refused_load);
	g_test_add_func("/guardd/without a loaded image nothing is protected", test_never_loaded);
	g_test_add_func("/guardd/without a needed capability nothing is protected", test_less);
	g_test_add_func("/guardd/a dead enforcer ends the service with an error", test_dead_enforcer);
	g_test_add_func("/guardd/the end says what stays in force", test_end);
	g_test_add_func("/guardd/a second guard on one runtime folder is refused", test_two_guards);
	g_test_add_func("/guardd/changes of files by others are noticed and recorded", test_outside);
	g_test_add_func("/guardd/changes of files while the service is down are recorded", test_outside_while_down);
	g_test_add_func("/guardd/wrong settings are named by line and the last good ones hold", test_settings);
	g_test_add_func("/guardd/a program installed later is found", test_installed_later);
	g_test_add_func("/guardd/a state folder that cannot be used ends the start", test_unreadable_state);
	g_test_add_func("/guardd/the engine holds no privilege", test_privilege);
	g_test_add_func("/guardd/an ordinary D-Bus client works", test_gdbus);
	g_test_add_func("/guardd/on the system bus signals go to subscribers alone", test_bus);
	return g_test_run();
}
