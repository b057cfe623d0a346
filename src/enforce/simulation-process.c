/* SPDX-License-Identifier: MIT */
/* Processes and their sockets from /proc; the contract is in simulation-process.h. */
#include "enforce/simulation-process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "enforce/exe.h"

static void close_folder(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}
#define auto_folder NG_CLEANUP(close_folder) DIR *

/* Reads a short file whole; the length, or -1. */
static ssize_t text_read(int folder, const char *name, char *buffer, size_t size)
{
	ng_auto_fd fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buffer, size - 1);

	if (n >= 0)
		buffer[n] = '\0';
	return n;
}

/* The parent's process id, or 0. The name in the second field of stat may hold anything, also ")". */
static uint32_t parent_read(int process)
{
	char text[1024];
	const char *after;
	unsigned int parent;

	if (text_read(process, "stat", text, sizeof(text)) < 0)
		return 0;
	after = strrchr(text, ')');
	return after && sscanf(after, ") %*c %u", &parent) == 1 ? parent : 0;
}

static void ancestors_read(struct ng_mounts *mounts, int proc, int process, struct ng_process *ret_process)
{
	uint32_t parent = parent_read(process);

	for (int i = 0; i < NG_PROCESS_MAX_ANCESTORS && parent > 1; i++) {
		char name[16];
		ng_auto_fd folder = -1;
		struct ng_exe_key *key = &ret_process->ancestors[ret_process->n_ancestors];

		snprintf(name, sizeof(name), "%u", parent);
		folder = openat(proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (folder < 0)
			return;
		if (ng_exe_read(mounts, folder, key, NULL))
			ret_process->n_ancestors++;
		parent = parent_read(folder);
	}
}

static void path_read(int process, char path[512])
{
	static const char deleted[] = " (deleted)";
	ssize_t n = readlinkat(process, "exe", path, 512);
	size_t length = n > 0 && n < 512 ? (size_t)n : 0;

	path[length] = '\0';
	if (length >= sizeof(deleted) && strcmp(path + length - (sizeof(deleted) - 1), deleted) == 0)
		length = 0;
	memset(path + length, 0, 512 - length);
}

static void process_read(struct ng_mounts *mounts, int proc, int process, uint32_t pid, struct ng_process *ret_process)
{
	char comm[32];
	ssize_t n = text_read(process, "comm", comm, sizeof(comm));

	*ret_process = (struct ng_process){ .pid = pid };
	(void)ng_exe_read(mounts, process, &ret_process->exe, NULL);
	path_read(process, ret_process->path);
	if (n > 0)
		memcpy(ret_process->comm, comm, strnlen(comm, 15));
	ret_process->comm[strcspn(ret_process->comm, "\n")] = '\0';
	ancestors_read(mounts, proc, process, ret_process);
}

/* Room for one element more; 0, -ENOMEM, or -E2BIG past the limit. */
static int array_grow(void **array, size_t *size, size_t n, size_t element, size_t limit)
{
	size_t wanted = *size ? *size * 2 : 64;
	void *grown;

	if (n < *size)
		return 0;
	if (n >= limit)
		return -E2BIG;
	if (wanted > limit)
		wanted = limit;
	grown = reallocarray(*array, wanted, element);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*size = wanted;
	return 0;
}

static int inode_compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

struct walk {
	const uint64_t *inodes;
	size_t n_inodes;
	int proc;
	struct ng_mounts mounts;
	struct ng_process_table *table;
};

static int holding_add(struct walk *walk, uint64_t inode)
{
	struct ng_process_table *table = walk->table;
	int r = array_grow((void **)&table->holdings, &table->holdings_size, table->n_holdings,
			   sizeof(*table->holdings), NG_PROCESS_MAX_HOLDINGS);

	if (r < 0)
		return r;
	table->holdings[table->n_holdings++] =
		(struct ng_holding){ .inode = inode, .process = (uint32_t)table->n_processes };
	return 0;
}

/* The sockets of one process; a process without any of them leaves nothing in the table. */
static int walk_process(struct walk *walk, const char *name, uint32_t pid)
{
	struct ng_process_table *table = walk->table;
	ng_auto_fd process = openat(walk->proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ng_auto_fd fds = process < 0 ? -1 : openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_folder folder = fds < 0 ? NULL : fdopendir(fds);
	size_t before = table->n_holdings;
	struct dirent *entry;
	int r = 0;

	if (!folder)
		return 0;
	int folder_fd = ng_steal_fd(&fds);
	while (r == 0 && (entry = readdir(folder))) {
		char link[64];
		ssize_t n = readlinkat(folder_fd, entry->d_name, link, sizeof(link) - 1);
		uint64_t inode;

		link[n > 0 ? n : 0] = '\0';
		if (sscanf(link, "socket:[%" SCNu64 "]", &inode) == 1 &&
		    bsearch(&inode, walk->inodes, walk->n_inodes, sizeof(inode), inode_compare))
			r = holding_add(walk, inode);
	}
	if (r < 0 || table->n_holdings == before)
		return r;
	r = array_grow((void **)&table->processes, &table->processes_size, table->n_processes,
		       sizeof(*table->processes), NG_PROCESS_MAX);
	if (r < 0)
		return r;
	process_read(&walk->mounts, walk->proc, process, pid, &table->processes[table->n_processes++]);
	return 0;
}

int ng_process_find(const uint64_t *inodes, size_t n, struct ng_process_table *ret_table)
{
	NG_CLEANUP(ng_process_table_done) struct ng_process_table table = { 0 };
	auto_folder folder = opendir("/proc");
	struct walk walk = { .inodes = inodes, .n_inodes = n, .table = &table };
	struct dirent *entry;
	int r = 0;

	if (!folder)
		return -errno;
	walk.proc = dirfd(folder);
	while (r == 0 && (entry = readdir(folder))) {
		char *end;
		unsigned long pid = strtoul(entry->d_name, &end, 10);

		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && *end == '\0' && pid <= INT32_MAX)
			r = walk_process(&walk, entry->d_name, (uint32_t)pid);
	}
	/* Past a limit: what was found so far is the answer. A process is in the table before its holdings are used. */
	if (r == -E2BIG) {
		while (table.n_holdings > 0 && table.holdings[table.n_holdings - 1].process >= table.n_processes)
			table.n_holdings--;
		r = 0;
	}
	if (r < 0)
		return r;
	*ret_table = table;
	table = (struct ng_process_table){ 0 };
	return 0;
}

void ng_process_table_done(struct ng_process_table *table)
{
	free(table->processes);
	free(table->holdings);
	*table = (struct ng_process_table){ 0 };
}
