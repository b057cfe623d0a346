/* SPDX-License-Identifier: MIT */
/* `netguard pause DURATION`: everything is allowed for a while; the service ends it on time, whatever becomes of us. */
#include "cli/cli.h"
#include "cli/when.h"

#define MAX_SECONDS 86400

static char *opt_reason;

static const GOptionEntry entries[] = {
	{ "reason", 'r', 0, G_OPTION_ARG_FILENAME, &opt_reason, "Why; kept in the audit log", "TEXT" },
	G_OPTION_ENTRY_NULL,
};

static int run(NgCli *cli, char **args, GError **error)
{
	const gint64 seconds = ng_when_parse_duration(args[0]);
	g_autofree char *end = NULL, *done = NULL, *shown = NULL;

	if (seconds < 1 || seconds > MAX_SECONDS) {
		shown = ng_text_safe(args[0]);
		ng_cli_usage(error, "DURATION: \"%s\" is not between 1 second and 24 hours: write 90s, 10m or 2h",
			     shown);
		return NG_EXIT_USAGE;
	}
	end = ng_when_until_text(g_get_real_time() / G_USEC_PER_SEC + seconds, g_get_real_time() / G_USEC_PER_SEC);
	done = g_strdup_printf("Paused until %s: every program can reach the network. \"netguard resume\" ends it.",
			       end);
	return ng_cli_change_mode(cli, "Pause", seconds, opt_reason, done, error);
}

const NgVerb ng_verb_pause = {
	.name = "pause",
	.arguments = "DURATION",
	.summary = "Allow everything for a while, at most 24h",
	.details = "DURATION is 90s, 10m, 2h or 1h30m. The pause ends by itself, also if netguardd was restarted "
		   "meanwhile.",
	.entries = entries,
	.run = run,
};
