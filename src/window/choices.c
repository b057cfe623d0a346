/* SPDX-License-Identifier: MIT */
/*
 * The person's own choices (see choices.h). In memory they are plain fields; the file is written whole, one write at a
 * time, in a thread, because a disk may take its time: what changes meanwhile is written after it.
 */
#include "window/choices.h"

#include <errno.h>
#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <string.h>

#define GROUP "Window"
#define FILE_LIMIT (256 * 1024)
#define KEY_LIMIT 4096
#define AUTOSTART_NAME "org.networkguard.Window.desktop"

static const char autostart_text[] = "[Desktop Entry]\n"
				     "Type=Application\n"
				     "Name=Network Guard\n"
				     "Comment=Tells you when a program was kept from the network\n"
				     "Exec=netguard-window --background\n"
				     "Icon=org.networkguard.Window\n"
				     "NoDisplay=true\n"
				     "X-GNOME-UsesNotifications=true\n";

static const char *const schemes[] = { "default", "light", "dark" };

struct _NgwChoices {
	GObject parent;
	char *path;      /* window.conf */
	char *autostart; /* the .desktop file */
	char *problem;
	gboolean is_damaged; /* what is in the file was not understood: keep it aside before writing */
	gboolean welcomed, notify, background;
	const char *scheme; /* of schemes */
	GPtrArray *muted;   /* keys, the oldest first */
	GHashTable *is_muted;
	GStrv commands; /* never NULL */
	gboolean is_writing, is_dirty;
};

static guint signal_changed;

G_DEFINE_FINAL_TYPE(NgwChoices, ngw_choices, G_TYPE_OBJECT)

/* --- reading --- */

static void choices_take_problem(NgwChoices *self, char *text)
{
	g_free(self->problem);
	self->problem = text;
	if (text)
		g_message("%s", text);
}

static const char *known_scheme(const char *word)
{
	for (gsize i = 0; i < G_N_ELEMENTS(schemes); i++) {
		if (g_strcmp0(schemes[i], word) == 0)
			return schemes[i];
	}
	return NULL;
}

static void choices_mute(NgwChoices *self, const char *key)
{
	char *owned;

	if (!*key || strlen(key) > KEY_LIMIT || g_hash_table_contains(self->is_muted, key))
		return;
	if (self->muted->len >= NGW_CHOICES_MAX_MUTED) {
		g_hash_table_remove(self->is_muted, self->muted->pdata[0]);
		g_ptr_array_remove_index(self->muted, 0);
	}
	owned = g_strdup(key);
	g_ptr_array_add(self->muted, owned);
	g_hash_table_add(self->is_muted, owned);
}

static void choices_put_command(NgwChoices *self, const char *command)
{
	g_autoptr(GStrvBuilder) commands = g_strv_builder_new();
	guint n = 1;

	if (!*command || strlen(command) > KEY_LIMIT || !g_utf8_validate(command, -1, NULL))
		return;
	g_strv_builder_add(commands, command);
	for (guint i = 0; self->commands[i] && n < NGW_CHOICES_MAX_COMMANDS; i++) {
		if (g_str_equal(self->commands[i], command))
			continue;
		g_strv_builder_add(commands, self->commands[i]);
		n++;
	}
	g_strfreev(self->commands);
	self->commands = g_strv_builder_end(commands);
}

/* Absent is the default; present and not understood is damage. */
static gboolean read_flag(GKeyFile *file, const char *key, gboolean *flag, GError **error)
{
	g_autoptr(GError) failure = NULL;
	gboolean value;

	if (!g_key_file_has_key(file, GROUP, key, NULL))
		return TRUE;
	value = g_key_file_get_boolean(file, GROUP, key, &failure);
	if (failure) {
		g_propagate_error(error, g_steal_pointer(&failure));
		return FALSE;
	}
	*flag = value;
	return TRUE;
}

static gboolean choices_parse(NgwChoices *self, const char *text, gsize length, GError **error)
{
	g_autoptr(GKeyFile) file = g_key_file_new();
	g_autofree char *scheme = NULL;
	g_auto(GStrv) muted = NULL, commands = NULL;
	gboolean welcomed = FALSE, notify = TRUE, background = FALSE;

	if (!g_key_file_load_from_data(file, text, length, G_KEY_FILE_NONE, error) ||
	    !read_flag(file, "Welcomed", &welcomed, error) || !read_flag(file, "Notify", &notify, error) ||
	    !read_flag(file, "Background", &background, error))
		return FALSE;
	scheme = g_key_file_get_string(file, GROUP, "Appearance", NULL);
	if (scheme && !known_scheme(scheme)) {
		g_set_error(error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_INVALID_VALUE, "Appearance=%s", scheme);
		return FALSE;
	}
	muted = g_key_file_get_string_list(file, GROUP, "Muted", NULL, NULL);
	commands = g_key_file_get_string_list(file, GROUP, "Commands", NULL, NULL);
	self->welcomed = welcomed;
	self->notify = notify;
	self->background = background;
	self->scheme = scheme ? known_scheme(scheme) : schemes[0];
	for (guint i = 0; muted && muted[i]; i++)
		choices_mute(self, muted[i]);
	for (guint i = commands ? g_strv_length(commands) : 0; i-- > 0;)
		choices_put_command(self, commands[i]);
	return TRUE;
}

