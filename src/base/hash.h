/* SPDX-License-Identifier: MIT */
/*
 * One hash for tables and names: 64-bit FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/). Fast, the same on every
 * machine and in every release, so it may name a file or a key. Not meant against somebody who searches for a twin. No
 * state, no power; both sides of the line use it.
 */
#ifndef NG_HASH_H
#define NG_HASH_H

#include <stddef.h>
#include <stdint.h>

#define NG_HASH_START UINT64_C(0xcbf29ce484222325)

/* Go on with `hash` (NG_HASH_START at first) over `length` bytes. */
static inline uint64_t ng_hash_add(uint64_t hash, const void *data, size_t length)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	return hash;
}

#endif
