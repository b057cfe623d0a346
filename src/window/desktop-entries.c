/* SPDX-License-Identifier: MIT */
/*
 * Which program an executable is (see desktop-entries.h). The files are read in a thread into an Index of plain records
 * that is handed over whole; the main loop only looks things up.
 */
#include "window/desktop-entries.h"

#include <gio/gdesktopappinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCRIPT_HEAD 16384 /* bytes of a start script that are looked at */

typedef struct {
	GPtrArray *all;      /* NgwDesktopEntry, owned, by name */
	GPtrArray *hidden;   /* NgwDesktopEntry, owned: known but not for choosing */
	GHashTable *by_path; /* executable -> entry */
	GHashTable *by_name; /* file name of the executable -> entry; NULL value: several */
} Index;

struct _NgwDesktopEntries {
	GObject parent;
	Index *index; /* NULL until read */
	GAppInfoMonitor *monitor;
	GCancellable *cancellable;
	gboolean is_reading, is_stale;
};

static guint signal_changed;

G_DEFINE_FINAL_TYPE(NgwDesktopEntries, ngw_desktop_entries, G_TYPE_OBJECT)

static void entry_free(gpointer data)
{
	NgwDesktopEntry *entry = data;

	g_free(entry->id);
	g_free(entry->name);
	g_clear_object(&entry->icon);
	g_free(entry->executable);
	g_free(entry->search);
	g_free(entry);
}

static void index_free(gpointer data)
{
	Index *index = data;

	g_hash_table_unref(index->by_path);
	g_hash_table_unref(index->by_name);
	g_ptr_array_unref(index->all);
	g_ptr_array_unref(index->hidden);
	g_free(index);
}

/* The program that Exec= starts: env and shells in front of it are not meant. Owned by the caller; NULL: none. */
static char *program_of(const char *command_line)
{
	g_auto(GStrv) words = NULL;
	g_autofree char *found = NULL;
	char *real;
	guint i = 0;

	if (!command_line || !g_shell_parse_argv(command_line, NULL, &words, NULL))
		return NULL;
	if (g_str_equal(words[0], "env") || g_str_has_suffix(words[0], "/env")) {
		for (i = 1; words[i] && (strchr(words[i], '=') || words[i][0] == '-'); i++)
			;
	}
	found = words[i] ? g_find_program_in_path(words[i]) : NULL;
	if (!found)
		return NULL;
	real = realpath(found, NULL);
	if (!real)
		return NULL;
	g_free(found);
	found = g_strdup(real);
	free(real); /* the C library's */
	return g_steal_pointer(&found);
}

static gboolean is_script_file(const char *path, char *text, gsize size)
{
	FILE *file = fopen(path, "re");
	gsize length;

	if (!file)
		return FALSE;
	length = fread(text, 1, size - 1, file);
	fclose(file);
	text[length] = '\0';
	return length > 2 && text[0] == '#' && text[1] == '!';
}

/* A start script names the real program by a path that ends like its own: /usr/lib/firefox-esr/firefox-esr. Owned by
 * the caller; NULL: it does not. */
static char *program_in_script(const char *path, const char *text)
{
	const char *name = strrchr(path, '/');
	char head[4];

	for (const char *at = strstr(text, name); at; at = strstr(at + 1, name)) {
		const char *start = at;
		g_autofree char *candidate = NULL;

		if (g_ascii_isalnum(at[strlen(name)]) || at[strlen(name)] == '-' || at[strlen(name)] == '/')
			continue;
		while (start > text && (g_ascii_isalnum(start[-1]) || strchr("/._+-", start[-1])))
			start--;
		candidate = g_strndup(start, (gsize)(at - start) + strlen(name));
		if (*candidate == '/' && !g_str_equal(candidate, path) &&
		    g_file_test(candidate, G_FILE_TEST_IS_EXECUTABLE) && !is_script_file(candidate, head, sizeof(head)))
			return g_steal_pointer(&candidate);
	}
	return NULL;
}

