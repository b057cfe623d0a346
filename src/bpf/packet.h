/* SPDX-License-Identifier: MIT */
/*
 * Every IP packet that leaves by a socket or arrives at one, judged by the socket's tag. This is what holds whatever
 * the program did before: open connections, raw sockets, odd protocols, io_uring. It may run in any context, so the
 * current process says nothing here.
 *
 * An established connection costs one storage lookup: while the state's generation is the one its verdict was given in,
 * its packets pass unread. Only verdicts that cannot depend on the packet are remembered: a TCP socket with its remote
 * end fixed, or everybody in the tag Online.
 *
 * Fails closed: an unreadable header is denied, and so is a user's socket without a tag. The kernel's own sockets (they
 * never had a program) pass, except subflows that it opens for an MPTCP connection: whose they are cannot be told.
 */
#ifndef NG_PACKET_H
#define NG_PACKET_H

#include "socket.h"

#define IPV6_EXTENSIONS_MAX 6
#define NEXT_HOPOPTS 0
#define NEXT_ROUTING 43
#define NEXT_FRAGMENT 44
#define NEXT_DEST 60
#define IPOPT_LSRR 131
#define IPOPT_SSRR 137

struct ipv4_header {
	__u8 version_length, tos;
	__be16 length, id, fragment;
	__u8 ttl, protocol;
	__u16 checksum;
	__be32 source, destination;
};
struct ipv6_header {
	__u32 version_class_label;
	__be16 length;
	__u8 next, hop_limit;
	__u8 source[16], destination[16];
};

/* What the headers say. */
struct packet {
	struct ng_flow flow;
	__u32 offset; /* of the transport header */
	__u8 family;
	__u8 is_source_routed; /* the address is a stop on the way, not the end */
};

/* Any byte of the options that could be a source route counts as one: such packets are rare, and walking the options is
 * not worth the verifier's time. */
static __always_inline bool has_source_route(struct __sk_buff *skb, __u32 length)
{
	__u8 options[40] = {};
	bool found = false;

	if (length > sizeof(options) || length == 0 ||
	    bpf_skb_load_bytes(skb, sizeof(struct ipv4_header), options, length))
		return true;
	for (int i = 0; i < (int)sizeof(options); i++)
		found |= options[i] == IPOPT_LSRR || options[i] == IPOPT_SSRR;
	return found;
}

static __always_inline bool read_ipv4(struct __sk_buff *skb, int direction, struct packet *packet)
{
	struct ipv4_header ip;

	if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)) || ip.version_length >> 4 != 4)
		return false;
	packet->family = AF_INET;
	packet->offset = (ip.version_length & 15) * 4;
	packet->flow.proto = ip.protocol;
	flow_set_ipv4(&packet->flow, direction == NG_DIRECTION_OUT ? ip.destination : ip.source);
	if (packet->offset > sizeof(ip))
		packet->is_source_routed = has_source_route(skb, packet->offset - sizeof(ip));
	return packet->offset >= sizeof(ip);
}

static __always_inline bool read_ipv6(struct __sk_buff *skb, int direction, struct packet *packet)
{
	struct ipv6_header ip;
	__u32 offset = sizeof(ip);
	__u8 next;

	if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)))
		return false;
	packet->family = AF_INET6;
	__builtin_memcpy(packet->flow.addr, direction == NG_DIRECTION_OUT ? ip.destination : ip.source, 16);
	next = ip.next;
	for (int i = 0; i < IPV6_EXTENSIONS_MAX; i++) {
		__u8 extension[2];

		if (next != NEXT_HOPOPTS && next != NEXT_ROUTING && next != NEXT_FRAGMENT && next != NEXT_DEST)
			break;
		if (next == NEXT_ROUTING)
			packet->is_source_routed = 1;
		if (bpf_skb_load_bytes(skb, offset, extension, 2))
			return false;
		offset += next == NEXT_FRAGMENT ? 8 : ((__u32)extension[1] + 1) * 8;
		next = extension[0];
	}
	packet->flow.proto = next;
	packet->offset = offset;
	return true;
}

/* Its own function so that the verifier looks at it once. Returns 0 for what cannot be read. */
__noinline int packet_read(struct __sk_buff *skb, int direction, struct packet *packet)
{
	__be16 ports[2] = {};
	__u8 proto;

	if (!packet)
		return 0;
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		if (!read_ipv4(skb, direction, packet))
			return 0;
	} else if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		if (!read_ipv6(skb, direction, packet))
			return 0;
	} else {
		return 0;
	}
	proto = packet->flow.proto;
	if (proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_UDPLITE || proto == IPPROTO_SCTP)
		if (!bpf_skb_load_bytes(skb, packet->offset, ports, sizeof(ports)))
			packet->flow.port = bpf_ntohs(direction == NG_DIRECTION_OUT ? ports[1] : ports[0]);
	packet->flow.call = direction == NG_DIRECTION_OUT ? NG_CALL_SEND : NG_CALL_RECV;
	return 1;
}

