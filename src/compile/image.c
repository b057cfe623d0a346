/* SPDX-License-Identifier: MIT */
/*
 * The check of an image on receipt. Runs in the enforcer, with its power, on bytes that came from a process without:
 * so plain C, no allocation, and every number is compared with its limit before it is used. The sizes cannot overflow:
 * the limits of image.h keep their sum far below 2^32, and it is computed in 64 bits only after the limits hold.
 *
 * Each rule is one small function that returns NULL or the text of the rule that is broken. What the rules leave no
 * room for: two images for one policy (apart from the order of the text), bytes that nobody looked at, and an id that
 * does not belong to its key.
 */
#include "compile/image.h"

#include <errno.h>
#include <string.h>

#include "base/hash.h"

_Static_assert(sizeof(struct ng_image_header) + (uint64_t)NG_IMAGE_MAX_APPS * sizeof(struct ng_image_app) +
			       (uint64_t)NG_IMAGE_MAX_EXES * sizeof(struct ng_image_exe) +
			       (uint64_t)NG_IMAGE_MAX_ALLOWS * sizeof(struct ng_allow) +
			       (uint64_t)NG_IMAGE_MAX_ONLINKS * sizeof(struct ng_image_onlink) + NG_IMAGE_MAX_TEXT <=
		       NG_IMAGE_MAX_LENGTH,
	       "an image within the limits of its counts is within the limit of its length");

uint64_t ng_image_app_key(const char *id, size_t length)
{
	const uint64_t hash = ng_hash_add(NG_HASH_START, id, length);

	return hash ? hash : 1; /* 0 is the default's key, so it is never given out */
}

uint64_t ng_image_hash(const void *data, size_t length)
{
	uint64_t hash = NG_HASH_START ^ length, word;
	const uint8_t *bytes = data;

	for (size_t i = 0; i < length; i += sizeof(word)) {
		word = 0;
		memcpy(&word, bytes + i, length - i < sizeof(word) ? length - i : sizeof(word));
		hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 32;
	}
	return hash ? hash : 1;
}

/* Controls, and what would let a name reorder or split the line it is printed in. */
static int is_printable(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7f && c < 0xa0))
		return 0;
	if ((c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f))
		return 0;
	if ((c >= 0xd800 && c <= 0xdfff) || (c >= 0xfdd0 && c <= 0xfdef) || c == 0xfeff)
		return 0;
	return c <= 0x10ffff && (c & 0xfffe) != 0xfffe;
}

/* Bytes of the printable character at text[0], or 0. RFC 3629: no overlong forms, no surrogates. */
static size_t character_length(const uint8_t *text, size_t length)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = text[0] < 0x80   ? 1
		   : text[0] < 0xc0 ? 0
		   : text[0] < 0xe0 ? 2
		   : text[0] < 0xf0 ? 3
		   : text[0] < 0xf8 ? 4
				    : 0;
	uint32_t c;

	if (n == 0 || n > length)
		return 0;
	c = n == 1 ? text[0] : text[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (text[i] & 0x3fu);
	}
	return c >= smallest[n] && is_printable(c) ? n : 0;
}

static const char *check_text(const char *text, uint32_t length)
{
	for (size_t at = 0; at < length;) {
		size_t n = character_length((const uint8_t *)text + at, length - at);

		if (n == 0)
			return "the text is not printable UTF-8";
		at += n;
	}
	return NULL;
}

/* No bits past the prefix. */
static int is_prefix(const uint8_t addr[16], uint32_t prefix_len)
{
	if (prefix_len > 128)
		return 0;
	for (uint32_t i = prefix_len / 8; i < 16; i++) {
		uint8_t past = i == prefix_len / 8 ? 0xff >> prefix_len % 8 : 0xff;

		if (addr[i] & past)
			return 0;
	}
	return 1;
}

static const char *check_header(const struct ng_image_header *header, size_t length)
{
	uint64_t sum;

	if (header->magic != NG_IMAGE_MAGIC)
		return "the magic number is wrong";
	if (header->version != NG_IMAGE_VERSION)
		return "the version is not one this program reads";
	if (header->mode != NG_MODE_NORMAL && header->mode != NG_MODE_PAUSED && header->mode != NG_MODE_PANIC)
		return "the mode is unknown";
	for (size_t i = 0; i < sizeof(header->pad) / sizeof(header->pad[0]); i++)
		if (header->pad[i])
			return "padding of the header is not zero";
	if (header->n_apps < 1)
		return "there is no default";
	if (header->n_apps > NG_IMAGE_MAX_APPS || header->n_exes > NG_IMAGE_MAX_EXES ||
	    header->n_allows > NG_IMAGE_MAX_ALLOWS || header->n_onlinks > NG_IMAGE_MAX_ONLINKS ||
	    header->text_length > NG_IMAGE_MAX_TEXT)
		return "a count is past its limit";
	sum = sizeof(*header) + (uint64_t)header->n_apps * sizeof(struct ng_image_app) +
	      (uint64_t)header->n_exes * sizeof(struct ng_image_exe) +
	      (uint64_t)header->n_allows * sizeof(struct ng_allow) +
	      (uint64_t)header->n_onlinks * sizeof(struct ng_image_onlink) + header->text_length;
	if (header->length != length || sum != length)
		return "the length does not agree with the counts";
	return NULL;
}

