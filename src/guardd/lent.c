/* SPDX-License-Identifier: MIT */
/* Uids that are lent (see lent.h). Lines that are not "OWNER:FIRST:COUNT" are passed over, as subuid(5)'s readers do.
 */
#include "guardd/lent.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#define MAX_LINE 512 /* bytes */

static gboolean line_has(const char *line, guint32 uid, guint32 *ret_first)
{
	g_auto(GStrv) words = g_strsplit(line, ":", 4);
	guint64 first, count;

	if (g_strv_length(words) != 3 || !g_ascii_string_to_unsigned(words[1], 10, 1, G_MAXUINT32, &first, NULL) ||
	    !g_ascii_string_to_unsigned(words[2], 10, 1, G_MAXUINT32, &count, NULL) || uid < first ||
	    uid - first >= count)
		return FALSE;
	*ret_first = (guint32)first;
	return TRUE;
}

guint32 ng_lent_first(const char *path, guint32 uid)
{
	ng_auto_file file = fopen(path, "re");
	char line[MAX_LINE];
	guint32 first = uid;

	while (file && fgets(line, sizeof line, file)) {
		line[strcspn(line, "\n")] = '\0';
		if (line_has(line, uid, &first))
			break;
	}
	return first;
}
