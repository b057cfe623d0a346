/* SPDX-License-Identifier: MIT */
/*
 * Compile: policy and identities to an image, and back to words. Deterministic: the same input gives the same bytes.
 * Runs in the engine, without privilege; pure but for the identities it is given.
 */
#ifndef NG_COMPILE_H
#define NG_COMPILE_H

#include <gio/gio.h>

#include "compile/image.h"
#include "policy/policy.h"

G_BEGIN_DECLS

/* One executable of one application, already found on disk. */
typedef struct {
	struct ng_exe_key key;
	const char *path;   /* for messages; borrowed */
	const char *app_id; /* borrowed */
	uint64_t app_key;   /* ng_image_app_key() of app_id, for a caller that keeps these; 0: not computed yet */
} NgCompileExe;

typedef struct {
	GPtrArray *apps; /* const NgPolicyApp*, any order */
	GArray *exes;    /* NgCompileExe, any order */
	GArray *onlinks; /* struct ng_image_onlink, any order, repeats allowed */
	guint8 default_profile;
	guint8 default_flags; /* NG_APP_CLASS_MASK bits */
	guint32 mode;         /* NG_MODE_* */
} NgCompileInput;

/* The image. Of applications that claim one file (by key) the first in ng_claimant_compare()'s order has it; each loss
 * is appended to `problems` (NgPolicyProblem, owned by the array) and the rest is in force. NULL only when a limit of
 * the image is passed or two ids share a key. */
GBytes *ng_compile(const NgCompileInput *input, GPtrArray *problems, GError **error);

/* What decides who has a file, of one application as it is compiled: what it says now, its end considered. */
typedef struct {
	struct ng_app rules;
	NgLayer layer;
	const char *id; /* borrowed */
} NgClaimant;

NgClaimant ng_claimant_of(const NgPolicyApp *app);
/* Below 0: `a` has it. The administrator's; else the stricter profile; else the one that its children inherit from;
 * else fewer allowances, words included; else the id that sorts first. 0 for equal ids only. */
int ng_claimant_compare(const NgClaimant *a, const NgClaimant *b);
/* Why `winner` has it: a clause that reads after "because". Static. */
const char *ng_claimant_why(const NgClaimant *winner, const NgClaimant *loser);

/* The image in words, one application a paragraph, sorted by id: the golden tests' other direction. Owned by the
 * caller. NULL when the image does not pass ng_image_check(). */
char *ng_image_describe(GBytes *bytes, GError **error);

/* A destination as people write it: "example" is refused (names are not resolved here), "1.2.3.4", "1.2.3.4:443",
 * "[2001:db8::1]:443/udp", "2001:db8::1". Fills addr, port, proto (TCP where none is said) of *flow; call becomes
 * CONNECT, the rest 0. On failure *flow is untouched. */
gboolean ng_explain_parse_destination(const char *text, struct ng_flow *flow, GError **error);

/* Why. Fills the verdict that the kernel would give the flow under the image for the application `key` and its listed
 * ancestors `ancestors` (n may be 0), onlink looked up in the image, mode honoured; *ret_decider is the key that
 * decided (0 where nobody's rules did: mode, too many ancestors) and *ret_allow the index of the matching allowance
 * within it, or -1. Ancestors that are unknown, or whose children are on their own, do not count. The class is told in
 * every mode. */
struct ng_verdict ng_explain(const struct ng_image *image, uint64_t key, const uint64_t *ancestors, guint n,
			     struct ng_flow *flow, uint64_t *ret_decider, int *ret_allow);

/* Words for numbers, English, lower case, static: "offline", "local network", "the profile is Offline" ... */
const char *ng_class_text(guint8 class);
const char *ng_reason_text(guint8 reason); /* a clause that reads after "denied: " or "allowed: " */
const char *ng_reason_word(guint8 reason); /* a stable word for JSON: "offline", "not-local" ... */
const char *ng_class_word(guint8 class);   /* "global", "machine", "lan", "on-link", "shared", "metadata" */
const char *ng_call_word(guint8 call);     /* "create", "connect", "sendmsg", "bind", "send", "recv" */
const char *ng_proto_word(
	guint8 proto); /* "tcp", "udp", "icmp", "icmpv6", "udplite", "sctp", "raw-253" style: "ip-253" */
char *ng_address_text(const guint8 addr[16]); /* "192.0.2.1" for mapped, else RFC 5952. Owned by the caller. */

G_END_DECLS
#endif
