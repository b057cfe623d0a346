/* SPDX-License-Identifier: MIT */
/*
 * The stage of the stub's tests (see test-stage.h).
 */
#include "run/test-stage.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>

#include "run/record.h"
#include "run/supervise.h"

#define WAIT_MS 5000

/* --- the record, as far as the stub sees it --- */

GPtrArray *recorded;

void ng_record_attempt(struct ng_record *record, const struct ng_attempt *attempt)
{
	char address[INET6_ADDRSTRLEN];

	g_assert_cmpstr(attempt->call, ==, "resolve");
	inet_ntop(AF_INET6, attempt->flow.addr, address, sizeof address);
	g_ptr_array_add(recorded, g_strdup_printf("%s %d %s %s", attempt->name, attempt->family, address,
						  attempt->is_foreseen  ? "would-deny"
						  : attempt->is_allowed ? "allow"
									: "deny"));
}

/* --- messages --- */

void put_u16(GByteArray *bytes, unsigned value)
{
	const guint8 two[2] = { (guint8)(value >> 8), (guint8)value };

	g_byte_array_append(bytes, two, 2);
}

static void put_name(GByteArray *bytes, const char *name)
{
	g_auto(GStrv) labels = g_strsplit(name, ".", -1);

	for (char **label = labels; *label && **label; label++) {
		const guint8 n = (guint8)strlen(*label);

		g_byte_array_append(bytes, &n, 1);
		g_byte_array_append(bytes, (const guint8 *)*label, n);
	}
	g_byte_array_append(bytes, (const guint8 *)"", 1);
}

GByteArray *query_of(const char *name, unsigned type, unsigned udp_size)
{
	GByteArray *bytes = g_byte_array_new();

	put_u16(bytes, 0x1234);
	put_u16(bytes, 0x0100);
	put_u16(bytes, 1);
	put_u16(bytes, 0);
	put_u16(bytes, 0);
	put_u16(bytes, udp_size ? 1 : 0);
	put_name(bytes, name);
	put_u16(bytes, type);
	put_u16(bytes, 1);
	if (udp_size) {
		g_byte_array_append(bytes, (const guint8 *)"", 1);
		put_u16(bytes, 41);
		put_u16(bytes, udp_size);
		put_u16(bytes, 0);
		put_u16(bytes, 0);
		put_u16(bytes, 0);
	}
	return bytes;
}

GByteArray *answer_to(const guint8 *query, gsize length, unsigned rcode)
{
	GByteArray *bytes = g_byte_array_new();

	g_byte_array_append(bytes, query, (guint)length);
	bytes->data[2] = 0x81;
	bytes->data[3] = (guint8)(0x80 | rcode);
	return bytes;
}

void answer_put(GByteArray *bytes, int section, const char *owner, unsigned type, unsigned ttl_s, const char *data)
{
	guint8 addr[16];
	gsize at;

	bytes->data[7 + 2 * section]++;
	if (owner)
		put_name(bytes, owner);
	else
		put_u16(bytes, 0xc00c);
	put_u16(bytes, type);
	put_u16(bytes, 1);
	put_u16(bytes, ttl_s >> 16);
	put_u16(bytes, ttl_s & 0xffff);
	at = bytes->len;
	put_u16(bytes, 0);
	if (type == 5) {
		put_name(bytes, data);
	} else {
		g_assert_cmpint(inet_pton(type == 1 ? AF_INET : AF_INET6, data, addr), ==, 1);
		g_byte_array_append(bytes, addr, type == 1 ? 4 : 16);
	}
	bytes->data[at] = (guint8)((bytes->len - at - 2) >> 8);
	bytes->data[at + 1] = (guint8)(bytes->len - at - 2);
}

/* --- the stage --- */

