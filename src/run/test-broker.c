/* SPDX-License-Identifier: MIT */
/*
 * The broker, with a child under a filter that sends it these calls, and a loop as the supervisor's, on rung B: the
 * child's sockets are this machine's, and only loopback is used. What happens inside is checked in the child, which
 * ends with 0 or says which line failed. Runs in a test, with no power.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "run/broker.h"
#include "run/filter.h"
#include "run/names.h"

#define CHECK(is_so)                                                                                                   \
	do {                                                                                                           \
		if (!(is_so)) {                                                                                        \
			dprintf(2, "# inside, line %d: not so: %s (%s)\n", __LINE__, #is_so, strerror(errno));         \
			_exit(1);                                                                                      \
		}                                                                                                      \
	} while (0)
#define CHECK_FAILS(call, number) CHECK((errno = 0, (call) == -1 && errno == (number)))

/* --- the harness --- */

/* The launcher's own, as on rung B. */
static int install_filter(const struct ng_run_policy *policy)
{
	bool is_killable;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return ng_filter_install(policy, 'B', true, &is_killable);
}

struct fixture {
	struct ng_run_options options;
	struct ng_run run;
	char *log;
	char *folder;
};

static void set_up(struct fixture *fixture, uint8_t profile)
{
	char error[512];

	memset(fixture, 0, sizeof *fixture);
	fixture->folder = g_dir_make_tmp("ng-broker-XXXXXX", NULL);
	fixture->log = g_build_filename(fixture->folder, "log", NULL);
	fixture->options.policy.app.profile = profile;
	fixture->options.log_path = fixture->log;
	fixture->run = (struct ng_run){
		.options = &fixture->options, .policy = &fixture->options.policy, .rung = 'B', .init_fd = -1
	};
	fixture->run.epoll = epoll_create1(EPOLL_CLOEXEC);
	g_assert_cmpint(ng_record_open(&fixture->options, &fixture->run.record, error), ==, 0);
	g_assert_cmpint(ng_names_new(fixture->run.policy, &fixture->run.names), ==, 0);
	ng_record_start(fixture->run.record, 'B', "a test");
}

static void tear_down(struct fixture *fixture)
{
	g_autofree char *socket = g_build_filename(fixture->folder, "socket", NULL);

	g_unlink(socket);
	g_unlink(fixture->log);
	g_rmdir(fixture->folder);
	close(fixture->run.epoll);
	ng_record_close(fixture->run.record);
	ng_names_free(fixture->run.names);
	g_free(fixture->log);
	g_free(fixture->folder);
}

static void watch(int epoll, int fd, uint64_t key)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = key };

	g_assert_cmpint(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), ==, 0);
}

static void serve(struct ng_run *run, int child)
{
	struct ng_broker *broker;
	bool is_over = false;

	g_assert_cmpint(ng_broker_new(run, &broker), ==, 0);
	watch(run->epoll, run->listener, 1);
	watch(run->epoll, child, NG_EPOLL_INIT);
	while (!is_over) {
		struct epoll_event events[16];
		const int n =
			epoll_wait(run->epoll, events, 16, ng_broker_has_pending(broker) ? NG_BROKER_TICK_MS : 20000);

		g_assert_true(n > 0 || ng_broker_has_pending(broker) || errno == EINTR);
		for (int i = 0; i < n; i++) {
			if (events[i].data.u64 == NG_EPOLL_INIT)
				is_over = true;
			else if (events[i].data.u64 == 1)
				ng_broker_listener_ready(broker);
			else
				ng_broker_pending_ready(broker, events[i].data.u64);
		}
		if (ng_broker_has_pending(broker))
			ng_broker_tick(broker);
	}
	ng_broker_free(broker);
}

/* Runs `inside` confined; it returns, or _exit()s with another status than 0 where something was not so. */
static void confine(struct fixture *fixture, void (*inside)(const char *folder))
{
	int pipes[2], go[2], number = -1, status;
	pid_t pid;
	ng_auto_fd child = -1;

	g_assert_cmpint(pipe(pipes), ==, 0);
	g_assert_cmpint(pipe(go), ==, 0);
	pid = fork();
	if (pid == 0) {
		number = install_filter(&fixture->options.policy);
		CHECK(write(pipes[1], &number, sizeof number) == sizeof number);
		CHECK(read(go[0], &number, 1) == 1);
		inside(fixture->folder);
		_exit(0);
	}
	g_assert_cmpint(read(pipes[0], &number, sizeof number), ==, sizeof number);
	g_assert_cmpint(number, >=, 0);
	child = (int)syscall(SYS_pidfd_open, pid, 0);
	fixture->run.listener = (int)syscall(SYS_pidfd_getfd, child, number, 0);
	g_assert_cmpint(fixture->run.listener, >=, 0);
	g_assert_cmpint(write(go[1], "g", 1), ==, 1);
	serve(&fixture->run, child);
	close(fixture->run.listener);
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	for (int i = 0; i < 2; i++) {
		close(pipes[i]);
		close(go[i]);
	}
	g_assert_cmpint(status, ==, 0);
}

