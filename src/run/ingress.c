/* SPDX-License-Identifier: MIT */
/*
 * The ingress filter (ingress.h). The accumulator works on the packet's source address, read at the network header
 * (SKF_NET_OFF), and its source port, at the transport header, where a socket's filter finds offset 0. IPv4 and IPv6
 * sockets get the same program: the version is the packet's.
 *
 * Scratch memory: M[0..3] the address's words (IPv4: M[3]), M[4] the source port. Order: allowances and names let in
 * first, since rules only ever add; then the table of classes; then own prefixes; then what remains is global.
 */
#include "run/ingress.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "run/onlink.h"

#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif
#define KEEP 0xffffffffu
#define PORT_CELL 4
#define TAIL 8 /* instructions that must still fit: the final verdict */
#define SEEN 256

struct program {
	struct sock_filter code[NG_INGRESS_MAX];
	unsigned n;
	uint64_t generation;
	bool is_made;
};

struct ng_ingress {
	const struct ng_run *run;
	struct program programs[4]; /* TCP, UDP, ICMP, ICMPv6 */
	struct {
		uint64_t cookie, generation;
	} seen[SEEN];
};

/* What is being made, for the visitors of the tables. */
struct maker {
	struct ng_ingress *ingress;
	struct program *program;
	int protocol;
	bool is_ipv4;
};

int ng_ingress_new(const struct ng_run *run, struct ng_ingress **ret_ingress)
{
	struct ng_ingress *ingress = calloc(1, sizeof *ingress);

	if (!ingress)
		return -ENOMEM;
	ingress->run = run;
	*ret_ingress = ingress;
	return 0;
}

void ng_ingress_free(struct ng_ingress *ingress)
{
	free(ingress);
}

static uint64_t generation_of(const struct ng_ingress *ingress)
{
	const struct ng_run *run = ingress->run;

	return 1 + (run->names ? ng_names_generation(run->names) : 0) +
	       (run->prefixes ? ng_prefixes_generation(run->prefixes) << 32 : 0);
}

static void emit(struct program *program, uint16_t code, uint8_t jump_true, uint8_t jump_false, uint32_t k)
{
	program->code[program->n++] = (struct sock_filter){ code, jump_true, jump_false, k };
}

static void emit_verdict(struct program *program, bool is_allowed)
{
	emit(program, BPF_RET | BPF_K, 0, 0, is_allowed ? KEEP : 0);
}

static bool has_room(const struct program *program, unsigned n)
{
	return program->n + n + TAIL <= NG_INGRESS_MAX;
}

/* One word of the address against a value under a mask; the failing jump is closed by close_rule(). */
static void emit_word(struct program *program, unsigned word, uint32_t value, uint32_t mask)
{
	if (!mask)
		return;
	emit(program, BPF_LD | BPF_MEM, 0, 0, word);
	if (mask != 0xffffffffu)
		emit(program, BPF_ALU | BPF_AND | BPF_K, 0, 0, mask);
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, value);
}

/* The jumps of a rule that began at `start` go past its verdict, which is the last instruction. */
static void close_rule(struct program *program, unsigned start)
{
	for (unsigned i = start; i < program->n - 1; i++) {
		struct sock_filter *code = &program->code[i];

		if (BPF_CLASS(code->code) == BPF_JMP && BPF_OP(code->code) == BPF_JEQ)
			code->jf = (uint8_t)(program->n - i - 1);
		else if (BPF_CLASS(code->code) == BPF_JMP && BPF_OP(code->code) == BPF_JGE)
			code->jf = (uint8_t)(program->n - i - 1);
		else if (BPF_CLASS(code->code) == BPF_JMP && BPF_OP(code->code) == BPF_JGT)
			code->jt = (uint8_t)(program->n - i - 1);
	}
}

#define RULE_MAX 17 /* instructions of one rule */

struct range {
	uint16_t first, last; /* 0: every port */
};

