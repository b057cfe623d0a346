/* SPDX-License-Identifier: MIT */
/* Audit records in words, for the application page: see app-page-texts.h. */
#include <glib/gi18n.h>
#include <json-glib/json-glib.h>
#include <pwd.h>
#include <string.h>

#include "window/app-page-texts.h"
#include "window/app.h"
#include "window/format.h"
#include "window/guard.h"

#define UID_UNKNOWN 0xffffffffu

/* What before and after say that people care about; all owned. */
typedef struct {
	gboolean is_there;
	char *profile, *children, *reason, *name, *then, *while_word;
	gint64 until;
	char **allow;
} State;

static void state_clear(State *state)
{
	g_free(state->profile);
	g_free(state->children);
	g_free(state->reason);
	g_free(state->name);
	g_free(state->then);
	g_free(state->while_word);
	g_strfreev(state->allow);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(State, state_clear)

static char *member_text(JsonObject *object, const char *name)
{
	JsonNode *node = object ? json_object_get_member(object, name) : NULL;
	const char *text = node && JSON_NODE_HOLDS_VALUE(node) ? json_node_get_string(node) : NULL;

	return g_strdup(text ? text : "");
}

static char **member_texts(JsonObject *object, const char *name)
{
	g_autoptr(GStrvBuilder) texts = g_strv_builder_new();
	JsonNode *node = object ? json_object_get_member(object, name) : NULL;
	JsonArray *array = node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;

	for (guint i = 0; array && i < json_array_get_length(array); i++) {
		JsonNode *element = json_array_get_element(array, i);
		const char *text = JSON_NODE_HOLDS_VALUE(element) ? json_node_get_string(element) : NULL;

		if (text)
			g_strv_builder_add(texts, text);
	}
	return g_strv_builder_end(texts);
}

/* A text that is no JSON object is as none: the Log page shows it as it is. */
static void state_read(State *state, const char *json)
{
	g_autoptr(JsonParser) parser = json_parser_new_immutable();
	JsonNode *root =
		*json && json_parser_load_from_data(parser, json, -1, NULL) ? json_parser_get_root(parser) : NULL;
	JsonObject *object = root && JSON_NODE_HOLDS_OBJECT(root) ? json_node_get_object(root) : NULL;
	JsonNode *until = object ? json_object_get_member(object, "until") : NULL;

	*state = (State){ .is_there = object != NULL,
			  .profile = member_text(object, "profile"),
			  .children = member_text(object, "children"),
			  .reason = member_text(object, "reason"),
			  .name = member_text(object, "name"),
			  .then = member_text(object, "then"),
			  .while_word = member_text(object, "while"),
			  .until = until && JSON_NODE_HOLDS_VALUE(until) ? json_node_get_int(until) : 0,
			  .allow = member_texts(object, "allow") };
}

static const char *profile_title(const char *word)
{
	const NgwProfile profile = ngw_profile_from_word(word);

	return profile == NGW_PROFILE_NONE ? word : ngw_profile_title(profile);
}

static void add(GPtrArray *parts, char *text)
{
	g_ptr_array_add(parts, text);
}

static void add_profile(GPtrArray *parts, const State *before, const State *after)
{
	const char *is = profile_title(after->profile);

	if (!*before->profile)
		add(parts, g_strdup_printf(_("Set to %s"), is));
	else if (!g_str_equal(before->profile, after->profile))
		add(parts, g_strdup_printf(_("Changed from %s to %s"), profile_title(before->profile), is));
}

static void add_end(GPtrArray *parts, const State *before, const State *after)
{
	g_autofree char *when = after->until > 0 ? ngw_format_when(after->until) : NULL;

	if (before->until == after->until && g_str_equal(before->while_word, after->while_word))
		return;
	if (g_str_equal(after->while_word, "running"))
		add(parts, g_strdup(_("until it quits")));
	else if (g_str_equal(after->while_word, "boot"))
		add(parts, g_strdup(_("until the computer restarts")));
	else if (when)
		add(parts, g_strdup_printf(_("until %s"), when));
	else if (parts->len == 0)
		add(parts, g_strdup_printf(_("Kept %s for good"), profile_title(after->profile)));
}

static void add_allow(GPtrArray *parts, const State *before, const State *after)
{
	for (char **entry = after->allow; *entry; entry++) {
		if (!g_strv_contains((const char *const *)before->allow, *entry))
			add(parts, g_strdup_printf(_("allowed %s"), *entry));
	}
	for (char **entry = before->allow; *entry; entry++) {
		if (!g_strv_contains((const char *const *)after->allow, *entry))
			add(parts, g_strdup_printf(_("no longer allows %s"), *entry));
	}
}

static char *set_text(const State *before, const State *after)
{
	g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(g_free);

	add_profile(parts, before, after);
	add_end(parts, before, after);
	add_allow(parts, before, after);
	if (before->is_there && !g_str_equal(before->children, after->children))
		add(parts, g_strdup(g_str_equal(after->children, "own") ? _("programs it starts stand for themselves")
									: _("programs it starts share its profile")));
	if (before->is_there && !g_str_equal(before->name, after->name))
		add(parts, g_strdup_printf(_("renamed to %s"), after->name));
	if (parts->len == 0 && !g_str_equal(before->reason, after->reason))
		add(parts, g_strdup(_("Reason changed")));
	if (parts->len == 0)
		add(parts, g_strdup_printf(_("Set to %s again"), profile_title(after->profile)));
	g_ptr_array_add(parts, NULL);
	return g_strjoinv(", ", (char **)parts->pdata);
}

/* The first letter of a sentence that may begin with any of its parts. */
static char *capital(char *text)
{
	const gunichar first = g_unichar_toupper(g_utf8_get_char(text));
	char start[7] = "";
	char *sentence;

	g_unichar_to_utf8(first, start);
	sentence = g_strconcat(start, *text ? g_utf8_next_char(text) : "", NULL);
	g_free(text);
	return sentence;
}

char *ngw_page_change_text(const char *action, const char *before, const char *after)
{
	g_auto(State) was = { 0 }, is = { 0 };

	state_read(&was, before);
	state_read(&is, after);
	if (g_str_equal(action, "approve"))
		return g_strdup(_("This version was approved"));
	if (is.is_there)
		return capital(set_text(&was, &is));
	if (was.is_there)
		return g_strdup_printf(_("Forgotten; it was %s"), profile_title(was.profile));
	return g_strdup(action);
}

/* --- records --- */

static void change_free(gpointer data)
{
	NgwPageChange *change = data;

	g_free(change->key);
	g_free(change->what);
	g_free(change->who);
	g_free(change->reason);
	g_free(change->profile);
	g_free(change);
}

static char *user_name(guint64 uid)
{
	struct passwd entry, *found = NULL;
	char buffer[4096];

	if (uid == UID_UNKNOWN)
		return NULL;
	if (getpwuid_r((uid_t)uid, &entry, buffer, sizeof(buffer), &found) == 0 && found)
		return g_utf8_make_valid(found->pw_name, -1);
	return g_strdup_printf(_("user %lu"), (gulong)uid);
}

static const struct {
	const char *word, *text;
} origins[] = {
	{ "window", N_("in the window") },        { "command", N_("with the command") },
	{ "timer", N_("its time was over") },     { "file", N_("the file was changed") },
	{ "service", N_("by the guard itself") }, { "import", N_("by an import") },
};

static char *who_text(GVariant *record)
{
	const char *origin = ngw_dict_string(record, "origin", "");
	g_autofree char *user = user_name(ngw_dict_count(record, "uid"));
	const char *how = origin;

	for (gsize i = 0; i < G_N_ELEMENTS(origins); i++) {
		if (g_str_equal(origins[i].word, origin))
			how = _(origins[i].text);
	}
	if (!user)
		return g_strdup(how);
	return *how ? g_strdup_printf("%s, %s", user, how) : g_steal_pointer(&user);
}

static NgwPageChange *change_new(GVariant *record)
{
	NgwPageChange *change = g_new0(NgwPageChange, 1);
	const char *after = ngw_dict_string(record, "after", "");
	g_auto(State) is = { 0 };

	state_read(&is, after);
	change->key = g_strdup_printf("%" G_GUINT64_FORMAT, ngw_dict_count(record, "seq"));
	change->what = ngw_page_change_text(ngw_dict_string(record, "action", ""),
					    ngw_dict_string(record, "before", ""), after);
	change->who = who_text(record);
	change->reason = g_strdup(ngw_dict_string(record, "reason", ""));
	change->profile = g_steal_pointer(&is.profile);
	change->time = ngw_dict_time(record, "time");
	return change;
}

static int compare_key(gconstpointer a, gconstpointer b)
{
	const NgwPageChange *one = *(const NgwPageChange *const *)a, *other = *(const NgwPageChange *const *)b;
	const guint64 first = g_ascii_strtoull(one->key, NULL, 10), second = g_ascii_strtoull(other->key, NULL, 10);

	return first == second ? 0 : (first > second ? -1 : 1);
}

GPtrArray *ngw_page_changes_of(GVariant *reply, const NgwPageSubject *subject, guint max, guint *ret_more)
{
	g_autoptr(GVariant) records = g_variant_get_child_value(reply, 0);
	GPtrArray *changes = g_ptr_array_new_with_free_func(change_free);

	for (gsize i = 0; *subject->id && i < g_variant_n_children(records); i++) {
		g_autoptr(GVariant) record = g_variant_get_child_value(records, i);

		if (g_str_equal(ngw_dict_string(record, "application", ""), subject->id))
			g_ptr_array_add(changes, change_new(record));
	}
	g_ptr_array_sort(changes, compare_key);
	*ret_more = changes->len > max ? changes->len - max : 0;
	if (changes->len > max)
		g_ptr_array_remove_range(changes, max, changes->len - max);
	return changes;
}
