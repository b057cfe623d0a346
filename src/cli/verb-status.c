/* SPDX-License-Identifier: MIT */
/* `netguard status`: is anything in force, and what is wrong. Never claims more than `enforcing` does. */
#include "cli/cli.h"
#include "cli/when.h"

static void show_state(NgCli *cli, GVariant *status)
{
	const char *state = ng_dict_string(status, "state");
	const char *mode = ng_dict_string(status, "mode");
	const gboolean is_enforcing = ng_dict_is(status, "enforcing");
	g_autofree char *title = NULL, *toned = NULL;
	NgTone tone = NG_TONE_BAD;

	if (g_str_equal(state, "simulation")) {
		title = g_strdup("Simulation: nothing is being blocked. What would be blocked is only reported.");
		tone = NG_TONE_CARE;
	} else if (g_str_equal(state, "paused") || g_str_equal(mode, "paused")) {
		const gint64 until = ng_dict_number(status, "paused-until");
		g_autofree char *end = until ? ng_when_until_text(until, g_get_real_time() / G_USEC_PER_SEC) : NULL;

		title = g_strdup_printf("Paused until %s: every program can reach the network.", end ? end : "resumed");
		tone = NG_TONE_CARE;
	} else if (!is_enforcing) {
		title = g_strdup("Not protecting: nothing is being blocked.");
	} else if (g_str_equal(state, "panic") || g_str_equal(mode, "panic")) {
		title = g_strdup("Panic: every program is Offline until \"netguard resume\".");
	} else if (g_str_equal(state, "protecting")) {
		title = g_strdup("Protecting.");
		tone = NG_TONE_GOOD;
	} else {
		title = g_strdup("Not protecting: the service reports a state this program does not know.");
	}
	toned = ng_text_tone(title, tone, cli->use_colour);
	ng_cli_print("%s\n", toned);
	if (!g_str_equal(state, "simulation")) /* said already */
		ng_cli_field("", ng_dict_string(status, "summary"));
}

static void show_faults(GVariant *status)
{
	g_autoptr(GVariant) faults = g_variant_lookup_value(status, "faults", G_VARIANT_TYPE("a{st}"));
	GVariantIter iter;
	const char *name;
	guint64 count;

	if (!faults)
		return;
	g_variant_iter_init(&iter, faults);
	while (g_variant_iter_next(&iter, "{&st}", &name, &count)) {
		g_autofree char *text = g_strdup_printf("%s: %" G_GUINT64_FORMAT, name, count);

		if (count > 0)
			ng_cli_field("Counted fault", text);
	}
}

void ng_show_problems(GVariant *dict)
{
	g_autoptr(GVariant) problems = g_variant_lookup_value(dict, "problems", G_VARIANT_TYPE("aa{sv}"));

	for (gsize i = 0; problems && i < g_variant_n_children(problems); i++) {
		g_autoptr(GVariant) problem = g_variant_get_child_value(problems, i);
		const gint64 line = ng_dict_number(problem, "line"), column = ng_dict_number(problem, "column");
		g_autofree char *place = line ? g_strdup_printf(":%d:%d", (int)line, (int)column) : g_strdup("");
		g_autofree char *text = g_strdup_printf(
			"%s%s: %s (%s)", ng_dict_string(problem, "path"), place, ng_dict_string(problem, "message"),
			ng_dict_is(problem, "kept") ? "its last good state is kept" : "this file is not in force");

		ng_cli_field("Problem", text);
	}
}

static void show_default(GVariant *status)
{
	const char *profile = ng_dict_string(status, "default-profile");
	g_autofree char *text =
		g_strdup_printf("Default (%s)", ng_profile_title(profile) ? ng_profile_title(profile) : "?");

	if (*profile)
		ng_cli_field("Nobody chose", text);
}

void ng_show_status(NgCli *cli, GVariant *status)
{
	g_autofree char *apps = ng_words_count(ng_dict_number(status, "applications"), "application");
	g_autofree char *programs = ng_words_count(ng_dict_number(status, "executables"), "program file");
	g_autofree char *decided = g_strdup_printf("%s, %s", apps, programs);
	g_auto(GStrv) missing = ng_dict_strings(status, "missing");
	const char *health = ng_dict_string(status, "history-health");

	show_state(cli, status);
	ng_cli_field("Version", ng_dict_string(status, "version"));
	ng_cli_field("Mechanism", ng_dict_string(status, "backend"));
	ng_cli_field("Kernel", ng_dict_string(status, "kernel"));
	ng_cli_field("Cgroup", ng_dict_string(status, "cgroup"));
	ng_cli_field("Decided", decided);
	show_default(status);
	for (char **text = missing; *text && !g_str_equal(ng_dict_string(status, "state"), "simulation"); text++)
		ng_cli_field("Not in force", *text);
	ng_show_problems(status);
	show_faults(status);
	ng_cli_field("History", health);
	if (ng_dict_has(status, "enforcer-answers") && !ng_dict_is(status, "enforcer-answers"))
		ng_cli_field("Enforcer", "does not answer: what is in force stays, changes wait; see its messages");
}

static int run(NgCli *cli, char **args, GError **error)
{
	g_autoptr(GVariant) status = ng_cli_call(cli, "GetStatus", NULL, "(a{sv})", error);

	if (!status)
		return NG_EXIT_FAILED;
	if (cli->is_json)
		ng_cli_print_json(status);
	else
		ng_show_status(cli, status);
	return NG_EXIT_DONE;
}

const NgVerb ng_verb_status = {
	.name = "status",
	.arguments = "",
	.summary = "Is anything in force, and what is wrong",
	.details = "Exits 0 whatever the state is; \"netguard check --strict\" is the one to use in scripts.",
	.run = run,
};
