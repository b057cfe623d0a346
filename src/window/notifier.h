/* SPDX-License-Identifier: MIT */
/*
 * Notifications of blocked attempts: one for each application, replaced, rate-limited, with "Open" and "Allow for an
 * hour" (which goes the same way as in the window: through authorisation, and the passphrase where one is set). Muted
 * applications and a focused window are left alone.
 */
#ifndef NGW_NOTIFIER_H
#define NGW_NOTIFIER_H

#include "window/application.h"

G_BEGIN_DECLS

#define NGW_TYPE_NOTIFIER (ngw_notifier_get_type())
G_DECLARE_FINAL_TYPE(NgwNotifier, ngw_notifier, NGW, NOTIFIER, GObject)

NgwNotifier *ngw_notifier_new(NgwApplication *application);

G_END_DECLS
#endif
