/* SPDX-License-Identifier: MIT */
/*
 * What the application page makes of the guard's records: attempts grouped by where they went, audit records in words,
 * connections of one application, the package of a path. Pure functions that may run in any thread; what they return is
 * owned by the caller. No power; what programs wrote is in it only as text.
 */
#ifndef NGW_APP_PAGE_TEXTS_H
#define NGW_APP_PAGE_TEXTS_H

#include <gio/gio.h>

G_BEGIN_DECLS

/* Whose records: by id, or, with an empty id, by path. Copied for threads. */
typedef struct {
	char *id;
	char **executables;
} NgwPageSubject;

NgwPageSubject *ngw_page_subject_new(const char *id, char **executables);
void ngw_page_subject_free(gpointer subject);

/* Attempts that went to one place and were blocked. */
typedef struct {
	char *key;
	char *place;   /* "203.0.113.5:443/tcp", "Incoming from 192.0.2.1/tcp" */
	char *allow;   /* the entry that would let it through; NULL: none would */
	char *decider; /* another application's id whose profile decided; NULL: its own */
	char *reason;  /* of the last one, in words */
	guint64 count;
	gint64 last;
	gboolean is_simulated;
} NgwPageBlock;

/* GetAttempts' reply to NgwPageBlock, last first. `subject` is an NgwPageSubject. */
GPtrArray *ngw_page_blocks_of(GVariant *reply, const NgwPageSubject *subject);

typedef struct {
	char *key;
	char *place;  /* "203.0.113.5:443", "Listening on 127.0.0.1:8080" */
	char *detail; /* "tcp · established · process 1234" */
} NgwPageSocket;

/* GetConnections' reply, those of `subject`, at most `max`; *ret_more are not in it. */
GPtrArray *ngw_page_sockets_of(GVariant *reply, const NgwPageSubject *subject, guint max, guint *ret_more);

/* One change, in words. */
typedef struct {
	char *key;
	char *what;    /* "Changed from Offline to Local" */
	char *who;     /* "alice, in the window" */
	char *reason;  /* "" : none was given */
	char *profile; /* the word after it, "" : none */
	gint64 time;
} NgwPageChange;

/* GetAudit's reply: changes of `subject`, last first, at most `max`; *ret_more are not in it. */
GPtrArray *ngw_page_changes_of(GVariant *reply, const NgwPageSubject *subject, guint max, guint *ret_more);
/* What an audit record says; `before` and `after` are JSON objects or "". */
char *ngw_page_change_text(const char *action, const char *before, const char *after);

/* A reason word of Explain and GetAttempts as a clause; `text` is the service's own, for words that are newer. */
char *ngw_page_reason_text(const char *word, const char *text);
/* Blocked for that reason, an entry in the allow list would let it through. */
gboolean ngw_page_reason_is_allowable(const char *word);
/* Where an address is: reads after "203.0.113.5 is". Static. */
const char *ngw_page_class_text(const char *word);
/* "Back to Offline at 14:30", "Back to the default (Online) when Firefox quits". `then` "": nobody's decision. */
char *ngw_page_end_text(const char *name, gint64 until, const char *while_word, const char *then,
			const char *default_profile);
/* What an entry of the allow list means where that is not plain; NULL: it is an address. */
const char *ngw_page_allow_meaning(const char *entry);

/* Of what `dpkg-query --search` printed: the package that has one of `paths`; NULL: none. */
char *ngw_page_package_parse(const char *output, const char *const *paths);
/* The patterns to search for: the path, and the same before /usr was merged. */
char **ngw_page_package_patterns(const char *path);

G_END_DECLS
#endif
