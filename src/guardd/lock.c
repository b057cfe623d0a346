/* SPDX-License-Identifier: MIT */
/*
 * The second lock (see lock.h).
 *
 * The cost of one guess: 64 MiB and ten passes, a fifth of a second on a fast core, half on a slow one. The memory
 * makes a stolen hash dear to attack with special hardware; more of it would be felt on a machine of 1 GB and could
 * fail there. libsodium maps it for the computation and unmaps it afterwards, so the service is as small as before.
 */
#include "guardd/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "guardd/guesses.h"
#include "guardd/lent.h"

#define OPSLIMIT 10
#define MEMLIMIT (64u << 20)
#define HEAD "netguard-lock 1\n"
#define MAX_FILE 256
#define WORKER_IDLE_MS 1000

typedef struct {
	NgLock *lock;
	guint32 uid; /* that it is counted for: counted_uid() */
	char *old;   /* sodium_malloc()ed; NULL: nothing is to be verified */
	char *next;  /* likewise; NULL: nothing is to be stored; "": remove */
	NgLockDone done;
	gpointer user_data;
	guint generation;
	char hash[crypto_pwhash_STRBYTES]; /* the present one, and then the next one */
	/* Written by the worker. */
	gboolean is_right;
	gboolean is_hashed;
} Job;

struct _NgLock {
	char *path, *folder;
	void (*outside)(gpointer user_data);
	gpointer user_data;

	NgLockState state;
	char hash[crypto_pwhash_STRBYTES];
	char *damage;
	struct stat stamp; /* st_ino 0: there was no file */
	gboolean is_blind; /* nobody can tell whether there is one */
	gboolean is_known; /* the file has been looked at */
	guint generation;

	NgGuesses *guesses;
	GHashTable *unlocked; /* uid -> gint64: microseconds of CLOCK_BOOTTIME */

	GQueue waiting; /* Job */
	Job *running;
	GThreadPool *worker;
};

static gint64 lock_now(void)
{
	return g_get_real_time() / G_USEC_PER_SEC;
}

static gint64 lock_boottime(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (gint64)now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

static char *secret_copy(const char *text)
{
	const size_t size = strlen(text) + 1;
	char *copy = sodium_malloc(size);

	if (!copy)
		g_error("there is no memory for a passphrase");
	memcpy(copy, text, size);
	return copy;
}

/* --- the file --- */

static void lock_set_damage(NgLock *lock, const char *why)
{
	lock->state = NG_LOCK_DAMAGED;
	g_free(lock->damage);
	lock->damage = g_strdup_printf("The file of the second lock, %s, %s, so nobody can open it and nothing can be "
				       "loosened. Root can remove the file, which removes the lock.",
				       lock->path, why);
}

static gboolean is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* TRUE: `text` is a lock file, its hash is in lock->hash. */
static gboolean lock_parse(NgLock *lock, const char *text, gsize length)
{
	const gsize head = strlen(HEAD);
	gsize hash;

	if (length <= head + 1 || strlen(text) != length || !g_str_has_prefix(text, HEAD) || text[length - 1] != '\n')
		return FALSE;
	hash = length - head - 1;
	if (hash >= sizeof lock->hash || !g_str_has_prefix(text + head, crypto_pwhash_argon2id_STRPREFIX))
		return FALSE;
	memset(lock->hash, 0, sizeof lock->hash);
	memcpy(lock->hash, text + head, hash);
	/* -1: it is no hash of this kind. */
	return crypto_pwhash_str_needs_rehash(lock->hash, OPSLIMIT, MEMLIMIT) >= 0;
}

static void lock_read(NgLock *lock, const struct stat *stamp)
{
	ng_auto_fd fd = open(lock->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char text[MAX_FILE + 1];
	ssize_t n;

	if (fd < 0) {
		lock_set_damage(lock, "cannot be read");
		return;
	}
	n = read(fd, text, MAX_FILE);
	text[MAX(n, 0)] = '\0';
	if (!S_ISREG(stamp->st_mode) || n <= 0 || !lock_parse(lock, text, (gsize)n))
		lock_set_damage(lock, "is damaged");
	else
		lock->state = NG_LOCK_SET;
}

/* Look whether the file is what it was. Cheap: one lstat(). */
static void lock_refresh(NgLock *lock, gboolean ours)
{
	struct stat stamp = { 0 };
	const gboolean was_known = lock->is_known;
	const gboolean is_there = lstat(lock->path, &stamp) == 0;
	const gboolean is_blind = !is_there && errno != ENOENT;

	if (!is_there)
		stamp = (struct stat){ 0 };
	if (was_known && is_blind == lock->is_blind && is_same_file(&stamp, &lock->stamp))
		return;
	lock->is_known = TRUE;
	lock->stamp = stamp;
	lock->is_blind = is_blind;
	lock->generation++;
	g_hash_table_remove_all(lock->unlocked);
	sodium_memzero(lock->hash, sizeof lock->hash);
	g_clear_pointer(&lock->damage, g_free);
	lock->state = NG_LOCK_UNSET;
	if (is_blind)
		lock_set_damage(lock, "cannot be looked at");
	else if (is_there)
		lock_read(lock, &stamp);
	if (was_known && !ours && lock->outside)
		lock->outside(lock->user_data);
}

static gboolean lock_write_file(NgLock *lock, const char *hash, GError **error)
{
	g_autofree char *text = g_strdup_printf(HEAD "%s\n", hash);
	ng_auto_fd folder = -1;

	if (*hash)
		return g_file_set_contents_full(lock->path, text, -1,
						G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0600,
						error);
	folder = open(lock->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if ((g_unlink(lock->path) < 0 && errno != ENOENT) || folder < 0 || fsync(folder) < 0) {
		g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno), "%s", g_strerror(errno));
		return FALSE;
	}
	return TRUE;
}

/* --- failures --- */

/* Whoever is lent a range of uids is counted once for all of them. */
static guint32 counted_uid(guint32 uid)
{
	return ng_lent_first(NG_LENT_FILE, uid);
}

gint64 ng_lock_retry_at(NgLock *lock, guint32 uid)
{
	return ng_guesses_retry_at(lock->guesses, counted_uid(uid), lock_now());
}

/* --- hashing, one at a time --- */

static void job_free(Job *job)
{
	sodium_free(job->old);
	sodium_free(job->next);
	sodium_memzero(job->hash, sizeof job->hash);
	g_free(job);
}

static void lock_start_next(NgLock *lock);

/* A guess that was right is none: the count starts anew. FALSE: it could not be stored. */
static NgLockAnswer job_conclude(Job *job, GError **error)
{
	NgLock *lock = job->lock;

	if (job->old && !job->is_right)
		return NG_LOCK_WRONG;
	lock_refresh(lock, FALSE);
	if (job->generation != lock->generation) {
		g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
				    "The lock was changed meanwhile. Try again.");
		return NG_LOCK_FAILED;
	}
	if (job->old && !ng_guesses_forgive(lock->guesses, job->uid, error))
		return NG_LOCK_FAILED;
	if (!job->next)
		return NG_LOCK_RIGHT;
	if (!job->is_hashed) {
		g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_NOMEM,
				    "There is not enough memory for it. Try again later.");
		return NG_LOCK_FAILED;
	}
	if (!lock_write_file(lock, job->hash, error))
		return NG_LOCK_FAILED;
	lock_refresh(lock, TRUE);
	return NG_LOCK_RIGHT;
}

