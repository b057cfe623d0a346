/* SPDX-License-Identifier: MIT */
/* `netguard log`: past attempts, newest first; of the guard, or of a file that `netguard run --log` wrote. */
#include "cli/cli.h"
#include "cli/run-log.h"
#include "cli/when.h"

static struct {
	char *app, *since, *file;
	gboolean denied, allowed, everyone;
	int limit;
} options = { .limit = 200 };

static const GOptionEntry entries[] = {
	{ "app", 'a', 0, G_OPTION_ARG_FILENAME, &options.app, "Only of this application", "APP" },
	{ "denied", 'd', 0, G_OPTION_ARG_NONE, &options.denied, "Only what was denied", NULL },
	{ "allowed", 0, 0, G_OPTION_ARG_NONE, &options.allowed, "Only what was allowed", NULL },
	{ "everyone", 'e', 0, G_OPTION_ARG_NONE, &options.everyone, "Of everyone's programs, not only your own", NULL },
	{ "since", 's', 0, G_OPTION_ARG_FILENAME, &options.since,
	  "Only the last 1h, 2d ..., or since 2026-11-22T20:00:00Z", "WHEN" },
	{ "file", 'f', 0, G_OPTION_ARG_FILENAME, &options.file,
	  "Of this log, which \"netguard run --log\" wrote, in place of the guard's", "FILE" },
	{ "limit", 'n', 0, G_OPTION_ARG_INT, &options.limit, "At most so many, 1 to 10000 (200)", "N" },
	G_OPTION_ENTRY_NULL,
};

static GVariant *make(const char *app, gpointer user_data)
{
	return g_variant_new("(s)", app);
}

/* The id to ask for. A forgotten application still has a history, so a word nobody knows is taken as an id. */
static char *id_of(NgCli *cli, const char *word, GError **error)
{
	g_autoptr(GError) local = NULL;
	g_autoptr(GVariant) app = ng_cli_call_app(cli, "GetApp", word, FALSE, make, NULL, NULL, &local);

	if (app)
		return g_strdup(ng_dict_string(app, "id"));
	if (g_error_matches(local, NG_CLIENT_ERROR, NG_CLIENT_ERROR_UNKNOWN_APPLICATION))
		return g_strdup(word);
	g_propagate_error(error, g_steal_pointer(&local));
	return NULL;
}

/* What both logs are asked for. *ret_since: 0 for all. */
static gboolean check_options(gint64 *ret_since, GError **error)
{
	if (options.denied && options.allowed)
		return ng_cli_usage(error, "--denied and --allowed leave nothing: give one of them, or none for both");
	if (options.file && options.everyone)
		return ng_cli_usage(error,
				    "--file and --everyone contradict each other: a file has the attempts of its run");
	if (!ng_cli_limit_ok(options.limit, error))
		return FALSE;
	*ret_since = options.since ? ng_cli_since(options.since, error) : 0;
	return !options.since || *ret_since;
}

static GVariant *make_filter(NgCli *cli, gint64 since, GError **error)
{
	g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(NULL);

	if (since)
		g_variant_dict_insert(&dict, "since", "x", since);
	if (options.app) {
		g_autofree char *id = id_of(cli, options.app, error);

		if (!id)
			return NULL;
		g_variant_dict_insert(&dict, "app", "s", id);
	}
	if (options.denied || options.allowed)
		g_variant_dict_insert(&dict, "verdict", "s", options.denied ? "denied" : "allowed");
	if (options.everyone)
		g_variant_dict_insert(&dict, "everyone", "b", TRUE);
	g_variant_dict_insert(&dict, "limit", "u", (guint32)options.limit);
	return g_variant_ref_sink(g_variant_dict_end(&dict));
}

static void add_row(NgTable *table, GVariant *attempt)
{
	const char *verdict = ng_dict_string(attempt, "verdict");

	ng_table_cell_take(table, ng_when_stamp(ng_dict_number(attempt, "time")));
	ng_table_cell_take(table, g_strdup_printf("%" G_GINT64_FORMAT, ng_dict_number(attempt, "count")));
	ng_table_cell_take(table, ng_words_program(attempt));
	ng_table_cell(table, ng_words_verdict(verdict), ng_verdict_tone(verdict));
	ng_table_cell_take(table, ng_words_destination(attempt));
	ng_table_cell(table, ng_words_why(attempt), NG_TONE_PLAIN);
}

/* The command that would allow the newest of what was denied. */
static void show_tip(GVariant *attempts)
{
	for (gsize i = 0; i < g_variant_n_children(attempts); i++) {
		g_autoptr(GVariant) attempt = g_variant_get_child_value(attempts, i);
		g_autofree char *tip = ng_text_safe(ng_dict_string(attempt, "tip"));

		if (!*tip || g_str_equal(ng_dict_string(attempt, "verdict"), "allowed"))
			continue;
		if (g_str_equal(ng_dict_string(attempt, "source"), "run"))
			ng_cli_print("\nThe flag that allows the newest denied one: %s\n", tip);
		else
			ng_cli_print("\nTo allow the newest denied one: %s\n", tip);
		return;
	}
}

static void show(NgCli *cli, GVariant *attempts)
{
	static const char *const titles[] = { "Last time",   ">Times", "Application", "Verdict",
					      "Destination", "Why",    NULL };
	g_autoptr(NgTable) table = ng_table_new(titles);
	g_autofree char *text = NULL;

	for (gsize i = 0; i < g_variant_n_children(attempts); i++) {
		g_autoptr(GVariant) attempt = g_variant_get_child_value(attempts, i);

		add_row(table, attempt);
	}
	text = ng_table_text(table, ng_text_terminal_width(), cli->use_colour);
	ng_cli_print("%s", *text ? text : "No such attempt is on record.\n");
	show_tip(attempts);
}

static int run_file(NgCli *cli, gint64 since, GError **error)
{
	const NgRunLogFilter filter = { .program = options.app,
					.verdict = options.denied    ? "denied"
						   : options.allowed ? "allowed"
								     : NULL,
					.since = since,
					.limit = (guint)options.limit };
	g_autofree char *summary = NULL, *safe = NULL;
	g_autoptr(GVariant) attempts = ng_run_log_read(options.file, &filter, &summary, error);

	if (!attempts)
		return NG_EXIT_FAILED;
	if (cli->is_json) {
		ng_cli_print_json(attempts);
		return NG_EXIT_DONE;
	}
	show(cli, attempts);
	safe = ng_text_safe(summary);
	if (*safe)
		ng_cli_print("\n%s.\n", safe);
	return NG_EXIT_DONE;
}

static int run(NgCli *cli, char **args, GError **error)
{
	g_autoptr(GVariant) filter = NULL, attempts = NULL;
	gint64 since = 0;

	if (!check_options(&since, error))
		return NG_EXIT_FAILED;
	if (options.file)
		return run_file(cli, since, error);
	filter = make_filter(cli, since, error);
	if (!filter)
		return NG_EXIT_FAILED;
	attempts = ng_cli_call(cli, "GetAttempts", g_variant_new("(@a{sv})", filter), "(aa{sv})", error);
	if (!attempts)
		return NG_EXIT_FAILED;
	if (cli->is_json)
		ng_cli_print_json(attempts);
	else
		show(cli, attempts);
	return NG_EXIT_DONE;
}

const NgVerb ng_verb_log = {
	.name = "log",
	.arguments = "",
	.summary = "Attempts to use the network, newest first",
	.details = "Each user sees the attempts of their own programs, root everyone's. Attempts alike are one line "
		   "with a\n"
		   "count. In a simulation they are what would be denied.",
	.entries = entries,
	.run = run,
};
