/* SPDX-License-Identifier: MIT */
/* The launcher's records, read: see run-record.h. */
#include "window/run-record.h"

#include <json-glib/json-glib.h>
#include <string.h>

char *ngw_run_plain(const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);
	GString *plain = g_string_new(NULL);

	for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
		const gunichar c = g_utf8_get_char(p);
		const GUnicodeType type = g_unichar_type(c);
		const gboolean is_disturbing = type == G_UNICODE_CONTROL || type == G_UNICODE_FORMAT ||
					       type == G_UNICODE_LINE_SEPARATOR ||
					       type == G_UNICODE_PARAGRAPH_SEPARATOR;

		g_string_append_unichar(plain, is_disturbing ? 0xfffd : c);
	}
	return g_string_free(plain, FALSE);
}

/* --- members --- */

static const char *raw_text_of(JsonObject *object, const char *member)
{
	JsonNode *node = json_object_get_member(object, member);

	return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING
		       ? json_node_get_string(node)
		       : "";
}

static char *text_of(JsonObject *object, const char *member)
{
	return ngw_run_plain(raw_text_of(object, member));
}

static gint64 number_of(JsonObject *object, const char *member, gint64 otherwise)
{
	JsonNode *node = json_object_get_member(object, member);

	return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_INT64
		       ? json_node_get_int(node)
		       : otherwise;
}

/* --- the three types --- */

static void add_texts(GString *to, JsonObject *object, const char *member)
{
	JsonNode *node = json_object_get_member(object, member);
	JsonArray *array = node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
	const guint n = array ? json_array_get_length(array) : 0;

	for (guint i = 0; i < n; i++) {
		JsonNode *element = json_array_get_element(array, i);
		const char *text = JSON_NODE_HOLDS_VALUE(element) ? json_node_get_string(element) : NULL;
		g_autofree char *plain = text ? ngw_run_plain(text) : NULL;

		if (plain)
			g_string_append_printf(to, "%s%s", to->len > 0 ? ", " : "", plain);
	}
}

static void read_start(NgwRunRecord *record, JsonObject *object)
{
	static const char *const lists[] = { "allow", "allow-unix", "publish" };
	const char *rung = raw_text_of(object, "rung");
	GString *allowed = g_string_new(NULL);

	for (gsize i = 0; i < G_N_ELEMENTS(lists); i++)
		add_texts(allowed, object, lists[i]);
	record->allowed = g_string_free(allowed, FALSE);

	record->rung = strlen(rung) == 1 && *rung >= 'A' && *rung <= 'C' ? *rung : '\0';
}

static gboolean read_attempt(NgwRunRecord *record, JsonObject *object)
{
	static const char *const verdicts[] = {
		[NGW_VERDICT_ALLOWED] = "allowed",
		[NGW_VERDICT_BLOCKED] = "denied",
		[NGW_VERDICT_WOULD_BLOCK] = "would-be-denied",
	};
	const char *verdict = raw_text_of(object, "verdict");
	guint i = 0;

	while (i < G_N_ELEMENTS(verdicts) && !g_str_equal(verdicts[i], verdict))
		i++;
	record->verdict = i;
	record->port = (guint)CLAMP(number_of(object, "port", 0), 0, G_MAXUINT16);
	record->pid = (guint)CLAMP(number_of(object, "pid", 0), 0, G_MAXINT);
	record->count = (guint64)MAX(number_of(object, "count", 1), 1);
	return i < G_N_ELEMENTS(verdicts);
}

static gboolean record_read(NgwRunRecord *record, JsonObject *object)
{
	const char *type = raw_text_of(object, "type");

	record->profile = text_of(object, "profile");
	record->why = text_of(object, "why");
	record->executable = text_of(object, "executable");
	record->call = text_of(object, "call");
	record->family = text_of(object, "family");
	record->protocol = text_of(object, "protocol");
	record->address = text_of(object, "address");
	record->path = text_of(object, "path");
	record->name = text_of(object, "name");
	record->reason = text_of(object, "reason");
	record->text = text_of(object, "text");
	record->tip = g_strdup(raw_text_of(object, "tip"));
	record->exit_status = (int)CLAMP(number_of(object, "exit-status", -1), -1, 255);
	record->lost = (guint64)MAX(number_of(object, "lost", 0), 0);
	if (g_str_equal(type, "start")) {
		record->type = NGW_RUN_RECORD_START;
		read_start(record, object);
		return TRUE;
	}
	if (g_str_equal(type, "attempt")) {
		record->type = NGW_RUN_RECORD_ATTEMPT;
		return read_attempt(record, object);
	}
	record->type = NGW_RUN_RECORD_END;
	return g_str_equal(type, "end") && record->exit_status >= 0;
}

NgwRunRecord *ngw_run_record_parse(const char *line, gsize length)
{
	g_autoptr(JsonParser) parser = json_parser_new_immutable();
	g_autoptr(NgwRunRecord) record = NULL;
	JsonNode *root;

	if (length == 0 || length > NGW_RUN_LINE_MAX || *line != '{' || !g_utf8_validate_len(line, length, NULL) ||
	    !json_parser_load_from_data(parser, line, (gssize)length, NULL))
		return NULL;
	root = json_parser_get_root(parser);
	if (!root || !JSON_NODE_HOLDS_OBJECT(root))
		return NULL;
	record = g_new0(NgwRunRecord, 1);
	return record_read(record, json_node_get_object(root)) ? g_steal_pointer(&record) : NULL;
}

void ngw_run_record_free(NgwRunRecord *record)
{
	char *const texts[] = { record->allowed, record->profile,  record->why,     record->executable, record->call,
				record->family,  record->protocol, record->address, record->path,       record->name,
				record->reason,  record->text,     record->tip };

	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
		g_free(texts[i]);
	g_free(record);
}

char *ngw_run_record_kind(const NgwRunRecord *record)
{
	/* No text has a control character. */
	return g_strdup_printf("%s\n%s\n%s\n%s\n%s\n%u\n%s\n%s\n%s\n%d", record->executable, record->call,
			       record->family, record->protocol, record->address, record->port, record->path,
			       record->name, record->reason, record->verdict);
}

char **ngw_run_tip_words(const char *tip)
{
	static const char *const with_value[] = { "--allow", "--allow-unix", "--publish", NULL };
	static const char *const alone[] = { "--local", "--online", NULL };
	g_auto(GStrv) words = NULL;
	int n = 0;

	if (!g_shell_parse_argv(tip, &n, &words, NULL))
		return NULL;
	if (n == 2 && g_strv_contains(with_value, words[0]) && *words[1] && *words[1] != '-')
		return g_steal_pointer(&words);
	return n == 1 && g_strv_contains(alone, words[0]) ? g_steal_pointer(&words) : NULL;
}
