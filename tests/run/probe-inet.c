/* SPDX-License-Identifier: MIT */
/*
 * The probe's vectors on TCP and UDP: the ways to name an address to the kernel. Group "alone" sends one thing to
 * `far`; "pair" first something to `near`, then to `far`; "flip" has a thread write one address over the other while
 * the call is made; "dns" asks `far` for a name that nobody allowed. See probe.h.
 */
#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/ipv6.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef TCP_FASTOPEN_CONNECT
#define TCP_FASTOPEN_CONNECT 30
#endif
#define UDP_SEGMENT_OPTION 103

#define FAR (&setting.far)
#define NEAR (&setting.near)

static long send_to(int fd, const union address *to, socklen_t length)
{
	return or_errno(sendto(fd, "x", 1, 0, &to->any, length));
}

static struct msghdr message_to(union address *to, socklen_t length, struct iovec *iov)
{
	*iov = (struct iovec){ .iov_base = "x", .iov_len = 1 };
	return (struct msghdr){ .msg_name = to, .msg_namelen = length, .msg_iov = iov, .msg_iovlen = 1 };
}

/* --- one datagram --- */

static long udp_sendto(void)
{
	return send_to(socket_for(FAR, SOCK_DGRAM, 0), FAR, setting.far_len);
}

static long udp_connect_send(void)
{
	int fd = socket_for(FAR, SOCK_DGRAM, 0);
	long r = or_errno(connect(fd, &FAR->any, setting.far_len));

	return r < 0 ? r : or_errno(send(fd, "x", 1, 0));
}

static long udp_sendmsg(void)
{
	struct iovec iov;
	struct msghdr message = message_to(FAR, setting.far_len, &iov);

	return or_errno(sendmsg(socket_for(FAR, SOCK_DGRAM, 0), &message, 0));
}

static long udp_sendmmsg(void)
{
	struct iovec iov;
	struct mmsghdr messages[2] = { { .msg_hdr = message_to(FAR, setting.far_len, &iov) } };

	messages[1] = messages[0];
	return or_errno(sendmmsg(socket_for(FAR, SOCK_DGRAM, 0), messages, 2, 0));
}

static long udp_bound(void)
{
	union address any = { .v6 = { .sin6_family = FAR->any.sa_family } };
	int fd = socket_for(FAR, SOCK_DGRAM, 0);

	(void)bind(fd, &any.any, setting.far_len); /* what the sendto says is what counts */
	return send_to(fd, FAR, setting.far_len);
}

static long udp_corked(void)
{
	int fd = socket_for(FAR, SOCK_DGRAM, 0);
	long r = or_errno(sendto(fd, "x", 1, MSG_MORE, &FAR->any, setting.far_len));

	return r < 0 ? r : or_errno(send(fd, "y", 1, 0));
}

static long udp_segments(void)
{
	int fd = socket_for(FAR, SOCK_DGRAM, 0), size = 500;
	char data[2000] = { 0 };

	(void)setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT_OPTION, &size, sizeof(size));
	return or_errno(sendto(fd, data, sizeof(data), 0, &FAR->any, setting.far_len));
}

/* For UDP over IPv4 the kernel takes an address of family AF_UNSPEC as one of AF_INET. */
static long udp_unspecified_family(void)
{
	union address to = *FAR;

	to.any.sa_family = AF_UNSPEC;
	return send_to(socket_for(FAR, SOCK_DGRAM, 0), &to, setting.far_len);
}

/* ... and over IPv6 an IPv4 address is taken as it is. */
static long udp_v4_on_v6(void)
{
	if (FAR->any.sa_family != AF_INET)
		return VECTOR_SKIP;
	return send_to((int)or_errno(socket(AF_INET6, SOCK_DGRAM, 0)), FAR, setting.far_len);
}

static union address mapped(const union address *v4)
{
	union address to = { .v6 = { .sin6_family = AF_INET6, .sin6_port = v4->v4.sin_port } };

