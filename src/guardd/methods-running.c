/* SPDX-License-Identifier: MIT */
/*
 * ListRunning: the programs that run now, for everyone. However many ask, the enforcer is asked once a second at most,
 * and the answer is made once.
 */
#include <string.h>

#include "guardd/methods.h"
#include "guardd/running.h"

typedef struct {
	NgEngine *engine;
	NgCall *call;
} Waiting;

static GVariant *uids_variant(const struct ng_program *program)
{
	return g_variant_new_fixed_array(G_VARIANT_TYPE_UINT32, program->uids, program->n_uids, sizeof(guint32));
}

static char *program_name(const NgPolicyApp *app, const char *path)
{
	if (app)
		return g_strdup(app->name);
	return *path ? g_path_get_basename(path) : g_strdup("a program whose path is not known");
}

static GVariant *program_variant(NgEngine *engine, const struct ng_program *program)
{
	const NgPolicyApp *app = ng_running_app(engine, program);
	const guint8 profile = app ? app->profile : engine->settings.default_profile;
	g_autofree char *path = g_utf8_make_valid(program->path, -1);
	g_autofree char *name = program_name(app, path);
	GVariantBuilder dict;

	g_variant_builder_init(&dict, G_VARIANT_TYPE_VARDICT);
	ng_vardict_add(&dict, "executable", "s", path);
	ng_vardict_add(&dict, "name", "s", name);
	ng_vardict_add(&dict, "application", "s", app ? app->id : "");
	ng_vardict_add(&dict, "profile", "s", ng_policy_profile_text(profile));
	ng_vardict_add(&dict, "processes", "u", program->processes);
	ng_vardict_add(&dict, "pid", "u", program->pid);
	g_variant_builder_add(&dict, "{sv}", "uids", uids_variant(program));
	ng_vardict_add(&dict, "more-uids", "b", (program->flags & NG_PROGRAM_MORE_UIDS) != 0);
	ng_vardict_add(&dict, "deleted", "b", (program->flags & NG_PROGRAM_DELETED) != 0);
	ng_vardict_add(&dict, "elsewhere", "b", (program->flags & NG_PROGRAM_ELSEWHERE) != 0);
	return g_variant_builder_end(&dict);
}

/* Processes that are not told one by one: what is cut is said. */
static void add_missing(GVariantBuilder *list, NgEngine *engine, guint n, const char *name)
{
	const struct ng_program nobody = { 0 };
	GVariantBuilder dict;

	if (n == 0)
		return;
	g_variant_builder_init(&dict, G_VARIANT_TYPE_VARDICT);
	ng_vardict_add(&dict, "executable", "s", "");
	ng_vardict_add(&dict, "name", "s", name);
	ng_vardict_add(&dict, "application", "s", "");
	ng_vardict_add(&dict, "profile", "s", ng_policy_profile_text(engine->settings.default_profile));
	ng_vardict_add(&dict, "processes", "u", n);
	ng_vardict_add(&dict, "pid", "u", 0);
	g_variant_builder_add(&dict, "{sv}", "uids", uids_variant(&nobody));
	g_variant_builder_add_value(list, g_variant_builder_end(&dict));
}

static NgReply *list_reply(NgEngine *engine, const GArray *programs)
{
	GVariantBuilder list;
	guint left_out, unseen;

	g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
	for (guint i = 0; i < programs->len; i++)
		g_variant_builder_add_value(&list,
					    program_variant(engine, &g_array_index(programs, struct ng_program, i)));
	ng_running_missing(engine->running, &left_out, &unseen);
	add_missing(&list, engine, left_out, "more processes, which are not listed");
	add_missing(&list, engine, unseen, "processes that this service may not look at");
	return ng_reply_new(g_variant_new("(@aa{sv})", g_variant_builder_end(&list)));
}

static void list_known(const char *failure, gpointer data)
{
	g_autofree Waiting *waiting = data;
	NgEngine *engine = waiting->engine;
	NgReply *kept = failure ? NULL : ng_running_reply(engine->running);
	g_autoptr(NgReply) reply = NULL;

	if (failure) {
		ng_call_fail(waiting->call, NG_API_ERROR_NOT_ENFORCED, "%s What runs is not known now. Try again.",
			     failure);
		return;
	}
	reply = kept ? ng_reply_ref(kept) : list_reply(engine, ng_running_programs(engine->running));
	if (!kept)
		ng_running_keep_reply(engine->running, reply);
	ng_call_return_reply(waiting->call, reply);
}

void ng_method_list_running(NgCall *call, GVariant *parameters, gpointer user_data)
{
	NgEngine *engine = user_data;
	Waiting *waiting;

	if (ng_running_reply(engine->running)) {
		ng_call_return_reply(call, ng_running_reply(engine->running));
		return;
	}
	waiting = g_new(Waiting, 1);
	*waiting = (Waiting){ engine, call };
	ng_running_ask(engine->running, TRUE, list_known, waiting);
}