static void assert_logged(struct fixture *fixture, const char *part, bool is_logged)
{
	g_autofree char *text = NULL;

	ng_record_flush(fixture->run.record);
	g_assert_true(g_file_get_contents(fixture->log, &text, NULL, NULL));
	if ((strstr(text, part) != NULL) != is_logged)
		g_error("%s is%s in the log:\n%s", part, is_logged ? " not" : "", text);
}

/* --- helpers inside --- */

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static int make_listener(int backlog, struct sockaddr_in *ret_addr)
{
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof *ret_addr;

	*ret_addr = loopback(0);
	CHECK(fd >= 0);
	CHECK(bind(fd, (void *)ret_addr, sizeof *ret_addr) == 0);
	CHECK(listen(fd, backlog) == 0);
	CHECK(getsockname(fd, (void *)ret_addr, &len) == 0);
	return fd;
}

static struct sockaddr_un unix_address(const char *folder)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	snprintf(un.sun_path, sizeof un.sun_path, "%s/socket", folder);
	return un;
}

/* --- connections --- */

static void connect_inside(const char *folder)
{
	struct sockaddr_in addr = { 0 }, peer = { 0 };
	socklen_t len = sizeof peer;
	const int listener = make_listener(8, &addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), accepted;

	CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
	CHECK(connect(fd, (void *)&addr, sizeof addr) == 0);
	CHECK(!(fcntl(fd, F_GETFL) & O_NONBLOCK));
	CHECK(getpeername(fd, (void *)&peer, &len) == 0 && peer.sin_port == addr.sin_port);
	CHECK_FAILS(connect(fd, (void *)&addr, sizeof addr), EISCONN);
	accepted = accept(listener, NULL, NULL);
	CHECK(accepted >= 0 && write(fd, "hello", 5) == 5);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	CHECK(fcntl(fd, F_GETFD) == 0 && fcntl(fd, F_GETFL) & O_NONBLOCK);
	CHECK(connect(fd, (void *)&addr, sizeof addr) == 0 || errno == EINPROGRESS);
	addr.sin_port = htons(1);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_FAILS(connect(fd, (void *)&addr, sizeof addr), ECONNREFUSED);
}

static void test_connect(void)
{
	struct fixture fixture;

	set_up(&fixture, NG_PROFILE_LOCAL);
	confine(&fixture, connect_inside);
	assert_logged(&fixture, "\"verdict\":\"allowed\"", true);
	assert_logged(&fixture, "\"verdict\":\"denied\"", false);
	tear_down(&fixture);
}

static void refused_inside(const char *folder)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_port = htons(80),
				    .sin_addr.s_addr = htonl(0xcb007105) };
	const int tcp = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0);
	struct iovec iov = { (void *)"x", 1 };
	struct mmsghdr messages[2] = { 0 };

	CHECK_FAILS(connect(tcp, (void *)&addr, sizeof addr), ENETUNREACH);
	CHECK_FAILS(connect(udp, (void *)&addr, sizeof addr), ENETUNREACH);
	CHECK_FAILS(sendto(udp, "x", 1, 0, (void *)&addr, sizeof addr), ENETUNREACH);
	addr.sin_family = AF_UNSPEC; /* udp_sendmsg() takes it for AF_INET */
	CHECK_FAILS(sendto(udp, "x", 1, 0, (void *)&addr, sizeof addr), ENETUNREACH);
	addr.sin_family = AF_INET;
	for (int i = 0; i < 2; i++)
		messages[i].msg_hdr = (struct msghdr){ &addr, sizeof addr, &iov, 1, NULL, 0, 0 };
	CHECK_FAILS(sendmsg(udp, &messages[0].msg_hdr, 0), ENETUNREACH);
	CHECK_FAILS(sendmmsg(udp, messages, 2, 0), ENETUNREACH);
	CHECK_FAILS(sendto(tcp, "x", 1, 0x20000000 /* MSG_FASTOPEN */, (void *)&addr, sizeof addr), EOPNOTSUPP);
}

