/* SPDX-License-Identifier: MIT */
/*
 * socket(). The supervisor makes it in the machine's network and puts it into the caller's table, where that is the
 * answer. A datagram socket can be reached from the moment it is bound, so it gets its ingress filter before it is
 * given away. Kinds that nobody gets are asked for only to be on record.
 */
#include "run/broker-private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* 0, or what the filter alone would say (filter.c). */
static int check_kind(int domain, int type, int protocol)
{
	if (domain != AF_INET && domain != AF_INET6)
		return -EAFNOSUPPORT;
	switch (type & 0xf) {
	case SOCK_STREAM:
		return protocol == 0 || protocol == IPPROTO_TCP ? 0 : -EPROTONOSUPPORT;
	case SOCK_DGRAM:
		if (protocol == 0 || protocol == IPPROTO_UDP)
			return 0;
		return protocol == (domain == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6) ? 0 : -EPROTONOSUPPORT;
	case SOCK_RAW:
		return -EPERM;
	default:
		return -ESOCKTNOSUPPORT;
	}
}

static long refuse(struct ng_broker *broker, struct ng_call *call, int error)
{
	const struct ng_judgement judgement = { .reason = NG_REASON_OFFLINE };
	const int domain = (int)call->args[0], protocol = (int)call->args[2];
	const struct ng_flow flow = { .proto = protocol > 0 && protocol <= UINT8_MAX ? (uint8_t)protocol : 0 };

	ng_task_check(broker->tasks, call->task);
	if (!ng_call_is_valid(broker, call))
		return NG_CALL_DONE;
	ng_call_record(broker, call, domain, domain == AF_INET || domain == AF_INET6 ? &flow : NULL, NULL, &judgement,
		       -error);
	return error;
}

long ng_broker_socket(struct ng_broker *broker, struct ng_call *call)
{
	const int domain = (int)call->args[0], type = (int)call->args[1], protocol = (int)call->args[2];
	struct seccomp_notif_addfd add = { .id = call->id, .flags = SECCOMP_ADDFD_FLAG_SEND };
	ng_auto_fd fd = -1;
	int result;

	if (broker->run->policy->has_no_net)
		return refuse(broker, call, -EPERM);
	result = check_kind(domain, type, protocol);
	if (result == 0 && !ng_run_policy_is_brokered(broker->run->policy))
		result = -EACCES; /* the inside's own, which are never asked for */
	if (result < 0)
		return refuse(broker, call, result);
	fd = socket(domain, type | SOCK_CLOEXEC, protocol);
	if (fd < 0)
		return errno == EMFILE || errno == ENFILE ? -ENFILE : -errno;
	if ((type & 0xf) == SOCK_DGRAM)
		result = ng_ingress_attach(broker->ingress, fd, protocol ? protocol : IPPROTO_UDP);
	if (result < 0)
		return result;
	add.srcfd = (uint32_t)fd;
	add.newfd_flags = (uint32_t)(type & SOCK_CLOEXEC);
	if (ioctl(broker->run->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) < 0 && errno != ENOENT)
		return errno == EMFILE ? -EMFILE : -ENOBUFS;
	return NG_CALL_DONE;
}
