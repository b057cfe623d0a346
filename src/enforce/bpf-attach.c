// SPDX-License-Identifier: MIT
/*
 * Load the kernel programs, attach and pin them; or take over what an earlier enforcer pinned.
 *
 * Layout on bpffs: PINS/abi1/map_NAME and PINS/abi1/link_NAME. Maps of the same ABI are reused, so tags, slots and
 * counts live on; programs are always this build's: a cgroup link is given the new program in one step
 * (BPF_LINK_UPDATE), a tracepoint link is attached beside the old one and renamed over it. At no moment is a hook
 * without a program. Maps of another ABI are left in force until ours are, then removed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "enforce/bpf-private.h"
#include "bpf/guard.skel.h"

static const struct {
	const char *name;
	bool is_cgroup;
	enum ng_phase phase;
	uint32_t can;
} hook_table[NG_HOOKS] = {
	[NG_HOOK_FORK] = { "ng_fork", false, NG_PHASE_TASKS, 0 },
	[NG_HOOK_EXEC] = { "ng_exec", false, NG_PHASE_TASKS, NG_CAN_EXEC_TAG | NG_CAN_INHERITED },
	[NG_HOOK_EXIT] = { "ng_exit", false, NG_PHASE_TASKS, 0 },
	[NG_HOOK_RELEASE] = { "ng_release", true, NG_PHASE_CALLS, 0 },
	[NG_HOOK_CREATE] = { "ng_create", true, NG_PHASE_CALLS, NG_CAN_CREATE },
	[NG_HOOK_CONNECT4] = { "ng_connect4", true, NG_PHASE_CALLS, NG_CAN_CONNECT4 },
	[NG_HOOK_CONNECT6] = { "ng_connect6", true, NG_PHASE_CALLS, NG_CAN_CONNECT6 },
	[NG_HOOK_SENDMSG4] = { "ng_sendmsg4", true, NG_PHASE_CALLS, NG_CAN_SENDMSG4 },
	[NG_HOOK_SENDMSG6] = { "ng_sendmsg6", true, NG_PHASE_CALLS, NG_CAN_SENDMSG6 },
	[NG_HOOK_BIND4] = { "ng_bind4", true, NG_PHASE_CALLS, NG_CAN_BIND4 },
	[NG_HOOK_BIND6] = { "ng_bind6", true, NG_PHASE_CALLS, NG_CAN_BIND6 },
	[NG_HOOK_EGRESS] = { "ng_egress", true, NG_PHASE_PACKETS, NG_CAN_EGRESS },
	[NG_HOOK_INGRESS] = { "ng_ingress", true, NG_PHASE_PACKETS, NG_CAN_INGRESS },
};

static const char *const pinned_maps[] = { "tasks", "socks", "held",   "exes", "apps",  "allows", "onlinks",
					   "state", "keys",  "events", "seen", "names", "counts", "faults" };

static int pin_name(const struct ng_bpf *self, const char *kind, const char *name, char path[PATH_MAX])
{
	int n = snprintf(path, PATH_MAX, "%s/%s_%s", self->pin_path, kind, name);

	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

bool ng_bpf_is_pinned(const struct ng_bpf *self)
{
	char path[PATH_MAX];

	return pin_name(self, "map", "state", path) == 0 && access(path, F_OK) == 0;
}

static int make_folders(const char *path)
{
	char partial[PATH_MAX];
	size_t length = strlen(path);

	if (length >= sizeof(partial))
		return -ENAMETOOLONG;
	memcpy(partial, path, length + 1);
	for (char *end = partial + 1;; end++) {
		bool is_last = *end == '\0';

		if (*end != '/' && !is_last)
			continue;
		*end = '\0';
		if (mkdir(partial, 0700) && errno != EEXIST)
			return -errno;
		if (is_last)
			return 0;
		*end = '/';
	}
}

static int map_memory(struct ng_bpf *self)
{
	void *state =
		mmap(NULL, (size_t)getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED, ng_bpf_map(self, "state"), 0);
	void *apps;

	if (state == MAP_FAILED)
		return -errno;
	self->state = state;
	apps = mmap(NULL, NG_SLOTS * sizeof(struct ng_app), PROT_READ | PROT_WRITE, MAP_SHARED,
		    ng_bpf_map(self, "apps"), 0);
	if (apps == MAP_FAILED)
		return -errno;
	self->apps = apps;
	return 0;
}

/* Make the maps, or take the pinned ones, and load the programs. Nothing is attached. */
int ng_bpf_load_programs(struct ng_bpf *self, char why[256])
{
	const size_t n_maps = sizeof(pinned_maps) / sizeof(*pinned_maps);
	int r = make_folders(self->pin_path);

	if (r < 0)
		return ng_bpf_fail(why, r, "cannot make the folder %s", self->pin_path);
	self->is_adopted = ng_bpf_is_pinned(self);
	self->skeleton = ng_guard__open();
	if (!self->skeleton)
		return ng_bpf_fail(why, -errno, "cannot open the kernel programs");
	for (size_t i = 0; i < n_maps; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(self->skeleton->obj, pinned_maps[i]);
		char path[PATH_MAX];

		r = map ? pin_name(self, "map", pinned_maps[i], path) : -ENOENT;
		if (r == 0)
			r = bpf_map__set_pin_path(map, path);
		if (r == 0 && self->map_entries && bpf_map__type(map) == BPF_MAP_TYPE_HASH)
			r = bpf_map__set_max_entries(map, self->map_entries);
		if (r < 0)
			return ng_bpf_fail(why, r, "cannot prepare the map %s", pinned_maps[i]);
	}
	r = ng_guard__load(self->skeleton);
	if (r < 0)
		return ng_bpf_fail(why, r, "the kernel refused the programs (see `netguard check`)");
	r = map_memory(self);
	if (r < 0)
		return ng_bpf_fail(why, r, "cannot map the kernel's state");
	if (self->is_adopted && self->state->abi != NG_ABI && self->state->abi != 0)
		return ng_bpf_fail(why, -EPROTO, "%s holds maps of ABI %u, this is %u", self->pin_path,
				   self->state->abi, NG_ABI);
	return 0;
}

