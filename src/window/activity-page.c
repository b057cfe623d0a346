/* SPDX-License-Identifier: MIT */
/*
 * Activity: see activity-page.h. Attempts come from GetAttempts once for each connection (and when the person asks for
 * everyone's), then from the guard's batches. Those that were on their way while GetAttempts was answered are in both:
 * for a quarter of a second an attempt may be counted twice.
 */
#include "window/activity-page.h"

#include <glib/gi18n.h>
#include <unistd.h>

#include "window/activity-acts.h"
#include "window/activity-row.h"
#include "window/activity-table.h"
#include "window/activity-traffic.h"
#include "window/changes.h"
#include "window/fold-layout.h"
#include "window/row-growth.h"

#define ASK_LIMIT 500 /* the service keeps them by the hour: this is many days of a quiet machine */
#define FOLD_WIDTH 640
#define REFILTER_S 60 /* "last hour" goes on */
#define MAX_APPLICATIONS 500
#define CHOICES_STEP 3 /* applications that come into the drop-down at a time */
#define CHOICES_MS 40

enum { SHOW_BLOCKED, SHOW_ALL };
enum { PERIOD_ANY, PERIOD_HOUR, PERIOD_DAY };

struct _NgwActivityPage {
	GtkWidget parent;
	GtkWidget *box, *filters, *search, *everyone, *everyone_icon, *verdict, *period, *application, *notes, *note,
		*stack, *scroller, *list, *spinner, *none, *unable;
	GtkStringList *verdicts, *applications;
	NgwActivityTraffic *traffic;
	NgwWindow *window; /* borrowed: it holds the page */
	NgwActivityTable *table;
	GtkFilterListModel *filtered;
	GtkFilter *filter;
	NgwRowGrowth *growth; /* the rows of `filtered` that the list has */
	GPtrArray *rows;      /* NgwActivityRow, borrowed: those that exist now */
	GPtrArray *keys;      /* of `applications` but the first; owned texts */
	GHashTable *has_key;  /* the same */
	char *search_text;    /* casefolded */
	char *wanted_key;     /* of the application chosen, or NULL */
	GCancellable *asking; /* GetAttempts is under way */
	char *error;          /* why it failed */
	gboolean is_loaded;
	gboolean is_setting; /* controls are changed by us */
	guint timer, choices;
};

G_DEFINE_FINAL_TYPE(NgwActivityPage, ngw_activity_page, GTK_TYPE_WIDGET)

/* --- filter --- */

static gboolean page_passes(gpointer item, gpointer data)
{
	static const gint64 seconds[] = { [PERIOD_ANY] = 0, [PERIOD_HOUR] = 3600, [PERIOD_DAY] = 86400 };
	NgwActivityPage *self = data;
	const guint period = gtk_drop_down_get_selected(GTK_DROP_DOWN(self->period));
	const gint64 age = period < G_N_ELEMENTS(seconds) ? seconds[period] : 0;
	const NgwActivityFilter filter = {
		.only_blocked = gtk_drop_down_get_selected(GTK_DROP_DOWN(self->verdict)) == SHOW_BLOCKED,
		.application = self->wanted_key,
		.since = age > 0 ? g_get_real_time() / G_USEC_PER_SEC - age : 0,
		.search = self->search_text,
	};
	g_autofree char *name = NULL, *folded = NULL;

	if (*self->search_text) {
		name = ngw_activity_name(self->window, ngw_activity_group_attempt(item));
		folded = g_utf8_casefold(name, -1);
	}
	return ngw_activity_filter_passes(&filter, item, folded ? folded : "");
}

static gboolean is_filtered(NgwActivityPage *self)
{
	return self->wanted_key || *self->search_text ||
	       gtk_drop_down_get_selected(GTK_DROP_DOWN(self->period)) != PERIOD_ANY;
}

/* --- which page, and what is said --- */

static void page_update_none(NgwActivityPage *self)
{
	const gboolean is_simulation = ngw_guard_is_simulation(ngw_window_guard(self->window));
	const gboolean only_blocked = gtk_drop_down_get_selected(GTK_DROP_DOWN(self->verdict)) == SHOW_BLOCKED;
	AdwStatusPage *none = ADW_STATUS_PAGE(self->none);

	if (!only_blocked)
		adw_status_page_set_title(none, _("Nothing Happened Yet"));
	else
		adw_status_page_set_title(none, is_simulation ? _("Nothing Would Be Blocked So Far")
							      : _("Nothing Was Blocked Yet"));
	adw_status_page_set_description(none, is_simulation ? _("What would be blocked appears here as it happens.")
							    : _("What is blocked appears here as it happens."));
}

