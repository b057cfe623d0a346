/* SPDX-License-Identifier: MIT */
/*
 * A process that confines itself while it runs (src/run/attach.h), on this machine's loopback: attach LAUNCHER [UID].
 * Each point runs in a process of its own, under this one as the subreaper, so that no supervisor is left unseen. TAP.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run/attach.h"
#include "run/filter.h"

static const char *launcher;
static char self[4096], log_path[64];
static int allowed, refused;               /* ports that somebody listens at */
static int asked[2] = { -1, -1 }, told[2]; /* a thread that was there before: a port, and what came of it */

static int failures;

static void expect(int is_so, const char *what)
{
	if (is_so)
		return;
	failures++;
	fprintf(stderr, "# failed: %s (errno %d)\n", what, errno);
}

static int listen_at(int *ret_port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, 100) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		exit(99);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

/* 0 or errno. */
static int reach(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr = { htonl(INADDR_LOOPBACK) },
				       .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), error;

	if (fd < 0)
		return errno;
	error = connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ? errno : 0;
	close(fd);
	return error;
}

static void *serve_questions(void *data)
{
	int port;

	while (read(asked[0], &port, sizeof port) == sizeof port) {
		const int error = reach(port);

		if (write(told[1], &error, sizeof error) != sizeof error)
			break;
	}
	return data;
}

/* As reach(), by the thread that was there before. */
static int reach_by_thread(int port)
{
	int error = -1;

	if (asked[0] < 0) {
		pthread_t thread;

		if (pipe(asked) < 0 || pipe(told) < 0 || pthread_create(&thread, NULL, serve_questions, NULL) != 0)
			exit(99);
	}
	if (write(asked[1], &port, sizeof port) != sizeof port || read(told[0], &error, sizeof error) != sizeof error)
		return -1;
	return error;
}

static int status_of(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int reach_by_child(int port)
{
	const pid_t child = fork();

	if (child == 0)
		_exit(reach(port));
	return status_of(child);
}

static int reach_by_program(int port)
{
	const pid_t child = fork();
	char number[16];

	snprintf(number, sizeof number, "%d", port);
	if (child == 0) {
		execl(self, self, "reach", number, (char *)NULL);
		_exit(99);
	}
	return status_of(child);
}

static pid_t attach(const char *flag)
{
	char allow[64], error[NG_RUN_ERROR_MAX];
	const char *flags[] = { "--offline", "--allow", allow, "--log", log_path, "--", "the", flag, NULL };
	pid_t supervisor = 0;

	snprintf(allow, sizeof allow, "127.0.0.1:%d/tcp", allowed);
	if (ng_attach(launcher, (char *const *)flags, &supervisor, error) == 0)
		return supervisor;
	fprintf(stderr, "# %s\n", error);
	exit(99);
}

static int has_record(const char *first, const char *second)
{
	FILE *file = fopen(log_path, "re");
	char line[4096];
	int found = 0;

	while (file && fgets(line, sizeof line, file))
		found |= strstr(line, first) && strstr(line, second);
	if (file)
		fclose(file);
	return found;
}

/* A descriptor of the filter in this process? */
static int has_listener(void)
{
	DIR *folder = opendir("/proc/self/fd");
	const struct dirent *entry;
	int found = 0;

	while (folder && (entry = readdir(folder))) {
		char target[256] = "";

		if (readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1) > 0)
			found |= strstr(target, "seccomp") != NULL;
	}
	if (folder)
		closedir(folder);
	return found;
}

/* --- the points --- */

static void point_holds(void)
{
	const int server = listen_at(&allowed);

	expect(reach_by_thread(refused) == 0, "before it, everything is reached");
	attach("words");
	expect(reach(allowed) == 0, "what is allowed is reached");
	expect(reach(refused) == ENETUNREACH, "what is not is refused");
	expect(reach_by_thread(allowed) == 0, "by a thread from before, too: allowed");
	expect(reach_by_thread(refused) == ENETUNREACH, "by a thread from before, too: refused");
	expect(reach_by_child(allowed) == 0, "by a child: allowed");
	expect(reach_by_child(refused) == ENETUNREACH, "by a child: refused");
	expect(reach_by_program(allowed) == 0, "by another program: allowed");
	expect(reach_by_program(refused) == ENETUNREACH, "by another program: refused");
	expect(accept(server, NULL, NULL) >= 0, "its own server accepts");
	expect(has_record("\"rung\":\"B\"", "\"words\""), "the start record has rung and words");
	expect(has_record("\"denied\"", "127.0.0.1"), "what was refused is on record");
}

