/* SPDX-License-Identifier: MIT */
/*
 * One application: from text, to text, and to text over an older text. Runs in the engine, without privilege; no
 * state. One table of keys (keys.c) serves both directions, so that what is written is what is read.
 *
 * Invariant, fuzzed: ng_policy_app_parse() of ng_policy_app_text() gives an equal application.
 */
#include <string.h>

#include "policy/private.h"

/* What no single line shows. */
static gboolean check_whole(const NgPolicyApp *app, GArray *lines, NgKeyfilePlace *ret_place, GError **error)
{
	const char *const blamed = app->until && app->span != NG_SPAN_NONE ? "While" : "Then";
	const char *missing = NULL, *group = NULL;

	for (gsize i = 0; i < NG_POLICY_KEYS && !missing; i++) {
		g_autofree char *value = ng_policy_keys[i].is_required ? ng_policy_keys[i].get(app) : NULL;

		missing = ng_policy_keys[i].is_required && !value ? ng_policy_keys[i].name : NULL;
		group = ng_policy_keys[i].group;
	}
	*ret_place = (NgKeyfilePlace){ 0, 0 };
	for (guint l = 0; l < lines->len; l++) {
		const NgKeyfileLine *line = &g_array_index(lines, NgKeyfileLine, l);

		if (missing ? line->kind == NG_KEYFILE_GROUP && g_str_equal(line->group, group)
			    : g_strcmp0(line->key, blamed) == 0)
			*ret_place = (NgKeyfilePlace){ line->number, 1 };
	}
	if (missing) {
		g_set_error(error, NG_POLICY_ERROR, NG_POLICY_ERROR_VALUE, "%s= is missing. Write it under [%s].",
			    missing, group);
		return FALSE;
	}
	if (app->until && app->span != NG_SPAN_NONE) {
		g_set_error_literal(error, NG_POLICY_ERROR, NG_POLICY_ERROR_VALUE,
				    "There are Until= and While=. Remove one of them.");
		return FALSE;
	}
	if (app->then && !app->until && app->span == NG_SPAN_NONE) {
		g_set_error_literal(error, NG_POLICY_ERROR, NG_POLICY_ERROR_VALUE,
				    "There is Then= without Until= or While=. Write when it begins, or remove it.");
		return FALSE;
	}
	return TRUE;
}

static char **steal_strv(GPtrArray **array)
{
	g_ptr_array_add(*array, NULL);
	g_ptr_array_set_free_func(*array, NULL);
	return (char **)g_ptr_array_free(g_steal_pointer(array), FALSE);
}

NgPolicyApp *ng_policy_app_parse_file(const char *id, const char *path, const char *text, gsize length,
				      NgKeyfilePlace *ret_place, guint *ret_executable_line, GError **error)
{
	g_autoptr(NgPolicyApp) app = ng_policy_app_new(id);
	g_autoptr(GPtrArray) executables = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) allow_texts = g_ptr_array_new_with_free_func(g_free);
	NgPolicyBuild build = { app, executables, allow_texts };
	g_autoptr(GArray) lines = NULL;
	guint executable_line = 0;

	*ret_place = (NgKeyfilePlace){ 0, 0 };
	if (length > NG_POLICY_MAX_FILE) {
		g_set_error(error, NG_POLICY_ERROR, NG_POLICY_ERROR_LIMIT,
			    "The file is larger than %d bytes. Shorten it; patterns in Executable= save lines.",
			    NG_POLICY_MAX_FILE);
		return NULL;
	}
	lines = ng_keyfile_scan(text, length, ret_place, error);
	if (!lines)
		return NULL;
	for (guint i = 0; i < lines->len; i++) {
		const NgKeyfileLine *line = &g_array_index(lines, NgKeyfileLine, i);

		if (line->kind == NG_KEYFILE_KEY && !ng_policy_key_set(&build, line, ret_place, error))
			return NULL;
		if (g_strcmp0(line->key, "Executable") == 0)
			executable_line = line->number;
	}
	g_strfreev(app->executables);
	app->executables = steal_strv(&executables);
	g_strfreev(app->allow_texts);
	app->allow_texts = steal_strv(&allow_texts);
	if (!check_whole(app, lines, ret_place, error))
		return NULL;
	app->path = g_strdup(path);
	*ret_place = (NgKeyfilePlace){ 0, 0 };
	*ret_executable_line = executable_line;
	return g_steal_pointer(&app);
}

NgPolicyApp *ng_policy_app_parse(const char *id, const char *path, const char *text, gsize length, guint *ret_line,
				 guint *ret_column, GError **error)
{
	NgKeyfilePlace place = { 0, 0 };
	guint executable_line = 0;
	NgPolicyApp *app = ng_policy_app_parse_file(id, path, text, length, &place, &executable_line, error);

	*ret_line = place.line;
	*ret_column = place.column;
	return app;
}

/* Write the keys of `group` that have a value and are not marked in `done`. */
static void write_keys(GString *text, const NgPolicyApp *app, const char *group, gboolean done[])
{
	for (gsize i = 0; i < NG_POLICY_KEYS; i++) {
		g_autofree char *value = NULL;

		if (done[i] || !ng_policy_keys[i].get || !g_str_equal(ng_policy_keys[i].group, group))
			continue;
		done[i] = TRUE;
		value = ng_policy_keys[i].get(app);
		if (value)
			g_string_append_printf(text, "%s=%s\n", ng_policy_keys[i].name, value);
	}
}

