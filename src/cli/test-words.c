/* SPDX-License-Identifier: MIT */
/* Sentences and dictionaries. */
#include "cli/words.h"

static GVariant *dict(const char *text)
{
	return g_variant_ref_sink(g_variant_parse(G_VARIANT_TYPE("a{sv}"), text, NULL, NULL, NULL));
}

static void a_missing_or_odd_key_has_a_fallback(void)
{
	g_autoptr(GVariant) d = dict("{'s': <'x'>, 'n': <uint32 7>, 'big': <uint64 18446744073709551615>, 'b': <true>,"
				     "'as': <['a', 'b']>, 'odd': <@as []>}");
	g_auto(GStrv) strings = ng_dict_strings(d, "as"), none = ng_dict_strings(d, "n");

	g_assert_cmpstr(ng_dict_string(d, "s"), ==, "x");
	g_assert_cmpstr(ng_dict_string(d, "n"), ==, "");
	g_assert_cmpstr(ng_dict_string(d, "missing"), ==, "");
	g_assert_cmpint(ng_dict_number(d, "n"), ==, 7);
	g_assert_cmpint(ng_dict_number(d, "big"), ==, G_MAXINT64);
	g_assert_cmpint(ng_dict_number(d, "s"), ==, 0);
	g_assert_true(ng_dict_is(d, "b"));
	g_assert_false(ng_dict_is(d, "n"));
	g_assert_false(ng_dict_is(d, "missing"));
	g_assert_cmpuint(g_strv_length(strings), ==, 2);
	g_assert_cmpuint(g_strv_length(none), ==, 0);
}

static void check_closed(gint64 closed, gint64 left, const char *wanted)
{
	g_autofree char *text = ng_words_closed(closed, left);

	g_assert_cmpstr(text, ==, wanted);
}

static void closed_connections_are_counted(void)
{
	check_closed(0, 0, NULL);
	check_closed(1, 0, "1 open connection closed.");
	check_closed(2, 0, "2 open connections closed.");
	check_closed(0, 1, "1 open connection could not be closed, their next packet is stopped.");
	check_closed(1, 2,
		     "1 open connection closed; 2 open connections could not be closed, their next packet is stopped.");
}

static void check_destination(const char *attempt, const char *wanted)
{
	g_autoptr(GVariant) d = dict(attempt);
	g_autofree char *text = ng_words_destination(d);

	g_assert_cmpstr(text, ==, wanted);
}

static void destinations_read_as_people_write_them(void)
{
	check_destination("{'call': <'connect'>, 'address': <'192.0.2.1'>, 'port': <uint32 443>, 'protocol': <'tcp'>}",
			  "192.0.2.1:443/tcp");
	check_destination("{'call': <'recv'>, 'address': <'2001:db8::1'>, 'port': <uint32 53>, 'protocol': <'udp'>}",
			  "from [2001:db8::1]:53/udp");
	check_destination(
		"{'call': <'sendmsg'>, 'address': <'2001:db8::1'>, 'port': <uint32 0>, 'protocol': <'icmpv6'>}",
		"2001:db8::1/icmpv6");
	check_destination("{'call': <'bind'>, 'address': <'0.0.0.0'>, 'port': <uint32 80>, 'protocol': <'tcp'>}",
			  "listen on 0.0.0.0:80/tcp");
	check_destination("{'call': <'create'>, 'family': <'ipv4'>, 'protocol': <'udp'>}", "a socket of udp");
	check_destination("@a{sv} {}", "any address");
}

static void check_program(const char *attempt, const char *wanted)
{
	g_autoptr(GVariant) d = dict(attempt);
	g_autofree char *text = ng_words_program(d);

	g_assert_cmpstr(text, ==, wanted);
}

static void the_default_is_shown_apart(void)
{
	check_program("{'application': <'curl'>, 'decider': <'curl'>}", "curl");
	check_program("{'application': <'curl'>, 'decider': <'make'>}", "curl (started by make)");
	check_program("{'executable': <'/usr/bin/nc'>, 'decider': <''>}", "nc (default)");
	check_program("{'executable': <'/usr/bin/nc'>, 'decider': <'make'>}", "nc (started by make)");
	check_program("{'command': <'nc'>}", "nc (default)");
	check_program("@a{sv} {}", "unknown program (default)");
}

static void the_reason_does_not_repeat_the_verdict(void)
{
	g_autoptr(GVariant) long_text = dict("{'text': <'denied: the profile is Offline'>, 'reason': <'offline'>}");
	g_autoptr(GVariant) text = dict("{'text': <'the profile is Offline'>}"), none = dict("{'reason': <'offline'>}");

	g_assert_cmpstr(ng_words_why(long_text), ==, "the profile is Offline");
	g_assert_cmpstr(ng_words_why(text), ==, "the profile is Offline");
	g_assert_cmpstr(ng_words_why(none), ==, "offline");
}

static void check_bytes(gint64 bytes, const char *wanted)
{
	g_autofree char *text = ng_words_bytes(bytes);

	g_assert_cmpstr(text, ==, wanted);
}

static void bytes_have_two_or_three_digits(void)
{
	check_bytes(-1, "0 bytes");
	check_bytes(999, "999 bytes");
	check_bytes(1500, "1.5 kB");
	check_bytes(15000, "15 kB");
	check_bytes(999600, "1.0 MB");
	check_bytes(G_MAXINT64, "9223 PB");
}

static void profiles_have_titles_and_effects(void)
{
	g_assert_cmpstr(ng_profile_title("local"), ==, "Local");
	g_assert_cmpstr(ng_profile_effect("offline"), ==, "it cannot use the network");
	g_assert_null(ng_profile_title("Local"));
	g_assert_null(ng_profile_effect(""));
	g_assert_cmpstr(ng_class_title("lan"), ==, "local network");
	g_assert_cmpstr(ng_class_title("new"), ==, "new");
	g_assert_cmpstr(ng_words_verdict("would-be-denied"), ==, "would be denied");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/words/a missing or odd key has a fallback", a_missing_or_odd_key_has_a_fallback);
	g_test_add_func("/words/closed connections are counted", closed_connections_are_counted);
	g_test_add_func("/words/destinations read as people write them", destinations_read_as_people_write_them);
	g_test_add_func("/words/the default is shown apart", the_default_is_shown_apart);
	g_test_add_func("/words/the reason does not repeat the verdict", the_reason_does_not_repeat_the_verdict);
	g_test_add_func("/words/bytes have two or three digits", bytes_have_two_or_three_digits);
	g_test_add_func("/words/profiles have titles and effects", profiles_have_titles_and_effects);
	return g_test_run();
}
