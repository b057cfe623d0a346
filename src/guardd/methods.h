/* SPDX-License-Identifier: MIT */
/*
 * The methods of org.networkguard.Guard1, one handler each, in one table (methods.c). A handler checks what its
 * arguments say, changes what is decided, asks for a load, and answers when the load has ended. Who may call was
 * checked before (src/api/dispatch.c).
 */
#ifndef NG_GUARDD_METHODS_H
#define NG_GUARDD_METHODS_H

#include "guardd/engine.h"
#include "guardd/loads.h"

G_BEGIN_DECLS

extern const NgMethod ng_methods[];
extern const gsize ng_n_methods;

#define NG_METHOD(name) void ng_method_##name(NgCall *call, GVariant *parameters, gpointer user_data)
NG_METHOD(get_status);
NG_METHOD(check);
NG_METHOD(list_apps);
NG_METHOD(get_app);
NG_METHOD(set_profile);
NG_METHOD(forget);
NG_METHOD(explain);
NG_METHOD(list_running);
NG_METHOD(get_attempts);
NG_METHOD(get_connections);
NG_METHOD(get_audit);
NG_METHOD(verify_audit);
NG_METHOD(pause);
NG_METHOD(resume);
NG_METHOD(panic);
NG_METHOD(export);
NG_METHOD(import);
NG_METHOD(reload);
NG_METHOD(get_permissions);
NG_METHOD(get_lock);
NG_METHOD(set_lock);
NG_METHOD(unlock);
NG_METHOD(lock);
NG_METHOD(get_all_connections);
NG_METHOD(get_activity);
NG_METHOD(approve);
NG_METHOD(get_settings);
NG_METHOD(set_settings);

/* A key that an options dictionary may have. `type` is a GVariant type; the place to store is a GVariant*, which keeps
 * NULL when the key is absent; the caller unrefs it. */
typedef struct {
	const char *key;
	const char *type;
	GVariant **ret_value;
} NgOption;
/* TRUE: all keys are known and of their types. FALSE: the call has been answered. */
gboolean ng_method_options(NgCall *call, GVariant *options, const NgOption *known, gsize n);
/* The text of an option, or `otherwise`. Borrowed from the option. */
const char *ng_option_text(GVariant *value, const char *otherwise);
/* The options every change has; TRUE or answered. *ret_reason and *ret_origin are owned by the caller. */
#define NG_METHOD_MAX_REASON 1024
gboolean ng_method_why(NgCall *call, GVariant *reason, GVariant *origin, char **ret_reason, char **ret_origin);

/* Answer with the D-Bus error that goes with a policy's error. */
void ng_method_fail(NgCall *call, const GError *error);
/* "enforced", "closed", "not-closed", "enforced-ns", "warning". */
void ng_method_add_load(GVariantBuilder *builder, const NgLoadResult *result);
/* GetStatus' and Reload's problems. Floating aa{sv}. */
GVariant *ng_method_problems(NgEngine *engine);
/* The application a caller means; a path that no application has is "nobody's", *ret_path then. FALSE: answered. */
gboolean ng_method_resolve(NgCall *call, NgEngine *engine, const char *text, const NgPolicyApp **ret_app);
/* TRUE: the administrator decides on this application, and the call has been answered. NULL: nobody does. */
gboolean ng_method_is_managed(NgCall *call, const NgPolicyApp *app);
/* TRUE: an import is under way and the call has been answered. */
gboolean ng_method_is_busy(NgCall *call, NgEngine *engine);

#define ng_vardict_add(builder, key, ...) g_variant_builder_add((builder), "{sv}", (key), g_variant_new(__VA_ARGS__))

G_END_DECLS
#endif
