/* SPDX-License-Identifier: MIT */
/* Export and Import (see transfer.h). */
#include "guardd/transfer.h"

#include <string.h>

#include "guardd/app-json.h"
#include "guardd/audit.h"
#include "guardd/authority.h"
#include "guardd/change.h"
#include "guardd/fingerprints.h"
#include "guardd/methods.h"
#include "guardd/store.h"

#define STEP_US 5000 /* of writing, then others have their turn */

struct _NgImport {
	NgEngine *engine;
	NgCall *call; /* NULL once answered */
	guint32 uid;
	const char *auth;
	char *reason, *origin;
	gboolean may_loosen;
	GPtrArray *apps;                        /* NgPolicyApp: what is to be written */
	GPtrArray *before;                      /* NgPolicyApp or NULL: what each was */
	guint next;                             /* the first not yet written */
	GPtrArray *added, *changed, *unchanged; /* ids, owned */
	guint source;
};

static void app_free(gpointer app)
{
	if (app)
		ng_policy_app_free(app);
}

static void import_free(NgImport *import)
{
	g_clear_handle_id(&import->source, g_source_remove);
	if (import->engine->import == import)
		import->engine->import = NULL;
	g_ptr_array_unref(import->apps);
	g_ptr_array_unref(import->before);
	g_ptr_array_unref(import->added);
	g_ptr_array_unref(import->changed);
	g_ptr_array_unref(import->unchanged);
	g_free(import->reason);
	g_free(import->origin);
	g_free(import);
}

static GVariant *ids_variant(GPtrArray *ids)
{
	return g_variant_new_strv((const char *const *)ids->pdata, ids->len);
}

static void import_answer(const NgLoadResult *result, gpointer data)
{
	NgImport *import = data;
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&builder, "{sv}", "added", ids_variant(import->added));
	g_variant_builder_add(&builder, "{sv}", "changed", ids_variant(import->changed));
	g_variant_builder_add(&builder, "{sv}", "unchanged", ids_variant(import->unchanged));
	ng_method_add_load(&builder, result);
	ng_call_return(import->call, g_variant_new("(@a{sv})", g_variant_builder_end(&builder)));
	import_free(import);
}

/* Back to what it was, the last one first. What cannot be taken back is named. */
static char *import_undo(NgImport *import)
{
	GString *stuck = g_string_new(NULL);

	while (import->next-- > 0) {
		const NgPolicyApp *app = g_ptr_array_index(import->apps, import->next);
		const NgPolicyApp *before = g_ptr_array_index(import->before, import->next);
		const gboolean was_users = before && before->layer == NG_LAYER_USER;

		if (!(was_users ? ng_store_app(import->engine->store, before, NULL)
				: ng_store_forget(import->engine->store, app->id, NULL)))
			g_string_append_printf(stuck, "%s%s", stuck->len ? ", " : "", app->id);
	}
	import->next = 0;
	return g_string_free(stuck, FALSE);
}

static void import_failed(NgImport *import, const GError *error)
{
	NgEngine *engine = import->engine;
	g_autofree char *stuck = import_undo(import);

	if (*stuck)
		ng_call_fail(import->call, NG_API_ERROR_FAILED,
			     "%s These could not be taken back: %s. See netguard list.", error->message, stuck);
	else
		ng_method_fail(import->call, error);
	import_free(import);
	ng_engine_policy_changed(engine, TRUE);
	ng_loads_request(engine->loads, FALSE, NULL, NULL);
}

static void import_done(NgImport *import)
{
	NgEngine *engine = import->engine;
	g_autofree char *summary = g_strdup_printf("{\"added\":%u,\"changed\":%u,\"unchanged\":%u}", import->added->len,
						   import->changed->len, import->unchanged->len);

	ng_audit_record(engine->auditor, &(NgAudit){ .uid = import->uid,
						     .auth = import->auth,
						     .action = "import",
						     .after = summary,
						     .reason = import->reason,
						     .origin = import->origin });
	for (guint i = 0; i < import->apps->len && i < NG_AUDIT_MAX_OUTSIDE; i++)
		ng_audit_change(engine->auditor, import->uid, import->auth, "set", g_ptr_array_index(import->before, i),
				g_ptr_array_index(import->apps, i), import->reason, import->origin);
	for (guint i = 0; i < import->apps->len; i++)
		ng_fingerprints_decided(engine->fingerprints,
					((const NgPolicyApp *)g_ptr_array_index(import->apps, i))->id);
	engine->import = NULL;
	ng_engine_policy_changed(engine, TRUE);
	ng_loads_request(engine->loads, FALSE, import_answer, import);
}

