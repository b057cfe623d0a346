/* SPDX-License-Identifier: MIT */
/* `netguard get APP`: all that is known of one application. */
#include "cli/cli.h"
#include "cli/when.h"

static GVariant *make(const char *app, gpointer user_data)
{
	return g_variant_new("(s)", app);
}

static void show_profile(GVariant *app)
{
	const char *profile = ng_dict_string(app, "profile");
	const char *title = ng_profile_title(profile);
	g_autofree char *text =
		title ? g_strdup_printf("%s: %s", title, ng_profile_effect(profile)) : g_strdup(profile);
	g_autofree char *end = ng_words_end(app, ng_dict_string(app, "then"));

	ng_cli_field("Profile", text);
	if (end)
		ng_cli_field("Until", end);
}

static void show_each(GVariant *app, const char *key, const char *label)
{
	g_auto(GStrv) texts = ng_dict_strings(app, key);

	for (char **text = texts; *text; text++)
		ng_cli_field(text == texts ? label : "", *text);
}

static void show_traffic(GVariant *app)
{
	g_autofree char *sent = ng_words_bytes(ng_dict_number(app, "tx-bytes"));
	g_autofree char *received = ng_words_bytes(ng_dict_number(app, "rx-bytes"));
	g_autofree char *traffic = g_strdup_printf("%s sent, %s received", sent, received);
	g_autofree char *verdicts = g_strdup_printf(
		"%" G_GINT64_FORMAT " allowed, %" G_GINT64_FORMAT " denied (today %" G_GINT64_FORMAT ")",
		ng_dict_number(app, "allowed"), ng_dict_number(app, "denied"), ng_dict_number(app, "denied-today"));

	if (!ng_dict_has(app, "tx-bytes")) /* only root is told */
		return;
	ng_cli_field("Traffic", traffic);
	ng_cli_field("Uses", verdicts);
}

/* Which file was meant, and whether it still is that one. */
static void show_fingerprint(GVariant *app)
{
	const gint64 approved = ng_dict_number(app, "approved");
	g_auto(GStrv) changed = ng_dict_strings(app, "changed");
	g_autofree char *when = approved ? ng_when_stamp(approved) : NULL;

	ng_cli_field("Fingerprint", ng_dict_string(app, "fingerprint"));
	if (when)
		ng_cli_field("Approved", when);
	show_each(app, "changed", "Changed");
	if (changed[0])
		ng_cli_field("", "(not what was approved; the profile holds all the same. See \"netguard approve\")");
}

static int run(NgCli *cli, char **args, GError **error)
{
	g_autoptr(GVariant) app = ng_cli_call_app(cli, "GetApp", args[0], FALSE, make, NULL, NULL, error);
	g_auto(GStrv) flags = NULL, found = NULL;
	g_autofree char *id = NULL;

	if (!app)
		return NG_EXIT_FAILED;
	if (cli->is_json) {
		ng_cli_print_json(app);
		return NG_EXIT_DONE;
	}
	id = ng_text_safe(ng_dict_string(app, "id"));
	flags = ng_dict_strings(app, "flags");
	found = ng_dict_strings(app, "found");
	ng_cli_print("%s\n", id);
	ng_cli_field("Name", ng_dict_string(app, "name"));
	show_profile(app);
	show_each(app, "allow", "Allowed too");
	if (g_strv_contains((const char *const *)flags, "children-own"))
		ng_cli_field("Children", "own: programs it starts are judged by their own rules alone");
	show_each(app, "executables", "Program");
	if (ng_dict_has(app, "found") && !found[0])
		ng_cli_field("", "(no such file now; the rule waits for it)");
	show_fingerprint(app);
	ng_cli_field("Reason", ng_dict_string(app, "reason"));
	ng_cli_field("Decided by", ng_dict_string(app, "layer"));
	ng_cli_field("File", ng_dict_string(app, "path"));
	show_traffic(app);
	return NG_EXIT_DONE;
}

const NgVerb ng_verb_get = {
	.name = "get",
	.arguments = "APP",
	.summary = "All that is known of one application",
	.run = run,
};
