/* SPDX-License-Identifier: MIT */
/* What the Apps page lists: see sections.h. */
#include "window/sections.h"

#include <glib/gi18n.h>
#include <string.h>

#define SETTLE_MS 100 /* many rows that change at once are one new order */

struct _NgwHeading {
	GObject parent;
	const char *title;
};
G_DEFINE_FINAL_TYPE(NgwHeading, ngw_heading, G_TYPE_OBJECT)

struct _NgwSections {
	GObject parent;
	NgwApps *apps;      /* owned */
	GPtrArray *watched; /* NgwApp, owned: those whose "changed" is heard; as in `apps` */
	GPtrArray *rows;    /* NgwApp or NgwHeading, owned */
	NgwHeading *headings[NGW_N_SECTIONS];
	char **words;
	NgwShow show;
	guint n_apps, settle;
};

static guint signal_updated;

static void ngw_sections_list_model_init(GListModelInterface *interface);
G_DEFINE_FINAL_TYPE_WITH_CODE(NgwSections, ngw_sections, G_TYPE_OBJECT,
			      G_IMPLEMENT_INTERFACE(G_TYPE_LIST_MODEL, ngw_sections_list_model_init))

const char *ngw_heading_title(NgwHeading *heading)
{
	return heading->title;
}

static void ngw_heading_class_init(NgwHeadingClass *class)
{
}

static void ngw_heading_init(NgwHeading *self)
{
}

static gboolean is_shown(NgwShow show, NgwApp *app)
{
	const NgwAppData *data = ngw_app_data(app);

	switch (show) {
	case NGW_SHOW_ALL:
		return TRUE;
	case NGW_SHOW_OFFLINE:
	case NGW_SHOW_LOCAL:
	case NGW_SHOW_ONLINE:
		return ngw_app_is_decided(app) &&
		       data->profile == NGW_PROFILE_OFFLINE + (NgwProfile)show - (NgwProfile)NGW_SHOW_OFFLINE;
	case NGW_SHOW_UNDECIDED:
		return !ngw_app_is_decided(app);
	case NGW_SHOW_RUNNING:
		return data->is_running;
	case NGW_SHOW_TEMPORARY:
		return ngw_app_is_temporary(app);
	case NGW_SHOW_CHANGED:
		return data->changed && data->changed[0];
	}
	return TRUE;
}

static gboolean is_listed(NgwSections *self, NgwApp *app)
{
	if (!is_shown(self->show, app))
		return FALSE;
	for (char **word = self->words; word && *word; word++) {
		if (**word && !strstr(ngw_app_search_text(app), *word))
			return FALSE;
	}
	return TRUE;
}

static gint in_order(gconstpointer a, gconstpointer b)
{
	NgwApp *x = *(NgwApp *const *)a, *y = *(NgwApp *const *)b;
	const gint section = (gint)ngw_app_section(x) - (gint)ngw_app_section(y);
	const gint name = section ? section : strcmp(ngw_app_sort_key(x), ngw_app_sort_key(y));

	return name ? name : g_strcmp0(ngw_app_key(x), ngw_app_key(y));
}

static GPtrArray *rows_now(NgwSections *self)
{
	g_autoptr(GPtrArray) apps = g_ptr_array_new();
	GPtrArray *rows;
	int section = -1;

	for (guint i = 0; i < self->watched->len; i++) {
		if (is_listed(self, self->watched->pdata[i]))
			g_ptr_array_add(apps, self->watched->pdata[i]);
	}
	g_ptr_array_sort(apps, in_order);
	self->n_apps = apps->len;
	rows = g_ptr_array_new_full(apps->len + NGW_N_SECTIONS, g_object_unref);
	for (guint i = 0; i < apps->len; i++) {
		const int its = (int)ngw_app_section(apps->pdata[i]);

		if (its != section)
			g_ptr_array_add(rows, g_object_ref(self->headings[its]));
		section = its;
		g_ptr_array_add(rows, g_object_ref(apps->pdata[i]));
	}
	return rows;
}

/* One signal for what is different, from the first row that is to the last: who shows it knows its rows again. */
static void sections_update(NgwSections *self)
{
	GPtrArray *before = self->rows, *after = rows_now(self);
	guint first = 0, last = 0;

	g_clear_handle_id(&self->settle, g_source_remove);
	while (first < MIN(before->len, after->len) && before->pdata[first] == after->pdata[first])
		first++;
	while (last < MIN(before->len, after->len) - first &&
	       before->pdata[before->len - 1 - last] == after->pdata[after->len - 1 - last])
		last++;
	self->rows = after;
	if (before->len != after->len || first + last < after->len)
		g_list_model_items_changed(G_LIST_MODEL(self), first, before->len - first - last,
					   after->len - first - last);
	g_ptr_array_unref(before);
	g_signal_emit(self, signal_updated, 0);
}

