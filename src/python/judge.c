/* SPDX-License-Identifier: MIT */
/*
 * The verdict on what Python code passed (judge.h). IPv4 in IPv6 (::ffff:0:0/96) is IPv4 by being written so in struct
 * ng_flow; "", 0.0.0.0 and :: are this machine by classes.h, as the kernel connects them.
 */
#include "judge.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#include <structmember.h>

#include "rules.h"
#include "run/onlink.h"

#ifndef IPPROTO_UDPLITE
#define IPPROTO_UDPLITE 136
#endif
#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* --- the question --- */

static bool is_onlink(const uint8_t addr[static 16])
{
	struct ng_prefixes *prefixes = NULL;
	bool result;

	if (ng_prefixes_new(&prefixes) < 0)
		return false;
	result = ng_prefixes_contain(prefixes, addr);
	ng_prefixes_free(prefixes);
	return result;
}

struct ng_verdict ng_py_decide(const struct ng_flow *flow)
{
	struct ng_verdict verdict;

	ng_py_rules_lock();
	verdict = ng_py_rules_decide(flow);
	if (!verdict.allowed && flow->call != NG_CALL_BIND && flow->call != NG_CALL_CREATE && ng_py_names_allow(flow))
		verdict = (struct ng_verdict){ 1, NG_REASON_ALLOWANCE, verdict.class, 0 };
	ng_py_rules_unlock();
	/* Asking the kernel for its prefixes costs a message: only where they decide. */
	if (!verdict.allowed && verdict.reason == NG_REASON_NOT_LOCAL && !flow->onlink && is_onlink(flow->addr)) {
		struct ng_flow again = *flow;

		again.onlink = 1;
		return ng_py_decide(&again);
	}
	return verdict;
}

bool ng_py_permits(const struct ng_flow *flow)
{
	return ng_py_decide(flow).allowed;
}

/* --- sockets --- */

/* Where the members `family`, `type` and `proto` of a `_socket.socket` are, as its type's own descriptors say
 * (PyMemberDescrObject, Include/cpython/descrobject.h): Python's property of the same name makes an enum each time. */
static struct {
	bool is_known;
	Py_ssize_t family, type, proto;
	PyCFunction fileno; /* the method: what the descriptor is only it knows */
} members;

/* The type itself, under all that is made of it: the name alone a class of Python's can have as well. */
PyTypeObject *ng_py_socket_type(PyObject *object)
{
	PyTypeObject *type = Py_TYPE(object);

	while (type && type->tp_base != &PyBaseObject_Type)
		type = type->tp_base;
	return type && strcmp(type->tp_name, "_socket.socket") == 0 ? type : NULL;
}

static Py_ssize_t offset_of(PyTypeObject *type, const char *name)
{
	PyObject *mro = type->tp_dict ? type->tp_dict : NULL, *descr, *dict = NULL;
	Py_ssize_t offset = -1;

	if (!mro) /* types of the interpreter itself keep their dict elsewhere since 3.12 */
		dict = PyObject_GetAttrString((PyObject *)type, "__dict__");
	descr = mro ? PyDict_GetItemString(mro, name) : dict ? PyMapping_GetItemString(dict, name) : NULL;
	if (descr && Py_IS_TYPE(descr, &PyMemberDescr_Type))
		offset = ((PyMemberDescrObject *)descr)->d_member->offset;
	if (!mro)
		Py_XDECREF(descr);
	Py_XDECREF(dict);
	PyErr_Clear();
	return offset;
}

static PyCFunction fileno_of(PyTypeObject *type)
{
	PyObject *descr = PyObject_GetAttrString((PyObject *)type, "fileno");
	PyCFunction function = NULL;

	if (descr && Py_IS_TYPE(descr, &PyMethodDescr_Type) &&
	    ((PyMethodDescrObject *)descr)->d_method->ml_flags == METH_NOARGS)
		function = ((PyMethodDescrObject *)descr)->d_method->ml_meth;
	Py_XDECREF(descr);
	PyErr_Clear();
	return function;
}

static bool members_find(PyTypeObject *type)
{
	if (members.is_known)
		return true;
	members.family = offset_of(type, "family");
	members.type = offset_of(type, "type");
	members.proto = offset_of(type, "proto");
	members.fileno = fileno_of(type);
	members.is_known = members.fileno && members.family > 0 && members.type > 0 && members.proto > 0;
	return members.is_known;
}

static int int_at(PyObject *object, Py_ssize_t offset)
{
	int value;

	memcpy(&value, (const char *)object + offset, sizeof(value));
	return value;
}

/* As the kernel has it: a socket made of a descriptor is said to be of any kind, and dup2() puts another in its place.
 */
