/* SPDX-License-Identifier: MIT */
/*
 * What was tried, and how it is refused. Attempts of the same kind (the same call of the same function to the same
 * address with the same outcome) are counted, not repeated; the first of a kind keeps its time and its Python stack.
 * NG_PY_KINDS_MAX kinds are told apart, further ones are only counted.
 *
 * The store is one for the process behind its own lock, under which no Python code runs: it is copied out kind by kind.
 */
#include "judge.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <frameobject.h>

#include "rules.h"
#include "run/allow.h"
#include "run/record-internal.h"
#include "verdict/words.h"

#define NG_PY_KINDS_MAX 1024
#define STACK_FRAMES 16
#define STACK_MAX 2048
#define TEXT_MAX 600

struct kind {
	/* what makes it a kind; texts are zero past their end */
	char call[16], api[48], host[256], path[512], why[160], tip[128];
	struct ng_flow flow;
	int family;
	bool has_address, is_allowed;
	unsigned char reason, class, profile;
	pid_t pid;
	/* what does not */
	uint64_t count;
	struct timespec first;
	char stack[STACK_MAX]; /* lines, outermost first */
};

static struct {
	pthread_mutex_t lock;
	struct kind *kinds[NG_PY_KINDS_MAX];
	unsigned n_kinds;
	uint64_t lost;
} store = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Callbacks and shims may do what is refused in turn: that is recorded, but calls no callback again. */
static _Thread_local bool is_telling;

static void store_lock(void)
{
	pthread_mutex_lock(&store.lock);
}

static void store_unlock(void)
{
	pthread_mutex_unlock(&store.lock);
}

/* --- text --- */

static void copy_text(char *ret_text, size_t size, const char *text)
{
	if (text)
		snprintf(ret_text, size, "%s", text);
}

static void address_text(const struct kind *kind, bool with_port, char ret_text[static 64])
{
	char address[NG_ADDRESS_TEXT_MAX];
	const bool has_brackets = with_port && kind->flow.port && !ng_run_address_is_ipv4(kind->flow.addr);

	ng_run_address_text(kind->flow.addr, address);
	if (with_port && kind->flow.port)
		snprintf(ret_text, 64, "%s%s%s:%u", has_brackets ? "[" : "", address, has_brackets ? "]" : "",
			 kind->flow.port);
	else
		snprintf(ret_text, 64, "%s", address);
}

/* "203.0.113.5:443/tcp", "example.org (203.0.113.5:443/tcp)", "example.org", "/usr/bin/curl" */
static void target_text(const struct kind *kind, char ret_text[static TEXT_MAX])
{
	char address[64], family[16], proto[16];
	const char *word = ng_record_proto_word(kind->flow.proto, proto);

	if (*kind->path) {
		snprintf(ret_text, TEXT_MAX, "%s", kind->path);
	} else if (kind->has_address) {
		address_text(kind, true, address);
		snprintf(ret_text, TEXT_MAX, "%s%s%s%s%s%s", kind->host, *kind->host ? " (" : "", address,
			 *word ? "/" : "", word, *kind->host ? ")" : "");
	} else if (*kind->host) {
		snprintf(ret_text, TEXT_MAX, "%s", kind->host);
	} else {
		snprintf(ret_text, TEXT_MAX, "a socket of %s%s%s", ng_record_family_word(kind->family, family),
			 ng_py_is_inet(kind->family) && *word ? ", " : "", ng_py_is_inet(kind->family) ? word : "");
	}
}

