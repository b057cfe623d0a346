/* SPDX-License-Identifier: MIT */
/*
 * Attempts as groups, newest first: a GListModel of NgwActivityGroup with a limit. Made for hundreds of attempts a
 * second: each batch is one pass, one items-changed at most for what moved and one for what was dropped, and one
 * "changed" for each group that is there already.
 *
 * The order is calm on purpose: a group goes to the top when it is new, or when it happens again in a later minute than
 * before; within a minute nothing changes places under the pointer.
 */
#ifndef NGW_ACTIVITY_TABLE_H
#define NGW_ACTIVITY_TABLE_H

#include "window/activity-group.h"

G_BEGIN_DECLS

#define NGW_ACTIVITY_MAX_GROUPS 2000

#define NGW_TYPE_ACTIVITY_TABLE (ngw_activity_table_get_type())
G_DECLARE_FINAL_TYPE(NgwActivityTable, ngw_activity_table, NGW, ACTIVITY_TABLE, GObject)

/* `max_groups` > 0: beyond it the oldest are dropped. */
NgwActivityTable *ngw_activity_table_new(guint max_groups);
/* Attempts (GVariant a{sv}), oldest first. */
void ngw_activity_table_add(NgwActivityTable *table, GPtrArray *attempts);
/* Begin anew with these, newest first, as GetAttempts gives them. */
void ngw_activity_table_load(NgwActivityTable *table, GVariant *attempts);
/* Groups dropped, and attempts the service left out of its signals, since the last load. */
guint64 ngw_activity_table_dropped(NgwActivityTable *table);
guint64 ngw_activity_table_skipped(NgwActivityTable *table);

G_END_DECLS
#endif
