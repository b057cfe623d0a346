/* SPDX-License-Identifier: MIT */
/*
 * One run of a command by the launcher, `netguard run`: its process, its output, its records; no widgets. Main loop
 * only, never waits; runs as the person, with no power.
 *
 * The records come through a pipe that has no name in any folder: the launcher opens it as /proc/PID/fd/N of this
 * process before anything is confined. A file or FIFO could be opened by the command too, which has the person's files,
 * and what it wrote there would be believed. Bounded: NGW_RUN_KINDS kinds of attempts, one line of NGW_RUN_LINE_MAX.
 *
 * The launcher ends what it confines when it ends, and is told to end (SIGTERM) when this process does.
 *
 * Signals: "changed" (): state, records or counts are different; "output" (const char *text, guint length): bytes of
 * standard output and error, in the order they came.
 */
#ifndef NGW_RUN_SESSION_H
#define NGW_RUN_SESSION_H

#include <gio/gio.h>

#include "window/app.h"
#include "window/run-words.h"

G_BEGIN_DECLS

#define NGW_RUN_KINDS 200
#define NGW_RUN_STOP_S 5 /* from SIGTERM to SIGKILL */

typedef enum {
	NGW_RUN_STATE_NEW,
	NGW_RUN_STATE_RUNNING,
	NGW_RUN_STATE_STOPPING,
	NGW_RUN_STATE_ENDED,
} NgwRunState;

typedef struct {
	NgwProfile profile;
	const char *const *flags; /* words: "--allow", "example.org" */
	const char *const *command;
	const char *folder;
} NgwRunWish;

#define NGW_TYPE_RUN_SESSION (ngw_run_session_get_type())
G_DECLARE_FINAL_TYPE(NgwRunSession, ngw_run_session, NGW, RUN_SESSION, GObject)

NgwRunSession *ngw_run_session_new(void);
/* Once. FALSE: nothing was started, and `error` says why in a sentence. */
gboolean ngw_run_session_start(NgwRunSession *session, const NgwRunWish *wish, GError **error);
/* Asks it to end, and after NGW_RUN_STOP_S, or when asked again, makes it. */
void ngw_run_session_stop(NgwRunSession *session);

NgwRunState ngw_run_session_state(NgwRunSession *session);
/* Of NgwRunAttempt: refused ones before allowed ones. Borrowed. */
GListModel *ngw_run_session_attempts(NgwRunSession *session);
/* How many attempts there were, and those not listed because there are too many kinds. */
guint64 ngw_run_session_count(NgwRunSession *session, NgwVerdict verdict);
guint64 ngw_run_session_unlisted(NgwRunSession *session);
/* The start record; NULL until it came. Borrowed. */
const NgwRunRecord *ngw_run_session_start_record(NgwRunSession *session);
/* When it has ended. Borrowed. */
const NgwRunOutcome *ngw_run_session_outcome(NgwRunSession *session);

/* Bytes of the log as they come: for this file and its test. */
void ngw_run_session_take_log(NgwRunSession *session, const char *bytes, gsize length);

G_END_DECLS
#endif
