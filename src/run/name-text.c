/* SPDX-License-Identifier: MIT */
/*
 * Names as text: what is a name of hosts, which are this machine's or a local network's by their ending, which stand
 * for an address. Pure functions, no power.
 */
#include <stdio.h>
#include <string.h>

#include "run/names-private.h"

#define LABEL_MAX 63 /* RFC 1035 2.3.4 */

static bool is_host_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool ng_name_normal(const char *text, char ret_name[static NG_NAME_MAX])
{
	size_t length = strnlen(text, NG_NAME_MAX + 1), label = 0;

	if (length > 0 && text[length - 1] == '.')
		length--;
	if (length == 0 || length >= NG_NAME_MAX)
		return false;
	for (size_t i = 0; i < length; i++) {
		const char c = text[i];

		if (c == '.' ? label == 0 : (!is_host_character(c) || label == LABEL_MAX))
			return false;
		label = c == '.' ? 0 : label + 1;
		ret_name[i] = c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
	}
	ret_name[length] = '\0';
	return label > 0;
}

bool ng_name_is_below(const char *name, const char *domain)
{
	const size_t n = strlen(name), d = strlen(domain);

	return n > d && name[n - d - 1] == '.' && memcmp(name + n - d, domain, d) == 0;
}

bool ng_name_is_localhost(const char *name)
{
	return strcmp(name, "localhost") == 0 || ng_name_is_below(name, "localhost"); /* RFC 6761 6.3 */
}

/* RFC 6762 (local), 8375 (home.arpa), ICANN's resolution of 2024-07-29 (internal); lan and localdomain by custom. */
bool ng_name_is_local(const char *name)
{
	static const char *const domains[] = { "local", "lan", "home.arpa", "internal", "localdomain" };

	if (!strchr(name, '.') || strcmp(name, "home.arpa") == 0)
		return true;
	for (size_t i = 0; i < sizeof domains / sizeof domains[0]; i++)
		if (ng_name_is_below(name, domains[i]))
			return true;
	return false;
}

static int hex_of(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool ng_name_to_address(const char *name, uint8_t ret_addr[static 16])
{
	uint8_t addr[16] = { [10] = 0xff, [11] = 0xff };
	unsigned a, b, c, d;
	int end = 0;

	if (sscanf(name, "%3u.%3u.%3u.%3u.in-addr.arpa%n", &a, &b, &c, &d, &end) == 4 && end > 0 && !name[end]) {
		if (a > 255 || b > 255 || c > 255 || d > 255)
			return false;
		addr[12] = (uint8_t)d;
		addr[13] = (uint8_t)c;
		addr[14] = (uint8_t)b;
		addr[15] = (uint8_t)a;
	} else {
		if (strlen(name) != 64 + 8 || strcmp(name + 64, "ip6.arpa") != 0)
			return false;
		for (int i = 0; i < 16; i++) {
			const char *digits = name + 4 * (15 - i);
			const int low = hex_of(digits[0]), high = hex_of(digits[2]);

			if (low < 0 || high < 0 || digits[1] != '.' || digits[3] != '.')
				return false;
			addr[i] = (uint8_t)(high << 4 | low);
		}
	}
	memcpy(ret_addr, addr, sizeof addr);
	return true;
}
