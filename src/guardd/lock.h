/* SPDX-License-Identifier: MIT */
/*
 * The second lock: a passphrase that loosening takes besides everything else, for computers that people share.
 *
 * STATE/lock holds its Argon2id hash, STATE/lock-failures how often each uid guessed it wrong (see guesses.h); both
 * 0600, written atomically. Root can remove the first, and that is the way out for who forgot the passphrase; it is
 * noticed at the next question. A file that is there and cannot be understood counts as a lock that nobody can open.
 *
 * Invariants: at most one hash is computed at a time, in a thread of its own, with NG_LOCK_QUEUE more of each uid
 * waiting; a guess is counted on disk before it is looked at, so ending the service in between gives none away; a
 * passphrase is held in locked memory and wiped, and never logged. What was unlocked is remembered by uid in memory
 * alone: it ends with its time (which passes while the machine sleeps), with another passphrase, and with the service.
 *
 * Runs in the engine; knows nothing of clients or of the audit chain. For one thread but the hashing.
 */
#ifndef NG_GUARDD_LOCK_H
#define NG_GUARDD_LOCK_H

#include <gio/gio.h>

G_BEGIN_DECLS

#define NG_LOCK_FILE "lock"
#define NG_LOCK_FAILURES_FILE "lock-failures"
#define NG_LOCK_MIN_LENGTH 8 /* bytes of a passphrase */
#define NG_LOCK_MAX_LENGTH 1024
#define NG_LOCK_QUEUE 4      /* of one uid */
#define NG_LOCK_QUEUE_ALL 16 /* of all; root's are taken beyond it */
#define NG_LOCK_MAX_UNLOCK_S 86400

typedef struct _NgLock NgLock;

typedef enum {
	NG_LOCK_UNSET,
	NG_LOCK_SET,
	NG_LOCK_DAMAGED,
} NgLockState;

typedef enum {
	NG_LOCK_RIGHT,
	NG_LOCK_WRONG,
	NG_LOCK_EARLY,  /* not looked at: see ng_lock_retry_at() */
	NG_LOCK_BUSY,   /* not looked at: too many wait */
	NG_LOCK_FAILED, /* not looked at, or not stored: `text` says why */
} NgLockAnswer;

/* Called once, from the main loop or, if it is not looked at, at once. `text` is "" or a sentence, valid for the call.
 */
typedef void (*NgLockDone)(NgLockAnswer answer, const char *text, gpointer user_data);

/* `outside` (may be NULL) is told when the file turns out to have been changed by somebody else. */
NgLock *ng_lock_new(const char *folder, void (*outside)(gpointer user_data), gpointer user_data);
/* Waits for a hash that is being computed; who still waits for an answer gets none. */
void ng_lock_free(NgLock *lock);

NgLockState ng_lock_state(NgLock *lock);
/* What is wrong with a damaged one and what root does; "" otherwise. Borrowed until the next call. */
const char *ng_lock_damage(NgLock *lock);
/* Another number: another passphrase, or none, than before. */
guint ng_lock_generation(NgLock *lock);
gint64 ng_lock_retry_at(NgLock *lock, guint32 uid);       /* seconds since the epoch; 0: now */
gint64 ng_lock_unlocked_until(NgLock *lock, guint32 uid); /* likewise; 0: locked */

/* `uid` is who asks, as the bus or the socket says: its guesses are counted, and nobody else waits for them. */
void ng_lock_verify(NgLock *lock, guint32 uid, const char *passphrase, NgLockDone done, gpointer user_data);
/* Put `next` in the place of `old`; "" is none. `next` has been checked to be UTF-8 and of an allowed length. */
void ng_lock_change(NgLock *lock, guint32 uid, const char *old, const char *next, NgLockDone done, gpointer user_data);
/* After NG_LOCK_RIGHT. */
void ng_lock_unlock(NgLock *lock, guint32 uid, guint32 seconds);
/* TRUE: it was unlocked for this uid until now. */
gboolean ng_lock_end(NgLock *lock, guint32 uid);

G_END_DECLS
#endif
