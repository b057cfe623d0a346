/* SPDX-License-Identifier: MIT */
/*
 * What the files of src/policy share with each other and nobody else. Engine, without privilege, one thread.
 */
#ifndef NG_POLICY_PRIVATE_H
#define NG_POLICY_PRIVATE_H

#include <sys/stat.h>

#include "policy/keyfile.h"
#include "policy/policy.h"

/* When a file has the same as last time it is not read again. */
typedef struct {
	guint64 dev, ino, size;
	gint64 mtime_s, ctime_s;
	glong mtime_ns, ctime_ns;
	gboolean settled; /* FALSE: changed so shortly before it was read that a later change may leave no trace here */
} NgPolicyStamp;

/* One application file that is there, or was remembered. */
typedef struct {
	char *id;
	char *path;
	NgLayer layer;
	NgPolicyStamp stamp;
	gboolean has_stamp;       /* FALSE: not read yet */
	NgPolicyApp *app;         /* the last good state; NULL: never had one */
	NgPolicyProblem *problem; /* what is wrong with the file now, or NULL */
	guint executable_line;    /* of the last good state; 0: not known */
	guint seen;               /* the number of the reload that last saw it */
} NgPolicyFile;

struct _NgPolicy {
	char *folders[NG_LAYERS];
	GHashTable *files[NG_LAYERS]; /* id -> NgPolicyFile */
	GHashTable *strangers;        /* path -> NgPolicyProblem: folders, and names that are no id */
	GPtrArray *apps;              /* const NgPolicyApp, borrowed from files, sorted by id */
	GPtrArray *problems;          /* NgPolicyProblem */
	GPtrArray *retired;           /* NgPolicyApp that the last `apps` may still hold */
	GHashTable *owners;           /* executable entry -> const NgPolicyApp in force; borrowed */
	gboolean is_dirty;            /* a file or problem changed since the last merge */
	gboolean has_conflicts;       /* some application is not in force because another has its executable */
	guint reloads;                /* counted */
	guint n_taken;                /* files taken so far in this reload, at most NG_POLICY_MAX_APPS */
};

/* What the lines of a file fill. */
typedef struct {
	NgPolicyApp *app;
	GPtrArray *executables;
	GPtrArray *allow_texts;
} NgPolicyBuild;

typedef enum { NG_POLICY_SCALAR, NG_POLICY_LIST, NG_POLICY_RESERVED } NgPolicyKeyKind;

typedef struct {
	const char *group;
	const char *name;
	NgPolicyKeyKind kind;
	gboolean is_required;
	gboolean (*set)(NgPolicyBuild *build, const char *value, GError **error);
	char *(*get)(const NgPolicyApp *app); /* as it stands in the file; NULL: absent */
} NgPolicyKey;

/* keys.c: every key, in the order of writing. */
#define NG_POLICY_KEYS 12
extern const NgPolicyKey ng_policy_keys[NG_POLICY_KEYS];
const NgPolicyKey *ng_policy_key_find(const NgKeyfileLine *line); /* NULL: none we interpret */
/* Takes the line's value; keys of [Note] that are unknown are let be. *ret_place is set in any case. */
gboolean ng_policy_key_set(NgPolicyBuild *build, const NgKeyfileLine *line, NgKeyfilePlace *ret_place, GError **error);

/* app.c: ng_policy_app_parse() with the line of Executable= (unchanged on failure). */
NgPolicyApp *ng_policy_app_parse_file(const char *id, const char *path, const char *text, gsize length,
				      NgKeyfilePlace *ret_place, guint *ret_executable_line, GError **error);
/* app.c: ng_policy_app_text(), keeping what `old` (a text that parses, or NULL) has besides what we interpret. */
char *ng_policy_app_text_over(const NgPolicyApp *app, const char *old, gsize old_length);

/* read.c: the text of a regular file of at most NG_POLICY_MAX_FILE bytes. Never blocks. 0, or a negative errno: -ENOENT
 * and -ESTALE too when it vanished; then *ret_problem (not for -ENOENT) says what to do. */
int ng_policy_read(int folder_fd, const char *name, char **ret_text, gsize *ret_length, NgPolicyStamp *ret_stamp,
		   char **ret_problem);
NgPolicyStamp ng_policy_stamp(const struct stat *st);
gboolean ng_policy_stamp_equal(const NgPolicyStamp *a, const NgPolicyStamp *b);

/* policy.c */
gboolean ng_policy_is_id(const char *id);
NgPolicyFile *ng_policy_file_get(NgPolicy *policy, NgLayer layer, const char *id);   /* makes it */
void ng_policy_file_set_app(NgPolicy *policy, NgPolicyFile *file, NgPolicyApp *app); /* takes app */
void ng_policy_file_remove(NgPolicy *policy, NgLayer layer, const char *id);
NgPolicyProblem *ng_policy_problem_new(const char *path, NgKeyfilePlace place, const char *message, gboolean kept);
void ng_policy_problem_free(NgPolicyProblem *problem);

/* merge.c: what is in force, from the files. TRUE if it changed. */
gboolean ng_policy_merge(NgPolicy *policy);
/* merge.c: the same after one user's file was stored whose id no administrator's file has and whose executables nobody
 * in force had. */
void ng_policy_merge_stored(NgPolicy *policy, const NgPolicyFile *file);
/* merge.c: the index of `id` in `apps`, or where it belongs. */
guint ng_policy_position(NgPolicy *policy, const char *id, gboolean *ret_found);

#endif
