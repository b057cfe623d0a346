/* SPDX-License-Identifier: MIT */
/*
 * The watch (see policy-watch.h). An event says only that something happened; what it means is read from the disk. The
 * engine's own writes are told apart by what the file is now (store.c), not by when it happened.
 *
 * A folder of application files that is not there is waited for in the nearest folder above it that is.
 */
#include "guardd/policy-watch.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "guardd/fingerprints.h"
#include "guardd/found.h"
#include "guardd/loads.h"
#include "guardd/store.h"

#define SETTLE_MS 50
#define READS_PER_TURN 64
#define APPS_DELAY_MS 500
#define BUILD_PAUSE_MS 1000 /* between watching all anew, which takes long with many applications */
#define FILES_MASK                                                                                                     \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF |           \
	 IN_MOVE_SELF | IN_ONLYDIR)
#define EXECUTABLES_MASK                                                                                               \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF |        \
	 IN_ONLYDIR)

typedef enum {
	KIND_APPS,        /* a folder of application files, or one above it */
	KIND_USER_APPS,   /* the user's: the engine writes there too */
	KIND_CONFIG,      /* netguard.conf's */
	KIND_EXECUTABLES, /* of some application */
} Kind;

typedef struct {
	char *path;
	guint kinds; /* bits 1 << Kind */
	GHashTable
		*names; /* of what lies in it, to ids (GPtrArray of GRefString) whose executable that is or leads to */
	GPtrArray *any; /* ids for which any name may: a pattern, or the folder was reached by a symbolic link */
} Folder;

struct _NgWatch {
	NgEngine *engine;
	int fd;
	guint source;
	guint settle;
	guint apps_timer;
	guint look;
	GHashTable *folders;  /* watch descriptor -> Folder */
	GHashTable *dirty;    /* ids to be looked for again */
	GHashTable *watched;  /* ids to the hash of their entries, as watched */
	GHashTable *known;    /* paths that were watched until now: nothing in them went unnoticed */
	GPtrArray *unwatched; /* ids with a folder that is not watched */
	gboolean reload;      /* application files or settings may have changed */
	gboolean rebuild;     /* a watched folder came or went */
	gboolean has_lost;    /* events were lost */
	gint64 built_us;
};

static void folder_free(gpointer data)
{
	Folder *folder = data;

	g_clear_pointer(&folder->names, g_hash_table_unref);
	g_clear_pointer(&folder->any, g_ptr_array_unref);
	g_free(folder->path);
	g_free(folder);
}

/* The folder's entry, watched; NULL when it cannot be. */
static Folder *watch_folder(NgWatch *watch, const char *path, Kind kind, guint32 mask)
{
	const int wd = inotify_add_watch(watch->fd, path, mask | IN_MASK_ADD);
	Folder *folder;

	if (wd < 0)
		return NULL;
	folder = g_hash_table_lookup(watch->folders, GINT_TO_POINTER(wd));
	if (!folder) {
		folder = g_new0(Folder, 1);
		folder->path = g_strdup(path);
		g_hash_table_insert(watch->folders, GINT_TO_POINTER(wd), folder);
	}
	folder->kinds |= 1u << kind;
	return folder;
}

/* `path`, or the nearest folder above it that is there. */
static void watch_folder_or_above(NgWatch *watch, const char *path, Kind kind)
{
	g_autofree char *here = g_strdup(path);

	while (!watch_folder(watch, here, kind, FILES_MASK)) {
		char *above = g_path_get_dirname(here);
		const gboolean top = g_str_equal(above, here);

		g_free(here);
		here = above;
		kind = kind == KIND_USER_APPS ? KIND_APPS : kind;
		if (top)
			return;
	}
}

static void watch_files(NgWatch *watch)
{
	for (int layer = 0; layer < NG_LAYERS; layer++) {
		g_autofree char *path = ng_engine_apps_folder(watch->engine->options, (NgLayer)layer);

		watch_folder_or_above(watch, path, layer == NG_LAYER_USER ? KIND_USER_APPS : KIND_APPS);
	}
	watch_folder_or_above(watch, watch->engine->options->config, KIND_CONFIG);
}

