/* SPDX-License-Identifier: MIT */
/*
 * Records in words: see log-words.h. `before` and `after` are JSON objects of an application, of the mode or of the
 * settings; both are read into objects and compared key by key.
 */
#include "window/log-words.h"

#include <glib/gi18n.h>
#include <json-glib/json-glib.h>
#include <string.h>

#include "window/activity-words.h"
#include "window/app.h"
#include "window/format.h"

/* Both sides of a record; NULL: no object there. */
typedef struct {
	JsonObject *before, *after;
} Sides;

static void sides_done(Sides *sides)
{
	g_clear_pointer(&sides->before, json_object_unref);
	g_clear_pointer(&sides->after, json_object_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Sides, sides_done)

static JsonObject *object_read(const char *text)
{
	g_autoptr(JsonParser) parser = json_parser_new_immutable();
	JsonNode *root;

	if (*text != '{' || !json_parser_load_from_data(parser, text, -1, NULL))
		return NULL;
	root = json_parser_get_root(parser);
	return root && JSON_NODE_HOLDS_OBJECT(root) ? json_object_ref(json_node_get_object(root)) : NULL;
}

static Sides sides_read(const NgwLogData *data)
{
	return (Sides){ object_read(data->before), object_read(data->after) };
}

/* Borrowed; "" where it is not, or no text. */
static const char *member_text(JsonObject *object, const char *key)
{
	JsonNode *node = object ? json_object_get_member(object, key) : NULL;

	return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING
		       ? json_node_get_string(node)
		       : "";
}

static gint64 member_number(JsonObject *object, const char *key)
{
	JsonNode *node = object ? json_object_get_member(object, key) : NULL;

	return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_INT64
		       ? json_node_get_int(node)
		       : 0;
}

/* A member in words that fit any key: texts as they are, lists with commas. */
static char *member_plain(JsonObject *object, const char *key)
{
	JsonNode *node = object ? json_object_get_member(object, key) : NULL;
	g_autoptr(GString) text = g_string_new(NULL);

	if (!node)
		return g_strdup("");
	if (JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING)
		return g_strdup(json_node_get_string(node));
	if (!JSON_NODE_HOLDS_ARRAY(node))
		return json_to_string(node, FALSE);
	for (guint i = 0; i < json_array_get_length(json_node_get_array(node)); i++) {
		JsonNode *element = json_array_get_element(json_node_get_array(node), i);
		g_autofree char *item =
			JSON_NODE_HOLDS_VALUE(element) && json_node_get_value_type(element) == G_TYPE_STRING
				? g_strdup(json_node_get_string(element))
				: json_to_string(element, FALSE);

		g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", item);
	}
	return g_strdup(text->str);
}

static char *profile_text(const char *word)
{
	const NgwProfile profile = ngw_profile_from_word(word);

	return g_strdup(profile == NGW_PROFILE_NONE ? word : ngw_profile_title(profile));
}

static const char *name_of(const NgwLogData *data, const Sides *sides)
{
	const char *after = member_text(sides->after, "name"), *before = member_text(sides->before, "name");

	if (*after)
		return after;
	if (*before)
		return before;
	return *data->application ? data->application : _("Applications");
}

/* --- titles --- */

static char *title_set(const NgwLogData *data, const Sides *sides)
{
	const char *before = member_text(sides->before, "profile"), *after = member_text(sides->after, "profile");
	g_autofree char *was = profile_text(before), *is = profile_text(after);
	const char *name = name_of(data, sides);

	if (*before && g_str_equal(before, after))
		return g_strdup_printf(_("%s: stays %s"), name, is);
	if (!*before && *after)
		return g_strdup_printf(_("%s: not decided → %s"), name, is);
	if (*before && *after)
		return g_strdup_printf(_("%s: %s → %s"), name, was, is);
	if (*before)
		return g_strdup_printf(_("%s: %s → forgotten"), name, was);
	return g_strdup_printf(_("%s: changed"), name);
}

static char *title_expire(const NgwLogData *data, const Sides *sides)
{
	g_autofree char *change = title_set(data, sides);

	return g_strdup_printf(_("%s, the time is over"), change);
}

static char *title_pause(const NgwLogData *data, const Sides *sides)
{
	const gint64 until = member_number(sides->after, "until");
	g_autofree char *when = ngw_format_when(until);

	return until > 0 ? g_strdup_printf(_("Paused until %s"), when) : g_strdup(_("Paused"));
}

static char *title_resume(const NgwLogData *data, const Sides *sides)
{
	const char *before = member_text(sides->before, "mode");

	if (g_str_equal(before, "panic"))
		return g_strdup(_("Resumed: not everything is Offline any more"));
	return g_strdup(g_str_equal(before, "paused") ? _("Resumed: the pause is over") : _("Resumed"));
}

static char *title_refused(const NgwLogData *data, const Sides *sides)
{
	if (!*data->after)
		return g_strdup(_("Calls were refused"));
	return g_strdup_printf(_("A call was refused: %s"), data->after);
}

static char *title_approve(const NgwLogData *data, const Sides *sides)
{
	return g_strdup_printf(_("%s: the files of now were approved"), name_of(data, sides));
}

static const struct {
	const char *action;
	char *(*title)(const NgwLogData *data, const Sides *sides);
	const char *text; /* where no function is needed */
	const char *icon; /* NULL: of the profile */
} actions[] = {
	{ "set", title_set, NULL, NULL },
	{ "forget", title_set, NULL, "edit-delete-symbolic" },
	{ "expire", title_expire, NULL, NULL },
	{ "approve", title_approve, NULL, "object-select-symbolic" },
	{ "pause", title_pause, NULL, "netguard-paused-symbolic" },
	{ "resume", title_resume, NULL, "netguard-protecting-symbolic" },
	{ "panic", NULL, N_("Everything was set Offline"), "netguard-offline-symbolic" },
	{ "import", NULL, N_("Applications were imported"), "document-open-symbolic" },
	{ "config", NULL, N_("The settings were changed"), "emblem-system-symbolic" },
	{ "settings", NULL, N_("The settings were changed"), "emblem-system-symbolic" },
	{ "refused", title_refused, NULL, "action-unavailable-symbolic" },
	{ "lock", NULL, N_("The passphrase was set, changed or removed"), "changes-prevent-symbolic" },
	{ "unlock", NULL, N_("Unlocked with the passphrase"), "changes-allow-symbolic" },
	{ "damage", NULL, N_("The history was damaged, and begun anew"), "dialog-warning-symbolic" },
	{ "gap", NULL, N_("Attempts could not be recorded"), "dialog-warning-symbolic" },
	{ "retention", NULL, N_("Records past their age were dropped"), "edit-clear-symbolic" },
};

char *ngw_log_title(const NgwLogData *data)
{
	g_auto(Sides) sides = sides_read(data);

	for (gsize i = 0; i < G_N_ELEMENTS(actions); i++) {
		if (g_str_equal(data->action, actions[i].action))
			return actions[i].title ? actions[i].title(data, &sides) : g_strdup(_(actions[i].text));
	}
	return *data->application ? g_strdup_printf("%s: %s", name_of(data, &sides), data->action)
				  : g_strdup(data->action);
}

const char *ngw_log_icon(const NgwLogData *data)
{
	g_auto(Sides) sides = { NULL, NULL };

	for (gsize i = 0; i < G_N_ELEMENTS(actions); i++) {
		if (g_str_equal(data->action, actions[i].action) && actions[i].icon)
			return actions[i].icon;
	}
	sides = sides_read(data);
	if (*member_text(sides.after, "profile"))
		return ngw_profile_icon(ngw_profile_from_word(member_text(sides.after, "profile")));
	return "document-properties-symbolic";
}

/* --- what else --- */

/* The members of a list of `object` that the one of `other` has not, with commas; NULL: none. */
static char *list_without(JsonObject *object, JsonObject *other, const char *key)
{
	g_autofree char *here = member_plain(object, key), *there = member_plain(other, key);
	g_auto(GStrv) these = g_strsplit(here, ", ", -1), others = g_strsplit(there, ", ", -1);
	g_autoptr(GString) list = g_string_new(NULL);

	for (char **text = these; *text; text++) {
		if (**text && !g_strv_contains((const char *const *)others, *text))
			g_string_append_printf(list, "%s%s", list->len ? ", " : "", *text);
	}
	return list->len > 0 ? g_strdup(list->str) : NULL;
}

static void more_allow(GPtrArray *parts, const Sides *sides, const char *key)
{
	g_autofree char *added = list_without(sides->after, sides->before, key);
	g_autofree char *removed = list_without(sides->before, sides->after, key);

	if (added)
		g_ptr_array_add(parts, g_strdup_printf(_("now also allowed: %s"), added));
	if (removed)
		g_ptr_array_add(parts, g_strdup_printf(_("no longer allowed: %s"), removed));
}

static void more_executables(GPtrArray *parts, const Sides *sides, const char *key)
{
	g_autofree char *added = list_without(sides->after, sides->before, key);
	g_autofree char *removed = list_without(sides->before, sides->after, key);

	if (added && sides->before)
		g_ptr_array_add(parts, g_strdup_printf(_("programs added: %s"), added));
	if (removed)
		g_ptr_array_add(parts, g_strdup_printf(_("programs removed: %s"), removed));
}

/* How long it holds: until, then and while belong together and are said of the new state. */
static void more_end(GPtrArray *parts, const Sides *sides, const char *key)
{
	const gint64 until = member_number(sides->after, "until");
	const char *during = member_text(sides->after, "while");
	g_autofree char *then = *member_text(sides->after, "then") ? profile_text(member_text(sides->after, "then"))
								   : g_strdup(_("forgotten"));
	g_autofree char *when = ngw_format_when(until);

	if (!g_str_equal(key, "until") && !g_str_equal(key, "while"))
		return;
	if (g_str_equal(key, "until") && until > 0)
		g_ptr_array_add(parts, g_strdup_printf(_("until %s, then %s"), when, then));
	else if (g_str_equal(during, "running"))
		g_ptr_array_add(parts, g_strdup_printf(_("until it quits, then %s"), then));
	else if (g_str_equal(during, "boot"))
		g_ptr_array_add(parts, g_strdup_printf(_("until the next restart, then %s"), then));
	else if (sides->after && sides->before && until == 0)
		g_ptr_array_add(parts, g_strdup(_("from now on without an end")));
}

static void more_children(GPtrArray *parts, const Sides *sides, const char *key)
{
	const char *after = member_text(sides->after, key);

	if (!sides->before && g_str_equal(after, "inherit"))
		return; /* as always */
	if (g_str_equal(after, "own"))
		g_ptr_array_add(parts, g_strdup(_("programs it starts follow their own rules")));
	else if (g_str_equal(after, "inherit"))
		g_ptr_array_add(parts, g_strdup(_("programs it starts are held to its rules")));
}

static void more_profile(GPtrArray *parts, const Sides *sides, const char *key)
{
	g_autofree char *was = profile_text(member_text(sides->before, key));
	g_autofree char *is = profile_text(member_text(sides->after, key));

	g_ptr_array_add(parts,
			g_strdup_printf(_("default for unknown programs: %s → %s"), *was ? was : "–", *is ? is : "–"));
}

static void more_nothing(GPtrArray *parts, const Sides *sides, const char *key)
{
}

static const struct {
	const char *key;
	void (*more)(GPtrArray *parts, const Sides *sides, const char *key);
} keys[] = {
	{ "allow", more_allow },
	{ "default-allow", more_allow },
	{ "executables", more_executables },
	{ "until", more_end },
	{ "then", more_end },
	{ "while", more_end },
	{ "children", more_children },
	{ "default-profile", more_profile },
	{ "profile", more_nothing },
	{ "id", more_nothing },
	{ "name", more_nothing },
	{ "mode", more_nothing },
	{ "reason", more_nothing }, /* said of the record itself */
};

static void more_key(GPtrArray *parts, const Sides *sides, const char *key)
{
	g_autofree char *was = member_plain(sides->before, key), *is = member_plain(sides->after, key);

	if (g_str_equal(was, is))
		return;
	for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
		if (g_str_equal(key, keys[i].key)) {
			keys[i].more(parts, sides, key);
			return;
		}
	}
	if (*was)
		g_ptr_array_add(parts, g_strdup_printf("%s: %s → %s", key, was, *is ? is : "–"));
	else
		g_ptr_array_add(parts, g_strdup_printf("%s: %s", key, is));
}

