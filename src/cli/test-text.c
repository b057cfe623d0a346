/* SPDX-License-Identifier: MIT */
/* Escaping, tables and JSON, without a terminal. */
#include <string.h>

#include "cli/text.h"

static void check_safe(const char *text, const char *wanted)
{
	g_autofree char *safe = ng_text_safe(text);

	g_assert_cmpstr(safe, ==, wanted);
}

static void control_characters_never_reach_a_terminal(void)
{
	check_safe(NULL, "");
	check_safe("plain", "plain");
	check_safe("a\033[31mb\a\r\n\t\x7f", "a\\x1b[31mb\\x07\\x0d\\x0a\\x09\\x7f");
	check_safe("\xc2\x9b", "\\u{9b}"); /* C1 CSI */
	check_safe("a\xe2\x80\xae"
		   "b",
		   "a\\u{202e}b"); /* right-to-left override */
	check_safe("a\xe2\x80\xa8"
		   "b",
		   "a\\u{2028}b"); /* line separator */
	check_safe("\xef\xbb\xbf", "\\u{feff}");
	check_safe("\xf3\xa0\x80\x81", "\\u{e0001}"); /* language tag */
}

static void what_is_not_utf8_is_shown_as_bytes(void)
{
	check_safe("\xff", "\\xff");
	check_safe("a\xc3", "a\\xc3");
	check_safe("\xed\xa0\x80", "\\xed\\xa0\\x80"); /* a surrogate */
	check_safe("\xc0\x80", "\\xc0\\x80");          /* overlong */
}

static void other_scripts_stay_readable(void)
{
	check_safe("M\xc3\xbcller \xe7\xb6\xb2\xe7\xb5\xa1 \xd8\xa7",
		   "M\xc3\xbcller \xe7\xb6\xb2\xe7\xb5\xa1 \xd8\xa7");
	check_safe("\xe2\x80\x8d", "\xe2\x80\x8d"); /* joiner */
}

static void every_byte_gives_printable_text(void)
{
	for (int a = 1; a < 256; a++) {
		for (int b = 0; b < 256; b++) {
			const char text[] = { (char)a, (char)b, 0 };
			g_autofree char *safe = ng_text_safe(text);

			g_assert_true(g_utf8_validate(safe, -1, NULL));
			for (const char *p = safe; *p; p = g_utf8_next_char(p))
				g_assert_false(g_unichar_iscntrl(g_utf8_get_char(p)));
		}
	}
}

static void columns_align_by_what_a_terminal_shows(void)
{
	static const char *const titles[] = { "Name", ">Count", "Rest", NULL };
	g_autoptr(NgTable) table = ng_table_new(titles);
	g_autofree char *text = NULL;

	ng_table_cell(table, "\xe7\xb6\xb2\xe7\xb5\xa1", NG_TONE_PLAIN); /* two characters, four columns */
	ng_table_cell(table, "7", NG_TONE_PLAIN);
	ng_table_cell(table, "x", NG_TONE_PLAIN);
	ng_table_cell(table, "e\xcc\x81", NG_TONE_PLAIN); /* one column */
	ng_table_cell(table, "1234567", NG_TONE_PLAIN);
	ng_table_cell(table, "", NG_TONE_PLAIN);
	g_assert_cmpuint(ng_table_rows(table), ==, 2);
	text = ng_table_text(table, 0, FALSE);
	g_assert_cmpstr(text, ==,
			"Name    Count  Rest\n"
			"\xe7\xb6\xb2\xe7\xb5\xa1        7  x\n"
			"e\xcc\x81     1234567\n");
}

static void a_column_that_is_empty_everywhere_is_left_out(void)
{
	static const char *const titles[] = { "A", "B", "C", NULL };
	g_autoptr(NgTable) table = ng_table_new(titles);
	g_autofree char *text = NULL;

	ng_table_cell(table, "a", NG_TONE_PLAIN);
	ng_table_cell(table, "", NG_TONE_PLAIN);
	ng_table_cell(table, "c", NG_TONE_PLAIN);
	text = ng_table_text(table, 0, FALSE);
	g_assert_cmpstr(text, ==, "A  C\na  c\n");
}

