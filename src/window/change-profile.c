/* SPDX-License-Identifier: MIT */
/*
 * Changing profiles, of one or several, and taking it back (changes.h). A Batch is what one click asked for: its calls
 * run one after the other, so that one question for a password serves all; at the end there is one toast. Undo is a
 * Batch whose wishes are what was before.
 */
#include <glib/gi18n.h>
#include <json-glib/json-glib.h>
#include <string.h>

#include "window/changes.h"
#include "window/format.h"
#include "window/window.h"

static const struct {
	const char *word, *text;
} durations[] = {
	[NGW_FOR_EVER] = { "ever", N_("for ever") },
	[NGW_FOR_15_MINUTES] = { "15m", N_("for 15 minutes") },
	[NGW_FOR_1_HOUR] = { "1h", N_("for 1 hour") },
	[NGW_UNTIL_QUIT] = { "quit", N_("until it quits") },
	[NGW_UNTIL_RESTART] = { "restart", N_("until restart") },
};

/* What shall be for one application. */
typedef struct {
	char *key; /* as ngw_app_key() */
	char *name;
	NgwProfile profile; /* NONE: forget */
	gint64 until;
	char *while_word;
	NgwProfile then;
	gboolean has_end, has_reason;
	char *reason;
	gboolean was_forgotten;
	char *document; /* Import's, which makes what was forgotten again, whole */
} Wish;

typedef struct {
	GWeakRef widget;
	NgwApps *apps;     /* owned */
	GPtrArray *wishes; /* Wish */
	GPtrArray *undo;   /* Wish: what was, of those that were changed */
	Wish *before;      /* what the one under way was, if it has a line */
	guint next;
	guint64 closed;
	char *warning;
	char *otherwise; /* the first that is stored and not in force */
	GError *error;   /* the first */
	guint n_failed;
	gboolean is_undo;
	NgwDuration duration;
} Batch;

NgwDuration ngw_duration_from_word(const char *word)
{
	for (guint i = 0; i < G_N_ELEMENTS(durations); i++) {
		if (g_str_equal(durations[i].word, word))
			return i;
	}
	return NGW_FOR_EVER;
}

const char *ngw_duration_text(NgwDuration duration)
{
	return _(durations[duration].text);
}

static void wish_free(gpointer data)
{
	Wish *wish = data;

	g_free(wish->key);
	g_free(wish->name);
	g_free(wish->while_word);
	g_free(wish->reason);
	g_free(wish->document);
	g_free(wish);
}

static GPtrArray *wishes_new(void)
{
	return g_ptr_array_new_with_free_func(wish_free);
}

/* What is now, so that it can be had again. */
static Wish *wish_of_now(NgwApp *app)
{
	const NgwAppData *data = ngw_app_data(app);
	Wish *wish = g_new0(Wish, 1);

	wish->name = g_strdup(data->name);
	/* A decision of another layer comes back by itself when the person's own is forgotten. */
	wish->profile = ngw_app_is_decided(app) && g_str_equal(data->layer, "user") ? data->profile : NGW_PROFILE_NONE;
	wish->until = data->until;
	wish->while_word = g_strdup(data->while_word);
	wish->then = data->then;
	wish->has_end = ngw_app_is_temporary(app);
	wish->has_reason = TRUE;
	wish->reason = g_strdup(data->reason);
	return wish;
}

static void batch_free(Batch *batch)
{
	g_weak_ref_clear(&batch->widget);
	g_object_unref(batch->apps);
	g_clear_pointer(&batch->wishes, g_ptr_array_unref);
	g_clear_pointer(&batch->undo, g_ptr_array_unref);
	g_clear_pointer(&batch->before, wish_free);
	g_clear_error(&batch->error);
	g_free(batch->warning);
	g_free(batch->otherwise);
	g_free(batch);
}

static Batch *batch_new(GtkWidget *widget)
{
	Batch *batch = g_new0(Batch, 1);

	g_weak_ref_init(&batch->widget, widget);
	batch->apps = g_object_ref(ngw_application_apps(NGW_APPLICATION(g_application_get_default())));
	batch->wishes = wishes_new();
	batch->undo = wishes_new();
	return batch;
}

/* --- undo: the last few batches, by number --- */

#define MAX_UNDO 8

static struct {
	guint64 number;
	GPtrArray *wishes;
} undos[MAX_UNDO];
static guint64 undo_number;

