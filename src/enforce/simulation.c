/* SPDX-License-Identifier: MIT */
/*
 * The simulation: a backend that blocks nothing and says what would be blocked. Runs in the enforcer's place with no
 * privilege. It looks at the sockets that exist (sockdiag.h), finds their processes (simulation-process.h), asks
 * the same verdict as the kernel programs (simulation-rules.h), and reports what it has not reported before.
 *
 * Invariants: it never claims to protect: `supported` and `in_force` are 0, and nothing it does changes any socket. A
 * report is made once for a socket, where it leads and what is said of it, until the next image. What was open and
 * closed between two looks, what belongs to processes of other users, and datagrams sent without connect() beyond the
 * fact that the socket is open, are not seen.
 *
 * Cost: a look is a few netlink dumps. /proc is walked only when one of them shows something new, and once in
 * WALK_MS, for sockets that changed hands, when anything is restricted at all.
 */
#include "enforce/backend.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "enforce/programs.h"
#include "enforce/simulation-process.h"
#include "enforce/simulation-rules.h"
#include "enforce/sockdiag.h"

#define LOOK_MS 2000
#define LOOK_OPEN_MS 5000 /* when nothing can be denied */
#define WALK_MS 10000
#define MAX_SOCKETS 131072u
#define STATE_LISTEN 10 /* TCP_LISTEN of the kernel */

struct simulation {
	int diag;
	struct ng_rules rules;
	int64_t look_at_ms; /* when the next look is due */
	int64_t walked_ms;
	uint64_t *seen; /* what was looked at under this image, sorted: socket_key() */
	size_t n_seen;
	uint64_t *reported; /* likewise: report_key() */
	size_t n_reported;
};

struct socket_now {
	struct ng_sockdiag_entry entry;
	struct ng_flow flow;
	uint64_t key;
	const struct ng_process *holder; /* NULL: nobody that we may see */
	struct ng_tag tag;
	struct ng_ruling ruling;
};

/* One look. */
struct look {
	struct socket_now *sockets; /* sorted by inode once listed */
	size_t n, size;
	int error;
	bool is_accepting[65536]; /* local TCP ports with a listener */
	struct ng_process_table table;
};

static void look_free(struct look **look)
{
	if (!*look)
		return;
	free((*look)->sockets);
	ng_process_table_done(&(*look)->table);
	free(*look);
}
#define auto_look NG_CLEANUP(look_free) struct look *

