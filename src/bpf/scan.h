/* SPDX-License-Identifier: MIT */
/*
 * One walk over all open files of all processes, as the enforcer wishes (NG_SCAN_*): tag the sockets found, store their
 * counts, write those that would be denied or all. A socket open in two places is written twice; the reader tells them
 * by cookie.
 *
 * Connections nobody has accepted yet are reached through their listener. Not seen by this walk: descriptors under way
 * in a message; packets of a socket without a tag are denied in packet.h.
 */
#ifndef NG_SCAN_H
#define NG_SCAN_H

#include "packet.h"

static __always_inline void scan_addresses(struct sock *sk, __u16 family, struct ng_scan *record)
{
	if (family == AF_INET) {
		flow_set_ipv4(&record->flow, BPF_CORE_READ(sk, __sk_common.skc_daddr));
		record->local[10] = 0xff;
		record->local[11] = 0xff;
		BPF_CORE_READ_INTO((__be32 *)&record->local[12], sk, __sk_common.skc_rcv_saddr);
	} else {
		BPF_CORE_READ_INTO(&record->flow.addr, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr8);
		BPF_CORE_READ_INTO(&record->local, sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8);
	}
	record->flow.port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	record->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
}

/* The socket's own application is looked up by its creator's file; who holds it now restricts it as well. */
static __always_inline void scan_tag(struct ng_sock *sock, const struct ng_tag *holder)
{
	if (sock->tag.exe_ino)
		sock->tag.app[0] = slot_again(sock->tag.exe_ino, sock->tag.exe_dev, sock->tag.app[0]);
	tag_prune(&sock->tag);
	sock_hold(sock, holder);
}

#define CGROUP_DEPTH_MAX 64

/* Is the socket in the guarded cgroup or below? All processes are known, but only what is in there is judged. */
__noinline int is_guarded(__u64 sk, __u64 cgroup_id)
{
	struct cgroup *cgroup = BPF_CORE_READ((struct sock *)sk, sk_cgrp_data.cgroup);

	if (cgroup_id == 1)
		return 1;
	for (int i = 0; i < CGROUP_DEPTH_MAX && cgroup; i++) {
		if (BPF_CORE_READ(cgroup, kn, id) == cgroup_id)
			return 1;
		cgroup = BPF_CORE_READ(cgroup, self.parent, cgroup);
	}
	return 0;
}

SEC("iter/task_file")
int ng_scan_files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct ng_state *now = the_state();
	struct ng_scan record = {};
	const struct ng_scan_wish *wish;
	const struct ng_tag *holder;
	struct socket *socket;
	struct judged judged;
	struct ng_sock *sock;
	struct sock *sk;
	__u32 zero = 0, tgid;

	if (!task || !file)
		return 0;
	socket = bpf_sock_from_file(file);
	wish = bpf_map_lookup_elem(&scan_wish, &zero);
	if (!socket || !wish || !now)
		return 0;
	sk = socket->sk;
	if (!sk)
		return 0;
	record.family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (record.family != AF_INET && record.family != AF_INET6)
		return 0;
	if (!is_guarded(plain_address(sk), wish->cgroup_id))
		return 0;
	tgid = BPF_CORE_READ(task, tgid);
	holder = bpf_map_lookup_elem(&tasks, &tgid);
	sock = bpf_sk_storage_get(&socks, sk, NULL, 0);
	if (!sock && (wish->wish & NG_SCAN_TAG) && holder) {
		sock = bpf_sk_storage_get(&socks, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
		if (!sock)
			fault(NG_FAULT_SOCK_TAG);
		else {
			sock->tag = *holder;
			sock->pid = tgid;
		}
	}
	if (!sock)
		return 0;
	if ((wish->wish & NG_SCAN_TAG) && holder) {
		scan_tag(sock, holder);
		if (BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP &&
		    BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN &&
		    hold_queued(plain_address(sk), &sock->tag))
			fault(NG_FAULT_HELD_MAP);
	}
	if ((wish->wish & NG_SCAN_COUNT) && sock->packets)
		counts_store(sock);
	if (!(wish->wish & (NG_SCAN_DENIED | NG_SCAN_ALL)))
		return 0;
	scan_addresses(sk, record.family, &record);
	record.protocol = BPF_CORE_READ(sk, sk_protocol);
	record.flow.proto = record.protocol == IPPROTO_MPTCP ? IPPROTO_TCP : record.protocol;
	record.flow.raw = BPF_CORE_READ(sk, sk_type) == SOCK_RAW;
	record.flow.call = record.flow.port ? NG_CALL_SEND : NG_CALL_BIND;
	if (wish->wish & NG_SCAN_DENIED) {
		judged = judge(now, &sock->tag, &record.flow);
		if (judged.verdict.allowed)
			return 0;
	}
	record.cookie = bpf_get_socket_cookie(sk);
	record.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	record.pid = tgid;
	record.uid = BPF_CORE_READ(sk, sk_uid.val);
	record.app = sock->tag.app[0];
	record.bound_if = BPF_CORE_READ(sk, __sk_common.skc_bound_dev_if);
	record.state = BPF_CORE_READ(sk, __sk_common.skc_state);
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
	return 0;
}

#endif
