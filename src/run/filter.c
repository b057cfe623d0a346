/* SPDX-License-Identifier: MIT */
/*
 * The filter's table and its assembly (filter.h). A rule is one system call with up to one test of an argument; rules
 * are tried in order, the first that fits decides, what no rule names is native. socket() alone has a small program of
 * its own.
 *
 * What a rule does not name costs nothing: the kernel remembers, per number, the calls that a filter always allows.
 * Runs in the command's process, before execve(), with no power beyond the caller's.
 */
#include "run/filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5) /* linux/seccomp.h, 5.19 */
#endif
#ifndef SO_DETACH_REUSEPORT_BPF
#define SO_DETACH_REUSEPORT_BPF 68
#endif
#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#define FAMILIES 64 /* more than there are: AF_MAX is 46 in Linux 6.18 */
#define MSG_FASTOPEN_FLAG 0x20000000u
#define UDP_ENCAP_OPTION 100 /* linux/udp.h */

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#define X32_BIT 0x40000000u
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define NATIVE_ARCH AUDIT_ARCH_RISCV64
#else
#error "filter.c: name this architecture's AUDIT_ARCH_ number, and check that clone()'s flags are its first argument"
#endif
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the low half of an argument is read at its first byte");

enum when {
	ALWAYS,
	WALL,              /* the machine's sockets can be inside: brokered, or rungs B and C */
	WATCHED_WALL,      /* ... with a broker: rung B, and rung A where sockets are the machine's */
	LOCAL,             /* the profile is Local */
	LISTENER,          /* rungs A and B */
	BLIND,             /* rung C, unless UNIX sockets are kept there */
	OPEN_TO_DEBUGGERS, /* neither Landlock nor a pid namespace keeps processes outside away */
};

enum test {
	ANY,
	ARG_IS,     /* (int)args[arg] == value */
	ARG_HAS,    /* (int)args[arg] & value */
	ARG_IS_NOT, /* (int)args[arg] != value */
	ARG_IS_SET, /* args[arg] != 0, all 64 bits */
};

#define NOTIFY 0 /* as `error`: ask the broker */

struct rule {
	int nr;
	enum when when;
	enum test test;
	uint8_t arg;
	uint32_t value;
	int error; /* what it is refused with, or NOTIFY */
};

#define NEW_NAMESPACES ((uint32_t)(CLONE_NEWUSER | CLONE_NEWNET))

static const struct rule rules[] = {
	/* Addresses. Of sendto() only the form without one is native: with flags, so that it cannot open a connection.
	 */
	{ SYS_connect, LISTENER, ANY, 0, 0, NOTIFY },
	{ SYS_connect, BLIND, ANY, 0, 0, EACCES },
	{ SYS_bind, LISTENER, ANY, 0, 0, NOTIFY },
	{ SYS_bind, BLIND, ANY, 0, 0, EACCES },
	{ SYS_listen, WATCHED_WALL, ANY, 0, 0, NOTIFY },
	{ SYS_sendto, ALWAYS, ARG_HAS, 3, MSG_FASTOPEN_FLAG, EOPNOTSUPP },
	{ SYS_sendto, LISTENER, ARG_IS_SET, 4, 0, NOTIFY },
	{ SYS_sendto, BLIND, ARG_IS_SET, 4, 0, EACCES },
	{ SYS_sendmsg, ALWAYS, ARG_HAS, 2, MSG_FASTOPEN_FLAG, EOPNOTSUPP },
	{ SYS_sendmsg, LISTENER, ANY, 0, 0, NOTIFY },
	{ SYS_sendmmsg, ALWAYS, ARG_HAS, 3, MSG_FASTOPEN_FLAG, EOPNOTSUPP },
	{ SYS_sendmmsg, LISTENER, ANY, 0, 0, NOTIFY },
	/* A datagram pair can be told an address later, and without a listener nobody would look at it. */
	{ SYS_socketpair, ALWAYS, ARG_IS_NOT, 0, AF_UNIX, EAFNOSUPPORT },
	{ SYS_socketpair, BLIND, ARG_HAS, 1, SOCK_DGRAM, EACCES },

	/* Ways to talk to the network that no filter can look into. */
	{ SYS_io_uring_setup, ALWAYS, ANY, 0, 0, ENOSYS },
	{ SYS_io_uring_enter, ALWAYS, ANY, 0, 0, ENOSYS },
	{ SYS_io_uring_register, ALWAYS, ANY, 0, 0, ENOSYS },
	/* The kernel resolves names for keys of the type dns_resolver, by a program outside. */
	{ SYS_request_key, ALWAYS, ANY, 0, 0, ENOSYS },
	{ SYS_bpf, ALWAYS, ANY, 0, 0, EPERM },

	/* Namespaces. clone3() hides its flags behind a pointer; libraries fall back to clone(). */
	{ SYS_setns, ALWAYS, ANY, 0, 0, EPERM },
	{ SYS_unshare, ALWAYS, ARG_HAS, 0, NEW_NAMESPACES, EPERM },
	{ SYS_clone, ALWAYS, ARG_HAS, 0, NEW_NAMESPACES, EPERM },
	{ SYS_clone3, ALWAYS, ANY, 0, 0, ENOSYS },

	/* Other people's processes, where nothing else keeps them away. */
	{ SYS_ptrace, OPEN_TO_DEBUGGERS, ANY, 0, 0, EPERM },
	{ SYS_process_vm_readv, OPEN_TO_DEBUGGERS, ANY, 0, 0, EPERM },
	{ SYS_process_vm_writev, OPEN_TO_DEBUGGERS, ANY, 0, 0, EPERM },
	{ SYS_pidfd_getfd, OPEN_TO_DEBUGGERS, ANY, 0, 0, EPERM },

	/* Keystrokes into the terminal would be read by the shell outside when we are gone. */
	{ SYS_ioctl, ALWAYS, ARG_IS, 1, TIOCSTI, EPERM },
	{ SYS_ioctl, ALWAYS, ARG_IS, 1, TIOCLINUX, EPERM },
};

