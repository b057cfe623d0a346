/* SPDX-License-Identifier: MIT */
/* One line of the Apps page: see app.h. */
#include "window/app.h"

#include <glib/gi18n.h>
#include <string.h>

#include "window/format.h"

struct _NgwApp {
	GObject parent;
	NgwAppData *data;
	char *search_text;
	char *sort_key;
	NgwProfile pending;
	gboolean is_selected;
};

static guint signal_changed;

G_DEFINE_FINAL_TYPE(NgwApp, ngw_app, G_TYPE_OBJECT)

static const struct {
	const char *word, *title, *effect, *icon;
} profiles[] = {
	[NGW_PROFILE_NONE] = { "", N_("Not decided"), N_("was not decided on"), "netguard-online-symbolic" },
	[NGW_PROFILE_OFFLINE] = { "offline", N_("Offline"), N_("cannot use the network"), "netguard-offline-symbolic" },
	[NGW_PROFILE_LOCAL] = { "local", N_("Local"), N_("can reach this computer and devices on your own network"),
				"netguard-local-symbolic" },
	[NGW_PROFILE_ONLINE] = { "online", N_("Online"), N_("can reach the Internet"), "netguard-online-symbolic" },
};

const char *ngw_profile_word(NgwProfile profile)
{
	return profiles[profile].word;
}

const char *ngw_profile_title(NgwProfile profile)
{
	return _(profiles[profile].title);
}

const char *ngw_profile_effect(NgwProfile profile)
{
	return _(profiles[profile].effect);
}

const char *ngw_profile_icon(NgwProfile profile)
{
	return profiles[profile].icon;
}

NgwProfile ngw_profile_from_word(const char *word)
{
	for (guint i = NGW_PROFILE_OFFLINE; i < G_N_ELEMENTS(profiles); i++) {
		if (g_strcmp0(profiles[i].word, word) == 0)
			return i;
	}
	return NGW_PROFILE_NONE;
}

NgwAppData *ngw_app_data_new_program(const char *path, const char *name)
{
	NgwAppData *data = g_new0(NgwAppData, 1);

	data->id = g_strdup("");
	data->name = g_strdup(name);
	data->executable = g_strdup(path);
	data->executables = g_new0(char *, 2);
	data->executables[0] = g_strdup(path);
	data->while_word = g_strdup("");
	data->reason = g_strdup("");
	data->layer = g_strdup("");
	data->path = g_strdup("");
	data->changed = g_new0(char *, 1);
	data->fingerprint = g_strdup("");
	data->allow = g_new0(char *, 1);
	data->flags = g_new0(char *, 1);
	data->children = g_strdup("inherit");
	return data;
}

void ngw_app_data_free(NgwAppData *data)
{
	if (!data)
		return;
	g_free(data->id);
	g_free(data->name);
	g_free(data->stored_name);
	g_free(data->executable);
	g_strfreev(data->executables);
	g_clear_object(&data->icon);
	g_free(data->while_word);
	g_free(data->reason);
	g_free(data->layer);
	g_free(data->path);
	g_strfreev(data->changed);
	g_free(data->fingerprint);
	g_strfreev(data->allow);
	g_strfreev(data->flags);
	g_free(data->children);
	g_free(data);
}

static gboolean texts_equal(char **a, char **b)
{
	if (!a || !b)
		return a == b;
	return g_strv_equal((const char *const *)a, (const char *const *)b);
}

static gboolean data_equal(const NgwAppData *a, const NgwAppData *b)
{
	return g_strcmp0(a->id, b->id) == 0 && g_strcmp0(a->name, b->name) == 0 &&
	       g_strcmp0(a->executable, b->executable) == 0 && texts_equal(a->executables, b->executables) &&
	       g_icon_equal(a->icon, b->icon) && a->profile == b->profile && a->until == b->until &&
	       g_strcmp0(a->while_word, b->while_word) == 0 && a->then == b->then &&
	       g_strcmp0(a->reason, b->reason) == 0 && g_strcmp0(a->layer, b->layer) == 0 &&
	       g_strcmp0(a->path, b->path) == 0 && a->is_managed == b->is_managed && a->is_running == b->is_running &&
	       a->processes == b->processes && texts_equal(a->changed, b->changed) && a->approved == b->approved &&
	       g_strcmp0(a->fingerprint, b->fingerprint) == 0 && texts_equal(a->allow, b->allow) &&
	       texts_equal(a->flags, b->flags) && g_strcmp0(a->children, b->children) == 0 &&
	       a->denied_today == b->denied_today && a->is_simulated == b->is_simulated &&
	       a->is_read_only == b->is_read_only && a->is_muted == b->is_muted;
}

static void app_take(NgwApp *self, NgwAppData *data)
{
	g_autofree char *paths = data->executables ? g_strjoinv("\n", data->executables) : NULL;
	g_autofree char *all = g_strjoin("\n", data->name, data->id, paths ? paths : data->executable, NULL);
	g_autofree char *folded = g_utf8_casefold(data->name, -1);

	g_clear_pointer(&self->data, ngw_app_data_free);
	g_free(self->search_text);
	g_free(self->sort_key);
	self->data = data;
	self->search_text = g_utf8_casefold(all, -1);
	self->sort_key = g_utf8_collate_key(folded, -1);
}

