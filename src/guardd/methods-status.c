/* SPDX-License-Identifier: MIT */
/* GetStatus and Check: what is in force, in words, for everyone. Answers come from truth.c; nothing is claimed here. */
#include <string.h>

#include "config.h"
#include "guardd/capabilities.h"
#include "guardd/methods.h"
#include "guardd/truth.h"

#define STATUS_AGE_MS 1000
#define CHECK_AGE_MS 2000

typedef struct {
	NgEngine *engine;
	NgCall *call;
} Waiting;

static Waiting *waiting_new(NgEngine *engine, NgCall *call)
{
	Waiting *waiting = g_new(Waiting, 1);

	*waiting = (Waiting){ engine, call };
	return waiting;
}

static const char *const fault_names[] = {
	[NG_FAULT_EVENTS_LOST] = "events-lost", [NG_FAULT_TASK_MAP] = "task-map",
	[NG_FAULT_SOCK_TAG] = "socket-tag",     [NG_FAULT_UNTAGGED] = "untagged",
	[NG_FAULT_TOO_DEEP] = "too-deep",       [NG_FAULT_BAD_SLOT] = "bad-slot",
	[NG_FAULT_HELD_MAP] = "held-map",       [NG_FAULT_BAD_PACKET] = "bad-packet",
	[NG_FAULT_COUNTS] = "counts",
};

static GVariant *status_faults(const struct ng_status *status)
{
	GVariantBuilder faults;

	g_variant_builder_init(&faults, G_VARIANT_TYPE("a{st}"));
	for (gsize i = 0; status && i < G_N_ELEMENTS(fault_names); i++) {
		if (fault_names[i])
			g_variant_builder_add(&faults, "{st}", fault_names[i], status->faults[i]);
	}
	return g_variant_builder_end(&faults);
}

static GVariant *status_missing(NgEngine *engine, const struct ng_status *status)
{
	GVariantBuilder missing;

	g_variant_builder_init(&missing, G_VARIANT_TYPE("as"));
	if (!status)
		g_variant_builder_add(&missing, "s", "The enforcer has not said what it can do.");
	else if (engine->options->simulate)
		g_variant_builder_add(&missing, "s", "Nothing is blocked: this is a simulation.");
	for (gsize i = 0; status && !engine->options->simulate && i < ng_n_capabilities; i++) {
		const NgCapability *capability = &ng_capabilities[i];

		if (!capability->is_unused && !(status->in_force & capability->bit))
			g_variant_builder_add(&missing, "s", capability->absent);
	}
	return g_variant_builder_end(&missing);
}

static void status_add_enforcer(GVariantBuilder *builder, NgEngine *engine, const struct ng_status *status)
{
	g_autofree char *kernel = status ? g_utf8_make_valid(status->kernel, -1) : g_strdup("");
	g_autofree char *cgroup = status ? g_utf8_make_valid(status->attach_path, -1) : g_strdup("");
	const gboolean is_bpf = status && status->backend == NG_BACKEND_BPF;

	ng_vardict_add(builder, "backend", "s", !status ? "" : is_bpf ? "bpf" : "simulation");
	ng_vardict_add(builder, "kernel", "s", kernel);
	ng_vardict_add(builder, "cgroup", "s", cgroup);
	ng_vardict_add(builder, "adopted", "b", status && status->adopted != 0);
	ng_vardict_add(builder, "executables", "u", status ? status->n_exes : 0u);
	g_variant_builder_add(builder, "{sv}", "faults", status_faults(status));
	g_variant_builder_add(builder, "{sv}", "missing", status_missing(engine, status));
	ng_vardict_add(builder, "enforcer-answers", "b", ng_link_answers(engine->link));
}

static void status_answer(gpointer data)
{
	g_autofree Waiting *waiting = data;
	NgEngine *engine = waiting->engine;
	const char *health = ng_history_health(engine->history);
	g_autofree char *summary = ng_truth_summary(engine->truth);
	g_autofree char *valid = g_utf8_make_valid(summary, -1);
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	ng_vardict_add(&builder, "version", "s", NG_VERSION);
	ng_vardict_add(&builder, "state", "s", ng_truth_state(engine->truth));
	ng_vardict_add(&builder, "summary", "s", valid);
	ng_vardict_add(&builder, "enforcing", "b", ng_truth_is_enforcing(engine->truth));
	ng_vardict_add(&builder, "mode", "s", ng_mode_text(engine->mode.mode));
	ng_vardict_add(&builder, "paused-until", "x",
		       engine->mode.mode == NG_MODE_PAUSED ? engine->mode.paused_until : (gint64)0);
	ng_vardict_add(&builder, "applications", "u", ng_policy_apps(engine->policy)->len);
	ng_vardict_add(&builder, "default-profile", "s", ng_policy_profile_text(engine->settings.default_profile));
	g_variant_builder_add(&builder, "{sv}", "problems", ng_method_problems(engine));
	ng_vardict_add(&builder, "history-health", "s", health ? health : "");
	ng_vardict_add(&builder, "clients", "u", engine->server ? ng_server_n_clients(engine->server) : 0u);
	status_add_enforcer(&builder, engine, ng_truth_status(engine->truth));
	ng_call_return(waiting->call, g_variant_new("(@a{sv})", g_variant_builder_end(&builder)));
}

void ng_method_get_status(NgCall *call, GVariant *parameters, gpointer user_data)
{
	NgEngine *engine = user_data;

	ng_truth_refresh(engine->truth, STATUS_AGE_MS, FALSE, status_answer, waiting_new(engine, call));
}

static void check_answer(gpointer data)
{
	g_autofree Waiting *waiting = data;
	const struct ng_status *status = ng_truth_status(waiting->engine->truth);
	GVariantBuilder list;

	g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
	for (gsize i = 0; i < ng_n_capabilities; i++) {
		const NgCapability *capability = &ng_capabilities[i];
		const gboolean supported = status && (status->supported & capability->bit);
		const gboolean in_force = status && !waiting->engine->options->simulate &&
					  (status->in_force & capability->bit) && !capability->is_unused;
		GVariantBuilder dict;

		g_variant_builder_init(&dict, G_VARIANT_TYPE_VARDICT);
		ng_vardict_add(&dict, "id", "s", capability->id);
		ng_vardict_add(&dict, "title", "s", capability->title);
		ng_vardict_add(&dict, "supported", "b", supported);
		ng_vardict_add(&dict, "in-force", "b", in_force);
		ng_vardict_add(&dict, "needed", "b", capability->is_needed);
		ng_vardict_add(&dict, "meaning", "s",
			       in_force || (capability->is_unused && supported) ? capability->present
										: capability->absent);
		g_variant_builder_add_value(&list, g_variant_builder_end(&dict));
	}
	ng_call_return(waiting->call, g_variant_new("(@aa{sv})", g_variant_builder_end(&list)));
}

void ng_method_check(NgCall *call, GVariant *parameters, gpointer user_data)
{
	NgEngine *engine = user_data;

	ng_truth_refresh(engine->truth, CHECK_AGE_MS, TRUE, check_answer, waiting_new(engine, call));
}
