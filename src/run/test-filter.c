/* SPDX-License-Identifier: MIT */
/* The filter's table, run by an interpreter: what each call comes to on each rung, and that a path never runs off its
 * end. */
#include "run/filter.h"

#include <errno.h>
#include <glib.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#define ARCH AUDIT_ARCH_RISCV64
#endif

#define MPTCP 262

#define ALLOW SECCOMP_RET_ALLOW
#define ASK SECCOMP_RET_USER_NOTIF
#define REFUSE(error) (SECCOMP_RET_ERRNO | (error))

struct machine {
	struct sock_filter code[NG_FILTER_MAX];
	int n;
};

static guint32 interpret(const struct machine *machine, const struct seccomp_data *data)
{
	guint32 a = 0;

	for (int pc = 0; pc < machine->n; pc++) {
		const struct sock_filter *code = &machine->code[pc];
		gboolean is_true = FALSE;

		switch (code->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			g_assert_cmpuint(code->k % 4, ==, 0);
			g_assert_cmpuint(code->k, <=, sizeof *data - 4);
			memcpy(&a, (const char *)data + code->k, 4);
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= code->k;
			continue;
		case BPF_RET | BPF_K:
			return code->k;
		case BPF_JMP | BPF_JEQ | BPF_K:
			is_true = a == code->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			is_true = a >= code->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			is_true = (a & code->k) != 0;
			break;
		default:
			g_assert_not_reached();
		}
		pc += is_true ? code->jt : code->jf;
	}
	g_assert_not_reached(); /* ran off the end */
}

static struct machine make(guint8 profile, char rung, gboolean has_landlock)
{
	struct ng_run_policy policy = { .app.profile = profile };
	struct machine machine;

	machine.n = ng_filter_make(&policy, rung, has_landlock, machine.code);
	g_assert_cmpint(machine.n, >, 0);
	return machine;
}

static guint32 call(const struct machine *machine, int nr, guint64 a0, guint64 a1, guint64 a2, guint64 a3, guint64 a4)
{
	const struct seccomp_data data = { .nr = nr, .arch = ARCH, .args = { a0, a1, a2, a3, a4, 0 } };

	return interpret(machine, &data);
}

static void check(const char *profile_and_rung, guint32 found, guint32 expected, const char *what)
{
	if (found != expected)
		g_error("%s under %s: %08x, expected %08x", what, profile_and_rung, found, expected);
}

static guint32 make_socket(const struct machine *machine, int family, int type, int protocol)
{
	return call(machine, SYS_socket, (guint64)family, (guint64)type, (guint64)protocol, 0, 0);
}

static void test_addresses(void)
{
	static const int asked[] = { SYS_connect, SYS_bind, SYS_sendmsg, SYS_sendmmsg };

	for (const char *rung = "AB"; *rung; rung++) {
		const struct machine machine = make(NG_PROFILE_OFFLINE, *rung, TRUE);

		for (gsize i = 0; i < G_N_ELEMENTS(asked); i++)
			check("Offline", call(&machine, asked[i], 3, 1, 1, 0, 0), ASK, "a call with an address");
		check("Offline", call(&machine, SYS_sendto, 3, 1, 1, 0, 0), ALLOW, "sendto() without an address");
		check("Offline", call(&machine, SYS_sendto, 3, 1, 1, 0, 1), ASK, "sendto() with an address");
		check("Offline", call(&machine, SYS_sendto, 3, 1, 1, 0, 1ull << 32), ASK, "an address above 4 GiB");
		check("Offline", call(&machine, SYS_sendto, 3, 1, 1, 0x20000000, 0), REFUSE(EOPNOTSUPP),
		      "MSG_FASTOPEN");
		check("Offline", call(&machine, SYS_write, 3, 1, 1, 0, 0), ALLOW, "write()");
		/* Without bind() before it the kernel gives a port: on rung B that is the machine's. */
		check("Offline", call(&machine, SYS_listen, 3, 1, 0, 0, 0), *rung == 'A' ? ALLOW : ASK, "listen()");
	}
}