	to.v6.sin6_addr.s6_addr[10] = to.v6.sin6_addr.s6_addr[11] = 0xff;
	memcpy(to.v6.sin6_addr.s6_addr + 12, &v4->v4.sin_addr, 4);
	return to;
}

static long mapped_udp(void)
{
	union address to = mapped(FAR);

	if (FAR->any.sa_family != AF_INET)
		return VECTOR_SKIP;
	return send_to(socket_for(&to, SOCK_DGRAM, 0), &to, sizeof(to.v6));
}

static long mapped_tcp(void)
{
	union address to = mapped(FAR);

	if (FAR->any.sa_family != AF_INET)
		return VECTOR_SKIP;
	return or_errno(connect(socket_for(&to, SOCK_STREAM, 0), &to.any, sizeof(to.v6)));
}

/* --- TCP --- */

static long tcp_connect(void)
{
	int fd = socket_for(FAR, SOCK_STREAM, 0);
	long r = or_errno(connect(fd, &FAR->any, setting.far_len));

	return r < 0 ? r : or_errno(send(fd, "hello", 5, MSG_NOSIGNAL));
}

static long tcp_nonblocking(void)
{
	int fd = socket_for(FAR, SOCK_STREAM | SOCK_NONBLOCK, 0), error = 0;
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	socklen_t length = sizeof(error);
	long r = or_errno(connect(fd, &FAR->any, setting.far_len));

	if (r != -EINPROGRESS)
		return r;
	poll(&ready, 1, 4000);
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
	return error ? -error : or_errno(send(fd, "hello", 5, MSG_NOSIGNAL));
}

static long tcp_bound(void)
{
	union address any = { .v6 = { .sin6_family = FAR->any.sa_family } };
	int fd = socket_for(FAR, SOCK_STREAM, 0);

	(void)bind(fd, &any.any, setting.far_len);
	return or_errno(connect(fd, &FAR->any, setting.far_len));
}

static long fastopen_sendto(void)
{
	return or_errno(sendto(socket_for(FAR, SOCK_STREAM, 0), "hello", 5, MSG_FASTOPEN | MSG_NOSIGNAL, &FAR->any,
			       setting.far_len));
}

static long fastopen_sendmsg(void)
{
	struct iovec iov;
	struct msghdr message = message_to(FAR, setting.far_len, &iov);

	return or_errno(sendmsg(socket_for(FAR, SOCK_STREAM, 0), &message, MSG_FASTOPEN | MSG_NOSIGNAL));
}

static long fastopen_sendmmsg(void)
{
	struct iovec iov;
	struct mmsghdr message = { .msg_hdr = message_to(FAR, setting.far_len, &iov) };

	return or_errno(sendmmsg(socket_for(FAR, SOCK_STREAM, 0), &message, 1, MSG_FASTOPEN | MSG_NOSIGNAL));
}

static long fastopen_connect(void)
{
	int fd = socket_for(FAR, SOCK_STREAM, 0), one = 1;
	long r = or_errno(setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &one, sizeof(one)));

	if (r >= 0)
		r = or_errno(connect(fd, &FAR->any, setting.far_len));
	return r < 0 ? r : or_errno(write(fd, "hello", 5));
}

/* --- headers that name another address than the one that is judged --- */

/* A loose source route (RFC 791): the packet goes to `far` first, though the program says `near`. */
static void source_route(unsigned char option[static 8])
{
	memcpy(option, (unsigned char[]){ IPOPT_LSRR, 7, 4 }, 3);
	memcpy(option + 3, &FAR->v4.sin_addr, 4);
	option[7] = IPOPT_NOP;
}

static long route_option(void)
{
	unsigned char option[8];
	int fd = socket_for(NEAR, SOCK_DGRAM, 0);
	long r;

	if (NEAR->any.sa_family != AF_INET)
		return VECTOR_SKIP;
	source_route(option);
	r = or_errno(setsockopt(fd, IPPROTO_IP, IP_OPTIONS, option, sizeof(option)));
	return r < 0 ? r : send_to(fd, NEAR, setting.near_len);
}

