/* SPDX-License-Identifier: MIT */
/*
 * Which blocked attempts to tell the person of, and when: gathers them by application, lets one notice through at a
 * time. Pure but for memory: time is the caller's, nothing is shown here. Single-threaded, no power.
 *
 * At most one notice for an application every NGW_NOTICES_EACH_US, at most NGW_NOTICES_MAX_A_MINUTE altogether; what
 * happens meanwhile is counted into the next. The application that waits longest is next.
 */
#ifndef NGW_NOTICES_H
#define NGW_NOTICES_H

#include "window/app.h"

G_BEGIN_DECLS

#define NGW_NOTICES_EACH_US (30 * G_USEC_PER_SEC)
#define NGW_NOTICES_MAX_A_MINUTE 6
#define NGW_NOTICES_MAX_APPS 256 /* gathered at once; attempts of more are not told */
#define NGW_NOTICES_MAX_HOSTS 32 /* told apart for one notice */

typedef struct {
	char *key;             /* of ngw_apps_find(): whose profile decided and can be changed */
	char *executable;      /* what tried */
	char *decider;         /* id of the application that decided; "": the default */
	gboolean is_inherited; /* it is held to the profile of a program that started it */
	gboolean is_simulated; /* nothing was blocked */
	NgwProfile needs;      /* the least profile under which all of it would be allowed; NONE: none would */
	guint64 count;
	char *what;    /* the last destination, in words */
	guint n_whats; /* different ones, up to NGW_NOTICES_MAX_HOSTS */
	char *reason;  /* the last one's word */
	char *text;    /* and in the service's words */
} NgwNotice;

typedef struct _NgwNotices NgwNotices;

NgwNotices *ngw_notices_new(void);
void ngw_notices_free(NgwNotices *notices);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NgwNotices, ngw_notices_free)

/* One attempt (a{sv} of the interface) that is not allowed; `key` is whom it is told of. `now_us` never goes back. */
void ngw_notices_add(NgwNotices *notices, const char *key, GVariant *attempt, gint64 now_us);
/* What is to be told now, or NULL: then *ret_wait_us is in how long to ask again, -1 when nothing waits. The notice is
 * borrowed until the next call; it counts as told. */
const NgwNotice *ngw_notices_next(NgwNotices *notices, gint64 now_us, gint64 *ret_wait_us);
/* The person has seen what waits; NULL: all of it. */
void ngw_notices_drop(NgwNotices *notices, const char *key);

/* "curl was blocked"; owned by the caller. */
char *ngw_notice_title(const NgwNotice *notice, const char *name);
/* Destination, count and reason in a line or two. `decider_name` names the application that decided. */
char *ngw_notice_body(const NgwNotice *notice, const char *decider_name);

G_END_DECLS
#endif
