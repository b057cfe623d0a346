/* SPDX-License-Identifier: MIT */
/*
 * One connection on the socket, for peer.c (its life and what is written), peer-read.c (what is read) and
 * peer-standard.c (the interfaces every D-Bus object has).
 *
 * States: introducing itself (sasl.state < DONE) -> reading a message -> a message waits its turn (client.is_queued) ->
 * its call is unanswered (is_busy) -> reading again. Nothing is read in the last two but one, nor while much is unsent:
 * the client's own socket buffer fills and the client waits.
 */
#ifndef NG_API_PEER_H
#define NG_API_PEER_H

#include "api/frame.h"
#include "api/sasl.h"
#include "api/server-internal.h"

G_BEGIN_DECLS

typedef struct {
	NgClient client; /* first */
	NgPeers *peers;
	int fd; /* -1: closed */
	GSource *source;
	gpointer tag;
	NgSasl sasl;
	gint64 born_us;  /* monotonic */
	gint64 moved_us; /* monotonic: when it last took some of the output, or had none */
	gboolean is_busy;
	guint8 header[NG_FRAME_HEADER];
	gsize have;       /* bytes of the message so far */
	gsize need;       /* its length; 0: not known yet */
	guint8 *message;  /* need bytes, when known */
	GByteArray *rest; /* read together with the end of the introduction, not looked at yet */
	GQueue output;    /* GBytes* */
	gsize sent;       /* bytes of the first one */
	gsize unsent;     /* bytes of all */
	guint32 serial;   /* of the last message we sent */
} NgPeer;

/* peer.c */
void ng_peer_close(NgPeer *peer);
void ng_peer_send(NgPeer *peer, GBytes *bytes); /* takes the reference */
/* A whole message of ours; the serial is set here. */
void ng_peer_send_message(NgPeer *peer, GDBusMessage *message);
void ng_peer_send_error(NgPeer *peer, guint32 reply_serial, const char *name, const char *text);
/* Look again at what the connection waits for. */
void ng_peer_update(NgPeer *peer);

/* peer-read.c */
void ng_peer_read(NgPeer *peer);     /* the socket is readable, or `rest` holds something */
void ng_peer_next(NgClient *client); /* serve the message that waits */

/* peer-standard.c: FALSE when the interface is none of them. */
gboolean ng_peer_standard(NgPeer *peer, GDBusMessage *message);

G_END_DECLS
#endif
