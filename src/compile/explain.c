/* SPDX-License-Identifier: MIT */
/*
 * Why: the verdict the kernel gives, asked of an image. Runs in the engine, without privilege; pure. It decides nothing
 * of its own: verdict.h does, and whom a program answers to follows the kernel programs (src/bpf/tag.h, judge.h), which
 * that the two agree on a live kernel is not tested.
 */
#include <netinet/in.h>
#include <string.h>

#include "compile/compile.h"

gboolean ng_explain_parse_destination(const char *text, struct ng_flow *flow, GError **error)
{
	g_autoptr(GArray) allows = g_array_new(FALSE, TRUE, sizeof(struct ng_allow));
	const struct ng_allow *allow = NULL;
	guint8 flags = 0;

	if (!g_str_equal(text, "localhost") && !ng_policy_parse_allow(text, &flags, allows, error))
		return FALSE;
	if (allows->len == 0) {
		g_set_error(error, NG_POLICY_ERROR, NG_POLICY_ERROR_VALUE,
			    "“%s” is not a destination. Write an address, such as 127.0.0.1 or ::1 for this machine.",
			    text);
		return FALSE;
	}
	allow = &g_array_index(allows, struct ng_allow, 0);
	if (allow->prefix_len != 128 || allow->port_first != allow->port_last) {
		g_set_error(error, NG_POLICY_ERROR, NG_POLICY_ERROR_VALUE,
			    "“%s” is a range. Write one address and at most one port.", text);
		return FALSE;
	}
	*flow = (struct ng_flow){ .port = allow->port_first,
				  .proto = allow->proto ? allow->proto : IPPROTO_TCP,
				  .call = NG_CALL_CONNECT };
	memcpy(flow->addr, allow->addr, sizeof(flow->addr));
	return TRUE;
}

/* The application with this key, or NULL. */
static const struct ng_image_app *find_app(const struct ng_image *image, uint64_t key)
{
	guint32 first = 0, end = image->header->n_apps;

	while (first < end) {
		guint32 middle = first + (end - first) / 2;

		if (image->apps[middle].key == key)
			return &image->apps[middle];
		if (key < image->apps[middle].key)
			end = middle;
		else
			first = middle + 1;
	}
	return NULL;
}

static guint8 is_onlink(const struct ng_image *image, const guint8 addr[16])
{
	for (guint32 i = 0; i < image->header->n_onlinks; i++) {
		const struct ng_image_onlink *onlink = &image->onlinks[i];
		gboolean matches = TRUE;

		for (int w = 0; w < 4; w++)
			matches &= (ng_word_(addr, w) & NG_MASK32_((int)onlink->prefix_len - 32 * w)) ==
				   ng_word_(onlink->addr, w);
		if (matches)
			return 1;
	}
	return 0;
}

static struct ng_verdict decide(const struct ng_image *image, const struct ng_image_app *app,
				const struct ng_flow *flow)
{
	struct ng_allows allows = { .count = app->rules.n_allow };

	memcpy(allows.allow, image->allows + app->first_allow, allows.count * sizeof(allows.allow[0]));
	return ng_verdict_decide(&app->rules, &allows, flow);
}

/* Which allowance by address lets the flow through, or -1: none, or none is needed. */
static int find_allow(const struct ng_image *image, const struct ng_image_app *app, const struct ng_flow *flow)
{
	struct ng_app rules = app->rules;

	rules.n_allow = 0;
	if (flow->call == NG_CALL_CREATE || flow->call == NG_CALL_BIND || ng_verdict_decide(&rules, NULL, flow).allowed)
		return -1;
	for (int i = 0; i < app->rules.n_allow; i++)
		if (ng_allow_matches_(&image->allows[app->first_allow + (guint32)i], flow))
			return i;
	return -1;
}

/* Whom a program of `key` with these listed ancestors answers to, as the kernel's tag has it; FALSE: too many. */
static gboolean collect(const struct ng_image *image, uint64_t key, const uint64_t *ancestors, guint n,
			const struct ng_image_app *ret_apps[NG_TAG_APPS], guint *ret_n)
{
	const struct ng_image_app *own = find_app(image, key);
	guint count = 0;

	ret_apps[count++] = own ? own : &image->apps[0];
	for (guint i = 0; i < n; i++) {
		const struct ng_image_app *app = ancestors[i] ? find_app(image, ancestors[i]) : NULL;
		gboolean is_known = FALSE;

		if (!app || app->rules.flags & NG_APP_CHILDREN_OWN)
			continue;
		for (guint k = 0; k < count; k++)
			is_known |= ret_apps[k] == app;
		if (is_known)
			continue;
		if (count == NG_TAG_APPS)
			return FALSE;
		ret_apps[count++] = app;
	}
	*ret_n = count;
	return TRUE;
}

struct ng_verdict ng_explain(const struct ng_image *image, uint64_t key, const uint64_t *ancestors, guint n,
			     struct ng_flow *flow, uint64_t *ret_decider, int *ret_allow)
{
	const struct ng_image_app *apps[NG_TAG_APPS] = { NULL }, *decider = NULL;
	struct ng_verdict verdict = { 0 };
	guint count = 0;

	*ret_decider = 0;
	*ret_allow = -1;
	flow->onlink = is_onlink(image, flow->addr);
	verdict.class = ng_address_class(flow->addr, flow->onlink);
	if (!collect(image, key, ancestors, n, apps, &count)) {
		verdict.reason = NG_REASON_TOO_DEEP;
		return verdict;
	}
	if (image->header->mode == NG_MODE_PANIC || image->header->mode == NG_MODE_PAUSED) {
		verdict.allowed = image->header->mode == NG_MODE_PAUSED;
		verdict.reason = verdict.allowed ? NG_REASON_PAUSED : NG_REASON_PANIC;
		return verdict;
	}
	decider = apps[0];
	for (guint i = 0; i < count && (i == 0 || verdict.allowed); i++) {
		struct ng_verdict one = decide(image, apps[i], flow);

		/* The least free of the allowing reasons, as the kernel keeps it. */
		if (i > 0 && one.allowed && verdict.reason != NG_REASON_ONLINE)
			continue;
		verdict = one;
		decider = apps[i];
	}
	*ret_decider = decider->key;
	if (verdict.allowed && verdict.reason == NG_REASON_ALLOWANCE)
		*ret_allow = find_allow(image, decider, flow);
	return verdict;
}