static char *undo_keep(GPtrArray *wishes)
{
	const guint slot = (guint)(++undo_number % MAX_UNDO);

	g_clear_pointer(&undos[slot].wishes, g_ptr_array_unref);
	undos[slot].wishes = g_ptr_array_ref(wishes);
	undos[slot].number = undo_number;
	return g_strdup_printf("win.undo(uint64 %" G_GUINT64_FORMAT ")", undo_number);
}

/* --- the end --- */

static void clear_pending(Batch *batch, const Wish *wish)
{
	NgwApp *app = ngw_apps_find(batch->apps, wish->key);

	if (app && ngw_app_pending(app) != NGW_PROFILE_NONE)
		ngw_app_set_pending(app, NGW_PROFILE_NONE);
}

static char *text_of_one(Batch *batch, const Wish *wish)
{
	if (wish->profile == NGW_PROFILE_NONE)
		return batch->is_undo ? g_strdup_printf(_("%s is as before"), wish->name)
				      : g_strdup_printf(_("The decision on %s is forgotten"), wish->name);
	if (wish->has_end && !batch->is_undo)
		return g_strdup_printf(_("%s is now %s, %s"), wish->name, ngw_profile_title(wish->profile),
				       ngw_duration_text(batch->duration));
	return g_strdup_printf(_("%s is now %s"), wish->name, ngw_profile_title(wish->profile));
}

static char *text_of_several(Batch *batch)
{
	const guint n = batch->wishes->len - batch->n_failed;
	const Wish *first = batch->wishes->pdata[0];

	if (batch->is_undo)
		return g_strdup_printf(
			g_dngettext(GETTEXT_PACKAGE, "%u application is as before", "%u applications are as before", n),
			n);
	return g_strdup_printf(
		g_dngettext(GETTEXT_PACKAGE, "%u application is now %s", "%u applications are now %s", n), n,
		ngw_profile_title(first->profile));
}

static void batch_tell_failure(Batch *batch, GtkWidget *widget)
{
	const Wish *wish = batch->wishes->pdata[0];
	g_autofree char *what = NULL;

	if (batch->wishes->len > 1)
		what = g_strdup_printf(_("%u of %u applications were not changed"), batch->n_failed,
				       batch->wishes->len);
	else if (wish->profile == NGW_PROFILE_NONE)
		what = g_strdup_printf(_("%s stays as it is"), wish->name);
	else
		what = g_strdup_printf(_("%s is not %s"), wish->name, ngw_profile_title(wish->profile));
	ngw_toast_error(widget, what, batch->error);
}

/* A forgotten decision that Import cannot make again (it held while a program ran) is not offered back. */
static gboolean can_undo(Batch *batch)
{
	for (guint i = 0; i < batch->undo->len; i++) {
		const Wish *wish = batch->undo->pdata[i];

		if (wish->was_forgotten && !wish->document)
			return FALSE;
	}
	return TRUE;
}

static void batch_end(Batch *batch)
{
	g_autoptr(GtkWidget) widget = g_weak_ref_get(&batch->widget);
	g_autoptr(GString) text = g_string_new(NULL);
	g_autofree char *said = NULL, *undo = NULL;

	for (guint i = 0; i < batch->wishes->len; i++)
		clear_pending(batch, batch->wishes->pdata[i]);
	ngw_apps_refresh(batch->apps);
	if (batch->error)
		batch_tell_failure(batch, widget);
	if (batch->undo->len > 0) {
		said = batch->wishes->len == 1 ? text_of_one(batch, batch->wishes->pdata[0]) : text_of_several(batch);
		g_string_append(text, batch->otherwise ? batch->otherwise : said);
		if (batch->warning && !batch->otherwise)
			g_string_append_printf(text, " · %s", batch->warning);
		if (batch->closed > 0) {
			g_autofree char *closed = ngw_format_closed(batch->closed);

			g_string_append_printf(text, " · %s", closed);
		}
		if (!batch->is_undo && can_undo(batch))
			undo = undo_keep(batch->undo);
		ngw_toast(widget, text->str, undo ? _("Undo") : NULL, undo);
	}
	batch_free(batch);
}

/* --- one after the other --- */

static void batch_next(Batch *batch);

