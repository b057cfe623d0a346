/* SPDX-License-Identifier: MIT */
/* The launcher's records, the words for them and the text a command prints: everything of the page Run that needs no
 * display. */
#include <locale.h>
#include <signal.h>
#include <string.h>

#include "window/run-attempt.h"
#include "window/run-session.h"
#include "window/run-text.h"

#define HEAD "\"time\":\"2026-11-23T02:04:05.000001Z\",\"source\":\"run\""
#define START(rung, why)                                                                                               \
	"{\"type\":\"start\"," HEAD ",\"command\":[\"true\"],\"profile\":\"offline\",\"allow\":[],"                    \
	"\"allow-unix\":[],\"publish\":[],\"rung\":\"" rung "\",\"why\":\"" why "\"}\n"
#define ATTEMPT(count, more)                                                                                           \
	"{\"type\":\"attempt\"," HEAD ",\"count\":" count ",\"pid\":7,\"uid\":1000,\"executable\":\"/usr/bin/curl\","  \
	"\"profile\":\"offline\",\"family\":\"ipv4\",\"protocol\":\"tcp\"," more "}\n"
#define DENIED "\"verdict\":\"denied\",\"reason\":\"offline\",\"text\":\"denied: the profile is Offline\""
#define CONNECT(count, address)                                                                                        \
	ATTEMPT(count,                                                                                                 \
		"\"call\":\"connect\",\"address\":\"" address "\",\"port\":443,\"path\":\"\",\"name\":\"\"," DENIED    \
		",\"tip\":\"--allow " address ":443/tcp\"")
#define END(status, lost)                                                                                              \
	"{\"type\":\"end\"," HEAD ",\"exit-status\":" status ",\"allowed\":0,\"denied\":1,\"lost\":" lost "}\n"

static NgwRunRecord *record(const char *line)
{
	return ngw_run_record_parse(line, strlen(line));
}

static void assert_text(char *is, const char *wanted)
{
	g_assert_cmpstr(is, ==, wanted);
	g_free(is);
}

/* --- records --- */

static void test_an_attempt_is_read_whole(void)
{
	g_autoptr(NgwRunRecord) attempt = record(CONNECT("3", "203.0.113.10"));

	g_assert_nonnull(attempt);
	g_assert_cmpint(attempt->type, ==, NGW_RUN_RECORD_ATTEMPT);
	g_assert_cmpint(attempt->verdict, ==, NGW_VERDICT_BLOCKED);
	g_assert_cmpuint(attempt->count, ==, 3);
	g_assert_cmpuint(attempt->port, ==, 443);
	g_assert_cmpstr(attempt->tip, ==, "--allow 203.0.113.10:443/tcp");
	assert_text(ngw_run_sentence(attempt), "curl, 203.0.113.10:443/tcp, Blocked 3 times: it is Offline");
}

static void test_what_is_no_record_is_none(void)
{
	static const char *const wrong[] = { "",
					     "{",
					     "[]",
					     "null",
					     "{\"type\":\"dance\"}",
					     "{\"type\":7}",
					     "{\"type\":\"attempt\",\"verdict\":\"perhaps\"}",
					     "{\"type\":\"end\"}",
					     "{\"type\":\"end\",\"exit-status\":\"0\"}",
					     "{\"type\":\"start\"\xff}" };

	for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++)
		g_assert_null(record(wrong[i]));
}

static void test_numbers_out_of_range_are_held_in_it(void)
{
	g_autoptr(NgwRunRecord) attempt =
		record("{\"type\":\"attempt\",\"verdict\":\"denied\",\"port\":70000,\"pid\":-4,\"count\":-9}");
	g_autoptr(NgwRunRecord) start = record("{\"type\":\"start\",\"rung\":\"AA\",\"profile\":{}}");

	g_assert_cmpuint(attempt->port, ==, G_MAXUINT16);
	g_assert_cmpuint(attempt->pid, ==, 0);
	g_assert_cmpuint(attempt->count, ==, 1);
	g_assert_cmpint(start->rung, ==, 0);
	g_assert_cmpstr(start->profile, ==, "");
}

static void test_text_that_would_reorder_or_hide_is_replaced(void)
{
	g_autoptr(NgwRunRecord) attempt = record("{\"type\":\"attempt\",\"verdict\":\"denied\",\"call\":\"connect\","
						 "\"path\":\"/run/\\u202eevil\\n\\u001b[2J\"}");

	assert_text(ngw_run_destination(attempt), "the socket /run/\xef\xbf\xbd"
						  "evil\xef\xbf\xbd\xef\xbf\xbd[2J");
}

