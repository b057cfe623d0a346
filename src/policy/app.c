/* SPDX-License-Identifier: MIT */
/*
 * One application: from text, to text, and to text over an older text. Runs in the engine, without privilege; no
 * state. One table names every key this version knows and serves both directions, so that what is written is what is
 * read.
 *
 * Invariant, fuzzed: ng_policy_app_parse() of ng_policy_app_text() gives an equal application.
 */
#include <string.h>

#include "policy/private.h"

typedef struct {
	NgPolicyApp *app;
	GPtrArray *executables;
	GPtrArray *allow_texts;
} Build;

typedef enum { SCALAR, LIST, RESERVED } KeyKind;

typedef struct {
	const char *group;
	const char *name;
	KeyKind kind;
	gboolean is_required;
	gboolean (*set)(Build *build, const char *value, GError **error);
	char *(*get)(const NgPolicyApp *app); /* as it stands in the file; NULL: absent */
} Key;

static gboolean fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static gboolean fail(GError **error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_propagate_error(error, g_error_new_valist(NG_POLICY_ERROR, NG_POLICY_ERROR_VALUE, format, args));
	va_end(args);
	return FALSE;
}

/* A character that would disturb the line it is shown in: controls, and what changes the direction of text. */
static gboolean has_unprintable(const char *text, const char *except)
{
	for (const char *p = text; *p; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);
		GUnicodeType type = g_unichar_type(c);
		gboolean is_joiner = c == 0x200c || c == 0x200d; /* Persian, Hindi and emoji need them */

		if (c < 0x80 && strchr(except, (int)c))
			continue;
		if (type == G_UNICODE_CONTROL || type == G_UNICODE_LINE_SEPARATOR ||
		    type == G_UNICODE_PARAGRAPH_SEPARATOR || (type == G_UNICODE_FORMAT && !is_joiner))
			return TRUE;
	}
	return FALSE;
}

static gboolean set_name(Build *build, const char *value, GError **error)
{
	if (!*value)
		return fail(error, "The name is empty. Write one, or remove Name= to use the file's name.");
	if (has_unprintable(value, ""))
		return fail(error, "The name has a character that cannot be shown. Remove it.");
	g_free(build->app->name);
	build->app->name = g_strdup(value);
	return TRUE;
}

static char *get_name(const NgPolicyApp *app)
{
	return app->name && !g_str_equal(app->name, app->id) ? ng_keyfile_escape(app->name, FALSE) : NULL;
}

static gboolean has_odd_component(const char *path)
{
	for (const char *p = path; p; p = strchr(p + 1, '/')) {
		gsize length = strcspn(p + 1, "/");

		if (length == 0 || (length == 1 && p[1] == '.') || (length == 2 && p[1] == '.' && p[2] == '.'))
			return TRUE;
	}
	return FALSE;
}

static gboolean add_executable(Build *build, const char *value, GError **error)
{
	if (!*value)
		return fail(error, "There is an empty entry. Write an absolute path, such as /usr/bin/curl.");
	if (*value != '/')
		return fail(error, "“%s” is not an absolute path. Write it from / on.", value);
	if (strlen(value) >= 4096 || has_unprintable(value, ""))
		return fail(error, "The path is too long or has a character that cannot be shown. Use another path.");
	if (has_odd_component(value))
		return fail(error, "“%s” has an empty part, . or .. in it. Write the path without.", value);
	for (guint i = 0; i < build->executables->len; i++)
		if (g_str_equal(build->executables->pdata[i], value))
			return fail(error, "“%s” is there twice. Remove one of them.", value);
	if (build->executables->len >= NG_POLICY_MAX_EXECUTABLES) {
		g_set_error(error, NG_POLICY_ERROR, NG_POLICY_ERROR_LIMIT,
			    "There are more than %d paths. Use a pattern such as /opt/game/bin/*.",
			    NG_POLICY_MAX_EXECUTABLES);
		return FALSE;
	}
	g_ptr_array_add(build->executables, g_strdup(value));
	return TRUE;
}

static char *list_text(char **entries)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (guint i = 0; entries && entries[i]; i++) {
		g_autofree char *escaped = ng_keyfile_escape(entries[i], TRUE);

		g_string_append_printf(text, "%s%s", i ? ";" : "", escaped);
	}
	return text->len ? g_string_free(g_steal_pointer(&text), FALSE) : NULL;
}

static char *get_executables(const NgPolicyApp *app)
{
	return list_text(app->executables);
}

static gboolean set_children(Build *build, const char *value, GError **error)
{
	if (g_str_equal(value, "own"))
		build->app->flags |= NG_APP_CHILDREN_OWN;
	else if (!g_str_equal(value, "inherit"))
		return fail(error, "“%s” is not an answer. Write inherit or own.", value);
	return TRUE;
}

static char *get_children(const NgPolicyApp *app)
{
	return app->flags & NG_APP_CHILDREN_OWN ? g_strdup("own") : NULL;
}

