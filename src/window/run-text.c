/* SPDX-License-Identifier: MIT */
/* What a command prints, made fit to be shown: see run-text.h. */
#include "window/run-text.h"

#include <string.h>

#define REPLACEMENT 0xfffd
#define INCOMPLETE ((gunichar)-2)
#define INVALID ((gunichar)-1)

static void text_put(NgwRunText *text, gunichar c, GString *out)
{
	if (text->has_return && c != '\n') {
		g_string_append_c(out, '\r');
		text->column = 0;
	}
	text->has_return = FALSE;
	if (c == '\n') {
		text->column = 0;
	} else if (text->column++ >= NGW_RUN_COLUMNS) {
		g_string_append_c(out, '\n');
		text->column = 1;
	}
	g_string_append_unichar(out, c);
}

/* ECMA-48: what follows ESC, and where it ends. */
static gboolean text_is_in_sequence(NgwRunText *text, gunichar c)
{
	switch (text->state) {
	case NGW_RUN_PLAIN:
		return FALSE;
	case NGW_RUN_ESCAPE:
		text->state = c == '['                                                   ? NGW_RUN_CONTROL
			      : c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_' ? NGW_RUN_STRING
			      : c >= 0x20 && c < 0x30                                    ? NGW_RUN_ONE_MORE
											 : NGW_RUN_PLAIN;
		return TRUE;
	case NGW_RUN_CONTROL:
		if (c < 0x20 || c >= 0x40)
			text->state = NGW_RUN_PLAIN;
		return TRUE;
	case NGW_RUN_STRING:
		if (c == 0x1b)
			text->state = NGW_RUN_STRING_ESCAPE;
		else if (c == 0x07 || c == '\n')
			text->state = NGW_RUN_PLAIN;
		return TRUE;
	case NGW_RUN_STRING_ESCAPE:
	case NGW_RUN_ONE_MORE:
		text->state = NGW_RUN_PLAIN;
		return TRUE;
	}
	return FALSE;
}

static void text_take(NgwRunText *text, gunichar c, GString *out)
{
	const GUnicodeType type = g_unichar_type(c);

	if (text_is_in_sequence(text, c))
		return;
	if (c == 0x1b)
		text->state = NGW_RUN_ESCAPE;
	else if (c == '\r')
		text->has_return = TRUE;
	else if (c == '\n' || c == '\t')
		text_put(text, c, out);
	else if (type == G_UNICODE_LINE_SEPARATOR || type == G_UNICODE_PARAGRAPH_SEPARATOR || c == 0)
		text_put(text, REPLACEMENT, out);
	else if (type != G_UNICODE_CONTROL)
		text_put(text, c, out);
}

void ngw_run_text_feed(NgwRunText *text, const char *bytes, gsize length, GString *out)
{
	for (gsize i = 0; i < length; i++) {
		gunichar c;

		if (text->n_partial == 0 && !(bytes[i] & 0x80)) {
			text_take(text, (guchar)bytes[i], out);
			continue;
		}
		text->partial[text->n_partial++] = bytes[i];
		c = g_utf8_get_char_validated(text->partial, text->n_partial);
		if (c == INCOMPLETE && text->n_partial < sizeof(text->partial))
			continue;
		/* What ended a wrong one may begin another. */
		if (c == INCOMPLETE || c == INVALID) {
			i -= text->n_partial > 1;
			c = REPLACEMENT;
		}
		text->n_partial = 0;
		text_take(text, c, out);
	}
}
