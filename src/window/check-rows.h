/* SPDX-License-Identifier: MIT */
/*
 * Rows that say what this machine can enforce, from the answer of Check: for the check dialog and the first start. An
 * icon and words, never colour alone. Main loop only.
 */
#ifndef NGW_CHECK_ROWS_H
#define NGW_CHECK_ROWS_H

#include <adwaita.h>

G_BEGIN_DECLS

typedef enum {
	NGW_CHECK_IN_FORCE,
	NGW_CHECK_MISSING,     /* works here, and is not in force */
	NGW_CHECK_UNSUPPORTED, /* this kernel cannot */
	NGW_CHECK_APART,       /* not in force, and enforcement does not rest on it */
} NgwCheckState;
#define NGW_CHECK_STATES 4

/* `capability`: one a{sv} of Check. */
NgwCheckState ngw_check_state(GVariant *capability);
GtkWidget *ngw_check_row_new(GVariant *capability);
/* A row of plain text (nothing in it is markup) with an icon; `subtitle` may be NULL. */
GtkWidget *ngw_check_text_row_new(const char *icon_name, const char *title, const char *subtitle);
/* How many of `capabilities` (aa{sv}) are in that state. */
guint ngw_check_count(GVariant *capabilities, NgwCheckState state);

G_END_DECLS
#endif
