/* SPDX-License-Identifier: MIT */
/*
 * The stub between a client and a name server that the test plays itself, all on this machine's loopback, in one
 * thread. Replies are read with the C library's ns_parserr(), which shares nothing with ours. Nothing sleeps: the
 * stub's clock is set by hand, and a wait that nothing ends fails after WAIT_MS.
 */
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "run/ask.h"
#include "run/record.h"
#include "run/stub-private.h"
#include "run/supervise.h"

#define WAIT_MS 5000
#define HTTPS 65

/* --- the record, as far as the stub sees it --- */

static GPtrArray *recorded; /* "name family address verdict" */

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

static void put_u16(GByteArray *bytes, unsigned value)
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

static GByteArray *query_of(const char *name, unsigned type, unsigned udp_size)
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

/* An answer to `query` (its question is copied) with no records yet. */
static GByteArray *answer_to(const guint8 *query, gsize length, unsigned rcode)
{
	GByteArray *bytes = g_byte_array_new();

	g_byte_array_append(bytes, query, (guint)length);
	bytes->data[2] = 0x81;
	bytes->data[3] = (guint8)(0x80 | rcode);
	return bytes;
}

/* `section`: 0 answer, 2 additional. `owner` NULL: the asked name. */
static void answer_put(GByteArray *bytes, int section, const char *owner, unsigned type, unsigned ttl_s,
		       const char *data)
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

struct stage;
typedef void (*server_fn)(struct stage *stage, const guint8 *query, gsize length, bool is_tcp);

struct stage {
	struct ng_run_policy policy;
	struct ng_names *names;
	struct ng_stub *stub;
	char *dir;
	int epoll;
	struct sockaddr_in stub_addr;
	int server_udp, server_tcp, server_stream;
	struct sockaddr_in asker; /* whom the server answers over UDP */
	uint16_t port;
	server_fn server;
	unsigned n_udp, n_tcp; /* queries that the server saw */
	char asked[NG_NAME_MAX];
	int step;
};

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

static void rule_add(struct stage *stage, const char *name)
{
	struct ng_name_rule *rule = &stage->policy.names[stage->policy.n_names++];

	rule->is_wildcard = g_str_has_prefix(name, "*.");
	g_strlcpy(rule->name, rule->is_wildcard ? name + 2 : name, sizeof rule->name);
}

static struct stage *stage_new(uint8_t profile, server_fn server)
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

static void stage_start(struct stage *stage, const char *resolv, const char *hosts)
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

static void stage_free(struct stage *stage)
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

static void server_send(struct stage *stage, const GByteArray *bytes, bool is_tcp)
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

/* Until `client` is readable, or if it is -1 until the server saw `n_udp` queries. */
static void stage_run(struct stage *stage, int client, unsigned n_udp)
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

static int client_new(struct stage *stage, int type, const char *address)
{
	struct sockaddr_in addr = stage->stub_addr;
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (address)
		inet_pton(AF_INET, address, &addr.sin_addr);
	g_assert_cmpint(connect(fd, (struct sockaddr *)&addr, sizeof addr), ==, 0);
	return fd;
}

/* "NOERROR api.example.com/A/60/203.0.113.5 ...", flags " TC" and " OPT" at the end. */
static char *reply_text(const guint8 *bytes, gsize length)
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

static char *ask_size(struct stage *stage, const char *name, unsigned type, unsigned udp_size)
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

#define assert_asked(stage, name, type, expected)                                                                      \
	do {                                                                                                           \
		g_autofree char *text_ = ask_size(stage, name, type, 0);                                               \
		g_assert_cmpstr(text_, ==, expected);                                                                  \
	} while (0)

static bool allows(struct stage *stage, const char *address)
{
	struct ng_flow flow = {
		.addr = { [10] = 0xff, [11] = 0xff }, .port = 443, .proto = 6, .call = NG_CALL_CONNECT
	};

	inet_pton(AF_INET, address, flow.addr + 12);
	return ng_names_allow(stage->names, &flow, NULL);
}

/* --- servers --- */

static void server_one(struct stage *stage, const guint8 *query, gsize length, bool is_tcp)
{
	g_autoptr(GByteArray) answer = answer_to(query, length, 0);

	if (query[length - 3] == 1)
		answer_put(answer, 0, NULL, 1, 60, "203.0.113.5");
	else
		answer_put(answer, 0, NULL, 28, 60, "2001:db8::5");
	server_send(stage, answer, is_tcp);
}

