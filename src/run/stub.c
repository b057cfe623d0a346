/* SPDX-License-Identifier: MIT */
/*
 * The resolver of a confined program (see stub.h): who asks, what is answered. Asking the machine's name servers is
 * ask.c's, the bytes are dns-message.c's, what a name or an answer may be is names.c's.
 *
 * A query is answered at once (refused, localhost, reverse names, /etc/hosts, types that we have nothing of) or becomes
 * one of NG_STUB_QUERIES lookups. How queries come and replies go is stub-clients.c's. All descriptors are in an epoll
 * of the stub's own, which is the one that the supervisor polls.
 *
 * Invariants: no byte of a name that may not be asked for leaves; a name that only Local lets ask leaves to a local
 * name server only; an address is in an answer only if it was admitted. Runs in the supervisor as the caller. Clients
 * are hostile, and so are the servers.
 */
#include "run/stub.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "base/cleanup.h"
#include "run/record.h"
#include "run/stub-private.h"
#include "run/supervise.h"

#define EVENTS_AT_ONCE 32

int64_t ng_stub_now_ms(const struct ng_stub *stub)
{
	struct timespec now = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + stub->advance_ms;
}

int ng_stub_poll(struct ng_stub *stub, int how, int fd, uint32_t events, uint64_t key)
{
	struct epoll_event event = { .events = events, .data.u64 = key };

	return epoll_ctl(stub->epoll_fd, how, fd, &event) < 0 ? -errno : 0;
}

