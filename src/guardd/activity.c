/* SPDX-License-Identifier: MIT */
/*
 * Sampling (see activity.h). The kernel counts for each application, and forgets only with the maps: a counter that is
 * lower than before began anew, and all of it is new. What happened between two samples belongs to the minute in the
 * middle of them. Engine, without privilege.
 *
 * Written is one row a minute, and only when something happened in it.
 */
#include "guardd/activity.h"

#include <string.h>

#define MINUTE_S 60
#define SAMPLE_AGE_US (1 * G_USEC_PER_SEC)
#define SAMPLE_TIMEOUT_MS 2000

typedef struct {
	NgActivityDone done;
	gpointer user_data;
} Waiter;

struct _NgActivity {
	NgEngine *engine;
	gint64 run_start;         /* seconds; 0: nothing was sampled yet */
	GArray *last;             /* struct ng_app_counts, sorted by key: the latest of every application ever seen */
	gint64 sampled;           /* seconds */
	gint64 sampled_us;        /* monotonic */
	NgActivityMinute running; /* not written yet */
	GArray *waiters;          /* Waiter */
	gboolean is_asking;
	guint timer;
};

static void activity_write(NgActivity *self)
{
	const NgActivityMinute *minute = &self->running;

	/* A failure is the history's health, which GetStatus shows. */
	ng_history_activity_add(self->engine->history, self->run_start, self->sampled, minute->start, minute->allowed,
				minute->blocked, NULL);
	self->running = (NgActivityMinute){ 0 };
}

static void activity_add(NgActivity *self, gint64 time, guint64 allowed, guint64 blocked)
{
	const gint64 start = time - time % MINUTE_S;

	if (allowed == 0 && blocked == 0)
		return;
	if (self->running.start != start && self->running.start != 0)
		activity_write(self);
	self->running.start = start;
	self->running.allowed += allowed;
	self->running.blocked += blocked;
}

static void activity_write_if_over(NgActivity *self)
{
	const gint64 now = ng_now();

	if (self->running.start != 0 && self->running.start != now - now % MINUTE_S)
		activity_write(self);
}

static int compare_keys(gconstpointer a, gconstpointer b)
{
	const guint64 one = ((const struct ng_app_counts *)a)->app_key,
		      other = ((const struct ng_app_counts *)b)->app_key;

	return one < other ? -1 : one > other;
}

/* Sorted by key, each key once. Owned by the caller. */
static GArray *counts_sorted(GArray *parts)
{
	g_autoptr(GArray) sorted = g_array_copy(parts);
	guint n = 0;

	g_array_sort(sorted, compare_keys);
	for (guint i = 0; i < sorted->len; i++) {
		const struct ng_app_counts *from = &g_array_index(sorted, struct ng_app_counts, i);
		struct ng_app_counts *to = n > 0 ? &g_array_index(sorted, struct ng_app_counts, n - 1) : NULL;

		if (to && to->app_key == from->app_key) {
			to->counts.allowed += from->counts.allowed;
			to->counts.denied += from->counts.denied;
		} else {
			g_array_index(sorted, struct ng_app_counts, n++) = *from;
		}
	}
	g_array_set_size(sorted, n);
	return g_steal_pointer(&sorted);
}

/* What is new in `now`, which takes over what only `last` has: an application that is gone may come back. */
static void counts_compare(GArray *last, GArray **now, guint64 *ret_allowed, guint64 *ret_blocked)
{
	g_autoptr(GArray) merged = g_array_sized_new(FALSE, FALSE, sizeof(struct ng_app_counts), last->len);
	guint i = 0, j = 0;

	*ret_allowed = *ret_blocked = 0;
	while (i < last->len || j < (*now)->len) {
		const struct ng_app_counts *was = i < last->len ? &g_array_index(last, struct ng_app_counts, i) : NULL;
		const struct ng_app_counts *is = j < (*now)->len ? &g_array_index(*now, struct ng_app_counts, j) : NULL;
		struct ng_counts base = { 0 };

		if (!is || (was && was->app_key < is->app_key)) {
			g_array_append_vals(merged, was, 1);
			i++;
			continue;
		}
		if (was && was->app_key == is->app_key) {
			i++;
			if (is->counts.allowed >= was->counts.allowed && is->counts.denied >= was->counts.denied)
				base = was->counts;
		}
		*ret_allowed += is->counts.allowed - base.allowed;
		*ret_blocked += is->counts.denied - base.denied;
		g_array_append_vals(merged, is, 1);
		j++;
	}
	g_array_unref(*now);
	*now = g_steal_pointer(&merged);
}

