/* SPDX-License-Identifier: MIT */
/* The authentication conversation, line by line, whole and byte by byte. */
#include <string.h>

#include "api/sasl.h"

#define GUID "0123456789abcdef0123456789abcdef"
#define OK "OK " GUID "\r\n"

/* What is answered to `text` (after the first zero byte) from uid 1000, given in pieces of `step` bytes. */
static char *talk(const char *text, gsize step, NgSaslState *ret_state, gsize *ret_rest)
{
	g_autoptr(GString) reply = g_string_new(NULL);
	g_autoptr(GString) all = g_string_new(NULL);
	NgSasl sasl;
	gsize at = 0;

	g_string_append_c(all, '\0');
	g_string_append(all, text);
	ng_sasl_init(&sasl, 1000, GUID);
	while (at < all->len) {
		const gsize n = MIN(step, all->len - at);
		const gsize used = ng_sasl_feed(&sasl, (const guint8 *)all->str + at, n, reply);

		at += used;
		if (used < n)
			break;
	}
	*ret_state = sasl.state;
	if (ret_rest)
		*ret_rest = all->len - at;
	return g_string_free(g_steal_pointer(&reply), FALSE);
}

static void test_conversations(void)
{
	static const struct {
		const char *text, *answer;
		NgSaslState state;
	} cases[] = {
		{ "AUTH EXTERNAL 31303030\r\nBEGIN\r\n", OK, NG_SASL_DONE },
		{ "AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n", "DATA\r\n" OK, NG_SASL_DONE },
		{ "AUTH EXTERNAL\r\nDATA 31303030\r\nBEGIN\r\n", "DATA\r\n" OK, NG_SASL_DONE },
		{ "AUTH EXTERNAL 30\r\n", "REJECTED EXTERNAL\r\n", NG_SASL_AUTH },
		{ "AUTH EXTERNAL 3130303030\r\n", "REJECTED EXTERNAL\r\n", NG_SASL_AUTH },
		{ "AUTH EXTERNAL\r\nDATA 30\r\n", "DATA\r\nREJECTED EXTERNAL\r\n", NG_SASL_AUTH },
		{ "AUTH EXTERNAL zz\r\n", "REJECTED EXTERNAL\r\n", NG_SASL_AUTH },
		{ "AUTH\r\n", "REJECTED EXTERNAL\r\n", NG_SASL_AUTH },
		{ "AUTH ANONYMOUS\r\n", "REJECTED EXTERNAL\r\n", NG_SASL_AUTH },
		{ "AUTH DBUS_COOKIE_SHA1 30\r\n", "REJECTED EXTERNAL\r\n", NG_SASL_AUTH },
		{ "AUTH EXTERNALLY\r\n", "REJECTED EXTERNAL\r\n", NG_SASL_AUTH },
		{ "AUTH EXTERNAL\r\nCANCEL\r\n", "DATA\r\nREJECTED EXTERNAL\r\n", NG_SASL_AUTH },
		{ "AUTH EXTERNAL 31303030\r\nCANCEL\r\n", OK "REJECTED EXTERNAL\r\n", NG_SASL_AUTH },
		{ "AUTH EXTERNAL 31303030\r\nERROR\r\n", OK "REJECTED EXTERNAL\r\n", NG_SASL_AUTH },
		{ "AUTH EXTERNAL 31303030\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n", OK "ERROR descriptors are not taken\r\n",
		  NG_SASL_DONE },
		{ "NEGOTIATE_UNIX_FD\r\n", "ERROR not understood here\r\n", NG_SASL_AUTH },
		{ "HELLO\r\n", "ERROR not understood here\r\n", NG_SASL_AUTH },
		{ "\r\n", "ERROR not understood here\r\n", NG_SASL_AUTH },
		{ "BEGIN\r\n", "", NG_SASL_FAILED },
		{ "AUTH EXTERNAL\r\nBEGIN\r\n", "DATA\r\n", NG_SASL_FAILED },
		{ "AUTH EXTERNAL\n", "", NG_SASL_FAILED },
		{ "AUTH EXTERNAL\rX", "", NG_SASL_FAILED },
		{ "AUTH \x01\r\n", "", NG_SASL_FAILED },
		{ "AUTH \xc3\xbc\r\n", "", NG_SASL_FAILED },
	};
	static const gsize steps[] = { 1, 3, 1000 };

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		for (gsize j = 0; j < G_N_ELEMENTS(steps); j++) {
			NgSaslState state;
			g_autofree char *answer = talk(cases[i].text, steps[j], &state, NULL);

			g_assert_cmpstr(answer, ==, cases[i].answer);
			g_assert_cmpint(state, ==, cases[i].state);
		}
	}
}

static void test_first_byte(void)
{
	NgSasl sasl;
	g_autoptr(GString) reply = g_string_new(NULL);

	ng_sasl_init(&sasl, 1000, GUID);
	g_assert_cmpuint(ng_sasl_feed(&sasl, (const guint8 *)"AUTH EXTERNAL\r\n", 15, reply), ==, 1);
	g_assert_cmpint(sasl.state, ==, NG_SASL_FAILED);
	g_assert_cmpstr(reply->str, ==, "");
}

static void test_rest(void)
{
	NgSaslState state;
	gsize rest;
	g_autofree char *answer = talk("AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\nlmessage", 1000, &state, &rest);

	g_assert_cmpint(state, ==, NG_SASL_DONE);
	g_assert_cmpuint(rest, ==, strlen("lmessage"));
}

static void test_line_limit(void)
{
	for (gsize length = NG_SASL_MAX_LINE - 1; length <= NG_SASL_MAX_LINE + 2; length++) {
		g_autoptr(GString) text = g_string_new(NULL);
		NgSaslState state;

		for (gsize i = 0; i < length; i++)
			g_string_append_c(text, 'A');
		g_string_append(text, "\r\n");
		g_free(talk(text->str, 1000, &state, NULL));
		g_assert_cmpint(state, ==, length <= NG_SASL_MAX_LINE ? NG_SASL_AUTH : NG_SASL_FAILED);
	}
}

static void test_lines_limit(void)
{
	g_autoptr(GString) text = g_string_new(NULL);
	NgSaslState state;

	for (int i = 0; i < NG_SASL_MAX_LINES; i++)
		g_string_append(text, "AUTH\r\n");
	g_free(talk(text->str, 7, &state, NULL));
	g_assert_cmpint(state, ==, NG_SASL_AUTH);
	g_string_append(text, "AUTH\r\n");
	g_free(talk(text->str, 7, &state, NULL));
	g_assert_cmpint(state, ==, NG_SASL_FAILED);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/sasl/every line is answered as the specification says, however it is cut",
			test_conversations);
	g_test_add_func("/sasl/the first byte is zero", test_first_byte);
	g_test_add_func("/sasl/what follows BEGIN is left for the messages", test_rest);
	g_test_add_func("/sasl/a line has a longest length", test_line_limit);
	g_test_add_func("/sasl/a conversation has a largest number of lines", test_lines_limit);
	return g_test_run();
}
