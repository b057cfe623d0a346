/* SPDX-License-Identifier: MIT */
/*
 * The decision: what each profile and allowance gives, with its reason. The expectations are written out from the
 * design, not computed. Runs in a test, with no power.
 */
#include <arpa/inet.h>
#include <glib.h>
#include <string.h>

#include "verdict/verdict.h"

#define TCP 6
#define UDP 17
#define ICMP 1

#define OFFLINE NG_PROFILE_OFFLINE
#define LOCAL NG_PROFILE_LOCAL
#define ONLINE NG_PROFILE_ONLINE

#define ALL_CLASS_BITS (NG_APP_LOOPBACK | NG_APP_SHARED | NG_APP_METADATA)

/* 16 bytes of an address written in either way. */
static void parse_addr(const char *text, __u8 ret_addr[16])
{
	if (strchr(text, ':')) {
		g_assert_cmpint(inet_pton(AF_INET6, text, ret_addr), ==, 1);
		return;
	}
	memset(ret_addr, 0, 16);
	ret_addr[10] = ret_addr[11] = 0xff;
	g_assert_cmpint(inet_pton(AF_INET, text, ret_addr + 12), ==, 1);
}

static struct ng_flow make_flow(__u8 call, const char *addr, __u16 port, __u8 proto)
{
	struct ng_flow flow = { .port = port, .proto = proto, .call = call };

	parse_addr(addr, flow.addr);
	return flow;
}

/* The prefix length counts in the family of the address. */
static struct ng_allow make_allow(const char *addr, unsigned prefix_len, __u8 proto, __u16 first, __u16 last)
{
	struct ng_allow allow = { .proto = proto, .port_first = first, .port_last = last };

	parse_addr(addr, allow.addr);
	allow.prefix_len = (__u8)(prefix_len + (strchr(addr, ':') ? 0 : 96));
	return allow;
}

static struct ng_verdict decide(__u8 profile, __u8 flags, __u8 call, const char *addr)
{
	const struct ng_app app = { .profile = profile, .flags = flags };
	const struct ng_flow flow = make_flow(call, addr, 443, TCP);

	return ng_verdict_decide(&app, NULL, &flow);
}

static void assert_verdict(struct ng_verdict verdict, int allowed, __u8 reason)
{
	g_assert_cmpuint(verdict.allowed, ==, allowed);
	g_assert_cmpuint(verdict.reason, ==, reason);
}

static const __u8 addressed_calls[] = { NG_CALL_CONNECT, NG_CALL_SENDMSG, NG_CALL_SEND, NG_CALL_RECV };

/* One address of each class, and what each profile without allowances says of it. */
static const struct {
	const char *addr;
	__u8 class, local_allowed, local_reason, flag;
} by_class[] = {
	{ "127.0.0.1", NG_CLASS_MACHINE, 1, NG_REASON_LOCAL, NG_APP_LOOPBACK },
	{ "127.255.255.254", NG_CLASS_MACHINE, 1, NG_REASON_LOCAL, NG_APP_LOOPBACK },
	{ "0.0.0.0", NG_CLASS_MACHINE, 1, NG_REASON_LOCAL, NG_APP_LOOPBACK },
	{ "::1", NG_CLASS_MACHINE, 1, NG_REASON_LOCAL, NG_APP_LOOPBACK },
	{ "::", NG_CLASS_MACHINE, 1, NG_REASON_LOCAL, NG_APP_LOOPBACK },
	{ "192.168.77.2", NG_CLASS_LAN, 1, NG_REASON_LOCAL, 0 },
	{ "169.254.169.253", NG_CLASS_LAN, 1, NG_REASON_LOCAL, 0 },
	{ "255.255.255.255", NG_CLASS_LAN, 1, NG_REASON_LOCAL, 0 },
	{ "fe80::1", NG_CLASS_LAN, 1, NG_REASON_LOCAL, 0 },
	{ "fd00:77::2", NG_CLASS_LAN, 1, NG_REASON_LOCAL, 0 },
	{ "ff02::fb", NG_CLASS_LAN, 1, NG_REASON_LOCAL, 0 },
	{ "100.64.0.1", NG_CLASS_SHARED, 0, NG_REASON_SHARED, NG_APP_SHARED },
	{ "169.254.169.254", NG_CLASS_METADATA, 0, NG_REASON_METADATA, NG_APP_METADATA },
	{ "fd00:ec2::254", NG_CLASS_METADATA, 0, NG_REASON_METADATA, NG_APP_METADATA },
	{ "203.0.113.9", NG_CLASS_GLOBAL, 0, NG_REASON_NOT_LOCAL, 0 },
	{ "2001:db8::9", NG_CLASS_GLOBAL, 0, NG_REASON_NOT_LOCAL, 0 },
	{ "64:ff9b::7f00:1", NG_CLASS_GLOBAL, 0, NG_REASON_NOT_LOCAL, 0 },
};

