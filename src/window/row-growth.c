/* SPDX-License-Identifier: MIT */
/* A list that grows: see row-growth.h. */
#include "window/row-growth.h"

#define FIRST_ROWS 4
#define GROW_ROWS 2
#define GROW_MS 12
#define ROWS_OF_VIEW 220 /* from here on GtkListView makes no more widgets */

static gboolean growth_step(gpointer data)
{
	NgwRowGrowth *growth = data;
	const guint size = gtk_slice_list_model_get_size(growth->shown) + GROW_ROWS;

	if (size < ROWS_OF_VIEW) {
		gtk_slice_list_model_set_size(growth->shown, size);
		return G_SOURCE_CONTINUE;
	}
	growth->timer = 0;
	gtk_slice_list_model_set_size(growth->shown, G_MAXUINT);
	return G_SOURCE_REMOVE;
}

void ngw_row_growth_init(NgwRowGrowth *growth, GListModel *model)
{
	growth->timer = 0;
	growth->shown = gtk_slice_list_model_new(g_object_ref(model), 0, FIRST_ROWS);
}

void ngw_row_growth_done(NgwRowGrowth *growth)
{
	g_clear_handle_id(&growth->timer, g_source_remove);
	g_clear_object(&growth->shown);
}

void ngw_row_growth_restart(NgwRowGrowth *growth)
{
	const gboolean is_seen = growth->timer != 0 || gtk_slice_list_model_get_size(growth->shown) == G_MAXUINT;

	g_clear_handle_id(&growth->timer, g_source_remove);
	gtk_slice_list_model_set_size(growth->shown, FIRST_ROWS);
	ngw_row_growth_set_seen(growth, is_seen);
}

void ngw_row_growth_set_seen(NgwRowGrowth *growth, gboolean is_seen)
{
	if (!is_seen)
		g_clear_handle_id(&growth->timer, g_source_remove);
	else if (growth->timer == 0 && gtk_slice_list_model_get_size(growth->shown) != G_MAXUINT)
		growth->timer = g_timeout_add(GROW_MS, growth_step, growth);
}
