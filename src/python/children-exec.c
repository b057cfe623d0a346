/* SPDX-License-Identifier: MIT */
/*
 * execv(), execve(), posix_spawn(), posix_spawnp() and system() (children.h): what they are to start becomes the
 * launcher's command line, or is started under the filter. Everything else of the call stays as it was: environment,
 * file actions, group, signals.
 */
#include "children.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- execv(), execve(), posix_spawn(), posix_spawnp() --- */

static const char *const apis[NG_PY_DOORS] = {
	[NG_PY_DOOR_POSIX_SPAWN] = "os.posix_spawn",
	[NG_PY_DOOR_POSIX_SPAWNP] = "os.posix_spawnp",
	[NG_PY_DOOR_EXECV] = "os.execv",
	[NG_PY_DOOR_EXECVE] = "os.execve",
	[NG_PY_DOOR_SYSTEM] = "os.system",
};

/* Borrowed; NULL: it was not given. */
static PyObject *argument(const struct ng_py_call *call, Py_ssize_t place, const char *name)
{
	if (place < call->n_args)
		return call->args[place];
	return call->kwargs ? PyDict_GetItemString(call->kwargs, name) : NULL;
}

/* execve() takes a descriptor, too: the file that it is of, if that has a name. New bytes, or NULL with an exception.
 */
static PyObject *path_of_descriptor(const struct ng_py_child *child, PyObject *number)
{
	const long fd = PyLong_AsLong(number);
	struct stat opened, named;
	char link[32], path[PATH_MAX];
	ssize_t length;

	if (fd == -1 && PyErr_Occurred())
		return NULL;
	snprintf(link, sizeof link, "/proc/self/fd/%ld", fd);
	length = readlink(link, path, sizeof path - 1);
	if (length > 0) {
		path[length] = '\0';
		if (*path == '/' && stat(link, &opened) == 0 && stat(path, &named) == 0 &&
		    opened.st_dev == named.st_dev && opened.st_ino == named.st_ino)
			return PyBytes_FromString(path);
	}
	ng_py_child_refuse(child, "a program that has no path cannot be confined", "give the path of the program");
	return NULL;
}

static int take_path(struct ng_py_child *child, enum ng_py_door door, PyObject *path)
{
	if (door == NG_PY_DOOR_EXECVE && PyIndex_Check(path))
		child->name = path_of_descriptor(child, path);
	else
		child->name = ng_py_bytes_of(path);
	child->given = PyUnicode_CheckExact(path) || PyBytes_CheckExact(path) ? path : child->name;
	Py_XINCREF(child->given);
	return child->name ? 0 : -1;
}

static int find_program(struct ng_py_child *child, enum ng_py_door door)
{
	PyObject *candidates;
	int result;

	if (door == NG_PY_DOOR_POSIX_SPAWNP)
		return ng_py_child_find_in_path(child);
	candidates = PyTuple_Pack(1, child->name);
	result = candidates ? ng_py_child_find(child, candidates, NULL) : -1;
	Py_XDECREF(candidates);
	return result;
}

/* What posix_spawn() does to the descriptors, by the numbers of os.POSIX_SPAWN_OPEN, _CLOSE, _DUP2 and _CLOSEFROM. */
static int apply_file_action(struct ng_py_descriptors *descriptors, PyObject *action)
{
	int tag = -1, fd = -1, to = -1, source;
	PyObject *const *items = ((PyTupleObject *)action)->ob_item;
	const Py_ssize_t n = PyTuple_GET_SIZE(action);

	for (Py_ssize_t i = 0; i < n && i < 3; i++) {
		const long value = PyLong_Check(items[i]) ? PyLong_AsLong(items[i]) : -1;

		PyErr_Clear();
		*(i == 0 ? &tag : i == 1 ? &fd : &to) = value < 0 || value > INT_MAX ? -1 : (int)value;
	}
	switch (tag) {
	case 0:
		return ng_py_descriptors_set(descriptors, fd, -1);
	case 1:
		ng_py_descriptors_remove(descriptors, fd, fd);
		return 0;
	case 2:
		source = ng_py_descriptors_source(descriptors, fd);
		return ng_py_descriptors_set(descriptors, to, source < 0 ? fd : source);
	case 3:
		ng_py_descriptors_remove(descriptors, fd, INT_MAX);
		return 0;
	default: /* the function itself will say so */
		return 0;
	}
}

