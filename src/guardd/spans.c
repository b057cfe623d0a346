/* SPDX-License-Identifier: MIT */
/*
 * Which decisions with a span are over (see spans.h). Nothing is asked while there is no such decision. While there is,
 * the oldest process of each program is watched by a pidfd (pidfd_open(2) needs no privilege); when one ends, or
 * decisions change, the enforcer is asked at once, but not twice in 2 seconds. For what no process' end tells (it has
 * become another program by exec) it is asked every 30 seconds; every 2 where a process cannot be watched.
 *
 * Process ids are not remembered beyond a watch: what counts is when a process started, by the kernel's clock, against
 * the youngest that was meant, which stands in the application file. So a process id that is used again means nothing,
 * and a restart of the service forgets nothing.
 */
#include "guardd/spans.h"

#include <glib-unix.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "guardd/loads.h"
#include "guardd/loosening.h"
#include "guardd/running.h"
#include "guardd/timers.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define ASK_MS 2000      /* not more often than that */
#define ASK_ANYWAY_S 30  /* as often as that */
#define UNANSWERED_MAX 2 /* questions in a row, each with a deadline of 3 seconds */
#define WATCHED_MAX 64   /* processes, each with a descriptor */

struct _NgSpans {
	NgEngine *engine;
	char boot[NG_POLICY_BOOT_ID + 1]; /* this boot's id; empty: not known, then nothing of any boot holds */
	GHashTable *over;                 /* id -> since_ms (guint64) of what was found to be over */
	GArray *watches;                  /* Watch */
	guint timer;
	guint64 watched; /* a hash of the decisions that were looked at last; 0: none */
	gint64 asked_us;
	guint unanswered;
	gboolean is_asking;
};

typedef struct {
	guint32 pid;
	int fd;
	guint source;
} Watch;

/* What runs of one application. */
typedef struct {
	guint64 oldest_ms;
	guint32 pid; /* the oldest; 0: only processes of other programs are held to its rules */
} Standing;

static void watch_clear(gpointer data)
{
	Watch *watch = data;

	g_clear_handle_id(&watch->source, g_source_remove);
	close(watch->fd);
}

NgSpans *ng_spans_new(NgEngine *engine)
{
	NgSpans *spans = g_new0(NgSpans, 1);
	g_autofree char *text = NULL;

	spans->engine = engine;
	spans->over = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	spans->watches = g_array_new(FALSE, FALSE, sizeof(Watch));
	g_array_set_clear_func(spans->watches, watch_clear);
	if (g_file_get_contents(BOOT_ID, &text, NULL, NULL) && g_uuid_string_is_valid(g_strstrip(text)))
		g_strlcpy(spans->boot, text, sizeof spans->boot);
	return spans;
}

void ng_spans_free(NgSpans *spans)
{
	g_clear_handle_id(&spans->timer, g_source_remove);
	g_array_unref(spans->watches);
	g_hash_table_unref(spans->over);
	g_free(spans);
}

gboolean ng_span_is_over(NgEngine *engine, const NgPolicyApp *app)
{
	const guint64 *since_ms;

	if (app->span == NG_SPAN_NONE)
		return FALSE;
	if (!*engine->spans->boot || !g_str_equal(app->boot, engine->spans->boot))
		return TRUE;
	since_ms = g_hash_table_lookup(engine->spans->over, app->id);
	return app->span == NG_SPAN_RUNNING && since_ms && *since_ms == app->since_ms;
}

/* Something that lasts while its program runs, and is not over yet. */
static gboolean span_is_watched(NgEngine *engine, const NgPolicyApp *app)
{
	return app->span == NG_SPAN_RUNNING && !ng_span_is_over(engine, app);
}

/* It permits no more than what follows it: then it must not end too early. */
static gboolean span_is_narrow(NgEngine *engine, const NgPolicyApp *app)
{
	const NgPolicyApp *below = app->then == 0 ? ng_policy_below(engine->policy, app->id) : NULL;
	const NgPermit now = ng_permit_of(app);
	NgPermit after = below ? ng_permit_of(below)
			       : ng_permit_of_default(engine->settings.default_profile, engine->settings.default_flags);

	if (app->then != 0) {
		after = now;
		after.profile = app->then;
	}
	return ng_permit_within(&now, &after);
}

static gboolean spans_due(gpointer data);

/* Ask in `wait_ms`, or sooner if that is planned already. */
static void spans_look_in(NgSpans *spans, guint wait_ms)
{
	g_clear_handle_id(&spans->timer, g_source_remove);
	spans->timer = g_timeout_add(wait_ms, spans_due, spans);
}

static void spans_look_soon(NgSpans *spans)
{
	const gint64 wait_us = spans->asked_us + ASK_MS * 1000 - g_get_monotonic_time();

	if (!spans->is_asking)
		spans_look_in(spans, spans->asked_us != 0 && wait_us > 0 ? (guint)(wait_us / 1000) + 1 : 0);
}

