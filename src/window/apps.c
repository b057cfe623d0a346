/* SPDX-License-Identifier: MIT */
/*
 * All applications and undecided running programs (see apps.h).
 *
 * A refresh is three questions asked at once; when the last answer is there, a thread makes NgwAppData of them (the
 * answers for 2,000 applications take tens of milliseconds to take apart) and the main loop merges: it looks each key
 * up, updates what is there, adds and removes the rest. Only one refresh is under way; a wish meanwhile repeats it.
 */
#include "window/apps.h"

#include <glib/gi18n.h>
#include <string.h>

#include "window/choices.h"

#define REFRESH_DELAY_MS 150 /* several changes in a row are one refresh */
#define WATCH_INTERVAL_S 5
#define SLICE_US 4000

typedef enum { ASK_APPS, ASK_RUNNING, ASK_ACTIVITY, N_ASKED } Asked;

/* One refresh: what was answered, what the thread makes of it. */
typedef struct {
	NgwApps *self; /* owned */
	guint n_waiting;
	GVariant *replies[N_ASKED]; /* a child of the reply tuple; NULL: not had */
	GError *error;              /* of ListApps */
	NgwProfile default_profile;
	GPtrArray *made;  /* NgwAppData, owned until merged */
	GHashTable *keys; /* of `made` */
	guint n_merged;
	gboolean is_index_old; /* a key or a path is another one */
} Refresh;

struct _NgwApps {
	GObject parent;
	NgwGuard *guard;            /* owned */
	NgwDesktopEntries *entries; /* owned */
	GPtrArray *items;           /* NgwApp, owned */
	GHashTable *by_key;         /* ngw_app_key() -> NgwApp */
	GHashTable *by_executable;  /* path -> NgwApp */
	GCancellable *cancellable;
	char *error;
	guint delay, watch, merge;
	GVariant *list; /* ListApps' last answer; NULL: none yet */
	gboolean is_list_old;
	gboolean is_loaded, is_refreshing, is_wanted;
};

static guint signal_loaded;

static void ngw_apps_list_model_init(GListModelInterface *interface);
G_DEFINE_FINAL_TYPE_WITH_CODE(NgwApps, ngw_apps, G_TYPE_OBJECT,
			      G_IMPLEMENT_INTERFACE(G_TYPE_LIST_MODEL, ngw_apps_list_model_init))

static void refresh_free(Refresh *refresh)
{
	for (guint i = 0; i < N_ASKED; i++)
		g_clear_pointer(&refresh->replies[i], g_variant_unref);
	g_clear_error(&refresh->error);
	g_clear_pointer(&refresh->made, g_ptr_array_unref);
	g_clear_pointer(&refresh->keys, g_hash_table_unref);
	g_object_unref(refresh->self);
	g_free(refresh);
}

/* --- in the thread: answers to records --- */

static NgwAppData *data_of_app(GVariant *app)
{
	NgwAppData *data = g_new0(NgwAppData, 1);

	data->id = g_strdup(ngw_dict_string(app, "id", ""));
	data->name = g_strdup(ngw_dict_string(app, "name", data->id));
	data->stored_name = g_strdup(data->name);
	data->executables = ngw_dict_strings(app, "executables");
	data->executable = g_strdup(data->executables[0] ? data->executables[0] : "");
	data->profile = ngw_profile_from_word(ngw_dict_string(app, "profile", ""));
	data->until = ngw_dict_time(app, "until");
	data->while_word = g_strdup(ngw_dict_string(app, "while", ""));
	data->then = ngw_profile_from_word(ngw_dict_string(app, "then", ""));
	data->reason = g_strdup(ngw_dict_string(app, "reason", ""));
	data->layer = g_strdup(ngw_dict_string(app, "layer", ""));
	data->path = g_strdup(ngw_dict_string(app, "path", ""));
	data->is_managed = ngw_dict_flag(app, "managed");
	data->changed = ngw_dict_strings(app, "changed");
	data->approved = ngw_dict_time(app, "approved");
	data->fingerprint = g_strdup(ngw_dict_string(app, "fingerprint", ""));
	data->allow = ngw_dict_strings(app, "allow");
	data->flags = ngw_dict_strings(app, "flags");
	data->children = g_strdup(ngw_dict_string(app, "children", "inherit"));
	return data;
}

