/* SPDX-License-Identifier: MIT */
/*
 * The golden tests of the compiler: application files to an image in words, and questions to answers. What the folders
 * hold is said in README.md beside this.
 */
#include <stdlib.h>
#include <string.h>

#include "compile/compile.h"

typedef struct {
	NgPolicy *policy;
	GKeyFile *settings;
	NgCompileInput input;
} Case;

static void case_free(Case *c)
{
	g_array_unref(c->input.exes);
	g_array_unref(c->input.onlinks);
	g_ptr_array_unref(c->input.apps);
	g_key_file_unref(c->settings);
	ng_policy_free(c->policy);
	g_free(c);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Case, case_free)

static char **get_list(Case *c, const char *key)
{
	char **list = g_key_file_get_string_list(c->settings, "Image", key, NULL, NULL);

	return list ? list : g_new0(char *, 1);
}

static int compare_path(gconstpointer a, gconstpointer b)
{
	return strcmp(((const NgCompileExe *)a)->path, ((const NgCompileExe *)b)->path);
}

/* Every path is a file of its own, except those that one of the keys Same, Same2, ... lists. */
static void invent_files(Case *c)
{
	g_auto(GStrv) keys = g_key_file_get_keys(c->settings, "Image", NULL, NULL);

	for (guint i = 0; i < c->input.apps->len; i++) {
		const NgPolicyApp *app = c->input.apps->pdata[i];

		for (guint e = 0; app->executables[e]; e++) {
			NgCompileExe exe = { { 0, 8 << 20 | 1, 0 }, app->executables[e], app->id, 0 };

			g_array_append_val(c->input.exes, exe);
		}
	}
	g_array_sort(c->input.exes, compare_path);
	for (guint i = 0; i < c->input.exes->len; i++) {
		NgCompileExe *exe = &g_array_index(c->input.exes, NgCompileExe, i);

		exe->key.ino = 1000 + i;
		for (guint k = 0; keys && keys[k]; k++) {
			g_auto(GStrv) same = get_list(c, keys[k]);

			if (g_str_has_prefix(keys[k], "Same") && g_strv_contains((const char *const *)same, exe->path))
				exe->key.ino = 999 - k;
		}
	}
}

static void read_settings(Case *c)
{
	g_autofree char *profile = g_key_file_get_string(c->settings, "Image", "Default", NULL);
	g_autofree char *mode = g_key_file_get_string(c->settings, "Image", "Mode", NULL);
	g_auto(GStrv) allow = get_list(c, "DefaultAllow");
	g_auto(GStrv) onlinks = get_list(c, "Onlink");
	g_autoptr(GArray) prefixes = g_array_new(FALSE, TRUE, sizeof(struct ng_allow));
	guint8 flags = 0;

	c->input.default_profile = ng_policy_profile_from_text(profile ? profile : "online");
	c->input.mode = g_strcmp0(mode, "paused") == 0  ? NG_MODE_PAUSED
			: g_strcmp0(mode, "panic") == 0 ? NG_MODE_PANIC
							: NG_MODE_NORMAL;
	for (guint i = 0; allow[i]; i++)
		g_assert_true(ng_policy_parse_allow(allow[i], &c->input.default_flags, prefixes, NULL));
	g_assert_cmpuint(prefixes->len, ==, 0);
	for (guint i = 0; onlinks[i]; i++)
		g_assert_true(ng_policy_parse_allow(onlinks[i], &flags, prefixes, NULL));
	for (guint i = 0; i < prefixes->len; i++) {
		const struct ng_allow *prefix = &g_array_index(prefixes, struct ng_allow, i);
		struct ng_image_onlink onlink = { .prefix_len = prefix->prefix_len };

		memcpy(onlink.addr, prefix->addr, 16);
		g_array_append_val(c->input.onlinks, onlink);
	}
}

