/* SPDX-License-Identifier: MIT */
/*
 * The record's text (see record-internal.h): growing, JSON, the three kinds of lines. What programs wrote (paths,
 * names, arguments) is any bytes; what comes out is one line of valid UTF-8 that is safe on a terminal. Runs in the
 * supervisor.
 */
#include "run/record-internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define COMMAND_MAX (64u * 1024) /* bytes of the command in the start record */

/* --- text --- */

static bool json_reserve(struct ng_json *json, size_t more)
{
	size_t wanted = json->length + more + 1, size = json->size ? json->size : 512;
	char *data;

	if (json->is_broken || (json->max && wanted > json->max)) {
		json->is_broken = true;
		return false;
	}
	if (wanted <= json->size)
		return true;
	while (size < wanted)
		size *= 2;
	data = realloc(json->data, size);
	if (!data) {
		json->is_broken = true;
		return false;
	}
	json->data = data;
	json->size = size;
	return true;
}

static void json_put(struct ng_json *json, const char *bytes, size_t length)
{
	if (!json_reserve(json, length))
		return;
	memcpy(json->data + json->length, bytes, length);
	json->length += length;
	json->data[json->length] = '\0';
}

void ng_json_add(struct ng_json *json, const char *format, ...)
{
	va_list args, again;
	int length;

	va_start(args, format);
	va_copy(again, args);
	length = vsnprintf(NULL, 0, format, args);
	if (length >= 0 && json_reserve(json, (size_t)length)) {
		vsnprintf(json->data + json->length, (size_t)length + 1, format, again);
		json->length += (size_t)length;
	}
	va_end(again);
	va_end(args);
}

void ng_json_done(struct ng_json *json)
{
	free(json->data);
	*json = (struct ng_json){ .max = json->max };
}

/* The next character of UTF-8 (RFC 3629: shortest form, no surrogates) and its length; 0xfffd and 1 for what is none.
 */
static uint32_t next_char(const unsigned char *text, unsigned *ret_length)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned length = *text < 0x80   ? 1
				: *text < 0xc2 ? 0
				: *text < 0xe0 ? 2
				: *text < 0xf0 ? 3
				: *text < 0xf5 ? 4
					       : 0;
	uint32_t c = length == 1 ? *text : *text & (0xffu >> (length + 1));

	*ret_length = 1;
	if (length == 0)
		return 0xfffd;
	for (unsigned i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0xfffd;
		c = c << 6 | (text[i] & 0x3f);
	}
	if (c < least[length] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0xfffd;
	*ret_length = length;
	return c;
}

/* Moves the cursor, ends or reorders lines, or hides: controls, the separators, bidi controls, byte order mark. */
static bool is_disturbing(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff || c == 0xfffd;
}

static void json_chars(struct ng_json *json, const char *text, bool is_plain)
{
	const unsigned char *p = (const unsigned char *)text;

	while (*p) {
		unsigned length;
		uint32_t c = next_char(p, &length);

		if (is_plain && is_disturbing(c))
			json_put(json, "?", 1);
		else if (is_plain)
			json_put(json, (const char *)p, length);
		else if (is_disturbing(c))
			ng_json_add(json, "\\u%04x", c);
		else if (c == '"' || c == '\\')
			ng_json_add(json, "\\%c", (int)c);
		else
			json_put(json, (const char *)p, length);
		p += length;
	}
}

void ng_json_string(struct ng_json *json, const char *text)
{
	json_put(json, "\"", 1);
	json_chars(json, text ? text : "", false);
	json_put(json, "\"", 1);
}

void ng_json_plain(struct ng_json *json, const char *text)
{
	json_chars(json, text, true);
}

/* --- lines --- */

void ng_time_text(const struct timespec *when, char ret_text[static NG_TIME_TEXT_MAX])
{
	struct tm tm;

	if (!gmtime_r(&when->tv_sec, &tm))
		memset(&tm, 0, sizeof(tm));
	snprintf(ret_text, NG_TIME_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d.%06ldZ", tm.tm_year + 1900, tm.tm_mon + 1,
		 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, when->tv_nsec / 1000);
}

static void line_head(struct ng_json *json, const char *type, const struct timespec *when)
{
	char time[NG_TIME_TEXT_MAX];

	ng_time_text(when, time);
	ng_json_add(json, "{\"type\":\"%s\",\"time\":\"%s\",\"source\":\"run\"", type, time);
}

static void add_field(struct ng_json *json, const char *name, const char *text)
{
	ng_json_add(json, ",\"%s\":", name);
	ng_json_string(json, text);
}

static const char *profile_word(const struct ng_run_options *options)
{
	static const char *const words[] = { "", "offline", "local", "online" };
	const uint8_t profile = options->policy.app.profile;

	return profile < sizeof(words) / sizeof(words[0]) ? words[profile] : "";
}

