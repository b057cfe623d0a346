/* SPDX-License-Identifier: MIT */
/* `netguard reload`: read all application files again now, and say what is wrong with them. */
#include "cli/cli.h"

static int run(NgCli *cli, char **args, GError **error)
{
	g_autoptr(GVariant) result = ng_cli_call(cli, "Reload", NULL, "(a{sv})", error);
	g_autoptr(GVariant) problems = NULL;
	g_autofree char *closed = NULL, *count = NULL;
	gsize n;

	if (!result)
		return NG_EXIT_FAILED;
	if (cli->is_json) {
		ng_cli_print_json(result);
		return ng_cli_finish_change(cli, result);
	}
	problems = g_variant_lookup_value(result, "problems", G_VARIANT_TYPE("aa{sv}"));
	n = problems ? g_variant_n_children(problems) : 0;
	count = ng_words_count((gint64)n, "problem");
	closed = ng_words_closed(ng_dict_number(result, "closed"), 0);
	ng_cli_print("All application files were read again: %s.%s%s\n", n ? count : "no problem", closed ? " " : "",
		     closed ? closed : "");
	ng_show_problems(result);
	return ng_cli_finish_change(cli, result);
}

const NgVerb ng_verb_reload = {
	.name = "reload",
	.arguments = "",
	.summary = "Read all application files again now",
	.details = "The service sees changes by itself; this is for when you want to know at once that it did.",
	.run = run,
};