static int protocol_of(PyObject *object, int said)
{
	PyObject *number = members.fileno(object, NULL);
	const long fd = number ? PyLong_AsLong(number) : -1;
	socklen_t length = sizeof(int);
	int protocol;

	Py_XDECREF(number);
	PyErr_Clear();
	return fd >= 0 && getsockopt((int)fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) == 0 ? protocol : said;
}

int ng_py_socket_of(PyObject *object, struct ng_py_socket *ret_socket)
{
	PyTypeObject *type = ng_py_socket_type(object);

	if (!type || !members_find(type))
		return -1;
	*ret_socket = (struct ng_py_socket){ .family = int_at(object, members.family),
					     .type = int_at(object, members.type),
					     .proto = int_at(object, members.proto) };
	if (ng_py_rules_know_protocols()) /* it costs a system call */
		ret_socket->proto = protocol_of(object, ret_socket->proto);
	return 0;
}

bool ng_py_kind_is_good(int family, int type, int proto)
{
	const int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (family == AF_UNIX)
		return true;
	if (family == AF_NETLINK)
		return proto == 0; /* NETLINK_ROUTE: asking for interfaces and routes */
	if (!ng_py_is_inet(family))
		return false;
	if (kind == SOCK_STREAM)
		return proto == 0 || proto == IPPROTO_TCP;
	return kind == SOCK_DGRAM && (proto == 0 || proto == IPPROTO_UDP || proto == IPPROTO_UDPLITE ||
				      proto == (family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6));
}

struct ng_flow ng_py_flow_of(const struct ng_py_socket *socket, uint8_t call)
{
	const int kind = socket->type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct ng_flow flow = { .call = call, .raw = kind == SOCK_RAW };

	flow.proto = (uint8_t)(socket->proto == IPPROTO_MPTCP ? IPPROTO_TCP
			       : socket->proto                ? socket->proto
			       : kind == SOCK_STREAM          ? IPPROTO_TCP
			       : kind == SOCK_DGRAM           ? IPPROTO_UDP
							      : 0);
	return flow;
}

/* --- addresses --- */

bool ng_py_numeric(const char *host, uint8_t ret_addr[static 16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char plain[INET6_ADDRSTRLEN];
	const char *scope;
	size_t length;

	if (*host >= '0' && *host <= '9' && inet_pton(AF_INET, host, ret_addr + 12) == 1) {
		memcpy(ret_addr, mapped, sizeof(mapped));
		return true;
	}
	if (!strchr(host, ':'))
		return false;
	scope = strchr(host, '%');
	length = scope ? (size_t)(scope - host) : strlen(host);
	if (length >= sizeof(plain))
		return false;
	memcpy(plain, host, length);
	plain[length] = '\0';
	return inet_pton(AF_INET6, plain, ret_addr) == 1;
}

bool ng_py_address_of(const struct sockaddr *address, uint8_t ret_addr[static 16], uint16_t *ret_port)
{
	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)address;

		memset(ret_addr, 0, 16);
		ret_addr[10] = ret_addr[11] = 0xff;
		memcpy(ret_addr + 12, &in->sin_addr, 4);
		*ret_port = ntohs(in->sin_port);
		return true;
	}
	if (address->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)address;

		memcpy(ret_addr, &in6->sin6_addr, 16);
		*ret_port = ntohs(in6->sin6_port);
		return true;
	}
	return false;
}

/* What the interpreter takes for a host: str (its idna form if it is not ASCII), bytes, bytearray. */
static bool host_text(PyObject *host, char ret_text[static 256])
{
	PyObject *encoded = NULL;
	const char *text = NULL;
	Py_ssize_t length = 0;

	if (PyUnicode_Check(host) && PyUnicode_IS_ASCII(host)) {
		text = PyUnicode_AsUTF8AndSize(host, &length);
	} else if (PyUnicode_Check(host)) {
		encoded = PyUnicode_AsEncodedString(host, "idna", NULL);
		if (encoded && PyBytes_AsStringAndSize(encoded, (char **)&text, &length) < 0)
			text = NULL;
	} else if (PyBytes_Check(host)) {
		text = PyBytes_AS_STRING(host);
		length = PyBytes_GET_SIZE(host);
	} else if (PyByteArray_Check(host)) {
		text = PyByteArray_AS_STRING(host);
		length = PyByteArray_GET_SIZE(host);
	}
	PyErr_Clear();
	if (text && length < 256 && strlen(text) == (size_t)length)
		memcpy(ret_text, text, (size_t)length + 1);
	else
		text = NULL;
	Py_XDECREF(encoded);
	return text != NULL;
}

