/* SPDX-License-Identifier: MIT */
/* The numbers behind the chart: see chart-data.h. */
#include "window/chart-data.h"

#include <glib/gi18n.h>

#include "window/format.h"
#include "window/guard.h"

static const struct {
	guint step, n;
	const char *title;
} periods[] = {
	[NGW_PERIOD_HOUR] = { 60, 60, N_("Last hour") },
	[NGW_PERIOD_DAY] = { 900, 96, N_("Last day") },
};

guint ngw_chart_step(NgwPeriod period)
{
	return periods[period].step;
}

gint64 ngw_chart_since(NgwPeriod period, gint64 now)
{
	const gint64 step = periods[period].step;

	return now / step * step - ((gint64)periods[period].n - 1) * step;
}

static void data_add(NgwChartData *data, gint64 start, guint64 allowed, guint64 blocked)
{
	const gint64 index = (start - data->start) / (gint64)data->step;
	NgwChartStep *step;

	if (start < data->start || index >= (gint64)data->n)
		return;
	step = &data->steps[index];
	step->is_known = TRUE;
	step->allowed += allowed;
	step->blocked += blocked;
}

static void data_sum(NgwChartData *data)
{
	for (guint i = 0; i < data->n; i++) {
		const NgwChartStep *step = &data->steps[i];

		data->allowed += step->allowed;
		data->blocked += step->blocked;
		data->most_allowed = MAX(data->most_allowed, step->allowed);
		data->most_blocked = MAX(data->most_blocked, step->blocked);
		data->n_unknown += !step->is_known;
	}
}

void ngw_chart_data_read(NgwChartData *data, NgwPeriod period, gint64 now, gboolean is_simulation, GVariant *activity)
{
	g_autoptr(GVariant) buckets =
		activity ? g_variant_lookup_value(activity, "buckets", G_VARIANT_TYPE("a(xtt)")) : NULL;
	const gboolean is_complete = ngw_dict_flag(activity, "complete");
	GVariantIter iter;
	gint64 start;
	guint64 allowed, blocked;

	*data = (NgwChartData){ .period = period,
				.is_simulation = is_simulation,
				.start = ngw_chart_since(period, now),
				.step = periods[period].step,
				.n = periods[period].n };
	for (guint i = 0; i < data->n; i++) {
		data->steps[i].start = data->start + (gint64)i * data->step;
		/* Empty ones are left out of an answer: only a complete one says that they were empty. */
		data->steps[i].is_known = is_complete;
	}
	if (buckets) {
		g_variant_iter_init(&iter, buckets);
		while (g_variant_iter_next(&iter, "(xtt)", &start, &allowed, &blocked))
			data_add(data, start, allowed, blocked);
	}
	data_sum(data);
}

static char *allowed_text(guint64 count)
{
	return g_strdup_printf(
		g_dngettext(GETTEXT_PACKAGE, "%'lu connection allowed", "%'lu connections allowed", (gulong)count),
		(gulong)count);
}

static char *blocked_text(const NgwChartData *data, guint64 count)
{
	return g_strdup_printf(data->is_simulation ? _("%'lu would be blocked") : _("%'lu blocked"), (gulong)count);
}

char *ngw_chart_summary(const NgwChartData *data)
{
	g_autofree char *allowed = allowed_text(data->allowed), *blocked = blocked_text(data, data->blocked);
	GString *text = g_string_new(NULL);

	if (data->n_unknown == data->n) {
		g_string_printf(text, _("%s: nothing is on record"), _(periods[data->period].title));
		return g_string_free(text, FALSE);
	}
	/* Translators: "Last hour: 1,204 connections allowed, 31 blocked" */
	g_string_printf(text, _("%s: %s, %s"), _(periods[data->period].title), allowed, blocked);
	for (guint i = 0; i < data->n && data->blocked > 0; i++) {
		g_autofree char *clock = NULL;

		if (data->steps[i].blocked < data->most_blocked)
			continue;
		clock = ngw_format_clock(data->steps[i].start);
		g_string_append_printf(text, _("; most at %s"), clock);
		break;
	}
	if (data->n_unknown > 0)
		g_string_append(text, _("; nothing is on record for a part of it"));
	return g_string_free(text, FALSE);
}

char *ngw_chart_step_text(const NgwChartData *data, guint index)
{
	const NgwChartStep *step = &data->steps[MIN(index, data->n - 1)];
	g_autofree char *from = ngw_format_clock(step->start);
	g_autofree char *to = ngw_format_clock(step->start + data->step);
	g_autofree char *when = data->step > 60 ? g_strdup_printf(_("%s to %s"), from, to) : g_strdup(from);
	g_autofree char *allowed = allowed_text(step->allowed), *blocked = blocked_text(data, step->blocked);

	if (!step->is_known)
		return g_strdup_printf(_("%s: nothing is on record"), when);
	return g_strdup_printf(_("%s: %s, %s"), when, allowed, blocked);
}

/* Minutes since local midnight. */
static guint minute_of_day(gint64 time)
{
	g_autoptr(GDateTime) local = g_date_time_new_from_unix_local(time);

	return local ? (guint)g_date_time_get_hour(local) * 60 + (guint)g_date_time_get_minute(local) : 1;
}

guint ngw_chart_marks(const NgwChartData *data, guint wanted, gint64 *ret_marks, guint max)
{
	static const guint every[] = { 5, 10, 15, 30, 60, 120, 180, 360, 720 }; /* minutes */
	const guint minutes = data->step * data->n / 60;
	guint chosen = every[G_N_ELEMENTS(every) - 1], n = 0;

	for (guint i = G_N_ELEMENTS(every); i-- > 0;) {
		if (minutes / every[i] <= MAX(wanted, 1))
			chosen = every[i];
	}
	for (guint i = 0; i < data->n && n < max; i++) {
		if (minute_of_day(data->steps[i].start) % chosen == 0)
			ret_marks[n++] = data->steps[i].start;
	}
	return n;
}
