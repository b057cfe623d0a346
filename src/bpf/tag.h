/* SPDX-License-Identifier: MIT */
/*
 * Tags: whom a task or socket answers to. A tag only grows more restrictive by what is here, except when the enforcer
 * asks for the program's own application to be looked up anew. Every loop is over the tag's fixed places.
 */
#ifndef NG_TAG_H
#define NG_TAG_H

#include "maps.h"

/* Add one slot to the places after the first, unless it is there. No place left: everything is denied from now on.
 * (Functions that are not static are looked at by the verifier once, whoever calls them.) */
__noinline int tag_add(struct ng_tag *tag, __u32 slot)
{
	if (!tag || slot == NG_SLOT_NONE)
		return 0;
	for (int i = 0; i < NG_TAG_APPS; i++) {
		if (tag->app[i] == slot)
			return 0;
		if (i > 0 && tag->app[i] == NG_SLOT_NONE) {
			tag->app[i] = slot;
			return 0;
		}
	}
	if (!(tag->flags & NG_TAG_TOO_DEEP))
		fault(NG_FAULT_TOO_DEEP);
	tag->flags |= NG_TAG_TOO_DEEP;
	return 0;
}

/* Whether `holder` may be refused something that `tag` is not: does it name a slot that the tag does not? */
static __always_inline bool tag_covers(const struct ng_tag *tag, const struct ng_tag *holder)
{
#pragma unroll
	for (int i = 0; i < NG_TAG_APPS; i++) {
		__u32 slot = holder->app[i];
		bool found = slot == NG_SLOT_NONE;

#pragma unroll
		for (int j = 0; j < NG_TAG_APPS; j++)
			found |= tag->app[j] == slot;
		if (!found)
			return false;
	}
	return !(holder->flags & ~tag->flags & NG_TAG_TOO_DEEP);
}

/* From now on `tag` answers to all that `holder` answers to as well. */
__noinline int tag_merge(struct ng_tag *tag, const struct ng_tag *holder)
{
	if (!tag || !holder)
		return 0;
	for (int i = 0; i < NG_TAG_APPS; i++)
		tag_add(tag, holder->app[i]);
	tag->flags |= holder->flags & NG_TAG_TOO_DEEP;
	return 0;
}

static __always_inline bool tag_same_apps(const struct ng_tag *a, const struct ng_tag *b)
{
	const __u64 *left = (const __u64 *)a->app, *right = (const __u64 *)b->app;

	return left[0] == right[0] && left[1] == right[1] && left[2] == right[2] && left[3] == right[3] &&
	       a->flags == b->flags;
}

static __always_inline const struct ng_app *app_of(__u32 slot)
{
	return bpf_map_lookup_elem(&apps, &slot);
}

static __always_inline __u32 slot_of_exe(__u64 ino, __u32 dev)
{
	struct ng_exe_key key = { .ino = ino, .dev = dev };
	__u32 *slot = bpf_map_lookup_elem(&exes, &key);

	return slot ? *slot : NG_SLOT_DEFAULT;
}

/* The slot of a program that was `slot` until now. A file that no application means any more (it was renamed, removed,
 * replaced) frees nobody who runs it: the program stays what it was until its application is forgotten. */
static __always_inline __u32 slot_again(__u64 ino, __u32 dev, __u32 slot)
{
	struct ng_exe_key key = { .ino = ino, .dev = dev };
	__u32 *now = bpf_map_lookup_elem(&exes, &key);
	const struct ng_app *app;

	if (now)
		return *now;
	app = app_of(slot);
	return app && (app->flags & NG_APP_GONE) ? NG_SLOT_DEFAULT : slot;
}

/* Whether a program of this slot passes its restrictions on to what it starts. */
static __always_inline bool slot_inherits(__u32 slot)
{
	const struct ng_app *app;

	if (slot == NG_SLOT_NONE || slot == NG_SLOT_DEFAULT)
		return false;
	app = app_of(slot);
	return app && !(app->flags & (NG_APP_CHILDREN_OWN | NG_APP_GONE));
}

/* Drop what was forgotten, close the gaps. */
__noinline int tag_prune(struct ng_tag *tag)
{
	struct ng_tag kept = {};
	bool is_gone = false;

	if (!tag)
		return 0;
	for (int i = 1; i < NG_TAG_APPS; i++) {
		const struct ng_app *app;
		__u32 slot = tag->app[i];

		if (slot == NG_SLOT_NONE)
			continue;
		app = app_of(slot);
		if (app && (app->flags & NG_APP_GONE))
			is_gone = true;
		else
			tag_add(&kept, slot);
	}
	if (!is_gone)
		return 0;
	for (int i = 1; i < NG_TAG_APPS; i++)
		tag->app[i] = kept.app[i];
	return 0;
}

#endif