static long with_control(int level, int type, const void *data, size_t length)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(128)];
	} control = { 0 };
	struct iovec iov;
	struct msghdr message = message_to(NEAR, setting.near_len, &iov);

	message.msg_control = &control;
	message.msg_controllen = CMSG_SPACE(length);
	control.header.cmsg_level = level;
	control.header.cmsg_type = type;
	control.header.cmsg_len = CMSG_LEN(length);
	memcpy(CMSG_DATA(&control.header), data, length);
	return or_errno(sendmsg(socket_for(NEAR, SOCK_DGRAM, 0), &message, 0));
}

static long route_control(void)
{
	unsigned char option[8];

	if (NEAR->any.sa_family != AF_INET)
		return VECTOR_SKIP;
	source_route(option);
	return with_control(IPPROTO_IP, IP_RETOPTS, option, sizeof(option));
}

/* A segment routing header (RFC 8754) with two segments: `far` first. */
static void routing_header(unsigned char header[static 40])
{
	memset(header, 0, 40);
	header[1] = 4;             /* length in units of 8 bytes, without the first */
	header[2] = 4;             /* type */
	header[3] = header[4] = 1; /* segments left, last entry */
	memcpy(header + 8, &FAR->v6.sin6_addr, 16);
	memcpy(header + 24, &FAR->v6.sin6_addr, 16);
}

static long header6_option(void)
{
	unsigned char header[40];
	int fd = socket_for(NEAR, SOCK_DGRAM, 0);
	long r;

	if (NEAR->any.sa_family != AF_INET6)
		return VECTOR_SKIP;
	routing_header(header);
	r = or_errno(setsockopt(fd, IPPROTO_IPV6, IPV6_RTHDR, header, sizeof(header)));
	return r < 0 ? r : send_to(fd, NEAR, setting.near_len);
}

static long header6_control(void)
{
	unsigned char header[40];

	if (NEAR->any.sa_family != AF_INET6)
		return VECTOR_SKIP;
	routing_header(header);
	return with_control(IPPROTO_IPV6, IPV6_RTHDR, header, sizeof(header));
}

/* --- one socket, two addresses --- */

static long mixed(union address *first, socklen_t first_len, union address *second, socklen_t second_len)
{
	struct iovec iov;
	struct mmsghdr messages[2] = { { .msg_hdr = message_to(first, first_len, &iov) },
				       { .msg_hdr = message_to(second, second_len, &iov) } };
	long r = or_errno(sendmmsg(socket_for(first, SOCK_DGRAM, 0), messages, 2, 0));

	say("%ld", r);
	return r;
}

static long mixed_near_first(void)
{
	return mixed(NEAR, setting.near_len, FAR, setting.far_len);
}

static long mixed_far_first(void)
{
	return mixed(FAR, setting.far_len, NEAR, setting.near_len);
}

static long near_first(int type)
{
	int fd = socket_for(NEAR, type, 0);
	long r = or_errno(connect(fd, &NEAR->any, setting.near_len));

	if (r >= 0)
		r = or_errno(send(fd, "near", 4, MSG_NOSIGNAL));
	if (r < 0)
		say("near: %s", strerrorname_np((int)-r));
	return r < 0 ? r : fd;
}

static long disconnect(long fd)
{
	struct sockaddr nothing = { .sa_family = AF_UNSPEC };

	return or_errno(connect((int)fd, &nothing, sizeof(nothing)));
}

static long udp_reconnect(void)
{
	long fd = near_first(SOCK_DGRAM), r = or_errno(connect((int)fd, &FAR->any, setting.far_len));

	(void)send((int)fd, "far", 3, 0); /* goes to near where the second connect was refused */
	return r;
}

