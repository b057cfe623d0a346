/* SPDX-License-Identifier: MIT */
/* The client: contract in client.h. How a socket is connected: client-connect.c. */
#include "api/client.h"

#include <unistd.h>

#include "api/client-connect.h"
#include "api/interface.h"

struct _NgClient {
	GDBusConnection *connection;
	const char *bus_name; /* NULL: peer to peer */
	char *where;
	const NgClientListener *listener;
	gpointer user_data;
	guint subscription;
	guint owner_subscription;
	gulong closed_handler;
	gboolean is_lost;
	gboolean is_interactive;
};

GQuark ng_client_error_quark(void)
{
	return g_quark_from_static_string("ng-client-error-quark");
}

/* --- errors --- */

static const struct {
	const char *name;
	NgClientError code;
} remote_errors[] = {
	{ NG_API_ERROR_INVALID, NG_CLIENT_ERROR_INVALID_ARGUMENT },
	{ NG_API_ERROR_UNKNOWN, NG_CLIENT_ERROR_UNKNOWN_APPLICATION },
	{ NG_API_ERROR_MANAGED, NG_CLIENT_ERROR_MANAGED },
	{ NG_API_ERROR_CONFLICT, NG_CLIENT_ERROR_CONFLICT },
	{ NG_API_ERROR_NOT_ENFORCED, NG_CLIENT_ERROR_NOT_ENFORCED },
	{ NG_API_ERROR_LIMIT, NG_CLIENT_ERROR_LIMIT },
	{ NG_API_ERROR_LOCKED, NG_CLIENT_ERROR_LOCKED },
	{ NG_API_ERROR_WRONG_PASSPHRASE, NG_CLIENT_ERROR_WRONG_PASSPHRASE },
	{ NG_API_ERROR_CANCELLED, NG_CLIENT_ERROR_CANCELLED },
	{ NG_API_ERROR_FAILED, NG_CLIENT_ERROR_FAILED },
	{ NG_API_ERROR_DENIED, NG_CLIENT_ERROR_NOT_ALLOWED },
	{ "org.freedesktop.DBus.Error.AuthFailed", NG_CLIENT_ERROR_NOT_ALLOWED },
	{ "org.freedesktop.DBus.Error.InvalidArgs", NG_CLIENT_ERROR_INVALID_ARGUMENT },
	{ "org.freedesktop.DBus.Error.LimitsExceeded", NG_CLIENT_ERROR_LIMIT },
	{ "org.freedesktop.DBus.Error.UnknownMethod", NG_CLIENT_ERROR_INCOMPATIBLE },
	{ "org.freedesktop.DBus.Error.UnknownInterface", NG_CLIENT_ERROR_INCOMPATIBLE },
	{ "org.freedesktop.DBus.Error.UnknownObject", NG_CLIENT_ERROR_INCOMPATIBLE },
	{ "org.freedesktop.DBus.Error.ServiceUnknown", NG_CLIENT_ERROR_NOT_RUNNING },
	{ "org.freedesktop.DBus.Error.NameHasNoOwner", NG_CLIENT_ERROR_NOT_RUNNING },
	{ "org.freedesktop.DBus.Error.Disconnected", NG_CLIENT_ERROR_NOT_RUNNING },
	{ "org.freedesktop.DBus.Error.NoReply", NG_CLIENT_ERROR_NO_ANSWER },
	{ "org.freedesktop.DBus.Error.Timeout", NG_CLIENT_ERROR_NO_ANSWER },
	{ "org.freedesktop.DBus.Error.TimedOut", NG_CLIENT_ERROR_NO_ANSWER },
};

static NgClientError code_of(const GError *error)
{
	g_autofree char *name = NULL;

	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
		return NG_CLIENT_ERROR_NO_ANSWER;
	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CLOSED))
		return NG_CLIENT_ERROR_NOT_RUNNING;
	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT))
		return NG_CLIENT_ERROR_INCOMPATIBLE; /* the reply is not of the type we asked for */
	name = g_dbus_error_get_remote_error(error);
	for (gsize i = 0; name && i < G_N_ELEMENTS(remote_errors); i++) {
		if (g_str_equal(name, remote_errors[i].name))
			return remote_errors[i].code;
	}
	return NG_CLIENT_ERROR_FAILED;
}

