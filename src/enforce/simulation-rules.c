/* SPDX-License-Identifier: MIT */
/*
 * The verdict over a copy of the image; the contract is in simulation-rules.h. Kept line for line near src/bpf/judge.h
 * and tag.h: what they do, this does, and test-simulation.c says so with the same cases.
 */
#include "enforce/simulation-rules.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

_Static_assert(NG_SLOT_DEFAULT == 1, "the default is app 0 of the image");

static bool is_open(const struct ng_image *image)
{
	if (image->header->mode != NG_MODE_NORMAL)
		return image->header->mode == NG_MODE_PAUSED;
	for (uint32_t i = 0; i < image->header->n_apps; i++)
		if (image->apps[i].rules.profile != NG_PROFILE_ONLINE)
			return false;
	return true;
}

int ng_rules_load(const struct ng_image *image, struct ng_rules *ret_rules)
{
	size_t length = image->header->length;
	ng_auto_free void *bytes = malloc(length);
	struct ng_rules rules = { 0 };
	const char *why;
	int r;

	if (!bytes)
		return -ENOMEM;
	memcpy(bytes, image->header, length);
	r = ng_image_check(bytes, length, &rules.image, &why);
	if (r < 0)
		return r;
	rules.hash = ng_image_hash(bytes, length);
	rules.is_open = is_open(&rules.image);
	rules.bytes = ng_steal_ptr(&bytes);
	*ret_rules = rules;
	return 0;
}

void ng_rules_done(struct ng_rules *rules)
{
	free(rules->bytes);
	*rules = (struct ng_rules){ 0 };
}

static int exe_compare(const void *a, const void *b)
{
	const struct ng_exe_key *left = a, *right = &((const struct ng_image_exe *)b)->key;

	if (left->dev != right->dev)
		return left->dev < right->dev ? -1 : 1;
	return left->ino < right->ino ? -1 : left->ino > right->ino;
}

static uint32_t slot_of_exe(const struct ng_rules *rules, const struct ng_exe_key *key)
{
	const struct ng_image_exe *exe =
		bsearch(key, rules->image.exes, rules->image.header->n_exes, sizeof(*exe), exe_compare);

	return exe ? exe->app + 1 : NG_SLOT_DEFAULT;
}

uint64_t ng_rules_app_key(const struct ng_rules *rules, const struct ng_exe_key *exe)
{
	return rules->image.apps[slot_of_exe(rules, exe) - 1].key;
}

static void tag_add(struct ng_tag *tag, uint32_t slot)
{
	for (int i = 0; i < NG_TAG_APPS; i++) {
		if (tag->app[i] == slot)
			return;
		if (i > 0 && tag->app[i] == NG_SLOT_NONE) {
			tag->app[i] = slot;
			return;
		}
	}
	tag->flags |= NG_TAG_TOO_DEEP;
}

void ng_rules_tag(const struct ng_rules *rules, const struct ng_process *process, struct ng_tag *ret_tag)
{
	*ret_tag = (struct ng_tag){ .exe_dev = process->exe.dev, .exe_ino = process->exe.ino };
	ret_tag->app[0] = slot_of_exe(rules, &process->exe);
	for (uint32_t i = 0; i < process->n_ancestors; i++) {
		uint32_t slot = slot_of_exe(rules, &process->ancestors[i]);

		if (slot != NG_SLOT_DEFAULT &&
		    !(rules->image.apps[slot - 1].rules.flags & (NG_APP_CHILDREN_OWN | NG_APP_GONE)))
			tag_add(ret_tag, slot);
	}
}

static bool is_within(const uint8_t addr[16], const struct ng_image_onlink *prefix)
{
	for (int i = 0; i < 4; i++) {
		uint32_t mask = NG_MASK32_((int)prefix->prefix_len - 32 * i);

		if ((ng_word_(addr, i) & mask) != (ng_word_(prefix->addr, i) & mask))
			return false;
	}
	return true;
}

static uint8_t is_onlink(const struct ng_image *image, const uint8_t addr[16])
{
	for (uint32_t i = 0; i < image->header->n_onlinks; i++)
		if (is_within(addr, &image->onlinks[i]))
			return 1;
	return 0;
}

static struct ng_verdict decide(const struct ng_image *image, uint32_t index, const struct ng_flow *flow)
{
	const struct ng_image_app *app = &image->apps[index];
	struct ng_allows allows = { .count = app->rules.n_allow };

	if (allows.count > NG_ALLOW_MAX)
		return (struct ng_verdict){ .reason = NG_REASON_MALFORMED };
	memcpy(allows.allow, image->allows + app->first_allow, allows.count * sizeof(allows.allow[0]));
	return ng_verdict_decide(&app->rules, &allows, flow);
}

struct ng_ruling ng_rules_judge(const struct ng_rules *rules, const struct ng_tag *tag, struct ng_flow *flow)
{
	const struct ng_image *image = &rules->image;
	struct ng_ruling ruling = { .verdict = { .reason = NG_REASON_MALFORMED } };

	flow->onlink = is_onlink(image, flow->addr);
	if (tag->flags & NG_TAG_TOO_DEEP || image->header->mode == NG_MODE_PANIC) {
		ruling.verdict.reason = tag->flags & NG_TAG_TOO_DEEP ? NG_REASON_TOO_DEEP : NG_REASON_PANIC;
		return ruling;
	}
	if (image->header->mode == NG_MODE_PAUSED) {
		ruling.verdict = (struct ng_verdict){ .allowed = 1,
						      .reason = NG_REASON_PAUSED,
						      .class = ng_address_class(flow->addr, flow->onlink) };
		return ruling;
	}
	for (int i = 0; i < NG_TAG_APPS && tag->app[i] != NG_SLOT_NONE; i++) {
		struct ng_verdict verdict = decide(image, tag->app[i] - 1, flow);

		/* Keep the least free of the allowing reasons, so that "Online" means: everybody is. */
		if (i == 0 || ruling.verdict.reason == NG_REASON_ONLINE || !verdict.allowed)
			ruling = (struct ng_ruling){ verdict, tag->app[i] - 1 };
		if (!verdict.allowed)
			break;
	}
	return ruling;
}