static void page_update(NgwActivityPage *self)
{
	NgwGuard *guard = ngw_window_guard(self->window);
	const NgwLink link = ngw_guard_link(guard);
	const char *why = self->error ? self->error : ngw_guard_link_text(guard), *page = "list";

	if (!self->is_loaded && (self->error || (link != NGW_LINK_CONNECTING && link != NGW_LINK_READY)))
		page = "unable";
	else if (!self->is_loaded)
		page = "loading";
	else if (g_list_model_get_n_items(G_LIST_MODEL(self->filtered)) == 0)
		page = is_filtered(self) ? "no-result" : "none";
	if (g_str_equal(page, "unable"))
		adw_status_page_set_description(ADW_STATUS_PAGE(self->unable), why ? why : "");
	page_update_none(self);
	gtk_spinner_set_spinning(GTK_SPINNER(self->spinner), g_str_equal(page, "loading"));
	gtk_stack_set_visible_child_name(GTK_STACK(self->stack), page);
	gtk_widget_set_sensitive(self->scroller, ngw_guard_is_ready(guard));
}

/* Takes `note`. */
static void add_note(GString *text, guint64 count, char *note)
{
	if (count > 0)
		g_string_append_printf(text, "%s%s", text->len > 0 ? "\n" : "", note);
	g_free(note);
}

static char *text_lost(guint64 n)
{
	return g_strdup_printf(g_dngettext(GETTEXT_PACKAGE, "%'lu event lost: more happened than could be recorded.",
					   "%'lu events lost: more happened than could be recorded.", (gulong)n),
			       (gulong)n);
}

static char *text_skipped(guint64 n)
{
	return g_strdup_printf(
		g_dngettext(GETTEXT_PACKAGE, "%'lu attempt was not shown as it happened: there were too many.",
			    "%'lu attempts were not shown as they happened: there were too many.", (gulong)n),
		(gulong)n);
}

static char *text_dropped(guint64 n)
{
	return g_strdup_printf(g_dngettext(GETTEXT_PACKAGE, "%'lu older line was left out to make room.",
					   "%'lu older lines were left out to make room.", (gulong)n),
			       (gulong)n);
}

/* What is missing from the list. */
static void page_update_notes(NgwActivityPage *self)
{
	GVariant *status = ngw_guard_status(ngw_window_guard(self->window));
	g_autoptr(GVariant) faults = status ? g_variant_lookup_value(status, "faults", G_VARIANT_TYPE("a{st}")) : NULL;
	g_autoptr(GString) text = g_string_new(NULL);
	const guint64 skipped = ngw_activity_table_skipped(self->table);
	const guint64 dropped = ngw_activity_table_dropped(self->table);
	guint64 lost = 0;

	if (faults)
		g_variant_lookup(faults, "events-lost", "t", &lost);
	add_note(text, lost, text_lost(lost));
	add_note(text, skipped, text_skipped(skipped));
	add_note(text, dropped, text_dropped(dropped));
	if (!g_str_equal(text->str, gtk_label_get_text(GTK_LABEL(self->note))))
		gtk_label_set_text(GTK_LABEL(self->note), text->str);
	gtk_widget_set_visible(self->notes, text->len > 0);
}

static void page_refilter(NgwActivityPage *self)
{
	ngw_row_growth_restart(self->growth);
	gtk_filter_changed(self->filter, GTK_FILTER_CHANGE_DIFFERENT);
	page_update(self);
}

static void filter_changed(NgwActivityPage *self)
{
	const guint chosen = gtk_drop_down_get_selected(GTK_DROP_DOWN(self->application));

	if (self->is_setting || !self->filter)
		return;
	g_free(self->search_text);
	self->search_text = g_utf8_casefold(gtk_editable_get_text(GTK_EDITABLE(self->search)), -1);
	g_free(self->wanted_key);
	self->wanted_key = chosen > 0 && chosen <= self->keys->len ? g_strdup(self->keys->pdata[chosen - 1]) : NULL;
	page_refilter(self);
}

static void search_stopped(NgwActivityPage *self)
{
	gtk_editable_set_text(GTK_EDITABLE(self->search), "");
}