static void test_refused(void)
{
	struct fixture fixture;

	set_up(&fixture, NG_PROFILE_LOCAL);
	confine(&fixture, refused_inside);
	assert_logged(&fixture, "\"call\":\"connect\"", true);
	assert_logged(&fixture, "\"call\":\"sendto\"", true);
	assert_logged(&fixture, "\"call\":\"sendmsg\"", true);
	assert_logged(&fixture, "\"call\":\"sendmmsg\"", true);
	assert_logged(&fixture, "203.0.113.5", true);
	assert_logged(&fixture, "\"verdict\":\"allowed\"", false);
	tear_down(&fixture);
}

static void lengths_inside(const char *folder)
{
	struct sockaddr_in addr = loopback(9);
	const int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct msghdr header = { 0 };
	static struct iovec iovs[1025];

	CHECK_FAILS(syscall(SYS_connect, fd, &addr, 0x80000000u), EINVAL);
	CHECK_FAILS(syscall(SYS_connect, fd, &addr, 0x7fffffffu), EINVAL);
	CHECK_FAILS(syscall(SYS_connect, fd, &addr, -1), EINVAL);
	CHECK_FAILS(connect(fd, (void *)&addr, 129), EINVAL);
	CHECK_FAILS(connect(fd, (void *)&addr, 1), EINVAL);
	CHECK_FAILS(connect(fd, (void *)&addr, 8), EINVAL);
	CHECK_FAILS(connect(fd, (void *)8, sizeof addr), EFAULT);
	CHECK_FAILS(bind(fd, (void *)8, sizeof addr), EFAULT);
	CHECK_FAILS(sendto(fd, (void *)8, 1, 0, (void *)&addr, sizeof addr), EFAULT);
	CHECK_FAILS(sendto(fd, "x", 1, 0, (void *)8, sizeof addr), EFAULT);
	CHECK_FAILS(syscall(SYS_sendto, fd, "x", 1, 0, &addr, 0x80000000u), EINVAL);
	CHECK_FAILS(syscall(SYS_sendmsg, fd, 8, 0), EFAULT);
	CHECK_FAILS(connect(99, (void *)&addr, sizeof addr), EBADF);
	CHECK_FAILS(connect(2, (void *)&addr, sizeof addr), ENOTSOCK);
	header.msg_iov = iovs;
	header.msg_iovlen = 1025;
	CHECK_FAILS(sendmsg(fd, &header, 0), EMSGSIZE);
	header.msg_iovlen = 0;
	header.msg_control = iovs;
	header.msg_controllen = 1u << 20;
	CHECK_FAILS(sendmsg(fd, &header, 0), ENOBUFS);
}

static void test_lengths(void)
{
	struct fixture fixture;

	set_up(&fixture, NG_PROFILE_LOCAL);
	confine(&fixture, lengths_inside);
	tear_down(&fixture);
}

/* --- the race --- */

static struct sockaddr_in flipped;
static volatile bool is_flipping = true;

static void *flip(void *unused)
{
	while (is_flipping) {
		*(volatile uint32_t *)&flipped.sin_addr.s_addr = htonl(0xcb007105);
		*(volatile uint32_t *)&flipped.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	}
	return unused;
}

