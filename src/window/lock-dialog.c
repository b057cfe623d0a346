/* SPDX-License-Identifier: MIT */
/*
 * The second lock's dialog (see lock-dialog.h). The texts live in the entries' password buffers; the message that
 * carries them to the guard is the one copy, and is freed when it was answered.
 */
#include "window/lock-dialog.h"

#include <glib/gi18n.h>
#include <string.h>

#include "window/application.h"
#include "window/note.h"

#define NGW_TYPE_LOCK_DIALOG (ngw_lock_dialog_get_type())
G_DECLARE_FINAL_TYPE(NgwLockDialog, ngw_lock_dialog, NGW, LOCK_DIALOG, AdwWindow)

struct _NgwLockDialog {
	AdwWindow parent;
	GtkInfoBar *note;
	AdwPreferencesGroup *group;
	GtkEditable *old, *new, *again;
	GtkWidget *apply;
	NgwGuard *guard; /* owned */
	NgwLockTask task;
	gboolean is_asking;
	GCancellable *cancellable;
};

G_DEFINE_FINAL_TYPE(NgwLockDialog, ngw_lock_dialog, ADW_TYPE_WINDOW)

static const struct {
	const char *title, *description, *button, *class;
	gboolean has_old, has_new;
} tasks[] = {
	[NGW_LOCK_SET] = { N_("Set a Passphrase"),
			   N_("8 characters or more. It will be asked for before anything is loosened. The "
			      "administrator (root) can remove it without knowing it."),
			   N_("_Set"), "suggested-action", FALSE, TRUE },
	[NGW_LOCK_CHANGE] = { N_("Change the Passphrase"), N_("8 characters or more."), N_("_Change"),
			      "suggested-action", TRUE, TRUE },
	[NGW_LOCK_REMOVE] = { N_("Remove the Passphrase"), N_("Loosening will not ask for it any more."), N_("_Remove"),
			      "destructive-action", TRUE, FALSE },
	[NGW_LOCK_UNLOCK] = { N_("Unlock for 15 Minutes"),
			      N_("Until then you can loosen without the passphrase. Other people still need it."),
			      N_("_Unlock"), "suggested-action", TRUE, FALSE },
};

static gboolean lock_is_complete(NgwLockDialog *self)
{
	if (tasks[self->task].has_old && !*gtk_editable_get_text(self->old))
		return FALSE;
	return !tasks[self->task].has_new || (*gtk_editable_get_text(self->new) && *gtk_editable_get_text(self->again));
}

static void lock_update(NgwLockDialog *self)
{
	gtk_widget_set_sensitive(GTK_WIDGET(self->group), !self->is_asking);
	gtk_widget_set_sensitive(self->apply,
				 !self->is_asking && ngw_guard_is_ready(self->guard) && lock_is_complete(self));
}

static void lock_typed(NgwLockDialog *self)
{
	if (self->guard)
		lock_update(self);
}

static void lock_wipe(NgwLockDialog *self)
{
	gtk_editable_set_text(self->old, "");
	gtk_editable_set_text(self->new, "");
	gtk_editable_set_text(self->again, "");
}

/* Why what was typed cannot be sent; NULL: it can. */
static const char *lock_fault(NgwLockDialog *self)
{
	const char *new = gtk_editable_get_text(self->new);
	const gsize length = strlen(new);

	if (!tasks[self->task].has_new)
		return NULL;
	if (strcmp(new, gtk_editable_get_text(self->again)) != 0)
		return _("The two are not the same. Type the new passphrase twice.");
	if (length < NGW_LOCK_MIN_BYTES)
		return _("The new passphrase is too short. Use 8 characters or more.");
	if (length > NGW_LOCK_MAX_BYTES)
		return _("The new passphrase is too long. Use 1,000 characters at most.");
	return NULL;
}

static void lock_answered(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(NgwLockDialog) self = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) reply = ngw_guard_call_finish(NGW_GUARD(source), result, &error);

	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return;
	self->is_asking = FALSE;
	if (!error) {
		gtk_window_close(GTK_WINDOW(self));
		return;
	}
	ngw_note_say_error(self->note, error);
	if (g_error_matches(error, NG_CLIENT_ERROR, NG_CLIENT_ERROR_WRONG_PASSPHRASE))
		gtk_editable_set_text(self->old, "");
	lock_update(self);
	gtk_widget_grab_focus(GTK_WIDGET(tasks[self->task].has_old ? self->old : self->new));
}

