/* SPDX-License-Identifier: MIT */
/* The words people read: contract in words.h. */
#include "cli/words.h"

#include <string.h>

#include "cli/when.h"

const char *ng_dict_string(GVariant *dict, const char *key)
{
	const char *text = "";

	g_variant_lookup(dict, key, "&s", &text);
	return text;
}

gboolean ng_dict_is(GVariant *dict, const char *key)
{
	gboolean is = FALSE;

	g_variant_lookup(dict, key, "b", &is);
	return is;
}

gint64 ng_dict_number(GVariant *dict, const char *key)
{
	g_autoptr(GVariant) value = g_variant_lookup_value(dict, key, NULL);

	if (!value)
		return 0;
	switch ((int)g_variant_classify(value)) {
	case G_VARIANT_CLASS_BYTE:
		return g_variant_get_byte(value);
	case G_VARIANT_CLASS_UINT16:
		return g_variant_get_uint16(value);
	case G_VARIANT_CLASS_INT16:
		return g_variant_get_int16(value);
	case G_VARIANT_CLASS_UINT32:
		return g_variant_get_uint32(value);
	case G_VARIANT_CLASS_INT32:
		return g_variant_get_int32(value);
	case G_VARIANT_CLASS_INT64:
		return g_variant_get_int64(value);
	case G_VARIANT_CLASS_UINT64:
		return (gint64)MIN(g_variant_get_uint64(value), (guint64)G_MAXINT64);
	default:
		return 0;
	}
}

char **ng_dict_strings(GVariant *dict, const char *key)
{
	char **strings = NULL;

	if (g_variant_lookup(dict, key, "^as", &strings))
		return strings;
	return g_new0(char *, 1);
}

gboolean ng_dict_has(GVariant *dict, const char *key)
{
	g_autoptr(GVariant) value = g_variant_lookup_value(dict, key, NULL);

	return value != NULL;
}

/* --- profiles --- */

static const struct {
	const char *word, *title, *effect;
	NgTone tone;
} profiles[] = {
	{ "offline", "Offline", "it cannot use the network", NG_TONE_BAD },
	{ "local", "Local", "it can reach this machine and devices on your own network, not the Internet",
	  NG_TONE_CARE },
	{ "online", "Online", "it can reach the Internet", NG_TONE_GOOD },
};

const char *ng_profile_title(const char *profile)
{
	for (gsize i = 0; i < G_N_ELEMENTS(profiles); i++) {
		if (g_str_equal(profile, profiles[i].word))
			return profiles[i].title;
	}
	return NULL;
}

NgTone ng_profile_tone(const char *profile)
{
	for (gsize i = 0; i < G_N_ELEMENTS(profiles); i++) {
		if (g_str_equal(profile, profiles[i].word))
			return profiles[i].tone;
	}
	return NG_TONE_PLAIN;
}

const char *ng_profile_effect(const char *profile)
{
	for (gsize i = 0; i < G_N_ELEMENTS(profiles); i++) {
		if (g_str_equal(profile, profiles[i].word))
			return profiles[i].effect;
	}
	return NULL;
}

static const struct {
	const char *word, *title;
} classes[] = {
	{ "global", "the Internet" },
	{ "machine", "this machine" },
	{ "lan", "local network" },
	{ "on-link", "local network: a prefix of an interface of this machine" },
	{ "shared", "shared addresses: carrier NAT, overlay VPNs" },
	{ "metadata", "cloud metadata service" },
};

const char *ng_class_title(const char *class)
{
	for (gsize i = 0; i < G_N_ELEMENTS(classes); i++) {
		if (g_str_equal(class, classes[i].word))
			return classes[i].title;
	}
	return class;
}

/* --- sentences --- */

char *ng_words_count(gint64 n, const char *noun)
{
	return g_strdup_printf("%" G_GINT64_FORMAT " %s%s", n, noun, n == 1 ? "" : "s");
}

char *ng_words_closed(gint64 closed, gint64 not_closed)
{
	g_autofree char *done = closed > 0 ? ng_words_count(closed, "open connection") : NULL;
	g_autofree char *left = not_closed > 0 ? ng_words_count(not_closed, "open connection") : NULL;

	if (done && left)
		return g_strdup_printf("%s closed; %s could not be closed, their next packet is stopped.", done, left);
	if (done)
		return g_strdup_printf("%s closed.", done);
	if (left)
		return g_strdup_printf("%s could not be closed, their next packet is stopped.", left);
	return NULL;
}

