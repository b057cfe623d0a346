// SPDX-License-Identifier: MIT
/*
 * The file of a process; the contract is in exe.h.
 *
 * The device of an executable is the superblock's, as the kernel programs and the image have it: stat() shows another
 * one on btrfs and overlayfs, so the mount is asked for (statx, Linux 5.8) and looked up in mountinfo, in ours or, for
 * a process in another mount namespace, in its own. On an older kernel st_dev has to do.
 */
#include "enforce/exe.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"

#define MAX_MOUNT_LINES 100000u
#define DEVICE_MINOR_BITS 20 /* of the kernel's own dev_t: include/linux/kdev_t.h */

/* The device of mount `id` as told by a mountinfo (proc(5)), or 0. */
static uint32_t mount_device(int folder, const char *name, uint64_t id)
{
	ng_auto_fd fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
	ng_auto_file file = fd < 0 ? NULL : fdopen(fd, "re");
	ng_auto_free char *line = NULL;
	size_t size = 0;

	if (!file)
		return 0;
	(void)ng_steal_fd(&fd);
	for (unsigned int i = 0; i < MAX_MOUNT_LINES && getline(&line, &size, file) > 0; i++) {
		unsigned int major, minor;
		uint64_t mount;

		if (sscanf(line, "%" SCNu64 " %*u %u:%u ", &mount, &major, &minor) == 3 && mount == id)
			return major << DEVICE_MINOR_BITS | minor;
	}
	return 0;
}

static uint32_t device_of(struct ng_mounts *mounts, int process, const struct statx *file)
{
	uint32_t device = 0;

	if (!(file->stx_mask & STATX_MNT_ID))
		return file->stx_dev_major << DEVICE_MINOR_BITS | file->stx_dev_minor;
	for (uint32_t i = 0; i < NG_MOUNTS_REMEMBERED; i++)
		if (mounts->known[i].device != 0 && mounts->known[i].id == file->stx_mnt_id)
			return mounts->known[i].device;
	device = mount_device(AT_FDCWD, "/proc/self/mountinfo", file->stx_mnt_id);
	if (device == 0)
		device = mount_device(process, "mountinfo", file->stx_mnt_id);
	if (device == 0)
		return file->stx_dev_major << DEVICE_MINOR_BITS | file->stx_dev_minor;
	mounts->known[mounts->next].id = file->stx_mnt_id;
	mounts->known[mounts->next].device = device;
	mounts->next = (mounts->next + 1) % NG_MOUNTS_REMEMBERED;
	return device;
}

bool ng_exe_read(struct ng_mounts *mounts, int process, struct ng_exe_key *ret_key, uint32_t *ret_links)
{
	struct statx file;

	if (statx(process, "exe", AT_STATX_DONT_SYNC, STATX_INO | STATX_NLINK | STATX_MNT_ID, &file) < 0)
		return false;
	*ret_key = (struct ng_exe_key){ .ino = file.stx_ino, .dev = device_of(mounts, process, &file) };
	if (ret_links)
		*ret_links = file.stx_nlink;
	return true;
}
