/* SPDX-License-Identifier: MIT */
/*
 * What holds for programs nobody decided on, and how long history is kept, as a file: netguard.conf of the
 * administrator in the configuration folder, and settings.conf of users in the state folder, of the same form. Strict:
 * what is not understood is an error with file and line, and the settings from before stay. Which of the two says what
 * holds is configuration.h's.
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

#define NG_SETTINGS_FILE "netguard.conf"      /* in the configuration folder */
#define NG_SETTINGS_USER_FILE "settings.conf" /* in the state folder */

typedef enum {
	NG_SETTING_PROFILE,
	NG_SETTING_ALLOW,
	NG_SETTING_AGE,
	NG_SETTING_SIZE,
} NgSetting;
#define NG_SETTINGS 4
#define NG_SETTING_BIT(setting) (1u << (setting))
/* Their names in the D-Bus interface. */
extern const char *const ng_setting_names[NG_SETTINGS];

typedef struct {
	guint8 default_profile;
	guint8 default_flags;
	NgRetention retention;
	guint given; /* bits: what is said; the rest are the defaults */
} NgSettings;

void ng_settings_init(NgSettings *settings); /* the defaults, nothing given */
/* Read one file; not there: nothing is given. On failure *settings is as before, *ret_line names the line (0: none). */
gboolean ng_settings_read(NgSettings *settings, const char *path, guint *ret_line, GError **error);
/* One value, as it stands in a file. On failure *settings is as before. */
gboolean ng_settings_set(NgSettings *settings, NgSetting setting, const char *value, GError **error);
/* `below` where `above` does not say anything. */
NgSettings ng_settings_merge(const NgSettings *below, const NgSettings *above);
/* The values are the same, whoever gave them. */
gboolean ng_settings_equal(const NgSettings *a, const NgSettings *b);
/* A file that says what is given. Owned by the caller. */
char *ng_settings_text(const NgSettings *settings);

/* The values in the units of the interface. */
guint32 ng_settings_age_days(const NgSettings *settings);
guint32 ng_settings_size_mb(const NgSettings *settings);
char **ng_settings_allow_words(const NgSettings *settings); /* owned by the caller */

G_END_DECLS
#endif