static long udp_disconnect(void)
{
	long fd = near_first(SOCK_DGRAM), r = disconnect(fd);

	if (r < 0)
		say("disconnect: %s", strerrorname_np((int)-r));
	return r < 0 ? r : send_to((int)fd, FAR, setting.far_len);
}

static long udp_connected_sendto(void)
{
	return send_to((int)near_first(SOCK_DGRAM), FAR, setting.far_len);
}

static long tcp_disconnect(void)
{
	long fd = near_first(SOCK_STREAM), r = disconnect(fd);

	if (r < 0)
		say("disconnect: %s", strerrorname_np((int)-r));
	return r < 0 ? r : or_errno(connect((int)fd, &FAR->any, setting.far_len));
}

/* --- races --- */

static struct {
	union address shared; /* what the calls point to */
	union address *_Atomic pointer;
	struct msghdr message;
	int fd, other_fd, flipped_fd;
	atomic_bool is_over;
	atomic_long flips;
} race;

static void *flip_address(void *unused)
{
	for (long i = 0; !race.is_over; i++, race.flips++)
		memcpy(&race.shared, i & 1 ? FAR : NEAR, sizeof(struct sockaddr_in6));
	return unused;
}

static void *flip_pointer(void *unused)
{
	for (long i = 0; !race.is_over; i++, race.flips++)
		((struct msghdr volatile *)&race.message)->msg_name = i & 1 ? FAR : NEAR;
	return unused;
}

static void *flip_length(void *unused)
{
	for (long i = 0; !race.is_over; i++, race.flips++)
		((struct msghdr volatile *)&race.message)->msg_namelen = i & 1 ? setting.far_len : 0;
	return unused;
}

static void *flip_descriptor(void *unused)
{
	for (long i = 0; !race.is_over; i++, race.flips++)
		dup2(i & 1 ? race.fd : race.other_fd, race.flipped_fd);
	return unused;
}

static long race_sendto(void)
{
	return send_to(race.fd, &race.shared, setting.far_len);
}

static long race_sendmsg(void)
{
	return or_errno(sendmsg(race.flipped_fd, &race.message, MSG_DONTWAIT));
}

static long race_sendmmsg(void)
{
	struct mmsghdr messages[2] = { { .msg_hdr = race.message }, { .msg_hdr = race.message } };

	return or_errno(sendmmsg(race.fd, messages, 2, 0));
}

static long race_connect_udp(void)
{
	long r = or_errno(connect(race.fd, &race.shared.any, setting.far_len));

	return r < 0 ? r : or_errno(send(race.fd, "x", 1, 0));
}

static long race_connect_tcp(void)
{
	int fd = socket_for(FAR, SOCK_STREAM, 0);
	long r = or_errno(connect(fd, &race.shared.any, setting.far_len));

	if (fd >= 0)
		close(fd);
	return r;
}

static const struct race_kind {
	void *(*flip)(void *);
	long (*call)(void);
	bool is_tcp;
} race_kinds[] = {
	{ flip_address, race_sendto, false },     { flip_address, race_sendmsg, false },
	{ flip_address, race_sendmmsg, false },   { flip_address, race_connect_udp, false },
	{ flip_address, race_connect_tcp, true }, { flip_pointer, race_sendmsg, false },
	{ flip_descriptor, race_sendmsg, false }, { flip_length, race_sendmsg, false },
};

