/* SPDX-License-Identifier: MIT */
/*
 * The ingress filter says what verdict.h says: run by a small interpreter over packets from addresses at both sides of
 * every line of the table, and from random ones. And the kernel takes it. Runs in a test, with no power.
 */
#include <arpa/inet.h>
#include <glib.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "run/ingress.h"

#define NET_AT 0x100 /* where the network header lies in the test's packet; the transport header is at 0 */

static uint32_t load(const uint8_t *packet, uint32_t k, unsigned size)
{
	const uint8_t *at = packet + ((int32_t)k < 0 ? (uint32_t)((int32_t)k - SKF_NET_OFF) + NET_AT : k);
	uint32_t value = 0;

	for (unsigned i = 0; i < size; i++)
		value = value << 8 | at[i];
	return value;
}

/* Only what ingress.c writes. */
static uint32_t interpret(const struct sock_filter *code, unsigned n, const uint8_t *packet)
{
	uint32_t a = 0, m[16] = { 0 };

	for (unsigned pc = 0; pc < n; pc++) {
		const struct sock_filter *i = &code[pc];

		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			a = load(packet, i->k, 4);
			break;
		case BPF_LD | BPF_H | BPF_ABS:
			a = load(packet, i->k, 2);
			break;
		case BPF_LD | BPF_B | BPF_ABS:
			a = load(packet, i->k, 1);
			break;
		case BPF_ST:
			m[i->k] = a;
			break;
		case BPF_LD | BPF_MEM:
			a = m[i->k];
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= i->k;
			break;
		case BPF_ALU | BPF_RSH | BPF_K:
			a >>= i->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += a == i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			pc += a >= i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			pc += a > i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JA:
			pc += i->k;
			break;
		case BPF_RET | BPF_K:
			return i->k;
		default:
			g_assert_not_reached();
		}
	}
	g_assert_not_reached();
}

static void make_packet(const struct ng_flow *flow, uint8_t packet[static 512])
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

	memset(packet, 0, 512);
	packet[0] = (uint8_t)(flow->port >> 8);
	packet[1] = (uint8_t)flow->port;
	if (memcmp(flow->addr, mapped, 12) == 0) {
		packet[NET_AT] = 0x45;
		memcpy(packet + NET_AT + 12, flow->addr + 12, 4);
	} else {
		packet[NET_AT] = 0x60;
		memcpy(packet + NET_AT + 8, flow->addr, 16);
	}
}

static void check(const struct ng_run_policy *policy, struct ng_ingress *ingress, const struct ng_flow *flow)
{
	const struct sock_filter *code;
	const unsigned n = ng_ingress_program(ingress, flow->proto, &code);
	uint8_t packet[512];
	bool is_let_in;

	make_packet(flow, packet);
	is_let_in = interpret(code, n, packet) != 0;
	g_assert_cmpint(is_let_in, ==, ng_verdict_decide(&policy->app, &policy->allows, flow).allowed);
}

static void check_around(const struct ng_run_policy *policy, struct ng_ingress *ingress, const uint32_t words[static 4],
			 int bits)
{
	for (int step = 0; step < 4; step++) {
		struct ng_flow flow = { .call = NG_CALL_RECV };
		const uint16_t ports[] = { 0, 53, 443, 8000, 8001, 65535 };

		for (int i = 0; i < 4; i++) {
			uint32_t word = words[i];
			const uint32_t host = ~NG_MASK32_(bits - 32 * i);

			if (step == 1)
				word |= host; /* the last of the prefix */
			if (step == 2 && bits - 32 * i > 0 && bits - 32 * i <= 32)
				word ^= 1u << (32 - (bits - 32 * i)); /* the neighbour */
			if (step == 3)
				word |= host & g_random_int();
			for (int b = 0; b < 4; b++)
				flow.addr[4 * i + b] = (uint8_t)(word >> (24 - 8 * b));
		}
		for (size_t p = 0; p < G_N_ELEMENTS(ports); p++) {
			flow.port = ports[p];
			flow.proto = IPPROTO_UDP;
			check(policy, ingress, &flow);
			flow.proto = IPPROTO_TCP;
			check(policy, ingress, &flow);
		}
		flow.port = 0;
		flow.proto = IPPROTO_ICMP;
		check(policy, ingress, &flow);
	}
}

