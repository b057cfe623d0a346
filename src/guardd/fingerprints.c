/* SPDX-License-Identifier: MIT */
/*
 * Fingerprints (see fingerprints.h). For each file: what was approved, and what was found there last with the stat data
 * it had; both are in the history. One file is hashed at a time, whoever waits for an answer first.
 *
 *   looking   an id in `wanted` has its files' stat data compared, in slices of LOOK_US; what differs becomes a job
 *   jobs      `jobs` waits, `job` is being read; a file has at most one (entry->job)
 *   pacing    a file that was just hashed is looked at again after PAUSE_TIMES the time that took, at least PAUSE_MS:
 *             somebody may write it all the time
 *
 * A fingerprint belongs to the file as it was at the decision: if it is another by the time it is read (many may wait),
 * it is not approved, and shown as changed.
 */
#include "guardd/fingerprints.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "guardd/found.h"
#include "guardd/hashing.h"

#define LOOK_US 2000
#define PAUSE_MS 500
#define PAUSE_TIMES 10
#define SAY_MS 250 /* changes within that are told of once */

typedef enum {
	FOR_LOOK,    /* is it still what was approved */
	FOR_DECIDED, /* approve it if it has no fingerprint yet */
	FOR_APPROVE,
} Purpose;

typedef struct {
	char *app;
	char *path;
	NgFileStamp stamp;
	Purpose purpose;
} Job;

typedef struct {
	char *path;
	gboolean is_approved; /* `approved` and `time` say something, and sha256 and stamp */
	gboolean is_strange;  /* it is there, and was not approved, or cannot be read any more */
	guint8 approved[NG_HISTORY_HASH];
	gint64 time; /* microseconds */
	guint8 sha256[NG_HISTORY_HASH];
	NgFileStamp stamp;
	gint64 rest_us; /* monotonic: not hashed again before */
	Job *job;       /* borrowed; NULL: none */
} Entry;

typedef struct {
	GPtrArray *entries; /* Entry */
} App;

typedef struct {
	char *id;
	GPtrArray *paths;  /* owned: those not yet read */
	GString *failures; /* what stays as it is, in words */
	char *reason;      /* why one could not be read; NULL: all could */
	guint n_approved;
	NgApproveDone done;
	gpointer user_data;
} Approval;

struct _NgFingerprints {
	NgEngine *engine;
	GHashTable *apps;   /* id -> App */
	GHashTable *wanted; /* id -> Purpose: to be looked at */
	GHashTable *later;  /* ids to be looked at after a pause */
	GQueue jobs;        /* Job */
	Job *job;
	NgHashing *hashing;   /* of `job` */
	gint64 hashing_since; /* monotonic */
	GPtrArray *approvals;
	guint look_source, later_timer, say_timer;
};

static void job_free(Job *job)
{
	g_free(job->app);
	g_free(job->path);
	g_free(job);
}

static void entry_free(gpointer data)
{
	g_free(((Entry *)data)->path);
	g_free(data);
}

static void app_free(gpointer data)
{
	g_ptr_array_unref(((App *)data)->entries);
	g_free(data);
}

static void approval_free(gpointer data)
{
	Approval *approval = data;

	g_free(approval->id);
	g_ptr_array_unref(approval->paths);
	g_string_free(approval->failures, TRUE);
	g_free(approval->reason);
	g_free(approval);
}

static App *app_get(NgFingerprints *self, const char *id)
{
	App *app = g_hash_table_lookup(self->apps, id);

	if (!app) {
		app = g_new0(App, 1);
		app->entries = g_ptr_array_new_with_free_func(entry_free);
		g_hash_table_insert(self->apps, g_strdup(id), app);
	}
	return app;
}

static Entry *entry_find(const App *app, const char *path)
{
	for (guint i = 0; app && i < app->entries->len; i++) {
		Entry *entry = g_ptr_array_index(app->entries, i);

		if (g_str_equal(entry->path, path))
			return entry;
	}
	return NULL;
}