/* setsockopt(): what would take the broker's filter off a socket, lead its packets elsewhere than their address says,
 * or open a connection by writing. */
static const struct {
	enum when when;
	uint32_t level, name;
	int error;
} options[] = {
	{ WALL, SOL_SOCKET, SO_ATTACH_FILTER, EPERM },
	{ WALL, SOL_SOCKET, SO_DETACH_FILTER, EPERM },
	{ WALL, SOL_SOCKET, SO_LOCK_FILTER, EPERM },
	{ WALL, SOL_SOCKET, SO_ATTACH_BPF, EPERM },
	{ WALL, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, EPERM },
	{ WALL, SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, EPERM },
	{ WALL, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, EPERM },
	{ WALL, IPPROTO_IP, IP_OPTIONS, EPERM },
	{ WALL, IPPROTO_IPV6, IPV6_RTHDR, EPERM },
	{ WALL, IPPROTO_IPV6, IPV6_2292RTHDR, EPERM },
	{ WALL, IPPROTO_IPV6, IPV6_2292PKTOPTIONS, EPERM },
	{ WALL, IPPROTO_IPV6, IPV6_HOPOPTS, EPERM },
	{ WALL, IPPROTO_IPV6, IPV6_DSTOPTS, EPERM },
	{ WALL, IPPROTO_IPV6, IPV6_RTHDRDSTOPTS, EPERM },
	/* How far a server's packets go: keep_to_neighbours() in broker-bind.c. */
	{ LOCAL, IPPROTO_IP, IP_TTL, EPERM },
	{ LOCAL, IPPROTO_IPV6, IPV6_UNICAST_HOPS, EPERM },
	{ WALL, IPPROTO_UDP, UDP_ENCAP_OPTION, ENOPROTOOPT },
	{ ALWAYS, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, ENOPROTOOPT },
	{ ALWAYS, IPPROTO_TCP, TCP_ULP, ENOPROTOOPT },
};

struct program {
	struct sock_filter *code;
	unsigned short n;
	bool is_full;
	bool is_brokered, is_local, is_refused_by_broker, has_listener, has_unix, has_wall, has_debuggers;
};

static void emit(struct program *program, uint16_t code, uint8_t jump_true, uint8_t jump_false, uint32_t k)
{
	if (program->n == NG_FILTER_MAX) {
		program->is_full = true;
		return;
	}
	program->code[program->n++] = (struct sock_filter){ code, jump_true, jump_false, k };
}

static void emit_return(struct program *program, int error)
{
	emit(program, BPF_RET | BPF_K, 0, 0,
	     error == NOTIFY ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ERRNO | (uint32_t)error);
}

