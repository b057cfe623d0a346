/* SPDX-License-Identifier: MIT */
/*
 * One Allow= entry, both ways, and the three profile words. Runs in the engine and in clients, without privilege; no
 * state.
 *
 * An entry is a word, or
 *
 *     ADDRESS[/PREFIX][:PORT[-PORT]][/tcp|/udp]
 *
 * with the address and prefix in brackets where a port follows an IPv6 one. Nothing is guessed: a prefix with bits past
 * its length, a name, a scope (%eth0) and an IPv6 prefix that would cover all of IPv4 too are refused, each with what
 * to write instead.
 */
#include <arpa/inet.h>
#include <string.h>

#include "policy/policy.h"

G_DEFINE_QUARK(ng - policy - error - quark, ng_policy_error)

static const char *const profile_words[] = { NULL, "offline", "local", "online" };

guint8 ng_policy_span_from_text(const char *text)
{
	return g_strcmp0(text, "running") == 0 ? NG_SPAN_RUNNING
	       : g_strcmp0(text, "boot") == 0  ? NG_SPAN_BOOT
					       : NG_SPAN_NONE;
}

const char *ng_policy_span_text(guint8 span)
{
	return span == NG_SPAN_RUNNING ? "running" : span == NG_SPAN_BOOT ? "boot" : "";
}

guint8 ng_policy_profile_from_text(const char *text)
{
	for (guint8 i = NG_PROFILE_OFFLINE; i <= NG_PROFILE_ONLINE; i++)
		if (g_strcmp0(text, profile_words[i]) == 0)
			return i;
	return 0;
}

const char *ng_policy_profile_text(guint8 profile)
{
	return profile < G_N_ELEMENTS(profile_words) ? profile_words[profile] : NULL;
}

static const struct {
	const char *word;
	guint8 flag;
} allow_words[] = {
	{ "loopback", NG_APP_LOOPBACK },
	{ "shared", NG_APP_SHARED },
	{ "cloud-metadata", NG_APP_METADATA },
};

static const guint8 mapped[16] = { [10] = 0xff, [11] = 0xff };

static gboolean is_mapped(const guint8 addr[16])
{
	return memcmp(addr, mapped, 12) == 0;
}

static void mask(guint8 addr[16], guint prefix_len)
{
	for (guint i = 0; i < 16; i++) {
		guint bits = prefix_len > 8 * i ? prefix_len - 8 * i : 0;

		if (bits < 8)
			addr[i] &= (guint8)(0xff00 >> bits);
	}
}

/* Decimal, no sign, no blank, no leading zero; -1 when it is none or above `max`. */
static int parse_number(const char *text, int max)
{
	gint64 number = 0;

	if (!*text || (*text == '0' && text[1]))
		return -1;
	for (; *text; text++) {
		if (!g_ascii_isdigit(*text))
			return -1;
		number = number * 10 + (*text - '0');
		if (number > max)
			return -1;
	}
	return (int)number;
}

static gboolean parse_ports(char *text, struct ng_allow *allow, GError **error)
{
	char *dash = strchr(text, '-');
	int first, last;

	if (dash)
		*dash = '\0';
	first = parse_number(text, 65535);
	last = dash ? parse_number(dash + 1, 65535) : first;
	if (first < 1 || last < first) {
		g_set_error_literal(
			error, NG_POLICY_ERROR, NG_POLICY_ERROR_VALUE,
			"The port is not one. Write a number from 1 to 65535, or a range such as 8000-8080.");
		return FALSE;
	}
	allow->port_first = (guint16)first;
	allow->port_last = (guint16)last;
	return TRUE;
}

static gboolean refuse_address(const char *text, GError **error)
{
	const char *hint = NULL;

	if (g_ascii_strcasecmp(text, "localhost") == 0)
		hint = "Write loopback for this machine.";
	else if (strchr(text, '%'))
		hint = "Leave out the interface after %.";
	else if (strpbrk(text, ":*?"))
		hint = "Write an IPv4 or IPv6 address, and brackets around IPv6 before a port.";
	else if (strpbrk(text, "ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ"))
		hint = "Names are not held to addresses yet: write the address.";
	else
		hint = "Write an IPv4 or IPv6 address.";
	g_set_error(error, NG_POLICY_ERROR, NG_POLICY_ERROR_VALUE, "“%s” is not an address. %s", text, hint);
	return FALSE;
}

static gboolean check_prefix(struct ng_allow *allow, GError **error)
{
	struct ng_allow right = *allow;
	guint8 base[16];

	mask(right.addr, right.prefix_len);
	if (memcmp(right.addr, allow->addr, 16) != 0) {
		g_autofree char *text = NULL;

		right.port_first = right.port_last = right.proto = 0;
		text = ng_policy_allow_text(&right);
		g_set_error(error, NG_POLICY_ERROR, NG_POLICY_ERROR_VALUE,
			    "The address has bits past its prefix. Write %s.", text);
		return FALSE;
	}
	memcpy(base, mapped, 16);
	mask(base, allow->prefix_len);
	if (allow->prefix_len < 96 && memcmp(base, allow->addr, 16) == 0) {
		g_set_error_literal(
			error, NG_POLICY_ERROR, NG_POLICY_ERROR_VALUE,
			"This prefix holds every IPv4 address too. Write 2000::/3 for the IPv6 Internet, or "
			"Profile=online for everything.");
		return FALSE;
	}
	return TRUE;
}