/* What was no loosening when it was asked about may have become one: files can change between two steps. */
static gboolean import_may_store(NgImport *import, const NgPolicyApp *app, GError **error)
{
	if (import->may_loosen || ng_change_of_app(import->engine, app) == NG_ACTION_TIGHTEN)
		return TRUE;
	g_set_error(error, NG_POLICY_ERROR, NG_POLICY_ERROR_CONFLICT,
		    "“%s” was changed meanwhile, and the import would loosen it now. Import again.", app->id);
	return FALSE;
}

static gboolean import_step(gpointer data)
{
	NgImport *import = data;
	const gint64 end = g_get_monotonic_time() + STEP_US;
	g_autoptr(GError) error = NULL;

	while (import->next < import->apps->len && g_get_monotonic_time() < end) {
		const NgPolicyApp *app = g_ptr_array_index(import->apps, import->next);

		if (!import_may_store(import, app, &error) || !ng_store_app(import->engine->store, app, &error)) {
			import->source = 0;
			import_failed(import, error);
			return G_SOURCE_REMOVE;
		}
		import->next++;
	}
	if (import->next < import->apps->len)
		return G_SOURCE_CONTINUE;
	import->source = 0;
	import_done(import);
	return G_SOURCE_REMOVE;
}

/* Would the policy take `app`: without writing. */
static gboolean import_check(NgPolicy *policy, const NgPolicyApp *app, const NgPolicyApp *now, GHashTable *owners,
			     GError **error)
{
	if (now && now->layer == NG_LAYER_ADMIN) {
		g_set_error(error, NG_POLICY_ERROR, NG_POLICY_ERROR_MANAGED,
			    "“%s” is decided by the administrator in %s. Leave it out of the document.", app->id,
			    now->path);
		return FALSE;
	}
	for (char **entry = app->executables; *entry; entry++) {
		const NgPolicyApp *owner = ng_policy_owner(policy, *entry);
		const char *other = g_hash_table_lookup(owners, *entry);

		if (!other && owner && !g_str_equal(owner->id, app->id))
			other = owner->id;
		if (other) {
			g_set_error(error, NG_POLICY_ERROR, NG_POLICY_ERROR_CONFLICT,
				    "%s belongs to “%s”; “%s” cannot have it too.", *entry, other, app->id);
			return FALSE;
		}
		g_hash_table_insert(owners, *entry, app->id);
	}
	return TRUE;
}

static gboolean import_is_same(const NgPolicyApp *now, const NgPolicyApp *app)
{
	return now && now->layer == NG_LAYER_USER && ng_policy_app_equal(now, app);
}

/* Sort what the document says into added, changed, unchanged. */
static gboolean import_plan(NgImport *import, GPtrArray *document, GError **error)
{
	NgPolicy *policy = import->engine->policy;
	g_autoptr(GHashTable) owners = g_hash_table_new(g_str_hash, g_str_equal);

	for (guint i = 0; i < document->len; i++) {
		const NgPolicyApp *app = g_ptr_array_index(document, i);
		const NgPolicyApp *now = ng_policy_find(policy, app->id);

		if (!import_check(policy, app, now, owners, error))
			return FALSE;
		if (import_is_same(now, app)) {
			g_ptr_array_add(import->unchanged, g_strdup(app->id));
			continue;
		}
		g_ptr_array_add(now ? import->changed : import->added, g_strdup(app->id));
		g_ptr_array_add(import->apps, ng_policy_app_copy(app));
		g_ptr_array_add(import->before, now ? ng_policy_app_copy(now) : NULL);
	}
	return TRUE;
}

