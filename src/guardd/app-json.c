/* SPDX-License-Identifier: MIT */
/*
 * Applications as JSON (see app-json.h). Writing is by hand because 10,000 applications are written at once; reading is
 * JSON-GLib's. After reading, an application is written as an application file and parsed as one: there is one set of
 * rules for what an application may say.
 */
#include "guardd/app-json.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "policy/policy.h"

static void json_string(GString *out, const char *text)
{
	g_string_append_c(out, '"');
	for (const char *c = text; *c; c++) {
		const guchar byte = (guchar)*c;

		if (byte == '"' || byte == '\\')
			g_string_append_printf(out, "\\%c", byte);
		else if (byte < 0x20 || byte == 0x7f)
			g_string_append_printf(out, "\\u%04x", byte);
		else
			g_string_append_c(out, *c);
	}
	g_string_append_c(out, '"');
}

static void json_strings(GString *out, char **texts)
{
	g_string_append_c(out, '[');
	for (char **text = texts; text && *text; text++) {
		if (text != texts)
			g_string_append_c(out, ',');
		json_string(out, *text);
	}
	g_string_append_c(out, ']');
}

void ng_app_json_append(GString *out, const NgPolicyApp *app)
{
	if (!app)
		return;
	g_string_append(out, "{\"id\":");
	json_string(out, app->id);
	g_string_append(out, ",\"name\":");
	json_string(out, app->name);
	g_string_append(out, ",\"executables\":");
	json_strings(out, app->executables);
	g_string_append_printf(out, ",\"profile\":\"%s\",\"allow\":", ng_policy_profile_text(app->profile));
	json_strings(out, app->allow_texts);
	g_string_append_printf(out, ",\"children\":\"%s\",\"until\":%" G_GINT64_FORMAT ",\"then\":\"%s\",\"reason\":",
			       app->flags & NG_APP_CHILDREN_OWN ? "own" : "inherit", app->until,
			       app->then ? ng_policy_profile_text(app->then) : "");
	json_string(out, app->reason ? app->reason : "");
	if (app->span == NG_SPAN_RUNNING)
		g_string_append_printf(out, ",\"while\":\"running %s %" G_GUINT64_FORMAT "\"", app->boot,
				       app->since_ms);
	else if (app->span == NG_SPAN_BOOT)
		g_string_append_printf(out, ",\"while\":\"boot %s\"", app->boot);
	g_string_append_c(out, '}');
}

char *ng_app_json_text(const NgPolicyApp *app)
{
	GString *out = g_string_new(NULL);

	ng_app_json_append(out, app);
	return g_string_free(out, FALSE);
}

/* For another machine, or another day: what lasts while a program or this boot lasts is left out, what follows it is
 * not. NULL: nothing is left. */
static NgPolicyApp *document_app(const NgPolicyApp *app)
{
	NgPolicyApp *copy = app->span == NG_SPAN_NONE || app->then != 0 ? ng_policy_app_copy(app) : NULL;

	if (!copy || copy->span == NG_SPAN_NONE)
		return copy;
	copy->profile = copy->then;
	copy->then = 0;
	copy->span = NG_SPAN_NONE;
	g_clear_pointer(&copy->reason, g_free);
	return copy;
}

char *ng_app_json_document(GPtrArray *apps)
{
	GString *out = g_string_new("{\"version\":1,\"applications\":[");
	const char *separator = "\n";

	for (guint i = 0; i < apps->len; i++) {
		const NgPolicyApp *decided = g_ptr_array_index(apps, i);
		g_autoptr(NgPolicyApp) app = decided->layer == NG_LAYER_USER ? document_app(decided) : NULL;

		if (!app)
			continue;
		g_string_append(out, separator);
		ng_app_json_append(out, app);
		separator = ",\n";
	}
	g_string_append(out, "\n]}\n");
	return g_string_free(out, FALSE);
}

