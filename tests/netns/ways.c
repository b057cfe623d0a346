/* SPDX-License-Identifier: MIT */
/*
 * Ways to the network that Python has no words for: system calls made one by one, so that the test knows which of them
 * was refused. Runs as the application under test, with no power of its own. Prints the errno's name of the first call
 * that failed, or "sent" when all went through.
 *
 *     ways sendmmsg NEAR FAR PORT        one call with a datagram for each; prints how many the call says it sent
 *     ways udp-unspec NEAR FAR PORT      connect to NEAR, disconnect with AF_UNSPEC, send to FAR
 *     ways tcp-unspec NEAR FAR PORT      connect to NEAR, disconnect, connect to FAR
 *     ways reconnect NEAR FAR PORT       UDP: connect to NEAR, connect to FAR, send
 *     ways fastopen-connect - FAR PORT   TCP_FASTOPEN_CONNECT: connect() sends nothing, write() does
 *     ways uring-KIND[-VIA] - FAR PORT   KIND tcp (socket, connect, send), udp (sendmsg with an address); VIA async
 * (worker threads), sqpoll (a kernel thread), direct (no descriptor at all)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef TCP_FASTOPEN_CONNECT
#define TCP_FASTOPEN_CONNECT 30
#endif
#define OP_SOCKET 45 /* IORING_OP_SOCKET, Linux 5.19 */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static int port;

static void parse(const char *text, union address *address, socklen_t *length)
{
	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, text, &address->v4.sin_addr) == 1) {
		address->v4.sin_family = AF_INET;
		address->v4.sin_port = htons(port);
		*length = sizeof(address->v4);
	} else if (inet_pton(AF_INET6, text, &address->v6.sin6_addr) == 1) {
		address->v6.sin6_family = AF_INET6;
		address->v6.sin6_port = htons(port);
		*length = sizeof(address->v6);
	} else {
		fprintf(stderr, "ways: no address: %s\n", text);
		exit(2);
	}
}

static int say(long result)
{
	printf("%s\n", result >= 0 ? "sent" : strerrorname_np((int)-result));
	return result >= 0 ? 0 : 1;
}

static long or_errno(long result)
{
	return result < 0 ? -errno : result;
}

/* --- plain system calls --- */

static int do_sendmmsg(const char *near, const char *far)
{
	union address to[2];
	socklen_t length[2];
	struct iovec iov = { .iov_base = "hello", .iov_len = 5 };
	struct mmsghdr messages[2] = { 0 };
	int fd;

	parse(near, &to[0], &length[0]);
	parse(far, &to[1], &length[1]);
	fd = socket(to[0].any.sa_family, SOCK_DGRAM, 0);
	for (int i = 0; i < 2; i++)
		messages[i].msg_hdr = (struct msghdr){
			.msg_name = &to[i], .msg_namelen = length[i], .msg_iov = &iov, .msg_iovlen = 1
		};
	printf("%d\n", sendmmsg(fd, messages, 2, 0));
	return 0;
}

static long disconnect(int fd)
{
	struct sockaddr nothing = { .sa_family = AF_UNSPEC };

	return or_errno(connect(fd, &nothing, sizeof(nothing)));
}

static int do_unspec(const char *near, const char *far, int type)
{
	union address first, second;
	socklen_t first_length, second_length;
	int fd;
	long r;

	parse(near, &first, &first_length);
	parse(far, &second, &second_length);
	fd = socket(first.any.sa_family, type, 0);
	r = or_errno(connect(fd, &first.any, first_length));
	if (r >= 0 && type == SOCK_DGRAM)
		r = or_errno(send(fd, "hello", 5, 0));
	if (r >= 0)
		r = disconnect(fd);
	if (r >= 0)
		r = type == SOCK_DGRAM ? or_errno(sendto(fd, "hello", 5, 0, &second.any, second_length))
				       : or_errno(connect(fd, &second.any, second_length));
	return say(r);
}

