/* SPDX-License-Identifier: MIT */
/*
 * Doors (entry.h): who stands in front of CPython's own functions, and how a call gets through in either direction.
 *
 * A function is called by the convention that its method table states (PyMethodDef.ml_flags), so each door has a stub
 * for each convention: a constant function, since C gives a method no place to keep who it is. The stub lays the call
 * out in a struct ng_py_call on the stack and hands it to the door's handler. On the way of a call without keywords
 * nothing is allocated, and passing on calls the function with the very tuple or vector that came.
 *
 * The interpreter reads ml_meth anew with each call, in its specialised instructions too, so the replacement counts
 * for what was taken before. Tables are static data of CPython: one door serves all interpreters of the process, and
 * stays for good. A door is written whole before its stub is put into the table, under a lock (interpreters may have
 * a GIL of their own) that holds no Python code; calls take no lock.
 */
#include "python/entry.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* What a method table's entry may ask for besides its convention, without changing how it is called. */
#define NG_PY_HARMLESS_FLAGS METH_COEXIST
#define NG_PY_CONVENTIONS 6

struct door {
	const char *module, *type, *name; /* type: NULL if it is a function of the module */
	int flags;                        /* the convention; valid once the handler is set */
	PyCFunction original;
	ng_py_handler handler; /* NULL: closed; written last */
};

static struct door doors[NG_PY_DOORS] = {
	[NG_PY_DOOR_CONNECT] = { "_socket", "socket", "connect" },
	[NG_PY_DOOR_CONNECT_EX] = { "_socket", "socket", "connect_ex" },
	[NG_PY_DOOR_BIND] = { "_socket", "socket", "bind" },
	[NG_PY_DOOR_SENDTO] = { "_socket", "socket", "sendto" },
	[NG_PY_DOOR_SENDMSG] = { "_socket", "socket", "sendmsg" },
	[NG_PY_DOOR_ACCEPT] = { "_socket", "socket", "_accept" },
	[NG_PY_DOOR_RECVFROM] = { "_socket", "socket", "recvfrom" },
	[NG_PY_DOOR_RECVFROM_INTO] = { "_socket", "socket", "recvfrom_into" },
	[NG_PY_DOOR_RECVMSG] = { "_socket", "socket", "recvmsg" },
	[NG_PY_DOOR_RECVMSG_INTO] = { "_socket", "socket", "recvmsg_into" },
	[NG_PY_DOOR_GETADDRINFO] = { "_socket", NULL, "getaddrinfo" },
	[NG_PY_DOOR_GETHOSTBYNAME] = { "_socket", NULL, "gethostbyname" },
	[NG_PY_DOOR_GETHOSTBYNAME_EX] = { "_socket", NULL, "gethostbyname_ex" },
	[NG_PY_DOOR_GETNAMEINFO] = { "_socket", NULL, "getnameinfo" },
	[NG_PY_DOOR_FORK_EXEC] = { "_posixsubprocess", NULL, "fork_exec" },
	[NG_PY_DOOR_POSIX_SPAWN] = { "posix", NULL, "posix_spawn" },
	[NG_PY_DOOR_POSIX_SPAWNP] = { "posix", NULL, "posix_spawnp" },
	[NG_PY_DOOR_EXECV] = { "posix", NULL, "execv" },
	[NG_PY_DOOR_EXECVE] = { "posix", NULL, "execve" },
	[NG_PY_DOOR_SYSTEM] = { "posix", NULL, "system" },
};

static pthread_mutex_t doors_lock = PTHREAD_MUTEX_INITIALIZER;

/* --- coming in: a stub for each convention --- */

static PyObject *come_one(enum ng_py_door door, PyObject *self, PyObject *arg)
{
	const struct ng_py_call call = { .door = door, .self = self, .args = &arg, .n_args = 1 };

	return doors[door].handler(&call);
}

static PyObject *come_none(enum ng_py_door door, PyObject *self)
{
	const struct ng_py_call call = { .door = door, .self = self };

	return doors[door].handler(&call);
}

static PyObject *come_tuple(enum ng_py_door door, PyObject *self, PyObject *tuple, PyObject *kwargs)
{
	const struct ng_py_call call = {
		.door = door,
		.self = self,
		/* The documented PySequence_Fast_ITEMS() would do the same behind a check of the type. */
		.args = ((PyTupleObject *)tuple)->ob_item,
		.n_args = PyTuple_GET_SIZE(tuple),
		.kwargs = kwargs && PyDict_GET_SIZE(kwargs) ? kwargs : NULL,
		.original = tuple,
	};

	return doors[door].handler(&call);
}