static void add_command(struct ng_json *json, char **command)
{
	size_t left = COMMAND_MAX;

	ng_json_add(json, ",\"command\":[");
	for (char **word = command; word && *word; word++) {
		const size_t length = strlen(*word);

		if (length > left) {
			ng_json_add(json, "],\"command-cut\":true");
			return;
		}
		left -= length;
		ng_json_add(json, word == command ? "" : ",");
		ng_json_string(json, *word);
	}
	ng_json_add(json, "]");
}

static void add_allowances(struct ng_json *json, const struct ng_run_policy *policy)
{
	const char *comma = "", *word;
	char text[NG_ALLOW_TEXT_MAX];
	uint8_t flag;

	ng_json_add(json, ",\"allow\":[");
	for (unsigned i = 0; (word = ng_run_allow_word(i, &flag)); i++) {
		if (!(policy->app.flags & flag))
			continue;
		ng_json_add(json, "%s\"%s\"", comma, word);
		comma = ",";
	}
	for (unsigned i = 0; i < policy->allows.count; i++, comma = ",") {
		ng_run_allow_text(&policy->allows.allow[i], text);
		ng_json_add(json, "%s\"%s\"", comma, text);
	}
	for (unsigned i = 0; i < policy->n_names; i++, comma = ",") {
		ng_run_name_text(&policy->names[i], text);
		ng_json_add(json, "%s\"%s\"", comma, text);
	}
	ng_json_add(json, "],\"allow-unix\":[");
	for (unsigned i = 0; i < policy->n_unix; i++) {
		ng_json_add(json, i ? "," : "");
		ng_json_string(json, policy->unix_paths[i]);
	}
	ng_json_add(json, "],\"publish\":[");
	for (unsigned i = 0; i < policy->n_publish; i++) {
		ng_run_publish_text(&policy->publish[i], text);
		ng_json_add(json, "%s\"%s\"", i ? "," : "", text);
	}
	ng_json_add(json, "]");
}

void ng_json_start(struct ng_json *json, const struct ng_run_options *options, const struct timespec *when, char rung,
		   const char *why)
{
	const struct ng_run_policy *policy = &options->policy;

	line_head(json, "start", when);
	ng_json_add(json, ",\"pid\":%d,\"uid\":%u", (int)getpid(), (unsigned)getuid());
	add_command(json, options->command);
	add_field(json, "profile", profile_word(options));
	add_allowances(json, policy);
	ng_json_add(json, ",\"dry-run\":%s,\"sandbox\":%s,\"rung\":\"%c\"", policy->is_dry_run ? "true" : "false",
		    options->is_sandbox ? "true" : "false", rung);
	add_field(json, "why", why);
	ng_json_add(json, "}\n");
}

void ng_json_attempt(struct ng_json *json, const struct ng_run_options *options, const struct ng_attempt *attempt,
		     uint64_t count, const struct timespec *when)
{
	const bool is_inet = attempt->family == AF_INET || attempt->family == AF_INET6;
	const char *verdict = ng_record_verdict_word(attempt);
	const char *errno_name = attempt->error > 0 ? strerrorname_np(attempt->error) : NULL;
	char address[NG_ADDRESS_TEXT_MAX] = "", family[16], proto[16], tip[NG_TIP_MAX];

	if (ng_record_has_address(attempt))
		ng_run_address_text(attempt->flow.addr, address);
	ng_record_tip(options, attempt, tip);
	line_head(json, "attempt", when);
	ng_json_add(json, ",\"count\":%llu,\"pid\":%d,\"uid\":%u", (unsigned long long)count, (int)attempt->pid,
		    (unsigned)attempt->uid);
	add_field(json, "executable", attempt->exe);
	add_field(json, "profile", profile_word(options));
	add_field(json, "call", attempt->call);
	add_field(json, "family", ng_record_family_word(attempt->family, family));
	add_field(json, "protocol", is_inet ? ng_record_proto_word(attempt->flow.proto, proto) : "");
	add_field(json, "address", address);
	ng_json_add(json, ",\"port\":%u", is_inet ? attempt->flow.port : 0);
	add_field(json, "path", attempt->path);
	add_field(json, "name", attempt->name);
	add_field(json, "class", *address ? ng_record_class_word(attempt->class) : "");
	add_field(json, "verdict", verdict);
	add_field(json, "reason", ng_record_reason_word(attempt->reason));
	ng_json_add(json, ",\"text\":\"%s: %s\"",
		    !attempt->is_allowed   ? "denied"
		    : attempt->is_foreseen ? "would be denied"
					   : "allowed",
		    ng_record_reason_text(options, attempt));
	add_field(json, "errno", errno_name);
	add_field(json, "tip", tip);
	ng_json_add(json, "}\n");
}

void ng_json_end(struct ng_json *json, const struct timespec *when, int status, const struct ng_totals *totals)
{
	line_head(json, "end", when);
	ng_json_add(json,
		    ",\"exit-status\":%d,\"allowed\":%llu,\"denied\":%llu,\"would-be-denied\":%llu,\"lost\":%llu}\n",
		    status, (unsigned long long)totals->allowed, (unsigned long long)totals->denied,
		    (unsigned long long)totals->foreseen, (unsigned long long)totals->lost);
}
