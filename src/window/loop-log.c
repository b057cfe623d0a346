/* SPDX-License-Identifier: MIT */
/*
 * How long the main loop was busy at a stretch: see loop-log.h. The loop sleeps in poll(): from the end of one to the
 * beginning of the next is one stretch of work.
 */
#include "window/loop-log.h"

#include <glib.h>
#include <stdio.h>

static FILE *file;
static gint64 woke, longest, second;

static gint measured_poll(GPollFD *fds, guint n, gint timeout)
{
	const gint64 begin = g_get_monotonic_time();
	gint result;

	if (woke > 0)
		longest = MAX(longest, begin - woke);
	if (begin - second >= G_USEC_PER_SEC) {
		if (second > 0)
			fprintf(file, "%" G_GINT64_FORMAT "\n", longest);
		fflush(file);
		second = begin;
		longest = 0;
	}
	result = g_poll(fds, n, timeout);
	woke = g_get_monotonic_time();
	return result;
}

void ngw_loop_log_start(void)
{
	const char *path = g_getenv("NETGUARD_WINDOW_LOOP_LOG");

	if (!path || !*path)
		return;
	file = fopen(path, "we");
	if (!file)
		g_printerr("netguard-window: %s cannot be written: the loop is not measured\n", path);
	else
		g_main_context_set_poll_func(NULL, measured_poll);
}
