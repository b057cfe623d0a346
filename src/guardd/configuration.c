/* SPDX-License-Identifier: MIT */
/* Which settings hold (see configuration.h). Engine, without privilege. */
#include "guardd/configuration.h"

#include <glib/gstdio.h>

#include "guardd/audit.h"

/* In the state folder: what each file said when it was last read without error. A convenience: where it cannot be
 * written nothing that holds changes. */
#define KEPT_ADMIN "last-good-" NG_SETTINGS_FILE
#define KEPT_USER "last-good-" NG_SETTINGS_USER_FILE

static void kept_write(NgEngine *engine, const char *name, const NgSettings *settings)
{
	g_autofree char *path = g_build_filename(engine->options->state, name, NULL);
	g_autofree char *text = ng_settings_text(settings), *there = NULL;

	g_file_get_contents(path, &there, NULL, NULL);
	if (g_strcmp0(there, text) == 0 || (!there && !*text))
		return;
	if (*text)
		g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL);
	else
		g_unlink(path);
}

/* One file into *settings; what is wrong with it into `problems`. */
static void configuration_read_file(NgEngine *engine, const char *folder, const char *name, const char *kept,
				    gboolean is_start, NgSettings *settings, GPtrArray *problems)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	g_autofree char *kept_path = g_build_filename(engine->options->state, kept, NULL);
	g_autoptr(GError) error = NULL;
	guint line, kept_line;

	if (ng_settings_read(settings, path, &line, &error)) {
		kept_write(engine, kept, settings);
		return;
	}
	ng_problems_add(problems, path, line, error->message, TRUE);
	if (is_start)
		ng_settings_read(settings, kept_path, &kept_line, NULL);
}

/* From now on. TRUE: the default is another. */
static gboolean configuration_hold(NgEngine *engine, NgSettings now)
{
	const NgSettings was = engine->settings;

	engine->settings = now;
	if (engine->history)
		ng_history_set_retention(engine->history, &now.retention);
	if (engine->server && (!ng_settings_equal(&was, &now) || was.given != now.given))
		ng_server_signal(engine->server, "Changed", g_variant_new("(s)", "settings"));
	return was.default_profile != now.default_profile || was.default_flags != now.default_flags;
}

gboolean ng_configuration_read(NgEngine *engine, gboolean is_start)
{
	GPtrArray *problems = ng_problems_new();
	const NgSettings was = engine->settings;
	gboolean changed;

	configuration_read_file(engine, engine->options->config, NG_SETTINGS_FILE, KEPT_ADMIN, is_start,
				&engine->settings_admin, problems);
	configuration_read_file(engine, engine->options->state, NG_SETTINGS_USER_FILE, KEPT_USER, is_start,
				&engine->settings_user, problems);
	ng_engine_set_problems(engine, NG_PROBLEM_SETTINGS, problems);
	changed = configuration_hold(engine, ng_settings_merge(&engine->settings_user, &engine->settings_admin));
	if (engine->auditor && !ng_settings_equal(&was, &engine->settings)) {
		g_autofree char *before = ng_configuration_json(&was);
		g_autofree char *after = ng_configuration_json(&engine->settings);

		ng_audit_record(engine->auditor, &(NgAudit){ .uid = NG_AUDIT_UID_UNKNOWN,
							     .auth = "service",
							     .action = "config",
							     .before = before,
							     .after = after,
							     .origin = "file" });
	}
	return changed;
}

/* This file is well now. */
static void configuration_mended(NgEngine *engine, const char *path)
{
	GPtrArray *all = engine->problems[NG_PROBLEM_SETTINGS], *rest = ng_problems_new();

	for (guint i = 0; all && i < all->len; i++) {
		const NgPolicyProblem *problem = g_ptr_array_index(all, i);

		if (!g_str_equal(problem->path, path))
			ng_problems_add(rest, problem->path, problem->line, problem->message, problem->kept);
	}
	ng_engine_set_problems(engine, NG_PROBLEM_SETTINGS, rest);
}

gboolean ng_configuration_store(NgEngine *engine, const NgSettings *user, GError **error)
{
	g_autofree char *path = g_build_filename(engine->options->state, NG_SETTINGS_USER_FILE, NULL);
	g_autofree char *text = ng_settings_text(user);

	if (!g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
				      0600, error))
		return FALSE;
	engine->settings_user = *user;
	configuration_mended(engine, path);
	kept_write(engine, KEPT_USER, user);
	configuration_hold(engine, ng_settings_merge(user, &engine->settings_admin));
	return TRUE;
}

char *ng_configuration_json(const NgSettings *settings)
{
	g_auto(GStrv) words = ng_settings_allow_words(settings);
	g_autofree char *allow = g_strjoinv("\",\"", words);

	return g_strdup_printf(
		"{\"default-profile\":\"%s\",\"default-allow\":[%s%s%s],\"max-age-days\":%u,\"max-size-mb\":%u}",
		ng_policy_profile_text(settings->default_profile), *allow ? "\"" : "", allow, *allow ? "\"" : "",
		ng_settings_age_days(settings), ng_settings_size_mb(settings));
}
