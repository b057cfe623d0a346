/* SPDX-License-Identifier: MIT */
/*
 * What the engine and the enforcer say to each other, over one SOCK_SEQPACKET socketpair. One packet is one message: a
 * struct ng_message, always whole; unused bytes are zero. A packet of another size, an unknown type or a field out of
 * range ends the conversation with -EBADMSG on the side that noticed (ng_message_check).
 *
 * The engine asks one thing at a time is not required: each request carries `seq`, its reply the same. Events come
 * unasked with seq 0. The enforcer never blocks on the engine: what it cannot send it drops and counts
 * (NG_FAULT_EVENTS_LOST).
 */
#ifndef NG_MESSAGE_H
#define NG_MESSAGE_H

#include <stdint.h>

#include "verdict/abi.h"

#define NG_MESSAGE_MAGIC 0x4e47u /* "NG" */
#define NG_MESSAGE_VERSION 1u

/* Requests. */
#define NG_MESSAGE_LOAD 1u /* with a memfd holding an image, sealed against writing, shrinking and growing */
#define NG_MESSAGE_STATUS 2u
#define NG_MESSAGE_COUNTS 3u   /* answered by one or more COUNTS messages, the last with more == 0 */
#define NG_MESSAGE_VERIFY 4u   /* look whether all that was attached is still attached; answered by STATUS */
#define NG_MESSAGE_SOCKETS 5u  /* connections now; answered by one or more SOCKETS messages */
#define NG_MESSAGE_PROGRAMS 6u /* what runs now; answered by one or more PROGRAMS messages */
/* Replies. */
#define NG_MESSAGE_LOADED 101u
#define NG_MESSAGE_STATUS_IS 102u
#define NG_MESSAGE_COUNTS_ARE 103u
#define NG_MESSAGE_SOCKETS_ARE 105u
#define NG_MESSAGE_PROGRAMS_ARE 106u
/* Unasked. */
#define NG_MESSAGE_EVENT 201u

#define NG_BACKEND_BPF 1u
#define NG_BACKEND_SIMULATION 2u

/* What the running kernel can enforce and whether it is in force: bits of ng_status.supported and .in_force. Each is
 * named and explained to people in one table, src/guardd/capabilities.c. */
#define NG_CAN_EXEC_TAG 0x0001u     /* programs are recognised at exec and fork */
#define NG_CAN_RUNNING 0x0002u      /* what ran before the guard started is recognised */
#define NG_CAN_OPEN_SOCKETS 0x0004u /* sockets opened before the guard started are recognised */
#define NG_CAN_CREATE 0x0008u       /* socket() is judged and tagged */
#define NG_CAN_CONNECT4 0x0010u
#define NG_CAN_CONNECT6 0x0020u
#define NG_CAN_SENDMSG4 0x0040u
#define NG_CAN_SENDMSG6 0x0080u
#define NG_CAN_BIND4 0x0100u
#define NG_CAN_BIND6 0x0200u
#define NG_CAN_EGRESS 0x0400u        /* every IP packet leaving */
#define NG_CAN_INGRESS 0x0800u       /* every IP packet arriving at a socket */
#define NG_CAN_DESTROY 0x1000u       /* open connections are closed with an error */
#define NG_CAN_PINNED 0x2000u        /* outlives the service */
#define NG_CAN_WHOLE_MACHINE 0x4000u /* attached at the root of the cgroup tree */
#define NG_CAN_LSM 0x8000u           /* the kernel offers BPF LSM (not used yet) */
#define NG_CAN_INHERITED 0x10000u    /* a socket inherited by a more restricted program is restricted with it */

struct ng_status {
	uint32_t backend;   /* NG_BACKEND_* */
	uint32_t supported; /* NG_CAN_* */
	uint32_t in_force;  /* NG_CAN_* */
	int32_t error;      /* 0, or the negative errno of the last thing that failed */
	uint32_t mode;      /* NG_MODE_* in force */
	uint32_t n_apps;
	uint32_t n_exes;
	uint32_t adopted;    /* 1: what is in force was pinned by an earlier enforcer */
	uint64_t image_hash; /* ng_image_hash() of the image in force, 0: none */
	uint64_t faults[NG_FAULTS];
	char error_text[256];  /* NUL-terminated: what failed, in words; empty */
	char attach_path[256]; /* NUL-terminated: the cgroup; empty for the simulation */
	char kernel[64];       /* NUL-terminated: uname release */
};

struct ng_loaded {
	int32_t error;       /* 0, or a negative errno: nothing of the image is in force, the one before still is */
	uint32_t closed;     /* open connections destroyed because of this image */
	uint32_t not_closed; /* connections that are denied from now on but could not be destroyed */
	uint32_t pad;
	uint64_t image_hash;
	uint64_t enforced_ns; /* from the receipt of the request until the kernel decided by the new image */
	char why[256];        /* NUL-terminated; empty when error is 0 */
};

