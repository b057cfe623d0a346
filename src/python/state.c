/* SPDX-License-Identifier: MIT */
/*
 * The rules of the process: profile, whitelist, what becomes of children, strict. See rules.h for who may touch what.
 *
 * Profile and modes are single words that are read without the lock; the entries are read with it. Under strict nothing
 * can be loosened any more: the filter in the kernel would not follow.
 */
#include "rules.h"

#include <pthread.h>
#include <stdatomic.h>

#include "run/allow.h"

static struct {
	pthread_mutex_t lock;
	atomic_int profile, children;
	atomic_bool is_strict, knows_protocols;
	int blocked_profile; /* what block_network() goes back to */
	struct ng_py_rule *rules[NG_PY_RULES_MAX];
	unsigned n_rules;
	/* made from the entries, in portions that verdict.h takes */
	struct ng_app app;
	struct ng_allows *portions;
	unsigned n_portions;
} state = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.profile = NG_PROFILE_ONLINE,
	.blocked_profile = NG_PROFILE_OFFLINE,
};

void ng_py_rules_lock(void)
{
	pthread_mutex_lock(&state.lock);
}

void ng_py_rules_unlock(void)
{
	pthread_mutex_unlock(&state.lock);
}

int ng_py_profile(void)
{
	return atomic_load_explicit(&state.profile, memory_order_relaxed);
}

enum ng_py_children ng_py_children(void)
{
	return (enum ng_py_children)atomic_load_explicit(&state.children, memory_order_relaxed);
}

bool ng_py_is_strict(void)
{
	return atomic_load_explicit(&state.is_strict, memory_order_relaxed);
}

void ng_py_set_children(enum ng_py_children children)
{
	atomic_store(&state.children, (int)children);
}

void ng_py_set_strict(void)
{
	atomic_store(&state.is_strict, true);
}

bool ng_py_rules_know_protocols(void)
{
	return atomic_load_explicit(&state.knows_protocols, memory_order_relaxed);
}

/* --- the entries --- */

unsigned ng_py_rules_count(void)
{
	return state.n_rules;
}

const struct ng_py_rule *ng_py_rule_at(unsigned i)
{
	return state.rules[i];
}

struct ng_app ng_py_rules_app(void)
{
	struct ng_app app = state.app;

	app.profile = (uint8_t)ng_py_profile();
	return app;
}

struct ng_verdict ng_py_rules_decide(const struct ng_flow *flow)
{
	const struct ng_app app = ng_py_rules_app();
	struct ng_verdict verdict = ng_verdict_decide(&app, NULL, flow);

	for (unsigned i = 0; !verdict.allowed && i < state.n_portions; i++)
		verdict = ng_verdict_decide(&app, &state.portions[i], flow);
	return verdict;
}

static void add_to_portions(const struct ng_allow *allow)
{
	struct ng_allows *last = &state.portions[state.n_portions - 1];

	if (last->count == NG_ALLOW_MAX)
		last = &state.portions[state.n_portions++];
	last->allow[last->count++] = *allow;
}

/* With the lock held, after each change. The memory was had before the change: this cannot fail. */
static void make_portions(struct ng_allows *memory)
{
	unsigned n_allow = 0;
	bool knows_protocols = false;

	free(state.portions);
	state.portions = memory;
	state.n_portions = 1;
	state.app = (struct ng_app){ 0 };
	for (unsigned i = 0; i < state.n_rules; i++) {
		const struct ng_py_rule *rule = state.rules[i];

		state.app.flags |= rule->flags;
		n_allow += rule->n_allow + rule->has_name;
		knows_protocols |= rule->has_name && rule->name.proto;
		for (unsigned j = 0; j < rule->n_allow; j++) {
			knows_protocols |= rule->allow[j].proto != 0;
			add_to_portions(&rule->allow[j]);
		}
	}
	atomic_store(&state.knows_protocols, knows_protocols);
	state.app.n_allow = (uint16_t)n_allow;
}

/* Enough for all entries and one more. */
static struct ng_allows *portions_for(unsigned n_rules)
{
	return calloc(2 + 2 * (size_t)(n_rules + 1) / NG_ALLOW_MAX, sizeof(struct ng_allows));
}

