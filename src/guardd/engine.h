/* SPDX-License-Identifier: MIT */
/*
 * The engine's parts, as they see each other. One main loop, no privilege; one thread but for hashing.h, which touches
 * none of this. Fields are written only by the file named beside them; others read.
 */
#ifndef NG_GUARDD_ENGINE_H
#define NG_GUARDD_ENGINE_H

#include <gio/gio.h>

#include "api/server.h"
#include "compile/compile.h"
#include "guardd/enforcer-link.h"
#include "guardd/lock.h"
#include "guardd/mode.h"
#include "guardd/options.h"
#include "guardd/settings.h"
#include "guardd/start.h"
#include "history/history.h"
#include "identity/identity.h"
#include "policy/policy.h"

G_BEGIN_DECLS

#define NG_ENGINE_DEADLINE_MS 5000 /* a change waits that long for the enforcer */
/* The first one waits longer: the kernel verifies the programs, which takes a slow machine its time. */
#define NG_ENGINE_FIRST_DEADLINE_MS 60000

/* Where a problem that GetStatus shows comes from; each source replaces its own. */
typedef enum {
	NG_PROBLEM_SETTINGS, /* netguard.conf and settings.conf */
	NG_PROBLEM_STATE,    /* what the engine could not read or write of its own */
	NG_PROBLEM_FOUND,    /* executables that cannot be looked at */
	NG_PROBLEM_COMPILE,  /* two applications, one file */
	NG_PROBLEM_LOAD,     /* what is decided is not in force */
	NG_PROBLEM_SOURCES,
} NgProblemSource;

typedef struct _NgEngine NgEngine;
typedef struct _NgFingerprints NgFingerprints; /* fingerprints.h */
typedef struct _NgFound NgFound;               /* found.h */
typedef struct _NgLoads NgLoads;               /* loads.h */
typedef struct _NgTruth NgTruth;               /* truth.h */
typedef struct _NgWatch NgWatch;               /* policy-watch.h */
typedef struct _NgOnlink NgOnlink;             /* onlink.h */
typedef struct _NgTimers NgTimers;             /* timers.h */
typedef struct _NgAttempts NgAttempts;         /* attempts.h */
typedef struct _NgActivity NgActivity;         /* activity.h */
typedef struct _NgAuditor NgAuditor;           /* audit.h */
typedef struct _NgStore NgStore;               /* store.h */
typedef struct _NgAuthority NgAuthority;       /* authority.h */
typedef struct _NgRunning NgRunning;           /* running.h */
typedef struct _NgSpans NgSpans;               /* spans.h */
typedef struct _NgImport NgImport;             /* transfer.h */

struct _NgEngine {
	const NgOptions *options;
	NgStart start;
	GMainLoop *loop;
	int exit_code;
	gboolean is_ready; /* the first load has ended, one way or the other */

	/* What is decided. */
	NgSettings settings;       /* those that hold; this and the next two: configuration.c */
	NgSettings settings_user;  /* what users set */
	NgSettings settings_admin; /* what netguard.conf fixes */
	NgPolicy *policy;
	NgFound *found;
	NgFingerprints *fingerprints;
	NgOnlink *onlink;
	NgMode mode; /* engine.c */

	/* What is in force. */
	NgLink *link;
	NgLoads *loads;
	NgTruth *truth;
	NgRunning *running;

	/* What changes it by itself. */
	NgWatch *watch;
	NgTimers *timers;
	NgSpans *spans;

	/* Records and clients. */
	NgHistory *history;
	NgAuditor *auditor;
	NgAttempts *attempts;
	NgActivity *activity;
	NgStore *store;
	NgAuthority *authority;
	NgLock *lock;     /* the second lock */
	NgImport *import; /* transfer.c: the one under way, or NULL */
	NgServer *server;
	NgReply *list;               /* ListApps' answer for who may not change, until something in it changes */
	NgReplyTemplate *admin_list; /* the same with the traffic left open, which only root is told */
	guint list_timer;
	NgReply *export;          /* Export's answer, likewise */
	GPtrArray *sockets_calls; /* methods-history.c: who waits for the one question about sockets; or NULL */

	GPtrArray *problems[NG_PROBLEM_SOURCES]; /* NgPolicyProblem */
};

/* Run until told to end. Takes `start`'s descriptors. Returns the process's exit code. */
int ng_engine_run(const NgOptions *options, NgStart *start);

/* Something that ListApps shows is another. */
void ng_engine_list_changed(NgEngine *engine);
/* Applications changed in the policy: who is told, what is cached, what is timed; with `executables` also what is
 * watched. Does not load. */
void ng_engine_policy_changed(NgEngine *engine, gboolean executables);
/* Read the application files and the settings again; what others changed is audited. TRUE if what is decided changed.
 */
gboolean ng_engine_reload(NgEngine *engine);
/* Change the mode: stored, then in engine->mode. FALSE: it could not be stored; it is in engine->mode all the same,
 * because a pause must end and a panic must begin even on a full disk. */
gboolean ng_engine_set_mode(NgEngine *engine, NgMode mode, GError **error);
/* Replace the problems of one source by one sentence, or none (NULL). */
void ng_engine_set_problem(NgEngine *engine, NgProblemSource source, const char *path, guint line, const char *message,
			   gboolean kept);
void ng_engine_set_problems(NgEngine *engine, NgProblemSource source, GPtrArray *problems); /* takes them */
GPtrArray *ng_problems_new(void);
void ng_problems_add(GPtrArray *problems, const char *path, guint line, const char *message, gboolean kept);
/* The application files of one layer. Owned by the caller. */
char *ng_engine_apps_folder(const NgOptions *options, NgLayer layer);

/* Somebody else changed the file of the second lock. `engine` is an NgEngine. (methods-lock.c) */
void ng_engine_lock_outside(gpointer engine);

/* Look for all executables again, as after a change that no watch can see. */
void ng_engine_look_again(NgEngine *engine);
/* The application that has this file, found by path or by what the path is now; NULL: none. */
const NgPolicyApp *ng_engine_app_of_file(NgEngine *engine, const char *path);

gint64 ng_now(void); /* seconds since the epoch */

G_END_DECLS
#endif
