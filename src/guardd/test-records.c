/* SPDX-License-Identifier: MIT */
/* What is recorded and who may see it: attempts, connections, audit, signals, explanations, export and import. */
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

static void set(World *world, const char *app, const char *profile)
{
	g_variant_unref(world_do(world, "SetProfile", g_variant_new("(ss@a{sv})", app, profile, options(NULL, NULL))));
}

static gboolean needs_root(void)
{
	if (geteuid() == 0)
		return FALSE;
	g_test_skip("needs root: another uid is to be the caller");
	return TRUE;
}

static GVariant *attempts(Raw *raw)
{
	g_autoptr(GVariant) body = raw_call(raw, "GetAttempts", g_variant_new("(@a{sv})", options(NULL, NULL)), NULL);

	return g_variant_get_child_value(body, 0);
}

static guint64 attempts_total(GVariant *list)
{
	guint64 total = 0;

	for (gsize i = 0; i < g_variant_n_children(list); i++) {
		g_autoptr(GVariant) attempt = g_variant_get_child_value(list, i);
		guint64 count = 0;

		g_assert_true(g_variant_lookup(attempt, "count", "t", &count));
		total += count;
	}
	return total;
}

static void wait_for_attempts(Raw *raw, guint64 n)
{
	const gint64 end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
	guint64 now;

	do {
		g_autoptr(GVariant) list = attempts(raw);

		now = attempts_total(list);
	} while (now != n && g_get_monotonic_time() < end);
	g_assert_cmpuint(now, ==, n);
}

static void test_attempts(void)
{
	World *world = world_started();
	g_autoptr(Raw) raw = raw_new(world, geteuid());
	g_autoptr(GVariant) list = NULL, first = NULL;
	guint64 today = 0;
	g_autoptr(GVariant) app = NULL;

	set(world, "/usr/bin/env", "offline");
	world_write(world, "bin/events", "1000 env 0 5\n1000 env 0 2\n");
	/* Without root only one's own are seen by whoever is not root; the uid that started a simulation sees all. */
	wait_for_attempts(raw, 7);
	list = attempts(raw);
	g_assert_cmpuint(g_variant_n_children(list), ==, 1);
	first = g_variant_get_child_value(list, 0);
	g_assert_cmpstr(dict_text(first, "application"), ==, "env");
	g_assert_cmpstr(dict_text(first, "address"), ==, "203.0.113.5");
	g_assert_cmpstr(dict_text(first, "verdict"), ==, world->is_root ? "denied" : "would-be-denied");
	g_assert_cmpstr(dict_text(first, "tip"), ==,
			world->is_root ? "sudo netguard set env online" : "netguard set env online");
	g_assert_cmpstr(dict_text(first, "text"), ==,
			world->is_root ? "denied: the profile is Offline" : "would be denied: the profile is Offline");
	g_assert_cmpstr(dict_text(first, "errno"), ==, world->is_root ? "EPERM" : "");
	app = world_do(world, "GetApp", g_variant_new("(s)", "env"));
	g_assert_true(g_variant_lookup(app, "denied-today", "t", &today));
	g_assert_cmpuint(today, ==, 7);
	world_free(world);
}

static void test_own_attempts(void)
{
	World *world;
	g_autoptr(Raw) root = NULL, nobody = NULL;
	g_autoptr(GVariant) list = NULL, connections = NULL, body = NULL;

	if (needs_root())
		return;
	world = world_started();
	root = raw_new(world, 0);
	nobody = raw_new(world, NOBODY);
	world_write(world, "bin/events", "1000 - 0 1\n65534 - 0 2\n0 - 0 4\n");
	wait_for_attempts(root, 7);
	list = attempts(nobody);
	g_assert_cmpuint(attempts_total(list), ==, 2);
	body = raw_call(nobody, "GetConnections", NULL, NULL);
	connections = g_variant_get_child_value(body, 0);
	g_assert_cmpuint(g_variant_n_children(connections), ==, 1);
	world_free(world);
}

