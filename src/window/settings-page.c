/* SPDX-License-Identifier: MIT */
/*
 * The guard's page of the preferences (see settings-page.h). Nothing is kept here: every control is set from what the
 * guard says, and after an answer, whatever it was, from what it says then.
 */
#include "window/settings-page.h"

#include <glib/gi18n.h>
#include <string.h>

#include "window/changes.h"
#include "window/check-rows.h"
#include "window/format.h"
#include "window/lock-dialog.h"
#include "window/profile-switch.h"

#define ALLOWS 3

struct _NgwSettingsPage {
	AdwPreferencesPage parent;
	AdwPreferencesGroup *link_group, *default_group, *history_group, *lock_group, *permissions_group;
	GtkWidget *default_row, *lock_row, *unlock_row, *remove_row;
	GtkSwitch *loopback, *shared, *metadata;
	AdwEntryRow *age, *size;
	GtkButton *lock_set, *lock_toggle;
	NgwProfileSwitch *profile;
	GtkWidget *effect, *link_row;
	GPtrArray *permission_rows; /* borrowed from the group */
	NgwGuard *guard;            /* owned */
	NgwProfile pending;
	gint64 shown_age, shown_size;
	guint closing; /* timer */
	gboolean is_showing;
};

G_DEFINE_FINAL_TYPE(NgwSettingsPage, ngw_settings_page, ADW_TYPE_PREFERENCES_PAGE)

static const char *const allow_words[ALLOWS] = { "loopback", "shared", "cloud-metadata" };

static GtkSwitch *page_switch(NgwSettingsPage *self, guint which)
{
	GtkSwitch *const switches[ALLOWS] = { self->loopback, self->shared, self->metadata };

	return switches[which];
}

/* --- what is shown --- */

static gboolean is_managed(NgwSettingsPage *self, const char *key)
{
	g_auto(GStrv) managed = ngw_dict_strings(ngw_guard_settings(self->guard), "managed");

	return g_strv_contains((const char *const *)managed, key);
}

static const char *effect_text(NgwProfile profile)
{
	switch (profile) {
	case NGW_PROFILE_NONE:
		break;
	case NGW_PROFILE_OFFLINE:
		return _("They cannot use the network until you decide.");
	case NGW_PROFILE_LOCAL:
		return _("They can reach this computer and devices on your own network until you decide.");
	case NGW_PROFILE_ONLINE:
		return _("They can reach the Internet, and appear under Apps when they run.");
	}
	return _("Not known yet.");
}

static void page_show_default(NgwSettingsPage *self, GVariant *settings)
{
	const NgwProfile profile = ngw_profile_from_word(ngw_dict_string(settings, "default-profile", ""));
	const gboolean is_fixed = is_managed(self, "default-profile");
	g_auto(GStrv) allow = ngw_dict_strings(settings, "default-allow");
	g_autofree char *effect = is_fixed ? g_strdup_printf("%s %s", effect_text(profile),
							     _("Fixed by the administrator in netguard.conf."))
					   : g_strdup(effect_text(profile));

	ngw_profile_switch_show(self->profile, _("Unknown programs"), profile, FALSE, self->pending);
	gtk_widget_set_sensitive(GTK_WIDGET(self->profile), !is_fixed && self->pending == NGW_PROFILE_NONE);
	gtk_label_set_text(GTK_LABEL(self->effect), effect);
	for (guint i = 0; i < ALLOWS; i++) {
		GtkSwitch *toggle = page_switch(self, i);
		const gboolean is_on = g_strv_contains((const char *const *)allow, allow_words[i]);

		gtk_switch_set_active(toggle, is_on);
		gtk_switch_set_state(toggle, is_on);
		gtk_widget_set_sensitive(GTK_WIDGET(toggle), !is_managed(self, "default-allow"));
	}
}

