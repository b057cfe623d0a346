/* SPDX-License-Identifier: MIT */
/*
 * What a program asks of a socket: socket(), connect(), sendmsg() with an address, bind(), close(). All run in the
 * calling process, inside the system call, and a denial is its EPERM.
 *
 * A call is judged by the socket's tag and the caller's together: a socket that a more restricted program got hold of
 * is as restricted as that program from its first call on. Fails closed: a caller without a tag is denied; only kernel
 * threads pass (they connect for file systems and the like), and what they open for an MPTCP socket is held back in
 * packet.h.
 */
#ifndef NG_SOCKET_H
#define NG_SOCKET_H

#include "task.h"

static __always_inline void event_of_caller(struct ng_event *event, const struct ng_tag *tag,
					    const struct judged *judged)
{
	event->exe_ino = tag->exe_ino;
	event->exe_dev = tag->exe_dev;
	event->app = tag->app[0];
	event->decider = judged->decider;
	event->verdict = judged->verdict;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->uid = bpf_get_current_uid_gid();
	bpf_get_current_comm(event->comm, sizeof(event->comm));
}

/* The tag of the calling process; NULL (and counted) when it has none. */
static __always_inline const struct ng_tag *caller_tag(void)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	const struct ng_tag *tag = bpf_map_lookup_elem(&tasks, &tgid);

	if (!tag)
		fault(NG_FAULT_UNTAGGED);
	return tag;
}

/* The caller becomes one of the socket's holders. What it remembered of earlier addresses is forgotten in any case. */
static __always_inline void sock_hold(struct ng_sock *sock, const struct ng_tag *holder)
{
	if (!tag_same_apps(&sock->tag, holder) && !tag_covers(&sock->tag, holder))
		tag_merge(&sock->tag, holder);
	sock->allowed_generation[NG_DIRECTION_OUT] = 0;
	sock->allowed_generation[NG_DIRECTION_IN] = 0;
}

/* Mark what an exec could not mark itself. */
static __always_inline void held_fold(struct ng_state *now, struct ng_sock *sock, __u64 key)
{
	struct ng_tag *holder = bpf_map_lookup_elem(&held, &key);

	if (!holder)
		return;
	sock_hold(sock, holder);
	if (!bpf_map_delete_elem(&held, &key))
		__sync_fetch_and_sub(&now->held, 1);
}

static __always_inline void event_untagged(struct ng_event *event)
{
	const struct ng_tag nobody = { .app = { NG_SLOT_DEFAULT } };
	const struct judged judged = denied(NG_REASON_UNTAGGED);

	event_of_caller(event, &nobody, &judged);
	event_report(event);
}

SEC("cgroup/sock_create")
int ng_create(struct bpf_sock *ctx)
{
	const struct ng_tag *tag = caller_tag();
	struct ng_event event = { .family = ctx->family, .flow.call = NG_CALL_CREATE, .flow.proto = ctx->protocol };
	struct ng_state *now = the_state();
	struct ng_sock *sock;

	if (!tag || !now) {
		event_untagged(&event);
		return 0;
	}
	sock = bpf_sk_storage_get(&socks, ctx, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!sock) {
		fault(NG_FAULT_SOCK_TAG);
		return 0;
	}
	sock->tag = *tag;
	sock->pid = bpf_get_current_pid_tgid() >> 32;
	if (now->held) {
		/* The address of a socket that is gone may come back as this one's. */
		__u64 key = (__u64)ctx;

		if (!bpf_map_delete_elem(&held, &key))
			__sync_fetch_and_sub(&now->held, 1);
	}
	if (ctx->type == SOCK_RAW) {
		struct judged judged;

		event.flow.raw = 1;
		judged = judge(now, tag, &event.flow);
		if (!judged.verdict.allowed) {
			event_of_caller(&event, tag, &judged);
			count_verdict(tag->app[0], false);
			event_report(&event);
			return 0;
		}
	}
	return 1;
}

SEC("cgroup/sock_release")
int ng_release(struct bpf_sock *ctx)
{
	struct ng_sock *sock = bpf_sk_storage_get(&socks, ctx, NULL, 0);
	struct ng_state *now = the_state();

	if (!sock)
		return 1;
	if (now && now->held)
		held_fold(now, sock, (__u64)ctx);
	if (sock->packets)
		counts_store(sock);
	return 1;
}