static void emit_load(struct program *program, size_t offset)
{
	emit(program, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static uint32_t low_half(unsigned arg)
{
	return (uint32_t)(offsetof(struct seccomp_data, args) + 8 * arg);
}

static bool applies(const struct program *program, enum when when)
{
	switch (when) {
	case ALWAYS:
		return true;
	case WALL:
		return program->has_wall;
	case WATCHED_WALL:
		return program->has_wall && program->has_listener;
	case LOCAL:
		return program->is_local;
	case LISTENER:
		return program->has_listener;
	case BLIND:
		return !program->has_listener && !program->has_unix;
	case OPEN_TO_DEBUGGERS:
		return program->has_debuggers;
	}
	return true;
}

/* The number is in the accumulator, before and after. */
static void emit_rule(struct program *program, const struct rule *rule)
{
	const uint8_t reload = 1;

	switch (rule->test) {
	case ANY:
		emit(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (uint32_t)rule->nr);
		emit_return(program, rule->error);
		return;
	case ARG_IS:
	case ARG_HAS:
	case ARG_IS_NOT:
		emit(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 3 + reload, (uint32_t)rule->nr);
		emit_load(program, low_half(rule->arg));
		if (rule->test == ARG_IS_NOT)
			emit(program, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, rule->value);
		else
			emit(program, BPF_JMP | (rule->test == ARG_IS ? BPF_JEQ : BPF_JSET) | BPF_K, 0, 1, rule->value);
		emit_return(program, rule->error);
		break;
	case ARG_IS_SET:
		emit(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 5 + reload, (uint32_t)rule->nr);
		emit_load(program, low_half(rule->arg));
		emit(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 2, 0);
		emit_load(program, low_half(rule->arg) + 4);
		emit(program, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0);
		emit_return(program, rule->error);
		break;
	}
	emit_load(program, offsetof(struct seccomp_data, nr));
}

static void emit_options(struct program *program)
{
	unsigned short start = program->n;

	emit(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, SYS_setsockopt);
	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		if (!applies(program, options[i].when))
			continue;
		emit_load(program, low_half(1));
		emit(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 3, options[i].level);
		emit_load(program, low_half(2));
		emit(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, options[i].name);
		emit_return(program, options[i].error);
	}
	emit(program, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
	program->code[start].jf = (uint8_t)(program->n - start - 1);
}

/* A kind of socket that nobody gets. Where somebody listens it is asked for all the same, to be on record: the broker
 * says the same (broker-socket.c). */
static void emit_no_socket(struct program *program, int error)
{
	emit_return(program, program->has_listener ? NOTIFY : error);
}

/* Of the Internet families: TCP, UDP and ICMP datagrams. All else is refused as a kernel without it would, so that
 * programs fall back: MPTCP to TCP, which is no attempt at anything and is not asked for. Never returns to the
 * instructions after it. */
static void emit_socket_inet(struct program *program, bool is_ipv6, int go)
{
	const uint32_t icmp = is_ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;

	emit_load(program, low_half(1));
	emit(program, BPF_ALU | BPF_AND | BPF_K, 0, 0, 0xf); /* without SOCK_NONBLOCK and SOCK_CLOEXEC */
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 6, SOCK_STREAM);
	emit_load(program, low_half(2));
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, 12, 0, 0);
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, 11, 0, IPPROTO_TCP);
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, IPPROTO_MPTCP);
	emit_return(program, EPROTONOSUPPORT);
	emit_no_socket(program, EPROTONOSUPPORT);
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 5, SOCK_DGRAM);
	emit_load(program, low_half(2));
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, 5, 0, 0);
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, 4, 0, IPPROTO_UDP);
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, 3, 0, icmp);
	emit_no_socket(program, EPROTONOSUPPORT);
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 2, SOCK_RAW);
	emit_no_socket(program, EPERM);
	if (go < 0)
		emit(program, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
	else
		emit_return(program, go);
	emit_no_socket(program, ESOCKTNOSUPPORT);
}

/* Jumps over what was emitted since `from` if the test there fails. */
static void close_jump(struct program *program, unsigned short from)
{
	program->code[from].jf = (uint8_t)(program->n - from - 1);
}

