/* SPDX-License-Identifier: MIT */
/*
 * The second lock: a Landlock domain around the command. It keeps debuggers away from processes outside (any version),
 * takes TCP connect and bind by themselves (ABI 4: the supervisor's own are outside the domain), abstract UNIX sockets
 * and signals to the outside (ABI 6).
 */
#ifndef NG_RUN_LANDLOCK_H
#define NG_RUN_LANDLOCK_H

#include <stdbool.h>

/* The kernel's ABI version; 0 where there is none. */
int ng_landlock_abi(void);
/* Restricts the calling thread for good; needs no_new_privs. `has_tcp`: refuse TCP connect and bind too. 0 or negative
 * errno; -EOPNOTSUPP where the kernel has none. */
int ng_landlock_restrict(bool has_tcp);

#endif