static const char *call_prefix(const char *call)
{
	if (g_str_equal(call, "recv"))
		return "from ";
	if (g_str_equal(call, "bind") || g_str_equal(call, "listen"))
		return "listen on ";
	if (g_str_equal(call, "create") || g_str_equal(call, "socket"))
		return "a socket of ";
	if (g_str_equal(call, "resolve"))
		return "the name ";
	return "";
}

char *ng_words_destination(GVariant *attempt)
{
	const char *address = ng_dict_string(attempt, "address");
	const char *protocol = ng_dict_string(attempt, "protocol");
	const char *call = ng_dict_string(attempt, "call");
	const char *path = ng_dict_string(attempt, "path"), *name = ng_dict_string(attempt, "name");
	const gint64 port = ng_dict_number(attempt, "port");
	GString *text = g_string_new(call_prefix(call));

	if (g_str_equal(call, "create") || g_str_equal(call, "socket")) {
		g_string_append(text, *protocol ? protocol : ng_dict_string(attempt, "family"));
		return g_string_free(text, FALSE);
	}
	if (*path || g_str_equal(call, "resolve")) {
		g_string_append(text, *path ? path : name);
		return g_string_free(text, FALSE);
	}
	if (*name)
		g_string_append_printf(text, "%s, ", name);
	if (port > 0)
		g_string_append_printf(text, strchr(address, ':') ? "[%s]:%d" : "%s:%d", address, (int)port);
	else
		g_string_append(text, *address ? address : "any address");
	if (*protocol)
		g_string_append_printf(text, "/%s", protocol);
	return g_string_free(text, FALSE);
}

char *ng_words_program(GVariant *attempt)
{
	const char *application = ng_dict_string(attempt, "application");
	const char *executable = ng_dict_string(attempt, "executable");
	const char *command = ng_dict_string(attempt, "command");
	const char *decider = ng_dict_string(attempt, "decider");
	g_autofree char *name = NULL;

	if (*application && *decider && !g_str_equal(application, decider))
		return g_strdup_printf("%s (started by %s)", application, decider);
	if (*application)
		return g_strdup(application);
	name = *executable ? g_path_get_basename(executable) : g_strdup(*command ? command : "unknown program");
	if (*decider)
		return g_strdup_printf("%s (started by %s)", name, decider);
	if (g_str_equal(ng_dict_string(attempt, "source"), "run")) /* no application, and no default */
		return g_steal_pointer(&name);
	return g_strdup_printf("%s (default)", name);
}

const char *ng_words_why(GVariant *attempt)
{
	static const char *const verdicts[] = { "allowed: ", "denied: ", "would be denied: " };
	const char *text = ng_dict_string(attempt, "text");

	for (gsize i = 0; i < G_N_ELEMENTS(verdicts); i++) {
		if (g_str_has_prefix(text, verdicts[i]))
			return text + strlen(verdicts[i]);
	}
	return *text ? text : ng_dict_string(attempt, "reason");
}

const char *ng_words_verdict(const char *verdict)
{
	return g_str_equal(verdict, "would-be-denied") ? "would be denied" : verdict;
}

NgTone ng_verdict_tone(const char *verdict)
{
	if (g_str_equal(verdict, "allowed"))
		return NG_TONE_GOOD;
	return g_str_equal(verdict, "denied") ? NG_TONE_BAD : NG_TONE_CARE;
}

char *ng_words_end(GVariant *decision, const char *then)
{
	const char *span = ng_dict_string(decision, "while");
	const gint64 until = ng_dict_number(decision, "until");
	g_autofree char *end = until ? ng_when_until_text(until, g_get_real_time() / G_USEC_PER_SEC) : NULL;
	const char *text = g_str_equal(span, "running") ? "it quits"
			   : g_str_equal(span, "boot")  ? "this machine restarts"
							: end;

	return text ? g_strdup_printf("%s, then %s", text, ng_profile_title(then) ? ng_profile_title(then) : "Default")
		    : NULL;
}

char *ng_words_bytes(gint64 bytes)
{
	static const char *const units[] = { "bytes", "kB", "MB", "GB", "TB", "PB" };
	double value = (double)MAX(bytes, 0);
	gsize unit = 0;

	for (; value >= 999.5 && unit < G_N_ELEMENTS(units) - 1; unit++)
		value /= 1000;
	return g_strdup_printf(unit && value < 9.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}