static void reply(struct ng_stub *stub, const struct ng_stub_client *client, const struct ng_dns_query *query,
		  uint8_t rcode)
{
	ng_stub_reply(stub, client, query, rcode, NULL, NULL);
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
static void reply_answer(struct ng_stub *stub, const struct ng_stub_client *client, const struct ng_dns_query *query,
			 struct ng_dns_answer *answer, bool is_of_hosts)
{
	if (answer->rcode != NG_DNS_NOERROR)
		reply(stub, client, query, answer->rcode);
	else if (answer_admit(stub, query, answer, is_of_hosts) < 0)
		reply(stub, client, query, NG_DNS_SERVFAIL);
	else
		ng_stub_reply(stub, client, query, NG_DNS_NOERROR, answer, NULL);
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

static void reply_localhost(struct ng_stub *stub, const struct ng_stub_client *client, const struct ng_dns_query *query)
{
	static const uint8_t ipv4[16] = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 }, ipv6[16] = { [15] = 1 };
	struct ng_dns_answer answer = { 0 };

	if (query->type == NG_DNS_A || query->type == NG_DNS_AAAA)
		answer_add(&answer, query->type == NG_DNS_A ? ipv4 : ipv6);
	ng_stub_reply(stub, client, query, NG_DNS_NOERROR, &answer, NULL);
}

/* True: the name stands in /etc/hosts, and that is the answer, also if it has no address of this family. */
static bool reply_hosts(struct ng_stub *stub, const struct ng_stub_client *client, const struct ng_dns_query *query,
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
static bool reply_reverse(struct ng_stub *stub, const struct ng_stub_client *client, const struct ng_dns_query *query,
			  const char *name)
{
	uint8_t addr[16];
	const char *ptr;

	if (query->type != NG_DNS_PTR || !ng_name_to_address(name, addr))
		return false;
	ptr = ng_address_class(addr, 0) == NG_CLASS_MACHINE ? "localhost" : ng_names_of(stub->names, addr);
	if (ptr)
		ng_stub_reply(stub, client, query, NG_DNS_NOERROR, NULL, ptr);
	return ptr != NULL;
}

/* --- lookups --- */

static void lookup_end(struct ng_stub *stub, struct ng_stub_lookup *lookup)
{
	struct ng_stub_stream *stream = ng_stub_stream(stub, &lookup->client);

	ng_ask_done(&lookup->ask);
	lookup->is_used = false;
	if (stream && --stream->n_lookups == 0 && stream->has_ended)
		ng_stub_stream_close(stream);
}

static void lookup_work(struct ng_stub *stub, struct ng_stub_lookup *lookup)
{
	struct ng_dns_answer answer;
	const int result = ng_ask_work(&lookup->ask, ng_stub_now_ms(stub), &answer);

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

static void lookup_start(struct ng_stub *stub, const struct ng_stub_client *client, const struct ng_dns_query *query,
			 const char *name)
{
	struct sockaddr_storage servers[NG_NAMES_SERVERS];
	const unsigned n_servers = lookup_servers(stub, name, servers);
	struct ng_stub_stream *stream = ng_stub_stream(stub, client);
	struct ng_stub_lookup *lookup = NULL;
	unsigned index = 0;

	for (; index < NG_STUB_QUERIES && !lookup; index++)
		if (!stub->lookups[index].is_used)
			lookup = &stub->lookups[index];
	if (n_servers == 0 || !lookup) {
		reply(stub, client, query, lookup ? NG_DNS_NXDOMAIN : NG_DNS_SERVFAIL);
		return;
	}
	*lookup = (struct ng_stub_lookup){ .is_used = true, .client = *client, .query = *query };
	if (stream)
		stream->n_lookups++;
	ng_names_renew(stub->names, name);
	if (ng_ask_start(&lookup->ask, stub->epoll_fd, NG_STUB_KEY_LOOKUP + index - 1, servers, n_servers, name,
			 query->type, ng_stub_now_ms(stub)) < 0) {
		reply(stub, client, query, NG_DNS_SERVFAIL);
		lookup_end(stub, lookup);
	}
}

/* --- queries --- */

/* A query that was understood; its name is in lower case. */
static void stub_answer(struct ng_stub *stub, const struct ng_stub_client *client, const struct ng_dns_query *query)
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

void ng_stub_query(struct ng_stub *stub, const struct ng_stub_client *client, const uint8_t *message, size_t length)
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

/* --- the supervisor's side --- */

static void stub_work_event(struct ng_stub *stub, const struct epoll_event *event)
{
	const uint64_t key = event->data.u64;

	if (key == NG_STUB_KEY_UDP)
		ng_stub_work_udp(stub);
	else if (key == NG_STUB_KEY_TCP)
		ng_stub_work_tcp(stub);
	else if (key >= NG_STUB_KEY_STREAM && key < NG_STUB_KEY_STREAM + NG_STUB_STREAMS)
		ng_stub_work_stream(stub, &stub->streams[key - NG_STUB_KEY_STREAM], event->events);
	else if (key >= NG_STUB_KEY_LOOKUP && key < NG_STUB_KEY_LOOKUP + NG_STUB_QUERIES &&
		 stub->lookups[key - NG_STUB_KEY_LOOKUP].is_used)
		lookup_work(stub, &stub->lookups[key - NG_STUB_KEY_LOOKUP]);
}

static void stub_work_times(struct ng_stub *stub)
{
	const int64_t now = ng_stub_now_ms(stub);

	for (unsigned i = 0; i < NG_STUB_QUERIES; i++)
		if (stub->lookups[i].is_used && stub->lookups[i].ask.deadline_ms <= now)
			lookup_work(stub, &stub->lookups[i]);
	for (unsigned i = 0; i < NG_STUB_STREAMS; i++)
		if (stub->streams[i].fd >= 0 && stub->streams[i].used_ms + NG_STUB_STREAM_IDLE_MS <= now)
			ng_stub_stream_close(&stub->streams[i]);
	if (stub->accept_again_ms && stub->accept_again_ms <= now) {
		stub->accept_again_ms = 0;
		(void)ng_stub_poll(stub, EPOLL_CTL_MOD, stub->tcp_fd, EPOLLIN, NG_STUB_KEY_TCP);
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
	for (unsigned i = 0; i < NG_STUB_STREAMS; i++)
		if (stub->streams[i].fd >= 0 && stub->streams[i].used_ms + NG_STUB_STREAM_IDLE_MS < first)
			first = stub->streams[i].used_ms + NG_STUB_STREAM_IDLE_MS;
	if (first == INT64_MAX)
		return -1;
	left = first - ng_stub_now_ms(stub);
	return left < 0 ? 0 : (int)left;
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
	for (unsigned i = 0; i < NG_STUB_STREAMS; i++)
		stub->streams[i].fd = -1;
	if (udp_fd >= 0)
		result = ng_stub_poll(stub, EPOLL_CTL_ADD, udp_fd, EPOLLIN, NG_STUB_KEY_UDP);
	if (result == 0 && tcp_fd >= 0)
		result = ng_stub_poll(stub, EPOLL_CTL_ADD, tcp_fd, EPOLLIN, NG_STUB_KEY_TCP);
	if (result < 0)
		return result;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, own_epoll_fd, &event) < 0)
		return -errno;
	if (udp_fd >= 0)
		ng_stub_udp_options(udp_fd);
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
	for (unsigned i = 0; i < NG_STUB_STREAMS; i++)
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
