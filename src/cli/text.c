/* SPDX-License-Identifier: MIT */
/* Text for terminals: contract in text.h. */
#include "cli/text.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <json-glib/json-glib.h>

/* Printed as they are: everything Unicode calls printable except format characters, which reorder or hide text (bidi
 * controls, zero-width ones), and the separators of lines and paragraphs. The two joiners are needed to write Persian,
 * Hindi and emoji. */
static gboolean is_harmless(gunichar c)
{
	if (c == 0x200c || c == 0x200d)
		return TRUE;
	switch ((int)g_unichar_type(c)) {
	case G_UNICODE_CONTROL:
	case G_UNICODE_FORMAT:
	case G_UNICODE_SURROGATE:
	case G_UNICODE_PRIVATE_USE:
	case G_UNICODE_UNASSIGNED:
	case G_UNICODE_LINE_SEPARATOR:
	case G_UNICODE_PARAGRAPH_SEPARATOR:
		return FALSE;
	default:
		return TRUE;
	}
}

char *ng_text_safe(const char *text)
{
	GString *safe = g_string_new(NULL);

	for (const char *p = text ? text : ""; *p;) {
		const gunichar c = g_utf8_get_char_validated(p, -1);

		if (c == (gunichar)-1 || c == (gunichar)-2) {
			g_string_append_printf(safe, "\\x%02x", (guint8)*p++);
			continue;
		}
		if (is_harmless(c))
			g_string_append_unichar(safe, c);
		else if (c < 0x80)
			g_string_append_printf(safe, "\\x%02x", c);
		else
			g_string_append_printf(safe, "\\u{%x}", c);
		p = g_utf8_next_char(p);
	}
	return g_string_free(safe, FALSE);
}

guint ng_text_width(const char *text)
{
	guint width = 0;

	for (const char *p = text; *p; p = g_utf8_next_char(p)) {
		const gunichar c = g_utf8_get_char(p);

		width += g_unichar_iszerowidth(c) ? 0 : g_unichar_iswide(c) ? 2 : 1;
	}
	return width;
}

char *ng_text_tone(const char *text, NgTone tone, gboolean use_colour)
{
	const char *code = NULL;

	switch (tone) {
	case NG_TONE_PLAIN:
		break;
	case NG_TONE_GOOD:
		code = "32";
		break;
	case NG_TONE_CARE:
		code = "33";
		break;
	case NG_TONE_BAD:
		code = "31";
		break;
	case NG_TONE_QUIET:
		code = "2";
		break;
	case NG_TONE_STRONG:
		code = "1";
		break;
	}
	if (!use_colour || !code || !*text)
		return g_strdup(text);
	return g_strdup_printf("\033[%sm%s\033[0m", code, text);
}

gboolean ng_text_wants_colour(void)
{
	const char *no_colour = g_getenv("NO_COLOR");
	const char *terminal = g_getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no_colour && *no_colour) && terminal && !g_str_equal(terminal, "dumb");
}