/* Judge one call that names an address. `event` has family and flow filled but for proto. Returns 1 to go on, 0 for
 * EPERM. */
static __always_inline int address_call(struct bpf_sock_addr *ctx, struct ng_event *event)
{
	const struct ng_tag *caller = caller_tag();
	struct ng_state *now = the_state();
	struct ng_sock *sock = NULL;
	struct judged judged;
	struct bpf_sock *sk;

	event->flow.proto = ctx->protocol; /* the low byte of IPPROTO_MPTCP is IPPROTO_TCP */
	event->flow.raw = ctx->type == SOCK_RAW;
	if (!caller || !now) {
		event_untagged(event);
		return 0;
	}
	sk = ctx->sk;
	if (sk)
		sock = bpf_sk_storage_get(&socks, sk, NULL, 0);
	if (!sock) {
		if (caller->flags & NG_TAG_KERNEL)
			return 1;
		if (sk)
			sock = bpf_sk_storage_get(&socks, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
		if (!sock) {
			fault(NG_FAULT_SOCK_TAG);
			return 0;
		}
		sock->tag = *caller;
		sock->pid = bpf_get_current_pid_tgid() >> 32;
	}
	if (now->held && sk)
		held_fold(now, sock, (__u64)sk);
	if (!(caller->flags & NG_TAG_KERNEL))
		sock_hold(sock, caller);
	judged = judge(now, &sock->tag, &event->flow);
	/* Binding says little until something is reached through it: only its refusal is worth a line. */
	if (event->flow.call == NG_CALL_BIND && judged.verdict.allowed)
		return 1;
	count_verdict(caller->app[0], judged.verdict.allowed);
	event_of_caller(event, caller, &judged);
	event_report(event);
	return judged.verdict.allowed;
}

static __always_inline void flow_set_ipv4(struct ng_flow *flow, __be32 addr)
{
	flow->addr[10] = 0xff;
	flow->addr[11] = 0xff;
	__builtin_memcpy(&flow->addr[12], &addr, 4);
}

static __always_inline int ipv4_call(struct bpf_sock_addr *ctx, __u8 call)
{
	struct ng_event event = { .family = AF_INET };

	event.flow.call = call;
	event.flow.port = bpf_ntohs((__u16)ctx->user_port);
	flow_set_ipv4(&event.flow, ctx->user_ip4);
	return address_call(ctx, &event);
}

static __always_inline int ipv6_call(struct bpf_sock_addr *ctx, __u8 call)
{
	struct ng_event event = { .family = AF_INET6 };
	__u32 words[4];

	words[0] = ctx->user_ip6[0];
	words[1] = ctx->user_ip6[1];
	words[2] = ctx->user_ip6[2];
	words[3] = ctx->user_ip6[3];
	event.flow.call = call;
	event.flow.port = bpf_ntohs((__u16)ctx->user_port);
	__builtin_memcpy(event.flow.addr, words, 16);
	return address_call(ctx, &event);
}

#define NG_ADDRESS_HOOK(section, name, version, call)                                                                  \
	SEC(section) int name(struct bpf_sock_addr *ctx)                                                               \
	{                                                                                                              \
		return version##_call(ctx, call);                                                                      \
	}

NG_ADDRESS_HOOK("cgroup/connect4", ng_connect4, ipv4, NG_CALL_CONNECT)
NG_ADDRESS_HOOK("cgroup/connect6", ng_connect6, ipv6, NG_CALL_CONNECT)
NG_ADDRESS_HOOK("cgroup/sendmsg4", ng_sendmsg4, ipv4, NG_CALL_SENDMSG)
NG_ADDRESS_HOOK("cgroup/sendmsg6", ng_sendmsg6, ipv6, NG_CALL_SENDMSG)
NG_ADDRESS_HOOK("cgroup/bind4", ng_bind4, ipv4, NG_CALL_BIND)
NG_ADDRESS_HOOK("cgroup/bind6", ng_bind6, ipv6, NG_CALL_BIND)

#endif
