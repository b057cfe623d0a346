/* SPDX-License-Identifier: MIT */
/*
 * What stub.c (what is answered) and stub-clients.c (how queries come and replies go) share, and what tests set.
 * Supervisor only.
 */
#ifndef NG_RUN_STUB_PRIVATE_H
#define NG_RUN_STUB_PRIVATE_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "run/ask.h"
#include "run/stub.h"

#define NG_STUB_STREAMS 16        /* TCP clients at once; one more takes the place of the one that was silent longest */
#define NG_STUB_STREAM_BYTES 1024 /* of one query over TCP */
#define NG_STUB_STREAM_IDLE_MS 10000

/* data.u64 in the stub's own epoll. */
#define NG_STUB_KEY_UDP 1
#define NG_STUB_KEY_TCP 2
#define NG_STUB_KEY_STREAM 16
#define NG_STUB_KEY_LOOKUP (NG_STUB_KEY_STREAM + NG_STUB_STREAMS)

/* Whom to answer, and from which address. */
struct ng_stub_client {
	int stream;      /* index, or -1: over UDP */
	uint32_t serial; /* of the stream */
	struct sockaddr_storage peer;
	socklen_t peer_length;
	int local_family; /* AF_UNSPEC: the kernel chooses */
	struct in_pktinfo local_ipv4;
	struct in6_pktinfo local_ipv6;
};

struct ng_stub_lookup {
	bool is_used;
	struct ng_stub_client client;
	struct ng_dns_query query;
	struct ng_ask ask;
};

struct ng_stub_stream {
	int fd; /* -1: free */
	uint32_t serial;
	int64_t used_ms;
	unsigned n_lookups;
	bool has_ended; /* the client will send no more */
	size_t length;
	uint8_t buffer[2 + NG_STUB_STREAM_BYTES];
};

struct ng_stub {
	struct ng_names *names;
	struct ng_record *record;
	int epoll_fd;
	int udp_fd, tcp_fd;
	int64_t advance_ms;
	int64_t accept_again_ms; /* 0: accepting */
	uint32_t serial;
	struct ng_stub_stream streams[NG_STUB_STREAMS];
	struct ng_stub_lookup lookups[NG_STUB_QUERIES];
};

/* stub.c */
int64_t ng_stub_now_ms(const struct ng_stub *stub);
int ng_stub_poll(struct ng_stub *stub, int how, int fd, uint32_t events, uint64_t key);
/* Bytes of a client: answers at once, begins a lookup or drops them. */
void ng_stub_query(struct ng_stub *stub, const struct ng_stub_client *client, const uint8_t *message, size_t length);
/* For tests: time goes on without waiting. */
void ng_stub_advance_ms(struct ng_stub *stub, int64_t ms);

/* stub-clients.c */
void ng_stub_udp_options(int fd);
void ng_stub_work_udp(struct ng_stub *stub);
void ng_stub_work_tcp(struct ng_stub *stub);
void ng_stub_work_stream(struct ng_stub *stub, struct ng_stub_stream *stream, uint32_t events);
void ng_stub_stream_close(struct ng_stub_stream *stream);
/* The TCP connection of a client; NULL: it has none, or it is gone. */
struct ng_stub_stream *ng_stub_stream(struct ng_stub *stub, const struct ng_stub_client *client);
/* Arguments as ng_dns_answer_write(). To a client that is gone: nothing. */
void ng_stub_reply(struct ng_stub *stub, const struct ng_stub_client *client, const struct ng_dns_query *query,
		   uint8_t rcode, const struct ng_dns_answer *answer, const char *ptr);

#endif
