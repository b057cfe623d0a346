/* SPDX-License-Identifier: MIT */
/*
 * The supervisor's loop (supervise.h): signals, our init, the broker's calls, the stub, the record. Whatever wants to
 * wait has a deadline here.
 *
 * Signals. All are blocked and read from a signalfd. What the terminal sends reaches the command without us, since it
 * is in our process group; what somebody sends to the launcher alone is passed on. When the command is stopped by the
 * terminal we stop ourselves, so that the shell which started us sees its job stopped; SIGCONT reaches the whole group.
 */
#include "run/supervise.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "run/broker.h"
#include "run/confine.h"
#include "run/init.h"
#include "run/onlink.h"
#include "run/stub.h"

#define EVENTS 64
#define INSIDE_TIMEOUT_MS 2000

struct loop {
	struct ng_run *run;
	int signals;
	int status;     /* wait status of the command, once has_ended */
	bool has_ended; /* the command, or what it ran in */
	int64_t flush_ms;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int watch(int epoll, int fd, uint64_t key)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = key };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* --- what init says --- */

static void command_stopped(int signal)
{
	/* SIGSTOP to the command alone is somebody's business with the command, not with us. */
	if (signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU)
		raise(SIGSTOP);
}

static void take_message(struct loop *loop, const struct ng_init_message *message)
{
	switch (message->type) {
	case NG_INIT_STOPPED:
		command_stopped(message->a);
		break;
	case NG_INIT_EXITED:
		loop->status = message->a;
		loop->has_ended = true;
		break;
	default: /* an answer that came too late */
		break;
	}
}

static void init_ready(struct loop *loop)
{
	struct ng_init_message message;
	int fds[1];

	for (;;) {
		const int result =
			ng_message_receive(loop->run->init_fd, &message, sizeof message, fds, 1, NULL, MSG_DONTWAIT);

		if (result == -EAGAIN)
			return;
		if (result < 0) {
			/* Killed from outside: everything inside went with it. */
			loop->status = SIGKILL;
			loop->has_ended = true;
			return;
		}
		if (fds[0] >= 0)
			close(fds[0]);
		take_message(loop, &message);
		if (loop->has_ended)
			return;
	}
}

/* What comes meanwhile is not lost: the command's end stays for the loop, a stop is followed at once. */
static int await_made(struct ng_run *run, int *ret_fd)
{
	const int64_t deadline = now_ms() + INSIDE_TIMEOUT_MS;
	struct ng_init_message message;
	struct pollfd polled = { .fd = run->init_fd, .events = POLLIN };

	for (;;) {
		const int64_t left = deadline - now_ms();
		int result;

		if (left <= 0 || poll(&polled, 1, (int)left) <= 0)
			return -ETIMEDOUT;
		/* Only what answers us is taken; the rest stays and is read by the loop. */
		if (recv(run->init_fd, &message, sizeof message, MSG_PEEK) == sizeof message &&
		    message.type != NG_INIT_MADE) {
			if (message.type == NG_INIT_EXITED)
				return -ESRCH;
			ng_message_receive(run->init_fd, &message, sizeof message, NULL, 0, NULL, 0);
			if (message.type == NG_INIT_STOPPED)
				command_stopped(message.a);
			continue;
		}
		result = ng_message_receive(run->init_fd, &message, sizeof message, ret_fd, 1, NULL, 0);
		if (result < 0)
			return result;
		return -message.a;
	}
}

int ng_run_inside_socket(struct ng_run *run, int family, int type, int protocol)
{
	const struct ng_init_message wish = { .type = NG_INIT_SOCKET, .a = family, .b = type, .c = protocol };
	int fd = -1, result;

	if (run->rung != 'A') {
		fd = socket(family, type | SOCK_CLOEXEC, protocol);
		return fd < 0 ? -errno : fd;
	}
	result = ng_message_send(run->init_fd, &wish, sizeof wish, NULL, 0);
	if (result == 0)
		result = await_made(run, &fd);
	if (result == 0 && fd < 0)
		result = -EMFILE; /* we had no descriptor left to take it */
	return result < 0 ? result : fd;
}

/* --- signals --- */

static bool is_from_terminal(const struct signalfd_siginfo *told)
{
	return told->ssi_code == SI_KERNEL;
}

static void signals_ready(struct loop *loop)
{
	struct signalfd_siginfo told;

	while (read(loop->signals, &told, sizeof told) == sizeof told) {
		const int number = (int)told.ssi_signo;

		switch (number) {
		case SIGCHLD: /* init: its socket tells */
		case SIGPIPE:
			break;
		case SIGCONT:
		case SIGWINCH:
			if (!is_from_terminal(&told))
				kill(loop->run->command_pid, number);
			break;
		case SIGTSTP:
		case SIGTTIN:
		case SIGTTOU:
			if (!is_from_terminal(&told) && told.ssi_pid != (uint32_t)getpid())
				kill(loop->run->command_pid, number);
			break;
		default:
			if (!is_from_terminal(&told))
				kill(loop->run->command_pid, number);
			break;
		}
	}
}

