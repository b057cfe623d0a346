/* SPDX-License-Identifier: MIT */
/*
 * The resolver of a confined program (see stub.h): who asks, what is answered. Asking the machine's name servers is
 * ask.c's, the bytes are dns-message.c's, what a name or an answer may be is names.c's.
 *
 * A query is answered at once (refused, localhost, reverse names, /etc/hosts, types that we have nothing of) or becomes
 * one of NG_STUB_QUERIES lookups. A reply leaves from the address that was asked: inside, every address is the stub's.
 * All descriptors are in an epoll of the stub's own, which is the one that the supervisor polls.
 *
 * Invariants: no byte of a name that may not be asked for leaves; a name that only Local lets ask leaves to a local
 * name server only; an address is in an answer only if it was admitted. Runs in the supervisor as the caller. Clients
 * are hostile, and so are the servers.
 */
#include "run/stub.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "base/cleanup.h"
#include "run/ask.h"
#include "run/record.h"
#include "run/stub-private.h"
#include "run/supervise.h"

#define STREAMS 16        /* TCP clients at once; one more takes the place of the one that was silent longest */
#define STREAM_BYTES 1024 /* of one query over TCP */
#define STREAM_IDLE_MS 10000
#define ACCEPT_AGAIN_MS 200 /* after there was no descriptor for one more */
#define DATAGRAMS_AT_ONCE 32
#define EVENTS_AT_ONCE 32

#define KEY_UDP 1
#define KEY_TCP 2
#define KEY_STREAM 16
#define KEY_LOOKUP (KEY_STREAM + STREAMS)

/* Whom to answer, and from which address. */
struct client {
	int stream;      /* index, or -1: over UDP */
	uint32_t serial; /* of the stream */
	struct sockaddr_storage peer;
	socklen_t peer_length;
	int local_family; /* AF_UNSPEC: the kernel chooses */
	struct in_pktinfo local_ipv4;
	struct in6_pktinfo local_ipv6;
};

struct lookup {
	bool is_used;
	struct client client;
	struct ng_dns_query query;
	struct ng_ask ask;
};

struct stream {
	int fd; /* -1: free */
	uint32_t serial;
	int64_t used_ms;
	unsigned n_lookups;
	bool has_ended; /* the client will send no more */
	size_t length;
	uint8_t buffer[2 + STREAM_BYTES];
};

struct ng_stub {
	struct ng_names *names;
	struct ng_record *record;
	int epoll_fd;
	int udp_fd, tcp_fd;
	int64_t advance_ms;
	int64_t accept_again_ms; /* 0: accepting */
	uint32_t serial;
	struct stream streams[STREAMS];
	struct lookup lookups[NG_STUB_QUERIES];
};

static int64_t stub_now_ms(const struct ng_stub *stub)
{
	struct timespec now = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + stub->advance_ms;
}

static int stub_poll(struct ng_stub *stub, int how, int fd, uint32_t events, uint64_t key)
{
	struct epoll_event event = { .events = events, .data.u64 = key };

	return epoll_ctl(stub->epoll_fd, how, fd, &event) < 0 ? -errno : 0;
}

/* --- replies --- */

static void stream_close(struct stream *stream)
{
	close(stream->fd);
	stream->fd = -1;
}

static void reply_udp(struct ng_stub *stub, const struct client *client, const uint8_t *message, size_t length)
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
static void reply_stream(struct stream *stream, const uint8_t *message, size_t length)
{
	const uint8_t head[2] = { (uint8_t)(length >> 8), (uint8_t)length };
	struct iovec iov[2] = { { (void *)head, sizeof head }, { (void *)message, length } };
	const struct msghdr header = { .msg_iov = iov, .msg_iovlen = 2 };

	if (sendmsg(stream->fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)(sizeof head + length))
		stream_close(stream);
}

static struct stream *client_stream(struct ng_stub *stub, const struct client *client)
{
	struct stream *stream = client->stream >= 0 ? &stub->streams[client->stream] : NULL;

