/* SPDX-License-Identifier: MIT */
/* The page Run: see run-page.h. What is shown follows the session; a run that has ended stays until the next one. */
#include "window/run-page.h"

#include <glib/gi18n.h>
#include <string.h>

#include "window/choices.h"
#include "window/note.h"
#include "window/profile-switch.h"
#include "window/run-attempt.h"
#include "window/run-output.h"
#include "window/run-row.h"
#include "window/run-session.h"

#define RECENT_CHARS 60 /* of a command in the menu */
#define MAX_ALLOWANCES 64

struct _NgwRunPage {
	GtkWidget parent;
	GtkWidget *box, *note, *command, *recent, *folder_row, *choose, *effect, *profile_switch, *run, *stop, *result,
		*state_row, *spinner, *confinement_row, *attempts_group, *attempts, *allowed_group, *allowed, *again,
		*output_group, *output;
	NgwWindow *window; /* borrowed: it holds the page */
	NgwProfile profile;
	char *folder;
	GtkStringList *allowances; /* tips */
	NgwRunSession *session;    /* NULL before the first */
	GtkFileChooserNative *chooser;
};

G_DEFINE_FINAL_TYPE(NgwRunPage, ngw_run_page, GTK_TYPE_WIDGET)

static void page_show_profile(NgwRunPage *self);

/* --- the state --- */

static gboolean page_is_running(NgwRunPage *self)
{
	const NgwRunState state = self->session ? ngw_run_session_state(self->session) : NGW_RUN_STATE_NEW;

	return state == NGW_RUN_STATE_RUNNING || state == NGW_RUN_STATE_STOPPING;
}

/* The one of the two that goes gives the keyboard to the other, which must be able to take it. */
static void page_show_buttons(NgwRunPage *self)
{
	const gboolean is_running = page_is_running(self);
	GtkWidget *shown = is_running ? self->stop : self->run, *hidden = is_running ? self->run : self->stop;
	const gboolean had_focus = gtk_widget_has_focus(hidden) || (is_running && gtk_widget_has_focus(self->again));

	gtk_widget_action_set_enabled(GTK_WIDGET(self), is_running ? "run.stop" : "run.start", TRUE);
	gtk_widget_set_visible(shown, TRUE);
	if (had_focus)
		gtk_widget_grab_focus(shown);
	gtk_widget_set_visible(hidden, FALSE);
	gtk_widget_set_visible(self->again, !is_running && self->session != NULL);
	gtk_widget_action_set_enabled(GTK_WIDGET(self), is_running ? "run.start" : "run.stop", FALSE);
}

gboolean ngw_run_page_is_running(NgwRunPage *self)
{
	return page_is_running(self);
}

static void row_set(GtkWidget *row, const char *title, const char *subtitle)
{
	adw_preferences_row_set_title(ADW_PREFERENCES_ROW(row), title);
	adw_action_row_set_subtitle(ADW_ACTION_ROW(row), subtitle ? subtitle : "");
	gtk_accessible_update_property(GTK_ACCESSIBLE(row), GTK_ACCESSIBLE_PROPERTY_LABEL, title, -1);
}

static void page_show_state(NgwRunPage *self)
{
	const NgwRunState state = ngw_run_session_state(self->session);
	const NgwRunOutcome *outcome = ngw_run_session_outcome(self->session);
	const gboolean is_well = outcome->signal == 0 && outcome->status == 0 && outcome->start;
	g_autofree char *title = NULL, *more = NULL;

	gtk_widget_set_visible(self->spinner, state != NGW_RUN_STATE_ENDED);
	gtk_spinner_set_spinning(GTK_SPINNER(self->spinner), state != NGW_RUN_STATE_ENDED);
	if (state == NGW_RUN_STATE_RUNNING) {
		row_set(self->state_row, _("Running"), NULL);
	} else if (state == NGW_RUN_STATE_STOPPING) {
		row_set(self->state_row, _("Stopping"),
			_("It was asked to end. After 5 seconds, or with another Stop, it is made to."));
	} else {
		title = ngw_run_outcome_title(outcome);
		more = ngw_run_outcome_more(outcome);
		row_set(self->state_row, title, more);
	}
	adw_action_row_set_icon_name(ADW_ACTION_ROW(self->state_row), state != NGW_RUN_STATE_ENDED
									      ? "system-run-symbolic"
								      : is_well ? "object-select-symbolic"
										: "dialog-warning-symbolic");
}

