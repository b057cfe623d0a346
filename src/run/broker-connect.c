/* SPDX-License-Identifier: MIT */
/*
 * connect(). Our descriptor shares its O_NONBLOCK with the caller's: for the moment of our call it is set, then set
 * back, and a caller that wanted to wait waits in pending.c. When the socket is ready connect() is called once more:
 * that, and not SO_ERROR, gives the state that a waiting caller would leave behind (net/ipv4/af_inet.c,
 * __inet_stream_connect).
 */
#include "run/broker-private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static long once(int fd, const struct ng_address *address)
{
	return ng_result(connect(fd, &address->any, address->len));
}

/* Without waiting. `*ret_is_blocking`: the caller's descriptor is, and the connection is on its way. */
static long start(const struct ng_sock *sock, const struct ng_address *address, bool *ret_is_blocking)
{
	struct pollfd ready = { .fd = sock->fd, .events = POLLOUT };
	const int flags = fcntl(sock->fd, F_GETFL);
	long result;

	*ret_is_blocking = flags >= 0 && !(flags & O_NONBLOCK);
	if (!*ret_is_blocking)
		return once(sock->fd, address);
	ng_broker_guard(true);
	fcntl(sock->fd, F_SETFL, flags | O_NONBLOCK);
	result = once(sock->fd, address);
	if (result == -EINTR)
		result = -EINPROGRESS;
	/* On loopback the answer is there already. */
	if ((result == -EINPROGRESS || result == -EALREADY) && poll(&ready, 1, 0) == 1) {
		result = once(sock->fd, address);
		if (result == -EISCONN)
			result = 0;
	}
	ng_broker_guard(false);
	fcntl(sock->fd, F_SETFL, flags);
	return result;
}

static bool is_on_its_way(const struct ng_sock *sock, long result)
{
	return sock->domain == AF_UNIX ? result == -EAGAIN : result == -EINPROGRESS || result == -EALREADY;
}

static long go_on(struct ng_broker *broker, struct ng_pending *pending)
{
	bool is_blocking;
	long result;

	result = start(&pending->sock, &pending->address, &is_blocking);
	if (is_on_its_way(&pending->sock, result))
		return NG_CALL_WAITS;
	return result == -EISCONN ? 0 : result;
}

/* Takes over sock->fd and *target where the call waits. */
static long act(struct ng_broker *broker, struct ng_call *call, struct ng_sock *sock, const struct ng_address *address,
		int *target)
{
	struct ng_pending seed = { .resume = go_on,
				   .target = -1,
				   .timeout_error = sock->domain == AF_UNIX ? -EAGAIN : -EINPROGRESS };
	bool is_blocking;
	long result;

	if (sock->type != SOCK_STREAM && sock->type != SOCK_SEQPACKET)
		return once(sock->fd, address);
	result = start(sock, address, &is_blocking);
	if (!is_blocking || !is_on_its_way(sock, result))
		return result;
	seed.call = *call;
	seed.address = *address;
	seed.sock = *sock;
	sock->fd = -1;
	seed.target = ng_steal_fd(target);
	return ng_pending_add(broker, &seed, sock->domain != AF_UNIX);
}

