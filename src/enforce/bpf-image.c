// SPDX-License-Identifier: MIT
/*
 * Make the maps say what an image says, by writing only what differs from what they say now. Rules come before the
 * executables that lead to them, and leave after them, so that at no moment a program is known by an application
 * without rules.
 *
 * An application keeps its slot for as long as anything pinned lives: tags in the kernel name slots. One that is
 * forgotten is marked gone and keeps its slot too; only when all slots were used once are those of the gone given out
 * again, after every tag has been pruned of them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "enforce/bpf-private.h"

static int compare_keys(const void *a, const void *b)
{
	const struct ng_app_now *left = a, *right = b;

	return left->key < right->key ? -1 : left->key > right->key;
}

static int compare_exe_keys(const struct ng_exe_key *left, const struct ng_exe_key *right)
{
	if (left->dev != right->dev)
		return left->dev < right->dev ? -1 : 1;
	return left->ino < right->ino ? -1 : left->ino > right->ino;
}

static int compare_exes(const void *a, const void *b)
{
	return compare_exe_keys(&((const struct ng_exe_now *)a)->key, &((const struct ng_exe_now *)b)->key);
}

/* Room for one more of `size` bytes; doubles. */
static int reserve(void **array, uint32_t count, size_t size)
{
	void *larger;

	if (count & (count - 1) || (count && count < 16))
		return 0;
	larger = realloc(*array, size * (count ? 2 * (size_t)count : 16));
	if (!larger)
		return -ENOMEM;
	*array = larger;
	return 0;
}

/* Learn what the adopted maps say. */
int ng_bpf_read_maps(struct ng_bpf *self)
{
	const int keys = ng_bpf_map(self, "keys"), exes = ng_bpf_map(self, "exes");
	struct ng_exe_key *exe_before = NULL, exe;
	uint64_t *key_before = NULL, key;

	self->n_keys = self->n_exes = 0;
	while (bpf_map_get_next_key(keys, key_before, &key) == 0 && self->n_keys < NG_SLOTS) {
		struct ng_app_now now = { .key = key };

		if (reserve((void **)&self->keys, self->n_keys, sizeof(now)))
			return -ENOMEM;
		if (bpf_map_lookup_elem(keys, &key, &now.slot) == 0 && now.slot < NG_SLOTS) {
			now.is_gone = (self->apps[now.slot].flags & NG_APP_GONE) != 0;
			self->keys[self->n_keys++] = now;
		}
		key_before = &key;
	}
	while (bpf_map_get_next_key(exes, exe_before, &exe) == 0 && self->n_exes < NG_IMAGE_MAX_EXES) {
		struct ng_exe_now now = { .key = exe };

		if (reserve((void **)&self->exes, self->n_exes, sizeof(now)))
			return -ENOMEM;
		if (bpf_map_lookup_elem(exes, &exe, &now.slot) == 0)
			self->exes[self->n_exes++] = now;
		exe_before = &exe;
	}
	qsort(self->keys, self->n_keys, sizeof(*self->keys), compare_keys);
	qsort(self->exes, self->n_exes, sizeof(*self->exes), compare_exes);
	return 0;
}

uint64_t ng_bpf_key_of_slot(const struct ng_bpf *self, uint32_t slot)
{
	for (uint32_t i = 0; i < self->n_keys; i++)
		if (self->keys[i].slot == slot)
			return self->keys[i].key;
	return 0;
}

/* The slots that no application has now; after this the caller may give out `*ret_free` slots. */
static int reclaim_slots(struct ng_bpf *self)
{
	const int keys = ng_bpf_map(self, "keys");
	uint32_t kept = 0;
	int r = ng_bpf_tag_tasks(self);

	if (r == 0)
		r = ng_bpf_scan(self, NG_SCAN_TAG, NULL, NULL);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < self->n_keys; i++) {
		if (self->keys[i].is_gone)
			(void)bpf_map_delete_elem(keys, &self->keys[i].key);
		else
			self->keys[kept++] = self->keys[i];
	}
	self->n_keys = kept;
	return 0;
}

/* The lowest slot that is not in `used`; the bitmap covers all slots. */
static uint32_t take_slot(uint8_t *used, uint32_t *hint)
{
	for (uint32_t slot = *hint; slot < NG_SLOTS; slot++) {
		if (used[slot / 8] & 1u << slot % 8)
			continue;
		used[slot / 8] = (uint8_t)(used[slot / 8] | 1u << slot % 8);
		*hint = slot + 1;
		return slot;
	}
	return NG_SLOT_NONE;
}

/* The slots of the applications that have one, 0 for the others: both lists are sorted by key. Returns how many have
 * none. */
static uint32_t known_slots(const struct ng_bpf *self, const struct ng_image *image, uint32_t *slots)
{
	uint32_t missing = 0, old = 0;

	slots[0] = NG_SLOT_DEFAULT;
	for (uint32_t i = 1; i < image->header->n_apps; i++) {
		while (old < self->n_keys && self->keys[old].key < image->apps[i].key)
			old++;
		slots[i] = old < self->n_keys && self->keys[old].key == image->apps[i].key ? self->keys[old].slot
											   : NG_SLOT_NONE;
		missing += slots[i] == NG_SLOT_NONE;
	}
	return missing;
}

