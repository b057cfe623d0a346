/* SPDX-License-Identifier: MIT */
/*
 * From an Executable= entry to files, as the kernel knows them: (superblock device, inode number). Runs in the engine,
 * without privilege.
 *
 * The kernel programs read mm->exe_file: f_inode->i_sb->s_dev and i_ino. From here that is
 *
 *   device  the major:minor that /proc/self/mountinfo shows for the mount the file was reached through (statx
 *           STATX_MNT_ID, Linux 5.8), in the kernel's own encoding: major << 20 | minor. Not st_dev: btrfs gives each
 *           subvolume, overlayfs each lower layer another one there.
 *   inode   stx_ino.
 *
 * Compared with what /proc/PID/maps prints for a running copy (it prints exactly those two, proc_pid_maps(5)), on 6.18:
 * holds on ext4, on tmpfs, and on overlayfs for files of a lower and of the upper layer, with the layers on one and on
 * different file systems, before and after a copy up; see test-identity.c. Not tested: btrfs, where the device is the
 * kernel's by the same means.
 *
 * What follows for the kernel's key: two files of one number are taken for one where a file system has such, that is in
 * two subvolumes of one btrfs, and in two layers on different file systems of one overlayfs without xino.
 *
 * Invariants: nothing is guessed; what cannot be reached is an error, and everything else that was found is still
 * handed over. The work for one entry is bounded (NG_IDENTITY_MAX_ENTRIES).
 */
#include "identity/identity.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <gio/gio.h>

#include "base/cleanup.h"

#define NG_IDENTITY_MAX_ENTRIES 200000 /* folder entries looked at for one Executable= entry */
#define NG_IDENTITY_MAX_LINKS 40       /* symbolic links in a row, as the kernel: path_resolution(7) */

struct _NgIdentity {
	int mounts_fd;       /* /proc/self/mountinfo, polled for changes: proc_pid_mountinfo(5) */
	GHashTable *devices; /* mount id -> device; both as pointers */
};

/* One search. */
typedef struct {
	NgIdentity *identity;
	char **parts; /* of the entry, between the slashes */
	guint budget;
	guint max;
	GArray *files;       /* find: NgIdentityFile; else NULL */
	GHashTable *folders; /* folders: the set; else NULL */
	GError *error;       /* the first thing that could not be told */
} Walk;

NgIdentity *ng_identity_new(void)
{
	NgIdentity *identity = g_new0(NgIdentity, 1);

	identity->mounts_fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	return identity;
}

void ng_identity_free(NgIdentity *identity)
{
	if (!identity)
		return;
	if (identity->mounts_fd >= 0)
		close(identity->mounts_fd);
	g_clear_pointer(&identity->devices, g_hash_table_unref);
	g_free(identity);
}

static void file_clear(gpointer data)
{
	g_free(((NgIdentityFile *)data)->path);
}

GArray *ng_identity_files_new(void)
{
	GArray *files = g_array_new(FALSE, TRUE, sizeof(NgIdentityFile));

	g_array_set_clear_func(files, file_clear);
	return files;
}

static void read_mounts(NgIdentity *identity)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	g_clear_pointer(&identity->devices, g_hash_table_unref);
	identity->devices = g_hash_table_new(g_direct_hash, g_direct_equal);
	if (!g_file_get_contents("/proc/self/mountinfo", &text, NULL, NULL))
		return;
	lines = g_strsplit(text, "\n", -1);
	for (guint i = 0; lines[i]; i++) {
		guint id = 0, parent = 0, device_major = 0, device_minor = 0;

		/* "36 35 98:0 /mnt1 /mnt2 ...": id, parent, major:minor. */
		if (sscanf(lines[i], "%u %u %u:%u ", &id, &parent, &device_major, &device_minor) == 4)
			g_hash_table_insert(identity->devices, GUINT_TO_POINTER(id),
					    GUINT_TO_POINTER(device_major << 20 | device_minor));
	}
}

/* A mount id is reused once its mount is gone, so a table from before a change is not asked. */
static void refresh_mounts(NgIdentity *identity)
{
	struct pollfd changed = { .fd = identity->mounts_fd, .events = POLLPRI };

	if (!identity->devices || identity->mounts_fd < 0 || poll(&changed, 1, 0) != 0)
		read_mounts(identity);
}

