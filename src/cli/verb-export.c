/* SPDX-License-Identifier: MIT */
/* `netguard export`: the user's own decisions as one JSON document, for `netguard import`. */
#include <string.h>

#include "cli/cli.h"

static int run(NgCli *cli, char **args, GError **error)
{
	g_autoptr(GVariant) document = ng_cli_call(cli, "Export", NULL, "(s)", error);
	g_autofree char *safe = NULL;

	if (!document)
		return NG_EXIT_FAILED;
	safe = ng_text_json_safe(g_variant_get_string(document, NULL));
	ng_cli_print("%s%s", safe, g_str_has_suffix(safe, "\n") ? "" : "\n");
	return NG_EXIT_DONE;
}

const NgVerb ng_verb_export = {
	.name = "export",
	.arguments = "",
	.summary = "Your decisions as JSON, to standard output",
	.details = "Not the presets of packages and not what the administrator manages.",
	.run = run,
};
