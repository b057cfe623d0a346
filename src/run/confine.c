/* SPDX-License-Identifier: MIT */
/*
 * Starting the command (confine.h): namespaces, our init, and the one-way steps of the command's process.
 *
 * Order is everything here. init maps its ids before anything else, brings its loopback up, and hides /proc of the
 * outside. The command's process gives up, in this order: new privileges, Landlock's part, capabilities, and with the
 * filter the way to the network; it then tells the launcher the number of the filter's listener and waits until that
 * was taken out of it. Only then it may call execve(). Whatever fails ends the attempt; nothing is started with less
 * than was asked for.
 */
#include "run/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "run/filter.h"
#include "run/init.h"
#include "run/inside.h"
#include "run/landlock.h"
#include "run/power.h"

#define NAMESPACES (CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWNS)

/* What the child of the launcher has to know; it lives in memory copied by fork. */
struct start {
	const struct ng_run_options *options;
	const sigset_t *mask;
	char rung;
	int init_fd, command_fd; /* the child's ends */
	uid_t uid;
	gid_t gid;
	bool is_root, has_ipv6;
};

/* --- the command's process --- */

static int confine_self(const struct start *start, struct ng_command_ready *ready)
{
	const bool has_tcp_lock = ng_run_policy_has_machine_sockets(&start->options->policy, start->rung);
	bool is_killable = false;
	int result;

	ready->step = NG_STEP_NO_NEW_PRIVS;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	ready->step = NG_STEP_LANDLOCK;
	result = ng_landlock_restrict(has_tcp_lock);
	if (result < 0 && result != -EOPNOTSUPP)
		return result;
	ready->step = NG_STEP_CAPABILITIES;
	if (start->rung != 'A') {
		const int dropped = ng_power_give_up(false);

		if (dropped < 0)
			return dropped;
	}
	ready->step = NG_STEP_FILTER;
	ready->listener = ng_filter_install(&start->options->policy, start->rung, result == 0, &is_killable);
	ready->is_killable = is_killable;
	if (start->rung == 'C' && ready->listener == 0)
		ready->listener = -1;
	else if (ready->listener < 0)
		return ready->listener;
	return 0;
}

int ng_confine_exec(const struct ng_run_options *options)
{
	char *program = options->command[0];
	int error;

	if (options->argv0)
		options->command[0] = (char *)(uintptr_t)options->argv0; /* execve() does not write */
	execvp(program, options->command);
	error = errno;
	options->command[0] = program;
	return error;
}

/* From here on only write(), read(), close(): sending and connecting are the broker's. */
_Noreturn static void become_command(const struct start *start)
{
	struct ng_command_ready ready = { .listener = -1 };
	int error;
	char go;

	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0) /* the launcher takes the listener out of us */
		_exit(126);
	ready.error = -confine_self(start, &ready);
	if (write(start->command_fd, &ready, sizeof ready) != sizeof ready || ready.error)
		_exit(126);
	if (read(start->command_fd, &go, 1) != 1)
		_exit(126);
	if (ready.listener >= 0)
		close(ready.listener);
	sigprocmask(SIG_SETMASK, start->mask, NULL);
	error = ng_confine_exec(start->options);
	(void)!write(start->command_fd, &error, sizeof error);
	_exit(error == ENOENT ? 127 : 126);
}

/* Everything but 0, 1, 2, what was asked for, and our two sockets, which execve() closes. */
static int close_others(const struct start *start)
{
	const struct ng_run_options *options = start->options;

	if (syscall(SYS_close_range, 3u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC, Linux 5.11 */) < 0)
		return -errno;
	for (unsigned i = 0; i < options->n_keep_fds; i++) {
		if (fcntl(options->keep_fds[i], F_SETFD, 0) < 0)
			return -errno;
	}
	return 0;
}

/* --- init, before it serves --- */

