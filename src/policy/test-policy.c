/* SPDX-License-Identifier: MIT */
/*
 * Folders of application files: precedence, what is kept when a file goes bad, what is written, what is remembered, and
 * what hostile things in a folder cannot do.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "policy/policy.h"

typedef struct {
	char *base;
	char *folders[NG_LAYERS];
	NgPolicy *policy;
} Fixture;

static void set_up(Fixture *f, gconstpointer data)
{
	static const char *const names[NG_LAYERS] = { "vendor", "user", "admin" };

	f->base = g_dir_make_tmp("ng-policy-XXXXXX", NULL);
	for (guint i = 0; i < NG_LAYERS; i++) {
		f->folders[i] = g_build_filename(f->base, names[i], NULL);
		g_assert_cmpint(g_mkdir(f->folders[i], 0755), ==, 0);
	}
	f->policy = ng_policy_new((const char *const *)f->folders);
}

static void remove_tree(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name = NULL;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *child = g_build_filename(path, name, NULL);

		if (g_remove(child) < 0)
			remove_tree(child);
	}
	g_rmdir(path);
}

static void tear_down(Fixture *f, gconstpointer data)
{
	ng_policy_free(f->policy);
	remove_tree(f->base);
	for (guint i = 0; i < NG_LAYERS; i++)
		g_free(f->folders[i]);
	g_free(f->base);
}

static char *path_of(Fixture *f, NgLayer layer, const char *name)
{
	return g_build_filename(f->folders[layer], name, NULL);
}

static void write_file(Fixture *f, NgLayer layer, const char *name, const char *text)
{
	g_autofree char *path = path_of(f, layer, name);

	g_assert_true(g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0644, NULL));
}

static void write_app(Fixture *f, NgLayer layer, const char *id, const char *executable, const char *profile)
{
	g_autofree char *text =
		g_strdup_printf("[Application]\nExecutable=%s\n[Network]\nProfile=%s\n", executable, profile);
	g_autofree char *name = g_strconcat(id, ".app", NULL);

	write_file(f, layer, name, text);
}

static void delete_file(Fixture *f, NgLayer layer, const char *name)
{
	g_autofree char *path = path_of(f, layer, name);

	g_assert_cmpint(g_unlink(path), ==, 0);
}

static void assert_profile(Fixture *f, const char *id, guint8 profile)
{
	const NgPolicyApp *app = ng_policy_find(f->policy, id);

	if (!app)
		g_error("%s is not in force", id);
	g_assert_cmpuint(app->profile, ==, profile);
}

static const NgPolicyProblem *only_problem(Fixture *f)
{
	GPtrArray *problems = ng_policy_problems(f->policy);

	if (problems->len != 1) {
		for (guint i = 0; i < problems->len; i++)
			g_test_message("%s", ((NgPolicyProblem *)problems->pdata[i])->message);
		g_error("%u problems instead of one", problems->len);
	}
	return problems->pdata[0];
}

static void assert_problem(Fixture *f, const char *name, guint line, guint column, gboolean kept, const char *message)
{
	const NgPolicyProblem *problem = only_problem(f);

	g_assert_true(g_str_has_suffix(problem->path, name));
	if (!strstr(problem->message, message))
		g_error("“%s” is not in “%s”", message, problem->message);
	g_assert_cmpuint(problem->line, ==, line);
	g_assert_cmpuint(problem->column, ==, column);
	g_assert_cmpint(problem->kept, ==, kept);
}

static void assert_no_problem(Fixture *f)
{
	GPtrArray *problems = ng_policy_problems(f->policy);

	if (problems->len)
		g_error("%s", ((NgPolicyProblem *)problems->pdata[0])->message);
}

static void test_the_administrator_wins_over_the_user_over_the_vendor(Fixture *f, gconstpointer data)
{
	write_app(f, NG_LAYER_VENDOR, "curl", "/usr/bin/curl", "online");
	g_assert_true(ng_policy_reload(f->policy));
	assert_profile(f, "curl", NG_PROFILE_ONLINE);
	write_app(f, NG_LAYER_USER, "curl", "/usr/bin/curl", "local");
	g_assert_true(ng_policy_reload(f->policy));
	assert_profile(f, "curl", NG_PROFILE_LOCAL);
	write_app(f, NG_LAYER_ADMIN, "curl", "/usr/bin/curl", "offline");
	g_assert_true(ng_policy_reload(f->policy));
	assert_profile(f, "curl", NG_PROFILE_OFFLINE);
	g_assert_cmpint(ng_policy_find(f->policy, "curl")->layer, ==, NG_LAYER_ADMIN);
	delete_file(f, NG_LAYER_USER, "curl.app");
	g_assert_false(ng_policy_reload(f->policy));
	delete_file(f, NG_LAYER_ADMIN, "curl.app");
	g_assert_true(ng_policy_reload(f->policy));
	assert_profile(f, "curl", NG_PROFILE_ONLINE);
	assert_no_problem(f);
}

static void test_applications_are_sorted_by_id(Fixture *f, gconstpointer data)
{
	static const char *const ids[] = { "zed", "a", "m-2", "M", "a.b" };
	GPtrArray *apps = NULL;

	for (gsize i = 0; i < G_N_ELEMENTS(ids); i++) {
		g_autofree char *executable = g_strconcat("/", ids[i], NULL);

		write_app(f, NG_LAYER_VENDOR, ids[i], executable, "local");
	}
	ng_policy_reload(f->policy);
	apps = ng_policy_apps(f->policy);
	g_assert_cmpuint(apps->len, ==, G_N_ELEMENTS(ids));
	for (guint i = 1; i < apps->len; i++)
		g_assert_cmpstr(((NgPolicyApp *)apps->pdata[i - 1])->id, <, ((NgPolicyApp *)apps->pdata[i])->id);
}

static void test_nothing_changed_is_told_from_changed(Fixture *f, gconstpointer data)
{
	g_assert_false(ng_policy_reload(f->policy));
	write_app(f, NG_LAYER_USER, "curl", "/usr/bin/curl", "local");
	g_assert_true(ng_policy_reload(f->policy));
	g_assert_false(ng_policy_reload(f->policy));
	/* Written again with the same text: another inode, the same decision. */
	write_app(f, NG_LAYER_USER, "curl", "/usr/bin/curl", "local");
	g_assert_false(ng_policy_reload(f->policy));
}

