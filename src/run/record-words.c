/* SPDX-License-Identifier: MIT */
/*
 * The words of the record (see record-internal.h). A number without a word is "unknown", never a fault: it may come
 * from a program's own argument. Pure; runs in the supervisor.
 */
#include "run/record-internal.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "run/names-private.h"
#include "verdict/words.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

enum ng_attempt_group ng_attempt_group(const struct ng_attempt *attempt)
{
	if (strcmp(attempt->call, "bind") == 0 || strcmp(attempt->call, "listen") == 0)
		return NG_GROUP_IN;
	if (strcmp(attempt->call, "resolve") == 0)
		return NG_GROUP_NAME;
	return strcmp(attempt->call, "socket") == 0 ? NG_GROUP_SOCKET : NG_GROUP_OUT;
}

const char *ng_record_reason_word(unsigned char reason)
{
	return reason < LENGTH(ng_reason_words) ? ng_reason_words[reason].word : "unknown";
}

const char *ng_record_class_word(unsigned char class)
{
	return class < LENGTH(ng_class_words) ? ng_class_words[class].word : "unknown";
}

const char *ng_record_verdict_word(const struct ng_attempt *attempt)
{
	return !attempt->is_allowed ? "denied" : attempt->is_foreseen ? "would-be-denied" : "allowed";
}

static bool is_inet(const struct ng_attempt *attempt)
{
	return attempt->family == AF_INET || attempt->family == AF_INET6;
}

const char *ng_record_family_word(int family, char buffer[static 16])
{
	static const struct {
		int family;
		const char *word;
	} words[] = {
		{ AF_INET, "ipv4" },     { AF_INET6, "ipv6" },  { AF_UNIX, "unix" }, { AF_NETLINK, "netlink" },
		{ AF_PACKET, "packet" }, { AF_VSOCK, "vsock" }, { AF_TIPC, "tipc" }, { AF_BLUETOOTH, "bluetooth" },
		{ AF_CAN, "can" },       { AF_ALG, "alg" },     { AF_RDS, "rds" },   { AF_UNSPEC, "unspec" },
	};

	for (size_t i = 0; i < LENGTH(words); i++)
		if (words[i].family == family)
			return words[i].word;
	snprintf(buffer, 16, "family-%d", family % 100000);
	return buffer;
}

const char *ng_record_proto_word(uint8_t proto, char buffer[static 16])
{
	static const char *const words[] = {
		[0] = "",
		[IPPROTO_TCP] = "tcp",
		[IPPROTO_UDP] = "udp",
		[IPPROTO_ICMP] = "icmp",
		[IPPROTO_ICMPV6] = "icmpv6",
		[IPPROTO_UDPLITE] = "udplite",
		[IPPROTO_SCTP] = "sctp",
	};

	if (proto < LENGTH(words) && words[proto])
		return words[proto];
	snprintf(buffer, 16, "ip-%u", proto);
	return buffer;
}

bool ng_record_is_dns(const struct ng_attempt *attempt)
{
	return is_inet(attempt) && attempt->flow.port == 53 && ng_attempt_group(attempt) == NG_GROUP_OUT;
}

bool ng_record_has_address(const struct ng_attempt *attempt)
{
	static const uint8_t none[16];

	switch (ng_attempt_group(attempt)) {
	case NG_GROUP_OUT:
	case NG_GROUP_IN:
		return is_inet(attempt);
	case NG_GROUP_NAME:
		return is_inet(attempt) && memcmp(attempt->flow.addr, none, sizeof(none)) != 0;
	case NG_GROUP_SOCKET:
		break;
	}
	return false;
}

