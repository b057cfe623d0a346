/* SPDX-License-Identifier: MIT */
/*
 * The engine's life: put the parts together, put the first image in force, serve, end. And the few things that touch
 * several parts: a reload, a change of mode, the list of problems.
 *
 * States: starting (is_ready FALSE: parts are made in the order of their needs, nothing is served) -> ready (the first
 * load has ended; the socket is served) -> ending (the loop has been left; what is in force stays).
 *
 * Does not belong here: what a method does (methods-*.c), what an image holds (loads.c), what is in force (truth.c),
 * when something ends (timers.c), what others change (policy-watch.c), anything with a file format (policy, mode.c,
 * configuration.c, store.c).
 */
#include "guardd/engine.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guardd/activity.h"
#include "guardd/attempts.h"
#include "guardd/audit.h"
#include "guardd/configuration.h"
#include "guardd/authority.h"
#include "guardd/fingerprints.h"
#include "guardd/found.h"
#include "guardd/loads.h"
#include "guardd/methods.h"
#include "guardd/onlink.h"
#include "guardd/policy-watch.h"
#include "guardd/running.h"
#include "guardd/spans.h"
#include "guardd/store.h"
#include "guardd/timers.h"
#include "guardd/transfer.h"
#include "guardd/truth.h"

gint64 ng_now(void)
{
	return g_get_real_time() / G_USEC_PER_SEC;
}

char *ng_engine_apps_folder(const NgOptions *options, NgLayer layer)
{
	switch (layer) {
	case NG_LAYER_VENDOR:
		return g_strdup(options->vendor);
	case NG_LAYER_USER:
		return g_build_filename(options->state, "apps.d", NULL);
	case NG_LAYER_ADMIN:
		return g_build_filename(options->config, "apps.d", NULL);
	}
	g_assert_not_reached();
}

static void problem_free(gpointer data)
{
	NgPolicyProblem *problem = data;

	g_free(problem->path);
	g_free(problem->message);
	g_free(problem);
}

GPtrArray *ng_problems_new(void)
{
	return g_ptr_array_new_with_free_func(problem_free);
}

void ng_problems_add(GPtrArray *problems, const char *path, guint line, const char *message, gboolean kept)
{
	NgPolicyProblem *problem = g_new0(NgPolicyProblem, 1);

	problem->path = g_strdup(path);
	problem->line = line;
	problem->message = g_strdup(message);
	problem->kept = kept;
	g_ptr_array_add(problems, problem);
}

void ng_engine_set_problems(NgEngine *engine, NgProblemSource source, GPtrArray *problems)
{
	const guint before = engine->problems[source] ? engine->problems[source]->len : 0;

	g_clear_pointer(&engine->problems[source], g_ptr_array_unref);
	engine->problems[source] = problems;
	if (engine->server && (before > 0 || problems->len > 0))
		ng_server_signal(engine->server, "Changed", g_variant_new("(s)", "problems"));
}

void ng_engine_set_problem(NgEngine *engine, NgProblemSource source, const char *path, guint line, const char *message,
			   gboolean kept)
{
	GPtrArray *problems = ng_problems_new();

	if (message)
		ng_problems_add(problems, path, line, message, kept);
	ng_engine_set_problems(engine, source, problems);
}

void ng_engine_list_changed(NgEngine *engine)
{
	g_clear_pointer(&engine->list, ng_reply_unref);
	g_clear_pointer(&engine->admin_list, ng_reply_template_free);
}

void ng_engine_policy_changed(NgEngine *engine, gboolean executables)
{
	ng_engine_list_changed(engine);
	g_clear_pointer(&engine->export, ng_reply_unref);
	ng_store_snapshot_later(engine->store);
	if (engine->timers)
		ng_timers_rearm(engine->timers);
	if (engine->spans)
		ng_spans_rearm(engine->spans);
	if (engine->running)
		ng_running_forget(engine->running);
	if (executables) {
		ng_found_set_stale(engine->found);
		ng_watch_apps_changed(engine->watch);
	}
	if (engine->server)
		ng_server_signal(engine->server, "Changed", g_variant_new("(s)", "policy"));
}

gboolean ng_engine_reload(NgEngine *engine)
{
	g_autoptr(GHashTable) before = ng_audit_picture(engine->policy);
	g_autoptr(GHashTable) after = NULL;
	gboolean changed;

	changed = ng_policy_reload(engine->policy);
	if (changed) {
		after = ng_audit_picture(engine->policy);
		changed = ng_audit_outside(engine->auditor, before, after, "the application file was changed");
	}
	if (changed)
		ng_fingerprints_look(engine->fingerprints, NULL);
	changed |= ng_configuration_read(engine, FALSE);
	if (engine->server)
		ng_server_signal(engine->server, "Changed", g_variant_new("(s)", "problems"));
	return changed;
}