static void wish_answered(GVariant *reply, const GError *error, gpointer data)
{
	Batch *batch = data;
	const Wish *wish = batch->wishes->pdata[batch->next];

	clear_pending(batch, wish);
	if (error) {
		batch->n_failed++;
		if (!batch->error)
			batch->error = g_error_copy(error);
		/* Who closed the question once does not want it for each of the others. */
		if (g_error_matches(error, NG_CLIENT_ERROR, NG_CLIENT_ERROR_CANCELLED) ||
		    g_error_matches(error, NG_CLIENT_ERROR, NG_CLIENT_ERROR_NOT_ALLOWED)) {
			batch->n_failed = batch->wishes->len - batch->undo->len;
			batch->next = batch->wishes->len - 1;
		}
	} else {
		g_autoptr(GVariant) result = g_variant_get_child_value(reply, 0);
		const char *id = ngw_dict_string(result, "id", wish->key);
		const char *warning = ngw_dict_string(result, "warning", "");

		batch->closed += ngw_dict_count(result, "closed");
		if (!batch->otherwise)
			batch->otherwise = ngw_change_not_in_force(result);
		if (*warning && !batch->warning)
			batch->warning = g_strdup(warning);
		if (!batch->before) {
			batch->before = g_new0(Wish, 1);
			batch->before->name = g_strdup(wish->name);
		}
		g_free(batch->before->key);
		batch->before->key = g_strdup(id);
		g_ptr_array_add(batch->undo, g_steal_pointer(&batch->before));
	}
	batch->next++;
	batch_next(batch);
}

static void wish_options(const Wish *wish, GVariantBuilder *options)
{
	if (wish->until > 0)
		g_variant_builder_add(options, "{sv}", "until", g_variant_new_int64(wish->until));
	if (wish->while_word && *wish->while_word)
		g_variant_builder_add(options, "{sv}", "while", g_variant_new_string(wish->while_word));
	if (wish->has_end && wish->has_reason)
		g_variant_builder_add(options, "{sv}", "then", g_variant_new_string(ngw_profile_word(wish->then)));
	if (wish->reason && *wish->reason)
		g_variant_builder_add(options, "{sv}", "reason", g_variant_new_string(wish->reason));
}

static void add_strings(JsonBuilder *builder, const char *name, char **texts)
{
	json_builder_set_member_name(builder, name);
	json_builder_begin_array(builder);
	for (; texts && *texts; texts++)
		json_builder_add_string_value(builder, *texts);
	json_builder_end_array(builder);
}

static void add_string(JsonBuilder *builder, const char *name, const char *text)
{
	json_builder_set_member_name(builder, name);
	json_builder_add_string_value(builder, text ? text : "");
}

/* What Export says of one application, and Import takes. NULL: it is not a decision that Import can make. */
static char *document_of(const NgwAppData *data)
{
	g_autoptr(JsonBuilder) builder = json_builder_new();
	g_autoptr(JsonNode) root = NULL;

	if (!g_str_equal(data->layer, "user") || *data->while_word)
		return NULL;
	json_builder_begin_object(builder);
	json_builder_set_member_name(builder, "version");
	json_builder_add_int_value(builder, 1);
	json_builder_set_member_name(builder, "applications");
	json_builder_begin_array(builder);
	json_builder_begin_object(builder);
	add_string(builder, "id", data->id);
	add_string(builder, "name", data->stored_name);
	add_strings(builder, "executables", data->executables);
	add_string(builder, "profile", ngw_profile_word(data->profile));
	add_strings(builder, "allow", data->allow);
	add_string(builder, "children", data->children);
	json_builder_set_member_name(builder, "until");
	json_builder_add_int_value(builder, data->until);
	add_string(builder, "then", ngw_profile_word(data->then));
	add_string(builder, "reason", data->reason);
	json_builder_end_object(builder);
	json_builder_end_array(builder);
	json_builder_end_object(builder);
	root = json_builder_get_root(builder);
	return json_to_string(root, FALSE);
}

