/* SPDX-License-Identifier: MIT */
/* The engine's small parts by themselves: own prefixes, settings, the mode's file, pins, tips, capabilities. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "guardd/attempts.h"
#include "guardd/capabilities.h"
#include "guardd/mode.h"
#include "guardd/onlink.h"
#include "guardd/pins.h"
#include "guardd/settings.h"

static gboolean prefix_of(const char *address, const char *mask, struct ng_image_onlink *ret_prefix)
{
	struct sockaddr_in a4 = { .sin_family = AF_INET }, m4 = a4;
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6 }, m6 = a6;

	if (inet_pton(AF_INET, address, &a4.sin_addr) == 1) {
		g_assert_cmpint(inet_pton(AF_INET, mask, &m4.sin_addr), ==, 1);
		return ng_onlink_prefix((struct sockaddr *)&a4, (struct sockaddr *)&m4, ret_prefix);
	}
	g_assert_cmpint(inet_pton(AF_INET6, address, &a6.sin6_addr), ==, 1);
	g_assert_cmpint(inet_pton(AF_INET6, mask, &m6.sin6_addr), ==, 1);
	return ng_onlink_prefix((struct sockaddr *)&a6, (struct sockaddr *)&m6, ret_prefix);
}

static void test_onlink(void)
{
	static const struct {
		const char *address, *mask, *first;
		guint length; /* 0: does not count */
	} cases[] = {
		{ "203.0.113.77", "255.255.255.0", "203.0.113.0", 96 + 24 },
		{ "203.0.113.77", "255.255.255.255", "203.0.113.77", 128 },
		{ "11.22.33.44", "255.0.0.0", "11.0.0.0", 96 + 8 },
		{ "11.22.33.44", "254.0.0.0", NULL, 0 },
		{ "11.22.33.44", "0.0.0.0", NULL, 0 },
		{ "2001:db8:1:2::5", "ffff:ffff:ffff:ffff::", "2001:db8:1:2::", 64 },
		{ "2001:db8:1:2::5", "ffff:ffff::", "2001:db8::", 32 },
		{ "2001:db8:1:2::5", "ffff:fffe::", NULL, 0 },
		{ "2001:db8:1:2::5", "::", NULL, 0 },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct ng_image_onlink prefix = { 0 };
		const gboolean counts = prefix_of(cases[i].address, cases[i].mask, &prefix);
		g_autofree char *text = ng_address_text(prefix.addr);

		g_assert_true(counts == (cases[i].length > 0));
		g_assert_cmpuint(prefix.prefix_len, ==, cases[i].length);
		if (counts)
			g_assert_cmpstr(text, ==, cases[i].first);
	}
}

