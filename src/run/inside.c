/* SPDX-License-Identifier: MIT */
/* The network inside (inside.h). Two routes over rtnetlink, two sockets; every answer of the kernel is waited for. */
#include "run/inside.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
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
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char more[512];
	} answer;

	if (send(fd, &request, sizeof request, 0) < 0 || recv(fd, &answer, sizeof answer, 0) < 0)
		return -errno;
	return answer.header.nlmsg_type == NLMSG_ERROR ? answer.error.error : -EBADMSG;
}

int ng_inside_answer_everywhere(void)
{
	ng_auto_fd fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	const int loopback = (int)if_nametoindex("lo");
	int result;

	if (fd < 0 || !loopback)
		return -errno;
	result = add_route(fd, AF_INET, loopback);
	if (result < 0)
		return result;
	result = add_route(fd, AF_INET6, loopback);
	return result == -EOPNOTSUPP || result == -EAFNOSUPPORT || result == -EACCES ? 0 : result;
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
