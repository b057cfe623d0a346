/* SPDX-License-Identifier: MIT */
/* Where a message ends, and the envelope of replies, compared with what GLib makes and reads. */
#include <string.h>

#include "api/frame.h"
#include "api/interface.h"

static void test_length(void)
{
	for (int big = 0; big < 2; big++) {
		for (gsize n = 0; n < 40; n++) {
			g_autoptr(GDBusMessage) message =
				g_dbus_message_new_method_call(NULL, NG_API_OBJECT, NG_API_INTERFACE, "Explain");
			g_autofree char *text = g_strnfill(n, 'x');
			g_autofree guchar *blob = NULL;
			gsize length;

			g_dbus_message_set_byte_order(message, big ? G_DBUS_MESSAGE_BYTE_ORDER_BIG_ENDIAN
								   : G_DBUS_MESSAGE_BYTE_ORDER_LITTLE_ENDIAN);
			g_dbus_message_set_body(message, g_variant_new("(s)", text));
			g_dbus_message_set_serial(message, 1);
			blob = g_dbus_message_to_blob(message, &length, G_DBUS_CAPABILITY_FLAGS_NONE, NULL);
			g_assert_cmpuint(ng_frame_length(blob, NG_API_MAX_MESSAGE), ==, length);
			g_assert_cmpuint(ng_frame_length(blob, length), ==, length);
			g_assert_cmpuint(ng_frame_length(blob, length - 1), ==, 0);
		}
	}
}

static void test_refused(void)
{
	static const guint8 headers[][NG_FRAME_HEADER] = {
		{ 'x', 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0 },             /* no byte order */
		{ 'l', 1, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0 },             /* another version */
		{ 'l', 1, 0, 1, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 0, 0, 0 }, /* a huge body */
		{ 'l', 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff }, /* huge fields */
		{ 'l', 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0xf0, 0xff, 0xff, 0xff }, /* 32 bits would overflow */
		{ 'l', 1, 0, 1, 0xf8, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0xf8, 0xff, 0xff, 0xff }, /* twice */
		{ 'B', 1, 0, 1, 0x08, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0 },                      /* 128 MiB */
	};

	for (gsize i = 0; i < G_N_ELEMENTS(headers); i++)
		g_assert_cmpuint(ng_frame_length(headers[i], NG_API_MAX_DOCUMENT), ==, 0);
}

static void test_reply(void)
{
	static const char *const values[] = { "()", "('text',)", "(true,)", "({'a': <1>, 'b': <'x'>, 'c': <int64 5>},)",
					      "([{'a': <uint64 1>}, {'b': <['x', 'y']>}],)" };

	for (gsize i = 0; i < G_N_ELEMENTS(values); i++) {
		g_autoptr(GVariant) value = g_variant_ref_sink(g_variant_new_parsed(values[i]));
		g_autoptr(GBytes) body = ng_frame_body(value);
		const char *type = g_variant_get_type_string(value);
		g_autofree char *signature = g_strndup(type + 1, strlen(type) - 2);
		g_autoptr(GBytes) header = ng_frame_reply_header(7, 42, signature, g_bytes_get_size(body));
		g_autoptr(GByteArray) whole = g_byte_array_new();
		g_autoptr(GDBusMessage) message = NULL;
		g_autoptr(GError) error = NULL;

		g_byte_array_append(whole, g_bytes_get_data(header, NULL), (guint)g_bytes_get_size(header));
		if (g_bytes_get_size(body) > 0)
			g_byte_array_append(whole, g_bytes_get_data(body, NULL), (guint)g_bytes_get_size(body));
		g_assert_cmpuint(ng_frame_length(whole->data, NG_API_MAX_MESSAGE), ==, whole->len);
		message = g_dbus_message_new_from_blob(whole->data, whole->len, G_DBUS_CAPABILITY_FLAGS_NONE, &error);
		g_assert_no_error(error);
		g_assert_cmpint(g_dbus_message_get_message_type(message), ==, G_DBUS_MESSAGE_TYPE_METHOD_RETURN);
		g_assert_cmpuint(g_dbus_message_get_serial(message), ==, 7);
		g_assert_cmpuint(g_dbus_message_get_reply_serial(message), ==, 42);
		if (g_variant_n_children(value) > 0)
			g_assert_true(g_variant_equal(g_dbus_message_get_body(message), value));
		else
			g_assert_null(g_dbus_message_get_body(message));
	}
}

static void test_description(void)
{
	GDBusInterfaceInfo *info = ng_api_interface_info();

	g_assert_cmpstr(info->name, ==, NG_API_INTERFACE);
	g_assert_nonnull(g_dbus_interface_info_lookup_method(info, "SetProfile"));
	g_assert_nonnull(g_dbus_interface_info_lookup_signal(info, "Attempt"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/frame/a message ends where GLib says", test_length);
	g_test_add_func("/frame/what is too long or no message is refused from its first bytes", test_refused);
	g_test_add_func("/frame/a reply put together is the reply GLib reads", test_reply);
	g_test_add_func("/frame/the built-in description is the interface", test_description);
	return g_test_run();
}