/* A prefix of 128 bits, IPv4 as ::ffff:a.b.c.d; for the half of the program that is being made. */
static void emit_prefix(struct maker *maker, const uint8_t addr[static 16], unsigned prefix_len, struct range ports,
			bool is_allowed)
{
	static const uint32_t mapped[3] = { 0, 0, 0xffff };
	struct program *program = maker->program;
	const unsigned start = program->n;

	if (!has_room(program, RULE_MAX))
		return;
	for (int i = 0; i < 3 && maker->is_ipv4; i++) {
		const uint32_t mask = NG_MASK32_((int)prefix_len - 32 * i);

		if ((ng_word_(addr, i) & mask) != (mapped[i] & mask))
			return;
	}
	if (!maker->is_ipv4 && prefix_len >= 96 && ng_word_(addr, 0) == 0 && ng_word_(addr, 1) == 0 &&
	    ng_word_(addr, 2) == 0xffff)
		return;
	for (unsigned i = maker->is_ipv4 ? 3 : 0; i < 4; i++) {
		const uint32_t mask = NG_MASK32_((int)prefix_len - 32 * (int)i);

		emit_word(program, i, ng_word_(addr, (int)i) & mask, mask);
	}
	if (ports.first) {
		emit(program, BPF_LD | BPF_MEM, 0, 0, PORT_CELL);
		emit(program, BPF_JMP | BPF_JGE | BPF_K, 0, 0, ports.first);
		emit(program, BPF_JMP | BPF_JGT | BPF_K, 0, 0, ports.last);
	}
	emit_verdict(program, is_allowed);
	close_rule(program, start);
}

static bool has_port(int protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

static void visit_name(const uint8_t addr[static 16], void *data)
{
	struct maker *maker = data;

	/* The rule of the name may be of certain ports: the answer to what may be sent is let in, from whatever port of
	 * that peer. */
	emit_prefix(maker, addr, 128, (struct range){ 0, 0 }, true);
}

static void emit_allowances(struct maker *maker)
{
	const struct ng_run *run = maker->ingress->run;
	const struct ng_allows *allows = &run->policy->allows;

	for (uint32_t i = 0; i < allows->count && i < run->policy->app.n_allow && i < NG_ALLOW_MAX; i++) {
		const struct ng_allow *allow = &allows->allow[i];

		if (allow->proto && allow->proto != maker->protocol)
			continue;
		if (allow->port_first && !has_port(maker->protocol))
			continue;
		emit_prefix(maker, allow->addr, allow->prefix_len,
			    (struct range){ allow->port_first, allow->port_last }, true);
	}
	if (run->rung == 'B' && run->stub_port && has_port(maker->protocol)) {
		const uint8_t stub[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1 };
		const uint8_t stub_ipv6[16] = { [15] = 1 };

		emit_prefix(maker, stub, 128, (struct range){ run->stub_port, run->stub_port }, true);
		emit_prefix(maker, stub_ipv6, 128, (struct range){ run->stub_port, run->stub_port }, true);
	}
	if (run->names)
		ng_names_each(run->names, visit_name, maker);
}

static bool is_class_allowed(const struct maker *maker, uint8_t class)
{
	return ng_profile_verdict_(&maker->ingress->run->policy->app, class).allowed;
}

static void emit_ipv4_line(struct maker *maker, uint8_t class, uint32_t value, int len)
{
	struct program *program = maker->program;
	const unsigned start = program->n;

	if (!maker->is_ipv4)
		return;
	emit_word(program, 3, value, NG_MASK32_(len));
	emit_verdict(program, is_class_allowed(maker, class));
	close_rule(program, start);
}

static void emit_ipv6_line(struct maker *maker, uint8_t class, const uint32_t words[static 4],
			   const uint32_t masks[static 4])
{
	struct program *program = maker->program;
	const unsigned start = program->n;

	if (maker->is_ipv4)
		return;
	for (unsigned i = 0; i < 4; i++)
		emit_word(program, i, words[i], masks[i]);
	emit_verdict(program, is_class_allowed(maker, class));
	close_rule(program, start);
}

static void emit_classes(struct maker *maker)
{
#define NG_V4(class, a, b, c, d, len)                                                                                  \
	emit_ipv4_line(maker, class, (uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d), len);
#define NG_V6(class, w0, w1, w2, w3, len)                                                                              \
	emit_ipv6_line(maker, class, (const uint32_t[]){ w0, w1, w2, w3 },                                             \
		       (const uint32_t[]){ NG_MASK32_(len), NG_MASK32_((len)-32), NG_MASK32_((len)-64),                \
					   NG_MASK32_((len)-96) });
#define NG_V6_SCOPE(class, scope)                                                                                      \
	emit_ipv6_line(maker, class, (const uint32_t[]){ 0xff000000u | (uint32_t)(scope) << 16, 0, 0, 0 },             \
		       (const uint32_t[]){ 0xff0f0000u, 0, 0, 0 });
#include "verdict/classes.h"
#undef NG_V4
#undef NG_V6
#undef NG_V6_SCOPE
}

static void visit_prefix(const uint8_t addr[static 16], uint8_t prefix_len, void *data)
{
	struct maker *maker = data;

	emit_prefix(maker, addr, prefix_len, (struct range){ 0, 0 }, is_class_allowed(maker, NG_CLASS_ONLINK));
}

static void emit_half(struct maker *maker)
{
	struct program *program = maker->program;

	if (maker->is_ipv4) {
		emit(program, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)SKF_NET_OFF + 12);
		emit(program, BPF_ST, 0, 0, 3);
	}
	for (unsigned i = 0; i < 4 && !maker->is_ipv4; i++) {
		emit(program, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)SKF_NET_OFF + 8 + 4 * i);
		emit(program, BPF_ST, 0, 0, i);
	}
	if (!maker->is_ipv4) /* on the wire such a source is a forgery */
		emit_ipv6_line(maker, UINT8_MAX, (const uint32_t[]){ 0, 0, 0xffff, 0 },
			       (const uint32_t[]){ 0xffffffffu, 0xffffffffu, 0xffffffffu, 0 });
	emit_allowances(maker);
	if (has_room(program, 256)) { /* else: what the table would let in stays out */
		emit_classes(maker);
		if (maker->ingress->run->prefixes)
			ng_prefixes_each(maker->ingress->run->prefixes, visit_prefix, maker);
		emit_verdict(program, is_class_allowed(maker, NG_CLASS_GLOBAL));
	} else {
		emit_verdict(program, false);
	}
}

