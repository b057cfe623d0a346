/* SPDX-License-Identifier: MIT */
/*
 * Images of any bytes: the check reads nothing outside (the address sanitizer judges), and what it accepts can be
 * described and explained without fault. Each input is tried as it is, and once more with its header and keys made to
 * agree, or no mutation would get past them.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "compile/compile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                                                \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			abort();                                                                                       \
	} while (0)

static void check_explain(const struct ng_image *image, guint32 index)
{
	const guint32 n_apps = image->header->n_apps;
	uint64_t ancestors[3] = { image->apps[(index + 1) % n_apps].key, image->apps[(index + 2) % n_apps].key, 1 };
	struct ng_flow flow = { .port = 443, .proto = 6 };

	memcpy(flow.addr, &image->apps[index].key, 8);
	if (image->header->n_allows)
		memcpy(flow.addr, image->allows[index % image->header->n_allows].addr, 16);
	for (guint8 call = 0; call <= NG_CALL_RECV + 1; call++) {
		struct ng_verdict verdict;
		uint64_t decider = 2;
		int allow = -2;

		flow.call = call;
		verdict = ng_explain(image, image->apps[index].key, ancestors, 3, &flow, &decider, &allow);
		MUST(verdict.allowed <= 1 && verdict.reason <= NG_REASON_MPTCP_PATH &&
		     verdict.class <= NG_CLASS_METADATA);
		MUST(allow >= -1 && allow < (int)NG_ALLOW_MAX && (allow < 0 || verdict.reason == NG_REASON_ALLOWANCE));
		MUST(decider == 0 || decider == image->apps[index].key || decider == ancestors[0] ||
		     decider == ancestors[1]);
	}
}

static void check_bytes(const void *data, size_t size)
{
	g_autoptr(GBytes) bytes = g_bytes_new_static(data, size);
	g_autofree char *words = NULL;
	struct ng_image image = { 0 };
	const char *why = NULL;
	int r = ng_image_check(data, size, &image, &why);

	MUST(r == 0 || (r == -EBADMSG && why && !image.header));
	words = ng_image_describe(bytes, NULL);
	MUST((words != NULL) == (r == 0));
	if (r < 0)
		return;
	MUST(g_utf8_validate(words, -1, NULL));
	for (guint32 i = 0; i < image.header->n_apps && i < 16; i++)
		check_explain(&image, i);
}

/* Header and keys that agree with the rest. */
static void repair(uint8_t *data, size_t size)
{
	struct ng_image_header *header = (struct ng_image_header *)data;
	struct ng_image_app *apps = (struct ng_image_app *)(header + 1);
	size_t left = 0, text_at = 0;

	if (size < sizeof(*header) + sizeof(*apps))
		return;
	left = size - sizeof(*header);
	header->magic = NG_IMAGE_MAGIC;
	header->version = NG_IMAGE_VERSION;
	header->mode %= 3;
	header->length = size;
	memset(header->pad, 0, sizeof(header->pad));
	header->n_apps = (guint32)MIN(MAX(header->n_apps % 8, 1), left / sizeof(*apps));
	left -= header->n_apps * sizeof(*apps);
	header->n_exes = (guint32)MIN(header->n_exes % 8, left / sizeof(struct ng_image_exe));
	left -= header->n_exes * sizeof(struct ng_image_exe);
	header->n_allows = (guint32)MIN(header->n_allows % 64, left / sizeof(struct ng_allow));
	left -= header->n_allows * sizeof(struct ng_allow);
	header->n_onlinks = (guint32)MIN(header->n_onlinks % 8, left / sizeof(struct ng_image_onlink));
	left -= header->n_onlinks * sizeof(struct ng_image_onlink);
	header->text_length = (guint32)left;
	text_at = size - left;
	for (guint32 i = 1; i < header->n_apps; i++)
		if (apps[i].id_offset <= left && apps[i].id_length <= left - apps[i].id_offset)
			apps[i].key =
				ng_image_app_key((const char *)data + text_at + apps[i].id_offset, apps[i].id_length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree uint8_t *bytes = g_malloc(size ? size : 1);

	memcpy(bytes, data, size);
	check_bytes(bytes, size);
	repair(bytes, size);
	check_bytes(bytes, size);
	return 0;
}
