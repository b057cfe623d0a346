/* SPDX-License-Identifier: MIT */
/*
 * Loads (see loads.h). An application whose Until has passed or whose While is over is compiled as what comes after it,
 * whatever its file still says: a disk that cannot be written must not keep a permission alive.
 */
#include "guardd/loads.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "guardd/found.h"
#include "guardd/onlink.h"
#include "guardd/running.h"
#include "guardd/spans.h"
#include "guardd/truth.h"

#include <fcntl.h>

typedef struct {
	NgLoads *loads;
	GPtrArray *list; /* the one it is in */
	guint deadline;
	NgLoadDone done;
	gpointer user_data;
} Waiter;

typedef struct {
	GBytes *bytes;
	struct ng_image view;
	guint64 hash; /* 0: not computed yet */
} Image;

struct _NgLoads {
	NgEngine *engine;
	GPtrArray *waiting; /* Waiter*: for the next load */
	GPtrArray *under;   /* Waiter*: for the one under way */
	gboolean is_under_way;
	gboolean is_wanted; /* another must follow */
	gboolean is_forced;
	Image now, before;
	GBytes *in_force; /* the image that was last loaded; NULL: none */
	GBytes *loading;  /* the one under way */
	char *failure;
	gboolean is_unanswered; /* the last one failed for want of an answer, not by a refusal */
	NgLoadResult result;    /* of the one under way, while the enforcer is asked what is in force */
};

NgLoads *ng_loads_new(NgEngine *engine)
{
	NgLoads *loads = g_new0(NgLoads, 1);

	loads->engine = engine;
	loads->waiting = g_ptr_array_new();
	loads->under = g_ptr_array_new();
	return loads;
}

static void waiter_tell(Waiter *waiter, const NgLoadResult *result)
{
	g_clear_handle_id(&waiter->deadline, g_source_remove);
	waiter->done(result, waiter->user_data);
	g_free(waiter);
}

static void waiters_tell(GPtrArray *waiters, const NgLoadResult *result)
{
	g_autoptr(GPtrArray) copy = g_ptr_array_copy(waiters, NULL, NULL);

	g_ptr_array_set_size(waiters, 0);
	for (guint i = 0; i < copy->len; i++)
		waiter_tell(g_ptr_array_index(copy, i), result);
}

/* How long an image may take until it is in force. */
static guint loads_patience_ms(const NgLoads *loads)
{
	return loads->in_force || loads->failure ? NG_ENGINE_DEADLINE_MS : NG_ENGINE_FIRST_DEADLINE_MS;
}

static gboolean waiter_is_late(gpointer data)
{
	Waiter *waiter = data;
	const NgLoadResult result = {
		.warning = "The enforcer did not answer within 5 seconds. The decision is stored and will "
			   "be in force when it answers; until then the kernel goes by the one before."
	};

	waiter->deadline = 0;
	g_ptr_array_remove(waiter->list, waiter);
	waiter_tell(waiter, &result);
	return G_SOURCE_REMOVE;
}

/* What `app` says now, its end considered: itself, a copy that `owned` keeps, or NULL. */
static const NgPolicyApp *loads_effective(NgEngine *engine, const NgPolicyApp *app, gint64 now, GPtrArray *owned)
{
	NgPolicyApp *after;

	if ((app->until == 0 || app->until > now) && !ng_span_is_over(engine, app))
		return app;
	if (app->then == 0)
		return NULL;
	after = ng_policy_app_copy(app);
	after->profile = app->then;
	after->until = 0;
	after->span = NG_SPAN_NONE;
	g_ptr_array_add(owned, after);
	return after;
}

/* Without what belongs to applications that are over. Owned by the caller. */
static GArray *loads_exes_of(GArray *all, GPtrArray *apps)
{
	g_autoptr(GHashTable) here = g_hash_table_new(g_str_hash, g_str_equal);
	GArray *exes = g_array_sized_new(FALSE, TRUE, sizeof(NgCompileExe), all->len);

	for (guint i = 0; i < apps->len; i++)
		g_hash_table_add(here, ((const NgPolicyApp *)g_ptr_array_index(apps, i))->id);
	for (guint i = 0; i < all->len; i++) {
		const NgCompileExe *exe = &g_array_index(all, NgCompileExe, i);

		if (g_hash_table_contains(here, exe->app_id))
			g_array_append_vals(exes, exe, 1);
	}
	return exes;
}

