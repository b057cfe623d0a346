/* SPDX-License-Identifier: MIT */
/*
 * Policy and identities to an image. Runs in the engine, without privilege; pure. Costs three sorts: some milliseconds
 * for 10,000 applications.
 *
 * Invariants: the same input in any order gives the same bytes; what is handed out has passed ng_image_check(), so that
 * a fault here is seen here and not as a refusal by the enforcer.
 */
#include "compile/compile.h"

#include <stdlib.h>
#include <string.h>

/* An application on its way into the image. */
typedef struct {
	uint64_t key;
	const NgPolicyApp *app;
	gsize id_length;
} Keyed;

/* A file and the application (index in the image) that claims it. */
typedef struct {
	struct ng_exe_key key;
	guint32 app;
	const NgPolicyApp *owner;
	const char *path;
} Claim;

typedef struct {
	GArray *keyed;   /* Keyed, sorted by key; element 0 is the image's app 1 */
	GArray *claims;  /* Claim, sorted, one for each file */
	GArray *onlinks; /* struct ng_image_onlink, sorted, no repeats */
	gsize n_allows;
	gsize text_length;
} Plan;

static void plan_done(Plan *plan)
{
	g_clear_pointer(&plan->keyed, g_array_unref);
	g_clear_pointer(&plan->claims, g_array_unref);
	g_clear_pointer(&plan->onlinks, g_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Plan, plan_done)

static int compare_keyed(gconstpointer a, gconstpointer b)
{
	const Keyed *one = a, *other = b;

	if (one->key != other->key)
		return one->key < other->key ? -1 : 1;
	return strcmp(one->app->id, other->app->id);
}

static gboolean plan_apps(Plan *plan, GPtrArray *apps, GError **error)
{
	plan->keyed = g_array_sized_new(FALSE, TRUE, sizeof(Keyed), apps->len);
	for (guint i = 0; i < apps->len; i++) {
		const NgPolicyApp *app = apps->pdata[i];
		const gsize length = strlen(app->id);
		const Keyed keyed = { ng_image_app_key(app->id, length), app, length };

		g_array_append_val(plan->keyed, keyed);
		plan->n_allows += app->allows->len;
		plan->text_length += length;
	}
	g_array_sort(plan->keyed, compare_keyed);
	for (guint i = 1; i < plan->keyed->len; i++) {
		const Keyed *one = &g_array_index(plan->keyed, Keyed, i - 1), *other = one + 1;

		if (one->key != other->key)
			continue;
		g_set_error(error, NG_POLICY_ERROR, NG_POLICY_ERROR_CONFLICT,
			    "The ids “%s” and “%s” have the same key. Rename one of the two files.", one->app->id,
			    other->app->id);
		return FALSE;
	}
	return TRUE;
}

/* The index in the image of the application with this key, or 0. No two of the plan share one. */
static guint32 find_app(const Plan *plan, uint64_t key)
{
	guint first = 0, end = plan->keyed->len;

	while (first < end) {
		guint middle = first + (end - first) / 2;
		const Keyed *keyed = &g_array_index(plan->keyed, Keyed, middle);

		if (keyed->key == key)
			return middle + 1;
		if (key < keyed->key)
			end = middle;
		else
			first = middle + 1;
	}
	return 0;
}

static void add_problem(GPtrArray *problems, const char *path, char *message)
{
	NgPolicyProblem *problem = g_new0(NgPolicyProblem, 1);

	problem->path = g_strdup(path);
	problem->message = message;
	g_ptr_array_add(problems, problem);
}

/* By file, then who has it first (claim.c). */
static int compare_claim(gconstpointer a, gconstpointer b)
{
	const Claim *one = a, *other = b;
	NgClaimant claimant, rival;
	int order = 0;

	if (one->key.dev != other->key.dev)
		return one->key.dev < other->key.dev ? -1 : 1;
	if (one->key.ino != other->key.ino)
		return one->key.ino < other->key.ino ? -1 : 1;
	claimant = ng_claimant_of(one->owner);
	rival = ng_claimant_of(other->owner);
	order = ng_claimant_compare(&claimant, &rival);
	return order ? order : g_strcmp0(one->path, other->path);
}

static void note_loss(GPtrArray *problems, const Claim *winner, const Claim *loser)
{
	const NgClaimant claimant = ng_claimant_of(winner->owner), rival = ng_claimant_of(loser->owner);

	add_problem(problems, loser->owner->path,
		    g_strdup_printf("%s is the same file as %s, which belongs to “%s”, because %s. Remove it from one "
				    "of the two.",
				    loser->path, winner->path, winner->owner->id, ng_claimant_why(&claimant, &rival)));
}

static void plan_exes(Plan *plan, const GArray *exes, GPtrArray *problems)
{
	g_autoptr(GArray) all = g_array_sized_new(FALSE, TRUE, sizeof(Claim), exes->len);

	for (guint i = 0; i < exes->len; i++) {
		const NgCompileExe *exe = &g_array_index(exes, NgCompileExe, i);
		const uint64_t key = exe->app_key ? exe->app_key : ng_image_app_key(exe->app_id, strlen(exe->app_id));
		Claim claim = { { exe->key.ino, exe->key.dev, 0 }, find_app(plan, key), NULL, exe->path };

		if (!claim.app)
			continue; /* of an application that is not in force */
		claim.owner = g_array_index(plan->keyed, Keyed, claim.app - 1).app;
		g_array_append_val(all, claim);
	}
	g_array_sort(all, compare_claim);
	plan->claims = g_array_sized_new(FALSE, TRUE, sizeof(Claim), all->len);
	for (guint i = 0; i < all->len; i++) {
		const Claim *claim = &g_array_index(all, Claim, i);
		const Claim *winner =
			plan->claims->len ? &g_array_index(plan->claims, Claim, plan->claims->len - 1) : NULL;

		if (!winner || winner->key.dev != claim->key.dev || winner->key.ino != claim->key.ino)
			g_array_append_val(plan->claims, *claim);
		else if (winner->app != claim->app)
			note_loss(problems, winner, claim);
	}
}

static int compare_onlink(gconstpointer a, gconstpointer b)
{
	return memcmp(a, b, sizeof(struct ng_image_onlink));
}

/* Interfaces have addresses, the image has prefixes: bits past the length are cleared. */
static void plan_onlinks(Plan *plan, const GArray *onlinks)
{
	g_autoptr(GArray) all = g_array_sized_new(FALSE, TRUE, sizeof(struct ng_image_onlink), onlinks->len);

	for (guint i = 0; i < onlinks->len; i++) {
		struct ng_image_onlink onlink = g_array_index(onlinks, struct ng_image_onlink, i);

		onlink.pad = 0;
		if (onlink.prefix_len > 128)
			continue;
		for (guint b = 0; b < 16; b++) {
			guint bits = onlink.prefix_len > 8 * b ? onlink.prefix_len - 8 * b : 0;

			if (bits < 8)
				onlink.addr[b] &= (guint8)(0xff00 >> bits);
		}
		g_array_append_val(all, onlink);
	}
	g_array_sort(all, compare_onlink);
	plan->onlinks = g_array_sized_new(FALSE, TRUE, sizeof(struct ng_image_onlink), all->len);
	for (guint i = 0; i < all->len; i++) {
		const struct ng_image_onlink *onlink = &g_array_index(all, struct ng_image_onlink, i);

		if (i == 0 || compare_onlink(onlink - 1, onlink) != 0)
			g_array_append_val(plan->onlinks, *onlink);
	}
}

static gboolean check_limits(const Plan *plan, GError **error)
{
	const struct {
		gsize is, max;
		const char *what;
	} limits[] = {
		{ (gsize)plan->keyed->len + 1, NG_IMAGE_MAX_APPS, "applications" },
		{ plan->claims->len, NG_IMAGE_MAX_EXES, "programs" },
		{ plan->n_allows, NG_IMAGE_MAX_ALLOWS, "allowances" },
		{ plan->onlinks->len, NG_IMAGE_MAX_ONLINKS, "prefixes of interfaces" },
		{ plan->text_length, NG_IMAGE_MAX_TEXT, "bytes of ids" },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(limits); i++) {
		if (limits[i].is <= limits[i].max)
			continue;
		g_set_error(error, NG_POLICY_ERROR, NG_POLICY_ERROR_LIMIT,
			    "There are %" G_GSIZE_FORMAT " %s, and at most %" G_GSIZE_FORMAT
			    " can be in force. Remove some.",
			    limits[i].is, limits[i].what, limits[i].max);
		return FALSE;
	}
	return TRUE;
}

/* Hands out `size` bytes of the image after another. */
static void *take(guint8 **at, gsize size)
{
	void *taken = *at;

	*at += size;
	return taken;
}

static void write_apps(const Plan *plan, struct ng_image_app *apps, struct ng_allow *allows, char *text)
{
	guint32 next_allow = 0, next_text = 0;

	for (guint i = 0; i < plan->keyed->len; i++) {
		const Keyed *keyed = &g_array_index(plan->keyed, Keyed, i);
		const NgPolicyApp *app = keyed->app;
		const guint32 n = app->allows->len, id_length = (guint32)keyed->id_length;

		apps[i] = (struct ng_image_app){
			.key = keyed->key,
			.rules = { .profile = app->profile, .flags = app->flags, .n_allow = (guint16)n },
			.first_allow = n ? next_allow : 0,
			.id_offset = next_text,
			.id_length = id_length,
		};
		if (n)
			memcpy(allows + next_allow, app->allows->data, n * sizeof(*allows));
		memcpy(text + next_text, app->id, id_length);
		next_allow += n;
		next_text += id_length;
	}
}

static GBytes *write_image(const Plan *plan, const NgCompileInput *input)
{
	struct ng_image_header header = {
		.magic = NG_IMAGE_MAGIC,
		.version = NG_IMAGE_VERSION,
		.mode = input->mode,
		.n_apps = plan->keyed->len + 1,
		.n_exes = plan->claims->len,
		.n_allows = (guint32)plan->n_allows,
		.n_onlinks = plan->onlinks->len,
		.text_length = (guint32)plan->text_length,
	};
	struct ng_image_app *apps = NULL;
	struct ng_image_exe *exes = NULL;
	struct ng_allow *allows = NULL;
	guint8 *bytes = NULL, *at = NULL;

	header.length = sizeof(header) + header.n_apps * sizeof(*apps) + header.n_exes * sizeof(*exes) +
			header.n_allows * sizeof(*allows) + header.n_onlinks * sizeof(struct ng_image_onlink) +
			header.text_length;
	bytes = at = g_malloc0(header.length);
	memcpy(take(&at, sizeof(header)), &header, sizeof(header));
	apps = take(&at, header.n_apps * sizeof(*apps));
	exes = take(&at, header.n_exes * sizeof(*exes));
	allows = take(&at, header.n_allows * sizeof(*allows));
	apps[0].rules.profile = input->default_profile;
	apps[0].rules.flags = input->default_flags & NG_APP_CLASS_MASK;
	for (guint i = 0; i < header.n_exes; i++) {
		const Claim *claim = &g_array_index(plan->claims, Claim, i);

		exes[i] = (struct ng_image_exe){ .key = claim->key, .app = claim->app };
	}
	if (header.n_onlinks)
		memcpy(at, plan->onlinks->data, header.n_onlinks * sizeof(struct ng_image_onlink));
	take(&at, header.n_onlinks * sizeof(struct ng_image_onlink));
	write_apps(plan, apps + 1, allows, (char *)at);
	return g_bytes_new_take(bytes, header.length);
}

GBytes *ng_compile(const NgCompileInput *input, GPtrArray *problems, GError **error)
{
	g_auto(Plan) plan = { 0 };
	g_autoptr(GBytes) bytes = NULL;
	struct ng_image image = { 0 };
	const char *why = NULL;

	if (!plan_apps(&plan, input->apps, error))
		return NULL;
	plan_exes(&plan, input->exes, problems);
	plan_onlinks(&plan, input->onlinks);
	if (!check_limits(&plan, error))
		return NULL;
	bytes = write_image(&plan, input);
	if (ng_image_check(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), &image, &why) < 0) {
		g_set_error(error, NG_POLICY_ERROR, NG_POLICY_ERROR_VALUE,
			    "The compiled image is not well formed: %s. This is a fault of Network Guard; please "
			    "report it.",
			    why);
		return NULL;
	}
	return g_steal_pointer(&bytes);
}