static void page_show_confinement(NgwRunPage *self)
{
	const NgwRunRecord *start = ngw_run_session_start_record(self->session);
	const gboolean is_over = ngw_run_session_state(self->session) == NGW_RUN_STATE_ENDED;
	const NgwProfile profile = start ? ngw_profile_from_word(start->profile) : NGW_PROFILE_NONE;
	g_autofree char *text = ngw_run_confinement(start), *reach = ngw_run_reach(start);

	/* What is known is in the start record alone; without one, not even the profile. */
	gtk_widget_set_visible(self->confinement_row, start || !is_over);
	row_set(self->confinement_row, text ? text : _("Whether it is confined is not known yet."), reach);
	adw_action_row_set_icon_name(ADW_ACTION_ROW(self->confinement_row), profile == NGW_PROFILE_NONE
										    ? "netguard-not-protecting-symbolic"
										    : ngw_profile_icon(profile));
}

static char *attempts_text(NgwRunPage *self)
{
	const guint64 refused = ngw_run_session_count(self->session, NGW_VERDICT_BLOCKED) +
				ngw_run_session_count(self->session, NGW_VERDICT_WOULD_BLOCK);
	const guint64 unlisted = ngw_run_session_unlisted(self->session);
	const gboolean has_record = ngw_run_session_start_record(self->session) != NULL;
	g_autofree char *text = NULL, *more = NULL;

	if (refused == 0)
		text = g_strdup(has_record ? _("Nothing was refused.") : _("Nothing is known of attempts."));
	else
		text = g_strdup_printf(g_dngettext(GETTEXT_PACKAGE, "%'lu attempt was refused.",
						   "%'lu attempts were refused.", (gulong)refused),
				       (gulong)refused);
	if (unlisted == 0)
		return g_steal_pointer(&text);
	more = g_strdup_printf(g_dngettext(GETTEXT_PACKAGE, "%'lu attempt is not listed: there are too many kinds.",
					   "%'lu attempts are not listed: there are too many kinds.", (gulong)unlisted),
			       (gulong)unlisted);
	return g_strconcat(text, " ", more, NULL);
}

static void page_show_attempts(NgwRunPage *self)
{
	const NgwRunRecord *start = ngw_run_session_start_record(self->session);
	const guint n = g_list_model_get_n_items(ngw_run_session_attempts(self->session));
	g_autofree char *text = attempts_text(self);

	gtk_widget_set_visible(self->attempts, n > 0);
	/* Rung C has no list: saying that nothing was refused would be a guess. */
	gtk_widget_set_visible(self->attempts_group, start && (start->rung != 'C' || n > 0));
	adw_preferences_group_set_description(ADW_PREFERENCES_GROUP(self->attempts_group), text);
}

static void page_update(NgwRunPage *self)
{
	page_show_buttons(self);
	page_show_profile(self);
	if (!self->session)
		return;
	page_show_state(self);
	page_show_confinement(self);
	page_show_attempts(self);
	gtk_widget_set_visible(self->result, TRUE);
}

static void page_output(NgwRunPage *self, const char *text, guint length)
{
	ngw_run_output_append(NGW_RUN_OUTPUT(self->output), text, length);
	gtk_widget_set_visible(self->output_group, TRUE);
	adw_preferences_group_set_description(
		ADW_PREFERENCES_GROUP(self->output_group),
		ngw_run_output_is_cut(NGW_RUN_OUTPUT(self->output)) ? _("Its last 2,000 lines.") : NULL);
}

/* --- what is to be run --- */

static void page_show_profile(NgwRunPage *self)
{
	const gboolean has_more = g_list_model_get_n_items(G_LIST_MODEL(self->allowances)) > 0;
	const char *can = ngw_profile_effect(self->profile);
	g_autofree char *effect = NULL;

	/* Translators: %s is "cannot use the network" */
	if (page_is_running(self))
		effect = g_strdup_printf(
			has_more ? _("In the next run: this command %s, except for what is allowed below")
				 : _("In the next run: this command %s"),
			can);
	else
		effect = g_strdup_printf(
			has_more ? _("This command %s, except for what is allowed below") : _("This command %s"), can);
	gtk_label_set_text(GTK_LABEL(self->effect), effect);
	ngw_profile_switch_show(NGW_PROFILE_SWITCH(self->profile_switch), _("This command"), self->profile, FALSE,
				NGW_PROFILE_NONE);
}

