/* SPDX-License-Identifier: MIT */
/*
 * Asking polkit (see polkit.h). Signatures: polkit's D-Bus reference, org.freedesktop.PolicyKit1.Authority.
 *
 * The bus lets one connection wait for 128 answers (dbus-daemon's max_replies_per_connection), so nobody may use them
 * up: what troubles no person waits here for its uid's turn. Questions to people are counted in authority.c.
 */
#include "guardd/polkit.h"

#define POLKIT_NAME "org.freedesktop.PolicyKit1"
#define POLKIT_PATH "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"
#define POLKIT_ERROR_CANCELLED "org.freedesktop.PolicyKit1.Error.Cancelled"
#define FLAG_ALLOW_USER_INTERACTION 1u
#define ACTION_PREFIX "org.networkguard.guard1."

typedef struct {
	guint32 uid;
	guint n_open;
	GQueue waiting; /* Check */
} Asker;

typedef struct {
	NgPolkitDone done;
	gpointer user_data;
	char *cancellation_id;
	/* Until it is sent. */
	GDBusConnection *bus;
	GCancellable *cancellable;
	char *sender, *action;
	gboolean may_ask;
	Asker *asker; /* NULL: takes no turn */
} Check;

static GQueue askers = G_QUEUE_INIT; /* Asker, who is next first; only those with something open or waiting */
static guint n_open;

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

static void check_free(Check *check)
{
	g_clear_object(&check->bus);
	g_clear_object(&check->cancellable);
	g_free(check->sender);
	g_free(check->action);
	g_free(check->cancellation_id);
	g_free(check);
}

static void check_done(GObject *source, GAsyncResult *result, gpointer data);

static void check_send(Check *check)
{
	GVariantBuilder subject;

	g_variant_builder_init(&subject, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&subject, "{sv}", "name", g_variant_new_string(check->sender));
	g_dbus_connection_call(check->bus, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE, "CheckAuthorization",
			       g_variant_new("((sa{sv})sa{ss}us)", "system-bus-name", &subject, check->action, NULL,
					     check->may_ask ? FLAG_ALLOW_USER_INTERACTION : 0u, check->cancellation_id),
			       G_VARIANT_TYPE("((bba{ss}))"), G_DBUS_CALL_FLAGS_NONE,
			       check->may_ask ? NG_POLKIT_ASK_TIMEOUT_MS : NG_POLKIT_TIMEOUT_MS, check->cancellable,
			       check_done, check);
}

static Asker *asker_get(guint32 uid)
{
	Asker *asker;

	for (GList *link = askers.head; link; link = link->next) {
		asker = link->data;
		if (asker->uid == uid)
			return asker;
	}
	asker = g_new0(Asker, 1);
	asker->uid = uid;
	g_queue_init(&asker->waiting);
	g_queue_push_tail(&askers, asker);
	return asker;
}

/* One of each uid in turn, as long as there is room. */
static void askers_serve(void)
{
	for (guint idle = 0; n_open < NG_POLKIT_OPEN && idle < askers.length;) {
		Asker *asker = g_queue_pop_head(&askers);

		g_queue_push_tail(&askers, asker);
		if (asker->n_open >= NG_POLKIT_OPEN_OF_UID || asker->waiting.length == 0) {
			idle++;
			continue;
		}
		idle = 0;
		asker->n_open++;
		n_open++;
		check_send(g_queue_pop_head(&asker->waiting));
	}
}

static void asker_leave(Asker *asker)
{
	asker->n_open--;
	n_open--;
	if (asker->n_open == 0 && asker->waiting.length == 0) {
		g_queue_remove(&askers, asker);
		g_free(asker);
	}
	askers_serve();
}

static gboolean check_busy(gpointer data)
{
	Check *check = data;

	check->done(NG_POLKIT_BUSY, "", check->user_data);
	check_free(check);
	return G_SOURCE_REMOVE;
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
	if (check->asker)
		asker_leave(check->asker);
	check->done(answer, error ? error->message : "", check->user_data);
	check_free(check);
}

void ng_polkit_check(GDBusConnection *bus, const char *sender, guint32 uid, const char *word, gboolean may_ask,
		     GCancellable *cancellable, NgPolkitDone done, gpointer user_data)
{
	static guint64 serial;
	Check *check = g_new0(Check, 1);
	Asker *asker;

	*check = (Check){ .done = done,
			  .user_data = user_data,
			  .cancellation_id = g_strdup_printf("netguard-%" G_GUINT64_FORMAT, ++serial),
			  .bus = g_object_ref(bus),
			  .cancellable = cancellable ? g_object_ref(cancellable) : NULL,
			  .sender = g_strdup(sender),
			  .action = g_strconcat(ACTION_PREFIX, word, NULL),
			  .may_ask = may_ask };
	if (may_ask) {
		check_send(check);
		return;
	}
	asker = asker_get(uid);
	if (asker->waiting.length >= NG_POLKIT_WAITING_OF_UID) {
		g_idle_add(check_busy, check);
		return;
	}
	check->asker = asker;
	g_queue_push_tail(&asker->waiting, check);
	askers_serve();
}