/* --- the choice of applications --- */

typedef struct {
	char *key, *name;
} Choice;

static void choice_free(gpointer data)
{
	Choice *choice = data;

	g_free(choice->key);
	g_free(choice->name);
	g_free(choice);
}

static int choice_compare(gconstpointer a, gconstpointer b)
{
	const Choice *one = *(Choice *const *)a, *other = *(Choice *const *)b;
	const int order = g_utf8_collate(one->name, other->name);

	return order ? order : g_strcmp0(one->key, other->key);
}

static GPtrArray *choices_of_table(NgwActivityPage *self)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	GPtrArray *choices = g_ptr_array_new_with_free_func(choice_free);
	const guint n = g_list_model_get_n_items(G_LIST_MODEL(self->table));

	for (guint i = 0; i < n && choices->len < MAX_APPLICATIONS; i++) {
		g_autoptr(NgwActivityGroup) group = g_list_model_get_item(G_LIST_MODEL(self->table), i);
		const NgwAttempt *attempt = ngw_activity_group_attempt(group);
		Choice *choice;

		if (g_hash_table_contains(seen, ngw_attempt_key(attempt)))
			continue;
		choice = g_new(Choice, 1);
		*choice = (Choice){ g_strdup(ngw_attempt_key(attempt)), ngw_activity_name(self->window, attempt) };
		g_hash_table_add(seen, choice->key);
		g_ptr_array_add(choices, choice);
	}
	g_ptr_array_sort(choices, choice_compare);
	return choices;
}

static void page_list_applications(NgwActivityPage *self)
{
	g_autoptr(GPtrArray) choices = choices_of_table(self);
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	guint chosen = 0;

	self->is_setting = TRUE;
	g_hash_table_remove_all(self->has_key);
	g_ptr_array_set_size(self->keys, 0);
	g_ptr_array_add(names, (gpointer)_("All Applications"));
	for (guint i = 0; i < choices->len; i++) {
		const Choice *choice = choices->pdata[i];

		g_ptr_array_add(names, choice->name);
		g_ptr_array_add(self->keys, g_strdup(choice->key));
		g_hash_table_add(self->has_key, self->keys->pdata[i]);
		if (g_strcmp0(choice->key, self->wanted_key) == 0)
			chosen = i + 1;
	}
	g_ptr_array_add(names, NULL);
	gtk_string_list_splice(self->applications, 0, g_list_model_get_n_items(G_LIST_MODEL(self->applications)),
			       (const char *const *)names->pdata);
	gtk_drop_down_set_selected(GTK_DROP_DOWN(self->application), chosen);
	self->is_setting = FALSE;
	if (self->wanted_key && chosen == 0)
		filter_changed(self);
}

