/* SPDX-License-Identifier: MIT */
/* Who guessed wrong and how long each waits (see guesses.h). A change is written first and then remembered. */
#include "guardd/guesses.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define HEAD "netguard-guesses 2\n"
#define MAX_FILE 4096 /* bytes; a line has at most 43 */
#define NOBODY G_MAXUINT

G_STATIC_ASSERT((NG_GUESSES_MAX_UIDS + 1) * 43 + sizeof HEAD < MAX_FILE);

typedef struct {
	guint32 uid;
	guint32 failures; /* at least 1 */
	gint64 over;      /* when its wait is over, or the time of the guess where there is none */
} Entry;

struct _NgGuesses {
	char *path;
	GArray *entries;      /* Entry, one for each uid */
	gint64 everyone_over; /* of a file that tells no uids */
};

/* --- the file --- */

static gboolean entry_parse(const char *line, Entry *ret_entry)
{
	g_auto(GStrv) words = g_strsplit(line, " ", 4);
	guint64 uid, failures, over;

	if (g_strv_length(words) != 3 || !g_ascii_string_to_unsigned(words[0], 10, 0, G_MAXUINT32 - 1, &uid, NULL) ||
	    !g_ascii_string_to_unsigned(words[1], 10, 1, G_MAXUINT32, &failures, NULL) ||
	    !g_ascii_string_to_unsigned(words[2], 10, 0, G_MAXINT64, &over, NULL))
		return FALSE;
	*ret_entry = (Entry){ .uid = (guint32)uid, .failures = (guint32)failures, .over = (gint64)over };
	return TRUE;
}

static guint entry_find(const GArray *entries, guint32 uid)
{
	for (guint i = 0; i < entries->len; i++)
		if (g_array_index(entries, Entry, i).uid == uid)
			return i;
	return NOBODY;
}

/* Root's place is its own. */
static gboolean is_full(const GArray *entries)
{
	const guint n_root = entry_find(entries, 0) != NOBODY;

	return entries->len - n_root >= NG_GUESSES_MAX_UIDS;
}

static gboolean entries_parse(NgGuesses *guesses, const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	const guint n = g_strv_length(lines);

	if (n > 0 && *lines[n - 1] != '\0')
		return FALSE; /* cut short */
	for (guint i = 0; i + 1 < n; i++) {
		Entry entry;

		if (!entry_parse(lines[i], &entry) || entry_find(guesses->entries, entry.uid) != NOBODY ||
		    (entry.uid != 0 && is_full(guesses->entries)))
			return FALSE;
		g_array_append_val(guesses->entries, entry);
	}
	return TRUE;
}

/* The one line of before: "FAILURES OVER", of everybody. */
static gboolean old_parse(NgGuesses *guesses, const char *text)
{
	g_auto(GStrv) words = g_strsplit(text, " ", 3);
	guint64 failures, over;

	if (g_strv_length(words) != 2 || !g_str_has_suffix(words[1], "\n"))
		return FALSE;
	g_strchomp(words[1]);
	if (!g_ascii_string_to_unsigned(words[0], 10, 0, G_MAXUINT32, &failures, NULL) ||
	    !g_ascii_string_to_unsigned(words[1], 10, 0, G_MAXINT64, &over, NULL))
		return FALSE;
	guesses->everyone_over = (gint64)over;
	return TRUE;
}