static int write_file(const char *path, const char *text)
{
	ng_auto_fd fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

/* An ordinary user may map its own ids and no others. */
static int map_own_ids(const struct start *start)
{
	char line[64];
	int result;

	snprintf(line, sizeof line, "%u %u 1\n", start->uid, start->uid);
	result = write_file("/proc/self/uid_map", line);
	if (result < 0)
		return result;
	result = write_file("/proc/self/setgroups", "deny");
	if (result < 0)
		return result;
	snprintf(line, sizeof line, "%u %u 1\n", start->gid, start->gid);
	return write_file("/proc/self/gid_map", line);
}

static int raise_loopback(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	ng_auto_fd fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

/* A new namespace lets nobody make ping sockets. With them, an attempt is refused and recorded as any other. */
static void allow_ping(const struct start *start)
{
	char range[32];

	snprintf(range, sizeof range, "%u %u", start->is_root ? 0 : start->gid, start->is_root ? 65535 : start->gid);
	(void)write_file("/proc/sys/net/ipv4/ping_group_range", range);
}

/* Returns what is to be told to the launcher, and the stub's sockets. */
static struct ng_init_message prepare_namespaces(const struct start *start, int fds[2])
{
	struct ng_init_message told = { .type = NG_INIT_READY, .b = 1 };
	struct ng_init_message go;

	if (start->is_root) {
		told.a = -ng_message_receive(start->init_fd, &go, sizeof go, NULL, 0, NULL, 0);
	} else {
		told.a = -map_own_ids(start);
	}
	if (told.a)
		return told;
	/* /proc shows the outside until it is our own. Where a container masks parts of /proc that is refused, and what
	 * is outside stays visible; Landlock and the user namespace still keep it from being touched. */
	(void)!mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	told.b = 2;
	told.a = -raise_loopback();
	if (told.a)
		return told;
	if (!ng_run_policy_is_brokered(&start->options->policy)) {
		allow_ping(start);
		return told;
	}
	told.b = 3;
	told.a = -ng_inside_answer_everywhere(start->has_ipv6);
	if (told.a)
		return told;
	told.b = 4;
	told.a = -ng_inside_stub_sockets(fds);
	return told;
}

_Noreturn static void become_init(struct start *start)
{
	struct ng_init_message told = { .type = NG_INIT_READY };
	int fds[2] = { -1, -1 };
	pid_t command;

	if (start->rung == 'A') {
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		/* ids are mapped through files of our own, which are root's while we are not dumpable */
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
		told = prepare_namespaces(start, fds);
	} else {
		prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	}
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* nobody inside looks into us */
	if (!told.a)
		told.a = -close_others(start);
	if (ng_message_send(start->init_fd, &told, sizeof told, fds, fds[0] >= 0 ? 2 : 0) < 0 || told.a)
		_exit(126);
	command = fork();
	if (command == 0)
		become_command(start);
	if (command < 0)
		_exit(126);
	close(start->command_fd);
	for (unsigned i = 0; i < start->options->n_keep_fds; i++)
		close(start->options->keep_fds[i]);
	ng_init_run(start->init_fd, command, start->rung == 'A');
}

/* --- the launcher --- */

/* Root keeps all ids of its own namespace, so that installers work; the map is written from outside. */
static int map_all_ids(pid_t pid)
{
	static const char *const files[] = { "uid_map", "gid_map" };

	for (int i = 0; i < 2; i++) {
		char path[64], text[2048];
		ng_auto_file own = NULL;
		unsigned inside, outside, count;
		size_t n = 0;
		int result;

		snprintf(path, sizeof path, "/proc/self/%s", files[i]);
		own = fopen(path, "re");
		if (!own)
			return -errno;
		while (n < sizeof text - 64 && fscanf(own, "%u %u %u", &inside, &outside, &count) == 3)
			n += (size_t)snprintf(text + n, sizeof text - n, "%u %u %u\n", inside, inside, count);
		text[n] = '\0';
		snprintf(path, sizeof path, "/proc/%d/%s", pid, files[i]);
		result = write_file(path, text);
		if (result < 0)
			return result;
	}
	return 0;
}

static const char *const init_steps[] = {
	[0] = "closing inherited files",
	[1] = "mapping user and group ids",
	[2] = "starting the loopback interface inside",
	[3] = "routing inside",
	[4] = "the resolver's sockets inside",
};

static const char *const command_steps[] = {
	[0] = "starting",
	[NG_STEP_NO_NEW_PRIVS] = "giving up new privileges",
	[NG_STEP_LANDLOCK] = "the Landlock domain",
	[NG_STEP_CAPABILITIES] = "giving up capabilities",
	[NG_STEP_FILTER] = "the system call filter",
};

static void say_failed(char error[static 512], const char *step, int number)
{
	snprintf(error, 512, "The command was not started: %s failed (%s).", step, strerror(number));
}

static int map_for_init(struct ng_confined *ret, char error[static 512])
{
	const struct ng_init_message go = { .type = NG_INIT_GO };
	int result = map_all_ids(ret->init_pid);

	if (result < 0)
		say_failed(error, init_steps[1], -result);
	else
		ng_message_send(ret->init_fd, &go, sizeof go, NULL, 0);
	return result;
}

/* 0, or negative errno with a sentence in `error`. */
static int await_init(struct ng_confined *ret, char error[static 512])
{
	struct ng_init_message told = { 0 };
	int fds[2];
	int result = ng_message_receive(ret->init_fd, &told, sizeof told, fds, 2, NULL, 0);
	ret->stub_udp = fds[0];
	ret->stub_tcp = fds[1];
	if (result < 0 || told.a) {
		say_failed(error, init_steps[told.b >= 0 && told.b <= 4 ? told.b : 0], result < 0 ? -result : told.a);
		return result < 0 ? result : -told.a;
	}
	return 0;
}

static int await_command(struct ng_confined *ret, char error[static 512])
{
	struct ng_command_ready ready = { 0 };
	ng_auto_fd pidfd = -1;
	int result = ng_message_receive(ret->command_fd, &ready, sizeof ready, NULL, 0, &ret->command_pid, 0);

	if (result == 0)
		result = -ready.error;
	if (result < 0) {
		say_failed(error, command_steps[ready.step >= 0 && ready.step <= NG_STEP_FILTER ? ready.step : 0],
			   -result);
		return result;
	}
	ret->is_killable = ready.is_killable;
	if (ready.listener < 0)
		return 0;
	pidfd = (int)syscall(SYS_pidfd_open, ret->command_pid, 0);
	ret->listener = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, ready.listener, 0);
	if (ret->listener >= 0)
		return 0;
	result = -errno;
	say_failed(error, "taking the filter's listener over", -result);
	return result;
}

/* Has the machine an address of version 6 besides ::1? */
static bool has_ipv6(void)
{
	ng_auto_file list = fopen("/proc/net/if_inet6", "re");
	char device[32];

	while (list && fscanf(list, "%*s %*s %*s %*s %*s %31s", device) == 1) {
		if (strcmp(device, "lo") != 0)
			return true;
	}
	return false;
}

static int start_at(char rung, const struct ng_run_options *options, const sigset_t *mask, struct ng_confined *ret,
		    char error[static 512])
{
	struct start start = { .options = options, .mask = mask, .rung = rung, .uid = geteuid(), .gid = getegid() };
	const int yes = 1;
	int init_pair[2], command_pair[2], result, command_result;
	char command_error[512] = "";
	ng_auto_fd init_child = -1, command_child = -1;

	*ret = (struct ng_confined){
		.rung = rung, .init_fd = -1, .command_fd = -1, .listener = -1, .stub_udp = -1, .stub_tcp = -1
	};
	start.is_root = start.uid == 0;
	start.has_ipv6 = rung == 'A' && ng_run_policy_is_brokered(&options->policy) && has_ipv6();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, init_pair) < 0)
		return -errno;
	ret->init_fd = init_pair[0];
	start.init_fd = init_child = init_pair[1];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, command_pair) < 0)
		return -errno;
	ret->command_fd = command_pair[0];
	start.command_fd = command_child = command_pair[1];
	/* Before anything is said: a message carries its sender's pid only if it was asked for when it was sent. */
	if (setsockopt(ret->command_fd, SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes) < 0)
		return -errno;
	ret->init_pid = (pid_t)syscall(SYS_clone, (rung == 'A' ? NAMESPACES : 0) | SIGCHLD, NULL, NULL, NULL, 0);
	if (ret->init_pid == 0) {
		close(ret->init_fd);
		close(ret->command_fd);
		become_init(&start);
	}
	if (ret->init_pid < 0) {
		result = -errno;
		snprintf(error, 512, "user namespaces cannot be made here (%s)", strerror(-result));
		return result;
	}
	close(ng_steal_fd(&init_child));
	close(ng_steal_fd(&command_child));
	result = rung == 'A' && start.is_root ? map_for_init(ret, error) : 0;
	if (result < 0)
		return result;
	/* What init says comes before, and is read after: to be woken for each would cost more. If init fails there
	 * is no command, and what that says is the end of its socket. */
	command_result = await_command(ret, command_error);
	result = await_init(ret, error);
	if (result == 0 && command_result < 0)
		memcpy(error, command_error, sizeof command_error);
	return result < 0 ? result : command_result;
}

