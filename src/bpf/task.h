/* SPDX-License-Identifier: MIT */
/*
 * Who a process is: recognised at exec by its file, inherited at fork, looked up at once for what already runs. Runs in
 * tracepoints and in the enforcer's iterator. The key is the process (thread group): threads and io_uring workers share
 * it without a fork event, and it is readable in the socket hooks of every kernel from 5.15, where task storage is not
 * before 6.16.
 *
 * Fails closed: a process that could not be recorded has no entry, and what has no entry is denied by the socket hooks.
 */
#ifndef NG_TASK_H
#define NG_TASK_H

#include "judge.h"

#define ANCESTORS_MAX 16 /* how far up the process tree is looked for what already runs */
#define FD_WORDS_MAX                                                                                                   \
	1024          /* of 64 descriptors each: inherited sockets beyond are not found, and the program is ended      \
		       */
#define QUEUED_MAX 64 /* connections nobody has accepted yet, of one inherited listener */

/* An entry is made at fork, changed where it stands and deleted at exit: whoever looks at it sees the process' own. */
static __always_inline void task_store(__u32 tgid, const struct ng_tag *tag)
{
	struct ng_tag *entry = bpf_map_lookup_elem(&tasks, &tgid);

	if (entry)
		*entry = *tag;
	else if (bpf_map_update_elem(&tasks, &tgid, tag, BPF_ANY))
		fault(NG_FAULT_TASK_MAP);
}

/* A process that should have an entry and has none: there was no room. Who it was cannot be told any more. */
static __always_inline void task_store_unknown(__u32 tgid)
{
	const struct ng_tag tag = { .app = { NG_SLOT_DEFAULT }, .flags = NG_TAG_TOO_DEEP };

	fault(NG_FAULT_UNTAGGED);
	task_store(tgid, &tag);
}

static __always_inline bool is_walked(void)
{
	const struct ng_state *now = the_state();

	return now && now->walked;
}

static __always_inline bool task_exe(struct task_struct *task, struct ng_exe_key *ret_key)
{
	struct inode *inode = BPF_CORE_READ(task, mm, exe_file, f_inode);

	if (!inode)
		return false;
	ret_key->ino = BPF_CORE_READ(inode, i_ino);
	ret_key->dev = BPF_CORE_READ(inode, i_sb, s_dev);
	ret_key->pad = 0;
	return true;
}

/* Add the application of one ancestor: by its tag, if it has one, else by its file. Returns 1 where the tree ends. */
__noinline int tag_add_ancestor(struct ng_tag *tag, __u64 address)
{
	struct task_struct *task = (struct task_struct *)address;
	__u32 tgid = BPF_CORE_READ(task, tgid), slot;
	struct ng_exe_key key = {};
	struct ng_tag *theirs;

	if (!tag || tgid <= 1)
		return 1;
	theirs = bpf_map_lookup_elem(&tasks, &tgid);
	if (theirs)
		slot = slot_again(theirs->exe_ino, theirs->exe_dev, theirs->app[0]);
	else if (task_exe(task, &key))
		slot = slot_of_exe(key.ino, key.dev);
	else
		return 1;
	if (slot_inherits(slot))
		tag_add(tag, slot);
	return 0;
}

__noinline int tag_add_ancestors(struct ng_tag *tag, __u64 address)
{
	struct task_struct *task = (struct task_struct *)address;

	if (!tag)
		return 0;
	for (int i = 0; i < ANCESTORS_MAX; i++) {
		task = BPF_CORE_READ(task, real_parent);
		if (!task || tag_add_ancestor(tag, (__u64)task))
			break;
	}
	return 0;
}

/* The tag of a process nothing is known of: its file, and its living ancestors. A program whose file cannot be read
 * (its first thread has ended) cannot be told. */
__noinline int tag_from_tree(struct ng_tag *tag, __u64 address)
{
	struct task_struct *task = (struct task_struct *)address;
	struct ng_exe_key key = {};

	if (!tag)
		return 0;
	tag->app[0] = NG_SLOT_DEFAULT;
	if (BPF_CORE_READ(task, flags) & PF_KTHREAD) {
		tag->flags |= NG_TAG_KERNEL;
		return 0;
	}
	if (!task_exe(task, &key)) {
		tag->flags |= NG_TAG_TOO_DEEP;
		return 0;
	}
	tag->exe_ino = key.ino;
	tag->exe_dev = key.dev;
	tag->app[0] = slot_of_exe(key.ino, key.dev);
	return tag_add_ancestors(tag, address);
}

/* One socket that a program more restricted than its creator has got hold of. Returns 0, or -1 if it could not be
 * marked. */
