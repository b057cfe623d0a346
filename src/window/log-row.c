/* SPDX-License-Identifier: MIT */
/* One row of the Log: see log-row.h. What an opened row shows is made when it is opened. */
#include "window/log-row.h"

#include <glib/gi18n.h>

#include "window/format.h"
#include "window/log-words.h"

struct _NgwLogRow {
	GtkWidget parent;
	GtkWidget *head, *icon, *title, *who, *more, *reason, *toggle, *raw;
	NgwLogRecord *record; /* owned */
	gulong handler;
	gboolean is_showing;
};

G_DEFINE_FINAL_TYPE(NgwLogRow, ngw_log_row, GTK_TYPE_WIDGET)

static void label_show(GtkWidget *label, const char *text)
{
	gtk_label_set_text(GTK_LABEL(label), text ? text : "");
	gtk_widget_set_visible(label, text && *text);
}

static void row_show_raw(NgwLogRow *self)
{
	const gboolean is_open = self->record && ngw_log_record_is_open(self->record);
	g_autofree char *raw = NULL, *text = NULL;

	if (is_open) {
		const NgwLogData *data = ngw_log_record_data(self->record);

		raw = ngw_log_raw(data);
		text = g_strdup_printf(_("Record %lu, %s\nHash %s\n\n%s"), (gulong)data->seq, ngw_log_auth(data),
				       data->hash, raw);
	}
	label_show(self->raw, text);
	gtk_button_set_icon_name(GTK_BUTTON(self->toggle), is_open ? "pan-up-symbolic" : "pan-down-symbolic");
	self->is_showing = TRUE;
	gtk_toggle_button_set_active(GTK_TOGGLE_BUTTON(self->toggle), is_open);
	self->is_showing = FALSE;
	gtk_accessible_update_state(GTK_ACCESSIBLE(self->toggle), GTK_ACCESSIBLE_STATE_EXPANDED, is_open, -1);
}

static void row_name(NgwLogRow *self, const char *title, const char *who, const char *when)
{
	GtkWidget *item = gtk_widget_get_parent(GTK_WIDGET(self));
	g_autofree char *sentence = g_strdup_printf(_("%s, by %s, %s"), title, who, when);
	g_autofree char *toggle = g_strdup_printf(_("Whole record: %s"), title);

	gtk_accessible_update_property(GTK_ACCESSIBLE(self->toggle), GTK_ACCESSIBLE_PROPERTY_LABEL, toggle, -1);
	/* The list's own widget around this one has no name before GTK 4.12. */
	if (item)
		gtk_accessible_update_property(GTK_ACCESSIBLE(item), GTK_ACCESSIBLE_PROPERTY_LABEL, sentence, -1);
}

void ngw_log_row_set_record(NgwLogRow *self, NgwLogRecord *record)
{
	const NgwLogData *data;
	g_autofree char *title = NULL, *who = NULL, *by = NULL, *more = NULL, *when = NULL, *reason = NULL;

	if (self->record)
		g_signal_handler_disconnect(self->record, self->handler);
	g_set_object(&self->record, record);
	if (!record)
		return;
	self->handler = g_signal_connect_swapped(record, "opened", G_CALLBACK(row_show_raw), self);
	data = ngw_log_record_data(record);
	title = ngw_log_title(data);
	who = ngw_log_who(data);
	when = ngw_format_when(data->time);
	/* Translators: when, and by whom: "14:30 · by alice, in the window" */
	by = g_strdup_printf(_("%s · by %s"), when, who);
	more = ngw_log_more(data);
	reason = *data->reason ? g_strdup_printf(_("“%s”"), data->reason) : NULL;
	gtk_image_set_from_icon_name(GTK_IMAGE(self->icon), ngw_log_icon(data));
	gtk_label_set_text(GTK_LABEL(self->title), title);
	gtk_label_set_text(GTK_LABEL(self->who), by);
	label_show(self->more, more);
	label_show(self->reason, reason);
	row_name(self, title, who, when);
	row_show_raw(self);
}

static void row_toggle(NgwLogRow *self)
{
	if (self->record && !self->is_showing)
		ngw_log_record_set_open(self->record, !ngw_log_record_is_open(self->record));
}

static void act_toggle(GtkWidget *widget, const char *action, GVariant *parameter)
{
	row_toggle(NGW_LOG_ROW(widget));
}

/* --- life --- */