	return stream && stream->fd >= 0 && stream->serial == client->serial ? stream : NULL;
}

static void reply_full(struct ng_stub *stub, const struct client *client, const struct ng_dns_query *query,
		       uint8_t rcode, const struct ng_dns_answer *answer, const char *ptr)
{
	const size_t room = client->stream >= 0 ? NG_DNS_MESSAGE_MAX : query->udp_size;
	struct stream *stream = client_stream(stub, client);
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

static void reply(struct ng_stub *stub, const struct client *client, const struct ng_dns_query *query, uint8_t rcode)
{
	reply_full(stub, client, query, rcode, NULL, NULL);
}

/* --- records --- */

static int family_of(uint16_t type)
{
	return type == NG_DNS_A ? AF_INET : type == NG_DNS_AAAA ? AF_INET6 : AF_UNSPEC;
}

/* A name that is refused, or an address that is taken out (NULL: none); or would be, in a dry run. Who asked cannot be
 * told from a packet. */
static void stub_record(struct ng_stub *stub, const struct ng_dns_query *query, const uint8_t *addr, bool is_refused)
{
	const struct ng_run_policy *policy = ng_names_policy(stub->names);
	struct ng_attempt attempt = { .uid = getuid(),
				      .exe = "",
				      .call = "resolve",
				      .family = family_of(query->type),
				      .name = query->name,
				      .is_allowed = !is_refused,
				      .is_foreseen = !is_refused,
				      .reason = policy->app.profile == NG_PROFILE_LOCAL ? NG_REASON_NOT_LOCAL
											: NG_REASON_OFFLINE };

	if (addr) {
		memcpy(attempt.flow.addr, addr, sizeof attempt.flow.addr);
		attempt.class = ng_address_class(addr, 0);
		if (attempt.class == NG_CLASS_METADATA)
			attempt.reason = NG_REASON_METADATA;
	}
	if (stub->record)
		ng_record_attempt(stub->record, &attempt);
}

/* --- answers --- */

/* Takes out what the name may not mean and admits the rest. 0; -ENOSPC: no room for one of them. */
static int answer_admit(struct ng_stub *stub, const struct ng_dns_query *query, struct ng_dns_answer *answer,
			bool is_of_hosts)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < answer->n_addresses; i++) {
		struct ng_dns_address *address = &answer->addresses[i];
		const int check = ng_names_check(stub->names, query->name, address->addr, is_of_hosts);
		const int result =
			ng_names_admit_answer(stub->names, query->name, address->addr, address->ttl_s, is_of_hosts);

		if (check < 0)
			stub_record(stub, query, address->addr, result < 0);
		if (result == -ENOSPC)
			return result;
		if (address->ttl_s > NG_NAMES_MAX_TTL_S)
			address->ttl_s = NG_NAMES_MAX_TTL_S;
		if (result == 0)
			answer->addresses[kept++] = *address;
	}
	answer->n_addresses = kept;
	if (kept == 0)
		answer->n_chain = 0;
	if (answer->chain_ttl_s > NG_NAMES_MAX_TTL_S)
		answer->chain_ttl_s = NG_NAMES_MAX_TTL_S;
	return 0;
}

/* An answer whose addresses were all taken out is one without data and not SERVFAIL: that one clients ask again. */
static void reply_answer(struct ng_stub *stub, const struct client *client, const struct ng_dns_query *query,
			 struct ng_dns_answer *answer, bool is_of_hosts)
{
	if (answer->rcode != NG_DNS_NOERROR)
		reply(stub, client, query, answer->rcode);
	else if (answer_admit(stub, query, answer, is_of_hosts) < 0)
		reply(stub, client, query, NG_DNS_SERVFAIL);
	else
		reply_full(stub, client, query, NG_DNS_NOERROR, answer, NULL);
}

static bool is_of_family(const uint8_t addr[static 16], uint16_t type)
{
	struct in6_addr ipv6;

	memcpy(&ipv6, addr, sizeof ipv6);
	return IN6_IS_ADDR_V4MAPPED(&ipv6) == (type == NG_DNS_A);
}

