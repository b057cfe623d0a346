/* SPDX-License-Identifier: MIT */
/*
 * Who guessed the passphrase of the second lock wrong, and how long each waits for that: by uid, on disk.
 *
 * Nobody's guesses make another uid wait. Nobody gains guesses by having been forgotten either: a uid that guessed
 * wrong is remembered until it guesses right, and gives its place to another at the earliest NG_GUESSES_FORGET_S after
 * its wait was over, which makes the guesses of a fresh start rarer than those of who waits the longest wait each time.
 *
 * At most NG_GUESSES_MAX_UIDS uids besides root. When there is no place and none can be had, a uid without an entry
 * waits until the first can be had; root and whoever has an entry never wait for a place. So who holds many accounts
 * guesses for each of them, up to that many, and can then keep out uids that have no entry, but not root.
 *
 * The file (0600, written atomically): "netguard-guesses 2", then a line "UID FAILURES OVER" for each, OVER being when
 * its wait is or was over, in seconds since the epoch. The one line "FAILURES OVER" of before is a wait for everybody
 * until then; any other text, and a file that cannot be read, is the longest wait for everybody from the start on. A
 * clock that is set back makes no wait longer than the longest.
 *
 * Runs in the engine, for its one thread; looks at no clock: `now` is seconds since the epoch.
 */
#ifndef NG_GUARDD_GUESSES_H
#define NG_GUARDD_GUESSES_H

#include <glib.h>

G_BEGIN_DECLS

#define NG_GUESSES_FREE 3 /* without a wait; then 1 s, doubled with each further one */
#define NG_GUESSES_MAX_WAIT_S 300
#define NG_GUESSES_MAX_UIDS 32
#define NG_GUESSES_FORGET_S 3600

typedef struct _NgGuesses NgGuesses;

/* Read from `path`; its absence means that nobody guessed wrong. */
NgGuesses *ng_guesses_new(const char *path, gint64 now);
void ng_guesses_free(NgGuesses *guesses);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NgGuesses, ng_guesses_free)

/* When this uid may guess; 0: now. */
gint64 ng_guesses_retry_at(NgGuesses *guesses, guint32 uid, gint64 now);
/* One more wrong one of this uid, on disk before this returns. FALSE: not counted, so it must not be looked at. Refused
 * while the uid waits. */
gboolean ng_guesses_count(NgGuesses *guesses, guint32 uid, gint64 now, GError **error);
/* It guessed right: what was counted of it is forgotten, on disk too. FALSE: not stored, nothing is forgotten. */
gboolean ng_guesses_forgive(NgGuesses *guesses, guint32 uid, GError **error);

G_END_DECLS
#endif
