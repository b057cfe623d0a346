/* SPDX-License-Identifier: MIT */
/*
 * First start (see welcome.h): three steps, each of which can be left. Nothing is decided here that is not shown later
 * elsewhere: the default goes through the guard's settings, programs through the same rows as on the Apps page.
 */
#include "window/welcome.h"

#include <glib/gi18n.h>
#include <string.h>

#include "window/app-row.h"
#include "window/changes.h"
#include "window/check-rows.h"
#include "window/choices.h"
#include "window/note.h"
#include "window/strip.h"

#define MAX_RUNNING 30
#define WIDTH 620
#define HEIGHT 680

#define NGW_TYPE_WELCOME (ngw_welcome_get_type())
G_DECLARE_FINAL_TYPE(NgwWelcome, ngw_welcome, NGW, WELCOME, AdwWindow)

enum { STEP_MACHINE, STEP_DEFAULT, STEP_RUNNING, N_STEPS };
static const char *const step_names[N_STEPS] = { "machine", "default", "running" };

struct _NgwWelcome {
	AdwWindow parent;
	AdwWindowTitle *heading;
	GtkInfoBar *note;
	GtkStack *stack;
	GtkImage *state_icon;
	GtkLabel *state_title, *state_text, *running_text;
	AdwPreferencesGroup *words_group, *check_group;
	GtkToggleButton *online, *local, *offline;
	GtkWidget *fixed, *skip, *next, *back, *spinner;
	GtkListBox *list;
	NgwWindow *window;      /* borrowed: we are transient for it */
	GVariant *capabilities; /* aa{sv}; NULL: not had */
	GPtrArray *check_rows;  /* borrowed from the group */
	GCancellable *cancellable;
	guint step;
	gboolean is_asking, has_default; /* the default in force is shown */
};

G_DEFINE_FINAL_TYPE(NgwWelcome, ngw_welcome, ADW_TYPE_WINDOW)

static NgwGuard *welcome_guard(NgwWelcome *self)
{
	return ngw_window_guard(self->window);
}

/* --- what this machine supports --- */

static void build_words(NgwWelcome *self)
{
	static const char *const texts[] = { N_("It cannot use the network."),
					     N_("It can reach this computer and devices on your own network."),
					     N_("It can reach the Internet.") };

	for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
		const NgwProfile profile = NGW_PROFILE_OFFLINE + i;

		adw_preferences_group_add(
			self->words_group,
			ngw_check_text_row_new(ngw_profile_icon(profile), ngw_profile_title(profile), _(texts[i])));
	}
}

static void check_row_add(NgwWelcome *self, GtkWidget *row)
{
	adw_preferences_group_add(self->check_group, row);
	g_ptr_array_add(self->check_rows, row);
}

static void welcome_show_check(NgwWelcome *self)
{
	const gsize n = self->capabilities ? g_variant_n_children(self->capabilities) : 0;
	const guint in_force = n > 0 ? ngw_check_count(self->capabilities, NGW_CHECK_IN_FORCE) : 0;
	g_autofree char *text = NULL;

	for (guint i = 0; i < self->check_rows->len; i++)
		adw_preferences_group_remove(self->check_group, self->check_rows->pdata[i]);
	g_ptr_array_set_size(self->check_rows, 0);
	gtk_widget_set_visible(GTK_WIDGET(self->check_group), n > 0 && !ngw_guard_is_simulation(welcome_guard(self)));
	for (gsize i = 0; i < n; i++) {
		g_autoptr(GVariant) capability = g_variant_get_child_value(self->capabilities, i);

		if (ngw_check_state(capability) != NGW_CHECK_IN_FORCE)
			check_row_add(self, ngw_check_row_new(capability));
	}
	text = g_strdup_printf(_("%u of %u are in force"), in_force, (guint)n);
	check_row_add(self, ngw_check_text_row_new(in_force > 0 ? "emblem-ok-symbolic" : "dialog-warning-symbolic",
						   text, _("Each is listed under the state in the window's header.")));
}

