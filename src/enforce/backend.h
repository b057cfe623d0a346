/* SPDX-License-Identifier: MIT */
/*
 * A backend makes an image true on this machine, or (simulation) says what would be. One table of functions; the
 * enforcer (src/guardd/enforcer.c) holds one backend and knows none by name but through ng_backend_find(). Plain C; the
 * bpf backend runs with the enforcer's capabilities, the simulation with none.
 */
#ifndef NG_BACKEND_H
#define NG_BACKEND_H

#include "compile/image.h"
#include "enforce/message.h"

struct ng_backend_config {
	const char *cgroup_path; /* where to attach; NULL: the cgroup2 root found in /proc/self/mountinfo */
	const char *pin_path;    /* folder on bpffs; NULL: the default */
	uint32_t map_entries;    /* for tests of what happens when a map is full: its size; 0: as declared */
};

/* Called for each event as it is read; `report` is borrowed. */
typedef void (*ng_backend_event_fn)(void *user_data, const struct ng_event_report *report);

struct ng_backend {
	const char *name;
	uint32_t id; /* NG_BACKEND_* */
	/* Make the caller-owned instance. 0 or negative errno with words in why[256]. May adopt what an earlier run
	 * pinned. */
	int (*open)(const struct ng_backend_config *config, void **ret_self, char why[256]);
	void (*close)(void *self); /* frees; what is pinned stays in force */
	/* Make the image true. All or nothing. The image is borrowed. Fills ret_loaded whole. */
	void (*load)(void *self, const struct ng_image *image, struct ng_loaded *ret_loaded);
	/* Fills ret_status whole; with `verify`, looks at what is attached instead of remembering. */
	void (*status)(void *self, int verify, struct ng_status *ret_status);
	/* Traffic per application: calls fn for each. */
	int (*counts)(void *self, void (*fn)(void *user_data, const struct ng_app_counts *counts), void *user_data);
	/* Connections now. */
	int (*sockets)(void *self, void (*fn)(void *user_data, const struct ng_socket *socket), void *user_data);
	/* What runs now. 0 or negative errno; *ret_left_out and *ret_unseen as in ng_programs_are. */
	int (*programs)(void *self, void (*fn)(void *user_data, const struct ng_program *program), void *user_data,
			uint32_t *ret_left_out, uint32_t *ret_unseen);
	/* A descriptor that is readable when there are events, or -1; and the longest time in ms until poll() wants to
	 * be called again (-1: only when readable). */
	int (*event_fd)(void *self, int *ret_timeout_ms);
	int (*poll)(void *self, ng_backend_event_fn fn, void *user_data);
};

extern const struct ng_backend ng_backend_bpf;
extern const struct ng_backend ng_backend_simulation;

/* Detach and remove everything pinned under pin_path (NULL: default), as if never started. 0 or negative errno. */
int ng_bpf_remove(const char *pin_path);

#endif
