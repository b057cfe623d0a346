/* SPDX-License-Identifier: MIT */
/*
 * Socket diagnostics, tried on real sockets in a network namespace that this process makes for itself (with a user
 * namespace where it is not root), so that nothing of the machine is seen or touched.
 */
#include "enforce/sockdiag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glib.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "enforce/test-netns.h"

#define STATE_ESTABLISHED 1
#define STATE_CLOSE 7
#define STATE_LISTEN 10

static char *skip_reason; /* NULL: none */

static gboolean must_skip(void)
{
	if (skip_reason)
		g_test_skip(skip_reason);
	return skip_reason != NULL;
}

/* Addresses in text to a sockaddr; returns its length. */
static socklen_t address_of(int family, const char *text, uint16_t port, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	ret->ss_family = (sa_family_t)family;
	if (family == AF_INET) {
		v4->sin_port = htons(port);
		g_assert_cmpint(inet_pton(AF_INET, text, &v4->sin_addr), ==, 1);
		return sizeof(*v4);
	}
	v6->sin6_port = htons(port);
	g_assert_cmpint(inet_pton(AF_INET6, text, &v6->sin6_addr), ==, 1);
	return sizeof(*v6);
}

static int socket_bound(int family, int type, int protocol, const char *address, uint16_t port, gboolean share)
{
	ng_auto_fd fd = socket(family, type | SOCK_CLOEXEC, protocol);
	struct sockaddr_storage where;
	socklen_t length = address_of(family, address, port, &where);
	int on = 1;

	if (fd < 0)
		return -errno;
	if (share)
		g_assert_cmpint(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), ==, 0);
	g_assert_cmpint(bind(fd, (struct sockaddr *)&where, length), ==, 0);
	return ng_steal_fd(&fd);
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in6 where = { 0 };
	socklen_t length = sizeof(where);

	g_assert_cmpint(getsockname(fd, (struct sockaddr *)&where, &length), ==, 0);
	return ntohs(where.sin6_port); /* in the same place for AF_INET */
}

static int socket_connected(int family, int type, int protocol, const char *address, uint16_t port)
{
	ng_auto_fd fd = socket(family, type | SOCK_CLOEXEC, protocol);
	struct sockaddr_storage where;
	socklen_t length = address_of(family, address, port, &where);

	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(connect(fd, (struct sockaddr *)&where, length), ==, 0);
	return ng_steal_fd(&fd);
}

static int pending_error(int fd)
{
	int error = 0;
	socklen_t length = sizeof(error);

	g_assert_cmpint(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length), ==, 0);
	return error;
}

struct search {
	uint64_t inode;
	unsigned int n;
	unsigned int n_all;
	struct ng_sockdiag_entry entry;
};

static void search_take(void *user_data, const struct ng_sockdiag_entry *entry)
{
	struct search *search = user_data;

	search->n_all++;
	if (entry->inode == search->inode) {
		search->n++;
		search->entry = *entry;
	}
}

static struct search find_socket(int diag, int family, uint16_t protocol, int fd)
{
	struct search search = { 0 };
	struct stat stat;

	g_assert_cmpint(fstat(fd, &stat), ==, 0);
	search.inode = stat.st_ino;
	g_assert_cmpint(ng_sockdiag_list(diag, (uint8_t)family, protocol, search_take, &search), >=, 0);
	return search;
}

static struct ng_sockdiag_id find_id(int diag, int family, uint16_t protocol, int fd)
{
	struct search search = find_socket(diag, family, protocol, fd);

	g_assert_cmpuint(search.n, ==, 1);
	return ng_sockdiag_id_of(&search.entry);
}

static int diag_open(void)
{
	int fd = ng_sockdiag_open();

	g_assert_cmpint(fd, >=, 0);
	return fd;
}

static void assert_address(const uint8_t address[16], const char *text)
{
	char buffer[INET6_ADDRSTRLEN];

	g_assert_cmpstr(inet_ntop(AF_INET6, address, buffer, sizeof(buffer)), ==, text);
}