static NgwAppData *data_of_program(GVariant *program)
{
	const char *path = ngw_dict_string(program, "executable", "");
	NgwAppData *data = ngw_app_data_new_program(path, ngw_dict_string(program, "name", path));

	data->profile = ngw_profile_from_word(ngw_dict_string(program, "profile", ""));
	data->is_running = TRUE;
	data->processes = (guint)ngw_dict_count(program, "processes");
	return data;
}

/* `by_id` gets the undecided ones too, by their path: a file that was replaced while it ran is there twice. */
static void make_running(Refresh *refresh, GHashTable *by_id)
{
	GVariantIter iter;
	GVariant *program;

	if (!refresh->replies[ASK_RUNNING])
		return;
	g_variant_iter_init(&iter, refresh->replies[ASK_RUNNING]);
	while ((program = g_variant_iter_next_value(&iter))) {
		const char *id = ngw_dict_string(program, "application", "");
		const char *path = ngw_dict_string(program, "executable", "");
		NgwAppData *data = g_hash_table_lookup(by_id, *id ? id : path);

		if (data) {
			data->is_running = TRUE;
			data->processes += (guint)ngw_dict_count(program, "processes");
		} else if (*path == '/') {
			data = data_of_program(program);
			g_ptr_array_add(refresh->made, data);
			g_hash_table_insert(by_id, data->executable, data);
		}
		g_variant_unref(program);
	}
}

static void make_denied(Refresh *refresh, GHashTable *by_id)
{
	g_autoptr(GVariant) denied = NULL;
	GVariantIter iter;
	const char *id;
	guint64 count;

	if (refresh->replies[ASK_ACTIVITY])
		denied =
			g_variant_lookup_value(refresh->replies[ASK_ACTIVITY], "denied-today", G_VARIANT_TYPE("a{st}"));
	if (!denied)
		return;
	g_variant_iter_init(&iter, denied);
	while (g_variant_iter_next(&iter, "{&st}", &id, &count)) {
		NgwAppData *data = g_hash_table_lookup(by_id, id);

		if (data)
			data->denied_today = count;
	}
}

static const char *key_of(const NgwAppData *data)
{
	return *data->id ? data->id : data->executable;
}

static void collect_keys(Refresh *refresh)
{
	refresh->keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	for (guint i = 0; i < refresh->made->len; i++)
		g_hash_table_add(refresh->keys, g_strdup(key_of(refresh->made->pdata[i])));
}

static void make_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
	Refresh *refresh = data;
	g_autoptr(GHashTable) by_id = g_hash_table_new(g_str_hash, g_str_equal);
	GVariantIter iter;
	GVariant *app;

	refresh->made = g_ptr_array_new_with_free_func((GDestroyNotify)ngw_app_data_free);
	g_variant_iter_init(&iter, refresh->replies[ASK_APPS]);
	while ((app = g_variant_iter_next_value(&iter))) {
		NgwAppData *made = data_of_app(app);

		g_ptr_array_add(refresh->made, made);
		g_hash_table_insert(by_id, made->id, made);
		g_variant_unref(app);
	}
	make_running(refresh, by_id);
	make_denied(refresh, by_id);
	collect_keys(refresh);
	g_task_return_boolean(task, TRUE);
}

/* --- on the main loop: merging --- */

static GIcon *plain_icon(void)
{
	static GIcon *icon;

	if (!icon)
		icon = g_themed_icon_new("application-x-executable");
	return icon;
}

static void data_dress(NgwApps *self, gboolean is_read_only, gboolean is_simulated, NgwAppData *data)
{
	const NgwDesktopEntry *entry = NULL;

	for (char **path = data->executables; !entry && *path; path++)
		entry = ngw_desktop_entries_find(self->entries, *path);
	if (entry) {
		const char *file = strrchr(data->executable, '/');

		/* A name somebody chose stays; one that only repeats the file's is replaced by the proper one. */
		if (g_strcmp0(data->name, data->id) == 0 || (file && g_str_equal(data->name, file + 1)) ||
		    g_str_equal(data->name, data->executable)) {
			g_free(data->name);
			data->name = g_strdup(entry->name);
		}
	} else if (g_str_equal(data->name, data->executable)) {
		g_free(data->name);
		data->name = g_path_get_basename(data->executable);
	}
	if (!g_utf8_validate(data->name, -1, NULL)) {
		char *valid = g_utf8_make_valid(data->name, -1);

		g_free(data->name);
		data->name = valid;
	}
	g_clear_object(&data->icon);
	data->icon = g_object_ref(entry ? entry->icon : plain_icon());
	data->is_read_only = is_read_only;
	data->is_simulated = is_simulated;
	data->is_muted = ngw_choices_is_muted(ngw_choices_get(), *data->id ? data->id : data->executable);
}