static int socket_at(int type, const char *address, uint16_t *port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(*port) };
	socklen_t length = sizeof addr;
	int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	g_assert_cmpint(fd, >=, 0);
	inet_pton(AF_INET, address, &addr.sin_addr);
	if (bind(fd, (struct sockaddr *)&addr, sizeof addr) < 0) {
		close(fd);
		return -1;
	}
	if (type == SOCK_STREAM)
		g_assert_cmpint(listen(fd, 32), ==, 0);
	g_assert_cmpint(getsockname(fd, (struct sockaddr *)&addr, &length), ==, 0);
	*port = ntohs(addr.sin_port);
	return fd;
}

static void socket_pair(const char *address, int *udp, int *tcp, uint16_t *port)
{
	do {
		*port = 0;
		*udp = socket_at(SOCK_DGRAM, address, port);
		*tcp = socket_at(SOCK_STREAM, address, port);
		if (*tcp < 0)
			close(*udp);
	} while (*tcp < 0);
}

void rule_add(struct stage *stage, const char *name)
{
	struct ng_name_rule *rule = &stage->policy.names[stage->policy.n_names++];

	rule->is_wildcard = g_str_has_prefix(name, "*.");
	g_strlcpy(rule->name, rule->is_wildcard ? name + 2 : name, sizeof rule->name);
}

struct stage *stage_new(uint8_t profile, server_fn server)
{
	struct stage *stage = g_new0(struct stage, 1);

	stage->policy.app.profile = profile;
	stage->server = server;
	stage->server_stream = -1;
	stage->dir = g_dir_make_tmp("ng-stub-XXXXXX", NULL);
	socket_pair("127.0.0.1", &stage->server_udp, &stage->server_tcp, &stage->port);
	rule_add(stage, "api.example.com");
	rule_add(stage, "*.example.org");
	recorded = g_ptr_array_new_with_free_func(g_free);
	return stage;
}

