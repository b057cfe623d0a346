/* SPDX-License-Identifier: MIT */
/*
 * The broker answers the system calls that name an address. For each it copies what the caller points to ONCE, decides
 * on its own copy, acts itself on a duplicate of the caller's descriptor, and returns the result. It never tells the
 * kernel to continue a call: what another thread writes meanwhile changes nothing.
 *
 * Which calls arrive is the filter's table (filter.h): socket (brokered only), connect, bind, listen (brokered only),
 * sendto with an address, sendmsg, sendmmsg. Runs in the supervisor.
 */
#ifndef NG_RUN_BROKER_H
#define NG_RUN_BROKER_H

#include "run/supervise.h"

#define NG_BROKER_PENDING 1024 /* calls that wait for the network at once; beyond that EAGAIN */
#define NG_BROKER_TICK_MS 25   /* while calls are pending: look whether their callers got signals */

struct ng_broker;

/* `run` must outlive it. 0 or negative errno. */
int ng_broker_new(struct ng_run *run, struct ng_broker **ret_broker);
/* The listener is readable: answers up to a bounded number of calls. 0; -ENOENT when no confined process is left. */
int ng_broker_listener_ready(struct ng_broker *broker);
/* A pending call's descriptor is ready (data.u64 of its event). */
void ng_broker_pending_ready(struct ng_broker *broker, uint64_t key);
/* Every NG_BROKER_TICK_MS while ng_broker_has_pending(). */
void ng_broker_tick(struct ng_broker *broker);
bool ng_broker_has_pending(const struct ng_broker *broker);
void ng_broker_free(struct ng_broker *broker);

#endif
