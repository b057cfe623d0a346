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
static __always_inline void flow_locate(struct ng_flow *flow)
{
	struct ng_onlink_key key = { .prefix_len = 128 };

	__builtin_memcpy(key.addr, flow->addr, 16);
	flow->onlink = bpf_map_lookup_elem(&onlinks, &key) != NULL;
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

static __always_inline void count_verdict(__u32 slot, bool allowed)
{
	struct ng_counts *entry = bpf_map_lookup_elem(&counts, &slot);

	if (!entry) {
		struct ng_counts fresh = {};

		bpf_map_update_elem(&counts, &slot, &fresh, BPF_NOEXIST);
		entry = bpf_map_lookup_elem(&counts, &slot);
	}
	if (!entry)
		fault(NG_FAULT_COUNTS);
	else
		__sync_fetch_and_add(allowed ? &entry->allowed : &entry->denied, 1);
}

/* Store the bytes a socket has counted. */
__noinline int counts_store(struct ng_sock *sock)
{
	struct ng_counts *entry;
	__u32 slot;

	if (!sock)
		return 0;
	slot = sock->tag.app[0];
	entry = bpf_map_lookup_elem(&counts, &slot);
	if (!entry) {
		struct ng_counts fresh = {};

		bpf_map_update_elem(&counts, &slot, &fresh, BPF_NOEXIST);
		entry = bpf_map_lookup_elem(&counts, &slot);
		if (!entry) {
			fault(NG_FAULT_COUNTS);
			return 0;
		}
	}
	__sync_fetch_and_add(&entry->tx_bytes, __sync_lock_test_and_set(&sock->bytes[NG_DIRECTION_OUT], 0));
	__sync_fetch_and_add(&entry->rx_bytes, __sync_lock_test_and_set(&sock->bytes[NG_DIRECTION_IN], 0));
	sock->packets = 0;
	return 0;
}

/* Write one event; wake the reader only if it sleeps. */
static __always_inline void event_send(const struct ng_event *event)
{
	struct ng_state *now = the_state();
	__u64 wake = BPF_RB_NO_WAKEUP;

	if (now && now->reader_waits && __sync_lock_test_and_set(&now->reader_waits, 0))
		wake = BPF_RB_FORCE_WAKEUP;
	if (bpf_ringbuf_output(&events, (void *)event, sizeof(*event), wake))
		fault(NG_FAULT_EVENTS_LOST);
}

#define NG_REPORT_EVERY_NS 1000000000ull

/* Report an attempt: at once when it is new, else at most once a second with the number of those alike. The caller has
 * filled flow, verdict, decider, app, exe, pid, uid, family and comm; nothing decided depends on what happens here. */
__noinline int event_report(struct ng_event *event)
{
	struct ng_seen_key key = {};
	struct ng_seen *before;

	if (!event)
		return 0;
	key.exe_ino = event->exe_ino;
	key.exe_dev = event->exe_dev;
	key.uid = event->uid;
	key.app = event->app;
	key.decider = event->decider;
	__builtin_memcpy(key.addr, event->flow.addr, 16);
	if (event->flow.call == NG_CALL_RECV)
		event->flow.port = 0;
	key.port = event->flow.port;
	key.proto = event->flow.proto;
	key.call = event->flow.call;
	key.allowed = event->verdict.allowed;
	key.reason = event->verdict.reason;
	event->time_ns = bpf_ktime_get_boot_ns();
	event->count = 1;
	before = bpf_map_lookup_elem(&seen, &key);
	if (before) {
		__sync_fetch_and_add(&before->pending, 1);
		if (event->time_ns - before->event.time_ns < NG_REPORT_EVERY_NS)
			return 0;
		event->count = __sync_lock_test_and_set(&before->pending, 0);
		before->event.time_ns = event->time_ns;
		if (!event->count)
			return 0;
	} else {
		struct ng_seen fresh = { .event = *event };

		bpf_map_update_elem(&seen, &key, &fresh, BPF_ANY);
	}
	event_send(event);
	return 0;
}

#endif
