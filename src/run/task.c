/* SPDX-License-Identifier: MIT */
/*
 * Threads of the confinement (task.h). The slots are a table of sets: a number maps to one set, and the least used of
 * its ways gives way.
 */
#include "run/task.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#define WAYS 4
#define SETS (NG_TASKS / WAYS)
#define THREAD_PIDFD O_EXCL /* PIDFD_THREAD, linux/pidfd.h, 6.9 */
#define STATUS_MAX 4096
#define VECTOR_MAX 1024

struct ng_tasks {
	struct ng_task slots[NG_TASKS];
	uint64_t clock, serial;
	bool has_thread_fds;
};

int ng_tasks_new(bool has_thread_fds, struct ng_tasks **ret_tasks)
{
	struct ng_tasks *tasks = calloc(1, sizeof *tasks);

	if (!tasks)
		return -ENOMEM;
	tasks->has_thread_fds = has_thread_fds;
	for (int i = 0; i < NG_TASKS; i++)
		tasks->slots[i].pidfd = -1;
	*ret_tasks = tasks;
	return 0;
}

static void clear(struct ng_task *task)
{
	if (task->pidfd >= 0)
		close(task->pidfd);
	free(task->exe);
	*task = (struct ng_task){ .pidfd = -1 };
}

void ng_tasks_drop(struct ng_tasks *tasks)
{
	for (int i = 0; i < NG_TASKS; i++) {
		if (tasks->slots[i].pidfd >= 0)
			close(tasks->slots[i].pidfd);
		tasks->slots[i].pidfd = -1;
	}
}

void ng_tasks_free(struct ng_tasks *tasks)
{
	if (!tasks)
		return;
	for (int i = 0; i < NG_TASKS; i++)
		clear(&tasks->slots[i]);
	free(tasks);
}

static void renew(struct ng_tasks *tasks, struct ng_task *task, pid_t tid)
{
	clear(task);
	task->tid = tid;
	task->serial = ++tasks->serial;
	task->used = ++tasks->clock;
}

struct ng_task *ng_tasks_get(struct ng_tasks *tasks, pid_t tid)
{
	struct ng_task *set = &tasks->slots[((unsigned)tid % SETS) * WAYS], *oldest = set;

	for (int i = 0; i < WAYS; i++) {
		if (set[i].tid == tid) {
			set[i].used = ++tasks->clock;
			return &set[i];
		}
		if (set[i].used < oldest->used)
			oldest = &set[i];
	}
	renew(tasks, oldest, tid);
	return oldest;
}

static int find_tgid(struct ng_task *task)
{
	struct ng_task_status status;
	int result;

	if (task->tgid)
		return 0;
	if (syscall(SYS_tgkill, task->tid, task->tid, 0) == 0 || errno == EPERM) {
		task->tgid = task->tid;
		return 0;
	}
	result = ng_task_status(task->tid, &status);
	if (result == 0)
		task->tgid = status.tgid;
	return result;
}

static int open_pidfd(struct ng_tasks *tasks, struct ng_task *task)
{
	int result;

	if (tasks->has_thread_fds) {
		task->pidfd = (int)syscall(SYS_pidfd_open, task->tid, THREAD_PIDFD);
		if (task->pidfd >= 0)
			return 0;
		if (errno != EINVAL)
			return -errno;
		tasks->has_thread_fds = false;
	}
	result = find_tgid(task);
	if (result < 0)
		return result;
	task->pidfd = (int)syscall(SYS_pidfd_open, task->tgid, 0);
	return task->pidfd < 0 ? -errno : 0;
}

/* Where the descriptor is the process's: is the thread one of it? Asked before the descriptor is used. */
static int check_thread(const struct ng_tasks *tasks, const struct ng_task *task)
{
	if (tasks->has_thread_fds || syscall(SYS_tgkill, task->tgid, task->tid, 0) == 0 || errno == EPERM)
		return 0;
	return -ESRCH;
}

static int try_fd(struct ng_tasks *tasks, struct ng_task *task, int number)
{
	int result = task->pidfd < 0 ? open_pidfd(tasks, task) : 0;

	if (result == 0)
		result = check_thread(tasks, task);
	if (result < 0)
		return result;
	result = (int)syscall(SYS_pidfd_getfd, task->pidfd, number, 0);
	return result < 0 ? -errno : result;
}

int ng_task_fd(struct ng_tasks *tasks, struct ng_task *task, int number)
{
	int result = try_fd(tasks, task, number);

	if (result == -ESRCH) {
		renew(tasks, task, task->tid);
		result = try_fd(tasks, task, number);
	}
	if (result == -EMFILE || result == -ENFILE) {
		ng_tasks_drop(tasks);
		result = try_fd(tasks, task, number);
	}
	return result;
}

static int try_check(struct ng_tasks *tasks, struct ng_task *task)
{
	int result = task->pidfd < 0 ? open_pidfd(tasks, task) : 0;

	if (result == 0)
		result = check_thread(tasks, task);
	if (result == 0 && syscall(SYS_pidfd_send_signal, task->pidfd, 0, NULL, 0) < 0 && errno != EPERM)
		result = -errno;
	return result;
}

int ng_task_check(struct ng_tasks *tasks, struct ng_task *task)
{
	if (try_check(tasks, task) == 0)
		return 0;
	renew(tasks, task, task->tid);
	return try_check(tasks, task);
}

