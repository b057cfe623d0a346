/* SPDX-License-Identifier: MIT */
/*
 * Is the program still the one that was decided on? When a user decides on an application the SHA-256 of its files is
 * taken; a file whose stat data are others later is hashed again, and if it has another content the application is
 * shown as changed until somebody approves. Information only: the profile holds for whatever is at the path.
 *
 * A file is hashed on a decision, and when its stat data differ from those of the last time; never because the service
 * starts. What the engine's user cannot read has no fingerprint.
 */
#ifndef NG_GUARDD_FINGERPRINTS_H
#define NG_GUARDD_FINGERPRINTS_H

#include "guardd/engine.h"

G_BEGIN_DECLS

#define NG_FINGERPRINTS_MAX_FILES 64 /* of one application; of more the first by their path */

NgFingerprints *ng_fingerprints_new(NgEngine *engine);
void ng_fingerprints_free(NgFingerprints *fingerprints);

/* A user decided on it: files without a fingerprint get one, as they are now. */
void ng_fingerprints_decided(NgFingerprints *fingerprints, const char *id);
/* Its files may be others. NULL: those of all applications that have fingerprints. */
void ng_fingerprints_look(NgFingerprints *fingerprints, const char *id);
/* Nobody's decision any more. May be called before ng_fingerprints_new() returned (NULL). */
void ng_fingerprints_forget(NgFingerprints *fingerprints, const char *id);

/* Take the present files of `id` as the ones meant. `failure` is NULL, or a sentence; then what could be approved was.
 */
typedef void (*NgApproveDone)(const char *id, const char *failure, gpointer user_data);
void ng_fingerprints_approve(NgFingerprints *fingerprints, const char *id, NgApproveDone done, gpointer user_data);

typedef struct {
	char *fingerprint;  /* hex of its first file; NULL: not known */
	gint64 approved;    /* seconds since the epoch; 0: never */
	GPtrArray *changed; /* paths, borrowed from found.c; NULL: none */
} NgFingerprint;
/* Cleared by ng_fingerprint_clear(). */
NgFingerprint ng_fingerprints_of(NgFingerprints *fingerprints, const char *id);
void ng_fingerprint_clear(NgFingerprint *fingerprint);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(NgFingerprint, ng_fingerprint_clear)

G_END_DECLS
#endif
