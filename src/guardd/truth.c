/* SPDX-License-Identifier: MIT */
/*
 * What is in force, and the words for it (see truth.h). Rules: a simulation never protects; without a load that
 * succeeded since the start, or without every needed capability in force, we do not protect; pause and panic are said
 * only when the enforcer says that they are in force.
 */
#include "guardd/truth.h"

#include <string.h>

#include "guardd/capabilities.h"
#include "guardd/loads.h"

#define REFRESH_TIMEOUT_MS 1000

typedef struct {
	NgTruthDone done;
	gpointer user_data;
} Waiter;

struct _NgTruth {
	NgEngine *engine;
	struct ng_status status;
	gboolean has_status;
	gint64 at_us; /* monotonic */
	gboolean is_asking;
	gboolean is_asking_verify;
	gboolean is_verified; /* the last word came from a look at the kernel */
	GArray *waiters;      /* Waiter */
	char *said;           /* the state clients were last told of */
};

NgTruth *ng_truth_new(NgEngine *engine)
{
	NgTruth *truth = g_new0(NgTruth, 1);

	truth->engine = engine;
	truth->waiters = g_array_new(FALSE, FALSE, sizeof(Waiter));
	return truth;
}

void ng_truth_free(NgTruth *truth)
{
	g_array_unref(truth->waiters);
	g_free(truth->said);
	g_free(truth);
}

static void truth_tell(NgTruth *truth)
{
	g_autoptr(GArray) waiters = truth->waiters;

	truth->waiters = g_array_new(FALSE, FALSE, sizeof(Waiter));
	for (guint i = 0; i < waiters->len; i++) {
		const Waiter *waiter = &g_array_index(waiters, Waiter, i);

		waiter->done(waiter->user_data);
	}
}

/* Tell subscribers when what GetStatus says is another. */
static void truth_say(NgTruth *truth)
{
	g_autofree char *summary = ng_truth_summary(truth);

	if (g_strcmp0(summary, truth->said) == 0)
		return;
	g_free(truth->said);
	truth->said = g_steal_pointer(&summary);
	if (truth->engine->server)
		ng_server_signal(truth->engine->server, "Changed", g_variant_new("(s)", "state"));
}

static void truth_answered(const struct ng_message *reply, GArray *parts, const char *failure, gpointer data)
{
	NgTruth *truth = data;

	truth->is_asking = FALSE;
	if (reply) {
		truth->status = reply->status;
		truth->has_status = TRUE;
		truth->is_verified = truth->is_asking_verify;
		truth->at_us = g_get_monotonic_time();
	}
	if (reply && truth->engine->is_ready)
		ng_loads_confirm(truth->engine->loads, reply->status.image_hash);
	truth_say(truth);
	truth_tell(truth);
}

static void truth_ask(NgTruth *truth, gboolean verify)
{
	if (truth->is_asking)
		return;
	truth->is_asking = TRUE;
	truth->is_asking_verify = verify;
	ng_link_ask(truth->engine->link, verify ? NG_MESSAGE_VERIFY : NG_MESSAGE_STATUS, -1, REFRESH_TIMEOUT_MS,
		    truth_answered, truth);
}

void ng_truth_refresh(NgTruth *truth, guint max_age_ms, gboolean verify, NgTruthDone done, gpointer user_data)
{
	const gint64 age_us = g_get_monotonic_time() - truth->at_us;
	const Waiter waiter = { done, user_data };
	const gboolean fresh =
		truth->has_status && age_us <= (gint64)max_age_ms * 1000 && (!verify || truth->is_verified);

	if (!fresh)
		truth_ask(truth, verify);
	if (!done)
		return;
	if (fresh || !ng_link_answers(truth->engine->link))
		done(user_data);
	else
		g_array_append_val(truth->waiters, waiter);
}

void ng_truth_loaded(NgTruth *truth)
{
	truth->at_us = 0;
	truth_ask(truth, FALSE);
}

const struct ng_status *ng_truth_status(NgTruth *truth)
{
	return truth->has_status ? &truth->status : NULL;
}

char *ng_truth_missing(NgTruth *truth)
{
	g_autoptr(GString) missing = g_string_new(NULL);

	for (gsize i = 0; truth->has_status && i < ng_n_capabilities; i++) {
		const NgCapability *capability = &ng_capabilities[i];

		if (capability->is_needed && !(truth->status.in_force & capability->bit))
			g_string_append_printf(missing, "%s%s", missing->len ? ", " : "", capability->id);
	}
	return missing->len ? g_string_free(g_steal_pointer(&missing), FALSE) : NULL;
}

