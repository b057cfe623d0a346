/* SPDX-License-Identifier: MIT */
/*
 * The authority (see authority.h). What one call has been granted lies with the call: `asked` is polkit's answer, the
 * passphrase that was right counts while the lock's generation is the same.
 *
 * The order: who can be refused without asking anybody is; then a passphrase that is missing is asked for; then polkit;
 * then the passphrase is looked at. So nobody can guess passphrases who may not loosen, and nobody types a password
 * only to be told that something else was missing.
 */
#include "guardd/authority.h"

#include <string.h>

#include "guardd/audit.h"
#include "guardd/methods.h"
#include "guardd/polkit.h"

struct _NgAuthority {
	NgEngine *engine;
	GPtrArray *questions; /* NgCall, put to people now */
};

/* Of one call. */
typedef struct {
	guint32 asked;     /* bits by NgAction: polkit said yes */
	gboolean typed;    /* somebody proved who he is for one of them */
	gboolean has_lock; /* the passphrase was right ... */
	guint generation;  /* ... for this lock */
	NgAction action;   /* what is being asked about now */
	NgEngine *engine;
	NgCall *call;
} Grant;

const char *ng_action_word(NgAction action)
{
	switch (action) {
	case NG_ACTION_TIGHTEN:
		return "tighten";
	case NG_ACTION_LOOSEN:
		return "loosen";
	case NG_ACTION_PAUSE:
		return "pause";
	case NG_ACTION_OBSERVE:
		return "observe";
	case NG_ACTION_AUDIT:
		return "audit";
	case NG_ACTION_CONFIGURE:
		return "configure";
	case NG_ACTION_UNSTATED:
	case NG_ACTION_EVERYONE:
	case NG_ACTION_CHANGE:
	case NG_ACTIONS:
		break;
	}
	return NULL;
}

NgAuthority *ng_authority_new(NgEngine *engine)
{
	NgAuthority *authority = g_new0(NgAuthority, 1);

	authority->engine = engine;
	authority->questions = g_ptr_array_new();
	return authority;
}

void ng_authority_free(NgAuthority *authority)
{
	if (!authority)
		return;
	g_ptr_array_unref(authority->questions);
	g_free(authority);
}

static Grant *grant_of(NgEngine *engine, NgCall *call)
{
	Grant *grant = ng_call_data(call);

	if (!grant) {
		grant = g_new0(Grant, 1);
		grant->engine = engine;
		grant->call = call;
		ng_call_set_data(call, grant, g_free);
	}
	return grant;
}

static void refuse(NgEngine *engine, NgCall *call, const char *why, const char *error, const char *format, ...)
	G_GNUC_PRINTF(5, 6);
/* `why` is for the audit chain, the rest for the caller. */
static void refuse(NgEngine *engine, NgCall *call, const char *why, const char *error, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	ng_audit_refused(engine->auditor, ng_call_uid(call), ng_call_auth(call), ng_call_method(call), why);
	ng_call_fail(call, error, "%s", text);
}

static gboolean takes_lock(NgAction action)
{
	return action == NG_ACTION_LOOSEN || action == NG_ACTION_PAUSE;
}

/* The option of the last argument; NULL: not given. Borrowed from the call. */
static const char *passphrase_of(NgCall *call)
{
	GVariant *parameters = ng_call_parameters(call);
	const gsize n = g_variant_n_children(parameters);
	g_autoptr(GVariant) last = n > 0 ? g_variant_get_child_value(parameters, n - 1) : NULL;
	const char *passphrase = NULL;

	if (last && g_variant_is_of_type(last, G_VARIANT_TYPE_VARDICT))
		g_variant_lookup(last, "passphrase", "&s", &passphrase);
	return passphrase && *passphrase ? passphrase : NULL;
}

/* --- polkit --- */

static guint questions_of(NgAuthority *authority, guint32 uid)
{
	guint n = 0;

	for (guint i = 0; i < authority->questions->len; i++)
		n += ng_call_uid(g_ptr_array_index(authority->questions, i)) == uid;
	return n;
}

static void asked_yes(Grant *grant, gboolean typed)
{
	grant->asked |= 1u << grant->action;
	if (grant->action == NG_ACTION_LOOSEN)
		grant->asked |= 1u << NG_ACTION_TIGHTEN;
	grant->typed |= typed;
	ng_call_again(grant->call);
}

