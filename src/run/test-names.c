/* SPDX-License-Identifier: MIT */
/*
 * Which names may be asked for, what their answers may mean, and what that admits. Time goes on by hand; hosts and
 * resolv.conf are the test's own.
 */
#include <arpa/inet.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>

#include "run/names-private.h"

#define TCP 6
#define UDP 17

static void addr_of(const char *text, uint8_t ret_addr[16])
{
	memset(ret_addr, 0, 16);
	if (strchr(text, ':')) {
		g_assert_cmpint(inet_pton(AF_INET6, text, ret_addr), ==, 1);
	} else {
		ret_addr[10] = ret_addr[11] = 0xff;
		g_assert_cmpint(inet_pton(AF_INET, text, ret_addr + 12), ==, 1);
	}
}

static void rule_add(struct ng_run_policy *policy, const char *name, uint8_t proto, uint16_t first, uint16_t last)
{
	struct ng_name_rule *rule = &policy->names[policy->n_names++];

	rule->is_wildcard = g_str_has_prefix(name, "*.");
	g_strlcpy(rule->name, rule->is_wildcard ? name + 2 : name, sizeof rule->name);
	rule->proto = proto;
	rule->port_first = first;
	rule->port_last = last;
}

static struct ng_names *names_with(const struct ng_run_policy *policy, const char *hosts_path)
{
	const struct ng_name_sources sources = { hosts_path ? hosts_path : "/nonexistent", "/nonexistent", 53 };
	struct ng_names *names = NULL;

	g_assert_cmpint(ng_names_new_from(policy, &sources, &names), ==, 0);
	return names;
}

static bool admit(struct ng_names *names, const char *name, const char *address, uint32_t ttl_s)
{
	uint8_t addr[16];

	addr_of(address, addr);
	return ng_names_admit(names, name, addr, ttl_s);
}

static bool allow(struct ng_names *names, const char *address, uint8_t proto, uint16_t port)
{
	struct ng_flow flow = { .port = port, .proto = proto, .call = NG_CALL_CONNECT };

	addr_of(address, flow.addr);
	return ng_names_allow(names, &flow, NULL);
}

static void test_ask_rules(void)
{
	struct ng_run_policy policy = { .app.profile = NG_PROFILE_OFFLINE };
	struct ng_names *names;

	rule_add(&policy, "api.example.com", 0, 0, 0);
	rule_add(&policy, "*.example.org", 0, 0, 0);
	names = names_with(&policy, NULL);
	g_assert_true(ng_names_may_ask(names, "api.example.com"));
	g_assert_true(ng_names_may_ask(names, "API.Example.COM."));
	g_assert_true(ng_names_may_ask(names, "a.b.example.org"));
	g_assert_true(ng_names_may_ask(names, "localhost") && ng_names_may_ask(names, "x.LOCALHOST."));
	g_assert_false(ng_names_may_ask(names, "x.api.example.com") || ng_names_may_ask(names, "example.com"));
	g_assert_false(ng_names_may_ask(names, "example.org") || ng_names_may_ask(names, "badexample.org"));
	g_assert_false(ng_names_may_ask(names, "api.example.com.corp.example") || ng_names_may_ask(names, "nas.local"));
	g_assert_false(ng_names_may_ask(names, "") || ng_names_may_ask(names, ".") ||
		       ng_names_may_ask(names, "a..example.org") || ng_names_may_ask(names, ".example.org") ||
		       ng_names_may_ask(names, "a b.example.org") || ng_names_may_ask(names, "a.example.org.."));
	ng_names_free(names);
}

static void test_ask_local(void)
{
	static const char *const yes[] = { "nas.local",
					   "a.b.lan",
					   "x.home.arpa",
					   "home.arpa",
					   "api.example.internal",
					   "pc.localdomain",
					   "printer",
					   "1.1.168.192.in-addr.arpa",
					   "localhost" };
	static const char *const no[] = { "example.com", "local.example.com",    "xlan.com",
					  "xhome.arpa",  "8.8.8.8.in-addr.arpa", "1.0.0.127.in-addr.arpa.example.com" };
	struct ng_run_policy policy = { .app.profile = NG_PROFILE_LOCAL };
	struct ng_names *names = names_with(&policy, NULL);

	for (unsigned i = 0; i < G_N_ELEMENTS(yes); i++)
		g_assert_true(ng_names_may_ask(names, yes[i]));
	for (unsigned i = 0; i < G_N_ELEMENTS(no); i++)
		g_assert_false(ng_names_may_ask(names, no[i]));
	g_assert_true(ng_names_is_unnamed(names, "printer"));
	ng_names_free(names);
}

