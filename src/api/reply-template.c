/* SPDX-License-Identifier: MIT */
/*
 * Answers whose numbers are others each time (see server.h). Marshalling ten thousand applications takes some 300 ms,
 * and only five numbers of each change from call to call. So the answer is marshalled once with a mark in each number's
 * place, and copied with the numbers written over the marks.
 *
 * Where the marks are is found by searching both forms, GVariant's and D-Bus's: either has such numbers at multiples of
 * 8 bytes. A mark is a number that nobody outside can know; text that looks like one all the same makes it be there
 * twice, and then there is no template.
 */
#include <string.h>

#include "api/frame.h"
#include "api/server-internal.h"

struct _NgReplyTemplate {
	guint32 secret; /* the upper half of each mark; the lower half counts from 0 */
	guint32 n_marks;
	GVariant *result; /* serialised, with the marks; NULL: not finished */
	GBytes *body;
	guint32 *in_result, *in_body; /* offsets of the marks, in words of 8 bytes */
};

#define NOWHERE G_MAXUINT32

NgReplyTemplate *ng_reply_template_new(void)
{
	NgReplyTemplate *self = g_new0(NgReplyTemplate, 1);

	self->secret = g_random_int();
	return self;
}

guint64 ng_reply_template_mark(NgReplyTemplate *self)
{
	return (guint64)self->secret << 32 | self->n_marks++;
}

static guint64 word_at(const guint8 *data, guint32 at)
{
	guint64 word;

	memcpy(&word, data + (gsize)at * sizeof word, sizeof word);
	return word;
}

/* Where each mark is; NULL: one is not there exactly once. */
static guint32 *template_search(const NgReplyTemplate *self, const guint8 *data, gsize length)
{
	g_autofree guint32 *offsets = g_new(guint32, (gsize)self->n_marks + 1);
	guint32 n = 0;

	for (guint32 i = 0; i < self->n_marks; i++)
		offsets[i] = NOWHERE;
	for (guint32 at = 0; at < length / sizeof(guint64); at++) {
		const guint64 word = word_at(data, at);
		const guint32 mark = (guint32)word;

		if (word >> 32 != self->secret || mark >= self->n_marks)
			continue;
		if (offsets[mark] != NOWHERE)
			return NULL;
		offsets[mark] = at;
		n++;
	}
	return n == self->n_marks ? g_steal_pointer(&offsets) : NULL;
}

gboolean ng_reply_template_finish(NgReplyTemplate *self, GVariant *result)
{
	gsize length;
	const guint8 *data;

	g_return_val_if_fail(!self->result, FALSE);
	self->result = g_variant_ref_sink(result);
	self->body = ng_frame_body(self->result);
	if (!self->body)
		return FALSE;
	data = g_variant_get_data(self->result);
	self->in_result = template_search(self, data, g_variant_get_size(self->result));
	data = g_bytes_get_data(self->body, &length);
	self->in_body = template_search(self, data, length);
	return self->in_result && self->in_body;
}

/* A copy with the numbers in the marks' places. */
static GBytes *template_fill(const NgReplyTemplate *self, const guint8 *data, gsize length, const guint32 *offsets,
			     const guint64 *numbers)
{
	guint8 *copy = g_memdup2(data, length);

	for (guint32 i = 0; i < self->n_marks; i++)
		memcpy(copy + (gsize)offsets[i] * sizeof *numbers, &numbers[i], sizeof *numbers);
	return g_bytes_new_take(copy, length);
}

guint ng_reply_template_n_marks(const NgReplyTemplate *self)
{
	return self->n_marks;
}

NgReply *ng_reply_template_fill(const NgReplyTemplate *self, const guint64 *numbers)
{
	const GVariantType *type = g_variant_get_type(self->result);
	g_autoptr(GBytes) filled = template_fill(self, g_variant_get_data(self->result),
						 g_variant_get_size(self->result), self->in_result, numbers);
	NgReply *reply = ng_reply_new(g_variant_new_from_bytes(type, filled, TRUE));
	gsize length;
	const guint8 *data = g_bytes_get_data(self->body, &length);

	reply->body = template_fill(self, data, length, self->in_body, numbers);
	return reply;
}

void ng_reply_template_free(NgReplyTemplate *self)
{
	if (!self)
		return;
	g_clear_pointer(&self->result, g_variant_unref);
	g_clear_pointer(&self->body, g_bytes_unref);
	g_free(self->in_result);
	g_free(self->in_body);
	g_free(self);
}
