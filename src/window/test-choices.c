/* SPDX-License-Identifier: MIT */
/* The choices file: what was chosen is there the next time; damage is survived, said and kept aside. */
#include "window/choices.h"

#include <glib/gstdio.h>
#include <unistd.h>

typedef struct {
	char *folder, *file, *autostart;
} World;

static void world_init(World *world, gconstpointer unused)
{
	world->folder = g_dir_make_tmp("ng-choices-XXXXXX", NULL);
	g_assert_nonnull(world->folder);
	world->file = g_build_filename(world->folder, "netguard", "window.conf", NULL);
	world->autostart = g_build_filename(world->folder, "autostart", "org.networkguard.Window.desktop", NULL);
}

static void world_done(World *world, gconstpointer unused)
{
	static const char *const names[] = { "netguard/window.conf", "netguard/window.conf.damaged", "netguard",
					     "autostart/org.networkguard.Window.desktop", "autostart" };

	for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *path = g_build_filename(world->folder, names[i], NULL);

		g_chmod(path, 0700);
		g_remove(path);
	}
	g_assert_cmpint(g_rmdir(world->folder), ==, 0);
	g_free(world->folder);
	g_free(world->file);
	g_free(world->autostart);
}

static void write_damage(World *world, const char *text)
{
	g_autofree char *folder = g_path_get_dirname(world->file);

	g_assert_cmpint(g_mkdir_with_parents(folder, 0700), ==, 0);
	g_assert_true(g_file_set_contents(world->file, text, -1, NULL));
}

static void without_a_file_the_usual_choices_hold(World *world, gconstpointer unused)
{
	g_autoptr(NgwChoices) choices = ngw_choices_new(world->folder);

	g_assert_false(ngw_choices_welcomed(choices));
	g_assert_true(ngw_choices_notify(choices));
	g_assert_false(ngw_choices_background(choices));
	g_assert_cmpstr(ngw_choices_scheme(choices), ==, "default");
	g_assert_false(ngw_choices_is_muted(choices, "curl"));
	g_assert_null(ngw_choices_problem(choices));
	g_assert_false(g_file_test(world->file, G_FILE_TEST_EXISTS));
}

static void what_was_chosen_is_there_the_next_time(World *world, gconstpointer unused)
{
	static const char odd[] = "/opt/a;b\\c = [x]\n#\xc3\xa9 ";
	g_autoptr(NgwChoices) first = ngw_choices_new(world->folder);
	g_autoptr(NgwChoices) second = NULL;
	GStatBuf info;

	ngw_choices_set_welcomed(first, TRUE);
	ngw_choices_set_notify(first, FALSE);
	ngw_choices_set_scheme(first, "dark");
	ngw_choices_set_scheme(first, "purple");
	ngw_choices_set_muted(first, "curl", TRUE);
	ngw_choices_set_muted(first, odd, TRUE);
	ngw_choices_set_muted(first, "wget", TRUE);
	ngw_choices_set_muted(first, "curl", FALSE);
	ngw_choices_flush(first);
	g_assert_cmpint(g_stat(world->file, &info), ==, 0);
	g_assert_cmpint(info.st_mode & 0777, ==, 0600);

	second = ngw_choices_new(world->folder);
	g_assert_null(ngw_choices_problem(second));
	g_assert_true(ngw_choices_welcomed(second));
	g_assert_false(ngw_choices_notify(second));
	g_assert_cmpstr(ngw_choices_scheme(second), ==, "dark");
	g_assert_false(ngw_choices_is_muted(second, "curl"));
	g_assert_true(ngw_choices_is_muted(second, odd));
	g_assert_true(ngw_choices_is_muted(second, "wget"));
}

