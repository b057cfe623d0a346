/* SPDX-License-Identifier: MIT */
/*
 * The launcher: `netguard run`, `sandbox`, and the door to everything else that `netguard` does. Runs as the caller and
 * never gains anything; as root it gives up what supervising does not need.
 *
 * `netguard` is this small program, because `netguard run` is to start as fast as what it starts: any other verb is
 * handed to netguard-verbs, which is linked with GLib.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "config.h"
#include "run/attach.h"
#include "run/broker.h"
#include "run/confine.h"
#include "run/landlock.h"
#include "run/onlink.h"
#include "run/power.h"
#include "run/stub.h"
#include "run/supervise.h"

#define EXIT_OWN_FAULT 125 /* as env, nohup, timeout: the launcher failed, not the command */
#define EXIT_USAGE 2

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int fail(const char *text)
{
	fprintf(stderr, "netguard run: %s\n", text);
	return EXIT_OWN_FAULT;
}

/* --- the other verbs --- */

static int hand_over(char **argv)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - sizeof "netguard-verbs");

	if (n > 0) {
		path[n] = '\0';
		memcpy(strrchr(path, '/') + 1, "netguard-verbs", sizeof "netguard-verbs"); /* the build tree */
		execv(path, argv);
	}
	execv(NG_LIBEXEC_DIR "/netguard-verbs", argv);
	fprintf(stderr, "netguard: %s/netguard-verbs cannot be started: %s. Install Network Guard again.\n",
		NG_LIBEXEC_DIR, strerror(errno));
	return EXIT_OWN_FAULT;
}

/* --- before anything is confined --- */

static bool is_kept(const struct ng_run_options *options, int fd)
{
	for (unsigned i = 0; i < options->n_keep_fds; i++) {
		if (options->keep_fds[i] == fd)
			return true;
	}
	return false;
}

/* A socket that the command would be born with is a way out that no wall of ours is in front of. */
static bool has_socket_among_standard(const struct ng_run_options *options)
{
	static const char *const names[] = { "input", "output", "error" };
	struct stat status;

	for (int fd = 0; fd < 3; fd++) {
		if (fstat(fd, &status) < 0 || !S_ISSOCK(status.st_mode) || is_kept(options, fd))
			continue;
		fprintf(stderr,
			"netguard run: Standard %s is a socket, which would lead past the confinement. Give --keep-fd "
			"%d if the command is to "
			"have it, or put a pipe (| cat) or a file there.\n",
			names[fd], fd);
		return true;
	}
	return false;
}

/* What was not asked to be kept is not ours either: a pipe that we hold open never ends for its reader. */
static void close_inherited(const struct ng_run_options *options, int spared)
{
	for (unsigned first = 3;;) {
		unsigned next = UINT_MAX;

		for (unsigned i = 0; i < options->n_keep_fds; i++) {
			const unsigned kept = (unsigned)options->keep_fds[i];

			if (kept >= first && kept < next)
				next = kept;
		}
		if (spared >= (int)first && (unsigned)spared < next)
			next = (unsigned)spared;
		if (next > first)
			syscall(SYS_close_range, first, next == UINT_MAX ? next : next - 1, 0u);
		if (next == UINT_MAX)
			return;
		first = next + 1;
	}
}

static const int *missing_keep_fd(const struct ng_run_options *options)
{
	for (unsigned i = 0; i < options->n_keep_fds; i++) {
		if (fcntl(options->keep_fds[i], F_GETFD) < 0)
			return &options->keep_fds[i];
	}
	return NULL;
}

static void leave_pipes(bool has_error_too)
{
	ng_auto_fd nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (nothing < 0)
		return;
	dup2(nothing, 0);
	dup2(nothing, 1);
	if (has_error_too)
		dup2(nothing, 2);
}

/* A closed one among the first three would be what we open next, and be taken for the command's. It is closed again
 * when the command is executed. */
static void fill_standard(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd < 3);
	if (fd >= 0)
		close(fd);
}

/* --- the run --- */

static int bind_loopback(int family, int type, uint16_t *ret_port)
{
	struct sockaddr_in ipv4 = { .sin_family = AF_INET,
				    .sin_addr = { htonl(INADDR_LOOPBACK) },
				    .sin_port = htons(*ret_port) };
	struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6,
				     .sin6_addr = IN6ADDR_LOOPBACK_INIT,
				     .sin6_port = htons(*ret_port) };
	struct sockaddr *address = family == AF_INET ? (struct sockaddr *)&ipv4 : (struct sockaddr *)&ipv6;
	socklen_t size = family == AF_INET ? sizeof ipv4 : sizeof ipv6;
	ng_auto_fd fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, address, size) < 0 || getsockname(fd, address, &size) < 0 ||
	    (type == SOCK_STREAM && listen(fd, 16) < 0))
		return -errno;
	*ret_port = ntohs(family == AF_INET ? ipv4.sin_port : ipv6.sin6_port);
	return ng_steal_fd(&fd);
}

