/* SPDX-License-Identifier: MIT */
/*
 * The probe: one way to the network per vector, made of bare system calls, so that the test knows which call was
 * refused. Runs as the program under test, inside the launcher and (the control) outside of it, with no power of its
 * own.
 */
#ifndef NG_TESTS_PROBE_H
#define NG_TESTS_PROBE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_un un;
};

/* What the command line said. */
struct setting {
	union address near, far; /* the peer that is allowed in vectors with two, and the one that is not */
	socklen_t near_len, far_len;
	bool has_near, has_far;
	int port;             /* of the vector that runs */
	int base;             /* its port is this plus its number */
	const char *daemon;   /* a folder with a host daemon's sockets: s (stream), d (datagrams), q (packets) */
	const char *work;     /* a folder that the probe may write to */
	const char *abstract; /* the daemon's abstract name, plus -s or -d */
	pid_t pid;            /* a process outside, of the same user */
	unsigned long where;  /* 8 bytes of its memory that nobody needs */
	int fd;               /* a descriptor: of that process, or inherited */
	long times;
};
extern struct setting setting;

/* A vector returns what the call that matters returned: 0 or more, or negative errno. */
struct vector {
	const char *name;
	const char *group;
	long (*run)(void);
	int argument; /* in vector_argument while it runs */
};
extern int vector_argument;
extern const struct vector inet_vectors[], odd_vectors[], unix_vectors[], process_vectors[];

#define VECTOR_SKIP (-100000L) /* this kernel or user has no such thing, whoever asks */

long or_errno(long result);
/* A socket for an address's family. */
int socket_for(const union address *to, int type, int protocol);
/* More than "ok" or an error's name. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
