/* SPDX-License-Identifier: MIT */
/*
 * Files that several applications claim: which of them has one, in the latest image, and why (src/compile/claim.c
 * decides). So that nobody is told that a decision holds whose files answer to another application. Engine; reads only.
 */
#ifndef NG_GUARDD_CLAIMS_H
#define NG_GUARDD_CLAIMS_H

#include "guardd/engine.h"

G_BEGIN_DECLS

/* The application that has the file at `path`, one of `app`'s: `app` itself where nobody else has it or that is not
 * known. Otherwise *ret_why, if not NULL, is sentences about it; owned by the caller. */
const NgPolicyApp *ng_claims_owner(NgEngine *engine, const NgPolicyApp *app, const char *path, char **ret_why);

/* What is to be said about files of `app` that other applications have, or NULL: it has them all. *ret_is_void: none is
 * left to it, and all answer to other profiles than its own. Owned by the caller. */
char *ng_claims_lost(NgEngine *engine, const NgPolicyApp *app, gboolean *ret_is_void);

G_END_DECLS
#endif
