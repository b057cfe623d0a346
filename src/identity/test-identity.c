/* SPDX-License-Identifier: MIT */
/*
 * Which file an entry means, and that the key is the kernel's: the judge is /proc/PID/maps of a running copy.
 */
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "identity/identity.h"

static char *make_folder(const char *parent)
{
	g_autofree char *template = g_build_filename(parent, "ng-identity-XXXXXX", NULL);

	return g_strdup(g_mkdtemp(template));
}

static void remove_tree(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name = NULL;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *child = g_build_filename(path, name, NULL);

		if (g_remove(child) < 0)
			remove_tree(child);
	}
	g_rmdir(path);
}

static void touch(const char *base, const char *name)
{
	g_autofree char *path = g_build_filename(base, name, NULL), *folder = g_path_get_dirname(path);

	g_mkdir_with_parents(folder, 0755);
	g_assert_true(g_file_set_contents(path, "", 0, NULL));
}

/* The paths found, without `base`, joined by spaces. */
static char *find(const char *base, const char *pattern)
{
	g_autoptr(NgIdentity) identity = ng_identity_new();
	g_autoptr(GArray) files = ng_identity_files_new();
	g_autofree char *entry = g_strconcat(base, pattern, NULL);
	g_autoptr(GString) found = g_string_new(NULL);
	g_autoptr(GError) error = NULL;

	ng_identity_find(identity, entry, 100, files, &error);
	g_assert_no_error(error);
	for (guint i = 0; i < files->len; i++)
		g_string_append_printf(found, "%s%s", i ? " " : "",
				       g_array_index(files, NgIdentityFile, i).path + strlen(base));
	return g_string_free(g_steal_pointer(&found), FALSE);
}

static void test_patterns_mean_what_a_shell_would_find(void)
{
	static const struct {
		const char *pattern, *found;
	} cases[] = {
		{ "/bin/a", "/bin/a" },
		{ "/bin/none", "" },
		{ "/none/a", "" },
		{ "/bin/a/b", "" },
		{ "/bin", "" },
		{ "/bin/*", "/bin/a /bin/b" },
		{ "/bin/.*", "/bin/.hidden" },
		{ "/bin/[b-z]", "/bin/b" },
		{ "/bin/?", "/bin/a /bin/b" },
		{ "/v*/x", "/v1/x /v2/x" },
		{ "/*/x", "/v1/x /v2/x" },
		{ "/v1/\\*", "/v1/*" },
		{ "/v1/\\x", "/v1/x" },
		{ "/v1/{x,y}", "" },
		{ "/v1/~", "" },
		{ "/link", "/link" },
		{ "/linked/a", "/linked/a" },
		{ "/l*/a", "/linked/a" },
		{ "/dangling", "" },
		{ "/loop", "" },
		{ "/loop/x", "" },
	};
	g_autofree char *base = make_folder("/tmp");
	g_autofree char *link = g_build_filename(base, "link", NULL), *linked = g_build_filename(base, "linked", NULL);
	g_autofree char *dangling = g_build_filename(base, "dangling", NULL),
			*loop = g_build_filename(base, "loop", NULL);

	touch(base, "bin/a");
	touch(base, "bin/b");
	touch(base, "bin/.hidden");
	touch(base, "v1/x");
	touch(base, "v2/x");
	touch(base, "v1/*");
	g_assert_cmpint(symlink("bin/a", link), ==, 0);
	g_assert_cmpint(symlink("bin", linked), ==, 0);
	g_assert_cmpint(symlink("nothing", dangling), ==, 0);
	g_assert_cmpint(symlink("loop", loop), ==, 0);
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *found = find(base, cases[i].pattern);

		if (!g_str_equal(found, cases[i].found))
			g_error("%s found “%s” instead of “%s”", cases[i].pattern, found, cases[i].found);
	}
	remove_tree(base);
}

static void test_too_many_files_are_an_error_and_the_first_are_kept(void)
{
	g_autoptr(NgIdentity) identity = ng_identity_new();
	g_autoptr(GArray) files = ng_identity_files_new();
	g_autofree char *base = make_folder("/tmp"), *entry = g_build_filename(base, "*", NULL);
	g_autoptr(GError) error = NULL;

	touch(base, "a");
	touch(base, "b");
	touch(base, "c");
	g_assert_false(ng_identity_find(identity, entry, 2, files, &error));
	g_assert_nonnull(strstr(error->message, "too many files"));
	g_assert_cmpuint(files->len, ==, 2);
	remove_tree(base);
}

