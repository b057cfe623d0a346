/* SPDX-License-Identifier: MIT */
/* Attempts as groups: see activity-table.h. Positions count from the newest, `order` from the oldest. */
#include "window/activity-table.h"

typedef struct {
	NgwActivityGroup *group; /* owned */
	gint64 minute;           /* of its last move to the top */
	guint batch;             /* the last one it was in */
	gboolean is_moving;
} Entry;

struct _NgwActivityTable {
	GObject parent;
	GPtrArray *order;   /* Entry, owned; freed by hand: entries move */
	GHashTable *by_key; /* NgwAttempt (the group's own) -> Entry */
	guint max_groups;
	guint batch;
	guint64 dropped, skipped;
};

static void entry_free(Entry *entry)
{
	g_object_unref(entry->group);
	g_free(entry);
}

static GType table_item_type(GListModel *model)
{
	return NGW_TYPE_ACTIVITY_GROUP;
}

static guint table_n_items(GListModel *model)
{
	return NGW_ACTIVITY_TABLE(model)->order->len;
}

static gpointer table_item(GListModel *model, guint position)
{
	GPtrArray *order = NGW_ACTIVITY_TABLE(model)->order;
	const Entry *entry = position < order->len ? order->pdata[order->len - 1 - position] : NULL;

	return entry ? g_object_ref(entry->group) : NULL;
}

static void table_model_init(GListModelInterface *interface)
{
	interface->get_item_type = table_item_type;
	interface->get_n_items = table_n_items;
	interface->get_item = table_item;
}

G_DEFINE_FINAL_TYPE_WITH_CODE(NgwActivityTable, ngw_activity_table, G_TYPE_OBJECT,
			      G_IMPLEMENT_INTERFACE(G_TYPE_LIST_MODEL, table_model_init))

/* One attempt of a batch: `moved` are the entries that go to the top, `same` those that stay where they are. */
static void table_take(NgwActivityTable *self, GVariant *dict, GPtrArray *moved, GPtrArray *same)
{
	NgwAttempt attempt;
	Entry *entry;
	gboolean is_new;

	ngw_attempt_read(dict, &attempt);
	self->skipped += attempt.skipped;
	entry = g_hash_table_lookup(self->by_key, &attempt);
	is_new = entry == NULL;
	if (is_new) {
		entry = g_new0(Entry, 1);
		entry->group = ngw_activity_group_new(&attempt);
		entry->minute = G_MININT64;
		g_hash_table_insert(self->by_key, (gpointer)ngw_activity_group_attempt(entry->group), entry);
	} else {
		ngw_activity_group_add(entry->group, &attempt);
	}
	if (attempt.last / 60 > entry->minute) {
		entry->minute = attempt.last / 60;
		if (!entry->is_moving)
			g_ptr_array_add(moved, entry);
		entry->is_moving = TRUE;
	}
	if (!is_new && entry->batch != self->batch)
		g_ptr_array_add(same, g_object_ref(entry->group));
	entry->batch = self->batch;
}

/* Put what moves at the end of `order`. Returns how many entries, counted from the newest, had to change places. */
static guint table_move(NgwActivityTable *self, GPtrArray *moved)
{
	GPtrArray *order = self->order;
	const guint before = order->len;
	guint first = 0, kept;

	while (first < before && !((const Entry *)order->pdata[first])->is_moving)
		first++;
	kept = first;
	for (guint i = first; i < before; i++) {
		if (!((const Entry *)order->pdata[i])->is_moving)
			order->pdata[kept++] = order->pdata[i];
	}
	g_ptr_array_set_size(order, (int)kept);
	for (guint i = 0; i < moved->len; i++) {
		((Entry *)moved->pdata[i])->is_moving = FALSE;
		g_ptr_array_add(order, moved->pdata[i]);
	}
	return before - first;
}