const char *ng_record_reason_text(const struct ng_run_options *options, const struct ng_attempt *attempt)
{
	const bool is_refused = !attempt->is_allowed || attempt->is_foreseen;

	if (is_refused && options->is_sandbox && attempt->reason == NG_REASON_OFFLINE)
		return "the command was started with --no-net";
	if (is_refused && ng_attempt_group(attempt) == NG_GROUP_NAME)
		return ng_record_has_address(attempt) ? "the answer is an address that this name may not mean"
						      : "no --allow has this name";
	if (is_refused && ng_record_is_dns(attempt))
		return "only names that --allow has are looked up";
	if (is_refused && attempt->reason == NG_REASON_OFFLINE) {
		if (attempt->family == AF_UNIX)
			return attempt->path && *attempt->path == '@' ? "abstract sockets of this machine are cut off"
								      : "no --allow-unix has this socket";
		if (!is_inet(attempt) || ng_attempt_group(attempt) == NG_GROUP_SOCKET)
			return "sockets of this kind are not for confined programs";
	}
	if (attempt->reason == NG_REASON_MALFORMED) /* here there are no rules or packets */
		return "what the program passed could not be understood";
	return attempt->reason < LENGTH(ng_reason_words) ? ng_reason_words[attempt->reason].text
							 : "the reason is unknown";
}

/* --- what would allow it --- */

const char *ng_record_quote(const char *text, char *buffer, size_t size)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=@%+,-";
	size_t at = 0;

	if (*text && strspn(text, plain) == strlen(text))
		return text;
	if (size < 3)
		return NULL;
	buffer[at++] = '\'';
	for (; *text; text++) {
		const char *piece = *text == '\'' ? "'\\''" : NULL;
		const size_t length = piece ? 4 : 1;

		if ((unsigned char)*text < 0x20 || *text == 0x7f || at + length + 2 > size)
			return NULL;
		memcpy(buffer + at, piece ? piece : text, length);
		at += length;
	}
	buffer[at++] = '\'';
	buffer[at] = '\0';
	return buffer;
}

/* An answer of the local network admits its address only for some names, one that means this machine or a metadata
 * service for none: see names.h. */
const char *ng_record_host_name(const struct ng_run_options *options, const struct ng_attempt *attempt)
{
	if (!attempt->name || !ng_run_name_is_good(attempt->name) || attempt->class == NG_CLASS_MACHINE ||
	    attempt->class == NG_CLASS_METADATA)
		return NULL;
	return attempt->class == NG_CLASS_GLOBAL || options->policy.app.profile != NG_PROFILE_OFFLINE ||
			       ng_name_is_local(attempt->name)
		       ? attempt->name
		       : NULL;
}

/* HOST[:PORT][/PROTO] of what was reached for; false: --allow has no words for it. */
static bool allow_text(const struct ng_run_options *options, const struct ng_attempt *attempt,
		       char ret_text[static NG_ALLOW_TEXT_MAX])
{
	const uint8_t proto = attempt->flow.proto;
	const bool has_port = proto != IPPROTO_ICMP && proto != IPPROTO_ICMPV6 && attempt->flow.port;
	const char *name = ng_record_host_name(options, attempt);
	struct ng_name_rule rule = { .proto = proto };
	struct ng_allow allow = { .prefix_len = 128, .proto = proto };

	if (proto && !ng_run_allow_proto(proto))
		return false;
	if (name) {
		snprintf(rule.name, sizeof(rule.name), "%s", name);
		rule.port_first = rule.port_last = has_port ? attempt->flow.port : 0;
		ng_run_name_text(&rule, ret_text);
		return true;
	}
	memcpy(allow.addr, attempt->flow.addr, 16);
	allow.port_first = allow.port_last = has_port ? attempt->flow.port : 0;
	ng_run_allow_text(&allow, ret_text);
	return true;
}

static void unix_tip(const struct ng_attempt *attempt, char ret_tip[static NG_TIP_MAX])
{
	char buffer[NG_TIP_MAX - 16];
	const char *quoted =
		attempt->path && *attempt->path == '/' ? ng_record_quote(attempt->path, buffer, sizeof(buffer)) : NULL;

	if (quoted && strlen(quoted) < sizeof(buffer) && ng_attempt_group(attempt) == NG_GROUP_OUT)
		snprintf(ret_tip, NG_TIP_MAX, "--allow-unix %.*s", (int)sizeof(buffer), quoted);
}