static void point_leaves_no_trace(void)
{
	struct sigaction before;
	int status;

	sigaction(SIGCHLD, NULL, &before);
	attach("x");
	errno = 0;
	expect(waitpid(-1, &status, __WALL | WNOHANG) < 0 && errno == ECHILD, "there is no child to wait for");
	expect(!has_listener(), "nobody in it holds the listener");
	expect(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1, "no new privileges");
}

/* What waits at a supervisor that is stopped goes on, with an error, when that is killed. */
static void point_killed(void)
{
	const pid_t supervisor = attach("x");
	struct pollfd answer = { .events = POLLIN };
	int error;

	expect(reach_by_thread(allowed) == 0, "served");
	kill(supervisor, SIGSTOP);
	if (write(asked[1], &allowed, sizeof allowed) != sizeof allowed)
		exit(99);
	answer.fd = told[0];
	expect(poll(&answer, 1, 200) == 0, "a stopped supervisor answers nobody");
	kill(supervisor, SIGKILL);
	expect(read(told[0], &error, sizeof error) == sizeof error && error == ENOSYS, "who waits is refused");
	expect(reach(allowed) == ENOSYS && reach_by_child(refused) == ENOSYS, "and so is everybody from then on");
}

static void point_signals(void)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGTSTP, SIGPIPE, SIGUSR1 };
	const pid_t supervisor = attach("x");

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		kill(supervisor, numbers[i]);
	expect(reach(allowed) == 0 && reach(refused) == ENETUNREACH, "it goes on");
}

/* The first is gone, what it started is still served. */
static void point_outlived(void)
{
	int ends[2];
	char byte;

	if (pipe(ends) < 0)
		exit(99);
	attach("x");
	if (fork() == 0) {
		close(ends[1]);
		if (read(ends[0], &byte, 1) != 0) /* until the first has ended */
			_exit(99);
		_exit(reach(allowed) == 0 && reach(refused) == ENETUNREACH ? 0 : 1);
	}
}

static void point_closed(void)
{
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	attach("x");
	expect(reach(allowed) == 0 && reach_by_thread(refused) == ENETUNREACH, "what is allowed, and nothing else");
	expect(has_record("\"denied\"", "127.0.0.1"), "what was refused is on record");
}

static void point_twice(void)
{
	char error[NG_RUN_ERROR_MAX];
	char *flags[] = { (char *)"--online", NULL };

	attach("x");
	expect(ng_attach(launcher, flags, NULL, error) == -EBUSY && strstr(error, "already"), error);
	expect(reach(allowed) == 0 && reach(refused) == ENETUNREACH, "the first holds");
}

