/* SPDX-License-Identifier: MIT */
/* Is a change a loosening: profiles, classes, allowances, children, and what follows an end. Pure; no service. */
#include <string.h>

#include "guardd/change.h"
#include "guardd/loosening.h"

#define NOW 1000

static NgPolicyApp *app_full(guint8 profile, guint8 flags, const char *const *allow, gint64 until, guint8 then)
{
	NgPolicyApp *app = ng_policy_app_new("curl");
	g_autoptr(GError) error = NULL;

	app->profile = profile;
	app->flags = flags;
	if (allow)
		ng_policy_app_set_allow(app, allow, &error);
	g_assert_no_error(error);
	app->until = until;
	app->then = then;
	return app;
}

static NgPolicyApp *app(guint8 profile)
{
	return app_full(profile, 0, NULL, 0, 0);
}

static NgPolicyApp *app_allowing(guint8 profile, const char *allow)
{
	g_auto(GStrv) texts = g_strsplit(allow, " ", -1);

	return app_full(profile, 0, (const char *const *)texts, 0, 0);
}

/* Takes both. */
static gboolean loosens(NgPolicyApp *before, NgPolicyApp *after, guint8 otherwise)
{
	const NgPermit fallback = ng_permit_of_default(otherwise, 0);
	const NgCourse was = { before, NULL, fallback }, will_be = { after, NULL, fallback };
	const gboolean answer = ng_course_loosens(&was, &will_be, NOW);

	g_clear_pointer(&before, ng_policy_app_free);
	g_clear_pointer(&after, ng_policy_app_free);
	return answer;
}

static void test_a_wider_profile_loosens_and_no_other(void)
{
	for (guint8 before = NG_PROFILE_OFFLINE; before <= NG_PROFILE_ONLINE; before++) {
		for (guint8 after = NG_PROFILE_OFFLINE; after <= NG_PROFILE_ONLINE; after++)
			g_assert_cmpint(loosens(app(before), app(after), NG_PROFILE_ONLINE), ==, after > before);
	}
}

static void test_nobody_is_the_default(void)
{
	for (guint8 otherwise = NG_PROFILE_OFFLINE; otherwise <= NG_PROFILE_ONLINE; otherwise++) {
		for (guint8 profile = NG_PROFILE_OFFLINE; profile <= NG_PROFILE_ONLINE; profile++) {
			g_assert_cmpint(loosens(NULL, app(profile), otherwise), ==, profile > otherwise);
			/* An Online one restricts nobody; any other did restrict what it started. */
			g_assert_cmpint(loosens(app(profile), NULL, otherwise), ==, profile != NG_PROFILE_ONLINE);
		}
	}
}

static void test_a_class_that_a_flag_opens_loosens(void)
{
	static const guint8 flags[] = { NG_APP_LOOPBACK, NG_APP_SHARED, NG_APP_METADATA };

	for (gsize i = 0; i < G_N_ELEMENTS(flags); i++) {
		g_assert_true(loosens(app(NG_PROFILE_OFFLINE), app_full(NG_PROFILE_OFFLINE, flags[i], NULL, 0, 0),
				      NG_PROFILE_ONLINE));
		g_assert_false(loosens(app_full(NG_PROFILE_OFFLINE, flags[i], NULL, 0, 0), app(NG_PROFILE_OFFLINE),
				       NG_PROFILE_ONLINE));
		g_assert_true(loosens(app(NG_PROFILE_ONLINE), app_full(NG_PROFILE_LOCAL, flags[i], NULL, 0, 0),
				      NG_PROFILE_ONLINE));
		g_assert_false(loosens(app_full(NG_PROFILE_ONLINE, flags[i], NULL, 0, 0),
				       app_full(NG_PROFILE_LOCAL, flags[i], NULL, 0, 0), NG_PROFILE_ONLINE));
	}
	g_assert_true(loosens(app(NG_PROFILE_LOCAL), app_full(NG_PROFILE_LOCAL, NG_APP_SHARED, NULL, 0, 0),
			      NG_PROFILE_ONLINE));
	g_assert_true(loosens(app(NG_PROFILE_LOCAL), app_full(NG_PROFILE_OFFLINE, NG_APP_METADATA, NULL, 0, 0),
			      NG_PROFILE_ONLINE));
	/* A narrower profile with a flag that the wider one lacked. */
	g_assert_true(loosens(app_full(NG_PROFILE_LOCAL, NG_APP_SHARED, NULL, 0, 0),
			      app_full(NG_PROFILE_OFFLINE, NG_APP_METADATA, NULL, 0, 0), NG_PROFILE_ONLINE));
}