static void page_profile_chosen(NgwProfileSwitch *profile_switch, int chosen, NgwRunPage *self)
{
	self->profile = chosen;
	page_show_profile(self);
}

static void page_set_folder(NgwRunPage *self, char *folder)
{
	g_autofree char *shown = g_filename_display_name(folder);

	g_free(self->folder);
	self->folder = folder;
	adw_action_row_set_subtitle(ADW_ACTION_ROW(self->folder_row), shown);
}

static void folder_chosen(NgwRunPage *self, int response)
{
	g_autoptr(GtkFileChooserNative) chooser = g_steal_pointer(&self->chooser);
	g_autoptr(GFile) file = NULL;
	char *path;

	if (response != GTK_RESPONSE_ACCEPT)
		return;
	file = gtk_file_chooser_get_file(GTK_FILE_CHOOSER(chooser));
	path = file ? g_file_get_path(file) : NULL;
	if (path)
		page_set_folder(self, path);
}

static void page_choose_folder(NgwRunPage *self)
{
	g_autoptr(GFile) folder = g_file_new_for_path(self->folder);

	if (self->chooser)
		return;
	self->chooser = gtk_file_chooser_native_new(_("Choose the Folder to Run In"), GTK_WINDOW(self->window),
						    GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER, _("_Choose"), _("_Cancel"));
	gtk_file_chooser_set_file(GTK_FILE_CHOOSER(self->chooser), folder, NULL);
	gtk_native_dialog_set_modal(GTK_NATIVE_DIALOG(self->chooser), TRUE);
	g_signal_connect_swapped(self->chooser, "response", G_CALLBACK(folder_chosen), self);
	gtk_native_dialog_show(GTK_NATIVE_DIALOG(self->chooser));
}

/* --- recent commands --- */

static char *recent_label(const char *command)
{
	g_autofree char *plain = ngw_run_plain(command);
	g_autofree char *cut =
		g_utf8_strlen(plain, -1) > RECENT_CHARS ? g_utf8_substring(plain, 0, RECENT_CHARS) : NULL;
	g_auto(GStrv) pieces = g_strsplit(cut ? cut : plain, "_", -1);
	g_autofree char *escaped = g_strjoinv("__", pieces); /* an underscore marks a key */

	return g_strconcat(escaped, cut ? "…" : "", NULL);
}

static void page_show_recent(NgwRunPage *self)
{
	const char *const *commands = ngw_choices_commands(ngw_choices_get());
	g_autoptr(GMenu) menu = g_menu_new(), list = g_menu_new(), last = g_menu_new();

	for (guint i = 0; commands[i]; i++) {
		g_autofree char *label = recent_label(commands[i]);
		g_autoptr(GMenuItem) item = g_menu_item_new(label, NULL);

		g_menu_item_set_action_and_target(item, "run.recent", "s", commands[i]);
		g_menu_append_item(list, item);
	}
	g_menu_append(last, _("_Forget These"), "run.forget");
	g_menu_append_section(menu, NULL, G_MENU_MODEL(list));
	g_menu_append_section(menu, NULL, G_MENU_MODEL(last));
	gtk_menu_button_set_menu_model(GTK_MENU_BUTTON(self->recent), G_MENU_MODEL(menu));
	gtk_widget_set_visible(self->recent, commands[0] != NULL);
}

static void do_recent(GtkWidget *widget, const char *action, GVariant *parameter)
{
	NgwRunPage *self = NGW_RUN_PAGE(widget);

	gtk_editable_set_text(GTK_EDITABLE(self->command), g_variant_get_string(parameter, NULL));
	gtk_editable_set_position(GTK_EDITABLE(self->command), -1);
	gtk_widget_grab_focus(self->command);
}