static void lock_applied(NgwLockDialog *self)
{
	const char *fault = lock_fault(self);
	GVariantBuilder options;

	ngw_note_say(self->note, GTK_MESSAGE_WARNING, fault);
	if (fault) {
		gtk_widget_grab_focus(GTK_WIDGET(self->new));
		return;
	}
	self->is_asking = TRUE;
	lock_update(self);
	if (self->task == NGW_LOCK_UNLOCK) {
		ngw_guard_call(self->guard, "Unlock",
			       g_variant_new("(su)", gtk_editable_get_text(self->old), (guint32)NGW_LOCK_OPEN_S),
			       "(a{sv})", self->cancellable, lock_answered, g_object_ref(self));
		return;
	}
	g_variant_builder_init(&options, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&options, "{sv}", "origin", g_variant_new_string("window"));
	ngw_guard_call(self->guard, "SetLock",
		       g_variant_new("(ssa{sv})", tasks[self->task].has_old ? gtk_editable_get_text(self->old) : "",
				     tasks[self->task].has_new ? gtk_editable_get_text(self->new) : "", &options),
		       "()", self->cancellable, lock_answered, g_object_ref(self));
}

/* --- life --- */

static void ngw_lock_dialog_dispose(GObject *object)
{
	NgwLockDialog *self = NGW_LOCK_DIALOG(object);

	g_cancellable_cancel(self->cancellable);
	if (self->guard)
		lock_wipe(self);
	g_clear_object(&self->guard);
	gtk_widget_dispose_template(GTK_WIDGET(object), NGW_TYPE_LOCK_DIALOG);
	G_OBJECT_CLASS(ngw_lock_dialog_parent_class)->dispose(object);
}

static void ngw_lock_dialog_finalize(GObject *object)
{
	g_clear_object(&NGW_LOCK_DIALOG(object)->cancellable);
	G_OBJECT_CLASS(ngw_lock_dialog_parent_class)->finalize(object);
}

static void ngw_lock_dialog_class_init(NgwLockDialogClass *class)
{
	GtkWidgetClass *widget = GTK_WIDGET_CLASS(class);

	G_OBJECT_CLASS(class)->dispose = ngw_lock_dialog_dispose;
	G_OBJECT_CLASS(class)->finalize = ngw_lock_dialog_finalize;
	gtk_widget_class_set_template_from_resource(widget, NGW_RESOURCES "/ui/lock-dialog.ui");
	gtk_widget_class_bind_template_child(widget, NgwLockDialog, note);
	gtk_widget_class_bind_template_child(widget, NgwLockDialog, group);
	gtk_widget_class_bind_template_child(widget, NgwLockDialog, old);
	gtk_widget_class_bind_template_child(widget, NgwLockDialog, new);
	gtk_widget_class_bind_template_child(widget, NgwLockDialog, again);
	gtk_widget_class_bind_template_child(widget, NgwLockDialog, apply);
	gtk_widget_class_bind_template_callback(widget, lock_applied);
	gtk_widget_class_bind_template_callback(widget, lock_typed);
}

static void ngw_lock_dialog_init(NgwLockDialog *self)
{
	self->cancellable = g_cancellable_new();
	gtk_widget_init_template(GTK_WIDGET(self));
}

void ngw_lock_dialog_present(GtkWindow *parent, NgwGuard *guard, NgwLockTask task)
{
	NgwLockDialog *self = g_object_new(NGW_TYPE_LOCK_DIALOG, "transient-for", parent, NULL);

	self->guard = g_object_ref(guard);
	self->task = task;
	adw_preferences_group_set_title(self->group, _(tasks[task].title));
	adw_preferences_group_set_description(self->group, _(tasks[task].description));
	gtk_widget_set_visible(GTK_WIDGET(self->old), tasks[task].has_old);
	gtk_widget_set_visible(GTK_WIDGET(self->new), tasks[task].has_new);
	gtk_widget_set_visible(GTK_WIDGET(self->again), tasks[task].has_new);
	gtk_button_set_label(GTK_BUTTON(self->apply), _(tasks[task].button));
	gtk_widget_add_css_class(self->apply, tasks[task].class);
	g_signal_connect_object(guard, "link", G_CALLBACK(lock_update), self, G_CONNECT_SWAPPED);
	lock_update(self);
	gtk_window_present(GTK_WINDOW(self));
	gtk_widget_grab_focus(GTK_WIDGET(tasks[task].has_old ? self->old : self->new));
}