static GtkWidget *label_new(const char *class)
{
	GtkWidget *label = gtk_label_new(NULL);

	gtk_label_set_xalign(GTK_LABEL(label), 0);
	gtk_label_set_wrap(GTK_LABEL(label), TRUE);
	gtk_label_set_wrap_mode(GTK_LABEL(label), PANGO_WRAP_WORD_CHAR);
	/* Else GTK lays it out with one letter a line, to see how narrow it can be. */
	gtk_label_set_width_chars(GTK_LABEL(label), 8);
	gtk_widget_set_hexpand(label, TRUE);
	gtk_widget_add_css_class(label, class);
	return label;
}

static GtkWidget *row_build_texts(NgwLogRow *self)
{
	GtkWidget *texts = gtk_box_new(GTK_ORIENTATION_VERTICAL, 2);

	self->title = label_new("row-name");
	self->more = label_new("caption");
	self->reason = label_new("caption");
	self->who = label_new("caption");
	gtk_widget_add_css_class(self->who, "dim-label");
	gtk_widget_add_css_class(self->who, "numeric");
	gtk_box_append(GTK_BOX(texts), self->title);
	gtk_box_append(GTK_BOX(texts), self->more);
	gtk_box_append(GTK_BOX(texts), self->reason);
	gtk_box_append(GTK_BOX(texts), self->who);
	return texts;
}

static void row_build_head(NgwLogRow *self)
{
	self->head = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);
	self->icon = gtk_image_new();
	gtk_widget_set_valign(self->icon, GTK_ALIGN_START);
	gtk_widget_set_margin_top(self->icon, 2);
	gtk_accessible_update_state(GTK_ACCESSIBLE(self->icon), GTK_ACCESSIBLE_STATE_HIDDEN, TRUE, -1);
	self->toggle = gtk_toggle_button_new();
	gtk_button_set_icon_name(GTK_BUTTON(self->toggle), "pan-down-symbolic");
	gtk_widget_set_valign(self->toggle, GTK_ALIGN_CENTER);
	gtk_widget_set_tooltip_text(self->toggle, _("Show the whole record"));
	gtk_widget_add_css_class(self->toggle, "flat");
	gtk_widget_add_css_class(self->toggle, "circular");
	g_signal_connect_swapped(self->toggle, "toggled", G_CALLBACK(row_toggle), self);
	gtk_box_append(GTK_BOX(self->head), self->icon);
	gtk_box_append(GTK_BOX(self->head), row_build_texts(self));
	gtk_box_append(GTK_BOX(self->head), self->toggle);
	gtk_widget_set_parent(self->head, GTK_WIDGET(self));
}

static void ngw_log_row_dispose(GObject *object)
{
	NgwLogRow *self = NGW_LOG_ROW(object);

	ngw_log_row_set_record(self, NULL);
	g_clear_pointer(&self->head, gtk_widget_unparent);
	g_clear_pointer(&self->raw, gtk_widget_unparent);
	G_OBJECT_CLASS(ngw_log_row_parent_class)->dispose(object);
}

static void ngw_log_row_class_init(NgwLogRowClass *class)
{
	GtkWidgetClass *widget = GTK_WIDGET_CLASS(class);

	G_OBJECT_CLASS(class)->dispose = ngw_log_row_dispose;
	gtk_widget_class_set_layout_manager_type(widget, GTK_TYPE_BOX_LAYOUT);
	gtk_widget_class_set_css_name(widget, "logrow");
	gtk_widget_class_set_accessible_role(widget, GTK_ACCESSIBLE_ROLE_GROUP);
	gtk_widget_class_install_action(widget, "record.toggle", NULL, act_toggle);
}

static void ngw_log_row_init(NgwLogRow *self)
{
	GtkLayoutManager *layout = gtk_widget_get_layout_manager(GTK_WIDGET(self));

	gtk_orientable_set_orientation(GTK_ORIENTABLE(layout), GTK_ORIENTATION_VERTICAL);
	gtk_box_layout_set_spacing(GTK_BOX_LAYOUT(layout), 6);
	row_build_head(self);
	self->raw = label_new("record");
	gtk_widget_add_css_class(self->raw, "monospace");
	gtk_label_set_selectable(GTK_LABEL(self->raw), TRUE);
	gtk_widget_set_visible(self->raw, FALSE);
	gtk_widget_set_parent(self->raw, GTK_WIDGET(self));
}

GtkWidget *ngw_log_row_new(void)
{
	return g_object_new(NGW_TYPE_LOG_ROW, NULL);
}