char *ng_policy_app_text(const NgPolicyApp *app)
{
	return ng_policy_app_text_over(app, NULL, 0);
}

/* One old line: kept, written anew, or left out because the application has no such value any more. */
static void write_over(GString *text, const NgPolicyApp *app, const NgKeyfileLine *line, gboolean done[])
{
	const NgPolicyKey *key = line->kind == NG_KEYFILE_KEY ? ng_policy_key_find(line) : NULL;
	g_autofree char *value = key && key->get ? key->get(app) : NULL;

	if (!key)
		g_string_append_len(text, line->start, (gssize)line->length);
	else if (value)
		g_string_append_printf(text, "%s=%s", key->name, value);
	if (!key || value)
		g_string_append_c(text, '\n');
	if (key)
		done[key - ng_policy_keys] = TRUE;
}

char *ng_policy_app_text_over(const NgPolicyApp *app, const char *old, gsize old_length)
{
	static const char *const groups[] = { "Application", "Network", "Note" };
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GArray) lines = NULL;
	NgKeyfilePlace place = { 0, 0 };
	gboolean done[NG_POLICY_KEYS] = { FALSE };
	gboolean group_done[G_N_ELEMENTS(groups)] = { FALSE };

	lines = old ? ng_keyfile_scan(old, old_length, &place, NULL) : NULL;
	for (guint l = 0; lines && l < lines->len; l++) {
		const NgKeyfileLine *line = &g_array_index(lines, NgKeyfileLine, l);

		write_over(text, app, line, done);
		if (line->kind != NG_KEYFILE_GROUP)
			continue;
		/* What the old text does not have comes first in its group: its comments stay with their lines. */
		for (guint later = l + 1; later < lines->len; later++) {
			const NgKeyfileLine *other = &g_array_index(lines, NgKeyfileLine, later);
			const NgPolicyKey *key = other->group == line->group ? ng_policy_key_find(other) : NULL;

			if (key)
				done[key - ng_policy_keys] = TRUE;
		}
		write_keys(text, app, line->group, done);
		for (gsize g = 0; g < G_N_ELEMENTS(groups); g++)
			group_done[g] |= g_str_equal(groups[g], line->group);
	}
	for (gsize g = 0; g < G_N_ELEMENTS(groups); g++) {
		gsize before = text->len;

		if (group_done[g])
			continue;
		g_string_append_printf(text, "[%s]\n", groups[g]);
		gsize with_header = text->len;
		write_keys(text, app, groups[g], done);
		if (text->len == with_header)
			g_string_truncate(text, before);
	}
	return g_string_free(g_steal_pointer(&text), FALSE);
}

NgPolicyApp *ng_policy_app_new(const char *id)
{
	NgPolicyApp *app = g_new0(NgPolicyApp, 1);

	app->id = g_strdup(id);
	app->name = g_strdup(id);
	app->executables = g_new0(char *, 1);
	app->allows = g_array_new(FALSE, TRUE, sizeof(struct ng_allow));
	app->allow_texts = g_new0(char *, 1);
	app->layer = NG_LAYER_USER;
	return app;
}

NgPolicyApp *ng_policy_app_copy(const NgPolicyApp *app)
{
	NgPolicyApp *copy = g_memdup2(app, sizeof(*app));

	copy->id = g_strdup(app->id);
	copy->name = g_strdup(app->name);
	copy->executables = g_strdupv(app->executables);
	copy->allows = g_array_copy(app->allows);
	copy->allow_texts = g_strdupv(app->allow_texts);
	copy->reason = g_strdup(app->reason);
	copy->path = g_strdup(app->path);
	return copy;
}

void ng_policy_app_free(NgPolicyApp *app)
{
	if (!app)
		return;
	g_free(app->id);
	g_free(app->name);
	g_strfreev(app->executables);
	g_array_unref(app->allows);
	g_strfreev(app->allow_texts);
	g_free(app->reason);
	g_free(app->path);
	g_free(app);
}

static gboolean allows_equal(const GArray *a, const GArray *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len * sizeof(struct ng_allow)) == 0);
}

gboolean ng_policy_app_equal(const NgPolicyApp *a, const NgPolicyApp *b)
{
	return g_str_equal(a->id, b->id) && g_str_equal(a->name, b->name) && a->profile == b->profile &&
	       a->flags == b->flags && a->until == b->until && a->span == b->span && a->since_ms == b->since_ms &&
	       g_str_equal(a->boot, b->boot) && a->then == b->then && a->layer == b->layer &&
	       g_strcmp0(a->reason, b->reason) == 0 &&
	       g_strv_equal((const char *const *)a->executables, (const char *const *)b->executables) &&
	       g_strv_equal((const char *const *)a->allow_texts, (const char *const *)b->allow_texts) &&
	       allows_equal(a->allows, b->allows);
}

gboolean ng_policy_app_set_allow(NgPolicyApp *app, const char *const *texts, GError **error)
{
	g_autoptr(GArray) allows = g_array_new(FALSE, TRUE, sizeof(struct ng_allow));
	guint8 flags = app->flags & (guint8)~NG_APP_CLASS_MASK;

	for (guint i = 0; texts && texts[i]; i++)
		if (!ng_policy_parse_allow(texts[i], &flags, allows, error))
			return FALSE;
	g_array_unref(app->allows);
	app->allows = g_steal_pointer(&allows);
	app->flags = flags;
	g_strfreev(app->allow_texts);
	app->allow_texts = texts ? g_strdupv((char **)texts) : g_new0(char *, 1);
	return TRUE;
}