static void server_inside(struct stage *stage, const guint8 *query, gsize length, bool is_tcp)
{
	g_autoptr(GByteArray) answer = answer_to(query, length, 0);

	answer_put(answer, 0, NULL, 1, 60, "127.0.0.1");
	if (stage->step == 1)
		answer_put(answer, 0, NULL, 1, 60, "203.0.113.5");
	answer_put(answer, 0, NULL, 1, 60, "169.254.169.254");
	answer_put(answer, 0, NULL, 1, 60, "192.168.77.1");
	server_send(stage, answer, is_tcp);
}

static void server_chain(struct stage *stage, const guint8 *query, gsize length, bool is_tcp)
{
	g_autoptr(GByteArray) answer = answer_to(query, length, 0);

	answer_put(answer, 0, "edge.example.net", 1, 50, "203.0.113.7");
	answer_put(answer, 0, "evil.example.net", 1, 60, "203.0.113.66");
	answer_put(answer, 0, "a.example.net", 5, 40, "EDGE.example.net");
	answer_put(answer, 0, NULL, 5, 600, "a.example.net");
	answer_put(answer, 0, NULL, 28, 600, "2001:db8::66");
	answer_put(answer, 2, "edge.example.net", 1, 600, "203.0.113.67");
	server_send(stage, answer, is_tcp);
}

static void server_circle(struct stage *stage, const guint8 *query, gsize length, bool is_tcp)
{
	g_autoptr(GByteArray) answer = answer_to(query, length, 0);

	answer_put(answer, 0, NULL, 5, 600, "b.example.org");
	answer_put(answer, 0, "b.example.org", 5, 600, "api.example.com");
	server_send(stage, answer, is_tcp);
}

static void server_forged(struct stage *stage, const guint8 *query, gsize length, bool is_tcp)
{
	g_autoptr(GByteArray) answer = answer_to(query, length, 0);

	answer_put(answer, 0, NULL, 1, 60, "203.0.113.66");
	answer->data[0] ^= 1; /* another id */
	server_send(stage, answer, is_tcp);
	answer->data[0] ^= 1;
	answer->data[14] = 'x'; /* another name */
	server_send(stage, answer, is_tcp);
	answer->data[14] = query[14];
	answer->data[length - 3] = 28; /* another type */
	server_send(stage, answer, is_tcp);
	answer->data[length - 3] = 1;
	answer->data[2] &= 0x7f; /* a query */
	server_send(stage, answer, is_tcp);
	g_byte_array_set_size(answer, 7);
	server_send(stage, answer, is_tcp);
	server_one(stage, query, length, is_tcp);
}

static void server_guessed(struct stage *stage, const guint8 *query, gsize length, bool is_tcp)
{
	g_autoptr(GByteArray) answer = answer_to(query, length, 0);

	if (is_tcp) {
		server_one(stage, query, length, is_tcp);
		return;
	}
	answer_put(answer, 0, NULL, 1, 60, "203.0.113.66");
	for (unsigned i = 0; i < NG_ASK_STRAY_MAX; i++) {
		answer->data[0]++;
		server_send(stage, answer, is_tcp);
	}
}

static void server_lower(struct stage *stage, const guint8 *query, gsize length, bool is_tcp)
{
	g_autofree guint8 *lower = g_memdup2(query, length);

	for (gsize i = 12; i < length - 4; i++)
		lower[i] = (guint8)g_ascii_tolower((char)lower[i]);
	server_one(stage, lower, length, is_tcp);
}

static void server_cut(struct stage *stage, const guint8 *query, gsize length, bool is_tcp)
{
	g_autoptr(GByteArray) answer = answer_to(query, length, 0);

	if (!is_tcp)
		answer->data[2] |= 0x02;
	answer_put(answer, 0, NULL, 1, 60, is_tcp ? "203.0.113.5" : "203.0.113.66");
	server_send(stage, answer, is_tcp);
}

static void server_rcode(struct stage *stage, const guint8 *query, gsize length, bool is_tcp)
{
	g_autoptr(GByteArray) answer = answer_to(query, length, (unsigned)stage->step);

	server_send(stage, answer, is_tcp);
}

static void server_many(struct stage *stage, const guint8 *query, gsize length, bool is_tcp)
{
	g_autoptr(GByteArray) answer = answer_to(query, length, 0);

	for (unsigned i = 0; i < 30; i++) {
		g_autofree char *address = g_strdup_printf("2001:db8::%x", i + 1);

		answer_put(answer, 0, NULL, 28, 60, address);
	}
	server_send(stage, answer, is_tcp);
}

/* --- tests --- */