static void test_offline(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(by_class); i++)
		for (guint c = 0; c < G_N_ELEMENTS(addressed_calls); c++)
			assert_verdict(decide(OFFLINE, 0, addressed_calls[c], by_class[i].addr), 0, NG_REASON_OFFLINE);
}

static void test_local(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(by_class); i++) {
		for (guint c = 0; c < G_N_ELEMENTS(addressed_calls); c++) {
			const struct ng_verdict verdict = decide(LOCAL, 0, addressed_calls[c], by_class[i].addr);
			assert_verdict(verdict, by_class[i].local_allowed, by_class[i].local_reason);
			g_assert_cmpuint(verdict.class, ==, by_class[i].class);
		}
	}
}

static void test_online(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(by_class); i++)
		for (guint flags = 0; flags <= ALL_CLASS_BITS; flags++)
			for (__u8 call = NG_CALL_CREATE; call <= NG_CALL_RECV; call++)
				assert_verdict(decide(ONLINE, (__u8)flags, call, by_class[i].addr), 1,
					       NG_REASON_ONLINE);
}

static void test_onlink(void)
{
	const struct ng_app local = { .profile = LOCAL }, offline = { .profile = OFFLINE, .flags = ALL_CLASS_BITS };
	struct ng_flow flow = make_flow(NG_CALL_CONNECT, "203.0.113.9", 443, TCP);

	flow.onlink = 1;
	assert_verdict(ng_verdict_decide(&local, NULL, &flow), 1, NG_REASON_LOCAL);
	assert_verdict(ng_verdict_decide(&offline, NULL, &flow), 0, NG_REASON_OFFLINE);
}

static void test_tunnel_onlink(void)
{
	const struct ng_app local = { .profile = LOCAL };
	struct ng_flow flow = make_flow(NG_CALL_CONNECT, "2002:c0a8:4d01::1", 443, TCP);

	flow.onlink = 1;
	assert_verdict(ng_verdict_decide(&local, NULL, &flow), 0, NG_REASON_NOT_LOCAL);
}

/* Every set of class allowances, for every class: each bit opens its own class and no other. */
static void test_class_allowances(void)
{
	static const __u8 profiles[] = { OFFLINE, LOCAL };

	for (guint i = 0; i < G_N_ELEMENTS(by_class) * 2 * (ALL_CLASS_BITS + 1); i++) {
		const guint row = i / (2 * (ALL_CLASS_BITS + 1));
		const __u8 profile = profiles[i / (ALL_CLASS_BITS + 1) % 2], flags = i % (ALL_CLASS_BITS + 1);
		const struct ng_verdict verdict = decide(profile, flags, NG_CALL_CONNECT, by_class[row].addr);
		if (flags & by_class[row].flag)
			assert_verdict(verdict, 1, NG_REASON_ALLOWANCE);
		else if (profile == LOCAL)
			assert_verdict(verdict, by_class[row].local_allowed, by_class[row].local_reason);
		else
			assert_verdict(verdict, 0, NG_REASON_OFFLINE);
	}
}

static void test_other_flags_allow_nothing(void)
{
	for (guint i = 0; i < G_N_ELEMENTS(by_class); i++) {
		const __u8 others = (__u8)~ALL_CLASS_BITS;
		assert_verdict(decide(OFFLINE, others, NG_CALL_CONNECT, by_class[i].addr), 0, NG_REASON_OFFLINE);
		assert_verdict(decide(LOCAL, others, NG_CALL_CONNECT, by_class[i].addr), by_class[i].local_allowed,
			       by_class[i].local_reason);
	}
}

/* Is `addr` allowed to an Offline application that has this one allowance? */
static int allows_one(struct ng_allow allow, const char *addr, __u16 port, __u8 proto)
{
	const struct ng_app app = { .profile = OFFLINE, .n_allow = 1 };
	const struct ng_allows allows = { .count = 1, .allow = { allow } };
	const struct ng_flow flow = make_flow(NG_CALL_CONNECT, addr, port, proto);
	const struct ng_verdict verdict = ng_verdict_decide(&app, &allows, &flow);

	g_assert_cmpuint(verdict.reason, ==, verdict.allowed ? NG_REASON_ALLOWANCE : NG_REASON_OFFLINE);
	return verdict.allowed;
}

