/* SPDX-License-Identifier: MIT */
/*
 * The verdict on an address (judge.h). IPv4 in IPv6 (::ffff:0:0/96) is IPv4 by being written so in struct ng_flow;
 * 0.0.0.0 and :: are this machine by classes.h, as the kernel connects them.
 */
#include "run/judge.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "run/onlink.h"

#define DNS_PORT 53
#define IN6_LEN_MIN 24 /* SIN6_LEN_RFC2133: without the scope */

int ng_judge_flow(const struct sockaddr_storage *addr, socklen_t len, int protocol, uint8_t call,
		  struct ng_flow *ret_flow)
{
	struct ng_flow flow = { .proto = (uint8_t)protocol, .call = call };

	if (len < sizeof(sa_family_t))
		return -EINVAL;
	if (addr->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)addr;

		if (len < sizeof *in)
			return -EINVAL;
		flow.addr[10] = flow.addr[11] = 0xff;
		memcpy(flow.addr + 12, &in->sin_addr, 4);
		flow.port = ntohs(in->sin_port);
	} else if (addr->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)addr;

		if (len < IN6_LEN_MIN)
			return -EINVAL;
		memcpy(flow.addr, &in6->sin6_addr, 16);
		flow.port = ntohs(in6->sin6_port);
	} else {
		return -EAFNOSUPPORT;
	}
	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
		flow.port = 0; /* ping sockets carry their id there */
	*ret_flow = flow;
	return 0;
}

struct ng_judgement ng_judge(const struct ng_run *run, struct ng_flow *flow)
{
	const struct ng_run_policy *policy = run->policy;
	struct ng_verdict verdict;

	flow->onlink = run->prefixes && ng_address_class(flow->addr, 0) == NG_CLASS_GLOBAL &&
		       ng_prefixes_contain(run->prefixes, flow->addr);
	verdict = ng_verdict_decide(&policy->app, &policy->allows, flow);
	if (!verdict.allowed && flow->call != NG_CALL_BIND && run->names && ng_names_allow(run->names, flow, NULL)) {
		verdict.allowed = 1;
		verdict.reason = NG_REASON_ALLOWANCE;
	}
	return (struct ng_judgement){ .is_allowed = verdict.allowed || policy->is_dry_run,
				      .is_foreseen = !verdict.allowed && policy->is_dry_run,
				      .reason = verdict.reason,
				      .class = verdict.class };
}

bool ng_judge_has_own_loopback(const struct ng_run *run)
{
	return run->rung == 'A' && run->policy->app.profile == NG_PROFILE_OFFLINE && !run->policy->is_dry_run;
}

static bool is_for_stub(const struct ng_run *run, const struct ng_flow *flow)
{
	return run->stubs[0] && run->policy->app.profile != NG_PROFILE_ONLINE && flow->port == DNS_PORT &&
	       (flow->proto == IPPROTO_UDP || flow->proto == IPPROTO_TCP);
}

enum ng_route ng_judge_route(const struct ng_run *run, bool is_inside, struct ng_flow *flow,
			     struct ng_judgement *ret_judgement, bool *ret_is_quiet)
{
	const bool is_brokered = ng_run_policy_is_brokered(run->policy);
	const bool is_dns = is_brokered && is_for_stub(run, flow);
	enum ng_route route = NG_ROUTE_DENY;

	*ret_judgement = ng_judge(run, flow);
	*ret_is_quiet = true;
	if (is_dns)
		return is_inside ? NG_ROUTE_HERE : run->rung == 'A' ? NG_ROUTE_INSIDE : NG_ROUTE_STUB;
	if (ret_judgement->is_allowed && (!is_inside || is_brokered)) {
		route = is_inside ? NG_ROUTE_HOST : NG_ROUTE_HERE;
	} else if (ret_judgement->class == NG_CLASS_MACHINE && run->rung == 'A') {
		if (is_inside)
			return NG_ROUTE_HERE;
		if (ng_judge_has_own_loopback(run))
			return NG_ROUTE_INSIDE;
	}
	*ret_is_quiet = false;
	return route;
}
