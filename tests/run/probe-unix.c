/* SPDX-License-Identifier: MIT */
/*
 * The probe's vectors on AF_UNIX: group "unix" reaches for a host daemon's sockets by every name they have, "unixrace"
 * while the name changes, "inside" uses sockets made by the program itself, which must go on to work. See probe.h.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct name {
	struct sockaddr_un address;
	socklen_t length;
};

__attribute__((format(printf, 1, 2))) static struct name named(const char *format, ...)
{
	struct name name = { .address.sun_family = AF_UNIX };
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(name.address.sun_path, sizeof(name.address.sun_path), format, arguments);
	va_end(arguments);
	name.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name.address.sun_path) + 1);
	return name;
}

static struct name abstract(const char *suffix)
{
	struct name name = named("@%s%s", setting.abstract, suffix);

	name.address.sun_path[0] = '\0';
	name.length--;
	return name;
}

static long stream_to(const struct name *name, int type)
{
	int fd = socket(AF_UNIX, type, 0);
	long r;

	if (fd < 0)
		return -errno;
	r = or_errno(connect(fd, (const struct sockaddr *)&name->address, name->length));
	if (r >= 0)
		r = or_errno(send(fd, "hello", 5, MSG_NOSIGNAL));
	close(fd);
	return r;
}

/* A datagram, in one of the four ways to address it. */
static long datagram_to(const struct name *name, int way)
{
	struct iovec iov = { "hello", 5 };
	struct mmsghdr message = { .msg_hdr = { .msg_name = (void *)&name->address,
						.msg_namelen = name->length,
						.msg_iov = &iov,
						.msg_iovlen = 1 } };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	long r;

	if (fd < 0)
		return -errno;
	switch (way) {
	case 0:
		r = or_errno(sendto(fd, "hello", 5, 0, (const struct sockaddr *)&name->address, name->length));
		break;
	case 1:
		r = or_errno(sendmsg(fd, &message.msg_hdr, 0));
		break;
	case 2:
		r = or_errno(sendmmsg(fd, &message, 1, 0));
		break;
	default:
		r = or_errno(connect(fd, (const struct sockaddr *)&name->address, name->length));
		if (r >= 0)
			r = or_errno(send(fd, "hello", 5, 0));
	}
	close(fd);
	return r;
}

/* --- a host daemon --- */

static long by_path(void)
{
	struct name name = named("%s/%s", setting.daemon, vector_argument == SOCK_STREAM ? "s" : "q");

	return stream_to(&name, vector_argument);
}

static long datagram(void)
{
	struct name name = named("%s/d", setting.daemon);

	return datagram_to(&name, vector_argument);
}

static long by_abstract(void)
{
	struct name name = abstract("-s");

	return stream_to(&name, SOCK_STREAM);
}

static long datagram_abstract(void)
{
	struct name name = abstract("-d");

	return datagram_to(&name, vector_argument);
}

static long by_symlink(void)
{
	struct name name = named("%s/link", setting.work);
	char target[256];

	snprintf(target, sizeof(target), "%s/s", setting.daemon);
	unlink(name.address.sun_path);
	if (symlink(target, name.address.sun_path) < 0)
		return -errno;
	return stream_to(&name, SOCK_STREAM);
}

static long by_hard_link(void)
{
	struct name name = named("%s/hard", setting.work);
	char target[256];

	snprintf(target, sizeof(target), "%s/s", setting.daemon);
	unlink(name.address.sun_path);
	if (link(target, name.address.sun_path) < 0)
		return -errno;
	return stream_to(&name, SOCK_STREAM);
}

static long relative(void)
{
	struct name name = named("s");

	if (chdir(setting.daemon) < 0)
		return -errno;
	return stream_to(&name, SOCK_STREAM);
}

static long dotted(void)
{
	struct name name = named("../../../../../../../..%s/s", setting.daemon);

	return chdir(setting.work) < 0 ? -errno : stream_to(&name, SOCK_STREAM);
}

/* /proc's links that are no links: they lead out of whatever a path was checked against. */
static long by_proc(void)
{
	struct name name = vector_argument ? named("/proc/thread-self/root%s/s", setting.daemon)
					   : named("/proc/self/root%s/s", setting.daemon);

	return stream_to(&name, SOCK_STREAM);
}

static long by_proc_cwd(void)
{
	struct name name = named("/proc/self/cwd/s");

	return chdir(setting.daemon) < 0 ? -errno : stream_to(&name, SOCK_STREAM);
}

static long by_proc_folder(void)
{
	struct name name;
	int folder = open(setting.daemon, O_PATH | O_DIRECTORY);

	name = named("/proc/self/fd/%d/s", folder);
	return folder < 0 ? -errno : stream_to(&name, SOCK_STREAM);
}

