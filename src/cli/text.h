/* SPDX-License-Identifier: MIT */
/*
 * Text for terminals: escaping, aligned columns, JSON. Pure but for the two functions that print. Runs in `netguard`,
 * as the user.
 *
 * Invariant: what others wrote (names, paths, commands) reaches a terminal only through ng_text_safe() or
 * ng_text_json(): no control character, no reordering of text, nothing that is not UTF-8. A table escapes its cells.
 */
#ifndef NG_CLI_TEXT_H
#define NG_CLI_TEXT_H

#include <glib.h>

G_BEGIN_DECLS

/* `text` with control, format and invalid bytes as \xNN or \u{NNNN}. Owned by the caller. NULL gives "". */
char *ng_text_safe(const char *text);
/* Columns it takes on a terminal. `text` is valid UTF-8. */
guint ng_text_width(const char *text);

/* What a cell or word says about state; shown by colour on a terminal, in addition to the words. */
typedef enum {
	NG_TONE_PLAIN,
	NG_TONE_GOOD,
	NG_TONE_CARE,
	NG_TONE_BAD,
	NG_TONE_QUIET,
	NG_TONE_STRONG,
} NgTone;

/* `text` (already safe) wrapped in colour if `use_colour`. Owned by the caller. */
char *ng_text_tone(const char *text, NgTone tone, gboolean use_colour);
/* TRUE if standard output is a terminal that takes colour and the user did not say NO_COLOR (no-color.org). */
gboolean ng_text_wants_colour(void);
/* Columns of the terminal that is standard output; 0 if it is none, or does not say. */
guint ng_text_terminal_width(void);

/* Rows of cells; columns are as wide as their widest cell, the last is not padded. */
typedef struct _NgTable NgTable;

/* `titles` ends with NULL; borrowed for the call. A title that starts with ">" makes a column of numbers, aligned
 * right. */
NgTable *ng_table_new(const char *const *titles);
void ng_table_free(NgTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(NgTable, ng_table_free)
void ng_table_cell(NgTable *table, const char *text,
		   NgTone tone);                     /* next cell, left to right; a full row begins a new */
void ng_table_cell_take(NgTable *table, char *text); /* plain; frees text */
guint ng_table_rows(NgTable *table);
/* Owned by the caller; "" without rows. Columns that are empty in every row are left out. The last column is wrapped
 * between words to end at `terminal_width` (0: it is not). */
char *ng_table_text(NgTable *table, guint terminal_width, gboolean use_colour);

/* A JSON document, safe for a terminal, without a newline at its end; `is_pretty` on several lines. Owned by the
 * caller.
 */
char *ng_text_json(GVariant *value, gboolean is_pretty);
/* The same for JSON text that somebody else made: everything outside printable text becomes \uNNNN. */
char *ng_text_json_safe(const char *json);

G_END_DECLS
#endif