static void do_forget(GtkWidget *widget, const char *action, GVariant *parameter)
{
	gtk_widget_grab_focus(NGW_RUN_PAGE(widget)->command);
	ngw_choices_add_command(ngw_choices_get(), NULL);
}

/* --- what is allowed --- */

static const char *flag_meaning(const char *flag)
{
	if (g_str_equal(flag, "--allow-unix"))
		return _("A socket of this computer");
	if (g_str_equal(flag, "--publish"))
		return _("Others can reach its server there");
	return _("A destination");
}

static GtkWidget *allowance_row_new(gpointer item, gpointer data)
{
	const char *tip = gtk_string_object_get_string(item);
	g_auto(GStrv) words = ngw_run_tip_words(tip);
	g_autofree char *plain = ngw_run_plain(words ? words[1] : tip);
	g_autofree char *name = g_strdup_printf(_("Do not allow %s"), plain);
	GtkWidget *row = adw_action_row_new(), *remove = gtk_button_new_from_icon_name("list-remove-symbolic");

	adw_preferences_row_set_use_markup(ADW_PREFERENCES_ROW(row), FALSE);
	adw_action_row_set_title_lines(ADW_ACTION_ROW(row), 0);
	row_set(row, plain, flag_meaning(words ? words[0] : ""));
	gtk_widget_set_valign(remove, GTK_ALIGN_CENTER);
	gtk_widget_add_css_class(remove, "flat");
	gtk_widget_set_tooltip_text(remove, name);
	gtk_accessible_update_property(GTK_ACCESSIBLE(remove), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
	gtk_actionable_set_action_name(GTK_ACTIONABLE(remove), "run.disallow");
	gtk_actionable_set_action_target(GTK_ACTIONABLE(remove), "s", tip);
	adw_action_row_add_suffix(ADW_ACTION_ROW(row), remove);
	return row;
}

static void do_disallow(GtkWidget *widget, const char *action, GVariant *parameter)
{
	NgwRunPage *self = NGW_RUN_PAGE(widget);
	const int at = ngw_run_allowances_find(self->allowances, g_variant_get_string(parameter, NULL));

	if (at < 0)
		return;
	/* The button goes, and must not take the keyboard with it. */
	gtk_widget_grab_focus(gtk_widget_get_visible(self->again) ? self->again : self->command);
	gtk_string_list_remove(self->allowances, (guint)at);
	if (g_list_model_get_n_items(G_LIST_MODEL(self->allowances)) == 0)
		gtk_widget_grab_focus(page_is_running(self) ? self->stop : self->run);
}

static void allowances_changed(NgwRunPage *self)
{
	const guint n = g_list_model_get_n_items(G_LIST_MODEL(self->allowances));

	gtk_widget_set_visible(self->allowed_group, n > 0);
	page_show_profile(self);
	if (n > MAX_ALLOWANCES) /* more than the launcher takes */
		gtk_string_list_remove(self->allowances, n - 1);
}

static void do_profile(GtkWidget *widget, const char *action, GVariant *parameter)
{
	NgwRunPage *self = NGW_RUN_PAGE(widget);

	self->profile = ngw_profile_from_word(g_variant_get_string(parameter, NULL));
	page_show_profile(self);
	gtk_widget_grab_focus(self->run);
}

static GStrv page_flags(NgwRunPage *self)
{
	g_autoptr(GStrvBuilder) flags = g_strv_builder_new();
	const guint n = g_list_model_get_n_items(G_LIST_MODEL(self->allowances));

	for (guint i = 0; i < n; i++) {
		g_auto(GStrv) words = ngw_run_tip_words(gtk_string_list_get_string(self->allowances, i));

		if (words)
			g_strv_builder_addv(flags, (const char **)words);
	}
	return g_strv_builder_end(flags);
}

/* --- running --- */

static void page_say(NgwRunPage *self, GtkMessageType type, const char *text)
{
	ngw_note_say(GTK_INFO_BAR(self->note), type, text);
	if (text && type == GTK_MESSAGE_WARNING)
		gtk_widget_add_css_class(self->command, "error");
	else
		gtk_widget_remove_css_class(self->command, "error");
}

static void page_note_closed(NgwRunPage *self)
{
	page_say(self, GTK_MESSAGE_INFO, NULL);
}

static void page_command_edited(NgwRunPage *self)
{
	page_note_closed(self);
}

static GtkWidget *attempt_row_new(gpointer item, gpointer data)
{
	return ngw_run_row_new(item, NGW_RUN_PAGE(data)->allowances);
}

/* Rows and texts of the run before go. */
static void page_take_session(NgwRunPage *self, NgwRunSession *session)
{
	if (self->session)
		g_signal_handlers_disconnect_by_data(self->session, self);
	g_set_object(&self->session, session);
	ngw_run_output_clear(NGW_RUN_OUTPUT(self->output));
	gtk_widget_set_visible(self->output_group, FALSE);
	gtk_list_box_bind_model(GTK_LIST_BOX(self->attempts), ngw_run_session_attempts(session), attempt_row_new, self,
				NULL);
	g_signal_connect_object(session, "changed", G_CALLBACK(page_update), self, G_CONNECT_SWAPPED);
	g_signal_connect_object(session, "output", G_CALLBACK(page_output), self, G_CONNECT_SWAPPED);
	page_update(self);
}

static void page_hint(NgwRunPage *self, const char *const *words)
{
	const char *word = ngw_run_shell_word(words);
	g_autofree char *text =
		word ? g_strdup_printf(_("There is no shell here: the command gets “%s” as a word. For a shell "
					 "write: sh -c 'COMMAND'"),
				       word)
		     : NULL;

	page_say(self, GTK_MESSAGE_INFO, text);
}

static void do_start(GtkWidget *widget, const char *action, GVariant *parameter)
{
	NgwRunPage *self = NGW_RUN_PAGE(widget);
	const char *text = gtk_editable_get_text(GTK_EDITABLE(self->command));
	g_autoptr(NgwRunSession) session = ngw_run_session_new();
	g_autoptr(GError) error = NULL;
	g_auto(GStrv) words = NULL, flags = page_flags(self);
	g_autofree char *wrong = NULL;
	NgwRunWish wish = { .profile = self->profile, .folder = self->folder };

	if (!g_shell_parse_argv(text, NULL, &words, &error)) {
		wrong = ngw_run_command_error(error);
		page_say(self, GTK_MESSAGE_WARNING, wrong);
		gtk_widget_grab_focus(self->command);
		return;
	}
	wish.command = (const char *const *)words;
	wish.flags = (const char *const *)flags;
	if (!ngw_run_session_start(session, &wish, &error)) {
		page_say(self, GTK_MESSAGE_WARNING, error->message);
		return;
	}
	page_hint(self, wish.command);
	page_take_session(self, session);
	ngw_choices_add_command(ngw_choices_get(), text);
}

static void do_stop(GtkWidget *widget, const char *action, GVariant *parameter)
{
	NgwRunPage *self = NGW_RUN_PAGE(widget);

	if (self->session)
		ngw_run_session_stop(self->session);
}

static void page_command_activated(NgwRunPage *self)
{
	gtk_widget_activate_action(GTK_WIDGET(self), "run.start", NULL);
}

/* --- life --- */

static gboolean ngw_run_page_grab_focus(GtkWidget *widget)
{
	NgwRunPage *self = NGW_RUN_PAGE(widget);

	return gtk_widget_grab_focus(page_is_running(self) ? self->stop : self->command);
}

static void ngw_run_page_dispose(GObject *object)
{
	NgwRunPage *self = NGW_RUN_PAGE(object);

	/* What runs here ends with the page: nobody could stop it any more. */
	if (self->session) {
		g_signal_handlers_disconnect_by_data(self->session, self);
		ngw_run_session_stop(self->session);
	}
	if (self->chooser)
		gtk_native_dialog_destroy(GTK_NATIVE_DIALOG(self->chooser));
	g_clear_object(&self->chooser);
	g_clear_pointer(&self->box, gtk_widget_unparent);
	g_clear_object(&self->session);
	g_clear_object(&self->allowances);
	g_clear_pointer(&self->folder, g_free);
	G_OBJECT_CLASS(ngw_run_page_parent_class)->dispose(object);
}

static void page_bind_template(GtkWidgetClass *widget)
{
	gtk_widget_class_set_template_from_resource(widget, NGW_RESOURCES "/ui/run-page.ui");
	gtk_widget_class_bind_template_child(widget, NgwRunPage, box);
	gtk_widget_class_bind_template_child(widget, NgwRunPage, note);
	gtk_widget_class_bind_template_child(widget, NgwRunPage, command);
	gtk_widget_class_bind_template_child(widget, NgwRunPage, recent);
	gtk_widget_class_bind_template_child(widget, NgwRunPage, folder_row);
	gtk_widget_class_bind_template_child(widget, NgwRunPage, choose);
	gtk_widget_class_bind_template_child(widget, NgwRunPage, effect);
	gtk_widget_class_bind_template_child(widget, NgwRunPage, profile_switch);
	gtk_widget_class_bind_template_child(widget, NgwRunPage, run);
	gtk_widget_class_bind_template_child(widget, NgwRunPage, stop);
	gtk_widget_class_bind_template_child(widget, NgwRunPage, result);
	gtk_widget_class_bind_template_child(widget, NgwRunPage, state_row);
	gtk_widget_class_bind_template_child(widget, NgwRunPage, spinner);
	gtk_widget_class_bind_template_child(widget, NgwRunPage, confinement_row);
	gtk_widget_class_bind_template_child(widget, NgwRunPage, attempts_group);
	gtk_widget_class_bind_template_child(widget, NgwRunPage, attempts);
	gtk_widget_class_bind_template_child(widget, NgwRunPage, allowed_group);
	gtk_widget_class_bind_template_child(widget, NgwRunPage, allowed);
	gtk_widget_class_bind_template_child(widget, NgwRunPage, again);
	gtk_widget_class_bind_template_child(widget, NgwRunPage, output_group);
	gtk_widget_class_bind_template_child(widget, NgwRunPage, output);
	gtk_widget_class_bind_template_callback(widget, page_note_closed);
	gtk_widget_class_bind_template_callback(widget, page_command_activated);
	gtk_widget_class_bind_template_callback(widget, page_command_edited);
	gtk_widget_class_bind_template_callback(widget, page_choose_folder);
	gtk_widget_class_bind_template_callback(widget, page_profile_chosen);
}

static void ngw_run_page_class_init(NgwRunPageClass *class)
{
	GtkWidgetClass *widget = GTK_WIDGET_CLASS(class);

	G_OBJECT_CLASS(class)->dispose = ngw_run_page_dispose;
	widget->grab_focus = ngw_run_page_grab_focus;
	g_type_ensure(NGW_TYPE_PROFILE_SWITCH);
	g_type_ensure(NGW_TYPE_RUN_OUTPUT);
	page_bind_template(widget);
	gtk_widget_class_install_action(widget, "run.start", NULL, do_start);
	gtk_widget_class_install_action(widget, "run.stop", NULL, do_stop);
	gtk_widget_class_install_action(widget, "run.recent", "s", do_recent);
	gtk_widget_class_install_action(widget, "run.forget", NULL, do_forget);
	gtk_widget_class_install_action(widget, "run.disallow", "s", do_disallow);
	gtk_widget_class_install_action(widget, "run.profile", "s", do_profile);
}

static void ngw_run_page_init(NgwRunPage *self)
{
	self->profile = NGW_PROFILE_OFFLINE;
	self->allowances = gtk_string_list_new(NULL);
	gtk_widget_init_template(GTK_WIDGET(self));
	page_set_folder(self, g_strdup(g_get_home_dir()));
	page_show_profile(self);
	gtk_list_box_bind_model(GTK_LIST_BOX(self->allowed), G_LIST_MODEL(self->allowances), allowance_row_new, self,
				NULL);
	g_signal_connect_object(self->allowances, "items-changed", G_CALLBACK(allowances_changed), self,
				G_CONNECT_SWAPPED);
	g_signal_connect_object(ngw_choices_get(), "changed", G_CALLBACK(page_show_recent), self, G_CONNECT_SWAPPED);
	page_show_recent(self);
	page_update(self);
}

GtkWidget *ngw_run_page_new(NgwWindow *window)
{
	NgwRunPage *self = g_object_new(NGW_TYPE_RUN_PAGE, NULL);

	self->window = window;
	return GTK_WIDGET(self);
}
