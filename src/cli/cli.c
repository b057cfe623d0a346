/* SPDX-License-Identifier: MIT */
/* What the verbs share: contract in cli.h. */
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "cli/ask.h"
#include "cli/lookup.h"
#include "cli/when.h"

#define FIELD_WIDTH 14

GQuark ng_cli_error_quark(void)
{
	return g_quark_from_static_string("ng-cli-error-quark");
}

/* --- the service --- */

NgClient *ng_cli_client(NgCli *cli, GError **error)
{
	if (cli->client)
		return cli->client;
	cli->client = ng_client_new(cli->runtime, error);
	/* On the bus polkit may ask whoever is here. Root is never asked. */
	if (cli->client && ng_client_bus_name(cli->client) && geteuid() != 0 && ng_ask_is_possible())
		ng_client_set_interactive(cli->client, TRUE);
	return cli->client;
}

void ng_cli_disconnect(NgCli *cli)
{
	ng_agent_stop();
	g_clear_pointer(&cli->client, ng_client_free);
}

/* What polkit may ask about: its agent is there by then. */
static gboolean may_be_asked_about(const char *method, GVariant *parameters)
{
	static const char *const methods[] = { "SetProfile",
					       "Forget",
					       "Pause",
					       "Resume",
					       "Panic",
					       "Import",
					       "Reload",
					       "SetLock",
					       "SetSettings",
					       "Approve",
					       "GetAudit",
					       "VerifyAudit",
					       "GetAllConnections",
					       "SubscribeAll",
					       NULL };

	if (g_str_equal(method, "GetAttempts")) {
		g_autoptr(GVariant) filter = g_variant_get_child_value(parameters, 0);

		return ng_dict_is(filter, "everyone");
	}
	return g_strv_contains(methods, method);
}

static gboolean has_options(GVariant *parameters)
{
	const char *type = parameters ? g_variant_get_type_string(parameters) : "";

	return g_str_has_suffix(type, "a{sv})");
}

/* The same with the passphrase among the options, which are the last argument. Floating. */
static GVariant *with_passphrase(GVariant *parameters, const char *passphrase)
{
	const gsize n = g_variant_n_children(parameters);
	g_autoptr(GVariant) last = g_variant_get_child_value(parameters, n - 1);
	GVariantBuilder builder;
	GVariantDict dict;

	g_variant_dict_init(&dict, last);
	g_variant_dict_insert(&dict, "passphrase", "s", passphrase);
	g_variant_builder_init(&builder, G_VARIANT_TYPE_TUPLE);
	for (gsize i = 0; i + 1 < n; i++) {
		g_autoptr(GVariant) child = g_variant_get_child_value(parameters, i);

		g_variant_builder_add_value(&builder, child);
	}
	g_variant_builder_add_value(&builder, g_variant_dict_end(&dict));
	return g_variant_builder_end(&builder);
}

static GVariant *call_once(NgCli *cli, const char *method, GVariant *parameters, const char *reply_type, GError **error)
{
	const gboolean is_long = g_str_equal(method, "Import") || g_str_equal(method, "Reload");
	g_autoptr(GVariant) reply =
		ng_client_call(cli->client, method, parameters, reply_type,
			       is_long ? NG_CLIENT_LONG_CALL_TIMEOUT_MS : NG_CLIENT_CALL_TIMEOUT_MS, error);

	if (!reply)
		return NULL;
	return g_variant_n_children(reply) > 0 ? g_variant_get_child_value(reply, 0) : g_steal_pointer(&reply);
}

GVariant *ng_cli_call(NgCli *cli, const char *method, GVariant *parameters, const char *reply_type, GError **error)
{
	g_autoptr(GVariant) sunk = parameters ? g_variant_ref_sink(parameters) : NULL, again = NULL;
	g_autoptr(GError) local = NULL;
	g_autoptr(NgSecret) passphrase = NULL;
	GVariant *reply;

	if (!ng_cli_client(cli, error))
		return NULL;
	if (ng_client_bus_name(cli->client) && geteuid() != 0 && ng_ask_is_possible() &&
	    may_be_asked_about(method, sunk))
		ng_agent_start();
	reply = call_once(cli, method, sunk, reply_type, &local);
	if (g_error_matches(local, NG_CLIENT_ERROR, NG_CLIENT_ERROR_LOCKED) && ng_ask_is_possible() &&
	    has_options(sunk)) {
		g_clear_error(&local);
		passphrase = ng_ask_passphrase("Passphrase of the second lock: ", error);
		if (!passphrase)
			return NULL;
		again = g_variant_ref_sink(with_passphrase(sunk, passphrase));
		reply = call_once(cli, method, again, reply_type, &local);
	}
	if (local)
		g_propagate_error(error, g_steal_pointer(&local));
	return reply;
}

