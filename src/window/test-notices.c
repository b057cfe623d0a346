/* SPDX-License-Identifier: MIT */
/* How often the person is told, with a clock of the test's own, and the words. */
#include "window/notices.h"

#define SECOND ((gint64)G_USEC_PER_SEC)

static GVariant *attempt_new(const char *application, const char *decider, const char *reason, const char *class,
			     const char *address, guint count)
{
	GVariantDict dict;

	g_variant_dict_init(&dict, NULL);
	g_variant_dict_insert(&dict, "application", "s", application);
	g_variant_dict_insert(&dict, "decider", "s", decider);
	g_variant_dict_insert(&dict, "executable", "s", "/usr/bin/curl");
	g_variant_dict_insert(&dict, "verdict", "s", "denied");
	g_variant_dict_insert(&dict, "reason", "s", reason);
	g_variant_dict_insert(&dict, "text", "s", "denied: as the service says it");
	g_variant_dict_insert(&dict, "class", "s", class);
	g_variant_dict_insert(&dict, "call", "s", "connect");
	g_variant_dict_insert(&dict, "address", "s", address);
	g_variant_dict_insert(&dict, "protocol", "s", "tcp");
	g_variant_dict_insert(&dict, "port", "u", 443);
	g_variant_dict_insert(&dict, "count", "t", (guint64)count);
	return g_variant_ref_sink(g_variant_dict_end(&dict));
}

static void add(NgwNotices *notices, const char *key, const char *address, gint64 now_us)
{
	g_autoptr(GVariant) attempt = attempt_new(key, key, "offline", "global", address, 1);

	ngw_notices_add(notices, key, attempt, now_us);
}

static void check_next(NgwNotices *notices, gint64 now_us, const char *key, guint64 count)
{
	gint64 wait;
	const NgwNotice *notice = ngw_notices_next(notices, now_us, &wait);

	g_assert_nonnull(notice);
	g_assert_cmpstr(notice->key, ==, key);
	g_assert_cmpuint(notice->count, ==, count);
}

static void check_wait(NgwNotices *notices, gint64 now_us, gint64 wanted)
{
	gint64 wait = -2;

	g_assert_null(ngw_notices_next(notices, now_us, &wait));
	g_assert_cmpint(wait, ==, wanted);
}

static void the_first_attempt_is_told_at_once_and_the_next_is_gathered(void)
{
	g_autoptr(NgwNotices) notices = ngw_notices_new();

	check_wait(notices, 0, -1);
	add(notices, "curl", "203.0.113.5", 0);
	check_next(notices, 0, "curl", 1);
	check_wait(notices, 0, -1);
	for (int i = 1; i <= 10; i++)
		add(notices, "curl", "203.0.113.5", i * SECOND);
	check_wait(notices, 10 * SECOND, 20 * SECOND);
	check_wait(notices, 30 * SECOND - 1, 1);
	check_next(notices, 30 * SECOND, "curl", 10);
	check_wait(notices, 30 * SECOND, -1);
}

static void no_more_than_six_a_minute_whoever_they_are_of(void)
{
	g_autoptr(NgwNotices) notices = ngw_notices_new();

	for (int i = 0; i < 8; i++) {
		g_autofree char *key = g_strdup_printf("app-%d", i);

		add(notices, key, "203.0.113.5", i * SECOND);
	}
	for (int i = 0; i < 6; i++) {
		g_autofree char *key = g_strdup_printf("app-%d", i);

		check_next(notices, (10 + i) * SECOND, key, 1);
	}
	check_wait(notices, 16 * SECOND, 54 * SECOND);
	check_next(notices, 70 * SECOND, "app-6", 1);
	check_wait(notices, 70 * SECOND, 1 * SECOND);
	check_next(notices, 71 * SECOND, "app-7", 1);
}

static void who_waits_longest_is_next(void)
{
	g_autoptr(NgwNotices) notices = ngw_notices_new();

	add(notices, "late", "203.0.113.5", 3 * SECOND);
	add(notices, "early", "203.0.113.5", 1 * SECOND);
	add(notices, "late", "203.0.113.5", 4 * SECOND);
	check_next(notices, 5 * SECOND, "early", 1);
	check_next(notices, 5 * SECOND, "late", 2);
}

static void what_was_seen_is_not_told(void)
{
	g_autoptr(NgwNotices) notices = ngw_notices_new();

	add(notices, "curl", "203.0.113.5", 0);
	add(notices, "wget", "203.0.113.5", 0);
	ngw_notices_drop(notices, "curl");
	check_next(notices, 0, "wget", 1);
	add(notices, "wget", "203.0.113.5", 1);
	ngw_notices_drop(notices, NULL);
	check_wait(notices, 60 * SECOND, -1);
	add(notices, "curl", "203.0.113.5", 60 * SECOND);
	check_next(notices, 60 * SECOND, "curl", 1);
}

