/* SPDX-License-Identifier: MIT */
/*
 * The extension module python_blackbox._core: starts the parts (blackbox.h) in each interpreter that imports it. What
 * they keep is the process's, so the module has no state of its own and may be loaded by any number of interpreters.
 */
#include "blackbox.h"

static int start(PyObject *module)
{
	static int (*const parts[])(PyObject *) = {
		ng_py_attempts_init, ng_py_temporary_init, ng_py_rules_init,   ng_py_hook_init,
		ng_py_children_init, ng_py_strict_init,    ng_py_program_init,
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (parts[i](module) < 0)
			return -1;
	return 0;
}

static PyModuleDef_Slot slots[] = {
	{ Py_mod_exec, (void *)start },
#if PY_VERSION_HEX >= 0x030c0000
	{ Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED },
#endif
	{ 0, NULL },
};

static struct PyModuleDef definition = {
	PyModuleDef_HEAD_INIT,
	.m_name = "python_blackbox._core",
	.m_doc = "The part of python_blackbox that is written in C.",
	.m_slots = slots,
};

PyMODINIT_FUNC PyInit__core(void);
PyMODINIT_FUNC PyInit__core(void)
{
	return PyModuleDef_Init(&definition);
}