static void test_what_may_not_be_looked_at_is_an_error(void)
{
	g_autofree char *base = make_folder("/tmp"), *closed = g_build_filename(base, "closed", NULL);
	g_autofree char *entry = g_build_filename(base, "*", "x", NULL), *one = g_build_filename(closed, "x", NULL);
	pid_t pid = -1;
	int status = 0;

	touch(base, "closed/x");
	touch(base, "open/x");
	g_chmod(base, 0755);
	g_chmod(closed, 0700);
	if (geteuid() != 0) {
		g_chmod(closed, 0);
	}
	/* As somebody else where we are root, who may look at everything. */
	pid = fork();
	if (pid == 0) {
		g_autoptr(NgIdentity) identity = NULL;
		g_autoptr(GArray) files = ng_identity_files_new();
		g_autoptr(GError) error = NULL, other = NULL;

		if (geteuid() == 0 && setuid(65534) != 0)
			_exit(9);
		identity = ng_identity_new();
		if (ng_identity_find(identity, one, 10, files, &error) || files->len != 0)
			_exit(1);
		if (ng_identity_find(identity, entry, 10, files, &other) || files->len != 1)
			_exit(2);
		_exit(strstr(error->message, "/closed/x cannot be looked at") ? 0 : 3);
	}
	waitpid(pid, &status, 0);
	g_chmod(closed, 0700);
	remove_tree(base);
	g_assert_cmpint(status, ==, 0);
}

/* The dev and inode of the executable of a running copy, from its mappings. */
static void run_and_look(const char *path, guint32 *ret_dev, guint64 *ret_ino)
{
	const char *const argv[] = { path, "60", NULL };
	g_autofree char *maps = NULL, *maps_path = NULL;
	g_autoptr(GError) error = NULL;
	guint dev_major = 0, dev_minor = 0;
	guint64 ino = 0;
	char *end = NULL;
	GPid pid = 0;

	/* Returns once the exec has succeeded. */
	g_spawn_async(NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid, &error);
	g_assert_no_error(error);
	maps_path = g_strdup_printf("/proc/%d/maps", pid);
	g_file_get_contents(maps_path, &maps, NULL, &error);
	g_assert_no_error(error);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	end = strchr(maps, '\n');
	g_assert_nonnull(end);
	*end = '\0';
	g_test_message("%s", maps);
	g_assert_true(g_str_has_suffix(maps, path));
	g_assert_cmpint(sscanf(maps, "%*s %*s %*s %x:%x %" G_GUINT64_FORMAT, &dev_major, &dev_minor, &ino), ==, 3);
	*ret_dev = dev_major << 20 | dev_minor;
	*ret_ino = ino;
}

