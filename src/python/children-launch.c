/* SPDX-License-Identifier: MIT */
/*
 * How a child is held to the rules of now (children.h): through the launcher, or, if it is multiprocessing's, by this
 * package in its first statement. Those talk to us by sockets of files, which the launcher would cut off, and are no
 * more than threads of this program: what holds us holds them.
 */
#include "children.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config.h"
#include "run/allow.h"

/* --- the launcher --- */

static pthread_once_t launcher_once = PTHREAD_ONCE_INIT;
static char launcher_path[PATH_MAX];

static bool take_launcher(const char *folder, int length, const char *name)
{
	struct stat status;

	if (*folder != '/' || length >= PATH_MAX ||
	    snprintf(launcher_path, sizeof launcher_path, "%.*s%s", length, folder, name) >= PATH_MAX ||
	    stat(launcher_path, &status) < 0 || !S_ISREG(status.st_mode) || access(launcher_path, X_OK) < 0)
		*launcher_path = '\0';
	return *launcher_path;
}

static void find_launcher(void)
{
	const char *told = getenv("NETGUARD_RUN"), *path = getenv("PATH");

	if (told) { /* also where it says that there is none */
		take_launcher(told, (int)strnlen(told, PATH_MAX), "");
		return;
	}
	if (take_launcher(NG_LIBEXEC_DIR, (int)strlen(NG_LIBEXEC_DIR), "/netguard-run"))
		return;
	while (path) {
		const char *end = strchr(path, ':');

		if (take_launcher(path, (int)(end ? (size_t)(end - path) : strlen(path)), "/netguard"))
			return;
		path = end ? end + 1 : NULL;
	}
}

const char *ng_py_launcher(void)
{
	pthread_once(&launcher_once, find_launcher);
	return *launcher_path ? launcher_path : NULL;
}

/* The launcher's other verbs are netguard's; netguard-run has none (src/run/main.c). */
static bool has_verbs(const char *launcher)
{
	return strcmp(strrchr(launcher, '/') + 1, "netguard-run") != 0;
}

static pthread_once_t rung_once = PTHREAD_ONCE_INIT;
static char rung; /* what it says it can have here, or 0 */

/* What it prints ends the pipe; a process that is not ours to wait for any more has said it, too. */
static void read_rung(int fd, pid_t pid)
{
	static const char key[] = "\"rung\":\"";
	char said[512];
	size_t n = 0;
	ssize_t more;
	const char *found;

	while (n < sizeof said - 1 &&
	       ((more = read(fd, said + n, sizeof said - 1 - n)) > 0 || (more < 0 && errno == EINTR)))
		n += more > 0 ? (size_t)more : 0;
	said[n] = '\0';
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	found = strstr(said, key);
	if (found)
		rung = found[sizeof key - 1];
}

static void ask_rung(void)
{
	char *const argv[] = { launcher_path, has_verbs(launcher_path) ? "run" : "--probe",
			       has_verbs(launcher_path) ? "--probe" : NULL, NULL };
	char *const environment[] = { NULL };
	posix_spawn_file_actions_t actions;
	int ends[2], error;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return;
	posix_spawn_file_actions_init(&actions);
	error = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	error = error ? error : posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
	error = error ? error : posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	error = error ? error : posix_spawn(&pid, launcher_path, &actions, NULL, argv, environment);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	if (!error)
		read_rung(ends[0], pid);
	close(ends[0]);
}

/* Inside of another launcher it can have a filter only: enough where nothing is let through. Asked where something is,
 * and once: it takes some milliseconds. */
int ng_py_launcher_can_hold(const struct ng_py_child *child)
{
	PyObject *entries;
	bool lets_through;

	if (!ng_py_launcher())
		return 0;
	entries = ng_py_allow_list();
	if (!entries)
		return -1;
	lets_through = child->profile == NG_PROFILE_LOCAL || PyList_GET_SIZE(entries);
	Py_DECREF(entries);
	if (!lets_through)
		return 1;
	pthread_once(&rung_once, ask_rung);
	return rung == 'A' || rung == 'B';
}

/* --- its command line --- */

static int add(PyObject *list, const char *word)
{
	PyObject *bytes = PyBytes_FromString(word);
	const int result = bytes ? PyList_Append(list, bytes) : -1;

	Py_XDECREF(bytes);
	return result;
}

static int add_pair(PyObject *list, const char *option, const char *value)
{
	return add(list, option) < 0 ? -1 : add(list, value);
}