static void test_a_change_in_the_same_clock_tick_is_seen(Fixture *f, gconstpointer data)
{
	g_autofree char *path = path_of(f, NG_LAYER_USER, "curl.app");
	const off_t at = strlen("[Application]\nExecutable=/usr/bin/curl\n[Network]\nProfile=");
	int fd = -1;

	write_app(f, NG_LAYER_USER, "curl", "/usr/bin/curl", "local  ");
	fd = open(path, O_WRONLY);
	/* In place and of the same size: only the times could tell, and the clock may not have ticked. */
	for (guint i = 0; i < 50; i++) {
		const char *profile = i % 2 ? "local  " : "offline";

		g_assert_cmpint(pwrite(fd, profile, 7, at), ==, 7);
		ng_policy_reload(f->policy);
		assert_no_problem(f);
		assert_profile(f, "curl", i % 2 ? NG_PROFILE_LOCAL : NG_PROFILE_OFFLINE);
	}
	close(fd);
}

static void test_a_bad_file_keeps_its_last_good_state(Fixture *f, gconstpointer data)
{
	write_app(f, NG_LAYER_USER, "curl", "/usr/bin/curl", "offline");
	write_app(f, NG_LAYER_USER, "wget", "/usr/bin/wget", "local");
	ng_policy_reload(f->policy);
	write_app(f, NG_LAYER_USER, "curl", "/usr/bin/curl", "maybe");
	write_app(f, NG_LAYER_USER, "wget", "/usr/bin/wget", "online");
	g_assert_true(ng_policy_reload(f->policy));
	assert_profile(f, "curl", NG_PROFILE_OFFLINE);
	assert_profile(f, "wget", NG_PROFILE_ONLINE);
	assert_problem(f, "/user/curl.app", 4, 9, TRUE, "“maybe” is not a profile");
	g_assert_false(ng_policy_reload(f->policy));
	assert_problem(f, "/user/curl.app", 4, 9, TRUE, "“maybe” is not a profile");
	write_app(f, NG_LAYER_USER, "curl", "/usr/bin/curl", "local");
	g_assert_true(ng_policy_reload(f->policy));
	assert_profile(f, "curl", NG_PROFILE_LOCAL);
	assert_no_problem(f);
}