void ng_confine_done(struct ng_confined *confined)
{
	ng_close_fd_(&confined->init_fd);
	ng_close_fd_(&confined->command_fd);
	ng_close_fd_(&confined->listener);
	ng_close_fd_(&confined->stub_udp);
	ng_close_fd_(&confined->stub_tcp);
	if (confined->init_pid > 0)
		waitpid(confined->init_pid, NULL, 0);
	confined->init_fd = confined->command_fd = confined->listener = confined->stub_udp = confined->stub_tcp = -1;
	confined->init_pid = 0;
}

static bool may_go_down(const struct ng_run_options *options, char rung)
{
	return !options->require || options->require >= rung;
}

/* What rung C cannot do of what was asked, or NULL. */
static const char *missing_on_c(const struct ng_run_options *options)
{
	if (ng_run_policy_is_brokered(&options->policy))
		return "nothing could be let through";
	if (options->log_path || options->log_dir)
		return "nothing could be logged";
	return options->policy.n_unix ? "no UNIX socket could be let through" : NULL;
}

int ng_confine_start(const struct ng_run_options *options, const sigset_t *mask, struct ng_confined *ret,
		     char error[static 512])
{
	char why[256] = "", reason[512] = "";
	int result = start_at('A', options, mask, ret, reason);

	if (result < 0) {
		ng_confine_done(ret);
		snprintf(why, sizeof why, "%.200s", reason);
		if (!may_go_down(options, 'B')) {
			snprintf(error, 512,
				 "Rung A is required and not to be had here: %.200s. Leave --require out to run with a "
				 "filter alone.",
				 why);
			return result;
		}
		result = start_at('B', options, mask, ret, reason);
	}
	if (result == -EBUSY) {
		const char *missing = missing_on_c(options);

		ng_confine_done(ret);
		snprintf(why, sizeof why, "another program already watches this process's system calls");
		if (!may_go_down(options, 'C') || (missing && !options->has_best_effort)) {
			snprintf(error, 512,
				 "Only a filter can be had here: %s, so %s. Give --best-effort to run with no network "
				 "at all.",
				 why, missing ? missing : "rung B, which is required, is not to be had");
			return result;
		}
		result = start_at('C', options, mask, ret, reason);
	}
	if (ret->rung == 'C' && missing_on_c(options) && result >= 0)
		snprintf(ret->why, sizeof ret->why, "%.160s, so %.80s", why, missing_on_c(options));
	else
		memcpy(ret->why, why, sizeof why);
	if (result < 0) {
		ng_confine_done(ret);
		memcpy(error, reason, sizeof reason);
	}
	return result;
}

