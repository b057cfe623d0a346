/* SPDX-License-Identifier: MIT */
/*
 * Shares, turns and signals: who is served next, and who hears what (see server.h). Belongs here: what is the same for
 * both transports. Not here: reading and writing (peer*.c, bus.c), who may call what (dispatch.c).
 *
 * The scheduler is a source that is ready while some share has a client whose turn it is. One dispatch serves one
 * message of each such share; then the main loop looks at everything else again.
 */
#include "api/server-internal.h"

#include "api/frame.h"

typedef struct {
	GSource base;
	NgServer *server;
} Scheduler;

static gboolean scheduler_prepare(GSource *source, gint *timeout_ms)
{
	*timeout_ms = -1;
	return ((Scheduler *)source)->server->turn.length > 0;
}

static gboolean scheduler_check(GSource *source)
{
	return ((Scheduler *)source)->server->turn.length > 0;
}

/* Give the share its turn, unless it has nothing, or must first read what it was sent. */
void ng_share_list(NgServer *server, NgShare *share)
{
	if (share->is_listed || share->ready.length == 0 || share->unsent > NG_SERVER_SHARE_OUTPUT)
		return;
	share->is_listed = TRUE;
	g_queue_push_tail(&server->turn, share);
}

static void share_serve(NgServer *server, NgShare *share)
{
	NgClient *client = g_queue_pop_head(&share->ready);

	client->is_queued = FALSE;
	ng_client_ref(client);
	client->transport->next(client);
	ng_client_unref(client);
}

static gboolean scheduler_dispatch(GSource *source, GSourceFunc callback, gpointer user_data)
{
	NgServer *server = ((Scheduler *)source)->server;

	for (guint n = server->turn.length; n > 0 && server->turn.length > 0; n--) {
		NgShare *share = g_queue_pop_head(&server->turn);
		const guint32 uid = share->uid;

		share->is_listed = FALSE;
		if (share->ready.length > 0)
			share_serve(server, share);
		share = g_hash_table_lookup(server->shares, GUINT_TO_POINTER(uid));
		if (share)
			ng_share_list(server, share);
	}
	return G_SOURCE_CONTINUE;
}

static GSourceFuncs scheduler_funcs = { scheduler_prepare, scheduler_check, scheduler_dispatch, NULL, NULL, NULL };

NgServer *ng_server_new(const NgServerConfig *config)
{
	NgServer *server = g_new0(NgServer, 1);

	server->config = *config;
	server->shares = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	server->clients = g_ptr_array_new();
	g_queue_init(&server->turn);
	server->scheduler = g_source_new(&scheduler_funcs, sizeof(Scheduler));
	((Scheduler *)server->scheduler)->server = server;
	g_source_set_static_name(server->scheduler, "calls");
	g_source_attach(server->scheduler, NULL);
	return server;
}

void ng_server_free(NgServer *server)
{
	if (!server)
		return;
	g_clear_pointer(&server->peers, ng_peers_free);
	g_clear_pointer(&server->bus, ng_bus_free);
	while (server->clients->len > 0)
		ng_client_leave(g_ptr_array_index(server->clients, 0));
	g_source_destroy(server->scheduler);
	g_source_unref(server->scheduler);
	g_queue_clear(&server->turn);
	g_hash_table_unref(server->shares);
	g_ptr_array_unref(server->clients);
	g_free(server);
}

void ng_server_listen(NgServer *server, int fd)
{
	server->peers = ng_peers_new(server, fd);
}

void ng_server_join_bus(NgServer *server, void (*say)(const char *text, gpointer user_data))
{
	server->bus = ng_bus_new(server, say);
}

gboolean ng_server_is_admin(NgServer *server, guint32 uid)
{
	return uid == 0 || (gint64)uid == server->config.admin_uid;
}

guint ng_server_n_clients(NgServer *server)
{
	guint n = 0;

	for (guint i = 0; i < server->clients->len; i++)
		n += ((const NgClient *)g_ptr_array_index(server->clients, i))->is_known ? 1 : 0;
	return n;
}

void ng_client_init(NgClient *client, const NgTransport *transport)
{
	client->transport = transport;
	client->refs = 1;
}

NgClient *ng_client_ref(NgClient *client)
{
	client->refs++;
	return client;
}

void ng_client_unref(NgClient *client)
{
	if (--client->refs > 0)
		return;
	g_clear_object(&client->cancellable);
	client->transport->free(client);
}

void ng_client_join(NgClient *client, NgServer *server, guint32 uid)
{
	NgShare *share = g_hash_table_lookup(server->shares, GUINT_TO_POINTER(uid));

	if (!share) {
		share = g_new0(NgShare, 1);
		share->uid = uid;
		share->is_admin = ng_server_is_admin(server, uid);
		g_queue_init(&share->ready);
		g_hash_table_insert(server->shares, GUINT_TO_POINTER(uid), share);
	}
	share->n_clients++;
	client->server = server;
	client->share = share;
	client->uid = uid;
	client->is_admin = share->is_admin;
	g_ptr_array_add(server->clients, client);
}

