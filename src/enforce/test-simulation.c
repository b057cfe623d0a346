/* SPDX-License-Identifier: MIT */
/*
 * The simulation against real processes with real sockets, in a network namespace that this process makes for itself.
 * The program under judgement is a copy of this very executable (a copy is another file, so it can be told from the
 * test) that holds a socket (test-held.h).
 */
#include "enforce/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "enforce/test-held.h"
#include "enforce/test-netns.h"

#define DEADLINE_MS 5000
#define NOBODY 65534

static char *skip_reason; /* NULL: none */
static char *folder;
static char *program; /* the copy */
static char *other;   /* another copy */

struct test_image {
	struct ng_image_header header;
	struct ng_image_app apps[3]; /* the default, then "copy" and "other" in the order of their keys */
	struct ng_image_exe exes[2];
	struct ng_image_onlink onlinks[1];
	char text[16];
};

static struct ng_exe_key key_of(const char *path)
{
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;
	struct statx file;
	struct ng_exe_key key = { 0 };

	g_assert_cmpint(statx(AT_FDCWD, path, 0, STATX_INO | STATX_MNT_ID, &file), ==, 0);
	g_assert_true(g_file_get_contents("/proc/self/mountinfo", &text, NULL, NULL));
	lines = g_strsplit(text, "\n", -1);
	key.ino = file.stx_ino;
	for (char **line = lines; *line; line++) {
		unsigned int id, major_id, minor_id;

		if (sscanf(*line, "%u %*u %u:%u", &id, &major_id, &minor_id) == 3 && id == file.stx_mnt_id)
			key.dev = major_id << 20 | minor_id;
	}
	g_assert_cmpuint(key.dev, !=, 0);
	return key;
}

/* The default, then the two programs, each with its profile and flags. */
struct wish {
	uint8_t default_profile, program_profile, other_profile;
	uint8_t program_flags, other_flags;
	uint32_t mode;
};

static void image_make(const struct wish *wish, struct test_image *image)
{
	static const char *const names[] = { "copy", "other" };
	const uint64_t keys[] = { ng_image_app_key("copy", 4), ng_image_app_key("other", 5) };
	const int first = keys[0] < keys[1] ? 0 : 1; /* which of the two comes first */
	const struct ng_exe_key files[] = { key_of(program), key_of(other) };
	const int first_file = files[0].ino < files[1].ino ? 0 : 1;
	const uint8_t profiles[] = { wish->program_profile, wish->other_profile };
	const uint8_t flags[] = { wish->program_flags, wish->other_flags };

	*image = (struct test_image){
		.header = { .magic = NG_IMAGE_MAGIC,
			    .version = NG_IMAGE_VERSION,
			    .mode = wish->mode,
			    .length = sizeof(*image),
			    .n_apps = 3,
			    .n_exes = 2,
			    .n_onlinks = 1,
			    .text_length = sizeof(image->text) },
		.apps[0].rules.profile = wish->default_profile,
		.onlinks[0] = { .addr = { 0x20, 0x01, 0x0d, 0xb8 }, .prefix_len = 64 },
	};
	memcpy(image->text, "copyother.......", sizeof(image->text));
	for (int i = 0; i < 2; i++) {
		const int app = i == 0 ? first : !first, file = i == 0 ? first_file : !first_file;

		image->apps[i + 1] = (struct ng_image_app){
			.key = keys[app],
			.rules = { .profile = profiles[app], .flags = flags[app] },
			.id_offset = app == 0 ? 0 : 4,
			.id_length = (uint32_t)strlen(names[app]),
		};
		image->exes[i] = (struct ng_image_exe){ .key = files[file], .app = file == first ? 1 : 2 };
	}
}

struct seen {
	unsigned int n_denied, n_allowed;
	pid_t pid;
	struct ng_event_report denied; /* the last of the process, or of anybody where pid is 0 */
	struct ng_event_report allowed;
};

static void seen_take(void *user_data, const struct ng_event_report *report)
{
	struct seen *seen = user_data;

	if (seen->pid != 0 && report->event.pid != (uint32_t)seen->pid)
		return;
	if (report->event.verdict.allowed) {
		seen->n_allowed++;
		seen->allowed = *report;
	} else {
		seen->n_denied++;
		seen->denied = *report;
	}
}