static GBytes *loads_compile(NgLoads *loads, GError **error)
{
	NgEngine *engine = loads->engine;
	GPtrArray *policy = ng_policy_apps(engine->policy);
	g_autoptr(GPtrArray) apps = g_ptr_array_sized_new(policy->len);
	g_autoptr(GPtrArray) owned = g_ptr_array_new_with_free_func((GDestroyNotify)ng_policy_app_free);
	g_autoptr(GPtrArray) problems = ng_problems_new();
	g_autoptr(GArray) some = NULL;
	const gint64 now = ng_now();
	NgCompileInput input = { .apps = apps,
				 .exes = ng_found_exes(engine->found, policy),
				 .onlinks = ng_onlink_prefixes(engine->onlink),
				 .default_profile = engine->settings.default_profile,
				 .default_flags = engine->settings.default_flags,
				 .mode = engine->mode.mode };
	GBytes *bytes;

	for (guint i = 0; i < policy->len; i++) {
		const NgPolicyApp *app = loads_effective(engine, g_ptr_array_index(policy, i), now, owned);

		if (app)
			g_ptr_array_add(apps, (gpointer)app);
	}
	if (apps->len < policy->len) {
		some = loads_exes_of(input.exes, apps);
		input.exes = some;
	}
	bytes = ng_compile(&input, problems, error);
	if (bytes)
		ng_engine_set_problems(engine, NG_PROBLEM_COMPILE, g_steal_pointer(&problems));
	ng_engine_set_problems(engine, NG_PROBLEM_FOUND, ng_found_problems(engine->found, engine->policy));
	return bytes;
}

static void image_clear(Image *image)
{
	g_clear_pointer(&image->bytes, g_bytes_unref);
	*image = (Image){ 0 };
}

static gboolean image_same_ids(const Image *a, const Image *b)
{
	return a->view.header->text_length == b->view.header->text_length &&
	       memcmp(a->view.text, b->view.text, a->view.header->text_length) == 0;
}

static gboolean loads_take_image(NgLoads *loads, GBytes *bytes, GError **error)
{
	Image image = { .bytes = bytes };
	const char *why;
	gsize length;
	const void *data = g_bytes_get_data(bytes, &length);

	if (ng_image_check(data, length, &image.view, &why) < 0) {
		g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED,
			    "The compiled image is broken (%s). Please report this.", why);
		g_bytes_unref(bytes);
		return FALSE;
	}
	/* The one before is only kept for the names of applications that are gone. */
	if (loads->now.bytes && image_same_ids(&loads->now, &image)) {
		image_clear(&loads->now);
	} else {
		image_clear(&loads->before);
		loads->before = loads->now;
	}
	loads->now = image;
	return TRUE;
}

/* The image in memory that nobody can change any more. */
static int loads_seal(GBytes *bytes, GError **error)
{
	gsize length, done = 0;
	const char *data = g_bytes_get_data(bytes, &length);
	ng_auto_fd fd = memfd_create("netguard-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	while (fd >= 0 && done < length) {
		ssize_t n = write(fd, data + done, length - done);

		if (n < 0 && errno != EINTR)
			break;
		done += n > 0 ? (gsize)n : 0;
	}
	if (fd >= 0 && done == length &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0)
		return ng_steal_fd(&fd);
	g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "The image could not be handed over: %s.", g_strerror(errno));
	return -1;
}

static void loads_set_failure(NgLoads *loads, const char *failure)
{
	g_free(loads->failure);
	loads->failure = g_strdup(failure);
	loads->is_unanswered = FALSE;
	ng_engine_set_problem(loads->engine, NG_PROBLEM_LOAD, "", 0, failure, TRUE);
}

static void loads_start(NgLoads *loads);