static void check_table(const struct ng_run_policy *policy)
{
	const struct ng_run run = { .policy = policy, .rung = 'A' };
	struct ng_ingress *ingress;

	g_assert_cmpint(ng_ingress_new(&run, &ingress), ==, 0);
#define NG_V4(class, a, b, c, d, len)                                                                                  \
	check_around(policy, ingress,                                                                                  \
		     (const uint32_t[]){ 0, 0, 0xffff, (uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d) }, 96 + len);
#define NG_V6(class, w0, w1, w2, w3, len) check_around(policy, ingress, (const uint32_t[]){ w0, w1, w2, w3 }, len);
#define NG_V6_SCOPE(class, scope)                                                                                      \
	check_around(policy, ingress, (const uint32_t[]){ 0xff000000u | (scope) << 16, 0, 0, 0 }, 16);
#include "verdict/classes.h"
	for (int i = 0; i < 2000; i++) {
		const uint32_t v4[] = { 0, 0, 0xffff, g_random_int() };
		const uint32_t v6[] = { g_random_int(), g_random_int(), g_random_int(), g_random_int() };

		check_around(policy, ingress, v4, 128);
		check_around(policy, ingress, v6, 128);
	}
	for (unsigned i = 0; i < policy->allows.count; i++) {
		const struct ng_allow *allow = &policy->allows.allow[i];
		const uint32_t words[] = { ng_word_(allow->addr, 0), ng_word_(allow->addr, 1), ng_word_(allow->addr, 2),
					   ng_word_(allow->addr, 3) };

		check_around(policy, ingress, words, allow->prefix_len);
	}
	ng_ingress_free(ingress);
}

static void add_allow(struct ng_run_policy *policy, const char *addr, uint8_t len, uint8_t proto, uint16_t first,
		      uint16_t last)
{
	struct ng_allow *allow = &policy->allows.allow[policy->allows.count++];

	g_assert_cmpint(inet_pton(AF_INET6, addr, allow->addr), ==, 1);
	allow->prefix_len = len;
	allow->proto = proto;
	allow->port_first = first;
	allow->port_last = last;
	policy->app.n_allow = (uint16_t)policy->allows.count;
}

static void test_profiles(void)
{
	const uint8_t profiles[] = { NG_PROFILE_OFFLINE, NG_PROFILE_LOCAL };

	for (size_t i = 0; i < G_N_ELEMENTS(profiles); i++) {
		for (unsigned flags = 0; flags <= NG_APP_CLASS_MASK; flags++) {
			const struct ng_run_policy policy = { .app = { .profile = profiles[i],
								       .flags = (uint8_t)flags } };

			check_table(&policy);
		}
	}
}

static void test_allowances(void)
{
	struct ng_run_policy policy = { .app.profile = NG_PROFILE_OFFLINE };

	add_allow(&policy, "::ffff:203.0.113.9", 128, 0, 0, 0);
	add_allow(&policy, "::ffff:198.51.100.0", 120, IPPROTO_TCP, 443, 443);
	add_allow(&policy, "2001:db8:1::", 48, IPPROTO_UDP, 8000, 8001);
	add_allow(&policy, "::ffff:10.0.0.0", 104, IPPROTO_ICMP, 0, 0);
	check_table(&policy);
	policy.app.profile = NG_PROFILE_LOCAL;
	add_allow(&policy, "::", 0, IPPROTO_UDP, 53, 53);
	check_table(&policy);
}

static void test_full(void)
{
	struct ng_run_policy policy = { .app.profile = NG_PROFILE_OFFLINE };

	for (unsigned i = 0; i < NG_ALLOW_MAX; i++)
		add_allow(&policy, "2001:db8:1::", 48, 0, (uint16_t)(8000 + i), (uint16_t)(8000 + i));
	check_table(&policy);
}

static void test_kernel(void)
{
	const struct ng_run_policy policy = { .app.profile = NG_PROFILE_OFFLINE };
	const struct ng_run run = { .policy = &policy, .rung = 'A' };
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof addr;
	struct ng_ingress *ingress;
	ng_auto_fd open_one = socket(AF_INET, SOCK_DGRAM, 0);
	ng_auto_fd closed_one = socket(AF_INET, SOCK_DGRAM, 0);
	char byte;

	g_assert_cmpint(ng_ingress_new(&run, &ingress), ==, 0);
	g_assert_cmpint(ng_ingress_attach(ingress, closed_one, IPPROTO_UDP), ==, 0);
	g_assert_cmpint(bind(closed_one, (void *)&addr, sizeof addr), ==, 0);
	g_assert_cmpint(getsockname(closed_one, (void *)&addr, &len), ==, 0);
	sendto(open_one, "x", 1, 0, (void *)&addr, sizeof addr);
	g_assert_cmpint(recv(closed_one, &byte, 1, MSG_DONTWAIT), ==, -1);
	g_assert_cmpint(errno, ==, EAGAIN);
	/* The same socket sends, and who has no filter receives. */
	len = sizeof addr;
	g_assert_cmpint(getsockname(open_one, (void *)&addr, &len), ==, 0);
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	g_assert_cmpint(sendto(closed_one, "x", 1, 0, (void *)&addr, sizeof addr), ==, 1);
	g_assert_cmpint(recv(open_one, &byte, 1, MSG_DONTWAIT), ==, 1);
	ng_ingress_free(ingress);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/run/ingress/what-verdict-allows-is-let-in-and-nothing-else", test_profiles);
	g_test_add_func("/run/ingress/allowances-let-in-their-range-protocol-and-ports", test_allowances);
	g_test_add_func("/run/ingress/a-full-list-of-allowances-fits", test_full);
	g_test_add_func("/run/ingress/the-kernel-takes-the-filter-and-keeps-a-stranger-out", test_kernel);
	return g_test_run();
}