static void the_last_commands_are_kept_newest_first(World *world, gconstpointer unused)
{
	g_autoptr(NgwChoices) first = ngw_choices_new(world->folder);
	g_autoptr(NgwChoices) second = NULL;

	for (guint i = 0; i < NGW_CHOICES_MAX_COMMANDS + 3; i++) {
		g_autofree char *command = g_strdup_printf("make 'a;b' %u", i);

		ngw_choices_add_command(first, command);
	}
	ngw_choices_add_command(first, "make 'a;b' 7");
	ngw_choices_flush(first);
	second = ngw_choices_new(world->folder);
	g_assert_cmpuint(g_strv_length((GStrv)ngw_choices_commands(second)), ==, NGW_CHOICES_MAX_COMMANDS);
	g_assert_cmpstr(ngw_choices_commands(second)[0], ==, "make 'a;b' 7");
	g_assert_cmpstr(ngw_choices_commands(second)[1], ==, "make 'a;b' 12");
	g_assert_cmpstr(ngw_choices_commands(second)[NGW_CHOICES_MAX_COMMANDS - 1], ==, "make 'a;b' 3");
	ngw_choices_add_command(second, NULL);
	g_assert_null(ngw_choices_commands(second)[0]);
	ngw_choices_flush(second);
}

static void a_damaged_file_is_as_none_and_kept_aside(World *world, gconstpointer unused)
{
	static const char *const damage[] = { "[Window\nNotify=false\n", "[Window]\nNotify=perhaps\n", "\xff\xfe\x00",
					      "[Window]\nNotify=false\nAppearance=purple\n", "Notify=false\n" };
	g_autofree char *aside = g_strconcat(world->file, ".damaged", NULL);

	for (gsize i = 0; i < G_N_ELEMENTS(damage); i++) {
		g_autoptr(NgwChoices) choices = NULL;
		g_autofree char *kept = NULL;

		write_damage(world, damage[i]);
		g_test_expect_message(G_LOG_DOMAIN, G_LOG_LEVEL_MESSAGE, "*could not be read*");
		choices = ngw_choices_new(world->folder);
		g_test_assert_expected_messages();
		g_assert_nonnull(ngw_choices_problem(choices));
		g_assert_true(ngw_choices_notify(choices));
		g_assert_cmpstr(ngw_choices_scheme(choices), ==, "default");
		ngw_choices_set_welcomed(choices, TRUE);
		ngw_choices_flush(choices);
		g_assert_true(g_file_get_contents(aside, &kept, NULL, NULL));
		g_assert_cmpstr(kept, ==, damage[i]);
		g_clear_object(&choices);
		choices = ngw_choices_new(world->folder);
		g_assert_null(ngw_choices_problem(choices));
		g_assert_true(ngw_choices_welcomed(choices));
	}
}

static void a_file_of_endless_size_is_not_read(World *world, gconstpointer unused)
{
	g_autoptr(NgwChoices) choices = NULL;

	write_damage(world, "");
	g_assert_cmpint(truncate(world->file, G_GINT64_CONSTANT(1) << 32), ==, 0);
	g_test_expect_message(G_LOG_DOMAIN, G_LOG_LEVEL_MESSAGE, "*could not be read*");
	choices = ngw_choices_new(world->folder);
	g_test_assert_expected_messages();
	g_assert_nonnull(ngw_choices_problem(choices));
}

static void background_is_a_file_in_autostart(World *world, gconstpointer unused)
{
	g_autoptr(NgwChoices) choices = ngw_choices_new(world->folder);
	g_autoptr(NgwChoices) later = NULL;
	g_autoptr(GKeyFile) entry = g_key_file_new();
	g_autofree char *command = NULL;

	ngw_choices_set_background(choices, TRUE);
	ngw_choices_flush(choices);
	g_assert_true(ngw_choices_background(choices));
	g_assert_true(g_key_file_load_from_file(entry, world->autostart, G_KEY_FILE_NONE, NULL));
	command = g_key_file_get_string(entry, "Desktop Entry", "Exec", NULL);
	g_assert_cmpstr(command, ==, "netguard-window --background");

	later = ngw_choices_new(world->folder);
	g_assert_true(ngw_choices_background(later));
	ngw_choices_set_background(later, FALSE);
	ngw_choices_flush(later);
	g_assert_false(g_file_test(world->autostart, G_FILE_TEST_EXISTS));
}