static void loads_end(NgLoads *loads, const NgLoadResult *result)
{
	loads->is_under_way = FALSE;
	waiters_tell(loads->under, result);
	ng_truth_loaded(loads->engine->truth);
	ng_running_forget(loads->engine->running);
	if (loads->is_wanted && !loads->is_under_way)
		loads_start(loads);
}

static void loads_fail(NgLoads *loads, const char *why, gboolean is_unanswered)
{
	g_autofree char *warning = g_strdup_printf("%s The decision is stored, but not in force.", why);

	loads_set_failure(loads, warning);
	loads->is_unanswered = is_unanswered;
	loads_end(loads, &(NgLoadResult){ .warning = warning });
}

/* Loaded is not yet in force: the kernel may lack what it takes. */
static void loads_known(gpointer data)
{
	NgLoads *loads = data;
	NgTruth *truth = loads->engine->truth;
	g_autofree char *summary = ng_truth_summary(truth);

	loads->result.enforced = ng_truth_protects(truth);
	loads->result.warning = loads->result.enforced ? "" : summary;
	loads_end(loads, &loads->result);
}

/* The image is what the kernel has: tell those who wait, when it is known what that is worth. */
static void loads_succeed(NgLoads *loads, NgLoadResult result)
{
	loads->result = result;
	if (loads->engine->options->simulate) {
		loads->result.warning = "This is a simulation: the decision is stored and shown, nothing is blocked.";
		loads_end(loads, &loads->result);
		return;
	}
	ng_truth_refresh(loads->engine->truth, 0, FALSE, loads_known, loads);
}

static void loads_loaded(const struct ng_message *reply, GArray *parts, const char *failure, gpointer data)
{
	NgLoads *loads = data;
	g_autofree char *why = NULL;

	if (!reply) {
		loads_fail(loads, failure, TRUE);
		return;
	}
	if (reply->loaded.error != 0) {
		g_autofree char *text = g_utf8_make_valid(reply->loaded.why, -1);

		why = g_strdup_printf("The kernel did not take it: %s (%s).", text, g_strerror(-reply->loaded.error));
		loads_fail(loads, why, FALSE);
		return;
	}
	g_clear_pointer(&loads->in_force, g_bytes_unref);
	loads->in_force = g_steal_pointer(&loads->loading);
	loads_set_failure(loads, NULL);
	loads_succeed(loads, (NgLoadResult){ .closed = reply->loaded.closed,
					     .not_closed = reply->loaded.not_closed,
					     .enforced_ns = reply->loaded.enforced_ns });
}

static void loads_start(NgLoads *loads)
{
	g_autoptr(GError) error = NULL;
	const gboolean forced = loads->is_forced;
	GPtrArray *swap = loads->under;
	GBytes *bytes;
	ng_auto_fd fd = -1;

	loads->under = loads->waiting;
	loads->waiting = swap;
	for (guint i = 0; i < loads->under->len; i++)
		((Waiter *)g_ptr_array_index(loads->under, i))->list = loads->under;
	loads->is_wanted = loads->is_forced = FALSE;
	loads->is_under_way = TRUE;
	bytes = loads_compile(loads, &error);
	if (!bytes || !loads_take_image(loads, bytes, &error)) {
		loads_fail(loads, error->message, FALSE);
		return;
	}
	if (!forced && loads->in_force && !loads->failure && g_bytes_equal(loads->now.bytes, loads->in_force)) {
		loads_succeed(loads, (NgLoadResult){ 0 });
		return;
	}
	fd = loads_seal(loads->now.bytes, &error);
	if (fd < 0) {
		loads_fail(loads, error->message, FALSE);
		return;
	}
	g_clear_pointer(&loads->loading, g_bytes_unref);
	loads->loading = g_bytes_ref(loads->now.bytes);
	ng_link_ask(loads->engine->link, NG_MESSAGE_LOAD, fd, loads_patience_ms(loads), loads_loaded, loads);
}

