/* SPDX-License-Identifier: MIT */
/*
 * What netguardd was told on its command line, completed with the defaults for who started it. Read-only after main.c.
 */
#ifndef NG_GUARDD_OPTIONS_H
#define NG_GUARDD_OPTIONS_H

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

typedef struct {
	char *config;  /* folder */
	char *state;   /* folder */
	char *runtime; /* folder */
	char *vendor;  /* folder of application files */
	char *cgroup;  /* NULL: the enforcer finds the root */
	char *user;    /* whom the engine becomes */
	gboolean simulate;
	gboolean show_version;
} NgOptions;

G_END_DECLS
#endif
