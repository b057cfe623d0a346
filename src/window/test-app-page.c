/* SPDX-License-Identifier: MIT */
/* What the application page makes of the guard's records. */
#include "window/app-page-texts.h"

static GVariant *reply_of(const char *dicts)
{
	GVariant *list = g_variant_parse(G_VARIANT_TYPE("aa{sv}"), dicts, NULL, NULL, NULL);

	g_assert_nonnull(list);
	return g_variant_ref_sink(g_variant_new_tuple(&list, 1));
}

static NgwPageSubject *curl(void)
{
	char *paths[] = { (char *)"/usr/bin/curl", NULL };

	return ngw_page_subject_new("curl", paths);
}

#define ATTEMPT(time, count, call, address, port, reason)                                                              \
	"{'application': <'curl'>, 'decider': <'curl'>, 'verdict': <'denied'>, 'protocol': <'tcp'>, 'time': "          \
	"<int64 " time ">, 'count': <uint64 " count ">, 'call': <'" call "'>, 'address': <'" address                   \
	"'>, 'port': <uint32 " port ">, 'reason': <'" reason "'>}"

static GPtrArray *blocks_of(const char *dicts)
{
	g_autoptr(GVariant) reply = reply_of(dicts);
	NgwPageSubject *subject = curl();
	GPtrArray *blocks = ngw_page_blocks_of(reply, subject);

	ngw_page_subject_free(subject);
	return blocks;
}

static void attempts_to_one_place_are_one_row_with_the_last_ones_reason(void)
{
	g_autoptr(GPtrArray) blocks =
		blocks_of("[" ATTEMPT("100", "2", "connect", "203.0.113.5", "443", "offline") "," ATTEMPT(
			"300", "1", "sendmsg", "203.0.113.5", "443",
			"not-local") "," ATTEMPT("200", "5", "connect", "203.0.113.5", "80", "offline") "]");
	const NgwPageBlock *first = blocks->pdata[0], *second = blocks->pdata[1];

	g_assert_cmpuint(blocks->len, ==, 2);
	g_assert_cmpstr(first->place, ==, "203.0.113.5:443/tcp");
	g_assert_cmpstr(first->allow, ==, "203.0.113.5:443/tcp");
	g_assert_cmpuint(first->count, ==, 3);
	g_assert_cmpint(first->last, ==, 300);
	g_assert_cmpstr(first->reason, ==, "it is Local, and the address is on the Internet");
	g_assert_cmpstr(second->place, ==, "203.0.113.5:80/tcp");
	g_assert_cmpuint(second->count, ==, 5);
}

static void attempts_of_others_and_allowed_ones_are_left_out(void)
{
	g_autoptr(GPtrArray) blocks =
		blocks_of("[{'application': <'wget'>, 'verdict': <'denied'>, 'address': <'203.0.113.5'>},"
			  " {'application': <''>, 'executable': <'/usr/bin/curl'>, 'verdict': <'denied'>},"
			  " {'application': <'curl'>, 'verdict': <'allowed'>, 'address': <'203.0.113.5'>}]");

	g_assert_cmpuint(blocks->len, ==, 0);
}

static void an_undecided_program_is_known_by_its_path_and_cannot_be_allowed_anything(void)
{
	char *paths[] = { (char *)"/opt/x", NULL };
	NgwPageSubject *subject = ngw_page_subject_new("", paths);
	g_autoptr(GVariant) reply =
		reply_of("[{'application': <''>, 'executable': <'/opt/x'>, 'verdict': <'denied'>, 'call': <'connect'>,"
			 " 'address': <'203.0.113.5'>, 'port': <uint32 1>, 'protocol': <'udp'>, 'reason': <'offline'>},"
			 " {'application': <''>, 'executable': <'/opt/y'>, 'verdict': <'denied'>}]");
	g_autoptr(GPtrArray) blocks = ngw_page_blocks_of(reply, subject);

	g_assert_cmpuint(blocks->len, ==, 1);
	g_assert_cmpstr(((NgwPageBlock *)blocks->pdata[0])->place, ==, "203.0.113.5:1/udp");
	g_assert_null(((NgwPageBlock *)blocks->pdata[0])->allow);
	ngw_page_subject_free(subject);
}