void ng_engine_look_again(NgEngine *engine)
{
	GPtrArray *apps = ng_policy_apps(engine->policy);

	for (guint i = 0; i < apps->len; i++)
		ng_found_again(engine->found, g_ptr_array_index(apps, i));
	ng_fingerprints_look(engine->fingerprints, NULL);
}

const NgPolicyApp *ng_engine_app_of_file(NgEngine *engine, const char *path)
{
	GPtrArray *apps = ng_policy_apps(engine->policy);

	for (guint i = 0; i < apps->len; i++) {
		const NgPolicyApp *app = g_ptr_array_index(apps, i);
		const GArray *files = ng_found_files(engine->found, app->id);

		for (guint j = 0; files && j < files->len; j++) {
			if (g_str_equal(g_array_index(files, NgIdentityFile, j).path, path))
				return app;
		}
	}
	return NULL;
}

gboolean ng_engine_set_mode(NgEngine *engine, NgMode mode, GError **error)
{
	engine->mode = mode;
	if (engine->timers)
		ng_timers_rearm(engine->timers);
	if (ng_mode_write(engine->options->state, &mode, error)) {
		ng_engine_set_problem(engine, NG_PROBLEM_STATE, "", 0, NULL, FALSE);
		return TRUE;
	}
	ng_engine_set_problem(engine, NG_PROBLEM_STATE, engine->options->state, 0,
			      error && *error ? (*error)->message : "", FALSE);
	return FALSE;
}

static void engine_end(NgEngine *engine, int exit_code)
{
	engine->exit_code = exit_code;
	g_main_loop_quit(engine->loop);
}

static void engine_event(const struct ng_event_report *report, gpointer data)
{
	NgEngine *engine = data;

	if (engine->attempts)
		ng_attempts_take(engine->attempts, report);
}

static void engine_late(gpointer data)
{
	NgEngine *engine = data;

	ng_truth_refresh(engine->truth, 0, FALSE, NULL, NULL);
}

static void engine_enforcer_ended(const char *why, gpointer data)
{
	NgEngine *engine = data;
	int status = 0;

	if (waitpid(engine->start.enforcer_pid, &status, WNOHANG) > 0 && WIFSIGNALED(status))
		g_printerr("netguardd: the enforcer was ended by signal %d.", WTERMSIG(status));
	else if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		g_printerr("netguardd: the enforcer ended with status %d.", WEXITSTATUS(status));
	else
		g_printerr("netguardd: %s.", why);
	g_printerr(" %s Start netguardd again.\n", ng_truth_afterwards(engine->truth));
	engine_end(engine, 1);
}

static gboolean engine_terminated(gpointer data)
{
	NgEngine *engine = data;

	g_printerr("netguardd: ending. %s\n", ng_truth_afterwards(engine->truth));
	engine_end(engine, 0);
	return G_SOURCE_CONTINUE;
}

static gboolean engine_hangup(gpointer data)
{
	NgEngine *engine = data;

	if (ng_engine_reload(engine)) {
		ng_engine_policy_changed(engine, TRUE);
		ng_loads_request(engine->loads, FALSE, NULL, NULL);
	}
	return G_SOURCE_CONTINUE;
}

static void engine_onlink_changed(gpointer data)
{
	NgEngine *engine = data;

	ng_loads_request(engine->loads, FALSE, NULL, NULL);
}

static void engine_say(const char *text, gpointer data)
{
	g_printerr("netguardd: %s.\n", text);
}

/* Whatever came of it, clients can ask now. A supervisor and the tests wait for this. */
static void engine_ready(const NgLoadResult *result, gpointer data)
{
	NgEngine *engine = data;
	const char *notify = g_getenv("NOTIFY_SOCKET");

	if (!result->enforced)
		g_printerr("netguardd: %s\n", result->warning);
	engine->is_ready = TRUE;
	ng_activity_start(engine->activity);
	ng_spans_rearm(engine->spans);
	ng_server_listen(engine->server, engine->start.listen_fd);
	if (!engine->options->simulate)
		ng_server_join_bus(engine->server, engine_say);
	printf("netguardd: ready\n");
	fflush(stdout);
	if (notify && (*notify == '/' || *notify == '@') &&
	    strlen(notify) < sizeof(((struct sockaddr_un *)0)->sun_path)) {
		struct sockaddr_un address = { .sun_family = AF_UNIX };
		const socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(notify));
		int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

		memcpy(address.sun_path, notify, strlen(notify));
		if (*notify == '@')
			address.sun_path[0] = '\0';
		sendto(fd, "READY=1", strlen("READY=1"), MSG_NOSIGNAL, (struct sockaddr *)&address, length);
		close(fd);
	}
}