static void test_prefix_of_ipv4(void)
{
	g_assert_true(allows_one(make_allow("198.51.100.7", 32, 0, 0, 0), "198.51.100.7", 443, TCP));
	g_assert_false(allows_one(make_allow("198.51.100.7", 32, 0, 0, 0), "198.51.100.6", 443, TCP));
	g_assert_true(allows_one(make_allow("198.51.100.0", 24, 0, 0, 0), "198.51.100.0", 443, TCP));
	g_assert_true(allows_one(make_allow("198.51.100.0", 24, 0, 0, 0), "198.51.100.255", 443, TCP));
	g_assert_false(allows_one(make_allow("198.51.100.0", 24, 0, 0, 0), "198.51.101.0", 443, TCP));
	g_assert_false(allows_one(make_allow("198.51.100.0", 24, 0, 0, 0), "198.51.99.255", 443, TCP));
	g_assert_true(allows_one(make_allow("::ffff:198.51.100.0", 120, 0, 0, 0), "198.51.100.9", 443, TCP));
}

static void test_all_of_ipv4(void)
{
	g_assert_true(allows_one(make_allow("0.0.0.0", 0, 0, 0, 0), "203.0.113.9", 443, TCP));
	g_assert_false(allows_one(make_allow("0.0.0.0", 0, 0, 0, 0), "2001:db8::9", 443, TCP));
	g_assert_true(allows_one(make_allow("::", 0, 0, 0, 0), "203.0.113.9", 443, TCP));
	g_assert_true(allows_one(make_allow("::", 0, 0, 0, 0), "2001:db8::9", 443, TCP));
}

/* For every length, an address that differs in the last bit inside is refused, one that differs in the first bit
 * outside is not. */
static void test_every_prefix_length(void)
{
	static const char *const base = "a5c3:5a3c:96f0:690f:c3a5:3c5a:f096:0f69";

	for (unsigned length = 0; length <= 128; length++) {
		const struct ng_app app = { .profile = LOCAL, .n_allow = 1 };
		struct ng_allows allows = { .count = 1 };
		struct ng_flow flow = make_flow(NG_CALL_SEND, base, 1, UDP), outside = flow, inside = flow;
		for (unsigned bit = 0; bit < length; bit++)
			allows.allow[0].addr[bit / 8] |= flow.addr[bit / 8] & (__u8)(0x80 >> bit % 8);
		allows.allow[0].prefix_len = (__u8)length;
		g_assert_cmpuint(ng_verdict_decide(&app, &allows, &flow).allowed, ==, 1);
		if (length > 0) {
			outside.addr[(length - 1) / 8] ^= (__u8)(0x80 >> (length - 1) % 8);
			g_assert_cmpuint(ng_verdict_decide(&app, &allows, &outside).allowed, ==, 0);
		}
		if (length < 128) {
			inside.addr[length / 8] ^= (__u8)(0x80 >> length % 8);
			g_assert_cmpuint(ng_verdict_decide(&app, &allows, &inside).allowed, ==, 1);
		}
	}
}

static void test_ports(void)
{
	const struct ng_allow one = make_allow("198.51.100.7", 32, 0, 443, 443),
			      range = make_allow("198.51.100.7", 32, 0, 8000, 8010),
			      last = make_allow("198.51.100.7", 32, 0, 65535, 65535);

	g_assert_true(allows_one(one, "198.51.100.7", 443, TCP));
	g_assert_false(allows_one(one, "198.51.100.7", 442, TCP));
	g_assert_false(allows_one(one, "198.51.100.7", 444, TCP));
	g_assert_true(allows_one(range, "198.51.100.7", 8000, TCP));
	g_assert_true(allows_one(range, "198.51.100.7", 8010, TCP));
	g_assert_false(allows_one(range, "198.51.100.7", 7999, TCP));
	g_assert_false(allows_one(range, "198.51.100.7", 8011, TCP));
	g_assert_true(allows_one(last, "198.51.100.7", 65535, TCP));
	g_assert_false(allows_one(last, "198.51.100.7", 0, TCP));
	g_assert_false(allows_one(one, "198.51.100.8", 443, TCP));
}

static void test_unknown_port(void)
{
	g_assert_false(allows_one(make_allow("198.51.100.7", 32, 0, 1, 65535), "198.51.100.7", 0, TCP));
	g_assert_true(allows_one(make_allow("198.51.100.7", 32, 0, 0, 0), "198.51.100.7", 0, TCP));
}

