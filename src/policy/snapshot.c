/* SPDX-License-Identifier: MIT */
/*
 * The last good state of every file as one text, so that a file damaged while the service is down still keeps what it
 * said. Runs in the engine, without privilege.
 *
 *     netguard-policy 1
 *     LAYER ID LENGTH
 *     ...LENGTH bytes of application file, then a line end; and so on, sorted by layer and id
 *
 * The text is our own but was on disk: it is read as if it were anybody's, and from the first thing that is not as
 * written here the rest is left out. Nothing worse can follow than that a damaged file has no last good state.
 */
#include <string.h>

#include "policy/private.h"

#define FIRST_LINE "netguard-policy 1\n"

static int compare_text(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char *ng_policy_snapshot(NgPolicy *policy)
{
	GString *text = g_string_new(FIRST_LINE);

	for (guint layer = 0; layer < NG_LAYERS; layer++) {
		guint n = 0;
		g_autofree char **ids = (char **)g_hash_table_get_keys_as_array(policy->files[layer], &n);

		qsort(ids, n, sizeof(*ids), compare_text);
		for (guint i = 0; i < n; i++) {
			const NgPolicyFile *file = g_hash_table_lookup(policy->files[layer], ids[i]);
			g_autofree char *one = file->app ? ng_policy_app_text(file->app) : NULL;

			if (one)
				g_string_append_printf(text, "%u %s %" G_GSIZE_FORMAT "\n%s\n", layer, ids[i],
						       strlen(one), one);
		}
	}
	return g_string_free(text, FALSE);
}

/* One record at *at; FALSE: there is none. */
static gboolean remember_one(NgPolicy *policy, const char **at)
{
	const char *end = strchr(*at, '\n');
	g_autofree char *line = end ? g_strndup(*at, (gsize)(end - *at)) : NULL;
	g_auto(GStrv) words = line ? g_strsplit(line, " ", 4) : NULL;
	g_autoptr(NgPolicyApp) app = NULL;
	NgKeyfilePlace place = { 0, 0 };
	NgPolicyFile *file = NULL;
	guint64 layer = 0, length = 0;
	guint executable_line = 0;

	if (!words || g_strv_length(words) != 3 || !ng_policy_is_id(words[1]) ||
	    !g_ascii_string_to_unsigned(words[0], 10, 0, NG_LAYERS - 1, &layer, NULL) ||
	    !g_ascii_string_to_unsigned(words[2], 10, 0, NG_POLICY_MAX_FILE, &length, NULL))
		return FALSE;
	end++;
	if (strnlen(end, length + 1) <= length || end[length] != '\n')
		return FALSE;
	app = ng_policy_app_parse_file(words[1], NULL, end, length, &place, &executable_line, NULL);
	if (!app)
		return FALSE;
	file = ng_policy_file_get(policy, (NgLayer)layer, words[1]);
	app->path = g_strdup(file->path);
	ng_policy_file_set_app(policy, file, g_steal_pointer(&app));
	*at = end + length + 1;
	return TRUE;
}

void ng_policy_remember(NgPolicy *policy, const char *snapshot)
{
	const char *at = snapshot;

	if (!snapshot || !g_str_has_prefix(snapshot, FIRST_LINE))
		return;
	at += strlen(FIRST_LINE);
	for (guint n = 0; n < NG_POLICY_MAX_APPS && remember_one(policy, &at); n++)
		;
}
