/* SPDX-License-Identifier: MIT */
/* What the application page says about attempts, connections and ends: see app-page-texts.h. */
#include "window/app-page-texts.h"

#include <glib/gi18n.h>
#include <string.h>
#include <unistd.h>

#include "window/app.h"
#include "window/format.h"
#include "window/guard.h"

#define MAX_GROUPS 1000
/* Linux gives programs source ports from here on: what comes from one of these is not the same place next time. */
#define FIRST_EPHEMERAL_PORT 32768

NgwPageSubject *ngw_page_subject_new(const char *id, char **executables)
{
	NgwPageSubject *subject = g_new0(NgwPageSubject, 1);

	subject->id = g_strdup(id);
	subject->executables = g_strdupv(executables);
	return subject;
}

void ngw_page_subject_free(gpointer data)
{
	NgwPageSubject *subject = data;

	g_free(subject->id);
	g_strfreev(subject->executables);
	g_free(subject);
}

static gboolean is_one_of(const NgwPageSubject *subject, const char *executable)
{
	return subject->executables && g_strv_contains((const char *const *)subject->executables, executable);
}

/* --- reasons --- */

static const struct {
	const char *word;
	const char *text;
	gboolean is_allowable; /* an entry in the allow list would let it through */
} reasons[] = {
	{ "offline", N_("it is Offline"), TRUE },
	{ "not-local", N_("it is Local, and the address is on the Internet"), TRUE },
	{ "shared", N_("it is Local, and carrier NAT or overlay VPN addresses are not included"), TRUE },
	{ "metadata", N_("it is Local, and the cloud metadata service is not included"), TRUE },
	{ "panic", N_("everything is Offline until it is resumed"), FALSE },
	{ "paused", N_("the guard is paused"), FALSE },
	{ "online", N_("it is Online"), FALSE },
	{ "local", N_("it is Local, and the address is on your own network"), FALSE },
	{ "allowance", N_("it is in its list of allowed hosts"), FALSE },
	{ "kernel", N_("it is the kernel's own connection"), FALSE },
	{ "malformed", N_("the packet could not be understood"), FALSE },
	{ "untagged", N_("which program it is could not be told"), FALSE },
	{ "too-deep", N_("too many programs that were decided on started one another"), FALSE },
	{ "mptcp-path", N_("it is an extra path that the kernel opened by itself"), FALSE },
};

char *ngw_page_reason_text(const char *word, const char *text)
{
	const char *clause = strstr(text, ": ");

	for (gsize i = 0; i < G_N_ELEMENTS(reasons); i++) {
		if (g_str_equal(reasons[i].word, word))
			return g_strdup(_(reasons[i].text));
	}
	return g_strdup(clause ? clause + 2 : text);
}

gboolean ngw_page_reason_is_allowable(const char *word)
{
	for (gsize i = 0; i < G_N_ELEMENTS(reasons); i++) {
		if (g_str_equal(reasons[i].word, word))
			return reasons[i].is_allowable;
	}
	return FALSE;
}

static const struct {
	const char *word, *text;
} classes[] = {
	{ "global", N_("on the Internet") },
	{ "machine", N_("this computer") },
	{ "lan", N_("on your own network") },
	{ "on-link", N_("on your own network, reached directly") },
	{ "shared", N_("of a carrier's NAT or an overlay VPN") },
	{ "metadata", N_("a cloud provider's metadata service") },
};

const char *ngw_page_class_text(const char *word)
{
	for (gsize i = 0; i < G_N_ELEMENTS(classes); i++) {
		if (g_str_equal(classes[i].word, word))
			return _(classes[i].text);
	}
	return word;
}

/* --- blocked attempts --- */

static void blocked_free(gpointer data)
{
	NgwPageBlock *blocked = data;

	g_free(blocked->key);
	g_free(blocked->place);
	g_free(blocked->allow);
	g_free(blocked->decider);
	g_free(blocked->reason);
	g_free(blocked);
}

static gboolean is_of(GVariant *attempt, const NgwPageSubject *subject)
{
	const char *application = ngw_dict_string(attempt, "application", "");

	if (*subject->id)
		return g_str_equal(application, subject->id);
	return !*application && is_one_of(subject, ngw_dict_string(attempt, "executable", ""));
}

static guint place_port(GVariant *attempt)
{
	const guint port = (guint)ngw_dict_count(attempt, "port");
	const gboolean is_in = g_str_equal(ngw_dict_string(attempt, "call", ""), "recv");

	return is_in && port >= FIRST_EPHEMERAL_PORT ? 0 : port;
}

static char *attempt_place(GVariant *attempt)
{
	const char *call = ngw_dict_string(attempt, "call", "");
	const char *protocol = ngw_dict_string(attempt, "protocol", "");
	const char *address = ngw_dict_string(attempt, "address", "");
	g_autofree char *host = ngw_format_host(address, place_port(attempt), protocol);

	if (g_str_equal(call, "create"))
		return g_strdup_printf(_("Opening a socket (%s)"), protocol);
	if (g_str_equal(call, "bind"))
		return g_strdup_printf(_("Listening on %s"), host);
	if (g_str_equal(call, "recv"))
		return g_strdup_printf(_("Incoming from %s"), host);
	return g_steal_pointer(&host);
}

