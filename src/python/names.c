/* SPDX-License-Identifier: MIT */
/*
 * Whitelisted names: which may be looked up, and which addresses that admits: those that the name's own lookup
 * returned, for the name's port and protocol, and nothing else. An answer is checked first, as the launcher's stub does
 * it (run/names.h): a name of the Internet cannot be made to mean this machine or the local network.
 *
 * A lookup is seen twice. The audit event comes before it and tells the name: there it is refused (hook.c). The doors
 * here see what it returned, take out what the name may not mean, and admit the rest. The addresses are kept in one
 * table under the lock of rules.h; when it is full the oldest goes.
 */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "entry.h"
#include "judge.h"
#include "plain.h"
#include "rules.h"
#include "run/names-private.h"
#include "run/onlink.h"

#define HOSTS_PATH "/etc/hosts"
#define HOSTS_LINES_MAX 65536

struct admitted {
	char name[NG_NAME_MAX];
	int64_t until_s;
};

/* Addresses apart from the rest: they are searched at each connect that no entry by address allows. */
static uint8_t addresses[NG_PY_ADMITTED_MAX][16];
static struct admitted admitted[NG_PY_ADMITTED_MAX];
static unsigned n_admitted;

static int64_t now_s(void)
{
	struct timespec now = { 0 };

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec;
}

/* --- the entries by name --- */

static bool rule_has_name(const struct ng_py_rule *rule, const char *name)
{
	if (!rule->has_name)
		return false;
	return ng_name_is_below(name, rule->name.name) ||
	       (!rule->name.is_wildcard && strcmp(name, rule->name.name) == 0);
}

static bool rule_has_flow(const struct ng_py_rule *rule, const struct ng_flow *flow)
{
	const struct ng_name_rule *name = &rule->name;

	if (name->proto && name->proto != flow->proto)
		return false;
	return !name->port_first || (flow->port >= name->port_first && flow->port <= name->port_last);
}

/* With the lock held. */
static bool is_listed(const char *name)
{
	for (unsigned i = 0; i < ng_py_rules_count(); i++)
		if (rule_has_name(ng_py_rule_at(i), name))
			return true;
	return false;
}

/* With the lock held: does an entry by address allow anything to it? */
static bool is_reached(const uint8_t addr[static 16])
{
	if ((ng_py_rules_app().flags & NG_APP_LOOPBACK) && ng_address_class(addr, 0) == NG_CLASS_MACHINE)
		return true;
	for (unsigned i = 0; i < ng_py_rules_count(); i++) {
		const struct ng_py_rule *rule = ng_py_rule_at(i);

		for (unsigned j = 0; j < rule->n_allow; j++) {
			struct ng_flow flow = { .port = rule->allow[j].port_first, .proto = rule->allow[j].proto };

			memcpy(flow.addr, addr, 16);
			if (ng_allow_matches_(&rule->allow[j], &flow))
				return true;
		}
	}
	return false;
}

/* With the lock held: may this machine be reached at all? */
static bool is_machine_reached(void)
{
	static const uint8_t loopbacks[2][16] = { { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 }, { [15] = 1 } };
	const struct ng_app app = ng_py_rules_app();

	if (app.profile != NG_PROFILE_OFFLINE)
		return true;
	return is_reached(loopbacks[0]) || is_reached(loopbacks[1]);
}

struct wanted_host {
	const char *name;
	const uint8_t *addr; /* NULL: any */
	bool is_found;
};

static bool compare_host(const struct ng_host *host, void *data)
{
	struct wanted_host *wanted = data;

	wanted->is_found =
		strcmp(host->name, wanted->name) == 0 && (!wanted->addr || memcmp(host->addr, wanted->addr, 16) == 0);
	return !wanted->is_found;
}

/* What the administrator wrote down is no answer from outside. */
static bool is_in_hosts(const char *name, const uint8_t *addr)
{
	struct wanted_host wanted = { .name = name, .addr = addr };

	ng_hosts_read(HOSTS_PATH, compare_host, &wanted);
	return wanted.is_found;
}

/* A name that the administrator gave to a whitelisted address (this one, or NULL: any of the family), this machine's
 * own for one: its lookup ends in /etc/hosts. The launcher's reader leaves out 127.0.0.0/8, which is what this is
 * about. */
