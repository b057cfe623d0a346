/* SPDX-License-Identifier: MIT */
/*
 * What the Apps page lists: the applications of NgwApps that match, in sections with a header each, ordered by name, as
 * one GListModel of NgwApp and NgwHeading. Keeps itself up to date. Main loop only.
 *
 * Signal "updated" (): what matches was looked at again.
 */
#ifndef NGW_SECTIONS_H
#define NGW_SECTIONS_H

#include "window/apps.h"

G_BEGIN_DECLS

#define NGW_TYPE_HEADING (ngw_heading_get_type())
G_DECLARE_FINAL_TYPE(NgwHeading, ngw_heading, NGW, HEADING, GObject)
const char *ngw_heading_title(NgwHeading *heading);

/* Filters, beside the words searched for. */
typedef enum {
	NGW_SHOW_ALL,
	NGW_SHOW_OFFLINE,
	NGW_SHOW_LOCAL,
	NGW_SHOW_ONLINE,
	NGW_SHOW_UNDECIDED,
	NGW_SHOW_RUNNING,
	NGW_SHOW_TEMPORARY,
	NGW_SHOW_CHANGED,
} NgwShow;
#define NGW_N_SHOWS 8

#define NGW_TYPE_SECTIONS (ngw_sections_get_type())
G_DECLARE_FINAL_TYPE(NgwSections, ngw_sections, NGW, SECTIONS, GObject)

NgwSections *ngw_sections_new(NgwApps *apps);
void ngw_sections_search(NgwSections *sections, const char *text); /* all of its words */
void ngw_sections_show(NgwSections *sections, NgwShow show);
/* Applications that are listed now, headings not counted. */
guint ngw_sections_n_apps(NgwSections *sections);

G_END_DECLS
#endif
