/* SPDX-License-Identifier: MIT */
/*
 * The three folders as they are on disk: which files there are, what each says or last said, and what is wrong with it.
 * What follows from that is merge.c's; writing is store.c's. Runs in the engine, without privilege, on one thread.
 *
 * Invariants: a file that is wrong keeps its last good application; only a file that is really gone takes its
 * application with it (a folder that cannot be read takes nothing); an application that was replaced lives in `retired`
 * until merge.c has compared.
 */
#include "policy/private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"

#define SUFFIX ".app"
#define ID_CHARACTERS G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS

gboolean ng_policy_is_id(const char *id)
{
	gsize length = id ? strlen(id) : 0;

	return length >= 1 && length <= NG_POLICY_MAX_ID && strchr(ID_CHARACTERS, *id) &&
	       strspn(id, ID_CHARACTERS "._+-") == length;
}

NgPolicyProblem *ng_policy_problem_new(const char *path, NgKeyfilePlace place, const char *message, gboolean kept)
{
	NgPolicyProblem *problem = g_new0(NgPolicyProblem, 1);

	problem->path = g_strdup(path);
	problem->line = place.line;
	problem->column = place.column;
	problem->message = g_strdup(message);
	problem->kept = kept;
	return problem;
}

void ng_policy_problem_free(NgPolicyProblem *problem)
{
	if (!problem)
		return;
	g_free(problem->path);
	g_free(problem->message);
	g_free(problem);
}

static void file_free(gpointer data)
{
	NgPolicyFile *file = data;

	ng_policy_app_free(file->app);
	ng_policy_problem_free(file->problem);
	g_free(file->id);
	g_free(file->path);
	g_free(file);
}

NgPolicy *ng_policy_new(const char *const folders[NG_LAYERS])
{
	NgPolicy *policy = g_new0(NgPolicy, 1);

	for (guint layer = 0; layer < NG_LAYERS; layer++) {
		policy->folders[layer] = g_strdup(folders[layer]);
		policy->files[layer] = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, file_free);
	}
	policy->strangers =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)ng_policy_problem_free);
	policy->apps = g_ptr_array_new();
	policy->problems = g_ptr_array_new_with_free_func((GDestroyNotify)ng_policy_problem_free);
	policy->retired = g_ptr_array_new_with_free_func((GDestroyNotify)ng_policy_app_free);
	policy->owners = g_hash_table_new(g_str_hash, g_str_equal);
	return policy;
}

void ng_policy_free(NgPolicy *policy)
{
	if (!policy)
		return;
	g_hash_table_unref(policy->owners);
	g_ptr_array_unref(policy->apps);
	g_ptr_array_unref(policy->problems);
	g_ptr_array_unref(policy->retired);
	g_hash_table_unref(policy->strangers);
	for (guint layer = 0; layer < NG_LAYERS; layer++) {
		g_hash_table_unref(policy->files[layer]);
		g_free(policy->folders[layer]);
	}
	g_free(policy);
}

NgPolicyFile *ng_policy_file_get(NgPolicy *policy, NgLayer layer, const char *id)
{
	NgPolicyFile *file = g_hash_table_lookup(policy->files[layer], id);

	if (file)
		return file;
	file = g_new0(NgPolicyFile, 1);
	file->id = g_strdup(id);
	file->path = g_strdup_printf("%s/%s" SUFFIX, policy->folders[layer], id);
	file->layer = layer;
	g_hash_table_insert(policy->files[layer], file->id, file);
	return file;
}

void ng_policy_file_set_app(NgPolicy *policy, NgPolicyFile *file, NgPolicyApp *app)
{
	if (file->app)
		g_ptr_array_add(policy->retired, file->app);
	file->app = app;
	policy->is_dirty = TRUE;
	if (app)
		app->layer = file->layer;
}

void ng_policy_file_remove(NgPolicy *policy, NgLayer layer, const char *id)
{
	NgPolicyFile *file = g_hash_table_lookup(policy->files[layer], id);

	if (!file)
		return;
	ng_policy_file_set_app(policy, file, NULL);
	g_hash_table_remove(policy->files[layer], id);
}