/* Makes the call `times` times, and goes on until as many flips happened: says how many calls passed. */
static long run_race(void)
{
	const struct race_kind *kind = &race_kinds[vector_argument];
	const long times = kind->is_tcp ? setting.times / 20 : setting.times;
	pthread_t thread;
	long calls, passed = 0;
	struct iovec iov;
	int pair[2];

	race.shared = *NEAR;
	race.fd = socket_for(FAR, SOCK_DGRAM, 0);
	if (race.fd < 0)
		return race.fd;
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0)
		return -errno;
	race.other_fd = kind->flip == flip_length ? race.fd : pair[0];
	race.flipped_fd = kind->flip == flip_descriptor ? dup(race.fd) : race.fd;
	race.message = message_to(kind->flip == flip_descriptor ? FAR : &race.shared, setting.far_len, &iov);
	if (kind->flip == flip_length) {
		race.message.msg_name = FAR;
		(void)connect(race.fd, &NEAR->any, setting.near_len);
	}
	if (pthread_create(&thread, NULL, kind->flip, NULL) != 0)
		return -EAGAIN;
	for (calls = 0; calls < times || (!kind->is_tcp && race.flips < times); calls++) {
		for (volatile long spin = calls % 97; spin > 0;)
			spin = spin - 1; /* not always at the same point of the other thread's round */
		passed += kind->call() >= 0;
		if (kind->flip == flip_descriptor)
			(void)recv(pair[1], &(char){ 0 }, 1, MSG_DONTWAIT);
	}
	race.is_over = true;
	pthread_join(thread, NULL);
	say("passed %ld of %ld, %ld flips", passed, calls, (long)race.flips);
	return 0;
}

/* --- children --- */

/* Runs a vector two forks away, in a session of its own, after its parent has ended. */
static long from_grandchild(void)
{
	long result = -ECHILD;
	int pair[2];

	if (pipe(pair) < 0)
		return -errno;
	if (fork() == 0) {
		setsid();
		if (fork() == 0) {
			result = udp_sendto();
			(void)!write(pair[1], &result, sizeof(result));
		}
		_exit(0);
	}
	close(pair[1]);
	wait(NULL);
	(void)!read(pair[0], &result, sizeof(result));
	return result;
}

static void *in_thread(void *result)
{
	*(long *)result = udp_sendto();
	return NULL;
}

static long from_thread(void)
{
	long result = -ECHILD;
	pthread_t thread;

	if (pthread_create(&thread, NULL, in_thread, &result) == 0)
		pthread_join(thread, NULL);
	return result;
}

static volatile long vforked;

static int in_vfork(void *unused)
{
	(void)unused;
	vforked = udp_sendto();
	return 0;
}

