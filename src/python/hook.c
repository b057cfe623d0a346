/* SPDX-License-Identifier: MIT */
/*
 * The audit hook (PEP 578): a C function that CPython calls at each event, in every interpreter of the process, and
 * that nothing in Python can remove. Events come before what they announce; an exception from here keeps it from
 * happening.
 *
 * Where nothing is blocked, and at an event that is no use of the network, it costs a comparison. What it cannot see is
 * in protection(): the data of a socket that is connected already has no events, machine code has none at all.
 *
 * Beside it stand doors (entry.h) for what an event tells too late or not: names in the addresses of socket methods,
 * which are looked up before the event; what arrives, which has none (arrivals.c); and, because no event tells the
 * descriptor, a check after the making of a socket out of one (the type's initialiser, see wrap_init()).
 */
#include <errno.h>
#include <netdb.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "entry.h"
#include "judge.h"
#include "rules.h"
#include "strict.h"
#include "run/allow.h"

/* Of the event's arguments, borrowed; NULL where there are fewer. */
static PyObject *arg(PyObject *args, Py_ssize_t i)
{
	return PyTuple_Check(args) && i < PyTuple_GET_SIZE(args) ? PyTuple_GET_ITEM(args, i) : NULL;
}

static int int_of(PyObject *object)
{
	const long value = object && PyLong_Check(object) ? PyLong_AsLong(object) : -1;

	PyErr_Clear();
	return (int)value;
}

static int refuse_socket(const char *api, const struct ng_py_socket *socket, const char *why)
{
	struct ng_py_attempt attempt = {
		.call = "socket",
		.api = api,
		.family = socket->family,
		.flow = ng_py_flow_of(socket, NG_CALL_CREATE),
		.reason = ng_py_profile() == NG_PROFILE_LOCAL ? NG_REASON_NOT_LOCAL : NG_REASON_OFFLINE,
		.why = why,
		.tip = "allow_temporary()",
	};

	return ng_py_is_temporarily_allowed() ? 0 : ng_py_refuse(&attempt);
}

static int refuse_kind(const char *api, const struct ng_py_socket *socket)
{
	return refuse_socket(api, socket, "sockets of this kind are not for confined programs");
}

/* --- a socket out of a descriptor --- */

static initproc original_init;

/* While a socket is made out of a descriptor: what is said of its kind then need not be so. */
static _Thread_local bool has_descriptor;

/* What it is, as the kernel knows it. */
static int judge_descriptor(int fd)
{
	struct ng_py_socket socket = { -1, 0, 0 };
	socklen_t length = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &socket.family, &length) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &socket.type, &length) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &socket.proto, &length) < 0)
		return 0; /* no socket */
	if (!ng_py_kind_is_good(socket.family, socket.type, socket.proto))
		return refuse_kind("socket.__new__", &socket);
	return ng_py_judge_peer("socket", "socket.__new__", fd);
}

/* A method of the type itself, whatever a class made of it has in its place. */
static PyObject *call_type(PyObject *self, const char *name)
{
	return PyObject_CallMethod((PyObject *)ng_py_socket_type(self), name, "O", self);
}

/* Not by the argument, which may be a number of another kind. */
static int descriptor_of(PyObject *self)
{
	PyObject *number = call_type(self, "fileno");
	const int fd = int_of(number);

	Py_XDECREF(number);
	PyErr_Clear();
	return fd;
}

/* _socket.socket.__init__(family, type, proto, fileno): what the descriptor is, and what it is connected to, must be
 * permitted. */
static int wrap_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
	PyObject *number = args && PyTuple_GET_SIZE(args) > 3 ? PyTuple_GET_ITEM(args, 3) : NULL, *detached;
	const bool had_descriptor = has_descriptor;
	int result;

	if (!number && kwargs)
		number = PyDict_GetItemString(kwargs, "fileno");
	if (number == Py_None)
		number = NULL;
	has_descriptor = number != NULL;
	result = original_init(self, args, kwargs);
	has_descriptor = had_descriptor;
	if (result < 0 || !number || !ng_py_is_blocked())
		return result;
	result = judge_descriptor(descriptor_of(self));
	if (result < 0) { /* the descriptor stays the caller's */
		PyObject *type, *value, *traceback;

		PyErr_Fetch(&type, &value, &traceback);
		detached = call_type(self, "detach");
		Py_XDECREF(detached);
		PyErr_Clear();
		PyErr_Restore(type, value, traceback);
	}
	return result;
}

