/* SPDX-License-Identifier: MIT */
/*
 * GetAttempts, GetConnections, GetAudit and VerifyAudit: the records. Everyone sees what is his own; root sees all. The
 * uid is the caller's as the kernel says, never one that he names.
 */
#include <string.h>
#include <sys/socket.h>

#include "guardd/attempts.h"
#include "guardd/authority.h"
#include "guardd/loads.h"
#include "guardd/methods.h"
#include "guardd/truth.h"

#define DEFAULT_LIMIT 200
#define MAX_LIMIT 10000       /* for root, and for who may read the audit chain */
#define MAX_LIMIT_OTHERS 1000 /* what others can make us hold for them */
#define SOCKETS_TIMEOUT_MS 3000
#define SOCKETS_AGE_US (1 * G_USEC_PER_SEC)

typedef struct {
	NgEngine *engine;
	GVariantBuilder list;
} Rows;

static gboolean filter_limit(NgCall *call, GVariant *limit, guint *ret_limit)
{
	const gboolean is_trusted = ng_call_is_admin(call) || ng_call_is_granted(call, NG_ACTION_AUDIT);
	const guint max = is_trusted ? MAX_LIMIT : MAX_LIMIT_OTHERS;

	*ret_limit = limit ? g_variant_get_uint32(limit) : DEFAULT_LIMIT;
	if (*ret_limit >= 1 && *ret_limit <= max)
		return TRUE;
	ng_call_fail(call, NG_API_ERROR_INVALID, "The limit must be from 1 to %u.", max);
	return FALSE;
}

static gboolean filter_since(NgCall *call, GVariant *since, gint64 *ret_since)
{
	*ret_since = since ? g_variant_get_int64(since) : 0;
	if (*ret_since >= 0 && *ret_since <= G_MAXINT64 / G_USEC_PER_SEC) {
		*ret_since *= G_USEC_PER_SEC;
		return TRUE;
	}
	ng_call_fail(call, NG_API_ERROR_INVALID, "“since” is seconds since 1970.");
	return FALSE;
}

static gboolean filter_verdict(NgCall *call, GVariant *verdict, gint *ret_verdict)
{
	const char *text = ng_option_text(verdict, "");

	if (!*text)
		*ret_verdict = -1;
	else if (g_str_equal(text, "allowed"))
		*ret_verdict = 1;
	else if (g_str_equal(text, "denied") || g_str_equal(text, "would-be-denied"))
		*ret_verdict = 0;
	else {
		ng_call_fail(call, NG_API_ERROR_INVALID, "“verdict” must be allowed or denied, not “%s”.", text);
		return FALSE;
	}
	return TRUE;
}

static void attempts_row(const NgAttempt *attempt, gpointer data)
{
	Rows *rows = data;

	g_variant_builder_add_value(&rows->list, ng_attempt_variant(rows->engine, attempt));
}

void ng_method_get_attempts(NgCall *call, GVariant *parameters, gpointer user_data)
{
	NgEngine *engine = user_data;
	g_autoptr(GVariant) filter = g_variant_get_child_value(parameters, 0);
	g_autoptr(GVariant) app = NULL, since = NULL, verdict = NULL, limit = NULL, everyone = NULL;
	const NgOption known[] = { { "app", "s", &app },
				   { "since", "x", &since },
				   { "verdict", "s", &verdict },
				   { "limit", "u", &limit },
				   { "everyone", "b", &everyone } };
	NgAttemptQuery query = { .uid = ng_call_is_admin(call) ? -1 : (gint64)ng_call_uid(call) };
	Rows rows = { .engine = engine };
	g_autoptr(GVariant) list = NULL;
	g_autoptr(GError) error = NULL;

	if (!ng_method_options(call, filter, known, G_N_ELEMENTS(known)) || !filter_limit(call, limit, &query.limit) ||
	    !filter_since(call, since, &query.since) || !filter_verdict(call, verdict, &query.verdict))
		return;
	if (everyone && g_variant_get_boolean(everyone)) {
		if (!ng_authority_allows(engine, call, NG_ACTION_OBSERVE))
			return;
		query.uid = -1;
	}
	if (app) {
		const NgPolicyApp *found = ng_policy_resolve(engine->policy, g_variant_get_string(app, NULL));

		/* One that was forgotten still has its record, by its id. */
		query.app = found ? found->id : g_variant_get_string(app, NULL);
	}
	g_variant_builder_init(&rows.list, G_VARIANT_TYPE("aa{sv}"));
	if (!ng_history_attempts(engine->history, &query, attempts_row, &rows, &error)) {
		g_variant_builder_clear(&rows.list);
		ng_call_fail(call, NG_API_ERROR_FAILED, "The history cannot be read: %s", error->message);
		return;
	}
	list = g_variant_ref_sink(g_variant_builder_end(&rows.list));
	ng_call_return(call, g_variant_new("(@aa{sv})", list));
}

