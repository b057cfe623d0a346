/* SPDX-License-Identifier: MIT */
/*
 * The stub as its clients see it: what is answered, what is refused and recorded, and in which form. On test-stage.h.
 */
#include <arpa/inet.h>
#include <sched.h>
#include <string.h>

#include "run/test-stage.h"

#define HTTPS 65

/* --- servers --- */

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
