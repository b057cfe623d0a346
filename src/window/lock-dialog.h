/* SPDX-License-Identifier: MIT */
/*
 * Setting, changing, removing and opening the second lock: a dialog with the entries that each needs. It stays open,
 * with the reason, until the guard said yes. Text is wiped when it has been used. Main loop only.
 */
#ifndef NGW_LOCK_DIALOG_H
#define NGW_LOCK_DIALOG_H

#include "window/guard.h"

#include <adwaita.h>

G_BEGIN_DECLS

#define NGW_LOCK_MIN_BYTES 8
#define NGW_LOCK_MAX_BYTES 1024
#define NGW_LOCK_OPEN_S (15 * 60)

typedef enum {
	NGW_LOCK_SET,
	NGW_LOCK_CHANGE,
	NGW_LOCK_REMOVE,
	NGW_LOCK_UNLOCK, /* for NGW_LOCK_OPEN_S */
} NgwLockTask;

void ngw_lock_dialog_present(GtkWindow *parent, NgwGuard *guard, NgwLockTask task);

G_END_DECLS
#endif