static void test_allowed(void)
{
	struct stage *stage = stage_new(NG_PROFILE_OFFLINE, server_one);

	stage_start(stage, NULL, NULL);
	g_assert_false(allows(stage, "203.0.113.5"));
	assert_asked(stage, "api.example.com", 1, "NOERROR api.example.com/A/60/203.0.113.5");
	g_assert_cmpint(g_ascii_strcasecmp(stage->asked, "api.example.com"), ==, 0);
	g_assert_true(allows(stage, "203.0.113.5"));
	assert_asked(stage, "API.example.com", 28, "NOERROR API.example.com/AAAA/60/2001:db8::5");
	assert_asked(stage, "x.y.example.org", 1, "NOERROR x.y.example.org/A/60/203.0.113.5");
	g_assert_cmpuint(stage->n_udp, ==, 3);
	g_assert_cmpuint(recorded->len, ==, 0);
	g_assert_cmpint(ng_stub_timeout_ms(stage->stub), ==, -1);
	stage_free(stage);
}

static void test_refused(void)
{
	struct stage *stage = stage_new(NG_PROFILE_OFFLINE, server_one);

	stage_start(stage, NULL, NULL);
	assert_asked(stage, "Secret.example.com", 1, "REFUSED");
	assert_asked(stage, "api.example.com.corp.example", 28, "REFUSED");
	assert_asked(stage, "example.net", 16, "REFUSED");
	assert_asked(stage, "printer.local", 1, "REFUSED");
	assert_asked(stage, "", 1, "REFUSED");
	assert_asked(stage, "5.113.0.203.in-addr.arpa", 12, "REFUSED");
	assert_asked(stage, "a b.example.org", 1, "REFUSED");
	g_assert_cmpuint(stage->n_udp + stage->n_tcp, ==, 0);
	g_assert_cmpuint(recorded->len, ==, 7);
	g_assert_cmpstr(recorded->pdata[0], ==, "secret.example.com 2 :: deny");
	g_assert_cmpstr(recorded->pdata[1], ==, "api.example.com.corp.example 10 :: deny");
	stage_free(stage);
}

static void test_types(void)
{
	static const unsigned types[] = { 2, 5, 6, 15, 16, 33, HTTPS, 255 };
	struct stage *stage = stage_new(NG_PROFILE_OFFLINE, server_one);

	stage_start(stage, NULL, NULL);
	for (unsigned i = 0; i < G_N_ELEMENTS(types); i++)
		assert_asked(stage, "api.example.com", types[i], "NOERROR");
	g_assert_cmpuint(stage->n_udp, ==, 0);
	stage_free(stage);
}

static void test_localhost(void)
{
	struct stage *stage = stage_new(NG_PROFILE_OFFLINE, server_one);

	stage_start(stage, NULL, NULL);
	assert_asked(stage, "localhost", 1, "NOERROR localhost/A/60/127.0.0.1");
	assert_asked(stage, "x.LOCALHOST", 28, "NOERROR x.LOCALHOST/AAAA/60/::1");
	assert_asked(stage, "localhost", 16, "NOERROR");
	assert_asked(stage, "1.0.0.127.in-addr.arpa", 12, "NOERROR 1.0.0.127.in-addr.arpa/PTR/30/localhost");
	g_assert_cmpuint(stage->n_udp, ==, 0);
	stage_free(stage);
}

static void test_inside(void)
{
	struct stage *stage = stage_new(NG_PROFILE_OFFLINE, server_inside);

	stage_start(stage, NULL, NULL);
	assert_asked(stage, "api.example.com", 1, "NOERROR");
	g_assert_cmpuint(recorded->len, ==, 3);
	g_assert_cmpstr(recorded->pdata[0], ==, "api.example.com 2 ::ffff:127.0.0.1 deny");
	g_assert_false(allows(stage, "127.0.0.1") || allows(stage, "192.168.77.1"));
	stage->step = 1;
	assert_asked(stage, "api.example.com", 1, "NOERROR api.example.com/A/60/203.0.113.5");
	g_assert_cmpuint(recorded->len, ==, 6);
	g_assert_cmpstr(recorded->pdata[5], ==, "api.example.com 2 ::ffff:192.168.77.1 deny");
	stage_free(stage);
}

static void test_chain(void)
{
	struct stage *stage = stage_new(NG_PROFILE_OFFLINE, server_chain);

	stage_start(stage, NULL, NULL);
	assert_asked(stage, "api.example.com", 1,
		     "NOERROR api.example.com/CNAME/40/a.example.net a.example.net/CNAME/40/edge.example.net"
		     " edge.example.net/A/40/203.0.113.7");
	g_assert_true(allows(stage, "203.0.113.7"));
	g_assert_false(allows(stage, "203.0.113.66") || allows(stage, "203.0.113.67"));
	stage_free(stage);
}