static void test_a_file_that_was_never_good_is_not_kept(Fixture *f, gconstpointer data)
{
	write_app(f, NG_LAYER_VENDOR, "curl", "/usr/bin/curl", "local");
	write_app(f, NG_LAYER_ADMIN, "curl", "/usr/bin/curl", "maybe");
	ng_policy_reload(f->policy);
	assert_profile(f, "curl", NG_PROFILE_LOCAL);
	assert_problem(f, "/admin/curl.app", 4, 9, FALSE, "not a profile");
}

static void test_what_is_no_file_is_a_problem_and_never_blocks(Fixture *f, gconstpointer data)
{
	static const struct {
		const char *kind, *message;
	} cases[] = {
		{ "folder", "This is a folder" },      { "pipe", "This is a pipe" },
		{ "socket", "This is a socket" },      { "device", "This is a device" },
		{ "loop", "leads back to itself" },    { "nowhere", "a file that does not exist" },
		{ "huge", "larger than 65536 bytes" },
	};
	g_autofree char *path = path_of(f, NG_LAYER_USER, "x.app");

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		const char *kind = cases[i].kind;

		write_app(f, NG_LAYER_USER, "x", "/x", "offline");
		ng_policy_reload(f->policy);
		g_unlink(path);
		if (g_str_equal(kind, "folder")) {
			g_assert_cmpint(g_mkdir(path, 0755), ==, 0);
		} else if (g_str_equal(kind, "pipe")) {
			g_assert_cmpint(mkfifo(path, 0644), ==, 0);
		} else if (g_str_equal(kind, "socket")) {
			struct sockaddr_un address = { .sun_family = AF_UNIX };
			int fd = socket(AF_UNIX, SOCK_STREAM, 0);

			g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
			g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
			close(fd);
		} else if (g_str_equal(kind, "huge")) {
			int fd = open(path, O_WRONLY | O_CREAT, 0644);

			g_assert_cmpint(ftruncate(fd, 10 * 1024 * 1024), ==, 0);
			close(fd);
		} else {
			const char *target = g_str_equal(kind, "device") ? "/dev/zero"
					     : g_str_equal(kind, "loop") ? "x.app"
									 : "nothing";
			g_assert_cmpint(symlink(target, path), ==, 0);
		}
		ng_policy_reload(f->policy);
		assert_profile(f, "x", NG_PROFILE_OFFLINE);
		assert_problem(f, "/user/x.app", 0, 0, TRUE, cases[i].message);
		g_assert_cmpint(g_remove(path), ==, 0);
		g_assert_true(ng_policy_reload(f->policy));
		assert_no_problem(f);
	}
}

static void test_a_link_to_a_file_is_followed(Fixture *f, gconstpointer data)
{
	g_autofree char *path = path_of(f, NG_LAYER_ADMIN, "x.app");

	write_app(f, NG_LAYER_VENDOR, "y", "/x", "offline");
	g_assert_cmpint(symlink("../vendor/y.app", path), ==, 0);
	ng_policy_reload(f->policy);
	assert_profile(f, "x", NG_PROFILE_OFFLINE);
}

static void test_an_unreadable_file_is_a_problem(Fixture *f, gconstpointer data)
{
	g_autofree char *path = path_of(f, NG_LAYER_USER, "x.app");

	if (geteuid() == 0) {
		g_test_skip("root reads everything");
		return;
	}
	write_app(f, NG_LAYER_USER, "x", "/x", "offline");
	ng_policy_reload(f->policy);
	g_assert_cmpint(chmod(path, 0), ==, 0);
	ng_policy_reload(f->policy);
	assert_problem(f, "/user/x.app", 0, 0, TRUE, "may not read this file");
	assert_profile(f, "x", NG_PROFILE_OFFLINE);
}

