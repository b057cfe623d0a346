/* SPDX-License-Identifier: MIT */
/*
 * One line of what the launcher writes with --log (src/run/record-json.c), read. Whatever does not look like one is no
 * record. Strings are never NULL and, but for the tip, safe to show: what would reorder or hide text is replaced. Pure.
 */
#ifndef NGW_RUN_RECORD_H
#define NGW_RUN_RECORD_H

#include "window/activity-group.h"

G_BEGIN_DECLS

#define NGW_RUN_LINE_MAX (1024 * 1024) /* the launcher writes the command in at most 64 KiB before quoting */

typedef enum {
	NGW_RUN_RECORD_START,
	NGW_RUN_RECORD_ATTEMPT,
	NGW_RUN_RECORD_END,
} NgwRunType;

typedef struct {
	NgwRunType type;
	/* start */
	char *profile;
	char rung;     /* 'A', 'B', 'C'; 0: it did not say */
	char *why;     /* why no better rung; "" */
	char *allowed; /* beyond the profile, separated by commas; "" */
	/* attempt */
	char *executable, *call, *family, *protocol, *address, *path, *name, *reason, *text, *tip;
	guint port, pid;
	guint64 count;
	NgwVerdict verdict;
	/* end */
	int exit_status;
	guint64 lost; /* records that could not be written */
} NgwRunRecord;

NgwRunRecord *ngw_run_record_parse(const char *line, gsize length); /* NULL: it is none */
void ngw_run_record_free(NgwRunRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NgwRunRecord, ngw_run_record_free)

/* What tells kinds of attempts apart. Owned by the caller. */
char *ngw_run_record_kind(const NgwRunRecord *record);

/*
 * The tip as words of a command line; NULL where it is no flag that allows something: a log could be forged, and
 * nothing else may come from there onto the next command line. Owned by the caller.
 */
char **ngw_run_tip_words(const char *tip);

/* Without control, format and separator characters, and valid. Owned by the caller. */
char *ngw_run_plain(const char *text);

G_END_DECLS
#endif
