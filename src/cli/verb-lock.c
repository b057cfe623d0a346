/* SPDX-License-Identifier: MIT */
/*
 * `netguard lock` and `netguard unlock`: the second lock. Passphrases are typed on the terminal, or are the lines of a
 * file or of standard input; never arguments, which every process can read.
 */
#include <errno.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/when.h"

#define DEFAULT_SECONDS (15 * 60)
#define MAX_SECONDS 86400

static struct {
	gboolean remove, now;
	char *file, *duration;
} options;

#define FILE_ENTRY                                                                                                     \
	{                                                                                                              \
		"passphrase-file", 0, 0, G_OPTION_ARG_FILENAME, &options.file,                                         \
			"Read what would be asked for from there, one a line", "FILE"                                  \
	}

static const GOptionEntry lock_entries[] = {
	{ "now", 0, 0, G_OPTION_ARG_NONE, &options.now, "Lock again what you unlocked", NULL },
	{ "remove", 0, 0, G_OPTION_ARG_NONE, &options.remove, "Remove the lock", NULL },
	FILE_ENTRY,
	G_OPTION_ENTRY_NULL,
};

static const GOptionEntry unlock_entries[] = {
	{ "for", 'f', 0, G_OPTION_ARG_FILENAME, &options.duration, "For this long: 90s, 15m, 1h (15m without it)",
	  "DURATION" },
	FILE_ENTRY,
	G_OPTION_ENTRY_NULL,
};

/* Where passphrases come from: NULL with *ret_ok TRUE is the terminal. */
static FILE *open_source(gboolean *ret_ok, GError **error)
{
	FILE *stream;

	*ret_ok = TRUE;
	if (!options.file)
		return ng_ask_is_possible() ? NULL : stdin;
	stream = fopen(options.file, "re");
	if (!stream) {
		g_autofree char *shown = ng_text_safe(options.file);

		g_set_error(error, NG_CLI_ERROR, NG_CLI_ERROR_FAILED, "--passphrase-file: %s cannot be read: %s", shown,
			    g_strerror(errno));
		*ret_ok = FALSE;
	}
	return stream;
}

static char *get(FILE *source, const char *what, const char *prompt, GError **error)
{
	char *text = source ? ng_ask_line(source, what, error) : ng_ask_passphrase(prompt, error);

	if (text && !g_utf8_validate(text, -1, NULL)) {
		ng_secret_free(text);
		ng_cli_usage(error, "%s is not UTF-8 text, and only such can be sent to the service", what);
		return NULL;
	}
	return text;
}

/* Twice on a terminal, where it cannot be seen. */
static char *get_new(FILE *source, GError **error)
{
	g_autoptr(NgSecret) text = get(source, "the new passphrase", "New passphrase: ", error);
	g_autoptr(NgSecret) again = NULL;

	if (!text)
		return NULL;
	if (!source) {
		again = ng_ask_passphrase("The same again: ", error);
		if (!again)
			return NULL;
		if (!g_str_equal(text, again)) {
			ng_cli_usage(error, "the two are not the same: nothing was changed");
			return NULL;
		}
	}
	if (!*text) {
		ng_cli_usage(error, "the passphrase is empty: give 8 to 1024 bytes, or remove the lock with --remove");
		return NULL;
	}
	return g_steal_pointer(&text);
}

static int show_lock(NgCli *cli, const char *said, GError **error)
{
	g_autoptr(GVariant) lock = NULL;

	if (!cli->is_json) {
		ng_cli_print("%s\n", said);
		return NG_EXIT_DONE;
	}
	lock = ng_cli_call(cli, "GetLock", NULL, "(a{sv})", error);
	if (!lock)
		return NG_EXIT_FAILED;
	ng_cli_print_json(lock);
	return NG_EXIT_DONE;
}

