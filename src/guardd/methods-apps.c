/* SPDX-License-Identifier: MIT */
/*
 * ListApps and GetApp. What everyone may see is the same for everyone: that list is made once and kept until something
 * in it changes, so that asking for it again and again costs a copy to the socket. Traffic is for root alone; of root's
 * list everything but the numbers is kept.
 */
#include <malloc.h>
#include <string.h>

#include "guardd/attempts.h"
#include "guardd/fingerprints.h"
#include "guardd/found.h"
#include "guardd/methods.h"

#define COUNTS_TIMEOUT_MS 2000
#define LIST_IDLE_S 10 /* then the kept list is let go */

typedef struct {
	NgEngine *engine;
	NgCall *call;
	char *app; /* GetApp's id; NULL: all */
} Waiting;

/* What only root is told: in this order. */
enum { DENIED_TODAY, TX_BYTES, RX_BYTES, ALLOWED, DENIED, TRAFFIC };
static const char *const traffic_keys[TRAFFIC] = { "denied-today", "tx-bytes", "rx-bytes", "allowed", "denied" };

static GVariant *found_variant(NgEngine *engine, const NgPolicyApp *app)
{
	const GArray *files = ng_found_files(engine->found, app->id);
	GVariantBuilder found;

	g_variant_builder_init(&found, G_VARIANT_TYPE("as"));
	for (guint i = 0; files && i < files->len; i++) {
		g_autofree char *path = g_utf8_make_valid(g_array_index(files, NgIdentityFile, i).path, -1);

		g_variant_builder_add(&found, "s", path);
	}
	return g_variant_builder_end(&found);
}

static GVariant *flags_variant(guint8 flags)
{
	static const struct {
		guint8 bit;
		const char *word;
	} words[] = { { NG_APP_LOOPBACK, "loopback" },
		      { NG_APP_SHARED, "shared" },
		      { NG_APP_METADATA, "cloud-metadata" },
		      { NG_APP_CHILDREN_OWN, "children-own" } };
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE("as"));
	for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
		if (flags & words[i].bit)
			g_variant_builder_add(&builder, "s", words[i].word);
	}
	return g_variant_builder_end(&builder);
}

static const char *layer_text(NgLayer layer)
{
	switch (layer) {
	case NG_LAYER_VENDOR:
		return "vendor";
	case NG_LAYER_USER:
		return "user";
	case NG_LAYER_ADMIN:
		return "administrator";
	}
	return "";
}

/* The numbers of one application. How many of them are known: the enforcer may not have said. */
static guint traffic_of(NgEngine *engine, const NgPolicyApp *app, GHashTable *counts, guint64 numbers[TRAFFIC])
{
	const guint64 key = ng_image_app_key(app->id, strlen(app->id));
	const struct ng_app_counts *traffic = counts ? g_hash_table_lookup(counts, &key) : NULL;
	const struct ng_counts now = traffic ? traffic->counts : (struct ng_counts){ 0 };

	numbers[DENIED_TODAY] = ng_attempts_denied_today(engine->attempts, app->id);
	numbers[TX_BYTES] = now.tx_bytes;
	numbers[RX_BYTES] = now.rx_bytes;
	numbers[ALLOWED] = now.allowed;
	numbers[DENIED] = now.denied;
	return counts ? TRAFFIC : DENIED_TODAY + 1;
}

static void add_fingerprint(GVariantBuilder *builder, NgEngine *engine, const NgPolicyApp *app)
{
	g_auto(NgFingerprint) now = ng_fingerprints_of(engine->fingerprints, app->id);
	GVariantBuilder changed;

	g_variant_builder_init(&changed, G_VARIANT_TYPE("as"));
	for (guint i = 0; now.changed && i < now.changed->len; i++) {
		g_autofree char *path = g_utf8_make_valid(g_ptr_array_index(now.changed, i), -1);

		g_variant_builder_add(&changed, "s", path);
	}
	ng_vardict_add(builder, "fingerprint", "s", now.fingerprint ? now.fingerprint : "");
	ng_vardict_add(builder, "approved", "x", now.approved);
	ng_vardict_add(builder, "changed", "as", &changed);
}

