/* SPDX-License-Identifier: MIT */
/*
 * sendto() with an address, sendmsg(), sendmmsg(): on any socket, since nobody else may look at what the pointers lead
 * to. The header, the vectors and the control data are read once; the data as it is sent, in pieces that fit one
 * buffer. What a datagram carries is not judged, except on netlink: there it is read first and sent as it was read.
 *
 * A caller that may wait and has sent less than it wanted waits in pending.c with a copy of its struct ng_message. A
 * datagram that is longer than the buffer is refused with EMSGSIZE.
 */
#include "run/broker-private.h"

#include <errno.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DATA_MAX (256 * 1024)
#define TURNS 16 /* pieces sent in one go: others want to be served too */
#define MESSAGES_MAX 1024
#define SEND_AGAIN (-EAGAIN)
#define MSG_ZEROCOPY_FLAG 0x4000000
#define MSG_FASTOPEN_FLAG 0x20000000
#define PASSED (MSG_OOB | MSG_DONTROUTE | MSG_EOR | MSG_CONFIRM | MSG_MORE)
#define LENGTH_MAX 0x7ffff000 /* MAX_RW_COUNT */
#ifndef SO_ZEROCOPY
#define SO_ZEROCOPY 60
#endif

/* One thread: one message is being made at a time. */
static unsigned char data[DATA_MAX];
static struct ng_message message_room;
static struct mmsghdr vector_room[MESSAGES_MAX];

static void message_done(struct ng_message **message)
{
	ng_control_done(&(*message)->control);
	ng_close_fd_(&(*message)->target);
	(*message)->target = -1;
}

/* --- reading --- */

static int take_flags(const struct ng_sock *sock, int flags, struct ng_message *message)
{
	int has_zerocopy = 0;
	socklen_t len = sizeof has_zerocopy;

	if (flags & MSG_FASTOPEN_FLAG)
		return -EOPNOTSUPP;
	/* It would be our buffer that must not change; without memory to lock the kernel says the same. */
	if (flags & MSG_ZEROCOPY_FLAG && getsockopt(sock->fd, SOL_SOCKET, SO_ZEROCOPY, &has_zerocopy, &len) == 0 &&
	    has_zerocopy)
		return -ENOBUFS;
	message->flags = flags;
	message->is_stream = sock->type == SOCK_STREAM;
	message->to.len = 0;
	message->target = -1;
	message->done = 0;
	message->total = 0;
	message->control.len = 0;
	message->control.n_fds = 0;
	message->length_at = 0;
	return 0;
}

static int take_vectors(struct ng_call *call, const struct msghdr *header, struct ng_message *message)
{
	int result;

	if (header->msg_iovlen > IOV_MAX)
		return -EMSGSIZE;
	message->n_iov = (unsigned)header->msg_iovlen;
	result = ng_task_read(call->task, (uintptr_t)header->msg_iov, message->iov,
			      message->n_iov * sizeof *message->iov);
	for (unsigned i = 0; result == 0 && i < message->n_iov; i++) {
		size_t *len = &message->iov[i].iov_len;

		if ((ssize_t)*len < 0)
			return -EINVAL;
		if (*len > LENGTH_MAX - message->total)
			*len = LENGTH_MAX - message->total;
		message->total += *len;
	}
	return result;
}

static int take_message(struct ng_broker *broker, struct ng_call *call, const struct ng_sock *sock,
			const struct msghdr *header, int flags, struct ng_message *message)
{
	int result = take_flags(sock, flags, message), len = (int)header->msg_namelen;

	if (result < 0)
		return result;
	if (header->msg_name && len < 0)
		return -EINVAL;
	if (header->msg_name && len > (int)sizeof message->to.storage)
		len = sizeof message->to.storage; /* as the kernel: net/socket.c, __copy_msghdr */
	if (header->msg_name && len)
		result = ng_call_address(broker, call, (uintptr_t)header->msg_name, len, &message->to);
	if (result == 0)
		result = take_vectors(call, header, message);
	if (result == 0 && header->msg_controllen) /* -EPERM here is the message's, not the process's */
		result = ng_control_take(broker->tasks, call->task, sock->domain, (uintptr_t)header->msg_control,
					 header->msg_controllen, &message->control);
	return result;
}