static gboolean job_is_done(gpointer data)
{
	Job *job = data;
	NgLock *lock = job->lock;
	g_autoptr(GError) error = NULL;
	const NgLockAnswer answer = job_conclude(job, &error);

	lock->running = NULL;
	job->done(answer, error ? error->message : "", job->user_data);
	job_free(job);
	lock_start_next(lock);
	return G_SOURCE_REMOVE;
}

/* In the worker. Touches the job alone. */
static void job_hash(gpointer data, gpointer user_data)
{
	Job *job = data;

	if (job->old)
		job->is_right = crypto_pwhash_str_verify(job->hash, job->old, strlen(job->old)) == 0;
	if (job->next && (!job->old || job->is_right)) {
		memset(job->hash, 0, sizeof job->hash);
		job->is_hashed = !*job->next ||
				 crypto_pwhash_str(job->hash, job->next, strlen(job->next), OPSLIMIT, MEMLIMIT) == 0;
	}
	g_idle_add_full(G_PRIORITY_DEFAULT, job_is_done, job, NULL);
}

/* FALSE: answered. */
static gboolean job_may_start(Job *job)
{
	NgLock *lock = job->lock;
	const gint64 now = lock_now();
	g_autoptr(GError) error = NULL;
	NgLockAnswer answer = NG_LOCK_FAILED;

	lock_refresh(lock, FALSE);
	job->generation = lock->generation;
	memcpy(job->hash, lock->hash, sizeof job->hash);
	if (lock->state == NG_LOCK_DAMAGED)
		g_set_error_literal(&error, G_FILE_ERROR, G_FILE_ERROR_INVAL, lock->damage);
	else if ((lock->state == NG_LOCK_SET) != (job->old != NULL))
		g_set_error_literal(&error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
				    job->old ? "No lock is set." : "A lock is set: its passphrase is needed.");
	else if (job->old && ng_guesses_retry_at(lock->guesses, job->uid, now) > 0)
		answer = NG_LOCK_EARLY;
	else if (!job->old || ng_guesses_count(lock->guesses, job->uid, now, &error))
		return TRUE;
	job->done(answer, error ? error->message : "", job->user_data);
	return FALSE;
}

static void lock_start_next(NgLock *lock)
{
	while (!lock->running && lock->waiting.length > 0) {
		Job *job = g_queue_pop_head(&lock->waiting);

		if (job_may_start(job)) {
			lock->running = job;
			g_thread_pool_push(lock->worker, job, NULL);
		} else {
			job_free(job);
		}
	}
}

