/* SPDX-License-Identifier: MIT */
/*
 * A guard that says what a test tells it to: only for src/cli/test-verbs.py. It registers the interface from the XML,
 * so a call of another shape than the contract's is refused by GDBus before it gets here.
 *
 * mock-guard RUNTIME_DIR XML_FILE. Commands on standard input, one a line, fields separated by tabs; each is answered
 * by "ok" when done:
 *   reply METHOD ARG VALUE     answer with the tuple VALUE (GVariant text) when the first argument is ARG ("*": any)
 *   error METHOD ARG NAME TEXT answer with a D-Bus error
 *   silent METHOD              never answer
 *   signal NAME VALUE          to every connection
 *   drop                       close every connection
 *   await METHOD               "ok" once METHOD was called and answered since the last `calls`
 *   calls                      the calls since the last time, "METHOD PARAMETERS" a line, before the "ok"
 */
#include <stdio.h>
#include <string.h>

#include <gio/gio.h>
#include <gio/gunixinputstream.h>

typedef struct {
	char *method, *argument;
	GVariant *reply; /* NULL: error, or silence if that is NULL too */
	char *error_name, *error_text;
} Rule;

static GPtrArray *rules;       /* Rule, the latest wins */
static GPtrArray *connections; /* GDBusConnection */
static GPtrArray *calls;       /* text */
static GHashTable *called;     /* method */
static char *awaited;          /* method, or NULL */
static GPtrArray *unanswered;  /* GDBusMethodInvocation */
static GDBusInterfaceInfo *description;

static void say(const char *text)
{
	puts(text);
	fflush(stdout);
}

static const Rule *find_rule(const char *method, GVariant *parameters)
{
	g_autoptr(GVariant) first = g_variant_n_children(parameters) ? g_variant_get_child_value(parameters, 0) : NULL;
	const char *argument =
		first && g_variant_is_of_type(first, G_VARIANT_TYPE_STRING) ? g_variant_get_string(first, NULL) : "";

	for (guint i = rules->len; i-- > 0;) {
		const Rule *rule = rules->pdata[i];

		if (g_str_equal(rule->method, method) &&
		    (g_str_equal(rule->argument, "*") || g_str_equal(rule->argument, argument)))
			return rule;
	}
	return NULL;
}

static void on_call(GDBusConnection *connection, const char *sender, const char *path, const char *interface,
		    const char *method, GVariant *parameters, GDBusMethodInvocation *invocation, gpointer user_data)
{
	const Rule *rule = find_rule(method, parameters);
	g_autofree char *text = g_variant_print(parameters, FALSE);

	g_ptr_array_add(calls, g_strdup_printf("%s %s", method, text));
	g_hash_table_add(called, g_strdup(method));
	if (!rule)
		g_dbus_method_invocation_return_dbus_error(invocation, "org.networkguard.Error.UnknownApplication",
							   "no rule of the test fits");
	else if (rule->reply)
		g_dbus_method_invocation_return_value(invocation, rule->reply);
	else if (rule->error_name)
		g_dbus_method_invocation_return_dbus_error(invocation, rule->error_name, rule->error_text);
	else
		g_ptr_array_add(unanswered, invocation);
	if (awaited && g_str_equal(awaited, method)) {
		g_clear_pointer(&awaited, g_free);
		g_dbus_connection_flush_sync(connection, NULL, NULL); /* the test may end us next */
		say("ok");
	}
}

static void on_closed(GDBusConnection *connection, gboolean by_peer, GError *error, gpointer user_data)
{
	g_ptr_array_remove(connections, connection);
}

static gboolean on_connection(GDBusServer *server, GDBusConnection *connection, gpointer user_data)
{
	static const GDBusInterfaceVTable vtable = { .method_call = on_call };

	g_ptr_array_add(connections, g_object_ref(connection));
	g_signal_connect(connection, "closed", G_CALLBACK(on_closed), NULL);
	return g_dbus_connection_register_object(connection, "/org/networkguard/Guard1", description, &vtable, NULL,
						 NULL, NULL) != 0;
}

/* --- commands --- */

static void add_rule(char **fields, guint n)
{
	Rule *rule = g_new0(Rule, 1);

	rule->method = g_strdup(fields[1]);
	rule->argument = g_strdup(n > 2 ? fields[2] : "*");
	if (g_str_equal(fields[0], "reply")) {
		g_autoptr(GError) error = NULL;

		rule->reply = g_variant_parse(NULL, fields[3], NULL, NULL, &error);
		if (!rule->reply)
			g_error("%s: %s", fields[3], error->message);
	} else if (g_str_equal(fields[0], "error")) {
		rule->error_name = g_strdup(fields[3]);
		rule->error_text = g_strdup(fields[4]);
	}
	g_ptr_array_add(rules, rule);
}

