/* SPDX-License-Identifier: MIT */
/*
 * SetProfile, Forget and Reload. A change is stored first, then put in force, then answered; it is recorded when it is
 * stored. Whether the caller may is asked last, by what the change would do now (authority.h).
 */
#include <string.h>

#include "guardd/audit.h"
#include "guardd/authority.h"
#include "guardd/change.h"
#include "guardd/claims.h"
#include "guardd/fingerprints.h"
#include "guardd/methods.h"
#include "guardd/spans.h"
#include "guardd/store.h"

#define MAX_UNTIL G_GINT64_CONSTANT(253402300799) /* the year 9999 */

/* A call whose change is stored and waits for its load. */
typedef struct {
	NgEngine *engine;
	NgCall *call;
	char *id;
	const char *before; /* profile's word, static, or "" */
	gboolean created;
} Change;

typedef struct {
	GVariant *until, *then, *span, *reason, *allow, *children, *name, *origin, *passphrase;
} SetOptions;

static void set_options_clear(SetOptions *options)
{
	g_clear_pointer(&options->until, g_variant_unref);
	g_clear_pointer(&options->then, g_variant_unref);
	g_clear_pointer(&options->span, g_variant_unref);
	g_clear_pointer(&options->reason, g_variant_unref);
	g_clear_pointer(&options->allow, g_variant_unref);
	g_clear_pointer(&options->children, g_variant_unref);
	g_clear_pointer(&options->name, g_variant_unref);
	g_clear_pointer(&options->origin, g_variant_unref);
	g_clear_pointer(&options->passphrase, g_variant_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SetOptions, set_options_clear)

static const char *word(guint8 profile)
{
	const char *text = profile ? ng_policy_profile_text(profile) : NULL;

	return text ? text : "";
}

/* Of a load that succeeded, for `app`: when another application has its files, what was decided does not hold for them,
 * and that is said. The warning is owned by *ret_text. */
static NgLoadResult set_result(NgEngine *engine, const NgPolicyApp *app, const NgLoadResult *result, char **ret_text)
{
	NgLoadResult told = *result;
	gboolean is_void = FALSE;
	g_autofree char *lost = app ? ng_claims_lost(engine, app, &is_void) : NULL;

	if (!lost)
		return told;
	told.enforced = result->enforced && !is_void;
	*ret_text = *result->warning ? g_strconcat(result->warning, " ", lost, NULL) : g_steal_pointer(&lost);
	told.warning = *ret_text;
	return told;
}

static void set_answer(const NgLoadResult *result, gpointer data)
{
	Change *change = data;
	const NgPolicyApp *app = ng_policy_find(change->engine->policy, change->id);
	g_autofree char *text = NULL;
	const NgLoadResult told = set_result(change->engine, app, result, &text);
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	ng_vardict_add(&builder, "id", "s", change->id);
	ng_vardict_add(&builder, "created", "b", change->created);
	ng_vardict_add(&builder, "profile", "s", word(app ? app->profile : change->engine->settings.default_profile));
	ng_vardict_add(&builder, "before", "s", change->before);
	if (app) {
		ng_vardict_add(&builder, "allow", "^as", app->allow_texts);
		ng_vardict_add(&builder, "children", "s", app->flags & NG_APP_CHILDREN_OWN ? "own" : "inherit");
	}
	ng_method_add_load(&builder, &told);
	ng_call_return(change->call, g_variant_new("(@a{sv})", g_variant_builder_end(&builder)));
	g_free(change->id);
	g_free(change);
}

static void forget_answer(const NgLoadResult *result, gpointer data)
{
	Change *change = data;
	const NgPolicyApp *app = ng_policy_find(change->engine->policy, change->id);
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	ng_vardict_add(&builder, "id", "s", change->id);
	ng_vardict_add(&builder, "now", "s", word(app ? app->profile : change->engine->settings.default_profile));
	ng_vardict_add(&builder, "before", "s", change->before);
	ng_method_add_load(&builder, result);
	ng_call_return(change->call, g_variant_new("(@a{sv})", g_variant_builder_end(&builder)));
	g_free(change->id);
	g_free(change);
}

static Change *change_new(NgEngine *engine, NgCall *call, const char *id, guint8 before, gboolean created)
{
	Change *change = g_new0(Change, 1);

	*change = (Change){ engine, call, g_strdup(id), word(before), created };
	return change;
}

/* An application nobody has decided on yet, for this path. */
static NgPolicyApp *app_for_path(NgEngine *engine, const char *path)
{
	g_autofree char *id = ng_policy_new_id(engine->policy, path);
	g_autofree char *name = g_path_get_basename(path);
	NgPolicyApp *app = ng_policy_app_new(id);
	const char *executables[] = { path, NULL };

	g_free(app->name);
	app->name = g_utf8_make_valid(name, -1);
	g_strfreev(app->executables);
	app->executables = g_strdupv((char **)executables);
	return app;
}

/* What it lasts as long as; which boot and which processes are meant is filled in by ng_span_begin(). */
static gboolean set_span(NgCall *call, NgPolicyApp *app, const char *text, gint64 until)
{
	app->span = ng_policy_span_from_text(text);
	app->since_ms = 0;
	app->boot[0] = '\0';
	if (*text && app->span == NG_SPAN_NONE) {
		ng_call_fail(call, NG_API_ERROR_INVALID, "“while” must be running or boot, not “%s”.", text);
		return FALSE;
	}
	if (app->span != NG_SPAN_NONE && until != 0) {
		ng_call_fail(call, NG_API_ERROR_INVALID,
			     "“until” and “while” are two ends for one decision. Give one of them.");
		return FALSE;
	}
	return TRUE;
}

static gboolean set_end(NgCall *call, NgPolicyApp *app, guint8 before, const SetOptions *options)
{
	const gint64 until = options->until ? g_variant_get_int64(options->until) : 0;
	const char *then = ng_option_text(options->then, NULL);

	app->until = until;
	app->then = 0;
	if (!set_span(call, app, ng_option_text(options->span, ""), until))
		return FALSE;
	if (until == 0 && app->span == NG_SPAN_NONE) {
		if (!then)
			return TRUE;
		ng_call_fail(call, NG_API_ERROR_INVALID,
			     "“then” says what follows an end, and there is none: give “until” or “while”.");
		return FALSE;
	}
	if (app->span == NG_SPAN_NONE && (until <= ng_now() || until > MAX_UNTIL)) {
		ng_call_fail(call, NG_API_ERROR_INVALID, "The end lies in the past, or too far away.");
		return FALSE;
	}
	app->then = then ? ng_policy_profile_from_text(then) : before;
	if (then && *then && app->then == 0) {
		ng_call_fail(call, NG_API_ERROR_INVALID, "“then” must be offline, local, online or empty, not “%s”.",
			     then);
		return FALSE;
	}
	return TRUE;
}

static gboolean set_children(NgCall *call, NgPolicyApp *app, GVariant *children)
{
	const char *text = ng_option_text(children, NULL);

	if (g_strcmp0(text, "own") == 0) {
		app->flags |= NG_APP_CHILDREN_OWN;
	} else if (g_strcmp0(text, "inherit") == 0) {
		app->flags &= (guint8)~NG_APP_CHILDREN_OWN;
	} else if (text) {
		ng_call_fail(call, NG_API_ERROR_INVALID, "“children” must be own or inherit, not “%s”.", text);
		return FALSE;
	}
	return TRUE;
}

/* Nobody is called what another is called: whoever says that name would mean neither. FALSE: answered. */
static gboolean set_name(NgEngine *engine, NgCall *call, NgPolicyApp *app, const char *name)
{
	const NgPolicyApp *other =
		g_str_equal(name, app->name) ? NULL : ng_policy_called(engine->policy, name, app->id);

	if (other) {
		ng_call_fail(call, NG_API_ERROR_CONFLICT, "“%s” is called “%s” already. Choose another name.",
			     other->id, name);
		return FALSE;
	}
	g_free(app->name);
	app->name = g_strdup(name);
	return TRUE;
}

/* What the options say, into `app`. FALSE: answered. */
static gboolean set_fields(NgEngine *engine, NgCall *call, NgPolicyApp *app, guint8 before, const SetOptions *options,
			   const char *reason)
{
	g_autoptr(GError) error = NULL;

	if (!set_end(call, app, before, options) || !set_children(call, app, options->children))
		return FALSE;
	if (options->allow) {
		g_auto(GStrv) texts = g_variant_dup_strv(options->allow, NULL);

		if (!ng_policy_app_set_allow(app, (const char *const *)texts, &error)) {
			ng_method_fail(call, error);
			return FALSE;
		}
	}
	if (options->name && !set_name(engine, call, app, g_variant_get_string(options->name, NULL)))
		return FALSE;
	g_free(app->reason);
	app->reason = *reason ? g_strdup(reason) : NULL;
	return TRUE;
}

static void set_store(NgEngine *engine, NgCall *call, const NgPolicyApp *found, NgPolicyApp *app, const char *reason,
		      const char *origin)
{
	g_autoptr(NgPolicyApp) before = found ? ng_policy_app_copy(found) : NULL;
	g_autoptr(GError) error = NULL;

	if (!ng_store_app(engine->store, app, &error)) {
		ng_method_fail(call, error);
		return;
	}
	ng_audit_change(engine->auditor, ng_call_uid(call), ng_call_auth(call), "set", before,
			ng_policy_find(engine->policy, app->id), reason, origin);
	ng_fingerprints_decided(engine->fingerprints, app->id);
	ng_engine_policy_changed(engine, before == NULL);
	ng_loads_request(engine->loads, FALSE, set_answer,
			 change_new(engine, call, app->id, before ? before->profile : 0, before == NULL));
}

void ng_method_set_profile(NgCall *call, GVariant *parameters, gpointer user_data)
{
	NgEngine *engine = user_data;
	g_auto(SetOptions) options = { 0 };
	const NgOption known[] = { { "until", "x", &options.until },
				   { "then", "s", &options.then },
				   { "while", "s", &options.span },
				   { "reason", "s", &options.reason },
				   { "allow", "as", &options.allow },
				   { "children", "s", &options.children },
				   { "name", "s", &options.name },
				   { "origin", "s", &options.origin },
				   { "passphrase", "s", &options.passphrase } };
	g_autoptr(GVariant) dict = NULL;
	g_autoptr(NgPolicyApp) app = NULL;
	g_autofree char *reason = NULL, *origin = NULL;
	const NgPolicyApp *found;
	const char *text, *profile;
	guint8 before;

	g_variant_get(parameters, "(&s&s@a{sv})", &text, &profile, &dict);
	if (ng_method_is_busy(call, engine) || !ng_method_options(call, dict, known, G_N_ELEMENTS(known)) ||
	    !ng_method_why(call, options.reason, options.origin, &reason, &origin) ||
	    !ng_method_resolve(call, engine, text, &found) || ng_method_is_managed(call, found))
		return;
	app = found ? ng_policy_app_copy(found) : app_for_path(engine, text);
	/* What an earlier end would have come back to is what it was before. */
	before =
		found && (found->until > 0 || found->span != NG_SPAN_NONE) ? found->then : (found ? found->profile : 0);
	app->profile = ng_policy_profile_from_text(profile);
	if (app->profile == 0) {
		ng_call_fail(call, NG_API_ERROR_INVALID, "The profile must be offline, local or online, not “%s”.",
			     profile);
		return;
	}
	if (set_fields(engine, call, app, before, &options, reason) &&
	    ng_authority_allows(engine, call, ng_change_of_app(engine, app)) && ng_span_begin(engine, call, app))
		set_store(engine, call, found, app, reason, origin);
}

void ng_method_forget(NgCall *call, GVariant *parameters, gpointer user_data)
{
	NgEngine *engine = user_data;
	g_autoptr(GVariant) dict = NULL, reason = NULL, origin = NULL, passphrase = NULL;
	const NgOption known[] = { { "reason", "s", &reason },
				   { "origin", "s", &origin },
				   { "passphrase", "s", &passphrase } };
	g_autofree char *why = NULL, *from = NULL;
	g_autoptr(NgPolicyApp) before = NULL;
	g_autoptr(GError) error = NULL;
	const NgPolicyApp *app;
	const char *text;

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
	if (ng_method_is_managed(call, app) || !ng_authority_allows(engine, call, ng_change_of_forgetting(engine, app)))
		return;
	before = ng_policy_app_copy(app);
	if (!ng_store_forget(engine->store, before->id, &error)) {
		ng_method_fail(call, error);
		return;
	}
	ng_audit_change(engine->auditor, ng_call_uid(call), ng_call_auth(call), "forget", before,
			ng_policy_find(engine->policy, before->id), why, from);
	ng_engine_policy_changed(engine, TRUE);
	ng_loads_request(engine->loads, FALSE, forget_answer,
			 change_new(engine, call, before->id, before->profile, FALSE));
}

static void reload_answer(const NgLoadResult *result, gpointer data)
{
	Change *change = data;
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&builder, "{sv}", "problems", ng_method_problems(change->engine));
	ng_method_add_load(&builder, result);
	ng_call_return(change->call, g_variant_new("(@a{sv})", g_variant_builder_end(&builder)));
	g_free(change->id);
	g_free(change);
}

void ng_method_reload(NgCall *call, GVariant *parameters, gpointer user_data)
{
	NgEngine *engine = user_data;

	if (ng_method_is_busy(call, engine))
		return;
	ng_engine_look_again(engine);
	if (ng_engine_reload(engine))
		ng_engine_policy_changed(engine, TRUE);
	ng_loads_request(engine->loads, TRUE, reload_answer, change_new(engine, call, NULL, 0, FALSE));
}
