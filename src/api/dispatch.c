/* SPDX-License-Identifier: MIT */
/*
 * From a checked message to a handler and back: who may call what, and answering exactly once. Transports come here
 * with a method of the interface and arguments of its types; what the arguments say is for the handler.
 *
 * Whoever must be asked about is asked without waiting; then the method is run from its start (ng_call_again()), so
 * that what it decides by is what is true in the turn of the main loop in which it acts. A row of the table without an
 * action, and a change that answers without having asked, are refused: neither can be forgotten unnoticed.
 */
#include "api/server-internal.h"

static void call_free(NgCall *call)
{
	g_clear_pointer(&call->parameters, g_variant_unref);
	g_clear_object(&call->invocation);
	if (call->destroy)
		call->destroy(call->data);
	ng_client_unref(call->client);
	g_free(call->auth);
	g_free(call);
}

guint32 ng_call_uid(NgCall *call)
{
	return call->client->uid;
}

const char *ng_call_auth(NgCall *call)
{
	return call->auth ? call->auth : call->client->transport->auth;
}

const char *ng_call_method(NgCall *call)
{
	return call->method->name;
}

gboolean ng_call_is_admin(NgCall *call)
{
	return call->client->is_admin;
}

GVariant *ng_call_parameters(NgCall *call)
{
	return call->parameters;
}

GDBusConnection *ng_call_bus(NgCall *call, const char **ret_sender)
{
	const NgTransport *transport = call->client->transport;

	*ret_sender = NULL;
	return transport->bus ? transport->bus(call->client, ret_sender) : NULL;
}

gboolean ng_call_is_interactive(NgCall *call)
{
	GDBusMessage *message = call->invocation ? g_dbus_method_invocation_get_message(call->invocation) : NULL;

	return message &&
	       (g_dbus_message_get_flags(message) & G_DBUS_MESSAGE_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION) != 0;
}

GCancellable *ng_call_cancellable(NgCall *call)
{
	NgClient *client = call->client;

	if (!client->cancellable) {
		client->cancellable = g_cancellable_new();
		if (!client->server)
			g_cancellable_cancel(client->cancellable);
	}
	return client->cancellable;
}

void ng_call_grant(NgCall *call, NgAction action)
{
	call->granted |= 1u << action;
}

gboolean ng_call_is_granted(NgCall *call, NgAction action)
{
	return (call->granted & 1u << action) != 0;
}

void ng_call_set_auth(NgCall *call, const char *auth)
{
	g_free(call->auth);
	call->auth = g_strdup(auth);
}

void ng_call_set_data(NgCall *call, gpointer data, GDestroyNotify destroy)
{
	if (call->destroy)
		call->destroy(call->data);
	call->data = data;
	call->destroy = destroy;
}

gpointer ng_call_data(NgCall *call)
{
	return call->data;
}

void ng_call_return_reply(NgCall *call, NgReply *reply)
{
	const guint32 change = 1u << NG_ACTION_TIGHTEN | 1u << NG_ACTION_LOOSEN;

	if (call->method->action == NG_ACTION_CHANGE && !(call->granted & change)) {
		g_critical("%s answered without having asked who may", call->method->name);
		ng_call_fail(call, NG_API_ERROR_DENIED, "%s did not ask whether it may. Please report this.",
			     call->method->name);
		return;
	}
	call->client->transport->reply(call->client, call, reply);
	call_free(call);
}

void ng_call_return(NgCall *call, GVariant *result)
{
	g_autoptr(NgReply) reply = ng_reply_new(result ? result : g_variant_new("()"));

	ng_call_return_reply(call, reply);
}

void ng_call_fail(NgCall *call, const char *name, const char *format, ...)
{
	g_autofree char *text = NULL;
	g_autofree char *valid = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	/* File names and key files may hold anything; D-Bus strings hold UTF-8. */
	valid = g_utf8_make_valid(text, -1);
	call->client->transport->fail(call->client, call, name, valid);
	call_free(call);
}

static void dispatch_subscribe(NgCall *call, GVariant *parameters, gpointer user_data)
{
	call->client->is_subscribed = TRUE;
	call->client->sees_all = FALSE;
	ng_call_return(call, NULL);
}

static void dispatch_subscribe_all(NgCall *call, GVariant *parameters, gpointer user_data)
{
	call->client->is_subscribed = TRUE;
	call->client->sees_all = TRUE;
	ng_call_return(call, NULL);
}

static void dispatch_unsubscribe(NgCall *call, GVariant *parameters, gpointer user_data)
{
	call->client->is_subscribed = FALSE;
	call->client->sees_all = FALSE;
	ng_call_return(call, NULL);
}

static const NgMethod dispatch_own[] = {
	{ "Subscribe", NG_ACTION_EVERYONE, dispatch_subscribe },
	{ "SubscribeAll", NG_ACTION_OBSERVE, dispatch_subscribe_all },
	{ "Unsubscribe", NG_ACTION_EVERYONE, dispatch_unsubscribe },
};

static const NgMethod *dispatch_find(const NgMethod *methods, gsize n, const char *name)
{
	for (gsize i = 0; i < n; i++) {
		if (g_str_equal(methods[i].name, name))
			return &methods[i];
	}
	return NULL;
}

static gboolean dispatch_may(NgCall *call)
{
	const NgServerConfig *config = &call->client->server->config;
	const NgAction action = call->method->action;

	if (action == NG_ACTION_EVERYONE || ng_call_is_granted(call, action))
		return TRUE;
	if (action != NG_ACTION_UNSTATED && config->authorise)
		return config->authorise(call, action, config->user_data);
	if (action != NG_ACTION_UNSTATED && call->client->is_admin)
		return TRUE;
	ng_call_fail(call, NG_API_ERROR_DENIED, "%s is not for you.", call->method->name);
	return FALSE;
}

static void dispatch_run(NgCall *call)
{
	if (dispatch_may(call))
		call->method->handler(call, call->parameters, call->client->server->config.user_data);
}

void ng_call_again(NgCall *call)
{
	if (call->client->server)
		dispatch_run(call);
	else
		ng_call_fail(call, NG_API_ERROR_CANCELLED, "The caller has gone.");
}

void ng_dispatch(NgClient *client, const char *method, GVariant *parameters, guint32 serial,
		 GDBusMethodInvocation *invocation)
{
	static const NgMethod missing = { "?", NG_ACTION_UNSTATED, NULL };
	NgServerConfig *config = &client->server->config;
	NgCall *call = g_new0(NgCall, 1);

	call->client = ng_client_ref(client);
	call->parameters = g_variant_ref_sink(parameters);
	call->serial = serial;
	call->invocation = invocation;
	call->method = dispatch_find(config->methods, config->n_methods, method);
	if (!call->method)
		call->method = dispatch_find(dispatch_own, G_N_ELEMENTS(dispatch_own), method);
	if (!call->method) {
		call->method = &missing;
		ng_call_fail(call, NG_API_ERROR_FAILED, "This service does not offer %s.", method);
	} else {
		dispatch_run(call);
	}
}
