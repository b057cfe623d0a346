/* SPDX-License-Identifier: MIT */
/*
 * One application file: what is read, what is refused and where, and that what is written is what is read. GKeyFile
 * serves as an independent reader of the same text.
 */
#include <string.h>

#include "policy/private.h"

#define MINIMAL "[Application]\nExecutable=/usr/bin/curl\n[Network]\nProfile=local\n"

static NgPolicyApp *parse(const char *text)
{
	g_autoptr(GError) error = NULL;
	guint line = 7, column = 7;
	NgPolicyApp *app = ng_policy_app_parse("curl", "/x/curl.app", text, strlen(text), &line, &column, &error);

	g_assert_no_error(error);
	g_assert_nonnull(app);
	g_assert_cmpuint(line, ==, 0);
	return app;
}

static void assert_bytes_refused(const char *text, gsize length, guint line, guint column, const char *message)
{
	g_autoptr(GError) error = NULL;
	/* A copy of exactly that length, so that ASan sees a read past it. */
	g_autofree char *copy = g_memdup2(text, length);
	guint got_line = 0, got_column = 0;
	g_autoptr(NgPolicyApp) app =
		ng_policy_app_parse("curl", "/x/curl.app", copy, length, &got_line, &got_column, &error);

	g_assert_null(app);
	g_assert_nonnull(error);
	if (!strstr(error->message, message))
		g_error("“%s” is not in “%s”", message, error->message);
	g_assert_cmpuint(got_line, ==, line);
	g_assert_cmpuint(got_column, ==, column);
}

static void assert_refused(const char *text, guint line, guint column, const char *message)
{
	assert_bytes_refused(text, strlen(text), line, column, message);
}

static void test_every_key_is_read(void)
{
	g_autoptr(NgPolicyApp) app = parse("# a remark\n"
					   "[Application]\n"
					   "Name=Firefox \xc3\xa9\n"
					   "Executable=/usr/lib/firefox/firefox; /opt/a\\;b/*/bin;\n"
					   "Children = own\r\n"
					   "\n"
					   "[Network]\n"
					   "Profile=local\n"
					   "Allow=loopback;shared;198.51.100.7:443/tcp\n"
					   "Until=2026-11-22T20:00:00Z\n"
					   "Then=offline\n"
					   "[Note]\n"
					   "Reason=only the intranet\\nduring the audit\n"
					   "Ticket=4711\n");

	g_assert_cmpstr(app->id, ==, "curl");
	g_assert_cmpstr(app->name, ==, "Firefox \xc3\xa9");
	g_assert_cmpuint(g_strv_length(app->executables), ==, 2);
	g_assert_cmpstr(app->executables[0], ==, "/usr/lib/firefox/firefox");
	g_assert_cmpstr(app->executables[1], ==, "/opt/a;b/*/bin");
	g_assert_cmpuint(app->profile, ==, NG_PROFILE_LOCAL);
	g_assert_cmpuint(app->flags, ==, NG_APP_CHILDREN_OWN | NG_APP_LOOPBACK | NG_APP_SHARED);
	g_assert_cmpuint(app->allows->len, ==, 1);
	g_assert_cmpuint(g_strv_length(app->allow_texts), ==, 3);
	g_assert_cmpint(app->until, ==, 1795377600);
	g_assert_cmpuint(app->then, ==, NG_PROFILE_OFFLINE);
	g_assert_cmpstr(app->reason, ==, "only the intranet\nduring the audit");
	g_assert_cmpstr(app->path, ==, "/x/curl.app");
}

static void test_the_least_file_has_the_stated_defaults(void)
{
	g_autoptr(NgPolicyApp) app = parse(MINIMAL);

	g_assert_cmpstr(app->name, ==, "curl");
	g_assert_cmpuint(app->flags, ==, 0);
	g_assert_cmpint(app->until, ==, 0);
	g_assert_cmpuint(app->then, ==, 0);
	g_assert_null(app->reason);
}