/* The keywords' names stand in a tuple, their values behind the positional arguments. */
static PyObject *dict_of_vector(PyObject *const *values, PyObject *names)
{
	PyObject *dict = PyDict_New();

	for (Py_ssize_t i = 0; dict && i < PyTuple_GET_SIZE(names); i++)
		if (PyDict_SetItem(dict, PyTuple_GET_ITEM(names, i), values[i]))
			Py_CLEAR(dict);
	return dict;
}

static PyObject *come_vector(enum ng_py_door door, PyObject *self, PyObject *const *args, Py_ssize_t n_args,
			     PyObject *names)
{
	struct ng_py_call call = { .door = door, .self = self, .args = args, .n_args = n_args, .original = names };
	PyObject *result;

	if (names && PyTuple_GET_SIZE(names)) {
		call.kwargs = dict_of_vector(args + n_args, names);
		if (!call.kwargs)
			return NULL;
	}
	result = doors[door].handler(&call);
	Py_XDECREF(call.kwargs);
	return result;
}

/* clang-format off */
#define STUBS(door)                                                                                                    \
	static PyObject *none_##door(PyObject *self, PyObject *unused)                                                 \
	{                                                                                                              \
		(void)unused;                                                                                          \
		return come_none(door, self);                                                                          \
	}                                                                                                              \
	static PyObject *one_##door(PyObject *self, PyObject *arg)                                                     \
	{                                                                                                              \
		return come_one(door, self, arg);                                                                      \
	}                                                                                                              \
	static PyObject *tuple_##door(PyObject *self, PyObject *tuple)                                                 \
	{                                                                                                              \
		return come_tuple(door, self, tuple, NULL);                                                            \
	}                                                                                                              \
	static PyObject *tuple_dict_##door(PyObject *self, PyObject *tuple, PyObject *kwargs)                          \
	{                                                                                                              \
		return come_tuple(door, self, tuple, kwargs);                                                          \
	}                                                                                                              \
	static PyObject *vector_##door(PyObject *self, PyObject *const *args, Py_ssize_t n_args)                       \
	{                                                                                                              \
		return come_vector(door, self, args, n_args, NULL);                                                    \
	}                                                                                                              \
	static PyObject *vector_names_##door(PyObject *self, PyObject *const *args, Py_ssize_t n_args,                 \
					     PyObject *names)                                                          \
	{                                                                                                              \
		return come_vector(door, self, args, n_args, names);                                                   \
	}

#define EACH_DOOR(what)                                                                                                \
	what(NG_PY_DOOR_CONNECT)                                                                                       \
	what(NG_PY_DOOR_CONNECT_EX)                                                                                    \
	what(NG_PY_DOOR_BIND)                                                                                          \
	what(NG_PY_DOOR_SENDTO)                                                                                        \
	what(NG_PY_DOOR_SENDMSG)                                                                                       \
	what(NG_PY_DOOR_ACCEPT)                                                                                        \
	what(NG_PY_DOOR_RECVFROM)                                                                                      \
	what(NG_PY_DOOR_RECVFROM_INTO)                                                                                 \
	what(NG_PY_DOOR_RECVMSG)                                                                                       \
	what(NG_PY_DOOR_RECVMSG_INTO)                                                                                  \
	what(NG_PY_DOOR_GETADDRINFO)                                                                                   \
	what(NG_PY_DOOR_GETHOSTBYNAME)                                                                                 \
	what(NG_PY_DOOR_GETHOSTBYNAME_EX)                                                                              \
	what(NG_PY_DOOR_GETNAMEINFO)                                                                                   \
	what(NG_PY_DOOR_FORK_EXEC)                                                                                     \
	what(NG_PY_DOOR_POSIX_SPAWN)                                                                                   \
	what(NG_PY_DOOR_POSIX_SPAWNP)                                                                                  \
	what(NG_PY_DOOR_EXECV)                                                                                         \
	what(NG_PY_DOOR_EXECVE)                                                                                        \
	what(NG_PY_DOOR_SYSTEM)

EACH_DOOR(STUBS)

/* PyMethodDef keeps all of them as a PyCFunction (Python's "Common Object Structures"). */
#define AS_METHOD(function) ((PyCFunction)(void (*)(void))(function))

