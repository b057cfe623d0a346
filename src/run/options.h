/* SPDX-License-Identifier: MIT */
/*
 * The launcher's command line: `netguard run`, `sandbox` and `netguard-run --probe`. Plain C, runs as the caller before
 * anything is confined. Errors are sentences for the person: what is wrong with which argument, and the next step.
 */
#ifndef NG_RUN_OPTIONS_H
#define NG_RUN_OPTIONS_H

#include <stdbool.h>

#include "run/policy.h"

enum ng_run_task {
	NG_RUN_COMMAND,    /* confine and run the command */
	NG_RUN_NETNS_ONLY, /* --netns-only: an ephemeral network namespace, nothing else */
	NG_RUN_SUPERVISE,  /* --supervise: a process that runs already and confines itself, attach.h */
	NG_RUN_PROBE,      /* --probe: print which rung this machine gives, as JSON, for `netguard check` */
	NG_RUN_HELP,
	NG_RUN_VERSION,
};

struct ng_run_options {
	enum ng_run_task task;
	struct ng_run_policy policy;
	char require; /* 'A', 'B', 'C' or 0: the lowest rung that is good enough; 0 is any that holds the profile */
	bool has_best_effort;   /* go on with less, saying what is missing */
	bool has_loopback;      /* --netns-only --loopback */
	bool is_sandbox;        /* started as `sandbox` */
	bool ends_as_command;   /* --end-as-command: by the signal that ended it */
	const char *log_path;   /* --log FILE; "-" is standard error */
	const char *log_dir;    /* --log-dir DIR: net_restrict_<UTC time>.json */
	const char *learn_path; /* --learn FILE */
	int supervise_fd;       /* --supervise FD; one of keep_fds, too */
	int keep_fds[NG_RUN_KEEP_MAX];
	unsigned n_keep_fds;
	char **command;    /* of argv, ends with NULL; empty only where there is none to start */
	const char *argv0; /* --argv0 NAME: what the command is told as its name; NULL: command[0] */
};

/* Parses argv; argv[0]'s last part `sandbox` makes it that. 0, or -EINVAL with one or two sentences in `error`. What
 * policy owns is freed by ng_run_options_done(), also after an error. */
int ng_run_options_parse(int argc, char **argv, struct ng_run_options *options, char error[static 512]);
void ng_run_options_done(struct ng_run_options *options);
/* Help goes to standard output. */
void ng_run_options_help(bool is_sandbox);

#endif
