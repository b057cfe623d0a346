/* SPDX-License-Identifier: MIT */
/* Which blocked attempts are told, and when: see notices.h. */
#include "window/notices.h"

#include <glib/gi18n.h>
#include <string.h>

#include "window/format.h"
#include "window/guard.h"

#define MINUTE_US (60 * G_USEC_PER_SEC)
#define NEVER G_MININT64

typedef struct {
	NgwNotice notice;
	GHashTable *whats; /* different destinations since the last notice */
	gint64 since_us;   /* when the first that waits came; meaningless while count is 0 */
	gint64 told_us;    /* NEVER: not yet */
} Gathered;

struct _NgwNotices {
	GHashTable *by_key;                       /* key -> Gathered */
	gint64 told_us[NGW_NOTICES_MAX_A_MINUTE]; /* a ring: the last ones */
	guint next_told;
	NgwNotice current; /* what ngw_notices_next() lent */
};

static void notice_clear(NgwNotice *notice)
{
	g_free(notice->key);
	g_free(notice->executable);
	g_free(notice->decider);
	g_free(notice->what);
	g_free(notice->reason);
	g_free(notice->text);
	*notice = (NgwNotice){ 0 };
}

static void gathered_free(gpointer data)
{
	Gathered *gathered = data;

	notice_clear(&gathered->notice);
	g_hash_table_unref(gathered->whats);
	g_free(gathered);
}

NgwNotices *ngw_notices_new(void)
{
	NgwNotices *notices = g_new0(NgwNotices, 1);

	notices->by_key = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, gathered_free);
	for (guint i = 0; i < NGW_NOTICES_MAX_A_MINUTE; i++)
		notices->told_us[i] = NEVER;
	return notices;
}

void ngw_notices_free(NgwNotices *notices)
{
	g_hash_table_unref(notices->by_key);
	notice_clear(&notices->current);
	g_free(notices);
}

/* --- gathering --- */

static void set_text(char **text, const char *value)
{
	if (g_strcmp0(*text, value) == 0)
		return;
	g_free(*text);
	*text = g_strdup(value);
}

static char *words_of(GVariant *attempt)
{
	const char *call = ngw_dict_string(attempt, "call", "");
	const guint port = (guint)ngw_dict_count(attempt, "port");
	g_autofree char *host = NULL;

	if (g_str_equal(call, "create"))
		return g_strdup(_("opening a socket"));
	if (g_str_equal(call, "bind"))
		return port ? g_strdup_printf(_("listening on port %u"), port) : g_strdup(_("listening"));
	host = ngw_format_host(ngw_dict_string(attempt, "address", ""), port, ngw_dict_string(attempt, "protocol", ""));
	return g_str_equal(call, "recv") ? g_strdup_printf(_("from %s"), host) : g_steal_pointer(&host);
}

/* What would let this pass: of the classes only, an allowance may be the better way. */
static NgwProfile needs_of(GVariant *attempt)
{
	const char *reason = ngw_dict_string(attempt, "reason", "");
	const char *class = ngw_dict_string(attempt, "class", "");

	if (!g_str_equal(reason, "offline") && !g_str_equal(reason, "not-local") && !g_str_equal(reason, "shared") &&
	    !g_str_equal(reason, "metadata"))
		return NGW_PROFILE_NONE;
	if (g_str_equal(class, "machine") || g_str_equal(class, "lan") || g_str_equal(class, "on-link"))
		return NGW_PROFILE_LOCAL;
	return NGW_PROFILE_ONLINE;
}

/* Make room by forgetting those of whom nothing waits and who may be told of again anyhow. */
static void notices_prune(NgwNotices *notices, gint64 now_us)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, notices->by_key);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		const Gathered *gathered = value;

		if (gathered->notice.count == 0 &&
		    (gathered->told_us == NEVER || now_us - gathered->told_us >= NGW_NOTICES_EACH_US))
			g_hash_table_iter_remove(&iter);
	}
}