static Entry *entry_get(App *app, const char *path)
{
	Entry *entry = entry_find(app, path);

	if (!entry) {
		entry = g_new0(Entry, 1);
		entry->path = g_strdup(path);
		g_ptr_array_add(app->entries, entry);
	}
	return entry;
}

static gboolean app_is_approved(const App *app)
{
	for (guint i = 0; app && i < app->entries->len; i++) {
		if (((const Entry *)g_ptr_array_index(app->entries, i))->is_approved)
			return TRUE;
	}
	return FALSE;
}

static gboolean entry_is_changed(const Entry *entry)
{
	return entry->is_strange ||
	       (entry->is_approved && memcmp(entry->approved, entry->sha256, NG_HISTORY_HASH) != 0);
}

static gboolean say(gpointer data)
{
	NgFingerprints *self = data;

	self->say_timer = 0;
	if (self->engine->server)
		ng_server_signal(self->engine->server, "Changed", g_variant_new("(s)", "policy"));
	return G_SOURCE_REMOVE;
}

/* What ListApps shows is another. */
static void say_soon(NgFingerprints *self)
{
	ng_engine_list_changed(self->engine);
	if (self->say_timer == 0)
		self->say_timer = g_timeout_add(SAY_MS, say, self);
}

static void entry_store(NgFingerprints *self, const char *id, const Entry *entry)
{
	NgApproved row = { .app = id,
			   .path = entry->path,
			   .time = entry->time,
			   .size = entry->stamp.size,
			   .mtime_ns = entry->stamp.mtime_ns,
			   .ctime_ns = entry->stamp.ctime_ns,
			   .dev = entry->stamp.dev,
			   .ino = entry->stamp.ino };

	memcpy(row.approved, entry->approved, NG_HISTORY_HASH);
	memcpy(row.sha256, entry->sha256, NG_HISTORY_HASH);
	/* A failure is the history's health, which GetStatus shows. */
	ng_history_approved_put(self->engine->history, &row, NULL);
}

/* --- hashing --- */

static void job_start(NgFingerprints *self);

static void approvals_note(NgFingerprints *self, const Job *job, NgHashed result, gboolean is_changed);

/* TRUE: the entry is approved now. */
static gboolean entry_take(Entry *entry, const Job *job, const guint8 *sha256)
{
	const gboolean approve = job->purpose == FOR_APPROVE || !entry->is_approved;

	memcpy(entry->sha256, sha256, NG_HISTORY_HASH);
	entry->stamp = job->stamp;
	entry->is_strange = FALSE;
	if (!approve)
		return FALSE;
	memcpy(entry->approved, sha256, NG_HISTORY_HASH);
	entry->is_approved = TRUE;
	entry->time = g_get_real_time();
	return TRUE;
}

static void entry_hashed(NgFingerprints *self, Entry *entry, const Job *job, NgHashed result, const guint8 *sha256)
{
	const gint64 now_us = g_get_monotonic_time();
	const gboolean was = entry_is_changed(entry);
	gboolean approved = FALSE, is;

	entry->job = NULL;
	entry->rest_us = now_us + MAX((now_us - self->hashing_since) * PAUSE_TIMES, PAUSE_MS * 1000);
	switch (result) {
	case NG_HASHED:
		approved = entry_take(entry, job, sha256);
		entry_store(self, job->app, entry);
		break;
	case NG_HASHED_OTHER:
		/* For an approval the one who approves is told; the rest is seen by looking again. */
		entry->is_strange |= job->purpose == FOR_DECIDED;
		ng_fingerprints_look(self, job->app);
		break;
	case NG_HASHED_NOTHING:
		/* It was readable, is another, and now nobody can tell what. */
		entry->is_strange |= entry->is_approved;
		break;
	}
	is = entry_is_changed(entry);
	/* The end of an approval drops entries of files that are gone, this one too. */
	approvals_note(self, job, result, is);
	if (approved || was != is)
		say_soon(self);
}