static void what_comes_in_from_a_passing_port_is_allowed_without_the_port(void)
{
	g_autoptr(GPtrArray) blocks =
		blocks_of("[" ATTEMPT("1", "1", "recv", "192.0.2.7", "40001", "offline") "," ATTEMPT(
			"2", "1", "recv", "192.0.2.7", "40002", "offline") "," ATTEMPT("3", "1", "recv", "2001:db8::7",
										       "53", "offline") "]");
	const NgwPageBlock *first = blocks->pdata[0], *second = blocks->pdata[1];

	g_assert_cmpuint(blocks->len, ==, 2);
	g_assert_cmpstr(first->place, ==, "Incoming from [2001:db8::7]:53/tcp");
	g_assert_cmpstr(first->allow, ==, "[2001:db8::7]:53/tcp");
	g_assert_cmpstr(second->place, ==, "Incoming from 192.0.2.7/tcp");
	g_assert_cmpstr(second->allow, ==, "192.0.2.7/tcp");
	g_assert_cmpuint(second->count, ==, 2);
}

static void what_no_entry_would_let_through_offers_none(void)
{
	g_autoptr(GPtrArray) blocks = blocks_of("[" ATTEMPT("4", "1", "create", "::", "0", "offline") "," ATTEMPT(
		"3", "1", "bind", "0.0.0.0", "8080", "offline") "," ATTEMPT("2", "1", "connect", "203.0.113.5", "443",
									    "panic") "]");

	g_assert_cmpuint(blocks->len, ==, 3);
	for (guint i = 0; i < blocks->len; i++)
		g_assert_null(((NgwPageBlock *)blocks->pdata[i])->allow);
	g_assert_cmpstr(((NgwPageBlock *)blocks->pdata[0])->place, ==, "Opening a socket (tcp)");
	g_assert_cmpstr(((NgwPageBlock *)blocks->pdata[1])->place, ==, "Listening on 0.0.0.0:8080/tcp");
}

static void another_application_that_decides_is_named(void)
{
	g_autoptr(GPtrArray) blocks = blocks_of(
		"[{'application': <'curl'>, 'decider': <'make'>, 'verdict': <'denied'>, 'call': <'connect'>,"
		" 'address': <'203.0.113.6'>, 'port': <uint32 443>, 'protocol': <'tcp'>, 'reason': <'offline'>}]");

	g_assert_cmpuint(blocks->len, ==, 1);
	g_assert_cmpstr(((NgwPageBlock *)blocks->pdata[0])->decider, ==, "make");
	g_assert_null(((NgwPageBlock *)blocks->pdata[0])->allow);
}

static void a_reason_that_is_newer_than_the_window_is_said_in_the_services_words(void)
{
	g_autofree char *known = ngw_page_reason_text("panic", "denied: x");
	g_autofree char *newer = ngw_page_reason_text("moon", "denied: the moon is full");

	g_assert_cmpstr(known, ==, "everything is Offline until it is resumed");
	g_assert_cmpstr(newer, ==, "the moon is full");
	g_assert_false(ngw_page_reason_is_allowable("moon"));
	g_assert_true(ngw_page_reason_is_allowable("offline"));
}