/* One root may call and others may not, with arguments that are well-formed. */
static GVariant *arguments_of(const char *method)
{
	if (g_str_equal(method, "SetProfile"))
		return g_variant_new("(ss@a{sv})", "/usr/bin/env", "online", options(NULL, NULL));
	if (g_str_equal(method, "Forget"))
		return g_variant_new("(s@a{sv})", "env", options(NULL, NULL));
	if (g_str_equal(method, "Pause"))
		return g_variant_new("(u@a{sv})", 60u, options(NULL, NULL));
	if (g_str_equal(method, "Import"))
		return g_variant_new("(sb@a{sv})", "{}", FALSE, options(NULL, NULL));
	if (g_str_equal(method, "VerifyAudit") || g_str_equal(method, "Reload"))
		return NULL;
	return g_variant_new("(@a{sv})", options(NULL, NULL));
}

static void test_refused(void)
{
	static const char *const methods[] = { "SetProfile", "Forget", "Pause",    "Resume",     "Panic",
					       "Import",     "Reload", "GetAudit", "VerifyAudit" };
	World *world;
	g_autoptr(GVariant) app = NULL;

	if (needs_root())
		return;
	world = world_started();
	set(world, "/usr/bin/env", "offline");
	for (gsize i = 0; i < G_N_ELEMENTS(methods); i++) {
		g_autofree char *error = world_fail(world, NOBODY, methods[i], arguments_of(methods[i]));

		g_assert_cmpstr(error, ==, NG_API_ERROR_DENIED);
	}
	app = world_do(world, "GetApp", g_variant_new("(s)", "env"));
	g_assert_cmpstr(dict_text(app, "profile"), ==, "offline");
	world_wait_for(world, "mode", "normal");
	g_assert_cmpuint(world_count_audit(world, "refused", "service"), ==, G_N_ELEMENTS(methods));
	world_free(world);
}

static void test_refused_limit(void)
{
	World *world;
	g_autoptr(Raw) nobody = NULL;

	if (needs_root())
		return;
	world = world_started();
	nobody = raw_new(world, NOBODY);
	for (int i = 0; i < 200; i++) {
		g_autofree char *error = NULL;

		g_assert_null(raw_call(nobody, "Reload", NULL, &error));
		g_assert_cmpstr(error, ==, NG_API_ERROR_DENIED);
	}
	g_assert_cmpuint(world_count_audit(world, "refused", "service"), ==, 10);
	world_free(world);
}

static void test_traffic_hidden(void)
{
	World *world;
	g_autoptr(Raw) nobody = NULL;
	g_autoptr(GVariant) body = NULL, theirs = NULL, ours = NULL;
	guint64 bytes = 0;

	if (needs_root())
		return;
	world = world_started();
	set(world, "/usr/bin/env", "offline");
	nobody = raw_new(world, NOBODY);
	body = raw_call(nobody, "GetApp", g_variant_new("(s)", "env"), NULL);
	theirs = g_variant_get_child_value(body, 0);
	ours = world_do(world, "GetApp", g_variant_new("(s)", "env"));
	g_assert_false(g_variant_lookup(theirs, "tx-bytes", "t", &bytes));
	g_assert_false(g_variant_lookup(theirs, "denied-today", "t", &bytes));
	g_assert_true(g_variant_lookup(ours, "tx-bytes", "t", &bytes));
	g_assert_cmpuint(bytes, ==, 1234);
	world_free(world);
}

/* The next Attempt signal's uid. */
static guint32 next_attempt(Raw *raw)
{
	for (;;) {
		g_autoptr(GDBusMessage) message = raw_read(raw);
		g_autoptr(GVariant) attempt = NULL;

		g_assert_nonnull(message);
		if (g_strcmp0(g_dbus_message_get_member(message), "Attempt") != 0)
			continue;
		attempt = g_variant_get_child_value(g_dbus_message_get_body(message), 0);
		return dict_number(attempt, "uid");
	}
}

