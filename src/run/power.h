/* SPDX-License-Identifier: MIT */
/*
 * The capabilities that are left: of the supervisor always, of a command on rungs B and C. A list of what may stay, not
 * of what must go: none of them reaches the network, other namespaces or other processes. Both have the same, because
 * who has less than another process may not look into it.
 */
#ifndef NG_RUN_POWER_H
#define NG_RUN_POWER_H

#include <stdbool.h>

/* `has_other_users`: keeps CAP_SYS_PTRACE too, for a supervisor on rung B whose command may become another user; its
 * command has not got it. Gives up all others. For good, in a process that has no_new_privs. 0 or negative errno;
 * somebody without any is left as they are. */
int ng_power_give_up(bool has_other_users);

#endif