/* Many at once: a multicast group or everybody on the network is what --local is about. */
static bool is_for_many(const uint8_t addr[static 16])
{
	static const uint8_t everybody[4] = { 255, 255, 255, 255 };

	if (ng_run_address_is_ipv4(addr))
		return (addr[12] & 0xf0) == 0xe0 || memcmp(addr + 12, everybody, 4) == 0;
	return addr[0] == 0xff;
}

void ng_record_tip(const struct ng_run_options *options, const struct ng_attempt *attempt,
		   char ret_tip[static NG_TIP_MAX])
{
	const enum ng_attempt_group group = ng_attempt_group(attempt);
	struct ng_publish publish = { .port = attempt->flow.port };
	char text[NG_ALLOW_TEXT_MAX];

	*ret_tip = '\0';
	if ((attempt->is_allowed && !attempt->is_foreseen) || options->is_sandbox ||
	    attempt->reason == NG_REASON_MALFORMED)
		return;
	if (group == NG_GROUP_NAME) {
		if (ng_record_has_address(attempt)) {
			if (attempt->class == NG_CLASS_LAN && options->policy.app.profile == NG_PROFILE_OFFLINE)
				snprintf(ret_tip, NG_TIP_MAX, "--local");
		} else if (attempt->name && ng_run_name_is_good(attempt->name))
			snprintf(ret_tip, NG_TIP_MAX, "--allow %s", attempt->name);
		return;
	}
	if (attempt->family == AF_UNIX) {
		unix_tip(attempt, ret_tip);
		return;
	}
	if (!is_inet(attempt) || group == NG_GROUP_SOCKET || ng_record_is_dns(attempt))
		return;
	if (group == NG_GROUP_IN) {
		memcpy(publish.addr, attempt->flow.addr, 16);
		ng_run_publish_text(&publish, text);
		if (publish.port)
			snprintf(ret_tip, NG_TIP_MAX, "--publish %s", text);
		return;
	}
	if (options->policy.app.profile == NG_PROFILE_OFFLINE && attempt->class == NG_CLASS_LAN &&
	    is_for_many(attempt->flow.addr))
		snprintf(ret_tip, NG_TIP_MAX, "--local");
	else if (allow_text(options, attempt, text))
		snprintf(ret_tip, NG_TIP_MAX, "--allow %s", text);
}

void ng_record_target(const struct ng_attempt *attempt, char ret_text[static NG_TIP_MAX])
{
	const enum ng_attempt_group group = ng_attempt_group(attempt);
	const bool is_v6 = !ng_run_address_is_ipv4(attempt->flow.addr);
	char address[NG_ADDRESS_TEXT_MAX], family[16], proto[16], port[8] = "";
	const char *word = ng_record_proto_word(attempt->flow.proto, proto);

	if (attempt->path) {
		snprintf(ret_text, NG_TIP_MAX, "%s%s", group == NG_GROUP_IN ? "listen on " : "", attempt->path);
	} else if (group == NG_GROUP_NAME) {
		snprintf(ret_text, NG_TIP_MAX, "the name %s", attempt->name ? attempt->name : "?");
	} else if (group == NG_GROUP_SOCKET || !is_inet(attempt)) {
		snprintf(ret_text, NG_TIP_MAX, "a socket of %s%s%s", ng_record_family_word(attempt->family, family),
			 is_inet(attempt) && *word ? ", " : "", is_inet(attempt) ? word : "");
	} else {
		ng_run_address_text(attempt->flow.addr, address);
		if (attempt->flow.port)
			snprintf(port, sizeof(port), ":%u", attempt->flow.port);
		snprintf(ret_text, NG_TIP_MAX, "%s%s%s%s%s%s%s%s%s%s", group == NG_GROUP_IN ? "listen on " : "",
			 attempt->name ? attempt->name : "", attempt->name ? " (" : "", is_v6 && *port ? "[" : "",
			 address, is_v6 && *port ? "]" : "", port, attempt->name ? ")" : "", *word ? "/" : "", word);
	}
}
