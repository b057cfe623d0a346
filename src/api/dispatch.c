/* SPDX-License-Identifier: MIT */
/*
 * From a checked message to a handler and back: who may call what, and answering exactly once. Transports come here
 * with a method of the interface and arguments of its types; what the arguments say is for the handler.
 */
#include "api/server-internal.h"

static void call_free(NgCall *call)
{
	g_clear_pointer(&call->parameters, g_variant_unref);
	g_clear_object(&call->invocation);
	ng_client_unref(call->client);
	g_free(call);
}

guint32 ng_call_uid(NgCall *call)
{
	return call->client->uid;
}

const char *ng_call_auth(NgCall *call)
{
	return call->client->transport->auth;
}

const char *ng_call_method(NgCall *call)
{
	return call->method->name;
}

gboolean ng_call_is_admin(NgCall *call)
{
	return call->client->is_admin;
}

void ng_call_return_reply(NgCall *call, NgReply *reply)
{
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
	ng_call_return(call, NULL);
}

static void dispatch_unsubscribe(NgCall *call, GVariant *parameters, gpointer user_data)
{
	call->client->is_subscribed = FALSE;
	ng_call_return(call, NULL);
}

static const NgMethod dispatch_own[] = {
	{ "Subscribe", FALSE, dispatch_subscribe },
	{ "Unsubscribe", FALSE, dispatch_unsubscribe },
};

static const NgMethod *dispatch_find(const NgMethod *methods, gsize n, const char *name)
{
	for (gsize i = 0; i < n; i++) {
		if (g_str_equal(methods[i].name, name))
			return &methods[i];
	}
	return NULL;
}

static void dispatch_refuse(NgCall *call)
{
	NgServerConfig config = call->client->server->config;
	const guint32 uid = ng_call_uid(call);
	const char *auth = ng_call_auth(call), *method = ng_call_method(call);

	ng_call_fail(call, NG_API_ERROR_DENIED, "%s is for root, and the caller is uid %u. Run the command with sudo.",
		     method, uid);
	if (config.refused)
		config.refused(uid, auth, method, config.user_data);
}

void ng_dispatch(NgClient *client, const char *method, GVariant *parameters, guint32 serial,
		 GDBusMethodInvocation *invocation)
{
	static const NgMethod missing = { "?", FALSE, NULL };
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
	} else if (call->method->root_only && !client->is_admin) {
		dispatch_refuse(call);
	} else {
		call->method->handler(call, call->parameters, config->user_data);
	}
}