static void test_syntax_errors_name_their_place(void)
{
	assert_refused("", 0, 0, "Executable= is missing");
	assert_refused("[Network]\nProfile=local\n", 0, 0, "Executable= is missing");
	assert_refused("[Application]\n[Network]\nProfile=local\n", 1, 1, "Executable= is missing");
	assert_refused("[Application]\nExecutable=/a\n\n[Network]\n", 4, 1, "Profile= is missing");
	assert_refused("Name=x\n" MINIMAL, 1, 1, "before the first group");
	assert_refused(MINIMAL "[Other]\n", 5, 1, "[Other] is unknown");
	assert_refused(MINIMAL "  [Application]\n", 5, 3, "[Application] is there twice");
	assert_refused(MINIMAL "Profile=online\n", 5, 1, "Profile is there twice");
	assert_refused(MINIMAL "[Note]\nA=1\nA=1\n", 7, 1, "A is there twice");
	assert_refused(MINIMAL "rubbish\n", 5, 1, "neither a group nor a key");
	assert_refused(MINIMAL "=x\n", 5, 1, "neither a group nor a key");
	assert_refused(MINIMAL "[Note\n", 5, 1, "not a group");
	assert_refused(MINIMAL "[]\n", 5, 1, "not a group");
	assert_refused(MINIMAL "[\n", 5, 1, "not a group");
	assert_refused(MINIMAL "Colour=red\n", 5, 1, "Colour is unknown. Remove it");
	assert_refused(MINIMAL "allow=loopback\n", 5, 1, "Write Allow.");
	assert_refused(MINIMAL "Name=x\n", 5, 1, "Move it to [Application]");
	assert_refused(MINIMAL "Reason=x\n", 5, 1, "Move it to [Note]");
	assert_refused("[Application]\nPackage=curl\n", 2, 1, "Package= is not supported by this version");
	assert_refused("[Application]\nScript=curl\n", 2, 1, "Script= is not supported by this version");
	assert_refused("[Application]\nFingerprint=x\n", 2, 1, "Fingerprint= is not supported by this version");
}

static void test_bytes_that_are_not_text_name_their_place(void)
{
	g_autofree char *large = g_strnfill(NG_POLICY_MAX_FILE + 1, '\n');

	assert_bytes_refused("[Application]\nNa\0me=x\n", 22, 2, 3, "NUL byte");
	assert_refused("[Application]\nName=\xc3\xa9\xff\n", 2, 7, "not UTF-8");
	assert_refused("[Application]\nName=\xc3", 2, 6, "not UTF-8");
	assert_refused("\xef\xbb\xbf" MINIMAL, 1, 1, "byte order mark");
	assert_refused("[Application]\nName=a\x1b[31m\n", 2, 7, "control character (0x1b)");
	assert_refused("[Application]\rName=a\n", 1, 14, "control character (0x0d)");
	assert_refused(large, 0, 0, "larger than 65536 bytes");
}

static void test_value_errors_name_their_place(void)
{
	assert_refused("[Network]\nProfile=Offline\n", 2, 9,
		       "“Offline” is not a profile. Write offline, local or online.");
	assert_refused("[Network]\nProfile=\n", 2, 9, "not a profile");
	assert_refused("[Network]\nThen=never\n", 2, 6, "not a profile");
	assert_refused(MINIMAL "Then=offline\n", 5, 1, "Then= without Until=");
	assert_refused("[Network]\nAllow=loopback; \xc3\xa9;10.0.0.1/8\n", 2, 17, "is not an address");
	assert_refused("[Network]\nAllow=loopback; 10.0.0.1/8\n", 2, 17, "Write 10.0.0.0/8.");
	assert_refused("[Network]\nAllow=loopback;;shared\n", 2, 16, "empty entry");
	assert_refused("[Application]\nExecutable=\n[Network]\nProfile=local\n", 1, 1, "Executable= is missing");
	assert_refused("[Application]\nExecutable=curl\n", 2, 12, "not an absolute path");
	assert_refused("[Application]\nExecutable=/a;~/b\n", 2, 15, "not an absolute path");
	assert_refused("[Application]\nExecutable=/a//b\n", 2, 12, "empty part");
	assert_refused("[Application]\nExecutable=/a/../b\n", 2, 12, "empty part");
	assert_refused("[Application]\nExecutable=/a/.\n", 2, 12, "empty part");
	assert_refused("[Application]\nExecutable=/a/\n", 2, 12, "empty part");
	assert_refused("[Application]\nExecutable=/\n", 2, 12, "empty part");
	assert_refused("[Application]\nExecutable=/a;/a\n", 2, 15, "there twice");
	assert_refused("[Application]\nExecutable=/a\\qb\n", 2, 14, "escape is unknown");
	assert_refused("[Application]\nName=a\\\n", 2, 7, "escape is unknown");
	assert_refused("[Application]\nName=a\\;b\n", 2, 7, "escape is unknown");
	assert_refused("[Application]\nName=a\\nb\n", 2, 6, "cannot be shown");
	assert_refused("[Application]\nName=a\xe2\x80\xae"
		       "b\n",
		       2, 6, "cannot be shown");
	assert_refused("[Application]\nName=\n", 2, 6, "name is empty");
	assert_refused("[Application]\nChildren=no\n", 2, 10, "Write inherit or own.");
}

