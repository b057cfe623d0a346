/* SPDX-License-Identifier: MIT */
/*
 * Own prefixes, in a network namespace that the test makes for itself; where it may not make one, that is said and
 * skipped. Interfaces are made with ip(8); the changes are seen without waiting, as netlink tells before ip returns.
 */
#include <arpa/inet.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "run/names-private.h"
#include "run/onlink.h"

static const char *why_not;

static void ip(const char *arguments)
{
	g_autofree char *line = g_strdup_printf("ip %s", arguments);
	g_auto(GStrv) argv = g_strsplit(line, " ", -1);
	g_autoptr(GError) error = NULL;
	int status = 0;

	g_assert_true(g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status, &error));
	g_assert_cmpint(status, ==, 0);
}

static bool has(struct ng_prefixes *prefixes, const char *text)
{
	uint8_t addr[16] = { [10] = 0xff, [11] = 0xff };

	if (strchr(text, ':'))
		g_assert_cmpint(inet_pton(AF_INET6, text, addr), ==, 1);
	else
		g_assert_cmpint(inet_pton(AF_INET, text, addr + 12), ==, 1);
	return ng_prefixes_contain(prefixes, addr);
}

/* A namespace of the test's own, with an interface `near` that is up. */
static struct ng_prefixes *start(void)
{
	struct ng_prefixes *prefixes = NULL;

	if (why_not) {
		g_test_skip(why_not);
		return NULL;
	}
	g_assert_cmpint(unshare(CLONE_NEWNET), ==, 0);
	ip("link add name near type veth peer name far");
	ip("link set near up");
	ip("link set far up");
	g_assert_cmpint(ng_prefixes_new(&prefixes), ==, 0);
	return prefixes;
}

static void test_prefix(void)
{
	struct ng_prefixes *prefixes = start();

	if (!prefixes)
		return;
	ip("addr add 203.0.113.77/26 dev near");
	ip("addr add 2001:db8:1::5/64 dev near nodad");
	g_assert_true(has(prefixes, "203.0.113.64") && has(prefixes, "203.0.113.77") && has(prefixes, "203.0.113.127"));
	g_assert_false(has(prefixes, "203.0.113.63") || has(prefixes, "203.0.113.128"));
	g_assert_true(has(prefixes, "2001:db8:1::5") && has(prefixes, "2001:db8:1::ffff"));
	g_assert_false(has(prefixes, "2001:db8:1:1::5") || has(prefixes, "198.51.100.1"));
	ng_prefixes_free(prefixes);
}

static void test_changes(void)
{
	struct ng_prefixes *prefixes = start();
	uint64_t generation;

	if (!prefixes)
		return;
	g_assert_false(has(prefixes, "203.0.113.9"));
	generation = ng_prefixes_generation(prefixes);
	ip("addr add 203.0.113.1/24 dev near");
	g_assert_true(has(prefixes, "203.0.113.9"));
	g_assert_cmpuint(ng_prefixes_generation(prefixes), >, generation);
	generation = ng_prefixes_generation(prefixes);
	ip("link set far alias harmless");
	g_assert_true(has(prefixes, "203.0.113.9"));
	g_assert_cmpuint(ng_prefixes_generation(prefixes), ==, generation);
	ip("link set near down");
	g_assert_false(has(prefixes, "203.0.113.9"));
	ip("link set near up");
	g_assert_true(has(prefixes, "203.0.113.9"));
	ip("link del near");
	g_assert_false(has(prefixes, "203.0.113.9"));
	ng_prefixes_free(prefixes);
}

static void test_wide(void)
{
	struct ng_prefixes *prefixes = start();

	if (!prefixes)
		return;
	ip("addr add 203.0.113.1/7 dev near");
	ip("addr add 2001:db8::1/31 dev near nodad");
	g_assert_true(has(prefixes, "203.0.113.1") && has(prefixes, "2001:db8::1"));
	g_assert_false(has(prefixes, "203.0.113.2") || has(prefixes, "2001:db8::2") || has(prefixes, "202.0.0.0"));
	ng_prefixes_free(prefixes);
}

static void test_loopback(void)
{
	struct ng_prefixes *prefixes = start();

	if (!prefixes)
		return;
	ip("link set lo up");
	ip("addr add 198.51.100.1/24 dev lo");
	g_assert_true(has(prefixes, "198.51.100.1"));
	g_assert_false(has(prefixes, "198.51.100.2"));
	ng_prefixes_free(prefixes);
}