static void simulation_load(void *self, const struct wish *wish)
{
	struct ng_loaded loaded;
	struct test_image bytes;
	struct ng_image image;
	const char *broken = NULL;

	image_make(wish, &bytes);
	if (ng_image_check(&bytes, sizeof(bytes), &image, &broken) < 0)
		g_error("the test's image is broken: %s", broken);
	ng_backend_simulation.load(self, &image, &loaded);
	g_assert_cmpint(loaded.error, ==, 0);
	g_assert_cmpuint(loaded.image_hash, !=, 0);
	g_assert_cmpuint(loaded.closed + loaded.not_closed, ==, 0);
}

static void *simulation_start(const struct wish *wish)
{
	struct ng_backend_config config = { 0 };
	void *self = NULL;
	char why[256];

	g_assert_cmpint(ng_backend_simulation.open(&config, &self, why), ==, 0);
	simulation_load(self, wish);
	return self;
}

/* What the caller's loop would do, until something was denied or the deadline; returns the milliseconds it took. */
static gint64 simulation_run(void *self, struct seen *seen, unsigned int until_denied)
{
	gint64 start = g_get_monotonic_time(), passed = 0;

	while (seen->n_denied < until_denied && passed < DEADLINE_MS) {
		int timeout_ms = -1;

		g_assert_cmpint(ng_backend_simulation.event_fd(self, &timeout_ms), ==, -1);
		g_assert_cmpint(timeout_ms, >=, 0);
		g_assert_cmpint(g_poll(NULL, 0, timeout_ms), ==, 0);
		g_assert_cmpint(ng_backend_simulation.poll(self, seen_take, seen), ==, 0);
		passed = (g_get_monotonic_time() - start) / 1000;
	}
	return passed;
}

/* One look: due at once after a load. */
static void simulation_look(void *self, struct seen *seen)
{
	g_assert_cmpint(ng_backend_simulation.poll(self, seen_take, seen), ==, 0);
}

static int listener_open(uint16_t *ret_port)
{
	struct sockaddr_in where = { .sin_family = AF_INET };
	socklen_t length = sizeof(where);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	g_assert_cmpint(bind(fd, (struct sockaddr *)&where, sizeof(where)), ==, 0);
	g_assert_cmpint(listen(fd, 8), ==, 0);
	g_assert_cmpint(getsockname(fd, (struct sockaddr *)&where, &length), ==, 0);
	*ret_port = ntohs(where.sin_port);
	return fd;
}

static gboolean must_skip(void)
{
	if (skip_reason)
		g_test_skip(skip_reason);
	return skip_reason != NULL;
}

/* Run `path` holding a socket under the wish, and tell what is seen of it. */
static struct seen hold_and_look(const char *path, const char *kind, uint16_t port, const struct wish *wish,
				 gboolean expect_denied)
{
	g_autofree char *text = g_strdup_printf("%u", port);
	TestHeld held = test_held_start((const char *const[]){ path, "--hold", kind, text, NULL });
	struct seen seen = { .pid = held.pid };
	void *self = simulation_start(wish);

	if (expect_denied)
		g_assert_cmpint(simulation_run(self, &seen, 1), <, DEADLINE_MS);
	else
		simulation_look(self, &seen);
	ng_backend_simulation.close(self);
	test_held_stop(&held);
	return seen;
}

#define ONLINE_ALL                                                                                                     \
	.default_profile = NG_PROFILE_ONLINE, .program_profile = NG_PROFILE_ONLINE, .other_profile = NG_PROFILE_ONLINE

