// SPDX-License-Identifier: MIT
/*
 * The bpf backend: verdicts in the kernel. This file opens it, makes an image true, and says what is in force.
 *
 * States: opened (the cgroup and the pin folder are known; what an earlier run pinned may be in force), and loaded (our
 * programs are attached, the maps are ours to write). The first image leads from one to the other; a failure leads
 * back, and what was pinned before stays as it was.
 */
#include "enforce/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <mntent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <time.h>

#include "base/cleanup.h"
#include "bpf/guard.skel.h"
#include "enforce/bpf-private.h"

#define BPFFS_PATH "/sys/fs/bpf"
#define BPFFS_MAGIC 0xcafe4a11
#define CGROUP2_MAGIC 0x63677270
#define DEFAULT_PINS BPFFS_PATH "/netguard/main"

int ng_bpf_fail(char why[256], int error, const char *format, ...)
{
	char text[200];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	(void)snprintf(why, 256, "%s: %s", text, strerror(-error));
	return error;
}

int ng_bpf_map(const struct ng_bpf *self, const char *name)
{
	struct bpf_map *map = bpf_object__find_map_by_name(self->skeleton->obj, name);

	return map ? bpf_map__fd(map) : -ENOENT;
}

/* The mount point of the cgroup2 tree: the first in mountinfo that shows its root. */
static int find_cgroup_root(char path[PATH_MAX])
{
	ng_auto_file file = fopen("/proc/self/mountinfo", "re");
	ng_auto_free char *line = NULL;
	size_t capacity = 0;

	if (!file)
		return -errno;
	while (getline(&line, &capacity, file) > 0) {
		char root[PATH_MAX], point[PATH_MAX];
		const char *type = strstr(line, " - ");

		if (!type || strncmp(type, " - cgroup2 ", 11) != 0)
			continue;
		if (sscanf(line, "%*s %*s %*s %4095s %4095s", root, point) != 2 || strcmp(root, "/") != 0)
			continue;
		memcpy(path, point, strlen(point) + 1);
		return 0;
	}
	return -ENOENT;
}