static char *message_of(NgClientError code, const GError *error)
{
	switch (code) {
	case NG_CLIENT_ERROR_NOT_RUNNING:
		return g_strdup("netguardd went away during the call: see its messages, then try again");
	case NG_CLIENT_ERROR_NO_ANSWER:
		return g_strdup(
			"netguardd does not answer: it is stopped or very busy. What is in force stays in force; "
			"look at the process or restart it");
	case NG_CLIENT_ERROR_INCOMPATIBLE:
		return g_strdup_printf(
			"netguardd is of another version than this program: restart the service after an "
			"upgrade (%s)",
			error->message);
	case NG_CLIENT_ERROR_UNTRUSTED:
	case NG_CLIENT_ERROR_NOT_ALLOWED:
	case NG_CLIENT_ERROR_INVALID_ARGUMENT:
	case NG_CLIENT_ERROR_UNKNOWN_APPLICATION:
	case NG_CLIENT_ERROR_MANAGED:
	case NG_CLIENT_ERROR_CONFLICT:
	case NG_CLIENT_ERROR_NOT_ENFORCED:
	case NG_CLIENT_ERROR_LIMIT:
	case NG_CLIENT_ERROR_LOCKED:
	case NG_CLIENT_ERROR_WRONG_PASSPHRASE:
	case NG_CLIENT_ERROR_CANCELLED:
	case NG_CLIENT_ERROR_FAILED:
		break;
	}
	return g_strdup(error->message);
}

void ng_client_error_translate(GError **error)
{
	GError *translated = NULL;
	NgClientError code;
	g_autofree char *message = NULL;

	if (!error || !*error || (*error)->domain == NG_CLIENT_ERROR)
		return;
	code = code_of(*error);
	g_dbus_error_strip_remote_error(*error);
	message = message_of(code, *error);
	translated = g_error_new_literal(NG_CLIENT_ERROR, code, message);
	g_error_free(*error);
	*error = translated;
}

static NgClient *client_take(GDBusConnection *connection, const char *bus_name, const char *where)
{
	NgClient *client = g_new0(NgClient, 1);

	g_dbus_connection_set_exit_on_close(connection, FALSE);
	client->connection = connection;
	client->bus_name = bus_name;
	client->where = g_strdup(where);
	return client;
}

/* --- the bus --- */

/* NULL without an error: nobody has the name, or there is no bus. */
static NgClient *client_for_bus(GError **error)
{
	g_autoptr(GDBusConnection) bus = g_bus_get_sync(G_BUS_TYPE_SYSTEM, NULL, NULL);
	g_autoptr(GVariant) reply = NULL;
	guint32 uid = 0;

	if (!bus)
		return NULL;
	g_dbus_connection_set_exit_on_close(bus, FALSE);
	reply = g_dbus_connection_call_sync(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
					    "org.freedesktop.DBus", "GetConnectionUnixUser",
					    g_variant_new("(s)", NG_API_BUS_NAME), G_VARIANT_TYPE("(u)"),
					    G_DBUS_CALL_FLAGS_NONE, NG_CLIENT_CONNECT_TIMEOUT_MS, NULL, NULL);
	if (!reply)
		return NULL;
	g_variant_get(reply, "(u)", &uid);
	if (!ng_client_trusts(uid, geteuid())) {
		ng_client_refuse(NG_API_BUS_NAME, "the name on the system bus", uid, error);
		return NULL;
	}
	return client_take(g_steal_pointer(&bus), NG_API_BUS_NAME, "the system bus");
}

/* --- the search --- */

static void add_place(GPtrArray *places, const char *folder)
{
	if (folder && *folder == '/')
		g_ptr_array_add(places, g_build_filename(folder, NG_API_SOCKET, NULL));
}

static GPtrArray *usual_places(void)
{
	GPtrArray *places = g_ptr_array_new_with_free_func(g_free);
	const char *runtime = g_getenv("XDG_RUNTIME_DIR");
	g_autofree char *own = runtime && *runtime ? g_build_filename(runtime, "netguard", NULL) : NULL;
	g_autofree char *shared = g_strdup_printf("/tmp/netguard-%u", geteuid());

	add_place(places, NG_CLIENT_SYSTEM_RUNTIME);
	add_place(places, NG_CLIENT_SIMULATION_RUNTIME);
	add_place(places, own);
	add_place(places, shared);
	return places;
}

