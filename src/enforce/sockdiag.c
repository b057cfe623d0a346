/* SPDX-License-Identifier: MIT */
/*
 * Socket diagnostics over NETLINK_SOCK_DIAG; the contract is in sockdiag.h.
 *
 * Every request has a sequence number of its own, and answers to another one are passed over: what an earlier, failed
 * request left in the queue cannot be taken for an answer. The kernel produces an answer while we read it, so a read
 * that finds nothing for NG_SOCKDIAG_TIMEOUT_MS is an error and not patience.
 */
#include "enforce/sockdiag.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#include "base/cleanup.h"

/* The kernel fills datagrams of up to 32 KiB for a reader that offers as much (netlink_dump, Linux 4.4 and newer). */
#define BUFFER_SIZE (32u * 1024)
/* Datagrams of one dump: at 32 KiB each more sockets than a machine has ports and memory for. */
#define MAX_DATAGRAMS (1u << 17)
#define MAX_TRIES 3
/* An unconnected socket that shares its port (SO_REUSEPORT) is found by a hash over the remote port we pretend. */
#define MAX_PRETENDED_PORTS 256
#define STATE_TIME_WAIT 6 /* TCP_TIME_WAIT of the kernel */

struct request {
	struct nlmsghdr header;
	struct inet_diag_req_v2 body;
	struct nlattr protocol_header; /* sent for protocols that do not fit body.sdiag_protocol */
	uint32_t protocol;
};
_Static_assert(offsetof(struct request, protocol_header) == NLMSG_HDRLEN + sizeof(struct inet_diag_req_v2),
	       "request: attribute follows the body");

static const uint8_t mapped_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

int ng_sockdiag_open(void)
{
	ng_auto_fd fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	struct timeval timeout = { NG_SOCKDIAG_TIMEOUT_MS / 1000, NG_SOCKDIAG_TIMEOUT_MS % 1000 * 1000 };
	int size = 1024 * 1024;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
		return -errno;
	/* Only fewer round trips: a smaller buffer serves too. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return ng_steal_fd(&fd);
}

static void request_init(struct request *request, uint16_t type, uint8_t family, uint16_t protocol)
{
	static uint32_t sequence;
	bool is_wide = protocol > UINT8_MAX;

	*request = (struct request){
		.header = { .nlmsg_len = is_wide ? sizeof(*request) : offsetof(struct request, protocol_header),
			    .nlmsg_type = type,
			    .nlmsg_seq = __atomic_add_fetch(&sequence, 1, __ATOMIC_RELAXED) },
		.body = { .sdiag_family = family, .sdiag_protocol = (uint8_t)protocol },
		.protocol_header = { .nla_len = NLA_HDRLEN + sizeof(uint32_t), .nla_type = INET_DIAG_REQ_PROTOCOL },
		.protocol = protocol,
	};
	/* A kernel that does not know the attribute must find no handler, and not that of 262 & 255. */
	if (is_wide)
		request->body.sdiag_protocol = 0;
}

static int request_send(int fd, const struct request *request)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t n;

	do
		n = sendto(fd, request, request->header.nlmsg_len, 0, (const struct sockaddr *)&kernel, sizeof(kernel));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == request->header.nlmsg_len ? 0 : -EIO;
}

/* One datagram of the kernel's. The length, 0 for a datagram of somebody else's, or negative errno. */
static ssize_t datagram_receive(int fd, void *buffer, int flags)
{
	struct sockaddr_nl from = { 0 };
	struct iovec part = { buffer, BUFFER_SIZE };
	struct msghdr message = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t n;

	do
		n = recvmsg(fd, &message, flags);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN && !(flags & MSG_DONTWAIT) ? -ETIMEDOUT : -errno;
	if (message.msg_flags & MSG_TRUNC)
		return -EMSGSIZE;
	if (message.msg_namelen != sizeof(from) || from.nl_family != AF_NETLINK || from.nl_pid != 0)
		return 0;
	return n;
}

/* Empty the queue, so that a dump that broke off does not make the next one fail with EBUSY. */
static void queue_drain(int fd, void *buffer)
{
	for (unsigned int i = 0; i < MAX_DATAGRAMS; i++) {
		ssize_t n = datagram_receive(fd, buffer, MSG_DONTWAIT);

		if (n < 0 && n != -ENOBUFS && n != -EMSGSIZE)
			return;
	}
}

static void address_read(const __be32 words[4], uint8_t family, uint8_t ret[16])
{
	if (family == AF_INET6) {
		memcpy(ret, words, 16);
		return;
	}
	memcpy(ret, mapped_prefix, sizeof(mapped_prefix));
	memcpy(ret + sizeof(mapped_prefix), words, 4);
}

