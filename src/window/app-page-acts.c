/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the application page do alike: let one destination through, with Undo, and ask before a decision is
 * forgotten. The changes themselves go through changes.h. Main loop only, no power.
 */
#include <glib/gi18n.h>

#include "window/app-page-parts.h"
#include "window/changes.h"

#define UNDO_S 8

void ngw_page_change(GtkWidget *widget, NgwApp *app, const char *const *allow, const char *children, NgwChangeDone done,
		     gpointer user_data)
{
	const char *reason = ngw_app_data(app)->reason;

	ngw_change_details(widget, app, reason ? reason : "", allow, children, done, user_data);
}

typedef struct {
	GtkWidget *widget; /* owned, all three */
	NgwApp *app;
	char *entry;
} Allowing;

static void allowing_free(Allowing *allowing)
{
	g_object_unref(allowing->widget);
	g_object_unref(allowing->app);
	g_free(allowing->entry);
	g_free(allowing);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Allowing, allowing_free)

static void allowing_closed(gpointer data, GClosure *closure)
{
	allowing_free(data);
}

/* The list as it is now, without the entry: it may have changed since. */
static void undo_clicked(AdwToast *toast, gpointer data)
{
	Allowing *allowing = data;
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
	g_auto(GStrv) list = NULL;

	for (char **entry = ngw_app_data(allowing->app)->allow; entry && *entry; entry++) {
		if (!g_str_equal(*entry, allowing->entry))
			g_strv_builder_add(builder, *entry);
	}
	list = g_strv_builder_end(builder);
	ngw_page_change(allowing->widget, allowing->app, (const char *const *)list, NULL, NULL, NULL);
}

static void allow_done(GVariant *reply, const GError *error, gpointer data)
{
	g_autoptr(Allowing) allowing = data;
	NgwWindow *window = ngw_window_of(allowing->widget);
	g_autoptr(GVariant) result = reply ? g_variant_get_child_value(reply, 0) : NULL;
	g_autofree char *otherwise = result ? ngw_change_not_in_force(result) : NULL;
	g_autofree char *name = g_markup_escape_text(ngw_app_data(allowing->app)->name, -1);
	g_autofree char *entry = g_markup_escape_text(allowing->entry, -1);
	g_autofree char *failed = g_strdup_printf(_("%s was not allowed"), allowing->entry);
	AdwToast *toast;

	if (error) {
		ngw_toast_error(allowing->widget, failed, error);
		return;
	}
	if (otherwise)
		ngw_toast(allowing->widget, otherwise, NULL, NULL);
	if (!window || otherwise)
		return;
	/* Translators: an application may reach an address from now on */
	toast = adw_toast_new_format(_("%s may now reach %s"), name, entry);
	adw_toast_set_button_label(toast, _("Undo"));
	adw_toast_set_timeout(toast, UNDO_S);
	g_signal_connect_data(toast, "button-clicked", G_CALLBACK(undo_clicked), g_steal_pointer(&allowing),
			      allowing_closed, 0);
	ngw_window_add_toast(window, toast);
}

/* The list; the end and the reason as they are. */
static GVariant *allow_options(const NgwAppData *data, const char *const *list)
{
	const gboolean is_temporary = data->until > 0 || *data->while_word;
	GVariantBuilder options;

	g_variant_builder_init(&options, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&options, "{sv}", "allow", g_variant_new_strv(list, -1));
	g_variant_builder_add(&options, "{sv}", "reason", g_variant_new_string(data->reason ? data->reason : ""));
	if (data->until > 0)
		g_variant_builder_add(&options, "{sv}", "until", g_variant_new_int64(data->until));
	else if (*data->while_word)
		g_variant_builder_add(&options, "{sv}", "while", g_variant_new_string(data->while_word));
	if (is_temporary)
		g_variant_builder_add(&options, "{sv}", "then", g_variant_new_string(ngw_profile_word(data->then)));
	return g_variant_builder_end(&options);
}