static void answer_add(struct ng_dns_answer *answer, const uint8_t addr[static 16])
{
	struct ng_dns_address *address = &answer->addresses[answer->n_addresses];

	if (answer->n_addresses == NG_DNS_ADDRESSES)
		return;
	memcpy(address->addr, addr, sizeof address->addr);
	address->ttl_s = NG_HOSTS_TTL_S;
	answer->n_addresses++;
}

static void reply_localhost(struct ng_stub *stub, const struct client *client, const struct ng_dns_query *query)
{
	static const uint8_t ipv4[16] = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 }, ipv6[16] = { [15] = 1 };
	struct ng_dns_answer answer = { 0 };

	if (query->type == NG_DNS_A || query->type == NG_DNS_AAAA)
		answer_add(&answer, query->type == NG_DNS_A ? ipv4 : ipv6);
	reply_full(stub, client, query, NG_DNS_NOERROR, &answer, NULL);
}

/* True: the name stands in /etc/hosts, and that is the answer, also if it has no address of this family. */
static bool reply_hosts(struct ng_stub *stub, const struct client *client, const struct ng_dns_query *query,
			const char *name)
{
	struct ng_dns_answer answer = { 0 };
	const struct ng_host *hosts = NULL;
	const unsigned n_hosts = ng_names_hosts(stub->names, &hosts);
	bool is_found = false;

	for (unsigned i = 0; i < n_hosts; i++) {
		if (strcmp(hosts[i].name, name) != 0)
			continue;
		is_found = true;
		if (is_of_family(hosts[i].addr, query->type))
			answer_add(&answer, hosts[i].addr);
	}
	if (is_found)
		reply_answer(stub, client, query, &answer, true);
	return is_found;
}

/* A reverse name is answered only from what was answered before; it never leaves. True: it was. */
static bool reply_reverse(struct ng_stub *stub, const struct client *client, const struct ng_dns_query *query,
			  const char *name)
{
	uint8_t addr[16];
	const char *ptr;

	if (query->type != NG_DNS_PTR || !ng_name_to_address(name, addr))
		return false;
	ptr = ng_address_class(addr, 0) == NG_CLASS_MACHINE ? "localhost" : ng_names_of(stub->names, addr);
	if (ptr)
		reply_full(stub, client, query, NG_DNS_NOERROR, NULL, ptr);
	return ptr != NULL;
}

/* --- lookups --- */

static void lookup_end(struct ng_stub *stub, struct lookup *lookup)
{
	struct stream *stream = client_stream(stub, &lookup->client);

	ng_ask_done(&lookup->ask);
	lookup->is_used = false;
	if (stream && --stream->n_lookups == 0 && stream->has_ended)
		stream_close(stream);
}

static void lookup_work(struct ng_stub *stub, struct lookup *lookup)
{
	struct ng_dns_answer answer;
	const int result = ng_ask_work(&lookup->ask, stub_now_ms(stub), &answer);

	if (result == 0)
		return;
	if (result < 0)
		reply(stub, &lookup->client, &lookup->query, NG_DNS_SERVFAIL);
	else
		reply_answer(stub, &lookup->client, &lookup->query, &answer, false);
	lookup_end(stub, lookup);
}

static bool server_is_local(struct ng_stub *stub, const struct sockaddr_storage *server)
{
	uint8_t addr[16] = { [10] = 0xff, [11] = 0xff };

	if (server->ss_family == AF_INET)
		memcpy(addr + 12, &((const struct sockaddr_in *)server)->sin_addr, 4);
	else
		memcpy(addr, &((const struct sockaddr_in6 *)server)->sin6_addr, 16);
	return ng_names_is_local_address(stub->names, addr);
}

/* The servers that this name may leave to. */
static unsigned lookup_servers(struct ng_stub *stub, const char *name,
			       struct sockaddr_storage ret_servers[static NG_NAMES_SERVERS])
{
	const struct sockaddr_storage *all = NULL;
	const unsigned n_all = ng_names_servers(stub->names, &all);
	const bool is_unnamed = ng_names_is_unnamed(stub->names, name);
	unsigned count = 0;