static void job_done(NgHashed result, const guint8 sha256[NG_HISTORY_HASH], gpointer data)
{
	NgFingerprints *self = data;
	Job *job = g_steal_pointer(&self->job);
	Entry *entry = entry_find(g_hash_table_lookup(self->apps, job->app), job->path);

	self->hashing = NULL;
	/* It may have been forgotten meanwhile, and even decided on anew. */
	if (entry && entry->job == job)
		entry_hashed(self, entry, job, result, sha256);
	job_free(job);
	job_start(self);
}

static void job_start(NgFingerprints *self)
{
	if (self->job)
		return;
	self->job = g_queue_pop_head(&self->jobs);
	self->hashing_since = g_get_monotonic_time();
	if (self->job)
		self->hashing = ng_hashing_start(self->job->path, &self->job->stamp, job_done, self);
}

/* `purpose` is served by the file as it is now. */
static void job_add(NgFingerprints *self, const char *id, Entry *entry, const NgFileStamp *stamp, Purpose purpose)
{
	Job *job = entry->job;

	if (!job) {
		job = g_new0(Job, 1);
		job->app = g_strdup(id);
		job->path = g_strdup(entry->path);
		job->purpose = purpose;
		entry->job = job;
	} else if (job == self->job) {
		/* It is being read: if it is another by the end the reader notices. */
		job->purpose = MAX(job->purpose, purpose);
		return;
	} else {
		g_queue_remove(&self->jobs, job);
		job->purpose = MAX(job->purpose, purpose);
	}
	/* What was decided on is the file as it was then. */
	if (purpose == job->purpose)
		job->stamp = *stamp;
	if (job->purpose == FOR_APPROVE)
		g_queue_push_head(&self->jobs, job);
	else
		g_queue_push_tail(&self->jobs, job);
	job_start(self);
}

/* --- looking --- */

static gboolean later_due(gpointer data)
{
	NgFingerprints *self = data;
	g_autoptr(GHashTable) ids = self->later;
	GHashTableIter iter;
	gpointer id;

	self->later = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	self->later_timer = 0;
	g_hash_table_iter_init(&iter, ids);
	while (g_hash_table_iter_next(&iter, &id, NULL))
		ng_fingerprints_look(self, id);
	return G_SOURCE_REMOVE;
}

static void look_later(NgFingerprints *self, const char *id)
{
	g_hash_table_add(self->later, g_strdup(id));
	if (self->later_timer == 0)
		self->later_timer = g_timeout_add(PAUSE_MS, later_due, self);
}

/* One that was approved. */
static void look_known(NgFingerprints *self, const char *id, Entry *entry, const NgFileStamp *stamp)
{
	if (entry->job) {
		if (entry->job == self->job && !ng_file_stamp_equal(stamp, &entry->job->stamp))
			look_later(self, id);
		else if (entry->job->purpose == FOR_LOOK)
			job_add(self, id, entry, stamp, FOR_LOOK);
	} else if (ng_file_stamp_equal(stamp, &entry->stamp)) {
		if (entry->is_strange)
			say_soon(self);
		entry->is_strange = FALSE;
	} else if (g_get_monotonic_time() < entry->rest_us) {
		look_later(self, id);
	} else {
		job_add(self, id, entry, stamp, FOR_LOOK);
	}
}

/* One without a fingerprint, of an application that has one (or not). */
static void look_new(NgFingerprints *self, const char *id, App *app, const char *path, const NgFileStamp *stamp,
		     gboolean has_others, Purpose purpose)
{
	Entry *entry = entry_find(app, path);

	if (entry && (entry->is_strange || entry->job))
		return;
	if (purpose == FOR_DECIDED) {
		job_add(self, id, entry_get(app, path), stamp, FOR_DECIDED);
	} else if (has_others && stamp->size <= NG_HASHING_MAX_BYTES && access(path, R_OK) == 0) {
		entry_get(app, path)->is_strange = TRUE;
		say_soon(self);
	}
}

