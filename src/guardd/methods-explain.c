/* SPDX-License-Identifier: MIT */
/*
 * Explain: what would happen and why, from the image that was last compiled, by the function that decides in the kernel
 * (src/compile's explain, src/verdict's verdict). The sentences are made here; nothing is decided.
 */
#include <netinet/in.h>
#include <string.h>

#include "guardd/attempts.h"
#include "guardd/claims.h"
#include "guardd/methods.h"

typedef struct {
	const NgPolicyApp *app; /* NULL: nobody decided on it */
	const char *name;
	guint8 profile;
	struct ng_flow flow;
	struct ng_verdict verdict;
	int allow; /* the entry that decided, or -1 */
	guint64 key;
	gboolean has_flow;
	char *claims; /* sentences about files that several applications claim; NULL: none */
} Subject;

static void subject_clear(Subject *subject)
{
	g_clear_pointer(&subject->claims, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Subject, subject_clear)

static const char *profile_title(guint8 profile)
{
	switch (profile) {
	case NG_PROFILE_OFFLINE:
		return "Offline: it may reach nothing";
	case NG_PROFILE_LOCAL:
		return "Local: it may reach this machine and the local network";
	case NG_PROFILE_ONLINE:
		return "Online: it may reach everything";
	default:
		return "not decided";
	}
}

/* The line of a file that decided. */
static char *explain_rule(NgEngine *engine, const Subject *subject)
{
	const struct ng_image *image = ng_loads_image(engine->loads);

	if (subject->has_flow && subject->verdict.reason == NG_REASON_PAUSED)
		return g_strdup("paused");
	if (subject->has_flow && subject->verdict.reason == NG_REASON_PANIC)
		return g_strdup("panic");
	for (guint32 i = 0; subject->has_flow && subject->allow >= 0 && i < image->header->n_apps; i++) {
		if (image->apps[i].key == subject->key && (guint)subject->allow < image->apps[i].rules.n_allow) {
			g_autofree char *text = ng_policy_allow_text(
				&image->allows[image->apps[i].first_allow + (guint)subject->allow]);

			return g_strdup_printf("Allow=%s", text);
		}
	}
	return g_strdup_printf("Profile=%s", ng_policy_profile_text(subject->profile));
}

/* How long that holds, if not for good. */
static void explain_end(GString *text, const NgPolicyApp *app)
{
	const char *then = app->then == NG_PROFILE_OFFLINE  ? "it is Offline"
			   : app->then == NG_PROFILE_LOCAL  ? "it is Local"
			   : app->then == NG_PROFILE_ONLINE ? "it is Online"
							    : "the decision is forgotten";

	if (app->span == NG_SPAN_RUNNING)
		g_string_append_printf(text, " This holds until it quits; then %s.", then);
	else if (app->span == NG_SPAN_BOOT)
		g_string_append_printf(text, " This holds until this machine restarts; then %s.", then);
}

static char *explain_text(NgEngine *engine, const Subject *subject)
{
	g_autofree char *address = NULL;
	GString *text = g_string_new(NULL);

	if (subject->app) {
		g_string_append_printf(text, "%s is %s.", subject->name, profile_title(subject->profile));
		explain_end(text, subject->app);
	} else {
		g_string_append_printf(text, "Nobody has decided on %s; the default holds. That is %s.", subject->name,
				       profile_title(subject->profile));
	}
	if (subject->has_flow) {
		address = ng_address_text(subject->flow.addr);
		g_string_append_printf(text, " %s is %s. A connection there is %s: %s.", address,
				       ng_class_text(subject->verdict.class),
				       subject->verdict.allowed ? "allowed" : "denied",
				       ng_reason_text(subject->verdict.reason));
	} else if (engine->mode.mode == NG_MODE_PAUSED) {
		g_string_append(text, " The guard is paused: everything is allowed now.");
	} else if (engine->mode.mode == NG_MODE_PANIC) {
		g_string_append(text, " There is a panic: everything is offline now.");
	}
	if (subject->claims)
		g_string_append_printf(text, " %s", subject->claims);
	if (engine->options->simulate)
		g_string_append(text, " This is a simulation: nothing is blocked.");
	return g_string_free(text, FALSE);
}

static void explain_answer(NgEngine *engine, NgCall *call, const Subject *subject, const char *given)
{
	g_autofree char *text = explain_text(engine, subject);
	g_autofree char *rule = explain_rule(engine, subject);
	g_autofree char *tip = subject->has_flow ? ng_attempt_tip(subject->app ? subject->app->id : "", given,
								  &subject->verdict, subject->profile)
						 : g_strdup("");
	const char *verdict = !subject->has_flow ? "" : subject->verdict.allowed ? "allowed" : "denied";
	GVariantBuilder dict;

	g_variant_builder_init(&dict, G_VARIANT_TYPE_VARDICT);
	ng_vardict_add(&dict, "app", "s", subject->app ? subject->app->id : "");
	ng_vardict_add(&dict, "name", "s", subject->name);
	ng_vardict_add(&dict, "profile", "s", ng_policy_profile_text(subject->profile));
	ng_vardict_add(&dict, "verdict", "s", verdict);
	ng_vardict_add(&dict, "reason", "s", subject->has_flow ? ng_reason_word(subject->verdict.reason) : "");
	ng_vardict_add(&dict, "text", "s", text);
	ng_vardict_add(&dict, "class", "s", subject->has_flow ? ng_class_word(subject->verdict.class) : "");
	ng_vardict_add(&dict, "rule", "s", rule);
	ng_vardict_add(&dict, "path", "s", subject->app && subject->app->path ? subject->app->path : "");
	ng_vardict_add(&dict, "tip", "s", ng_attempt_tip_here(engine, tip));
	ng_call_return(call, g_variant_new("(@a{sv})", g_variant_builder_end(&dict)));
}

/* The application in force for a path that no entry names: one whose glob or symbolic link finds it. */
static const NgPolicyApp *explain_find(NgEngine *engine, const char *text)
{
	const NgPolicyApp *app = ng_policy_resolve(engine->policy, text);

	return app || *text != '/' ? app : ng_engine_app_of_file(engine, text);
}

/* Of several applications that claim the file at a path, the one that has it; of a name, what it has not. */
static void explain_claims(NgEngine *engine, Subject *subject, const char *text)
{
	gboolean is_void;

	if (subject->app && *text == '/')
		subject->app = ng_claims_owner(engine, subject->app, text, &subject->claims);
	else if (subject->app)
		subject->claims = ng_claims_lost(engine, subject->app, &is_void);
}

void ng_method_explain(NgCall *call, GVariant *parameters, gpointer user_data)
{
	NgEngine *engine = user_data;
	const struct ng_image *image = ng_loads_image(engine->loads);
	g_autoptr(GError) error = NULL;
	g_auto(Subject) subject = { .allow = -1 };
	const char *text, *destination;
	guint64 decider;

	g_variant_get(parameters, "(&s&s)", &text, &destination);
	subject.app = explain_find(engine, text);
	if (!subject.app && *text != '/') {
		ng_call_fail(call, NG_API_ERROR_UNKNOWN,
			     "There is no application “%s”. Give its path, or see netguard list for the names.", text);
		return;
	}
	explain_claims(engine, &subject, text);
	subject.name = subject.app ? subject.app->name : text;
	subject.profile = subject.app ? subject.app->profile : engine->settings.default_profile;
	subject.key = subject.app ? ng_image_app_key(subject.app->id, strlen(subject.app->id)) : 0;
	subject.has_flow = *destination != '\0';
	if (subject.has_flow && !ng_explain_parse_destination(destination, &subject.flow, &error)) {
		ng_call_fail(call, NG_API_ERROR_INVALID, "%s", error->message);
		return;
	}
	if (subject.has_flow && !image) {
		ng_call_fail(call, NG_API_ERROR_FAILED, "There are no compiled rules to explain. See netguard status.");
		return;
	}
	if (subject.has_flow)
		subject.verdict = ng_explain(image, subject.key, NULL, 0, &subject.flow, &decider, &subject.allow);
	explain_answer(engine, call, &subject, text);
}