gboolean ngw_app_update(NgwApp *self, NgwAppData *data)
{
	if (data_equal(self->data, data)) {
		ngw_app_data_free(data);
		return FALSE;
	}
	app_take(self, data);
	g_signal_emit(self, signal_changed, 0);
	return TRUE;
}

const NgwAppData *ngw_app_data(NgwApp *self)
{
	return self->data;
}

gboolean ngw_app_is_decided(NgwApp *self)
{
	return *self->data->id != '\0';
}

const char *ngw_app_key(NgwApp *self)
{
	return ngw_app_is_decided(self) ? self->data->id : self->data->executable;
}

gboolean ngw_app_is_temporary(NgwApp *self)
{
	return self->data->until > 0 || *self->data->while_word;
}

static gboolean has_changed(const NgwAppData *data)
{
	return data->changed && data->changed[0];
}

NgwSection ngw_app_section(NgwApp *self)
{
	const NgwAppData *data = self->data;
	/* Restricted, and nobody wanted it: a default that is not Online. */
	const gboolean is_waiting = !ngw_app_is_decided(self) &&
				    (data->profile == NGW_PROFILE_OFFLINE || data->profile == NGW_PROFILE_LOCAL);

	if ((has_changed(data) || is_waiting) && !data->is_muted)
		return NGW_SECTION_ATTENTION;
	return data->is_running ? NGW_SECTION_RUNNING : NGW_SECTION_OTHERS;
}

static char *text_of_end(NgwApp *self)
{
	const NgwAppData *data = self->data;
	const char *then = data->then == NGW_PROFILE_NONE ? _("the default") : ngw_profile_title(data->then);
	g_autofree char *left = NULL;

	if (g_str_equal(data->while_word, "running"))
		return g_strdup_printf(_("Back to %s when it quits"), then);
	if (g_str_equal(data->while_word, "boot"))
		return g_strdup_printf(_("Back to %s at the next restart"), then);
	left = ngw_format_left(data->until - g_get_real_time() / G_USEC_PER_SEC);
	return g_strdup_printf(_("Back to %s in %s"), then, left);
}

static char *text_of_denied(const NgwAppData *data)
{
	const gulong n = (gulong)data->denied_today;

	if (data->is_simulated)
		return g_strdup_printf(g_dngettext(GETTEXT_PACKAGE, "Would have been blocked %lu time today",
						   "Would have been blocked %lu times today", n),
				       n);
	return g_strdup_printf(g_dngettext(GETTEXT_PACKAGE, "Blocked %lu time today", "Blocked %lu times today", n), n);
}

static void add(GPtrArray *parts, char *text)
{
	g_ptr_array_add(parts, text);
}

char *ngw_app_subtitle(NgwApp *self)
{
	const NgwAppData *data = self->data;
	g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(g_free);

	if (has_changed(data))
		add(parts, g_strdup(_("Changed since you approved it")));
	if (ngw_app_is_temporary(self))
		add(parts, text_of_end(self));
	if (data->denied_today > 0)
		add(parts, text_of_denied(data));
	if (data->is_managed)
		add(parts, g_strdup(_("Set by the administrator")));
	if (!ngw_app_is_decided(self) && data->profile != NGW_PROFILE_NONE)
		add(parts, g_strdup_printf(_("Default: %s"), ngw_profile_effect(data->profile)));
	if (parts->len == 0 && data->reason && *data->reason)
		add(parts, g_strdup(data->reason));
	if (parts->len == 0)
		add(parts, g_utf8_make_valid(data->executable, -1));
	g_ptr_array_add(parts, NULL);
	return g_strjoinv(" · ", (char **)parts->pdata);
}

const char *ngw_app_search_text(NgwApp *self)
{
	return self->search_text;
}

const char *ngw_app_sort_key(NgwApp *self)
{
	return self->sort_key;
}

void ngw_app_set_pending(NgwApp *self, NgwProfile profile)
{
	self->pending = profile;
	g_signal_emit(self, signal_changed, 0);
}

NgwProfile ngw_app_pending(NgwApp *self)
{
	return self->pending;
}

void ngw_app_set_selected(NgwApp *self, gboolean is_selected)
{
	if (self->is_selected == is_selected)
		return;
	self->is_selected = is_selected;
	g_signal_emit(self, signal_changed, 0);
}

gboolean ngw_app_is_selected(NgwApp *self)
{
	return self->is_selected;
}

static void ngw_app_finalize(GObject *object)
{
	NgwApp *self = NGW_APP(object);

	ngw_app_data_free(self->data);
	g_free(self->search_text);
	g_free(self->sort_key);
	G_OBJECT_CLASS(ngw_app_parent_class)->finalize(object);
}

static void ngw_app_class_init(NgwAppClass *class)
{
	G_OBJECT_CLASS(class)->finalize = ngw_app_finalize;
	signal_changed = g_signal_new("changed", NGW_TYPE_APP, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void ngw_app_init(NgwApp *self)
{
}

NgwApp *ngw_app_new(NgwAppData *data)
{
	NgwApp *self = g_object_new(NGW_TYPE_APP, NULL);

	app_take(self, data);
	return self;
}
