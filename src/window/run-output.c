/* SPDX-License-Identifier: MIT */
/* What a command printed: see run-output.h. */
#include "window/run-output.h"

#include <string.h>

#include "window/run-text.h"

#define NEAR_END 24 /* pixels */

struct _NgwRunOutput {
	GtkTextView parent;
	NgwRunText text;
	GtkTextMark *end;
	gboolean is_cut;
};

G_DEFINE_FINAL_TYPE(NgwRunOutput, ngw_run_output, GTK_TYPE_TEXT_VIEW)

gboolean ngw_run_output_is_cut(NgwRunOutput *self)
{
	return self->is_cut;
}

void ngw_run_output_clear(NgwRunOutput *self)
{
	memset(&self->text, 0, sizeof(self->text));
	self->is_cut = FALSE;
	gtk_text_buffer_set_text(gtk_text_view_get_buffer(GTK_TEXT_VIEW(self)), "", 0);
}

/* Of a piece of text, what '\r' took back is left out. */
static GString *text_settled(GtkTextBuffer *buffer, const GString *text)
{
	GString *settled = g_string_sized_new(text->len);
	GtkTextIter from, to;

	for (gsize i = 0; i < text->len; i++) {
		const char *newline;

		if (text->str[i] != '\r') {
			g_string_append_c(settled, text->str[i]);
			continue;
		}
		newline = strrchr(settled->str, '\n');
		g_string_truncate(settled, newline ? (gsize)(newline + 1 - settled->str) : 0);
		if (newline)
			continue;
		gtk_text_buffer_get_end_iter(buffer, &to);
		gtk_text_buffer_get_iter_at_line(buffer, &from, gtk_text_iter_get_line(&to));
		gtk_text_buffer_delete(buffer, &from, &to);
	}
	return settled;
}

/* The last lines of it: the others would be dropped at once. */
static const char *last_lines(const GString *text)
{
	const char *at = text->str + text->len;

	for (guint n = 0; at > text->str; at--) {
		if (at[-1] == '\n' && ++n > NGW_RUN_LINES)
			return at;
	}
	return text->str;
}

static void output_trim(NgwRunOutput *self, GtkTextBuffer *buffer)
{
	const int over = gtk_text_buffer_get_line_count(buffer) - NGW_RUN_LINES - 1;
	GtkTextIter from, to;

	if (over <= 0)
		return;
	gtk_text_buffer_get_start_iter(buffer, &from);
	gtk_text_buffer_get_iter_at_line(buffer, &to, over);
	gtk_text_buffer_delete(buffer, &from, &to);
	self->is_cut = TRUE;
}

void ngw_run_output_append(NgwRunOutput *self, const char *bytes, gsize length)
{
	GtkTextBuffer *buffer = gtk_text_view_get_buffer(GTK_TEXT_VIEW(self));
	GtkAdjustment *adjustment = gtk_scrollable_get_vadjustment(GTK_SCROLLABLE(self));
	const gboolean follows =
		!adjustment || gtk_adjustment_get_value(adjustment) + gtk_adjustment_get_page_size(adjustment) >=
				       gtk_adjustment_get_upper(adjustment) - NEAR_END;
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GString) settled = NULL;
	GtkTextIter end;
	const char *last;

	ngw_run_text_feed(&self->text, bytes, length, text);
	settled = text_settled(buffer, text);
	last = last_lines(settled);
	if (last > settled->str) {
		gtk_text_buffer_set_text(buffer, "", 0);
		self->is_cut = TRUE;
	}
	gtk_text_buffer_get_end_iter(buffer, &end);
	gtk_text_buffer_insert(buffer, &end, last, -1);
	output_trim(self, buffer);
	if (follows)
		gtk_text_view_scroll_mark_onscreen(GTK_TEXT_VIEW(self), self->end);
}

static void ngw_run_output_class_init(NgwRunOutputClass *class)
{
}

static void ngw_run_output_init(NgwRunOutput *self)
{
	GtkTextView *view = GTK_TEXT_VIEW(self);
	GtkTextBuffer *buffer = gtk_text_view_get_buffer(view);
	GtkTextIter end;

	gtk_text_buffer_get_end_iter(buffer, &end);
	self->end = gtk_text_buffer_create_mark(buffer, NULL, &end, FALSE);
	gtk_text_buffer_set_enable_undo(buffer, FALSE);
	gtk_text_view_set_editable(view, FALSE);
	gtk_text_view_set_cursor_visible(view, FALSE);
	gtk_text_view_set_accepts_tab(view, FALSE);
	gtk_text_view_set_monospace(view, TRUE);
	gtk_text_view_set_wrap_mode(view, GTK_WRAP_WORD_CHAR);
}
