/* SPDX-License-Identifier: MIT */
/* `netguard import`: decisions from `netguard export`, all or nothing. The service checks the document; here only its
 * size and that it is text. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/cli.h"

#define MAX_DOCUMENT (4 * 1024 * 1024)

static gboolean opt_dry_run;
static char *opt_reason;

static const GOptionEntry entries[] = {
	{ "dry-run", 'n', 0, G_OPTION_ARG_NONE, &opt_dry_run, "Only say what would change", NULL },
	{ "reason", 'r', 0, G_OPTION_ARG_FILENAME, &opt_reason, "Why; kept in the audit log", "TEXT" },
	G_OPTION_ENTRY_NULL,
};

static char *read_all(FILE *file, const char *shown, GError **error)
{
	g_autofree char *text = g_malloc(MAX_DOCUMENT + 2);
	const size_t length = fread(text, 1, MAX_DOCUMENT + 1, file);

	if (ferror(file)) {
		g_set_error(error, NG_CLI_ERROR, NG_CLI_ERROR_FAILED, "%s: %s", shown, g_strerror(errno));
		return NULL;
	}
	if (length > MAX_DOCUMENT) {
		ng_cli_usage(error, "%s: larger than 4 MiB: split it, or check that it comes from \"netguard export\"",
			     shown);
		return NULL;
	}
	if (!g_utf8_validate(text, (gssize)length, NULL)) { /* also refuses NUL */
		ng_cli_usage(error, "%s: not UTF-8 text: check that it comes from \"netguard export\"", shown);
		return NULL;
	}
	text[length] = '\0';
	return g_steal_pointer(&text);
}

static char *read_document(const char *path, GError **error)
{
	g_autofree char *shown = path ? ng_text_safe(path) : g_strdup("standard input");
	ng_auto_file file = path ? fopen(path, "re") : NULL;

	if (path && !file) {
		ng_cli_usage(error, "%s: %s", shown, g_strerror(errno));
		return NULL;
	}
	if (!path && isatty(STDIN_FILENO))
		ng_cli_note("reading from the terminal; end with Ctrl-D");
	return read_all(path ? file : stdin, shown, error);
}

static void show_ids(GVariant *result, const char *key, const char *verb)
{
	g_auto(GStrv) ids = ng_dict_strings(result, key);
	g_autofree char *count = ng_words_count(g_strv_length(ids), "application");
	g_autofree char *list = g_strjoinv(", ", ids);
	g_autofree char *safe = ng_text_safe(list);

	if (ids[0])
		ng_cli_print("%s %s: %s\n", verb, count, safe);
}

static void show(GVariant *result)
{
	g_auto(GStrv) added = ng_dict_strings(result, "added"), changed = ng_dict_strings(result, "changed");
	g_auto(GStrv) unchanged = ng_dict_strings(result, "unchanged");
	g_autofree char *same = ng_words_count(g_strv_length(unchanged), "application");
	g_autofree char *closed = ng_words_closed(ng_dict_number(result, "closed"), 0);

	show_ids(result, "added", opt_dry_run ? "Would add" : "Added");
	show_ids(result, "changed", opt_dry_run ? "Would change" : "Changed");
	if (unchanged[0])
		ng_cli_print("Unchanged: %s.\n", same);
	if (!added[0] && !changed[0])
		ng_cli_print(opt_dry_run ? "Nothing would change.\n" : "Nothing changed.\n");
	if (closed)
		ng_cli_print("%s\n", closed);
}

static int run(NgCli *cli, char **args, GError **error)
{
	g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(NULL);
	g_autofree char *document = NULL;
	g_autoptr(GVariant) result = NULL;

	if (opt_reason && !ng_cli_is_utf8("--reason", opt_reason, error))
		return NG_EXIT_USAGE;
	document = read_document(args[0] && !g_str_equal(args[0], "-") ? args[0] : NULL, error);
	if (!document)
		return NG_EXIT_FAILED;
	if (opt_reason)
		g_variant_dict_insert(&dict, "reason", "s", opt_reason);
	g_variant_dict_insert(&dict, "origin", "s", "command");
	result = ng_cli_call(cli, "Import",
			     g_variant_new("(sb@a{sv})", document, opt_dry_run, g_variant_dict_end(&dict)), "(a{sv})",
			     error);
	if (!result)
		return NG_EXIT_FAILED;
	if (cli->is_json)
		ng_cli_print_json(result);
	else
		show(result);
	return opt_dry_run ? NG_EXIT_DONE : ng_cli_finish_change(cli, result);
}

const NgVerb ng_verb_import = {
	.name = "import",
	.arguments = "[FILE]",
	.summary = "Take decisions from an export, all or nothing",
	.details = "FILE \"-\" or none: standard input.",
	.entries = entries,
	.run = run,
};
