/* SPDX-License-Identifier: MIT */
/*
 * The cache of found files (see found.h). An application's entries are remembered by their hash; its files by inode and
 * path. Engine, without privilege: what its user cannot reach is a problem that is shown.
 */
#include "guardd/found.h"

#include <string.h>

#include "base/hash.h"

typedef struct {
	guint64 entries; /* hash of Executable= */
	GArray *files;   /* NgIdentityFile */
	char *problem;   /* NULL: none */
} Found;

struct _NgFound {
	NgIdentity *identity;
	GHashTable *apps; /* id -> Found */
	GArray *exes;     /* NgCompileExe, of all; borrows ids and paths from `apps`; NULL: to be made */
	gboolean is_stale;
	guint n_problems;
};

static void found_free(gpointer data)
{
	Found *found = data;

	g_clear_pointer(&found->files, g_array_unref);
	g_free(found->problem);
	g_free(found);
}

NgFound *ng_found_new(void)
{
	NgFound *found = g_new0(NgFound, 1);

	found->identity = ng_identity_new();
	found->apps = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, found_free);
	found->is_stale = TRUE;
	return found;
}

void ng_found_free(NgFound *found)
{
	g_clear_pointer(&found->exes, g_array_unref);
	g_hash_table_unref(found->apps);
	ng_identity_free(found->identity);
	g_free(found);
}

static guint64 found_hash(char **entries)
{
	guint64 hash = NG_HASH_START;

	for (char **entry = entries; *entry; entry++)
		hash = ng_hash_add(hash, *entry, strlen(*entry) + 1);
	return hash;
}

static Found *found_look(NgFound *self, const NgPolicyApp *app)
{
	Found *found = g_new0(Found, 1);

	found->entries = found_hash(app->executables);
	found->files = ng_identity_files_new();
	for (char **entry = app->executables; *entry; entry++) {
		g_autoptr(GError) error = NULL;

		if (!ng_identity_find(self->identity, *entry, NG_FOUND_MAX_FILES, found->files, &error) &&
		    !found->problem)
			found->problem = g_strdup(error->message);
	}
	return found;
}

static void found_put(NgFound *self, const NgPolicyApp *app, Found *now)
{
	const Found *before = g_hash_table_lookup(self->apps, app->id);

	self->n_problems += now->problem ? 1 : 0;
	self->n_problems -= before && before->problem ? 1 : 0;
	g_clear_pointer(&self->exes, g_array_unref);
	g_hash_table_insert(self->apps, g_strdup(app->id), now);
}

void ng_found_set_stale(NgFound *self)
{
	self->is_stale = TRUE;
}

static void found_forget(NgFound *self, GPtrArray *apps)
{
	g_autoptr(GHashTable) here = g_hash_table_new(g_str_hash, g_str_equal);
	GHashTableIter iter;
	gpointer id, value;

	for (guint i = 0; i < apps->len; i++)
		g_hash_table_add(here, ((const NgPolicyApp *)g_ptr_array_index(apps, i))->id);
	g_hash_table_iter_init(&iter, self->apps);
	while (g_hash_table_iter_next(&iter, &id, &value)) {
		if (g_hash_table_contains(here, id))
			continue;
		g_clear_pointer(&self->exes, g_array_unref);
		self->n_problems -= ((const Found *)value)->problem ? 1 : 0;
		g_hash_table_iter_remove(&iter);
	}
}

static void found_sync(NgFound *self, GPtrArray *apps)
{
	for (guint i = 0; i < apps->len; i++) {
		const NgPolicyApp *app = g_ptr_array_index(apps, i);
		const Found *found = g_hash_table_lookup(self->apps, app->id);

		if (!found || found->entries != found_hash(app->executables))
			found_put(self, app, found_look(self, app));
	}
	if (g_hash_table_size(self->apps) > apps->len)
		found_forget(self, apps);
	self->is_stale = FALSE;
}

static int compare_exes(gconstpointer a, gconstpointer b)
{
	const struct ng_exe_key *one = &((const NgCompileExe *)a)->key, *other = &((const NgCompileExe *)b)->key;

	if (one->dev != other->dev)
		return one->dev < other->dev ? -1 : 1;
	return one->ino < other->ino ? -1 : one->ino > other->ino;
}

