/* SPDX-License-Identifier: MIT */
/*
 * Allow= entries, both ways.
 */
#include <string.h>

#include "policy/policy.h"

static const struct {
	const char *text;
	const char *canonical; /* NULL: the same */
	guint8 prefix_len;
	guint8 proto;
	guint16 port_first, port_last;
} good[] = {
	{ "198.51.100.7", NULL, 128, 0, 0, 0 },
	{ "198.51.100.7/32", "198.51.100.7", 128, 0, 0, 0 },
	{ "198.51.100.7:443/tcp", NULL, 128, 6, 443, 443 },
	{ "198.51.100.7:443", NULL, 128, 0, 443, 443 },
	{ "198.51.100.7/udp", NULL, 128, 17, 0, 0 },
	{ "198.51.100.0/24", NULL, 120, 0, 0, 0 },
	{ "198.51.100.0/24:8000-8080/tcp", NULL, 120, 6, 8000, 8080 },
	{ "198.51.100.0/24:443-443", "198.51.100.0/24:443", 120, 0, 443, 443 },
	{ "198.51.100.0/24/udp", NULL, 120, 17, 0, 0 },
	{ "0.0.0.0/0", NULL, 96, 0, 0, 0 },
	{ "2001:db8::1", NULL, 128, 0, 0, 0 },
	{ "2001:DB8:0::1", "2001:db8::1", 128, 0, 0, 0 },
	{ "[2001:db8::1]", "2001:db8::1", 128, 0, 0, 0 },
	{ "2001:db8::/32", NULL, 32, 0, 0, 0 },
	{ "2001:db8::/32/tcp", NULL, 32, 6, 0, 0 },
	{ "[2001:db8::1]:443/udp", NULL, 128, 17, 443, 443 },
	{ "[2001:db8::/32]:1-65535", NULL, 32, 0, 1, 65535 },
	{ "2000::/3", NULL, 3, 0, 0, 0 },
	{ "::1", NULL, 128, 0, 0, 0 },
	{ "::/128", "::", 128, 0, 0, 0 },
	{ "::ffff:192.0.2.1", "192.0.2.1", 128, 0, 0, 0 },
	{ "[::ffff:192.0.2.0/120]:53", "192.0.2.0/24:53", 120, 0, 53, 53 },
};

static const struct {
	const char *text;
	const char *message;
} bad[] = {
	{ "", "not an address" },
	{ "example.org", "Names are not held to addresses yet" },
	{ "example.org:443", "Names are not held to addresses yet" },
	{ "localhost", "Write loopback" },
	{ "Loopback", "Names are not held" },
	{ "10.0.0.1/8", "Write 10.0.0.0/8." },
	{ "10.0.0.1/8:443/tcp", "Write 10.0.0.0/8." },
	{ "2001:db8::1/32", "Write 2001:db8::/32." },
	{ "10.0.0.0/33", "not a prefix length" },
	{ "10.0.0.0/08", "not a prefix length" },
	{ "10.0.0.0/", "is not a protocol" },
	{ "10.0.0.0/-1", "is not a protocol" },
	{ "10.0.0.0/8/8", "not a prefix length" },
	{ "2001:db8::/129", "not a prefix length" },
	{ "::/0", "holds every IPv4 address" },
	{ "::/80", "holds every IPv4 address" },
	{ "::fffe:0:0/95", "holds every IPv4 address" },
	{ "10.0.0", "not an address" },
	{ "010.0.0.1", "not an address" },
	{ "10.0.0.256", "not an address" },
	{ "*", "not an address" },
	{ "10.*", "not an address" },
	{ "fe80::1%eth0", "Leave out the interface" },
	{ "10.0.0.1:0", "The port is not one" },
	{ "10.0.0.1:", "The port is not one" },
	{ "10.0.0.1:65536", "The port is not one" },
	{ "10.0.0.1:99999999999999999999", "The port is not one" },
	{ "10.0.0.1:0443", "The port is not one" },
	{ "10.0.0.1:443-", "The port is not one" },
	{ "10.0.0.1:-443", "The port is not one" },
	{ "10.0.0.1:443-442", "The port is not one" },
	{ "10.0.0.1:1-2-3", "The port is not one" },
	{ "10.0.0.1: 443", "The port is not one" },
	{ "10.0.0.1:https", "The port is not one" },
	{ "10.0.0.1/TCP", "Write tcp or udp" },
	{ "10.0.0.1/icmp", "Write tcp or udp" },
	{ "[10.0.0.1]:443", "brackets" },
	{ "[2001:db8::1", "not an address" },
	{ "[2001:db8::1]443", "not an address" },
	{ "[2001:db8::1]/32", "not an address" },
	{ "[]", "not an address" },
	{ " 10.0.0.1", "not an address" },
};

