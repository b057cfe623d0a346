# SPDX-License-Identifier: MIT
"""What a package may have left: files in the root, objects in the kernel. Each function returns what it finds, one line each; nothing
means clean."""

import contextlib
import hashlib
import json
import os
import stat
import subprocess

OURS = ("netguard", "network-guard", "networkguard", "python_blackbox")
# Where installing and removing any package leaves something, by what: records of apt and dpkg, logs, caches that a later package
# fills, what systemd keeps. In there only what has our name is looked for.
OF_OTHERS = ("var/log/", "var/cache/", "var/lib/apt/", "var/lib/dpkg/", "var/lib/systemd/", "var/tmp/systemd-private-", "etc/ld.so.cache")
# Copies that programs make of the file before the last change.
BACKUPS = ("etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-", "etc/subuid-", "etc/subgid-", "etc/.pwd.lock")
# Where a package may have written into a file of others.
READ = ("etc/", "var/lib/")
READ_LIMIT = 4 << 20
PROGRAMS = "ng_"  # how the names of our kernel programs begin


def files(root):
    """What there is, by path: kind, mode, owner, and below /etc the contents."""
    found = {}
    for folder, folders, names in os.walk(root):
        for name in folders + names:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            digest = None
            if stat.S_ISREG(status.st_mode) and os.path.relpath(path, root).startswith("etc/"):
                with open(path, "rb") as file:
                    digest = hashlib.sha256(file.read()).hexdigest()
            found[os.path.relpath(path, root)] = (status.st_mode, status.st_uid, status.st_gid, digest)
    return found


def of_files(root, before):
    """Files that came, went or changed since `before`, and files that speak of us."""
    now = files(root)
    left = []
    for path in sorted(now.keys() | before.keys()):
        named = any(word in path for word in OURS) and path not in before
        others = path.startswith(OF_OTHERS) or path in BACKUPS
        if path not in before and (named or not others):
            left.append(f"/{path} is new")
        elif path not in now and not others:
            left.append(f"/{path} is gone")
        elif path in now and path in before and now[path] != before[path] and not others:
            left.append(f"/{path} was changed: {before[path]} became {now[path]}")
    return left + speaking(root, now)


def speaking(root, now):
    """Files in /etc and /var/lib with our name in them."""
    left = []
    for path, (mode, _uid, _gid, _digest) in sorted(now.items()):
        if not path.startswith(READ) or not stat.S_ISREG(mode) or path in BACKUPS or path.endswith("-old"):
            continue
        with open(os.path.join(root, path), "rb") as file:
            text = file.read(READ_LIMIT)
        if any(word.encode() in text for word in OURS):
            left.append(f"/{path} speaks of us")
    return left


# --- the kernel ---

def bpftool(*argv):
    done = subprocess.run(["bpftool", "-j", *argv], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=30)
    with contextlib.suppress(ValueError):
        return json.loads(done.stdout)
    return {"error": done.stderr.strip() or done.stdout.strip()}


def pinned(machine):
    """Paths on the machine's bpffs, as this process can open them, and what each is: ("link", 12)."""
    top = f"/proc/{machine.pid}/root/sys/fs/bpf"
    found = {}
    for folder, _folders, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            for kind in ("link", "map", "prog"):
                said = bpftool(kind, "show", "pinned", path)
                if "id" in said:
                    found[path[len(top):]] = (kind, said["id"])
    return found


def objects(machine):
    """What the pinned objects keep in the kernel: they, and the links' programs."""
    found = set(pinned(machine).values())
    for kind, number in list(found):
        if kind == "link":
            found.add(("prog", bpftool("link", "show", "id", str(number))["prog_id"]))
    return found


def of_kernel(machine, known):
    """Pinned objects, programs attached in the machine's cgroups, and those of `known` that still exist."""
    left = [f"/sys/fs/bpf{path} is pinned" for path in sorted(names_on_bpffs(machine))]
    tree = bpftool("cgroup", "tree", machine.cgroup)
    for group in tree if isinstance(tree, list) else []:
        left += [f"{program['name']} is attached to {group['cgroup']}" for program in group.get("programs", [])
                 if program.get("name", "").startswith(PROGRAMS)]
    left += [f"{kind} {number} exists" for kind, number in sorted(known) if "id" in bpftool(kind, "show", "id", str(number))]
    return left


def names_on_bpffs(machine):
    """Folders as well; but bpffs' own two files of the kernel's."""
    top = f"/proc/{machine.pid}/root/sys/fs/bpf"
    found = [os.path.join(folder, name)[len(top):] for folder, folders, names in os.walk(top) for name in folders + names]
    return [name for name in found if name not in ("/maps.debug", "/progs.debug")]


def of_processes(machine):
    """Programs of ours that run there, and the files of one that runs."""
    named = machine.must("find", "/run", "/tmp", "/dev/shm", "-xdev", "-iname", "*netguard*", "-o", "-iname", "*networkguard*")
    left = [f"{line} exists" for line in named.splitlines()]
    for folder, _folders, _files in os.walk(machine.cgroup):
        with contextlib.suppress(OSError), open(os.path.join(folder, "cgroup.procs"), encoding="ascii") as pids:
            for pid in pids.read().split():
                with contextlib.suppress(OSError):
                    program = os.readlink(f"/proc/{pid}/exe")
                    if "netguard" in program:
                        left.append(f"process {pid} runs {program}")
    return left
