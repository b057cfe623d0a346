/* SPDX-License-Identifier: MIT */
/*
 * Attempts in words, what may be offered for each, and which a filter lets through. Pure: no widget, no connection;
 * results are owned by the caller unless said otherwise.
 */
#ifndef NGW_ACTIVITY_WORDS_H
#define NGW_ACTIVITY_WORDS_H

#include "window/activity-group.h"

G_BEGIN_DECLS

/* _("Blocked"), _("Would be blocked"), _("Allowed"). Borrowed. */
const char *ngw_verdict_title(NgwVerdict verdict);
/* "203.0.113.7:443/tcp", "from 203.0.113.7/tcp", "listening on port 8080/tcp". */
char *ngw_attempt_destination(const NgwAttempt *attempt);
/* The address as an Allow= entry; NULL where there is none to allow. */
char *ngw_attempt_allowance(const NgwAttempt *attempt);
/* Why, as a sentence without its end: "Local does not include the Internet". Borrowed from it or static. */
const char *ngw_attempt_why(const NgwAttempt *attempt);
/* Who: the file name of the executable or the command, where no application is known by name. */
char *ngw_attempt_program(const NgwAttempt *attempt);
/* "curl · process 2231 · user alice"; `user` NULL: not said. */
char *ngw_attempt_process(const NgwAttempt *attempt, const char *user);
/* The whole in one sentence, for accessible names: "Firefox, 203.0.113.7:443/tcp, blocked 12 times, last 14:30". */
char *ngw_attempt_sentence(const NgwAttempt *attempt, const char *name);
/* Everything, a line each, for the clipboard. */
char *ngw_attempt_details(const NgwAttempt *attempt, const char *name, const char *user);
/* The name of a user, or his number. */
char *ngw_user_name(guint uid);

/* Which changes would let such an attempt through. Nothing for what was allowed, or what no profile decided. */
typedef enum {
	NGW_HELPS_LOCAL = 1 << 0,
	NGW_HELPS_ONLINE = 1 << 1,
	NGW_HELPS_ALLOWANCE = 1 << 2,
} NgwHelps;
NgwHelps ngw_attempt_helps(const NgwAttempt *attempt);

/* What the filter lets through. */
typedef struct {
	gboolean only_blocked;
	const char *application; /* NULL: all; else an id, or the path of an undecided one */
	gint64 since;            /* 0: all */
	const char *search;      /* casefolded; "": all */
} NgwActivityFilter;
/* `name` is the application's, casefolded. */
gboolean ngw_activity_filter_passes(const NgwActivityFilter *filter, NgwActivityGroup *group, const char *name);
/* What `application` of a filter is compared with. Borrowed. */
const char *ngw_attempt_key(const NgwAttempt *attempt);

G_END_DECLS
#endif
