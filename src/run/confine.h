/* SPDX-License-Identifier: MIT */
/*
 * Starting the command behind its walls, and our init inside.
 *
 * Three processes: the launcher, which stays outside and supervises; init, which is process 1 of the new namespaces
 * (rung A) or a subreaper (rung B, C), reaps, makes sockets inside when asked, and takes everything inside with it when
 * it ends; the command. init ends when the launcher does, and the launcher when the command has.
 */
#ifndef NG_RUN_CONFINE_H
#define NG_RUN_CONFINE_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "run/options.h"

struct ng_confined {
	char rung;     /* 'A', 'B', 'C' */
	char why[256]; /* why not a better rung, in words; "" on rung A */
	pid_t init_pid;
	pid_t command_pid; /* in our pid namespace */
	int init_fd;       /* messages of init (init.h) */
	int command_fd;    /* an int, errno of execve(), or end of file when it went well */
	int listener;      /* -1 on rung C */
	bool is_killable;
	int stub_udp, stub_tcp; /* bound to port 53 inside; -1 unless brokered on rung A */
};

/* Starts the command, held before its execve() until ng_confine_go(). `mask` is the signal mask it gets. 0, or negative
 * errno with a sentence in `error`; then nothing was started. */
int ng_confine_start(const struct ng_run_options *options, const sigset_t *mask, struct ng_confined *ret,
		     char error[static 512]);
int ng_confine_go(struct ng_confined *confined);
void ng_confine_done(struct ng_confined *confined);

/* Becomes the command, under the name it is to have. Returns only where that fails: errno. */
int ng_confine_exec(const struct ng_run_options *options);

/* Puts the calling process into an ephemeral network namespace of its own, its loopback up or not, and nothing else: no
 * filter, no supervisor. 0, or negative errno with a sentence. */
int ng_confine_netns_only(bool has_loopback, char error[static 512]);

/* What this machine gives to the caller: 'A', 'B' or 'C', or 0 if not even a filter can be installed; `why` as above.
 */
char ng_confine_probe(char why[static 256], bool *ret_is_killable);

#endif
