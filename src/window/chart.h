/* SPDX-License-Identifier: MIT */
/*
 * The chart of Activity: connections allowed and blocked over the last hour or day, a lane each, so that a few blocked
 * ones are seen beside thousands allowed. Lanes are told apart by place, words and pattern, not by colour alone. An
 * image to assistive technology, with its numbers in words as description; focusable, arrow keys (or the pointer)
 * choose a step and its words are told through "pointed". Draws only; asks nobody.
 *
 * Signal "pointed" (const char*): the words of the step pointed at, or of the whole when none is.
 */
#ifndef NGW_CHART_H
#define NGW_CHART_H

#include <gtk/gtk.h>

#include "window/chart-data.h"

G_BEGIN_DECLS

#define NGW_TYPE_CHART (ngw_chart_get_type())
G_DECLARE_FINAL_TYPE(NgwChart, ngw_chart, NGW, CHART, GtkWidget)

GtkWidget *ngw_chart_new(void);
/* Copies. Emits "pointed". */
void ngw_chart_set_data(NgwChart *chart, const NgwChartData *data);

G_END_DECLS
#endif
