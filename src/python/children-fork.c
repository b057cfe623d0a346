/* SPDX-License-Identifier: MIT */
/*
 * _posixsubprocess.fork_exec(), through which subprocess, asyncio and multiprocessing start their children. Its
 * arguments, by place (Modules/_posixsubprocess.c): 0 args, 1 executables to try, 2 close_fds, 3 descriptors to pass, 4
 * folder, 5 environment, 6 to 11 the ends of the pipes for the three standard streams, ours and the child's, 12 and 13
 * the pipe that tells errors, ...; the last or, with allow_vfork from 3.11 on, last but one is preexec_fn.
 *
 * What the child does between fork() and execve() stays the interpreter's: folder, session, user, umask, preexec_fn.
 * Only what is executed in the end is another program, or comes after our filter.
 */
#include "children.h"

#include <errno.h>
#include <limits.h>

#include "strict.h"

enum place {
	ARGS,
	EXECUTABLES,
	CLOSE_FDS,
	PASS_FDS,
	FOLDER,
	ENVIRONMENT,
	FIRST_PIPE,
	CHILD_INPUT = FIRST_PIPE,
	OUR_INPUT,
	OUR_OUTPUT,
	CHILD_OUTPUT,
	OUR_ERROR,
	CHILD_ERROR,
	TELL_READ,
	TELL_WRITE,
	LAST_PIPE = TELL_WRITE,
	MOST = 23,
};

struct fork_exec {
	struct ng_py_child child;
	PyObject *args[MOST]; /* owned; what will be passed on */
	Py_ssize_t n;
	int pipes[LAST_PIPE + 1]; /* by their places */
};

/* 3.9 and 3.10 have 21, from 3.11 on process_group and allow_vfork are added. */
static Py_ssize_t preexec_place(const struct fork_exec *fork)
{
	return fork->n == 21 ? 20 : 21;
}

static void done(struct fork_exec *fork)
{
	for (Py_ssize_t i = 0; i < fork->n; i++)
		Py_XDECREF(fork->args[i]);
	ng_py_child_done(&fork->child);
}

/* Puts another object into a place; steals it. -1 if it is NULL. */
static int put(struct fork_exec *fork, Py_ssize_t place, PyObject *object)
{
	PyObject *before = fork->args[place];

	if (!object)
		return -1;
	fork->args[place] = object;
	Py_XDECREF(before);
	return 0;
}

/* --- taking the arguments over --- */

static int take_pipes(struct fork_exec *fork)
{
	for (int place = FIRST_PIPE; place <= LAST_PIPE; place++) {
		long fd;

		if (put(fork, place, PyNumber_Index(fork->args[place])) < 0)
			return -1;
		fd = PyLong_AsLong(fork->args[place]);
		if (fd == -1 && PyErr_Occurred())
			return -1;
		fork->pipes[place] = fd < 0 || fd > INT_MAX ? -1 : (int)fd;
	}
	return 0;
}

static int take_executables(struct fork_exec *fork)
{
	PyObject *tuple;

	if (put(fork, EXECUTABLES, PySequence_Tuple(fork->args[EXECUTABLES])) < 0)
		return -1;
	tuple = fork->args[EXECUTABLES];
	for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); i++) {
		if (!PyBytes_Check(PyTuple_GET_ITEM(tuple, i))) {
			PyErr_SetString(PyExc_TypeError, "executables are bytes");
			return -1;
		}
	}
	return 0;
}

static int take(struct fork_exec *fork, const struct ng_py_call *call)
{
	int close_fds;

	fork->n = call->n_args;
	for (Py_ssize_t i = 0; i < call->n_args; i++) {
		Py_INCREF(call->args[i]);
		fork->args[i] = call->args[i];
	}
	close_fds = PyObject_IsTrue(fork->args[CLOSE_FDS]);
	if (close_fds < 0 || put(fork, CLOSE_FDS, PyBool_FromLong(close_fds)) < 0 ||
	    put(fork, ARGS, ng_py_bytes_tuple_of(fork->args[ARGS])) < 0 || take_executables(fork) < 0 ||
	    take_pipes(fork) < 0)
		return -1;
	if (fork->args[FOLDER] != Py_None && put(fork, FOLDER, ng_py_bytes_of(fork->args[FOLDER])) < 0)
		return -1;
	if (!PyTuple_Check(fork->args[PASS_FDS])) {
		PyErr_SetString(PyExc_TypeError, "the descriptors to pass are a tuple");
		return -1;
	}
	Py_INCREF(fork->args[ARGS]);
	fork->child.argv = fork->args[ARGS];
	if (PyTuple_GET_SIZE(fork->args[EXECUTABLES])) {
		fork->child.name = PyTuple_GET_ITEM(fork->args[EXECUTABLES], 0);
		Py_INCREF(fork->child.name);
	}
	return ng_py_child_find(&fork->child, fork->args[EXECUTABLES],
				fork->args[FOLDER] == Py_None ? NULL : fork->args[FOLDER]);
}

/* --- the descriptors that the child will have --- */

static int take_passed(struct fork_exec *fork)
{
	PyObject *tuple = fork->args[PASS_FDS];

	for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); i++) {
		PyObject *item = PyTuple_GET_ITEM(tuple, i);
		const long fd = PyLong_Check(item) ? PyLong_AsLong(item) : -1;

		if (fd < 0 || fd > INT_MAX) { /* it will be told what is wrong with it */
			PyErr_Clear();
			continue;
		}
		/* The pipe for errors is among them so that it lives until execve(). */
		if (fd != fork->pipes[TELL_WRITE] &&
		    ng_py_descriptors_set(&fork->child.descriptors, (int)fd, (int)fd) < 0)
			return -1;
	}
	return 0;
}

