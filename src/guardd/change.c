/* SPDX-License-Identifier: MIT */
/*
 * What a change takes (see change.h). An application whose files stay the same is compared with itself. One that gains
 * files is compared with whoever they answer to now: the default, and every application that means the same file by
 * another path. One that loses files leaves them to the default; if another application means them too, that cannot be
 * told here.
 *
 * Who has a file that several mean is decided by profile first and allowances last (src/compile/claim.c). So an
 * application without exceptions only ever takes a file from a freer one, and, becoming tighter, never gives one up.
 * One with exceptions may do both: an Offline one that may reach an address goes before a Local one that may not.
 */
#include "guardd/change.h"

#include "guardd/fingerprints.h"
#include "guardd/found.h"
#include "guardd/loosening.h"

static NgCourse course_of(NgEngine *engine, const char *id, const NgPolicyApp *app)
{
	return (NgCourse){ app, ng_policy_below(engine->policy, id),
			   ng_permit_of_default(engine->settings.default_profile, engine->settings.default_flags) };
}

static NgCourse course_of_default(NgEngine *engine)
{
	return (NgCourse){ NULL, NULL,
			   ng_permit_of_default(engine->settings.default_profile, engine->settings.default_flags) };
}

static gboolean has_all(const NgPolicyApp *app, const NgPolicyApp *other)
{
	for (char **entry = other->executables; *entry; entry++) {
		if (!g_strv_contains((const char *const *)app->executables, *entry))
			return FALSE;
	}
	return TRUE;
}

/* It may reach something besides what its profile says. */
static gboolean has_exceptions(const NgPolicyApp *app)
{
	return app->allows->len > 0 || (app->flags & NG_APP_CLASS_MASK) != 0;
}

/* Its files will answer to whoever means them too. */
static gboolean will_be_forgotten(const NgPolicyApp *app)
{
	return (app->until > 0 || app->span != NG_SPAN_NONE) && app->then == 0;
}

/* Files that answered to somebody else will answer to `after`. */
static gboolean gaining_loosens(NgEngine *engine, const NgPolicyApp *after)
{
	const NgCourse nobodys = course_of_default(engine), will_be = course_of(engine, after->id, after);
	g_autoptr(GPtrArray) sharers = g_ptr_array_new();

	if (has_exceptions(after))
		return TRUE;
	if (ng_course_loosens(&nobodys, &will_be, ng_now()) ||
	    !ng_found_sharers(engine->found, after, ng_policy_apps(engine->policy), sharers))
		return TRUE;
	for (guint i = 0; i < sharers->len; i++) {
		const char *id = g_ptr_array_index(sharers, i);
		const NgPolicyApp *sharer = ng_policy_find(engine->policy, id);
		const NgCourse was = course_of(engine, id, sharer);

		if (ng_course_loosens(&was, &will_be, ng_now()))
			return TRUE;
	}
	return FALSE;
}

/* Files that answered to `before` will answer to the default. */
static gboolean losing_loosens(NgEngine *engine, const NgPolicyApp *before)
{
	const NgCourse nobodys = course_of_default(engine), was = course_of(engine, before->id, before);
	g_autoptr(GPtrArray) sharers = g_ptr_array_new();

	return ng_course_loosens(&was, &nobodys, ng_now()) ||
	       !ng_found_sharers(engine->found, before, ng_policy_apps(engine->policy), sharers) || sharers->len > 0;
}

/* `before` becomes `after`, its files the same, and is not freer by itself: a file that others mean too may still
 * change hands, to `after` or from it. */
static gboolean sharing_loosens(NgEngine *engine, const NgPolicyApp *before, const NgPolicyApp *after)
{
	const NgCourse will_be = course_of(engine, after->id, after);
	g_autoptr(GPtrArray) sharers = g_ptr_array_new();

	if (!has_exceptions(after) && !(after->flags & NG_APP_CHILDREN_OWN) && !will_be_forgotten(after))
		return FALSE;
	ng_found_sharers_now(engine->found, after, ng_policy_apps(engine->policy), sharers);
	/* With more entries than before, even narrower ones, it may come after who came after it. */
	if (sharers->len > 0 && (after->allows->len > before->allows->len || will_be_forgotten(after)))
		return TRUE;
	for (guint i = 0; i < sharers->len; i++) {
		const char *id = g_ptr_array_index(sharers, i);
		const NgCourse was = course_of(engine, id, ng_policy_find(engine->policy, id));

		if (ng_course_loosens(&was, &will_be, ng_now()))
			return TRUE;
	}
	return FALSE;
}

/* Whatever `id` said was said by `before`, and will be by `after`; either may be NULL: then by its package's file, or
 * by nobody. */
static NgAction change_of(NgEngine *engine, const NgPolicyApp *before, const NgPolicyApp *after)
{
	gboolean loosens = FALSE;

	if (!after)
		loosens = before && losing_loosens(engine, before);
	else if (!before)
		loosens = gaining_loosens(engine, after);
	else {
		const NgCourse was = course_of(engine, before->id, before);
		const NgCourse will_be = course_of(engine, after->id, after);

		loosens = ng_course_loosens(&was, &will_be, ng_now()) || sharing_loosens(engine, before, after) ||
			  (!has_all(before, after) && gaining_loosens(engine, after)) ||
			  (!has_all(after, before) && losing_loosens(engine, before));
	}
	return loosens ? NG_ACTION_LOOSEN : NG_ACTION_TIGHTEN;
}

NgAction ng_change_of_app(NgEngine *engine, const NgPolicyApp *after)
{
	return change_of(engine, ng_policy_find(engine->policy, after->id), after);
}

NgAction ng_change_of_forgetting(NgEngine *engine, const NgPolicyApp *app)
{
	g_auto(NgFingerprint) now = ng_fingerprints_of(engine->fingerprints, app->id);

	/* Forgetting it and deciding anew would be an approval of what its files are now. */
	if (now.changed && now.changed->len > 0)
		return NG_ACTION_LOOSEN;
	return change_of(engine, app, ng_policy_below(engine->policy, app->id));
}

NgAction ng_change_of_mode(guint32 before, guint32 after)
{
	if (after == NG_MODE_PANIC || before == after)
		return NG_ACTION_TIGHTEN;
	if (after == NG_MODE_PAUSED)
		return NG_ACTION_PAUSE;
	return before == NG_MODE_PANIC ? NG_ACTION_LOOSEN : NG_ACTION_TIGHTEN;
}