static void apps_index(NgwApps *self)
{
	g_hash_table_remove_all(self->by_key);
	g_hash_table_remove_all(self->by_executable);
	for (guint i = 0; i < self->items->len; i++) {
		NgwApp *app = self->items->pdata[i];

		g_hash_table_insert(self->by_key, g_strdup(ngw_app_key(app)), app);
		for (char **path = ngw_app_data(app)->executables; *path; path++)
			g_hash_table_insert(self->by_executable, g_strdup(*path), app);
	}
}

/* The line that `data` is about: the same key, or the same program under another one, because somebody decided on it or
 * forgot it just now. Its row, and where the keyboard is, stay. */
static NgwApp *apps_match(NgwApps *self, GHashTable *keys, const NgwAppData *data)
{
	NgwApp *app = g_hash_table_lookup(self->by_key, key_of(data));

	if (app)
		return app;
	app = g_hash_table_lookup(self->by_executable, data->executable);
	return app && !g_hash_table_contains(keys, ngw_app_key(app)) ? app : NULL;
}

/* Those that nothing in `made` is about any more go; runs of neighbours go in one step. */
static void apps_remove_gone(NgwApps *self, Refresh *refresh)
{
	g_autoptr(GHashTable) stay = g_hash_table_new(NULL, NULL);

	for (guint i = 0; i < refresh->made->len; i++)
		g_hash_table_add(stay, apps_match(self, refresh->keys, refresh->made->pdata[i]));
	for (guint end = self->items->len; end > 0;) {
		guint start = end;

		while (start > 0 && !g_hash_table_contains(stay, self->items->pdata[start - 1]))
			start--;
		if (start == end) {
			end--;
			continue;
		}
		g_ptr_array_remove_range(self->items, start, end - start);
		apps_index(self); /* who hears of it may look others up */
		g_list_model_items_changed(G_LIST_MODEL(self), start, end - start, 0);
		end = start;
	}
}

static void refresh_over(Refresh *refresh);
static void refresh_soon(NgwApps *self);

static gboolean is_indexed_as(NgwApp *app, const NgwAppData *data)
{
	return g_str_equal(ngw_app_key(app), key_of(data)) &&
	       g_strv_equal((const char *const *)ngw_app_data(app)->executables,
			    (const char *const *)data->executables);
}

/* For at most SLICE_US; the rest in the next turns of the main loop. */
static gboolean apps_merge(gpointer data)
{
	Refresh *refresh = data;
	NgwApps *self = refresh->self;
	const gint64 end = g_get_monotonic_time() + SLICE_US;
	const guint before = self->items->len;
	const gboolean is_read_only = ngw_guard_is_read_only(self->guard);
	const gboolean is_simulated = ngw_guard_is_simulation(self->guard);
	const gboolean is_merged = refresh->n_merged == refresh->made->len;

	while (refresh->n_merged < refresh->made->len && g_get_monotonic_time() < end) {
		NgwAppData *made = g_steal_pointer(&refresh->made->pdata[refresh->n_merged++]);
		NgwApp *app = apps_match(self, refresh->keys, made);

		data_dress(self, is_read_only, is_simulated, made);
		if (app) {
			refresh->is_index_old |= !is_indexed_as(app, made);
			ngw_app_update(app, made);
		} else {
			app = ngw_app_new(made);
			refresh->is_index_old = TRUE;
			g_ptr_array_add(self->items, app);
			g_hash_table_insert(self->by_key, g_strdup(ngw_app_key(app)), app);
		}
	}
	if (self->items->len > before)
		g_list_model_items_changed(G_LIST_MODEL(self), before, 0, self->items->len - before);
	if (!is_merged)
		return G_SOURCE_CONTINUE; /* the index has a turn of its own */
	if (refresh->is_index_old)
		apps_index(self);
	self->merge = 0;
	refresh_over(refresh);
	return G_SOURCE_REMOVE;
}

