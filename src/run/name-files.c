/* SPDX-License-Identifier: MIT */
/*
 * The machine's own knowledge of names: hosts(5) and resolv.conf(5), read once before the command starts, so that a
 * confined program that may write them changes nothing. Bounded: HOSTS_BYTES of the one (lists of advertisers have
 * hundreds of thousands of lines), RESOLV_BYTES of the other. Supervisor, with the caller's power.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include "base/cleanup.h"
#include "run/names-private.h"

#define HOSTS_BYTES (1024 * 1024)
#define RESOLV_BYTES (64 * 1024)
#define LINE_MAX_BYTES 1024
#define SPACE " \t\r\n"

/* One line without its comment. False: the end. A line that is too long is cut and its rest left out. */
static bool line_read(FILE *file, size_t *left, char line[static LINE_MAX_BYTES])
{
	size_t length;

	if (*left == 0 || !fgets(line, LINE_MAX_BYTES, file))
		return false;
	length = strlen(line);
	*left -= length < *left ? length : *left;
	if (length > 0 && line[length - 1] != '\n') {
		for (int c = getc(file); c != EOF && c != '\n' && *left > 0; c = getc(file))
			(*left)--;
	}
	line[strcspn(line, "#")] = '\0';
	return true;
}

static bool address_read(const char *text, uint8_t ret_addr[static 16])
{
	uint8_t addr[16] = { [10] = 0xff, [11] = 0xff };

	if (inet_pton(AF_INET, text, addr + 12) != 1 && inet_pton(AF_INET6, text, addr) != 1)
		return false;
	memcpy(ret_addr, addr, sizeof addr);
	return true;
}

void ng_hosts_read(const char *path, bool (*take)(const struct ng_host *host, void *data), void *data)
{
	ng_auto_file file = fopen(path, "re");
	char line[LINE_MAX_BYTES], *rest = NULL;
	size_t left = HOSTS_BYTES;

	while (file && line_read(file, &left, line)) {
		const char *word = strtok_r(line, SPACE, &rest);
		struct ng_host host;

		/* Lists of advertisers send them to the machine itself: never admitted, so not parsed either. */
		if (!word || strncmp(word, "0.", 2) == 0 || strncmp(word, "127.", 4) == 0 ||
		    !address_read(word, host.addr))
			continue;
		while ((word = strtok_r(NULL, SPACE, &rest))) {
			if (ng_name_normal(word, host.name) && !take(&host, data))
				return;
		}
	}
}

/* An address as resolv.conf has it, a link-local one with %interface. */
static bool server_read(char *text, uint16_t port, struct sockaddr_storage *ret_server)
{
	struct sockaddr_in ipv4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	char *scope = strchr(text, '%');

	if (scope) {
		*scope++ = '\0';
		ipv6.sin6_scope_id = if_nametoindex(scope);
		if (ipv6.sin6_scope_id == 0)
			ipv6.sin6_scope_id = (uint32_t)strtoul(scope, NULL, 10);
	}
	memset(ret_server, 0, sizeof *ret_server);
	if (inet_pton(AF_INET, text, &ipv4.sin_addr) == 1)
		memcpy(ret_server, &ipv4, sizeof ipv4);
	else if (inet_pton(AF_INET6, text, &ipv6.sin6_addr) == 1)
		memcpy(ret_server, &ipv6, sizeof ipv6);
	return ret_server->ss_family != AF_UNSPEC;
}

unsigned ng_resolv_read(const char *path, uint16_t port, struct sockaddr_storage ret_servers[static NG_NAMES_SERVERS])
{
	char own[] = "127.0.0.1", line[LINE_MAX_BYTES], *rest = NULL;
	ng_auto_file file = fopen(path, "re");
	size_t left = RESOLV_BYTES;
	unsigned count = 0;

	while (file && count < NG_NAMES_SERVERS && line_read(file, &left, line)) {
		const char *key = strtok_r(line, SPACE, &rest);
		char *value = key && strcmp(key, "nameserver") == 0 ? strtok_r(NULL, SPACE ";", &rest) : NULL;

		if (value && server_read(value, port, &ret_servers[count]))
			count++;
	}
	if (count == 0 && server_read(own, port, &ret_servers[0]))
		count = 1;
	return count;
}
