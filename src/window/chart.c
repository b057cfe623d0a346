/* SPDX-License-Identifier: MIT */
/*
 * The chart of Activity: see chart.h. From the top: a caption and the lane of what was allowed, a caption and the lane
 * of what was blocked, the times. Colours are the theme's named ones, asked for at each drawing.
 */
#include "window/chart.h"

#include <glib/gi18n.h>

#define MIN_WIDTH 200
#define LANE_HEIGHT 38 /* of each of the two */
#define GAP 4
#define HATCH 6       /* between the lines of what is not on record */
#define MARK_WIDTH 64 /* a time label and its space */
#define MAX_MARKS 24

struct _NgwChart {
	GtkWidget parent;
	NgwChartData data;
	int pointed; /* a step, or -1 */
};

static guint signal_pointed;

G_DEFINE_FINAL_TYPE(NgwChart, ngw_chart, GTK_TYPE_WIDGET)

/* Where things are, for one size. */
typedef struct {
	double width, text_height, lane_height;
	double allowed_base, blocked_base; /* y of the lanes' lower ends */
	double bar;                        /* width of a step */
} Places;

static void places_init(Places *places, NgwChart *self)
{
	g_autoptr(PangoLayout) layout = gtk_widget_create_pango_layout(GTK_WIDGET(self), "0");
	const int height = gtk_widget_get_height(GTK_WIDGET(self));
	int text_height;

	pango_layout_get_pixel_size(layout, NULL, &text_height);
	places->width = gtk_widget_get_width(GTK_WIDGET(self));
	places->text_height = text_height;
	places->lane_height = MAX((height - 3 * text_height - 3 * GAP) / 2.0, 4);
	places->allowed_base = text_height + places->lane_height;
	places->blocked_base = places->allowed_base + GAP + text_height + places->lane_height;
	places->bar = places->width / MAX(self->data.n, 1);
}

static void set_named_colour(cairo_t *cairo, GtkWidget *widget, const char *name, double alpha)
{
	GtkStyleContext *context = gtk_widget_get_style_context(widget);
	GdkRGBA colour;

	if (!name || !gtk_style_context_lookup_color(context, name, &colour))
		gtk_style_context_get_color(context, &colour);
	colour.alpha *= (float)alpha;
	gdk_cairo_set_source_rgba(cairo, &colour);
}

/* Diagonal lines within a rectangle. */
static void draw_hatch(cairo_t *cairo, double x, double y, double width, double height)
{
	cairo_save(cairo);
	cairo_rectangle(cairo, x, y, width, height);
	cairo_clip(cairo);
	cairo_set_line_width(cairo, 1);
	/* From a grid common to all, so that neighbours join. */
	for (int at = ((int)(x - height) / HATCH - 1) * HATCH; at < x + width; at += HATCH) {
		cairo_move_to(cairo, at, y + height);
		cairo_line_to(cairo, at + height, y);
	}
	cairo_stroke(cairo);
	cairo_restore(cairo);
}

static void draw_unknown(NgwChart *self, cairo_t *cairo, const Places *places)
{
	const double top = places->text_height;

	set_named_colour(cairo, GTK_WIDGET(self), NULL, 0.25);
	for (guint i = 0; i < self->data.n; i++) {
		guint last = i;

		if (self->data.steps[i].is_known)
			continue;
		while (last + 1 < self->data.n && !self->data.steps[last + 1].is_known)
			last++;
		draw_hatch(cairo, i * places->bar, top, (last - i + 1) * places->bar, places->lane_height);
		draw_hatch(cairo, i * places->bar, places->blocked_base - places->lane_height,
			   (last - i + 1) * places->bar, places->lane_height);
		i = last;
	}
}