/* The actions as a tuple of tuples that nobody can change. New reference, or NULL with an exception. */
static PyObject *frozen_actions(PyObject *actions)
{
	PyObject *outer = PySequence_Tuple(actions), *frozen = outer ? PyTuple_New(PyTuple_GET_SIZE(outer)) : NULL;

	for (Py_ssize_t i = 0; frozen && i < PyTuple_GET_SIZE(outer); i++) {
		PyObject *action = PyTuple_GET_ITEM(outer, i);

		if (!PyTuple_Check(action)) {
			PyErr_SetString(PyExc_TypeError, "Each file_actions element must be a non-empty tuple");
			Py_CLEAR(frozen);
			break;
		}
		Py_INCREF(action);
		PyTuple_SET_ITEM(frozen, i, action);
	}
	Py_XDECREF(outer);
	return frozen;
}

static int take_descriptors(struct ng_py_child *child, PyObject *actions)
{
	if (ng_py_descriptors_inherit(&child->descriptors) < 0)
		return -1;
	for (Py_ssize_t i = 0; actions && i < PyTuple_GET_SIZE(actions); i++)
		if (apply_file_action(&child->descriptors, PyTuple_GET_ITEM(actions, i)) < 0)
			return -1;
	return 0;
}

/* execv() and its kin take no argv without a first word. */
static bool has_name(PyObject *argv)
{
	return PyTuple_GET_SIZE(argv) && PyBytes_GET_SIZE(PyTuple_GET_ITEM(argv, 0));
}

/* The way, and the path and argv to pass on: new references. Where nothing can be started, as they came: the function
 * fails as ever. */
static enum ng_py_way choose(const struct ng_py_child *child, PyObject **ret_path, PyObject **ret_argv)
{
	char keep[NG_PY_KEEP_MAX], why[128];
	const bool can_start = child->program && has_name(child->argv);
	const enum ng_py_way way = ng_py_child_way(child);
	PyObject *path = child->given, *argv = child->argv;

	if (way == NG_PY_WAY_REFUSED)
		return way;
	Py_INCREF(argv);
	if (way == NG_PY_WAY_LAUNCHER && can_start) {
		Py_SETREF(argv, ng_py_child_keep(child, keep) < 0 ? NULL : ng_py_child_launch(child, keep, why));
		if (!argv)
			return NG_PY_WAY_REFUSED;
		path = PyTuple_GET_ITEM(argv, 0);
		ng_py_child_note(child, why);
	} else if (way != NG_PY_WAY_ALLOWED && can_start && ng_py_child_note_filter(child, way) < 0) {
		Py_DECREF(argv);
		return NG_PY_WAY_REFUSED;
	}
	Py_INCREF(path);
	*ret_path = path;
	*ret_argv = argv;
	return way;
}

static PyObject *pass_by(enum ng_py_way way, const struct ng_py_child *child, const struct ng_py_call *call,
			 PyObject *const *args, Py_ssize_t n_args, PyObject *kwargs)
{
	if (way == NG_PY_WAY_NEW_FILTER)
		return ng_py_child_pass_filtered(child, call, args, n_args, kwargs);
	return ng_py_door_pass_with(call, args, n_args, kwargs);
}

/* `actions`: a frozen copy, or NULL. */
static PyObject *pass_program(const struct ng_py_call *call, const struct ng_py_child *child, PyObject *actions)
{
	PyObject *args[3] = { NULL, NULL, argument(call, 2, "env") }, *kwargs = NULL, *result = NULL;
	const bool has_options = call->door != NG_PY_DOOR_EXECVE && call->kwargs;
	const enum ng_py_way way = choose(child, &args[0], &args[1]);

	if (way == NG_PY_WAY_REFUSED)
		return NULL;
	if (has_options)
		kwargs = PyDict_Copy(call->kwargs);
	if ((kwargs || !has_options) && (!actions || PyDict_SetItemString(kwargs, "file_actions", actions) == 0))
		result = pass_by(way, child, call, args, call->door == NG_PY_DOOR_EXECV ? 2 : 3, kwargs);
	Py_XDECREF(kwargs);
	Py_DECREF(args[0]);
	Py_DECREF(args[1]);
	return result;
}