static void test_a_folder_that_is_none_keeps_what_it_said(Fixture *f, gconstpointer data)
{
	write_app(f, NG_LAYER_USER, "x", "/x", "offline");
	ng_policy_reload(f->policy);
	delete_file(f, NG_LAYER_USER, "x.app");
	g_rmdir(f->folders[NG_LAYER_USER]);
	g_assert_true(g_file_set_contents(f->folders[NG_LAYER_USER], "", 0, NULL));
	g_assert_false(ng_policy_reload(f->policy));
	assert_problem(f, "/user", 0, 0, TRUE, "folder cannot be read");
	assert_profile(f, "x", NG_PROFILE_OFFLINE);
	g_unlink(f->folders[NG_LAYER_USER]);
	g_assert_true(ng_policy_reload(f->policy));
	assert_no_problem(f);
}

static void test_names_that_are_no_id_are_a_problem_and_other_files_are_not(Fixture *f, gconstpointer data)
{
	write_app(f, NG_LAYER_USER, ".x", "/x", "offline");
	write_file(f, NG_LAYER_USER, "README", "hello");
	write_file(f, NG_LAYER_USER, "x.app.dpkg-old", "hello");
	ng_policy_reload(f->policy);
	assert_no_problem(f);
	write_app(f, NG_LAYER_USER, "a b", "/x", "offline");
	ng_policy_reload(f->policy);
	assert_problem(f, "/user/a b.app", 0, 0, FALSE, "not an id");
	g_assert_cmpuint(ng_policy_apps(f->policy)->len, ==, 0);
}

static void test_one_executable_belongs_to_one_application(Fixture *f, gconstpointer data)
{
	write_app(f, NG_LAYER_USER, "b", "/one;/two", "local");
	write_app(f, NG_LAYER_USER, "a", "/two", "offline");
	ng_policy_reload(f->policy);
	assert_profile(f, "a", NG_PROFILE_OFFLINE);
	g_assert_null(ng_policy_find(f->policy, "b"));
	assert_problem(f, "/user/b.app", 2, 1, FALSE, "/two already belongs to “a”");
	write_app(f, NG_LAYER_ADMIN, "c", "/two", "online");
	ng_policy_reload(f->policy);
	/* "a" lost everything, so "b" still loses only against the stronger "c". */
	assert_profile(f, "c", NG_PROFILE_ONLINE);
	g_assert_cmpuint(ng_policy_apps(f->policy)->len, ==, 1);
	g_assert_cmpuint(ng_policy_problems(f->policy)->len, ==, 2);
}

static NgPolicyApp *make_app(const char *id, const char *executable, guint8 profile)
{
	NgPolicyApp *app = ng_policy_app_new(id);

	g_strfreev(app->executables);
	app->executables = g_strsplit(executable, ";", -1);
	app->profile = profile;
	return app;
}

static void test_what_is_stored_is_in_force_and_on_disk(Fixture *f, gconstpointer data)
{
	g_autoptr(NgPolicyApp) app = make_app("curl", "/usr/bin/curl", NG_PROFILE_OFFLINE);
	g_autoptr(NgPolicy) other = ng_policy_new((const char *const *)f->folders);
	g_autoptr(GError) error = NULL;

	g_assert_true(ng_policy_store(f->policy, app, &error));
	g_assert_no_error(error);
	assert_profile(f, "curl", NG_PROFILE_OFFLINE);
	g_assert_false(ng_policy_reload(f->policy));
	ng_policy_reload(other);
	g_assert_true(ng_policy_app_equal(ng_policy_find(other, "curl"), ng_policy_find(f->policy, "curl")));
	/* Storing what the policy itself holds. */
	g_assert_true(ng_policy_store(f->policy, ng_policy_find(f->policy, "curl"), &error));
	assert_profile(f, "curl", NG_PROFILE_OFFLINE);
}

