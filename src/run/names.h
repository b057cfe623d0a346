/* SPDX-License-Identifier: MIT */
/*
 * Names: which may be asked for, what was answered, and how long that admits an address. With stub.c this is the only
 * DNS a confined program sees. An answer is checked before it admits anything: a name cannot be made to mean this
 * machine, a link-local or metadata address, or, unless the profile is Local or the name is of a local domain, the
 * local network.
 *
 * Runs in the supervisor. Bounded: NG_NAMES_ADMITTED addresses; when full, the ones that are over go first, then the
 * query fails. An address is admitted for the answer's TTL, at least NG_NAMES_MIN_TTL_S, and while a lookup of it
 * stands.
 */
#ifndef NG_RUN_NAMES_H
#define NG_RUN_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "run/policy.h"

#define NG_NAMES_ADMITTED 1024
#define NG_NAMES_MIN_TTL_S 30 /* programs connect a while after they asked */

struct ng_names;
struct ng_prefixes; /* onlink.h */

/* `policy` must outlive it. Reads /etc/hosts and /etc/resolv.conf once. 0 or -ENOMEM. */
int ng_names_new(const struct ng_run_policy *policy, struct ng_names **ret_names);
void ng_names_free(struct ng_names *names);
/* The own prefixes, for answers that mean an on-link address; they must outlive `names`. Without them none is on-link.
 */
void ng_names_set_prefixes(struct ng_names *names, struct ng_prefixes *prefixes);

/* May this name (text, any case, with or without final dot) be asked for? */
bool ng_names_may_ask(const struct ng_names *names, const char *name);
/* An answer: checks and admits. False: the address must be taken out of the answer. `addr` as struct ng_flow. */
bool ng_names_admit(struct ng_names *names, const char *name, const uint8_t addr[static 16], uint32_t ttl_s);
/* Is this flow admitted by a name now? Then its name is written to ret_name (NULL allowed), borrowed until the next
 * call that changes the table. */
bool ng_names_allow(struct ng_names *names, const struct ng_flow *flow, const char **ret_name);
/* The name an address was answered for, also if it is over; NULL if none. */
const char *ng_names_of(struct ng_names *names, const uint8_t addr[static 16]);
/* Changes whenever an address was admitted (for filters made from the table), and a visit of all that are in force. */
uint64_t ng_names_generation(const struct ng_names *names);
void ng_names_each(struct ng_names *names, void (*visit)(const uint8_t addr[static 16], void *data), void *data);

#endif