static void a_flood_of_programs_is_bounded_and_passes(void)
{
	g_autoptr(NgwNotices) notices = ngw_notices_new();
	gint64 now = 0, wait;
	guint told = 0;

	for (int i = 0; i < 10 * NGW_NOTICES_MAX_APPS; i++) {
		g_autofree char *key = g_strdup_printf("app-%d", i);

		add(notices, key, "203.0.113.5", 0);
	}
	for (;;) {
		if (ngw_notices_next(notices, now, &wait)) {
			g_assert_cmpuint(++told, <=, NGW_NOTICES_MAX_APPS);
			continue;
		}
		if (wait < 0)
			break;
		g_assert_cmpint(wait, >, 0);
		now += wait;
	}
	g_assert_cmpuint(told, ==, NGW_NOTICES_MAX_APPS);
	g_assert_cmpint(now, >=, (NGW_NOTICES_MAX_APPS / NGW_NOTICES_MAX_A_MINUTE - 1) * 60 * SECOND);
	add(notices, "newcomer", "203.0.113.5", now + 60 * SECOND);
	check_next(notices, now + 60 * SECOND, "newcomer", 1);
}

static void check_body(NgwNotices *notices, gint64 now_us, const char *wanted)
{
	gint64 wait;
	const NgwNotice *notice = ngw_notices_next(notices, now_us, &wait);
	g_autofree char *body = NULL;

	g_assert_nonnull(notice);
	body = ngw_notice_body(notice, "Terminal");
	g_assert_cmpstr(body, ==, wanted);
}

static void the_body_has_destination_count_and_reason(void)
{
	g_autoptr(NgwNotices) notices = ngw_notices_new();
	g_autoptr(GVariant) own = attempt_new("curl", "curl", "not-local", "global", "2001:db8::1", 12);
	g_autoptr(GVariant) inherited = attempt_new("curl", "terminal", "offline", "lan", "192.168.77.2", 1);
	g_autoptr(GVariant) by_default = attempt_new("", "", "offline", "global", "203.0.113.7", 1);
	g_autoptr(GVariant) odd = attempt_new("curl", "curl", "too-deep", "global", "203.0.113.7", 1);

	ngw_notices_add(notices, "curl", own, 0);
	check_body(notices, 0, "[2001:db8::1]:443/tcp, 12 times.\nIt is Local, and this is on the Internet.");
	ngw_notices_add(notices, "terminal", inherited, 0);
	check_body(notices, 0, "192.168.77.2:443/tcp.\nTerminal, which started it, is Offline.");
	ngw_notices_add(notices, "/usr/bin/curl", by_default, 0);
	check_body(notices, 0, "203.0.113.7:443/tcp.\nPrograms nobody decided on are Offline.");
	ngw_notices_add(notices, "odd", odd, 0);
	check_body(notices, 0, "203.0.113.7:443/tcp.\ndenied: as the service says it");
	add(notices, "many", "203.0.113.1", 0);
	add(notices, "many", "203.0.113.2", 0);
	add(notices, "many", "203.0.113.3", 0);
	check_body(notices, 0, "203.0.113.3:443/tcp and 2 others, 3 times.\nIt is Offline.");
}

static void a_simulation_never_says_that_something_was_blocked(void)
{
	NgwNotice notice = { .key = (char *)"curl",
			     .count = 1,
			     .what = (char *)"203.0.113.7:443/tcp",
			     .n_whats = 1,
			     .reason = (char *)"offline",
			     .decider = (char *)"curl",
			     .is_simulated = TRUE };
	g_autofree char *title = ngw_notice_title(&notice, "curl");
	g_autofree char *body = ngw_notice_body(&notice, "curl");

	g_assert_cmpstr(title, ==, "curl would have been blocked");
	g_assert_cmpstr(body, ==, "203.0.113.7:443/tcp.\nIt is Offline. This is a simulation: nothing was blocked.");
}

static void check_needs(const char *reason, const char *class, const char *reason2, const char *class2,
			NgwProfile wanted)
{
	g_autoptr(NgwNotices) notices = ngw_notices_new();
	g_autoptr(GVariant) one = attempt_new("curl", "curl", reason, class, "192.168.77.2", 1);
	g_autoptr(GVariant) two = attempt_new("curl", "curl", reason2, class2, "203.0.113.5", 1);
	gint64 wait;

	ngw_notices_add(notices, "curl", one, 0);
	ngw_notices_add(notices, "curl", two, 0);
	g_assert_cmpint(ngw_notices_next(notices, 0, &wait)->needs, ==, wanted);
}

static void allowing_asks_for_no_more_than_is_needed(void)
{
	check_needs("offline", "lan", "offline", "machine", NGW_PROFILE_LOCAL);
	check_needs("offline", "lan", "offline", "global", NGW_PROFILE_ONLINE);
	check_needs("offline", "global", "offline", "on-link", NGW_PROFILE_ONLINE);
	check_needs("shared", "shared", "offline", "lan", NGW_PROFILE_ONLINE);
	check_needs("offline", "lan", "panic", "global", NGW_PROFILE_NONE);
	check_needs("panic", "global", "offline", "lan", NGW_PROFILE_NONE);
	check_needs("untagged", "global", "untagged", "global", NGW_PROFILE_NONE);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/notices/gathered", the_first_attempt_is_told_at_once_and_the_next_is_gathered);
	g_test_add_func("/notices/six", no_more_than_six_a_minute_whoever_they_are_of);
	g_test_add_func("/notices/order", who_waits_longest_is_next);
	g_test_add_func("/notices/seen", what_was_seen_is_not_told);
	g_test_add_func("/notices/flood", a_flood_of_programs_is_bounded_and_passes);
	g_test_add_func("/notices/body", the_body_has_destination_count_and_reason);
	g_test_add_func("/notices/simulation", a_simulation_never_says_that_something_was_blocked);
	g_test_add_func("/notices/needs", allowing_asks_for_no_more_than_is_needed);
	return g_test_run();
}