static const char *connection_state(const struct ng_socket *entry)
{
	static const char *const words[] = { "",           "established", "syn-sent",    "syn-received", "fin-wait-1",
					     "fin-wait-2", "time-wait",   "closed",      "close-wait",   "last-ack",
					     "listening",  "closing",     "syn-received" };

	return entry->state < G_N_ELEMENTS(words) ? words[entry->state] : "";
}

static char *endpoint(const guint8 address[16], guint16 port)
{
	static const guint8 none[16];
	g_autofree char *text = memcmp(address, none, 16) == 0 && port == 0 ? NULL : ng_address_text(address);

	if (!text)
		return g_strdup("");
	return g_strdup_printf(strchr(text, ':') ? "[%s]:%u" : "%s:%u", text, port);
}

static GVariant *connection_variant(NgEngine *engine, const struct ng_socket *entry)
{
	gsize length;
	const char *id = ng_loads_id(engine->loads, entry->app_key, &length);
	g_autofree char *app = g_strndup(id ? id : "", length);
	g_autofree char *local = endpoint(entry->local, entry->local_port);
	g_autofree char *remote = endpoint(entry->flow.addr, entry->flow.port);
	GVariantBuilder dict;

	g_variant_builder_init(&dict, G_VARIANT_TYPE_VARDICT);
	ng_vardict_add(&dict, "pid", "u", entry->pid);
	ng_vardict_add(&dict, "uid", "u", entry->uid);
	ng_vardict_add(&dict, "application", "s", app);
	ng_vardict_add(&dict, "protocol", "s", ng_proto_word(entry->flow.proto));
	ng_vardict_add(&dict, "local", "s", local);
	ng_vardict_add(&dict, "remote", "s", remote);
	ng_vardict_add(&dict, "state", "s", connection_state(entry));
	return g_variant_builder_end(&dict);
}

static void connections_known(NgEngine *engine, NgCall *call, GArray *sockets)
{
	const gboolean sees_all = ng_call_is_admin(call) || ng_call_is_granted(call, NG_ACTION_OBSERVE);
	const guint max = sees_all ? NG_LINK_MAX_SOCKETS : MAX_LIMIT_OTHERS;
	GVariantBuilder list;
	guint n = 0;

	g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
	for (guint i = 0; i < sockets->len && n < max; i++) {
		const struct ng_socket *entry = &g_array_index(sockets, struct ng_socket, i);

		if (!sees_all && entry->uid != ng_call_uid(call))
			continue;
		g_variant_builder_add_value(&list, connection_variant(engine, entry));
		n++;
	}
	ng_call_return(call, g_variant_new("(@aa{sv})", g_variant_builder_end(&list)));
}

/* Who waits for the one question that is under way. */
static void sockets_known(const struct ng_message *reply, GArray *parts, const char *failure, gpointer data)
{
	NgEngine *engine = data;
	g_autoptr(GPtrArray) calls = g_steal_pointer(&engine->sockets_calls);

	for (guint i = 0; i < calls->len; i++) {
		if (reply)
			connections_known(engine, g_ptr_array_index(calls, i), parts);
		else
			ng_call_fail(g_ptr_array_index(calls, i), NG_API_ERROR_NOT_ENFORCED,
				     "%s Which connections are open is not known now.", failure);
	}
}

void ng_method_get_connections(NgCall *call, GVariant *parameters, gpointer user_data)
{
	NgEngine *engine = user_data;

	if (!engine->sockets_calls) {
		engine->sockets_calls = g_ptr_array_new();
		ng_link_ask(engine->link, NG_MESSAGE_SOCKETS, -1, SOCKETS_TIMEOUT_MS, sockets_known, engine);
	}
	g_ptr_array_add(engine->sockets_calls, call);
}

void ng_method_get_all_connections(NgCall *call, GVariant *parameters, gpointer user_data)
{
	ng_method_get_connections(call, parameters, user_data);
}

