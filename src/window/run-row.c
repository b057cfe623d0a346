/* SPDX-License-Identifier: MIT */
/* One row of the page Run: see run-row.h. */
#include "window/run-row.h"

#include <glib/gi18n.h>

#include "window/run-words.h"

struct _NgwRunRow {
	GtkListBoxRow parent;
	GtkWidget *program, *destination, *verdict, *details, *allow;
	NgwRunAttempt *attempt;    /* owned */
	GtkStringList *allowances; /* owned */
	gboolean is_showing;       /* the switch was set by us */
};

G_DEFINE_FINAL_TYPE(NgwRunRow, ngw_run_row, GTK_TYPE_LIST_BOX_ROW)

int ngw_run_allowances_find(GtkStringList *allowances, const char *tip)
{
	const guint n = g_list_model_get_n_items(G_LIST_MODEL(allowances));

	for (guint i = 0; i < n; i++) {
		if (g_str_equal(gtk_string_list_get_string(allowances, i), tip))
			return (int)i;
	}
	return -1;
}

static void row_show_counts(NgwRunRow *self)
{
	const NgwRunRecord *record = ngw_run_attempt_record(self->attempt);
	g_autofree char *verdict = ngw_run_verdict(record);
	g_autofree char *sentence = ngw_run_sentence(record);

	gtk_label_set_text(GTK_LABEL(self->verdict), verdict);
	gtk_accessible_update_property(GTK_ACCESSIBLE(self), GTK_ACCESSIBLE_PROPERTY_LABEL, sentence, -1);
}

/* --- allowing --- */

static void row_show_allowed(NgwRunRow *self)
{
	const char *tip = ngw_run_attempt_record(self->attempt)->tip;

	self->is_showing = TRUE;
	gtk_toggle_button_set_active(GTK_TOGGLE_BUTTON(self->allow),
				     ngw_run_allowances_find(self->allowances, tip) >= 0);
	self->is_showing = FALSE;
}

static void row_toggled(NgwRunRow *self)
{
	const char *tip = ngw_run_attempt_record(self->attempt)->tip;
	const gboolean is_wanted = gtk_toggle_button_get_active(GTK_TOGGLE_BUTTON(self->allow));
	const int at = ngw_run_allowances_find(self->allowances, tip);

	if (self->is_showing)
		return;
	if (is_wanted && at < 0)
		gtk_string_list_append(self->allowances, tip);
	else if (!is_wanted && at >= 0)
		gtk_string_list_remove(self->allowances, (guint)at);
}

