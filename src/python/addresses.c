/* SPDX-License-Identifier: MIT */
/*
 * The doors of the methods that take an address: connect(), bind(), sendto(), sendmsg(). Names in addresses have been
 * looked up when the event comes (hook.c), and an event that is refused leaves things behind in CPython: so both are
 * seen to before. What is passed on is what was judged; its event is told so by the objects themselves.
 */
#include <string.h>
#include <sys/socket.h>

#include "entry.h"
#include "judge.h"
#include "plain.h"
#include "rules.h"

/* What a door has judged and is passing on: the very objects, so that their event has nothing to do. Borrowed. */
struct judged {
	PyObject *object, *address;
};

static _Thread_local struct judged judged;

bool ng_py_address_is_judged(PyObject *object, PyObject *address)
{
	return object == judged.object && address == judged.address;
}

/* Where an address stands in the arguments of a method, by door; sendto()'s is its last. */
static Py_ssize_t address_place(const struct ng_py_call *call)
{
	if (call->door == NG_PY_DOOR_SENDTO)
		return call->n_args >= 2 ? call->n_args - 1 : -1;
	if (call->door == NG_PY_DOOR_SENDMSG)
		return call->n_args >= 4 ? 3 : -1;
	return call->n_args >= 1 ? 0 : -1;
}

struct method {
	const char *call, *api;
	uint8_t kind;
};

static const struct method *method_of(enum ng_py_door door)
{
	static const struct method sendto = { "sendto", "socket.sendto", NG_CALL_SENDMSG },
				   sendmsg = { "sendmsg", "socket.sendmsg", NG_CALL_SENDMSG },
				   bind = { "bind", "socket.bind", NG_CALL_BIND },
				   connect = { "connect", "socket.connect", NG_CALL_CONNECT };

	return door == NG_PY_DOOR_SENDTO    ? &sendto
	       : door == NG_PY_DOOR_SENDMSG ? &sendmsg
	       : door == NG_PY_DOOR_BIND    ? &bind
					    : &connect;
}

/* The first address of a lookup's answer, borrowed; NULL: it is not what the interpreter's own function answers with.
 * Python code can put another in its place, but not make the answer mean anything besides an address. */
static PyObject *first_of(PyObject *list)
{
	PyObject *item = PyList_Check(list) && PyList_GET_SIZE(list) > 0 ? PyList_GET_ITEM(list, 0) : NULL;
	PyObject *sockaddr =
		item && PyTuple_Check(item) && PyTuple_GET_SIZE(item) == 5 ? PyTuple_GET_ITEM(item, 4) : NULL;
	PyObject *text = sockaddr && PyTuple_Check(sockaddr) && PyTuple_GET_SIZE(sockaddr) > 0
				 ? PyTuple_GET_ITEM(sockaddr, 0)
				 : NULL;
	const char *address = text && PyUnicode_Check(text) && PyUnicode_IS_ASCII(text) ? PyUnicode_AsUTF8(text) : NULL;
	uint8_t addr[16];

	return address && ng_py_numeric(address, addr) ? text : NULL;
}

/* The first address that the name has for this socket, as the method would take it: through the lookup's own door,
 * which judges it. A new tuple or NULL. */
static PyObject *resolved(PyObject *address, const char *host, const struct ng_py_socket *socket)
{
	PyObject *module = PyImport_ImportModule("_socket"), *list = NULL, *result = NULL, *first;

	if (module)
		list = PyObject_CallMethod(module, "getaddrinfo", "sOiii", host, Py_None, socket->family, socket->type,
					   0);
	first = list ? first_of(list) : NULL;
	if (first) {
		result = PySequence_List(address);
		if (result && PyList_SetItem(result, 0, Py_BuildValue("O", first)) == 0)
			Py_SETREF(result, PyList_AsTuple(result));
	} else if (!PyErr_Occurred()) {
		PyErr_SetString(PyExc_OSError, "the name has no address");
	}
	Py_XDECREF(list);
	Py_XDECREF(module);
	return result;
}

/* Arguments that the interpreter refuses have its exception, not ours: then, and where nothing is lost, the event
 * decides, which comes after them. */
