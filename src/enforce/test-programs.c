// SPDX-License-Identifier: MIT
/*
 * The walk over what runs, against real processes: copies of this very executable (a copy is another file) that say
 * they are there and wait until their standard input ends.
 */
#include "enforce/programs.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NOBODY 65534
#define APP_KEY 42

static char *folder;
static char *original;

typedef struct {
	pid_t pid;
	int in; /* closed: it ends */
} Child;

static char *copy_new(const char *name)
{
	char *path = g_build_filename(folder, name, NULL);
	g_autofree char *bytes = NULL;
	gsize length;

	g_assert_true(g_file_get_contents(original, &bytes, &length, NULL));
	g_assert_true(g_file_set_contents(path, bytes, (gssize)length, NULL));
	g_assert_cmpint(g_chmod(path, 0755), ==, 0);
	return path;
}

static Child child_start(const char *path, uid_t uid, gboolean is_elsewhere)
{
	Child child;
	int in[2], out[2];
	char byte;

	g_assert_cmpint(pipe2(in, O_CLOEXEC), ==, 0);
	g_assert_cmpint(pipe2(out, O_CLOEXEC), ==, 0);
	child.pid = fork();
	g_assert_cmpint(child.pid, >=, 0);
	if (child.pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		if ((is_elsewhere && unshare(CLONE_NEWNS)) || (uid && setresuid(uid, uid, uid)))
			_exit(126);
		execl(path, path, "--wait", NULL);
		_exit(127);
	}
	child.in = in[1];
	close(in[0]);
	close(out[1]);
	g_assert_cmpint(read(out[0], &byte, 1), ==, 1);
	close(out[0]);
	return child;
}

static void child_end(Child child)
{
	close(child.in);
	g_assert_cmpint(waitpid(child.pid, NULL, 0), ==, child.pid);
}

typedef struct {
	const char *path;
	struct ng_program found;
	guint n, n_all;
} Search;

static void search_take(void *user_data, const struct ng_program *program)
{
	Search *search = user_data;

	search->n_all++;
	if (!g_str_equal(program->path, search->path))
		return;
	search->found = *program;
	search->n++;
}

static void identify(void *self, struct ng_program *one)
{
	if (g_str_equal(one->path, self))
		one->app_key = APP_KEY;
}

