/* SPDX-License-Identifier: MIT */
/*
 * Own prefixes (see onlink.h): the same rules as guardd/onlink.c, without GLib. A netlink message is only a hint that
 * something changed: nothing in it is believed, all is read again, and only when somebody asks. A message that was lost
 * (ENOBUFS) counts as one that came.
 *
 * Invariants: the prefixes are sorted, without repeats and at most PREFIXES_MAX; what does not fit, what cannot be read
 * and what is too wide is not on-link, which denies. An interface that is down counts for nothing. Of the loopback
 * interface, a point-to-point link and a prefix that is too wide only the own address itself counts. Tunnels into the
 * Internet are named by verdict/classes.h, which is asked first. Runs in the supervisor as the caller; reading
 * addresses needs no power.
 */
#include "run/onlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"

#define PREFIXES_MAX 256
#define MIN_LENGTH_IPV4 8 /* as NG_ONLINK_MIN_IPV4 and _IPV6: shorter prefixes are no local network */
#define MIN_LENGTH_IPV6 32
#define DUMP_TRIES 4 /* a dump that changed while it was read is read again */
#define DUMP_BYTES 16384
#define DRAIN_MAX 1024

struct prefix {
	uint8_t addr[16]; /* bits past length are zero */
	uint8_t length;
};

struct ng_prefixes {
	struct prefix prefix[PREFIXES_MAX];
	unsigned count;
	uint64_t generation;
	int watch_fd; /* told of changes */
	int dump_fd;  /* asks */
	bool is_read; /* nothing was told since the last whole reading */
};

static int prefix_compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct prefix));
}

static void prefix_cut(struct prefix *prefix)
{
	for (unsigned bit = prefix->length; bit < 128; bit++)
		prefix->addr[bit / 8] &= (uint8_t) ~(0x80 >> (bit % 8));
}

/* IFF_* of an interface; 0 (down) if it is gone. ioctl() rather than a dump of all links, which is far longer. */
static unsigned interface_flags(int fd, unsigned index)
{
	struct ifreq request = { .ifr_ifindex = (int)index };

	if (ioctl(fd, SIOCGIFNAME, &request) < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		return 0;
	return (unsigned short)request.ifr_flags;
}

/* The own address in one RTM_NEWADDR: IFA_LOCAL where there is one. Where IFA_ADDRESS is another, that is the other end
 * of a point-to-point link and the prefix is its (rtnetlink(7)). NULL: none. */
static const void *address_of(const struct nlmsghdr *header, size_t size, bool *has_peer)
{
	const struct rtattr *attribute = IFA_RTA(NLMSG_DATA(header));
	int left = (int)IFA_PAYLOAD(header);
	const void *local = NULL, *address = NULL;

	for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
		if (RTA_PAYLOAD(attribute) < size)
			continue;
		if (attribute->rta_type == IFA_LOCAL)
			local = RTA_DATA(attribute);
		else if (attribute->rta_type == IFA_ADDRESS)
			address = RTA_DATA(attribute);
	}
	*has_peer = local && address && memcmp(local, address, size) != 0;
	return local ? local : address;
}

static void prefixes_add(struct ng_prefixes *prefixes, const struct nlmsghdr *header)
{
	const struct ifaddrmsg *message = NLMSG_DATA(header);
	struct prefix prefix = { .addr = { [10] = 0xff, [11] = 0xff } };
	const void *address;
	bool has_peer = false;
	unsigned flags;

	if (header->nlmsg_len < NLMSG_LENGTH(sizeof *message) || prefixes->count == PREFIXES_MAX)
		return;
	if (message->ifa_family != AF_INET && message->ifa_family != AF_INET6)
		return;
	address = address_of(header, message->ifa_family == AF_INET ? 4 : 16, &has_peer);
	flags = interface_flags(prefixes->dump_fd, message->ifa_index);
	if (!address || !(flags & IFF_UP) || message->ifa_prefixlen > (message->ifa_family == AF_INET ? 32 : 128))
		return;
	if (message->ifa_family == AF_INET)
		memcpy(prefix.addr + 12, address, 4);
	else
		memcpy(prefix.addr, address, 16);
	prefix.length = message->ifa_family == AF_INET ? 96 + message->ifa_prefixlen : message->ifa_prefixlen;
	if ((flags & IFF_LOOPBACK) || has_peer ||
	    message->ifa_prefixlen < (message->ifa_family == AF_INET ? MIN_LENGTH_IPV4 : MIN_LENGTH_IPV6))
		prefix.length = 128; /* an own address, but no network of neighbours */
	prefix_cut(&prefix);
	prefixes->prefix[prefixes->count++] = prefix;
}

static void prefixes_sort(struct ng_prefixes *prefixes)
{
	unsigned kept = 0;

	qsort(prefixes->prefix, prefixes->count, sizeof prefixes->prefix[0], prefix_compare);
	for (unsigned i = 0; i < prefixes->count; i++)
		if (i == 0 || prefix_compare(&prefixes->prefix[i], &prefixes->prefix[kept - 1]) != 0)
			prefixes->prefix[kept++] = prefixes->prefix[i];
	prefixes->count = kept;
}

