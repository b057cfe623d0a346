/* SPDX-License-Identifier: MIT */
/*
 * The few kernel types that the programs look into, with only the members they read. libbpf relocates every access to
 * the layout of the running kernel (CO-RE), so order and size here mean nothing. Names are the kernel's own.
 */
#ifndef NG_KERNEL_H
#define NG_KERNEL_H

#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#define AF_INET 2
#define AF_INET6 10
#define SOCK_RAW 3
#define SIGKILL 9
#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
#define TCP_LISTEN 10
#define PF_KTHREAD 0x00200000
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#ifndef IPPROTO_TCP
#define IPPROTO_ICMP 1
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_ICMPV6 58
#define IPPROTO_SCTP 132
#define IPPROTO_UDPLITE 136
#define IPPROTO_MPTCP 262
#endif

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct super_block {
	__u32 s_dev;
};
struct inode {
	__u16 i_mode;
	unsigned long i_ino;
	struct super_block *i_sb;
};
struct file {
	struct inode *f_inode;
	void *private_data;
};
struct mm_struct {
	struct file *exe_file;
};
typedef struct {
	int counter;
} atomic_t;
struct signal_struct {
	atomic_t live;
};
struct fdtable {
	unsigned int max_fds;
	struct file **fd;
	unsigned long *open_fds;
};
struct files_struct {
	struct fdtable *fdt;
};
struct task_struct {
	unsigned int flags;
	int pid;
	int tgid;
	struct mm_struct *mm;
	struct task_struct *real_parent;
	struct signal_struct *signal;
	struct files_struct *files;
};
struct linux_binprm {
	const char *interp;
};

struct ns_common {
	unsigned int inum;
};
struct net {
	struct ns_common ns;
};
typedef struct {
	struct net *net;
} possible_net_t;
struct in6_addr {
	union {
		__u8 u6_addr8[16];
	} in6_u;
};
struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	unsigned char skc_state;
	int skc_bound_dev_if;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};
typedef struct {
	unsigned int val;
} kuid_t;
struct kernfs_node {
	__u64 id;
};
struct cgroup;
struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
};
struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
};
struct sock_cgroup_data {
	struct cgroup *cgroup;
};
struct sock {
	struct sock_common __sk_common;
	__u8 sk_kern_sock : 1;
	__u16 sk_type;
	__u16 sk_protocol;
	kuid_t sk_uid;
	struct sock_cgroup_data sk_cgrp_data;
};
struct request_sock {
	struct request_sock *dl_next;
	struct sock *sk;
};
struct request_sock_queue {
	struct request_sock *rskq_accept_head;
};
struct inet_connection_sock {
	struct request_sock_queue icsk_accept_queue;
};
struct tcp_sock {
	bool is_mptcp;
};
struct mptcp_sock {
	struct sock *first;
};
struct socket {
	struct sock *sk;
};

struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
};
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

#pragma clang attribute pop

/* A pointer the verifier knows as a plain number, for functions it looks at once and for arithmetic it would not allow.
 */
static __always_inline __u64 plain_address(const void *pointer)
{
	__u64 address = 0;

	bpf_probe_read_kernel(&address, sizeof(address), &pointer);
	return address;
}

#endif