static void race_inside(const char *folder)
{
	const int fd = socket(AF_INET, SOCK_DGRAM, 0);
	int through = 0, refused = 0;
	pthread_t thread;

	flipped = loopback(9);
	CHECK(pthread_create(&thread, NULL, flip, NULL) == 0);
	for (int i = 0; i < 20000; i++) {
		struct sockaddr_in peer = { 0 };
		socklen_t len = sizeof peer;

		if (connect(fd, (void *)&flipped, sizeof flipped) < 0) {
			CHECK(errno == ENETUNREACH);
			refused++;
			continue;
		}
		through++;
		CHECK(getpeername(fd, (void *)&peer, &len) == 0);
		CHECK(peer.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	}
	is_flipping = false;
	pthread_join(thread, NULL);
	CHECK(through > 0 && refused > 0);
}

static void test_race(void)
{
	struct fixture fixture;

	set_up(&fixture, NG_PROFILE_LOCAL);
	confine(&fixture, race_inside);
	tear_down(&fixture);
}

/* --- AF_UNIX --- */

static void unix_inside(const char *folder)
{
	struct sockaddr_un addr = unix_address(folder), bound;
	socklen_t len = sizeof bound;
	const int listener = socket(AF_UNIX, SOCK_STREAM, 0), fd = socket(AF_UNIX, SOCK_STREAM, 0);
	const int dgram = socket(AF_UNIX, SOCK_DGRAM, 0), other = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct sockaddr_un abstract = { .sun_family = AF_UNIX };
	struct stat made;
	char byte;

	umask(077);
	CHECK(bind(listener, (void *)&addr, sizeof addr) == 0);
	CHECK(getsockname(listener, (void *)&bound, &len) == 0 && strcmp(bound.sun_path, addr.sun_path) == 0);
	CHECK(stat(addr.sun_path, &made) == 0 && (made.st_mode & 0777) == 0700);
	CHECK_FAILS(bind(fd, (void *)&addr, sizeof addr), EADDRINUSE);
	CHECK(listen(listener, 4) == 0 && connect(fd, (void *)&addr, sizeof addr) == 0);
	CHECK(unlink(addr.sun_path) == 0 && chdir(folder) == 0);
	strcpy(addr.sun_path, "socket");
	CHECK(bind(dgram, (void *)&addr, sizeof addr) == 0);
	len = sizeof bound;
	CHECK(getsockname(dgram, (void *)&bound, &len) == 0 && strcmp(bound.sun_path, "socket") == 0);
	CHECK(sendto(other, "x", 1, 0, (void *)&addr, sizeof addr) == 1 && recv(dgram, &byte, 1, 0) == 1);
	/* Abstract names, which a machine shares on rung B. */
	CHECK(bind(other, (void *)&abstract, sizeof(sa_family_t)) == 0);
	len = sizeof abstract;
	CHECK(getsockname(other, (void *)&abstract, &len) == 0 &&
	      sendto(dgram, "y", 1, 0, (void *)&abstract, len) == 1);
	close(other);
	CHECK_FAILS(sendto(dgram, "y", 1, 0, (void *)&abstract, len), ECONNREFUSED);
	strcpy(addr.sun_path, "missing");
	CHECK_FAILS(connect(fd, (void *)&addr, sizeof addr), ENOENT);
}

static void test_unix(void)
{
	struct fixture fixture;

	set_up(&fixture, NG_PROFILE_OFFLINE);
	confine(&fixture, unix_inside);
	tear_down(&fixture);
}

static void unix_host_inside(const char *folder)
{
	struct sockaddr_un addr = unix_address(folder), link_addr = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	CHECK_FAILS(connect(fd, (void *)&addr, sizeof addr), EACCES);
	snprintf(link_addr.sun_path, sizeof link_addr.sun_path, "%s/link", folder);
	CHECK(link(addr.sun_path, link_addr.sun_path) == 0);
	CHECK_FAILS(connect(fd, (void *)&link_addr, sizeof link_addr), EACCES);
	CHECK(unlink(link_addr.sun_path) == 0 && symlink("socket", link_addr.sun_path) == 0);
	CHECK_FAILS(connect(fd, (void *)&link_addr, sizeof link_addr), EACCES);
	CHECK(unlink(link_addr.sun_path) == 0);
	link_addr = (struct sockaddr_un){ .sun_family = AF_UNIX, .sun_path = "\0ng-test-broker-host" };
	CHECK_FAILS(connect(fd, (void *)&link_addr, sizeof link_addr), ECONNREFUSED);
}

static void unix_allowed_inside(const char *folder)
{
	struct sockaddr_un addr = unix_address(folder);

	CHECK(connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&addr, sizeof addr) == 0);
}

static void test_unix_host(void)
{
	struct fixture fixture;
	struct sockaddr_un addr, abstract = { .sun_family = AF_UNIX, .sun_path = "\0ng-test-broker-host" };
	ng_auto_fd host = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ng_auto_fd host_abstract = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	set_up(&fixture, NG_PROFILE_LOCAL);
	addr = unix_address(fixture.folder);
	g_assert_cmpint(bind(host, (void *)&addr, sizeof addr), ==, 0);
	g_assert_cmpint(listen(host, 4), ==, 0);
	g_assert_cmpint(bind(host_abstract, (void *)&abstract, sizeof abstract), ==, 0);
	g_assert_cmpint(listen(host_abstract, 4), ==, 0);
	confine(&fixture, unix_host_inside);
	assert_logged(&fixture, addr.sun_path, true);
	fixture.options.policy.unix_paths[0] = addr.sun_path;
	fixture.options.policy.n_unix = 1;
	confine(&fixture, unix_allowed_inside);
	tear_down(&fixture);
}

