/* SPDX-License-Identifier: MIT */
/*
 * Calls that wait: each holds its own duplicate of the socket, and is gone on with when that is ready or, where
 * readiness cannot be polled for, every tick. A table of NG_BROKER_PENDING; the epoll key is the place and a
 * generation, so that an event that was already on its way when a place was given away is recognised.
 *
 * Signals. The kernel lets only deadly signals interrupt a call that we have received (WAIT_KILLABLE_RECV). So at the
 * tick we look, in /proc, whether one is there for the caller, and end the call as the kernel would: with what was done
 * so far, or with -ERESTARTSYS, which the kernel turns into a restart or EINTR as the signal's handler says. It does
 * that only in a thread that has the signal to deal with: were the signal another thread's, the program would see the
 * number 512. So a signal of the whole process restarts a call only where this thread is sure to be chosen (it is
 * alone, or the main one: complete_signal() in kernel/signal.c); else it gets EINTR, and only when nobody took the
 * signal for a tick.
 */
#include "run/broker-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <unistd.h>

#define ERESTARTSYS 512 /* the kernel's own number, include/linux/errno.h */
#define GONE_TICKS 400  /* what an interrupted call had sent is kept for its restart */
#define LOOKS 64        /* callers whose signals are looked at in one tick */

static void release(struct ng_broker *broker, unsigned place)
{
	struct ng_pending *pending = broker->pending[place];

	if (pending->is_polled)
		epoll_ctl(broker->run->epoll, EPOLL_CTL_DEL, pending->sock.fd, NULL);
	broker->pending[place] = NULL;
	broker->n_pending--;
	ng_sock_done(&pending->sock);
	ng_close_fd_(&pending->target);
	if (pending->message) {
		ng_control_done(&pending->message->control);
		ng_close_fd_(&pending->message->target);
		free(pending->message);
	}
	free(pending);
}

static void finish(struct ng_broker *broker, unsigned place, long result)
{
	struct ng_call call;

	if (result == NG_CALL_WAITS)
		return;
	call = broker->pending[place]->call;
	release(broker, place); /* first: when the caller closes its descriptor it must be the last */
	ng_call_answer(broker, &call, result);
}

int64_t ng_pending_deadline_ms(const struct ng_sock *sock)
{
	struct timeval timeout = { 0 };
	socklen_t len = sizeof timeout;

	if (getsockopt(sock->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, &len) < 0 || (!timeout.tv_sec && !timeout.tv_usec))
		return 0;
	if (timeout.tv_sec > INT_MAX)
		return 0;
	return ng_broker_now_ms() + (int64_t)timeout.tv_sec * 1000 + timeout.tv_usec / 1000 + 1;
}

static int place_of(const struct ng_broker *broker)
{
	for (int i = 0; i < NG_BROKER_PENDING; i++) {
		if (!broker->pending[i])
			return i;
	}
	return -1;
}

static uint64_t key_of(unsigned place, uint32_t generation)
{
	return NG_EPOLL_PENDING + ((uint64_t)generation << 32 | place);
}

static void drop_seed(const struct ng_pending *seed)
{
	struct ng_pending copy = *seed;

	ng_sock_done(&copy.sock);
	ng_close_fd_(&copy.target);
	if (copy.message) {
		ng_control_done(&copy.message->control);
		ng_close_fd_(&copy.message->target);
		free(copy.message);
	}
}

long ng_pending_add(struct ng_broker *broker, const struct ng_pending *seed, bool is_polled)
{
	const int place = place_of(broker);
	struct ng_pending *pending = place < 0 ? NULL : malloc(sizeof *pending);
	struct epoll_event event = { .events = EPOLLOUT };

	if (!pending) {
		drop_seed(seed);
		return -EAGAIN;
	}
	*pending = *seed;
	pending->call.task = NULL;
	pending->is_polled = is_polled;
	pending->deadline_ms = ng_pending_deadline_ms(&pending->sock);
	pending->generation = ++broker->generations[place] & 0x7fffffffu;
	event.data.u64 = key_of((unsigned)place, pending->generation);
	if (is_polled && epoll_ctl(broker->run->epoll, EPOLL_CTL_ADD, pending->sock.fd, &event) < 0)
		pending->is_polled = false;
	broker->pending[place] = pending;
	broker->n_pending++;
	return NG_CALL_WAITS;
}