static void send_signal(const char *name, const char *value)
{
	g_autoptr(GVariant) parameters = g_variant_parse(NULL, value, NULL, NULL, NULL);

	for (guint i = 0; i < connections->len; i++)
		g_dbus_connection_emit_signal(connections->pdata[i], NULL, "/org/networkguard/Guard1",
					      "org.networkguard.Guard1", name, parameters, NULL);
}

static void tell_calls(void)
{
	for (guint i = 0; i < calls->len; i++)
		puts(calls->pdata[i]);
	g_ptr_array_set_size(calls, 0);
	g_hash_table_remove_all(called);
}

static void drop_all(void)
{
	for (guint i = connections->len; i-- > 0;)
		g_dbus_connection_close_sync(connections->pdata[i], NULL, NULL);
}

static void obey(const char *line)
{
	g_auto(GStrv) fields = g_strsplit(line, "\t", -1);
	const guint n = g_strv_length(fields);

	if (n == 4 && g_str_equal(fields[0], "reply"))
		add_rule(fields, n);
	else if (n == 5 && g_str_equal(fields[0], "error"))
		add_rule(fields, n);
	else if (n == 2 && g_str_equal(fields[0], "silent"))
		add_rule(fields, n);
	else if (n == 3 && g_str_equal(fields[0], "signal"))
		send_signal(fields[1], fields[2]);
	else if (n == 1 && g_str_equal(fields[0], "drop"))
		drop_all();
	else if (n == 1 && g_str_equal(fields[0], "calls"))
		tell_calls();
	else if (n != 2 || !g_str_equal(fields[0], "await"))
		g_error("not a command: %s", line);
	else if (!g_hash_table_contains(called, fields[1])) {
		awaited = g_strdup(fields[1]);
		return;
	}
	for (guint i = 0; i < connections->len; i++)
		g_dbus_connection_flush_sync(connections->pdata[i], NULL, NULL);
	say("ok");
}

static void on_line(GObject *source, GAsyncResult *result, gpointer loop)
{
	g_autofree char *line = g_data_input_stream_read_line_finish(G_DATA_INPUT_STREAM(source), result, NULL, NULL);

	if (!line) {
		g_main_loop_quit(loop);
		return;
	}
	obey(line);
	g_data_input_stream_read_line_async(G_DATA_INPUT_STREAM(source), G_PRIORITY_DEFAULT, NULL, on_line, loop);
}

static GDBusServer *start(const char *folder, const char *xml_path)
{
	g_autofree char *xml = NULL, *address = g_strdup_printf("unix:path=%s/guard.sock", folder);
	g_autofree char *guid = g_dbus_generate_guid();
	g_autoptr(GDBusNodeInfo) node = NULL;
	g_autoptr(GError) error = NULL;
	GDBusServer *server;

	if (!g_file_get_contents(xml_path, &xml, NULL, &error))
		g_error("%s", error->message);
	node = g_dbus_node_info_new_for_xml(xml, &error);
	if (!node)
		g_error("%s: %s", xml_path, error->message);
	description = g_dbus_interface_info_ref(g_dbus_node_info_lookup_interface(node, "org.networkguard.Guard1"));
	server = g_dbus_server_new_sync(address, G_DBUS_SERVER_FLAGS_NONE, guid, NULL, NULL, &error);
	if (!server)
		g_error("%s: %s", address, error->message);
	g_signal_connect(server, "new-connection", G_CALLBACK(on_connection), NULL);
	g_dbus_server_start(server);
	return server;
}

int main(int argc, char **argv)
{
	g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
	g_autoptr(GInputStream) input = g_unix_input_stream_new(0, FALSE);
	g_autoptr(GDataInputStream) lines = g_data_input_stream_new(input);
	g_autoptr(GDBusServer) server = NULL;

	if (argc != 3)
		return 2;
	rules = g_ptr_array_new();
	connections = g_ptr_array_new_with_free_func(g_object_unref);
	calls = g_ptr_array_new_with_free_func(g_free);
	called = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	unanswered = g_ptr_array_new();
	server = start(argv[1], argv[2]);
	say("ok");
	g_data_input_stream_read_line_async(lines, G_PRIORITY_DEFAULT, NULL, on_line, loop);
	g_main_loop_run(loop);
	g_dbus_server_stop(server); /* removes the socket */
	return 0;
}
