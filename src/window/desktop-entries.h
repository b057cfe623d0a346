/* SPDX-License-Identifier: MIT */
/*
 * Names and icons of programs, from the .desktop files that are installed: which program an executable is. Read in a
 * thread, again when something was installed. Main loop only otherwise; no power.
 *
 * Signal "changed" ().
 */
#ifndef NGW_DESKTOP_ENTRIES_H
#define NGW_DESKTOP_ENTRIES_H

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct {
	char *id;   /* "firefox-esr.desktop" */
	char *name; /* in the person's language */
	GIcon *icon;
	char *executable;   /* absolute, links followed */
	gboolean is_script; /* it is a script: a decision on it is not one on what it runs */
	gboolean is_own;    /* the person's, not the system's */
	char *search;       /* name, keywords, executable: casefolded */
} NgwDesktopEntry;

#define NGW_TYPE_DESKTOP_ENTRIES (ngw_desktop_entries_get_type())
G_DECLARE_FINAL_TYPE(NgwDesktopEntries, ngw_desktop_entries, NGW, DESKTOP_ENTRIES, GObject)

NgwDesktopEntries *ngw_desktop_entries_new(void);
/* The entry of an executable: by its path, else by its file name if that is unique. Borrowed until "changed". */
const NgwDesktopEntry *ngw_desktop_entries_find(NgwDesktopEntries *entries, const char *executable);
/* All of them that people are meant to see (NgwDesktopEntry), by name. Borrowed until "changed". */
GPtrArray *ngw_desktop_entries_all(NgwDesktopEntries *entries);

G_END_DECLS
#endif
