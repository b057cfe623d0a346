/* SPDX-License-Identifier: MIT */
/*
 * What `netguard run` leaves for others: its log as the attempts of the guard's interface, and the launcher itself.
 * Runs in `netguard`, as the user; the log is a file of whoever, its text is not trusted.
 */
#ifndef NG_CLI_RUN_LOG_H
#define NG_CLI_RUN_LOG_H

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct {
	const char *program; /* a path or its last part; NULL: all */
	const char *verdict; /* "allowed", "denied" (what would be, too); NULL: both */
	gint64 since;        /* seconds; 0: all */
	guint limit;
} NgRunLogFilter;

/* The attempts in the log, alike ones joined, newest first: (aa{sv}'s value), with the keys of GetAttempts besides name
 * and path. *ret_summary: what the last run was and how it ended, in words, or NULL. A line that is not a record is an
 * error that names file and line; a last line without its end is still being written, and passed over. `path` may be
 * "-". */
GVariant *ng_run_log_read(const char *path, const NgRunLogFilter *filter, char **ret_summary, GError **error);

/* Where the launcher is; NULL if nowhere. Owned by the caller. */
char *ng_run_find(void);
/* Which rung this machine gives, as one of Check's dictionaries with rung s, why s, landlock x, killable b besides.
 * Floating. */
GVariant *ng_run_probe(void);

G_END_DECLS
#endif
