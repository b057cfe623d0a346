/* SPDX-License-Identifier: MIT */
/*
 * Every rule of ng_image_check(), each broken alone in an image that is otherwise good.
 */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "compile/image.h"

/* A good image of two applications, built by hand so that it does not depend on the compiler it will judge. */
struct sample {
	struct ng_image_header header;
	struct ng_image_app apps[3];
	struct ng_image_exe exes[2];
	struct ng_allow allows[2];
	struct ng_image_onlink onlinks[1];
	char text[8];
} __attribute__((aligned(8)));

#define SAMPLE_LENGTH sizeof(struct sample)

static void sample_init(struct sample *s)
{
	uint64_t key_a = ng_image_app_key("curl", 4), key_b = ng_image_app_key("w\xc3\xbct", 4);
	gboolean swap = key_a > key_b;

	memset(s, 0, sizeof(*s));
	s->header = (struct ng_image_header){ .magic = NG_IMAGE_MAGIC,
					      .version = NG_IMAGE_VERSION,
					      .length = SAMPLE_LENGTH,
					      .n_apps = 3,
					      .n_exes = 2,
					      .n_allows = 2,
					      .n_onlinks = 1,
					      .text_length = 8 };
	memcpy(s->text, "curlw\xc3\xbct", 8);
	s->apps[0].rules.profile = NG_PROFILE_ONLINE;
	s->apps[1] = (struct ng_image_app){ .key = swap ? key_b : key_a,
					    .rules = { .profile = NG_PROFILE_LOCAL, .n_allow = 1 },
					    .id_offset = swap ? 4 : 0,
					    .id_length = 4 };
	s->apps[2] = (struct ng_image_app){ .key = swap ? key_a : key_b,
					    .rules = { .profile = NG_PROFILE_OFFLINE, .n_allow = 1 },
					    .first_allow = 1,
					    .id_offset = swap ? 0 : 4,
					    .id_length = 4 };
	s->exes[0] = (struct ng_image_exe){ .key = { .dev = 1, .ino = 9 }, .app = 1 };
	s->exes[1] = (struct ng_image_exe){ .key = { .dev = 2, .ino = 3 }, .app = 2 };
	memcpy(s->allows[0].addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\x40\0\0", 16);
	s->allows[0].prefix_len = 96 + 10;
	s->allows[1].port_first = s->allows[1].port_last = 443;
	memcpy(s->onlinks[0].addr, "\x20\x01\x0d\xb8", 4);
	s->onlinks[0].prefix_len = 64;
}

static void assert_bad(const void *data, size_t length, const char *expected)
{
	struct ng_image image = { 0 };
	const char *why = NULL;

	g_assert_cmpint(ng_image_check(data, length, &image, &why), ==, -EBADMSG);
	g_assert_cmpstr(why, ==, expected);
	g_assert_null(image.header);
}

static void test_a_good_image_passes(void)
{
	struct sample s;
	struct ng_image image = { 0 };
	const char *why = NULL;

	sample_init(&s);
	g_assert_cmpint(ng_image_check(&s, SAMPLE_LENGTH, &image, &why), ==, 0);
	g_assert_null(why);
	g_assert_true(image.apps == s.apps);
	g_assert_true(image.exes == s.exes);
	g_assert_true(image.allows == s.allows);
	g_assert_true(image.onlinks == s.onlinks);
	g_assert_true(image.text == s.text);
}

static void test_every_shorter_length_is_refused(void)
{
	struct sample s;

	sample_init(&s);
	assert_bad(NULL, 0, "it is too short");
	for (size_t n = 0; n < SAMPLE_LENGTH; n++) {
		/* A copy of exactly n bytes, so that ASan sees a read past them. */
		g_autofree void *copy = g_memdup2(&s, n);

		assert_bad(copy, n,
			   n < sizeof(s.header) ? "it is too short" : "the length does not agree with the counts");
	}
}

static void test_an_unaligned_image_is_refused(void)
{
	g_autofree char *bytes = g_malloc(SAMPLE_LENGTH + 1);
	struct sample s;

	sample_init(&s);
	memcpy(bytes + 1, &s, SAMPLE_LENGTH);
	assert_bad(bytes + 1, SAMPLE_LENGTH, "it is not aligned to 8 bytes");
}

#define BREAK(change, expected)                                                                                        \
	do {                                                                                                           \
		struct sample s;                                                                                       \
		sample_init(&s);                                                                                       \
		change;                                                                                                \
		assert_bad(&s, SAMPLE_LENGTH, expected);                                                               \
	} while (0)

static void test_every_rule_of_the_header_holds(void)
{
	BREAK(s.header.magic++, "the magic number is wrong");
	BREAK(s.header.version++, "the version is not one this program reads");
	BREAK(s.header.mode = 3, "the mode is unknown");
	BREAK(s.header.pad[4] = 1, "padding of the header is not zero");
	BREAK(s.header.n_apps = 0, "there is no default");
	BREAK(s.header.n_apps = NG_IMAGE_MAX_APPS + 1, "a count is past its limit");
	BREAK(s.header.n_exes = NG_IMAGE_MAX_EXES + 1, "a count is past its limit");
	BREAK(s.header.n_allows = NG_IMAGE_MAX_ALLOWS + 1, "a count is past its limit");
	BREAK(s.header.n_onlinks = NG_IMAGE_MAX_ONLINKS + 1, "a count is past its limit");
	BREAK(s.header.text_length = NG_IMAGE_MAX_TEXT + 1, "a count is past its limit");
	BREAK(s.header.n_exes = UINT32_MAX, "a count is past its limit");
	BREAK(s.header.n_exes++, "the length does not agree with the counts");
	BREAK(s.header.n_apps = NG_IMAGE_MAX_APPS, "the length does not agree with the counts");
	BREAK(s.header.length = UINT64_MAX, "the length does not agree with the counts");
	BREAK(s.header.length--, "the length does not agree with the counts");
}

static void test_every_rule_of_applications_holds(void)
{
	BREAK(s.apps[0].key = 1, "the first application is not the default");
	BREAK(s.apps[0].id_length = 4, "the first application is not the default");
	BREAK(s.apps[0].id_offset = 4, "the first application is not the default");
	BREAK(s.apps[0].rules.n_allow = 1, "the default has allowances");
	BREAK(s.apps[0].rules.flags = NG_APP_CHILDREN_OWN, "a flag of the default is not one it may carry");
	BREAK(s.apps[0].rules.profile = 0, "a profile is unknown");
	BREAK(s.apps[1].rules.profile = 0, "a profile is unknown");
	BREAK(s.apps[1].rules.profile = 4, "a profile is unknown");
	BREAK(s.apps[1].rules.flags = NG_APP_GONE, "a flag is unknown");
	BREAK(s.apps[1].rules.flags = 0x80, "a flag is unknown");
	BREAK(s.apps[1].pad = 1, "padding of an application is not zero");
	BREAK(s.apps[1].rules.pad = 1, "padding of an application is not zero");
	BREAK(s.apps[2] = s.apps[1];
	      s.apps[2].first_allow = 1, "applications are not sorted by key, or one is there twice");
	BREAK(s.apps[1].key++, "a key is not that of its id");
	BREAK(s.apps[1].rules.n_allow = NG_ALLOW_MAX + 1, "an application has too many allowances");
	BREAK(s.apps[1].rules.n_allow = 3, "an allowance lies outside its section");
	BREAK(s.apps[2].rules.n_allow = 2, "an allowance lies outside its section");
	BREAK(s.apps[2].first_allow = 0, "allowances are out of order");
	BREAK(s.apps[2].first_allow = UINT32_MAX, "allowances are out of order");
	BREAK(s.apps[2].first_allow = 0; s.apps[2].rules.n_allow = 0, "an allowance belongs to no application");
}

static void test_every_rule_of_text_holds(void)
{
	BREAK(s.apps[1].id_length = 0, "the length of an id is out of range");
	BREAK(s.apps[1].id_length = NG_IMAGE_MAX_ID + 1, "the length of an id is out of range");
	BREAK(s.apps[1].id_offset = 5, "an id lies outside the text");
	BREAK(s.apps[1].id_offset = UINT32_MAX; s.apps[1].id_length = 2, "an id lies outside the text");
	BREAK(s.apps[1].id_offset = 6; s.apps[1].id_length = 2, "an id cuts a character");
	BREAK(s.apps[1].id_offset = 4; s.apps[1].id_length = 2, "an id cuts a character");
	BREAK(s.text[0] = 0, "the text is not printable UTF-8");
	BREAK(s.text[0] = '\n', "the text is not printable UTF-8");
	BREAK(s.text[0] = 0x7f, "the text is not printable UTF-8");
	BREAK(s.text[7] = (char)0xc3, "the text is not printable UTF-8");
	BREAK(memcpy(s.text, "\xc0\xaf", 2), "the text is not printable UTF-8");
	BREAK(memcpy(s.text, "\xc2\x85", 2), "the text is not printable UTF-8");
	BREAK(memcpy(s.text, "\xed\xa0\x80", 3), "the text is not printable UTF-8");
	BREAK(memcpy(s.text, "\xe2\x80\xae", 3), "the text is not printable UTF-8");
	BREAK(memcpy(s.text, "\xf4\x90\x80\x80", 4), "the text is not printable UTF-8");
	BREAK(memcpy(s.text, "\xff", 1), "the text is not printable UTF-8");
}

static void test_every_rule_of_the_other_sections_holds(void)
{
	const char *unsorted = "executables are not sorted by device and inode, or one is there twice";

	BREAK(s.exes[0].app = 0, "an executable belongs to no application");
	BREAK(s.exes[0].app = 3, "an executable belongs to no application");
	BREAK(s.exes[0].pad = 1, "padding of an executable is not zero");
	BREAK(s.exes[0].key.pad = 1, "padding of an executable is not zero");
	BREAK(s.exes[0].key.dev = 3, unsorted);
	BREAK(s.exes[1].key = s.exes[0].key, unsorted);
	BREAK(s.exes[1].key.dev = 1, unsorted);
	BREAK(s.allows[0].pad = 1, "padding of an allowance is not zero");
	BREAK(s.allows[0].prefix_len = 129, "an allowance is not a prefix");
	BREAK(s.allows[0].prefix_len = 96 + 9, "an allowance is not a prefix");
	BREAK(s.allows[0].addr[15] = 1, "an allowance is not a prefix");
	BREAK(s.allows[1].port_first = 444, "the ports of an allowance are not a range");
	BREAK(s.allows[1].port_first = 0, "the ports of an allowance are not a range");
	BREAK(s.onlinks[0].pad = 1, "padding of an on-link prefix is not zero");
	BREAK(s.onlinks[0].prefix_len = UINT32_MAX, "an on-link prefix is not a prefix");
	BREAK(s.onlinks[0].prefix_len = 28, "an on-link prefix is not a prefix");
}

static void test_a_key_is_fnv1a_and_never_zero(void)
{
	/* Vectors of the reference implementation. */
	g_assert_cmpuint(ng_image_app_key("", 0), ==, G_GUINT64_CONSTANT(0xcbf29ce484222325));
	g_assert_cmpuint(ng_image_app_key("a", 1), ==, G_GUINT64_CONSTANT(0xaf63dc4c8601ec8c));
	g_assert_cmpuint(ng_image_app_key("foobar", 6), ==, G_GUINT64_CONSTANT(0x85944171f73967e8));
	/* A string whose FNV-1a hash is 0, from the reference's list of such. */
	g_assert_cmpuint(ng_image_app_key("\xd5\x6b\xb9\x53\x42\x87\x08\x36", 8), ==, 1);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/image/a good image passes", test_a_good_image_passes);
	g_test_add_func("/image/every shorter length is refused", test_every_shorter_length_is_refused);
	g_test_add_func("/image/an unaligned image is refused", test_an_unaligned_image_is_refused);
	g_test_add_func("/image/every rule of the header holds", test_every_rule_of_the_header_holds);
	g_test_add_func("/image/every rule of applications holds", test_every_rule_of_applications_holds);
	g_test_add_func("/image/every rule of text holds", test_every_rule_of_text_holds);
	g_test_add_func("/image/every rule of the other sections holds", test_every_rule_of_the_other_sections_holds);
	g_test_add_func("/image/a key is FNV-1a and never zero", test_a_key_is_fnv1a_and_never_zero);
	return g_test_run();
}