static void test_protocols(void)
{
	const struct ng_allow tcp = make_allow("198.51.100.7", 32, TCP, 443, 443),
			      udp = make_allow("198.51.100.7", 32, UDP, 0, 0),
			      any = make_allow("198.51.100.7", 32, 0, 0, 0);

	g_assert_true(allows_one(tcp, "198.51.100.7", 443, TCP));
	g_assert_false(allows_one(tcp, "198.51.100.7", 443, UDP));
	g_assert_true(allows_one(udp, "198.51.100.7", 443, UDP));
	g_assert_false(allows_one(udp, "198.51.100.7", 0, ICMP));
	g_assert_true(allows_one(any, "198.51.100.7", 0, ICMP));
}

static void test_last_of_many(void)
{
	const struct ng_app app = { .profile = OFFLINE, .n_allow = NG_ALLOW_MAX };
	struct ng_allows allows = { .count = NG_ALLOW_MAX };
	const struct ng_flow flow = make_flow(NG_CALL_CONNECT, "198.51.100.7", 443, TCP);

	for (unsigned i = 0; i < NG_ALLOW_MAX; i++)
		allows.allow[i] = make_allow("192.0.2.1", 32, 0, 0, 0);
	assert_verdict(ng_verdict_decide(&app, &allows, &flow), 0, NG_REASON_OFFLINE);
	allows.allow[NG_ALLOW_MAX - 1] = make_allow("198.51.100.7", 32, 0, 0, 0);
	assert_verdict(ng_verdict_decide(&app, &allows, &flow), 1, NG_REASON_ALLOWANCE);
}

static void test_counts(void)
{
	struct ng_app app = { .profile = OFFLINE, .n_allow = 1 };
	struct ng_allows allows = { .count = 1, .allow = { make_allow("198.51.100.7", 32, 0, 0, 0) } };
	const struct ng_flow flow = make_flow(NG_CALL_CONNECT, "198.51.100.7", 443, TCP);

	g_assert_cmpuint(ng_verdict_decide(&app, &allows, &flow).allowed, ==, 1);
	g_assert_cmpuint(ng_verdict_decide(&app, NULL, &flow).allowed, ==, 0);
	app.n_allow = 0;
	g_assert_cmpuint(ng_verdict_decide(&app, &allows, &flow).allowed, ==, 0);
	app.n_allow = 1;
	allows.count = 0;
	g_assert_cmpuint(ng_verdict_decide(&app, &allows, &flow).allowed, ==, 0);
	app.n_allow = G_MAXUINT16;
	allows.count = G_MAXUINT32;
	allows.allow[0] = make_allow("192.0.2.1", 32, 0, 0, 0);
	for (unsigned i = 1; i < NG_ALLOW_MAX; i++)
		allows.allow[i] = allows.allow[0];
	g_assert_cmpuint(ng_verdict_decide(&app, &allows, &flow).allowed, ==, 0);
}

/* An allowance by address is the user's explicit word: it also reaches what its class does not give. */
static void test_allowance_by_address_beats_class(void)
{
	g_assert_true(allows_one(make_allow("169.254.169.254", 32, TCP, 80, 80), "169.254.169.254", 80, TCP));
	g_assert_true(allows_one(make_allow("100.64.0.0", 10, 0, 0, 0), "100.100.100.100", 443, TCP));
	g_assert_true(allows_one(make_allow("127.0.0.1", 32, TCP, 8080, 8080), "127.0.0.1", 8080, TCP));
	g_assert_false(allows_one(make_allow("127.0.0.1", 32, TCP, 8080, 8080), "127.0.0.1", 8081, TCP));
}

static void test_create_is_not_refused(void)
{
	assert_verdict(decide(OFFLINE, 0, NG_CALL_CREATE, "::"), 1, NG_REASON_NONE);
	assert_verdict(decide(OFFLINE, NG_APP_LOOPBACK, NG_CALL_CREATE, "::"), 1, NG_REASON_ALLOWANCE);
	assert_verdict(decide(LOCAL, 0, NG_CALL_CREATE, "::"), 1, NG_REASON_LOCAL);
}

static void test_raw_create(void)
{
	const struct ng_app offline = { .profile = OFFLINE },
			    loopback = { .profile = OFFLINE, .flags = NG_APP_LOOPBACK },
			    one = { .profile = OFFLINE, .n_allow = 1 }, local = { .profile = LOCAL };
	struct ng_flow flow = make_flow(NG_CALL_CREATE, "::", 0, ICMP);

	flow.raw = 1;
	assert_verdict(ng_verdict_decide(&offline, NULL, &flow), 0, NG_REASON_OFFLINE);
	assert_verdict(ng_verdict_decide(&loopback, NULL, &flow), 1, NG_REASON_ALLOWANCE);
	assert_verdict(ng_verdict_decide(&one, NULL, &flow), 1, NG_REASON_ALLOWANCE);
	assert_verdict(ng_verdict_decide(&local, NULL, &flow), 1, NG_REASON_LOCAL);
}

