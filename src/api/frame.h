/* SPDX-License-Identifier: MIT */
/*
 * Where a D-Bus message ends, told from its first 16 bytes before anything is allocated for it; and replies put
 * together from a body that was marshalled once. GLib marshals and parses; this is only the envelope. Pure functions.
 *
 * Source: D-Bus specification, "Message Format".
 */
#ifndef NG_API_FRAME_H
#define NG_API_FRAME_H

#include <gio/gio.h>

G_BEGIN_DECLS

#define NG_FRAME_HEADER 16

/* The length of the whole message that begins with `header`; 0 when these are not the first bytes of a message, or it
 * would be longer than `limit`. */
gsize ng_frame_length(const guint8 header[NG_FRAME_HEADER], gsize limit);

/* The body of a message with these arguments, marshalled in this machine's byte order. `parameters` is a tuple, a
 * floating reference is taken. NULL: it is longer than the format allows. */
GBytes *ng_frame_body(GVariant *parameters);

/* The envelope of a method's reply with a body of `length` bytes whose types are `signature` (without the parentheses).
 * The two sent one after the other are one message. */
GBytes *ng_frame_reply_header(guint32 serial, guint32 reply_serial, const char *signature, gsize length);

G_END_DECLS
#endif