static void test_signals(void)
{
	World *world;
	g_autoptr(Raw) root = NULL, nobody = NULL;

	if (needs_root())
		return;
	world = world_started();
	root = raw_new(world, 0);
	nobody = raw_new(world, NOBODY);
	g_variant_unref(raw_call(root, "Subscribe", NULL, NULL));
	g_variant_unref(raw_call(nobody, "Subscribe", NULL, NULL));
	world_write(world, "bin/events", "1000 - 0 1\n65534 - 0 1\n0 - 0 1\n65534 - 0 1\n");
	g_assert_cmpuint(next_attempt(root), ==, 1000);
	g_assert_cmpuint(next_attempt(root), ==, 65534);
	g_assert_cmpuint(next_attempt(root), ==, 0);
	g_assert_cmpuint(next_attempt(root), ==, 65534);
	g_assert_cmpuint(next_attempt(nobody), ==, 65534);
	g_assert_cmpuint(next_attempt(nobody), ==, 65534);
	world_free(world);
}

static void test_changed_signal(void)
{
	World *world = world_started();
	g_autoptr(Raw) raw = raw_new(world, geteuid());
	g_autoptr(GDBusMessage) message = NULL;

	g_variant_unref(raw_call(raw, "Subscribe", NULL, NULL));
	set(world, "/usr/bin/env", "offline");
	/* What the enforcer says after the first load may come between. */
	do {
		g_clear_object(&message);
		message = raw_read(raw);
		g_assert_nonnull(message);
		g_assert_cmpstr(g_dbus_message_get_member(message), ==, "Changed");
	} while (!g_str_equal(g_dbus_message_get_arg0(message), "policy"));
	world_free(world);
}

static void test_explain(void)
{
	World *world = world_started();
	g_autoptr(GVariant) offline = NULL, allowed = NULL, unknown = NULL, bare = NULL;
	g_autofree char *error = NULL, *name = NULL;

	g_variant_unref(
		world_do(world, "SetProfile",
			 g_variant_new("(ss@a{sv})", "/usr/bin/env", "offline",
				       options("allow", g_variant_new_parsed("['198.51.100.7:443/tcp']"), NULL))));
	offline = world_do(world, "Explain", g_variant_new("(ss)", "env", "203.0.113.5:443"));
	g_assert_cmpstr(dict_text(offline, "verdict"), ==, "denied");
	g_assert_cmpstr(dict_text(offline, "class"), ==, "global");
	g_assert_cmpstr(dict_text(offline, "rule"), ==, "Profile=offline");
	allowed = world_do(world, "Explain", g_variant_new("(ss)", "env", "198.51.100.7:443/tcp"));
	g_assert_cmpstr(dict_text(allowed, "verdict"), ==, "allowed");
	g_assert_cmpstr(dict_text(allowed, "rule"), ==, "Allow=198.51.100.7:443/tcp");
	unknown = world_do(world, "Explain", g_variant_new("(ss)", "/usr/bin/head", "203.0.113.5"));
	g_assert_cmpstr(dict_text(unknown, "verdict"), ==, "allowed");
	g_assert_cmpstr(dict_text(unknown, "app"), ==, "");
	bare = world_do(world, "Explain", g_variant_new("(ss)", "env", ""));
	g_assert_cmpstr(dict_text(bare, "verdict"), ==, "");
	error = world_fail(world, geteuid(), "Explain", g_variant_new("(ss)", "nothing", ""));
	g_assert_cmpstr(error, ==, NG_API_ERROR_UNKNOWN);
	name = world_fail(world, geteuid(), "Explain", g_variant_new("(ss)", "env", "example.org"));
	g_assert_cmpstr(name, ==, NG_API_ERROR_INVALID);
	world_free(world);
}