/* Classes that were made of the type before have a copy of its slot. */
static int replace_below(PyTypeObject *type)
{
	PyObject *list = PyObject_CallMethod((PyObject *)&PyType_Type, "__subclasses__", "O", type);
	int result = list && PyList_Check(list) ? 0 : -1;

	for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(list); i++) {
		PyTypeObject *below = (PyTypeObject *)PyList_GET_ITEM(list, i);

		if (below->tp_init == original_init)
			below->tp_init = wrap_init;
		result = replace_below(below);
	}
	Py_XDECREF(list);
	return result;
}

/* The initialiser is reached by the type's slot and by the wrapper that stands for it in the type's dict
 * (PyWrapperDescrObject, Include/cpython/descrobject.h), which Python's subclass calls. */
static int replace_init(PyTypeObject *type)
{
	PyObject *wrapper = PyObject_GetAttrString((PyObject *)type, "__init__");

	if (!wrapper)
		return -1;
	if (type->tp_init != wrap_init && Py_IS_TYPE(wrapper, &PyWrapperDescr_Type) &&
	    ((PyWrapperDescrObject *)wrapper)->d_wrapped == (void *)type->tp_init) {
		original_init = type->tp_init;
		((PyWrapperDescrObject *)wrapper)->d_wrapped = (void *)wrap_init;
		type->tp_init = wrap_init;
	}
	Py_DECREF(wrapper);
	return type->tp_init == wrap_init ? replace_below(type) : 1;
}

/* --- a type made later --- */

static int (*original_exec)(PyObject *module);

static int init_door_of(PyObject *module)
{
	PyObject *type = PyObject_GetAttrString(module, "socket");
	int result = type && PyType_Check(type) ? replace_init((PyTypeObject *)type) : -1;

	Py_XDECREF(type);
	return result;
}

static int wrap_exec(PyObject *module)
{
	const int result = original_exec(module);

	return result < 0 || init_door_of(module) < 0 ? -1 : result;
}

/* From 3.12 on each interpreter, and each import after a deletion, makes a type of its own: by the function in the slot
 * of the module's definition (PyModuleDef.m_slots, static data of CPython), which is one for the process. */
static void replace_exec(PyObject *module)
{
	const PyModuleDef *def = PyModule_Check(module) ? PyModule_GetDef(module) : NULL;

	for (PyModuleDef_Slot *slot = def ? def->m_slots : NULL; slot && slot->slot && !original_exec; slot++) {
		if (slot->slot == Py_mod_exec && slot->value != (void *)wrap_exec) {
			original_exec = (int (*)(PyObject *))slot->value;
			slot->value = (void *)wrap_exec;
		}
	}
	PyErr_Clear();
}

/* A type from before, of an interpreter that never imported us: its initialiser is being called as it was, with what
 * descriptor cannot be known. Then none of this process may lead to somebody who is not permitted. */
static int judge_descriptors(const char *api, const struct ng_py_socket *socket)
{
	PyObject *list = ng_py_existing_list();
	bool is_free = list != NULL;

	for (Py_ssize_t i = 0; is_free && i < PyList_GET_SIZE(list); i++) {
		PyObject *one = PyList_GET_ITEM(list, i);

		is_free = PyDict_GetItemString(one, "peer") == Py_None ||
			  PyDict_GetItemString(one, "permitted") == Py_True;
	}
	Py_XDECREF(list);
	PyErr_Clear();
	return is_free ? 0
		       : refuse_socket(api, socket,
				       "it may be one of those that are connected to somebody not permitted");
}

/* --- socket events --- */

static int on_new(const char *api, PyObject *args)
{
	struct ng_py_socket socket = { int_of(arg(args, 1)), int_of(arg(args, 2)), int_of(arg(args, 3)) };
	PyTypeObject *type = arg(args, 0) ? ng_py_socket_type(arg(args, 0)) : NULL;
	struct ng_flow flow;

	if (type && type->tp_init != wrap_init) {
		if (replace_init(type) < 0)
			PyErr_Clear();
		if (judge_descriptors(api, &socket) < 0)
			return -1;
	}
	/* Out of a descriptor, or AF_INET by default: wrap_init() sees what became of it. */
	if (socket.family == -1 || has_descriptor)
		return 0;
	if (socket.type == -1) /* the defaults are filled in after the event (sock_initobj_impl()) */
		socket.type = SOCK_STREAM;
	if (socket.proto == -1)
		socket.proto = 0;
	if (!ng_py_kind_is_good(socket.family, socket.type, socket.proto))
		return refuse_kind(api, &socket);
	if (!ng_py_is_inet(socket.family))
		return 0;
	if (ng_py_is_strict() && !ng_py_supervisor()) /* the filter would, in fewer words */
		return refuse_socket(api, &socket, "the filter of strict=True lets no Internet socket be made");
	flow = ng_py_flow_of(&socket, NG_CALL_CREATE);
	return ng_py_judge_flow("socket", api, &socket, &flow, NULL);
}