/* `*shown` is the number in the entry as the guard said it, -1: none; another one there is being typed, and stays. */
static void show_number(AdwEntryRow *row, guint64 number, gint64 *shown, gboolean is_fixed, const char *title)
{
	g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, number);
	g_autofree char *fixed = g_strdup_printf(_("%s (fixed by the administrator in netguard.conf)"), title);

	gtk_widget_set_sensitive(GTK_WIDGET(row), !is_fixed);
	adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), is_fixed ? fixed : title);
	if (*shown == (gint64)number)
		return;
	*shown = (gint64)number;
	gtk_editable_set_text(GTK_EDITABLE(row), text);
}

/* The lock closes by itself: say so when it does. */
static gboolean page_lock_closed(gpointer data);

static void page_show_lock(NgwSettingsPage *self)
{
	GVariant *lock = ngw_guard_lock(self->guard);
	const gboolean is_set = ngw_dict_flag(lock, "set");
	const gint64 until = ngw_dict_time(lock, "unlocked-until");
	const gint64 left = until - g_get_real_time() / G_USEC_PER_SEC;
	const gboolean is_open = left > 0;
	g_autofree char *clock = ngw_format_clock(until);
	g_autofree char *open = g_strdup_printf(_("Possible for you until %s."), clock);

	adw_action_row_set_subtitle(ADW_ACTION_ROW(self->lock_row), is_set ? _("Set.") : _("Not set."));
	gtk_button_set_label(self->lock_set, is_set ? _("Change…") : _("Set…"));
	gtk_accessible_update_property(GTK_ACCESSIBLE(self->lock_set), GTK_ACCESSIBLE_PROPERTY_LABEL,
				       is_set ? _("Change the passphrase…") : _("Set a passphrase…"), -1);
	adw_action_row_set_subtitle(ADW_ACTION_ROW(self->unlock_row), is_open ? open : _("Not possible now."));
	gtk_button_set_label(self->lock_toggle, is_open ? _("Lock Now") : _("Unlock…"));
	gtk_accessible_update_property(GTK_ACCESSIBLE(self->lock_toggle), GTK_ACCESSIBLE_PROPERTY_LABEL,
				       is_open ? _("Lock now") : _("Unlock for 15 minutes…"), -1);
	gtk_widget_set_visible(self->unlock_row, is_set);
	gtk_widget_set_visible(self->remove_row, is_set);
	g_clear_handle_id(&self->closing, g_source_remove);
	if (is_open)
		self->closing = g_timeout_add_seconds((guint)MIN(left, 86400) + 1, page_lock_closed, self);
}

static gboolean page_lock_closed(gpointer data)
{
	NgwSettingsPage *self = data;

	self->closing = 0;
	page_show_lock(self);
	return G_SOURCE_REMOVE;
}

static const char *permission_text(const char *word, const char **ret_icon)
{
	*ret_icon = "emblem-ok-symbolic";
	if (g_str_equal(word, "yes"))
		return _("Yes");
	*ret_icon = "dialog-password-symbolic";
	if (g_str_equal(word, "authenticate"))
		return _("Yes, after a question for a password");
	*ret_icon = "changes-prevent-symbolic";
	return _("No");
}

static void page_show_permissions(NgwSettingsPage *self)
{
	static const struct {
		const char *action, *title;
	} actions[] = {
		{ "tighten", N_("Allow less than now") },     { "loosen", N_("Allow more than now") },
		{ "pause", N_("Pause the guard") },           { "observe", N_("See what others' programs do") },
		{ "audit", N_("Read the log of decisions") }, { "configure", N_("Change these settings") },
	};
	const char *text = ngw_dict_string(ngw_guard_permissions(self->guard), "text", NULL);

	for (guint i = 0; i < self->permission_rows->len; i++)
		adw_preferences_group_remove(self->permissions_group, self->permission_rows->pdata[i]);
	g_ptr_array_set_size(self->permission_rows, 0);
	adw_preferences_group_set_description(self->permissions_group, text);
	gtk_widget_set_visible(GTK_WIDGET(self->permissions_group), text != NULL);
	for (gsize i = 0; text && i < G_N_ELEMENTS(actions); i++) {
		const char *icon;
		const char *may = permission_text(ngw_guard_permission(self->guard, actions[i].action), &icon);
		GtkWidget *row = ngw_check_text_row_new(icon, _(actions[i].title), may);

		adw_preferences_group_add(self->permissions_group, row);
		g_ptr_array_add(self->permission_rows, row);
	}
}