static void make(struct ng_ingress *ingress, struct program *program, int protocol)
{
	struct maker maker = { .ingress = ingress, .program = program, .protocol = protocol, .is_ipv4 = true };
	unsigned jump;

	program->n = 0;
	if (has_port(protocol)) {
		emit(program, BPF_LD | BPF_H | BPF_ABS, 0, 0, 0);
		emit(program, BPF_ST, 0, 0, PORT_CELL);
	}
	emit(program, BPF_LD | BPF_B | BPF_ABS, 0, 0, (uint32_t)SKF_NET_OFF);
	emit(program, BPF_ALU | BPF_RSH | BPF_K, 0, 0, 4);
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 4);
	jump = program->n;
	emit(program, BPF_JMP | BPF_JA, 0, 0, 0);
	emit_half(&maker);
	program->code[jump].k = program->n - jump - 1;
	maker.is_ipv4 = false;
	if (has_room(program, 32))
		emit_half(&maker);
	else
		emit_verdict(program, false);
}

unsigned ng_ingress_program(struct ng_ingress *ingress, int protocol, const struct sock_filter **ret_code)
{
	struct program *program = &ingress->programs[protocol == IPPROTO_TCP    ? 0
						     : protocol == IPPROTO_UDP  ? 1
						     : protocol == IPPROTO_ICMP ? 2
										: 3];
	const uint64_t generation = generation_of(ingress);

	if (!program->is_made || program->generation != generation) {
		make(ingress, program, protocol);
		program->generation = generation;
		program->is_made = true;
	}
	*ret_code = program->code;
	return program->n;
}

static bool is_needed(const struct ng_ingress *ingress)
{
	const struct ng_run_policy *policy = ingress->run->policy;

	return policy->app.profile != NG_PROFILE_ONLINE && !policy->is_dry_run;
}

static void note(struct ng_ingress *ingress, int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof cookie;

	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) < 0)
		return;
	ingress->seen[cookie % SEEN].cookie = cookie;
	ingress->seen[cookie % SEEN].generation = generation_of(ingress);
}

static int attach(int fd, const struct sock_filter *code, unsigned n)
{
	struct sock_fprog fprog = { .len = (unsigned short)n, .filter = (struct sock_filter *)(uintptr_t)code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &fprog, sizeof fprog) < 0 ? -errno : 0;
}

int ng_ingress_attach(struct ng_ingress *ingress, int fd, int protocol)
{
	static const struct sock_filter nothing = { BPF_RET | BPF_K, 0, 0, 0 };
	const struct sock_filter *code;
	unsigned n;
	int result;

	if (!is_needed(ingress))
		return 0;
	n = ng_ingress_program(ingress, protocol, &code);
	result = attach(fd, code, n);
	if (result == -ENOMEM)
		result = attach(fd, &nothing, 1);
	if (result == 0 && protocol != IPPROTO_TCP)
		note(ingress, fd);
	return result;
}

void ng_ingress_refresh(struct ng_ingress *ingress, int fd, int protocol)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof cookie;

	if (!is_needed(ingress) || getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) < 0)
		return;
	if (ingress->seen[cookie % SEEN].cookie == cookie &&
	    ingress->seen[cookie % SEEN].generation == generation_of(ingress))
		return;
	ng_ingress_attach(ingress, fd, protocol);
}
