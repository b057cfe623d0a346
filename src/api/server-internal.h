/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the server share: clients, shares, calls. Only for src/api/{dispatch,server,peer*,bus}.c.
 *
 * A client is one connection on the socket or one unique name on the bus. It belongs to the share of its uid. A
 * transport that has something for the dispatcher calls ng_client_queue(); the scheduler (server.c) calls its next()
 * when it is the client's turn. A client that has gone stays allocated while calls of it are unanswered.
 */
#ifndef NG_API_SERVER_INTERNAL_H
#define NG_API_SERVER_INTERNAL_H

#include "api/server.h"

G_BEGIN_DECLS

typedef struct _NgClient NgClient;
typedef struct _NgPeers NgPeers; /* peer.c */
typedef struct _NgBus NgBus;     /* bus.c */

/* One uid's. Lives while it has clients. */
typedef struct {
	guint32 uid;
	gboolean is_admin;
	guint n_clients;
	guint n_connections; /* of them on the socket */
	gsize unsent;        /* bytes, all connections */
	GQueue ready;        /* NgClient*, whose turn comes */
	gboolean is_listed;  /* in server->turn */
} NgShare;

typedef struct {
	const char *auth;
	/* Serve one waiting message. */
	void (*next)(NgClient *client);
	void (*reply)(NgClient *client, NgCall *call, NgReply *reply);
	void (*fail)(NgClient *client, NgCall *call, const char *name, const char *text);
	void (*signal)(NgClient *client, const char *name, GVariant *parameters);
	void (*free)(NgClient *client);
	/* NULL where there is no bus. */
	GDBusConnection *(*bus)(NgClient *client, const char **ret_sender);
} NgTransport;

struct _NgClient {
	const NgTransport *transport;
	NgServer *server; /* NULL when gone */
	NgShare *share;   /* NULL when gone, and on the bus until the uid is known */
	guint refs;
	guint32 uid;
	gboolean is_admin;
	gboolean is_known; /* has introduced itself */
	gboolean is_queued;
	gboolean is_subscribed;
	gboolean sees_all;         /* of those signals, also what is about others */
	GCancellable *cancellable; /* made when first asked for; cancelled when it has gone */
	gint64 second;             /* of the monotonic clock: the one `sent` counts for */
	guint sent;                /* Attempt signals in it */
	guint64 skipped;           /* Attempt signals left out since the last one */
};

struct _NgCall {
	NgClient *client;
	const NgMethod *method;
	GVariant *parameters;
	guint32 serial;                    /* socket: of the call; 0: no reply is wanted */
	GDBusMethodInvocation *invocation; /* bus */
	guint32 granted;                   /* bits by NgAction */
	char *auth;                        /* NULL: the transport's */
	gpointer data;
	GDestroyNotify destroy;
};

struct _NgReply {
	guint refs;
	GVariant *result;
	GBytes *body; /* marshalled when first sent on a socket */
};

struct _NgServer {
	NgServerConfig config;
	GHashTable *shares; /* uid -> NgShare */
	GQueue turn;        /* NgShare* with ready clients */
	GSource *scheduler;
	GPtrArray *clients; /* NgClient*, all */
	NgPeers *peers;
	NgBus *bus;
};

/* server.c */
void ng_client_init(NgClient *client, const NgTransport *transport);
void ng_client_join(NgClient *client, NgServer *server, guint32 uid); /* takes a place in the uid's share */
void ng_client_leave(NgClient *client);                               /* it has gone; may be called twice */
void ng_client_queue(NgClient *client);                               /* it has a message waiting */
NgClient *ng_client_ref(NgClient *client);
void ng_client_unref(NgClient *client);
void ng_share_list(NgServer *server, NgShare *share); /* its `unsent` has become less */
gboolean ng_server_is_admin(NgServer *server, guint32 uid);
GBytes *ng_reply_body(NgReply *reply); /* borrowed; NULL: too long for the format */

/* dispatch.c: find the method, check who may, run it. The client keeps a reference for the call. */
void ng_dispatch(NgClient *client, const char *method, GVariant *parameters, guint32 serial,
		 GDBusMethodInvocation *invocation);

/* peer.c */
NgPeers *ng_peers_new(NgServer *server, int fd);
void ng_peers_free(NgPeers *peers);
/* bus.c */
NgBus *ng_bus_new(NgServer *server, void (*say)(const char *text, gpointer user_data));
void ng_bus_free(NgBus *bus);
GDBusConnection *ng_bus_connection(NgBus *bus);

G_END_DECLS
#endif
