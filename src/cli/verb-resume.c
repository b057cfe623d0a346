/* SPDX-License-Identifier: MIT */
/* `netguard resume`: ends pause and panic. */
#include "cli/cli.h"

static char *opt_reason;

static const GOptionEntry entries[] = {
	{ "reason", 'r', 0, G_OPTION_ARG_FILENAME, &opt_reason, "Why; kept in the audit log", "TEXT" },
	G_OPTION_ENTRY_NULL,
};

static int run(NgCli *cli, char **args, GError **error)
{
	return ng_cli_change_mode(cli, "Resume", 0, opt_reason, "Resumed: every program is held to its profile again.",
				  error);
}

const NgVerb ng_verb_resume = {
	.name = "resume",
	.arguments = "",
	.summary = "End pause and panic",
	.entries = entries,
	.run = run,
};
