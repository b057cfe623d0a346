/* SPDX-License-Identifier: MIT */
/*
 * Being reached counts as reaching: a connection or a datagram from an address that may not be reached is recorded and
 * dropped, and the program goes on waiting as if it had not come. No event tells of what arrives, so these are doors.
 *
 * A datagram that is received without its sender (recv(), read()) cannot be judged here: protection() says so. A
 * program that waits with a timeout waits anew after each that was dropped.
 */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "entry.h"
#include "judge.h"

/* By the address that came, not by what the socket is said to be. */
static bool is_judged(const struct ng_py_call *call, struct ng_py_socket *ret_socket)
{
	return ng_py_is_blocked() && ng_py_socket_of(call->self, ret_socket) == 0;
}

/* May it be handed out? 1; 0: no, it is on record then, and no exception is set; -1 with the exception of what ran
 * meanwhile, such as a signal's handler. */
static int is_welcome(const char *call, const char *api, const struct ng_py_socket *socket, PyObject *address)
{
	struct ng_flow flow = ng_py_flow_of(socket, NG_CALL_RECV);
	struct ng_py_target target;

	if (!ng_py_target_of(address, &target) || !target.has_address)
		return 1; /* a connected stream tells none, AF_UNIX no such one */
	memcpy(flow.addr, target.addr, 16);
	flow.port = target.port;
	if (ng_py_judge_flow(call, api, socket, &flow, NULL) == 0)
		return 1;
	if (!PyErr_ExceptionMatches(PyExc_PermissionError)) /* NetworkBlockedError is one */
		return -1;
	PyErr_Clear();
	return 0;
}

static PyObject *on_accept(const struct ng_py_call *call)
{
	struct ng_py_socket socket;

	for (;;) {
		PyObject *result = ng_py_door_pass(call);
		int welcome;

		if (!result || !is_judged(call, &socket) || !PyTuple_Check(result) || PyTuple_GET_SIZE(result) != 2)
			return result;
		welcome = is_welcome("accept", "socket.accept", &socket, PyTuple_GET_ITEM(result, 1));
		if (welcome > 0)
			return result;
		close((int)PyLong_AsLong(PyTuple_GET_ITEM(result, 0)));
		Py_DECREF(result);
		if (welcome < 0 || PyErr_CheckSignals() < 0)
			return NULL;
	}
}

/* --- datagrams --- */

static const struct {
	const char *api;
	Py_ssize_t flags, address; /* where they stand, in the arguments and in the result */
} forms[NG_PY_DOORS] = {
	[NG_PY_DOOR_RECVFROM] = { "socket.recvfrom", 1, 1 },
	[NG_PY_DOOR_RECVFROM_INTO] = { "socket.recvfrom_into", 2, 1 },
	[NG_PY_DOOR_RECVMSG] = { "socket.recvmsg", 2, 3 },
	[NG_PY_DOOR_RECVMSG_INTO] = { "socket.recvmsg_into", 2, 3 },
};

/* What was only looked at stays at the head of the queue: it has to be taken off. */
static void take_off(const struct ng_py_call *call)
{
	PyObject *flags = forms[call->door].flags < call->n_args ? call->args[forms[call->door].flags]
			  : call->kwargs                         ? PyDict_GetItemString(call->kwargs, "flags")
								 : NULL;
	const long value = flags && PyLong_Check(flags) ? PyLong_AsLong(flags) : 0;
	PyObject *number;
	char byte;

	PyErr_Clear();
	if (!(value & MSG_PEEK))
		return;
	number = PyObject_CallMethod(call->self, "fileno", NULL);
	if (number && PyLong_Check(number))
		(void)!recv((int)PyLong_AsLong(number), &byte, 1, MSG_DONTWAIT);
	Py_XDECREF(number);
	PyErr_Clear();
}

static PyObject *on_datagram(const struct ng_py_call *call)
{
	const Py_ssize_t place = forms[call->door].address;
	struct ng_py_socket socket;

	for (;;) {
		PyObject *result = ng_py_door_pass(call);
		int welcome;

		if (!result || !is_judged(call, &socket) || !PyTuple_Check(result) || PyTuple_GET_SIZE(result) <= place)
			return result;
		welcome = is_welcome("recvfrom", forms[call->door].api, &socket, PyTuple_GET_ITEM(result, place));
		if (welcome > 0)
			return result;
		Py_DECREF(result);
		if (welcome < 0)
			return NULL;
		take_off(call);
		if (PyErr_CheckSignals() < 0)
			return NULL;
	}
}

int ng_py_arrivals_init(void)
{
	static const enum ng_py_door doors[] = { NG_PY_DOOR_RECVFROM, NG_PY_DOOR_RECVFROM_INTO, NG_PY_DOOR_RECVMSG,
						 NG_PY_DOOR_RECVMSG_INTO };

	for (size_t i = 0; i < sizeof(doors) / sizeof(*doors); i++)
		if (ng_py_door_open(doors[i], on_datagram) < 0)
			return -1;
	return ng_py_door_open(NG_PY_DOOR_ACCEPT, on_accept) < 0 ? -1 : 0;
}