static void test_ask_online(void)
{
	struct ng_run_policy policy = { .app.profile = NG_PROFILE_ONLINE };
	struct ng_names *names = names_with(&policy, NULL);

	g_assert_true(ng_names_may_ask(names, "example.com"));
	ng_names_free(names);
}

static void test_dry_run(void)
{
	struct ng_run_policy policy = { .app.profile = NG_PROFILE_OFFLINE, .is_dry_run = true };
	struct ng_names *names = names_with(&policy, NULL);
	uint8_t addr[16];

	g_assert_true(ng_names_may_ask(names, "example.com"));
	g_assert_false(ng_names_is_foreseen(names, "example.com"));
	g_assert_true(admit(names, "example.com", "127.0.0.1", 60));
	addr_of("127.0.0.1", addr);
	g_assert_cmpstr(ng_names_of(names, addr), ==, "example.com");
	g_assert_false(allow(names, "127.0.0.1", TCP, 80));
	ng_names_free(names);
}

static void test_longest(void)
{
	struct ng_run_policy policy = { .app.profile = NG_PROFILE_OFFLINE };
	g_autoptr(GString) name = g_string_new(NULL);
	struct ng_names *names;

	rule_add(&policy, "*.a", 0, 0, 0);
	names = names_with(&policy, NULL);
	while (name->len < 251)
		g_string_append(name, name->len % 2 ? "." : "x");
	g_string_append(name, ".a");
	g_assert_cmpuint(name->len, ==, 253);
	g_assert_true(ng_names_may_ask(names, name->str));
	g_string_append(name, ".");
	g_assert_true(ng_names_may_ask(names, name->str));
	g_string_prepend(name, "y");
	g_assert_false(ng_names_may_ask(names, name->str));
	g_string_assign(name, "");
	for (unsigned i = 0; i < 63; i++)
		g_string_append_c(name, 'x');
	g_string_append(name, ".a");
	g_assert_true(ng_names_may_ask(names, name->str));
	g_string_prepend_c(name, 'x');
	g_assert_false(ng_names_may_ask(names, name->str));
	ng_names_free(names);
}

static const char *const never[] = {
	"127.0.0.1",
	"127.9.9.9",
	"0.0.0.0",
	"0.1.2.3",
	"169.254.1.1",
	"169.254.169.254",
	"224.0.0.1",
	"239.1.2.3",
	"240.0.0.1",
	"255.255.255.255",
	"::",
	"::1",
	"fe80::1",
	"ff02::1",
	"fd00:ec2::254",
	/* embedded */
	"::ffff:127.0.0.1",
	"64:ff9b::127.0.0.1",
	"64:ff9b::169.254.169.254",
	"64:ff9b:1::127.0.0.1",
	"2002:7f00:1::1",
	"2002:a9fe:a9fe::",
	"::127.0.0.1",
	"::ffff:0:127.0.0.1",
	"fe80::5efe:7f00:1",
	"2001:db8::5efe:7f00:1",
	"2001:0:7f00:1::",
	"2001:0:c000:204:0:0:80ff:fffe",
};
static const char *const lan[] = { "10.1.2.3",          "172.16.0.1",       "192.168.77.5",
				   "100.64.0.1",        "fd00:77::5",       "fec0::1",
				   "64:ff9b::10.0.0.1", "2002:c0a8:101::1", "64:ff9b:1::5db8:d822",
				   "::ffff:0:10.0.0.1" };
static const char *const public[] = { "203.0.113.5", "2001:db8::5", "64:ff9b::203.0.113.5", "2002:cb00:7105::1" };

static void test_answers(void)
{
	struct ng_run_policy policy = { .app.profile = NG_PROFILE_OFFLINE };
	struct ng_names *names;

	rule_add(&policy, "api.example.com", 0, 0, 0);
	rule_add(&policy, "api.example.internal", 0, 0, 0);
	names = names_with(&policy, NULL);
	for (unsigned i = 0; i < G_N_ELEMENTS(never); i++) {
		g_test_message("%s", never[i]);
		g_assert_false(admit(names, "api.example.com", never[i], 60));
		g_assert_false(admit(names, "api.example.internal", never[i], 60));
		g_assert_false(allow(names, never[i], TCP, 443));
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(lan); i++) {
		g_test_message("%s", lan[i]);
		g_assert_false(admit(names, "api.example.com", lan[i], 60));
		g_assert_false(allow(names, lan[i], TCP, 443));
		g_assert_true(admit(names, "api.example.internal", lan[i], 60));
		g_assert_true(allow(names, lan[i], TCP, 443));
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(public); i++) {
		g_test_message("%s", public[i]);
		g_assert_true(admit(names, "api.example.com", public[i], 60));
		g_assert_true(allow(names, public[i], TCP, 443));
	}
	g_assert_false(admit(names, "other.example.com", "203.0.113.9", 60));
	g_assert_false(allow(names, "203.0.113.9", TCP, 443));
	ng_names_free(names);
}

