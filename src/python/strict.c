/* SPDX-License-Identifier: MIT */
/*
 * strict (strict.h): the filter is the launcher's, src/run/filter.c, on its rung C: no listener, nothing to ask, no
 * address passes. It runs in the interpreter's process with its power, and needs none: no_new_privs is enough.
 *
 * Invariants: all threads or none; whatever can be known to fail is found before anything is changed; once it is
 * installed, that is written down before anything else can go wrong.
 */
#include "strict.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/seccomp.h>

#include "run/filter.h"

/* --- the filter --- */

/* `flags`: of seccomp(2), besides. 0, negative errno, or the thread that keeps SECCOMP_FILTER_FLAG_TSYNC from it. */
static int install(unsigned long flags, bool with_unix)
{
	const struct ng_run_policy policy = { .app.profile = NG_PROFILE_OFFLINE, .keeps_unix = with_unix };
	struct sock_filter code[NG_FILTER_MAX];
	const int n = ng_filter_make(&policy, 'C', false, code);
	const struct sock_fprog fprog = { .len = (unsigned short)n, .filter = code };
	long result;

	if (n < 0)
		return n;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags | SECCOMP_FILTER_FLAG_SPEC_ALLOW, &fprog);
	return result < 0 ? -errno : (int)result;
}

struct helper {
	bool with_unix;
	int result;
};

static void *install_for_all(void *data)
{
	struct helper *helper = data;

	helper->result = install(SECCOMP_FILTER_FLAG_TSYNC, helper->with_unix);
	return NULL;
}

/* By a thread of its own: where the kernel refuses, the one that has given up new privileges is gone with it, and
 * nothing has changed. Where it agrees, it takes them from all. As install(). */
static int install_by_helper(bool with_unix)
{
	struct helper helper = { .with_unix = with_unix, .result = -EAGAIN };
	sigset_t all, before;
	pthread_t thread;
	int result;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* it must not be the one that a signal is given to */
	result = -pthread_create(&thread, NULL, install_for_all, &helper);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (result < 0)
		return result;
	pthread_join(thread, NULL);
	return helper.result;
}

int ng_py_filter_install(bool for_all_threads, bool with_unix)
{
	const int result = for_all_threads ? install_by_helper(with_unix) : install(0, with_unix);

	return result > 0 ? -EBUSY : result;
}

/* --- what Python sees --- */

/* A thread's name, for a person. */
static void read_thread_name(pid_t thread, char name[static 32])
{
	char path[64];
	FILE *file = NULL;

	snprintf(path, sizeof path, "/proc/self/task/%d/comm", (int)thread);
	file = fopen(path, "re");
	if (!file || !fgets(name, 32, file))
		strcpy(name, "?");
	name[strcspn(name, "\n")] = '\0';
	if (file)
		fclose(file);
}

static void raise_failed(int result)
{
	char name[32] = "";

	if (result > 0) {
		read_thread_name(result, name);
		PyErr_Format(
			PyExc_RuntimeError,
			"strict: thread %d (%s) has a system call filter of its own, and the kernel installs one "
			"for all threads or for none. No filter has been installed. Block before that thread starts.",
			result, name);
		return;
	}
	errno = -result;
	if (result == -EINVAL || result == -ENOSYS)
		PyErr_SetString(
			PyExc_RuntimeError,
			"strict: this kernel has no system call filters (seccomp). No filter has been installed.");
	else
		PyErr_SetFromErrno(PyExc_OSError);
}

static int check_rings(void)
{
	const int has_ring = ng_py_existing_has_ring();

	if (has_ring > 0)
		PyErr_SetString(PyExc_RuntimeError,
				"strict: this process has an io_uring, which the kernel works off without asking any "
				"filter. No filter has been installed. Block before it is made.");
	return has_ring ? -1 : 0;
}

/* Is there anything that could pass? Then a filter alone cannot say what: it looks at no address. */
static int check_rules(void)
{
	PyObject *allowed = ng_py_allow_list();
	Py_ssize_t n;

	if (!allowed)
		return -1;
	n = PyList_Size(allowed);
	Py_DECREF(allowed);
	if (ng_py_profile() == NG_PROFILE_OFFLINE && n == 0)
		return 0;
	PyErr_SetString(
		PyExc_RuntimeError,
		"strict: the filter alone lets nothing through, and these rules let something through. Nothing has "
		"been changed. Use profile offline with an empty whitelist, or run the program under "
		"`netguard run`.");
	return -1;
}

PyDoc_STRVAR(
	strict_doc,
	"strict()\n--\n\n"
	"Put the system call filter over this process, all its threads, for good; and end the sockets it has.\n\n"
	"Returns those that were ended, as existing_sockets() does. Raises RuntimeError, with nothing changed, where\n"
	"the filter cannot be had. Again: only the sockets.");

static PyObject *strict(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
	PyObject *before;
	int result;

	if (ng_py_is_strict())
		return ng_py_existing_end();
	if (check_rules() < 0 || check_rings() < 0)
		return NULL;
	before = ng_py_existing_list(); /* can they be found at all? */
	if (!before)
		return NULL;
	Py_DECREF(before);
	Py_BEGIN_ALLOW_THREADS;
	result = install_by_helper(true);
	Py_END_ALLOW_THREADS;
	if (result) {
		raise_failed(result);
		return NULL;
	}
	ng_py_set_strict();
	return ng_py_existing_end();
}

PyDoc_STRVAR(existing_doc,
	     "existing_sockets()\n--\n\n"
	     "The open sockets that lead to a network: a list of dicts of fd, family, type, state, local, "
	     "peer and permitted.");

static PyObject *existing_sockets(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
	return ng_py_existing_list();
}

PyDoc_STRVAR(end_doc, "end_sockets()\n--\n\n"
		      "End the sockets that existing_sockets() lists and that lead to nobody permitted. Returns them.");

static PyObject *end_sockets(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
	return ng_py_existing_end();
}

static PyMethodDef methods[] = {
	{ "strict", strict, METH_NOARGS, strict_doc },
	{ "existing_sockets", existing_sockets, METH_NOARGS, existing_doc },
	{ "end_sockets", end_sockets, METH_NOARGS, end_doc },
	{ NULL, NULL, 0, NULL },
};

int ng_py_strict_init(PyObject *module)
{
	return PyModule_AddFunctions(module, methods) < 0 ? -1 : ng_py_protection_init(module);
}