__noinline int hold_sock(__u64 sk, const struct ng_tag *tag)
{
	struct ng_state *now = the_state();
	struct ng_tag merged;
	struct ng_tag *before;

	if (!tag || !sk || !now)
		return 0;
	merged = *tag;
	before = bpf_map_lookup_elem(&held, &sk);
	if (before)
		tag_merge(&merged, before);
	if (bpf_map_update_elem(&held, &sk, &merged, BPF_ANY))
		return -1;
	if (!before)
		__sync_fetch_and_add(&now->held, 1);
	return 0;
}

/* Connections that a listener has and nobody has accepted. */
__noinline int hold_queued(__u64 listener, const struct ng_tag *tag)
{
	struct request_sock *request =
		BPF_CORE_READ((struct inet_connection_sock *)listener, icsk_accept_queue.rskq_accept_head);

	for (int i = 0; i < QUEUED_MAX; i++) {
		if (!request)
			return 0;
		if (hold_sock((__u64)BPF_CORE_READ(request, sk), tag))
			return -1;
		request = BPF_CORE_READ(request, dl_next);
	}
	return -1;
}

/* One inherited descriptor. Returns 0 if the loop may go on, -1 if it could not be marked. */
__noinline int hold_fd(__u64 files, __u32 index, const struct ng_tag *tag)
{
	struct sock *sk, *first;
	struct socket *socket;
	struct inode *inode;
	struct file *file = NULL;
	__u16 family, protocol;

	if (!tag)
		return 0;
	if (bpf_probe_read_kernel(&file, sizeof(file), (void *)(files + 8ull * index)) || !file)
		return 0;
	inode = BPF_CORE_READ(file, f_inode);
	if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) != S_IFSOCK)
		return 0;
	socket = BPF_CORE_READ(file, private_data);
	sk = BPF_CORE_READ(socket, sk);
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (family != AF_INET && family != AF_INET6)
		return 0;
	if (hold_sock((__u64)sk, tag))
		return -1;
	protocol = BPF_CORE_READ(sk, sk_protocol);
	/* The packets of an MPTCP socket are those of its first subflow. */
	if (protocol == IPPROTO_MPTCP && bpf_core_field_exists(struct mptcp_sock, first)) {
		first = BPF_CORE_READ((struct mptcp_sock *)sk, first);
		if (!first)
			return 0;
		if (hold_sock((__u64)first, tag))
			return -1;
		sk = first;
		protocol = IPPROTO_TCP;
	}
	if (protocol == IPPROTO_TCP && BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN)
		return hold_queued((__u64)sk, tag);
	return 0;
}

/* Sixty-four descriptors. Returns 0 if the loop may go on. */
__noinline int hold_fds(__u64 files, __u64 open_fds, __u32 word, const struct ng_tag *tag)
{
	unsigned long open = 0;

	if (!tag || bpf_probe_read_kernel(&open, sizeof(open), (void *)(open_fds + 8ull * word)))
		return -1;
	for (__u32 i = 0; i < 64; i++)
		if ((open >> i & 1) && hold_fd(files, word * 64 + i, tag))
			return -1;
	return 0;
}

/* Whether somebody in the tag is less than Online now: only then do inherited sockets matter at once. (If it becomes so
 * later, the enforcer's walk over open files tags them.) */
static __always_inline bool tag_restricts(const struct ng_tag *tag)
{
	if (tag->flags & NG_TAG_TOO_DEEP)
		return true;
	for (int i = 0; i < NG_TAG_APPS; i++) {
		const struct ng_app *app;

		if (tag->app[i] == NG_SLOT_NONE)
			break;
		app = app_of(tag->app[i]);
		if (!app || app->profile != NG_PROFILE_ONLINE)
			return true;
	}
	return false;
}

/* Mark what was inherited before the program runs. Where that is not possible nothing else keeps it from its parent's
 * connections: it is ended. */
static __always_inline void hold_inherited(struct task_struct *task, struct ng_tag *tag)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	__u64 files = (__u64)BPF_CORE_READ(table, fd), open_fds = (__u64)BPF_CORE_READ(table, open_fds);
	__u32 words = (BPF_CORE_READ(table, max_fds) + 63) / 64;
	bool is_short = words > FD_WORDS_MAX;

	for (__u32 i = 0; i < FD_WORDS_MAX; i++) {
		if (i >= words)
			break;
		if (hold_fds(files, open_fds, i, tag)) {
			is_short = true;
			break;
		}
	}
	if (is_short) {
		fault(NG_FAULT_HELD_MAP);
		tag->flags |= NG_TAG_TOO_DEEP;
		bpf_send_signal(SIGKILL);
	}
}