/* --- naming an application --- */

static void add_spelling(GPtrArray *spellings, const char *path)
{
	if (path && !g_ptr_array_find_with_equal_func(spellings, path, g_str_equal, NULL))
		g_ptr_array_add(spellings, g_strdup(path));
}

/* The paths that `word` may mean, the best first. */
static GPtrArray *paths_of(const char *word)
{
	GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *found = strchr(word, '/') ? g_strdup(word) : ng_lookup_command(word, g_getenv("PATH"));
	g_autofree char *absolute = found ? ng_lookup_absolute(found) : NULL;

	add_spelling(paths, absolute);
	if (found && *found == '/' &&
	    !g_str_has_suffix(found, "/")) /* as written: the service may know it so; or a glob */
		add_spelling(paths, found);
	return paths;
}

/* The nearest id or name the service has, or NULL. Owned by the caller. */
static char *suggest(NgCli *cli, const char *word)
{
	g_autoptr(GVariant) apps = ng_cli_call(cli, "ListApps", NULL, "(aa{sv})", NULL);
	g_autoptr(GPtrArray) words = g_ptr_array_new();

	for (gsize i = 0; apps && i < g_variant_n_children(apps); i++) {
		g_autoptr(GVariant) app = g_variant_get_child_value(apps, i);

		g_ptr_array_add(words, (gpointer)ng_dict_string(app, "id")); /* lives as long as apps */
		g_ptr_array_add(words, (gpointer)ng_dict_string(app, "name"));
	}
	g_ptr_array_add(words, NULL);
	return g_strdup(ng_lookup_nearest(word, (const char *const *)words->pdata));
}

static void say_unknown(NgCli *cli, const char *word, gboolean may_create, GError **error)
{
	g_autofree char *nearest = suggest(cli, word);
	g_autofree char *shown = ng_text_safe(word);
	g_autofree char *shown_nearest = ng_text_safe(nearest);

	if (nearest)
		g_set_error(error, NG_CLIENT_ERROR, NG_CLIENT_ERROR_UNKNOWN_APPLICATION,
			    "APP: nothing is called \"%s\": did you mean \"%s\"?", shown, shown_nearest);
	else if (may_create && strchr(word, '/'))
		g_set_error(error, NG_CLIENT_ERROR, NG_CLIENT_ERROR_UNKNOWN_APPLICATION,
			    "APP: \"%s\" is not the path of a file: name the program itself, in a folder that exists",
			    shown);
	else if (may_create)
		g_set_error(
			error, NG_CLIENT_ERROR, NG_CLIENT_ERROR_UNKNOWN_APPLICATION,
			"APP: no application and no command in PATH is called \"%s\": give the program's path, or see "
			"\"netguard list\"",
			shown);
	else
		g_set_error(
			error, NG_CLIENT_ERROR, NG_CLIENT_ERROR_UNKNOWN_APPLICATION,
			"APP: nothing was decided about \"%s\", the default holds for it: see \"netguard list\", or "
			"choose with \"netguard set %s PROFILE\"",
			shown, shown);
}

/* Calls the method for one spelling. TRUE: that is the answer (a reply, or an error in *error); FALSE: not known. */
static gboolean try_spelling(NgCli *cli, const char *method, const char *app, NgCliMake make, gpointer user_data,
			     GVariant **ret_reply, GError **error)
{
	g_autoptr(GError) local = NULL;

	*ret_reply = ng_cli_call(cli, method, make(app, user_data), "(a{sv})", &local);
	if (g_error_matches(local, NG_CLIENT_ERROR, NG_CLIENT_ERROR_UNKNOWN_APPLICATION))
		return FALSE;
	if (local)
		g_propagate_error(error, g_steal_pointer(&local));
	return TRUE;
}