/* What is decided, from the disk: nothing is in force yet. */
static void engine_read(NgEngine *engine)
{
	const char *state = engine->options->state;
	g_autofree char *vendor = ng_engine_apps_folder(engine->options, NG_LAYER_VENDOR);
	g_autofree char *user = ng_engine_apps_folder(engine->options, NG_LAYER_USER);
	g_autofree char *admin = ng_engine_apps_folder(engine->options, NG_LAYER_ADMIN);
	const char *const folders[NG_LAYERS] = { vendor, user, admin };
	g_autoptr(GHashTable) before = NULL, after = NULL;
	g_autoptr(GError) error = NULL;

	ng_settings_init(&engine->settings);
	engine->settings_user = engine->settings_admin = engine->settings;
	ng_configuration_read(engine, TRUE);
	engine->history = ng_history_new(state, &engine->settings.retention);
	engine->auditor = ng_auditor_new(engine);
	engine->policy = ng_policy_new(folders);
	engine->store = ng_store_new(engine);
	before = ng_store_remember(engine->store);
	ng_policy_reload(engine->policy);
	if (before) {
		after = ng_audit_picture(engine->policy);
		ng_audit_outside(engine->auditor, before, after,
				 "the application file was changed while the service was not running");
	}
	if (!ng_mode_read(state, &engine->mode, &error))
		ng_engine_set_problem(engine, NG_PROBLEM_STATE, state, 0, error->message, FALSE);
	ng_store_snapshot_later(engine->store);
}

static void engine_init(NgEngine *engine)
{
	const NgLinkEvents events = { engine_event, engine_late, engine_enforcer_ended, engine };
	const NgServerConfig server = { ng_methods, ng_n_methods,
					engine->options->simulate && geteuid() != 0 ? (gint64)geteuid() : -1,
					ng_authority_authorise, engine };

	engine_read(engine);
	engine->found = ng_found_new();
	engine->fingerprints = ng_fingerprints_new(engine);
	engine->onlink = ng_onlink_new(engine_onlink_changed, engine);
	engine->loads = ng_loads_new(engine);
	engine->truth = ng_truth_new(engine);
	engine->link = ng_link_new(engine->start.enforcer_fd, &events);
	engine->attempts = ng_attempts_new(engine);
	engine->activity = ng_activity_new(engine);
	engine->running = ng_running_new(engine);
	engine->spans = ng_spans_new(engine);
	engine->timers = ng_timers_new(engine);
	ng_timers_expire(engine->timers, FALSE);
	engine->watch = ng_watch_new(engine);
	engine->lock = ng_lock_new(engine->options->state, ng_engine_lock_outside, engine);
	engine->authority = ng_authority_new(engine);
	engine->server = ng_server_new(&server);
}

static void engine_done(NgEngine *engine)
{
	ng_server_free(engine->server);
	engine->server = NULL;
	ng_authority_free(engine->authority);
	ng_lock_free(engine->lock);
	ng_watch_free(engine->watch);
	engine->watch = NULL;
	ng_transfer_stop(engine);
	ng_loads_free(engine->loads);
	ng_timers_free(engine->timers);
	engine->timers = NULL;
	ng_spans_free(engine->spans);
	engine->spans = NULL;
	ng_running_free(engine->running);
	ng_link_free(engine->link);
	ng_store_free(engine->store);
	ng_fingerprints_free(engine->fingerprints);
	ng_attempts_free(engine->attempts);
	ng_activity_free(engine->activity);
	ng_auditor_free(engine->auditor);
	ng_history_free(engine->history);
	ng_truth_free(engine->truth);
	ng_onlink_free(engine->onlink);
	ng_found_free(engine->found);
	ng_policy_free(engine->policy);
	g_clear_handle_id(&engine->list_timer, g_source_remove);
	ng_engine_list_changed(engine);
	g_clear_pointer(&engine->export, ng_reply_unref);
	for (int i = 0; i < NG_PROBLEM_SOURCES; i++)
		g_clear_pointer(&engine->problems[i], g_ptr_array_unref);
	close(engine->start.lock_fd);
}

int ng_engine_run(const NgOptions *options, NgStart *start)
{
	NgEngine engine = { .options = options, .start = *start };
	guint signals[3];

	engine.loop = g_main_loop_new(NULL, FALSE);
	signals[0] = g_unix_signal_add(SIGTERM, engine_terminated, &engine);
	signals[1] = g_unix_signal_add(SIGINT, engine_terminated, &engine);
	engine_init(&engine);
	signals[2] = g_unix_signal_add(SIGHUP, engine_hangup, &engine);
	ng_loads_request(engine.loads, TRUE, engine_ready, &engine);
	g_main_loop_run(engine.loop);
	for (gsize i = 0; i < G_N_ELEMENTS(signals); i++)
		g_source_remove(signals[i]);
	engine_done(&engine);
	g_main_loop_unref(engine.loop);
	return engine.exit_code;
}