static bool is_judged_here(const struct ng_py_call *call)
{
	if (call->door == NG_PY_DOOR_SENDTO)
		return call->n_args <= 3 && PyObject_CheckBuffer(call->args[0]) &&
		       (call->n_args == 2 || PyLong_Check(call->args[1]));
	return call->door != NG_PY_DOOR_SENDMSG;
}

/* An address that cannot be read. The interpreter looks the host up before it finds fault with a port out of range, and
 * before the event. A port that is no int, and a host with a NUL, it refuses at once. */
static int judge_unread(const struct method *method, const struct ng_py_socket *socket, PyObject *address)
{
	struct ng_py_target target;
	PyObject *host, *pair;
	Py_ssize_t length;
	bool is_known;

	if (!PyTuple_Check(address) || PyTuple_GET_SIZE(address) < 2 || !PyLong_Check(PyTuple_GET_ITEM(address, 1)))
		return 0;
	host = PyTuple_GET_ITEM(address, 0);
	pair = Py_BuildValue("(Oi)", host, 0);
	is_known = pair && ng_py_target_of(pair, &target);
	Py_XDECREF(pair);
	if (is_known)
		return !target.has_name || ng_py_is_number(target.host)
			       ? 0
			       : ng_py_judge_name(method->api, target.host, socket->family);
	PyErr_Clear();
	length = PyUnicode_Check(host) ? PyUnicode_GET_LENGTH(host) : PyBytes_Check(host) ? PyBytes_GET_SIZE(host) : 0;
	return length < (Py_ssize_t)sizeof(target.host) ? 0 : ng_py_refuse_unread(method->call, method->api, socket);
}

/* An address is judged here and not at its event, at which CPython has taken hold of memory that it does not always
 * give back when the event is refused (the data of sendto()). A name is looked up here as well, so that the address
 * that is judged is the one that is used: that of a name at its event. A new reference, or NULL. */
static PyObject *settled(const struct ng_py_call *call, const struct ng_py_socket *socket, PyObject *given,
			 bool *ret_is_judged)
{
	PyObject *plain = ng_py_plain_address(given), *address = plain;
	const struct method *method = method_of(call->door);
	struct ng_py_target target;

	*ret_is_judged = false;
	if (!plain)
		return NULL;
	if (!ng_py_target_of(plain, &target)) {
		if (judge_unread(method, socket, plain) < 0)
			Py_CLEAR(plain);
		return plain;
	}
	if (target.has_name) {
		address = NULL;
		if (ng_py_is_number(target.host) || ng_py_judge_name(method->api, target.host, socket->family) == 0)
			address = resolved(plain, target.host, socket);
		Py_DECREF(plain);
	} else if (is_judged_here(call)) {
		*ret_is_judged = true;
		if (ng_py_judge_target(method->call, method->api, method->kind, socket, &target) < 0)
			Py_CLEAR(address);
	}
	return address;
}

static PyObject *on_address(const struct ng_py_call *call)
{
	const Py_ssize_t place = address_place(call);
	const struct judged before = judged;
	struct ng_py_socket socket;
	PyObject *args[8], *address, *result;
	bool is_judged;

	if (!ng_py_is_blocked() || place < 0 || call->n_args > 8 || ng_py_socket_of(call->self, &socket) < 0 ||
	    !ng_py_is_inet(socket.family) || ng_py_is_temporarily_allowed())
		return ng_py_door_pass(call);
	address = settled(call, &socket, call->args[place], &is_judged);
	if (!address)
		return NULL;
	judged = is_judged ? (struct judged){ call->self, address } : (struct judged){ NULL, NULL };
	if (address == call->args[place]) {
		result = ng_py_door_pass(call);
	} else {
		memcpy(args, call->args, (size_t)call->n_args * sizeof(*args));
		args[place] = address;
		result = ng_py_door_pass_with(call, args, call->n_args, call->kwargs);
	}
	judged = before;
	Py_DECREF(address);
	return result;
}

int ng_py_addresses_init(void)
{
	static const enum ng_py_door doors[] = {
		NG_PY_DOOR_CONNECT, NG_PY_DOOR_CONNECT_EX, NG_PY_DOOR_BIND, NG_PY_DOOR_SENDTO, NG_PY_DOOR_SENDMSG,
	};

	for (size_t i = 0; i < sizeof(doors) / sizeof(*doors); i++)
		if (ng_py_door_open(doors[i], on_address) < 0)
			return -1;
	return 0;
}
