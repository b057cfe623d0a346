/* SPDX-License-Identifier: MIT */
/* The one strip under the header, and the state in words: see strip.h. */
#include "window/strip.h"

#include <glib/gi18n.h>

#include "window/format.h"

struct _NgwStrip {
	GtkWidget parent;
	GtkWidget *revealer, *icon, *label, *button, *box;
	NgwGuard *guard; /* owned */
};

G_DEFINE_FINAL_TYPE(NgwStrip, ngw_strip, GTK_TYPE_WIDGET)

typedef struct {
	char *text;
	const char *icon, *class;
	const char *label, *action; /* the next step; NULL: none */
} Message;

static void message_clear(Message *message)
{
	g_free(message->text);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Message, message_clear)

static const char *state_of(NgwGuard *guard)
{
	return ngw_guard_is_ready(guard) ? ngw_dict_string(ngw_guard_status(guard), "state", "") : "";
}

char *ngw_state_text(NgwGuard *guard)
{
	const char *state = state_of(guard);
	const gint64 until = ngw_dict_time(ngw_guard_status(guard), "paused-until");

	switch (ngw_guard_link(guard)) {
	case NGW_LINK_CONNECTING:
		return g_strdup(_("Connecting…"));
	case NGW_LINK_ABSENT:
	case NGW_LINK_UNTRUSTED:
		return g_strdup(_("Not running"));
	case NGW_LINK_LOST:
		return g_strdup(_("Connection lost"));
	case NGW_LINK_INCOMPATIBLE:
		return g_strdup(_("Other version"));
	case NGW_LINK_READY:
		break;
	}
	if (g_str_equal(state, "protecting"))
		return g_strdup(_("Protecting"));
	if (g_str_equal(state, "panic"))
		return g_strdup(_("All Offline"));
	if (g_str_equal(state, "simulation"))
		return g_strdup(_("Simulation"));
	if (g_str_equal(state, "paused")) {
		g_autofree char *clock = ngw_format_clock(until);

		return g_strdup_printf(_("Paused until %s"), clock);
	}
	return g_strdup(_("Not protecting"));
}

const char *ngw_state_icon(NgwGuard *guard)
{
	const char *state = state_of(guard);

	if (g_str_equal(state, "protecting") || g_str_equal(state, "panic"))
		return "netguard-protecting-symbolic";
	if (g_str_equal(state, "paused"))
		return "netguard-paused-symbolic";
	return "netguard-not-protecting-symbolic";
}

static gboolean message_of_link(NgwGuard *guard, Message *message)
{
	const char *text = ngw_guard_link_text(guard);

	message->icon = "netguard-not-protecting-symbolic";
	message->class = "error";
	message->label = _("Try Again");
	message->action = "win.retry";
	switch (ngw_guard_link(guard)) {
	case NGW_LINK_CONNECTING:
	case NGW_LINK_READY:
		return FALSE;
	case NGW_LINK_ABSENT:
		message->text = g_strdup(_("The service is not running. What was put in force before may still hold."));
		message->label = _("Start");
		message->action = "win.start-service";
		return TRUE;
	case NGW_LINK_LOST:
		message->text =
			g_strdup(_("The connection to the service was lost; trying again. What you see is old."));
		return TRUE;
	case NGW_LINK_UNTRUSTED:
		message->text = g_strdup(text);
		return TRUE;
	case NGW_LINK_INCOMPATIBLE:
		message->text = g_strdup(
			_("The service is of another version than this window. Restart both after an upgrade."));
		return TRUE;
	}
	return FALSE;
}

static guint n_problems(GVariant *status)
{
	g_autoptr(GVariant) problems =
		status ? g_variant_lookup_value(status, "problems", G_VARIANT_TYPE("aa{sv}")) : NULL;

	return problems ? (guint)g_variant_n_children(problems) : 0;
}

/* The first problem with its place, when there is one only. */
static char *text_of_problems(GVariant *status, guint n)
{
	g_autoptr(GVariant) problems = g_variant_lookup_value(status, "problems", G_VARIANT_TYPE("aa{sv}"));
	g_autoptr(GVariant) first = g_variant_get_child_value(problems, 0);
	g_autofree char *file = g_path_get_basename(ngw_dict_string(first, "path", ""));

	if (n > 1)
		return g_strdup_printf(
			g_dngettext(GETTEXT_PACKAGE, "%u problem needs a look", "%u problems need a look", n), n);
	if (ngw_dict_flag(first, "kept") && ngw_dict_count(first, "line") > 0)
		return g_strdup_printf(_("%s has an error in line %u: its last good version stays in force"), file,
				       (guint)ngw_dict_count(first, "line"));
	return g_strdup(ngw_dict_string(first, "message", ""));
}