static gboolean parse_profile(const char *value, guint8 *ret_profile, GError **error)
{
	guint8 profile = ng_policy_profile_from_text(value);

	if (!profile)
		return fail(error, "“%s” is not a profile. Write offline, local or online.", value);
	*ret_profile = profile;
	return TRUE;
}

static gboolean set_profile(Build *build, const char *value, GError **error)
{
	return parse_profile(value, &build->app->profile, error);
}

static char *get_profile(const NgPolicyApp *app)
{
	return g_strdup(ng_policy_profile_text(app->profile));
}

static gboolean set_then(Build *build, const char *value, GError **error)
{
	return parse_profile(value, &build->app->then, error);
}

static char *get_then(const NgPolicyApp *app)
{
	return g_strdup(ng_policy_profile_text(app->then));
}

static gboolean add_allow(Build *build, const char *value, GError **error)
{
	if (!*value)
		return fail(error, "There is an empty entry. Write an address, or remove one of the semicolons.");
	if (!ng_policy_parse_allow(value, &build->app->flags, build->app->allows, error))
		return FALSE;
	g_ptr_array_add(build->allow_texts, g_strdup(value));
	return TRUE;
}

static char *get_allow(const NgPolicyApp *app)
{
	return list_text(app->allow_texts);
}

/* Exactly YYYY-MM-DDTHH:MM:SSZ (RFC 3339, UTC only, so that a file means one moment wherever it is copied). */
static gboolean set_until(Build *build, const char *value, GError **error)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:ddZ";
	g_autoptr(GDateTime) time = NULL;
	gboolean ok = strlen(value) == strlen(shape);

	for (gsize i = 0; ok && shape[i]; i++)
		ok = shape[i] == 'd' ? g_ascii_isdigit(value[i]) : value[i] == shape[i];
	if (ok)
		time = g_date_time_new_utc(atoi(value), atoi(value + 5), atoi(value + 8), atoi(value + 11),
					   atoi(value + 14), atoi(value + 17));
	if (!time || g_date_time_to_unix(time) <= 0)
		return fail(error, "“%s” is not a time. Write it in UTC, such as 2026-11-22T20:00:00Z.", value);
	build->app->until = g_date_time_to_unix(time);
	return TRUE;
}

static char *get_until(const NgPolicyApp *app)
{
	g_autoptr(GDateTime) time = app->until > 0 ? g_date_time_new_from_unix_utc(app->until) : NULL;

	return time ? g_strdup_printf("%04d-%02d-%02dT%02d:%02d:%02dZ", g_date_time_get_year(time),
				      g_date_time_get_month(time), g_date_time_get_day_of_month(time),
				      g_date_time_get_hour(time), g_date_time_get_minute(time),
				      g_date_time_get_second(time))
		    : NULL;
}

static gboolean set_reason(Build *build, const char *value, GError **error)
{
	if (has_unprintable(value, "\n\t"))
		return fail(error, "The reason has a character that cannot be shown. Remove it.");
	build->app->reason = *value ? g_strdup(value) : NULL;
	return TRUE;
}

static char *get_reason(const NgPolicyApp *app)
{
	return app->reason && *app->reason ? ng_keyfile_escape(app->reason, FALSE) : NULL;
}

/* In the order of writing. */
static const Key keys[] = {
	{ "Application", "Name", SCALAR, FALSE, set_name, get_name },
	{ "Application", "Executable", LIST, TRUE, add_executable, get_executables },
	{ "Application", "Children", SCALAR, FALSE, set_children, get_children },
	{ "Application", "Package", RESERVED, FALSE, NULL, NULL },
	{ "Application", "Script", RESERVED, FALSE, NULL, NULL },
	{ "Application", "Fingerprint", RESERVED, FALSE, NULL, NULL },
	{ "Network", "Profile", SCALAR, TRUE, set_profile, get_profile },
	{ "Network", "Allow", LIST, FALSE, add_allow, get_allow },
	{ "Network", "Until", SCALAR, FALSE, set_until, get_until },
	{ "Network", "Then", SCALAR, FALSE, set_then, get_then },
	{ "Note", "Reason", SCALAR, FALSE, set_reason, get_reason },
};

static const Key *find_key(const NgKeyfileLine *line)
{
	for (gsize i = 0; line->key && i < G_N_ELEMENTS(keys); i++)
		if (g_str_equal(keys[i].group, line->group) && g_str_equal(keys[i].name, line->key))
			return &keys[i];
	return NULL;
}

static gboolean refuse_key(const NgKeyfileLine *line, GError **error)
{
	for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
		gboolean same_group = g_str_equal(keys[i].group, line->group);

		if (g_ascii_strcasecmp(keys[i].name, line->key) != 0)
			continue;
		if (same_group)
			return fail(error, "The key %s is unknown. Write %s.", line->key, keys[i].name);
		return fail(error, "The key %s does not belong in [%s]. Move it to [%s].", line->key, line->group,
			    keys[i].group);
	}
	return fail(error, "The key %s is unknown. Remove it; own remarks belong in [Note].", line->key);
}

