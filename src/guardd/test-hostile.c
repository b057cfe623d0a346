/* SPDX-License-Identifier: MIT */
/*
 * Clients that mean harm: row 29 of the list of ways around, and the limits in src/api/server.h. As root the hostile
 * one is uid 65534 and the other one root; without root both are the same uid, and what needs two is skipped.
 */
#include <errno.h>
#include <gio/gio.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/frame.h"
#include "api/server.h"
#include "guardd/test-world.h"

#ifdef __SANITIZE_ADDRESS__
#define RESIDENT_MAX_KB (512 * 1024) /* the sanitizer keeps what was freed */
#else
#define RESIDENT_MAX_KB (32 * 1024)
#endif
#define CALLS 300   /* of the other client, to see how it is served */
#define FLOOD 20000 /* calls of the hostile one */
/* Of the other client's 99th percentile, flooded against idle. A flood served in its order costs thousands. */
#define MAX_RATIO 200.0

static World *world_started(void)
{
	World *world = world_new();

	world_start(world);
	return world;
}

static uid_t hostile(World *world)
{
	return world->is_root ? NOBODY : geteuid();
}

static void still_serves(World *world)
{
	g_autoptr(GVariant) status = world_do(world, "GetStatus", NULL);

	g_assert_cmpstr(dict_text(status, "mode"), ==, "normal");
}

static glong resident_kb(World *world)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/statm", (int)world->pid);
	g_autofree char *text = NULL;

	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	return atol(strchr(text, ' ')) * 4;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The 99th percentile of the time of a GetStatus, in milliseconds. */
static double p99_ms(World *world)
{
	g_autoptr(Raw) raw = raw_new(world, geteuid());
	double times[CALLS];

	for (int i = 0; i < CALLS; i++) {
		const gint64 start = g_get_monotonic_time();

		g_variant_unref(raw_call(raw, "GetStatus", NULL, NULL));
		times[i] = (double)(g_get_monotonic_time() - start) / 1000;
	}
	qsort(times, CALLS, sizeof *times, compare);
	return times[CALLS * 99 / 100];
}

static void test_huge(void)
{
	static const guint32 sizes[] = { NG_API_MAX_MESSAGE + 1, 8u << 20, 120u << 20, 0xffffffffu };
	World *world = world_started();
	const glong before = resident_kb(world);

	for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
		const guint32 words[4] = { GUINT32_TO_LE(0x0100016cu), GUINT32_TO_LE(sizes[i]), GUINT32_TO_LE(1), 0 };
		/* Who may import may send more. */
		const gboolean refused = world->is_root || sizes[i] > NG_API_MAX_DOCUMENT + NG_API_MAX_MESSAGE;
		g_autoptr(Raw) raw = raw_new(world, hostile(world));

		raw_send(raw->fd, words, sizeof words);
		if (refused)
			g_assert_true(raw_is_closed(raw->fd));
	}
	still_serves(world);
	g_assert_cmpint(resident_kb(world) - before, <, 8192);
	world_free(world);
}

static void test_garbage(void)
{
	World *world = world_started();
	g_autoptr(GRand) rand = g_rand_new_with_seed(20261122);

	for (int i = 0; i < 500; i++) {
		g_autoptr(Raw) raw = raw_new(world, hostile(world));
		gsize length;
		g_autofree guchar *blob =
			raw_blob(raw, "Explain", g_variant_new("(ss)", "/usr/bin/env", "1.2.3.4"), &length);

		if (i % 2 == 0) {
			for (gsize j = 0; j < length; j++)
				blob[j] = (guchar)g_rand_int(rand);
		} else {
			for (int j = 0; j < 4; j++)
				blob[g_rand_int_range(rand, 0, (gint32)length)] = (guchar)g_rand_int(rand);
		}
		raw_send(raw->fd, blob, length);
		shutdown(raw->fd, SHUT_WR);
		g_assert_true(raw_is_closed(raw->fd));
	}
	still_serves(world);
	world_free(world);
}