/* Serialised at once: a tree of 10,000 applications would be ten times as large. */
static GVariant *app_variant(NgEngine *engine, const NgPolicyApp *app, const guint64 *traffic, guint n_traffic)
{
	const char *profile = ng_policy_profile_text(app->profile);
	const char *then = app->then ? ng_policy_profile_text(app->then) : "";
	GVariantBuilder builder;
	GVariant *variant;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	ng_vardict_add(&builder, "id", "s", app->id);
	ng_vardict_add(&builder, "name", "s", app->name);
	ng_vardict_add(&builder, "executables", "^as", app->executables);
	g_variant_builder_add(&builder, "{sv}", "found", found_variant(engine, app));
	ng_vardict_add(&builder, "profile", "s", profile);
	g_variant_builder_add(&builder, "{sv}", "flags", flags_variant(app->flags));
	ng_vardict_add(&builder, "children", "s", app->flags & NG_APP_CHILDREN_OWN ? "own" : "inherit");
	ng_vardict_add(&builder, "allow", "^as", app->allow_texts);
	ng_vardict_add(&builder, "until", "x", app->until);
	ng_vardict_add(&builder, "while", "s", ng_policy_span_text(app->span));
	ng_vardict_add(&builder, "then", "s", then);
	ng_vardict_add(&builder, "reason", "s", app->reason ? app->reason : "");
	ng_vardict_add(&builder, "layer", "s", layer_text(app->layer));
	ng_vardict_add(&builder, "managed", "b", app->layer == NG_LAYER_ADMIN);
	ng_vardict_add(&builder, "path", "s", app->path ? app->path : "");
	add_fingerprint(&builder, engine, app);
	for (guint i = 0; i < n_traffic; i++)
		ng_vardict_add(&builder, traffic_keys[i], "t", traffic[i]);
	variant = g_variant_builder_end(&builder);
	g_variant_get_data(variant);
	return variant;
}

/* Everyone's list. */
static NgReply *list_reply(NgEngine *engine)
{
	GPtrArray *apps = ng_policy_apps(engine->policy);
	GVariantBuilder list;

	g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
	for (guint i = 0; i < apps->len; i++)
		g_variant_builder_add_value(&list, app_variant(engine, g_ptr_array_index(apps, i), NULL, 0));
	return ng_reply_new(g_variant_new("(@aa{sv})", g_variant_builder_end(&list)));
}

/* Root's list. With a template a mark stands for each number; without, the numbers of `counts` (NULL: not known). */
static GVariant *admin_list(NgEngine *engine, NgReplyTemplate *template, GHashTable *counts)
{
	GPtrArray *apps = ng_policy_apps(engine->policy);
	GVariantBuilder list;

	g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
	for (guint i = 0; i < apps->len; i++) {
		const NgPolicyApp *app = g_ptr_array_index(apps, i);
		guint64 numbers[TRAFFIC];
		guint n = TRAFFIC;

		for (guint j = 0; template && j < TRAFFIC; j++)
			numbers[j] = ng_reply_template_mark(template);
		if (!template)
			n = traffic_of(engine, app, counts, numbers);
		g_variant_builder_add_value(&list, app_variant(engine, app, numbers, n));
	}
	return g_variant_new("(@aa{sv})", g_variant_builder_end(&list));
}

/* The template of root's list, kept until something in it changes; NULL: it is not to be had. */
static const NgReplyTemplate *admin_template(NgEngine *engine)
{
	const guint n_marks = ng_policy_apps(engine->policy)->len * TRAFFIC;
	NgReplyTemplate *template;

	if (engine->admin_list && ng_reply_template_n_marks(engine->admin_list) == n_marks)
		return engine->admin_list;
	g_clear_pointer(&engine->admin_list, ng_reply_template_free);
	template = ng_reply_template_new();
	if (ng_reply_template_finish(template, admin_list(engine, template, NULL)))
		engine->admin_list = template;
	else
		ng_reply_template_free(template);
	return engine->admin_list;
}

