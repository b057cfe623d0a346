/* SPDX-License-Identifier: MIT */
/* Rows and lists of the application page: see app-page-rows.h. */
#include "window/app-page-rows.h"

#define KEY "ngw-key"     /* of an item's row */
#define NAME "ngw-name"   /* of a button */
#define EXTRA "ngw-extra" /* of the note and of "and 123 more" */

GtkWidget *ngw_page_list_new(const char *name)
{
	GtkWidget *list = gtk_list_box_new();

	gtk_list_box_set_selection_mode(GTK_LIST_BOX(list), GTK_SELECTION_NONE);
	gtk_widget_add_css_class(list, "boxed-list");
	gtk_accessible_update_property(GTK_ACCESSIBLE(list), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
	return list;
}

static const char *key_of(gpointer item)
{
	return *(char *const *)item;
}

static GtkWidget *extra_new(const char *text)
{
	GtkWidget *row = ngw_page_row_new(), *label = gtk_label_new(text);

	adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), text);
	gtk_label_set_wrap(GTK_LABEL(label), TRUE);
	gtk_label_set_xalign(GTK_LABEL(label), 0);
	gtk_widget_add_css_class(label, "dim-label");
	gtk_widget_set_margin_start(label, 12);
	gtk_widget_set_margin_end(label, 12);
	gtk_widget_set_margin_top(label, 14);
	gtk_widget_set_margin_bottom(label, 14);
	gtk_list_box_row_set_child(GTK_LIST_BOX_ROW(row), label);
	g_object_set_data_full(G_OBJECT(row), EXTRA, g_strdup(text), g_free);
	return row;
}

/* Drop rows whose item has gone; what stays is in `ret_rows` by key. */
static void drop_rows(GtkListBox *list, GHashTable *wanted, GHashTable *ret_rows)
{
	GtkWidget *next = NULL;

	for (GtkWidget *row = gtk_widget_get_first_child(GTK_WIDGET(list)); row; row = next) {
		const char *key = g_object_get_data(G_OBJECT(row), KEY);

		next = gtk_widget_get_next_sibling(row);
		if (key && g_hash_table_contains(wanted, key))
			g_hash_table_insert(ret_rows, (gpointer)key, row);
		else if (key)
			gtk_list_box_remove(list, row);
	}
}

/* The rows that are no items: only what differs is touched. */
static void sync_extra(GtkListBox *list, const char *text)
{
	GtkWidget *last = gtk_widget_get_last_child(GTK_WIDGET(list));
	const char *old = last ? g_object_get_data(G_OBJECT(last), EXTRA) : NULL;

	if (g_strcmp0(old, text) == 0)
		return;
	if (old)
		gtk_list_box_remove(list, last);
	if (text)
		gtk_list_box_append(list, extra_new(text));
}

void ngw_page_list_sync(GtkWidget *widget, GPtrArray *items, const NgwPageListStyle *style, const char *note,
			const char *more)
{
	GtkListBox *list = GTK_LIST_BOX(widget);
	g_autoptr(GHashTable) wanted = g_hash_table_new(g_str_hash, g_str_equal);
	g_autoptr(GHashTable) rows = g_hash_table_new(g_str_hash, g_str_equal);
	const guint n = items ? MIN(items->len, style->max) : 0;
	int place = 0;

	for (guint i = 0; i < n; i++)
		g_hash_table_add(wanted, (gpointer)key_of(g_ptr_array_index(items, i)));
	drop_rows(list, wanted, rows);
	if (!style->is_newest_first)
		place = (int)g_hash_table_size(rows);
	for (guint i = 0; i < n; i++) {
		gpointer item = g_ptr_array_index(items, i);
		GtkWidget *row = g_hash_table_lookup(rows, key_of(item));

		if (!row) {
			row = style->create(item, style->user_data);
			g_object_set_data_full(G_OBJECT(row), KEY, g_strdup(key_of(item)), g_free);
			gtk_list_box_insert(list, row, place++);
			g_hash_table_insert(rows, (gpointer)key_of(item), row);
		}
		style->show(row, item, style->user_data);
	}
	sync_extra(list, n == 0 ? note : more);
	gtk_widget_set_visible(widget, gtk_widget_get_first_child(widget) != NULL);
}

GtkWidget *ngw_page_row_new(void)
{
	GtkWidget *row = adw_action_row_new();

	adw_preferences_row_set_use_markup(ADW_PREFERENCES_ROW(row), FALSE);
	gtk_list_box_row_set_activatable(GTK_LIST_BOX_ROW(row), FALSE);
	return row;
}

