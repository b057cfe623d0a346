/* SPDX-License-Identifier: MIT */
/*
 * The socket: accepting, limits, timeouts, and writing. GDBusServer would give us none of the limits (128 MiB a
 * message, a thread for each connection that does not introduce itself, no end to what waits to be written), so the
 * connections are our own and only the marshalling is GLib's. Runs in the engine's one thread; never blocks.
 *
 * Limits (server.h): connections of a uid and of all, with places kept for who may change; the time to introduce
 * oneself; the time in which output must move; the output of a subscriber.
 */
#include "api/peer.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTS_PER_TURN 32
#define ACCEPT_PAUSE_MS 100

struct _NgPeers {
	NgServer *server;
	int fd;
	guint accept_source;
	guint pause_source;
	guint timer; /* runs only while somebody could be late */
	GPtrArray *peers;
	guint n_ordinary; /* connections of uids that may not change */
	char *guid;
};

typedef struct {
	GSource base;
	NgPeer *peer;
} PeerSource;

static void peer_free(NgClient *client)
{
	NgPeer *peer = (NgPeer *)client;

	g_queue_clear_full(&peer->output, (GDestroyNotify)g_bytes_unref);
	g_byte_array_unref(peer->rest);
	g_free(peer->message);
	g_free(peer);
}

void ng_peer_close(NgPeer *peer)
{
	if (peer->fd < 0)
		return;
	g_source_destroy(peer->source);
	g_source_unref(peer->source);
	peer->source = NULL;
	close(peer->fd);
	peer->fd = -1;
	peer->client.share->unsent -= peer->unsent;
	peer->client.share->n_connections--;
	peer->unsent = 0;
	g_queue_clear_full(&peer->output, (GDestroyNotify)g_bytes_unref);
	ng_share_list(peer->client.server, peer->client.share);
	if (!peer->client.is_admin)
		peer->peers->n_ordinary--;
	g_ptr_array_remove_fast(peer->peers->peers, peer);
	ng_client_leave(&peer->client);
}

static gboolean peer_wants_input(const NgPeer *peer)
{
	return !peer->is_busy && !peer->client.is_queued && peer->unsent <= NG_SERVER_OUTPUT_PAUSE;
}

void ng_peer_update(NgPeer *peer)
{
	GIOCondition condition = 0;

	if (peer->fd < 0)
		return;
	if (peer->rest->len > 0 && peer_wants_input(peer))
		ng_peer_read(peer);
	if (peer->fd < 0)
		return;
	if (peer_wants_input(peer))
		condition |= G_IO_IN;
	if (peer->unsent > 0)
		condition |= G_IO_OUT;
	g_source_modify_unix_fd(peer->source, peer->tag, condition);
}

/* Write what the socket takes now. */
static void peer_flush(NgPeer *peer)
{
	while (peer->output.length > 0) {
		GBytes *bytes = g_queue_peek_head(&peer->output);
		gsize size;
		const guint8 *data = g_bytes_get_data(bytes, &size);
		ssize_t n = send(peer->fd, data + peer->sent, size - peer->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) {
			ng_peer_close(peer);
			return;
		}
		if (n < 0)
			return;
		peer->moved_us = g_get_monotonic_time();
		peer->sent += (gsize)n;
		peer->unsent -= (gsize)n;
		peer->client.share->unsent -= (gsize)n;
		if (peer->sent < size)
			continue;
		peer->sent = 0;
		g_bytes_unref(g_queue_pop_head(&peer->output));
	}
}

static gboolean peers_check_times(gpointer data)
{
	NgPeers *peers = data;
	const gint64 now = g_get_monotonic_time();
	gboolean again = FALSE;

	for (guint i = peers->peers->len; i-- > 0;) {
		NgPeer *peer = g_ptr_array_index(peers->peers, i);
		const gboolean is_new = peer->sasl.state != NG_SASL_DONE;

		if ((is_new && now - peer->born_us > NG_SERVER_AUTH_TIMEOUT_S * G_USEC_PER_SEC) ||
		    (peer->unsent > 0 && now - peer->moved_us > NG_SERVER_STALL_TIMEOUT_S * G_USEC_PER_SEC))
			ng_peer_close(peer);
		else
			again |= is_new || peer->unsent > 0;
	}
	if (!again)
		peers->timer = 0;
	return again;
}

static void peers_watch_times(NgPeers *peers)
{
	if (peers->timer == 0)
		peers->timer = g_timeout_add(1000, peers_check_times, peers);
}