/* The whitelist, as far as the launcher can take it: 32 names, each with what is below it, and 32 addresses. */
static int add_allows(PyObject *list, bool *ret_is_cut)
{
	PyObject *entries = ng_py_allow_list();
	struct ng_run_policy *policy = PyMem_Calloc(1, sizeof(*policy));
	char error[NG_RUN_ERROR_MAX];
	int result = entries && policy ? 0 : -1;

	if (entries && !policy)
		PyErr_NoMemory();
	for (Py_ssize_t i = 0; result == 0 && i < PyList_GET_SIZE(entries); i++) {
		const char *entry = PyUnicode_AsUTF8(PyList_GET_ITEM(entries, i));

		if (!entry)
			result = -1;
		else if (ng_run_allow_parse(entry, policy, error) == 0)
			result = add_pair(list, "--allow", entry);
		else
			*ret_is_cut = true;
	}
	PyMem_Free(policy);
	Py_XDECREF(entries);
	return result;
}

/* program ARGS: argv without its first, which is --argv0. */
static int add_command(PyObject *list, const struct ng_py_child *child)
{
	if (add(list, "--") < 0 || PyList_Append(list, child->program) < 0)
		return -1;
	for (Py_ssize_t i = 1; i < PyTuple_GET_SIZE(child->argv); i++)
		if (PyList_Append(list, PyTuple_GET_ITEM(child->argv, i)) < 0)
			return -1;
	return 0;
}

static int add_options(PyObject *list, const struct ng_py_child *child, const char *keep, bool *ret_is_cut)
{
	const char *argv0 = PyTuple_GET_SIZE(child->argv) ? PyBytes_AS_STRING(PyTuple_GET_ITEM(child->argv, 0)) : "";

	if (add(list, child->profile == NG_PROFILE_LOCAL ? "--local" : "--offline") < 0 ||
	    add(list, "--end-as-command") < 0)
		return -1;
	if (*keep && add_pair(list, "--keep-fd", keep) < 0)
		return -1;
	if (PyTuple_GET_SIZE(child->argv) && strcmp(argv0, PyBytes_AS_STRING(child->program)) != 0 &&
	    add_pair(list, "--argv0", argv0) < 0)
		return -1;
	return add_allows(list, ret_is_cut);
}

PyObject *ng_py_child_launch(const struct ng_py_child *child, const char *keep, char ret_why[static 128])
{
	const char *launcher = ng_py_launcher();
	PyObject *list = PyList_New(0), *tuple = NULL;
	bool is_cut = false;

	if (list && add(list, launcher) == 0 && (!has_verbs(launcher) || add(list, "run") == 0) &&
	    add_options(list, child, keep, &is_cut) == 0 && add_command(list, child) == 0)
		tuple = PyList_AsTuple(list);
	Py_XDECREF(list);
	snprintf(ret_why, 128, "it is confined by netguard run %s%s",
		 child->profile == NG_PROFILE_LOCAL ? "--local" : "--offline",
		 is_cut ? "; the launcher takes 32 names and 32 addresses, the rest of the whitelist is left out" : "");
	return tuple;
}

/* --- multiprocessing --- */

/* Where the package is found: a folder, as sys.path has it; of the process, and never changed once it is set. */
static char *package_place;

static void cut_last(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash)
		memcpy(path, ".", sizeof "."); /* PATH_MAX and more have room for it */
	else if (slash == path)
		path[1] = '\0';
	else
		*slash = '\0';
}

/* PLACE/python_blackbox/_core.so: only the place is resolved, since the rest may be links to elsewhere. */
int ng_py_children_place_init(PyObject *module)
{
	PyObject *file = PyModule_GetFilenameObject(module), *bytes = file ? ng_py_bytes_of(file) : NULL;
	char path[PATH_MAX], *place, *before = NULL;

	Py_XDECREF(file);
	if (!bytes) { /* then multiprocessing's children are confined like all others */
		PyErr_Clear();
		return 0;
	}
	if (snprintf(path, sizeof path, "%s", PyBytes_AS_STRING(bytes)) < PATH_MAX) {
		cut_last(path);
		cut_last(path);
		place = realpath(path, NULL);
		if (!__atomic_compare_exchange_n(&package_place, &before, place, false, __ATOMIC_ACQ_REL,
						 __ATOMIC_ACQUIRE))
			free(place);
	}
	Py_DECREF(bytes);
	return 0;
}

static bool is_own_interpreter(const char *path)
{
	struct stat own, other;

	return stat("/proc/self/exe", &own) == 0 && stat(path, &other) == 0 && own.st_dev == other.st_dev &&
	       own.st_ino == other.st_ino;
}

PyObject *ng_py_child_own_interpreter(void)
{
	char path[PATH_MAX];
	const ssize_t length = readlink("/proc/self/exe", path, sizeof path);

	if (length < 0)
		return PyErr_SetFromErrnoWithFilename(PyExc_OSError, "/proc/self/exe");
	return Py_BuildValue("(y#)", path, (Py_ssize_t)length);
}

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* The place behind the interpreter's own flags, as subprocess._args_from_interpreter_flags() makes them: no script and
 * no module among them. */