static int do_reconnect(const char *near, const char *far)
{
	union address first, second;
	socklen_t first_length, second_length;
	int fd;
	long r;

	parse(near, &first, &first_length);
	parse(far, &second, &second_length);
	fd = socket(first.any.sa_family, SOCK_DGRAM, 0);
	r = or_errno(connect(fd, &first.any, first_length));
	if (r >= 0)
		r = or_errno(send(fd, "near", 4, 0));
	if (r >= 0)
		r = or_errno(connect(fd, &second.any, second_length));
	if (r >= 0)
		r = or_errno(send(fd, "far", 3, 0));
	return say(r);
}

static int do_fastopen_connect(const char *far)
{
	union address to;
	socklen_t length;
	int fd, one = 1;
	long r;

	parse(far, &to, &length);
	fd = socket(to.any.sa_family, SOCK_STREAM, 0);
	r = or_errno(setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &one, sizeof(one)));
	if (r >= 0)
		r = or_errno(connect(fd, &to.any, length));
	if (r >= 0)
		r = or_errno(write(fd, "hello", 5));
	return say(r);
}

/* --- io_uring, without a library --- */

struct ring {
	int fd;
	unsigned *sq_tail, *sq_mask, *sq_array, *sq_flags, *cq_head, *cq_tail, *cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
	unsigned char sqe_flags;
	int is_sqpoll, is_direct;
};

static int ring_open(struct ring *ring, const char *via)
{
	struct io_uring_params params = { 0 };
	char *sq, *cq;

	ring->is_sqpoll = strcmp(via, "sqpoll") == 0;
	ring->is_direct = strcmp(via, "direct") == 0;
	ring->sqe_flags = strcmp(via, "async") == 0 ? IOSQE_ASYNC : 0;
	params.flags = ring->is_sqpoll ? IORING_SETUP_SQPOLL : 0;
	params.sq_thread_idle = 1000;
	ring->fd = (int)syscall(SYS_io_uring_setup, 8, &params);
	if (ring->fd < 0)
		return -errno;
	sq = mmap(NULL, params.sq_off.array + params.sq_entries * sizeof(unsigned), PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_POPULATE, ring->fd, IORING_OFF_SQ_RING);
	cq = mmap(NULL, params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe), PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_POPULATE, ring->fd, IORING_OFF_CQ_RING);
	ring->sqes = mmap(NULL, params.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_POPULATE, ring->fd, IORING_OFF_SQES);
	if (sq == MAP_FAILED || cq == MAP_FAILED || ring->sqes == MAP_FAILED)
		return -errno;
	ring->sq_tail = (unsigned *)(sq + params.sq_off.tail);
	ring->sq_mask = (unsigned *)(sq + params.sq_off.ring_mask);
	ring->sq_flags = (unsigned *)(sq + params.sq_off.flags);
	ring->sq_array = (unsigned *)(sq + params.sq_off.array);
	ring->cq_head = (unsigned *)(cq + params.cq_off.head);
	ring->cq_tail = (unsigned *)(cq + params.cq_off.tail);
	ring->cq_mask = (unsigned *)(cq + params.cq_off.ring_mask);
	ring->cqes = (struct io_uring_cqe *)(cq + params.cq_off.cqes);
	if (ring->is_direct) {
		int slots[1] = { -1 };

		return (int)or_errno(syscall(SYS_io_uring_register, ring->fd, IORING_REGISTER_FILES, slots, 1));
	}
	return 0;
}

