/* SPDX-License-Identifier: MIT */
/* A list of programs to choose one of: see add-list.h. */
#include "window/add-list.h"

#include <adwaita.h>
#include <glib/gi18n.h>
#include <string.h>

#include "window/row-growth.h"

struct _NgwAddItem {
	GObject parent;
	char *name, *path, *search, *note;
	GIcon *icon;
};

G_DEFINE_FINAL_TYPE(NgwAddItem, ngw_add_item, G_TYPE_OBJECT)

struct _NgwAddList {
	GtkWidget parent;
	GtkWidget *scroller, *empty;
	GtkWidget *view;
	GListStore *store;
	GtkCustomFilter *filter;
	GtkFilterListModel *filtered;
	NgwRowGrowth *growth; /* the rows of `filtered` that the view has */
	GtkSingleSelection *selection;
	char *search; /* casefolded */
	char *title, *sentence;
};

enum { SIGNAL_CHOSEN, SIGNAL_ACTIVATED, N_SIGNALS };
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE(NgwAddList, ngw_add_list, GTK_TYPE_WIDGET)

/* --- items --- */

static void ngw_add_item_finalize(GObject *object)
{
	NgwAddItem *self = NGW_ADD_ITEM(object);

	g_free(self->name);
	g_free(self->path);
	g_free(self->search);
	g_free(self->note);
	g_clear_object(&self->icon);
	G_OBJECT_CLASS(ngw_add_item_parent_class)->finalize(object);
}

static void ngw_add_item_class_init(NgwAddItemClass *class)
{
	G_OBJECT_CLASS(class)->finalize = ngw_add_item_finalize;
}

static void ngw_add_item_init(NgwAddItem *self)
{
}

NgwAddItem *ngw_add_item_new(const char *name, const char *path, GIcon *icon, const char *search, const char *note)
{
	NgwAddItem *self = g_object_new(NGW_TYPE_ADD_ITEM, NULL);

	self->name = g_strdup(name);
	self->path = g_strdup(path);
	self->search = g_strdup(search);
	self->note = g_strdup(note);
	self->icon = icon ? g_object_ref(icon) : NULL;
	return self;
}

const char *ngw_add_item_name(NgwAddItem *self)
{
	return self->name;
}

const char *ngw_add_item_path(NgwAddItem *self)
{
	return self->path;
}

/* --- rows --- */

static GtkWidget *row_label_new(const char *class, PangoEllipsizeMode mode)
{
	GtkWidget *label = gtk_label_new(NULL);

	gtk_label_set_xalign(GTK_LABEL(label), 0);
	gtk_label_set_ellipsize(GTK_LABEL(label), mode);
	gtk_widget_add_css_class(label, class);
	return label;
}

static void row_setup(GtkSignalListItemFactory *factory, GtkListItem *item, gpointer unused)
{
	GtkWidget *row = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);
	GtkWidget *icon = gtk_image_new();
	GtkWidget *texts = gtk_box_new(GTK_ORIENTATION_VERTICAL, 2);

	gtk_image_set_pixel_size(GTK_IMAGE(icon), 32);
	gtk_accessible_update_state(GTK_ACCESSIBLE(icon), GTK_ACCESSIBLE_STATE_HIDDEN, TRUE, -1);
	gtk_widget_set_hexpand(texts, TRUE);
	gtk_widget_set_valign(texts, GTK_ALIGN_CENTER);
	gtk_box_append(GTK_BOX(texts), row_label_new("row-name", PANGO_ELLIPSIZE_END));
	gtk_box_append(GTK_BOX(texts), row_label_new("caption", PANGO_ELLIPSIZE_MIDDLE));
	gtk_widget_add_css_class(gtk_widget_get_last_child(texts), "dim-label");
	gtk_box_append(GTK_BOX(row), icon);
	gtk_box_append(GTK_BOX(row), texts);
	gtk_box_append(GTK_BOX(row), row_label_new("dim-label", PANGO_ELLIPSIZE_NONE));
	gtk_widget_set_margin_top(row, 6);
	gtk_widget_set_margin_bottom(row, 6);
	gtk_list_item_set_child(item, row);
}

