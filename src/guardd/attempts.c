/* SPDX-License-Identifier: MIT */
/*
 * Attempts (see attempts.h). An event's texts come from programs: they are made valid UTF-8 before anything else, and
 * are never part of a verdict.
 */
#include "guardd/attempts.h"

#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "guardd/activity.h"
#include "guardd/loads.h"

#define FLUSH_MS 1000
#define PRUNE_S 60
#define TODAY_ROWS 10000

struct _NgAttempts {
	NgEngine *engine;
	GHashTable *today; /* id -> guint64* */
	gint64 midnight;   /* seconds: the end of today */
	guint flush;       /* timer, while something waits to be written */
	guint prune;
};

static gint64 attempts_next_midnight(gint64 *ret_last)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_local();
	g_autoptr(GDateTime) last = g_date_time_new_local(g_date_time_get_year(now), g_date_time_get_month(now),
							  g_date_time_get_day_of_month(now), 0, 0, 0);
	g_autoptr(GDateTime) next = last ? g_date_time_add_days(last, 1) : NULL;

	if (!next) { /* a midnight that daylight saving skipped */
		*ret_last = ng_now() - 86400;
		return ng_now() + 3600;
	}
	*ret_last = g_date_time_to_unix(last);
	return g_date_time_to_unix(next);
}

static void attempts_count(NgAttempts *attempts, const char *app, guint64 count)
{
	guint64 *today = g_hash_table_lookup(attempts->today, app);

	if (!today) {
		today = g_new0(guint64, 1);
		g_hash_table_insert(attempts->today, g_strdup(app), today);
	}
	*today += count;
}

static void attempts_count_row(const NgAttempt *attempt, gpointer data)
{
	attempts_count(data, attempt->app, attempt->count);
}

static gboolean attempts_flush(gpointer data)
{
	NgAttempts *attempts = data;

	attempts->flush = 0;
	ng_history_flush(attempts->engine->history, NULL); /* its health says when it fails */
	return G_SOURCE_REMOVE;
}

static gboolean attempts_prune(gpointer data)
{
	ng_history_prune(((NgAttempts *)data)->engine->history, NULL);
	return G_SOURCE_CONTINUE;
}

NgAttempts *ng_attempts_new(NgEngine *engine)
{
	NgAttempts *attempts = g_new0(NgAttempts, 1);
	NgAttemptQuery query = { .uid = -1, .verdict = 0, .limit = TODAY_ROWS };
	gint64 midnight;

	attempts->engine = engine;
	attempts->today = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	attempts->midnight = attempts_next_midnight(&midnight);
	query.since = midnight * G_USEC_PER_SEC;
	ng_history_attempts(engine->history, &query, attempts_count_row, attempts, NULL);
	attempts->prune = g_timeout_add_seconds(PRUNE_S, attempts_prune, attempts);
	return attempts;
}

void ng_attempts_free(NgAttempts *attempts)
{
	g_clear_handle_id(&attempts->flush, g_source_remove);
	g_clear_handle_id(&attempts->prune, g_source_remove);
	g_hash_table_unref(attempts->today);
	g_free(attempts);
}

guint64 ng_attempts_denied_today(NgAttempts *attempts, const char *app)
{
	const guint64 *count;
	gint64 last;

	if (ng_now() >= attempts->midnight) {
		g_hash_table_remove_all(attempts->today);
		attempts->midnight = attempts_next_midnight(&last);
	}
	count = g_hash_table_lookup(attempts->today, app);
	return count ? *count : 0;
}

/* Microseconds since the epoch of a moment on CLOCK_BOOTTIME. */
static gint64 attempts_time(guint64 boot_ns)
{
	struct timespec now;
	gint64 age_us;

	clock_gettime(CLOCK_BOOTTIME, &now);
	age_us = (gint64)now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000 - (gint64)(boot_ns / 1000);
	return g_get_real_time() - MAX(age_us, 0);
}

static char *attempts_id(NgEngine *engine, guint64 key)
{
	gsize length;
	const char *id = ng_loads_id(engine->loads, key, &length);

	return id ? g_strndup(id, length) : g_strdup("");
}

static char *attempts_text(const char *text, gsize size)
{
	return g_utf8_make_valid(text, (gssize)strnlen(text, size));
}

void ng_attempts_take(NgAttempts *attempts, const struct ng_event_report *report)
{
	NgEngine *engine = attempts->engine;
	const struct ng_event *event = &report->event;
	g_autofree char *app = attempts_id(engine, report->app_key);
	g_autofree char *decider = attempts_id(engine, report->decider_key);
	g_autofree char *exe = attempts_text(report->exe, sizeof report->exe);
	g_autofree char *comm = attempts_text(event->comm, sizeof event->comm);
	const NgPolicyApp *decided_by = *decider ? ng_policy_find(engine->policy, decider) : NULL;
	const gint64 time = attempts_time(event->time_ns);
	const NgAttempt attempt = {
		.first = time,
		.last = time,
		.count = event->count,
		.source = "guard",
		.pid = event->pid,
		.uid = event->uid,
		.exe = exe,
		.comm = comm,
		.app = app,
		.decider = decider,
		.profile = decided_by ? decided_by->profile : engine->settings.default_profile,
		.simulated = engine->options->simulate,
		.family = event->family,
		.flow = event->flow,
		.verdict = event->verdict,
	};

	ng_history_add(engine->history, &attempt);
	if (engine->options->simulate) /* no kernel counts there */
		ng_activity_take(engine->activity, event->verdict.allowed, event->count);
	if (!event->verdict.allowed)
		attempts_count(attempts, app, event->count);
	if (attempts->flush == 0)
		attempts->flush = g_timeout_add(FLUSH_MS, attempts_flush, attempts);
	if (engine->server && ng_server_has_subscriber(engine->server, event->uid))
		ng_server_signal_attempt(engine->server, event->uid, ng_attempt_variant(engine, &attempt));
}

