/* SPDX-License-Identifier: MIT */
/*
 * GetPermissions, and the second lock: GetLock, SetLock, Unlock, Lock. No passphrase is kept here, logged or recorded;
 * that there was one, and whether it was right, is.
 */
#include <string.h>

#include "guardd/audit.h"
#include "guardd/authority.h"
#include "guardd/methods.h"

typedef struct {
	NgEngine *engine;
	NgCall *call;
	guint32 seconds;    /* Unlock */
	const char *action; /* SetLock: for the audit chain */
	char *origin;
} Asked;

static void lock_changed(NgEngine *engine)
{
	ng_server_signal(engine->server, "Changed", g_variant_new("(s)", "lock"));
}

void ng_engine_lock_outside(gpointer data)
{
	NgEngine *engine = data;

	ng_audit_record(engine->auditor, &(NgAudit){ .uid = NG_AUDIT_UID_UNKNOWN,
						     .auth = "service",
						     .action = "lock",
						     .reason = "the file of the second lock was changed or removed",
						     .origin = "file" });
	if (engine->server)
		lock_changed(engine);
}

static GVariant *lock_variant(NgEngine *engine, guint32 uid)
{
	GVariantBuilder dict;

	g_variant_builder_init(&dict, G_VARIANT_TYPE_VARDICT);
	ng_vardict_add(&dict, "set", "b", ng_lock_state(engine->lock) != NG_LOCK_UNSET);
	ng_vardict_add(&dict, "unlocked-until", "x", ng_lock_unlocked_until(engine->lock, uid));
	ng_vardict_add(&dict, "retry-at", "x", ng_lock_retry_at(engine->lock, uid));
	ng_vardict_add(&dict, "problem", "s", ng_lock_damage(engine->lock));
	return g_variant_builder_end(&dict);
}

void ng_method_get_permissions(NgCall *call, GVariant *parameters, gpointer user_data)
{
	ng_authority_permissions(user_data, call);
}

void ng_method_get_lock(NgCall *call, GVariant *parameters, gpointer user_data)
{
	ng_call_return(call, g_variant_new("(@a{sv})", lock_variant(user_data, ng_call_uid(call))));
}

static void record(NgEngine *engine, NgCall *call, const char *action, const char *auth, const char *origin)
{
	ng_audit_record(engine->auditor,
			&(NgAudit){ .uid = ng_call_uid(call), .auth = auth, .action = action, .origin = origin });
}

/* TRUE: there is a lock, and it can be opened. FALSE: answered. */
static gboolean is_set(NgEngine *engine, NgCall *call)
{
	switch (ng_lock_state(engine->lock)) {
	case NG_LOCK_SET:
		return TRUE;
	case NG_LOCK_UNSET:
		ng_call_fail(call, NG_API_ERROR_INVALID, "No second lock is set. netguard lock sets one.");
		return FALSE;
	case NG_LOCK_DAMAGED:
		break;
	}
	ng_call_fail(call, NG_API_ERROR_LOCKED, "%s", ng_lock_damage(engine->lock));
	return FALSE;
}

static void unlock_known(NgLockAnswer answer, const char *text, gpointer data)
{
	g_autofree Asked *asked = data;
	NgEngine *engine = asked->engine;
	NgCall *call = asked->call;
	g_autofree char *auth = g_strconcat(ng_call_auth(call), "+passphrase", NULL);

	if (answer != NG_LOCK_RIGHT) {
		ng_authority_refuse_passphrase(engine, call, answer, text);
		return;
	}
	if (!g_cancellable_is_cancelled(ng_call_cancellable(call))) {
		ng_lock_unlock(engine->lock, ng_call_uid(call), asked->seconds);
		record(engine, call, "unlock", auth, "service");
		lock_changed(engine);
	}
	ng_call_return(call, g_variant_new("(@a{sv})", lock_variant(engine, ng_call_uid(call))));
}

void ng_method_unlock(NgCall *call, GVariant *parameters, gpointer user_data)
{
	NgEngine *engine = user_data;
	const char *passphrase;
	guint32 seconds;
	Asked *asked;

	g_variant_get(parameters, "(&su)", &passphrase, &seconds);
	if (seconds < 1 || seconds > NG_LOCK_MAX_UNLOCK_S) {
		ng_call_fail(call, NG_API_ERROR_INVALID, "The lock is opened for 1 to %d seconds, not %u.",
			     NG_LOCK_MAX_UNLOCK_S, seconds);
		return;
	}
	if (!is_set(engine, call))
		return;
	asked = g_new0(Asked, 1);
	*asked = (Asked){ .engine = engine, .call = call, .seconds = seconds };
	ng_lock_verify(engine->lock, ng_call_uid(call), passphrase, unlock_known, asked);
}

void ng_method_lock(NgCall *call, GVariant *parameters, gpointer user_data)
{
	NgEngine *engine = user_data;

	if (ng_lock_end(engine->lock, ng_call_uid(call))) {
		record(engine, call, "lock-again", ng_call_auth(call), "service");
		lock_changed(engine);
	}
	ng_call_return(call, NULL);
}

static void set_lock_known(NgLockAnswer answer, const char *text, gpointer data)
{
	Asked *asked = data;
	NgEngine *engine = asked->engine;

	if (answer == NG_LOCK_RIGHT) {
		record(engine, asked->call, asked->action, ng_call_auth(asked->call), asked->origin);
		lock_changed(engine);
		ng_call_return(asked->call, NULL);
	} else {
		ng_authority_refuse_passphrase(engine, asked->call, answer, text);
	}
	g_free(asked->origin);
	g_free(asked);
}

static gboolean may_be_passphrase(NgCall *call, const char *text)
{
	const gsize length = strlen(text);

	if (length == 0 || (length >= NG_LOCK_MIN_LENGTH && length <= NG_LOCK_MAX_LENGTH))
		return TRUE;
	ng_call_fail(call, NG_API_ERROR_INVALID, "A passphrase has %d to %d bytes. Choose another.", NG_LOCK_MIN_LENGTH,
		     NG_LOCK_MAX_LENGTH);
	return FALSE;
}

void ng_method_set_lock(NgCall *call, GVariant *parameters, gpointer user_data)
{
	NgEngine *engine = user_data;
	g_autoptr(GVariant) options = NULL, origin = NULL;
	const NgOption known[] = { { "origin", "s", &origin } };
	g_autofree char *why = NULL, *from = NULL;
	const char *old, *next;
	Asked *asked;

	g_variant_get(parameters, "(&s&s@a{sv})", &old, &next, &options);
	if (!ng_method_options(call, options, known, G_N_ELEMENTS(known)) ||
	    !ng_method_why(call, NULL, origin, &why, &from) || !may_be_passphrase(call, next))
		return;
	if (ng_lock_state(engine->lock) == NG_LOCK_UNSET) {
		if (*old || !*next) {
			ng_call_fail(call, NG_API_ERROR_INVALID,
				     "No second lock is set, so there is no old passphrase and nothing to remove. "
				     "netguard lock sets one.");
			return;
		}
	} else if (!is_set(engine, call)) {
		return;
	} else if (!*old) {
		ng_call_fail(call, NG_API_ERROR_LOCKED,
			     "The second lock is set. Its passphrase is needed to change or remove it.");
		return;
	}
	asked = g_new0(Asked, 1);
	*asked = (Asked){ .engine = engine,
			  .call = call,
			  .action = *next ? "lock-set" : "lock-remove",
			  .origin = g_steal_pointer(&from) };
	ng_lock_change(engine->lock, ng_call_uid(call), old, next, set_lock_known, asked);
}