void ng_peer_send(NgPeer *peer, GBytes *bytes)
{
	const gsize size = g_bytes_get_size(bytes);

	if (peer->fd < 0 || size == 0) {
		g_bytes_unref(bytes);
		return;
	}
	if (peer->unsent == 0)
		peer->moved_us = g_get_monotonic_time();
	g_queue_push_tail(&peer->output, bytes);
	peer->unsent += size;
	peer->client.share->unsent += size;
	peer_flush(peer);
	if (peer->fd >= 0 && peer->unsent > 0)
		peers_watch_times(peer->peers);
}

void ng_peer_send_message(NgPeer *peer, GDBusMessage *message)
{
	gsize length;
	guchar *blob;

	g_dbus_message_set_serial(message, ++peer->serial ? peer->serial : ++peer->serial);
	blob = g_dbus_message_to_blob(message, &length, G_DBUS_CAPABILITY_FLAGS_NONE, NULL);
	if (blob)
		ng_peer_send(peer, g_bytes_new_take(blob, length));
}

void ng_peer_send_error(NgPeer *peer, guint32 reply_serial, const char *name, const char *text)
{
	g_autoptr(GDBusMessage) message = g_dbus_message_new();

	if (reply_serial == 0)
		return;
	g_dbus_message_set_message_type(message, G_DBUS_MESSAGE_TYPE_ERROR);
	g_dbus_message_set_reply_serial(message, reply_serial);
	g_dbus_message_set_error_name(message, name);
	g_dbus_message_set_body(message, g_variant_new("(s)", text));
	ng_peer_send_message(peer, message);
}

static void peer_answered(NgPeer *peer)
{
	peer->is_busy = FALSE;
	ng_peer_update(peer);
}

static void peer_reply(NgClient *client, NgCall *call, NgReply *reply)
{
	NgPeer *peer = (NgPeer *)client;
	GBytes *body;
	const char *type;
	g_autofree char *signature = NULL;

	if (!client->server)
		return;
	body = ng_reply_body(reply);
	type = g_variant_get_type_string(reply->result);
	signature = g_strndup(type + 1, strlen(type) - 2);
	if (!body) {
		ng_peer_send_error(peer, call->serial, NG_API_ERROR_LIMIT, "The answer is too long for one message.");
	} else if (call->serial != 0) {
		peer->serial = peer->serial == G_MAXUINT32 ? 1 : peer->serial + 1;
		ng_peer_send(peer,
			     ng_frame_reply_header(peer->serial, call->serial, signature, g_bytes_get_size(body)));
		ng_peer_send(peer, g_bytes_ref(body));
	}
	peer_answered(peer);
}

static void peer_fail(NgClient *client, NgCall *call, const char *name, const char *text)
{
	NgPeer *peer = (NgPeer *)client;

	if (!client->server)
		return;
	ng_peer_send_error(peer, call->serial, name, text);
	peer_answered(peer);
}

static void peer_signal(NgClient *client, const char *name, GVariant *parameters)
{
	NgPeer *peer = (NgPeer *)client;
	g_autoptr(GDBusMessage) message = g_dbus_message_new_signal(NG_API_OBJECT, NG_API_INTERFACE, name);

	if (!client->server)
		return;
	g_dbus_message_set_body(message, parameters);
	ng_peer_send_message(peer, message);
	if (peer->unsent > NG_SERVER_OUTPUT_CUT)
		ng_peer_close(peer);
	ng_peer_update(peer);
}

static const NgTransport peer_transport = {
	"socket", ng_peer_next, peer_reply, peer_fail, peer_signal, peer_free, NULL
};

/* Its last message is about to be served, although it has hung up: it may not have wanted an answer. */
static gboolean peer_is_next(const NgPeer *peer)
{
	return peer->client.is_queued && peer->client.share->is_listed;
}

static gboolean peer_source_ready(GSource *source)
{
	NgPeer *peer = ((PeerSource *)source)->peer;

	return g_source_query_unix_fd(source, peer->tag) != 0;
}

static gboolean peer_source_dispatch(GSource *source, GSourceFunc callback, gpointer user_data)
{
	NgPeer *peer = ((PeerSource *)source)->peer;
	const GIOCondition ready = g_source_query_unix_fd(source, peer->tag);

	ng_client_ref(&peer->client);
	if (ready & G_IO_OUT)
		peer_flush(peer);
	if (peer->fd >= 0 && (ready & G_IO_IN) && peer_wants_input(peer))
		ng_peer_read(peer);
	else if (peer->fd >= 0 && (ready & (G_IO_HUP | G_IO_ERR)) && !peer_is_next(peer))
		ng_peer_close(peer);
	if (peer->fd >= 0) {
		ng_share_list(peer->client.server, peer->client.share);
		ng_peer_update(peer);
	}
	ng_client_unref(&peer->client);
	return G_SOURCE_CONTINUE;
}

