/* SPDX-License-Identifier: MIT */
/* The supervisor's processor (seat.h). */
#include "run/seat.h"

static void leave(struct ng_seat *seat)
{
	if (seat->is_taken)
		sched_setaffinity(0, sizeof seat->allowed, &seat->allowed);
	seat->is_taken = false;
	seat->calls = 0;
}

static void take(struct ng_seat *seat)
{
	const int cpu = sched_getcpu();
	cpu_set_t here;

	if (cpu < 0 || cpu >= CPU_SETSIZE)
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
