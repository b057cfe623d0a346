// SPDX-License-Identifier: MIT
/*
 * netguard-enforcer: the only privileged code. It holds one backend, takes images and questions from the engine over
 * one socketpair, and sends events back. It parses no text, opens no database, talks to no client; what the engine
 * sends is checked as a stranger's bytes would be (enforce/message.c, compile/image.c).
 *
 * Power: root cut down to the capabilities in `kept` below, no new privileges, nothing to exec. It never blocks on the
 * engine, and exits when the engine is gone; what is pinned in the kernel stays in force.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/capability.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "config.h"
#include "enforce/backend.h"

struct enforcer {
	int socket;
	const struct ng_backend *backend;
	void *self;
	uint32_t unsent; /* events the engine did not take since the last it took */
};

/* Why each is kept: BPF, PERFMON load and iterate; NET_ADMIN attaches to cgroups and destroys sockets; SYS_ADMIN enters
 * the network namespaces of the sockets to destroy; SYS_PTRACE reads /proc/PID/exe and /proc/PID/ns of other users'
 * processes; DAC_READ_SEARCH looks at files that those links lead to. */
static const int kept[] = { CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH };

static int drop_power(bool keep_any)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	for (size_t i = 0; keep_any && i < sizeof(kept) / sizeof(*kept); i++) {
		data[kept[i] / 32].permitted |= 1u << kept[i] % 32;
		data[kept[i] / 32].effective |= 1u << kept[i] % 32;
	}
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) && errno != EINVAL && errno != EPERM)
			return -errno;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return -errno;
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

static void answer(struct enforcer *enforcer, struct ng_message *reply, uint32_t type, uint64_t seq)
{
	struct pollfd writable = { .fd = enforcer->socket, .events = POLLOUT };

	reply->magic = NG_MESSAGE_MAGIC;
	reply->version = NG_MESSAGE_VERSION;
	reply->type = type;
	reply->seq = seq;
	/* A reply is worth a short wait, an event is not. */
	if (ng_message_send(enforcer->socket, reply, -1) == -EAGAIN && poll(&writable, 1, 200) > 0)
		(void)ng_message_send(enforcer->socket, reply, -1);
}