static bool is_same_name(const struct ng_name_rule *a, const struct ng_name_rule *b)
{
	return strcmp(a->name, b->name) == 0 && a->is_wildcard == b->is_wildcard && a->proto == b->proto &&
	       a->port_first == b->port_first && a->port_last == b->port_last;
}

static bool is_same_rule(const struct ng_py_rule *a, const struct ng_py_rule *b)
{
	return a->flags == b->flags && a->n_allow == b->n_allow && a->has_name == b->has_name &&
	       memcmp(a->allow, b->allow, sizeof(a->allow)) == 0 && is_same_name(&a->name, &b->name);
}

/* With the lock held: the entry's place, or -1. */
static int rule_find(const struct ng_py_rule *rule)
{
	for (unsigned i = 0; i < state.n_rules; i++)
		if (is_same_rule(state.rules[i], rule))
			return (int)i;
	return -1;
}

/* 0; -EEXIST, -ENOSPC, -ENOMEM. */
static int rule_add(const struct ng_py_rule *rule)
{
	struct ng_py_rule *copy = malloc(sizeof(*copy));
	struct ng_allows *memory;
	int result = 0;

	ng_py_rules_lock();
	memory = portions_for(state.n_rules);
	if (!copy || !memory)
		result = -ENOMEM;
	else if (rule_find(rule) >= 0)
		result = -EEXIST;
	else if (state.n_rules == NG_PY_RULES_MAX)
		result = -ENOSPC;
	if (result == 0) {
		*copy = *rule;
		state.rules[state.n_rules++] = copy;
		make_portions(memory);
	}
	ng_py_rules_unlock();
	if (result < 0) {
		free(copy);
		free(memory);
	}
	return result;
}

/* 0; -ENOENT, -ENOMEM. */
static int rule_remove(const struct ng_py_rule *rule)
{
	struct ng_py_rule *gone = NULL;
	struct ng_allows *memory;
	int at, result = 0;

	ng_py_rules_lock();
	memory = portions_for(state.n_rules);
	at = rule_find(rule);
	if (!memory)
		result = -ENOMEM;
	else if (at < 0)
		result = -ENOENT;
	if (result == 0) {
		gone = state.rules[at];
		memmove(&state.rules[at], &state.rules[at + 1], (state.n_rules - at - 1) * sizeof(*state.rules));
		state.n_rules--;
		make_portions(memory);
		ng_py_names_forget(gone);
	}
	ng_py_rules_unlock();
	if (result < 0)
		free(memory);
	free(gone);
	return result;
}

/* --- text --- */

/* The launcher's --allow grammar, one entry. */
static int rule_parse(PyObject *text, struct ng_py_rule *ret_rule)
{
	char error[NG_RUN_ERROR_MAX] = "";
	struct ng_run_policy *policy;
	const char *word, *what;
	Py_ssize_t length = 0;

	if (!PyUnicode_Check(text)) {
		PyErr_Format(PyExc_TypeError, "a whitelist entry is a str such as \"example.org\", not %.100s",
			     Py_TYPE(text)->tp_name);
		return -1;
	}
	word = PyUnicode_AsUTF8AndSize(text, &length);
	if (!word)
		return -1;
	if (strlen(word) != (size_t)length) {
		PyErr_SetString(PyExc_ValueError, "a whitelist entry has no NUL character");
		return -1;
	}
	policy = PyMem_Calloc(1, sizeof(*policy));
	if (!policy) {
		PyErr_NoMemory();
		return -1;
	}
	if (ng_run_allow_parse(word, policy, error) < 0) {
		what = strncmp(error, "--allow ", 8) == 0 ? error + 8 : error;
		PyErr_Format(PyExc_ValueError, "whitelist entry %s", what);
		PyMem_Free(policy);
		return -1;
	}
	memset(ret_rule, 0, sizeof(*ret_rule));
	ret_rule->flags = policy->app.flags & NG_APP_CLASS_MASK;
	ret_rule->n_allow = (uint8_t)policy->allows.count;
	memcpy(ret_rule->allow, policy->allows.allow, ret_rule->n_allow * sizeof(struct ng_allow));
	ret_rule->has_name = policy->n_names > 0;
	if (ret_rule->has_name)
		ret_rule->name = policy->names[0];
	PyMem_Free(policy);
	return 0;
}

