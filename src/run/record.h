/* SPDX-License-Identifier: MIT */
/*
 * What was attempted: JSON Lines (--log), ZenCube's net_restrict_*.json (--log-dir), the flags that would allow it
 * (--learn), the summary on a terminal. Repeats are counted: the first of its kind is written at once, further ones are
 * added up and written again with their `count` at the flush and at the end.
 *
 * No verdict depends on it: every function returns; what could not be written is counted and told at the end. Memory is
 * bounded: NG_RECORD_KINDS kinds are told apart, further ones are written singly until the next flush, and counted.
 * Runs in the supervisor with the caller's power.
 */
#ifndef NG_RUN_RECORD_H
#define NG_RUN_RECORD_H

#include <stdbool.h>
#include <sys/types.h>

#include "run/options.h"
#include "verdict/verdict.h"

#define NG_RECORD_KINDS 512
#define NG_RECORD_FLUSH_MS 1000 /* the supervisor calls ng_record_flush() that often while something is pending */

struct ng_record;

/* Everything is borrowed for the call. */
struct ng_attempt {
	pid_t pid; /* in the supervisor's pid namespace */
	uid_t uid;
	const char *exe;     /* absolute path, or "" if it could not be read */
	const char *call;    /* socket, connect, bind, listen, sendto, sendmsg, sendmmsg, resolve */
	int family;          /* AF_* */
	struct ng_flow flow; /* of AF_INET and AF_INET6 */
	const char *name;    /* the host name the address was answered for, or that was asked for; or NULL */
	const char *path;    /* of AF_UNIX: absolute path, or "@name" if abstract; else NULL */
	bool is_allowed;
	bool is_foreseen;     /* dry run: allowed, but would have been denied: verdict "would-deny" */
	unsigned char reason; /* NG_REASON_*; NG_REASON_OFFLINE for sockets, unix sockets and names that the profile
				 refuses */
	unsigned char class;  /* NG_CLASS_* */
	int error;            /* errno the program saw, 0 if none */
};

/* Opens what the options name, before anything is confined. 0, or negative errno with a sentence in `error`. The record
 * is freed by ng_record_close(). */
int ng_record_open(const struct ng_run_options *options, struct ng_record **ret_record, char error[static 512]);
/* The log's descriptor, which must stay open; -1: none. */
int ng_record_log_fd(const struct ng_record *record);
/* The start record. `rung` is 'A', 'B' or 'C'; `why` says in words why not a better one, or "" . */
void ng_record_start(struct ng_record *record, char rung, const char *why);
void ng_record_attempt(struct ng_record *record, const struct ng_attempt *attempt);
bool ng_record_is_pending(const struct ng_record *record);
void ng_record_flush(struct ng_record *record);
/* The end record, the summary on standard error if that is a terminal and no --log was given, --learn's file,
 * --log-dir's file. `status` is the exit status that the launcher will have. */
void ng_record_end(struct ng_record *record, int status);
void ng_record_close(struct ng_record *record);

#endif
