/* SPDX-License-Identifier: MIT */
/* Times, counts and durations in words: see format.h. */
#include "window/format.h"

#include <glib/gi18n.h>

char *ngw_format_clock(gint64 time)
{
	g_autoptr(GDateTime) then = g_date_time_new_from_unix_local(time);

	/* Translators: a time of day, as of g_date_time_format() */
	return then ? g_date_time_format(then, _("%H:%M")) : g_strdup("");
}

char *ngw_format_when(gint64 time)
{
	g_autoptr(GDateTime) then = g_date_time_new_from_unix_local(time);
	g_autoptr(GDateTime) now = g_date_time_new_now_local();
	g_autoptr(GDateTime) before = g_date_time_add_days(now, -1);

	if (!then)
		return g_strdup("");
	if (g_date_time_get_year(then) != g_date_time_get_year(now))
		return g_date_time_format(then, _("%-e %b %Y %H:%M"));
	if (g_date_time_get_day_of_year(then) == g_date_time_get_day_of_year(now))
		return g_date_time_format(then, _("%H:%M"));
	if (g_date_time_get_year(before) == g_date_time_get_year(then) &&
	    g_date_time_get_day_of_year(before) == g_date_time_get_day_of_year(then))
		return g_date_time_format(then, _("yesterday %H:%M"));
	return g_date_time_format(then, _("%-e %b %H:%M"));
}

char *ngw_format_left(gint64 seconds)
{
	const gint64 minutes = MAX(1, (seconds + 59) / 60);
	const gint64 hours = (minutes + 30) / 60, days = (hours + 12) / 24;

	if (minutes < 100)
		return g_strdup_printf(_("%d min"), (int)minutes);
	if (hours < 36)
		return g_strdup_printf(_("%d h"), (int)hours);
	return g_strdup_printf(g_dngettext(GETTEXT_PACKAGE, "%d day", "%d days", (gulong)days), (int)days);
}

char *ngw_format_times(guint64 count)
{
	const gulong n = (gulong)count;

	if (n == 1)
		return g_strdup(_("once"));
	return g_strdup_printf(g_dngettext(GETTEXT_PACKAGE, "%lu time", "%lu times", n), n);
}

char *ngw_format_closed(guint64 count)
{
	const gulong n = (gulong)count;

	return g_strdup_printf(
		g_dngettext(GETTEXT_PACKAGE, "%lu open connection closed", "%lu open connections closed", n), n);
}

char *ngw_format_host(const char *address, guint port, const char *protocol)
{
	const gboolean is_v6 = g_strrstr(address, ":") != NULL;
	g_autoptr(GString) text = g_string_new(NULL);

	if (port > 0)
		g_string_append_printf(text, is_v6 ? "[%s]:%u" : "%s:%u", address, port);
	else
		g_string_append(text, address);
	if (protocol && *protocol)
		g_string_append_printf(text, "/%s", protocol);
	return g_strdup(text->str);
}