static void batch_next(Batch *batch)
{
	g_autoptr(GtkWidget) widget = g_weak_ref_get(&batch->widget);
	const Wish *wish;
	g_autofree char *about = NULL;
	GVariantBuilder options;
	NgwApp *app;

	if (batch->next >= batch->wishes->len) {
		batch_end(batch);
		return;
	}
	wish = batch->wishes->pdata[batch->next];
	/* Now, not when the answer is there: news of the change may be faster than its answer. */
	app = ngw_apps_find(batch->apps, wish->key);
	g_clear_pointer(&batch->before, wish_free);
	batch->before = app ? wish_of_now(app) : NULL;
	if (batch->before && wish->profile == NGW_PROFILE_NONE && !wish->document) {
		batch->before->was_forgotten = TRUE;
		batch->before->document = document_of(ngw_app_data(app));
	}
	g_variant_builder_init(&options, G_VARIANT_TYPE_VARDICT);
	if (wish->document) {
		about = g_strdup_printf(_("Decide on %s as before"), wish->name);
		ngw_change_call_about(widget, about, "Import",
				      g_variant_new("(sba{sv})", wish->document, FALSE, &options), 2, "(a{sv})",
				      wish_answered, batch);
		return;
	}
	if (wish->profile == NGW_PROFILE_NONE) {
		g_autofree char *what = g_strdup_printf(_("Forget the decision on %s"), wish->name);

		ngw_change_call_about(widget, what, "Forget", g_variant_new("(sa{sv})", wish->key, &options), 1,
				      "(a{sv})", wish_answered, batch);
		return;
	}
	wish_options(wish, &options);
	about = batch->wishes->len > 1
			? g_strdup_printf(_("Set %u applications to %s"), batch->wishes->len,
					  ngw_profile_title(wish->profile))
			: g_strdup_printf(_("Set %s to %s"), wish->name, ngw_profile_title(wish->profile));
	ngw_change_call_about(widget, about, "SetProfile",
			      g_variant_new("(ssa{sv})", wish->key, ngw_profile_word(wish->profile), &options), 2,
			      "(a{sv})", wish_answered, batch);
}

/* --- the beginnings --- */

static Wish *wish_new(const char *key, const char *name, NgwProfile profile, NgwDuration duration)
{
	const gint64 now = g_get_real_time() / G_USEC_PER_SEC;
	Wish *wish = g_new0(Wish, 1);

	wish->key = g_strdup(key);
	wish->name = g_strdup(name);
	wish->profile = profile;
	wish->has_end = duration != NGW_FOR_EVER;
	switch (duration) {
	case NGW_FOR_EVER:
		break;
	case NGW_FOR_15_MINUTES:
		wish->until = now + 15 * 60;
		break;
	case NGW_FOR_1_HOUR:
		wish->until = now + 60 * 60;
		break;
	case NGW_UNTIL_QUIT:
		wish->while_word = g_strdup("running");
		break;
	case NGW_UNTIL_RESTART:
		wish->while_word = g_strdup("boot");
		break;
	}
	return wish;
}

void ngw_change_profiles(GtkWidget *widget, GPtrArray *apps, NgwProfile profile, NgwDuration duration)
{
	Batch *batch;

	if (apps->len == 0)
		return;
	batch = batch_new(widget);
	batch->duration = duration;
	for (guint i = 0; i < apps->len; i++) {
		NgwApp *app = apps->pdata[i];

		g_ptr_array_add(batch->wishes, wish_new(ngw_app_key(app), ngw_app_data(app)->name, profile, duration));
		ngw_app_set_pending(app, profile);
	}
	batch_next(batch);
}

void ngw_change_profile(GtkWidget *widget, NgwApp *app, NgwProfile profile, NgwDuration duration, const char *reason)
{
	Batch *batch;

	if (ngw_app_pending(app) != NGW_PROFILE_NONE) /* one at a time */
		return;
	batch = batch_new(widget);
	batch->duration = duration;
	g_ptr_array_add(batch->wishes, wish_new(ngw_app_key(app), ngw_app_data(app)->name, profile, duration));
	((Wish *)batch->wishes->pdata[0])->reason = g_strdup(reason);
	ngw_app_set_pending(app, profile);
	batch_next(batch);
}

void ngw_change_new(GtkWidget *widget, const char *executable, const char *name, NgwProfile profile)
{
	Batch *batch = batch_new(widget);
	g_autofree char *base = g_path_get_basename(executable);

	g_ptr_array_add(batch->wishes, wish_new(executable, name ? name : base, profile, NGW_FOR_EVER));
	batch_next(batch);
}

void ngw_change_forget(GtkWidget *widget, NgwApp *app)
{
	Batch *batch = batch_new(widget);

	g_ptr_array_add(batch->wishes,
			wish_new(ngw_app_key(app), ngw_app_data(app)->name, NGW_PROFILE_NONE, NGW_FOR_EVER));
	batch_next(batch);
}

void ngw_change_undo(GtkWidget *widget, guint64 number)
{
	const guint slot = (guint)(number % MAX_UNDO);
	Batch *batch;

	if (undos[slot].number != number || !undos[slot].wishes)
		return;
	batch = batch_new(widget);
	batch->is_undo = TRUE;
	g_clear_pointer(&batch->wishes, g_ptr_array_unref);
	batch->wishes = g_steal_pointer(&undos[slot].wishes);
	batch_next(batch);
}
