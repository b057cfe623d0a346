/* SPDX-License-Identifier: MIT */
/*
 * An image in words, for people and for the golden tests. Runs in the engine and in clients, without privilege, on
 * bytes it does not trust. Says everything the image says: two images of one description are the same policy.
 */
#include <netinet/in.h>
#include <string.h>

#include "compile/compile.h"

static const char *const mode_words[] = { "normal", "paused", "panic" };

typedef struct {
	const struct ng_image *image;
	guint32 *order;     /* of the applications, by id; the default is not in it */
	guint32 *first_exe; /* of each application, in `exes`; one more at the end */
	guint32 *exes;      /* indexes of the exe section, by application, then as they are */
	GString *text;
} Description;

static void description_done(Description *d)
{
	g_free(d->order);
	g_free(d->first_exe);
	g_free(d->exes);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Description, description_done)

static int compare_id(gconstpointer a, gconstpointer b, gpointer data)
{
	const struct ng_image *image = data;
	const struct ng_image_app *one = &image->apps[*(const guint32 *)a], *other = &image->apps[*(const guint32 *)b];
	int order = memcmp(image->text + one->id_offset, image->text + other->id_offset,
			   MIN(one->id_length, other->id_length));

	return order ? order : (int)one->id_length - (int)other->id_length;
}

/* Executables by application: a counting sort. */
static void sort_exes(Description *d)
{
	const struct ng_image *image = d->image;
	const guint32 n_apps = image->header->n_apps;
	g_autofree guint32 *next = g_new0(guint32, n_apps + 1);

	d->first_exe = g_new0(guint32, n_apps + 1);
	d->exes = g_new0(guint32, image->header->n_exes);
	for (guint32 i = 0; i < image->header->n_exes; i++)
		d->first_exe[image->exes[i].app + 1]++;
	for (guint32 i = 1; i <= n_apps; i++)
		d->first_exe[i] += d->first_exe[i - 1];
	memcpy(next, d->first_exe, (n_apps + 1) * sizeof(*next));
	for (guint32 i = 0; i < image->header->n_exes; i++)
		d->exes[next[image->exes[i].app]++] = i;
}

static void describe_rules(GString *text, const struct ng_app *rules)
{
	g_string_append_printf(text, ": %s\n", ng_policy_profile_text(rules->profile));
	if (rules->flags & NG_APP_CHILDREN_OWN)
		g_string_append(text, "\tchildren own\n");
	if (rules->flags & NG_APP_LOOPBACK)
		g_string_append(text, "\tallow loopback\n");
	if (rules->flags & NG_APP_SHARED)
		g_string_append(text, "\tallow shared\n");
	if (rules->flags & NG_APP_METADATA)
		g_string_append(text, "\tallow cloud-metadata\n");
}

static void describe_allow(GString *text, const struct ng_allow *allow)
{
	g_autofree char *words = ng_policy_allow_text(allow);
	gboolean is_said = allow->proto == 0 || allow->proto == IPPROTO_TCP || allow->proto == IPPROTO_UDP;

	g_string_append_printf(text, "\tallow %s%s%s\n", words, is_said ? "" : "/",
			       is_said ? "" : ng_proto_word(allow->proto));
}

static void describe_app(Description *d, guint32 index)
{
	const struct ng_image_app *app = &d->image->apps[index];

	g_string_append_c(d->text, '\n');
	g_string_append_len(d->text, d->image->text + app->id_offset, app->id_length);
	describe_rules(d->text, &app->rules);
	for (guint32 i = 0; i < app->rules.n_allow; i++)
		describe_allow(d->text, &d->image->allows[app->first_allow + i]);
	for (guint32 i = d->first_exe[index]; i < d->first_exe[index + 1]; i++) {
		const struct ng_exe_key *key = &d->image->exes[d->exes[i]].key;

		g_string_append_printf(d->text, "\tprogram %u:%u inode %" G_GUINT64_FORMAT "\n", key->dev >> 20,
				       key->dev & 0xfffff, (guint64)key->ino);
	}
}

static void describe_onlinks(Description *d)
{
	for (guint32 i = 0; i < d->image->header->n_onlinks; i++) {
		const struct ng_image_onlink *onlink = &d->image->onlinks[i];
		struct ng_allow prefix = { .prefix_len = (guint8)onlink->prefix_len };
		g_autofree char *words = NULL;

		memcpy(prefix.addr, onlink->addr, 16);
		words = ng_policy_allow_text(&prefix);
		g_string_append_printf(d->text, "%son-link %s\n", i ? "" : "\n", words);
	}
}

char *ng_image_describe(GBytes *bytes, GError **error)
{
	struct ng_image image = { 0 };
	g_auto(Description) d = { .image = &image };
	const char *why = NULL;
	gsize length = 0;
	const void *data = g_bytes_get_data(bytes, &length);

	if (ng_image_check(data, length, &image, &why) < 0) {
		g_set_error(error, NG_POLICY_ERROR, NG_POLICY_ERROR_SYNTAX, "This is not an image: %s.", why);
		return NULL;
	}
	d.text = g_string_new(NULL);
	d.order = g_new(guint32, image.header->n_apps);
	for (guint32 i = 1; i < image.header->n_apps; i++)
		d.order[i - 1] = i;
	g_qsort_with_data(d.order, (int)image.header->n_apps - 1, sizeof(*d.order), compare_id, &image);
	sort_exes(&d);

	g_string_append_printf(d.text, "image version %u, mode %s, applications %u, programs %u\n\ndefault",
			       image.header->version, mode_words[image.header->mode], image.header->n_apps - 1,
			       image.header->n_exes);
	describe_rules(d.text, &image.apps[0].rules);
	for (guint32 i = 0; i + 1 < image.header->n_apps; i++)
		describe_app(&d, d.order[i]);
	describe_onlinks(&d);
	return g_string_free(d.text, FALSE);
}