static void test_connected(void)
{
	struct wish wish = { ONLINE_ALL };
	uint16_t port;

	if (must_skip())
		return;
	ng_auto_fd listener = listener_open(&port);
	wish.program_profile = NG_PROFILE_OFFLINE;
	struct seen seen = hold_and_look(program, "tcp", port, &wish, TRUE);
	g_assert_cmpuint(seen.n_denied, ==, 1);
	g_assert_cmpint(seen.denied.event.flow.call, ==, NG_CALL_CONNECT);
	g_assert_cmpint(seen.denied.event.flow.port, ==, port);
	g_assert_cmpint(seen.denied.event.flow.proto, ==, IPPROTO_TCP);
	g_assert_cmpint(seen.denied.event.verdict.reason, ==, NG_REASON_OFFLINE);
	g_assert_cmpint(seen.denied.event.verdict.class, ==, NG_CLASS_MACHINE);
	g_assert_cmpint(seen.denied.event.family, ==, AF_INET);
	g_assert_cmpint(seen.denied.event.uid, ==, getuid());
	g_assert_cmpuint(seen.denied.app_key, ==, ng_image_app_key("copy", 4));
	g_assert_cmpuint(seen.denied.decider_key, ==, ng_image_app_key("copy", 4));
	g_assert_cmpstr(seen.denied.exe, ==, program);
	g_assert_cmpstr(seen.denied.event.comm, ==, "copy");
}

static void test_online(void)
{
	struct wish wish = { ONLINE_ALL };
	uint16_t port;

	if (must_skip())
		return;
	ng_auto_fd listener = listener_open(&port);
	struct seen seen = hold_and_look(program, "tcp", port, &wish, FALSE);
	g_assert_cmpuint(seen.n_denied, ==, 0);
	g_assert_cmpuint(seen.n_allowed, ==, 1);
	g_assert_cmpint(seen.allowed.event.verdict.reason, ==, NG_REASON_ONLINE);
	wish.program_profile = NG_PROFILE_LOCAL;
	seen = hold_and_look(program, "tcp", port, &wish, FALSE);
	g_assert_cmpuint(seen.n_denied, ==, 0);
	g_assert_cmpint(seen.allowed.event.verdict.reason, ==, NG_REASON_LOCAL);
	wish.program_profile = NG_PROFILE_OFFLINE;
	wish.program_flags = NG_APP_LOOPBACK;
	seen = hold_and_look(program, "tcp", port, &wish, FALSE);
	g_assert_cmpuint(seen.n_denied, ==, 0);
	g_assert_cmpint(seen.allowed.event.verdict.reason, ==, NG_REASON_ALLOWANCE);
}

static void test_bound(void)
{
	struct wish wish = { ONLINE_ALL };
	static const char *const kinds[] = { "listen", "udp-bound" };

	if (must_skip())
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
		wish.program_profile = NG_PROFILE_OFFLINE;
		struct seen seen = hold_and_look(program, kinds[i], 7777, &wish, TRUE);
		g_assert_cmpuint(seen.n_denied, ==, 1);
		g_assert_cmpint(seen.denied.event.flow.call, ==, NG_CALL_BIND);
		g_assert_cmpint(seen.denied.event.flow.port, ==, 7777);
		wish.program_profile = NG_PROFILE_LOCAL;
		seen = hold_and_look(program, kinds[i], 7777, &wish, FALSE);
		g_assert_cmpuint(seen.n_denied + seen.n_allowed, ==, 0);
	}
	wish.program_profile = NG_PROFILE_OFFLINE;
	struct seen seen = hold_and_look(program, "udp", 7777, &wish, TRUE);
	g_assert_cmpint(seen.denied.event.flow.call, ==, NG_CALL_CONNECT);
	g_assert_cmpint(seen.denied.event.flow.proto, ==, IPPROTO_UDP);
}

/* The program under judgement listens, and somebody's connection has arrived. */
static void test_arrived(void)
{
	struct wish wish = { ONLINE_ALL };
	struct sockaddr_in where = { .sin_family = AF_INET, .sin_port = htons(7778) };

	if (must_skip())
		return;
	where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ng_auto_fd listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ng_auto_fd client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	g_assert_cmpint(bind(listener, (struct sockaddr *)&where, sizeof(where)), ==, 0);
	g_assert_cmpint(listen(listener, 1), ==, 0);
	g_assert_cmpint(connect(client, (struct sockaddr *)&where, sizeof(where)), ==, 0);
	ng_auto_fd server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(ng_steal_fd(&client));
	wish.default_profile = NG_PROFILE_OFFLINE;
	struct seen seen = { .pid = getpid() };
	void *self = simulation_start(&wish);
	simulation_look(self, &seen);
	g_assert_cmpuint(seen.n_denied, ==, 2); /* the listener, and what arrived */
	g_assert_cmpuint(seen.denied.app_key, ==, 0);
	g_assert_cmpint(seen.denied.event.flow.call, ==, NG_CALL_RECV); /* the younger socket comes last */
	g_assert_cmpint(seen.denied.event.flow.port, ==, 0);
	ng_backend_simulation.close(self);
}