static int set_lock(NgCli *cli, FILE *source, gboolean is_set, GError **error)
{
	g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(NULL);
	g_autoptr(NgSecret) old = NULL, next = NULL;
	g_autoptr(GVariant) done = NULL;

	old = is_set ? get(source, "the present passphrase", "Present passphrase: ", error) : g_strdup("");
	if (!old)
		return NG_EXIT_FAILED;
	next = options.remove ? g_strdup("") : get_new(source, error);
	if (!next)
		return NG_EXIT_FAILED;
	g_variant_dict_insert(&dict, "origin", "s", "command");
	done = ng_cli_call(cli, "SetLock", g_variant_new("(ss@a{sv})", old, next, g_variant_dict_end(&dict)), "()",
			   error);
	if (!done)
		return NG_EXIT_FAILED;
	if (options.remove)
		return show_lock(cli, "The second lock is removed.", error);
	return show_lock(cli,
			 "The second lock is set: loosening anything takes this passphrase now, of root too.\n"
			 "If it is forgotten, root can remove the lock by removing its file (see man netguardd).",
			 error);
}

static int run_lock(NgCli *cli, char **args, GError **error)
{
	g_autoptr(GVariant) lock = NULL, done = NULL;
	gboolean is_open;
	FILE *source;
	int code;

	if (options.now && options.remove) {
		ng_cli_usage(error, "--now and --remove are two things: give one of them");
		return NG_EXIT_USAGE;
	}
	lock = ng_cli_call(cli, "GetLock", NULL, "(a{sv})", error);
	if (!lock)
		return NG_EXIT_FAILED;
	if ((options.now || options.remove) && !ng_dict_is(lock, "set")) {
		g_set_error(error, NG_CLI_ERROR, NG_CLI_ERROR_FAILED,
			    "no second lock is set: set one with \"netguard lock\"");
		return NG_EXIT_FAILED;
	}
	if (options.now) {
		done = ng_cli_call(cli, "Lock", NULL, "()", error);
		return done ? show_lock(cli, "Locked: loosening takes the passphrase.", error) : NG_EXIT_FAILED;
	}
	source = open_source(&is_open, error);
	if (!is_open)
		return NG_EXIT_FAILED;
	code = set_lock(cli, source, ng_dict_is(lock, "set"), error);
	if (source && source != stdin)
		fclose(source);
	return code;
}

static int unlock(NgCli *cli, FILE *source, guint32 seconds, GError **error)
{
	g_autoptr(NgSecret) passphrase = get(source, "the passphrase", "Passphrase of the second lock: ", error);
	g_autoptr(GVariant) result = NULL;
	g_autofree char *end = NULL;

	if (!passphrase)
		return NG_EXIT_FAILED;
	result = ng_cli_call(cli, "Unlock", g_variant_new("(su)", passphrase, seconds), "(a{sv})", error);
	if (!result)
		return NG_EXIT_FAILED;
	end = ng_when_until_text(ng_dict_number(result, "unlocked-until"), g_get_real_time() / G_USEC_PER_SEC);
	if (cli->is_json)
		ng_cli_print_json(result);
	else
		ng_cli_print("Unlocked for you until %s. \"netguard lock --now\" ends it.\n", end);
	return NG_EXIT_DONE;
}

static int run_unlock(NgCli *cli, char **args, GError **error)
{
	const gint64 seconds = options.duration ? ng_when_parse_duration(options.duration) : DEFAULT_SECONDS;
	gboolean is_open;
	FILE *source;
	int code;

	if (seconds < 1 || seconds > MAX_SECONDS) {
		g_autofree char *shown = ng_text_safe(options.duration);

		ng_cli_usage(error, "--for: \"%s\" is not between 1 second and 24 hours: write 90s, 15m or 1h", shown);
		return NG_EXIT_USAGE;
	}
	source = open_source(&is_open, error);
	if (!is_open)
		return NG_EXIT_FAILED;
	code = unlock(cli, source, (guint32)seconds, error);
	if (source && source != stdin)
		fclose(source);
	return code;
}

const NgVerb ng_verb_lock = {
	.name = "lock",
	.arguments = "",
	.summary = "Set a passphrase that loosening takes besides",
	.details = "Without options it sets the second lock, or changes its passphrase. It asks on the terminal; where "
		   "there is\nnone it reads standard input: the present passphrase where one is set, then the new one, "
		   "one a line.\n"
		   "Root can undo the lock: it keeps people apart who share a computer, not root out.",
	.entries = lock_entries,
	.run = run_lock,
};

const NgVerb ng_verb_unlock = {
	.name = "unlock",
	.arguments = "",
	.summary = "Loosen without the passphrase for a while",
	.details = "For you alone, until the time is over, the service restarts, or \"netguard lock --now\".",
	.entries = unlock_entries,
	.run = run_unlock,
};