static char *attempt_allow(GVariant *attempt)
{
	const char *call = ngw_dict_string(attempt, "call", "");
	const char *protocol = ngw_dict_string(attempt, "protocol", "");
	const char *address = ngw_dict_string(attempt, "address", "");
	const gboolean is_named = g_str_equal(protocol, "tcp") || g_str_equal(protocol, "udp");

	if (g_str_equal(call, "create") || g_str_equal(call, "bind") || !*address ||
	    !ngw_page_reason_is_allowable(ngw_dict_string(attempt, "reason", "")))
		return NULL;
	return ngw_format_host(address, is_named ? place_port(attempt) : 0, is_named ? protocol : "");
}

static NgwPageBlock *blocked_new(GVariant *attempt, const NgwPageSubject *subject, const char *place,
				 const char *decider)
{
	NgwPageBlock *blocked = g_new0(NgwPageBlock, 1);
	const gboolean is_other = *decider && !g_str_equal(decider, subject->id);

	blocked->key = g_strdup_printf("%s\n%s", place, decider);
	blocked->place = g_strdup(place);
	blocked->decider = is_other ? g_strdup(decider) : NULL;
	blocked->allow = is_other || !*subject->id ? NULL : attempt_allow(attempt);
	return blocked;
}

static void blocked_add(NgwPageBlock *blocked, GVariant *attempt)
{
	const gint64 time = ngw_dict_time(attempt, "time");

	blocked->count += ngw_dict_count(attempt, "count");
	if (time < blocked->last)
		return;
	blocked->last = time;
	g_free(blocked->reason);
	blocked->reason =
		ngw_page_reason_text(ngw_dict_string(attempt, "reason", ""), ngw_dict_string(attempt, "text", ""));
	blocked->is_simulated = g_str_equal(ngw_dict_string(attempt, "verdict", ""), "would-be-denied");
}

static int compare_last(gconstpointer a, gconstpointer b)
{
	const NgwPageBlock *one = *(const NgwPageBlock *const *)a, *other = *(const NgwPageBlock *const *)b;

	if (one->last != other->last)
		return one->last > other->last ? -1 : 1;
	return strcmp(one->key, other->key);
}

GPtrArray *ngw_page_blocks_of(GVariant *reply, const NgwPageSubject *subject)
{
	g_autoptr(GVariant) attempts = g_variant_get_child_value(reply, 0);
	g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);
	GPtrArray *groups = g_ptr_array_new_with_free_func(blocked_free);

	for (gsize i = 0; i < g_variant_n_children(attempts); i++) {
		g_autoptr(GVariant) attempt = g_variant_get_child_value(attempts, i);
		const char *decider = ngw_dict_string(attempt, "decider", "");
		g_autofree char *place = NULL;
		g_autofree char *key = NULL;
		NgwPageBlock *blocked;

		if (!is_of(attempt, subject) || g_str_equal(ngw_dict_string(attempt, "verdict", ""), "allowed"))
			continue;
		place = attempt_place(attempt);
		key = g_strdup_printf("%s\n%s", place, decider);
		blocked = g_hash_table_lookup(known, key);
		if (!blocked && groups->len < MAX_GROUPS) {
			blocked = blocked_new(attempt, subject, place, decider);
			g_ptr_array_add(groups, blocked);
			g_hash_table_insert(known, blocked->key, blocked);
		}
		if (blocked)
			blocked_add(blocked, attempt);
	}
	g_ptr_array_sort(groups, compare_last);
	return groups;
}

/* --- connections --- */

static void connection_free(gpointer data)
{
	NgwPageSocket *connection = data;

	g_free(connection->key);
	g_free(connection->place);
	g_free(connection->detail);
	g_free(connection);
}

static gboolean process_is_of(guint pid, const NgwPageSubject *subject)
{
	g_autofree char *link = g_strdup_printf("/proc/%u/exe", pid);
	g_autofree char *path = g_file_read_link(link, NULL);

	return path && is_one_of(subject, path);
}

static const struct {
	const char *word, *text;
} socket_states[] = {
	{ "established", N_("open") },
	{ "syn-sent", N_("connecting") },
	{ "syn-received", N_("connecting") },
	{ "fin-wait-1", N_("closing") },
	{ "fin-wait-2", N_("closing") },
	{ "time-wait", N_("closed") },
	{ "closed", N_("") },
	{ "close-wait", N_("closing") },
	{ "last-ack", N_("closing") },
	{ "listening", N_("waiting") },
	{ "closing", N_("closing") },
};

static const char *state_text(const char *word)
{
	for (gsize i = 0; i < G_N_ELEMENTS(socket_states); i++) {
		if (g_str_equal(socket_states[i].word, word))
			return *socket_states[i].text ? _(socket_states[i].text) : "";
	}
	return word;
}