/* A cgroup2 folder's inode number is the cgroup's id (since Linux 5.5). The root's is 1. */
static int open_cgroup(struct ng_bpf *self, const char *wanted, char why[256])
{
	struct statfs fs;
	struct stat stat_now;
	int r = 0;

	if (!wanted)
		r = find_cgroup_root(self->cgroup_path);
	else if (strlen(wanted) < sizeof(self->cgroup_path))
		memcpy(self->cgroup_path, wanted, strlen(wanted) + 1);
	else
		r = -ENAMETOOLONG;
	if (r < 0)
		return ng_bpf_fail(why, r, "no cgroup2 tree is mounted: mount one or name a cgroup with --cgroup");
	self->cgroup_fd = open(self->cgroup_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (self->cgroup_fd < 0)
		return ng_bpf_fail(why, -errno, "cannot open the cgroup %s", self->cgroup_path);
	if (fstatfs(self->cgroup_fd, &fs) || fs.f_type != CGROUP2_MAGIC)
		return ng_bpf_fail(why, -ENOTDIR, "%s is not a folder of a cgroup2 tree", self->cgroup_path);
	if (fstat(self->cgroup_fd, &stat_now))
		return ng_bpf_fail(why, -errno, "cannot look at %s", self->cgroup_path);
	self->cgroup_id = stat_now.st_ino;
	self->is_root = self->cgroup_id == 1;
	return 0;
}

static int need_bpffs(char why[256])
{
	struct statfs fs;

	if (statfs(BPFFS_PATH, &fs) == 0 && (unsigned)fs.f_type == BPFFS_MAGIC)
		return 0;
	if (mount("bpf", BPFFS_PATH, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
		return ng_bpf_fail(why, -errno, "cannot mount bpffs at " BPFFS_PATH);
	return 0;
}

static int set_pins(struct ng_bpf *self, const char *wanted, char why[256])
{
	const char *path = wanted ? wanted : DEFAULT_PINS;

	if (snprintf(self->base_path, sizeof(self->base_path), "%s", path) >= (int)sizeof(self->base_path) ||
	    snprintf(self->pin_path, sizeof(self->pin_path), "%s/abi%u", path, NG_ABI) >= (int)sizeof(self->pin_path))
		return ng_bpf_fail(why, -ENAMETOOLONG, "the pin folder's name is too long");
	return 0;
}

static void bpf_close(void *user_data)
{
	struct ng_bpf *self = user_data;

	if (!self)
		return;
	ng_bpf_unload(self);
	if (self->cgroup_fd >= 0)
		close(self->cgroup_fd);
	free(self->image_bytes);
	free(self->exes);
	free(self->keys);
	free(self);
}

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	return 0;
}

static int to_stderr(enum libbpf_print_level level, const char *format, va_list args)
{
	return level <= LIBBPF_WARN ? vfprintf(stderr, format, args) : 0;
}

static int bpf_open(const struct ng_backend_config *config, void **ret_self, char why[256])
{
	struct ng_bpf *self = calloc(1, sizeof(*self));
	int r;

	if (!self)
		return ng_bpf_fail(why, -ENOMEM, "cannot start");
	self->cgroup_fd = -1;
	self->map_entries = config->map_entries;
	libbpf_set_print(getenv("NG_DEBUG_BPF") ? to_stderr : silent);
	r = set_pins(self, config->pin_path, why);
	if (r == 0)
		r = need_bpffs(why);
	if (r == 0)
		r = open_cgroup(self, config->cgroup_path, why);
	if (r < 0) {
		bpf_close(self);
		return r;
	}
	self->can_destroy = ng_bpf_can_destroy();
	self->is_adopted = ng_bpf_is_pinned(self);
	*ret_self = self;
	return 0;
}

/* Load, write the image, then attach: what runs is recognised before calls are judged, what is open before packets are.
 * When something is pinned already all is attached throughout, and only changes hands. */
static int first_load(struct ng_bpf *self, const struct ng_image *image, struct ng_change *change, char why[256])
{
	int r = ng_bpf_load_programs(self, why);

	if (r < 0)
		return r;
	if (self->is_adopted) {
		r = ng_bpf_read_maps(self);
		if (r < 0)
			return ng_bpf_fail(why, r, "cannot read what was pinned");
	} else {
		self->state->generation = 1;
	}
	r = ng_bpf_write_image(self, image, change, why);
	if (r == 0)
		r = ng_bpf_attach(self, NG_PHASE_TASKS, why);
	if (r < 0)
		return r;
	r = ng_bpf_tag_tasks(self);
	if (r < 0)
		return ng_bpf_fail(why, r, "cannot recognise what already runs");
	self->state->walked = 1;
	r = ng_bpf_attach(self, NG_PHASE_CALLS, why);
	if (r < 0)
		return r;
	r = ng_bpf_scan(self, NG_SCAN_TAG | NG_SCAN_COUNT, NULL, NULL);
	if (r < 0)
		return ng_bpf_fail(why, r, "cannot recognise the sockets that are open");
	ng_bpf_next_generation(self);
	r = ng_bpf_attach(self, NG_PHASE_PACKETS, why);
	if (r < 0)
		return r;
	r = ng_bpf_events_open(self);
	if (r < 0)
		return ng_bpf_fail(why, r, "cannot read events");
	change->exes = false; /* done above */
	change->tighter = true;
	ng_bpf_remove_others(self);
	malloc_trim(0);
	return 0;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t hash_image(const struct ng_image *image)
{
	return ng_image_hash(image->header, image->header->length);
}

static int apply(struct ng_bpf *self, const struct ng_image *image, struct ng_change *change, char why[256])
{
	int r;

	if (!self->ring)
		return first_load(self, image, change, why);
	r = ng_bpf_write_image(self, image, change, why);
	if (r == 0 && change->exes) {
		/* Twice: an exec during the first walk may have missed what the walk added to its process. */
		r = ng_bpf_tag_tasks(self);
		if (r == 0)
			r = ng_bpf_tag_tasks(self);
		if (r == 0)
			r = ng_bpf_scan(self, NG_SCAN_TAG | NG_SCAN_COUNT, NULL, NULL);
		if (r < 0)
			(void)ng_bpf_fail(why, r, "cannot recognise what already runs");
		/* What was found Online between the change and the walk is looked at again. */
		ng_bpf_next_generation(self);
	}
	return r;
}

/* Something of the new image could not be written: write the one before again, which fits where it was. */
static void go_back(struct ng_bpf *self)
{
	const struct ng_image_header *header = self->image_bytes;
	struct ng_change change = { 0 };
	struct ng_image image;
	const char *broken;
	char why[256];

	/* What the maps say now is not what we remember: it went wrong halfway. */
	if (!header || !self->ring || ng_image_check(header, header->length, &image, &broken) ||
	    ng_bpf_read_maps(self) < 0)
		return;
	if (ng_bpf_write_image(self, &image, &change, why) == 0)
		self->state->image_hash = hash_image(&image);
}

static void remember(struct ng_bpf *self, const struct ng_image *image)
{
	void *copy = malloc(image->header->length);

	if (copy)
		memcpy(copy, image->header, image->header->length);
	free(self->image_bytes);
	self->image_bytes = copy;
}

/* The first image could not be put in force: what was pinned before stays as it was, what is only ours goes. */
static void give_up(struct ng_bpf *self)
{
	const bool was_there = self->is_adopted;

	ng_bpf_unload(self);
	if (!was_there)
		(void)ng_bpf_remove_folder(self->pin_path);
}

static void bpf_load(void *user_data, const struct ng_image *image, struct ng_loaded *ret_loaded)
{
	const uint64_t started = now_ns();
	struct ng_bpf *self = user_data;
	struct ng_change change = { 0 };
	struct ng_loaded loaded = { 0 };

	loaded.error = apply(self, image, &change, loaded.why);
	if (loaded.error) {
		self->error = loaded.error;
		memcpy(self->error_text, loaded.why, sizeof(self->error_text));
		if (!self->ring)
			give_up(self);
		go_back(self);
		*ret_loaded = loaded;
		return;
	}
	self->error = 0;
	self->error_text[0] = '\0';
	self->state->image_hash = loaded.image_hash = hash_image(image);
	remember(self, image);
	loaded.enforced_ns = now_ns() - started;
	if (change.tighter && self->can_destroy && ng_bpf_destroy_denied(self, &loaded.closed, &loaded.not_closed) == 0)
		self->in_force |= NG_CAN_DESTROY;
	malloc_trim(0);
	*ret_loaded = loaded;
}

static bool has_lsm(void)
{
	ng_auto_file file = fopen("/sys/kernel/security/lsm", "re");
	char text[256] = "";

	return file && fgets(text, sizeof(text), file) && strstr(text, "bpf");
}

static uint32_t all_supported(const struct ng_bpf *self)
{
	const uint32_t always = NG_CAN_EXEC_TAG | NG_CAN_RUNNING | NG_CAN_OPEN_SOCKETS | NG_CAN_CREATE |
				NG_CAN_CONNECT4 | NG_CAN_CONNECT6 | NG_CAN_SENDMSG4 | NG_CAN_SENDMSG6 | NG_CAN_BIND4 |
				NG_CAN_BIND6 | NG_CAN_EGRESS | NG_CAN_INGRESS | NG_CAN_PINNED | NG_CAN_INHERITED |
				NG_CAN_WHOLE_MACHINE;

	return (self->ring ? always : 0) | (self->can_destroy ? NG_CAN_DESTROY : 0) | (has_lsm() ? NG_CAN_LSM : 0);
}

static void bpf_status(void *user_data, int verify, struct ng_status *ret_status)
{
	struct ng_bpf *self = user_data;
	struct ng_status status = { .backend = NG_BACKEND_BPF, .error = self->error, .adopted = self->is_adopted };
	struct utsname name;

	status.supported = all_supported(self);
	if (self->ring) {
		status.in_force = verify ? ng_bpf_verify(self) : self->in_force;
		status.mode = self->state->mode;
		status.n_apps = self->n_apps;
		status.n_exes = self->n_exes;
		status.image_hash = self->state->image_hash;
		for (uint32_t i = 0; i < NG_FAULTS; i++)
			(void)bpf_map_lookup_elem(ng_bpf_map(self, "faults"), &i, &status.faults[i]);
	}
	memcpy(status.error_text, self->error_text, sizeof(status.error_text));
	(void)snprintf(status.attach_path, sizeof(status.attach_path), "%.255s", self->cgroup_path);
	if (uname(&name) == 0)
		(void)snprintf(status.kernel, sizeof(status.kernel), "%.63s", name.release);
	*ret_status = status;
}

static int bpf_counts(void *self, void (*fn)(void *, const struct ng_app_counts *), void *user_data)
{
	return ng_bpf_counts(self, fn, user_data);
}

static int bpf_sockets(void *self, void (*fn)(void *, const struct ng_socket *), void *user_data)
{
	return ng_bpf_sockets(self, fn, user_data);
}

const struct ng_backend ng_backend_bpf = {
	.name = "bpf",
	.id = NG_BACKEND_BPF,
	.open = bpf_open,
	.close = bpf_close,
	.load = bpf_load,
	.status = bpf_status,
	.counts = bpf_counts,
	.sockets = bpf_sockets,
	.programs = ng_bpf_programs,
	.event_fd = ng_bpf_event_fd,
	.poll = ng_bpf_poll,
};

/* Detach and remove everything pinned under pin_path, every ABI's. */
int ng_bpf_remove(const char *pin_path)
{
	struct ng_bpf self = { 0 };
	char why[256];
	int r = set_pins(&self, pin_path, why);

	if (r < 0)
		return r;
	self.pin_path[0] = '\0'; /* nothing is kept */
	ng_bpf_remove_others(&self);
	return rmdir(self.base_path) && errno != ENOENT ? -errno : 0;
}