	for (unsigned i = 0; i < n_all; i++)
		if (!is_unnamed || server_is_local(stub, &all[i]))
			ret_servers[count++] = all[i];
	return count;
}

static void lookup_start(struct ng_stub *stub, const struct client *client, const struct ng_dns_query *query,
			 const char *name)
{
	struct sockaddr_storage servers[NG_NAMES_SERVERS];
	const unsigned n_servers = lookup_servers(stub, name, servers);
	struct stream *stream = client_stream(stub, client);
	struct lookup *lookup = NULL;
	unsigned index = 0;

	for (; index < NG_STUB_QUERIES && !lookup; index++)
		if (!stub->lookups[index].is_used)
			lookup = &stub->lookups[index];
	if (n_servers == 0 || !lookup) {
		reply(stub, client, query, lookup ? NG_DNS_NXDOMAIN : NG_DNS_SERVFAIL);
		return;
	}
	*lookup = (struct lookup){ .is_used = true, .client = *client, .query = *query };
	if (stream)
		stream->n_lookups++;
	ng_names_renew(stub->names, name);
	if (ng_ask_start(&lookup->ask, stub->epoll_fd, KEY_LOOKUP + index - 1, servers, n_servers, name, query->type,
			 stub_now_ms(stub)) < 0) {
		reply(stub, client, query, NG_DNS_SERVFAIL);
		lookup_end(stub, lookup);
	}
}

/* --- queries --- */

/* A query that was understood; its name is in lower case. */
static void stub_answer(struct ng_stub *stub, const struct client *client, const struct ng_dns_query *query)
{
	const char *name = query->name;
	uint8_t addr[16];

	if (query->class == NG_DNS_IN && reply_reverse(stub, client, query, name)) {
		return;
	} else if (query->class != NG_DNS_IN || !ng_names_may_ask(stub->names, name)) {
		stub_record(stub, query, NULL, true);
		reply(stub, client, query, NG_DNS_REFUSED);
	} else if (ng_name_is_localhost(name)) {
		reply_localhost(stub, client, query);
	} else if (ng_name_to_address(name, addr)) {
		reply(stub, client, query, query->type == NG_DNS_PTR ? NG_DNS_NXDOMAIN : NG_DNS_NOERROR);
	} else {
		if (!ng_names_is_foreseen(stub->names, name))
			stub_record(stub, query, NULL, false);
		if (query->type != NG_DNS_A && query->type != NG_DNS_AAAA)
			reply(stub, client, query, NG_DNS_NOERROR);
		else if (!reply_hosts(stub, client, query, name))
			lookup_start(stub, client, query, name);
	}
}

static void stub_query(struct ng_stub *stub, const struct client *client, const uint8_t *message, size_t length)
{
	struct ng_dns_query query;
	const int result = ng_dns_query_read(message, length, &query);
	char name[NG_NAME_MAX];

	if (result == -EBADMSG)
		return;
	if (result < 0) {
		reply(stub, client, &query, result == -ENOSYS ? NG_DNS_NOTIMP : NG_DNS_FORMERR);
		return;
	}
	if (ng_name_normal(query.name, name))
		memcpy(query.name, name, strlen(name) + 1);
	stub_answer(stub, client, &query);
}

static void client_read_local(struct client *client, struct msghdr *header)
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

static void stub_work_udp(struct ng_stub *stub)
{
	for (unsigned i = 0; i < DATAGRAMS_AT_ONCE; i++) {
		_Alignas(struct cmsghdr) char control[256];
		uint8_t message[NG_DNS_UDP_MAX];
		struct client client = { .stream = -1 };
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
		stub_query(stub, &client, message, (size_t)n);
	}
}

/* --- TCP clients --- */

/* A place: a free one, or that of whom was silent longest. */
static struct stream *stub_stream_place(struct ng_stub *stub)
{
	struct stream *place = &stub->streams[0];

