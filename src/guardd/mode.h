/* SPDX-License-Identifier: MIT */
/*
 * Normal, paused or panic: what overrides every application's profile, and until when. Kept in STATE/mode, so that it
 * survives a restart.
 */
#ifndef NG_GUARDD_MODE_H
#define NG_GUARDD_MODE_H

#include <gio/gio.h>

#include "verdict/abi.h"

G_BEGIN_DECLS

typedef struct {
	guint32 mode;        /* NG_MODE_* */
	gint64 paused_until; /* seconds since the epoch; 0 unless paused */
} NgMode;

/* A file that is not there means normal. One that cannot be understood is an error, and *ret_mode is panic only if the
 * word is readable, else normal: a damaged file must not cut a machine off. */
gboolean ng_mode_read(const char *state, NgMode *ret_mode, GError **error);
/* Atomically, and durable on return. */
gboolean ng_mode_write(const char *state, const NgMode *mode, GError **error);
const char *ng_mode_text(guint32 mode); /* "normal", "paused", "panic" */

G_END_DECLS
#endif
