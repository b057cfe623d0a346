/* SPDX-License-Identifier: MIT */
/*
 * Runs a command on a machine that gives less than this one, without changing this one:
 *
 *     lower b COMMAND...    no new namespaces, as in a container: clone and unshare say EPERM, clone3 ENOSYS (what
 * Docker's own filter does) lower c COMMAND...    the same, and a seccomp listener exists already, so that another one
 * is refused with EBUSY lower n COMMAND...    seccomp itself is refused with EINVAL, as on a kernel without it
 *
 * The command takes its place, with the same pid; for c a child stays, that ends with it.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NEW_ANY                                                                                                        \
	(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip)
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, value)
#define REFUSE(error) RETURN(SECCOMP_RET_ERRNO | (error))

static int install(struct sock_filter *code, unsigned short length, unsigned flags)
{
	struct sock_fprog program = { length, code };
	int fd;

	if (geteuid() != 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		exit(99);
	fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
	if (fd < 0) {
		perror("lower: seccomp");
		exit(99);
	}
	return fd;
}

static void refuse_namespaces(void)
{
	struct sock_filter code[] = {
		LOAD(nr),
		IF(SYS_clone3, 1),
		REFUSE(ENOSYS),
		IF(SYS_clone, 1),
		BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0),
		IF(SYS_unshare, 3),
		LOAD(args[0]),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, NEW_ANY, 0, 1),
		REFUSE(EPERM),
		RETURN(SECCOMP_RET_ALLOW),
	};

	install(code, sizeof(code) / sizeof(*code), 0);
}

static void refuse_seccomp(void)
{
	struct sock_filter code[] = {
		LOAD(nr),
		IF(SYS_seccomp, 1),
		REFUSE(EINVAL),
		RETURN(SECCOMP_RET_ALLOW),
	};

	install(code, sizeof(code) / sizeof(*code), 0);
}

static void send_descriptor(int to, int fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .header = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec iov = { "x", 1 };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	if (sendmsg(to, &message, 0) != 1)
		exit(99);
}

/* The listener must live on in somebody's hands; nothing ever arrives there. */
static void hold_listener(int from)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &(char){ 0 }, 1 };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
	};

	if (recvmsg(from, &message, 0) != 1)
		exit(99);
	for (int fd = 0; fd < 3; fd++)
		close(fd); /* or whoever reads a pipe of ours would wait for us */
}

static void install_listener(int to)
{
	struct sock_filter code[] = { RETURN(SECCOMP_RET_ALLOW) };
	int fd = install(code, 1, SECCOMP_FILTER_FLAG_NEW_LISTENER);

	send_descriptor(to, fd);
	close(fd);
	close(to);
}

int main(int argc, char **argv)
{
	int pair[2];
	pid_t child;

	if (argc < 3)
		return 99;
	if (argv[1][0] == 'n')
		refuse_seccomp();
	else
		refuse_namespaces();
	if (argv[1][0] != 'c') {
		execvp(argv[2], argv + 2);
		return 127;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return 99;
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, 9);
		hold_listener(pair[0]);
		for (;;)
			pause();
	}
	install_listener(pair[1]);
	execvp(argv[2], argv + 2);
	return 127;
}
