/* SPDX-License-Identifier: MIT */
/*
 * Names and what they admit (see names.h).
 *
 * An admission is an address, the set of rules that its name matched, and an end. Two names under the same rules share
 * one; names under different rules have one each, so that a port belongs to a rule and not to an address. A name that
 * no rule matched (Local's own names, a dry run) is remembered to be shown but admits nothing: the profile judges the
 * address itself.
 *
 * What an answer may mean:
 *  - never, whatever the profile, but for localhost: this machine, link-local, multicast, broadcast, reserved and
 *    metadata addresses, also inside NAT64, 6to4, Teredo, ISATAP and translated addresses;
 *  - local ones (LAN, shared, on-link): under Local; for names below the local domains, which nobody on the Internet
 *    can answer for; and from /etc/hosts, which is the administrator's word and not an answer;
 *  - all others, for every name that may be asked for.
 *
 * Invariants: a table that is full denies; one clock (CLOCK_BOOTTIME, it goes on in suspend). Runs in the supervisor
 * with the caller's power; after ng_names_new() it opens nothing.
 */
#include <netinet/in.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "run/names-private.h"
#include "run/onlink.h"

#define BUCKETS 1024u
#define NONE UINT16_MAX
#define FOR_EVER INT64_MAX

_Static_assert(NG_NAMES_ADMITTED < NONE, "indexes fit 16 bits");
_Static_assert(NG_RUN_NAMES_MAX <= 32, "a set of rules fits 32 bits");

struct admission {
	uint8_t addr[16];
	int64_t until_ms;
	int64_t answered_until_ms; /* without what lookups added */
	uint32_t rules;            /* bits of policy->names; 0: only to be shown */
	uint16_t next;             /* in its bucket; the latest first */
	char name[NG_NAME_MAX];
};

struct ng_names {
	const struct ng_run_policy *policy;
	struct ng_prefixes *prefixes; /* NULL: nothing is on-link */
	int64_t advance_ms;
	uint64_t generation;
	unsigned count;
	uint16_t buckets[BUCKETS];
	struct admission admissions[NG_NAMES_ADMITTED];
	struct sockaddr_storage servers[NG_NAMES_SERVERS];
	unsigned n_servers;
	struct ng_host *hosts; /* NG_NAMES_HOSTS, or NULL */
	unsigned n_hosts;
};

/* --- what may be asked for --- */

static bool name_is_local_reverse(const char *name)
{
	uint8_t addr[16];

	return ng_name_to_address(name, addr) && ng_address_class(addr, 0) == NG_CLASS_LAN;
}

static uint32_t names_rules(const struct ng_names *names, const char *name)
{
	uint32_t rules = 0;

	for (unsigned i = 0; i < names->policy->n_names && i < NG_RUN_NAMES_MAX; i++) {
		const struct ng_name_rule *rule = &names->policy->names[i];

		if (rule->is_wildcard ? ng_name_is_below(name, rule->name) : strcmp(name, rule->name) == 0)
			rules |= UINT32_C(1) << i;
	}
	return rules;
}

bool ng_names_is_unnamed(const struct ng_names *names, const char *name)
{
	char normal[NG_NAME_MAX];

	return ng_name_normal(name, normal) && names_rules(names, normal) == 0 &&
	       names->policy->app.profile == NG_PROFILE_LOCAL &&
	       (ng_name_is_local(normal) || name_is_local_reverse(normal));
}

bool ng_names_is_foreseen(const struct ng_names *names, const char *name)
{
	char normal[NG_NAME_MAX];

	return ng_name_normal(name, normal) &&
	       (ng_name_is_localhost(normal) || names->policy->app.profile == NG_PROFILE_ONLINE ||
		names_rules(names, normal) != 0 || ng_names_is_unnamed(names, normal));
}

bool ng_names_may_ask(const struct ng_names *names, const char *name)
{
	char normal[NG_NAME_MAX];

	return ng_names_is_foreseen(names, name) || (names->policy->is_dry_run && ng_name_normal(name, normal));
}

/* --- what an answer may mean --- */

static enum ng_reach reach_of_ipv4(const uint8_t ipv4[static 4])
{
	uint8_t addr[16] = { [10] = 0xff, [11] = 0xff };
	const in_addr_t host = (in_addr_t)ipv4[0] << 24 | (in_addr_t)ipv4[1] << 16 | (in_addr_t)ipv4[2] << 8 | ipv4[3];
	__u8 class;

