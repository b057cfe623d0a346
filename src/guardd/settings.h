/* SPDX-License-Identifier: MIT */
/*
 * netguard.conf in the configuration folder: what holds for programs nobody decided on, and how long history is kept.
 * Strict: what is not understood is an error with file and line, and the settings from before stay.
 *
 *     [Default]
 *     Profile=online          (or local, offline)
 *     Allow=loopback          (class words: loopback; shared; cloud-metadata)
 *     [History]
 *     MaxAgeDays=90           (0: for ever)
 *     MaxSizeMB=256           (0: no limit)
 */
#ifndef NG_GUARDD_SETTINGS_H
#define NG_GUARDD_SETTINGS_H

#include <gio/gio.h>

#include "history/history.h"

G_BEGIN_DECLS

#define NG_SETTINGS_FILE "netguard.conf"

typedef struct {
	guint8 default_profile;
	guint8 default_flags;
	NgRetention retention;
} NgSettings;

void ng_settings_init(NgSettings *settings);
/* Read folder/netguard.conf; not there: the defaults. On failure *settings is as before, *ret_line names the line (0:
 * none). */
gboolean ng_settings_read(NgSettings *settings, const char *folder, guint *ret_line, GError **error);

G_END_DECLS
#endif
