/* SPDX-License-Identifier: MIT */
/*
 * What launcher and init say to each other, over a socketpair of kept message borders: fixed size, host byte order (one
 * program, one machine). Descriptors travel beside as SCM_RIGHTS.
 */
#ifndef NG_RUN_INIT_H
#define NG_RUN_INIT_H

#include <stdint.h>
#include <sys/types.h>

#define NG_INIT_GO 1      /* launcher: the ids are mapped, go on */
#define NG_INIT_READY 2   /* init: a = 0 or errno, b = step that failed; the stub's sockets beside */
#define NG_INIT_SOCKET 3  /* launcher: make a socket inside: family, type, protocol */
#define NG_INIT_MADE 4    /* init: a = 0 or errno; the socket beside */
#define NG_INIT_STOPPED 5 /* init: the command was stopped by signal a */
#define NG_INIT_EXITED 6  /* init: the command ended with wait status a */

struct ng_init_message {
	int32_t type;
	int32_t a, b, c;
};

/* The command's process tells the launcher, once, that its filter stands: its pid is in the credentials beside. */
struct ng_command_ready {
	int32_t error;    /* 0 or errno */
	int32_t step;     /* NG_STEP_* */
	int32_t listener; /* its number in that process; -1 on rung C */
	int32_t is_killable;
};

#define NG_STEP_NO_NEW_PRIVS 1
#define NG_STEP_LANDLOCK 2
#define NG_STEP_CAPABILITIES 3
#define NG_STEP_FILTER 4

/* init's life, in the child; never returns. `fd` is its end of the socketpair, `command` the child it watches. */
_Noreturn void ng_init_run(int fd, pid_t command, int is_namespace);

/* One message with up to n descriptors (n <= 2). 0 or negative errno; -EPIPE at the end of the other side. The
 * receiver's unused places are -1; *ret_pid (NULL allowed) is the sender, in our pid namespace, where the socket has
 * SO_PASSCRED. */
int ng_message_send(int fd, const void *message, size_t size, const int *fds, unsigned n);
int ng_message_receive(int fd, void *message, size_t size, int *fds, unsigned n, pid_t *ret_pid, int flags);

#endif
