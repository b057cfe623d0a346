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
	/* What lies behind more headers than we look at may be a way elsewhere as well. */
	if (next == NEXT_HOPOPTS || next == NEXT_ROUTING || next == NEXT_FRAGMENT || next == NEXT_DEST)
		packet->is_source_routed = 1;
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
	struct judged judged = denied(NG_REASON_UNTAGGED);

	if (is_kernels_own(sk))
		return 1;
	if (is_subflow(sk, (struct sock *)plain_address(sk)))
		judged.verdict.reason = NG_REASON_MPTCP_PATH;
	fault(NG_FAULT_UNTAGGED);
	packet_read(skb, direction, &packet);
	packet_report(skb, &packet, &nobody, 0, &judged);
	return 0;
}

/* The packet has to be read. Returns 1 to let it pass. */
static __noinline int packet_judge(struct __sk_buff *skb, struct bpf_sock *sk, struct ng_sock *sock, int direction)
{
	bool is_tcp = sk->protocol == IPPROTO_TCP, listens = is_tcp && sk->state == TCP_LISTEN;
	const __u32 holders = sock->holders;
	struct ng_state *now = the_state();
	struct packet packet = {};
	struct judged judged;
	__u32 generation;

	if (!now)
		return 0;
	generation = *(volatile __u32 *)&now->generation;
	/* What was remembered of an earlier connection is not for those that are accepted now. */
	if (listens)
		sock->fixed_generation[NG_DIRECTION_OUT] = sock->fixed_generation[NG_DIRECTION_IN] = 0;
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
	if (judged.verdict.reason == NG_REASON_ONLINE || judged.verdict.reason == NG_REASON_PAUSED)
		sock->allowed_generation[direction] = generation;
	else if (is_tcp && !listens && !packet.is_source_routed)
		sock->fixed_generation[direction] = generation;
	/* Somebody else got hold of the socket meanwhile: this verdict was not about them. */
	if (*(volatile __u32 *)&sock->holders != holders)
		sock_forget(sock);
	return 1;
}

/* Is this the plain packet of a TCP connection, to or from the socket's one remote end? Nothing that a program can put
 * into the headers afterwards (options, routing headers) is. */
static __always_inline bool is_of_connection(struct __sk_buff *skb, struct bpf_sock *sk, int direction)
{
	const void *data = (const void *)(long)skb->data, *end = (const void *)(long)skb->data_end;
	const struct ipv4_header *ipv4 = data;
	const struct ipv6_header *ipv6 = data;
	__u32 end4 = sk->dst_ip4, end0 = sk->dst_ip6[0], end1 = sk->dst_ip6[1], end2 = sk->dst_ip6[2],
	      end3 = sk->dst_ip6[3];
	const __u32 *remote;

	/* Read now, one by one: the verifier allows no arithmetic on the socket. */
	asm volatile("" : "+r"(end4), "+r"(end0), "+r"(end1), "+r"(end2), "+r"(end3));
	if (sk->state == TCP_LISTEN || !sk->dst_port)
		return false;
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		if ((const void *)(ipv4 + 1) > end || ipv4->version_length != 0x45 || ipv4->protocol != IPPROTO_TCP)
			return false;
		return (direction == NG_DIRECTION_OUT ? ipv4->destination : ipv4->source) == end4;
	}
	if ((const void *)(ipv6 + 1) > end || ipv6->next != IPPROTO_TCP)
		return false;
	remote = (const __u32 *)(direction == NG_DIRECTION_OUT ? ipv6->destination : ipv6->source);
	return remote[0] == end0 && remote[1] == end1 && remote[2] == end2 && remote[3] == end3;
}

/* A connection that was waiting to be accepted when its listener was found: it answers to the listener's program. */
static __always_inline struct ng_sock *held_begin(struct bpf_sock *sk)
{
	__u64 key = (__u64)sk;
	struct ng_tag *holder = bpf_map_lookup_elem(&held, &key);
	struct ng_sock *sock;

	if (!holder)
		return NULL;
	sock = bpf_sk_storage_get(&socks, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (sock)
		sock->tag = *holder;
	return sock;
}

static __always_inline int packet_hook(struct __sk_buff *skb, int direction)
{
	struct ng_state *now = the_state();
	struct bpf_sock *sk = skb->sk;
	struct ng_sock *sock;
	__u32 generation;

	if (!now)
		return 0;
	if (!sk)
		return 1; /* no socket, no program: forwarded, or the kernel's own answer */
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return 1;
	sock = bpf_sk_storage_get(&socks, sk, NULL, 0);
	if (!sock && now->held)
		sock = held_begin(sk);
	if (!sock)
		return packet_untagged(skb, sk, direction);
	if (now->held)
		held_fold(now, sock, (__u64)sk);
	generation = *(volatile __u32 *)&now->generation;
	if (sock->allowed_generation[direction] != generation &&
	    !(sock->fixed_generation[direction] == generation && is_of_connection(skb, sk, direction)) &&
	    !packet_judge(skb, sk, sock, direction))
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