static void assert_kernel_agrees(NgIdentity *identity, const char *path)
{
	g_autoptr(GArray) files = ng_identity_files_new();
	g_autoptr(GError) error = NULL;
	guint32 dev = 0;
	guint64 ino = 0;

	ng_identity_find(identity, path, 1, files, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(files->len, ==, 1);
	run_and_look(path, &dev, &ino);
	g_assert_cmpuint(g_array_index(files, NgIdentityFile, 0).key.dev, ==, dev);
	g_assert_cmpuint(g_array_index(files, NgIdentityFile, 0).key.ino, ==, ino);
	g_assert_cmpuint(g_array_index(files, NgIdentityFile, 0).key.pad, ==, 0);
}

static void copy_sleep(const char *folder, const char *name)
{
	g_autofree char *path = g_build_filename(folder, name, NULL), *text = NULL;
	gsize length = 0;

	g_assert_true(g_file_get_contents("/bin/sleep", &text, &length, NULL));
	g_assert_true(g_file_set_contents_full(path, text, (gssize)length, G_FILE_SET_CONTENTS_CONSISTENT, 0755, NULL));
}

static void test_the_key_of_a_file_here_is_the_kernels(void)
{
	g_autoptr(NgIdentity) identity = ng_identity_new();
	g_autofree char *base = make_folder("/var/tmp"), *path = g_build_filename(base, "sleep", NULL);

	copy_sleep(base, "sleep");
	assert_kernel_agrees(identity, path);
	remove_tree(base);
}

/* Skips, and says why, where mounting is not possible. */
static gboolean enter_mount_namespace(void)
{
	if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
		return TRUE;
	g_test_skip_printf("no private mounts: %s", g_strerror(errno));
	return FALSE;
}

static void mount_overlay(const char *lower, const char *scratch, const char *merged)
{
	g_autofree char *upper = g_build_filename(scratch, "upper", NULL),
			*work = g_build_filename(scratch, "work", NULL);
	g_autofree char *options = g_strdup_printf("lowerdir=%s,upperdir=%s,workdir=%s", lower, upper, work);

	g_mkdir(upper, 0755);
	g_mkdir(work, 0755);
	if (mount("overlay", merged, "overlay", 0, options) < 0)
		g_error("overlay %s: %s", options, g_strerror(errno));
}

static void check_overlay(NgIdentity *identity, const char *lower, const char *scratch, const char *merged)
{
	g_autofree char *low = g_build_filename(merged, "low", NULL), *up = g_build_filename(merged, "up", NULL);

	copy_sleep(lower, "low");
	mount_overlay(lower, scratch, merged);
	copy_sleep(merged, "up");
	assert_kernel_agrees(identity, low);
	assert_kernel_agrees(identity, up);
	/* Copied up by a change of mode. */
	g_assert_cmpint(g_chmod(low, 0711), ==, 0);
	assert_kernel_agrees(identity, low);
	g_assert_cmpint(umount(merged), ==, 0);
}

static void test_the_key_of_a_file_on_other_file_systems_is_the_kernels(void)
{
	g_autoptr(NgIdentity) identity = NULL;
	g_autofree char *base = make_folder("/var/tmp");
	g_autofree char *tmpfs = g_build_filename(base, "tmpfs", NULL), *path = g_build_filename(tmpfs, "sleep", NULL);
	g_autofree char *low = g_build_filename(base, "low", NULL), *merged = g_build_filename(base, "merged", NULL);
	g_autofree char *low2 = g_build_filename(tmpfs, "low", NULL);
	g_autofree char *scratch = g_build_filename(tmpfs, "scratch", NULL);
	g_autofree char *scratch2 = g_build_filename(tmpfs, "scratch2", NULL);

	if (enter_mount_namespace()) {
		identity = ng_identity_new();
		g_mkdir(tmpfs, 0755);
		g_mkdir(low, 0755);
		g_mkdir(merged, 0755);
		/* Known mounts first, so that the new ones have to be noticed. */
		assert_kernel_agrees(identity, "/bin/sleep");
		g_assert_cmpint(mount("tmpfs", tmpfs, "tmpfs", 0, NULL), ==, 0);
		copy_sleep(tmpfs, "sleep");
		assert_kernel_agrees(identity, path);
		g_mkdir(low2, 0755);
		g_mkdir(scratch, 0755);
		g_mkdir(scratch2, 0755);
		check_overlay(identity, low, scratch, merged);   /* layers on two file systems */
		check_overlay(identity, low2, scratch2, merged); /* and on one */
		/* A mount id that is reused must not bring back the old device. */
		g_assert_cmpint(umount(tmpfs), ==, 0);
		g_assert_cmpint(mount("tmpfs", tmpfs, "tmpfs", 0, NULL), ==, 0);
		copy_sleep(tmpfs, "sleep");
		assert_kernel_agrees(identity, path);
		umount(tmpfs);
	}
	remove_tree(base);
}

static void assert_folders(const char *base, const char *pattern, const char *expected)
{
	g_autoptr(GHashTable) folders = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autofree char *entry = g_strconcat(base, pattern, NULL);
	g_auto(GStrv) wanted = g_strsplit(expected, " ", -1);

	ng_identity_folders(entry, folders);
	g_assert_true(g_hash_table_contains(folders, "/"));
	g_assert_true(g_hash_table_contains(folders, "/tmp"));
	g_assert_true(g_hash_table_contains(folders, base));
	for (guint i = 0; wanted[i]; i++) {
		g_autofree char *path = g_strconcat(base, wanted[i], NULL);

		if (*wanted[i] && !g_hash_table_contains(folders, path))
			g_error("%s: %s is missing", pattern, wanted[i]);
	}
	g_assert_cmpuint(g_hash_table_size(folders), ==, 3 + (*expected ? g_strv_length(wanted) : 0));
}

static void test_the_folders_that_decide_are_named(void)
{
	g_autofree char *base = make_folder("/tmp");
	g_autofree char *link = g_build_filename(base, "link", NULL), *exe = g_build_filename(base, "exe", NULL);

	touch(base, "bin/a");
	touch(base, "v1/x");
	touch(base, "v2/x");
	g_assert_cmpint(symlink("bin", link), ==, 0);
	g_assert_cmpint(symlink("link/a", exe), ==, 0);
	assert_folders(base, "/none", "");
	assert_folders(base, "/none/at/all", "");
	assert_folders(base, "/bin/a", "/bin");
	assert_folders(base, "/bin/none", "/bin");
	assert_folders(base, "/v*/x", "/v1 /v2");
	assert_folders(base, "/v*/none/x", "/v1 /v2");
	assert_folders(base, "/link/a", "/bin /link");
	assert_folders(base, "/exe", "/bin /link");
	remove_tree(base);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/identity/patterns mean what a shell would find", test_patterns_mean_what_a_shell_would_find);
	g_test_add_func("/identity/too many files are an error and the first are kept",
			test_too_many_files_are_an_error_and_the_first_are_kept);
	g_test_add_func("/identity/what may not be looked at is an error", test_what_may_not_be_looked_at_is_an_error);
	g_test_add_func("/identity/the key of a file here is the kernel's", test_the_key_of_a_file_here_is_the_kernels);
	g_test_add_func("/identity/the folders that decide are named", test_the_folders_that_decide_are_named);
	g_test_add_func("/identity/the key of a file on other file systems is the kernel's",
			test_the_key_of_a_file_on_other_file_systems_is_the_kernels);
	return g_test_run();
}
