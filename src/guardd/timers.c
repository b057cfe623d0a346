/* SPDX-License-Identifier: MIT */
/*
 * Ends by the wall clock, and of what spans.c finds to be over (see timers.h). The written file follows the decision:
 * an end is in force (loads.c compiles what comes after) even where writing it back fails; then it is tried again at
 * the next look.
 */
#include "guardd/timers.h"

#include <errno.h>
#include <glib-unix.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "guardd/audit.h"
#include "guardd/loads.h"
#include "guardd/spans.h"
#include "guardd/store.h"
#include "guardd/truth.h"

#define LOOK_S 30

struct _NgTimers {
	NgEngine *engine;
	int fd;
	guint source;
	guint look;
};

static gint64 timers_next(NgEngine *engine)
{
	GPtrArray *apps = ng_policy_apps(engine->policy);
	const gint64 now = ng_now();
	gint64 next = engine->mode.mode == NG_MODE_PAUSED ? engine->mode.paused_until : 0;

	for (guint i = 0; i < apps->len; i++) {
		const gint64 until = ((const NgPolicyApp *)g_ptr_array_index(apps, i))->until;

		if (until > now && (next == 0 || until < next))
			next = until;
	}
	return next;
}

void ng_timers_rearm(NgTimers *timers)
{
	const gint64 next = timers_next(timers->engine);
	/* Without an end the timer is set far away: it still tells when the clock is set. */
	const struct itimerspec when = { .it_value = { .tv_sec = next > 0 ? next : ng_now() + 86400 * 365 } };

	timerfd_settime(timers->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, NULL);
}

static void timers_end_pause(NgEngine *engine)
{
	g_autoptr(GError) error = NULL;

	ng_audit_record(engine->auditor, &(NgAudit){ .uid = 0,
						     .auth = "timer",
						     .action = "resume",
						     .before = "{\"mode\":\"paused\"}",
						     .after = "{\"mode\":\"normal\"}",
						     .origin = "timer" });
	ng_engine_set_mode(engine, (NgMode){ NG_MODE_NORMAL, 0 }, &error);
}

static void timers_end_app(NgEngine *engine, const NgPolicyApp *app)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(NgPolicyApp) before = ng_policy_app_copy(app);
	g_autoptr(NgPolicyApp) after = ng_policy_app_copy(app);
	gboolean stored;

	after->profile = app->then;
	after->until = 0;
	after->span = NG_SPAN_NONE;
	after->since_ms = 0;
	after->boot[0] = '\0';
	after->then = 0;
	g_clear_pointer(&after->reason, g_free);
	stored = before->then != 0 ? ng_store_app(engine->store, after, &error)
				   : ng_store_forget(engine->store, before->id, &error);
	if (stored)
		ng_audit_change(engine->auditor, 0, "timer", "expire", before,
				before->then != 0 ? ng_policy_find(engine->policy, before->id) : NULL, before->reason,
				"timer");
	else
		ng_engine_set_problem(engine, NG_PROBLEM_STATE, before->path, 0, error->message, FALSE);
}

void ng_timers_expire(NgTimers *timers, gboolean load)
{
	NgEngine *engine = timers->engine;
	GPtrArray *apps = ng_policy_apps(engine->policy);
	g_autoptr(GPtrArray) over = g_ptr_array_new_with_free_func((GDestroyNotify)ng_policy_app_free);
	const gint64 now = ng_now();
	gboolean any = FALSE;

	if (engine->mode.mode == NG_MODE_PAUSED && engine->mode.paused_until <= now) {
		timers_end_pause(engine);
		any = TRUE;
	}
	for (guint i = 0; i < apps->len && !engine->import; i++) {
		const NgPolicyApp *app = g_ptr_array_index(apps, i);

		if ((app->until == 0 || app->until > now) && !ng_span_is_over(engine, app))
			continue;
		any = TRUE;
		/* What others wrote is theirs to change; that it is over is seen to by loads.c. */
		if (app->layer == NG_LAYER_USER)
			g_ptr_array_add(over, ng_policy_app_copy(app));
	}
	for (guint i = 0; i < over->len; i++)
		timers_end_app(engine, g_ptr_array_index(over, i));
	if (over->len > 0)
		ng_engine_policy_changed(engine, TRUE);
	if (any && load)
		ng_loads_request(engine->loads, FALSE, NULL, NULL);
	ng_timers_rearm(timers);
}

static gboolean timers_fired(gint fd, GIOCondition condition, gpointer data)
{
	guint64 count;

	if (read(fd, &count, sizeof count) < 0 && errno == EAGAIN)
		return G_SOURCE_CONTINUE;
	ng_timers_expire(data, TRUE); /* ECANCELED: the clock was set */
	return G_SOURCE_CONTINUE;
}

static gboolean timers_look(gpointer data)
{
	NgTimers *timers = data;
	NgEngine *engine = timers->engine;

	ng_timers_expire(timers, TRUE);
	ng_truth_refresh(engine->truth, 0, TRUE, NULL, NULL);
	if (ng_loads_failure(engine->loads) && !ng_loads_under_way(engine->loads))
		ng_loads_request(engine->loads, TRUE, NULL, NULL);
	return G_SOURCE_CONTINUE;
}

NgTimers *ng_timers_new(NgEngine *engine)
{
	NgTimers *timers = g_new0(NgTimers, 1);

	timers->engine = engine;
	timers->fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (timers->fd >= 0)
		timers->source = g_unix_fd_add(timers->fd, G_IO_IN, timers_fired, timers);
	timers->look = g_timeout_add_seconds(LOOK_S, timers_look, timers);
	return timers;
}

void ng_timers_free(NgTimers *timers)
{
	g_clear_handle_id(&timers->source, g_source_remove);
	g_clear_handle_id(&timers->look, g_source_remove);
	if (timers->fd >= 0)
		close(timers->fd);
	g_free(timers);
}
