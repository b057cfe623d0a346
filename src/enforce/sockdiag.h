/* SPDX-License-Identifier: MIT */
/*
 * Socket diagnostics: list the sockets of one network namespace and destroy one of them, over NETLINK_SOCK_DIAG
 * (sock_diag(7); net/ipv4/inet_diag.c, udp_diag.c, raw_diag.c, net/mptcp/mptcp_diag.c in Linux). Plain C, no library.
 * Used by the bpf backend (in the enforcer, with CAP_NET_ADMIN, to destroy) and by the simulation (no power, to list).
 *
 * Invariants: nothing that the kernel sends is believed without its length; every loop over messages is bounded; a
 * request never waits longer than NG_SOCKDIAG_TIMEOUT_MS for an answer; a socket is only destroyed when its cookie is
 * the one asked for, so that a tuple that was reused in between is left alone.
 */
#ifndef NG_SOCKDIAG_H
#define NG_SOCKDIAG_H

#include <stdint.h>

#define NG_SOCKDIAG_MPTCP 262u /* IPPROTO_MPTCP */
#define NG_SOCKDIAG_TIMEOUT_MS 2000

/* ng_sockdiag_list(): all was read, but the kernel says that its table changed meanwhile: entries may be missing or
 * have come twice. */
#define NG_SOCKDIAG_CHANGED 1

/* Addresses are 16 bytes in network order, IPv4 as ::ffff:a.b.c.d; ports in host order. An AF_INET6 socket that talks
 * IPv4 has family AF_INET6 and IPv4-mapped addresses. */
struct ng_sockdiag_entry {
	uint8_t family;      /* AF_INET, AF_INET6: of the socket */
	uint8_t state;       /* TCP_* of the kernel; UDP and raw: TCP_ESTABLISHED when connected, else TCP_CLOSE */
	uint16_t protocol;   /* IPPROTO_TCP, _UDP, _UDPLITE, _RAW, NG_SOCKDIAG_MPTCP: as asked for */
	uint16_t local_port; /* raw sockets: the IP protocol they speak */
	uint16_t remote_port;
	uint8_t local[16];
	uint8_t remote[16]; /* the wildcard where there is none */
	uint64_t inode;     /* 0: no process holds it (a handshake under way, a closing connection) */
	uint64_t cookie;
	uint32_t uid;       /* of the socket's creator */
	uint32_t interface; /* the index it is bound to, or 0 */
};

/* What names one socket: the same fields of its entry. */
struct ng_sockdiag_id {
	uint8_t family;
	uint8_t pad;
	uint16_t protocol;
	uint16_t local_port;
	uint16_t remote_port;
	uint8_t local[16];
	uint8_t remote[16];
	uint64_t cookie;
	uint32_t interface;
	uint32_t pad2;
};

/* A descriptor the caller owns, close-on-exec, in the caller's present network namespace; or negative errno. */
int ng_sockdiag_open(void);

typedef void (*ng_sockdiag_fn)(void *user_data, const struct ng_sockdiag_entry *entry);

/*
 * Call `fn` for every socket of the family and protocol, but TIME_WAIT, which nobody owns any more. `fn` must not use
 * the same descriptor (a second one serves), and may be called twice for one socket (same cookie) when the kernel's
 * answer had to be asked for again. TCP lists the subflows of MPTCP connections too. Not listed by any kernel: ICMP
 * datagram ("ping") sockets, and sockets that were made and neither bound nor connected.
 *
 * 0, NG_SOCKDIAG_CHANGED, -EPROTONOSUPPORT where this kernel has no diagnostics for the protocol, or negative errno.
 */
int ng_sockdiag_list(int fd, uint8_t family, uint16_t protocol, ng_sockdiag_fn fn, void *user_data);

struct ng_sockdiag_id ng_sockdiag_id_of(const struct ng_sockdiag_entry *entry);

/*
 * Destroy one socket: its program gets ECONNABORTED from it. TCP: the connection is reset, a listener stops listening.
 * UDP and raw: the pending call fails and the peer is forgotten; the socket itself stays and may be used again.
 *
 * 0; -ENOENT: gone already; -EOPNOTSUPP: this kernel cannot for this protocol (UDP-Lite; MPTCP: destroy the subflows
 * that TCP lists), or (raw) the kernel's lookup would find another socket first, which is then left alone; -EPERM:
 * CAP_NET_ADMIN is missing over the namespace; -EINVAL: not an id of an entry; other negative errno.
 */
int ng_sockdiag_destroy(int fd, const struct ng_sockdiag_id *id);

#endif
