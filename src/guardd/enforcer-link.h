/* SPDX-License-Identifier: MIT */
/*
 * The engine's end of the conversation with the enforcer: requests with a deadline, their replies, events. Nothing here
 * waits: a stopped enforcer costs the one who asked an answer, and the main loop nothing.
 */
#ifndef NG_GUARDD_ENFORCER_LINK_H
#define NG_GUARDD_ENFORCER_LINK_H

#include <gio/gio.h>

#include "enforce/message.h"

G_BEGIN_DECLS

#define NG_LINK_MAX_COUNTS 131072u /* entries of one answer that are kept */
#define NG_LINK_MAX_SOCKETS 65536u

typedef struct _NgLink NgLink;

typedef struct {
	/* Something the enforcer saw; borrowed. */
	void (*event)(const struct ng_event_report *report, gpointer user_data);
	/* An answer came after its deadline: what is remembered about the enforcer may be wrong. */
	void (*late)(gpointer user_data);
	/* The conversation is over; nothing is called after it. */
	void (*ended)(const char *why, gpointer user_data);
	gpointer user_data;
} NgLinkEvents;

/* `reply` is the answer (the last message of it), borrowed; `parts` are the collected entries of COUNTS (struct
 * ng_app_counts), SOCKETS (struct ng_socket) or PROGRAMS (struct ng_program), borrowed. Without an answer `reply` is
 * NULL and `failure` a sentence. */
typedef void (*NgLinkReply)(const struct ng_message *reply, GArray *parts, const char *failure, gpointer user_data);

/* Takes `fd`. */
NgLink *ng_link_new(int fd, const NgLinkEvents *events);
void ng_link_free(NgLink *link); /* who still waits is not called */
/* Ask. `fd` (or -1) goes along, borrowed. `done` is called once, never from within this function. */
void ng_link_ask(NgLink *link, guint32 type, int fd, guint timeout_ms, NgLinkReply done, gpointer user_data);
/* FALSE: the last request that ended did so without an answer. */
gboolean ng_link_answers(NgLink *link);

G_END_DECLS
#endif
