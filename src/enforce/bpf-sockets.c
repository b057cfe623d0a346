// SPDX-License-Identifier: MIT
/*
 * Walk the processes and the open sockets with the kernel's iterators, and destroy the sockets that are denied from now
 * on.
 *
 * Destroying only spares programs a stall: the packets of these sockets are denied already. It goes over socket
 * diagnostics, in the network namespace of each socket, entered for the time of the request by way of a process that
 * holds it. An MPTCP socket is destroyed by its subflows.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "bpf/guard.skel.h"
#include "enforce/bpf-private.h"
#include "enforce/sockdiag.h"

#define KERNEL_TCP_CLOSE 7 /* a TCP socket that is neither connected nor listening */

struct scan_list {
	struct ng_scan *records;
	uint32_t count;
	int error;
};

/* One run of an iterator. Records are of `size` bytes; 0: it writes none. */
static int run_iterator(struct bpf_link *link, size_t size, ng_scan_fn fn, void *user_data)
{
	struct ng_scan buffer[64];
	ng_auto_fd fd = bpf_iter_create(bpf_link__fd(link));
	size_t have = 0;

	if (fd < 0)
		return fd == -1 ? -errno : fd;
	for (;;) {
		ssize_t got = read(fd, (char *)buffer + have, sizeof(buffer) - have);

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return have ? -EIO : 0;
		have += (size_t)got;
		if (!size)
			have = 0;
		for (size_t i = 0; size && i < have / size; i++)
			fn(user_data, &buffer[i]);
		if (size && have >= size) {
			size_t rest = have % size;

			memmove(buffer, (char *)buffer + have - rest, rest);
			have = rest;
		}
	}
}

static int iterator(struct bpf_program *program, struct bpf_link **link)
{
	if (!*link)
		*link = bpf_program__attach_iter(program, NULL);
	return *link ? 0 : -errno;
}

/* Recognise all that runs. */
int ng_bpf_tag_tasks(struct ng_bpf *self)
{
	int r = iterator(self->skeleton->progs.ng_tag_tasks, &self->tag_tasks);

	if (r == 0)
		r = run_iterator(self->tag_tasks, 0, NULL, NULL);
	if (r == 0)
		self->in_force |= NG_CAN_RUNNING;
	return r;
}

static void ignore_record(void *user_data, const struct ng_scan *record)
{
}

int ng_bpf_scan(struct ng_bpf *self, uint32_t wish, ng_scan_fn fn, void *user_data)
{
	const struct ng_scan_wish value = { .wish = wish, .cgroup_id = self->cgroup_id };
	const uint32_t zero = 0;
	int r = iterator(self->skeleton->progs.ng_scan_files, &self->scan_files);

	if (r == 0 && bpf_map_update_elem(ng_bpf_map(self, "scan_wish"), &zero, &value, BPF_ANY))
		r = -errno;
	if (r == 0)
		r = run_iterator(self->scan_files, sizeof(struct ng_scan), fn ? fn : ignore_record, user_data);
	if (r == 0)
		self->in_force |= NG_CAN_OPEN_SOCKETS;
	return r;
}

static void collect(void *user_data, const struct ng_scan *record)
{
	struct scan_list *list = user_data;

	/* A TCP socket that does nothing, and a datagram socket without a port, have nothing to close. */
	if (record->protocol == IPPROTO_TCP && record->state == KERNEL_TCP_CLOSE)
		return;
	if (!record->local_port && !record->flow.port)
		return;
	if ((list->count & (list->count + 1)) == 0) {
		struct ng_scan *larger = realloc(list->records, sizeof(*larger) * 2 * ((size_t)list->count + 1));

		if (!larger) {
			list->error = -ENOMEM;
			return;
		}
		list->records = larger;
	}
	list->records[list->count++] = *record;
}

static int compare_records(const void *a, const void *b)
{
	const struct ng_scan *left = a, *right = b;

	if (left->netns != right->netns)
		return left->netns < right->netns ? -1 : 1;
	return left->cookie < right->cookie ? -1 : left->cookie > right->cookie;
}

/* Enter the namespace `inum` by way of process `pid`: the process may be gone and its number somebody else's. */
static int enter_netns(uint32_t pid, uint32_t inum)
{
	char path[64];
	struct stat stat;
	ng_auto_fd fd = -1;

	(void)snprintf(path, sizeof(path), "/proc/%u/ns/net", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &stat))
		return -errno;
	if ((uint32_t)stat.st_ino != inum)
		return -ESTALE;
	return setns(fd, CLONE_NEWNET) ? -errno : 0;
}

struct subflow_search {
	const struct ng_scan *record;
	struct ng_sockdiag_id found[8];
	uint32_t count;
};

static void match_subflow(void *user_data, const struct ng_sockdiag_entry *entry)
{
	struct subflow_search *search = user_data;

	if (search->count < 8 && entry->local_port == search->record->local_port &&
	    entry->remote_port == search->record->flow.port &&
	    memcmp(entry->remote, search->record->flow.addr, 16) == 0)
		search->found[search->count++] = ng_sockdiag_id_of(entry);
}

static int destroy_mptcp(int fd, const struct ng_scan *record)
{
	struct subflow_search search = { .record = record };
	int r = ng_sockdiag_list(fd, (uint8_t)record->family, IPPROTO_TCP, match_subflow, &search);

	if (r < 0)
		return r;
	r = search.count ? 0 : -ENOENT;
	for (uint32_t i = 0; i < search.count; i++) {
		int one = ng_sockdiag_destroy(fd, &search.found[i]);

		if (one < 0 && one != -ENOENT)
			r = one;
	}
	return r;
}