/* Has it the arguments that the function takes? */
static bool is_call_good(const struct ng_py_call *call)
{
	const Py_ssize_t n_named = call->kwargs ? PyDict_GET_SIZE(call->kwargs) : 0;

	switch ((int)call->door) {
	case NG_PY_DOOR_EXECV:
		return call->n_args == 2 && n_named == 0;
	case NG_PY_DOOR_EXECVE:
		return call->n_args + n_named == 3 && argument(call, 0, "path") && argument(call, 1, "argv") &&
		       argument(call, 2, "env");
	case NG_PY_DOOR_SYSTEM:
		return call->n_args + n_named == 1 && argument(call, 0, "command");
	default: /* posix_spawn(), posix_spawnp() */
		return call->n_args == 3;
	}
}

PyObject *ng_py_child_exec(const struct ng_py_call *call)
{
	struct ng_py_child child = { .api = apis[call->door], .profile = ng_py_profile() };
	PyObject *path = argument(call, 0, "path"), *argv = argument(call, 1, "argv"), *result = NULL;
	PyObject *actions = call->kwargs ? PyDict_GetItemString(call->kwargs, "file_actions") : NULL;

	if (!ng_py_child_is_judged() || !is_call_good(call) || !(PyList_Check(argv) || PyTuple_Check(argv)))
		return ng_py_door_pass(call); /* in the latter cases it fails */
	actions = actions && actions != Py_None ? frozen_actions(actions) : NULL;
	if (!PyErr_Occurred() && take_path(&child, call->door, path) == 0 &&
	    (child.argv = ng_py_bytes_tuple_of(argv)) && find_program(&child, call->door) == 0 &&
	    take_descriptors(&child, actions) == 0)
		result = pass_program(call, &child, actions);
	Py_XDECREF(actions);
	ng_py_child_done(&child);
	return result;
}

/* --- system() --- */

/* 'word', for a shell. */
static int add_quoted(PyObject **text, const char *word)
{
	PyObject *quoted = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(4 * strlen(word) + 3));
	char *at = quoted ? PyBytes_AS_STRING(quoted) : NULL;

	if (!quoted) {
		Py_CLEAR(*text);
		return -1;
	}
	*at++ = ' ';
	*at++ = '\'';
	for (; *word; word++) {
		if (*word == '\'') {
			for (const char *escaped = "'\\''"; *escaped; escaped++)
				*at++ = *escaped;
		} else {
			*at++ = *word;
		}
	}
	*at++ = '\'';
	PyBytes_ConcatAndDel(text,
			     PyBytes_FromStringAndSize(PyBytes_AS_STRING(quoted), at - PyBytes_AS_STRING(quoted)));
	Py_DECREF(quoted);
	return *text ? 0 : -1;
}

/* The shell that system() starts becomes the launcher, whose child is the shell that was meant. */
static PyObject *shell_line(PyObject *argv)
{
	PyObject *text = PyBytes_FromString("exec");

	for (Py_ssize_t i = 0; text && i < PyTuple_GET_SIZE(argv); i++)
		if (add_quoted(&text, PyBytes_AS_STRING(PyTuple_GET_ITEM(argv, i))) < 0)
			return NULL;
	return text;
}

PyObject *ng_py_child_system(const struct ng_py_call *call)
{
	struct ng_py_child child = { .api = apis[call->door], .profile = ng_py_profile() };
	PyObject *command = argument(call, 0, "command"), *bytes;
	PyObject *program = NULL, *argv = NULL, *line = NULL, *result = NULL;
	enum ng_py_way way = NG_PY_WAY_REFUSED;

	if (!ng_py_child_is_judged() || !is_call_good(call))
		return ng_py_door_pass(call);
	bytes = ng_py_bytes_of(command);
	child.program = PyBytes_FromString("/bin/sh");
	child.given = Py_None;
	Py_INCREF(Py_None);
	child.argv = bytes ? Py_BuildValue("(yyO)", "sh", "-c", bytes) : NULL;
	if (child.program && child.argv && take_descriptors(&child, NULL) == 0)
		way = choose(&child, &program, &argv);
	if (way != NG_PY_WAY_REFUSED) {
		line = argv != child.argv ? shell_line(argv) : NULL;
		if (line || !PyErr_Occurred())
			result = pass_by(way, &child, call, line ? &line : &bytes, 1, NULL);
	}
	Py_XDECREF(line);
	Py_XDECREF(program);
	Py_XDECREF(argv);
	Py_XDECREF(bytes);
	ng_py_child_done(&child);
	return result;
}
