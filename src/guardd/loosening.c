/* SPDX-License-Identifier: MIT */
/*
 * Comparing what is permitted (see loosening.h). Only the shapes that can be told for sure are told; a person who is
 * asked once too often loses a moment, one who is not asked loses the lock.
 */
#include "guardd/loosening.h"

/* The classes of addresses a profile opens by itself or by a flag, as bits. */
#define CLASS(class) (1u << (class))
#define LOCAL (CLASS(NG_CLASS_MACHINE) | CLASS(NG_CLASS_LAN) | CLASS(NG_CLASS_ONLINK))
#define ALL (LOCAL | CLASS(NG_CLASS_SHARED) | CLASS(NG_CLASS_METADATA) | CLASS(NG_CLASS_GLOBAL))

NgPermit ng_permit_of(const NgPolicyApp *app)
{
	return (NgPermit){ app->profile, app->flags, (const struct ng_allow *)app->allows->data, app->allows->len };
}

NgPermit ng_permit_of_default(guint8 profile, guint8 flags)
{
	return (NgPermit){ profile, (flags & NG_APP_CLASS_MASK) | NG_APP_CHILDREN_OWN, NULL, 0 };
}

static guint permit_classes(const NgPermit *permit)
{
	guint classes = 0;

	if (permit->profile == NG_PROFILE_ONLINE)
		return ALL;
	if (permit->profile == NG_PROFILE_LOCAL)
		classes = LOCAL;
	if (permit->flags & NG_APP_LOOPBACK)
		classes |= CLASS(NG_CLASS_MACHINE);
	if (permit->flags & NG_APP_SHARED)
		classes |= CLASS(NG_CLASS_SHARED);
	if (permit->flags & NG_APP_METADATA)
		classes |= CLASS(NG_CLASS_METADATA);
	return classes;
}

static gboolean address_is_in(const guint8 addr[16], const struct ng_allow *allow)
{
	for (guint i = 0; i < 16; i++) {
		const guint bits = allow->prefix_len > 8 * i ? MIN(allow->prefix_len - 8 * i, 8) : 0;
		const guint8 mask = (guint8)(0xff00u >> bits);

		if ((addr[i] & mask) != (allow->addr[i] & mask))
			return FALSE;
	}
	return TRUE;
}

static gboolean allow_is_in(const struct ng_allow *allow, const struct ng_allow *other)
{
	if (other->prefix_len > allow->prefix_len || !address_is_in(allow->addr, other))
		return FALSE;
	if (other->proto && other->proto != allow->proto)
		return FALSE;
	if (!other->port_first)
		return TRUE;
	return allow->port_first >= other->port_first && allow->port_last <= other->port_last;
}

static gboolean allow_is_permitted(const struct ng_allow *allow, const NgPermit *other)
{
	const guint classes = permit_classes(other);

	if (classes == ALL)
		return TRUE;
	for (guint i = 0; i < other->n_allows; i++) {
		if (allow_is_in(allow, &other->allows[i]))
			return TRUE;
	}
	/* One address has one class; it is not on-link for ever. */
	return allow->prefix_len == 128 && (classes & CLASS(ng_address_class(allow->addr, 0))) != 0;
}

gboolean ng_permit_within(const NgPermit *permit, const NgPermit *other)
{
	const guint classes = permit_classes(permit), other_classes = permit_classes(other);

	/* A profile that does not exist permits nothing, but is nothing to build on either. */
	if (permit->profile < NG_PROFILE_OFFLINE || permit->profile > NG_PROFILE_ONLINE)
		return FALSE;
	if (classes & ~other_classes)
		return FALSE;
	/* Restrictions that children inherited, and would no longer: unless there were none. */
	if ((permit->flags & NG_APP_CHILDREN_OWN) && !(other->flags & NG_APP_CHILDREN_OWN) && other_classes != ALL)
		return FALSE;
	for (guint i = 0; i < permit->n_allows; i++) {
		if (!allow_is_permitted(&permit->allows[i], other))
			return FALSE;
	}
	return TRUE;
}

#define MAX_STATES 8

/* What may hold at `time`. */
typedef struct {
	NgPermit permits[MAX_STATES];
	guint n;
} States;

static void states_add(States *states, NgPermit permit)
{
	g_assert(states->n < MAX_STATES);
	states->permits[states->n++] = permit;
}

/* What `app` may say at `time`; a span can end at any moment. TRUE: for sure it says something. */
static gboolean states_add_app(States *states, const NgPolicyApp *app, gint64 time)
{
	const gboolean is_over = app->until > 0 && time >= app->until;
	NgPermit permit = ng_permit_of(app);

	if (!is_over)
		states_add(states, permit);
	if (!is_over && app->span == NG_SPAN_NONE)
		return TRUE;
	if (app->then == 0)
		return FALSE;
	permit.profile = app->then;
	states_add(states, permit);
	return TRUE;
}

static States states_at(const NgCourse *course, gint64 time)
{
	States states = { .n = 0 };

	if (course->app && states_add_app(&states, course->app, time))
		return states;
	if (course->below && states_add_app(&states, course->below, time))
		return states;
	states_add(&states, course->otherwise);
	return states;
}

static gboolean loosens_at(const NgCourse *before, const NgCourse *after, gint64 time)
{
	const States was = states_at(before, time), will_be = states_at(after, time);

	for (guint i = 0; i < will_be.n; i++) {
		for (guint j = 0; j < was.n; j++) {
			if (!ng_permit_within(&will_be.permits[i], &was.permits[j]))
				return TRUE;
		}
	}
	return FALSE;
}

/* TRUE: `after` says more besides its profile than `before` said. An Online application gains nothing by it today, but
 * whoever makes it Offline tomorrow would leave it all of that: so the profile does not matter. */
static gboolean adds_exceptions(const NgPolicyApp *before, const NgPolicyApp *after)
{
	const NgPermit nothing = { 0 }, was = before ? ng_permit_of(before) : nothing, is = ng_permit_of(after);

	if (is.flags & ~was.flags & (NG_APP_CLASS_MASK | NG_APP_CHILDREN_OWN))
		return TRUE;
	for (guint i = 0; i < is.n_allows; i++) {
		gboolean is_old = FALSE;

		for (guint j = 0; j < was.n_allows && !is_old; j++)
			is_old = allow_is_in(&is.allows[i], &was.allows[j]);
		if (!is_old)
			return TRUE;
	}
	return FALSE;
}

gboolean ng_course_loosens(const NgCourse *before, const NgCourse *after, gint64 now)
{
	const NgPolicyApp *const apps[] = { before->app, before->below, after->app, after->below };

	if (after->app && adds_exceptions(before->app, after->app))
		return TRUE;
	if (loosens_at(before, after, now))
		return TRUE;
	for (guint i = 0; i < G_N_ELEMENTS(apps); i++) {
		if (apps[i] && apps[i]->until > now && loosens_at(before, after, apps[i]->until))
			return TRUE;
	}
	return FALSE;
}