/* The error's name that a call of this shape gets. */
static char *call_error(Raw *raw, const char *path, const char *interface, const char *member, GVariant *body)
{
	g_autoptr(GDBusMessage) message = g_dbus_message_new_method_call(NULL, path, interface, member);
	g_autoptr(GDBusMessage) reply = NULL;
	g_autofree guchar *blob = NULL;
	gsize length;

	if (body)
		g_dbus_message_set_body(message, body);
	g_dbus_message_set_serial(message, ++raw->serial);
	blob = g_dbus_message_to_blob(message, &length, G_DBUS_CAPABILITY_FLAGS_NONE, NULL);
	raw_send(raw->fd, blob, length);
	reply = raw_read(raw);
	g_assert_nonnull(reply);
	return g_strdup(g_dbus_message_get_error_name(reply));
}

static void test_wrong_types(void)
{
	static const struct {
		const char *path, *interface, *member, *body, *error;
	} cases[] = {
		{ NG_API_OBJECT, NG_API_INTERFACE, "SetProfile", "(uint32 1,)", "InvalidArgs" },
		{ NG_API_OBJECT, NG_API_INTERFACE, "SetProfile", NULL, "InvalidArgs" },
		{ NG_API_OBJECT, NG_API_INTERFACE, "GetStatus", "('x',)", "InvalidArgs" },
		{ NG_API_OBJECT, NG_API_INTERFACE, "GetApp", "(('x', 'y'),)", "InvalidArgs" },
		{ NG_API_OBJECT, NG_API_INTERFACE, "Explain", "('x', 'y', 'z')", "InvalidArgs" },
		{ NG_API_OBJECT, NG_API_INTERFACE, "Nonsense", NULL, "UnknownMethod" },
		{ NG_API_OBJECT, "org.example.Other", "GetStatus", NULL, "UnknownInterface" },
		{ "/elsewhere", NG_API_INTERFACE, "GetStatus", NULL, "UnknownObject" },
		{ "/", "org.freedesktop.DBus.Peer", "Pong", NULL, "UnknownMethod" },
		{ "/", "org.freedesktop.DBus.Peer", "Ping", "('x',)", "InvalidArgs" },
	};
	World *world = world_started();
	g_autoptr(Raw) raw = raw_new(world, hostile(world));

	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *error = call_error(raw, cases[i].path, cases[i].interface, cases[i].member,
						    cases[i].body ? g_variant_new_parsed(cases[i].body) : NULL);
		g_autofree char *wanted = g_strdup_printf("org.freedesktop.DBus.Error.%s", cases[i].error);

		g_assert_cmpstr(error, ==, wanted);
	}
	still_serves(world);
	world_free(world);
}

static void test_impostor(void)
{
	static const char root[] = "\0AUTH EXTERNAL 30\r\n";
	World *world;
	char answer[64];
	ssize_t n;
	int fd;

	if (geteuid() != 0) {
		g_test_skip("needs root: another uid is to claim to be root");
		return;
	}
	world = world_started();
	fd = raw_connect(world, NOBODY);
	raw_send(fd, root, sizeof root - 1);
	n = recv(fd, answer, sizeof answer, 0);
	g_assert_cmpmem(answer, (gsize)n, "REJECTED EXTERNAL\r\n", strlen("REJECTED EXTERNAL\r\n"));
	close(fd);
	world_free(world);
}

typedef struct {
	World *world;
	const char *method;
	int n;
	int read; /* replies */
	int stop;
} Flood;

static gpointer flood_writer(gpointer data)
{
	Raw *raw = ((gpointer *)data)[0];
	Flood *flood = ((gpointer *)data)[1];
	gsize length;
	g_autofree guchar *blob = raw_blob(raw, flood->method, NULL, &length);

	for (int i = 0; i < flood->n && !g_atomic_int_get(&flood->stop); i++)
		raw_send(raw->fd, blob, length);
	shutdown(raw->fd, SHUT_WR);
	return NULL;
}

