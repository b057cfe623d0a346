/* SPDX-License-Identifier: MIT */
/*
 * Reading from a connection: the introduction, then one message at a time, whose length is held against the limit
 * before anything is allocated. Plain recv(): descriptors sent along are dropped by the kernel, we never hold one.
 */
#include "api/peer.h"

#include <errno.h>
#include <sys/socket.h>

#define READ_AT_ONCE (256 * 1024)

/* From what was read earlier, else from the socket. Bytes read; 0: nothing now, or the connection was closed. */
static gsize peer_take(NgPeer *peer, guint8 *data, gsize length)
{
	ssize_t n;

	if (peer->rest->len > 0) {
		const gsize from_rest = MIN(length, peer->rest->len);

		memcpy(data, peer->rest->data, from_rest);
		g_byte_array_remove_range(peer->rest, 0, (guint)from_rest);
		return from_rest;
	}
	do {
		n = recv(peer->fd, data, MIN(length, READ_AT_ONCE), MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n == 0 || (n < 0 && errno != EAGAIN))
		ng_peer_close(peer);
	return n > 0 ? (gsize)n : 0;
}

static void peer_introduce(NgPeer *peer)
{
	guint8 data[NG_SASL_MAX_LINE];
	g_autoptr(GString) reply = g_string_new(NULL);
	gsize n = peer_take(peer, data, sizeof data), used;

	if (n == 0)
		return;
	used = ng_sasl_feed(&peer->sasl, data, n, reply);
	if (peer->sasl.state == NG_SASL_FAILED) {
		ng_peer_close(peer);
		return;
	}
	if (reply->len > 0)
		ng_peer_send(peer, g_bytes_new(reply->str, reply->len));
	if (peer->sasl.state != NG_SASL_DONE)
		return;
	g_byte_array_append(peer->rest, data + used, (guint)(n - used));
	peer->client.is_known = TRUE;
}

static gsize peer_limit(const NgPeer *peer)
{
	return peer->client.is_admin ? NG_API_MAX_DOCUMENT + NG_API_MAX_MESSAGE : NG_API_MAX_MESSAGE;
}

static void peer_read_header(NgPeer *peer)
{
	peer->have += peer_take(peer, peer->header + peer->have, NG_FRAME_HEADER - peer->have);
	if (peer->fd < 0 || peer->have < NG_FRAME_HEADER)
		return;
	peer->need = ng_frame_length(peer->header, peer_limit(peer));
	if (peer->need == 0) {
		ng_peer_close(peer);
		return;
	}
	peer->message = g_malloc(peer->need);
	memcpy(peer->message, peer->header, NG_FRAME_HEADER);
}

void ng_peer_read(NgPeer *peer)
{
	if (peer->sasl.state != NG_SASL_DONE)
		peer_introduce(peer);
	if (peer->fd < 0 || peer->sasl.state != NG_SASL_DONE)
		return;
	if (peer->have < NG_FRAME_HEADER)
		peer_read_header(peer);
	if (peer->fd < 0 || peer->need == 0)
		return;
	if (peer->have < peer->need)
		peer->have += peer_take(peer, peer->message + peer->have, peer->need - peer->have);
	if (peer->fd >= 0 && peer->have == peer->need)
		ng_client_queue(&peer->client);
}

/* The types of a method's arguments as one string. */
static gboolean peer_signature_is(const GDBusMethodInfo *method, const char *signature)
{
	g_autoptr(GString) wanted = g_string_new(NULL);

	for (GDBusArgInfo **arg = method->in_args; arg && *arg; arg++)
		g_string_append(wanted, (*arg)->signature);
	return g_str_equal(wanted->str, signature);
}

static void peer_refuse(NgPeer *peer, guint32 serial, GDBusError code, const char *format, ...) G_GNUC_PRINTF(4, 5);
static void peer_refuse(NgPeer *peer, guint32 serial, GDBusError code, const char *format, ...)
{
	g_autoptr(GError) error = g_error_new_literal(G_DBUS_ERROR, code, "");
	g_autofree char *name = g_dbus_error_encode_gerror(error);
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	ng_peer_send_error(peer, serial, name, text);
}

static void peer_call(NgPeer *peer, GDBusMessage *message)
{
	const gboolean no_reply = g_dbus_message_get_flags(message) & G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED;
	const guint32 serial = no_reply ? 0 : g_dbus_message_get_serial(message);
	const char *interface = g_dbus_message_get_interface(message), *member = g_dbus_message_get_member(message);
	GDBusMethodInfo *method = g_dbus_interface_info_lookup_method(ng_api_interface_info(), member);
	GVariant *body = g_dbus_message_get_body(message);
	const char *signature = g_dbus_message_get_signature(message);

	if (g_strcmp0(g_dbus_message_get_path(message), NG_API_OBJECT) != 0) {
		peer_refuse(peer, serial, G_DBUS_ERROR_UNKNOWN_OBJECT, "There is no such object; %s is the only one.",
			    NG_API_OBJECT);
	} else if (interface && !g_str_equal(interface, NG_API_INTERFACE)) {
		peer_refuse(peer, serial, G_DBUS_ERROR_UNKNOWN_INTERFACE, "There is no interface %s here; %s is.",
			    interface, NG_API_INTERFACE);
	} else if (!method) {
		peer_refuse(peer, serial, G_DBUS_ERROR_UNKNOWN_METHOD, "%s has no method %s.", NG_API_INTERFACE,
			    member);
	} else if (!peer_signature_is(method, signature)) {
		peer_refuse(peer, serial, G_DBUS_ERROR_INVALID_ARGS, "%s was called with arguments of the types (%s).",
			    member, signature);
	} else {
		peer->is_busy = TRUE;
		ng_dispatch(&peer->client, member, body ? body : g_variant_new("()"), serial, NULL);
	}
}

void ng_peer_next(NgClient *client)
{
	NgPeer *peer = (NgPeer *)client;
	g_autofree guint8 *blob = g_steal_pointer(&peer->message);
	g_autoptr(GDBusMessage) message = NULL;
	const gsize length = peer->need;

	peer->need = peer->have = 0;
	message = g_dbus_message_new_from_blob(blob, length, G_DBUS_CAPABILITY_FLAGS_NONE, NULL);
	if (!message || g_dbus_message_get_num_unix_fds(message) > 0) {
		ng_peer_close(peer);
		return;
	}
	if (g_dbus_message_get_message_type(message) == G_DBUS_MESSAGE_TYPE_METHOD_CALL &&
	    !ng_peer_standard(peer, message))
		peer_call(peer, message);
	ng_peer_update(peer);
}
