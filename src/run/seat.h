/* SPDX-License-Identifier: MIT */
/*
 * Where the supervisor sits: on the processor of the thread that it serves, while it serves one thread. The kernel
 * wakes us there when a call comes (supervise.c), but when a descriptor has been injected it would wake us on any that
 * is idle, and the caller's next call would have to wake its own again. Waking an idle processor costs more than the
 * whole call.
 *
 * As soon as two threads call in turn, or nothing is injected any more, we may sit anywhere. Runs in the supervisor;
 * nothing depends on it but time.
 */
#ifndef NG_RUN_SEAT_H
#define NG_RUN_SEAT_H

#include <sched.h>
#include <stdbool.h>
#include <sys/types.h>

#define NG_SEAT_OTHERS 16 /* calls in a row that inject nothing: data is better copied on another processor */
#define NG_SEAT_AFTER 8   /* calls of one thread in a row */
#define NG_SEAT_FOR 256   /* calls; then we look where the caller is now */

struct ng_seat {
	cpu_set_t allowed;
	pid_t tid;
	unsigned calls, others;
	bool is_known, is_taken;
};

void ng_seat_init(struct ng_seat *seat);
/* A call of this thread has woken us; is it one that is answered by injecting a descriptor? */
void ng_seat_follow(struct ng_seat *seat, pid_t tid, bool is_injection);

#endif