/* A pinned cgroup link that still holds our cgroup, or NULL. */
static struct bpf_link *open_link(const struct ng_bpf *self, const char *path, bool is_cgroup)
{
	struct bpf_link_info info = { 0 };
	uint32_t length = sizeof(info);
	struct bpf_link *link = access(path, F_OK) == 0 ? bpf_link__open(path) : NULL;

	if (!link)
		return NULL;
	if (bpf_obj_get_info_by_fd(bpf_link__fd(link), &info, &length) ||
	    (is_cgroup && info.cgroup.cgroup_id != self->cgroup_id)) {
		bpf_link__destroy(link);
		return NULL;
	}
	return link;
}

/* Attach anew and pin, taking the name over from whatever has it. */
static int attach_new(struct ng_bpf *self, enum ng_hook hook, struct bpf_program *program, const char *path)
{
	char fresh[PATH_MAX];
	struct bpf_link *link;
	int r;

	if (snprintf(fresh, sizeof(fresh), "%s_new", path) >= (int)sizeof(fresh))
		return -ENAMETOOLONG;
	link = hook_table[hook].is_cgroup ? bpf_program__attach_cgroup(program, self->cgroup_fd)
					  : bpf_program__attach(program);
	if (!link)
		return -errno;
	unlink(fresh);
	r = bpf_link__pin(link, fresh);
	if (r == 0 && rename(fresh, path))
		r = -errno;
	if (r < 0) {
		unlink(fresh);
		bpf_link__destroy(link);
		return r;
	}
	self->links[hook] = link;
	return 0;
}