static gpointer flood_run(gpointer data)
{
	Flood *flood = data;
	g_autoptr(Raw) raw = raw_new(flood->world, hostile(flood->world));
	gpointer both[] = { raw, flood };
	GThread *writer = g_thread_new("flood-writer", flood_writer, both);

	for (;;) {
		g_autoptr(GDBusMessage) reply = raw_read(raw);

		if (!reply)
			break;
		g_atomic_int_inc(&flood->read);
	}
	g_thread_join(writer);
	return NULL;
}

static void test_flood(void)
{
	World *world = world_started();
	Flood flood = { .world = world, .method = "GetStatus", .n = FLOOD };
	const double idle = p99_ms(world);
	GThread *thread = g_thread_new("flood", flood_run, &flood);
	double flooded;

	while (g_atomic_int_get(&flood.read) < 100)
		g_usleep(1000);
	flooded = p99_ms(world);
	g_test_message("99th percentile: idle %.3f ms, flooded %.3f ms, ratio %.1f", idle, flooded, flooded / idle);
	g_assert_cmpint(g_atomic_int_get(&flood.read), <, FLOOD); /* it was still flooding */
	g_assert_cmpfloat(flooded / idle, <, MAX_RATIO);
	g_atomic_int_set(&flood.stop, 1);
	g_thread_join(thread);
	still_serves(world);
	world_free(world);
}

