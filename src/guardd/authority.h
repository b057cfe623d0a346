/* SPDX-License-Identifier: MIT */
/*
 * Who may do what. Root may all; on the system bus polkit is asked about anybody else, and may ask a person; on the
 * socket, and where there is no polkit, it is root alone. While the second lock is set, loosening and pausing take its
 * passphrase besides, from root too.
 *
 * Asking takes up to minutes, and nothing waits for it: the call is put aside and its handler is run again from the
 * start once the answer is yes. What was granted belongs to that one call. So a handler decides and acts in one turn of
 * the main loop by what is true in that turn; if its change has become a loosening meanwhile, it is asked for anew.
 *
 * A refusal answers the call and goes into the audit chain. Runs in the engine.
 */
#ifndef NG_GUARDD_AUTHORITY_H
#define NG_GUARDD_AUTHORITY_H

#include "guardd/engine.h"

G_BEGIN_DECLS

#define NG_AUTHORITY_QUESTIONS 32       /* open at once, put to people */
#define NG_AUTHORITY_QUESTIONS_OF_UID 3 /* of these, for one uid's callers */

NgAuthority *ng_authority_new(NgEngine *engine);
/* Whoever waits is answered that the service ends. After the server, whose callers they are. */
void ng_authority_free(NgAuthority *authority);

/*
 * May this call do that? TRUE: yes, now: act before returning to the main loop. FALSE: return at once, holding nothing
 * and having changed nothing; the call has been answered, or its handler will be run again.
 *
 * For NG_ACTION_LOOSEN and NG_ACTION_PAUSE the second lock is asked too; the passphrase is the option "passphrase" of
 * the call's last argument. NG_ACTION_LOOSEN includes NG_ACTION_TIGHTEN. The method's own row in the table needs no
 * call, unless it is NG_ACTION_CHANGE.
 */
gboolean ng_authority_allows(NgEngine *engine, NgCall *call, NgAction action);
/* The same for NgServerConfig. */
gboolean ng_authority_authorise(NgCall *call, NgAction action, gpointer engine);
/* A passphrase was wrong, or came too early: the call is answered, and the refusal recorded. */
void ng_authority_refuse_passphrase(NgEngine *engine, NgCall *call, NgLockAnswer answer, const char *text);

/* GetPermissions: what the caller could do, nobody is asked. Answers the call. */
void ng_authority_permissions(NgEngine *engine, NgCall *call);
/* "tighten" ...; for people and for polkit's org.networkguard.guard1.WORD. NULL: it is not one that is asked about. */
const char *ng_action_word(NgAction action);

G_END_DECLS
#endif
