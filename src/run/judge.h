/* SPDX-License-Identifier: MIT */
/*
 * From a socket address to a verdict. The address is the supervisor's own copy; what comes of it is decided by
 * verdict.h, and where that refuses, by the names that were answered. Runs in the supervisor, pure but for the tables
 * it asks.
 */
#ifndef NG_RUN_JUDGE_H
#define NG_RUN_JUDGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "run/supervise.h"

struct ng_judgement {
	bool is_allowed;
	bool is_foreseen;     /* allowed only because of --dry-run */
	unsigned char reason; /* NG_REASON_* */
	unsigned char class;  /* NG_CLASS_* */
};

/* What to do with a call that names an address. */
enum ng_route {
	NG_ROUTE_HERE,   /* on the caller's socket */
	NG_ROUTE_INSIDE, /* on a socket of the inside, put in its place */
	NG_ROUTE_HOST,   /* on one of the machine, put in its place */
	NG_ROUTE_STUB,   /* on the caller's socket, to the stub instead (rung B) */
	NG_ROUTE_DENY,
};

/* AF_INET or AF_INET6 as the kernel would read it: 0, -EINVAL (too short), -EAFNOSUPPORT. `call`: NG_CALL_*. */
int ng_judge_flow(const struct sockaddr_storage *addr, socklen_t len, int protocol, uint8_t call,
		  struct ng_flow *ret_flow);
/* Fills in flow->onlink. */
struct ng_judgement ng_judge(const struct ng_run *run, struct ng_flow *flow);
/* For connect and datagrams. `*ret_is_quiet`: nothing outside is meant, there is nothing to record. */
enum ng_route ng_judge_route(const struct ng_run *run, bool is_inside, struct ng_flow *flow,
			     struct ng_judgement *ret_judgement, bool *ret_is_quiet);
/* A loopback server of the program's own: does the profile keep the machine's from it, so that it has one inside? */
bool ng_judge_has_own_loopback(const struct ng_run *run);

#endif