static void welcome_show_state(NgwWelcome *self)
{
	NgwGuard *guard = welcome_guard(self);
	const char *summary = ngw_dict_string(ngw_guard_status(guard), "summary", "");
	const char *link = ngw_guard_link_text(guard);
	g_autofree char *state = ngw_state_text(guard);

	gtk_image_set_from_icon_name(self->state_icon, ngw_state_icon(guard));
	if (!ngw_guard_is_ready(guard)) {
		gtk_label_set_text(self->state_title, state);
		gtk_label_set_text(self->state_text, link ? link : _("Nothing is known of this computer yet."));
	} else if (ngw_guard_is_simulation(guard)) {
		gtk_label_set_text(self->state_title, _("This Is a Simulation"));
		gtk_label_set_text(self->state_text,
				   _("Nothing is blocked. Network Guard looks at the connections of your programs and "
				     "shows what would be blocked. Start the service to put decisions in force."));
	} else {
		gtk_label_set_text(self->state_title, state);
		gtk_label_set_text(self->state_text, summary);
	}
	welcome_show_check(self);
}

static void check_answered(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(NgwWelcome) self = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) reply = ngw_guard_call_finish(NGW_GUARD(source), result, &error);

	if (!reply || g_cancellable_is_cancelled(self->cancellable))
		return; /* the state above says what is wrong */
	g_clear_pointer(&self->capabilities, g_variant_unref);
	self->capabilities = g_variant_get_child_value(reply, 0);
	welcome_show_state(self);
}

/* --- the default --- */

static const struct {
	NgwProfile profile;
	const char *title, *text;
} defaults[] = {
	{ NGW_PROFILE_ONLINE, N_("Online, with notice"),
	  N_("New programs can reach the Internet and appear under Apps. Nothing breaks; you tighten what you know.") },
	{ NGW_PROFILE_LOCAL, N_("Local"),
	  N_("New programs can reach this computer and devices on your own network. Updates and mail stop until you "
	     "allow them.") },
	{ NGW_PROFILE_OFFLINE, N_("Offline"),
	  N_("New programs cannot use the network at all. The strictest: also parts of the system stop until you allow "
	     "them.") },
};

static GtkToggleButton *default_button(NgwWelcome *self, guint which)
{
	GtkToggleButton *const buttons[] = { self->online, self->local, self->offline };

	return buttons[which];
}

static void build_default(NgwWelcome *self, guint which)
{
	GtkWidget *button = GTK_WIDGET(default_button(self, which));
	GtkWidget *box = gtk_box_new(GTK_ORIENTATION_HORIZONTAL, 12);
	GtkWidget *texts = gtk_box_new(GTK_ORIENTATION_VERTICAL, 2);
	GtkWidget *title = gtk_label_new(_(defaults[which].title));
	GtkWidget *text = gtk_label_new(_(defaults[which].text));

	gtk_widget_add_css_class(title, "heading");
	gtk_label_set_xalign(GTK_LABEL(title), 0);
	gtk_label_set_xalign(GTK_LABEL(text), 0);
	gtk_label_set_wrap(GTK_LABEL(title), TRUE);
	gtk_label_set_wrap(GTK_LABEL(text), TRUE);
	gtk_widget_add_css_class(text, "body");
	gtk_widget_set_hexpand(texts, TRUE);
	gtk_box_append(GTK_BOX(texts), title);
	gtk_box_append(GTK_BOX(texts), text);
	gtk_box_append(GTK_BOX(box), gtk_image_new_from_icon_name(ngw_profile_icon(defaults[which].profile)));
	gtk_box_append(GTK_BOX(box), texts);
	gtk_button_set_child(GTK_BUTTON(button), box);
	gtk_accessible_update_property(GTK_ACCESSIBLE(button), GTK_ACCESSIBLE_PROPERTY_LABEL, _(defaults[which].title),
				       GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, _(defaults[which].text), -1);
}

static NgwProfile default_chosen(NgwWelcome *self)
{
	for (guint i = 0; i < G_N_ELEMENTS(defaults); i++) {
		if (gtk_toggle_button_get_active(default_button(self, i)))
			return defaults[i].profile;
	}
	return NGW_PROFILE_ONLINE;
}

static NgwProfile default_in_force(NgwWelcome *self)
{
	return ngw_profile_from_word(ngw_dict_string(ngw_guard_settings(welcome_guard(self)), "default-profile", ""));
}

