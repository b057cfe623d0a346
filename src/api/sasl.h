/* SPDX-License-Identifier: MIT */
/*
 * The server's side of the D-Bus authentication conversation, for one mechanism: EXTERNAL, where the identity is what
 * the kernel says about the socket's other end, and what the client claims may only agree with it. A pure state
 * machine: bytes in, bytes out, no allocation but the answer, no reading, no clock. Runs in the engine.
 *
 * Source: D-Bus specification, "Authentication Protocol", with the server states WaitingForAuth, WaitingForData and
 * WaitingForBegin.
 */
#ifndef NG_API_SASL_H
#define NG_API_SASL_H

#include <glib.h>

G_BEGIN_DECLS

#define NG_SASL_MAX_LINE 512 /* bytes of one line without CR LF */
#define NG_SASL_MAX_LINES 10 /* then the conversation fails */

typedef enum {
	NG_SASL_NUL,   /* the first byte, which is zero */
	NG_SASL_AUTH,  /* WaitingForAuth */
	NG_SASL_DATA,  /* WaitingForData: AUTH EXTERNAL came without its initial response */
	NG_SASL_BEGIN, /* WaitingForBegin: who it is has been settled */
	NG_SASL_DONE,  /* messages follow */
	NG_SASL_FAILED /* close the socket, answer nothing */
} NgSaslState;

typedef struct {
	NgSaslState state;
	guint32 uid;   /* of the socket's other end, as the kernel says */
	char guid[33]; /* of the server: 32 hexadecimal digits */
	guint lines;   /* so far */
	gsize n;       /* bytes in `line` */
	char line[NG_SASL_MAX_LINE + 2];
} NgSasl;

/* `guid` is copied; it has 32 characters. */
void ng_sasl_init(NgSasl *sasl, guint32 uid, const char *guid);

/* Take in up to `length` bytes and append what is to be answered to `reply`. Returns how many bytes were used: all of
 * them, or less once the state is DONE (the rest is messages) or FAILED. */
gsize ng_sasl_feed(NgSasl *sasl, const guint8 *data, gsize length, GString *reply);

G_END_DECLS
#endif
