/* SPDX-License-Identifier: MIT */
/* The table of methods (see methods.h), and what handlers share: options, errors, the result of a load. */
#include "guardd/methods.h"

#include <string.h>

const NgMethod ng_methods[] = {
	{ "GetStatus", NG_ACTION_EVERYONE, ng_method_get_status },
	{ "Check", NG_ACTION_EVERYONE, ng_method_check },
	{ "ListApps", NG_ACTION_EVERYONE, ng_method_list_apps },
	{ "GetApp", NG_ACTION_EVERYONE, ng_method_get_app },
	{ "SetProfile", NG_ACTION_CHANGE, ng_method_set_profile },
	{ "Forget", NG_ACTION_CHANGE, ng_method_forget },
	{ "Explain", NG_ACTION_EVERYONE, ng_method_explain },
	{ "ListRunning", NG_ACTION_EVERYONE, ng_method_list_running },
	{ "GetAttempts", NG_ACTION_EVERYONE, ng_method_get_attempts },
	{ "GetConnections", NG_ACTION_EVERYONE, ng_method_get_connections },
	{ "GetAllConnections", NG_ACTION_OBSERVE, ng_method_get_all_connections },
	{ "GetAudit", NG_ACTION_AUDIT, ng_method_get_audit },
	{ "VerifyAudit", NG_ACTION_AUDIT, ng_method_verify_audit },
	{ "Pause", NG_ACTION_PAUSE, ng_method_pause },
	{ "Resume", NG_ACTION_CHANGE, ng_method_resume },
	{ "Panic", NG_ACTION_TIGHTEN, ng_method_panic },
	{ "Export", NG_ACTION_EVERYONE, ng_method_export },
	{ "Import", NG_ACTION_CHANGE, ng_method_import },
	{ "Reload", NG_ACTION_CONFIGURE, ng_method_reload },
	{ "GetPermissions", NG_ACTION_EVERYONE, ng_method_get_permissions },
	{ "GetLock", NG_ACTION_EVERYONE, ng_method_get_lock },
	{ "SetLock", NG_ACTION_CONFIGURE, ng_method_set_lock },
	{ "Unlock", NG_ACTION_EVERYONE, ng_method_unlock },
	{ "Lock", NG_ACTION_EVERYONE, ng_method_lock },
	{ "GetActivity", NG_ACTION_EVERYONE, ng_method_get_activity },
	{ "Approve", NG_ACTION_LOOSEN, ng_method_approve },
	{ "GetSettings", NG_ACTION_EVERYONE, ng_method_get_settings },
	{ "SetSettings", NG_ACTION_CONFIGURE, ng_method_set_settings },
};
const gsize ng_n_methods = G_N_ELEMENTS(ng_methods);

static const NgOption *option_find(const NgOption *known, gsize n, const char *key)
{
	for (gsize i = 0; i < n; i++) {
		if (g_str_equal(known[i].key, key))
			return &known[i];
	}
	return NULL;
}

gboolean ng_method_options(NgCall *call, GVariant *options, const NgOption *known, gsize n)
{
	GVariantIter iter;
	const char *key;
	GVariant *value;

	g_variant_iter_init(&iter, options);
	while (g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
		const NgOption *option = option_find(known, n, key);

		if (!option || *option->ret_value || !g_variant_is_of_type(value, G_VARIANT_TYPE(option->type))) {
			if (!option)
				ng_call_fail(call, NG_API_ERROR_INVALID, "“%s” is not an option of %s.", key,
					     ng_call_method(call));
			else if (*option->ret_value)
				ng_call_fail(call, NG_API_ERROR_INVALID, "The option “%s” was given twice.", key);
			else
				ng_call_fail(call, NG_API_ERROR_INVALID, "The option “%s” must be of the type %s.", key,
					     option->type);
			g_variant_unref(value);
			return FALSE;
		}
		*option->ret_value = value;
	}
	return TRUE;
}

const char *ng_option_text(GVariant *value, const char *otherwise)
{
	return value ? g_variant_get_string(value, NULL) : otherwise;
}