int ng_task_read(const struct ng_task *task, uint64_t at, void *ret_bytes, size_t len)
{
	const struct iovec here = { ret_bytes, len }, there = { (void *)(uintptr_t)at, len };
	const ssize_t n = len ? process_vm_readv(task->tid, &here, 1, &there, 1, 0) : 0;

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EFAULT;
}

int ng_task_write(const struct ng_task *task, uint64_t at, const void *bytes, size_t len)
{
	const struct iovec here = { (void *)(uintptr_t)bytes, len }, there = { (void *)(uintptr_t)at, len };
	const ssize_t n = process_vm_writev(task->tid, &here, 1, &there, 1, 0);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EFAULT;
}

ssize_t ng_task_read_vector(const struct ng_task *task, const struct iovec *iov, unsigned n_iov, size_t skip,
			    void *ret_bytes, size_t len)
{
	static struct iovec there[VECTOR_MAX]; /* one thread */
	const struct iovec here = { ret_bytes, len };
	unsigned n = 0;
	size_t left = len;
	ssize_t got;

	for (unsigned i = 0; i < n_iov && left && n < VECTOR_MAX; i++) {
		const size_t start = skip < iov[i].iov_len ? skip : iov[i].iov_len;
		const size_t room = iov[i].iov_len - start;

		skip -= start;
		if (!room)
			continue;
		there[n] = (struct iovec){ (char *)iov[i].iov_base + start, room < left ? room : left };
		left -= there[n++].iov_len;
	}
	if (!n)
		return 0;
	got = process_vm_readv(task->tid, &here, 1, there, n, 0);
	return got < 0 ? -errno : got;
}

void ng_task_signal(struct ng_tasks *tasks, struct ng_task *task, int number)
{
	if (ng_task_check(tasks, task) < 0)
		return;
	if (tasks->has_thread_fds)
		syscall(SYS_pidfd_send_signal, task->pidfd, number, NULL, 0);
	else
		syscall(SYS_tgkill, task->tgid, task->tid, number);
}

const char *ng_task_exe(struct ng_tasks *tasks, struct ng_task *task, int64_t now_ms)
{
	char path[64], exe[PATH_MAX];
	struct stat status;
	ssize_t n;

	if (task->exe && now_ms - task->exe_ms < NG_TASK_EXE_MS)
		return task->exe;
	ng_task_check(tasks, task);
	find_tgid(task);
	snprintf(path, sizeof path, "/proc/%d/exe", (int)task->tid);
	n = readlink(path, exe, sizeof exe - 1);
	exe[n > 0 ? n : 0] = '\0';
	path[strlen(path) - strlen("/exe")] = '\0';
	task->uid = stat(path, &status) == 0 ? status.st_uid : getuid();
	if (!task->exe || strcmp(task->exe, exe) != 0) {
		free(task->exe);
		task->exe = strdup(exe);
	}
	task->exe_ms = now_ms;
	return task->exe ? task->exe : "";
}

/* --- /proc --- */

static ssize_t read_text(const char *path, char *ret_text, size_t size)
{
	ng_auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, ret_text, size - 1);

	if (n < 0)
		return -errno;
	ret_text[n] = '\0';
	return n;
}

/* The value of a line "NAME:\tVALUE". */
static const char *line_of(const char *text, const char *name)
{
	const size_t len = strlen(name);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, len) == 0 && line[len] == ':')
			return line + len + 1;
	}
	return "";
}

int ng_task_status(pid_t tid, struct ng_task_status *ret_status)
{
	char path[64], text[STATUS_MAX];
	struct ng_task_status status = { 0 };
	ssize_t n;
	unsigned ids[4] = { 0 };

	snprintf(path, sizeof path, "/proc/%d/status", (int)tid);
	n = read_text(path, text, sizeof text);
	if (n < 0)
		return (int)n;
	status.tgid = (pid_t)strtol(line_of(text, "Tgid"), NULL, 10);
	status.umask = (mode_t)strtoul(line_of(text, "Umask"), NULL, 8);
	status.n_threads = (unsigned)strtoul(line_of(text, "Threads"), NULL, 10);
	status.pending = strtoull(line_of(text, "SigPnd"), NULL, 16);
	status.shared_pending = strtoull(line_of(text, "ShdPnd"), NULL, 16);
	status.blocked = strtoull(line_of(text, "SigBlk"), NULL, 16);
	if (sscanf(line_of(text, "Uid"), "%u %u %u %u", &ids[0], &ids[1], &ids[2], &ids[3]) != 4)
		return -ESRCH;
	status.fsuid = ids[3];
	if (sscanf(line_of(text, "Gid"), "%u %u %u %u", &ids[0], &ids[1], &ids[2], &ids[3]) != 4)
		return -ESRCH;
	status.fsgid = ids[3];
	*ret_status = status;
	return status.tgid ? 0 : -ESRCH;
}

int ng_task_open(pid_t tid, const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof path, "/proc/%d/%s", (int)tid, name);
	fd = open(path, O_PATH | O_CLOEXEC | O_DIRECTORY);
	return fd < 0 ? -errno : fd;
}

bool ng_task_fd_is_cloexec(pid_t tid, int number)
{
	char path[64], text[512] = "";

	snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", (int)tid, number);
	if (read_text(path, text, sizeof text) < 0)
		return true;
	return strtoul(line_of(text, "flags"), NULL, 8) & O_CLOEXEC;
}
