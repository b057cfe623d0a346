/* SPDX-License-Identifier: MIT */
/*
 * The authentication conversation (see sasl.h). Each line is looked up in one table; what a state does not know is
 * answered with ERROR and the state stays, as the specification says. Nothing the client says is trusted: a claimed
 * identity must be the kernel's or empty.
 */
#include "api/sasl.h"

#include <string.h>

void ng_sasl_init(NgSasl *sasl, guint32 uid, const char *guid)
{
	memset(sasl, 0, sizeof *sasl);
	sasl->state = NG_SASL_NUL;
	sasl->uid = uid;
	g_strlcpy(sasl->guid, guid, sizeof sasl->guid);
}

static void sasl_reject(NgSasl *sasl, GString *reply)
{
	sasl->state = NG_SASL_AUTH;
	g_string_append(reply, "REJECTED EXTERNAL\r\n");
}

/* `hex` is the claimed identity: the decimal uid in ASCII, each byte as two hexadecimal digits; or nothing. */
static void sasl_claim(NgSasl *sasl, const char *hex, GString *reply)
{
	char uid[16], wanted[32 + 1];
	int n = g_snprintf(uid, sizeof uid, "%u", sasl->uid);

	for (int i = 0; i < n; i++)
		g_snprintf(wanted + 2 * i, 3, "%02x", (unsigned int)uid[i]);
	if (*hex && g_ascii_strcasecmp(hex, wanted) != 0) {
		sasl_reject(sasl, reply);
		return;
	}
	sasl->state = NG_SASL_BEGIN;
	g_string_append_printf(reply, "OK %s\r\n", sasl->guid);
}

static void sasl_auth(NgSasl *sasl, const char *rest, GString *reply)
{
	if (strcmp(rest, "EXTERNAL") == 0) {
		sasl->state = NG_SASL_DATA;
		g_string_append(reply, "DATA\r\n");
	} else if (g_str_has_prefix(rest, "EXTERNAL ")) {
		sasl_claim(sasl, rest + strlen("EXTERNAL "), reply);
	} else {
		sasl_reject(sasl, reply);
	}
}

static void sasl_cancel(NgSasl *sasl, const char *rest, GString *reply)
{
	sasl_reject(sasl, reply);
}

static void sasl_begin(NgSasl *sasl, const char *rest, GString *reply)
{
	sasl->state = NG_SASL_DONE;
}

static void sasl_fail(NgSasl *sasl, const char *rest, GString *reply)
{
	sasl->state = NG_SASL_FAILED;
}

static void sasl_no_fds(NgSasl *sasl, const char *rest, GString *reply)
{
	g_string_append(reply, "ERROR descriptors are not taken\r\n");
}

static const struct {
	NgSaslState state;
	const char *command;
	void (*handle)(NgSasl *sasl, const char *rest, GString *reply);
} sasl_commands[] = {
	{ NG_SASL_AUTH, "AUTH", sasl_auth },
	{ NG_SASL_AUTH, "ERROR", sasl_cancel },
	{ NG_SASL_AUTH, "BEGIN", sasl_fail },
	{ NG_SASL_DATA, "DATA", sasl_claim },
	{ NG_SASL_DATA, "CANCEL", sasl_cancel },
	{ NG_SASL_DATA, "ERROR", sasl_cancel },
	{ NG_SASL_DATA, "BEGIN", sasl_fail },
	{ NG_SASL_BEGIN, "BEGIN", sasl_begin },
	{ NG_SASL_BEGIN, "NEGOTIATE_UNIX_FD", sasl_no_fds },
	{ NG_SASL_BEGIN, "CANCEL", sasl_cancel },
	{ NG_SASL_BEGIN, "ERROR", sasl_cancel },
};

static void sasl_line(NgSasl *sasl, GString *reply)
{
	const char *space = strchr(sasl->line, ' ');
	gsize length = space ? (gsize)(space - sasl->line) : strlen(sasl->line);
	const char *rest = space ? space + 1 : "";

	for (gsize i = 0; i < G_N_ELEMENTS(sasl_commands); i++) {
		if (sasl_commands[i].state == sasl->state && strlen(sasl_commands[i].command) == length &&
		    memcmp(sasl_commands[i].command, sasl->line, length) == 0) {
			sasl_commands[i].handle(sasl, rest, reply);
			return;
		}
	}
	g_string_append(reply, "ERROR not understood here\r\n");
}

/* One byte of a line. Lines are ASCII without control characters and end with CR LF. */
static void sasl_byte(NgSasl *sasl, guint8 byte, GString *reply)
{
	const gboolean after_cr = sasl->n > 0 && sasl->line[sasl->n - 1] == '\r';

	if (after_cr ? byte != '\n' : (byte != '\r' && (byte < 0x20 || byte > 0x7e))) {
		sasl->state = NG_SASL_FAILED;
	} else if (after_cr) {
		sasl->line[sasl->n - 1] = '\0';
		sasl->n = 0;
		if (++sasl->lines > NG_SASL_MAX_LINES)
			sasl->state = NG_SASL_FAILED;
		else
			sasl_line(sasl, reply);
	} else if (sasl->n > NG_SASL_MAX_LINE || (sasl->n == NG_SASL_MAX_LINE && byte != '\r')) {
		sasl->state = NG_SASL_FAILED;
	} else {
		sasl->line[sasl->n++] = (char)byte;
	}
}

gsize ng_sasl_feed(NgSasl *sasl, const guint8 *data, gsize length, GString *reply)
{
	gsize used = 0;

	while (used < length && sasl->state != NG_SASL_DONE && sasl->state != NG_SASL_FAILED) {
		const guint8 byte = data[used++];

		if (sasl->state == NG_SASL_NUL)
			sasl->state = byte == 0 ? NG_SASL_AUTH : NG_SASL_FAILED;
		else
			sasl_byte(sasl, byte, reply);
	}
	return used;
}
