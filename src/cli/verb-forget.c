/* SPDX-License-Identifier: MIT */
/* `netguard forget APP`: take the decision back; a vendor's preset or the default holds again. */
#include "cli/cli.h"

static char *opt_reason;

static const GOptionEntry entries[] = {
	{ "reason", 'r', 0, G_OPTION_ARG_FILENAME, &opt_reason, "Why; kept in the audit log", "TEXT" },
	G_OPTION_ENTRY_NULL,
};

static GVariant *make(const char *app, gpointer user_data)
{
	g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(NULL);

	if (opt_reason)
		g_variant_dict_insert(&dict, "reason", "s", opt_reason);
	g_variant_dict_insert(&dict, "origin", "s", "command");
	return g_variant_new("(s@a{sv})", app, g_variant_dict_end(&dict));
}

static void show(GVariant *result)
{
	const char *now = ng_dict_string(result, "now");
	const char *title = ng_profile_title(now), *effect = ng_profile_effect(now);
	g_autofree char *id = ng_text_safe(ng_dict_string(result, "id"));
	g_autofree char *closed = ng_words_closed(ng_dict_number(result, "closed"), 0);

	if (title && ng_dict_is(result, "enforced"))
		ng_cli_print("%s is forgotten: %s holds for it now, %s.%s%s\n", id, title, effect, closed ? " " : "",
			     closed ? closed : "");
	else
		ng_cli_print("%s is forgotten.\n", id);
}

static int run(NgCli *cli, char **args, GError **error)
{
	g_autoptr(GVariant) result = NULL;

	if (opt_reason && !ng_cli_is_utf8("--reason", opt_reason, error))
		return NG_EXIT_USAGE;
	result = ng_cli_call_app(cli, "Forget", args[0], FALSE, make, NULL, NULL, error);
	if (!result)
		return NG_EXIT_FAILED;
	if (cli->is_json)
		ng_cli_print_json(result);
	else
		show(result);
	return ng_cli_finish_change(cli, result);
}

const NgVerb ng_verb_forget = {
	.name = "forget",
	.arguments = "APP",
	.summary = "Take the decision back; the default holds again",
	.details = "What a package's or the administrator's file says about the application stays in force.",
	.entries = entries,
	.run = run,
};
