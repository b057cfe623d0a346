/* SPDX-License-Identifier: MIT */
/*
 * Both sides of attach.h. The process's side makes no call between filter and answer that the filter would have the
 * supervisor decide: only send() without an address, poll(), read(), close().
 */
#include "run/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "run/filter.h"
#include "run/options.h"

/* The launcher's first word. */
struct hello {
	int32_t pid;                  /* 0: it will not serve */
	char error[NG_RUN_ERROR_MAX]; /* why not */
};

/* The process's. */
struct offer {
	int32_t listener; /* its number there */
	int32_t is_killable;
};

/* --- the process --- */

static pid_t supervisor; /* of this process and what it forks */

/* Yama's permission is one process's, and not its children's. Fails where there is no Yama. */
static void permit_supervisor(void)
{
	prctl(PR_SET_PTRACER, supervisor, 0, 0, 0);
}

/* Bytes of one message; -ETIMEDOUT, -EPIPE: the launcher has ended. */
static int await(int fd, void *word, size_t size)
{
	struct pollfd polled = { .fd = fd, .events = POLLIN };
	ssize_t n;
	int r;

	do
		r = poll(&polled, 1, NG_ATTACH_WAIT_MS);
	while (r < 0 && errno == EINTR);
	if (r <= 0)
		return r < 0 ? -errno : -ETIMEDOUT;
	do
		n = read(fd, word, size);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n == 0 ? -EPIPE : (size_t)n == size ? 0 : -EBADMSG;
}

/* The launcher, as nobody's child: who waits for children must not find one that it does not know. The one between is
 * without a signal at its end, so that no other waitpid() meets it either. All signals are blocked around it. */
static int start_launcher(const char *launcher, char **argv, int fd)
{
	pid_t between = (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, 0);

	if (between == 0) { /* of a process with threads: system calls only */
		if (syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0) == 0) {
			fcntl(fd, F_SETFD, 0);
			execv(launcher, argv);
		}
		_exit(0);
	}
	if (between < 0)
		return -errno;
	while (waitpid(between, NULL, __WCLONE) < 0 && errno == EINTR)
		;
	return 0;
}

static int meet_launcher(const char *launcher, char **argv, int pair[2], char error[static NG_RUN_ERROR_MAX])
{
	struct hello hello = { 0 };
	sigset_t all, before;
	int r;

	if (access(launcher, X_OK) < 0)
		return ng_run_say(error, -errno, "The launcher %s cannot be started: %s. Install Network Guard again.",
				  launcher, strerror(errno));
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = start_launcher(launcher, argv, pair[1]);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	close(ng_steal_fd(&pair[1]));
	if (r == 0)
		r = await(pair[0], &hello, sizeof hello);
	if (r < 0)
		return ng_run_say(error, r, "The launcher %s does not answer: %s.", launcher, strerror(-r));
	if (!hello.pid)
		return ng_run_say(error, -EINVAL, "%.*s", (int)sizeof hello.error - 1, hello.error);
	supervisor = hello.pid;
	return 0;
}

/* Returns what ng_attach() returns. */
static int install(const struct ng_run_policy *policy, int fd, char error[static NG_RUN_ERROR_MAX])
{
	ng_auto_fd listener = -1;
	bool is_killable = false;
	struct offer offer;
	char go;
	int r;

	permit_supervisor();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return ng_run_say(error, -errno, "New privileges cannot be given up: %s.", strerror(errno));
	listener = ng_filter_install_for_process(policy, 'B', &is_killable);
	if (listener < 0)
		return ng_run_say(error, listener, "The system call filter cannot be installed: %s.",
				  listener == -ESRCH   ? "a thread has a filter of its own"
				  : listener == -EBUSY ? "another program already watches this process's system calls"
						       : strerror(-listener));
	offer = (struct offer){ .listener = listener, .is_killable = is_killable };
	r = send(fd, &offer, sizeof offer, MSG_NOSIGNAL) == sizeof offer ? await(fd, &go, 1) : -errno;
	if (r < 0)
		return ng_run_say(error, 1,
				  "The filter is installed and the launcher does not serve it (%s): nothing can use "
				  "the network any more.",
				  strerror(-r));
	return 0; /* the listener is closed: who has it could answer its own calls */
}

