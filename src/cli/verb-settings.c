/* SPDX-License-Identifier: MIT */
/* `netguard settings [KEY=VALUE]...`: what holds for programs nobody decided on, and how long history is kept. */
#include <string.h>

#include "cli/cli.h"

static char *opt_reason;

static const GOptionEntry entries[] = {
	{ "reason", 'r', 0, G_OPTION_ARG_FILENAME, &opt_reason, "Why; kept in the audit log", "TEXT" },
	G_OPTION_ENTRY_NULL,
};

static GVariant *word_value(const char *text)
{
	g_autofree char *lower = g_ascii_strdown(text, -1);

	return g_variant_new_string(lower);
}

/* Words separated by commas or semicolons; none: the empty list. */
static GVariant *words_value(const char *text)
{
	g_auto(GStrv) parts = g_strsplit_set(text, ",;", -1);
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE("as"));
	for (char **part = parts; *part; part++) {
		if (*g_strstrip(*part))
			g_variant_builder_add(&builder, "s", *part);
	}
	return g_variant_builder_end(&builder);
}

static GVariant *number_value(const char *text)
{
	guint64 number;

	return g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32, &number, NULL)
		       ? g_variant_new_uint32((guint32)number)
		       : NULL;
}

static const struct {
	const char *key;
	const char *label;
	const char *wanted; /* after "write" */
	GVariant *(*value)(const char *text);
} keys[] = {
	{ "default-profile", "Default", "offline, local or online", word_value },
	{ "default-allow", "Allowed too", "loopback, shared, cloud-metadata, or nothing", words_value },
	{ "max-age-days", "Kept for", "a number of days; 0: for ever", number_value },
	{ "max-size-mb", "Kept up to", "a number of megabytes; 0: no limit", number_value },
};

static gboolean add_setting(GVariantDict *dict, const char *text, GError **error)
{
	const char *equals = strchr(text, '=');
	g_autofree char *key = g_strndup(text, equals ? (gsize)(equals - text) : strlen(text));
	g_autofree char *shown = ng_text_safe(text);
	GVariant *value;

	if (!ng_cli_is_utf8("KEY=VALUE", text, error))
		return FALSE;
	if (!equals)
		return ng_cli_usage(error, "\"%s\": write KEY=VALUE", shown);
	for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
		if (!g_str_equal(key, keys[i].key))
			continue;
		if (g_variant_dict_contains(dict, key))
			return ng_cli_usage(error, "%s is given twice", key);
		value = keys[i].value(equals + 1);
		if (!value)
			return ng_cli_usage(error, "%s: write %s", key, keys[i].wanted);
		g_variant_dict_insert_value(dict, key, value);
		return TRUE;
	}
	return ng_cli_usage(error,
			    "\"%s\" is no setting: there are default-profile, default-allow, max-age-days, max-size-mb",
			    shown);
}

static void show_one(char **managed, gsize i, const char *text)
{
	g_autofree char *full = g_strdup_printf(
		"%s   (%s%s)", text, keys[i].key,
		g_strv_contains((const char *const *)managed, keys[i].key) ? "; fixed by the administrator" : "");

	ng_cli_field(keys[i].label, full);
}

static void show(GVariant *settings)
{
	const char *profile = ng_dict_string(settings, "default-profile");
	const char *title = ng_profile_title(profile), *effect = ng_profile_effect(profile);
	g_auto(GStrv) allow = ng_dict_strings(settings, "default-allow");
	g_auto(GStrv) managed = ng_dict_strings(settings, "managed");
	const gint64 days = ng_dict_number(settings, "max-age-days"), size = ng_dict_number(settings, "max-size-mb");
	g_autofree char *rule = g_strdup_printf("%s: %s", title ? title : profile, effect ? effect : "");
	g_autofree char *allowed = g_strjoinv(", ", allow);
	g_autofree char *age = days ? ng_words_count(days, "day") : g_strdup("ever");
	g_autofree char *limit = size ? g_strdup_printf("%" G_GINT64_FORMAT " MB", size) : g_strdup("any size");

	ng_cli_print("Programs nobody decided on\n");
	show_one(managed, 0, rule);
	show_one(managed, 1, *allowed ? allowed : "nothing");
	ng_cli_print("Records\n");
	show_one(managed, 2, age);
	show_one(managed, 3, limit);
}

static int run_show(NgCli *cli, GError **error)
{
	g_autoptr(GVariant) settings = ng_cli_call(cli, "GetSettings", NULL, "(a{sv})", error);

	if (!settings)
		return NG_EXIT_FAILED;
	if (cli->is_json)
		ng_cli_print_json(settings);
	else
		show(settings);
	return NG_EXIT_DONE;
}

static int run(NgCli *cli, char **args, GError **error)
{
	g_auto(GVariantDict) settings = G_VARIANT_DICT_INIT(NULL), options = G_VARIANT_DICT_INIT(NULL);
	g_autoptr(GVariant) result = NULL;
	g_autofree char *closed = NULL;

	if (!args[0] && opt_reason) {
		ng_cli_usage(error, "--reason: nothing is set: add KEY=VALUE");
		return NG_EXIT_USAGE;
	}
	if (!args[0])
		return run_show(cli, error);
	for (char **arg = args; *arg; arg++) {
		if (!add_setting(&settings, *arg, error))
			return NG_EXIT_USAGE;
	}
	if (opt_reason && !ng_cli_is_utf8("--reason", opt_reason, error))
		return NG_EXIT_USAGE;
	if (opt_reason)
		g_variant_dict_insert(&options, "reason", "s", opt_reason);
	g_variant_dict_insert(&options, "origin", "s", "command");
	result = ng_cli_call(
		cli, "SetSettings",
		g_variant_new("(@a{sv}@a{sv})", g_variant_dict_end(&settings), g_variant_dict_end(&options)), "(a{sv})",
		error);
	if (!result)
		return NG_EXIT_FAILED;
	closed = ng_words_closed(ng_dict_number(result, "closed"), ng_dict_number(result, "not-closed"));
	if (cli->is_json)
		ng_cli_print_json(result);
	else
		ng_cli_print("The settings are stored%s.%s%s\n", ng_dict_is(result, "enforced") ? " and in force" : "",
			     closed ? " " : "", closed ? closed : "");
	return ng_cli_finish_change(cli, result);
}

const NgVerb ng_verb_settings = {
	.name = "settings",
	.arguments = "[KEY=VALUE]...",
	.summary = "Show or set the default and how long history is kept",
	.details = "KEY is default-profile (offline, local, online), default-allow (loopback, shared, cloud-metadata,\n"
		   "separated by commas, or nothing), max-age-days or max-size-mb (0: no limit).\n"
		   "What the administrator's netguard.conf says cannot be set here.",
	.entries = entries,
	.run = run,
};