static long by_proc_descriptor(void)
{
	char path[256];
	struct name name;
	int fd;

	snprintf(path, sizeof(path), "%s/s", setting.daemon);
	fd = open(path, O_PATH);
	name = named("/proc/self/fd/%d", fd);
	return fd < 0 ? -errno : stream_to(&name, SOCK_STREAM);
}

static long by_proc_outside(void)
{
	struct name name = named("/proc/%d/root%s/s", setting.pid, setting.daemon);

	return stream_to(&name, SOCK_STREAM);
}

/* The daemon hands whoever asks a socket of its own (SCM_RIGHTS): something is sent through it. */
static long handed_over(void)
{
	struct name name = named("%s/h", setting.daemon);
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { &(char){ 0 }, 1 };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), given;
	long r = fd < 0 ? -errno : or_errno(connect(fd, (struct sockaddr *)&name.address, name.length));

	if (r < 0)
		return r;
	if (recvmsg(fd, &message, 0) < 0)
		return -errno;
	if (!CMSG_FIRSTHDR(&message) || control.header.cmsg_type != SCM_RIGHTS)
		return -ENODATA;
	memcpy(&given, CMSG_DATA(&control.header), sizeof(given));
	return or_errno(send(given, "handed over", 11, 0));
}

/* --- its own sockets --- */

static int listen_at(const struct name *name, int type)
{
	int fd = socket(AF_UNIX, type, 0);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&name->address, name->length) < 0)
		return -errno;
	return type != SOCK_DGRAM && listen(fd, 64) < 0 ? -errno : fd;
}

static long own_stream(void)
{
	struct name name = vector_argument ? abstract("-own") : named("%s/own", setting.work);
	char data[8] = "";
	int server, client, accepted;

	unlink(named("%s/own", setting.work).address.sun_path);
	server = listen_at(&name, SOCK_STREAM);
	if (server < 0)
		return server;
	client = socket(AF_UNIX, SOCK_STREAM, 0);
	if (connect(client, (struct sockaddr *)&name.address, name.length) < 0)
		return -errno;
	accepted = accept(server, NULL, NULL);
	if (accepted < 0 || send(client, "hello", 5, 0) != 5 || recv(accepted, data, 5, 0) != 5)
		return -errno;
	return strcmp(data, "hello") == 0 ? 0 : -EBADMSG;
}

static long own_datagram(void)
{
	struct name name = named("%s/own-d", setting.work);
	char data[8] = "";
	int server;
	long r;

	unlink(name.address.sun_path);
	server = listen_at(&name, SOCK_DGRAM);
	if (server < 0)
		return server;
	r = datagram_to(&name, vector_argument);
	if (r < 0)
		return r;
	return recv(server, data, 8, MSG_DONTWAIT) == 5 ? 0 : -errno;
}

/* A relative name after chdir, as many programs do it because the path may have 107 bytes only. */
static long own_relative(void)
{
	struct name name = named("own-r");

	if (chdir(setting.work) < 0)
		return -errno;
	unlink("own-r");
	return listen_at(&name, SOCK_STREAM) < 0 ? -errno : stream_to(&name, SOCK_STREAM);
}

static long own_pair(void)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .header = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec iov = { &(char){ 'x' }, 1 };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};
	int pair[2], ends[2], given = -1;
	char data = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 || pipe(ends) < 0)
		return -errno;
	memcpy(CMSG_DATA(&control.header), &ends[0], sizeof(int));
	if (sendmsg(pair[0], &message, 0) < 0)
		return -errno;
	message.msg_controllen = sizeof(control);
	if (recvmsg(pair[1], &message, MSG_CMSG_CLOEXEC) < 0)
		return -errno;
	memcpy(&given, CMSG_DATA(&control.header), sizeof(int));
	(void)!write(ends[1], "y", 1);
	return read(given, &data, 1) == 1 && data == 'y' ? 0 : -EBADMSG;
}

static long no_such_file(void)
{
	struct name name = named("%s/nothing-is-here", setting.work);

	return stream_to(&name, SOCK_STREAM);
}

/* --- races --- */

static struct name shared, own_name, daemon_name;
static char links[3][256];
static atomic_bool is_over;
static atomic_long flips;

static void *flip_name(void *unused)
{
	for (long i = 0; !is_over; i++, flips++)
		memcpy(&shared.address, i & 1 ? &daemon_name.address : &own_name.address, sizeof(shared.address));
	return unused;
}