	for (unsigned i = 0; i < STREAMS; i++) {
		if (stub->streams[i].fd < 0)
			return &stub->streams[i];
		if (stub->streams[i].used_ms < place->used_ms ||
		    (stub->streams[i].used_ms == place->used_ms && stub->streams[i].serial < place->serial))
			place = &stub->streams[i];
	}
	stream_close(place);
	return place;
}

static void stub_work_tcp(struct ng_stub *stub)
{
	for (unsigned i = 0; i < STREAMS; i++) {
		ng_auto_fd fd = accept4(stub->tcp_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		struct stream *stream;

		if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)) {
			(void)stub_poll(stub, EPOLL_CTL_MOD, stub->tcp_fd, 0, KEY_TCP);
			stub->accept_again_ms = stub_now_ms(stub) + ACCEPT_AGAIN_MS;
		}
		if (fd < 0)
			return;
		stream = stub_stream_place(stub);
		if (stub_poll(stub, EPOLL_CTL_ADD, fd, EPOLLIN, KEY_STREAM + (uint64_t)(stream - stub->streams)) < 0)
			continue;
		*stream = (struct stream){ .serial = ++stub->serial, .used_ms = stub_now_ms(stub) };
		stream->fd = ng_steal_fd(&fd);
	}
}

/* Every whole query in the buffer. */
static void stream_take(struct ng_stub *stub, struct stream *stream)
{
	const struct client client = { .stream = (int)(stream - stub->streams), .serial = stream->serial };

	while (stream->fd >= 0 && stream->length >= 2) {
		uint8_t message[STREAM_BYTES];
		const size_t length = (size_t)stream->buffer[0] << 8 | stream->buffer[1];

		if (length > STREAM_BYTES) {
			stream_close(stream);
			return;
		}
		if (stream->length < 2 + length)
			return;
		memcpy(message, stream->buffer + 2, length);
		stream->length -= 2 + length;
		memmove(stream->buffer, stream->buffer + 2 + length, stream->length);
		stub_query(stub, &client, message, length);
	}
}

static void stream_work(struct ng_stub *stub, struct stream *stream, uint32_t events)
{
	ssize_t n;

	if (stream->fd < 0)
		return;
	if (events & (EPOLLERR | EPOLLHUP)) {
		stream_close(stream);
		return;
	}
	n = recv(stream->fd, stream->buffer + stream->length, sizeof stream->buffer - stream->length, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		stream->length += (size_t)n;
		stream->used_ms = stub_now_ms(stub);
		stream_take(stub, stream);
	} else if (n == 0 && stream->n_lookups > 0) {
		stream->has_ended = true; /* it may still read */
		(void)stub_poll(stub, EPOLL_CTL_MOD, stream->fd, 0, KEY_STREAM + (uint64_t)(stream - stub->streams));
	} else {
		stream_close(stream);
	}
}

/* --- the supervisor's side --- */

static void stub_work_event(struct ng_stub *stub, const struct epoll_event *event)
{
	const uint64_t key = event->data.u64;

	if (key == KEY_UDP)
		stub_work_udp(stub);
	else if (key == KEY_TCP)
		stub_work_tcp(stub);
	else if (key >= KEY_STREAM && key < KEY_STREAM + STREAMS)
		stream_work(stub, &stub->streams[key - KEY_STREAM], event->events);
	else if (key >= KEY_LOOKUP && key < KEY_LOOKUP + NG_STUB_QUERIES && stub->lookups[key - KEY_LOOKUP].is_used)
		lookup_work(stub, &stub->lookups[key - KEY_LOOKUP]);
}

