/* SPDX-License-Identifier: MIT */
/*
 * --learn FILE: the flags that would allow exactly what was used, one a line, for `netguard run --flags FILE`. Names
 * are preferred to addresses where the name admits the address; ports next to each other become a range, TCP and UDP of
 * one port no protocol. What no flag can allow, and names that were only asked for, are comments. Runs in the
 * supervisor, at the end.
 */
#include "run/record-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

/* What is reached over IP, in one flag. */
struct rule {
	const char *name; /* borrowed, or NULL: the address */
	const uint8_t *addr;
	const char *exe;
	uint64_t count;
	uint16_t first, last;
	uint8_t proto; /* as struct ng_allow has it */
};

static int compare_host(const struct rule *a, const struct rule *b)
{
	if (!a->name != !b->name)
		return a->name ? -1 : 1;
	return a->name ? strcmp(a->name, b->name) : memcmp(a->addr, b->addr, 16);
}

static int by_port(const void *one, const void *other)
{
	const struct rule *a = one, *b = other;
	const int host = compare_host(a, b);

	return host ? host : a->first != b->first ? (int)a->first - (int)b->first : (int)a->proto - (int)b->proto;
}

static int by_proto(const void *one, const void *other)
{
	const struct rule *a = one, *b = other;
	const int host = compare_host(a, b);

	return host ? host : a->proto != b->proto ? (int)a->proto - (int)b->proto : (int)a->first - (int)b->first;
}

static bool is_same_port(const struct rule *a, const struct rule *b)
{
	return a->first && a->first == b->first &&
	       (a->proto == b->proto || (a->proto == IPPROTO_TCP && b->proto == IPPROTO_UDP));
}

static bool is_next_port(const struct rule *a, const struct rule *b)
{
	return a->proto == b->proto && (a->first == b->first || (a->last && (unsigned)a->last + 1 == b->first));
}

/* Joins neighbours. Returns how many are left. */
static unsigned join(struct rule *rules, unsigned count, bool (*may_join)(const struct rule *, const struct rule *))
{
	unsigned n = 0;

	for (unsigned i = 0; i < count; i++) {
		struct rule *last = n ? &rules[n - 1] : NULL;

		if (!last || compare_host(last, &rules[i]) != 0 || !may_join(last, &rules[i])) {
			rules[n++] = rules[i];
			continue;
		}
		last->proto = last->proto == rules[i].proto ? last->proto : 0;
		last->last = rules[i].last;
		last->count += rules[i].count;
	}
	return n;
}

static bool is_rule(const struct ng_attempt *attempt)
{
	return (attempt->family == AF_INET || attempt->family == AF_INET6) &&
	       ng_attempt_group(attempt) == NG_GROUP_OUT && !ng_record_is_dns(attempt) &&
	       (!attempt->flow.proto || ng_run_allow_proto(attempt->flow.proto));
}

static unsigned collect(const struct ng_run_options *options, const struct ng_kinds *targets, struct rule *rules)
{
	unsigned n = 0;

	for (unsigned i = 0; i < targets->count; i++) {
		const struct ng_kind *kind = &targets->kinds[i];
		const uint8_t proto = kind->attempt.flow.proto;
		const uint16_t port = proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6 ? 0 : kind->attempt.flow.port;
		const char *name = ng_record_host_name(options, &kind->attempt);

		if (!is_rule(&kind->attempt))
			continue;
		rules[n++] = (struct rule){ .name = name,
					    .addr = kind->attempt.flow.addr,
					    .exe = kind->attempt.exe,
					    .count = kind->total,
					    .first = port,
					    .last = port,
					    .proto = name && proto == IPPROTO_ICMPV6 ? IPPROTO_ICMP : proto };
	}
	qsort(rules, n, sizeof(*rules), by_port);
	n = join(rules, n, is_same_port);
	qsort(rules, n, sizeof(*rules), by_proto);
	return join(rules, n, is_next_port);
}

static void add_comment(struct ng_json *text, const char *exe, uint64_t count)
{
	const char *slash = strrchr(exe, '/');

	ng_json_add(text, "# ");
	ng_json_plain(text, !*exe ? "a program that could not be named" : slash ? slash + 1 : exe);
	ng_json_add(text, count == 1 ? ", once\n" : ", %llu times\n", (unsigned long long)count);
}

static void add_rule(struct ng_json *text, const struct rule *rule)
{
	struct ng_name_rule name = { .proto = rule->proto, .port_first = rule->first, .port_last = rule->last };
	struct ng_allow allow = {
		.prefix_len = 128, .proto = rule->proto, .port_first = rule->first, .port_last = rule->last
	};
	char words[NG_ALLOW_TEXT_MAX];

	if (rule->name) {
		strncpy(name.name, rule->name, sizeof(name.name) - 1);
		ng_run_name_text(&name, words);
	} else {
		memcpy(allow.addr, rule->addr, 16);
		ng_run_allow_text(&allow, words);
	}
	add_comment(text, rule->exe, rule->count);
	ng_json_add(text, "--allow %s\n", words);
}