static NgReply *admin_reply(NgEngine *engine, GHashTable *counts)
{
	GPtrArray *apps = ng_policy_apps(engine->policy);
	const NgReplyTemplate *template = counts ? admin_template(engine) : NULL;
	g_autofree guint64 *numbers = NULL;

	if (!template)
		return ng_reply_new(admin_list(engine, NULL, counts));
	numbers = g_new(guint64, (gsize)apps->len * TRAFFIC + 1);
	for (guint i = 0; i < apps->len; i++)
		traffic_of(engine, g_ptr_array_index(apps, i), counts, numbers + (gsize)i * TRAFFIC);
	return ng_reply_template_fill(template, numbers);
}

static gboolean list_is_idle(gpointer data)
{
	NgEngine *engine = data;

	ng_engine_list_changed(engine);
	engine->list_timer = 0;
	malloc_trim(0);
	return G_SOURCE_REMOVE;
}

static void list_watch_idle(NgEngine *engine)
{
	if (engine->list_timer == 0)
		engine->list_timer = g_timeout_add_seconds(LIST_IDLE_S, list_is_idle, engine);
}

static void answer_one(Waiting *waiting, GHashTable *counts)
{
	const NgPolicyApp *app = ng_policy_find(waiting->engine->policy, waiting->app);
	guint64 traffic[TRAFFIC];
	guint n = 0;

	if (app)
		n = traffic_of(waiting->engine, app, counts, traffic);
	if (!app)
		ng_call_fail(waiting->call, NG_API_ERROR_UNKNOWN, "“%s” has just been forgotten. See netguard list.",
			     waiting->app);
	else
		ng_call_return(waiting->call, g_variant_new("(@a{sv})", app_variant(waiting->engine, app, traffic, n)));
}

static void traffic_known(const struct ng_message *reply, GArray *parts, const char *failure, gpointer data)
{
	Waiting *waiting = data;
	g_autoptr(GHashTable) counts = reply ? g_hash_table_new(g_int64_hash, g_int64_equal) : NULL;

	for (guint i = 0; reply && i < parts->len; i++) {
		struct ng_app_counts *entry = &g_array_index(parts, struct ng_app_counts, i);

		g_hash_table_insert(counts, &entry->app_key, entry);
	}
	if (waiting->app) {
		answer_one(waiting, counts);
	} else {
		g_autoptr(NgReply) list = admin_reply(waiting->engine, counts);

		ng_call_return_reply(waiting->call, list);
		list_watch_idle(waiting->engine);
	}
	g_free(waiting->app);
	g_free(waiting);
}

/* With the traffic when the caller may see it, which takes asking the enforcer. */
static void answer_with_traffic(NgEngine *engine, NgCall *call, const char *app)
{
	Waiting *waiting = g_new0(Waiting, 1);

	*waiting = (Waiting){ engine, call, g_strdup(app) };
	ng_link_ask(engine->link, NG_MESSAGE_COUNTS, -1,
		    ng_link_answers(engine->link) ? COUNTS_TIMEOUT_MS : COUNTS_TIMEOUT_MS / 10, traffic_known, waiting);
}

void ng_method_list_apps(NgCall *call, GVariant *parameters, gpointer user_data)
{
	NgEngine *engine = user_data;

	if (ng_call_is_admin(call)) {
		answer_with_traffic(engine, call, NULL);
		return;
	}
	if (!engine->list)
		engine->list = list_reply(engine);
	list_watch_idle(engine);
	ng_call_return_reply(call, engine->list);
}

void ng_method_get_app(NgCall *call, GVariant *parameters, gpointer user_data)
{
	NgEngine *engine = user_data;
	const NgPolicyApp *app;
	const char *text;

	g_variant_get(parameters, "(&s)", &text);
	app = ng_policy_resolve(engine->policy, text);
	if (!app)
		ng_call_fail(call, NG_API_ERROR_UNKNOWN,
			     "There is no application “%s”. See netguard list for the names.", text);
	else if (ng_call_is_admin(call))
		answer_with_traffic(engine, call, app->id);
	else
		ng_call_return(call, g_variant_new("(@a{sv})", app_variant(engine, app, NULL, 0)));
}
