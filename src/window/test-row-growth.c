/* SPDX-License-Identifier: MIT */
/*
 * How many rows a list is given, and when (row-growth.h). No display: the view is an adjustment, and what a view would
 * find out about its rows' height is told by hand.
 */
#include "window/row-growth.h"

#define ROW 50
#define PAGE 500 /* ten rows */
#define WAIT_MS 5000
#define MOST_AT_TOP 20 /* rows of a stream at its top: a page and a bit, and the steps taken before it was laid out */

typedef struct {
	GListStore *store;
	GtkAdjustment *vertical;
	NgwRowGrowth *growth;
	guint most_added, most_removed; /* rows in one change */
	guint n_changes;
} View;

static guint n_rows(View *view)
{
	return g_list_model_get_n_items(G_LIST_MODEL(view->growth));
}

/* As GtkListView does it: at least a page high. */
static void lay_out(View *view)
{
	gtk_adjustment_set_upper(view->vertical, MAX(PAGE, n_rows(view) * ROW));
}

static void changed(View *view, guint position, guint removed, guint added)
{
	view->n_changes++;
	view->most_added = MAX(view->most_added, added);
	view->most_removed = MAX(view->most_removed, removed);
}

static void add_rows(View *view, guint n)
{
	g_autoptr(GPtrArray) new = g_ptr_array_new_with_free_func(g_object_unref);

	for (guint i = 0; i < n; i++)
		g_ptr_array_add(new, g_object_new(G_TYPE_OBJECT, NULL));
	g_list_store_splice(view->store, 0, 0, new->pdata, new->len);
}

static void view_init(View *view, NgwRowKind kind, guint n)
{
	*view = (View){ .store = g_list_store_new(G_TYPE_OBJECT) };
	view->vertical = g_object_ref_sink(gtk_adjustment_new(0, 0, PAGE, 1, 10, PAGE));
	add_rows(view, n);
	view->growth = ngw_row_growth_new(G_LIST_MODEL(view->store), kind);
	ngw_row_growth_follow(view->growth, view->vertical, NULL);
	g_signal_connect_swapped(view->growth, "items-changed", G_CALLBACK(changed), view);
	ngw_row_growth_set_seen(view->growth, TRUE);
}

static void view_done(View *view)
{
	g_object_unref(view->growth);
	g_object_unref(view->vertical);
	g_object_unref(view->store);
}

static gboolean too_late(gpointer data)
{
	*(gboolean *)data = TRUE;
	return G_SOURCE_CONTINUE;
}

/* Frames, until nothing more is to be done: the main loop has no timer left but ours. */
static void settle(View *view)
{
	gboolean is_late = FALSE;
	const guint timer = g_timeout_add(WAIT_MS, too_late, &is_late);
	guint before = 0, n_quiet = 0;

	while (n_quiet < 3 && !is_late) {
		const gint64 end = g_get_monotonic_time() + 30 * G_TIME_SPAN_MILLISECOND;

		before = view->n_changes;
		while (g_get_monotonic_time() < end) {
			g_main_context_iteration(NULL, FALSE);
			lay_out(view);
		}
		n_quiet = view->n_changes == before ? n_quiet + 1 : 0;
	}
	g_source_remove(timer);
	g_assert_false(is_late);
}

static gpointer row(View *view, guint i)
{
	g_autoptr(GObject) item = g_list_model_get_item(G_LIST_MODEL(view->growth), i);

	return item; /* the store holds it */
}

static void test_few_rows_at_first_and_few_at_a_time(void)
{
	View view;

	view_init(&view, NGW_ROWS_STEADY, 2000);
	g_assert_cmpuint(n_rows(&view), ==, NGW_ROW_GROWTH_FIRST);
	settle(&view);
	g_assert_cmpuint(view.most_added, <=, NGW_ROW_GROWTH_STEP);
	g_assert_cmpuint(n_rows(&view), >=, 2 * PAGE / ROW);
	g_assert_cmpuint(n_rows(&view), <=, 4 * PAGE / ROW);
	view_done(&view);
}

static void test_a_flood_changes_no_more_rows_than_are_seen(void)
{
	g_autoptr(GObject) newest = NULL;
	View view;

	view_init(&view, NGW_ROWS_STREAM, 500);
	settle(&view);
	for (guint i = 0; i < 20; i++)
		add_rows(&view, 50);
	settle(&view);
	g_assert_cmpuint(view.most_added, <=, MOST_AT_TOP);
	g_assert_cmpuint(n_rows(&view), <=, MOST_AT_TOP);
	newest = g_list_model_get_item(G_LIST_MODEL(view.store), 0);
	g_assert_true(row(&view, 0) == (gpointer)newest);
	view_done(&view);
}