void ng_loads_request(NgLoads *loads, gboolean force, NgLoadDone done, gpointer user_data)
{
	if (done) {
		Waiter *waiter = g_new0(Waiter, 1);

		waiter->loads = loads;
		waiter->list = loads->waiting;
		waiter->done = done;
		waiter->user_data = user_data;
		waiter->deadline = g_timeout_add(loads_patience_ms(loads), waiter_is_late, waiter);
		g_ptr_array_add(loads->waiting, waiter);
	}
	loads->is_wanted = TRUE;
	loads->is_forced |= force;
	if (!loads->is_under_way)
		loads_start(loads);
}

void ng_loads_confirm(NgLoads *loads, guint64 image_hash)
{
	if (loads->is_under_way || !loads->is_unanswered || !loads->now.bytes)
		return;
	if (image_hash != ng_loads_decided_hash(loads)) {
		ng_loads_request(loads, TRUE, NULL, NULL);
		return;
	}
	/* It was loaded after all, only later than we waited for it. */
	g_clear_pointer(&loads->in_force, g_bytes_unref);
	loads->in_force = g_bytes_ref(loads->now.bytes);
	loads_set_failure(loads, NULL);
}

gboolean ng_loads_under_way(NgLoads *loads)
{
	return loads->is_under_way;
}

const struct ng_image *ng_loads_image(NgLoads *loads)
{
	return loads->now.bytes ? &loads->now.view : NULL;
}

/* The applications of an image are sorted by key. */
static const struct ng_image_app *image_find(const Image *image, guint64 key)
{
	guint32 low = 0, high = image->bytes ? image->view.header->n_apps : 0;

	while (low < high) {
		const guint32 middle = low + (high - low) / 2;

		if (image->view.apps[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	if (!image->bytes || low == image->view.header->n_apps || image->view.apps[low].key != key)
		return NULL;
	return &image->view.apps[low];
}

const char *ng_loads_id(NgLoads *loads, guint64 key, gsize *ret_length)
{
	const Image *images[] = { &loads->now, &loads->before };

	*ret_length = 0;
	if (key == 0)
		return "";
	for (gsize i = 0; i < G_N_ELEMENTS(images); i++) {
		const struct ng_image_app *app = image_find(images[i], key);

		if (app) {
			*ret_length = app->id_length;
			return images[i]->view.text + app->id_offset;
		}
	}
	return NULL;
}

const struct ng_app *ng_loads_rules(NgLoads *loads, guint64 key)
{
	const struct ng_image_app *app = image_find(&loads->now, key);

	return app ? &app->rules : NULL;
}

guint64 ng_loads_app_key_of_file(NgLoads *loads, const struct ng_exe_key *file)
{
	const struct ng_image *image = &loads->now.view;
	guint32 low = 0, high = loads->now.bytes ? image->header->n_exes : 0;

	/* Sorted by device and inode. */
	while (low < high) {
		const guint32 middle = low + (high - low) / 2;
		const struct ng_exe_key *key = &image->exes[middle].key;

		if (key->dev == file->dev && key->ino == file->ino)
			return image->apps[image->exes[middle].app].key;
		if (key->dev < file->dev || (key->dev == file->dev && key->ino < file->ino))
			low = middle + 1;
		else
			high = middle;
	}
	return 0;
}

guint64 ng_loads_decided_hash(NgLoads *loads)
{
	gsize length;
	const char *data;

	if (!loads->now.bytes)
		return 0;
	data = g_bytes_get_data(loads->now.bytes, &length);
	if (loads->now.hash == 0)
		loads->now.hash = ng_image_hash(data, length); /* as the enforcer computes it */
	return loads->now.hash;
}

gboolean ng_loads_ever(NgLoads *loads)
{
	return loads->in_force != NULL;
}

const char *ng_loads_failure(NgLoads *loads)
{
	return loads->failure;
}

void ng_loads_free(NgLoads *loads)
{
	const NgLoadResult result = { .warning = "The service is ending." };

	waiters_tell(loads->waiting, &result);
	waiters_tell(loads->under, &result);
	g_ptr_array_unref(loads->waiting);
	g_ptr_array_unref(loads->under);
	image_clear(&loads->now);
	image_clear(&loads->before);
	g_clear_pointer(&loads->in_force, g_bytes_unref);
	g_clear_pointer(&loads->loading, g_bytes_unref);
	g_free(loads->failure);
	g_free(loads);
}
