/* SPDX-License-Identifier: MIT */
/*
 * The seccomp filter: which system calls a confined program may make natively, which are refused and with what, which
 * go to the broker. One table, made into classic BPF at start. Looks at registers only; what is behind a pointer is the
 * broker's.
 */
#ifndef NG_RUN_FILTER_H
#define NG_RUN_FILTER_H

#include <stdbool.h>

#include <linux/filter.h>

#include "run/policy.h"

#define NG_FILTER_MAX 320 /* instructions; the table needs up to 230 */

/* The program by itself: its length, or -E2BIG. */
int ng_filter_make(const struct ng_run_policy *policy, char rung, bool has_landlock,
		   struct sock_filter ret_code[static NG_FILTER_MAX]);
/* Installs the filter for the calling thread, which must have set no_new_privs. Rung A and B: returns the listener;
 * rung C: 0. Negative errno: -EBUSY where a listener already exists. `has_landlock`: debuggers are kept from processes
 * outside; without it, and without a pid namespace (rung B, C), they are refused altogether. `ret_is_killable`: see
 * struct ng_run. */
int ng_filter_install(const struct ng_run_policy *policy, char rung, bool has_landlock, bool *ret_is_killable);
/* The same for all threads of a process that runs already, rung B or C, and without Landlock, which takes one thread
 * only. Needs Linux 5.7 for rung B. -ESRCH: a thread has a filter of its own; nothing has changed. Calls of the table
 * wait from here on until somebody serves the listener: see attach.h. */
int ng_filter_install_for_process(const struct ng_run_policy *policy, char rung, bool *ret_is_killable);

#endif
