/* SPDX-License-Identifier: MIT */
/*
 * What the parts of children.c share: one child that is about to be started, and in which way. Arguments are taken over
 * once into objects that no Python code can change (bytes, tuples of them); what was judged is what is passed on.
 */
#ifndef NG_PYTHON_CHILDREN_H
#define NG_PYTHON_CHILDREN_H

#include "entry.h"

#include "run/policy.h"

#define NG_PY_KEEP_MAX (NG_RUN_KEEP_MAX * 11) /* "1,2,3" */

/* Owns what it points to; all zero before, ng_py_child_done() after. */
struct ng_py_child {
	const char *api;   /* what Python code called */
	int profile;       /* under which it was judged */
	PyObject *program; /* bytes, for execve(): with a slash; NULL: there is none that could be started */
	PyObject *name;    /* bytes: what was asked for, for the record; may be NULL */
	PyObject *given;   /* the same as it was given, if nobody can change that; for what is told of it */
	PyObject *argv;    /* a tuple of bytes */
	struct ng_py_descriptors {
		struct ng_py_descriptor {
			int fd, source; /* the child's number; ours, -1: a file that is opened for it */
		} * at;
		unsigned n, size;
	} descriptors; /* that it will have open */
};

enum ng_py_way {
	NG_PY_WAY_REFUSED, /* with its exception */
	NG_PY_WAY_ALLOWED,
	NG_PY_WAY_LAUNCHER,   /* through `netguard run` */
	NG_PY_WAY_OWN_FILTER, /* strict: it inherits the filter that this process has */
	NG_PY_WAY_NEW_FILTER, /* without launcher: it is born with one */
};

/* As block_network(subprocess=...) takes it. */
const char *ng_py_children_word(enum ng_py_children children);
void ng_py_child_done(struct ng_py_child *child);
/* Is the question to be asked at all? */
static inline bool ng_py_child_is_judged(void)
{
	return ng_py_is_blocked() && !ng_py_is_temporarily_allowed();
}
/* Which way it goes; what is refused is recorded. */
enum ng_py_way ng_py_child_way(const struct ng_py_child *child);
/* Records it for a way by a filter, after a look at its descriptors. 0, or -1: refused. */
int ng_py_child_note_filter(const struct ng_py_child *child, enum ng_py_way way);
/* Refuses it: -1. */
int ng_py_child_refuse(const struct ng_py_child *child, const char *why, const char *tip);
/* Records that it is started. */
void ng_py_child_note(const struct ng_py_child *child, const char *why);

/* --- children-arguments.c --- */

/* str, bytes or path-like to bytes; a list or tuple of them to a tuple. New references, or NULL with an exception. */
PyObject *ng_py_bytes_of(PyObject *path);
PyObject *ng_py_bytes_tuple_of(PyObject *sequence);
/* The first of the candidates (a tuple of bytes) that can be executed, seen from the folder (bytes, or NULL: ours):
 * into child->program. 0, also where there is none; -1 with an exception. */
int ng_py_child_find(struct ng_py_child *child, PyObject *candidates, PyObject *folder);
/* The same for a name that is looked for in $PATH if it has no slash, as posix_spawnp() does it. */
int ng_py_child_find_in_path(struct ng_py_child *child);

/* What execve() leaves open. 0, or -1 with an exception. */
int ng_py_descriptors_inherit(struct ng_py_descriptors *descriptors);
int ng_py_descriptors_set(struct ng_py_descriptors *descriptors, int fd, int source);
void ng_py_descriptors_remove(struct ng_py_descriptors *descriptors, int first, int last);
/* The source of one, or -1. */
int ng_py_descriptors_source(const struct ng_py_descriptors *descriptors, int fd);
/* Sockets of a network would lead past the confinement: refused. Else 0 and the launcher's --keep-fd ("" for none). */
int ng_py_child_keep(const struct ng_py_child *child, char ret_keep[static NG_PY_KEEP_MAX]);

/* --- children-launch.c --- */

/* The launcher's path, or NULL; looked for once in a process. */
const char *ng_py_launcher(void);
/* Is it there, and can it hold a child to the rules of now? 1, 0; -1 with an exception. */
int ng_py_launcher_can_hold(const struct ng_py_child *child);
/* The command line of the child in the launcher, a tuple of bytes whose first is the launcher, and what to record.
 * NULL with an exception. */
PyObject *ng_py_child_launch(const struct ng_py_child *child, const char *keep, char ret_why[static 128]);
/* Remembers from where this package is imported. 0, or -1 with an exception. */
int ng_py_children_place_init(PyObject *module);
/* Is it multiprocessing's: this interpreter, to run multiprocessing's own line? Then the place of the line in argv,
 * else 0. */
Py_ssize_t ng_py_child_is_multiprocessing(const struct ng_py_child *child);
/* This interpreter's executable, as the tuple of what to execute: whatever is at the path that was given by then, in
 * whatever folder, is not. New reference, or NULL with an exception. */
PyObject *ng_py_child_own_interpreter(void);
/* The argv with that line preceded by our block, with the rules of now. */
PyObject *ng_py_child_block_first(const struct ng_py_child *child, Py_ssize_t at);

/* --- children-filter.c --- */

/* Calls the function so that the child has the filter, which lets no address through. As ng_py_door_pass_with(). */
PyObject *ng_py_child_pass_filtered(const struct ng_py_child *child, const struct ng_py_call *call,
				    PyObject *const *args, Py_ssize_t n_args, PyObject *kwargs);

/* --- children-exec.c: handlers --- */

PyObject *ng_py_child_exec(const struct ng_py_call *call); /* execv(), execve(), posix_spawn(), posix_spawnp() */
PyObject *ng_py_child_system(const struct ng_py_call *call);

/* --- children-fork.c --- */

/* The handler of _posixsubprocess.fork_exec. */
PyObject *ng_py_child_fork_exec(const struct ng_py_call *call);

#endif