static void write_settings(const char *folder, const char *text)
{
	g_autofree char *path = g_build_filename(folder, NG_SETTINGS_FILE, NULL);

	g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void test_settings(void)
{
	static const struct {
		const char *text;
		guint line;
	} wrong[] = {
		{ "[Default]\nProfile=Online\n", 2 },
		{ "[Default]\nProfile=\n", 2 },
		{ "\n[Default]\nAllow=10.0.0.0/8\n", 3 },
		{ "[Default]\nAllow=everything\n", 2 },
		{ "[Default]\nColour=red\n", 2 },
		{ "[History]\n\nMaxAgeDays=-1\n", 3 },
		{ "[History]\nMaxSizeMB=lots\n", 2 },
		{ "[Default]\nProfile=local\n[Extra]\n", 3 },
		{ "Profile=local\n", 0 },
	};
	g_autofree char *folder = g_dir_make_tmp("netguard-settings-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(folder, NG_SETTINGS_FILE, NULL);
	NgSettings settings;
	guint line;

	ng_settings_init(&settings);
	g_assert_true(ng_settings_read(&settings, path, &line, NULL));
	g_assert_cmpuint(settings.default_profile, ==, NG_PROFILE_ONLINE);
	write_settings(folder,
		       "[Default]\nProfile=local\nAllow=loopback; shared\n[History]\nMaxAgeDays=0\nMaxSizeMB=5\n");
	g_assert_true(ng_settings_read(&settings, path, &line, NULL));
	g_assert_cmpuint(settings.default_profile, ==, NG_PROFILE_LOCAL);
	g_assert_cmpuint(settings.default_flags, ==, NG_APP_LOOPBACK | NG_APP_SHARED);
	g_assert_cmpint(settings.retention.max_age, ==, 0);
	g_assert_cmpuint(settings.retention.max_bytes, ==, 5 << 20);
	for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
		const NgSettings before = settings;
		g_autoptr(GError) error = NULL;

		write_settings(folder, wrong[i].text);
		g_assert_false(ng_settings_read(&settings, path, &line, &error));
		g_assert_nonnull(error);
		g_assert_cmpuint(line, ==, wrong[i].line);
		g_assert_true(ng_settings_equal(&settings, &before));
		g_assert_cmpuint(settings.given, ==, before.given);
	}
	g_assert_cmpint(remove(path), ==, 0);
	g_assert_cmpint(remove(folder), ==, 0);
}

static void test_settings_merge(void)
{
	g_autofree char *folder = g_dir_make_tmp("netguard-settings-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(folder, NG_SETTINGS_FILE, NULL);
	NgSettings user, admin, both, read;
	g_autofree char *text = NULL, *nothing = NULL;
	guint line;

	ng_settings_init(&user);
	admin = read = user;
	g_assert_true(ng_settings_set(&user, NG_SETTING_PROFILE, "offline", NULL));
	g_assert_true(ng_settings_set(&user, NG_SETTING_ALLOW, "loopback;shared", NULL));
	g_assert_true(ng_settings_set(&user, NG_SETTING_SIZE, "7", NULL));
	g_assert_false(ng_settings_set(&user, NG_SETTING_SIZE, "-7", NULL));
	g_assert_true(ng_settings_set(&admin, NG_SETTING_ALLOW, "", NULL));
	g_assert_true(ng_settings_set(&admin, NG_SETTING_AGE, "3", NULL));
	both = ng_settings_merge(&user, &admin);
	text = ng_settings_text(&both);
	g_assert_cmpstr(text, ==, "[Default]\nProfile=offline\nAllow=\n[History]\nMaxAgeDays=3\nMaxSizeMB=7\n");
	write_settings(folder, text);
	g_assert_true(ng_settings_read(&read, path, &line, NULL));
	g_assert_true(ng_settings_equal(&read, &both));
	g_assert_cmpuint(read.given, ==, both.given);
	/* What is not there says nothing. */
	g_assert_cmpint(remove(path), ==, 0);
	g_assert_true(ng_settings_read(&read, path, &line, NULL));
	nothing = ng_settings_text(&read);
	g_assert_cmpstr(nothing, ==, "");
	g_assert_cmpint(remove(folder), ==, 0);
}

static void test_mode(void)
{
	g_autofree char *folder = g_dir_make_tmp("netguard-mode-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(folder, "mode", NULL);
	g_autoptr(GError) error = NULL;
	NgMode mode;

	g_assert_true(ng_mode_read(folder, &mode, NULL));
	g_assert_cmpuint(mode.mode, ==, NG_MODE_NORMAL);
	g_assert_true(ng_mode_write(folder, &(NgMode){ NG_MODE_PAUSED, 4102444800 }, NULL));
	g_assert_true(ng_mode_read(folder, &mode, NULL));
	g_assert_cmpuint(mode.mode, ==, NG_MODE_PAUSED);
	g_assert_cmpint(mode.paused_until, ==, 4102444800);
	g_assert_true(g_file_set_contents(path, "[Mode]\nMode=asleep\n", -1, NULL));
	g_assert_false(ng_mode_read(folder, &mode, &error));
	g_assert_nonnull(strstr(error->message, "mode"));
	g_assert_cmpuint(mode.mode, ==, NG_MODE_NORMAL);
	g_assert_cmpint(remove(path), ==, 0);
	g_assert_cmpint(remove(folder), ==, 0);
}

static void test_pins(void)
{
	char one[NG_PINS_MAX], other[NG_PINS_MAX], indirect[NG_PINS_MAX];

	ng_pins_path("/run/netguard", one);
	g_assert_cmpstr(one, ==, "/sys/fs/bpf/netguard/main");
	ng_pins_path("/nonexistent/a", one);
	ng_pins_path("/nonexistent/b", other);
	g_assert_cmpstr(one, !=, other);
	g_assert_cmpuint(strlen(one), ==, strlen(NG_PINS_ROOT) + 1 + 16);
	ng_pins_path("/usr/../usr/bin", one);
	ng_pins_path("/usr/bin", indirect);
	g_assert_cmpstr(one, ==, indirect);
}

static void test_tips(void)
{
	static const struct {
		const char *app, *exe;
		struct ng_verdict verdict;
		guint8 profile;
		const char *tip;
	} cases[] = {
		{ "curl", "", { 0, NG_REASON_OFFLINE, NG_CLASS_GLOBAL, 0 }, 1, "sudo netguard set curl online" },
		{ "curl", "", { 0, NG_REASON_OFFLINE, NG_CLASS_LAN, 0 }, 1, "sudo netguard set curl local" },
		{ "curl", "", { 0, NG_REASON_NOT_LOCAL, NG_CLASS_GLOBAL, 0 }, 2, "sudo netguard set curl online" },
		{ "", "/usr/bin/x y", { 0, NG_REASON_NOT_LOCAL, 0, 0 }, 2, "sudo netguard set '/usr/bin/x y' online" },
		{ "a", "", { 0, NG_REASON_SHARED, NG_CLASS_SHARED, 0 }, 2, "sudo netguard set a local --allow shared" },
		{ "a", "", { 0, NG_REASON_PANIC, 0, 0 }, 1, "sudo netguard resume" },
		{ "a", "", { 0, NG_REASON_UNTAGGED, 0, 0 }, 1, "" },
		{ "a", "", { 1, NG_REASON_ONLINE, 0, 0 }, 3, "" },
		{ "", "", { 0, NG_REASON_OFFLINE, 0, 0 }, 1, "" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *tip = ng_attempt_tip(cases[i].app, cases[i].exe, &cases[i].verdict, cases[i].profile);

		g_assert_cmpstr(tip, ==, cases[i].tip);
	}
}

static void test_capabilities(void)
{
	guint32 all = 0;

	for (gsize i = 0; i < ng_n_capabilities; i++) {
		g_assert_cmpuint(all & ng_capabilities[i].bit, ==, 0);
		all |= ng_capabilities[i].bit;
		g_assert_true(*ng_capabilities[i].present && *ng_capabilities[i].absent);
	}
	/* Every bit of message.h, which has them without a gap. */
	g_assert_cmpuint(all, ==, (NG_CAN_INHERITED << 1) - 1);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/parts/own prefixes are cut to their length and short ones do not count", test_onlink);
	g_test_add_func("/parts/wrong settings are refused whole with their line", test_settings);
	g_test_add_func("/parts/of two settings files the administrator's wins key by key", test_settings_merge);
	g_test_add_func("/parts/the mode comes back from its file", test_mode);
	g_test_add_func("/parts/every runtime folder has pins of its own", test_pins);
	g_test_add_func("/parts/a tip names the command that would allow it", test_tips);
	g_test_add_func("/parts/every capability is named once", test_capabilities);
	return g_test_run();
}