static void test_allowances_within_one_another_are_told(void)
{
	static const struct {
		const char *before, *after;
		gboolean loosens;
	} cases[] = {
		{ "198.51.100.7", "198.51.100.7", FALSE },
		{ "198.51.100.0/24", "198.51.100.7", FALSE },
		{ "198.51.100.7", "198.51.100.0/24", TRUE },
		{ "198.51.100.7:443/tcp", "198.51.100.7:443/tcp", FALSE },
		{ "198.51.100.7:443/tcp", "198.51.100.7:443", TRUE },
		{ "198.51.100.7:443/tcp", "198.51.100.7", TRUE },
		{ "198.51.100.7", "198.51.100.7:443/tcp", FALSE },
		{ "198.51.100.7:400-500", "198.51.100.7:443", FALSE },
		{ "198.51.100.7:443", "198.51.100.7:442-443", TRUE },
		{ "198.51.100.7:443", "198.51.100.7:443-444", TRUE },
		{ "198.51.100.7/tcp", "198.51.100.7/udp", TRUE },
		{ "198.51.100.7 203.0.113.9", "203.0.113.9", FALSE },
		{ "198.51.100.7", "198.51.100.7 203.0.113.9", TRUE },
		{ "2001:db8::/32", "2001:db8:1::/48", FALSE },
		{ "2001:db8:1::/48", "2001:db8::/32", TRUE },
		{ "2000::/3", "198.51.100.7", TRUE },
		{ "0.0.0.0/0", "2001:db8::1", TRUE },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_test_message("%s -> %s", cases[i].before, cases[i].after);
		g_assert_cmpint(loosens(app_allowing(NG_PROFILE_OFFLINE, cases[i].before),
					app_allowing(NG_PROFILE_OFFLINE, cases[i].after), NG_PROFILE_ONLINE),
				==, cases[i].loosens);
	}
}

static void test_what_only_a_later_profile_would_feel_is_a_loosening(void)
{
	for (guint8 profile = NG_PROFILE_OFFLINE; profile <= NG_PROFILE_ONLINE; profile++) {
		for (guint8 later = NG_PROFILE_OFFLINE; later <= profile; later++) {
			g_assert_true(loosens(app(profile), app_allowing(later, "0.0.0.0/1"), NG_PROFILE_ONLINE));
			g_assert_true(loosens(app(profile), app_allowing(later, "192.168.1.7"), NG_PROFILE_ONLINE));
			g_assert_true(
				loosens(app(profile), app_full(later, NG_APP_LOOPBACK, NULL, 0, 0), NG_PROFILE_ONLINE));
			g_assert_true(loosens(app(profile), app_full(later, NG_APP_CHILDREN_OWN, NULL, 0, 0),
					      NG_PROFILE_ONLINE));
			/* What was there before may stay. */
			g_assert_false(loosens(app_allowing(profile, "198.51.100.0/24"),
					       app_allowing(later, "198.51.100.7"), NG_PROFILE_ONLINE));
		}
		/* One that nobody had decided on. */
		g_assert_true(loosens(NULL, app_allowing(profile, "198.51.100.7"), NG_PROFILE_ONLINE));
		g_assert_true(loosens(NULL, app_full(profile, NG_APP_CHILDREN_OWN, NULL, 0, 0), NG_PROFILE_ONLINE));
	}
}

static void test_children_that_go_free_are_a_loosening(void)
{
	g_assert_true(loosens(app(NG_PROFILE_LOCAL), app_full(NG_PROFILE_LOCAL, NG_APP_CHILDREN_OWN, NULL, 0, 0),
			      NG_PROFILE_ONLINE));
	g_assert_true(loosens(app(NG_PROFILE_LOCAL), app_full(NG_PROFILE_OFFLINE, NG_APP_CHILDREN_OWN, NULL, 0, 0),
			      NG_PROFILE_ONLINE));
	g_assert_false(loosens(app_full(NG_PROFILE_LOCAL, NG_APP_CHILDREN_OWN, NULL, 0, 0), app(NG_PROFILE_LOCAL),
			       NG_PROFILE_ONLINE));
}