static void more_keys_of(GPtrArray *parts, const Sides *sides, JsonObject *object, JsonObject *not_of)
{
	g_autoptr(GList) members = object ? json_object_get_members(object) : NULL;

	for (GList *member = members; member; member = member->next) {
		if (!not_of || !json_object_has_member(not_of, member->data))
			more_key(parts, sides, member->data);
	}
}

char *ngw_log_more(const NgwLogData *data)
{
	static const char *const whole[] = { "refused", "expire", "pause", "resume", "panic", NULL };
	g_auto(Sides) sides = sides_read(data);
	g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(g_free);
	const gboolean is_mode = sides.after && json_object_has_member(sides.after, "mode");

	/* The title says it all of these; and of what is gone there is nothing to say. */
	if (is_mode || (sides.before && !sides.after) || g_strv_contains(whole, data->action))
		return NULL;
	more_keys_of(parts, &sides, sides.after, NULL);
	more_keys_of(parts, &sides, sides.before, sides.after);
	if (!sides.after && *data->after)
		g_ptr_array_add(parts, g_strdup(data->after));
	if (parts->len == 0)
		return NULL;
	g_ptr_array_add(parts, NULL);
	return g_strjoinv(" · ", (char **)parts->pdata);
}

/* --- who --- */

char *ngw_log_who(const NgwLogData *data)
{
	g_autofree char *user = NULL;

	if (g_str_equal(data->origin, "timer") || g_str_equal(data->auth, "timer"))
		return g_strdup(_("a timer"));
	if (g_str_equal(data->origin, "file"))
		return g_strdup(_("somebody, by changing a file"));
	if (data->uid == NGW_LOG_UID_UNKNOWN || g_str_equal(data->auth, "service"))
		return g_strdup(_("the service itself"));
	user = ngw_user_name(data->uid);
	if (g_ascii_isdigit(*user)) { /* an account that is no more */
		g_free(user);
		user = g_strdup_printf(_("user %u"), data->uid);
	}
	if (g_str_equal(data->origin, "window"))
		return g_strdup_printf(_("%s, in the window"), user);
	if (g_str_equal(data->origin, "command"))
		return g_strdup_printf(_("%s, by command"), user);
	return g_steal_pointer(&user);
}