/* Submit one entry and return its result. */
static int ring_do(struct ring *ring, const struct io_uring_sqe *sqe)
{
	unsigned tail, head, index;
	int result;

	if (!ring->sq_tail)
		return -EINVAL; /* not set up */
	tail = *ring->sq_tail;
	head = *ring->cq_head;
	index = tail & *ring->sq_mask;
	ring->sqes[index] = *sqe;
	ring->sqes[index].flags |= ring->sqe_flags;
	ring->sq_array[index] = index;
	__atomic_store_n(ring->sq_tail, tail + 1, __ATOMIC_SEQ_CST);
	if (!ring->is_sqpoll)
		syscall(SYS_io_uring_enter, ring->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0);
	else
		syscall(SYS_io_uring_enter, ring->fd, 1, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_SQ_WAKEUP, NULL, 0);
	while (__atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE) == head)
		;
	result = ring->cqes[head & *ring->cq_mask].res;
	__atomic_store_n(ring->cq_head, head + 1, __ATOMIC_RELEASE);
	return result;
}

static int ring_socket(struct ring *ring, int family, int type)
{
	struct io_uring_sqe sqe = { .opcode = OP_SOCKET, .fd = family, .off = type };
	int r;

	sqe.file_index = ring->is_direct ? 1 : 0;
	r = ring_do(ring, &sqe);
	if (r == -EINVAL && !ring->is_direct) /* a kernel before 5.19 */
		return (int)or_errno(socket(family, type, 0));
	return r;
}

static int do_uring(const char *kind, const char *far)
{
	const char *via = strchr(kind, '-') ? strchr(kind, '-') + 1 : "";
	const int is_udp = strncmp(kind, "udp", 3) == 0;
	struct ring ring = { 0 };
	struct iovec iov = { .iov_base = "hello", .iov_len = 5 };
	union address to;
	socklen_t length;
	struct msghdr message = { .msg_name = &to, .msg_iov = &iov, .msg_iovlen = 1 };
	struct io_uring_sqe sqe;
	int fd, r = ring_open(&ring, via);

	if (r < 0) {
		printf("unsupported: %s\n", strerrorname_np(-r));
		return 0;
	}
	parse(far, &to, &length);
	message.msg_namelen = length;
	fd = ring_socket(&ring, to.any.sa_family, is_udp ? SOCK_DGRAM : SOCK_STREAM);
	if (fd < 0)
		return say(fd);
	sqe = (struct io_uring_sqe){ .fd = ring.is_direct ? 0 : fd, .flags = ring.is_direct ? IOSQE_FIXED_FILE : 0 };
	if (is_udp) {
		sqe.opcode = IORING_OP_SENDMSG;
		sqe.addr = (unsigned long)&message;
		sqe.len = 1;
		return say(ring_do(&ring, &sqe));
	}
	sqe.opcode = IORING_OP_CONNECT;
	sqe.addr = (unsigned long)&to;
	sqe.off = length;
	r = ring_do(&ring, &sqe);
	if (r < 0)
		return say(r);
	sqe.opcode = IORING_OP_SEND;
	sqe.addr = (unsigned long)"hello";
	sqe.off = 0;
	sqe.len = 5;
	return say(ring_do(&ring, &sqe));
}

int main(int argc, char **argv)
{
	if (argc != 5) {
		fprintf(stderr, "ways: see the top of ways.c\n");
		return 2;
	}
	alarm(8); /* a call that hangs is a result too */
	port = atoi(argv[4]);
	if (strcmp(argv[1], "sendmmsg") == 0)
		return do_sendmmsg(argv[2], argv[3]);
	if (strcmp(argv[1], "udp-unspec") == 0)
		return do_unspec(argv[2], argv[3], SOCK_DGRAM);
	if (strcmp(argv[1], "tcp-unspec") == 0)
		return do_unspec(argv[2], argv[3], SOCK_STREAM);
	if (strcmp(argv[1], "reconnect") == 0)
		return do_reconnect(argv[2], argv[3]);
	if (strcmp(argv[1], "fastopen-connect") == 0)
		return do_fastopen_connect(argv[3]);
	if (strncmp(argv[1], "uring-", 6) == 0)
		return do_uring(argv[1] + 6, argv[3]);
	fprintf(stderr, "ways: no such way: %s\n", argv[1]);
	return 2;
}
