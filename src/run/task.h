/* SPDX-License-Identifier: MIT */
/*
 * The threads that call: a descriptor for each, their memory, their descriptors, and what /proc says. Bounded: NG_TASKS
 * slots; the one not used for longest goes. Runs in the supervisor, with the power of a parent over its own user
 * namespace or uid.
 *
 * A slot is found by number, and numbers are used again. So a slot counts only after ng_task_fd() or ng_task_check()
 * has succeeded during a call that ng_call_is_valid() then finds standing: a descriptor that still answers means that
 * the number was not given away, and the call that it was the caller's.
 */
#ifndef NG_RUN_TASK_H
#define NG_RUN_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#define NG_TASKS 128

struct ng_tasks;

struct ng_task {
	pid_t tid;
	pid_t tgid;      /* 0: not known yet */
	int pidfd;       /* of the thread (Linux 6.9), or of its process */
	uint64_t serial; /* never the same for two slots */
	uint64_t used;
	char *exe; /* NULL: not read yet */
	uid_t uid;
	int64_t exe_ms;
};

/* What /proc/TID/status says. */
struct ng_task_status {
	pid_t tgid;
	uid_t fsuid;
	gid_t fsgid;
	mode_t umask;
	unsigned n_threads;
	uint64_t pending, shared_pending, blocked; /* signals, bit n-1 */
};

/* `has_thread_fds` false: as on a kernel before 6.9. 0 or -ENOMEM. */
int ng_tasks_new(bool has_thread_fds, struct ng_tasks **ret_tasks);
void ng_tasks_free(struct ng_tasks *tasks);
/* The slot of a thread; never NULL, valid until the next ng_tasks_get(). */
struct ng_task *ng_tasks_get(struct ng_tasks *tasks, pid_t tid);
/* Gives up every descriptor that no call needs: for when none can be had. */
void ng_tasks_drop(struct ng_tasks *tasks);

/* A duplicate of the thread's descriptor, with FD_CLOEXEC; or negative errno: -EBADF, -EPERM, -ESRCH. */
int ng_task_fd(struct ng_tasks *tasks, struct ng_task *task, int number);
/* 0, or -ESRCH: the slot was of another thread and is one of this now, or nobody has the number. */
int ng_task_check(struct ng_tasks *tasks, struct ng_task *task);
/* Bytes of the thread's memory. All of them, or negative errno: -EFAULT, -EPERM, -ESRCH. */
int ng_task_read(const struct ng_task *task, uint64_t at, void *ret_bytes, size_t len);
int ng_task_write(const struct ng_task *task, uint64_t at, const void *bytes, size_t len);
/* Up to `len` bytes of a vector, from its byte `skip` on; fewer where memory ends. */
ssize_t ng_task_read_vector(const struct ng_task *task, const struct iovec *iov, unsigned n_iov, size_t skip,
			    void *ret_bytes, size_t len);
/* To the thread alone. */
void ng_task_signal(struct ng_tasks *tasks, struct ng_task *task, int number);
/* The path of its program, "" if it cannot be read; up to NG_TASK_EXE_MS old. Fills in uid and tgid. */
#define NG_TASK_EXE_MS 100
const char *ng_task_exe(struct ng_tasks *tasks, struct ng_task *task, int64_t now_ms);

int ng_task_status(pid_t tid, struct ng_task_status *ret_status);
/* An O_PATH descriptor of /proc/TID/NAME (root, cwd). */
int ng_task_open(pid_t tid, const char *name);
/* Whether its descriptor closes on exec. */
bool ng_task_fd_is_cloexec(pid_t tid, int number);

#endif
