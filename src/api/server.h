/* SPDX-License-Identifier: MIT */
/*
 * The server of the interface: one dispatcher, two transports. Peer to peer on a listening socket always; on the system
 * bus where there is one. Runs in the engine, without privilege, in one thread, on the default main context.
 *
 * Who calls is known from the bus or from the socket's credentials. Each uid has one share: a turn of the main loop
 * serves at most one call of each uid, whatever it has waiting, so a flood costs the others one call each, not its
 * length. Everything a client can grow has a limit, below.
 */
#ifndef NG_API_SERVER_H
#define NG_API_SERVER_H

#include <gio/gio.h>

#include "api/interface.h"

G_BEGIN_DECLS

#define NG_SERVER_MAX_CONNECTIONS 1024    /* on the socket, all together */
#define NG_SERVER_ADMIN_RESERVE 256       /* of these, kept for who may change */
#define NG_SERVER_MAX_PER_UID 64          /* connections of one uid; NG_SERVER_ADMIN_RESERVE for who may change */
#define NG_SERVER_AUTH_TIMEOUT_S 5        /* a connection that has not introduced itself by then is closed */
#define NG_SERVER_STALL_TIMEOUT_S 60      /* a connection that takes nothing of what waits for it is closed */
#define NG_SERVER_OUTPUT_PAUSE (1 << 20)  /* bytes unsent: no further call is read from this connection */
#define NG_SERVER_OUTPUT_CUT (4 << 20)    /* bytes unsent: a subscriber is cut off */
#define NG_SERVER_SHARE_OUTPUT (32 << 20) /* bytes unsent of one uid: none of its calls is served */
#define NG_SERVER_BUS_CALLS 16            /* unanswered calls of one caller on the bus */
#define NG_SERVER_BUS_CALLERS 512         /* callers on the bus that are remembered */
#define NG_SERVER_SIGNALS_PER_S 200       /* Attempt signals to one subscriber */

typedef struct _NgServer NgServer;
typedef struct _NgCall NgCall;
typedef struct _NgReply NgReply;

/* Answers `call`, now or later, exactly once. `parameters` lives as long as the call. */
typedef void (*NgMethodHandler)(NgCall *call, GVariant *parameters, gpointer user_data);

/* What a caller must be permitted before a method is run for him. The service says who is (authorise, below). */
typedef enum {
	NG_ACTION_UNSTATED, /* a row that forgot to say: refused to everybody */
	NG_ACTION_EVERYONE, /* any local user; for more than that the handler asks itself */
	NG_ACTION_CHANGE,   /* the handler asks, once it knows whether its change tightens or loosens */
	NG_ACTION_TIGHTEN,
	NG_ACTION_LOOSEN,
	NG_ACTION_PAUSE,
	NG_ACTION_OBSERVE,
	NG_ACTION_AUDIT,
	NG_ACTION_CONFIGURE,
	NG_ACTIONS,
} NgAction;

typedef struct {
	const char *name;
	NgAction action;
	NgMethodHandler handler;
} NgMethod;

typedef struct {
	const NgMethod *methods; /* borrowed; one for each method of the interface but Subscribe and Unsubscribe */
	gsize n_methods;
	gint64 admin_uid; /* may change, as uid 0 may; -1: nobody else */
	/* May the caller do this? TRUE: yes, and ng_call_grant() was called. FALSE: the call has been answered, or
	 * ng_call_again() will be called when somebody has said yes. For NG_ACTION_CHANGE: could he be permitted any
	 * change at all; the handler asks for the rest. NULL: only who may change everything. */
	gboolean (*authorise)(NgCall *call, NgAction action, gpointer user_data);
	gpointer user_data;
} NgServerConfig;

NgServer *ng_server_new(const NgServerConfig *config);
/* Closes everything. Calls that are still unanswered may be answered later: nobody hears it. */
void ng_server_free(NgServer *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NgServer, ng_server_free)

/* Serve a listening unix stream socket. Takes `fd`. */
void ng_server_listen(NgServer *server, int fd);
/* Also serve the system bus, from when it can be reached; tries again when it goes. `say` gets a sentence for people
 * each time that changes. */
