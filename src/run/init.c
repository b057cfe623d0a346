/* SPDX-License-Identifier: MIT */
/*
 * Our init (init.h): process 1 of the confinement's namespaces on rung A, a subreaper elsewhere. It is not confined
 * itself, and cannot be debugged from inside: it is not dumpable. It does three things: reap, make a socket when the
 * launcher asks, and end. On rung A the kernel ends everything inside with it; elsewhere it ends what descends from it.
 */
#include "run/init.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"

struct init {
	int fd;
	pid_t command;
	bool is_namespace;
};

int ng_message_send(int fd, const void *message, size_t size, const int *fds, unsigned n)
{
	union {
		char bytes[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec part = { (void *)(uintptr_t)message, size };
	struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t sent;

	if (n) {
		struct cmsghdr *rights;

		header.msg_control = control.bytes;
		header.msg_controllen = CMSG_SPACE(n * sizeof(int));
		rights = CMSG_FIRSTHDR(&header);
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(rights), fds, n * sizeof(int));
	}
	/* Without descriptors send() will do, which a launcher around this one need not look at. */
	do
		sent = n ? sendmsg(fd, &header, MSG_NOSIGNAL) : send(fd, message, size, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

static void take_control(struct msghdr *header, int *fds, unsigned n, pid_t *ret_pid)
{
	for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part; part = CMSG_NXTHDR(header, part)) {
		if (part->cmsg_level != SOL_SOCKET)
			continue;
		if (part->cmsg_type == SCM_RIGHTS) {
			const unsigned count = (unsigned)((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));
			int received[2];

			memcpy(received, CMSG_DATA(part), (count < 2 ? count : 2) * sizeof(int));
			for (unsigned i = 0; i < count && i < 2; i++) {
				if (i < n)
					fds[i] = received[i];
				else
					close(received[i]);
			}
		} else if (part->cmsg_type == SCM_CREDENTIALS && ret_pid) {
			struct ucred sender;

			memcpy(&sender, CMSG_DATA(part), sizeof sender);
			*ret_pid = sender.pid;
		}
	}
}

int ng_message_receive(int fd, void *message, size_t size, int *fds, unsigned n, pid_t *ret_pid, int flags)
{
	union {
		char bytes[CMSG_SPACE(2 * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
		struct cmsghdr align;
	} control;
	struct iovec part = { message, size };
	struct msghdr header = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes
	};
	ssize_t received;

	for (unsigned i = 0; i < n; i++)
		fds[i] = -1;
	do
		received = recvmsg(fd, &header, MSG_CMSG_CLOEXEC | flags);
	while (received < 0 && errno == EINTR);
	if (received < 0)
		return -errno;
	take_control(&header, fds, n, ret_pid);
	if (received == 0)
		return -EPIPE;
	return (size_t)received == size ? 0 : -EBADMSG;
}

static pid_t parent_of(const char *pid)
{
	char path[64], line[512];
	ng_auto_fd fd = -1;
	const char *after;
	ssize_t n;
	int parent;

	snprintf(path, sizeof path, "/proc/%.16s/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
	if (n <= 0)
		return -1;
	line[n] = '\0';
	after = strrchr(line, ')'); /* a program's name can hold anything */
	return after && sscanf(after, ") %*c %d", &parent) == 1 ? parent : -1;
}

static void kill_children(void)
{
	const pid_t self = getpid();
	DIR *folder = opendir("/proc");
	const struct dirent *entry;

	if (!folder)
		return;
	while ((entry = readdir(folder))) {
		if (*entry->d_name >= '1' && *entry->d_name <= '9' && parent_of(entry->d_name) == self)
			kill((pid_t)atoi(entry->d_name), SIGKILL);
	}
	closedir(folder);
}

/* Ends what descends from us and waits for it: whoever loses its parent becomes our child, until there is none. */
static void end_descendants(void)
{
	do
		kill_children();
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR);
}

_Noreturn static void finish(struct init *init)
{
	if (!init->is_namespace)
		end_descendants();
	_exit(0);
}

static void tell(struct init *init, int type, int a)
{
	const struct ng_init_message message = { .type = type, .a = a };

	if (ng_message_send(init->fd, &message, sizeof message, NULL, 0) < 0)
		finish(init);
}

static void reap(struct init *init)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
		if (pid != init->command)
			continue;
		if (WIFSTOPPED(status)) {
			tell(init, NG_INIT_STOPPED, WSTOPSIG(status));
			continue;
		}
		/* Before the rest dies: what it still asks for must not be taken for the command's. */
		if (!init->is_namespace)
			end_descendants();
		tell(init, NG_INIT_EXITED, status);
		_exit(0);
	}
}

static void make_socket(struct init *init, const struct ng_init_message *wish)
{
	ng_auto_fd fd = socket(wish->a, wish->b | SOCK_CLOEXEC, wish->c);
	const struct ng_init_message made = { .type = NG_INIT_MADE, .a = fd < 0 ? errno : 0 };

	if (ng_message_send(init->fd, &made, sizeof made, &fd, fd >= 0) < 0)
		finish(init);
}

static void serve(struct init *init)
{
	struct ng_init_message message;

	switch (ng_message_receive(init->fd, &message, sizeof message, NULL, 0, NULL, MSG_DONTWAIT)) {
	case 0:
		if (message.type == NG_INIT_SOCKET)
			make_socket(init, &message);
		return;
	case -EAGAIN:
		return;
	default: /* the launcher is gone */
		finish(init);
	}
}

_Noreturn void ng_init_run(int fd, pid_t command, int is_namespace)
{
	struct init init = { fd, command, is_namespace };
	struct pollfd polled[2] = { { .fd = fd, .events = POLLIN }, { .events = POLLIN } };
	struct signalfd_siginfo told;
	sigset_t children;

	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	polled[1].fd = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
	if (polled[1].fd < 0)
		finish(&init);
	for (;;) {
		reap(&init);
		if (poll(polled, 2, -1) < 0 && errno != EINTR)
			finish(&init);
		while (read(polled[1].fd, &told, sizeof told) > 0)
			;
		if (polled[0].revents)
			serve(&init);
	}
}