static GVariant *make_app(const char *app, gpointer user_data)
{
	return g_variant_new("(s)", app);
}

/* Which of several paths of one file the service has, so that no second application is made for it; else the first. */
static const char *known_path(NgCli *cli, GPtrArray *paths)
{
	for (guint i = 0; paths->len > 1 && i < paths->len; i++) {
		g_autoptr(GVariant) reply = NULL;

		if (try_spelling(cli, "GetApp", paths->pdata[i], make_app, NULL, &reply, NULL) && reply)
			return paths->pdata[i];
	}
	return paths->pdata[0];
}

GVariant *ng_cli_call_app(NgCli *cli, const char *method, const char *word, gboolean may_create, NgCliMake make,
			  gpointer user_data, char **ret_word, GError **error)
{
	g_autoptr(GPtrArray) paths = NULL;
	GVariant *reply = NULL;
	const char *taken = word;

	if (!*word) {
		ng_cli_usage(error, "APP is empty: give an id, a name, a path or a command");
		return NULL;
	}
	if (!ng_cli_is_utf8("APP", word, error))
		return NULL;
	if (!strchr(word, '/') && try_spelling(cli, method, word, make, user_data, &reply, error))
		goto out;
	paths = paths_of(word);
	if (may_create && paths->len > 0) {
		taken = known_path(cli, paths);
		if (g_file_test(taken, G_FILE_TEST_IS_DIR)) {
			g_autofree char *shown = ng_text_safe(taken);

			ng_cli_usage(error, "APP: %s is a folder: name the program inside it", shown);
			return NULL;
		}
		if (try_spelling(cli, method, taken, make, user_data, &reply, error))
			goto out;
	}
	for (guint i = 0; !may_create && i < paths->len; i++) {
		taken = paths->pdata[i];
		if (try_spelling(cli, method, taken, make, user_data, &reply, error))
			goto out;
	}
	say_unknown(cli, word, may_create, error);
	return NULL;
out:
	if (reply && ret_word)
		*ret_word = g_strdup(taken);
	return reply;
}

/* --- arguments --- */

gboolean ng_cli_usage(GError **error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (error)
		*error = g_error_new_valist(NG_CLI_ERROR, NG_CLI_ERROR_USAGE, format, args);
	va_end(args);
	return FALSE;
}

gboolean ng_cli_is_utf8(const char *what, const char *text, GError **error)
{
	g_autofree char *shown = NULL;

	if (g_utf8_validate(text, -1, NULL))
		return TRUE;
	shown = ng_text_safe(text);
	return ng_cli_usage(error, "%s: \"%s\" is not UTF-8 text, and only such can be sent to the service", what,
			    shown);
}

gint64 ng_cli_since(const char *text, GError **error)
{
	const gint64 now = g_get_real_time() / G_USEC_PER_SEC;
	const gint64 duration = ng_when_parse_duration(text);
	const gint64 time = duration ? MAX(now - duration, 1) : ng_when_parse_time(text);

	if (!time) {
		g_autofree char *shown = ng_text_safe(text);

		ng_cli_usage(error,
			     "--since: \"%s\" is no time: write how long ago (30m, 1h, 2d) or a time with its zone "
			     "(2026-11-22T20:00:00Z)",
			     shown);
	}
	return time;
}

gboolean ng_cli_limit_ok(int limit, GError **error)
{
	if (limit >= 1 && limit <= 10000)
		return TRUE;
	return ng_cli_usage(error, "--limit: %d is not between 1 and 10000", limit);
}

/* --- answers --- */

void ng_cli_print(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stdout, format, args);
	va_end(args);
}

void ng_cli_print_json(GVariant *value)
{
	g_autofree char *json = ng_text_json(value, TRUE);

	ng_cli_print("%s\n", json);
}

void ng_cli_field(const char *label, const char *text)
{
	g_autofree char *safe = ng_text_safe(text);

	if (*safe)
		ng_cli_print("  %-*s  %s\n", FIELD_WIDTH, label, safe);
}

