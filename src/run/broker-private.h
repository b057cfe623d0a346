/* SPDX-License-Identifier: MIT */
/*
 * What the broker's files share. One notified call is a struct ng_call: registers, copied by the kernel. What it points
 * to is copied once by the handler of the call; the socket it names is duplicated once, and everything after that is
 * done on the copies. A handler returns what the call shall return, or one of the two named outcomes below.
 *
 * The order in every handler: take the descriptor, read the memory, judge, ng_call_is_valid(), act, answer. Until the
 * kernel has said that the call still stands, what was read may be of a process that has taken over the number.
 *
 * Nothing here may block: sockets are told MSG_DONTWAIT, or O_NONBLOCK for the moment (ng_broker_guard()).
 */
#ifndef NG_RUN_BROKER_PRIVATE_H
#define NG_RUN_BROKER_PRIVATE_H

#include <limits.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "run/broker.h"
#include "run/control.h"
#include "run/ingress.h"
#include "run/judge.h"
#include "run/seat.h"
#include "run/task.h"
#include "run/unix-known.h"

#define NG_CALL_WAITS LONG_MIN      /* pending.c answers it later */
#define NG_CALL_DONE (LONG_MIN + 1) /* it has its answer, or its caller is gone */

struct ng_call {
	uint64_t id;
	uint64_t args[6];
	pid_t tid; /* in our pid namespace */
	int nr;
	const char *name; /* as in the record */
	struct ng_task *task;
};

/* A duplicate of the caller's socket, and what it is. */
struct ng_sock {
	int fd;
	int number; /* the caller's own number for it */
	int domain, type, protocol;
	bool is_inside; /* of the confinement's network, not of the machine's */
};

struct ng_address {
	union {
		struct sockaddr_storage storage;
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	};
	socklen_t len;
};

/* One message on its way. The fixed part, then as many vectors as are used: a waiting message is copied that short. */
struct ng_message {
	struct ng_address to; /* len 0: none */
	int target;           /* the resolved AF_UNIX path that `to` names; or -1 */
	int flags;
	bool is_stream;
	size_t total, done;
	struct ng_control control;
	uint64_t length_at; /* sendmmsg: where msg_len goes; 0: nowhere */
	unsigned n_iov;
	struct iovec iov[IOV_MAX];
};

struct ng_pending;
/* Goes on with a call whose descriptor is ready, or whose tick came. As a handler. */
typedef long ng_resume_fn(struct ng_broker *broker, struct ng_pending *pending);

struct ng_pending {
	struct ng_call call; /* `task` is looked up again */
	struct ng_sock sock;
	ng_resume_fn *resume;
	struct ng_address address;  /* of a connect */
	int target;                 /* AF_UNIX: what it is connected to; or -1 */
	struct ng_message *message; /* owned; of a send */
	int64_t deadline_ms;        /* SO_SNDTIMEO; 0: none */
	int timeout_error;          /* what the call returns then */
	uint32_t generation;
	bool is_polled;      /* in the epoll; else tried again every tick */
	bool was_signalled;  /* at the last tick */
	unsigned gone_ticks; /* since the caller was interrupted */
};

#define NG_BROKER_LOST 16 /* answers that were not taken, see broker.c */

struct ng_lost {
	pid_t tid;
	uint64_t task_serial;
	int nr;
	uint64_t args[6];
	long result;
};

struct ng_broker {
	struct ng_seat seat;
	struct ng_run *run;
	struct ng_tasks *tasks;
	struct ng_ingress *ingress;
	struct ng_unix_known *unix_known;
	uint64_t own_netns; /* SO_NETNS_COOKIE; 0: the kernel has none */
	struct ng_pending *pending[NG_BROKER_PENDING];
	uint32_t generations[NG_BROKER_PENDING];
	unsigned n_pending;
	unsigned next_look; /* where the next tick looks for signals */
	struct ng_lost lost[NG_BROKER_LOST];
	unsigned n_lost;
	bool is_root; /* callers can have other uids than ours */
};

/* broker.c */
bool ng_call_is_valid(const struct ng_broker *broker, const struct ng_call *call);
void ng_call_answer(struct ng_broker *broker, const struct ng_call *call, long result);
/* The socket the caller names by `number`. 0 or negative errno; -EBADF, -ENOTSOCK as the call itself; -EPERM if the
 * process may not be looked into, which is recorded. ng_sock_done() closes it. */
int ng_call_socket(struct ng_broker *broker, struct ng_call *call, int number, struct ng_sock *ret_sock);
/* Copies an address once; lengths as connect(2) takes them. 0, -EINVAL, -EFAULT, or -EPERM as above. */
int ng_call_address(struct ng_broker *broker, struct ng_call *call, uint64_t at, int len,
		    struct ng_address *ret_address);
/* Both, of a call that takes socket, address and length: connect(), bind(). */
int ng_call_socket_and_address(struct ng_broker *broker, struct ng_call *call, struct ng_sock *ret_sock,
			       struct ng_address *ret_address);
void ng_sock_done(struct ng_sock *sock);
/* Puts a new socket of the inside (or of the machine) over the caller's number, and over sock->fd. 0 or negative errno;
 * the caller of the swap must not have checked ng_call_is_valid() before: the kernel does. */
int ng_sock_swap(struct ng_broker *broker, const struct ng_call *call, struct ng_sock *sock, bool to_inside);
/* Between on and off a call that blocks in spite of all is interrupted, within half a second. */
void ng_broker_guard(bool is_on);
/* Records, with what is known of the caller. `flow` or `path` may be NULL. */
void ng_call_record(struct ng_broker *broker, struct ng_call *call, int family, const struct ng_flow *flow,
		    const char *path, const struct ng_judgement *judgement, int error);
/* What a refused call on the Internet families returns, negative. */
int ng_broker_refusal(const struct ng_broker *broker);
int64_t ng_broker_now_ms(void);
bool ng_sock_is_v6only(const struct ng_sock *sock);
bool ng_sock_is_blocking(const struct ng_sock *sock);
static inline long ng_result(long result)
{
	return result < 0 ? -errno : result;
}

/* pending.c. `seed` is copied; what it owns (sock.fd, target, message) is taken over, also on failure. NG_CALL_WAITS,
 * or -EAGAIN. */
long ng_pending_add(struct ng_broker *broker, const struct ng_pending *seed, bool is_polled);
/* The thread's earlier call was interrupted: returns whether this is that call again and its result is known. */
bool ng_pending_replay(struct ng_broker *broker, const struct ng_call *call, long *ret_result);
void ng_pending_free_all(struct ng_broker *broker);
int64_t ng_pending_deadline_ms(const struct ng_sock *sock);

/* The handlers. */
typedef long ng_handler_fn(struct ng_broker *broker, struct ng_call *call);
ng_handler_fn ng_broker_socket, ng_broker_connect, ng_broker_bind, ng_broker_listen, ng_broker_sendto,
	ng_broker_sendmsg, ng_broker_sendmmsg;

/* broker-unix.c. An AF_UNIX address becomes one that names exactly what was judged. 0 or negative errno; `*ret_target`
 * must stay open as long as the address is used, -1 if it needs none. */
int ng_unix_aim(struct ng_broker *broker, struct ng_call *call, const struct ng_sock *sock, struct ng_address *address,
		int *ret_target);
long ng_unix_bind(struct ng_broker *broker, struct ng_call *call, const struct ng_sock *sock,
		  const struct ng_address *address);

#endif
