/* SPDX-License-Identifier: MIT */
/*
 * Records of the audit chain in words: who, what from what to what, why, by which way. Pure. What cannot be understood
 * (a newer service, a damaged record) is shown as it is written, never left out. Results are owned by the caller.
 */
#ifndef NGW_LOG_WORDS_H
#define NGW_LOG_WORDS_H

#include "window/log-record.h"

G_BEGIN_DECLS

/* "Firefox: Online → Local", "Paused until 14:30", "A call was refused: SetProfile". */
char *ngw_log_title(const NgwLogData *data);
/* What else is different: "now also allowed: 198.51.100.7:443/tcp · until 14:30, then Offline"; NULL: nothing. */
char *ngw_log_more(const NgwLogData *data);
/* "alice, in the window", "a timer", "somebody, by changing a file". */
char *ngw_log_who(const NgwLogData *data);
/* How the caller was known, for the opened record: "over the system bus". Borrowed, static or from `data`. */
const char *ngw_log_auth(const NgwLogData *data);
/* The record as indented JSON, `before` and `after` as JSON within where they are. */
char *ngw_log_raw(const NgwLogData *data);
/* Name of an icon. Borrowed. */
const char *ngw_log_icon(const NgwLogData *data);

G_END_DECLS
#endif