static void file_set_problem(NgPolicy *policy, NgPolicyFile *file, NgKeyfilePlace place, const char *message)
{
	policy->is_dirty = TRUE;
	ng_policy_problem_free(file->problem);
	file->problem = ng_policy_problem_new(file->path, place, message, file->app != NULL);
}

static void file_read(NgPolicy *policy, NgPolicyFile *file, int folder_fd, const char *name)
{
	g_autofree char *text = NULL, *problem = NULL;
	g_autoptr(GError) error = NULL;
	NgKeyfilePlace place = { 0, 0 };
	NgPolicyApp *app = NULL;
	gsize length = 0;
	int r = ng_policy_read(folder_fd, name, &text, &length, &file->stamp, &problem);

	file->has_stamp = r == 0;
	if (r == -ENOENT)
		return;
	file->seen = policy->reloads;
	if (r < 0) {
		file_set_problem(policy, file, place, problem);
		return;
	}
	app = ng_policy_app_parse_file(file->id, file->path, text, length, &place, &file->executable_line, &error);
	if (!app) {
		file_set_problem(policy, file, place, error->message);
		return;
	}
	if (file->problem)
		policy->is_dirty = TRUE;
	g_clear_pointer(&file->problem, ng_policy_problem_free);
	app->layer = file->layer;
	/* What says the same stays the same object: others have borrowed it. */
	if (file->app && ng_policy_app_equal(file->app, app))
		ng_policy_app_free(app);
	else
		ng_policy_file_set_app(policy, file, app);
}

static void set_stranger(NgPolicy *policy, const char *path, const char *message, gboolean kept)
{
	policy->is_dirty = TRUE;
	g_hash_table_replace(policy->strangers, g_strdup(path),
			     ng_policy_problem_new(path, (NgKeyfilePlace){ 0, 0 }, message, kept));
}

static void entry_load(NgPolicy *policy, NgLayer layer, int folder_fd, const char *name)
{
	g_autofree char *id = g_strndup(name, strlen(name) - strlen(SUFFIX));
	NgPolicyFile *file = g_hash_table_lookup(policy->files[layer], id);
	struct stat st = { 0 };

	if (policy->n_taken >= NG_POLICY_MAX_APPS) {
		set_stranger(policy, policy->folders[layer],
			     "There are too many application files. Remove some; those beyond 100000 are not in force.",
			     FALSE);
		return;
	}
	if (file && file->has_stamp && file->stamp.settled && fstatat(folder_fd, name, &st, 0) == 0) {
		NgPolicyStamp stamp = ng_policy_stamp(&st);

		if (ng_policy_stamp_equal(&stamp, &file->stamp)) {
			file->seen = policy->reloads;
			policy->n_taken++;
			return;
		}
	}
	if (!ng_policy_is_id(id)) {
		g_autofree char *path = g_build_filename(policy->folders[layer], name, NULL);

		set_stranger(policy, path,
			     "The name of the file is not an id. Rename it with letters, digits and . _ + - only, "
			     "at most 64.",
			     FALSE);
		return;
	}
	policy->n_taken++;
	file_read(policy, ng_policy_file_get(policy, layer, id), folder_fd, name);
}

/* What the folder no longer has. */
static void forget_unseen(NgPolicy *policy, NgLayer layer)
{
	GHashTableIter iter;
	gpointer value = NULL;

	g_hash_table_iter_init(&iter, policy->files[layer]);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		NgPolicyFile *file = value;

		if (file->seen == policy->reloads)
			continue;
		ng_policy_file_set_app(policy, file, NULL);
		g_hash_table_iter_remove(&iter);
	}
}

static void folder_fail(NgPolicy *policy, NgLayer layer, int error)
{
	g_autofree char *message = g_strdup_printf(
		"The folder cannot be read (%s). Make it readable for the user netguard.", g_strerror(error));

	set_stranger(policy, policy->folders[layer], message, g_hash_table_size(policy->files[layer]) > 0);
}