/* --- data --- */

#define STREAM_LEN (10u << 20)

static void *drain(void *arg)
{
	const int fd = *(int *)arg;
	unsigned char *room = malloc(1 << 16);
	size_t got = 0;
	ssize_t n;

	while ((n = read(fd, room, 1 << 16)) > 0) {
		for (ssize_t i = 0; i < n; i++, got++)
			CHECK(room[i] == (unsigned char)(got * 31 >> 3));
	}
	CHECK(got == STREAM_LEN);
	free(room);
	return NULL;
}

static void stream_inside(const char *folder)
{
	unsigned char *bytes = malloc(STREAM_LEN);
	struct iovec iov[3] = { { bytes, 1000001 }, { bytes + 1000001, 1 }, { bytes + 1000002, STREAM_LEN - 1000002 } };
	const struct msghdr header = { .msg_iov = iov, .msg_iovlen = 3 };
	pthread_t thread;
	int pair[2];

	for (size_t i = 0; i < STREAM_LEN; i++)
		bytes[i] = (unsigned char)(i * 31 >> 3);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	CHECK(pthread_create(&thread, NULL, drain, &pair[1]) == 0);
	CHECK(sendmsg(pair[0], &header, 0) == STREAM_LEN);
	CHECK(shutdown(pair[0], SHUT_WR) == 0 && pthread_join(thread, NULL) == 0);
}

static void test_stream(void)
{
	struct fixture fixture;

	set_up(&fixture, NG_PROFILE_OFFLINE);
	confine(&fixture, stream_inside);
	tear_down(&fixture);
}

static void many_inside(const char *folder)
{
	struct sockaddr_in addr = loopback(0);
	socklen_t len = sizeof addr;
	const int to = socket(AF_INET, SOCK_DGRAM, 0), from = socket(AF_INET, SOCK_DGRAM, 0);
	struct iovec iov[8];
	struct mmsghdr messages[8] = { 0 };
	char bytes[] = "abcdefgh", room[8];

	CHECK(bind(to, (void *)&addr, sizeof addr) == 0 && getsockname(to, (void *)&addr, &len) == 0);
	for (int i = 0; i < 8; i++) {
		iov[i] = (struct iovec){ bytes, (size_t)i };
		messages[i].msg_hdr = (struct msghdr){ &addr, sizeof addr, &iov[i], 1, NULL, 0, 0 };
	}
	CHECK(sendmmsg(from, messages, 8, 0) == 8);
	for (int i = 0; i < 8; i++) {
		CHECK(messages[i].msg_len == (unsigned)i);
		CHECK(recv(to, room, sizeof room, 0) == i && memcmp(room, bytes, (size_t)i) == 0);
	}
	/* The third is refused: two were sent, and that is what the call says. */
	messages[2].msg_hdr.msg_name = (void *)8;
	CHECK(sendmmsg(from, messages, 8, 0) == 2);
}

static void test_many(void)
{
	struct fixture fixture;

	set_up(&fixture, NG_PROFILE_LOCAL);
	confine(&fixture, many_inside);
	tear_down(&fixture);
}

