/* SPDX-License-Identifier: MIT */
/*
 * `netguard check`: what this kernel can enforce, what is in force, and what that means; and what `netguard run` can do
 * here, which needs no service and is told without one too.
 */
#include "cli/cli.h"
#include "cli/run-log.h"

static gboolean opt_strict;

static const GOptionEntry entries[] = {
	{ "strict", 0, 0, G_OPTION_ARG_NONE, &opt_strict,
	  "Exit with 4 if anything that enforcement needs is not in force", NULL },
	G_OPTION_ENTRY_NULL,
};

/* A capability that says needed=false is a thing apart (BPF LSM): its absence breaks no promise that is made. */
static gboolean is_all_in_force(GVariant *capabilities)
{
	const gsize n = g_variant_n_children(capabilities);

	for (gsize i = 0; i < n; i++) {
		g_autoptr(GVariant) capability = g_variant_get_child_value(capabilities, i);
		const gboolean is_needed = !ng_dict_has(capability, "needed") || ng_dict_is(capability, "needed");

		if (is_needed && !ng_dict_is(capability, "in-force"))
			return FALSE;
	}
	return n > 0; /* a guard that can name nothing has nothing in force */
}

static void show(NgCli *cli, GVariant *capabilities)
{
	static const char *const titles[] = { "State", "What", "Meaning", NULL };
	g_autoptr(NgTable) table = ng_table_new(titles);
	g_autofree char *text = NULL;

	for (gsize i = 0; i < g_variant_n_children(capabilities); i++) {
		g_autoptr(GVariant) capability = g_variant_get_child_value(capabilities, i);
		const gboolean is_in_force = ng_dict_is(capability, "in-force");
		const gboolean is_supported = ng_dict_is(capability, "supported");

		ng_table_cell(table,
			      is_in_force    ? "in force"
			      : is_supported ? "not in force"
					     : "not supported",
			      is_in_force    ? NG_TONE_GOOD
			      : is_supported ? NG_TONE_BAD
					     : NG_TONE_CARE);
		ng_table_cell(table, ng_dict_string(capability, "title"), NG_TONE_PLAIN);
		ng_table_cell(table, ng_dict_string(capability, "meaning"), NG_TONE_PLAIN);
	}
	text = ng_table_text(table, ng_text_terminal_width(), cli->use_colour);
	ng_cli_print("%s", *text ? text : "The service names nothing that it enforces.\n");
}

static void show_run(GVariant *launcher)
{
	g_autofree char *meaning = ng_text_safe(ng_dict_string(launcher, "meaning"));

	ng_cli_print("netguard run: %s\n", meaning);
}

/* The service's and the launcher's, one list. Owned by the caller. */
static GVariant *with_run(GVariant *capabilities, GVariant *launcher)
{
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE("aa{sv}"));
	for (gsize i = 0; i < g_variant_n_children(capabilities); i++) {
		g_autoptr(GVariant) capability = g_variant_get_child_value(capabilities, i);

		g_variant_builder_add_value(&builder, capability);
	}
	g_variant_builder_add_value(&builder, launcher);
	return g_variant_ref_sink(g_variant_builder_end(&builder));
}

static int run(NgCli *cli, char **args, GError **error)
{
	g_autoptr(GVariant) capabilities = ng_cli_call(cli, "Check", NULL, "(aa{sv})", error);
	g_autoptr(GVariant) launcher = capabilities || !cli->is_json ? g_variant_ref_sink(ng_run_probe()) : NULL;
	g_autoptr(GVariant) all = NULL;

	if (!capabilities) {
		if (launcher)
			show_run(launcher);
		return NG_EXIT_FAILED;
	}
	if (cli->is_json) {
		all = with_run(capabilities, launcher);
		ng_cli_print_json(all);
	} else {
		show(cli, capabilities);
		ng_cli_print("\n");
		show_run(launcher);
	}
	return opt_strict && !is_all_in_force(capabilities) ? NG_EXIT_NOT_IN_FORCE : NG_EXIT_DONE;
}

const NgVerb ng_verb_check = {
	.name = "check",
	.arguments = "",
	.summary = "What this machine can enforce, what is in force, what that means",
	.details = "The last line is about \"netguard run\", which needs no service: which rung of confinement this "
		   "machine\n"
		   "gives it. See \"man netguard-run\".",
	.entries = entries,
	.run = run,
};