static void connections_are_those_of_the_application_and_no_more_than_asked_for(void)
{
	NgwPageSubject *subject = curl();
	g_autoptr(GVariant) reply = reply_of(
		"[{'application': <'curl'>, 'pid': <uint32 7>, 'protocol': <'tcp'>, 'local': <'192.168.1.5:40000'>,"
		"  'remote': <'203.0.113.5:443'>, 'state': <'established'>},"
		" {'application': <'wget'>, 'pid': <uint32 8>, 'remote': <'203.0.113.9:443'>},"
		" {'application': <'curl'>, 'pid': <uint32 7>, 'protocol': <'tcp'>, 'local': <'127.0.0.1:8080'>,"
		"  'remote': <''>, 'state': <'listening'>},"
		" {'application': <'curl'>, 'pid': <uint32 9>, 'protocol': <'udp'>, 'remote': <'203.0.113.5:53'>}]");
	guint more = 0;
	g_autoptr(GPtrArray) sockets = ngw_page_sockets_of(reply, subject, 2, &more);
	const NgwPageSocket *first = sockets->pdata[0], *second = sockets->pdata[1];

	g_assert_cmpuint(sockets->len, ==, 2);
	g_assert_cmpuint(more, ==, 1);
	g_assert_cmpstr(first->place, ==, "203.0.113.5:443");
	g_assert_cmpstr(first->detail, ==, "tcp · open · from 192.168.1.5:40000 · process 7");
	g_assert_cmpstr(second->place, ==, "Waiting on 127.0.0.1:8080");
	ngw_page_subject_free(subject);
}

static void check_change(const char *action, const char *before, const char *after, const char *wanted)
{
	g_autofree char *text = ngw_page_change_text(action, before, after);

	g_assert_cmpstr(text, ==, wanted);
}

static void a_change_says_what_is_different(void)
{
	static const char offline[] = "{\"profile\":\"offline\",\"allow\":[\"192.0.2.1\"],\"children\":\"inherit\","
				      "\"until\":0,\"reason\":\"a\",\"name\":\"curl\"}";

	check_change("set", "", offline, "Set to Offline, allowed 192.0.2.1");
	check_change("set", offline,
		     "{\"profile\":\"online\",\"allow\":[\"192.0.2.1\"],\"children\":\"inherit\",\"until\":0,"
		     "\"while\":\"running\",\"name\":\"curl\"}",
		     "Changed from Offline to Online, until it quits");
	check_change("set", offline,
		     "{\"profile\":\"offline\",\"allow\":[\"192.0.2.2\"],\"children\":\"own\",\"until\":0,"
		     "\"name\":\"curl\"}",
		     "Allowed 192.0.2.2, no longer allows 192.0.2.1, programs it starts stand for themselves");
	check_change("set", offline,
		     "{\"profile\":\"offline\",\"allow\":[\"192.0.2.1\"],\"children\":\"inherit\",\"until\":0,"
		     "\"reason\":\"b\",\"name\":\"curl\"}",
		     "Reason changed");
	check_change("set", offline, offline, "Set to Offline again");
	check_change("forget", offline, "", "Forgotten; it was Offline");
	check_change("approve", offline, offline, "This version was approved");
	check_change("resume", "", "", "resume");
}

static void a_change_that_is_not_json_or_of_another_shape_is_no_accident(void)
{
	check_change("set", "{", "[]", "set");
	check_change("set", "{\"profile\":7,\"allow\":\"x\",\"until\":\"y\"}", "{\"allow\":[{}],\"profile\":\"local\"}",
		     "Set to Local");
}

static void changes_are_those_of_the_application_last_first(void)
{
	NgwPageSubject *subject = curl();
	g_autoptr(GVariant) reply = reply_of(
		"[{'seq': <uint64 9>, 'application': <'curl'>, 'action': <'set'>, 'time': <int64 5>, 'uid': <uint32 0>,"
		"  'origin': <'command'>, 'reason': <'because'>, 'after': <'{\"profile\":\"local\"}'>},"
		" {'seq': <uint64 10>, 'application': <'curl'>, 'action': <'set'>, 'uid': <uint32 4294967295>,"
		"  'origin': <'timer'>, 'after': <'{\"profile\":\"offline\"}'>},"
		" {'seq': <uint64 11>, 'application': <'wget'>, 'action': <'set'>},"
		" {'seq': <uint64 8>, 'application': <'curl'>, 'action': <'set'>}]");
	guint more = 0;
	g_autoptr(GPtrArray) changes = ngw_page_changes_of(reply, subject, 2, &more);
	const NgwPageChange *first = changes->pdata[0], *second = changes->pdata[1];

	g_assert_cmpuint(changes->len, ==, 2);
	g_assert_cmpuint(more, ==, 1);
	g_assert_cmpstr(first->what, ==, "Set to Offline");
	g_assert_cmpstr(first->who, ==, "its time was over");
	g_assert_cmpstr(second->who, ==, "root, with the command");
	g_assert_cmpstr(second->reason, ==, "because");
	g_assert_cmpstr(second->profile, ==, "local");
	ngw_page_subject_free(subject);
}

