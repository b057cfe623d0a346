/* SPDX-License-Identifier: MIT */
/* Durations and times, with a clock of the test's own. */
#include "cli/when.h"

#define NOON G_GINT64_CONSTANT(1795348800) /* 2026-11-22T12:00:00Z */

static void durations_are_what_people_write(void)
{
	g_assert_cmpint(ng_when_parse_duration("90s"), ==, 90);
	g_assert_cmpint(ng_when_parse_duration("30m"), ==, 1800);
	g_assert_cmpint(ng_when_parse_duration("1h"), ==, 3600);
	g_assert_cmpint(ng_when_parse_duration("2d"), ==, 172800);
	g_assert_cmpint(ng_when_parse_duration("1w"), ==, 604800);
	g_assert_cmpint(ng_when_parse_duration("1h30m"), ==, 5400);
	g_assert_cmpint(ng_when_parse_duration("1d2h3m4s"), ==, 93784);
	g_assert_cmpint(ng_when_parse_duration("3650d"), ==, NG_WHEN_MAX_DURATION);
}

static void anything_else_is_no_duration(void)
{
	static const char *const bad[] = { "",        "0s",  "0",     "5",    "h",     "1x",
					   "-1h",     "+1h", " 1h",   "1h ",  "1.5h",  "1h1h",
					   "30m1h",   "1H",  "1h-1m", "\xff", "3651d", "9999999999999999999999s",
					   "3650d1s", "1h30" };

	g_assert_cmpint(ng_when_parse_duration(NULL), ==, 0);
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
		g_assert_cmpint(ng_when_parse_duration(bad[i]), ==, 0);
}

static void times_need_a_zone(void)
{
	g_assert_cmpint(ng_when_parse_time("2026-11-22T12:00:00Z"), ==, NOON);
	g_assert_cmpint(ng_when_parse_time("2026-11-22t12:00:00z"), ==, NOON);
	g_assert_cmpint(ng_when_parse_time("2026-11-22 13:00:00+01:00"), ==, NOON);
	g_assert_cmpint(ng_when_parse_time("2026-11-22T06:30:00.250-05:30"), ==, NOON);
	g_assert_cmpint(ng_when_parse_time("2026-11-22T12:00:00"), ==, 0);
}

static void anything_else_is_no_time(void)
{
	static const char *const bad[] = { "",
					   "now",
					   "20261122T120000Z",
					   "2026-11-22",
					   "2026-W47-7T12:00:00Z",
					   "2026-13-22T12:00:00Z",
					   "2026-02-30T12:00:00Z",
					   "2026-11-22T25:00:00Z",
					   "2026-11-22T12:00:00Z ",
					   "1960-01-01T00:00:00Z",
					   "2026-11-22T12:00:00Z\n" };

	g_assert_cmpint(ng_when_parse_time(NULL), ==, 0);
	for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
		g_assert_cmpint(ng_when_parse_time(bad[i]), ==, 0);
}

static void check_duration(gint64 seconds, const char *wanted)
{
	g_autofree char *text = ng_when_duration_text(seconds);

	g_assert_cmpstr(text, ==, wanted);
}

static void durations_are_told_in_two_units(void)
{
	check_duration(-3, "0 s");
	check_duration(59, "59 s");
	check_duration(60, "1 min");
	check_duration(61, "2 min");
	check_duration(3600, "1 h");
	check_duration(3601, "1 h 1 min");
	check_duration(86399, "1 day");
	check_duration(86400, "1 day");
	check_duration(90000, "1 day 1 h");
	check_duration(10 * 86400, "10 days");
}

static void check_until(gint64 time, const char *wanted)
{
	g_autofree char *text = ng_when_until_text(time, NOON);

	g_assert_cmpstr(text, ==, wanted);
}

static void the_date_is_told_unless_it_is_today(void)
{
	check_until(NOON + 2520, "12:42 (in 42 min)");
	check_until(NOON + 86400, "2026-11-23 12:00 (in 1 day)");
	check_until(NOON, "12:00 (over)");
	check_until(NOON - 60, "11:59 (over)");
	check_until(G_MAXINT64 / 2, "@4611686018427387903 (in 53375995562870 days 20 h)");
}

int main(int argc, char **argv)
{
	g_setenv("TZ", "UTC", TRUE);
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/when/durations are what people write", durations_are_what_people_write);
	g_test_add_func("/when/anything else is no duration", anything_else_is_no_duration);
	g_test_add_func("/when/times need a zone", times_need_a_zone);
	g_test_add_func("/when/anything else is no time", anything_else_is_no_time);
	g_test_add_func("/when/durations are told in two units", durations_are_told_in_two_units);
	g_test_add_func("/when/the date is told unless it is today", the_date_is_told_unless_it_is_today);
	return g_test_run();
}
