/* SPDX-License-Identifier: MIT */
/*
 * netguardd: options, and then start.c and engine.c. Stays in the foreground; ends with 0 when told to, 1 when it
 * cannot go on, 2 when the command line is wrong.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "config.h"
#include "guardd/engine.h"
#include "guardd/options.h"
#include "guardd/start.h"

static gboolean parse(NgOptions *options, int argc, char **argv, GError **error)
{
	const GOptionEntry entries[] = {
		{ "config", 0, 0, G_OPTION_ARG_FILENAME, &options->config,
		  "Settings and the administrator's application files", "DIR" },
		{ "state", 0, 0, G_OPTION_ARG_FILENAME, &options->state, "What users decided, and the history", "DIR" },
		{ "runtime", 0, 0, G_OPTION_ARG_FILENAME, &options->runtime, "The socket", "DIR" },
		{ "vendor", 0, 0, G_OPTION_ARG_FILENAME, &options->vendor, "Application files of packages", "DIR" },
		{ "cgroup", 0, 0, G_OPTION_ARG_FILENAME, &options->cgroup,
		  "Guard this control group instead of the machine", "PATH" },
		{ "user", 0, 0, G_OPTION_ARG_STRING, &options->user, "Run the engine as this user (netguard)", "NAME" },
		{ "simulate", 0, 0, G_OPTION_ARG_NONE, &options->simulate,
		  "Block nothing, report what would be blocked", NULL },
		{ "version", 0, 0, G_OPTION_ARG_NONE, &options->show_version, "Print the version", NULL },
		{ NULL, 0, 0, 0, NULL, NULL, NULL },
	};
	g_autoptr(GOptionContext) context = g_option_context_new("— decide which programs may use the network");

	g_option_context_set_summary(context,
				     "The service of Network Guard. Without root it simulates: nothing is blocked.");
	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, &argc, &argv, error))
		return FALSE;
	if (argc > 1) {
		g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "“%s” is not an option", argv[1]);
		return FALSE;
	}
	return TRUE;
}

static void set_default(char **path, char *value)
{
	if (*path) {
		/* One name for one place, whatever the working folder will be. */
		g_autofree char *given = *path;

		*path = g_canonicalize_filename(given, NULL);
		g_free(value);
	} else {
		*path = value;
	}
}

static char *default_user_runtime(void)
{
	const char *runtime = g_getenv("XDG_RUNTIME_DIR");

	if (runtime && g_path_is_absolute(runtime))
		return g_build_filename(runtime, "netguard", NULL);
	return g_strdup_printf("/tmp/netguard-%u", (guint)geteuid());
}

static void complete(NgOptions *options)
{
	const gboolean is_root = geteuid() == 0;

	if (!is_root)
		options->simulate = TRUE;
	if (is_root) {
		const char *suffix = options->simulate ? "-simulation" : "";

		set_default(&options->config, g_strdup("/etc/netguard"));
		set_default(&options->state, g_strconcat("/var/lib/netguard", suffix, NULL));
		set_default(&options->runtime, g_strconcat("/run/netguard", suffix, NULL));
	} else {
		set_default(&options->config, g_build_filename(g_get_user_config_dir(), "netguard", NULL));
		set_default(&options->state, g_build_filename(g_get_user_state_dir(), "netguard", NULL));
		set_default(&options->runtime, default_user_runtime());
	}
	set_default(&options->vendor, g_strdup(NG_VENDOR_APPS_DIR));
	if (!options->user)
		options->user = g_strdup(is_root ? "netguard" : g_get_user_name());
}

static void options_done(NgOptions *options)
{
	g_free(options->config);
	g_free(options->state);
	g_free(options->runtime);
	g_free(options->vendor);
	g_free(options->cgroup);
	g_free(options->user);
}

int main(int argc, char **argv)
{
	NgOptions options = { 0 };
	NgStart start;
	g_autoptr(GError) error = NULL;
	int exit_code;

	signal(SIGPIPE, SIG_IGN);
	if (!parse(&options, argc, argv, &error)) {
		g_printerr("netguardd: %s. See netguardd --help.\n", error->message);
		return 2;
	}
	if (options.show_version) {
		printf("netguardd %s\n", NG_VERSION);
		return 0;
	}
	complete(&options);
	if (options.simulate)
		g_printerr("netguardd: this is a simulation. Nothing is being blocked%s.\n",
			   geteuid() == 0 ? "" : ": blocking needs root");
	if (!ng_start(&options, &start, &error)) {
		g_printerr("netguardd: %s\n", error->message);
		options_done(&options);
		return 1;
	}
	exit_code = ng_engine_run(&options, &start);
	options_done(&options);
	return exit_code;
}