static int64_t now_ms(void)
{
	struct timespec now = { 0 };

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int key_compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

static bool keys_have(const uint64_t *keys, size_t n, uint64_t key)
{
	return n > 0 && bsearch(&key, keys, n, sizeof(key), key_compare);
}

static bool is_stream(const struct ng_sockdiag_entry *entry)
{
	return entry->protocol == IPPROTO_TCP || entry->protocol == NG_SOCKDIAG_MPTCP;
}

static void look_take(void *user_data, const struct ng_sockdiag_entry *entry)
{
	struct look *look = user_data;

	if (entry->inode == 0 || look->error < 0)
		return;
	if (look->n == look->size) {
		size_t size = look->size ? look->size * 2 : 64;
		struct socket_now *grown =
			size > MAX_SOCKETS ? NULL : reallocarray(look->sockets, size, sizeof(*grown));

		if (!grown) {
			/* Past the limit the rest is not looked at; without memory nothing is. */
			look->error = size > MAX_SOCKETS ? 0 : -ENOMEM;
			return;
		}
		look->sockets = grown;
		look->size = size;
	}
	look->sockets[look->n++] = (struct socket_now){ .entry = *entry };
	if (is_stream(entry) && entry->state == STATE_LISTEN)
		look->is_accepting[entry->local_port] = true;
}

/* What the socket is doing, as one of the calls the kernel programs would judge. */
static void flow_of(const struct look *look, const struct ng_sockdiag_entry *entry, struct ng_flow *ret_flow)
{
	const bool is_raw = entry->protocol == IPPROTO_RAW;
	const bool has_peer = is_raw ? entry->state == 1 : entry->remote_port != 0;
	const bool is_arrived = has_peer && is_stream(entry) && look->is_accepting[entry->local_port];

	*ret_flow = (struct ng_flow){
		.port = is_raw     ? 0
			: has_peer ? entry->remote_port
				   : entry->local_port,
		.proto = is_stream(entry) ? IPPROTO_TCP
			 : is_raw         ? (uint8_t)entry->local_port
					  : (uint8_t)entry->protocol,
		.call = is_arrived ? NG_CALL_RECV
			: has_peer ? NG_CALL_CONNECT
			: is_raw   ? NG_CALL_CREATE
				   : NG_CALL_BIND,
		.raw = is_raw,
	};
	if (has_peer || !is_raw)
		memcpy(ret_flow->addr, has_peer ? entry->remote : entry->local, sizeof(ret_flow->addr));
}

static int socket_compare(const void *a, const void *b)
{
	return key_compare(&((const struct socket_now *)a)->entry.inode, &((const struct socket_now *)b)->entry.inode);
}

/* All sockets of this network namespace that some process holds. */
static int look_list(int diag, struct look *look)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	static const uint16_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, IPPROTO_RAW,
					      NG_SOCKDIAG_MPTCP };

	for (size_t p = 0; p < sizeof(protocols) / sizeof(protocols[0]); p++) {
		for (size_t f = 0; f < sizeof(families); f++) {
			int r = ng_sockdiag_list(diag, families[f], protocols[p], look_take, look);

			/* A kernel without diagnostics for one of the rare protocols still tells of the others. */
			if (r < 0 && !(r == -EPROTONOSUPPORT && p > 0))
				return r;
		}
	}
	if (look->error < 0)
		return look->error;
	for (size_t i = 0; i < look->n; i++) {
		struct socket_now *socket = &look->sockets[i];

		flow_of(look, &socket->entry, &socket->flow);
		socket->key = ng_hash_add(NG_HASH_START, &socket->entry.cookie, sizeof(uint64_t));
		socket->key = ng_hash_add(socket->key, &socket->flow, sizeof(socket->flow));
	}
	if (look->n > 0)
		qsort(look->sockets, look->n, sizeof(look->sockets[0]), socket_compare);
	return 0;
}

static bool look_shows_news(const struct simulation *self, const struct look *look)
{
	for (size_t i = 0; i < look->n; i++)
		if (!keys_have(self->seen, self->n_seen, look->sockets[i].key))
			return true;
	return false;
}

static void socket_judge(const struct ng_rules *rules, struct socket_now *socket, const struct ng_process *process)
{
	struct ng_flow flow = socket->flow;
	struct ng_tag tag;
	struct ng_ruling ruling;

	ng_rules_tag(rules, process, &tag);
	ruling = ng_rules_judge(rules, &tag, &flow);
	/* A socket is as restricted as its most restricted holder. */
	if (socket->holder && (!socket->ruling.verdict.allowed || ruling.verdict.allowed))
		return;
	socket->holder = process;
	socket->flow = flow;
	socket->tag = tag;
	socket->ruling = ruling;
}

/* Find who holds the sockets and judge each. */
static int look_judge(const struct ng_rules *rules, struct look *look)
{
	ng_auto_free uint64_t *inodes = look->n ? reallocarray(NULL, look->n, sizeof(*inodes)) : NULL;
	int r;

	if (look->n == 0)
		return 0;
	if (!inodes)
		return -ENOMEM;
	for (size_t i = 0; i < look->n; i++)
		inodes[i] = look->sockets[i].entry.inode;
	r = ng_process_find(inodes, look->n, &look->table);
	if (r < 0)
		return r;
	for (size_t i = 0; i < look->table.n_holdings; i++) {
		const struct ng_holding *holding = &look->table.holdings[i];
		struct socket_now wanted = { .entry.inode = holding->inode };
		struct socket_now *found = bsearch(&wanted, look->sockets, look->n, sizeof(wanted), socket_compare);

		if (found)
			socket_judge(rules, found, &look->table.processes[holding->process]);
	}
	return 0;
}

static uint64_t report_key(const struct socket_now *socket)
{
	return ng_hash_add(socket->key, &socket->ruling.verdict, sizeof(socket->ruling.verdict));
}

/* What is denied is worth a word; what is allowed only where it leads somewhere. */
static bool is_reportable(const struct socket_now *socket)
{
	if (!socket->holder)
		return false;
	return !socket->ruling.verdict.allowed || socket->flow.call == NG_CALL_CONNECT ||
	       socket->flow.call == NG_CALL_RECV;
}

