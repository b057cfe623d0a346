/* SPDX-License-Identifier: MIT */
/* Attempts as groups, their words and filters, and the chart's numbers: everything of Activity that needs no display.
 */
#include <locale.h>

#include "window/activity-table.h"
#include "window/activity-words.h"
#include "window/chart-data.h"

#define NOON 1700000040 /* a full minute */

typedef struct {
	const char *application, *decider, *executable, *call, *protocol, *address, *class, *verdict, *reason;
	guint port;
	gint64 time;
	guint64 count, skipped;
} Sample;

#define NO_PORT G_MAXUINT

/* A blocked connection of curl, but for what is named. */
#define SAMPLE(...) sample_variant(&(Sample){ __VA_ARGS__ })

static const char *text_or(const char *text, const char *otherwise)
{
	return text ? text : otherwise;
}

static GVariant *sample_variant(const Sample *sample)
{
	const struct {
		const char *key, *text;
	} texts[] = {
		{ "application", text_or(sample->application, "curl") },
		{ "decider", text_or(sample->decider, "curl") },
		{ "executable", text_or(sample->executable, "/usr/bin/curl") },
		{ "command", "curl" },
		{ "call", text_or(sample->call, "connect") },
		{ "protocol", text_or(sample->protocol, "tcp") },
		{ "family", "ipv4" },
		{ "address", text_or(sample->address, "203.0.113.7") },
		{ "class", text_or(sample->class, "global") },
		{ "verdict", text_or(sample->verdict, "denied") },
		{ "reason", text_or(sample->reason, "offline") },
		{ "text", "denied: the profile is Offline" },
		{ "profile", "offline" },
	};
	const guint port = sample->port == NO_PORT ? 0 : sample->port > 0 ? sample->port : 443;
	const gint64 time = sample->time > 0 ? sample->time : NOON;
	GVariantBuilder dict;

	g_variant_builder_init(&dict, G_VARIANT_TYPE_VARDICT);
	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
		g_variant_builder_add(&dict, "{sv}", texts[i].key, g_variant_new_string(texts[i].text));
	g_variant_builder_add(&dict, "{sv}", "port", g_variant_new_uint32(port));
	g_variant_builder_add(&dict, "{sv}", "pid", g_variant_new_uint32(4711));
	g_variant_builder_add(&dict, "{sv}", "uid", g_variant_new_uint32(1000));
	g_variant_builder_add(&dict, "{sv}", "time", g_variant_new_int64(time));
	g_variant_builder_add(&dict, "{sv}", "first", g_variant_new_int64(time - 5));
	g_variant_builder_add(&dict, "{sv}", "count", g_variant_new_uint64(MAX(sample->count, 1)));
	if (sample->skipped > 0)
		g_variant_builder_add(&dict, "{sv}", "skipped", g_variant_new_uint64(sample->skipped));
	return g_variant_ref_sink(g_variant_builder_end(&dict));
}

/* --- the table --- */

typedef struct {
	guint n_emissions, last_position, last_removed, last_added;
} Heard;

static void heard(GListModel *model, guint position, guint removed, guint added, gpointer data)
{
	*(Heard *)data = (Heard){ ((Heard *)data)->n_emissions + 1, position, removed, added };
}

static void counted(guint *n)
{
	(*n)++;
}

static void add(NgwActivityTable *table, GVariant *attempt)
{
	g_autoptr(GPtrArray) batch = g_ptr_array_new_with_free_func((GDestroyNotify)g_variant_unref);

	g_ptr_array_add(batch, attempt);
	ngw_activity_table_add(table, batch);
}

static const NgwAttempt *at(NgwActivityTable *table, guint position)
{
	g_autoptr(NgwActivityGroup) group = g_list_model_get_item(G_LIST_MODEL(table), position);

	return group ? ngw_activity_group_attempt(group) : NULL; /* the table holds it */
}

static guint length(NgwActivityTable *table)
{
	return g_list_model_get_n_items(G_LIST_MODEL(table));
}