static void test_list_fields(void)
{
	if (must_skip())
		return;
	ng_auto_fd diag = diag_open();
	ng_auto_fd listener = socket_bound(AF_INET, SOCK_STREAM, 0, "127.0.0.1", 0, FALSE);
	g_assert_cmpint(listen(listener, 4), ==, 0);
	ng_auto_fd client = socket_connected(AF_INET, SOCK_STREAM, 0, "127.0.0.1", port_of(listener));
	struct search search = find_socket(diag, AF_INET, IPPROTO_TCP, listener);

	g_assert_cmpuint(search.n, ==, 1);
	g_assert_cmpint(search.entry.state, ==, STATE_LISTEN);
	g_assert_cmpint(search.entry.family, ==, AF_INET);
	g_assert_cmpint(search.entry.protocol, ==, IPPROTO_TCP);
	g_assert_cmpint(search.entry.local_port, ==, port_of(listener));
	g_assert_cmpint(search.entry.remote_port, ==, 0);
	g_assert_cmpint(search.entry.uid, ==, getuid());
	g_assert_cmpuint(search.entry.cookie, !=, 0);
	assert_address(search.entry.local, "::ffff:127.0.0.1");
	assert_address(search.entry.remote, "::ffff:0.0.0.0");
	search = find_socket(diag, AF_INET, IPPROTO_TCP, client);
	g_assert_cmpuint(search.n, ==, 1);
	g_assert_cmpint(search.entry.state, ==, STATE_ESTABLISHED);
	g_assert_cmpint(search.entry.local_port, ==, port_of(client));
	g_assert_cmpint(search.entry.remote_port, ==, port_of(listener));
	g_assert_cmpuint(find_socket(diag, AF_INET6, IPPROTO_TCP, client).n, ==, 0);
}

/* A connected TCP socket and the server's end of it. */
struct tcp_case {
	const char *name;
	int listen_family;
	const char *listen_address;
	int family;
	const char *address;
};

static const struct tcp_case tcp_cases[] = {
	{ "IPv4", AF_INET, "127.0.0.1", AF_INET, "127.0.0.1" },
	{ "IPv6", AF_INET6, "::1", AF_INET6, "::1" },
	{ "IPv6 socket talking IPv4", AF_INET, "127.0.0.1", AF_INET6, "::ffff:127.0.0.1" },
	{ "dual-stack listener reached over IPv4", AF_INET6, "::", AF_INET, "127.0.0.1" },
	{ "IPv6 listener on a mapped address", AF_INET6, "::ffff:127.0.0.1", AF_INET6, "::ffff:127.0.0.1" },
};

static void test_destroy_tcp(void)
{
	if (must_skip())
		return;
	ng_auto_fd diag = diag_open();

	for (size_t i = 0; i < G_N_ELEMENTS(tcp_cases); i++) {
		const struct tcp_case *c = &tcp_cases[i];
		ng_auto_fd listener = socket_bound(c->listen_family, SOCK_STREAM, 0, c->listen_address, 0, FALSE);
		g_assert_cmpint(listen(listener, 4), ==, 0);
		ng_auto_fd client = socket_connected(c->family, SOCK_STREAM, 0, c->address, port_of(listener));
		ng_auto_fd server = accept(listener, NULL, NULL);
		ng_auto_fd client2 = socket_connected(c->family, SOCK_STREAM, 0, c->address, port_of(listener));
		ng_auto_fd server2 = accept(listener, NULL, NULL);
		struct ng_sockdiag_id id = find_id(diag, c->family, IPPROTO_TCP, client);

		g_test_message("%s", c->name);
		g_assert_cmpint(ng_sockdiag_destroy(diag, &id), ==, 0);
		g_assert_cmpint(pending_error(client), ==, ECONNABORTED);
		g_assert_cmpint(ng_sockdiag_destroy(diag, &id), ==, -ENOENT);
		id = find_id(diag, c->listen_family, IPPROTO_TCP, server2);
		g_assert_cmpint(ng_sockdiag_destroy(diag, &id), ==, 0);
		g_assert_cmpint(pending_error(server2), ==, ECONNABORTED);
	}
}