static int attach_one(struct ng_bpf *self, enum ng_hook hook, char why[256])
{
	const char *name = hook_table[hook].name;
	struct bpf_program *program = bpf_object__find_program_by_name(self->skeleton->obj, name);
	char path[PATH_MAX];
	int r = program ? pin_name(self, "link", name, path) : -ENOENT;

	if (r == 0 && hook_table[hook].is_cgroup) {
		struct bpf_link *link = open_link(self, path, true);

		if (link) {
			r = bpf_link_update(bpf_link__fd(link), bpf_program__fd(program), NULL);
			if (r == 0)
				self->links[hook] = link;
			else
				bpf_link__destroy(link);
		}
	}
	if (!self->links[hook])
		r = attach_new(self, hook, program, path);
	if (r < 0)
		return ng_bpf_fail(why, r, "cannot attach %s%s%s", name, hook_table[hook].is_cgroup ? " to " : "",
				   hook_table[hook].is_cgroup ? self->cgroup_path : "");
	self->in_force |= hook_table[hook].can;
	return 0;
}

int ng_bpf_attach(struct ng_bpf *self, enum ng_phase phase, char why[256])
{
	for (int i = 0; i < NG_HOOKS; i++) {
		int r = hook_table[i].phase == phase ? attach_one(self, (enum ng_hook)i, why) : 0;

		if (r < 0)
			return r;
	}
	if (phase == NG_PHASE_PACKETS)
		self->in_force |= NG_CAN_PINNED | (self->is_root ? NG_CAN_WHOLE_MACHINE : 0);
	return 0;
}

/* What of the hooks is attached now, by the kernel's own account: the pin is there, and is our program on our cgroup.
 */
uint32_t ng_bpf_verify(struct ng_bpf *self)
{
	uint32_t holds = self->in_force;

	for (int i = 0; i < NG_HOOKS; i++) {
		struct bpf_link_info info = { 0 };
		uint32_t length = sizeof(info);
		char path[PATH_MAX];
		ng_auto_fd fd = -1;

		if (pin_name(self, "link", hook_table[i].name, path) == 0)
			fd = bpf_obj_get(path);
		if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &length) == 0 &&
		    (!hook_table[i].is_cgroup || info.cgroup.cgroup_id == self->cgroup_id))
			continue;
		holds &= ~(hook_table[i].can | NG_CAN_PINNED);
	}
	return holds;
}

/* Let go of what this process holds; what is pinned stays. */
void ng_bpf_unload(struct ng_bpf *self)
{
	if (self->ring)
		ring_buffer__free(self->ring);
	if (self->state)
		munmap(self->state, (size_t)getpagesize());
	if (self->apps)
		munmap(self->apps, NG_SLOTS * sizeof(struct ng_app));
	bpf_link__destroy(self->tag_tasks);
	bpf_link__destroy(self->scan_files);
	for (int i = 0; i < NG_HOOKS; i++) {
		if (self->links[i])
			bpf_link__disconnect(self->links[i]);
		bpf_link__destroy(self->links[i]);
		self->links[i] = NULL;
	}
	ng_guard__destroy(self->skeleton);
	self->ring = NULL;
	self->state = NULL;
	self->apps = NULL;
	self->tag_tasks = self->scan_files = NULL;
	self->skeleton = NULL;
	self->in_force = 0;
}

/* Remove one ABI's folder: links first, so that no program runs without its maps' names. */
int ng_bpf_remove_folder(const char *path)
{
	int result = 0;

	for (int pass = 0; pass < 2; pass++) {
		DIR *folder = opendir(path);

		if (!folder)
			return errno == ENOENT ? 0 : -errno;
		for (struct dirent *entry; (entry = readdir(folder));) {
			bool is_link = strncmp(entry->d_name, "link_", 5) == 0;

			if (entry->d_name[0] == '.' || is_link != (pass == 0))
				continue;
			if (unlinkat(dirfd(folder), entry->d_name, 0))
				result = -errno;
		}
		closedir(folder);
	}
	return rmdir(path) ? -errno : result;
}

/* Ours is in force: what other ABIs left is not needed any more. */
void ng_bpf_remove_others(const struct ng_bpf *self)
{
	DIR *folder = opendir(self->base_path);

	if (!folder)
		return;
	for (struct dirent *entry; (entry = readdir(folder));) {
		char path[PATH_MAX];

		if (strncmp(entry->d_name, "abi", 3) != 0)
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", self->base_path, entry->d_name) < (int)sizeof(path) &&
		    strcmp(path, self->pin_path) != 0)
			(void)ng_bpf_remove_folder(path);
	}
	closedir(folder);
}
