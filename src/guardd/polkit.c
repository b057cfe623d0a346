/* SPDX-License-Identifier: MIT */
/* Asking polkit (see polkit.h). Signatures: polkit's D-Bus reference, org.freedesktop.PolicyKit1.Authority. */
#include "guardd/polkit.h"

#define POLKIT_NAME "org.freedesktop.PolicyKit1"
#define POLKIT_PATH "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"
#define POLKIT_ERROR_CANCELLED "org.freedesktop.PolicyKit1.Error.Cancelled"
#define FLAG_ALLOW_USER_INTERACTION 1u
#define ACTION_PREFIX "org.networkguard.guard1."

typedef struct {
	NgPolkitDone done;
	gpointer user_data;
	char *cancellation_id;
} Check;

/* polkit has no other way to hear that nobody waits any more. */
static void check_withdraw(GDBusConnection *bus, const Check *check)
{
	g_dbus_connection_call(bus, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE, "CancelCheckAuthorization",
			       g_variant_new("(s)", check->cancellation_id), NULL, G_DBUS_CALL_FLAGS_NO_AUTO_START,
			       NG_POLKIT_TIMEOUT_MS, NULL, NULL, NULL);
}

static gboolean is_absent(const char *name)
{
	static const char *const names[] = {
		"org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner",
		"org.freedesktop.DBus.Error.NoReply",        "org.freedesktop.DBus.Error.Disconnected",
		"org.freedesktop.systemd1.NoSuchUnit",       "org.freedesktop.systemd1.UnitMasked"
	};

	for (gsize i = 0; name && i < G_N_ELEMENTS(names); i++) {
		if (g_str_equal(name, names[i]))
			return TRUE;
	}
	return name && g_str_has_prefix(name, "org.freedesktop.DBus.Error.Spawn.");
}

static NgPolkitAnswer answer_of_error(const GError *error)
{
	g_autofree char *name = g_dbus_error_get_remote_error(error);

	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return NG_POLKIT_CANCELLED;
	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT))
		return NG_POLKIT_LATE;
	if (g_strcmp0(name, POLKIT_ERROR_CANCELLED) == 0)
		return NG_POLKIT_CANCELLED;
	return is_absent(name) || g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CLOSED) ? NG_POLKIT_ABSENT
											: NG_POLKIT_FAILED;
}

static NgPolkitAnswer answer_of_reply(GVariant *reply)
{
	g_autoptr(GVariant) details = NULL;
	gboolean is_authorized, is_challenge;
	const char *dismissed = NULL;

	g_variant_get(reply, "((bb@a{ss}))", &is_authorized, &is_challenge, &details);
	if (is_authorized)
		return NG_POLKIT_YES;
	g_variant_lookup(details, "polkit.dismissed", "&s", &dismissed);
	if (dismissed && *dismissed)
		return NG_POLKIT_DISMISSED;
	return is_challenge ? NG_POLKIT_ASK : NG_POLKIT_NO;
}

static void check_done(GObject *source, GAsyncResult *result, gpointer data)
{
	GDBusConnection *bus = G_DBUS_CONNECTION(source);
	Check *check = data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GVariant) reply = g_dbus_connection_call_finish(bus, result, &error);
	const NgPolkitAnswer answer = reply ? answer_of_reply(reply) : answer_of_error(error);

	if (answer == NG_POLKIT_CANCELLED || answer == NG_POLKIT_LATE)
		check_withdraw(bus, check);
	if (error)
		g_dbus_error_strip_remote_error(error);
	check->done(answer, error ? error->message : "", check->user_data);
	g_free(check->cancellation_id);
	g_free(check);
}

void ng_polkit_check(GDBusConnection *bus, const char *sender, const char *word, gboolean may_ask,
		     GCancellable *cancellable, NgPolkitDone done, gpointer user_data)
{
	static guint64 serial;
	g_autofree char *action = g_strconcat(ACTION_PREFIX, word, NULL);
	Check *check = g_new0(Check, 1);
	GVariantBuilder subject;

	check->done = done;
	check->user_data = user_data;
	check->cancellation_id = g_strdup_printf("netguard-%" G_GUINT64_FORMAT, ++serial);
	g_variant_builder_init(&subject, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&subject, "{sv}", "name", g_variant_new_string(sender));
	g_dbus_connection_call(bus, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE, "CheckAuthorization",
			       g_variant_new("((sa{sv})sa{ss}us)", "system-bus-name", &subject, action, NULL,
					     may_ask ? FLAG_ALLOW_USER_INTERACTION : 0u, check->cancellation_id),
			       G_VARIANT_TYPE("((bba{ss}))"), G_DBUS_CALL_FLAGS_NONE,
			       may_ask ? NG_POLKIT_ASK_TIMEOUT_MS : NG_POLKIT_TIMEOUT_MS, cancellable, check_done,
			       check);
}
