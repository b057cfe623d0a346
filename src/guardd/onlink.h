/* SPDX-License-Identifier: MIT */
/*
 * The prefixes of this machine's own interfaces, read live: a local network may use public addresses. Engine, without
 * privilege; the kernel tells of changes over netlink.
 */
#ifndef NG_GUARDD_ONLINK_H
#define NG_GUARDD_ONLINK_H

#include "guardd/engine.h"

G_BEGIN_DECLS

#define NG_ONLINK_MIN_IPV4 8 /* shorter prefixes are no local network: a /0 would make everything local */
#define NG_ONLINK_MIN_IPV6 32

/* Reads them, and calls `changed` when they become others. */
NgOnlink *ng_onlink_new(void (*changed)(gpointer user_data), gpointer user_data);
void ng_onlink_free(NgOnlink *onlink);
/* struct ng_image_onlink, sorted, without repeats. Borrowed until the next change. */
GArray *ng_onlink_prefixes(NgOnlink *onlink);
/* One address with its mask as getifaddrs() has them. FALSE: not a prefix to count. For tests. */
struct sockaddr;
gboolean ng_onlink_prefix(const struct sockaddr *address, const struct sockaddr *mask,
			  struct ng_image_onlink *ret_prefix);

G_END_DECLS
#endif
