/* SPDX-License-Identifier: MIT */
/* --allow and --publish, both ways (see allow.h). */
#include "run/allow.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HOST_MAX (NG_NAME_MAX + 3) /* *. before it, a dot after it */

static const uint8_t mapped[16] = { [10] = 0xff, [11] = 0xff };

static const struct {
	const char *word;
	uint8_t flag;
} words[] = {
	{ "loopback", NG_APP_LOOPBACK },
	{ "shared", NG_APP_SHARED },
	{ "cloud-metadata", NG_APP_METADATA },
};

const char *ng_run_allow_word(unsigned i, uint8_t *ret_flag)
{
	if (i >= sizeof(words) / sizeof(words[0]))
		return NULL;
	*ret_flag = words[i].flag;
	return words[i].word;
}

/* What one argument says, taken apart. */
struct parts {
	char host[HOST_MAX];
	int prefix;    /* -1: none said */
	uint8_t proto; /* 0: all */
	uint16_t first, last;
	bool has_brackets;
};

/* Decimal, no sign, no blank, no leading zero; -1 when it is none or above `max`. */
static int parse_number(const char *text, int max)
{
	int number = 0;

	if (!*text || (*text == '0' && text[1]))
		return -1;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		number = number * 10 + (*text - '0');
		if (number > max)
			return -1;
	}
	return number;
}

static int parse_ports(char *text, struct parts *parts)
{
	char *dash = strchr(text, '-');
	int first, last;

	if (dash)
		*dash = '\0';
	first = parse_number(text, 65535);
	last = dash ? parse_number(dash + 1, 65535) : first;
	if (first < 1 || last < first)
		return -EINVAL;
	parts->first = (uint16_t)first;
	parts->last = (uint16_t)last;
	return 0;
}

const char *ng_run_allow_proto(uint8_t proto)
{
	return proto == IPPROTO_TCP                               ? "tcp"
	       : proto == IPPROTO_UDP                             ? "udp"
	       : proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6 ? "icmp"
								  : NULL;
}

/* Takes /tcp, /udp or /icmp off the end. A number after the slash is a prefix, and stays. */
static int take_proto(const char *text, char *copy, struct parts *parts, char *error)
{
	char *slash = strrchr(copy, '/');

	if (!slash || (slash[1] >= '0' && slash[1] <= '9') || strchr(slash, ']'))
		return 0;
	if (strcmp(slash + 1, "tcp") == 0)
		parts->proto = IPPROTO_TCP;
	else if (strcmp(slash + 1, "udp") == 0)
		parts->proto = IPPROTO_UDP;
	else if (strcmp(slash + 1, "icmp") == 0)
		parts->proto = IPPROTO_ICMP;
	else
		return ng_run_say(
			error, -EINVAL,
			"--allow \"%s\": \"%s\" is not a protocol. Write tcp, udp or icmp, or leave it out for all.",
			text, slash + 1);
	*slash = '\0';
	return 0;
}

/* HOST[/PREFIX], or what is in the brackets. */
static int take_host(const char *text, char *host, struct parts *parts, char *error)
{
	char *slash = strchr(host, '/');

	if (slash) {
		*slash = '\0';
		parts->prefix = parse_number(slash + 1, 128);
		if (parts->prefix < 0)
			return ng_run_say(error, -EINVAL,
					  "--allow \"%s\": \"%s\" is not a prefix length. Write a number from 0 to %d.",
					  text, slash + 1, strchr(host, ':') ? 128 : 32);
	}
	if (strlen(host) >= HOST_MAX)
		return ng_run_say(error, -EINVAL, "--allow: the name is longer than %d characters, which no host's is.",
				  HOST_MAX - 1);
	memcpy(parts->host, host, strlen(host) + 1);
	return 0;
}

static int split_brackets(const char *text, char *copy, struct parts *parts, char **ret_ports, char *error)
{
	char *end = strchr(copy, ']');

	if (!end || (end[1] && end[1] != ':'))
		return ng_run_say(
			error, -EINVAL,
			"--allow \"%s\": write an IPv6 address with a port as [2001:db8::1]:443, a prefix inside the "
			"brackets.",
			text);
	*ret_ports = end[1] ? end + 2 : NULL;
	*end = '\0';
	parts->has_brackets = true;
	return take_host(text, copy + 1, parts, error);
}