static void test_storing_keeps_notes_and_replaces_damage(Fixture *f, gconstpointer data)
{
	g_autoptr(NgPolicyApp) app = make_app("curl", "/usr/bin/curl", NG_PROFILE_OFFLINE);
	g_autofree char *path = path_of(f, NG_LAYER_USER, "curl.app"), *text = NULL, *again = NULL;

	write_file(f, NG_LAYER_USER, "curl.app",
		   "[Application]\nExecutable=/usr/bin/curl\n# mine\n[Network]\nProfile=local\n[Note]\nTicket=1\n");
	g_assert_true(ng_policy_store(f->policy, app, NULL));
	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	g_assert_cmpstr(
		text, ==,
		"[Application]\nExecutable=/usr/bin/curl\n# mine\n[Network]\nProfile=offline\n[Note]\nTicket=1\n");
	write_file(f, NG_LAYER_USER, "curl.app", "rubbish");
	ng_policy_reload(f->policy);
	g_assert_true(ng_policy_store(f->policy, app, NULL));
	assert_no_problem(f);
	g_assert_true(g_file_get_contents(path, &again, NULL, NULL));
	g_assert_cmpstr(again, ==, "[Application]\nExecutable=/usr/bin/curl\n[Network]\nProfile=offline\n");
}

static void test_what_may_not_be_stored_is_refused(Fixture *f, gconstpointer data)
{
	g_autoptr(NgPolicyApp) managed = make_app("managed", "/m", NG_PROFILE_ONLINE);
	g_autoptr(NgPolicyApp) conflict = make_app("conflict", "/other;/v", NG_PROFILE_ONLINE);
	g_autoptr(NgPolicyApp) bad_id = make_app("../x", "/x", NG_PROFILE_ONLINE);
	g_autoptr(NgPolicyApp) no_profile = make_app("x", "/x", 0);
	g_autoptr(NgPolicyApp) bad_name = make_app("x", "/x", NG_PROFILE_LOCAL);
	g_autoptr(NgPolicyApp) stale = make_app("x", "/x", NG_PROFILE_LOCAL);
	const struct {
		const NgPolicyApp *app;
		int code;
	} cases[] = { { managed, NG_POLICY_ERROR_MANAGED }, { conflict, NG_POLICY_ERROR_CONFLICT },
		      { bad_id, NG_POLICY_ERROR_VALUE },    { no_profile, NG_POLICY_ERROR_VALUE },
		      { bad_name, NG_POLICY_ERROR_VALUE },  { stale, NG_POLICY_ERROR_VALUE } };

	g_free(bad_name->name);
	bad_name->name = g_strdup("a\nb");
	stale->flags = NG_APP_LOOPBACK; /* which its allow_texts do not say */
	write_app(f, NG_LAYER_ADMIN, "managed", "/m", "maybe");
	write_app(f, NG_LAYER_VENDOR, "vendor", "/v", "local");
	ng_policy_reload(f->policy);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_false(ng_policy_store(f->policy, cases[i].app, &error));
		g_assert_error(error, NG_POLICY_ERROR, cases[i].code);
	}
	g_assert_cmpuint(ng_policy_apps(f->policy)->len, ==, 1);
	g_assert_false(ng_policy_reload(f->policy));
}

static void test_forgetting_lets_the_vendor_speak_again(Fixture *f, gconstpointer data)
{
	g_autoptr(NgPolicyApp) app = make_app("curl", "/usr/bin/curl", NG_PROFILE_OFFLINE);
	g_autoptr(GError) error = NULL;

	write_app(f, NG_LAYER_VENDOR, "curl", "/usr/bin/curl", "online");
	ng_policy_reload(f->policy);
	g_assert_true(ng_policy_store(f->policy, app, NULL));
	assert_profile(f, "curl", NG_PROFILE_OFFLINE);
	g_assert_true(ng_policy_forget(f->policy, ng_policy_find(f->policy, "curl")->id, &error));
	assert_profile(f, "curl", NG_PROFILE_ONLINE);
	g_assert_false(ng_policy_forget(f->policy, "curl", &error));
	g_assert_error(error, NG_POLICY_ERROR, NG_POLICY_ERROR_UNKNOWN);
	g_clear_error(&error);
	g_assert_false(ng_policy_forget(f->policy, "../../etc/passwd", &error));
	g_assert_error(error, NG_POLICY_ERROR, NG_POLICY_ERROR_UNKNOWN);
}

