/* SPDX-License-Identifier: MIT */
/*
 * allow_temporary(): within the block, this thread's context may use the network. The permission is a value of a
 * context variable, so a task has its own, and what a task starts on its behalf (child tasks, to_thread()) gets it with
 * the copy of the context; threads that are started have none. The value is an object that the block's end switches
 * off: copies that outlive the block permit nothing. Blocks nest: a value knows the one before it.
 */
#include "blackbox.h"

#include <stdatomic.h>

#include <structmember.h>

typedef struct {
	PyObject_HEAD PyObject *outer; /* what the variable held before, or NULL */
	PyObject *token;               /* of the variable; NULL outside the block */
	bool is_active, was_entered;
} Temporary;

/* Blocks of all threads and interpreters that are active: while there are none, nobody's context has to be asked. */
static atomic_int n_active;

static void set_active(Temporary *value, bool is_active)
{
	if (value->is_active != is_active)
		atomic_fetch_add(&n_active, is_active ? 1 : -1);
	value->is_active = is_active;
}

static void dealloc(PyObject *self);

/* A program can come by the variable (copy_context()) and put anything there. */
static bool is_ours(PyObject *object)
{
	return Py_TYPE(object)->tp_dealloc == dealloc;
}

/* The class of this interpreter's values, and its variable. */
static PyObject *own_item(const char *name)
{
	PyObject *own = ng_py_interpreter();

	return own ? PyDict_GetItemString(own, name) : NULL;
}

static PyObject *new_value(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
	PyObject *class = own_item("temporary-class");
	Temporary *value;

	if (!class)
		return NULL;
	if (!PyType_Check(class) || ((PyTypeObject *)class)->tp_dealloc != dealloc)
		return PyErr_Format(PyExc_RuntimeError, "the class of allow_temporary() was replaced");
	if (ng_py_is_strict()) {
		PyErr_SetString(
			PyExc_RuntimeError,
			"allow_temporary() is not possible any more: this process was locked in with strict=True, "
			"and the filter in the kernel cannot be taken back. Start the program again without it.");
		return NULL;
	}
	value = PyObject_GC_New(Temporary, (PyTypeObject *)class);
	if (!value)
		return NULL;
	value->outer = value->token = NULL;
	value->is_active = value->was_entered = false;
	PyObject_GC_Track(value);
	return (PyObject *)value;
}

/* asyncio's run_in_executor() copies no context: a shim makes it, once asyncio is there. */
static void carry_to_executors(void)
{
	PyObject *modules = PyImport_GetModuleDict(), *shims, *result;

	if (!modules || !PyDict_GetItemString(modules, "asyncio.base_events"))
		return;
	shims = PyImport_ImportModule("python_blackbox._libraries");
	result = shims ? PyObject_CallMethod(shims, "carry", NULL) : NULL;
	Py_XDECREF(result);
	Py_XDECREF(shims);
	PyErr_Clear();
}

/* Is the value itself, or inside of a block of this one? Entered there again, it would be its own outer one. */
static bool is_around(PyObject *value, PyObject *inner)
{
	while (inner && is_ours(inner) && inner != value)
		inner = ((Temporary *)inner)->outer;
	return inner == value;
}

static PyObject *enter(PyObject *self, PyObject *Py_UNUSED(none))
{
	Temporary *value = (Temporary *)self;
	PyObject *variable = own_item("temporary"), *outer = NULL;

	if (!variable)
		return NULL;
	if (value->token) {
		PyErr_SetString(PyExc_RuntimeError, "this allow_temporary() is entered already: make another");
		return NULL;
	}
	if (PyContextVar_Get(variable, NULL, &outer) < 0)
		return NULL;
	if (value->was_entered && is_around(self, outer)) {
		Py_DECREF(outer);
		return PyErr_Format(PyExc_RuntimeError,
				    "this allow_temporary() was entered in this context before: make another");
	}
	Py_XSETREF(value->outer, outer);
	value->token = PyContextVar_Set(variable, self);
	if (!value->token)
		return NULL;
	set_active(value, true);
	value->was_entered = true;
	carry_to_executors();
	return Py_BuildValue("O", self);
}

