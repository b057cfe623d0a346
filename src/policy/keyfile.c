/* SPDX-License-Identifier: MIT */
/*
 * A small strict scanner for key files. Runs in the engine, without privilege, on text of at most NG_POLICY_MAX_FILE.
 *
 * Why not GKeyFile: it tells neither line nor column, silently merges repeated groups and keys, and reads lines that
 * look like nothing as part of what it keeps. All of that would need a second scanner beside it, and two readers of one
 * text may disagree on what it says. The syntax accepted here is a subset of GKeyFile's and means the same there; a
 * test and the fuzzer compare the two.
 */
#include "policy/keyfile.h"

#include <string.h>

#include "policy/policy.h"

static void line_clear(gpointer data)
{
	g_free(((NgKeyfileLine *)data)->key);
}

NgKeyfilePlace ng_keyfile_place(const NgKeyfileLine *line, const char *at)
{
	return (NgKeyfilePlace){ line->number, (guint)g_utf8_strlen(line->start, at - line->start) + 1 };
}

/* The place of a byte in a text of which everything before it is UTF-8. */
static NgKeyfilePlace place_in_text(const char *text, const char *at)
{
	NgKeyfileLine line = { .number = 1, .start = text };

	for (const char *p = text; p < at; p++) {
		if (*p == '\n') {
			line.number++;
			line.start = p + 1;
		}
	}
	return ng_keyfile_place(&line, at);
}

static gboolean check_characters(const char *text, gsize length, NgKeyfilePlace *ret_place, GError **error)
{
	const char *end = NULL;

	if (!g_utf8_validate_len(text, length, &end)) {
		*ret_place = place_in_text(text, end);
		if (*end == '\0')
			g_set_error_literal(error, NG_POLICY_ERROR, NG_POLICY_ERROR_SYNTAX,
					    "There is a NUL byte. Write the file anew as plain text.");
		else
			g_set_error_literal(error, NG_POLICY_ERROR, NG_POLICY_ERROR_SYNTAX,
					    "This is not UTF-8. Save the file as UTF-8 text.");
		return FALSE;
	}
	if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		*ret_place = (NgKeyfilePlace){ 1, 1 };
		g_set_error_literal(error, NG_POLICY_ERROR, NG_POLICY_ERROR_SYNTAX,
				    "There is a byte order mark. Save the file as UTF-8 without one.");
		return FALSE;
	}
	for (const char *p = text; p < text + length; p++) {
		gboolean is_line_end = *p == '\n' || (*p == '\r' && p + 1 < text + length && p[1] == '\n');

		if ((guchar)*p != 0x7f && ((guchar)*p >= 0x20 || *p == '\t' || is_line_end))
			continue;
		*ret_place = place_in_text(text, p);
		g_set_error(error, NG_POLICY_ERROR, NG_POLICY_ERROR_SYNTAX,
			    "There is a control character (0x%02x). Remove it.", (guchar)*p);
		return FALSE;
	}
	return TRUE;
}

static gboolean is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void trim(const char **start, gsize *length)
{
	while (*length && is_blank(**start)) {
		(*start)++;
		(*length)--;
	}
	while (*length && is_blank((*start)[*length - 1]))
		(*length)--;
}

static gboolean is_name(const char *name, gsize length)
{
	for (gsize i = 0; i < length; i++)
		if (!g_ascii_isalnum(name[i]) && !strchr("-_.", name[i]))
			return FALSE;
	return length > 0;
}

static gboolean scan_group(NgKeyfileLine *line, const char *text, gsize length, GHashTable *seen, GError **error)
{
	g_autofree char *name = NULL;

	if (text[length - 1] != ']' || !is_name(text + 1, length - 2)) {
		g_set_error_literal(error, NG_POLICY_ERROR, NG_POLICY_ERROR_SYNTAX,
				    "This is not a group. Write it as [Application], [Network] or [Note].");
		return FALSE;
	}
	name = g_strndup(text + 1, length - 2);
	line->kind = NG_KEYFILE_GROUP;
	line->group = g_str_equal(name, "Application") ? "Application"
		      : g_str_equal(name, "Network")   ? "Network"
		      : g_str_equal(name, "Note")      ? "Note"
						       : "";
	if (!*line->group) {
		g_set_error(error, NG_POLICY_ERROR, NG_POLICY_ERROR_SYNTAX,
			    "The group [%s] is unknown. Remove it; own remarks belong in [Note].", name);
		return FALSE;
	}
	if (!g_hash_table_add(seen, g_strdup_printf("[%s]", name))) {
		g_set_error(error, NG_POLICY_ERROR, NG_POLICY_ERROR_SYNTAX,
			    "The group [%s] is there twice. Put its keys together.", name);
		return FALSE;
	}
	return TRUE;
}

