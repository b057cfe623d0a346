/* SPDX-License-Identifier: MIT */
/*
 * How long the main loop was busy at a stretch: see loop-log.h. The loop sleeps in poll(): from the end of one to the
 * beginning of the next is one stretch of work.
 */
#include "window/loop-log.h"

#include <glib.h>
#include <stdio.h>
#include <time.h>

static FILE *file;
static gint64 woke, woke_cpu, longest, longest_cpu, second;

static gint64 cpu_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

static gint measured_poll(GPollFD *fds, guint n, gint timeout)
{
	const gint64 begin = g_get_monotonic_time();
	gint result;

	if (woke > 0) {
		longest = MAX(longest, begin - woke);
		longest_cpu = MAX(longest_cpu, cpu_time() - woke_cpu);
	}
	if (begin - second >= G_USEC_PER_SEC) {
		if (second > 0)
			fprintf(file, "%" G_GINT64_FORMAT " %" G_GINT64_FORMAT "\n", longest, longest_cpu);
		fflush(file);
		second = begin;
		longest = longest_cpu = 0;
	}
	result = g_poll(fds, n, timeout);
	woke = g_get_monotonic_time();
	woke_cpu = cpu_time();
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
