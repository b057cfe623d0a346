/* SPDX-License-Identifier: MIT */
/*
 * `netguard`: the table of verbs, the options they share, and the one place where an error is told. Runs as the user.
 *
 * The shared options may stand before or after the verb: the first pass stops at the verb (strict POSIX), the second
 * reads what follows it together with the verb's own options.
 */
#include <locale.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/lookup.h"
#include "config.h"

static const NgVerb *const verbs[] = {
	&ng_verb_status,   &ng_verb_list,   &ng_verb_get,    &ng_verb_set,         &ng_verb_forget,   &ng_verb_explain,
	&ng_verb_log,      &ng_verb_watch,  &ng_verb_audit,  &ng_verb_check,       &ng_verb_pause,    &ng_verb_resume,
	&ng_verb_panic,    &ng_verb_export, &ng_verb_import, &ng_verb_reload,      &ng_verb_settings, &ng_verb_approve,
	&ng_verb_activity, &ng_verb_lock,   &ng_verb_unlock, &ng_verb_permissions, &ng_verb_run,
};

static struct {
	char *config, *state, *runtime, *cgroup;
	gboolean json, version;
} options;

static const GOptionEntry common_entries[] = {
	{ "runtime", 0, 0, G_OPTION_ARG_FILENAME, &options.runtime, "Talk to the guard whose socket is DIR/guard.sock",
	  "DIR" },
	{ "config", 0, 0, G_OPTION_ARG_FILENAME, &options.config, "Accepted as netguardd takes it; not used here",
	  "DIR" },
	{ "state", 0, 0, G_OPTION_ARG_FILENAME, &options.state, "Likewise", "DIR" },
	{ "cgroup", 0, 0, G_OPTION_ARG_FILENAME, &options.cgroup, "Likewise", "PATH" },
	{ "json", 0, 0, G_OPTION_ARG_NONE, &options.json, "Answer with a JSON document", NULL },
	{ "version", 0, 0, G_OPTION_ARG_NONE, &options.version, "Print the version and exit", NULL },
	G_OPTION_ENTRY_NULL,
};

static const char epilogue[] =
	"Profiles:\n"
	"  offline   it cannot use the network\n"
	"  local     it can reach this machine and devices on your own network\n"
	"  online    it can reach the Internet\n"
	"\n"
	"APP is an id, a name, a path, or a command found in PATH.\n"
	"\n"
	"Exit codes: 0 done; 1 failed; 2 the command line is wrong; 3 no such application; 4 decided but not in\n"
	"force, or a check failed; 5 not allowed; 6 netguardd is not running or does not answer.\n"
	"\n"
	"\"netguard VERB --help\" tells more about one verb; \"man netguard\" everything.";

static const NgVerb *find_verb(const char *name)
{
	for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++) {
		if (g_str_equal(name, verbs[i]->name))
			return verbs[i];
	}
	return NULL;
}

static GOptionContext *main_context(void)
{
	GOptionContext *context = g_option_context_new("[VERB [ARGUMENT...]]");
	g_autoptr(GString) list = g_string_new("Verbs (none: status and list):\n");

	for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++)
		g_string_append_printf(list, "  %-11s  %s\n", verbs[i]->name, verbs[i]->summary);
	g_string_append_printf(list, "\n%s", epilogue);
	g_option_context_set_summary(context, "May a program use the network? Offline, Local or Online.");
	g_option_context_set_description(context, list->str);
	g_option_context_add_main_entries(context, common_entries, NULL);
	g_option_context_set_strict_posix(context, TRUE);
	return context;
}

static GOptionContext *verb_context(const NgVerb *verb)
{
	g_autofree char *usage = g_strdup_printf("%s%s%s", verb->name, *verb->arguments ? " " : "", verb->arguments);
	GOptionContext *context = g_option_context_new(usage);

	g_option_context_set_summary(context, verb->summary);
	g_option_context_set_description(context, verb->details);
	if (verb->entries)
		g_option_context_add_main_entries(context, verb->entries, NULL);
	g_option_context_add_main_entries(context, common_entries, NULL);
	return context;
}

