/* SPDX-License-Identifier: MIT */
/*
 * Writing (see store.h). STATE/last-good is the policy's snapshot, STATE/decided what was decided when it was written;
 * both are conveniences: without them nothing that is in force changes.
 */
#include "guardd/store.h"

#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <sys/stat.h>

#include "guardd/audit.h"
#include "guardd/fingerprints.h"

#define SNAPSHOT_DELAY_MS 1000
#define SNAPSHOT_MAX (256 * 1024 * 1024)

typedef struct {
	guint64 dev, ino, size;
	struct timespec mtime;
	gboolean is_gone;
} Stamp;

struct _NgStore {
	NgEngine *engine;
	char *folder;      /* of the user's application files */
	GHashTable *ours;  /* file name -> Stamp */
	guint snapshot;    /* timer */
	gboolean is_later; /* something was written since the timer was set */
};

NgStore *ng_store_new(NgEngine *engine)
{
	NgStore *store = g_new0(NgStore, 1);

	store->engine = engine;
	store->folder = ng_engine_apps_folder(engine->options, NG_LAYER_USER);
	store->ours = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return store;
}

static Stamp store_stamp(NgStore *store, const char *name)
{
	g_autofree char *path = g_build_filename(store->folder, name, NULL);
	struct stat st;

	if (lstat(path, &st) < 0)
		return (Stamp){ .is_gone = errno == ENOENT };
	return (Stamp){ st.st_dev, st.st_ino, (guint64)st.st_size, st.st_mtim, FALSE };
}

static void store_note(NgStore *store, const char *id)
{
	g_autofree char *name = g_strdup_printf("%s.app", id);
	const Stamp stamp = store_stamp(store, name);

	/* Known names only need to outlive the watch's delay. */
	if (g_hash_table_size(store->ours) > 4096)
		g_hash_table_remove_all(store->ours);
	g_hash_table_insert(store->ours, g_steal_pointer(&name), g_memdup2(&stamp, sizeof stamp));
	ng_store_snapshot_later(store);
}

gboolean ng_store_app(NgStore *store, const NgPolicyApp *app, GError **error)
{
	if (!ng_policy_store(store->engine->policy, app, error))
		return FALSE;
	store_note(store, app->id);
	return TRUE;
}

gboolean ng_store_forget(NgStore *store, const char *id, GError **error)
{
	g_autofree char *kept = g_strdup(id);

	if (!ng_policy_forget(store->engine->policy, kept, error))
		return FALSE;
	ng_fingerprints_forget(store->engine->fingerprints, kept);
	store_note(store, kept);
	return TRUE;
}

gboolean ng_store_is_ours(NgStore *store, const char *name)
{
	const Stamp *known = g_hash_table_lookup(store->ours, name);
	Stamp now;

	if (!known)
		return FALSE;
	now = store_stamp(store, name);
	if (known->is_gone || now.is_gone)
		return known->is_gone == now.is_gone;
	return known->dev == now.dev && known->ino == now.ino && known->size == now.size &&
	       known->mtime.tv_sec == now.mtime.tv_sec && known->mtime.tv_nsec == now.mtime.tv_nsec;
}

static char *store_read(NgStore *store, const char *name)
{
	g_autofree char *path = g_build_filename(store->engine->options->state, name, NULL);
	g_autofree char *text = NULL;
	struct stat st;
	gsize length;

	if (stat(path, &st) < 0 || st.st_size > SNAPSHOT_MAX || !g_file_get_contents(path, &text, &length, NULL) ||
	    strlen(text) != length)
		return NULL;
	return g_steal_pointer(&text);
}

static void store_write(NgStore *store, const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(store->engine->options->state, name, NULL);
	g_autoptr(GError) error = NULL;

	if (g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &error))
		return;
	ng_engine_set_problem(store->engine, NG_PROBLEM_STATE, path, 0, error->message, FALSE);
}

static void store_snapshot(NgStore *store)
{
	g_autofree char *snapshot = ng_policy_snapshot(store->engine->policy);
	g_autoptr(GHashTable) picture = ng_audit_picture(store->engine->policy);
	g_autofree char *decided = ng_audit_picture_text(picture);

	store_write(store, "last-good", snapshot);
	store_write(store, "decided", decided);
}

static gboolean store_snapshot_due(gpointer data)
{
	NgStore *store = data;

	if (store->is_later) {
		store->is_later = FALSE;
		return G_SOURCE_CONTINUE;
	}
	store->snapshot = 0;
	store_snapshot(store);
	/* It is quiet: give back what many small changes left in between. */
	malloc_trim(0);
	return G_SOURCE_REMOVE;
}

void ng_store_snapshot_later(NgStore *store)
{
	if (store->snapshot > 0)
		store->is_later = TRUE;
	else
		store->snapshot =
			g_timeout_add_full(G_PRIORITY_LOW, SNAPSHOT_DELAY_MS, store_snapshot_due, store, NULL);
}

GHashTable *ng_store_remember(NgStore *store)
{
	g_autofree char *snapshot = store_read(store, "last-good");
	g_autofree char *decided = store_read(store, "decided");

	if (snapshot)
		ng_policy_remember(store->engine->policy, snapshot);
	return decided ? ng_audit_picture_parse(decided) : NULL;
}

void ng_store_free(NgStore *store)
{
	if (store->snapshot > 0) {
		g_source_remove(store->snapshot);
		store_snapshot(store);
	}
	g_hash_table_unref(store->ours);
	g_free(store->folder);
	g_free(store);
}