static unsigned add_rules(struct ng_json *text, const struct ng_run_options *options, const struct ng_kinds *targets)
{
	ng_auto_free struct rule *rules = calloc(targets->count + 1, sizeof(*rules));
	unsigned n = 0, n_names = 0;

	if (!rules) {
		text->is_broken = true;
		return 0;
	}
	n = collect(options, targets, rules);
	for (unsigned i = 0; i < n; i++)
		n_names += rules[i].name != NULL;
	if (n_names > NG_RUN_NAMES_MAX)
		ng_json_add(
			text,
			"# These are more names than can be allowed (%d): join some of them, as in *.example.org.\n",
			NG_RUN_NAMES_MAX);
	if (n - n_names > NG_ALLOW_MAX)
		ng_json_add(text,
			    "# These are more addresses than can be allowed (%u): join some of them into prefixes.\n",
			    NG_ALLOW_MAX);
	for (unsigned i = 0; i < n; i++)
		add_rule(text, &rules[i]);
	return n;
}

static bool is_connected_to(const struct ng_kinds *targets, const char *name)
{
	for (unsigned i = 0; i < targets->count; i++) {
		const struct ng_attempt *attempt = &targets->kinds[i].attempt;

		if (ng_attempt_group(attempt) == NG_GROUP_OUT && attempt->name && strcmp(attempt->name, name) == 0)
			return true;
	}
	return false;
}

static bool is_listed(const struct ng_run_policy *policy, const char *path)
{
	for (unsigned i = 0; i < policy->n_unix; i++)
		if (strcmp(policy->unix_paths[i], path) == 0)
			return true;
	return false;
}

/* A flag for what is not reached over IP, or a comment that says why there is none. Returns the number of flags. */
static unsigned add_other(struct ng_json *text, const struct ng_run_options *options, const struct ng_kinds *targets,
			  const struct ng_kind *kind)
{
	const struct ng_attempt *attempt = &kind->attempt;
	const bool is_refused = !attempt->is_allowed || attempt->is_foreseen;
	struct ng_attempt as_refused = *attempt;
	char words[NG_TIP_MAX];

	if (ng_attempt_group(attempt) == NG_GROUP_NAME && ng_record_has_address(attempt)) {
		ng_run_address_text(attempt->flow.addr, words);
		ng_json_add(text, "# ");
		ng_json_plain(text, attempt->name ? attempt->name : "a name");
		ng_json_add(text,
			    " means %s, which is not believed of it; under --local a name may mean the local network\n",
			    words);
		return 0;
	}
	if (ng_attempt_group(attempt) == NG_GROUP_NAME) {
		if (attempt->name && ng_run_name_is_good(attempt->name) && !is_connected_to(targets, attempt->name))
			ng_json_add(text,
				    "# only asked for, nothing was sent to it; if it must be answered:\n# --allow %s\n",
				    attempt->name);
		return 0;
	}
	if (attempt->path && *attempt->path == '/' && !strpbrk(attempt->path, "\n\r") &&
	    ng_attempt_group(attempt) == NG_GROUP_OUT) {
		if (!is_refused && !is_listed(&options->policy, attempt->path))
			return 0; /* made inside */
		add_comment(text, attempt->exe, kind->total);
		ng_json_add(text, "--allow-unix %s\n", attempt->path); /* the rest of the line, not a shell's word */
		return 1;
	}
	as_refused.is_allowed = false; /* one that was published already is to be published again */
	ng_record_tip(options, &as_refused, words);
	if ((is_refused || attempt->reason == NG_REASON_ALLOWANCE) && strncmp(words, "--publish ", 10) == 0) {
		add_comment(text, attempt->exe, kind->total);
		ng_json_add(text, "%s\n", words);
		return 1;
	}
	if (!is_refused)
		return 0;
	ng_record_target(attempt, words);
	ng_json_add(text, "# no flag allows this: ");
	ng_json_plain(text, words);
	ng_json_add(text, "\n");
	return 0;
}

static void add_head(struct ng_json *text, const struct ng_run_options *options)
{
	static const char *const profiles[] = { "", "--offline", "--local", "--online" };
	const struct timespec now = { .tv_sec = time(NULL) };
	char date[NG_TIME_TEXT_MAX], buffer[2048];
	const char *quoted = ng_record_quote(options->learn_path, buffer, sizeof(buffer));

	ng_time_text(&now, date);
	ng_json_add(text,
		    "# Written by \"netguard run --learn\", %s. For the same again, confined:\n# netguard run --flags ",
		    date);
	ng_json_plain(text, quoted ? quoted : "THIS-FILE");
	ng_json_add(text, " --");
	for (char **word = options->command; word && *word; word++) {
		quoted = ng_record_quote(*word, buffer, sizeof(buffer));
		ng_json_add(text, " ");
		ng_json_plain(text, quoted ? quoted : "...");
	}
	ng_json_add(text, "\n%s\n", profiles[options->policy.app.profile & 3]);
}

int ng_learn_write(const struct ng_run_options *options, const struct ng_kinds *targets, uint64_t n_untold,
		   unsigned *ret_flags)
{
	struct ng_json text = { 0 };
	unsigned n_flags;
	int r;

	add_head(&text, options);
	n_flags = add_rules(&text, options, targets);
	for (unsigned i = 0; i < targets->count; i++)
		if (!is_rule(&targets->kinds[i].attempt))
			n_flags += add_other(&text, options, targets, &targets->kinds[i]);
	if (n_untold > 0)
		ng_json_add(&text, "# Not complete: %llu more attempts, to more places than could be kept.\n",
			    (unsigned long long)n_untold);
	r = ng_record_write_file(AT_FDCWD, options->learn_path, &text, 0644, false);
	ng_json_done(&text);
	if (r == 0)
		*ret_flags = n_flags;
	return r;
}