/* Kinds that nobody gets are asked for, to be on record; what is answered then is in tests/run/records.py. */
static void test_sockets(void)
{
	const struct machine offline = make(NG_PROFILE_OFFLINE, 'A', TRUE), local = make(NG_PROFILE_LOCAL, 'A', TRUE);

	for (int family = 0; family < 64; family++) {
		const gboolean is_inet = family == AF_INET || family == AF_INET6;
		const guint32 expected = is_inet || family == AF_UNIX || family == AF_NETLINK ? ALLOW : ASK;

		check("Offline", make_socket(&offline, family, SOCK_STREAM, 0), expected, "a family");
		check("Local", make_socket(&local, family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
		      is_inet ? ASK : expected, "a family");
	}
	for (int i = 0; i < 2; i++) {
		const int family = i ? AF_INET6 : AF_INET, icmp = i ? IPPROTO_ICMPV6 : IPPROTO_ICMP;

		for (int protocol = 0; protocol < 300; protocol++) {
			check("Local", make_socket(&local, family, SOCK_STREAM, protocol),
			      protocol == MPTCP ? REFUSE(EPROTONOSUPPORT) : ASK, "a stream");
			check("Offline", make_socket(&offline, family, SOCK_STREAM, protocol),
			      protocol == 0 || protocol == IPPROTO_TCP ? ALLOW
			      : protocol == MPTCP                      ? REFUSE(EPROTONOSUPPORT)
								       : ASK,
			      "a stream");
			check("Offline", make_socket(&offline, family, SOCK_DGRAM, protocol),
			      protocol == 0 || protocol == IPPROTO_UDP || protocol == icmp ? ALLOW : ASK, "datagrams");
			check("Local", make_socket(&local, family, SOCK_DGRAM, protocol), ASK, "datagrams");
		}
		check("Offline", make_socket(&offline, family, SOCK_RAW, IPPROTO_ICMP), ASK, "a raw socket");
		check("Offline", make_socket(&offline, family, SOCK_SEQPACKET, 132), ASK, "SCTP");
	}
	check("Offline", make_socket(&offline, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), ALLOW, "route netlink");
	for (int family = 64; family < 300; family++)
		check("Offline", make_socket(&offline, family, SOCK_STREAM, 0), REFUSE(EAFNOSUPPORT),
		      "a family that no kernel has");
	check("Offline", make_socket(&offline, AF_NETLINK, SOCK_RAW, 12), REFUSE(EPROTONOSUPPORT), "netfilter netlink");
	check("Offline", call(&offline, SYS_socketpair, AF_TIPC, SOCK_STREAM, 0, 0, 0), REFUSE(EAFNOSUPPORT),
	      "a TIPC pair");
	check("Offline", call(&offline, SYS_socketpair, AF_UNIX, SOCK_DGRAM, 0, 0, 0), ALLOW, "a pair");
}

static void test_ways_around(void)
{
	const struct machine machine = make(NG_PROFILE_ONLINE, 'A', TRUE);
	static const struct {
		int nr;
		guint64 a0, a1;
		guint32 expected;
	} rows[] = {
		{ SYS_io_uring_setup, 1, 0, REFUSE(ENOSYS) },
		{ SYS_io_uring_enter, 1, 0, REFUSE(ENOSYS) },
		{ SYS_io_uring_register, 1, 0, REFUSE(ENOSYS) },
		{ SYS_clone3, 1, 0, REFUSE(ENOSYS) },
		{ SYS_request_key, 1, 0, REFUSE(ENOSYS) },
		{ SYS_bpf, 1, 0, REFUSE(EPERM) },
		{ SYS_setns, 3, 0, REFUSE(EPERM) },
		{ SYS_unshare, CLONE_NEWUSER, 0, REFUSE(EPERM) },
		{ SYS_unshare, CLONE_NEWNET | CLONE_FS, 0, REFUSE(EPERM) },
		{ SYS_unshare, CLONE_FS, 0, ALLOW },
		{ SYS_clone, CLONE_NEWUSER | 17, 0, REFUSE(EPERM) },
		{ SYS_clone, CLONE_VM | CLONE_THREAD, 0, ALLOW },
		{ SYS_ioctl, 0, TIOCSTI, REFUSE(EPERM) },
		{ SYS_ioctl, 0, (1ull << 32) | TIOCSTI, REFUSE(EPERM) }, /* the kernel looks at 32 bits */
		{ SYS_ioctl, 0, TIOCGWINSZ, ALLOW },
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
		check("Online", call(&machine, rows[i].nr, rows[i].a0, rows[i].a1, 0, 0, 0), rows[i].expected,
		      "a way around");
	check("Online", call(&machine, SYS_setsockopt, 3, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 0, 0), REFUSE(ENOPROTOOPT),
	      "TCP_FASTOPEN_CONNECT");
	check("Online", call(&machine, SYS_setsockopt, 3, SOL_SOCKET, SO_DETACH_FILTER, 0, 0), REFUSE(EPERM),
	      "SO_DETACH_FILTER");
	check("Online", call(&machine, SYS_setsockopt, 3, IPPROTO_IP, IP_OPTIONS, 0, 0), REFUSE(EPERM), "IP_OPTIONS");
	check("Online", call(&machine, SYS_setsockopt, 3, SOL_SOCKET, SO_REUSEADDR, 0, 0), ALLOW, "SO_REUSEADDR");
	check("Online", call(&machine, SYS_setsockopt, 3, IPPROTO_IP, IP_TTL, 0, 0), ALLOW, "IP_TTL");
}

static void test_local_servers(void)
{
	const struct machine machine = make(NG_PROFILE_LOCAL, 'A', TRUE);

	check("Local", call(&machine, SYS_setsockopt, 3, IPPROTO_IP, IP_TTL, 0, 0), REFUSE(EPERM), "IP_TTL");
	check("Local", call(&machine, SYS_setsockopt, 3, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 0, 0), REFUSE(EPERM),
	      "IPV6_UNICAST_HOPS");
}

static void test_other_architectures(void)
{
	const struct machine machine = make(NG_PROFILE_ONLINE, 'A', TRUE);
	struct seccomp_data data = { .nr = SYS_getpid, .arch = ARCH ^ 0x40000000u };

	check("Online", interpret(&machine, &data), REFUSE(ENOSYS), "another architecture");
#ifdef __x86_64__
	data = (struct seccomp_data){ .nr = 0x40000000 + SYS_getpid, .arch = ARCH };
	check("Online", interpret(&machine, &data), REFUSE(ENOSYS), "an x32 number");
#endif
}

static void test_without_listener(void)
{
	const struct machine machine = make(NG_PROFILE_OFFLINE, 'C', FALSE);

	check("C", make_socket(&machine, AF_INET, SOCK_STREAM, 0), REFUSE(EACCES), "an Internet socket");
	check("C", make_socket(&machine, AF_UNIX, SOCK_STREAM, 0), REFUSE(EACCES), "a UNIX socket");
	check("C", make_socket(&machine, AF_PACKET, SOCK_RAW, 0), REFUSE(EAFNOSUPPORT), "a packet socket");
	check("C", make_socket(&machine, AF_INET, SOCK_RAW, IPPROTO_ICMP), REFUSE(EPERM), "a raw socket");
	check("C", make_socket(&machine, AF_INET6, SOCK_SEQPACKET, 132), REFUSE(ESOCKTNOSUPPORT), "SCTP");
	for (int protocol = 1; protocol < 300; protocol++)
		check("C", make_socket(&machine, AF_INET, SOCK_STREAM, protocol),
		      protocol == IPPROTO_TCP ? REFUSE(EACCES) : REFUSE(EPROTONOSUPPORT), "a stream");
	check("C", call(&machine, SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, 0, 0), ALLOW, "a pair");
	check("C", call(&machine, SYS_socketpair, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, 0, 0), REFUSE(EACCES),
	      "a datagram pair");
	check("C", call(&machine, SYS_connect, 3, 1, 16, 0, 0), REFUSE(EACCES), "connect()");
	check("C", call(&machine, SYS_sendto, 3, 1, 1, 0, 1), REFUSE(EACCES), "sendto() with an address");
	check("C", call(&machine, SYS_sendmsg, 3, 1, 0, 0, 0), ALLOW, "sendmsg() on a pair");
}

static void test_kept_unix(void)
{
	const struct ng_run_policy policy = { .app.profile = NG_PROFILE_OFFLINE, .keeps_unix = true };
	static const int calls[] = { SYS_connect, SYS_bind, SYS_sendto, SYS_sendmsg };
	struct machine machine;

	machine.n = ng_filter_make(&policy, 'C', false, machine.code);
	check("C", make_socket(&machine, AF_UNIX, SOCK_STREAM, 0), ALLOW, "a UNIX socket");
	check("C", make_socket(&machine, AF_UNIX, SOCK_DGRAM, 0), ALLOW, "a UNIX socket");
	check("C", call(&machine, SYS_socketpair, AF_UNIX, SOCK_DGRAM, 0, 0, 0), ALLOW, "a datagram pair");
	for (gsize i = 0; i < G_N_ELEMENTS(calls); i++)
		check("C", call(&machine, calls[i], 3, 1, 1, 0, 1), ALLOW, "a call with an address");
	for (int type = SOCK_STREAM; type < SOCK_PACKET; type++) {
		g_assert_cmpuint(make_socket(&machine, AF_INET, type, 0) & SECCOMP_RET_ACTION_FULL, ==,
				 SECCOMP_RET_ERRNO);
		g_assert_cmpuint(make_socket(&machine, AF_INET6, type, 0) & SECCOMP_RET_ACTION_FULL, ==,
				 SECCOMP_RET_ERRNO);
	}
	check("C", make_socket(&machine, AF_VSOCK, SOCK_STREAM, 0), REFUSE(EAFNOSUPPORT), "VSOCK");
	check("C", call(&machine, SYS_sendto, 3, 1, 1, 0x20000000, 1), REFUSE(EOPNOTSUPP), "MSG_FASTOPEN");
	check("C", call(&machine, SYS_io_uring_setup, 1, 0, 0, 0, 0), REFUSE(ENOSYS), "io_uring");
	/* With a listener it changes nothing: the broker looks at each address. */
	machine.n = ng_filter_make(&policy, 'B', false, machine.code);
	check("B", call(&machine, SYS_connect, 3, 1, 1, 0, 1), ASK, "connect()");
}

static void test_debuggers(void)
{
	static const int calls[] = { SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_pidfd_getfd };
	const struct machine namespace = make(NG_PROFILE_OFFLINE, 'A', FALSE),
			     landlock = make(NG_PROFILE_OFFLINE, 'B', TRUE),
			     bare = make(NG_PROFILE_OFFLINE, 'B', FALSE);

	for (gsize i = 0; i < G_N_ELEMENTS(calls); i++) {
		check("A", call(&namespace, calls[i], 0, 1, 0, 0, 0), ALLOW, "a debugger's call");
		check("B", call(&landlock, calls[i], 0, 1, 0, 0, 0), ALLOW, "a debugger's call");
		check("B without Landlock", call(&bare, calls[i], 0, 1, 0, 0, 0), REFUSE(EPERM), "a debugger's call");
	}
}

/* Every call, every profile and rung: the interpreter ends at a return. */
static void test_ends(void)
{
	for (guint8 profile = NG_PROFILE_OFFLINE; profile <= NG_PROFILE_ONLINE; profile++) {
		for (const char *rung = "ABC"; *rung; rung++) {
			const struct machine machine = make(profile, *rung, FALSE);

			for (int nr = -1; nr < 1024; nr++) {
				for (guint64 argument = 0; argument < 3; argument++)
					call(&machine, nr, argument, argument, argument, argument, argument);
			}
		}
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/filter/whatever names an address is asked for", test_addresses);
	g_test_add_func("/filter/only TCP, UDP, ping, UNIX and route netlink sockets exist", test_sockets);
	g_test_add_func("/filter/what no filter can look into is refused", test_ways_around);
	g_test_add_func("/filter/a server under Local cannot lengthen its way", test_local_servers);
	g_test_add_func("/filter/calls of other architectures do not exist", test_other_architectures);
	g_test_add_func("/filter/without a listener nothing is reached", test_without_listener);
	g_test_add_func("/filter/without a listener UNIX sockets can be kept, and nothing else with them",
			test_kept_unix);
	g_test_add_func("/filter/debuggers are refused where nothing else keeps them away", test_debuggers);
	g_test_add_func("/filter/every path ends at a verdict", test_ends);
	return g_test_run();
}
