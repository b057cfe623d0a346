/* SPDX-License-Identifier: MIT */
/*
 * strict (strict.h): the filter is the launcher's, src/run/filter.c. Where nothing may pass, on its rung C: no
 * listener, nobody to ask, no address passes. Where something may, on its rung B, and the launcher supervises this
 * process from then on (src/run/attach.h): it looks at every address. It runs in the interpreter's process with its
 * power, and needs none: no_new_privs is enough.
 *
 * Invariants: all threads or none; whatever can be known to fail is found before anything is changed; once it is
 * installed, that is written down before anything else can go wrong.
 */
#include "children.h"
#include "strict.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/seccomp.h>

#include "run/allow.h"
#include "run/attach.h"
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

/* A moment's thread, and what it does. Where the kernel refuses, the one that has given up new privileges is gone with
 * it, and nothing has changed; where it agrees, it takes them from all. */
struct helper {
	bool with_unix;
	char *const *flags; /* of the launcher; NULL: without it */
	int result;         /* of install(), or of ng_attach() */
	pid_t supervisor;
	char error[NG_RUN_ERROR_MAX];
};

static void *install_for_all(void *data)
{
	struct helper *helper = data;

	if (helper->flags)
		helper->result = ng_attach(ng_py_launcher(), helper->flags, &helper->supervisor, helper->error);
	else
		helper->result = install(SECCOMP_FILTER_FLAG_TSYNC, helper->with_unix);
	return NULL;
}

static int run_helper(struct helper *helper)
{
	sigset_t all, before;
	pthread_t thread;
	int result;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* it must not be the one that a signal is given to */
	result = -pthread_create(&thread, NULL, install_for_all, helper);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (result < 0)
		return result;
	pthread_join(thread, NULL);
	return helper->result;
}