static void check_ancestor(const struct wish *wish, gboolean expect_denied)
{
	g_autofree char *text = NULL;
	uint16_t port;
	ng_auto_fd listener = listener_open(&port);
	struct seen seen = { 0 };
	void *self;

	text = g_strdup_printf("%u", port);
	TestHeld held =
		test_held_start((const char *const[]){ program, "--spawn", other, "--hold", "tcp", text, NULL });
	self = simulation_start(wish);
	if (expect_denied)
		g_assert_cmpint(simulation_run(self, &seen, 1), <, DEADLINE_MS);
	else
		simulation_look(self, &seen);
	g_assert_cmpuint(seen.n_denied, ==, expect_denied ? 1 : 0);
	if (expect_denied) {
		g_assert_cmpuint(seen.denied.app_key, ==, ng_image_app_key("other", 5));
		g_assert_cmpuint(seen.denied.decider_key, ==, ng_image_app_key("copy", 4));
		g_assert_cmpstr(seen.denied.exe, ==, other);
	}
	ng_backend_simulation.close(self);
	test_held_stop(&held);
}

static void test_ancestor(void)
{
	struct wish wish = { ONLINE_ALL };

	if (must_skip())
		return;
	wish.program_profile = NG_PROFILE_OFFLINE;
	check_ancestor(&wish, TRUE);
	wish.program_flags = NG_APP_CHILDREN_OWN;
	check_ancestor(&wish, FALSE);
}

static void test_modes(void)
{
	struct wish wish = { ONLINE_ALL };
	uint16_t port;

	if (must_skip())
		return;
	ng_auto_fd listener = listener_open(&port);
	wish.mode = NG_MODE_PANIC;
	struct seen seen = hold_and_look(program, "tcp", port, &wish, TRUE);
	g_assert_cmpint(seen.denied.event.verdict.reason, ==, NG_REASON_PANIC);
	wish.mode = NG_MODE_PAUSED;
	wish.program_profile = NG_PROFILE_OFFLINE;
	seen = hold_and_look(program, "tcp", port, &wish, FALSE);
	g_assert_cmpuint(seen.n_denied, ==, 0);
	g_assert_cmpint(seen.allowed.event.verdict.reason, ==, NG_REASON_PAUSED);
}

struct count {
	pid_t pid;
	unsigned int n;
	struct ng_socket socket;
};

static void count_take(void *user_data, const struct ng_socket *socket)
{
	struct count *count = user_data;

	if (socket->pid == (uint32_t)count->pid) {
		count->n++;
		count->socket = *socket;
	}
}

static void test_once(void)
{
	struct wish wish = { ONLINE_ALL };
	g_autofree char *text = NULL;
	uint16_t port;

	if (must_skip())
		return;
	ng_auto_fd listener = listener_open(&port);
	text = g_strdup_printf("%u", port);
	TestHeld held = test_held_start((const char *const[]){ program, "--hold", "tcp", text, NULL });
	struct seen seen = { .pid = held.pid };
	struct count count = { .pid = held.pid };
	wish.program_profile = NG_PROFILE_OFFLINE;
	void *self = simulation_start(&wish);

	g_assert_cmpint(simulation_run(self, &seen, 2), >=, DEADLINE_MS);
	g_assert_cmpuint(seen.n_denied, ==, 1);
	/* A new image: it is said again, and another socket that comes later is seen in time. */
	simulation_load(self, &wish);
	seen = (struct seen){ .pid = held.pid };
	simulation_look(self, &seen);
	g_assert_cmpuint(seen.n_denied, ==, 1);
	TestHeld later = test_held_start((const char *const[]){ program, "--hold", "udp", text, NULL });
	seen = (struct seen){ .pid = later.pid };
	g_assert_cmpint(simulation_run(self, &seen, 1), <, DEADLINE_MS);
	g_assert_cmpint(ng_backend_simulation.sockets(self, count_take, &count), ==, 0);
	g_assert_cmpuint(count.n, ==, 1);
	g_assert_cmpint(count.socket.flow.port, ==, port);
	g_assert_cmpint(count.socket.state, ==, 1);
	g_assert_cmpuint(count.socket.app_key, ==, ng_image_app_key("copy", 4));
	ng_backend_simulation.close(self);
	test_held_stop(&later);
	test_held_stop(&held);
}

