/* SPDX-License-Identifier: MIT */
/*
 * Which program it is: package, paths, whether its file is there, fingerprint, when it was approved, and the file the
 * decision is in. Main loop only, no power: what it knows of files the guard said, and dpkg.
 */
#include <glib/gi18n.h>

#include "window/app-page-package.h"
#include "window/app-page-parts.h"
#include "window/app-page-rows.h"
#include "window/format.h"

#define MAX_PATHS 5

struct _NgwPageIdentity {
	NgwPageSection parent;
	GtkWidget *list;
	char *package;      /* in words */
	char *package_path; /* the path it was asked for */
	gboolean is_missing;
	GPtrArray *facts; /* char *, three for each row: title, value, icon or "" */
	char *shown;
};

G_DEFINE_FINAL_TYPE(NgwPageIdentity, ngw_page_identity, NGW_TYPE_PAGE_SECTION)

static void add(NgwPageIdentity *self, const char *title, const char *value, const char *icon)
{
	g_ptr_array_add(self->facts, g_strdup(title));
	g_ptr_array_add(self->facts, g_strdup(value));
	g_ptr_array_add(self->facts, g_strdup(icon));
}

static void add_paths(NgwPageIdentity *self, const NgwAppData *data)
{
	const guint n = data->executables ? g_strv_length(data->executables) : 0;

	for (guint i = 0; i < MIN(n, MAX_PATHS); i++)
		add(self, n == 1 ? _("Program") : _("Programs"), data->executables[i], "");
	if (n == 0 && *data->executable)
		add(self, _("Program"), data->executable, "");
	if (n > MAX_PATHS) {
		g_autofree char *more = g_strdup_printf(_("and %u more"), n - MAX_PATHS);

		add(self, _("Programs"), more, "");
	}
	if (self->is_missing)
		add(self, _("File"),
		    _("It is not there now. The decision stays and holds for it as soon as it is there again."),
		    "dialog-warning-symbolic");
}

static void add_decision(NgwPageIdentity *self, NgwApp *app)
{
	const NgwAppData *data = ngw_app_data(app);
	const gboolean is_known = data->fingerprint && *data->fingerprint;
	const char *title = _("Decision of the system, in");

	if (!ngw_app_is_decided(app))
		return;
	add(self, _("Fingerprint (SHA-256) of the approved file"),
	    is_known ? data->fingerprint : _("Not known yet: it is taken when the file is there"), "");
	if (data->approved > 0) {
		g_autofree char *when = ngw_format_when(data->approved);

		add(self, _("Approved"), when, "");
	}
	if (data->is_managed)
		title = _("Decision of the administrator, in");
	else if (g_str_equal(data->layer, "user"))
		title = _("Decision made here, in");
	if (*data->path)
		add(self, title, data->path, "");
}

static void show(NgwPageIdentity *self)
{
	NgwApp *app = ngw_page_section_app(NGW_PAGE_SECTION(self));
	g_autofree char *all = NULL;
	GtkWidget *row;

	g_ptr_array_set_size(self->facts, 0);
	add(self, _("Package"), self->package ? self->package : _("Looking…"), "");
	add_paths(self, ngw_app_data(app));
	add_decision(self, app);
	g_ptr_array_add(self->facts, NULL);
	all = g_strjoinv("\n", (char **)self->facts->pdata);
	if (g_strcmp0(self->shown, all) == 0)
		return;
	g_free(self->shown);
	self->shown = g_steal_pointer(&all);
	while ((row = gtk_widget_get_first_child(self->list)))
		gtk_list_box_remove(GTK_LIST_BOX(self->list), row);
	for (guint i = 0; i + 2 < self->facts->len; i += 3) {
		const char *icon = self->facts->pdata[i + 2];

		gtk_list_box_append(
			GTK_LIST_BOX(self->list),
			ngw_page_fact_new(self->facts->pdata[i], self->facts->pdata[i + 1], *icon ? icon : NULL));
	}
}

