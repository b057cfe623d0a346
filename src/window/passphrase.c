/* SPDX-License-Identifier: MIT */
/*
 * The question for the passphrase (see passphrase.h). The text lives in GTK's password buffer (memory that is not
 * swapped out and is wiped when it is deleted) and is lent from there; nothing here copies it.
 */
#include "window/passphrase.h"

#include <adwaita.h>

#include "window/application.h"

#define NGW_TYPE_PASSPHRASE (ngw_passphrase_get_type())
G_DECLARE_FINAL_TYPE(NgwPassphrase, ngw_passphrase, NGW, PASSPHRASE, AdwMessageDialog)

struct _NgwPassphrase {
	AdwMessageDialog parent;
	GtkWidget *problem, *problem_box, *entry, *keep;
	NgwPassphraseDone done; /* NULL once called */
	gpointer user_data;
};

G_DEFINE_FINAL_TYPE(NgwPassphrase, ngw_passphrase, ADW_TYPE_MESSAGE_DIALOG)

/* The key that closes us was pressed in the entry's text, which outlives the entry for as long as that event lasts, and
 * GTK 4.8 then tells the entry, which is gone, that the text lost the focus: keep it until the event is over. */
static void passphrase_keep_entry(NgwPassphrase *self)
{
	g_idle_add_once(g_object_unref, g_object_ref(self->entry));
}

static void passphrase_answer(NgwPassphrase *self, gboolean is_given)
{
	const NgwPassphraseDone done = self->done;
	const gboolean is_kept = is_given && gtk_switch_get_active(GTK_SWITCH(self->keep));

	if (!done)
		return;
	self->done = NULL;
	passphrase_keep_entry(self);
	done(is_given ? gtk_editable_get_text(GTK_EDITABLE(self->entry)) : NULL, is_kept ? NGW_PASSPHRASE_KEEP_S : 0,
	     self->user_data);
	gtk_editable_set_text(GTK_EDITABLE(self->entry), "");
}

static void passphrase_responded(AdwMessageDialog *dialog, const char *response, gpointer unused)
{
	passphrase_answer(NGW_PASSPHRASE(dialog), g_str_equal(response, "unlock"));
}

static void passphrase_typed(GtkEditable *entry, NgwPassphrase *self)
{
	adw_message_dialog_set_response_enabled(ADW_MESSAGE_DIALOG(self), "unlock", *gtk_editable_get_text(entry));
}

static void ngw_passphrase_dispose(GObject *object)
{
	passphrase_answer(NGW_PASSPHRASE(object), FALSE);
	gtk_widget_dispose_template(GTK_WIDGET(object), NGW_TYPE_PASSPHRASE);
	G_OBJECT_CLASS(ngw_passphrase_parent_class)->dispose(object);
}

static void ngw_passphrase_class_init(NgwPassphraseClass *class)
{
	GtkWidgetClass *widget = GTK_WIDGET_CLASS(class);

	G_OBJECT_CLASS(class)->dispose = ngw_passphrase_dispose;
	gtk_widget_class_set_template_from_resource(widget, NGW_RESOURCES "/ui/passphrase.ui");
	gtk_widget_class_bind_template_child(widget, NgwPassphrase, problem);
	gtk_widget_class_bind_template_child(widget, NgwPassphrase, problem_box);
	gtk_widget_class_bind_template_child(widget, NgwPassphrase, entry);
	gtk_widget_class_bind_template_child(widget, NgwPassphrase, keep);
	gtk_widget_class_bind_template_callback(widget, passphrase_responded);
	gtk_widget_class_bind_template_callback(widget, passphrase_typed);
}

static void ngw_passphrase_init(NgwPassphrase *self)
{
	gtk_widget_init_template(GTK_WIDGET(self));
}

void ngw_passphrase_ask(GtkWidget *widget, const char *what, const char *problem, NgwPassphraseDone done,
			gpointer user_data)
{
	GtkRoot *root = widget ? gtk_widget_get_root(widget) : NULL;
	NgwPassphrase *self = g_object_new(NGW_TYPE_PASSPHRASE, "transient-for", root, NULL);

	self->done = done;
	self->user_data = user_data;
	adw_message_dialog_set_body(ADW_MESSAGE_DIALOG(self), what);
	gtk_label_set_text(GTK_LABEL(self->problem), problem ? problem : "");
	gtk_widget_set_visible(self->problem_box, problem != NULL);
	gtk_window_present(GTK_WINDOW(self));
	gtk_widget_grab_focus(self->entry);
}
