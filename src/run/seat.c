/* SPDX-License-Identifier: MIT */
/* The supervisor's processor (seat.h). */
#include "run/seat.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define PROCESSOR_FIELD 39 /* of /proc/PID/stat, proc(5) */

static void leave(struct ng_seat *seat)
{
	if (seat->is_taken)
		sched_setaffinity(0, sizeof seat->allowed, &seat->allowed);
	seat->is_taken = false;
	seat->calls = 0;
}

/* The processor that the thread ran on last; -1 if it cannot be told. */
static int processor_of(pid_t tid)
{
	char path[32], text[1024];
	ng_auto_fd fd = -1;
	const char *field;
	ssize_t n;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	field = strrchr(text, ')'); /* the second, which can hold anything */
	for (int i = 2; field && i < PROCESSOR_FIELD; i++)
		field = strchr(field + 1, ' ');
	return field ? atoi(field) : -1;
}

static void take(struct ng_seat *seat)
{
	const int cpu = processor_of(seat->tid);
	cpu_set_t here;

	if (cpu < 0 || cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &seat->allowed))
		return;
	CPU_ZERO(&here);
	CPU_SET(cpu, &here);
	seat->is_taken = sched_setaffinity(0, sizeof here, &here) == 0;
}

void ng_seat_init(struct ng_seat *seat)
{
	*seat = (struct ng_seat){ .tid = 0 };
	seat->is_known = sched_getaffinity(0, sizeof seat->allowed, &seat->allowed) == 0;
}

void ng_seat_follow(struct ng_seat *seat, pid_t tid, bool is_injection)
{
	if (!seat->is_known)
		return;
	if (tid != seat->tid) {
		leave(seat);
		seat->tid = tid;
		return;
	}
	if (!is_injection) {
		if (++seat->others == NG_SEAT_OTHERS)
			leave(seat);
		return;
	}
	seat->others = 0;
	seat->calls++;
	if (seat->calls == NG_SEAT_AFTER)
		take(seat);
	else if (seat->calls == NG_SEAT_FOR)
		leave(seat);
}