static void an_autostart_file_that_is_gone_turns_background_off(World *world, gconstpointer unused)
{
	g_autoptr(NgwChoices) choices = ngw_choices_new(world->folder);
	g_autoptr(NgwChoices) later = NULL;

	ngw_choices_set_background(choices, TRUE);
	ngw_choices_flush(choices);
	g_assert_cmpint(g_unlink(world->autostart), ==, 0);
	later = ngw_choices_new(world->folder);
	g_assert_false(ngw_choices_background(later));
}

static void background_stays_off_when_autostart_cannot_be_written(World *world, gconstpointer unused)
{
	g_autoptr(NgwChoices) choices = ngw_choices_new(world->folder);
	g_autofree char *in_the_way = g_path_get_dirname(world->autostart);

	g_assert_true(g_file_set_contents(in_the_way, "a file", -1, NULL));
	g_test_expect_message(G_LOG_DOMAIN, G_LOG_LEVEL_MESSAGE, "*could not be changed*");
	ngw_choices_set_background(choices, TRUE);
	g_test_assert_expected_messages();
	g_assert_false(ngw_choices_background(choices));
	g_assert_nonnull(ngw_choices_problem(choices));
}

static void the_muted_longest_ago_makes_room(World *world, gconstpointer unused)
{
	g_autoptr(NgwChoices) choices = ngw_choices_new(world->folder);

	for (guint i = 0; i <= NGW_CHOICES_MAX_MUTED; i++) {
		g_autofree char *key = g_strdup_printf("app-%u", i);

		ngw_choices_set_muted(choices, key, TRUE);
	}
	g_assert_false(ngw_choices_is_muted(choices, "app-0"));
	g_assert_true(ngw_choices_is_muted(choices, "app-1"));
	g_assert_true(ngw_choices_is_muted(choices, "app-1000"));
	ngw_choices_flush(choices);
}

static void count(guint *times)
{
	(*times)++;
}

static void changed_is_told_once_for_what_is_new(World *world, gconstpointer unused)
{
	g_autoptr(NgwChoices) choices = ngw_choices_new(world->folder);
	guint times = 0;

	g_signal_connect_swapped(choices, "changed", G_CALLBACK(count), &times);
	ngw_choices_set_notify(choices, TRUE);
	ngw_choices_set_muted(choices, "curl", FALSE);
	ngw_choices_set_scheme(choices, "default");
	g_assert_cmpuint(times, ==, 0);
	ngw_choices_set_notify(choices, FALSE);
	ngw_choices_set_muted(choices, "curl", TRUE);
	g_assert_cmpuint(times, ==, 2);
	ngw_choices_flush(choices);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *path;
		void (*run)(World *world, gconstpointer unused);
	} tests[] = {
		{ "/choices/none", without_a_file_the_usual_choices_hold },
		{ "/choices/round-trip", what_was_chosen_is_there_the_next_time },
		{ "/choices/commands", the_last_commands_are_kept_newest_first },
		{ "/choices/damage", a_damaged_file_is_as_none_and_kept_aside },
		{ "/choices/size", a_file_of_endless_size_is_not_read },
		{ "/choices/background", background_is_a_file_in_autostart },
		{ "/choices/autostart-gone", an_autostart_file_that_is_gone_turns_background_off },
		{ "/choices/autostart-fails", background_stays_off_when_autostart_cannot_be_written },
		{ "/choices/limit", the_muted_longest_ago_makes_room },
		{ "/choices/changed", changed_is_told_once_for_what_is_new },
	};

	g_test_init(&argc, &argv, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
		g_test_add(tests[i].path, World, NULL, world_init, tests[i].run, world_done);
	return g_test_run();
}
