/* SPDX-License-Identifier: MIT */
/*
 * Applications as JSON: the document of Export and Import, and the before and after of audit records. Text of others is
 * parsed here, by JSON-GLib, and everything it says is checked like an application file. Engine, without privilege.
 */
#ifndef NG_GUARDD_APP_JSON_H
#define NG_GUARDD_APP_JSON_H

#include <gio/gio.h>

#include "policy/policy.h"

G_BEGIN_DECLS

#define NG_APP_JSON_VERSION 1

/* One object, keys in the order of the interface's description; "while" only where there is one. NULL gives "". */
void ng_app_json_append(GString *out, const NgPolicyApp *app);
char *ng_app_json_text(const NgPolicyApp *app);
/* {"version": 1, "applications": [...]} of what users decided; of what lasts while a program or this boot lasts, what
 * follows it. */
char *ng_app_json_document(GPtrArray *apps);
/* The applications of a document; each is complete and of the user's layer. Nothing unknown is accepted; two entries
 * with one id are an error. NULL with a sentence that says which entry. */
GPtrArray *ng_app_json_parse(const char *text, GError **error);

G_END_DECLS
#endif
