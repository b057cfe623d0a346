/* SPDX-License-Identifier: MIT */
/*
 * The envelope of messages (see frame.h). Runs in the engine on bytes of anybody: every sum is made in 64 bits and held
 * against the limit before it is believed.
 */
#include "api/frame.h"

#include <string.h>

#include "api/interface.h"

static guint32 frame_word(const guint8 *bytes, gboolean big)
{
	guint32 word;

	memcpy(&word, bytes, sizeof word);
	return big ? GUINT32_FROM_BE(word) : GUINT32_FROM_LE(word);
}

gsize ng_frame_length(const guint8 header[NG_FRAME_HEADER], gsize limit)
{
	const gboolean big = header[0] == 'B';
	guint64 total;

	if ((header[0] != 'l' && header[0] != 'B') || header[3] != 1)
		return 0;
	/* 16 bytes, the header's fields padded to a multiple of 8, the body. */
	total = (NG_FRAME_HEADER + (guint64)frame_word(header + 12, big) + 7) & ~G_GUINT64_CONSTANT(7);
	total += frame_word(header + 4, big);
	return total <= limit ? (gsize)total : 0;
}

GBytes *ng_frame_body(GVariant *parameters)
{
	g_autoptr(GDBusMessage) message = g_dbus_message_new();
	g_autofree guchar *blob = NULL;
	gsize length, body;

	/* A signal, because its envelope needs no number to answer. */
	g_dbus_message_set_message_type(message, G_DBUS_MESSAGE_TYPE_SIGNAL);
	g_dbus_message_set_path(message, NG_API_OBJECT);
	g_dbus_message_set_interface(message, NG_API_INTERFACE);
	g_dbus_message_set_member(message, "Body");
	g_dbus_message_set_serial(message, 1);
	g_dbus_message_set_body(message, parameters);
	blob = g_dbus_message_to_blob(message, &length, G_DBUS_CAPABILITY_FLAGS_NONE, NULL);
	if (!blob)
		return NULL;
	body = frame_word(blob + 4, G_BYTE_ORDER == G_BIG_ENDIAN);
	return g_bytes_new(blob + length - body, body);
}

static void frame_put(GByteArray *out, guint32 word)
{
	g_byte_array_append(out, (const guint8 *)&word, sizeof word);
}

static void frame_pad(GByteArray *out)
{
	static const guint8 zeros[8];

	g_byte_array_append(out, zeros, (8 - out->len % 8) % 8);
}

GBytes *ng_frame_reply_header(guint32 serial, guint32 reply_serial, const char *signature, gsize length)
{
	const guint8 start[] = { G_BYTE_ORDER == G_BIG_ENDIAN ? 'B' : 'l', G_DBUS_MESSAGE_TYPE_METHOD_RETURN, 0, 1 };
	const guint8 reply_field[] = { G_DBUS_MESSAGE_HEADER_FIELD_REPLY_SERIAL, 1, 'u', 0 };
	const guint8 signature_field[] = { G_DBUS_MESSAGE_HEADER_FIELD_SIGNATURE, 1, 'g', 0 };
	GByteArray *out = g_byte_array_new();
	const guint8 signature_length = (guint8)strlen(signature);
	guint32 fields;

	g_byte_array_append(out, start, sizeof start);
	frame_put(out, (guint32)length);
	frame_put(out, serial);
	frame_put(out, 0);
	g_byte_array_append(out, reply_field, sizeof reply_field);
	frame_put(out, reply_serial);
	if (signature_length > 0) {
		g_byte_array_append(out, signature_field, sizeof signature_field);
		g_byte_array_append(out, &signature_length, 1);
		g_byte_array_append(out, (const guint8 *)signature, signature_length + 1u);
	}
	fields = out->len - NG_FRAME_HEADER;
	memcpy(out->data + 12, &fields, sizeof fields);
	frame_pad(out);
	return g_byte_array_free_to_bytes(out);
}
