/* SPDX-License-Identifier: MIT */
/*
 * strict: the launcher's seccomp filter over this process, for what no hook in an interpreter can see. It is for good:
 * the kernel has no way back. And the sockets that were open before it, which a filter by itself would leave alone.
 */
#ifndef NG_PYTHON_STRICT_H
#define NG_PYTHON_STRICT_H

#include "blackbox.h"

#include <sys/types.h>

/* --- strict.c --- */

/*
 * Installs the filter that lets no address through: no Internet sockets, no io_uring, no other namespaces;
 * `with_unix`: AF_UNIX works as before. For the calling thread and what it starts; or `for_all_threads` of the process,
 * all or none. Gives up new privileges (set-user-ID programs) likewise. 0 or negative errno, -EBUSY where another
 * thread has a filter of its own.
 *
 * For the calling thread it is async-signal-safe, takes no lock and allocates nothing: for a child between fork() and
 * execve(). For all threads it needs a moment's thread, so not there.
 */
int ng_py_filter_install(bool for_all_threads, bool with_unix);

/* The launcher's process that supervises this one under strict, or 0. */
pid_t ng_py_supervisor(void);

/* --- existing.c --- */

/* The open sockets of this process that lead to a network, as a new list of dicts: fd, family, type, state, local,
 * peer, permitted. NULL with an exception: /proc is not there. */
PyObject *ng_py_existing_list(void);
/* Ends those whose peer the rules do not permit; which they were, as above. */
PyObject *ng_py_existing_end(void);
/* Is there an io_uring in this process? 1 or 0; -1 with an exception. The kernel works off such a ring by itself, and
 * asks no filter. */
int ng_py_existing_has_ring(void);

/* --- protection.c --- */

int ng_py_protection_init(PyObject *module);

#endif
