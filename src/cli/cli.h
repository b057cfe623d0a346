/* SPDX-License-Identifier: MIT */
/*
 * `netguard`: what its verbs share. One verb is one file (verb-NAME.c) with one NgVerb; the table of them is in main.c.
 * Runs as the user; whatever needs power is asked of the service, which knows the caller by the socket.
 *
 * Standard output carries the answer and nothing else; notes and errors go to standard error. With --json the answer is
 * one JSON document (watch: one object a line).
 */
#ifndef NG_CLI_CLI_H
#define NG_CLI_CLI_H

#include <stdio.h>

#include "api/client.h"
#include "cli/text.h"
#include "cli/words.h"

G_BEGIN_DECLS

/* Documented in --help and netguard(1). */
#define NG_EXIT_DONE 0
#define NG_EXIT_FAILED 1
#define NG_EXIT_USAGE 2
#define NG_EXIT_UNKNOWN 3      /* no such application */
#define NG_EXIT_NOT_IN_FORCE 4 /* decided, but the kernel does not hold it; or a check failed */
#define NG_EXIT_NOT_ALLOWED 5
#define NG_EXIT_NOT_RUNNING 6

#define NG_CLI_ERROR (ng_cli_error_quark())
GQuark ng_cli_error_quark(void);
typedef enum {
	NG_CLI_ERROR_USAGE,
	NG_CLI_ERROR_FAILED,
} NgCliError;

typedef struct {
	const char *runtime; /* NULL: wherever the guard is */
	gboolean is_json;
	gboolean use_colour;
	NgClient *client; /* NULL until the first call */
} NgCli;

typedef struct {
	const char *name;
	const char *arguments; /* as in the usage line: "APP [DESTINATION]"; words in brackets are optional, the last
				  may end with "..." */
	const char *summary;
	const char *details;         /* what --help says besides; may be NULL */
	const GOptionEntry *entries; /* may be NULL */
	gboolean has_own_options;    /* its words are not read here, "--help" neither: all are passed on in `args` */
	/* Returns the exit code. With *error set the code follows from the error. `args` ends with NULL and has as many
	 * words as `arguments` says. */
	int (*run)(NgCli *cli, char **args, GError **error);
} NgVerb;

/* --- the service --- */

/* Call a method; returns the value of its reply (of one without a value, the empty tuple), owned by the caller. On a
 * terminal polkit may ask for a password meanwhile, and a passphrase that is missing is asked for once. */
GVariant *ng_cli_call(NgCli *cli, const char *method, GVariant *parameters, const char *reply_type, GError **error);
/* Drop the connection; the next call makes a new one. */
void ng_cli_disconnect(NgCli *cli);
NgClient *ng_cli_client(NgCli *cli, GError **error);

/* Call a method about an application that a person named: an id, a name, a path, a command in PATH. `make` gives the
 * parameters for one spelling; spellings are tried until the service knows one. With `may_create` a path the service
 * does not know is passed on as new. *ret_word (may be NULL): the spelling that was taken, owned by the caller. */
typedef GVariant *(*NgCliMake)(const char *app, gpointer user_data);
GVariant *ng_cli_call_app(NgCli *cli, const char *method, const char *word, gboolean may_create, NgCliMake make,
			  gpointer user_data, char **ret_word, GError **error);

/* --- arguments --- */

gboolean ng_cli_usage(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3); /* always FALSE */
gboolean ng_cli_is_utf8(const char *what, const char *text, GError **error);
/* "1h" or RFC 3339, both in the past: seconds since the epoch. 0 and an error if it is neither. */
gint64 ng_cli_since(const char *text, GError **error);
/* 1..10000 */
gboolean ng_cli_limit_ok(int limit, GError **error);

/* --- answers --- */

void ng_cli_print(const char *format, ...) G_GNUC_PRINTF(1, 2);
void ng_cli_print_json(GVariant *value);
void ng_cli_field(const char *label, const char *text); /* "  Label     text", escaped; nothing for an empty text */
void ng_cli_note(const char *format, ...) G_GNUC_PRINTF(1, 2); /* to standard error */
/* What each change tells: connections closed, the service's warning; returns 0, or 4 if it is not in force. */
int ng_cli_finish_change(NgCli *cli, GVariant *result);
/* Pause (with seconds), Resume, Panic: one shape. `done` is said when it is in force; `reason` may be NULL. */
int ng_cli_change_mode(NgCli *cli, const char *method, gint64 seconds, const char *reason, const char *done,
		       GError **error);
/* FALSE: the reader of our output is gone, or the disk is full. */
gboolean ng_cli_flush(GError **error);

int ng_cli_exit_code(const GError *error);

/* --- the verbs (table in main.c) and what `netguard` alone shares with them --- */

extern const NgVerb ng_verb_status, ng_verb_list, ng_verb_get, ng_verb_set, ng_verb_forget, ng_verb_explain,
	ng_verb_log, ng_verb_watch, ng_verb_audit, ng_verb_check, ng_verb_pause, ng_verb_resume, ng_verb_panic,
	ng_verb_export, ng_verb_import, ng_verb_reload, ng_verb_settings, ng_verb_approve, ng_verb_activity,
	ng_verb_lock, ng_verb_unlock, ng_verb_permissions, ng_verb_run;

void ng_show_status(NgCli *cli, GVariant *status);
void ng_show_list(NgCli *cli, GVariant *apps, GVariant *status, const char *profile);
/* `netguard list --running`; `profile` may be NULL. Returns the exit code. */
int ng_list_running(NgCli *cli, const char *profile, GError **error);
/* One of GetAttempts' dictionaries in one line, newline included; for watch. */
void ng_show_attempt(NgCli *cli, GVariant *attempt);
void ng_show_problems(GVariant *dict); /* key "problems" of GetStatus and Reload */

G_END_DECLS
#endif
