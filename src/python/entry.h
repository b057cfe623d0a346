/* SPDX-License-Identifier: MIT */
/*
 * A door in front of one of CPython's own C functions. The method table's pointer (PyMethodDef.ml_meth) is replaced, so
 * that every reference to the function, also one taken before, comes through the door, in every interpreter; Python
 * code can neither see nor remove it. The functions are static in CPython since before 3.9. A function whose calling
 * convention is none of those known is left alone, and entry says so: protection() then names what that leaves open.
 *
 * A door is made once and stays. It takes nothing from a function while nothing is blocked: its handler passes on.
 */
#ifndef NG_PYTHON_ENTRY_H
#define NG_PYTHON_ENTRY_H

#include "blackbox.h"

enum ng_py_door {
	NG_PY_DOOR_CONNECT,    /* _socket.socket.connect */
	NG_PY_DOOR_CONNECT_EX, /* ... and so on */
	NG_PY_DOOR_BIND,
	NG_PY_DOOR_SENDTO,
	NG_PY_DOOR_SENDMSG,
	NG_PY_DOOR_ACCEPT, /* _socket.socket._accept */
	NG_PY_DOOR_RECVFROM,
	NG_PY_DOOR_RECVFROM_INTO,
	NG_PY_DOOR_RECVMSG,
	NG_PY_DOOR_RECVMSG_INTO,
	NG_PY_DOOR_GETADDRINFO,
	NG_PY_DOOR_GETHOSTBYNAME,
	NG_PY_DOOR_GETHOSTBYNAME_EX,
	NG_PY_DOOR_GETNAMEINFO,
	NG_PY_DOOR_FORK_EXEC, /* _posixsubprocess.fork_exec */
	NG_PY_DOOR_POSIX_SPAWN,
	NG_PY_DOOR_POSIX_SPAWNP,
	NG_PY_DOOR_EXECV,
	NG_PY_DOOR_EXECVE,
	NG_PY_DOOR_SYSTEM,
	NG_PY_DOORS,
};

/* One call that came to a door, whatever its convention. */
struct ng_py_call {
	enum ng_py_door door;
	PyObject *self;        /* the module or the object */
	PyObject *const *args; /* positional; borrowed */
	Py_ssize_t n_args;
	PyObject *kwargs; /* a dict or NULL; borrowed */

	PyObject *original; /* entry.c's own: the tuple, or the vector's names, that came */
};

typedef PyObject *(*ng_py_handler)(const struct ng_py_call *call);

/* Puts the handler before the function. Again for the same door: nothing. Imports the module. 0; 1 if the function
 * cannot have a door here (is not there, an unknown convention); -1 with an exception. */
int ng_py_door_open(enum ng_py_door door, ng_py_handler handler);
bool ng_py_door_is_open(enum ng_py_door door);
/* "_socket.socket.connect", without a thread state. */
void ng_py_door_name(enum ng_py_door door, char ret_name[static 64]);
/* The function itself, with the arguments as they came, or others: a new reference or NULL with its exception. */
PyObject *ng_py_door_pass(const struct ng_py_call *call);
PyObject *ng_py_door_pass_with(const struct ng_py_call *call, PyObject *const *args, Py_ssize_t n_args,
			       PyObject *kwargs);

#endif
