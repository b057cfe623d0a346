/* SPDX-License-Identifier: MIT */
/* `netguard set APP PROFILE`: decide, for good or for a time; says what became true and how many connections it closed.
 */
#include <string.h>

#include "cli/cli.h"
#include "cli/lookup.h"
#include "cli/when.h"

static struct {
	char *duration, *until, *then, *reason, *children, *name;
	char **allow;
	gboolean no_allow, until_quit, until_restart;
} options;

static const GOptionEntry entries[] = {
	{ "for", 'f', 0, G_OPTION_ARG_FILENAME, &options.duration, "For this long: 90s, 30m, 1h, 2d, 1h30m",
	  "DURATION" },
	{ "until", 0, 0, G_OPTION_ARG_FILENAME, &options.until, "Until then: 2026-11-22T20:00:00Z", "TIME" },
	{ "until-quit", 0, 0, G_OPTION_ARG_NONE, &options.until_quit,
	  "Until the program that runs now has quit; what starts later does not prolong it", NULL },
	{ "until-restart", 0, 0, G_OPTION_ARG_NONE, &options.until_restart, "Until this machine restarts", NULL },
	{ "then", 0, 0, G_OPTION_ARG_FILENAME, &options.then,
	  "What follows: offline, local, online, or default (forget it)", "WHAT" },
	{ "reason", 'r', 0, G_OPTION_ARG_FILENAME, &options.reason, "Why; kept in the audit log", "TEXT" },
	{ "allow", 'a', 0, G_OPTION_ARG_FILENAME_ARRAY, &options.allow,
	  "Also allow HOST[:PORT][/tcp|/udp], loopback, shared or cloud-metadata; repeatable, replaces the list",
	  "WHAT" },
	{ "no-allow", 0, 0, G_OPTION_ARG_NONE, &options.no_allow, "Empty the list of what is also allowed", NULL },
	{ "children", 0, 0, G_OPTION_ARG_FILENAME, &options.children,
	  "Programs it starts: inherit its restrictions, or answer for their own", "own|inherit" },
	{ "name", 0, 0, G_OPTION_ARG_FILENAME, &options.name, "The name people see", "NAME" },
	G_OPTION_ENTRY_NULL,
};

typedef struct {
	const char *profile;
	GVariant *options; /* a{sv} */
} Change;

static GVariant *make(const char *app, gpointer user_data)
{
	const Change *change = user_data;

	return g_variant_new("(ss@a{sv})", app, change->profile, change->options);
}