/* Holds the number of words against "APP PROFILE" or "APP [DESTINATION]" and names the one that is missing. */
static gboolean has_arguments(const NgVerb *verb, char **args, GError **error)
{
	g_auto(GStrv) names = g_strsplit(verb->arguments, " ", -1);
	const guint n = g_strv_length(args), n_names = g_strv_length(names);
	const gboolean is_open = n_names > 0 && g_str_has_suffix(names[n_names - 1], "...");
	const guint most = is_open ? G_MAXUINT : n_names;

	if (n > most) {
		g_autofree char *extra = ng_text_safe(args[most]);

		return ng_cli_usage(error, "\"%s\" is one argument too many%s", extra,
				    most ? ": quote an argument that has spaces" : "");
	}
	if (n < n_names && names[n][0] != '[')
		return ng_cli_usage(error, "%s is missing", names[n]);
	return TRUE;
}

static int run_verb(const NgVerb *verb, int argc, char **argv, GError **error)
{
	g_autoptr(GOptionContext) context = verb_context(verb);
	NgCli cli = { 0 };
	int code;

	if (verb->has_own_options)
		return verb->run(&cli, argv + 1, error);
	if (!g_option_context_parse(context, &argc, &argv, error))
		return NG_EXIT_USAGE;
	if (options.version) {
		ng_cli_print("netguard %s\n", NG_VERSION);
		return NG_EXIT_DONE;
	}
	if (argc > 1 && g_str_equal(argv[1], "--")) {
		argv++;
		argc--;
	}
	if (!has_arguments(verb, argv + 1, error))
		return NG_EXIT_USAGE;
	cli.runtime = options.runtime;
	cli.is_json = options.json;
	cli.use_colour = ng_text_wants_colour();
	code = verb->run(&cli, argv + 1, error);
	ng_cli_disconnect(&cli);
	return code;
}

/* `netguard` alone. */
static int run_overview(NgCli *cli, char **args, GError **error)
{
	g_autoptr(GVariant) status = ng_cli_call(cli, "GetStatus", NULL, "(a{sv})", error);
	g_autoptr(GVariant) apps = status ? ng_cli_call(cli, "ListApps", NULL, "(aa{sv})", error) : NULL;

	if (!apps)
		return NG_EXIT_FAILED;
	if (cli->is_json) {
		g_autoptr(GVariant) both = g_variant_ref_sink(
			g_variant_new_parsed("{'status': <%@a{sv}>, 'applications': <%@aa{sv}>}", status, apps));

		ng_cli_print_json(both);
		return NG_EXIT_DONE;
	}
	ng_show_status(cli, status);
	ng_cli_print("\n");
	ng_show_list(cli, apps, NULL, NULL);
	return NG_EXIT_DONE;
}

static const NgVerb overview = { .name = "", .arguments = "", .summary = "", .run = run_overview };

static void unknown_verb(const char *word, GError **error)
{
	const char *names[G_N_ELEMENTS(verbs) + 1] = { NULL };
	g_autofree char *shown = ng_text_safe(word);
	const char *nearest;

	for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++)
		names[i] = verbs[i]->name;
	nearest = ng_lookup_nearest(word, names);
	if (nearest)
		ng_cli_usage(error, "there is no verb \"%s\": did you mean \"%s\"?", shown, nearest);
	else
		ng_cli_usage(error, "there is no verb \"%s\"", shown);
}

static int run(int argc, char **argv, const char **ret_verb, GError **error)
{
	g_autoptr(GOptionContext) context = main_context();
	const NgVerb *verb = &overview;

	if (!g_option_context_parse(context, &argc, &argv, error))
		return NG_EXIT_USAGE;
	if (argc > 1) {
		verb = find_verb(argv[1]);
		if (!verb) {
			unknown_verb(argv[1], error);
			return NG_EXIT_USAGE;
		}
		argv[1] = argv[0];
		argv++;
		argc--;
		*ret_verb = verb->name;
	}
	return run_verb(verb, argc, argv, error);
}

static int tell(const GError *error, const char *verb)
{
	const int code = ng_cli_exit_code(error);
	g_autofree char *message = ng_text_safe(error->message); /* may quote what others wrote */

	ng_cli_note("%s%s%s", verb, *verb ? ": " : "", message);
	if (code == NG_EXIT_USAGE)
		fprintf(stderr, "See: netguard %s%s--help\n", verb, *verb ? " " : "");
	else if (g_error_matches(error, NG_CLIENT_ERROR, NG_CLIENT_ERROR_NOT_ALLOWED) && geteuid() != 0 &&
		 !strstr(message, "sudo"))
		fputs("This is for root: try again with sudo.\n", stderr);
	return code;
}

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	const char *verb = "";
	int code;

	setlocale(LC_ALL, "");
	g_set_prgname("netguard");
	code = run(argc, argv, &verb, &error);
	if (!error)
		ng_cli_flush(&error);
	return error ? tell(error, verb) : code;
}