static gboolean is_own_file(GDesktopAppInfo *info)
{
	const char *file = g_desktop_app_info_get_filename(info);

	return file && g_str_has_prefix(file, g_get_user_data_dir());
}

static NgwDesktopEntry *entry_new(GDesktopAppInfo *info)
{
	g_autofree char *program = program_of(g_app_info_get_commandline(G_APP_INFO(info)));
	const char *const *keywords = g_desktop_app_info_get_keywords(info);
	g_autofree char *more = keywords ? g_strjoinv("\n", (char **)keywords) : g_strdup("");
	g_autofree char *text = NULL, *script = g_malloc(SCRIPT_HEAD);
	GIcon *icon = g_app_info_get_icon(G_APP_INFO(info));
	NgwDesktopEntry *entry;

	if (!program || !g_utf8_validate(program, -1, NULL))
		return NULL;
	entry = g_new0(NgwDesktopEntry, 1);
	entry->is_own = is_own_file(info);
	entry->id = g_strdup(g_app_info_get_id(G_APP_INFO(info)));
	entry->name = g_strdup(g_app_info_get_display_name(G_APP_INFO(info)));
	entry->icon = icon ? g_object_ref(icon) : g_themed_icon_new("application-x-executable");
	entry->executable = g_steal_pointer(&program);
	if (is_script_file(entry->executable, script, SCRIPT_HEAD)) {
		char *real = program_in_script(entry->executable, script);

		entry->is_script = real == NULL;
		if (real) {
			g_free(entry->executable);
			entry->executable = real;
		}
	}
	text = g_strjoin("\n", entry->name, entry->id, entry->executable, more, NULL);
	entry->search = g_utf8_casefold(text, -1);
	return entry;
}

static gint by_name(gconstpointer a, gconstpointer b)
{
	const NgwDesktopEntry *const *x = a, *const *y = b;

	return g_utf8_collate((*x)->name, (*y)->name);
}

/* What runs many programs is none of them. */
static gboolean is_interpreter(const char *name)
{
	static const char *const names[] = { "sh",   "bash", "dash",    "zsh",  "python",  "perl",         "ruby",
					     "node", "java", "flatpak", "snap", "busybox", "gapplication", "xterm" };

	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		if (g_str_has_prefix(name, names[i]) && !g_ascii_isalpha(name[strlen(names[i])]))
			return TRUE;
	}
	return FALSE;
}

static void index_add(Index *index, NgwDesktopEntry *entry, gboolean is_shown)
{
	const char *name = strrchr(entry->executable, '/') + 1;
	NgwDesktopEntry *other = g_hash_table_lookup(index->by_name, name);

	g_ptr_array_add(is_shown ? index->all : index->hidden, entry);
	if (is_interpreter(name))
		return;
	/* The first one that people see has the path: a program may have entries for special purposes too. */
	if (!g_hash_table_contains(index->by_path, entry->executable))
		g_hash_table_insert(index->by_path, entry->executable, entry);
	if (!g_hash_table_contains(index->by_name, name))
		g_hash_table_insert(index->by_name, (gpointer)name, entry);
	else if (other && !g_str_equal(other->executable, entry->executable))
		g_hash_table_insert(index->by_name, (gpointer)name, NULL);
}

/* The system's first: what comes first has the path. */
static void index_all(Index *index, GList *infos, gboolean is_hidden, gboolean is_own)
{
	for (GList *link = infos; link; link = link->next) {
		NgwDesktopEntry *entry;

		if (g_app_info_should_show(link->data) == is_hidden || is_own_file(link->data) != is_own)
			continue;
		entry = entry_new(link->data);
		if (entry)
			index_add(index, entry, !is_hidden);
	}
}