/* --- judging --- */

static int judge_inet(struct ng_broker *broker, struct ng_call *call, struct ng_sock *sock, struct ng_message *message)
{
	struct ng_address *to = &message->to;
	struct ng_flow flow;
	struct ng_judgement judgement;
	enum ng_route route;
	bool is_quiet;
	int result = 0;

	if (!to->len)
		return 0;
	/* A stream is where it was connected to; so is what a version 6 socket sends to nobody. */
	if (message->is_stream ||
	    (sock->domain == AF_INET6 && to->len >= sizeof(sa_family_t) && to->any.sa_family == AF_UNSPEC)) {
		to->len = 0;
		return 0;
	}
	if (sock->domain == AF_INET && to->any.sa_family == AF_UNSPEC)
		to->any.sa_family = AF_INET; /* net/ipv4/udp.c, udp_sendmsg() */
	result = ng_judge_flow(&to->storage, to->len, sock->protocol, NG_CALL_SENDMSG, &flow);
	if (result < 0)
		return result;
	route = ng_judge_route(broker->run, sock->is_inside, &flow, &judgement, &is_quiet);
	if (route == NG_ROUTE_INSIDE || route == NG_ROUTE_HOST)
		result = ng_sock_swap(broker, call, sock, route == NG_ROUTE_INSIDE);
	else if (route == NG_ROUTE_DENY || route == NG_ROUTE_STUB)
		result = ng_broker_refusal(broker);
	if (result == 0 && !sock->is_inside)
		ng_ingress_refresh(broker->ingress, sock->fd, sock->protocol);
	if (!is_quiet || route == NG_ROUTE_STUB)
		ng_call_record(broker, call, sock->domain, &flow, NULL, &judgement, -result);
	return result;
}

static int judge_unix(struct ng_broker *broker, struct ng_call *call, struct ng_sock *sock, struct ng_message *message)
{
	struct ng_address peer = { .len = sizeof peer.storage };

	if (!message->to.len)
		return 0;
	if (sock->type == SOCK_SEQPACKET) { /* unix_seqpacket_sendmsg() looks past it */
		message->to.len = 0;
		return 0;
	}
	if (message->is_stream)
		return getpeername(sock->fd, &peer.any, &peer.len) == 0 ? -EISCONN : -EOPNOTSUPP;
	return ng_unix_aim(broker, call, sock, &message->to, &message->target);
}

/* The kernel may take us for somebody with more power over the network than the program has: only questions pass. The
 * walk is netlink_rcv_skb()'s. */
static bool is_question(const unsigned char *bytes, size_t len)
{
	for (size_t pos = 0; len - pos >= sizeof(struct nlmsghdr);) {
		struct nlmsghdr header;

		memcpy(&header, bytes + pos, sizeof header);
		if (header.nlmsg_len < sizeof header || header.nlmsg_len > len - pos)
			return true; /* the kernel stops here too */
		if (header.nlmsg_type != NLMSG_NOOP && header.nlmsg_type != NLMSG_DONE &&
		    (header.nlmsg_type < NLMSG_MIN_TYPE || (header.nlmsg_type & 3) != 2))
			return false;
		if (NLMSG_ALIGN(header.nlmsg_len) >= len - pos)
			break;
		pos += NLMSG_ALIGN(header.nlmsg_len);
	}
	return true;
}

static int judge_netlink(const struct ng_sock *sock, struct ng_message *message)
{
	const struct sockaddr_nl *to = (const void *)&message->to.storage;

	if (sock->protocol != NETLINK_ROUTE)
		return -EPERM;
	if (!message->to.len)
		return 0;
	if (message->to.len < sizeof *to || to->nl_family != AF_NETLINK)
		return -EINVAL;
	return to->nl_pid || to->nl_groups ? -EPERM : 0;
}

static int judge(struct ng_broker *broker, struct ng_call *call, struct ng_sock *sock, struct ng_message *message)
{
	switch (sock->domain) {
	case AF_INET:
	case AF_INET6:
		return judge_inet(broker, call, sock, message);
	case AF_UNIX:
		return judge_unix(broker, call, sock, message);
	case AF_NETLINK:
		return judge_netlink(sock, message);
	default: /* one that the program was started with */
		return message->to.len ? -EACCES : 0;
	}
}