static __noinline int packet_report(struct __sk_buff *skb, struct packet *packet, const struct ng_tag *tag, __u32 pid,
				    const struct judged *judged)
{
	struct ng_seen_key key = {};
	int count;

	seen_key(&key, tag, &packet->flow, judged, bpf_get_socket_uid(skb));
	count = report_due(&key);
	if (count) {
		struct ng_seen fresh = { .pid = pid };

		report_send(&fresh, count, packet->family, &key, &packet->flow);
	}
	return 0;
}

/* A socket without a tag: the kernel's own, or one that was nobody's when the guard started. */
static __noinline int packet_untagged(struct __sk_buff *skb, struct bpf_sock *sk, int direction)
{
	const struct ng_tag nobody = { .app = { NG_SLOT_DEFAULT } };
	struct packet packet = {};
	struct sock *raw = (struct sock *)plain_address(sk);
	struct judged judged = denied(NG_REASON_UNTAGGED);

	if (BPF_CORE_READ_BITFIELD_PROBED(raw, sk_kern_sock)) {
		bool is_mptcp = false;

		if (sk->protocol == IPPROTO_TCP && bpf_core_field_exists(struct tcp_sock, is_mptcp))
			bpf_core_read(&is_mptcp, sizeof(is_mptcp), &((struct tcp_sock *)raw)->is_mptcp);
		if (!is_mptcp)
			return 1;
		judged.verdict.reason = NG_REASON_MPTCP_PATH;
	}
	fault(NG_FAULT_UNTAGGED);
	packet_read(skb, direction, &packet);
	packet_report(skb, &packet, &nobody, 0, &judged);
	return 0;
}

/* The packet has to be read. Returns 1 to let it pass. */
static __noinline int packet_judge(struct __sk_buff *skb, struct bpf_sock *sk, struct ng_sock *sock, int direction)
{
	bool is_tcp = sk->protocol == IPPROTO_TCP, listens = is_tcp && sk->state == TCP_LISTEN;
	struct ng_state *now = the_state();
	struct packet packet = {};
	struct judged judged;
	__u32 generation;

	if (!now)
		return 0;
	generation = now->generation;
	if (!packet_read(skb, direction, &packet)) {
		fault(NG_FAULT_BAD_PACKET);
		judged = denied(NG_REASON_MALFORMED);
	} else {
		judged = judge(now, &sock->tag, &packet.flow);
		if (packet.is_source_routed && judged.verdict.reason != NG_REASON_ONLINE &&
		    judged.verdict.reason != NG_REASON_PAUSED) {
			judged.verdict.allowed = 0;
			judged.verdict.reason = NG_REASON_MALFORMED;
		}
	}
	if (!judged.verdict.allowed) {
		__sync_fetch_and_add(&sock->calls[0], 1);
		packet_report(skb, &packet, &sock->tag, sock->pid, &judged);
		counts_store(sock);
		return 0;
	}
	if (listens && direction == NG_DIRECTION_IN) {
		__sync_fetch_and_add(&sock->calls[1], 1);
		counts_store(sock); /* at once: what a listener has not stored its connections would take over */
		packet_report(skb, &packet, &sock->tag, sock->pid, &judged);
	}
	if ((is_tcp && !listens && sk->dst_port) || judged.verdict.reason == NG_REASON_ONLINE ||
	    judged.verdict.reason == NG_REASON_PAUSED)
		sock->allowed_generation[direction] = generation;
	return 1;
}

static __always_inline int packet_hook(struct __sk_buff *skb, int direction)
{
	struct ng_state *now = the_state();
	struct bpf_sock *sk = skb->sk;
	struct ng_sock *sock;

	if (!now)
		return 0;
	if (!sk)
		return 1; /* no socket, no program: forwarded, or the kernel's own answer */
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return 1;
	sock = bpf_sk_storage_get(&socks, sk, NULL, 0);
	if (!sock)
		return packet_untagged(skb, sk, direction);
	if (now->held)
		held_fold(now, sock, (__u64)sk);
	if (sock->allowed_generation[direction] != now->generation && !packet_judge(skb, sk, sock, direction))
		return 0;
	if (sk->state == TCP_LISTEN && sk->protocol == IPPROTO_TCP)
		return 1; /* a handshake is counted with the connection it leads to */
	__sync_fetch_and_add(&sock->bytes[direction], skb->len);
	if (++sock->packets >= 64)
		counts_store(sock);
	return 1;
}

SEC("cgroup_skb/egress")
int ng_egress(struct __sk_buff *skb)
{
	return packet_hook(skb, NG_DIRECTION_OUT);
}

SEC("cgroup_skb/ingress")
int ng_ingress(struct __sk_buff *skb)
{
	return packet_hook(skb, NG_DIRECTION_IN);
}

#endif