/* --- package --- */

typedef struct {
	NgwPageIdentity *self; /* owned */
	GCancellable *cancellable;
	char *path;
} Looking;

static void looking_free(Looking *looking)
{
	g_object_unref(looking->self);
	g_object_unref(looking->cancellable);
	g_free(looking->path);
	g_free(looking);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Looking, looking_free)

static void package_known(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(Looking) looking = data;
	NgwPageIdentity *self = looking->self;
	g_autoptr(GError) error = NULL;
	g_autofree char *package = ngw_page_package_finish(result, &error);

	if (g_cancellable_is_cancelled(looking->cancellable) || g_strcmp0(self->package_path, looking->path) != 0)
		return;
	g_free(self->package);
	if (!package)
		self->package = g_strdup(_("Cannot be told here: there is no dpkg"));
	else
		self->package = *package ? g_steal_pointer(&package) : g_strdup(_("Not from a package"));
	show(self);
}

static void find_package(NgwPageIdentity *self, const char *path)
{
	GCancellable *cancellable = ngw_page_section_cancellable(NGW_PAGE_SECTION(self));
	Looking *looking;

	if (g_strcmp0(self->package_path, path) == 0)
		return;
	g_free(self->package_path);
	self->package_path = g_strdup(path);
	g_clear_pointer(&self->package, g_free);
	looking = g_new(Looking, 1);
	*looking = (Looking){ g_object_ref(self), g_object_ref(cancellable), g_strdup(path) };
	ngw_page_package_find(path, cancellable, package_known, looking);
}

/* --- the guard's word on the file --- */

static void app_known(NgwPageSection *section, gpointer reply, const GError *error)
{
	NgwPageIdentity *self = NGW_PAGE_IDENTITY(section);
	g_autoptr(GVariant) details = reply ? g_variant_get_child_value(reply, 0) : NULL;
	g_auto(GStrv) found = ngw_dict_strings(details, "found");

	if (error)
		return;
	self->is_missing = !found[0];
	show(self);
}

static void ngw_page_identity_refresh(NgwPageSection *section)
{
	NgwApp *app = ngw_page_section_app(section);

	if (!ngw_app_is_decided(app))
		return; /* it runs */
	ngw_page_section_ask(section, &(NgwPageQuestion){
					      .method = "GetApp",
					      .parameters = g_variant_new("(s)", ngw_app_key(app)),
					      .reply_type = "(a{sv})",
					      .done = app_known,
				      });
}

static void ngw_page_identity_update(NgwPageSection *section, gboolean is_new)
{
	NgwPageIdentity *self = NGW_PAGE_IDENTITY(section);

	if (is_new) {
		g_clear_pointer(&self->package_path, g_free);
		self->is_missing = FALSE;
	}
	find_package(self, ngw_page_section_data(section)->executable);
	show(self);
}

static void ngw_page_identity_finalize(GObject *object)
{
	NgwPageIdentity *self = NGW_PAGE_IDENTITY(object);

	g_free(self->package);
	g_free(self->package_path);
	g_free(self->shown);
	g_ptr_array_unref(self->facts);
	G_OBJECT_CLASS(ngw_page_identity_parent_class)->finalize(object);
}

static void ngw_page_identity_class_init(NgwPageIdentityClass *class)
{
	G_OBJECT_CLASS(class)->finalize = ngw_page_identity_finalize;
	NGW_PAGE_SECTION_CLASS(class)->update = ngw_page_identity_update;
	NGW_PAGE_SECTION_CLASS(class)->refresh = ngw_page_identity_refresh;
}

static void ngw_page_identity_init(NgwPageIdentity *self)
{
	adw_preferences_group_set_title(ADW_PREFERENCES_GROUP(self), _("Which program it is"));
	self->facts = g_ptr_array_new_with_free_func(g_free);
	self->list = ngw_page_list_new(_("Which program it is"));
	adw_preferences_group_add(ADW_PREFERENCES_GROUP(self), self->list);
}
