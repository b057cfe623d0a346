/* SPDX-License-Identifier: MIT */
/*
 * Which processes hold which sockets, who they are and what started them, read from /proc. Part of the simulation: runs
 * with no power and sees what its user may see (proc(5): /proc/PID/fd and /proc/PID/exe need PTRACE_MODE_READ), which
 * is the user's own processes, or all of them for root.
 *
 * Invariants: a process is read through one descriptor of its folder, so that a recycled process id cannot mix two;
 * what cannot be read is left out, never guessed; the numbers of processes and holdings are limited.
 */
#ifndef NG_SIMULATION_PROCESS_H
#define NG_SIMULATION_PROCESS_H

#include <stddef.h>
#include <stdint.h>

#include "verdict/abi.h"

#define NG_PROCESS_MAX_ANCESTORS 16 /* as far as the kernel programs look (src/bpf/task.h) */
#define NG_PROCESS_MAX 65536u
#define NG_PROCESS_MAX_HOLDINGS 262144u

struct ng_process {
	uint32_t pid;
	uint32_t n_ancestors;
	struct ng_exe_key exe;                                 /* all zero: cannot be told */
	struct ng_exe_key ancestors[NG_PROCESS_MAX_ANCESTORS]; /* parent first, but those that cannot be told */
	char comm[16];                                         /* NUL-terminated */
	char path[512];                                        /* NUL-terminated; empty: gone, or too long */
};

/* One descriptor, or several, of one process for one socket. */
struct ng_holding {
	uint64_t inode;
	uint32_t process; /* index in the table */
	uint32_t pad;
};

struct ng_process_table {
	struct ng_process *processes;
	struct ng_holding *holdings;
	size_t n_processes, n_holdings;
	size_t processes_size, holdings_size; /* room, in elements */
};

/* Who holds the sockets of `inodes` (sorted, n of them). *ret_table is the caller's, for ng_process_table_done(). 0 or
 * negative errno (-ENOENT, -EACCES: no /proc). */
int ng_process_find(const uint64_t *inodes, size_t n, struct ng_process_table *ret_table);
void ng_process_table_done(struct ng_process_table *table);

#endif
