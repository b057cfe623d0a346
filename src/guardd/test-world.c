/* SPDX-License-Identifier: MIT */
/* A guard of one's own for tests (see test-world.h). Runs with the tester's power. */
#include "guardd/test-world.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/frame.h"
#include "api/interface.h"

#define PATIENCE_MS 20000

static const char *netguardd_path, *enforcer_path;

/* The guards that run: a failed test must not leave one behind. */
static pid_t running[8];

static void note_running(pid_t pid, pid_t instead_of)
{
	for (gsize i = 0; i < G_N_ELEMENTS(running); i++) {
		if (running[i] == instead_of) {
			running[i] = pid;
			return;
		}
	}
	g_assert_not_reached();
}

static void end_running(int signal_number)
{
	for (gsize i = 0; i < G_N_ELEMENTS(running); i++) {
		if (running[i] > 0)
			kill(running[i], SIGKILL);
	}
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

void world_init(int argc, char **argv)
{
	signal(SIGABRT, end_running);
	signal(SIGTRAP, end_running);
	signal(SIGTERM, end_running);

	g_assert_cmpint(argc, ==, 3);
	netguardd_path = argv[1];
	enforcer_path = argv[2];
	signal(SIGPIPE, SIG_IGN);
	umask(022);
}

char *world_path(World *world, const char *name)
{
	return g_build_filename(world->folder, name, NULL);
}

static void copy(World *world, const char *from, const char *name)
{
	g_autofree char *to = world_path(world, name), *text = NULL;
	gsize length;

	g_assert_true(g_file_get_contents(from, &text, &length, NULL));
	g_assert_true(g_file_set_contents(to, text, (gssize)length, NULL));
	g_assert_cmpint(g_chmod(to, 0755), ==, 0);
}

World *world_new(void)
{
	static const char *const folders[] = { "bin", "etc", "etc/apps.d", "vendor", "exes" };
	World *world = g_new0(World, 1);

	world->folder = g_dir_make_tmp("netguard-test-XXXXXX", NULL);
	g_assert_nonnull(world->folder);
	g_assert_cmpint(g_chmod(world->folder, 0755), ==, 0);
	for (gsize i = 0; i < G_N_ELEMENTS(folders); i++) {
		g_autofree char *path = world_path(world, folders[i]);

		g_assert_cmpint(g_mkdir(path, 0755), ==, 0);
	}
	copy(world, netguardd_path, "bin/netguardd");
	copy(world, enforcer_path, "bin/netguard-enforcer");
	world->socket = world_path(world, "run/" NG_API_SOCKET);
	world->is_root = geteuid() == 0;
	return world;
}

/* Between fork and exec only what is safe there: a test may have threads by now. */
static pid_t spawn_guard(World *world, int out, int err)
{
	g_autofree char *program = world_path(world, "bin/netguardd");
	g_autofree char *config = world_path(world, "etc"), *state = world_path(world, "state");
	g_autofree char *runtime = world_path(world, "run"), *vendor = world_path(world, "vendor");
	const char *argv[] = { program, "--config", config, "--state", state,    "--runtime",
			       runtime, "--vendor", vendor, "--user",  "nobody", NULL };
	g_auto(GStrv) environment = g_get_environ();
	pid_t pid;

	/* Not the machine's bus. A process that gave up its privilege cannot be traced, which is how leaks are looked
	 * for; and its memory is looked at, so little of what was freed may be held back. */
	environment = g_environ_setenv(environment, "DBUS_SYSTEM_BUS_ADDRESS",
				       world->bus ? world->bus : "unix:path=/nonexistent", TRUE);
	environment = g_environ_setenv(environment, "ASAN_OPTIONS", "detect_leaks=0:quarantine_size_mb=4", TRUE);
	pid = fork();
	if (pid != 0) {
		note_running(pid, 0);
		return pid;
	}
	dup2(out, 1);
	dup2(err, 2);
	execve(program, (char **)argv, environment);
	_exit(127);
}

char *world_errors(World *world)
{
	g_autofree char *path = world_path(world, "errors");
	char *text = NULL;

	g_file_get_contents(path, &text, NULL, NULL);
	return text;
}

static void wait_for_ready(World *world)
{
	char line[64];
	gsize n = 0;

	while (n < sizeof line - 1 && !memchr(line, '\n', n)) {
		struct pollfd readable = { .fd = world->out, .events = POLLIN };
		ssize_t r;

		g_assert_cmpint(poll(&readable, 1, PATIENCE_MS), ==, 1);
		r = read(world->out, line + n, sizeof line - 1 - n);
		if (r <= 0)
			g_error("netguardd did not start: %s", world_errors(world));
		n += (gsize)r;
	}
	line[n] = '\0';
	g_assert_cmpstr(line, ==, "netguardd: ready\n");
}

void world_start(World *world)
{
	g_autofree char *errors = world_path(world, "errors");
	int err = open(errors, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int out[2];

	g_assert_cmpint(world->pid, ==, 0);
	g_assert_cmpint(pipe2(out, O_CLOEXEC), ==, 0);
	world->pid = spawn_guard(world, out[1], err);
	close(out[1]);
	close(err);
	world->out = out[0];
	wait_for_ready(world);
}

void world_has_ended(World *world)
{
	note_running(0, world->pid);
	world->pid = 0;
	close(world->out);
}

int world_stop(World *world, int signal_number)
{
	int status;

	kill(world->pid, signal_number);
	g_assert_cmpint(waitpid(world->pid, &status, 0), ==, world->pid);
	world_has_ended(world);
	return status;
}

void world_free(World *world)
{
	g_autofree char *errors = NULL;
	const char *argv[] = { "rm", "-rf", world->folder, NULL };

	if (world->pid > 0)
		world_stop(world, SIGTERM);
	errors = world_errors(world);
	if (errors && (strstr(errors, "Sanitizer") || strstr(errors, "runtime error") || strstr(errors, "CRITICAL")))
		g_error("netguardd complained: %s", errors);
	g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
	g_free(world->folder);
	g_free(world->socket);
	g_free(world);
}

void world_write(World *world, const char *name, const char *text)
{
	g_autofree char *path = world_path(world, name);

	g_assert_true(g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0644, NULL));
}

void world_remove(World *world, const char *name)
{
	g_autofree char *path = world_path(world, name);

	g_assert_cmpint(g_unlink(path), ==, 0);
}

pid_t world_enforcer(World *world)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/task/%d/children", (int)world->pid, (int)world->pid);
	g_autofree char *text = NULL;

	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	g_assert_cmpint(atoi(text), >, 1);
	return (pid_t)atoi(text);
}

