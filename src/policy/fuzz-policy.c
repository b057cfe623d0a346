/* SPDX-License-Identifier: MIT */
/*
 * Application files and snapshots of any bytes: nothing crashes, an error has a place, and what is accepted can be
 * written and read back without a difference; GKeyFile, as an independent reader, reads the same in what is written.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                                                \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			abort();                                                                                       \
	} while (0)

static void check_same(const NgPolicyApp *app, const char *text)
{
	g_autoptr(NgPolicyApp) again = NULL;
	guint line = 0, column = 0;

	again = ng_policy_app_parse(app->id, app->path, text, strlen(text), &line, &column, NULL);
	MUST(again && ng_policy_app_equal(app, again));
}

static void check_gkeyfile(const NgPolicyApp *app, const char *text)
{
	g_autoptr(GKeyFile) file = g_key_file_new();
	g_autofree char *name = NULL, *profile = NULL, *reason = NULL;
	g_auto(GStrv) executables = NULL;

	MUST(g_key_file_load_from_data(file, text, (gsize)-1, G_KEY_FILE_NONE, NULL));
	name = g_key_file_get_string(file, "Application", "Name", NULL);
	executables = g_key_file_get_string_list(file, "Application", "Executable", NULL, NULL);
	profile = g_key_file_get_string(file, "Network", "Profile", NULL);
	reason = g_key_file_get_string(file, "Note", "Reason", NULL);
	MUST(g_str_equal(app->name, name ? name : app->id));
	MUST(executables && g_strv_equal((const char *const *)executables, (const char *const *)app->executables));
	MUST(ng_policy_profile_from_text(profile) == app->profile);
	MUST(g_strcmp0(reason, app->reason) == 0);
}

static void check_allows(const NgPolicyApp *app)
{
	MUST(app->allows->len <= NG_ALLOW_MAX);
	for (guint i = 0; i < app->allows->len; i++) {
		const struct ng_allow *allow = &g_array_index(app->allows, struct ng_allow, i);
		g_autoptr(GArray) again = g_array_new(FALSE, TRUE, sizeof(*allow));
		g_autofree char *text = ng_policy_allow_text(allow);
		guint8 flags = 0;

		MUST(ng_policy_parse_allow(text, &flags, again, NULL) && again->len == 1 && flags == 0);
		MUST(memcmp(again->data, allow, sizeof(*allow)) == 0);
	}
}

static void check_file(const char *bytes, gsize size)
{
	g_autoptr(NgPolicyApp) app = NULL;
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL, *over = NULL;
	guint line = 0, column = 0;

	app = ng_policy_app_parse("an-id", "/x/an-id.app", bytes, size, &line, &column, &error);
	MUST((app == NULL) == (error != NULL));
	if (!app) {
		MUST(error->domain == NG_POLICY_ERROR && g_utf8_validate(error->message, -1, NULL));
		MUST((line == 0) == (column == 0) && line <= size + 1 && column <= size + 1);
		return;
	}
	MUST(app->profile >= NG_PROFILE_OFFLINE && app->profile <= NG_PROFILE_ONLINE);
	MUST(!(app->flags & ~NG_APP_IMAGE_MASK) && app->executables[0] && line == 0);
	check_allows(app);
	text = ng_policy_app_text(app);
	check_same(app, text);
	check_gkeyfile(app, text);
	over = ng_policy_app_text_over(app, bytes, size);
	/* May be larger than what is read again: only long files are told apart here. */
	if (strlen(over) <= NG_POLICY_MAX_FILE)
		check_same(app, over);
}

static void check_snapshot(const char *text)
{
	const char *const folders[NG_LAYERS] = { "/nonexistent/v", "/nonexistent/u", "/nonexistent/a" };
	g_autoptr(NgPolicy) policy = ng_policy_new(folders), again = ng_policy_new(folders);
	g_autofree char *one = NULL, *other = NULL;

	ng_policy_remember(policy, text);
	one = ng_policy_snapshot(policy);
	ng_policy_remember(again, one);
	other = ng_policy_snapshot(again);
	MUST(g_str_equal(one, other));
	ng_policy_reload(policy);
	MUST(ng_policy_apps(policy)->len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *bytes = g_malloc(size ? size : 1);

	memcpy(bytes, data, size);
	if (size > 9 && memcmp(data, "netguard-", 9) == 0) {
		g_autofree char *text = g_strndup(bytes, size);

		check_snapshot(text);
	} else {
		check_file(bytes, size);
	}
	return 0;
}