gboolean ng_truth_protects(NgTruth *truth)
{
	return truth->has_status && truth->status.backend == NG_BACKEND_BPF && !truth->engine->options->simulate &&
	       ng_loads_ever(truth->engine->loads) && truth->status.image_hash != 0 &&
	       (truth->status.in_force & ng_capabilities_needed()) == ng_capabilities_needed();
}

const char *ng_truth_state(NgTruth *truth)
{
	if (truth->engine->options->simulate || (truth->has_status && truth->status.backend == NG_BACKEND_SIMULATION))
		return "simulation";
	if (!ng_truth_protects(truth))
		return "not-protecting";
	switch (truth->status.mode) {
	case NG_MODE_PAUSED:
		return "paused";
	case NG_MODE_PANIC:
		return "panic";
	default:
		return "protecting";
	}
}

gboolean ng_truth_is_enforcing(NgTruth *truth)
{
	return ng_truth_protects(truth) && truth->status.mode != NG_MODE_PAUSED;
}

const char *ng_truth_afterwards(NgTruth *truth)
{
	if (truth->engine->options->simulate || (truth->has_status && truth->status.backend == NG_BACKEND_SIMULATION))
		return "Nothing was being blocked.";
	if (!truth->has_status)
		return "What was in force before stays in force.";
	if (truth->status.image_hash == 0)
		return "Nothing is in force.";
	if (!(truth->status.in_force & NG_CAN_PINNED))
		return "On this kernel enforcement ends with the service: nothing is blocked from now on.";
	return "What is in force stays in force until the machine is restarted.";
}

static void summary_not_protecting(NgTruth *truth, GString *text)
{
	g_autofree char *missing = ng_truth_missing(truth);

	if (!truth->has_status)
		g_string_append(text, "Not protecting: the enforcer has not said anything yet.");
	else if (!ng_loads_ever(truth->engine->loads) && truth->status.adopted && truth->status.image_hash != 0)
		g_string_append(text,
				"Not protecting as decided: the kernel still goes by the rules of an earlier run.");
	else if (!ng_loads_ever(truth->engine->loads) || truth->status.image_hash == 0)
		g_string_append(text, "Not protecting: no rules have been put in force.");
	else
		g_string_append_printf(text, "Not protecting: this kernel does not enforce %s.",
				       missing ? missing : "them");
}

static void summary_protecting(NgTruth *truth, GString *text)
{
	if (truth->status.in_force & NG_CAN_WHOLE_MACHINE) {
		g_string_append(text, "Every program on this machine is held to its profile.");
	} else {
		g_autofree char *path = g_utf8_make_valid(truth->status.attach_path, -1);

		g_string_append_printf(
			text, "Programs in the control group %s are held to their profiles; others are not.", path);
	}
}

static void summary_paused(NgTruth *truth, GString *text)
{
	g_autoptr(GDateTime) until = g_date_time_new_from_unix_local(truth->engine->mode.paused_until);
	g_autofree char *when = until ? g_date_time_format(until, "%H:%M:%S") : NULL;

	if (truth->engine->mode.mode == NG_MODE_PAUSED && when)
		g_string_append_printf(text, "Paused until %s: everything is allowed.", when);
	else
		g_string_append(text, "Paused: everything is allowed.");
}

char *ng_truth_summary(NgTruth *truth)
{
	NgLoads *loads = truth->engine->loads;
	const char *state = ng_truth_state(truth);
	GString *text = g_string_new(NULL);

	if (g_str_equal(state, "simulation"))
		g_string_append(text, "Simulation: nothing is blocked; what would be blocked is reported.");
	else if (g_str_equal(state, "not-protecting"))
		summary_not_protecting(truth, text);
	else if (g_str_equal(state, "paused"))
		summary_paused(truth, text);
	else if (g_str_equal(state, "panic"))
		g_string_append(text, "Panic: every program is offline until resumed.");
	else
		summary_protecting(truth, text);
	if (ng_loads_failure(loads) && ng_loads_ever(loads))
		g_string_append_printf(text, " The latest decision is not in force: %s", ng_loads_failure(loads));
	else if (ng_loads_failure(loads))
		g_string_append_printf(text, " %s", ng_loads_failure(loads));
	if (!ng_link_answers(truth->engine->link))
		g_string_append(text, " The enforcer does not answer; the kernel goes on with what it has.");
	return g_string_free(text, FALSE);
}