static int split(const char *text, char *copy, struct parts *parts, char *error)
{
	char *ports = NULL, *colon;
	int r = take_proto(text, copy, parts, error);

	if (r < 0)
		return r;
	colon = strchr(copy, ':');
	if (*copy == '[') {
		r = split_brackets(text, copy, parts, &ports, error);
	} else {
		if (colon && !strchr(colon + 1, ':')) {
			*colon = '\0';
			ports = colon + 1;
		}
		r = take_host(text, copy, parts, error);
	}
	if (r < 0)
		return r;
	if (ports && parse_ports(ports, parts) < 0)
		return ng_run_say(
			error, -EINVAL,
			"--allow \"%s\": the port is not one. Write a number from 1 to 65535, or a range such as "
			"8000-8010.",
			text);
	if (parts->first && parts->proto == IPPROTO_ICMP)
		return ng_run_say(error, -EINVAL,
				  "--allow \"%s\": ICMP has no ports. Leave out the port, or write /tcp or /udp.",
				  text);
	return 0;
}

/* --- addresses --- */

bool ng_run_address_is_ipv4(const uint8_t addr[static 16])
{
	return memcmp(addr, mapped, 12) == 0;
}

static void mask(uint8_t addr[16], unsigned prefix_len)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned bits = prefix_len > 8 * i ? prefix_len - 8 * i : 0;

		if (bits < 8)
			addr[i] &= (uint8_t)(0xff00 >> bits);
	}
}

static int check_prefix(const char *text, const struct ng_allow *allow, char *error)
{
	struct ng_allow right = *allow;
	uint8_t base[16];

	mask(right.addr, right.prefix_len);
	if (memcmp(right.addr, allow->addr, 16) != 0) {
		char wanted[NG_ALLOW_TEXT_MAX];

		ng_run_allow_text(&right, wanted);
		return ng_run_say(error, -EINVAL, "--allow \"%s\": the address has bits past its prefix. Write %s.",
				  text, wanted);
	}
	memcpy(base, mapped, 16);
	mask(base, allow->prefix_len);
	if (allow->prefix_len < 96 && memcmp(base, allow->addr, 16) == 0)
		return ng_run_say(error, -EINVAL,
				  "--allow \"%s\": this prefix holds every IPv4 address too. Write 2000::/3 for the "
				  "IPv6 Internet, "
				  "or --online for everything.",
				  text);
	return 0;
}

static int add_allow(const char *text, const struct ng_allow *allow, struct ng_run_policy *policy, char *error)
{
	for (unsigned i = 0; i < policy->allows.count; i++)
		if (memcmp(&policy->allows.allow[i], allow, sizeof(*allow)) == 0)
			return 0;
	if (policy->allows.count >= NG_ALLOW_MAX)
		return ng_run_say(error, -EINVAL,
				  "--allow \"%s\": there are more than %u addresses. Join some of them into a prefix.",
				  text, NG_ALLOW_MAX);
	policy->allows.allow[policy->allows.count++] = *allow;
	policy->app.n_allow = (uint16_t)policy->allows.count;
	return 0;
}

static struct ng_allow allow_of(const struct parts *parts)
{
	return (struct ng_allow){ .proto = parts->proto, .port_first = parts->first, .port_last = parts->last };
}

/* -ENOENT: it is no address. */
static int add_address(const char *text, const struct parts *parts, struct ng_run_policy *policy, char *error)
{
	struct ng_allow allow = allow_of(parts);
	int r, max = 128;

	if (inet_pton(AF_INET, parts->host, allow.addr + 12) == 1) {
		memcpy(allow.addr, mapped, 12);
		max = 32;
	} else if (inet_pton(AF_INET6, parts->host, allow.addr) != 1) {
		return -ENOENT;
	}
	if (parts->has_brackets && max == 32)
		return ng_run_say(error, -EINVAL, "--allow \"%s\": brackets are for IPv6. Leave them out.", text);
	if (parts->prefix > max)
		return ng_run_say(error, -EINVAL,
				  "--allow \"%s\": \"%d\" is not a prefix length of IPv4. Write a number from 0 to 32.",
				  text, parts->prefix);
	allow.prefix_len = (uint8_t)(parts->prefix < 0 ? 128 : parts->prefix + (128 - max));
	r = check_prefix(text, &allow, error);
	if (r < 0)
		return r;
	if (allow.proto == IPPROTO_ICMP && !ng_run_address_is_ipv4(allow.addr))
		allow.proto = IPPROTO_ICMPV6;
	return add_allow(text, &allow, policy, error);
}

/* This machine by its name: 127.0.0.1 and ::1, both or none. */
static int add_localhost(const char *text, const struct parts *parts, struct ng_run_policy *policy, char *error)
{
	struct ng_allow v4 = allow_of(parts), v6 = allow_of(parts);
	struct ng_run_policy before = *policy;
	int r;

	v4.prefix_len = v6.prefix_len = 128;
	memcpy(v4.addr, mapped, 12);
	v4.addr[12] = 127;
	v4.addr[15] = v6.addr[15] = 1;
	if (v6.proto == IPPROTO_ICMP)
		v6.proto = IPPROTO_ICMPV6;
	r = add_allow(text, &v4, policy, error);
	if (r == 0)
		r = add_allow(text, &v6, policy, error);
	if (r < 0)
		*policy = before;
	return r;
}

