/* SPDX-License-Identifier: MIT */
/*
 * What runs now: a walk over /proc that puts processes together by the file they run, its path, and the application
 * they answer to. Shared by the backends; runs in the enforcer and sees what its user may see, which is everything with
 * CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, and the user's own processes in the simulation.
 *
 * Invariants: a process is read through one descriptor of its folder, so that a recycled process id cannot mix two;
 * nothing here waits for a process or for the server of a file system; the numbers of processes looked at, of programs
 * and of users told are limited, and what is left out is counted.
 */
#ifndef NG_PROGRAMS_H
#define NG_PROGRAMS_H

#include "enforce/backend.h"

/* What the backend knows of one process: `one` has its pid, and key and path as the process shows them. Sets app_key
 * and ancestors; corrects key and path where the process does not show what it runs. */
typedef void (*ng_program_identify_fn)(void *self, struct ng_program *one);

/* As in struct ng_backend. `identify` may be NULL: nothing is in force. */
int ng_programs_walk(ng_program_identify_fn identify, void *self,
		     void (*fn)(void *user_data, const struct ng_program *program), void *user_data,
		     uint32_t *ret_left_out, uint32_t *ret_unseen);

#endif