static void entry_read(const struct inet_diag_msg *message, uint16_t protocol, struct ng_sockdiag_entry *ret_entry)
{
	*ret_entry = (struct ng_sockdiag_entry){
		.family = message->idiag_family,
		.state = message->idiag_state,
		.protocol = protocol,
		.local_port = ntohs(message->id.idiag_sport),
		.remote_port = ntohs(message->id.idiag_dport),
		.inode = message->idiag_inode,
		.cookie = (uint64_t)message->id.idiag_cookie[1] << 32 | message->id.idiag_cookie[0],
		.uid = message->idiag_uid,
		.interface = message->id.idiag_if,
	};
	address_read(message->id.idiag_src, message->idiag_family, ret_entry->local);
	address_read(message->id.idiag_dst, message->idiag_family, ret_entry->remote);
}

/* The error that an NLMSG_ERROR carries, or that an NLMSG_DONE does where a dump failed to begin. */
static int error_read(const struct nlmsghdr *header)
{
	int error;

	if (header->nlmsg_len < NLMSG_LENGTH(sizeof(error)))
		return header->nlmsg_type == NLMSG_DONE ? 0 : -EBADMSG;
	memcpy(&error, NLMSG_DATA(header), sizeof(error));
	return error > 0 ? -EBADMSG : error;
}

/* What a dump has come to. */
struct dump {
	uint32_t sequence;
	uint8_t family;
	uint16_t protocol;
	bool is_done;
	bool is_changed;
	ng_sockdiag_fn fn;
	void *user_data;
};

static int dump_take_message(struct dump *dump, const struct nlmsghdr *header)
{
	const struct inet_diag_msg *message = NLMSG_DATA(header);
	struct ng_sockdiag_entry entry;

	if (header->nlmsg_seq != dump->sequence)
		return 0;
	if (header->nlmsg_flags & NLM_F_DUMP_INTR)
		dump->is_changed = true;
	switch (header->nlmsg_type) {
	case NLMSG_DONE:
	case NLMSG_ERROR:
		dump->is_done = true;
		return error_read(header);
	case SOCK_DIAG_BY_FAMILY:
		if (header->nlmsg_len < NLMSG_LENGTH(sizeof(*message)))
			return -EBADMSG;
		if (message->idiag_family != dump->family)
			return 0;
		entry_read(message, dump->protocol, &entry);
		dump->fn(dump->user_data, &entry);
		return 0;
	default:
		return 0;
	}
}

static int dump_take_datagram(struct dump *dump, const void *buffer, ssize_t length)
{
	const struct nlmsghdr *header = buffer;
	size_t left = (size_t)length;

	while (!dump->is_done && NLMSG_OK(header, left)) {
		int r = dump_take_message(dump, header);

		if (r < 0)
			return r;
		header = NLMSG_NEXT(header, left);
	}
	return 0;
}

static int dump_once(int fd, struct dump *dump, void *buffer)
{
	struct request request;
	int r;

	request_init(&request, SOCK_DIAG_BY_FAMILY, dump->family, dump->protocol);
	request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request.body.idiag_states = ~(1u << STATE_TIME_WAIT);
	/* Since Linux 6.8 also TCP sockets that are bound and nothing else, where bit 13 is set: no lookup finds them.
	 */
	request.body.idiag_states &= 0xfffu;
	dump->sequence = request.header.nlmsg_seq;
	dump->is_done = false;
	r = request_send(fd, &request);
	if (r < 0)
		return r;
	for (unsigned int i = 0; i < MAX_DATAGRAMS; i++) {
		ssize_t n = datagram_receive(fd, buffer, 0);

		if (n < 0)
			return (int)n;
		r = dump_take_datagram(dump, buffer, n);
		if (r < 0 || dump->is_done)
			return r;
	}
	return -E2BIG;
}

int ng_sockdiag_list(int fd, uint8_t family, uint16_t protocol, ng_sockdiag_fn fn, void *user_data)
{
	struct dump dump = { .family = family, .protocol = protocol, .fn = fn, .user_data = user_data };
	ng_auto_free void *buffer = NULL;
	int r = 0;

	if (family != AF_INET && family != AF_INET6)
		return -EAFNOSUPPORT;
	buffer = malloc(BUFFER_SIZE);
	if (!buffer)
		return -ENOMEM;
	for (int i = 0; i < MAX_TRIES; i++) {
		r = dump_once(fd, &dump, buffer);
		if (r < 0)
			queue_drain(fd, buffer);
		if (r != -ENOBUFS && r != -EMSGSIZE && r != -EBUSY)
			break;
	}
	if (r == -ENOENT)
		return -EPROTONOSUPPORT;
	return r < 0 ? r : dump.is_changed ? NG_SOCKDIAG_CHANGED : 0;
}

struct ng_sockdiag_id ng_sockdiag_id_of(const struct ng_sockdiag_entry *entry)
{
	struct ng_sockdiag_id id = {
		.family = entry->family,
		.protocol = entry->protocol,
		.local_port = entry->local_port,
		.remote_port = entry->remote_port,
		.cookie = entry->cookie,
		.interface = entry->interface,
	};

	memcpy(id.local, entry->local, sizeof(id.local));
	memcpy(id.remote, entry->remote, sizeof(id.remote));
	return id;
}

