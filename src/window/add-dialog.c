/* SPDX-License-Identifier: MIT */
/*
 * Add application (see add-dialog.h): choose a program above, its profile below; that adds it and closes the dialog, so
 * that what comes of it (a toast, a question for the passphrase) is seen over the window. A program that is decided on
 * already leads to its page instead.
 */
#include "window/add-dialog.h"

#include <glib/gi18n.h>
#include <stdlib.h>
#include <string.h>

#include "window/add-list.h"
#include "window/changes.h"
#include "window/fold-layout.h"
#include "window/profile-switch.h"

#define FOLD_WIDTH 480

#define NGW_TYPE_ADD_DIALOG (ngw_add_dialog_get_type())
G_DECLARE_FINAL_TYPE(NgwAddDialog, ngw_add_dialog, NGW, ADD_DIALOG, AdwWindow)

struct _NgwAddDialog {
	AdwWindow parent;
	GtkStack *stack;
	GtkWidget *search_box, *search;
	NgwAddList *installed, *running;
	AdwStatusPage *file_page;
	GtkWidget *choose_file, *decision, *chosen, *profile, *open;
	NgwWindow *window; /* borrowed: we are transient for it */
	NgwAddItem *file;  /* chosen by file, or NULL */
	GtkFileChooserNative *chooser;
};

G_DEFINE_FINAL_TYPE(NgwAddDialog, ngw_add_dialog, ADW_TYPE_WINDOW)

static gboolean is_page(NgwAddDialog *self, const char *name)
{
	return g_strcmp0(gtk_stack_get_visible_child_name(self->stack), name) == 0;
}

static NgwAddItem *dialog_item(NgwAddDialog *self)
{
	if (is_page(self, "file"))
		return self->file;
	return ngw_add_list_selected(is_page(self, "running") ? self->running : self->installed);
}

static NgwApp *decided_app(NgwAddDialog *self, const char *path)
{
	NgwApp *app = ngw_apps_find_executable(ngw_window_apps(self->window), path);

	return app && ngw_app_is_decided(app) ? app : NULL;
}

/* --- what is chosen --- */

static void dialog_chosen(NgwAddDialog *self)
{
	NgwAddItem *item = self->window ? dialog_item(self) : NULL;
	NgwApp *decided = item ? decided_app(self, ngw_add_item_path(item)) : NULL;
	g_autofree char *text = NULL;

	if (!self->window)
		return;
	if (!ngw_guard_is_ready(ngw_window_guard(self->window)))
		text = g_strdup(ngw_guard_link_text(ngw_window_guard(self->window)));
	else if (decided)
		text = g_strdup_printf(_("%s is decided on already: %s."), ngw_add_item_name(item),
				       ngw_profile_title(ngw_app_data(decided)->profile));
	else if (item)
		text = g_strdup(ngw_add_item_name(item));
	else
		text = g_strdup(is_page(self, "file") ? _("No file is chosen yet.") : _("Choose a program above."));
	gtk_label_set_text(GTK_LABEL(self->chosen), text ? text : "");
	ngw_profile_switch_show(NGW_PROFILE_SWITCH(self->profile), item ? ngw_add_item_name(item) : _("No program"),
				NGW_PROFILE_NONE, FALSE, NGW_PROFILE_NONE);
	gtk_widget_set_visible(self->profile, !decided);
	gtk_widget_set_visible(self->open, decided != NULL);
	gtk_widget_set_sensitive(self->profile, item && ngw_guard_is_ready(ngw_window_guard(self->window)));
	gtk_widget_set_visible(self->search_box, !is_page(self, "file"));
}

static void dialog_opened(NgwAddDialog *self)
{
	NgwAddItem *item = dialog_item(self);
	NgwApp *decided = item ? decided_app(self, ngw_add_item_path(item)) : NULL;

	if (!decided)
		return;
	ngw_window_show_app(self->window, ngw_app_key(decided));
	gtk_window_close(GTK_WINDOW(self));
}

static void dialog_activated(NgwAddDialog *self)
{
	NgwAddItem *item = dialog_item(self);

	if (item && decided_app(self, ngw_add_item_path(item)))
		dialog_opened(self);
	else if (item)
		gtk_widget_child_focus(self->profile, GTK_DIR_TAB_FORWARD);
}

static void dialog_decided(NgwProfileSwitch *profile, int chosen, NgwAddDialog *self)
{
	NgwAddItem *item = dialog_item(self);

	if (!item)
		return;
	ngw_change_new(GTK_WIDGET(self->window), ngw_add_item_path(item), ngw_add_item_name(item), chosen);
	gtk_window_close(GTK_WINDOW(self));
}