	memcpy(addr + 12, ipv4, 4);
	class = ng_address_class(addr, 0);
	/* Beyond the classes: 0/8, 224/4 and 240/4 are no host's addresses, 169.254/16 is of the link (RFC 6890). */
	if (class == NG_CLASS_MACHINE || class == NG_CLASS_METADATA || ipv4[0] == 0 || IN_MULTICAST(host) ||
	    IN_EXPERIMENTAL(host) || (ipv4[0] == 169 && ipv4[1] == 254))
		return NG_REACH_NEVER;
	return class == NG_CLASS_LAN || class == NG_CLASS_SHARED ? NG_REACH_LOCAL : NG_REACH_ANY;
}

static enum ng_reach reach_worse(enum ng_reach a, enum ng_reach b)
{
	return a > b ? a : b;
}

/* The IPv4 address that an IPv6 address of a transition mechanism stands for. */
static enum ng_reach reach_of_embedded(const uint8_t addr[static 16])
{
	static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };                  /* RFC 6052 */
	static const uint8_t nat64_local[6] = { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 }; /* RFC 8215 */
	static const uint8_t translated[12] = { [8] = 0xff, [9] = 0xff };             /* RFC 2765 */
	static const uint8_t compatible[12] = { 0 };                                  /* RFC 4291 2.5.5.1 */
	static const uint8_t isatap[3] = { 0x00, 0x5e, 0xfe };                        /* RFC 5214 6.1 */

	if (memcmp(addr, nat64, 12) == 0 || memcmp(addr, translated, 12) == 0 || memcmp(addr, compatible, 12) == 0 ||
	    memcmp(addr + 9, isatap, 3) == 0)
		return reach_of_ipv4(addr + 12);
	if (memcmp(addr, nat64_local, 6) == 0) /* a translator of this site's own */
		return reach_worse(NG_REACH_LOCAL, reach_of_ipv4(addr + 12));
	if (addr[0] == 0x20 && addr[1] == 0x02) /* 6to4, RFC 3056 */
		return reach_of_ipv4(addr + 2);
	if (addr[0] == 0x20 && addr[1] == 0x01 && addr[2] == 0 && addr[3] == 0) { /* Teredo, RFC 4380 4 */
		const uint8_t client[4] = { (uint8_t)~addr[12], (uint8_t)~addr[13], (uint8_t)~addr[14],
					    (uint8_t)~addr[15] };

		return reach_worse(reach_of_ipv4(addr + 4), reach_of_ipv4(client));
	}
	return NG_REACH_ANY;
}

enum ng_reach ng_name_reach(const uint8_t addr[static 16], bool is_onlink)
{
	const __u8 class = ng_address_class(addr, is_onlink);
	struct in6_addr ipv6;

	memcpy(&ipv6, addr, sizeof ipv6);
	if (IN6_IS_ADDR_V4MAPPED(&ipv6))
		return reach_worse(reach_of_ipv4(addr + 12), is_onlink ? NG_REACH_LOCAL : NG_REACH_ANY);
	if (class == NG_CLASS_MACHINE || class == NG_CLASS_METADATA || IN6_IS_ADDR_MULTICAST(&ipv6) ||
	    IN6_IS_ADDR_LINKLOCAL(&ipv6))
		return NG_REACH_NEVER;
	if (class == NG_CLASS_LAN || class == NG_CLASS_SHARED || is_onlink || IN6_IS_ADDR_SITELOCAL(&ipv6))
		return reach_worse(NG_REACH_LOCAL, reach_of_embedded(addr));
	return reach_of_embedded(addr);
}

int ng_names_check(struct ng_names *names, const char *name, const uint8_t addr[static 16], bool is_of_hosts)
{
	char normal[NG_NAME_MAX];

	if (!ng_name_normal(name, normal) || !ng_names_may_ask(names, normal))
		return -EACCES;
	if (ng_name_is_localhost(normal))
		return ng_address_class(addr, 0) == NG_CLASS_MACHINE ? 0 : -EACCES;
	switch (ng_name_reach(addr, names->prefixes && ng_prefixes_contain(names->prefixes, addr))) {
	case NG_REACH_ANY:
		return 0;
	case NG_REACH_LOCAL:
		return is_of_hosts || names->policy->app.profile != NG_PROFILE_OFFLINE || ng_name_is_local(normal)
			       ? 0
			       : -EACCES;
	case NG_REACH_NEVER:
		return -EACCES;
	}
	return -EACCES;
}

bool ng_names_is_local_address(struct ng_names *names, const uint8_t addr[static 16])
{
	const __u8 class = ng_address_class(addr, names->prefixes && ng_prefixes_contain(names->prefixes, addr));

	return class == NG_CLASS_MACHINE || class == NG_CLASS_LAN || class == NG_CLASS_ONLINK;
}

/* --- the table --- */

static int64_t names_now_ms(const struct ng_names *names)
{
	struct timespec now = { 0 };

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + names->advance_ms;
}

static uint16_t *names_bucket(struct ng_names *names, const uint8_t addr[static 16])
{
	return &names->buckets[ng_hash_add(NG_HASH_START, addr, 16) % BUCKETS];
}

