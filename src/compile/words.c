/* SPDX-License-Identifier: MIT */
/*
 * Words for the numbers of verdict.h: for people (text) and for programs (word, which is stable). Runs in the engine
 * and in clients; no state. A number that has no word here is "unknown", never a crash: it may come from a newer
 * kernel side or an older database.
 */
#include <arpa/inet.h>
#include <string.h>

#include "compile/compile.h"

static const struct {
	const char *word, *text;
} classes[] = {
	[NG_CLASS_GLOBAL] = { "global", "Internet" },
	[NG_CLASS_MACHINE] = { "machine", "this machine" },
	[NG_CLASS_LAN] = { "lan", "local network" },
	[NG_CLASS_ONLINK] = { "on-link", "local network, on an own interface" },
	[NG_CLASS_SHARED] = { "shared", "carrier NAT or overlay VPN" },
	[NG_CLASS_METADATA] = { "metadata", "cloud metadata service" },
};

static const struct {
	const char *word, *text;
} reasons[] = {
	[NG_REASON_NONE] = { "none", "no address is involved yet" },
	[NG_REASON_ONLINE] = { "online", "the profile is Online" },
	[NG_REASON_LOCAL] = { "local", "the profile is Local and the address is local" },
	[NG_REASON_ALLOWANCE] = { "allowance", "an allowance names it" },
	[NG_REASON_PAUSED] = { "paused", "the guard is paused" },
	[NG_REASON_KERNEL] = { "kernel", "it is the kernel's own socket" },
	[NG_REASON_OFFLINE] = { "offline", "the profile is Offline" },
	[NG_REASON_NOT_LOCAL] = { "not-local", "the profile is Local and the address is on the Internet" },
	[NG_REASON_SHARED] = { "shared",
			       "the profile is Local and carrier NAT or overlay VPN addresses are not allowed" },
	[NG_REASON_METADATA] = { "metadata", "the profile is Local and the cloud metadata service is not allowed" },
	[NG_REASON_PANIC] = { "panic", "everything is Offline until it is resumed" },
	[NG_REASON_MALFORMED] = { "malformed", "the rule or the packet could not be understood" },
	[NG_REASON_UNTAGGED] = { "untagged", "which program this is could not be told" },
	[NG_REASON_TOO_DEEP] = { "too-deep", "it has more listed ancestors than can be followed" },
	[NG_REASON_MPTCP_PATH] = { "mptcp-path", "it is an extra MPTCP path that the kernel opened by itself" },
};

static const char *const calls[] = {
	[NG_CALL_CREATE] = "create", [NG_CALL_CONNECT] = "connect", [NG_CALL_SENDMSG] = "sendmsg",
	[NG_CALL_BIND] = "bind",     [NG_CALL_SEND] = "send",       [NG_CALL_RECV] = "recv",
};

const char *ng_class_text(guint8 class)
{
	return class < G_N_ELEMENTS(classes) ? classes[class].text : "unknown";
}

const char *ng_class_word(guint8 class)
{
	return class < G_N_ELEMENTS(classes) ? classes[class].word : "unknown";
}

const char *ng_reason_text(guint8 reason)
{
	return reason < G_N_ELEMENTS(reasons) ? reasons[reason].text : "the reason is unknown";
}

const char *ng_reason_word(guint8 reason)
{
	return reason < G_N_ELEMENTS(reasons) ? reasons[reason].word : "unknown";
}

const char *ng_call_word(guint8 call)
{
	return call < G_N_ELEMENTS(calls) && calls[call] ? calls[call] : "unknown";
}

const char *ng_proto_word(guint8 proto)
{
	static const char *const named[256] = {
		[IPPROTO_TCP] = "tcp",       [IPPROTO_UDP] = "udp",         [IPPROTO_ICMP] = "icmp",
		[IPPROTO_ICMPV6] = "icmpv6", [IPPROTO_UDPLITE] = "udplite", [IPPROTO_SCTP] = "sctp",
	};
	g_autofree char *word = NULL;

	if (named[proto])
		return named[proto];
	word = g_strdup_printf("ip-%u", proto);
	return g_intern_string(word); /* at most 250 */
}

char *ng_address_text(const guint8 addr[16])
{
	static const guint8 mapped[12] = { [10] = 0xff, [11] = 0xff };
	char text[INET6_ADDRSTRLEN] = "";

	if (memcmp(addr, mapped, sizeof(mapped)) == 0)
		inet_ntop(AF_INET, addr + 12, text, sizeof(text));
	else
		inet_ntop(AF_INET6, addr, text, sizeof(text)); /* glibc's form is that of RFC 5952 */
	return g_strdup(text);
}