static void dialog_searched(NgwAddDialog *self)
{
	const char *text = gtk_editable_get_text(GTK_EDITABLE(self->search));

	ngw_add_list_search(self->installed, text);
	ngw_add_list_search(self->running, text);
	dialog_chosen(self);
}

/* The entry takes Escape for itself: first it clears what was typed, then it closes the dialog. */
static void dialog_search_stopped(NgwAddDialog *self)
{
	if (*gtk_editable_get_text(GTK_EDITABLE(self->search)))
		gtk_editable_set_text(GTK_EDITABLE(self->search), "");
	else
		gtk_window_close(GTK_WINDOW(self));
}

/* --- the lists --- */

static void dialog_list_installed(NgwAddDialog *self)
{
	GPtrArray *entries = ngw_desktop_entries_all(ngw_window_entries(self->window));
	g_autoptr(GPtrArray) items = g_ptr_array_new_with_free_func(g_object_unref);

	for (guint i = 0; i < entries->len; i++) {
		const NgwDesktopEntry *entry = entries->pdata[i];
		NgwApp *decided = decided_app(self, entry->executable);

		g_ptr_array_add(items,
				ngw_add_item_new(entry->name, entry->executable, entry->icon, entry->search,
						 decided ? ngw_profile_title(ngw_app_data(decided)->profile) : NULL));
	}
	ngw_add_list_set_items(self->installed, items);
	dialog_chosen(self);
}

static int by_name(gconstpointer a, gconstpointer b)
{
	return strcmp(ngw_app_sort_key(*(NgwApp *const *)a), ngw_app_sort_key(*(NgwApp *const *)b));
}

static void dialog_list_running(NgwAddDialog *self)
{
	GListModel *apps = G_LIST_MODEL(ngw_window_apps(self->window));
	g_autoptr(GPtrArray) undecided = g_ptr_array_new_with_free_func(g_object_unref);
	g_autoptr(GPtrArray) items = g_ptr_array_new_with_free_func(g_object_unref);

	for (guint i = 0; i < g_list_model_get_n_items(apps); i++) {
		g_autoptr(NgwApp) app = g_list_model_get_item(apps, i);

		if (!ngw_app_is_decided(app) && ngw_app_data(app)->is_running)
			g_ptr_array_add(undecided, g_steal_pointer(&app));
	}
	g_ptr_array_sort(undecided, by_name);
	for (guint i = 0; i < undecided->len; i++) {
		NgwApp *app = undecided->pdata[i];
		const NgwAppData *data = ngw_app_data(app);

		g_ptr_array_add(items, ngw_add_item_new(data->name, data->executable, data->icon,
							ngw_app_search_text(app), NULL));
	}
	ngw_add_list_set_items(self->running, items);
	dialog_chosen(self);
}

static void dialog_loaded(NgwAddDialog *self)
{
	dialog_list_installed(self);
	dialog_list_running(self);
}

/* --- by file --- */

/* What will be decided on, and whether it looks like a program. */
static void dialog_take_file(NgwAddDialog *self, const char *path)
{
	/* The service knows programs by the file that runs: what a link leads to. */
	char *real = realpath(path, NULL);
	g_autofree char *owned = g_strdup(real ? real : path);
	g_autofree char *shown = g_filename_display_name(owned);
	g_autofree char *name = g_path_get_basename(shown);
	g_autofree char *text = NULL, *escaped = NULL;

	free(real); /* the C library's */
	g_clear_object(&self->file);
	if (!g_utf8_validate(owned, -1, NULL)) {
		text = g_strdup_printf(_("%s cannot be named here: its name is not valid text. Rename it."), shown);
	} else {
		self->file = ngw_add_item_new(name, owned, NULL, "", NULL);
		text = g_file_test(owned, G_FILE_TEST_IS_EXECUTABLE) && !g_file_test(owned, G_FILE_TEST_IS_DIR)
			       ? g_strdup(owned)
			       : g_strdup_printf(_("%s is not marked as executable, so it may never run by itself."),
						 owned);
	}
	escaped = g_markup_escape_text(text, -1);
	adw_status_page_set_title(self->file_page, self->file ? name : _("Any Program on This Computer"));
	adw_status_page_set_description(self->file_page, escaped);
	gtk_button_set_label(GTK_BUTTON(self->choose_file), _("Another _File…"));
	dialog_chosen(self);
	if (self->file)
		dialog_activated(self);
}

static void file_chosen(GtkNativeDialog *chooser, int response, gpointer data)
{
	NgwAddDialog *self = data;

	if (response == GTK_RESPONSE_ACCEPT) {
		g_autoptr(GFile) file = gtk_file_chooser_get_file(GTK_FILE_CHOOSER(chooser));
		g_autofree char *path = file ? g_file_get_path(file) : NULL;

		if (path)
			dialog_take_file(self, path);
	}
	g_clear_object(&self->chooser);
}

