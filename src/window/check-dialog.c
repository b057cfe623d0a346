/* SPDX-License-Identifier: MIT */
/*
 * What is in force (see check-dialog.h). Filled anew when the guard says something else than before; the answer of
 * Check is asked for when the dialog opens and when the status changes.
 */
#include "window/check-dialog.h"

#include <glib/gi18n.h>

#include "window/check-rows.h"
#include "window/note.h"
#include "window/strip.h"

#define NGW_TYPE_CHECK_DIALOG (ngw_check_dialog_get_type())
G_DECLARE_FINAL_TYPE(NgwCheckDialog, ngw_check_dialog, NGW, CHECK_DIALOG, AdwWindow)

enum { GROUP_STATE, GROUP_PROBLEMS, GROUP_MISSING, GROUP_FAULTS, GROUP_APART, GROUP_IN_FORCE, N_GROUPS };

struct _NgwCheckDialog {
	AdwWindow parent;
	GtkInfoBar *note;
	AdwToastOverlay *toasts;
	AdwPreferencesGroup *state_group, *problems_group, *missing_group, *faults_group, *apart_group, *in_force_group;
	NgwGuard *guard;           /* owned */
	GVariant *capabilities;    /* aa{sv}; NULL: not had yet */
	GVariant *shown;           /* the status that is shown */
	GPtrArray *rows[N_GROUPS]; /* borrowed from the groups */
	GCancellable *cancellable;
};

G_DEFINE_FINAL_TYPE(NgwCheckDialog, ngw_check_dialog, ADW_TYPE_WINDOW)

static AdwPreferencesGroup *dialog_group(NgwCheckDialog *self, guint which)
{
	AdwPreferencesGroup *const groups[N_GROUPS] = {
		self->state_group,  self->problems_group, self->missing_group,
		self->faults_group, self->apart_group,    self->in_force_group
	};

	return groups[which];
}

static void dialog_add(NgwCheckDialog *self, guint which, GtkWidget *row)
{
	adw_preferences_group_add(dialog_group(self, which), row);
	g_ptr_array_add(self->rows[which], row);
}

static void dialog_clear(NgwCheckDialog *self)
{
	for (guint i = 0; i < N_GROUPS; i++) {
		for (guint j = 0; j < self->rows[i]->len; j++)
			adw_preferences_group_remove(dialog_group(self, i), self->rows[i]->pdata[j]);
		g_ptr_array_set_size(self->rows[i], 0);
	}
}

/* --- damaged files --- */

static void copy_clicked(GtkButton *button, gpointer data)
{
	NgwCheckDialog *self = data;
	const char *text = g_object_get_data(G_OBJECT(button), "text");

	gdk_clipboard_set_text(gtk_widget_get_clipboard(GTK_WIDGET(button)), text);
	adw_toast_overlay_add_toast(self->toasts, adw_toast_new(_("Copied")));
}

static char *place_text(GVariant *problem)
{
	const char *path = ngw_dict_string(problem, "path", "");
	const guint line = (guint)ngw_dict_count(problem, "line");
	const guint column = (guint)ngw_dict_count(problem, "column");

	if (line > 0 && column > 0)
		return g_strdup_printf("%s:%u:%u", path, line, column);
	return line > 0 ? g_strdup_printf("%s:%u", path, line) : g_strdup(path);
}