static void test_circle(void)
{
	struct stage *stage = stage_new(NG_PROFILE_OFFLINE, server_circle);

	stage_start(stage, NULL, NULL);
	assert_asked(stage, "api.example.com", 1, "SERVFAIL");
	g_assert_cmpuint(stage->n_udp, ==, NG_ASK_TRIES);
	stage_free(stage);
}

static void test_forged(void)
{
	struct stage *stage = stage_new(NG_PROFILE_OFFLINE, server_forged);

	stage_start(stage, NULL, NULL);
	assert_asked(stage, "api.example.com", 1, "NOERROR api.example.com/A/60/203.0.113.5");
	g_assert_false(allows(stage, "203.0.113.66"));
	g_assert_cmpuint(stage->n_udp, ==, 1);
	stage->server = server_guessed;
	assert_asked(stage, "api.example.com", 1, "NOERROR api.example.com/A/60/203.0.113.5");
	g_assert_false(allows(stage, "203.0.113.66"));
	g_assert_cmpuint(stage->n_tcp, ==, 1);
	stage_free(stage);
}

static void test_case(void)
{
	struct stage *stage = stage_new(NG_PROFILE_OFFLINE, server_lower);
	unsigned n_mixed = 0;

	stage_start(stage, NULL, NULL);
	for (unsigned i = 0; i < 20; i++) {
		assert_asked(stage, "a-name-with-many-letters.example.org", 1,
			     "NOERROR a-name-with-many-letters.example.org/A/60/203.0.113.5");
		n_mixed += strcmp(stage->asked, "a-name-with-many-letters.example.org") != 0;
	}
	g_assert_cmpuint(n_mixed, ==, 20);
	g_assert_cmpuint(stage->n_tcp, ==, 20);
	close(stage->server_tcp);
	stage->server_tcp = -1;
	assert_asked(stage, "a-name-with-many-letters.example.org", 1,
		     "NOERROR a-name-with-many-letters.example.org/A/60/203.0.113.5");
	g_assert_cmpstr(stage->asked, ==, "a-name-with-many-letters.example.org");
	stage_free(stage);
}

static void test_cut(void)
{
	struct stage *stage = stage_new(NG_PROFILE_OFFLINE, server_cut);

	stage_start(stage, NULL, NULL);
	assert_asked(stage, "api.example.com", 1, "NOERROR api.example.com/A/60/203.0.113.5");
	g_assert_cmpuint(stage->n_tcp, ==, 1);
	g_assert_false(allows(stage, "203.0.113.66"));
	stage_free(stage);
}

static void test_next_server(void)
{
	struct stage *stage = stage_new(NG_PROFILE_OFFLINE, server_one);

	/* Nobody listens on 127.0.0.2; 127.0.0.1 is the third. */
	stage_start(stage, "nameserver 127.0.0.2\nnameserver 127.0.0.3\nnameserver 127.0.0.1\n", NULL);
	assert_asked(stage, "api.example.com", 1, "NOERROR api.example.com/A/60/203.0.113.5");
	stage_free(stage);
}

static void test_silent(void)
{
	struct stage *stage = stage_new(NG_PROFILE_OFFLINE, NULL);
	g_autoptr(GByteArray) query = query_of("api.example.com", 1, 0);
	g_autofree char *text = NULL;
	guint8 bytes[512];
	int client;
	ssize_t n;

	stage_start(stage, NULL, NULL);
	client = client_new(stage, SOCK_DGRAM, NULL);
	g_assert_cmpint(send(client, query->data, query->len, 0), ==, query->len);
	for (unsigned try = 1; try <= NG_ASK_TRIES; try++) {
		stage_run(stage, -1, try);
		g_assert_cmpint(ng_stub_timeout_ms(stage->stub), <=, NG_ASK_TRY_MS);
		g_assert_cmpint(recv(client, bytes, sizeof bytes, MSG_DONTWAIT), ==, -1);
		ng_stub_advance_ms(stage->stub, NG_ASK_TRY_MS);
		g_assert_cmpint(ng_stub_timeout_ms(stage->stub), ==, 0);
		ng_stub_work(stage->stub);
	}
	n = recv(client, bytes, sizeof bytes, MSG_DONTWAIT);
	g_assert_cmpint(n, >, 0);
	text = reply_text(bytes, (gsize)n);
	g_assert_cmpstr(text, ==, "SERVFAIL");
	close(client);
	stage_free(stage);
}