/* Whether anything in it loosens. What one entry takes from another is looked at entry by entry: what the document
 * gives with one hand and takes with the other is a loosening. */
static NgAction import_action(NgImport *import)
{
	for (guint i = 0; i < import->apps->len; i++) {
		if (ng_change_of_app(import->engine, g_ptr_array_index(import->apps, i)) == NG_ACTION_LOOSEN)
			return NG_ACTION_LOOSEN;
	}
	return NG_ACTION_TIGHTEN;
}

static NgImport *import_new(NgEngine *engine, NgCall *call)
{
	NgImport *import = g_new0(NgImport, 1);

	import->engine = engine;
	import->call = call;
	import->uid = ng_call_uid(call);
	import->apps = g_ptr_array_new_with_free_func((GDestroyNotify)ng_policy_app_free);
	import->before = g_ptr_array_new_with_free_func(app_free);
	import->added = g_ptr_array_new_with_free_func(g_free);
	import->changed = g_ptr_array_new_with_free_func(g_free);
	import->unchanged = g_ptr_array_new_with_free_func(g_free);
	return import;
}

void ng_method_import(NgCall *call, GVariant *parameters, gpointer user_data)
{
	NgEngine *engine = user_data;
	g_autoptr(GVariant) options = NULL, reason = NULL, origin = NULL, passphrase = NULL;
	const NgOption known[] = { { "reason", "s", &reason },
				   { "origin", "s", &origin },
				   { "passphrase", "s", &passphrase } };
	g_autoptr(GPtrArray) document = NULL;
	g_autoptr(GError) error = NULL;
	const char *text;
	gboolean dry_run;
	NgImport *import;

	g_variant_get(parameters, "(&sb@a{sv})", &text, &dry_run, &options);
	if (ng_method_is_busy(call, engine) || !ng_method_options(call, options, known, G_N_ELEMENTS(known)))
		return;
	if (strlen(text) > NG_API_MAX_DOCUMENT) {
		ng_call_fail(call, NG_API_ERROR_LIMIT, "The document is longer than %d bytes.", NG_API_MAX_DOCUMENT);
		return;
	}
	/* Reading a document is work, which is not done for anybody. */
	if (!ng_authority_allows(engine, call, NG_ACTION_TIGHTEN))
		return;
	document = ng_app_json_parse(text, &error);
	if (!document) {
		ng_call_fail(call, NG_API_ERROR_INVALID, "%s", error->message);
		return;
	}
	import = import_new(engine, call);
	if (!ng_method_why(call, reason, origin, &import->reason, &import->origin)) {
		import_free(import);
	} else if (!import_plan(import, document, &error)) {
		ng_method_fail(call, error);
		import_free(import);
	} else if (!ng_authority_allows(engine, call, dry_run ? NG_ACTION_TIGHTEN : import_action(import))) {
		import_free(import);
	} else if (dry_run) {
		import_answer(&(NgLoadResult){ .warning = "Nothing was changed: this was a dry run." }, import);
	} else {
		engine->import = import;
		import->auth = ng_call_auth(call);
		import->may_loosen = ng_call_is_granted(call, NG_ACTION_LOOSEN);
		import->source = g_idle_add_full(G_PRIORITY_DEFAULT, import_step, import, NULL);
	}
}

void ng_transfer_stop(NgEngine *engine)
{
	if (!engine->import)
		return;
	g_free(import_undo(engine->import));
	ng_call_fail(engine->import->call, NG_API_ERROR_FAILED, "The service is ending. Nothing was imported.");
	import_free(engine->import);
}

void ng_method_export(NgCall *call, GVariant *parameters, gpointer user_data)
{
	NgEngine *engine = user_data;

	if (!engine->export) {
		g_autofree char *document = ng_app_json_document(ng_policy_apps(engine->policy));

		engine->export = ng_reply_new(g_variant_new("(s)", document));
	}
	ng_call_return_reply(call, engine->export);
}
