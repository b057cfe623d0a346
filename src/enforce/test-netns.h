/* SPDX-License-Identifier: MIT */
/* For tests: a network namespace of the test's own, with its loopback up, so that nothing of the machine is seen or
 * touched. Needs root or user namespaces. */
#ifndef NG_TEST_NETNS_H
#define NG_TEST_NETNS_H

#include <errno.h>
#include <glib.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Moves the process, which must have one thread. NULL, or the reason to skip what needs it (owned by the caller). */
static inline char *test_netns_enter(void)
{
	struct ifreq request = { .ifr_name = "lo" };
	int fd;

	if (unshare(CLONE_NEWNET | (geteuid() == 0 ? 0 : CLONE_NEWUSER)) < 0)
		return g_strdup_printf("cannot make a network namespace: %s", g_strerror(errno));
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	g_assert_cmpint(fd, >=, 0);
	g_assert_cmpint(ioctl(fd, SIOCGIFFLAGS, &request), ==, 0);
	request.ifr_flags |= IFF_UP;
	g_assert_cmpint(ioctl(fd, SIOCSIFFLAGS, &request), ==, 0);
	close(fd);
	return NULL;
}

#endif