static void read_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
	GList *infos = g_app_info_get_all();
	Index *index = g_new0(Index, 1);

	index->all = g_ptr_array_new_with_free_func(entry_free);
	index->hidden = g_ptr_array_new_with_free_func(entry_free);
	index->by_path = g_hash_table_new(g_str_hash, g_str_equal);
	index->by_name = g_hash_table_new(g_str_hash, g_str_equal);
	index_all(index, infos, FALSE, FALSE);
	index_all(index, infos, TRUE, FALSE);
	index_all(index, infos, FALSE, TRUE);
	index_all(index, infos, TRUE, TRUE);
	g_list_free_full(infos, g_object_unref);
	g_ptr_array_sort(index->all, by_name);
	g_task_return_pointer(task, index, index_free);
}

static void entries_read(NgwDesktopEntries *self);

static void read_ended(GObject *source, GAsyncResult *result, gpointer data)
{
	NgwDesktopEntries *self = NGW_DESKTOP_ENTRIES(source);
	Index *index = g_task_propagate_pointer(G_TASK(result), NULL);

	self->is_reading = FALSE;
	if (!index)
		return;
	g_clear_pointer(&self->index, index_free);
	self->index = index;
	g_signal_emit(self, signal_changed, 0);
	if (self->is_stale) {
		self->is_stale = FALSE;
		entries_read(self);
	}
}

static void entries_read(NgwDesktopEntries *self)
{
	g_autoptr(GTask) task = NULL;

	if (self->is_reading) {
		self->is_stale = TRUE;
		return;
	}
	self->is_reading = TRUE;
	task = g_task_new(self, self->cancellable, read_ended, NULL);
	g_task_run_in_thread(task, read_thread);
}

static gboolean is_of_system(const char *path)
{
	return g_str_has_prefix(path, "/usr/") || g_str_has_prefix(path, "/opt/") || g_str_has_prefix(path, "/snap/") ||
	       g_str_has_prefix(path, "/nix/store/");
}

const NgwDesktopEntry *ngw_desktop_entries_find(NgwDesktopEntries *self, const char *executable)
{
	const char *name = executable ? strrchr(executable, '/') : NULL;
	NgwDesktopEntry *entry;

	if (!self->index || !name)
		return NULL;
	entry = g_hash_table_lookup(self->index->by_path, executable);
	/* By the file's name only where the system's programs are: anybody's download may be called firefox. */
	if (!entry && is_of_system(executable))
		entry = g_hash_table_lookup(self->index->by_name, name + 1);
	/* The person's own entries do not name the system's programs: whoever can write there is not who they say. */
	return entry && entry->is_own && is_of_system(executable) ? NULL : entry;
}

GPtrArray *ngw_desktop_entries_all(NgwDesktopEntries *self)
{
	static GPtrArray *none;

	if (self->index)
		return self->index->all;
	if (!none)
		none = g_ptr_array_new();
	return none;
}

static void ngw_desktop_entries_dispose(GObject *object)
{
	NgwDesktopEntries *self = NGW_DESKTOP_ENTRIES(object);

	g_cancellable_cancel(self->cancellable);
	if (self->monitor)
		g_signal_handlers_disconnect_by_data(self->monitor, self);
	g_clear_object(&self->monitor);
	g_clear_object(&self->cancellable);
	g_clear_pointer(&self->index, index_free);
	G_OBJECT_CLASS(ngw_desktop_entries_parent_class)->dispose(object);
}

static void ngw_desktop_entries_class_init(NgwDesktopEntriesClass *class)
{
	G_OBJECT_CLASS(class)->dispose = ngw_desktop_entries_dispose;
	signal_changed = g_signal_new("changed", NGW_TYPE_DESKTOP_ENTRIES, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
				      G_TYPE_NONE, 0);
}

static void ngw_desktop_entries_init(NgwDesktopEntries *self)
{
	self->cancellable = g_cancellable_new();
	self->monitor = g_app_info_monitor_get();
	g_signal_connect_swapped(self->monitor, "changed", G_CALLBACK(entries_read), self);
	entries_read(self);
}

NgwDesktopEntries *ngw_desktop_entries_new(void)
{
	return g_object_new(NGW_TYPE_DESKTOP_ENTRIES, NULL);
}
