/* SPDX-License-Identifier: MIT */
/*
 * The probe's vectors on odd sockets and odd doors: other protocols and families, raw packets, the i386 and x32 calls,
 * options that would undo a filter, ways to change the machine's routes, being reached. See probe.h.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/net.h>
#include <linux/netlink.h>
#include <linux/route.h>
#include <linux/rtnetlink.h>
#include <netinet/ip.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FAR (&setting.far)
#define X32_CALL 0x40000000L
#define LAST_FAMILY 46

static long send_to(int fd, const union address *to, socklen_t length)
{
	return fd < 0 ? fd : or_errno(sendto(fd, "x", 1, 0, &to->any, length));
}

/* --- protocols --- */

struct protocol {
	int type, number;
};
static const struct protocol protocols[] = {
	{ SOCK_STREAM, 262 }, /* MPTCP */
	{ SOCK_STREAM, 132 }, /* SCTP */
	{ SOCK_SEQPACKET, 132 },
	{ SOCK_DGRAM, 136 }, /* UDP-Lite */
	{ 6, 33 },           /* DCCP */
	{ SOCK_RAW, 253 },
	{ SOCK_RAW, IPPROTO_TCP },
	{ SOCK_RAW, IPPROTO_UDP },
	{ SOCK_DGRAM, 253 },
	{ SOCK_STREAM, 253 },
};

static long protocol(void)
{
	const struct protocol *kind = &protocols[vector_argument];
	const bool is_stream = kind->type != SOCK_RAW && kind->type != SOCK_DGRAM;
	union address to = *FAR;
	int fd = socket_for(FAR, kind->type, kind->number);

	if (fd < 0)
		return fd;
	if (kind->type == SOCK_RAW && to.any.sa_family == AF_INET6)
		to.v6.sin6_port = 0;
	return is_stream ? or_errno(connect(fd, &to.any, setting.far_len)) : send_to(fd, &to, setting.far_len);
}

static long echo(void)
{
	const bool is_v6 = FAR->any.sa_family == AF_INET6;
	const unsigned char request[8] = { is_v6 ? 128 : 8 };
	union address to = *FAR;
	int fd = socket_for(FAR, vector_argument, is_v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);

	if (fd < 0)
		return fd;
	to.v4.sin_port = 0;
	return or_errno(sendto(fd, request, sizeof(request), 0, &to.any, setting.far_len));
}

/* A raw socket whose sender writes the IP header. */
static long own_header(void)
{
	unsigned char packet[21] = { 0x45, 0, 0, 21, 0, 1, 0, 0, 64, 253 };
	int fd = (int)or_errno(socket(AF_INET, SOCK_RAW, IPPROTO_RAW));

	if (FAR->any.sa_family != AF_INET)
		return VECTOR_SKIP;
	memcpy(packet + 16, &FAR->v4.sin_addr, 4);
	return fd < 0 ? fd : or_errno(sendto(fd, packet, sizeof(packet), 0, &FAR->any, setting.far_len));
}

/* Below IP: a broadcast frame of a type of its own. */
static long packet(void)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(0x88b5),
				  .sll_halen = 6,
				  .sll_addr = { 255, 255, 255, 255, 255, 255 } };
	unsigned char frame[60] = { 255, 255, 255, 255, 255, 255, 2, 'N', 'G', 0, 0, 2, 0x88, 0xb5 };
	struct ifreq interface = { .ifr_name = "eth0" };
	int fd = (int)or_errno(socket(AF_PACKET, vector_argument, 0));

	if (fd < 0)
		return fd;
	if (ioctl(fd, SIOCGIFINDEX, &interface) < 0)
		return -errno;
	to.sll_ifindex = interface.ifr_ifindex;
	return or_errno(sendto(fd, frame, sizeof(frame), 0, (struct sockaddr *)&to, sizeof(to)));
}

/* Which families there are at all, in any type: "1 2 10 16" is what may be there. */
static long families(void)
{
	char text[512] = "";

	for (int family = 1; family < LAST_FAMILY; family++) {
		int fd = -1;

		for (int type = 1; fd < 0 && type <= 10; type++)
			fd = socket(family, type, 0);
		if (fd < 0)
			continue;
		close(fd);
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%d", text[0] ? " " : "", family);
	}
	say("%s", text);
	return 0;
}

static long family(void)
{
	int fd = -1;

	for (int type = 1; fd < 0 && type <= 6; type++)
		fd = (int)or_errno(socket(vector_argument, type, vector_argument == AF_BLUETOOTH ? 2 : 0));
	return fd;
}

/* Netlink of other kinds than routes: "0" is what may be there. */
static long netlinks(void)
{
	char text[256] = "";

	for (int number = 0; number < 32; number++) {
		int fd = socket(AF_NETLINK, SOCK_RAW, number);

		if (fd < 0)
			continue;
		close(fd);
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%d", text[0] ? " " : "", number);
	}
	say("%s", text);
	return 0;
}