static void socket_report(const struct ng_rules *rules, const struct socket_now *socket, ng_backend_event_fn fn,
			  void *user_data)
{
	const struct ng_process *process = socket->holder;
	struct ng_event_report report = { 0 };
	struct ng_event *event = &report.event;
	struct timespec now = { 0 };

	clock_gettime(CLOCK_BOOTTIME, &now);
	event->time_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	event->exe_ino = process->exe.ino;
	event->exe_dev = process->exe.dev;
	event->pid = process->pid;
	event->uid = socket->entry.uid;
	event->app = socket->tag.app[0];
	event->decider = socket->ruling.decider + 1;
	event->count = 1;
	event->flow = socket->flow;
	if (event->flow.call == NG_CALL_RECV)
		event->flow.port = 0; /* as the kernel programs report it: the peer's own port says nothing */
	event->verdict = socket->ruling.verdict;
	event->family = socket->entry.family;
	memcpy(event->comm, process->comm, sizeof(event->comm));
	report.app_key = rules->image.apps[socket->tag.app[0] - 1].key;
	report.decider_key = rules->image.apps[socket->ruling.decider].key;
	memcpy(report.exe, process->path, sizeof(report.exe));
	fn(user_data, &report);
}

/* Report what is new, and remember what is here now; what is gone is forgotten, so memory is bounded by a look. */
static int look_report(struct simulation *self, const struct look *look, ng_backend_event_fn fn, void *user_data)
{
	ng_auto_free uint64_t *seen = reallocarray(NULL, look->n + 1, sizeof(*seen));
	ng_auto_free uint64_t *reported = reallocarray(NULL, look->n + 1, sizeof(*reported));
	size_t n_reported = 0;

	if (!seen || !reported)
		return -ENOMEM;
	for (size_t i = 0; i < look->n; i++) {
		const struct socket_now *socket = &look->sockets[i];
		uint64_t key = report_key(socket);

		seen[i] = socket->key;
		if (!is_reportable(socket))
			continue;
		if (!keys_have(self->reported, self->n_reported, key))
			socket_report(&self->rules, socket, fn, user_data);
		reported[n_reported++] = key;
	}
	qsort(seen, look->n, sizeof(*seen), key_compare);
	qsort(reported, n_reported, sizeof(*reported), key_compare);
	free(self->seen);
	free(self->reported);
	self->seen = ng_steal_ptr(&seen);
	self->n_seen = look->n;
	self->reported = ng_steal_ptr(&reported);
	self->n_reported = n_reported;
	return 0;
}

static int simulation_poll(void *instance, ng_backend_event_fn fn, void *user_data)
{
	struct simulation *self = instance;
	auto_look look = NULL;
	int64_t now = now_ms();
	int r;

	if (!self->rules.bytes || now < self->look_at_ms)
		return 0;
	self->look_at_ms = now + (self->rules.is_open ? LOOK_OPEN_MS : LOOK_MS);
	look = calloc(1, sizeof(*look));
	if (!look)
		return -ENOMEM;
	r = look_list(self->diag, look);
	if (r < 0)
		return r;
	if (!look_shows_news(self, look) && (self->rules.is_open || now < self->walked_ms + WALK_MS))
		return 0;
	self->walked_ms = now;
	r = look_judge(&self->rules, look);
	return r < 0 ? r : look_report(self, look, fn, user_data);
}

static int simulation_event_fd(void *instance, int *ret_timeout_ms)
{
	const struct simulation *self = instance;
	int64_t left = self->look_at_ms - now_ms();

	if (!self->rules.bytes)
		*ret_timeout_ms = -1;
	else
		*ret_timeout_ms = left < 0 ? 0 : left > LOOK_OPEN_MS ? LOOK_OPEN_MS : (int)left;
	return -1;
}

static void simulation_close(void *instance)
{
	struct simulation *self = instance;

	if (!self)
		return;
	ng_rules_done(&self->rules);
	free(self->seen);
	free(self->reported);
	ng_close_fd_(&self->diag);
	free(self);
}

