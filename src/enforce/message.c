// SPDX-License-Identifier: MIT
/*
 * The two ends of the socketpair between engine and enforcer. Plain C, in both processes. Every packet is checked for
 * size, magic, version and the ranges of its counts before anybody reads a field; text is terminated by force.
 */
#include "enforce/message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/cleanup.h"

int ng_message_send(int socket, const struct ng_message *message, int fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec part = { .iov_base = (void *)message, .iov_len = sizeof(*message) };
	struct msghdr envelope = { .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t sent;

	if (fd >= 0) {
		envelope.msg_control = control.bytes;
		envelope.msg_controllen = sizeof(control.bytes);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
	}
	do
		sent = sendmsg(socket, &envelope, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : errno == ECONNRESET ? -EPIPE : -errno;
	return sent == sizeof(*message) ? 0 : -EBADMSG;
}

/* The descriptor that came along, or -1; more than one, or of another kind, is malformed and closed. */
static int take_fd(struct msghdr *envelope, int *ret_fd)
{
	ng_auto_fd fd = -1;

	for (struct cmsghdr *item = CMSG_FIRSTHDR(envelope); item; item = CMSG_NXTHDR(envelope, item)) {
		if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS || fd >= 0 ||
		    item->cmsg_len != CMSG_LEN(sizeof(int)))
			return -EBADMSG;
		memcpy(&fd, CMSG_DATA(item), sizeof(int));
	}
	if (envelope->msg_flags & MSG_CTRUNC)
		return -EBADMSG;
	*ret_fd = ng_steal_fd(&fd);
	return 0;
}

#define TERMINATE(text) ((text)[sizeof(text) - 1] = '\0')

static int check_programs(struct ng_programs_are *page)
{
	if (page->n > NG_PROGRAMS_PER_MESSAGE)
		return -EBADMSG;
	for (uint32_t i = 0; i < page->n; i++) {
		if (page->programs[i].n_uids > NG_PROGRAM_UIDS)
			return -EBADMSG;
		TERMINATE(page->programs[i].path);
	}
	return 0;
}

static int check(struct ng_message *message)
{
	if (message->magic != NG_MESSAGE_MAGIC || message->version != NG_MESSAGE_VERSION)
		return -EBADMSG;
	switch (message->type) {
	case NG_MESSAGE_LOAD:
	case NG_MESSAGE_STATUS:
	case NG_MESSAGE_COUNTS:
	case NG_MESSAGE_VERIFY:
	case NG_MESSAGE_SOCKETS:
	case NG_MESSAGE_PROGRAMS:
		return 0;
	case NG_MESSAGE_LOADED:
		TERMINATE(message->loaded.why);
		return 0;
	case NG_MESSAGE_STATUS_IS:
		TERMINATE(message->status.error_text);
		TERMINATE(message->status.attach_path);
		TERMINATE(message->status.kernel);
		return 0;
	case NG_MESSAGE_COUNTS_ARE:
		return message->counts.n <= NG_COUNTS_PER_MESSAGE ? 0 : -EBADMSG;
	case NG_MESSAGE_SOCKETS_ARE:
		return message->sockets.n <= NG_SOCKETS_PER_MESSAGE ? 0 : -EBADMSG;
	case NG_MESSAGE_PROGRAMS_ARE:
		return check_programs(&message->programs);
	case NG_MESSAGE_EVENT:
		TERMINATE(message->event.exe);
		TERMINATE(message->event.event.comm);
		return 0;
	default:
		return -EBADMSG;
	}
}

int ng_message_receive(int socket, struct ng_message *ret_message, int *ret_fd)
{
	char control[CMSG_SPACE(4 * sizeof(int))] __attribute__((aligned(8)));
	struct iovec part = { .iov_base = ret_message, .iov_len = sizeof(*ret_message) };
	struct msghdr envelope = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
	};
	ng_auto_fd fd = -1;
	ssize_t got;
	int r;

	do
		got = recvmsg(socket, &envelope, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno == EWOULDBLOCK ? -EAGAIN : errno == ECONNRESET ? -EPIPE : -errno;
	if (got == 0)
		return -EPIPE;
	r = take_fd(&envelope, &fd);
	if (r < 0)
		return r;
	if (got != sizeof(*ret_message) || (envelope.msg_flags & MSG_TRUNC))
		return -EBADMSG;
	r = check(ret_message);
	if (r < 0)
		return r;
	if ((fd >= 0) != (ret_message->type == NG_MESSAGE_LOAD))
		return -EBADMSG;
	*ret_fd = ng_steal_fd(&fd);
	return 0;
}
