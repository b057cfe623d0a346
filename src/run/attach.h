/* SPDX-License-Identifier: MIT */
/*
 * A process that confines itself while it runs, with all its threads and all it starts from then on: it starts the
 * launcher as its supervisor, installs the filter of rung B, and hands the listener over.
 *
 *     the process                              the launcher, `netguard run --supervise FD`
 *     socketpair, starts the launcher  ------> reads its flags, opens its log, gives its pid or says what is wrong
 *     no_new_privs, filter for all threads
 *     number of the listener           ------> takes it out of the process
 *     goes on                          <------ one byte: serves
 *
 * The launcher is not a child of the process: nothing waits for it but init. It ends when no task uses the filter any
 * more; when it is ended, every call that it would have decided fails (ENOSYS). ng_attach() is linked into the process
 * and needs no privilege; the rest runs in the launcher.
 *
 * Less than `netguard run` gives: sockets that are open already stay open; there is no Landlock domain (it takes one
 * thread only) and root keeps its capabilities, so a process that means to get out through another process of the same
 * user, or as root, can. Where Yama restricts ptrace, what the process starts by vfork() or posix_spawn() is refused
 * every address: only a process itself can permit to be looked into (PR_SET_PTRACER).
 */
#ifndef NG_RUN_ATTACH_H
#define NG_RUN_ATTACH_H

#include <sys/types.h>

#include "run/confine.h"
#include "run/say.h"

#define NG_ATTACH_FLAGS_MAX 256
#define NG_ATTACH_WAIT_MS 10000 /* for each word of the launcher */

/* `launcher`: path of netguard or netguard-run. `flags`: ends with NULL; of `netguard run`, without a command: a
 * profile, --allow, --allow-unix, --publish, --flags, --log, --learn, --dry-run; after a "--" there may be the words
 * that the record shall have as the command. Not for two threads at once.
 *
 * 0, and the supervisor's pid in *ret_supervisor (NULL allowed). Negative errno with a sentence: nothing is confined,
 * though the calling thread may have given up new privileges; -ESRCH: a thread has a filter of its own, -EBUSY: a
 * listener exists already, -EPERM: this process is not dumpable, as after changing its user. 1 with a sentence: the
 * filter stands and nobody serves it; every use of the network fails from now on. */
int ng_attach(const char *launcher, char *const *flags, pid_t *ret_supervisor, char error[static NG_RUN_ERROR_MAX]);

/* In the launcher. `fd`: the socket; taken over by *ret (as its command_fd, see ng_confine_go()) when it went well.
 * `ret` is as of a start on rung B, without an init. 0, or negative errno: the process has changed its mind, or its
 * listener cannot be had. */
int ng_attach_take(int fd, struct ng_confined *ret);
/* Tells the process why there will be no supervisor. */
void ng_attach_refuse(int fd, const char *sentence);

#endif
