/* SPDX-License-Identifier: MIT */
/*
 * The first rows of a list: see row-growth.h. `rows` is what the view knows of; each change of it is one signal, and
 * what is in it before and after keeps its widget, because GtkListView finds those again by their item. `held` is a
 * copy of the whole model, taken when the view left the top: while there is one, rows are the first of that.
 */
#include "window/row-growth.h"

#define GROW_MS 12
/* Pages that rows are wanted for, from the first that is seen. In a stream each row at the top may be another one four
 * times a second. */
static const struct {
	double at_top, below;
} pages[] = { [NGW_ROWS_STEADY] = { 3, 3 }, [NGW_ROWS_STREAM] = { 1.2, 3 } };
#define PAGES_TOO_MANY 1 /* more than that above is taken away */
/* Rows that do not fill the view do not change what it says. A window that draws no frames never says more. */
#define MAX_BLIND 30
#define MAX_WIDGETS 200 /* of a GtkListView: with more rows than that its children are not all of them */

struct _NgwRowGrowth {
	GObject parent;
	GListModel *model; /* owned */
	NgwRowKind kind;
	GPtrArray *rows;         /* owned objects */
	GPtrArray *held;         /* owned objects; NULL: at the top */
	GtkAdjustment *vertical; /* owned; NULL: not known */
	GtkWidget *list;         /* weak */
	guint limit;             /* rows at most, for now */
	guint timer;
	guint n_blind; /* steps since the view said how high its rows are */
	gboolean is_seen;
	gboolean is_changing; /* the view hears of it: what it says of its place is not true yet */
};

static void growth_model_init(GListModelInterface *interface);
G_DEFINE_FINAL_TYPE_WITH_CODE(NgwRowGrowth, ngw_row_growth, G_TYPE_OBJECT,
			      G_IMPLEMENT_INTERFACE(G_TYPE_LIST_MODEL, growth_model_init))

/* --- what there is, what is shown --- */

static guint growth_n_source(NgwRowGrowth *self)
{
	return self->held ? self->held->len : g_list_model_get_n_items(self->model);
}

static gpointer growth_source(NgwRowGrowth *self, guint i)
{
	return self->held ? g_object_ref(self->held->pdata[i]) : g_list_model_get_item(self->model, i);
}

/* GtkListView keeps its eyes on a row: those that come above it would push what is new out of sight. Not while
 * something in the list has the keyboard: the action would move that too. */
static void growth_stay_at_top(NgwRowGrowth *self)
{
	if (self->list && !gtk_widget_get_focus_child(self->list))
		gtk_widget_activate_action(self->list, "list.scroll-to-item", "u", 0);
}

static gboolean growth_is_at_top(NgwRowGrowth *self)
{
	return !self->vertical || gtk_adjustment_get_value(self->vertical) < 1;
}

/* The item whose row has the keyboard; borrowed, or NULL. The list's children are its rows, in order. */
static gpointer growth_focused(NgwRowGrowth *self)
{
	GtkWidget *child = self->list ? gtk_widget_get_focus_child(self->list) : NULL;
	guint i = 0;

	if (!child || self->rows->len > MAX_WIDGETS)
		return NULL;
	while ((child = gtk_widget_get_prev_sibling(child)))
		i++;
	return i < self->rows->len ? self->rows->pdata[i] : NULL;
}

/* How many rows: as many as wanted, and the one that has the keyboard, which else would lose it. */
static guint growth_n_rows(NgwRowGrowth *self)
{
	const guint all = growth_n_source(self), wanted = MIN(self->limit, all);
	gpointer focused = growth_focused(self);

	for (guint i = 0; focused && i < all; i++) {
		g_autoptr(GObject) item = growth_source(self, i);

		if ((gpointer)item == focused)
			return MAX(wanted, i + 1);
	}
	return wanted;
}