/* --- other doors into the kernel --- */

#ifdef __x86_64__
static long int80(long number, long a, long b)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(a), "c"(b), "d"(0)
			 : "memory", "r8", "r9", "r10", "r11");
	return result;
}

/* i386 socketcall(2) takes pointers of 32 bits to arguments of 32 bits. */
static long i386_socketcall(void)
{
	unsigned *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	union address *to = (union address *)(low + 64);
	long fd;

	if (low == MAP_FAILED)
		return VECTOR_SKIP;
	memcpy(low, (unsigned[]){ FAR->any.sa_family, SOCK_DGRAM, 0 }, 12);
	fd = int80(102, SYS_SOCKET, (long)low);
	if (fd < 0)
		return fd;
	*to = *FAR;
	memcpy(low,
	       (unsigned[]){ (unsigned)fd, (unsigned)(long)(low + 128), 1, 0, (unsigned)(long)to, setting.far_len },
	       24);
	return int80(102, SYS_SENDTO, (long)low);
}

static long i386_socket(void)
{
	return int80(359, FAR->any.sa_family, SOCK_DGRAM);
}

/* A socket made as it should be, told its address through the other door. */
static long i386_connect(void)
{
	unsigned *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	union address *to = (union address *)(low + 64);
	long fd = socket_for(FAR, SOCK_DGRAM, 0), r;

	if (low == MAP_FAILED)
		return VECTOR_SKIP;
	if (fd < 0)
		return fd;
	*to = *FAR;
	memcpy(low, (unsigned[]){ (unsigned)fd, (unsigned)(long)to, setting.far_len }, 12);
	r = int80(102, SYS_CONNECT, (long)low);
	return r < 0 ? r : or_errno(send((int)fd, "x", 1, 0));
}

static long x32(void)
{
	long fd = or_errno(syscall(X32_CALL | SYS_socket, FAR->any.sa_family, SOCK_DGRAM, 0));

	if (fd < 0)
		return fd;
	return or_errno(syscall(X32_CALL | SYS_sendto, fd, "x", 1, 0, FAR, setting.far_len));
}

/* The kernel looks at 32 bits of a call's number. */
static long long_number(void)
{
	long fd = or_errno(syscall(SYS_socket | 1L << 32, FAR->any.sa_family, SOCK_DGRAM | 0L, 0));

	if (fd < 0)
		return fd;
	return or_errno(syscall(SYS_sendto | 1L << 32, fd, "x", 1, 0, FAR, setting.far_len));
}
#else
static long no_such_door(void)
{
	return VECTOR_SKIP;
}
#define i386_socketcall no_such_door
#define i386_socket no_such_door
#define i386_connect no_such_door
#define x32 no_such_door
#define long_number no_such_door
#endif

/* ... and at 32 bits of socket()'s arguments. */
static long long_arguments(void)
{
	long fd = or_errno(syscall(SYS_socket, 1L << 32 | AF_PACKET, 7L << 32 | SOCK_RAW, 0L));

	return fd < 0 ? fd : packet();
}

static long io_uring(void)
{
	char params[120] = { 0 };

	return or_errno(syscall(425, 8, params));
}

/* The kernel asks a name server itself, for key type dns_resolver. ENOKEY is the answer of a kernel that was asked. */
static long ask_for_key(void)
{
	return or_errno(
		syscall(SYS_request_key, vector_argument ? "user" : "dns_resolver", "secret.tunnel.test", "", -4));
}

/* --- what would undo a filter on a socket --- */

static long filter_option(void)
{
	static const int options[] = { SO_ATTACH_FILTER, SO_DETACH_FILTER, SO_ATTACH_BPF, SO_LOCK_FILTER,
				       SO_ATTACH_REUSEPORT_CBPF };
	struct sock_filter all = { BPF_RET | BPF_K, 0, 0, 0xffffffff };
	struct sock_fprog program = { 1, &all };
	int fd = socket_for(FAR, SOCK_DGRAM, 0);
	long r;

	if (fd < 0)
		return fd;
	if (options[vector_argument] == SO_DETACH_FILTER)
		(void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
	if (options[vector_argument] == SO_ATTACH_FILTER || options[vector_argument] == SO_ATTACH_REUSEPORT_CBPF)
		return or_errno(setsockopt(fd, SOL_SOCKET, options[vector_argument], &program, sizeof(program)));
	r = or_errno(setsockopt(fd, SOL_SOCKET, options[vector_argument], &(int){ 0 }, sizeof(int)));
	return r == -ENOENT ? 0 : r; /* it was asked, and found none */
}

/* --- changing the machine's network, which only root may --- */

struct route_request {
	struct nlmsghdr header;
	struct rtmsg route;
	struct rtattr attribute;
	unsigned char address[4];
};

static struct route_request make_request(void)
{
	return (struct route_request){
		.header = { sizeof(struct route_request), RTM_NEWROUTE,
			    NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, 1, 0 },
		.route = { AF_INET, 32, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, RT_SCOPE_UNIVERSE, RTN_BLACKHOLE, 0 },
		.attribute = { RTA_LENGTH(4), RTA_DST },
		.address = { 198, 18, 7, 7 },
	};
}

/* A route is added by sendto, sendmsg, or write. */
static long route_change(void)
{
	struct route_request request = make_request();
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct iovec iov = { &request, sizeof(request) };
	struct msghdr message = {
		.msg_name = &kernel, .msg_namelen = sizeof(kernel), .msg_iov = &iov, .msg_iovlen = 1
	};
	char answer[512];
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	long r;

	if (fd < 0)
		return -errno;
	if (vector_argument == 0)
		r = or_errno(sendto(fd, &request, sizeof(request), 0, (struct sockaddr *)&kernel, sizeof(kernel)));
	else if (vector_argument == 1)
		r = or_errno(sendmsg(fd, &message, 0));
	else
		r = or_errno(write(fd, &request, sizeof(request)));
	if (r < 0)
		return r;
	if (recv(fd, answer, sizeof(answer), 0) < (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr)))
		return -errno;
	return ((struct nlmsgerr *)NLMSG_DATA((struct nlmsghdr *)answer))->error;
}

