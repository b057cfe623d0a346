/* SPDX-License-Identifier: MIT */
/*
 * Add application: from installed .desktop entries, from running programs, or by file.
 */
#ifndef NGW_ADD_DIALOG_H
#define NGW_ADD_DIALOG_H

#include "window/window.h"

G_BEGIN_DECLS

void ngw_add_dialog_present(NgwWindow *window);

G_END_DECLS
#endif
