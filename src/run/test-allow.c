/* SPDX-License-Identifier: MIT */
/* --allow and --publish: what is taken, what is refused and with which words, and that text made from them reads back
 * as the same. */
#include <glib.h>
#include <string.h>

#include "run/allow.h"

static const char *taken(const struct ng_run_policy *policy, char text[static NG_ALLOW_TEXT_MAX])
{
	*text = '\0';
	if (policy->allows.count)
		ng_run_allow_text(&policy->allows.allow[0], text);
	else if (policy->n_names)
		ng_run_name_text(&policy->names[0], text);
	return text;
}

static void test_good(void)
{
	static const struct {
		const char *given, *taken;
	} good[] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "192.0.2.1:443", "192.0.2.1:443" },
		{ "192.0.2.1:443/tcp", "192.0.2.1:443/tcp" },
		{ "192.0.2.1/udp", "192.0.2.1/udp" },
		{ "192.0.2.1/icmp", "192.0.2.1/icmp" },
		{ "10.0.0.0/8:8000-8010/udp", "10.0.0.0/8:8000-8010/udp" },
		{ "10.0.0.0/8", "10.0.0.0/8" },
		{ "0.0.0.0/0", "0.0.0.0/0" },
		{ "2001:db8::1", "2001:db8::1" },
		{ "2001:db8::/32", "2001:db8::/32" },
		{ "2001:db8::1/tcp", "2001:db8::1/tcp" },
		{ "[2001:db8::1]:443", "[2001:db8::1]:443" },
		{ "[2001:db8::/32]:443/tcp", "[2001:db8::/32]:443/tcp" },
		{ "[2001:db8::1]", "2001:db8::1" },
		{ "2001:db8::1/icmp", "2001:db8::1/icmp" },
		{ "::ffff:192.0.2.1", "192.0.2.1" },
		{ "2000::/3", "2000::/3" },
		{ "example.org", "example.org" },
		{ "EXAMPLE.Org.:443/tcp", "example.org:443/tcp" },
		{ "*.example.org:80-81", "*.example.org:80-81" },
		{ "printer", "printer" },
		{ "_srv.a-b.example/udp", "_srv.a-b.example/udp" },
		{ "xn--bcher-kva.example", "xn--bcher-kva.example" },
		{ "1and1.example.x2", "1and1.example.x2" },
		{ "localhost:5432/tcp", "127.0.0.1:5432/tcp" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
		struct ng_run_policy policy = { 0 }, again = { 0 };
		char error[NG_RUN_ERROR_MAX] = "", text[NG_ALLOW_TEXT_MAX], text_again[NG_ALLOW_TEXT_MAX];

		if (ng_run_allow_parse(good[i].given, &policy, error) < 0)
			g_error("%s: %s", good[i].given, error);
		g_assert_cmpstr(taken(&policy, text), ==, good[i].taken);
		g_assert_cmpint(ng_run_allow_parse(text, &again, error), ==, 0);
		g_assert_cmpstr(taken(&again, text_again), ==, text);
		g_assert_cmpuint(policy.app.n_allow, ==, policy.allows.count);
	}
}