static PyObject *allow_text(const struct ng_py_rule *rule)
{
	char text[NG_ALLOW_TEXT_MAX];
	const char *word;
	uint8_t flag;

	for (unsigned i = 0; (word = ng_run_allow_word(i, &flag)); i++)
		if (rule->flags & flag)
			return PyUnicode_FromString(word);
	if (rule->has_name)
		ng_run_name_text(&rule->name, text);
	else
		ng_run_allow_text(&rule->allow[0], text);
	if (rule->n_allow == 2) { /* 127.0.0.1...: only localhost has two */
		PyObject *rest = PyUnicode_FromString(text + strlen("127.0.0.1"));
		PyObject *all = rest ? PyUnicode_FromFormat("localhost%U", rest) : NULL;

		Py_XDECREF(rest);
		return all;
	}
	return PyUnicode_FromString(text);
}

static int append(PyObject *list, PyObject *text)
{
	const int result = text ? PyList_Append(list, text) : -1;

	Py_XDECREF(text);
	return result;
}

/* A copy of the entries, so that no lock is held while Python objects are made. */
static struct ng_py_rule *copy_rules(unsigned *ret_n)
{
	struct ng_py_rule *copies;
	unsigned n;

	ng_py_rules_lock();
	n = state.n_rules;
	copies = malloc((n + 1) * sizeof(*copies));
	for (unsigned i = 0; copies && i < n; i++)
		copies[i] = *state.rules[i];
	ng_py_rules_unlock();
	if (!copies)
		PyErr_NoMemory();
	*ret_n = n;
	return copies;
}

static PyObject *list_rules(bool for_launcher)
{
	PyObject *list = PyList_New(0);
	unsigned n = 0;
	struct ng_py_rule *rules = list ? copy_rules(&n) : NULL;
	int result = rules ? 0 : -1;

	for (unsigned i = 0; result == 0 && i < n; i++) {
		result = append(list, allow_text(&rules[i]));
		if (result == 0 && for_launcher && rules[i].has_name && !rules[i].name.is_wildcard) {
			rules[i].name.is_wildcard = true;
			result = append(list, allow_text(&rules[i]));
		}
	}
	free(rules);
	if (result < 0)
		Py_CLEAR(list);
	return list;
}

PyObject *ng_py_allow_list(void)
{
	return list_rules(true);
}

/* --- for Python --- */

static const char *const profiles[] = {
	[NG_PROFILE_OFFLINE] = "offline",
	[NG_PROFILE_LOCAL] = "local",
	[NG_PROFILE_ONLINE] = "online",
};

const char *ng_py_profile_word(int profile)
{
	return profile >= NG_PROFILE_OFFLINE && profile <= NG_PROFILE_ONLINE ? profiles[profile] : "";
}

/* -1 with an exception where strict stands against it. */
static int may_loosen(const char *what)
{
	if (!ng_py_is_strict())
		return 0;
	PyErr_Format(PyExc_RuntimeError,
		     "%s is not possible any more: this process was locked in with strict=True, and the filter in the "
		     "kernel cannot be taken back. Start the program again without it.",
		     what);
	return -1;
}

static int set_profile(int profile, const char *what)
{
	if (profile > ng_py_profile() && may_loosen(what) < 0)
		return -1;
	atomic_store(&state.profile, profile);
	if (profile != NG_PROFILE_ONLINE)
		state.blocked_profile = profile;
	return 0;
}

static PyObject *py_block_network(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
	if (ng_py_profile() == NG_PROFILE_ONLINE && set_profile(state.blocked_profile, "block_network()") < 0)
		return NULL;
	Py_RETURN_NONE;
}

static PyObject *py_allow_network(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
	if (set_profile(NG_PROFILE_ONLINE, "allow_network()") < 0)
		return NULL;
	Py_RETURN_NONE;
}

