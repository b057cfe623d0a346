/* SPDX-License-Identifier: MIT */
/*
 * `netguard run`, where it did not begin with these two words: `netguard --json run ...`. `netguard` itself is the
 * launcher and starts without this program; it is here for the list of verbs too.
 */
#include <errno.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/run-log.h"

static int run(NgCli *cli, char **args, GError **error)
{
	g_autofree char *path = ng_run_find();
	g_autoptr(GPtrArray) words = g_ptr_array_new();

	g_ptr_array_add(words, (gpointer) "netguard-run");
	for (; *args; args++)
		g_ptr_array_add(words, *args);
	g_ptr_array_add(words, NULL);
	if (path)
		execv(path, (char **)words->pdata);
	else
		errno = ENOENT;
	g_set_error(error, NG_CLI_ERROR, NG_CLI_ERROR_FAILED,
		    "the launcher cannot be started: %s. Install Network Guard again", g_strerror(errno));
	return NG_EXIT_FAILED;
}

const NgVerb ng_verb_run = {
	.name = "run",
	.arguments = "-- CMD [ARGUMENT...]",
	.summary = "Confine one command and all it starts, without root",
	.has_own_options = TRUE,
	.run = run,
};