static void test_no_protection(void)
{
	struct wish wish = { ONLINE_ALL };
	struct ng_status status;

	if (must_skip())
		return;
	void *self = simulation_start(&wish);
	ng_backend_simulation.status(self, 1, &status);
	g_assert_cmpuint(status.backend, ==, NG_BACKEND_SIMULATION);
	g_assert_cmpuint(status.supported, ==, 0);
	g_assert_cmpuint(status.in_force, ==, 0);
	g_assert_cmpint(status.error, ==, 0);
	g_assert_cmpstr(status.error_text, ==, "");
	g_assert_cmpuint(status.n_apps, ==, 2);
	g_assert_cmpuint(status.n_exes, ==, 2);
	ng_backend_simulation.close(self);
}

/* The whole of it again as a user who owns nothing but his process. */
static void test_unprivileged(void)
{
	if (must_skip())
		return;
	if (geteuid() != 0) {
		g_test_skip("already run by an unprivileged user");
		return;
	}
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		if (setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
			_exit(2);
		if (access(program, X_OK) < 0)
			_exit(77);
		test_connected();
		test_online();
		_exit(0);
	}
	g_assert_cmpint(waitpid(child, &status, 0), ==, child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		g_test_skip("an unprivileged user cannot run the test's copy");
	else
		g_assert_cmpint(status, ==, 0);
}

static void prepare(const char *self)
{
	g_autofree char *bytes = NULL;
	gsize length = 0;

	folder = g_dir_make_tmp("ng-simulation-XXXXXX", NULL);
	g_assert_nonnull(folder);
	g_assert_cmpint(g_chmod(folder, 0755), ==, 0);
	program = g_build_filename(folder, "copy", NULL);
	other = g_build_filename(folder, "other", NULL);
	g_assert_true(g_file_get_contents(self, &bytes, &length, NULL));
	g_assert_true(g_file_set_contents(program, bytes, (gssize)length, NULL));
	g_assert_true(g_file_set_contents(other, bytes, (gssize)length, NULL));
	g_assert_cmpint(g_chmod(program, 0755), ==, 0);
	g_assert_cmpint(g_chmod(other, 0755), ==, 0);
	skip_reason = test_netns_enter();
}

int main(int argc, char **argv)
{
	int r;

	test_held_main(argc, argv);
	g_test_init(&argc, &argv, NULL);
	prepare("/proc/self/exe");
#define ADD(sentence, fn) g_test_add_func("/simulation/" sentence, fn)
	ADD("a connection of an Offline program is a violation", test_connected);
	ADD("a connection that the profile allows is none", test_online);
	ADD("an Offline program must neither listen nor open a port", test_bound);
	ADD("a connection that arrived is judged as one", test_arrived);
	ADD("a program started by an Offline one is offline", test_ancestor);
	ADD("panic denies what is Online and pause allows what is Offline", test_modes);
	ADD("a violation is said once for each image and a later one within seconds", test_once);
	ADD("no protection is claimed", test_no_protection);
	ADD("an unprivileged user gets the same answers", test_unprivileged);
	r = g_test_run();
	g_unlink(program);
	g_unlink(other);
	g_rmdir(folder);
	g_free(program);
	g_free(other);
	g_free(folder);
	g_free(skip_reason);
	return r;
}