bool ng_py_target_of(PyObject *address, struct ng_py_target *ret_target)
{
	static const uint8_t broadcast[16] = {
		[10] = 0xff, [11] = 0xff, [12] = 255, [13] = 255, [14] = 255, [15] = 255
	};
	PyObject *port;
	long number;

	if (!PyTuple_Check(address) || PyTuple_GET_SIZE(address) < 2)
		return false;
	ret_target->has_address = ret_target->has_name = false;
	if (!host_text(PyTuple_GET_ITEM(address, 0), ret_target->host))
		return false;
	port = PyTuple_GET_ITEM(address, 1);
	number = PyLong_Check(port) ? PyLong_AsLong(port) : -1;
	PyErr_Clear();
	if (number < 0 || number > 65535)
		return false;
	ret_target->port = (uint16_t)number;
	if (!*ret_target->host)
		memset(ret_target->addr, 0, 16);
	else if (strcmp(ret_target->host, "<broadcast>") == 0)
		memcpy(ret_target->addr, broadcast, 16);
	else if (!ng_py_numeric(ret_target->host, ret_target->addr))
		ret_target->has_name = true;
	ret_target->has_address = !ret_target->has_name;
	return true;
}

/* --- asking and refusing --- */

static int refuse_flow(const char *call, const char *api, const struct ng_py_socket *socket, const struct ng_flow *flow,
		       const struct ng_verdict *verdict, const char *host)
{
	struct ng_py_attempt attempt = {
		.call = call,
		.api = api,
		.family = socket->family,
		.has_address = flow->call != NG_CALL_CREATE,
		.flow = *flow,
		.host = host,
		.reason = verdict->reason,
		.class = verdict->class,
	};
	char name[NG_NAME_MAX];

	if (!host && attempt.has_address) {
		ng_py_name_of(flow->addr, name);
		attempt.host = *name ? name : NULL;
	}
	return ng_py_refuse(&attempt);
}

int ng_py_judge_flow(const char *call, const char *api, const struct ng_py_socket *socket, struct ng_flow *flow,
		     const char *host)
{
	struct ng_verdict verdict;

	if (flow->proto != IPPROTO_TCP && flow->proto != IPPROTO_UDP)
		flow->port = 0; /* ping sockets carry their id there */
	verdict = ng_py_decide(flow);
	if (verdict.allowed || ng_py_is_temporarily_allowed())
		return 0;
	return refuse_flow(call, api, socket, flow, &verdict, host);
}

int ng_py_judge_target(const char *call, const char *api, uint8_t kind, const struct ng_py_socket *socket,
		       const struct ng_py_target *target)
{
	struct ng_flow flow = ng_py_flow_of(socket, kind);

	memcpy(flow.addr, target->addr, 16);
	if (!*target->host && socket->family == AF_INET) /* 0.0.0.0 */
		flow.addr[10] = flow.addr[11] = 0xff;
	flow.port = target->port;
	return ng_py_judge_flow(call, api, socket, &flow, NULL);
}

int ng_py_refuse_unread(const char *call, const char *api, const struct ng_py_socket *socket)
{
	struct ng_py_attempt attempt = {
		.call = call,
		.api = api,
		.family = socket->family,
		.flow = ng_py_flow_of(socket, NG_CALL_CREATE),
		.reason = NG_REASON_MALFORMED,
		.why = "its address cannot be read",
		.tip = "write the host as str and the port as int",
	};

	return ng_py_is_temporarily_allowed() ? 0 : ng_py_refuse(&attempt);
}

int ng_py_judge_name(const char *api, const char *name, int family)
{
	struct ng_py_attempt attempt = {
		.call = "resolve",
		.api = api,
		.family = AF_UNSPEC,
		.host = name,
		.reason = NG_REASON_OFFLINE,
		.why = "no whitelist entry has this name",
	};

	if (ng_py_name_may_be_asked(name, family) || ng_py_is_temporarily_allowed())
		return 0;
	if (ng_py_profile() == NG_PROFILE_LOCAL)
		attempt.reason = NG_REASON_NOT_LOCAL;
	return ng_py_refuse(&attempt);
}

int ng_py_judge_peer(const char *call, const char *api, int fd)
{
	struct sockaddr_storage peer = { 0 };
	struct ng_py_socket sock = { 0 };
	socklen_t length = sizeof(peer), size = sizeof(int);
	struct ng_flow flow;

	if (getpeername(fd, (struct sockaddr *)&peer, &length) < 0 || !ng_py_is_inet(peer.ss_family))
		return 0;
	sock.family = peer.ss_family;
	getsockopt(fd, SOL_SOCKET, SO_TYPE, &sock.type, &size);
	size = sizeof(int);
	getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &sock.proto, &size);
	flow = ng_py_flow_of(&sock, NG_CALL_CONNECT);
	ng_py_address_of((struct sockaddr *)&peer, flow.addr, &flow.port);
	return ng_py_judge_flow(call, api, &sock, &flow, NULL);
}
