/* SPDX-License-Identifier: MIT */
/*
 * Writing: what a user chose becomes a file in the user folder, or goes away again. Runs in the engine, without
 * privilege; the one place in the tree that writes application files.
 *
 * Invariants: a file is replaced whole (temporary file, fsync, rename, fsync of the folder), so a crash leaves the old
 * or the new; what is held in memory afterwards is what parsing the written text gives, never the caller's struct.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/private.h"

static gboolean fail_errno(GError **error, int number, const char *what, const char *path)
{
	g_set_error(error, NG_POLICY_ERROR, NG_POLICY_ERROR_IO, "%s %s: %s.", what, path, g_strerror(number));
	return FALSE;
}

static gboolean check_managed(NgPolicy *policy, const char *id, GError **error)
{
	const NgPolicyFile *file = g_hash_table_lookup(policy->files[NG_LAYER_ADMIN], id);

	if (!file)
		return TRUE;
	g_set_error(error, NG_POLICY_ERROR, NG_POLICY_ERROR_MANAGED,
		    "“%s” is decided by the administrator in %s. Change it there.", id, file->path);
	return FALSE;
}

static gboolean check_owners(NgPolicy *policy, const NgPolicyApp *app, GError **error)
{
	for (guint i = 0; app->executables[i]; i++) {
		const NgPolicyApp *owner = g_hash_table_lookup(policy->owners, app->executables[i]);

		if (!owner || g_str_equal(owner->id, app->id))
			continue;
		g_set_error(error, NG_POLICY_ERROR, NG_POLICY_ERROR_CONFLICT,
			    "%s belongs to “%s”. Change that application instead.", app->executables[i], owner->id);
		return FALSE;
	}
	return TRUE;
}

static gboolean check_room(NgPolicy *policy, const char *id, GError **error)
{
	guint n = 0;

	for (guint layer = 0; layer < NG_LAYERS; layer++)
		n += g_hash_table_size(policy->files[layer]);
	if (n < NG_POLICY_MAX_APPS || g_hash_table_contains(policy->files[NG_LAYER_USER], id))
		return TRUE;
	g_set_error(error, NG_POLICY_ERROR, NG_POLICY_ERROR_LIMIT,
		    "There are %d application files, and no more are read. Forget some applications first.",
		    NG_POLICY_MAX_APPS);
	return FALSE;
}

static int open_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && mkdir(path, 0755) == 0)
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int write_all(int fd, const char *text, gsize length)
{
	while (length > 0) {
		ssize_t n = write(fd, text, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		length -= (gsize)n;
	}
	return 0;
}

/* The text under `name`, durable before it is visible. */
static int replace_file(int folder_fd, const char *name, const char *text, NgPolicyStamp *ret_stamp)
{
	g_autofree char *temporary = g_strdup_printf(".%s.new", name);
	ng_auto_fd fd = -1;
	struct stat st = { 0 };
	int r = 0;

	/* One left over from a crash. O_EXCL, so that nothing put there meanwhile is written through. */
	if (unlinkat(folder_fd, temporary, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(folder_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -errno;
	r = write_all(fd, text, strlen(text));
	if (r == 0 && (fchmod(fd, 0644) < 0 || fsync(fd) < 0))
		r = -errno;
	if (r == 0 && renameat(folder_fd, temporary, folder_fd, name) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(folder_fd, temporary, 0);
		return r;
	}
	/* After the rename, which changes ctime. */
	if (fstat(fd, &st) < 0 || fsync(folder_fd) < 0)
		return -errno;
	*ret_stamp = ng_policy_stamp(&st);
	return 0;
}

/* What the file will say, over what it says now. */
static char *new_text(int folder_fd, const char *name, const NgPolicyFile *file, const NgPolicyApp *app)
{
	g_autofree char *old = NULL, *problem = NULL;
	g_autoptr(NgPolicyApp) old_app = NULL;
	NgPolicyStamp stamp = { 0 };
	NgKeyfilePlace place = { 0, 0 };
	gsize length = 0;
	guint line = 0;

	if (ng_policy_read(folder_fd, name, &old, &length, &stamp, &problem) == 0)
		old_app = ng_policy_app_parse_file(app->id, file ? file->path : name, old, length, &place, &line, NULL);
	/* A damaged file is not written over line by line: its damage would stay. */
	return ng_policy_app_text_over(app, old_app ? old : NULL, old_app ? length : 0);
}

/* The application that `text` gives; refused when that is not `app`, which then held something no file can say. */
static NgPolicyApp *parse_back(const NgPolicyApp *app, const char *path, const char *text, guint *ret_line,
			       GError **error)
{
	g_autoptr(NgPolicyApp) parsed = NULL;
	NgKeyfilePlace place = { 0, 0 };

	parsed = ng_policy_app_parse_file(app->id, path, text, strlen(text), &place, ret_line, error);
	if (!parsed)
		return NULL;
	parsed->layer = app->layer;
	if (!ng_policy_app_equal(parsed, app)) {
		g_set_error_literal(error, NG_POLICY_ERROR, NG_POLICY_ERROR_VALUE,
				    "The application holds a value that cannot be written. Check its texts.");
		return NULL;
	}
	return g_steal_pointer(&parsed);
}

gboolean ng_policy_store(NgPolicy *policy, const NgPolicyApp *app, GError **error)
{
	g_autofree char *name = g_strconcat(app->id, ".app", NULL), *text = NULL, *path = NULL;
	const char *folder = policy->folders[NG_LAYER_USER];
	NgPolicyFile *file = NULL;
	NgPolicyStamp stamp = { 0 };
	g_autoptr(NgPolicyApp) parsed = NULL;
	ng_auto_fd folder_fd = -1;
	guint line = 0;
	int r = 0;

	if (!ng_policy_is_id(app->id)) {
		g_set_error(error, NG_POLICY_ERROR, NG_POLICY_ERROR_VALUE,
			    "“%s” is not an id. Use letters, digits and . _ + - only, at most %d.", app->id,
			    NG_POLICY_MAX_ID);
		return FALSE;
	}
	if (!check_managed(policy, app->id, error) || !check_owners(policy, app, error) ||
	    !check_room(policy, app->id, error))
		return FALSE;
	folder_fd = open_folder(folder);
	if (folder_fd < 0)
		return fail_errno(error, -folder_fd, "Cannot open the folder", folder);
	path = g_build_filename(folder, name, NULL);
	text = new_text(folder_fd, name, g_hash_table_lookup(policy->files[NG_LAYER_USER], app->id), app);
	parsed = parse_back(app, path, text, &line, error);
	if (!parsed)
		return FALSE;
	r = replace_file(folder_fd, name, text, &stamp);
	if (r < 0)
		return fail_errno(error, -r, "Cannot write", path);

	file = ng_policy_file_get(policy, NG_LAYER_USER, app->id);
	g_clear_pointer(&file->problem, ng_policy_problem_free);
	file->stamp = stamp;
	file->has_stamp = TRUE;
	file->executable_line = line;
	ng_policy_file_set_app(policy, file, g_steal_pointer(&parsed));
	ng_policy_merge_stored(policy, file);
	return TRUE;
}

gboolean ng_policy_forget(NgPolicy *policy, const char *id, GError **error)
{
	const NgPolicyFile *file = g_hash_table_lookup(policy->files[NG_LAYER_USER], id);
	ng_auto_fd folder_fd = -1;

	if (!check_managed(policy, id, error))
		return FALSE;
	if (!file) {
		gboolean is_vendor = g_hash_table_contains(policy->files[NG_LAYER_VENDOR], id);

		g_set_error(error, NG_POLICY_ERROR, NG_POLICY_ERROR_UNKNOWN,
			    is_vendor ? "Nobody changed “%s”: it is as its package says. Choose a profile instead."
				      : "There is no application “%s”. See netguard list.",
			    id);
		return FALSE;
	}
	folder_fd = open_folder(policy->folders[NG_LAYER_USER]);
	if (folder_fd < 0)
		return fail_errno(error, -folder_fd, "Cannot open the folder", policy->folders[NG_LAYER_USER]);
	if (unlink(file->path) < 0 && errno != ENOENT)
		return fail_errno(error, errno, "Cannot remove", file->path);
	ng_policy_file_remove(policy, NG_LAYER_USER, id);
	ng_policy_merge(policy);
	if (fsync(folder_fd) < 0)
		return fail_errno(error, errno, "Cannot make durable", policy->folders[NG_LAYER_USER]);
	return TRUE;
}

static gboolean is_taken(NgPolicy *policy, const char *id)
{
	for (guint layer = 0; layer < NG_LAYERS; layer++)
		if (g_hash_table_contains(policy->files[layer], id))
			return TRUE;
	return FALSE;
}

char *ng_policy_new_id(NgPolicy *policy, const char *executable)
{
	const char *slash = strrchr(executable, '/'), *base = slash ? slash + 1 : executable;
	g_autofree char *stem = NULL;

	while (*base && !g_ascii_isalnum(*base))
		base++;
	/* Room for "-" and the number of the largest policy. */
	stem = g_strndup(*base ? base : "app", NG_POLICY_MAX_ID - 8);
	g_strcanon(stem, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "._+-", '-');
	for (guint i = 1;; i++) {
		g_autofree char *id = i == 1 ? g_strdup(stem) : g_strdup_printf("%s-%u", stem, i);

		if (!is_taken(policy, id))
			return g_steal_pointer(&id);
	}
}