static void audit_row(const NgAudit *audit, gpointer data)
{
	Rows *rows = data;
	GVariantBuilder dict;

	g_variant_builder_init(&dict, G_VARIANT_TYPE_VARDICT);
	ng_vardict_add(&dict, "seq", "t", audit->seq);
	ng_vardict_add(&dict, "time", "x", audit->time / G_USEC_PER_SEC);
	ng_vardict_add(&dict, "uid", "u", audit->uid);
	ng_vardict_add(&dict, "auth", "s", audit->auth);
	ng_vardict_add(&dict, "action", "s", audit->action);
	ng_vardict_add(&dict, "application", "s", audit->app);
	ng_vardict_add(&dict, "before", "s", audit->before);
	ng_vardict_add(&dict, "after", "s", audit->after);
	ng_vardict_add(&dict, "reason", "s", audit->reason);
	ng_vardict_add(&dict, "origin", "s", audit->origin);
	ng_vardict_add(&dict, "hash", "s", audit->hash);
	g_variant_builder_add_value(&rows->list, g_variant_builder_end(&dict));
}

void ng_method_get_audit(NgCall *call, GVariant *parameters, gpointer user_data)
{
	NgEngine *engine = user_data;
	g_autoptr(GVariant) filter = g_variant_get_child_value(parameters, 0);
	g_autoptr(GVariant) since = NULL, limit = NULL;
	const NgOption known[] = { { "since", "x", &since }, { "limit", "u", &limit } };
	Rows rows = { .engine = engine };
	g_autoptr(GError) error = NULL;
	gint64 from;
	guint max;

	if (!ng_method_options(call, filter, known, G_N_ELEMENTS(known)) || !filter_limit(call, limit, &max) ||
	    !filter_since(call, since, &from))
		return;
	g_variant_builder_init(&rows.list, G_VARIANT_TYPE("aa{sv}"));
	if (!ng_history_audits(engine->history, from, max, audit_row, &rows, &error)) {
		g_variant_builder_clear(&rows.list);
		ng_call_fail(call, NG_API_ERROR_FAILED, "The audit chain cannot be read: %s", error->message);
		return;
	}
	ng_call_return(call, g_variant_new("(@aa{sv})", g_variant_builder_end(&rows.list)));
}

typedef struct {
	NgEngine *engine;
	NgCall *call;
} Verify;

static char *verify_text(gboolean intact, guint64 records, guint64 bad, const GError *error, gboolean in_force)
{
	g_autofree char *chain = NULL;

	if (error)
		chain = g_strdup_printf("The audit chain cannot be read: %s.", error->message);
	else if (intact)
		chain = g_strdup_printf("All %" G_GUINT64_FORMAT " records fit together.", records);
	else
		chain = g_strdup_printf("Record %" G_GUINT64_FORMAT " does not fit the one before it.", bad);
	return g_strdup_printf("%s %s", chain,
			       in_force ? "What is in force is what was decided."
					: "What is in force is not what was decided.");
}

static void verify_answer(gpointer data)
{
	g_autofree Verify *verify = data;
	NgEngine *engine = verify->engine;
	const struct ng_status *status = ng_truth_status(engine->truth);
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	guint64 records = 0, bad = 0;
	const gboolean intact = ng_history_verify(engine->history, &records, &bad, &error);
	/* By the enforcer's word of now, not by what we remember of the load. */
	const gboolean in_force = !engine->options->simulate && status && ng_link_answers(engine->link) &&
				  g_strcmp0(ng_truth_state(engine->truth), "not-protecting") != 0 &&
				  status->image_hash == ng_loads_decided_hash(engine->loads);
	GVariantBuilder dict;

	text = verify_text(intact, records, bad, error, in_force);
	g_variant_builder_init(&dict, G_VARIANT_TYPE_VARDICT);
	ng_vardict_add(&dict, "intact", "b", intact);
	ng_vardict_add(&dict, "records", "t", records);
	ng_vardict_add(&dict, "first-bad", "t", bad);
	ng_vardict_add(&dict, "text", "s", text);
	ng_vardict_add(&dict, "in-force", "b", in_force);
	ng_call_return(verify->call, g_variant_new("(@a{sv})", g_variant_builder_end(&dict)));
}

void ng_method_verify_audit(NgCall *call, GVariant *parameters, gpointer user_data)
{
	Verify *verify = g_new(Verify, 1);

	*verify = (Verify){ user_data, call };
	ng_truth_refresh(((NgEngine *)user_data)->truth, 0, TRUE, verify_answer, verify);
}
