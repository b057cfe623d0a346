// SPDX-License-Identifier: MIT
/*
 * Read what the kernel programs report. Nothing decided waits for this: a reader that is slow, stopped or gone costs
 * events, which are counted.
 *
 * The first event after a quiet time wakes us; from then on we look every 100 ms until it has been quiet for a second
 * and a half, and then sleep without a timer. So a flood costs ten wake-ups a second and an idle machine none. Attempts
 * that were alike are counted in the kernel meanwhile; the last of their counts are swept up before we sleep.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "enforce/bpf-private.h"

#define LOOK_EVERY_MS 100
#define QUIET_MS 1500
#define EVENTS_PER_LOOK                                                                                                \
	1000 /* then the engine is heard first; what the ring cannot hold meanwhile is lost and counted */

uint64_t ng_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The path by which a file was last started; unchanged if nobody remembers. */
void ng_bpf_find_name(const struct ng_bpf *self, const struct ng_exe_key *key, char path[512])
{
	char name[256];

	if (bpf_map_lookup_elem(ng_bpf_map(self, "names"), key, name) == 0 && name[0] == '/')
		(void)snprintf(path, 512, "%.255s", name);
}

/* The path of a program's file: as the living process shows it, if it is still that file; else as it was last started.
 */
static void find_exe(const struct ng_bpf *self, const struct ng_event *event, char path[512])
{
	const struct ng_exe_key key = { .ino = event->exe_ino, .dev = event->exe_dev };
	char link[64];
	struct statx file;
	ssize_t length = 0;

	path[0] = '\0';
	if (!event->exe_ino)
		return;
	if (event->pid) {
		(void)snprintf(link, sizeof(link), "/proc/%u/exe", event->pid);
		/* Not asking a file system's server, which may not answer. */
		if (statx(AT_FDCWD, link, AT_STATX_DONT_SYNC, STATX_INO, &file) == 0 && file.stx_ino == event->exe_ino)
			length = readlink(link, path, 511);
		if (length > 0) {
			path[length] = '\0';
			return;
		}
		path[0] = '\0';
	}
	ng_bpf_find_name(self, &key, path);
}

static uint64_t events_lost(const struct ng_bpf *self)
{
	const uint32_t index = NG_FAULT_EVENTS_LOST;
	uint64_t count = 0;

	(void)bpf_map_lookup_elem(ng_bpf_map(self, "faults"), &index, &count);
	return count;
}

static void pass_on(struct ng_bpf *self, const struct ng_event *event)
{
	struct ng_event_report report = { .event = *event };
	const uint64_t lost = events_lost(self);

	report.app_key = ng_bpf_key_of_slot(self, event->app);
	report.decider_key = event->decider == event->app ? report.app_key : ng_bpf_key_of_slot(self, event->decider);
	report.lost = (uint32_t)(lost - self->lost_reported);
	self->lost_reported = lost;
	find_exe(self, event, report.exe);
	self->event_fn(self->event_data, &report);
}

static int on_record(void *user_data, void *data, size_t size)
{
	struct ng_bpf *self = user_data;
	struct ng_event event;

	if (size < sizeof(event))
		return 0;
	if (self->events_left == 0)
		return -EAGAIN;
	self->events_left--;
	memcpy(&event, data, sizeof(event));
	event.comm[sizeof(event.comm) - 1] = '\0';
	self->last_event_ms = ng_now_ms();
	pass_on(self, &event);
	return 0;
}

int ng_bpf_events_open(struct ng_bpf *self)
{
	self->ring = ring_buffer__new(ng_bpf_map(self, "events"), on_record, self, NULL);
	if (!self->ring)
		return -errno;
	self->lost_reported = 0;
	self->last_event_ms = ng_now_ms(); /* what an earlier reader left is read at once */
	return 0;
}

/* The event that an entry of `seen` stands for: what the kernel program would have reported. */
static struct ng_event event_of_entry(const struct ng_bpf *self, const struct ng_seen_key *key,
				      const struct ng_seen *entry)
{
	struct ng_event event = {
		.time_ns = entry->time_ns,
		.exe_ino = key->exe_ino,
		.exe_dev = key->exe_dev,
		.pid = entry->pid,
		.uid = key->uid,
		.app = key->app,
		.decider = key->decider,
		.count = entry->pending,
		.flow = { .port = key->port, .proto = key->proto, .call = key->call },
		.verdict = { .allowed = key->allowed, .reason = key->reason },
	};
	struct {
		uint32_t prefix_len;
		uint8_t addr[16];
	} place = { .prefix_len = 128 };
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	uint32_t found;

	memcpy(event.flow.addr, key->addr, 16);
	memcpy(place.addr, key->addr, 16);
	memcpy(event.comm, entry->comm, sizeof(event.comm));
	event.family = memcmp(key->addr, mapped, sizeof(mapped)) == 0 ? AF_INET : AF_INET6;
	event.flow.onlink = ng_address_class(key->addr, 0) == NG_CLASS_GLOBAL &&
			    bpf_map_lookup_elem(ng_bpf_map(self, "onlinks"), &place, &found) == 0;
	event.verdict.class = ng_address_class(key->addr, event.flow.onlink);
	return event;
}

/* Take the entries that nothing has happened to for a second out of `seen`, with the counts nobody was told. */
static void sweep_seen(struct ng_bpf *self)
{
	const int map = ng_bpf_map(self, "seen");
	const uint64_t now_ns = ng_now_ms() * 1000000;
	struct ng_seen_key key, next, *before = NULL;

	for (int i = 0; i < 65536 && bpf_map_get_next_key(map, before, &next) == 0; i++) {
		struct ng_event event;
		struct ng_seen entry;

		key = next;
		before = &key;
		if (bpf_map_lookup_elem(map, &key, &entry) || !entry.pending || now_ns - entry.time_ns < 1000000000)
			continue;
		if (bpf_map_lookup_and_delete_elem(map, &key, &entry) || !entry.pending)
			continue;
		event = event_of_entry(self, &key, &entry);
		pass_on(self, &event);
		before = NULL; /* the key to go on from is gone; entries swept do not come again */
	}
}

int ng_bpf_event_fd(void *user_data, int *ret_timeout_ms)
{
	struct ng_bpf *self = user_data;

	if (!self->ring) {
		*ret_timeout_ms = -1;
		return -1;
	}
	*ret_timeout_ms = self->last_event_ms ? LOOK_EVERY_MS : -1;
	/* While we look by the clock the descriptor would only repeat what we know. */
	return self->last_event_ms ? -1 : ring_buffer__epoll_fd(self->ring);
}

int ng_bpf_poll(void *user_data, ng_backend_event_fn fn, void *event_data)
{
	struct ng_bpf *self = user_data;
	int r;

	if (!self->ring)
		return 0;
	self->event_fn = fn;
	self->event_data = event_data;
	if (!self->last_event_ms)
		self->last_event_ms = ng_now_ms();
	self->events_left = EVENTS_PER_LOOK;
	r = ring_buffer__consume(self->ring);
	if (r >= 0 && ng_now_ms() - self->last_event_ms >= QUIET_MS) {
		sweep_seen(self);
		self->last_event_ms = 0;
		__atomic_store_n(&self->state->reader_waits, 1, __ATOMIC_SEQ_CST);
		r = ring_buffer__consume(self->ring);
		if (r > 0)
			__atomic_store_n(&self->state->reader_waits, 0, __ATOMIC_SEQ_CST);
	}
	self->event_fn = NULL;
	return r < 0 && r != -EAGAIN ? r : 0;
}
