/* SPDX-License-Identifier: MIT */
/* `netguard audit`: who changed what and why; --verify holds the chain of hashes and the kernel against what was
 * decided. */
#include <pwd.h>

#include <json-glib/json-glib.h>

#include "cli/cli.h"
#include "cli/when.h"

static struct {
	gboolean verify;
	char *since;
	int limit;
} options = { .limit = 200 };

static const GOptionEntry entries[] = {
	{ "verify", 0, 0, G_OPTION_ARG_NONE, &options.verify,
	  "Check that no record was altered and that what is in force is what was decided", NULL },
	{ "since", 's', 0, G_OPTION_ARG_FILENAME, &options.since,
	  "Only the last 1h, 2d ..., or since 2026-11-22T20:00:00Z", "WHEN" },
	{ "limit", 'n', 0, G_OPTION_ARG_INT, &options.limit, "At most so many, 1 to 10000 (200)", "N" },
	G_OPTION_ENTRY_NULL,
};

static char *user_text(gint64 uid)
{
	struct passwd entry, *found = NULL;
	char buffer[4096];

	if (getpwuid_r((uid_t)uid, &entry, buffer, sizeof(buffer), &found) == 0 && found)
		return g_strdup(found->pw_name);
	return g_strdup_printf("uid %" G_GINT64_FORMAT, uid);
}

/* Before and after are JSON objects; people want the profile or the mode of them. */
static char *state_text(const char *json)
{
	g_autoptr(JsonParser) parser = json_parser_new_immutable();
	const char *word;
	JsonObject *object;
	JsonNode *root;

	if (!*json)
		return g_strdup("");
	if (!json_parser_load_from_data(parser, json, -1, NULL))
		return g_strdup(json);
	root = json_parser_get_root(parser);
	if (!root || !JSON_NODE_HOLDS_OBJECT(root))
		return g_strdup(json);
	object = json_node_get_object(root);
	word = json_object_get_string_member_with_default(object, "mode", json);
	return g_strdup(json_object_get_string_member_with_default(object, "profile", word));
}

static void add_row(NgTable *table, GVariant *record)
{
	g_autofree char *before = state_text(ng_dict_string(record, "before"));
	g_autofree char *after = state_text(ng_dict_string(record, "after"));
	g_autofree char *change = *before || *after
					  ? g_strdup_printf("%s -> %s", *before ? before : "-", *after ? after : "-")
					  : g_strdup("");

	ng_table_cell_take(table, g_strdup_printf("%" G_GINT64_FORMAT, ng_dict_number(record, "seq")));
	ng_table_cell_take(table, ng_when_stamp(ng_dict_number(record, "time")));
	ng_table_cell_take(table, user_text(ng_dict_number(record, "uid")));
	ng_table_cell(table, ng_dict_string(record, "origin"), NG_TONE_PLAIN);
	ng_table_cell(table, ng_dict_string(record, "action"), NG_TONE_PLAIN);
	ng_table_cell(table, ng_dict_string(record, "application"), NG_TONE_PLAIN);
	ng_table_cell(table, change, NG_TONE_PLAIN);
	ng_table_cell(table, ng_dict_string(record, "reason"), NG_TONE_PLAIN);
}

static void show(NgCli *cli, GVariant *records)
{
	static const char *const titles[] = { ">No.",        "Time",   "Who",    "By", "Action",
					      "Application", "Change", "Reason", NULL };
	g_autoptr(NgTable) table = ng_table_new(titles);
	g_autofree char *text = NULL;

	for (gsize i = 0; i < g_variant_n_children(records); i++) {
		g_autoptr(GVariant) record = g_variant_get_child_value(records, i);

		add_row(table, record);
	}
	text = ng_table_text(table, ng_text_terminal_width(), cli->use_colour);
	ng_cli_print("%s", *text ? text : "No change is on record.\n");
}

static int verify(NgCli *cli, GError **error)
{
	g_autoptr(GVariant) result = ng_cli_call(cli, "VerifyAudit", NULL, "(a{sv})", error);
	gboolean is_intact, is_in_force;

	if (!result)
		return NG_EXIT_FAILED;
	is_intact = ng_dict_is(result, "intact");
	is_in_force = ng_dict_is(result, "in-force");
	if (cli->is_json) {
		ng_cli_print_json(result);
	} else {
		g_autofree char *text = ng_text_safe(ng_dict_string(result, "text"));
		g_autofree char *records = ng_words_count(ng_dict_number(result, "records"), "record");

		if (is_intact)
			ng_cli_print("Records: intact, %s.\n", records);
		else
			ng_cli_print("Records: altered or lost, first at number %" G_GINT64_FORMAT ".\n",
				     ng_dict_number(result, "first-bad"));
		ng_cli_print("Rules: %s\n",
			     is_in_force ? "what is in force is what was decided."
					 : "what is in force is NOT what was decided; see \"netguard check\".");
		if (*text)
			ng_cli_print("%s\n", text);
	}
	return is_intact && is_in_force ? NG_EXIT_DONE : NG_EXIT_NOT_IN_FORCE;
}

static int run(NgCli *cli, char **args, GError **error)
{
	g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(NULL);
	g_autoptr(GVariant) records = NULL;

	if (options.verify)
		return verify(cli, error);
	if (!ng_cli_limit_ok(options.limit, error))
		return NG_EXIT_USAGE;
	if (options.since) {
		const gint64 since = ng_cli_since(options.since, error);

		if (!since)
			return NG_EXIT_USAGE;
		g_variant_dict_insert(&dict, "since", "x", since);
	}
	g_variant_dict_insert(&dict, "limit", "u", (guint32)options.limit);
	records = ng_cli_call(cli, "GetAudit", g_variant_new("(@a{sv})", g_variant_dict_end(&dict)), "(aa{sv})", error);
	if (!records)
		return NG_EXIT_FAILED;
	if (cli->is_json)
		ng_cli_print_json(records);
	else
		show(cli, records);
	return NG_EXIT_DONE;
}

const NgVerb ng_verb_audit = {
	.name = "audit",
	.arguments = "",
	.summary = "Who changed what and why; --verify checks the record",
	.details = "For root. --verify exits with 4 if a record was altered or lost, or if what is in force is not "
		   "what was\n"
		   "decided.",
	.entries = entries,
	.run = run,
};