static void test_destroy_listener(void)
{
	if (must_skip())
		return;
	ng_auto_fd diag = diag_open();

	for (size_t i = 0; i < G_N_ELEMENTS(tcp_cases); i++) {
		const struct tcp_case *c = &tcp_cases[i];
		ng_auto_fd listener = socket_bound(c->listen_family, SOCK_STREAM, 0, c->listen_address, 0, FALSE);
		g_assert_cmpint(listen(listener, 4), ==, 0);
		uint16_t port = port_of(listener);
		ng_auto_fd client = socket_connected(c->family, SOCK_STREAM, 0, c->address, port);
		struct ng_sockdiag_id id = find_id(diag, c->listen_family, IPPROTO_TCP, listener);
		struct sockaddr_storage where;
		socklen_t length = address_of(c->family, c->address, port, &where);
		ng_auto_fd late = socket(c->family, SOCK_STREAM | SOCK_CLOEXEC, 0);

		g_test_message("%s", c->name);
		g_assert_cmpint(ng_sockdiag_destroy(diag, &id), ==, 0);
		g_assert_cmpint(accept(listener, NULL, NULL), ==, -1);
		g_assert_cmpint(connect(late, (struct sockaddr *)&where, length), ==, -1);
		g_assert_cmpint(errno, ==, ECONNREFUSED);
		g_assert_cmpint(ng_sockdiag_destroy(diag, &id), ==, -ENOENT);
	}
}

static const struct {
	const char *name;
	int family;
	const char *address;
	const char *peer; /* NULL: not connected */
} udp_cases[] = {
	{ "IPv4 unconnected, any address", AF_INET, "0.0.0.0", NULL },
	{ "IPv4 unconnected, one address", AF_INET, "127.0.0.1", NULL },
	{ "IPv6 unconnected, any address", AF_INET6, "::", NULL },
	{ "IPv6 unconnected, one address", AF_INET6, "::1", NULL },
	{ "IPv6 unconnected on a mapped address", AF_INET6, "::ffff:127.0.0.1", NULL },
	{ "IPv4 connected", AF_INET, "0.0.0.0", "127.0.0.1" },
	{ "IPv6 connected", AF_INET6, "::", "::1" },
	{ "IPv6 socket connected to IPv4", AF_INET6, "::", "::ffff:127.0.0.1" },
};

/* What the kernel says to destroying such a socket, and what the program sees of it. */
static void check_destroy_udp(int diag, int protocol, int expected, int expected_error)
{
	for (size_t i = 0; i < G_N_ELEMENTS(udp_cases); i++) {
		ng_auto_fd fd = socket_bound(udp_cases[i].family, SOCK_DGRAM, protocol, udp_cases[i].address, 0, FALSE);
		struct sockaddr_storage where;
		struct search search;

		g_test_message("protocol %d, %s", protocol, udp_cases[i].name);
		g_assert_cmpint(fd, >=, 0);
		if (udp_cases[i].peer) {
			socklen_t length = address_of(udp_cases[i].family, udp_cases[i].peer, 9999, &where);
			g_assert_cmpint(connect(fd, (struct sockaddr *)&where, length), ==, 0);
		}
		search = find_socket(diag, udp_cases[i].family, (uint16_t)protocol, fd);
		g_assert_cmpuint(search.n, ==, 1);
		g_assert_cmpint(search.entry.state, ==, udp_cases[i].peer ? STATE_ESTABLISHED : STATE_CLOSE);
		struct ng_sockdiag_id id = ng_sockdiag_id_of(&search.entry);
		g_assert_cmpint(ng_sockdiag_destroy(diag, &id), ==, expected);
		g_assert_cmpint(pending_error(fd), ==, expected_error);
	}
}

static void test_destroy_udp(void)
{
	if (must_skip())
		return;
	ng_auto_fd diag = diag_open();

	check_destroy_udp(diag, IPPROTO_UDP, 0, ECONNABORTED);
}

static void test_udplite(void)
{
	if (must_skip())
		return;
	ng_auto_fd diag = diag_open();
	ng_auto_fd probe = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDPLITE);

	if (probe < 0) {
		g_test_skip("this kernel has no UDP-Lite");
		return;
	}
	check_destroy_udp(diag, IPPROTO_UDPLITE, -EOPNOTSUPP,
			  0); /* Linux 6.18 still: udplite_prot has no diag_destroy */
}