static void test_destinations_in_words(void)
{
	static const struct {
		const char *more, *words;
	} cases[] = {
		{ "\"call\":\"resolve\",\"address\":\"\",\"name\":\"a.test\"", "the name a.test" },
		{ "\"call\":\"connect\",\"address\":\"192.0.2.1\",\"port\":80,\"name\":\"a.test\"",
		  "a.test (192.0.2.1:80/tcp)" },
		{ "\"call\":\"sendto\",\"address\":\"2001:db8::1\",\"port\":53", "[2001:db8::1]:53/tcp" },
		{ "\"call\":\"bind\",\"address\":\"::\",\"port\":80", "listening on port 80/tcp" },
		{ "\"call\":\"listen\",\"address\":\"127.0.0.1\",\"port\":80", "listening on 127.0.0.1:80/tcp" },
		{ "\"call\":\"bind\",\"path\":\"/run/x\"", "listening on /run/x" },
		{ "\"call\":\"socket\",\"address\":\"\"", "a tcp socket" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *line = g_strdup_printf(
			"{\"type\":\"attempt\",\"protocol\":\"tcp\",\"verdict\":\"denied\",%s}", cases[i].more);
		g_autoptr(NgwRunRecord) attempt = record(line);

		assert_text(ngw_run_destination(attempt), cases[i].words);
	}
}

static void test_only_flags_that_allow_are_taken_from_a_tip(void)
{
	static const char *const wrong[] = { "",
					     "--allow",
					     "--allow ''",
					     "--allow --log",
					     "--keep-fd 3",
					     "--log /etc/passwd",
					     "--allow a b",
					     "--allow 'a",
					     "--offline",
					     "--require C",
					     "-- sh",
					     "allow a" };
	g_auto(GStrv) socket_tip = ngw_run_tip_words("--allow-unix '/run/a b'"), local = ngw_run_tip_words("--local");

	g_assert_true(g_strv_equal((const char *const *)socket_tip,
				   (const char *const[]){ "--allow-unix", "/run/a b", NULL }));
	g_assert_true(g_strv_equal((const char *const *)local, (const char *const[]){ "--local", NULL }));
	for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++)
		g_assert_null(ngw_run_tip_words(wrong[i]));
}

/* --- the session --- */

static const NgwRunRecord *listed(NgwRunSession *session, guint i)
{
	g_autoptr(NgwRunAttempt) attempt = g_list_model_get_item(ngw_run_session_attempts(session), i);

	return attempt ? ngw_run_attempt_record(attempt) : NULL;
}

static void take(NgwRunSession *session, const char *text)
{
	ngw_run_session_take_log(session, text, strlen(text));
}

static void test_repeats_are_added_up_in_one_row(void)
{
	g_autoptr(NgwRunSession) session = ngw_run_session_new();

	take(session, CONNECT("1", "203.0.113.10") CONNECT("1", "203.0.113.11") CONNECT("41", "203.0.113.10"));
	g_assert_cmpuint(g_list_model_get_n_items(ngw_run_session_attempts(session)), ==, 2);
	g_assert_cmpuint(listed(session, 0)->count, ==, 42);
	g_assert_cmpuint(ngw_run_session_count(session, NGW_VERDICT_BLOCKED), ==, 43);
}

static void test_what_was_refused_stands_before_what_was_allowed(void)
{
	g_autoptr(NgwRunSession) session = ngw_run_session_new();

	take(session, ATTEMPT("1", "\"call\":\"connect\",\"address\":\"192.0.2.1\",\"verdict\":\"allowed\","
				   "\"reason\":\"allowance\""));
	take(session, CONNECT("1", "203.0.113.10"));
	g_assert_cmpstr(listed(session, 0)->address, ==, "203.0.113.10");
	g_assert_cmpstr(listed(session, 1)->address, ==, "192.0.2.1");
}

static void test_lines_come_in_any_pieces(void)
{
	static const char log[] = START("A", "") CONNECT("1", "203.0.113.10") END("3", "0");
	g_autoptr(NgwRunSession) session = ngw_run_session_new();

	for (gsize i = 0; i < strlen(log); i++)
		ngw_run_session_take_log(session, log + i, 1);
	g_assert_cmpint(ngw_run_session_start_record(session)->rung, ==, 'A');
	g_assert_cmpuint(g_list_model_get_n_items(ngw_run_session_attempts(session)), ==, 1);
}