/* --- sending --- */

static ssize_t send_piece(const struct ng_sock *sock, struct ng_message *message, size_t len)
{
	struct iovec piece = { data, len };
	struct msghdr header = { .msg_iov = &piece, .msg_iovlen = 1 };
	ssize_t n;

	if (message->to.len) {
		header.msg_name = &message->to.storage;
		header.msg_namelen = message->to.len;
	}
	if (message->control.len && !message->done) {
		header.msg_control = message->control.bytes;
		header.msg_controllen = message->control.len;
	}
	n = sendmsg(sock->fd, &header, (message->flags & PASSED) | MSG_DONTWAIT | MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

/* The next piece into `data`: its length, or negative errno. */
static ssize_t read_piece(const struct ng_call *call, const struct ng_message *message)
{
	const size_t left = message->total - message->done, want = left < sizeof data ? left : sizeof data;
	ssize_t n;

	if (!message->is_stream && left > sizeof data)
		return -EMSGSIZE;
	n = ng_task_read_vector(call->task, message->iov, message->n_iov, message->done, data, want);
	if (n < 0)
		return n;
	if ((size_t)n < want && (!message->is_stream || n == 0))
		return -EFAULT;
	return n;
}

static void signal_pipe(struct ng_broker *broker, struct ng_call *call, const struct ng_message *message)
{
	if (message->is_stream && !(message->flags & MSG_NOSIGNAL))
		ng_task_signal(broker->tasks, call->task, SIGPIPE);
}

/* As much as goes without waiting: the count, or negative errno; -EAGAIN with `done` where it stands. */
static long send_some(struct ng_broker *broker, struct ng_call *call, const struct ng_sock *sock,
		      struct ng_message *message)
{
	for (int turn = 0; turn < TURNS; turn++) {
		const ssize_t len = read_piece(call, message);
		ssize_t n;

		if (len >= 0 && !ng_call_is_valid(broker, call))
			return NG_CALL_DONE;
		if (len >= 0 && sock->domain == AF_NETLINK && !is_question(data, (size_t)len))
			return -EPERM;
		n = len < 0 ? len : send_piece(sock, message, (size_t)len);
		if (n == -EAGAIN)
			return SEND_AGAIN;
		if (n == -EPIPE && !message->done)
			signal_pipe(broker, call, message);
		if (n < 0)
			return message->done ? (long)message->done : n;
		message->done += (size_t)n;
		ng_control_done(&message->control);
		if (!message->is_stream || message->done >= message->total)
			return (long)message->done;
	}
	return SEND_AGAIN;
}

/* sendmmsg() counts messages, and says the length in the first one's header. */
static long as_count(const struct ng_call *call, const struct ng_message *message, long result)
{
	const uint32_t n = (uint32_t)result;

	if (result < 0 || !message->length_at)
		return result;
	ng_task_write(call->task, message->length_at, &n, sizeof n);
	return 1;
}

static long go_on(struct ng_broker *broker, struct ng_pending *pending)
{
	struct ng_message *message = pending->message;
	const long result = send_some(broker, &pending->call, &pending->sock, message);

	return result == SEND_AGAIN ? NG_CALL_WAITS : as_count(&pending->call, message, result);
}

/* Datagrams to a full AF_UNIX queue: polling tells only about our own end. */
static bool can_be_polled(const struct ng_sock *sock, const struct ng_message *message)
{
	return sock->domain != AF_UNIX || message->is_stream || !message->to.len;
}

/* Takes over the socket and what the message owns. */
static long wait_for_room(struct ng_broker *broker, const struct ng_call *call, struct ng_sock *sock,
			  struct ng_message *message)
{
	struct ng_pending seed = { .call = *call, .resume = go_on, .target = -1, .timeout_error = -EAGAIN };
	const size_t size = offsetof(struct ng_message, iov) + message->n_iov * sizeof *message->iov;

	seed.message = malloc(size);
	if (!seed.message)
		return -ENOMEM;
	memcpy(seed.message, message, size);
	message->control.n_fds = 0;
	message->target = -1;
	seed.sock = *sock;
	sock->fd = -1;
	return ng_pending_add(broker, &seed, can_be_polled(sock, seed.message));
}

static long deliver(struct ng_broker *broker, struct ng_call *call, struct ng_sock *sock, struct ng_message *message,
		    bool may_wait)
{
	const long result = send_some(broker, call, sock, message);

	if (result != SEND_AGAIN)
		return result;
	if (may_wait && !(message->flags & MSG_DONTWAIT) && ng_sock_is_blocking(sock))
		return wait_for_room(broker, call, sock, message);
	return message->done ? (long)message->done : -EAGAIN;
}

/* --- the calls --- */

long ng_broker_sendto(struct ng_broker *broker, struct ng_call *call)
{
	struct ng_message *message NG_CLEANUP(message_done) = &message_room;
	struct ng_sock sock NG_CLEANUP(ng_sock_done) = { .fd = -1 };
	int result = ng_call_socket(broker, call, (int)call->args[0], &sock);

	message->control.n_fds = 0;
	message->target = -1;
	if (result == 0)
		result = take_flags(&sock, (int)call->args[3], message);
	if (result == 0)
		result = ng_call_address(broker, call, call->args[4], (int)call->args[5], &message->to);
	if (result < 0)
		return result;
	message->total = call->args[2] > LENGTH_MAX ? LENGTH_MAX : call->args[2];
	message->n_iov = 1;
	message->iov[0] = (struct iovec){ (void *)(uintptr_t)call->args[1], message->total };
	if (!ng_call_is_valid(broker, call))
		return NG_CALL_DONE;
	result = judge(broker, call, &sock, message);
	return result < 0 ? result : deliver(broker, call, &sock, message, true);
}

static long send_one(struct ng_broker *broker, struct ng_call *call, struct ng_sock *sock, const struct msghdr *header,
		     int flags, uint64_t length_at, bool may_wait)
{
	struct ng_message *message NG_CLEANUP(message_done) = &message_room;
	int result;

	message->control.n_fds = 0;
	message->target = -1;
	result = take_message(broker, call, sock, header, flags, message);
	if (result < 0)
		return result;
	if (!ng_call_is_valid(broker, call))
		return NG_CALL_DONE;
	message->length_at = length_at;
	result = judge(broker, call, sock, message);
	return result < 0 ? result : deliver(broker, call, sock, message, may_wait);
}

long ng_broker_sendmsg(struct ng_broker *broker, struct ng_call *call)
{
	struct ng_sock sock NG_CLEANUP(ng_sock_done) = { .fd = -1 };
	struct msghdr header = { 0 };
	int result = ng_call_socket(broker, call, (int)call->args[0], &sock);

	if (result == 0)
		result = ng_task_read(call->task, call->args[1], &header, sizeof header);
	return result < 0 ? result : send_one(broker, call, &sock, &header, (int)call->args[2], 0, true);
}

/* Only the first message waits; a call that has sent some returns how many. */
long ng_broker_sendmmsg(struct ng_broker *broker, struct ng_call *call)
{
	struct ng_sock sock NG_CLEANUP(ng_sock_done) = { .fd = -1 };
	const unsigned asked = (unsigned)call->args[2], n = asked < MESSAGES_MAX ? asked : MESSAGES_MAX;
	const uint64_t lengths_at = call->args[1] + offsetof(struct mmsghdr, msg_len);
	int error = ng_call_socket(broker, call, (int)call->args[0], &sock);
	unsigned sent = 0;

	if (error == 0)
		error = ng_task_read(call->task, call->args[1], vector_room, n * sizeof *vector_room);
	if (error < 0)
		return error;
	for (; sent < n; sent++) {
		const uint64_t length_at = lengths_at + sent * sizeof *vector_room;
		const long result = send_one(broker, call, &sock, &vector_room[sent].msg_hdr, (int)call->args[3],
					     length_at, sent == 0);
		const uint32_t len = (uint32_t)result;

		if (result == NG_CALL_WAITS || result == NG_CALL_DONE)
			return result;
		if (result < 0)
			return sent ? (long)sent : result;
		if (ng_task_write(call->task, length_at, &len, sizeof len) < 0)
			return sent ? (long)sent : -EFAULT;
		if (len < message_room.total)
			return (long)sent + 1;
	}
	return (long)sent;
}