/* Rung B has no network of its own: the stub sits on a port of the machine's loopback, the same for both protocols and
 * both versions. Without one for version 6 sockets of that alone get no answers. */
static int open_stub_on_machine(struct ng_run *run)
{
	const int udp = bind_loopback(AF_INET, SOCK_DGRAM, &run->stub_port);
	int tcp, udp6, tcp6, result;

	if (udp < 0)
		return udp;
	tcp = bind_loopback(AF_INET, SOCK_STREAM, &run->stub_port);
	result = ng_stub_new(run->names, run->record, run->epoll, udp, tcp < 0 ? -1 : tcp, &run->stubs[0]);
	udp6 = result < 0 ? -1 : bind_loopback(AF_INET6, SOCK_DGRAM, &run->stub_port);
	if (udp6 < 0)
		return result;
	tcp6 = bind_loopback(AF_INET6, SOCK_STREAM, &run->stub_port);
	return ng_stub_new(run->names, run->record, run->epoll, udp6, tcp6 < 0 ? -1 : tcp6, &run->stubs[1]);
}

static int open_stub(struct ng_run *run, struct ng_confined *confined)
{
	if (!ng_run_policy_is_brokered(run->policy) || run->policy->app.profile == NG_PROFILE_ONLINE)
		return 0;
	if (run->rung == 'B')
		return open_stub_on_machine(run);
	return ng_stub_new(run->names, run->record, run->epoll, ng_steal_fd(&confined->stub_udp),
			   ng_steal_fd(&confined->stub_tcp), &run->stubs[0]);
}

static int open_parts(struct ng_run *run, struct ng_confined *confined)
{
	int result = ng_names_new(run->policy, &run->names);

	run->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (run->epoll < 0)
		return -errno;
	if (run->rung == 'C') /* nobody asks, so nothing decides */
		return result;
	if (result == 0)
		result = ng_prefixes_new(&run->prefixes);
	if (result == 0)
		ng_names_set_prefixes(run->names, run->prefixes);
	if (result == 0)
		result = ng_broker_new(run, &run->broker);
	return result < 0 ? result : open_stub(run, confined);
}

static void close_parts(struct ng_run *run)
{
	for (int i = 0; i < NG_RUN_STUBS; i++) {
		if (run->stubs[i])
			ng_stub_free(run->stubs[i]);
	}
	if (run->broker)
		ng_broker_free(run->broker);
	if (run->prefixes)
		ng_prefixes_free(run->prefixes);
	if (run->names)
		ng_names_free(run->names);
	ng_close_fd_(&run->epoll);
}

static int supervise(const struct ng_run_options *options, struct ng_record *record, struct ng_confined *confined,
		     struct ng_run_end *ret_end)
{
	struct ng_run run = {
		.options = options,
		.policy = &options->policy,
		.record = record,
		.rung = confined->rung,
		.listener = confined->listener,
		.is_killable = confined->is_killable,
		.epoll = -1,
		.init_fd = confined->init_fd,
		.init_pid = confined->init_pid,
		.command_pid = confined->command_pid,
	};
	struct ng_run_end end = { 0 };
	int status = open_parts(&run, confined);

	/* Not earlier, though it would save time: what --allow-unix names, and the machine's name servers, are what
	 * they were before the command could change a file. */
	if (status == 0)
		status = ng_confine_go(confined);
	/* A process that runs already may outlive its terminal, and its supervisor with it. */
	leave_pipes(options->task == NG_RUN_SUPERVISE && !options->policy.is_dry_run);
	if (status == 0) {
		ng_record_start(record, confined->rung, confined->why);
		status = ng_supervise(&run, confined, &end);
	}
	if (status < 0) {
		fprintf(stderr, "netguard run: The command was ended: supervising it failed (%s).\n",
			strerror(-status));
		status = EXIT_OWN_FAULT;
	}
	if (end.exec_error)
		fprintf(stderr, "netguard run: %s: %s\n", options->command[0], strerror(end.exec_error));
	ng_close_fd_(&confined->init_fd); /* init ends, and everything inside with it */
	confined->init_fd = -1;
	ng_record_end(record, status);
	close_parts(&run);
	*ret_end = end;
	return status;
}

/* Without a core file: it would be the launcher's. Returns where the signal cannot end us: process 1 of a container. */
static void end_by(int number)
{
	const struct rlimit none = { 0, 0 };
	sigset_t only;

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	signal(number, SIG_DFL);
	sigemptyset(&only);
	sigaddset(&only, number);
	raise(number);
	sigprocmask(SIG_UNBLOCK, &only, NULL);
}

static void give_up_power(const struct ng_confined *confined)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	ng_power_give_up(confined->rung == 'B');
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* nobody inside looks into us */
}

