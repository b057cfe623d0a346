/* SPDX-License-Identifier: MIT */
/*
 * The broker (broker.h): receives calls, hands each to its handler, answers. What handlers share is here too: the
 * duplicate of a socket, the copy of an address, the swap of a socket for one of the other network.
 *
 * Answers that were not taken. Before Linux 5.19 any signal interrupts a caller that waits for us, and the kernel makes
 * the call again, though we have done it. So the result of an answer that came too late is kept, and given to the same
 * thread when it makes the very same call again.
 *
 * The guard. A call of ours that must not block is told so through O_NONBLOCK, which the program shares with us and can
 * take off at that moment. A timer then interrupts us. It runs during such a call only, for other calls must not be
 * interrupted: SECCOMP_IOCTL_NOTIF_ADDFD with SEND would then answer 0. Its signal is SIGPIPE, of which the supervisor
 * has no other use (all its writes are MSG_NOSIGNAL or may fail), and which its signalfd ignores.
 */
#include "run/broker-private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* Linux 5.14 */
#endif
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64) /* Linux 6.6 */
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

#define BATCH 64 /* calls answered before the loop looks at other things */
#define NOTIF_SIZE 256
#define GUARD_NS 200000000
#define FILES 4096

static const struct {
	int nr;
	const char *name;
	ng_handler_fn *handle;
} calls[] = {
	{ SYS_connect, "connect", ng_broker_connect },    { SYS_socket, "socket", ng_broker_socket },
	{ SYS_sendto, "sendto", ng_broker_sendto },       { SYS_sendmsg, "sendmsg", ng_broker_sendmsg },
	{ SYS_sendmmsg, "sendmmsg", ng_broker_sendmmsg }, { SYS_bind, "bind", ng_broker_bind },
	{ SYS_listen, "listen", ng_broker_listen },
};

/* --- the guard --- */

static timer_t guard_timer;
static bool has_guard_timer;

void ng_broker_guard(bool is_on)
{
	const struct timespec interval = { 0, is_on ? GUARD_NS : 0 };
	const struct itimerspec setting = { interval, interval }; /* again, in case it comes before the call blocks */

	if (has_guard_timer)
		timer_settime(guard_timer, 0, &setting, NULL);
}

static void guard_fired(int number)
{
	(void)number; /* to interrupt is all */
}

static void prepare_guard(void)
{
	struct sigaction action = { .sa_handler = guard_fired }; /* without SA_RESTART: that is its purpose */
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGPIPE };
	sigset_t set;

	if (!has_guard_timer)
		has_guard_timer = timer_create(CLOCK_MONOTONIC, &event, &guard_timer) == 0;
	sigemptyset(&action.sa_mask);
	sigaction(SIGPIPE, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* --- life --- */

int64_t ng_broker_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static uint64_t netns_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof cookie;

	return getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) == 0 ? cookie : 0;
}

