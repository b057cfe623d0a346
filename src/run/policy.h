/* SPDX-License-Identifier: MIT */
/*
 * What a confined command may reach, as its command line said, and the question to verdict.h. Filled once by options.c;
 * read by the supervisor afterwards, never written: names that were answered live apart, in names.h.
 */
#ifndef NG_RUN_POLICY_H
#define NG_RUN_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "verdict/verdict.h"

#define NG_RUN_NAMES_MAX 32
#define NG_RUN_UNIX_MAX 32
#define NG_RUN_PUBLISH_MAX 16
#define NG_RUN_KEEP_MAX 32
#define NG_NAME_MAX 254 /* a DNS name as text, with its NUL (RFC 1035) */

/* --allow NAME[:PORT][/PROTO]: lower case, without a final dot; `*.` cut off where is_wildcard. */
struct ng_name_rule {
	char name[NG_NAME_MAX];
	bool is_wildcard;               /* every name below it, not itself */
	uint8_t proto;                  /* 0: all */
	uint16_t port_first, port_last; /* 0: all */
};

/* --publish [ADDRESS:]PORT: a bind to that port inside is made on the machine, at this address. */
struct ng_publish {
	uint8_t addr[16]; /* as struct ng_flow; 127.0.0.1 unless given */
	uint16_t port;
};

struct ng_run_policy {
	struct ng_app app; /* profile, n_allow, and the flags of --allow loopback, shared, cloud-metadata */
	struct ng_allows allows;
	struct ng_name_rule names[NG_RUN_NAMES_MAX];
	unsigned n_names;
	char *unix_paths[NG_RUN_UNIX_MAX]; /* absolute; owned */
	unsigned n_unix;
	struct ng_publish publish[NG_RUN_PUBLISH_MAX];
	unsigned n_publish;
	bool is_dry_run; /* allow all, report what would be denied (--dry-run, --learn) */
	bool has_no_net; /* sandbox --no-net: refuse at socket(), with EPERM */
	/* Rung C: AF_UNIX sockets are native, the machine's too, and so are all calls with an address: nothing looks at
	 * it. Only for a process that has no Internet socket when it confines itself. */
	bool keeps_unix;
};

/* The supervisor creates the sockets on the machine's own network: anything may be reached from inside at all. Without
 * it (plain Offline) sockets are made natively inside, and only what they are told is looked at. */
static inline bool ng_run_policy_is_brokered(const struct ng_run_policy *policy)
{
	return policy->app.profile != NG_PROFILE_OFFLINE || (policy->app.flags & NG_APP_CLASS_MASK) ||
	       policy->allows.count || policy->n_names || policy->n_publish || policy->is_dry_run;
}

/* A socket inside can be one of the machine's network: then filter and Landlock are a wall, and not only behind one. */
static inline bool ng_run_policy_has_machine_sockets(const struct ng_run_policy *policy, char rung)
{
	return rung != 'A' || ng_run_policy_is_brokered(policy);
}

#endif
