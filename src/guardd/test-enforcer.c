/* SPDX-License-Identifier: MIT */
/*
 * An enforcer for tests: speaks the messages, enforces nothing, needs no privilege. Installed beside a copy of
 * netguardd under the name netguard-enforcer. It says that it is a BPF backend with everything in force, so that the
 * engine's words for that can be tested; it exists only in the build folder.
 *
 * Every second look for a file in the folder it was started from steers it: "fail" (loads are refused), "closed-N"
 * (loads report N closed connections), "less" (a needed capability is not in force). An event is sent for each line of
 * "events": uid app-id allowed(0|1) count. "counts" has a line for each counter: app-id ("-": the default) allowed
 * denied; without a line a counter is 0. What runs is what "programs" says, see read_program(); "cut" (it is not
 * all), "mute" (that question is not answered); "asked" counts the questions. Whoever writes them renames them into
 * place.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "compile/image.h"
#include "enforce/message.h"

static int link_fd = -1;
static char *folder;
static struct ng_status status = { .backend = NG_BACKEND_BPF, .supported = 0x1ffffu & ~NG_CAN_LSM };
static uint64_t *keys;
static size_t n_keys;

static gboolean has_file(const char *name)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);

	return g_file_test(path, G_FILE_TEST_EXISTS);
}

static uint32_t closed_count(void)
{
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		if (g_str_has_prefix(name, "closed-"))
			return (uint32_t)g_ascii_strtoull(name + strlen("closed-"), NULL, 10);
	}
	return 0;
}

static void answer(struct ng_message *message, uint32_t type, uint64_t seq)
{
	struct pollfd writable = { .fd = link_fd, .events = POLLOUT };

	message->magic = NG_MESSAGE_MAGIC;
	message->version = NG_MESSAGE_VERSION;
	message->type = type;
	message->seq = seq;
	while (ng_message_send(link_fd, message, -1) == -EAGAIN)
		poll(&writable, 1, -1);
}

static void remember(const void *data, size_t length, const struct ng_image *image)
{
	status.mode = image->header->mode;
	status.n_apps = image->header->n_apps;
	status.n_exes = image->header->n_exes;
	status.image_hash = ng_image_hash(data, length);
	status.in_force = status.supported;
	free(keys);
	n_keys = image->header->n_apps;
	keys = calloc(n_keys, sizeof *keys);
	for (size_t i = 0; i < n_keys; i++)
		keys[i] = image->apps[i].key;
}

static void load(uint64_t seq, int fd)
{
	struct ng_message reply = { 0 };
	struct ng_image image;
	struct stat st;
	const char *why = "no image";
	void *data = MAP_FAILED;

	reply.loaded.error = -EBADMSG;
	if (fd >= 0 && fstat(fd, &st) == 0)
		data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (has_file("fail")) {
		reply.loaded.error = -EPERM;
		why = "the test says no";
	} else if (data != MAP_FAILED && ng_image_check(data, (size_t)st.st_size, &image, &why) == 0) {
		remember(data, (size_t)st.st_size, &image);
		reply.loaded.error = 0;
		reply.loaded.closed = closed_count();
		reply.loaded.image_hash = status.image_hash;
		reply.loaded.enforced_ns = 1000;
		why = "";
	}
	snprintf(reply.loaded.why, sizeof reply.loaded.why, "%s", why);
	if (data != MAP_FAILED)
		munmap(data, (size_t)st.st_size);
	answer(&reply, NG_MESSAGE_LOADED, seq);
}

static void tell_status(uint64_t seq)
{
	struct ng_message reply = { .status = status };

	if (has_file("less"))
		reply.status.in_force &= ~NG_CAN_EGRESS;
	snprintf(reply.status.kernel, sizeof reply.status.kernel, "0.0-test");
	snprintf(reply.status.attach_path, sizeof reply.status.attach_path, "/test");
	answer(&reply, NG_MESSAGE_STATUS_IS, seq);
}

/* The counters that the file says, else those of all applications, with traffic but no uses. */
static GArray *counters(void)
{
	g_autofree char *path = g_build_filename(folder, "counts", NULL);
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;
	GArray *all = g_array_new(FALSE, TRUE, sizeof(struct ng_app_counts));

	for (size_t i = 0; i < n_keys; i++) {
		const struct ng_app_counts entry = { .app_key = keys[i], .counts.tx_bytes = 1234 };

		g_array_append_val(all, entry);
	}
	if (!g_file_get_contents(path, &text, NULL, NULL))
		return all;
	g_array_set_size(all, 0);
	lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line; line++) {
		g_auto(GStrv) words = g_strsplit(*line, " ", 3);
		struct ng_app_counts entry = { 0 };

		if (g_strv_length(words) != 3)
			continue;
		entry.app_key = *words[0] == '-' ? 0 : ng_image_app_key(words[0], strlen(words[0]));
		entry.counts.allowed = g_ascii_strtoull(words[1], NULL, 10);
		entry.counts.denied = g_ascii_strtoull(words[2], NULL, 10);
		g_array_append_val(all, entry);
	}
	return all;
}

