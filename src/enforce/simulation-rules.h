/* SPDX-License-Identifier: MIT */
/*
 * The simulation's own copy of the image, and the verdict that the kernel programs would give under it: the same steps
 * as src/bpf/tag.h and src/bpf/judge.h, over the image instead of maps. Part of the simulation; no power.
 */
#ifndef NG_SIMULATION_RULES_H
#define NG_SIMULATION_RULES_H

#include "compile/image.h"
#include "enforce/simulation-process.h"

struct ng_rules {
	void *bytes; /* owned; NULL: nothing was loaded yet */
	struct ng_image image;
	uint64_t hash; /* ng_image_hash() of the bytes */
	int is_open;   /* nothing is or can be denied: every profile is Online, or the guard is paused */
};

/* A verdict, and the application (its index in the image) that decided. */
struct ng_ruling {
	struct ng_verdict verdict;
	uint32_t decider;
};

/* Copies the image (borrowed). 0, -ENOMEM, -EBADMSG. */
int ng_rules_load(const struct ng_image *image, struct ng_rules *ret_rules);
void ng_rules_done(struct ng_rules *rules);

/* Whom a process answers to: the places of app[] hold slots, which are here the index in the image + 1, so that
 * NG_SLOT_NONE and NG_SLOT_DEFAULT keep their meaning. */
void ng_rules_tag(const struct ng_rules *rules, const struct ng_process *process, struct ng_tag *ret_tag);

/* The key of the application that has this file; 0: the default. */
uint64_t ng_rules_app_key(const struct ng_rules *rules, const struct ng_exe_key *exe);

/* Fills flow->onlink, then decides. */
struct ng_ruling ng_rules_judge(const struct ng_rules *rules, const struct ng_tag *tag, struct ng_flow *flow);

#endif