/* What is in force is preselected, once: afterwards the choice is the person's. */
static void welcome_show_default(NgwWelcome *self)
{
	NgwGuard *guard = welcome_guard(self);
	g_auto(GStrv) managed = ngw_dict_strings(ngw_guard_settings(guard), "managed");
	const gboolean is_fixed = g_strv_contains((const char *const *)managed, "default-profile");

	for (guint i = 0; i < G_N_ELEMENTS(defaults); i++) {
		if (!self->has_default && defaults[i].profile == default_in_force(self)) {
			gtk_toggle_button_set_active(default_button(self, i), TRUE);
			self->has_default = TRUE;
		}
		gtk_widget_set_sensitive(GTK_WIDGET(default_button(self, i)),
					 !is_fixed && ngw_guard_is_ready(guard) && !self->is_asking);
	}
	gtk_widget_set_visible(self->fixed, is_fixed);
}

/* --- running programs --- */

static gint by_familiarity(gconstpointer a, gconstpointer b, gpointer data)
{
	NgwApp *const x = *(NgwApp *const *)a, *const y = *(NgwApp *const *)b;
	const gboolean is_x = ngw_desktop_entries_find(data, ngw_app_data(x)->executable) != NULL;
	const gboolean is_y = ngw_desktop_entries_find(data, ngw_app_data(y)->executable) != NULL;

	return is_x != is_y ? is_y - is_x : strcmp(ngw_app_sort_key(x), ngw_app_sort_key(y));
}

static GPtrArray *undecided_running(NgwWelcome *self)
{
	GListModel *apps = G_LIST_MODEL(ngw_window_apps(self->window));
	GPtrArray *found = g_ptr_array_new_with_free_func(g_object_unref);

	for (guint i = 0; i < g_list_model_get_n_items(apps); i++) {
		g_autoptr(NgwApp) app = g_list_model_get_item(apps, i);

		if (ngw_app_data(app)->is_running && !ngw_app_is_decided(app))
			g_ptr_array_add(found, g_steal_pointer(&app));
	}
	g_ptr_array_sort_with_data(found, by_familiarity, ngw_window_entries(self->window));
	return found;
}

static void list_add(NgwWelcome *self, NgwApp *app)
{
	GtkWidget *row = gtk_list_box_row_new();
	GtkWidget *its = ngw_app_row_new();

	ngw_app_row_set_app(NGW_APP_ROW(its), app);
	gtk_widget_set_margin_top(its, 9);
	gtk_widget_set_margin_bottom(its, 9);
	gtk_widget_set_margin_start(its, 12);
	gtk_widget_set_margin_end(its, 12);
	gtk_list_box_row_set_child(GTK_LIST_BOX_ROW(row), its);
	gtk_list_box_row_set_activatable(GTK_LIST_BOX_ROW(row), FALSE);
	gtk_widget_set_focusable(row, FALSE);
	gtk_accessible_update_property(GTK_ACCESSIBLE(row), GTK_ACCESSIBLE_PROPERTY_LABEL, ngw_app_data(app)->name, -1);
	g_object_set_data_full(G_OBJECT(row), "path", g_strdup(ngw_app_data(app)->executable), g_free);
	gtk_list_box_append(self->list, row);
}

/* A program that was decided on here has a new record: its row stays and follows that. */
static void list_follow(NgwWelcome *self)
{
	GtkListBoxRow *row;

	for (int i = 0; (row = gtk_list_box_get_row_at_index(self->list, i)); i++) {
		NgwApp *app = ngw_apps_find_executable(ngw_window_apps(self->window),
						       g_object_get_data(G_OBJECT(row), "path"));

		if (app)
			ngw_app_row_set_app(NGW_APP_ROW(gtk_list_box_row_get_child(row)), app);
	}
}

/* Filled once, when there is something: rows must not move under the pointer. */
static void welcome_show_running(NgwWelcome *self)
{
	g_autoptr(GPtrArray) running = undecided_running(self);
	g_autofree char *more = NULL;

	if (gtk_list_box_get_row_at_index(self->list, 0)) {
		list_follow(self);
		return;
	}
	gtk_widget_set_visible(GTK_WIDGET(self->list), running->len > 0);
	for (guint i = 0; i < MIN(running->len, MAX_RUNNING); i++)
		list_add(self, running->pdata[i]);
	if (running->len > MAX_RUNNING)
		more = g_strdup_printf(_("Decide now, or later under Apps, where %u more are listed."),
				       running->len - MAX_RUNNING);
	if (running->len > 0)
		gtk_label_set_text(self->running_text, more ? more : _("Decide now, or later under Apps."));
	else if (ngw_apps_is_loaded(ngw_window_apps(self->window)))
		gtk_label_set_text(self->running_text, _("Every program that runs is decided on already."));
	else
		gtk_label_set_text(self->running_text, _("What runs is not known yet."));
}

