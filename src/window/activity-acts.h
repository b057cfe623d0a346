/* SPDX-License-Identifier: MIT */
/*
 * What attempts are called and what can be done about them: the application they belong to, the one whose rule decided,
 * and the menu with its actions (attempt.*, which a row installs; activity.only "s", which the page does). Changes go
 * through changes.h. Main loop only.
 */
#ifndef NGW_ACTIVITY_ACTS_H
#define NGW_ACTIVITY_ACTS_H

#include "window/activity-words.h"
#include "window/window.h"

G_BEGIN_DECLS

/* The name and icon of the application that tried. Owned by the caller. */
char *ngw_activity_name(NgwWindow *window, const NgwAttempt *attempt);
GIcon *ngw_activity_icon(NgwWindow *window, const NgwAttempt *attempt);
/* The name of the application whose rule it was, if that is another one; else NULL. Owned by the caller. */
char *ngw_activity_decider_name(NgwWindow *window, const NgwAttempt *attempt);

/* A widget class that shows one attempt installs the actions; the function tells which it shows now. */
typedef const NgwAttempt *(*NgwActivityShown)(GtkWidget *widget);
void ngw_activity_acts_install(GtkWidgetClass *class, NgwActivityShown shown);
/* The menu for what the widget shows now, and which of its actions can be done. Owned by the caller. */
GMenuModel *ngw_activity_acts_menu(GtkWidget *widget);
void ngw_activity_acts_update(GtkWidget *widget);

G_END_DECLS
#endif