static gboolean spans_process_ended(gint fd, GIOCondition condition, gpointer data)
{
	NgSpans *spans = data;

	for (guint i = 0; i < spans->watches->len; i++) {
		Watch *watch = &g_array_index(spans->watches, Watch, i);

		if (watch->fd != fd)
			continue;
		watch->source = 0; /* we return G_SOURCE_REMOVE */
		g_array_remove_index_fast(spans->watches, i);
		break;
	}
	spans_look_soon(spans);
	return G_SOURCE_REMOVE;
}

/* TRUE: the end of the process will be told. If it has ended by now and its number is another's, that one is watched;
 * the look every 30 seconds makes up for that. */
static gboolean spans_watch(NgSpans *spans, guint32 pid)
{
	Watch watch = { .pid = pid };

	for (guint i = 0; i < spans->watches->len; i++) {
		if (g_array_index(spans->watches, Watch, i).pid == pid)
			return TRUE;
	}
	watch.fd = spans->watches->len < WATCHED_MAX ? pidfd_open((pid_t)pid, 0) : -1;
	if (watch.fd < 0)
		return FALSE;
	watch.source = g_unix_fd_add(watch.fd, G_IO_IN, spans_process_ended, spans);
	g_array_append_val(spans->watches, watch);
	return TRUE;
}

static void standing_note(GHashTable *standings, const NgPolicyApp *app, const struct ng_program *program)
{
	Standing *standing = app ? g_hash_table_lookup(standings, app->id) : NULL;

	if (!app)
		return;
	if (!standing) {
		standing = g_new0(Standing, 1);
		g_hash_table_insert(standings, app->id, standing);
	}
	if (program && (standing->pid == 0 || program->started_ms < standing->oldest_ms)) {
		standing->oldest_ms = program->started_ms;
		standing->pid = program->pid;
	}
}

/* id (borrowed from the policy) -> Standing. *ret_is_partial: more processes than can be told may be held to anything.
 */
static GHashTable *spans_standings(NgEngine *engine, const GArray *programs, gboolean *ret_is_partial)
{
	GHashTable *standings = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
	guint left_out, unseen;

	ng_running_missing(engine->running, &left_out, &unseen);
	*ret_is_partial = left_out > 0;
	for (guint i = 0; i < programs->len; i++) {
		const struct ng_program *program = &g_array_index(programs, struct ng_program, i);

		standing_note(standings, ng_running_app(engine, program), program);
		for (int j = 0; j < NG_PROGRAM_ANCESTORS && program->ancestors[j] != 0; j++) {
			const struct ng_program ancestor = { .app_key = program->ancestors[j] };

			standing_note(standings, ng_running_app(engine, &ancestor), NULL);
		}
		*ret_is_partial |= (program->flags & NG_PROGRAM_MORE_ANCESTORS) != 0;
	}
	return standings;
}

static void spans_end(NgSpans *spans, const NgPolicyApp *app)
{
	g_hash_table_insert(spans->over, g_strdup(app->id), g_memdup2(&app->since_ms, sizeof app->since_ms));
}

/* One decision. TRUE: the end of a process will tell when it must be looked at again. */
static gboolean spans_judge(NgSpans *spans, const NgPolicyApp *app, const Standing *standing, gboolean is_partial)
{
	const gboolean is_narrow = span_is_narrow(spans->engine, app);
	const gboolean lasts = is_narrow ? standing || is_partial
					 : standing && standing->pid != 0 && standing->oldest_ms <= app->since_ms;

	if (!lasts)
		spans_end(spans, app);
	return !lasts || (standing && standing->pid != 0 && spans_watch(spans, standing->pid));
}

/* Decide on all of them. `programs` NULL: the enforcer does not answer. Returns in how many ms to look again; 0: there
 * is nothing to look at. */
static guint spans_judge_all(NgSpans *spans, const GArray *programs)
{
	NgEngine *engine = spans->engine;
	GPtrArray *apps = ng_policy_apps(engine->policy);
	gboolean is_partial = FALSE, all_watched = TRUE, any = FALSE;
	g_autoptr(GHashTable) standings = programs ? spans_standings(engine, programs, &is_partial) : NULL;

	for (guint i = 0; i < apps->len; i++) {
		const NgPolicyApp *app = g_ptr_array_index(apps, i);

		if (!span_is_watched(engine, app))
			continue;
		if (programs)
			all_watched &= spans_judge(spans, app, g_hash_table_lookup(standings, app->id), is_partial);
		else if (spans->unanswered >= UNANSWERED_MAX && !span_is_narrow(engine, app))
			spans_end(spans, app);
		any |= !ng_span_is_over(engine, app);
	}
	return !any ? 0 : programs && all_watched ? ASK_ANYWAY_S * 1000 : ASK_MS;
}

