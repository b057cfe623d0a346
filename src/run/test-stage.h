/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the stub share: the stub between a client and a name server that the test plays itself, all on this
 * machine's loopback, in one thread. Replies are read with the C library's ns_parserr(), which shares nothing with
 * ours. Nothing sleeps: the stub's clock is set by hand, and a wait that nothing ends fails. Tests only.
 */
#ifndef NG_RUN_TEST_STAGE_H
#define NG_RUN_TEST_STAGE_H

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "run/stub-private.h"

/* What was recorded since stage_new(): "name family address verdict". */
extern GPtrArray *recorded;

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

void put_u16(GByteArray *bytes, unsigned value);
/* A query with id 0x1234; udp_size 0: without OPT. */
GByteArray *query_of(const char *name, unsigned type, unsigned udp_size);
/* An answer to `query` (its question is copied) with no records yet; further ones by answer_put(): `section` 0 is the
 * answer, 2 the additional one; `owner` NULL is the asked name; `data` an address or, for CNAME, a name. */
GByteArray *answer_to(const guint8 *query, gsize length, unsigned rcode);
void answer_put(GByteArray *bytes, int section, const char *owner, unsigned type, unsigned ttl_s, const char *data);

/* The rules api.example.com and *.example.org are there. Settings may be changed before stage_start(). */
void rule_add(struct stage *stage, const char *name);
struct stage *stage_new(uint8_t profile, server_fn server);
void stage_start(struct stage *stage, const char *resolv, const char *hosts);
void stage_free(struct stage *stage);
void server_send(struct stage *stage, const GByteArray *bytes, bool is_tcp);
/* Until `client` is readable, or if it is -1 until the server saw `n_udp` queries. */
void stage_run(struct stage *stage, int client, unsigned n_udp);
int client_new(struct stage *stage, int type, const char *address);
/* "NOERROR api.example.com/A/60/203.0.113.5 ...", and " TC" and " OPT" at the end. */
char *reply_text(const guint8 *bytes, gsize length);
char *ask_size(struct stage *stage, const char *name, unsigned type, unsigned udp_size);
bool allows(struct stage *stage, const char *address);
/* Answers A with 203.0.113.5 and AAAA with 2001:db8::5. */
void server_one(struct stage *stage, const guint8 *query, gsize length, bool is_tcp);
GByteArray *stream_query(const char *name, unsigned type);
char *stream_reply(struct stage *stage, int client);

#define assert_asked(stage, name, type, expected)                                                                      \
	do {                                                                                                           \
		g_autofree char *text_ = ask_size(stage, name, type, 0);                                               \
		g_assert_cmpstr(text_, ==, expected);                                                                  \
	} while (0)

#endif
