/* SPDX-License-Identifier: MIT */
/*
 * The built-in description of the interface, parsed on first use. A description that does not parse is a broken build:
 * the process ends. No power.
 */
#include "api/interface.h"

#include "ng-api-resource.h"

#define RESOURCE_PATH "/org/networkguard/Guard1/org.networkguard.Guard1.xml"

const char *ng_api_interface_xml(void)
{
	static gsize text;

	if (g_once_init_enter(&text)) {
		g_autoptr(GError) error = NULL;
		GBytes *bytes;

		ng_api_register_resource();
		bytes = g_resource_lookup_data(ng_api_get_resource(), RESOURCE_PATH, G_RESOURCE_LOOKUP_FLAGS_NONE,
					       &error);
		if (!bytes)
			g_error("the built-in interface description is missing: %s", error->message);
		/* Resources end with a NUL that is not counted; the bytes stay for ever. */
		g_once_init_leave(&text, (gsize)g_bytes_get_data(bytes, NULL));
	}
	return (const char *)text;
}

GDBusInterfaceInfo *ng_api_interface_info(void)
{
	static gsize info;

	if (g_once_init_enter(&info)) {
		g_autoptr(GError) error = NULL;
		GDBusNodeInfo *node = g_dbus_node_info_new_for_xml(ng_api_interface_xml(), &error);

		if (!node)
			g_error("the built-in interface description does not parse: %s", error->message);
		g_dbus_interface_info_cache_build(node->interfaces[0]);
		g_once_init_leave(&info, (gsize)g_dbus_interface_info_ref(node->interfaces[0]));
		g_dbus_node_info_unref(node);
	}
	return (GDBusInterfaceInfo *)info;
}
