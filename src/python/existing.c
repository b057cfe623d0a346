/* SPDX-License-Identifier: MIT */
/*
 * The sockets that a process has when it is blocked (strict.h): what they are, whether the rules permit whom they are
 * connected to, and their end.
 *
 * Their end is two steps. shutdown() says farewell to the peer and wakes whoever waits in them; but a TCP socket can be
 * disconnected and used anew after it (connect() with AF_UNSPEC, tcp_disconnect() in Linux), so each descriptor is then
 * made one of a dead AF_UNIX stream: reading gives end of file, writing EPIPE. AF_UNIX, AF_NETLINK and AF_ALG lead to
 * no network and are left alone, also by name.
 *
 * Runs in the interpreter with its power. Another thread can close a descriptor and open another file at that moment,
 * which then gets the dead socket: block before threads are busy with files.
 */
#include "strict.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "judge.h"

#define RING "anon_inode:[io_uring]"

union address {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
	struct sockaddr_storage storage;
};

struct existing {
	int fd, domain, type, protocol;
	bool is_listening, has_local, has_peer, is_permitted;
	union address local, peer;
};

struct word {
	int number;
	const char *word;
};

static const struct word families[] = {
	{ AF_INET, "AF_INET" },     { AF_INET6, "AF_INET6" },
	{ AF_PACKET, "AF_PACKET" }, { AF_VSOCK, "AF_VSOCK" },
	{ AF_TIPC, "AF_TIPC" },     { AF_BLUETOOTH, "AF_BLUETOOTH" },
	{ AF_CAN, "AF_CAN" },       { AF_XDP, "AF_XDP" },
	{ AF_RDS, "AF_RDS" },       { 0, NULL },
};

static const struct word types[] = {
	{ SOCK_STREAM, "SOCK_STREAM" },       { SOCK_DGRAM, "SOCK_DGRAM" }, { SOCK_RAW, "SOCK_RAW" },
	{ SOCK_SEQPACKET, "SOCK_SEQPACKET" }, { SOCK_RDM, "SOCK_RDM" },     { 0, NULL },
};

static PyObject *word_of(const struct word *words, int number)
{
	for (; words->word; words++) {
		if (words->number == number)
			return PyUnicode_FromString(words->word);
	}
	return PyUnicode_FromFormat("%d", number);
}

/* --- looking --- */

/* false: no internet address. */
static bool to_flow(const struct existing *socket, struct ng_flow *ret)
{
	const struct ng_py_socket kind = { socket->domain, socket->type, socket->protocol };

	*ret = ng_py_flow_of(&kind, NG_CALL_SEND);
	return ng_py_address_of(&socket->peer.any, ret->addr, &ret->port);
}

static int get_number(int fd, int option)
{
	int number = 0;
	socklen_t length = sizeof number;

	return getsockopt(fd, SOL_SOCKET, option, &number, &length) < 0 ? -1 : number;
}

/* false: nothing that leads to a network. */
static bool look_at(int fd, struct existing *ret)
{
	socklen_t local_length = sizeof ret->local, peer_length = sizeof ret->peer;
	struct ng_flow flow;

	*ret = (struct existing){ .fd = fd, .domain = get_number(fd, SO_DOMAIN) };
	if (ret->domain < 0 || ret->domain == AF_UNIX || ret->domain == AF_NETLINK || ret->domain == AF_ALG)
		return false;
	ret->type = get_number(fd, SO_TYPE);
	ret->protocol = get_number(fd, SO_PROTOCOL);
	ret->is_listening = get_number(fd, SO_ACCEPTCONN) > 0;
	ret->has_local = getsockname(fd, &ret->local.any, &local_length) == 0;
	ret->has_peer = getpeername(fd, &ret->peer.any, &peer_length) == 0;
	if (ng_py_profile() == NG_PROFILE_ONLINE)
		ret->is_permitted = true;
	else if (ret->has_peer && to_flow(ret, &flow))
		ret->is_permitted = ng_py_permits(&flow);
	return true;
}

/* "192.0.2.1:80", "[2001:db8::1]:80", None. */
static PyObject *address_text(bool is_known, const union address *address)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (is_known && address->any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &address->ipv4.sin_addr, text, sizeof text);
		return PyUnicode_FromFormat("%s:%d", text, ntohs(address->ipv4.sin_port));
	}
	if (is_known && address->any.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &address->ipv6.sin6_addr, text, sizeof text);
		return PyUnicode_FromFormat("[%s]:%d", text, ntohs(address->ipv6.sin6_port));
	}
	Py_RETURN_NONE;
}