static void row_bind(GtkSignalListItemFactory *factory, GtkListItem *item, gpointer unused)
{
	const NgwAddItem *its = gtk_list_item_get_item(item);
	GtkWidget *row = gtk_list_item_get_child(item);
	GtkWidget *icon = gtk_widget_get_first_child(row);
	GtkWidget *texts = gtk_widget_get_next_sibling(icon);
	GtkWidget *parent = gtk_widget_get_parent(row);

	if (its->icon)
		gtk_image_set_from_gicon(GTK_IMAGE(icon), its->icon);
	else
		gtk_image_set_from_icon_name(GTK_IMAGE(icon), "application-x-executable");
	gtk_label_set_text(GTK_LABEL(gtk_widget_get_first_child(texts)), its->name);
	gtk_label_set_text(GTK_LABEL(gtk_widget_get_last_child(texts)), its->path);
	gtk_label_set_text(GTK_LABEL(gtk_widget_get_last_child(row)), its->note ? its->note : "");
	/* A list item has no name of its own before GTK 4.12. */
	if (parent)
		gtk_accessible_update_property(GTK_ACCESSIBLE(parent), GTK_ACCESSIBLE_PROPERTY_LABEL, its->name,
					       GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, its->path, -1);
}

/* --- the list --- */

static gboolean list_matches(gpointer item, gpointer data)
{
	const NgwAddList *self = data;

	return !self->search || strstr(((NgwAddItem *)item)->search, self->search) != NULL;
}

static void list_update(NgwAddList *self)
{
	const gboolean is_empty = g_list_model_get_n_items(G_LIST_MODEL(self->filtered)) == 0;
	const gboolean is_searched = g_list_model_get_n_items(G_LIST_MODEL(self->store)) > 0;

	gtk_widget_set_visible(self->scroller, !is_empty);
	gtk_widget_set_visible(self->empty, is_empty);
	adw_status_page_set_icon_name(ADW_STATUS_PAGE(self->empty),
				      is_searched ? "edit-find-symbolic" : "application-x-executable-symbolic");
	adw_status_page_set_title(ADW_STATUS_PAGE(self->empty), is_searched ? _("Nothing Found") : self->title);
	adw_status_page_set_description(ADW_STATUS_PAGE(self->empty),
					is_searched ? _("Try another word.") : self->sentence);
}