static void test_alike_are_counted(void)
{
	g_autoptr(NgwActivityTable) table = ngw_activity_table_new(10);

	add(table, SAMPLE());
	add(table, SAMPLE(.count = 4, .time = NOON + 9));
	add(table, SAMPLE(.call = "sendmsg"));
	g_assert_cmpuint(length(table), ==, 1);
	g_assert_cmpuint(at(table, 0)->count, ==, 6);
	g_assert_cmpint(at(table, 0)->first, ==, NOON - 5);
	g_assert_cmpint(at(table, 0)->last, ==, NOON + 9);
}

static void test_different_ones_are_not_counted_together(void)
{
	g_autoptr(NgwActivityTable) table = ngw_activity_table_new(20);

	add(table, SAMPLE());
	add(table, SAMPLE(.port = 80));
	add(table, SAMPLE(.address = "203.0.113.8"));
	add(table, SAMPLE(.reason = "not-local"));
	add(table, SAMPLE(.verdict = "would-be-denied"));
	add(table, SAMPLE(.application = "wget"));
	add(table, SAMPLE(.call = "bind"));
	add(table, SAMPLE(.decider = "bash"));
	add(table, SAMPLE(.protocol = "udp"));
	g_assert_cmpuint(length(table), ==, 9);
}

static void test_undecided_programs_are_told_apart_by_path(void)
{
	g_autoptr(NgwActivityTable) table = ngw_activity_table_new(10);

	add(table, SAMPLE(.application = "", .decider = ""));
	add(table, SAMPLE(.application = "", .decider = "", .executable = "/opt/curl"));
	add(table, SAMPLE(.executable = "/usr/bin/curl7"));
	add(table, SAMPLE());
	g_assert_cmpuint(length(table), ==, 3);
}

static void test_who_reaches_us_is_one_line_whatever_the_port(void)
{
	g_autoptr(NgwActivityTable) table = ngw_activity_table_new(10);

	add(table, SAMPLE(.call = "recv", .port = 40001));
	add(table, SAMPLE(.call = "recv", .port = 40002));
	g_assert_cmpuint(length(table), ==, 1);
	g_assert_cmpuint(at(table, 0)->port, ==, 0);
}

static void test_a_batch_is_one_change(void)
{
	g_autoptr(NgwActivityTable) table = ngw_activity_table_new(1000);
	g_autoptr(GPtrArray) batch = g_ptr_array_new_with_free_func((GDestroyNotify)g_variant_unref);
	Heard said = { 0 };

	for (guint i = 0; i < 200; i++)
		g_ptr_array_add(batch, SAMPLE(.port = 1000 + i % 50));
	g_signal_connect(table, "items-changed", G_CALLBACK(heard), &said);
	ngw_activity_table_add(table, batch);
	g_assert_cmpuint(said.n_emissions, ==, 1);
	g_assert_cmpuint(said.last_added, ==, 50);
	ngw_activity_table_add(table, batch);
	g_assert_cmpuint(said.n_emissions, ==, 1);
	g_assert_cmpuint(at(table, 0)->count, ==, 8);
}

static void test_a_group_tells_once_a_batch(void)
{
	g_autoptr(NgwActivityTable) table = ngw_activity_table_new(10);
	g_autoptr(GPtrArray) batch = g_ptr_array_new_with_free_func((GDestroyNotify)g_variant_unref);
	g_autoptr(NgwActivityGroup) group = NULL;
	guint n = 0;

	add(table, SAMPLE());
	group = g_list_model_get_item(G_LIST_MODEL(table), 0);
	g_signal_connect_swapped(group, "changed", G_CALLBACK(counted), &n);
	for (guint i = 0; i < 30; i++)
		g_ptr_array_add(batch, SAMPLE());
	ngw_activity_table_add(table, batch);
	g_assert_cmpuint(n, ==, 1);
}

