/* SPDX-License-Identifier: MIT */
/*
 * What the chart of Activity shows, without drawing: GetActivity's counted connections as a row of equal steps, where
 * nothing is on record, the marks of the time axis, and all of it in words. Pure.
 */
#ifndef NGW_CHART_DATA_H
#define NGW_CHART_DATA_H

#include <gio/gio.h>

G_BEGIN_DECLS

typedef enum {
	NGW_PERIOD_HOUR,
	NGW_PERIOD_DAY,
} NgwPeriod;
#define NGW_CHART_MAX_STEPS 96

typedef struct {
	gint64 start; /* seconds */
	guint64 allowed, blocked;
	gboolean is_known; /* FALSE: nothing is on record, the service may not have run */
} NgwChartStep;

typedef struct {
	NgwPeriod period;
	gboolean is_simulation; /* blocked means: would have been */
	gint64 start;           /* of the first step */
	guint step;             /* seconds */
	guint n;
	NgwChartStep steps[NGW_CHART_MAX_STEPS];
	guint64 allowed, blocked; /* of all */
	guint64 most_allowed, most_blocked;
	guint n_unknown;
} NgwChartData;

/* What to ask GetActivity for, so that the last step ends with the present one. */
gint64 ngw_chart_since(NgwPeriod period, gint64 now);
guint ngw_chart_step(NgwPeriod period);
/* From the answer (a{sv}). Buckets outside the period, and of another step, are added where they belong or left out. */
void ngw_chart_data_read(NgwChartData *data, NgwPeriod period, gint64 now, gboolean is_simulation, GVariant *activity);

/* "Last hour: 1,204 connections allowed, 31 blocked; most blocked at 14:05". */
char *ngw_chart_summary(const NgwChartData *data);
/* "14:05: 12 allowed, 3 blocked", "14:05: nothing on record". */
char *ngw_chart_step_text(const NgwChartData *data, guint index);
/* Times of the axis' marks: local quarter hours, or hours divisible by 6 or 3. Returns how many. */
guint ngw_chart_marks(const NgwChartData *data, guint wanted, gint64 *ret_marks, guint max);

G_END_DECLS
#endif
