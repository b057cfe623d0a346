/* SPDX-License-Identifier: MIT */
/*
 * From the interpreter's arguments to a flow, and the question to the rules.
 */
#ifndef NG_PYTHON_JUDGE_H
#define NG_PYTHON_JUDGE_H

#include <sys/socket.h>

#include "blackbox.h"

static inline bool ng_py_is_inet(int family)
{
	return family == AF_INET || family == AF_INET6;
}

/* Of a `_socket.socket` object. */
struct ng_py_socket {
	int family, type, proto;
};

/* What a socket's address argument says. */
struct ng_py_target {
	bool has_address; /* flow has address and port */
	bool has_name;    /* a name stands where the address should: `host` has it */
	char host[256];   /* as given */
	uint16_t port;
	uint8_t addr[16];
};

/* The verdict for one flow: profile, whitelist, answered names; on-link prefixes are looked up where they matter. No
 * thread state needed. */
struct ng_verdict ng_py_decide(const struct ng_flow *flow);
bool ng_py_permits(const struct ng_flow *flow);

/* The `_socket.socket` that an object is derived from, or NULL; borrowed. */
PyTypeObject *ng_py_socket_type(PyObject *object);
/* 0, or -1 where it is not a `_socket.socket` (no exception). As the object says; the protocol as the
 * kernel has it, where an entry asks for one. */
int ng_py_socket_of(PyObject *object, struct ng_py_socket *ret_socket);
/* Does a socket of this kind exist for confined code at all? AF_UNIX and route netlink do; of the internet TCP, UDP,
 * UDP-Lite and ICMP datagrams: none of them takes addresses but by calls that are seen. */
bool ng_py_kind_is_good(int family, int type, int proto);
/* The flow of a socket, without address. */
struct ng_flow ng_py_flow_of(const struct ng_py_socket *socket, uint8_t call);
/* An address tuple of AF_INET or AF_INET6. False: it is none that the interpreter would take, which then says so
 * itself. No exception. */
bool ng_py_target_of(PyObject *address, struct ng_py_target *ret_target);
/* "192.0.2.1", "::1", "fe80::1%eth0". */
bool ng_py_numeric(const char *host, uint8_t ret_addr[static 16]);
bool ng_py_address_of(const struct sockaddr *address, uint8_t ret_addr[static 16], uint16_t *ret_port);

/* Asks and refuses: 0 if it may pass (also inside allow_temporary()), or -1 with NetworkBlockedError. */
int ng_py_judge_flow(const char *call, const char *api, const struct ng_py_socket *socket, struct ng_flow *flow,
		     const char *host);
/* The same for an address that has been read; `kind`: NG_CALL_*. */
int ng_py_judge_target(const char *call, const char *api, uint8_t kind, const struct ng_py_socket *socket,
		       const struct ng_py_target *target);
/* Refuses an address that cannot be read, 0 where nothing is refused for the moment. */
int ng_py_refuse_unread(const char *call, const char *api, const struct ng_py_socket *socket);
/* `family`: of the addresses that are asked for, AF_UNSPEC for all. */
int ng_py_judge_name(const char *api, const char *name, int family);
/* The peer of a connected descriptor; 0 also where there is none. */
int ng_py_judge_peer(const char *call, const char *api, int fd);

/* Doors for what arrives (arrivals.c). */
int ng_py_arrivals_init(void);

/* addresses.c: doors in front of connect(), bind(), sendto(), sendmsg(). 0, or -1 with an exception. */
int ng_py_addresses_init(void);
/* Is this thread on its way through such a door with just these objects, which it has judged? */
bool ng_py_address_is_judged(PyObject *object, PyObject *address);

#endif
