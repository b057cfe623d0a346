/* SPDX-License-Identifier: MIT */
/*
 * The second lock (landlock.h). The system calls have no wrappers in glibc; Debian 12's header ends at ABI 2, so what
 * came later is declared here, from Documentation/userspace-api/landlock.rst. Runs in the command's process.
 */
#include "run/landlock.h"

#include <errno.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#define ACCESS_NET_BIND_TCP (UINT64_C(1) << 0)        /* ABI 4 */
#define ACCESS_NET_CONNECT_TCP (UINT64_C(1) << 1)     /* ABI 4 */
#define SCOPE_ABSTRACT_UNIX_SOCKET (UINT64_C(1) << 0) /* ABI 6 */
#define SCOPE_SIGNAL (UINT64_C(1) << 1)               /* ABI 6 */

#define ABI_NET 4
#define ABI_SCOPE 6

struct ruleset {
	uint64_t handled_access_fs;
	uint64_t handled_access_net; /* ABI 4 */
	uint64_t scoped;             /* ABI 6 */
};

int ng_landlock_abi(void)
{
	const long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return abi < 0 ? 0 : (int)abi;
}

/* Before ABI 4 a domain must restrict some way of using files. Making block devices is one that nobody without the
 * power to circumvent us has anyhow; the domain is there for what it keeps debuggers from. */
static struct ruleset ruleset_for(int abi, bool has_tcp)
{
	struct ruleset ruleset = { 0 };

	if (abi >= ABI_NET && has_tcp)
		ruleset.handled_access_net = ACCESS_NET_BIND_TCP | ACCESS_NET_CONNECT_TCP;
	if (abi >= ABI_SCOPE)
		ruleset.scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL;
	if (!ruleset.handled_access_net && !ruleset.scoped)
		ruleset.handled_access_fs = LANDLOCK_ACCESS_FS_MAKE_BLOCK;
	return ruleset;
}

int ng_landlock_restrict(bool has_tcp)
{
	const int abi = ng_landlock_abi();
	const struct ruleset ruleset = ruleset_for(abi, has_tcp);
	const size_t size = abi >= ABI_SCOPE ? sizeof ruleset
			    : abi >= ABI_NET ? offsetof(struct ruleset, scoped)
					     : offsetof(struct ruleset, handled_access_net);
	ng_auto_fd fd = -1;

	if (!abi)
		return -EOPNOTSUPP;
	fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, size, 0);
	if (fd < 0)
		return -errno;
	return syscall(SYS_landlock_restrict_self, fd, 0) < 0 ? -errno : 0;
}
