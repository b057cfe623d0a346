/* SPDX-License-Identifier: MIT */
/*
 * The lines of a key file with their places: what src/policy needs and GKeyFile does not have. Inside src/policy only.
 */
#ifndef NG_POLICY_KEYFILE_H
#define NG_POLICY_KEYFILE_H

#include <glib.h>

/* Where in a text; both count from 1, the column in characters. 0: nowhere in particular. */
typedef struct {
	guint line;
	guint column;
} NgKeyfilePlace;

typedef enum {
	NG_KEYFILE_OTHER, /* blank, or a comment */
	NG_KEYFILE_GROUP,
	NG_KEYFILE_KEY,
} NgKeyfileKind;

/* One line; the strings point into the text that was scanned, or are owned by the array (group, key). */
typedef struct {
	NgKeyfileKind kind;
	guint number;
	const char *start; /* of the line */
	gsize length;      /* without its end */
	const char *group; /* static; of the group this line opens or lies in, NULL before the first */
	char *key;         /* owned by the array */
	const char *value; /* still escaped, blanks around it left out */
	gsize value_length;
} NgKeyfileLine;

/* All lines (NgKeyfileLine), or NULL with *ret_place: not UTF-8, a NUL or control character, a line that is nothing, a
 * group or a key that is there twice, a key before the first group. */
GArray *ng_keyfile_scan(const char *text, gsize length, NgKeyfilePlace *ret_place, GError **error);

/* The place of `at` in `line`. */
NgKeyfilePlace ng_keyfile_place(const NgKeyfileLine *line, const char *at);

/* The next entry of a `;`-separated value from *at (first: the value's start): FALSE at the end. An entry is still
 * escaped, blanks around it left out; it may be empty. */
gboolean ng_keyfile_next_entry(const NgKeyfileLine *line, const char **at, const char **ret_entry, gsize *ret_length);

/* Escapes as GKeyFile has them: \s \t \n \r \\, and \; in a list. NULL with *ret_at: an unknown one. */
char *ng_keyfile_unescape(const char *value, gsize length, gboolean in_list, const char **ret_at);
char *ng_keyfile_escape(const char *value, gboolean in_list);

#endif
