/* SPDX-License-Identifier: MIT */
/*
 * Preferences: the guard's settings (default for unknown programs, what Local includes, how long history is kept), the
 * second lock, notifications, appearance. What the administrator fixed is shown and cannot be changed.
 */
#ifndef NGW_PREFERENCES_H
#define NGW_PREFERENCES_H

#include "window/window.h"

G_BEGIN_DECLS

void ngw_preferences_present(NgwWindow *window);

G_END_DECLS
#endif
