/* SPDX-License-Identifier: MIT */
/*
 * Policy: application files in, decided applications out; and back to files.
 *
 * Reads three folders (vendor, user, administrator), strictly: a file with anything it does not understand is refused
 * whole, with file, line and what to do, and its last good state is kept. Runs in the engine, without privilege. It
 * knows nothing of inodes, kernels or clients. All functions are for one thread.
 *
 * Precedence by id, whole files: administrator over user over vendor. Two applications (different ids) that name the
 * same executable: the one of the stronger layer keeps it, within a layer the one whose id sorts first; the other is an
 * error and is not in force. (Different paths to one file are found later, by src/compile.)
 */
#ifndef NG_POLICY_H
#define NG_POLICY_H

#include <gio/gio.h>

#include "verdict/verdict.h"

G_BEGIN_DECLS

#define NG_POLICY_MAX_FILE (64 * 1024) /* bytes of one application file */
#define NG_POLICY_MAX_APPS 100000      /* applications, all folders together */
#define NG_POLICY_MAX_EXECUTABLES 64   /* Executable= entries of one application */
#define NG_POLICY_MAX_ID 64            /* bytes; [A-Za-z0-9][A-Za-z0-9._+-]* ; the file is ID.app */

typedef enum {
	NG_LAYER_VENDOR,
	NG_LAYER_USER,
	NG_LAYER_ADMIN,
} NgLayer;
#define NG_LAYERS 3

/* What a decision lasts as long as, if not by the clock. */
typedef enum {
	NG_SPAN_NONE,
	NG_SPAN_RUNNING, /* a process of it is left */
	NG_SPAN_BOOT,    /* the machine runs */
} NgPolicySpan;
#define NG_POLICY_BOOT_ID 36 /* characters of /proc/sys/kernel/random/boot_id */

/* One application. Owned by its NgPolicy unless made by ng_policy_app_copy(). Immutable once in a policy. */
typedef struct {
	char *id;
	char *name;                       /* for people; never NULL */
	char **executables;               /* absolute paths or globs, as written */
	guint8 profile;                   /* NG_PROFILE_* */
	guint8 flags;                     /* NG_APP_LOOPBACK, _SHARED, _METADATA, _CHILDREN_OWN */
	GArray *allows;                   /* struct ng_allow */
	char **allow_texts;               /* the same entries as written, words included */
	gint64 until;                     /* seconds since the epoch, UTC; 0: no end */
	guint8 span;                      /* NG_SPAN_*; not together with `until` */
	char boot[NG_POLICY_BOOT_ID + 1]; /* of a span: the boot it was decided in; else empty */
	guint64 since_ms;                 /* of NG_SPAN_RUNNING: who started later, on CLOCK_BOOTTIME, is not meant */
	guint8 then;  /* profile after `until` or the span; 0: nobody's decision, the application is forgotten */
	char *reason; /* may be NULL */
	NgLayer layer;
	char *path; /* the file it comes from */
} NgPolicyApp;

/* What was wrong with one file. line and column count from 1; 0 where there is none. */
typedef struct {
	char *path;
	guint line;
	guint column;
	char *message; /* what is wrong and what to do, one sentence each */
	gboolean kept; /* TRUE: the last good state of this file is in force */
} NgPolicyProblem;

typedef struct _NgPolicy NgPolicy;

#define NG_POLICY_ERROR (ng_policy_error_quark())
GQuark ng_policy_error_quark(void);
typedef enum {
	NG_POLICY_ERROR_SYNTAX,   /* the text is not an application file */
	NG_POLICY_ERROR_VALUE,    /* a value is not one of those allowed */
	NG_POLICY_ERROR_LIMIT,    /* too large, too many */
	NG_POLICY_ERROR_MANAGED,  /* decided by the administrator's file */
	NG_POLICY_ERROR_UNKNOWN,  /* no such application */
	NG_POLICY_ERROR_CONFLICT, /* the executable belongs to another application */
	NG_POLICY_ERROR_IO,
} NgPolicyError;

/* `folders[layer]` is borrowed for the call; a folder that does not exist is empty, not an error. Nothing is read yet.
 */
NgPolicy *ng_policy_new(const char *const folders[NG_LAYERS]);
void ng_policy_free(NgPolicy *policy);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NgPolicy, ng_policy_free)

