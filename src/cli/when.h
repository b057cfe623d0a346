/* SPDX-License-Identifier: MIT */
/*
 * Times and durations as people write and read them. Pure: "now" is an argument. Runs in `netguard`, as the user.
 * Times are seconds since the epoch, UTC; durations are seconds.
 */
#ifndef NG_CLI_WHEN_H
#define NG_CLI_WHEN_H

#include <glib.h>

G_BEGIN_DECLS

#define NG_WHEN_MAX_DURATION (G_GINT64_CONSTANT(3650) * 86400)

/* "90s", "30m", "1h", "2d", "1w" and sums like "1h30m"; 0 if it is none of these, 0 long, or longer than ten years. */
gint64 ng_when_parse_duration(const char *text);
/* RFC 3339 with a zone: "2026-11-22T20:00:00Z", "...+01:00"; 0 if it is not. */
gint64 ng_when_parse_time(const char *text);

/* "42 min", "1 h 30 min", "2 days"; the two largest units, rounded up to the smaller. Owned by the caller. */
char *ng_when_duration_text(gint64 seconds);
/* For a time to come: "14:30 (in 42 min)", with the date unless it is today. Local time. Owned by the caller. */
char *ng_when_until_text(gint64 time, gint64 now);
/* "2026-11-22 14:30:05", local time. Owned by the caller. */
char *ng_when_stamp(gint64 time);
/* "14:30:05", local time. Owned by the caller. */
char *ng_when_clock(gint64 time);

G_END_DECLS
#endif