static void choices_read(NgwChoices *self)
{
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;
	gsize length = 0;
	GStatBuf info;

	if (g_stat(self->path, &info) < 0 && errno == ENOENT)
		return;
	/* A regular file only: anything else might never end. */
	if (g_stat(self->path, &info) == 0 && (!S_ISREG(info.st_mode) || info.st_size > FILE_LIMIT))
		g_set_error(&error, G_FILE_ERROR, G_FILE_ERROR_INVAL, _("it is no file of this program"));
	else if (g_file_get_contents(self->path, &text, &length, &error))
		choices_parse(self, text, length, &error);
	if (error) {
		self->is_damaged = TRUE;
		choices_take_problem(self, g_strdup_printf(_("Your choices in %s could not be read: %s. The usual ones "
							     "hold until you choose again."),
							   self->path, error->message));
	}
}

/* --- writing --- */

static char *choices_text(NgwChoices *self, gsize *length)
{
	g_autoptr(GKeyFile) file = g_key_file_new();

	g_key_file_set_comment(file, NULL, NULL,
			       " Choices about the window of Network Guard: nothing that is enforced.", NULL);
	g_key_file_set_boolean(file, GROUP, "Welcomed", self->welcomed);
	g_key_file_set_boolean(file, GROUP, "Notify", self->notify);
	g_key_file_set_boolean(file, GROUP, "Background", self->background);
	g_key_file_set_string(file, GROUP, "Appearance", self->scheme);
	if (self->muted->len > 0)
		g_key_file_set_string_list(file, GROUP, "Muted", (const char *const *)self->muted->pdata,
					   self->muted->len);
	if (*self->commands)
		g_key_file_set_string_list(file, GROUP, "Commands", (const char *const *)self->commands,
					   g_strv_length(self->commands));
	return g_key_file_to_data(file, length, NULL);
}

typedef struct {
	char *path, *text;
	gsize length;
	gboolean keep_old;
} Write;

static void write_free(gpointer data)
{
	Write *write = data;

	g_free(write->path);
	g_free(write->text);
	g_free(write);
}

static gboolean write_file(const char *path, const char *text, gsize length, GError **error)
{
	g_autofree char *folder = g_path_get_dirname(path);

	if (g_mkdir_with_parents(folder, 0700) < 0) {
		g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(errno), "%s", g_strerror(errno));
		return FALSE;
	}
	return g_file_set_contents_full(path, text, (gssize)length, G_FILE_SET_CONTENTS_CONSISTENT, 0600, error);
}

static void write_thread(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
	const Write *write = data;
	GError *error = NULL;

	if (write->keep_old) {
		g_autofree char *aside = g_strconcat(write->path, ".damaged", NULL);

		g_rename(write->path, aside);
	}
	if (write_file(write->path, write->text, write->length, &error))
		g_task_return_boolean(task, TRUE);
	else
		g_task_return_error(task, error);
}

static void choices_write(NgwChoices *self);

static void write_ended(GObject *source, GAsyncResult *result, gpointer data)
{
	NgwChoices *self = NGW_CHOICES(source);
	g_autoptr(GError) error = NULL;

	self->is_writing = FALSE;
	if (!g_task_propagate_boolean(G_TASK(result), &error))
		choices_take_problem(self,
				     g_strdup_printf(_("Your choices could not be kept in %s: %s. They hold until "
						       "the program ends."),
						     self->path, error->message));
	if (self->is_dirty)
		choices_write(self);
	if (error)
		g_signal_emit(self, signal_changed, 0);
}

static void choices_write(NgwChoices *self)
{
	g_autoptr(GTask) task = NULL;
	Write *write;

	self->is_dirty = self->is_writing;
	if (self->is_writing)
		return;
	write = g_new0(Write, 1);
	write->path = g_strdup(self->path);
	write->text = choices_text(self, &write->length);
	write->keep_old = self->is_damaged;
	self->is_damaged = FALSE;
	self->is_writing = TRUE;
	task = g_task_new(self, NULL, write_ended, NULL);
	g_task_set_task_data(task, write, write_free);
	g_task_run_in_thread(task, write_thread);
}

void ngw_choices_flush(NgwChoices *self)
{
	while (self->is_writing)
		g_main_context_iteration(NULL, TRUE);
}

/* After a change that is kept in the file. */
static void choices_changed(NgwChoices *self)
{
	choices_write(self);
	g_signal_emit(self, signal_changed, 0);
}

/* --- the choices --- */