static GtkWidget *problem_row_new(NgwCheckDialog *self, GVariant *problem)
{
	g_autofree char *place = place_text(problem);
	g_autofree char *name = g_path_get_basename(ngw_dict_string(problem, "path", ""));
	const char *message = ngw_dict_string(problem, "message", "");
	const char *held = ngw_dict_flag(problem, "kept") ? _("Kept: the last good version is in force.")
							  : _("Nothing of this file is in force.");
	g_autofree char *subtitle = g_strdup_printf("%s\n%s\n%s", place, message, held);
	g_autofree char *label = g_strdup_printf(_("Copy what is wrong with %s"), name);
	GtkWidget *row = ngw_check_text_row_new("dialog-warning-symbolic", name, subtitle);
	GtkWidget *copy = gtk_button_new_from_icon_name("edit-copy-symbolic");

	gtk_widget_set_valign(copy, GTK_ALIGN_CENTER);
	gtk_widget_add_css_class(copy, "flat");
	gtk_widget_set_tooltip_text(copy, _("Copy place and message"));
	gtk_accessible_update_property(GTK_ACCESSIBLE(copy), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
	g_object_set_data_full(G_OBJECT(copy), "text", g_strdup_printf("%s: %s", place, message), g_free);
	g_signal_connect(copy, "clicked", G_CALLBACK(copy_clicked), self);
	adw_action_row_add_suffix(ADW_ACTION_ROW(row), copy);
	return row;
}

static void dialog_fill_problems(NgwCheckDialog *self, GVariant *status)
{
	g_autoptr(GVariant) problems = g_variant_lookup_value(status, "problems", G_VARIANT_TYPE("aa{sv}"));

	for (gsize i = 0; problems && i < g_variant_n_children(problems); i++) {
		g_autoptr(GVariant) problem = g_variant_get_child_value(problems, i);

		dialog_add(self, GROUP_PROBLEMS, problem_row_new(self, problem));
	}
}

/* --- counted faults --- */

static const struct {
	const char *word, *title, *meaning;
} fault_words[] = {
	{ "events-lost", N_("Attempts that were not reported"),
	  N_("They were judged all the same; the list of activity is incomplete.") },
	{ "task-map", N_("Processes that could not be remembered"),
	  N_("More run than can be told apart; those are kept from the network.") },
	{ "socket-tag", N_("Sockets that could not be marked"), N_("Opening them was refused.") },
	{ "untagged", N_("Programs that could not be told"), N_("They are kept from the network.") },
	{ "too-deep", N_("Programs started by too many others"),
	  N_("They have more decided programs above them than can be followed, and are kept from the network.") },
	{ "bad-slot", N_("Rules that could not be found"), N_("Those programs are kept from the network.") },
	{ "held-map", N_("Inherited sockets that could not be remembered"),
	  N_("The programs that have them were ended.") },
	{ "bad-packet", N_("Packets that could not be read"), N_("They were dropped.") },
	{ "counts", N_("Packets that were not counted"), N_("Traffic figures are too low; nothing else is wrong.") },
};

static void dialog_fill_faults(NgwCheckDialog *self, GVariant *status)
{
	g_autoptr(GVariant) faults = g_variant_lookup_value(status, "faults", G_VARIANT_TYPE("a{st}"));
	const char *health = ngw_dict_string(status, "history-health", "");
	GVariantIter iter;
	const char *word;
	guint64 count;

	if (*health)
		dialog_add(self, GROUP_FAULTS,
			   ngw_check_text_row_new("dialog-warning-symbolic", _("History is not kept"), health));
	if (!faults)
		return;
	g_variant_iter_init(&iter, faults);
	while (g_variant_iter_next(&iter, "{&st}", &word, &count)) {
		g_autofree char *title = NULL;
		const char *meaning = NULL, *words = word;

		for (gsize i = 0; i < G_N_ELEMENTS(fault_words); i++) {
			if (g_str_equal(fault_words[i].word, word)) {
				words = _(fault_words[i].title);
				meaning = _(fault_words[i].meaning);
			}
		}
		title = g_strdup_printf("%s: %" G_GUINT64_FORMAT, words, count);
		if (count > 0)
			dialog_add(self, GROUP_FAULTS,
				   ngw_check_text_row_new("dialog-warning-symbolic", title, meaning));
	}
}

/* --- what is in force --- */

static void dialog_fill_state(NgwCheckDialog *self, GVariant *status)
{
	g_autofree char *state = ngw_state_text(self->guard);
	const char *kernel = ngw_dict_string(status, "kernel", "");
	g_autofree char *version = g_strdup_printf(_("Service %s, kernel %s"), ngw_dict_string(status, "version", ""),
						   *kernel ? kernel : _("not known"));
	g_autofree char *subtitle = g_strdup_printf("%s\n%s", ngw_dict_string(status, "summary", ""), version);

	dialog_add(self, GROUP_STATE, ngw_check_text_row_new(ngw_state_icon(self->guard), state, subtitle));
	if (!ngw_dict_flag(status, "enforcer-answers"))
		dialog_add(self, GROUP_MISSING,
			   ngw_check_text_row_new("dialog-warning-symbolic", _("The enforcer does not answer"),
						  _("What was in force stays in force, and nothing can be changed. "
						    "Restart the service.")));
}

static void dialog_fill_capabilities(NgwCheckDialog *self)
{
	for (gsize i = 0; self->capabilities && i < g_variant_n_children(self->capabilities); i++) {
		g_autoptr(GVariant) capability = g_variant_get_child_value(self->capabilities, i);
		const NgwCheckState state = ngw_check_state(capability);

		dialog_add(self,
			   state == NGW_CHECK_IN_FORCE ? GROUP_IN_FORCE
			   : state == NGW_CHECK_APART  ? GROUP_APART
						       : GROUP_MISSING,
			   ngw_check_row_new(capability));
	}
}

/* Whatever Check says of this machine: in a simulation nothing is in force. */
static void dialog_fill_simulation(NgwCheckDialog *self)
{
	dialog_add(self, GROUP_MISSING,
		   ngw_check_text_row_new("netguard-not-protecting-symbolic", _("Nothing is blocked"),
					  _("A simulation looks at open connections and says what would be blocked. "
					    "Start the service to put it in force.")));
}

static void dialog_show(NgwCheckDialog *self)
{
	const gboolean is_ready = ngw_guard_is_ready(self->guard);
	GVariant *status = ngw_guard_status(self->guard);

	gtk_widget_action_set_enabled(GTK_WIDGET(self), "check.reload", is_ready);
	if (!is_ready)
		ngw_note_say(self->note, GTK_MESSAGE_WARNING, ngw_guard_link_text(self->guard));
	dialog_clear(self);
	if (status) {
		dialog_fill_state(self, status);
		dialog_fill_problems(self, status);
		dialog_fill_faults(self, status);
		if (ngw_guard_is_simulation(self->guard))
			dialog_fill_simulation(self);
		else
			dialog_fill_capabilities(self);
	} else {
		dialog_add(self, GROUP_STATE,
			   ngw_check_text_row_new("netguard-not-protecting-symbolic", _("Not protecting"),
						  _("The service does not answer, so nothing can be said.")));
	}
	for (guint i = 0; i < N_GROUPS; i++) {
		GtkWidget *group = GTK_WIDGET(dialog_group(self, i));

		gtk_widget_set_visible(group, self->rows[i]->len > 0);
		gtk_widget_set_sensitive(group, is_ready || !status);
	}
	g_clear_pointer(&self->shown, g_variant_unref);
	self->shown = status ? g_variant_ref(status) : NULL;
}

/* --- asking --- */

static void check_answered(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(NgwCheckDialog) self = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) reply = ngw_guard_call_finish(NGW_GUARD(source), result, &error);
	g_autoptr(GVariant) list = reply ? g_variant_get_child_value(reply, 0) : NULL;

	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return;
	if (error) {
		ngw_note_say_error(self->note, error);
		return;
	}
	if (self->capabilities && g_variant_equal(list, self->capabilities))
		return;
	g_clear_pointer(&self->capabilities, g_variant_unref);
	self->capabilities = g_steal_pointer(&list);
	dialog_show(self);
}