void stage_start(struct stage *stage, const char *resolv, const char *hosts)
{
	g_autofree char *hosts_path = g_build_filename(stage->dir, "hosts", NULL);
	g_autofree char *resolv_path = g_build_filename(stage->dir, "resolv", NULL);
	const struct ng_name_sources sources = { hosts_path, resolv_path, stage->port };
	int udp, tcp;
	uint16_t port;

	g_assert_true(g_file_set_contents(hosts_path, hosts ? hosts : "", -1, NULL));
	g_assert_true(g_file_set_contents(resolv_path, resolv ? resolv : "nameserver 127.0.0.1\n", -1, NULL));
	g_assert_cmpint(ng_names_new_from(&stage->policy, &sources, &stage->names), ==, 0);
	g_unlink(hosts_path);
	g_unlink(resolv_path);
	stage->epoll = epoll_create1(EPOLL_CLOEXEC);
	socket_pair("0.0.0.0", &udp, &tcp, &port);
	g_assert_cmpint(ng_stub_new(stage->names, (struct ng_record *)stage, stage->epoll, udp, tcp, &stage->stub), ==,
			0);
	stage->stub_addr = (struct sockaddr_in){ .sin_family = AF_INET,
						 .sin_port = htons(port),
						 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

void stage_free(struct stage *stage)
{
	ng_stub_free(stage->stub);
	ng_names_free(stage->names);
	close(stage->epoll);
	close(stage->server_udp);
	if (stage->server_tcp >= 0)
		close(stage->server_tcp);
	if (stage->server_stream >= 0)
		close(stage->server_stream);
	g_rmdir(stage->dir);
	g_free(stage->dir);
	g_free(stage);
	g_ptr_array_unref(recorded);
}

void server_send(struct stage *stage, const GByteArray *bytes, bool is_tcp)
{
	const guint8 head[2] = { (guint8)(bytes->len >> 8), (guint8)bytes->len };

	if (is_tcp) {
		g_assert_cmpint(send(stage->server_stream, head, 2, MSG_NOSIGNAL), ==, 2);
		g_assert_cmpint(send(stage->server_stream, bytes->data, bytes->len, MSG_NOSIGNAL), ==, bytes->len);
	} else {
		g_assert_cmpint(sendto(stage->server_udp, bytes->data, bytes->len, 0, (struct sockaddr *)&stage->asker,
				       sizeof stage->asker),
				==, bytes->len);
	}
}

static void server_take(struct stage *stage, const guint8 *query, gsize length, bool is_tcp)
{
	ns_msg message;
	ns_rr question;

	g_assert_cmpint(ns_initparse(query, (int)length, &message), ==, 0);
	g_assert_cmpint(ns_parserr(&message, ns_s_qd, 0, &question), ==, 0);
	g_strlcpy(stage->asked, ns_rr_name(question), sizeof stage->asked);
	*(is_tcp ? &stage->n_tcp : &stage->n_udp) += 1;
	if (stage->server)
		stage->server(stage, query, length, is_tcp);
}

static void server_work(struct stage *stage)
{
	guint8 bytes[2048];
	socklen_t length = sizeof stage->asker;
	ssize_t n = recvfrom(stage->server_udp, bytes, sizeof bytes, 0, (struct sockaddr *)&stage->asker, &length);

	if (n > 0)
		server_take(stage, bytes, (gsize)n, false);
	if (stage->server_tcp >= 0 && stage->server_stream < 0)
		stage->server_stream = accept(stage->server_tcp, NULL, NULL);
	if (stage->server_stream < 0)
		return;
	n = recv(stage->server_stream, bytes, sizeof bytes, MSG_DONTWAIT);
	if (n > 2)
		server_take(stage, bytes + 2, (gsize)n - 2, true);
	if (n >= 0) {
		close(stage->server_stream);
		stage->server_stream = -1;
	}
}

void stage_run(struct stage *stage, int client, unsigned n_udp)
{
	for (;;) {
		struct pollfd fds[] = { { .fd = stage->epoll, .events = POLLIN },
					{ .fd = stage->server_udp, .events = POLLIN },
					{ .fd = stage->server_tcp, .events = POLLIN },
					{ .fd = stage->server_stream, .events = POLLIN },
					{ .fd = client, .events = POLLIN } };
		const int n = poll(fds, G_N_ELEMENTS(fds), WAIT_MS);

		g_assert_cmpint(n, >, 0);
		if (fds[4].revents)
			return;
		if (fds[0].revents) {
			struct epoll_event event;

			g_assert_cmpint(epoll_wait(stage->epoll, &event, 1, 0), ==, 1);
			g_assert_cmpuint(event.data.u64, ==, NG_EPOLL_STUB);
			ng_stub_work(stage->stub);
		}
		server_work(stage);
		if (client < 0 && stage->n_udp >= n_udp)
			return;
	}
}

/* --- clients --- */

int client_new(struct stage *stage, int type, const char *address)
{
	struct sockaddr_in addr = stage->stub_addr;
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (address)
		inet_pton(AF_INET, address, &addr.sin_addr);
	g_assert_cmpint(connect(fd, (struct sockaddr *)&addr, sizeof addr), ==, 0);
	return fd;
}

char *reply_text(const guint8 *bytes, gsize length)
{
	static const char *const rcodes[] = { "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED" };
	GString *text = g_string_new(NULL);
	ns_msg message;
	ns_rr record;

	g_assert_cmpint(ns_initparse(bytes, (int)length, &message), ==, 0);
	g_assert_cmpuint(ns_msg_id(message), ==, 0x1234);
	g_assert_cmpint(ns_msg_getflag(message, ns_f_qr), ==, 1);
	g_assert_cmpint(ns_msg_getflag(message, ns_f_ra), ==, 1);
	g_string_append(text, rcodes[ns_msg_getflag(message, ns_f_rcode)]);
	for (int i = 0; i < ns_msg_count(message, ns_s_an); i++) {
		char data[NS_MAXDNAME];

		g_assert_cmpint(ns_parserr(&message, ns_s_an, i, &record), ==, 0);
		if (ns_rr_type(record) == ns_t_a || ns_rr_type(record) == ns_t_aaaa)
			inet_ntop(ns_rr_type(record) == ns_t_a ? AF_INET : AF_INET6, ns_rr_rdata(record), data,
				  sizeof data);
		else
			g_assert_cmpint(ns_name_uncompress(ns_msg_base(message), ns_msg_end(message),
							   ns_rr_rdata(record), data, sizeof data),
					>, 0);
		g_string_append_printf(text, " %s/%s/%u/%s", ns_rr_name(record),
				       ns_rr_type(record) == ns_t_a       ? "A"
				       : ns_rr_type(record) == ns_t_aaaa  ? "AAAA"
				       : ns_rr_type(record) == ns_t_cname ? "CNAME"
				       : ns_rr_type(record) == ns_t_ptr   ? "PTR"
									  : "other",
				       (unsigned)ns_rr_ttl(record), data);
	}
	g_assert_cmpint(ns_msg_count(message, ns_s_ns), ==, 0);
	if (ns_msg_getflag(message, ns_f_tc))
		g_string_append(text, " TC");
	if (ns_msg_count(message, ns_s_ar)) {
		g_assert_cmpint(ns_parserr(&message, ns_s_ar, 0, &record), ==, 0);
		g_assert_cmpint(ns_rr_type(record), ==, ns_t_opt);
		g_string_append(text, " OPT");
	}
	return g_string_free(text, FALSE);
}

char *ask_size(struct stage *stage, const char *name, unsigned type, unsigned udp_size)
{
	g_autoptr(GByteArray) query = query_of(name, type, udp_size);
	int client = client_new(stage, SOCK_DGRAM, NULL);
	guint8 bytes[4096];
	ssize_t n;

	g_assert_cmpint(send(client, query->data, query->len, 0), ==, query->len);
	stage_run(stage, client, 0);
	n = recv(client, bytes, sizeof bytes, 0);
	close(client);
	g_assert_cmpint(n, >=, 12);
	g_assert_cmpint(n, <=, udp_size ? NG_DNS_UDP_MAX : 512);
	return reply_text(bytes, (gsize)n);
}

bool allows(struct stage *stage, const char *address)
{
	struct ng_flow flow = {
		.addr = { [10] = 0xff, [11] = 0xff }, .port = 443, .proto = 6, .call = NG_CALL_CONNECT
	};

	inet_pton(AF_INET, address, flow.addr + 12);
	return ng_names_allow(stage->names, &flow, NULL);
}

void server_one(struct stage *stage, const guint8 *query, gsize length, bool is_tcp)
{
	g_autoptr(GByteArray) answer = answer_to(query, length, 0);

	if (query[length - 3] == 1)
		answer_put(answer, 0, NULL, 1, 60, "203.0.113.5");
	else
		answer_put(answer, 0, NULL, 28, 60, "2001:db8::5");
	server_send(stage, answer, is_tcp);
}

GByteArray *stream_query(const char *name, unsigned type)
{
	g_autoptr(GByteArray) query = query_of(name, type, 0);
	GByteArray *bytes = g_byte_array_new();

	put_u16(bytes, query->len);
	g_byte_array_append(bytes, query->data, query->len);
	return bytes;
}

char *stream_reply(struct stage *stage, int client)
{
	guint8 bytes[4096];
	guint8 head[2];

	stage_run(stage, client, 0);
	g_assert_cmpint(recv(client, head, 2, MSG_WAITALL), ==, 2);
	g_assert_cmpint(recv(client, bytes, (gsize)head[0] << 8 | head[1], MSG_WAITALL), ==, head[0] << 8 | head[1]);
	return reply_text(bytes, (gsize)head[0] << 8 | head[1]);
}
