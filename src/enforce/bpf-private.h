/* SPDX-License-Identifier: MIT */
/*
 * What the files of the bpf backend share. bpf.c opens, reports and holds the table of functions; bpf-attach.c loads,
 * attaches, pins and adopts; bpf-image.c writes an image into the maps; bpf-sockets.c walks open sockets,
 * bpf-programs.c processes; bpf-events.c reads the ring. All of it runs in the enforcer, in one thread, with its
 * capabilities.
 */
#ifndef NG_BPF_PRIVATE_H
#define NG_BPF_PRIVATE_H

#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "enforce/backend.h"

/* The hooks, in the order they are attached. */
enum ng_hook {
	NG_HOOK_FORK,
	NG_HOOK_EXEC,
	NG_HOOK_EXIT,
	NG_HOOK_RELEASE,
	NG_HOOK_CREATE,
	NG_HOOK_CONNECT4,
	NG_HOOK_CONNECT6,
	NG_HOOK_SENDMSG4,
	NG_HOOK_SENDMSG6,
	NG_HOOK_BIND4,
	NG_HOOK_BIND6,
	NG_HOOK_EGRESS,
	NG_HOOK_INGRESS,
	NG_HOOKS,
};

/* When a hook is attached: what runs must have been recognised before its calls are judged, and its sockets before
 * packets are. */
enum ng_phase {
	NG_PHASE_TASKS,
	NG_PHASE_CALLS,
	NG_PHASE_PACKETS,
};

/* An executable in the `exes` map, an application in `apps`: what is in the kernel now, sorted as in the image. */
struct ng_exe_now {
	struct ng_exe_key key;
	uint32_t slot;
	uint32_t pad;
};
struct ng_app_now {
	uint64_t key;
	uint32_t slot;
	uint32_t is_gone;
};

struct ng_bpf {
	struct ng_guard *skeleton; /* NULL until the first image */
	char pin_path[PATH_MAX];   /* with the ABI's folder */
	char base_path[PATH_MAX];  /* without */
	char cgroup_path[PATH_MAX];
	int cgroup_fd;
	uint64_t cgroup_id;
	bool is_root; /* cgroup_path is the root of the tree */
	bool is_adopted;
	bool can_destroy;
	uint32_t map_entries; /* 0: as declared */
	uint32_t in_force;    /* NG_CAN_* */
	int error;
	char error_text[256];

	struct bpf_link *links[NG_HOOKS];
	struct bpf_link *tag_tasks, *scan_files; /* iterators, not pinned */
	struct ng_state *state;                  /* shared with the kernel; NULL until loaded */
	struct ng_app *apps;                     /* likewise, NG_SLOTS of them */

	struct ng_exe_now *exes;
	uint32_t n_exes;
	struct ng_app_now *keys;
	uint32_t n_keys;
	uint32_t n_apps;   /* in the image in force */
	void *image_bytes; /* a copy of it, to go back to; NULL until the first */

	struct ring_buffer *ring;
	ng_backend_event_fn event_fn; /* during poll only */
	void *event_data;
	uint32_t events_left;   /* of this look at the ring */
	uint64_t last_event_ms; /* 0: none since the last sweep */
	uint64_t lost_reported;
};

/* What an image changed. */
struct ng_change {
	bool exes;    /* processes and sockets must be looked up anew */
	bool tighter; /* open connections may have become denied */
};

/* bpf-attach.c */
int ng_bpf_load_programs(struct ng_bpf *self, char why[256]);
int ng_bpf_attach(struct ng_bpf *self, enum ng_phase phase, char why[256]);
uint32_t ng_bpf_verify(struct ng_bpf *self);
void ng_bpf_unload(struct ng_bpf *self);
void ng_bpf_remove_others(const struct ng_bpf *self);
int ng_bpf_remove_folder(const char *path);
bool ng_bpf_is_pinned(const struct ng_bpf *self);

/* bpf-image.c */
int ng_bpf_read_maps(struct ng_bpf *self);
int ng_bpf_write_image(struct ng_bpf *self, const struct ng_image *image, struct ng_change *ret_change, char why[256]);
void ng_bpf_next_generation(struct ng_bpf *self);
uint64_t ng_bpf_key_of_slot(const struct ng_bpf *self, uint32_t slot);

/* bpf-sockets.c */
int ng_bpf_tag_tasks(struct ng_bpf *self);
typedef void (*ng_scan_fn)(void *user_data, const struct ng_scan *record);
int ng_bpf_scan(struct ng_bpf *self, uint32_t wish, ng_scan_fn fn, void *user_data);
int ng_bpf_destroy_denied(struct ng_bpf *self, uint32_t *ret_closed, uint32_t *ret_not_closed);
bool ng_bpf_can_destroy(void);
int ng_bpf_sockets(struct ng_bpf *self, void (*fn)(void *, const struct ng_socket *), void *user_data);
int ng_bpf_counts(struct ng_bpf *self, void (*fn)(void *, const struct ng_app_counts *), void *user_data);

/* bpf-events.c */
int ng_bpf_events_open(struct ng_bpf *self);
int ng_bpf_event_fd(void *self, int *ret_timeout_ms);
int ng_bpf_poll(void *self, ng_backend_event_fn fn, void *user_data);
void ng_bpf_find_name(const struct ng_bpf *self, const struct ng_exe_key *key, char path[512]);

/* bpf-programs.c */
int ng_bpf_programs(void *self, void (*fn)(void *, const struct ng_program *), void *fn_data, uint32_t *ret_left_out,
		    uint32_t *ret_unseen);

/* bpf.c */
int ng_bpf_map(const struct ng_bpf *self, const char *name);
int ng_bpf_fail(char why[256], int error, const char *format, ...) __attribute__((format(printf, 3, 4)));
uint64_t ng_now_ms(void);

#endif