/* The image in `fd`, checked, made true. */
static void load(struct enforcer *enforcer, int fd, struct ng_loaded *ret_loaded)
{
	const int wanted_seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
	const char *why = "the image is not a sealed memory file";
	struct ng_image image;
	struct stat stat_now;
	void *bytes = MAP_FAILED;
	int seals = fcntl(fd, F_GET_SEALS), r = -EBADMSG;

	memset(ret_loaded, 0, sizeof(*ret_loaded));
	if (seals >= 0 && (seals & wanted_seals) == wanted_seals && fstat(fd, &stat_now) == 0) {
		why = "the image's size is out of range";
		if (stat_now.st_size >= (off_t)sizeof(struct ng_image_header) &&
		    stat_now.st_size <= NG_IMAGE_MAX_LENGTH)
			bytes = mmap(NULL, (size_t)stat_now.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	}
	if (bytes != MAP_FAILED)
		r = ng_image_check(bytes, (size_t)stat_now.st_size, &image, &why);
	if (r == 0) {
		enforcer->backend->load(enforcer->self, &image, ret_loaded);
	} else {
		ret_loaded->error = r;
		(void)snprintf(ret_loaded->why, sizeof(ret_loaded->why), "the image was refused: %s", why);
	}
	if (bytes != MAP_FAILED)
		munmap(bytes, (size_t)stat_now.st_size);
}

/* Replies of several parts: fill one message, send it when full. */
struct parts {
	struct enforcer *enforcer;
	struct ng_message *reply;
	uint64_t seq;
};

static void add_counts(void *user_data, const struct ng_app_counts *counts)
{
	struct parts *parts = user_data;
	struct ng_counts_are *page = &parts->reply->counts;

	if (page->n == NG_COUNTS_PER_MESSAGE) {
		page->more = 1;
		answer(parts->enforcer, parts->reply, NG_MESSAGE_COUNTS_ARE, parts->seq);
		memset(page, 0, sizeof(*page));
	}
	page->apps[page->n++] = *counts;
}

static void add_socket(void *user_data, const struct ng_socket *socket)
{
	struct parts *parts = user_data;
	struct ng_sockets_are *page = &parts->reply->sockets;

	if (page->n == NG_SOCKETS_PER_MESSAGE) {
		page->more = 1;
		answer(parts->enforcer, parts->reply, NG_MESSAGE_SOCKETS_ARE, parts->seq);
		memset(page, 0, sizeof(*page));
	}
	page->sockets[page->n++] = *socket;
}

static void add_program(void *user_data, const struct ng_program *program)
{
	struct parts *parts = user_data;
	struct ng_programs_are *page = &parts->reply->programs;

	if (page->n == NG_PROGRAMS_PER_MESSAGE) {
		page->more = 1;
		answer(parts->enforcer, parts->reply, NG_MESSAGE_PROGRAMS_ARE, parts->seq);
		memset(page, 0, sizeof(*page));
	}
	page->programs[page->n++] = *program;
}

static void handle(struct enforcer *enforcer, const struct ng_message *message, int fd)
{
	const struct ng_backend *backend = enforcer->backend;
	struct ng_message reply = { 0 };
	struct parts parts = { enforcer, &reply, message->seq };
	uint32_t left_out = 0, unseen = 0;
	int r;

	switch (message->type) {
	case NG_MESSAGE_LOAD:
		load(enforcer, fd, &reply.loaded);
		answer(enforcer, &reply, NG_MESSAGE_LOADED, message->seq);
		break;
	case NG_MESSAGE_STATUS:
	case NG_MESSAGE_VERIFY:
		backend->status(enforcer->self, message->type == NG_MESSAGE_VERIFY, &reply.status);
		answer(enforcer, &reply, NG_MESSAGE_STATUS_IS, message->seq);
		break;
	case NG_MESSAGE_COUNTS:
		(void)backend->counts(enforcer->self, add_counts, &parts);
		answer(enforcer, &reply, NG_MESSAGE_COUNTS_ARE, message->seq);
		break;
	case NG_MESSAGE_SOCKETS:
		(void)backend->sockets(enforcer->self, add_socket, &parts);
		answer(enforcer, &reply, NG_MESSAGE_SOCKETS_ARE, message->seq);
		break;
	case NG_MESSAGE_PROGRAMS:
		r = backend->programs(enforcer->self, add_program, &parts, &left_out, &unseen);
		reply.programs.error = r;
		reply.programs.left_out = left_out;
		reply.programs.unseen = unseen;
		answer(enforcer, &reply, NG_MESSAGE_PROGRAMS_ARE, message->seq);
		break;
	default:
		break; /* a reply, which only we send */
	}
}

static void on_event(void *user_data, const struct ng_event_report *report)
{
	struct enforcer *enforcer = user_data;
	struct ng_message message = { .magic = NG_MESSAGE_MAGIC,
				      .version = NG_MESSAGE_VERSION,
				      .type = NG_MESSAGE_EVENT };

	message.event = *report;
	message.event.lost += enforcer->unsent;
	if (ng_message_send(enforcer->socket, &message, -1) == 0)
		enforcer->unsent = 0;
	else
		enforcer->unsent += report->event.count + report->lost;
}

/* Until the engine is gone. Returns the exit status. */
static int serve(struct enforcer *enforcer)
{
	for (;;) {
		struct pollfd ready[2] = { { .fd = enforcer->socket, .events = POLLIN }, { .events = POLLIN } };
		struct ng_message message;
		ng_auto_fd fd = -1;
		int timeout_ms = -1, r;

		ready[1].fd = enforcer->backend->event_fd(enforcer->self, &timeout_ms);
		r = poll(ready, 2, timeout_ms);
		if (r < 0 && errno != EINTR)
			return EXIT_FAILURE;
		if (r == 0 || ready[1].revents)
			(void)enforcer->backend->poll(enforcer->self, on_event, enforcer);
		if (r <= 0 || !ready[0].revents)
			continue;
		r = ng_message_receive(enforcer->socket, &message, &fd);
		if (r == -EPIPE)
			return EXIT_SUCCESS;
		if (r == -EAGAIN)
			continue;
		if (r < 0) {
			(void)fprintf(stderr, "netguard-enforcer: the engine sent something malformed; ending\n");
			return EXIT_FAILURE;
		}
		handle(enforcer, &message, fd);
	}
}

struct options {
	int socket;
	bool remove;
	const struct ng_backend *backend;
	struct ng_backend_config config;
};

static const char usage[] =
	"Usage: netguard-enforcer --socket FD [--backend bpf|simulation] [--cgroup PATH] [--pins DIR]\n"
	"       netguard-enforcer --remove [--pins DIR]\n"
	"\n"
	"The privileged part of Network Guard; started by netguardd, not by hand.\n"
	"  --map-entries N  for tests: kernel maps of this size, to see what happens when they are full\n"
	"  --remove   take everything out of the kernel that an earlier run pinned: nothing is protected afterwards\n"
	"  --version  print the version\n";

static int parse(int argc, char **argv, struct options *options)
{
	static const struct option table[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "backend", required_argument, NULL, 'b' },
		{ "cgroup", required_argument, NULL, 'c' },
		{ "pins", required_argument, NULL, 'p' },
		{ "map-entries", required_argument, NULL, 'm' },
		{ "remove", no_argument, NULL, 'r' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (option == 's')
			options->socket = atoi(optarg);
		else if (option == 'b' && strcmp(optarg, "bpf") == 0)
			options->backend = &ng_backend_bpf;
		else if (option == 'b' && strcmp(optarg, "simulation") == 0)
			options->backend = &ng_backend_simulation;
		else if (option == 'c')
			options->config.cgroup_path = optarg;
		else if (option == 'p')
			options->config.pin_path = optarg;
		else if (option == 'm')
			options->config.map_entries = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'r')
			options->remove = true;
		else if (option == 'v' || option == 'h')
			return printf("%s", option == 'v' ? "netguard-enforcer " NG_VERSION "\n" : usage) < 0 ? -EIO
													      : 1;
		else
			return -EINVAL;
	}
	return optind == argc && (options->socket >= 3 || options->remove) ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	struct options options = { .socket = -1, .backend = &ng_backend_bpf };
	struct enforcer enforcer = { 0 };
	char why[256] = "";
	int r = parse(argc, argv, &options);

	if (r == 1)
		return EXIT_SUCCESS;
	if (r < 0) {
		(void)fputs(usage, stderr);
		return 2;
	}
	if (options.remove) {
		r = ng_bpf_remove(options.config.pin_path);
		if (r < 0)
			(void)fprintf(stderr, "netguard-enforcer: cannot remove everything: %s\n", strerror(-r));
		return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	/* What an image took is given back when it is done with, not kept for the next. */
	(void)mallopt(M_MMAP_THRESHOLD, 64 * 1024);
	enforcer.socket = options.socket;
	enforcer.backend = options.backend;
	r = options.backend->open(&options.config, &enforcer.self, why);
	if (r == 0) {
		r = drop_power(options.backend == &ng_backend_bpf);
		if (r < 0)
			(void)snprintf(why, sizeof(why), "cannot give up privileges: %s", strerror(-r));
	}
	if (r < 0) {
		(void)fprintf(stderr, "netguard-enforcer: %s\n", why);
		return EXIT_FAILURE;
	}
	r = serve(&enforcer);
	options.backend->close(enforcer.self);
	return r;
}
