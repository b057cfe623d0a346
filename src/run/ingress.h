/* SPDX-License-Identifier: MIT */
/*
 * Being reached: a socket of the machine that a confined program holds lets in only what the profile would let the
 * program reach. A classic BPF program on the socket (SO_ATTACH_FILTER), made from classes.h's table, the prefixes of
 * own interfaces, the allowances and the names that were answered. What cannot be said in it is kept out. The seccomp
 * filter keeps the program from taking it off. Runs in the supervisor.
 */
#ifndef NG_RUN_INGRESS_H
#define NG_RUN_INGRESS_H

#include <linux/filter.h>

#include "run/supervise.h"

#define NG_INGRESS_MAX 1000 /* instructions: what the kernel's option memory holds by default */

struct ng_ingress;

int ng_ingress_new(const struct ng_run *run, struct ng_ingress **ret_ingress);
void ng_ingress_free(struct ng_ingress *ingress);
/* On a new socket, or one that is about to listen. 0 or negative errno: then the socket must not be given away. */
int ng_ingress_attach(struct ng_ingress *ingress, int fd, int protocol);
/* Again, if what may be reached has changed since this socket got its filter. */
void ng_ingress_refresh(struct ng_ingress *ingress, int fd, int protocol);
/* The program for a protocol (for tests); its length. */
unsigned ng_ingress_program(struct ng_ingress *ingress, int protocol, const struct sock_filter **ret_code);

#endif