/* The name stays, what it leads to changes. */
static void *flip_link(void *unused)
{
	for (long i = 0; !is_over; i++, flips++) {
		unlink(links[1]);
		if (symlink(i & 1 ? daemon_name.address.sun_path : own_name.address.sun_path, links[1]) == 0)
			rename(links[1], links[0]);
	}
	return unused;
}

static long race(void)
{
	void *(*const flip)(void *) = vector_argument & 1 ? flip_link : flip_name;
	const bool is_datagram = vector_argument & 2;
	const long times = is_datagram ? setting.times : setting.times / 10;
	long passed = 0, calls;
	pthread_t thread;
	int server;

	own_name = named("%s/race", setting.work);
	daemon_name = named("%s/%s", setting.daemon, is_datagram ? "d" : "s");
	snprintf(links[0], sizeof(links[0]), "%s/race-link", setting.work);
	snprintf(links[1], sizeof(links[1]), "%s/race-next", setting.work);
	unlink(own_name.address.sun_path);
	server = listen_at(&own_name, is_datagram ? SOCK_DGRAM : SOCK_STREAM);
	if (server < 0)
		return server;
	shared = flip == flip_link ? named("%s/race-link", setting.work) : own_name;
	fcntl(server, F_SETFL, O_NONBLOCK);
	if (pthread_create(&thread, NULL, flip, NULL) != 0)
		return -EAGAIN;
	for (calls = 0; calls < times; calls++) {
		for (volatile long spin = calls % 97; spin > 0;)
			spin = spin - 1; /* not always at the same point of the other thread's round */
		shared.length = sizeof(shared.address);
		if (is_datagram) {
			passed += datagram_to(&shared, (int)(calls & 3)) >= 0;
			(void)recv(server, &(char){ 0 }, 1, MSG_DONTWAIT);
		} else {
			int accepted;

			passed += stream_to(&shared, SOCK_STREAM) >= 0;
			while ((accepted = accept(server, NULL, NULL)) >= 0)
				close(accepted);
		}
	}
	is_over = true;
	pthread_join(thread, NULL);
	say("passed %ld of %ld, %ld flips", passed, calls, (long)flips);
	return 0;
}

const struct vector unix_vectors[] = {
	{ "unix-stream", "unix", by_path, SOCK_STREAM },
	{ "unix-packets", "unix", by_path, SOCK_SEQPACKET },
	{ "unix-sendto", "unix", datagram, 0 },
	{ "unix-sendmsg", "unix", datagram, 1 },
	{ "unix-sendmmsg", "unix", datagram, 2 },
	{ "unix-connect-send", "unix", datagram, 3 },
	{ "unix-abstract", "unix", by_abstract, 0 },
	{ "unix-abstract-sendto", "unix", datagram_abstract, 0 },
	{ "unix-abstract-sendmsg", "unix", datagram_abstract, 1 },
	{ "unix-abstract-sendmmsg", "unix", datagram_abstract, 2 },
	{ "unix-abstract-connect", "unix", datagram_abstract, 3 },
	{ "unix-symlink", "unix", by_symlink, 0 },
	{ "unix-hard-link", "unix", by_hard_link, 0 },
	{ "unix-relative", "unix", relative, 0 },
	{ "unix-dotted", "unix", dotted, 0 },
	{ "unix-proc-root", "unix", by_proc, 0 },
	{ "unix-proc-thread-root", "unix", by_proc, 1 },
	{ "unix-proc-cwd", "unix", by_proc_cwd, 0 },
	{ "unix-proc-folder", "unix", by_proc_folder, 0 },
	{ "unix-proc-descriptor", "unix", by_proc_descriptor, 0 },
	{ "unix-proc-outside", "unix", by_proc_outside, 0 },
	{ "unix-handed-over", "unix", handed_over, 0 },
	{ "own-stream", "inside", own_stream, 0 },
	{ "own-abstract", "inside", own_stream, 1 },
	{ "own-sendto", "inside", own_datagram, 0 },
	{ "own-sendmsg", "inside", own_datagram, 1 },
	{ "own-sendmmsg", "inside", own_datagram, 2 },
	{ "own-connect-send", "inside", own_datagram, 3 },
	{ "own-relative", "inside", own_relative, 0 },
	{ "own-pair", "pair-inside", own_pair, 0 },
	{ "own-missing", "missing", no_such_file, 0 },
	{ "unix-flip-name", "unixrace", race, 0 },
	{ "unix-flip-link", "unixrace", race, 1 },
	{ "unix-flip-name-datagrams", "unixrace", race, 2 },
	{ "unix-flip-link-datagrams", "unixrace", race, 3 },
	{ 0 },
};