static void dialog_choose_file(NgwAddDialog *self)
{
	if (self->chooser)
		return;
	self->chooser = gtk_file_chooser_native_new(_("Choose a Program"), GTK_WINDOW(self),
						    GTK_FILE_CHOOSER_ACTION_OPEN, _("_Choose"), _("_Cancel"));
	gtk_native_dialog_set_modal(GTK_NATIVE_DIALOG(self->chooser), TRUE);
	g_signal_connect(self->chooser, "response", G_CALLBACK(file_chosen), self);
	gtk_native_dialog_show(GTK_NATIVE_DIALOG(self->chooser));
}

/* --- life --- */

static void ngw_add_dialog_dispose(GObject *object)
{
	NgwAddDialog *self = NGW_ADD_DIALOG(object);

	if (self->chooser)
		gtk_native_dialog_destroy(GTK_NATIVE_DIALOG(self->chooser));
	g_clear_object(&self->chooser);
	g_clear_object(&self->file);
	self->window = NULL;
	gtk_widget_dispose_template(GTK_WIDGET(object), NGW_TYPE_ADD_DIALOG);
	G_OBJECT_CLASS(ngw_add_dialog_parent_class)->dispose(object);
}

static void ngw_add_dialog_class_init(NgwAddDialogClass *class)
{
	GtkWidgetClass *widget = GTK_WIDGET_CLASS(class);

	G_OBJECT_CLASS(class)->dispose = ngw_add_dialog_dispose;
	gtk_widget_class_set_template_from_resource(widget, NGW_RESOURCES "/ui/add-dialog.ui");
	gtk_widget_class_bind_template_child(widget, NgwAddDialog, stack);
	gtk_widget_class_bind_template_child(widget, NgwAddDialog, search_box);
	gtk_widget_class_bind_template_child(widget, NgwAddDialog, search);
	gtk_widget_class_bind_template_child(widget, NgwAddDialog, installed);
	gtk_widget_class_bind_template_child(widget, NgwAddDialog, running);
	gtk_widget_class_bind_template_child(widget, NgwAddDialog, file_page);
	gtk_widget_class_bind_template_child(widget, NgwAddDialog, choose_file);
	gtk_widget_class_bind_template_child(widget, NgwAddDialog, decision);
	gtk_widget_class_bind_template_child(widget, NgwAddDialog, chosen);
	gtk_widget_class_bind_template_child(widget, NgwAddDialog, profile);
	gtk_widget_class_bind_template_child(widget, NgwAddDialog, open);
	gtk_widget_class_bind_template_callback(widget, dialog_searched);
	gtk_widget_class_bind_template_callback(widget, dialog_search_stopped);
	gtk_widget_class_bind_template_callback(widget, dialog_chosen);
	gtk_widget_class_bind_template_callback(widget, dialog_activated);
	gtk_widget_class_bind_template_callback(widget, dialog_choose_file);
	gtk_widget_class_bind_template_callback(widget, dialog_decided);
	gtk_widget_class_bind_template_callback(widget, dialog_opened);
}

static void ngw_add_dialog_init(NgwAddDialog *self)
{
	g_type_ensure(NGW_TYPE_ADD_LIST);
	g_type_ensure(NGW_TYPE_PROFILE_SWITCH);
	gtk_widget_init_template(GTK_WIDGET(self));
	gtk_widget_set_layout_manager(self->decision, ngw_fold_layout_new(FOLD_WIDTH, 12));
	gtk_search_entry_set_key_capture_widget(GTK_SEARCH_ENTRY(self->search), GTK_WIDGET(self->stack));
	ngw_add_list_set_texts(self->installed, _("Installed applications"), _("No Applications"),
			       _("No installed application has a menu entry. Choose a running program or a file."));
	ngw_add_list_set_texts(self->running, _("Running programs"), _("Nothing to Decide"),
			       _("Every program that runs is decided on already."));
}

void ngw_add_dialog_present(NgwWindow *window)
{
	NgwAddDialog *self = g_object_new(NGW_TYPE_ADD_DIALOG, "transient-for", window, NULL);

	self->window = window;
	g_signal_connect_object(ngw_window_entries(window), "changed", G_CALLBACK(dialog_list_installed), self,
				G_CONNECT_SWAPPED);
	g_signal_connect_object(ngw_window_apps(window), "loaded", G_CALLBACK(dialog_loaded), self, G_CONNECT_SWAPPED);
	g_signal_connect_object(ngw_window_guard(window), "link", G_CALLBACK(dialog_chosen), self, G_CONNECT_SWAPPED);
	dialog_loaded(self);
	ngw_apps_refresh(ngw_window_apps(window));
	gtk_window_present(GTK_WINDOW(self));
	gtk_widget_grab_focus(self->search);
}