static void test_rcodes(void)
{
	struct stage *stage = stage_new(NG_PROFILE_OFFLINE, server_rcode);

	stage_start(stage, NULL, NULL);
	stage->step = 3;
	assert_asked(stage, "api.example.com", 1, "NXDOMAIN");
	g_assert_cmpuint(stage->n_udp, ==, 1);
	for (stage->step = 1; stage->step < 16; stage->step++)
		if (stage->step != 3)
			assert_asked(stage, "api.example.com", 1, "SERVFAIL");
	stage_free(stage);
}

static GByteArray *stream_query(const char *name, unsigned type)
{
	g_autoptr(GByteArray) query = query_of(name, type, 0);
	GByteArray *bytes = g_byte_array_new();

	put_u16(bytes, query->len);
	g_byte_array_append(bytes, query->data, query->len);
	return bytes;
}

static char *stream_reply(struct stage *stage, int client)
{
	guint8 bytes[4096];
	guint8 head[2];

	stage_run(stage, client, 0);
	g_assert_cmpint(recv(client, head, 2, MSG_WAITALL), ==, 2);
	g_assert_cmpint(recv(client, bytes, (gsize)head[0] << 8 | head[1], MSG_WAITALL), ==, head[0] << 8 | head[1]);
	return reply_text(bytes, (gsize)head[0] << 8 | head[1]);
}

static void test_sizes(void)
{
	struct stage *stage = stage_new(NG_PROFILE_OFFLINE, server_many);
	g_autoptr(GByteArray) query = stream_query("api.example.com", 28);
	g_autofree char *small = NULL, *large = NULL, *stream = NULL;
	int client;

	stage_start(stage, NULL, NULL);
	small = ask_size(stage, "api.example.com", 28, 0);
	g_assert_cmpstr(small, ==, "NOERROR TC");
	large = ask_size(stage, "api.example.com", 28, 4096);
	g_assert_true(g_str_has_suffix(large, "/60/2001:db8::1e OPT"));
	client = client_new(stage, SOCK_STREAM, NULL);
	g_assert_cmpint(send(client, query->data, query->len, 0), ==, query->len);
	stream = stream_reply(stage, client);
	g_assert_true(g_str_has_suffix(stream, "/60/2001:db8::1e"));
	close(client);
	stage_free(stage);
}

static void test_streams(void)
{
	struct stage *stage = stage_new(NG_PROFILE_OFFLINE, server_one);
	g_autoptr(GByteArray) bytes = stream_query("example.net", 1), second = stream_query("api.example.com", 1);
	g_autofree char *refused = NULL, *answered = NULL;
	guint8 rest[16];
	int client;

	stage_start(stage, NULL, NULL);
	client = client_new(stage, SOCK_STREAM, NULL);
	g_byte_array_append(bytes, second->data, second->len);
	g_assert_cmpint(send(client, bytes->data, 1, 0), ==, 1);
	g_assert_cmpint(send(client, bytes->data + 1, bytes->len - 1, 0), ==, bytes->len - 1);
	g_assert_cmpint(shutdown(client, SHUT_WR), ==, 0);
	refused = stream_reply(stage, client);
	g_assert_cmpstr(refused, ==, "REFUSED");
	answered = stream_reply(stage, client);
	g_assert_cmpstr(answered, ==, "NOERROR api.example.com/A/60/203.0.113.5");
	stage_run(stage, client, 0);
	g_assert_cmpint(recv(client, rest, sizeof rest, 0), ==, 0);
	close(client);
	client = client_new(stage, SOCK_STREAM, NULL);
	g_assert_cmpint(send(client, "\xff\xff", 2, 0), ==, 2); /* too long */
	stage_run(stage, client, 0);
	g_assert_cmpint(recv(client, rest, sizeof rest, 0), ==, 0);
	close(client);
	client = client_new(stage, SOCK_STREAM, NULL);
	g_assert_cmpint(send(client, second->data, second->len, 0), ==, second->len);
	stage_run(stage, -1, stage->n_udp + 1);
	ng_stub_advance_ms(stage->stub, 60000); /* silent for long */
	ng_stub_work(stage->stub);
	close(client);
	stage_free(stage);
}

static void test_many_streams(void)
{
	struct stage *stage = stage_new(NG_PROFILE_OFFLINE, server_one);
	g_autoptr(GByteArray) query = stream_query("example.net", 1);
	int clients[30];

	stage_start(stage, NULL, NULL);
	for (unsigned i = 0; i < G_N_ELEMENTS(clients); i++)
		clients[i] = client_new(stage, SOCK_STREAM, NULL);
	for (unsigned i = 0; i < 4; i++)
		ng_stub_work(stage->stub);
	for (unsigned i = G_N_ELEMENTS(clients) - 4; i < G_N_ELEMENTS(clients); i++) {
		g_autofree char *text = NULL;

		g_assert_cmpint(send(clients[i], query->data, query->len, 0), ==, query->len);
		text = stream_reply(stage, clients[i]);
		g_assert_cmpstr(text, ==, "REFUSED");
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(clients); i++)
		close(clients[i]);
	stage_free(stage);
}

