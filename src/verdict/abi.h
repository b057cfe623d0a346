/* SPDX-License-Identifier: MIT */
/*
 * The structs that cross the kernel line: keys and values of the maps, and the event. Shared by the kernel programs
 * (src/bpf) and the enforcer (src/enforce). Fixed width, padding named and written as zero. A change of layout or
 * meaning raises NG_ABI: an enforcer that finds pinned maps of another ABI builds new ones beside them and only then
 * removes the old, it never reuses them.
 */
#ifndef NG_ABI_H
#define NG_ABI_H

#include "verdict.h"

#define NG_ABI 1u

/* A program is known by its file. `dev` is the superblock's device as the kernel has it (mountinfo's major:minor). */
struct ng_exe_key {
	__u64 ino;
	__u32 dev;
	__u32 pad;
};
_Static_assert(sizeof(struct ng_exe_key) == 16, "ng_exe_key: size");

/* Slots of the `apps` map. Slot 0 means "none"; slot 1 is the default, for programs nobody decided on. */
#define NG_SLOT_NONE 0u
#define NG_SLOT_DEFAULT 1u
#define NG_SLOTS 131072u

/*
 * Whom a task or a socket answers to. app[0] is the slot of the program's own application; the others are, in no order,
 * the listed applications among its ancestors and, for a socket, among its holders. A flow must be allowed by every
 * one.
 */
#define NG_TAG_APPS 8
#define NG_TAG_TOO_DEEP 0x1u /* there were more ancestors than places: everything is denied */
#define NG_TAG_KERNEL 0x2u   /* a kernel thread */

struct ng_tag {
	__u32 app[NG_TAG_APPS];
	__u32 flags;
	__u32 exe_dev; /* the program's file, to name it in events; not used for the verdict */
	__u64 exe_ino;
	__u32 online_generation; /* of a process: everybody in the tag was Online in this generation of the state; 0:
				    not known */
	__u32 pad;
};
_Static_assert(sizeof(struct ng_tag) == 56, "ng_tag: size");

/* The one entry of the `state` map. Written by the enforcer, read by every hook. */
#define NG_MODE_NORMAL 0u
#define NG_MODE_PAUSED 1u
#define NG_MODE_PANIC 2u

struct ng_state {
	__u32 abi;
	__u32 mode;       /* NG_MODE_* */
	__u32 generation; /* never 0; raised after each change: sockets forget the verdicts they remember */
	__u32 held;       /* not 0: a socket waits to be marked as held by a program more restricted than its creator */
	__u32 reader_waits; /* 1: the reader sleeps and wants to be woken by the next event */
	__u32 walked;       /* 1: all that runs was recognised once; a process without a tag is a fault from then on */
	__u64 image_hash;   /* the enforcer's: the image in force; 0 while one is being written */
	__u64 pad[4];
};
_Static_assert(sizeof(struct ng_state) == 64, "ng_state: size");

/* Things that must not happen silently: indexes of the `faults` counters. */
#define NG_FAULT_EVENTS_LOST 0 /* the ring was full */
#define NG_FAULT_TASK_MAP 1    /* the task map was full: the process is denied everything */
#define NG_FAULT_SOCK_TAG 2    /* a socket could not be tagged: its creation was refused */
#define NG_FAULT_UNTAGGED 3    /* a packet or call of a program that could not be told: denied */
#define NG_FAULT_TOO_DEEP 4    /* a tag overflowed: the process is denied everything */
#define NG_FAULT_BAD_SLOT 5    /* a tag named a slot that does not exist: denied */
#define NG_FAULT_HELD_MAP 6    /* an inherited socket could not be marked: the process was ended */
#define NG_FAULT_BAD_PACKET 7  /* an IP header that could not be read: denied */
#define NG_FAULT_COUNTS 8      /* traffic counts could not be stored: the verdict held, the count is short */
#define NG_FAULTS 16