static void emit_socket(struct program *program)
{
	/* What a permitted kind of Internet socket comes to; -1 is native. */
	const int go = !program->has_listener                                  ? EACCES
		       : program->is_brokered || program->is_refused_by_broker ? NOTIFY
									       : -1;
	const unsigned short start = program->n;
	unsigned short jump;

	emit(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, SYS_socket);
	emit_load(program, low_half(0));
	jump = program->n;
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, AF_UNIX);
	emit(program, BPF_RET | BPF_K, 0, 0,
	     program->has_listener || program->has_unix ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | (uint32_t)EACCES);
	close_jump(program, jump);
	jump = program->n;
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, AF_NETLINK);
	emit_load(program, low_half(2));
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, NETLINK_ROUTE);
	emit(program, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
	emit(program, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EPROTONOSUPPORT);
	close_jump(program, jump);
	if (program->is_refused_by_broker) {
		emit_return(program, program->has_listener ? NOTIFY : EPERM);
	} else {
		jump = program->n;
		emit(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, AF_INET);
		emit_socket_inet(program, false, go);
		close_jump(program, jump);
		jump = program->n;
		emit(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, AF_INET6);
		emit_socket_inet(program, true, go);
		close_jump(program, jump);
		/* Numbers that no kernel has tell nothing, and there are many of them. */
		emit(program, BPF_JMP | BPF_JGE | BPF_K, 0, 1, FAMILIES);
		emit_return(program, EAFNOSUPPORT);
		emit_no_socket(program, EAFNOSUPPORT);
	}
	close_jump(program, start);
}

static void assemble(struct program *program)
{
	emit_load(program, offsetof(struct seccomp_data, arch));
	emit(program, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, NATIVE_ARCH);
	emit(program, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS);
	emit_load(program, offsetof(struct seccomp_data, nr));
#ifdef X32_BIT
	emit(program, BPF_JMP | BPF_JGE | BPF_K, 0, 1, X32_BIT);
	emit(program, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS);
#endif
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		if (applies(program, rules[i].when))
			emit_rule(program, &rules[i]);
	}
	emit_options(program);
	emit_socket(program);
	emit(program, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
}

int ng_filter_make(const struct ng_run_policy *policy, char rung, bool has_landlock,
		   struct sock_filter ret_code[static NG_FILTER_MAX])
{
	struct program program = {
		.code = ret_code,
		.is_brokered = ng_run_policy_is_brokered(policy),
		.is_local = policy->app.profile == NG_PROFILE_LOCAL,
		.is_refused_by_broker = policy->has_no_net,
		.has_listener = rung != 'C',
		.has_unix = rung == 'C' && policy->keeps_unix,
		.has_wall = ng_run_policy_has_machine_sockets(policy, rung),
		.has_debuggers = rung != 'A' && !has_landlock,
	};

	assemble(&program);
	return program.is_full ? -E2BIG : program.n;
}

/* `flags`: of seccomp(2), besides what is ours. */
static int install(const struct ng_run_policy *policy, char rung, bool has_landlock, unsigned long flags,
		   bool *ret_is_killable)
{
	struct sock_filter code[NG_FILTER_MAX];
	const int n = ng_filter_make(policy, rung, has_landlock, code);
	const struct sock_fprog fprog = { .len = (unsigned short)n, .filter = code };
	long listener;

	if (n < 0)
		return n;
	*ret_is_killable = false;
	/* Without SPEC_ALLOW older kernels slow the program down with mitigations that are of no use here. */
	flags |= SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	if (rung == 'C') {
		const long other = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &fprog);

		return other < 0 ? -errno : other > 0 ? -ESRCH : 0; /* with TSYNC: the thread that cannot follow */
	}
	flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
	listener =
		syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &fprog);
	if (listener >= 0)
		*ret_is_killable = true;
	else if (errno == EINVAL)
		listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &fprog);
	return listener < 0 ? -errno : (int)listener;
}

int ng_filter_install(const struct ng_run_policy *policy, char rung, bool has_landlock, bool *ret_is_killable)
{
	return install(policy, rung, has_landlock, 0, ret_is_killable);
}

int ng_filter_install_for_process(const struct ng_run_policy *policy, char rung, bool *ret_is_killable)
{
	/* With a listener a thread that cannot follow is told as ESRCH: its number would look like a descriptor. */
	return install(policy, rung, false,
		       SECCOMP_FILTER_FLAG_TSYNC | (rung == 'C' ? 0 : SECCOMP_FILTER_FLAG_TSYNC_ESRCH),
		       ret_is_killable);
}