static void dialog_ask(NgwCheckDialog *self)
{
	if (ngw_guard_is_ready(self->guard))
		ngw_guard_call(self->guard, "Check", NULL, "(aa{sv})", self->cancellable, check_answered,
			       g_object_ref(self));
}

static void guard_changed(NgwGuard *guard, guint parts, NgwCheckDialog *self)
{
	GVariant *status = ngw_guard_status(guard);

	if (!(parts & NGW_PART_STATUS))
		return;
	if (!status || !self->shown || !g_variant_equal(status, self->shown))
		dialog_show(self);
	dialog_ask(self);
}

static void guard_linked(NgwGuard *guard, NgwCheckDialog *self)
{
	ngw_note_say(self->note, GTK_MESSAGE_INFO, NULL);
	dialog_show(self);
	dialog_ask(self);
}

static void reload_answered(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(NgwCheckDialog) self = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) reply = ngw_guard_call_finish(NGW_GUARD(source), result, &error);
	g_autoptr(GVariant) dict = reply ? g_variant_get_child_value(reply, 0) : NULL;

	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return;
	gtk_widget_action_set_enabled(GTK_WIDGET(self), "check.reload", ngw_guard_is_ready(self->guard));
	if (error)
		ngw_note_say_error(self->note, error);
	else if (*ngw_dict_string(dict, "warning", ""))
		ngw_note_say(self->note, GTK_MESSAGE_WARNING, ngw_dict_string(dict, "warning", ""));
	else
		adw_toast_overlay_add_toast(self->toasts, adw_toast_new(_("All application files were read again")));
}