void ngw_page_allow_entry(GtkWidget *widget, NgwApp *app, const char *entry)
{
	const NgwAppData *data = ngw_app_data(app);
	char **old = data->allow;
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
	g_auto(GStrv) list = NULL;
	Allowing *allowing;

	if (old && g_strv_contains((const char *const *)old, entry))
		return;
	for (char **each = old; each && *each; each++)
		g_strv_builder_add(builder, *each);
	g_strv_builder_add(builder, entry);
	list = g_strv_builder_end(builder);
	allowing = g_new(Allowing, 1);
	*allowing = (Allowing){ g_object_ref(widget), g_object_ref(app), g_strdup(entry) };
	/* Not ngw_change_details(): its toast would come before the one with Undo. */
	ngw_change_call(widget, "SetProfile",
			g_variant_new("(ss@a{sv})", ngw_app_key(app), ngw_profile_word(data->profile),
				      allow_options(data, (const char *const *)list)),
			2, "(a{sv})", allow_done, allowing);
}

/* --- forget --- */

typedef struct {
	GtkWidget *widget; /* owned, both */
	NgwApp *app;
} Forgetting;

static void forgetting_closed(gpointer data, GClosure *closure)
{
	Forgetting *forgetting = data;

	g_object_unref(forgetting->widget);
	g_object_unref(forgetting->app);
	g_free(forgetting);
}

static void forget_answered(AdwMessageDialog *dialog, const char *response, gpointer data)
{
	Forgetting *forgetting = data;

	if (g_str_equal(response, "forget"))
		ngw_change_forget(forgetting->widget, forgetting->app);
}

static char *forget_body(NgwApp *app, NgwGuard *guard, gboolean is_changed)
{
	const char *word = ngw_dict_string(ngw_guard_status(guard), "default-profile", "");
	const NgwProfile profile = ngw_profile_from_word(word);
	const char *name = ngw_app_data(app)->name;
	g_autofree char *then = NULL;

	if (profile == NGW_PROFILE_NONE)
		then = g_strdup_printf(_("Afterwards the default for unknown programs holds for %s, or what its "
					 "package decided."),
				       name);
	else
		/* Translators: the last %s is an effect: "can reach the Internet" */
		then = g_strdup_printf(_("Afterwards the default for unknown programs holds: %s. That means that %s "
					 "%s. If its package came with a decision, that one holds instead."),
				       ngw_profile_title(profile), name, ngw_profile_effect(profile));
	return g_strdup_printf("%s\n\n%s",
			       is_changed
				       ? _("The program that is there now is taken for another one, which nobody has "
					   "decided on. The profile, the reason and the allowed hosts are "
					   "forgotten.")
				       : _("The profile, the reason and the allowed hosts are forgotten. The record "
					   "of changes stays."),
			       then);
}

void ngw_page_ask_forget(GtkWidget *widget, NgwApp *app, NgwGuard *guard, gboolean is_changed)
{
	g_autofree char *body = forget_body(app, guard, is_changed);
	GtkWidget *dialog = adw_message_dialog_new(GTK_WINDOW(gtk_widget_get_root(widget)), NULL, NULL);
	AdwMessageDialog *question = ADW_MESSAGE_DIALOG(dialog);
	Forgetting *forgetting = g_new(Forgetting, 1);

	*forgetting = (Forgetting){ g_object_ref(widget), g_object_ref(app) };
	adw_message_dialog_format_heading(question, is_changed ? _("Treat %s as Different?") : _("Forget %s?"),
					  ngw_app_data(app)->name);
	adw_message_dialog_set_body(question, body);
	adw_message_dialog_add_responses(question, "cancel", _("_Cancel"), "forget",
					 is_changed ? _("_Treat as Different") : _("_Forget"), NULL);
	adw_message_dialog_set_response_appearance(question, "forget", ADW_RESPONSE_DESTRUCTIVE);
	adw_message_dialog_set_default_response(question, "cancel");
	adw_message_dialog_set_close_response(question, "cancel");
	g_signal_connect_data(question, "response", G_CALLBACK(forget_answered), forgetting, forgetting_closed, 0);
	gtk_window_present(GTK_WINDOW(dialog));
}
