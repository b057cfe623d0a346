/* SPDX-License-Identifier: MIT */
/*
 * Gather the rules of everybody a tag names, ask verdict.h for each, and report. Fails closed: a slot without an entry,
 * a tag that overflowed, a verdict that is not clear are denials.
 */
#ifndef NG_JUDGE_H
#define NG_JUDGE_H

#include "tag.h"

/* A verdict and the slot that decided. */
struct judged {
	struct ng_verdict verdict;
	__u32 decider;
};

static __always_inline struct judged denied(__u8 reason)
{
	return (struct judged){ .verdict = { .reason = reason }, .decider = NG_SLOT_DEFAULT };
}

/* One application's verdict; its own function so that the verifier looks at the decision once. Returns allowed | reason
 * << 8 | class << 16. A slot that was forgotten is judged as the default. */
__noinline int judge_slot(__u32 slot, const struct ng_flow *flow)
{
	const struct ng_allows *allow = NULL;
	struct ng_verdict verdict;
	const struct ng_app *app;

	if (!flow)
		return 0;
	app = app_of(slot);
	if (app && (app->flags & NG_APP_GONE)) {
		slot = NG_SLOT_DEFAULT;
		app = app_of(slot);
	}
	if (!app) {
		fault(NG_FAULT_BAD_SLOT);
		return NG_REASON_MALFORMED << 8;
	}
	if (app->n_allow)
		allow = bpf_map_lookup_elem(&allows, &slot);
	verdict = ng_verdict_decide(app, allow, flow);
	return verdict.allowed | verdict.reason << 8 | verdict.class << 16;
}

/* Is the address in a prefix of this machine's own interfaces? Asked only where the table has no answer of its own. */
__noinline int flow_locate(struct ng_flow *flow)
{
	struct ng_onlink_key key = { .prefix_len = 128 };

	if (!flow || ng_address_class(flow->addr, 0) != NG_CLASS_GLOBAL)
		return 0;
	__builtin_memcpy(key.addr, flow->addr, 16);
	flow->onlink = bpf_map_lookup_elem(&onlinks, &key) != NULL;
	return 0;
}

/* The verdict of everybody in the tag. The mode comes first: paused allows, panic denies. */
static __always_inline struct judged judge(const struct ng_state *now, const struct ng_tag *tag, struct ng_flow *flow)
{
	struct judged result = denied(NG_REASON_MALFORMED);

	if (tag->flags & NG_TAG_TOO_DEEP)
		return denied(NG_REASON_TOO_DEEP);
	if (now->mode == NG_MODE_PANIC)
		return denied(NG_REASON_PANIC);
	flow_locate(flow);
	if (now->mode == NG_MODE_PAUSED) {
		result.verdict.allowed = 1;
		result.verdict.reason = NG_REASON_PAUSED;
		result.verdict.class = ng_address_class(flow->addr, flow->onlink);
		return result;
	}
	for (int i = 0; i < NG_TAG_APPS; i++) {
		__u32 slot = tag->app[i];
		bool weaker;
		int packed;

		if (slot == NG_SLOT_NONE)
			break;
		packed = judge_slot(slot, flow);
		/* Keep the least free of the allowing reasons, so that "Online" means: everybody is. */
		weaker = i == 0 || result.verdict.reason == NG_REASON_ONLINE;
		if (weaker || !(packed & 1)) {
			result.verdict.allowed = packed & 1;
			result.verdict.reason = packed >> 8;
			result.verdict.class = packed >> 16;
			result.decider = slot;
		}
		if (!(packed & 1))
			break;
	}
	return result;
}

static __always_inline struct ng_counts *counts_of(__u32 slot)
{
	struct ng_counts *entry = bpf_map_lookup_elem(&counts, &slot);

	if (!entry) {
		struct ng_counts fresh = {};

		bpf_map_update_elem(&counts, &slot, &fresh, BPF_NOEXIST);
		entry = bpf_map_lookup_elem(&counts, &slot);
	}
	if (!entry)
		fault(NG_FAULT_COUNTS);
	return entry;
}