static gboolean fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
static gboolean fail(GError **error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_clear_error(error);
	if (error)
		*error = g_error_new_valist(NG_POLICY_ERROR, NG_POLICY_ERROR_SYNTAX, format, args);
	va_end(args);
	return FALSE;
}

/* Borrowed from the node; NULL with an error. */
static const char *read_string(JsonNode *node, const char *key, GError **error)
{
	if (JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING)
		return json_node_get_string(node);
	fail(error, "“%s” must be a text.", key);
	return NULL;
}

static gboolean read_strings(JsonNode *node, const char *key, char ***ret_texts, GError **error)
{
	g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
	JsonArray *array;

	if (!JSON_NODE_HOLDS_ARRAY(node))
		return fail(error, "“%s” must be a list of texts.", key);
	array = json_node_get_array(node);
	for (guint i = 0; i < json_array_get_length(array); i++) {
		const char *text = read_string(json_array_get_element(array, i), key, error);

		if (!text)
			return FALSE;
		g_ptr_array_add(texts, g_strdup(text));
	}
	g_ptr_array_add(texts, NULL);
	g_strfreev(*ret_texts);
	*ret_texts = (char **)g_ptr_array_free(g_steal_pointer(&texts), FALSE);
	return TRUE;
}

static gboolean set_name(NgPolicyApp *app, const char *key, JsonNode *node, GError **error)
{
	const char *text = read_string(node, key, error);

	if (!text)
		return FALSE;
	g_free(app->name);
	app->name = g_strdup(text);
	return TRUE;
}

static gboolean set_executables(NgPolicyApp *app, const char *key, JsonNode *node, GError **error)
{
	return read_strings(node, key, &app->executables, error);
}

static gboolean set_profile(NgPolicyApp *app, const char *key, JsonNode *node, GError **error)
{
	const char *text = read_string(node, key, error);

	if (!text)
		return FALSE;
	app->profile = ng_policy_profile_from_text(text);
	return app->profile != 0 || fail(error, "“profile” must be offline, local or online, not “%s”.", text);
}

static gboolean set_allow(NgPolicyApp *app, const char *key, JsonNode *node, GError **error)
{
	g_auto(GStrv) texts = NULL;

	return read_strings(node, key, &texts, error) &&
	       ng_policy_app_set_allow(app, (const char *const *)texts, error);
}

static gboolean set_children(NgPolicyApp *app, const char *key, JsonNode *node, GError **error)
{
	const char *text = read_string(node, key, error);

	if (!text)
		return FALSE;
	if (g_str_equal(text, "own"))
		app->flags |= NG_APP_CHILDREN_OWN;
	else if (!g_str_equal(text, "inherit"))
		return fail(error, "“children” must be own or inherit, not “%s”.", text);
	return TRUE;
}

static gboolean set_until(NgPolicyApp *app, const char *key, JsonNode *node, GError **error)
{
	if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_INT64 ||
	    json_node_get_int(node) < 0)
		return fail(error, "“until” must be seconds since 1970, or 0.");
	app->until = json_node_get_int(node);
	return TRUE;
}

static gboolean set_then(NgPolicyApp *app, const char *key, JsonNode *node, GError **error)
{
	const char *text = read_string(node, key, error);

	if (!text)
		return FALSE;
	app->then = *text ? ng_policy_profile_from_text(text) : 0;
	return !*text || app->then != 0 ||
	       fail(error, "“then” must be offline, local, online or empty, not “%s”.", text);
}

static gboolean set_reason(NgPolicyApp *app, const char *key, JsonNode *node, GError **error)
{
	const char *text = read_string(node, key, error);

	if (!text)
		return FALSE;
	g_free(app->reason);
	app->reason = *text ? g_strdup(text) : NULL;
	return TRUE;
}

static const struct {
	const char *key;
	gboolean (*set)(NgPolicyApp *app, const char *key, JsonNode *node, GError **error);
} json_keys[] = {
	{ "name", set_name },   { "executables", set_executables }, { "profile", set_profile },
	{ "allow", set_allow }, { "children", set_children },       { "until", set_until },
	{ "then", set_then },   { "reason", set_reason },
};