static Case *case_load(const char *folder)
{
	g_autofree char *vendor = g_build_filename(folder, "vendor", NULL);
	g_autofree char *admin = g_build_filename(folder, "administrator", NULL);
	const char *const folders[NG_LAYERS] = { vendor, folder, admin };
	g_autofree char *path = g_build_filename(folder, "image.conf", NULL);
	Case *c = g_new0(Case, 1);

	c->settings = g_key_file_new();
	g_key_file_load_from_file(c->settings, path, G_KEY_FILE_NONE, NULL);
	c->policy = ng_policy_new(folders);
	ng_policy_reload(c->policy);
	c->input.apps = g_ptr_array_ref(ng_policy_apps(c->policy));
	c->input.exes = g_array_new(FALSE, TRUE, sizeof(NgCompileExe));
	c->input.onlinks = g_array_new(FALSE, TRUE, sizeof(struct ng_image_onlink));
	invent_files(c);
	read_settings(c);
	return c;
}

static void problem_free(gpointer data)
{
	NgPolicyProblem *problem = data;

	g_free(problem->path);
	g_free(problem->message);
	g_free(problem);
}

static GBytes *compile(Case *c, GPtrArray *problems)
{
	g_autoptr(GError) error = NULL;
	GBytes *bytes = ng_compile(&c->input, problems, &error);

	g_assert_no_error(error);
	return bytes;
}

static void reverse(char *elements, guint n, gsize size)
{
	g_autofree char *swap = g_malloc(size);

	for (guint i = 0; i < n / 2; i++) {
		char *one = elements + i * size, *other = elements + (n - 1 - i) * size;

		memcpy(swap, one, size);
		memcpy(one, other, size);
		memcpy(other, swap, size);
	}
}

static void assert_order_does_not_matter(Case *c, GBytes *bytes)
{
	g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(problem_free);
	g_autoptr(GPtrArray) apps = g_ptr_array_copy(c->input.apps, NULL, NULL);
	g_autoptr(GPtrArray) before = g_steal_pointer(&c->input.apps);
	g_autoptr(GBytes) again = NULL;

	c->input.apps = g_steal_pointer(&apps);
	reverse((char *)c->input.apps->pdata, c->input.apps->len, sizeof(gpointer));
	reverse(c->input.exes->data, c->input.exes->len, sizeof(NgCompileExe));
	reverse(c->input.onlinks->data, c->input.onlinks->len, sizeof(struct ng_image_onlink));
	again = compile(c, problems);
	g_assert_true(g_bytes_equal(bytes, again));
}

static void add_problems(GString *text, GPtrArray *problems)
{
	for (guint i = 0; i < problems->len; i++) {
		const NgPolicyProblem *problem = problems->pdata[i];
		g_autofree char *name = g_path_get_basename(problem->path);
		g_auto(GStrv) parts = NULL;

		/* Where the tree lies is left out: only base names are the same everywhere. */
		g_string_append_printf(text, "\nproblem %s:%u:%u ", name, problem->line, problem->column);
		parts = g_strsplit(problem->message, " (", 2);
		g_string_append_printf(text, "%s\n", parts[0]);
	}
}

/* Compares with the file, or writes it. */
static void assert_file(const char *folder, const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(folder, name, NULL), *expected = NULL;

	if (g_getenv("NG_GOLDEN_UPDATE")) {
		g_assert_true(g_file_set_contents(path, text, -1, NULL));
		return;
	}
	if (!g_file_get_contents(path, &expected, NULL, NULL))
		g_error("%s is missing; see README.md", path);
	if (!g_str_equal(text, expected))
		g_error("%s does not agree. There is now:\n%s", path, text);
}

static guint64 key_of(const char *id)
{
	return g_str_equal(id, "-") ? 0 : ng_image_app_key(id, strlen(id));
}

static const char *id_of(const struct ng_image *image, guint64 key, char **ret_owned)
{
	for (guint32 i = 1; i < image->header->n_apps; i++)
		if (image->apps[i].key == key)
			return *ret_owned = g_strndup(image->text + image->apps[i].id_offset, image->apps[i].id_length);
	return key ? "?" : "the default";
}

static guint8 call_of(const char *word)
{
	for (guint8 call = NG_CALL_CREATE; call <= NG_CALL_RECV; call++)
		if (g_str_equal(ng_call_word(call), word))
			return call;
	g_error("%s is not a call", word);
}