static void test_many_queries(void)
{
	struct stage *stage = stage_new(NG_PROFILE_OFFLINE, NULL);
	g_autoptr(GByteArray) query = query_of("api.example.com", 1, 0);
	int client;

	stage_start(stage, NULL, NULL);
	client = client_new(stage, SOCK_DGRAM, NULL);
	for (unsigned i = 0; i < NG_STUB_QUERIES; i++)
		g_assert_cmpint(send(client, query->data, query->len, 0), ==, query->len);
	stage_run(stage, -1, NG_STUB_QUERIES);
	assert_asked(stage, "api.example.com", 1, "SERVFAIL");
	stage->server = server_one;
	ng_stub_advance_ms(stage->stub, NG_ASK_TRY_MS);
	ng_stub_work(stage->stub);
	stage_run(stage, -1, 2 * NG_STUB_QUERIES);
	while (ng_stub_timeout_ms(stage->stub) >= 0)
		ng_stub_work(stage->stub);
	assert_asked(stage, "api.example.com", 1, "NOERROR api.example.com/A/60/203.0.113.5");
	close(client);
	stage_free(stage);
}

static void test_reverse(void)
{
	struct stage *stage = stage_new(NG_PROFILE_OFFLINE, server_one);

	stage_start(stage, NULL, NULL);
	assert_asked(stage, "5.113.0.203.in-addr.arpa", 12, "REFUSED");
	assert_asked(stage, "api.example.com", 1, "NOERROR api.example.com/A/60/203.0.113.5");
	assert_asked(stage, "5.113.0.203.in-addr.arpa", 12, "NOERROR 5.113.0.203.in-addr.arpa/PTR/30/api.example.com");
	g_assert_cmpuint(stage->n_udp, ==, 1);
	stage_free(stage);
}

static void test_hosts(void)
{
	struct stage *stage = stage_new(NG_PROFILE_OFFLINE, server_one);

	stage_start(stage, NULL,
		    "203.0.113.9 api.example.com\n192.168.77.9 Git.example.org\n203.0.113.9 other.example.com\n");
	assert_asked(stage, "api.example.com", 1, "NOERROR api.example.com/A/60/203.0.113.9");
	assert_asked(stage, "api.example.com", 28, "NOERROR");
	assert_asked(stage, "git.example.org", 1, "NOERROR git.example.org/A/60/192.168.77.9");
	assert_asked(stage, "other.example.com", 1, "REFUSED");
	g_assert_cmpuint(stage->n_udp, ==, 0);
	stage_free(stage);
}

static void test_local(void)
{
	struct stage *stage = stage_new(NG_PROFILE_LOCAL, server_one);

	stage_start(stage, "nameserver 203.0.113.53\n", NULL);
	assert_asked(stage, "nas.local", 1, "NXDOMAIN");
	assert_asked(stage, "printer", 1, "NXDOMAIN");
	assert_asked(stage, "1.77.168.192.in-addr.arpa", 12, "NXDOMAIN");
	assert_asked(stage, "example.com", 1, "REFUSED");
	stage_free(stage);
	stage = stage_new(NG_PROFILE_LOCAL, server_one);
	stage_start(stage, "nameserver 203.0.113.53\nnameserver 127.0.0.1\n", NULL);
	assert_asked(stage, "nas.local", 1, "NOERROR nas.local/A/60/203.0.113.5");
	g_assert_false(allows(stage, "203.0.113.5"));
	stage_free(stage);
}

static void test_dry_run(void)
{
	struct stage *stage = stage_new(NG_PROFILE_OFFLINE, server_inside);

	stage->policy.is_dry_run = true;
	stage->step = 1;
	stage_start(stage, NULL, NULL);
	assert_asked(stage, "example.net", 1,
		     "NOERROR example.net/A/60/127.0.0.1 example.net/A/60/203.0.113.5 example.net/A/60/169.254.169.254"
		     " example.net/A/60/192.168.77.1");
	g_assert_cmpuint(recorded->len, ==, 4);
	g_assert_cmpstr(recorded->pdata[0], ==, "example.net 2 :: would-deny");
	g_assert_cmpstr(recorded->pdata[1], ==, "example.net 2 ::ffff:127.0.0.1 would-deny");
	g_assert_false(allows(stage, "203.0.113.5"));
	stage_free(stage);
}