static void test_places_change_once_a_minute(void)
{
	g_autoptr(NgwActivityTable) table = ngw_activity_table_new(10);
	Heard said = { 0 };

	add(table, SAMPLE(.port = 1));
	add(table, SAMPLE(.port = 2));
	add(table, SAMPLE(.port = 3));
	g_signal_connect(table, "items-changed", G_CALLBACK(heard), &said);
	add(table, SAMPLE(.port = 1, .time = NOON + 30));
	g_assert_cmpuint(said.n_emissions, ==, 0);
	g_assert_cmpuint(at(table, 2)->port, ==, 1);
	add(table, SAMPLE(.port = 2, .time = NOON + 61));
	g_assert_cmpuint(at(table, 0)->port, ==, 2);
	g_assert_cmpuint(at(table, 1)->port, ==, 3);
	g_assert_cmpuint(at(table, 2)->port, ==, 1);
	/* Only what had to move: the last row stays out of it. */
	g_assert_cmpuint(said.last_removed, ==, 2);
	g_assert_cmpuint(said.last_added, ==, 2);
}

static void test_the_oldest_are_dropped_and_counted(void)
{
	g_autoptr(NgwActivityTable) table = ngw_activity_table_new(5);

	for (guint i = 0; i < 8; i++)
		add(table, SAMPLE(.port = 1 + i, .time = NOON + 60 * i));
	g_assert_cmpuint(length(table), ==, 5);
	g_assert_cmpuint(ngw_activity_table_dropped(table), ==, 3);
	g_assert_cmpuint(at(table, 0)->port, ==, 8);
	g_assert_cmpuint(at(table, 4)->port, ==, 4);
	/* One that was dropped comes back as a new one. */
	add(table, SAMPLE(.port = 1, .time = NOON + 1000));
	g_assert_cmpuint(at(table, 0)->count, ==, 1);
}

static void test_left_out_signals_are_counted(void)
{
	g_autoptr(NgwActivityTable) table = ngw_activity_table_new(5);

	add(table, SAMPLE(.skipped = 7));
	add(table, SAMPLE(.skipped = 5));
	g_assert_cmpuint(ngw_activity_table_skipped(table), ==, 12);
}

static void test_loading_begins_anew_and_orders(void)
{
	g_autoptr(NgwActivityTable) table = ngw_activity_table_new(2);
	g_autoptr(GVariant) list = NULL;
	GVariantBuilder builder;

	add(table, SAMPLE(.port = 9, .skipped = 3));
	g_variant_builder_init(&builder, G_VARIANT_TYPE("aa{sv}"));
	for (guint i = 0; i < 3; i++) {
		g_autoptr(GVariant) attempt = SAMPLE(.port = 1 + i, .time = NOON + (i == 1 ? 300 : 60 * (gint64)i));

		g_variant_builder_add_value(&builder, attempt);
	}
	list = g_variant_ref_sink(g_variant_builder_end(&builder));
	ngw_activity_table_load(table, list);
	g_assert_cmpuint(length(table), ==, 2);
	g_assert_cmpuint(at(table, 0)->port, ==, 2);
	g_assert_cmpuint(at(table, 1)->port, ==, 3);
	g_assert_cmpuint(ngw_activity_table_dropped(table), ==, 1);
	g_assert_cmpuint(ngw_activity_table_skipped(table), ==, 0);
}

static void test_what_is_not_as_described_is_as_not_there(void)
{
	g_autoptr(GVariant) dict =
		g_variant_ref_sink(g_variant_new_parsed("{'address': <17>, 'port': <'x'>, 'count': <@t 0>}"));
	NgwAttempt attempt;

	ngw_attempt_read(dict, &attempt);
	g_assert_cmpstr(attempt.address, ==, "");
	g_assert_cmpuint(attempt.port, ==, 0);
	g_assert_cmpuint(attempt.count, ==, 1);
	g_assert_cmpint(attempt.verdict, ==, NGW_VERDICT_BLOCKED);
}

/* --- words --- */

static void assert_destination(GVariant *dict, const char *expected)
{
	g_autoptr(GVariant) owned = dict;
	g_autofree char *text = NULL;
	NgwAttempt attempt;

	ngw_attempt_read(owned, &attempt);
	text = ngw_attempt_destination(&attempt);
	g_assert_cmpstr(text, ==, expected);
}

