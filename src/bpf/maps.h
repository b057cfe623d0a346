/* SPDX-License-Identifier: MIT */
/*
 * The maps. All but `scan_wish` are pinned and outlive the service. Written by the enforcer: exes, apps, allows,
 * onlinks, state, keys. Written by the programs: tasks, socks, held, names, seen, counts, faults, events.
 *
 * What happens when one is full is part of the promise:
 *   tasks   the process that could not be recorded has no tag, and what has no tag is denied (NG_FAULT_TASK_MAP)
 *   socks   socket() is refused (NG_FAULT_SOCK_TAG)
 *   held    the process that inherited the socket is ended before it runs (NG_FAULT_HELD_MAP)
 *   events  the event is lost and counted, the verdict stands (NG_FAULT_EVENTS_LOST)
 *   counts  the traffic is not counted (NG_FAULT_COUNTS), the verdict stands
 *   seen, names  the oldest entry goes: an event more, a name less
 *   exes, apps, allows, onlinks  the enforcer refuses the image whole, the one before stays in force
 */
#ifndef NG_MAPS_H
#define NG_MAPS_H

#include "kernel.h"
#include "verdict/abi.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144);
	__type(key, __u32); /* process (thread group) id */
	__type(value, struct ng_tag);
} tasks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags,
	       BPF_F_NO_PREALLOC | BPF_F_CLONE); /* a connection that is accepted answers to its listener's program */
	__type(key, int);
	__type(value, struct ng_sock);
} socks SEC(".maps");

/* Sockets that a more restricted program inherited at exec, by the address of their struct sock, until their next
 * packet or call folds the tag into `socks`. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct ng_tag);
} held SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144);
	__type(key, struct ng_exe_key);
	__type(value, __u32); /* slot */
} exes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, NG_SLOTS);
	__type(key, __u32);
	__type(value, struct ng_app);
} apps SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NG_SLOTS);
	__type(key, __u32); /* slot */
	__type(value, struct ng_allows);
} allows SEC(".maps");

struct ng_onlink_key {
	__u32 prefix_len;
	__u8 addr[16];
};
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1024);
	__type(key, struct ng_onlink_key);
	__type(value, __u32);
} onlinks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ng_state);
} state SEC(".maps");

/* Which slot an application has, by its image key: only the enforcer reads it, here so that it lives as long as the
 * tags. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NG_SLOTS);
	__type(key, __u64);
	__type(value, __u32);
} keys SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct ng_seen_key);
	__type(value, struct ng_seen);
} seen SEC(".maps");

/* The path by which an executable was last started, for programs that are gone before anybody asks. */
struct ng_name {
	char path[256];
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 2048);
	__type(key, struct ng_exe_key);
	__type(value, struct ng_name);
} names SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, NG_SLOTS);
	__type(key, __u32); /* slot */
	__type(value, struct ng_counts);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, NG_FAULTS);
	__type(key, __u32);
	__type(value, __u64);
} faults SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ng_scan_wish);
} scan_wish SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ng_name);
} scratch_name SEC(".maps");

static __always_inline void fault(__u32 index)
{
	__u64 *count = bpf_map_lookup_elem(&faults, &index);

	if (count)
		__sync_fetch_and_add(count, 1);
}

static __always_inline struct ng_state *the_state(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&state, &zero);
}

#endif