/* Traffic of one application, keyed by slot. Bytes as the IP layer sees them. */
struct ng_counts {
	__u64 tx_bytes;
	__u64 rx_bytes;
	__u64 allowed; /* connects, sends to an address, binds and first packets that were allowed */
	__u64 denied;
};

/* One attempt, or `count` alike. */
struct ng_event {
	__u64 time_ns; /* CLOCK_BOOTTIME of the latest */
	__u64 exe_ino;
	__u32 exe_dev;
	__u32 pid; /* 0 where the packet came without its process (interrupt) */
	__u32 uid;
	__u32 app;     /* slot of the program's own application */
	__u32 decider; /* slot of the application that decided: the program's own or an ancestor's */
	__u32 count;   /* >= 1 */
	struct ng_flow flow;
	struct ng_verdict verdict;
	__u8 family; /* AF_INET or AF_INET6, as the program used it */
	__u8 pad[3];
	char comm[16]; /* NUL-terminated; empty where pid is 0 */
};
_Static_assert(sizeof(struct ng_event) == 88, "ng_event: size");

/* What a socket carries (socket storage). The verdicts it remembers hold for one generation of the state. */
#define NG_DIRECTION_OUT 0
#define NG_DIRECTION_IN 1

struct ng_sock {
	struct ng_tag tag;
	__u32 allowed_generation[2]; /* by direction; packets pass unread while it equals the state's; 0: never */
	__u32 fixed_generation[2];   /* likewise, but only packets to and from the one remote end of a TCP connection */
	__u32 holders;               /* raised when the tag changes */
	__u32 pad;
	__u64 bytes[2]; /* by direction, not yet stored in `counts` */
	__u32 calls[2]; /* denied, allowed; likewise */
	__u32 packets;  /* since the counts were last stored */
	__u32 pid;      /* of the creator */
};
_Static_assert(sizeof(struct ng_sock) == 112, "ng_sock: size");

/* Attempts that are alike: reported once a second at most, counted meanwhile. */
struct ng_seen_key {
	__u64 exe_ino;
	__u32 exe_dev;
	__u32 uid;
	__u32 app;
	__u32 decider;
	__u8 addr[16];
	__u16 port; /* 0 for what arrives */
	__u8 proto;
	__u8 call;
	__u8 allowed;
	__u8 reason;
	__u8 pad[2];
};
_Static_assert(sizeof(struct ng_seen_key) == 48, "ng_seen_key: size");

struct ng_seen {
	__u64 time_ns; /* CLOCK_BOOTTIME of the latest report */
	__u32 pending; /* alike since then */
	__u32 pid;     /* of the first */
	char comm[16];
};
_Static_assert(sizeof(struct ng_seen) == 32, "ng_seen: size");

/* What the enforcer wants of one walk over all open files, and what the walk writes for each socket it was asked about.
 */
#define NG_SCAN_TAG 1u    /* tag sockets anew: their program's application, and their holders' restrictions */
#define NG_SCAN_COUNT 2u  /* store the traffic counted so far */
#define NG_SCAN_DENIED 4u /* write those that would be denied */
#define NG_SCAN_ALL 8u    /* write all */

struct ng_scan_wish {
	__u32 wish; /* NG_SCAN_* */
	__u32 pad;
	__u64 cgroup_id; /* only sockets of this cgroup and below are the guard's; 1: the root, all */
};

struct ng_scan {
	__u64 cookie;
	__u32 netns; /* inode number of the network namespace */
	__u32 pid;   /* a holder */
	__u32 uid;
	__u32 app; /* slot */
	__u32 bound_if;
	__u16 local_port;
	__u16 family;
	__u8 local[16];
	struct ng_flow flow; /* the remote end */
	__u16 protocol;      /* as the socket has it: MPTCP is 262 */
	__u8 state;          /* TCP_* */
	__u8 pad[5];
};
_Static_assert(sizeof(struct ng_scan) == 80, "ng_scan: size");

#endif
