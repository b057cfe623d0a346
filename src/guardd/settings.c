/* SPDX-License-Identifier: MIT */
/*
 * netguard.conf (see settings.h). GKeyFile knows no line numbers, so the line of a wrong key is found again in the text
 * that was parsed. Runs in the engine, without privilege.
 */
#include "guardd/settings.h"

#include <string.h>

#include "policy/policy.h"

#define MAX_LENGTH (64 * 1024)
#define DAY_US (G_GINT64_CONSTANT(86400) * G_USEC_PER_SEC)

void ng_settings_init(NgSettings *settings)
{
	*settings = (NgSettings){ .default_profile = NG_PROFILE_ONLINE,
				  .retention = { 90 * DAY_US, G_GUINT64_CONSTANT(256) << 20 } };
}

static gboolean set_profile(NgSettings *settings, const char *value, GError **error)
{
	settings->default_profile = ng_policy_profile_from_text(value);
	if (settings->default_profile != 0)
		return TRUE;
	g_set_error(error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_INVALID_VALUE,
		    "Profile= must be offline, local or online, not “%s”.", value);
	return FALSE;
}

static gboolean set_allow(NgSettings *settings, const char *value, GError **error)
{
	g_auto(GStrv) words = g_strsplit(value, ";", -1);
	g_autoptr(GArray) allows = g_array_new(FALSE, FALSE, sizeof(struct ng_allow));
	guint8 flags = 0;

	for (char **word = words; *word; word++) {
		if (*g_strstrip(*word) && !ng_policy_parse_allow(*word, &flags, allows, error))
			return FALSE;
	}
	if (allows->len > 0) {
		g_set_error(error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_INVALID_VALUE,
			    "Allow= of the default takes loopback, shared and cloud-metadata; addresses belong to an "
			    "application.");
		return FALSE;
	}
	settings->default_flags = flags;
	return TRUE;
}

static gboolean set_number(const char *value, const char *key, guint64 max, guint64 *ret_number, GError **error)
{
	g_autoptr(GError) local = NULL;

	if (g_ascii_string_to_unsigned(value, 10, 0, max, ret_number, &local))
		return TRUE;
	g_set_error(error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_INVALID_VALUE,
		    "%s= must be a number from 0 to %" G_GUINT64_FORMAT ", not “%s”.", key, max, value);
	return FALSE;
}

static gboolean set_age(NgSettings *settings, const char *value, GError **error)
{
	guint64 days;

	if (!set_number(value, "MaxAgeDays", 36500, &days, error))
		return FALSE;
	settings->retention.max_age = (gint64)days * DAY_US;
	return TRUE;
}

static gboolean set_size(NgSettings *settings, const char *value, GError **error)
{
	guint64 megabytes;

	if (!set_number(value, "MaxSizeMB", 1024 * 1024, &megabytes, error))
		return FALSE;
	settings->retention.max_bytes = megabytes << 20;
	return TRUE;
}

static const struct {
	const char *group;
	const char *key;
	gboolean (*set)(NgSettings *settings, const char *value, GError **error);
} settings_keys[] = {
	{ "Default", "Profile", set_profile },
	{ "Default", "Allow", set_allow },
	{ "History", "MaxAgeDays", set_age },
	{ "History", "MaxSizeMB", set_size },
};

/* The line where `key` (or the group, with a NULL key) stands. */
static guint settings_line(const char *text, const char *group, const char *key)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	g_autofree char *head = g_strdup_printf("[%s]", group);
	gboolean inside = FALSE;

	for (guint i = 0; lines[i]; i++) {
		const char *line = g_strchug(lines[i]);

		if (*line == '[') {
			inside = g_str_has_prefix(line, head);
			if (inside && !key)
				return i + 1;
		} else if (inside && key && g_str_has_prefix(line, key) && strchr(" \t=", line[strlen(key)]) != NULL) {
			return i + 1;
		}
	}
	return 0;
}

static gboolean settings_key(NgSettings *settings, GKeyFile *file, const char *group, const char *key, GError **error)
{
	for (gsize i = 0; i < G_N_ELEMENTS(settings_keys); i++) {
		if (g_str_equal(settings_keys[i].group, group) && g_str_equal(settings_keys[i].key, key)) {
			g_autofree char *value = g_key_file_get_string(file, group, key, error);

			return value && settings_keys[i].set(settings, g_strstrip(value), error);
		}
	}
	g_set_error(error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_KEY_NOT_FOUND,
		    "%s= is not a key of [%s]. Correct or remove it.", key, group);
	return FALSE;
}

static gboolean settings_group(NgSettings *settings, GKeyFile *file, const char *text, const char *group,
			       guint *ret_line, GError **error)
{
	g_auto(GStrv) keys = g_key_file_get_keys(file, group, NULL, NULL);

	if (!g_str_equal(group, "Default") && !g_str_equal(group, "History")) {
		*ret_line = settings_line(text, group, NULL);
		g_set_error(error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_GROUP_NOT_FOUND,
			    "[%s] is not a group of this file: there are [Default] and [History].", group);
		return FALSE;
	}
	for (char **key = keys; key && *key; key++) {
		if (!settings_key(settings, file, group, *key, error)) {
			*ret_line = settings_line(text, group, *key);
			return FALSE;
		}
	}
	return TRUE;
}

gboolean ng_settings_read(NgSettings *settings, const char *folder, guint *ret_line, GError **error)
{
	g_autofree char *path = g_build_filename(folder, NG_SETTINGS_FILE, NULL);
	g_autofree char *text = NULL;
	g_autoptr(GKeyFile) file = g_key_file_new();
	g_autoptr(GError) local = NULL;
	g_auto(GStrv) groups = NULL;
	NgSettings read;
	gsize length;

	*ret_line = 0;
	ng_settings_init(&read);
	if (!g_file_get_contents(path, &text, &length, &local)) {
		if (!g_error_matches(local, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
			g_propagate_error(error, g_steal_pointer(&local));
			return FALSE;
		}
		*settings = read;
		return TRUE;
	}
	if (length > MAX_LENGTH) {
		g_set_error(error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_PARSE, "longer than %d bytes.", MAX_LENGTH);
		return FALSE;
	}
	if (!g_key_file_load_from_data(file, text, length, G_KEY_FILE_NONE, error))
		return FALSE;
	groups = g_key_file_get_groups(file, NULL);
	for (char **group = groups; *group; group++) {
		if (!settings_group(&read, file, text, *group, ret_line, error))
			return FALSE;
	}
	*settings = read;
	return TRUE;
}
