/* SPDX-License-Identifier: MIT */
/*
 * A button before what not everybody may see: others' connections, the record of changes. Asking the guard for that may
 * ask the person for a password, so it is done when the button was pressed, and by itself only where nobody is asked.
 */
#ifndef NGW_APP_PAGE_GATE_H
#define NGW_APP_PAGE_GATE_H

#include "window/app-page-section.h"

G_BEGIN_DECLS

#define NGW_TYPE_PAGE_GATE (ngw_page_gate_get_type())
G_DECLARE_FINAL_TYPE(NgwPageGate, ngw_page_gate, NGW, PAGE_GATE, GtkWidget)

/* In the header of `section`, which outlives it. `action` as in ngw_guard_permission(); `closed` and `open` are the
 * label before and after, `name` the accessible name. `opens_itself` where the person is not asked. */
NgwPageGate *ngw_page_gate_new(NgwPageSection *section, const char *action, const char *closed, const char *open,
			       const char *name, gboolean opens_itself);
/* From the section's update. */
void ngw_page_gate_update(NgwPageGate *gate, gboolean is_new);
gboolean ngw_page_gate_is_open(NgwPageGate *gate);
/* May it be asked for now? TRUE once for each press, and always where nobody is asked for a password. */
gboolean ngw_page_gate_may_ask(NgwPageGate *gate);
/* It was refused, or the question was closed. */
void ngw_page_gate_close(NgwPageGate *gate);
/* "yes", "authenticate", "no" */
const char *ngw_page_gate_permission(NgwPageGate *gate);

G_END_DECLS
#endif
