/* SPDX-License-Identifier: MIT */
/*
 * The connection to the guard (see guard.h). Everything arrives on the main loop. A generation number keeps answers of
 * a connection that has gone from being taken for those of the present one: each connection has a cancellable of its
 * own, cancelled when it ends.
 */
#include "window/guard.h"

#include <glib/gi18n.h>

#define RETRY_S 3
#define CALL_TIMEOUT_MS 30000
#define ATTEMPTS_INTERVAL_MS 250
#define MAX_ATTEMPTS 2000 /* kept between two deliveries; the service sends at most 200 a second */

typedef enum {
	ANSWER_STATUS,
	ANSWER_PERMISSIONS,
	ANSWER_LOCK,
	ANSWER_SETTINGS,
	N_ANSWERS,
} Answer;

static const struct {
	const char *method;
	NgwGuardPart part;
} answers[N_ANSWERS] = {
	[ANSWER_STATUS] = { "GetStatus", NGW_PART_STATUS },
	[ANSWER_PERMISSIONS] = { "GetPermissions", NGW_PART_PERMISSIONS },
	[ANSWER_LOCK] = { "GetLock", NGW_PART_LOCK },
	[ANSWER_SETTINGS] = { "GetSettings", NGW_PART_SETTINGS },
};

struct _NgwGuard {
	GObject parent;
	char *runtime_dir;
	NgwLink link;
	char *text; /* why the link is not READY */
	NgClient *client;
	GCancellable *connection; /* of this client, or of the search for one */
	GVariant *known[N_ANSWERS];
	gboolean is_asked[N_ANSWERS];
	gboolean is_stale[N_ANSWERS]; /* changed while it was asked for: ask again */
	GPtrArray *attempts;
	guint attempts_timer;
	guint retry_timer;
	gboolean is_stopped;
};

enum { SIGNAL_LINK, SIGNAL_CHANGED, SIGNAL_ATTEMPTS, N_SIGNALS };
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE(NgwGuard, ngw_guard, G_TYPE_OBJECT)

static void guard_search(NgwGuard *self);

/* --- dictionaries --- */

const char *ngw_dict_string(GVariant *dict, const char *key, const char *otherwise)
{
	const char *text = otherwise;

	if (dict)
		g_variant_lookup(dict, key, "&s", &text);
	return text;
}

gint64 ngw_dict_time(GVariant *dict, const char *key)
{
	gint64 time = 0;

	if (dict)
		g_variant_lookup(dict, key, "x", &time);
	return time;
}

guint64 ngw_dict_count(GVariant *dict, const char *key)
{
	g_autoptr(GVariant) value = dict ? g_variant_lookup_value(dict, key, NULL) : NULL;

	if (value && g_variant_is_of_type(value, G_VARIANT_TYPE_UINT64))
		return g_variant_get_uint64(value);
	if (value && g_variant_is_of_type(value, G_VARIANT_TYPE_UINT32))
		return g_variant_get_uint32(value);
	return 0;
}

gboolean ngw_dict_flag(GVariant *dict, const char *key)
{
	gboolean flag = FALSE;

	if (dict)
		g_variant_lookup(dict, key, "b", &flag);
	return flag;
}

char **ngw_dict_strings(GVariant *dict, const char *key)
{
	char **texts = NULL;

	if (dict)
		g_variant_lookup(dict, key, "^as", &texts);
	return texts ? texts : g_new0(char *, 1);
}

/* --- the link --- */

static gboolean guard_retry_now(gpointer data)
{
	NgwGuard *self = data;

	self->retry_timer = 0;
	guard_search(self);
	return G_SOURCE_REMOVE;
}

static void guard_set_link(NgwGuard *self, NgwLink link, const char *text)
{
	const gboolean is_same = self->link == link && g_strcmp0(self->text, text) == 0;

	g_free(self->text);
	self->text = g_strdup(text);
	self->link = link;
	if (link != NGW_LINK_READY && link != NGW_LINK_CONNECTING && self->retry_timer == 0 && !self->is_stopped)
		self->retry_timer = g_timeout_add_seconds(RETRY_S, guard_retry_now, self);
	if (!is_same)
		g_signal_emit(self, signals[SIGNAL_LINK], 0);
}

/* The connection and everything that waits for an answer on it. */
static void guard_drop(NgwGuard *self)
{
	g_cancellable_cancel(self->connection);
	g_clear_object(&self->connection);
	g_clear_pointer(&self->client, ng_client_free);
	for (guint i = 0; i < N_ANSWERS; i++)
		self->is_asked[i] = self->is_stale[i] = FALSE;
}

static NgwLink link_of_error(const GError *error, gboolean was_there)
{
	if (g_error_matches(error, NG_CLIENT_ERROR, NG_CLIENT_ERROR_UNTRUSTED))
		return NGW_LINK_UNTRUSTED;
	if (g_error_matches(error, NG_CLIENT_ERROR, NG_CLIENT_ERROR_INCOMPATIBLE))
		return NGW_LINK_INCOMPATIBLE;
	return was_there ? NGW_LINK_LOST : NGW_LINK_ABSENT;
}