/* A descriptor for each waiting call and each known thread. The command was started before and keeps its own limit. */
static void raise_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= FILES)
		return;
	limit.rlim_cur = limit.rlim_max < FILES ? limit.rlim_max : FILES;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int ng_broker_new(struct ng_run *run, struct ng_broker **ret_broker)
{
	struct ng_broker *broker = calloc(1, sizeof *broker);
	ng_auto_fd own = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int result = broker && own >= 0 ? 0 : -ENOMEM;

	if (broker) {
		broker->run = run;
		broker->is_root = geteuid() == 0;
		broker->own_netns = netns_of(own);
	}
	if (result == 0)
		result = ng_tasks_new(true, &broker->tasks);
	if (result == 0)
		result = ng_ingress_new(run, &broker->ingress);
	if (result == 0)
		result = ng_unix_known_new(run->policy, &broker->unix_known);
	if (result < 0) {
		ng_broker_free(broker);
		return result;
	}
	raise_files();
	prepare_guard();
	ng_seat_init(&broker->seat);
	/* The caller and we take turns: on one processor the other's cache is warm. Not before 6.6, where it is only
	 * slower. */
	ioctl(run->listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	*ret_broker = broker;
	return 0;
}

void ng_broker_free(struct ng_broker *broker)
{
	if (!broker)
		return;
	ng_pending_free_all(broker);
	ng_broker_guard(false);
	ng_unix_known_free(broker->unix_known);
	ng_ingress_free(broker->ingress);
	ng_tasks_free(broker->tasks);
	free(broker);
}

/* --- receive and answer --- */

bool ng_call_is_valid(const struct ng_broker *broker, const struct ng_call *call)
{
	return ioctl(broker->run->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &call->id) == 0;
}

static void keep_lost(struct ng_broker *broker, const struct ng_call *call, long result)
{
	struct ng_lost *lost = &broker->lost[broker->n_lost++ % NG_BROKER_LOST];

	*lost = (struct ng_lost){ .tid = call->tid, .nr = call->nr, .result = result };
	lost->task_serial = call->task ? call->task->serial : 0;
	memcpy(lost->args, call->args, sizeof lost->args);
}

void ng_call_answer(struct ng_broker *broker, const struct ng_call *call, long result)
{
	struct seccomp_notif_resp answer = { .id = call->id };

	if (result == NG_CALL_DONE || result == NG_CALL_WAITS)
		return;
	if (result < 0)
		answer.error = (int)result;
	else
		answer.val = result;
	if (ioctl(broker->run->listener, SECCOMP_IOCTL_NOTIF_SEND, &answer) < 0 && errno == ENOENT && result >= 0)
		keep_lost(broker, call, result);
}

static bool take_lost(struct ng_broker *broker, const struct ng_call *call, long *ret_result)
{
	if (!broker->n_lost)
		return false;
	for (int i = 0; i < NG_BROKER_LOST; i++) {
		struct ng_lost *lost = &broker->lost[i];

		if (lost->tid != call->tid)
			continue;
		lost->tid = 0; /* another call of that thread: the first will not come again */
		if (lost->nr != call->nr || memcmp(lost->args, call->args, sizeof lost->args) != 0 ||
		    ng_task_check(broker->tasks, call->task) < 0 || lost->task_serial != call->task->serial)
			return false;
		*ret_result = lost->result;
		return true;
	}
	return false;
}

static long handle(struct ng_broker *broker, struct ng_call *call)
{
	long result;

	if (take_lost(broker, call, &result) || ng_pending_replay(broker, call, &result))
		return result;
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		if (calls[i].nr == call->nr) {
			call->name = calls[i].name;
			return calls[i].handle(broker, call);
		}
	}
	return -ENOSYS; /* the filter sends nothing else */
}

int ng_broker_listener_ready(struct ng_broker *broker)
{
	union {
		struct seccomp_notif notif;
		unsigned char room[NOTIF_SIZE]; /* the kernel's may be longer */
	} got;
	struct pollfd listener = { .fd = broker->run->listener, .events = POLLIN };

	for (int i = 0; i < BATCH; i++) {
		struct ng_call call = { 0 };

		/* Receiving blocks where there is nothing. */
		if (poll(&listener, 1, 0) != 1 || !(listener.revents & POLLIN))
			return listener.revents & (POLLHUP | POLLERR) ? -ENOENT : 0;
		memset(&got, 0, sizeof got);
		if (ioctl(listener.fd, SECCOMP_IOCTL_NOTIF_RECV, &got) < 0) {
			if (errno == ENOENT || errno == EINTR)
				continue;
			return 0;
		}
		call.id = got.notif.id;
		call.tid = (pid_t)got.notif.pid;
		call.nr = got.notif.data.nr;
		memcpy(call.args, got.notif.data.args, sizeof call.args);
		call.task = ng_tasks_get(broker->tasks, call.tid);
		ng_seat_follow(&broker->seat, call.tid, call.nr == SYS_socket);
		ng_call_answer(broker, &call, handle(broker, &call));
	}
	return 0;
}

/* --- what handlers share --- */

bool ng_sock_is_v6only(const struct ng_sock *sock)
{
	int v6only = 0;
	socklen_t len = sizeof v6only;

	return sock->domain == AF_INET6 && getsockopt(sock->fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, &len) == 0 &&
	       v6only;
}

static int option_of(int fd, int name, int *ret_value)
{
	socklen_t len = sizeof *ret_value;

	return getsockopt(fd, SOL_SOCKET, name, ret_value, &len) < 0 ? -errno : 0;
}

