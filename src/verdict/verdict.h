/* SPDX-License-Identifier: MIT */
/*
 * The decision: may this flow pass under this application's rules, and why.
 *
 * Pure, freestanding C: no libc, no allocation, loops bounded by constants. The same text is compiled into the kernel
 * programs, the service, `netguard explain`, the simulation and the tests; nothing else in the tree decides. It runs
 * with whatever power its includer has and reads only its arguments.
 *
 * Invariants: an unknown profile, class or call is denied; IPv4 is decided as IPv4 also inside ::ffff:0:0/96; a class
 * that cannot be determined is global. Rules only ever add: a flow is allowed if the profile allows it, or else if one
 * allowance does.
 */
#ifndef NG_VERDICT_H
#define NG_VERDICT_H

#include <linux/types.h>

/* What an application may reach. 0 is no profile: denied. */
#define NG_PROFILE_OFFLINE 1
#define NG_PROFILE_LOCAL 2
#define NG_PROFILE_ONLINE 3

#define NG_CLASS_GLOBAL 0
#define NG_CLASS_MACHINE 1
#define NG_CLASS_LAN 2
#define NG_CLASS_ONLINK 3
#define NG_CLASS_SHARED 4
#define NG_CLASS_METADATA 5

/* What the program is doing. The address of a flow is the remote one, except for BIND, where it is the local one. */
#define NG_CALL_CREATE 1  /* socket(): no address yet */
#define NG_CALL_CONNECT 2 /* connect(), and TCP Fast Open */
#define NG_CALL_SENDMSG 3 /* a datagram with an address of its own */
#define NG_CALL_BIND 4
#define NG_CALL_SEND 5 /* a packet leaving */
#define NG_CALL_RECV 6 /* a packet arriving: being reached counts as reaching */

/* Why. The numbers are stored in history and shown as text: append, never renumber. */
#define NG_REASON_NONE 0
#define NG_REASON_ONLINE 1      /* allowed: the profile is Online */
#define NG_REASON_LOCAL 2       /* allowed: the profile is Local and the address is */
#define NG_REASON_ALLOWANCE 3   /* allowed: an allowance names it */
#define NG_REASON_PAUSED 4      /* allowed: the guard is paused */
#define NG_REASON_KERNEL 5      /* allowed: the kernel's own socket, no program's */
#define NG_REASON_OFFLINE 6     /* denied: the profile is Offline */
#define NG_REASON_NOT_LOCAL 7   /* denied: the profile is Local, the address is on the Internet */
#define NG_REASON_SHARED 8      /* denied: carrier NAT / overlay VPN range, not switched on */
#define NG_REASON_METADATA 9    /* denied: cloud metadata service, not switched on */
#define NG_REASON_PANIC 10      /* denied: everything is Offline until resumed */
#define NG_REASON_MALFORMED 11  /* denied: the rule or the packet could not be understood */
#define NG_REASON_UNTAGGED 12   /* denied: which program this is could not be told */
#define NG_REASON_TOO_DEEP 13   /* denied: more listed ancestors than a tag can carry */
#define NG_REASON_MPTCP_PATH 14 /* denied: an extra MPTCP path that the kernel opened by itself */

/* Allowances by class: bits of ng_app.flags. */
#define NG_APP_LOOPBACK 0x01u /* this machine's own addresses, also when Offline */
#define NG_APP_SHARED 0x02u   /* 100.64.0.0/10 */
#define NG_APP_METADATA 0x04u /* the cloud metadata addresses */
/* Programs it starts do not inherit its restrictions (those of its ancestors they still do). */
#define NG_APP_CHILDREN_OWN 0x08u
#define NG_APP_GONE 0x10u /* the slot's application was forgotten: judged as the default, ignored as an ancestor */
#define NG_APP_CLASS_MASK (NG_APP_LOOPBACK | NG_APP_SHARED | NG_APP_METADATA)
#define NG_APP_IMAGE_MASK (NG_APP_CLASS_MASK | NG_APP_CHILDREN_OWN) /* the bits an image may carry */

#define NG_ALLOW_MAX 32u /* allowances by address, per application */

