/* SPDX-License-Identifier: MIT */
/* Giving capabilities up (power.h). Runs in the supervisor and in the command's process, as root or not. */
#include "run/power.h"

#include <errno.h>
#include <linux/capability.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Files and ids, as installers and servers need them, and ports below 1024. */
static const unsigned char kept[] = {
	CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_FOWNER,  CAP_FSETID,  CAP_KILL,
	CAP_SETGID, CAP_SETUID,       CAP_SETPCAP, CAP_SETFCAP, CAP_NET_BIND_SERVICE,
};

int ng_power_give_up(bool has_other_users)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	uint32_t keep[2] = { 0, 0 };

	for (size_t i = 0; i < sizeof kept; i++)
		keep[kept[i] / 32] |= 1u << (kept[i] % 32);
	if (has_other_users)
		keep[CAP_SYS_PTRACE / 32] |= 1u << (CAP_SYS_PTRACE % 32);
	/* Not out of the bounding set: execve() of a program with file capabilities would fail (ping). With
	 * no_new_privs nothing of it can be gained: what a file would give is cut to what its caller had
	 * (capabilities(7)). */
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		data[i].permitted &= keep[i];
		data[i].effective &= keep[i];
		data[i].inheritable &= keep[i];
	}
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}