/* What must appear in or vanish from `folder` to change what the entry means; NULL: it may be anything. */
static const char *entry_name_in(const char *entry, const char *folder)
{
	const gsize length = g_str_equal(folder, "/") ? 0 : strlen(folder);

	if (strncmp(entry, folder, length) != 0 || entry[length] != '/' || strpbrk(entry, "*?[\\"))
		return NULL;
	return entry + length + 1;
}

static GPtrArray *ids_new(void)
{
	return g_ptr_array_new_with_free_func((GDestroyNotify)g_ref_string_release);
}

static GPtrArray *folder_ids_for_name(Folder *folder, const char *name)
{
	GPtrArray *ids;

	if (!folder->names)
		folder->names =
			g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
	ids = g_hash_table_lookup(folder->names, name);
	if (!ids) {
		ids = ids_new();
		g_hash_table_insert(folder->names, g_strdup(name), ids);
	}
	return ids;
}

static void folder_add(Folder *folder, const char *entry, char *id)
{
	const char *at = entry_name_in(entry, folder->path);
	g_autofree char *name = at ? g_strndup(at, strcspn(at, "/")) : NULL;

	if (!name && !folder->any)
		folder->any = ids_new();
	g_ptr_array_add(name ? folder_ids_for_name(folder, name) : folder->any, g_ref_string_acquire(id));
}

/* FALSE: one of the folders is not watched. */
static gboolean watch_entry(NgWatch *watch, const char *entry, char *id)
{
	g_autoptr(GHashTable) folders = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	GHashTableIter iter;
	gpointer path;
	gboolean all = TRUE;

	ng_identity_folders(entry, folders);
	g_hash_table_iter_init(&iter, folders);
	while (g_hash_table_iter_next(&iter, &path, NULL)) {
		Folder *folder = NULL;

		if (g_hash_table_size(watch->folders) < NG_WATCH_MAX_FOLDERS)
			folder = watch_folder(watch, path, KIND_EXECUTABLES, EXECUTABLES_MASK);
		if (!folder) {
			all = FALSE;
			continue;
		}
		folder_add(folder, entry, id);
		if (!g_hash_table_contains(watch->known, path))
			g_hash_table_add(watch->dirty, g_strdup(id));
	}
	return all;
}

static GHashTable *watched_new(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, (GDestroyNotify)g_ref_string_release, NULL);
}

/* `before`: what was watched until now. Of an application that was not, events have passed unnoticed. */
static void watch_app(NgWatch *watch, const NgPolicyApp *app, GHashTable *before)
{
	char *id = g_ref_string_new(app->id);
	gboolean all = TRUE;
	guint hash = 1;
	gpointer was;

	for (char **entry = app->executables; *entry; entry++) {
		all &= watch_entry(watch, *entry, id);
		hash = hash * 31 + g_str_hash(*entry);
	}
	if (!g_hash_table_lookup_extended(before, id, NULL, &was) || GPOINTER_TO_UINT(was) != hash)
		g_hash_table_add(watch->dirty, g_strdup(id));
	g_hash_table_insert(watch->watched, id, GUINT_TO_POINTER(hash));
	if (!all)
		g_ptr_array_add(watch->unwatched, g_strdup(app->id));
}

static gboolean watch_readable(gint fd, GIOCondition condition, gpointer data);
static void watch_read(NgWatch *watch, int fd, GHashTable *folders);
static gboolean watch_look(gpointer data);

/* The folders of executables that have been watched without a gap. */
static void watch_note_known(NgWatch *watch)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_remove_all(watch->known);
	g_hash_table_iter_init(&iter, watch->folders);
	while (!watch->has_lost && g_hash_table_iter_next(&iter, NULL, &value)) {
		if (((const Folder *)value)->kinds & (1u << KIND_EXECUTABLES))
			g_hash_table_add(watch->known, g_strdup(((const Folder *)value)->path));
	}
	watch->has_lost = FALSE;
}