static GSourceFuncs peer_source_funcs = { NULL, peer_source_ready, peer_source_dispatch, NULL, NULL, NULL };

static void peer_new(NgPeers *peers, int fd, guint32 uid)
{
	NgPeer *peer = g_new0(NgPeer, 1);

	ng_client_init(&peer->client, &peer_transport);
	ng_client_join(&peer->client, peers->server, uid);
	peer->client.share->n_connections++;
	peer->peers = peers;
	peer->fd = fd;
	peer->born_us = g_get_monotonic_time();
	peer->rest = g_byte_array_new();
	g_queue_init(&peer->output);
	ng_sasl_init(&peer->sasl, uid, peers->guid);
	peer->source = g_source_new(&peer_source_funcs, sizeof(PeerSource));
	((PeerSource *)peer->source)->peer = peer;
	g_source_set_static_name(peer->source, "connection");
	peer->tag = g_source_add_unix_fd(peer->source, fd, G_IO_IN);
	g_source_attach(peer->source, NULL);
	g_ptr_array_add(peers->peers, peer);
	if (!peer->client.is_admin)
		peers->n_ordinary++;
	peers_watch_times(peers);
}

static gboolean peers_has_place(NgPeers *peers, guint32 uid)
{
	const NgShare *share = g_hash_table_lookup(peers->server->shares, GUINT_TO_POINTER(uid));
	const gboolean is_admin = ng_server_is_admin(peers->server, uid);
	const guint of_uid = share ? share->n_connections : 0;

	if (peers->peers->len >= NG_SERVER_MAX_CONNECTIONS)
		return FALSE;
	if (is_admin)
		return of_uid < NG_SERVER_ADMIN_RESERVE;
	return of_uid < NG_SERVER_MAX_PER_UID &&
	       peers->n_ordinary < NG_SERVER_MAX_CONNECTIONS - NG_SERVER_ADMIN_RESERVE;
}

static gboolean peers_accept(gint fd, GIOCondition condition, gpointer data);

static gboolean peers_accept_again(gpointer data)
{
	NgPeers *peers = data;

	peers->pause_source = 0;
	peers->accept_source = g_unix_fd_add(peers->fd, G_IO_IN, peers_accept, peers);
	return G_SOURCE_REMOVE;
}

static gboolean peers_accept(gint fd, GIOCondition condition, gpointer data)
{
	NgPeers *peers = data;

	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		struct ucred ucred;
		socklen_t length = sizeof ucred;

		if (peer < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (peer < 0 && errno == EAGAIN)
			break;
		if (peer < 0) { /* no descriptors or no memory: let what is open end first */
			peers->accept_source = 0;
			peers->pause_source = g_timeout_add(ACCEPT_PAUSE_MS, peers_accept_again, peers);
			return G_SOURCE_REMOVE;
		}
		if (getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &ucred, &length) == 0 && ucred.uid != (uid_t)-1 &&
		    peers_has_place(peers, ucred.uid))
			peer_new(peers, peer, ucred.uid);
		else
			close(peer);
	}
	return G_SOURCE_CONTINUE;
}

NgPeers *ng_peers_new(NgServer *server, int fd)
{
	NgPeers *peers = g_new0(NgPeers, 1);

	peers->server = server;
	peers->fd = fd;
	peers->guid = g_dbus_generate_guid();
	peers->peers = g_ptr_array_new();
	g_unix_set_fd_nonblocking(fd, TRUE, NULL);
	peers->accept_source = g_unix_fd_add(fd, G_IO_IN, peers_accept, peers);
	return peers;
}

void ng_peers_free(NgPeers *peers)
{
	while (peers->peers->len > 0)
		ng_peer_close(g_ptr_array_index(peers->peers, 0));
	g_clear_handle_id(&peers->accept_source, g_source_remove);
	g_clear_handle_id(&peers->pause_source, g_source_remove);
	g_clear_handle_id(&peers->timer, g_source_remove);
	close(peers->fd);
	g_ptr_array_unref(peers->peers);
	g_free(peers->guid);
	g_free(peers);
}