const char *ngw_log_auth(const NgwLogData *data)
{
	if (g_str_equal(data->auth, "bus"))
		return _("known by the system bus");
	if (g_str_equal(data->auth, "socket"))
		return _("known by the socket’s credentials");
	if (g_str_equal(data->auth, "polkit"))
		return _("known by the system bus, allowed by polkit");
	if (g_str_equal(data->auth, "timer") || g_str_equal(data->auth, "service"))
		return _("the service’s own doing");
	return data->auth;
}

/* --- as it is --- */

static void raw_add(JsonBuilder *builder, const char *key, const char *text)
{
	json_builder_set_member_name(builder, key);
	json_builder_add_string_value(builder, text);
}

static void raw_add_json(JsonBuilder *builder, const char *key, const char *text)
{
	g_autoptr(JsonParser) parser = json_parser_new();

	json_builder_set_member_name(builder, key);
	if (*text == '{' && json_parser_load_from_data(parser, text, -1, NULL) && json_parser_get_root(parser))
		json_builder_add_value(builder, json_parser_steal_root(parser));
	else
		json_builder_add_string_value(builder, text);
}

char *ngw_log_raw(const NgwLogData *data)
{
	g_autoptr(JsonBuilder) builder = json_builder_new();
	g_autoptr(JsonNode) root = NULL;

	json_builder_begin_object(builder);
	json_builder_set_member_name(builder, "seq");
	json_builder_add_int_value(builder, (gint64)data->seq);
	json_builder_set_member_name(builder, "time");
	json_builder_add_int_value(builder, data->time);
	json_builder_set_member_name(builder, "uid");
	json_builder_add_int_value(builder, data->uid);
	raw_add(builder, "auth", data->auth);
	raw_add(builder, "action", data->action);
	raw_add(builder, "application", data->application);
	raw_add_json(builder, "before", data->before);
	raw_add_json(builder, "after", data->after);
	raw_add(builder, "reason", data->reason);
	raw_add(builder, "origin", data->origin);
	raw_add(builder, "hash", data->hash);
	json_builder_end_object(builder);
	root = json_builder_get_root(builder);
	return json_to_string(root, TRUE);
}
