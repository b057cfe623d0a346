/* SPDX-License-Identifier: MIT */
/*
 * DNS messages of any bytes, from clients (the first byte is 'q') and from servers ('a', as an answer to id 0x1234,
 * api.example.com, A; 'b', likewise, AAAA). Nothing crashes; what is read is within its bounds; what is written can be
 * read by the C library, and again by us without a difference; an address that we believe, the C library finds in the
 * message under the name that we believe it of.
 */
#include <arpa/nameser.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "run/dns-message.h"
#include "run/names-private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                                                \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			abort();                                                                                       \
	} while (0)

#define NAME "api.example.com"

static bool is_normal(const char *name)
{
	char normal[NG_NAME_MAX];

	return ng_name_normal(name, normal) && strcmp(name, normal) == 0;
}

/* Also with no record: the C library takes it. Returns the number of answers. */
static unsigned check_written(const uint8_t *message, size_t length, size_t room)
{
	ns_msg parsed;
	ns_rr record;

	MUST(length >= NG_DNS_HEADER && length <= room);
	MUST(ns_initparse(message, (int)length, &parsed) == 0);
	for (int i = 0; i < ns_msg_count(parsed, ns_s_an); i++)
		MUST(ns_parserr(&parsed, ns_s_an, i, &record) == 0);
	return ns_msg_count(parsed, ns_s_an);
}

static void check_query(const uint8_t *data, size_t size)
{
	static const struct ng_dns_answer answer = {
		.chain_ttl_s = 5,
		.n_chain = 2,
		.chain = { "a.example.net", "b.example.net" },
		.n_addresses = NG_DNS_ADDRESSES,
	};
	uint8_t message[NG_DNS_MESSAGE_MAX];
	struct ng_dns_query query;
	char normal[NG_NAME_MAX];
	int result = ng_dns_query_read(data, size, &query);

	if (result == -EBADMSG)
		return;
	MUST(query.udp_size >= NG_DNS_UDP_MIN && query.udp_size <= NG_DNS_UDP_MAX);
	MUST(query.question_length <= sizeof query.question);
	MUST(result < 0 || query.name[0] == '\0' || ng_name_normal(query.name, normal));
	if (result < 0) {
		query.question_length = 0;
		(void)check_written(message,
				    ng_dns_answer_write(&query, NG_DNS_FORMERR, NULL, NULL, 0, NG_DNS_UDP_MIN, message),
				    NG_DNS_UDP_MIN);
		return;
	}
	(void)check_written(message,
			    ng_dns_answer_write(&query, NG_DNS_NOERROR, &answer, NULL, 0, query.udp_size, message),
			    query.udp_size);
	MUST(check_written(message,
			   ng_dns_answer_write(&query, NG_DNS_NOERROR, &answer, NULL, 0, NG_DNS_MESSAGE_MAX, message),
			   NG_DNS_MESSAGE_MAX) == 2 + NG_DNS_ADDRESSES);
	MUST(check_written(message,
			   ng_dns_answer_write(&query, NG_DNS_NOERROR, NULL, NAME, 30, NG_DNS_UDP_MIN, message),
			   NG_DNS_UDP_MIN) == 1);
}

/* Does the C library find this address under this name? True also for a message that it cannot read. */
static bool is_found(const uint8_t *data, size_t size, const char *owner, uint16_t type, const uint8_t addr[static 16])
{
	const unsigned n = type == NG_DNS_A ? 4 : 16;
	ns_msg parsed;
	ns_rr record;

	if (ns_initparse(data, (int)size, &parsed) < 0)
		return true;
	for (int i = 0; i < ns_msg_count(parsed, ns_s_an); i++) {
		if (ns_parserr(&parsed, ns_s_an, i, &record) < 0)
			return true;
		if (ns_rr_type(record) == type && ns_rr_class(record) == ns_c_in && ns_rr_rdlen(record) == n &&
		    strcasecmp(ns_rr_name(record), owner) == 0 && memcmp(ns_rr_rdata(record), addr + (16 - n), n) == 0)
			return true;
	}
	return false;
}

static void check_again(const struct ng_dns_answer *answer, uint16_t type)
{
	uint8_t question[NG_DNS_UDP_MIN], message[NG_DNS_MESSAGE_MAX];
	struct ng_dns_answer again;
	struct ng_dns_query query;
	size_t length;

	MUST(ng_dns_query_read(question, (size_t)ng_dns_query_write(0x1234, NAME, type, question), &query) == 0);
	length = ng_dns_answer_write(&query, NG_DNS_NOERROR, answer, NULL, 0, sizeof message, message);
	(void)check_written(message, length, sizeof message);
	MUST(ng_dns_answer_read(message, length, 0x1234, NAME, type, &again) == 0);
	if (again.is_cut)
		return;
	MUST(again.n_chain == answer->n_chain && again.n_addresses == answer->n_addresses);
	for (unsigned i = 0; i < again.n_chain; i++)
		MUST(strcmp(again.chain[i], answer->chain[i]) == 0);
	for (unsigned i = 0; i < again.n_addresses; i++)
		MUST(memcmp(again.addresses[i].addr, answer->addresses[i].addr, 16) == 0);
}

static void check_answer(const uint8_t *data, size_t size, uint16_t type)
{
	struct ng_dns_answer answer;
	const char *owner = NAME;

	if (ng_dns_answer_read(data, size, 0x1234, NAME, type, &answer) < 0)
		return;
	MUST(answer.n_chain <= NG_DNS_CHAIN && answer.n_addresses <= NG_DNS_ADDRESSES && answer.rcode <= 15);
	MUST((!answer.is_cut && answer.rcode == NG_DNS_NOERROR) || (answer.n_chain == 0 && answer.n_addresses == 0));
	for (unsigned i = 0; i < answer.n_chain; i++)
		MUST(is_normal(answer.chain[i]));
	if (answer.n_chain)
		owner = answer.chain[answer.n_chain - 1];
	for (unsigned i = 0; i < answer.n_addresses; i++)
		MUST(is_found(data, size, owner, type, answer.addresses[i].addr));
	if (answer.rcode == NG_DNS_NOERROR && !answer.is_cut)
		check_again(&answer, type);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > UINT16_MAX)
		return 0;
	if (data[0] == 'q')
		check_query(data + 1, size - 1);
	else if (data[0] == 'a' || data[0] == 'b')
		check_answer(data + 1, size - 1, data[0] == 'a' ? NG_DNS_A : NG_DNS_AAAA);
	return 0;
}
