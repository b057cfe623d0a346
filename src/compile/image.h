/* SPDX-License-Identifier: MIT */
/*
 * The image: the whole policy as one flat, versioned table. The compiler (src/compile) writes it, the enforcer
 * (src/enforce) reads it, on every platform. Plain C, no library.
 *
 * Layout: struct ng_image_header, then the five sections in the order of the header's counts, without gaps:
 * apps, exes, allows, onlinks, text. Numbers in the machine's byte order (the two ends run on one machine). Everything
 * that is not said is zero. The same policy gives the same bytes.
 *
 * Invariants that ng_image_check() proves before anything is used:
 *   length and counts agree and are within the limits; apps[0] is the default (key 0, no text, no allowances), the
 * other apps are sorted by key, without repeats; exes are sorted by (dev, ino), without repeats, each pointing at an
 * app other than 0; every app's allowances lie in the allow section, in order, without overlap, and are well formed (no
 * bits past the prefix, port_first <= port_last); profiles are 1..3; flags are within NG_APP_IMAGE_MASK; text ranges
 *   lie in the text section and hold printable UTF-8 without NUL; padding is zero.
 */
#ifndef NG_IMAGE_H
#define NG_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "verdict/abi.h"

#define NG_IMAGE_MAGIC UINT64_C(0x3147414d4947474e) /* "NGGIMAG1" */
#define NG_IMAGE_VERSION 1u
#define NG_IMAGE_MAX_APPS 131072u
#define NG_IMAGE_MAX_EXES 262144u
#define NG_IMAGE_MAX_ALLOWS 262144u
#define NG_IMAGE_MAX_ONLINKS 1024u
#define NG_IMAGE_MAX_TEXT (32u * 1024 * 1024)
#define NG_IMAGE_MAX_LENGTH (64u * 1024 * 1024)
#define NG_IMAGE_MAX_ID 128u

struct ng_image_header {
	uint64_t magic;
	uint32_t version;
	uint32_t mode;   /* NG_MODE_* */
	uint64_t length; /* of the whole image, bytes */
	uint32_t n_apps;
	uint32_t n_exes;
	uint32_t n_allows;
	uint32_t n_onlinks;
	uint32_t text_length;
	uint32_t pad[5];
};
_Static_assert(sizeof(struct ng_image_header) == 64, "ng_image_header: size");

struct ng_image_app {
	uint64_t key; /* ng_image_app_key() of its id; 0 is the default */
	struct ng_app rules;
	uint32_t first_allow;
	uint32_t id_offset; /* in the text section */
	uint32_t id_length; /* bytes, 1..NG_IMAGE_MAX_ID; 0 for the default */
	uint32_t pad;
};
_Static_assert(sizeof(struct ng_image_app) == 32, "ng_image_app: size");

struct ng_image_exe {
	struct ng_exe_key key;
	uint32_t app; /* index in the app section, not 0 */
	uint32_t pad;
};
_Static_assert(sizeof(struct ng_image_exe) == 24, "ng_image_exe: size");

/* A prefix of one of this machine's interfaces. */
struct ng_image_onlink {
	uint8_t addr[16];
	uint32_t prefix_len; /* as in ng_allow: IPv4 is 96 + n */
	uint32_t pad;
};
_Static_assert(sizeof(struct ng_image_onlink) == 24, "ng_image_onlink: size");

/* A checked view into somebody's bytes; it owns nothing and lives as long as they do. */
struct ng_image {
	const struct ng_image_header *header;
	const struct ng_image_app *apps;
	const struct ng_image_exe *exes;
	const struct ng_allow *allows;
	const struct ng_image_onlink *onlinks;
	const char *text;
};

/*
 * Check `length` bytes at `data` (8-byte aligned) and fill *ret_image. Returns 0, or -EBADMSG with *ret_why (never
 * NULL, static text) naming the rule that is broken; *ret_image is then untouched. Reads nothing outside the bytes.
 */
int ng_image_check(const void *data, size_t length, struct ng_image *ret_image, const char **ret_why);

/* The 64-bit FNV-1a hash of an application's id; never 0. The compiler refuses a policy in which two ids share a key.
 */
uint64_t ng_image_app_key(const char *id, size_t length);

/* Tells images apart: 64 bits over the whole, eight bytes at a time; never 0. Not meant against somebody who searches
 * for a twin. */
uint64_t ng_image_hash(const void *data, size_t length);

#endif