/* Give every application of the image its slot: *ret_slots, parallel to image->apps. */
static int assign_slots(struct ng_bpf *self, const struct ng_image *image, uint32_t **ret_slots, char why[256])
{
	ng_auto_free uint32_t *slots = calloc(image->header->n_apps, sizeof(*slots));
	ng_auto_free uint8_t *used = calloc(1, NG_SLOTS / 8);
	uint32_t hint = NG_SLOT_DEFAULT + 1, missing;
	int r;

	if (!slots || !used)
		return -ENOMEM;
	missing = known_slots(self, image, slots);
	if (self->n_keys + missing + 2 > NG_SLOTS) {
		r = reclaim_slots(self);
		if (r < 0) {
			(void)ng_bpf_fail(why, r, "cannot free the places of forgotten applications");
			return r;
		}
		missing = known_slots(self, image, slots);
		if (self->n_keys + missing + 2 > NG_SLOTS) {
			(void)ng_bpf_fail(why, -E2BIG, "more than %u applications", NG_SLOTS - 2);
			return -E2BIG;
		}
	}
	for (uint32_t i = 0; i < self->n_keys && missing; i++)
		used[self->keys[i].slot / 8] |= (uint8_t)(1u << self->keys[i].slot % 8);
	for (uint32_t i = 1; i < image->header->n_apps && missing; i++)
		if (slots[i] == NG_SLOT_NONE)
			slots[i] = take_slot(used, &hint);
	*ret_slots = ng_steal_ptr(&slots);
	return 0;
}

static bool allows_equal(int map, uint32_t slot, const struct ng_allows *wanted)
{
	struct ng_allows now;

	return bpf_map_lookup_elem(map, &slot, &now) == 0 && memcmp(&now, wanted, sizeof(now)) == 0;
}

/* Whether something that `before` allowed may be denied by `after`. */
static bool is_tighter(const struct ng_app *before, const struct ng_app *after, bool same_allows)
{
	if (after->profile == NG_PROFILE_ONLINE)
		return false;
	return after->profile < before->profile || (before->flags & ~after->flags & NG_APP_CLASS_MASK) ||
	       !same_allows || (before->flags & NG_APP_GONE);
}

static int write_app(struct ng_bpf *self, const struct ng_image *image, uint32_t index, uint32_t slot,
		     struct ng_change *change)
{
	const struct ng_image_app *app = &image->apps[index];
	const struct ng_app before = self->apps[slot];
	bool same = before.n_allow == app->rules.n_allow;
	struct ng_allows wanted;
	int allows;

	if (!app->rules.n_allow && memcmp(&before, &app->rules, sizeof(before)) == 0)
		return 0;
	allows = ng_bpf_map(self, "allows");
	memset(&wanted, 0, sizeof(wanted));
	wanted.count = app->rules.n_allow;
	for (uint32_t i = 0; i < wanted.count; i++)
		wanted.allow[i] = image->allows[app->first_allow + i];
	if (wanted.count && !(same && allows_equal(allows, slot, &wanted))) {
		same = before.n_allow == 0;
		if (bpf_map_update_elem(allows, &slot, &wanted, BPF_ANY))
			return -errno;
	}
	if (memcmp(&before, &app->rules, sizeof(before)) != 0 || !same) {
		change->tighter |= is_tighter(&before, &app->rules, same);
		/* One store: a packet sees the old rules or the new ones. */
		__atomic_store((uint64_t *)&self->apps[slot], (const uint64_t *)&app->rules, __ATOMIC_RELEASE);
	}
	if (!wanted.count && before.n_allow)
		(void)bpf_map_delete_elem(allows, &slot);
	return 0;
}

/* Write the rules, and remember keys: new ones in the kernel, gone ones as gone. */
static int write_apps(struct ng_bpf *self, const struct ng_image *image, const uint32_t *slots,
		      struct ng_change *change)
{
	const uint32_t n = image->header->n_apps;
	ng_auto_free struct ng_app_now *merged = calloc((size_t)n + self->n_keys, sizeof(*merged));
	const int keys = ng_bpf_map(self, "keys");
	uint32_t count = 0, old = 0;

	if (!merged)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		int r = write_app(self, image, i, slots[i], change);

		if (r < 0)
			return r;
	}
	for (uint32_t i = 1; i < n || old < self->n_keys;) {
		if (i < n && (old == self->n_keys || image->apps[i].key < self->keys[old].key)) {
			if (bpf_map_update_elem(keys, &image->apps[i].key, &slots[i], BPF_ANY))
				return -errno;
			merged[count++] = (struct ng_app_now){ .key = image->apps[i].key, .slot = slots[i] };
			i++;
			continue;
		}
		merged[count] = self->keys[old++];
		merged[count].is_gone = !(i < n && image->apps[i].key == merged[count].key);
		if (merged[count].is_gone && !(self->apps[merged[count].slot].flags & NG_APP_GONE)) {
			struct ng_app gone = self->apps[merged[count].slot];

			gone.flags |= NG_APP_GONE;
			__atomic_store((uint64_t *)&self->apps[merged[count].slot], (uint64_t *)&gone,
				       __ATOMIC_RELEASE);
			change->tighter = change->exes = true;
		} else if (!merged[count].is_gone) {
			i++;
		}
		count++;
	}
	free(self->keys);
	self->keys = ng_steal_ptr(&merged);
	self->n_keys = count;
	self->n_apps = n - 1;
	return 0;
}

