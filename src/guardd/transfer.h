/* SPDX-License-Identifier: MIT */
/*
 * Export and Import. An import is all or nothing: everything in it is checked before anything is written, and what was
 * written is taken back when a write fails. Thousands of applications are written a few milliseconds at a time, so that
 * others are served meanwhile; other changes are refused until it has ended.
 */
#ifndef NG_GUARDD_TRANSFER_H
#define NG_GUARDD_TRANSFER_H

#include "guardd/engine.h"

G_BEGIN_DECLS

/* The service ends: an import under way is taken back. */
void ng_transfer_stop(NgEngine *engine);

G_END_DECLS
#endif