static Py_ssize_t skip_flags(PyObject *argv)
{
	const Py_ssize_t n = PyTuple_GET_SIZE(argv);

	for (Py_ssize_t i = 1; i < n; i++) {
		const char *word = PyBytes_AS_STRING(PyTuple_GET_ITEM(argv, i));

		if (strcmp(word, "-X") == 0)
			i++;
		else if (!(starts_with(word, "-W") && word[2]) &&
			 (word[0] != '-' || !word[1] || word[1 + strspn(word + 1, "dDBsSEvbqOIP")]))
			return i;
	}
	return n;
}

Py_ssize_t ng_py_child_is_multiprocessing(const struct ng_py_child *child)
{
	static const char *const lines[] = { "from multiprocessing.spawn import ",
					     "from multiprocessing.forkserver import ",
					     "from multiprocessing.resource_tracker import " };
	const Py_ssize_t n = PyTuple_GET_SIZE(child->argv), at = skip_flags(child->argv);
	const char *line;

	if (!child->program || !package_place || at + 1 >= n ||
	    strcmp(PyBytes_AS_STRING(PyTuple_GET_ITEM(child->argv, at)), "-c") != 0 ||
	    !is_own_interpreter(PyBytes_AS_STRING(child->program)))
		return 0;
	if (n > at + 3 || (n == at + 3 && strcmp(PyBytes_AS_STRING(PyTuple_GET_ITEM(child->argv, at + 2)),
						 "--multiprocessing-fork") != 0))
		return 0;
	line = PyBytes_AS_STRING(PyTuple_GET_ITEM(child->argv, at + 1));
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		if (starts_with(line, lines[i]))
			return at + 1;
	return 0;
}

/* Is it "*.NAME" beside "NAME", which has what is below it? The launcher needs both, we do not. -1: an exception. */
static int is_repeat(PyObject *entries, Py_ssize_t i)
{
	const char *text = PyUnicode_AsUTF8(PyList_GET_ITEM(entries, i));
	PyObject *name;
	int result;

	if (!text || !starts_with(text, "*."))
		return text ? 0 : -1;
	name = PyUnicode_FromString(text + 2);
	result = name ? PySequence_Contains(entries, name) : -1;
	Py_XDECREF(name);
	return result;
}

static PyObject *whitelist_without_repeats(void)
{
	PyObject *entries = ng_py_allow_list();

	for (Py_ssize_t i = entries ? PyList_GET_SIZE(entries) : 0; i-- > 0;) {
		const int repeats = is_repeat(entries, i);

		if (repeats < 0 || (repeats && PyList_SetSlice(entries, i, i + 1, NULL) < 0)) {
			Py_CLEAR(entries);
			break;
		}
	}
	return entries;
}

static PyObject *block_text(const struct ng_py_child *child, PyObject *line)
{
	PyObject *entries = whitelist_without_repeats(), *place = PyUnicode_DecodeFSDefault(package_place);
	PyObject *text = PyUnicode_DecodeFSDefault(PyBytes_AS_STRING(line)), *all = NULL, *bytes = NULL;

	if (entries && place && text)
		all = PyUnicode_FromFormat(
			"import sys; sys.path.insert(0, %A); import python_blackbox._core as _netguard; "
			"sys.path.pop(0); _netguard.set_children('%s'); "
			"[_netguard.add_whitelist(entry) for entry in %A]; _netguard.profile('%s'); "
			"del _netguard\n%U",
			place, ng_py_children_word(ng_py_children()), entries,
			child->profile == NG_PROFILE_LOCAL ? "local" : "offline", text);
	if (all)
		bytes = PyUnicode_EncodeFSDefault(all);
	Py_XDECREF(entries);
	Py_XDECREF(place);
	Py_XDECREF(text);
	Py_XDECREF(all);
	return bytes;
}

PyObject *ng_py_child_block_first(const struct ng_py_child *child, Py_ssize_t at)
{
	const Py_ssize_t n = PyTuple_GET_SIZE(child->argv);
	PyObject *text = block_text(child, PyTuple_GET_ITEM(child->argv, at)), *argv = text ? PyTuple_New(n) : NULL;

	for (Py_ssize_t i = 0; argv && i < n; i++) {
		PyObject *word = i == at ? text : PyTuple_GET_ITEM(child->argv, i);

		Py_INCREF(word);
		PyTuple_SET_ITEM(argv, i, word);
	}
	Py_XDECREF(text);
	return argv;
}