static gboolean set_entry(Build *build, const Key *key, const NgKeyfileLine *line, const char *value, gsize length,
			  NgKeyfilePlace *ret_place, GError **error)
{
	const char *at = value;
	g_autofree char *plain = ng_keyfile_unescape(value, length, key->kind == LIST, &at);

	if (plain && key->set(build, plain, error))
		return TRUE;
	*ret_place = ng_keyfile_place(line, at);
	if (!plain)
		fail(error, "This escape is unknown. Write \\\\ for a backslash.");
	return FALSE;
}

static gboolean set_key(Build *build, const NgKeyfileLine *line, NgKeyfilePlace *ret_place, GError **error)
{
	const Key *key = find_key(line);
	const char *at = line->value, *entry = NULL;
	gsize length = 0;

	*ret_place = ng_keyfile_place(line, line->start);
	if (!key)
		return g_str_equal(line->group, "Note") || refuse_key(line, error);
	if (key->kind == RESERVED)
		return fail(error,
			    "%s= is not supported by this version. Remove it and name the program in Executable=.",
			    key->name);
	if (key->kind == SCALAR)
		return set_entry(build, key, line, line->value, line->value_length, ret_place, error);
	while (ng_keyfile_next_entry(line, &at, &entry, &length))
		if (!set_entry(build, key, line, entry, length, ret_place, error))
			return FALSE;
	return TRUE;
}

/* What no single line shows. */
static gboolean check_whole(const Build *build, GArray *lines, NgKeyfilePlace *ret_place, GError **error)
{
	for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
		gboolean is_there =
			keys[i].set == add_executable ? build->executables->len > 0 : build->app->profile != 0;

		if (!keys[i].is_required || is_there)
			continue;
		*ret_place = (NgKeyfilePlace){ 0, 0 };
		for (guint l = 0; l < lines->len; l++) {
			const NgKeyfileLine *line = &g_array_index(lines, NgKeyfileLine, l);

			if (line->kind == NG_KEYFILE_GROUP && g_str_equal(line->group, keys[i].group))
				*ret_place = (NgKeyfilePlace){ line->number, 1 };
		}
		return fail(error, "%s= is missing. Write it under [%s].", keys[i].name, keys[i].group);
	}
	if (build->app->then && !build->app->until) {
		for (guint l = 0; l < lines->len; l++)
			if (g_strcmp0(g_array_index(lines, NgKeyfileLine, l).key, "Then") == 0)
				*ret_place = (NgKeyfilePlace){ g_array_index(lines, NgKeyfileLine, l).number, 1 };
		return fail(error, "There is Then= without Until=. Write when it begins, or remove it.");
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
	Build build = { app, executables, allow_texts };
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

		if (line->kind == NG_KEYFILE_KEY && !set_key(&build, line, ret_place, error))
			return NULL;
		if (g_strcmp0(line->key, "Executable") == 0)
			executable_line = line->number;
	}
	if (!check_whole(&build, lines, ret_place, error))
		return NULL;

	g_strfreev(app->executables);
	app->executables = steal_strv(&executables);
	g_strfreev(app->allow_texts);
	app->allow_texts = steal_strv(&allow_texts);
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
	for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
		g_autofree char *value = NULL;

		if (done[i] || !keys[i].get || !g_str_equal(keys[i].group, group))
			continue;
		done[i] = TRUE;
		value = keys[i].get(app);
		if (value)
			g_string_append_printf(text, "%s=%s\n", keys[i].name, value);
	}
}

char *ng_policy_app_text(const NgPolicyApp *app)
{
	return ng_policy_app_text_over(app, NULL, 0);
}

/* One old line: kept, written anew, or left out because the application has no such value any more. */
static void write_over(GString *text, const NgPolicyApp *app, const NgKeyfileLine *line, gboolean done[])
{
	const Key *key = line->kind == NG_KEYFILE_KEY ? find_key(line) : NULL;
	g_autofree char *value = key && key->get ? key->get(app) : NULL;

	if (!key)
		g_string_append_len(text, line->start, (gssize)line->length);
	else if (value)
		g_string_append_printf(text, "%s=%s", key->name, value);
	if (!key || value)
		g_string_append_c(text, '\n');
	if (key)
		done[key - keys] = TRUE;
}

char *ng_policy_app_text_over(const NgPolicyApp *app, const char *old, gsize old_length)
{
	static const char *const groups[] = { "Application", "Network", "Note" };
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GArray) lines = NULL;
	NgKeyfilePlace place = { 0, 0 };
	gboolean done[G_N_ELEMENTS(keys)] = { FALSE };
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
			const Key *key = other->group == line->group ? find_key(other) : NULL;

			if (key)
				done[key - keys] = TRUE;
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
	       a->flags == b->flags && a->until == b->until && a->then == b->then && a->layer == b->layer &&
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
