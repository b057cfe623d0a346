/* SPDX-License-Identifier: MIT */
/* The top of Activity: see activity-traffic.h. */
#include "window/activity-traffic.h"

#include <glib/gi18n.h>

#include "window/application.h"
#include "window/chart.h"

#define REFRESH_S 15

struct _NgwActivityTraffic {
	GtkWidget parent;
	GtkWidget *box, *hour, *day, *line;
	NgwChart *chart;
	NgwGuard *guard; /* owned */
	GCancellable *asking;
	guint timer;
};

G_DEFINE_FINAL_TYPE(NgwActivityTraffic, ngw_activity_traffic, GTK_TYPE_WIDGET)

static NgwPeriod traffic_period(NgwActivityTraffic *self)
{
	return gtk_toggle_button_get_active(GTK_TOGGLE_BUTTON(self->day)) ? NGW_PERIOD_DAY : NGW_PERIOD_HOUR;
}

static void traffic_answered(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(NgwActivityTraffic) self = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) reply = ngw_guard_call_finish(NGW_GUARD(source), result, &error);
	g_autoptr(GVariant) activity = reply ? g_variant_get_child_value(reply, 0) : NULL;
	NgwChartData numbers = { .n = 0 };

	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return;
	g_clear_object(&self->asking);
	if (activity) {
		ngw_chart_data_read(&numbers, traffic_period(self), g_get_real_time() / G_USEC_PER_SEC,
				    ngw_guard_is_simulation(self->guard), activity);
		ngw_chart_set_data(self->chart, &numbers);
	} else if (ngw_guard_is_ready(self->guard)) {
		g_autofree char *text = g_strdup_printf(_("The connections could not be counted: %s"), error->message);

		ngw_chart_set_data(self->chart, &numbers);
		gtk_label_set_text(GTK_LABEL(self->line), text);
	}
}

static void traffic_ask(NgwActivityTraffic *self)
{
	const NgwPeriod period = traffic_period(self);
	GVariantBuilder filter;

	if (!self->guard || !ngw_guard_is_ready(self->guard) || !gtk_widget_get_mapped(GTK_WIDGET(self)))
		return;
	g_cancellable_cancel(self->asking);
	g_clear_object(&self->asking);
	self->asking = g_cancellable_new();
	g_variant_builder_init(&filter, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&filter, "{sv}", "since",
			      g_variant_new_int64(ngw_chart_since(period, g_get_real_time() / G_USEC_PER_SEC)));
	g_variant_builder_add(&filter, "{sv}", "step", g_variant_new_uint32(ngw_chart_step(period)));
	ngw_guard_call(self->guard, "GetActivity", g_variant_new("(a{sv})", &filter), "(a{sv})", self->asking,
		       traffic_answered, g_object_ref(self));
}

static gboolean traffic_tick(gpointer data)
{
	traffic_ask(data);
	return G_SOURCE_CONTINUE;
}

static void traffic_link(NgwActivityTraffic *self)
{
	gtk_widget_set_sensitive(self->box, ngw_guard_is_ready(self->guard));
	traffic_ask(self);
}

static void period_toggled(NgwActivityTraffic *self, GtkToggleButton *button)
{
	if (gtk_toggle_button_get_active(button))
		traffic_ask(self);
}

static void chart_pointed(NgwActivityTraffic *self, const char *text)
{
	gtk_label_set_text(GTK_LABEL(self->line), text);
}

void ngw_activity_traffic_set_guard(NgwActivityTraffic *self, NgwGuard *guard)
{
	self->guard = g_object_ref(guard);
	g_signal_connect_object(guard, "link", G_CALLBACK(traffic_link), self, G_CONNECT_SWAPPED);
	traffic_link(self);
}

/* --- life --- */

static void ngw_activity_traffic_map(GtkWidget *widget)
{
	NgwActivityTraffic *self = NGW_ACTIVITY_TRAFFIC(widget);

	GTK_WIDGET_CLASS(ngw_activity_traffic_parent_class)->map(widget);
	if (self->timer == 0)
		self->timer = g_timeout_add_seconds(REFRESH_S, traffic_tick, self);
	traffic_ask(self);
}

static void ngw_activity_traffic_unmap(GtkWidget *widget)
{
	g_clear_handle_id(&NGW_ACTIVITY_TRAFFIC(widget)->timer, g_source_remove);
	GTK_WIDGET_CLASS(ngw_activity_traffic_parent_class)->unmap(widget);
}

static void ngw_activity_traffic_dispose(GObject *object)
{
	NgwActivityTraffic *self = NGW_ACTIVITY_TRAFFIC(object);

	g_clear_handle_id(&self->timer, g_source_remove);
	g_cancellable_cancel(self->asking);
	g_clear_object(&self->asking);
	g_clear_object(&self->guard);
	g_clear_pointer(&self->box, gtk_widget_unparent);
	G_OBJECT_CLASS(ngw_activity_traffic_parent_class)->dispose(object);
}

static void ngw_activity_traffic_class_init(NgwActivityTrafficClass *class)
{
	GtkWidgetClass *widget = GTK_WIDGET_CLASS(class);

	g_type_ensure(NGW_TYPE_CHART);
	G_OBJECT_CLASS(class)->dispose = ngw_activity_traffic_dispose;
	widget->map = ngw_activity_traffic_map;
	widget->unmap = ngw_activity_traffic_unmap;
	gtk_widget_class_set_template_from_resource(widget, NGW_RESOURCES "/ui/activity-traffic.ui");
	gtk_widget_class_bind_template_child(widget, NgwActivityTraffic, box);
	gtk_widget_class_bind_template_child(widget, NgwActivityTraffic, hour);
	gtk_widget_class_bind_template_child(widget, NgwActivityTraffic, day);
	gtk_widget_class_bind_template_child(widget, NgwActivityTraffic, line);
	gtk_widget_class_bind_template_child(widget, NgwActivityTraffic, chart);
	gtk_widget_class_bind_template_callback(widget, period_toggled);
	gtk_widget_class_bind_template_callback(widget, chart_pointed);
}

static void ngw_activity_traffic_init(NgwActivityTraffic *self)
{
	gtk_widget_init_template(GTK_WIDGET(self));
}
