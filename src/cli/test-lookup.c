/* SPDX-License-Identifier: MIT */
/* Commands in PATH, paths, near misses, in a folder of the test's own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gio/gio.h>

#include "cli/lookup.h"

static char *root; /* real path, no symbolic links */

static char *at(const char *name)
{
	return g_build_filename(root, name, NULL);
}

static void make_file(const char *name, const char *text, int mode)
{
	g_autofree char *path = at(name);

	g_assert_true(g_file_set_contents(path, text, -1, NULL));
	g_assert_cmpint(chmod(path, (mode_t)mode), ==, 0);
}

static void make_root(void)
{
	g_autofree char *made = g_dir_make_tmp("ng-lookup-XXXXXX", NULL);
	g_autofree char *bin = NULL, *link = NULL, *alias = NULL, *folder = NULL;

	root = realpath(made, NULL);
	bin = at("bin");
	link = at("sbin");
	alias = at("bin/alias");
	folder = at("bin/folder");
	g_assert_cmpint(mkdir(bin, 0755) | mkdir(folder, 0755), ==, 0);
	g_assert_cmpint(symlink("bin", link) | symlink("tool", alias), ==, 0);
	make_file("bin/tool", "\177ELF", 0755);
	make_file("bin/data", "text", 0644);
	make_file("bin/script", "#! /usr/bin/python3 -I\nprint()\n", 0755);
	make_file("bin/empty-script", "#!\n", 0755);
}

static void remove_root(void)
{
	static const char *const names[] = { "bin/tool",  "bin/data",   "bin/script", "bin/empty-script",
					     "bin/alias", "bin/folder", "sbin",       "bin",
					     "" };

	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *path = at(names[i]);

		(void)remove(path);
	}
	free(root);
}

static void check_absolute(const char *path, const char *wanted)
{
	g_autofree char *absolute = ng_lookup_absolute(path);
	g_autofree char *expected = wanted ? at(wanted) : NULL;

	g_assert_cmpstr(absolute, ==, expected);
}

static void the_folder_is_resolved_and_the_last_link_is_not(void)
{
	g_autofree char *through_link = at("sbin/tool"), *alias = at("bin/../sbin/./alias"), *missing = at("bin/later");

	check_absolute(through_link, "bin/tool");
	check_absolute(alias, "bin/alias");
	check_absolute(missing, "bin/later");
}

static void relative_paths_start_where_one_stands(void)
{
	g_autofree char *bin = at("bin"), *before = g_get_current_dir();

	g_assert_cmpint(chdir(bin), ==, 0);
	check_absolute("./tool", "bin/tool");
	check_absolute("../sbin/tool", "bin/tool");
	check_absolute("tool", "bin/tool");
	g_assert_cmpint(chdir(before), ==, 0);
}

static void what_names_no_file_is_refused(void)
{
	g_autofree char *trailing = at("bin/"), *nowhere = at("none/tool"), *parent = at("bin/..");

	check_absolute(trailing, NULL);
	check_absolute(nowhere, NULL);
	check_absolute(parent, NULL);
	check_absolute("/", NULL);
	check_absolute(".", NULL);
}

static void check_command(const char *command, const char *search, const char *wanted)
{
	g_autofree char *found = ng_lookup_command(command, search);
	g_autofree char *expected = wanted ? at(wanted) : NULL;

	g_assert_cmpstr(found, ==, expected);
}

static void commands_are_found_as_a_shell_finds_them(void)
{
	g_autofree char *search = g_strdup_printf("/nonexistent:%s/sbin:%s/bin", root, root);

	check_command("tool", search, "bin/tool");
	check_command("alias", search, "bin/alias");
	check_command("data", search, NULL);   /* not executable */
	check_command("folder", search, NULL); /* not a file */
	check_command("none", search, NULL);
	check_command("", search, NULL);
	check_command("bin/tool", root, NULL);
	check_command("tool", NULL, NULL);
}

static void the_folder_one_stands_in_is_not_searched(void)
{
	g_autofree char *bin = at("bin"), *before = g_get_current_dir();

	g_assert_cmpint(chdir(bin), ==, 0);
	check_command("tool", "", NULL);
	check_command("tool", ".:", NULL);
	check_command("tool", "../bin", NULL);
	g_assert_cmpint(chdir(before), ==, 0);
}

static void distance_counts_slips(void)
{
	g_assert_cmpuint(ng_lookup_distance("", ""), ==, 0);
	g_assert_cmpuint(ng_lookup_distance("curl", "Curl"), ==, 0);
	g_assert_cmpuint(ng_lookup_distance("curl", "crul"), ==, 1);
	g_assert_cmpuint(ng_lookup_distance("curl", "cur"), ==, 1);
	g_assert_cmpuint(ng_lookup_distance("curl", "curly"), ==, 1);
	g_assert_cmpuint(ng_lookup_distance("kitten", "sitting"), ==, 3);
	g_assert_cmpuint(ng_lookup_distance("", "abc"), ==, 3);
	g_assert_cmpuint(ng_lookup_distance("\xc3\xbc", "u"), ==, 1);
}

static void only_near_words_are_suggested(void)
{
	static const char *const words[] = { "firefox", "Curl", "ssh", "wget", "\xff", NULL };
	g_autofree char *long_word = g_strnfill(1000, 'a');

	g_assert_cmpstr(ng_lookup_nearest("firefxo", words), ==, "firefox");
	g_assert_cmpstr(ng_lookup_nearest("crul", words), ==, "Curl");
	g_assert_cmpstr(ng_lookup_nearest("sssh", words), ==, "ssh");
	g_assert_null(ng_lookup_nearest("zzzz", words));
	g_assert_null(ng_lookup_nearest("x", words));
	g_assert_null(ng_lookup_nearest("", words));
	g_assert_null(ng_lookup_nearest(long_word, words));
	g_assert_null(ng_lookup_nearest("\xff\xfe", words));
}

static void check_caveat(const char *name, const char *part)
{
	g_autofree char *path = at(name);
	g_autofree char *caveat = ng_lookup_caveat(path);

	if (part)
		g_assert_nonnull(strstr(caveat ? caveat : "", part));
	else
		g_assert_null(caveat);
}

static void a_rule_that_would_not_reach_is_told(void)
{
	check_caveat("bin/tool", NULL);
	check_caveat("bin/alias", NULL);
	check_caveat("bin/empty-script", NULL);
	check_caveat("bin/script", "sees /usr/bin/python3 run");
	check_caveat("bin/folder", "is not a program file");
	check_caveat("bin/later", "there is no file");
}

int main(int argc, char **argv)
{
	int result;

	g_test_init(&argc, &argv, NULL);
	make_root();
	g_test_add_func("/lookup/the folder is resolved and the last link is not",
			the_folder_is_resolved_and_the_last_link_is_not);
	g_test_add_func("/lookup/relative paths start where one stands", relative_paths_start_where_one_stands);
	g_test_add_func("/lookup/what names no file is refused", what_names_no_file_is_refused);
	g_test_add_func("/lookup/commands are found as a shell finds them", commands_are_found_as_a_shell_finds_them);
	g_test_add_func("/lookup/the folder one stands in is not searched", the_folder_one_stands_in_is_not_searched);
	g_test_add_func("/lookup/distance counts slips", distance_counts_slips);
	g_test_add_func("/lookup/only near words are suggested", only_near_words_are_suggested);
	g_test_add_func("/lookup/a rule that would not reach is told", a_rule_that_would_not_reach_is_told);
	result = g_test_run();
	remove_root();
	return result;
}