/* Read all folders again: only files whose size, times or inode changed are parsed. Never fails: what is wrong is in
 * ng_policy_problems(). Returns TRUE if what is decided changed. */
gboolean ng_policy_reload(NgPolicy *policy);

/* All applications, sorted by id. Borrowed, valid until the policy changes. */
GPtrArray *ng_policy_apps(NgPolicy *policy);
/* All problems of the last reload (NgPolicyProblem), sorted by path. Borrowed. */
GPtrArray *ng_policy_problems(NgPolicy *policy);
const NgPolicyApp *ng_policy_find(NgPolicy *policy, const char *id);
/* What `id` would say without the user's file: NULL if nothing. Borrowed. */
const NgPolicyApp *ng_policy_below(NgPolicy *policy, const char *id);
/* Who has an executable entry equal to `executable`. NULL: nobody. Borrowed; one look into a table. */
const NgPolicyApp *ng_policy_owner(NgPolicy *policy, const char *executable);
/* What starts with / by an executable entry equal to `text`; else by id, else by name (case folded, only if unique).
 * NULL: none. */
const NgPolicyApp *ng_policy_resolve(NgPolicy *policy, const char *text);
/* An application, other than the one with the id `except`, whose name or id is `name` (UTF-8), case folded. NULL: none.
 */
const NgPolicyApp *ng_policy_called(NgPolicy *policy, const char *name, const char *except);

/* Write `app` to the user folder: temporary file, fsync, rename, fsync of the folder. Refuses what the administrator
 * manages, and an executable that another application has. On success the policy already holds it. Keys of the existing
 * file that this version keeps but does not interpret ([Note], room for package, script, fingerprint) stay. */
gboolean ng_policy_store(NgPolicy *policy, const NgPolicyApp *app, GError **error);
/* Remove the user's file. What a vendor's file says is in force again. */
gboolean ng_policy_forget(NgPolicy *policy, const char *id, GError **error);
/* A free id for a new application with this executable: "curl", then "curl-2" ... Owned by the caller. */
char *ng_policy_new_id(NgPolicy *policy, const char *executable);

/* Parse one file's text; `path` only names it in errors. NULL with *ret_line, *ret_column set. Used by the fuzzer. */
NgPolicyApp *ng_policy_app_parse(const char *id, const char *path, const char *text, gsize length, guint *ret_line,
				 guint *ret_column, GError **error);
/* The text of an application file; ng_policy_app_parse() of it gives an equal application. */
char *ng_policy_app_text(const NgPolicyApp *app);
NgPolicyApp *ng_policy_app_new(const char *id); /* profile 0: set before storing */
NgPolicyApp *ng_policy_app_copy(const NgPolicyApp *app);
void ng_policy_app_free(NgPolicyApp *app);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NgPolicyApp, ng_policy_app_free)
/* All but the path. */
gboolean ng_policy_app_equal(const NgPolicyApp *a, const NgPolicyApp *b);
/* Replace all allowances: `texts` are Allow= entries (NULL: none). On failure `app` is as before. */
gboolean ng_policy_app_set_allow(NgPolicyApp *app, const char *const *texts, GError **error);

/* One Allow= entry: "loopback", "shared", "cloud-metadata" set a bit of *flags; an address or prefix with optional
 * ":port[-port]" (IPv6 in brackets before a port) and "/tcp" or "/udp" appends to `allows`. A host name is refused with
 * the reason that names are not held to addresses yet. */
gboolean ng_policy_parse_allow(const char *text, guint8 *flags, GArray *allows, GError **error);
char *ng_policy_allow_text(const struct ng_allow *allow);

/* "offline", "local", "online" (exactly) and back; 0 and NULL where there is none. */
guint8 ng_policy_profile_from_text(const char *text);
const char *ng_policy_profile_text(guint8 profile);
/* "running", "boot" and back; NG_SPAN_NONE and "" where there is none. */
guint8 ng_policy_span_from_text(const char *text);
const char *ng_policy_span_text(guint8 span);

/* The last good state of every file as one text, and its return at start: a file that is damaged while the service is
 * down keeps what it said. Owned by the caller. ng_policy_remember() is called before the first reload. */
char *ng_policy_snapshot(NgPolicy *policy);
void ng_policy_remember(NgPolicy *policy, const char *snapshot);

G_END_DECLS
#endif