static void test_the_user_folder_is_made_when_it_is_missing(Fixture *f, gconstpointer data)
{
	g_autoptr(NgPolicyApp) app = make_app("curl", "/usr/bin/curl", NG_PROFILE_OFFLINE);

	g_rmdir(f->folders[NG_LAYER_USER]);
	g_assert_true(ng_policy_store(f->policy, app, NULL));
	g_assert_false(ng_policy_reload(f->policy));
	assert_profile(f, "curl", NG_PROFILE_OFFLINE);
}

static void test_a_new_id_is_free_and_fit_for_a_file(Fixture *f, gconstpointer data)
{
	static const struct {
		const char *executable, *id;
	} cases[] = {
		{ "/usr/bin/curl", "curl-2" }, { "/usr/bin/wget", "wget" }, { "/opt/My Game!.bin", "My-Game-.bin" },
		{ "/opt/.hidden", "hidden" },  { "/opt/*", "app" },         { "/opt/\xc3\xa9t\xc3\xa9", "t--" }
	};

	write_app(f, NG_LAYER_ADMIN, "curl", "/x", "maybe");
	ng_policy_reload(f->policy);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *id = ng_policy_new_id(f->policy, cases[i].executable);

		g_assert_cmpstr(id, ==, cases[i].id);
	}
}

static void test_people_may_say_id_name_or_executable(Fixture *f, gconstpointer data)
{
	write_file(f, NG_LAYER_USER, "a.app",
		   "[Application]\nName=\xc3\x89t\xc3\xa9\nExecutable=/a\n[Network]\nProfile=local\n");
	write_file(f, NG_LAYER_USER, "b.app", "[Application]\nName=Twin\nExecutable=/b\n[Network]\nProfile=local\n");
	write_file(f, NG_LAYER_USER, "c.app", "[Application]\nName=twin\nExecutable=/c\n[Network]\nProfile=local\n");
	ng_policy_reload(f->policy);
	g_assert_cmpstr(ng_policy_resolve(f->policy, "a")->id, ==, "a");
	g_assert_cmpstr(ng_policy_resolve(f->policy, "\xc3\xa9T\xc3\x89")->id, ==, "a");
	g_assert_cmpstr(ng_policy_resolve(f->policy, "/c")->id, ==, "c");
	g_assert_null(ng_policy_resolve(f->policy, "twin"));
	g_assert_null(ng_policy_resolve(f->policy, "/d"));
	g_assert_null(ng_policy_resolve(f->policy, "\xff"));
	g_assert_cmpstr(ng_policy_called(f->policy, "TWIN", "b")->id, ==, "c");
	g_assert_cmpstr(ng_policy_called(f->policy, "A", "c")->id, ==, "a");
	g_assert_null(ng_policy_called(f->policy, "a", "a"));
	g_assert_null(ng_policy_called(f->policy, "nobody", "a"));
}

/* What the users' folder said is remembered, and the folder is none now: so that 100,000 files need not be written. */
static void test_the_administrator_is_heard_when_users_have_filled_their_folder(Fixture *f, gconstpointer data)
{
	g_autoptr(GString) snapshot = g_string_new("netguard-policy 1\n");
	g_autoptr(NgPolicyApp) one_more = make_app("more", "/more", NG_PROFILE_OFFLINE);
	g_autoptr(GError) error = NULL;

	for (guint i = 0; i < NG_POLICY_MAX_APPS; i++) {
		g_autofree char *text =
			g_strdup_printf("[Application]\nExecutable=/a%u\n[Network]\nProfile=online\n", i);

		g_string_append_printf(snapshot, "%u a%u %" G_GSIZE_FORMAT "\n%s\n", NG_LAYER_USER, i, strlen(text),
				       text);
	}
	ng_policy_remember(f->policy, snapshot->str);
	g_rmdir(f->folders[NG_LAYER_USER]);
	g_assert_true(g_file_set_contents(f->folders[NG_LAYER_USER], "", 0, NULL));
	write_app(f, NG_LAYER_ADMIN, "strict", "/strict", "offline");
	ng_policy_reload(f->policy);
	g_assert_cmpuint(ng_policy_apps(f->policy)->len, ==, NG_POLICY_MAX_APPS + 1);
	assert_profile(f, "strict", NG_PROFILE_OFFLINE);
	g_assert_false(ng_policy_store(f->policy, one_more, &error));
	g_assert_error(error, NG_POLICY_ERROR, NG_POLICY_ERROR_LIMIT);
	g_unlink(f->folders[NG_LAYER_USER]);
}

