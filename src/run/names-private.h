/* SPDX-License-Identifier: MIT */
/*
 * What names.c, name-text.c, name-files.c and stub.c share beyond names.h, and what tests set. Supervisor only; reads
 * two files of the machine, no other power.
 */
#ifndef NG_RUN_NAMES_PRIVATE_H
#define NG_RUN_NAMES_PRIVATE_H

#include <sys/socket.h>

#include "run/names.h"

#define NG_NAMES_SERVERS 3     /* as resolv.conf(5) */
#define NG_NAMES_HOSTS 256     /* pairs of name and address that are kept of /etc/hosts */
#define NG_NAMES_PER_ADDRESS 8 /* different sets of rules on one address */
#define NG_NAMES_MAX_TTL_S 86400
#define NG_NAMES_LOOKUP_S 10 /* how long a lookup may keep what was admitted before */
#define NG_HOSTS_TTL_S 60

/* Where the machine's own knowledge comes from. Tests give their own. */
struct ng_name_sources {
	const char *hosts_path;
	const char *resolv_path;
	uint16_t port; /* of the name servers */
};

int ng_names_new_from(const struct ng_run_policy *policy, const struct ng_name_sources *sources,
		      struct ng_names **ret_names);
/* For tests: the clock of `names` goes on by this much. */
void ng_names_advance_ms(struct ng_names *names, int64_t ms);

const struct ng_run_policy *ng_names_policy(const struct ng_names *names);

/* Lower case, without the final dot. False: not a name of hosts (letters, digits, '-' and '_', RFC 1035 lengths). */
bool ng_name_normal(const char *text, char ret_name[static NG_NAME_MAX]);
/* These take names that are normal. */
bool ng_name_is_below(const char *name, const char *domain);
bool ng_name_is_localhost(const char *name);
bool ng_name_is_local(const char *name);
/* Of a whole name below in-addr.arpa or ip6.arpa (RFC 1035 3.5, RFC 3596 2.5). */
bool ng_name_to_address(const char *name, uint8_t ret_addr[static 16]);
/* Does a rule, the profile or being localhost let it be asked for: ng_names_may_ask() without what a dry run lets
 * through. */
bool ng_names_is_foreseen(const struct ng_names *names, const char *name);
/* Was it only the profile that let it be asked for? Such a name leaves to a local name server only. */
bool ng_names_is_unnamed(const struct ng_names *names, const char *name);

/* What an answer may mean, by its address: anything; this only for a local name or profile; this for no name. An own
 * interface's prefix is the caller's knowledge. */
enum ng_reach { NG_REACH_ANY, NG_REACH_LOCAL, NG_REACH_NEVER };
enum ng_reach ng_name_reach(const uint8_t addr[static 16], bool is_onlink);
/* May the answer mean this address? 0 or -EACCES. Admits nothing; does not know of a dry run. */
int ng_names_check(struct ng_names *names, const char *name, const uint8_t addr[static 16], bool is_of_hosts);
/* ng_names_admit() with a reason: 0; -EACCES, not for this name; -ENOSPC, the table is full. */
int ng_names_admit_answer(struct ng_names *names, const char *name, const uint8_t addr[static 16], uint32_t ttl_s,
			  bool is_of_hosts);
/* A lookup of this name began: what it admitted before stays for NG_NAMES_LOOKUP_S at least, but not longer than that
 * past the lifetime of the last answer. */
void ng_names_renew(struct ng_names *names, const char *name);
/* Is it in a class that Local reaches, with the own prefixes? */
bool ng_names_is_local_address(struct ng_names *names, const uint8_t addr[static 16]);

/* name-files.c */
struct ng_host {
	uint8_t addr[16];
	char name[NG_NAME_MAX];
};

/* Calls `take` for each pair in a hosts(5) file that is not on this machine; it returns false when it has enough. What
 * cannot be read is left out. */
void ng_hosts_read(const char *path, bool (*take)(const struct ng_host *host, void *data), void *data);
/* The name servers of a resolv.conf(5), at most NG_NAMES_SERVERS; 127.0.0.1 if it names none. Returns their number. */
unsigned ng_resolv_read(const char *path, uint16_t port, struct sockaddr_storage ret_servers[static NG_NAMES_SERVERS]);

/* What was read, in names.c. */
unsigned ng_names_servers(const struct ng_names *names, const struct sockaddr_storage **ret_servers);
unsigned ng_names_hosts(const struct ng_names *names, const struct ng_host **ret_hosts);

#endif
