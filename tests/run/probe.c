/* SPDX-License-Identifier: MIT */
/*
 * The probe's command line; see probe.h. Each vector runs in a child of its own with a time limit and prints one line
 * "VECTOR PORT RESULT": "ok", an error's name, "hung", a signal's name, "skip", or what the vector said.
 *
 *     probe [KEY=VALUE]... VECTOR...     keys: near far base daemon work abstract pid where fd times; a vector or
 * @GROUP probe list GROUP                   the names of a group
 */
#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct setting setting = { .base = 20000, .fd = -1, .times = 1000 };
int vector_argument;

static char said[4096];
static const struct vector *const tables[] = { inet_vectors, odd_vectors, unix_vectors, process_vectors };
#define N_TABLES (sizeof(tables) / sizeof(*tables))

long or_errno(long result)
{
	return result < 0 ? -errno : result;
}

int socket_for(const union address *to, int type, int protocol)
{
	return (int)or_errno(socket(to->any.sa_family, type, protocol));
}

void say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(said, sizeof(said), format, arguments);
	va_end(arguments);
}

/* --- the command line --- */

/* An address as text, IPv6 with %SCOPE as a number or a name. */
static bool parse_address(const char *text, union address *address, socklen_t *length)
{
	char host[64];
	const char *scope = strchr(text, '%');

	snprintf(host, sizeof(host), "%.*s", scope ? (int)(scope - text) : (int)strlen(text), text);
	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, host, &address->v4.sin_addr) == 1) {
		address->v4.sin_family = AF_INET;
		*length = sizeof(address->v4);
		return true;
	}
	if (inet_pton(AF_INET6, host, &address->v6.sin6_addr) != 1)
		return false;
	address->v6.sin6_family = AF_INET6;
	if (scope)
		address->v6.sin6_scope_id = atoi(scope + 1) ? (unsigned)atoi(scope + 1) : if_nametoindex(scope + 1);
	*length = sizeof(address->v6);
	return true;
}

static bool parse_setting(const char *word)
{
	const char *value = strchr(word, '=');
	const size_t n = value ? (size_t)(value - word) : 0;

	if (!value)
		return false;
	value++;
#define KEY(name) (n == strlen(name) && strncmp(word, name, n) == 0)
	if (KEY("near"))
		return setting.has_near = parse_address(value, &setting.near, &setting.near_len);
	if (KEY("far"))
		return setting.has_far = parse_address(value, &setting.far, &setting.far_len);
	if (KEY("daemon"))
		setting.daemon = value;
	else if (KEY("work"))
		setting.work = value;
	else if (KEY("abstract"))
		setting.abstract = value;
	else if (KEY("base"))
		setting.base = atoi(value);
	else if (KEY("pid"))
		setting.pid = atoi(value);
	else if (KEY("where"))
		setting.where = strtoul(value, NULL, 0);
	else if (KEY("fd"))
		setting.fd = atoi(value);
	else if (KEY("times"))
		setting.times = atol(value);
	else
		return false;
#undef KEY
	return true;
}

/* --- one vector --- */

static void set_port(union address *address, int port)
{
	if (address->any.sa_family == AF_INET)
		address->v4.sin_port = htons((uint16_t)port);
	else
		address->v6.sin6_port = htons((uint16_t)port);
}

static void run_in_child(const struct vector *vector, int to)
{
	long result;

	alarm(setting.times > 1000 ? 120 : 6); /* a call that hangs is a result too */
	vector_argument = vector->argument;
	set_port(&setting.near, setting.port);
	set_port(&setting.far, setting.port);
	result = vector->run();
	if (result == VECTOR_SKIP)
		dprintf(to, "skip");
	else if (said[0])
		dprintf(to, "%s", said);
	else if (result >= 0)
		dprintf(to, "ok");
	else
		dprintf(to, "%s", strerrorname_np((int)-result) ? strerrorname_np((int)-result) : "unknown");
	_exit(0);
}

static void run_vector(const struct vector *vector, int number)
{
	char result[4096] = "";
	int pair[2], status;
	ssize_t n;
	pid_t child;

	setting.port = setting.base + number;
	if (pipe(pair) < 0)
		exit(2);
	child = fork();
	if (child < 0) {
		printf("%s %d fork: %s\n", vector->name, setting.port, strerrorname_np(errno));
		return;
	}
	if (child == 0) {
		close(pair[0]);
		run_in_child(vector, pair[1]);
	}
	close(pair[1]);
	waitpid(child, &status, 0);
	if (WIFSIGNALED(status))
		snprintf(result, sizeof(result), "%s",
			 WTERMSIG(status) == SIGALRM ? "hung" : sigabbrev_np(WTERMSIG(status)));
	else if ((n = read(pair[0], result, sizeof(result) - 1)) >= 0)
		result[n] = '\0';
	close(pair[0]);
	printf("%s %d %s\n", vector->name, setting.port, result);
	fflush(stdout);
}

/* Visits the vectors called `word`, or those of the group after '@'. Their number is their place in all tables. */
static int each(const char *word, void (*visit)(const struct vector *vector, int number))
{
	int found = 0, number = 0;

	for (size_t t = 0; t < N_TABLES; t++)
		for (const struct vector *v = tables[t]; v->name; v++, number++)
			if (strcmp(word[0] == '@' ? v->group : v->name, word[0] == '@' ? word + 1 : word) == 0) {
				visit(v, number);
				found++;
			}
	return found;
}

static void print_name(const struct vector *vector, int number)
{
	printf("%s %d\n", vector->name, setting.base + number);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "list") == 0) {
		char group[64];

		snprintf(group, sizeof(group), "@%s", argv[2]);
		return each(group, print_name) ? 0 : 2;
	}
	for (int i = 1; i < argc; i++)
		if (!parse_setting(argv[i]) && !each(argv[i], run_vector)) {
			fprintf(stderr, "probe: what is %s? See the top of probe.c\n", argv[i]);
			return 2;
		}
	return 0;
}