static void activity_sampled(NgActivity *self, GArray *parts)
{
	const gint64 now = ng_now(), before = self->sampled;
	GArray *counts = counts_sorted(parts);
	guint64 allowed, blocked;

	self->sampled = now;
	self->sampled_us = g_get_monotonic_time();
	if (self->last) {
		counts_compare(self->last, &counts, &allowed, &blocked);
		/* After a pause, or when the clock was set, nobody knows when it was. */
		activity_add(self, now >= before && now - before <= 2 * MINUTE_S ? before + (now - before) / 2 : now,
			     allowed, blocked);
		g_array_unref(self->last);
	} else {
		self->run_start = now;
		activity_write(self);
	}
	self->last = counts;
}

static void activity_tell(NgActivity *self)
{
	g_autoptr(GArray) waiters = self->waiters;

	self->waiters = g_array_new(FALSE, FALSE, sizeof(Waiter));
	for (guint i = 0; i < waiters->len; i++) {
		const Waiter *waiter = &g_array_index(waiters, Waiter, i);

		waiter->done(waiter->user_data);
	}
}

static void activity_answered(const struct ng_message *reply, GArray *parts, const char *failure, gpointer data)
{
	NgActivity *self = data;

	self->is_asking = FALSE;
	if (reply)
		activity_sampled(self, parts);
	activity_write_if_over(self);
	activity_tell(self);
}

static void activity_ask(NgActivity *self)
{
	NgLink *link = self->engine->link;

	if (self->is_asking)
		return;
	self->is_asking = TRUE;
	ng_link_ask(link, NG_MESSAGE_COUNTS, -1, ng_link_answers(link) ? SAMPLE_TIMEOUT_MS : SAMPLE_TIMEOUT_MS / 10,
		    activity_answered, self);
}

static gboolean activity_minute(gpointer data)
{
	NgActivity *self = data;

	self->timer = g_timeout_add_seconds((guint)(MINUTE_S - ng_now() % MINUTE_S), activity_minute, self);
	if (self->engine->options->simulate)
		activity_write_if_over(self);
	else
		activity_ask(self);
	return G_SOURCE_REMOVE;
}

NgActivity *ng_activity_new(NgEngine *engine)
{
	NgActivity *self = g_new0(NgActivity, 1);

	self->engine = engine;
	self->waiters = g_array_new(FALSE, FALSE, sizeof(Waiter));
	return self;
}

void ng_activity_start(NgActivity *self)
{
	if (self->engine->options->simulate) {
		self->run_start = self->sampled = ng_now();
		activity_write(self);
	}
	if (self->timer == 0)
		activity_minute(self);
}

void ng_activity_take(NgActivity *self, gboolean allowed, guint32 count)
{
	self->sampled = ng_now();
	activity_add(self, self->sampled, allowed ? count : 0, allowed ? 0 : count);
}

void ng_activity_refresh(NgActivity *self, NgActivityDone done, gpointer user_data)
{
	const Waiter waiter = { done, user_data };

	if (self->engine->options->simulate ||
	    (self->last && g_get_monotonic_time() - self->sampled_us < SAMPLE_AGE_US)) {
		done(user_data);
		return;
	}
	g_array_append_val(self->waiters, waiter);
	activity_ask(self);
}

NgActivityMinute ng_activity_running(NgActivity *self)
{
	return self->running;
}

gboolean ng_activity_is_complete(NgActivity *self, gint64 since)
{
	return self->run_start != 0 && ng_history_ran(self->engine->history, since, self->run_start);
}

void ng_activity_free(NgActivity *self)
{
	g_clear_handle_id(&self->timer, g_source_remove);
	/* What the kernel counted since the last sample is not known, so the service counts as seen up to there. */
	if (self->engine->options->simulate)
		self->sampled = ng_now();
	if (self->run_start != 0)
		activity_write(self);
	g_array_unref(self->waiters);
	g_clear_pointer(&self->last, g_array_unref);
	g_free(self);
}