/* Both lists are sorted: one walk finds what is new, changed and gone. */
static int write_exes(struct ng_bpf *self, const struct ng_image *image, const uint32_t *slots,
		      struct ng_change *change)
{
	const uint32_t n = image->header->n_exes;
	ng_auto_free struct ng_exe_now *wanted = calloc(n ? n : 1, sizeof(*wanted));
	const int map = ng_bpf_map(self, "exes");
	uint32_t old = 0;

	if (!wanted)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		wanted[i].key = image->exes[i].key;
		wanted[i].slot = slots[image->exes[i].app];
	}
	for (uint32_t i = 0; i < n || old < self->n_exes;) {
		int order = i == n                ? 1
			    : old == self->n_exes ? -1
						  : compare_exe_keys(&wanted[i].key, &self->exes[old].key);

		if (order <= 0 && (order < 0 || wanted[i].slot != self->exes[old].slot)) {
			if (bpf_map_update_elem(map, &wanted[i].key, &wanted[i].slot, BPF_ANY))
				return -errno;
			change->exes = change->tighter = true;
		} else if (order > 0) {
			if (bpf_map_delete_elem(map, &self->exes[old].key) && errno != ENOENT)
				return -errno;
			change->exes = change->tighter = true;
		}
		i += order <= 0;
		old += order >= 0;
	}
	free(self->exes);
	self->exes = ng_steal_ptr(&wanted);
	self->n_exes = n;
	return 0;
}

struct onlink_key {
	uint32_t prefix_len;
	uint8_t addr[16];
};

static bool image_has_onlink(const struct ng_image *image, const struct onlink_key *key)
{
	for (uint32_t i = 0; i < image->header->n_onlinks; i++)
		if (image->onlinks[i].prefix_len == key->prefix_len &&
		    memcmp(image->onlinks[i].addr, key->addr, 16) == 0)
			return true;
	return false;
}

/* Those that are not the image's any more go first: they let something pass, and they make room. */
static int write_onlinks(struct ng_bpf *self, const struct ng_image *image, struct ng_change *change)
{
	ng_auto_free struct onlink_key *stale = calloc(NG_IMAGE_MAX_ONLINKS, sizeof(*stale));
	const int map = ng_bpf_map(self, "onlinks");
	struct onlink_key key, *before = NULL;
	const uint32_t one = 1;
	uint32_t n_stale = 0;

	if (!stale)
		return -ENOMEM;
	for (struct onlink_key next; n_stale < NG_IMAGE_MAX_ONLINKS && bpf_map_get_next_key(map, before, &next) == 0;) {
		if (!image_has_onlink(image, &next))
			stale[n_stale++] = next;
		key = next;
		before = &key;
	}
	for (uint32_t i = 0; i < n_stale; i++) {
		if (bpf_map_delete_elem(map, &stale[i]) && errno != ENOENT)
			return -errno;
		change->tighter = true;
	}
	for (uint32_t i = 0; i < image->header->n_onlinks; i++) {
		key.prefix_len = image->onlinks[i].prefix_len;
		memcpy(key.addr, image->onlinks[i].addr, 16);
		if (bpf_map_update_elem(map, &key, &one, BPF_ANY))
			return -errno;
	}
	return 0;
}

/* Remembered verdicts are void from the next packet on. */
void ng_bpf_next_generation(struct ng_bpf *self)
{
	uint32_t next = __atomic_load_n(&self->state->generation, __ATOMIC_RELAXED) + 1;

	__atomic_store_n(&self->state->generation, next ? next : 1, __ATOMIC_RELEASE);
}

int ng_bpf_write_image(struct ng_bpf *self, const struct ng_image *image, struct ng_change *ret_change, char why[256])
{
	ng_auto_free uint32_t *slots = NULL;
	int r = assign_slots(self, image, &slots, why);

	if (r < 0)
		return r;
	self->state->abi = NG_ABI;
	self->state->image_hash = 0;
	r = write_apps(self, image, slots, ret_change);
	if (r == 0)
		r = write_onlinks(self, image, ret_change);
	if (r == 0)
		r = write_exes(self, image, slots, ret_change);
	if (r < 0)
		return ng_bpf_fail(why, r, "cannot write the kernel's tables");
	ret_change->tighter |= image->header->mode != self->state->mode && image->header->mode != NG_MODE_PAUSED;
	self->state->mode = image->header->mode;
	ng_bpf_next_generation(self);
	return 0;
}