/* FALSE: it tells nothing. */
static gboolean guesses_read(NgGuesses *guesses)
{
	ng_auto_fd fd = open(guesses->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char text[MAX_FILE + 1];
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT;
	n = read(fd, text, sizeof text);
	if (n <= 0 || n > MAX_FILE || memchr(text, '\0', (size_t)n))
		return FALSE;
	text[n] = '\0';
	if (g_str_has_prefix(text, HEAD))
		return entries_parse(guesses, text + strlen(HEAD));
	return old_parse(guesses, text);
}

/* Takes the entries over when they are on disk. */
static gboolean guesses_write(NgGuesses *guesses, GArray *entries, GError **error)
{
	g_autoptr(GString) text = g_string_new(HEAD);

	for (guint i = 0; i < entries->len; i++) {
		const Entry *entry = &g_array_index(entries, Entry, i);

		g_string_append_printf(text, "%u %u %" G_GINT64_FORMAT "\n", entry->uid, entry->failures, entry->over);
	}
	if (!g_file_set_contents_full(guesses->path, text->str, (gssize)text->len,
				      G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0600, error))
		return FALSE;
	g_array_unref(guesses->entries);
	guesses->entries = g_array_ref(entries);
	guesses->everyone_over = 0; /* whoever may guess has waited for it */
	return TRUE;
}

NgGuesses *ng_guesses_new(const char *path, gint64 now)
{
	NgGuesses *guesses = g_new0(NgGuesses, 1);

	guesses->path = g_strdup(path);
	guesses->entries = g_array_new(FALSE, FALSE, sizeof(Entry));
	if (!guesses_read(guesses)) { /* as if it were the worst */
		g_array_set_size(guesses->entries, 0);
		guesses->everyone_over = now + NG_GUESSES_MAX_WAIT_S;
	}
	return guesses;
}

void ng_guesses_free(NgGuesses *guesses)
{
	if (!guesses)
		return;
	g_array_unref(guesses->entries);
	g_free(guesses->path);
	g_free(guesses);
}

/* --- who waits --- */

static gint64 wait_of(guint32 failures)
{
	const guint32 beyond = failures > NG_GUESSES_FREE ? failures - NG_GUESSES_FREE : 0;

	if (beyond == 0)
		return 0;
	return beyond > 9 ? NG_GUESSES_MAX_WAIT_S : MIN(1 << (beyond - 1), NG_GUESSES_MAX_WAIT_S);
}

/* The clock was set back: nobody waits longer than the longest wait. */
static void guesses_bound(NgGuesses *guesses, gint64 now)
{
	const gint64 latest = now + NG_GUESSES_MAX_WAIT_S;

	guesses->everyone_over = MIN(guesses->everyone_over, latest);
	for (guint i = 0; i < guesses->entries->len; i++) {
		Entry *entry = &g_array_index(guesses->entries, Entry, i);

		entry->over = MIN(entry->over, latest);
	}
}

/* The place of whoever's wait has been over for longest, which can be had when that was long ago. */
static guint entry_oldest(const GArray *entries)
{
	guint oldest = NOBODY;

	for (guint i = 0; i < entries->len; i++) {
		const Entry *entry = &g_array_index(entries, Entry, i);

		if (entry->uid != 0 && (oldest == NOBODY || entry->over < g_array_index(entries, Entry, oldest).over))
			oldest = i;
	}
	return oldest;
}

static gint64 own_over(const GArray *entries, guint32 uid)
{
	const guint i = entry_find(entries, uid);
	const Entry *entry;

	if (i != NOBODY) {
		entry = &g_array_index(entries, Entry, i);
		return entry->failures > NG_GUESSES_FREE ? entry->over : 0;
	}
	if (uid == 0 || !is_full(entries))
		return 0;
	return g_array_index(entries, Entry, entry_oldest(entries)).over + NG_GUESSES_FORGET_S;
}

gint64 ng_guesses_retry_at(NgGuesses *guesses, guint32 uid, gint64 now)
{
	gint64 over;

	guesses_bound(guesses, now);
	over = MAX(guesses->everyone_over, own_over(guesses->entries, uid));
	return over > now ? over : 0;
}

gboolean ng_guesses_count(NgGuesses *guesses, guint32 uid, gint64 now, GError **error)
{
	g_autoptr(GArray) entries = NULL;
	Entry *entry;
	guint i;

	if (ng_guesses_retry_at(guesses, uid, now) > 0) {
		g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_AGAIN,
				    "Too many passphrases were wrong. Try again later.");
		return FALSE;
	}
	entries = g_array_copy(guesses->entries);
	i = entry_find(entries, uid);
	if (i == NOBODY) {
		const Entry fresh = { .uid = uid };

		if (uid != 0 && is_full(entries))
			g_array_remove_index(entries, entry_oldest(entries));
		i = entries->len;
		g_array_append_val(entries, fresh);
	}
	entry = &g_array_index(entries, Entry, i);
	entry->failures = MIN(entry->failures, G_MAXUINT32 - 1) + 1;
	entry->over = now + wait_of(entry->failures);
	return guesses_write(guesses, entries, error);
}

gboolean ng_guesses_forgive(NgGuesses *guesses, guint32 uid, GError **error)
{
	g_autoptr(GArray) entries = g_array_copy(guesses->entries);
	const guint i = entry_find(entries, uid);

	if (i != NOBODY)
		g_array_remove_index(entries, i);
	return guesses_write(guesses, entries, error);
}