void ngw_add_list_set_texts(NgwAddList *self, const char *name, const char *title, const char *sentence)
{
	g_free(self->title);
	g_free(self->sentence);
	self->title = g_strdup(title);
	self->sentence = g_strdup(sentence);
	gtk_accessible_update_property(GTK_ACCESSIBLE(self->view), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
	list_update(self);
}

static gboolean list_is(NgwAddList *self, GPtrArray *items)
{
	gboolean is_same = g_list_model_get_n_items(G_LIST_MODEL(self->store)) == items->len;

	for (guint i = 0; is_same && i < items->len; i++) {
		g_autoptr(NgwAddItem) old = g_list_model_get_item(G_LIST_MODEL(self->store), i);
		const NgwAddItem *new = items->pdata[i];

		is_same = g_str_equal(old->path, new->path) && g_str_equal(old->name, new->name) &&
			  g_strcmp0(old->note, new->note) == 0;
	}
	return is_same;
}

void ngw_add_list_set_items(NgwAddList *self, GPtrArray *items)
{
	NgwAddItem *selected = ngw_add_list_selected(self);
	g_autofree char *path = selected ? g_strdup(selected->path) : NULL;

	if (list_is(self, items)) /* most of the time: keep rows and place */
		return;
	g_list_store_splice(self->store, 0, g_list_model_get_n_items(G_LIST_MODEL(self->store)), items->pdata,
			    items->len);
	for (guint i = 0; path && i < g_list_model_get_n_items(G_LIST_MODEL(self->selection)); i++) {
		g_autoptr(NgwAddItem) item = g_list_model_get_item(G_LIST_MODEL(self->selection), i);

		if (g_str_equal(item->path, path)) {
			gtk_single_selection_set_selected(self->selection, i);
			break;
		}
	}
	list_update(self);
}

void ngw_add_list_search(NgwAddList *self, const char *text)
{
	g_autofree char *folded = g_utf8_casefold(text, -1);

	g_strstrip(folded);
	g_free(self->search);
	self->search = *folded ? g_steal_pointer(&folded) : NULL;
	ngw_row_growth_restart(self->growth);
	gtk_filter_changed(GTK_FILTER(self->filter), GTK_FILTER_CHANGE_DIFFERENT);
	list_update(self);
}

NgwAddItem *ngw_add_list_selected(NgwAddList *self)
{
	return gtk_single_selection_get_selected_item(self->selection);
}

static void list_chosen(NgwAddList *self)
{
	g_signal_emit(self, signals[SIGNAL_CHOSEN], 0);
}

static void list_activated(GtkListView *view, guint position, gpointer data)
{
	NgwAddList *self = data;

	gtk_single_selection_set_selected(self->selection, position);
	g_signal_emit(self, signals[SIGNAL_ACTIVATED], 0);
}

static void ngw_add_list_map(GtkWidget *widget)
{
	GTK_WIDGET_CLASS(ngw_add_list_parent_class)->map(widget);
	ngw_row_growth_set_seen(NGW_ADD_LIST(widget)->growth, TRUE);
}

static void ngw_add_list_unmap(GtkWidget *widget)
{
	ngw_row_growth_set_seen(NGW_ADD_LIST(widget)->growth, FALSE);
	GTK_WIDGET_CLASS(ngw_add_list_parent_class)->unmap(widget);
}

static void ngw_add_list_dispose(GObject *object)
{
	NgwAddList *self = NGW_ADD_LIST(object);

	if (self->selection)
		g_signal_handlers_disconnect_by_data(self->selection, self);
	g_clear_pointer(&self->scroller, gtk_widget_unparent);
	g_clear_pointer(&self->empty, gtk_widget_unparent);
	g_clear_object(&self->selection);
	g_clear_object(&self->growth);
	g_clear_object(&self->filtered);
	g_clear_object(&self->filter);
	g_clear_object(&self->store);
	G_OBJECT_CLASS(ngw_add_list_parent_class)->dispose(object);
}

static void ngw_add_list_finalize(GObject *object)
{
	NgwAddList *self = NGW_ADD_LIST(object);

	g_free(self->search);
	g_free(self->title);
	g_free(self->sentence);
	G_OBJECT_CLASS(ngw_add_list_parent_class)->finalize(object);
}

static void ngw_add_list_class_init(NgwAddListClass *class)
{
	GtkWidgetClass *widget = GTK_WIDGET_CLASS(class);

	G_OBJECT_CLASS(class)->dispose = ngw_add_list_dispose;
	G_OBJECT_CLASS(class)->finalize = ngw_add_list_finalize;
	GTK_WIDGET_CLASS(class)->map = ngw_add_list_map;
	GTK_WIDGET_CLASS(class)->unmap = ngw_add_list_unmap;
	gtk_widget_class_set_layout_manager_type(widget, GTK_TYPE_BIN_LAYOUT);
	gtk_widget_class_set_accessible_role(widget, GTK_ACCESSIBLE_ROLE_GROUP);
	signals[SIGNAL_CHOSEN] =
		g_signal_new("chosen", NGW_TYPE_ADD_LIST, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
	signals[SIGNAL_ACTIVATED] =
		g_signal_new("activated", NGW_TYPE_ADD_LIST, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void ngw_add_list_init(NgwAddList *self)
{
	GtkListItemFactory *factory = gtk_signal_list_item_factory_new();

	g_signal_connect(factory, "setup", G_CALLBACK(row_setup), NULL);
	g_signal_connect(factory, "bind", G_CALLBACK(row_bind), NULL);
	self->store = g_list_store_new(NGW_TYPE_ADD_ITEM);
	self->filter = gtk_custom_filter_new(list_matches, self, NULL);
	self->filtered = gtk_filter_list_model_new(G_LIST_MODEL(g_object_ref(self->store)),
						   GTK_FILTER(g_object_ref(self->filter)));
	self->growth = ngw_row_growth_new(G_LIST_MODEL(self->filtered), NGW_ROWS_STEADY);
	self->selection = gtk_single_selection_new(NULL);
	gtk_single_selection_set_autoselect(self->selection, FALSE);
	gtk_single_selection_set_can_unselect(self->selection, TRUE);
	gtk_single_selection_set_model(self->selection, G_LIST_MODEL(self->growth));
	g_signal_connect_swapped(self->selection, "notify::selected-item", G_CALLBACK(list_chosen), self);
	self->view = gtk_list_view_new(GTK_SELECTION_MODEL(g_object_ref(self->selection)), factory);
	gtk_widget_add_css_class(self->view, "navigation-sidebar");
	g_signal_connect(self->view, "activate", G_CALLBACK(list_activated), self);
	self->scroller = gtk_scrolled_window_new();
	gtk_scrolled_window_set_policy(GTK_SCROLLED_WINDOW(self->scroller), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
	gtk_scrolled_window_set_child(GTK_SCROLLED_WINDOW(self->scroller), self->view);
	ngw_row_growth_follow(self->growth, gtk_scrolled_window_get_vadjustment(GTK_SCROLLED_WINDOW(self->scroller)),
			      self->view);
	gtk_widget_set_parent(self->scroller, GTK_WIDGET(self));
	self->empty = adw_status_page_new();
	gtk_widget_add_css_class(self->empty, "compact");
	gtk_widget_set_parent(self->empty, GTK_WIDGET(self));
	gtk_widget_set_vexpand(GTK_WIDGET(self), TRUE);
}
