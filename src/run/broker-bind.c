/* SPDX-License-Identifier: MIT */
/*
 * bind() and listen(): being reached. Where the profile gives the program the machine's loopback (Local, Online) they
 * are the machine's, with an ingress filter where the profile has limits. Under Offline they are the inside's, so that
 * a program's own servers work, except for what --publish names: that is bound on the machine, at the address given
 * there, for whoever reaches that. On rung B there is no inside: what is not published is refused.
 *
 * A bind to port 0 of every address is what a client does to get any port: it stays where the socket is, and a later
 * listen() moves it. --publish is of TCP.
 */
#include "run/broker-private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static const uint8_t any_v4[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0 };
static const uint8_t any_v6[16];

static bool is_any(const struct ng_flow *flow)
{
	return memcmp(flow->addr, any_v4, 16) == 0 || memcmp(flow->addr, any_v6, 16) == 0;
}

static const struct ng_publish *published(const struct ng_broker *broker, const struct ng_sock *sock, uint16_t port)
{
	const struct ng_run_policy *policy = broker->run->policy;

	for (unsigned i = 0; i < policy->n_publish && sock->protocol == IPPROTO_TCP && port; i++) {
		if (policy->publish[i].port == port)
			return &policy->publish[i];
	}
	return NULL;
}

static bool is_free(const struct ng_broker *broker)
{
	return broker->run->policy->app.profile != NG_PROFILE_OFFLINE || broker->run->policy->is_dry_run;
}

static long bind_now(const struct ng_sock *sock, const struct ng_address *address)
{
	return ng_result(bind(sock->fd, &address->any, address->len));
}

/* A server that listens on every address opens one socket for each version. The one of the version that --publish does
 * not name is for this machine; both are for all where the published address is every address. */
static void other_version(const struct ng_publish *publish, bool is_ipv4, uint8_t ret_addr[static 16])
{
	static const uint8_t loopback_v4[16] = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 },
			     loopback_v6[16] = { [15] = 1 };
	const bool is_everybody = memcmp(publish->addr, any_v4, 16) == 0 || memcmp(publish->addr, any_v6, 16) == 0;

	memcpy(ret_addr, is_ipv4 ? (is_everybody ? any_v4 : loopback_v4) : (is_everybody ? any_v6 : loopback_v6), 16);
}

/* The address of a --publish, as this socket can take it. */
static void published_address(const struct ng_sock *sock, const struct ng_publish *publish, uint8_t ret_addr[static 16])
{
	const bool is_ipv4 = memcmp(publish->addr, any_v4, 12) == 0;

	if (sock->domain == AF_INET && !is_ipv4)
		other_version(publish, true, ret_addr);
	else if (is_ipv4 && ng_sock_is_v6only(sock))
		other_version(publish, false, ret_addr);
	else
		memcpy(ret_addr, publish->addr, 16);
}

static void aim_at_published(const struct ng_sock *sock, const struct ng_publish *publish, struct ng_address *address)
{
	uint8_t addr[16];

	published_address(sock, publish, addr);
	if (sock->domain == AF_INET) {
		address->in = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(publish->port) };
		memcpy(&address->in.sin_addr, addr + 12, 4);
		address->len = sizeof address->in;
		return;
	}
	address->in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(publish->port) };
	memcpy(&address->in6.sin6_addr, addr, 16);
	address->len = sizeof address->in6;
}

static long bind_offline(struct ng_broker *broker, struct ng_call *call, struct ng_sock *sock,
			 struct ng_address *address, const struct ng_flow *flow, struct ng_judgement *judgement)
{
	const struct ng_publish *publish = published(broker, sock, flow->port);
	int result;

	if (publish) {
		aim_at_published(sock, publish, address);
		judgement->is_allowed = true;
		judgement->reason = NG_REASON_ALLOWANCE;
		return bind_now(sock, address);
	}
	if (broker->run->rung == 'A') {
		judgement->is_allowed = true;
		judgement->reason = NG_REASON_NONE;
		result = ng_sock_swap(broker, call, sock, true);
		return result < 0 ? result : bind_now(sock, address);
	}
	if (flow->port == 0 && is_any(flow) && ng_run_policy_is_brokered(broker->run->policy)) {
		judgement->is_allowed = true;
		judgement->reason = NG_REASON_NONE;
		return bind_now(sock, address);
	}
	return judgement->is_allowed ? bind_now(sock, address) : -EACCES;
}