static Search walk(const char *path)
{
	Search search = { .path = path };
	uint32_t left_out = 1, unseen;

	g_assert_cmpint(ng_programs_walk(identify, (void *)path, search_take, &search, &left_out, &unseen), ==, 0);
	g_assert_cmpuint(left_out, ==, 0);
	return search;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void test_together(void)
{
	g_autofree char *path = copy_new("together");
	const uint64_t before = now_ms();
	Child first = child_start(path, 0, FALSE), second = child_start(path, 0, FALSE);
	Search search = walk(path);
	struct stat st;

	g_assert_cmpint(stat(path, &st), ==, 0);
	g_assert_cmpuint(search.n, ==, 1);
	g_assert_cmpuint(search.n_all, >, 1);
	g_assert_cmpuint(search.found.processes, ==, 2);
	g_assert_cmpuint(search.found.key.ino, ==, st.st_ino);
	g_assert_cmpuint(search.found.key.dev, !=, 0);
	g_assert_cmpuint(search.found.app_key, ==, APP_KEY);
	g_assert_cmpuint(search.found.n_uids, ==, 1);
	g_assert_cmpuint(search.found.uids[0], ==, getuid());
	g_assert_cmpuint(search.found.flags, ==, 0);
	/* Start times are told in hundredths of a second. */
	g_assert_cmpuint(search.found.started_ms, >=, before - 10);
	g_assert_cmpuint(search.found.started_ms, <=, now_ms());
	child_end(first);
	search = walk(path);
	g_assert_cmpuint(search.found.processes, ==, 1);
	g_assert_cmpint((int)search.found.pid, ==, second.pid);
	child_end(second);
	g_assert_cmpuint(walk(path).n, ==, 0);
}

static void test_oldest(void)
{
	g_autofree char *path = copy_new("oldest");
	Child first = child_start(path, 0, FALSE), second;
	const uint64_t started = walk(path).found.started_ms;

	while (now_ms() < started + 30)
		g_thread_yield();
	second = child_start(path, 0, FALSE);
	g_assert_cmpuint(walk(path).found.started_ms, ==, started);
	g_assert_cmpuint(walk(path).found.youngest_ms, >, started);
	g_assert_cmpint((int)walk(path).found.pid, ==, first.pid);
	child_end(first);
	g_assert_cmpuint(walk(path).found.started_ms, >, started);
	child_end(second);
}

static void test_deleted(void)
{
	g_autofree char *path = copy_new("deleted"), *odd = copy_new("odd (deleted)");
	Child child = child_start(path, 0, FALSE), other = child_start(odd, 0, FALSE);
	Search search;

	g_assert_cmpint(g_unlink(path), ==, 0);
	search = walk(path);
	g_assert_cmpuint(search.n, ==, 1);
	g_assert_cmpuint(search.found.flags & NG_PROGRAM_DELETED, !=, 0);
	search = walk(odd);
	g_assert_cmpuint(search.n, ==, 1);
	g_assert_cmpuint(search.found.flags & NG_PROGRAM_DELETED, ==, 0);
	child_end(child);
	child_end(other);
}

static void test_replaced(void)
{
	g_autofree char *path = copy_new("replaced"), *next = NULL;
	Child before = child_start(path, 0, FALSE), after;

	next = copy_new("next");
	g_assert_cmpint(g_rename(next, path), ==, 0);
	after = child_start(path, 0, FALSE);
	g_assert_cmpuint(walk(path).n, ==, 2); /* one path, two files */
	child_end(before);
	child_end(after);
}

static void test_users(void)
{
	g_autofree char *path = copy_new("users");
	Child root, nobody;
	Search search;

	if (geteuid() != 0) {
		g_test_skip("only root can start a program as another user");
		return;
	}
	nobody = child_start(path, NOBODY, FALSE);
	root = child_start(path, 0, FALSE);
	search = walk(path);
	g_assert_cmpuint(search.n, ==, 1);
	g_assert_cmpuint(search.found.n_uids, ==, 2);
	g_assert_cmpuint(search.found.uids[0], ==, 0);
	g_assert_cmpuint(search.found.uids[1], ==, NOBODY);
	child_end(root);
	child_end(nobody);
}

static void test_elsewhere(void)
{
	g_autofree char *path = copy_new("elsewhere");
	Child there, here;

	if (geteuid() != 0) {
		g_test_skip("only root can make a mount namespace");
		return;
	}
	there = child_start(path, 0, TRUE);
	g_assert_cmpuint(walk(path).found.flags & NG_PROGRAM_ELSEWHERE, !=, 0);
	here = child_start(path, 0, FALSE);
	g_assert_cmpuint(walk(path).found.flags & NG_PROGRAM_ELSEWHERE, ==, 0);
	child_end(there);
	child_end(here);
}

static void no_kernel_thread(void *user_data, const struct ng_program *program)
{
	g_assert_cmpuint(program->pid, !=, 2); /* kthreadd */
	g_assert_cmpuint(program->processes, >, 0);
	g_assert_true(program->path[0] == '/' || program->path[0] == '\0');
}

static void test_kernel_threads(void)
{
	uint32_t left_out, unseen;

	g_assert_cmpint(ng_programs_walk(NULL, NULL, no_kernel_thread, NULL, &left_out, &unseen), ==, 0);
}

/* A path that does not fit is not told by halves. */
static void test_long_path(void)
{
	g_autofree char *name = g_strnfill(200, 'x'), *path = NULL, *bytes = NULL;
	g_autofree char *deep = g_build_filename(folder, name, name, name, NULL);
	Child child;
	gsize length;

	g_assert_cmpint(g_mkdir_with_parents(deep, 0755), ==, 0);
	path = g_build_filename(deep, "long", NULL);
	g_assert_true(g_file_get_contents(original, &bytes, &length, NULL));
	g_assert_true(g_file_set_contents(path, bytes, (gssize)length, NULL));
	g_assert_cmpint(g_chmod(path, 0755), ==, 0);
	child = child_start(path, 0, FALSE);
	g_assert_cmpuint(walk(path).n, ==, 0);
	g_assert_cmpuint(walk("").n, >=, 1);
	child_end(child);
}

static void remove_tree(const char *path)
{
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		g_autofree char *one = g_build_filename(path, name, NULL);

		remove_tree(one);
	}
	g_assert_cmpint(g_remove(path), ==, 0);
}

int main(int argc, char **argv)
{
	int r;

	if (argc == 2 && strcmp(argv[1], "--wait") == 0) {
		char byte = '+';

		if (write(1, &byte, 1) != 1)
			return 1;
		while (read(0, &byte, 1) > 0)
			;
		return 0;
	}
	signal(SIGPIPE, SIG_IGN);
	g_test_init(&argc, &argv, NULL);
	original = g_file_read_link("/proc/self/exe", NULL);
	folder = g_dir_make_tmp("netguard-programs-XXXXXX", NULL);
	g_assert_cmpint(g_chmod(folder, 0755), ==, 0);
	g_test_add_func("/programs/processes of one file are one program", test_together);
	g_test_add_func("/programs/the oldest process and its start are told", test_oldest);
	g_test_add_func("/programs/a file that was deleted is told by its path and marked", test_deleted);
	g_test_add_func("/programs/a file that was replaced is another program", test_replaced);
	g_test_add_func("/programs/every user who runs it is named once", test_users);
	g_test_add_func("/programs/only what nobody runs in the first mount namespace is elsewhere", test_elsewhere);
	g_test_add_func("/programs/threads of the kernel are no programs", test_kernel_threads);
	g_test_add_func("/programs/a path that does not fit is left empty", test_long_path);
	r = g_test_run();
	remove_tree(folder);
	g_free(folder);
	g_free(original);
	return r;
}
