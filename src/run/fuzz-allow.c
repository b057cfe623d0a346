/* SPDX-License-Identifier: MIT */
/*
 * --allow and --publish of any bytes: what is taken is a rule that verdict.h and names.c can hold, and its text reads
 * back as the same rule; what is refused changes nothing and is told in one printable sentence.
 */
#include <stdlib.h>
#include <string.h>

#include "run/allow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                                                \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			abort();                                                                                       \
	} while (0)

static void check_refused(const struct ng_run_policy *policy, const char *error)
{
	static const struct ng_run_policy nothing;

	MUST(memcmp((const char *)policy, (const char *)&nothing, sizeof(nothing)) == 0);
	MUST(*error && strlen(error) < NG_RUN_ERROR_MAX);
	for (; *error; error++)
		MUST((unsigned char)*error >= 0x20 && *error != 0x7f);
}

static void check_allow(const struct ng_allow *allow)
{
	struct ng_run_policy again = { 0 };
	char error[NG_RUN_ERROR_MAX], text[NG_ALLOW_TEXT_MAX];

	MUST(allow->prefix_len <= 128 && allow->port_last >= allow->port_first &&
	     !allow->port_first == !allow->port_last && allow->pad == 0);
	ng_run_allow_text(allow, text);
	MUST(ng_run_allow_parse(text, &again, error) == 0);
	MUST(again.allows.count == 1 && memcmp(&again.allows.allow[0], allow, sizeof(*allow)) == 0);
}

static void check_name(const struct ng_name_rule *rule)
{
	struct ng_run_policy again = { 0 };
	char error[NG_RUN_ERROR_MAX], text[NG_ALLOW_TEXT_MAX];

	MUST(ng_run_name_is_good(rule->name) && rule->port_last >= rule->port_first);
	ng_run_name_text(rule, text);
	MUST(ng_run_allow_parse(text, &again, error) == 0);
	MUST(again.n_names == 1 && memcmp(&again.names[0], rule, sizeof(*rule)) == 0);
}

static void check_publish(const char *text)
{
	struct ng_run_policy policy = { 0 }, again = { 0 };
	char error[NG_RUN_ERROR_MAX] = "", words[NG_ALLOW_TEXT_MAX];

	if (ng_run_publish_parse(text, &policy, error) < 0) {
		check_refused(&policy, error);
		return;
	}
	MUST(policy.n_publish == 1 && policy.publish[0].port);
	ng_run_publish_text(&policy.publish[0], words);
	MUST(ng_run_publish_parse(words, &again, error) == 0);
	MUST(memcmp((const char *)&policy, (const char *)&again, sizeof(policy)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ng_run_policy policy = { 0 };
	char error[NG_RUN_ERROR_MAX] = "";
	char *text = malloc(size + 1);

	MUST(text);
	memcpy(text, data, size);
	text[size] = '\0';
	if (ng_run_allow_parse(text, &policy, error) < 0) {
		check_refused(&policy, error);
	} else {
		MUST(policy.allows.count + policy.n_names + (policy.app.flags != 0) >= 1);
		for (unsigned i = 0; i < policy.allows.count; i++)
			check_allow(&policy.allows.allow[i]);
		for (unsigned i = 0; i < policy.n_names; i++)
			check_name(&policy.names[i]);
	}
	check_publish(text);
	free(text);
	return 0;
}
