// SPDX-License-Identifier: MIT
/*
 * The kernel programs: hooks that gather facts and call verdict.h, nothing more. Loaded and pinned by the enforcer;
 * they go on deciding when it is gone. Read in this order: maps.h (what is remembered, and what happens when it is
 * full), tag.h (whom a process answers to), judge.h (asking the verdict, reporting), task.h (exec, fork, exit),
 * socket.h (system calls), packet.h (packets), scan.h (the walk over open files).
 */
#include "scan.h"

char guard_license[] SEC("license") = "Dual MIT/GPL";