static void resume(struct ng_broker *broker, unsigned place)
{
	struct ng_pending *pending = broker->pending[place];

	if (!ng_call_is_valid(broker, &pending->call)) {
		/* On a kernel without WAIT_KILLABLE_RECV what was sent so far is needed if it calls again. */
		if (!pending->message || !pending->message->done)
			release(broker, place);
		return;
	}
	pending->call.task = ng_tasks_get(broker->tasks, pending->call.tid);
	finish(broker, place, pending->resume(broker, pending));
}

void ng_broker_pending_ready(struct ng_broker *broker, uint64_t key)
{
	const unsigned place = (unsigned)((key - NG_EPOLL_PENDING) & 0xffffffffu);

	if (place < NG_BROKER_PENDING && broker->pending[place] &&
	    key_of(place, broker->pending[place]->generation) == key)
		resume(broker, place);
}

bool ng_broker_has_pending(const struct ng_broker *broker)
{
	return broker->n_pending > 0;
}

/* --- interruptions --- */

/* 0, or what the call returns. */
static int interruption_of(struct ng_pending *pending)
{
	struct ng_task_status status;
	const bool was_signalled = pending->was_signalled;

	if (ng_task_status(pending->call.tid, &status) < 0)
		return 0;
	pending->was_signalled = (status.pending | status.shared_pending) & ~status.blocked;
	if (!pending->was_signalled)
		return 0;
	if (pending->deadline_ms && status.pending & ~status.blocked)
		return -EINTR; /* signal(7): never restarted with a timeout */
	if (status.pending & ~status.blocked || status.n_threads == 1 || status.tgid == pending->call.tid)
		return pending->deadline_ms ? -EINTR : -ERESTARTSYS;
	return was_signalled ? -EINTR : 0;
}

static bool is_past(const struct ng_pending *pending, int64_t now_ms)
{
	return pending->deadline_ms && now_ms >= pending->deadline_ms;
}

static long done_so_far(const struct ng_pending *pending, long otherwise)
{
	return pending->message && pending->message->done ? (long)pending->message->done : otherwise;
}

/* A sendmmsg() that is ended in its first message has sent one, if it has sent anything. */
static long end_early(struct ng_broker *broker, struct ng_pending *pending, long otherwise)
{
	const long done = done_so_far(pending, otherwise);
	const uint32_t n = (uint32_t)done;

	if (done <= 0 || !pending->message || !pending->message->length_at)
		return done;
	pending->call.task = ng_tasks_get(broker->tasks, pending->call.tid);
	ng_task_write(pending->call.task, pending->message->length_at, &n, sizeof n);
	return 1;
}

static void tick_one(struct ng_broker *broker, unsigned place, bool looks)
{
	struct ng_pending *pending = broker->pending[place];
	int interruption;

	if (!ng_call_is_valid(broker, &pending->call)) {
		if (!done_so_far(pending, 0) || ++pending->gone_ticks > GONE_TICKS)
			release(broker, place);
		return;
	}
	if (is_past(pending, ng_broker_now_ms())) {
		finish(broker, place, end_early(broker, pending, pending->timeout_error));
		return;
	}
	if (!pending->is_polled) {
		resume(broker, place);
		if (broker->pending[place] != pending)
			return;
	}
	interruption = looks ? interruption_of(pending) : 0;
	if (interruption)
		finish(broker, place, end_early(broker, pending, interruption));
}

void ng_broker_tick(struct ng_broker *broker)
{
	unsigned left = broker->n_pending, looks = LOOKS;
	const unsigned first = broker->next_look;

	for (unsigned i = 0; i < NG_BROKER_PENDING && left; i++) {
		const unsigned place = (first + i) % NG_BROKER_PENDING;

		if (!broker->pending[place])
			continue;
		left--;
		if (looks)
			broker->next_look = place + 1;
		tick_one(broker, place, looks > 0);
		looks -= looks > 0;
	}
}

bool ng_pending_replay(struct ng_broker *broker, const struct ng_call *call, long *ret_result)
{
	for (unsigned i = 0, left = broker->n_pending; i < NG_BROKER_PENDING && left; i++) {
		struct ng_pending *pending = broker->pending[i];
		bool is_same;

		if (!pending)
			continue;
		left--;
		if (pending->call.tid != call->tid)
			continue;
		is_same = pending->call.nr == call->nr && done_so_far(pending, 0) > 0 &&
			  memcmp(pending->call.args, call->args, sizeof call->args) == 0;
		*ret_result = end_early(broker, pending, 0);
		release(broker, i);
		return is_same;
	}
	return false;
}

void ng_pending_free_all(struct ng_broker *broker)
{
	for (unsigned i = 0; i < NG_BROKER_PENDING; i++) {
		if (broker->pending[i])
			release(broker, i);
	}
}