static void page_show(NgwSettingsPage *self)
{
	GVariant *settings = ngw_guard_settings(self->guard);
	const gboolean is_ready = ngw_guard_is_ready(self->guard) && settings;
	const char *reason = ngw_guard_link_text(self->guard);

	self->is_showing = TRUE;
	gtk_widget_set_visible(GTK_WIDGET(self->link_group), !is_ready);
	adw_action_row_set_subtitle(ADW_ACTION_ROW(self->link_row), reason ? reason : "");
	gtk_widget_set_sensitive(GTK_WIDGET(self->default_group), is_ready);
	gtk_widget_set_sensitive(GTK_WIDGET(self->history_group), is_ready);
	gtk_widget_set_sensitive(GTK_WIDGET(self->lock_group), is_ready);
	gtk_widget_set_sensitive(GTK_WIDGET(self->permissions_group), is_ready);
	page_show_default(self, settings);
	show_number(self->age, ngw_dict_count(settings, "max-age-days"), &self->shown_age,
		    is_managed(self, "max-age-days"), _("Days to keep"));
	show_number(self->size, ngw_dict_count(settings, "max-size-mb"), &self->shown_size,
		    is_managed(self, "max-size-mb"), _("Megabytes to keep"));
	page_show_lock(self);
	page_show_permissions(self);
	self->is_showing = FALSE;
}

/* --- what people do --- */

/* Said in a dialog: a toast would be cut off, and a note at the top be out of sight. */
static void page_tell(NgwSettingsPage *self, const char *heading, const char *text)
{
	GtkRoot *root = gtk_widget_get_root(GTK_WIDGET(self));
	GtkWidget *dialog;

	if (!root || !GTK_IS_WINDOW(root))
		return;
	dialog = adw_message_dialog_new(GTK_WINDOW(root), heading, text);
	adw_message_dialog_add_response(ADW_MESSAGE_DIALOG(dialog), "close", _("_Close"));
	gtk_window_present(GTK_WINDOW(dialog));
}

static void page_tell_error(NgwSettingsPage *self, const GError *error)
{
	if (!g_error_matches(error, NG_CLIENT_ERROR, NG_CLIENT_ERROR_CANCELLED))
		page_tell(self, _("Nothing Was Changed"), error->message);
}

static void settings_answered(GVariant *reply, const GError *error, gpointer data)
{
	g_autoptr(NgwSettingsPage) self = data;
	g_autoptr(GVariant) dict = reply ? g_variant_get_child_value(reply, 0) : NULL;
	const char *warning = ngw_dict_string(dict, "warning", "");

	self->pending = NGW_PROFILE_NONE;
	self->shown_age = self->shown_size = -1;
	if (!self->guard || !gtk_widget_get_root(GTK_WIDGET(self)))
		return;
	page_show(self);
	if (error)
		page_tell_error(self, error);
	else if (*warning)
		page_tell(self, _("Kept, but Not in Force"), warning);
}

static void page_change(NgwSettingsPage *self, const char *key, GVariant *value)
{
	GVariantBuilder settings;

	g_variant_builder_init(&settings, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&settings, "{sv}", key, value);
	ngw_change_call(GTK_WIDGET(self), "SetSettings", g_variant_new("(a{sv}a{sv})", &settings, NULL), 1, "(a{sv})",
			settings_answered, g_object_ref(self));
}

static void page_default_chosen(NgwProfileSwitch *profile, int chosen, gpointer data)
{
	NgwSettingsPage *self = data;

	self->pending = chosen;
	page_show(self);
	page_change(self, "default-profile", g_variant_new_string(ngw_profile_word(chosen)));
}