static void test_a_line_without_end_is_skipped_and_the_next_is_read(void)
{
	g_autoptr(NgwRunSession) session = ngw_run_session_new();
	g_autofree char *piece = g_strnfill(NGW_RUN_LINE_MAX, 'x');

	for (guint i = 0; i < 5; i++)
		take(session, piece);
	take(session, "\n" CONNECT("1", "203.0.113.10"));
	g_assert_cmpuint(g_list_model_get_n_items(ngw_run_session_attempts(session)), ==, 1);
}

static void test_too_many_kinds_are_counted_not_listed(void)
{
	g_autoptr(NgwRunSession) session = ngw_run_session_new();

	for (guint i = 0; i < NGW_RUN_KINDS + 5; i++) {
		g_autofree char *line =
			g_strdup_printf("{\"type\":\"attempt\",\"verdict\":\"denied\",\"call\":\"connect\","
					"\"address\":\"192.0.2.1\",\"port\":%u,\"count\":2}\n",
					i + 1);

		take(session, line);
	}
	g_assert_cmpuint(g_list_model_get_n_items(ngw_run_session_attempts(session)), ==, NGW_RUN_KINDS);
	g_assert_cmpuint(ngw_run_session_unlisted(session), ==, 10);
}

/* --- what is said of it --- */

static void test_the_confinement_is_what_the_start_record_says(void)
{
	g_autoptr(NgwRunRecord) a = record(START("A", "")), b = record(START("B", "no user namespaces")),
				c = record(START("C", ""));
	g_autoptr(NgwRunRecord) none = record("{\"type\":\"start\"}");
	g_autoptr(NgwRunRecord) more =
		record("{\"type\":\"start\",\"profile\":\"offline\",\"allow\":[\"a.test:443/tcp\",7],"
		       "\"allow-unix\":[\"/run/x\"],\"publish\":{}}");

	assert_text(ngw_run_confinement(a), "Confined by a network of its own.");
	assert_text(ngw_run_confinement(b), "Confined by a filter only: no user namespaces");
	assert_text(ngw_run_confinement(c), "Confined by a filter only, and without a list of its attempts.");
	assert_text(ngw_run_confinement(none), "How it is confined was not said.");
	assert_text(ngw_run_reach(a), "Offline: cannot use the network");
	assert_text(ngw_run_reach(more), "Offline: cannot use the network, but also allowed is a.test:443/tcp, /run/x");
	g_assert_null(ngw_run_reach(none));
	g_assert_null(ngw_run_confinement(NULL));
}

static void assert_outcome(const NgwRunOutcome *outcome, const char *title, const char *more)
{
	assert_text(ngw_run_outcome_title(outcome), title);
	assert_text(ngw_run_outcome_more(outcome), more);
}

static void test_how_it_ended_in_words(void)
{
	g_autoptr(NgwRunRecord) start = record(START("A", "")), end = record(END("0", "0")),
				lossy = record(END("0", "2"));

	assert_outcome(&(NgwRunOutcome){ .start = start, .end = end }, "Ended well", NULL);
	assert_outcome(&(NgwRunOutcome){ .start = start, .end = lossy }, "Ended well",
		       "2 attempts could not be recorded.");
	assert_outcome(&(NgwRunOutcome){ .start = start, .end = end, .status = 3 }, "Ended with status 3", NULL);
	assert_outcome(&(NgwRunOutcome){ .start = start, .end = end, .status = 143, .was_stopped = TRUE },
		       "Ended by signal TERM (status 143)", "It was stopped.");
	assert_outcome(&(NgwRunOutcome){ .start = start, .status = 1 }, "Ended with status 1",
		       "The launcher’s last record is missing, so some attempts may not be listed.");
	assert_outcome(&(NgwRunOutcome){ .start = start, .signal = SIGKILL }, "Ended by signal KILL",
		       "The launcher was ended, and with it all it had started.");
}

static void test_without_a_start_record_nothing_is_said_to_be_confined(void)
{
	assert_outcome(&(NgwRunOutcome){ .status = 125, .said = "No rung holds." }, "Nothing was run",
		       "No rung holds.");
	assert_outcome(&(NgwRunOutcome){ .status = 2, .said = "" }, "Nothing was run", "The launcher did not say why.");
	assert_outcome(&(NgwRunOutcome){ .status = 0, .said = "" }, "Ended without a word on how it was confined",
		       "Take it as not confined, and install Network Guard again.");
}

