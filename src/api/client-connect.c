/* SPDX-License-Identifier: MIT */
/*
 * Connecting to a guard's socket: contract in client-connect.h.
 *
 * A socket is opened by hand before D-Bus is spoken on it, so that the peer's credentials (SO_PEERCRED: those of the
 * process that called listen(), unix(7)) are known before a byte is sent. The file's owner is checked too: a socket
 * passed on by a privileged process into somebody's folder would have the right credentials and the wrong place.
 *
 * GDBus authenticates without a limit of time, hence the alarm thread.
 */
#include "api/client-connect.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

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

gboolean ng_client_refuse(const char *path, const char *what, uid_t uid, GError **error)
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
		g_set_error(error, NG_CLIENT_ERROR,
			    errno == EACCES ? NG_CLIENT_ERROR_NOT_ALLOWED : NG_CLIENT_ERROR_NOT_RUNNING, "%s: %s", path,
			    g_strerror(errno));
		return FALSE;
	}
	if (!S_ISSOCK(st.st_mode)) {
		g_set_error(error, NG_CLIENT_ERROR, NG_CLIENT_ERROR_UNTRUSTED,
			    "%s is not a socket: remove it and start netguardd again", path);
		return FALSE;
	}
	return ng_client_trusts(st.st_uid, geteuid()) || ng_client_refuse(path, "the socket", st.st_uid, error);
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
	return ng_client_trusts(peer.uid, geteuid()) ||
	       ng_client_refuse(path, "the process that listens", peer.uid, error);
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
	memcpy(address.sun_path, path, strlen(path) + 1);
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

GDBusConnection *ng_client_connect(const char *path, GError **error)
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
			return connection;
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
