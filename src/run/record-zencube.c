/* SPDX-License-Identifier: MIT */
/*
 * The file that users of the ZenCube sandbox know: DIR/net_restrict_<UTC time>.json with `timestamp`, `command`,
 * `events` and `exit_code`. One event for each attempt, in order, kept in memory up to a limit; how many were not is
 * `events_lost`. Runs in the supervisor.
 */
#include "run/record-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#define NAME_TRIES 1000

/* The call, and as its arguments what it was about, as text. */
void ng_zencube_add(struct ng_zencube *zencube, const struct ng_attempt *attempt)
{
	struct ng_json event = { 0 }, *events = &zencube->events;
	char target[NG_TIP_MAX], family[16];

	ng_record_target(attempt, target);
	ng_json_add(&event, "{\"api\":");
	ng_json_string(&event, attempt->call);
	ng_json_add(&event, ",\"args\":[\"%s\",", ng_record_family_word(attempt->family, family));
	ng_json_string(&event, target);
	ng_json_add(&event, "],\"pid\":%d,\"verdict\":\"%s\"}", (int)attempt->pid, ng_record_verdict_word(attempt));
	if (event.is_broken || zencube->lost > 0 || events->length + event.length + 8 > NG_ZENCUBE_MAX)
		zencube->lost++;
	else
		ng_json_add(events, "%s%s", events->length ? ",\n    " : "", event.data);
	ng_json_done(&event);
}

/* net_restrict_20261123T020405.000001Z.json */
static void file_name(const struct timespec *when, char ret_name[static 64])
{
	char time[NG_TIME_TEXT_MAX];
	size_t at;

	ng_time_text(when, time);
	at = (size_t)snprintf(ret_name, 64, "net_restrict_");
	for (const char *p = time; *p && at < 58; p++)
		if (*p != '-' && *p != ':')
			ret_name[at++] = *p;
	snprintf(ret_name + at, 64 - at, ".json");
}

int ng_zencube_write(struct ng_zencube *zencube, const struct ng_run_options *options, int status)
{
	ng_auto_fd dir_fd = open(options->log_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct timespec when = zencube->start;
	struct ng_json text = { 0 };
	char name[64], time[NG_TIME_TEXT_MAX];
	int r = -EEXIST;

	if (dir_fd < 0)
		return -errno;
	ng_time_text(&when, time);
	ng_json_add(&text, "{\n  \"timestamp\": \"%s\",\n  \"command\": [", time);
	for (char **word = options->command; word && *word; word++) {
		ng_json_add(&text, word == options->command ? "" : ", ");
		ng_json_string(&text, *word);
	}
	ng_json_add(&text, "],\n  \"events\": [%s%s%s],\n", zencube->events.length ? "\n    " : "",
		    zencube->events.length ? zencube->events.data : "", zencube->events.length ? "\n  " : "");
	if (zencube->lost > 0)
		ng_json_add(&text, "  \"events_lost\": %llu,\n", (unsigned long long)zencube->lost);
	ng_json_add(&text, "  \"exit_code\": %d\n}\n", status);
	/* Another run may have begun in the same microsecond. */
	for (int i = 0; i < NAME_TRIES && r == -EEXIST; i++) {
		file_name(&when, name);
		r = ng_record_write_file(dir_fd, name, &text, 0644, true);
		when.tv_nsec = when.tv_nsec < 999999000 ? when.tv_nsec + 1000 : 0;
	}
	ng_json_done(&text);
	return r;
}
