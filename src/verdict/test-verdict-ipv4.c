/* SPDX-License-Identifier: MIT */
/*
 * Every IPv4 address there is, against the oracle: its class, and the verdict of each profile. The oracle's ranges
 * (oracle.py v4) come as a file named in the arguments. Runs in a test, with no power; two threads, some seconds.
 */
#include <glib.h>

#include "verdict/test-oracle.h"
#include "verdict/verdict.h"

#define THREADS 2

static GArray *ranges; /* struct oracle_range */

/* A flow to an IPv4 address; the last word is written by the loops. */
static struct ng_flow flow_to_ipv4(__u8 call, __u8 onlink)
{
	struct ng_flow flow = { .addr = { [10] = 0xff, [11] = 0xff }, .port = 443, .proto = 6, .call = call };

	flow.onlink = onlink;
	return flow;
}

static inline void flow_set_ipv4(struct ng_flow *flow, __u32 address)
{
	flow->addr[12] = (__u8)(address >> 24);
	flow->addr[13] = (__u8)(address >> 16);
	flow->addr[14] = (__u8)(address >> 8);
	flow->addr[15] = (__u8)address;
}

/* One thread's share of a range: first and last are included, so that 255.255.255.255 is. */
struct share {
	__u32 first, last;
	__u8 class;
	guint64 done;
	guint64 wrong;
	__u32 first_wrong;
};

static void share_note(struct share *share, __u32 address, int is_right)
{
	if (is_right)
		return;
	if (share->wrong++ == 0)
		share->first_wrong = address;
}

static void check_classes(struct share *share)
{
	const __u8 raised = share->class == NG_CLASS_GLOBAL ? NG_CLASS_ONLINK : share->class;
	struct ng_flow flow = flow_to_ipv4(NG_CALL_CONNECT, 0);
	__u32 address = share->first;

	for (;; address++) {
		flow_set_ipv4(&flow, address);
		share_note(share, address,
			   ng_address_class(flow.addr, 0) == share->class && ng_address_class(flow.addr, 1) == raised);
		share->done++;
		if (address == share->last)
			break;
	}
}

static inline int is_local(__u8 class)
{
	return class == NG_CLASS_MACHINE || class == NG_CLASS_LAN;
}

static void check_verdicts(struct share *share)
{
	const struct ng_app offline = { .profile = NG_PROFILE_OFFLINE }, local = { .profile = NG_PROFILE_LOCAL },
			    online = { .profile = NG_PROFILE_ONLINE };
	const int local_expected = is_local(share->class);
	struct ng_flow flow = flow_to_ipv4(NG_CALL_SEND, 0);
	__u32 address = share->first;

	for (;; address++) {
		flow_set_ipv4(&flow, address);
		share_note(share, address,
			   ng_verdict_decide(&offline, NULL, &flow).allowed == 0 &&
				   ng_verdict_decide(&local, NULL, &flow).allowed == local_expected &&
				   ng_verdict_decide(&online, NULL, &flow).allowed == 1);
		share->done++;
		if (address == share->last)
			break;
	}
}

/* Is it allowed to `profile` with the class allowances `flags`? Said a second time, from the design. */
static int is_expected(__u8 profile, __u8 flags, __u8 class)
{
	return profile == NG_PROFILE_ONLINE || (profile == NG_PROFILE_LOCAL && is_local(class)) ||
	       (class == NG_CLASS_MACHINE && (flags & NG_APP_LOOPBACK)) ||
	       (class == NG_CLASS_SHARED && (flags & NG_APP_SHARED)) ||
	       (class == NG_CLASS_METADATA && (flags & NG_APP_METADATA));
}