/* What stands before the target. */
static const char *call_text(const char *call)
{
	static const struct {
		const char *call, *text;
	} texts[] = {
		{ "connect", "connecting to" },    { "sendto", "sending to" },
		{ "sendmsg", "sending to" },       { "send", "sending to" },
		{ "bind", "listening at" },        { "accept", "a connection from" },
		{ "recvfrom", "a datagram from" }, { "resolve", "the lookup of" },
		{ "socket", "the use of" },        { "exec", "starting" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (strcmp(texts[i].call, call) == 0)
			return texts[i].text;
	return call;
}

static const char *reason_text(const struct kind *kind)
{
	if (*kind->why)
		return kind->why;
	return kind->reason < sizeof(ng_reason_words) / sizeof(*ng_reason_words) ? ng_reason_words[kind->reason].text
										 : "the reason is unknown";
}

static void tip_text(const struct kind *kind, char ret_text[static 400])
{
	char address[64];
	const char *proto = ng_run_allow_proto(kind->flow.proto);

	*ret_text = '\0';
	if (kind->is_allowed || ng_py_is_strict())
		return;
	if (*kind->tip) {
		snprintf(ret_text, 400, "%s", kind->tip);
	} else if (strcmp(kind->call, "bind") == 0) {
		snprintf(ret_text, 400, "profile(\"local\")");
	} else if (*kind->host && ng_run_name_is_good(kind->host)) {
		snprintf(ret_text, 400, "add_whitelist(\"%s\")", kind->host);
	} else if (kind->has_address && proto) {
		address_text(kind, true, address);
		snprintf(ret_text, 400, "add_whitelist(\"%s/%s\")", address, proto);
	}
}

/* --- this interpreter's own things --- */

static const char error_doc[] =
	"A use of the network that python_blackbox did not allow.\n\n"
	"A PermissionError: errno is EACCES. address is (text, port) or None, host the name if one was given or the\n"
	"address was looked up for one, reason a clause that says why, tip what would allow it; each may be None.";

static PyObject *new_error_class(void)
{
	PyObject *dict = Py_BuildValue("{s:O,s:O,s:O,s:O}", "address", Py_None, "host", Py_None, "reason", Py_None,
				       "tip", Py_None);
	PyObject *class = dict ? PyErr_NewExceptionWithDoc("python_blackbox.NetworkBlockedError", error_doc,
							   PyExc_PermissionError, dict)
			       : NULL;

	Py_XDECREF(dict);
	return class;
}

PyObject *ng_py_interpreter(void)
{
	PyObject *all = PyInterpreterState_GetDict(PyInterpreterState_Get()), *own, *class;

	if (!all) {
		PyErr_SetString(PyExc_RuntimeError, "this interpreter keeps nothing for python_blackbox");
		return NULL;
	}
	own = PyDict_GetItemString(all, "python_blackbox");
	if (own)
		return own;
	own = PyDict_New();
	class = own ? new_error_class() : NULL;
	if (!class || PyDict_SetItemString(own, "error", class) < 0 ||
	    PyDict_SetItemString(all, "python_blackbox", own) < 0) {
		Py_XDECREF(class);
		Py_XDECREF(own);
		return NULL;
	}
	Py_DECREF(class);
	Py_DECREF(own);
	return own;
}

/* --- the stack --- */

static void add_frame(char stack[static STACK_MAX], PyFrameObject *frame)
{
	PyCodeObject *code = PyFrame_GetCode(frame);
	const char *file = PyUnicode_AsUTF8(code->co_filename), *name = PyUnicode_AsUTF8(code->co_name);
	char line[512];
	size_t length, old = strlen(stack);

	PyErr_Clear();
	snprintf(line, sizeof(line), "%s:%d in %s", file ? file : "?", PyFrame_GetLineNumber(frame), name ? name : "?");
	for (char *p = line; *p; p++)
		if (*p == '\n')
			*p = ' ';
	Py_DECREF(code);
	length = strlen(line);
	if (length + old + 2 > STACK_MAX)
		return;
	memmove(stack + length + (old > 0), stack, old + 1); /* the caller stands before what it called */
	memcpy(stack, line, length);
	if (old > 0)
		stack[length] = '\n';
	else
		stack[length] = '\0';
}

static void take_stack(char stack[static STACK_MAX])
{
	PyFrameObject *frame = PyEval_GetFrame();

	Py_XINCREF(frame);
	for (int i = 0; frame && i < STACK_FRAMES; i++) {
		PyFrameObject *back = PyFrame_GetBack(frame);

		add_frame(stack, frame);
		Py_DECREF(frame);
		frame = back;
	}
	Py_XDECREF(frame);
}

/* --- the store --- */

static void kind_make(const struct ng_py_attempt *attempt, struct kind *ret_kind)
{
	memset(ret_kind, 0, sizeof(*ret_kind));
	copy_text(ret_kind->call, sizeof(ret_kind->call), attempt->call);
	copy_text(ret_kind->api, sizeof(ret_kind->api), attempt->api);
	copy_text(ret_kind->host, sizeof(ret_kind->host), attempt->host);
	copy_text(ret_kind->path, sizeof(ret_kind->path), attempt->path);
	copy_text(ret_kind->why, sizeof(ret_kind->why), attempt->why);
	copy_text(ret_kind->tip, sizeof(ret_kind->tip), attempt->tip);
	ret_kind->flow = attempt->flow;
	ret_kind->family = attempt->family;
	ret_kind->has_address = attempt->has_address;
	ret_kind->is_allowed = attempt->is_allowed;
	ret_kind->reason = attempt->reason;
	ret_kind->class = attempt->class;
	ret_kind->profile = (unsigned char)ng_py_profile();
	ret_kind->pid = getpid();
}

/* With the lock held: the number of the kind, or -1. */
static int kind_find(const struct kind *kind)
{
	for (unsigned i = 0; i < store.n_kinds; i++)
		if (memcmp(store.kinds[i], kind, offsetof(struct kind, count)) == 0)
			return (int)i;
	return -1;
}

/* Counts it; `kind` becomes what is kept: its first time, its count, its stack. */
static void store_add(struct kind *kind)
{
	struct kind *fresh = NULL;
	int at;

	store_lock();
	at = kind_find(kind);
	if (at >= 0) {
		store.kinds[at]->count++;
		*kind = *store.kinds[at];
	}
	store_unlock();
	if (at >= 0)
		return;
	kind->count = 1;
	clock_gettime(CLOCK_REALTIME, &kind->first);
	take_stack(kind->stack);
	fresh = malloc(sizeof(*fresh));
	if (fresh)
		*fresh = *kind;
	store_lock();
	if (fresh && store.n_kinds < NG_PY_KINDS_MAX) {
		store.kinds[store.n_kinds++] = fresh; /* two threads at once may add one twice: no harm */
		fresh = NULL;
	} else {
		store.lost++;
	}
	store_unlock();
	free(fresh);
}

static bool store_copy(unsigned i, struct kind *ret_kind)
{
	bool has;

	store_lock();
	has = i < store.n_kinds;
	if (has)
		*ret_kind = *store.kinds[i];
	store_unlock();
	return has;
}

/* --- as Python objects --- */

static PyObject *stack_list(const char *stack)
{
	PyObject *text = PyUnicode_DecodeUTF8(stack, (Py_ssize_t)strlen(stack), "replace"), *list = NULL;

	if (text)
		list = *stack ? PyUnicode_Splitlines(text, 0) : PyList_New(0);
	Py_XDECREF(text);
	return list;
}

static PyObject *text_or_none(const char *text)
{
	if (!*text)
		Py_RETURN_NONE;
	return PyUnicode_DecodeFSDefault(text);
}

static PyObject *exe_path(void)
{
	char path[4096];
	const ssize_t length = readlink("/proc/self/exe", path, sizeof(path));

	return PyUnicode_DecodeFSDefaultAndSize(path, length > 0 ? length : 0);
}

/* Sets and drops the value; false after an error. */
static bool put(PyObject *dict, const char *name, PyObject *value)
{
	const int result = value ? PyDict_SetItemString(dict, name, value) : -1;

	Py_XDECREF(value);
	return result == 0;
}

/* The fields of the design's attempt record, as src/run/record-json.c names them, and net_restrict's three. */
static PyObject *kind_dict(const struct kind *kind)
{
	char address[64] = "", target[TEXT_MAX], tip[400], family[16], proto[16];
	PyObject *dict = PyDict_New();

	if (kind->has_address)
		address_text(kind, false, address);
	target_text(kind, target);
	tip_text(kind, tip);
	if (dict &&
	    put(dict, "time", PyFloat_FromDouble((double)kind->first.tv_sec + (double)kind->first.tv_nsec / 1e9)) &&
	    put(dict, "source", PyUnicode_FromString("python")) && put(dict, "pid", PyLong_FromLong(kind->pid)) &&
	    put(dict, "uid", PyLong_FromUnsignedLong(getuid())) && put(dict, "exe", exe_path()) &&
	    put(dict, "profile", PyUnicode_FromString(ng_py_profile_word(kind->profile))) &&
	    put(dict, "call", PyUnicode_FromString(kind->call)) && put(dict, "api", PyUnicode_FromString(kind->api)) &&
	    put(dict, "args",
		Py_BuildValue("[sN]", kind->family < 0 ? "" : ng_record_family_word(kind->family, family),
			      PyUnicode_DecodeFSDefault(target))) &&
	    put(dict, "family",
		PyUnicode_FromString(kind->family < 0 ? "" : ng_record_family_word(kind->family, family))) &&
	    put(dict, "protocol",
		PyUnicode_FromString(ng_py_is_inet(kind->family) ? ng_record_proto_word(kind->flow.proto, proto)
								 : "")) &&
	    put(dict, "address", text_or_none(address)) && put(dict, "port", PyLong_FromLong(kind->flow.port)) &&
	    put(dict, "name", text_or_none(kind->host)) && put(dict, "path", text_or_none(kind->path)) &&
	    put(dict, "class", text_or_none(kind->has_address ? ng_record_class_word(kind->class) : "")) &&
	    put(dict, "verdict", PyUnicode_FromString(kind->is_allowed ? "allow" : "deny")) &&
	    put(dict, "reason", PyUnicode_FromString(ng_record_reason_word(kind->reason))) &&
	    put(dict, "text", PyUnicode_FromString(reason_text(kind))) &&
	    put(dict, "errno", text_or_none(kind->is_allowed ? "" : "EACCES")) &&
	    put(dict, "count", PyLong_FromUnsignedLongLong(kind->count)) && put(dict, "tip", text_or_none(tip)) &&
	    put(dict, "stack", stack_list(kind->stack)))
		return dict;
	Py_XDECREF(dict);
	return NULL;
}

/* --- telling --- */

static void call_callback(const struct kind *kind)
{
	PyObject *own = ng_py_interpreter();
	PyObject *callback = own ? PyDict_GetItemString(own, "callback") : NULL, *dict, *result;

	if (!callback) {
		PyErr_Clear();
		return;
	}
	Py_INCREF(callback);
	dict = kind_dict(kind);
	result = dict ? PyObject_CallOneArg(callback, dict) : NULL;
	if (!result && PyErr_ExceptionMatches(PyExc_Exception)) /* not what ends a program, such as KeyboardInterrupt */
		PyErr_WriteUnraisable(callback);
	Py_XDECREF(result);
	Py_XDECREF(dict);
	Py_DECREF(callback);
}

/* Libraries that retry what was refused are told not to, once they are there. That raises nothing of its own: what is
 * raised while Python code runs is a signal's. */
static void call_shims(void)
{
	PyObject *name = PyUnicode_FromString("python_blackbox"), *package, *shims, *result;

	package = name ? PyImport_GetModule(name) : NULL;
	Py_XDECREF(name);
	shims = package ? PyImport_ImportModule("python_blackbox._libraries") : NULL;
	result = shims ? PyObject_CallMethod(shims, "refused", NULL) : NULL;
	Py_XDECREF(result);
	Py_XDECREF(shims);
	Py_XDECREF(package);
	if (PyErr_Occurred() && PyErr_ExceptionMatches(PyExc_ImportError))
		PyErr_Clear();
}

/* What a signal's handler raised meanwhile is set afterwards. */
static void note(const struct ng_py_attempt *attempt, struct kind *ret_kind)
{
	PyObject *type, *value, *traceback;

	kind_make(attempt, ret_kind);
	store_add(ret_kind);
	if (is_telling)
		return;
	is_telling = true;
	if (!attempt->is_allowed)
		call_shims();
	PyErr_Fetch(&type, &value, &traceback);
	call_callback(ret_kind);
	if (type)
		PyErr_Restore(type, value, traceback);
	is_telling = false;
}

void ng_py_note(const struct ng_py_attempt *attempt)
{
	PyObject *type, *value, *traceback;
	struct kind kind;

	PyErr_Fetch(&type, &value, &traceback);
	note(attempt, &kind);
	if (PyErr_Occurred()) /* nobody expects it from here */
		PyErr_WriteUnraisable(NULL);
	PyErr_Restore(type, value, traceback);
}

static PyObject *error_of(const struct kind *kind)
{
	char target[TEXT_MAX], tip[400], message[TEXT_MAX + 700], address[64];
	PyObject *own = ng_py_interpreter(), *class = own ? PyDict_GetItemString(own, "error") : NULL, *error, *text;

	if (!class)
		return NULL;
	target_text(kind, target);
	tip_text(kind, tip);
	snprintf(message, sizeof(message), "Network Guard: %s %s is blocked: %s.%s%s", call_text(kind->call), target,
		 reason_text(kind), *tip ? " What would allow it: " : "", tip);
	text = PyUnicode_DecodeFSDefault(message);
	error = text ? PyObject_CallFunction(class, "iO", EACCES, text) : NULL;
	Py_XDECREF(text);
	if (!error)
		return NULL;
	address_text(kind, false, address);
	text = kind->has_address ? Py_BuildValue("(si)", address, kind->flow.port) : Py_BuildValue("");
	if (!text || PyObject_SetAttrString(error, "address", text) < 0)
		PyErr_Clear();
	Py_XDECREF(text);
	for (int i = 0; i < 3; i++) {
		static const char *const names[] = { "host", "reason", "tip" };
		const char *const texts[] = { kind->host, reason_text(kind), tip };

		text = text_or_none(texts[i]);
		if (!text || PyObject_SetAttrString(error, names[i], text) < 0)
			PyErr_Clear();
		Py_XDECREF(text);
	}
	return error;
}

int ng_py_refuse(const struct ng_py_attempt *attempt)
{
	struct ng_py_attempt refused = *attempt;
	struct kind kind;
	PyObject *error;

	refused.is_allowed = false;
	note(&refused, &kind);
	if (PyErr_Occurred())
		return -1; /* it is refused, and the signal is heard */
	error = error_of(&kind);
	if (error)
		PyErr_SetObject((PyObject *)Py_TYPE(error), error);
	else if (!PyErr_Occurred())
		PyErr_SetString(PyExc_PermissionError, "blocked by Network Guard");
	Py_XDECREF(error);
	return -1;
}

/* --- for Python --- */

static PyObject *py_attempts(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
	PyObject *list = PyList_New(0);
	struct kind kind;

	for (unsigned i = 0; list && store_copy(i, &kind); i++) {
		PyObject *dict = kind_dict(&kind);

		if (!dict || PyList_Append(list, dict) < 0)
			Py_CLEAR(list);
		Py_XDECREF(dict);
	}
	return list;
}

static PyObject *py_clear_attempts(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
	store_lock();
	for (unsigned i = 0; i < store.n_kinds; i++)
		free(store.kinds[i]);
	store.n_kinds = 0;
	store.lost = 0;
	store_unlock();
	Py_RETURN_NONE;
}

static PyObject *py_lost_attempts(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
	uint64_t lost;

	store_lock();
	lost = store.lost;
	store_unlock();
	return PyLong_FromUnsignedLongLong(lost);
}

static PyObject *py_on_attempt(PyObject *Py_UNUSED(module), PyObject *callback)
{
	PyObject *own = ng_py_interpreter();

	if (!own)
		return NULL;
	if (callback == Py_None) {
		if (PyDict_DelItemString(own, "callback") < 0)
			PyErr_Clear();
		Py_RETURN_NONE;
	}
	if (!PyCallable_Check(callback))
		return PyErr_Format(PyExc_TypeError, "on_attempt() takes a function or None, not %.100s",
				    Py_TYPE(callback)->tp_name);
	if (PyDict_SetItemString(own, "callback", callback) < 0)
		return NULL;
	Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
	{ "attempts", py_attempts, METH_NOARGS, "What was tried: a list of dicts, repeats counted." },
	{ "clear_attempts", py_clear_attempts, METH_NOARGS, "Forget what was tried." },
	{ "lost_attempts", py_lost_attempts, METH_NOARGS, "How many attempts could not be kept." },
	{ "on_attempt", py_on_attempt, METH_O, "Call this with the dict of each attempt; None: no more." },
	{ 0 },
};

int ng_py_attempts_init(PyObject *module)
{
	static atomic_bool is_prepared;
	PyObject *own = ng_py_interpreter();

	if (!own || PyModule_AddFunctions(module, methods) < 0)
		return -1;
	if (!atomic_exchange(&is_prepared, true))
		pthread_atfork(store_lock, store_unlock, store_unlock);
	return PyObject_SetAttrString(module, "NetworkBlockedError", PyDict_GetItemString(own, "error"));
}