#define STUBS_OF(door)                                                                                                 \
	[door] = {                                                                                                     \
		AS_METHOD(none_##door),  AS_METHOD(one_##door),    AS_METHOD(tuple_##door),                            \
		AS_METHOD(tuple_dict_##door), AS_METHOD(vector_##door), AS_METHOD(vector_names_##door),                \
	},
/* clang-format on */

static const int conventions[NG_PY_CONVENTIONS] = {
	METH_NOARGS, METH_O, METH_VARARGS, METH_VARARGS | METH_KEYWORDS, METH_FASTCALL, METH_FASTCALL | METH_KEYWORDS,
};

/* In the order of conventions[]. */
static const PyCFunction stubs[NG_PY_DOORS][NG_PY_CONVENTIONS] = { EACH_DOOR(STUBS_OF) };

static PyCFunction stub_for(enum ng_py_door door, int flags)
{
	for (int i = 0; i < NG_PY_CONVENTIONS; i++)
		if (conventions[i] == flags)
			return stubs[door][i];
	return NULL;
}

/* --- going through --- */

typedef PyObject *(*vector_function)(PyObject *self, PyObject *const *args, Py_ssize_t n_args);
typedef PyObject *(*vector_names_function)(PyObject *self, PyObject *const *args, Py_ssize_t n_args, PyObject *names);

#define AS_FUNCTION(type, function) ((type)(void (*)(void))(function))

PyObject *ng_py_door_pass(const struct ng_py_call *call)
{
	const struct door *door = &doors[call->door];

	switch (door->flags) {
	case METH_NOARGS:
		return door->original(call->self, NULL);
	case METH_O:
		return door->original(call->self, call->args[0]);
	case METH_VARARGS:
		return door->original(call->self, call->original);
	case METH_VARARGS | METH_KEYWORDS:
		return AS_FUNCTION(PyCFunctionWithKeywords, door->original)(call->self, call->original, call->kwargs);
	case METH_FASTCALL:
		return AS_FUNCTION(vector_function, door->original)(call->self, call->args, call->n_args);
	default: /* METH_FASTCALL | METH_KEYWORDS: stub_for() let no other in */
		return AS_FUNCTION(vector_names_function, door->original)(call->self, call->args, call->n_args,
									  call->original);
	}
}

static PyObject *tuple_of(PyObject *const *args, Py_ssize_t n_args)
{
	PyObject *tuple = PyTuple_New(n_args);

	for (Py_ssize_t i = 0; tuple && i < n_args; i++) {
		Py_INCREF(args[i]);
		PyTuple_SET_ITEM(tuple, i, args[i]);
	}
	return tuple;
}

static PyObject *pass_tuple(const struct door *door, const struct ng_py_call *call, PyObject *const *args,
			    Py_ssize_t n_args, PyObject *kwargs)
{
	PyObject *tuple = tuple_of(args, n_args), *result;

	if (!tuple)
		return NULL;
	if (door->flags & METH_KEYWORDS)
		result = AS_FUNCTION(PyCFunctionWithKeywords, door->original)(call->self, tuple, kwargs);
	else
		result = door->original(call->self, tuple);
	Py_DECREF(tuple);
	return result;
}

/* Keywords to a vector: positional arguments, then the values in the order of the names. */
static PyObject *pass_vector(const struct door *door, const struct ng_py_call *call, PyObject *const *args,
			     Py_ssize_t n_args, PyObject *kwargs)
{
	vector_names_function function = AS_FUNCTION(vector_names_function, door->original);
	PyObject *names, *name, *value, *result = NULL, **vector;
	Py_ssize_t at = 0, n = 0;

	names = PyTuple_New(PyDict_GET_SIZE(kwargs));
	vector = PyMem_New(PyObject *, (size_t)(n_args + PyDict_GET_SIZE(kwargs)));
	if (!names || !vector) {
		PyErr_NoMemory();
		goto out;
	}
	for (Py_ssize_t i = 0; i < n_args; i++)
		vector[i] = args[i];
	while (PyDict_Next(kwargs, &at, &name, &value)) {
		vector[n_args + n] = value;
		Py_INCREF(name);
		PyTuple_SET_ITEM(names, n++, name);
	}
	result = function(call->self, vector, n_args, names);
out:
	PyMem_Free(vector);
	Py_XDECREF(names);
	return result;
}

PyObject *ng_py_door_pass_with(const struct ng_py_call *call, PyObject *const *args, Py_ssize_t n_args,
			       PyObject *kwargs)
{
	const struct door *door = &doors[call->door];
	const bool has_keywords = kwargs && PyDict_GET_SIZE(kwargs);

	if ((has_keywords && !(door->flags & METH_KEYWORDS)) || (door->flags == METH_O && n_args != 1) ||
	    (door->flags == METH_NOARGS && n_args != 0)) {
		PyErr_Format(PyExc_TypeError, "%s() takes other arguments", door->name);
		return NULL;
	}
	switch (door->flags) {
	case METH_NOARGS:
		return door->original(call->self, NULL);
	case METH_O:
		return door->original(call->self, args[0]);
	case METH_FASTCALL:
		return AS_FUNCTION(vector_function, door->original)(call->self, args, n_args);
	case METH_FASTCALL | METH_KEYWORDS:
		if (has_keywords)
			return pass_vector(door, call, args, n_args, kwargs);
		return AS_FUNCTION(vector_names_function, door->original)(call->self, args, n_args, NULL);
	default: /* the two that take a tuple */
		return pass_tuple(door, call, args, n_args, has_keywords ? kwargs : NULL);
	}
}

/* --- opening --- */

/* A function of a module: through its object, or, if a program has put something else in its place, through the
 * table that the module was made from. Borrowed, or NULL without an exception. */
static PyMethodDef *function_of(PyObject *module, const char *name)
{
	PyObject *object = PyObject_GetAttrString(module, name);
	PyMethodDef *method = NULL;
	const PyModuleDef *def;

	if (!object)
		PyErr_Clear();
	/* The tables are static: they outlive the object. */
	else if (PyCFunction_CheckExact(object) && !strcmp(((PyCFunctionObject *)object)->m_ml->ml_name, name))
		method = ((PyCFunctionObject *)object)->m_ml;
	Py_XDECREF(object);
	if (method || !PyModule_Check(module))
		return method;

	def = PyModule_GetDef(module);
	PyErr_Clear();
	for (method = def ? def->m_methods : NULL; method && method->ml_name; method++)
		if (!strcmp(method->ml_name, name))
			return method;
	return NULL;
}

static PyMethodDef *method_of(PyObject *module, const char *type_name, const char *name)
{
	PyObject *type = PyObject_GetAttrString(module, type_name), *object = NULL;
	PyMethodDef *method = NULL;

	if (type && PyType_Check(type))
		object = PyObject_GetAttrString(type, name);
	/* PyMethodDescr_Type and its struct: Include/cpython/descrobject.h, the same since 3.5. */
	if (object && Py_IS_TYPE(object, &PyMethodDescr_Type) &&
	    !strcmp(((PyMethodDescrObject *)object)->d_method->ml_name, name))
		method = ((PyMethodDescrObject *)object)->d_method;
	PyErr_Clear();
	Py_XDECREF(object);
	Py_XDECREF(type);
	return method;
}

/* Under the lock, and without Python. */
static int put_before(struct door *door, enum ng_py_door which, PyMethodDef *method, ng_py_handler handler)
{
	const int flags = method->ml_flags & ~NG_PY_HARMLESS_FLAGS;
	const PyCFunction stub = stub_for(which, flags);

	if (door->handler)
		return 0;
	if (!stub || !method->ml_meth)
		return 1;
	door->flags = flags;
	door->original = method->ml_meth;
	__atomic_store_n(&door->handler, handler, __ATOMIC_RELEASE);
	__atomic_store_n(&method->ml_meth, stub, __ATOMIC_RELEASE);
	return 0;
}

int ng_py_door_open(enum ng_py_door which, ng_py_handler handler)
{
	struct door *door = &doors[which];
	PyMethodDef *method;
	PyObject *module;
	int result;

	if (ng_py_door_is_open(which))
		return 0;
	module = PyImport_ImportModule(door->module);
	if (!module) {
		if (!PyErr_ExceptionMatches(PyExc_ImportError))
			return -1;
		PyErr_Clear();
		return 1;
	}
	method = door->type ? method_of(module, door->type, door->name) : function_of(module, door->name);
	Py_DECREF(module);
	if (!method)
		return 1;

	(void)pthread_mutex_lock(&doors_lock);
	result = put_before(door, which, method, handler);
	(void)pthread_mutex_unlock(&doors_lock);
	return result;
}

bool ng_py_door_is_open(enum ng_py_door which)
{
	return __atomic_load_n(&doors[which].handler, __ATOMIC_ACQUIRE) != NULL;
}

void ng_py_door_name(enum ng_py_door which, char ret_name[static 64])
{
	const struct door *door = &doors[which];

	snprintf(ret_name, 64, "%s.%s%s%s", door->module, door->type ? door->type : "", door->type ? "." : "",
		 door->name);
}