static __always_inline void name_remember(const struct ng_exe_key *key, struct linux_binprm *bprm)
{
	__u32 zero = 0;
	struct ng_name *name;

	if (bpf_map_lookup_elem(&names, key))
		return;
	name = bpf_map_lookup_elem(&scratch_name, &zero);
	if (name && bpf_probe_read_kernel_str(name->path, sizeof(name->path), BPF_CORE_READ(bprm, interp)) > 0)
		bpf_map_update_elem(&names, key, name, BPF_ANY);
}

/* exec: the program's own application is that of its new file; what it was before becomes an ancestor. Running twice
 * for one exec gives the same tag (two enforcers' programs overlap for a moment during an upgrade). */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(ng_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	__u32 tgid = BPF_CORE_READ(task, tgid);
	struct ng_tag *before = bpf_map_lookup_elem(&tasks, &tgid);
	struct ng_exe_key key = {};
	struct ng_tag tag = {};

	if (!before && is_walked()) {
		task_store_unknown(tgid);
		return 0;
	}
	if (!before) {
		tag_from_tree(&tag, plain_address(task));
	} else if (task_exe(task, &key)) {
		tag.app[0] = slot_of_exe(key.ino, key.dev);
		tag.exe_ino = key.ino;
		tag.exe_dev = key.dev;
		if (slot_inherits(before->app[0]))
			tag_add(&tag, before->app[0]);
		for (int i = 1; i < NG_TAG_APPS; i++)
			tag_add(&tag, before->app[i]);
		tag.flags |= before->flags & NG_TAG_TOO_DEEP;
		name_remember(&key, bprm);
	} else {
		/* A user program without a file cannot be told: it keeps its ancestors' and is the default. */
		tag = *before;
		tag.flags &= ~NG_TAG_KERNEL;
	}
	if (before && !tag_covers(before, &tag) && tag_restricts(&tag))
		hold_inherited(task, &tag);
	task_store(tgid, &tag);
	return 0;
}

/* fork: a new process is its parent until it execs. Threads share their process' entry. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(ng_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 parent_tgid = BPF_CORE_READ(parent, tgid), child_tgid = BPF_CORE_READ(child, tgid);
	struct ng_tag *before;

	if (parent_tgid == child_tgid)
		return 0;
	before = bpf_map_lookup_elem(&tasks, &parent_tgid);
	if (before) {
		struct ng_tag tag = *before;

		if (!(BPF_CORE_READ(child, flags) & PF_KTHREAD))
			tag.flags &= ~NG_TAG_KERNEL;
		task_store(child_tgid, &tag);
	} else if (is_walked()) {
		task_store_unknown(child_tgid);
	} else {
		struct ng_tag tag = {};

		tag_from_tree(&tag, plain_address(child));
		task_store(child_tgid, &tag);
	}
	return 0;
}

/* The last thread is gone: so is the entry. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(ng_exit, struct task_struct *task)
{
	__u32 tgid = BPF_CORE_READ(task, tgid);

	if (BPF_CORE_READ(task, signal, live.counter) == 0)
		bpf_map_delete_elem(&tasks, &tgid);
	return 0;
}

/* A process that has a tag keeps it; only what applications mean by its file is looked up anew, and what forks and
 * execs could not know: ancestors that were listed since. The file is the one of its last exec, not the one it shows
 * now, which it may have changed. An exec at the same time wins. */
static __always_inline void task_again(struct ng_tag *entry, struct task_struct *task)
{
	const __u64 ino = entry->exe_ino;
	const __u32 dev = entry->exe_dev, was = entry->app[0];
	const __u32 slot = slot_again(ino, dev, was);

	tag_prune(entry);
	if (slot != was) {
		__sync_val_compare_and_swap(&entry->app[0], was, slot);
		if (entry->exe_ino != ino)
			entry->app[0] = slot_of_exe(entry->exe_ino, entry->exe_dev);
	}
	if (!(entry->flags & NG_TAG_KERNEL))
		tag_add_ancestors(entry, plain_address(task));
	entry->online_generation = 0;
}

/* What already runs, and what runs when the applications' files change. */
SEC("iter/task")
int ng_tag_tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct ng_tag *entry;
	__u32 tgid;

	if (!task)
		return 0;
	tgid = BPF_CORE_READ(task, tgid);
	if (BPF_CORE_READ(task, pid) != (int)tgid || BPF_CORE_READ(task, signal, live.counter) == 0)
		return 0;
	entry = bpf_map_lookup_elem(&tasks, &tgid);
	if (entry) {
		task_again(entry, task);
	} else if (is_walked() && !(BPF_CORE_READ(task, flags) & PF_KTHREAD)) {
		task_store_unknown(tgid);
	} else {
		struct ng_tag tag = {};

		tag_from_tree(&tag, plain_address(task));
		task_store(tgid, &tag);
	}
	return 0;
}

#endif
