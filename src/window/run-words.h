/* SPDX-License-Identifier: MIT */
/* A confined command in words: its attempts, how it is confined, how it ended. Pure; results are owned by the caller.
 */
#ifndef NGW_RUN_WORDS_H
#define NGW_RUN_WORDS_H

#include "window/run-record.h"

G_BEGIN_DECLS

/* The file name of the program. */
char *ngw_run_program(const NgwRunRecord *attempt);
/* "example.org (203.0.113.7:443/tcp)", "listening on port 8080/tcp", "the name example.org", "the socket /run/x" */
char *ngw_run_destination(const NgwRunRecord *attempt);
/* "Blocked 3 times: it is Offline" */
char *ngw_run_verdict(const NgwRunRecord *attempt);
/* The whole in one sentence, for accessible names. */
char *ngw_run_sentence(const NgwRunRecord *attempt);

/* How it is confined, never more than the start record says; NULL: none came (yet). */
char *ngw_run_confinement(const NgwRunRecord *start);

/* What it may reach by that record; NULL: not said. */
char *ngw_run_reach(const NgwRunRecord *start);

/* How it came to an end. */
typedef struct {
	const NgwRunRecord *start, *end; /* NULL: none came */
	int status;                      /* of the launcher, as a shell has it; -1: it could not be started */
	int signal;                      /* that ended the launcher itself; 0 */
	const char *said;                /* by the launcher, or the reason it could not be started; "" */
	gboolean was_stopped;            /* by the person */
} NgwRunOutcome;
/* "Ended well", "Ended with status 2" */
char *ngw_run_outcome_title(const NgwRunOutcome *outcome);
/* What is to be said of it beyond that; NULL: nothing. */
char *ngw_run_outcome_more(const NgwRunOutcome *outcome);

/* What is wrong with a command line that g_shell_parse_argv() did not take. */
char *ngw_run_command_error(const GError *error);
/* The first word that means something to a shell but nothing here ("|"); NULL. Borrowed. */
const char *ngw_run_shell_word(const char *const *words);

G_END_DECLS
#endif
