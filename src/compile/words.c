/* SPDX-License-Identifier: MIT */
/*
 * Words for the numbers of verdict.h: for people (text) and for programs (word, which is stable). Runs in the engine
 * and in clients; no state. A number that has no word here is "unknown", never a crash: it may come from a newer
 * kernel side or an older database.
 */
#include <arpa/inet.h>
#include <string.h>

#include "compile/compile.h"
#include "verdict/words.h"

static const char *const calls[] = {
	[NG_CALL_CREATE] = "create", [NG_CALL_CONNECT] = "connect", [NG_CALL_SENDMSG] = "sendmsg",
	[NG_CALL_BIND] = "bind",     [NG_CALL_SEND] = "send",       [NG_CALL_RECV] = "recv",
};

const char *ng_class_text(guint8 class)
{
	return class < G_N_ELEMENTS(ng_class_words) ? ng_class_words[class].text : "unknown";
}

const char *ng_class_word(guint8 class)
{
	return class < G_N_ELEMENTS(ng_class_words) ? ng_class_words[class].word : "unknown";
}

const char *ng_reason_text(guint8 reason)
{
	return reason < G_N_ELEMENTS(ng_reason_words) ? ng_reason_words[reason].text : "the reason is unknown";
}

const char *ng_reason_word(guint8 reason)
{
	return reason < G_N_ELEMENTS(ng_reason_words) ? ng_reason_words[reason].word : "unknown";
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