static void test_full(void)
{
	struct stage *stage = stage_new(NG_PROFILE_OFFLINE, server_one);
	uint8_t addr[16] = { [10] = 0xff, [11] = 0xff, [12] = 198 };

	stage_start(stage, NULL, NULL);
	for (unsigned i = 0; i < NG_NAMES_ADMITTED; i++) {
		addr[13] = (uint8_t)(60 + i / 256);
		addr[14] = (uint8_t)i;
		g_assert_true(ng_names_admit(stage->names, "api.example.com", addr, 60));
	}
	assert_asked(stage, "api.example.com", 1, "SERVFAIL");
	stage_free(stage);
}

static void test_source(void)
{
	struct stage *stage = stage_new(NG_PROFILE_OFFLINE, server_one);
	g_autoptr(GByteArray) query = query_of("api.example.com", 1, 0);
	guint8 bytes[512];
	int client;

	stage_start(stage, NULL, NULL);
	client = client_new(stage, SOCK_DGRAM, "127.0.0.53"); /* a connected socket takes replies from there only */
	g_assert_cmpint(send(client, query->data, query->len, 0), ==, query->len);
	stage_run(stage, client, 0);
	g_assert_cmpint(recv(client, bytes, sizeof bytes, MSG_DONTWAIT), >, 12);
	close(client);
	stage_free(stage);
}

/* As inside rung A: an empty network in which every address is this machine's. NULL, or why it cannot be had. */
static const char *network_of_own(void)
{
	static const char *const lines[] = { "link set lo up", "route add local 0.0.0.0/0 dev lo",
					     "-6 route add local ::/0 dev lo" };
	g_autofree char *map = g_strdup_printf("0 %u 1", geteuid());
	g_autofree char *path = g_find_program_in_path("ip");

	if (!path)
		return "ip(8) is not installed";
	if (unshare(CLONE_NEWNET) < 0 &&
	    (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 ||
	     !g_file_set_contents_full("/proc/self/uid_map", map, -1, G_FILE_SET_CONTENTS_NONE, 0600, NULL)))
		return "this user may not make a network namespace";
	for (unsigned i = 0; i < G_N_ELEMENTS(lines); i++) {
		g_autofree char *line = g_strdup_printf("ip %s", lines[i]);
		g_auto(GStrv) words = g_strsplit(line, " ", -1);
		int status = 1;

		g_assert_true(
			g_spawn_sync(NULL, words, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status, NULL));
		g_assert_cmpint(status, ==, 0);
	}
	return NULL;
}

static void inside_ask(struct stage *stage, int type, const char *address)
{
	g_autoptr(GByteArray) query =
		type == SOCK_STREAM ? stream_query("api.example.com", 1) : query_of("api.example.com", 1, 0);
	struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6, .sin6_port = htons(53) };
	struct sockaddr_in ipv4 = { .sin_family = AF_INET, .sin_port = htons(53) };
	const bool is_ipv4 = inet_pton(AF_INET, address, &ipv4.sin_addr) == 1;
	const int client = socket(is_ipv4 ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0);
	g_autofree char *text = NULL;
	guint8 bytes[512];

	inet_pton(AF_INET6, address, &ipv6.sin6_addr);
	g_assert_cmpint(connect(client, is_ipv4 ? (struct sockaddr *)&ipv4 : (struct sockaddr *)&ipv6,
				is_ipv4 ? sizeof ipv4 : sizeof ipv6),
			==, 0);
	g_assert_cmpint(send(client, query->data, query->len, 0), ==, query->len);
	if (type == SOCK_STREAM) {
		text = stream_reply(stage, client);
	} else {
		stage_run(stage, client, 0);
		text = reply_text(bytes, (gsize)recv(client, bytes, sizeof bytes, 0));
	}
	g_assert_cmpstr(text, ==, "NOERROR api.example.com/A/60/203.0.113.5");
	close(client);
}

