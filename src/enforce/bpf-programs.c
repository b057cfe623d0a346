// SPDX-License-Identifier: MIT
/*
 * What runs now, as the kernel programs take it: the walk over /proc is programs.c's, whom a process answers to is read
 * from its tag. A program whose file was replaced while it ran is still its application here, as it is for the kernel.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "enforce/bpf-private.h"
#include "enforce/programs.h"

struct naming {
	const struct ng_bpf *self;
	int tasks;
	uint32_t n_slots;
	uint64_t *keys; /* of the applications, by slot: each of thousands of processes names up to eight */
};

static uint64_t key_of(const struct naming *naming, uint32_t slot)
{
	return slot < naming->n_slots ? naming->keys[slot] : 0;
}

/* What the kernel programs take a process for (see programs.h). */
static void identify(void *user_data, struct ng_program *one)
{
	const struct naming *naming = user_data;
	struct ng_tag tag;
	int n = 0;

	if (bpf_map_lookup_elem(naming->tasks, &one->pid, &tag))
		return;
	one->app_key = key_of(naming, tag.app[0]);
	for (int i = 1; i < NG_TAG_APPS; i++)
		if (key_of(naming, tag.app[i]) != 0)
			one->ancestors[n++] = key_of(naming, tag.app[i]);
	if (tag.flags & NG_TAG_TOO_DEEP)
		one->flags |= NG_PROGRAM_MORE_ANCESTORS;
	/* It shows another file than the one it was started from (PR_SET_MM_EXE_FILE): that one counts. */
	if (tag.exe_ino == 0 || tag.exe_ino == one->key.ino)
		return;
	one->key = (struct ng_exe_key){ .ino = tag.exe_ino, .dev = tag.exe_dev };
	one->flags &= ~NG_PROGRAM_DELETED;
	memset(one->path, 0, sizeof(one->path));
	ng_bpf_find_name(naming->self, &one->key, one->path);
}

int ng_bpf_programs(void *user_data, void (*fn)(void *, const struct ng_program *), void *fn_data,
		    uint32_t *ret_left_out, uint32_t *ret_unseen)
{
	const struct ng_bpf *self = user_data;
	struct naming naming = { .self = self };
	ng_auto_free uint64_t *keys = NULL;

	if (!self->state) /* nothing was loaded yet: there are no tags */
		return ng_programs_walk(NULL, NULL, fn, fn_data, ret_left_out, ret_unseen);
	for (uint32_t i = 0; i < self->n_keys; i++)
		if (self->keys[i].slot >= naming.n_slots)
			naming.n_slots = self->keys[i].slot + 1;
	keys = calloc((size_t)naming.n_slots + 1, sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	for (uint32_t i = 0; i < self->n_keys; i++)
		keys[self->keys[i].slot] = self->keys[i].key;
	naming.keys = keys;
	naming.tasks = ng_bpf_map(self, "tasks");
	return ng_programs_walk(identify, &naming, fn, fn_data, ret_left_out, ret_unseen);
}
