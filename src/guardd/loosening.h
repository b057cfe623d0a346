/* SPDX-License-Identifier: MIT */
/*
 * Is a change a loosening: may anything be reached afterwards, now or at some later time, that may not be reached
 * otherwise? Pure functions of their arguments. What is not provably tighter or equal is a loosening.
 */
#ifndef NG_GUARDD_LOOSENING_H
#define NG_GUARDD_LOOSENING_H

#include "policy/policy.h"

G_BEGIN_DECLS

/* What the rules of one application, or the default, permit. Borrows the allowances. */
typedef struct {
	guint8 profile; /* NG_PROFILE_* */
	guint8 flags;   /* NG_APP_* */
	const struct ng_allow *allows;
	guint n_allows;
} NgPermit;

NgPermit ng_permit_of(const NgPolicyApp *app);
/* Of programs that nobody decided on: they pass no restriction on to what they start. */
NgPermit ng_permit_of_default(guint8 profile, guint8 flags);
/* TRUE: `permit` provably permits nothing that `other` does not. */
gboolean ng_permit_within(const NgPermit *permit, const NgPermit *other);

/* What one id says, for as long as it says anything. */
typedef struct {
	const NgPolicyApp *app;   /* NULL: nothing */
	const NgPolicyApp *below; /* what holds when that has ended: a package's file; NULL: none */
	NgPermit otherwise;       /* what holds then: the default */
} NgCourse;

/* TRUE: at some time from `now` (seconds since the epoch) on, `after` may permit something that `before` may not; or
 * its application has an allowance, a class or free children that the one before had not, whatever its profile is. */
gboolean ng_course_loosens(const NgCourse *before, const NgCourse *after, gint64 now);

G_END_DECLS
#endif
