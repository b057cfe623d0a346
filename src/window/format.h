/* SPDX-License-Identifier: MIT */
/* Times, counts and durations in words, in the person's language. Pure functions; results are owned by the caller. */
#ifndef NGW_FORMAT_H
#define NGW_FORMAT_H

#include <glib.h>

G_BEGIN_DECLS

char *ngw_format_clock(gint64 time);   /* "14:30" */
char *ngw_format_when(gint64 time);    /* "14:30", "yesterday 14:30", "3 Nov 14:30", with the year if another */
char *ngw_format_left(gint64 seconds); /* "42 min", "3 h", "2 days" */
char *ngw_format_times(guint64 count); /* "once", "3 times" */
char *ngw_format_host(const char *address, guint port, const char *protocol); /* "[2001:db8::1]:443/tcp" */

char *ngw_format_closed(guint64 count); /* "2 open connections closed" */

G_END_DECLS
#endif