static void test_inside_sockets(void)
{
	const struct sockaddr_in6 everywhere = { .sin6_family = AF_INET6, .sin6_port = htons(53) };
	const char *why_not = network_of_own();
	struct stage *stage;
	int fds[2];

	if (why_not) {
		g_test_skip(why_not);
		return;
	}
	stage = stage_new(NG_PROFILE_OFFLINE, server_one);
	stage_start(stage, NULL, NULL);
	ng_stub_free(stage->stub);
	for (unsigned i = 0; i < 2; i++) {
		fds[i] = socket(AF_INET6, (i ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		g_assert_cmpint(bind(fds[i], (const struct sockaddr *)&everywhere, sizeof everywhere), ==, 0);
	}
	g_assert_cmpint(listen(fds[1], 8), ==, 0);
	g_assert_cmpint(ng_stub_new(stage->names, NULL, stage->epoll, fds[0], fds[1], &stage->stub), ==, 0);
	inside_ask(stage, SOCK_DGRAM, "10.255.255.53");
	inside_ask(stage, SOCK_DGRAM, "2001:db8::53");
	inside_ask(stage, SOCK_STREAM, "10.255.255.53");
	inside_ask(stage, SOCK_STREAM, "2001:db8::53");
	stage_free(stage);
}

static void test_garbage(void)
{
	static const struct {
		const char *bytes;
		gsize length;
		const char *expected;
	} cases[] = {
		{ "\x12\x34\x01\x00\x00\x02\x00\x00\x00\x00\x00\x00", 12, "FORMERR" },
		{ "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03"
		  "abc",
		  16, "FORMERR" },
		{ "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x0c\x00\x01\x00\x01", 18, "FORMERR" },
		{ "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x00\x00\x01\x00\x01", 18, "FORMERR" },
		{ "\x12\x34\x21\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12, "NOTIMP" },
		{ "\x12\x34\x81\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12, NULL },
		{ "\x12\x34", 2, NULL },
		{ "", 0, NULL },
	};
	struct stage *stage = stage_new(NG_PROFILE_OFFLINE, server_one);

	stage_start(stage, NULL, NULL);
	for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
		int client = client_new(stage, SOCK_DGRAM, NULL);
		guint8 bytes[512];
		ssize_t n;

		g_assert_cmpint(send(client, cases[i].bytes, cases[i].length, 0), ==, cases[i].length);
		ng_stub_work(stage->stub);
		n = recv(client, bytes, sizeof bytes, MSG_DONTWAIT);
		if (cases[i].expected) {
			g_autofree char *text = NULL;

			g_assert_cmpint(n, >, 0);
			text = reply_text(bytes, (gsize)n);
			g_assert_cmpstr(text, ==, cases[i].expected);
		} else {
			g_assert_cmpint(n, ==, -1);
		}
		close(client);
	}
	g_assert_cmpuint(stage->n_udp, ==, 0);
	stage_free(stage);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/run/stub/an allowed name is answered and its address admitted", test_allowed);
	g_test_add_func("/run/stub/nothing of another name leaves, and it is recorded", test_refused);
	g_test_add_func("/run/stub/other types of an allowed name have no data and do not leave", test_types);
	g_test_add_func("/run/stub/localhost is answered without asking", test_localhost);
	g_test_add_func("/run/stub/an answer that means this machine or its network is taken out and recorded",
			test_inside);
	g_test_add_func("/run/stub/only what the chain of CNAMEs leads to is believed", test_chain);
	g_test_add_func("/run/stub/a circle of CNAMEs ends", test_circle);
	g_test_add_func("/run/stub/a forged answer is not believed", test_forged);
	g_test_add_func("/run/stub/a server that loses the case is asked in another way", test_case);
	g_test_add_func("/run/stub/an answer that was cut is fetched over TCP", test_cut);
	g_test_add_func("/run/stub/the next server is asked when one does not answer", test_next_server);
	g_test_add_func("/run/stub/silent servers end in SERVFAIL", test_silent);
	g_test_add_func("/run/stub/only NXDOMAIN is passed on of the servers' errors", test_rcodes);
	g_test_add_func("/run/stub/an answer is as long as the client takes", test_sizes);
	g_test_add_func("/run/stub/a TCP client may ask several questions and close its end", test_streams);
	g_test_add_func("/run/stub/many TCP clients do not keep the next one out", test_many_streams);
	g_test_add_func("/run/stub/more queries than there is room for get SERVFAIL", test_many_queries);
	g_test_add_func("/run/stub/a reverse name is answered from what was answered before", test_reverse);
	g_test_add_func("/run/stub/hosts comes first", test_hosts);
	g_test_add_func("/run/stub/names of the local domains leave to local servers only", test_local);
	g_test_add_func("/run/stub/a dry run asks for all and says what it would refuse", test_dry_run);
	g_test_add_func("/run/stub/what cannot be admitted is not answered", test_full);
	g_test_add_func("/run/stub/a reply comes from the address that was asked", test_source);
	g_test_add_func("/run/stub/garbage is answered with an error or not at all", test_garbage);
	g_test_add_func("/run/stub/any address inside is the stub's, over UDP and TCP and both families",
			test_inside_sockets); /* the last: this process stays in that network */
	return g_test_run();
}
