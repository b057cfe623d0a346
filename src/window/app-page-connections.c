/* SPDX-License-Identifier: MIT */
/*
 * The connections of an application that are open now, asked for every few seconds while somebody looks; one's own, and
 * everyone's after "Show everyone's". Main loop only; the list is taken apart in a thread; no power.
 */
#include <glib/gi18n.h>
#include <unistd.h>

#include "window/app-page-gate.h"
#include "window/app-page-parts.h"
#include "window/app-page-rows.h"
#include "window/app-page-texts.h"
#include "window/changes.h"

#define MAX_ROWS 30
#define REFRESH_S 3

struct _NgwPageConnections {
	NgwPageSection parent;
	GtkWidget *list;
	NgwPageGate *everyone;
	gboolean is_asked_all; /* the question under way is for everyone's */
};

G_DEFINE_FINAL_TYPE(NgwPageConnections, ngw_page_connections, NGW_TYPE_PAGE_SECTION)

typedef struct {
	GPtrArray *sockets;
	guint more;
} Result;

static gpointer digest(GVariant *reply, gpointer subject)
{
	Result *result = g_new0(Result, 1);

	result->sockets = ngw_page_sockets_of(reply, subject, MAX_ROWS, &result->more);
	return result;
}

static void result_free(gpointer data)
{
	g_ptr_array_unref(((Result *)data)->sockets);
	g_free(data);
}

static GtkWidget *socket_new(gpointer item, gpointer data)
{
	return ngw_page_row_new();
}

static void socket_show(GtkWidget *row, gpointer item, gpointer data)
{
	const NgwPageSocket *entry = item;

	ngw_page_row_set(row, entry->place, entry->detail);
}

static const NgwPageListStyle style = { socket_new, socket_show, NULL, MAX_ROWS, FALSE };

static void answered(NgwPageSection *section, gpointer data, const GError *error)
{
	NgwPageConnections *self = NGW_PAGE_CONNECTIONS(section);
	const gboolean is_all = self->is_asked_all || getuid() == 0;
	const Result *result = data;
	g_autofree char *more = NULL;

	if (error && self->is_asked_all) {
		ngw_page_gate_close(self->everyone);
		ngw_toast_error(GTK_WIDGET(self), _("Everyone's connections are not shown"), error);
		return;
	}
	if (error) {
		/* Without a connection to the guard the old ones stay, greyed. */
		if (ngw_page_section_view(section)->is_live)
			ngw_page_list_sync(self->list, NULL, &style, error->message, NULL);
		return;
	}
	if (result->more > 0)
		more = g_strdup_printf(_("and %u more"), result->more);
	ngw_page_list_sync(self->list, result->sockets, &style,
			   is_all ? _("No connection is open.") : _("No connection of yours is open."), more);
}

static void ngw_page_connections_refresh(NgwPageSection *section)
{
	NgwPageConnections *self = NGW_PAGE_CONNECTIONS(section);
	const NgwAppData *app = ngw_page_section_data(section);
	const gboolean is_all = ngw_page_gate_is_open(self->everyone);

	if (is_all && !ngw_page_gate_may_ask(self->everyone))
		return;
	self->is_asked_all = is_all;
	ngw_page_section_ask(section, &(NgwPageQuestion){
					      .method = is_all ? "GetAllConnections" : "GetConnections",
					      .reply_type = "(aa{sv})",
					      .digest = digest,
					      .data = ngw_page_subject_new(app->id, app->executables),
					      .data_free = ngw_page_subject_free,
					      .result_free = result_free,
					      .done = answered,
				      });
}

static void ngw_page_connections_update(NgwPageSection *section, gboolean is_new)
{
	NgwPageConnections *self = NGW_PAGE_CONNECTIONS(section);

	ngw_page_gate_update(self->everyone, is_new);
	if (is_new)
		ngw_page_list_sync(self->list, NULL, &style, _("Looking…"), NULL);
}

static void ngw_page_connections_class_init(NgwPageConnectionsClass *class)
{
	NGW_PAGE_SECTION_CLASS(class)->update = ngw_page_connections_update;
	NGW_PAGE_SECTION_CLASS(class)->refresh = ngw_page_connections_refresh;
	NGW_PAGE_SECTION_CLASS(class)->refresh_s = REFRESH_S;
}

static void ngw_page_connections_init(NgwPageConnections *self)
{
	adw_preferences_group_set_title(ADW_PREFERENCES_GROUP(self), _("Connections now"));
	self->list = ngw_page_list_new(_("Connections now"));
	adw_preferences_group_add(ADW_PREFERENCES_GROUP(self), self->list);
	self->everyone = ngw_page_gate_new(NGW_PAGE_SECTION(self), "observe", _("Show Everyone's"), _("Look Again"),
					   _("Show everyone's connections"), FALSE);
}