gboolean ng_method_why(NgCall *call, GVariant *reason, GVariant *origin, char **ret_reason, char **ret_origin)
{
	const char *why = ng_option_text(reason, ""), *from = ng_option_text(origin, "command");

	if (strlen(why) > NG_METHOD_MAX_REASON) {
		ng_call_fail(call, NG_API_ERROR_INVALID, "The reason is longer than %d bytes.", NG_METHOD_MAX_REASON);
		return FALSE;
	}
	if (!g_str_equal(from, "command") && !g_str_equal(from, "window")) {
		ng_call_fail(call, NG_API_ERROR_INVALID, "The origin must be command or window, not “%s”.", from);
		return FALSE;
	}
	*ret_reason = g_strdup(why);
	*ret_origin = g_strdup(from);
	return TRUE;
}

void ng_method_fail(NgCall *call, const GError *error)
{
	const char *name = NG_API_ERROR_FAILED;

	if (error->domain == NG_POLICY_ERROR) {
		switch ((NgPolicyError)error->code) {
		case NG_POLICY_ERROR_SYNTAX:
		case NG_POLICY_ERROR_VALUE:
			name = NG_API_ERROR_INVALID;
			break;
		case NG_POLICY_ERROR_LIMIT:
			name = NG_API_ERROR_LIMIT;
			break;
		case NG_POLICY_ERROR_MANAGED:
			name = NG_API_ERROR_MANAGED;
			break;
		case NG_POLICY_ERROR_UNKNOWN:
			name = NG_API_ERROR_UNKNOWN;
			break;
		case NG_POLICY_ERROR_CONFLICT:
			name = NG_API_ERROR_CONFLICT;
			break;
		case NG_POLICY_ERROR_IO:
			break;
		}
	}
	ng_call_fail(call, name, "%s", error->message);
}

void ng_method_add_load(GVariantBuilder *builder, const NgLoadResult *result)
{
	g_autofree char *warning = g_utf8_make_valid(result->warning, -1);

	ng_vardict_add(builder, "enforced", "b", result->enforced);
	ng_vardict_add(builder, "closed", "u", result->closed);
	ng_vardict_add(builder, "not-closed", "u", result->not_closed);
	ng_vardict_add(builder, "enforced-ns", "t", result->enforced_ns);
	ng_vardict_add(builder, "warning", "s", warning);
}

static void problems_add(GVariantBuilder *list, GPtrArray *problems)
{
	for (guint i = 0; problems && i < problems->len; i++) {
		const NgPolicyProblem *problem = g_ptr_array_index(problems, i);
		g_autofree char *path = g_utf8_make_valid(problem->path, -1);
		g_autofree char *message = g_utf8_make_valid(problem->message, -1);
		GVariantBuilder dict;

		g_variant_builder_init(&dict, G_VARIANT_TYPE_VARDICT);
		ng_vardict_add(&dict, "path", "s", path);
		ng_vardict_add(&dict, "line", "u", problem->line);
		ng_vardict_add(&dict, "column", "u", problem->column);
		ng_vardict_add(&dict, "message", "s", message);
		ng_vardict_add(&dict, "kept", "b", problem->kept);
		g_variant_builder_add_value(list, g_variant_builder_end(&dict));
	}
}

GVariant *ng_method_problems(NgEngine *engine)
{
	GVariantBuilder list;

	g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
	problems_add(&list, ng_policy_problems(engine->policy));
	for (int i = 0; i < NG_PROBLEM_SOURCES; i++)
		problems_add(&list, engine->problems[i]);
	return g_variant_builder_end(&list);
}

gboolean ng_method_resolve(NgCall *call, NgEngine *engine, const char *text, const NgPolicyApp **ret_app)
{
	const NgPolicyApp *app = ng_policy_resolve(engine->policy, text);

	if (!app && *text != '/') {
		ng_call_fail(call, NG_API_ERROR_UNKNOWN,
			     "There is no application “%s”. Give its path, or see netguard list for the names.", text);
		return FALSE;
	}
	*ret_app = app;
	return TRUE;
}

gboolean ng_method_is_managed(NgCall *call, const NgPolicyApp *app)
{
	if (!app || app->layer != NG_LAYER_ADMIN)
		return FALSE;
	ng_call_fail(call, NG_API_ERROR_MANAGED,
		     "“%s” is decided by the administrator in %s. Ask them to change it there.", app->id, app->path);
	return TRUE;
}

gboolean ng_method_is_busy(NgCall *call, NgEngine *engine)
{
	if (!engine->import)
		return FALSE;
	ng_call_fail(call, NG_API_ERROR_FAILED, "An import is under way. Try again when it has ended.");
	return TRUE;
}
