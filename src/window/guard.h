/* SPDX-License-Identifier: MIT */
/*
 * The window's connection to the guard: finds it, keeps what it said last, tells when that changes, tries again when it
 * is lost. The only file of the window that speaks to src/api/. Runs as the user, unprivileged, on the main loop;
 * nothing here blocks it (connecting happens in a thread, answers are asynchronous).
 *
 * Link states: CONNECTING -> READY, or ABSENT, UNTRUSTED, INCOMPATIBLE (tried again every few seconds, and at once with
 * ngw_guard_retry()); READY -> LOST when the connection ends: what was known stays readable, marked old, and the link
 * goes on trying. In LOST and ABSENT nothing may be shown as in force.
 *
 * Signals:
 *   "link"     ()                 the link state changed
 *   "changed"  (guint)            NgwGuardPart bits that are new: read them again
 *   "attempts" (GPtrArray*)       attempts (GVariant a{sv}) since the last time, at most four times a second
 */
#ifndef NGW_GUARD_H
#define NGW_GUARD_H

#include <gio/gio.h>

#include "api/client.h"

G_BEGIN_DECLS

typedef enum {
	NGW_LINK_CONNECTING,
	NGW_LINK_READY,
	NGW_LINK_ABSENT,       /* nobody answers: not running */
	NGW_LINK_LOST,         /* it was there */
	NGW_LINK_UNTRUSTED,    /* somebody poses as the guard */
	NGW_LINK_INCOMPATIBLE, /* another version */
} NgwLink;

typedef enum {
	NGW_PART_STATUS = 1 << 0,      /* GetStatus */
	NGW_PART_PERMISSIONS = 1 << 1, /* GetPermissions */
	NGW_PART_LOCK = 1 << 2,        /* GetLock */
	NGW_PART_SETTINGS = 1 << 3,    /* GetSettings */
	NGW_PART_POLICY = 1 << 4,      /* applications: ask ListApps again (NgwApps does) */
} NgwGuardPart;

#define NGW_TYPE_GUARD (ngw_guard_get_type())
G_DECLARE_FINAL_TYPE(NgwGuard, ngw_guard, NGW, GUARD, GObject)

/* `runtime_dir` as for ng_client_new(): NULL searches the usual places. Starts at once. */
NgwGuard *ngw_guard_new(const char *runtime_dir);
/* End the connection and every call: called when the application ends. */
void ngw_guard_stop(NgwGuard *guard);
void ngw_guard_retry(NgwGuard *guard);

NgwLink ngw_guard_link(NgwGuard *guard);
gboolean ngw_guard_is_ready(NgwGuard *guard);
/* Why the link is not READY, for people; NULL when it is. Borrowed. */
const char *ngw_guard_link_text(NgwGuard *guard);
/* The link is to the system bus, where polkit can ask; FALSE: the socket, root only. */
gboolean ngw_guard_is_on_bus(NgwGuard *guard);
/* This person may change nothing at all, whatever password is given. */
gboolean ngw_guard_is_read_only(NgwGuard *guard);
/* Nothing goes through the kernel: state "simulation". */
gboolean ngw_guard_is_simulation(NgwGuard *guard);

/* What was said last, a{sv}, borrowed until the next main loop turn; NULL before the first answer. */
GVariant *ngw_guard_status(NgwGuard *guard);
GVariant *ngw_guard_permissions(NgwGuard *guard);
GVariant *ngw_guard_lock(NgwGuard *guard);
GVariant *ngw_guard_settings(NgwGuard *guard);
/* "yes", "authenticate" or "no" for an action of GetPermissions; "no" where that is not known. */
const char *ngw_guard_permission(NgwGuard *guard, const char *action);

/* Call a method of the interface. Without a connection it fails with NG_CLIENT_ERROR_NOT_RUNNING. Errors are
 * NG_CLIENT_ERROR or G_IO_ERROR_CANCELLED. The reply tuple is owned by the caller. */
void ngw_guard_call(NgwGuard *guard, const char *method, GVariant *parameters, const char *reply_type,
		    GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
GVariant *ngw_guard_call_finish(NgwGuard *guard, GAsyncResult *result, GError **error);

/* A key of an a{sv}, or the value given. Strings are borrowed from the dictionary. */
const char *ngw_dict_string(GVariant *dict, const char *key, const char *otherwise);
gint64 ngw_dict_time(GVariant *dict, const char *key);    /* x; 0 without */
guint64 ngw_dict_count(GVariant *dict, const char *key);  /* t or u; 0 without */
gboolean ngw_dict_flag(GVariant *dict, const char *key);  /* b; FALSE without */
char **ngw_dict_strings(GVariant *dict, const char *key); /* as; never NULL; owned by the caller */

G_END_DECLS
#endif
