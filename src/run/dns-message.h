/* SPDX-License-Identifier: MIT */
/*
 * Messages of the DNS (RFC 1035), as much of them as the stub needs: one question, answers of A, AAAA, CNAME and PTR,
 * and whether there was an OPT record (RFC 6891). Pure functions on bytes, no power. Every length is checked before it
 * is used; a name may point only backwards and at most so often that it ends.
 *
 * Own text, not libresolv's ns_initparse(): that one wants libresolv in a static program, its names come back escaped,
 * so that two names can look alike, and what it accepts is not ours to fuzz.
 */
#ifndef NG_RUN_DNS_MESSAGE_H
#define NG_RUN_DNS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "run/policy.h"

#define NG_DNS_HEADER 12
#define NG_DNS_UDP_MIN 512      /* what every client takes over UDP */
#define NG_DNS_UDP_MAX 1232     /* and what we send at most: it passes everywhere unfragmented */
#define NG_DNS_MESSAGE_MAX 4096 /* the longest we build */
#define NG_DNS_ADDRESSES 32     /* of one answer; further ones are left out */
#define NG_DNS_CHAIN 12         /* CNAMEs of one answer; a longer chain is no answer */

#define NG_DNS_A 1
#define NG_DNS_CNAME 5
#define NG_DNS_PTR 12
#define NG_DNS_AAAA 28
#define NG_DNS_OPT 41
#define NG_DNS_IN 1

#define NG_DNS_NOERROR 0
#define NG_DNS_FORMERR 1
#define NG_DNS_SERVFAIL 2
#define NG_DNS_NXDOMAIN 3
#define NG_DNS_NOTIMP 4
#define NG_DNS_REFUSED 5

struct ng_dns_query {
	uint16_t id;
	uint16_t type, class;
	bool is_recursive; /* RD */
	bool has_opt;
	uint16_t udp_size;      /* what the client takes over UDP */
	char name[NG_NAME_MAX]; /* as it came, without the final dot; "" for the root and for what is no name of hosts
				 */
	uint8_t question[260];  /* as it came, to be sent back: name, type, class */
	uint16_t question_length;
};

/* From a client. 0; -EBADMSG: not even to be answered; -EPROTO: FORMERR, -ENOSYS: NOTIMP (id, is_recursive and, where
 * it could be read, the question are filled). */
int ng_dns_query_read(const uint8_t *message, size_t length, struct ng_dns_query *ret_query);

/* To a server: `name` as text, its case kept. Returns the length; -EINVAL if it is no name of hosts. */
int ng_dns_query_write(uint16_t id, const char *name, uint16_t type, uint8_t ret_message[static NG_DNS_UDP_MIN]);

struct ng_dns_address {
	uint8_t addr[16]; /* as struct ng_flow */
	uint32_t ttl_s;
};

struct ng_dns_answer {
	uint8_t rcode;
	bool is_cut;          /* TC */
	bool is_case_lost;    /* the question came back in other case than it was sent */
	uint32_t chain_ttl_s; /* the shortest of the chain */
	unsigned n_chain;
	char chain[NG_DNS_CHAIN][NG_NAME_MAX]; /* where CNAMEs lead, from the asked name on; lower case */
	unsigned n_addresses;
	struct ng_dns_address addresses[NG_DNS_ADDRESSES]; /* of the last name of the chain */
};

/* From a server, to the question with this id, name and type (A or AAAA). 0; -EBADMSG: not an answer to it. The chain
 * and the addresses are read only where rcode is NOERROR and nothing was cut; -EPROTO: its records cannot be read, or
 * its chain is too long or a circle. */
int ng_dns_answer_read(const uint8_t *message, size_t length, uint16_t id, const char *name, uint16_t type,
		       struct ng_dns_answer *ret_answer);

/* To a client: the answer's chain and addresses (NULL: none), or `ptr` (NULL: none) with ttl_s. Not longer than `room`
 * (at least NG_DNS_UDP_MIN, at most NG_DNS_MESSAGE_MAX); with TC and no records where that is not enough. Returns the
 * length. */
size_t ng_dns_answer_write(const struct ng_dns_query *query, uint8_t rcode, const struct ng_dns_answer *answer,
			   const char *ptr, uint32_t ttl_s, size_t room, uint8_t *ret_message);

#endif