void ng_client_leave(NgClient *client)
{
	NgServer *server = client->server;
	NgShare *share = client->share;

	if (!server)
		return;
	client->server = NULL;
	client->share = NULL;
	client->is_subscribed = FALSE;
	client->sees_all = FALSE;
	g_ptr_array_remove_fast(server->clients, client);
	if (client->is_queued)
		g_queue_remove(&share->ready, client);
	client->is_queued = FALSE;
	if (--share->n_clients == 0) {
		if (share->is_listed)
			g_queue_remove(&server->turn, share);
		g_hash_table_remove(server->shares, GUINT_TO_POINTER(share->uid));
	}
	if (client->cancellable)
		g_cancellable_cancel(client->cancellable);
	ng_client_unref(client);
}

void ng_client_queue(NgClient *client)
{
	NgShare *share = client->share;

	if (client->is_queued || !share)
		return;
	client->is_queued = TRUE;
	g_queue_push_tail(&share->ready, client);
	ng_share_list(client->server, share);
}

GDBusConnection *ng_server_bus(NgServer *server)
{
	return server->bus ? ng_bus_connection(server->bus) : NULL;
}

static gboolean client_may_hear(const NgClient *client, guint32 uid)
{
	return client->is_admin || client->sees_all || client->uid == uid;
}

gboolean ng_server_has_subscriber(NgServer *server, guint32 uid)
{
	for (guint i = 0; i < server->clients->len; i++) {
		const NgClient *client = g_ptr_array_index(server->clients, i);

		if (client->is_subscribed && client_may_hear(client, uid))
			return TRUE;
	}
	return FALSE;
}

/* A transport may end a client that does not read while it is signalled, so the list is copied. */
static GPtrArray *server_subscribers(NgServer *server)
{
	GPtrArray *subscribers = g_ptr_array_new_with_free_func((GDestroyNotify)ng_client_unref);

	for (guint i = 0; i < server->clients->len; i++) {
		NgClient *client = g_ptr_array_index(server->clients, i);

		if (client->is_subscribed)
			g_ptr_array_add(subscribers, ng_client_ref(client));
	}
	return subscribers;
}

void ng_server_signal(NgServer *server, const char *name, GVariant *parameters)
{
	g_autoptr(GVariant) owned = g_variant_ref_sink(parameters);
	g_autoptr(GPtrArray) subscribers = server_subscribers(server);

	for (guint i = 0; i < subscribers->len; i++) {
		NgClient *client = g_ptr_array_index(subscribers, i);

		client->transport->signal(client, name, owned);
	}
}

static void client_signal_attempt(NgClient *client, GVariant *attempt)
{
	const gint64 second = g_get_monotonic_time() / G_USEC_PER_SEC;
	g_autoptr(GVariant) parameters = NULL;
	GVariantDict dict;

	if (client->second != second) {
		client->second = second;
		client->sent = 0;
	}
	if (client->sent >= NG_SERVER_SIGNALS_PER_S) {
		client->skipped++;
		return;
	}
	client->sent++;
	g_variant_dict_init(&dict, attempt);
	if (client->skipped > 0)
		g_variant_dict_insert(&dict, "skipped", "t", client->skipped);
	client->skipped = 0;
	parameters = g_variant_ref_sink(g_variant_new("(@a{sv})", g_variant_dict_end(&dict)));
	client->transport->signal(client, "Attempt", parameters);
}

void ng_server_signal_attempt(NgServer *server, guint32 uid, GVariant *attempt)
{
	g_autoptr(GVariant) owned = g_variant_ref_sink(attempt);
	g_autoptr(GPtrArray) subscribers = server_subscribers(server);

	for (guint i = 0; i < subscribers->len; i++) {
		NgClient *client = g_ptr_array_index(subscribers, i);

		if (client_may_hear(client, uid))
			client_signal_attempt(client, owned);
	}
}

NgReply *ng_reply_new(GVariant *result)
{
	NgReply *reply = g_new0(NgReply, 1);

	reply->refs = 1;
	reply->result = g_variant_ref_sink(result);
	return reply;
}

NgReply *ng_reply_ref(NgReply *reply)
{
	reply->refs++;
	return reply;
}

void ng_reply_unref(NgReply *reply)
{
	if (!reply || --reply->refs > 0)
		return;
	g_variant_unref(reply->result);
	g_clear_pointer(&reply->body, g_bytes_unref);
	g_free(reply);
}

GBytes *ng_reply_body(NgReply *reply)
{
	if (!reply->body)
		reply->body = ng_frame_body(reply->result);
	return reply->body;
}