/* Store what a socket has counted. */
__noinline int counts_store(struct ng_sock *sock)
{
	struct ng_counts *entry;

	if (!sock)
		return 0;
	entry = counts_of(sock->tag.app[0]);
	if (!entry)
		return 0;
	__sync_fetch_and_add(&entry->tx_bytes, __sync_lock_test_and_set(&sock->bytes[NG_DIRECTION_OUT], 0));
	__sync_fetch_and_add(&entry->rx_bytes, __sync_lock_test_and_set(&sock->bytes[NG_DIRECTION_IN], 0));
	__sync_fetch_and_add(&entry->denied, __sync_lock_test_and_set(&sock->calls[0], 0));
	__sync_fetch_and_add(&entry->allowed, __sync_lock_test_and_set(&sock->calls[1], 0));
	sock->packets = 0;
	return 0;
}

#define NG_REPORT_EVERY_NS 1000000000ull

/* What tells attempts apart. */
static __always_inline void seen_key(struct ng_seen_key *key, const struct ng_tag *tag, const struct ng_flow *flow,
				     const struct judged *judged, __u32 uid)
{
	key->exe_ino = tag->exe_ino;
	key->exe_dev = tag->exe_dev;
	key->uid = uid;
	key->app = tag->app[0];
	key->decider = judged->decider;
	__builtin_memcpy(key->addr, flow->addr, 16);
	key->port = flow->call == NG_CALL_RECV ? 0 : flow->port;
	key->proto = flow->proto;
	key->call = flow->call;
	key->allowed = judged->verdict.allowed;
	key->reason = judged->verdict.reason;
}

/* How many attempts are to be reported now: this one at once when it is new, else at most once a second those alike; 0:
 * none, it has been counted. Nothing decided depends on what happens here. */
static __noinline int report_due(const struct ng_seen_key *key)
{
	struct ng_seen *before;
	__u64 now_ns;

	if (!key)
		return 0;
	before = bpf_map_lookup_elem(&seen, key);
	if (!before)
		return 1;
	__sync_fetch_and_add(&before->pending, 1);
	now_ns = bpf_ktime_get_boot_ns();
	if (now_ns - before->time_ns < NG_REPORT_EVERY_NS)
		return 0;
	before->time_ns = now_ns;
	return __sync_lock_test_and_set(&before->pending, 0);
}

/* Report what is due, and remember it in `seen`. The caller has filled pid and comm of `fresh` where they are known.
 * The reader is woken only if it sleeps. */
static __always_inline void report_send(struct ng_seen *fresh, int count, __u8 family, const struct ng_seen_key *key,
					struct ng_flow *flow)
{
	struct ng_state *now = the_state();
	__u64 wake = BPF_RB_NO_WAKEUP;
	struct ng_event *event;

	fresh->time_ns = bpf_ktime_get_boot_ns();
	bpf_map_update_elem(&seen, key, fresh, BPF_NOEXIST);
	flow_locate(flow);
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		fault(NG_FAULT_EVENTS_LOST);
		return;
	}
	__builtin_memset(event, 0, sizeof(*event));
	event->time_ns = fresh->time_ns;
	event->exe_ino = key->exe_ino;
	event->exe_dev = key->exe_dev;
	event->pid = fresh->pid;
	event->uid = key->uid;
	event->app = key->app;
	event->decider = key->decider;
	event->count = count;
	event->flow = *flow;
	event->flow.port = key->port;
	event->verdict.allowed = key->allowed;
	event->verdict.reason = key->reason;
	event->verdict.class = ng_address_class(flow->addr, flow->onlink);
	event->family = family;
	__builtin_memcpy(event->comm, fresh->comm, sizeof(event->comm));
	if (now && now->reader_waits && __sync_lock_test_and_set(&now->reader_waits, 0))
		wake = BPF_RB_FORCE_WAKEUP;
	bpf_ringbuf_submit(event, wake);
}

#endif
