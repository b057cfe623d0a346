/* SPDX-License-Identifier: MIT */
/*
 * The system bus: the same methods for callers there. GLib checks paths, methods and types; the bus limits sizes. A
 * caller is a unique name whose uid the bus tells us; it is asked once and forgotten with the name. What a caller has
 * waiting is limited and takes its turn like everyone's (server.c).
 *
 * Runs in the engine. Without a bus this is silent but for one sentence; the socket serves alone.
 */
#include "api/server-internal.h"

#define RETRY_MAX_S 60 /* from one second on, doubled each time: at boot the bus comes soon after the guard */

struct _NgBus {
	NgServer *server;
	void (*say)(const char *text, gpointer user_data);
	GCancellable *cancellable;
	GDBusConnection *connection;
	GHashTable *callers; /* unique name -> BusClient, a reference each */
	guint object;
	guint owner;
	guint names; /* NameOwnerChanged */
	guint retry;
	guint retry_s;
	gboolean has_said;
};

typedef struct {
	NgClient client; /* first */
	NgBus *bus;      /* NULL when gone */
	GDBusConnection *connection;
	char *name;
	GQueue waiting; /* GDBusMethodInvocation* */
	guint n_calls;  /* waiting and unanswered */
} BusClient;

static void bus_say(NgBus *bus, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void bus_say(NgBus *bus, const char *format, ...)
{
	g_autofree char *sentence = NULL;
	va_list args;

	va_start(args, format);
	sentence = g_strdup_vprintf(format, args);
	va_end(args);
	if (bus->say)
		bus->say(sentence, bus->server->config.user_data);
}

static void bus_client_free(NgClient *client)
{
	BusClient *caller = (BusClient *)client;

	g_queue_clear_full(&caller->waiting, g_object_unref);
	g_object_unref(caller->connection);
	g_free(caller->name);
	g_free(caller);
}

static void bus_client_next(NgClient *client)
{
	BusClient *caller = (BusClient *)client;
	GDBusMethodInvocation *invocation = g_queue_pop_head(&caller->waiting);

	if (!invocation)
		return;
	ng_dispatch(client, g_dbus_method_invocation_get_method_name(invocation),
		    g_dbus_method_invocation_get_parameters(invocation), 1, invocation);
	if (caller->waiting.length > 0)
		ng_client_queue(client);
}

static void bus_client_reply(NgClient *client, NgCall *call, NgReply *reply)
{
	((BusClient *)client)->n_calls--;
	g_dbus_method_invocation_return_value(g_steal_pointer(&call->invocation), reply->result);
}

static void bus_client_fail(NgClient *client, NgCall *call, const char *name, const char *text)
{
	((BusClient *)client)->n_calls--;
	g_dbus_method_invocation_return_dbus_error(g_steal_pointer(&call->invocation), name, text);
}

static void bus_client_signal(NgClient *client, const char *name, GVariant *parameters)
{
	BusClient *caller = (BusClient *)client;

	if (client->server)
		g_dbus_connection_emit_signal(caller->connection, caller->name, NG_API_OBJECT, NG_API_INTERFACE, name,
					      parameters, NULL);
}

static GDBusConnection *bus_client_bus(NgClient *client, const char **ret_sender)
{
	BusClient *caller = (BusClient *)client;

	*ret_sender = caller->name;
	return caller->connection;
}

static const NgTransport bus_transport = { "bus",           bus_client_next,   bus_client_reply,
					   bus_client_fail, bus_client_signal, bus_client_free,
					   bus_client_bus };

/* The caller's name is gone, or it is forgotten. */
static void bus_client_drop(gpointer data)
{
	BusClient *caller = data;

	caller->bus = NULL;
	ng_client_leave(&caller->client);
	ng_client_unref(&caller->client);
}

static void bus_client_known(GObject *source, GAsyncResult *result, gpointer data)
{
	BusClient *caller = data;
	g_autoptr(GVariant) reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, NULL);
	guint32 uid;

	if (caller->bus && reply) {
		g_variant_get(reply, "(u)", &uid);
		ng_client_join(ng_client_ref(&caller->client), caller->bus->server, uid);
		caller->client.is_known = TRUE;
		if (caller->waiting.length > 0)
			ng_client_queue(&caller->client);
	} else if (caller->bus) {
		g_hash_table_remove(caller->bus->callers, caller->name);
	}
	ng_client_unref(&caller->client);
}

/* Forget one caller that has nothing waiting and hears nothing. */
static void bus_make_room(NgBus *bus)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, bus->callers);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const BusClient *caller = value;

		if (caller->n_calls == 0 && !caller->client.is_subscribed) {
			g_hash_table_iter_remove(&iter);
			return;
		}
	}
}

static BusClient *bus_caller(NgBus *bus, const char *name)
{
	BusClient *caller = g_hash_table_lookup(bus->callers, name);

	if (caller)
		return caller;
	if (g_hash_table_size(bus->callers) >= NG_SERVER_BUS_CALLERS)
		bus_make_room(bus);
	if (g_hash_table_size(bus->callers) >= NG_SERVER_BUS_CALLERS)
		return NULL;
	caller = g_new0(BusClient, 1);
	ng_client_init(&caller->client, &bus_transport);
	caller->bus = bus;
	caller->name = g_strdup(name);
	caller->connection = g_object_ref(bus->connection);
	g_queue_init(&caller->waiting);
	g_hash_table_insert(bus->callers, caller->name, caller);
	ng_client_ref(&caller->client);
	g_dbus_connection_call(bus->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
			       "GetConnectionUnixUser", g_variant_new("(s)", name), G_VARIANT_TYPE("(u)"),
			       G_DBUS_CALL_FLAGS_NONE, 10000, bus->cancellable, bus_client_known, caller);
	return caller;
}