static PyObject *describe(const struct existing *socket)
{
	const char *state = socket->is_listening ? "listening" : socket->has_peer ? "connected" : "unconnected";

	return Py_BuildValue("{s:i,s:N,s:N,s:s,s:N,s:N,s:O}", "fd", socket->fd, "family",
			     word_of(families, socket->domain), "type", word_of(types, socket->type), "state", state,
			     "local", address_text(socket->has_local, &socket->local), "peer",
			     address_text(socket->has_peer, &socket->peer), "permitted",
			     socket->is_permitted ? Py_True : Py_False);
}

/* --- ending --- */

/* A stream whose other end is gone; -1 with an exception. */
static int make_dead(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		PyErr_SetFromErrno(PyExc_OSError);
		return -1;
	}
	close(pair[1]);
	return pair[0];
}

static int end_one(int fd, int dead)
{
	const int flags = fcntl(fd, F_GETFD);

	shutdown(fd, SHUT_RDWR); /* what has no peer says ENOTCONN and is shut all the same */
	if (dup3(dead, fd, flags >= 0 && (flags & FD_CLOEXEC) ? O_CLOEXEC : 0) >= 0)
		return 0;
	PyErr_SetFromErrno(PyExc_OSError);
	return -1;
}

/* Appends what it is; ends it if `dead` is a descriptor and it is not permitted. */
static int visit(int fd, int dead, PyObject *list)
{
	struct existing socket;
	PyObject *what;
	int result = 0;

	if (!look_at(fd, &socket) || (dead >= 0 && socket.is_permitted))
		return 0;
	if (dead >= 0)
		result = end_one(fd, dead);
	what = result < 0 ? NULL : describe(&socket);
	if (what)
		result = PyList_Append(list, what);
	Py_XDECREF(what);
	return what ? result : -1;
}

/* --- all of them --- */

/* The open descriptors, sorted as the kernel gives them; freed with PyMem_Free(). -1 with an exception. */
static Py_ssize_t list_fds(int **ret_fds)
{
	DIR *folder = opendir("/proc/self/fd");
	const struct dirent *entry;
	Py_ssize_t n = 0, room = 0;
	int *fds = NULL;

	if (!folder) {
		PyErr_SetFromErrnoWithFilename(PyExc_OSError, "/proc/self/fd");
		return -1;
	}
	while ((entry = readdir(folder))) {
		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		if (n == room) {
			int *more = PyMem_Realloc(fds, sizeof *fds * (size_t)(room = room * 2 + 64));

			if (!more) {
				PyMem_Free(fds);
				closedir(folder);
				PyErr_NoMemory();
				return -1;
			}
			fds = more;
		}
		fds[n++] = atoi(entry->d_name);
	}
	closedir(folder);
	*ret_fds = fds;
	return n;
}

static PyObject *visit_all(int dead)
{
	int *fds = NULL;
	const Py_ssize_t n = list_fds(&fds);
	PyObject *list = n < 0 ? NULL : PyList_New(0);

	for (Py_ssize_t i = 0; list && i < n; i++) {
		if (visit(fds[i], dead, list) < 0)
			Py_CLEAR(list);
	}
	PyMem_Free(fds);
	return list;
}

PyObject *ng_py_existing_list(void)
{
	return visit_all(-1);
}

PyObject *ng_py_existing_end(void)
{
	const int dead = make_dead();
	PyObject *list;

	if (dead < 0)
		return NULL;
	list = visit_all(dead);
	close(dead);
	return list;
}

/* --- rings --- */

/* A ring stays as long as its memory is mapped, also when its descriptor is closed. */
static int is_ring_mapped(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[4352];
	int result = 0;

	if (!maps) {
		PyErr_SetFromErrnoWithFilename(PyExc_OSError, "/proc/self/maps");
		return -1;
	}
	while (!result && fgets(line, sizeof line, maps))
		result = strstr(line, RING) != NULL;
	fclose(maps);
	return result;
}

int ng_py_existing_has_ring(void)
{
	int *fds = NULL;
	const Py_ssize_t n = list_fds(&fds);
	int result = 0;

	for (Py_ssize_t i = 0; !result && i < n; i++) {
		char path[64], target[64];
		ssize_t length;

		snprintf(path, sizeof path, "/proc/self/fd/%d", fds[i]);
		length = readlink(path, target, sizeof target);
		result = length == (ssize_t)strlen(RING) && memcmp(target, RING, strlen(RING)) == 0;
	}
	PyMem_Free(fds);
	return n < 0 ? -1 : result ? 1 : is_ring_mapped();
}
