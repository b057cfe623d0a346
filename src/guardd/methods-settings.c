/* SPDX-License-Identifier: MIT */
/*
 * GetSettings and SetSettings. What is set goes through the parser of the settings file: there is one set of rules for
 * what a value may be. Stored, recorded, put in force, answered, in this order.
 */
#include <string.h>

#include "guardd/audit.h"
#include "guardd/authority.h"
#include "guardd/configuration.h"
#include "guardd/loosening.h"
#include "guardd/methods.h"

typedef struct {
	NgEngine *engine;
	NgCall *call;
} Change;

void ng_method_get_settings(NgCall *call, GVariant *parameters, gpointer user_data)
{
	NgEngine *engine = user_data;
	g_auto(GStrv) allow = ng_settings_allow_words(&engine->settings);
	GVariantBuilder builder, managed;

	g_variant_builder_init(&managed, G_VARIANT_TYPE("as"));
	for (guint i = 0; i < NG_SETTINGS; i++) {
		if (engine->settings_admin.given & NG_SETTING_BIT(i))
			g_variant_builder_add(&managed, "s", ng_setting_names[i]);
	}
	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	ng_vardict_add(&builder, ng_setting_names[NG_SETTING_PROFILE], "s",
		       ng_policy_profile_text(engine->settings.default_profile));
	ng_vardict_add(&builder, ng_setting_names[NG_SETTING_ALLOW], "^as", allow);
	ng_vardict_add(&builder, ng_setting_names[NG_SETTING_AGE], "u", ng_settings_age_days(&engine->settings));
	ng_vardict_add(&builder, ng_setting_names[NG_SETTING_SIZE], "u", ng_settings_size_mb(&engine->settings));
	ng_vardict_add(&builder, "managed", "as", &managed);
	ng_call_return(call, g_variant_new("(@a{sv})", g_variant_builder_end(&builder)));
}

static void set_answer(const NgLoadResult *result, gpointer data)
{
	g_autofree Change *change = data;
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	ng_vardict_add(&builder, "state", "s", ng_mode_text(change->engine->mode.mode));
	ng_vardict_add(&builder, "paused-until", "x", change->engine->mode.paused_until);
	ng_method_add_load(&builder, result);
	ng_call_return(change->call, g_variant_new("(@a{sv})", g_variant_builder_end(&builder)));
}

/* The value as it would stand in the file. Owned by the caller. */
static char *value_text(GVariant *value)
{
	g_autofree const char **words = NULL;

	if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING))
		return g_variant_dup_string(value, NULL);
	if (g_variant_is_of_type(value, G_VARIANT_TYPE_UINT32))
		return g_strdup_printf("%u", g_variant_get_uint32(value));
	words = g_variant_get_strv(value, NULL);
	return g_strjoinv(";", (char **)words);
}

/* What the call says, into *user. FALSE: answered. */
static gboolean settings_take(NgCall *call, NgEngine *engine, GVariant *values[NG_SETTINGS], NgSettings *user)
{
	gboolean any = FALSE;

	for (guint i = 0; i < NG_SETTINGS; i++) {
		g_autofree char *text = values[i] ? value_text(values[i]) : NULL;
		g_autoptr(GError) error = NULL;

		any |= text != NULL;
		if (text && (engine->settings_admin.given & NG_SETTING_BIT(i))) {
			ng_call_fail(call, NG_API_ERROR_MANAGED,
				     "%s is decided by the administrator in %s/" NG_SETTINGS_FILE
				     ". Ask for it to be changed there.",
				     ng_setting_names[i], engine->options->config);
			return FALSE;
		}
		if (text && !ng_settings_set(user, (NgSetting)i, text, &error)) {
			ng_call_fail(call, NG_API_ERROR_INVALID, "%s: %s", ng_setting_names[i], error->message);
			return FALSE;
		}
	}
	if (!any)
		ng_call_fail(call, NG_API_ERROR_INVALID, "No setting was given. See GetSettings for their names.");
	return any;
}

static gboolean settings_loosen(const NgSettings *before, const NgSettings *after)
{
	const NgPermit was = ng_permit_of_default(before->default_profile, before->default_flags);
	const NgPermit is = ng_permit_of_default(after->default_profile, after->default_flags);

	/* A class that is added while the default is Online would be open when it no longer is. */
	return (is.flags & ~was.flags) != 0 || !ng_permit_within(&is, &was);
}

static void settings_set(NgEngine *engine, NgCall *call, const NgSettings *user, const char *reason, const char *origin)
{
	const NgSettings after = ng_settings_merge(user, &engine->settings_admin);
	g_autofree char *was = ng_configuration_json(&engine->settings), *is = ng_configuration_json(&after);
	g_autoptr(GError) error = NULL;
	Change *change;

	if (settings_loosen(&engine->settings, &after) && !ng_authority_allows(engine, call, NG_ACTION_LOOSEN))
		return;
	if (!ng_configuration_store(engine, user, &error)) {
		ng_call_fail(call, NG_API_ERROR_FAILED, "The settings could not be stored: %s. Nothing has changed.",
			     error->message);
		return;
	}
	ng_audit_record(engine->auditor, &(NgAudit){ .uid = ng_call_uid(call),
						     .auth = ng_call_auth(call),
						     .action = "config",
						     .before = was,
						     .after = is,
						     .reason = reason,
						     .origin = origin });
	change = g_new(Change, 1);
	*change = (Change){ engine, call };
	ng_loads_request(engine->loads, FALSE, set_answer, change);
}

void ng_method_set_settings(NgCall *call, GVariant *parameters, gpointer user_data)
{
	NgEngine *engine = user_data;
	g_autoptr(GVariant) settings = NULL, options = NULL, reason = NULL, origin = NULL, passphrase = NULL;
	g_autoptr(GVariant) profile = NULL, allow = NULL, age = NULL, size = NULL;
	const NgOption known[] = { { ng_setting_names[NG_SETTING_PROFILE], "s", &profile },
				   { ng_setting_names[NG_SETTING_ALLOW], "as", &allow },
				   { ng_setting_names[NG_SETTING_AGE], "u", &age },
				   { ng_setting_names[NG_SETTING_SIZE], "u", &size } };
	const NgOption known_options[] = { { "passphrase", "s", &passphrase },
					   { "reason", "s", &reason },
					   { "origin", "s", &origin } };
	g_autofree char *why = NULL, *from = NULL;
	NgSettings user = engine->settings_user;

	g_variant_get(parameters, "(@a{sv}@a{sv})", &settings, &options);
	if (!ng_method_options(call, settings, known, G_N_ELEMENTS(known)) ||
	    !ng_method_options(call, options, known_options, G_N_ELEMENTS(known_options)) ||
	    !ng_method_why(call, reason, origin, &why, &from))
		return;
	if (settings_take(call, engine, (GVariant *[NG_SETTINGS]){ profile, allow, age, size }, &user))
		settings_set(engine, call, &user, why, from);
}