static void look_app(NgFingerprints *self, const char *id, Purpose purpose)
{
	NgEngine *engine = self->engine;
	App *app = g_hash_table_lookup(self->apps, id);
	const GArray *files;
	gboolean has_others;

	if (!ng_policy_find(engine->policy, id)) {
		ng_fingerprints_forget(self, id);
		return;
	}
	if (!app && purpose == FOR_LOOK)
		return;
	files = ng_found_files(engine->found, id);
	if (!files) {
		ng_found_exes(engine->found, ng_policy_apps(engine->policy));
		files = ng_found_files(engine->found, id);
	}
	app = app_get(self, id);
	has_others = app_is_approved(app);
	for (guint i = 0; files && i < MIN(files->len, NG_FINGERPRINTS_MAX_FILES); i++) {
		const char *path = g_array_index(files, NgIdentityFile, i).path;
		Entry *entry = entry_find(app, path);
		NgFileStamp stamp;

		if (!ng_file_stamp(path, &stamp))
			continue;
		if (entry && entry->is_approved)
			look_known(self, id, entry, &stamp);
		else
			look_new(self, id, app, path, &stamp, has_others, purpose);
	}
}

static gboolean look_slice(gpointer data)
{
	NgFingerprints *self = data;
	const gint64 end = g_get_monotonic_time() + LOOK_US;
	GHashTableIter iter;
	gpointer key, value;

	do {
		g_autofree char *id = NULL;

		g_hash_table_iter_init(&iter, self->wanted);
		if (!g_hash_table_iter_next(&iter, &key, &value)) {
			self->look_source = 0;
			return G_SOURCE_REMOVE;
		}
		id = g_strdup(key);
		g_hash_table_iter_remove(&iter);
		look_app(self, id, (Purpose)GPOINTER_TO_UINT(value));
	} while (g_get_monotonic_time() < end);
	return G_SOURCE_CONTINUE;
}

static void look_want(NgFingerprints *self, const char *id, Purpose purpose)
{
	const guint before = GPOINTER_TO_UINT(g_hash_table_lookup(self->wanted, id));

	g_hash_table_insert(self->wanted, g_strdup(id), GUINT_TO_POINTER(MAX(before, (guint)purpose)));
	if (self->look_source == 0)
		self->look_source = g_idle_add_full(G_PRIORITY_DEFAULT_IDLE, look_slice, self, NULL);
}

void ng_fingerprints_decided(NgFingerprints *self, const char *id)
{
	look_want(self, id, FOR_DECIDED);
}

void ng_fingerprints_look(NgFingerprints *self, const char *id)
{
	GHashTableIter iter;
	gpointer key;

	if (id) {
		if (g_hash_table_contains(self->apps, id))
			look_want(self, id, FOR_LOOK);
		return;
	}
	g_hash_table_iter_init(&iter, self->apps);
	while (g_hash_table_iter_next(&iter, &key, NULL))
		look_want(self, key, FOR_LOOK);
}

/* --- approving --- */

/* Forget files that the application's paths do not lead to any more. */
static void app_drop_gone(NgFingerprints *self, const char *id)
{
	App *app = g_hash_table_lookup(self->apps, id);
	const GArray *files = ng_found_files(self->engine->found, id);

	for (guint i = app ? app->entries->len : 0; i > 0; i--) {
		const Entry *entry = g_ptr_array_index(app->entries, i - 1);
		gboolean is_found = entry->job != NULL;

		for (guint j = 0; files && j < files->len && !is_found; j++)
			is_found = g_str_equal(g_array_index(files, NgIdentityFile, j).path, entry->path);
		if (is_found)
			continue;
		ng_history_approved_drop(self->engine->history, id, entry->path, NULL);
		g_ptr_array_remove_index(app->entries, i - 1);
	}
}