static NgwPageSocket *connection_new(GVariant *dict, guint pid)
{
	NgwPageSocket *connection = g_new0(NgwPageSocket, 1);
	const char *remote = ngw_dict_string(dict, "remote", ""), *local = ngw_dict_string(dict, "local", "");
	const char *protocol = ngw_dict_string(dict, "protocol", ""), *state = ngw_dict_string(dict, "state", "");
	GString *detail = g_string_new(protocol);

	connection->key = g_strdup_printf("%s %s %s %u", protocol, local, remote, pid);
	if (*remote)
		connection->place = g_strdup(remote);
	else
		connection->place = g_strdup_printf(_("Waiting on %s"), *local ? local : _("any address"));
	if (*remote && *state_text(state))
		g_string_append_printf(detail, " · %s", state_text(state));
	if (*remote && *local)
		g_string_append_printf(detail, _(" · from %s"), local);
	g_string_append_printf(detail, _(" · process %u"), pid);
	connection->detail = g_string_free(detail, FALSE);
	return connection;
}

GPtrArray *ngw_page_sockets_of(GVariant *reply, const NgwPageSubject *subject, guint max, guint *ret_more)
{
	g_autoptr(GVariant) list = g_variant_get_child_value(reply, 0);
	GPtrArray *connections = g_ptr_array_new_with_free_func(connection_free);
	guint more = 0;

	for (gsize i = 0; i < g_variant_n_children(list); i++) {
		g_autoptr(GVariant) dict = g_variant_get_child_value(list, i);
		const guint pid = (guint)ngw_dict_count(dict, "pid");

		if (!g_str_equal(ngw_dict_string(dict, "application", ""), subject->id) ||
		    (!*subject->id && !process_is_of(pid, subject)))
			continue;
		if (connections->len < max)
			g_ptr_array_add(connections, connection_new(dict, pid));
		else
			more++;
	}
	*ret_more = more;
	return connections;
}

/* --- ends and entries --- */

char *ngw_page_end_text(const char *name, gint64 until, const char *while_word, const char *then,
			const char *default_profile)
{
	g_autofree char *when = until > 0 ? ngw_format_when(until) : NULL;
	g_autofree char *what = NULL;

	if (*then)
		what = g_strdup(ngw_profile_title(ngw_profile_from_word(then)));
	else if (*default_profile)
		/* Translators: %s is Offline, Local or Online */
		what = g_strdup_printf(_("the default, %s,"),
				       ngw_profile_title(ngw_profile_from_word(default_profile)));
	else
		what = g_strdup(_("the default"));
	if (g_str_equal(while_word, "running"))
		/* Translators: back to a profile when an application quits */
		return g_strdup_printf(_("Back to %s when %s quits"), what, name);
	if (g_str_equal(while_word, "boot"))
		return g_strdup_printf(_("Back to %s when the computer restarts"), what);
	/* Translators: back to a profile at a time of day */
	return when ? g_strdup_printf(_("Back to %s at %s"), what, when) : g_strdup("");
}

const char *ngw_page_allow_meaning(const char *entry)
{
	if (g_str_equal(entry, "loopback"))
		return _("This computer itself");
	if (g_str_equal(entry, "shared"))
		return _("Addresses of carrier NAT and overlay VPNs");
	if (g_str_equal(entry, "cloud-metadata"))
		return _("The cloud provider's metadata service");
	return NULL;
}

/* --- packages --- */

static char *pattern_of(const char *path)
{
	GString *pattern = g_string_new(NULL);

	for (; *path; path++) {
		if (strchr("*?[\\", *path))
			g_string_append_c(pattern, '\\');
		g_string_append_c(pattern, *path);
	}
	return g_string_free(pattern, FALSE);
}

char **ngw_page_package_patterns(const char *path)
{
	static const char *const merged[] = { "/usr/bin/", "/usr/sbin/", "/usr/lib" };
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
	g_autofree char *pattern = pattern_of(path);

	g_strv_builder_add(builder, pattern);
	for (gsize i = 0; i < G_N_ELEMENTS(merged); i++) {
		if (g_str_has_prefix(pattern, merged[i]))
			g_strv_builder_add(builder, pattern + strlen("/usr"));
	}
	return g_strv_builder_end(builder);
}

static gboolean is_path_of(const char *found, const char *const *paths)
{
	for (; *paths; paths++) {
		if (g_str_equal(found, *paths) ||
		    (g_str_has_prefix(*paths, "/usr/") && g_str_equal(found, *paths + strlen("/usr"))))
			return TRUE;
	}
	return FALSE;
}

char *ngw_page_package_parse(const char *output, const char *const *paths)
{
	g_auto(GStrv) lines = g_strsplit(output, "\n", -1);

	for (char **line = lines; *line; line++) {
		char *found = strstr(*line, ": /");

		if (!found || g_str_has_prefix(*line, "diversion ") || g_str_has_prefix(*line, "local diversion "))
			continue;
		*found = '\0';
		if (is_path_of(found + 2, paths)) {
			g_auto(GStrv) packages = g_strsplit(*line, ", ", -1);
			char *arch = strchr(packages[0], ':');

			if (arch)
				*arch = '\0';
			return g_strdup(packages[0]);
		}
	}
	return NULL;
}
