/* SPDX-License-Identifier: MIT */
/*
 * Which file a process runs, from /proc/PID/exe: the device as the superblock has it and the inode, which is what the
 * kernel programs and the image go by. Runs in the enforcer; sees what its user may see (proc(5): PTRACE_MODE_READ).
 */
#ifndef NG_EXE_H
#define NG_EXE_H

#include <stdbool.h>
#include <stdint.h>

#include "verdict/abi.h"

#define NG_MOUNTS_REMEMBERED 16 /* nearly all programs lie on a few mounts */

/* The devices of mounts that were asked for. For one walk: a mount's id is given again when it is gone. All zero at
 * first. */
struct ng_mounts {
	uint32_t next;
	uint32_t pad;
	struct {
		uint64_t id;
		uint32_t device; /* 0: free */
		uint32_t pad;
	} known[NG_MOUNTS_REMEMBERED];
};

/* The file that the process with the open folder `process` (/proc/PID) runs. FALSE: it has none, or it may not be
 * asked. *ret_links, unless NULL: how many names the file has; 0: it was deleted. Never waits for the server of a file
 * system. */
bool ng_exe_read(struct ng_mounts *mounts, int process, struct ng_exe_key *ret_key, uint32_t *ret_links);

#endif
