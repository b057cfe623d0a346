/* SPDX-License-Identifier: MIT */
/*
 * Own prefixes (see onlink.h). A netlink message is only a hint: after it (and a short while for its companions) all is
 * read again, so nothing in a message is believed.
 */
#include "guardd/onlink.h"

#include <errno.h>
#include <glib-unix.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SETTLE_MS 50

struct _NgOnlink {
	GArray *prefixes;
	int fd;
	guint source;
	guint settle;
	void (*changed)(gpointer user_data);
	gpointer user_data;
};

static guint onlink_mask_length(const guint8 *mask, gsize n)
{
	guint length = 0;

	for (gsize i = 0; i < n * 8 && (mask[i / 8] & (0x80 >> (i % 8))); i++)
		length++;
	return length;
}

gboolean ng_onlink_prefix(const struct sockaddr *address, const struct sockaddr *mask,
			  struct ng_image_onlink *ret_prefix)
{
	struct ng_image_onlink prefix = { .addr = { [10] = 0xff, [11] = 0xff } };
	guint length;

	if (!address || !mask)
		return FALSE;
	if (address->sa_family == AF_INET) {
		length = onlink_mask_length((const guint8 *)&((const struct sockaddr_in *)mask)->sin_addr, 4);
		if (length < NG_ONLINK_MIN_IPV4)
			return FALSE;
		memcpy(prefix.addr + 12, &((const struct sockaddr_in *)address)->sin_addr, 4);
		length += 96;
	} else if (address->sa_family == AF_INET6) {
		length = onlink_mask_length((const guint8 *)&((const struct sockaddr_in6 *)mask)->sin6_addr, 16);
		if (length < NG_ONLINK_MIN_IPV6)
			return FALSE;
		memcpy(prefix.addr, &((const struct sockaddr_in6 *)address)->sin6_addr, 16);
	} else {
		return FALSE;
	}
	prefix.prefix_len = length;
	for (guint bit = length; bit < 128; bit++)
		prefix.addr[bit / 8] &= (guint8) ~(0x80 >> (bit % 8));
	*ret_prefix = prefix;
	return TRUE;
}

static gint onlink_compare(gconstpointer a, gconstpointer b)
{
	return memcmp(a, b, sizeof(struct ng_image_onlink));
}

static GArray *onlink_read(void)
{
	GArray *prefixes = g_array_new(FALSE, TRUE, sizeof(struct ng_image_onlink));
	struct ifaddrs *list = NULL;

	if (getifaddrs(&list) < 0)
		return prefixes;
	for (const struct ifaddrs *entry = list; entry; entry = entry->ifa_next) {
		struct ng_image_onlink prefix;

		if (!(entry->ifa_flags & IFF_LOOPBACK) && (entry->ifa_flags & IFF_UP) &&
		    ng_onlink_prefix(entry->ifa_addr, entry->ifa_netmask, &prefix) &&
		    prefixes->len < NG_IMAGE_MAX_ONLINKS)
			g_array_append_val(prefixes, prefix);
	}
	freeifaddrs(list);
	g_array_sort(prefixes, onlink_compare);
	for (guint i = prefixes->len; i-- > 1;) {
		if (onlink_compare(&g_array_index(prefixes, struct ng_image_onlink, i),
				   &g_array_index(prefixes, struct ng_image_onlink, i - 1)) == 0)
			g_array_remove_index(prefixes, i);
	}
	return prefixes;
}

static gboolean onlink_settled(gpointer data)
{
	NgOnlink *onlink = data;
	g_autoptr(GArray) before = onlink->prefixes;

	onlink->settle = 0;
	onlink->prefixes = onlink_read();
	if (before->len != onlink->prefixes->len ||
	    (before->len > 0 &&
	     memcmp(before->data, onlink->prefixes->data, before->len * sizeof(struct ng_image_onlink)) != 0))
		onlink->changed(onlink->user_data);
	return G_SOURCE_REMOVE;
}

static gboolean onlink_readable(gint fd, GIOCondition condition, gpointer data)
{
	NgOnlink *onlink = data;
	char buffer[8192];
	ssize_t n;

	do {
		n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
	} while (n > 0 || (n < 0 && (errno == EINTR || errno == ENOBUFS)));
	if (onlink->settle == 0)
		onlink->settle = g_timeout_add(SETTLE_MS, onlink_settled, onlink);
	return G_SOURCE_CONTINUE;
}

NgOnlink *ng_onlink_new(void (*changed)(gpointer user_data), gpointer user_data)
{
	const struct sockaddr_nl address = { .nl_family = AF_NETLINK,
					     .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR };
	NgOnlink *onlink = g_new0(NgOnlink, 1);

	onlink->changed = changed;
	onlink->user_data = user_data;
	onlink->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (onlink->fd >= 0 && bind(onlink->fd, (const struct sockaddr *)&address, sizeof address) == 0)
		onlink->source = g_unix_fd_add(onlink->fd, G_IO_IN, onlink_readable, onlink);
	onlink->prefixes = onlink_read(); /* after the socket: nothing is missed in between */
	return onlink;
}

void ng_onlink_free(NgOnlink *onlink)
{
	g_clear_handle_id(&onlink->source, g_source_remove);
	g_clear_handle_id(&onlink->settle, g_source_remove);
	if (onlink->fd >= 0)
		close(onlink->fd);
	g_array_unref(onlink->prefixes);
	g_free(onlink);
}

GArray *ng_onlink_prefixes(NgOnlink *onlink)
{
	return onlink->prefixes;
}