static void assert_round_trip(const NgPolicyApp *app)
{
	g_autofree char *text = ng_policy_app_text(app);
	g_autoptr(NgPolicyApp) again = parse(text);

	g_assert_true(ng_policy_app_equal(app, again));
}

static void test_until_is_one_exact_form(void)
{
	static const char *const bad[] = { "tomorrow",
					   "2026-11-22",
					   "2026-11-22T20:00:00",
					   "2026-11-22T20:00:00+00:00",
					   "2026-11-22 20:00:00Z",
					   "2026-13-22T20:00:00Z",
					   "2026-02-29T20:00:00Z",
					   "2026-11-22T24:00:00Z",
					   "2026-11-22T20:00:60Z",
					   "1969-12-31T23:59:59Z",
					   "2026-11-22T20:00:00.5Z",
					   "0000-00-00T00:00:00Z",
					   "" };

	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autofree char *text = g_strdup_printf("[Network]\nUntil=%s\n", bad[i]);

		assert_refused(text, 2, 7, "is not a time");
	}
}

#define BOOT "0b2e1a4c-5d6f-4a7b-8c9d-0e1f2a3b4c5d"

static void test_while_names_its_boot(void)
{
	static const char *const bad[] = { "boot",
					   "running",
					   "running " BOOT,
					   "boot " BOOT " 5",
					   "boot  " BOOT,
					   "boot 0b2e1a4c",
					   "running " BOOT " soon",
					   "running " BOOT " -1",
					   "running " BOOT " 99999999999999999999",
					   "running " BOOT " 5 6",
					   "Boot " BOOT,
					   "" };
	g_autoptr(NgPolicyApp) boot = parse(MINIMAL "While=boot " BOOT "\nThen=online\n");
	g_autoptr(NgPolicyApp) running = parse(MINIMAL "While=running " BOOT " 12345\n");

	g_assert_cmpuint(boot->span, ==, NG_SPAN_BOOT);
	g_assert_cmpstr(boot->boot, ==, BOOT);
	g_assert_cmpuint(boot->then, ==, NG_PROFILE_ONLINE);
	g_assert_cmpuint(running->span, ==, NG_SPAN_RUNNING);
	g_assert_cmpuint(running->since_ms, ==, 12345);
	g_assert_cmpuint(running->then, ==, 0);
	g_assert_false(ng_policy_app_equal(boot, running));
	assert_round_trip(boot);
	assert_round_trip(running);
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autofree char *text = g_strdup_printf("[Network]\nWhile=%s\n", bad[i]);

		assert_refused(text, 2, 7, "is not a span");
	}
	assert_refused(MINIMAL "Until=2026-11-22T20:00:00Z\nWhile=boot " BOOT "\nThen=online\n", 6, 1,
		       "There are Until= and While=");
}

static void test_too_many_entries_are_refused(void)
{
	g_autoptr(GString) text = g_string_new("[Application]\nExecutable=");

	for (guint i = 0; i <= NG_POLICY_MAX_EXECUTABLES; i++)
		g_string_append_printf(text, "/%02u;", i);
	assert_refused(text->str, 2, 12 + 4 * NG_POLICY_MAX_EXECUTABLES, "more than 64 paths");
	g_string_assign(text, "[Network]\nAllow=loopback;");
	for (guint i = 0; i <= NG_ALLOW_MAX; i++)
		g_string_append_printf(text, "192.0.2.%02u;", i + 10);
	assert_refused(text->str, 2, 16 + 11 * NG_ALLOW_MAX, "more than 32 addresses");
}

static void test_what_is_written_is_read_back(void)
{
	const char *const allow[] = { "loopback", "[2001:db8::/32]:443/udp", NULL };
	g_autoptr(NgPolicyApp) app = parse(MINIMAL);
	g_autoptr(GError) error = NULL;

	assert_round_trip(app);
	g_free(app->name);
	app->name = g_strdup("  a\\b; c ");
	app->executables[0] = (g_free(app->executables[0]), g_strdup("/opt/a;b\\*c /d"));
	app->reason = g_strdup(" \tline\nline \n");
	app->then = NG_PROFILE_ONLINE;
	app->until = 253402300799;
	g_assert_true(ng_policy_app_set_allow(app, allow, &error));
	g_assert_no_error(error);
	g_assert_cmpuint(app->flags, ==, NG_APP_LOOPBACK);
	assert_round_trip(app);
}