static void folder_load(NgPolicy *policy, NgLayer layer)
{
	struct dirent *entry = NULL;
	DIR *dir = opendir(policy->folders[layer]);

	if (!dir) {
		if (errno == ENOENT)
			forget_unseen(policy, layer);
		else
			folder_fail(policy, layer, errno);
		return;
	}
	for (errno = 0; (entry = readdir(dir)); errno = 0)
		if (*entry->d_name != '.' && g_str_has_suffix(entry->d_name, SUFFIX))
			entry_load(policy, layer, dirfd(dir), entry->d_name);
	if (errno)
		folder_fail(policy, layer, errno);
	else
		forget_unseen(policy, layer);
	closedir(dir);
}

gboolean ng_policy_reload(NgPolicy *policy)
{
	/* Who may fill a folder must not crowd out who stands above: the stronger first, whatever was there before. */
	static const NgLayer layers[NG_LAYERS] = { NG_LAYER_ADMIN, NG_LAYER_VENDOR, NG_LAYER_USER };
	guint n_before = 0;

	policy->reloads++;
	if (g_hash_table_size(policy->strangers) > 0)
		policy->is_dirty = TRUE;
	g_hash_table_remove_all(policy->strangers);
	for (guint i = 0; i < NG_LAYERS; i++) {
		policy->n_taken = n_before;
		if (policy->folders[layers[i]])
			folder_load(policy, layers[i]);
		n_before += g_hash_table_size(policy->files[layers[i]]); /* of a folder that cannot be read too */
	}
	return policy->is_dirty && ng_policy_merge(policy);
}

GPtrArray *ng_policy_apps(NgPolicy *policy)
{
	return policy->apps;
}

GPtrArray *ng_policy_problems(NgPolicy *policy)
{
	return policy->problems;
}

const NgPolicyApp *ng_policy_find(NgPolicy *policy, const char *id)
{
	gboolean found = FALSE;
	guint position = ng_policy_position(policy, id, &found);

	return found ? policy->apps->pdata[position] : NULL;
}

const NgPolicyApp *ng_policy_below(NgPolicy *policy, const char *id)
{
	static const NgLayer layers[] = { NG_LAYER_ADMIN, NG_LAYER_VENDOR };

	for (guint i = 0; i < G_N_ELEMENTS(layers); i++) {
		const NgPolicyFile *file = g_hash_table_lookup(policy->files[layers[i]], id);

		if (file && file->app)
			return file->app;
	}
	return NULL;
}

const NgPolicyApp *ng_policy_owner(NgPolicy *policy, const char *executable)
{
	return g_hash_table_lookup(policy->owners, executable);
}

static const NgPolicyApp *find_by_name(NgPolicy *policy, const char *text)
{
	g_autofree char *wanted = g_utf8_casefold(text, -1);
	const NgPolicyApp *found = NULL;

	for (guint i = 0; i < policy->apps->len; i++) {
		const NgPolicyApp *app = policy->apps->pdata[i];
		g_autofree char *name = g_utf8_casefold(app->name, -1);

		if (!g_str_equal(name, wanted))
			continue;
		if (found)
			return NULL;
		found = app;
	}
	return found;
}

const NgPolicyApp *ng_policy_resolve(NgPolicy *policy, const char *text)
{
	const NgPolicyApp *app;

	/* A path is a path: nobody's name may stand for somebody else's program. */
	if (*text == '/')
		return ng_policy_owner(policy, text);
	app = ng_policy_find(policy, text);
	if (!app && g_utf8_validate(text, -1, NULL))
		app = find_by_name(policy, text);
	return app;
}

const NgPolicyApp *ng_policy_called(NgPolicy *policy, const char *name, const char *except)
{
	g_autofree char *wanted = g_utf8_casefold(name, -1);

	for (guint i = 0; i < policy->apps->len; i++) {
		const NgPolicyApp *app = policy->apps->pdata[i];
		g_autofree char *its_name = g_utf8_casefold(app->name, -1), *its_id = g_utf8_casefold(app->id, -1);

		if (!g_str_equal(app->id, except) && (g_str_equal(its_name, wanted) || g_str_equal(its_id, wanted)))
			return app;
	}
	return NULL;
}