static void draw_bar(cairo_t *cairo, const Places *places, guint i, double base, guint64 count, guint64 most,
		     gboolean is_striped)
{
	const double space = places->bar >= 4 ? 1 : 0, x = i * places->bar, width = places->bar - space;
	double height;

	if (count == 0)
		return;
	height = MAX(2, places->lane_height * (double)count / (double)MAX(most, 1));
	if (!is_striped) {
		cairo_rectangle(cairo, x, base - height, width, height);
	} else {
		for (int from = 0; from < height; from += 3)
			cairo_rectangle(cairo, x, base - MIN(from + 2, height), width, MIN(2, height - from));
	}
	cairo_fill(cairo);
}

static void draw_bars(NgwChart *self, cairo_t *cairo, const Places *places)
{
	const NgwChartData *data = &self->data;

	set_named_colour(cairo, GTK_WIDGET(self), "accent_color", 1);
	for (guint i = 0; i < data->n; i++)
		draw_bar(cairo, places, i, places->allowed_base, data->steps[i].allowed, data->most_allowed, FALSE);
	set_named_colour(cairo, GTK_WIDGET(self), "error_color", 1);
	for (guint i = 0; i < data->n; i++)
		draw_bar(cairo, places, i, places->blocked_base, data->steps[i].blocked, data->most_blocked, TRUE);
	set_named_colour(cairo, GTK_WIDGET(self), NULL, 0.35);
	cairo_rectangle(cairo, 0, places->allowed_base, places->width, 1);
	cairo_rectangle(cairo, 0, places->blocked_base, places->width, 1);
	cairo_fill(cairo);
}

/* Returns the width of the text. */
static double draw_text(NgwChart *self, cairo_t *cairo, const char *text, double x, double y, double room)
{
	g_autoptr(PangoLayout) layout = gtk_widget_create_pango_layout(GTK_WIDGET(self), text);
	int width;

	pango_layout_set_width(layout, (int)MAX(room, 0) * PANGO_SCALE);
	pango_layout_set_ellipsize(layout, PANGO_ELLIPSIZE_END);
	pango_layout_get_pixel_size(layout, &width, NULL);
	cairo_move_to(cairo, x, y);
	pango_cairo_show_layout(cairo, layout);
	return width;
}

static char *caption_text(const NgwChartData *data, const char *title, guint64 most)
{
	if (most == 0)
		return g_strdup_printf(_("%s: none"), title);
	if (data->step == 60)
		return g_strdup_printf(_("%s: up to %'lu a minute"), title, (gulong)most);
	return g_strdup_printf(_("%s: up to %'lu in %u minutes"), title, (gulong)most, data->step / 60);
}

/* A small piece of what the bars are drawn with, before each caption: the legend. */
static double draw_swatch(NgwChart *self, cairo_t *cairo, double y, double size, gboolean is_blocked)
{
	const Places swatch = { .bar = size, .lane_height = size };

	set_named_colour(cairo, GTK_WIDGET(self), is_blocked ? "error_color" : "accent_color", 1);
	draw_bar(cairo, &swatch, 0, y + size, 1, 1, is_blocked);
	return size + 5;
}

static void draw_captions(NgwChart *self, cairo_t *cairo, const Places *places)
{
	const NgwChartData *data = &self->data;
	const double size = 9, inset = (places->text_height - size) / 2, below = places->allowed_base + GAP;
	g_autofree char *allowed = caption_text(data, _("Allowed"), data->most_allowed);
	g_autofree char *blocked =
		caption_text(data, data->is_simulation ? _("Would be blocked") : _("Blocked"), data->most_blocked);
	double x = draw_swatch(self, cairo, inset, size, FALSE);

	draw_swatch(self, cairo, below + inset, size, TRUE);
	set_named_colour(cairo, GTK_WIDGET(self), NULL, 0.9);
	draw_text(self, cairo, blocked, x, below, places->width - x);
	x += draw_text(self, cairo, allowed, x, 0, places->width - x) + 14;
	if (data->n_unknown == 0 || places->width - x < 60)
		return;
	set_named_colour(cairo, GTK_WIDGET(self), NULL, 0.6);
	draw_hatch(cairo, x, inset, 2 * size, size);
	set_named_colour(cairo, GTK_WIDGET(self), NULL, 0.9);
	draw_text(self, cairo, _("nothing on record"), x + 2 * size + 5, 0, places->width - x - 2 * size - 5);
}

