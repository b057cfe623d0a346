/* SPDX-License-Identifier: MIT */
/*
 * The supervisor: one thread, one epoll, nothing that waits. It is the launcher itself after the command was started;
 * it lives in the machine's own network, as the caller, with no capability, and it alone creates sockets that reach
 * anything.
 */
#ifndef NG_RUN_SUPERVISE_H
#define NG_RUN_SUPERVISE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "run/names.h"
#include "run/options.h"
#include "run/record.h"

/* What an epoll event is about: data.u64. Values from NG_EPOLL_PENDING on are pending calls of the broker. */
#define NG_EPOLL_SIGNAL 2
#define NG_EPOLL_INIT 3
#define NG_EPOLL_STUB 4
#define NG_EPOLL_PENDING 16

#define NG_RUN_STUBS 2

struct ng_prefixes; /* onlink.h */
struct ng_broker;   /* broker.h */
struct ng_stub;

/* What the parts of the supervisor share. */
struct ng_run {
	const struct ng_run_options *options;
	const struct ng_run_policy *policy;
	struct ng_record *record;
	struct ng_names *names; /* never NULL */
	struct ng_prefixes *prefixes;
	struct ng_broker *broker;
	/* The first NULL: no names are resolved (plain Offline). The second: rung B, for sockets of IPv6 alone, or
	 * NULL. */
	struct ng_stub *stubs[NG_RUN_STUBS];
	uint16_t stub_port; /* rung B: the stub's port on 127.0.0.1 and ::1; else 0 */
	char rung;          /* 'A', 'B', 'C' */
	int listener;       /* seccomp's; -1 on rung C */
	bool is_killable;   /* only deadly signals end a call that we have received (Linux 5.19) */
	int epoll;
	int init_fd; /* to our init inside the confinement; -1: a process that runs already, attach.h */
	pid_t init_pid;
	pid_t command_pid; /* in our pid namespace */
};

/* A socket made inside the confinement's network (rung A: asks init and waits for it, bounded; B: socket()). A
 * descriptor with FD_CLOEXEC, or negative errno. */
int ng_run_inside_socket(struct ng_run *run, int family, int type, int protocol);

struct ng_confined;

/* How the command ended. */
struct ng_run_end {
	int exec_error; /* errno of execve(), or 0 */
	int signal;     /* that ended it, or 0 */
};

/* Serves the command, which goes already (ng_confine_go()), until it has ended; without an init, until nobody uses the
 * filter. Signals must be blocked. Its exit status as a shell has it, and the rest in *ret_end; or negative errno: the
 * loop itself failed, end what is inside. */
int ng_supervise(struct ng_run *run, const struct ng_confined *confined, struct ng_run_end *ret_end);

#endif
