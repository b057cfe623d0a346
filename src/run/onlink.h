/* SPDX-License-Identifier: MIT */
/*
 * The prefixes of this machine's own interfaces, for verdict.h's on-link class; read over netlink, and again when a
 * netlink message says that something changed. Prefixes wider than /8 (IPv4) and /32 (IPv6) are not believed. Runs in
 * the supervisor.
 */
#ifndef NG_RUN_ONLINK_H
#define NG_RUN_ONLINK_H

#include <stdbool.h>
#include <stdint.h>

struct ng_prefixes;

int ng_prefixes_new(struct ng_prefixes **ret_prefixes);
/* Is the address (as struct ng_flow) in a prefix of an own interface now? Also true for the machine's own addresses. */
bool ng_prefixes_contain(struct ng_prefixes *prefixes, const uint8_t addr[static 16]);
/* For filters made from them: changes with the prefixes; and a visit. */
uint64_t ng_prefixes_generation(struct ng_prefixes *prefixes);
void ng_prefixes_each(struct ng_prefixes *prefixes,
		      void (*visit)(const uint8_t addr[static 16], uint8_t prefix_len, void *data), void *data);
void ng_prefixes_free(struct ng_prefixes *prefixes);

#endif
