/* SPDX-License-Identifier: MIT */
/*
 * One line of the Apps page: an application somebody decided on, or a running program nobody decided on. A plain
 * record with a signal; NgwApps (apps.h) fills it, widgets show it. Main loop only, no power.
 *
 * Signal "changed" (): something below is different. Strings are borrowed until then.
 */
#ifndef NGW_APP_H
#define NGW_APP_H

#include <gio/gio.h>

G_BEGIN_DECLS

typedef enum {
	NGW_PROFILE_NONE, /* nobody's decision, or not known */
	NGW_PROFILE_OFFLINE,
	NGW_PROFILE_LOCAL,
	NGW_PROFILE_ONLINE,
} NgwProfile;

const char *ngw_profile_word(NgwProfile profile);   /* "offline": for the interface */
const char *ngw_profile_title(NgwProfile profile);  /* _("Offline"): for people */
const char *ngw_profile_effect(NgwProfile profile); /* _("cannot use the network") ... */
const char *ngw_profile_icon(NgwProfile profile);   /* icon name */
NgwProfile ngw_profile_from_word(const char *word);

/* Which section of the page; also the order. */
typedef enum {
	NGW_SECTION_ATTENTION,
	NGW_SECTION_RUNNING,
	NGW_SECTION_OTHERS,
} NgwSection;
#define NGW_N_SECTIONS 3

/* What NgwApps knows of an application; compared whole to see what changed. All strings owned. */
typedef struct {
	char *id;           /* "" : nobody decided; then `executable` names it in calls */
	char *name;         /* as the file or the .desktop entry says */
	char *stored_name;  /* as the file says */
	char *executable;   /* its first path */
	char **executables; /* all of them */
	GIcon *icon;        /* never NULL */
	NgwProfile profile; /* decided; or, with an empty id, the default in force */
	gint64 until;       /* 0: no end */
	char *while_word;   /* "", "running", "boot" */
	NgwProfile then;    /* after that; NONE: forgotten */
	char *reason;
	char *layer; /* "vendor", "user", "administrator", "" */
	char *path;  /* its file */
	gboolean is_managed;
	gboolean is_running;
	guint processes;
	char **changed; /* files that are not those approved */
	gint64 approved;
	char *fingerprint;
	char **allow;
	char **flags;
	char *children; /* "own", "inherit" */
	guint64 denied_today;
	gboolean is_read_only; /* this person may change nothing */
	gboolean is_simulated; /* nothing is blocked: it would be */
	gboolean is_muted;     /* the person asked not to hear of it */
} NgwAppData;

/* A program that nobody decided on, without an icon yet. */
NgwAppData *ngw_app_data_new_program(const char *path, const char *name);
void ngw_app_data_free(NgwAppData *data);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NgwAppData, ngw_app_data_free)

#define NGW_TYPE_APP (ngw_app_get_type())
G_DECLARE_FINAL_TYPE(NgwApp, ngw_app, NGW, APP, GObject)

/* Takes `data`. */
NgwApp *ngw_app_new(NgwAppData *data);
/* Takes `data`; TRUE and "changed" if anything differs. */
gboolean ngw_app_update(NgwApp *app, NgwAppData *data);

const NgwAppData *ngw_app_data(NgwApp *app);
/* How calls name it: its id, or its path. */
const char *ngw_app_key(NgwApp *app);
gboolean ngw_app_is_decided(NgwApp *app);
gboolean ngw_app_is_temporary(NgwApp *app);
NgwSection ngw_app_section(NgwApp *app);
/* What is true now, one line: "Blocked 3 times today", "Back to Offline in 42 min". Owned by the caller. */
char *ngw_app_subtitle(NgwApp *app);
/* Folded name, for searching and ordering. */
const char *ngw_app_search_text(NgwApp *app); /* name, id and paths, casefolded */
const char *ngw_app_sort_key(NgwApp *app);

/* A change is under way: the profile asked for, or NONE. Emits "changed". */
void ngw_app_set_pending(NgwApp *app, NgwProfile profile);
NgwProfile ngw_app_pending(NgwApp *app);
/* Chosen on the Apps page. Emits "changed". */
void ngw_app_set_selected(NgwApp *app, gboolean is_selected);
gboolean ngw_app_is_selected(NgwApp *app);

G_END_DECLS
#endif
