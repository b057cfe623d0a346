/* SPDX-License-Identifier: MIT */
/*
 * How queries come to the stub and replies go: datagrams, and TCP connections with several queries each. A reply leaves
 * from the address that was asked, because inside every address is the stub's and a connected client takes no other.
 *
 * Invariants: nothing waits; a client that does not take its reply, sends too long a query or is silent for long is
 * given up; when there are too many the one that was silent longest goes. Supervisor, as the caller; clients are
 * hostile.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "run/stub-private.h"

#define ACCEPT_AGAIN_MS 200 /* after there was no descriptor for one more */
#define DATAGRAMS_AT_ONCE 32

/* So that a reply can leave from the address that was asked. Each option is one family's; the other's is refused. */
void ng_stub_udp_options(int fd)
{
	const int on = 1;

	(void)setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
	(void)setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof on);
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof on);
}

void ng_stub_stream_close(struct ng_stub_stream *stream)
{
	close(stream->fd);
	stream->fd = -1;
}

static void reply_udp(struct ng_stub *stub, const struct ng_stub_client *client, const uint8_t *message, size_t length)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof client->local_ipv6)] = { 0 };
	struct iovec iov = { (void *)message, length };
	struct msghdr header = {
		.msg_name = (void *)&client->peer, .msg_namelen = client->peer_length, .msg_iov = &iov, .msg_iovlen = 1
	};
	const bool is_ipv4 = client->local_family == AF_INET;
	const size_t size = is_ipv4 ? sizeof client->local_ipv4 : sizeof client->local_ipv6;

	if (client->local_family != AF_UNSPEC) {
		struct cmsghdr *cmsg = (struct cmsghdr *)control;

		cmsg->cmsg_level = is_ipv4 ? IPPROTO_IP : IPPROTO_IPV6;
		cmsg->cmsg_type = is_ipv4 ? IP_PKTINFO : IPV6_PKTINFO;
		cmsg->cmsg_len = CMSG_LEN(size);
		memcpy(CMSG_DATA(cmsg), is_ipv4 ? (const void *)&client->local_ipv4 : &client->local_ipv6, size);
		header.msg_control = control;
		header.msg_controllen = CMSG_SPACE(size);
	}
	/* What cannot be sent is lost, as datagrams are. */
	(void)sendmsg(stub->udp_fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* A client that does not even take what fits its socket's buffer is given up. */
static void reply_stream(struct ng_stub_stream *stream, const uint8_t *message, size_t length)
{
	const uint8_t head[2] = { (uint8_t)(length >> 8), (uint8_t)length };
	struct iovec iov[2] = { { (void *)head, sizeof head }, { (void *)message, length } };
	const struct msghdr header = { .msg_iov = iov, .msg_iovlen = 2 };

	if (sendmsg(stream->fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)(sizeof head + length))
		ng_stub_stream_close(stream);
}

struct ng_stub_stream *ng_stub_stream(struct ng_stub *stub, const struct ng_stub_client *client)
{
	struct ng_stub_stream *stream = client->stream >= 0 ? &stub->streams[client->stream] : NULL;

	return stream && stream->fd >= 0 && stream->serial == client->serial ? stream : NULL;
}

void ng_stub_reply(struct ng_stub *stub, const struct ng_stub_client *client, const struct ng_dns_query *query,
		   uint8_t rcode, const struct ng_dns_answer *answer, const char *ptr)
{
	const size_t room = client->stream >= 0 ? NG_DNS_MESSAGE_MAX : query->udp_size;
	struct ng_stub_stream *stream = ng_stub_stream(stub, client);
	uint8_t message[NG_DNS_MESSAGE_MAX];
	size_t length;

	if (client->stream >= 0 && !stream)
		return;
	length = ng_dns_answer_write(query, rcode, answer, ptr, NG_NAMES_MIN_TTL_S, room, message);
	if (stream)
		reply_stream(stream, message, length);
	else
		reply_udp(stub, client, message, length);
}

static void client_read_local(struct ng_stub_client *client, struct msghdr *header)
{
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(header); cmsg; cmsg = CMSG_NXTHDR(header, cmsg)) {
		if (cmsg->cmsg_level == IPPROTO_IP && cmsg->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(cmsg), sizeof info);
			client->local_family = AF_INET;
			client->local_ipv4.ipi_spec_dst = info.ipi_addr;
		} else if (cmsg->cmsg_level == IPPROTO_IPV6 && cmsg->cmsg_type == IPV6_PKTINFO) {
			memcpy(&client->local_ipv6, CMSG_DATA(cmsg), sizeof client->local_ipv6);
			client->local_family = AF_INET6;
			if (!IN6_IS_ADDR_LINKLOCAL(&client->local_ipv6.ipi6_addr))
				client->local_ipv6.ipi6_ifindex = 0;
		}
	}
}

