/* SPDX-License-Identifier: MIT */
/* `netguard list`: every application that was decided on, and what holds for the rest. */
#include "cli/cli.h"

static char *opt_profile;
static gboolean opt_running;

static const GOptionEntry entries[] = {
	{ "profile", 'p', 0, G_OPTION_ARG_FILENAME, &opt_profile, "Only those that are offline, local or online",
	  "PROFILE" },
	{ "running", 'r', 0, G_OPTION_ARG_NONE, &opt_running,
	  "The programs that run now instead, also those nobody decided on", NULL },
	G_OPTION_ENTRY_NULL,
};

static char *end_text(GVariant *app)
{
	char *end = ng_words_end(app, ng_dict_string(app, "then"));

	return end ? end : g_strdup("");
}

/* A few words on what is unusual about it. */
static char *remarks(GVariant *app)
{
	g_auto(GStrv) allow = ng_dict_strings(app, "allow");
	g_auto(GStrv) found = ng_dict_strings(app, "found");
	g_auto(GStrv) changed = ng_dict_strings(app, "changed");
	g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);

	if (ng_dict_is(app, "managed"))
		g_ptr_array_add(words, g_strdup("managed by the administrator"));
	else if (g_str_equal(ng_dict_string(app, "layer"), "vendor"))
		g_ptr_array_add(words, g_strdup("preset"));
	if (allow[0])
		g_ptr_array_add(
			words, allow[1] ? g_strdup_printf("allowed: %s and %u more", allow[0], g_strv_length(allow) - 1)
					: g_strdup_printf("allowed: %s", allow[0]));
	if (changed[0])
		g_ptr_array_add(words, g_strdup("program changed since it was approved"));
	if (ng_dict_has(app, "found") && !found[0])
		g_ptr_array_add(words, g_strdup("program file missing"));
	g_ptr_array_add(words, NULL);
	return g_strjoinv("; ", (char **)words->pdata);
}

static void add_row(NgTable *table, GVariant *app)
{
	const char *id = ng_dict_string(app, "id"), *name = ng_dict_string(app, "name");
	const char *profile = ng_dict_string(app, "profile");
	const char *title = ng_profile_title(profile);
	g_auto(GStrv) executables = ng_dict_strings(app, "executables");
	const gint64 denied = ng_dict_number(app, "denied-today");

	ng_table_cell(table, id, NG_TONE_PLAIN);
	ng_table_cell(table, g_ascii_strcasecmp(id, name) == 0 ? "" : name, NG_TONE_PLAIN);
	ng_table_cell(table, title ? title : profile, ng_profile_tone(profile));
	ng_table_cell_take(table, end_text(app));
	ng_table_cell_take(table, denied ? g_strdup_printf("%" G_GINT64_FORMAT, denied) : g_strdup(""));
	ng_table_cell_take(table, executables[0] && executables[1] ? g_strdup_printf("%s and %u more", executables[0],
										     g_strv_length(executables) - 1)
								   : g_strdup(executables[0] ? executables[0] : ""));
	ng_table_cell_take(table, remarks(app));
}

static void show_rest(GVariant *status)
{
	const char *profile = ng_dict_string(status, "default-profile");
	const char *effect = ng_profile_effect(profile);

	if (effect)
		ng_cli_print("\nEvery other program: Default (%s), nobody chose: %s.\n", ng_profile_title(profile),
			     effect);
	if (!ng_dict_is(status, "enforcing"))
		ng_cli_print("\n%s: nothing is being blocked.\n",
			     g_str_equal(ng_dict_string(status, "state"), "simulation") ? "Simulation"
											: "Not protecting");
}

void ng_show_list(NgCli *cli, GVariant *apps, GVariant *status, const char *profile)
{
	static const char *const titles[] = { "Application",    "Name",    "Profile", "Until",
					      ">Blocked today", "Program", "Remarks", NULL };
	g_autoptr(NgTable) table = ng_table_new(titles);
	g_autofree char *text = NULL;

	for (gsize i = 0; i < g_variant_n_children(apps); i++) {
		g_autoptr(GVariant) app = g_variant_get_child_value(apps, i);

		if (!profile || g_str_equal(profile, ng_dict_string(app, "profile")))
			add_row(table, app);
	}
	text = ng_table_text(table, ng_text_terminal_width(), cli->use_colour);
	if (*text)
		ng_cli_print("%s", text);
	else if (profile)
		ng_cli_print("No application is %s.\n", ng_profile_title(profile));
	else
		ng_cli_print(
			"No application was decided on yet. Choose with \"netguard set APP offline|local|online\".\n");
	if (status)
		show_rest(status);
}

/* The same array with fewer members. */
static GVariant *filter(GVariant *apps, const char *profile)
{
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE("aa{sv}"));
	for (gsize i = 0; i < g_variant_n_children(apps); i++) {
		g_autoptr(GVariant) app = g_variant_get_child_value(apps, i);

		if (!profile || g_str_equal(profile, ng_dict_string(app, "profile")))
			g_variant_builder_add_value(&builder, app);
	}
	return g_variant_ref_sink(g_variant_builder_end(&builder));
}

static int run(NgCli *cli, char **args, GError **error)
{
	g_autofree char *profile = opt_profile ? g_ascii_strdown(opt_profile, -1) : NULL;
	g_autoptr(GVariant) apps = NULL, status = NULL;

	if (profile && !ng_profile_title(profile)) {
		g_autofree char *shown = ng_text_safe(profile);

		ng_cli_usage(error, "--profile: \"%s\" is no profile: write offline, local or online", shown);
		return NG_EXIT_USAGE;
	}
	if (opt_running)
		return ng_list_running(cli, profile, error);
	apps = ng_cli_call(cli, "ListApps", NULL, "(aa{sv})", error);
	if (!apps)
		return NG_EXIT_FAILED;
	if (cli->is_json) {
		g_autoptr(GVariant) chosen = filter(apps, profile);

		ng_cli_print_json(chosen);
		return NG_EXIT_DONE;
	}
	status = ng_cli_call(cli, "GetStatus", NULL, "(a{sv})", error);
	if (!status)
		return NG_EXIT_FAILED;
	ng_show_list(cli, apps, status, profile);
	return NG_EXIT_DONE;
}

const NgVerb ng_verb_list = {
	.name = "list",
	.arguments = "",
	.summary = "The applications and their profiles",
	.details = "\"Default\" is what holds for programs nobody chose a profile for; it is not the same as a chosen "
		   "Online.",
	.entries = entries,
	.run = run,
};
