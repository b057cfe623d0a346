/* SPDX-License-Identifier: MIT */
/*
 * One --allow or --publish, from text and back. Runs as the caller before anything is confined, and in the supervisor
 * for tips and --learn. Nothing is resolved here and nothing is guessed: what is not clear is refused with what to
 * write instead.
 *
 *     WORD                     loopback, shared, cloud-metadata, as for `netguard set --allow`
 *     HOST[:PORT[-PORT]][/tcp|/udp|/icmp]
 *
 * HOST is an IPv4 or IPv6 address, with or without /PREFIX (an IPv6 one in brackets where a port follows, the prefix
 * inside them), `localhost`, a name, or *.NAME for every name below it.
 */
#ifndef NG_RUN_ALLOW_H
#define NG_RUN_ALLOW_H

#include "run/policy.h"
#include "run/say.h"

#define NG_ALLOW_TEXT_MAX 300 /* a name, a range of ports, a protocol */

/* Adds to the policy; one that is there already is not added twice. 0, or -EINVAL with a sentence and the policy
 * unchanged. */
int ng_run_allow_parse(const char *text, struct ng_run_policy *policy, char error[static NG_RUN_ERROR_MAX]);
/* [ADDRESS:]PORT */
int ng_run_publish_parse(const char *text, struct ng_run_policy *policy, char error[static NG_RUN_ERROR_MAX]);

/* What the parsers above read back as the same. */
void ng_run_allow_text(const struct ng_allow *allow, char ret_text[static NG_ALLOW_TEXT_MAX]);
void ng_run_name_text(const struct ng_name_rule *rule, char ret_text[static NG_ALLOW_TEXT_MAX]);
void ng_run_publish_text(const struct ng_publish *publish, char ret_text[static NG_ALLOW_TEXT_MAX]);
/* "tcp", "udp", "icmp" (for both versions of IP) or NULL for what --allow has no word for. */
const char *ng_run_allow_proto(uint8_t proto);
/* The address of a flow: "192.0.2.1" for a mapped one, else as RFC 5952 has it. */
#define NG_ADDRESS_TEXT_MAX 46
void ng_run_address_text(const uint8_t addr[static 16], char ret_text[static NG_ADDRESS_TEXT_MAX]);
bool ng_run_address_is_ipv4(const uint8_t addr[static 16]);
/* Is this a name that a rule may have? Letters, digits, '-' and '_' in labels of at most 63, not an address. */
bool ng_run_name_is_good(const char *name);

/* The words for classes of address: loopback, shared, cloud-metadata. `i` from 0; NULL at the end. */
const char *ng_run_allow_word(unsigned i, uint8_t *ret_flag);

#endif