static void test_a_wrong_command_line_is_explained(void)
{
	static const char *const with[] = { "a", "|", "b", NULL }, *const without[] = { "a", "|b", NULL };
	g_autoptr(GError) empty = NULL, quote = NULL;

	g_assert_false(g_shell_parse_argv(" ", NULL, NULL, &empty));
	g_assert_false(g_shell_parse_argv("make 'test", NULL, NULL, &quote));
	assert_text(ngw_run_command_error(empty), "There is no command. Type one, such as: make test");
	assert_text(ngw_run_command_error(quote),
		    "A quotation mark is not closed, or the command ends with a backslash. "
		    "Close it, or put a backslash before it.");
	g_assert_cmpstr(ngw_run_shell_word(with), ==, "|");
	g_assert_null(ngw_run_shell_word(without));
}

/* --- what it prints --- */

static void assert_print(const char *bytes, const char *wanted)
{
	for (gsize piece = 1; piece <= strlen(bytes); piece++) {
		g_autoptr(GString) out = g_string_new(NULL);
		NgwRunText text = { 0 };

		for (gsize at = 0; at < strlen(bytes); at += piece)
			ngw_run_text_feed(&text, bytes + at, MIN(piece, strlen(bytes) - at), out);
		g_assert_cmpstr(out->str, ==, wanted);
	}
}

static void test_what_is_printed_is_made_fit_to_be_shown(void)
{
	assert_print("a\nb\tc", "a\nb\tc");
	assert_print("one\r\ntwo\r\n", "one\ntwo\n");
	assert_print("10%\r100%\n", "10%\r100%\n");
	assert_print("\x1b[1;31mred\x1b[0m \x1b]0;title\x07plain \x1b(Bx\x1b=y", "red plain xy");
	assert_print("\x1bP1;2q data \x1b\\after", "after");
	assert_print("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x99\x82",
		     "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x99\x82");
	assert_print("a\xff"
		     "b\xc3"
		     "c\xe2\x82"
		     "d",
		     "a\xef\xbf\xbd"
		     "b\xef\xbf\xbd"
		     "c\xef\xbf\xbd"
		     "d");
	assert_print("bell\x07\x08 end", "bell end");
}

static void test_a_line_without_end_is_broken(void)
{
	g_autofree char *line = g_strnfill(NGW_RUN_COLUMNS * 2, 'x');
	g_autoptr(GString) out = g_string_new(NULL);
	NgwRunText text = { 0 };

	ngw_run_text_feed(&text, line, strlen(line), out);
	g_assert_cmpuint(out->len, ==, NGW_RUN_COLUMNS * 2 + 1);
	g_assert_cmpint(out->str[NGW_RUN_COLUMNS], ==, '\n');
}

int main(int argc, char **argv)
{
	setlocale(LC_ALL, "C.UTF-8");
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/run/an attempt is read whole", test_an_attempt_is_read_whole);
	g_test_add_func("/run/what is no record is none", test_what_is_no_record_is_none);
	g_test_add_func("/run/numbers out of range are held in it", test_numbers_out_of_range_are_held_in_it);
	g_test_add_func("/run/text that would reorder or hide is replaced",
			test_text_that_would_reorder_or_hide_is_replaced);
	g_test_add_func("/run/destinations in words", test_destinations_in_words);
	g_test_add_func("/run/only flags that allow are taken from a tip",
			test_only_flags_that_allow_are_taken_from_a_tip);
	g_test_add_func("/run/repeats are added up in one row", test_repeats_are_added_up_in_one_row);
	g_test_add_func("/run/what was refused stands before what was allowed",
			test_what_was_refused_stands_before_what_was_allowed);
	g_test_add_func("/run/lines come in any pieces", test_lines_come_in_any_pieces);
	g_test_add_func("/run/a line without end is skipped and the next is read",
			test_a_line_without_end_is_skipped_and_the_next_is_read);
	g_test_add_func("/run/too many kinds are counted, not listed", test_too_many_kinds_are_counted_not_listed);
	g_test_add_func("/run/the confinement is what the start record says",
			test_the_confinement_is_what_the_start_record_says);
	g_test_add_func("/run/how it ended in words", test_how_it_ended_in_words);
	g_test_add_func("/run/without a start record nothing is said to be confined",
			test_without_a_start_record_nothing_is_said_to_be_confined);
	g_test_add_func("/run/a wrong command line is explained", test_a_wrong_command_line_is_explained);
	g_test_add_func("/run/what is printed is made fit to be shown", test_what_is_printed_is_made_fit_to_be_shown);
	g_test_add_func("/run/a printed line without end is broken", test_a_line_without_end_is_broken);
	return g_test_run();
}
