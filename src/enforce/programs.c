// SPDX-License-Identifier: MIT
/*
 * The walk; the contract is in programs.h. Of the texts in /proc only numbers are read: `stat` from its last ")" on
 * (the name before it may hold anything), `status` from the line Uid on (there the kernel escapes line ends in names).
 */
#include "enforce/programs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "enforce/exe.h"

#define KERNEL_THREAD 0x00200000u /* PF_KTHREAD of include/linux/sched.h, in field 9 of stat */
#define PLACES (2 * NG_PROGRAMS_MAX)

_Static_assert((PLACES & (PLACES - 1)) == 0, "PLACES is a power of two");

struct walk {
	ng_program_identify_fn identify;
	void *self;
	struct ng_program *programs;
	uint32_t n, size;
	uint16_t places[PLACES]; /* open addressing: the index in `programs` + 1, or 0 */
	struct ng_mounts mounts;
	uint64_t home; /* the machine's first mount namespace; 0: not known */
	uint64_t ticks_per_s;
	uint32_t looked_at, left_out, unseen;
};

static void walk_free(struct walk **walk)
{
	if (*walk)
		free((*walk)->programs);
	free(*walk);
}

static void folder_close(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}

static uint64_t namespace_of(int folder, const char *name)
{
	struct stat file;

	return fstatat(folder, name, &file, 0) == 0 ? file.st_ino : 0;
}

