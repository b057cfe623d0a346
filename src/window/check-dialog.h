/* SPDX-License-Identifier: MIT */
/*
 * What this machine can enforce, what is in force, and what that means: the answer of Check, and the problems of
 * GetStatus with file and line. Opened from the header's state and from the strip.
 */
#ifndef NGW_CHECK_DIALOG_H
#define NGW_CHECK_DIALOG_H

#include "window/window.h"

G_BEGIN_DECLS

void ngw_check_dialog_present(NgwWindow *window);

G_END_DECLS
#endif
