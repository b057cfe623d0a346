/* SPDX-License-Identifier: MIT */
/*
 * Words for the numbers of verdict.h: `word` is for programs and stable, `text` for people. One table for whoever
 * writes records, the guard and the launcher. Freestanding like verdict.h; no state, no power. A number past its end
 * comes from a newer kernel side or an older database: the includer says "unknown".
 */
#ifndef NG_VERDICT_WORDS_H
#define NG_VERDICT_WORDS_H

#include "verdict/verdict.h"

struct ng_words {
	const char *word, *text;
};

__attribute__((unused)) static const struct ng_words ng_class_words[] = {
	[NG_CLASS_GLOBAL] = { "global", "Internet" },
	[NG_CLASS_MACHINE] = { "machine", "this machine" },
	[NG_CLASS_LAN] = { "lan", "local network" },
	[NG_CLASS_ONLINK] = { "on-link", "local network, on an own interface" },
	[NG_CLASS_SHARED] = { "shared", "carrier NAT or overlay VPN" },
	[NG_CLASS_METADATA] = { "metadata", "cloud metadata service" },
};

/* A text is a clause that reads after "denied: " or "allowed: ". */
__attribute__((unused)) static const struct ng_words ng_reason_words[] = {
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

#endif
