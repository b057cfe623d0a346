/* SPDX-License-Identifier: MIT */
/* The authority (see authority.h). */
#include "guardd/authority.h"

#include "guardd/audit.h"

const char *ng_action_word(NgAction action)
{
	switch (action) {
	case NG_ACTION_TIGHTEN:
		return "tighten";
	case NG_ACTION_LOOSEN:
		return "loosen";
	case NG_ACTION_PAUSE:
		return "pause";
	case NG_ACTION_OBSERVE:
		return "observe";
	case NG_ACTION_AUDIT:
		return "audit";
	case NG_ACTION_CONFIGURE:
		return "configure";
	case NG_ACTION_UNSTATED:
	case NG_ACTION_EVERYONE:
	case NG_ACTION_CHANGE:
	case NG_ACTIONS:
		break;
	}
	return NULL;
}

gboolean ng_authority_allows(NgEngine *engine, NgCall *call, NgAction action)
{
	const guint32 uid = ng_call_uid(call);

	if (ng_call_is_granted(call, action))
		return TRUE;
	if (ng_call_is_admin(call)) {
		ng_call_grant(call, action);
		return TRUE;
	}
	ng_audit_refused(engine->auditor, uid, ng_call_auth(call), ng_call_method(call));
	ng_call_fail(call, NG_API_ERROR_DENIED, "%s is for root, and the caller is uid %u. Run the command with sudo.",
		     ng_call_method(call), uid);
	return FALSE;
}

gboolean ng_authority_authorise(NgCall *call, NgAction action, gpointer engine)
{
	return ng_authority_allows(engine, call, action);
}
