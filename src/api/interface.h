/* SPDX-License-Identifier: MIT */
/*
 * The names of the interface, and its description as GLib reads it from org.networkguard.Guard1.xml (built in). For the
 * server and the client alike; no power, no state but the parsed description, made once.
 */
#ifndef NG_API_INTERFACE_H
#define NG_API_INTERFACE_H

#include <gio/gio.h>

G_BEGIN_DECLS

#define NG_API_BUS_NAME "org.networkguard.Guard1"
#define NG_API_OBJECT "/org/networkguard/Guard1"
#define NG_API_INTERFACE "org.networkguard.Guard1"
#define NG_API_SOCKET "guard.sock" /* in the runtime folder */

#define NG_API_ERROR_PREFIX "org.networkguard.Error."
#define NG_API_ERROR_INVALID NG_API_ERROR_PREFIX "InvalidArgument"
#define NG_API_ERROR_UNKNOWN NG_API_ERROR_PREFIX "UnknownApplication"
#define NG_API_ERROR_MANAGED NG_API_ERROR_PREFIX "Managed"
#define NG_API_ERROR_CONFLICT NG_API_ERROR_PREFIX "Conflict"
#define NG_API_ERROR_NOT_ENFORCED NG_API_ERROR_PREFIX "NotEnforced"
#define NG_API_ERROR_FAILED NG_API_ERROR_PREFIX "Failed"
#define NG_API_ERROR_LIMIT NG_API_ERROR_PREFIX "Limit"
#define NG_API_ERROR_LOCKED NG_API_ERROR_PREFIX "Locked"
#define NG_API_ERROR_WRONG_PASSPHRASE NG_API_ERROR_PREFIX "WrongPassphrase"
#define NG_API_ERROR_CANCELLED NG_API_ERROR_PREFIX "Cancelled"
#define NG_API_ERROR_DENIED "org.freedesktop.DBus.Error.AccessDenied"

#define NG_API_MAX_MESSAGE (64 * 1024)        /* bytes of one call, header and all */
#define NG_API_MAX_DOCUMENT (4 * 1024 * 1024) /* bytes of the document of Import, from who may change */
#define NG_API_MAX_REPLY ((gsize)1 << 27)     /* the format's own limit: 128 MiB */

/* The description of NG_API_INTERFACE. Borrowed, lives for ever, safe from any thread. */
GDBusInterfaceInfo *ng_api_interface_info(void);
/* The XML. Borrowed. */
const char *ng_api_interface_xml(void);

G_END_DECLS
#endif