static void stub_work_times(struct ng_stub *stub)
{
	const int64_t now = stub_now_ms(stub);

	for (unsigned i = 0; i < NG_STUB_QUERIES; i++)
		if (stub->lookups[i].is_used && stub->lookups[i].ask.deadline_ms <= now)
			lookup_work(stub, &stub->lookups[i]);
	for (unsigned i = 0; i < STREAMS; i++)
		if (stub->streams[i].fd >= 0 && stub->streams[i].used_ms + STREAM_IDLE_MS <= now)
			stream_close(&stub->streams[i]);
	if (stub->accept_again_ms && stub->accept_again_ms <= now) {
		stub->accept_again_ms = 0;
		(void)stub_poll(stub, EPOLL_CTL_MOD, stub->tcp_fd, EPOLLIN, KEY_TCP);
	}
}

void ng_stub_work(struct ng_stub *stub)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	const int n = epoll_wait(stub->epoll_fd, events, EVENTS_AT_ONCE, 0);

	for (int i = 0; i < n; i++)
		stub_work_event(stub, &events[i]);
	stub_work_times(stub);
}

int ng_stub_timeout_ms(const struct ng_stub *stub)
{
	int64_t first = stub->accept_again_ms ? stub->accept_again_ms : INT64_MAX, left;

	for (unsigned i = 0; i < NG_STUB_QUERIES; i++)
		if (stub->lookups[i].is_used && stub->lookups[i].ask.deadline_ms < first)
			first = stub->lookups[i].ask.deadline_ms;
	for (unsigned i = 0; i < STREAMS; i++)
		if (stub->streams[i].fd >= 0 && stub->streams[i].used_ms + STREAM_IDLE_MS < first)
			first = stub->streams[i].used_ms + STREAM_IDLE_MS;
	if (first == INT64_MAX)
		return -1;
	left = first - stub_now_ms(stub);
	return left < 0 ? 0 : (int)left;
}

/* So that a reply can leave from the address that was asked. Each option is one family's; the other's is refused. */
static void stub_set_options(int fd)
{
	const int on = 1;

	(void)setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
	(void)setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof on);
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof on);
}

int ng_stub_new(struct ng_names *names, struct ng_record *record, int epoll_fd, int udp_fd, int tcp_fd,
		struct ng_stub **ret_stub)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = NG_EPOLL_STUB };
	ng_auto_fd own_epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	ng_auto_free struct ng_stub *stub = calloc(1, sizeof *stub);
	int result = 0;

	if (own_epoll_fd < 0)
		return -errno;
	if (!stub)
		return -ENOMEM;
	stub->names = names;
	stub->record = record;
	stub->epoll_fd = own_epoll_fd;
	stub->udp_fd = stub->tcp_fd = -1;
	for (unsigned i = 0; i < STREAMS; i++)
		stub->streams[i].fd = -1;
	if (udp_fd >= 0)
		result = stub_poll(stub, EPOLL_CTL_ADD, udp_fd, EPOLLIN, KEY_UDP);
	if (result == 0 && tcp_fd >= 0)
		result = stub_poll(stub, EPOLL_CTL_ADD, tcp_fd, EPOLLIN, KEY_TCP);
	if (result < 0)
		return result;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, own_epoll_fd, &event) < 0)
		return -errno;
	if (udp_fd >= 0)
		stub_set_options(udp_fd);
	stub->udp_fd = udp_fd;
	stub->tcp_fd = tcp_fd;
	(void)ng_steal_fd(&own_epoll_fd);
	*ret_stub = ng_steal_ptr(&stub);
	return 0;
}

void ng_stub_free(struct ng_stub *stub)
{
	if (!stub)
		return;
	for (unsigned i = 0; i < NG_STUB_QUERIES; i++)
		if (stub->lookups[i].is_used)
			ng_ask_done(&stub->lookups[i].ask);
	for (unsigned i = 0; i < STREAMS; i++)
		if (stub->streams[i].fd >= 0)
			close(stub->streams[i].fd);
	if (stub->udp_fd >= 0)
		close(stub->udp_fd);
	if (stub->tcp_fd >= 0)
		close(stub->tcp_fd);
	close(stub->epoll_fd);
	free(stub);
}

void ng_stub_advance_ms(struct ng_stub *stub, int64_t ms)
{
	stub->advance_ms += ms;
}