/* Seconds since the epoch, 0 for none, -1 with an error. */
static gint64 end_of(GError **error)
{
	/* Rounded up: what was asked to hold for two seconds holds for two seconds at least. */
	const gint64 now = (g_get_real_time() + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC;
	gint64 seconds;

	if (options.duration && options.until) {
		ng_cli_usage(error, "--for and --until say the same thing: give one of them");
		return -1;
	}
	if (options.duration) {
		seconds = ng_when_parse_duration(options.duration);
		if (seconds)
			return now + seconds;
		ng_cli_usage(error, "--for: \"%s\" is no duration: write 90s, 30m, 1h, 2d or 1h30m", options.duration);
		return -1;
	}
	if (!options.until)
		return 0;
	seconds = ng_when_parse_time(options.until);
	if (!seconds)
		ng_cli_usage(error,
			     "--until: \"%s\" is no time: write it with its zone, as 2026-11-22T20:00:00Z or +01:00",
			     options.until);
	else if (seconds <= now)
		ng_cli_usage(error, "--until: \"%s\" is over already: give a time to come", options.until);
	return seconds > now ? seconds : -1;
}

static gboolean add_time(GVariantDict *dict, GError **error)
{
	g_autofree char *then = options.then ? g_ascii_strdown(options.then, -1) : NULL;
	const char *span = options.until_quit ? "running" : options.until_restart ? "boot" : NULL;
	const gint64 until = end_of(error);

	if (until < 0)
		return FALSE;
	if ((until != 0) + options.until_quit + options.until_restart > 1)
		return ng_cli_usage(error, "--for, --until, --until-quit and --until-restart: give one of them");
	if (until)
		g_variant_dict_insert(dict, "until", "x", until);
	if (span)
		g_variant_dict_insert(dict, "while", "s", span);
	if (!then)
		return TRUE;
	if (!until && !span)
		return ng_cli_usage(error,
				    "--then: needs --for, --until, --until-quit or --until-restart, which say when");
	if (!ng_profile_title(then) && !g_str_equal(then, "default"))
		return ng_cli_usage(error, "--then: \"%s\" is none of offline, local, online, default", options.then);
	g_variant_dict_insert(dict, "then", "s", g_str_equal(then, "default") ? "" : then);
	return TRUE;
}

static gboolean add_text(GVariantDict *dict, const char *option, const char *key, const char *text, GError **error)
{
	if (!text)
		return TRUE;
	if (!ng_cli_is_utf8(option, text, error))
		return FALSE;
	g_variant_dict_insert(dict, key, "s", text);
	return TRUE;
}

static gboolean add_allow(GVariantDict *dict, GError **error)
{
	static char *nothing[] = { NULL };

	if (options.allow && options.no_allow)
		return ng_cli_usage(error, "--allow and --no-allow contradict each other: give one of them");
	for (char **allow = options.allow; allow && *allow; allow++) {
		if (!ng_cli_is_utf8("--allow", *allow, error))
			return FALSE;
		if (!**allow)
			return ng_cli_usage(error, "--allow: is empty: give an address, a prefix, or loopback");
	}
	if (options.allow || options.no_allow)
		g_variant_dict_insert(dict, "allow", "^as", options.allow ? options.allow : nothing);
	return TRUE;
}

/* The method's options, floating; NULL with an error. */
static GVariant *make_options(GError **error)
{
	g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(NULL);

	if (options.children && !g_str_equal(options.children, "own") && !g_str_equal(options.children, "inherit")) {
		ng_cli_usage(error, "--children: \"%s\" is neither own nor inherit", options.children);
		return NULL;
	}
	if (!add_time(&dict, error) || !add_allow(&dict, error) ||
	    !add_text(&dict, "--reason", "reason", options.reason, error) ||
	    !add_text(&dict, "--children", "children", options.children, error) ||
	    !add_text(&dict, "--name", "name", options.name, error))
		return NULL;
	g_variant_dict_insert(&dict, "origin", "s", "command");
	return g_variant_dict_end(&dict);
}

/* "Offline until 14:30 (in 42 min), then Online". Without --then what was before returns. */
static char *decision_text(const char *profile, GVariant *asked, GVariant *result)
{
	const gboolean is_chosen = ng_dict_has(asked, "then");
	g_autofree char *end =
		ng_words_end(asked, is_chosen ? ng_dict_string(asked, "then") : ng_dict_string(result, "before"));
	const char *title = ng_profile_title(profile) ? ng_profile_title(profile) : profile;

	if (!end)
		return g_strdup(title);
	return g_strdup_printf("%s until %s", title, end);
}

/* What it may do all the same, as a clause; "" if nothing. Owned by the caller. */
static char *exceptions_text(GVariant *result)
{
	g_auto(GStrv) allow = ng_dict_strings(result, "allow");
	const guint n = g_strv_length(allow);
	const gboolean is_own = g_str_equal(ng_dict_string(result, "children"), "own");
	GString *text = g_string_new(NULL);

	if (g_str_equal(ng_dict_string(result, "profile"), "online"))
		return g_string_free(text, FALSE);
	if (options.allow) {
		g_autofree char *all = g_strjoinv(", ", options.allow), *safe = ng_text_safe(all);

		g_string_append_printf(text, "; also allowed: %s", safe);
	} else if (n == 1) {
		g_string_append(text, ", except what its 1 allowance names");
	} else if (n > 1) {
		g_string_append_printf(text, ", except what its %u allowances name", n);
	}
	if (is_own)
		g_string_append(text, "; programs it starts answer for their own");
	return g_string_free(text, FALSE);
}

static void show(const char *word, GVariant *result, GVariant *asked)
{
	const char *profile = ng_dict_string(result, "profile");
	const char *effect = ng_profile_effect(profile);
	g_autofree char *id = ng_text_safe(ng_dict_string(result, "id"));
	g_autofree char *shown = ng_text_safe(word);
	g_autofree char *decision = decision_text(profile, asked, result);
	g_autofree char *exceptions = exceptions_text(result);
	g_autofree char *closed =
		ng_words_closed(ng_dict_number(result, "closed"), ng_dict_number(result, "not-closed"));

	if (ng_dict_is(result, "created") && strchr(word, '/'))
		ng_cli_print("New application: %s is %s.\n", id, shown);
	if (!ng_dict_is(result, "enforced")) { /* no word about an effect it does not have */
		ng_cli_print("%s is set to %s.\n", id, decision);
		return;
	}
	ng_cli_print("%s is now %s: %s%s.%s%s\n", id, decision, effect ? effect : "", exceptions, closed ? " " : "",
		     closed ? closed : "");
}

static gboolean is_profile(const char *app, const char *text, const char *profile, GError **error)
{
	if (ng_profile_title(profile))
		return TRUE;
	if (g_str_equal(profile, "default"))
		return ng_cli_usage(
			error, "PROFILE: the default holds where nothing is chosen: use \"netguard forget %s\"", app);
	return ng_cli_usage(error, "PROFILE: \"%s\" is no profile: write offline, local or online", text);
}

static int run(NgCli *cli, char **args, GError **error)
{
	g_autofree char *profile = g_ascii_strdown(args[1], -1);
	g_autofree char *word = NULL, *caveat = NULL;
	g_autoptr(GVariant) asked = NULL, result = NULL;
	Change change = { .profile = profile };

	if (!is_profile(args[0], args[1], profile, error))
		return NG_EXIT_USAGE;
	asked = make_options(error);
	if (!asked)
		return NG_EXIT_USAGE;
	change.options = g_variant_ref_sink(asked);
	result = ng_cli_call_app(cli, "SetProfile", args[0], TRUE, make, &change, &word, error);
	if (!result)
		return NG_EXIT_FAILED;
	if (cli->is_json)
		ng_cli_print_json(result);
	else
		show(word, result, asked);
	caveat = *word == '/' && !strpbrk(word, "*?[") ? ng_lookup_caveat(word) : NULL;
	if (caveat) {
		g_autofree char *safe = ng_text_safe(caveat);

		ng_cli_note("warning: %s", safe);
	}
	return ng_cli_finish_change(cli, result);
}

const NgVerb ng_verb_set = {
	.name = "set",
	.arguments = "APP PROFILE",
	.summary = "Decide: APP is offline, local or online",
	.details = "Local means: this machine and devices on your own network.\n"
		   "Connections that are open and no longer allowed are closed; their number is told.\n"
		   "An APP that is not known yet is made from its path or command.",
	.entries = entries,
	.run = run,
};