static void test_bind(void)
{
	const struct ng_app one = { .profile = OFFLINE, .n_allow = 1 };
	const struct ng_flow flow = make_flow(NG_CALL_BIND, "203.0.113.9", 443, TCP);

	assert_verdict(decide(OFFLINE, 0, NG_CALL_BIND, "127.0.0.1"), 0, NG_REASON_OFFLINE);
	assert_verdict(decide(OFFLINE, 0, NG_CALL_BIND, "0.0.0.0"), 0, NG_REASON_OFFLINE);
	assert_verdict(decide(OFFLINE, NG_APP_LOOPBACK, NG_CALL_BIND, "127.0.0.1"), 1, NG_REASON_ALLOWANCE);
	assert_verdict(ng_verdict_decide(&one, NULL, &flow), 1, NG_REASON_ALLOWANCE);
	assert_verdict(decide(LOCAL, 0, NG_CALL_BIND, "203.0.113.9"), 1, NG_REASON_LOCAL);
}

static void test_unknown_calls(void)
{
	for (unsigned call = 0; call < 256; call++) {
		if (call >= NG_CALL_CREATE && call <= NG_CALL_RECV)
			continue;
		for (__u8 profile = OFFLINE; profile <= ONLINE; profile++)
			assert_verdict(decide(profile, ALL_CLASS_BITS, (__u8)call, "127.0.0.1"), 0,
				       NG_REASON_MALFORMED);
	}
}

static void test_unknown_profiles(void)
{
	const struct ng_allows everything = { .count = 1 };

	for (unsigned profile = 0; profile < 256; profile++) {
		const struct ng_app app = { .profile = (__u8)profile, .flags = ALL_CLASS_BITS, .n_allow = 1 };
		if (profile >= OFFLINE && profile <= ONLINE)
			continue;
		for (__u8 call = NG_CALL_CREATE; call <= NG_CALL_RECV; call++) {
			const struct ng_flow flow = make_flow(call, "127.0.0.1", 443, TCP);
			assert_verdict(ng_verdict_decide(&app, &everything, &flow), 0, NG_REASON_MALFORMED);
		}
	}
}

static const struct {
	const char *name;
	GTestFunc fn;
} tests[] = {
	{ "Offline reaches nothing, not even loopback", test_offline },
	{ "Local reaches this machine and the local network and says why not the rest", test_local },
	{ "Online reaches everything with every call", test_online },
	{ "a public address on an own interface's prefix is local, and still nothing to Offline", test_onlink },
	{ "a tunnel's address stays on the Internet even on-link", test_tunnel_onlink },
	{ "each allowance by class opens its own class and no other", test_class_allowances },
	{ "flags that are no allowances allow nothing", test_other_flags_allow_nothing },
	{ "an allowed IPv4 prefix ends where it ends", test_prefix_of_ipv4 },
	{ "all of IPv4 is not IPv6, all of IPv6 includes mapped IPv4", test_all_of_ipv4 },
	{ "every prefix length from 0 to 128 compares exactly its bits", test_every_prefix_length },
	{ "a port range includes both its ends and nothing beside", test_ports },
	{ "an unknown port matches only an allowance for every port", test_unknown_port },
	{ "an allowance for one protocol is none for another", test_protocols },
	{ "the last of the most allowances is found", test_last_of_many },
	{ "a count that is wrong never reads past the list or invents an allowance", test_counts },
	{ "an allowance by address reaches what its class would not give", test_allowance_by_address_beats_class },
	{ "creating a socket is left to the call that names an address", test_create_is_not_refused },
	{ "a raw socket is refused to Offline without allowances", test_raw_create },
	{ "binding is refused to Offline without allowances, and to nobody else", test_bind },
	{ "an unknown call is denied to every profile", test_unknown_calls },
	{ "an unknown profile is denied every call, whatever it is allowed", test_unknown_profiles },
};

int main(int argc, char *argv[])
{
	g_test_init(&argc, &argv, NULL);
	for (guint i = 0; i < G_N_ELEMENTS(tests); i++) {
		g_autofree char *path = g_strdup_printf("/verdict/%s", tests[i].name);
		g_test_add_func(path, tests[i].fn);
	}
	return g_test_run();
}