static void rights_inside(const char *folder)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = { .header = { CMSG_LEN(2 * sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec iov = { (char[]){ "x" }, 1 };
	struct msghdr header = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
	};
	int pair[2], pipes[2], got[2];
	char room[4];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && pipe(pipes) == 0);
	memcpy(CMSG_DATA(&control.header), pipes, sizeof pipes);
	CHECK(sendmsg(pair[0], &header, 0) == 1);
	memset(&control, 0, sizeof control);
	CHECK(recvmsg(pair[1], &header, 0) == 1 && control.header.cmsg_type == SCM_RIGHTS);
	memcpy(got, CMSG_DATA(&control.header), sizeof got);
	CHECK(got[0] != pipes[0] && write(got[1], "abc", 3) == 3 && read(pipes[0], room, 4) == 3);
	control.header = (struct cmsghdr){ CMSG_LEN(2 * sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
	memcpy(CMSG_DATA(&control.header), (int[]){ 0, 999 }, sizeof got);
	header.msg_controllen = sizeof control;
	CHECK_FAILS(sendmsg(pair[0], &header, 0), EBADF);
	control.header = (struct cmsghdr){ 1000, SOL_SOCKET, SCM_RIGHTS };
	CHECK_FAILS(sendmsg(pair[0], &header, 0), EINVAL);
	control.header = (struct cmsghdr){ CMSG_LEN(4), SOL_IP, IP_RETOPTS };
	CHECK_FAILS(sendmsg(socket(AF_INET, SOCK_DGRAM, 0), &header, 0), EPERM);
}

static void test_rights(void)
{
	struct fixture fixture;

	set_up(&fixture, NG_PROFILE_LOCAL);
	confine(&fixture, rights_inside);
	tear_down(&fixture);
}

static void netlink_inside(const char *folder)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg info;
	} wish = { .header = { sizeof wish, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, 0 } };
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	const int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	char room[16];

	CHECK(sendto(fd, &wish, sizeof wish, 0, (void *)&kernel, sizeof kernel) == sizeof wish);
	CHECK(recv(fd, room, sizeof room, 0) > 0);
	wish.header.nlmsg_type = RTM_NEWLINK;
	CHECK_FAILS(sendto(fd, &wish, sizeof wish, 0, (void *)&kernel, sizeof kernel), EPERM);
	kernel.nl_pid = 1;
	CHECK_FAILS(sendto(fd, &wish, sizeof wish, 0, (void *)&kernel, sizeof kernel), EPERM);
	CHECK_FAILS(connect(fd, (void *)&kernel, sizeof kernel), EPERM);
}

static void test_netlink(void)
{
	struct fixture fixture;

	set_up(&fixture, NG_PROFILE_OFFLINE);
	confine(&fixture, netlink_inside);
	tear_down(&fixture);
}

/* --- waiting and signals --- */

static volatile sig_atomic_t n_signals;
static int full_listener;

static void count_signal(int number)
{
	n_signals++;
}

static void on_signal(int number, int flags)
{
	const struct sigaction action = { .sa_handler = count_signal, .sa_flags = flags };

	CHECK(sigaction(number, &action, NULL) == 0);
}

/* A listener whose queue is full: the next connection waits for its answer. */
static void fill(struct sockaddr_in *ret_addr)
{
	full_listener = make_listener(0, ret_addr);
	CHECK(connect(socket(AF_INET, SOCK_STREAM, 0), (void *)ret_addr, sizeof *ret_addr) == 0);
}

static void *accept_after_signal(void *unused)
{
	while (!n_signals)
		sched_yield();
	CHECK(accept(full_listener, NULL, NULL) >= 0);
	return unused;
}

static void interrupted_inside(const char *folder)
{
	struct sockaddr_in addr = { 0 };
	const struct timeval soon = { 0, 50000 };
	pthread_t thread;
	int fd;

	fill(&addr);
	on_signal(SIGALRM, 0);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	ualarm(20000, 0);
	CHECK_FAILS(connect(fd, (void *)&addr, sizeof addr), EINTR);
	CHECK(n_signals == 1 && !(fcntl(fd, F_GETFL) & O_NONBLOCK));
	close(fd); /* it would take the place in the queue */
	fd = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon) == 0);
	CHECK_FAILS(connect(fd, (void *)&addr, sizeof addr), EINPROGRESS);
	close(fd);
	n_signals = 0;
	on_signal(SIGALRM, SA_RESTART);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	ualarm(20000, 0);
	CHECK(pthread_create(&thread, NULL, accept_after_signal, NULL) == 0);
	CHECK(connect(fd, (void *)&addr, sizeof addr) == 0); /* the kernel asks again after a second */
	CHECK(n_signals == 1);
}

static void test_interrupted(void)
{
	struct fixture fixture;

	set_up(&fixture, NG_PROFILE_LOCAL);
	confine(&fixture, interrupted_inside);
	tear_down(&fixture);
}

