/* SPDX-License-Identifier: MIT */
/* A confined command in words: see run-words.h. */
#include "window/run-words.h"

#include <glib/gi18n.h>
#include <signal.h>
#include <string.h>

#include "window/activity-words.h"
#include "window/app.h"
#include "window/format.h"

/* --- attempts --- */

char *ngw_run_program(const NgwRunRecord *attempt)
{
	return *attempt->executable ? g_path_get_basename(attempt->executable) : g_strdup(_("Unknown program"));
}

static gboolean is_call(const NgwRunRecord *attempt, const char *call)
{
	return g_str_equal(attempt->call, call);
}

static gboolean is_listening(const NgwRunRecord *attempt)
{
	return is_call(attempt, "bind") || is_call(attempt, "listen");
}

static char *place_listening(const NgwRunRecord *attempt, const char *place)
{
	const gboolean is_everywhere = g_str_equal(attempt->address, "0.0.0.0") || g_str_equal(attempt->address, "::");

	if (is_everywhere && attempt->port > 0)
		return g_strdup_printf(_("listening on port %u/%s"), attempt->port, attempt->protocol);
	return g_strdup_printf(_("listening on %s"), place);
}

char *ngw_run_destination(const NgwRunRecord *attempt)
{
	g_autofree char *place = NULL;

	if (*attempt->path) {
		place = g_strdup_printf(_("the socket %s"), attempt->path);
		return is_listening(attempt) ? place_listening(attempt, attempt->path) : g_steal_pointer(&place);
	}
	if (is_call(attempt, "resolve"))
		return g_strdup_printf(_("the name %s"), attempt->name);
	if (!*attempt->address)
		return g_strdup_printf(_("a %s socket"), *attempt->protocol ? attempt->protocol : attempt->family);
	place = ngw_format_host(attempt->address, attempt->port, attempt->protocol);
	if (is_listening(attempt))
		return place_listening(attempt, place);
	return *attempt->name ? g_strdup_printf("%s (%s)", attempt->name, place) : g_steal_pointer(&place);
}

static const char *why_of(const NgwRunRecord *attempt)
{
	const NgwAttempt as_elsewhere = { .reason = attempt->reason, .text = attempt->text };

	if (!g_str_equal(attempt->reason, "offline") || attempt->verdict == NGW_VERDICT_ALLOWED)
		return ngw_attempt_why(&as_elsewhere);
	/* The launcher refuses these under every profile but Online. */
	if (is_call(attempt, "resolve"))
		return _("no allowance has this name");
	if (*attempt->path == '@')
		return _("sockets of this computer without a path are cut off");
	if (*attempt->path)
		return _("no allowance has this socket");
	return *attempt->address ? ngw_attempt_why(&as_elsewhere)
				 : _("sockets of this kind are not for confined programs");
}

char *ngw_run_verdict(const NgwRunRecord *attempt)
{
	g_autofree char *times = ngw_format_times(attempt->count);

	return g_strdup_printf(_("%s %s: %s"), ngw_verdict_title(attempt->verdict), times, why_of(attempt));
}

char *ngw_run_sentence(const NgwRunRecord *attempt)
{
	g_autofree char *program = ngw_run_program(attempt);
	g_autofree char *destination = ngw_run_destination(attempt);
	g_autofree char *verdict = ngw_run_verdict(attempt);

	return g_strdup_printf("%s, %s, %s", program, destination, verdict);
}

/* --- how it is confined --- */

static char *with_reason(const char *text, const char *why)
{
	/* Translators: a sentence and the launcher's reason for it */
	return *why ? g_strdup_printf(_("%s: %s"), text, why) : g_strdup_printf("%s.", text);
}

char *ngw_run_confinement(const NgwRunRecord *start)
{
	if (!start)
		return NULL;
	switch (start->rung) {
	case 'A':
		return g_strdup(_("Confined by a network of its own."));
	case 'B':
		return with_reason(_("Confined by a filter only"), start->why);
	case 'C':
		return with_reason(_("Confined by a filter only, and without a list of its attempts"), start->why);
	default:
		return g_strdup(_("How it is confined was not said."));
	}
}

