/* SPDX-License-Identifier: MIT */
/*
 * A child that is born with the filter of strict.h, where there is no launcher: by whatever function it is started. The
 * kernel keeps filters by thread, and a child has those of the thread that made it. So a thread of a moment takes the
 * filter for itself, calls the function, and is gone: this process is as before. execve() by any thread replaces the
 * whole process, and keeps its caller's filters.
 *
 * The caller waits, so that the thread works in its place: with its signal mask, in its interpreter, on its arguments.
 * Only what the kernel ties to the thread that forks is not the caller's: PR_SET_PDEATHSIG.
 */
#include "children.h"

#include <errno.h>
#include <pthread.h>

#include "strict.h"

struct helper {
	PyInterpreterState *interpreter;
	const struct ng_py_call *call;
	PyObject *const *args;
	Py_ssize_t n_args;
	PyObject *kwargs;
	int error; /* negative errno: the function was not called */
	PyObject *result, *type, *value, *traceback;
};

static void *work(void *data)
{
	struct helper *helper = data;
	PyThreadState *thread;

	helper->error = ng_py_filter_install(false, true);
	if (helper->error < 0)
		return NULL;
	thread = PyThreadState_New(helper->interpreter);
	if (!thread) {
		helper->error = -ENOMEM;
		return NULL;
	}
	helper->error = -ECANCELED; /* where the interpreter ends, this thread comes no further */
	PyEval_RestoreThread(thread);
	helper->result = ng_py_door_pass_with(helper->call, helper->args, helper->n_args, helper->kwargs);
	helper->error = 0;
	PyErr_Fetch(&helper->type, &helper->value, &helper->traceback);
	PyThreadState_Clear(thread);
	PyThreadState_DeleteCurrent();
	return NULL;
}

PyObject *ng_py_child_pass_filtered(const struct ng_py_child *child, const struct ng_py_call *call,
				    PyObject *const *args, Py_ssize_t n_args, PyObject *kwargs)
{
	struct helper helper = {
		.interpreter = PyInterpreterState_Get(),
		.call = call,
		.args = args,
		.n_args = n_args,
		.kwargs = kwargs,
	};
	pthread_t thread;
	int error;

	Py_BEGIN_ALLOW_THREADS error = pthread_create(&thread, NULL, work, &helper);
	if (error == 0)
		pthread_join(thread, NULL);
	Py_END_ALLOW_THREADS

		if (error || helper.error)
	{
		ng_py_child_refuse(
			child, "it cannot be confined: netguard run cannot do it, and a filter of system calls failed",
			"install Network Guard (netguard), or block_network(subprocess=\"allow\")");
		return NULL;
	}
	if (!helper.result)
		PyErr_Restore(helper.type, helper.value, helper.traceback);
	return helper.result;
}