struct ng_app_counts {
	uint64_t app_key;
	struct ng_counts counts;
};
#define NG_COUNTS_PER_MESSAGE 64
struct ng_counts_are {
	uint32_t more; /* 1: another message follows */
	uint32_t n;
	struct ng_app_counts apps[NG_COUNTS_PER_MESSAGE];
};

struct ng_socket {
	uint64_t app_key; /* the program's own application */
	uint64_t cookie;
	struct ng_flow flow; /* remote end; all zero where there is none */
	uint8_t local[16];
	uint16_t local_port;
	uint8_t family;
	uint8_t state; /* TCP_* of the kernel; 0 for others */
	uint32_t pid;
	uint32_t uid;
	uint32_t pad;
};
#define NG_SOCKETS_PER_MESSAGE 32
struct ng_sockets_are {
	uint32_t more;
	uint32_t n;
	struct ng_socket sockets[NG_SOCKETS_PER_MESSAGE];
};

/* The processes that run one file under one path and answer to one application. Kernel threads are none. */
#define NG_PROGRAM_DELETED 0x1u        /* the file has no name any more: it was removed or replaced while it ran */
#define NG_PROGRAM_ELSEWHERE 0x2u      /* none of them is in the machine's first mount namespace: path is theirs */
#define NG_PROGRAM_MORE_UIDS 0x4u      /* there are more users than `uids` holds */
#define NG_PROGRAM_MORE_ANCESTORS 0x8u /* likewise for `ancestors` */
#define NG_PROGRAM_UIDS 12
#define NG_PROGRAM_ANCESTORS (NG_TAG_APPS - 1)
struct ng_program {
	struct ng_exe_key key; /* all zero: cannot be told */
	uint64_t app_key;      /* what the kernel takes it for; 0: the default, or nothing is in force */
	uint64_t ancestors[NG_PROGRAM_ANCESTORS]; /* other applications that some of them are held to; 0: no more */
	uint64_t started_ms;                      /* the oldest of them, on CLOCK_BOOTTIME */
	uint64_t youngest_ms;                     /* likewise */
	uint32_t pid;                             /* the oldest of them */
	uint32_t processes;
	uint32_t n_uids;
	uint32_t flags;                 /* NG_PROGRAM_* */
	uint32_t uids[NG_PROGRAM_UIDS]; /* real user ids, ascending */
	char path[512]; /* NUL-terminated, as their mount namespace shows it; empty: longer than that, or not known */
};
_Static_assert(sizeof(struct ng_program) == 672, "ng_program: size");
#define NG_PROGRAMS_PER_MESSAGE 6
#define NG_PROGRAMS_MAX 4096u            /* told in one answer */
#define NG_PROGRAMS_MAX_PROCESSES 65536u /* looked at for one answer */
struct ng_programs_are {
	uint32_t more;
	uint32_t n;
	/* In the last message. */
	int32_t error;     /* 0, or the negative errno that ended the walk: the list is not whole */
	uint32_t left_out; /* processes that are not in the list because of the two limits */
	uint32_t unseen;   /* processes that may not be looked at (simulation) */
	uint32_t pad;
	struct ng_program programs[NG_PROGRAMS_PER_MESSAGE];
};

struct ng_event_report {
	struct ng_event event;
	uint64_t app_key;     /* of event.app; 0: the default */
	uint64_t decider_key; /* of event.decider; 0: the default */
	uint32_t lost;        /* events lost since the last report */
	uint32_t pad;
	char exe[512]; /* NUL-terminated path as the program's own mount namespace shows it; empty where it is gone */
};

struct ng_message {
	uint16_t magic;
	uint16_t version;
	uint32_t type;
	uint64_t seq;
	union {
		struct ng_status status;
		struct ng_loaded loaded;
		struct ng_counts_are counts;
		struct ng_sockets_are sockets;
		struct ng_programs_are programs;
		struct ng_event_report event;
		uint8_t bytes[4080];
	};
};
_Static_assert(sizeof(struct ng_message) == 4096, "ng_message: size");

/* Send one message, with `fd` unless it is -1 (borrowed). Never blocks: -EAGAIN when the other side is not reading. */
int ng_message_send(int socket, const struct ng_message *message, int fd);

/* Receive one message; *ret_fd gets a descriptor the caller owns, or -1. Returns 0, -EAGAIN, -EPIPE when the other side
 * is gone, -EBADMSG for anything malformed. */
int ng_message_receive(int socket, struct ng_message *ret_message, int *ret_fd);

#endif