/* Rung B: the stub is on this machine's loopback. */
static void aim_at_stub(const struct ng_broker *broker, const struct ng_sock *sock, struct ng_address *address)
{
	const uint16_t port = htons(broker->run->stub_port);
	const bool is_v6only = sock->domain == AF_INET6 && ng_sock_is_v6only(sock);

	if (sock->domain == AF_INET) {
		address->in = (struct sockaddr_in){ .sin_family = AF_INET,
						    .sin_port = port,
						    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		address->len = sizeof address->in;
		return;
	}
	address->in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = port };
	if (is_v6only && broker->run->stubs[1])
		address->in6.sin6_addr = in6addr_loopback;
	else
		memcpy(&address->in6.sin6_addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1", 16);
	address->len = sizeof address->in6;
}

/* A stream that has a peer keeps its socket, whatever it is told now: the kernel says EISCONN. */
static bool has_peer(const struct ng_sock *sock)
{
	struct ng_address peer = { .len = sizeof peer.storage };

	return sock->type == SOCK_STREAM && getpeername(sock->fd, &peer.any, &peer.len) == 0;
}

static int follow(struct ng_broker *broker, struct ng_call *call, struct ng_sock *sock, enum ng_route route,
		  struct ng_address *address)
{
	switch (route) {
	case NG_ROUTE_HERE:
		return 0;
	case NG_ROUTE_INSIDE:
	case NG_ROUTE_HOST:
		return has_peer(sock) ? -EISCONN : ng_sock_swap(broker, call, sock, route == NG_ROUTE_INSIDE);
	case NG_ROUTE_STUB:
		aim_at_stub(broker, sock, address);
		return 0;
	case NG_ROUTE_DENY:
		break;
	}
	return ng_broker_refusal(broker);
}

static long connect_inet(struct ng_broker *broker, struct ng_call *call, struct ng_sock *sock,
			 struct ng_address *address)
{
	struct ng_flow flow;
	struct ng_judgement judgement;
	bool is_quiet;
	int none = -1;
	long result = address->len < sizeof(sa_family_t) ? -EINVAL : 0;

	if (result < 0 || !ng_call_is_valid(broker, call))
		return result < 0 ? result : NG_CALL_DONE;
	if (address->any.sa_family == AF_UNSPEC) /* dissolves an association, reaches nobody */
		return once(sock->fd, address);
	result = ng_judge_flow(&address->storage, address->len, sock->protocol, NG_CALL_CONNECT, &flow);
	if (result < 0)
		return result;
	result = follow(broker, call, sock, ng_judge_route(broker->run, sock->is_inside, &flow, &judgement, &is_quiet),
			address);
	if (result == 0 && sock->type == SOCK_DGRAM && !sock->is_inside)
		ng_ingress_refresh(broker->ingress, sock->fd, sock->protocol);
	if (result == 0)
		result = act(broker, call, sock, address, &none);
	if (!is_quiet)
		ng_call_record(broker, call, sock->domain, &flow, NULL, &judgement,
			       result >= 0 || result == NG_CALL_WAITS || result == -EINPROGRESS ? 0 : (int)-result);
	return result;
}

static long connect_unix(struct ng_broker *broker, struct ng_call *call, struct ng_sock *sock,
			 struct ng_address *address)
{
	ng_auto_fd target = -1;
	int result = ng_unix_aim(broker, call, sock, address, &target);

	if (result < 0)
		return result;
	if (!ng_call_is_valid(broker, call))
		return NG_CALL_DONE;
	return act(broker, call, sock, address, &target);
}

/* To the kernel, and nobody else. */
static long connect_netlink(struct ng_broker *broker, struct ng_call *call, struct ng_sock *sock,
			    struct ng_address *address)
{
	const struct sockaddr_nl *to = (const void *)&address->storage;

	if (address->len < sizeof(sa_family_t))
		return -EINVAL;
	if (to->nl_family == AF_NETLINK && (address->len < sizeof *to || to->nl_pid || to->nl_groups))
		return address->len < sizeof *to ? -EINVAL : -EPERM;
	return ng_call_is_valid(broker, call) ? once(sock->fd, address) : NG_CALL_DONE;
}

long ng_broker_connect(struct ng_broker *broker, struct ng_call *call)
{
	struct ng_sock sock NG_CLEANUP(ng_sock_done) = { .fd = -1 };
	struct ng_address address = { .len = 0 };
	const int result = ng_call_socket_and_address(broker, call, &sock, &address);

	if (result < 0)
		return result;
	switch (sock.domain) {
	case AF_INET:
	case AF_INET6:
		return connect_inet(broker, call, &sock, &address);
	case AF_UNIX:
		return connect_unix(broker, call, &sock, &address);
	case AF_NETLINK:
		return connect_netlink(broker, call, &sock, &address);
	default:
		return -EACCES;
	}
}
