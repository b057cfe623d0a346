/* SPDX-License-Identifier: MIT */
/* `netguard approve APP`: the files that its paths lead to now are the ones meant. */
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

static int run(NgCli *cli, char **args, GError **error)
{
	g_autoptr(GVariant) result = NULL;
	g_autofree char *id = NULL;

	if (opt_reason && !ng_cli_is_utf8("--reason", opt_reason, error))
		return NG_EXIT_USAGE;
	result = ng_cli_call_app(cli, "Approve", args[0], FALSE, make, NULL, NULL, error);
	if (!result)
		return NG_EXIT_FAILED;
	id = ng_text_safe(ng_dict_string(result, "id"));
	if (cli->is_json)
		ng_cli_print_json(result);
	else
		ng_cli_print("%s: its files are approved as they are now.\n", id);
	return NG_EXIT_DONE;
}

const NgVerb ng_verb_approve = {
	.name = "approve",
	.arguments = "APP",
	.summary = "The program's files, as they are now, are the ones meant",
	.details = "A program whose files have another content than when it was decided on, or approved, is shown\n"
		   "as changed. Its profile holds for the new files all the same.",
	.entries = entries,
	.run = run,
};
