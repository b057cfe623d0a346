/* SPDX-License-Identifier: MIT */
/*
 * Asking polkit about a caller on the system bus. Three calls of org.freedesktop.PolicyKit1.Authority, made on the very
 * connection that the caller is known from: libpolkit-gobject would use a second one, shared by the whole process, that
 * ends the process when the bus goes and never comes back after a restart of the bus.
 *
 * Engine; polkit lets it ask about others because the actions name the user netguard as their owner. The subject is the
 * caller's unique bus name, never a process id. Never blocks.
 */
#ifndef NG_GUARDD_POLKIT_H
#define NG_GUARDD_POLKIT_H

#include <gio/gio.h>

G_BEGIN_DECLS

#define NG_POLKIT_TIMEOUT_MS 25000      /* polkit may have to be started */
#define NG_POLKIT_ASK_TIMEOUT_MS 290000 /* a person reads and types; shorter than the client waits */

/* Without `may_ask`. */
#define NG_POLKIT_OPEN 64 /* at once, of everybody */
#define NG_POLKIT_OPEN_OF_UID 4
#define NG_POLKIT_WAITING_OF_UID 64 /* what is more is NG_POLKIT_BUSY */

typedef enum {
	NG_POLKIT_YES,
	NG_POLKIT_ASK, /* if somebody proves who he is; only without `may_ask`, or when there is nobody to ask */
	NG_POLKIT_NO,
	NG_POLKIT_DISMISSED, /* the question was closed */
	NG_POLKIT_LATE,      /* nobody answered in time */
	NG_POLKIT_ABSENT,    /* there is no polkit, or it went away */
	NG_POLKIT_FAILED,    /* it is there and cannot tell; `text` says why */
	NG_POLKIT_CANCELLED,
	NG_POLKIT_BUSY, /* not asked: too many of this uid's wait */
} NgPolkitAnswer;

/* `text` is "" or what polkit said, valid for the call. */
typedef void (*NgPolkitDone)(NgPolkitAnswer answer, const char *text, gpointer user_data);

/* May `sender`, who is `uid`, do org.networkguard.guard1.`word`? With `may_ask` polkit may ask a person. `done` is
 * called once, from the main loop, also after `cancellable` (may be NULL) was cancelled; then the question is closed.
 */
void ng_polkit_check(GDBusConnection *bus, const char *sender, guint32 uid, const char *word, gboolean may_ask,
		     GCancellable *cancellable, NgPolkitDone done, gpointer user_data);

G_END_DECLS
#endif
