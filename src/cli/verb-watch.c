/* SPDX-License-Identifier: MIT */
/*
 * `netguard watch`: attempts as they happen, one a line, until interrupted or --count are told. When the service goes
 * away (restart, upgrade) it says so and asks again once a second, for as long as it takes.
 */
#include "cli/cli.h"
#include "cli/when.h"

#define RETRY_SECONDS 1

static int opt_count;
static gboolean opt_everyone;

static const GOptionEntry entries[] = {
	{ "everyone", 'e', 0, G_OPTION_ARG_NONE, &opt_everyone, "Of everyone's programs, not only your own", NULL },
	{ "count", 'n', 0, G_OPTION_ARG_INT, &opt_count, "End after so many attempts", "N" },
	G_OPTION_ENTRY_NULL,
};

typedef struct {
	NgCli *cli;
	GMainLoop *loop;
	gint64 told;
	GError *error; /* ends the loop */
} Watch;

void ng_show_attempt(NgCli *cli, GVariant *attempt)
{
	const char *verdict = ng_dict_string(attempt, "verdict");
	g_autofree char *clock = ng_when_clock(ng_dict_number(attempt, "time"));
	g_autofree char *program = ng_words_program(attempt), *destination = ng_words_destination(attempt);
	g_autofree char *safe_program = ng_text_safe(program), *safe_destination = ng_text_safe(destination);
	g_autofree char *safe_verdict = ng_text_safe(ng_words_verdict(verdict));
	g_autofree char *toned = ng_text_tone(safe_verdict, ng_verdict_tone(verdict), cli->use_colour);
	g_autofree char *why = ng_text_safe(ng_words_why(attempt));
	const gint64 count = ng_dict_number(attempt, "count"), pid = ng_dict_number(attempt, "pid");

	ng_cli_print("%s  %s  %s  %s", clock, safe_program, toned, safe_destination);
	if (pid > 0)
		ng_cli_print("  pid %d", (int)pid);
	if (count > 1)
		ng_cli_print("  %" G_GINT64_FORMAT " times", count);
	ng_cli_print("%s%s\n", *why ? "  " : "", why);
}

static void on_attempt(GVariant *attempt, gpointer user_data)
{
	Watch *watch = user_data;
	const gint64 skipped = ng_dict_number(attempt, "skipped");

	if (opt_count > 0 && watch->told >= opt_count)
		return;
	if (watch->cli->is_json) {
		g_autofree char *json = ng_text_json(attempt, FALSE);

		ng_cli_print("%s\n", json);
	} else {
		ng_show_attempt(watch->cli, attempt);
	}
	watch->told++;
	if (!ng_cli_flush(&watch->error) || (opt_count > 0 && watch->told >= opt_count))
		g_main_loop_quit(watch->loop);
	if (skipped > 0)
		ng_cli_note("%" G_GINT64_FORMAT " more attempts were left out: they came too fast", skipped);
}

static void on_changed(const char *what, gpointer user_data)
{
	Watch *watch = user_data;
	g_autoptr(GVariant) status = NULL;
	g_autofree char *summary = NULL;

	if (!g_str_equal(what, "state"))
		return;
	status = ng_cli_call(watch->cli, "GetStatus", NULL, "(a{sv})", NULL);
	summary = status ? ng_text_safe(ng_dict_string(status, "summary")) : NULL;
	if (summary && *summary)
		ng_cli_note("the state changed: %s", summary);
}

static gboolean connect_now(Watch *watch, GError **error);

static gboolean on_retry(gpointer user_data)
{
	Watch *watch = user_data;
	g_autoptr(GError) local = NULL;

	if (connect_now(watch, &local)) {
		ng_cli_note("netguardd is back");
		return G_SOURCE_REMOVE;
	}
	if (ng_cli_exit_code(local) == NG_EXIT_NOT_RUNNING)
		return G_SOURCE_CONTINUE;
	watch->error = g_steal_pointer(&local);
	g_main_loop_quit(watch->loop);
	return G_SOURCE_REMOVE;
}

/* Runs inside a callback of the client, so the client is replaced later. */
static void on_lost(gpointer user_data)
{
	ng_cli_note("netguardd went away; what is in force stays in force. Waiting for it to return");
	g_timeout_add_seconds(RETRY_SECONDS, on_retry, user_data);
}

static const NgClientListener listener = { .attempt = on_attempt, .changed = on_changed, .lost = on_lost };

static gboolean connect_now(Watch *watch, GError **error)
{
	NgClient *client;

	ng_cli_disconnect(watch->cli);
	client = ng_cli_client(watch->cli, error);
	if (client && opt_everyone) {
		g_autoptr(GVariant) reply = NULL;

		ng_client_listen(client, &listener, watch);
		reply = ng_cli_call(watch->cli, "SubscribeAll", NULL, "()", error);
		if (reply)
			return TRUE;
	} else if (client && ng_client_subscribe(client, &listener, watch, error)) {
		return TRUE;
	}
	ng_cli_disconnect(watch->cli); /* or its loss would start a second round of retries */
	return FALSE;
}

static int run(NgCli *cli, char **args, GError **error)
{
	g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
	Watch watch = { .cli = cli, .loop = loop };

	if (opt_count < 0) {
		ng_cli_usage(error, "--count: %d is not a number of attempts", opt_count);
		return NG_EXIT_USAGE;
	}
	if (!connect_now(&watch, error))
		return NG_EXIT_FAILED;
	g_main_loop_run(loop);
	if (watch.error)
		g_propagate_error(error, watch.error);
	return NG_EXIT_DONE;
}

const NgVerb ng_verb_watch = {
	.name = "watch",
	.arguments = "",
	.summary = "Attempts as they happen, one a line",
	.details = "With --json one JSON object a line. Goes on when the service restarts, and says so.",
	.entries = entries,
	.run = run,
};
