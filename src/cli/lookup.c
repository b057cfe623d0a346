/* SPDX-License-Identifier: MIT */
/* From typed words to paths and ids: contract in lookup.h. */
#include "cli/lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define MAX_WORD 64 /* letters compared; longer words are never near */

char *ng_lookup_absolute(const char *path)
{
	g_autofree char *folder = g_path_get_dirname(path);
	g_autofree char *name = g_path_get_basename(path);
	char real[PATH_MAX];

	if (g_str_equal(name, ".") || g_str_equal(name, "..") || g_str_equal(name, "/") || g_str_has_suffix(path, "/"))
		return NULL;
	if (!realpath(folder, real))
		return NULL;
	return g_build_filename(real, name, NULL);
}

static gboolean is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

char *ng_lookup_command(const char *command, const char *search)
{
	g_auto(GStrv) folders = NULL;

	if (!search || !*command || strchr(command, '/'))
		return NULL;
	folders = g_strsplit(search, ":", -1);
	for (char **folder = folders; *folder; folder++) {
		g_autofree char *path = g_build_filename(*folder, command, NULL);

		if (**folder == '/' && is_program(path))
			return ng_lookup_absolute(path);
	}
	return NULL;
}

/* --- near misses --- */

static gsize fold(const char *word, gunichar out[MAX_WORD + 1])
{
	g_autofree char *folded = g_utf8_validate(word, -1, NULL) ? g_utf8_casefold(word, -1) : NULL;
	gsize n = 0;

	for (const char *p = folded ? folded : ""; *p && n <= MAX_WORD; p = g_utf8_next_char(p))
		out[n++] = g_utf8_get_char(p);
	return n;
}

/* Insertions, deletions, changes, and swaps of neighbours. */
static guint distance(const gunichar *a, gsize n, const gunichar *b, gsize m)
{
	guint rows[3][MAX_WORD + 2];
	guint *before = rows[0], *last = rows[1], *now = rows[2];

	for (gsize j = 0; j <= m; j++)
		last[j] = j;
	for (gsize i = 1; i <= n; i++) {
		guint *free_row = before;

		now[0] = i;
		for (gsize j = 1; j <= m; j++) {
			now[j] = MIN(MIN(last[j], now[j - 1]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = MIN(now[j], before[j - 2] + 1);
		}
		before = last;
		last = now;
		now = free_row;
	}
	return last[m];
}

guint ng_lookup_distance(const char *a, const char *b)
{
	gunichar x[MAX_WORD + 1], y[MAX_WORD + 1];
	const gsize n = fold(a, x), m = fold(b, y);

	if (n > MAX_WORD || m > MAX_WORD)
		return G_MAXUINT;
	return distance(x, n, y, m);
}

const char *ng_lookup_nearest(const char *word, const char *const *words)
{
	const char *nearest = NULL;
	gunichar letters[MAX_WORD + 1];
	const gsize n = fold(word, letters);
	guint best = n < 2 || n > MAX_WORD ? 0 : MAX((guint)n / 3, 1) + 1; /* to be beaten */

	for (; *words; words++) {
		const guint d = ng_lookup_distance(word, *words);

		if (d < best) {
			best = d;
			nearest = *words;
		}
	}
	return nearest;
}

/* --- caveats --- */

static char *interpreter_of(const char *path)
{
	char line[256] = "";
	char *start;
	ng_auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0 || read(fd, line, sizeof(line) - 1) < 3 || line[0] != '#' || line[1] != '!')
		return NULL;
	start = line + 2 + strspn(line + 2, " \t");
	start[strcspn(start, " \t\n")] = '\0';
	return *start ? g_strdup(start) : NULL;
}

char *ng_lookup_caveat(const char *path)
{
	g_autofree char *interpreter = NULL;
	struct stat st;

	if (stat(path, &st) < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return g_strdup_printf("there is no file %s now; the rule waits for it", path);
		return NULL; /* it cannot be told from here, which is no news about the rule */
	}
	if (!S_ISREG(st.st_mode))
		return g_strdup_printf("%s is not a program file: name the executable inside it", path);
	interpreter = interpreter_of(path);
	if (interpreter)
		return g_strdup_printf(
			"%s is a script: the kernel sees %s run, so this rule does not reach it. Choose for "
			"the interpreter, or for the program that starts the script",
			path, interpreter);
	return NULL;
}
