/* SPDX-License-Identifier: MIT */
/*
 * What a person at a terminal is told at the end, and writing a whole file at once. At most ten lines, in the order of
 * the first attempts: what a program tries first is mostly what the rest hangs on. Runs in the supervisor, after the
 * command has ended.
 */
#include "run/record-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define SUMMARY_LINES 10

static void add_line(struct ng_json *text, const struct ng_run_options *options, const struct ng_kind *kind)
{
	const char *slash = strrchr(kind->attempt.exe, '/');
	const char *program = slash ? slash + 1 : kind->attempt.exe;
	char target[NG_TIP_MAX], tip[NG_TIP_MAX];

	ng_record_target(&kind->attempt, target);
	ng_record_tip(options, &kind->attempt, tip);
	ng_json_add(text, "  ");
	ng_json_plain(text, target);
	if (kind->total > 1)
		ng_json_add(text, ", %llu times", (unsigned long long)kind->total);
	if (*program) {
		ng_json_add(text, ", by ");
		ng_json_plain(text, program);
	}
	if (*tip) {
		ng_json_add(text, ": ");
		ng_json_plain(text, tip);
	}
	ng_json_add(text, "\n");
}

void ng_summary_print(const struct ng_run_options *options, const struct ng_kinds *targets,
		      const struct ng_totals *totals)
{
	const uint64_t count = totals->denied + totals->foreseen;
	const char *name = options->is_sandbox ? "sandbox" : "netguard run";
	const unsigned room = targets->count > SUMMARY_LINES - 1 ? SUMMARY_LINES - 2 : targets->count;
	struct ng_json text = { 0 };

	if (count == 0 && options->policy.is_dry_run)
		ng_json_add(&text, "%s: nothing would be refused.\n", name);
	else if (count > 0)
		ng_json_add(&text, "%s: %llu attempt%s %s refused%s:\n", name, (unsigned long long)count,
			    count == 1 ? "" : "s",
			    options->policy.is_dry_run ? "would be"
			    : count == 1               ? "was"
						       : "were",
			    options->is_sandbox ? "" : "; after each the flag that allows it, if there is one");
	for (unsigned i = 0; count > 0 && i < room; i++)
		add_line(&text, options, &targets->kinds[i]);
	if (count > 0 && room < targets->count)
		ng_json_add(&text, "  and %u%s others: --log FILE has all\n", targets->count - room,
			    targets->count >= NG_RECORD_KINDS ? " or more" : "");
	if (text.length > 0 && !text.is_broken)
		fputs(text.data, stderr);
	ng_json_done(&text);
}

static int write_all(int fd, const char *data, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, data, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		data += n;
		length -= (size_t)n;
	}
	return 0;
}

int ng_record_write_file(int dir_fd, const char *name, const struct ng_json *text, mode_t mode, bool is_new)
{
	ng_auto_free char *beside = NULL;
	ng_auto_fd fd = -1;
	int r;

	if (text->is_broken || asprintf(&beside, "%s.%d.tmp", name, (int)getpid()) < 0)
		return -ENOMEM;
	fd = openat(dir_fd, beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0 && errno == EEXIST &&
	    unlinkat(dir_fd, beside, 0) == 0) /* of a process that had our number and was killed */
		fd = openat(dir_fd, beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return -errno;
	r = write_all(fd, text->data, text->length);
	if (r == 0 && fsync(fd) < 0 && errno != EINVAL && errno != EROFS)
		r = -errno;
	if (r == 0 && is_new && linkat(dir_fd, beside, dir_fd, name, 0) < 0)
		r = -errno;
	if (r == 0 && !is_new && renameat(dir_fd, beside, dir_fd, name) < 0)
		r = -errno;
	if (r < 0 || is_new)
		unlinkat(dir_fd, beside, 0);
	return r;
}