void ng_cli_note(const char *format, ...)
{
	va_list args;

	fflush(stdout); /* so that a terminal shows both in the order they were said */
	fputs("netguard: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

/* Why a change is not in force, where its reply does not say: what the service says of itself. Owned by the caller. */
static char *why_not_in_force(NgCli *cli)
{
	g_autoptr(GVariant) status = ng_cli_call(cli, "GetStatus", NULL, "(a{sv})", NULL);

	if (status && g_str_equal(ng_dict_string(status, "state"), "simulation"))
		return g_strdup("This is a simulation: nothing is being blocked.");
	if (status && *ng_dict_string(status, "summary"))
		return ng_text_safe(ng_dict_string(status, "summary"));
	return g_strdup("The service does not say why: see \"netguard check\".");
}

int ng_cli_finish_change(NgCli *cli, GVariant *result)
{
	const gboolean is_enforced = ng_dict_is(result, "enforced");
	g_autofree char *warning = ng_text_safe(ng_dict_string(result, "warning"));
	g_autofree char *why = is_enforced || *warning ? NULL : why_not_in_force(cli);

	if (!is_enforced)
		ng_cli_note("not in force. %s", why ? why : warning);
	else if (*warning)
		ng_cli_note("warning: %s", warning);
	return is_enforced ? NG_EXIT_DONE : NG_EXIT_NOT_IN_FORCE;
}

int ng_cli_change_mode(NgCli *cli, const char *method, gint64 seconds, const char *reason, const char *done,
		       GError **error)
{
	g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(NULL);
	g_autoptr(GVariant) result = NULL;
	g_autofree char *closed = NULL;
	GVariant *options;

	if (reason && !ng_cli_is_utf8("--reason", reason, error))
		return NG_EXIT_USAGE;
	if (reason)
		g_variant_dict_insert(&dict, "reason", "s", reason);
	g_variant_dict_insert(&dict, "origin", "s", "command");
	options = g_variant_dict_end(&dict);
	result = ng_cli_call(cli, method,
			     seconds ? g_variant_new("(u@a{sv})", (guint32)seconds, options)
				     : g_variant_new("(@a{sv})", options),
			     "(a{sv})", error);
	if (!result)
		return NG_EXIT_FAILED;
	closed = ng_words_closed(ng_dict_number(result, "closed"), 0);
	if (cli->is_json)
		ng_cli_print_json(result);
	else if (ng_dict_is(result, "enforced"))
		ng_cli_print("%s%s%s\n", done, closed ? " " : "", closed ? closed : "");
	return ng_cli_finish_change(cli, result);
}

gboolean ng_cli_flush(GError **error)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return TRUE;
	g_set_error(error, NG_CLI_ERROR, NG_CLI_ERROR_FAILED, "the answer could not be written: %s",
		    g_strerror(errno ? errno : EIO));
	return FALSE;
}

static int exit_code_of_client(int code)
{
	switch ((NgClientError)code) {
	case NG_CLIENT_ERROR_NOT_RUNNING:
	case NG_CLIENT_ERROR_NO_ANSWER:
		return NG_EXIT_NOT_RUNNING;
	case NG_CLIENT_ERROR_NOT_ALLOWED:
	case NG_CLIENT_ERROR_LOCKED:
	case NG_CLIENT_ERROR_WRONG_PASSPHRASE:
	case NG_CLIENT_ERROR_CANCELLED:
		return NG_EXIT_NOT_ALLOWED;
	case NG_CLIENT_ERROR_INVALID_ARGUMENT:
		return NG_EXIT_USAGE;
	case NG_CLIENT_ERROR_UNKNOWN_APPLICATION:
		return NG_EXIT_UNKNOWN;
	case NG_CLIENT_ERROR_NOT_ENFORCED:
		return NG_EXIT_NOT_IN_FORCE;
	case NG_CLIENT_ERROR_UNTRUSTED:
	case NG_CLIENT_ERROR_INCOMPATIBLE:
	case NG_CLIENT_ERROR_MANAGED:
	case NG_CLIENT_ERROR_CONFLICT:
	case NG_CLIENT_ERROR_LIMIT:
	case NG_CLIENT_ERROR_FAILED:
		break;
	}
	return NG_EXIT_FAILED;
}

int ng_cli_exit_code(const GError *error)
{
	if (error->domain == NG_CLIENT_ERROR)
		return exit_code_of_client(error->code);
	if (error->domain == G_OPTION_ERROR || g_error_matches(error, NG_CLI_ERROR, NG_CLI_ERROR_USAGE))
		return NG_EXIT_USAGE;
	return NG_EXIT_FAILED;
}