/* Reads a short file whole, or its beginning. */
static bool text_read(int folder, const char *name, char *buffer, size_t size)
{
	ng_auto_fd fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buffer, size - 1);

	buffer[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* FALSE: gone, dead, or a thread of the kernel. */
static bool stat_read(const struct walk *walk, int process, uint64_t *ret_started_ms)
{
	char text[1024], state;
	const char *after;
	unsigned int flags;
	uint64_t ticks;

	if (!text_read(process, "stat", text, sizeof(text)))
		return false;
	after = strrchr(text, ')');
	/* Fields 3, 9 and 22 of proc(5). */
	if (!after ||
	    sscanf(after, ") %c %*d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %" SCNu64,
		   &state, &flags, &ticks) != 3)
		return false;
	*ret_started_ms = ticks * 1000 / walk->ticks_per_s;
	return !(flags & KERNEL_THREAD) && state != 'Z' && state != 'X';
}

static bool uid_read(int process, uint32_t *ret_uid)
{
	char text[4096];
	const char *line = text_read(process, "status", text, sizeof(text)) ? strstr(text, "\nUid:\t") : NULL;

	return line && sscanf(line, "\nUid:\t%" SCNu32, ret_uid) == 1;
}

/* The path as the process shows it, without the mark of a deleted file; empty if it is too long. FALSE: there is none
 * to be had, with errno. */
static bool path_read(int process, bool is_deleted, char path[512])
{
	static const char mark[] = " (deleted)";
	char link[512 + sizeof(mark)];
	ssize_t n = readlinkat(process, "exe", link, sizeof(link));
	size_t length = n > 0 && n < (ssize_t)sizeof(link) ? (size_t)n : 0;

	if (n < 0)
		return false;
	if (is_deleted && length > sizeof(mark) - 1 &&
	    memcmp(link + length - (sizeof(mark) - 1), mark, sizeof(mark) - 1) == 0)
		length -= sizeof(mark) - 1;
	if (length >= 512)
		length = 0;
	memcpy(path, link, length);
	memset(path + length, 0, 512 - length);
	return true;
}

/* One process as a program of its own. FALSE: there is nothing to tell. */
static bool process_read(struct walk *walk, int process, uint32_t pid, struct ng_program *ret_one)
{
	struct ng_program one = { .pid = pid, .processes = 1, .n_uids = 1 };
	uint32_t links = 1;

	if (!stat_read(walk, process, &one.started_ms))
		return false;
	one.youngest_ms = one.started_ms;
	if (ng_exe_read(&walk->mounts, process, &one.key, &links) && links == 0)
		one.flags |= NG_PROGRAM_DELETED;
	if (!path_read(process, links == 0, one.path)) {
		walk->unseen += errno == EACCES || errno == EPERM;
		return false;
	}
	if (!uid_read(process, &one.uids[0]))
		return false;
	if (walk->identify)
		walk->identify(walk->self, &one);
	*ret_one = one;
	return true;
}

static bool is_same(const struct ng_program *a, const struct ng_program *b)
{
	return a->key.ino == b->key.ino && a->key.dev == b->key.dev && a->app_key == b->app_key &&
	       strcmp(a->path, b->path) == 0;
}

/* The place of a program like `one` in the table, or a free one. */
static uint16_t *place_of(struct walk *walk, const struct ng_program *one)
{
	uint64_t hash = ng_hash_add(NG_HASH_START, &one->key, sizeof(one->key));

	hash = ng_hash_add(hash, &one->app_key, sizeof(one->app_key));
	hash = ng_hash_add(hash, one->path, strlen(one->path));
	for (;; hash++) {
		uint16_t *place = &walk->places[hash & (PLACES - 1)];

		if (*place == 0 || is_same(&walk->programs[*place - 1], one))
			return place;
	}
}

static int program_add(struct walk *walk, const struct ng_program *one, uint16_t *place)
{
	if (walk->n == NG_PROGRAMS_MAX) {
		walk->left_out++;
		return 0;
	}
	if (walk->n == walk->size) {
		const uint32_t size = walk->size ? walk->size * 2 : 128;
		struct ng_program *grown = reallocarray(walk->programs, size, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		walk->programs = grown;
		walk->size = size;
	}
	walk->programs[walk->n++] = *one;
	*place = (uint16_t)walk->n;
	return 0;
}

static void uid_merge(struct ng_program *program, uint32_t uid)
{
	uint32_t at = 0;

	while (at < program->n_uids && program->uids[at] < uid)
		at++;
	if (at < program->n_uids && program->uids[at] == uid)
		return;
	if (program->n_uids == NG_PROGRAM_UIDS) {
		program->flags |= NG_PROGRAM_MORE_UIDS;
		return;
	}
	memmove(&program->uids[at + 1], &program->uids[at], (program->n_uids - at) * sizeof(uid));
	program->uids[at] = uid;
	program->n_uids++;
}

static void ancestor_merge(struct ng_program *program, uint64_t key)
{
	for (int i = 0; i < NG_PROGRAM_ANCESTORS; i++) {
		if (program->ancestors[i] == key)
			return;
		if (program->ancestors[i] == 0) {
			program->ancestors[i] = key;
			return;
		}
	}
	program->flags |= NG_PROGRAM_MORE_ANCESTORS;
}

static void program_merge(struct ng_program *program, const struct ng_program *one)
{
	program->processes++;
	program->flags |= one->flags & NG_PROGRAM_MORE_ANCESTORS;
	if (!(one->flags & NG_PROGRAM_ELSEWHERE))
		program->flags &= ~NG_PROGRAM_ELSEWHERE;
	if (one->started_ms < program->started_ms) {
		program->started_ms = one->started_ms;
		program->pid = one->pid;
	}
	if (one->started_ms > program->youngest_ms)
		program->youngest_ms = one->started_ms;
	uid_merge(program, one->uids[0]);
	for (int i = 0; i < NG_PROGRAM_ANCESTORS && one->ancestors[i] != 0; i++)
		ancestor_merge(program, one->ancestors[i]);
}

static int walk_process(struct walk *walk, int proc, const char *name, uint32_t pid)
{
	ng_auto_fd process = -1;
	struct ng_program one;
	uint16_t *place;

	if (walk->looked_at == NG_PROGRAMS_MAX_PROCESSES) {
		walk->left_out++;
		return 0;
	}
	walk->looked_at++;
	process = openat(proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (process < 0 || !process_read(walk, process, pid, &one))
		return 0;
	place = place_of(walk, &one);
	/* One process of a program that is at home is enough; the others need not be asked. */
	if (walk->home != 0 && (*place == 0 || (walk->programs[*place - 1].flags & NG_PROGRAM_ELSEWHERE)) &&
	    namespace_of(process, "ns/mnt") != walk->home)
		one.flags |= NG_PROGRAM_ELSEWHERE;
	if (*place == 0)
		return program_add(walk, &one, place);
	program_merge(&walk->programs[*place - 1], &one);
	return 0;
}

int ng_programs_walk(ng_program_identify_fn identify, void *self,
		     void (*fn)(void *user_data, const struct ng_program *program), void *user_data,
		     uint32_t *ret_left_out, uint32_t *ret_unseen)
{
	NG_CLEANUP(folder_close) DIR *folder = opendir("/proc");
	NG_CLEANUP(walk_free) struct walk *walk = folder ? calloc(1, sizeof(*walk)) : NULL;
	struct dirent *entry;
	int r = 0;

	if (!folder || !walk)
		return folder ? -ENOMEM : -errno;
	walk->identify = identify;
	walk->self = self;
	walk->ticks_per_s = (uint64_t)sysconf(_SC_CLK_TCK);
	walk->home = namespace_of(dirfd(folder), "1/ns/mnt");
	if (walk->home == 0)
		walk->home = namespace_of(dirfd(folder), "self/ns/mnt");
	while (r == 0 && (entry = readdir(folder))) {
		char *end;
		const unsigned long pid = strtoul(entry->d_name, &end, 10);

		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && *end == '\0' && pid <= INT32_MAX)
			r = walk_process(walk, dirfd(folder), entry->d_name, (uint32_t)pid);
	}
	for (uint32_t i = 0; r == 0 && i < walk->n; i++)
		fn(user_data, &walk->programs[i]);
	*ret_left_out = walk->left_out;
	*ret_unseen = walk->unseen;
	return r;
}
