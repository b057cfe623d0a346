/* SPDX-License-Identifier: MIT */
/*
 * The client: contract in client.h.
 *
 * A socket is opened by hand before D-Bus is spoken on it, so that the peer's credentials (SO_PEERCRED: those of the
 * process that called listen(), unix(7)) are known before a byte is sent. The file's owner is checked too: a socket
 * passed on by a privileged process into somebody's folder would have the right credentials and the wrong place.
 *
 * GDBus authenticates without a limit of time, hence the alarm thread.
 */
#include "api/client.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <gio/gunixfdlist.h>

#include "base/cleanup.h"

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
};

G_DEFINE_QUARK(ng - client - error - quark, ng_client_error)

gboolean ng_client_trusts(uid_t uid, uid_t self)
{
	struct passwd entry, *found = NULL;
	char buffer[4096];

	if (uid == 0 || uid == self)
		return TRUE;
	if (getpwnam_r(NG_CLIENT_SERVICE_ACCOUNT, &entry, buffer, sizeof(buffer), &found) != 0 || !found)
		return FALSE;
	return found->pw_uid == uid;
}

/* --- errors --- */

static const struct {
	const char *name;
	NgClientError code;
} remote_errors[] = {
	{ "org.networkguard.Error.InvalidArgument", NG_CLIENT_ERROR_INVALID_ARGUMENT },
	{ "org.networkguard.Error.UnknownApplication", NG_CLIENT_ERROR_UNKNOWN_APPLICATION },
	{ "org.networkguard.Error.Managed", NG_CLIENT_ERROR_MANAGED },
	{ "org.networkguard.Error.Conflict", NG_CLIENT_ERROR_CONFLICT },
	{ "org.networkguard.Error.NotEnforced", NG_CLIENT_ERROR_NOT_ENFORCED },
	{ "org.networkguard.Error.Limit", NG_CLIENT_ERROR_LIMIT },
	{ "org.networkguard.Error.Failed", NG_CLIENT_ERROR_FAILED },
	{ "org.freedesktop.DBus.Error.AccessDenied", NG_CLIENT_ERROR_NOT_ALLOWED },
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

/* --- an end to authentication --- */

typedef struct {
	GMutex mutex;
	GCond cond;
	gboolean is_done;
	GCancellable *cancellable;
} Alarm;

static gpointer alarm_thread(gpointer data)
{
	Alarm *alarm = data;
	const gint64 end = g_get_monotonic_time() + NG_CLIENT_CONNECT_TIMEOUT_MS * G_TIME_SPAN_MILLISECOND;

	g_mutex_lock(&alarm->mutex);
	while (!alarm->is_done) {
		if (g_cond_wait_until(&alarm->cond, &alarm->mutex, end))
			continue;
		g_cancellable_cancel(alarm->cancellable);
		break;
	}
	g_mutex_unlock(&alarm->mutex);
	return NULL;
}

static GDBusConnection *authenticate(GIOStream *stream, GError **error)
{
	g_autoptr(GCancellable) cancellable = g_cancellable_new();
	Alarm alarm = { .cancellable = cancellable };
	GDBusConnection *connection;
	GThread *thread;

	g_mutex_init(&alarm.mutex);
	g_cond_init(&alarm.cond);
	thread = g_thread_new("alarm", alarm_thread, &alarm);
	connection = g_dbus_connection_new_sync(stream, NULL, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, NULL,
						cancellable, error);
	g_mutex_lock(&alarm.mutex);
	alarm.is_done = TRUE;
	g_cond_signal(&alarm.cond);
	g_mutex_unlock(&alarm.mutex);
	g_thread_join(thread);
	g_cond_clear(&alarm.cond);
	g_mutex_clear(&alarm.mutex);
	return connection;
}

/* --- the socket --- */

static gboolean refuse(const char *path, const char *what, uid_t uid, GError **error)
{
	g_set_error(
		error, NG_CLIENT_ERROR, NG_CLIENT_ERROR_UNTRUSTED,
		"%s: %s belongs to user %u, who is not the guard: nothing was sent. If that user's own simulation is "
		"meant, run this as that user; otherwise remove the file and look who made it",
		path, what, uid);
	return FALSE;
}

static gboolean is_file_trusted(const char *path, GError **error)
{
	struct stat st;

	if (lstat(path, &st) < 0) {
		g_set_error(error, NG_CLIENT_ERROR, NG_CLIENT_ERROR_NOT_RUNNING, "%s: %s", path, g_strerror(errno));
		return FALSE;
	}
	if (!S_ISSOCK(st.st_mode)) {
		g_set_error(error, NG_CLIENT_ERROR, NG_CLIENT_ERROR_UNTRUSTED,
			    "%s is not a socket: remove it and start netguardd again", path);
		return FALSE;
	}
	return ng_client_trusts(st.st_uid, geteuid()) || refuse(path, "the socket", st.st_uid, error);
}

static gboolean is_peer_trusted(int fd, const char *path, GError **error)
{
	struct ucred peer = { 0 };
	socklen_t length = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) {
		g_set_error(error, NG_CLIENT_ERROR, NG_CLIENT_ERROR_FAILED, "%s: who listens cannot be told: %s", path,
			    g_strerror(errno));
		return FALSE;
	}
	return ng_client_trusts(peer.uid, geteuid()) || refuse(path, "the process that listens", peer.uid, error);
}

/* A connected socket whose peer is trusted, or -1. connect() waits while the listener's queue is full, hence the
 * timeout (socket(7): SO_SNDTIMEO also holds for connect). */