const char *ngw_choices_problem(NgwChoices *self)
{
	return self->problem;
}

gboolean ngw_choices_welcomed(NgwChoices *self)
{
	return self->welcomed;
}

static void choices_set_flag(NgwChoices *self, gboolean *flag, gboolean value)
{
	if (*flag == !!value)
		return;
	*flag = !!value;
	choices_changed(self);
}

void ngw_choices_set_welcomed(NgwChoices *self, gboolean welcomed)
{
	choices_set_flag(self, &self->welcomed, welcomed);
}

gboolean ngw_choices_notify(NgwChoices *self)
{
	return self->notify;
}

void ngw_choices_set_notify(NgwChoices *self, gboolean notify)
{
	choices_set_flag(self, &self->notify, notify);
}

gboolean ngw_choices_background(NgwChoices *self)
{
	return self->background;
}

void ngw_choices_set_background(NgwChoices *self, gboolean background)
{
	g_autoptr(GError) error = NULL;

	if (self->background == !!background)
		return;
	if (background)
		write_file(self->autostart, autostart_text, strlen(autostart_text), &error);
	else if (g_unlink(self->autostart) < 0 && errno != ENOENT)
		g_set_error(&error, G_FILE_ERROR, (int)g_file_error_from_errno(errno), "%s", g_strerror(errno));
	if (!error) {
		choices_set_flag(self, &self->background, background);
		return;
	}
	choices_take_problem(self, g_strdup_printf(_("%s could not be changed: %s. Nothing was changed."),
						   self->autostart, error->message));
	g_signal_emit(self, signal_changed, 0);
}

gboolean ngw_choices_is_muted(NgwChoices *self, const char *app_key)
{
	return app_key && g_hash_table_contains(self->is_muted, app_key);
}

void ngw_choices_set_muted(NgwChoices *self, const char *app_key, gboolean is_muted)
{
	guint at;

	if (ngw_choices_is_muted(self, app_key) == !!is_muted)
		return;
	if (is_muted) {
		choices_mute(self, app_key);
	} else if (g_ptr_array_find_with_equal_func(self->muted, app_key, g_str_equal, &at)) {
		g_hash_table_remove(self->is_muted, app_key);
		g_ptr_array_remove_index(self->muted, at);
	}
	choices_changed(self);
}

const char *const *ngw_choices_commands(NgwChoices *self)
{
	return (const char *const *)self->commands;
}

void ngw_choices_add_command(NgwChoices *self, const char *command)
{
	if (command && g_strcmp0(self->commands[0], command) == 0)
		return;
	if (command) {
		choices_put_command(self, command);
	} else {
		g_strfreev(self->commands);
		self->commands = g_new0(char *, 1);
	}
	choices_changed(self);
}

const char *ngw_choices_scheme(NgwChoices *self)
{
	return self->scheme;
}

void ngw_choices_set_scheme(NgwChoices *self, const char *scheme)
{
	const char *known = known_scheme(scheme);

	if (!known || known == self->scheme)
		return;
	self->scheme = known;
	choices_changed(self);
}

/* --- life --- */

static void ngw_choices_finalize(GObject *object)
{
	NgwChoices *self = NGW_CHOICES(object);

	g_hash_table_unref(self->is_muted);
	g_ptr_array_unref(self->muted);
	g_strfreev(self->commands);
	g_free(self->path);
	g_free(self->autostart);
	g_free(self->problem);
	G_OBJECT_CLASS(ngw_choices_parent_class)->finalize(object);
}

static void ngw_choices_class_init(NgwChoicesClass *class)
{
	G_OBJECT_CLASS(class)->finalize = ngw_choices_finalize;
	signal_changed =
		g_signal_new("changed", NGW_TYPE_CHOICES, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void ngw_choices_init(NgwChoices *self)
{
	self->notify = TRUE;
	self->scheme = schemes[0];
	self->muted = g_ptr_array_new_with_free_func(g_free);
	self->is_muted = g_hash_table_new(g_str_hash, g_str_equal);
	self->commands = g_new0(char *, 1);
}

NgwChoices *ngw_choices_new(const char *config_dir)
{
	NgwChoices *self = g_object_new(NGW_TYPE_CHOICES, NULL);

	self->path = g_build_filename(config_dir, "netguard", "window.conf", NULL);
	self->autostart = g_build_filename(config_dir, "autostart", AUTOSTART_NAME, NULL);
	choices_read(self);
	if (self->background && !g_file_test(self->autostart, G_FILE_TEST_EXISTS))
		self->background = FALSE;
	return self;
}

NgwChoices *ngw_choices_get(void)
{
	static NgwChoices *only;

	if (!only) {
		GApplication *application = g_application_get_default();

		only = ngw_choices_new(g_get_user_config_dir());
		if (application)
			g_signal_connect_object(application, "shutdown", G_CALLBACK(ngw_choices_flush), only,
						G_CONNECT_SWAPPED);
	}
	return only;
}
