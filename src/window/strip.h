/* SPDX-License-Identifier: MIT */
/*
 * The one strip under the header: the most severe of: no service, another version, not protecting, rules altered from
 * outside or files unreadable, everything Offline, paused, simulation, something this kernel cannot enforce. With the
 * next step as a button. Hidden when there is nothing to say.
 */
#ifndef NGW_STRIP_H
#define NGW_STRIP_H

#include "window/window.h"

G_BEGIN_DECLS

#define NGW_TYPE_STRIP (ngw_strip_get_type())
G_DECLARE_FINAL_TYPE(NgwStrip, ngw_strip, NGW, STRIP, GtkWidget)

GtkWidget *ngw_strip_new(NgwGuard *guard);

/* The state for the header, from link and status: never more than what is in force. Owned by the caller. */
char *ngw_state_text(NgwGuard *guard);
const char *ngw_state_icon(NgwGuard *guard);

G_END_DECLS
#endif
