/* SPDX-License-Identifier: MIT */
/* The log of `netguard run`, and its launcher: contract in run-log.h. */
#include "cli/run-log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <json-glib/json-glib.h>

#include "cli/cli.h"
#include "cli/when.h"
#include "config.h"

#define LINE_MAX_BYTES (4 * 1024 * 1024)
#define ATTEMPTS_MAX 100000 /* kinds of attempts that are told apart */

/* --- reading --- */

typedef struct {
	JsonObject *object;
	gint64 first, last; /* seconds */
	gint64 count;
	guint64 order; /* of the latest in the file */
} Alike;

typedef struct {
	const NgRunLogFilter *filter;
	GHashTable *alike; /* text of what makes them alike -> Alike */
	JsonObject *start, *end;
	guint64 order;
} Reader;

static void alike_free(gpointer data)
{
	Alike *alike = data;

	json_object_unref(alike->object);
	g_free(alike);
}

static void reader_clear(Reader *reader)
{
	g_hash_table_unref(reader->alike);
	g_clear_pointer(&reader->start, json_object_unref);
	g_clear_pointer(&reader->end, json_object_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Reader, reader_clear)

static const char *text_of(JsonObject *object, const char *key)
{
	JsonNode *node = json_object_get_member(object, key);

	return node && json_node_get_value_type(node) == G_TYPE_STRING ? json_node_get_string(node) : "";
}

static gint64 number_of(JsonObject *object, const char *key)
{
	JsonNode *node = json_object_get_member(object, key);

	return node && json_node_get_value_type(node) == G_TYPE_INT64 ? json_node_get_int(node) : 0;
}

static gint64 time_of(JsonObject *object)
{
	g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text_of(object, "time"), NULL);

	return time ? g_date_time_to_unix(time) : 0;
}

static gboolean is_wanted(const NgRunLogFilter *filter, JsonObject *attempt)
{
	const gboolean is_allowed = g_str_equal(text_of(attempt, "verdict"), "allowed");
	const char *executable = text_of(attempt, "executable");
	g_autofree char *name = g_path_get_basename(executable);

	if (filter->verdict && is_allowed != g_str_equal(filter->verdict, "allowed"))
		return FALSE;
	if (filter->program && !g_str_equal(filter->program, executable) && !g_str_equal(filter->program, name))
		return FALSE;
	return time_of(attempt) >= filter->since;
}

static char *alike_key(JsonObject *attempt)
{
	static const char *const keys[] = { "executable", "profile", "call", "family",  "protocol", "address", "path",
					    "name",       "class",   "text", "verdict", "reason",   "errno",   NULL };
	GString *key = g_string_new(NULL);

	for (const char *const *k = keys; *k; k++)
		g_string_append_printf(key, "%s\n", text_of(attempt, *k));
	g_string_append_printf(key, "%" G_GINT64_FORMAT " %" G_GINT64_FORMAT, number_of(attempt, "port"),
			       number_of(attempt, "uid"));
	return g_string_free(key, FALSE);
}

static gboolean take_attempt(Reader *reader, JsonObject *attempt, GError **error)
{
	const gint64 time = time_of(attempt), count = MAX(number_of(attempt, "count"), 1);
	g_autofree char *key = NULL;
	Alike *alike;

	if (!is_wanted(reader->filter, attempt))
		return TRUE;
	key = alike_key(attempt);
	alike = g_hash_table_lookup(reader->alike, key);
	if (!alike && g_hash_table_size(reader->alike) >= ATTEMPTS_MAX)
		return ng_cli_usage(
			error,
			"--file: there are more than %d different attempts: choose with --app, --denied or --since",
			ATTEMPTS_MAX);
	if (!alike) {
		alike = g_new0(Alike, 1);
		alike->first = time;
		g_hash_table_insert(reader->alike, g_steal_pointer(&key), alike);
	} else {
		json_object_unref(alike->object);
	}
	alike->object = json_object_ref(attempt);
	alike->first = MIN(alike->first, time);
	alike->last = MAX(alike->last, time);
	alike->count += count;
	alike->order = ++reader->order;
	return TRUE;
}

static gboolean take_line(Reader *reader, const char *line, GError **error)
{
	g_autoptr(JsonNode) node = json_from_string(line, NULL);
	JsonObject *object = node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
	const char *type = object ? text_of(object, "type") : "";

	if (g_str_equal(type, "attempt"))
		return take_attempt(reader, object, error);
	if (g_str_equal(type, "start")) {
		g_clear_pointer(&reader->start, json_object_unref);
		g_clear_pointer(&reader->end, json_object_unref);
		reader->start = json_object_ref(object);
	} else if (g_str_equal(type, "end")) {
		g_clear_pointer(&reader->end, json_object_unref);
		reader->end = json_object_ref(object);
	} else {
		g_set_error(error, NG_CLI_ERROR, NG_CLI_ERROR_FAILED,
			    "this is not a record of \"netguard run --log\"%s", object ? "" : ": it is no JSON object");
		return FALSE;
	}
	return TRUE;
}