/* A process that forbids to be looked into (prctl(2), PR_SET_DUMPABLE) cannot be helped. */
static int refuse_opaque(struct ng_broker *broker, struct ng_call *call, int result)
{
	const struct ng_judgement judgement = { .reason = NG_REASON_UNTAGGED };

	if (result == -EPERM)
		ng_call_record(broker, call, AF_UNSPEC, NULL, NULL, &judgement, EPERM);
	return result;
}

int ng_call_socket(struct ng_broker *broker, struct ng_call *call, int number, struct ng_sock *ret_sock)
{
	struct ng_sock sock = { .fd = ng_task_fd(broker->tasks, call->task, number), .number = number };
	int result = sock.fd < 0 ? sock.fd : 0;

	if (result < 0)
		return refuse_opaque(broker, call, result);
	result = option_of(sock.fd, SO_DOMAIN, &sock.domain);
	if (result == 0 && (sock.domain == AF_INET || sock.domain == AF_INET6 || sock.domain == AF_NETLINK))
		result = option_of(sock.fd, SO_PROTOCOL, &sock.protocol);
	if (sock.protocol == IPPROTO_TCP && sock.domain != AF_NETLINK)
		sock.type = SOCK_STREAM; /* there is no other; a call saved on every connect() */
	else if (result == 0)
		result = option_of(sock.fd, SO_TYPE, &sock.type);
	if (result < 0) {
		close(sock.fd);
		return result;
	}
	sock.is_inside = broker->run->rung == 'A' && broker->own_netns && netns_of(sock.fd) != broker->own_netns;
	*ret_sock = sock;
	return 0;
}

void ng_sock_done(struct ng_sock *sock)
{
	ng_close_fd_(&sock->fd);
	sock->fd = -1;
}

int ng_call_address(struct ng_broker *broker, struct ng_call *call, uint64_t at, int len,
		    struct ng_address *ret_address)
{
	if (len < 0 || (size_t)len > sizeof ret_address->storage)
		return -EINVAL;
	memset(&ret_address->storage, 0, sizeof ret_address->storage);
	ret_address->len = (socklen_t)len;
	return refuse_opaque(broker, call, ng_task_read(call->task, at, &ret_address->storage, (size_t)len));
}

int ng_call_socket_and_address(struct ng_broker *broker, struct ng_call *call, struct ng_sock *ret_sock,
			       struct ng_address *ret_address)
{
	const int result = ng_call_socket(broker, call, (int)call->args[0], ret_sock);

	return result < 0 ? result : ng_call_address(broker, call, call->args[1], (int)call->args[2], ret_address);
}

bool ng_sock_is_blocking(const struct ng_sock *sock)
{
	const int flags = fcntl(sock->fd, F_GETFL);

	return flags >= 0 && !(flags & O_NONBLOCK);
}

void ng_call_record(struct ng_broker *broker, struct ng_call *call, int family, const struct ng_flow *flow,
		    const char *path, const struct ng_judgement *judgement, int error)
{
	struct ng_attempt attempt = { .call = call->name,
				      .family = family,
				      .path = path,
				      .is_allowed = judgement->is_allowed,
				      .is_foreseen = judgement->is_foreseen,
				      .reason = judgement->reason,
				      .class = judgement->class,
				      .error = error };

	attempt.exe = ng_task_exe(broker->tasks, call->task, ng_broker_now_ms());
	attempt.pid = call->task->tgid ? call->task->tgid : call->tid;
	attempt.uid = call->task->uid;
	if (flow) {
		attempt.flow = *flow;
		attempt.name = broker->run->names ? ng_names_of(broker->run->names, flow->addr) : NULL;
	}
	ng_record_attempt(broker->run->record, &attempt);
}

int ng_broker_refusal(const struct ng_broker *broker)
{
	return broker->run->policy->has_no_net ? -EPERM : -ENETUNREACH;
}

/* --- the swap --- */