static void test_destroy_shared_port(void)
{
	enum { N = 8 };
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM };

	if (must_skip())
		return;
	ng_auto_fd diag = diag_open();
	for (size_t t = 0; t < G_N_ELEMENTS(types); t++) {
		uint16_t protocol = types[t] == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
		int fds[N];

		for (int i = 0; i < N; i++) {
			fds[i] = socket_bound(AF_INET, types[t], 0, "127.0.0.1", i ? port_of(fds[0]) : 0, TRUE);
			g_assert_cmpint(fds[i], >=, 0);
			if (types[t] == SOCK_STREAM)
				g_assert_cmpint(listen(fds[i], 4), ==, 0);
		}
		for (int i = N - 1; i >= 0; i--) {
			struct ng_sockdiag_id id = find_id(diag, AF_INET, protocol, fds[i]);

			g_assert_cmpint(ng_sockdiag_destroy(diag, &id), ==, 0);
			if (types[t] == SOCK_STREAM)
				g_assert_cmpint(accept4(fds[i], NULL, NULL, SOCK_NONBLOCK), ==, -1);
			g_assert_cmpint(types[t] == SOCK_STREAM ? errno : pending_error(fds[i]), ==,
					types[t] == SOCK_STREAM ? EINVAL : ECONNABORTED);
			close(fds[i]);
		}
	}
}

static void test_cookie(void)
{
	if (must_skip())
		return;
	ng_auto_fd diag = diag_open();
	ng_auto_fd fd = socket_bound(AF_INET, SOCK_DGRAM, 0, "127.0.0.1", 0, FALSE);
	struct ng_sockdiag_id id = find_id(diag, AF_INET, IPPROTO_UDP, fd);

	id.cookie++;
	g_assert_cmpint(ng_sockdiag_destroy(diag, &id), ==, -ENOENT);
	g_assert_cmpint(pending_error(fd), ==, 0);
}

static gboolean has_diagnostics(int diag, uint16_t protocol)
{
	struct search search = { 0 };
	int r = ng_sockdiag_list(diag, AF_INET, protocol, search_take, &search);

	if (r == -EPROTONOSUPPORT)
		g_test_skip("this kernel has no diagnostics for the protocol");
	else
		g_assert_cmpint(r, >=, 0);
	return r >= 0;
}

static void test_destroy_raw(void)
{
	if (must_skip())
		return;
	ng_auto_fd diag = diag_open();
	if (!has_diagnostics(diag, IPPROTO_RAW))
		return;
	ng_auto_fd fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, 253);
	ng_auto_fd other = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, 252);
	ng_auto_fd first = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, 253);
	ng_auto_fd second = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, 253);
	struct ng_sockdiag_id id = find_id(diag, AF_INET, IPPROTO_RAW, fd);

	g_assert_cmpint(id.local_port, ==, 253);
	g_assert_cmpint(ng_sockdiag_destroy(diag, &id), ==, 0);
	g_assert_cmpint(pending_error(fd), ==, ECONNABORTED);
	g_assert_cmpint(pending_error(other), ==, 0);
	id = find_id(diag, AF_INET6, IPPROTO_RAW, first);
	g_assert_cmpint(ng_sockdiag_destroy(diag, &id), ==, -EOPNOTSUPP);
	g_assert_cmpint(pending_error(first), ==, 0);
	g_assert_cmpint(pending_error(second), ==, 0);
}

static void test_mptcp(void)
{
	if (must_skip())
		return;
	ng_auto_fd diag = diag_open();
	ng_auto_fd listener = socket_bound(AF_INET, SOCK_STREAM, NG_SOCKDIAG_MPTCP, "127.0.0.1", 0, FALSE);

	if (listener < 0) {
		g_test_skip("this kernel has no MPTCP");
		return;
	}
	if (!has_diagnostics(diag, NG_SOCKDIAG_MPTCP))
		return;
	g_assert_cmpint(listen(listener, 4), ==, 0);
	ng_auto_fd client = socket_connected(AF_INET, SOCK_STREAM, NG_SOCKDIAG_MPTCP, "127.0.0.1", port_of(listener));
	struct search search = find_socket(diag, AF_INET, NG_SOCKDIAG_MPTCP, client);

	g_assert_cmpuint(search.n, ==, 1);
	g_assert_cmpint(search.entry.protocol, ==, NG_SOCKDIAG_MPTCP);
	g_assert_cmpint(search.entry.remote_port, ==, port_of(listener));
	struct ng_sockdiag_id id = ng_sockdiag_id_of(&search.entry);
	g_assert_cmpint(ng_sockdiag_destroy(diag, &id), ==, -EOPNOTSUPP);
	g_assert_cmpuint(find_socket(diag, AF_INET, NG_SOCKDIAG_MPTCP, listener).n, ==, 1);
}

