/* SPDX-License-Identifier: MIT */
/*
 * From root to the service's user, in stages that are each checked (see privilege.h).
 *
 * Sources: capabilities(7), credentials(7), prctl(2). setresuid() from 0 clears the permitted, effective and ambient
 * sets; they are cleared by name all the same, because that rule can be switched off by securebits.
 */
#include "guardd/privilege.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static gboolean privilege_fail(GError **error, const char *what)
{
	const int number = errno;

	g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "cannot give up root (%s): %s", what, g_strerror(number));
	return FALSE;
}

static gboolean privilege_drop_bounding(GError **error)
{
	for (unsigned long capability = 0; capability < 64; capability++) {
		if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0) {
			if (errno == EINVAL && capability > 0)
				return TRUE; /* past the last one this kernel knows */
			return privilege_fail(error, "bounding set");
		}
	}
	return TRUE;
}

static gboolean privilege_clear_sets(GError **error)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[2] = { { 0 } };

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return privilege_fail(error, "ambient set");
	if (syscall(SYS_capset, &header, none) < 0)
		return privilege_fail(error, "capability sets");
	return TRUE;
}

/* Every way back must be shut. */
static gboolean privilege_prove(uid_t uid, gid_t gid, GError **error)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2] = { { 0 } };
	uid_t real, effective, saved;
	gboolean clean;

	if (getresuid(&real, &effective, &saved) < 0 || syscall(SYS_capget, &header, sets) < 0)
		return privilege_fail(error, "looking");
	clean = real == uid && effective == uid && saved == uid && getgid() == gid && getegid() == gid &&
		sets[0].effective == 0 && sets[0].permitted == 0 && sets[0].inheritable == 0 &&
		sets[1].effective == 0 && sets[1].permitted == 0 && sets[1].inheritable == 0;
	if (clean && (setuid(0) == 0 || setresuid((uid_t)-1, 0, (uid_t)-1) == 0 || setgid(0) == 0))
		clean = FALSE;
	if (clean)
		return TRUE;
	g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "root was given up but could be had back: not going on");
	return FALSE;
}

gboolean ng_privilege_confine(GError **error)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return privilege_fail(error, "no new privileges");
	/* Last: changing ids sets it anew. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return privilege_fail(error, "dumpable");
	return TRUE;
}

gboolean ng_privilege_drop(uid_t uid, gid_t gid, GError **error)
{
	if (!privilege_drop_bounding(error))
		return FALSE;
	if (setgroups(0, NULL) < 0)
		return privilege_fail(error, "groups");
	if (setresgid(gid, gid, gid) < 0)
		return privilege_fail(error, "group");
	if (setresuid(uid, uid, uid) < 0)
		return privilege_fail(error, "user");
	return privilege_clear_sets(error) && ng_privilege_confine(error) && privilege_prove(uid, gid, error);
}
