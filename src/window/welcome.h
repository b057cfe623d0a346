/* SPDX-License-Identifier: MIT */
/*
 * First start: what this machine supports and what that means, the default for unknown programs, running programs to
 * decide on now or later. Skippable. A modal window over the main one.
 */
#ifndef NGW_WELCOME_H
#define NGW_WELCOME_H

#include "window/window.h"

G_BEGIN_DECLS

/* Shows it; ngw_choices_set_welcomed() when it was gone through or skipped. */
void ngw_welcome_present(NgwWindow *window);

G_END_DECLS
#endif