static void guard_lost(gpointer data)
{
	NgwGuard *self = data;

	guard_drop(self);
	guard_set_link(self, NGW_LINK_LOST, _("The connection to the service was lost."));
}

/* --- what it says --- */

static void guard_ask(NgwGuard *self, Answer which);

typedef struct {
	NgwGuard *self; /* owned */
	Answer which;
} Asked;

static void asked_free(Asked *asked)
{
	g_object_unref(asked->self);
	g_free(asked);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Asked, asked_free)

static void guard_answered(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(Asked) asked = data;
	NgwGuard *self = asked->self;
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) reply = ng_client_call_finish(result, &error);

	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return;
	self->is_asked[asked->which] = FALSE;
	if (self->is_stale[asked->which]) {
		self->is_stale[asked->which] = FALSE;
		guard_ask(self, asked->which);
	}
	if (reply) {
		g_clear_pointer(&self->known[asked->which], g_variant_unref);
		self->known[asked->which] = g_variant_get_child_value(reply, 0);
		if (asked->which == ANSWER_STATUS && self->link != NGW_LINK_READY)
			guard_set_link(self, NGW_LINK_READY, NULL);
		g_signal_emit(self, signals[SIGNAL_CHANGED], 0, answers[asked->which].part);
	} else if (asked->which == ANSWER_STATUS) {
		/* Without a status there is nothing to show: no better than no connection. */
		const gboolean was_there = self->known[ANSWER_STATUS] != NULL;

		guard_drop(self);
		guard_set_link(self, link_of_error(error, was_there), error->message);
	}
}

static void guard_ask(NgwGuard *self, Answer which)
{
	Asked *asked;

	if (!self->client)
		return;
	if (self->is_asked[which]) {
		self->is_stale[which] = TRUE;
		return;
	}
	asked = g_new(Asked, 1);
	*asked = (Asked){ g_object_ref(self), which };
	self->is_asked[which] = TRUE;
	ng_client_call_async(self->client, answers[which].method, NULL, "(a{sv})", CALL_TIMEOUT_MS, self->connection,
			     guard_answered, asked);
}

static void guard_changed(const char *what, gpointer data)
{
	NgwGuard *self = data;

	guard_ask(self, ANSWER_STATUS);
	if (g_str_equal(what, "lock")) {
		guard_ask(self, ANSWER_LOCK);
		guard_ask(self, ANSWER_PERMISSIONS);
	} else if (g_str_equal(what, "settings")) {
		guard_ask(self, ANSWER_SETTINGS);
		g_signal_emit(self, signals[SIGNAL_CHANGED], 0, NGW_PART_POLICY);
	} else if (g_str_equal(what, "policy")) {
		g_signal_emit(self, signals[SIGNAL_CHANGED], 0, NGW_PART_POLICY);
	}
}

static gboolean guard_deliver(gpointer data)
{
	NgwGuard *self = data;
	g_autoptr(GPtrArray) batch = g_steal_pointer(&self->attempts);

	self->attempts_timer = 0;
	if (batch)
		g_signal_emit(self, signals[SIGNAL_ATTEMPTS], 0, batch);
	return G_SOURCE_REMOVE;
}

static void guard_attempt(GVariant *attempt, gpointer data)
{
	NgwGuard *self = data;

	if (!self->attempts)
		self->attempts = g_ptr_array_new_with_free_func((GDestroyNotify)g_variant_unref);
	if (self->attempts->len < MAX_ATTEMPTS)
		g_ptr_array_add(self->attempts, g_variant_ref(attempt));
	if (self->attempts_timer == 0)
		self->attempts_timer = g_timeout_add(ATTEMPTS_INTERVAL_MS, guard_deliver, self);
}

/* --- finding it --- */

static const NgClientListener listener = { guard_attempt, guard_changed, guard_lost };

static void guard_connected(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(NgwGuard) self = data;
	g_autoptr(GError) error = NULL;
	NgClient *client = ng_client_new_finish(result, &error);

	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return;
	if (!client) {
		const gboolean was_there = self->known[ANSWER_STATUS] != NULL;

		guard_drop(self);
		guard_set_link(self, link_of_error(error, was_there), error->message);
		return;
	}
	self->client = client;
	ng_client_set_interactive(client, TRUE);
	ng_client_listen(client, &listener, self);
	ng_client_call_async(client, "Subscribe", NULL, "()", CALL_TIMEOUT_MS, self->connection, NULL, NULL);
	for (guint i = 0; i < N_ANSWERS; i++)
		guard_ask(self, i);
	g_signal_emit(self, signals[SIGNAL_CHANGED], 0, NGW_PART_POLICY);
}

static void guard_search(NgwGuard *self)
{
	if (self->client || self->connection || self->is_stopped)
		return;
	self->connection = g_cancellable_new();
	ng_client_new_async(self->runtime_dir, self->connection, guard_connected, g_object_ref(self));
}