static gboolean lock_start_soon(gpointer data)
{
	lock_start_next(data);
	return G_SOURCE_REMOVE;
}

/* Root is never refused because of others. */
static gboolean has_room(NgLock *lock, guint32 uid)
{
	guint n_own = 0;

	for (GList *link = lock->waiting.head; link; link = link->next)
		n_own += ((const Job *)link->data)->uid == uid;
	return n_own < NG_LOCK_QUEUE && (uid == 0 || lock->waiting.length < NG_LOCK_QUEUE_ALL);
}

static void lock_ask(NgLock *lock, guint32 uid, const char *old, const char *next, NgLockDone done, gpointer user_data)
{
	const guint32 counted = counted_uid(uid);
	Job *job;

	if (old && strlen(old) > NG_LOCK_MAX_LENGTH) {
		done(NG_LOCK_WRONG, "", user_data); /* no passphrase is that long */
		return;
	}
	if (!has_room(lock, counted)) {
		done(NG_LOCK_BUSY, "", user_data);
		return;
	}
	job = g_new0(Job, 1);
	job->lock = lock;
	job->uid = counted;
	job->old = old ? secret_copy(old) : NULL;
	job->next = next ? secret_copy(next) : NULL;
	job->done = done;
	job->user_data = user_data;
	g_queue_push_tail(&lock->waiting, job);
	/* Never an answer before the asker has returned to the main loop. */
	g_idle_add_full(G_PRIORITY_DEFAULT, lock_start_soon, lock, NULL);
}

void ng_lock_verify(NgLock *lock, guint32 uid, const char *passphrase, NgLockDone done, gpointer user_data)
{
	lock_ask(lock, uid, passphrase, NULL, done, user_data);
}

void ng_lock_change(NgLock *lock, guint32 uid, const char *old, const char *next, NgLockDone done, gpointer user_data)
{
	lock_ask(lock, uid, *old ? old : NULL, next, done, user_data);
}

/* --- who may pass --- */

NgLockState ng_lock_state(NgLock *lock)
{
	lock_refresh(lock, FALSE);
	return lock->state;
}

const char *ng_lock_damage(NgLock *lock)
{
	lock_refresh(lock, FALSE);
	return lock->damage ? lock->damage : "";
}

guint ng_lock_generation(NgLock *lock)
{
	lock_refresh(lock, FALSE);
	return lock->generation;
}

void ng_lock_unlock(NgLock *lock, guint32 uid, guint32 seconds)
{
	const gint64 until = lock_boottime() + (gint64)seconds * G_USEC_PER_SEC;

	g_hash_table_insert(lock->unlocked, GUINT_TO_POINTER(uid), g_memdup2(&until, sizeof until));
}

gint64 ng_lock_unlocked_until(NgLock *lock, guint32 uid)
{
	const gint64 now = lock_boottime();
	const gint64 *until;

	lock_refresh(lock, FALSE);
	until = g_hash_table_lookup(lock->unlocked, GUINT_TO_POINTER(uid));
	if (!until)
		return 0;
	if (*until > now) /* rounded up: 0 means locked */
		return lock_now() + (*until - now + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC;
	g_hash_table_remove(lock->unlocked, GUINT_TO_POINTER(uid));
	return 0;
}

gboolean ng_lock_end(NgLock *lock, guint32 uid)
{
	const gboolean was = ng_lock_unlocked_until(lock, uid) > 0;

	g_hash_table_remove(lock->unlocked, GUINT_TO_POINTER(uid));
	return was;
}

NgLock *ng_lock_new(const char *folder, void (*outside)(gpointer user_data), gpointer user_data)
{
	NgLock *lock = g_new0(NgLock, 1);
	g_autofree char *guesses = g_build_filename(folder, NG_LOCK_FAILURES_FILE, NULL);

	if (sodium_init() < 0)
		g_error("libsodium cannot be used");
	lock->folder = g_strdup(folder);
	lock->path = g_build_filename(folder, NG_LOCK_FILE, NULL);
	lock->outside = outside;
	lock->user_data = user_data;
	lock->unlocked = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	g_queue_init(&lock->waiting);
	lock->worker = g_thread_pool_new(job_hash, NULL, 1, FALSE, NULL);
	g_thread_pool_set_max_idle_time(WORKER_IDLE_MS);
	lock_refresh(lock, TRUE);
	lock->guesses = ng_guesses_new(guesses, lock_now());
	return lock;
}

void ng_lock_free(NgLock *lock)
{
	if (!lock)
		return;
	g_thread_pool_free(lock->worker, TRUE, TRUE);
	while (g_source_remove_by_user_data(lock))
		;
	if (lock->running) {
		g_source_remove_by_user_data(lock->running);
		job_free(lock->running);
	}
	g_queue_clear_full(&lock->waiting, (GDestroyNotify)job_free);
	g_hash_table_unref(lock->unlocked);
	ng_guesses_free(lock->guesses);
	sodium_memzero(lock->hash, sizeof lock->hash);
	g_free(lock->damage);
	g_free(lock->path);
	g_free(lock->folder);
	g_free(lock);
}