static void test_a_stream_stands_still_below_its_top(void)
{
	View view;
	gpointer first, third;
	guint before;

	view_init(&view, NGW_ROWS_STREAM, 500);
	settle(&view);
	first = row(&view, 0), third = row(&view, 2);
	gtk_adjustment_set_value(view.vertical, 2 * ROW);
	settle(&view);
	before = n_rows(&view);
	add_rows(&view, 50);
	g_assert_true(row(&view, 0) == first && row(&view, 2) == third);
	g_assert_cmpuint(n_rows(&view), ==, before);
	gtk_adjustment_set_value(view.vertical, 0);
	settle(&view);
	g_assert_true(row(&view, 0) != first);
	g_assert_cmpuint(n_rows(&view), <=, MOST_AT_TOP);
	view_done(&view);
}

static void test_a_steady_list_is_always_true(void)
{
	View view;
	gpointer first;

	view_init(&view, NGW_ROWS_STEADY, 500);
	settle(&view);
	first = row(&view, 0);
	gtk_adjustment_set_value(view.vertical, 2 * ROW);
	g_list_store_remove(view.store, 0);
	g_assert_true(row(&view, 0) != first);
	view_done(&view);
}

static void test_scrolling_brings_more_rows_and_going_back_takes_them_away(void)
{
	View view;

	view_init(&view, NGW_ROWS_STREAM, 2000);
	settle(&view);
	for (guint i = 0; i < 12; i++) {
		gtk_adjustment_set_value(view.vertical, gtk_adjustment_get_upper(view.vertical) - PAGE);
		settle(&view);
	}
	g_assert_cmpuint(n_rows(&view), >, 12 * PAGE / ROW);
	g_assert_cmpuint(view.most_added, <=, NGW_ROW_GROWTH_STEP);
	gtk_adjustment_set_value(view.vertical, 0);
	settle(&view);
	g_assert_cmpuint(view.most_removed, <=, NGW_ROW_GROWTH_FEWER);
	g_assert_cmpuint(n_rows(&view), <=, 3 * PAGE / ROW);
	view_done(&view);
}

static void test_all_rows_are_there_when_asked_for(void)
{
	View view;

	view_init(&view, NGW_ROWS_STREAM, 700);
	ngw_row_growth_show_all(view.growth);
	g_assert_cmpuint(n_rows(&view), ==, 700);
	ngw_row_growth_restart(view.growth);
	g_assert_cmpuint(n_rows(&view), ==, NGW_ROW_GROWTH_FIRST);
	view_done(&view);
}

static void test_what_is_not_seen_does_not_grow(void)
{
	View view;

	view_init(&view, NGW_ROWS_STEADY, 2000);
	ngw_row_growth_set_seen(view.growth, FALSE);
	settle(&view);
	g_assert_cmpuint(n_rows(&view), ==, NGW_ROW_GROWTH_FIRST);
	view_done(&view);
}

static void test_what_is_never_laid_out_does_not_grow_for_ever(void)
{
	View view;
	const gint64 end = g_get_monotonic_time() + G_TIME_SPAN_SECOND;

	view_init(&view, NGW_ROWS_STEADY, 2000);
	while (g_get_monotonic_time() < end)
		g_main_context_iteration(NULL, FALSE);
	g_assert_cmpuint(n_rows(&view), <, 100);
	view_done(&view);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/rows/few at first, and few at a time", test_few_rows_at_first_and_few_at_a_time);
	g_test_add_func("/rows/a flood changes no more of them than are seen",
			test_a_flood_changes_no_more_rows_than_are_seen);
	g_test_add_func("/rows/a stream stands still below its top", test_a_stream_stands_still_below_its_top);
	g_test_add_func("/rows/a steady list is always true", test_a_steady_list_is_always_true);
	g_test_add_func("/rows/scrolling brings more, going back takes them away",
			test_scrolling_brings_more_rows_and_going_back_takes_them_away);
	g_test_add_func("/rows/all are there when asked for", test_all_rows_are_there_when_asked_for);
	g_test_add_func("/rows/what is not seen does not grow", test_what_is_not_seen_does_not_grow);
	g_test_add_func("/rows/what is never laid out does not grow for ever",
			test_what_is_never_laid_out_does_not_grow_for_ever);
	return g_test_run();
}
