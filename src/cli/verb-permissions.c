/* SPDX-License-Identifier: MIT */
/* `netguard permissions`: what the caller may do, and what stands between. */
#include "cli/cli.h"
#include "cli/when.h"

static const struct {
	const char *key, *title;
} rows[] = {
	{ "tighten", "Restrict a program" }, { "loosen", "Let a program reach more" },
	{ "pause", "Pause the guard" },      { "observe", "See what others do" },
	{ "audit", "Read the audit log" },   { "configure", "Change settings" },
};

static const char *words_of(const char *answer)
{
	if (g_str_equal(answer, "yes"))
		return "yes";
	if (g_str_equal(answer, "authenticate"))
		return "yes, with a password";
	return "no";
}

static void show_lock(GVariant *lock)
{
	const gint64 until = ng_dict_number(lock, "unlocked-until");
	g_autofree char *end = until ? ng_when_until_text(until, g_get_real_time() / G_USEC_PER_SEC) : NULL;
	g_autofree char *problem = ng_text_safe(ng_dict_string(lock, "problem"));

	if (*problem)
		ng_cli_print("%s\n", problem);
	else if (!ng_dict_is(lock, "set"))
		ng_cli_print("No second lock is set.\n");
	else if (end)
		ng_cli_print("The second lock is set, and open for you until %s.\n", end);
	else
		ng_cli_print("The second lock is set: loosening and pausing take its passphrase besides.\n");
}

static int run(NgCli *cli, char **args, GError **error)
{
	g_autoptr(GVariant) permissions = ng_cli_call(cli, "GetPermissions", NULL, "(a{sv})", error);
	g_autoptr(GVariant) lock = permissions ? ng_cli_call(cli, "GetLock", NULL, "(a{sv})", error) : NULL;
	g_autofree char *text = NULL;

	if (!lock)
		return NG_EXIT_FAILED;
	if (cli->is_json) {
		g_autoptr(GVariant) both = g_variant_ref_sink(
			g_variant_new_parsed("{'permissions': <%@a{sv}>, 'lock': <%@a{sv}>}", permissions, lock));

		ng_cli_print_json(both);
		return NG_EXIT_DONE;
	}
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
		ng_cli_print("  %-26s %s\n", rows[i].title, words_of(ng_dict_string(permissions, rows[i].key)));
	text = ng_text_safe(ng_dict_string(permissions, "text"));
	ng_cli_print("%s\n", text);
	show_lock(lock);
	return NG_EXIT_DONE;
}

const NgVerb ng_verb_permissions = {
	.name = "permissions",
	.arguments = "",
	.summary = "What you may do, and what takes a password",
	.run = run,
};
