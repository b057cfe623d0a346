/* SPDX-License-Identifier: MIT */
/*
 * Ownership by scope for the plain-C half: an owning local is declared with one of these and a first value, and is
 * freed on every way out. ng_steal_fd() and ng_steal_ptr() hand it on. No state, no power.
 */
#ifndef NG_CLEANUP_H
#define NG_CLEANUP_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NG_CLEANUP(fn) __attribute__((cleanup(fn)))

static inline void ng_close_fd_(const int *fd)
{
	if (*fd >= 0) {
		int saved = errno;
		close(*fd);
		errno = saved;
	}
}
static inline void ng_free_ptr_(void *ptr)
{
	free(*(void **)ptr);
}
static inline void ng_close_file_(FILE **file)
{
	if (*file)
		fclose(*file);
}

#define ng_auto_fd NG_CLEANUP(ng_close_fd_) int
#define ng_auto_free NG_CLEANUP(ng_free_ptr_)
#define ng_auto_file NG_CLEANUP(ng_close_file_) FILE *

static inline int ng_steal_fd(int *fd)
{
	int stolen = *fd;
	*fd = -1;
	return stolen;
}
#define ng_steal_ptr(ptr)                                                                                              \
	({                                                                                                             \
		__typeof__(*(ptr)) stolen_ = *(ptr);                                                                   \
		*(ptr) = NULL;                                                                                         \
		stolen_;                                                                                               \
	})

#endif
