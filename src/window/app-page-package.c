/* SPDX-License-Identifier: MIT */
/* Which package a file comes from: see app-page-package.h. */
#include "window/app-page-package.h"

#include <glib/gi18n.h>

#include "window/app-page-texts.h"

#define PROGRAM "dpkg-query"

/* Task data: the path. */

static GSubprocess *process_new(const char *const *arguments, GError **error)
{
	g_autoptr(GSubprocessLauncher) launcher =
		g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE);

	g_subprocess_launcher_setenv(launcher, "LC_ALL", "C.UTF-8", TRUE);
	return g_subprocess_launcher_spawnv(launcher, arguments, error);
}

/* What it printed; NULL: cancelled, then it is ended. */
static char *process_output(GObject *source, GAsyncResult *result)
{
	g_autofree char *output = NULL;

	if (!g_subprocess_communicate_utf8_finish(G_SUBPROCESS(source), result, &output, NULL, NULL)) {
		g_subprocess_force_exit(G_SUBPROCESS(source));
		return NULL;
	}
	return g_steal_pointer(&output);
}

static void version_known(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GTask) task = data;
	g_autofree char *output = process_output(source, result);

	if (!g_task_return_error_if_cancelled(task))
		g_task_return_pointer(task, g_strstrip(g_strdup(output ? output : "")), g_free);
}

static void ask_version(GTask *task, const char *package)
{
	const char *const arguments[] = { PROGRAM, "--show", "--showformat=${Package} ${Version}", package, NULL };
	g_autoptr(GError) error = NULL;
	g_autoptr(GSubprocess) process = process_new(arguments, &error);

	if (process)
		g_subprocess_communicate_utf8_async(process, NULL, g_task_get_cancellable(task), version_known,
						    g_object_ref(task));
	else
		g_task_return_error(task, g_steal_pointer(&error));
}

static void owner_known(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GTask) task = data;
	const char *const paths[] = { g_task_get_task_data(task), NULL };
	g_autofree char *output = process_output(source, result);
	g_autofree char *package = output ? ngw_page_package_parse(output, paths) : NULL;

	if (g_task_return_error_if_cancelled(task))
		return;
	if (package)
		ask_version(task, package);
	else
		g_task_return_pointer(task, g_strdup(""), g_free);
}

void ngw_page_package_find(const char *path, GCancellable *cancellable, GAsyncReadyCallback callback,
			   gpointer user_data)
{
	g_autoptr(GTask) task = g_task_new(NULL, cancellable, callback, user_data);
	g_auto(GStrv) patterns = ngw_page_package_patterns(path);
	g_autoptr(GPtrArray) arguments = g_ptr_array_new();
	g_autoptr(GSubprocess) process = NULL;
	g_autoptr(GError) error = NULL;

	g_task_set_task_data(task, g_strdup(path), g_free);
	g_ptr_array_add(arguments, PROGRAM);
	g_ptr_array_add(arguments, "--search");
	for (char **pattern = patterns; *pattern; pattern++)
		g_ptr_array_add(arguments, *pattern);
	g_ptr_array_add(arguments, NULL);
	process = process_new((const char *const *)arguments->pdata, &error);
	if (process)
		g_subprocess_communicate_utf8_async(process, NULL, cancellable, owner_known, g_object_ref(task));
	else
		g_task_return_error(task, g_steal_pointer(&error));
}

char *ngw_page_package_finish(GAsyncResult *result, GError **error)
{
	return g_task_propagate_pointer(G_TASK(result), error);
}