static gboolean scan_key(NgKeyfileLine *line, const char *text, gsize length, GHashTable *seen, GError **error)
{
	const char *equals = memchr(text, '=', length), *name = text;
	gsize name_length = equals ? (gsize)(equals - text) : 0;

	trim(&name, &name_length);
	if (!equals || !is_name(name, name_length)) {
		g_set_error_literal(error, NG_POLICY_ERROR, NG_POLICY_ERROR_SYNTAX,
				    "This is neither a group nor a key. Write Key=value, or # before a remark.");
		return FALSE;
	}
	if (!line->group) {
		g_set_error_literal(error, NG_POLICY_ERROR, NG_POLICY_ERROR_SYNTAX,
				    "There is a key before the first group. Write [Application] above it.");
		return FALSE;
	}
	line->kind = NG_KEYFILE_KEY;
	line->key = g_strndup(name, name_length);
	line->value = equals + 1;
	line->value_length = (gsize)(text + length - line->value);
	trim(&line->value, &line->value_length);
	if (!g_hash_table_add(seen, g_strconcat(line->group, "/", line->key, NULL))) {
		g_set_error(error, NG_POLICY_ERROR, NG_POLICY_ERROR_SYNTAX,
			    "The key %s is there twice. Remove one of them.", line->key);
		return FALSE;
	}
	return TRUE;
}

static gboolean scan_line(NgKeyfileLine *line, GHashTable *seen, NgKeyfilePlace *ret_place, GError **error)
{
	const char *text = line->start;
	gsize length = line->length;
	gboolean ok = TRUE;

	trim(&text, &length);
	if (length == 0 || *text == '#')
		return TRUE;
	ok = *text == '[' ? scan_group(line, text, length, seen, error) : scan_key(line, text, length, seen, error);
	if (!ok)
		*ret_place = ng_keyfile_place(line, text);
	return ok;
}

GArray *ng_keyfile_scan(const char *text, gsize length, NgKeyfilePlace *ret_place, GError **error)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GArray) lines = g_array_new(FALSE, TRUE, sizeof(NgKeyfileLine));
	const char *group = NULL;
	guint number = 1;

	g_array_set_clear_func(lines, line_clear);
	if (!check_characters(text, length, ret_place, error))
		return NULL;
	for (const char *start = text; start < text + length; number++) {
		const char *end = memchr(start, '\n', (gsize)(text + length - start));
		NgKeyfileLine line = { .number = number, .start = start, .group = group };
		gboolean ok = FALSE;

		line.length = (gsize)((end ? end : text + length) - start);
		ok = scan_line(&line, seen, ret_place, error);
		g_array_append_val(lines, line);
		if (!ok)
			return NULL;
		group = line.group;
		start = end ? end + 1 : text + length;
	}
	return g_steal_pointer(&lines);
}

gboolean ng_keyfile_next_entry(const NgKeyfileLine *line, const char **at, const char **ret_entry, gsize *ret_length)
{
	const char *end = line->value + line->value_length, *entry = *at, *p = entry;
	gsize length = 0;

	if (entry >= end)
		return FALSE;
	while (p < end && *p != ';')
		p += *p == '\\' && p + 1 < end ? 2 : 1;
	*at = p < end ? p + 1 : end;
	length = (gsize)(p - entry);
	trim(&entry, &length);
	*ret_entry = entry;
	*ret_length = length;
	return TRUE;
}

static const struct {
	char letter;
	char meaning;
} escapes[] = { { 's', ' ' }, { 't', '\t' }, { 'n', '\n' }, { 'r', '\r' }, { '\\', '\\' } };

char *ng_keyfile_unescape(const char *value, gsize length, gboolean in_list, const char **ret_at)
{
	g_autoptr(GString) plain = g_string_sized_new(length);

	for (gsize i = 0; i < length; i++) {
		gsize before = plain->len;

		if (value[i] != '\\') {
			g_string_append_c(plain, value[i]);
			continue;
		}
		for (gsize e = 0; i + 1 < length && e < G_N_ELEMENTS(escapes); e++)
			if (value[i + 1] == escapes[e].letter)
				g_string_append_c(plain, escapes[e].meaning);
		if (in_list && i + 1 < length && value[i + 1] == ';')
			g_string_append_c(plain, ';');
		if (plain->len == before) {
			*ret_at = value + i;
			return NULL;
		}
		i++;
	}
	return g_string_free(g_steal_pointer(&plain), FALSE);
}

char *ng_keyfile_escape(const char *value, gboolean in_list)
{
	g_autoptr(GString) escaped = g_string_new(NULL);

	for (const char *p = value; *p; p++) {
		gboolean is_edge = p == value || p[1] == '\0';
		char letter = 0;

		for (gsize e = 0; e < G_N_ELEMENTS(escapes); e++)
			if (*p == escapes[e].meaning && (*p != ' ' || is_edge))
				letter = escapes[e].letter;
		if (in_list && *p == ';')
			letter = ';';
		if (letter)
			g_string_append_c(escaped, '\\');
		g_string_append_c(escaped, letter ? letter : *p);
	}
	return g_string_free(g_steal_pointer(&escaped), FALSE);
}