/* Every profile with every set of class allowances, at both ends of each share and at one address of each 251. */
static void check_allowances(struct share *share)
{
	struct ng_flow flow = flow_to_ipv4(NG_CALL_CONNECT, 0);
	guint64 address = share->first;

	while (address <= share->last) {
		flow_set_ipv4(&flow, (__u32)address);
		for (unsigned i = 0; i < 3 * (NG_APP_CLASS_MASK + 1); i++) {
			const struct ng_app app = { .profile = (__u8)(NG_PROFILE_OFFLINE + i % 3),
						    .flags = (__u8)(i / 3) };
			share_note(share, (__u32)address,
				   ng_verdict_decide(&app, NULL, &flow).allowed ==
					   is_expected(app.profile, app.flags, share->class));
		}
		address = address < share->last && address + 251 > share->last ? share->last : address + 251;
	}
	share->done += (guint64)share->last - share->first + 1;
}

typedef void (*check_fn)(struct share *share);

struct job {
	check_fn check;
	unsigned index;
	guint64 done;
};

/* Thread `index` takes its part of every range. */
static gpointer run_job(gpointer data)
{
	struct job *job = data;

	for (guint i = 0; i < ranges->len; i++) {
		const struct oracle_range *range = &g_array_index(ranges, struct oracle_range, i);
		const guint64 length = (guint64)range->last - range->first + 1;
		const guint64 from = length * job->index / THREADS, to = length * (job->index + 1) / THREADS;
		struct share share = { .class = range->class };
		if (from == to)
			continue;
		share.first = range->first + (__u32)from;
		share.last = range->first + (__u32)(to - 1);
		job->check(&share);
		job->done += share.done;
		if (share.wrong)
			g_error("%" G_GUINT64_FORMAT
				" addresses differ from the oracle's \"%s\", the first is %u.%u.%u.%u",
				share.wrong, oracle_class_name(range->class), share.first_wrong >> 24,
				share.first_wrong >> 16 & 255, share.first_wrong >> 8 & 255, share.first_wrong & 255);
	}
	return NULL;
}

static void run_over_all_addresses(check_fn check)
{
	struct job jobs[THREADS];
	GThread *threads[THREADS];
	guint64 done = 0;

	for (unsigned i = 0; i < THREADS; i++) {
		jobs[i] = (struct job){ .check = check, .index = i };
		threads[i] = g_thread_new("addresses", run_job, &jobs[i]);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		g_thread_join(threads[i]);
		done += jobs[i].done;
	}
	g_assert_cmpuint(done, ==, G_GUINT64_CONSTANT(1) << 32);
}

static void test_ranges_cover_everything(void)
{
	guint64 next = 0;

	for (guint i = 0; i < ranges->len; i++) {
		const struct oracle_range *range = &g_array_index(ranges, struct oracle_range, i);
		g_assert_cmpuint(range->first, ==, next);
		g_assert_cmpuint(range->last, >=, range->first);
		next = (guint64)range->last + 1;
	}
	g_assert_cmpuint(next, ==, G_GUINT64_CONSTANT(1) << 32);
}

static void test_every_class(void)
{
	run_over_all_addresses(check_classes);
}

static void test_every_verdict(void)
{
	run_over_all_addresses(check_verdicts);
}

static void test_every_allowance(void)
{
	run_over_all_addresses(check_allowances);
}

int main(int argc, char *argv[])
{
	g_test_init(&argc, &argv, NULL);
	if (argc < 2)
		g_error("usage: %s ORACLE-RANGES", argv[0]);
	ranges = oracle_ranges_read(argv[1]);
	g_test_add_func("/ipv4/the oracle's ranges cover all addresses without a gap", test_ranges_cover_everything);
	g_test_add_func("/ipv4/every one of the 2^32 addresses has the class the oracle says", test_every_class);
	g_test_add_func("/ipv4/every one of the 2^32 addresses gets the verdict of each profile its class asks for",
			test_every_verdict);
	g_test_add_func(
		"/ipv4/every profile with every set of allowances by class is as the design says in every range",
		test_every_allowance);
	return g_test_run();
}
