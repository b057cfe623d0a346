/* SPDX-License-Identifier: MIT */
/* Stands in for the parts of the window that are not written yet; weak, so that each goes when its file comes. */
#include "window/activity-page.h"
#include "window/app-page.h"
#include "window/log-page.h"

#define WEAK __attribute__((weak))

WEAK GtkWidget *ngw_activity_page_new(NgwWindow *window)
{
	return gtk_label_new("Activity");
}
WEAK GtkWidget *ngw_log_page_new(NgwWindow *window)
{
	return gtk_label_new("Log");
}
WEAK GType ngw_app_page_get_type(void)
{
	return GTK_TYPE_LABEL;
}
WEAK GtkWidget *ngw_app_page_new(NgwWindow *window)
{
	return gtk_label_new("Application");
}
WEAK void ngw_app_page_show(NgwAppPage *page, const char *key)
{
}