/* Takes it out of its bucket. */
static void names_unlink(struct ng_names *names, uint16_t index)
{
	uint16_t *at = names_bucket(names, names->admissions[index].addr);

	while (*at != NONE && *at != index)
		at = &names->admissions[*at].next;
	if (*at == index)
		*at = names->admissions[index].next;
}

/* A place that nothing in force uses, in no bucket: of this address if it has its share already. NONE: there is none.
 */
static uint16_t names_place(struct ng_names *names, const uint8_t addr[static 16], int64_t now)
{
	uint16_t oldest = NONE;
	unsigned of_address = 0;

	for (uint16_t i = *names_bucket(names, addr); i != NONE; i = names->admissions[i].next) {
		if (memcmp(names->admissions[i].addr, addr, 16) != 0)
			continue;
		of_address++;
		if (oldest == NONE || names->admissions[i].until_ms < names->admissions[oldest].until_ms)
			oldest = i;
	}
	if (of_address < NG_NAMES_PER_ADDRESS) {
		if (names->count < NG_NAMES_ADMITTED)
			return (uint16_t)names->count++;
		oldest = 0;
		for (uint16_t i = 1; i < NG_NAMES_ADMITTED; i++)
			if (names->admissions[i].until_ms < names->admissions[oldest].until_ms)
				oldest = i;
	}
	if (names->admissions[oldest].until_ms > now)
		return NONE;
	names_unlink(names, oldest);
	return oldest;
}

static uint16_t names_find(struct ng_names *names, const uint8_t addr[static 16], uint32_t rules)
{
	uint16_t i = *names_bucket(names, addr);

	while (i != NONE && (names->admissions[i].rules != rules || memcmp(names->admissions[i].addr, addr, 16) != 0))
		i = names->admissions[i].next;
	return i;
}

static int names_put(struct ng_names *names, const char *name, const uint8_t addr[static 16], uint32_t rules,
		     int64_t until)
{
	const int64_t now = names_now_ms(names);
	uint16_t index = names_find(names, addr, rules), *bucket = names_bucket(names, addr);
	struct admission *admission;

	if (index != NONE) {
		admission = &names->admissions[index];
		names_unlink(names, index);
		if (admission->until_ms <= now)
			names->generation++;
	} else {
		index = names_place(names, addr, now);
		if (index == NONE)
			return rules == 0 ? 0 : -ENOSPC;
		admission = &names->admissions[index];
		*admission = (struct admission){ .rules = rules };
		memcpy(admission->addr, addr, 16);
		names->generation++;
	}
	if (admission->until_ms < until)
		admission->until_ms = until;
	if (admission->answered_until_ms < until)
		admission->answered_until_ms = until;
	memcpy(admission->name, name, strlen(name) + 1);
	admission->next = *bucket;
	*bucket = index;
	return 0;
}

int ng_names_admit_answer(struct ng_names *names, const char *name, const uint8_t addr[static 16], uint32_t ttl_s,
			  bool is_of_hosts)
{
	int result = ng_names_check(names, name, addr, is_of_hosts);
	char normal[NG_NAME_MAX];
	int64_t until;

	if (result < 0 && !names->policy->is_dry_run)
		return result;
	if (!ng_name_normal(name, normal))
		return -EACCES;
	if (ng_name_is_localhost(normal))
		return 0; /* whether this machine may be reached is the profile's */
	if (ttl_s < NG_NAMES_MIN_TTL_S)
		ttl_s = NG_NAMES_MIN_TTL_S;
	if (ttl_s > NG_NAMES_MAX_TTL_S)
		ttl_s = NG_NAMES_MAX_TTL_S;
	until = is_of_hosts ? FOR_EVER : names_now_ms(names) + (int64_t)ttl_s * 1000;
	/* In a dry run an answer that would be taken out is shown but admits nothing. */
	return names_put(names, normal, addr, result < 0 ? 0 : names_rules(names, normal), until);
}

bool ng_names_admit(struct ng_names *names, const char *name, const uint8_t addr[static 16], uint32_t ttl_s)
{
	return ng_names_admit_answer(names, name, addr, ttl_s, false) == 0;
}

void ng_names_renew(struct ng_names *names, const char *name)
{
	const int64_t now = names_now_ms(names), wanted = now + NG_NAMES_LOOKUP_S * 1000;
	char normal[NG_NAME_MAX];

	if (!ng_name_normal(name, normal))
		return;
	for (unsigned i = 0; i < names->count; i++) {
		struct admission *admission = &names->admissions[i];
		int64_t last;

		if (admission->until_ms <= now || admission->until_ms >= wanted || strcmp(admission->name, normal) != 0)
			continue;
		last = admission->answered_until_ms + NG_NAMES_LOOKUP_S * 1000;
		last = last < wanted ? last : wanted;
		if (admission->until_ms < last)
			admission->until_ms = last;
	}
}