static void table_forget_oldest(NgwActivityTable *self, guint n)
{
	for (guint i = 0; i < n; i++) {
		Entry *entry = self->order->pdata[i];

		g_hash_table_remove(self->by_key, ngw_activity_group_attempt(entry->group));
		entry_free(entry);
	}
	g_ptr_array_remove_range(self->order, 0, n);
}

static void table_settle(NgwActivityTable *self, GPtrArray *moved, GPtrArray *same)
{
	const guint before = self->order->len;
	const guint from_top = moved->len > 0 ? table_move(self, moved) : 0;
	const guint added = self->order->len - before;
	guint over;

	if (moved->len > 0)
		g_list_model_items_changed(G_LIST_MODEL(self), 0, from_top, from_top + added);
	over = self->order->len > self->max_groups ? self->order->len - self->max_groups : 0;
	if (over > 0) {
		table_forget_oldest(self, over);
		self->dropped += over;
		g_list_model_items_changed(G_LIST_MODEL(self), self->order->len, over, 0);
	}
	for (guint i = 0; i < same->len; i++)
		ngw_activity_group_emit_changed(same->pdata[i]);
}

void ngw_activity_table_add(NgwActivityTable *self, GPtrArray *attempts)
{
	g_autoptr(GPtrArray) moved = g_ptr_array_new();
	g_autoptr(GPtrArray) same = g_ptr_array_new_with_free_func(g_object_unref);

	self->batch++;
	for (guint i = 0; i < attempts->len; i++)
		table_take(self, attempts->pdata[i], moved, same);
	table_settle(self, moved, same);
}

static int entry_compare(gconstpointer a, gconstpointer b)
{
	const Entry *one = *(Entry *const *)a, *other = *(Entry *const *)b;
	const gint64 last = ngw_activity_group_attempt(one->group)->last;
	const gint64 other_last = ngw_activity_group_attempt(other->group)->last;

	return (last > other_last) - (last < other_last);
}

void ngw_activity_table_load(NgwActivityTable *self, GVariant *attempts)
{
	const guint before = self->order->len;
	g_autoptr(GPtrArray) moved = g_ptr_array_new();
	g_autoptr(GPtrArray) same = g_ptr_array_new_with_free_func(g_object_unref);

	table_forget_oldest(self, before);
	self->dropped = self->skipped = 0;
	self->batch++;
	for (gsize i = g_variant_n_children(attempts); i-- > 0;) {
		g_autoptr(GVariant) dict = g_variant_get_child_value(attempts, i);

		table_take(self, dict, moved, same);
	}
	g_ptr_array_sort(moved, entry_compare);
	table_move(self, moved);
	if (self->order->len > self->max_groups) {
		self->dropped = self->order->len - self->max_groups;
		table_forget_oldest(self, (guint)self->dropped);
	}
	g_list_model_items_changed(G_LIST_MODEL(self), 0, before, self->order->len);
}

guint64 ngw_activity_table_dropped(NgwActivityTable *self)
{
	return self->dropped;
}

guint64 ngw_activity_table_skipped(NgwActivityTable *self)
{
	return self->skipped;
}

static void ngw_activity_table_finalize(GObject *object)
{
	NgwActivityTable *self = NGW_ACTIVITY_TABLE(object);

	table_forget_oldest(self, self->order->len);
	g_hash_table_unref(self->by_key);
	g_ptr_array_unref(self->order);
	G_OBJECT_CLASS(ngw_activity_table_parent_class)->finalize(object);
}

static void ngw_activity_table_class_init(NgwActivityTableClass *class)
{
	G_OBJECT_CLASS(class)->finalize = ngw_activity_table_finalize;
}

static void ngw_activity_table_init(NgwActivityTable *self)
{
	self->order = g_ptr_array_new();
	self->by_key = g_hash_table_new(ngw_attempt_hash, ngw_attempt_alike);
}

NgwActivityTable *ngw_activity_table_new(guint max_groups)
{
	NgwActivityTable *self = g_object_new(NGW_TYPE_ACTIVITY_TABLE, NULL);

	self->max_groups = max_groups;
	return self;
}