static void tell_counts(uint64_t seq)
{
	g_autoptr(GArray) all = counters();
	size_t at = 0;

	do {
		struct ng_message reply = { 0 };
		size_t n = MIN(all->len - at, NG_COUNTS_PER_MESSAGE);

		for (size_t i = 0; i < n; i++)
			reply.counts.apps[i] = g_array_index(all, struct ng_app_counts, at + i);
		at += n;
		reply.counts.n = (uint32_t)n;
		reply.counts.more = at < all->len;
		answer(&reply, NG_MESSAGE_COUNTS_ARE, seq);
	} while (at < all->len);
}

/* One connection of root, one of uid 65534. */
static void tell_sockets(uint64_t seq)
{
	struct ng_message reply = { 0 };
	const uint8_t remote[16] = { [10] = 0xff, [11] = 0xff, [12] = 192, [13] = 0, [14] = 2, [15] = 1 };

	reply.sockets.n = 2;
	for (int i = 0; i < 2; i++) {
		struct ng_socket *entry = &reply.sockets.sockets[i];

		entry->uid = i == 0 ? 0 : 65534;
		entry->pid = 4242;
		entry->family = AF_INET;
		entry->state = 1;
		entry->flow.proto = IPPROTO_TCP;
		entry->flow.port = 443;
		memcpy(entry->flow.addr, remote, sizeof remote);
	}
	answer(&reply, NG_MESSAGE_SOCKETS_ARE, seq);
}

static uint32_t asked; /* PROGRAMS questions */

static void note_asked(void)
{
	g_autofree char *path = g_build_filename(folder, "asked", NULL);
	g_autofree char *text = g_strdup_printf("%u", ++asked);

	g_file_set_contents(path, text, -1, NULL);
}

/* "APP|- STARTED-MS PID UID FLAGS ANCESTOR|- PATH" */
static void read_program(const char *line, struct ng_program *ret_program)
{
	g_auto(GStrv) words = g_strsplit(line, " ", 7);

	g_assert(g_strv_length(words) == 7);
	*ret_program = (struct ng_program){ .key = { .ino = 1, .dev = 1 }, .processes = 1, .n_uids = 1 };
	ret_program->app_key = *words[0] == '-' ? 0 : ng_image_app_key(words[0], strlen(words[0]));
	ret_program->started_ms = g_ascii_strtoull(words[1], NULL, 10);
	ret_program->youngest_ms = ret_program->started_ms;
	ret_program->pid = (uint32_t)atoi(words[2]);
	ret_program->uids[0] = (uint32_t)atoi(words[3]);
	ret_program->flags = (uint32_t)atoi(words[4]);
	ret_program->ancestors[0] = *words[5] == '-' ? 0 : ng_image_app_key(words[5], strlen(words[5]));
	g_strlcpy(ret_program->path, words[6], sizeof ret_program->path);
}