_Noreturn static void *own_filter(void *data)
{
	struct sock_filter code[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	const struct sock_fprog program = { 1, code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
	close(*(int *)data);
	for (;;)
		pause();
}

static void point_refused(void)
{
	static char *const wrong[] = { (char *)"--offline", (char *)"--allow", (char *)"http://x", NULL };
	static char *const none[] = { NULL };
	static char *const log[] = { (char *)"--offline", (char *)"--log", (char *)"/nowhere/at/all", NULL };
	static char *const good[] = { (char *)"--offline", NULL };
	char error[NG_RUN_ERROR_MAX], byte;
	pthread_t thread;
	int ends[2];

	expect(ng_attach(launcher, wrong, NULL, error) == -EINVAL && strstr(error, "http://x"), error);
	expect(ng_attach(launcher, none, NULL, error) == -EINVAL && strstr(error, "--offline"), error);
	expect(ng_attach(launcher, log, NULL, error) < 0 && strstr(error, "/nowhere/at/all"), error);
	expect(ng_attach("/nowhere/netguard", good, NULL, error) == -ENOENT && strstr(error, "/nowhere/"), error);
	expect(ng_attach("/bin/true", good, NULL, error) == -EPIPE && strstr(error, "/bin/true"), error);
	expect(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0, "privileges are as before");
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	expect(ng_attach(launcher, good, NULL, error) == -EPERM && strstr(error, "looked into"), error);
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	if (pipe(ends) < 0 || pthread_create(&thread, NULL, own_filter, &ends[1]) != 0)
		exit(99);
	expect(read(ends[0], &byte, 1) == 0, "the thread runs");
	expect(ng_attach(launcher, good, NULL, error) == -ESRCH && strstr(error, "a filter of its own"), error);
	expect(reach(refused) == 0 && reach_by_thread(refused) == 0, "nothing is confined");
}

static int unix_echo(int type)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int server = socket(AF_UNIX, type | SOCK_CLOEXEC, 0), client = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	const socklen_t size = sizeof(sa_family_t);
	socklen_t own = sizeof address;

	/* the kernel chooses an abstract name */
	return server >= 0 && client >= 0 && bind(server, (struct sockaddr *)&address, size) == 0 &&
	       getsockname(server, (struct sockaddr *)&address, &own) == 0 &&
	       (type == SOCK_DGRAM || listen(server, 1) == 0) &&
	       connect(client, (struct sockaddr *)&address, own) == 0 && send(client, "x", 1, 0) == 1;
}

static void point_filter_alone(void)
{
	const struct ng_run_policy kept = { .app.profile = NG_PROFILE_OFFLINE, .keeps_unix = true };
	bool is_killable;

	expect(reach_by_thread(refused) == 0, "before it");
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	expect(ng_filter_install_for_process(&kept, 'C', &is_killable) == 0, "it is installed");
	expect(reach(refused) == EACCES && reach_by_thread(refused) == EACCES && reach_by_child(refused) == EACCES,
	       "nothing is reached");
	expect(unix_echo(SOCK_STREAM) && unix_echo(SOCK_DGRAM) && unix_echo(SOCK_SEQPACKET), "UNIX sockets work");
}

static const struct {
	const char *name;
	void (*run)(void);
} points[] = {
	{ "main thread, threads from before, children and programs: what is allowed, and nothing else", point_holds },
	{ "no child to wait for, no listener in its own hands", point_leaves_no_trace },
	{ "a killed supervisor: every call is refused, also one that waits", point_killed },
	{ "signals that end others do not end the supervisor", point_signals },
	{ "what the process started is served after its end", point_outlived },
	{ "with the standard descriptors closed", point_closed },
	{ "a second time: refused, and the first holds", point_twice },
	{ "where it cannot be, nothing is changed and a sentence says why", point_refused },
	{ "a filter alone keeps UNIX sockets, if so wished, and nothing else", point_filter_alone },
};

/* Everything that became our child is waited for: a supervisor that did not end would be one. */
static int run_point(void (*run)(void))
{
	const pid_t child = fork();
	int status, worst = 0;
	pid_t pid;

	if (child == 0) {
		run();
		_exit(failures ? 1 : 0);
	}
	alarm(30);
	while ((pid = waitpid(-1, &status, 0)) > 0 || errno == EINTR) {
		/* launchers that were not needed, or killed, end as they like */
		if (pid == child || (WIFEXITED(status) && WEXITSTATUS(status) != 125))
			worst |= !WIFEXITED(status) || WEXITSTATUS(status);
	}
	alarm(0);
	return worst;
}

static void become_user(char **argv)
{
	const uid_t uid = (uid_t)atoi(argv[2]);

	if (uid == geteuid())
		return;
	if (setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0) {
		puts("1..0 # SKIP needs root: to become another user");
		exit(0);
	}
	execv(self, argv); /* anew: who changes users cannot be looked into */
	exit(99);
}

int main(int argc, char **argv)
{
	const size_t n = sizeof points / sizeof *points;
	int fd, worst = 0;

	if (readlink("/proc/self/exe", self, sizeof self - 1) < 0)
		return 99;
	if (argc == 3 && strcmp(argv[1], "reach") == 0)
		return reach(atoi(argv[2]));
	if (argc < 2)
		return 99;
	launcher = argv[1];
	if (argc > 2)
		become_user(argv);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	snprintf(log_path, sizeof log_path, "/tmp/ng-attach-XXXXXX");
	fd = mkstemp(log_path);
	if (fd < 0 || listen_at(&allowed) < 0 || listen_at(&refused) < 0)
		return 99;
	printf("1..%zu\n", n);
	for (size_t i = 0; i < n; i++) {
		int failed;

		fflush(stdout);
		failed = ftruncate(fd, 0) < 0 || run_point(points[i].run);
		printf("%sok %zu - uid %u: %s\n", failed ? "not " : "", i + 1, geteuid(), points[i].name);
		worst |= failed;
	}
	unlink(log_path);
	return worst;
}
