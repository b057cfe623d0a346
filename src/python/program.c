/* SPDX-License-Identifier: MIT */
/*
 * A whole program inside this interpreter, for the wrapper: run as CPython's own main runs it (Modules/main.c,
 * Python/pythonrun.c), so that it cannot tell by its tracebacks, its stack or its end that something was there before.
 * The wrapper (_wrapper.py) has made __main__, sys.argv and sys.path by then; here is what only C can do:
 *
 *  - the stack below the program is put aside while it runs, and with it the depth: sys._getframe(1) at the top level
 *    fails, a warning with stacklevel=2 comes from "sys", a recursion ends where it would have;
 *  - what the program raises is printed here, before a frame of ours has been added; SystemExit alone goes on to main;
 *  - a KeyboardInterrupt that nobody caught is noted for main, which then ends the process by SIGINT.
 *
 * Each function returns the exit status: 0 if the program came to its end, 1 if an exception ended it (it was printed),
 * 130 if that was a KeyboardInterrupt.
 */
#include "blackbox.h"

#include <signal.h>
#include <stdio.h>

/* --- the stack below --- */

/* PyThreadState's fields are in CPython's public headers (Include/cpython/pystate.h), one set for each version; none of
 * 3.14 has been tried, and there the frames below stay in sight. */
#if PY_VERSION_HEX < 0x030b0000
#define FRAME(thread) ((thread)->frame)
typedef PyFrameObject *frame_ptr;
#elif PY_VERSION_HEX < 0x030d0000
#define FRAME(thread) ((thread)->cframe->current_frame)
typedef struct _PyInterpreterFrame *frame_ptr;
#elif PY_VERSION_HEX < 0x030e0000
#define FRAME(thread) ((thread)->current_frame)
typedef struct _PyInterpreterFrame *frame_ptr;
#endif

struct below {
#ifdef FRAME
	frame_ptr frame;
	int depth;
#else
	int unused;
#endif
};

#ifdef FRAME
/* A change of sys.setrecursionlimit() keeps the depth, not what remains. */
static int depth_get(const PyThreadState *thread)
{
#if PY_VERSION_HEX < 0x030b0000
	return thread->recursion_depth;
#elif PY_VERSION_HEX < 0x030c0000
	return thread->recursion_limit - thread->recursion_remaining;
#else
	return thread->py_recursion_limit - thread->py_recursion_remaining;
#endif
}

static void depth_set(PyThreadState *thread, int depth)
{
#if PY_VERSION_HEX < 0x030b0000
	thread->recursion_depth = depth;
#elif PY_VERSION_HEX < 0x030c0000
	thread->recursion_remaining = thread->recursion_limit - depth;
#else
	thread->py_recursion_remaining = thread->py_recursion_limit - depth;
#endif
}

static struct below put_aside(void)
{
	PyThreadState *thread = PyThreadState_Get();
	struct below below = { FRAME(thread), depth_get(thread) };

	FRAME(thread) = NULL;
	depth_set(thread, 0);
	return below;
}

static void put_back(const struct below *below)
{
	PyThreadState *thread = PyThreadState_Get();

	FRAME(thread) = below->frame;
	depth_set(thread, below->depth);
}
#else
static struct below put_aside(void)
{
	return (struct below){ 0 };
}

static void put_back(const struct below *below)
{
}
#endif

/* --- the end --- */

/* Stands in for the program's own sys.excepthook, self[0]. A SystemExit it raises is kept as self[1]: PyErr_Print()
 * would exit with it there and then, in the middle of our frames and before the record has its end. */
static PyObject *call_hook(PyObject *self, PyObject *args)
{
	PyObject *result = PyObject_Call(PyList_GetItem(self, 0), args, NULL), *type, *value, *traceback;

	if (result || !PyErr_ExceptionMatches(PyExc_SystemExit))
		return result;
	PyErr_Fetch(&type, &value, &traceback);
	PyErr_NormalizeException(&type, &value, &traceback);
	if (PyList_Append(self, value) < 0)
		PyErr_Clear();
	Py_XDECREF(type);
	Py_XDECREF(value);
	Py_XDECREF(traceback);
	Py_RETURN_NONE;
}

static PyMethodDef hook_method = { "excepthook", call_hook, METH_VARARGS, NULL };

/* Prints what was raised; leaves SystemExit raised if the program's hook did. */
static void print_with_hook(PyObject *hook)
{
	PyObject *type, *value, *traceback, *kept, *ours = NULL;

	PyErr_Fetch(&type, &value, &traceback);
	kept = Py_BuildValue("[O]", hook);
	if (kept)
		ours = PyCFunction_New(&hook_method, kept);
	if (!ours || PySys_SetObject("excepthook", ours) < 0)
		PyErr_Clear();
	PyErr_Restore(type, value, traceback);
	PyErr_Print();
	if (ours && PySys_GetObject("excepthook") == ours && PySys_SetObject("excepthook", PyList_GetItem(kept, 0)) < 0)
		PyErr_Clear();
	if (kept && PyList_Size(kept) > 1)
		PyErr_SetObject(PyExc_SystemExit, PyList_GetItem(kept, 1));
	Py_XDECREF(ours);
	Py_XDECREF(kept);
}

static void print_exception(void)
{
	PyObject *hook = PySys_GetObject("excepthook"), *own = PySys_GetObject("__excepthook__");

	if (!hook || hook == own)
		PyErr_Print();
	else
		print_with_hook(hook);
}