void ng_server_join_bus(NgServer *server, void (*say)(const char *text, gpointer user_data));

/* Clients connected now, both transports. */
guint ng_server_n_clients(NgServer *server);
/* The bus that is served now, or NULL. Borrowed. */
GDBusConnection *ng_server_bus(NgServer *server);
/* Somebody would get a signal about this uid. */
gboolean ng_server_has_subscriber(NgServer *server, guint32 uid);
/* To every subscriber. Takes a floating reference to `parameters`. */
void ng_server_signal(NgServer *server, const char *name, GVariant *parameters);
/* "Attempt" to who may see this uid's attempts; `attempt` is an a{sv}. Beyond NG_SERVER_SIGNALS_PER_S it is counted,
 * and the next one says how many were left out ("skipped"). Takes a floating reference. */
void ng_server_signal_attempt(NgServer *server, guint32 uid, GVariant *attempt);

/* The caller, as the kernel or the bus says. */
guint32 ng_call_uid(NgCall *call);
const char *ng_call_auth(NgCall *call);   /* "socket" or "bus", or what ng_call_set_auth() said */
const char *ng_call_method(NgCall *call); /* its name */
GVariant *ng_call_parameters(NgCall *call);
/* May this caller change things and see everyone's, without being asked about. */
gboolean ng_call_is_admin(NgCall *call);
/* On the bus: its connection, and the caller's unique name there. NULL on the socket. Borrowed. */
GDBusConnection *ng_call_bus(NgCall *call, const char **ret_sender);
/* The caller says that a person is there who may be asked. */
gboolean ng_call_is_interactive(NgCall *call);
/* Cancelled when the caller has gone. Borrowed. */
GCancellable *ng_call_cancellable(NgCall *call);

/* What was permitted for this one call, and how it was found out (for the audit chain). */
void ng_call_grant(NgCall *call, NgAction action);
gboolean ng_call_is_granted(NgCall *call, NgAction action);
void ng_call_set_auth(NgCall *call, const char *auth);
/* For what waits between two runs of a handler. Owned by the call. */
void ng_call_set_data(NgCall *call, gpointer data, GDestroyNotify destroy);
gpointer ng_call_data(NgCall *call);
/* Run the method from its start once more, with what has been granted since: what it found the first time may be
 * otherwise by now. Nothing happens for a caller who has gone; the call ends then. */
void ng_call_again(NgCall *call);

/* The answer; ends the call. `result` is a tuple or NULL for none; a floating reference is taken. */
void ng_call_return(NgCall *call, GVariant *result);
/* The same with an answer that is kept for many; the call takes no reference of its own. */
void ng_call_return_reply(NgCall *call, NgReply *reply);
/* `name` is one of NG_API_ERROR_*; the text is one sentence or two, the last one names the next step. */
void ng_call_fail(NgCall *call, const char *name, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* An answer marshalled once and sent to many: a client that does not read it holds a reference, not a copy. */
NgReply *ng_reply_new(GVariant *result); /* takes a floating reference */
NgReply *ng_reply_ref(NgReply *reply);
void ng_reply_unref(NgReply *reply);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NgReply, ng_reply_unref)

/* An answer that is marshalled once, and sent with other numbers (type t) each time. Put a mark in the place of each,
 * finish with the whole, then fill in as many numbers as there are marks, in the order the marks were given. */
typedef struct _NgReplyTemplate NgReplyTemplate;
NgReplyTemplate *ng_reply_template_new(void);
void ng_reply_template_free(NgReplyTemplate *self);
guint64 ng_reply_template_mark(NgReplyTemplate *self);
guint ng_reply_template_n_marks(const NgReplyTemplate *self);
/* Takes a floating reference. FALSE: it cannot be told where the marks are; free it and do without. */
gboolean ng_reply_template_finish(NgReplyTemplate *self, GVariant *result);
NgReply *ng_reply_template_fill(const NgReplyTemplate *self, const guint64 *numbers);

G_END_DECLS
#endif
