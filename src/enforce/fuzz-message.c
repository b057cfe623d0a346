// SPDX-License-Identifier: MIT
/*
 * Any packet of any size on the socketpair, with or without a descriptor: it is received whole and in range, or
 * refused. What is received has its counts within the arrays and its texts ended.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "enforce/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int holds)
{
	if (!holds)
		abort();
}

static void send_raw(int to, const void *bytes, size_t length, int with_fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec part = { .iov_base = (void *)bytes, .iov_len = length };
	struct msghdr envelope = { .msg_iov = &part, .msg_iovlen = 1 };
	int fd = 0;

	if (with_fd) {
		envelope.msg_control = control.bytes;
		envelope.msg_controllen = sizeof(control.bytes);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	}
	(void)!sendmsg(to, &envelope, 0);
}

static void need_programs(const struct ng_programs_are *page)
{
	need(page->n <= NG_PROGRAMS_PER_MESSAGE);
	for (uint32_t i = 0; i < page->n; i++) {
		need(page->programs[i].n_uids <= NG_PROGRAM_UIDS);
		need(memchr(page->programs[i].path, '\0', sizeof(page->programs[i].path)) != NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t bytes[sizeof(struct ng_message) + 64] = { 0 };
	struct ng_message message;
	int ends[2], fd = -1;

	if (size < 2 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return 0;
	/* The first byte chooses the length and whether a descriptor comes along; mostly it is the right length. */
	size_t length = data[0] & 0x0e ? sizeof(message) : (size_t)data[0] * 17 % sizeof(bytes);
	memcpy(bytes, data + 1, size - 1 < sizeof(bytes) ? size - 1 : sizeof(bytes));
	send_raw(ends[0], bytes, length ? length : 1, data[0] & 1);
	if (ng_message_receive(ends[1], &message, &fd) == 0) {
		need(length == sizeof(message));
		need((fd >= 0) == (message.type == NG_MESSAGE_LOAD));
		if (message.type == NG_MESSAGE_COUNTS_ARE)
			need(message.counts.n <= NG_COUNTS_PER_MESSAGE);
		if (message.type == NG_MESSAGE_SOCKETS_ARE)
			need(message.sockets.n <= NG_SOCKETS_PER_MESSAGE);
		if (message.type == NG_MESSAGE_PROGRAMS_ARE)
			need_programs(&message.programs);
		if (message.type == NG_MESSAGE_EVENT)
			need(memchr(message.event.exe, '\0', sizeof(message.event.exe)) != NULL);
		if (message.type == NG_MESSAGE_LOADED)
			need(memchr(message.loaded.why, '\0', sizeof(message.loaded.why)) != NULL);
	} else {
		need(fd == -1);
	}
	if (fd >= 0)
		close(fd);
	close(ends[0]);
	close(ends[1]);
	return 0;
}