static void test_audit(void)
{
	World *world = world_started();
	g_autoptr(GVariant) records = NULL, latest = NULL, verified = NULL;

	set(world, "/usr/bin/env", "offline");
	set(world, "/usr/bin/env", "local");
	records = world_do(world, "GetAudit", g_variant_new("(@a{sv})", options(NULL, NULL)));
	latest = g_variant_get_child_value(records, 0);
	g_assert_cmpstr(dict_text(latest, "action"), ==, "set");
	g_assert_cmpstr(dict_text(latest, "auth"), ==, "socket");
	g_assert_cmpuint(dict_number(latest, "uid"), ==, geteuid());
	g_assert_nonnull(strstr(dict_text(latest, "before"), "\"profile\":\"offline\""));
	g_assert_nonnull(strstr(dict_text(latest, "after"), "\"profile\":\"local\""));
	verified = world_do(world, "VerifyAudit", NULL);
	g_assert_true(dict_true(verified, "intact"));
	g_assert_true(dict_true(verified, "in-force") == world->is_root);
	world_free(world);
}

static void test_transfer(void)
{
	World *world = world_started();
	g_autoptr(GVariant) exported = NULL, again = NULL, done = NULL, same = NULL, added = NULL;
	const char *document;

	set(world, "/usr/bin/env", "offline");
	g_variant_unref(world_do(world, "SetProfile",
				 g_variant_new("(ss@a{sv})", "/usr/bin/head", "local",
					       options("allow", g_variant_new_parsed("['loopback', '10.0.0.0/8']"),
						       "children", g_variant_new_string("own"), "reason",
						       g_variant_new_string("\"quoted\" \\ ünï"), NULL))));
	exported = world_do(world, "Export", NULL);
	document = g_variant_get_string(exported, NULL);
	same = world_do(world, "Import", g_variant_new("(sb@a{sv})", document, FALSE, options(NULL, NULL)));
	added = g_variant_lookup_value(same, "unchanged", G_VARIANT_TYPE("as"));
	g_assert_cmpuint(g_variant_n_children(added), ==, 2);
	g_variant_unref(world_do(world, "Forget", g_variant_new("(s@a{sv})", "env", options(NULL, NULL))));
	g_variant_unref(world_do(world, "Forget", g_variant_new("(s@a{sv})", "head", options(NULL, NULL))));
	g_variant_unref(world_do(world, "Import", g_variant_new("(sb@a{sv})", document, TRUE, options(NULL, NULL))));
	done = world_do(world, "GetStatus", NULL);
	g_assert_cmpuint(dict_number(done, "applications"), ==, 0);
	g_variant_unref(world_do(world, "Import", g_variant_new("(sb@a{sv})", document, FALSE, options(NULL, NULL))));
	again = world_do(world, "Export", NULL);
	g_assert_cmpstr(g_variant_get_string(again, NULL), ==, document);
	world_free(world);
}

