/* SPDX-License-Identifier: MIT */
/* The audit chain in words and as a file: everything of the Log that needs no display. */
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <locale.h>
#include <string.h>

#include "window/log-export.h"
#include "window/log-words.h"

#define FIREFOX(profile, more) "{\"id\":\"firefox\",\"name\":\"Firefox\",\"profile\":\"" profile "\"" more "}"

static NgwLogData *record(const char *action, const char *before, const char *after)
{
	g_autoptr(GVariant) dict = g_variant_ref_sink(g_variant_new_parsed(
		"{'seq': <@t 12>, 'time': <@x 1700000040>, 'uid': <@u 0>, 'auth': <'bus'>, 'action': <%s>, "
		"'application': <'firefox'>, 'before': <%s>, 'after': <%s>, 'reason': <'the audit'>, "
		"'origin': <'window'>, 'hash': <'ab12'>}",
		action, before, after));

	return ngw_log_data_read(dict);
}

static void assert_words(const char *action, const char *before, const char *after, const char *title, const char *more)
{
	g_autoptr(NgwLogData) data = record(action, before, after);
	g_autofree char *is_title = ngw_log_title(data), *is_more = ngw_log_more(data);

	g_assert_cmpstr(is_title, ==, title);
	g_assert_cmpstr(is_more, ==, more);
}

static void test_profiles(void)
{
	assert_words("set", FIREFOX("online", ""), FIREFOX("local", ""), "Firefox: Online → Local", NULL);
	assert_words("set", "", FIREFOX("local", ""), "Firefox: not decided → Local", NULL);
	assert_words("forget", FIREFOX("offline", ""), "", "Firefox: Offline → forgotten", NULL);
	assert_words("expire", FIREFOX("online", ",\"until\":1700000000,\"then\":\"local\""), FIREFOX("local", ""),
		     "Firefox: Online → Local, the time is over", NULL);
	assert_words("expire", FIREFOX("online", ""), "", "Firefox: Online → forgotten, the time is over", NULL);
}

static void test_other_changes(void)
{
	assert_words("set", FIREFOX("local", ",\"allow\":[\"shared\"]"),
		     FIREFOX("local", ",\"allow\":[\"shared\",\"198.51.100.7:443/tcp\"]"), "Firefox: stays Local",
		     "now also allowed: 198.51.100.7:443/tcp");
	assert_words("set", FIREFOX("local", ",\"allow\":[\"shared\",\"loopback\"]"), FIREFOX("local", ",\"allow\":[]"),
		     "Firefox: stays Local", "no longer allowed: shared, loopback");
	assert_words("set", FIREFOX("local", ",\"children\":\"inherit\""), FIREFOX("local", ",\"children\":\"own\""),
		     "Firefox: stays Local", "programs it starts follow their own rules");
	assert_words("set", "", FIREFOX("local", ",\"while\":\"running\",\"then\":\"offline\""),
		     "Firefox: not decided → Local", "until it quits, then Offline");
	assert_words("set", FIREFOX("local", ",\"until\":5"), FIREFOX("local", ",\"until\":0"), "Firefox: stays Local",
		     "from now on without an end");
}

static void test_an_end_is_said(void)
{
	g_autoptr(NgwLogData) data = record("set", "", FIREFOX("online", ",\"until\":1700000040,\"then\":\"offline\""));
	g_autofree char *more = ngw_log_more(data);

	g_assert_cmpstr(more, ==, "until 14 Nov 2023 22:14, then Offline");
}

static void test_what_is_not_known_is_shown_as_it_is(void)
{
	assert_words("set", FIREFOX("local", ",\"colour\":\"red\""), FIREFOX("local", ",\"colour\":\"blue\""),
		     "Firefox: stays Local", "colour: red → blue");
	assert_words("dance", "", "twice", "firefox: dance", "twice");
	assert_words("set", "{not json", "nor this", "firefox: changed", "nor this");
	assert_words("set", "[]", "{\"name\":7,\"profile\":{},\"allow\":\"x\"}", "firefox: changed",
		     "now also allowed: x");
}