/* The switch's trough waits for the guard's word: `state` is set by page_show_default(). */
static gboolean page_allow_set(GtkSwitch *toggle, gboolean is_on, gpointer data)
{
	NgwSettingsPage *self = NGW_SETTINGS_PAGE(gtk_widget_get_ancestor(GTK_WIDGET(toggle), NGW_TYPE_SETTINGS_PAGE));
	GVariantBuilder allow;

	if (!self || !self->guard || self->is_showing)
		return FALSE;
	g_variant_builder_init(&allow, G_VARIANT_TYPE_STRING_ARRAY);
	for (guint i = 0; i < ALLOWS; i++) {
		if (gtk_switch_get_active(page_switch(self, i)))
			g_variant_builder_add(&allow, "s", allow_words[i]);
	}
	page_change(self, "default-allow", g_variant_builder_end(&allow));
	return TRUE;
}

static void page_number_applied(NgwSettingsPage *self, AdwEntryRow *row, const char *key, guint64 maximum)
{
	const char *text = gtk_editable_get_text(GTK_EDITABLE(row));
	guint64 number;

	if (g_ascii_string_to_unsigned(text, 10, 0, maximum, &number, NULL)) {
		page_change(self, key, g_variant_new_uint32((guint32)number));
		return;
	}
	page_tell(self, _("Not a Number That Fits"), _("Type a whole number, or 0 to keep everything."));
	self->shown_age = self->shown_size = -1;
	page_show(self);
}

static void page_age_applied(NgwSettingsPage *self)
{
	page_number_applied(self, self->age, "max-age-days", 36500);
}

static void page_size_applied(NgwSettingsPage *self)
{
	page_number_applied(self, self->size, "max-size-mb", 1024 * 1024);
}

static void page_lock_dialog(NgwSettingsPage *self, NgwLockTask task)
{
	ngw_lock_dialog_present(GTK_WINDOW(gtk_widget_get_root(GTK_WIDGET(self))), self->guard, task);
}

static void page_lock_set(NgwSettingsPage *self)
{
	page_lock_dialog(self, ngw_dict_flag(ngw_guard_lock(self->guard), "set") ? NGW_LOCK_CHANGE : NGW_LOCK_SET);
}

static void page_lock_removed(NgwSettingsPage *self)
{
	page_lock_dialog(self, NGW_LOCK_REMOVE);
}

static void locked_answered(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(NgwSettingsPage) self = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) reply = ngw_guard_call_finish(NGW_GUARD(source), result, &error);

	if (error && self->guard)
		page_tell_error(self, error);
}

static void page_lock_toggled(NgwSettingsPage *self)
{
	const gint64 until = ngw_dict_time(ngw_guard_lock(self->guard), "unlocked-until");

	if (until > g_get_real_time() / G_USEC_PER_SEC)
		ngw_guard_call(self->guard, "Lock", NULL, "()", NULL, locked_answered, g_object_ref(self));
	else
		page_lock_dialog(self, NGW_LOCK_UNLOCK);
}

/* --- life --- */

static void page_build_default(NgwSettingsPage *self)
{
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 12);

	self->effect = gtk_label_new(NULL);
	gtk_label_set_wrap(GTK_LABEL(self->effect), TRUE);
	gtk_label_set_xalign(GTK_LABEL(self->effect), 0);
	self->profile = NGW_PROFILE_SWITCH(ngw_profile_switch_new());
	g_signal_connect(self->profile, "chosen", G_CALLBACK(page_default_chosen), self);
	gtk_box_append(GTK_BOX(box), self->effect);
	gtk_box_append(GTK_BOX(box), GTK_WIDGET(self->profile));
	gtk_widget_set_margin_top(box, 12);
	gtk_widget_set_margin_bottom(box, 12);
	gtk_widget_set_margin_start(box, 12);
	gtk_widget_set_margin_end(box, 12);
	gtk_list_box_row_set_child(GTK_LIST_BOX_ROW(self->default_row), box);
	self->link_row = ngw_check_text_row_new("dialog-warning-symbolic", _("The Service Does Not Answer"), "");
	adw_preferences_group_add(self->link_group, self->link_row);
}

