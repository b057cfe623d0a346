/* SPDX-License-Identifier: MIT */
/*
 * Which files on disk the applications mean, remembered: looking at 10,000 executables takes longer than a change of
 * profile may, so an application is looked for again only when its entries change or something in a folder of theirs.
 */
#ifndef NG_GUARDD_FOUND_H
#define NG_GUARDD_FOUND_H

#include "guardd/engine.h"

G_BEGIN_DECLS

#define NG_FOUND_MAX_FILES 4096 /* of one entry */

NgFound *ng_found_new(void);
void ng_found_free(NgFound *found);

/* The policy's entries may be others now: ng_found_exes() will look. */
void ng_found_set_stale(NgFound *found);
/* What the compiler wants, for these applications (all of the policy's): looks for what is new or has other entries,
 * forgets what is gone. NgCompileExe; borrowed until the next call of any function here. */
GArray *ng_found_exes(NgFound *found, GPtrArray *apps);
/* Look for one application again. TRUE if the answer is another. */
gboolean ng_found_again(NgFound *found, const NgPolicyApp *app);
/* NgIdentityFile; NULL: not looked for yet. Borrowed. */
const GArray *ng_found_files(NgFound *found, const char *id);
/* Who else means one of the files that `app` (in the policy or not) means now: ids, borrowed until the next call of any
 * function here. FALSE: that cannot be told, because a file cannot be looked at or an entry is a pattern. */
gboolean ng_found_sharers(NgFound *found, const NgPolicyApp *app, GPtrArray *apps, GPtrArray *ids);
/* The same of an application in the policy, for the files it was last found to mean; patterns included. */
void ng_found_sharers_now(NgFound *found, const NgPolicyApp *app, GPtrArray *apps, GPtrArray *ids);
/* What could not be looked at, as NgPolicyProblem. Owned by the caller. */
GPtrArray *ng_found_problems(NgFound *found, NgPolicy *policy);

G_END_DECLS
#endif