/* All anew. The old descriptor is read to its end after the new one watches, so nothing goes unnoticed in between. What
 * has a folder that was not watched is to be looked for once more. */
static void watch_build(NgWatch *watch)
{
	GPtrArray *apps = ng_policy_apps(watch->engine->policy);
	g_autoptr(GHashTable) folders = watch->folders;
	g_autoptr(GHashTable) before = watch->watched;
	const int fd = watch->fd;

	watch_note_known(watch);
	g_clear_handle_id(&watch->source, g_source_remove);
	watch->folders = g_hash_table_new_full(NULL, NULL, NULL, folder_free);
	watch->watched = watched_new();
	watch->built_us = g_get_monotonic_time();
	watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	g_ptr_array_set_size(watch->unwatched, 0);
	if (watch->fd >= 0)
		watch->source = g_unix_fd_add(watch->fd, G_IO_IN, watch_readable, watch);
	watch_files(watch);
	for (guint i = 0; i < apps->len; i++)
		watch_app(watch, g_ptr_array_index(apps, i), before);
	if (watch->unwatched->len > 0 && watch->look == 0)
		watch->look = g_timeout_add_seconds(NG_WATCH_LOOK_S, watch_look, watch);
	else if (watch->unwatched->len == 0)
		g_clear_handle_id(&watch->look, g_source_remove);
	if (fd >= 0) {
		watch_read(watch, fd, folders);
		close(fd);
	}
}

static gboolean watch_again(NgWatch *watch, const char *id)
{
	const NgPolicyApp *app = ng_policy_find(watch->engine->policy, id);

	ng_fingerprints_look(watch->engine->fingerprints, id);
	return app && ng_found_again(watch->engine->found, app);
}

static gboolean watch_settled(gpointer data)
{
	NgWatch *watch = data;
	NgEngine *engine = watch->engine;
	GHashTableIter iter;
	gpointer id;
	gboolean changed = FALSE, reloaded = FALSE;

	watch->settle = 0;
	if (watch->rebuild)
		watch_build(watch);
	/* After watching again: what came before that is seen by looking. */
	if (watch->reload || watch->rebuild)
		changed = reloaded = ng_engine_reload(engine);
	watch->reload = watch->rebuild = FALSE;
	g_hash_table_iter_init(&iter, watch->dirty);
	while (g_hash_table_iter_next(&iter, &id, NULL))
		changed |= watch_again(watch, id);
	g_hash_table_remove_all(watch->dirty);
	if (changed) {
		ng_engine_policy_changed(engine, reloaded);
		ng_loads_request(engine->loads, FALSE, NULL, NULL);
	}
	return G_SOURCE_REMOVE;
}

static void watch_settle(NgWatch *watch)
{
	const gboolean soon = !watch->rebuild || g_get_monotonic_time() - watch->built_us > BUILD_PAUSE_MS * 1000;

	if (watch->settle == 0)
		watch->settle = g_timeout_add(soon ? SETTLE_MS : BUILD_PAUSE_MS, watch_settled, watch);
}

static gboolean watch_look(gpointer data)
{
	NgWatch *watch = data;

	for (guint i = 0; i < watch->unwatched->len; i++)
		g_hash_table_add(watch->dirty, g_strdup(g_ptr_array_index(watch->unwatched, i)));
	watch_settle(watch);
	return G_SOURCE_CONTINUE;
}

static void watch_touched(NgWatch *watch, const GPtrArray *ids, const struct inotify_event *event)
{
	for (guint i = 0; ids && i < ids->len; i++)
		g_hash_table_add(watch->dirty, g_strdup(g_ptr_array_index(ids, i)));
	/* A folder on the way came or went: others are to be watched. */
	watch->rebuild |= ids && ids->len > 0 && (event->mask & IN_ISDIR) != 0;
}

static void watch_executable(NgWatch *watch, const Folder *folder, const struct inotify_event *event)
{
	const char *name = event->len > 0 ? event->name : "";

	if (folder->names)
		watch_touched(watch, g_hash_table_lookup(folder->names, name), event);
	watch_touched(watch, folder->any, event);
}

