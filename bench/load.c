/* SPDX-License-Identifier: MIT */
/*
 * The work that bench/run measures, one kind a process: for each line of input one slice of it, answered with one
 * figure, so that two of these processes, guarded and not, can take turns. Loopback only. Runs as the application that
 * is guarded or not, with no power of its own. Work of one thread is measured in processor time, which does not count
 * the turns of others; work of two in time.
 *
 *     load connect N [waiting]  TCP connect + accept + close of both ends: ns each; waiting: time, not processor time
 *     load socket N             socket(TCP) + close: ns each
 *     load udp N                UDP connect() to an address, without sending: ns each
 *     load stream SIZE MB       one TCP connection, writes of SIZE bytes: megabytes per second
 *     load pingpong N           one TCP connection, 64 bytes there and back: ns each
 *     load sendto N             sendto() of 64 bytes to an address, unconnected: ns each, time
 *     load sendmsg SIZE MB      one TCP connection, sendmsg() of SIZE bytes: megabytes per second
 *     load connects THREADS N   the same as connect, by several threads at once: connections per second of all
 *     load poll ADDRESS         send a datagram again and again until it is refused: CLOCK_MONOTONIC of that, ns
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static double now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static clockid_t used_clock = CLOCK_PROCESS_CPUTIME_ID;

static double used_ns(void)
{
	return clock_ns(used_clock);
}

static void fail(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set); /* a machine with one processor goes on without */
}

static int listen_any(struct sockaddr_in *ret_address)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 128) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		fail("listen");
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*ret_address = address;
	return fd;
}

static void pair(int ret_fds[2])
{
	struct sockaddr_in address;
	int listener = listen_any(&address);

	ret_fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (ret_fds[0] < 0 || connect(ret_fds[0], (struct sockaddr *)&address, sizeof(address)) < 0)
		fail("connect");
	ret_fds[1] = accept(listener, NULL, NULL);
	if (ret_fds[1] < 0)
		fail("accept");
	close(listener);
}

/* Both ends of the i-th connection, made and closed. */
static void connect_once(int listener, struct sockaddr_in address, long i)
{
	int out = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), in;

	/* Another of loopback's addresses now and then, so that ports do not run out. */
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (unsigned)(i / 1000 % 250) * 256);
	if (out < 0 || connect(out, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail("connect");
	in = accept(listener, NULL, NULL);
	if (in < 0)
		fail("accept");
	close(out);
	close(in);
}

static double run_connect(long n)
{
	struct sockaddr_in address;
	int listener = listen_any(&address);
	double start = used_ns();

	for (long i = 0; i < n; i++)
		connect_once(listener, address, i);
	start = (used_ns() - start) / (double)n;
	close(listener);
	return start;
}

static pthread_barrier_t begin;

static void *connect_many(void *argument)
{
	struct sockaddr_in address;
	const long n = *(long *)argument;
	int listener = listen_any(&address);

	pthread_barrier_wait(&begin);
	for (long i = 0; i < n; i++)
		connect_once(listener, address, i);
	close(listener);
	return NULL;
}

static double run_connects(long n_threads, long n)
{
	pthread_t threads[64];
	cpu_set_t all;
	double start;

	CPU_ZERO(&all);
	for (int i = 0; i < CPU_SETSIZE; i++)
		CPU_SET(i, &all);
	sched_setaffinity(0, sizeof(all), &all);
	if (n_threads > 64)
		n_threads = 64;
	pthread_barrier_init(&begin, NULL, (unsigned)n_threads + 1);
	for (long i = 0; i < n_threads; i++)
		pthread_create(&threads[i], NULL, connect_many, &n);
	pthread_barrier_wait(&begin);
	start = now_ns();
	for (long i = 0; i < n_threads; i++)
		pthread_join(threads[i], NULL);
	return (double)(n_threads * n) / ((now_ns() - start) / 1e9);
}

static double run_sendto(long n)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), peer = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char buffer[64] = "";
	double start;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(peer, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    getsockname(peer, (struct sockaddr *)&address, &length) < 0)
		fail("bind");
	start = now_ns();
	for (long i = 0; i < n; i++)
		if (sendto(fd, buffer, sizeof(buffer), 0, (struct sockaddr *)&address, sizeof(address)) < 0)
			fail("sendto");
	start = (now_ns() - start) / (double)n;
	close(fd);
	close(peer);
	return start;
}

static double run_socket(long n)
{
	double start = used_ns();

	for (long i = 0; i < n; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd < 0)
			fail("socket");
		close(fd);
	}
	return (used_ns() - start) / (double)n;
}

