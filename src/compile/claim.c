/* SPDX-License-Identifier: MIT */
/*
 * Which of several applications has a file that all of them claim. Runs in the engine, without privilege; pure.
 *
 * The order is one of strictness, not of layers: a path may be a symbolic link that somebody exchanges after it was
 * approved, and then claims a file that nobody spoke of. By layers a user's application could so take a package's
 * program and free it. What users decide about a package's application by its id is merged before (src/policy) and
 * does not come here. Invariant: the order is total, so it does not depend on who is compared first.
 */
#include "compile/compile.h"

#include <string.h>

/* What is compared, in this order; of each the smaller has the file. */
enum { BY_LAYER, BY_PROFILE, BY_CHILDREN, BY_ALLOWANCES, RANKS };

/* The last one is what is left when all are equal. */
static const char *const reasons[RANKS + 1] = {
	[BY_LAYER] = "that is the administrator's",
	[BY_PROFILE] = "that has the stricter profile",
	[BY_CHILDREN] = "that holds what it starts to its restrictions",
	[BY_ALLOWANCES] = "that has fewer allowances",
	[RANKS] = "both are equally strict and its id sorts first",
};

NgClaimant ng_claimant_of(const NgPolicyApp *app)
{
	return (NgClaimant){
		.rules = { .profile = app->profile, .flags = app->flags, .n_allow = (guint16)app->allows->len },
		.layer = app->layer,
		.id = app->id
	};
}

static guint rank_of(const NgClaimant *claimant, guint rank)
{
	const guint8 flags = claimant->rules.flags;

	switch (rank) {
	case BY_LAYER:
		return claimant->layer != NG_LAYER_ADMIN;
	case BY_PROFILE:
		return claimant->rules.profile; /* NG_PROFILE_OFFLINE is the smallest */
	case BY_CHILDREN:
		return (flags & NG_APP_CHILDREN_OWN) != 0;
	default:
		return claimant->rules.n_allow + ((flags & NG_APP_LOOPBACK) != 0) + ((flags & NG_APP_SHARED) != 0) +
		       ((flags & NG_APP_METADATA) != 0);
	}
}

/* The first rank in which they differ, or RANKS. */
static guint first_difference(const NgClaimant *a, const NgClaimant *b)
{
	guint rank = 0;

	while (rank < RANKS && rank_of(a, rank) == rank_of(b, rank))
		rank++;
	return rank;
}

int ng_claimant_compare(const NgClaimant *a, const NgClaimant *b)
{
	const guint rank = first_difference(a, b);

	if (rank == RANKS)
		return strcmp(a->id, b->id);
	return rank_of(a, rank) < rank_of(b, rank) ? -1 : 1;
}

const char *ng_claimant_why(const NgClaimant *winner, const NgClaimant *loser)
{
	return reasons[first_difference(winner, loser)];
}