static void tell_programs(uint64_t seq)
{
	g_autofree char *path = g_build_filename(folder, "programs", NULL), *text = NULL;
	g_auto(GStrv) lines = NULL;
	struct ng_message reply = { 0 };

	note_asked();
	if (has_file("mute"))
		return;
	g_file_get_contents(path, &text, NULL, NULL);
	lines = g_strsplit(text ? text : "", "\n", -1);
	for (char **line = lines; *line; line++) {
		if (!**line)
			continue;
		if (reply.programs.n == NG_PROGRAMS_PER_MESSAGE) {
			reply.programs.more = 1;
			answer(&reply, NG_MESSAGE_PROGRAMS_ARE, seq);
			memset(&reply, 0, sizeof reply);
		}
		read_program(*line, &reply.programs.programs[reply.programs.n++]);
	}
	reply.programs.left_out = has_file("cut") ? 7 : 0;
	answer(&reply, NG_MESSAGE_PROGRAMS_ARE, seq);
}

static void send_event(uint32_t uid, const char *app, int allowed, uint32_t count)
{
	struct ng_message message = { .magic = NG_MESSAGE_MAGIC,
				      .version = NG_MESSAGE_VERSION,
				      .type = NG_MESSAGE_EVENT };
	struct ng_event_report *report = &message.event;
	const uint8_t remote[16] = { [10] = 0xff, [11] = 0xff, [12] = 203, [13] = 0, [14] = 113, [15] = 5 };
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	report->app_key = *app == '-' ? 0 : ng_image_app_key(app, strlen(app));
	report->decider_key = report->app_key;
	report->event.time_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	report->event.uid = uid;
	report->event.pid = 77;
	report->event.count = count;
	report->event.family = AF_INET;
	report->event.flow.proto = IPPROTO_TCP;
	report->event.flow.port = 443;
	report->event.flow.call = NG_CALL_CONNECT;
	memcpy(report->event.flow.addr, remote, sizeof remote);
	report->event.verdict.allowed = (uint8_t)allowed;
	report->event.verdict.reason = allowed ? NG_REASON_ONLINE : NG_REASON_OFFLINE;
	snprintf(report->event.comm, sizeof report->event.comm, "test");
	snprintf(report->exe, sizeof report->exe, "/usr/bin/test");
	ng_message_send(link_fd, &message, -1);
}

static void send_events(void)
{
	g_autofree char *path = g_build_filename(folder, "events", NULL);
	g_autofree char *text = NULL;
	g_auto(GStrv) lines = NULL;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return;
	g_unlink(path);
	lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line; line++) {
		g_auto(GStrv) words = g_strsplit(*line, " ", 4);

		if (g_strv_length(words) == 4)
			send_event((uint32_t)atoi(words[0]), words[1], atoi(words[2]), (uint32_t)atoi(words[3]));
	}
}

static int take(void)
{
	struct ng_message message;
	ng_auto_fd fd = -1;
	int r = ng_message_receive(link_fd, &message, &fd);

	if (r == -EAGAIN)
		return 0;
	if (r < 0)
		return r;
	if (message.type == NG_MESSAGE_LOAD)
		load(message.seq, fd);
	else if (message.type == NG_MESSAGE_COUNTS)
		tell_counts(message.seq);
	else if (message.type == NG_MESSAGE_SOCKETS)
		tell_sockets(message.seq);
	else if (message.type == NG_MESSAGE_PROGRAMS)
		tell_programs(message.seq);
	else
		tell_status(message.seq);
	return 0;
}

int main(int argc, char **argv)
{
	g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);

	folder = g_path_get_dirname(self);
	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--socket") == 0)
			link_fd = atoi(argv[i + 1]);
		if (strcmp(argv[i], "--backend") == 0 && strcmp(argv[i + 1], "simulation") == 0)
			status.backend = NG_BACKEND_SIMULATION;
	}
	while (link_fd >= 0) {
		struct pollfd readable = { .fd = link_fd, .events = POLLIN };

		poll(&readable, 1, 20);
		send_events();
		if ((readable.revents & (POLLIN | POLLHUP)) && take() < 0)
			return 0;
	}
	return 2;
}