/* vfork() by its flags, with a stack of its own. */
static long from_vfork(void)
{
	static _Alignas(16) char stack[65536];

	vforked = -ECHILD;
	clone(in_vfork, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
	return vforked;
}

/* --- DNS as a tunnel --- */

static const unsigned char query[] = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
				     "\x06secret\x06tunnel\x04test\x00\x00\x01\x00\x01";
#define QUERY_LEN (sizeof(query) - 1)

/* What came back: nothing, or the answer's code. */
static long dns_answer(int fd)
{
	unsigned char answer[512];
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	if (poll(&ready, 1, 1500) <= 0)
		return -ETIMEDOUT;
	if (recv(fd, answer, sizeof(answer), 0) < 12)
		return -errno;
	say("rcode %d", answer[3] & 15);
	return (answer[3] & 15) ? -EACCES : 0;
}

static union address name_server(void)
{
	union address to = *FAR;

	if (to.any.sa_family == AF_INET)
		to.v4.sin_port = htons(53);
	else
		to.v6.sin6_port = htons(53);
	return to;
}

static long dns_udp(void)
{
	union address to = name_server();
	struct iovec iov = { .iov_base = (void *)query, .iov_len = QUERY_LEN };
	struct mmsghdr message = {
		.msg_hdr = { .msg_name = &to, .msg_namelen = setting.far_len, .msg_iov = &iov, .msg_iovlen = 1 }
	};
	int fd = socket_for(&to, SOCK_DGRAM, 0);
	long r;

	switch (vector_argument) {
	case 0:
		r = or_errno(sendto(fd, query, QUERY_LEN, 0, &to.any, setting.far_len));
		break;
	case 1:
		r = or_errno(sendmsg(fd, &message.msg_hdr, 0));
		break;
	case 2:
		r = or_errno(sendmmsg(fd, &message, 1, 0));
		break;
	default:
		r = or_errno(connect(fd, &to.any, setting.far_len));
		if (r >= 0)
			r = or_errno(send(fd, query, QUERY_LEN, 0));
	}
	return r < 0 ? r : dns_answer(fd);
}

static long dns_tcp(void)
{
	union address to = name_server();
	unsigned char framed[QUERY_LEN + 2] = { 0, QUERY_LEN };
	int fd = socket_for(&to, SOCK_STREAM, 0);
	long r = or_errno(connect(fd, &to.any, setting.far_len));

	memcpy(framed + 2, query, QUERY_LEN);
	return r < 0 ? r : or_errno(send(fd, framed, sizeof(framed), MSG_NOSIGNAL));
}

const struct vector inet_vectors[] = {
	{ "udp-sendto", "alone", udp_sendto, 0 },
	{ "udp-connect-send", "alone", udp_connect_send, 0 },
	{ "udp-sendmsg", "alone", udp_sendmsg, 0 },
	{ "udp-sendmmsg", "alone", udp_sendmmsg, 0 },
	{ "udp-bound", "alone", udp_bound, 0 },
	{ "udp-corked", "alone", udp_corked, 0 },
	{ "udp-segments", "alone", udp_segments, 0 },
	{ "udp-family-unspec", "alone", udp_unspecified_family, 0 },
	{ "udp-v4-on-v6", "alone", udp_v4_on_v6, 0 },
	{ "udp-mapped", "alone", mapped_udp, 0 },
	{ "tcp-connect", "alone", tcp_connect, 0 },
	{ "tcp-nonblocking", "alone", tcp_nonblocking, 0 },
	{ "tcp-bound", "alone", tcp_bound, 0 },
	{ "tcp-mapped", "alone", mapped_tcp, 0 },
	{ "child-daemon", "alone", from_grandchild, 0 },
	{ "child-vfork", "alone", from_vfork, 0 },
	{ "thread", "alone", from_thread, 0 },
	{ "fastopen-sendto", "fastopen", fastopen_sendto, 0 },
	{ "fastopen-sendmsg", "fastopen", fastopen_sendmsg, 0 },
	{ "fastopen-sendmmsg", "fastopen", fastopen_sendmmsg, 0 },
	{ "fastopen-connect", "fastopen", fastopen_connect, 0 },
	{ "route-option", "route", route_option, 0 },
	{ "route-control", "route", route_control, 0 },
	{ "header6-option", "route", header6_option, 0 },
	{ "header6-control", "route", header6_control, 0 },
	{ "mixed-near-first", "pair", mixed_near_first, 0 },
	{ "mixed-far-first", "pair", mixed_far_first, 0 },
	{ "udp-reconnect", "pair", udp_reconnect, 0 },
	{ "udp-disconnect", "pair", udp_disconnect, 0 },
	{ "udp-connected-sendto", "pair", udp_connected_sendto, 0 },
	{ "tcp-disconnect", "pair", tcp_disconnect, 0 },
	{ "flip-sendto", "flip", run_race, 0 },
	{ "flip-sendmsg", "flip", run_race, 1 },
	{ "flip-sendmmsg", "flip", run_race, 2 },
	{ "flip-connect-udp", "flip", run_race, 3 },
	{ "flip-connect-tcp", "flip", run_race, 4 },
	{ "flip-pointer", "flip", run_race, 5 },
	{ "flip-descriptor", "flip", run_race, 6 },
	{ "flip-length", "flip", run_race, 7 },
	{ "dns-sendto", "dns", dns_udp, 0 },
	{ "dns-sendmsg", "dns", dns_udp, 1 },
	{ "dns-sendmmsg", "dns", dns_udp, 2 },
	{ "dns-connect", "dns", dns_udp, 3 },
	{ "dns-tcp", "dns", dns_tcp, 0 },
	{ 0 },
};