/* Addresses are 16 bytes in network order everywhere; IPv4 is written as ::ffff:a.b.c.d. Ports are in host order. */
struct ng_flow {
	__u8 addr[16];
	__u16 port;  /* 0: none, or not known */
	__u8 proto;  /* IPPROTO_*, as the socket or packet says; MPTCP is judged as TCP (6) */
	__u8 call;   /* NG_CALL_* */
	__u8 raw;    /* 1: a raw socket */
	__u8 onlink; /* 1: the address lies in a prefix of one of this machine's interfaces */
	__u8 pad[2]; /* zero */
};
_Static_assert(sizeof(struct ng_flow) == 24, "ng_flow: size");

/* One application's rules, as stored in the kernel's `apps` map and checked in the image. */
struct ng_app {
	__u8 profile;
	__u8 flags;    /* NG_APP_* */
	__u16 n_allow; /* entries of its ng_allows; 0: it has none */
	__u32 pad;     /* zero */
};
_Static_assert(sizeof(struct ng_app) == 8, "ng_app: size");

/* An address range, for one protocol or all, and one range of remote ports or all. */
struct ng_allow {
	__u8 addr[16];    /* bits past prefix_length are zero */
	__u8 prefix_len;  /* 0..128; an IPv4 prefix of n bits is 96 + n */
	__u8 proto;       /* 0: every protocol */
	__u16 port_first; /* 0: every port, then port_last is 0 too */
	__u16 port_last;  /* >= port_first */
	__u16 pad;        /* zero */
};
_Static_assert(sizeof(struct ng_allow) == 24, "ng_allow: size");

struct ng_allows {
	__u32 count; /* <= NG_ALLOW_MAX */
	__u32 pad;
	struct ng_allow allow[NG_ALLOW_MAX];
};
_Static_assert(sizeof(struct ng_allows) == 8 + 24 * 32, "ng_allows: size");

struct ng_verdict {
	__u8 allowed; /* 1 or 0 */
	__u8 reason;  /* NG_REASON_* */
	__u8 class;   /* NG_CLASS_* */
	__u8 pad;
};

#define NG_INLINE static inline __attribute__((always_inline, unused))

NG_INLINE __u32 ng_word_(const __u8 addr[16], int i)
{
	return (__u32)addr[4 * i] << 24 | (__u32)addr[4 * i + 1] << 16 | (__u32)addr[4 * i + 2] << 8 |
	       (__u32)addr[4 * i + 3];
}

/* The first `bits` bits of a 32-bit word; bits may be below 0 (none) or above 32 (all). */
#define NG_MASK32_(bits) ((bits) <= 0 ? 0u : (bits) >= 32 ? 0xffffffffu : ~(0xffffffffu >> ((bits)&31)))

#define NG_MATCH6_(w0, w1, w2, w3, len)                                                                                \
	((a0 & NG_MASK32_(len)) == (w0) && (a1 & NG_MASK32_((len)-32)) == (w1) &&                                      \
	 (a2 & NG_MASK32_((len)-64)) == (w2) && (a3 & NG_MASK32_((len)-96)) == (w3))

/* The class of a remote address. `onlink` is the caller's knowledge of its own interfaces; it raises only what no line
 * of the table names. */
NG_INLINE __u8 ng_address_class(const __u8 addr[16], __u8 onlink)
{
	const __u32 a0 = ng_word_(addr, 0), a1 = ng_word_(addr, 1), a2 = ng_word_(addr, 2), a3 = ng_word_(addr, 3);
	const int is_ipv4 = a0 == 0 && a1 == 0 && a2 == 0x0000ffffu;

#define NG_V4(class, a, b, c, d, len)                                                                                  \
	if (is_ipv4 && (a3 & NG_MASK32_(len)) == ((__u32)(a) << 24 | (b) << 16 | (c) << 8 | (d)))                      \
		return class;
#define NG_V6(class, w0, w1, w2, w3, len)                                                                              \
	if (!is_ipv4 && NG_MATCH6_(w0, w1, w2, w3, len))                                                               \
		return class;
#define NG_V6_SCOPE(class, scope)                                                                                      \
	if (!is_ipv4 && (a0 & 0xff0f0000u) == (0xff000000u | (__u32)(scope) << 16))                                    \
		return class;
#include "classes.h"
#undef NG_V4
#undef NG_V6
#undef NG_V6_SCOPE

	return onlink ? NG_CLASS_ONLINK : NG_CLASS_GLOBAL;
}

NG_INLINE int ng_allow_matches_(const struct ng_allow *allow, const struct ng_flow *flow)
{
	if (allow->proto && allow->proto != flow->proto)
		return 0;
	if (allow->port_first && (flow->port < allow->port_first || flow->port > allow->port_last))
		return 0;
	for (int i = 0; i < 4; i++) {
		int bits = (int)allow->prefix_len - 32 * i;
		if ((ng_word_(flow->addr, i) & NG_MASK32_(bits)) != ng_word_(allow->addr, i))
			return 0;
	}
	return 1;
}

