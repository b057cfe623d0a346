/* SPDX-License-Identifier: MIT */
/*
 * The network inside (rung A, brokered): it has a loopback interface and nothing else, and every address is its own, so
 * that whatever name server a program's resolv.conf names, the stub is there. Runs in our init, before the command
 * exists.
 */
#ifndef NG_RUN_INSIDE_H
#define NG_RUN_INSIDE_H

#include <stdbool.h>

/* Routes every address of both families to this namespace itself, and gives its loopback an address of each family that
 * the machine has, because resolvers ask only for families of which they see an address (getaddrinfo(3),
 * AI_ADDRCONFIG). 0 or negative errno; that there is no IPv6 is no error. */
int ng_inside_answer_everywhere(bool has_ipv6);
/* A datagram socket and a listening one on port 53 of every address, nonblocking. 0 or negative errno. */
int ng_inside_stub_sockets(int ret_fds[static 2]);

#endif