static void test_a_name_never_stands_for_a_path(Fixture *f, gconstpointer data)
{
	g_autoptr(NgPolicyApp) app = make_app("a", "/a", NG_PROFILE_OFFLINE);
	g_autoptr(GError) error = NULL;

	write_file(f, NG_LAYER_USER, "b.app",
		   "[Application]\nName=/usr/bin/true\nExecutable=/b\n[Network]\nProfile=local\n");
	ng_policy_reload(f->policy);
	assert_problem(f, "/user/b.app", 2, 6, FALSE, "The name starts with /");
	g_free(app->name);
	app->name = g_strdup("/usr/bin/true");
	g_assert_false(ng_policy_store(f->policy, app, &error));
	g_assert_error(error, NG_POLICY_ERROR, NG_POLICY_ERROR_VALUE);
	g_assert_null(ng_policy_resolve(f->policy, "/usr/bin/true"));
}

static void test_what_a_snapshot_remembers_holds_for_damaged_files_only(Fixture *f, gconstpointer data)
{
	g_autoptr(NgPolicy) next = ng_policy_new((const char *const *)f->folders);
	g_autofree char *snapshot = NULL, *again = NULL;

	write_app(f, NG_LAYER_USER, "damaged", "/a", "offline");
	write_app(f, NG_LAYER_USER, "gone", "/b", "offline");
	write_app(f, NG_LAYER_ADMIN, "good", "/c", "offline");
	ng_policy_reload(f->policy);
	snapshot = ng_policy_snapshot(f->policy);
	write_app(f, NG_LAYER_USER, "damaged", "/a", "maybe");
	delete_file(f, NG_LAYER_USER, "gone.app");
	write_app(f, NG_LAYER_ADMIN, "good", "/c", "online");
	ng_policy_remember(next, snapshot);
	again = ng_policy_snapshot(next);
	g_assert_cmpstr(again, ==, snapshot);
	ng_policy_reload(next);
	g_assert_cmpuint(ng_policy_find(next, "damaged")->profile, ==, NG_PROFILE_OFFLINE);
	g_assert_null(ng_policy_find(next, "gone"));
	g_assert_cmpuint(ng_policy_find(next, "good")->profile, ==, NG_PROFILE_ONLINE);
	g_assert_cmpuint(ng_policy_problems(next)->len, ==, 1);
	g_assert_true(((NgPolicyProblem *)ng_policy_problems(next)->pdata[0])->kept);
}

static void test_a_damaged_snapshot_is_read_up_to_the_damage(Fixture *f, gconstpointer data)
{
	g_autofree char *snapshot = NULL;
	gsize length = 0;

	write_app(f, NG_LAYER_USER, "a", "/a", "offline");
	write_app(f, NG_LAYER_USER, "b", "/b", "offline");
	ng_policy_reload(f->policy);
	snapshot = ng_policy_snapshot(f->policy);
	length = strlen(snapshot);
	for (gsize i = 0; i < length; i++) {
		g_autoptr(NgPolicy) cut = ng_policy_new((const char *const *)f->folders);
		g_autoptr(NgPolicy) changed = ng_policy_new((const char *const *)f->folders);
		g_autofree char *text = g_strndup(snapshot, i);
		g_autofree char *other = g_strdup(snapshot);

		other[i] ^= 0x15;
		ng_policy_remember(cut, text);
		ng_policy_remember(changed, other);
	}
	ng_policy_remember(f->policy, NULL);
	ng_policy_remember(f->policy, "");
}

