/* SPDX-License-Identifier: MIT */
/*
 * Asking what runs (see running.h). The answer names applications by the image that was in force when it was given, so
 * what was made of it is let go when decisions change or a load has ended; a question that is under way at that time
 * serves those who wait for it, and nothing of it is kept.
 */
#include "guardd/running.h"

#include "guardd/loads.h"

#define TIMEOUT_MS 3000
#define KEPT_MS 1000

typedef struct {
	NgRunningDone done;
	gpointer user_data;
} Waiter;

struct _NgRunning {
	NgEngine *engine;
	const GArray *programs; /* while it is told */
	guint left_out, unseen;
	NgReply *reply;
	guint timer; /* until the reply is let go */
	gboolean is_asking;
	gboolean is_stale;      /* the question under way was asked before something changed */
	GArray *waiting, *next; /* Waiter: for the question under way, and for the one after it */
};

NgRunning *ng_running_new(NgEngine *engine)
{
	NgRunning *running = g_new0(NgRunning, 1);

	running->engine = engine;
	running->waiting = g_array_new(FALSE, FALSE, sizeof(Waiter));
	running->next = g_array_new(FALSE, FALSE, sizeof(Waiter));
	return running;
}

void ng_running_forget(NgRunning *running)
{
	running->is_stale = TRUE;
	g_clear_handle_id(&running->timer, g_source_remove);
	g_clear_pointer(&running->reply, ng_reply_unref);
}

static gboolean running_is_old(gpointer data)
{
	NgRunning *running = data;

	running->timer = 0;
	ng_running_forget(running);
	return G_SOURCE_REMOVE;
}

static void running_tell(GArray **waiting, const char *failure)
{
	g_autoptr(GArray) those = *waiting;

	*waiting = g_array_new(FALSE, FALSE, sizeof(Waiter));
	for (guint i = 0; i < those->len; i++) {
		const Waiter *waiter = &g_array_index(those, Waiter, i);

		waiter->done(failure, waiter->user_data);
	}
}

static void running_start(NgRunning *running);

static void running_known(const struct ng_message *reply, GArray *parts, const char *failure, gpointer data)
{
	NgRunning *running = data;
	g_autofree char *why = NULL;

	running->is_asking = FALSE;
	if (reply && reply->programs.error != 0) {
		why = g_strdup_printf("The enforcer could not look at what runs: %s.",
				      g_strerror(-reply->programs.error));
		failure = why;
	} else if (reply) {
		running->programs = parts;
		running->left_out = reply->programs.left_out;
		running->unseen = reply->programs.unseen;
	}
	running_tell(&running->waiting, failure);
	running->programs = NULL;
	if (running->next->len > 0 && !running->is_asking)
		running_start(running);
}

static void running_start(NgRunning *running)
{
	GArray *swap = running->waiting;

	running->waiting = running->next;
	running->next = swap;
	running->is_asking = TRUE;
	running->is_stale = FALSE;
	ng_link_ask(running->engine->link, NG_MESSAGE_PROGRAMS, -1, TIMEOUT_MS, running_known, running);
}

void ng_running_ask(NgRunning *running, gboolean may_join, NgRunningDone done, gpointer user_data)
{
	const Waiter waiter = { done, user_data };

	if (running->is_asking && may_join)
		g_array_append_val(running->waiting, waiter);
	else
		g_array_append_val(running->next, waiter);
	if (!running->is_asking)
		running_start(running);
}

const GArray *ng_running_programs(NgRunning *running)
{
	return running->programs;
}

void ng_running_missing(NgRunning *running, guint *ret_left_out, guint *ret_unseen)
{
	*ret_left_out = running->left_out;
	*ret_unseen = running->unseen;
}

NgReply *ng_running_reply(NgRunning *running)
{
	return running->reply;
}

void ng_running_keep_reply(NgRunning *running, NgReply *reply)
{
	if (running->is_stale)
		return;
	ng_running_forget(running);
	running->is_stale = FALSE;
	running->reply = ng_reply_ref(reply);
	running->timer = g_timeout_add(KEPT_MS, running_is_old, running);
}

const NgPolicyApp *ng_running_app(NgEngine *engine, const struct ng_program *program)
{
	const guint64 key =
		program->app_key != 0 ? program->app_key : ng_loads_app_key_of_file(engine->loads, &program->key);
	gsize length;
	const char *text = key != 0 ? ng_loads_id(engine->loads, key, &length) : NULL;
	g_autofree char *id = text ? g_strndup(text, length) : NULL;

	return id ? ng_policy_find(engine->policy, id) : NULL;
}

void ng_running_free(NgRunning *running)
{
	ng_running_forget(running);
	running_tell(&running->waiting, "The service is ending.");
	running_tell(&running->next, "The service is ending.");
	g_array_unref(running->waiting);
	g_array_unref(running->next);
	g_free(running);
}