void ngw_guard_retry(NgwGuard *self)
{
	g_clear_handle_id(&self->retry_timer, g_source_remove);
	guard_search(self);
}

void ngw_guard_stop(NgwGuard *self)
{
	self->is_stopped = TRUE;
	g_clear_handle_id(&self->retry_timer, g_source_remove);
	g_clear_handle_id(&self->attempts_timer, g_source_remove);
	g_clear_pointer(&self->attempts, g_ptr_array_unref);
	guard_drop(self);
}

/* --- reading --- */

NgwLink ngw_guard_link(NgwGuard *self)
{
	return self->link;
}

gboolean ngw_guard_is_ready(NgwGuard *self)
{
	return self->link == NGW_LINK_READY;
}

const char *ngw_guard_link_text(NgwGuard *self)
{
	return self->text;
}

gboolean ngw_guard_is_on_bus(NgwGuard *self)
{
	return self->client && ng_client_bus_name(self->client) != NULL;
}

gboolean ngw_guard_is_simulation(NgwGuard *self)
{
	return g_str_equal(ngw_dict_string(self->known[ANSWER_STATUS], "state", ""), "simulation");
}

GVariant *ngw_guard_status(NgwGuard *self)
{
	return self->known[ANSWER_STATUS];
}

GVariant *ngw_guard_permissions(NgwGuard *self)
{
	return self->known[ANSWER_PERMISSIONS];
}

GVariant *ngw_guard_lock(NgwGuard *self)
{
	return self->known[ANSWER_LOCK];
}

GVariant *ngw_guard_settings(NgwGuard *self)
{
	return self->known[ANSWER_SETTINGS];
}

const char *ngw_guard_permission(NgwGuard *self, const char *action)
{
	return ngw_dict_string(self->known[ANSWER_PERMISSIONS], action, "no");
}

gboolean ngw_guard_is_read_only(NgwGuard *self)
{
	return self->known[ANSWER_PERMISSIONS] && g_str_equal(ngw_guard_permission(self, "tighten"), "no") &&
	       g_str_equal(ngw_guard_permission(self, "loosen"), "no");
}

/* --- calling --- */

static void guard_call_ended(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GTask) task = data;
	g_autoptr(GError) error = NULL;
	GVariant *reply = ng_client_call_finish(result, &error);

	if (reply)
		g_task_return_pointer(task, reply, (GDestroyNotify)g_variant_unref);
	else
		g_task_return_error(task, g_steal_pointer(&error));
}

void ngw_guard_call(NgwGuard *self, const char *method, GVariant *parameters, const char *reply_type,
		    GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
	g_autoptr(GTask) task = g_task_new(self, cancellable, callback, user_data);
	g_autoptr(GVariant) owned = parameters ? g_variant_ref_sink(parameters) : NULL;

	if (!self->client) {
		g_task_return_new_error(task, NG_CLIENT_ERROR, NG_CLIENT_ERROR_NOT_RUNNING, "%s",
					self->text ? self->text : _("There is no connection to the service yet."));
		return;
	}
	ng_client_call_async(self->client, method, owned, reply_type, CALL_TIMEOUT_MS, cancellable, guard_call_ended,
			     g_steal_pointer(&task));
}

GVariant *ngw_guard_call_finish(NgwGuard *self, GAsyncResult *result, GError **error)
{
	g_return_val_if_fail(g_task_is_valid(result, self), NULL);
	return g_task_propagate_pointer(G_TASK(result), error);
}

/* --- life --- */

static void ngw_guard_finalize(GObject *object)
{
	NgwGuard *self = NGW_GUARD(object);

	ngw_guard_stop(self);
	for (guint i = 0; i < N_ANSWERS; i++)
		g_clear_pointer(&self->known[i], g_variant_unref);
	g_free(self->runtime_dir);
	g_free(self->text);
	G_OBJECT_CLASS(ngw_guard_parent_class)->finalize(object);
}

static void ngw_guard_class_init(NgwGuardClass *class)
{
	G_OBJECT_CLASS(class)->finalize = ngw_guard_finalize;
	signals[SIGNAL_LINK] =
		g_signal_new("link", NGW_TYPE_GUARD, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
	signals[SIGNAL_CHANGED] = g_signal_new("changed", NGW_TYPE_GUARD, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
					       G_TYPE_NONE, 1, G_TYPE_UINT);
	signals[SIGNAL_ATTEMPTS] = g_signal_new("attempts", NGW_TYPE_GUARD, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
						G_TYPE_NONE, 1, G_TYPE_PTR_ARRAY);
}

static void ngw_guard_init(NgwGuard *self)
{
	self->link = NGW_LINK_CONNECTING;
}

NgwGuard *ngw_guard_new(const char *runtime_dir)
{
	NgwGuard *self = g_object_new(NGW_TYPE_GUARD, NULL);

	self->runtime_dir = g_strdup(runtime_dir);
	guard_search(self);
	return self;
}