static Gathered *notices_gathered(NgwNotices *notices, const char *key, gint64 now_us)
{
	Gathered *gathered = g_hash_table_lookup(notices->by_key, key);

	if (gathered)
		return gathered;
	if (g_hash_table_size(notices->by_key) >= NGW_NOTICES_MAX_APPS)
		notices_prune(notices, now_us);
	if (g_hash_table_size(notices->by_key) >= NGW_NOTICES_MAX_APPS)
		return NULL;
	gathered = g_new0(Gathered, 1);
	gathered->notice.key = g_strdup(key);
	gathered->whats = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	gathered->told_us = NEVER;
	g_hash_table_insert(notices->by_key, g_strdup(key), gathered);
	return gathered;
}

void ngw_notices_add(NgwNotices *notices, const char *key, GVariant *attempt, gint64 now_us)
{
	const char *application = ngw_dict_string(attempt, "application", "");
	const char *decider = ngw_dict_string(attempt, "decider", "");
	Gathered *gathered = notices_gathered(notices, key, now_us);
	const NgwProfile needs = needs_of(attempt);
	NgwNotice *notice;
	char *what;

	if (!gathered)
		return;
	notice = &gathered->notice;
	if (notice->count == 0) {
		gathered->since_us = now_us;
		notice->needs = needs;
	}
	notice->needs = notice->needs == NGW_PROFILE_NONE || needs == NGW_PROFILE_NONE ? NGW_PROFILE_NONE
										       : MAX(notice->needs, needs);
	notice->count += MAX(ngw_dict_count(attempt, "count"), 1);
	notice->is_inherited = *decider && !g_str_equal(decider, application);
	notice->is_simulated = g_str_equal(ngw_dict_string(attempt, "verdict", ""), "would-be-denied");
	set_text(&notice->executable, ngw_dict_string(attempt, "executable", ""));
	set_text(&notice->decider, decider);
	set_text(&notice->reason, ngw_dict_string(attempt, "reason", ""));
	set_text(&notice->text, ngw_dict_string(attempt, "text", ""));
	what = words_of(attempt);
	set_text(&notice->what, what);
	if (g_hash_table_size(gathered->whats) < NGW_NOTICES_MAX_HOSTS)
		g_hash_table_add(gathered->whats, what);
	else
		g_free(what);
	notice->n_whats = g_hash_table_size(gathered->whats);
}

/* --- letting through --- */

/* When the next notice of anybody may come. */
static gint64 notices_free_at(NgwNotices *notices)
{
	const gint64 oldest = notices->told_us[notices->next_told];

	return oldest == NEVER ? NEVER : oldest + MINUTE_US;
}

static void notices_lend(NgwNotices *notices, Gathered *gathered, gint64 now_us)
{
	NgwNotice *notice = &gathered->notice;

	notice_clear(&notices->current);
	notices->current = *notice;
	*notice = (NgwNotice){ .key = g_strdup(notices->current.key) };
	g_hash_table_remove_all(gathered->whats);
	gathered->told_us = now_us;
	notices->told_us[notices->next_told] = now_us;
	notices->next_told = (notices->next_told + 1) % NGW_NOTICES_MAX_A_MINUTE;
}

const NgwNotice *ngw_notices_next(NgwNotices *notices, gint64 now_us, gint64 *ret_wait_us)
{
	const gint64 free_at = notices_free_at(notices);
	gint64 earliest = G_MAXINT64;
	Gathered *chosen = NULL;
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, notices->by_key);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		Gathered *gathered = value;
		gint64 at = gathered->told_us == NEVER ? NEVER : gathered->told_us + NGW_NOTICES_EACH_US;

		if (gathered->notice.count == 0)
			continue;
		at = MAX(at, free_at);
		earliest = MIN(earliest, at);
		if (at <= now_us && (!chosen || gathered->since_us < chosen->since_us))
			chosen = gathered;
	}
	if (!chosen) {
		*ret_wait_us = earliest == G_MAXINT64 ? -1 : earliest - now_us;
		return NULL;
	}
	notices_lend(notices, chosen, now_us);
	return &notices->current;
}

