/* SPDX-License-Identifier: MIT */
/*
 * From a command line to an engine: folders, the lock, the socket, the enforcer, and then no more root. Each stage says
 * what it may touch; nothing that is in force changes here.
 */
#ifndef NG_GUARDD_START_H
#define NG_GUARDD_START_H

#include <gio/gio.h>

#include "guardd/options.h"

G_BEGIN_DECLS

typedef struct {
	int lock_fd;     /* held as long as the process lives */
	int listen_fd;   /* RUNTIME/guard.sock */
	int enforcer_fd; /* our end of the socketpair */
	pid_t enforcer_pid;
} NgStart;

/* As whoever started us, root or not: make and check the folders, take the lock, listen, start the enforcer; then
 * (root) become options->user. On failure nothing is left running. */
gboolean ng_start(const NgOptions *options, NgStart *ret_start, GError **error);

G_END_DECLS
#endif