/* The profile's own answer, before allowances by address. */
NG_INLINE struct ng_verdict ng_profile_verdict_(const struct ng_app *app, __u8 class)
{
	const __u8 by_class = class == NG_CLASS_MACHINE    ? NG_APP_LOOPBACK
			      : class == NG_CLASS_SHARED   ? NG_APP_SHARED
			      : class == NG_CLASS_METADATA ? NG_APP_METADATA
							   : 0;
	if (app->profile == NG_PROFILE_ONLINE)
		return (struct ng_verdict){ 1, NG_REASON_ONLINE, class, 0 };
	if (app->profile != NG_PROFILE_LOCAL && app->profile != NG_PROFILE_OFFLINE)
		return (struct ng_verdict){ 0, NG_REASON_MALFORMED, class, 0 };
	if (app->flags & by_class)
		return (struct ng_verdict){ 1, NG_REASON_ALLOWANCE, class, 0 };
	if (app->profile == NG_PROFILE_OFFLINE)
		return (struct ng_verdict){ 0, NG_REASON_OFFLINE, class, 0 };
	if (class == NG_CLASS_MACHINE || class == NG_CLASS_LAN || class == NG_CLASS_ONLINK)
		return (struct ng_verdict){ 1, NG_REASON_LOCAL, class, 0 };
	return (struct ng_verdict){ 0,
				    class == NG_CLASS_SHARED     ? NG_REASON_SHARED
				    : class == NG_CLASS_METADATA ? NG_REASON_METADATA
								 : NG_REASON_NOT_LOCAL,
				    class, 0 };
}

/* socket() and bind() name no remote address: they are refused only where nothing they lead to could be allowed, so
 * that the refusal that follows can say what was being reached. */
NG_INLINE struct ng_verdict ng_early_verdict_(const struct ng_app *app, const struct ng_flow *flow, __u8 class)
{
	const int has_allowance = app->n_allow > 0 || (app->flags & NG_APP_CLASS_MASK) != 0;

	if (app->profile == NG_PROFILE_ONLINE)
		return (struct ng_verdict){ 1, NG_REASON_ONLINE, class, 0 };
	if (app->profile == NG_PROFILE_LOCAL)
		return (struct ng_verdict){ 1, NG_REASON_LOCAL, class, 0 };
	if (app->profile != NG_PROFILE_OFFLINE)
		return (struct ng_verdict){ 0, NG_REASON_MALFORMED, class, 0 };
	if (has_allowance)
		return (struct ng_verdict){ 1, NG_REASON_ALLOWANCE, class, 0 };
	if (flow->call == NG_CALL_CREATE && !flow->raw)
		return (struct ng_verdict){ 1, NG_REASON_NONE, class, 0 };
	return (struct ng_verdict){ 0, NG_REASON_OFFLINE, class, 0 };
}

/*
 * The verdict for one flow under one application's rules. `allows` may be NULL: then no address is allowed beyond the
 * profile. A caller with several applications to satisfy (a program and its ancestors) asks once for each and allows
 * only what all allow.
 */
NG_INLINE struct ng_verdict ng_verdict_decide(const struct ng_app *app, const struct ng_allows *allows,
					      const struct ng_flow *flow)
{
	const __u8 class = ng_address_class(flow->addr, flow->onlink);
	struct ng_verdict verdict;

	if (flow->call < NG_CALL_CREATE || flow->call > NG_CALL_RECV)
		return (struct ng_verdict){ 0, NG_REASON_MALFORMED, class, 0 };
	if (flow->call == NG_CALL_CREATE || flow->call == NG_CALL_BIND)
		return ng_early_verdict_(app, flow, class);
	verdict = ng_profile_verdict_(app, class);
	if (verdict.allowed || verdict.reason == NG_REASON_MALFORMED || !allows)
		return verdict;
	for (__u32 i = 0; i < NG_ALLOW_MAX; i++) {
		if (i >= allows->count || i >= app->n_allow)
			break;
		if (ng_allow_matches_(&allows->allow[i], flow))
			return (struct ng_verdict){ 1, NG_REASON_ALLOWANCE, class, 0 };
	}
	return verdict;
}

#endif
