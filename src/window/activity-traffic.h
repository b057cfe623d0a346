/* SPDX-License-Identifier: MIT */
/*
 * The top of Activity: the chart, the choice between the last hour and the last day, and its numbers as a line of text.
 * Asks the guard (GetActivity) while somebody looks, every 15 seconds. Main loop only.
 */
#ifndef NGW_ACTIVITY_TRAFFIC_H
#define NGW_ACTIVITY_TRAFFIC_H

#include "window/guard.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define NGW_TYPE_ACTIVITY_TRAFFIC (ngw_activity_traffic_get_type())
G_DECLARE_FINAL_TYPE(NgwActivityTraffic, ngw_activity_traffic, NGW, ACTIVITY_TRAFFIC, GtkWidget)

/* Once, after it was made from a template. */
void ngw_activity_traffic_set_guard(NgwActivityTraffic *traffic, NgwGuard *guard);

G_END_DECLS
#endif