static void test_ten_thousand_files_load_and_reload_fast(Fixture *f, gconstpointer data)
{
	g_autoptr(NgPolicyApp) app = make_app("app-5000", "/usr/bin/app-5000", NG_PROFILE_ONLINE);
	gint64 times[5] = { 0 };

	for (guint i = 0; i < 10000; i++) {
		g_autofree char *path = g_strdup_printf("%s/app-%u.app", f->folders[NG_LAYER_USER], i);
		g_autofree char *text =
			g_strdup_printf("[Application]\nName=Application %u\nExecutable=/usr/bin/app-%u\n"
					"[Network]\nProfile=local\nAllow=loopback;192.0.2.7:443/tcp\n",
					i, i);
		int fd = open(path, O_WRONLY | O_CREAT, 0644);

		g_assert_cmpint(write(fd, text, strlen(text)), ==, strlen(text));
		close(fd);
	}
	times[0] = g_get_monotonic_time();
	g_assert_true(ng_policy_reload(f->policy));
	times[1] = g_get_monotonic_time();
	g_assert_false(ng_policy_reload(f->policy)); /* those written last are read once more: they had not settled */
	times[2] = g_get_monotonic_time();
	g_assert_false(ng_policy_reload(f->policy));
	times[3] = g_get_monotonic_time();
	g_assert_true(ng_policy_store(f->policy, app, NULL));
	times[4] = g_get_monotonic_time();
	g_test_message("10,000 files: first load %.1f ms, nothing changed %.1f ms, store one %.2f ms",
		       (double)(times[1] - times[0]) / 1000, (double)(times[3] - times[2]) / 1000,
		       (double)(times[4] - times[3]) / 1000);
	g_assert_cmpuint(ng_policy_apps(f->policy)->len, ==, 10000);
}

#define ADD(function, name) g_test_add("/policy/" name, Fixture, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD(test_the_administrator_wins_over_the_user_over_the_vendor,
	    "the administrator wins over the user over the vendor");
	ADD(test_applications_are_sorted_by_id, "applications are sorted by id");
	ADD(test_nothing_changed_is_told_from_changed, "nothing changed is told from changed");
	ADD(test_a_change_in_the_same_clock_tick_is_seen, "a change in the same clock tick is seen");
	ADD(test_a_bad_file_keeps_its_last_good_state, "a bad file keeps its last good state");
	ADD(test_a_file_that_was_never_good_is_not_kept, "a file that was never good is not kept");
	ADD(test_what_is_no_file_is_a_problem_and_never_blocks, "what is no file is a problem and never blocks");
	ADD(test_a_link_to_a_file_is_followed, "a link to a file is followed");
	ADD(test_an_unreadable_file_is_a_problem, "an unreadable file is a problem");
	ADD(test_a_folder_that_is_none_keeps_what_it_said, "a folder that is none keeps what it said");
	ADD(test_names_that_are_no_id_are_a_problem_and_other_files_are_not,
	    "names that are no id are a problem and other files are not");
	ADD(test_one_executable_belongs_to_one_application, "one executable belongs to one application");
	ADD(test_what_is_stored_is_in_force_and_on_disk, "what is stored is in force and on disk");
	ADD(test_storing_keeps_notes_and_replaces_damage, "storing keeps notes and replaces damage");
	ADD(test_what_may_not_be_stored_is_refused, "what may not be stored is refused");
	ADD(test_forgetting_lets_the_vendor_speak_again, "forgetting lets the vendor speak again");
	ADD(test_the_user_folder_is_made_when_it_is_missing, "the user folder is made when it is missing");
	ADD(test_a_new_id_is_free_and_fit_for_a_file, "a new id is free and fit for a file");
	ADD(test_people_may_say_id_name_or_executable, "people may say id, name or executable");
	ADD(test_the_administrator_is_heard_when_users_have_filled_their_folder,
	    "the administrator is heard when users have filled their folder");
	ADD(test_a_name_never_stands_for_a_path, "a name never stands for a path");
	ADD(test_what_a_snapshot_remembers_holds_for_damaged_files_only,
	    "what a snapshot remembers holds for damaged files only");
	ADD(test_a_damaged_snapshot_is_read_up_to_the_damage, "a damaged snapshot is read up to the damage");
	ADD(test_ten_thousand_files_load_and_reload_fast, "ten thousand files load and reload fast");
	return g_test_run();
}