static void send_interrupted_inside(const char *folder)
{
	const size_t len = 8u << 20;
	char *bytes = calloc(1, len);
	struct iovec iov = { bytes, len };
	const struct msghdr header = { .msg_iov = &iov, .msg_iovlen = 1 };
	int pair[2];
	ssize_t n;

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	on_signal(SIGALRM, 0);
	ualarm(20000, 0);
	n = sendmsg(pair[0], &header, 0);
	CHECK(n > 0 && (size_t)n < len && n_signals == 1);
	ualarm(20000, 0);
	CHECK_FAILS(sendmsg(pair[0], &header, 0), EINTR);
	CHECK_FAILS(sendmsg(pair[0], &header, MSG_DONTWAIT), EAGAIN);
	on_signal(SIGPIPE, 0);
	close(pair[1]);
	n_signals = 0;
	CHECK_FAILS(sendmsg(pair[0], &header, MSG_NOSIGNAL), EPIPE);
	CHECK(n_signals == 0);
	CHECK_FAILS(sendmsg(pair[0], &header, 0), EPIPE);
	CHECK(n_signals == 1);
}

static void test_send_interrupted(void)
{
	struct fixture fixture;

	set_up(&fixture, NG_PROFILE_OFFLINE);
	confine(&fixture, send_interrupted_inside);
	tear_down(&fixture);
}

/* --- many at once --- */

static struct sockaddr_in shared;

static void *connect_often(void *unused)
{
	for (int i = 0; i < 50; i++) {
		const int fd = socket(AF_INET, SOCK_STREAM, 0);

		CHECK(fd >= 0 && connect(fd, (void *)&shared, sizeof shared) == 0);
		close(fd);
	}
	return unused;
}

static void *accept_all(void *arg)
{
	for (int i = 0; i < 64 * 50; i++) {
		const int fd = accept(*(int *)arg, NULL, NULL);

		CHECK(fd >= 0);
		close(fd);
	}
	return NULL;
}

static void threads_inside(const char *folder)
{
	pthread_t threads[64], acceptor;
	int listener = make_listener(128, &shared);

	CHECK(pthread_create(&acceptor, NULL, accept_all, &listener) == 0);
	for (int i = 0; i < 64; i++)
		CHECK(pthread_create(&threads[i], NULL, connect_often, NULL) == 0);
	for (int i = 0; i < 64; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	CHECK(pthread_join(acceptor, NULL) == 0);
}

static void test_threads(void)
{
	struct fixture fixture;

	set_up(&fixture, NG_PROFILE_LOCAL);
	confine(&fixture, threads_inside);
	tear_down(&fixture);
}

static void opaque_inside(const char *folder)
{
	const struct sockaddr_in addr = loopback(9);
	const int fd = socket(AF_INET, SOCK_DGRAM, 0);

	CHECK(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0);
	if (connect(fd, (void *)&addr, sizeof addr) < 0)
		CHECK(errno == EPERM);
	else
		CHECK(geteuid() == 0); /* who may look into everything may look into this */
}

static void test_opaque(void)
{
	struct fixture fixture;

	set_up(&fixture, NG_PROFILE_LOCAL);
	confine(&fixture, opaque_inside);
	tear_down(&fixture);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/run/broker/a-connection-on-loopback-is-made-and-behaves-as-without-us", test_connect);
	g_test_add_func("/run/broker/the-Internet-is-refused-by-every-call-and-recorded", test_refused);
	g_test_add_func("/run/broker/lengths-and-pointers-that-are-wrong-get-the-kernels-own-errors", test_lengths);
	g_test_add_func("/run/broker/an-address-flipped-by-a-thread-never-gets-through", test_race);
	g_test_add_func("/run/broker/unix-sockets-bound-inside-work", test_unix);
	g_test_add_func("/run/broker/unix-sockets-of-the-machine-are-refused-unless-allowed", test_unix_host);
	g_test_add_func("/run/broker/ten-megabytes-in-one-sendmsg-arrive-whole", test_stream);
	g_test_add_func("/run/broker/sendmmsg-says-what-it-sent", test_many);
	g_test_add_func("/run/broker/descriptors-are-passed-and-other-control-data-refused", test_rights);
	g_test_add_func("/run/broker/netlink-takes-questions-only", test_netlink);
	g_test_add_func("/run/broker/a-waiting-connect-is-interrupted-restarted-and-timed-out", test_interrupted);
	g_test_add_func("/run/broker/a-waiting-sendmsg-returns-what-it-sent", test_send_interrupted);
	g_test_add_func("/run/broker/sixty-four-threads-at-once-are-all-answered", test_threads);
	g_test_add_func("/run/broker/a-process-that-cannot-be-looked-into-is-refused", test_opaque);
	return g_test_run();
}
