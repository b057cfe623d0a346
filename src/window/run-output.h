/* SPDX-License-Identifier: MIT */
/*
 * What a command printed, its last NGW_RUN_LINES lines, following the end while the end is in sight. Read only;
 * bounded in lines and, by run-text.h, in their length. Main loop only.
 */
#ifndef NGW_RUN_OUTPUT_H
#define NGW_RUN_OUTPUT_H

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define NGW_RUN_LINES 2000

#define NGW_TYPE_RUN_OUTPUT (ngw_run_output_get_type())
G_DECLARE_FINAL_TYPE(NgwRunOutput, ngw_run_output, NGW, RUN_OUTPUT, GtkTextView)

void ngw_run_output_append(NgwRunOutput *output, const char *bytes, gsize length);
void ngw_run_output_clear(NgwRunOutput *output);
/* Were earlier lines dropped? */
gboolean ngw_run_output_is_cut(NgwRunOutput *output);

G_END_DECLS
#endif
