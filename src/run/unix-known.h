/* SPDX-License-Identifier: MIT */
/*
 * Which AF_UNIX sockets belong to the confinement: those that were bound inside, by device, inode and birth time, and
 * those that
 * --allow-unix names. A name in the file system proves nothing, since the program can rename and link. Runs in the
 * supervisor.
 *
 * Bounded: NG_UNIX_INODES and NG_UNIX_ABSTRACT are remembered; the oldest is forgotten, and with it only the right to
 * connect to that socket by its path.
 */
#ifndef NG_RUN_UNIX_KNOWN_H
#define NG_RUN_UNIX_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "run/policy.h"

#define NG_UNIX_INODES 2048
#define NG_UNIX_ABSTRACT 128

struct ng_unix_known;

/* Looks at the paths of --allow-unix now. 0 or -ENOMEM. */
int ng_unix_known_new(const struct ng_run_policy *policy, struct ng_unix_known **ret_known);
void ng_unix_known_free(struct ng_unix_known *known);
/* `fd`: an O_PATH descriptor of the socket's file. 0 or negative errno. */
int ng_unix_known_add(struct ng_unix_known *known, int fd);
bool ng_unix_known_is_inside(const struct ng_unix_known *known, int fd);
/* --allow-unix: the file that was there at the start, or a newer one of the same name that has no other name. */
bool ng_unix_known_is_allowed(const struct ng_unix_known *known, int fd);
/* Abstract names where the network is shared with the machine (rung B). `socket_ino`: st_ino of the bound socket. The
 * name counts as long as that socket is there. */
void ng_unix_known_add_abstract(struct ng_unix_known *known, const char *name, size_t len, ino_t socket_ino);
bool ng_unix_known_is_abstract(const struct ng_unix_known *known, const char *name, size_t len);

#endif
