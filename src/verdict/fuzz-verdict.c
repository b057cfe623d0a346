/* SPDX-License-Identifier: MIT */
/*
 * Properties of the decision that hold for every input. The bytes are an application's rules, its allowances and a
 * flow, laid over the structs as they are, so that nonsense is tried too. Runs in a test, with no power.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "verdict/verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                                                \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			abort();                                                                                       \
	} while (0)

struct input {
	struct ng_app app;
	struct ng_flow flow;
	struct ng_allows allows;
};

static struct ng_verdict decide_as(const struct input *in, __u8 profile)
{
	struct ng_app app = in->app;

	app.profile = profile;
	return ng_verdict_decide(&app, &in->allows, &in->flow);
}

static void check_shape(struct ng_verdict verdict)
{
	const int is_allowing = verdict.reason <= NG_REASON_KERNEL;

	MUST(verdict.allowed <= 1);
	MUST(verdict.class <= NG_CLASS_METADATA);
	MUST(verdict.reason <= NG_REASON_MALFORMED);
	MUST(verdict.allowed == is_allowing);
	MUST(verdict.pad == 0);
}

/* What Offline may, Local may; what Local may, Online may; Online may everything that is a call at all. */
static void check_profiles_are_ordered(const struct input *in)
{
	const struct ng_verdict offline = decide_as(in, NG_PROFILE_OFFLINE);
	const struct ng_verdict local = decide_as(in, NG_PROFILE_LOCAL);
	const struct ng_verdict online = decide_as(in, NG_PROFILE_ONLINE);
	const int is_call = in->flow.call >= NG_CALL_CREATE && in->flow.call <= NG_CALL_RECV;

	check_shape(offline);
	check_shape(local);
	check_shape(online);
	MUST(offline.allowed <= local.allowed);
	MUST(local.allowed <= online.allowed);
	MUST(online.allowed == is_call);
	MUST(offline.class == local.class && local.class == online.class);
}

static void check_unknown_is_denied(const struct input *in)
{
	const struct ng_verdict verdict = ng_verdict_decide(&in->app, &in->allows, &in->flow);
	const __u8 profile = in->app.profile, call = in->flow.call;

	check_shape(verdict);
	if (profile < NG_PROFILE_OFFLINE || profile > NG_PROFILE_ONLINE || call < NG_CALL_CREATE || call > NG_CALL_RECV)
		MUST(!verdict.allowed && verdict.reason == NG_REASON_MALFORMED);
}

/* Fewer rules never give more. */
static void check_rules_only_add(const struct input *in)
{
	const struct ng_verdict all = ng_verdict_decide(&in->app, &in->allows, &in->flow);
	struct ng_app fewer = in->app;

	MUST(ng_verdict_decide(&fewer, NULL, &in->flow).allowed <= all.allowed);
	for (fewer.n_allow = 0; fewer.n_allow < in->app.n_allow && fewer.n_allow < NG_ALLOW_MAX; fewer.n_allow++)
		MUST(ng_verdict_decide(&fewer, &in->allows, &in->flow).allowed <= all.allowed);
	fewer = in->app;
	for (unsigned bit = 0; bit < 8; bit++) {
		fewer.flags = (__u8)(in->app.flags & ~(1u << bit));
		MUST(ng_verdict_decide(&fewer, &in->allows, &in->flow).allowed <= all.allowed);
	}
}

/* No list may be read past its limit, whatever its count says. */
static void check_counts_are_bounded(const struct input *in)
{
	struct input exact = *in;
	struct ng_verdict as_given = ng_verdict_decide(&in->app, &in->allows, &in->flow), bounded;

	if (exact.allows.count > NG_ALLOW_MAX)
		exact.allows.count = NG_ALLOW_MAX;
	bounded = ng_verdict_decide(&exact.app, &exact.allows, &exact.flow);
	MUST(as_given.allowed == bounded.allowed && as_given.reason == bounded.reason);
}

/* An own interface with the address's prefix may make it local, and nothing else. */
static void check_onlink_only_raises_global(const struct input *in)
{
	const __u8 off = ng_address_class(in->flow.addr, 0), on = ng_address_class(in->flow.addr, 1);

	MUST(off != NG_CLASS_ONLINK);
	MUST(on == off || (off == NG_CLASS_GLOBAL && on == NG_CLASS_ONLINK));
}

/* An allowance for exactly this address and everything else open lets every addressed flow through. */
static void check_naming_it_allows_it(const struct input *in)
{
	struct input named = *in;
	const int is_addressed = in->flow.call == NG_CALL_CONNECT || in->flow.call == NG_CALL_SENDMSG ||
				 in->flow.call == NG_CALL_SEND || in->flow.call == NG_CALL_RECV;

	if (!is_addressed || in->app.profile < NG_PROFILE_OFFLINE || in->app.profile > NG_PROFILE_ONLINE)
		return;
	memset(&named.allows, 0, sizeof(named.allows));
	memcpy(named.allows.allow[0].addr, in->flow.addr, 16);
	named.allows.allow[0].prefix_len = 128;
	named.allows.count = 1;
	named.app.n_allow = 1;
	MUST(ng_verdict_decide(&named.app, &named.allows, &named.flow).allowed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in;

	memset(&in, 0, sizeof(in));
	memcpy(&in, data, size < sizeof(in) ? size : sizeof(in));
	check_unknown_is_denied(&in);
	check_profiles_are_ordered(&in);
	check_rules_only_add(&in);
	check_counts_are_bounded(&in);
	check_onlink_only_raises_global(&in);
	check_naming_it_allows_it(&in);
	return 0;
}