static void dialog_reload(GtkWidget *widget, const char *action, GVariant *parameter)
{
	NgwCheckDialog *self = NGW_CHECK_DIALOG(widget);

	ngw_note_say(self->note, GTK_MESSAGE_INFO, NULL);
	gtk_widget_action_set_enabled(widget, "check.reload", FALSE);
	ngw_guard_call(self->guard, "Reload", NULL, "(a{sv})", self->cancellable, reload_answered, g_object_ref(self));
}

/* --- life --- */

static void ngw_check_dialog_dispose(GObject *object)
{
	NgwCheckDialog *self = NGW_CHECK_DIALOG(object);

	g_cancellable_cancel(self->cancellable);
	g_clear_object(&self->guard);
	gtk_widget_dispose_template(GTK_WIDGET(object), NGW_TYPE_CHECK_DIALOG);
	G_OBJECT_CLASS(ngw_check_dialog_parent_class)->dispose(object);
}

static void ngw_check_dialog_finalize(GObject *object)
{
	NgwCheckDialog *self = NGW_CHECK_DIALOG(object);

	g_clear_object(&self->cancellable);
	g_clear_pointer(&self->capabilities, g_variant_unref);
	g_clear_pointer(&self->shown, g_variant_unref);
	for (guint i = 0; i < N_GROUPS; i++)
		g_ptr_array_unref(self->rows[i]);
	G_OBJECT_CLASS(ngw_check_dialog_parent_class)->finalize(object);
}

static void ngw_check_dialog_class_init(NgwCheckDialogClass *class)
{
	GtkWidgetClass *widget = GTK_WIDGET_CLASS(class);

	G_OBJECT_CLASS(class)->dispose = ngw_check_dialog_dispose;
	G_OBJECT_CLASS(class)->finalize = ngw_check_dialog_finalize;
	gtk_widget_class_set_template_from_resource(widget, NGW_RESOURCES "/ui/check-dialog.ui");
	gtk_widget_class_bind_template_child(widget, NgwCheckDialog, note);
	gtk_widget_class_bind_template_child(widget, NgwCheckDialog, toasts);
	gtk_widget_class_bind_template_child(widget, NgwCheckDialog, state_group);
	gtk_widget_class_bind_template_child(widget, NgwCheckDialog, problems_group);
	gtk_widget_class_bind_template_child(widget, NgwCheckDialog, missing_group);
	gtk_widget_class_bind_template_child(widget, NgwCheckDialog, faults_group);
	gtk_widget_class_bind_template_child(widget, NgwCheckDialog, apart_group);
	gtk_widget_class_bind_template_child(widget, NgwCheckDialog, in_force_group);
	gtk_widget_class_install_action(widget, "check.reload", NULL, dialog_reload);
}

static void ngw_check_dialog_init(NgwCheckDialog *self)
{
	self->cancellable = g_cancellable_new();
	for (guint i = 0; i < N_GROUPS; i++)
		self->rows[i] = g_ptr_array_new();
	gtk_widget_init_template(GTK_WIDGET(self));
}

void ngw_check_dialog_present(NgwWindow *window)
{
	NgwCheckDialog *self = g_object_new(NGW_TYPE_CHECK_DIALOG, "transient-for", window, NULL);

	self->guard = g_object_ref(ngw_window_guard(window));
	g_signal_connect_object(self->guard, "changed", G_CALLBACK(guard_changed), self, 0);
	g_signal_connect_object(self->guard, "link", G_CALLBACK(guard_linked), self, 0);
	dialog_show(self);
	dialog_ask(self);
	gtk_window_present(GTK_WINDOW(self));
}
