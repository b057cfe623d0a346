/* SPDX-License-Identifier: MIT */
/*
 * For tests: another process that holds a socket. A test program becomes it by calling test_held_main() first thing in
 * main(); run as "PROGRAM --hold KIND PORT" it then opens a socket on 127.0.0.1, says so on its standard output, and
 * holds it until its standard input ends. KIND is tcp, udp (connected to PORT), listen or udp-bound. Run as
 * "PROGRAM --spawn OTHER ARGUMENT..." it is the ancestor of another program.
 */
#ifndef NG_TEST_HELD_H
#define NG_TEST_HELD_H

#include <arpa/inet.h>
#include <glib.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static inline int test_hold(const char *kind, uint16_t port)
{
	const int is_udp = g_str_has_prefix(kind, "udp");
	struct sockaddr_in where = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, is_udp ? SOCK_DGRAM : SOCK_STREAM, 0);
	char byte = '+';
	int r;

	where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (g_str_equal(kind, "listen"))
		r = bind(fd, (struct sockaddr *)&where, sizeof(where)) || listen(fd, 4);
	else if (g_str_equal(kind, "udp-bound"))
		r = bind(fd, (struct sockaddr *)&where, sizeof(where));
	else
		r = connect(fd, (struct sockaddr *)&where, sizeof(where));
	if (r != 0 || write(STDOUT_FILENO, &byte, 1) != 1)
		return 1;
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}

static inline int test_spawn(char **argv)
{
	int status = 1;
	pid_t child = fork();

	if (child == 0) {
		execv(argv[0], argv);
		_exit(127);
	}
	waitpid(child, &status, 0);
	return status != 0;
}

static inline void test_held_main(int argc, char **argv)
{
	if (argc == 4 && g_str_equal(argv[1], "--hold"))
		exit(test_hold(argv[2], (uint16_t)atoi(argv[3])));
	if (argc > 2 && g_str_equal(argv[1], "--spawn"))
		exit(test_spawn(argv + 2));
}

typedef struct {
	GPid pid;
	int input;
	int output;
} TestHeld;

/* Start it and wait until it holds its socket. */
static inline TestHeld test_held_start(const char *const *argv)
{
	g_autoptr(GError) error = NULL;
	TestHeld held = { 0 };
	char byte = 0;

	g_spawn_async_with_pipes(NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &held.pid,
				 &held.input, &held.output, NULL, &error);
	g_assert_no_error(error);
	g_assert_cmpint(read(held.output, &byte, 1), ==, 1);
	g_assert_cmpint(byte, ==, '+');
	return held;
}

static inline void test_held_stop(TestHeld *held)
{
	int status = 1;

	close(held->input);
	close(held->output);
	g_assert_cmpint(waitpid(held->pid, &status, 0), ==, held->pid);
	g_assert_cmpint(status, ==, 0);
}

#endif
