/* SPDX-License-Identifier: MIT */
/*
 * The stub as name servers see it: which answers are believed, and what happens where one is cut, forged, late or none.
 * On test-stage.h.
 */
#include <arpa/inet.h>
#include <string.h>

#include "run/test-stage.h"

/* --- servers --- */

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

/* --- tests --- */

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

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/run/ask/only what the chain of CNAMEs leads to is believed", test_chain);
	g_test_add_func("/run/ask/a circle of CNAMEs ends", test_circle);
	g_test_add_func("/run/ask/a forged answer is not believed", test_forged);
	g_test_add_func("/run/ask/a server that loses the case is asked in another way", test_case);
	g_test_add_func("/run/ask/an answer that was cut is fetched over TCP", test_cut);
	g_test_add_func("/run/ask/the next server is asked when one does not answer", test_next_server);
	g_test_add_func("/run/ask/silent servers end in SERVFAIL", test_silent);
	g_test_add_func("/run/ask/only NXDOMAIN is passed on of the servers' errors", test_rcodes);
	return g_test_run();
}
