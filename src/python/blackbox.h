/* SPDX-License-Identifier: MIT */
/*
 * python_blackbox, from inside: what the parts of the extension share. It runs in the interpreter that imported it,
 * with that process's power and none besides, and is advisory: machine code in the same process can pass it by, which
 * is what `strict` is for. What Python code can do, it sees:
 *
 *     hook.c      the audit hook (PEP 578): each event that means network. It cannot be taken out.
 *     entry.c     doors in front of C functions whose event comes too late to decide (a name inside connect() has been
 *                 looked up by then) or says too little (what a lookup returned; a child, which must be started
 * otherwise) judge.c     from the interpreter's arguments to a flow, and the question to verdict.h state.c     the
 * rules: one set for the process, all its threads and interpreters names.c     whitelisted names, and the addresses
 * that their own lookups returned attempts.c  what was tried children.c  processes that are started strict.c    the
 * seccomp filter temporary.c allow_temporary()
 *
 * Invariants: a question that cannot be answered is refused; every refusal is recorded before it is raised; no lock is
 * held while Python code can run. Functions that return int give 0, or -1 with a Python exception set, unless they say
 * otherwise. Needs the thread state attached (the GIL where there is one) unless it says otherwise.
 */
#ifndef NG_PYTHON_BLACKBOX_H
#define NG_PYTHON_BLACKBOX_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>

#include "verdict/verdict.h"

/* --- state.c --- */

/* What becomes of a process that is started while blocked. */
enum ng_py_children {
	NG_PY_CHILDREN_CONFINE, /* by `netguard run` with the same rules; without it by the filter, which lets no
				   address through */
	NG_PY_CHILDREN_REFUSE,
	NG_PY_CHILDREN_ALLOW, /* it is recorded */
};

/* One read each, no lock: for the way of each call. */
int ng_py_profile(void); /* NG_PROFILE_* */
static inline bool ng_py_is_blocked(void);
const char *ng_py_profile_word(int profile); /* as profile() takes and gives it */
enum ng_py_children ng_py_children(void);
bool ng_py_is_strict(void);
void ng_py_set_children(enum ng_py_children children);
void ng_py_set_strict(void); /* for good */

/* The whitelist as the launcher's --allow takes it: a new list of str. A domain is two: itself and "*." below it. */
PyObject *ng_py_allow_list(void);

/* --- attempts.c --- */

/* All borrowed for the call; what is not known is 0 or NULL. */
struct ng_py_attempt {
	const char
		*call; /* as in the launcher's records: socket, connect, bind, accept, sendto, sendmsg, resolve, exec */
	const char *api;     /* what Python code called, "socket.connect", "subprocess.Popen": net_restrict's `api` */
	int family;          /* AF_*, -1: none */
	bool has_address;    /* flow.addr and flow.port are known */
	struct ng_flow flow; /* verdict.h */
	const char *host;    /* the name that was given or that the address was looked up for */
	const char *path;    /* of a child: the program; of AF_UNIX: the path */
	bool is_allowed;
	unsigned char reason, class; /* NG_REASON_*, NG_CLASS_* */
	const char *why;             /* a clause instead of the reason's text */
	const char *tip;             /* what would allow it, instead of the one worked out */
};

/* Records it. Never fails: what cannot be kept is counted. Callbacks are called; what they raise is unraisable. */
void ng_py_note(const struct ng_py_attempt *attempt);
/* Records it as refused and raises NetworkBlockedError: returns -1. */
int ng_py_refuse(const struct ng_py_attempt *attempt);

/* What belongs to this interpreter and not to its modules, which can be deleted or loaded again: "error", the class
 * NetworkBlockedError; "callback"; "temporary", the context variable. A borrowed dict, or NULL with an exception. */
PyObject *ng_py_interpreter(void);

/* --- temporary.c --- */

/* Is this thread's context inside allow_temporary()? */
bool ng_py_is_temporarily_allowed(void);

/* --- children.c --- */

/* An event that a process is started: 0 if a door will see to it, else it is refused unless children are allowed. */
int ng_py_children_event(const char *event, PyObject *args);

/* --- the parts' starts: called once for each interpreter that imports the module, in this order; each adds its
 * functions to the module and makes what it needs --- */
int ng_py_attempts_init(PyObject *module);
int ng_py_temporary_init(PyObject *module);
int ng_py_rules_init(PyObject *module); /* state.c, names.c: the whitelist's functions */
int ng_py_hook_init(PyObject *module);
int ng_py_children_init(PyObject *module);
int ng_py_strict_init(PyObject *module);
int ng_py_program_init(PyObject *module); /* program.c: run_file(), run_module() for the wrapper */

static inline bool ng_py_is_blocked(void)
{
	return ng_py_profile() != NG_PROFILE_ONLINE;
}

#endif
