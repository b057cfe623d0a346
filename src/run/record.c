/* SPDX-License-Identifier: MIT */
/*
 * The record of a run (see record.h): who is told what, and when. How lines look is record-json.c's, how they get out
 * record-log.c's, which attempts are alike record-kinds.c's. Two tables: `kinds` folds repeats in the log and is
 * emptied at a flush when it is full; `targets` keeps what was refused (or, learning, used) for the summary and the
 * flags. Runs in the supervisor.
 */
#include "run/record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "run/record-internal.h"

struct ng_record {
	const struct ng_run_options *options; /* borrowed until ng_record_close() */
	struct ng_log log;
	struct ng_kinds kinds, targets;
	unsigned n_pending; /* kinds with repeats that were not written */
	uint64_t n_untold;  /* attempts whose target found no place */
	struct ng_totals totals;
	struct ng_zencube zencube;
};

static struct timespec record_now(void)
{
	struct timespec now = { 0 };

	clock_gettime(CLOCK_REALTIME, &now);
	return now;
}

/* So that a run of an hour does not end with "no such folder". */
static int check_folder(const char *option, const char *path, bool is_file, char error[static NG_RUN_ERROR_MAX])
{
	const char *slash = strrchr(path, '/');
	ng_auto_free char *folder = !is_file ? strdup(path)
				    : !slash ? strdup(".")
					     : strndup(path, slash == path ? 1 : (size_t)(slash - path));
	struct stat st;

	if (!folder)
		return ng_run_say(error, -ENOMEM, "--%s \"%s\": there is no memory.", option, path);
	if (stat(folder, &st) < 0)
		return ng_run_say(error, -errno, "--%s \"%s\": %s. Make the folder first.", option, path,
				  strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return ng_run_say(error, -ENOTDIR, "--%s \"%s\": %s is no folder. Name one.", option, path, folder);
	if (access(folder, W_OK | X_OK) < 0)
		return ng_run_say(error, -errno, "--%s \"%s\": %s. Name a folder that you may write to.", option, path,
				  strerror(errno));
	if (is_file && stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return ng_run_say(error, -EINVAL,
				  "--%s \"%s\": this is not a regular file, and would be replaced. Name another.",
				  option, path);
	return 0;
}

int ng_record_open(const struct ng_run_options *options, struct ng_record **ret_record, char error[static 512])
{
	struct ng_record *record;
	int r = 0;

	if (options->learn_path)
		r = check_folder("learn", options->learn_path, true, error);
	if (r == 0 && options->log_dir)
		r = check_folder("log-dir", options->log_dir, false, error);
	if (r < 0)
		return r;
	record = calloc(1, sizeof(*record));
	if (!record)
		return ng_run_say(error, -ENOMEM, "There is no memory for the record.");
	record->options = options;
	record->targets.by_target = true;
	record->zencube.events.max = NG_ZENCUBE_MAX;
	record->zencube.start = record_now();
	r = ng_log_open(&record->log, options->log_path, error);
	if (r < 0) {
		ng_record_close(record);
		return r;
	}
	*ret_record = record;
	return 0;
}

static void record_line(struct ng_record *record, struct ng_json *line)
{
	if (line->is_broken)
		record->log.lost++;
	else
		ng_log_write(&record->log, line->data, line->length);
	ng_json_done(line);
}

int ng_record_log_fd(const struct ng_record *record)
{
	return record->log.fd;
}

void ng_record_start(struct ng_record *record, char rung, const char *why)
{
	const struct timespec now = record_now();
	struct ng_json line = { 0 };

	if (record->log.fd < 0)
		return;
	ng_json_start(&line, record->options, &now, rung, why);
	record_line(record, &line);
}

static void write_attempt(struct ng_record *record, const struct ng_attempt *attempt, uint64_t count,
			  const struct timespec *when)
{
	struct ng_json line = { 0 };

	ng_json_attempt(&line, record->options, attempt, count, when);
	record_line(record, &line);
}

static void log_attempt(struct ng_record *record, const struct ng_attempt *attempt)
{
	const struct timespec now = record_now();
	struct ng_kind *kind;
	bool is_new = true;

	if (record->log.fd < 0)
		return;
	kind = ng_kinds_take(&record->kinds, attempt, &is_new);
	if (is_new) {
		write_attempt(record, attempt, 1, &now);
		return;
	}
	record->n_pending += kind->pending == 0;
	kind->pending++;
	kind->last = now;
	kind->attempt.pid = attempt->pid;
}

/* What the summary or --learn will want to know. */
static void note_target(struct ng_record *record, const struct ng_attempt *attempt)
{
	const bool is_refused = !attempt->is_allowed || attempt->is_foreseen;
	const bool is_used = record->options->learn_path && attempt->reason == NG_REASON_ALLOWANCE;
	struct ng_kind *kind;
	bool is_new;

	if (!is_refused && !is_used)
		return;
	kind = ng_kinds_take(&record->targets, attempt, &is_new);
	if (kind)
		kind->total++;
	else
		record->n_untold++;
}

void ng_record_attempt(struct ng_record *record, const struct ng_attempt *attempt)
{
	if (!attempt->is_allowed)
		record->totals.denied++;
	else if (attempt->is_foreseen)
		record->totals.foreseen++;
	else
		record->totals.allowed++;
	log_attempt(record, attempt);
	note_target(record, attempt);
	if (record->options->log_dir)
		ng_zencube_add(&record->zencube, attempt);
}

bool ng_record_is_pending(const struct ng_record *record)
{
	/* A full table is emptied at the flush: what comes again then is folded again. */
	return record->n_pending > 0 || record->log.length > 0 || record->kinds.count >= NG_RECORD_KINDS;
}

void ng_record_flush(struct ng_record *record)
{
	ng_log_drain(&record->log);
	for (unsigned i = 0; record->n_pending > 0 && i < record->kinds.count; i++) {
		struct ng_kind *kind = &record->kinds.kinds[i];

		if (kind->pending > 0)
			write_attempt(record, &kind->attempt, kind->pending, &kind->last);
		kind->pending = 0;
	}
	record->n_pending = 0;
	if (record->kinds.count >= NG_RECORD_KINDS)
		ng_kinds_clear(&record->kinds);
}

/* --- the end --- */

static void say(const struct ng_record *record, const char *what, const char *path, int error)
{
	struct ng_json text = { 0 };

	ng_json_add(&text, "%s: %s ", record->options->is_sandbox ? "sandbox" : "netguard run", what);
	ng_json_plain(&text, path);
	if (error < 0)
		ng_json_add(&text, ": %s", strerror(-error));
	if (!text.is_broken)
		fprintf(stderr, "%s\n", text.data);
	ng_json_done(&text);
}

static void end_log(struct ng_record *record, int status)
{
	const struct timespec now = record_now();
	struct ng_json line = { 0 };
	char what[80];

	if (record->log.fd < 0)
		return;
	ng_record_flush(record);
	record->totals.lost = record->log.lost;
	ng_json_end(&line, &now, status, &record->totals);
	record_line(record, &line);
	ng_log_end(&record->log);
	if (record->log.lost == 0)
		return;
	snprintf(what, sizeof(what), "%llu record%s could not be written to", (unsigned long long)record->log.lost,
		 record->log.lost == 1 ? "" : "s");
	say(record, what, record->options->log_path, record->log.error);
}

void ng_record_end(struct ng_record *record, int status)
{
	const struct ng_run_options *options = record->options;
	unsigned n_flags = 0;
	int r;

	end_log(record, status);
	if (!options->log_path && !options->learn_path && (isatty(STDERR_FILENO) || options->policy.is_dry_run))
		ng_summary_print(options, &record->targets, &record->totals);
	if (options->learn_path) {
		r = ng_learn_write(options, &record->targets, record->n_untold, &n_flags);
		if (r < 0)
			say(record, "the flags could not be written to", options->learn_path, r);
		else if (isatty(STDERR_FILENO))
			say(record,
			    n_flags ? "the flags that allow what was used are in"
				    : "nothing was used that needs a flag; that says",
			    options->learn_path, 0);
	}
	if (options->log_dir) {
		r = ng_zencube_write(&record->zencube, options, status);
		if (r < 0)
			say(record, "the record could not be written to", options->log_dir, r);
	}
}

void ng_record_close(struct ng_record *record)
{
	if (!record)
		return;
	ng_log_done(&record->log);
	ng_kinds_clear(&record->kinds);
	ng_kinds_clear(&record->targets);
	ng_json_done(&record->zencube.events);
	free(record);
}