static int open_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGILL);
	sigdelset(&all, SIGFPE);
	sigdelset(&all, SIGABRT);
	return signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* --- the loop --- */

static int timeout_of(const struct loop *loop)
{
	const struct ng_run *run = loop->run;
	int timeout = ng_record_is_pending(run->record) ? NG_RECORD_FLUSH_MS : -1;

	if (run->broker && ng_broker_has_pending(run->broker) && (timeout < 0 || timeout > NG_BROKER_TICK_MS))
		timeout = NG_BROKER_TICK_MS;
	for (int i = 0; i < NG_RUN_STUBS; i++) {
		const int wanted = run->stubs[i] ? ng_stub_timeout_ms(run->stubs[i]) : -1;

		if (wanted >= 0 && (timeout < 0 || wanted < timeout))
			timeout = wanted;
	}
	return timeout;
}

static void regularly(struct loop *loop)
{
	struct ng_run *run = loop->run;
	const int64_t now = now_ms();

	if (run->broker && ng_broker_has_pending(run->broker))
		ng_broker_tick(run->broker);
	for (int i = 0; i < NG_RUN_STUBS; i++) {
		if (run->stubs[i] && ng_stub_timeout_ms(run->stubs[i]) == 0)
			ng_stub_work(run->stubs[i]);
	}
	if (ng_record_is_pending(run->record) && now - loop->flush_ms >= NG_RECORD_FLUSH_MS) {
		ng_record_flush(run->record);
		loop->flush_ms = now;
	}
}

static void dispatch(struct loop *loop, const struct epoll_event *event)
{
	struct ng_run *run = loop->run;

	switch (event->data.u64) {
	case NG_EPOLL_SIGNAL:
		signals_ready(loop);
		break;
	case NG_EPOLL_INIT:
		init_ready(loop);
		break;
	case NG_EPOLL_STUB:
		for (int i = 0; i < NG_RUN_STUBS; i++) {
			if (run->stubs[i])
				ng_stub_work(run->stubs[i]);
		}
		break;
	default:
		ng_broker_pending_ready(run->broker, event->data.u64);
		break;
	}
}

/* The listener is polled by itself and not through the epoll: only so the kernel wakes us on the processor on which the
 * caller goes to sleep (SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP). To wake a sleeping processor costs ten times the call. */
static int turn(struct loop *loop)
{
	struct ng_run *run = loop->run;
	struct pollfd polled[2] = { { .fd = run->epoll, .events = POLLIN }, { .fd = run->listener, .events = POLLIN } };
	struct epoll_event events[EVENTS];
	int n = poll(polled, 2, timeout_of(loop));

	if (n < 0 && errno != EINTR)
		return -errno;
	if (n > 0 && polled[1].revents && ng_broker_listener_ready(run->broker) == -ENOENT) {
		run->listener = -1; /* nobody is left who could call; it is closed by its owner */
		loop->has_ended |= run->init_fd < 0;
	}
	if (n > 0 && polled[0].revents) {
		n = epoll_wait(run->epoll, events, EVENTS, 0);
		for (int i = 0; i < n; i++)
			dispatch(loop, &events[i]);
	}
	regularly(loop);
	return 0;
}

/* Read only now: whether execve() went well is of no use before the end, and to be woken for it costs the command time
 * while it starts. */
static int exec_error_of(const struct ng_confined *confined)
{
	int error = 0;

	return recv(confined->command_fd, &error, sizeof error, MSG_DONTWAIT) == sizeof error ? error : 0;
}

static int exit_status(const struct loop *loop, const struct ng_run_end *end)
{
	if (end->exec_error)
		return end->exec_error == ENOENT ? 127 : 126;
	return WIFSIGNALED(loop->status) ? 128 + WTERMSIG(loop->status) : WEXITSTATUS(loop->status);
}

int ng_supervise(struct ng_run *run, const struct ng_confined *confined, struct ng_run_end *ret_end)
{
	struct loop loop = { .run = run, .flush_ms = now_ms() };
	const bool has_init = run->init_fd >= 0; /* and thereby a command that is ours to pass signals to */
	ng_auto_fd signals = has_init ? open_signals() : -1;
	int result = has_init && signals < 0 ? -errno : 0;

	loop.signals = signals;
	if (result == 0 && has_init)
		result = watch(run->epoll, signals, NG_EPOLL_SIGNAL);
	if (result == 0 && has_init)
		result = watch(run->epoll, run->init_fd, NG_EPOLL_INIT);
	while (result == 0 && !loop.has_ended)
		result = turn(&loop);
	if (result < 0)
		return result;
	*ret_end = (struct ng_run_end){ .exec_error = exec_error_of(confined) };
	if (!ret_end->exec_error && WIFSIGNALED(loop.status))
		ret_end->signal = WTERMSIG(loop.status);
	return exit_status(&loop, ret_end);
}