static int simulation_open(const struct ng_backend_config *config, void **ret_self, char why[256])
{
	struct simulation *self = calloc(1, sizeof(*self));

	memset(why, 0, 256);
	if (!self)
		return -ENOMEM;
	self->diag = ng_sockdiag_open();
	if (self->diag < 0) {
		int r = self->diag;

		snprintf(why, 256, "the kernel's socket diagnostics cannot be opened: %s", strerror(-r));
		simulation_close(self);
		return r;
	}
	*ret_self = self;
	return 0;
}

static void simulation_load(void *instance, const struct ng_image *image, struct ng_loaded *ret_loaded)
{
	struct simulation *self = instance;
	struct ng_rules rules = { 0 };
	int r = ng_rules_load(image, &rules);

	*ret_loaded = (struct ng_loaded){ .error = r, .image_hash = self->rules.hash };
	if (r < 0) {
		snprintf(ret_loaded->why, sizeof(ret_loaded->why), "the image cannot be kept: %s", strerror(-r));
		return;
	}
	ng_rules_done(&self->rules);
	self->rules = rules;
	self->n_seen = self->n_reported = 0;
	self->look_at_ms = 0;
	ret_loaded->image_hash = rules.hash;
}

static void simulation_status(void *instance, int verify, struct ng_status *ret_status)
{
	const struct simulation *self = instance;
	const struct ng_image_header *header = self->rules.image.header;
	struct utsname name;

	*ret_status = (struct ng_status){ .backend = NG_BACKEND_SIMULATION, .image_hash = self->rules.hash };
	if (header) {
		ret_status->mode = header->mode;
		ret_status->n_apps = header->n_apps - 1; /* without the default */
		ret_status->n_exes = header->n_exes;
	}
	if (uname(&name) == 0)
		snprintf(ret_status->kernel, sizeof(ret_status->kernel), "%.63s", name.release);
}

/* Traffic cannot be attributed from outside. */
static int simulation_counts(void *instance, void (*fn)(void *, const struct ng_app_counts *), void *user_data)
{
	return 0;
}

static void socket_show(const struct ng_rules *rules, const struct socket_now *socket,
			void (*fn)(void *, const struct ng_socket *), void *user_data)
{
	const struct ng_sockdiag_entry *entry = &socket->entry;
	struct ng_socket shown = {
		.app_key = rules->image.apps[socket->tag.app[0] - 1].key,
		.cookie = entry->cookie,
		.local_port = entry->protocol == IPPROTO_RAW ? 0 : entry->local_port,
		.family = entry->family,
		.state = is_stream(entry) ? entry->state : 0,
		.pid = socket->holder->pid,
		.uid = entry->uid,
	};

	if (socket->flow.call == NG_CALL_CONNECT || socket->flow.call == NG_CALL_RECV)
		shown.flow = socket->flow;
	memcpy(shown.local, entry->local, sizeof(shown.local));
	fn(user_data, &shown);
}

static int simulation_sockets(void *instance, void (*fn)(void *, const struct ng_socket *), void *user_data)
{
	struct simulation *self = instance;
	auto_look look = NULL;
	int r;

	if (!self->rules.bytes)
		return 0;
	look = calloc(1, sizeof(*look));
	if (!look)
		return -ENOMEM;
	r = look_list(self->diag, look);
	if (r == 0)
		r = look_judge(&self->rules, look);
	for (size_t i = 0; r == 0 && i < look->n; i++)
		if (look->sockets[i].holder)
			socket_show(&self->rules, &look->sockets[i], fn, user_data);
	return r;
}

static void simulation_identify(void *instance, struct ng_program *one)
{
	const struct simulation *self = instance;

	one->app_key = ng_rules_app_key(&self->rules, &one->key);
}

static int simulation_programs(void *instance, void (*fn)(void *, const struct ng_program *), void *user_data,
			       uint32_t *ret_left_out, uint32_t *ret_unseen)
{
	const struct simulation *self = instance;

	return ng_programs_walk(self->rules.bytes ? simulation_identify : NULL, instance, fn, user_data, ret_left_out,
				ret_unseen);
}

const struct ng_backend ng_backend_simulation = {
	.name = "simulation",
	.id = NG_BACKEND_SIMULATION,
	.open = simulation_open,
	.close = simulation_close,
	.load = simulation_load,
	.status = simulation_status,
	.counts = simulation_counts,
	.sockets = simulation_sockets,
	.programs = simulation_programs,
	.event_fd = simulation_event_fd,
	.poll = simulation_poll,
};
