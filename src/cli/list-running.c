/* SPDX-License-Identifier: MIT */
/* `netguard list --running`: the programs that run now, and what holds for each. */
#include <pwd.h>
#include <string.h>

#include "cli/cli.h"

/* "root, anna and more". */
static char *users_text(GVariant *program)
{
	g_autoptr(GVariant) uids = g_variant_lookup_value(program, "uids", G_VARIANT_TYPE("au"));
	GString *text = g_string_new(NULL);

	for (gsize i = 0; uids && i < g_variant_n_children(uids); i++) {
		const struct passwd *user;
		guint32 uid;

		g_variant_get_child(uids, i, "u", &uid);
		user = getpwuid(uid);
		g_string_append(text, i > 0 ? ", " : "");
		if (user)
			g_string_append(text, user->pw_name);
		else
			g_string_append_printf(text, "%u", uid);
	}
	if (ng_dict_is(program, "more-uids"))
		g_string_append(text, " and more");
	return g_string_free(text, FALSE);
}

static const char *remark(GVariant *program)
{
	if (ng_dict_is(program, "deleted"))
		return "file removed or replaced since";
	return ng_dict_is(program, "elsewhere") ? "path of another mount namespace" : "";
}

static void add_row(NgTable *table, GVariant *program)
{
	const char *path = ng_dict_string(program, "executable"), *id = ng_dict_string(program, "application");
	const char *profile = ng_dict_string(program, "profile");
	const char *title = ng_profile_title(profile) ? ng_profile_title(profile) : profile;

	ng_table_cell(table, *path ? path : ng_dict_string(program, "name"), NG_TONE_PLAIN);
	ng_table_cell(table, id, NG_TONE_PLAIN);
	if (*id)
		ng_table_cell(table, title, ng_profile_tone(profile));
	else
		ng_table_cell_take(table, g_strdup_printf("Default (%s)", title));
	ng_table_cell_take(table, g_strdup_printf("%" G_GINT64_FORMAT, ng_dict_number(program, "processes")));
	ng_table_cell_take(table, users_text(program));
	ng_table_cell(table, remark(program), NG_TONE_QUIET);
}

/* By path; what has none comes last. */
static gint compare(gconstpointer a, gconstpointer b)
{
	const char *one = ng_dict_string(*(GVariant *const *)a, "executable");
	const char *other = ng_dict_string(*(GVariant *const *)b, "executable");

	return !*one != !*other ? !*one - !*other : strcmp(one, other);
}

/* Those with this profile (NULL: all), sorted. */
static GPtrArray *choose(GVariant *programs, const char *profile)
{
	GPtrArray *chosen = g_ptr_array_new_with_free_func((GDestroyNotify)g_variant_unref);

	for (gsize i = 0; i < g_variant_n_children(programs); i++) {
		g_autoptr(GVariant) program = g_variant_get_child_value(programs, i);

		if (!profile || g_str_equal(profile, ng_dict_string(program, "profile")))
			g_ptr_array_add(chosen, g_variant_ref(program));
	}
	g_ptr_array_sort(chosen, compare);
	return chosen;
}

int ng_list_running(NgCli *cli, const char *profile, GError **error)
{
	static const char *const titles[] = { "Program",    "Application", "Profile", ">Processes",
					      "Started by", "Remarks",     NULL };
	g_autoptr(GVariant) programs = ng_cli_call(cli, "ListRunning", NULL, "(aa{sv})", error);
	g_autoptr(NgTable) table = ng_table_new(titles);
	g_autoptr(GPtrArray) chosen = NULL;
	g_autofree char *text = NULL;

	if (!programs)
		return NG_EXIT_FAILED;
	chosen = choose(programs, profile);
	if (cli->is_json) {
		g_autoptr(GVariant) list = g_variant_ref_sink(
			g_variant_new_array(G_VARIANT_TYPE_VARDICT, (GVariant *const *)chosen->pdata, chosen->len));

		ng_cli_print_json(list);
		return NG_EXIT_DONE;
	}
	for (guint i = 0; i < chosen->len; i++)
		add_row(table, g_ptr_array_index(chosen, i));
	text = ng_table_text(table, ng_text_terminal_width(), cli->use_colour);
	if (*text)
		ng_cli_print("%s", text);
	else
		ng_cli_print("No program that runs now is %s.\n", ng_profile_title(profile));
	return NG_EXIT_DONE;
}
