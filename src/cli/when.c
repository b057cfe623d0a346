/* SPDX-License-Identifier: MIT */
/* Times and durations: contract in when.h. */
#include "cli/when.h"

static gint64 unit_seconds(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	case 'w':
		return 7 * 86400;
	default:
		return 0;
	}
}

gint64 ng_when_parse_duration(const char *text)
{
	gint64 total = 0, last_unit = G_MAXINT64;

	if (!text || !*text)
		return 0;
	while (*text) {
		gint64 number = 0, unit;

		if (!g_ascii_isdigit(*text))
			return 0;
		for (; g_ascii_isdigit(*text); text++) {
			number = number * 10 + (*text - '0');
			if (number > NG_WHEN_MAX_DURATION)
				return 0;
		}
		unit = unit_seconds(*text);
		if (unit == 0 || unit >= last_unit) /* "1m2h" and "1h1h" are slips, not sums */
			return 0;
		last_unit = unit;
		text++;
		if (number > (NG_WHEN_MAX_DURATION - total) / unit)
			return 0;
		total += number * unit;
	}
	return total;
}

gint64 ng_when_parse_time(const char *text)
{
	g_autoptr(GDateTime) time = NULL;
	g_autofree char *upper = NULL;

	/* GLib also takes week dates, day numbers and dates alone (then at midnight UTC, hardly what was meant). */
	if (!text ||
	    !g_regex_match_simple("^\\d{4}-\\d\\d-\\d\\d[Tt ]\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?([Zz]|[+-]\\d\\d:\\d\\d)$",
				  text, 0, 0))
		return 0;
	upper = g_ascii_strup(text, -1); /* RFC 3339 allows a small t and z, ISO 8601 does not */
	time = g_date_time_new_from_iso8601(upper, NULL);
	return time ? MAX(g_date_time_to_unix(time), 0) : 0;
}

char *ng_when_duration_text(gint64 seconds)
{
	const gint64 minutes = (seconds + 59) / 60;
	const gint64 hours = (seconds + 3599) / 3600;

	if (seconds < 60)
		return g_strdup_printf("%" G_GINT64_FORMAT " s", MAX(seconds, 0));
	if (minutes < 60)
		return g_strdup_printf("%" G_GINT64_FORMAT " min", minutes);
	if (minutes < 24 * 60 && minutes % 60)
		return g_strdup_printf("%" G_GINT64_FORMAT " h %" G_GINT64_FORMAT " min", minutes / 60, minutes % 60);
	if (minutes < 24 * 60)
		return g_strdup_printf("%" G_GINT64_FORMAT " h", minutes / 60);
	if (hours % 24)
		return g_strdup_printf("%" G_GINT64_FORMAT " day%s %" G_GINT64_FORMAT " h", hours / 24,
				       hours / 24 == 1 ? "" : "s", hours % 24);
	return g_strdup_printf("%" G_GINT64_FORMAT " day%s", hours / 24, hours / 24 == 1 ? "" : "s");
}

static char *format_local(gint64 time, const char *format)
{
	g_autoptr(GDateTime) local = g_date_time_new_from_unix_local(time);

	return local ? g_date_time_format(local, format) : g_strdup_printf("@%" G_GINT64_FORMAT, time);
}

char *ng_when_until_text(gint64 time, gint64 now)
{
	g_autofree char *day = format_local(time, "%F");
	g_autofree char *today = format_local(now, "%F");
	g_autofree char *clock = format_local(time, g_str_equal(day, today) ? "%H:%M" : "%F %H:%M");
	g_autofree char *left = NULL;

	if (time <= now)
		return g_strdup_printf("%s (over)", clock);
	left = ng_when_duration_text(time - now);
	return g_strdup_printf("%s (in %s)", clock, left);
}

char *ng_when_stamp(gint64 time)
{
	return format_local(time, "%F %T");
}

char *ng_when_clock(gint64 time)
{
	return format_local(time, "%T");
}