static void asked_no(Grant *grant, NgPolkitAnswer answer, const char *text)
{
	NgEngine *engine = grant->engine;
	NgCall *call = grant->call;
	const char *method = ng_call_method(call), *word = ng_action_word(grant->action);

	switch (answer) {
	case NG_POLKIT_YES:
		g_assert_not_reached();
	case NG_POLKIT_ASK:
		refuse(engine, call, "nobody was there to be asked", NG_API_ERROR_DENIED,
		       "%s (to %s) needs somebody's password, and there is nobody to ask. Run it from your desktop or "
		       "on a terminal, or with sudo.",
		       method, word);
		break;
	case NG_POLKIT_NO:
		refuse(engine, call, "polkit did not permit it", NG_API_ERROR_DENIED,
		       "%s (to %s) was not authorised. Try again with the right password, or with sudo.", method, word);
		break;
	case NG_POLKIT_DISMISSED:
		refuse(engine, call, "the question was closed", NG_API_ERROR_CANCELLED,
		       "The question was closed, so nothing was done. Try again and answer it.");
		break;
	case NG_POLKIT_LATE:
		refuse(engine, call, "nobody answered in time", NG_API_ERROR_CANCELLED,
		       "Nobody answered the question in time, so nothing was done. Try again.");
		break;
	case NG_POLKIT_ABSENT:
		refuse(engine, call, "polkit does not run: root only", NG_API_ERROR_DENIED,
		       "%s is for root alone here: polkit, which could permit it to others, does not run. Run it with "
		       "sudo, or start polkit.",
		       method);
		break;
	case NG_POLKIT_FAILED:
		refuse(engine, call, "polkit could not tell: root only", NG_API_ERROR_DENIED,
		       "%s is for root alone here: polkit could not tell who may (%s). Run it with sudo, or install "
		       "Network Guard again.",
		       method, text);
		break;
	case NG_POLKIT_CANCELLED:
		refuse(engine, call, "the caller has gone", NG_API_ERROR_CANCELLED, "The caller has gone.");
		break;
	case NG_POLKIT_BUSY:
		refuse(engine, call, "too many of this account wait", NG_API_ERROR_LIMIT,
		       "Too many calls of your account wait for polkit. Try again in a moment.");
		break;
	}
}

static void asked_person(NgPolkitAnswer answer, const char *text, gpointer data)
{
	Grant *grant = data;

	g_ptr_array_remove_fast(grant->engine->authority->questions, grant->call);
	if (answer == NG_POLKIT_YES)
		asked_yes(grant, TRUE);
	else
		asked_no(grant, answer == NG_POLKIT_ASK ? NG_POLKIT_NO : answer, text);
}

static void ask_person(Grant *grant)
{
	NgCall *call = grant->call;
	NgAuthority *authority = grant->engine->authority;
	const char *sender;
	GDBusConnection *bus = ng_call_bus(call, &sender);

	if (authority->questions->len >= NG_AUTHORITY_QUESTIONS ||
	    questions_of(authority, ng_call_uid(call)) >= NG_AUTHORITY_QUESTIONS_OF_UID) {
		refuse(grant->engine, call, "too many questions are open", NG_API_ERROR_LIMIT,
		       "Too many questions are open. Answer those first.");
		return;
	}
	g_ptr_array_add(authority->questions, call);
	ng_polkit_check(bus, sender, ng_call_uid(call), ng_action_word(grant->action), TRUE, ng_call_cancellable(call),
			asked_person, grant);
}

/* What polkit says without troubling anybody. */
static void asked_polkit(NgPolkitAnswer answer, const char *text, gpointer data)
{
	Grant *grant = data;

	if (answer == NG_POLKIT_YES)
		asked_yes(grant, FALSE);
	else if (answer == NG_POLKIT_ASK && ng_call_is_interactive(grant->call))
		ask_person(grant);
	else
		asked_no(grant, answer == NG_POLKIT_LATE ? NG_POLKIT_ABSENT : answer, text);
}

static gboolean polkit_allows(NgEngine *engine, NgCall *call, NgAction action)
{
	Grant *grant = grant_of(engine, call);
	const char *sender;
	GDBusConnection *bus = ng_call_bus(call, &sender);

	if (grant->asked & 1u << action)
		return TRUE;
	grant->action = action;
	ng_polkit_check(bus, sender, ng_call_uid(call), ng_action_word(action), FALSE, ng_call_cancellable(call),
			asked_polkit, grant);
	return FALSE;
}