static void test_a_refused_allowance_changes_nothing(void)
{
	const char *const bad[] = { "shared", "example.org", NULL };
	g_autoptr(NgPolicyApp) app = parse(MINIMAL);
	g_autoptr(NgPolicyApp) before = ng_policy_app_copy(app);

	g_assert_false(ng_policy_app_set_allow(app, bad, NULL));
	g_assert_true(ng_policy_app_equal(app, before));
}

static void test_gkeyfile_reads_the_same(void)
{
	g_autoptr(NgPolicyApp) app = parse("[Application]\nName=\\sa\\\\b\nExecutable=/a\\;b;/c d/e\\\\*\n"
					   "[Network]\nProfile=local\n[Note]\nReason=x\\ny\\tz\n");
	g_autofree char *text = ng_policy_app_text(app);
	g_autoptr(GKeyFile) file = g_key_file_new();
	g_autofree char *name = NULL, *reason = NULL;
	g_auto(GStrv) executables = NULL;

	g_assert_true(g_key_file_load_from_data(file, text, (gsize)-1, G_KEY_FILE_NONE, NULL));
	name = g_key_file_get_string(file, "Application", "Name", NULL);
	reason = g_key_file_get_string(file, "Note", "Reason", NULL);
	executables = g_key_file_get_string_list(file, "Application", "Executable", NULL, NULL);
	g_assert_cmpstr(name, ==, app->name);
	g_assert_cmpstr(reason, ==, app->reason);
	g_assert_true(g_strv_equal((const char *const *)executables, (const char *const *)app->executables));
}

static void test_remarks_and_own_notes_survive_a_rewrite(void)
{
	static const char old[] =
		"# top\n[Note]\nTicket = 4711\nReason=old\n\n[Application]\n# the path\n"
		"Executable=/usr/bin/curl\nName=cURL\n[Network]\n# careful\nProfile=local\nAllow=loopback";
	g_autoptr(NgPolicyApp) app = parse(old);
	g_autofree char *text = NULL;

	app->profile = NG_PROFILE_OFFLINE;
	app->until = 1795377600;
	g_clear_pointer(&app->reason, g_free);
	g_assert_true(ng_policy_app_set_allow(app, NULL, NULL));
	text = ng_policy_app_text_over(app, old, strlen(old));
	g_assert_cmpstr(text, ==,
			"# top\n[Note]\nTicket = 4711\n\n[Application]\n# the path\n"
			"Executable=/usr/bin/curl\nName=cURL\n[Network]\nUntil=2026-11-22T20:00:00Z\n# careful\n"
			"Profile=offline\n");
}

static void test_parsing_ten_thousand_files_takes_little_time(void)
{
	gint64 start = g_get_monotonic_time();

	for (guint i = 0; i < 10000; i++) {
		g_autoptr(NgPolicyApp) app = parse(MINIMAL "Allow=loopback;192.0.2.0/24:443/tcp\n[Note]\nReason=x\n");

		g_assert_nonnull(app);
	}
	g_test_message("10,000 files parsed in %.1f ms", (double)(g_get_monotonic_time() - start) / 1000);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/app/every key is read", test_every_key_is_read);
	g_test_add_func("/app/the least file has the stated defaults", test_the_least_file_has_the_stated_defaults);
	g_test_add_func("/app/syntax errors name their place", test_syntax_errors_name_their_place);
	g_test_add_func("/app/bytes that are not text name their place", test_bytes_that_are_not_text_name_their_place);
	g_test_add_func("/app/value errors name their place", test_value_errors_name_their_place);
	g_test_add_func("/app/until is one exact form", test_until_is_one_exact_form);
	g_test_add_func("/app/while names the boot it means", test_while_names_its_boot);
	g_test_add_func("/app/too many entries are refused", test_too_many_entries_are_refused);
	g_test_add_func("/app/what is written is read back", test_what_is_written_is_read_back);
	g_test_add_func("/app/a refused allowance changes nothing", test_a_refused_allowance_changes_nothing);
	g_test_add_func("/app/GKeyFile reads the same", test_gkeyfile_reads_the_same);
	g_test_add_func("/app/remarks and own notes survive a rewrite", test_remarks_and_own_notes_survive_a_rewrite);
	g_test_add_func("/app/parsing ten thousand files takes little time",
			test_parsing_ten_thousand_files_takes_little_time);
	return g_test_run();
}
