/* SPDX-License-Identifier: MIT */
/* The auditor (see audit.h). Runs in the engine; writes only through src/history. */
#include "guardd/audit.h"

#include <string.h>

#include "guardd/app-json.h"

#define REFUSED_PER_UID 10
#define REFUSED_OF_ALL 60
#define REFUSED_WINDOW_S 60

struct _NgAuditor {
	NgEngine *engine;
	GHashTable *refused; /* uid -> count in this window */
	guint n_refused;
	guint64 unrecorded;
	guint window; /* timer */
};

NgAuditor *ng_auditor_new(NgEngine *engine)
{
	NgAuditor *auditor = g_new0(NgAuditor, 1);

	auditor->engine = engine;
	auditor->refused = g_hash_table_new(NULL, NULL);
	return auditor;
}

void ng_auditor_free(NgAuditor *auditor)
{
	g_clear_handle_id(&auditor->window, g_source_remove);
	g_hash_table_unref(auditor->refused);
	g_free(auditor);
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

void ng_audit_record(NgAuditor *auditor, const NgAudit *audit)
{
	NgAudit full = *audit;

	full.time = audit->time ? audit->time : g_get_real_time();
	full.auth = or_empty(audit->auth);
	full.action = or_empty(audit->action);
	full.app = or_empty(audit->app);
	full.before = or_empty(audit->before);
	full.after = or_empty(audit->after);
	full.reason = or_empty(audit->reason);
	full.origin = or_empty(audit->origin);
	/* A failure is the history's health, which GetStatus shows. */
	ng_history_audit(auditor->engine->history, &full, NULL);
}

void ng_audit_change(NgAuditor *auditor, guint32 uid, const char *auth, const char *action, const NgPolicyApp *before,
		     const NgPolicyApp *after, const char *reason, const char *origin)
{
	g_autofree char *was = ng_app_json_text(before), *is = ng_app_json_text(after);

	ng_audit_record(auditor, &(NgAudit){ .uid = uid,
					     .auth = auth,
					     .action = action,
					     .app = after ? after->id : (before ? before->id : ""),
					     .before = was,
					     .after = is,
					     .reason = reason,
					     .origin = origin });
}

static gboolean refused_window_ends(gpointer data)
{
	NgAuditor *auditor = data;

	if (auditor->unrecorded > 0) {
		g_autofree char *reason = g_strdup_printf(
			"%" G_GUINT64_FORMAT " more calls were refused in this minute", auditor->unrecorded);

		ng_audit_record(auditor, &(NgAudit){ .uid = NG_AUDIT_UID_UNKNOWN,
						     .auth = "service",
						     .action = "refused",
						     .reason = reason,
						     .origin = "service" });
	}
	g_hash_table_remove_all(auditor->refused);
	auditor->n_refused = 0;
	auditor->unrecorded = 0;
	auditor->window = 0;
	return G_SOURCE_REMOVE;
}

void ng_audit_refused(NgAuditor *auditor, guint32 uid, const char *auth, const char *method, const char *why)
{
	const gpointer key = GUINT_TO_POINTER(uid);
	const guint count = GPOINTER_TO_UINT(g_hash_table_lookup(auditor->refused, key));

	if (auditor->window == 0)
		auditor->window = g_timeout_add_seconds(REFUSED_WINDOW_S, refused_window_ends, auditor);
	if (count >= REFUSED_PER_UID || auditor->n_refused >= REFUSED_OF_ALL) {
		auditor->unrecorded++;
		return;
	}
	g_hash_table_insert(auditor->refused, key, GUINT_TO_POINTER(count + 1));
	auditor->n_refused++;
	ng_audit_record(auditor, &(NgAudit){ .uid = uid,
					     .auth = auth,
					     .action = "refused",
					     .after = method,
					     .reason = why,
					     .origin = "service" });
}

GHashTable *ng_audit_picture(NgPolicy *policy)
{
	GHashTable *picture = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	GPtrArray *apps = ng_policy_apps(policy);

	for (guint i = 0; i < apps->len; i++) {
		const NgPolicyApp *app = g_ptr_array_index(apps, i);

		g_hash_table_insert(picture, g_strdup(app->id), ng_app_json_text(app));
	}
	return picture;
}

static void outside_record(NgAuditor *auditor, const char *id, const char *was, const char *is, const char *reason)
{
	ng_audit_record(auditor, &(NgAudit){ .uid = NG_AUDIT_UID_UNKNOWN,
					     .auth = "service",
					     .action = is ? "set" : "forget",
					     .app = id,
					     .before = was,
					     .after = is,
					     .reason = reason,
					     .origin = "file" });
}

/* Record what is in `these` and not the same in `others`; with `gone` only what is not in `others` at all. */
static guint outside_compare(NgAuditor *auditor, GHashTable *these, GHashTable *others, gboolean gone, guint n,
			     const char *reason)
{
	GHashTableIter iter;
	gpointer id, text;

	g_hash_table_iter_init(&iter, these);
	while (g_hash_table_iter_next(&iter, &id, &text)) {
		const char *other = g_hash_table_lookup(others, id);

		if (gone ? other != NULL : g_strcmp0(text, other) == 0)
			continue;
		if (n++ < NG_AUDIT_MAX_OUTSIDE)
			outside_record(auditor, id, gone ? text : other, gone ? NULL : text, reason);
	}
	return n;
}

gboolean ng_audit_outside(NgAuditor *auditor, GHashTable *before, GHashTable *after, const char *reason)
{
	guint n = outside_compare(auditor, after, before, FALSE, 0, reason);

	n = outside_compare(auditor, before, after, TRUE, n, reason);
	if (n > NG_AUDIT_MAX_OUTSIDE) {
		g_autofree char *text =
			g_strdup_printf("%u more applications changed with these", n - NG_AUDIT_MAX_OUTSIDE);

		outside_record(auditor, "", "", "", text);
	}
	return n > 0;
}

char *ng_audit_picture_text(GHashTable *picture)
{
	GString *text = g_string_new(NULL);
	GHashTableIter iter;
	gpointer id, json;

	g_hash_table_iter_init(&iter, picture);
	while (g_hash_table_iter_next(&iter, &id, &json))
		g_string_append_printf(text, "%s %s\n", (const char *)id, (const char *)json);
	return g_string_free(text, FALSE);
}

GHashTable *ng_audit_picture_parse(const char *text)
{
	GHashTable *picture = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

	while (*text) {
		const gsize length = strcspn(text, "\n");
		const char *space = memchr(text, ' ', length);

		if (space)
			g_hash_table_insert(picture, g_strndup(text, (gsize)(space - text)),
					    g_strndup(space + 1, length - (gsize)(space + 1 - text)));
		text += length + (text[length] ? 1 : 0);
	}
	return picture;
}