static int destroy_one(int fd, const struct ng_scan *record)
{
	struct ng_sockdiag_id id = {
		.family = (uint8_t)record->family,
		.protocol = record->flow.raw ? IPPROTO_RAW : record->protocol,
		.local_port = record->local_port,
		.remote_port = record->flow.port,
		.cookie = record->cookie,
		.interface = record->bound_if,
	};

	if (record->protocol == NG_SOCKDIAG_MPTCP)
		return destroy_mptcp(fd, record);
	memcpy(id.local, record->local, 16);
	memcpy(id.remote, record->flow.addr, 16);
	return ng_sockdiag_destroy(fd, &id);
}

/* Destroy the sockets of the sorted list, each once. */
static int destroy_list(const struct scan_list *list, uint32_t *ret_closed, uint32_t *ret_not_closed)
{
	ng_auto_fd home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	uint32_t closed = 0, not_closed = 0, here = 0;
	ng_auto_fd diag = -1;

	if (home < 0)
		return -errno;
	for (uint32_t i = 0; i < list->count; i++) {
		const struct ng_scan *record = &list->records[i];
		int r = 0;

		if (i && record->cookie == record[-1].cookie)
			continue;
		if (record->netns != here || diag < 0) {
			if (diag >= 0)
				close(diag);
			diag = -1;
			r = enter_netns(record->pid, record->netns);
			here = r == 0 ? record->netns : 0;
			if (r == 0)
				diag = ng_sockdiag_open();
			if (r == 0 && diag < 0)
				r = diag;
		}
		if (r == 0)
			r = destroy_one(diag, record);
		closed += r == 0;
		not_closed += r < 0 && r != -ENOENT && r != -ESTALE;
	}
	if (setns(home, CLONE_NEWNET))
		return -errno;
	*ret_closed = closed;
	*ret_not_closed = not_closed;
	return 0;
}

int ng_bpf_destroy_denied(struct ng_bpf *self, uint32_t *ret_closed, uint32_t *ret_not_closed)
{
	struct scan_list list = { 0 };
	/* Holders first: a socket that a program inherited while it was freer answers to it from now on. */
	int r = ng_bpf_scan(self, NG_SCAN_TAG | NG_SCAN_DENIED | NG_SCAN_COUNT, collect, &list);

	if (r == 0)
		r = list.error;
	if (r == 0 && list.count) {
		qsort(list.records, list.count, sizeof(*list.records), compare_records);
		if (self->can_destroy)
			r = destroy_list(&list, ret_closed, ret_not_closed);
		else
			for (uint32_t i = 0; i < list.count; i++)
				*ret_not_closed += i == 0 || list.records[i].cookie != list.records[i - 1].cookie;
	}
	free(list.records);
	return r;
}

static void ignore_entry(void *user_data, const struct ng_sockdiag_entry *entry)
{
}

/* Does this kernel destroy sockets at all? It must know TCP's diagnostics (without, it also says that there is no such
 * socket), and find that a socket that does not exist is not there. */
bool ng_bpf_can_destroy(void)
{
	const struct ng_sockdiag_id nobody = {
		.family = AF_INET,
		.protocol = IPPROTO_TCP,
		.local_port = 1,
		.remote_port = 1,
		.local = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 },
		.remote = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 },
		.cookie = 1,
	};
	ng_auto_fd fd = ng_sockdiag_open();

	return fd >= 0 && ng_sockdiag_list(fd, AF_INET, IPPROTO_TCP, ignore_entry, NULL) >= 0 &&
	       ng_sockdiag_destroy(fd, &nobody) == -ENOENT;
}

struct socket_report {
	const struct ng_bpf *self;
	void (*fn)(void *user_data, const struct ng_socket *socket);
	void *user_data;
};

static void report_socket(void *user_data, const struct ng_scan *record)
{
	const struct socket_report *report = user_data;
	struct ng_socket socket = {
		.app_key = ng_bpf_key_of_slot(report->self, record->app),
		.cookie = record->cookie,
		.flow = record->flow,
		.local_port = record->local_port,
		.family = (uint8_t)record->family,
		.state = record->state,
		.pid = record->pid,
		.uid = record->uid,
	};

	memcpy(socket.local, record->local, sizeof(socket.local));
	report->fn(report->user_data, &socket);
}

int ng_bpf_sockets(struct ng_bpf *self, void (*fn)(void *, const struct ng_socket *), void *user_data)
{
	struct socket_report report = { self, fn, user_data };

	return self->state ? ng_bpf_scan(self, NG_SCAN_ALL, report_socket, &report) : -ENODATA;
}

int ng_bpf_counts(struct ng_bpf *self, void (*fn)(void *, const struct ng_app_counts *), void *user_data)
{
	int map, r = self->state ? ng_bpf_scan(self, NG_SCAN_COUNT, NULL, NULL) : -ENODATA;
	uint32_t slot, *before = NULL;

	if (r < 0)
		return r;
	map = ng_bpf_map(self, "counts");
	for (uint32_t i = 0; i < NG_SLOTS && bpf_map_get_next_key(map, before, &slot) == 0; i++) {
		struct ng_app_counts counts = { 0 };

		if (bpf_map_lookup_elem(map, &slot, &counts.counts) == 0) {
			counts.app_key = ng_bpf_key_of_slot(self, slot);
			fn(user_data, &counts);
		}
		before = &slot;
	}
	return 0;
}
