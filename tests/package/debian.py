# SPDX-License-Identifier: MIT
"""The packages, and a Debian of its own to install them in.

build() makes the packages out of a copy of the tree's files. make_root() unpacks the smallest Debian that debootstrap makes, with what
the packages depend on and without the packages. That is made once and kept as a tarball in $NETGUARD_PACKAGE_CACHE (a folder of the
build), under a name that changes with the dependencies. The mirror is this machine's own, as apt says; it is asked only when there is
no tarball. Chroots have mount and process namespaces of their own; no service is started in them."""

import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "netns"), os.path.join(HERE, "..", "lint")]
sys.dont_write_bytecode = True

import lint  # noqa: E402
from tap import expect  # noqa: E402

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
BASE = ("systemd", "dbus")
RECIPE = "1"  # raise it when make_root() makes another root of the same packages
NO_SERVICES = "#!/bin/sh\nexit 101\n"
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}


def run(*argv, seconds=300, cwd=None, **extra):
    """A step's output; it must succeed."""
    proxies = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                          check=False, timeout=seconds, cwd=cwd, env={**ENVIRONMENT, **proxies, **extra})
    expect(done.returncode == 0, f"{' '.join(argv)}: exit {done.returncode}: {done.stdout.strip()[-3000:]}")
    return done.stdout


# --- the packages ---

def build(work):
    """The packages' paths by name, with lintian's word for them all under "changes"."""
    tree = os.path.join(work, "build", "tree")
    for name in lint.files():
        target = os.path.join(tree, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy2(os.path.join(lint.ROOT, name), target, follow_symlinks=False)
    run("dpkg-buildpackage", "-b", "-us", "-uc", f"-j{os.cpu_count()}", cwd=tree, seconds=400, DEB_BUILD_OPTIONS="noautodbgsym")
    shutil.rmtree(tree)
    found = {os.path.basename(path).split("_")[0]: path for path in glob.glob(os.path.join(work, "build", "*.deb"))}
    found["changes"] = glob.glob(os.path.join(work, "build", "*.changes"))[0]
    return found


def field(deb, name):
    return run("dpkg-deb", "--field", deb, name).strip()


def as_version(deb, version):
    """The same files as a package of another version, beside the first."""
    folder = deb + ".unpacked"
    before = field(deb, "Version")
    run("dpkg-deb", "--raw-extract", deb, folder)
    control = os.path.join(folder, "DEBIAN", "control")
    with open(control, encoding="utf-8") as file:
        text = file.read()
    text = text.replace(f"Version: {before}\n", f"Version: {version}\n").replace(f"(= {before})", f"(= {version})")
    with open(control, "w", encoding="utf-8") as file:
        file.write(text)
    made = deb.replace(f"_{before}_", f"_{version}_")
    run("dpkg-deb", "--build", "--root-owner-group", "-Znone", folder, made)
    shutil.rmtree(folder)
    return made


# --- the mirror ---

def codename():
    with open("/etc/os-release", encoding="utf-8") as file:
        found = re.search(r"^VERSION_CODENAME=(\S+)", file.read(), re.M)
    return found[1] if found else "unknown"


def sources():
    """(mirror, codename, component) of each of Debian's that this machine's apt reads, of its own release."""
    shown = run("apt-get", "indextargets", "--format", "$(ORIGIN)|$(CODENAME)|$(REPO_URI)|$(CODENAME)|$(COMPONENT)", "Created-By: Packages")
    lines = [line.split("|") for line in shown.splitlines()]
    return sorted({tuple(line[2:]) for line in lines if line[0] == "Debian" and line[1].split("-")[0] == codename()})


def why_unreachable(mirror, scratch):
    try:
        run("/usr/lib/apt/apt-helper", "-o", "Acquire::http::Timeout=15", "-o", "Acquire::Retries=1", "download-file",
            f"{mirror}dists/{codename()}/Release", os.path.join(scratch, "Release"), seconds=60)
    except (AssertionError, subprocess.TimeoutExpired):
        return "Debian's mirror, as this machine's apt names it, does not answer"
    return None


# --- the root ---

def chroot(root, *argv, seconds=300):
    return run("unshare", "--mount", "--pid", "--fork", "--kill-child", f"--mount-proc={root}/proc", "chroot", root, *argv, seconds=seconds)


def cached(debs):
    """Where the tarball is, or is to be."""
    folder = os.environ.get("NETGUARD_PACKAGE_CACHE") or os.path.join(lint.ROOT, "build", "package")
    wants = [RECIPE, codename(), *BASE, *(re.sub(r"netguard \(= [^)]*\)", "netguard", field(deb, "Depends")) for deb in debs)]
    return os.path.join(folder, f"root-{hashlib.sha256('|'.join(wants).encode()).hexdigest()[:16]}.tar")


def why_no_root(work, debs):
    """Why a root can neither be unpacked nor made, or None."""
    if os.path.exists(cached(debs)):
        return None
    mirrors = [uri for uri, name, _ in sources() if name == codename()]
    if not mirrors:
        return f"this machine's apt names no mirror of Debian {codename()}"
    return why_unreachable(mirrors[0], work)


def make_root(work, debs):
    """A folder with a Debian in it, and whether it was made anew."""
    root, tarball = os.path.join(work, "root"), cached(debs)
    if os.path.exists(tarball):
        os.mkdir(root)
        run("tar", "-C", root, "--numeric-owner", "-xf", tarball)
        return root, False
    mirror = next(uri for uri, name, _ in sources() if name == codename())
    # In namespaces too: what it mounts in the root goes with it, however it ends.
    run("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "debootstrap", "--variant=minbase", f"--keyring={KEYRING}", f"--include={','.join(BASE)}",
        codename(), root, mirror, seconds=400)
    add_depends(root, debs)
    os.makedirs(os.path.dirname(tarball), exist_ok=True)
    for old in glob.glob(os.path.join(os.path.dirname(tarball), "root-*.tar*")):
        os.unlink(old)
    run("tar", "-C", root, "--numeric-owner", "-cf", tarball + ".new", ".")
    os.rename(tarball + ".new", tarball)
    return root, True


def add_depends(root, debs):
    """What apt would install besides the packages."""
    policy = os.path.join(root, "usr/sbin/policy-rc.d")
    with open(policy, "w", encoding="ascii") as file:
        file.write(NO_SERVICES)
    os.chmod(policy, 0o755)
    with open(os.path.join(root, "etc/apt/sources.list"), "w", encoding="ascii") as file:
        file.writelines(f"deb [signed-by={KEYRING}] {uri} {name} {component}\n" for uri, name, component in sources())
    with open(os.path.join(root, "etc/dpkg/dpkg.cfg.d/throw-away"), "w", encoding="ascii") as file:
        file.write("force-unsafe-io\n")
    inside = [shutil.copy(deb, os.path.join(root, "srv")) for deb in debs]
    chroot(root, "apt-get", "-q", "update")
    plan = chroot(root, "apt-get", "-s", "--no-install-recommends", "install", *(path[len(root):] for path in inside))
    names = [name for name in re.findall(r"^Inst (\S+)", plan, re.M) if "netguard" not in name]
    if names:
        chroot(root, "apt-get", "-q", "-y", "--no-install-recommends", "install", *names, seconds=400)
        chroot(root, "apt-mark", "auto", *names)
    chroot(root, "apt-get", "clean")
    for path in [policy, *inside, *glob.glob(os.path.join(root, "var/lib/apt/lists/*_*"))]:
        os.unlink(path)
