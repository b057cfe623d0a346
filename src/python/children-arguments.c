/* SPDX-License-Identifier: MIT */
/*
 * What a child is started with (children.h): its arguments as bytes, the file that will be executed, the descriptors it
 * will have. Only looks; runs in the interpreter's process with its power.
 *
 * Between the look and the start another thread can put another file in the place. It is then that file which is
 * confined: nothing that is decided here lets a child out, but which sockets it inherits.
 */
#include "children.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- bytes --- */

PyObject *ng_py_bytes_of(PyObject *path)
{
	PyObject *bytes = NULL;

	return PyUnicode_FSConverter(path, &bytes) ? bytes : NULL;
}

PyObject *ng_py_bytes_tuple_of(PyObject *sequence)
{
	PyObject *items = PySequence_Tuple(sequence), *tuple = items ? PyTuple_New(PyTuple_GET_SIZE(items)) : NULL;

	for (Py_ssize_t i = 0; tuple && i < PyTuple_GET_SIZE(items); i++) {
		PyObject *bytes = ng_py_bytes_of(PyTuple_GET_ITEM(items, i));

		if (bytes)
			PyTuple_SET_ITEM(tuple, i, bytes);
		else
			Py_CLEAR(tuple);
	}
	Py_XDECREF(items);
	return tuple;
}

/* --- the program --- */

static bool can_execute(int folder, const char *path)
{
	struct stat status;

	return fstatat(folder, path, &status, 0) == 0 && S_ISREG(status.st_mode) &&
	       faccessat(folder, path, X_OK, AT_EACCESS) == 0;
}

/* A name without a slash is one in the folder: execve() does not search. */
static int take_program(struct ng_py_child *child, const char *path)
{
	child->program = PyBytes_FromFormat("%s%s", strchr(path, '/') ? "" : "./", path);
	return child->program ? 0 : -1;
}

int ng_py_child_find(struct ng_py_child *child, PyObject *candidates, PyObject *folder)
{
	const int at = folder ? open(PyBytes_AS_STRING(folder), O_PATH | O_DIRECTORY | O_CLOEXEC) : AT_FDCWD;
	int result = 0;

	if (folder && at < 0)
		return 0; /* the child cannot get there either, and says so */
	for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(candidates); i++) {
		const char *path = PyBytes_AS_STRING(PyTuple_GET_ITEM(candidates, i));

		if (can_execute(at, path)) {
			result = take_program(child, path);
			break;
		}
	}
	if (folder)
		close(at);
	return result;
}

int ng_py_child_find_in_path(struct ng_py_child *child)
{
	const char *name = PyBytes_AS_STRING(child->name), *folder = getenv("PATH"), *end;
	char path[PATH_MAX];

	if (strchr(name, '/'))
		return can_execute(AT_FDCWD, name) ? take_program(child, name) : 0;
	if (!folder)
		folder = "/bin:/usr/bin"; /* glibc's posix_spawnp(); Python's own search has /usr/local besides */
	for (; *name; folder = end + 1) {
		int length;

		end = folder + strcspn(folder, ":");
		length = (int)(end - folder);
		if (length < PATH_MAX &&
		    snprintf(path, sizeof path, "%.*s%s%s", length, folder, length ? "/" : "", name) < PATH_MAX &&
		    can_execute(AT_FDCWD, path))
			return take_program(child, path);
		if (!*end)
			break;
	}
	return 0;
}

/* --- descriptors --- */

static struct ng_py_descriptor *find(const struct ng_py_descriptors *descriptors, int fd)
{
	for (unsigned i = 0; i < descriptors->n; i++)
		if (descriptors->at[i].fd == fd)
			return &descriptors->at[i];
	return NULL;
}

int ng_py_descriptors_source(const struct ng_py_descriptors *descriptors, int fd)
{
	const struct ng_py_descriptor *found = find(descriptors, fd);

	return found ? found->source : -1;
}

int ng_py_descriptors_set(struct ng_py_descriptors *descriptors, int fd, int source)
{
	struct ng_py_descriptor *found = find(descriptors, fd), *memory;

	if (found) {
		found->source = source;
		return 0;
	}
	if (descriptors->n == descriptors->size) {
		const unsigned size = descriptors->size ? 2 * descriptors->size : 16;

		memory = PyMem_Realloc(descriptors->at, size * sizeof(*memory));
		if (!memory) {
			PyErr_NoMemory();
			return -1;
		}
		descriptors->at = memory;
		descriptors->size = size;
	}
	descriptors->at[descriptors->n++] = (struct ng_py_descriptor){ fd, source };
	return 0;
}

void ng_py_descriptors_remove(struct ng_py_descriptors *descriptors, int first, int last)
{
	unsigned n = 0;

	for (unsigned i = 0; i < descriptors->n; i++)
		if (descriptors->at[i].fd < first || descriptors->at[i].fd > last)
			descriptors->at[n++] = descriptors->at[i];
	descriptors->n = n;
}

/* Without /proc the first three, and whatever else there is the launcher closes. */
int ng_py_descriptors_inherit(struct ng_py_descriptors *descriptors)
{
	DIR *folder = opendir("/proc/self/fd");
	const struct dirent *entry;
	int result = 0;

	for (int fd = 0; !folder && fd < 3 && result == 0; fd++)
		if (fcntl(fd, F_GETFD) == 0)
			result = ng_py_descriptors_set(descriptors, fd, fd);
	while (folder && result == 0 && (entry = readdir(folder))) {
		const int fd = *entry->d_name == '.' ? -1 : atoi(entry->d_name);

		if (fd >= 0 && fcntl(fd, F_GETFD) == 0)
			result = ng_py_descriptors_set(descriptors, fd, fd);
	}
	if (folder)
		closedir(folder);
	return result;
}

enum kind {
	KIND_CLOSED,
	KIND_FILE,
	KIND_UNIX,
	KIND_NETWORK,
};

static enum kind kind_of(int fd)
{
	struct stat status;
	int domain = -1;
	socklen_t size = sizeof domain;

	if (fstat(fd, &status) < 0)
		return KIND_CLOSED;
	if (!S_ISSOCK(status.st_mode))
		return KIND_FILE;
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX)
		return KIND_UNIX;
	return KIND_NETWORK;
}

int ng_py_child_keep(const struct ng_py_child *child, char ret_keep[static NG_PY_KEEP_MAX])
{
	unsigned n = 0;
	int length = 0;
	char why[128];

	*ret_keep = '\0';
	for (unsigned i = 0; i < child->descriptors.n; i++) {
		const struct ng_py_descriptor *descriptor = &child->descriptors.at[i];
		const enum kind kind = descriptor->source < 0 ? KIND_FILE : kind_of(descriptor->source);

		if (kind == KIND_NETWORK) {
			snprintf(why, sizeof why, "descriptor %d, which it would inherit, is a socket of a network",
				 descriptor->fd);
			return ng_py_child_refuse(child, why, "close that socket, or do not pass it on");
		}
		if (kind == KIND_CLOSED || (kind == KIND_FILE && descriptor->fd < 3))
			continue;
		if (n++ == NG_RUN_KEEP_MAX) {
			snprintf(why, sizeof why,
				 "it would inherit more than %d descriptors, and netguard run keeps no more",
				 NG_RUN_KEEP_MAX);
			return ng_py_child_refuse(child, why, "pass fewer descriptors on (close_fds=True)");
		}
		length += snprintf(ret_keep + length, (size_t)(NG_PY_KEEP_MAX - length), "%s%d", length ? "," : "",
				   descriptor->fd);
	}
	return 0;
}
