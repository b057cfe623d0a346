/* SPDX-License-Identifier: MIT */
/*
 * Who has a file (see claims.h). Profiles and allowances are the image's, not the policy's: what is compiled has its
 * end considered. Engine, without privilege; nothing is looked at on disk.
 */
#include "guardd/claims.h"

#include <string.h>

#include "guardd/found.h"
#include "guardd/loads.h"

/* An application of the policy as it is in the latest image. FALSE: it is not. */
static gboolean claimant_of(NgEngine *engine, const NgPolicyApp *app, NgClaimant *ret_claimant)
{
	const struct ng_app *rules = ng_loads_rules(engine->loads, ng_image_app_key(app->id, strlen(app->id)));

	if (!rules)
		return FALSE;
	*ret_claimant = (NgClaimant){ *rules, app->layer, app->id };
	return TRUE;
}

/* Who else has this file of `app`; NULL: nobody else, or it is not known. */
static const NgPolicyApp *other_owner(NgEngine *engine, const NgPolicyApp *app, const NgIdentityFile *file)
{
	const guint64 key = ng_loads_app_key_of_file(engine->loads, &file->key);
	g_autofree char *id = NULL;
	const char *text;
	gsize length;

	text = key ? ng_loads_id(engine->loads, key, &length) : NULL;
	id = text ? g_strndup(text, length) : NULL;
	return id && !g_str_equal(id, app->id) ? ng_policy_find(engine->policy, id) : NULL;
}

static char *lost_text(const NgIdentityFile *file, const NgClaimant *winner, const NgClaimant *loser)
{
	g_autofree char *path = g_utf8_make_valid(file->path, -1);
	const char *profile = winner->rules.profile == NG_PROFILE_OFFLINE ? "Offline"
			      : winner->rules.profile == NG_PROFILE_LOCAL ? "Local"
									  : "Online";

	return g_strdup_printf(
		"“%s” and “%s” both claim the file that %s is. It answers to “%s”, which is %s, because %s.",
		winner->id, loser->id, path, winner->id, profile, ng_claimant_why(winner, loser));
}

const NgPolicyApp *ng_claims_owner(NgEngine *engine, const NgPolicyApp *app, const char *path, char **ret_why)
{
	const GArray *files = ng_found_files(engine->found, app->id);
	NgClaimant winner, loser;

	for (guint i = 0; files && i < files->len; i++) {
		const NgIdentityFile *file = &g_array_index(files, NgIdentityFile, i);
		const NgPolicyApp *owner = g_str_equal(file->path, path) ? other_owner(engine, app, file) : NULL;

		if (!owner || !claimant_of(engine, owner, &winner) || !claimant_of(engine, app, &loser))
			continue;
		if (ret_why)
			*ret_why = lost_text(file, &winner, &loser);
		return owner;
	}
	return app;
}

char *ng_claims_lost(NgEngine *engine, const NgPolicyApp *app, gboolean *ret_is_void)
{
	const GArray *files = ng_found_files(engine->found, app->id);
	g_autofree char *first = NULL;
	NgClaimant winner, loser;
	guint n_lost = 0, n_changed = 0;

	*ret_is_void = FALSE;
	if (!files || !claimant_of(engine, app, &loser))
		return NULL;
	for (guint i = 0; i < files->len; i++) {
		const NgIdentityFile *file = &g_array_index(files, NgIdentityFile, i);
		const NgPolicyApp *owner = other_owner(engine, app, file);

		if (!owner || !claimant_of(engine, owner, &winner))
			continue;
		n_lost++;
		n_changed += winner.rules.profile != loser.rules.profile;
		if (!first)
			first = lost_text(file, &winner, &loser);
	}
	*ret_is_void = n_changed > 0 && n_changed == files->len;
	if (n_lost > 1)
		return g_strdup_printf("%s %u more of its files answer to others.", first, n_lost - 1);
	return g_steal_pointer(&first);
}