static void test_bad_import(void)
{
	static const struct {
		const char *document, *error;
	} cases[] = {
		{ "", NG_API_ERROR_INVALID },
		{ "{\"version\":2,\"applications\":[]}", NG_API_ERROR_INVALID },
		{ "{\"version\":1}", NG_API_ERROR_INVALID },
		{ "{\"version\":1,\"applications\":[{}]}", NG_API_ERROR_INVALID },
		{ "{\"version\":1,\"applications\":[{\"id\":\"ok\",\"executables\":[\"/a\"],\"profile\":\"online\"},"
		  "{\"id\":\"../../x\",\"executables\":[\"/b\"],\"profile\":\"online\"}]}",
		  NG_API_ERROR_INVALID },
		{ "{\"version\":1,\"applications\":[{\"id\":\"ok\",\"executables\":[\"/a\"],\"profile\":\"online\"},"
		  "{\"id\":\"ok\",\"executables\":[\"/b\"],\"profile\":\"online\"}]}",
		  NG_API_ERROR_INVALID },
		{ "{\"version\":1,\"applications\":[{\"id\":\"ok\",\"executables\":[\"/a\"],\"profile\":\"online\"},"
		  "{\"id\":\"o2\",\"executables\":[\"/a\"],\"profile\":\"online\"}]}",
		  NG_API_ERROR_CONFLICT },
		{ "{\"version\":1,\"applications\":[{\"id\":\"ok\",\"executables\":[\"/a\"],\"profile\":\"online\"},"
		  "{\"id\":\"boss\",\"executables\":[\"/b\"],\"profile\":\"online\"}]}",
		  NG_API_ERROR_MANAGED },
		{ "{\"version\":1,\"applications\":[{\"id\":\"ok\",\"executables\":[\"/a\"],\"profile\":\"online\","
		  "\"name\":\"two\\nlines=1\"}]}",
		  NG_API_ERROR_INVALID },
	};
	World *world = world_new();
	g_autoptr(GVariant) now = NULL;

	world_write(world, "etc/apps.d/boss.app",
		    "[Application]\nName=Boss\nExecutable=/usr/bin/head\n[Network]\nProfile=local\n");
	world_start(world);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *error =
			world_fail(world, geteuid(), "Import",
				   g_variant_new("(sb@a{sv})", cases[i].document, FALSE, options(NULL, NULL)));

		g_test_message("%s", cases[i].document);
		g_assert_cmpstr(error, ==, cases[i].error);
	}
	now = world_do(world, "GetStatus", NULL);
	g_assert_cmpuint(dict_number(now, "applications"), ==, 1);
	world_free(world);
}

static void test_big_import(void)
{
	World *world = world_started();
	g_autoptr(GString) document = g_string_new("{\"version\":1,\"applications\":[");
	g_autoptr(Raw) importer = raw_new(world, geteuid()), other = raw_new(world, geteuid());
	g_autoptr(GVariant) result = NULL, dict = NULL, added = NULL;
	g_autoptr(GDBusMessage) reply = NULL;

	for (int i = 0; i < 2000; i++)
		g_string_append_printf(
			document,
			"%s{\"id\":\"app%d\",\"name\":\"Application %d\",\"executables\":[\"/opt/a%d/a\"],"
			"\"profile\":\"local\",\"allow\":[],\"children\":\"inherit\",\"until\":0,\"then\":\"\","
			"\"reason\":\"\"}",
			i ? "," : "", i, i, i);
	g_string_append(document, "]}");
	raw_post(importer, "Import", g_variant_new("(sb@a{sv})", document->str, FALSE, options(NULL, NULL)));
	/* Others are served meanwhile, and changes refused until it has ended. */
	g_variant_unref(raw_call(other, "GetStatus", NULL, NULL));
	reply = raw_read(importer);
	result = g_variant_ref(g_dbus_message_get_body(reply));
	dict = g_variant_get_child_value(result, 0);
	added = g_variant_lookup_value(dict, "added", G_VARIANT_TYPE("as"));
	g_assert_cmpuint(g_variant_n_children(added), ==, 2000);
	g_assert_true(dict_true(dict, "enforced") == world->is_root);
	world_free(world);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	world_init(argc, argv);
	g_test_add_func("/records/attempts are grouped and counted and come with a tip", test_attempts);
	g_test_add_func("/records/a user sees the attempts and connections of his own uid alone", test_own_attempts);
	g_test_add_func("/records/who is not root changes nothing and the refusal is recorded", test_refused);
	g_test_add_func("/records/a flood of refused calls fills no audit chain", test_refused_limit);
	g_test_add_func("/records/traffic is shown to root alone", test_traffic_hidden);
	g_test_add_func("/records/a subscriber hears of its own uid alone", test_signals);
	g_test_add_func("/records/a change is signalled", test_changed_signal);
	g_test_add_func("/records/an explanation names the rule that decides", test_explain);
	g_test_add_func("/records/the audit says who changed what and verifies", test_audit);
	g_test_add_func("/records/what was exported can be imported and is the same", test_transfer);
	g_test_add_func("/records/a bad document is refused whole", test_bad_import);
	g_test_add_func("/records/a big import lets others be served", test_big_import);
	return g_test_run();
}
