/* SPDX-License-Identifier: MIT */
/*
 * What is in force, from what the files say: the strongest layer of each id, then one application for each executable.
 * Runs in the engine, without privilege. Costs one pass over the files, some milliseconds with 10,000 of them; one
 * application stored among others that are all well costs a binary search.
 */
#include <string.h>

#include "policy/private.h"

/* The file that decides for `id`: the strongest that says anything. */
static const NgPolicyFile *find_effective(NgPolicy *policy, const char *id)
{
	for (int layer = NG_LAYERS - 1; layer >= 0; layer--) {
		const NgPolicyFile *file = g_hash_table_lookup(policy->files[layer], id);

		if (file && file->app)
			return file;
	}
	return NULL;
}

static int compare_strength(gconstpointer a, gconstpointer b)
{
	const NgPolicyFile *one = *(NgPolicyFile *const *)a, *other = *(NgPolicyFile *const *)b;

	if (one->layer != other->layer)
		return one->layer > other->layer ? -1 : 1;
	return strcmp(one->id, other->id);
}

/* The files that decide, strongest first, then by id. */
static GPtrArray *effective_files(NgPolicy *policy)
{
	GPtrArray *files = g_ptr_array_new();

	for (guint layer = 0; layer < NG_LAYERS; layer++) {
		GHashTableIter iter;
		gpointer value = NULL;

		g_hash_table_iter_init(&iter, policy->files[layer]);
		while (g_hash_table_iter_next(&iter, NULL, &value)) {
			const NgPolicyFile *file = value;

			if (file->app && find_effective(policy, file->id) == file)
				g_ptr_array_add(files, value);
		}
	}
	g_ptr_array_sort(files, compare_strength);
	return files;
}

static const NgPolicyApp *find_owner(NgPolicy *policy, const NgPolicyApp *app, const char **ret_executable)
{
	for (guint i = 0; app->executables[i]; i++) {
		const NgPolicyApp *owner = g_hash_table_lookup(policy->owners, app->executables[i]);

		*ret_executable = app->executables[i];
		if (owner)
			return owner;
	}
	return NULL;
}

/* Puts the application in force, or its problem among the problems. */
static void admit(NgPolicy *policy, const NgPolicyFile *file)
{
	const char *executable = NULL;
	const NgPolicyApp *owner = find_owner(policy, file->app, &executable);
	g_autofree char *message = NULL;

	if (!owner) {
		for (guint i = 0; file->app->executables[i]; i++)
			g_hash_table_insert(policy->owners, file->app->executables[i], file->app);
		g_ptr_array_add(policy->apps, file->app);
		return;
	}
	message = g_strdup_printf(
		"%s already belongs to “%s” (%s), so “%s” is not in force. Remove it from one of the two.", executable,
		owner->id, owner->path, file->id);
	g_ptr_array_add(policy->problems,
			ng_policy_problem_new(file->path,
					      (NgKeyfilePlace){ file->executable_line, file->executable_line ? 1 : 0 },
					      message, FALSE));
}

static void copy_problem(NgPolicy *policy, const NgPolicyProblem *problem)
{
	g_ptr_array_add(policy->problems,
			ng_policy_problem_new(problem->path, (NgKeyfilePlace){ problem->line, problem->column },
					      problem->message, problem->kept));
}

static void collect_problems(NgPolicy *policy)
{
	GHashTableIter iter;
	gpointer value = NULL;

	g_hash_table_iter_init(&iter, policy->strangers);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		copy_problem(policy, value);
	for (guint layer = 0; layer < NG_LAYERS; layer++) {
		g_hash_table_iter_init(&iter, policy->files[layer]);
		while (g_hash_table_iter_next(&iter, NULL, &value)) {
			const NgPolicyFile *file = value;

			if (file->problem)
				copy_problem(policy, file->problem);
		}
	}
}

static int compare_path(gconstpointer a, gconstpointer b)
{
	const NgPolicyProblem *one = *(NgPolicyProblem *const *)a, *other = *(NgPolicyProblem *const *)b;
	int order = strcmp(one->path, other->path);

	return order ? order : strcmp(one->message, other->message);
}

static int compare_id(gconstpointer a, gconstpointer b)
{
	return strcmp((*(NgPolicyApp *const *)a)->id, (*(NgPolicyApp *const *)b)->id);
}

/* Where `id` is among the applications in force, or belongs. */
guint ng_policy_position(NgPolicy *policy, const char *id, gboolean *ret_found)
{
	guint first = 0, end = policy->apps->len;

	*ret_found = FALSE;
	while (first < end && !*ret_found) {
		guint middle = first + (end - first) / 2;
		int order = strcmp(id, ((const NgPolicyApp *)policy->apps->pdata[middle])->id);

		*ret_found = order == 0;
		if (order <= 0)
			end = middle;
		else
			first = middle + 1;
	}
	return end;
}

static gboolean apps_equal(GPtrArray *a, GPtrArray *b)
{
	if (a->len != b->len)
		return FALSE;
	for (guint i = 0; i < a->len; i++)
		if (a->pdata[i] != b->pdata[i] && !ng_policy_app_equal(a->pdata[i], b->pdata[i]))
			return FALSE;
	return TRUE;
}

gboolean ng_policy_merge(NgPolicy *policy)
{
	g_autoptr(GPtrArray) files = effective_files(policy);
	g_autoptr(GPtrArray) before = g_ptr_array_copy(policy->apps, NULL, NULL);
	gboolean changed = FALSE;

	/* The array itself stays: others have borrowed it. */
	g_ptr_array_set_size(policy->apps, 0);
	g_ptr_array_set_size(policy->problems, 0);
	g_hash_table_remove_all(policy->owners);
	for (guint i = 0; i < files->len; i++)
		admit(policy, files->pdata[i]);
	policy->has_conflicts = policy->problems->len > 0;
	collect_problems(policy);
	g_ptr_array_sort(policy->apps, compare_id);
	g_ptr_array_sort(policy->problems, compare_path);
	changed = !apps_equal(before, policy->apps);
	g_ptr_array_set_size(policy->retired, 0);
	policy->is_dirty = FALSE;
	return changed;
}

void ng_policy_merge_stored(NgPolicy *policy, const NgPolicyFile *file)
{
	gboolean found = FALSE;
	guint position = ng_policy_position(policy, file->id, &found);
	const NgPolicyApp *before = found ? policy->apps->pdata[position] : NULL;

	/* Who lost an executable might get it now, and problems are gone: that takes the whole pass. */
	if (policy->has_conflicts || policy->problems->len > 0) {
		ng_policy_merge(policy);
		return;
	}
	for (guint i = 0; before && before->executables[i]; i++)
		g_hash_table_remove(policy->owners, before->executables[i]);
	for (guint i = 0; file->app->executables[i]; i++)
		g_hash_table_insert(policy->owners, file->app->executables[i], file->app);
	if (found)
		policy->apps->pdata[position] = file->app;
	else
		g_ptr_array_insert(policy->apps, (int)position, file->app);
	g_ptr_array_set_size(policy->retired, 0);
	policy->is_dirty = FALSE;
}
