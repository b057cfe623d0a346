/* SPDX-License-Identifier: MIT */
/* `netguard panic`: everything Offline, now, until `netguard resume`. */
#include "cli/cli.h"

static char *opt_reason;

static const GOptionEntry entries[] = {
	{ "reason", 'r', 0, G_OPTION_ARG_FILENAME, &opt_reason, "Why; kept in the audit log", "TEXT" },
	G_OPTION_ENTRY_NULL,
};

static int run(NgCli *cli, char **args, GError **error)
{
	return ng_cli_change_mode(cli, "Panic", 0, opt_reason,
				  "Panic: every program is Offline until \"netguard resume\".", error);
}

const NgVerb ng_verb_panic = {
	.name = "panic",
	.arguments = "",
	.summary = "Everything Offline until resumed",
	.details =
		"This includes a remote session: have another way in before you use it from one. It survives restarts.",
	.entries = entries,
	.run = run,
};