/* The error for people who have no service: it names how to start one. */
static void say_not_running(const char *runtime_dir, GError **error)
{
	if (runtime_dir)
		g_set_error(error, NG_CLIENT_ERROR, NG_CLIENT_ERROR_NOT_RUNNING,
			    "netguardd is not running with --runtime %s: start it with \"netguardd --runtime %s\"",
			    runtime_dir, runtime_dir);
	else if (g_file_test("/run/systemd/system", G_FILE_TEST_IS_DIR))
		g_set_error(
			error, NG_CLIENT_ERROR, NG_CLIENT_ERROR_NOT_RUNNING,
			"netguardd is not running: start it with \"sudo systemctl start netguardd\", or try it without "
			"privilege with \"netguardd --simulate\"");
	else
		g_set_error(
			error, NG_CLIENT_ERROR, NG_CLIENT_ERROR_NOT_RUNNING,
			"netguardd is not running: start it with \"netguardd\" as root, or try it without privilege "
			"with \"netguardd --simulate\"");
}

NgClient *ng_client_new(const char *runtime_dir, GError **error)
{
	g_autoptr(GPtrArray) places = NULL;
	GDBusConnection *connection;
	NgClient *client;

	if (runtime_dir) {
		g_autofree char *folder = g_canonicalize_filename(runtime_dir, NULL);

		places = g_ptr_array_new_with_free_func(g_free);
		add_place(places, folder);
	} else {
		g_autoptr(GError) local = NULL;

		client = client_for_bus(&local);
		if (client)
			return client;
		if (local) {
			g_propagate_error(error, g_steal_pointer(&local));
			return NULL;
		}
		places = usual_places();
	}
	for (guint i = 0; i < places->len; i++) {
		g_autoptr(GError) local = NULL;

		connection = ng_client_connect(places->pdata[i], &local);
		if (connection)
			return client_take(connection, NULL, places->pdata[i]);
		if (!g_error_matches(local, NG_CLIENT_ERROR, NG_CLIENT_ERROR_NOT_RUNNING)) {
			g_propagate_error(error, g_steal_pointer(&local));
			return NULL;
		}
	}
	say_not_running(runtime_dir, error);
	return NULL;
}

void ng_client_free(NgClient *client)
{
	if (!client)
		return;
	if (client->closed_handler)
		g_signal_handler_disconnect(client->connection, client->closed_handler);
	if (client->subscription)
		g_dbus_connection_signal_unsubscribe(client->connection, client->subscription);
	if (client->owner_subscription)
		g_dbus_connection_signal_unsubscribe(client->connection, client->owner_subscription);
	if (!client->bus_name)
		g_dbus_connection_close(client->connection, NULL, NULL, NULL);
	g_object_unref(client->connection);
	g_free(client->where);
	g_free(client);
}

const char *ng_client_where(NgClient *client)
{
	return client->where;
}

GDBusConnection *ng_client_connection(NgClient *client)
{
	return client->connection;
}

const char *ng_client_bus_name(NgClient *client)
{
	return client->bus_name;
}

void ng_client_set_interactive(NgClient *client, gboolean is_interactive)
{
	client->is_interactive = is_interactive;
}

static GDBusCallFlags call_flags(NgClient *client)
{
	return client->is_interactive ? G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION : G_DBUS_CALL_FLAGS_NONE;
}

static int call_timeout(NgClient *client, int timeout_ms)
{
	return client->is_interactive ? MAX(timeout_ms, NG_CLIENT_ASK_TIMEOUT_MS) : timeout_ms;
}

GVariant *ng_client_call(NgClient *client, const char *method, GVariant *parameters, const char *reply_type,
			 int timeout_ms, GError **error)
{
	g_autoptr(GError) local = NULL;
	GVariant *reply;

	reply = g_dbus_connection_call_sync(client->connection, client->bus_name, NG_API_OBJECT, NG_API_INTERFACE,
					    method, parameters, G_VARIANT_TYPE(reply_type), call_flags(client),
					    call_timeout(client, timeout_ms), NULL, &local);
	if (!reply) {
		ng_client_error_translate(&local);
		g_propagate_error(error, g_steal_pointer(&local));
	}
	return reply;
}

/* --- without waiting --- */

static void connect_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
	g_autoptr(GError) error = NULL;
	NgClient *client = ng_client_new(data, &error);

	if (client)
		g_task_return_pointer(task, client, (GDestroyNotify)ng_client_free);
	else
		g_task_return_error(task, g_steal_pointer(&error));
}

