/* SPDX-License-Identifier: MIT */
/*
 * Approve: the present files of an application are the ones meant. Reading them takes a moment, so the call is answered
 * later; it is recorded when it is done, by whom and with both fingerprints.
 */
#include "guardd/audit.h"
#include "guardd/fingerprints.h"
#include "guardd/found.h"
#include "guardd/methods.h"

typedef struct {
	NgEngine *engine;
	NgCall *call;
	char *before; /* JSON */
	char *reason, *origin;
} Approve;

static char *approve_json(NgEngine *engine, const char *id)
{
	g_auto(NgFingerprint) now = ng_fingerprints_of(engine->fingerprints, id);

	return g_strdup_printf("{\"fingerprint\":\"%s\",\"changed\":%u}", now.fingerprint ? now.fingerprint : "",
			       now.changed ? now.changed->len : 0);
}

static void approve_answer(Approve *approve, const char *id)
{
	g_auto(NgFingerprint) now = ng_fingerprints_of(approve->engine->fingerprints, id);
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	ng_vardict_add(&builder, "id", "s", id);
	ng_vardict_add(&builder, "fingerprint", "s", now.fingerprint ? now.fingerprint : "");
	ng_call_return(approve->call, g_variant_new("(@a{sv})", g_variant_builder_end(&builder)));
}

static void approve_done(const char *id, const char *failure, gpointer data)
{
	Approve *approve = data;
	g_autofree char *after = approve_json(approve->engine, id);

	if (!failure || !g_str_equal(approve->before, after))
		ng_audit_record(approve->engine->auditor, &(NgAudit){ .uid = ng_call_uid(approve->call),
								      .auth = ng_call_auth(approve->call),
								      .action = "approve",
								      .app = id,
								      .before = approve->before,
								      .after = after,
								      .reason = approve->reason,
								      .origin = approve->origin });
	if (failure)
		ng_call_fail(approve->call, NG_API_ERROR_FAILED, "%s", failure);
	else
		approve_answer(approve, id);
	g_free(approve->before);
	g_free(approve->reason);
	g_free(approve->origin);
	g_free(approve);
}

void ng_method_approve(NgCall *call, GVariant *parameters, gpointer user_data)
{
	NgEngine *engine = user_data;
	g_autoptr(GVariant) dict = NULL, passphrase = NULL, reason = NULL, origin = NULL;
	const NgOption known[] = { { "passphrase", "s", &passphrase },
				   { "reason", "s", &reason },
				   { "origin", "s", &origin } };
	g_autofree char *why = NULL, *from = NULL, *id = NULL;
	const NgPolicyApp *app;
	const char *text;
	Approve *approve;

	g_variant_get(parameters, "(&s@a{sv})", &text, &dict);
	if (ng_method_is_busy(call, engine) || !ng_method_options(call, dict, known, G_N_ELEMENTS(known)) ||
	    !ng_method_why(call, reason, origin, &why, &from))
		return;
	app = ng_policy_resolve(engine->policy, text);
	if (!app) {
		ng_call_fail(call, NG_API_ERROR_UNKNOWN,
			     "There is no application “%s”. See netguard list for the names.", text);
		return;
	}
	id = g_strdup(app->id);
	/* Those that are there now: a change may not have been noticed yet. */
	if (ng_found_again(engine->found, app)) {
		ng_engine_policy_changed(engine, FALSE);
		ng_loads_request(engine->loads, FALSE, NULL, NULL);
	}
	approve = g_new0(Approve, 1);
	*approve = (Approve){ engine, call, approve_json(engine, id), g_steal_pointer(&why), g_steal_pointer(&from) };
	ng_fingerprints_approve(engine->fingerprints, id, approve_done, approve);
}
