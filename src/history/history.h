/* SPDX-License-Identifier: MIT */
/*
 * History: attempts, grouped and counted, the audit chain, activity by the minute and the fingerprints of programs, in
 * one SQLite file with numbered migrations. Runs in the engine, without privilege.
 *
 * A full disk or a damaged file costs history, never enforcement: every function here may fail, the caller goes on, and
 * ng_history_health() says so in words until writing works again. A damaged file is set aside (history.db.damaged-N, at
 * most 3 kept) and a new one begun; the audit chain of the new file starts with a record that says so. All functions
 * are for one thread and return at once (busy timeout 50 ms).
 */
#ifndef NG_HISTORY_H
#define NG_HISTORY_H

#include <gio/gio.h>

#include "verdict/verdict.h"

G_BEGIN_DECLS

#define NG_HISTORY_HASH 32         /* bytes of a SHA-256 */
#define NG_HISTORY_ACTIVITY_DAYS 8 /* of minutes; less where the retention says so */

typedef struct _NgHistory NgHistory;

/* Times are microseconds since the epoch, UTC (g_get_real_time). */
typedef struct {
	gint64 first;
	gint64 last;
	guint64 count;
	const char *source; /* "guard", later "run", "python" */
	guint32 pid;        /* of the latest; 0: not known */
	guint32 uid;
	const char *exe; /* path, "" when it was gone */
	const char *comm;
	const char *app;     /* id, "" for the default */
	const char *decider; /* id of the application that decided, "" for the default */
	guint8 profile;      /* NG_PROFILE_* of the decider then */
	gboolean simulated;  /* TRUE: nothing was blocked, it would have been */
	guint8 family;       /* AF_INET, AF_INET6 */
	struct ng_flow flow;
	struct ng_verdict verdict;
} NgAttempt;

typedef struct {
	guint64 seq; /* filled by the history */
	gint64 time;
	guint32 uid;
	const char *auth; /* how the caller was known: "bus", "socket", "timer", "service" */
	const char
		*action; /* "set", "forget", "pause", "resume", "panic", "import", "expire", "config", "damage" ... */
	const char *app; /* id or "" */
	const char *before; /* JSON or "" */
	const char *after;  /* JSON or "" */
	const char *reason; /* what the person said, or "" */
	const char *origin; /* "window", "command", "timer", "file", "service" */
	const char *hash;   /* hex SHA-256, filled by the history */
} NgAudit;

typedef struct {
	gint64 max_age;    /* microseconds; 0: for ever */
	guint64 max_bytes; /* of the database file; 0: no limit. Attempts go first, oldest first; audit records are
			      never dropped by size, only by age, and then the chain starts from a stated anchor. */
} NgRetention;

/* What was decided on of one file, and what is there now. Times in nanoseconds but `time`. */
typedef struct {
	const char *app;                  /* id */
	const char *path;                 /* any bytes */
	guint8 approved[NG_HISTORY_HASH]; /* SHA-256 of the file that was meant */
	gint64 time;                      /* when it was */
	guint8 sha256[NG_HISTORY_HASH];   /* of the file that had these stat data */
	guint64 size;
	gint64 mtime_ns;
	gint64 ctime_ns;
	guint64 dev; /* st_dev */
	guint64 ino;
} NgApproved;

/* Opens or makes folder/history.db. Never NULL: when it cannot be opened, writes fail and health says why. */
NgHistory *ng_history_new(const char *folder, const NgRetention *retention);
void ng_history_free(NgHistory *history); /* flushes */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NgHistory, ng_history_free)

/* From the next prune on. */
void ng_history_set_retention(NgHistory *history, const NgRetention *retention);

/* Remember an attempt. Alike ones (same hour, source, uid, exe, app, decider, profile, call, remote address, port,
 * protocol, verdict, reason, simulated; the port of an arriving flow does not count) become one row with a count. Kept
 * in memory (at most 4096 groups, then the least recent are written out) until ng_history_flush(), which the caller
 * runs about once a second. */
