/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the record share: text that grows, the log's descriptor, the kinds told apart, the words. Only
 * record*.c include it. Runs in the supervisor with the caller's power; nothing here waits or exits.
 */
#ifndef NG_RUN_RECORD_INTERNAL_H
#define NG_RUN_RECORD_INTERNAL_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "run/allow.h"
#include "run/record.h"

/* --- record-json.c: text and JSON --- */

/* Grows until `max` (0: no limit) or memory ends; then it is broken and its content must not be used. Zeroed at first.
 */
struct ng_json {
	char *data; /* ends with NUL once something was added */
	size_t length, size, max;
	bool is_broken;
};

void ng_json_add(struct ng_json *json, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* In quotes. What is not UTF-8 becomes U+FFFD, control and reordering characters \uNNNN. NULL is "". */
void ng_json_string(struct ng_json *json, const char *text);
/* Without quotes, for a terminal or a comment: the same characters become '?'. */
void ng_json_plain(struct ng_json *json, const char *text);
void ng_json_done(struct ng_json *json);

/* Lines, newline included. `when` is of CLOCK_REALTIME. */
void ng_json_start(struct ng_json *json, const struct ng_run_options *options, const struct timespec *when, char rung,
		   const char *why);
void ng_json_attempt(struct ng_json *json, const struct ng_run_options *options, const struct ng_attempt *attempt,
		     uint64_t count, const struct timespec *when);
struct ng_totals {
	uint64_t allowed, denied, foreseen, lost;
};
void ng_json_end(struct ng_json *json, const struct timespec *when, int status, const struct ng_totals *totals);

/* "2026-11-23T02:04:05.000001Z" */
#define NG_TIME_TEXT_MAX 96
void ng_time_text(const struct timespec *when, char ret_text[static NG_TIME_TEXT_MAX]);

/* --- record-words.c --- */

enum ng_attempt_group {
	NG_GROUP_OUT,    /* towards an address or path */
	NG_GROUP_IN,     /* bind, listen */
	NG_GROUP_NAME,   /* a name was asked for */
	NG_GROUP_SOCKET, /* no address yet */
};
enum ng_attempt_group ng_attempt_group(const struct ng_attempt *attempt);

/* The stable words of the guard's records (src/compile/words.c; a test compares them). */
const char *ng_record_reason_word(unsigned char reason);
const char *ng_record_class_word(unsigned char class);
const char *ng_record_verdict_word(const struct ng_attempt *attempt);
const char *ng_record_family_word(int family, char buffer[static 16]);
const char *ng_record_proto_word(uint8_t proto, char buffer[static 16]); /* "" for 0 */
/* A clause that reads after "denied: ". */
const char *ng_record_reason_text(const struct ng_run_options *options, const struct ng_attempt *attempt);

/* Towards a name server: no flag by its address helps, because the stub answers in its place (stub.h). */
bool ng_record_is_dns(const struct ng_attempt *attempt);

/* Of the Internet's protocols; of a lookup only where an answer was refused. */
bool ng_record_has_address(const struct ng_attempt *attempt);

#define NG_TIP_MAX 512
/* The flag that would allow it, as a shell takes it; "" where it was allowed or no flag would. */
void ng_record_tip(const struct ng_run_options *options, const struct ng_attempt *attempt,
		   char ret_tip[static NG_TIP_MAX]);
/* "203.0.113.10:443/tcp", a path, a name, "socket(packet)". */
void ng_record_target(const struct ng_attempt *attempt, char ret_text[static NG_TIP_MAX]);
/* The name by which --allow would admit the attempt's address, or NULL if it must be the address. Borrowed. */
const char *ng_record_host_name(const struct ng_run_options *options, const struct ng_attempt *attempt);
/* `text` as one word of a shell; NULL if it does not fit. */
const char *ng_record_quote(const char *text, char *buffer, size_t size);

/* --- record-kinds.c: attempts alike --- */

struct ng_kind {
	struct ng_attempt attempt; /* its texts are the table's */
	uint64_t hash, total, pending;
	struct timespec last;
};

struct ng_kinds {
	struct ng_kind *kinds;               /* NG_RECORD_KINDS, or NULL before the first */
	uint16_t slots[2 * NG_RECORD_KINDS]; /* index + 1 */
	unsigned count;
	bool by_target; /* only what was reached for tells kinds apart, not who tried it how */
};

/* The attempt's kind; NULL if the table is full or there is no memory. */
struct ng_kind *ng_kinds_take(struct ng_kinds *kinds, const struct ng_attempt *attempt, bool *ret_is_new);
void ng_kinds_clear(struct ng_kinds *kinds);

/* --- record-log.c: the log's descriptor --- */

#define NG_LOG_PENDING_MAX (256u * 1024)
#define NG_LOG_END_MS 2000 /* how long the end waits for a slow reader */

/* Whole lines; what the reader or the disk does not take now is kept, up to a limit, and then lost and counted. */
struct ng_log {
	int fd; /* -1: none */
	bool is_file, is_socket, must_poll;
	char *pending;
	size_t length, size;
	uint64_t lost;
	int error; /* negative errno of the last failed write; 0 */
};

int ng_log_open(struct ng_log *log, const char *path, char error[static NG_RUN_ERROR_MAX]);
void ng_log_write(struct ng_log *log, const char *line, size_t length);
void ng_log_drain(struct ng_log *log);
/* Waits for the reader, NG_LOG_END_MS at most; what is left then is lost. */
void ng_log_end(struct ng_log *log);
void ng_log_done(struct ng_log *log);

/* --- record-learn.c, record-summary.c, record-zencube.c --- */

/* Writes options->learn_path anew, all or nothing. *ret_flags: how many. 0 or negative errno. */
int ng_learn_write(const struct ng_run_options *options, const struct ng_kinds *targets, uint64_t n_untold,
		   unsigned *ret_flags);
/* To standard error, at most 10 lines. */
void ng_summary_print(const struct ng_run_options *options, const struct ng_kinds *targets,
		      const struct ng_totals *totals);

#define NG_ZENCUBE_MAX (512u * 1024) /* bytes of events; further ones are counted */
struct ng_zencube {
	struct ng_json events;
	struct timespec start;
	uint64_t lost;
};
void ng_zencube_add(struct ng_zencube *zencube, const struct ng_attempt *attempt);
/* Writes DIR/net_restrict_TIME.json. 0 or negative errno. */
int ng_zencube_write(struct ng_zencube *zencube, const struct ng_run_options *options, int status);

/* Writes a whole file beside `name` in the folder `dir_fd` (AT_FDCWD allowed), then puts it in its place: replacing
 * what is there, or, with `is_new`, -EEXIST. Negative errno leaves nothing behind. */
int ng_record_write_file(int dir_fd, const char *name, const struct ng_json *text, mode_t mode, bool is_new);

#endif
