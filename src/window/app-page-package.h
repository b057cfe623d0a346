/* SPDX-License-Identifier: MIT */
/*
 * Which package a file comes from, asked of dpkg-query as a process of its own, which is ended when nobody wants the
 * answer any more. Main loop only, no power.
 */
#ifndef NGW_APP_PAGE_PACKAGE_H
#define NGW_APP_PAGE_PACKAGE_H

#include <gio/gio.h>

G_BEGIN_DECLS

/* The result is "curl 7.88.1-10", "" for a file of no package, or an error: it cannot be told here. */
void ngw_page_package_find(const char *path, GCancellable *cancellable, GAsyncReadyCallback callback,
			   gpointer user_data);
char *ngw_page_package_finish(GAsyncResult *result, GError **error);

G_END_DECLS
#endif