static long route_ioctl(void)
{
	struct rtentry route = { .rt_flags = RTF_UP | RTF_HOST | RTF_REJECT };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc6120708) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	memcpy(&route.rt_dst, &to, sizeof(to));
	return fd < 0 ? -errno : or_errno(ioctl(fd, SIOCADDRT, &route));
}

static long tun(void)
{
	struct ifreq request = { .ifr_name = "ngprobe%d", .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR);

	return fd < 0 ? -errno : or_errno(ioctl(fd, TUNSETIFF, &request));
}

static long bpf_program(void)
{
	struct bpf_insn code[2] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1 }, { .code = BPF_JMP | BPF_EXIT } };
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_CGROUP_SKB,
				.insn_cnt = 2,
				.insns = (unsigned long)code,
				.license = (unsigned long)"MIT" };

	return or_errno(syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr)));
}

/* --- descriptors and being reached --- */

static long inherited(void)
{
	return or_errno(send(setting.fd, "inherited", 9, 0));
}

const struct vector odd_vectors[] = {
	{ "mptcp", "kind", protocol, 0 },
	{ "sctp", "kind", protocol, 1 },
	{ "sctp-packets", "kind", protocol, 2 },
	{ "udplite", "kind", protocol, 3 },
	{ "dccp", "kind", protocol, 4 },
	{ "raw-253", "kind", protocol, 5 },
	{ "raw-tcp", "kind", protocol, 6 },
	{ "raw-udp", "kind", protocol, 7 },
	{ "dgram-253", "kind", protocol, 8 },
	{ "stream-253", "kind", protocol, 9 },
	{ "raw-icmp", "kind", echo, SOCK_RAW },
	{ "raw-own-header", "kind", own_header, 0 },
	{ "packet-raw", "kind", packet, SOCK_RAW },
	{ "packet-dgram", "kind", packet, SOCK_DGRAM },
	{ "long-arguments", "kind", long_arguments, 0 },
	{ "ping", "alone", echo, SOCK_DGRAM },
	{ "vsock", "family", family, AF_VSOCK },
	{ "bluetooth", "family", family, AF_BLUETOOTH },
	{ "tipc", "family", family, AF_TIPC },
	{ "rds", "family", family, AF_RDS },
	{ "can", "family", family, AF_CAN },
	{ "alg", "family", family, AF_ALG },
	{ "xdp", "family", family, 44 },
	{ "families", "list", families, 0 },
	{ "netlinks", "list", netlinks, 0 },
	{ "i386-socketcall", "door", i386_socketcall, 0 },
	{ "i386-socket", "door", i386_socket, 0 },
	{ "i386-connect", "door", i386_connect, 0 },
	{ "x32", "door", x32, 0 },
	{ "io-uring", "door", io_uring, 0 },
	{ "long-number", "alone", long_number, 0 },
	{ "dns-key", "key", ask_for_key, 0 },
	{ "any-key", "key", ask_for_key, 1 },
	{ "attach-filter", "option", filter_option, 0 },
	{ "detach-filter", "option", filter_option, 1 },
	{ "attach-bpf", "option", filter_option, 2 },
	{ "lock-filter", "option", filter_option, 3 },
	{ "attach-reuseport", "option", filter_option, 4 },
	{ "route-sendto", "machine", route_change, 0 },
	{ "route-sendmsg", "machine", route_change, 1 },
	{ "route-write", "machine", route_change, 2 },
	{ "route-ioctl", "machine", route_ioctl, 0 },
	{ "tun", "machine", tun, 0 },
	{ "bpf", "machine", bpf_program, 0 },
	{ "inherited", "inherited", inherited, 0 },
	{ 0 },
};