static void test_answers_local(void)
{
	struct ng_run_policy policy = { .app.profile = NG_PROFILE_LOCAL };
	struct ng_names *names;

	rule_add(&policy, "api.example.com", 0, 0, 0);
	names = names_with(&policy, NULL);
	for (unsigned i = 0; i < G_N_ELEMENTS(never); i++) {
		g_assert_false(admit(names, "api.example.com", never[i], 60));
		g_assert_false(admit(names, "nas.local", never[i], 60));
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(lan); i++)
		g_assert_true(admit(names, "api.example.com", lan[i], 60));
	/* Who answers for nas.local may not open the Internet. */
	g_assert_true(admit(names, "nas.local", "203.0.113.5", 60));
	g_assert_false(allow(names, "203.0.113.5", TCP, 443));
	ng_names_free(names);
}

static void test_localhost(void)
{
	struct ng_run_policy policy = { .app.profile = NG_PROFILE_OFFLINE };
	struct ng_names *names;

	rule_add(&policy, "api.example.com", 0, 0, 0);
	names = names_with(&policy, NULL);
	g_assert_true(admit(names, "localhost", "127.0.0.1", 60) && admit(names, "a.localhost", "::1", 60));
	g_assert_false(admit(names, "localhost", "203.0.113.5", 60));
	g_assert_false(allow(names, "127.0.0.1", TCP, 80));
	ng_names_free(names);
}

static void test_time(void)
{
	struct ng_run_policy policy = { .app.profile = NG_PROFILE_OFFLINE };
	struct ng_names *names;
	uint64_t generation;
	uint8_t addr[16];

	rule_add(&policy, "api.example.com", 0, 0, 0);
	names = names_with(&policy, NULL);
	generation = ng_names_generation(names);
	g_assert_true(admit(names, "api.example.com", "203.0.113.5", 100));
	g_assert_cmpuint(ng_names_generation(names), >, generation);
	g_assert_true(admit(names, "api.example.com", "203.0.113.6", 0));
	ng_names_advance_ms(names, 29000);
	g_assert_true(allow(names, "203.0.113.6", TCP, 1));
	ng_names_advance_ms(names, 1001);
	g_assert_false(allow(names, "203.0.113.6", TCP, 1));
	g_assert_true(allow(names, "203.0.113.5", TCP, 1));
	ng_names_advance_ms(names, 70000);
	g_assert_false(allow(names, "203.0.113.5", TCP, 1));
	addr_of("203.0.113.5", addr);
	g_assert_cmpstr(ng_names_of(names, addr), ==, "api.example.com");
	generation = ng_names_generation(names);
	g_assert_true(admit(names, "api.example.com", "203.0.113.5", UINT32_MAX));
	g_assert_cmpuint(ng_names_generation(names), >, generation);
	ng_names_advance_ms(names, NG_NAMES_MAX_TTL_S * INT64_C(1000) + 1);
	g_assert_false(allow(names, "203.0.113.5", TCP, 1));
	ng_names_free(names);
}

static void test_renew(void)
{
	struct ng_run_policy policy = { .app.profile = NG_PROFILE_OFFLINE };
	struct ng_names *names;

	rule_add(&policy, "api.example.com", 0, 0, 0);
	names = names_with(&policy, NULL);
	g_assert_true(admit(names, "api.example.com", "203.0.113.5", 30));
	ng_names_advance_ms(names, 29000);
	ng_names_renew(names, "API.example.com");
	ng_names_advance_ms(names, 5000);
	g_assert_true(allow(names, "203.0.113.5", TCP, 1));
	ng_names_renew(names, "api.example.com");
	ng_names_advance_ms(names, 7000); /* 41 s: asking again and again does not keep it */
	g_assert_false(allow(names, "203.0.113.5", TCP, 1));
	ng_names_renew(names, "api.example.com");
	g_assert_false(allow(names, "203.0.113.5", TCP, 1));
	ng_names_free(names);
}

