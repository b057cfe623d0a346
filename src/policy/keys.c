/* SPDX-License-Identifier: MIT */
/*
 * The table of every key this version knows: how its value is read and written. Runs in the engine, without privilege;
 * no state. What the lines of a file are is keyfile.c's, what they make together is app.c's.
 */
#include <stdlib.h>
#include <string.h>

#include "policy/private.h"

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

static gboolean set_name(NgPolicyBuild *build, const char *value, GError **error)
{
	if (!*value)
		return fail(error, "The name is empty. Write one, or remove Name= to use the file's name.");
	if (*value == '/')
		return fail(error, "The name starts with /, like a path. Write one that does not.");
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

static gboolean add_executable(NgPolicyBuild *build, const char *value, GError **error)
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

static gboolean set_children(NgPolicyBuild *build, const char *value, GError **error)
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

static gboolean set_profile(NgPolicyBuild *build, const char *value, GError **error)
{
	return parse_profile(value, &build->app->profile, error);
}

static char *get_profile(const NgPolicyApp *app)
{
	return g_strdup(ng_policy_profile_text(app->profile));
}

static gboolean set_then(NgPolicyBuild *build, const char *value, GError **error)
{
	return parse_profile(value, &build->app->then, error);
}

static char *get_then(const NgPolicyApp *app)
{
	return g_strdup(ng_policy_profile_text(app->then));
}

static gboolean add_allow(NgPolicyBuild *build, const char *value, GError **error)
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
static gboolean set_until(NgPolicyBuild *build, const char *value, GError **error)
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

/* "boot BOOT-ID", or "running BOOT-ID MILLISECONDS": which boot, and which processes, are meant does not depend on when
 * the file is read. */
static gboolean set_while(NgPolicyBuild *build, const char *value, GError **error)
{
	g_auto(GStrv) words = g_strsplit(value, " ", 4);
	const guint n = g_strv_length(words);
	NgPolicyApp *app = build->app;
	const guint8 span = n > 0 ? ng_policy_span_from_text(words[0]) : NG_SPAN_NONE;
	guint64 since_ms = 0;

	if (span == NG_SPAN_NONE || n != (span == NG_SPAN_RUNNING ? 3 : 2) || !g_uuid_string_is_valid(words[1]) ||
	    (span == NG_SPAN_RUNNING && !g_ascii_string_to_unsigned(words[2], 10, 0, G_MAXINT64, &since_ms, NULL)))
		return fail(error,
			    "“%s” is not a span. Write boot and the boot's id, or let netguard set APP PROFILE "
			    "--until-restart or --until-quit write it.",
			    value);
	app->span = span;
	app->since_ms = since_ms;
	g_strlcpy(app->boot, words[1], sizeof(app->boot));
	return TRUE;
}

static char *get_while(const NgPolicyApp *app)
{
	if (app->span == NG_SPAN_RUNNING)
		return g_strdup_printf("running %s %" G_GUINT64_FORMAT, app->boot, app->since_ms);
	return app->span == NG_SPAN_BOOT ? g_strdup_printf("boot %s", app->boot) : NULL;
}

static gboolean set_reason(NgPolicyBuild *build, const char *value, GError **error)
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
const NgPolicyKey ng_policy_keys[NG_POLICY_KEYS] = {
	{ "Application", "Name", NG_POLICY_SCALAR, FALSE, set_name, get_name },
	{ "Application", "Executable", NG_POLICY_LIST, TRUE, add_executable, get_executables },
	{ "Application", "Children", NG_POLICY_SCALAR, FALSE, set_children, get_children },
	{ "Application", "Package", NG_POLICY_RESERVED, FALSE, NULL, NULL },
	{ "Application", "Script", NG_POLICY_RESERVED, FALSE, NULL, NULL },
	{ "Application", "Fingerprint", NG_POLICY_RESERVED, FALSE, NULL, NULL },
	{ "Network", "Profile", NG_POLICY_SCALAR, TRUE, set_profile, get_profile },
	{ "Network", "Allow", NG_POLICY_LIST, FALSE, add_allow, get_allow },
	{ "Network", "Until", NG_POLICY_SCALAR, FALSE, set_until, get_until },
	{ "Network", "While", NG_POLICY_SCALAR, FALSE, set_while, get_while },
	{ "Network", "Then", NG_POLICY_SCALAR, FALSE, set_then, get_then },
	{ "Note", "Reason", NG_POLICY_SCALAR, FALSE, set_reason, get_reason },
};

const NgPolicyKey *ng_policy_key_find(const NgKeyfileLine *line)
{
	for (gsize i = 0; line->key && i < NG_POLICY_KEYS; i++)
		if (g_str_equal(ng_policy_keys[i].group, line->group) && g_str_equal(ng_policy_keys[i].name, line->key))
			return &ng_policy_keys[i];
	return NULL;
}

static gboolean refuse_key(const NgKeyfileLine *line, GError **error)
{
	for (gsize i = 0; i < NG_POLICY_KEYS; i++) {
		gboolean same_group = g_str_equal(ng_policy_keys[i].group, line->group);

		if (g_ascii_strcasecmp(ng_policy_keys[i].name, line->key) != 0)
			continue;
		if (same_group)
			return fail(error, "The key %s is unknown. Write %s.", line->key, ng_policy_keys[i].name);
		return fail(error, "The key %s does not belong in [%s]. Move it to [%s].", line->key, line->group,
			    ng_policy_keys[i].group);
	}
	return fail(error, "The key %s is unknown. Remove it; own remarks belong in [Note].", line->key);
}

static gboolean set_entry(NgPolicyBuild *build, const NgPolicyKey *key, const NgKeyfileLine *line, const char *value,
			  gsize length, NgKeyfilePlace *ret_place, GError **error)
{
	const char *at = value;
	g_autofree char *plain = ng_keyfile_unescape(value, length, key->kind == NG_POLICY_LIST, &at);

	if (plain && key->set(build, plain, error))
		return TRUE;
	*ret_place = ng_keyfile_place(line, at);
	if (!plain)
		fail(error, "This escape is unknown. Write \\\\ for a backslash.");
	return FALSE;
}

gboolean ng_policy_key_set(NgPolicyBuild *build, const NgKeyfileLine *line, NgKeyfilePlace *ret_place, GError **error)
{
	const NgPolicyKey *key = ng_policy_key_find(line);
	const char *at = line->value, *entry = NULL;
	gsize length = 0;

	*ret_place = ng_keyfile_place(line, line->start);
	if (!key)
		return g_str_equal(line->group, "Note") || refuse_key(line, error);
	if (key->kind == NG_POLICY_RESERVED)
		return fail(error,
			    "%s= is not supported by this version. Remove it and name the program in Executable=.",
			    key->name);
	if (key->kind == NG_POLICY_SCALAR)
		return set_entry(build, key, line, line->value, line->value_length, ret_place, error);
	while (ng_keyfile_next_entry(line, &at, &entry, &length))
		if (!set_entry(build, key, line, entry, length, ret_place, error))
			return FALSE;
	return TRUE;
}