GArray *ng_found_exes(NgFound *self, GPtrArray *apps)
{
	GHashTableIter iter;
	gpointer id, value;

	if (self->is_stale)
		found_sync(self, apps);
	if (self->exes)
		return self->exes;
	/* Kept until a file changes: what every compilation would do again is done here, the keys and the order. */
	self->exes = g_array_sized_new(FALSE, TRUE, sizeof(NgCompileExe), apps->len);
	g_hash_table_iter_init(&iter, self->apps);
	while (g_hash_table_iter_next(&iter, &id, &value)) {
		const GArray *files = ((const Found *)value)->files;
		const uint64_t key = ng_image_app_key(id, strlen(id));

		for (guint i = 0; i < files->len; i++) {
			const NgIdentityFile *file = &g_array_index(files, NgIdentityFile, i);
			const NgCompileExe exe = { file->key, file->path, id, key };

			g_array_append_val(self->exes, exe);
		}
	}
	g_array_sort(self->exes, compare_exes);
	return self->exes;
}

/* The first of the sorted files that is not before `key`. */
static guint exes_position(const GArray *exes, const struct ng_exe_key *key)
{
	guint first = 0, end = exes->len;

	while (first < end) {
		const guint middle = first + (end - first) / 2;
		const NgCompileExe wanted = { .key = *key };

		if (compare_exes(&g_array_index(exes, NgCompileExe, middle), &wanted) < 0)
			first = middle + 1;
		else
			end = middle;
	}
	return first;
}

static void sharers_add(const GArray *exes, const GArray *files, const char *id, GPtrArray *ids)
{
	for (guint i = 0; i < files->len; i++) {
		const struct ng_exe_key *key = &g_array_index(files, NgIdentityFile, i).key;

		for (guint j = exes_position(exes, key); j < exes->len; j++) {
			const NgCompileExe *exe = &g_array_index(exes, NgCompileExe, j);

			if (exe->key.ino != key->ino || exe->key.dev != key->dev)
				break;
			if (!g_str_equal(exe->app_id, id))
				g_ptr_array_add(ids, (gpointer)exe->app_id);
		}
	}
}

gboolean ng_found_sharers(NgFound *self, const NgPolicyApp *app, GPtrArray *apps, GPtrArray *ids)
{
	g_autoptr(GArray) files = ng_identity_files_new();

	for (char **entry = app->executables; *entry; entry++) {
		if (strpbrk(*entry, "*?[") ||
		    !ng_identity_find(self->identity, *entry, NG_FOUND_MAX_FILES, files, NULL))
			return FALSE;
	}
	sharers_add(ng_found_exes(self, apps), files, app->id, ids);
	return TRUE;
}

void ng_found_sharers_now(NgFound *self, const NgPolicyApp *app, GPtrArray *apps, GPtrArray *ids)
{
	const GArray *exes = ng_found_exes(self, apps);
	const Found *found = g_hash_table_lookup(self->apps, app->id);

	if (found)
		sharers_add(exes, found->files, app->id, ids);
}

static gboolean found_same(const Found *a, const Found *b)
{
	if (a->files->len != b->files->len || g_strcmp0(a->problem, b->problem) != 0)
		return FALSE;
	for (guint i = 0; i < a->files->len; i++) {
		const NgIdentityFile *x = &g_array_index(a->files, NgIdentityFile, i);
		const NgIdentityFile *y = &g_array_index(b->files, NgIdentityFile, i);

		if (x->key.ino != y->key.ino || x->key.dev != y->key.dev || strcmp(x->path, y->path) != 0)
			return FALSE;
	}
	return TRUE;
}

gboolean ng_found_again(NgFound *self, const NgPolicyApp *app)
{
	const Found *before = g_hash_table_lookup(self->apps, app->id);
	Found *now = found_look(self, app);

	if (before && found_same(before, now)) {
		found_free(now);
		return FALSE;
	}
	found_put(self, app, now);
	return TRUE;
}

const GArray *ng_found_files(NgFound *self, const char *id)
{
	const Found *found = g_hash_table_lookup(self->apps, id);

	return found ? found->files : NULL;
}

GPtrArray *ng_found_problems(NgFound *self, NgPolicy *policy)
{
	GPtrArray *problems = ng_problems_new();
	GPtrArray *apps = ng_policy_apps(policy);

	for (guint i = 0; i < apps->len && problems->len < self->n_problems; i++) {
		const NgPolicyApp *app = g_ptr_array_index(apps, i);
		const Found *found = g_hash_table_lookup(self->apps, app->id);

		if (found && found->problem)
			ng_problems_add(problems, app->path, 0, found->problem, FALSE);
	}
	return problems;
}