static void test_many(void)
{
	enum { N = 3000 };
	static int fds[N];
	unsigned int n;

	if (must_skip())
		return;
	ng_auto_fd diag = diag_open();
	for (n = 0; n < N; n++) {
		fds[n] = socket_bound(AF_INET, SOCK_DGRAM, 0, "127.0.0.1", 0, FALSE);
		if (fds[n] < 0)
			break; /* the limit of descriptors */
	}
	g_assert_cmpuint(n, >, 500);
	struct search search = find_socket(diag, AF_INET, IPPROTO_UDP, fds[n / 2]);
	g_assert_cmpuint(search.n, ==, 1);
	g_assert_cmpuint(search.n_all, ==, n);
	while (n > 0)
		close(fds[--n]);
	g_assert_cmpuint(find_socket(diag, AF_INET, IPPROTO_UDP, diag).n_all, ==, 0);
}

static void test_refused(void)
{
	if (must_skip())
		return;
	ng_auto_fd diag = diag_open();
	struct search search = { 0 };
	struct ng_sockdiag_id id = { .family = AF_INET, .protocol = IPPROTO_TCP, .local_port = 1 };

	g_assert_cmpint(ng_sockdiag_list(diag, AF_INET, 250, search_take, &search), ==, -EPROTONOSUPPORT);
	g_assert_cmpint(ng_sockdiag_list(diag, AF_INET, 300, search_take, &search), ==, -EPROTONOSUPPORT);
	g_assert_cmpint(ng_sockdiag_list(diag, AF_UNIX, IPPROTO_TCP, search_take, &search), ==, -EAFNOSUPPORT);
	g_assert_cmpint(ng_sockdiag_destroy(diag, &id), ==, -EINVAL); /* the addresses are not mapped ones */
	g_assert_cmpuint(search.n_all, ==, 0);
}

static void test_unprivileged(void)
{
	if (must_skip())
		return;
	if (geteuid() != 0) {
		g_test_skip("needs root, to become another user");
		return;
	}
	ng_auto_fd fd = socket_bound(AF_INET, SOCK_DGRAM, 0, "127.0.0.1", 0, FALSE);
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		if (setgid(65534) < 0 || setuid(65534) < 0)
			_exit(2);
		int diag = ng_sockdiag_open();
		struct ng_sockdiag_id id = find_id(diag, AF_INET, IPPROTO_UDP, fd);
		_exit(ng_sockdiag_destroy(diag, &id) == -EPERM ? 0 : 1);
	}
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	g_assert_cmpint(status, ==, 0);
	g_assert_cmpint(pending_error(fd), ==, 0);
}

#define ADD(sentence, fn) g_test_add_func("/sockdiag/" sentence, fn)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	skip_reason = test_netns_enter();
	ADD("a listed socket has its addresses, ports, state, inode and owner", test_list_fields);
	ADD("a TCP connection of either end is destroyed, also IPv4 inside IPv6", test_destroy_tcp);
	ADD("a destroyed listener listens no more", test_destroy_listener);
	ADD("a UDP socket is destroyed, connected or not", test_destroy_udp);
	ADD("UDP-Lite sockets are listed and the kernel says that it cannot destroy them", test_udplite);
	ADD("of sockets that share a port each can be destroyed", test_destroy_shared_port);
	ADD("a socket with another cookie is left alone", test_cookie);
	ADD("a raw socket is destroyed unless another would be in its place", test_destroy_raw);
	ADD("MPTCP sockets are listed", test_mptcp);
	ADD("thousands of sockets are all listed once", test_many);
	ADD("what no kernel knows and what names no socket is refused", test_refused);
	ADD("listing needs no privilege and destroying does", test_unprivileged);
	return g_test_run();
}