static void test_states(void)
{
	assert_words("pause", "{\"mode\":\"normal\"}", "{\"mode\":\"paused\",\"until\":1700000040}",
		     "Paused until 14 Nov 2023 22:14", NULL);
	assert_words("panic", "{\"mode\":\"normal\"}", "{\"mode\":\"panic\"}", "Everything was set Offline", NULL);
	assert_words("resume", "{\"mode\":\"paused\"}", "{\"mode\":\"normal\"}", "Resumed: the pause is over", NULL);
	assert_words("resume", "{\"mode\":\"panic\"}", "{\"mode\":\"normal\"}",
		     "Resumed: not everything is Offline any more", NULL);
	assert_words("refused", "", "SetProfile", "A call was refused: SetProfile", NULL);
	assert_words("refused", "", "", "Calls were refused", NULL);
	assert_words("config", "{\"default-profile\":\"online\"}", "{\"default-profile\":\"local\"}",
		     "The settings were changed", "default for unknown programs: Online → Local");
}

static void test_who(void)
{
	g_autoptr(NgwLogData) data = record("set", "", "");
	g_autofree char *window = ngw_log_who(data), *service = NULL, *timer = NULL, *file = NULL;

	g_assert_cmpstr(window, ==, "root, in the window");
	g_free(data->origin);
	data->origin = g_strdup("service");
	data->uid = NGW_LOG_UID_UNKNOWN;
	service = ngw_log_who(data);
	g_assert_cmpstr(service, ==, "the service itself");
	g_free(data->origin);
	data->origin = g_strdup("timer");
	timer = ngw_log_who(data);
	g_assert_cmpstr(timer, ==, "a timer");
	g_free(data->origin);
	data->origin = g_strdup("file");
	file = ngw_log_who(data);
	g_assert_cmpstr(file, ==, "somebody, by changing a file");
}

static void test_the_raw_record_is_whole(void)
{
	g_autoptr(NgwLogData) data = record("set", FIREFOX("online", ""), "no \"json\"");
	g_autofree char *raw = ngw_log_raw(data);
	g_autoptr(JsonParser) parser = json_parser_new();
	JsonObject *object;

	g_assert_true(json_parser_load_from_data(parser, raw, -1, NULL));
	object = json_node_get_object(json_parser_get_root(parser));
	g_assert_cmpint(json_object_get_int_member(object, "seq"), ==, 12);
	g_assert_cmpstr(json_object_get_string_member(object, "hash"), ==, "ab12");
	g_assert_cmpstr(json_object_get_string_member(object, "after"), ==, "no \"json\"");
	g_assert_cmpstr(json_object_get_string_member(json_object_get_object_member(object, "before"), "name"), ==,
			"Firefox");
}

static GPtrArray *one_record(const char *reason)
{
	GPtrArray *records = g_ptr_array_new_with_free_func((GDestroyNotify)ngw_log_data_free);
	NgwLogData *data = record("set", FIREFOX("online", ""), FIREFOX("local", ""));

	g_free(data->reason);
	data->reason = g_strdup(reason);
	g_ptr_array_add(records, data);
	return records;
}

static char *csv_of(const char *reason)
{
	g_autoptr(GPtrArray) records = one_record(reason);

	return ngw_log_export_text(records, NGW_LOG_CSV);
}

static void test_csv_is_quoted(void)
{
	g_autofree char *text = csv_of("a \"b\", c\nd");

	g_assert_cmpstr(text, ==,
			"seq,time,uid,user,auth,action,application,change,before,after,reason,origin,hash\r\n"
			"12,2023-11-14T22:14:00Z,0,\"root\",\"bus\",\"set\",\"firefox\",\"Firefox: Online → Local\","
			"\"{\"\"id\"\":\"\"firefox\"\",\"\"name\"\":\"\"Firefox\"\",\"\"profile\"\":\"\"online\"\"}\","
			"\"{\"\"id\"\":\"\"firefox\"\",\"\"name\"\":\"\"Firefox\"\",\"\"profile\"\":\"\"local\"\"}\","
			"\"a \"\"b\"\", c\nd\",\"window\",\"ab12\"\r\n");
}

static void test_csv_has_no_formulas(void)
{
	static const char *const bad[] = { "=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1" };

	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autofree char *text = csv_of(bad[i]);
		g_autofree char *cell = g_strdup_printf(",\"'%s\",", bad[i]);

		g_assert_nonnull(strstr(text, cell));
	}
}