static void watch_event(NgWatch *watch, GHashTable *folders, const struct inotify_event *event)
{
	const Folder *folder = g_hash_table_lookup(folders, GINT_TO_POINTER(event->wd));
	const char *name = event->len > 0 ? event->name : "";

	if (event->mask & IN_Q_OVERFLOW)
		watch->rebuild = watch->has_lost = TRUE;
	if (!folder)
		return;
	if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED))
		watch->rebuild = TRUE;
	if (folder->kinds & (1u << KIND_EXECUTABLES))
		watch_executable(watch, folder, event);
	/* A folder that comes or goes on the way to application files. */
	if ((folder->kinds & ~(1u << KIND_EXECUTABLES)) && (event->mask & IN_ISDIR) &&
	    (event->mask & (IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_ATTRIB)))
		watch->rebuild = TRUE;
	if ((folder->kinds & (1u << KIND_APPS)) && g_str_has_suffix(name, ".app"))
		watch->reload = TRUE;
	if ((folder->kinds & (1u << KIND_CONFIG)) && g_str_equal(name, NG_SETTINGS_FILE))
		watch->reload = TRUE;
	if ((folder->kinds & (1u << KIND_USER_APPS)) && g_str_has_suffix(name, ".app") && *name != '.' &&
	    !ng_store_is_ours(watch->engine->store, name))
		watch->reload = TRUE;
}

static void watch_read(NgWatch *watch, int fd, GHashTable *folders)
{
	_Alignas(struct inotify_event) char buffer[65536];
	const struct inotify_event *event;
	ssize_t n = 1;

	/* With a bound: somebody could go on making events. */
	for (int i = 0; i < READS_PER_TURN && n > 0; i++) {
		n = read(fd, buffer, sizeof buffer);
		for (ssize_t at = 0; at < n; at += (ssize_t)(sizeof *event + event->len)) {
			event = (const struct inotify_event *)(buffer + at);
			watch_event(watch, folders, event);
		}
	}
}

static gboolean watch_readable(gint fd, GIOCondition condition, gpointer data)
{
	NgWatch *watch = data;

	watch_read(watch, fd, watch->folders);
	if (watch->reload || watch->rebuild || g_hash_table_size(watch->dirty) > 0)
		watch_settle(watch);
	return G_SOURCE_CONTINUE;
}

static gboolean watch_apps_due(gpointer data)
{
	NgWatch *watch = data;

	watch->apps_timer = 0;
	watch->rebuild = TRUE;
	watch_settle(watch);
	return G_SOURCE_REMOVE;
}

void ng_watch_apps_changed(NgWatch *watch)
{
	if (watch && watch->apps_timer == 0)
		watch->apps_timer = g_timeout_add_full(G_PRIORITY_LOW, APPS_DELAY_MS, watch_apps_due, watch, NULL);
}

NgWatch *ng_watch_new(NgEngine *engine)
{
	NgWatch *watch = g_new0(NgWatch, 1);

	watch->engine = engine;
	watch->fd = -1;
	watch->folders = g_hash_table_new_full(NULL, NULL, NULL, folder_free);
	watch->watched = watched_new();
	watch->dirty = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	watch->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	watch->unwatched = g_ptr_array_new_with_free_func(g_free);
	watch_build(watch);
	/* Nothing has been looked for yet. */
	g_hash_table_remove_all(watch->dirty);
	return watch;
}

void ng_watch_free(NgWatch *watch)
{
	g_clear_handle_id(&watch->source, g_source_remove);
	g_clear_handle_id(&watch->settle, g_source_remove);
	g_clear_handle_id(&watch->apps_timer, g_source_remove);
	g_clear_handle_id(&watch->look, g_source_remove);
	if (watch->fd >= 0)
		close(watch->fd);
	g_hash_table_unref(watch->folders);
	g_hash_table_unref(watch->watched);
	g_hash_table_unref(watch->dirty);
	g_hash_table_unref(watch->known);
	g_ptr_array_unref(watch->unwatched);
	g_free(watch);
}