static void bus_method_call(GDBusConnection *connection, const gchar *sender, const gchar *path, const gchar *interface,
			    const gchar *method, GVariant *parameters, GDBusMethodInvocation *invocation, gpointer data)
{
	NgBus *bus = data;
	BusClient *caller = sender ? bus_caller(bus, sender) : NULL;

	if (!caller || caller->n_calls >= NG_SERVER_BUS_CALLS) {
		g_dbus_method_invocation_return_dbus_error(
			invocation, NG_API_ERROR_LIMIT, "Too many calls are unanswered. Wait for the answers first.");
		return;
	}
	caller->n_calls++;
	g_queue_push_tail(&caller->waiting, invocation);
	ng_client_queue(&caller->client);
}

static const GDBusInterfaceVTable bus_vtable = { .method_call = bus_method_call };

static void bus_name_changed(GDBusConnection *connection, const gchar *sender, const gchar *path,
			     const gchar *interface, const gchar *signal, GVariant *parameters, gpointer data)
{
	NgBus *bus = data;
	const char *name, *new_owner;

	g_variant_get(parameters, "(&s&s&s)", &name, NULL, &new_owner);
	if (!*new_owner)
		g_hash_table_remove(bus->callers, name);
}

static void bus_name_acquired(GDBusConnection *connection, const gchar *name, gpointer data)
{
	bus_say(data, "serving %s on the system bus too", name);
}

static void bus_name_lost(GDBusConnection *connection, const gchar *name, gpointer data)
{
	bus_say(data, "the name %s on the system bus is not to be had; the socket serves alone", name);
}

static gboolean bus_connect(gpointer data);

static void bus_retry(NgBus *bus)
{
	bus->retry_s = CLAMP(2 * bus->retry_s, 1, RETRY_MAX_S);
	bus->retry = g_timeout_add_seconds(bus->retry_s, bus_connect, bus);
}

static void bus_leave(NgBus *bus)
{
	g_clear_handle_id(&bus->owner, g_bus_unown_name);
	g_hash_table_remove_all(bus->callers);
	if (!bus->connection)
		return;
	g_signal_handlers_disconnect_by_data(bus->connection, bus);
	if (bus->object > 0)
		g_dbus_connection_unregister_object(bus->connection, bus->object);
	if (bus->names > 0)
		g_dbus_connection_signal_unsubscribe(bus->connection, bus->names);
	bus->object = bus->names = 0;
	g_clear_object(&bus->connection);
}

static void bus_closed(GDBusConnection *connection, gboolean vanished, GError *error, gpointer data)
{
	NgBus *bus = data;

	bus_say(bus, "the system bus has gone; the socket serves alone");
	bus_leave(bus);
	if (bus->retry == 0)
		bus_retry(bus);
}

static void bus_connected(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GError) error = NULL;
	GDBusConnection *connection = g_dbus_connection_new_for_address_finish(result, &error);
	NgBus *bus = data;

	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return;
	if (!connection) {
		if (!bus->has_said)
			bus_say(bus, "no system bus (%s); the socket serves alone", error->message);
		bus->has_said = TRUE;
		bus_retry(bus);
		return;
	}
	bus->connection = connection;
	bus->has_said = FALSE;
	bus->retry_s = 0;
	g_dbus_connection_set_exit_on_close(connection, FALSE);
	g_signal_connect(connection, "closed", G_CALLBACK(bus_closed), bus);
	bus->object = g_dbus_connection_register_object(connection, NG_API_OBJECT, ng_api_interface_info(), &bus_vtable,
							bus, NULL, NULL);
	bus->names = g_dbus_connection_signal_subscribe(connection, "org.freedesktop.DBus", "org.freedesktop.DBus",
							"NameOwnerChanged", "/org/freedesktop/DBus", NULL,
							G_DBUS_SIGNAL_FLAGS_NONE, bus_name_changed, bus, NULL);
	bus->owner = g_bus_own_name_on_connection(connection, NG_API_BUS_NAME, G_BUS_NAME_OWNER_FLAGS_DO_NOT_QUEUE,
						  bus_name_acquired, bus_name_lost, bus, NULL);
}

static gboolean bus_connect(gpointer data)
{
	NgBus *bus = data;
	g_autofree char *address = g_dbus_address_get_for_bus_sync(G_BUS_TYPE_SYSTEM, NULL, NULL);

	bus->retry = 0;
	if (address)
		g_dbus_connection_new_for_address(address,
						  G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
							  G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
						  NULL, bus->cancellable, bus_connected, bus);
	return G_SOURCE_REMOVE;
}

NgBus *ng_bus_new(NgServer *server, void (*say)(const char *text, gpointer user_data))
{
	NgBus *bus = g_new0(NgBus, 1);

	bus->server = server;
	bus->say = say;
	bus->cancellable = g_cancellable_new();
	bus->callers = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, bus_client_drop);
	bus_connect(bus);
	return bus;
}

void ng_bus_free(NgBus *bus)
{
	g_cancellable_cancel(bus->cancellable);
	bus_leave(bus);
	g_clear_handle_id(&bus->retry, g_source_remove);
	g_object_unref(bus->cancellable);
	g_hash_table_unref(bus->callers);
	g_free(bus);
}

GDBusConnection *ng_bus_connection(NgBus *bus)
{
	return bus->connection;
}