/* An event whose second argument is a socket's address. */
static int judge_address(const char *call, const char *api, uint8_t kind, PyObject *args)
{
	PyObject *object = arg(args, 0), *address = arg(args, 1);
	struct ng_py_target target;
	struct ng_py_socket socket;

	if (!object || !address || address == Py_None || ng_py_address_is_judged(object, address) ||
	    ng_py_socket_of(object, &socket) < 0)
		return 0;
	if (!ng_py_is_inet(socket.family))
		return ng_py_kind_is_good(socket.family, socket.type, socket.proto) ? 0 : refuse_kind(api, &socket);
	if (!ng_py_target_of(address, &target)) /* the interpreter has taken it, and we cannot tell for what */
		return ng_py_refuse_unread(call, api, &socket);
	if (target.has_name) /* only where there is no door: it has been looked up by now */
		return ng_py_is_number(target.host) ? 0 : ng_py_judge_name(api, target.host, socket.family);
	return ng_py_judge_target(call, api, kind, &socket, &target);
}

static int on_connect(const char *api, PyObject *args)
{
	return judge_address("connect", api, NG_CALL_CONNECT, args);
}

static int on_bind(const char *api, PyObject *args)
{
	return judge_address("bind", api, NG_CALL_BIND, args);
}

static int on_sendto(const char *api, PyObject *args)
{
	return judge_address("sendto", api, NG_CALL_SENDMSG, args);
}

static int on_sendmsg(const char *api, PyObject *args)
{
	return judge_address("sendmsg", api, NG_CALL_SENDMSG, args);
}

/* --- lookups --- */

/* `family`: of what a name is looked up for. */
static int judge_host(const char *api, PyObject *host, PyObject *port, int family, bool is_reached)
{
	PyObject *pair = host && host != Py_None ? Py_BuildValue("(Oi)", host, port ? int_of(port) & 0xffff : 0) : NULL;
	struct ng_py_target target = { .port = 0 };
	struct ng_py_socket socket = { AF_INET, SOCK_STREAM, 0 };
	struct ng_flow flow;
	bool is_known;

	is_known = pair && ng_py_target_of(pair, &target);
	Py_XDECREF(pair);
	PyErr_Clear();
	if (!is_known) /* the interpreter takes more than a name can be: longer ones, and what stands before a NUL */
		return host && host != Py_None ? ng_py_refuse_unread("resolve", api, &socket) : 0;
	if (target.has_name)
		return ng_py_is_number(target.host) ? 0 : ng_py_judge_name(api, target.host, family);
	if (!is_reached)
		return 0;
	flow = ng_py_flow_of(&socket, NG_CALL_CONNECT);
	memcpy(flow.addr, target.addr, 16);
	flow.port = target.port;
	socket.family = ng_run_address_is_ipv4(target.addr) ? AF_INET : AF_INET6;
	return ng_py_judge_flow("resolve", api, &socket, &flow, NULL);
}

/* getaddrinfo(), gethostbyname(): an address in text is looked up nowhere. */
static int on_lookup(const char *api, PyObject *args)
{
	const bool is_any = strcmp(api, "socket.getaddrinfo") == 0; /* gethostbyname() is for IPv4 */

	return judge_host(api, arg(args, 0), NULL, is_any ? int_of(arg(args, 2)) : AF_INET, false);
}

/* gethostbyaddr(): the name of an address is asked of whoever keeps it. */
static int on_reverse(const char *api, PyObject *args)
{
	return judge_host(api, arg(args, 0), NULL, AF_UNSPEC, true);
}

/* While getnameinfo() is told not to look up the host's name, which its event does not say. */
static _Thread_local bool is_numeric;

static int on_getnameinfo(const char *api, PyObject *args)
{
	PyObject *address = arg(args, 0);

	if (is_numeric || !address || !PyTuple_Check(address))
		return 0;
	return judge_host(api, arg(address, 0), arg(address, 1), AF_UNSPEC, true);
}

/* --- the library's clients --- */

/* Their events of connecting are left to the socket's: a program may give a client a connection of another kind, and
 * many tests do. Data on a client's connection, which may be one from before. */