static void test_destinations_in_words(void)
{
	assert_destination(SAMPLE(), "203.0.113.7:443/tcp");
	assert_destination(SAMPLE(.address = "2001:db8::1"), "[2001:db8::1]:443/tcp");
	assert_destination(SAMPLE(.call = "recv"), "from 203.0.113.7/tcp");
	assert_destination(SAMPLE(.call = "bind", .address = "0.0.0.0", .port = 8080), "listening on port 8080/tcp");
	assert_destination(SAMPLE(.call = "bind", .address = "127.0.0.1", .port = 80), "listening on 127.0.0.1:80/tcp");
	assert_destination(SAMPLE(.call = "create", .address = "", .port = NO_PORT), "a tcp socket");
	assert_destination(SAMPLE(.address = ""), "an unknown address");
}

static void assert_allowance(GVariant *dict, const char *expected)
{
	g_autoptr(GVariant) owned = dict;
	g_autofree char *text = NULL;
	NgwAttempt attempt;

	ngw_attempt_read(owned, &attempt);
	text = ngw_attempt_allowance(&attempt);
	g_assert_cmpstr(text, ==, expected);
}

static void test_allowances_are_as_files_write_them(void)
{
	assert_allowance(SAMPLE(), "203.0.113.7:443/tcp");
	assert_allowance(SAMPLE(.address = "2001:db8::1", .protocol = "udp"), "[2001:db8::1]:443/udp");
	/* Only tcp and udp are words of Allow=. */
	assert_allowance(SAMPLE(.protocol = "icmp", .port = NO_PORT), "203.0.113.7");
	assert_allowance(SAMPLE(.protocol = "sctp"), "203.0.113.7");
	assert_allowance(SAMPLE(.call = "bind"), NULL);
	assert_allowance(SAMPLE(.call = "create", .address = ""), NULL);
	assert_allowance(SAMPLE(.address = "evil;Profile=online"), NULL);
}

static NgwHelps helps(GVariant *dict)
{
	g_autoptr(GVariant) owned = dict;
	NgwAttempt attempt;

	ngw_attempt_read(owned, &attempt);
	return ngw_attempt_helps(&attempt);
}

static void test_only_what_would_help_is_offered(void)
{
	const NgwHelps internet = NGW_HELPS_ONLINE | NGW_HELPS_ALLOWANCE, all = internet | NGW_HELPS_LOCAL;

	g_assert_cmpint(helps(SAMPLE()), ==, internet);
	g_assert_cmpint(helps(SAMPLE(.class = "lan", .address = "192.168.1.20")), ==, all);
	g_assert_cmpint(helps(SAMPLE(.reason = "not-local")), ==, internet);
	g_assert_cmpint(helps(SAMPLE(.call = "bind")), ==, NGW_HELPS_LOCAL | NGW_HELPS_ONLINE);
	g_assert_cmpint(helps(SAMPLE(.reason = "panic")), ==, 0);
	g_assert_cmpint(helps(SAMPLE(.reason = "untagged")), ==, 0);
	g_assert_cmpint(helps(SAMPLE(.verdict = "allowed", .reason = "online")), ==, 0);
	g_assert_cmpint(helps(SAMPLE(.verdict = "would-be-denied")), ==, internet);
}

static void test_simulation_never_says_blocked(void)
{
	g_autoptr(GVariant) dict = SAMPLE(.verdict = "would-be-denied", .count = 3);
	g_autofree char *sentence = NULL;
	NgwAttempt attempt;

	ngw_attempt_read(dict, &attempt);
	g_assert_cmpstr(ngw_verdict_title(attempt.verdict), ==, "Would be blocked");
	sentence = ngw_attempt_sentence(&attempt, "curl");
	g_assert_true(g_str_has_prefix(sentence, "curl, 203.0.113.7:443/tcp, would be blocked 3 times, last "));
}

static gboolean passes(const NgwActivityFilter *filter, GVariant *dict, const char *name)
{
	g_autoptr(GVariant) owned = dict;
	g_autoptr(NgwActivityGroup) group = NULL;
	NgwAttempt attempt;

	ngw_attempt_read(owned, &attempt);
	group = ngw_activity_group_new(&attempt);
	return ngw_activity_filter_passes(filter, group, name);
}

