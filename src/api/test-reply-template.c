/* SPDX-License-Identifier: MIT */
/* An answer made from a template is the answer that would have been built. */
#include <gio/gio.h>
#include <string.h>

#include "api/frame.h"
#include "api/server-internal.h"

/* `n` dictionaries of uneven texts around two numbers each. */
static GVariant *document(guint n, const guint64 *numbers, const char *name)
{
	GVariantBuilder list;

	g_variant_builder_init(&list, G_VARIANT_TYPE("aa{sv}"));
	for (guint i = 0; i < n; i++) {
		g_autofree char *text = g_strnfill(i % 13, 'x');
		GVariantBuilder dict;

		g_variant_builder_init(&dict, G_VARIANT_TYPE_VARDICT);
		g_variant_builder_add(&dict, "{sv}", "name", g_variant_new_string(name ? name : text));
		g_variant_builder_add(&dict, "{sv}", "sent", g_variant_new_uint64(numbers[2 * i]));
		g_variant_builder_add(&dict, "{sv}", text, g_variant_new_boolean(TRUE));
		g_variant_builder_add(&dict, "{sv}", "denied", g_variant_new_uint64(numbers[2 * i + 1]));
		g_variant_builder_add_value(&list, g_variant_builder_end(&dict));
	}
	return g_variant_new("(@aa{sv})", g_variant_builder_end(&list));
}

static NgReplyTemplate *template_of(guint n)
{
	NgReplyTemplate *template = ng_reply_template_new();
	g_autofree guint64 *marks = g_new(guint64, 2 * n + 1);

	for (guint i = 0; i < 2 * n; i++)
		marks[i] = ng_reply_template_mark(template);
	g_assert_true(ng_reply_template_finish(template, document(n, marks, NULL)));
	g_assert_cmpuint(ng_reply_template_n_marks(template), ==, 2 * n);
	return template;
}

static void test_same(void)
{
	const guint sizes[] = { 0, 1, 2, 3000 };

	for (gsize s = 0; s < G_N_ELEMENTS(sizes); s++) {
		const guint n = sizes[s];
		NgReplyTemplate *template = template_of(n);
		g_autofree guint64 *numbers = g_new0(guint64, 2 * n + 1);

		for (int round = 0; round < 3; round++) {
			g_autoptr(GVariant) built = NULL;
			g_autoptr(GBytes) body = NULL;
			g_autoptr(NgReply) reply = NULL;

			for (guint i = 0; round > 0 && i < 2 * n; i++)
				numbers[i] = (guint64)g_random_int() << 32 | g_random_int();
			built = g_variant_ref_sink(document(n, numbers, NULL));
			body = ng_frame_body(built);
			reply = ng_reply_template_fill(template, numbers);
			g_assert_true(g_variant_equal(reply->result, built));
			g_assert_true(g_variant_is_normal_form(reply->result));
			g_assert_true(g_bytes_equal(ng_reply_body(reply), body));
		}
		ng_reply_template_free(template);
	}
}

/* Text that holds the mark's bytes where a number could be. */
static void test_ambiguous(void)
{
	NgReplyTemplate *template = ng_reply_template_new();
	guint64 marks[2] = { ng_reply_template_mark(template), ng_reply_template_mark(template) };
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE("at"));
	for (gsize i = 0; i < 3; i++)
		g_variant_builder_add(&builder, "t", marks[i % 2]);
	g_assert_false(ng_reply_template_finish(template, g_variant_new("(at)", &builder)));
	ng_reply_template_free(template);
	template = ng_reply_template_new();
	ng_reply_template_mark(template);
	g_assert_false(ng_reply_template_finish(template, g_variant_new("(t)", G_GUINT64_CONSTANT(0))));
	ng_reply_template_free(template);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/reply-template/what is filled in is what would have been built", test_same);
	g_test_add_func("/reply-template/a mark that is there twice, or not at all, is noticed", test_ambiguous);
	return g_test_run();
}