static gboolean is_text(const char *line, gsize length, GError **error)
{
	if (length <= LINE_MAX_BYTES && strlen(line) == length && g_utf8_validate(line, (gssize)length, NULL))
		return TRUE;
	g_set_error(error, NG_CLI_ERROR, NG_CLI_ERROR_FAILED,
		    "this is not a record of \"netguard run --log\": it is %s",
		    length > LINE_MAX_BYTES ? "too long" : "not UTF-8 text");
	return FALSE;
}

static gboolean read_lines(Reader *reader, FILE *file, const char *path, GError **error)
{
	g_autofree char *line = NULL; /* getline() and g_free() are both malloc's */
	size_t size = 0;
	ssize_t length;

	for (guint number = 1; (length = getline(&line, &size, file)) >= 0; number++) {
		const gboolean is_whole = length > 0 && line[length - 1] == '\n';
		g_autoptr(GError) local = NULL;

		if (is_text(line, (gsize)length, &local) && take_line(reader, line, &local))
			continue;
		if (!is_whole && !g_error_matches(local, NG_CLI_ERROR, NG_CLI_ERROR_USAGE))
			break;
		g_propagate_prefixed_error(error, g_steal_pointer(&local), "%s:%u: ", path, number);
		return FALSE;
	}
	if (!ferror(file))
		return TRUE;
	g_set_error(error, NG_CLI_ERROR, NG_CLI_ERROR_FAILED, "%s: %s", path, g_strerror(errno));
	return FALSE;
}

/* --- as the interface has it --- */

static void add_member(JsonObject *object, const char *name, JsonNode *node, gpointer data)
{
	GVariantDict *dict = data;
	const GType type = JSON_NODE_HOLDS_VALUE(node) ? json_node_get_value_type(node) : G_TYPE_INVALID;

	if (type == G_TYPE_STRING)
		g_variant_dict_insert(dict, name, "s", json_node_get_string(node));
	else if (type == G_TYPE_INT64)
		g_variant_dict_insert(dict, name, "x", json_node_get_int(node));
	else if (type == G_TYPE_BOOLEAN)
		g_variant_dict_insert(dict, name, "b", json_node_get_boolean(node));
}

static GVariant *attempt_of(const Alike *alike)
{
	g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(NULL);

	json_object_foreach_member(alike->object, add_member, &dict);
	g_variant_dict_remove(&dict, "type");
	g_variant_dict_insert(&dict, "time", "x", alike->last);
	g_variant_dict_insert(&dict, "first", "x", alike->first);
	g_variant_dict_insert(&dict, "count", "t", (guint64)alike->count);
	return g_variant_dict_end(&dict);
}

static gint newest_first(gconstpointer one, gconstpointer other)
{
	const Alike *a = *(const Alike *const *)one, *b = *(const Alike *const *)other;

	if (a->last != b->last)
		return a->last > b->last ? -1 : 1;
	return a->order > b->order ? -1 : a->order < b->order;
}

static GVariant *attempts_of(Reader *reader)
{
	g_autoptr(GPtrArray) sorted = g_ptr_array_new();
	GVariantBuilder builder;
	GHashTableIter iter;
	gpointer alike;

	g_hash_table_iter_init(&iter, reader->alike);
	while (g_hash_table_iter_next(&iter, NULL, &alike))
		g_ptr_array_add(sorted, alike);
	g_ptr_array_sort(sorted, newest_first);
	g_variant_builder_init(&builder, G_VARIANT_TYPE("aa{sv}"));
	for (guint i = 0; i < sorted->len && i < reader->filter->limit; i++)
		g_variant_builder_add_value(&builder, attempt_of(sorted->pdata[i]));
	return g_variant_ref_sink(g_variant_builder_end(&builder));
}

static char *summary_of(const Reader *reader)
{
	GString *text;
	JsonNode *command;
	JsonArray *words;

	if (!reader->start)
		return NULL;
	text = g_string_new("Last run:");
	command = json_object_get_member(reader->start, "command");
	words = command && JSON_NODE_HOLDS_ARRAY(command) ? json_node_get_array(command) : NULL;
	for (guint i = 0; words && i < json_array_get_length(words); i++) {
		JsonNode *word = json_array_get_element(words, i);

		if (JSON_NODE_HOLDS_VALUE(word) && json_node_get_value_type(word) == G_TYPE_STRING)
			g_string_append_printf(text, " %s", json_node_get_string(word));
	}
	g_string_append_printf(text, " (%s, rung %s)", text_of(reader->start, "profile"),
			       text_of(reader->start, "rung"));
	if (!reader->end)
		g_string_append(text, ", not ended");
	else
		g_string_append_printf(text, ", exit status %" G_GINT64_FORMAT, number_of(reader->end, "exit-status"));
	if (reader->end && number_of(reader->end, "lost") > 0)
		g_string_append_printf(text, "; %" G_GINT64_FORMAT " records were lost",
				       number_of(reader->end, "lost"));
	return g_string_free(text, FALSE);
}