static void test_filters(void)
{
	const NgwActivityFilter none = { .search = "" }, blocked = { .only_blocked = TRUE, .search = "" };
	const NgwActivityFilter curl = { .application = "curl", .search = "" };
	const NgwActivityFilter path = { .application = "/usr/bin/curl", .search = "" };
	const NgwActivityFilter late = { .since = NOON, .search = "" }, word = { .search = "fire" };
	const NgwActivityFilter place = { .search = "113.7:443" };

	g_assert_true(passes(&none, SAMPLE(.verdict = "allowed"), ""));
	g_assert_false(passes(&blocked, SAMPLE(.verdict = "allowed"), ""));
	g_assert_true(passes(&blocked, SAMPLE(.verdict = "would-be-denied"), ""));
	g_assert_true(passes(&curl, SAMPLE(), ""));
	g_assert_false(passes(&curl, SAMPLE(.application = "wget"), ""));
	g_assert_true(passes(&path, SAMPLE(.application = ""), ""));
	g_assert_true(passes(&late, SAMPLE(), ""));
	g_assert_false(passes(&late, SAMPLE(.time = NOON - 1), ""));
	g_assert_true(passes(&word, SAMPLE(), "firefox"));
	g_assert_false(passes(&word, SAMPLE(), "curl"));
	g_assert_true(passes(&place, SAMPLE(), ""));
}

/* --- the chart --- */

static NgwChartData chart(NgwPeriod period, const char *activity, gboolean is_simulation)
{
	g_autoptr(GVariant) dict =
		g_variant_ref_sink(g_variant_parse(G_VARIANT_TYPE_VARDICT, activity, NULL, NULL, NULL));
	NgwChartData data;

	ngw_chart_data_read(&data, period, NOON + 30, is_simulation, dict);
	return data;
}

static char *activity_text(gboolean is_complete)
{
	return g_strdup_printf("{'step': <@u 60>, 'buckets': <@a(xtt) [(%d, 1200, 1), (%d, 4, 30), (%d, 9, 9)]>, "
			       "'complete': <%s>}",
			       NOON, NOON - 600, NOON - 7200, is_complete ? "true" : "false");
}

static void test_buckets_go_where_they_belong(void)
{
	g_autofree char *text = activity_text(TRUE);
	const NgwChartData data = chart(NGW_PERIOD_HOUR, text, FALSE);

	g_assert_cmpuint(data.n, ==, 60);
	g_assert_cmpint(data.steps[59].start, ==, NOON);
	g_assert_cmpuint(data.steps[59].allowed, ==, 1200);
	g_assert_cmpuint(data.steps[49].blocked, ==, 30);
	g_assert_cmpuint(data.allowed, ==, 1204); /* what is older is left out */
	g_assert_cmpuint(data.blocked, ==, 31);
	g_assert_cmpuint(data.most_blocked, ==, 30);
	g_assert_cmpuint(data.n_unknown, ==, 0);
}

static void test_a_day_has_quarter_hours(void)
{
	g_autofree char *text = activity_text(TRUE);
	const NgwChartData data = chart(NGW_PERIOD_DAY, text, FALSE);

	g_assert_cmpuint(data.n * data.step, ==, 86400);
	g_assert_cmpint(data.start % 900, ==, 0);
	g_assert_cmpuint(data.allowed, ==, 1213);
}

static void test_the_summary_says_it_in_words(void)
{
	g_autofree char *text = activity_text(TRUE);
	const NgwChartData data = chart(NGW_PERIOD_HOUR, text, FALSE), simulated = chart(NGW_PERIOD_HOUR, text, TRUE);
	g_autofree char *summary = ngw_chart_summary(&data), *would = ngw_chart_summary(&simulated);
	g_autofree char *step = ngw_chart_step_text(&data, 49);

	/* NOON - 600 is 22:04 UTC; the test runs in UTC. */
	g_assert_cmpstr(summary, ==, "Last hour: 1204 connections allowed, 31 blocked; most at 22:04");
	g_assert_cmpstr(would, ==, "Last hour: 1204 connections allowed, 31 would be blocked; most at 22:04");
	g_assert_cmpstr(step, ==, "22:04: 4 connections allowed, 30 blocked");
}

