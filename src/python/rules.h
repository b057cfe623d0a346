/* SPDX-License-Identifier: MIT */
/*
 * The rules of the process and the question to them: what state.c keeps, names.c and judge.c ask. One set for all
 * threads and interpreters behind one lock, which no function holds while it runs Python code; a forked child gets it
 * unlocked. Everything here but the functions that take or return Python objects works without a thread state.
 */
#ifndef NG_PYTHON_RULES_H
#define NG_PYTHON_RULES_H

#include "blackbox.h"

#include "run/policy.h"
#include "run/say.h"

#define NG_PY_RULES_MAX 1024    /* whitelist entries */
#define NG_PY_ADMITTED_MAX 4096 /* addresses that lookups of whitelisted names returned */
#define NG_PY_ADMITTED_S                                                                                               \
	3600 /* how long one is good: lookups tell no lifetime, and pools keep addresses for a while                   \
	      */

/* One whitelist entry, parsed. */
struct ng_py_rule {
	uint8_t flags;   /* NG_APP_*: loopback, shared, cloud-metadata */
	uint8_t n_allow; /* an address or prefix; two for localhost */
	uint8_t has_name;
	struct ng_allow allow[2];
	struct ng_name_rule name; /* it and all names below it, unless is_wildcard: only those below */
};

/* --- state.c --- */

void ng_py_rules_lock(void);
void ng_py_rules_unlock(void);
/* Is an entry limited to a protocol? One read, no lock. */
bool ng_py_rules_know_protocols(void);
/* With the lock held. */
unsigned ng_py_rules_count(void);
const struct ng_py_rule *ng_py_rule_at(unsigned i);
struct ng_app ng_py_rules_app(void); /* profile, flags, number of all allowances, names among them */
/* verdict.h's answer under the profile and the entries by address. */
struct ng_verdict ng_py_rules_decide(const struct ng_flow *flow);

/* --- names.c --- */

/* May this name be looked up, for addresses of this family or all (AF_UNSPEC): is it, or what it is below, on the
 * whitelist, or of this machine or the local network under Local, or one that /etc/hosts gives to a whitelisted
 * address, so that nobody else is asked? */
bool ng_py_name_may_be_asked(const char *name, int family);
/* One address of an answer to a name that may be asked. False: the name may not mean it. */
bool ng_py_name_admit(const char *name, const uint8_t addr[static 16]);
/* Is it an address in one of the forms that need no lookup, such as 127.1 or 0x7f000001? */
bool ng_py_is_number(const char *host);
/* With the lock held: is the flow to an address that a whitelisted name was answered with? Its name, if wanted. */
bool ng_py_names_allow(const struct ng_flow *flow);
/* The name that an address was answered for, or "". */
void ng_py_name_of(const uint8_t addr[static 16], char ret_name[static NG_NAME_MAX]);
/* With the lock held: an entry went; what it admitted goes, too. */
void ng_py_names_forget(const struct ng_py_rule *rule);
/* Doors for lookups. */
int ng_py_names_init(PyObject *module);

#endif