/* --- the second lock --- */

void ng_authority_refuse_passphrase(NgEngine *engine, NgCall *call, NgLockAnswer answer, const char *text)
{
	const gint64 wait = ng_lock_retry_at(engine->lock, ng_call_uid(call)) - ng_now();

	switch (answer) {
	case NG_LOCK_RIGHT:
		g_assert_not_reached();
	case NG_LOCK_WRONG:
		refuse(engine, call, "the passphrase was wrong", NG_API_ERROR_WRONG_PASSPHRASE,
		       "That is not the passphrase of the second lock. Try again.");
		break;
	case NG_LOCK_EARLY:
		refuse(engine, call, "too many wrong passphrases", NG_API_ERROR_LIMIT,
		       "Too many passphrases were wrong. Try again in %" G_GINT64_FORMAT " s.", MAX(wait, 1));
		break;
	case NG_LOCK_BUSY:
		refuse(engine, call, "too many passphrases at once", NG_API_ERROR_LIMIT,
		       "Too many passphrases are being looked at. Try again in a moment.");
		break;
	case NG_LOCK_FAILED:
		refuse(engine, call, "the passphrase could not be looked at", NG_API_ERROR_FAILED,
		       "The passphrase could not be looked at. %s", text);
		break;
	}
}

static void passphrase_known(NgLockAnswer answer, const char *text, gpointer data)
{
	Grant *grant = data;

	if (answer != NG_LOCK_RIGHT) {
		ng_authority_refuse_passphrase(grant->engine, grant->call, answer, text);
		return;
	}
	grant->has_lock = TRUE;
	grant->generation = ng_lock_generation(grant->engine->lock);
	ng_call_again(grant->call);
}

/* FALSE: answered, because something is missing that no question could bring. */
static gboolean lock_could_allow(NgEngine *engine, NgCall *call)
{
	switch (ng_lock_state(engine->lock)) {
	case NG_LOCK_UNSET:
		return TRUE;
	case NG_LOCK_SET:
		if (ng_lock_unlocked_until(engine->lock, ng_call_uid(call)) > 0 || passphrase_of(call))
			return TRUE;
		refuse(engine, call, "the second lock is set, and no passphrase was given", NG_API_ERROR_LOCKED,
		       "This loosens something, and the second lock is set. Give its passphrase, or use netguard "
		       "unlock first.");
		return FALSE;
	case NG_LOCK_DAMAGED:
		break;
	}
	refuse(engine, call, "the file of the second lock is damaged", NG_API_ERROR_LOCKED, "%s",
	       ng_lock_damage(engine->lock));
	return FALSE;
}

/* FALSE: the passphrase is being looked at. *ret_how is for the audit chain. */
static gboolean lock_allows(NgEngine *engine, NgCall *call, const char **ret_how)
{
	Grant *grant = grant_of(engine, call);

	*ret_how = "";
	if (ng_lock_state(engine->lock) == NG_LOCK_UNSET)
		return TRUE;
	*ret_how = "+passphrase";
	if (grant->has_lock && grant->generation == ng_lock_generation(engine->lock))
		return TRUE;
	*ret_how = "+unlocked";
	if (ng_lock_unlocked_until(engine->lock, ng_call_uid(call)) > 0)
		return TRUE;
	ng_lock_verify(engine->lock, ng_call_uid(call), passphrase_of(call), passphrase_known, grant);
	return FALSE;
}

/* --- both --- */

gboolean ng_authority_allows(NgEngine *engine, NgCall *call, NgAction action)
{
	const gboolean is_admin = ng_call_is_admin(call);
	const char *sender, *lock = "";
	g_autofree char *auth = NULL;

	if (!is_admin && !ng_call_bus(call, &sender)) {
		refuse(engine, call, "the caller is not root", NG_API_ERROR_DENIED,
		       "%s is for root, and the caller is uid %u. Run the command with sudo.", ng_call_method(call),
		       ng_call_uid(call));
		return FALSE;
	}
	if (action == NG_ACTION_CHANGE) { /* which one it is will be asked */
		ng_call_grant(call, action);
		return TRUE;
	}
	if ((takes_lock(action) && !lock_could_allow(engine, call)) ||
	    (!is_admin && !polkit_allows(engine, call, action)) ||
	    (takes_lock(action) && !lock_allows(engine, call, &lock)))
		return FALSE;
	if (is_admin)
		auth = g_strconcat(ng_call_bus(call, &sender) ? "bus" : "socket", lock, NULL);
	else
		auth = g_strconcat(grant_of(engine, call)->typed ? "polkit-password" : "polkit", lock, NULL);
	ng_call_set_auth(call, auth);
	ng_call_grant(call, action);
	return TRUE;
}