static bool is_reached_by_hosts(const char *name, int family, const uint8_t *wanted)
{
	FILE *file = fopen(HOSTS_PATH, "re");
	char line[1024], normal[NG_NAME_MAX], *rest = NULL;
	bool is_found = false;

	for (unsigned n = 0; file && !is_found && n < HOSTS_LINES_MAX && fgets(line, sizeof(line), file); n++) {
		const char *word;
		uint8_t addr[16];

		line[strcspn(line, "#")] = '\0';
		word = strtok_r(line, " \t\r\n", &rest);
		if (!word || !ng_py_numeric(word, addr) || (wanted && memcmp(addr, wanted, 16) != 0) ||
		    (family != AF_UNSPEC && family != (strchr(word, ':') ? AF_INET6 : AF_INET)))
			continue;
		while (!is_found && (word = strtok_r(NULL, " \t\r\n", &rest)))
			is_found = ng_name_normal(word, normal) && strcmp(normal, name) == 0;
		ng_py_rules_lock();
		is_found = is_found && is_reached(addr);
		ng_py_rules_unlock();
	}
	if (file)
		fclose(file);
	return is_found;
}

bool ng_py_name_may_be_asked(const char *name, int family)
{
	const bool is_local = ng_py_profile() != NG_PROFILE_OFFLINE;
	char normal[NG_NAME_MAX];
	bool result;

	if (ng_py_profile() == NG_PROFILE_ONLINE)
		return true;
	if (!ng_name_normal(name, normal))
		return false;
	ng_py_rules_lock();
	result = ng_name_is_localhost(normal) ? is_machine_reached() : is_listed(normal);
	ng_py_rules_unlock();
	return result || (is_local && (ng_name_is_local(normal) || is_in_hosts(normal, NULL))) ||
	       is_reached_by_hosts(normal, family, NULL);
}

/* --- the addresses --- */

void ng_py_names_forget(const struct ng_py_rule *rule)
{
	if (!rule->has_name)
		return;
	for (unsigned i = 0; i < n_admitted; i++)
		if (!is_listed(admitted[i].name))
			admitted[i].until_s = 0;
}

bool ng_py_names_allow(const struct ng_flow *flow)
{
	int64_t now = 0;

	for (unsigned i = 0; i < n_admitted; i++) {
		if (memcmp(addresses[i], flow->addr, 16) != 0)
			continue;
		if (!now)
			now = now_s();
		if (admitted[i].until_s <= now)
			continue;
		for (unsigned j = 0; j < ng_py_rules_count(); j++) {
			const struct ng_py_rule *rule = ng_py_rule_at(j);

			if (rule_has_name(rule, admitted[i].name) && rule_has_flow(rule, flow))
				return true;
		}
	}
	return false;
}

void ng_py_name_of(const uint8_t addr[static 16], char ret_name[static NG_NAME_MAX])
{
	*ret_name = '\0';
	ng_py_rules_lock();
	for (unsigned i = 0; i < n_admitted; i++)
		if (memcmp(addresses[i], addr, 16) == 0)
			memcpy(ret_name, admitted[i].name, NG_NAME_MAX);
	ng_py_rules_unlock();
}

/* With the lock held. */
static void admit(const char *name, const uint8_t addr[static 16])
{
	unsigned at = 0;

	while (at < n_admitted && (memcmp(addresses[at], addr, 16) != 0 || strcmp(admitted[at].name, name) != 0))
		at++;
	if (at == NG_PY_ADMITTED_MAX) {
		at = 0;
		for (unsigned i = 1; i < NG_PY_ADMITTED_MAX; i++)
			if (admitted[i].until_s < admitted[at].until_s)
				at = i;
	} else if (at == n_admitted) {
		n_admitted++;
	}
	memcpy(addresses[at], addr, 16);
	memset(admitted[at].name, 0, NG_NAME_MAX);
	memcpy(admitted[at].name, name, strlen(name));
	admitted[at].until_s = now_s() + NG_PY_ADMITTED_S;
}