static void draw_marks(NgwChart *self, cairo_t *cairo, const Places *places)
{
	gint64 marks[MAX_MARKS];
	const guint wanted = CLAMP((guint)(places->width / MARK_WIDTH), 1, MAX_MARKS);
	const guint n = ngw_chart_marks(&self->data, wanted, marks, MAX_MARKS);

	set_named_colour(cairo, GTK_WIDGET(self), NULL, 0.75);
	for (guint i = 0; i < n; i++) {
		const double at = (double)(marks[i] - self->data.start) / self->data.step * places->bar;
		g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(marks[i]);
		/* Translators: a time of day, as of g_date_time_format() */
		g_autofree char *text = g_date_time_format(time, _("%H:%M"));
		g_autoptr(PangoLayout) layout = gtk_widget_create_pango_layout(GTK_WIDGET(self), text);
		int width;

		pango_layout_get_pixel_size(layout, &width, NULL);
		cairo_rectangle(cairo, (int)at, places->blocked_base, 1, GAP);
		cairo_fill(cairo);
		if (at + width / 2.0 > places->width || at < width / 2.0)
			continue;
		cairo_move_to(cairo, (int)(at - width / 2.0), places->blocked_base + GAP);
		pango_cairo_show_layout(cairo, layout);
	}
}

static void draw_pointed(NgwChart *self, cairo_t *cairo, const Places *places)
{
	const double x = self->pointed * places->bar;

	if (self->pointed < 0)
		return;
	set_named_colour(cairo, GTK_WIDGET(self), NULL, 0.15);
	cairo_rectangle(cairo, x, places->text_height, places->bar, places->blocked_base - places->text_height);
	cairo_fill(cairo);
}

static void ngw_chart_snapshot(GtkWidget *widget, GtkSnapshot *snapshot)
{
	NgwChart *self = NGW_CHART(widget);
	const float width = (float)gtk_widget_get_width(widget), height = (float)gtk_widget_get_height(widget);
	cairo_t *cairo;
	Places places;

	if (self->data.n == 0)
		return;
	cairo = gtk_snapshot_append_cairo(snapshot, &GRAPHENE_RECT_INIT(-3, -3, width + 6, height + 6));
	places_init(&places, self);
	draw_unknown(self, cairo, &places);
	draw_pointed(self, cairo, &places);
	draw_bars(self, cairo, &places);
	draw_captions(self, cairo, &places);
	draw_marks(self, cairo, &places);
	if (gtk_widget_has_visible_focus(widget)) {
		set_named_colour(cairo, widget, "accent_color", 0.7);
		cairo_set_line_width(cairo, 2);
		cairo_rectangle(cairo, -2, -2, width + 4, height + 4);
		cairo_stroke(cairo);
	}
	cairo_destroy(cairo);
}

static GtkSizeRequestMode ngw_chart_request_mode(GtkWidget *widget)
{
	return GTK_SIZE_REQUEST_CONSTANT_SIZE;
}

static void ngw_chart_measure(GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum, int *natural,
			      int *minimum_baseline, int *natural_baseline)
{
	g_autoptr(PangoLayout) layout = gtk_widget_create_pango_layout(widget, "0");
	int text_height;

	pango_layout_get_pixel_size(layout, NULL, &text_height);
	*minimum = orientation == GTK_ORIENTATION_HORIZONTAL ? MIN_WIDTH : 3 * text_height + 3 * GAP + 2 * LANE_HEIGHT;
	*natural = orientation == GTK_ORIENTATION_HORIZONTAL ? 3 * MIN_WIDTH : *minimum;
}

/* --- pointing --- */