static NgPolicyApp *until(guint8 profile, gint64 end, guint8 then)
{
	return app_full(profile, 0, NULL, end, then);
}

static void test_what_follows_an_end_counts(void)
{
	/* Tighter for an hour, then as before. */
	g_assert_false(loosens(app(NG_PROFILE_LOCAL), until(NG_PROFILE_OFFLINE, NOW + 60, NG_PROFILE_LOCAL),
			       NG_PROFILE_ONLINE));
	/* Tighter for an hour, then wider. */
	g_assert_true(loosens(app(NG_PROFILE_LOCAL), until(NG_PROFILE_OFFLINE, NOW + 60, NG_PROFILE_ONLINE),
			      NG_PROFILE_ONLINE));
	/* Then forgotten: the default, which is wider. */
	g_assert_true(loosens(app(NG_PROFILE_LOCAL), until(NG_PROFILE_OFFLINE, NOW + 60, 0), NG_PROFILE_ONLINE));
	/* The restriction ends sooner. */
	g_assert_true(loosens(until(NG_PROFILE_OFFLINE, NOW + 60, NG_PROFILE_ONLINE),
			      until(NG_PROFILE_OFFLINE, NOW + 30, NG_PROFILE_ONLINE), NG_PROFILE_ONLINE));
	g_assert_false(loosens(until(NG_PROFILE_OFFLINE, NOW + 30, NG_PROFILE_ONLINE),
			       until(NG_PROFILE_OFFLINE, NOW + 60, NG_PROFILE_ONLINE), NG_PROFILE_ONLINE));
	/* The freedom ends later. */
	g_assert_true(loosens(until(NG_PROFILE_ONLINE, NOW + 30, NG_PROFILE_OFFLINE),
			      until(NG_PROFILE_ONLINE, NOW + 60, NG_PROFILE_OFFLINE), NG_PROFILE_ONLINE));
	/* What is over already says what followed. */
	g_assert_true(loosens(until(NG_PROFILE_ONLINE, NOW - 1, NG_PROFILE_OFFLINE), app(NG_PROFILE_LOCAL),
			      NG_PROFILE_ONLINE));
}

static NgPolicyApp *spanning(guint8 profile, guint8 then)
{
	NgPolicyApp *made = app_full(profile, 0, NULL, 0, then);

	made->span = NG_SPAN_RUNNING;
	return made;
}

static void test_a_span_may_end_at_any_moment(void)
{
	g_assert_false(loosens(NULL, spanning(NG_PROFILE_OFFLINE, 0), NG_PROFILE_ONLINE));
	g_assert_true(loosens(app(NG_PROFILE_OFFLINE), spanning(NG_PROFILE_OFFLINE, 0), NG_PROFILE_ONLINE));
	g_assert_true(
		loosens(spanning(NG_PROFILE_ONLINE, NG_PROFILE_OFFLINE), app(NG_PROFILE_LOCAL), NG_PROFILE_ONLINE));
	g_assert_false(
		loosens(spanning(NG_PROFILE_ONLINE, NG_PROFILE_OFFLINE), app(NG_PROFILE_OFFLINE), NG_PROFILE_ONLINE));
}

static void test_a_packages_file_is_what_is_left(void)
{
	g_autoptr(NgPolicyApp) below = app(NG_PROFILE_OFFLINE), mine = app(NG_PROFILE_LOCAL);
	const NgPermit online = ng_permit_of_default(NG_PROFILE_ONLINE, 0);
	const NgCourse was = { mine, below, online }, will_be = { below, below, online };

	g_assert_false(ng_course_loosens(&was, &will_be, NOW));
	g_assert_true(ng_course_loosens(&will_be, &was, NOW));
}

static void test_a_profile_that_does_not_exist_is_never_within(void)
{
	const NgPermit all = { NG_PROFILE_ONLINE, 0, NULL, 0 };

	for (guint profile = 0; profile < 256; profile++) {
		const NgPermit strange = { (guint8)profile, 0, NULL, 0 };
		const gboolean exists = profile >= NG_PROFILE_OFFLINE && profile <= NG_PROFILE_ONLINE;

		g_assert_cmpint(ng_permit_within(&strange, &all), ==, exists);
	}
}