static void approval_end(NgFingerprints *self, Approval *approval)
{
	g_autofree char *failure = NULL;

	if (approval->n_approved > 0)
		app_drop_gone(self, approval->id);
	if (approval->n_approved == 0)
		failure = g_strdup_printf("Nothing was approved: %s.",
					  approval->reason ? approval->reason : "none of its files is there now");
	else if (approval->failures->len > 0)
		failure = g_strdup_printf(
			"Not everything was approved: %s. Try again, or let the service's user read it.",
			approval->failures->str);
	approval->done(approval->id, failure, approval->user_data);
	approval_free(approval);
}

/* `is_told`: what never had a fingerprint and cannot get one stays as it is, and is nobody's concern. */
static void approval_fail(Approval *approval, const char *path, gboolean is_told, const char *failure)
{
	g_autofree char *text = g_strdup_printf("%s %s", path, failure);

	if (is_told)
		g_string_append_printf(approval->failures, "%s%s", approval->failures->len ? ", " : "", text);
	if (!approval->reason)
		approval->reason = g_steal_pointer(&text);
}

/* A file was read, or not. One that was changed meanwhile was not approved, whatever it was before. */
static void approvals_note(NgFingerprints *self, const Job *job, NgHashed result, gboolean is_changed)
{
	for (guint i = self->approvals->len; i > 0; i--) {
		Approval *approval = g_ptr_array_index(self->approvals, i - 1);
		guint at;

		if (!g_str_equal(approval->id, job->app) ||
		    !g_ptr_array_find_with_equal_func(approval->paths, job->path, g_str_equal, &at))
			continue;
		g_ptr_array_remove_index_fast(approval->paths, at);
		if (result == NG_HASHED)
			approval->n_approved++;
		else if (result == NG_HASHED_OTHER)
			approval_fail(approval, job->path, TRUE, "was changed while it was read");
		else
			approval_fail(approval, job->path, is_changed, "cannot be read by the service");
		if (approval->paths->len > 0)
			continue;
		g_ptr_array_steal_index(self->approvals, i - 1);
		approval_end(self, approval);
	}
}

void ng_fingerprints_approve(NgFingerprints *self, const char *id, NgApproveDone done, gpointer user_data)
{
	const GArray *files = ng_found_files(self->engine->found, id);
	Approval *approval = g_new0(Approval, 1);
	App *app = app_get(self, id);

	*approval = (Approval){ .id = g_strdup(id),
				.paths = g_ptr_array_new_with_free_func(g_free),
				.failures = g_string_new(NULL),
				.done = done,
				.user_data = user_data };
	for (guint i = 0; files && i < MIN(files->len, NG_FINGERPRINTS_MAX_FILES); i++) {
		const char *path = g_array_index(files, NgIdentityFile, i).path;
		NgFileStamp stamp;

		if (!ng_file_stamp(path, &stamp)) {
			const char *why = g_strerror(errno);
			const Entry *entry = entry_find(app, path);

			approval_fail(approval, path, entry && entry_is_changed(entry), why);
			continue;
		}
		g_ptr_array_add(approval->paths, g_strdup(path));
		job_add(self, id, entry_get(app, path), &stamp, FOR_APPROVE);
	}
	if (approval->paths->len > 0)
		g_ptr_array_add(self->approvals, approval);
	else
		approval_end(self, approval);
}

/* --- the life --- */

void ng_fingerprints_forget(NgFingerprints *self, const char *id)
{
	for (GList *link = self ? self->jobs.head : NULL, *next; link; link = next) {
		next = link->next;
		if (!g_str_equal(((const Job *)link->data)->app, id))
			continue;
		job_free(link->data);
		g_queue_delete_link(&self->jobs, link);
	}
	if (!self || !g_hash_table_remove(self->apps, id))
		return;
	ng_history_approved_drop(self->engine->history, id, NULL, NULL);
	for (guint i = self->approvals->len; i > 0; i--) {
		Approval *approval = g_ptr_array_index(self->approvals, i - 1);

		if (!g_str_equal(approval->id, id))
			continue;
		approval->n_approved = 0;
		g_free(approval->reason);
		approval->reason = g_strdup("it has just been forgotten");
		g_ptr_array_steal_index(self->approvals, i - 1);
		approval_end(self, approval);
	}
}

