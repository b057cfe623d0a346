/* SPDX-License-Identifier: MIT */
/*
 * Asking the person at the terminal: for passphrases here, for passwords through polkit's own text agent. Nothing is
 * asked where standard input is no terminal. Runs as the user.
 */
#ifndef NG_CLI_ASK_H
#define NG_CLI_ASK_H

#include <gio/gio.h>
#include <stdio.h>

G_BEGIN_DECLS

#define NG_ASK_MAX 1024 /* bytes of a passphrase */

gboolean ng_ask_is_possible(void);
/* One line, typed without being shown. NULL with an error: it was broken off (Ctrl-C, Ctrl-D on nothing). Free with
 * ng_secret_free(). */
char *ng_ask_passphrase(const char *prompt, GError **error);
/* The next line of `stream`, without its end. NULL with an error that says what was to stand there. */
char *ng_ask_line(FILE *stream, const char *what, GError **error);
/* Overwrites it first. */
void ng_secret_free(char *secret);
typedef char NgSecret;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NgSecret, ng_secret_free)

/* polkit's text agent for this process, until ng_agent_stop(). Where there is none, or the desktop has its own, nothing
 * happens. */
void ng_agent_start(void);
void ng_agent_stop(void);

G_END_DECLS
#endif
