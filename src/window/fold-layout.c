/* SPDX-License-Identifier: MIT */
/* Two children, side by side or below each other: see fold-layout.h. */
#include "window/fold-layout.h"

struct _NgwFoldLayout {
	GtkLayoutManager parent;
	int width;
	int spacing;
};

G_DEFINE_FINAL_TYPE(NgwFoldLayout, ngw_fold_layout, GTK_TYPE_LAYOUT_MANAGER)

static GtkSizeRequestMode fold_request_mode(GtkLayoutManager *manager, GtkWidget *widget)
{
	return GTK_SIZE_REQUEST_HEIGHT_FOR_WIDTH;
}

static int spacing_of(NgwFoldLayout *self, GtkWidget *second)
{
	return second && gtk_widget_should_layout(second) ? self->spacing : 0;
}

static int natural_width(GtkWidget *child)
{
	int natural = 0;

	if (child && gtk_widget_should_layout(child))
		gtk_widget_measure(child, GTK_ORIENTATION_HORIZONTAL, -1, NULL, &natural, NULL, NULL);
	return natural;
}

static void height_for(GtkWidget *child, int width, int *minimum, int *natural)
{
	int smallest = 0;

	*minimum = *natural = 0;
	if (!child || !gtk_widget_should_layout(child))
		return;
	gtk_widget_measure(child, GTK_ORIENTATION_HORIZONTAL, -1, &smallest, NULL, NULL, NULL);
	gtk_widget_measure(child, GTK_ORIENTATION_VERTICAL, width < 0 ? -1 : MAX(width, smallest), minimum, natural,
			   NULL, NULL);
}

static void measure_width(GtkWidget *first, GtkWidget *second, int spacing, int *minimum, int *natural)
{
	int first_minimum = 0, second_minimum = 0;

	if (first && gtk_widget_should_layout(first))
		gtk_widget_measure(first, GTK_ORIENTATION_HORIZONTAL, -1, &first_minimum, NULL, NULL, NULL);
	if (second && gtk_widget_should_layout(second))
		gtk_widget_measure(second, GTK_ORIENTATION_HORIZONTAL, -1, &second_minimum, NULL, NULL, NULL);
	*minimum = MAX(first_minimum, second_minimum);
	*natural = MAX(*minimum, natural_width(first) + spacing + natural_width(second));
}

static void fold_measure(GtkLayoutManager *manager, GtkWidget *widget, GtkOrientation orientation, int for_size,
			 int *minimum, int *natural, int *minimum_baseline, int *natural_baseline)
{
	NgwFoldLayout *self = NGW_FOLD_LAYOUT(manager);
	GtkWidget *first = gtk_widget_get_first_child(widget);
	GtkWidget *second = first ? gtk_widget_get_next_sibling(first) : NULL;
	const int spacing = spacing_of(self, second);
	int first_minimum, first_natural, second_minimum, second_natural;

	if (orientation == GTK_ORIENTATION_HORIZONTAL) {
		measure_width(first, second, spacing, minimum, natural);
	} else if (for_size >= 0 && for_size < self->width) {
		height_for(first, for_size, &first_minimum, &first_natural);
		height_for(second, for_size, &second_minimum, &second_natural);
		*minimum = first_minimum + spacing + second_minimum;
		*natural = first_natural + spacing + second_natural;
	} else {
		const int right = natural_width(second);

		height_for(first, for_size < 0 ? -1 : for_size - right - spacing, &first_minimum, &first_natural);
		height_for(second, for_size < 0 ? -1 : right, &second_minimum, &second_natural);
		*minimum = MAX(first_minimum, second_minimum);
		*natural = MAX(first_natural, second_natural);
	}
}

static void allocate_at(GtkWidget *child, int x, int y, int width, int height)
{
	if (child && gtk_widget_should_layout(child))
		gtk_widget_size_allocate(child, &(GtkAllocation){ x, y, width, height }, -1);
}

static void fold_allocate(GtkLayoutManager *manager, GtkWidget *widget, int width, int height, int baseline)
{
	NgwFoldLayout *self = NGW_FOLD_LAYOUT(manager);
	GtkWidget *first = gtk_widget_get_first_child(widget);
	GtkWidget *second = first ? gtk_widget_get_next_sibling(first) : NULL;
	const int spacing = spacing_of(self, second);

	if (width < self->width) {
		int minimum, natural;

		height_for(second, width, &minimum, &natural);
		allocate_at(first, 0, 0, width, MAX(0, height - minimum - spacing));
		allocate_at(second, 0, MAX(0, height - minimum), width, minimum);
	} else {
		const int right = MIN(natural_width(second), width);
		const gboolean is_mirrored = gtk_widget_get_direction(widget) == GTK_TEXT_DIR_RTL;
		const int left = MAX(0, width - right - spacing);

		allocate_at(first, is_mirrored ? right + spacing : 0, 0, left, height);
		allocate_at(second, is_mirrored ? 0 : left + spacing, 0, right, height);
	}
}

static void ngw_fold_layout_class_init(NgwFoldLayoutClass *class)
{
	GtkLayoutManagerClass *manager = GTK_LAYOUT_MANAGER_CLASS(class);

	manager->get_request_mode = fold_request_mode;
	manager->measure = fold_measure;
	manager->allocate = fold_allocate;
}

static void ngw_fold_layout_init(NgwFoldLayout *self)
{
}

GtkLayoutManager *ngw_fold_layout_new(int width, int spacing)
{
	NgwFoldLayout *self = g_object_new(NGW_TYPE_FOLD_LAYOUT, NULL);

	self->width = width;
	self->spacing = spacing;
	return GTK_LAYOUT_MANAGER(self);
}