/* --- names --- */

static bool is_label_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool ng_run_name_is_good(const char *name)
{
	const char *label = name;
	bool has_letter = false;

	if (strlen(name) >= NG_NAME_MAX)
		return false;
	for (const char *p = name;; p++) {
		if (*p && *p != '.') {
			if (!is_label_char(*p))
				return false;
			has_letter = has_letter || *p < '0' || *p > '9';
			continue;
		}
		if (p == label || p - label > 63 || *label == '-' || p[-1] == '-')
			return false;
		if (!*p)
			return has_letter; /* of the last label: 1.2.3 is no name */
		label = p + 1;
		has_letter = false;
	}
}

static int refuse_host(const char *text, const struct parts *parts, char *error)
{
	const char *host = parts->host, *hint;

	if (strstr(text, "://"))
		hint = "Leave out what stands before and after the host: example.org:443.";
	else if (!*host)
		hint = "The host is missing. Write an address or a name.";
	else if (strcmp(host, "*") == 0)
		hint = "Write --online for everything, or *.example.org for the names below one.";
	else if (strchr(host, '%'))
		hint = "Leave out the interface after the %.";
	else if (strchr(host, ':'))
		hint = "Write an IPv6 address with a port as [2001:db8::1]:443.";
	else if (strchr(host, '*'))
		hint = "A * stands only at the beginning, before a dot: *.example.org.";
	else if (strpbrk(host, "ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ"))
		hint = "Names have letters, digits, - and _; write others in their xn-- form.";
	else
		hint = "Write an IPv4 or IPv6 address, or a name.";
	return ng_run_say(error, -EINVAL, "--allow \"%s\": this is no host. %s", text, hint);
}

static int add_name(const char *text, struct parts *parts, struct ng_run_policy *policy, char *error)
{
	struct ng_name_rule rule = { .proto = parts->proto, .port_first = parts->first, .port_last = parts->last };
	char *host = parts->host;
	size_t length = strlen(host);

	if (length > 1 && host[length - 1] == '.')
		host[length - 1] = '\0';
	rule.is_wildcard = strncmp(host, "*.", 2) == 0;
	host += rule.is_wildcard ? 2 : 0;
	if (parts->has_brackets || !ng_run_name_is_good(host))
		return refuse_host(text, parts, error);
	if (parts->prefix >= 0)
		return ng_run_say(error, -EINVAL, "--allow \"%s\": a name has no prefix. Leave out the /%d.", text,
				  parts->prefix);
	for (size_t i = 0; host[i]; i++)
		rule.name[i] = (char)(host[i] >= 'A' && host[i] <= 'Z' ? host[i] + ('a' - 'A') : host[i]);
	for (size_t i = 0; !rule.is_wildcard && i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(rule.name, words[i].word) == 0)
			return ng_run_say(error, -EINVAL,
					  "--allow \"%s\": %s stands for a class of addresses, with every port. Write "
					  "it alone, or "
					  "an address such as localhost:8080.",
					  text, rule.name);
	for (unsigned i = 0; i < policy->n_names; i++)
		if (memcmp(&policy->names[i], &rule, sizeof(rule)) == 0)
			return 0;
	if (policy->n_names >= NG_RUN_NAMES_MAX)
		return ng_run_say(error, -EINVAL,
				  "--allow \"%s\": there are more than %d names. Join some of them: *.example.org.",
				  text, NG_RUN_NAMES_MAX);
	policy->names[policy->n_names++] = rule;
	return 0;
}

int ng_run_allow_parse(const char *text, struct ng_run_policy *policy, char error[static NG_RUN_ERROR_MAX])
{
	struct parts parts = { .prefix = -1 };
	char copy[NG_ALLOW_TEXT_MAX + 64];
	int r;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(text, words[i].word) == 0) {
			policy->app.flags |= words[i].flag;
			return 0;
		}
	}
	if (strlen(text) >= sizeof(copy))
		return ng_run_say(error, -EINVAL, "--allow: \"%.40s...\" is too long for a host.", text);
	memcpy(copy, text, strlen(text) + 1);
	if (strstr(text, "://"))
		return refuse_host(text, &parts, error);
	r = split(text, copy, &parts, error);
	if (r < 0)
		return r;
	r = add_address(text, &parts, policy, error);
	if (r != -ENOENT)
		return r;
	if (strcasecmp(parts.host, "localhost") == 0 && parts.prefix < 0 && !parts.has_brackets)
		return add_localhost(text, &parts, policy, error);
	return add_name(text, &parts, policy, error);
}

/* --- being reached --- */