/* The messages of one datagram. 1: more follow, 0: that was the last. */
static int prefixes_take(struct ng_prefixes *prefixes, uint32_t sequence, const void *buffer, size_t length,
			 bool *is_torn)
{
	int left = (int)length;

	for (const struct nlmsghdr *header = buffer; NLMSG_OK(header, (unsigned)left);
	     header = NLMSG_NEXT(header, left)) {
		if (header->nlmsg_seq != sequence)
			continue; /* of a dump that was given up */
		if (header->nlmsg_flags & NLM_F_DUMP_INTR)
			*is_torn = true;
		if (header->nlmsg_type == NLMSG_ERROR)
			return -EIO;
		if (header->nlmsg_type == NLMSG_DONE)
			return 0;
		if (header->nlmsg_type == RTM_NEWADDR)
			prefixes_add(prefixes, header);
	}
	return 1;
}

/* The kernel queues the next part of a dump before recv() returns, so a nonblocking socket never lacks one. */
static int prefixes_dump(struct ng_prefixes *prefixes, uint32_t sequence)
{
	const struct {
		struct nlmsghdr header;
		struct ifaddrmsg message;
	} request = { .header = { .nlmsg_len = sizeof request,
				  .nlmsg_type = RTM_GETADDR,
				  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
				  .nlmsg_seq = sequence } };
	_Alignas(struct nlmsghdr) char buffer[DUMP_BYTES];
	struct sockaddr_nl sender = { 0 };
	bool is_torn = false;
	int result = 1;

	prefixes->count = 0;
	if (send(prefixes->dump_fd, &request, sizeof request, MSG_DONTWAIT) < 0)
		return -errno;
	while (result == 1) {
		socklen_t sender_length = sizeof sender;
		ssize_t n = recvfrom(prefixes->dump_fd, buffer, sizeof buffer, MSG_DONTWAIT, (struct sockaddr *)&sender,
				     &sender_length);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n >= 0 && sender.nl_pid == 0)
			result = prefixes_take(prefixes, sequence, buffer, (size_t)n, &is_torn);
	}
	return result == 0 && is_torn ? -EINTR : result;
}

static void prefixes_read(struct ng_prefixes *prefixes)
{
	static uint32_t sequence;
	struct prefix before[PREFIXES_MAX];
	const unsigned count = prefixes->count;
	int result = -EINTR;

	memcpy(before, prefixes->prefix, count * sizeof before[0]);
	for (unsigned try = 0; try < DUMP_TRIES && result == -EINTR; try++)
		result = prefixes_dump(prefixes, ++sequence);
	if (result < 0)
		prefixes->count = 0; /* not known is not on-link */
	prefixes->is_read = result == 0;
	prefixes_sort(prefixes);
	if (count != prefixes->count || memcmp(before, prefixes->prefix, count * sizeof before[0]) != 0)
		prefixes->generation++;
}

static void prefixes_refresh(struct ng_prefixes *prefixes)
{
	char buffer[8192];
	ssize_t n;

	for (unsigned i = 0; i < DRAIN_MAX; i++) {
		n = recv(prefixes->watch_fd, buffer, sizeof buffer, MSG_DONTWAIT | MSG_TRUNC);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != ENOBUFS)
			break;
		prefixes->is_read = false;
	}
	if (!prefixes->is_read)
		prefixes_read(prefixes);
}

int ng_prefixes_new(struct ng_prefixes **ret_prefixes)
{
	const struct sockaddr_nl address = { .nl_family = AF_NETLINK,
					     .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR };
	ng_auto_fd watch_fd = -1;
	ng_auto_fd dump_fd = -1;
	struct ng_prefixes *prefixes;

	watch_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	dump_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (watch_fd < 0 || dump_fd < 0 || bind(watch_fd, (const struct sockaddr *)&address, sizeof address) < 0)
		return -errno;
	prefixes = calloc(1, sizeof *prefixes);
	if (!prefixes)
		return -ENOMEM;
	prefixes->generation = 1;
	prefixes->watch_fd = ng_steal_fd(&watch_fd);
	prefixes->dump_fd = ng_steal_fd(&dump_fd);
	*ret_prefixes = prefixes; /* read when first asked: a command that reaches nothing pays nothing */
	return 0;
}

static bool prefix_has(const struct prefix *prefix, const uint8_t addr[static 16])
{
	const unsigned bytes = prefix->length / 8, bits = prefix->length % 8;

	return memcmp(prefix->addr, addr, bytes) == 0 &&
	       (bits == 0 || ((prefix->addr[bytes] ^ addr[bytes]) & (0xff00 >> bits) & 0xff) == 0);
}

bool ng_prefixes_contain(struct ng_prefixes *prefixes, const uint8_t addr[static 16])
{
	prefixes_refresh(prefixes);
	for (unsigned i = 0; i < prefixes->count; i++)
		if (prefix_has(&prefixes->prefix[i], addr))
			return true;
	return false;
}

uint64_t ng_prefixes_generation(struct ng_prefixes *prefixes)
{
	prefixes_refresh(prefixes);
	return prefixes->generation;
}

void ng_prefixes_each(struct ng_prefixes *prefixes,
		      void (*visit)(const uint8_t addr[static 16], uint8_t prefix_len, void *data), void *data)
{
	prefixes_refresh(prefixes);
	for (unsigned i = 0; i < prefixes->count; i++)
		visit(prefixes->prefix[i].addr, prefixes->prefix[i].length, data);
}

void ng_prefixes_free(struct ng_prefixes *prefixes)
{
	if (!prefixes)
		return;
	close(prefixes->watch_fd);
	close(prefixes->dump_fd);
	free(prefixes);
}