void ng_history_add(NgHistory *history, const NgAttempt *attempt);
gboolean ng_history_flush(NgHistory *history, GError **error);

/* Append to the audit chain, at once. hash = SHA-256 over the previous hash and all fields, length-prefixed. */
gboolean ng_history_audit(NgHistory *history, const NgAudit *audit, GError **error);

typedef struct {
	const char *app; /* NULL: all */
	gint64 since;    /* 0: all */
	gint64 uid;      /* -1: everyone's; else only this user's */
	gint verdict;    /* -1: all; 0 denied; 1 allowed */
	guint limit;     /* 1..10000, newest first */
} NgAttemptQuery;

/* Calls `row` for each, newest first; the strings live for the call, and `row` must not call the history. Flushes
 * first; what cannot be written then is not shown. */
typedef void (*NgAttemptRow)(const NgAttempt *attempt, gpointer user_data);
gboolean ng_history_attempts(NgHistory *history, const NgAttemptQuery *query, NgAttemptRow row, gpointer user_data,
			     GError **error);
typedef void (*NgAuditRow)(const NgAudit *audit, gpointer user_data);
gboolean ng_history_audits(NgHistory *history, gint64 since, guint limit, NgAuditRow row, gpointer user_data,
			   GError **error);

/* Walk the whole chain. TRUE: unbroken, *ret_records counted. FALSE with *ret_bad_seq: the first record that does not
 * fit. */
gboolean ng_history_verify(NgHistory *history, guint64 *ret_records, guint64 *ret_bad_seq, GError **error);

/* Blocked attempts of one application since a time (all users); those alike within the hour count as of the latest. */
guint64 ng_history_denied_since(NgHistory *history, const char *app, gint64 since);

/* Blocked attempts of one UTC day (days since the epoch) of one user's programs (uid -1: everyone's), as of the last
 * flush. `row` is called for each user and application that has any; it must not call the history. */
typedef void (*NgDeniedRow)(const char *app, guint64 count, gpointer user_data);
gboolean ng_history_denied_on(NgHistory *history, gint64 uid, gint64 day, NgDeniedRow row, gpointer user_data,
			      GError **error);

/* Activity: connections that were allowed and blocked, by the minute. All times in seconds here. Add to a minute, and
 * note that the service, which started at `run_start`, still runs at `now`: both in one small write. Zeros only note.
 */
gboolean ng_history_activity_add(NgHistory *history, gint64 run_start, gint64 now, gint64 minute, guint64 allowed,
				 guint64 blocked, GError **error);
/* Calls `row` for each bucket of `step` seconds (a multiple of 60) that has any, from the minute of `since` on, the
 * oldest first, at most `limit`. Buckets start at multiples of `step`. */
typedef void (*NgActivityRow)(gint64 start, guint64 allowed, guint64 blocked, gpointer user_data);
gboolean ng_history_activity(NgHistory *history, gint64 since, guint step, guint limit, NgActivityRow row,
			     gpointer user_data, GError **error);
/* Without a gap the service is known to have run from `since` to `run_start`. After a crash it is known up to the last
 * write. */
gboolean ng_history_ran(NgHistory *history, gint64 since, gint64 run_start);

/* Fingerprints: all of them, sorted by application and path; `row` must not call the history. */
typedef void (*NgApprovedRow)(const NgApproved *approved, gpointer user_data);
gboolean ng_history_approved(NgHistory *history, NgApprovedRow row, gpointer user_data, GError **error);
/* Put one in the place of what there is for its application and path. */
gboolean ng_history_approved_put(NgHistory *history, const NgApproved *approved, GError **error);
/* Drop that of one path; NULL: of all paths of the application. */
gboolean ng_history_approved_drop(NgHistory *history, const char *app, const char *path, GError **error);

/* Apply the retention; called about once a minute, does a bounded amount of work. */
gboolean ng_history_prune(NgHistory *history, GError **error);

/* NULL: all is well. Otherwise one sentence. Borrowed until the next call. */
const char *ng_history_health(NgHistory *history);

G_END_DECLS
#endif