static bool may_mean(const char *name, const uint8_t addr[static 16])
{
	struct ng_prefixes *prefixes = NULL;
	enum ng_reach reach = NG_REACH_NEVER;

	if (ng_name_is_localhost(name))
		return ng_address_class(addr, 0) == NG_CLASS_MACHINE;
	if (ng_prefixes_new(&prefixes) == 0) {
		reach = ng_name_reach(addr, ng_prefixes_contain(prefixes, addr));
		ng_prefixes_free(prefixes);
	}
	switch (reach) {
	case NG_REACH_ANY:
		return true;
	case NG_REACH_LOCAL:
		return ng_py_profile() != NG_PROFILE_OFFLINE || ng_name_is_local(name) || is_in_hosts(name, addr);
	case NG_REACH_NEVER:
		return (is_in_hosts(name, addr) && ng_address_class(addr, 0) == NG_CLASS_LAN) ||
		       is_reached_by_hosts(name, AF_UNSPEC, addr);
	}
	return false;
}

bool ng_py_name_admit(const char *name, const uint8_t addr[static 16])
{
	char normal[NG_NAME_MAX];

	if (!ng_name_normal(name, normal) || !may_mean(normal, addr))
		return false;
	if (ng_name_is_localhost(normal))
		return true; /* whether this machine may be reached the entries by address say */
	ng_py_rules_lock();
	if (is_listed(normal))
		admit(normal, addr);
	ng_py_rules_unlock();
	return true;
}

/* --- the doors --- */

/* One lookup through a door: the interpreter gets the very name that is judged, as bytes, so that it encodes nothing.
 */
struct lookup {
	struct ng_py_target target;
	bool is_looked_at; /* the answer has to be: there is a name, and it is not permitted for the moment */
};

static bool name_of(PyObject *host, struct ng_py_target *ret_target)
{
	PyObject *pair = Py_BuildValue("(Oi)", host, 0);
	const bool result = pair && ng_py_target_of(pair, ret_target) && ret_target->has_name;

	Py_XDECREF(pair);
	PyErr_Clear();
	return result;
}

static PyObject *pass_plain(const struct ng_py_call *call, PyObject *host)
{
	PyObject *args[8], *kwargs = NULL, *result = NULL;

	if (call->n_args > 8)
		return PyErr_Format(PyExc_TypeError, "there are too many arguments");
	if (call->n_args > 0) {
		memcpy(args, call->args, (size_t)call->n_args * sizeof(*args));
		args[0] = host;
		return ng_py_door_pass_with(call, args, call->n_args, call->kwargs);
	}
	kwargs = PyDict_Copy(call->kwargs);
	if (kwargs && PyDict_SetItemString(kwargs, "host", host) == 0)
		result = ng_py_door_pass_with(call, NULL, 0, kwargs);
	Py_XDECREF(kwargs);
	return result;
}

/* getaddrinfo() loses the name it has encoded when its event is refused (CPython up to 3.12 at least): it is judged
 * before. False with the exception. */
static bool may_begin(const struct ng_py_call *call, const char *name)
{
	PyObject *family = call->n_args > 2 ? call->args[2]
			   : call->kwargs   ? PyDict_GetItemString(call->kwargs, "family")
					    : NULL;
	const long value = family && PyLong_Check(family) ? PyLong_AsLong(family) : AF_UNSPEC;

	PyErr_Clear();
	return call->door != NG_PY_DOOR_GETADDRINFO || ng_py_is_number(name) ||
	       ng_py_judge_name("socket.getaddrinfo", name, (int)value) == 0;
}

/* Makes it. */
static PyObject *look_up(const struct ng_py_call *call, struct lookup *ret_lookup)
{
	PyObject *host = call->n_args > 0 ? call->args[0] : NULL, *plain, *answer;

	ret_lookup->is_looked_at = false;
	if (!host && call->kwargs)
		host = PyDict_GetItemString(call->kwargs, "host");
	if (!host || host == Py_None || !ng_py_is_blocked() || ng_py_is_temporarily_allowed())
		return ng_py_door_pass(call);
	plain = ng_py_plain_host(host);
	if (plain && PyUnicode_Check(plain))
		Py_SETREF(plain, PyUnicode_AsASCIIString(plain));
	if (!plain)
		return NULL;
	ret_lookup->is_looked_at = name_of(plain, &ret_lookup->target);
	answer = ret_lookup->is_looked_at && !may_begin(call, ret_lookup->target.host) ? NULL : pass_plain(call, plain);
	Py_DECREF(plain);
	return answer;
}