static void apps_set_error(NgwApps *self, const char *error)
{
	g_free(self->error);
	self->error = g_strdup(error);
}

static void refresh_over(Refresh *refresh)
{
	NgwApps *self = refresh->self;

	self->is_refreshing = FALSE;
	if (self->is_wanted) {
		self->is_wanted = FALSE;
		refresh_soon(self);
	}
	g_signal_emit(self, signal_loaded, 0);
	refresh_free(refresh);
}

static void refresh_made(GObject *source, GAsyncResult *result, gpointer data)
{
	Refresh *refresh = data;
	NgwApps *self = refresh->self;

	if (!g_task_propagate_boolean(G_TASK(result), NULL)) {
		refresh_over(refresh);
		return;
	}
	self->is_loaded = TRUE;
	apps_set_error(self, NULL);
	apps_remove_gone(self, refresh);
	self->merge = g_idle_add(apps_merge, refresh);
}

static void refresh_complete(Refresh *refresh)
{
	NgwApps *self = refresh->self;
	g_autoptr(GTask) task = NULL;

	if (!refresh->replies[ASK_APPS]) {
		if (!g_error_matches(refresh->error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
			apps_set_error(self, refresh->error->message);
		refresh_over(refresh);
		return;
	}
	task = g_task_new(NULL, self->cancellable, refresh_made, refresh);
	g_task_set_task_data(task, refresh, NULL);
	g_task_run_in_thread(task, make_thread);
}

static void take_reply(Refresh *refresh, Asked which, GAsyncResult *result)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) reply = ngw_guard_call_finish(refresh->self->guard, result, &error);

	if (reply)
		refresh->replies[which] = g_variant_get_child_value(reply, 0);
	if (reply && which == ASK_APPS) {
		g_clear_pointer(&refresh->self->list, g_variant_unref);
		refresh->self->list = g_variant_ref(refresh->replies[ASK_APPS]);
	} else if (which == ASK_APPS) {
		refresh->error = g_steal_pointer(&error);
	}
	if (--refresh->n_waiting == 0)
		refresh_complete(refresh);
}

static void took_apps(GObject *source, GAsyncResult *result, gpointer data)
{
	take_reply(data, ASK_APPS, result);
}

static void took_running(GObject *source, GAsyncResult *result, gpointer data)
{
	take_reply(data, ASK_RUNNING, result);
}

static void took_activity(GObject *source, GAsyncResult *result, gpointer data)
{
	take_reply(data, ASK_ACTIVITY, result);
}

static gboolean refresh_start(gpointer data)
{
	NgwApps *self = data;
	GVariantBuilder filter;
	Refresh *refresh;

	self->delay = 0;
	refresh = g_new0(Refresh, 1);
	refresh->self = g_object_ref(self);
	refresh->n_waiting = N_ASKED;
	self->is_refreshing = TRUE;
	if (!self->list || self->is_list_old) {
		self->is_list_old = FALSE;
		ngw_guard_call(self->guard, "ListApps", NULL, "(aa{sv})", self->cancellable, took_apps, refresh);
	} else {
		refresh->replies[ASK_APPS] = g_variant_ref(self->list);
		refresh->n_waiting--;
	}
	g_variant_builder_init(&filter, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&filter, "{sv}", "step", g_variant_new_uint32(3600));
	ngw_guard_call(self->guard, "ListRunning", NULL, "(aa{sv})", self->cancellable, took_running, refresh);
	ngw_guard_call(self->guard, "GetActivity", g_variant_new("(a{sv})", &filter), "(a{sv})", self->cancellable,
		       took_activity, refresh);
	return G_SOURCE_REMOVE;
}

static void refresh_soon(NgwApps *self)
{
	if (self->is_refreshing)
		self->is_wanted = TRUE;
	else if (self->delay == 0)
		self->delay = g_timeout_add(REFRESH_DELAY_MS, refresh_start, self);
}

void ngw_apps_refresh(NgwApps *self)
{
	self->is_list_old = TRUE;
	refresh_soon(self);
}

static gboolean watch_tick(gpointer data)
{
	NgwApps *self = data;

	if (ngw_guard_is_ready(self->guard))
		refresh_soon(self);
	return G_SOURCE_CONTINUE;
}

