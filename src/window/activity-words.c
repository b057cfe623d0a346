/* SPDX-License-Identifier: MIT */
/* Attempts in words: see activity-words.h. */
#include "window/activity-words.h"

#include <glib/gi18n.h>
#include <pwd.h>
#include <string.h>

#include "window/format.h"

#define USER_BYTES 4096 /* of a passwd entry */

const char *ngw_verdict_title(NgwVerdict verdict)
{
	switch (verdict) {
	case NGW_VERDICT_ALLOWED:
		return _("Allowed");
	case NGW_VERDICT_BLOCKED:
		return _("Blocked");
	case NGW_VERDICT_WOULD_BLOCK:
		return _("Would be blocked");
	}
	return "";
}

static char *destination_listening(const NgwAttempt *attempt)
{
	g_autofree char *place = ngw_format_host(attempt->address, attempt->port, attempt->protocol);

	if (attempt->port == 0)
		return g_strdup_printf(_("listening on %s"), place);
	if (g_str_equal(attempt->address, "0.0.0.0") || g_str_equal(attempt->address, "::") || !*attempt->address)
		return g_strdup_printf(_("listening on port %u/%s"), attempt->port, attempt->protocol);
	return g_strdup_printf(_("listening on %s"), place);
}

char *ngw_attempt_destination(const NgwAttempt *attempt)
{
	g_autofree char *place = *attempt->address ? ngw_format_host(attempt->address, attempt->port, attempt->protocol)
						   : g_strdup(_("an unknown address"));

	switch (attempt->direction) {
	case NGW_DIRECTION_TO:
		return g_steal_pointer(&place);
	case NGW_DIRECTION_FROM:
		return g_strdup_printf(_("from %s"), place);
	case NGW_DIRECTION_LISTEN:
		return destination_listening(attempt);
	case NGW_DIRECTION_SOCKET:
		/* Translators: a program asked for a socket, before it named an address; %s is "tcp" or "ipv6" */
		return g_strdup_printf(_("a %s socket"), *attempt->protocol ? attempt->protocol : attempt->family);
	}
	return NULL;
}

char *ngw_attempt_allowance(const NgwAttempt *attempt)
{
	const gboolean has_protocol = g_str_equal(attempt->protocol, "tcp") || g_str_equal(attempt->protocol, "udp");

	if ((attempt->direction != NGW_DIRECTION_TO && attempt->direction != NGW_DIRECTION_FROM) ||
	    !g_hostname_is_ip_address(attempt->address))
		return NULL;
	return ngw_format_host(attempt->address, has_protocol ? attempt->port : 0,
			       has_protocol ? attempt->protocol : NULL);
}

static const struct {
	const char *reason, *why;
} whys[] = {
	{ "offline", N_("it is Offline") },
	{ "not-local", N_("it is Local, and this is on the Internet") },
	{ "shared", N_("it is Local, and this is the address of a carrier or an overlay VPN") },
	{ "metadata", N_("it is Local, and this is the metadata service of a cloud") },
	{ "panic", N_("everything is Offline until it is resumed") },
	{ "malformed", N_("the rule or the packet could not be understood") },
	{ "untagged", N_("which program this is could not be told") },
	{ "too-deep", N_("it has more listed ancestors than can be followed") },
	{ "mptcp-path", N_("it is an extra path that the kernel opened by itself") },
	{ "online", N_("it is Online") },
	{ "local", N_("it is Local, and this is on the local network") },
	{ "allowance", N_("this destination is allowed for it") },
	{ "paused", N_("the guard was paused") },
	{ "kernel", N_("it is the kernel’s own connection") },
	{ "none", N_("no address is involved yet") },
};

const char *ngw_attempt_why(const NgwAttempt *attempt)
{
	for (gsize i = 0; i < G_N_ELEMENTS(whys); i++) {
		if (g_str_equal(attempt->reason, whys[i].reason))
			return _(whys[i].why);
	}
	return *attempt->text ? attempt->text : attempt->reason;
}

char *ngw_attempt_program(const NgwAttempt *attempt)
{
	g_autofree char *name = NULL;

	if (*attempt->executable)
		name = g_path_get_basename(attempt->executable);
	else
		name = g_strdup(*attempt->command ? attempt->command : _("Unknown program"));
	return g_utf8_make_valid(name, -1);
}

char *ngw_attempt_process(const NgwAttempt *attempt, const char *user)
{
	g_autofree char *program = *attempt->command ? g_strdup(attempt->command) : ngw_attempt_program(attempt);
	GString *text = g_string_new(program);

	if (attempt->pid > 0) {
		g_string_append(text, " · ");
		g_string_append_printf(text, _("process %u"), attempt->pid);
	}
	if (user) {
		g_string_append(text, " · ");
		g_string_append_printf(text, _("user %s"), user);
	}
	return g_string_free(text, FALSE);
}

