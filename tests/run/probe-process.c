/* SPDX-License-Identifier: MIT */
/*
 * The probe's vectors on other processes and namespaces: using a program outside that may, or leaving for another
 * network. `pid` is a process outside of the same user, `where` a place in its memory, `fd` a socket of its. See
 * probe.h.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static int open_of(const char *what, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", setting.pid, what);
	return (int)or_errno(open(path, flags | O_CLOEXEC));
}

static long attach(void)
{
	long r = or_errno(ptrace(vector_argument ? PTRACE_SEIZE : PTRACE_ATTACH, setting.pid, 0, 0));

	if (r < 0)
		return r;
	if (!vector_argument)
		waitpid(setting.pid, NULL, __WALL);
	ptrace(PTRACE_DETACH, setting.pid, 0, 0);
	return 0;
}

static long memory(void)
{
	char data[8] = "changed";
	struct iovec here = { data, sizeof(data) }, there = { (void *)setting.where, sizeof(data) };

	return or_errno(vector_argument ? process_vm_writev(setting.pid, &here, 1, &there, 1, 0)
					: process_vm_readv(setting.pid, &here, 1, &there, 1, 0));
}

static long memory_file(void)
{
	int fd = open_of("mem", O_RDWR);

	return fd < 0 ? fd : or_errno(pwrite(fd, "changed", 8, (off_t)setting.where));
}

static long take_descriptor(void)
{
	int pidfd = (int)or_errno(syscall(SYS_pidfd_open, setting.pid, 0)), fd;

	if (pidfd < 0)
		return pidfd;
	fd = (int)or_errno(syscall(SYS_pidfd_getfd, pidfd, setting.fd, 0));
	return fd < 0 ? fd : or_errno(send(fd, "taken", 5, 0));
}

/* --- namespaces --- */

static long enter(void)
{
	int fd = open_of(vector_argument == CLONE_NEWUSER ? "ns/user" : "ns/net", O_RDONLY);

	return fd < 0 ? fd : or_errno(setns(fd, vector_argument));
}

static long enter_by_pidfd(void)
{
	int pidfd = (int)or_errno(syscall(SYS_pidfd_open, setting.pid, 0));

	return pidfd < 0 ? pidfd : or_errno(setns(pidfd, CLONE_NEWUSER | CLONE_NEWNET));
}

static long leave(void)
{
	return or_errno(unshare(vector_argument));
}

static long cloned(long result)
{
	if (result == 0)
		_exit(0);
	if (result > 0)
		waitpid((pid_t)result, NULL, __WALL);
	return or_errno(result);
}

static long clone_new(void)
{
	return cloned(syscall(SYS_clone, (unsigned long)vector_argument | SIGCHLD, 0, 0, 0, 0));
}

static long clone3_new(void)
{
	struct clone_args arguments = { .flags = (unsigned)vector_argument, .exit_signal = SIGCHLD };

	return cloned(syscall(SYS_clone3, &arguments, sizeof(arguments)));
}

const struct vector process_vectors[] = {
	{ "ptrace-attach", "process", attach, 0 },
	{ "ptrace-seize", "process", attach, 1 },
	{ "vm-readv", "process", memory, 0 },
	{ "vm-writev", "process", memory, 1 },
	{ "proc-mem", "process", memory_file, 0 },
	{ "pidfd-getfd", "process", take_descriptor, 0 },
	{ "setns-net", "enter", enter, CLONE_NEWNET },
	{ "setns-user", "enter", enter, CLONE_NEWUSER },
	{ "setns-pidfd", "enter", enter_by_pidfd, 0 },
	{ "unshare-user", "namespace", leave, CLONE_NEWUSER },
	{ "unshare-net", "namespace", leave, CLONE_NEWNET },
	{ "unshare-both", "namespace", leave, CLONE_NEWUSER | CLONE_NEWNET },
	{ "clone-user", "namespace", clone_new, CLONE_NEWUSER },
	{ "clone-both", "namespace", clone_new, CLONE_NEWUSER | CLONE_NEWNET },
	{ "clone3-user", "namespace", clone3_new, CLONE_NEWUSER },
	{ "clone3-both", "namespace", clone3_new, CLONE_NEWUSER | CLONE_NEWNET },
	{ 0 },
};