static void test_good_entries_are_read_and_written(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
		g_autoptr(GArray) allows = g_array_new(FALSE, TRUE, sizeof(struct ng_allow));
		g_autoptr(GArray) again = g_array_new(FALSE, TRUE, sizeof(struct ng_allow));
		g_autoptr(GError) error = NULL;
		g_autofree char *text = NULL;
		const struct ng_allow *allow = NULL;
		guint8 flags = 0;

		ng_policy_parse_allow(good[i].text, &flags, allows, &error);
		g_assert_no_error(error);
		g_assert_cmpuint(flags, ==, 0);
		g_assert_cmpuint(allows->len, ==, 1);
		allow = &g_array_index(allows, struct ng_allow, 0);
		g_assert_cmpuint(allow->prefix_len, ==, good[i].prefix_len);
		g_assert_cmpuint(allow->proto, ==, good[i].proto);
		g_assert_cmpuint(allow->port_first, ==, good[i].port_first);
		g_assert_cmpuint(allow->port_last, ==, good[i].port_last);
		text = ng_policy_allow_text(allow);
		g_assert_cmpstr(text, ==, good[i].canonical ? good[i].canonical : good[i].text);
		g_assert_true(ng_policy_parse_allow(text, &flags, again, NULL));
		g_assert_cmpmem(allows->data, sizeof(*allow), again->data, sizeof(*allow));
	}
}

static void test_bad_entries_say_what_to_write(void)
{
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GArray) allows = g_array_new(FALSE, TRUE, sizeof(struct ng_allow));
		g_autoptr(GError) error = NULL;
		guint8 flags = 0;

		if (ng_policy_parse_allow(bad[i].text, &flags, allows, &error))
			g_error("“%s” was accepted", bad[i].text);
		g_assert_true(error->domain == NG_POLICY_ERROR);
		if (!strstr(error->message, bad[i].message))
			g_error("“%s”: “%s” is not in “%s”", bad[i].text, bad[i].message, error->message);
		g_assert_cmpuint(allows->len, ==, 0);
		g_assert_cmpuint(flags, ==, 0);
	}
}

static void test_words_set_their_flag(void)
{
	g_autoptr(GArray) allows = g_array_new(FALSE, TRUE, sizeof(struct ng_allow));
	guint8 flags = NG_APP_CHILDREN_OWN;

	g_assert_true(ng_policy_parse_allow("loopback", &flags, allows, NULL));
	g_assert_cmpuint(flags, ==, NG_APP_CHILDREN_OWN | NG_APP_LOOPBACK);
	g_assert_true(ng_policy_parse_allow("shared", &flags, allows, NULL));
	g_assert_true(ng_policy_parse_allow("cloud-metadata", &flags, allows, NULL));
	g_assert_cmpuint(flags, ==, NG_APP_IMAGE_MASK);
	g_assert_cmpuint(allows->len, ==, 0);
}

static void test_profiles_have_exactly_three_words(void)
{
	for (guint i = 0; i < 256; i++) {
		const char *text = ng_policy_profile_text((guint8)i);

		g_assert_true((text != NULL) == (i >= NG_PROFILE_OFFLINE && i <= NG_PROFILE_ONLINE));
		if (text)
			g_assert_cmpuint(ng_policy_profile_from_text(text), ==, i);
	}
	g_assert_cmpuint(ng_policy_profile_from_text("Offline"), ==, 0);
	g_assert_cmpuint(ng_policy_profile_from_text(""), ==, 0);
	g_assert_cmpuint(ng_policy_profile_from_text(NULL), ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/allow/good entries are read and written", test_good_entries_are_read_and_written);
	g_test_add_func("/allow/bad entries say what to write", test_bad_entries_say_what_to_write);
	g_test_add_func("/allow/words set their flag", test_words_set_their_flag);
	g_test_add_func("/allow/profiles have exactly three words", test_profiles_have_exactly_three_words);
	return g_test_run();
}