static gboolean find_device(NgIdentity *identity, guint64 mount_id, guint32 *ret_device)
{
	gpointer device = NULL;

	for (int attempt = 0; attempt < 2; attempt++) {
		if (g_hash_table_lookup_extended(identity->devices, GUINT_TO_POINTER((guint)mount_id), NULL, &device)) {
			*ret_device = GPOINTER_TO_UINT(device);
			return TRUE;
		}
		read_mounts(identity);
	}
	return FALSE;
}

static void G_GNUC_PRINTF(3, 4) note_error(Walk *walk, int number, const char *format, ...)
{
	va_list args;

	if (walk->error)
		return;
	va_start(args, format);
	walk->error = g_error_new_valist(G_IO_ERROR, (int)g_io_error_from_errno(number), format, args);
	va_end(args);
}

/* Not there, now or in this shape: no program can be started from it either. */
static gboolean is_absent(int error)
{
	return error == ENOENT || error == ENOTDIR || error == ELOOP || error == ENAMETOOLONG;
}

static void note_errno(Walk *walk, const char *path, int number)
{
	if (is_absent(number))
		return;
	note_error(walk, number, "%s cannot be looked at (%s). Let the user netguard pass through its folders.", path,
		   g_strerror(number));
}

/* FALSE: there are too many. */
static gboolean add_file(Walk *walk, const char *path)
{
	struct statx st = { 0 };
	NgIdentityFile file = { 0 };

	if (statx(AT_FDCWD, path, AT_STATX_SYNC_AS_STAT, STATX_TYPE | STATX_INO | STATX_MNT_ID, &st) < 0) {
		note_errno(walk, path, errno);
		return TRUE;
	}
	if (!S_ISREG(st.stx_mode))
		return TRUE;
	if (!(st.stx_mask & STATX_MNT_ID) || !find_device(walk->identity, st.stx_mnt_id, &file.key.dev)) {
		note_error(walk, ENODEV, "%s: the kernel does not tell which file system it is on.", path);
		return TRUE;
	}
	if (walk->max == 0) {
		note_error(walk, E2BIG, "The pattern means too many files. Write a narrower one.");
		return FALSE;
	}
	walk->max--;
	file.key.ino = st.stx_ino;
	file.path = g_strdup(path);
	g_array_append_val(walk->files, file);
	return TRUE;
}

static gboolean is_pattern(const char *part)
{
	return strpbrk(part, "*?[\\") != NULL;
}

/* Whether a pattern is in truth one name with escapes; then that name, else NULL. */
static char *plain_name(const char *part)
{
	g_autoptr(GString) name = g_string_new(NULL);

	for (const char *p = part; *p; p++) {
		if (strchr("*?[", *p))
			return NULL;
		if (*p == '\\' && p[1])
			p++;
		g_string_append_c(name, *p);
	}
	return g_string_free(g_steal_pointer(&name), FALSE);
}

static void add_folder(GHashTable *folders, const char *path)
{
	if (!g_hash_table_contains(folders, path))
		g_hash_table_add(folders, g_strdup(path));
}

/* Where the symbolic link at `path` leads decides too: every folder on the way there. */
static void add_link_folders(GHashTable *folders, const char *path, guint links)
{
	g_autofree char *target = g_file_read_link(path, NULL), *folder = NULL;
	g_autoptr(GString) at = NULL;
	g_auto(GStrv) parts = NULL;

	if (!target || links == 0)
		return;
	folder = g_path_get_dirname(path);
	at = g_string_new(*target == '/' || g_str_equal(folder, "/") ? "" : folder);
	parts = g_strsplit(target, "/", -1);
	for (guint i = 0; parts[i]; i++) {
		if (!*parts[i])
			continue;
		add_folder(folders, at->len ? at->str : "/");
		g_string_append_printf(at, "/%s", parts[i]);
		add_link_folders(folders, at->str, links - 1);
		if (!g_file_test(at->str, G_FILE_TEST_IS_DIR))
			return;
	}
	add_folder(folders, at->len ? at->str : "/");
}