/* The system calls of the thread alone: glibc's would change all threads. */
static void become(uid_t uid)
{
	g_assert_cmpint(syscall(SYS_setresuid, -1, uid, -1), ==, 0);
}

int raw_connect(World *world, uid_t uid)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const uid_t self = geteuid();
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

	g_strlcpy(address.sun_path, world->socket, sizeof address.sun_path);
	if (uid != self)
		become(uid);
	r = connect(fd, (struct sockaddr *)&address, sizeof address);
	if (uid != self)
		become(self);
	if (r == 0)
		return fd;
	close(fd);
	return -1;
}

void raw_send(int fd, const void *data, gsize length)
{
	const char *at = data;

	while (length > 0) {
		struct pollfd writable = { .fd = fd, .events = POLLOUT };
		ssize_t n;

		g_assert_cmpint(poll(&writable, 1, PATIENCE_MS), ==, 1);
		n = send(fd, at, length, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			continue;
		if (n < 0)
			return; /* closed: the reader will see it */
		at += n;
		length -= (gsize)n;
	}
}

/* FALSE: closed before `length` bytes. */
static gboolean receive(int fd, void *data, gsize length)
{
	char *at = data;

	while (length > 0) {
		struct pollfd readable = { .fd = fd, .events = POLLIN };
		ssize_t n;

		g_assert_cmpint(poll(&readable, 1, PATIENCE_MS), ==, 1);
		n = recv(fd, at, length, 0);
		if (n <= 0)
			return FALSE;
		at += n;
		length -= (gsize)n;
	}
	return TRUE;
}

gboolean raw_is_closed(int fd)
{
	char byte;

	while (receive(fd, &byte, 1))
		;
	return TRUE;
}

Raw *raw_new(World *world, uid_t uid)
{
	static const char hello[] = "\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n";
	Raw *raw = g_new0(Raw, 1);
	char answer[6 + 3 + 32 + 2]; /* DATA, OK and 32 digits */

	raw->fd = raw_connect(world, uid);
	g_assert_cmpint(raw->fd, >=, 0);
	raw_send(raw->fd, hello, sizeof hello - 1);
	if (!receive(raw->fd, answer, sizeof answer)) {
		raw_free(raw);
		return NULL;
	}
	g_assert_cmpmem(answer, 9, "DATA\r\nOK ", 9);
	return raw;
}

void raw_free(Raw *raw)
{
	close(raw->fd);
	g_free(raw);
}

guchar *raw_blob(Raw *raw, const char *method, GVariant *parameters, gsize *ret_length)
{
	g_autoptr(GDBusMessage) message = g_dbus_message_new_method_call(NULL, NG_API_OBJECT, NG_API_INTERFACE, method);

	if (parameters)
		g_dbus_message_set_body(message, parameters);
	g_dbus_message_set_serial(message, ++raw->serial);
	return g_dbus_message_to_blob(message, ret_length, G_DBUS_CAPABILITY_FLAGS_NONE, NULL);
}

void raw_post(Raw *raw, const char *method, GVariant *parameters)
{
	gsize length;
	g_autofree guchar *blob = raw_blob(raw, method, parameters, &length);

	raw_send(raw->fd, blob, length);
}

GDBusMessage *raw_read(Raw *raw)
{
	g_autofree guint8 *bytes = g_malloc(NG_FRAME_HEADER);
	GDBusMessage *message;
	gsize length;

	if (!receive(raw->fd, bytes, NG_FRAME_HEADER))
		return NULL;
	length = ng_frame_length(bytes, NG_API_MAX_REPLY);
	g_assert_cmpuint(length, >=, NG_FRAME_HEADER);
	bytes = g_realloc(bytes, length);
	if (!receive(raw->fd, bytes + NG_FRAME_HEADER, length - NG_FRAME_HEADER))
		return NULL;
	message = g_dbus_message_new_from_blob(bytes, length, G_DBUS_CAPABILITY_FLAGS_NONE, NULL);
	g_assert_nonnull(message);
	return message;
}

GVariant *raw_call(Raw *raw, const char *method, GVariant *parameters, char **ret_error)
{
	g_autoptr(GDBusMessage) reply = NULL;
	GVariant *body;

	raw_post(raw, method, parameters);
	do {
		g_clear_object(&reply);
		reply = raw_read(raw);
		g_assert_nonnull(reply);
	} while (g_dbus_message_get_message_type(reply) == G_DBUS_MESSAGE_TYPE_SIGNAL);
	g_assert_cmpuint(g_dbus_message_get_reply_serial(reply), ==, raw->serial);
	if (g_dbus_message_get_error_name(reply)) {
		if (ret_error)
			*ret_error = g_strdup(g_dbus_message_get_error_name(reply));
		else
			g_error("%s failed: %s", method, g_dbus_message_get_arg0(reply));
		return NULL;
	}
	body = g_dbus_message_get_body(reply);
	return body ? g_variant_ref(body) : g_variant_ref_sink(g_variant_new("()"));
}

GVariant *world_do(World *world, const char *method, GVariant *parameters)
{
	g_autoptr(Raw) raw = raw_new(world, geteuid());
	g_autoptr(GVariant) body = raw_call(raw, method, parameters, NULL);

	return g_variant_n_children(body) > 0 ? g_variant_get_child_value(body, 0) : NULL;
}

char *world_fail(World *world, uid_t uid, const char *method, GVariant *parameters)
{
	g_autoptr(Raw) raw = raw_new(world, uid);
	char *error = NULL;
	g_autoptr(GVariant) body = raw_call(raw, method, parameters, &error);

	g_assert_null(body);
	return error;
}

GVariant *options(const char *key, ...)
{
	GVariantBuilder builder;
	va_list args;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	va_start(args, key);
	for (const char *k = key; k; k = va_arg(args, const char *))
		g_variant_builder_add(&builder, "{sv}", k, va_arg(args, GVariant *));
	va_end(args);
	return g_variant_builder_end(&builder);
}

const char *dict_text(GVariant *dict, const char *key)
{
	const char *text = NULL;

	g_assert_true(g_variant_lookup(dict, key, "&s", &text));
	return text;
}

gboolean dict_true(GVariant *dict, const char *key)
{
	gboolean value = FALSE;

	g_assert_true(g_variant_lookup(dict, key, "b", &value));
	return value;
}

guint32 dict_number(GVariant *dict, const char *key)
{
	guint32 value = 0;

	g_assert_true(g_variant_lookup(dict, key, "u", &value));
	return value;
}

void world_wait_for(World *world, const char *key, const char *value)
{
	const gint64 end = g_get_monotonic_time() + PATIENCE_MS * 1000;
	g_autoptr(GVariant) status = NULL;

	do {
		g_clear_pointer(&status, g_variant_unref);
		status = world_do(world, "GetStatus", NULL);
		if (g_str_equal(dict_text(status, key), value))
			return;
	} while (g_get_monotonic_time() < end);
	g_assert_cmpstr(dict_text(status, key), ==, value);
}

guint world_count_audit(World *world, const char *action, const char *origin)
{
	g_autoptr(GVariant) records = world_do(world, "GetAudit", g_variant_new("(@a{sv})", options(NULL, NULL)));
	guint n = 0;

	for (gsize i = 0; i < g_variant_n_children(records); i++) {
		g_autoptr(GVariant) record = g_variant_get_child_value(records, i);

		n += g_str_equal(dict_text(record, "action"), action) &&
		     g_str_equal(dict_text(record, "origin"), origin);
	}
	return n;
}