static int connect_socket(const char *path, GError **error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = NG_CLIENT_CONNECT_TIMEOUT_MS / 1000 };
	ng_auto_fd fd = -1;

	if (strlen(path) >= sizeof(address.sun_path)) {
		g_set_error(error, NG_CLIENT_ERROR, NG_CLIENT_ERROR_INVALID_ARGUMENT,
			    "%s: too long for a socket's path (at most %zu bytes): choose a shorter runtime folder",
			    path, sizeof(address.sun_path) - 1);
		return -1;
	}
	strcpy(address.sun_path, path);
	if (!is_file_trusted(path, error))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		const int saved = errno;
		const gboolean is_busy = saved == EAGAIN || saved == ETIMEDOUT;

		g_set_error(error, NG_CLIENT_ERROR,
			    is_busy           ? NG_CLIENT_ERROR_NO_ANSWER
			    : saved == EACCES ? NG_CLIENT_ERROR_NOT_ALLOWED
					      : NG_CLIENT_ERROR_NOT_RUNNING,
			    "%s: %s", path,
			    is_busy ? "netguardd takes no calls: it is stopped or flooded" : g_strerror(saved));
		return -1;
	}
	limit.tv_sec = 0;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (!is_peer_trusted(fd, path, error))
		return -1;
	return ng_steal_fd(&fd);
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

static NgClient *client_for_socket(const char *path, GError **error)
{
	g_autoptr(GSocket) socket = NULL;
	g_autoptr(GSocketConnection) stream = NULL;
	g_autoptr(GError) local = NULL;
	GDBusConnection *connection;
	ng_auto_fd fd = connect_socket(path, error);

	if (fd < 0)
		return NULL;
	socket = g_socket_new_from_fd(fd, &local);
	if (socket) {
		(void)ng_steal_fd(&fd);
		stream = g_socket_connection_factory_create_connection(socket);
		connection = authenticate(G_IO_STREAM(stream), &local);
		if (connection)
			return client_take(connection, NULL, path);
	}
	if (g_error_matches(local, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		g_set_error(
			error, NG_CLIENT_ERROR, NG_CLIENT_ERROR_NO_ANSWER,
			"%s: netguardd does not answer: it is stopped or very busy. What is in force stays in force",
			path);
	else
		g_set_error(error, NG_CLIENT_ERROR, NG_CLIENT_ERROR_NO_ANSWER,
			    "%s: netguardd did not let us in (%s): it may have too many clients, try again", path,
			    local->message);
	return NULL;
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
					    g_variant_new("(s)", NG_CLIENT_BUS_NAME), G_VARIANT_TYPE("(u)"),
					    G_DBUS_CALL_FLAGS_NONE, NG_CLIENT_CONNECT_TIMEOUT_MS, NULL, NULL);
	if (!reply)
		return NULL;
	g_variant_get(reply, "(u)", &uid);
	if (!ng_client_trusts(uid, geteuid())) {
		refuse(NG_CLIENT_BUS_NAME, "the name on the system bus", uid, error);
		return NULL;
	}
	return client_take(g_steal_pointer(&bus), NG_CLIENT_BUS_NAME, "the system bus");
}

/* --- the search --- */

static void add_place(GPtrArray *places, const char *folder)
{
	if (folder && *folder == '/')
		g_ptr_array_add(places, g_build_filename(folder, "guard.sock", NULL));
}

static GPtrArray *usual_places(void)
{
	GPtrArray *places = g_ptr_array_new_with_free_func(g_free);
	const char *runtime = g_getenv("XDG_RUNTIME_DIR");
	g_autofree char *own = runtime && *runtime ? g_build_filename(runtime, "netguard", NULL) : NULL;
	g_autofree char *shared = g_strdup_printf("/tmp/netguard-%u", geteuid());

	add_place(places, NG_CLIENT_SYSTEM_RUNTIME);
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
	NgClient *client = NULL;

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

		client = client_for_socket(places->pdata[i], &local);
		if (client)
			return client;
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

GVariant *ng_client_call(NgClient *client, const char *method, GVariant *parameters, const char *reply_type,
			 int timeout_ms, GError **error)
{
	g_autoptr(GError) local = NULL;
	GVariant *reply;

	reply = g_dbus_connection_call_sync(client->connection, client->bus_name, NG_CLIENT_OBJECT, NG_CLIENT_INTERFACE,
					    method, parameters, G_VARIANT_TYPE(reply_type), G_DBUS_CALL_FLAGS_NONE,
					    timeout_ms, NULL, &local);
	if (!reply) {
		ng_client_error_translate(&local);
		g_propagate_error(error, g_steal_pointer(&local));
	}
	return reply;
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

gboolean ng_client_subscribe(NgClient *client, const NgClientListener *listener, gpointer user_data, GError **error)
{
	g_autoptr(GVariant) reply = NULL;

	g_return_val_if_fail(!client->listener, FALSE);
	client->listener = listener;
	client->user_data = user_data;
	client->closed_handler = g_signal_connect(client->connection, "closed", G_CALLBACK(on_closed), client);
	client->subscription = g_dbus_connection_signal_subscribe(client->connection, client->bus_name,
								  NG_CLIENT_INTERFACE, NULL, NG_CLIENT_OBJECT, NULL,
								  G_DBUS_SIGNAL_FLAGS_NONE, on_signal, client, NULL);
	if (client->bus_name)
		client->owner_subscription = g_dbus_connection_signal_subscribe(
			client->connection, "org.freedesktop.DBus", "org.freedesktop.DBus", "NameOwnerChanged",
			"/org/freedesktop/DBus", client->bus_name, G_DBUS_SIGNAL_FLAGS_NONE, on_owner_changed, client,
			NULL);
	reply = ng_client_call(client, "Subscribe", NULL, "()", NG_CLIENT_CALL_TIMEOUT_MS, error);
	return reply != NULL;
}