GVariant *ng_run_log_read(const char *path, const NgRunLogFilter *filter, char **ret_summary, GError **error)
{
	g_auto(Reader) reader = { .filter = filter,
				  .alike = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, alike_free) };
	const gboolean is_stdin = g_str_equal(path, "-");
	FILE *file = is_stdin ? stdin : fopen(path, "re");
	gboolean is_read;

	if (!file) {
		g_set_error(error, NG_CLI_ERROR, NG_CLI_ERROR_FAILED, "--file: %s: %s", path, g_strerror(errno));
		return NULL;
	}
	is_read = read_lines(&reader, file, is_stdin ? "standard input" : path, error);
	if (!is_stdin)
		fclose(file);
	if (!is_read)
		return NULL;
	*ret_summary = summary_of(&reader);
	return attempts_of(&reader);
}

/* --- the launcher --- */

char *ng_run_find(void)
{
	g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
	g_autofree char *folder = self ? g_path_get_dirname(self) : NULL;
	char *candidates[] = {
		folder ? g_build_filename(folder, "netguard-run", NULL) : NULL,
		folder ? g_build_filename(folder, "..", "run", "netguard-run", NULL) : NULL, /* the build tree */
		g_build_filename(NG_LIBEXEC_DIR, "netguard-run", NULL),
	};
	char *found = NULL;

	for (gsize i = 0; i < G_N_ELEMENTS(candidates); i++) {
		if (!found && candidates[i] && g_file_test(candidates[i], G_FILE_TEST_IS_EXECUTABLE))
			found = g_steal_pointer(&candidates[i]);
		g_free(candidates[i]);
	}
	return found;
}

/* What the launcher says of this machine, or NULL. */
static JsonNode *ask_launcher(const char *path)
{
	const char *argv[] = { path, "--probe", NULL };
	g_autofree char *out = NULL;
	g_autoptr(JsonNode) node = NULL;

	if (!path || !g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &out, NULL, NULL, NULL))
		return NULL;
	node = json_from_string(out, NULL);
	return node && JSON_NODE_HOLDS_OBJECT(node) ? g_steal_pointer(&node) : NULL;
}

static const char *rung_meaning(const char *rung)
{
	if (g_str_equal(rung, "A"))
		return "Rung A: a network namespace is the wall, a filter and Landlock stand behind it.";
	if (g_str_equal(rung, "B"))
		return "Rung B: a filter is the only wall to the network, Landlock stands behind it.";
	if (g_str_equal(rung, "C"))
		return "Rung C: a filter alone. It holds --offline, without a log, and nothing else.";
	return "No command can be confined here.";
}

GVariant *ng_run_probe(void)
{
	g_autofree char *path = ng_run_find();
	g_autoptr(JsonNode) node = ask_launcher(path);
	JsonObject *object = node ? json_node_get_object(node) : NULL;
	const char *rung = object ? text_of(object, "rung") : "", *why = object ? text_of(object, "why") : "";
	const gboolean is_there = *rung >= 'A' && *rung <= 'C';
	g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(NULL);
	g_autofree char *meaning = NULL;

	if (!path)
		meaning = g_strdup("The launcher is not installed here.");
	else if (!object)
		meaning = g_strdup_printf("The launcher %s did not answer.", path);
	else
		meaning = g_strdup_printf("%s%s%s%s", rung_meaning(rung), *why ? " Not better, because: " : "", why,
					  *why && !g_str_has_suffix(why, ".") ? "." : "");
	g_variant_dict_insert(&dict, "id", "s", "run");
	g_variant_dict_insert(&dict, "title", "s", "Confining one command: netguard run");
	g_variant_dict_insert(&dict, "supported", "b", is_there);
	g_variant_dict_insert(&dict, "in-force", "b", FALSE); /* it is in force for what is started with it */
	g_variant_dict_insert(&dict, "needed", "b", FALSE);
	g_variant_dict_insert(&dict, "meaning", "s", meaning);
	g_variant_dict_insert(&dict, "rung", "s", is_there ? rung : "");
	g_variant_dict_insert(&dict, "why", "s", why);
	g_variant_dict_insert(&dict, "landlock", "x", object ? number_of(object, "landlock") : 0);
	g_variant_dict_insert(&dict, "killable", "b",
			      object && json_object_get_boolean_member_with_default(object, "killable", FALSE));
	return g_variant_dict_end(&dict);
}