guint ng_text_terminal_width(void)
{
	struct winsize size = { 0 };

	return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

/* --- tables --- */

#define GAP 2          /* between columns */
#define MIN_WRAPPED 20 /* columns left for the last cell, or it is not wrapped */

typedef struct {
	char *text;
	guint width;
	NgTone tone;
} Cell;

typedef struct {
	char *title;
	guint width; /* 0: nothing but the title so far */
	gboolean is_number;
} Column;

struct _NgTable {
	GArray *columns;
	GArray *cells; /* row after row */
};

static void column_clear(gpointer data)
{
	g_free(((Column *)data)->title);
}

static void cell_clear(gpointer data)
{
	g_free(((Cell *)data)->text);
}

NgTable *ng_table_new(const char *const *titles)
{
	NgTable *table = g_new0(NgTable, 1);

	table->columns = g_array_new(FALSE, TRUE, sizeof(Column));
	g_array_set_clear_func(table->columns, column_clear);
	table->cells = g_array_new(FALSE, TRUE, sizeof(Cell));
	g_array_set_clear_func(table->cells, cell_clear);
	for (; *titles; titles++) {
		const gboolean is_number = **titles == '>';
		Column column = { .title = g_strdup(*titles + is_number), .is_number = is_number };

		g_array_append_val(table->columns, column);
	}
	return table;
}

void ng_table_free(NgTable *table)
{
	if (!table)
		return;
	g_array_unref(table->columns);
	g_array_unref(table->cells);
	g_free(table);
}

void ng_table_cell(NgTable *table, const char *text, NgTone tone)
{
	Column *column = &g_array_index(table->columns, Column, table->cells->len % table->columns->len);
	Cell cell = { .text = ng_text_safe(text), .tone = tone };

	cell.width = ng_text_width(cell.text);
	column->width = MAX(column->width, cell.width);
	g_array_append_val(table->cells, cell);
}

void ng_table_cell_take(NgTable *table, char *text)
{
	ng_table_cell(table, text, NG_TONE_PLAIN);
	g_free(text);
}

guint ng_table_rows(NgTable *table)
{
	return table->cells->len / table->columns->len;
}

static void append_cell(GString *out, const char *text, guint width, NgTone tone, const Column *column, guint room,
			gboolean use_colour)
{
	const guint space = room > width ? room - width : 0;
	g_autofree char *toned = ng_text_tone(text, tone, use_colour);

	if (out->len > 0 && out->str[out->len - 1] != '\n')
		g_string_append_printf(out, "%*s", GAP, "");
	if (column->is_number)
		g_string_append_printf(out, "%*s", (int)space, "");
	g_string_append(out, toned);
	if (!column->is_number)
		g_string_append_printf(out, "%*s", (int)space, "");
}

static void end_line(GString *out)
{
	while (out->len > 0 && out->str[out->len - 1] == ' ')
		g_string_truncate(out, out->len - 1);
	g_string_append_c(out, '\n');
}

/* `text` with line ends instead of spaces where it would pass `room` columns; continued lines begin `indent` columns
 * in. A word that is longer than the room stays whole. Owned by the caller. */
static char *wrap(const char *text, guint indent, guint room)
{
	g_auto(GStrv) words = g_strsplit(text, " ", -1);
	GString *out = g_string_new(NULL);
	guint used = 0;

	for (char **word = words; *word; word++) {
		const guint width = ng_text_width(*word);

		if (used > 0 && used + 1 + width > room) {
			g_string_append_printf(out, "\n%*s", (int)indent, "");
			used = 0;
		} else if (word != words) {
			g_string_append_c(out, ' ');
			used++;
		}
		g_string_append(out, *word);
		used += width;
	}
	return g_string_free(out, FALSE);
}

static guint column_room(const Column *column)
{
	return column->width ? MAX(column->width, ng_text_width(column->title)) : 0;
}

/* Row 0 is the titles. */
static void append_row(GString *out, const NgTable *table, guint row, guint terminal_width, gboolean use_colour)
{
	const guint n = table->columns->len;
	guint at = 0; /* columns of the terminal used so far */

	for (guint i = 0; i < n; i++) {
		const Column *column = &g_array_index(table->columns, Column, i);
		const Cell *cell = row ? &g_array_index(table->cells, Cell, (row - 1) * n + i) : NULL;
		const char *text = cell ? cell->text : column->title;
		const guint room = column_room(column);
		const gboolean must_wrap =
			i == n - 1 && at + room > terminal_width && at + MIN_WRAPPED <= terminal_width;
		g_autofree char *wrapped = must_wrap ? wrap(text, at, terminal_width - at) : NULL;

		if (column->width == 0)
			continue;
		append_cell(out, wrapped ? wrapped : text, ng_text_width(text), cell ? cell->tone : NG_TONE_QUIET,
			    column, room, use_colour);
		at += room + GAP;
	}
	end_line(out);
}

char *ng_table_text(NgTable *table, guint terminal_width, gboolean use_colour)
{
	GString *out = g_string_new(NULL);

	for (guint row = 0; ng_table_rows(table) > 0 && row <= ng_table_rows(table); row++)
		append_row(out, table, row, terminal_width, use_colour);
	return g_string_free(out, FALSE);
}

/* --- JSON --- */

char *ng_text_json_safe(const char *json)
{
	GString *safe = g_string_new(NULL);

	for (const char *p = json; *p; p = g_utf8_next_char(p)) {
		const gunichar c = g_utf8_get_char(p);

		/* Outside strings JSON has nothing but ASCII, so this touches only what is inside them. */
		if (c == '\n' || is_harmless(c))
			g_string_append_unichar(safe, c);
		else if (c < 0x10000)
			g_string_append_printf(safe, "\\u%04x", c);
		else
			g_string_append_printf(safe, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
					       0xdc00 + ((c - 0x10000) & 0x3ff));
	}
	return g_string_free(safe, FALSE);
}

char *ng_text_json(GVariant *value, gboolean is_pretty)
{
	g_autoptr(JsonNode) node = json_gvariant_serialize(value);
	g_autofree char *json = json_to_string(node, is_pretty);

	return ng_text_json_safe(json);
}
