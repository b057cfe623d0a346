/* SPDX-License-Identifier: MIT */
/*
 * Processes that are started while blocked (children.h). A child has none of our hooks, so it is started in another
 * way: through `netguard run` with the rules of now; without the launcher with a filter of system calls that lets no
 * address through; multiprocessing's by blocking itself. Or it is refused, or allowed: block_network(subprocess=...).
 *
 * Doors stand before the functions of C through which every process is started; a function that can have none is
 * refused by its event. fork() alone needs nothing: the child has all that we have.
 */
#include "children.h"

#include <string.h>

static const char *const modes[] = {
	[NG_PY_CHILDREN_CONFINE] = "confine",
	[NG_PY_CHILDREN_REFUSE] = "refuse",
	[NG_PY_CHILDREN_ALLOW] = "allow",
};

const char *ng_py_children_word(enum ng_py_children children)
{
	return modes[children];
}

/* --- one child --- */

void ng_py_child_done(struct ng_py_child *child)
{
	Py_CLEAR(child->program);
	Py_CLEAR(child->name);
	Py_CLEAR(child->given);
	Py_CLEAR(child->argv);
	PyMem_Free(child->descriptors.at);
	child->descriptors = (struct ng_py_descriptors){ 0 };
}

static struct ng_py_attempt attempt_of(const struct ng_py_child *child)
{
	PyObject *path = child->program ? child->program : child->name;

	return (struct ng_py_attempt){ .call = "exec",
				       .api = child->api,
				       .family = -1,
				       .path = path ? PyBytes_AS_STRING(path) : child->api,
				       .reason = NG_REASON_NONE };
}

int ng_py_child_refuse(const struct ng_py_child *child, const char *why, const char *tip)
{
	struct ng_py_attempt attempt = attempt_of(child);

	attempt.why = why;
	attempt.tip = tip;
	return ng_py_refuse(&attempt);
}

void ng_py_child_note(const struct ng_py_child *child, const char *why)
{
	struct ng_py_attempt attempt = attempt_of(child);

	attempt.is_allowed = true;
	attempt.why = why;
	ng_py_note(&attempt);
}

enum ng_py_way ng_py_child_way(const struct ng_py_child *child)
{
	int can_hold;

	switch (ng_py_children()) {
	case NG_PY_CHILDREN_ALLOW:
		ng_py_child_note(child, "children are allowed (subprocess=\"allow\")");
		return NG_PY_WAY_ALLOWED;
	case NG_PY_CHILDREN_REFUSE:
		ng_py_child_refuse(child, "no other program is started while blocked (subprocess=\"refuse\")",
				   "block_network(subprocess=\"confine\")");
		return NG_PY_WAY_REFUSED;
	case NG_PY_CHILDREN_CONFINE:
		break;
	}
	if (ng_py_is_strict())
		return NG_PY_WAY_OWN_FILTER;
	can_hold = ng_py_launcher_can_hold(child);
	return can_hold < 0 ? NG_PY_WAY_REFUSED : can_hold ? NG_PY_WAY_LAUNCHER : NG_PY_WAY_NEW_FILTER;
}

int ng_py_child_note_filter(const struct ng_py_child *child, enum ng_py_way way)
{
	char keep[NG_PY_KEEP_MAX];

	if (ng_py_child_keep(child, keep) < 0)
		return -1;
	if (way == NG_PY_WAY_OWN_FILTER)
		ng_py_child_note(child, "it has the filter of this process");
	else if (ng_py_launcher())
		ng_py_child_note(child,
				 "it has a filter that lets no address through, the whitelist neither: netguard run "
				 "cannot do more inside of another");
	else
		ng_py_child_note(child,
				 "it has a filter that lets no address through, the whitelist neither: netguard run "
				 "is not installed");
	return 0;
}

/* --- events --- */

/* The doors that an event's function goes through. */
static bool has_door(const char *event)
{
	if (strcmp(event, "subprocess.Popen") == 0)
		return ng_py_door_is_open(NG_PY_DOOR_FORK_EXEC);
	if (strcmp(event, "os.posix_spawn") == 0)
		return ng_py_door_is_open(NG_PY_DOOR_POSIX_SPAWN) && ng_py_door_is_open(NG_PY_DOOR_POSIX_SPAWNP);
	if (strcmp(event, "os.system") == 0)
		return ng_py_door_is_open(NG_PY_DOOR_SYSTEM);
	return ng_py_door_is_open(NG_PY_DOOR_EXECV) && ng_py_door_is_open(NG_PY_DOOR_EXECVE);
}

