#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The guard on Debian 12's own kernel: stock.py NETGUARDD ENFORCER NETGUARD

A virtual machine boots Debian's packaged kernel (unpacked, not installed) with an initial file system made here: busybox, the three
programs and those they judge (curl, nc, dash) with their libraries, and guest.sh, which does the work and says TAP. It has no network but
its own loopback.
"""

import glob
import os
import re
import shutil
import stat
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.environ.get("NETGUARD_VM_CACHE", "/tmp/netguard-vm")
PACKAGE = "linux-image-amd64"
BOOT_SECONDS = 300
MODULES = ("inet_diag.ko", "tcp_diag.ko", "udp_diag.ko")  # loaded on demand on a whole system
APPLETS = ("sh mount cat echo sleep mkdir grep uname ip httpd insmod ls kill rm head true poweroff seq pidof")


def skip(reason):
    print(f"1..0 # SKIP {reason}")
    sys.exit(0)


def kernel():
    """The path of the stock kernel, from the cache or the package, which is downloaded and unpacked but not installed."""
    found = glob.glob(os.path.join(CACHE, "root", "boot", "vmlinuz-*"))
    if found:
        return found[0]
    os.makedirs(CACHE, exist_ok=True)
    shown = subprocess.run(["apt-cache", "depends", PACKAGE], capture_output=True, text=True, check=False).stdout
    name = re.search(r"Depends: (linux-image-\S+)", shown)
    if not name:
        skip(f"apt knows no {PACKAGE}")
    done = subprocess.run(["apt-get", "download", name[1]], cwd=CACHE, capture_output=True, text=True, check=False)
    packages = glob.glob(os.path.join(CACHE, "linux-image-*.deb"))
    if done.returncode or not packages:
        skip(f"{name[1]} cannot be downloaded")
    subprocess.run(["dpkg", "-x", packages[0], os.path.join(CACHE, "root")], check=True)
    os.unlink(packages[0])
    for module in MODULES:
        for file in glob.glob(os.path.join(CACHE, "root", "lib", "modules", "*", "kernel", "net", "ipv4", module)):
            shutil.copy(file, CACHE)
    shutil.rmtree(os.path.join(CACHE, "root", "lib"), ignore_errors=True)
    return glob.glob(os.path.join(CACHE, "root", "boot", "vmlinuz-*"))[0]


class Archive:
    """An initial file system in the kernel's "newc" form (Documentation/driver-api/early-userspace/buffer-format.rst)."""

    def __init__(self):
        self.data = bytearray()
        self.names = set()

    def _entry(self, name, mode, body=b""):
        encoded = name.encode() + b"\0"
        fields = (len(self.names) + 1, mode, 0, 0, 1, 0, len(body), 0, 0, 0, 0, len(encoded), 0)
        self.data += b"070701" + b"".join(b"%08x" % field for field in fields) + encoded
        self.data += b"\0" * (-len(self.data) % 4) + body
        self.data += b"\0" * (-len(self.data) % 4)

    def folder(self, path):
        path = path.strip("/")
        if path and path not in self.names:
            self.folder(os.path.dirname(path))
            self.names.add(path)
            self._entry(path, stat.S_IFDIR | 0o755)

    def file(self, path, source=None, text=None, mode=0o755):
        path = path.strip("/")
        if path in self.names:
            return
        self.folder(os.path.dirname(path))
        self.names.add(path)
        if source:
            with open(source, "rb") as file:
                text = file.read()
        self._entry(path, stat.S_IFREG | mode, text)

    def link(self, path, target):
        self.folder(os.path.dirname(path.strip("/")))
        self.names.add(path.strip("/"))
        self._entry(path.strip("/"), stat.S_IFLNK | 0o777, target.encode())

    def program(self, path, source):
        """With the libraries it is linked with, where they lie here."""
        self.file(path, source)
        libraries = subprocess.run(["ldd", source], capture_output=True, text=True, check=False).stdout
        for library in re.findall(r"(/\S+) \(0x", libraries):
            self.file(library, os.path.realpath(library))

    def finish(self):
        self._entry("TRAILER!!!", 0)
        return bytes(self.data)


def make_archive(programs):
    archive = Archive()
    for folder in ("proc", "sys", "dev", "tmp", "run", "app", "www", "etc", "c", "v"):
        archive.folder(folder)
    archive.file("bin/busybox", shutil.which("busybox"))
    for applet in APPLETS.split():
        archive.link(f"bin/{applet}", "busybox")
    for name, source in programs.items():
        archive.program(f"ng/{name}", source)
    for name, source in (("curl", "curl"), ("fresh", "curl"), ("nc", "nc.openbsd"), ("sh", "dash")):
        archive.program(f"app/{name}", os.path.realpath(shutil.which(source)))
    for module in MODULES:
        if os.path.exists(os.path.join(CACHE, module)):
            archive.file(f"modules/{module}", os.path.join(CACHE, module))
    archive.file("etc/passwd", text=b"root:x:0:0::/:/bin/sh\nnetguard:x:999:999::/:/bin/false\n", mode=0o644)
    archive.file("etc/group", text=b"root:x:0:\nnetguard:x:999:\n", mode=0o644)
    archive.file("www/hello", text=b"hello\n", mode=0o644)
    archive.file("init", os.path.join(HERE, "guest.sh"))
    return archive.finish()


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    for program in ("qemu-system-x86_64", "busybox", "apt-get", "dpkg", "curl", "nc.openbsd", "dash"):
        if not shutil.which(program):
            skip(f"{program} is not installed")
    if "not a dynamic" not in subprocess.run(["ldd", shutil.which("busybox")], capture_output=True, text=True, check=False).stderr:
        skip("busybox is not the static one")
    image = kernel()
    initrd = os.path.join(CACHE, f"initrd-{os.getpid()}")
    with open(initrd, "wb") as file:
        file.write(make_archive(dict(zip(("netguardd", "netguard-enforcer", "netguard", "netguard-verbs"), sys.argv[1:]))))
    try:
        done = subprocess.run(
            ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "1024", "-smp", "1", "-nographic", "-no-reboot", "-nic", "none",
             "-kernel", image, "-initrd", initrd, "-append", "console=ttyS0 quiet panic=1 rdinit=/init"],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=BOOT_SECONDS, check=False)
        said = done.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as late:
        said = (late.stdout or b"").decode(errors="replace") + "\n# the machine did not end in time\n"
    finally:
        os.unlink(initrd)
    lines = re.findall(r"^(ok \d.*|not ok \d.*|# .*|1\.\.\d+)\r?$", said, re.MULTILINE)
    print("\n".join(lines))
    if not any(line.startswith("1..") for line in lines):
        print(f"Bail out! the machine did not come to the end; it said:\n{said[-3000:]}")
        return 1
    return 1 if any(line.startswith("not ok") for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