static void growth_sync(NgwRowGrowth *self)
{
	const gboolean is_at_top = growth_is_at_top(self);
	GPtrArray *before = self->rows;
	const guint n = growth_n_rows(self);
	GPtrArray *after = g_ptr_array_new_full(n, g_object_unref);
	guint first = 0, last = 0;

	for (guint i = 0; i < n; i++)
		g_ptr_array_add(after, growth_source(self, i));
	while (first < MIN(before->len, n) && before->pdata[first] == after->pdata[first])
		first++;
	while (last < MIN(before->len, n) - first &&
	       before->pdata[before->len - 1 - last] == after->pdata[n - 1 - last])
		last++;
	self->rows = after;
	if (before->len != n || first + last < n) {
		self->is_changing = TRUE;
		g_list_model_items_changed(G_LIST_MODEL(self), first, before->len - first - last, n - first - last);
		self->is_changing = FALSE;
		if (first == 0 && before->len > 0 && n > 0 && is_at_top)
			growth_stay_at_top(self);
	}
	g_ptr_array_unref(before);
}

/* --- growing --- */

/* Pages of rows that there are, from the first that is seen. */
static double growth_pages(NgwRowGrowth *self)
{
	const double page = self->vertical ? gtk_adjustment_get_page_size(self->vertical) : 0;

	return page > 0 ? (gtk_adjustment_get_upper(self->vertical) - gtk_adjustment_get_value(self->vertical)) / page
			: 0;
}

static gboolean growth_wants_more(NgwRowGrowth *self)
{
	const double there = growth_pages(self);

	return self->rows->len < growth_n_source(self) && there > 0 && /* else it has no place yet, and will say so */
	       there < (growth_is_at_top(self) ? pages[self->kind].at_top : pages[self->kind].below);
}

static gboolean growth_wants_fewer(NgwRowGrowth *self)
{
	return growth_is_at_top(self) && self->rows->len > NGW_ROW_GROWTH_FIRST &&
	       growth_pages(self) > pages[self->kind].at_top + PAGES_TOO_MANY;
}

static gboolean growth_step(gpointer data)
{
	NgwRowGrowth *self = data;
	const guint before = self->rows->len;
	gboolean is_over = FALSE;

	if (self->is_seen && growth_wants_more(self))
		self->limit = self->rows->len + NGW_ROW_GROWTH_STEP;
	else if (self->is_seen && growth_wants_fewer(self))
		self->limit = MAX(NGW_ROW_GROWTH_FIRST, self->rows->len - MIN(self->rows->len, NGW_ROW_GROWTH_FEWER));
	else
		is_over = TRUE;
	if (!is_over)
		growth_sync(self);
	self->n_blind++;
	if (self->rows->len != before && self->n_blind < MAX_BLIND)
		return G_SOURCE_CONTINUE;
	if (growth_is_at_top(self) && self->held) {
		g_clear_pointer(&self->held, g_ptr_array_unref);
		growth_sync(self);
	}
	self->timer = 0;
	return G_SOURCE_REMOVE;
}

static void growth_plan(NgwRowGrowth *self)
{
	if (self->timer == 0 && self->is_seen && (growth_wants_more(self) || growth_wants_fewer(self)))
		self->timer = g_timeout_add(GROW_MS, growth_step, self);
}

static void model_changed(NgwRowGrowth *self)
{
	if (!self->held)
		growth_sync(self);
	growth_plan(self);
}

/* --- standing still --- */

static void growth_hold(NgwRowGrowth *self)
{
	const guint n = g_list_model_get_n_items(self->model);
	GPtrArray *held = g_ptr_array_new_full(n, g_object_unref);

	for (guint i = 0; i < n; i++)
		g_ptr_array_add(held, g_list_model_get_item(self->model, i));
	self->held = held;
}

static void scrolled(NgwRowGrowth *self)
{
	if (self->is_changing)
		return;
	if (!growth_is_at_top(self) && !self->held && self->kind == NGW_ROWS_STREAM)
		growth_hold(self);
	/* Back at the top: the last step shows what came meanwhile. */
	if (self->timer == 0)
		self->timer = g_timeout_add(GROW_MS, growth_step, self);
}

/* The view found out how high its rows are. */
static void laid_out(NgwRowGrowth *self)
{
	self->n_blind = 0;
	growth_plan(self);
}

static gboolean key_end(GtkWidget *widget, GVariant *args, gpointer data)
{
	ngw_row_growth_show_all(data);
	return FALSE; /* the list goes there */
}

