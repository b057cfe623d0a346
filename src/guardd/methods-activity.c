/* SPDX-License-Identifier: MIT */
/*
 * GetActivity: the whole machine's counts for everyone, with no word on whose, and to each caller what was blocked of
 * his own programs today. The uid is the caller's as the kernel says.
 */
#include "guardd/activity.h"
#include "guardd/methods.h"

#define DEFAULT_SINCE_S 3600
#define DEFAULT_STEP_S 60
#define MAX_BUCKETS 1500
#define DAY_S 86400

typedef struct {
	NgEngine *engine;
	NgCall *call;
	gint64 since;
	guint32 step;
} Waiting;

static void bucket_add(gint64 start, guint64 allowed, guint64 blocked, gpointer data)
{
	const NgActivityMinute bucket = { start, allowed, blocked };

	g_array_append_val((GArray *)data, bucket);
}

/* The minute that is not written yet, into the bucket it belongs to. */
static void buckets_add_running(GArray *buckets, NgActivityMinute running, const Waiting *waiting)
{
	const gint64 start = running.start - running.start % waiting->step;

	if (running.start < waiting->since - waiting->since % DEFAULT_STEP_S)
		return;
	for (guint i = buckets->len; i > 0; i--) {
		NgActivityMinute *bucket = &g_array_index(buckets, NgActivityMinute, i - 1);

		if (bucket->start == start) {
			bucket->allowed += running.allowed;
			bucket->blocked += running.blocked;
			return;
		}
	}
	running.start = start;
	g_array_append_val(buckets, running);
}

static GVariant *buckets_variant(GArray *buckets)
{
	GVariantBuilder list;

	g_variant_builder_init(&list, G_VARIANT_TYPE("a(xtt)"));
	for (guint i = 0; i < buckets->len; i++) {
		const NgActivityMinute *bucket = &g_array_index(buckets, NgActivityMinute, i);

		g_variant_builder_add(&list, "(xtt)", bucket->start, bucket->allowed, bucket->blocked);
	}
	return g_variant_builder_end(&list);
}

static void denied_add(const char *app, guint64 count, gpointer data)
{
	guint64 *sum = g_hash_table_lookup(data, app);

	if (!sum) {
		sum = g_new0(guint64, 1);
		g_hash_table_insert(data, g_strdup(app), sum);
	}
	*sum += count;
}

static GVariant *denied_variant(NgEngine *engine, gint64 uid, GError **error)
{
	g_autoptr(GHashTable) apps = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	GVariantBuilder dict;
	GHashTableIter iter;
	gpointer app, count;

	if (!ng_history_denied_on(engine->history, uid, ng_now() / DAY_S, denied_add, apps, error))
		return NULL;
	g_variant_builder_init(&dict, G_VARIANT_TYPE("a{st}"));
	g_hash_table_iter_init(&iter, apps);
	while (g_hash_table_iter_next(&iter, &app, &count))
		g_variant_builder_add(&dict, "{st}", (const char *)app, *(const guint64 *)count);
	return g_variant_builder_end(&dict);
}

static void activity_answer(gpointer data)
{
	g_autofree Waiting *waiting = data;
	NgEngine *engine = waiting->engine;
	const gint64 uid = ng_call_is_admin(waiting->call) ? -1 : (gint64)ng_call_uid(waiting->call);
	g_autoptr(GArray) buckets = g_array_new(FALSE, FALSE, sizeof(NgActivityMinute));
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) denied = NULL;
	GVariantBuilder builder;

	denied = denied_variant(engine, uid, &error);
	if (!denied || !ng_history_activity(engine->history, waiting->since, waiting->step, MAX_BUCKETS, bucket_add,
					    buckets, &error)) {
		ng_call_fail(waiting->call, NG_API_ERROR_FAILED, "The history cannot be read: %s", error->message);
		return;
	}
	g_variant_ref_sink(denied);
	buckets_add_running(buckets, ng_activity_running(engine->activity), waiting);
	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	ng_vardict_add(&builder, "step", "u", waiting->step);
	g_variant_builder_add(&builder, "{sv}", "buckets", buckets_variant(buckets));
	ng_vardict_add(&builder, "complete", "b", ng_activity_is_complete(engine->activity, waiting->since));
	g_variant_builder_add(&builder, "{sv}", "denied-today", denied);
	ng_call_return(waiting->call, g_variant_new("(@a{sv})", g_variant_builder_end(&builder)));
}

/* FALSE: answered. */
static gboolean activity_filter(NgCall *call, GVariant *since, GVariant *step, Waiting *waiting)
{
	const gint64 now = ng_now();

	waiting->since = since ? g_variant_get_int64(since) : now - DEFAULT_SINCE_S;
	waiting->step = step ? g_variant_get_uint32(step) : DEFAULT_STEP_S;
	if (waiting->since < 0 || waiting->step == 0 || waiting->step % DEFAULT_STEP_S != 0)
		ng_call_fail(call, NG_API_ERROR_INVALID,
			     "“since” is seconds since 1970, and “step” a multiple of %d seconds.", DEFAULT_STEP_S);
	else if ((now - waiting->since) / waiting->step >= MAX_BUCKETS)
		ng_call_fail(call, NG_API_ERROR_INVALID,
			     "That is more than %d buckets of %u seconds. Ask for a larger step.", MAX_BUCKETS,
			     waiting->step);
	else
		return TRUE;
	return FALSE;
}

void ng_method_get_activity(NgCall *call, GVariant *parameters, gpointer user_data)
{
	g_autoptr(GVariant) filter = g_variant_get_child_value(parameters, 0);
	g_autoptr(GVariant) since = NULL, step = NULL;
	const NgOption known[] = { { "since", "x", &since }, { "step", "u", &step } };
	Waiting waiting = { .engine = user_data, .call = call };

	if (ng_method_options(call, filter, known, G_N_ELEMENTS(known)) && activity_filter(call, since, step, &waiting))
		ng_activity_refresh(waiting.engine->activity, activity_answer, g_memdup2(&waiting, sizeof waiting));
}
