/* SPDX-License-Identifier: MIT */
/*
 * The parts of the application page, in their order on it. Each is a section (app-page-section.h) that needs nothing of
 * the others; the page hands them what it knows.
 */
#ifndef NGW_APP_PAGE_PARTS_H
#define NGW_APP_PAGE_PARTS_H

#include "window/app-page-section.h"
#include "window/changes.h"

G_BEGIN_DECLS

/* Who it is, its profile, for how long, the reason. */
#define NGW_TYPE_PAGE_CONTROL (ngw_page_control_get_type())
G_DECLARE_FINAL_TYPE(NgwPageControl, ngw_page_control, NGW, PAGE_CONTROL, NgwPageSection)
/* Earlier changes with a reason (NgwPageChange); NULL: not known. */
void ngw_page_control_set_changes(NgwPageControl *self, GPtrArray *changes);

/* Its files are not those that were approved. Shown only then. */
#define NGW_TYPE_PAGE_APPROVAL (ngw_page_approval_get_type())
G_DECLARE_FINAL_TYPE(NgwPageApproval, ngw_page_approval, NGW, PAGE_APPROVAL, NgwPageSection)

/* Why it is so, and whether it can reach a destination. */
#define NGW_TYPE_PAGE_WHY (ngw_page_why_get_type())
G_DECLARE_FINAL_TYPE(NgwPageWhy, ngw_page_why, NGW, PAGE_WHY, NgwPageSection)

/* What was blocked, each with "Allow this". */
#define NGW_TYPE_PAGE_BLOCKED (ngw_page_blocked_get_type())
G_DECLARE_FINAL_TYPE(NgwPageBlocked, ngw_page_blocked, NGW, PAGE_BLOCKED, NgwPageSection)

/* What may be reached whatever the profile. */
#define NGW_TYPE_PAGE_ALLOW (ngw_page_allow_get_type())
G_DECLARE_FINAL_TYPE(NgwPageAllow, ngw_page_allow, NGW, PAGE_ALLOW, NgwPageSection)

/* Connections that are open now. */
#define NGW_TYPE_PAGE_CONNECTIONS (ngw_page_connections_get_type())
G_DECLARE_FINAL_TYPE(NgwPageConnections, ngw_page_connections, NGW, PAGE_CONNECTIONS, NgwPageSection)

/* Package, path, fingerprint, when it was approved. */
#define NGW_TYPE_PAGE_IDENTITY (ngw_page_identity_get_type())
G_DECLARE_FINAL_TYPE(NgwPageIdentity, ngw_page_identity, NGW, PAGE_IDENTITY, NgwPageSection)

/* Whether the programs it starts share its profile. */
#define NGW_TYPE_PAGE_CHILDREN (ngw_page_children_get_type())
G_DECLARE_FINAL_TYPE(NgwPageChildren, ngw_page_children, NGW, PAGE_CHILDREN, NgwPageSection)

/* Who changed what. Signal "changes" (GPtrArray of NgwPageChange, or NULL). */
#define NGW_TYPE_PAGE_HISTORY (ngw_page_history_get_type())
G_DECLARE_FINAL_TYPE(NgwPageHistory, ngw_page_history, NGW, PAGE_HISTORY, NgwPageSection)

/* ngw_change_details() that says the reason again: a change without one would take it away. */
void ngw_page_change(GtkWidget *widget, NgwApp *app, const char *const *allow, const char *children, NgwChangeDone done,
		     gpointer user_data);
/* Let its destination through: adds `entry` to the list, with Undo. */
void ngw_page_allow_entry(GtkWidget *widget, NgwApp *app, const char *entry);
/* Ask before the decision is forgotten; `is_changed` when it is because the program is another one. */
void ngw_page_ask_forget(GtkWidget *widget, NgwApp *app, NgwGuard *guard, gboolean is_changed);

G_END_DECLS
#endif