static PyObject *leave(PyObject *self, PyObject *Py_UNUSED(args))
{
	Temporary *value = (Temporary *)self;
	PyObject *variable = own_item("temporary");

	set_active(value, false);
	/* A generator may leave in another context than it entered: then the variable keeps a value that is off. */
	if (value->token && variable && PyContextVar_Reset(variable, value->token) < 0)
		PyErr_Clear();
	Py_CLEAR(value->token);
	Py_RETURN_NONE;
}

bool ng_py_is_temporarily_allowed(void)
{
	PyObject *type, *error, *traceback, *variable, *value = NULL;
	bool result = false;

	if (atomic_load_explicit(&n_active, memory_order_relaxed) == 0 || ng_py_is_strict())
		return false;
	PyErr_Fetch(&type, &error, &traceback);
	variable = own_item("temporary");
	if (variable && PyContextVar_Get(variable, NULL, &value) == 0)
		for (PyObject *at = value; at && is_ours(at) && !result; at = ((Temporary *)at)->outer)
			result = ((Temporary *)at)->is_active;
	Py_XDECREF(value);
	PyErr_Restore(type, error, traceback);
	return result;
}

static PyObject *py_is_temporary(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
	return PyBool_FromLong(ng_py_is_temporarily_allowed());
}

static int traverse(PyObject *self, visitproc visit, void *arg)
{
	Py_VISIT(Py_TYPE(self));
	Py_VISIT(((Temporary *)self)->outer);
	Py_VISIT(((Temporary *)self)->token);
	return 0;
}

static int clear(PyObject *self)
{
	Py_CLEAR(((Temporary *)self)->outer);
	Py_CLEAR(((Temporary *)self)->token);
	return 0;
}

static void dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);

	PyObject_GC_UnTrack(self);
	Py_TRASHCAN_BEGIN(self, dealloc);     /* blocks nest to any depth */
	set_active((Temporary *)self, false); /* entered and abandoned */
	clear(self);
	type->tp_free(self);
	Py_DECREF(type);
	Py_TRASHCAN_END;
}

static PyMethodDef value_methods[] = {
	{ "__enter__", enter, METH_NOARGS, NULL },
	{ "__exit__", leave, METH_VARARGS, NULL },
	{ 0 },
};

static PyMemberDef value_members[] = {
	{ "active", T_BOOL, offsetof(Temporary, is_active), READONLY, "Is the block entered and not left?" },
	{ 0 },
};

static PyType_Slot slots[] = {
	{ Py_tp_doc, "A block in which the network may be used: with allow_temporary(): ..." },
	{ Py_tp_methods, value_methods },
	{ Py_tp_members, value_members },
	{ Py_tp_traverse, traverse },
	{ Py_tp_clear, clear },
	{ Py_tp_dealloc, dealloc },
	{ 0, NULL },
};

static PyType_Spec spec = {
	.name = "python_blackbox.Temporary",
	.basicsize = sizeof(Temporary),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
	.slots = slots,
};

static PyMethodDef methods[] = {
	{ "allow_temporary", new_value, METH_NOARGS,
	  "A context manager: within it, this thread or task may use the network." },
	{ "is_temporarily_allowed", py_is_temporary, METH_NOARGS, "Is the caller inside allow_temporary()?" },
	{ 0 },
};

/* Makes what this interpreter has not yet; steals `value`. */
static int make_item(PyObject *own, const char *name, PyObject *value)
{
	const int result = value ? PyDict_SetItemString(own, name, value) : -1;

	Py_XDECREF(value);
	return result;
}

int ng_py_temporary_init(PyObject *module)
{
	PyObject *own = ng_py_interpreter();

	if (!own || PyModule_AddFunctions(module, methods) < 0)
		return -1;
	if (PyDict_GetItemString(own, "temporary"))
		return 0;
	if (make_item(own, "temporary-class", PyType_FromSpec(&spec)) < 0)
		return -1;
	return make_item(own, "temporary", PyContextVar_New("python_blackbox.temporary", NULL));
}
