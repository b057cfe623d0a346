/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the verdict share: reading the oracle's output (oracle.py). Ends the process on a line it cannot
 * read. Tests only; no power.
 */
#ifndef NG_TEST_ORACLE_H
#define NG_TEST_ORACLE_H

#include <glib.h>
#include <string.h>

#include "verdict/verdict.h"

struct oracle_range {
	__u32 first, last; /* both included */
	__u8 class;
};

struct oracle_point {
	__u8 addr[16];
	__u8 class;
	__u8 class_onlink;
};

static const char *const oracle_names[] = {
	[NG_CLASS_GLOBAL] = "global", [NG_CLASS_MACHINE] = "machine", [NG_CLASS_LAN] = "lan",
	[NG_CLASS_ONLINK] = "onlink", [NG_CLASS_SHARED] = "shared",   [NG_CLASS_METADATA] = "metadata",
};

static inline const char *oracle_class_name(__u8 class)
{
	return class < G_N_ELEMENTS(oracle_names) ? oracle_names[class] : "unknown";
}

static inline __u8 oracle_class_parse(const char *name)
{
	for (guint i = 0; i < G_N_ELEMENTS(oracle_names); i++)
		if (strcmp(oracle_names[i], name) == 0)
			return (__u8)i;
	g_error("the oracle names an unknown class: %s", name);
}

static inline char **oracle_lines_read(const char *path)
{
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;

	if (!g_file_get_contents(path, &text, NULL, &error))
		g_error("%s", error->message);
	return g_strsplit(g_strstrip(text), "\n", -1);
}

/* The caller owns the array. */
static inline GArray *oracle_ranges_read(const char *path)
{
	g_auto(GStrv) lines = oracle_lines_read(path);
	GArray *ranges = g_array_new(FALSE, FALSE, sizeof(struct oracle_range));

	for (char **line = lines; *line; line++) {
		g_auto(GStrv) words = g_strsplit(*line, " ", -1);
		struct oracle_range range;
		if (g_strv_length(words) != 3)
			g_error("not a range of the oracle: %s", *line);
		range.first = (__u32)g_ascii_strtoull(words[0], NULL, 16);
		range.last = (__u32)g_ascii_strtoull(words[1], NULL, 16);
		range.class = oracle_class_parse(words[2]);
		g_array_append_val(ranges, range);
	}
	return ranges;
}

static inline void oracle_addr_parse(const char *hex, __u8 ret_addr[16])
{
	if (strlen(hex) != 32)
		g_error("not an address of the oracle: %s", hex);
	for (int i = 0; i < 16; i++)
		ret_addr[i] = (__u8)(g_ascii_xdigit_value(hex[2 * i]) << 4 | g_ascii_xdigit_value(hex[2 * i + 1]));
}

/* The caller owns the array. */
static inline GArray *oracle_points_read(const char *path)
{
	g_auto(GStrv) lines = oracle_lines_read(path);
	GArray *points = g_array_new(FALSE, FALSE, sizeof(struct oracle_point));

	for (char **line = lines; *line; line++) {
		g_auto(GStrv) words = g_strsplit(*line, " ", -1);
		struct oracle_point point;
		if (g_strv_length(words) != 3)
			g_error("not a point of the oracle: %s", *line);
		oracle_addr_parse(words[0], point.addr);
		point.class = oracle_class_parse(words[1]);
		point.class_onlink = oracle_class_parse(words[2]);
		g_array_append_val(points, point);
	}
	return points;
}

#endif