int ng_confine_go(struct ng_confined *confined)
{
	const char go = 1;

	return send(confined->command_fd, &go, 1, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

/* --- the small tasks --- */

int ng_confine_netns_only(bool has_loopback, char error[static 512])
{
	const struct start start = { .uid = geteuid(), .gid = getegid() };
	int result = 0;

	/* Root stays root of everything; anybody else needs a user namespace to be allowed to. */
	if (unshare(CLONE_NEWNET) < 0) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
			result = -errno;
			snprintf(error, 512,
				 "No network namespace can be made here (%s). It needs user namespaces, or root.",
				 strerror(-result));
			return result;
		}
		result = map_own_ids(&start);
	}
	if (result == 0 && has_loopback)
		result = raise_loopback();
	if (result < 0)
		say_failed(error, init_steps[has_loopback ? 2 : 1], -result);
	return result;
}

char ng_confine_probe(char why[static 256], bool *ret_is_killable)
{
	char *command[] = { (char *)"/proc/self/exe", (char *)"--version", NULL };
	struct ng_run_options options = { .command = command,
					  .policy.app.profile = NG_PROFILE_OFFLINE,
					  .has_best_effort = true };
	struct ng_confined confined;
	char error[512] = "", rung;
	sigset_t mask;

	sigprocmask(SIG_SETMASK, NULL, &mask);
	if (ng_confine_start(&options, &mask, &confined, error) < 0) {
		snprintf(why, 256, "%.255s", error);
		return 0;
	}
	rung = confined.rung;
	memcpy(why, confined.why, 256);
	*ret_is_killable = confined.is_killable;
	ng_confine_done(&confined); /* it was never let go: the command's process ends with its socket */
	return rung;
}