void ng_stub_work_udp(struct ng_stub *stub)
{
	for (unsigned i = 0; i < DATAGRAMS_AT_ONCE; i++) {
		_Alignas(struct cmsghdr) char control[256];
		uint8_t message[NG_DNS_UDP_MAX];
		struct ng_stub_client client = { .stream = -1 };
		struct iovec iov = { message, sizeof message };
		struct msghdr header = { .msg_name = &client.peer,
					 .msg_namelen = sizeof client.peer,
					 .msg_iov = &iov,
					 .msg_iovlen = 1,
					 .msg_control = control,
					 .msg_controllen = sizeof control };
		const ssize_t n = recvmsg(stub->udp_fd, &header, MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0 || (header.msg_flags & MSG_TRUNC))
			continue;
		client.peer_length = header.msg_namelen;
		client_read_local(&client, &header);
		ng_stub_query(stub, &client, message, (size_t)n);
	}
}

/* --- TCP clients --- */

/* A place: a free one, or that of whom was silent longest. */
static struct ng_stub_stream *stub_stream_place(struct ng_stub *stub)
{
	struct ng_stub_stream *place = &stub->streams[0];

	for (unsigned i = 0; i < NG_STUB_STREAMS; i++) {
		if (stub->streams[i].fd < 0)
			return &stub->streams[i];
		if (stub->streams[i].used_ms < place->used_ms ||
		    (stub->streams[i].used_ms == place->used_ms && stub->streams[i].serial < place->serial))
			place = &stub->streams[i];
	}
	ng_stub_stream_close(place);
	return place;
}

void ng_stub_work_tcp(struct ng_stub *stub)
{
	for (unsigned i = 0; i < NG_STUB_STREAMS; i++) {
		ng_auto_fd fd = accept4(stub->tcp_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		struct ng_stub_stream *stream;

		if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
			(void)ng_stub_poll(stub, EPOLL_CTL_MOD, stub->tcp_fd, 0, NG_STUB_KEY_TCP);
			stub->accept_again_ms = ng_stub_now_ms(stub) + ACCEPT_AGAIN_MS;
		}
		if (fd < 0)
			return;
		stream = stub_stream_place(stub);
		if (ng_stub_poll(stub, EPOLL_CTL_ADD, fd, EPOLLIN,
				 NG_STUB_KEY_STREAM + (uint64_t)(stream - stub->streams)) < 0)
			continue;
		*stream = (struct ng_stub_stream){ .serial = ++stub->serial, .used_ms = ng_stub_now_ms(stub) };
		stream->fd = ng_steal_fd(&fd);
	}
}

/* Every whole query in the buffer. */
static void stream_take(struct ng_stub *stub, struct ng_stub_stream *stream)
{
	const struct ng_stub_client client = { .stream = (int)(stream - stub->streams), .serial = stream->serial };

	while (stream->fd >= 0 && stream->length >= 2) {
		uint8_t message[NG_STUB_STREAM_BYTES];
		const size_t length = (size_t)stream->buffer[0] << 8 | stream->buffer[1];

		if (length > NG_STUB_STREAM_BYTES) {
			ng_stub_stream_close(stream);
			return;
		}
		if (stream->length < 2 + length)
			return;
		memcpy(message, stream->buffer + 2, length);
		stream->length -= 2 + length;
		memmove(stream->buffer, stream->buffer + 2 + length, stream->length);
		ng_stub_query(stub, &client, message, length);
	}
}

void ng_stub_work_stream(struct ng_stub *stub, struct ng_stub_stream *stream, uint32_t events)
{
	ssize_t n;

	if (stream->fd < 0)
		return;
	if (events & (EPOLLERR | EPOLLHUP)) {
		ng_stub_stream_close(stream);
		return;
	}
	n = recv(stream->fd, stream->buffer + stream->length, sizeof stream->buffer - stream->length, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		stream->length += (size_t)n;
		stream->used_ms = ng_stub_now_ms(stub);
		stream_take(stub, stream);
	} else if (n == 0 && stream->n_lookups > 0) {
		stream->has_ended = true; /* it may still read */
		(void)ng_stub_poll(stub, EPOLL_CTL_MOD, stream->fd, 0,
				   NG_STUB_KEY_STREAM + (uint64_t)(stream - stub->streams));
	} else {
		ng_stub_stream_close(stream);
	}
}