static const struct {
	int domain, level, name;
} swapped_options[] = {
	{ AF_UNSPEC, SOL_SOCKET, SO_REUSEADDR },
	{ AF_UNSPEC, SOL_SOCKET, SO_REUSEPORT },
	{ AF_UNSPEC, SOL_SOCKET, SO_KEEPALIVE },
	{ AF_UNSPEC, SOL_SOCKET, SO_BROADCAST },
	{ AF_UNSPEC, SOL_SOCKET, SO_LINGER },
	{ AF_UNSPEC, SOL_SOCKET, SO_RCVTIMEO },
	{ AF_UNSPEC, SOL_SOCKET, SO_SNDTIMEO },
	{ AF_UNSPEC, SOL_SOCKET, SO_OOBINLINE },
	{ AF_UNSPEC, SOL_SOCKET, SO_TIMESTAMP },
	{ AF_UNSPEC, IPPROTO_TCP, 1 /* TCP_NODELAY */ },
	{ AF_INET, IPPROTO_IP, IP_RECVERR },
	{ AF_INET, IPPROTO_IP, IP_PKTINFO },
	{ AF_INET, IPPROTO_IP, IP_TOS },
	{ AF_INET, IPPROTO_IP, IP_TTL },
	{ AF_INET6, IPPROTO_IPV6, IPV6_V6ONLY },
	{ AF_INET6, IPPROTO_IPV6, IPV6_RECVERR },
	{ AF_INET6, IPPROTO_IPV6, IPV6_RECVPKTINFO },
	{ AF_INET6, IPPROTO_IPV6, IPV6_TCLASS },
};

static void copy_options(const struct ng_sock *from, int to)
{
	for (size_t i = 0; i < sizeof swapped_options / sizeof *swapped_options; i++) {
		const int level = swapped_options[i].level, name = swapped_options[i].name;
		unsigned char value[32];
		socklen_t len = sizeof value;

		if (swapped_options[i].domain != AF_UNSPEC && swapped_options[i].domain != from->domain)
			continue;
		if (level == IPPROTO_TCP && from->protocol != IPPROTO_TCP)
			continue;
		if (getsockopt(from->fd, level, name, value, &len) == 0)
			setsockopt(to, level, name, value, len);
	}
}

/* What was bound to a port stays bound to it, where the other network lets it: inside every address is our own, on the
 * machine only "any" means the same. */
static void copy_bind(const struct ng_sock *from, int to, bool to_inside)
{
	struct ng_address local = { .len = sizeof local.storage };
	bool is_any = false;

	if (getsockname(from->fd, &local.any, &local.len) < 0)
		return;
	if (local.any.sa_family == AF_INET && local.in.sin_port)
		is_any = local.in.sin_addr.s_addr == htonl(INADDR_ANY);
	else if (local.any.sa_family == AF_INET6 && local.in6.sin6_port)
		is_any = IN6_IS_ADDR_UNSPECIFIED(&local.in6.sin6_addr);
	else
		return;
	if (to_inside || is_any)
		(void)!bind(to, &local.any, local.len); /* what can be kept of the old socket */
}

int ng_sock_swap(struct ng_broker *broker, const struct ng_call *call, struct ng_sock *sock, bool to_inside)
{
	struct seccomp_notif_addfd add = { .id = call->id,
					   .flags = SECCOMP_ADDFD_FLAG_SETFD,
					   .newfd = (uint32_t)sock->number };
	ng_auto_fd fd = to_inside ? ng_run_inside_socket(broker->run, sock->domain, sock->type, sock->protocol)
				  : socket(sock->domain, sock->type | SOCK_CLOEXEC, sock->protocol);
	int result = fd < 0 ? (to_inside ? fd : -errno) : 0;
	const int flags = fcntl(sock->fd, F_GETFL);

	if (result == 0 && !to_inside && sock->type != SOCK_STREAM)
		result = ng_ingress_attach(broker->ingress, fd, sock->protocol);
	if (result < 0)
		return result == -ETIMEDOUT || result == -ESRCH ? -ENETDOWN : result;
	copy_options(sock, fd);
	copy_bind(sock, fd, to_inside);
	fcntl(fd, F_SETFL, flags & (O_NONBLOCK | O_ASYNC));
	add.srcfd = (uint32_t)fd;
	add.newfd_flags = ng_task_fd_is_cloexec(call->tid, sock->number) ? O_CLOEXEC : 0;
	if (ioctl(broker->run->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) < 0)
		return -errno;
	close(sock->fd);
	sock->fd = ng_steal_fd(&fd);
	sock->is_inside = to_inside;
	return 0;
}