static PyObject *py_is_blocked(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
	return PyBool_FromLong(ng_py_is_blocked());
}

static PyObject *py_profile(PyObject *Py_UNUSED(module), PyObject *args)
{
	const char *word = NULL;

	if (!PyArg_ParseTuple(args, "|z:profile", &word))
		return NULL;
	if (!word)
		return PyUnicode_FromString(ng_py_profile_word(ng_py_profile()));
	for (int i = NG_PROFILE_OFFLINE; i <= NG_PROFILE_ONLINE; i++) {
		if (strcmp(word, profiles[i]) != 0)
			continue;
		if (set_profile(i, "a looser profile") < 0)
			return NULL;
		return PyUnicode_FromString(profiles[i]);
	}
	return PyErr_Format(PyExc_ValueError, "\"%.100s\" is no profile: write \"offline\", \"local\" or \"online\"",
			    word);
}

static PyObject *py_add_whitelist(PyObject *Py_UNUSED(module), PyObject *text)
{
	struct ng_py_rule rule;
	int result;

	if (may_loosen("add_whitelist()") < 0 || rule_parse(text, &rule) < 0)
		return NULL;
	result = rule_add(&rule);
	if (result == -ENOMEM)
		return PyErr_NoMemory();
	if (result == -ENOSPC)
		return PyErr_Format(PyExc_ValueError,
				    "the whitelist has %d entries already: join some into a domain or a prefix",
				    NG_PY_RULES_MAX);
	Py_RETURN_NONE; /* that it was there already is as well */
}

static PyObject *py_remove_whitelist(PyObject *Py_UNUSED(module), PyObject *text)
{
	struct ng_py_rule rule;
	int result;

	if (rule_parse(text, &rule) < 0)
		return NULL;
	if (ng_py_is_strict()) {
		PyErr_SetString(PyExc_RuntimeError, "remove_whitelist() is not possible any more: the filter in the "
						    "kernel keeps the whitelist it was started with (strict=True)");
		return NULL;
	}
	result = rule_remove(&rule);
	if (result == -ENOMEM)
		return PyErr_NoMemory();
	if (result == -ENOENT)
		return PyErr_Format(PyExc_KeyError, "\"%S\" is not on the whitelist", text);
	Py_RETURN_NONE;
}

static PyObject *py_whitelist(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
	return list_rules(false);
}

static PyObject *py_allow_list(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
	return list_rules(true);
}

static PyMethodDef methods[] = {
	{ "block_network", py_block_network, METH_NOARGS, "Block: the profile that was in force before, or offline." },
	{ "allow_network", py_allow_network, METH_NOARGS, "Allow all: the profile online." },
	{ "is_blocked", py_is_blocked, METH_NOARGS, "Is the profile another than online?" },
	{ "profile", py_profile, METH_VARARGS, "profile(name=None): set it if given; return its name." },
	{ "add_whitelist", py_add_whitelist, METH_O,
	  "Add a host, domain, address or CIDR block, with or without port." },
	{ "remove_whitelist", py_remove_whitelist, METH_O, "Remove an entry; KeyError if it is not there." },
	{ "whitelist", py_whitelist, METH_NOARGS, "The entries, a list of str." },
	{ "allow_list", py_allow_list, METH_NOARGS, "The entries as `netguard run --allow` takes them." },
	{ 0 },
};

/* A child that is forked while another thread has the lock must not wait for that thread, which it has not. */
static void prepare_locks(void)
{
	static atomic_bool is_done;

	if (!atomic_exchange(&is_done, true))
		pthread_atfork(ng_py_rules_lock, ng_py_rules_unlock, ng_py_rules_unlock);
}

int ng_py_rules_init(PyObject *module)
{
	prepare_locks();
	ng_py_rules_lock();
	if (!state.portions) {
		struct ng_allows *memory = portions_for(0);

		if (memory)
			make_portions(memory);
		else
			PyErr_NoMemory();
	}
	ng_py_rules_unlock();
	if (PyErr_Occurred() || PyModule_AddFunctions(module, methods) < 0)
		return -1;
	return ng_py_names_init(module);
}
