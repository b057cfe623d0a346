/* SPDX-License-Identifier: MIT */
/*
 * The client of org.networkguard.Guard1: finds the guard, makes sure that it is the guard, calls it. Used by
 * `netguard` and the window; runs as the user, with the user's power.
 *
 * Invariants: nothing is sent to a socket before its file and the process behind it are known to belong to root, to the
 * service's account or to the caller; every wait has an end; an error says what happened in one sentence that names the
 * next step. All functions are for one thread; callbacks arrive in the thread-default main context of the subscriber.
 */
#ifndef NG_CLIENT_H
#define NG_CLIENT_H

#include <gio/gio.h>

G_BEGIN_DECLS

#define NG_CLIENT_SYSTEM_RUNTIME "/run/netguard"
#define NG_CLIENT_SIMULATION_RUNTIME "/run/netguard-simulation" /* root's */
#define NG_CLIENT_SERVICE_ACCOUNT "netguard"
#define NG_CLIENT_CONNECT_TIMEOUT_MS 10000 /* to connect and authenticate */
#define NG_CLIENT_CALL_TIMEOUT_MS 30000
#define NG_CLIENT_ASK_TIMEOUT_MS 300000       /* a person reads a question and types a password */
#define NG_CLIENT_LONG_CALL_TIMEOUT_MS 180000 /* Import and Reload of many applications */

#define NG_CLIENT_ERROR (ng_client_error_quark())
GQuark ng_client_error_quark(void);
typedef enum {
	NG_CLIENT_ERROR_NOT_RUNNING,  /* there is no service to talk to, or it went away */
	NG_CLIENT_ERROR_NO_ANSWER,    /* it is there and did not answer in time */
	NG_CLIENT_ERROR_UNTRUSTED,    /* somebody else sits where the service should be */
	NG_CLIENT_ERROR_NOT_ALLOWED,  /* org.freedesktop.DBus.Error.AccessDenied */
	NG_CLIENT_ERROR_INCOMPATIBLE, /* it does not know the method, or answers in another shape */
	/* org.networkguard.Error.* */
	NG_CLIENT_ERROR_INVALID_ARGUMENT,
	NG_CLIENT_ERROR_UNKNOWN_APPLICATION,
	NG_CLIENT_ERROR_MANAGED,
	NG_CLIENT_ERROR_CONFLICT,
	NG_CLIENT_ERROR_NOT_ENFORCED,
	NG_CLIENT_ERROR_LIMIT,
	NG_CLIENT_ERROR_LOCKED,           /* the passphrase of the second lock is needed */
	NG_CLIENT_ERROR_WRONG_PASSPHRASE, /* and it was another */
	NG_CLIENT_ERROR_CANCELLED,        /* the person closed the question */
	NG_CLIENT_ERROR_FAILED,           /* and everything else */
} NgClientError;

typedef struct _NgClient NgClient;

/*
 * Connect. With `runtime_dir` only to runtime_dir/guard.sock; with NULL to the first that is there of: the name on the
 * system bus, /run/netguard, and for simulations /run/netguard-simulation (root's), the user's own
 * $XDG_RUNTIME_DIR/netguard, /tmp/netguard-UID. A place where somebody poses as the guard ends the search with
 * NG_CLIENT_ERROR_UNTRUSTED.
 */
NgClient *ng_client_new(const char *runtime_dir, GError **error);
void ng_client_free(NgClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NgClient, ng_client_free)

/* Where it is connected, for people: a socket's path or "the system bus". Borrowed. */
const char *ng_client_where(NgClient *client);
/* For asynchronous use; the bus name is NULL peer to peer. Borrowed. */
GDBusConnection *ng_client_connection(NgClient *client);
const char *ng_client_bus_name(NgClient *client);

/* Call a method; `parameters` (floating is consumed) may be NULL. Returns the reply tuple, of type `reply_type`, owned
 * by the caller. */
GVariant *ng_client_call(NgClient *client, const char *method, GVariant *parameters, const char *reply_type,
			 int timeout_ms, GError **error);

/* From now on calls tell the service that a person is there to be asked for a password, and wait
 * NG_CLIENT_ASK_TIMEOUT_MS at least. */
void ng_client_set_interactive(NgClient *client, gboolean is_interactive);

/* The same without waiting, for programs with a main loop. The callbacks arrive in the thread-default main context of
 * the caller, also after `client` was freed: give a cancellable if that is not wanted. */
void ng_client_new_async(const char *runtime_dir, GCancellable *cancellable, GAsyncReadyCallback callback,
			 gpointer user_data);
NgClient *ng_client_new_finish(GAsyncResult *result, GError **error);
void ng_client_call_async(NgClient *client, const char *method, GVariant *parameters, const char *reply_type,
			  int timeout_ms, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
GVariant *ng_client_call_finish(GAsyncResult *result, GError **error);

/* Turn a GDBus error (of an asynchronous call) into one of ours, in place. */
void ng_client_error_translate(GError **error);

/* What a subscriber hears. Members may be NULL. After `lost` nothing more comes: make a new client. */
typedef struct {
	void (*attempt)(GVariant *attempt, gpointer user_data); /* a{sv}, borrowed */
	void (*changed)(const char *what, gpointer user_data);
	void (*lost)(gpointer user_data);
} NgClientListener;

/* Once for each client. `listener` is borrowed until the client is freed. */
gboolean ng_client_subscribe(NgClient *client, const NgClientListener *listener, gpointer user_data, GError **error);
/* The same without asking the service for signals yet: call Subscribe or SubscribeAll then. */
void ng_client_listen(NgClient *client, const NgClientListener *listener, gpointer user_data);

/* TRUE if a process or file of `uid` may be the guard for a caller `self`: root, the caller, the service's account. */
gboolean ng_client_trusts(uid_t uid, uid_t self);

G_END_DECLS
#endif