/* CPython's main ends the process by SIGINT if the last code that PyRun_*() ran was ended by KeyboardInterrupt. Runs
 * such code. The exception stays raised. */
static void note_interrupt(void)
{
	PyObject *type, *value, *traceback, *empty;

	PyErr_Fetch(&type, &value, &traceback);
	empty = PyDict_New();
	if (empty)
		Py_XDECREF(PyRun_String("raise KeyboardInterrupt", Py_file_input, empty, empty));
	PyErr_Clear();
	Py_XDECREF(empty);
	PyErr_Restore(type, value, traceback);
}

/* As CPython's flush_io(): before a traceback, whatever is raised. */
static void flush_output(void)
{
	static const char *const names[] = { "stderr", "stdout" };
	PyObject *type, *value, *traceback;

	PyErr_Fetch(&type, &value, &traceback);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		PyObject *file = PySys_GetObject(names[i]);

		if (file)
			Py_XDECREF(PyObject_CallMethod(file, "flush", NULL));
		PyErr_Clear();
	}
	PyErr_Restore(type, value, traceback);
}

/* Steals the result. Gives the exit status, or NULL with SystemExit. */
static PyObject *status_of(PyObject *result)
{
	const bool is_interrupt = !result && PyErr_Occurred() == PyExc_KeyboardInterrupt;

	if (result) {
		Py_DECREF(result);
		return PyLong_FromLong(0);
	}
	if (!PyErr_ExceptionMatches(PyExc_SystemExit))
		print_exception();
	return PyErr_Occurred() ? NULL : PyLong_FromLong(is_interrupt ? 128 + SIGINT : 1);
}

/* --- the ways in --- */

static PyCompilerFlags compiler_flags(int flags)
{
	return (PyCompilerFlags){ .cf_flags = flags, .cf_feature_version = PY_MINOR_VERSION };
}

static PyObject *run_stream(FILE *file, PyObject *name, PyObject *namespace)
{
	PyCompilerFlags flags = compiler_flags(0);
	const char *text = PyBytes_AsString(name);
	PyObject *result = NULL;

	if (!text) {
		if (file != stdin)
			fclose(file);
		return NULL;
	}
	if (file == stdin && Py_FdIsInteractive(stdin, text)) {
		if (PyRun_AnyFileExFlags(stdin, text, 0, &flags) >= 0 || !PyErr_Occurred())
			result = Py_BuildValue("");
	} else {
		result = PyRun_FileExFlags(file, text, Py_file_input, namespace, namespace, file != stdin, &flags);
	}
	flush_output();
	return result;
}

/* run_file(fd, name, namespace): the script that is open at fd, which is closed once it was read, as main does before
 * it runs; -1 is standard input. */
static PyObject *run_file(PyObject *self, PyObject *args)
{
	PyObject *name, *namespace, *status;
	struct below below;
	FILE *file;
	int fd;

	if (!PyArg_ParseTuple(args, "iSO!", &fd, &name, &PyDict_Type, &namespace))
		return NULL;
	file = fd < 0 ? stdin : fdopen(fd, "rb");
	if (!file)
		return PyErr_SetFromErrno(PyExc_OSError);
	below = put_aside();
	/* Signals that came before the program had its say. */
	if (Py_MakePendingCalls() < 0) {
		if (file != stdin)
			fclose(file);
		status = status_of(NULL);
	} else {
		status = status_of(run_stream(file, name, namespace));
	}
	put_back(&below);
	return status;
}

/* run_text(text, namespace): as -c. */
static PyObject *run_text(PyObject *self, PyObject *args)
{
	PyCompilerFlags flags = compiler_flags(PyCF_IGNORE_COOKIE);
	PyObject *namespace, *status;
	struct below below;
	const char *text;

	if (!PyArg_ParseTuple(args, "yO!", &text, &PyDict_Type, &namespace))
		return NULL;
	below = put_aside();
	status = status_of(PyRun_StringFlags(text, Py_file_input, namespace, namespace, &flags));
	put_back(&below);
	return status;
}

/* run_call(function, arguments): what main calls to run a module. */
static PyObject *run_call(PyObject *self, PyObject *args)
{
	PyObject *function, *arguments, *result, *status;
	struct below below;

	if (!PyArg_ParseTuple(args, "OO!", &function, &PyTuple_Type, &arguments))
		return NULL;
	below = put_aside();
	result = PyObject_Call(function, arguments, NULL);
	if (!result && PyErr_Occurred() == PyExc_KeyboardInterrupt)
		note_interrupt();
	status = status_of(result);
	put_back(&below);
	return status;
}

/* has_importer(path): would main run what is there as a folder or archive with a __main__? */
static PyObject *has_importer(PyObject *self, PyObject *path)
{
	PyObject *importer = PyImport_GetImporter(path);
	const bool is_one = importer && importer != Py_None;

	Py_XDECREF(importer);
	return importer ? PyBool_FromLong(is_one) : NULL;
}

static PyMethodDef methods[] = {
	{ "_run_file", run_file, METH_VARARGS, NULL },
	{ "_run_text", run_text, METH_VARARGS, NULL },
	{ "_run_call", run_call, METH_VARARGS, NULL },
	{ "_has_importer", has_importer, METH_O, NULL },
	{ NULL, NULL, 0, NULL },
};

int ng_py_program_init(PyObject *module)
{
	return PyModule_AddFunctions(module, methods);
}
