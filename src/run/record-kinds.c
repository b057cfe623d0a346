/* SPDX-License-Identifier: MIT */
/*
 * Attempts that are alike (see record-internal.h): a table of NG_RECORD_KINDS with open addressing, never more than
 * half full. Runs in the supervisor.
 */
#include "run/record-internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define SLOTS (2u * NG_RECORD_KINDS)
_Static_assert((SLOTS & (SLOTS - 1)) == 0, "a power of two");

static const char *text_of(const char *text)
{
	return text ? text : "";
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
	return ng_hash_add(hash, text_of(text), strlen(text_of(text)) + 1);
}

static uint64_t hash_of(const struct ng_kinds *kinds, const struct ng_attempt *a)
{
	const uint8_t bits[] = { a->is_allowed, a->is_foreseen,     a->reason,
				 a->class,      (uint8_t)a->family, (uint8_t)ng_attempt_group(a) };
	uint64_t hash = ng_hash_add(NG_HASH_START, bits, sizeof(bits));

	hash = ng_hash_add(hash, a->flow.addr, sizeof(a->flow.addr));
	hash = ng_hash_add(hash, &a->flow.port, sizeof(a->flow.port));
	hash = ng_hash_add(hash, &a->flow.proto, sizeof(a->flow.proto));
	hash = hash_text(hash_text(hash, a->name), a->path);
	if (!kinds->by_target) {
		hash = hash_text(hash_text(hash, a->exe), a->call);
		hash = ng_hash_add(hash, &a->uid, sizeof(a->uid));
		hash = ng_hash_add(hash, &a->error, sizeof(a->error));
	}
	return hash;
}

static bool is_text_same(const char *a, const char *b)
{
	return strcmp(text_of(a), text_of(b)) == 0;
}

static bool is_alike(const struct ng_kinds *kinds, const struct ng_attempt *a, const struct ng_attempt *b)
{
	return a->is_allowed == b->is_allowed && a->is_foreseen == b->is_foreseen && a->reason == b->reason &&
	       a->class == b->class && a->family == b->family && ng_attempt_group(a) == ng_attempt_group(b) &&
	       memcmp(a->flow.addr, b->flow.addr, 16) == 0 && a->flow.port == b->flow.port &&
	       a->flow.proto == b->flow.proto && is_text_same(a->name, b->name) && is_text_same(a->path, b->path) &&
	       (kinds->by_target || (is_text_same(a->exe, b->exe) && is_text_same(a->call, b->call) &&
				     a->uid == b->uid && a->error == b->error));
}

/* One block for the texts; `exe` is its beginning, which frees it. */
static bool keep_texts(struct ng_attempt *attempt)
{
	const char *texts[] = { text_of(attempt->exe), text_of(attempt->call), attempt->name, attempt->path };
	const char **kept[] = { &attempt->exe, &attempt->call, &attempt->name, &attempt->path };
	size_t length = 0;
	char *block;

	for (size_t i = 0; i < 4; i++)
		length += texts[i] ? strlen(texts[i]) + 1 : 0;
	block = malloc(length);
	if (!block)
		return false;
	for (size_t i = 0; i < 4; i++) {
		if (!texts[i])
			continue;
		*kept[i] = block;
		block = stpcpy(block, texts[i]) + 1;
	}
	return true;
}

struct ng_kind *ng_kinds_take(struct ng_kinds *kinds, const struct ng_attempt *attempt, bool *ret_is_new)
{
	const uint64_t hash = hash_of(kinds, attempt);
	unsigned slot = (unsigned)(hash ^ hash >> 32) & (SLOTS - 1);
	struct ng_kind *kind;

	for (; kinds->slots[slot]; slot = (slot + 1) & (SLOTS - 1)) {
		kind = &kinds->kinds[kinds->slots[slot] - 1];
		if (kind->hash == hash && is_alike(kinds, &kind->attempt, attempt)) {
			*ret_is_new = false;
			return kind;
		}
	}
	if (!kinds->kinds)
		kinds->kinds = malloc(NG_RECORD_KINDS * sizeof(*kinds->kinds)); /* touched as it fills */
	if (!kinds->kinds || kinds->count >= NG_RECORD_KINDS)
		return NULL;
	kind = &kinds->kinds[kinds->count];
	*kind = (struct ng_kind){ .attempt = *attempt, .hash = hash };
	if (!keep_texts(&kind->attempt))
		return NULL;
	kinds->slots[slot] = (uint16_t)++kinds->count;
	*ret_is_new = true;
	return kind;
}

void ng_kinds_clear(struct ng_kinds *kinds)
{
	for (unsigned i = 0; i < kinds->count; i++)
		free((char *)kinds->kinds[i].attempt.exe);
	free(kinds->kinds);
	*kinds = (struct ng_kinds){ .by_target = kinds->by_target };
}
