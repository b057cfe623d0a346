/* SPDX-License-Identifier: MIT */
/*
 * The resolver of a confined program: answers A and AAAA (and PTR, from what it answered itself) for names that may be
 * asked for, REFUSED to everything else, so that DNS is no tunnel. Asks the machine's own name servers
 * (/etc/resolv.conf, /etc/hosts first) over UDP with a random id and port, and over TCP where the answer was cut. Other
 * sections and records than A, AAAA and CNAME are taken out. Never blocks: sockets are polled by the supervisor.
 * Bounded: NG_STUB_QUERIES at once; beyond that SERVFAIL.
 */
#ifndef NG_RUN_STUB_H
#define NG_RUN_STUB_H

#include <stdbool.h>

#include "run/names.h"

#define NG_STUB_QUERIES 64

struct ng_stub;
struct ng_record;

/* Takes over two bound sockets, on port 53 inside the confinement (rung A) or on a port of this machine's loopback
 * (rung B): a datagram one and a listening one; both nonblocking; either may be -1. Upstream sockets are the caller's
 * network's own. `names` and `record` must outlive it; refused names are recorded (call "resolve"). Adds what must be
 * polled to `epoll_fd` with `data.u64` = NG_EPOLL_STUB. */
int ng_stub_new(struct ng_names *names, struct ng_record *record, int epoll_fd, int udp_fd, int tcp_fd,
		struct ng_stub **ret_stub);
/* Something was ready: does what can be done without waiting. */
void ng_stub_work(struct ng_stub *stub);
/* Milliseconds until ng_stub_work() must be called though nothing is ready; -1: never. */
int ng_stub_timeout_ms(const struct ng_stub *stub);
void ng_stub_free(struct ng_stub *stub);

#endif
