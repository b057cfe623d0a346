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

/* Report what the calling process attempted. */
static __always_inline void report_call(struct ng_flow *flow, __u8 family, const struct ng_tag *tag,
					const struct judged *judged)
{
	struct ng_seen_key key = {};
	int count;

	seen_key(&key, tag, flow, judged, bpf_get_current_uid_gid());
	count = report_due(&key);
	if (count) {
		struct ng_seen fresh = { .pid = bpf_get_current_pid_tgid() >> 32 };

		bpf_get_current_comm(fresh.comm, sizeof(fresh.comm));
		report_send(&fresh, count, family, &key, flow);
	}
}

/* A subflow of an MPTCP socket: made by the kernel, but for a program. */
static __always_inline bool is_subflow(const struct bpf_sock *sk, struct sock *address)
{
	bool is_mptcp = false;

	if (sk->protocol == IPPROTO_TCP && bpf_core_field_exists(struct tcp_sock, is_mptcp))
		bpf_core_read(&is_mptcp, sizeof(is_mptcp), &((struct tcp_sock *)address)->is_mptcp);
	return is_mptcp;
}

/* A socket that never had a program: of a tunnel, a file system, the kernel's answers. */
static __always_inline bool is_kernels_own(const struct bpf_sock *sk)
{
	struct sock *address = (struct sock *)plain_address(sk);

	return BPF_CORE_READ_BITFIELD_PROBED(address, sk_kern_sock) && !is_subflow(sk, address);
}

/* The tag of the calling process; NULL (and counted) when it has none. */
static __always_inline struct ng_tag *caller_tag(void)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct ng_tag *tag = bpf_map_lookup_elem(&tasks, &tgid);

	if (!tag)
		fault(NG_FAULT_UNTAGGED);
	return tag;
}

/* Nothing is remembered any more: the next packet is read. */
static __always_inline void sock_forget(struct ng_sock *sock)
{
	sock->holders++;
	sock->allowed_generation[NG_DIRECTION_OUT] = 0;
	sock->allowed_generation[NG_DIRECTION_IN] = 0;
	sock->fixed_generation[NG_DIRECTION_OUT] = 0;
	sock->fixed_generation[NG_DIRECTION_IN] = 0;
}