char *ngw_attempt_sentence(const NgwAttempt *attempt, const char *name)
{
	g_autofree char *destination = ngw_attempt_destination(attempt);
	g_autofree char *times = ngw_format_times(attempt->count);
	g_autofree char *when = ngw_format_when(attempt->last);

	switch (attempt->verdict) {
	case NGW_VERDICT_ALLOWED:
		return g_strdup_printf(_("%s, %s, allowed %s, last %s: %s"), name, destination, times, when,
				       ngw_attempt_why(attempt));
	case NGW_VERDICT_BLOCKED:
		return g_strdup_printf(_("%s, %s, blocked %s, last %s: %s"), name, destination, times, when,
				       ngw_attempt_why(attempt));
	case NGW_VERDICT_WOULD_BLOCK:
		return g_strdup_printf(_("%s, %s, would be blocked %s, last %s: %s"), name, destination, times, when,
				       ngw_attempt_why(attempt));
	}
	return NULL;
}

static void add_line(GString *text, const char *title, const char *value)
{
	if (value && *value)
		g_string_append_printf(text, "%s: %s\n", title, value);
}

/* Full date and time with the zone: what is pasted is read later and elsewhere. */
static char *stamp(gint64 time)
{
	g_autoptr(GDateTime) then = g_date_time_new_from_unix_local(time);

	return then ? g_date_time_format(then, "%Y-%m-%d %H:%M:%S %Z") : g_strdup("");
}

char *ngw_attempt_details(const NgwAttempt *attempt, const char *name, const char *user)
{
	GString *text = g_string_new(NULL);
	g_autofree char *destination = ngw_attempt_destination(attempt);
	g_autofree char *process = ngw_attempt_process(attempt, user);
	g_autofree char *times = ngw_format_times(attempt->count);
	g_autofree char *first = stamp(attempt->first), *last = stamp(attempt->last);

	add_line(text, _("Application"), name);
	add_line(text, _("Destination"), destination);
	add_line(text, _("Result"), ngw_verdict_title(attempt->verdict));
	add_line(text, _("Because"), ngw_attempt_why(attempt));
	add_line(text, _("Rule of"), attempt->decider);
	add_line(text, _("Count"), times);
	add_line(text, _("First"), first);
	add_line(text, _("Last"), last);
	add_line(text, _("Process"), process);
	add_line(text, _("Program"), attempt->executable);
	return g_string_free(text, FALSE);
}

char *ngw_user_name(guint uid)
{
	struct passwd entry, *found = NULL;
	g_autofree char *buffer = g_malloc(USER_BYTES);

	if (getpwuid_r((uid_t)uid, &entry, buffer, USER_BYTES, &found) == 0 && found && found->pw_name)
		return g_utf8_make_valid(found->pw_name, -1);
	return g_strdup_printf("%u", uid);
}

static gboolean is_one_of(const char *word, const char *const *words)
{
	return g_strv_contains(words, word);
}

NgwHelps ngw_attempt_helps(const NgwAttempt *attempt)
{
	static const char *const by_profile[] = { "offline", "not-local", "shared", "metadata", NULL };
	static const char *const local_classes[] = { "machine", "lan", "on-link", NULL };
	g_autofree char *allowance = ngw_attempt_allowance(attempt);
	NgwHelps helps = NGW_HELPS_ONLINE;

	if (attempt->verdict == NGW_VERDICT_ALLOWED || !is_one_of(attempt->reason, by_profile))
		return 0;
	/* Before there is an address nobody knows where it is meant to go. */
	if (g_str_equal(attempt->reason, "offline") &&
	    (is_one_of(attempt->class, local_classes) || attempt->direction == NGW_DIRECTION_SOCKET ||
	     attempt->direction == NGW_DIRECTION_LISTEN))
		helps |= NGW_HELPS_LOCAL;
	return helps | (allowance ? NGW_HELPS_ALLOWANCE : 0);
}

const char *ngw_attempt_key(const NgwAttempt *attempt)
{
	return *attempt->application ? attempt->application : attempt->executable;
}

gboolean ngw_activity_filter_passes(const NgwActivityFilter *filter, NgwActivityGroup *group, const char *name)
{
	const NgwAttempt *attempt = ngw_activity_group_attempt(group);

	if (filter->only_blocked && attempt->verdict == NGW_VERDICT_ALLOWED)
		return FALSE;
	if (attempt->last < filter->since)
		return FALSE;
	if (filter->application && !g_str_equal(filter->application, ngw_attempt_key(attempt)))
		return FALSE;
	return !*filter->search || strstr(name, filter->search) ||
	       strstr(ngw_activity_group_search_text(group), filter->search);
}