/* ADDRESS[/PREFIX] */
static gboolean parse_prefix(char *text, struct ng_allow *allow, GError **error)
{
	char *slash = strchr(text, '/');
	int max = 128, length = 0;

	if (slash)
		*slash = '\0';
	if (inet_pton(AF_INET, text, allow->addr + 12) == 1) {
		memcpy(allow->addr, mapped, 12);
		max = 32;
	} else if (inet_pton(AF_INET6, text, allow->addr) != 1) {
		return refuse_address(text, error);
	}
	length = slash ? parse_number(slash + 1, max) : max;
	if (length < 0) {
		g_set_error(error, NG_POLICY_ERROR, NG_POLICY_ERROR_VALUE,
			    "“%s” is not a prefix length. Write a number from 0 to %d.", slash + 1, max);
		return FALSE;
	}
	allow->prefix_len = (guint8)(max == 32 ? 96 + length : length);
	return check_prefix(allow, error);
}

/* Takes "/tcp" or "/udp" off the end of `text`. */
static gboolean take_proto(char *text, struct ng_allow *allow, GError **error)
{
	char *slash = strrchr(text, '/');

	if (!slash || g_ascii_isdigit(slash[1]) || strchr(slash, ']'))
		return TRUE;
	if (g_str_equal(slash + 1, "tcp")) {
		allow->proto = 6;
	} else if (g_str_equal(slash + 1, "udp")) {
		allow->proto = 17;
	} else {
		g_set_error(error, NG_POLICY_ERROR, NG_POLICY_ERROR_VALUE,
			    "“%s” is not a protocol. Write tcp or udp, or leave it out for every protocol.", slash + 1);
		return FALSE;
	}
	*slash = '\0';
	return TRUE;
}

static gboolean parse_allow_text(char *text, struct ng_allow *allow, GError **error)
{
	char *address = text, *rest = NULL;

	if (!take_proto(text, allow, error))
		return FALSE;
	if (*text == '[') {
		rest = strchr(text, ']');
		if (!rest || (rest[1] && rest[1] != ':') || !memchr(text, ':', (gsize)(rest - text)))
			return refuse_address(text, error);
		*rest++ = '\0';
		address++;
	} else if (strchr(text, ':') && strchr(text, ':') == strrchr(text, ':')) {
		rest = strchr(text, ':');
	}
	if (rest && *rest == ':') {
		*rest = '\0';
		if (!parse_ports(rest + 1, allow, error))
			return FALSE;
	}
	return parse_prefix(address, allow, error);
}

gboolean ng_policy_parse_allow(const char *text, guint8 *flags, GArray *allows, GError **error)
{
	g_autofree char *copy = NULL;
	struct ng_allow allow = { 0 };

	for (gsize i = 0; i < G_N_ELEMENTS(allow_words); i++) {
		if (g_str_equal(text, allow_words[i].word)) {
			*flags |= allow_words[i].flag;
			return TRUE;
		}
	}
	copy = g_strdup(text);
	if (!parse_allow_text(copy, &allow, error))
		return FALSE;
	if (allows->len >= NG_ALLOW_MAX) {
		g_set_error(error, NG_POLICY_ERROR, NG_POLICY_ERROR_LIMIT,
			    "There are more than %u addresses. Join some of them into a prefix.", NG_ALLOW_MAX);
		return FALSE;
	}
	g_array_append_val(allows, allow);
	return TRUE;
}

char *ng_policy_allow_text(const struct ng_allow *allow)
{
	g_autoptr(GString) text = g_string_new(NULL);
	char address[INET6_ADDRSTRLEN] = "";
	gboolean is_ipv4 = is_mapped(allow->addr) && allow->prefix_len >= 96;
	gboolean needs_brackets = !is_ipv4 && allow->port_first;

	inet_ntop(is_ipv4 ? AF_INET : AF_INET6, is_ipv4 ? allow->addr + 12 : allow->addr, address, sizeof(address));
	g_string_append_printf(text, "%s%s", needs_brackets ? "[" : "", address);
	if (allow->prefix_len < 128)
		g_string_append_printf(text, "/%u", is_ipv4 ? allow->prefix_len - 96u : allow->prefix_len);
	if (needs_brackets)
		g_string_append_c(text, ']');
	if (allow->port_first)
		g_string_append_printf(text, ":%u", allow->port_first);
	if (allow->port_last > allow->port_first)
		g_string_append_printf(text, "-%u", allow->port_last);
	if (allow->proto == 6 || allow->proto == 17)
		g_string_append(text, allow->proto == 6 ? "/tcp" : "/udp");
	return g_string_free(g_steal_pointer(&text), FALSE);
}