static int run_command(const struct ng_run_options *options)
{
	struct ng_confined confined;
	struct ng_record *record = NULL;
	struct ng_run_end end = { 0 };
	char error[512] = "";
	sigset_t all, before;
	const int *missing = missing_keep_fd(options);
	int status;

	fill_standard();
	if (missing) {
		fprintf(stderr, "netguard run: There is no open descriptor %d to keep. Leave --keep-fd %d out.\n",
			*missing, *missing);
		return EXIT_OWN_FAULT;
	}
	if (has_socket_among_standard(options))
		return EXIT_OWN_FAULT;
	/* First: --log /dev/fd/63, as a shell's >(...) makes it, is one of them. */
	if (ng_record_open(options, &record, error) < 0)
		return fail(error);
	close_inherited(options, ng_record_log_fd(record));
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	status = ng_confine_start(options, &before, &confined, error);
	if (status < 0) {
		ng_record_close(record);
		return fail(error);
	}
	for (unsigned i = 0; i < options->n_keep_fds; i++) {
		if (options->keep_fds[i] > 2)
			close(options->keep_fds[i]);
	}
	if (confined.rung == 'C' && options->has_best_effort)
		fprintf(stderr, "netguard run: Only a filter can be had here: %s.\n", confined.why);
	give_up_power(&confined);
	status = supervise(options, record, &confined, &end);
	ng_record_close(record);
	ng_confine_done(&confined);
	if (options->ends_as_command && end.signal)
		end_by(end.signal);
	return status;
}

/* --- a process that runs already --- */

static int supervise_process(const struct ng_run_options *options)
{
	struct ng_confined confined;
	struct ng_record *record = NULL;
	struct ng_run_end end;
	char error[512] = "";
	sigset_t all;
	int status;

	fill_standard();
	sigfillset(&all); /* for good: only the end of the process is ours */
	sigprocmask(SIG_SETMASK, &all, NULL);
	if (ng_record_open(options, &record, error) < 0) {
		ng_attach_refuse(options->supervise_fd, error);
		return EXIT_OWN_FAULT;
	}
	close_inherited(options, ng_record_log_fd(record));
	fcntl(options->supervise_fd, F_SETFD, FD_CLOEXEC);
	if (ng_attach_take(options->supervise_fd, &confined) < 0) {
		ng_record_close(record);
		return EXIT_OWN_FAULT;
	}
	give_up_power(&confined);
	status = supervise(options, record, &confined, &end);
	ng_record_close(record);
	ng_confine_done(&confined);
	return status;
}

/* --- the small tasks --- */

static int netns_only(const struct ng_run_options *options)
{
	char error[512];
	int error_number;

	if (ng_confine_netns_only(options->has_loopback, error) < 0)
		return fail(error);
	error_number = ng_confine_exec(options);
	fprintf(stderr, "netguard run: %s: %s\n", options->command[0], strerror(error_number));
	return error_number == ENOENT ? 127 : 126;
}

static int probe(void)
{
	char why[256] = "";
	bool is_killable = false;
	const char rung = ng_confine_probe(why, &is_killable);

	/* `why` is made of our own words and strerror()'s: nothing to escape */
	printf("{\"rung\":\"%c\",\"why\":\"%s\",\"landlock\":%d,\"killable\":%s}\n", rung ? rung : '-', why,
	       ng_landlock_abi(), is_killable ? "true" : "false");
	return rung ? 0 : 1;
}

static int launch(int argc, char **argv)
{
	struct ng_run_options options;
	const bool is_sandbox = strcmp(last_part(argv[0]), "sandbox") == 0;
	char error[512] = "";
	int status = EXIT_USAGE;

	if (ng_run_options_parse(argc, argv, &options, error) < 0) {
		fprintf(stderr, "%s: %s\n", is_sandbox ? "sandbox" : "netguard run", error);
		ng_run_options_done(&options);
		return EXIT_USAGE;
	}
	switch (options.task) {
	case NG_RUN_COMMAND:
		status = run_command(&options);
		break;
	case NG_RUN_NETNS_ONLY:
		status = netns_only(&options);
		break;
	case NG_RUN_SUPERVISE:
		status = supervise_process(&options);
		break;
	case NG_RUN_PROBE:
		status = probe();
		break;
	case NG_RUN_HELP:
		ng_run_options_help(is_sandbox);
		status = 0;
		break;
	case NG_RUN_VERSION:
		printf("netguard %s\n", NG_VERSION);
		status = 0;
		break;
	}
	ng_run_options_done(&options);
	return status;
}

int main(int argc, char **argv)
{
	const char *name = argc > 0 ? last_part(argv[0]) : "";

	if (strcmp(name, "sandbox") == 0 || strcmp(name, "netguard-run") == 0)
		return launch(argc, argv);
	if (argc > 1 && strcmp(argv[1], "run") == 0)
		return launch(argc - 1, argv + 1);
	return hand_over(argv);
}