void ngw_page_row_set(GtkWidget *row, const char *title, const char *subtitle)
{
	if (g_strcmp0(adw_preferences_row_get_title(ADW_PREFERENCES_ROW(row)), title) != 0)
		adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), title);
	if (g_strcmp0(adw_action_row_get_subtitle(ADW_ACTION_ROW(row)), subtitle) != 0)
		adw_action_row_set_subtitle(ADW_ACTION_ROW(row), subtitle);
}

static GtkWidget *fact_label(const char *text)
{
	GtkWidget *label = gtk_label_new(text);
	g_autoptr(PangoAttrList) attributes = pango_attr_list_new();

	/* A path or a fingerprint that is broken has no hyphen in it. */
	pango_attr_list_insert(attributes, pango_attr_insert_hyphens_new(FALSE));
	gtk_label_set_attributes(GTK_LABEL(label), attributes);

	gtk_label_set_xalign(GTK_LABEL(label), 0);
	gtk_label_set_wrap(GTK_LABEL(label), TRUE);
	gtk_label_set_wrap_mode(GTK_LABEL(label), PANGO_WRAP_WORD_CHAR);
	/* Else GTK lays it out with one letter a line, to see how narrow it can be. */
	gtk_label_set_width_chars(GTK_LABEL(label), 8);
	return label;
}

GtkWidget *ngw_page_fact_new(const char *title, const char *value, const char *icon)
{
	GtkWidget *row = adw_preferences_row_new(), *line = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);
	GtkWidget *texts = gtk_box_new(GTK_ORIENTATION_VERTICAL, 3);
	GtkWidget *heading = fact_label(title), *text = fact_label(value);

	adw_preferences_row_set_use_markup(ADW_PREFERENCES_ROW(row), FALSE);
	adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), title);
	gtk_list_box_row_set_activatable(GTK_LIST_BOX_ROW(row), FALSE);
	gtk_widget_set_focusable(row, FALSE); /* its text takes the focus */
	gtk_accessible_update_property(GTK_ACCESSIBLE(row), GTK_ACCESSIBLE_PROPERTY_LABEL, title, -1);
	gtk_widget_add_css_class(heading, "caption");
	gtk_widget_add_css_class(heading, "dim-label");
	gtk_label_set_selectable(GTK_LABEL(text), TRUE);
	gtk_widget_set_hexpand(texts, TRUE);
	gtk_box_append(GTK_BOX(texts), heading);
	gtk_box_append(GTK_BOX(texts), text);
	if (icon) {
		GtkWidget *image = gtk_image_new_from_icon_name(icon);

		gtk_accessible_update_state(GTK_ACCESSIBLE(image), GTK_ACCESSIBLE_STATE_HIDDEN, TRUE, -1);
		gtk_box_append(GTK_BOX(line), image);
	}
	gtk_box_append(GTK_BOX(line), texts);
	gtk_widget_set_margin_start(line, 12);
	gtk_widget_set_margin_end(line, 12);
	gtk_widget_set_margin_top(line, 8);
	gtk_widget_set_margin_bottom(line, 8);
	gtk_list_box_row_set_child(GTK_LIST_BOX_ROW(row), line);
	return row;
}

void ngw_page_button_name(GtkWidget *button, const char *name)
{
	/* Said once: each time is a message to whoever reads the screen. */
	if (g_strcmp0(g_object_get_data(G_OBJECT(button), NAME), name) == 0)
		return;
	g_object_set_data_full(G_OBJECT(button), NAME, g_strdup(name), g_free);
	gtk_accessible_update_property(GTK_ACCESSIBLE(button), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
}

GtkWidget *ngw_page_button_new(const char *label, const char *name)
{
	GtkWidget *button = gtk_button_new();

	/* A child of its own: a button's own label would be said after the name. */
	gtk_button_set_child(GTK_BUTTON(button), gtk_label_new(label));
	gtk_widget_set_valign(button, GTK_ALIGN_CENTER);
	ngw_page_button_name(button, name);
	return button;
}

static void entry_typed(GtkEditable *entry, gpointer button)
{
	gtk_widget_set_sensitive(button, *gtk_editable_get_text(entry) != '\0');
}

GtkWidget *ngw_page_entry_new(const char *title, const char *label, const char *name, GCallback given,
			      gpointer user_data)
{
	GtkWidget *row = adw_entry_row_new(), *button = ngw_page_button_new(label, name);

	adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), title);
	adw_entry_row_set_input_purpose(ADW_ENTRY_ROW(row), GTK_INPUT_PURPOSE_URL);
	/* Not its own button to apply: that one is there only while the entry has the keyboard. */
	adw_entry_row_add_suffix(ADW_ENTRY_ROW(row), button);
	gtk_widget_set_sensitive(button, FALSE);
	g_signal_connect(row, "changed", G_CALLBACK(entry_typed), button);
	g_signal_connect_swapped(row, "entry-activated", given, user_data);
	g_signal_connect_swapped(button, "clicked", given, user_data);
	return row;
}
