/* SPDX-License-Identifier: MIT */
/*
 * The half of the client that finds out whom it talks to; private to src/api/client*.c. Runs as the user. Invariant:
 * nothing is sent to a peer that ng_client_trusts() does not trust.
 */
#ifndef NG_API_CLIENT_CONNECT_H
#define NG_API_CLIENT_CONNECT_H

#include "api/client.h"

G_BEGIN_DECLS

/* A connection to the guard that listens on `path`, authenticated; owned by the caller. Takes at most twice
 * NG_CLIENT_CONNECT_TIMEOUT_MS. */
GDBusConnection *ng_client_connect(const char *path, GError **error);
/* Sets NG_CLIENT_ERROR_UNTRUSTED: `what` at `where` belongs to `uid`. Always FALSE. */
gboolean ng_client_refuse(const char *where, const char *what, uid_t uid, GError **error);

G_END_DECLS
#endif