static GtkWidget *allow_new(NgwRunRow *self, const char *tip)
{
	g_autofree char *plain = ngw_run_plain(tip);
	g_autofree char *name = g_strdup_printf(_("Allow in the next run: %s"), plain);
	GtkWidget *button = gtk_toggle_button_new_with_label(_("Allow"));

	gtk_widget_add_css_class(button, "allow");
	gtk_accessible_update_property(GTK_ACCESSIBLE(button), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
	gtk_widget_set_tooltip_text(button, name);
	g_signal_connect_object(button, "toggled", G_CALLBACK(row_toggled), self, G_CONNECT_SWAPPED);
	g_signal_connect_object(self->allowances, "items-changed", G_CALLBACK(row_show_allowed), self,
				G_CONNECT_SWAPPED);
	return button;
}

static GtkWidget *profile_new(const char *word)
{
	const gboolean is_local = g_str_equal(word, "local");
	GtkWidget *button = gtk_button_new_with_label(is_local ? _("Use Local") : _("Use Online"));

	gtk_actionable_set_detailed_action_name(GTK_ACTIONABLE(button),
						is_local ? "run.profile::local" : "run.profile::online");
	return button;
}

static void row_build_allow(NgwRunRow *self, GtkWidget *box)
{
	const NgwRunRecord *record = ngw_run_attempt_record(self->attempt);
	g_auto(GStrv) words = record->verdict == NGW_VERDICT_ALLOWED ? NULL : ngw_run_tip_words(record->tip);

	if (!words)
		return;
	self->allow = words[1] ? allow_new(self, record->tip) : profile_new(words[0] + 2);
	gtk_widget_set_valign(self->allow, GTK_ALIGN_CENTER);
	gtk_box_append(GTK_BOX(box), self->allow);
	if (words[1])
		row_show_allowed(self);
}

/* --- life --- */

static GtkWidget *label_new(const char *text, const char *class)
{
	GtkWidget *label = gtk_label_new(text);

	gtk_label_set_xalign(GTK_LABEL(label), 0);
	gtk_label_set_wrap(GTK_LABEL(label), TRUE);
	gtk_label_set_wrap_mode(GTK_LABEL(label), PANGO_WRAP_WORD_CHAR);
	gtk_widget_set_hexpand(label, TRUE);
	if (class)
		gtk_widget_add_css_class(label, class);
	return label;
}

static GtkWidget *texts_new(NgwRunRow *self)
{
	const NgwRunRecord *record = ngw_run_attempt_record(self->attempt);
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 2);
	g_autofree char *program = ngw_run_program(record);
	g_autofree char *destination = ngw_run_destination(record);
	/* Translators: a system call and the number of a process */
	g_autofree char *details = g_strdup_printf(_("%s · process %u"), record->call, record->pid);

	self->program = label_new(program, "row-name");
	self->destination = label_new(destination, "numeric");
	self->verdict = label_new(NULL, "caption");
	self->details = label_new(details, "caption");
	gtk_widget_add_css_class(self->details, "dim-label");
	gtk_widget_set_tooltip_text(box, *record->executable ? record->executable : NULL);
	gtk_box_append(GTK_BOX(box), self->program);
	gtk_box_append(GTK_BOX(box), self->destination);
	gtk_box_append(GTK_BOX(box), self->verdict);
	gtk_box_append(GTK_BOX(box), self->details);
	return box;
}

static GtkWidget *icon_new(NgwVerdict verdict)
{
	GtkWidget *icon = gtk_image_new_from_icon_name(verdict == NGW_VERDICT_ALLOWED ? "object-select-symbolic"
										      : "action-unavailable-symbolic");

	gtk_widget_set_valign(icon, GTK_ALIGN_START);
	gtk_widget_set_margin_top(icon, 2);
	gtk_accessible_update_state(GTK_ACCESSIBLE(icon), GTK_ACCESSIBLE_STATE_HIDDEN, TRUE, -1);
	return icon;
}

static void ngw_run_row_dispose(GObject *object)
{
	NgwRunRow *self = NGW_RUN_ROW(object);

	g_clear_object(&self->attempt);
	g_clear_object(&self->allowances);
	G_OBJECT_CLASS(ngw_run_row_parent_class)->dispose(object);
}

static void ngw_run_row_class_init(NgwRunRowClass *class)
{
	G_OBJECT_CLASS(class)->dispose = ngw_run_row_dispose;
}

static void ngw_run_row_init(NgwRunRow *self)
{
	gtk_list_box_row_set_activatable(GTK_LIST_BOX_ROW(self), FALSE);
}

GtkWidget *ngw_run_row_new(NgwRunAttempt *attempt, GtkStringList *allowances)
{
	NgwRunRow *self = g_object_new(NGW_TYPE_RUN_ROW, NULL);
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);

	self->attempt = g_object_ref(attempt);
	self->allowances = g_object_ref(allowances);
	gtk_widget_add_css_class(box, "run-row");
	gtk_box_append(GTK_BOX(box), icon_new(ngw_run_attempt_record(attempt)->verdict));
	gtk_box_append(GTK_BOX(box), texts_new(self));
	row_build_allow(self, box);
	gtk_list_box_row_set_child(GTK_LIST_BOX_ROW(self), box);
	g_signal_connect_object(attempt, "changed", G_CALLBACK(row_show_counts), self, G_CONNECT_SWAPPED);
	row_show_counts(self);
	return GTK_WIDGET(self);
}