/* Where `name` belongs among those listed after "All Applications". */
static guint choice_place(NgwActivityPage *self, const char *name)
{
	guint low = 0, high = self->keys->len;

	while (low < high) {
		const guint middle = (low + high) / 2;

		if (g_utf8_collate(gtk_string_list_get_string(self->applications, middle + 1), name) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void choice_add(NgwActivityPage *self, const NgwAttempt *attempt)
{
	g_autofree char *name = ngw_activity_name(self->window, attempt);
	const guint place = choice_place(self, name);
	char *key = g_strdup(ngw_attempt_key(attempt));

	g_ptr_array_insert(self->keys, (gint)place, key);
	g_hash_table_add(self->has_key, key);
	self->is_setting = TRUE; /* the one that is chosen moves, and stays it */
	gtk_string_list_splice(self->applications, place + 1, 0, (const char *const[]){ name, NULL });
	self->is_setting = FALSE;
}

/* A drop-down makes the rows of its list although nobody opened it: a few at a time. */
static gboolean choices_step(gpointer data)
{
	NgwActivityPage *self = data;
	const guint n = g_list_model_get_n_items(G_LIST_MODEL(self->table));
	guint n_added = 0;

	for (guint i = 0; i < n && self->keys->len < MAX_APPLICATIONS; i++) {
		g_autoptr(NgwActivityGroup) group = g_list_model_get_item(G_LIST_MODEL(self->table), i);
		const NgwAttempt *attempt = ngw_activity_group_attempt(group);

		if (g_hash_table_contains(self->has_key, ngw_attempt_key(attempt)))
			continue;
		choice_add(self, attempt);
		if (++n_added == CHOICES_STEP)
			return G_SOURCE_CONTINUE;
	}
	self->choices = 0;
	return G_SOURCE_REMOVE;
}

static void table_changed(NgwActivityPage *self)
{
	if (self->choices == 0 && self->keys->len < MAX_APPLICATIONS)
		self->choices = g_timeout_add(CHOICES_MS, choices_step, self);
}

/* --- attempts --- */

static gboolean page_wants_everyone(NgwActivityPage *self)
{
	return gtk_toggle_button_get_active(GTK_TOGGLE_BUTTON(self->everyone));
}

static void everyone_set(NgwActivityPage *self, gboolean is_wanted)
{
	self->is_setting = TRUE;
	gtk_toggle_button_set_active(GTK_TOGGLE_BUTTON(self->everyone), is_wanted);
	self->is_setting = FALSE;
}

static void attempts_answered(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(NgwActivityPage) self = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) reply = ngw_guard_call_finish(NGW_GUARD(source), result, &error);
	g_autoptr(GVariant) attempts = reply ? g_variant_get_child_value(reply, 0) : NULL;

	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return;
	g_clear_object(&self->asking);
	g_clear_pointer(&self->error, g_free);
	if (attempts) {
		ngw_row_growth_restart(self->growth);
		ngw_activity_table_load(self->table, attempts);
		page_list_applications(self);
		self->is_loaded = TRUE;
	} else {
		self->error = g_strdup(error->message);
	}
	page_update_notes(self);
	page_update(self);
}

static void page_ask(NgwActivityPage *self)
{
	NgwGuard *guard = ngw_window_guard(self->window);
	GVariantBuilder filter;

	g_cancellable_cancel(self->asking);
	g_clear_object(&self->asking);
	self->asking = g_cancellable_new();
	g_variant_builder_init(&filter, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&filter, "{sv}", "limit", g_variant_new_uint32(ASK_LIMIT));
	if (page_wants_everyone(self))
		g_variant_builder_add(&filter, "{sv}", "everyone", g_variant_new_boolean(TRUE));
	ngw_guard_call(guard, "GetAttempts", g_variant_new("(a{sv})", &filter), "(aa{sv})", self->asking,
		       attempts_answered, g_object_ref(self));
}

static void attempts_came(NgwActivityPage *self, GPtrArray *attempts)
{
	if (!self->is_loaded)
		return; /* they will be in the answer */
	ngw_activity_table_add(self->table, attempts);
	page_update_notes(self);
	page_update(self);
}

/* --- everyone's --- */

static void subscribed(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(NgwActivityPage) self = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) reply = ngw_guard_call_finish(NGW_GUARD(source), result, &error);

	if (!self->stack) /* disposed of */
		return;
	gtk_widget_set_sensitive(self->everyone, TRUE);
	if (reply) {
		page_ask(self);
		return;
	}
	everyone_set(self, FALSE);
	if (ngw_guard_is_ready(ngw_window_guard(self->window)))
		ngw_toast_error(GTK_WIDGET(self), _("Everyone’s attempts are not shown"), error);
}

static void everyone_toggled(NgwActivityPage *self)
{
	if (self->is_setting || !self->window)
		return;
	gtk_widget_set_sensitive(self->everyone, FALSE);
	ngw_guard_call(ngw_window_guard(self->window), page_wants_everyone(self) ? "SubscribeAll" : "Subscribe", NULL,
		       "()", NULL, subscribed, g_object_ref(self));
}

static void everyone_update(NgwActivityPage *self)
{
	NgwGuard *guard = ngw_window_guard(self->window);
	const char *permission = ngw_guard_permission(guard, "observe");
	const gboolean is_free = g_str_equal(permission, "yes"), is_possible = !g_str_equal(permission, "no");
	const char *text = is_free       ? _("Show everyone’s attempts, not only your own")
			   : is_possible ? _("Show everyone’s attempts. You will be asked for a password")
					 : ngw_dict_string(ngw_guard_permissions(guard), "text",
							   _("You may not see everyone’s attempts"));

	gtk_image_set_from_icon_name(GTK_IMAGE(self->everyone_icon),
				     is_free ? "system-users-symbolic" : "changes-prevent-symbolic");
	gtk_widget_set_tooltip_text(self->everyone, text);
	gtk_accessible_update_property(GTK_ACCESSIBLE(self->everyone), GTK_ACCESSIBLE_PROPERTY_LABEL,
				       is_free ? _("Everyone’s attempts") : _("Everyone’s attempts, locked"), -1);
	gtk_widget_set_sensitive(self->everyone, is_possible && ngw_guard_is_ready(guard));
	gtk_widget_set_visible(self->everyone, getuid() != 0); /* root sees all of them anyway */
}

/* --- the guard --- */

static void simulation_update(NgwActivityPage *self)
{
	const char *const blocked[] = { ngw_guard_is_simulation(ngw_window_guard(self->window)) ? _("Would Be Blocked")
												: _("Blocked"),
					NULL };
	const guint selected = gtk_drop_down_get_selected(GTK_DROP_DOWN(self->verdict));

	if (g_str_equal(gtk_string_list_get_string(self->verdicts, 0), blocked[0]))
		return;
	self->is_setting = TRUE;
	gtk_string_list_splice(self->verdicts, 0, 1, blocked);
	gtk_drop_down_set_selected(GTK_DROP_DOWN(self->verdict), selected);
	self->is_setting = FALSE;
}

static void guard_changed(NgwActivityPage *self, guint parts)
{
	if (parts & NGW_PART_PERMISSIONS)
		everyone_update(self);
	if (parts & NGW_PART_STATUS) {
		simulation_update(self);
		page_update_notes(self);
		page_update(self);
	}
}

/* A new connection hears of its own user's attempts only: everyone's are asked for again if that needs no question. */
static void guard_link(NgwActivityPage *self)
{
	NgwGuard *guard = ngw_window_guard(self->window);

	everyone_update(self);
	if (ngw_guard_is_ready(guard)) {
		if (page_wants_everyone(self) && g_str_equal(ngw_guard_permission(guard, "observe"), "yes")) {
			everyone_toggled(self);
		} else {
			everyone_set(self, FALSE);
			page_ask(self);
		}
	}
	page_update(self);
}

/* --- actions --- */

static void page_show_all(GtkWidget *widget, const char *action, GVariant *parameter)
{
	NgwActivityPage *self = NGW_ACTIVITY_PAGE(widget);

	self->is_setting = TRUE;
	gtk_editable_set_text(GTK_EDITABLE(self->search), "");
	gtk_drop_down_set_selected(GTK_DROP_DOWN(self->verdict), SHOW_ALL);
	gtk_drop_down_set_selected(GTK_DROP_DOWN(self->period), PERIOD_ANY);
	gtk_drop_down_set_selected(GTK_DROP_DOWN(self->application), 0);
	self->is_setting = FALSE;
	filter_changed(self);
}

static void page_only(GtkWidget *widget, const char *action, GVariant *parameter)
{
	NgwActivityPage *self = NGW_ACTIVITY_PAGE(widget);
	const char *key = g_variant_get_string(parameter, NULL);

	if (!g_hash_table_contains(self->has_key, key))
		page_list_applications(self);
	for (guint i = 0; i < self->keys->len; i++) {
		if (g_str_equal(self->keys->pdata[i], key))
			gtk_drop_down_set_selected(GTK_DROP_DOWN(self->application), i + 1);
	}
}

static void page_retry(GtkWidget *widget, const char *action, GVariant *parameter)
{
	NgwActivityPage *self = NGW_ACTIVITY_PAGE(widget);
	NgwGuard *guard = ngw_window_guard(self->window);

	if (ngw_guard_is_ready(guard))
		page_ask(self);
	else
		ngw_guard_retry(guard);
}

static void list_activated(GtkListView *list, guint position, gpointer data)
{
	NgwActivityPage *self = data;
	g_autoptr(NgwActivityGroup) group = g_list_model_get_item(G_LIST_MODEL(self->growth), position);

	if (group)
		ngw_window_show_app(self->window, ngw_attempt_key(ngw_activity_group_attempt(group)));
}

/* The row that has the keyboard, or something in it has. */
static NgwActivityRow *focused_row(NgwActivityPage *self)
{
	GtkRoot *root = gtk_widget_get_root(GTK_WIDGET(self));
	GtkWidget *focus = root ? gtk_root_get_focus(root) : NULL;
	GtkWidget *row = focus ? gtk_widget_get_ancestor(focus, NGW_TYPE_ACTIVITY_ROW) : NULL;

	if (!row && focus && NGW_IS_ACTIVITY_ROW(gtk_widget_get_first_child(focus)))
		row = gtk_widget_get_first_child(focus);
	return row ? NGW_ACTIVITY_ROW(row) : NULL;
}

static gboolean key_menu(GtkWidget *widget, GVariant *args, gpointer data)
{
	NgwActivityRow *row = focused_row(data);

	if (row)
		ngw_activity_row_popup(row);
	return row != NULL;
}

static gboolean key_copy(GtkWidget *widget, GVariant *args, gpointer data)
{
	NgwActivityRow *row = focused_row(data);

	if (row)
		gtk_widget_activate_action(GTK_WIDGET(row), "attempt.copy", NULL);
	return row != NULL;
}

static void page_add_keys(NgwActivityPage *self)
{
	const struct {
		const char *keys;
		GtkShortcutFunc function;
	} keys[] = { { "Menu|<Shift>F10", key_menu }, { "<Control>c", key_copy } };
	GtkEventController *controller = gtk_shortcut_controller_new();

	for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
		gtk_shortcut_controller_add_shortcut(
			GTK_SHORTCUT_CONTROLLER(controller),
			gtk_shortcut_new(gtk_shortcut_trigger_parse_string(keys[i].keys),
					 gtk_callback_action_new(keys[i].function, self, NULL)));
	gtk_widget_add_controller(self->list, controller);
}

/* --- rows --- */

static void row_gone(gpointer data, GObject *row)
{
	g_ptr_array_remove_fast(((NgwActivityPage *)data)->rows, row);
}

static void item_setup(GtkSignalListItemFactory *factory, GtkListItem *item, gpointer data)
{
	NgwActivityPage *self = data;
	GtkWidget *row = ngw_activity_row_new(self->window);

	g_ptr_array_add(self->rows, row);
	g_object_weak_ref(G_OBJECT(row), row_gone, self);
	gtk_list_item_set_child(item, row);
	gtk_list_item_set_selectable(item, FALSE);
}

static void item_bind(GtkSignalListItemFactory *factory, GtkListItem *item, gpointer data)
{
	ngw_activity_row_set_group(NGW_ACTIVITY_ROW(gtk_list_item_get_child(item)), gtk_list_item_get_item(item));
}

static void item_unbind(GtkSignalListItemFactory *factory, GtkListItem *item, gpointer data)
{
	ngw_activity_row_set_group(NGW_ACTIVITY_ROW(gtk_list_item_get_child(item)), NULL);
}

/* Names came, or are other ones. */
static void names_changed(NgwActivityPage *self)
{
	for (guint i = 0; i < self->rows->len; i++)
		ngw_activity_row_refresh(self->rows->pdata[i]);
}

static void ellipsized_setup(GtkSignalListItemFactory *factory, GtkListItem *item, gpointer data)
{
	GtkWidget *label = gtk_label_new(NULL);

	gtk_label_set_xalign(GTK_LABEL(label), 0);
	gtk_label_set_ellipsize(GTK_LABEL(label), PANGO_ELLIPSIZE_END);
	gtk_label_set_max_width_chars(GTK_LABEL(label), 24);
	gtk_list_item_set_child(item, label);
}

static void ellipsized_bind(GtkSignalListItemFactory *factory, GtkListItem *item, gpointer data)
{
	GtkWidget *label = gtk_list_item_get_child(item);
	const char *text = gtk_string_object_get_string(gtk_list_item_get_item(item));
	GtkWidget *row = gtk_widget_get_parent(label);

	gtk_label_set_text(GTK_LABEL(label), text);
	if (row)
		gtk_accessible_update_property(GTK_ACCESSIBLE(row), GTK_ACCESSIBLE_PROPERTY_LABEL, text, -1);
}

/* --- life --- */

static gboolean page_tick(gpointer data)
{
	NgwActivityPage *self = data;

	if (gtk_drop_down_get_selected(GTK_DROP_DOWN(self->period)) != PERIOD_ANY) {
		gtk_filter_changed(self->filter, GTK_FILTER_CHANGE_MORE_STRICT);
		page_update(self);
	}
	return G_SOURCE_CONTINUE;
}

static void ngw_activity_page_map(GtkWidget *widget)
{
	NgwActivityPage *self = NGW_ACTIVITY_PAGE(widget);

	GTK_WIDGET_CLASS(ngw_activity_page_parent_class)->map(widget);
	names_changed(self);
	ngw_row_growth_set_seen(self->growth, TRUE);
	if (self->timer == 0)
		self->timer = g_timeout_add_seconds(REFILTER_S, page_tick, self);
}

static void ngw_activity_page_unmap(GtkWidget *widget)
{
	NgwActivityPage *self = NGW_ACTIVITY_PAGE(widget);

	g_clear_handle_id(&self->timer, g_source_remove);
	ngw_row_growth_set_seen(self->growth, FALSE);
	GTK_WIDGET_CLASS(ngw_activity_page_parent_class)->unmap(widget);
}

static void ngw_activity_page_dispose(GObject *object)
{
	NgwActivityPage *self = NGW_ACTIVITY_PAGE(object);

	g_clear_handle_id(&self->timer, g_source_remove);
	g_clear_handle_id(&self->choices, g_source_remove);
	g_cancellable_cancel(self->asking);
	g_clear_object(&self->asking);
	for (guint i = 0; self->rows && i < self->rows->len; i++)
		g_object_weak_unref(G_OBJECT(self->rows->pdata[i]), row_gone, self);
	g_clear_pointer(&self->rows, g_ptr_array_unref);
	if (self->table)
		g_signal_handlers_disconnect_by_data(self->table, self);
	self->stack = NULL;
	g_clear_pointer(&self->box, gtk_widget_unparent);
	if (self->filter)
		gtk_custom_filter_set_filter_func(GTK_CUSTOM_FILTER(self->filter), NULL, NULL, NULL);
	g_clear_object(&self->growth);
	g_clear_object(&self->filtered);
	g_clear_object(&self->filter);
	g_clear_object(&self->table);
	G_OBJECT_CLASS(ngw_activity_page_parent_class)->dispose(object);
}

static void ngw_activity_page_finalize(GObject *object)
{
	NgwActivityPage *self = NGW_ACTIVITY_PAGE(object);

	g_hash_table_unref(self->has_key);
	g_ptr_array_unref(self->keys);
	g_free(self->search_text);
	g_free(self->wanted_key);
	g_free(self->error);
	G_OBJECT_CLASS(ngw_activity_page_parent_class)->finalize(object);
}

static void page_bind_template(GtkWidgetClass *widget)
{
	gtk_widget_class_set_template_from_resource(widget, NGW_RESOURCES "/ui/activity-page.ui");
	gtk_widget_class_bind_template_child(widget, NgwActivityPage, box);
	gtk_widget_class_bind_template_child(widget, NgwActivityPage, filters);
	gtk_widget_class_bind_template_child(widget, NgwActivityPage, search);
	gtk_widget_class_bind_template_child(widget, NgwActivityPage, everyone);
	gtk_widget_class_bind_template_child(widget, NgwActivityPage, everyone_icon);
	gtk_widget_class_bind_template_child(widget, NgwActivityPage, verdict);
	gtk_widget_class_bind_template_child(widget, NgwActivityPage, verdicts);
	gtk_widget_class_bind_template_child(widget, NgwActivityPage, period);
	gtk_widget_class_bind_template_child(widget, NgwActivityPage, application);
	gtk_widget_class_bind_template_child(widget, NgwActivityPage, applications);
	gtk_widget_class_bind_template_child(widget, NgwActivityPage, notes);
	gtk_widget_class_bind_template_child(widget, NgwActivityPage, note);
	gtk_widget_class_bind_template_child(widget, NgwActivityPage, stack);
	gtk_widget_class_bind_template_child(widget, NgwActivityPage, scroller);
	gtk_widget_class_bind_template_child(widget, NgwActivityPage, list);
	gtk_widget_class_bind_template_child(widget, NgwActivityPage, spinner);
	gtk_widget_class_bind_template_child(widget, NgwActivityPage, none);
	gtk_widget_class_bind_template_child(widget, NgwActivityPage, unable);
	gtk_widget_class_bind_template_child(widget, NgwActivityPage, traffic);
	gtk_widget_class_bind_template_callback(widget, filter_changed);
	gtk_widget_class_bind_template_callback(widget, search_stopped);
	gtk_widget_class_bind_template_callback(widget, everyone_toggled);
}

static void ngw_activity_page_class_init(NgwActivityPageClass *class)
{
	GtkWidgetClass *widget = GTK_WIDGET_CLASS(class);

	g_type_ensure(NGW_TYPE_ACTIVITY_TRAFFIC);
	G_OBJECT_CLASS(class)->dispose = ngw_activity_page_dispose;
	G_OBJECT_CLASS(class)->finalize = ngw_activity_page_finalize;
	widget->map = ngw_activity_page_map;
	widget->unmap = ngw_activity_page_unmap;
	page_bind_template(widget);
	gtk_widget_class_install_action(widget, "activity.show-all", NULL, page_show_all);
	gtk_widget_class_install_action(widget, "activity.only", "s", page_only);
	gtk_widget_class_install_action(widget, "activity.retry", NULL, page_retry);
}

static void ngw_activity_page_init(NgwActivityPage *self)
{
	self->rows = g_ptr_array_new();
	self->keys = g_ptr_array_new_with_free_func(g_free);
	self->has_key = g_hash_table_new(g_str_hash, g_str_equal);
	self->search_text = g_strdup("");
	gtk_widget_init_template(GTK_WIDGET(self));
	gtk_widget_set_layout_manager(self->filters, ngw_fold_layout_new(FOLD_WIDTH, 6));
	gtk_search_entry_set_key_capture_widget(GTK_SEARCH_ENTRY(self->search), self->scroller);
	page_add_keys(self);
}

static void page_build_lists(NgwActivityPage *self)
{
	g_autoptr(GtkListItemFactory) rows = gtk_signal_list_item_factory_new();
	g_autoptr(GtkListItemFactory) names = gtk_signal_list_item_factory_new();
	g_autoptr(GtkNoSelection) selection = NULL;

	self->table = ngw_activity_table_new(NGW_ACTIVITY_MAX_GROUPS);
	self->filter = GTK_FILTER(gtk_custom_filter_new(page_passes, self, NULL));
	self->filtered = gtk_filter_list_model_new(G_LIST_MODEL(g_object_ref(self->table)), g_object_ref(self->filter));
	self->growth = ngw_row_growth_new(G_LIST_MODEL(self->filtered), NGW_ROWS_STREAM);
	selection = gtk_no_selection_new(G_LIST_MODEL(g_object_ref(self->growth)));
	g_signal_connect(rows, "setup", G_CALLBACK(item_setup), self);
	g_signal_connect(rows, "bind", G_CALLBACK(item_bind), self);
	g_signal_connect(rows, "unbind", G_CALLBACK(item_unbind), self);
	gtk_list_view_set_factory(GTK_LIST_VIEW(self->list), rows);
	gtk_list_view_set_model(GTK_LIST_VIEW(self->list), GTK_SELECTION_MODEL(selection));
	g_signal_connect(self->list, "activate", G_CALLBACK(list_activated), self);
	ngw_row_growth_follow(self->growth, gtk_scrolled_window_get_vadjustment(GTK_SCROLLED_WINDOW(self->scroller)),
			      self->list);
	g_signal_connect(names, "setup", G_CALLBACK(ellipsized_setup), NULL);
	g_signal_connect(names, "bind", G_CALLBACK(ellipsized_bind), NULL);
	/* All three give way at 360 pixels. */
	gtk_drop_down_set_factory(GTK_DROP_DOWN(self->verdict), names);
	gtk_drop_down_set_factory(GTK_DROP_DOWN(self->period), names);
	gtk_drop_down_set_factory(GTK_DROP_DOWN(self->application), names);
	g_signal_connect_swapped(self->table, "items-changed", G_CALLBACK(table_changed), self);
	page_list_applications(self);
}

GtkWidget *ngw_activity_page_new(NgwWindow *window)
{
	NgwActivityPage *self = g_object_new(NGW_TYPE_ACTIVITY_PAGE, NULL);
	NgwGuard *guard = ngw_window_guard(window);

	self->window = window;
	page_build_lists(self);
	ngw_activity_traffic_set_guard(self->traffic, guard);
	g_signal_connect_object(guard, "attempts", G_CALLBACK(attempts_came), self, G_CONNECT_SWAPPED);
	g_signal_connect_object(guard, "changed", G_CALLBACK(guard_changed), self, G_CONNECT_SWAPPED);
	g_signal_connect_object(guard, "link", G_CALLBACK(guard_link), self, G_CONNECT_SWAPPED);
	g_signal_connect_object(ngw_window_apps(window), "items-changed", G_CALLBACK(names_changed), self,
				G_CONNECT_SWAPPED);
	g_signal_connect_object(ngw_window_entries(window), "changed", G_CALLBACK(names_changed), self,
				G_CONNECT_SWAPPED);
	simulation_update(self);
	guard_link(self);
	return GTK_WIDGET(self);
}