static gboolean message_of_status(NgwGuard *guard, Message *message)
{
	GVariant *status = ngw_guard_status(guard);
	const char *state = state_of(guard);
	const guint problems = n_problems(status);
	g_auto(GStrv) missing = ngw_dict_strings(status, "missing");

	message->label = _("Details");
	message->action = "win.check";
	message->class = "warning";
	message->icon = "dialog-warning-symbolic";
	if (g_str_equal(state, "not-protecting")) {
		message->class = "error";
		message->icon = "netguard-not-protecting-symbolic";
		message->text = g_strdup(ngw_dict_string(status, "summary", _("Nothing is being blocked.")));
	} else if (problems > 0) {
		message->text = text_of_problems(status, problems);
	} else if (g_str_equal(state, "panic")) {
		message->text = g_strdup(_("Everything is Offline until you resume."));
		message->icon = "netguard-offline-symbolic";
		message->label = _("Resume");
		message->action = "win.resume";
	} else if (g_str_equal(state, "paused")) {
		g_autofree char *clock = ngw_format_clock(ngw_dict_time(status, "paused-until"));

		message->text = g_strdup_printf(_("Paused until %s: every program can reach the Internet."), clock);
		message->icon = "netguard-paused-symbolic";
		message->label = _("Resume");
		message->action = "win.resume";
	} else if (g_str_equal(state, "simulation")) {
		message->text =
			g_strdup(_("This is a simulation: it shows what would be blocked, and blocks nothing."));
		message->icon = "netguard-not-protecting-symbolic";
	} else if (ngw_guard_is_read_only(guard)) {
		message->text = g_strdup(ngw_dict_string(ngw_guard_permissions(guard), "text", ""));
		message->icon = "changes-prevent-symbolic";
		message->class = "plain";
	} else if (missing[0]) {
		message->text = g_strdup(missing[0]);
		message->class = "plain";
	} else if (*ngw_dict_string(status, "history-health", "")) {
		message->text = g_strdup(ngw_dict_string(status, "history-health", ""));
	} else {
		return FALSE;
	}
	return TRUE;
}

static void strip_update(NgwStrip *self)
{
	g_auto(Message) message = { 0 };
	const gboolean has_text = message_of_link(self->guard, &message) ||
				  (ngw_guard_is_ready(self->guard) && message_of_status(self->guard, &message));
	const char *const classes[] = { message.class, "strip", NULL };

	gtk_widget_set_visible(GTK_WIDGET(self), has_text);
	gtk_revealer_set_reveal_child(GTK_REVEALER(self->revealer), has_text);
	if (!has_text)
		return;
	gtk_widget_set_css_classes(self->box, (const char **)classes);
	gtk_label_set_text(GTK_LABEL(self->label), message.text);
	gtk_image_set_from_icon_name(GTK_IMAGE(self->icon), message.icon);
	gtk_widget_set_visible(self->button, message.label != NULL);
	if (message.label) {
		gtk_button_set_label(GTK_BUTTON(self->button), message.label);
		gtk_actionable_set_action_name(GTK_ACTIONABLE(self->button), message.action);
	}
}

static void ngw_strip_dispose(GObject *object)
{
	NgwStrip *self = NGW_STRIP(object);

	g_clear_pointer(&self->revealer, gtk_widget_unparent);
	g_clear_object(&self->guard);
	G_OBJECT_CLASS(ngw_strip_parent_class)->dispose(object);
}

static void ngw_strip_class_init(NgwStripClass *class)
{
	G_OBJECT_CLASS(class)->dispose = ngw_strip_dispose;
	gtk_widget_class_set_layout_manager_type(GTK_WIDGET_CLASS(class), GTK_TYPE_BIN_LAYOUT);
	gtk_widget_class_set_accessible_role(GTK_WIDGET_CLASS(class), GTK_ACCESSIBLE_ROLE_ALERT);
}

static void ngw_strip_init(NgwStrip *self)
{
	self->revealer = gtk_revealer_new();
	self->box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);
	self->icon = gtk_image_new();
	self->label = gtk_label_new(NULL);
	self->button = gtk_button_new();
	gtk_label_set_wrap(GTK_LABEL(self->label), TRUE);
	gtk_label_set_wrap_mode(GTK_LABEL(self->label), PANGO_WRAP_WORD_CHAR);
	gtk_label_set_xalign(GTK_LABEL(self->label), 0);
	gtk_widget_set_hexpand(self->label, TRUE);
	gtk_widget_set_valign(self->button, GTK_ALIGN_CENTER);
	gtk_accessible_update_state(GTK_ACCESSIBLE(self->icon), GTK_ACCESSIBLE_STATE_HIDDEN, TRUE, -1);
	gtk_box_append(GTK_BOX(self->box), self->icon);
	gtk_box_append(GTK_BOX(self->box), self->label);
	gtk_box_append(GTK_BOX(self->box), self->button);
	gtk_revealer_set_child(GTK_REVEALER(self->revealer), self->box);
	gtk_widget_set_parent(self->revealer, GTK_WIDGET(self));
}

GtkWidget *ngw_strip_new(NgwGuard *guard)
{
	NgwStrip *self = g_object_new(NGW_TYPE_STRIP, NULL);

	self->guard = g_object_ref(guard);
	g_signal_connect_object(guard, "link", G_CALLBACK(strip_update), self, G_CONNECT_SWAPPED);
	g_signal_connect_object(guard, "changed", G_CALLBACK(strip_update), self, G_CONNECT_SWAPPED);
	strip_update(self);
	return GTK_WIDGET(self);
}