static void test_modes_are_told_apart(void)
{
	g_assert_cmpint(ng_change_of_mode(NG_MODE_PANIC, NG_MODE_NORMAL), ==, NG_ACTION_LOOSEN);
	g_assert_cmpint(ng_change_of_mode(NG_MODE_PAUSED, NG_MODE_NORMAL), ==, NG_ACTION_TIGHTEN);
	g_assert_cmpint(ng_change_of_mode(NG_MODE_NORMAL, NG_MODE_NORMAL), ==, NG_ACTION_TIGHTEN);
	g_assert_cmpint(ng_change_of_mode(NG_MODE_PAUSED, NG_MODE_PANIC), ==, NG_ACTION_TIGHTEN);
	g_assert_cmpint(ng_change_of_mode(NG_MODE_PANIC, NG_MODE_PAUSED), ==, NG_ACTION_PAUSE);
	g_assert_cmpint(ng_change_of_mode(NG_MODE_NORMAL, NG_MODE_PAUSED), ==, NG_ACTION_PAUSE);
}

static NgPolicyApp *random_app(GRand *rand)
{
	static const char *const allows[] = { "198.51.100.0/24", "198.51.100.7:443/tcp", "10.0.0.0/8", "0.0.0.0/0",
					      "192.168.1.7",     "2001:db8::/32",        "100.64.0.1" };
	const gint n = g_rand_int_range(rand, 0, 3);
	const char *texts[3] = { NULL };
	NgPolicyApp *made;

	for (gint i = 0; i < n; i++)
		texts[i] = allows[g_rand_int_range(rand, 0, G_N_ELEMENTS(allows))];
	made = app_full((guint8)g_rand_int_range(rand, 1, 4), 0, texts, 0, 0);
	made->flags = (guint8)g_rand_int_range(rand, 0, NG_APP_CLASS_MASK + 1);
	return made;
}

static gboolean is_allowed(const NgPermit *permit, const struct ng_flow *flow)
{
	const struct ng_app rules = { permit->profile, permit->flags, (guint16)permit->n_allows, 0 };
	struct ng_allows list = { .count = permit->n_allows };

	if (permit->n_allows)
		memcpy(list.allow, permit->allows, permit->n_allows * sizeof *permit->allows);
	return ng_verdict_decide(&rules, &list, flow).allowed;
}

static void assert_tighter(const NgPermit *after, const NgPermit *before)
{
	static const char *const addresses[] = { "198.51.100.7", "198.51.100.8", "10.1.2.3",        "127.0.0.1",
						 "192.168.1.7",  "100.64.0.1",   "169.254.169.254", "8.8.8.8" };

	for (guint i = 0; i < G_N_ELEMENTS(addresses); i++) {
		struct ng_flow flow = { .proto = 6, .port = i % 2 ? 443 : 80 };
		g_autoptr(GInetAddress) address = g_inet_address_new_from_string(addresses[i]);

		flow.addr[10] = flow.addr[11] = 0xff;
		memcpy(flow.addr + 12, g_inet_address_to_bytes(address), 4);
		for (flow.call = NG_CALL_CREATE; flow.call <= NG_CALL_RECV; flow.call++)
			g_assert_true(!is_allowed(after, &flow) || is_allowed(before, &flow));
	}
}

/* Random pairs against the decision itself. */
static void test_what_is_called_tighter_is_tighter_for_the_verdict(void)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(7);
	guint n_tighter = 0;

	for (guint round = 0; round < 20000; round++) {
		g_autoptr(NgPolicyApp) one = random_app(rand), other = random_app(rand);
		const NgPermit before = ng_permit_of(one), after = ng_permit_of(other);

		if (!ng_permit_within(&after, &before))
			continue;
		assert_tighter(&after, &before);
		n_tighter++;
	}
	g_assert_cmpuint(n_tighter, >, 1000);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
#define TEST(name) g_test_add_func("/loosening/" #name, test_##name)
	TEST(a_wider_profile_loosens_and_no_other);
	TEST(nobody_is_the_default);
	TEST(a_class_that_a_flag_opens_loosens);
	TEST(allowances_within_one_another_are_told);
	TEST(what_only_a_later_profile_would_feel_is_a_loosening);
	TEST(children_that_go_free_are_a_loosening);
	TEST(what_follows_an_end_counts);
	TEST(a_span_may_end_at_any_moment);
	TEST(a_packages_file_is_what_is_left);
	TEST(a_profile_that_does_not_exist_is_never_within);
	TEST(modes_are_told_apart);
	TEST(what_is_called_tighter_is_tighter_for_the_verdict);
	return g_test_run();
}
