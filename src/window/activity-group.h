/* SPDX-License-Identifier: MIT */
/*
 * One line of Activity: attempts that are alike in application, destination, reason, verdict and user, counted. Filled
 * by NgwActivityTable (activity-table.h), shown by rows. Main loop only, no power; its texts come from programs and are
 * never markup.
 *
 * Signal "changed" (): count, times or process are different.
 */
#ifndef NGW_ACTIVITY_GROUP_H
#define NGW_ACTIVITY_GROUP_H

#include <gio/gio.h>

G_BEGIN_DECLS

typedef enum {
	NGW_VERDICT_ALLOWED,
	NGW_VERDICT_BLOCKED,
	NGW_VERDICT_WOULD_BLOCK, /* simulation: nothing was blocked */
} NgwVerdict;

/* What a call was about; calls of one direction are one destination. */
typedef enum {
	NGW_DIRECTION_TO,     /* connect, sendmsg, send */
	NGW_DIRECTION_FROM,   /* recv: somebody reached it */
	NGW_DIRECTION_LISTEN, /* bind */
	NGW_DIRECTION_SOCKET, /* create: no address yet */
} NgwDirection;

/* What an attempt says of itself. In an NgwActivityGroup the strings are its own. */
typedef struct {
	/* alike in all of these */
	const char *application; /* id; "": nobody decided, then `executable` counts */
	const char *decider;     /* id of the application whose rule it was; "": the default */
	const char *executable;
	const char *protocol;
	const char *family;
	const char *address;
	const char *reason; /* the stable word */
	guint port;         /* 0: none, or it does not count */
	guint uid;
	NgwDirection direction;
	NgwVerdict verdict;
	/* of the latest */
	const char *command;
	const char *class;
	const char *profile;
	const char *text;
	guint pid;
	guint64 count; /* of all */
	gint64 first, last;
	guint64 skipped; /* left out of the signals before this one */
} NgwAttempt;

/* Read one of GetAttempts' dictionaries; the strings are borrowed from it. */
void ngw_attempt_read(GVariant *dict, NgwAttempt *ret_attempt);
guint ngw_attempt_hash(gconstpointer attempt);
gboolean ngw_attempt_alike(gconstpointer a, gconstpointer b);

#define NGW_TYPE_ACTIVITY_GROUP (ngw_activity_group_get_type())
G_DECLARE_FINAL_TYPE(NgwActivityGroup, ngw_activity_group, NGW, ACTIVITY_GROUP, GObject)

/* Copies. */
NgwActivityGroup *ngw_activity_group_new(const NgwAttempt *attempt);
/* One more of the same; does not emit. */
void ngw_activity_group_add(NgwActivityGroup *group, const NgwAttempt *attempt);
void ngw_activity_group_emit_changed(NgwActivityGroup *group);
/* Borrowed; strings until "changed". */
const NgwAttempt *ngw_activity_group_attempt(NgwActivityGroup *group);
/* Everything but the application's name, casefolded. */
const char *ngw_activity_group_search_text(NgwActivityGroup *group);

G_END_DECLS
#endif
