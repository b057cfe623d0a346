/* SPDX-License-Identifier: MIT */
/* STATE/mode: a key file with one group (see mode.h). Written and read by the engine alone. */
#include "guardd/mode.h"

#define GROUP "Mode"

const char *ng_mode_text(guint32 mode)
{
	switch (mode) {
	case NG_MODE_PAUSED:
		return "paused";
	case NG_MODE_PANIC:
		return "panic";
	default:
		return "normal";
	}
}

gboolean ng_mode_read(const char *state, NgMode *ret_mode, GError **error)
{
	g_autofree char *path = g_build_filename(state, "mode", NULL);
	g_autoptr(GKeyFile) file = g_key_file_new();
	g_autoptr(GError) local = NULL;
	g_autofree char *mode = NULL;

	*ret_mode = (NgMode){ NG_MODE_NORMAL, 0 };
	if (!g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, &local)) {
		if (g_error_matches(local, G_FILE_ERROR, G_FILE_ERROR_NOENT))
			return TRUE;
		g_propagate_prefixed_error(error, g_steal_pointer(&local), "%s: ", path);
		return FALSE;
	}
	mode = g_key_file_get_string(file, GROUP, "Mode", NULL);
	if (g_strcmp0(mode, "panic") == 0) {
		ret_mode->mode = NG_MODE_PANIC;
	} else if (g_strcmp0(mode, "paused") == 0) {
		ret_mode->mode = NG_MODE_PAUSED;
		ret_mode->paused_until = g_key_file_get_int64(file, GROUP, "Until", NULL);
	} else if (g_strcmp0(mode, "normal") != 0) {
		g_set_error(error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_INVALID_VALUE,
			    "%s: Mode= is not one of normal, paused, panic; taken as normal.", path);
		return FALSE;
	}
	return TRUE;
}

gboolean ng_mode_write(const char *state, const NgMode *mode, GError **error)
{
	g_autofree char *path = g_build_filename(state, "mode", NULL);
	g_autofree char *text = g_strdup_printf("[" GROUP "]\nMode=%s\nUntil=%" G_GINT64_FORMAT "\n",
						ng_mode_text(mode->mode), mode->paused_until);

	return g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
					0600, error);
}