static long bind_inet(struct ng_broker *broker, struct ng_call *call, struct ng_sock *sock, struct ng_address *address)
{
	struct ng_flow flow;
	struct ng_judgement judgement;
	long result;

	/* Compatible with old programs: AF_UNSPEC is AF_INET (net/ipv4/af_inet.c, __inet_bind). */
	if (sock->domain == AF_INET && address->any.sa_family == AF_UNSPEC)
		address->any.sa_family = AF_INET;
	result = ng_judge_flow(&address->storage, address->len, sock->protocol, NG_CALL_BIND, &flow);
	if (result < 0 || !ng_call_is_valid(broker, call))
		return result < 0 ? result : NG_CALL_DONE;
	if (sock->is_inside)
		return bind_now(sock, address);
	judgement = ng_judge(broker->run, &flow);
	if (is_free(broker))
		result = judgement.is_allowed ? bind_now(sock, address) : -EACCES;
	else
		result = bind_offline(broker, call, sock, address, &flow, &judgement);
	if (!sock->is_inside)
		ng_call_record(broker, call, sock->domain, &flow, NULL, &judgement, (int)-result);
	return result;
}

long ng_broker_bind(struct ng_broker *broker, struct ng_call *call)
{
	struct ng_sock sock NG_CLEANUP(ng_sock_done) = { .fd = -1 };
	struct ng_address address = { .len = 0 };
	const int result = ng_call_socket_and_address(broker, call, &sock, &address);

	if (result < 0)
		return result;
	switch (sock.domain) {
	case AF_INET:
	case AF_INET6:
		return bind_inet(broker, call, &sock, &address);
	case AF_UNIX:
		return ng_unix_bind(broker, call, &sock, &address);
	case AF_NETLINK:
		return ng_call_is_valid(broker, call) ? bind_now(&sock, &address) : NG_CALL_DONE;
	default:
		return -EACCES;
	}
}

/* --- listen --- */

static bool is_at_published(const struct ng_sock *sock, const struct ng_publish *publish, const struct ng_flow *flow)
{
	uint8_t addr[16];

	if (!publish)
		return false;
	published_address(sock, publish, addr);
	return memcmp(addr, flow->addr, 16) == 0;
}

/* Kernels that keep filters on TCP for the privileged (a fix of 2026 in the stable trees, EPERM) leave this: the
 * server's packets live for one hop, so that neighbours hear it and nobody behind a router does. The seccomp filter
 * keeps the program from changing it. Other profiles have no such measure: there a server is refused. */
static int keep_to_neighbours(const struct ng_broker *broker, const struct ng_sock *sock)
{
	const int one = 1;

	if (broker->run->policy->app.profile != NG_PROFILE_LOCAL)
		return -EACCES;
	if (sock->domain == AF_INET6 && setsockopt(sock->fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &one, sizeof one) < 0)
		return -errno;
	/* Also of a version 6 socket: it serves version 4 too. */
	return setsockopt(sock->fd, IPPROTO_IP, IP_TTL, &one, sizeof one) < 0 ? -errno : 0;
}

static long listen_on_machine(struct ng_broker *broker, const struct ng_sock *sock, int backlog, bool is_open)
{
	int result = is_open ? 0 : ng_ingress_attach(broker->ingress, sock->fd, sock->protocol);

	if (result == -EPERM)
		result = keep_to_neighbours(broker, sock);
	return result < 0 ? result : ng_result(listen(sock->fd, backlog));
}

static long listen_inet(struct ng_broker *broker, struct ng_call *call, struct ng_sock *sock, int backlog)
{
	struct ng_address local = { .len = sizeof local.storage };
	const struct ng_publish *publish;
	struct ng_flow flow;
	struct ng_judgement judgement;
	long result = ng_result(getsockname(sock->fd, &local.any, &local.len));

	if (result == 0)
		result = ng_judge_flow(&local.storage, local.len, sock->protocol, NG_CALL_BIND, &flow);
	if (result < 0)
		return result;
	judgement = ng_judge(broker->run, &flow);
	publish = published(broker, sock, flow.port);
	if (is_free(broker) || is_at_published(sock, publish, &flow)) {
		judgement.is_allowed = true;
		result = listen_on_machine(broker, sock, backlog, publish != NULL);
	} else if (broker->run->rung == 'A') {
		result = ng_sock_swap(broker, call, sock, true);
		return result < 0 ? result : ng_result(listen(sock->fd, backlog));
	} else {
		result = judgement.is_allowed ? listen_on_machine(broker, sock, backlog, false) : -EACCES;
	}
	ng_call_record(broker, call, sock->domain, &flow, NULL, &judgement, (int)-result);
	return result;
}

long ng_broker_listen(struct ng_broker *broker, struct ng_call *call)
{
	struct ng_sock sock NG_CLEANUP(ng_sock_done) = { .fd = -1 };
	const int result = ng_call_socket(broker, call, (int)call->args[0], &sock), backlog = (int)call->args[1];

	if (result < 0)
		return result;
	if (!ng_call_is_valid(broker, call))
		return NG_CALL_DONE;
	if ((sock.domain == AF_INET || sock.domain == AF_INET6) && !sock.is_inside && sock.type == SOCK_STREAM)
		return listen_inet(broker, call, &sock, backlog);
	return ng_result(listen(sock.fd, backlog));
}