static void spans_known(const char *failure, gpointer data)
{
	NgEngine *engine = data;
	NgSpans *spans = engine->spans;
	guint n_over, again_ms;

	if (!spans) /* the service is ending */
		return;
	spans->is_asking = FALSE;
	spans->unanswered = failure ? spans->unanswered + 1 : 0;
	n_over = g_hash_table_size(spans->over);
	g_array_set_size(spans->watches, 0);
	again_ms = spans_judge_all(spans, failure ? NULL : ng_running_programs(engine->running));
	if (again_ms > 0)
		spans_look_in(spans, again_ms);
	if (g_hash_table_size(spans->over) > n_over)
		ng_timers_expire(engine->timers, TRUE);
}

static gboolean spans_due(gpointer data)
{
	NgSpans *spans = data;

	spans->timer = 0;
	if (spans->is_asking)
		return G_SOURCE_REMOVE;
	spans->is_asking = TRUE;
	spans->asked_us = g_get_monotonic_time();
	ng_running_ask(spans->engine->running, FALSE, spans_known, spans->engine);
	return G_SOURCE_REMOVE;
}

/* What was over and is decided anew, or forgotten, is not over any more. */
static gboolean span_is_past(gpointer id, gpointer since_ms, gpointer engine)
{
	const NgPolicyApp *app = ng_policy_find(((NgEngine *)engine)->policy, id);

	return !app || app->span != NG_SPAN_RUNNING || app->since_ms != *(guint64 *)since_ms;
}

void ng_spans_rearm(NgSpans *spans)
{
	NgEngine *engine = spans->engine;
	GPtrArray *apps = ng_policy_apps(engine->policy);
	guint64 watched = 0;

	g_hash_table_foreach_remove(spans->over, span_is_past, engine);
	for (guint i = 0; i < apps->len; i++) {
		const NgPolicyApp *app = g_ptr_array_index(apps, i);

		if (span_is_watched(engine, app))
			watched = watched * 31 + app->since_ms + g_str_hash(app->id) + 1;
	}
	/* Before the first image is in force the enforcer cannot tell what programs are. */
	if (!engine->is_ready || watched == spans->watched)
		return;
	spans->watched = watched;
	if (watched != 0) {
		spans_look_soon(spans);
	} else {
		g_clear_handle_id(&spans->timer, g_source_remove);
		g_array_set_size(spans->watches, 0);
	}
}

static gboolean program_has_file(const struct ng_program *program, const GArray *files)
{
	for (guint i = 0; i < files->len; i++) {
		const struct ng_exe_key *key = &g_array_index(files, NgIdentityFile, i).key;

		if (key->ino == program->key.ino && key->dev == program->key.dev)
			return TRUE;
	}
	return FALSE;
}

/* When the youngest process of `app` started. FALSE: it does not run. By what programs are held to now, or, for one
 * that nobody has decided on yet, by its files. */
static gboolean app_youngest(NgEngine *engine, const NgPolicyApp *app, const GArray *programs, guint64 *ret_ms)
{
	g_autoptr(NgIdentity) identity = ng_identity_new();
	g_autoptr(GArray) files = ng_identity_files_new();
	guint64 youngest_ms = 0;
	gboolean any = FALSE;

	for (char **entry = app->executables; *entry; entry++)
		ng_identity_find(identity, *entry, G_MAXUINT16, files, NULL);
	for (guint i = 0; i < programs->len; i++) {
		const struct ng_program *program = &g_array_index(programs, struct ng_program, i);
		const NgPolicyApp *owner = ng_running_app(engine, program);

		if (!(owner ? g_str_equal(owner->id, app->id) : program_has_file(program, files)))
			continue;
		youngest_ms = MAX(youngest_ms, program->youngest_ms);
		any = TRUE;
	}
	if (any)
		*ret_ms = youngest_ms;
	return any;
}

static void begin_known(const char *failure, gpointer data)
{
	NgCall *call = data;

	if (failure)
		ng_call_fail(call, NG_API_ERROR_NOT_ENFORCED,
			     "%s Whether the program runs is not known, so nothing was changed. Try again, or give an "
			     "end by the clock.",
			     failure);
	else
		ng_call_again(call);
}

gboolean ng_span_begin(NgEngine *engine, NgCall *call, NgPolicyApp *app)
{
	NgSpans *spans = engine->spans;
	const GArray *programs;

	if (app->span == NG_SPAN_NONE)
		return TRUE;
	if (!*spans->boot) {
		ng_call_fail(call, NG_API_ERROR_FAILED,
			     "This boot has no id (" BOOT_ID " cannot be read). Give an end by the clock instead.");
		return FALSE;
	}
	g_strlcpy(app->boot, spans->boot, sizeof app->boot);
	app->since_ms = 0;
	if (app->span != NG_SPAN_RUNNING)
		return TRUE;
	programs = ng_running_programs(engine->running);
	if (!programs) {
		ng_running_ask(engine->running, FALSE, begin_known, call);
		return FALSE;
	}
	/* Not the time now: start times are told in hundredths of a second, in which much can start. */
	if (!app_youngest(engine, app, programs, &app->since_ms)) {
		ng_call_fail(call, NG_API_ERROR_INVALID,
			     "%s does not run now, so there is nothing to wait for. Start it first, or give an end by "
			     "the clock.",
			     app->name);
		return FALSE;
	}
	return TRUE;
}
