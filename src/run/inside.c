/* SPDX-License-Identifier: MIT */
/* The network inside (inside.h). Two routes over rtnetlink, two sockets; every answer of the kernel is waited for. */
#include "run/inside.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

#define STUB_PORT 53
#define STUB_BACKLOG 64

struct route_request {
	struct nlmsghdr header;
	struct rtmsg route;
	struct rtattr out_attr;
	int out;
};

/* Sends one request and waits for the kernel's word on it. */
static int ask(int fd, const void *request, size_t size)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char more[512];
	} answer;

	if (send(fd, request, size, 0) < 0 || recv(fd, &answer, sizeof answer, 0) < 0)
		return -errno;
	return answer.header.nlmsg_type == NLMSG_ERROR ? answer.error.error : -EBADMSG;
}

static int add_route(int fd, int family, int loopback)
{
	struct route_request request = {
		.header = { .nlmsg_len = sizeof request,
			    .nlmsg_type = RTM_NEWROUTE,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE },
		.route = { .rtm_family = (unsigned char)family,
			   .rtm_table = RT_TABLE_LOCAL,
			   .rtm_protocol = RTPROT_BOOT,
			   .rtm_scope = family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE,
			   .rtm_type = RTN_LOCAL },
		.out_attr = { .rta_len = RTA_LENGTH(sizeof(int)), .rta_type = RTA_OIF },
		.out = loopback,
	};

	return ask(fd, &request, sizeof request);
}

struct address_request {
	struct nlmsghdr header;
	struct ifaddrmsg address;
	struct rtattr local_attr;
	unsigned char local[16];
};

/* 192.0.0.8 is nobody's: the dummy address of RFC 7600. The other is of a random unique local prefix (RFC 4193). */
static const unsigned char own_ipv4[4] = { 192, 0, 0, 8 };
static const unsigned char own_ipv6[16] = { 0xfd, 0x4e, 0x47, 0x1d, 0x9a, 0x31, [15] = 8 };

static int add_address(int fd, int family, int loopback)
{
	const size_t size = family == AF_INET ? sizeof own_ipv4 : sizeof own_ipv6;
	struct address_request request = {
		.header = { .nlmsg_len = (unsigned)(offsetof(struct address_request, local) + size),
			    .nlmsg_type = RTM_NEWADDR,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE },
		.address = { .ifa_family = (unsigned char)family,
			     .ifa_prefixlen = (unsigned char)(8 * size),
			     .ifa_flags = IFA_F_PERMANENT,
			     .ifa_index = (unsigned)loopback },
		.local_attr = { .rta_len = (unsigned short)RTA_LENGTH(size), .rta_type = IFA_LOCAL },
	};

	memcpy(request.local, family == AF_INET ? own_ipv4 : own_ipv6, size);
	return ask(fd, &request, request.header.nlmsg_len);
}

static bool is_without_family(int result)
{
	return result == -EOPNOTSUPP || result == -EAFNOSUPPORT || result == -EACCES;
}

int ng_inside_answer_everywhere(bool has_ipv6)
{
	ng_auto_fd fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	const int loopback = (int)if_nametoindex("lo");
	int result;

	if (fd < 0 || !loopback)
		return -errno;
	result = add_route(fd, AF_INET, loopback);
	if (result == 0)
		result = add_address(fd, AF_INET, loopback);
	if (result < 0)
		return result;
	result = add_route(fd, AF_INET6, loopback);
	if (result == 0 && has_ipv6)
		result = add_address(fd, AF_INET6, loopback);
	return is_without_family(result) ? 0 : result;
}

/* One socket serves both families; where the kernel has no IPv6, IPv4 alone. */
static int bind_stub(int type)
{
	const struct sockaddr_in6 everywhere6 = { .sin6_family = AF_INET6, .sin6_port = htons(STUB_PORT) };
	const struct sockaddr_in everywhere4 = { .sin_family = AF_INET, .sin_port = htons(STUB_PORT) };
	const int no = 0, yes = 1;
	ng_auto_fd fd = socket(AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int result;

	if (fd >= 0) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
		/* The answer must come from the address that was asked. */
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &yes, sizeof yes);
		result = bind(fd, (const struct sockaddr *)&everywhere6, sizeof everywhere6);
	} else {
		fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd < 0)
			return -errno;
		setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &yes, sizeof yes);
		result = bind(fd, (const struct sockaddr *)&everywhere4, sizeof everywhere4);
	}
	if (result < 0 || (type == SOCK_STREAM && listen(fd, STUB_BACKLOG) < 0))
		return -errno;
	return ng_steal_fd(&fd);
}

int ng_inside_stub_sockets(int ret_fds[static 2])
{
	ng_auto_fd udp = bind_stub(SOCK_DGRAM);
	ng_auto_fd tcp = udp < 0 ? -1 : bind_stub(SOCK_STREAM);

	if (udp < 0 || tcp < 0)
		return udp < 0 ? udp : tcp;
	ret_fds[0] = ng_steal_fd(&udp);
	ret_fds[1] = ng_steal_fd(&tcp);
	return 0;
}