/* "APP [< ANCESTOR ...] CALL DESTINATION" */
static char *answer(const struct ng_image *image, const char *question)
{
	g_auto(GStrv) words = g_strsplit(question, " ", -1);
	const guint n = g_strv_length(words);
	g_autofree char *decider_id = NULL;
	g_autofree uint64_t *ancestors = g_new0(uint64_t, n);
	struct ng_flow flow = { 0 };
	struct ng_verdict verdict = { 0 };
	uint64_t decider = 0;
	g_autoptr(GError) error = NULL;
	guint n_ancestors = 0;
	int allow = -1;

	g_assert_cmpuint(n, >=, 3);
	for (guint i = 2; i + 2 < n; i++)
		if (g_str_equal(words[i - 1], "<"))
			for (; i + 2 < n; i++)
				ancestors[n_ancestors++] = key_of(words[i]);
	if (!ng_explain_parse_destination(words[n - 1], &flow, &error))
		return g_strdup_printf("%s: %s\n", question, error->message);
	flow.call = call_of(words[n - 2]);
	verdict = ng_explain(image, key_of(words[0]), ancestors, n_ancestors, &flow, &decider, &allow);
	return g_strdup_printf("%s: %s: %s (%s), class %s, decided by %s%s%s\n", question,
			       verdict.allowed ? "allowed" : "denied", ng_reason_text(verdict.reason),
			       ng_reason_word(verdict.reason), ng_class_word(verdict.class),
			       id_of(image, decider, &decider_id), allow >= 0 ? ", allowance " : "",
			       allow >= 0 ? (char[]){ (char)('0' + allow % 10), 0 } : "");
}

static void test_case(gconstpointer data)
{
	const char *folder = data;
	g_autoptr(Case) c = case_load(folder);
	g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(problem_free);
	g_autoptr(GBytes) bytes = compile(c, problems);
	g_autofree char *words = ng_image_describe(bytes, NULL);
	g_autofree char *hash = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, bytes);
	g_autofree char *ask_path = g_build_filename(folder, "ask.txt", NULL), *ask = NULL;
	g_autoptr(GString) text = g_string_new(words), answers = g_string_new(NULL);
	struct ng_image image = { 0 };
	const char *why = NULL;

	assert_order_does_not_matter(c, bytes);
	add_problems(text, ng_policy_problems(c->policy));
	add_problems(text, problems);
	if (G_BYTE_ORDER == G_LITTLE_ENDIAN) /* the bytes are in the machine's order */
		g_string_append_printf(text, "\nsha256 %s\n", hash);
	assert_file(folder, "expected.txt", text->str);

	g_assert_cmpint(ng_image_check(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), &image, &why), ==, 0);
	if (g_file_get_contents(ask_path, &ask, NULL, NULL)) {
		g_auto(GStrv) lines = g_strsplit(ask, "\n", -1);

		for (guint i = 0; lines[i]; i++) {
			g_autofree char *one = *lines[i] ? answer(&image, lines[i]) : NULL;

			g_string_append(answers, one ? one : "");
		}
		assert_file(folder, "answers.txt", answers->str);
	}
}

static int compare_name(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int main(int argc, char **argv)
{
	g_autoptr(GPtrArray) folders = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GDir) dir = NULL;
	const char *name = NULL;

	g_test_init(&argc, &argv, NULL);
	dir = argc == 2 ? g_dir_open(argv[1], 0, NULL) : NULL;
	if (!dir) {
		g_printerr("usage: golden FOLDER\n");
		return 2;
	}
	while ((name = g_dir_read_name(dir)))
		if (g_str_has_suffix(name, ".d"))
			g_ptr_array_add(folders, g_build_filename(argv[1], name, NULL));
	g_ptr_array_sort(folders, compare_name);
	for (guint i = 0; i < folders->len; i++) {
		g_autofree char *base = g_path_get_basename(folders->pdata[i]);
		g_autofree char *path = g_strdup_printf("/golden/%.*s is as expected", (int)strlen(base) - 2, base);

		g_test_add_data_func(path, folders->pdata[i], test_case);
	}
	return folders->len ? g_test_run() : 1;
}