void ng_client_new_async(const char *runtime_dir, GCancellable *cancellable, GAsyncReadyCallback callback,
			 gpointer user_data)
{
	g_autoptr(GTask) task = g_task_new(NULL, cancellable, callback, user_data);

	g_task_set_source_tag(task, ng_client_new_async);
	g_task_set_task_data(task, g_strdup(runtime_dir), g_free);
	g_task_run_in_thread(task, connect_thread);
}

NgClient *ng_client_new_finish(GAsyncResult *result, GError **error)
{
	g_return_val_if_fail(g_async_result_is_tagged(result, ng_client_new_async), NULL);
	return g_task_propagate_pointer(G_TASK(result), error);
}

static void call_ended(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GTask) task = data;
	g_autoptr(GError) error = NULL;
	GVariant *reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);

	if (reply) {
		g_task_return_pointer(task, reply, (GDestroyNotify)g_variant_unref);
		return;
	}
	if (!g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		ng_client_error_translate(&error);
	g_task_return_error(task, g_steal_pointer(&error));
}

void ng_client_call_async(NgClient *client, const char *method, GVariant *parameters, const char *reply_type,
			  int timeout_ms, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
	GTask *task = g_task_new(NULL, cancellable, callback, user_data);

	g_task_set_source_tag(task, ng_client_call_async);
	g_dbus_connection_call(client->connection, client->bus_name, NG_API_OBJECT, NG_API_INTERFACE, method,
			       parameters, G_VARIANT_TYPE(reply_type), call_flags(client),
			       call_timeout(client, timeout_ms), cancellable, call_ended, task);
}

GVariant *ng_client_call_finish(GAsyncResult *result, GError **error)
{
	g_return_val_if_fail(g_async_result_is_tagged(result, ng_client_call_async), NULL);
	return g_task_propagate_pointer(G_TASK(result), error);
}

/* --- signals --- */

static void become_lost(NgClient *client)
{
	if (client->is_lost)
		return;
	client->is_lost = TRUE;
	if (client->listener->lost)
		client->listener->lost(client->user_data); /* may free the client: nothing after this */
}

static void on_closed(GDBusConnection *connection, gboolean by_peer, GError *error, gpointer data)
{
	become_lost(data);
}

static void on_owner_changed(GDBusConnection *connection, const char *sender, const char *path, const char *interface,
			     const char *signal, GVariant *parameters, gpointer data)
{
	become_lost(data);
}

static void on_signal(GDBusConnection *connection, const char *sender, const char *path, const char *interface,
		      const char *signal, GVariant *parameters, gpointer data)
{
	NgClient *client = data;

	if (client->is_lost)
		return;
	if (g_str_equal(signal, "Attempt") && g_variant_is_of_type(parameters, G_VARIANT_TYPE("(a{sv})"))) {
		g_autoptr(GVariant) attempt = g_variant_get_child_value(parameters, 0);

		if (client->listener->attempt)
			client->listener->attempt(attempt, client->user_data);
	} else if (g_str_equal(signal, "Changed") && g_variant_is_of_type(parameters, G_VARIANT_TYPE("(s)"))) {
		const char *what = NULL;

		g_variant_get(parameters, "(&s)", &what);
		if (client->listener->changed)
			client->listener->changed(what, client->user_data);
	}
}

void ng_client_listen(NgClient *client, const NgClientListener *listener, gpointer user_data)
{
	g_return_if_fail(!client->listener);
	client->listener = listener;
	client->user_data = user_data;
	client->closed_handler = g_signal_connect(client->connection, "closed", G_CALLBACK(on_closed), client);
	client->subscription = g_dbus_connection_signal_subscribe(client->connection, client->bus_name,
								  NG_API_INTERFACE, NULL, NG_API_OBJECT, NULL,
								  G_DBUS_SIGNAL_FLAGS_NONE, on_signal, client, NULL);
	if (client->bus_name)
		client->owner_subscription = g_dbus_connection_signal_subscribe(
			client->connection, "org.freedesktop.DBus", "org.freedesktop.DBus", "NameOwnerChanged",
			"/org/freedesktop/DBus", client->bus_name, G_DBUS_SIGNAL_FLAGS_NONE, on_owner_changed, client,
			NULL);
}

gboolean ng_client_subscribe(NgClient *client, const NgClientListener *listener, gpointer user_data, GError **error)
{
	g_autoptr(GVariant) reply = NULL;

	ng_client_listen(client, listener, user_data);
	reply = ng_client_call(client, "Subscribe", NULL, "()", NG_CLIENT_CALL_TIMEOUT_MS, error);
	return reply != NULL;
}
