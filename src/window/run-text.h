/* SPDX-License-Identifier: MIT */
/*
 * What a command prints, made fit to be shown: bytes as they come, in any pieces, to valid text without what was meant
 * for a terminal (colours, cursor, titles). '\r' goes back to the beginning of the line; longer lines than
 * NGW_RUN_COLUMNS are broken. Pure.
 */
#ifndef NGW_RUN_TEXT_H
#define NGW_RUN_TEXT_H

#include <glib.h>

G_BEGIN_DECLS

#define NGW_RUN_COLUMNS 1000

/* Zeroed at first. */
typedef struct {
	enum {
		NGW_RUN_PLAIN,
		NGW_RUN_ESCAPE,
		NGW_RUN_CONTROL,
		NGW_RUN_STRING,
		NGW_RUN_STRING_ESCAPE,
		NGW_RUN_ONE_MORE
	} state;
	char partial[4]; /* of a character */
	guint n_partial;
	guint column;
	gboolean has_return; /* the last one was '\r' */
} NgwRunText;

/* Appends. */
void ngw_run_text_feed(NgwRunText *text, const char *bytes, gsize length, GString *out);

G_END_DECLS
#endif