static void test_bad(void)
{
	static const struct {
		const char *given, *said;
	} bad[] = {
		{ "", "The host is missing" },
		{ ":443", "The host is missing" },
		{ "/tcp", "The host is missing" },
		{ "*", "Write --online for everything" },
		{ "*.", "no host" },
		{ "*.com.*", "A * stands only at the beginning" },
		{ "a*.example.org", "A * stands only at the beginning" },
		{ "https://example.org/x", "example.org:443" },
		{ "example.org:https", "the port is not one" },
		{ "example.org:0", "the port is not one" },
		{ "example.org:65536", "the port is not one" },
		{ "example.org:9-8", "the port is not one" },
		{ "example.org:", "the port is not one" },
		{ "example.org:080", "the port is not one" },
		{ "example.org:4294967739", "the port is not one" },
		{ "example.org:443/tls", "\"tls\" is not a protocol" },
		{ "example.org/24", "a name has no prefix" },
		{ "example.org:1/icmp", "ICMP has no ports" },
		{ "[192.0.2.1]:443", "brackets are for IPv6" },
		{ "[2001:db8::1", "inside the brackets" },
		{ "[2001:db8::1]443", "inside the brackets" },
		{ "[example.org]:1", "no host" },
		{ "192.0.2.1/8", "Write 192.0.0.0/8." },
		{ "192.0.2.0/33", "from 0 to 32" },
		{ "192.0.2.0/x4", "is not a protocol" },
		{ "2001:db8::/129", "from 0 to 128" },
		{ "::/0", "holds every IPv4 address" },
		{ "fe80::1%eth0", "Leave out the interface" },
		{ "1.2.3", "Write an IPv4 or IPv6 address, or a name" },
		{ "256.0.0.1", "Write an IPv4 or IPv6 address, or a name" },
		{ "a..b", "no host" },
		{ "-a.example", "no host" },
		{ "b\xc3\xbc"
		  "cher.example",
		  "xn-- form" },
		{ "a b", "no host" },
		{ "localhost/8", "a name has no prefix" },
		{ "loopback:80", "Write it alone" },
		{ "loopback.", "Write it alone" },
		{ "\033[31m", "?[31m" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		struct ng_run_policy policy = { 0 }, before = { 0 };
		char error[NG_RUN_ERROR_MAX] = "";

		if (ng_run_allow_parse(bad[i].given, &policy, error) == 0)
			g_error("%s was taken", bad[i].given);
		if (!strstr(error, bad[i].said) || !g_str_has_prefix(error, "--allow"))
			g_error("%s: %s", bad[i].given, error);
		g_assert_cmpmem(&policy, sizeof(policy), &before, sizeof(before));
	}
}

static void test_long(void)
{
	struct ng_run_policy policy = { 0 };
	char error[NG_RUN_ERROR_MAX];
	g_autofree char *label = g_strnfill(63, 'a'), *longer = g_strnfill(64, 'a'), *huge = g_strnfill(100000, 'a');
	g_autofree char *name = g_strdup_printf("%s.%s.%s.%.61s", label, label, label, label);
	g_autofree char *past = g_strconcat(name, "a", NULL);

	g_assert_cmpuint(strlen(name), ==, 253);
	g_assert_cmpint(ng_run_allow_parse(label, &policy, error), ==, 0);
	g_assert_cmpint(ng_run_allow_parse(longer, &policy, error), <, 0);
	g_assert_cmpint(ng_run_allow_parse(past, &policy, error), <, 0);
	g_assert_cmpint(ng_run_allow_parse(huge, &policy, error), <, 0);
	g_assert_nonnull(strstr(error, "too long"));
	if (ng_run_allow_parse(name, &policy, error) < 0)
		g_error("%s", error);
}

static void test_words(void)
{
	struct ng_run_policy policy = { .app.profile = NG_PROFILE_OFFLINE };
	char error[NG_RUN_ERROR_MAX];

	g_assert_false(ng_run_policy_is_brokered(&policy));
	g_assert_cmpint(ng_run_allow_parse("loopback", &policy, error), ==, 0);
	g_assert_true(ng_run_policy_is_brokered(&policy));
	g_assert_cmpint(ng_run_allow_parse("Shared", &policy, error), ==, 0);
	g_assert_cmpint(ng_run_allow_parse("cloud-metadata", &policy, error), ==, 0);
	g_assert_cmpuint(policy.app.flags, ==, NG_APP_CLASS_MASK);
	g_assert_cmpuint(policy.allows.count + policy.n_names, ==, 0);
}

static void test_limits(void)
{
	struct ng_run_policy policy = { 0 };
	char error[NG_RUN_ERROR_MAX];

	for (unsigned i = 0; i < NG_ALLOW_MAX - 1; i++) {
		g_autofree char *text = g_strdup_printf("192.0.2.%u", i);

		g_assert_cmpint(ng_run_allow_parse(text, &policy, error), ==, 0);
	}
	g_assert_cmpint(ng_run_allow_parse("192.0.2.0", &policy, error), ==, 0);
	g_assert_cmpuint(policy.allows.count, ==, NG_ALLOW_MAX - 1);
	g_assert_cmpint(ng_run_allow_parse("localhost", &policy, error), <, 0); /* takes two, or none */
	g_assert_cmpuint(policy.allows.count, ==, NG_ALLOW_MAX - 1);
	g_assert_cmpint(ng_run_allow_parse("198.51.100.1", &policy, error), ==, 0);
	g_assert_cmpint(ng_run_allow_parse("198.51.100.2", &policy, error), <, 0);
	g_assert_nonnull(strstr(error, "Join some of them"));
	for (unsigned i = 0; i < NG_RUN_NAMES_MAX; i++) {
		g_autofree char *text = g_strdup_printf("host%u.example", i);

		g_assert_cmpint(ng_run_allow_parse(text, &policy, error), ==, 0);
	}
	g_assert_cmpint(ng_run_allow_parse("one-more.example", &policy, error), <, 0);
}

static void test_verdicts(void)
{
	struct ng_run_policy policy = { .app.profile = NG_PROFILE_OFFLINE };
	struct ng_flow flow = {
		.addr = { [10] = 0xff, [11] = 0xff, 198, 51, 100, 7 }, .port = 443, .proto = 6, .call = NG_CALL_CONNECT
	};
	char error[NG_RUN_ERROR_MAX];

	g_assert_cmpint(ng_run_allow_parse("198.51.100.0/24:443/tcp", &policy, error), ==, 0);
	g_assert_cmpuint(ng_verdict_decide(&policy.app, &policy.allows, &flow).allowed, ==, 1);
	flow.port = 80;
	g_assert_cmpuint(ng_verdict_decide(&policy.app, &policy.allows, &flow).allowed, ==, 0);
	flow.port = 443;
	flow.addr[14] = 101;
	g_assert_cmpuint(ng_verdict_decide(&policy.app, &policy.allows, &flow).allowed, ==, 0);
}

static void test_publish(void)
{
	static const char *const good[][2] = {
		{ "8080", "8080" },
		{ "127.0.0.1:8080", "8080" },
		{ "0.0.0.0:80", "0.0.0.0:80" },
		{ "[::1]:80", "[::1]:80" },
	};
	static const char *const bad[] = { "",
					   "0",
					   "65536",
					   "http",
					   "*:80",
					   "localhost:80",
					   "::1:80",
					   "[127.0.0.1]:80",
					   "[::1]80",
					   "1.2.3:4",
					   "127.0.0.1:",
					   "80/tcp",
					   "]:80",
					   "8080 ",
					   "00000000000000000000000000000000000000000000000000000000000080" };
	char error[NG_RUN_ERROR_MAX], text[NG_ALLOW_TEXT_MAX];

	for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
		struct ng_run_policy policy = { 0 };

		if (ng_run_publish_parse(good[i][0], &policy, error) < 0)
			g_error("%s: %s", good[i][0], error);
		ng_run_publish_text(&policy.publish[0], text);
		g_assert_cmpstr(text, ==, good[i][1]);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
		struct ng_run_policy policy = { 0 };

		if (ng_run_publish_parse(bad[i], &policy, error) == 0)
			g_error("%s was taken", bad[i]);
		g_assert_true(g_str_has_prefix(error, "--publish"));
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/allow/hosts, prefixes, ports and protocols are taken and read back as the same", test_good);
	g_test_add_func("/allow/what is not clear is refused with what to write instead, and changes nothing",
			test_bad);
	g_test_add_func("/allow/names and labels are as long as DNS has them, and no longer", test_long);
	g_test_add_func("/allow/the words for classes are those of netguard set", test_words);
	g_test_add_func("/allow/repeats take no place, and past the limits it says what to do", test_limits);
	g_test_add_func("/allow/verdict.h decides by what was taken", test_verdicts);
	g_test_add_func("/allow/ports are published on this machine unless an address is given", test_publish);
	return g_test_run();
}