static void test_names(void)
{
	const struct ng_name_sources sources = { "/nonexistent", "/nonexistent", 53 };
	const uint8_t addr[16] = { [10] = 0xff, [11] = 0xff, [12] = 203, [13] = 0, [14] = 113, [15] = 9 };
	struct ng_run_policy policy = { .app.profile = NG_PROFILE_OFFLINE, .n_names = 1 };
	struct ng_prefixes *prefixes = start();
	struct ng_names *names = NULL;

	if (!prefixes)
		return;
	g_strlcpy(policy.names[0].name, "api.example.com", sizeof policy.names[0].name);
	g_assert_cmpint(ng_names_new_from(&policy, &sources, &names), ==, 0);
	ng_names_set_prefixes(names, prefixes);
	ip("addr add 203.0.113.1/24 dev near");
	g_assert_false(ng_names_admit(names, "api.example.com", addr, 60));
	ip("addr flush dev near");
	g_assert_true(ng_names_admit(names, "api.example.com", addr, 60));
	ng_names_free(names);
	ng_prefixes_free(prefixes);
}

static void test_peer(void)
{
	struct ng_prefixes *prefixes = start();

	if (!prefixes)
		return;
	ip("addr add 203.0.113.1 peer 198.51.100.1/24 dev near");
	g_assert_true(has(prefixes, "203.0.113.1"));
	g_assert_false(has(prefixes, "203.0.113.2") || has(prefixes, "198.51.100.2"));
	ng_prefixes_free(prefixes);
}

static void count_one(const uint8_t addr[static 16], uint8_t prefix_len, void *data)
{
	g_assert_cmpuint(prefix_len, <=, 128);
	(*(unsigned *)data)++;
}

static void test_many(void)
{
	struct ng_prefixes *prefixes = start();
	g_autoptr(GString) batch = g_string_new(NULL);
	g_autofree char *path = NULL, *line = NULL;
	unsigned count = 0;
	int fd;

	if (!prefixes)
		return;
	g_assert_false(has(prefixes, "203.0.113.9"));
	for (unsigned i = 0; i < 3000; i++)
		g_string_append_printf(batch, "addr add 20.%u.%u.1/24 dev near\n", i / 250, i % 250);
	fd = g_file_open_tmp("ng-onlink-XXXXXX", &path, NULL);
	g_assert_cmpint(fd, >=, 0);
	close(fd);
	g_assert_true(g_file_set_contents(path, batch->str, -1, NULL));
	line = g_strdup_printf("-batch %s", path);
	ip(line); /* more messages than the socket holds */
	ng_prefixes_each(prefixes, count_one, &count);
	g_assert_cmpuint(count, ==, 256);
	ip("addr flush dev near");
	count = 0;
	ng_prefixes_each(prefixes, count_one, &count);
	g_assert_cmpuint(count, <=, 2); /* the link-local ones */
	g_unlink(path);
	ng_prefixes_free(prefixes);
}

/* Root of a user namespace of its own where this is not root: ip(8) must keep the capabilities over its exec. */
static bool may_make_namespaces(void)
{
	g_autofree char *map = g_strdup_printf("0 %u 1", geteuid());

	if (unshare(CLONE_NEWNET) == 0)
		return true;
	return unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 &&
	       g_file_set_contents_full("/proc/self/uid_map", map, -1, G_FILE_SET_CONTENTS_NONE, 0600, NULL);
}

int main(int argc, char **argv)
{
	g_autofree char *ip_path = g_find_program_in_path("ip");

	g_test_init(&argc, &argv, NULL);
	if (!ip_path)
		why_not = "ip(8) is not installed";
	else if (!may_make_namespaces())
		why_not = "this user may not make a network namespace";
	g_test_add_func("/run/onlink/a prefix of an own interface is on-link, its neighbours are not", test_prefix);
	g_test_add_func("/run/onlink/a change is seen at the next question", test_changes);
	g_test_add_func("/run/onlink/of a prefix that is too wide only the own address counts", test_wide);
	g_test_add_func("/run/onlink/of the loopback interface only the own address counts", test_loopback);
	g_test_add_func("/run/onlink/of a point-to-point link only the own end counts", test_peer);
	g_test_add_func("/run/onlink/an answer may not mean an on-link address when Offline", test_names);
	g_test_add_func("/run/onlink/lost messages and too many prefixes do not open anything", test_many);
	return g_test_run();
}