int ng_run_publish_parse(const char *text, struct ng_run_policy *policy, char error[static NG_RUN_ERROR_MAX])
{
	struct ng_publish publish = { .addr = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 } };
	char copy[NG_ADDRESS_TEXT_MAX + 16];
	char *colon, *host = copy, *port = copy;
	int number;

	snprintf(copy, sizeof(copy), "%s", text);
	colon = strrchr(copy, ':');
	if (colon) {
		const bool has_brackets = *host == '[' && colon > host && colon[-1] == ']';

		port = colon + 1;
		*colon = '\0';
		if (has_brackets) {
			colon[-1] = '\0';
			host++;
		}
		memcpy(publish.addr, mapped, 12);
		if ((has_brackets || inet_pton(AF_INET, host, publish.addr + 12) != 1) &&
		    (!has_brackets || inet_pton(AF_INET6, host, publish.addr) != 1))
			return ng_run_say(
				error, -EINVAL,
				"--publish \"%s\": write a port, or an address of this machine and a port: 8080, "
				"0.0.0.0:8080, [::1]:8080.",
				text);
	}
	number = strlen(text) < sizeof(copy) ? parse_number(port, 65535) : -1;
	if (number < 1)
		return ng_run_say(error, -EINVAL,
				  "--publish \"%s\": the port is not one. Write a number from 1 to 65535.", text);
	publish.port = (uint16_t)number;
	for (unsigned i = 0; i < policy->n_publish; i++)
		if (memcmp(&policy->publish[i], &publish, sizeof(publish)) == 0)
			return 0;
	if (policy->n_publish >= NG_RUN_PUBLISH_MAX)
		return ng_run_say(error, -EINVAL, "--publish \"%s\": there are more than %d ports. Publish fewer.",
				  text, NG_RUN_PUBLISH_MAX);
	policy->publish[policy->n_publish++] = publish;
	return 0;
}

/* --- and back --- */

void ng_run_address_text(const uint8_t addr[static 16], char ret_text[static NG_ADDRESS_TEXT_MAX])
{
	const bool is_ipv4 = ng_run_address_is_ipv4(addr);

	if (!inet_ntop(is_ipv4 ? AF_INET : AF_INET6, is_ipv4 ? addr + 12 : addr, ret_text, NG_ADDRESS_TEXT_MAX))
		*ret_text = '\0';
}

/* :PORT[-PORT][/PROTO] */
static void text_end(char *text, uint16_t first, uint16_t last, uint8_t proto)
{
	const char *word = proto ? ng_run_allow_proto(proto) : NULL;
	size_t at = strlen(text);

	if (first)
		at += (size_t)snprintf(text + at, NG_ALLOW_TEXT_MAX - at, last > first ? ":%u-%u" : ":%u", first, last);
	if (word)
		snprintf(text + at, NG_ALLOW_TEXT_MAX - at, "/%s", word);
}

void ng_run_allow_text(const struct ng_allow *allow, char ret_text[static NG_ALLOW_TEXT_MAX])
{
	const bool is_ipv4 = ng_run_address_is_ipv4(allow->addr) && allow->prefix_len >= 96;
	const bool has_brackets = !is_ipv4 && allow->port_first;
	char address[NG_ADDRESS_TEXT_MAX], prefix[8] = "";

	/* A mapped prefix that is wider than IPv4 never passes the parser. */
	ng_run_address_text(allow->addr, address);
	if (allow->prefix_len < 128)
		snprintf(prefix, sizeof(prefix), "/%u", is_ipv4 ? allow->prefix_len - 96u : allow->prefix_len);
	snprintf(ret_text, NG_ALLOW_TEXT_MAX, "%s%s%s%s", has_brackets ? "[" : "", address, prefix,
		 has_brackets ? "]" : "");
	text_end(ret_text, allow->port_first, allow->port_last, allow->proto);
}

void ng_run_name_text(const struct ng_name_rule *rule, char ret_text[static NG_ALLOW_TEXT_MAX])
{
	snprintf(ret_text, NG_ALLOW_TEXT_MAX, "%s%s", rule->is_wildcard ? "*." : "", rule->name);
	text_end(ret_text, rule->port_first, rule->port_last, rule->proto);
}

void ng_run_publish_text(const struct ng_publish *publish, char ret_text[static NG_ALLOW_TEXT_MAX])
{
	static const uint8_t usual[16] = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 };
	const bool is_ipv4 = ng_run_address_is_ipv4(publish->addr);
	char address[NG_ADDRESS_TEXT_MAX];

	ng_run_address_text(publish->addr, address);
	if (memcmp(publish->addr, usual, 16) == 0)
		snprintf(ret_text, NG_ALLOW_TEXT_MAX, "%u", publish->port);
	else
		snprintf(ret_text, NG_ALLOW_TEXT_MAX, is_ipv4 ? "%s:%u" : "[%s]:%u", address, publish->port);
}