static const char *check_default(const struct ng_image_app *app)
{
	if (app->key != 0 || app->id_length != 0 || app->id_offset != 0)
		return "the first application is not the default";
	if (app->rules.n_allow != 0 || app->first_allow != 0)
		return "the default has allowances";
	if (app->rules.flags & ~NG_APP_CLASS_MASK)
		return "a flag of the default is not one it may carry";
	return NULL;
}

/* The id of one application: a range of the text, at character boundaries, that hashes to its key. */
static const char *check_id(const struct ng_image *image, const struct ng_image_app *app)
{
	const uint32_t text_length = image->header->text_length;
	uint32_t end;

	if (app->id_length < 1 || app->id_length > NG_IMAGE_MAX_ID)
		return "the length of an id is out of range";
	if (app->id_offset > text_length || app->id_length > text_length - app->id_offset)
		return "an id lies outside the text";
	end = app->id_offset + app->id_length;
	if (((uint8_t)image->text[app->id_offset] & 0xc0) == 0x80 ||
	    (end < text_length && ((uint8_t)image->text[end] & 0xc0) == 0x80))
		return "an id cuts a character";
	if (ng_image_app_key(image->text + app->id_offset, app->id_length) != app->key)
		return "a key is not that of its id";
	return NULL;
}

/* Rules of one application; *next_allow is the allowance that the next one with allowances starts at. */
static const char *check_rules(const struct ng_image_app *app, uint32_t n_allows, uint32_t *next_allow)
{
	const struct ng_app *rules = &app->rules;

	if (app->pad || rules->pad)
		return "padding of an application is not zero";
	if (rules->profile < NG_PROFILE_OFFLINE || rules->profile > NG_PROFILE_ONLINE)
		return "a profile is unknown";
	if (rules->flags & ~NG_APP_IMAGE_MASK)
		return "a flag is unknown";
	if (rules->n_allow > NG_ALLOW_MAX)
		return "an application has too many allowances";
	if (app->first_allow != (rules->n_allow ? *next_allow : 0))
		return "allowances are out of order";
	if (rules->n_allow > n_allows - *next_allow)
		return "an allowance lies outside its section";
	*next_allow += rules->n_allow;
	return NULL;
}

static const char *check_apps(const struct ng_image *image)
{
	uint32_t next_allow = 0;
	const char *why = check_default(&image->apps[0]);

	for (uint32_t i = 0; !why && i < image->header->n_apps; i++) {
		why = check_rules(&image->apps[i], image->header->n_allows, &next_allow);
		if (i == 0 || why)
			continue;
		if (image->apps[i].key <= image->apps[i - 1].key)
			return "applications are not sorted by key, or one is there twice";
		why = check_id(image, &image->apps[i]);
	}
	if (!why && next_allow != image->header->n_allows)
		return "an allowance belongs to no application";
	return why;
}

static const char *check_exes(const struct ng_image *image)
{
	for (uint32_t i = 0; i < image->header->n_exes; i++) {
		const struct ng_image_exe *exe = &image->exes[i], *before = i ? exe - 1 : NULL;

		if (exe->pad || exe->key.pad)
			return "padding of an executable is not zero";
		if (exe->app == 0 || exe->app >= image->header->n_apps)
			return "an executable belongs to no application";
		if (before && (exe->key.dev < before->key.dev ||
			       (exe->key.dev == before->key.dev && exe->key.ino <= before->key.ino)))
			return "executables are not sorted by device and inode, or one is there twice";
	}
	return NULL;
}

static const char *check_prefixes(const struct ng_image *image)
{
	for (uint32_t i = 0; i < image->header->n_allows; i++) {
		const struct ng_allow *allow = &image->allows[i];

		if (allow->pad)
			return "padding of an allowance is not zero";
		if (!is_prefix(allow->addr, allow->prefix_len))
			return "an allowance is not a prefix";
		if (allow->port_first > allow->port_last || (allow->port_first == 0 && allow->port_last != 0))
			return "the ports of an allowance are not a range";
	}
	for (uint32_t i = 0; i < image->header->n_onlinks; i++) {
		if (image->onlinks[i].pad)
			return "padding of an on-link prefix is not zero";
		if (!is_prefix(image->onlinks[i].addr, image->onlinks[i].prefix_len))
			return "an on-link prefix is not a prefix";
	}
	return NULL;
}

int ng_image_check(const void *data, size_t length, struct ng_image *ret_image, const char **ret_why)
{
	const struct ng_image_header *header = data;
	struct ng_image image = { 0 };
	const char *why = NULL;

	if (!data || length < sizeof(*header))
		why = "it is too short";
	else if ((uintptr_t)data % 8 != 0)
		why = "it is not aligned to 8 bytes";
	else
		why = check_header(header, length);
	if (why) {
		*ret_why = why;
		return -EBADMSG;
	}

	image.header = header;
	image.apps = (const void *)(header + 1);
	image.exes = (const void *)(image.apps + header->n_apps);
	image.allows = (const void *)(image.exes + header->n_exes);
	image.onlinks = (const void *)(image.allows + header->n_allows);
	image.text = (const void *)(image.onlinks + header->n_onlinks);

	why = check_text(image.text, header->text_length);
	if (!why)
		why = check_apps(&image);
	if (!why)
		why = check_exes(&image);
	if (!why)
		why = check_prefixes(&image);
	if (why) {
		*ret_why = why;
		return -EBADMSG;
	}
	*ret_image = image;
	return 0;
}