static void test_json_is_json(void)
{
	g_autoptr(GPtrArray) records = one_record("=1");
	g_autofree char *text = NULL;
	g_autoptr(JsonParser) parser = json_parser_new();
	JsonArray *array;

	g_ptr_array_add(records, record("pause", "", ""));
	text = ngw_log_export_text(records, NGW_LOG_JSON);
	g_assert_true(json_parser_load_from_data(parser, text, -1, NULL));
	array = json_object_get_array_member(json_node_get_object(json_parser_get_root(parser)), "records");
	g_assert_cmpuint(json_array_get_length(array), ==, 2);
	g_assert_cmpstr(json_object_get_string_member(json_array_get_object_element(array, 0), "reason"), ==, "=1");
}

/* --- the file --- */

typedef struct {
	GMainLoop *loop;
	GError *error;
	gboolean is_done;
} Ended;

static void ended(GObject *source, GAsyncResult *result, gpointer data)
{
	Ended *end = data;

	end->is_done = ngw_log_export_finish(result, &end->error);
	g_main_loop_quit(end->loop);
}

static Ended export_to(const char *path)
{
	g_autoptr(GVariant) records =
		g_variant_ref_sink(g_variant_new_parsed("[{'seq': <@t 3>, 'action': <'panic'>}]"));
	g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
	g_autoptr(GFile) file = g_file_new_for_path(path);
	Ended end = { loop, NULL, FALSE };

	ngw_log_export(records, NGW_LOG_CSV, file, NULL, ended, &end);
	g_main_loop_run(loop);
	end.loop = NULL;
	return end;
}

static void test_a_file_is_written_whole_and_private(void)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *folder = g_dir_make_tmp("ngw-log-XXXXXX", &error);
	g_autofree char *path = g_build_filename(folder, "log.csv", NULL);
	g_autofree char *text = NULL;
	g_autoptr(GDir) dir = NULL;
	GStatBuf status;
	Ended end;

	g_assert_no_error(error);
	g_assert_true(g_file_set_contents(path, "what was there before", -1, NULL));
	end = export_to(path);
	g_assert_no_error(end.error);
	g_assert_true(end.is_done);
	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	g_assert_nonnull(strstr(text, "Everything was set Offline"));
	g_assert_cmpint(g_stat(path, &status), ==, 0);
	g_assert_cmpint(status.st_mode & 0777, ==, 0600);
	dir = g_dir_open(folder, 0, NULL);
	g_assert_cmpstr(g_dir_read_name(dir), ==, "log.csv");
	g_assert_null(g_dir_read_name(dir)); /* nothing is left beside it */
	g_unlink(path);
	g_rmdir(folder);
}

static void test_a_file_that_cannot_be_written_is_said(void)
{
	Ended end = export_to("/nowhere/at/all/log.csv");

	g_assert_false(end.is_done);
	g_assert_error(end.error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
	g_clear_error(&end.error);
}

int main(int argc, char **argv)
{
	g_setenv("TZ", "UTC", TRUE);
	setlocale(LC_ALL, "C.UTF-8");
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/log/profiles are said from what to what", test_profiles);
	g_test_add_func("/log/other changes are said", test_other_changes);
	g_test_add_func("/log/an end is said", test_an_end_is_said);
	g_test_add_func("/log/what is not known is shown as it is", test_what_is_not_known_is_shown_as_it_is);
	g_test_add_func("/log/states, refusals and settings are said", test_states);
	g_test_add_func("/log/it says who", test_who);
	g_test_add_func("/log/the raw record is whole", test_the_raw_record_is_whole);
	g_test_add_func("/log/CSV is quoted", test_csv_is_quoted);
	g_test_add_func("/log/CSV has no formulas", test_csv_has_no_formulas);
	g_test_add_func("/log/JSON is JSON", test_json_is_json);
	g_test_add_func("/log/a file is written whole and private", test_a_file_is_written_whole_and_private);
	g_test_add_func("/log/a file that cannot be written is said", test_a_file_that_cannot_be_written_is_said);
	return g_test_run();
}
