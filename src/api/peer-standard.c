/* SPDX-License-Identifier: MIT */
/*
 * What every D-Bus object offers, on the socket (on the bus GLib offers it): org.freedesktop.DBus.Peer, Introspectable,
 * an empty Properties.GetAll, and of org.freedesktop.DBus itself as much as a client that takes us for a bus says first
 * (busctl --address). No state, no power; answers at once.
 *
 * Source: D-Bus specification, "Standard Interfaces" and "Message Bus Messages".
 */
#include "api/peer.h"

static const char introspection_head[] =
	"<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n"
	" \"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n<node>\n";
static const char introspection_standard[] =
	"  <interface name=\"org.freedesktop.DBus.Peer\">\n"
	"    <method name=\"Ping\"/>\n"
	"    <method name=\"GetMachineId\"><arg name=\"machine_uuid\" type=\"s\" direction=\"out\"/></method>\n"
	"  </interface>\n"
	"  <interface name=\"org.freedesktop.DBus.Introspectable\">\n"
	"    <method name=\"Introspect\"><arg name=\"xml_data\" type=\"s\" direction=\"out\"/></method>\n"
	"  </interface>\n";

/* The next step of the way from `path` to our object; NULL when it is not on the way. */
static char *standard_child(const char *path)
{
	const gsize length = g_str_equal(path, "/") ? 0 : strlen(path);
	const char *rest = NG_API_OBJECT + length;

	if (strncmp(path, NG_API_OBJECT, length) != 0 || *rest != '/')
		return NULL;
	rest++;
	return g_strndup(rest, strcspn(rest, "/"));
}

static GVariant *standard_introspect(NgPeer *peer, GDBusMessage *message)
{
	const char *path = g_dbus_message_get_path(message);
	g_autoptr(GString) xml = g_string_new(introspection_head);
	g_autofree char *child = standard_child(path);

	g_string_append(xml, introspection_standard);
	if (g_str_equal(path, NG_API_OBJECT))
		g_dbus_interface_info_generate_xml(ng_api_interface_info(), 2, xml);
	else if (child)
		g_string_append_printf(xml, "  <node name=\"%s\"/>\n", child);
	g_string_append(xml, "</node>\n");
	return g_variant_new("(s)", xml->str);
}

static GVariant *standard_ping(NgPeer *peer, GDBusMessage *message)
{
	return g_variant_new("()");
}

/* Zeros where the machine has none: the specification has no error for it. */
static GVariant *standard_machine_id(NgPeer *peer, GDBusMessage *message)
{
	g_autofree char *id = NULL;

	if (!g_file_get_contents("/etc/machine-id", &id, NULL, NULL) &&
	    !g_file_get_contents("/var/lib/dbus/machine-id", &id, NULL, NULL))
		id = g_strdup("00000000000000000000000000000000");
	return g_variant_new("(s)", g_strstrip(id));
}

static GVariant *standard_properties(NgPeer *peer, GDBusMessage *message)
{
	return g_variant_new("(a{sv})", NULL);
}

static GVariant *standard_hello(NgPeer *peer, GDBusMessage *message)
{
	return g_variant_new("(s)", ":1.1");
}

static const struct {
	const char *interface;
	const char *member;
	const char *signature;
	GVariant *(*answer)(NgPeer *peer, GDBusMessage *message);
} standard_methods[] = {
	{ "org.freedesktop.DBus.Peer", "Ping", "", standard_ping },
	{ "org.freedesktop.DBus.Peer", "GetMachineId", "", standard_machine_id },
	{ "org.freedesktop.DBus.Introspectable", "Introspect", "", standard_introspect },
	{ "org.freedesktop.DBus.Properties", "GetAll", "s", standard_properties },
	{ "org.freedesktop.DBus", "Hello", "", standard_hello },
	{ "org.freedesktop.DBus", "AddMatch", "s", standard_ping },
	{ "org.freedesktop.DBus", "RemoveMatch", "s", standard_ping },
};

gboolean ng_peer_standard(NgPeer *peer, GDBusMessage *message)
{
	const char *interface = g_dbus_message_get_interface(message), *member = g_dbus_message_get_member(message);
	const gboolean no_reply = g_dbus_message_get_flags(message) & G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED;
	g_autoptr(GDBusMessage) reply = NULL;

	if (!interface ||
	    (!g_str_equal(interface, "org.freedesktop.DBus") && !g_str_has_prefix(interface, "org.freedesktop.DBus.")))
		return FALSE;
	if (no_reply)
		return TRUE;
	for (gsize i = 0; i < G_N_ELEMENTS(standard_methods); i++) {
		if (!g_str_equal(standard_methods[i].interface, interface) ||
		    !g_str_equal(standard_methods[i].member, member))
			continue;
		if (!g_str_equal(standard_methods[i].signature, g_dbus_message_get_signature(message))) {
			ng_peer_send_error(peer, g_dbus_message_get_serial(message),
					   "org.freedesktop.DBus.Error.InvalidArgs",
					   "The arguments are of other types.");
			return TRUE;
		}
		reply = g_dbus_message_new();
		g_dbus_message_set_message_type(reply, G_DBUS_MESSAGE_TYPE_METHOD_RETURN);
		g_dbus_message_set_reply_serial(reply, g_dbus_message_get_serial(message));
		g_dbus_message_set_body(reply, standard_methods[i].answer(peer, message));
		ng_peer_send_message(peer, reply);
		return TRUE;
	}
	ng_peer_send_error(peer, g_dbus_message_get_serial(message), "org.freedesktop.DBus.Error.UnknownMethod",
			   "There is no such method here.");
	return TRUE;
}