void ngw_apps_set_watched(NgwApps *self, gboolean is_watched)
{
	if (!is_watched) {
		g_clear_handle_id(&self->watch, g_source_remove);
	} else if (self->watch == 0) {
		self->watch = g_timeout_add_seconds(WATCH_INTERVAL_S, watch_tick, self);
		watch_tick(self);
	}
}

static void guard_changed(NgwApps *self, guint parts)
{
	if (parts & NGW_PART_POLICY)
		ngw_apps_refresh(self);
	else if (parts & NGW_PART_PERMISSIONS)
		refresh_soon(self);
}

static void guard_link(NgwApps *self)
{
	if (ngw_guard_is_ready(self->guard))
		ngw_apps_refresh(self);
}

/* --- the model --- */

gboolean ngw_apps_is_loaded(NgwApps *self)
{
	return self->is_loaded;
}

const char *ngw_apps_error(NgwApps *self)
{
	return self->error;
}

NgwApp *ngw_apps_find(NgwApps *self, const char *key)
{
	return g_hash_table_lookup(self->by_key, key);
}

NgwApp *ngw_apps_find_executable(NgwApps *self, const char *path)
{
	return g_hash_table_lookup(self->by_executable, path);
}

static GType apps_item_type(GListModel *model)
{
	return NGW_TYPE_APP;
}

static guint apps_n_items(GListModel *model)
{
	return NGW_APPS(model)->items->len;
}

static gpointer apps_item(GListModel *model, guint position)
{
	NgwApps *self = NGW_APPS(model);

	return position < self->items->len ? g_object_ref(self->items->pdata[position]) : NULL;
}

static void ngw_apps_list_model_init(GListModelInterface *interface)
{
	interface->get_item_type = apps_item_type;
	interface->get_n_items = apps_n_items;
	interface->get_item = apps_item;
}

static void ngw_apps_dispose(GObject *object)
{
	NgwApps *self = NGW_APPS(object);

	g_cancellable_cancel(self->cancellable);
	g_clear_handle_id(&self->delay, g_source_remove);
	g_clear_handle_id(&self->watch, g_source_remove);
	g_clear_handle_id(&self->merge, g_source_remove);
	g_clear_pointer(&self->list, g_variant_unref);
	if (self->guard)
		g_signal_handlers_disconnect_by_data(self->guard, self);
	if (self->entries)
		g_signal_handlers_disconnect_by_data(self->entries, self);
	g_signal_handlers_disconnect_by_data(ngw_choices_get(), self);
	g_clear_object(&self->guard);
	g_clear_object(&self->entries);
	G_OBJECT_CLASS(ngw_apps_parent_class)->dispose(object);
}

static void ngw_apps_finalize(GObject *object)
{
	NgwApps *self = NGW_APPS(object);

	g_hash_table_unref(self->by_key);
	g_hash_table_unref(self->by_executable);
	g_ptr_array_unref(self->items);
	g_object_unref(self->cancellable);
	g_free(self->error);
	G_OBJECT_CLASS(ngw_apps_parent_class)->finalize(object);
}

static void ngw_apps_class_init(NgwAppsClass *class)
{
	G_OBJECT_CLASS(class)->dispose = ngw_apps_dispose;
	G_OBJECT_CLASS(class)->finalize = ngw_apps_finalize;
	signal_loaded = g_signal_new("loaded", NGW_TYPE_APPS, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void ngw_apps_init(NgwApps *self)
{
	self->items = g_ptr_array_new_with_free_func(g_object_unref);
	self->by_key = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	self->by_executable = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	self->cancellable = g_cancellable_new();
}

NgwApps *ngw_apps_new(NgwGuard *guard, NgwDesktopEntries *entries)
{
	NgwApps *self = g_object_new(NGW_TYPE_APPS, NULL);

	self->guard = g_object_ref(guard);
	self->entries = g_object_ref(entries);
	g_signal_connect_swapped(guard, "changed", G_CALLBACK(guard_changed), self);
	g_signal_connect_swapped(guard, "link", G_CALLBACK(guard_link), self);
	g_signal_connect_swapped(entries, "changed", G_CALLBACK(refresh_soon), self);
	g_signal_connect_swapped(ngw_choices_get(), "changed", G_CALLBACK(refresh_soon), self);
	return self;
}