static gboolean read_key(NgPolicyApp *app, const char *key, JsonNode *node, GError **error)
{
	if (g_str_equal(key, "id"))
		return TRUE;
	for (gsize i = 0; i < G_N_ELEMENTS(json_keys); i++) {
		if (g_str_equal(json_keys[i].key, key))
			return json_keys[i].set(app, key, node, error);
	}
	return fail(error, "“%s” is not a key of an application.", key);
}

/* The same application, as if its file had been read. */
static NgPolicyApp *as_file(const NgPolicyApp *app, GError **error)
{
	g_autofree char *text = ng_policy_app_text(app);
	guint line, column;
	NgPolicyApp *parsed = ng_policy_app_parse(app->id, app->id, text, strlen(text), &line, &column, error);

	if (parsed && !ng_policy_app_equal(parsed, app)) {
		ng_policy_app_free(parsed);
		fail(error, "it holds characters that an application file cannot hold.");
		return NULL;
	}
	return parsed;
}

static NgPolicyApp *read_app(JsonNode *node, GError **error)
{
	g_autoptr(NgPolicyApp) app = NULL;
	JsonObject *object;
	JsonObjectIter iter;
	const char *key, *id = NULL;
	JsonNode *member;

	if (!JSON_NODE_HOLDS_OBJECT(node)) {
		fail(error, "it is not an object.");
		return NULL;
	}
	object = json_node_get_object(node);
	member = json_object_get_member(object, "id");
	id = member ? read_string(member, "id", error) : NULL;
	if (!id) {
		fail(error, "it has no “id”.");
		return NULL;
	}
	app = ng_policy_app_new(id);
	app->layer = NG_LAYER_USER;
	json_object_iter_init(&iter, object);
	while (json_object_iter_next(&iter, &key, &member)) {
		if (!read_key(app, key, member, error))
			return NULL;
	}
	if (app->until == 0)
		app->then = 0;
	return as_file(app, error);
}

static gboolean read_version(JsonObject *root, GError **error)
{
	JsonNode *version = json_object_get_member(root, "version");

	if (!version || !JSON_NODE_HOLDS_VALUE(version) || json_node_get_value_type(version) != G_TYPE_INT64 ||
	    json_node_get_int(version) != NG_APP_JSON_VERSION)
		return fail(error, "The document has no \"version\": 1. Use one made by netguard export.");
	return TRUE;
}

GPtrArray *ng_app_json_parse(const char *text, GError **error)
{
	g_autoptr(JsonParser) parser = json_parser_new_immutable();
	g_autoptr(GPtrArray) apps = g_ptr_array_new_with_free_func((GDestroyNotify)ng_policy_app_free);
	g_autoptr(GHashTable) ids = g_hash_table_new(g_str_hash, g_str_equal);
	JsonNode *root, *list;
	JsonArray *array;

	if (!json_parser_load_from_data(parser, text, -1, error))
		return NULL;
	root = json_parser_get_root(parser);
	if (!root || !JSON_NODE_HOLDS_OBJECT(root)) {
		fail(error, "The document is not an object.");
		return NULL;
	}
	list = json_object_get_member(json_node_get_object(root), "applications");
	if (!read_version(json_node_get_object(root), error))
		return NULL;
	if (!list || !JSON_NODE_HOLDS_ARRAY(list)) {
		fail(error, "The document has no list “applications”.");
		return NULL;
	}
	array = json_node_get_array(list);
	for (guint i = 0; i < json_array_get_length(array); i++) {
		NgPolicyApp *app = read_app(json_array_get_element(array, i), error);

		if (!app) {
			g_prefix_error(error, "Entry %u: ", i + 1);
			return NULL;
		}
		g_ptr_array_add(apps, app);
		if (!g_hash_table_add(ids, app->id)) {
			fail(error, "Entry %u: “%s” is there twice.", i + 1, app->id);
			return NULL;
		}
	}
	return g_steal_pointer(&apps);
}