int ng_py_filter_install(bool for_all_threads, bool with_unix)
{
	struct helper helper = { .with_unix = with_unix };
	const int result = for_all_threads ? run_helper(&helper) : install(0, with_unix);

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
		snprintf(name, 32, "?");
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

static int check_rings(const char *and)
{
	const int has_ring = ng_py_existing_has_ring();

	if (has_ring > 0)
		PyErr_Format(
			PyExc_RuntimeError,
			"strict: this process has an io_uring, which the kernel works off without asking any filter.%s",
			and);
	return has_ring ? -1 : 0;
}

/* --- with the launcher --- */

#define ROUNDS_MAX 8
#define FLAGS_MAX (2 + 4 * (NG_RUN_NAMES_MAX + NG_ALLOW_MAX))

/* The supervisor of this process, 0: none. Set once, before the process is strict. */
static pid_t supervisor;

pid_t ng_py_supervisor(void)
{
	return supervisor;
}

/* Everything that is allowed must fit into the launcher's table: nothing of it is left out in silence. */
static int fill_flags(PyObject *allowed, struct ng_run_policy *policy, char *flags[static FLAGS_MAX])
{
	unsigned n = 0;

	flags[n++] = ng_py_profile() == NG_PROFILE_LOCAL ? "--local" : "--offline";
	for (Py_ssize_t i = 0; i < PyList_GET_SIZE(allowed); i++) {
		const char *entry = PyUnicode_AsUTF8(PyList_GET_ITEM(allowed, i));
		char error[NG_RUN_ERROR_MAX];

		if (!entry)
			return -1;
		if (n + 3 > FLAGS_MAX || ng_run_allow_parse(entry, policy, error) < 0) {
			PyErr_SetString(
				PyExc_RuntimeError,
				"strict: the whitelist is too long for the launcher, which takes 32 names (a domain is "
				"two) and 32 addresses. No filter has been installed. Join some into a domain or a "
				"prefix.");
			return -1;
		}
		flags[n++] = "--allow";
		flags[n++] = (char *)entry; /* the list's, which outlives the call */
	}
	flags[n] = NULL;
	return 0;
}

/* The launcher is asked for all of it, or is not there. */
static int attach(PyObject *allowed)
{
	struct ng_run_policy *policy = PyMem_Calloc(1, sizeof(*policy));
	char *flags[FLAGS_MAX];
	struct helper helper = { .flags = flags };
	int result;

	if (!policy) {
		PyErr_NoMemory();
		return -1;
	}
	result = fill_flags(allowed, policy, flags);
	PyMem_Free(policy);
	if (result < 0)
		return -1;
	if (!ng_py_launcher()) {
		PyErr_SetString(
			PyExc_RuntimeError,
			"strict: a filter by itself lets nothing through, and these rules let something through: that "
			"takes the launcher, netguard run, which is not installed. No filter has been installed. "
			"Install Network Guard, or empty the whitelist and use the profile offline.");
		return -1;
	}
	Py_BEGIN_ALLOW_THREADS;
	result = run_helper(&helper);
	Py_END_ALLOW_THREADS;
	if (result >= 0) {
		supervisor = helper.supervisor;
		ng_py_set_strict(); /* also where nobody serves: the filter stands */
	}
	if (result != 0)
		PyErr_Format(PyExc_RuntimeError, "strict: %s%s",
			     *helper.error ? helper.error : strerror(result < 0 ? -result : EIO),
			     result < 0 ? " No filter has been installed." : "");
	return result == 0 ? 0 : -1;
}

static int lock_in_alone(void)
{
	struct helper helper = { .with_unix = true };
	int result;

	Py_BEGIN_ALLOW_THREADS;
	result = run_helper(&helper);
	Py_END_ALLOW_THREADS;
	if (result) {
		raise_failed(result);
		return -1;
	}
	ng_py_set_strict();
	return 0;
}

PyDoc_STRVAR(
	strict_doc,
	"strict()\n--\n\n"
	"Put the system call filter over this process, all its threads, for good; and end the sockets it has.\n\n"
	"Returns those that were ended, as existing_sockets() does. Raises RuntimeError, with nothing changed, where\n"
	"the filter cannot be had. Again: only the sockets.");

/* Under the filter no new one can be made; but a thread that was in accept() meanwhile can have got one. */
static PyObject *end_all(void)
{
	PyObject *ended = ng_py_existing_end(), *more = NULL;

	for (int round = 0; ended && round < ROUNDS_MAX; round++) {
		more = ng_py_existing_end();
		if (!more || PyList_SetSlice(ended, PY_SSIZE_T_MAX, PY_SSIZE_T_MAX, more) < 0)
			Py_CLEAR(ended);
		if (!more || PyList_GET_SIZE(more) == 0)
			break;
		Py_CLEAR(more);
	}
	Py_XDECREF(more);
	return ended;
}

/* 0: locked in; -1 with an exception, which may be so, too (attach()). */
static int lock_in(void)
{
	PyObject *before = ng_py_existing_list(),
		 *allowed = before ? ng_py_allow_list() : NULL; /* can they be found? */
	int result = -1;

	/* A filter looks at no address: it can only say no to all. */
	if (allowed && ng_py_profile() == NG_PROFILE_OFFLINE && PyList_GET_SIZE(allowed) == 0)
		result = lock_in_alone();
	else if (allowed)
		result = attach(allowed);
	Py_XDECREF(before);
	Py_XDECREF(allowed);
	return result;
}

static PyObject *strict(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
	static atomic_flag is_busy = ATOMIC_FLAG_INIT;
	PyObject *type, *value, *traceback, *ended;
	int result;

	if (ng_py_is_strict())
		return end_all();
	if (check_rings(" No filter has been installed. Block before it is made.") < 0)
		return NULL;
	if (atomic_flag_test_and_set(&is_busy))
		return PyErr_Format(PyExc_RuntimeError, "strict: another thread is about to do the same");
	result = lock_in();
	atomic_flag_clear(&is_busy);
	if (!ng_py_is_strict())
		return NULL;
	PyErr_Fetch(&type, &value, &traceback);
	ended = end_all();
	if (ended && result == 0 && check_rings(" It was made while the filter was installed, which stands.") == 0)
		return ended;
	Py_XDECREF(ended);
	if (type)
		PyErr_Restore(type, value, traceback);
	return NULL;
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