static gboolean settled(gpointer data)
{
	NgwSections *self = data;

	self->settle = 0;
	sections_update(self);
	return G_SOURCE_REMOVE;
}

static void app_changed(NgwSections *self)
{
	if (self->settle == 0)
		self->settle = g_timeout_add(SETTLE_MS, settled, self);
}

static void apps_changed(NgwSections *self, guint position, guint removed, guint added, GListModel *apps)
{
	for (guint i = position; i < position + removed; i++)
		g_signal_handlers_disconnect_by_data(self->watched->pdata[i], self);
	if (removed > 0)
		g_ptr_array_remove_range(self->watched, position, removed);
	for (guint i = position; i < position + added; i++) {
		NgwApp *app = g_list_model_get_item(apps, i);

		g_signal_connect_swapped(app, "changed", G_CALLBACK(app_changed), self);
		g_ptr_array_insert(self->watched, (gint)i, app);
	}
	sections_update(self);
}

void ngw_sections_search(NgwSections *self, const char *text)
{
	g_autofree char *folded = g_utf8_casefold(text, -1);

	g_strfreev(self->words);
	self->words = g_strsplit(folded, " ", -1);
	sections_update(self);
}

void ngw_sections_show(NgwSections *self, NgwShow show)
{
	self->show = show;
	sections_update(self);
}

guint ngw_sections_n_apps(NgwSections *self)
{
	return self->n_apps;
}

/* --- the model --- */

static GType sections_item_type(GListModel *model)
{
	return G_TYPE_OBJECT;
}

static guint sections_n_items(GListModel *model)
{
	return NGW_SECTIONS(model)->rows->len;
}

static gpointer sections_item(GListModel *model, guint position)
{
	NgwSections *self = NGW_SECTIONS(model);

	return position < self->rows->len ? g_object_ref(self->rows->pdata[position]) : NULL;
}

static void ngw_sections_list_model_init(GListModelInterface *interface)
{
	interface->get_item_type = sections_item_type;
	interface->get_n_items = sections_n_items;
	interface->get_item = sections_item;
}

static void ngw_sections_finalize(GObject *object)
{
	NgwSections *self = NGW_SECTIONS(object);

	g_clear_handle_id(&self->settle, g_source_remove);
	g_signal_handlers_disconnect_by_data(self->apps, self);
	for (guint i = 0; i < self->watched->len; i++)
		g_signal_handlers_disconnect_by_data(self->watched->pdata[i], self);
	g_ptr_array_unref(self->watched);
	g_ptr_array_unref(self->rows);
	for (guint i = 0; i < NGW_N_SECTIONS; i++)
		g_clear_object(&self->headings[i]);
	g_strfreev(self->words);
	g_object_unref(self->apps);
	G_OBJECT_CLASS(ngw_sections_parent_class)->finalize(object);
}

static void ngw_sections_class_init(NgwSectionsClass *class)
{
	G_OBJECT_CLASS(class)->finalize = ngw_sections_finalize;
	signal_updated =
		g_signal_new("updated", NGW_TYPE_SECTIONS, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void ngw_sections_init(NgwSections *self)
{
	static const char *const titles[] = { N_("Needs Attention"), N_("Running"), N_("Others") };

	self->watched = g_ptr_array_new_with_free_func(g_object_unref);
	self->rows = g_ptr_array_new_with_free_func(g_object_unref);
	for (guint i = 0; i < NGW_N_SECTIONS; i++) {
		self->headings[i] = g_object_new(NGW_TYPE_HEADING, NULL);
		self->headings[i]->title = _(titles[i]);
	}
}

NgwSections *ngw_sections_new(NgwApps *apps)
{
	NgwSections *self = g_object_new(NGW_TYPE_SECTIONS, NULL);

	self->apps = g_object_ref(apps);
	g_signal_connect_swapped(apps, "items-changed", G_CALLBACK(apps_changed), self);
	apps_changed(self, 0, 0, g_list_model_get_n_items(G_LIST_MODEL(apps)), G_LIST_MODEL(apps));
	return self;
}