/* The program in an event's first argument, as far as it can be told without running Python code. */
static PyObject *program_of_event(PyObject *args)
{
	PyObject *first = PyTuple_Check(args) && PyTuple_GET_SIZE(args) ? PyTuple_GET_ITEM(args, 0) : NULL;
	PyObject *bytes;

	if (first && (PyTuple_CheckExact(first) || PyList_CheckExact(first)) && PySequence_Fast_GET_SIZE(first))
		first = PySequence_Fast_GET_ITEM(first, 0);
	bytes = first && (PyUnicode_CheckExact(first) || PyBytes_CheckExact(first)) ? ng_py_bytes_of(first) : NULL;
	PyErr_Clear();
	return bytes;
}

int ng_py_children_event(const char *event, PyObject *args)
{
	struct ng_py_child child = { .api = event, .profile = ng_py_profile() };
	const bool forks_first =
		strcmp(event, "pty.spawn") == 0; /* refused in the child it would run our caller there */
	int result = -1;

	if (!ng_py_child_is_judged() || ng_py_children() == NG_PY_CHILDREN_ALLOW)
		return 0;
	if (has_door(event) && !forks_first)
		return 0;
	child.name = program_of_event(args);
	if (!has_door(event))
		ng_py_child_refuse(&child, "in this Python nothing can stand before the function that starts it",
				   "block_network(subprocess=\"allow\")");
	else
		result = ng_py_child_way(&child) == NG_PY_WAY_REFUSED ? -1 : 0;
	ng_py_child_done(&child);
	return result;
}

/* --- for Python --- */

static PyObject *py_children_mode(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
	return PyUnicode_FromString(ng_py_children_word(ng_py_children()));
}

static PyObject *py_set_children(PyObject *Py_UNUSED(module), PyObject *word)
{
	const char *text = PyUnicode_Check(word) ? PyUnicode_AsUTF8(word) : "";

	if (!text)
		return NULL;
	for (int i = NG_PY_CHILDREN_CONFINE; i <= NG_PY_CHILDREN_ALLOW; i++) {
		if (strcmp(text, modes[i]) == 0) {
			ng_py_set_children((enum ng_py_children)i);
			Py_RETURN_NONE;
		}
	}
	return PyErr_Format(PyExc_ValueError,
			    "%R is no way to treat children: write \"confine\", \"refuse\" or \"allow\"", word);
}

static PyObject *py_launcher(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
	const char *path = ng_py_launcher();

	if (!path)
		Py_RETURN_NONE;
	return PyUnicode_DecodeFSDefault(path);
}

static PyObject *py_doors(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
	PyObject *dict = PyDict_New();

	for (int i = 0; dict && i < NG_PY_DOORS; i++) {
		char name[64];

		ng_py_door_name((enum ng_py_door)i, name);
		if (PyDict_SetItemString(dict, name, ng_py_door_is_open((enum ng_py_door)i) ? Py_True : Py_False) < 0)
			Py_CLEAR(dict);
	}
	return dict;
}

static PyMethodDef functions[] = {
	{ "children_mode", py_children_mode, METH_NOARGS,
	  PyDoc_STR(
		  "What becomes of processes that are started while blocked: \"confine\", \"refuse\" or \"allow\".") },
	{ "set_children", py_set_children, METH_O, PyDoc_STR("Set what children_mode() tells.") },
	{ "launcher", py_launcher, METH_NOARGS,
	  PyDoc_STR("The path of the launcher that confines children, or None.") },
	{ "doors", py_doors, METH_NOARGS,
	  PyDoc_STR("Which of CPython's own functions have a door of ours before them: name to bool.") },
	{ 0 },
};

int ng_py_children_init(PyObject *module)
{
	static const struct {
		enum ng_py_door door;
		ng_py_handler handler;
	} handlers[] = {
		{ NG_PY_DOOR_FORK_EXEC, ng_py_child_fork_exec }, { NG_PY_DOOR_POSIX_SPAWN, ng_py_child_exec },
		{ NG_PY_DOOR_POSIX_SPAWNP, ng_py_child_exec },   { NG_PY_DOOR_EXECV, ng_py_child_exec },
		{ NG_PY_DOOR_EXECVE, ng_py_child_exec },         { NG_PY_DOOR_SYSTEM, ng_py_child_system },
	};

	if (PyModule_AddFunctions(module, functions) < 0 || ng_py_children_place_init(module) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(handlers) / sizeof(*handlers); i++)
		if (ng_py_door_open(handlers[i].door, handlers[i].handler) < 0)
			return -1;
	return 0;
}