static void test_ports(void)
{
	struct ng_run_policy policy = { .app.profile = NG_PROFILE_OFFLINE };
	struct ng_flow flow = { .port = 443, .proto = TCP, .call = NG_CALL_CONNECT };
	const char *name = NULL;
	struct ng_names *names;

	rule_add(&policy, "web.example.com", TCP, 443, 443);
	rule_add(&policy, "dns.example.com", UDP, 5000, 5010);
	names = names_with(&policy, NULL);
	g_assert_true(admit(names, "web.example.com", "203.0.113.5", 60));
	g_assert_true(allow(names, "203.0.113.5", TCP, 443));
	g_assert_false(allow(names, "203.0.113.5", UDP, 443) || allow(names, "203.0.113.5", TCP, 442) ||
		       allow(names, "203.0.113.5", TCP, 0) || allow(names, "203.0.113.5", UDP, 5005));
	g_assert_true(admit(names, "dns.example.com", "203.0.113.5", 600));
	g_assert_true(allow(names, "203.0.113.5", TCP, 443) && allow(names, "203.0.113.5", UDP, 5005));
	g_assert_false(allow(names, "203.0.113.5", TCP, 5005));
	addr_of("203.0.113.5", flow.addr);
	g_assert_true(ng_names_allow(names, &flow, &name));
	g_assert_cmpstr(name, ==, "web.example.com");
	flow.call = NG_CALL_BIND;
	g_assert_false(ng_names_allow(names, &flow, NULL));
	ng_names_advance_ms(names, 61000);
	g_assert_false(allow(names, "203.0.113.5", TCP, 443));
	g_assert_true(allow(names, "203.0.113.5", UDP, 5010));
	ng_names_free(names);
}

static void count_one(const uint8_t addr[static 16], void *data)
{
	(*(unsigned *)data)++;
}

static void test_full(void)
{
	struct ng_run_policy policy = { .app.profile = NG_PROFILE_OFFLINE };
	struct ng_names *names;
	unsigned count = 0;

	rule_add(&policy, "*.example.com", 0, 0, 0);
	names = names_with(&policy, NULL);
	for (unsigned i = 0; i < NG_NAMES_ADMITTED; i++) {
		g_autofree char *address = g_strdup_printf("203.0.%u.%u", i / 256, i % 256);
		g_assert_true(admit(names, "a.example.com", address, i == 7 ? 30 : 60));
	}
	g_assert_false(admit(names, "a.example.com", "198.51.100.1", 60));
	g_assert_true(admit(names, "b.example.com", "203.0.0.9", 60));
	ng_names_each(names, count_one, &count);
	g_assert_cmpuint(count, ==, NG_NAMES_ADMITTED);
	ng_names_advance_ms(names, 31000);
	g_assert_true(admit(names, "a.example.com", "198.51.100.1", 60));
	g_assert_false(admit(names, "a.example.com", "198.51.100.2", 60));
	g_assert_false(allow(names, "203.0.0.7", TCP, 1));
	g_assert_true(allow(names, "203.0.0.8", TCP, 1) && allow(names, "198.51.100.1", TCP, 1));
	ng_names_advance_ms(names, 100000);
	for (unsigned i = 0; i < 3 * NG_NAMES_ADMITTED; i++) {
		g_autofree char *address = g_strdup_printf("198.%u.%u.5", 60 + i / 256, i % 256);
		g_assert_true(admit(names, "a.example.com", address, 30));
		g_assert_true(allow(names, address, TCP, 1));
		ng_names_advance_ms(names, 40);
	}
	ng_names_free(names);
}

static void test_one_address(void)
{
	struct ng_run_policy policy = { .app.profile = NG_PROFILE_OFFLINE };
	struct ng_names *names;
	unsigned admitted = 0;

	for (unsigned i = 0; i < 12; i++) {
		g_autofree char *name = g_strdup_printf("n%u.example.com", i);
		rule_add(&policy, name, TCP, (uint16_t)(100 + i), (uint16_t)(100 + i));
	}
	names = names_with(&policy, NULL);
	for (unsigned i = 0; i < 12; i++) {
		g_autofree char *name = g_strdup_printf("n%u.example.com", i);
		admitted += admit(names, name, "203.0.113.5", 60);
	}
	g_assert_cmpuint(admitted, ==, NG_NAMES_PER_ADDRESS);
	g_assert_true(allow(names, "203.0.113.5", TCP, 100) && allow(names, "203.0.113.5", TCP, 107));
	g_assert_false(allow(names, "203.0.113.5", TCP, 108));
	ng_names_free(names);
}