static int address_write(const uint8_t address[16], uint8_t family, __be32 ret_words[4])
{
	if (family == AF_INET6) {
		memcpy(ret_words, address, 16);
		return 0;
	}
	if (memcmp(address, mapped_prefix, sizeof(mapped_prefix)) != 0)
		return -EINVAL;
	memcpy(ret_words, address + sizeof(mapped_prefix), 4);
	return 0;
}

static int destroy_request_init(struct request *request, const struct ng_sockdiag_id *id)
{
	int r;

	if (id->family != AF_INET && id->family != AF_INET6)
		return -EINVAL;
	request_init(request, SOCK_DESTROY, id->family, id->protocol);
	request->header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	request->body.idiag_states = UINT32_MAX;
	request->body.id.idiag_sport = htons(id->local_port);
	request->body.id.idiag_dport = htons(id->remote_port);
	request->body.id.idiag_if = id->interface;
	request->body.id.idiag_cookie[0] = (uint32_t)id->cookie;
	request->body.id.idiag_cookie[1] = (uint32_t)(id->cookie >> 32);
	if (id->protocol == IPPROTO_RAW)
		request->body.pad = (uint8_t)id->local_port; /* struct inet_diag_req_raw: sdiag_raw_protocol */
	r = address_write(id->local, id->family, request->body.id.idiag_src);
	return r < 0 ? r : address_write(id->remote, id->family, request->body.id.idiag_dst);
}

static int answer_receive(int fd, uint32_t sequence, void *buffer)
{
	for (unsigned int i = 0; i < MAX_DATAGRAMS; i++) {
		ssize_t n = datagram_receive(fd, buffer, 0);
		const struct nlmsghdr *header = buffer;
		size_t left;

		if (n == -ENOBUFS) /* left over from a dump; the answer to us is still to come */
			continue;
		if (n < 0)
			return (int)n;
		for (left = (size_t)n; NLMSG_OK(header, left); header = NLMSG_NEXT(header, left))
			if (header->nlmsg_seq == sequence && header->nlmsg_type == NLMSG_ERROR)
				return error_read(header);
	}
	return -E2BIG;
}

/* Raw sockets: the kernel destroys the first that would receive such a packet, and never looks at the cookie
 * (raw_diag.c, raw_diag_destroy), so we look who that may be. */
struct raw_rivals {
	const struct ng_sockdiag_id *id;
	bool is_found;
	bool is_ambiguous;
};

static bool is_wildcard(const uint8_t address[16])
{
	static const uint8_t zero[16];

	return memcmp(address, zero, 16) == 0 ||
	       (memcmp(address, mapped_prefix, 12) == 0 && memcmp(address + 12, zero, 4) == 0);
}

static bool is_same_or_any(const uint8_t own[16], const uint8_t asked[16])
{
	return is_wildcard(own) || memcmp(own, asked, 16) == 0;
}

static void raw_rivals_take(void *user_data, const struct ng_sockdiag_entry *entry)
{
	struct raw_rivals *rivals = user_data;
	const struct ng_sockdiag_id *id = rivals->id;

	if (entry->cookie == id->cookie)
		rivals->is_found = true;
	else if (entry->local_port == id->local_port && is_same_or_any(entry->local, id->local) &&
		 is_same_or_any(entry->remote, id->remote) &&
		 (entry->interface == 0 || entry->interface == id->interface))
		rivals->is_ambiguous = true;
}

static int raw_check(int fd, const struct ng_sockdiag_id *id)
{
	struct raw_rivals rivals = { .id = id };
	int r = ng_sockdiag_list(fd, id->family, id->protocol, raw_rivals_take, &rivals);

	if (r < 0)
		return r;
	return !rivals.is_found ? -ENOENT : rivals.is_ambiguous ? -EOPNOTSUPP : 0;
}

static int destroy_once(int fd, struct request *request, void *buffer)
{
	int r = request_send(fd, request);

	return r < 0 ? r : answer_receive(fd, request->header.nlmsg_seq, buffer);
}

int ng_sockdiag_destroy(int fd, const struct ng_sockdiag_id *id)
{
	ng_auto_free void *buffer = malloc(BUFFER_SIZE);
	struct request request;
	int r;

	if (!buffer)
		return -ENOMEM;
	if (id->protocol == IPPROTO_RAW) {
		r = raw_check(fd, id);
		if (r < 0)
			return r;
	}
	r = destroy_request_init(&request, id);
	if (r < 0)
		return r;
	r = destroy_once(fd, &request, buffer);
	if (id->remote_port != 0 || id->protocol == IPPROTO_RAW)
		return r;
	for (uint16_t port = 1; r == -ENOENT && port <= MAX_PRETENDED_PORTS; port++) {
		r = destroy_request_init(&request, id);
		if (r < 0)
			return r;
		request.body.id.idiag_dport = htons(port);
		r = destroy_once(fd, &request, buffer);
	}
	return r;
}
