/* SPDX-License-Identifier: MIT */
/*
 * What goes into the audit chain: every change, who made it and why; what others changed in the files; and who was
 * refused. A chain that cannot be written is shown by the history's health and stops nothing.
 */
#ifndef NG_GUARDD_AUDIT_H
#define NG_GUARDD_AUDIT_H

#include "guardd/engine.h"

G_BEGIN_DECLS

#define NG_AUDIT_UID_UNKNOWN G_MAXUINT32 /* who edited a file is not known */
#define NG_AUDIT_MAX_OUTSIDE 200         /* records of one outside change; then one says how many more there are */

NgAuditor *ng_auditor_new(NgEngine *engine);
void ng_auditor_free(NgAuditor *auditor);

/* Missing strings become "", the time now. */
void ng_audit_record(NgAuditor *auditor, const NgAudit *audit);
/* One application, before and after (NULL: it was or is nobody's decision). */
void ng_audit_change(NgAuditor *auditor, guint32 uid, const char *auth, const char *action, const NgPolicyApp *before,
		     const NgPolicyApp *after, const char *reason, const char *origin);
/* A caller was refused, for a reason in words: at most ten a minute of one uid and sixty of all; then one record counts
 * the rest. */
void ng_audit_refused(NgAuditor *auditor, guint32 uid, const char *auth, const char *method, const char *why);

/* What is decided, as id -> JSON text, to be compared later. */
GHashTable *ng_audit_picture(NgPolicy *policy);
/* Record how `after` differs from `before`, as an outside change. TRUE if it does. */
gboolean ng_audit_outside(NgAuditor *auditor, GHashTable *before, GHashTable *after, const char *reason);
/* The picture as lines of text, and back: kept beside the policy's snapshot, so that what was changed while the service
 * was down is noticed. */
char *ng_audit_picture_text(GHashTable *picture);
GHashTable *ng_audit_picture_parse(const char *text);

G_END_DECLS
#endif
