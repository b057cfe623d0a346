/* SPDX-License-Identifier: MIT */
/*
 * IPv6 addresses against the oracle: both sides of every boundary, each bit beside the addresses that are named alone,
 * every multicast scope and flag. The oracle's points (oracle.py v6) come as a file named in the arguments. Runs in a
 * test, with no power.
 */
#include <arpa/inet.h>
#include <glib.h>

#include "verdict/test-oracle.h"
#include "verdict/verdict.h"

static GArray *points; /* struct oracle_point */

static __u8 class_of(const char *text, __u8 onlink)
{
	__u8 addr[16];

	if (inet_pton(AF_INET6, text, addr) != 1)
		g_error("not an IPv6 address: %s", text);
	return ng_address_class(addr, onlink);
}

static void check_point(const struct oracle_point *point)
{
	char text[INET6_ADDRSTRLEN];
	const __u8 class = ng_address_class(point->addr, 0), class_onlink = ng_address_class(point->addr, 1);

	inet_ntop(AF_INET6, point->addr, text, sizeof(text));
	if (class != point->class || class_onlink != point->class_onlink)
		g_error("%s is %s, on-link %s; the oracle says %s, on-link %s", text, oracle_class_name(class),
			oracle_class_name(class_onlink), oracle_class_name(point->class),
			oracle_class_name(point->class_onlink));
}

static void test_every_point(void)
{
	g_assert_cmpuint(points->len, >, 1000);
	for (guint i = 0; i < points->len; i++)
		check_point(&g_array_index(points, struct oracle_point, i));
}

static void test_verdicts_follow_the_class(void)
{
	const struct ng_app offline = { .profile = NG_PROFILE_OFFLINE }, local = { .profile = NG_PROFILE_LOCAL },
			    online = { .profile = NG_PROFILE_ONLINE };

	for (guint i = 0; i < points->len * 2; i++) {
		const struct oracle_point *point = &g_array_index(points, struct oracle_point, i / 2);
		struct ng_flow flow = { .port = 53, .proto = 17, .call = NG_CALL_SENDMSG, .onlink = i % 2 };
		const __u8 class = flow.onlink ? point->class_onlink : point->class;
		const int is_local = class == NG_CLASS_MACHINE || class == NG_CLASS_LAN || class == NG_CLASS_ONLINK;
		memcpy(flow.addr, point->addr, 16);
		g_assert_cmpuint(ng_verdict_decide(&offline, NULL, &flow).allowed, ==, 0);
		g_assert_cmpuint(ng_verdict_decide(&local, NULL, &flow).allowed, ==, is_local);
		g_assert_cmpuint(ng_verdict_decide(&online, NULL, &flow).allowed, ==, 1);
		g_assert_cmpuint(ng_verdict_decide(&local, NULL, &flow).class, ==, class);
	}
}

static void test_mapped(void)
{
	g_assert_cmpuint(class_of("::ffff:127.0.0.1", 0), ==, NG_CLASS_MACHINE);
	g_assert_cmpuint(class_of("::ffff:0.0.0.0", 0), ==, NG_CLASS_MACHINE);
	g_assert_cmpuint(class_of("::ffff:192.168.77.1", 0), ==, NG_CLASS_LAN);
	g_assert_cmpuint(class_of("::ffff:100.64.0.1", 1), ==, NG_CLASS_SHARED);
	g_assert_cmpuint(class_of("::ffff:169.254.169.254", 1), ==, NG_CLASS_METADATA);
	g_assert_cmpuint(class_of("::ffff:203.0.113.9", 0), ==, NG_CLASS_GLOBAL);
	g_assert_cmpuint(class_of("::ffff:203.0.113.9", 1), ==, NG_CLASS_ONLINK);
}

static void test_tunnels(void)
{
	/* NAT64, 6to4 and Teredo to this machine, to a private network, to anywhere. */
	static const char *const tunnels[] = {
		"64:ff9b::7f00:1",
		"64:ff9b::c0a8:4d01",
		"64:ff9b::cb00:7109",
		"64:ff9b:1::a00:1",
		"2002:7f00:1::1",
		"2002:c0a8:4d01::1",
		"2002:cb00:7109::1",
		"2001::1",
		"2001:0:4136:e378:8000:63bf:3fff:fdd2",
	};

	for (guint i = 0; i < G_N_ELEMENTS(tunnels); i++) {
		g_assert_cmpuint(class_of(tunnels[i], 0), ==, NG_CLASS_GLOBAL);
		g_assert_cmpuint(class_of(tunnels[i], 1), ==, NG_CLASS_GLOBAL);
	}
}

static void test_embedded_ipv4_is_not_looked_for(void)
{
	/* ::a.b.c.d (deprecated) and ::ffff:0:a.b.c.d (translated) are no IPv4-mapped addresses. */
	g_assert_cmpuint(class_of("::127.0.0.1", 0), ==, NG_CLASS_GLOBAL);
	g_assert_cmpuint(class_of("::192.168.1.1", 0), ==, NG_CLASS_GLOBAL);
	g_assert_cmpuint(class_of("::ffff:0:127.0.0.1", 0), ==, NG_CLASS_GLOBAL);
	g_assert_cmpuint(class_of("0:0:0:0:1:ffff:10.0.0.1", 0), ==, NG_CLASS_GLOBAL);
}

static void test_unspecified(void)
{
	g_assert_cmpuint(class_of("::", 0), ==, NG_CLASS_MACHINE);
	g_assert_cmpuint(class_of("::1", 0), ==, NG_CLASS_MACHINE);
	g_assert_cmpuint(class_of("::2", 0), ==, NG_CLASS_GLOBAL);
}

static void test_multicast(void)
{
	for (unsigned flags = 0; flags < 16; flags++) {
		for (unsigned scope = 0; scope < 16; scope++) {
			const __u8 addr[16] = { 0xff, (__u8)(flags << 4 | scope), [15] = 0xfb };
			const __u8 expected = scope >= 1 && scope <= 5 ? NG_CLASS_LAN : NG_CLASS_GLOBAL;
			g_assert_cmpuint(ng_address_class(addr, 0), ==, expected);
		}
	}
}

int main(int argc, char *argv[])
{
	g_test_init(&argc, &argv, NULL);
	if (argc < 2)
		g_error("usage: %s ORACLE-POINTS", argv[0]);
	points = oracle_points_read(argv[1]);
	g_test_add_func("/ipv6/both sides of every boundary have the class the oracle says", test_every_point);
	g_test_add_func("/ipv6/every profile's verdict follows the oracle's class", test_verdicts_follow_the_class);
	g_test_add_func("/ipv6/an IPv4-mapped address is decided as the IPv4 address inside", test_mapped);
	g_test_add_func("/ipv6/NAT64, 6to4 and Teredo are global, also on-link", test_tunnels);
	g_test_add_func("/ipv6/other ways to write IPv4 inside IPv6 are global", test_embedded_ipv4_is_not_looked_for);
	g_test_add_func("/ipv6/the unspecified address is this machine, as the kernel has it", test_unspecified);
	g_test_add_func("/ipv6/multicast of scope 1 to 5 is local whatever its flags, other scopes are not",
			test_multicast);
	return g_test_run();
}