static void test_what_is_not_on_record_is_said(void)
{
	g_autofree char *text = activity_text(FALSE);
	const NgwChartData data = chart(NGW_PERIOD_HOUR, text, FALSE);
	const NgwChartData nothing = chart(NGW_PERIOD_HOUR, "{'complete': <false>}", FALSE);
	const NgwChartData quiet = chart(NGW_PERIOD_HOUR, "{'complete': <true>}", FALSE);
	g_autofree char *part = ngw_chart_summary(&data), *none = ngw_chart_summary(&nothing);
	g_autofree char *still = ngw_chart_summary(&quiet), *step = ngw_chart_step_text(&data, 0);

	g_assert_cmpuint(data.n_unknown, ==, 58);
	g_assert_true(g_str_has_suffix(part, "; nothing is on record for a part of it"));
	g_assert_cmpstr(none, ==, "Last hour: nothing is on record");
	g_assert_cmpstr(still, ==, "Last hour: 0 connections allowed, 0 blocked");
	g_assert_true(g_str_has_suffix(step, ": nothing is on record"));
}

static void test_marks_are_round_times_and_few(void)
{
	const NgwChartData hour = chart(NGW_PERIOD_HOUR, "{}", FALSE), day = chart(NGW_PERIOD_DAY, "{}", FALSE);
	gint64 marks[24];
	guint n = ngw_chart_marks(&hour, 5, marks, G_N_ELEMENTS(marks));

	g_assert_cmpuint(n, ==, 4);
	for (guint i = 0; i < n; i++)
		g_assert_cmpint(marks[i] % 900, ==, 0);
	n = ngw_chart_marks(&day, 10, marks, G_N_ELEMENTS(marks));
	g_assert_cmpuint(n, ==, 8);
	for (guint i = 0; i < n; i++)
		g_assert_cmpint(marks[i] % (3 * 3600), ==, 0);
	g_assert_cmpuint(ngw_chart_marks(&day, 0, marks, G_N_ELEMENTS(marks)), <=, 2);
}

int main(int argc, char **argv)
{
	g_setenv("TZ", "UTC", TRUE);
	g_setenv("LC_ALL", "C", TRUE);
	setlocale(LC_ALL, "C");
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/activity/alike attempts are counted", test_alike_are_counted);
	g_test_add_func("/activity/different ones are not counted together",
			test_different_ones_are_not_counted_together);
	g_test_add_func("/activity/undecided programs are told apart by path",
			test_undecided_programs_are_told_apart_by_path);
	g_test_add_func("/activity/who reaches us is one line whatever the port",
			test_who_reaches_us_is_one_line_whatever_the_port);
	g_test_add_func("/activity/a batch is one change of the model", test_a_batch_is_one_change);
	g_test_add_func("/activity/a group tells once a batch", test_a_group_tells_once_a_batch);
	g_test_add_func("/activity/places change once a minute", test_places_change_once_a_minute);
	g_test_add_func("/activity/the oldest are dropped and counted", test_the_oldest_are_dropped_and_counted);
	g_test_add_func("/activity/attempts left out of the signals are counted", test_left_out_signals_are_counted);
	g_test_add_func("/activity/loading begins anew and orders", test_loading_begins_anew_and_orders);
	g_test_add_func("/activity/what is not as described is as not there",
			test_what_is_not_as_described_is_as_not_there);
	g_test_add_func("/activity/destinations are said in words", test_destinations_in_words);
	g_test_add_func("/activity/allowances are as files write them", test_allowances_are_as_files_write_them);
	g_test_add_func("/activity/only what would help is offered", test_only_what_would_help_is_offered);
	g_test_add_func("/activity/a simulation never says blocked", test_simulation_never_says_blocked);
	g_test_add_func("/activity/filters let through what they say", test_filters);
	g_test_add_func("/chart/buckets go where they belong", test_buckets_go_where_they_belong);
	g_test_add_func("/chart/a day has quarter hours", test_a_day_has_quarter_hours);
	g_test_add_func("/chart/the summary says it in words", test_the_summary_says_it_in_words);
	g_test_add_func("/chart/what is not on record is said", test_what_is_not_on_record_is_said);
	g_test_add_func("/chart/marks are round times and few", test_marks_are_round_times_and_few);
	return g_test_run();
}
