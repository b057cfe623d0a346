/* SPDX-License-Identifier: MIT */
/*
 * `netguard activity`: how many connections were allowed and blocked, over time, as a chart of text. The whole
 * machine's counts; what was blocked today is told of the caller's own programs, to root of everyone's.
 */
#include "cli/cli.h"
#include "cli/when.h"

#define MAX_ROWS 30
#define BAR 40 /* columns of the longest bar */
#define HOUR_S 3600

static char *opt_since;

static const GOptionEntry entries[] = {
	{ "since", 's', 0, G_OPTION_ARG_FILENAME, &opt_since,
	  "Only the last 1h, 2d ..., or since 2026-11-22T20:00:00Z; default 1h", "WHEN" },
	G_OPTION_ENTRY_NULL,
};

typedef struct {
	gint64 start;
	guint64 allowed, blocked;
} Bucket;

/* The shortest step that needs few rows. */
static guint32 step_for(gint64 span)
{
	static const guint32 steps[] = { 60, 300, 900, 3600, 4 * 3600 };

	for (gsize i = 0; i < G_N_ELEMENTS(steps); i++) {
		if (span / steps[i] < MAX_ROWS)
			return steps[i];
	}
	return 86400;
}

/* One for each step, also those in which nothing happened. Owned by the caller. */
static GArray *buckets_of(GVariant *activity, gint64 since, gint64 now, guint32 step)
{
	g_autoptr(GVariant) list = g_variant_lookup_value(activity, "buckets", G_VARIANT_TYPE("a(xtt)"));
	GArray *buckets = g_array_new(FALSE, TRUE, sizeof(Bucket));

	for (gint64 start = since - since % step; start <= now; start += step)
		g_array_append_val(buckets, ((Bucket){ .start = start }));
	for (gsize i = 0; list && i < g_variant_n_children(list); i++) {
		Bucket given;
		gint64 at;

		g_variant_get_child(list, i, "(xtt)", &given.start, &given.allowed, &given.blocked);
		at = (given.start - (since - since % step)) / step;
		if (given.start >= since - since % step && at < buckets->len)
			g_array_index(buckets, Bucket, at) = given;
	}
	return buckets;
}

static char *bar_text(const Bucket *bucket, guint64 most)
{
	/* Blocked ones are rare, and what matters: they take at least a column. */
	const guint64 blocked = bucket->blocked ? MAX(bucket->blocked * BAR / most, 1) : 0;
	const guint64 allowed = bucket->allowed ? MAX(bucket->allowed * BAR / most, 1) : 0;
	g_autofree char *good = g_strnfill(allowed, '+'), *bad = g_strnfill(blocked, 'x');

	return g_strconcat(good, bad, NULL);
}

static char *time_text(gint64 start, gint64 span)
{
	g_autofree char *stamp = ng_when_stamp(start); /* 2026-11-22 14:30:05 */

	return span <= 24 * HOUR_S ? g_strndup(stamp + 11, 5) : g_strndup(stamp, 16);
}

static void show_chart(GArray *buckets, gint64 span, gboolean is_simulation)
{
	const char *const titles[] = { "From", ">Allowed", is_simulation ? ">Would be blocked" : ">Blocked",
				       "+ allowed  x blocked", NULL };
	g_autoptr(NgTable) table = ng_table_new(titles);
	g_autofree char *text = NULL;
	guint64 most = 1;

	for (guint i = 0; i < buckets->len; i++) {
		const Bucket *bucket = &g_array_index(buckets, Bucket, i);

		most = MAX(most, bucket->allowed + bucket->blocked);
	}
	for (guint i = 0; i < buckets->len; i++) {
		const Bucket *bucket = &g_array_index(buckets, Bucket, i);

		ng_table_cell_take(table, time_text(bucket->start, span));
		ng_table_cell_take(table, g_strdup_printf("%" G_GUINT64_FORMAT, bucket->allowed));
		ng_table_cell_take(table, g_strdup_printf("%" G_GUINT64_FORMAT, bucket->blocked));
		ng_table_cell_take(table, bar_text(bucket, most));
	}
	text = ng_table_text(table, 0, FALSE);
	ng_cli_print("%s", text);
}

static void show_denied(GVariant *activity, gboolean is_simulation)
{
	g_autoptr(GVariant) denied = g_variant_lookup_value(activity, "denied-today", G_VARIANT_TYPE("a{st}"));

	for (gsize i = 0; denied && i < g_variant_n_children(denied); i++) {
		g_autofree char *safe = NULL, *line = NULL;
		const char *app;
		guint64 count;

		g_variant_get_child(denied, i, "{&st}", &app, &count);
		safe = ng_text_safe(*app ? app : "(default)");
		line = g_strdup_printf("%s: %" G_GUINT64_FORMAT, safe, count);
		if (i == 0)
			ng_cli_print("\n%s today (UTC)\n", is_simulation ? "Would be blocked" : "Blocked");
		ng_cli_print("  %s\n", line);
	}
}

static GVariant *ask(NgCli *cli, gint64 since, guint32 step, GError **error)
{
	g_auto(GVariantDict) filter = G_VARIANT_DICT_INIT(NULL);

	g_variant_dict_insert(&filter, "since", "x", since);
	g_variant_dict_insert(&filter, "step", "u", step);
	return ng_cli_call(cli, "GetActivity", g_variant_new("(@a{sv})", g_variant_dict_end(&filter)), "(a{sv})",
			   error);
}

static int run(NgCli *cli, char **args, GError **error)
{
	const gint64 now = g_get_real_time() / G_USEC_PER_SEC;
	const gint64 since = opt_since ? ng_cli_since(opt_since, error) : now - HOUR_S;
	const guint32 step = step_for(now - since);
	g_autoptr(GVariant) activity = NULL, status = NULL;
	g_autoptr(GArray) buckets = NULL;
	gboolean is_simulation;

	if (!since)
		return NG_EXIT_USAGE;
	activity = ask(cli, since, step, error);
	if (!activity)
		return NG_EXIT_FAILED;
	if (cli->is_json) {
		ng_cli_print_json(activity);
		return NG_EXIT_DONE;
	}
	status = ng_cli_call(cli, "GetStatus", NULL, "(a{sv})", error);
	if (!status)
		return NG_EXIT_FAILED;
	is_simulation = g_str_equal(ng_dict_string(status, "state"), "simulation");
	buckets = buckets_of(activity, since, now, step);
	show_chart(buckets, now - since, is_simulation);
	show_denied(activity, is_simulation);
	if (!ng_dict_is(activity, "complete"))
		ng_cli_note("the service did not run all that time: what is missing was not counted");
	return NG_EXIT_DONE;
}

const NgVerb ng_verb_activity = {
	.name = "activity",
	.arguments = "",
	.summary = "How much was allowed and blocked, as a chart",
	.details = "The counts are the whole machine's. What was blocked today is told of your own programs; root is\n"
		   "told of everyone's.",
	.entries = entries,
	.run = run,
};