/* --- from step to step --- */

static void welcome_show_step(NgwWelcome *self)
{
	g_autofree char *count = g_strdup_printf(_("Step %u of %u"), self->step + 1, N_STEPS);

	adw_window_title_set_subtitle(self->heading, count);
	gtk_stack_set_visible_child_name(self->stack, step_names[self->step]);
	gtk_button_set_label(GTK_BUTTON(self->next), self->step + 1 < N_STEPS ? _("_Next") : _("_Done"));
	gtk_widget_set_visible(self->back, self->step > 0);
	gtk_widget_set_visible(self->skip, self->step + 1 < N_STEPS);
	gtk_widget_action_set_enabled(GTK_WIDGET(self), "welcome.back", self->step > 0 && !self->is_asking);
	gtk_widget_action_set_enabled(GTK_WIDGET(self), "welcome.next", !self->is_asking);
	gtk_spinner_set_spinning(GTK_SPINNER(self->spinner), self->is_asking);
	welcome_show_default(self);
}

static void welcome_show(NgwWelcome *self)
{
	if (!self->window)
		return;
	welcome_show_state(self);
	welcome_show_running(self);
	welcome_show_step(self);
}

static void default_answered(GVariant *reply, const GError *error, gpointer data)
{
	g_autoptr(NgwWelcome) self = data;
	g_autoptr(GVariant) dict = reply ? g_variant_get_child_value(reply, 0) : NULL;
	const char *warning = ngw_dict_string(dict, "warning", "");
	const NgwProfile now = self->window ? default_in_force(self) : NGW_PROFILE_NONE;
	g_autofree char *text = NULL;

	if (!self->window) /* closed meanwhile */
		return;
	self->is_asking = FALSE;
	if (error)
		text = g_strdup_printf(_("Unknown programs stay %s: %s You can change it later in the preferences."),
				       ngw_profile_title(now),
				       g_error_matches(error, NG_CLIENT_ERROR, NG_CLIENT_ERROR_CANCELLED)
					       ? _("the question was closed.")
					       : error->message);
	else if (*warning)
		text = g_strdup(warning);
	ngw_note_say(self->note, GTK_MESSAGE_WARNING, text);
	if (error)
		self->has_default = FALSE; /* show what is in force again */
	self->step = STEP_RUNNING;
	welcome_show_step(self);
}

static void welcome_set_default(NgwWelcome *self, NgwProfile profile)
{
	GVariantBuilder settings;

	self->is_asking = TRUE;
	welcome_show_step(self);
	g_variant_builder_init(&settings, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&settings, "{sv}", "default-profile", g_variant_new_string(ngw_profile_word(profile)));
	ngw_change_call(GTK_WIDGET(self), "SetSettings", g_variant_new("(a{sv}a{sv})", &settings, NULL), 1, "(a{sv})",
			default_answered, g_object_ref(self));
}

static void do_next(GtkWidget *widget, const char *action, GVariant *parameter)
{
	NgwWelcome *self = NGW_WELCOME(widget);
	const NgwProfile chosen = default_chosen(self);

	ngw_note_say(self->note, GTK_MESSAGE_INFO, NULL);
	if (self->step + 1 == N_STEPS) {
		gtk_window_close(GTK_WINDOW(self));
		return;
	}
	if (self->step == STEP_DEFAULT && ngw_guard_is_ready(welcome_guard(self)) && self->has_default &&
	    chosen != default_in_force(self)) {
		welcome_set_default(self, chosen);
		return;
	}
	self->step++;
	welcome_show_step(self);
}

static void do_back(GtkWidget *widget, const char *action, GVariant *parameter)
{
	NgwWelcome *self = NGW_WELCOME(widget);

	ngw_note_say(self->note, GTK_MESSAGE_INFO, NULL);
	self->step--;
	welcome_show_step(self);
}

static gboolean welcome_closed(GtkWindow *window, gpointer unused)
{
	ngw_choices_set_welcomed(ngw_choices_get(), TRUE);
	return GDK_EVENT_PROPAGATE;
}

static void guard_linked(NgwWelcome *self)
{
	if (ngw_guard_is_ready(welcome_guard(self)))
		ngw_guard_call(welcome_guard(self), "Check", NULL, "(aa{sv})", self->cancellable, check_answered,
			       g_object_ref(self));
	welcome_show(self);
}