static gboolean tip_is_plain(const char *text)
{
	return *text &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-/") == strlen(text);
}

char *ng_attempt_tip(const char *app, const char *exe, const struct ng_verdict *verdict, guint8 profile)
{
	const char *subject = app && *app ? app : exe;
	g_autofree char *quoted = NULL;
	const char *what = NULL;

	if (verdict->allowed || !subject || !*subject)
		return g_strdup("");
	if (verdict->reason == NG_REASON_PANIC)
		return g_strdup("sudo netguard resume");
	if (verdict->reason == NG_REASON_NOT_LOCAL)
		what = "online";
	else if (verdict->reason == NG_REASON_SHARED)
		what = profile == NG_PROFILE_OFFLINE ? "offline --allow shared" : "local --allow shared";
	else if (verdict->reason == NG_REASON_METADATA)
		what = profile == NG_PROFILE_OFFLINE ? "offline --allow cloud-metadata"
						     : "local --allow cloud-metadata";
	else if (verdict->reason == NG_REASON_OFFLINE)
		what = verdict->class == NG_CLASS_GLOBAL ? "online" : "local";
	if (!what)
		return g_strdup("");
	quoted = tip_is_plain(subject) ? g_strdup(subject) : g_shell_quote(subject);
	return g_strdup_printf("sudo netguard set %s %s", quoted, what);
}

const char *ng_attempt_tip_here(NgEngine *engine, const char *tip)
{
	const gboolean is_own = engine->options->simulate && geteuid() != 0;

	return is_own && g_str_has_prefix(tip, "sudo ") ? tip + strlen("sudo ") : tip;
}

static const char *attempt_verdict(const NgAttempt *attempt)
{
	if (attempt->verdict.allowed)
		return "allowed";
	return attempt->simulated ? "would-be-denied" : "denied";
}

GVariant *ng_attempt_variant(NgEngine *engine, const NgAttempt *attempt)
{
	g_autofree char *address = ng_address_text(attempt->flow.addr);
	g_autofree char *tip = ng_attempt_tip(attempt->decider, attempt->exe, &attempt->verdict, attempt->profile);
	const char *own_tip = ng_attempt_tip_here(engine, tip);
	g_autofree char *text = g_strdup_printf("%s: %s",
						attempt->verdict.allowed ? "allowed"
						: attempt->simulated     ? "would be denied"
									 : "denied",
						ng_reason_text(attempt->verdict.reason));
	const gboolean blocked = !attempt->verdict.allowed && !attempt->simulated;
	/* A packet has nobody to be told an error. */
	const gboolean told = blocked && attempt->flow.call != NG_CALL_RECV;
	const char *profile = ng_policy_profile_text(attempt->profile);
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&builder, "{sv}", "time", g_variant_new_int64(attempt->last / G_USEC_PER_SEC));
	g_variant_builder_add(&builder, "{sv}", "first", g_variant_new_int64(attempt->first / G_USEC_PER_SEC));
	g_variant_builder_add(&builder, "{sv}", "count", g_variant_new_uint64(attempt->count));
	g_variant_builder_add(&builder, "{sv}", "source", g_variant_new_string(attempt->source));
	g_variant_builder_add(&builder, "{sv}", "pid", g_variant_new_uint32(attempt->pid));
	g_variant_builder_add(&builder, "{sv}", "uid", g_variant_new_uint32(attempt->uid));
	g_variant_builder_add(&builder, "{sv}", "executable", g_variant_new_string(attempt->exe));
	g_variant_builder_add(&builder, "{sv}", "command", g_variant_new_string(attempt->comm));
	g_variant_builder_add(&builder, "{sv}", "application", g_variant_new_string(attempt->app));
	g_variant_builder_add(&builder, "{sv}", "decider", g_variant_new_string(attempt->decider));
	g_variant_builder_add(&builder, "{sv}", "profile", g_variant_new_string(profile ? profile : ""));
	g_variant_builder_add(&builder, "{sv}", "call", g_variant_new_string(ng_call_word(attempt->flow.call)));
	g_variant_builder_add(&builder, "{sv}", "family",
			      g_variant_new_string(attempt->family == AF_INET6 ? "ipv6" : "ipv4"));
	g_variant_builder_add(&builder, "{sv}", "protocol", g_variant_new_string(ng_proto_word(attempt->flow.proto)));
	g_variant_builder_add(&builder, "{sv}", "address", g_variant_new_string(address));
	g_variant_builder_add(&builder, "{sv}", "port", g_variant_new_uint32(attempt->flow.port));
	g_variant_builder_add(&builder, "{sv}", "class", g_variant_new_string(ng_class_word(attempt->verdict.class)));
	g_variant_builder_add(&builder, "{sv}", "verdict", g_variant_new_string(attempt_verdict(attempt)));
	g_variant_builder_add(&builder, "{sv}", "reason",
			      g_variant_new_string(ng_reason_word(attempt->verdict.reason)));
	g_variant_builder_add(&builder, "{sv}", "text", g_variant_new_string(text));
	g_variant_builder_add(&builder, "{sv}", "errno", g_variant_new_string(told ? "EPERM" : ""));
	g_variant_builder_add(&builder, "{sv}", "tip", g_variant_new_string(own_tip));
	return g_variant_builder_end(&builder);
}
