/* SPDX-License-Identifier: MIT */
/* Pause, Resume and Panic: what overrides every profile. Stored before it is in force, so that it survives a restart.
 */
#include "guardd/audit.h"
#include "guardd/authority.h"
#include "guardd/change.h"
#include "guardd/methods.h"
#include "guardd/truth.h"

#define MAX_PAUSE_S 86400

typedef struct {
	NgEngine *engine;
	NgCall *call;
	char *warning; /* besides the load's; NULL: none */
} Change;

static void mode_answer(const NgLoadResult *result, gpointer data)
{
	Change *change = data;
	g_autofree char *warning = change->warning ? g_strdup_printf("%s %s", change->warning, result->warning)
						   : g_strdup(result->warning);
	const NgLoadResult full = { result->enforced, result->closed, result->not_closed, result->enforced_ns,
				    warning };
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	ng_vardict_add(&builder, "state", "s", ng_mode_text(change->engine->mode.mode));
	ng_vardict_add(&builder, "paused-until", "x", change->engine->mode.paused_until);
	ng_method_add_load(&builder, &full);
	ng_call_return(change->call, g_variant_new("(@a{sv})", g_variant_builder_end(&builder)));
	g_free(change->warning);
	g_free(change);
}

static char *mode_json(const NgMode *mode)
{
	return g_strdup_printf("{\"mode\":\"%s\",\"until\":%" G_GINT64_FORMAT "}", ng_mode_text(mode->mode),
			       mode->paused_until);
}

static void mode_set(NgEngine *engine, NgCall *call, GVariant *options, NgMode mode, const char *action)
{
	g_autoptr(GVariant) reason = NULL, origin = NULL, passphrase = NULL;
	const NgOption known[] = { { "reason", "s", &reason },
				   { "origin", "s", &origin },
				   { "passphrase", "s", &passphrase } };
	g_autofree char *why = NULL, *from = NULL, *before = mode_json(&engine->mode), *after = mode_json(&mode);
	g_autoptr(GError) error = NULL;
	Change *change;

	if (!ng_method_options(call, options, known, G_N_ELEMENTS(known)) ||
	    !ng_method_why(call, reason, origin, &why, &from))
		return;
	change = g_new0(Change, 1);
	*change = (Change){ engine, call, NULL };
	if (!ng_engine_set_mode(engine, mode, &error))
		change->warning = g_strdup_printf("It will not survive a restart: %s.", error->message);
	ng_audit_record(engine->auditor, &(NgAudit){ .uid = ng_call_uid(call),
						     .auth = ng_call_auth(call),
						     .action = action,
						     .before = before,
						     .after = after,
						     .reason = why,
						     .origin = from });
	ng_server_signal(engine->server, "Changed", g_variant_new("(s)", "state"));
	ng_loads_request(engine->loads, FALSE, mode_answer, change);
}

void ng_method_pause(NgCall *call, GVariant *parameters, gpointer user_data)
{
	g_autoptr(GVariant) options = NULL;
	guint32 seconds;

	g_variant_get(parameters, "(u@a{sv})", &seconds, &options);
	if (seconds < 1 || seconds > MAX_PAUSE_S)
		ng_call_fail(call, NG_API_ERROR_INVALID, "A pause lasts 1 to %d seconds, not %u.", MAX_PAUSE_S,
			     seconds);
	else
		mode_set(user_data, call, options, (NgMode){ NG_MODE_PAUSED, ng_now() + seconds }, "pause");
}

void ng_method_resume(NgCall *call, GVariant *parameters, gpointer user_data)
{
	NgEngine *engine = user_data;
	g_autoptr(GVariant) options = g_variant_get_child_value(parameters, 0);

	if (ng_authority_allows(engine, call, ng_change_of_mode(engine->mode.mode, NG_MODE_NORMAL)))
		mode_set(engine, call, options, (NgMode){ NG_MODE_NORMAL, 0 }, "resume");
}

void ng_method_panic(NgCall *call, GVariant *parameters, gpointer user_data)
{
	g_autoptr(GVariant) options = g_variant_get_child_value(parameters, 0);

	mode_set(user_data, call, options, (NgMode){ NG_MODE_PANIC, 0 }, "panic");
}
