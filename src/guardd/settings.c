/* SPDX-License-Identifier: MIT */
/*
 * Settings files (see settings.h). GKeyFile knows no line numbers, so the line of a wrong key is found again in the
 * text that was parsed. Runs in the engine, without privilege.
 */
#include "guardd/settings.h"

#include <string.h>

#include "policy/policy.h"

#define MAX_LENGTH (64 * 1024)
#define DAY_US (G_GINT64_CONSTANT(86400) * G_USEC_PER_SEC)

const char *const ng_setting_names[NG_SETTINGS] = {
	[NG_SETTING_PROFILE] = "default-profile",
	[NG_SETTING_ALLOW] = "default-allow",
	[NG_SETTING_AGE] = "max-age-days",
	[NG_SETTING_SIZE] = "max-size-mb",
};

static const struct {
	guint8 bit;
	const char *word;
} allow_words[] = { { NG_APP_LOOPBACK, "loopback" },
		    { NG_APP_SHARED, "shared" },
		    { NG_APP_METADATA, "cloud-metadata" } };

void ng_settings_init(NgSettings *settings)
{
	*settings = (NgSettings){ .default_profile = NG_PROFILE_ONLINE,
				  .retention = { 90 * DAY_US, G_GUINT64_CONSTANT(256) << 20 } };
}

static gboolean set_profile(NgSettings *settings, const char *value, GError **error)
{
	const guint8 profile = ng_policy_profile_from_text(value);

	if (profile != 0) {
		settings->default_profile = profile;
		return TRUE;
	}
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
} settings_keys[NG_SETTINGS] = {
	[NG_SETTING_PROFILE] = { "Default", "Profile", set_profile },
	[NG_SETTING_ALLOW] = { "Default", "Allow", set_allow },
	[NG_SETTING_AGE] = { "History", "MaxAgeDays", set_age },
	[NG_SETTING_SIZE] = { "History", "MaxSizeMB", set_size },
};

gboolean ng_settings_set(NgSettings *settings, NgSetting setting, const char *value, GError **error)
{
	if (!settings_keys[setting].set(settings, value, error))
		return FALSE;
	settings->given |= NG_SETTING_BIT(setting);
	return TRUE;
}

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

			return value && ng_settings_set(settings, (NgSetting)i, g_strstrip(value), error);
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

gboolean ng_settings_read(NgSettings *settings, const char *path, guint *ret_line, GError **error)
{
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

NgSettings ng_settings_merge(const NgSettings *below, const NgSettings *above)
{
	NgSettings merged = *below;

	merged.given |= above->given;
	if (above->given & NG_SETTING_BIT(NG_SETTING_PROFILE))
		merged.default_profile = above->default_profile;
	if (above->given & NG_SETTING_BIT(NG_SETTING_ALLOW))
		merged.default_flags = above->default_flags;
	if (above->given & NG_SETTING_BIT(NG_SETTING_AGE))
		merged.retention.max_age = above->retention.max_age;
	if (above->given & NG_SETTING_BIT(NG_SETTING_SIZE))
		merged.retention.max_bytes = above->retention.max_bytes;
	return merged;
}

gboolean ng_settings_equal(const NgSettings *a, const NgSettings *b)
{
	return a->default_profile == b->default_profile && a->default_flags == b->default_flags &&
	       a->retention.max_age == b->retention.max_age && a->retention.max_bytes == b->retention.max_bytes;
}

guint32 ng_settings_age_days(const NgSettings *settings)
{
	return (guint32)(settings->retention.max_age / DAY_US);
}

guint32 ng_settings_size_mb(const NgSettings *settings)
{
	return (guint32)(settings->retention.max_bytes >> 20);
}

char **ng_settings_allow_words(const NgSettings *settings)
{
	g_autoptr(GStrvBuilder) words = g_strv_builder_new();

	for (gsize i = 0; i < G_N_ELEMENTS(allow_words); i++) {
		if (settings->default_flags & allow_words[i].bit)
			g_strv_builder_add(words, allow_words[i].word);
	}
	return g_strv_builder_end(words);
}

static char *settings_value(const NgSettings *settings, NgSetting setting)
{
	g_auto(GStrv) words = ng_settings_allow_words(settings);

	switch (setting) {
	case NG_SETTING_PROFILE:
		return g_strdup(ng_policy_profile_text(settings->default_profile));
	case NG_SETTING_ALLOW:
		return g_strjoinv(";", words);
	case NG_SETTING_AGE:
		return g_strdup_printf("%u", ng_settings_age_days(settings));
	case NG_SETTING_SIZE:
		return g_strdup_printf("%u", ng_settings_size_mb(settings));
	}
	g_assert_not_reached();
}

char *ng_settings_text(const NgSettings *settings)
{
	GString *text = g_string_new(NULL);
	const char *group = NULL;

	for (guint i = 0; i < NG_SETTINGS; i++) {
		g_autofree char *value = settings_value(settings, (NgSetting)i);

		if (!(settings->given & NG_SETTING_BIT(i)))
			continue;
		if (g_strcmp0(group, settings_keys[i].group) != 0)
			g_string_append_printf(text, "[%s]\n", settings_keys[i].group);
		group = settings_keys[i].group;
		g_string_append_printf(text, "%s=%s\n", settings_keys[i].key, value);
	}
	return g_string_free(text, FALSE);
}