char *ngw_run_reach(const NgwRunRecord *start)
{
	const NgwProfile profile = start ? ngw_profile_from_word(start->profile) : NGW_PROFILE_NONE;

	if (profile == NGW_PROFILE_NONE)
		return NULL;
	if (*start->allowed)
		/* Translators: "Offline: cannot use the network, but also allowed is example.org:443/tcp, /run/x" */
		return g_strdup_printf(_("%s: %s, but also allowed is %s"), ngw_profile_title(profile),
				       ngw_profile_effect(profile), start->allowed);
	return g_strdup_printf(_("%s: %s"), ngw_profile_title(profile), ngw_profile_effect(profile));
}

/* --- how it ended --- */

char *ngw_run_outcome_title(const NgwRunOutcome *outcome)
{
	const char *name;

	if (outcome->signal != 0) {
		name = sigabbrev_np(outcome->signal);
		return g_strdup_printf(_("Ended by signal %s"), name ? name : "?");
	}
	if (!outcome->start)
		return g_strdup(outcome->status == 0 ? _("Ended without a word on how it was confined")
						     : _("Nothing was run"));
	if (outcome->status == 0)
		return g_strdup(_("Ended well"));
	name = outcome->status > 128 ? sigabbrev_np(outcome->status - 128) : NULL;
	if (name)
		/* Translators: the status is 128 and the number of the signal */
		return g_strdup_printf(_("Ended by signal %s (status %d)"), name, outcome->status);
	return g_strdup_printf(_("Ended with status %d"), outcome->status);
}

static char *lost_text(guint64 lost)
{
	return g_strdup_printf(g_dngettext(GETTEXT_PACKAGE, "%'lu attempt could not be recorded.",
					   "%'lu attempts could not be recorded.", (gulong)lost),
			       (gulong)lost);
}

char *ngw_run_outcome_more(const NgwRunOutcome *outcome)
{
	if (outcome->signal != 0)
		return g_strdup(outcome->was_stopped ? _("It did not stop when it was asked to, so it was ended by "
							 "force, with all it had started.")
						     : _("The launcher was ended, and with it all it had started."));
	if (!outcome->start && outcome->status == 0)
		return g_strdup(_("Take it as not confined, and install Network Guard again."));
	if (!outcome->start)
		return g_strdup(*outcome->said ? outcome->said : _("The launcher did not say why."));
	if (!outcome->end)
		return g_strdup(_("The launcher’s last record is missing, so some attempts may not be listed."));
	if (outcome->end->lost > 0)
		return lost_text(outcome->end->lost);
	if (outcome->was_stopped)
		return g_strdup(_("It was stopped."));
	switch (outcome->status) {
	case 125:
		return g_strdup(
			_("With this status the launcher says that it failed itself. Its words are in the output."));
	case 126:
		return g_strdup(_("With this status a program says that another one could not be started."));
	case 127:
		return g_strdup(_("With this status a program says that another one was not found."));
	default:
		return NULL;
	}
}

/* --- the command line --- */

char *ngw_run_command_error(const GError *error)
{
	if (g_error_matches(error, G_SHELL_ERROR, G_SHELL_ERROR_EMPTY_STRING))
		return g_strdup(_("There is no command. Type one, such as: make test"));
	if (g_error_matches(error, G_SHELL_ERROR, G_SHELL_ERROR_BAD_QUOTING))
		return g_strdup(
			_("A quotation mark is not closed, or the command ends with a backslash. Close it, or put "
			  "a backslash before it."));
	return g_strdup(error->message);
}

const char *ngw_run_shell_word(const char *const *words)
{
	static const char *const shell[] = { "|", "||", "&", "&&", ";", ">", ">>", "<", "2>", "2>&1", NULL };

	for (; *words; words++) {
		if (g_strv_contains(shell, *words))
			return *words;
	}
	return NULL;
}