static void test_half_open(void)
{
	World *world;
	g_autoptr(GArray) fds = g_array_new(FALSE, FALSE, sizeof(int));
	double idle, flooded;
	guint open_ones = 0;

	if (geteuid() != 0) {
		g_test_skip("needs root: another uid is to hold the connections");
		return;
	}
	world = world_started();
	idle = p99_ms(world);
	for (int i = 0; i < 1000; i++) {
		const int fd = raw_connect(world, NOBODY);

		if (fd < 0)
			continue;
		if (i % 2)
			send(fd, "\0AUTH EXT", 9, MSG_NOSIGNAL);
		g_array_append_val(fds, fd);
	}
	flooded = p99_ms(world);
	g_test_message("99th percentile: idle %.3f ms, flooded %.3f ms, ratio %.1f", idle, flooded, flooded / idle);
	g_assert_cmpfloat(flooded / idle, <, MAX_RATIO);
	for (guint i = 0; i < fds->len; i++) {
		char byte;

		open_ones += recv(g_array_index(fds, int, i), &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
	}
	g_assert_cmpuint(open_ones, <=, NG_SERVER_MAX_PER_UID);
	g_assert_cmpuint(open_ones, >, 0);
	/* And those that were let in are closed when they do not introduce themselves. */
	for (guint i = 0; i < fds->len; i++) {
		g_assert_true(raw_is_closed(g_array_index(fds, int, i)));
		close(g_array_index(fds, int, i));
	}
	still_serves(world);
	world_free(world);
}

static void test_connections(void)
{
	World *world;
	g_autoptr(GPtrArray) held = g_ptr_array_new_with_free_func((GDestroyNotify)raw_free);
	int fd;

	if (geteuid() != 0) {
		g_test_skip("needs root: another uid is to hold the connections");
		return;
	}
	world = world_started();
	for (int i = 0; i < NG_SERVER_MAX_PER_UID; i++)
		g_ptr_array_add(held, raw_new(world, NOBODY));
	fd = raw_connect(world, NOBODY);
	g_assert_true(raw_is_closed(fd));
	close(fd);
	still_serves(world);
	g_ptr_array_set_size(held, 0);
	/* Places are given back. */
	world_wait_for(world, "mode", "normal");
	raw_free(raw_new(world, NOBODY));
	world_free(world);
}

static void test_never_reads(void)
{
	World *world = world_started();
	g_autoptr(GPtrArray) held = g_ptr_array_new_with_free_func((GDestroyNotify)raw_free);
	const glong before = resident_kb(world);

	for (int i = 0; i < 20; i++) {
		Raw *raw = raw_new(world, hostile(world));
		gsize length;
		g_autofree guchar *blob = raw_blob(raw, "Check", NULL, &length);

		g_ptr_array_add(held, raw);
		/* Until neither side takes any more. */
		for (int n = 0; n < FLOOD; n++) {
			if (send(raw->fd, blob, length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
				struct pollfd writable = { .fd = raw->fd, .events = POLLOUT };

				if (poll(&writable, 1, 100) <= 0)
					break;
			}
		}
	}
	still_serves(world);
	g_assert_cmpint(resident_kb(world) - before, <, 2 * RESIDENT_MAX_KB);
	world_free(world);
}

static void test_deaf_subscriber(void)
{
	World *world = world_started();
	g_autoptr(Raw) deaf = raw_new(world, geteuid()), other = raw_new(world, geteuid());
	g_autoptr(GString) events = g_string_new(NULL);
	const gint64 end = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
	const glong before = resident_kb(world);
	gboolean cut = FALSE;

	g_variant_unref(raw_call(deaf, "Subscribe", NULL, NULL));
	for (int i = 0; i < 2000; i++)
		g_string_append_printf(events, "%d - 0 1\n", i);
	/* Changed signals have no limit for each second, so they fill its buffers sooner. */
	while (!cut && g_get_monotonic_time() < end) {
		struct pollfd hung_up = { .fd = deaf->fd };

		world_write(world, "bin/events", events->str);
		for (int i = 0; i < 200; i++)
			g_variant_unref(raw_call(other, "Reload", NULL, NULL));
		poll(&hung_up, 1, 0);
		cut = (hung_up.revents & POLLHUP) != 0;
	}
	g_assert_true(cut);
	g_assert_cmpint(resident_kb(world) - before, <, RESIDENT_MAX_KB);
	still_serves(world);
	world_free(world);
}

static guint descriptors(World *world)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/fd", (int)world->pid);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	guint n = 0;

	while (dir && g_dir_read_name(dir))
		n++;
	return n;
}

static void test_descriptors(void)
{
	World *world;
	guint before;

	if (geteuid() != 0) {
		g_test_skip("needs root: the service does not let others look at its descriptors");
		return;
	}
	world = world_started();
	before = descriptors(world);
	for (int i = 0; i < 50; i++) {
		g_autoptr(Raw) raw = raw_new(world, NOBODY);
		gsize length;
		g_autofree guchar *blob = raw_blob(raw, "Subscribe", NULL, &length);
		struct iovec data = { blob, length };
		union {
			char bytes[CMSG_SPACE(sizeof(int) * 8)];
			struct cmsghdr align;
		} control = { { 0 } };
		struct msghdr message = {
			.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
		};
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);
		g_autoptr(GDBusMessage) reply = NULL;

		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int) * 8);
		memset(CMSG_DATA(header), 0, sizeof(int) * 8); /* eight times standard input */
		g_assert_cmpint(sendmsg(raw->fd, &message, MSG_NOSIGNAL), ==, (int)length);
		reply = raw_read(raw);
		g_assert_nonnull(reply);
		g_assert_cmpuint(descriptors(world), <=, before + 4);
	}
	still_serves(world);
	world_free(world);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	world_init(argc, argv);
	g_test_add_func("/hostile/a message that says it is huge is refused before anything is allocated", test_huge);
	g_test_add_func("/hostile/garbage closes its connection and nothing else", test_garbage);
	g_test_add_func("/hostile/wrong types and names are answered with the standard errors", test_wrong_types);
	g_test_add_func("/hostile/a client that says it is root is not believed", test_impostor);
	g_test_add_func("/hostile/a flood of calls leaves others their turn", test_flood);
	g_test_add_func("/hostile/a thousand half-open connections leave others their turn", test_half_open);
	g_test_add_func("/hostile/one uid cannot take all places", test_connections);
	g_test_add_func("/hostile/a client that never reads costs a bounded amount", test_never_reads);
	g_test_add_func("/hostile/a subscriber that never reads is cut off", test_deaf_subscriber);
	g_test_add_func("/hostile/descriptors sent along are dropped", test_descriptors);
	return g_test_run();
}