static void chart_point(NgwChart *self, int index)
{
	g_autofree char *text = NULL;

	self->pointed = self->data.n > 0 ? CLAMP(index, -1, (int)self->data.n - 1) : -1;
	if (self->data.n > 0)
		text = self->pointed >= 0 ? ngw_chart_step_text(&self->data, (guint)self->pointed)
					  : ngw_chart_summary(&self->data);
	else
		text = g_strdup("");
	gtk_accessible_update_property(GTK_ACCESSIBLE(self), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, text, -1);
	gtk_widget_queue_draw(GTK_WIDGET(self));
	g_signal_emit(self, signal_pointed, 0, text);
}

static void pointer_moved(GtkEventControllerMotion *motion, double x, double y, gpointer data)
{
	NgwChart *self = data;
	const int width = gtk_widget_get_width(GTK_WIDGET(self));
	const int index = width > 0 ? (int)(x * self->data.n / width) : -1;

	if (index != self->pointed)
		chart_point(self, index);
}

static void pointing_ended(NgwChart *self)
{
	chart_point(self, -1);
}

static gboolean key_moved(GtkWidget *widget, GVariant *args, gpointer data)
{
	NgwChart *self = NGW_CHART(widget);
	const int last = (int)self->data.n - 1, by = g_variant_get_int32(args);

	if (last < 0)
		return FALSE;
	if (self->pointed < 0)
		chart_point(self, by == -NGW_CHART_MAX_STEPS ? 0 : last);
	else
		chart_point(self, CLAMP(self->pointed + by, 0, last));
	return TRUE;
}

void ngw_chart_set_data(NgwChart *self, const NgwChartData *data)
{
	self->data = *data;
	chart_point(self, self->pointed);
}

static void ngw_chart_class_init(NgwChartClass *class)
{
	static const struct {
		guint key;
		int by;
	} keys[] = { { GDK_KEY_Left, -1 },
		     { GDK_KEY_Right, 1 },
		     { GDK_KEY_Home, -NGW_CHART_MAX_STEPS },
		     { GDK_KEY_End, NGW_CHART_MAX_STEPS } };
	GtkWidgetClass *widget = GTK_WIDGET_CLASS(class);

	widget->snapshot = ngw_chart_snapshot;
	widget->measure = ngw_chart_measure;
	widget->get_request_mode = ngw_chart_request_mode;
	gtk_widget_class_set_css_name(widget, "chart");
	gtk_widget_class_set_accessible_role(widget, GTK_ACCESSIBLE_ROLE_IMG);
	for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
		gtk_widget_class_add_binding(widget, keys[i].key, 0, key_moved, "i", keys[i].by);
	signal_pointed = g_signal_new("pointed", NGW_TYPE_CHART, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1,
				      G_TYPE_STRING);
}

static void ngw_chart_init(NgwChart *self)
{
	GtkEventController *motion = gtk_event_controller_motion_new();
	GtkEventController *focus = gtk_event_controller_focus_new();

	self->pointed = -1;
	gtk_widget_set_focusable(GTK_WIDGET(self), TRUE);
	gtk_widget_add_css_class(GTK_WIDGET(self), "caption");
	g_signal_connect(motion, "motion", G_CALLBACK(pointer_moved), self);
	g_signal_connect_swapped(motion, "leave", G_CALLBACK(pointing_ended), self);
	g_signal_connect_swapped(focus, "leave", G_CALLBACK(pointing_ended), self);
	gtk_widget_add_controller(GTK_WIDGET(self), motion);
	gtk_widget_add_controller(GTK_WIDGET(self), focus);
	gtk_accessible_update_property(GTK_ACCESSIBLE(self), GTK_ACCESSIBLE_PROPERTY_LABEL,
				       _("Connections allowed and blocked"), -1);
}

GtkWidget *ngw_chart_new(void)
{
	return g_object_new(NGW_TYPE_CHART, NULL);
}
