/* SPDX-License-Identifier: MIT */
/*
 * Sentences for the person at the launcher's command line, made by the parts and told once by main. What was typed is
 * quoted in them: bytes that would disturb a terminal become '?'. Runs as the caller; no state.
 */
#ifndef NG_RUN_SAY_H
#define NG_RUN_SAY_H

#define NG_RUN_ERROR_MAX 512

/* Writes the sentence, cut to size, and returns `code`. */
int ng_run_say(char error[static NG_RUN_ERROR_MAX], int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The same for bytes that go to a terminal: in place. */
void ng_run_make_plain(char *text);

#endif