static void a_table_without_rows_is_empty(void)
{
	static const char *const titles[] = { "A", NULL };
	g_autoptr(NgTable) table = ng_table_new(titles);
	g_autofree char *text = ng_table_text(table, 0, TRUE);

	g_assert_cmpstr(text, ==, "");
}

static void colour_is_added_to_words_and_does_not_move_columns(void)
{
	static const char *const titles[] = { "A", "B", NULL };
	g_autoptr(NgTable) table = ng_table_new(titles);
	g_autofree char *text = NULL, *plain = ng_text_tone("x", NG_TONE_PLAIN, TRUE);
	g_autofree char *off = ng_text_tone("x", NG_TONE_BAD, FALSE);

	ng_table_cell(table, "on\033", NG_TONE_GOOD);
	ng_table_cell(table, "b", NG_TONE_PLAIN);
	text = ng_table_text(table, 0, TRUE);
	g_assert_nonnull(strstr(text, "\033[32mon\\x1b\033[0m  b\n"));
	g_assert_cmpstr(plain, ==, "x");
	g_assert_cmpstr(off, ==, "x");
}

static void the_last_column_is_wrapped_on_a_terminal(void)
{
	static const char *const titles[] = { "State", "Meaning", NULL };
	g_autoptr(NgTable) table = ng_table_new(titles);
	g_autofree char *narrow = NULL, *wide = NULL, *too_narrow = NULL, *pipe = NULL;

	ng_table_cell(table, "in force", NG_TONE_PLAIN);
	ng_table_cell(table, "every packet that leaves is judged", NG_TONE_PLAIN);
	narrow = ng_table_text(table, 32, FALSE);
	wide = ng_table_text(table, 44, FALSE);
	too_narrow = ng_table_text(table, 25, FALSE);
	pipe = ng_table_text(table, 0, FALSE);
	g_assert_cmpstr(narrow, ==,
			"State     Meaning\n"
			"in force  every packet that\n"
			"          leaves is judged\n");
	g_assert_cmpstr(wide, ==, "State     Meaning\nin force  every packet that leaves is judged\n");
	g_assert_cmpstr(too_narrow, ==, wide);
	g_assert_cmpstr(pipe, ==, wide);
}

static void json_is_json_and_harmless_on_a_terminal(void)
{
	g_autoptr(GVariant) value =
		g_variant_ref_sink(g_variant_new_parsed("{'name': <'a\\u001b\\u009b\\u202e\\U000e0001\"\\\\'>, 'n': "
							"<int64 -5>, 'list': <@as []>, 'b': <true>}"));
	g_autofree char *json = ng_text_json(value, FALSE);

	g_assert_nonnull(strstr(json, "\"a\\u001b\\u009b\\u202e\\udb40\\udc01\\\"\\\\\""));
	g_assert_nonnull(strstr(json, "\"n\":-5"));
	g_assert_nonnull(strstr(json, "\"list\":[]"));
	g_assert_null(strchr(json, '\n'));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/text/control characters never reach a terminal", control_characters_never_reach_a_terminal);
	g_test_add_func("/text/what is not UTF-8 is shown as bytes", what_is_not_utf8_is_shown_as_bytes);
	g_test_add_func("/text/other scripts stay readable", other_scripts_stay_readable);
	g_test_add_func("/text/every byte gives printable text", every_byte_gives_printable_text);
	g_test_add_func("/text/columns align by what a terminal shows", columns_align_by_what_a_terminal_shows);
	g_test_add_func("/text/a column that is empty everywhere is left out",
			a_column_that_is_empty_everywhere_is_left_out);
	g_test_add_func("/text/a table without rows is empty", a_table_without_rows_is_empty);
	g_test_add_func("/text/colour is added to words and does not move columns",
			colour_is_added_to_words_and_does_not_move_columns);
	g_test_add_func("/text/the last column is wrapped on a terminal", the_last_column_is_wrapped_on_a_terminal);
	g_test_add_func("/text/JSON is JSON and harmless on a terminal", json_is_json_and_harmless_on_a_terminal);
	return g_test_run();
}
