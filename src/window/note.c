/* SPDX-License-Identifier: MIT */
/* A sentence at the top of a dialog: see note.h. */
#include "window/note.h"

#include <glib/gi18n.h>

#include "api/client.h"

/* GTK 4.8 gives the bar's own button an icon and no name. */
static void name_close_button(GtkWidget *widget)
{
	if (GTK_IS_BUTTON(widget) && gtk_widget_has_css_class(widget, "close")) {
		gtk_widget_set_tooltip_text(widget, _("Close this note"));
		gtk_accessible_update_property(GTK_ACCESSIBLE(widget), GTK_ACCESSIBLE_PROPERTY_LABEL,
					       _("Close this note"), -1);
	}
	for (GtkWidget *child = gtk_widget_get_first_child(widget); child; child = gtk_widget_get_next_sibling(child))
		name_close_button(child);
}

static GtkWidget *note_label(GtkInfoBar *bar, GtkWidget **ret_icon)
{
	GtkWidget *label = g_object_get_data(G_OBJECT(bar), "note-label");

	if (!label) {
		GtkWidget *icon = gtk_image_new();

		label = gtk_label_new(NULL);
		gtk_label_set_wrap(GTK_LABEL(label), TRUE);
		gtk_label_set_wrap_mode(GTK_LABEL(label), PANGO_WRAP_WORD_CHAR);
		gtk_label_set_xalign(GTK_LABEL(label), 0);
		gtk_widget_set_hexpand(label, TRUE);
		gtk_widget_set_valign(icon, GTK_ALIGN_START);
		gtk_accessible_update_state(GTK_ACCESSIBLE(icon), GTK_ACCESSIBLE_STATE_HIDDEN, TRUE, -1);
		name_close_button(GTK_WIDGET(bar));
		gtk_info_bar_add_child(bar, icon);
		gtk_info_bar_add_child(bar, label);
		g_object_set_data(G_OBJECT(bar), "note-label", label);
		g_object_set_data(G_OBJECT(bar), "note-icon", icon);
	}
	*ret_icon = g_object_get_data(G_OBJECT(bar), "note-icon");
	return label;
}

void ngw_note_say(GtkInfoBar *bar, GtkMessageType type, const char *text)
{
	GtkWidget *icon, *label = note_label(bar, &icon);

	if (text) {
		gtk_label_set_text(GTK_LABEL(label), text);
		gtk_image_set_from_icon_name(GTK_IMAGE(icon), type == GTK_MESSAGE_INFO ? "dialog-information-symbolic"
										       : "dialog-warning-symbolic");
		gtk_info_bar_set_message_type(bar, type);
		gtk_accessible_update_property(GTK_ACCESSIBLE(bar), GTK_ACCESSIBLE_PROPERTY_LABEL, text, -1);
	}
	gtk_widget_set_visible(GTK_WIDGET(bar), text != NULL);
}

void ngw_note_say_error(GtkInfoBar *bar, const GError *error)
{
	if (g_error_matches(error, NG_CLIENT_ERROR, NG_CLIENT_ERROR_CANCELLED))
		ngw_note_say(bar, GTK_MESSAGE_INFO, _("Cancelled: nothing was changed."));
	else
		ngw_note_say(bar, GTK_MESSAGE_WARNING, error->message);
}