gboolean ng_authority_authorise(NgCall *call, NgAction action, gpointer engine)
{
	return ng_authority_allows(engine, call, action);
}

/* --- GetPermissions --- */

static const NgAction listed[] = { NG_ACTION_TIGHTEN, NG_ACTION_LOOSEN, NG_ACTION_PAUSE,
				   NG_ACTION_OBSERVE, NG_ACTION_AUDIT,  NG_ACTION_CONFIGURE };

typedef struct {
	NgCall *call;
	guint next; /* in `listed` */
	GVariantBuilder words;
} Permissions;

static void permissions_answer(NgCall *call, GVariantBuilder *words, const char *authority, const char *text)
{
	ng_vardict_add(words, "authority", "s", authority);
	ng_vardict_add(words, "text", "s", text);
	ng_call_return(call, g_variant_new("(@a{sv})", g_variant_builder_end(words)));
}

static void permissions_all(NgCall *call, const char *word, const char *authority, const char *text)
{
	GVariantBuilder words;

	g_variant_builder_init(&words, G_VARIANT_TYPE_VARDICT);
	for (gsize i = 0; i < G_N_ELEMENTS(listed); i++)
		ng_vardict_add(&words, ng_action_word(listed[i]), "s", word);
	permissions_answer(call, &words, authority, text);
}

static void permissions_ask(Permissions *permissions);

static void permissions_known(NgPolkitAnswer answer, const char *text, gpointer data)
{
	Permissions *permissions = data;
	const char *word = answer == NG_POLKIT_YES ? "yes" : answer == NG_POLKIT_ASK ? "authenticate" : "no";
	g_autofree char *why = NULL;

	if (answer == NG_POLKIT_YES || answer == NG_POLKIT_ASK || answer == NG_POLKIT_NO) {
		ng_vardict_add(&permissions->words, ng_action_word(listed[permissions->next]), "s", word);
		if (++permissions->next < G_N_ELEMENTS(listed)) {
			permissions_ask(permissions);
			return;
		}
		permissions_answer(permissions->call, &permissions->words, "polkit",
				   "polkit says who may change something.");
		g_free(permissions);
		return;
	}
	if (answer == NG_POLKIT_BUSY) {
		g_variant_builder_clear(&permissions->words);
		ng_call_fail(permissions->call, NG_API_ERROR_LIMIT,
			     "Too many calls of your account wait for polkit. Try again in a moment.");
		g_free(permissions);
		return;
	}
	why = answer == NG_POLKIT_FAILED
		      ? g_strdup_printf("Only root may change something here: polkit could not tell who may (%s).",
					text)
		      : g_strdup("Only root may change something here: polkit does not run.");
	g_variant_builder_clear(&permissions->words);
	permissions_all(permissions->call, ng_call_is_admin(permissions->call) ? "yes" : "no", "root-only", why);
	g_free(permissions);
}

/* One after the other: one caller can make polkit no more work than that at a time. */
static void permissions_ask(Permissions *permissions)
{
	const char *sender;
	GDBusConnection *bus = ng_call_bus(permissions->call, &sender);

	ng_polkit_check(bus, sender, ng_call_uid(permissions->call), ng_action_word(listed[permissions->next]), FALSE,
			ng_call_cancellable(permissions->call), permissions_known, permissions);
}

void ng_authority_permissions(NgEngine *engine, NgCall *call)
{
	const char *sender;
	const gboolean is_bus = ng_call_bus(call, &sender) != NULL;
	Permissions *permissions;

	if (!is_bus && ng_call_is_admin(call)) {
		permissions_all(call, "yes", "root-only", "You may change everything; others may not, on the socket.");
		return;
	}
	if (!is_bus) {
		permissions_all(call, "no", "root-only",
				"Only root may change something here: this is the socket, where nobody else can be "
				"asked about. Use sudo.");
		return;
	}
	permissions = g_new0(Permissions, 1);
	permissions->call = call;
	g_variant_builder_init(&permissions->words, G_VARIANT_TYPE_VARDICT);
	permissions_ask(permissions);
}
