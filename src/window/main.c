/* SPDX-License-Identifier: MIT */
/* netguard-window: the window over the guard. Runs as the user, with no power of its own. */
#include <glib/gi18n.h>
#include <locale.h>

#include "window/application.h"
#include "window/loop-log.h"

int main(int argc, char **argv)
{
	g_autoptr(NgwApplication) application = NULL;

	setlocale(LC_ALL, "");
	bindtextdomain(GETTEXT_PACKAGE, NG_LOCALE_DIR);
	bind_textdomain_codeset(GETTEXT_PACKAGE, "UTF-8");
	textdomain(GETTEXT_PACKAGE);
	g_set_application_name(_("Network Guard"));
	ngw_loop_log_start();
	application = ngw_application_new();
	return g_application_run(G_APPLICATION(application), argc, argv);
}