static void ngw_settings_page_dispose(GObject *object)
{
	NgwSettingsPage *self = NGW_SETTINGS_PAGE(object);

	g_clear_handle_id(&self->closing, g_source_remove);
	g_clear_object(&self->guard);
	G_OBJECT_CLASS(ngw_settings_page_parent_class)->dispose(object);
}

static void ngw_settings_page_finalize(GObject *object)
{
	g_ptr_array_unref(NGW_SETTINGS_PAGE(object)->permission_rows);
	G_OBJECT_CLASS(ngw_settings_page_parent_class)->finalize(object);
}

static void ngw_settings_page_class_init(NgwSettingsPageClass *class)
{
	GtkWidgetClass *widget = GTK_WIDGET_CLASS(class);

	G_OBJECT_CLASS(class)->dispose = ngw_settings_page_dispose;
	G_OBJECT_CLASS(class)->finalize = ngw_settings_page_finalize;
	gtk_widget_class_set_template_from_resource(widget, "/org/networkguard/Window/ui/settings-page.ui");
	gtk_widget_class_bind_template_child(widget, NgwSettingsPage, link_group);
	gtk_widget_class_bind_template_child(widget, NgwSettingsPage, default_group);
	gtk_widget_class_bind_template_child(widget, NgwSettingsPage, history_group);
	gtk_widget_class_bind_template_child(widget, NgwSettingsPage, lock_group);
	gtk_widget_class_bind_template_child(widget, NgwSettingsPage, permissions_group);
	gtk_widget_class_bind_template_child(widget, NgwSettingsPage, default_row);
	gtk_widget_class_bind_template_child(widget, NgwSettingsPage, lock_row);
	gtk_widget_class_bind_template_child(widget, NgwSettingsPage, unlock_row);
	gtk_widget_class_bind_template_child(widget, NgwSettingsPage, remove_row);
	gtk_widget_class_bind_template_child(widget, NgwSettingsPage, loopback);
	gtk_widget_class_bind_template_child(widget, NgwSettingsPage, shared);
	gtk_widget_class_bind_template_child(widget, NgwSettingsPage, metadata);
	gtk_widget_class_bind_template_child(widget, NgwSettingsPage, age);
	gtk_widget_class_bind_template_child(widget, NgwSettingsPage, size);
	gtk_widget_class_bind_template_child(widget, NgwSettingsPage, lock_set);
	gtk_widget_class_bind_template_child(widget, NgwSettingsPage, lock_toggle);
	gtk_widget_class_bind_template_callback(widget, page_allow_set);
	gtk_widget_class_bind_template_callback(widget, page_age_applied);
	gtk_widget_class_bind_template_callback(widget, page_size_applied);
	gtk_widget_class_bind_template_callback(widget, page_lock_set);
	gtk_widget_class_bind_template_callback(widget, page_lock_toggled);
	gtk_widget_class_bind_template_callback(widget, page_lock_removed);
}

static void ngw_settings_page_init(NgwSettingsPage *self)
{
	self->permission_rows = g_ptr_array_new();
	self->shown_age = self->shown_size = -1;
	gtk_widget_init_template(GTK_WIDGET(self));
	page_build_default(self);
}

void ngw_settings_page_follow(NgwSettingsPage *self, NgwGuard *guard)
{
	self->guard = g_object_ref(guard);
	g_signal_connect_object(guard, "link", G_CALLBACK(page_show), self, G_CONNECT_SWAPPED);
	g_signal_connect_object(guard, "changed", G_CALLBACK(page_show), self, G_CONNECT_SWAPPED);
	page_show(self);
}