static int attach(const char *launcher, char **argv, int pair[2], char error[static NG_RUN_ERROR_MAX])
{
	static bool has_handler;
	struct ng_run_options options;
	int argc = 0, r;

	while (argv[argc])
		argc++;
	r = ng_run_options_parse(argc, argv, &options, error);
	if (r == 0)
		r = meet_launcher(launcher, argv, pair, error);
	if (r == 0)
		r = install(&options.policy, pair[0], error);
	if (r == 0 && !has_handler)
		has_handler = pthread_atfork(NULL, NULL, permit_supervisor) == 0;
	ng_run_options_done(&options);
	return r;
}

int ng_attach(const char *launcher, char *const *flags, pid_t *ret_supervisor, char error[static NG_RUN_ERROR_MAX])
{
	char number[16], name[] = "netguard-run", option[] = "--supervise";
	char *argv[NG_ATTACH_FLAGS_MAX + 4] = { name, option, number };
	int pair[2], r;
	unsigned n = 3;

	*error = '\0';
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 1)
		return ng_run_say(
			error, -EPERM,
			"This process cannot be looked into, so nobody could supervise it: it has changed its "
			"user, or forbids it (PR_SET_DUMPABLE).");
	for (; *flags; flags++) {
		if (n == NG_ATTACH_FLAGS_MAX + 3)
			return ng_run_say(error, -E2BIG, "There are more than %d flags.", NG_ATTACH_FLAGS_MAX);
		argv[n++] = *flags;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return ng_run_say(error, -errno, "There is no socket to talk to the launcher: %s.", strerror(errno));
	if (pair[1] < 3) { /* a standard one is closed here, and will be something else there */
		const int moved = fcntl(pair[1], F_DUPFD_CLOEXEC, 3);

		close(pair[1]);
		pair[1] = moved;
	}
	snprintf(number, sizeof number, "%d", pair[1]);
	r = attach(launcher, argv, pair, error);
	ng_close_fd_(&pair[0]);
	ng_close_fd_(&pair[1]);
	if (r == 0 && ret_supervisor)
		*ret_supervisor = supervisor;
	return r;
}

/* --- the launcher --- */

void ng_attach_refuse(int fd, const char *sentence)
{
	struct hello hello = { 0 };

	snprintf(hello.error, sizeof hello.error, "%s", sentence);
	(void)!send(fd, &hello, sizeof hello, MSG_NOSIGNAL); /* it is told by our end as well */
}

/* Is it one at all, and not what else has the number in a process that has taken over the other's? */
static bool is_listener(int fd)
{
	uint64_t none = 0;

	return ioctl(fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &none) < 0 && errno == ENOENT;
}

int ng_attach_take(int fd, struct ng_confined *ret)
{
	struct hello hello = { .pid = getpid() };
	struct offer offer = { 0 };
	struct ucred peer = { 0 };
	socklen_t size = sizeof peer;
	ng_auto_fd pidfd = -1, listener = -1;
	ssize_t n;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -errno;
	pidfd = (int)syscall(SYS_pidfd_open, peer.pid, 0);
	if (pidfd < 0 || send(fd, &hello, sizeof hello, MSG_NOSIGNAL) < 0)
		return -errno;
	do
		n = read(fd, &offer, sizeof offer);
	while (n < 0 && errno == EINTR);
	if (n != sizeof offer)
		return n < 0 ? -errno : -ECANCELED;
	listener = (int)syscall(SYS_pidfd_getfd, pidfd, offer.listener, 0);
	if (listener < 0)
		return -errno;
	if (!is_listener(listener))
		return -EBADF;
	*ret = (struct ng_confined){ .rung = 'B',
				     .why = "a running process has confined itself",
				     .command_pid = peer.pid,
				     .init_fd = -1,
				     .command_fd = fd,
				     .listener = ng_steal_fd(&listener),
				     .is_killable = offer.is_killable,
				     .stub_udp = -1,
				     .stub_tcp = -1 };
	return 0;
}