/* --- life --- */

static void ngw_welcome_dispose(GObject *object)
{
	NgwWelcome *self = NGW_WELCOME(object);

	g_cancellable_cancel(self->cancellable);
	self->window = NULL;
	gtk_widget_dispose_template(GTK_WIDGET(object), NGW_TYPE_WELCOME);
	G_OBJECT_CLASS(ngw_welcome_parent_class)->dispose(object);
}

static void ngw_welcome_finalize(GObject *object)
{
	NgwWelcome *self = NGW_WELCOME(object);

	g_clear_object(&self->cancellable);
	g_clear_pointer(&self->capabilities, g_variant_unref);
	g_ptr_array_unref(self->check_rows);
	G_OBJECT_CLASS(ngw_welcome_parent_class)->finalize(object);
}

static void ngw_welcome_class_init(NgwWelcomeClass *class)
{
	GtkWidgetClass *widget = GTK_WIDGET_CLASS(class);

	G_OBJECT_CLASS(class)->dispose = ngw_welcome_dispose;
	G_OBJECT_CLASS(class)->finalize = ngw_welcome_finalize;
	gtk_widget_class_set_template_from_resource(widget, NGW_RESOURCES "/ui/welcome.ui");
	gtk_widget_class_bind_template_child(widget, NgwWelcome, heading);
	gtk_widget_class_bind_template_child(widget, NgwWelcome, note);
	gtk_widget_class_bind_template_child(widget, NgwWelcome, stack);
	gtk_widget_class_bind_template_child(widget, NgwWelcome, state_icon);
	gtk_widget_class_bind_template_child(widget, NgwWelcome, state_title);
	gtk_widget_class_bind_template_child(widget, NgwWelcome, state_text);
	gtk_widget_class_bind_template_child(widget, NgwWelcome, words_group);
	gtk_widget_class_bind_template_child(widget, NgwWelcome, check_group);
	gtk_widget_class_bind_template_child(widget, NgwWelcome, online);
	gtk_widget_class_bind_template_child(widget, NgwWelcome, local);
	gtk_widget_class_bind_template_child(widget, NgwWelcome, offline);
	gtk_widget_class_bind_template_child(widget, NgwWelcome, fixed);
	gtk_widget_class_bind_template_child(widget, NgwWelcome, running_text);
	gtk_widget_class_bind_template_child(widget, NgwWelcome, list);
	gtk_widget_class_bind_template_child(widget, NgwWelcome, skip);
	gtk_widget_class_bind_template_child(widget, NgwWelcome, next);
	gtk_widget_class_bind_template_child(widget, NgwWelcome, back);
	gtk_widget_class_bind_template_child(widget, NgwWelcome, spinner);
	gtk_widget_class_bind_template_callback(widget, welcome_closed);
	gtk_widget_class_install_action(widget, "welcome.next", NULL, do_next);
	gtk_widget_class_install_action(widget, "welcome.back", NULL, do_back);
}

static void ngw_welcome_init(NgwWelcome *self)
{
	self->cancellable = g_cancellable_new();
	self->check_rows = g_ptr_array_new();
	gtk_widget_init_template(GTK_WIDGET(self));
	for (guint i = 0; i < G_N_ELEMENTS(defaults); i++)
		build_default(self, i);
	build_words(self);
}

void ngw_welcome_present(NgwWindow *window)
{
	NgwWelcome *self = g_object_new(NGW_TYPE_WELCOME, "transient-for", window, NULL);
	int width, height;

	self->window = window;
	gtk_window_get_default_size(GTK_WINDOW(window), &width, &height);
	gtk_window_set_default_size(GTK_WINDOW(self), width > 0 ? MIN(WIDTH, width) : WIDTH,
				    height > 0 ? MIN(HEIGHT, height) : HEIGHT);
	g_signal_connect_object(ngw_window_guard(window), "link", G_CALLBACK(guard_linked), self, G_CONNECT_SWAPPED);
	g_signal_connect_object(ngw_window_guard(window), "changed", G_CALLBACK(welcome_show), self, G_CONNECT_SWAPPED);
	g_signal_connect_object(ngw_window_apps(window), "loaded", G_CALLBACK(welcome_show_running), self,
				G_CONNECT_SWAPPED);
	guard_linked(self);
	gtk_window_present(GTK_WINDOW(self));
	gtk_widget_grab_focus(self->next);
}