static int on_client_send(const char *api, PyObject *args)
{
	PyObject *self = arg(args, 0), *sock = self ? PyObject_GetAttrString(self, "sock") : NULL;
	PyObject *number = sock && sock != Py_None ? PyObject_CallMethod(sock, "fileno", NULL) : NULL;
	const int fd = number ? int_of(number) : -1;

	Py_XDECREF(number);
	Py_XDECREF(sock);
	PyErr_Clear();
	return fd < 0 ? 0 : ng_py_judge_peer("send", api, fd);
}

/* protection() asks whether the hook is in force: this is the answer. */
static int on_probe(const char *Py_UNUSED(api), PyObject *Py_UNUSED(args))
{
	PyErr_SetString(PyExc_PermissionError, "the hook is in force");
	return -1;
}

/* --- the table --- */

struct event {
	const char *name;
	int (*judge)(const char *name, PyObject *args);
};

static const struct event socket_events[] = {
	{ "connect", on_connect },         { "__new__", on_new },
	{ "sendto", on_sendto },           { "bind", on_bind },
	{ "getaddrinfo", on_lookup },      { "sendmsg", on_sendmsg },
	{ "gethostbyname", on_lookup },    { "gethostbyaddr", on_reverse },
	{ "getnameinfo", on_getnameinfo }, { 0 },
};

static const struct event other_events[] = {
	{ "http.client.send", on_client_send },       { "ftplib.sendcmd", on_client_send },
	{ "smtplib.send", on_client_send },           { "imaplib.send", on_client_send },
	{ "poplib.putline", on_client_send },         { "nntplib.putline", on_client_send },
	{ "telnetlib.Telnet.write", on_client_send }, { "subprocess.Popen", ng_py_children_event },
	{ "os.system", ng_py_children_event },        { "os.exec", ng_py_children_event },
	{ "os.posix_spawn", ng_py_children_event },   { "pty.spawn", ng_py_children_event },
	{ "python_blackbox.probe", on_probe },        { 0 },
};

/* Set while CPython has the hook: it lets go of all when it is finalised, and may be started again in this process. */
static atomic_bool has_hook;

static int hook(const char *name, PyObject *args, void *Py_UNUSED(data))
{
	const struct event *event;
	const char *rest = name;

	if (*name == 'c' && strcmp(name, "cpython._PySys_ClearAuditHooks") == 0)
		atomic_store(&has_hook, false);
	if (!ng_py_is_blocked())
		return 0;
	switch (*name) {
	case 's':
		if (strncmp(name, "socket.", 7) == 0) {
			event = socket_events;
			rest = name + 7;
			break;
		}
		if (name[1] == 'y') /* sys.: the most frequent of all */
			return 0;
		event = other_events;
		break;
	case 'o':
		if (name[1] == 'p' || name[1] == 'b') /* open, object.: nearly as frequent */
			return 0;
		event = other_events;
		break;
	case 'h':
	case 'f':
	case 'i':
	case 'p':
	case 'n':
	case 't':
		event = other_events;
		break;
	default:
		return 0;
	}
	for (; event->name; event++)
		if (strcmp(event->name, rest) == 0)
			return event->judge(name, args);
	return 0;
}

/* --- the other doors --- */

static PyObject *on_getnameinfo_call(const struct ng_py_call *call)
{
	const bool was_numeric = is_numeric;
	PyObject *result;

	is_numeric = call->n_args > 1 && PyLong_CheckExact(call->args[1]) && (int_of(call->args[1]) & NI_NUMERICHOST);
	result = ng_py_door_pass(call);
	is_numeric = was_numeric;
	return result;
}

static int init_door(void)
{
	PyObject *module = PyImport_ImportModule("_socket");
	const int result = module ? init_door_of(module) : -1;

	if (result >= 0)
		replace_exec(module);
	Py_XDECREF(module);
	return result;
}

/* --- start --- */

static PyObject *py_has_init_door(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
	return PyBool_FromLong(original_init != NULL);
}

static PyMethodDef methods[] = {
	{ "has_descriptor_door", py_has_init_door, METH_NOARGS,
	  "Are sockets that are made out of descriptors looked at?" },
	{ 0 },
};

int ng_py_hook_init(PyObject *module)
{
	if (!atomic_exchange(&has_hook, true) && PySys_AddAuditHook(hook, NULL) < 0) {
		atomic_store(&has_hook, false);
		return -1;
	}
	if (ng_py_addresses_init() < 0 || ng_py_arrivals_init() < 0 ||
	    ng_py_door_open(NG_PY_DOOR_GETNAMEINFO, on_getnameinfo_call) < 0 || init_door() < 0)
		return -1;
	return PyModule_AddFunctions(module, methods);
}