static void check_end(gint64 until, const char *word, const char *then, const char *otherwise, const char *wanted)
{
	g_autofree char *text = ngw_page_end_text("Firefox", until, word, then, otherwise);

	g_assert_cmpstr(text, ==, wanted);
}

static void an_end_says_what_comes_back_and_when(void)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_local();
	g_autofree char *clock = g_date_time_format(now, "Back to Offline at %H:%M");

	check_end(g_date_time_to_unix(now), "", "offline", "online", clock);
	check_end(0, "running", "offline", "online", "Back to Offline when Firefox quits");
	check_end(0, "boot", "", "online", "Back to the default, Online, when the computer restarts");
	check_end(0, "boot", "", "", "Back to the default when the computer restarts");
	check_end(0, "", "", "", "");
}

static void a_package_is_found_by_the_path_and_by_the_one_before_usr_was_merged(void)
{
	const char *const curl_path[] = { "/usr/bin/curl", NULL }, *const bash_path[] = { "/usr/bin/bash", NULL };
	g_autofree char *plain = ngw_page_package_parse("curl: /usr/bin/curl\n", curl_path);
	g_autofree char *merged = ngw_page_package_parse("bash:amd64: /bin/bash\n", bash_path);
	g_autofree char *shared = ngw_page_package_parse("a, b: /usr/bin/curl\n", curl_path);
	g_autofree char *diverted = ngw_page_package_parse("diversion by x from: /usr/bin/curl\n"
							   "diversion by x to: /usr/bin/curl.real\n",
							   curl_path);
	g_autofree char *none = ngw_page_package_parse("", curl_path);
	g_autofree char *other = ngw_page_package_parse("doc: /usr/share/usr/bin/curl\n", curl_path);

	g_assert_cmpstr(plain, ==, "curl");
	g_assert_cmpstr(merged, ==, "bash");
	g_assert_cmpstr(shared, ==, "a");
	g_assert_null(diverted);
	g_assert_null(none);
	g_assert_null(other);
}

static void a_path_is_no_pattern(void)
{
	g_auto(GStrv) plain = ngw_page_package_patterns("/opt/a*b[1]?\\c");
	g_auto(GStrv) merged = ngw_page_package_patterns("/usr/bin/bash");

	g_assert_cmpuint(g_strv_length(plain), ==, 1);
	g_assert_cmpstr(plain[0], ==, "/opt/a\\*b\\[1]\\?\\\\c");
	g_assert_cmpuint(g_strv_length(merged), ==, 2);
	g_assert_cmpstr(merged[1], ==, "/bin/bash");
}

#define TEST(name) g_test_add_func("/window/app-page/" #name, name)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	TEST(attempts_to_one_place_are_one_row_with_the_last_ones_reason);
	TEST(attempts_of_others_and_allowed_ones_are_left_out);
	TEST(an_undecided_program_is_known_by_its_path_and_cannot_be_allowed_anything);
	TEST(what_comes_in_from_a_passing_port_is_allowed_without_the_port);
	TEST(what_no_entry_would_let_through_offers_none);
	TEST(another_application_that_decides_is_named);
	TEST(a_reason_that_is_newer_than_the_window_is_said_in_the_services_words);
	TEST(connections_are_those_of_the_application_and_no_more_than_asked_for);
	TEST(a_change_says_what_is_different);
	TEST(a_change_that_is_not_json_or_of_another_shape_is_no_accident);
	TEST(changes_are_those_of_the_application_last_first);
	TEST(an_end_says_what_comes_back_and_when);
	TEST(a_package_is_found_by_the_path_and_by_the_one_before_usr_was_merged);
	TEST(a_path_is_no_pattern);
	return g_test_run();
}