/* The caller becomes one of the socket's holders. What it remembered of earlier addresses is forgotten in any case. */
static __always_inline void sock_hold(struct ng_sock *sock, const struct ng_tag *holder)
{
	if (!tag_same_apps(&sock->tag, holder) && !tag_covers(&sock->tag, holder))
		tag_merge(&sock->tag, holder);
	sock_forget(sock);
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

static __always_inline void report_untagged(struct ng_flow *flow, __u8 family)
{
	const struct ng_tag nobody = { .app = { NG_SLOT_DEFAULT } };
	const struct judged judged = denied(NG_REASON_UNTAGGED);

	report_call(flow, family, &nobody, &judged);
}

/* A new socket answers to its program. */
static __always_inline void sock_begin(const struct ng_state *now, struct ng_sock *sock, const struct ng_tag *caller)
{
	const __u32 generation = *(volatile const __u32 *)&now->generation;

	sock->tag = *caller;
	sock->pid = bpf_get_current_pid_tgid() >> 32;
	if (sock->tag.online_generation == generation) {
		sock->allowed_generation[NG_DIRECTION_OUT] = generation;
		sock->allowed_generation[NG_DIRECTION_IN] = generation;
	}
}

SEC("cgroup/sock_create")
int ng_create(struct bpf_sock *ctx)
{
	struct ng_flow flow = { .call = NG_CALL_CREATE, .proto = ctx->protocol };
	const struct ng_tag *tag = caller_tag();
	struct ng_state *now = the_state();
	struct ng_sock *sock;

	if (!tag || !now) {
		report_untagged(&flow, ctx->family);
		return 0;
	}
	sock = bpf_sk_storage_get(&socks, ctx, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!sock) {
		fault(NG_FAULT_SOCK_TAG);
		return 0;
	}
	sock_begin(now, sock, tag);
	if (now->held) {
		/* The address of a socket that is gone may come back as this one's. */
		__u64 key = (__u64)ctx;

		if (!bpf_map_delete_elem(&held, &key))
			__sync_fetch_and_sub(&now->held, 1);
	}
	if (ctx->type == SOCK_RAW) {
		struct judged judged;

		flow.raw = 1;
		judged = judge(now, tag, &flow);
		if (!judged.verdict.allowed) {
			sock->calls[0]++;
			counts_store(sock);
			report_call(&flow, ctx->family, tag, &judged);
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
	if (now && now->held) {
		held_fold(now, sock, (__u64)ctx);
		if (ctx->protocol == IPPROTO_MPTCP && bpf_core_field_exists(struct mptcp_sock, first)) {
			__u64 first = (__u64)BPF_CORE_READ((struct mptcp_sock *)plain_address(ctx), first);

			if (!bpf_map_delete_elem(&held, &first))
				__sync_fetch_and_sub(&now->held, 1);
		}
	}
	if (sock->packets || sock->calls[0] || sock->calls[1])
		counts_store(sock);
	return 1;
}

/* The verdict for a call by `caller` on a socket. Where both were Online a moment ago nothing needs to be looked up. */
static __always_inline struct judged call_judge(const struct ng_state *now, struct ng_sock *sock, struct ng_tag *caller,
						struct ng_flow *flow)
{
	const bool is_kernel = caller->flags & NG_TAG_KERNEL;
	struct judged judged = { .verdict = { .allowed = 1, .reason = NG_REASON_ONLINE } };
	const __u32 generation = *(volatile const __u32 *)&now->generation;

	judged.decider = sock->tag.app[0];
	if (caller->online_generation == generation && tag_same_apps(&sock->tag, caller))
		return judged;
	if (!is_kernel)
		sock_hold(sock, caller);
	judged = judge(now, &sock->tag, flow);
	if (judged.verdict.reason == NG_REASON_ONLINE && !is_kernel && tag_same_apps(&sock->tag, caller)) {
		caller->online_generation = generation;
		sock->allowed_generation[NG_DIRECTION_OUT] = generation;
		sock->allowed_generation[NG_DIRECTION_IN] = generation;
	}
	return judged;
}

/* Judge one call that names an address. Returns 1 to go on, 0 for EPERM. */
static __always_inline int address_call(struct bpf_sock_addr *ctx, struct ng_flow *flow, __u8 family)
{
	struct ng_tag *caller = caller_tag();
	struct ng_state *now = the_state();
	struct ng_sock *sock = NULL;
	struct judged judged;
	struct bpf_sock *sk;

	flow->proto = ctx->protocol; /* the low byte of IPPROTO_MPTCP is IPPROTO_TCP */
	flow->raw = ctx->type == SOCK_RAW;
	if (!caller || !now) {
		report_untagged(flow, family);
		return 0;
	}
	sk = ctx->sk;
	if (sk)
		sock = bpf_sk_storage_get(&socks, sk, NULL, 0);
	if (!sock) {
		if ((caller->flags & NG_TAG_KERNEL) || (sk && is_kernels_own(sk)))
			return 1;
		if (sk)
			sock = bpf_sk_storage_get(&socks, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
		if (!sock) {
			fault(NG_FAULT_SOCK_TAG);
			return 0;
		}
		sock_begin(now, sock, caller);
	}
	if (now->held && sk)
		held_fold(now, sock, (__u64)sk);
	judged = call_judge(now, sock, caller, flow);
	/* Binding says little until something is reached through it: only its refusal is worth a line. */
	if (flow->call == NG_CALL_BIND && judged.verdict.allowed)
		return 1;
	__sync_fetch_and_add(&sock->calls[judged.verdict.allowed & 1], 1);
	report_call(flow, family, caller, &judged);
	return judged.verdict.allowed & 1; /* so that older verifiers see it is one or the other */
}

static __always_inline void flow_set_ipv4(struct ng_flow *flow, __be32 addr)
{
	flow->addr[10] = 0xff;
	flow->addr[11] = 0xff;
	__builtin_memcpy(&flow->addr[12], &addr, 4);
}

static __always_inline int ipv4_call(struct bpf_sock_addr *ctx, __u8 call)
{
	struct ng_flow flow = { .call = call, .port = bpf_ntohs((__u16)ctx->user_port) };

	flow_set_ipv4(&flow, ctx->user_ip4);
	return address_call(ctx, &flow, AF_INET);
}

static __always_inline int ipv6_call(struct bpf_sock_addr *ctx, __u8 call)
{
	struct ng_flow flow = { .call = call, .port = bpf_ntohs((__u16)ctx->user_port) };
	__u32 words[4];

	words[0] = ctx->user_ip6[0];
	words[1] = ctx->user_ip6[1];
	words[2] = ctx->user_ip6[2];
	words[3] = ctx->user_ip6[3];
	__builtin_memcpy(flow.addr, words, 16);
	return address_call(ctx, &flow, AF_INET6);
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
