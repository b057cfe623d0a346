/* SPDX-License-Identifier: MIT */
/*
 * Control messages that accompany what a program sends: read once, each on a list, copied into one of our own.
 * Descriptors are translated; credentials are left out (the kernel would vouch for us); what could lead a packet
 * elsewhere is refused. Runs in the supervisor.
 */
#ifndef NG_RUN_CONTROL_H
#define NG_RUN_CONTROL_H

#include "run/task.h"

#define NG_CONTROL_MAX 4096
#define NG_CONTROL_FDS 253 /* SCM_MAX_FD */

struct ng_control {
	_Alignas(8) unsigned char bytes[NG_CONTROL_MAX];
	size_t len;
	int fds[NG_CONTROL_FDS]; /* ours, named in `bytes` */
	unsigned n_fds;
};

/* What is at `at` of the caller, for a socket of this family. 0, or negative errno: -ENOBUFS (too long), -EINVAL,
 * -EPERM (not on the list), -EBADF, -EFAULT. ng_control_done() also after an error. */
int ng_control_take(struct ng_tasks *tasks, struct ng_task *task, int domain, uint64_t at, size_t len,
		    struct ng_control *ret_control);
void ng_control_done(struct ng_control *control);

#endif
