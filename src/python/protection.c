/* SPDX-License-Identifier: MIT */
/*
 * What protection() tells, as far as it must be found out here: nothing of it is remembered, each fact is tried at the
 * moment of the question. The hook is asked by an event of our own, which it answers with an exception; the filter by a
 * system call that fails in another way without it (setns() of no descriptor: EBADF, or EPERM from the filter).
 * _protection.py makes words of it.
 */
#include "children.h"
#include "entry.h"
#include "strict.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *const door_names[NG_PY_DOORS] = {
	[NG_PY_DOOR_CONNECT] = "socket.connect",
	[NG_PY_DOOR_CONNECT_EX] = "socket.connect_ex",
	[NG_PY_DOOR_BIND] = "socket.bind",
	[NG_PY_DOOR_SENDTO] = "socket.sendto",
	[NG_PY_DOOR_SENDMSG] = "socket.sendmsg",
	[NG_PY_DOOR_ACCEPT] = "socket.accept",
	[NG_PY_DOOR_RECVFROM] = "socket.recvfrom",
	[NG_PY_DOOR_RECVFROM_INTO] = "socket.recvfrom_into",
	[NG_PY_DOOR_RECVMSG] = "socket.recvmsg",
	[NG_PY_DOOR_RECVMSG_INTO] = "socket.recvmsg_into",
	[NG_PY_DOOR_GETADDRINFO] = "getaddrinfo",
	[NG_PY_DOOR_GETHOSTBYNAME] = "gethostbyname",
	[NG_PY_DOOR_GETHOSTBYNAME_EX] = "gethostbyname_ex",
	[NG_PY_DOOR_GETNAMEINFO] = "getnameinfo",
	[NG_PY_DOOR_FORK_EXEC] = "fork_exec",
	[NG_PY_DOOR_POSIX_SPAWN] = "posix_spawn",
	[NG_PY_DOOR_POSIX_SPAWNP] = "posix_spawnp",
	[NG_PY_DOOR_EXECV] = "execv",
	[NG_PY_DOOR_EXECVE] = "execve",
	[NG_PY_DOOR_SYSTEM] = "system",
};

static PyObject *list_doors(void)
{
	PyObject *doors = PyDict_New();

	for (int i = 0; doors && i < NG_PY_DOORS; i++) {
		PyObject *is_open = ng_py_door_is_open((enum ng_py_door)i) ? Py_True : Py_False;

		if (PyDict_SetItemString(doors, door_names[i], is_open) < 0)
			Py_CLEAR(doors);
	}
	return doors;
}

/* Only while something is blocked; otherwise it passes all. */
static bool hook_answers(void)
{
	const bool has_raised = PySys_Audit("python_blackbox.probe", NULL) < 0;
	const bool is_ours = has_raised && PyErr_ExceptionMatches(PyExc_PermissionError);

	PyErr_Clear();
	return is_ours;
}

static bool filter_answers(void)
{
	return syscall(SYS_setns, -1, 0) < 0 && errno == EPERM;
}

PyDoc_STRVAR(facts_doc,
	     "facts()\n--\n\n"
	     "What is in force in this process at this moment: hook, filter, strict, doors, launcher, children.");

static PyObject *facts(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
	const bool hook = hook_answers(), filter = filter_answers();

	return Py_BuildValue("{s:O,s:O,s:O,s:i,s:N,s:z,s:s}", "hook", hook ? Py_True : Py_False, "filter",
			     filter ? Py_True : Py_False, "strict", ng_py_is_strict() ? Py_True : Py_False,
			     "supervisor", (int)ng_py_supervisor(), "doors", list_doors(), "launcher", ng_py_launcher(),
			     "children", ng_py_children_word(ng_py_children()));
}

static PyMethodDef methods[] = {
	{ "facts", facts, METH_NOARGS, facts_doc },
	{ NULL, NULL, 0, NULL },
};

int ng_py_protection_init(PyObject *module)
{
	return PyModule_AddFunctions(module, methods);
}
