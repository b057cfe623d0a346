/* SPDX-License-Identifier: MIT */
/*
 * Requests, replies and events (see enforcer-link.h). What the enforcer sends was checked by ng_message_receive(); an
 * answer of another type than was asked for ends the conversation. A turn of the main loop takes at most
 * MESSAGES_PER_TURN messages, so that a flood of events leaves time for clients.
 */
#include "guardd/enforcer-link.h"

#include <errno.h>
#include <glib-unix.h>
#include <unistd.h>

#define MESSAGES_PER_TURN 64

typedef struct {
	NgLink *link;
	guint64 seq;
	guint32 answer; /* NG_MESSAGE_* that answers it */
	guint timer;
	GArray *parts;
	NgLinkReply done;
	gpointer user_data;
} Request;

struct _NgLink {
	int fd;
	guint source;
	guint64 seq;
	gboolean answers;
	GHashTable *requests; /* &seq -> Request */
	NgLinkEvents events;
};

static void request_free(gpointer data)
{
	Request *request = data;

	g_clear_handle_id(&request->timer, g_source_remove);
	g_clear_pointer(&request->parts, g_array_unref);
	g_free(request);
}

/* The request leaves the table before its callback runs, which may ask again. */
static void request_end(Request *request, const struct ng_message *reply, const char *failure)
{
	NgLink *link = request->link;

	g_hash_table_steal(link->requests, &request->seq);
	link->answers = reply != NULL;
	request->done(reply, request->parts, failure, request->user_data);
	request_free(request);
}

static gboolean request_is_late(gpointer data)
{
	Request *request = data;

	request->timer = 0;
	request_end(request, NULL, "The enforcer did not answer in time.");
	return G_SOURCE_REMOVE;
}

static gboolean request_was_not_sent(gpointer data)
{
	Request *request = data;

	request->timer = 0;
	request_end(request, NULL, "The enforcer does not read what it is sent.");
	return G_SOURCE_REMOVE;
}

static guint32 link_answer_of(guint32 type)
{
	switch (type) {
	case NG_MESSAGE_LOAD:
		return NG_MESSAGE_LOADED;
	case NG_MESSAGE_STATUS:
	case NG_MESSAGE_VERIFY:
		return NG_MESSAGE_STATUS_IS;
	case NG_MESSAGE_COUNTS:
		return NG_MESSAGE_COUNTS_ARE;
	case NG_MESSAGE_SOCKETS:
		return NG_MESSAGE_SOCKETS_ARE;
	case NG_MESSAGE_PROGRAMS:
		return NG_MESSAGE_PROGRAMS_ARE;
	default:
		g_assert_not_reached();
	}
}

void ng_link_ask(NgLink *link, guint32 type, int fd, guint timeout_ms, NgLinkReply done, gpointer user_data)
{
	Request *request = g_new0(Request, 1);
	g_autofree struct ng_message *message = g_new0(struct ng_message, 1);
	int r;

	request->link = link;
	request->seq = ++link->seq;
	request->answer = link_answer_of(type);
	request->done = done;
	request->user_data = user_data;
	if (type == NG_MESSAGE_COUNTS)
		request->parts = g_array_new(FALSE, FALSE, sizeof(struct ng_app_counts));
	else if (type == NG_MESSAGE_SOCKETS)
		request->parts = g_array_new(FALSE, FALSE, sizeof(struct ng_socket));
	else if (type == NG_MESSAGE_PROGRAMS)
		request->parts = g_array_new(FALSE, FALSE, sizeof(struct ng_program));
	g_hash_table_insert(link->requests, &request->seq, request);
	message->magic = NG_MESSAGE_MAGIC;
	message->version = NG_MESSAGE_VERSION;
	message->type = type;
	message->seq = request->seq;
	r = link->fd < 0 ? -EPIPE : ng_message_send(link->fd, message, fd);
	if (r < 0)
		request->timer = g_idle_add(request_was_not_sent, request);
	else
		request->timer = g_timeout_add(timeout_ms, request_is_late, request);
}

static void link_end(NgLink *link, const char *why)
{
	if (link->fd < 0)
		return;
	g_clear_handle_id(&link->source, g_source_remove);
	close(link->fd);
	link->fd = -1;
	link->answers = FALSE;
	link->events.ended(why, link->events.user_data);
}

/* TRUE: more messages of this answer follow. */
static gboolean request_collect(Request *request, const struct ng_message *message)
{
	if (message->type == NG_MESSAGE_COUNTS_ARE) {
		if (request->parts->len < NG_LINK_MAX_COUNTS)
			g_array_append_vals(request->parts, message->counts.apps, message->counts.n);
		return message->counts.more != 0;
	}
	if (message->type == NG_MESSAGE_SOCKETS_ARE) {
		if (request->parts->len < NG_LINK_MAX_SOCKETS)
			g_array_append_vals(request->parts, message->sockets.sockets, message->sockets.n);
		return message->sockets.more != 0;
	}
	if (message->type == NG_MESSAGE_PROGRAMS_ARE) {
		if (request->parts->len < NG_PROGRAMS_MAX)
			g_array_append_vals(request->parts, message->programs.programs, message->programs.n);
		return message->programs.more != 0;
	}
	return FALSE;
}

static void link_take(NgLink *link, const struct ng_message *message)
{
	Request *request;

	if (message->type == NG_MESSAGE_EVENT) {
		link->events.event(&message->event, link->events.user_data);
		return;
	}
	request = g_hash_table_lookup(link->requests, &message->seq);
	if (!request) {
		link->answers = TRUE;
		link->events.late(link->events.user_data);
	} else if (request->answer != message->type) {
		link_end(link, "the enforcer answered something that was not asked");
	} else if (!request_collect(request, message)) {
		request_end(request, message, NULL);
	}
}

static gboolean link_readable(gint fd, GIOCondition condition, gpointer data)
{
	NgLink *link = data;
	g_autofree struct ng_message *message = g_new(struct ng_message, 1);

	for (int i = 0; i < MESSAGES_PER_TURN && link->fd >= 0; i++) {
		int passed = -1;
		int r = ng_message_receive(link->fd, message, &passed);

		if (passed >= 0)
			close(passed); /* the enforcer has nothing to give */
		if (r == -EAGAIN)
			break;
		if (r == -EPIPE || r == -ECONNRESET)
			link_end(link, "the enforcer has ended");
		else if (r < 0)
			link_end(link, "the enforcer sent something malformed");
		else
			link_take(link, message);
	}
	return G_SOURCE_CONTINUE;
}

NgLink *ng_link_new(int fd, const NgLinkEvents *events)
{
	NgLink *link = g_new0(NgLink, 1);

	link->fd = fd;
	link->answers = TRUE;
	link->events = *events;
	link->requests = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, request_free);
	g_unix_set_fd_nonblocking(fd, TRUE, NULL);
	link->source = g_unix_fd_add(fd, G_IO_IN | G_IO_HUP, link_readable, link);
	return link;
}

void ng_link_free(NgLink *link)
{
	if (!link)
		return;
	g_clear_handle_id(&link->source, g_source_remove);
	if (link->fd >= 0)
		close(link->fd);
	g_hash_table_unref(link->requests);
	g_free(link);
}

gboolean ng_link_answers(NgLink *link)
{
	return link->answers;
}
