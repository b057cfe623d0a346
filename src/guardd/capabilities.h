/* SPDX-License-Identifier: MIT */
/* What a kernel can enforce, in words: one table for Check and for the list of what is missing. */
#ifndef NG_GUARDD_CAPABILITIES_H
#define NG_GUARDD_CAPABILITIES_H

#include <glib.h>

#include "enforce/message.h"

G_BEGIN_DECLS

typedef struct {
	guint32 bit; /* NG_CAN_* */
	const char *id;
	const char *title;
	const char *present; /* what it means that it is in force */
	const char *absent;  /* what it means that it is not */
	gboolean is_needed;  /* without it we do not say "protecting" */
	gboolean is_unused;  /* this version does not use it: never "missing" */
} NgCapability;

extern const NgCapability ng_capabilities[];
extern const gsize ng_n_capabilities;

/* The needed ones together. */
guint32 ng_capabilities_needed(void);

G_END_DECLS
#endif