static bool rules_match(const struct ng_names *names, uint32_t rules, const struct ng_flow *flow)
{
	for (unsigned i = 0; i < names->policy->n_names && i < NG_RUN_NAMES_MAX; i++) {
		const struct ng_name_rule *rule = &names->policy->names[i];

		if (!(rules >> i & 1) || (rule->proto && rule->proto != flow->proto))
			continue;
		if (!rule->port_first || (flow->port >= rule->port_first && flow->port <= rule->port_last))
			return true;
	}
	return false;
}

bool ng_names_allow(struct ng_names *names, const struct ng_flow *flow, const char **ret_name)
{
	int64_t now;

	/* These name no remote address. */
	if (names->count == 0 || flow->call == NG_CALL_CREATE || flow->call == NG_CALL_BIND)
		return false;
	now = names_now_ms(names);
	for (uint16_t i = *names_bucket(names, flow->addr); i != NONE; i = names->admissions[i].next) {
		const struct admission *admission = &names->admissions[i];

		if (memcmp(admission->addr, flow->addr, 16) == 0 && admission->until_ms > now &&
		    rules_match(names, admission->rules, flow)) {
			if (ret_name)
				*ret_name = admission->name;
			return true;
		}
	}
	return false;
}

const char *ng_names_of(struct ng_names *names, const uint8_t addr[static 16])
{
	for (uint16_t i = *names_bucket(names, addr); i != NONE; i = names->admissions[i].next)
		if (memcmp(names->admissions[i].addr, addr, 16) == 0)
			return names->admissions[i].name;
	return NULL;
}

uint64_t ng_names_generation(const struct ng_names *names)
{
	return names->generation;
}

void ng_names_each(struct ng_names *names, void (*visit)(const uint8_t addr[static 16], void *data), void *data)
{
	const int64_t now = names_now_ms(names);

	for (unsigned i = 0; i < names->count; i++)
		if (names->admissions[i].rules && names->admissions[i].until_ms > now)
			visit(names->admissions[i].addr, data);
}

/* --- beginning and end --- */

/* A line of hosts(5): kept for the stub if its name may be asked for, and admitted for good if a rule names it, because
 * a program may read the file by itself and never ask. */
static bool names_take_host(const struct ng_host *host, void *data)
{
	struct ng_names *names = data;

	if (!ng_names_may_ask(names, host->name) || ng_name_is_localhost(host->name))
		return true;
	names->hosts[names->n_hosts++] = *host;
	(void)ng_names_admit_answer(names, host->name, host->addr, 0, true);
	return names->n_hosts < NG_NAMES_HOSTS;
}

int ng_names_new_from(const struct ng_run_policy *policy, const struct ng_name_sources *sources,
		      struct ng_names **ret_names)
{
	struct ng_names *names = calloc(1, sizeof *names);

	if (!names)
		return -ENOMEM;
	names->policy = policy;
	names->generation = 1;
	memset(names->buckets, 0xff, sizeof names->buckets);
	if (policy->app.profile == NG_PROFILE_LOCAL || policy->n_names || policy->is_dry_run) {
		names->hosts = calloc(NG_NAMES_HOSTS, sizeof names->hosts[0]);
		if (!names->hosts) {
			ng_names_free(names);
			return -ENOMEM;
		}
		names->n_servers = ng_resolv_read(sources->resolv_path, sources->port, names->servers);
		ng_hosts_read(sources->hosts_path, names_take_host, names);
	}
	*ret_names = names;
	return 0;
}

int ng_names_new(const struct ng_run_policy *policy, struct ng_names **ret_names)
{
	const struct ng_name_sources sources = { "/etc/hosts", "/etc/resolv.conf", 53 };

	return ng_names_new_from(policy, &sources, ret_names);
}

void ng_names_set_prefixes(struct ng_names *names, struct ng_prefixes *prefixes)
{
	names->prefixes = prefixes;
}

void ng_names_free(struct ng_names *names)
{
	if (!names)
		return;
	free(names->hosts);
	free(names);
}

void ng_names_advance_ms(struct ng_names *names, int64_t ms)
{
	names->advance_ms += ms;
}

const struct ng_run_policy *ng_names_policy(const struct ng_names *names)
{
	return names->policy;
}

unsigned ng_names_servers(const struct ng_names *names, const struct sockaddr_storage **ret_servers)
{
	*ret_servers = names->servers;
	return names->n_servers;
}

unsigned ng_names_hosts(const struct ng_names *names, const struct ng_host **ret_hosts)
{
	*ret_hosts = names->hosts;
	return names->n_hosts;
}