static gboolean walk_part(Walk *walk, GString *path, guint part);

/* `path` is what the parts before `part` mean. FALSE: stop everything. */
static gboolean walk_on(Walk *walk, GString *path, guint part)
{
	if (walk->folders)
		add_link_folders(walk->folders, path->str, NG_IDENTITY_MAX_LINKS);
	if (walk->parts[part])
		return walk_part(walk, path, part);
	return walk->files ? add_file(walk, path->str) : TRUE;
}

static gboolean matches(Walk *walk, const struct dirent *entry, guint part)
{
	gboolean may_be_folder = entry->d_type == DT_DIR || entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN;

	if (g_str_equal(entry->d_name, ".") || g_str_equal(entry->d_name, ".."))
		return FALSE;
	if (walk->parts[part + 1] && !may_be_folder)
		return FALSE;
	return fnmatch(walk->parts[part], entry->d_name, FNM_PERIOD | FNM_PATHNAME) == 0;
}

static gboolean walk_pattern(Walk *walk, GString *path, guint part)
{
	gsize length = path->len;
	gboolean go_on = TRUE;
	struct dirent *entry = NULL;
	DIR *dir = opendir(length ? path->str : "/");

	if (!dir) {
		note_errno(walk, length ? path->str : "/", errno);
		return TRUE;
	}
	for (errno = 0; go_on && (entry = readdir(dir)); errno = 0) {
		if (walk->budget == 0) {
			note_error(walk, E2BIG, "The pattern looks at too many files. Write a narrower one.");
			go_on = FALSE;
			break;
		}
		walk->budget--;
		if (!matches(walk, entry, part))
			continue;
		g_string_append_printf(path, "/%s", entry->d_name);
		go_on = walk_on(walk, path, part + 1);
		g_string_truncate(path, length);
	}
	if (go_on && errno)
		note_errno(walk, length ? path->str : "/", errno);
	closedir(dir);
	return go_on;
}

static gboolean walk_part(Walk *walk, GString *path, guint part)
{
	gsize length = path->len;
	g_autofree char *name =
		is_pattern(walk->parts[part]) ? plain_name(walk->parts[part]) : g_strdup(walk->parts[part]);
	gboolean go_on = TRUE;

	if (walk->folders) {
		/* What is not there yet appears in the last folder that is. */
		if (length && !g_file_test(path->str, G_FILE_TEST_IS_DIR))
			return TRUE;
		add_folder(walk->folders, length ? path->str : "/");
	}
	if (!name)
		return walk_pattern(walk, path, part);
	g_string_append_printf(path, "/%s", name);
	go_on = walk_on(walk, path, part + 1);
	g_string_truncate(path, length);
	return go_on;
}

static void walk_entry(Walk *walk, const char *entry)
{
	g_autoptr(GString) path = g_string_new(NULL);
	g_auto(GStrv) parts = NULL;

	if (*entry != '/' || !entry[1])
		return;
	parts = g_strsplit(entry + 1, "/", -1);
	walk->parts = parts;
	walk->budget = NG_IDENTITY_MAX_ENTRIES;
	walk_part(walk, path, 0);
}

static int compare_path(gconstpointer a, gconstpointer b)
{
	return strcmp(((const NgIdentityFile *)a)->path, ((const NgIdentityFile *)b)->path);
}

gboolean ng_identity_find(NgIdentity *identity, const char *entry, guint max, GArray *files, GError **error)
{
	Walk walk = { .identity = identity, .max = max, .files = files };
	guint before = files->len;

	refresh_mounts(identity);
	walk_entry(&walk, entry);
	if (files->len > before)
		qsort(&g_array_index(files, NgIdentityFile, before), files->len - before, sizeof(NgIdentityFile),
		      compare_path);
	if (walk.error) {
		g_propagate_error(error, walk.error);
		return FALSE;
	}
	return TRUE;
}

void ng_identity_folders(const char *entry, GHashTable *folders)
{
	Walk walk = { .folders = folders };

	walk_entry(&walk, entry);
	g_clear_error(&walk.error);
}