static int take_descriptors(struct fork_exec *fork)
{
	static const int streams[] = { CHILD_INPUT, CHILD_OUTPUT, CHILD_ERROR };
	static const int ours[] = { OUR_INPUT, OUR_OUTPUT, OUR_ERROR, TELL_READ, TELL_WRITE };
	struct ng_py_descriptors *descriptors = &fork->child.descriptors;

	if (ng_py_descriptors_inherit(descriptors) < 0)
		return -1;
	if (fork->args[CLOSE_FDS] == Py_True)
		ng_py_descriptors_remove(descriptors, 3, INT_MAX);
	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		if (fork->pipes[ours[i]] > 2)
			ng_py_descriptors_remove(descriptors, fork->pipes[ours[i]], fork->pipes[ours[i]]);
	for (int fd = 0; fd < 3; fd++)
		if (fork->pipes[streams[fd]] >= 0 &&
		    ng_py_descriptors_set(descriptors, fd, fork->pipes[streams[fd]]) < 0)
			return -1;
	return take_passed(fork);
}

/* --- the filter, where there is no launcher --- */

/* Where there is a preexec_fn, it has to run in a child of this very thread. In the child, after fork(): first what the
 * caller wanted. Whatever is raised here keeps the program from being
 * executed, and the parent raises for it. */
static PyObject *preexec(PyObject *first, PyObject *Py_UNUSED(none))
{
	PyObject *result;
	int error;

	if (first != Py_None) {
		result = PyObject_CallNoArgs(first);
		if (!result)
			return NULL;
		Py_DECREF(result);
	}
	error = ng_py_filter_install(false, true);
	if (error < 0) {
		errno = -error;
		return PyErr_SetFromErrno(PyExc_OSError);
	}
	Py_RETURN_NONE;
}

static PyMethodDef preexec_method = { "python_blackbox_filter", preexec, METH_NOARGS, NULL };

static bool has_preexec(const struct fork_exec *fork)
{
	return fork->args[preexec_place(fork)] != Py_None;
}

static int put_filter(struct fork_exec *fork)
{
	const Py_ssize_t place = preexec_place(fork);

	return put(fork, place, PyCFunction_New(&preexec_method, fork->args[place]));
}

/* --- the ways --- */

static int go_by_launcher(struct fork_exec *fork)
{
	char keep[NG_PY_KEEP_MAX], why[128];
	PyObject *argv;

	if (ng_py_child_keep(&fork->child, keep) < 0)
		return -1;
	argv = ng_py_child_launch(&fork->child, keep, why);
	if (put(fork, ARGS, argv) < 0 || put(fork, EXECUTABLES, PyTuple_GetSlice(argv, 0, 1)) < 0)
		return -1;
	ng_py_child_note(&fork->child, why);
	return 0;
}

/* It has none of our hooks yet, so it blocks itself first. */
static int go_blocked_first(struct fork_exec *fork, Py_ssize_t line)
{
	fork->child.api = "multiprocessing";
	if (ng_py_children() == NG_PY_CHILDREN_ALLOW) {
		ng_py_child_note(&fork->child, "children are allowed (subprocess=\"allow\")");
		return 0;
	}
	if (put(fork, ARGS, ng_py_child_block_first(&fork->child, line)) < 0 ||
	    put(fork, EXECUTABLES, ng_py_child_own_interpreter()) < 0)
		return -1;
	ng_py_child_note(&fork->child, "it blocks itself by the same rules before its first statement");
	return 0;
}

static enum ng_py_way decide(struct fork_exec *fork)
{
	const Py_ssize_t line = ng_py_child_is_multiprocessing(&fork->child);
	enum ng_py_way way;

	if (line)
		return go_blocked_first(fork, line) < 0 ? NG_PY_WAY_REFUSED : NG_PY_WAY_ALLOWED;
	if (take_descriptors(fork) < 0)
		return NG_PY_WAY_REFUSED;
	way = ng_py_child_way(&fork->child);
	/* Where nothing can be executed, the caller is told so as ever. */
	if (way == NG_PY_WAY_REFUSED || way == NG_PY_WAY_ALLOWED || !fork->child.program)
		return way;
	if ((way == NG_PY_WAY_LAUNCHER ? go_by_launcher(fork) : ng_py_child_note_filter(&fork->child, way)) < 0)
		return NG_PY_WAY_REFUSED;
	if (way == NG_PY_WAY_NEW_FILTER && has_preexec(fork) && put_filter(fork) < 0)
		return NG_PY_WAY_REFUSED;
	return way;
}

PyObject *ng_py_child_fork_exec(const struct ng_py_call *call)
{
	struct fork_exec fork = { .child = { .api = "subprocess.Popen", .profile = ng_py_profile() } };
	enum ng_py_way way = NG_PY_WAY_REFUSED;
	PyObject *result = NULL;
	bool has_own = false;

	if (!ng_py_child_is_judged())
		return ng_py_door_pass(call);
	if (call->kwargs || (call->n_args != 21 && call->n_args != 23)) {
		ng_py_child_refuse(&fork.child,
				   "this Python's fork_exec() is not known, so the child cannot be confined",
				   "block_network(subprocess=\"allow\") starts children without");
		return NULL;
	}
	if (take(&fork, call) == 0) {
		has_own = has_preexec(&fork);
		way = decide(&fork);
	}
	if (way == NG_PY_WAY_NEW_FILTER && !has_own)
		result = ng_py_child_pass_filtered(&fork.child, call, fork.args, fork.n, NULL);
	else if (way != NG_PY_WAY_REFUSED)
		result = ng_py_door_pass_with(call, fork.args, fork.n, NULL);
	done(&fork);
	return result;
}
