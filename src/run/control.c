/* SPDX-License-Identifier: MIT */
/*
 * The list of control messages (control.h): unix(7), ip(7), ipv6(7), udp(7). The walk is the kernel's own (CMSG_OK in
 * include/linux/socket.h): a header that says less than itself or more than what is left is -EINVAL.
 */
#include "run/control.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum handling { COPY, DROP, TRANSLATE, REFUSE };

static enum handling handling_of(int domain, int level, int type)
{
	const bool is_inet = domain == AF_INET || domain == AF_INET6;

	/* The Internet families ignore both (__sock_cmsg_send). */
	if (level == SOL_SOCKET && type == SCM_RIGHTS)
		return domain == AF_UNIX ? TRANSLATE : is_inet ? DROP : REFUSE;
	if (level == SOL_SOCKET && type == SCM_CREDENTIALS)
		return DROP;
	if (!is_inet)
		return REFUSE;
	if (level == SOL_IP && (type == IP_PKTINFO || type == IP_TOS || type == IP_TTL))
		return COPY;
	if (level == SOL_IPV6 && (type == IPV6_PKTINFO || type == IPV6_TCLASS || type == IPV6_HOPLIMIT))
		return COPY;
	return level == SOL_UDP && type == UDP_SEGMENT ? COPY : REFUSE;
}

static int translate(struct ng_tasks *tasks, struct ng_task *task, struct ng_control *control, int *numbers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int fd;

		if (control->n_fds == NG_CONTROL_FDS)
			return -EINVAL;
		fd = ng_task_fd(tasks, task, numbers[i]);
		if (fd < 0)
			return fd == -EMFILE || fd == -ENFILE ? -ETOOMANYREFS : fd;
		control->fds[control->n_fds++] = fd;
		numbers[i] = fd;
	}
	return 0;
}

static int take_one(struct ng_tasks *tasks, struct ng_task *task, int domain, const struct cmsghdr *header,
		    struct ng_control *control)
{
	const size_t space = CMSG_ALIGN(header->cmsg_len);
	unsigned char *copy = control->bytes + control->len;

	switch (handling_of(domain, header->cmsg_level, header->cmsg_type)) {
	case DROP:
		return 0;
	case REFUSE:
		return -EPERM;
	case COPY:
	case TRANSLATE:
		break;
	}
	if (space > sizeof control->bytes - control->len)
		return -ENOBUFS;
	memset(copy, 0, space);
	memcpy(copy, header, header->cmsg_len);
	control->len += space;
	if (header->cmsg_type != SCM_RIGHTS || header->cmsg_level != SOL_SOCKET)
		return 0;
	return translate(tasks, task, control, (int *)(void *)(copy + CMSG_LEN(0)),
			 (header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
}

int ng_control_take(struct ng_tasks *tasks, struct ng_task *task, int domain, uint64_t at, size_t len,
		    struct ng_control *ret_control)
{
	static _Alignas(8) unsigned char in[NG_CONTROL_MAX]; /* one thread */
	int result;

	ret_control->len = 0;
	ret_control->n_fds = 0;
	if (len > sizeof in)
		return -ENOBUFS;
	result = ng_task_read(task, at, in, len);
	for (size_t pos = 0; result == 0 && len - pos >= sizeof(struct cmsghdr);) {
		const struct cmsghdr *header = (const void *)(in + pos);

		if (header->cmsg_len < sizeof *header || header->cmsg_len > len - pos)
			return -EINVAL;
		result = take_one(tasks, task, domain, header, ret_control);
		if (CMSG_ALIGN(header->cmsg_len) >= len - pos)
			break;
		pos += CMSG_ALIGN(header->cmsg_len);
	}
	return result;
}

void ng_control_done(struct ng_control *control)
{
	for (unsigned i = 0; i < control->n_fds; i++)
		close(control->fds[i]);
	control->n_fds = 0;
	control->len = 0;
}