bool ng_py_is_number(const char *host)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST };
	struct addrinfo *found = NULL;
	const bool result = getaddrinfo(host, NULL, &hints, &found) == 0;

	if (result)
		freeaddrinfo(found);
	return result;
}

static bool text_is_admitted(const char *name, PyObject *text)
{
	const char *address = PyUnicode_Check(text) ? PyUnicode_AsUTF8(text) : NULL;
	uint8_t addr[16];

	PyErr_Clear();
	return address && ng_py_numeric(address, addr) && ng_py_name_admit(name, addr);
}

static PyObject *refuse_answer(const char *api, const char *name)
{
	ng_py_refuse(&(struct ng_py_attempt){
		.call = "resolve",
		.api = api,
		.family = AF_UNSPEC,
		.host = name,
		.reason = ng_py_profile() == NG_PROFILE_LOCAL ? NG_REASON_NOT_LOCAL : NG_REASON_OFFLINE,
		.why = "the answer is an address that this name may not mean",
	});
	return NULL;
}

/* A new list of the elements whose address the name may mean; steals `answer`. */
static PyObject *only_admitted(PyObject *answer, const char *api, const char *name, bool is_plain)
{
	PyObject *left = PyList_New(0);

	for (Py_ssize_t i = 0; left && i < PyList_GET_SIZE(answer); i++) {
		PyObject *item = PyList_GET_ITEM(answer, i), *address = item;

		if (!is_plain) { /* (family, type, protocol, canonical name, (address, port, ...)) */
			PyObject *sockaddr = PyTuple_GET_ITEM(item, 4);

			address = PyTuple_Check(sockaddr) && PyTuple_GET_SIZE(sockaddr) > 0
					  ? PyTuple_GET_ITEM(sockaddr, 0)
					  : Py_None;
		}
		if (text_is_admitted(name, address) && PyList_Append(left, item) < 0)
			Py_CLEAR(left);
	}
	if (left && PyList_GET_SIZE(left) == 0 && PyList_GET_SIZE(answer) > 0) {
		Py_CLEAR(left);
		refuse_answer(api, name);
	}
	Py_DECREF(answer);
	return left;
}

static PyObject *on_getaddrinfo(const struct ng_py_call *call)
{
	struct lookup lookup;
	PyObject *answer = look_up(call, &lookup);

	if (!answer || !lookup.is_looked_at || !PyList_Check(answer) || ng_py_is_number(lookup.target.host))
		return answer;
	return only_admitted(answer, "socket.getaddrinfo", lookup.target.host, false);
}

static PyObject *on_gethostbyname(const struct ng_py_call *call)
{
	struct lookup lookup;
	PyObject *answer = look_up(call, &lookup);

	if (!answer || !lookup.is_looked_at || ng_py_is_number(lookup.target.host) ||
	    text_is_admitted(lookup.target.host, answer))
		return answer;
	Py_DECREF(answer);
	return refuse_answer("socket.gethostbyname", lookup.target.host);
}

static PyObject *on_gethostbyname_ex(const struct ng_py_call *call)
{
	struct lookup lookup;
	PyObject *answer = look_up(call, &lookup), *list, *all;

	if (!answer || !lookup.is_looked_at || !PyTuple_Check(answer) || ng_py_is_number(lookup.target.host))
		return answer;
	list = PyTuple_GET_ITEM(answer, 2);
	Py_INCREF(list);
	list = only_admitted(list, "socket.gethostbyname_ex", lookup.target.host, true);
	all = list ? Py_BuildValue("(OON)", PyTuple_GET_ITEM(answer, 0), PyTuple_GET_ITEM(answer, 1), list) : NULL;
	Py_DECREF(answer);
	return all;
}

int ng_py_names_init(PyObject *module)
{
	(void)module;
	if (ng_py_door_open(NG_PY_DOOR_GETADDRINFO, on_getaddrinfo) < 0 ||
	    ng_py_door_open(NG_PY_DOOR_GETHOSTBYNAME, on_gethostbyname) < 0)
		return -1;
	return ng_py_door_open(NG_PY_DOOR_GETHOSTBYNAME_EX, on_gethostbyname_ex) < 0 ? -1 : 0;
}
