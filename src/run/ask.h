/* SPDX-License-Identifier: MIT */
/*
 * One question to the machine's name servers: over UDP, each try from a socket of its own (so from a random port),
 * connected, with a random id and the name in mixed case; over TCP where the answer was cut, where the case was lost
 * and where too many datagrams came that are no answer. Never waits. Runs in the supervisor, in the caller's network,
 * as the caller.
 */
#ifndef NG_RUN_ASK_H
#define NG_RUN_ASK_H

#include <sys/socket.h>

#include "run/dns-message.h"
#include "run/names-private.h"

#define NG_ASK_TRY_MS 2000 /* per try; as many tries as there are servers, at least NG_ASK_TRIES */
#define NG_ASK_TRIES 2
#define NG_ASK_STRAY_MAX 16     /* datagrams that are no answer, of one try: then somebody is guessing */
#define NG_ASK_ANSWER_MAX 16384 /* over TCP */

struct ng_ask {
	int fd; /* -1: none */
	int epoll_fd;
	uint64_t key; /* data.u64 of its events */
	struct sockaddr_storage servers[NG_NAMES_SERVERS];
	unsigned n_servers;
	unsigned tries;  /* begun */
	unsigned strays; /* of this try */
	bool is_tcp;
	bool has_plain_case; /* a server loses the case and has no TCP */
	bool has_lost_case;
	uint16_t id, type;
	char name[NG_NAME_MAX];
	int64_t deadline_ms;
	uint8_t *stream; /* over TCP: what is sent, then what came, with its length before it */
	size_t stream_at, stream_length;
	bool is_sent;
};

/* `name` in lower case; `servers` at least one. 0, or -EHOSTUNREACH: no server could be asked. The caller frees with
 * ng_ask_done() also after an error. */
int ng_ask_start(struct ng_ask *ask, int epoll_fd, uint64_t key, const struct sockaddr_storage *servers,
		 unsigned n_servers, const char *name, uint16_t type, int64_t now_ms);
/* Its descriptor is ready, or its time may be over. 1: *ret_answer is the answer, NOERROR or NXDOMAIN; 0: go on
 * waiting; -EHOSTUNREACH: nobody answered. */
int ng_ask_work(struct ng_ask *ask, int64_t now_ms, struct ng_dns_answer *ret_answer);
void ng_ask_done(struct ng_ask *ask);

#endif