static void gathered_drop(Gathered *gathered)
{
	char *key = g_steal_pointer(&gathered->notice.key);

	notice_clear(&gathered->notice);
	gathered->notice.key = key;
	g_hash_table_remove_all(gathered->whats);
}

void ngw_notices_drop(NgwNotices *notices, const char *key)
{
	Gathered *one = key ? g_hash_table_lookup(notices->by_key, key) : NULL;
	GHashTableIter iter;
	gpointer value;

	if (key) {
		if (one)
			gathered_drop(one);
		return;
	}
	g_hash_table_iter_init(&iter, notices->by_key);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		gathered_drop(value);
}

/* --- words --- */

char *ngw_notice_title(const NgwNotice *notice, const char *name)
{
	if (notice->is_simulated)
		return g_strdup_printf(_("%s would have been blocked"), name);
	return g_strdup_printf(_("%s was blocked"), name);
}

static char *destination_text(const NgwNotice *notice)
{
	const guint others = notice->n_whats > 1 ? notice->n_whats - 1 : 0;

	if (notice->n_whats >= NGW_NOTICES_MAX_HOSTS)
		return g_strdup_printf(_("%s and many others"), notice->what);
	if (others > 0)
		return g_strdup_printf(g_dngettext(GETTEXT_PACKAGE, "%s and %u other", "%s and %u others", others),
				       notice->what, others);
	return g_strdup(notice->what);
}

/* Held to the profile of a program that started it. NULL: no words for it. */
static char *inherited_text(const char *reason, const char *name)
{
	if (g_str_equal(reason, "offline"))
		return g_strdup_printf(_("%s, which started it, is Offline."), name);
	if (g_str_equal(reason, "not-local"))
		return g_strdup_printf(_("%s, which started it, is Local, and this is on the Internet."), name);
	if (g_str_equal(reason, "shared"))
		return g_strdup_printf(_("Shared addresses are not local for %s, which started it."), name);
	if (g_str_equal(reason, "metadata"))
		return g_strdup_printf(_("%s, which started it, may not ask the cloud metadata service."), name);
	return NULL;
}

static char *reason_text(const NgwNotice *notice, const char *decider_name)
{
	static const struct {
		const char *reason, *own, *by_default;
	} sentences[] = {
		{ "offline", N_("It is Offline."), N_("Programs nobody decided on are Offline.") },
		{ "not-local", N_("It is Local, and this is on the Internet."),
		  N_("Programs nobody decided on are Local, and this is on the Internet.") },
		{ "shared", N_("Shared addresses are not local for it."),
		  N_("Shared addresses are not local for programs nobody decided on.") },
		{ "metadata", N_("It may not ask the cloud metadata service."),
		  N_("Programs nobody decided on may not ask the cloud metadata service.") },
		{ "panic", N_("Everything is Offline until you resume."),
		  N_("Everything is Offline until you resume.") },
	};
	g_autofree char *inherited = notice->is_inherited ? inherited_text(notice->reason, decider_name) : NULL;

	if (inherited)
		return g_steal_pointer(&inherited);
	for (gsize i = 0; i < G_N_ELEMENTS(sentences); i++) {
		if (g_strcmp0(notice->reason, sentences[i].reason) == 0)
			return g_strdup(*notice->decider ? _(sentences[i].own) : _(sentences[i].by_default));
	}
	return g_strdup(notice->text);
}

char *ngw_notice_body(const NgwNotice *notice, const char *decider_name)
{
	g_autofree char *destination = destination_text(notice);
	g_autofree char *times = notice->count > 1 ? ngw_format_times(notice->count) : NULL;
	g_autofree char *reason = reason_text(notice, decider_name);
	g_autofree char *first =
		times ? g_strdup_printf("%s, %s.", destination, times) : g_strdup_printf("%s.", destination);

	if (notice->is_simulated)
		return g_strdup_printf("%s\n%s %s", first, reason, _("This is a simulation: nothing was blocked."));
	return g_strdup_printf("%s\n%s", first, reason);
}