static double run_udp(long n)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(9) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	double start;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	start = used_ns();
	for (long i = 0; i < n; i++)
		if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
			fail("connect");
	start = (used_ns() - start) / (double)n;
	close(fd);
	return start;
}

static void *drain(void *argument)
{
	static char buffer[1 << 18];
	int fd = *(int *)argument;

	pin(1);
	while (read(fd, buffer, sizeof(buffer)) > 0)
		;
	return NULL;
}

static ssize_t send_plain(int fd, void *buffer, size_t size)
{
	return write(fd, buffer, size);
}

static ssize_t send_message(int fd, void *buffer, size_t size)
{
	struct iovec part = { buffer, size };
	struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };

	return sendmsg(fd, &header, 0);
}

static double run_stream(size_t size, long megabytes, ssize_t (*send_part)(int, void *, size_t))
{
	static char buffer[1 << 20];
	size_t left = (size_t)megabytes * 1000000;
	pthread_t reader;
	double start;
	int fds[2];

	pair(fds);
	pthread_create(&reader, NULL, drain, &fds[1]);
	pin(0);
	start = now_ns();
	while (left > 0) {
		size_t part = left < size ? left : size;
		ssize_t written = send_part(fds[0], buffer, part);

		if (written <= 0)
			fail("write");
		left -= (size_t)written;
	}
	close(fds[0]);
	pthread_join(reader, NULL);
	start = (double)megabytes / ((now_ns() - start) / 1e9);
	close(fds[1]);
	return start;
}

static void *echo(void *argument)
{
	char buffer[64];
	int fd = *(int *)argument;

	pin(1);
	while (read(fd, buffer, sizeof(buffer)) > 0)
		if (write(fd, buffer, sizeof(buffer)) < 0)
			break;
	return NULL;
}

static double run_pingpong(long n)
{
	char buffer[64] = "";
	pthread_t other;
	double start;
	int fds[2], one = 1;

	pair(fds);
	for (int i = 0; i < 2; i++)
		setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	pthread_create(&other, NULL, echo, &fds[1]);
	pin(0);
	start = now_ns();
	for (long i = 0; i < n; i++)
		if (write(fds[0], buffer, sizeof(buffer)) < 0 || read(fds[0], buffer, sizeof(buffer)) <= 0)
			fail("pingpong");
	start = (now_ns() - start) / (double)n;
	close(fds[0]);
	pthread_join(other, NULL);
	close(fds[1]);
	return start;
}

/* When the datagram is refused for the first time, after it has passed at least once. */
static double run_poll(const char *text)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(9) };
	double deadline = now_ns() + 20e9;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), passed = 0;

	inet_pton(AF_INET, text, &address.sin_addr);
	while (now_ns() < deadline) {
		ssize_t r = sendto(fd, "x", 1, 0, (struct sockaddr *)&address, sizeof(address));

		if (r < 0 && errno != ECONNREFUSED && errno != EAGAIN && errno != ENOBUFS)
			return passed ? now_ns() : -1;
		if (!passed) {
			puts("passing");
			fflush(stdout);
			passed = 1;
		}
	}
	return 0;
}

static double run(int argc, char **argv)
{
	const char *kind = argv[1];

	if (strcmp(kind, "connect") == 0)
		return run_connect(atol(argv[2]));
	if (strcmp(kind, "socket") == 0)
		return run_socket(atol(argv[2]));
	if (strcmp(kind, "udp") == 0)
		return run_udp(atol(argv[2]));
	if (strcmp(kind, "pingpong") == 0)
		return run_pingpong(atol(argv[2]));
	if (strcmp(kind, "poll") == 0)
		return run_poll(argv[2]);
	if (strcmp(kind, "stream") == 0 && argc > 3)
		return run_stream((size_t)atol(argv[2]), atol(argv[3]), send_plain);
	if (strcmp(kind, "sendmsg") == 0 && argc > 3)
		return run_stream((size_t)atol(argv[2]), atol(argv[3]), send_message);
	if (strcmp(kind, "connects") == 0 && argc > 3)
		return run_connects(atol(argv[2]), atol(argv[3]));
	if (strcmp(kind, "sendto") == 0)
		return run_sendto(atol(argv[2]));
	fprintf(stderr, "load: no such work: %s\n", kind);
	exit(2);
}

int main(int argc, char **argv)
{
	char line[16];

	if (argc < 3) {
		fprintf(stderr, "load: see the top of load.c\n");
		return 2;
	}
	if (argc > 3 && strcmp(argv[3], "waiting") == 0)
		used_clock = CLOCK_MONOTONIC;
	pin(0);
	while (fgets(line, sizeof(line), stdin)) {
		printf("%.1f\n", run(argc, argv));
		fflush(stdout);
	}
	return 0;
}