static void growth_add_key(NgwRowGrowth *self)
{
	GtkEventController *controller = gtk_shortcut_controller_new();

	gtk_event_controller_set_propagation_phase(controller, GTK_PHASE_CAPTURE);
	gtk_shortcut_controller_add_shortcut(
		GTK_SHORTCUT_CONTROLLER(controller),
		gtk_shortcut_new(gtk_shortcut_trigger_parse_string("End|KP_End|<Control>End|<Control>KP_End"),
				 gtk_callback_action_new(key_end, self, NULL)));
	gtk_widget_add_controller(self->list, controller);
}

void ngw_row_growth_follow(NgwRowGrowth *self, GtkAdjustment *vertical, GtkWidget *list)
{
	self->vertical = g_object_ref(vertical);
	g_signal_connect_object(vertical, "value-changed", G_CALLBACK(scrolled), self, G_CONNECT_SWAPPED);
	g_signal_connect_object(vertical, "changed", G_CALLBACK(laid_out), self, G_CONNECT_SWAPPED);
	g_set_weak_pointer(&self->list, list);
	if (list)
		growth_add_key(self);
	growth_plan(self);
}

void ngw_row_growth_restart(NgwRowGrowth *self)
{
	g_clear_pointer(&self->held, g_ptr_array_unref);
	self->limit = NGW_ROW_GROWTH_FIRST;
	self->n_blind = 0;
	growth_sync(self);
	growth_plan(self);
}

void ngw_row_growth_set_seen(NgwRowGrowth *self, gboolean is_seen)
{
	self->is_seen = is_seen;
	self->n_blind = 0;
	growth_plan(self);
}

void ngw_row_growth_show_all(NgwRowGrowth *self)
{
	if (!self->held && self->kind == NGW_ROWS_STREAM)
		growth_hold(self); /* the top is left, so what is at the end stays there */
	self->limit = G_MAXUINT;
	growth_sync(self);
}

/* --- the model --- */

static GType growth_item_type(GListModel *model)
{
	return g_list_model_get_item_type(NGW_ROW_GROWTH(model)->model);
}

static guint growth_n_items(GListModel *model)
{
	return NGW_ROW_GROWTH(model)->rows->len;
}

static gpointer growth_item(GListModel *model, guint position)
{
	GPtrArray *rows = NGW_ROW_GROWTH(model)->rows;

	return position < rows->len ? g_object_ref(rows->pdata[position]) : NULL;
}

static void growth_model_init(GListModelInterface *interface)
{
	interface->get_item_type = growth_item_type;
	interface->get_n_items = growth_n_items;
	interface->get_item = growth_item;
}

static void ngw_row_growth_dispose(GObject *object)
{
	NgwRowGrowth *self = NGW_ROW_GROWTH(object);

	g_clear_handle_id(&self->timer, g_source_remove);
	g_clear_weak_pointer(&self->list);
	G_OBJECT_CLASS(ngw_row_growth_parent_class)->dispose(object);
}

static void ngw_row_growth_finalize(GObject *object)
{
	NgwRowGrowth *self = NGW_ROW_GROWTH(object);

	g_clear_pointer(&self->held, g_ptr_array_unref);
	g_ptr_array_unref(self->rows);
	g_clear_object(&self->vertical);
	g_object_unref(self->model);
	G_OBJECT_CLASS(ngw_row_growth_parent_class)->finalize(object);
}

static void ngw_row_growth_class_init(NgwRowGrowthClass *class)
{
	G_OBJECT_CLASS(class)->dispose = ngw_row_growth_dispose;
	G_OBJECT_CLASS(class)->finalize = ngw_row_growth_finalize;
}

static void ngw_row_growth_init(NgwRowGrowth *self)
{
	self->rows = g_ptr_array_new_with_free_func(g_object_unref);
	self->limit = NGW_ROW_GROWTH_FIRST;
}

NgwRowGrowth *ngw_row_growth_new(GListModel *model, NgwRowKind kind)
{
	NgwRowGrowth *self = g_object_new(NGW_TYPE_ROW_GROWTH, NULL);

	self->model = g_object_ref(model);
	self->kind = kind;
	g_signal_connect_object(model, "items-changed", G_CALLBACK(model_changed), self, G_CONNECT_SWAPPED);
	growth_sync(self);
	return self;
}