static void test_files(void)
{
	struct ng_run_policy policy = { .app.profile = NG_PROFILE_OFFLINE };
	struct sockaddr_storage servers[NG_NAMES_SERVERS];
	g_autofree char *dir = g_dir_make_tmp("ng-names-XXXXXX", NULL);
	g_autofree char *hosts = g_build_filename(dir, "hosts", NULL), *resolv = g_build_filename(dir, "resolv", NULL);
	const struct ng_host *read = NULL;
	struct ng_names *names;

	g_assert_true(g_file_set_contents(
		hosts,
		"# comment\n127.0.0.1 localhost api.example.com\n"
		"192.168.77.5\tgit.example.com  Git # git2.example.com\n"
		"169.254.169.254 api.example.com\n2001:db8::7 api.example.com\nbad api.example.com\n",
		-1, NULL));
	g_assert_true(g_file_set_contents(resolv,
					  "search example.com\nnameserver 203.0.113.53 # x\n nameserver\t2001:db8::53\n"
					  "nameserver nonsense\nnameserver fe80::53%lo\nnameserver 203.0.113.54\n",
					  -1, NULL));
	rule_add(&policy, "api.example.com", 0, 0, 0);
	rule_add(&policy, "git.example.com", TCP, 22, 22);
	names = names_with(&policy, hosts);
	g_assert_true(allow(names, "192.168.77.5", TCP, 22) && allow(names, "2001:db8::7", UDP, 1));
	g_assert_false(allow(names, "192.168.77.5", TCP, 23) || allow(names, "169.254.169.254", TCP, 80) ||
		       allow(names, "127.0.0.1", TCP, 80));
	ng_names_advance_ms(names, INT64_C(1000) * 86400 * 365);
	g_assert_true(allow(names, "192.168.77.5", TCP, 22));
	g_assert_cmpuint(ng_names_hosts(names, &read), ==, 3);
	g_assert_cmpstr(read[0].name, ==, "git.example.com");
	ng_names_free(names);

	g_assert_cmpuint(ng_resolv_read(resolv, 53, servers), ==, 3);
	g_assert_cmpuint(servers[0].ss_family, ==, AF_INET);
	g_assert_cmpuint(((struct sockaddr_in6 *)&servers[2])->sin6_scope_id, ==, 1);
	g_assert_cmpuint(ng_resolv_read("/nonexistent", 5353, servers), ==, 1);
	g_assert_cmpuint(((struct sockaddr_in *)&servers[0])->sin_addr.s_addr, ==, htonl(INADDR_LOOPBACK));
	g_assert_cmpuint(((struct sockaddr_in *)&servers[0])->sin_port, ==, htons(5353));
	g_unlink(hosts);
	g_unlink(resolv);
	g_rmdir(dir);
}

static void test_reverse(void)
{
	uint8_t addr[16], expected[16];

	g_assert_true(ng_name_to_address("5.113.0.203.in-addr.arpa", addr));
	addr_of("203.0.113.5", expected);
	g_assert_cmpmem(addr, 16, expected, 16);
	g_assert_true(
		ng_name_to_address("5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", addr));
	addr_of("2001:db8::5", expected);
	g_assert_cmpmem(addr, 16, expected, 16);
	g_assert_false(ng_name_to_address("256.113.0.203.in-addr.arpa", addr));
	g_assert_false(ng_name_to_address("5.113.0.203.in-addr.arpa.x", addr));
	g_assert_false(ng_name_to_address("113.0.203.in-addr.arpa", addr));
	g_assert_false(ng_name_to_address("ip6.arpa", addr));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/run/names/only names of the rules may be asked for, in any case", test_ask_rules);
	g_test_add_func("/run/names/Local may ask for names of the local domains", test_ask_local);
	g_test_add_func("/run/names/Online may ask for all", test_ask_online);
	g_test_add_func("/run/names/a dry run asks for all and admits nothing by it", test_dry_run);
	g_test_add_func("/run/names/names and labels are as long as the standard has them", test_longest);
	g_test_add_func("/run/names/an answer cannot mean this machine, the link, metadata or the local network",
			test_answers);
	g_test_add_func("/run/names/under Local an answer may mean the local network and opens no more",
			test_answers_local);
	g_test_add_func("/run/names/localhost means this machine and admits nothing", test_localhost);
	g_test_add_func("/run/names/an address is admitted as long as the answer lives", test_time);
	g_test_add_func("/run/names/a lookup keeps what was admitted for a short while, once", test_renew);
	g_test_add_func("/run/names/a port and protocol belong to their rule on an address of two names", test_ports);
	g_test_add_func("/run/names/a full table denies until something in it is over", test_full);
	g_test_add_func("/run/names/one address has a bounded number of different rules", test_one_address);
	g_test_add_func("/run/names/hosts admits what a rule names, resolv.conf names the servers", test_files);
	g_test_add_func("/run/names/a reverse name stands for its address", test_reverse);
	return g_test_run();
}