static void take_row(const NgApproved *row, gpointer data)
{
	NgFingerprints *self = data;
	Entry *entry = entry_get(app_get(self, row->app), row->path);

	entry->is_approved = TRUE;
	memcpy(entry->approved, row->approved, NG_HISTORY_HASH);
	memcpy(entry->sha256, row->sha256, NG_HISTORY_HASH);
	entry->time = row->time;
	entry->stamp = (NgFileStamp){ .size = row->size,
				      .dev = row->dev,
				      .ino = row->ino,
				      .mtime_ns = row->mtime_ns,
				      .ctime_ns = row->ctime_ns };
}

NgFingerprints *ng_fingerprints_new(NgEngine *engine)
{
	NgFingerprints *self = g_new0(NgFingerprints, 1);

	self->engine = engine;
	self->apps = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, app_free);
	self->wanted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	self->later = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	self->approvals = g_ptr_array_new();
	g_queue_init(&self->jobs);
	ng_history_approved(engine->history, take_row, self, NULL);
	ng_fingerprints_look(self, NULL);
	return self;
}

void ng_fingerprints_free(NgFingerprints *self)
{
	while (self->approvals->len > 0) {
		Approval *approval = g_ptr_array_steal_index(self->approvals, self->approvals->len - 1);

		approval->done(approval->id, "The service is ending.", approval->user_data);
		approval_free(approval);
	}
	g_clear_handle_id(&self->look_source, g_source_remove);
	g_clear_handle_id(&self->later_timer, g_source_remove);
	g_clear_handle_id(&self->say_timer, g_source_remove);
	if (self->hashing)
		ng_hashing_cancel(self->hashing);
	g_clear_pointer(&self->job, job_free);
	g_queue_clear_full(&self->jobs, (GDestroyNotify)job_free);
	g_ptr_array_unref(self->approvals);
	g_hash_table_unref(self->apps);
	g_hash_table_unref(self->wanted);
	g_hash_table_unref(self->later);
	g_free(self);
}

static char *hex(const guint8 hash[NG_HISTORY_HASH])
{
	GString *text = g_string_sized_new(2 * NG_HISTORY_HASH + 1);

	for (guint i = 0; i < NG_HISTORY_HASH; i++)
		g_string_append_printf(text, "%02x", hash[i]);
	return g_string_free(text, FALSE);
}

static void fingerprint_take(NgFingerprint *result, const Entry *entry)
{
	if (!entry->is_approved || result->fingerprint)
		return;
	result->fingerprint = hex(entry->approved);
	result->approved = entry->time / G_USEC_PER_SEC;
}

NgFingerprint ng_fingerprints_of(NgFingerprints *self, const char *id)
{
	const App *app = g_hash_table_lookup(self->apps, id);
	const GArray *files = app ? ng_found_files(self->engine->found, id) : NULL;
	NgFingerprint result = { 0 };

	for (guint i = 0; files && i < MIN(files->len, NG_FINGERPRINTS_MAX_FILES); i++) {
		char *path = g_array_index(files, NgIdentityFile, i).path;
		const Entry *entry = entry_find(app, path);

		if (!entry)
			continue;
		fingerprint_take(&result, entry);
		if (!entry_is_changed(entry))
			continue;
		if (!result.changed)
			result.changed = g_ptr_array_new();
		g_ptr_array_add(result.changed, path);
	}
	/* None of them is there now. */
	for (guint i = 0; app && i < app->entries->len; i++)
		fingerprint_take(&result, g_ptr_array_index(app->entries, i));
	return result;
}

void ng_fingerprint_clear(NgFingerprint *fingerprint)
{
	g_clear_pointer(&fingerprint->fingerprint, g_free);
	g_clear_pointer(&fingerprint->changed, g_ptr_array_unref);
}
