# SPDX-License-Identifier: MIT
"""Speak to netguard-enforcer as the engine does (src/enforce/message.h, src/compile/image.h), without an engine: for tests of what
no engine would ever ask, and of maps too small for what is asked."""

import array
import fcntl
import os
import socket
import struct
import subprocess

from lab import build_file

PROFILES = {"offline": 1, "local": 2, "online": 3}
LOAD, STATUS, VERIFY, EVENT = 1, 2, 4, 201
SEALS = 0x1 | 0x2 | 0x4 | 0x8  # seal, shrink, grow, write
F_ADD_SEALS = 1033
FAULTS = ("events-lost", "task-map", "sock-tag", "untagged", "too-deep", "bad-slot", "held-map", "bad-packet", "counts")


def fnv1a64(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & (1 << 64) - 1
    return value or 1


def exe_key(path):
    """(device as the kernel has it, inode)"""
    status = os.stat(path)
    return os.major(status.st_dev) << 20 | os.minor(status.st_dev), status.st_ino


def image(apps, default="online", mode=0):
    """apps: [(id, profile, flags, [paths or keys])]. The bytes of an image."""
    apps = sorted(apps, key=lambda app: fnv1a64(app[0].encode()))
    records = [struct.pack("<QBBHIIIII", 0, PROFILES[default], 0, 0, 0, 0, 0, 0, 0)]
    exes, text = [], b""
    for number, (name, profile, flags, paths) in enumerate(apps, 1):
        name = name.encode()
        records.append(struct.pack("<QBBHIIIII", fnv1a64(name), PROFILES[profile], flags, 0, 0, 0, len(text), len(name), 0))
        text += name
        exes += [(*(exe_key(path) if isinstance(path, str) else path), number) for path in paths]
    packed = [struct.pack("<QIIII", inode, device, 0, number, 0) for device, inode, number in sorted(exes)]
    body = b"".join(records + packed) + text
    header = struct.pack("<QIIQIIIII5I", 0x3147414D4947474E, 1, mode, 64 + len(body), len(records), len(exes), 0, 0, len(text),
                         *[0] * 5)
    return header + body


class Enforcer:
    """One netguard-enforcer on the laboratory's cgroup, with pins of its own."""

    def __init__(self, lab, pins, *options):
        self.lab, self.pins = lab, pins
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.process = subprocess.Popen(
            [build_file("src", "guardd", "netguard-enforcer"), "--socket", str(theirs.fileno()), "--cgroup", lab.cgroup, "--pins",
             pins, *options], pass_fds=[theirs.fileno()])
        theirs.close()
        self.socket.settimeout(30)
        self.seq = 0
        lab.on_close(self.remove)

    def ask(self, kind, fd=None):
        self.seq += 1
        message = struct.pack("<HHIQ", 0x4E47, 1, kind, self.seq).ljust(4096, b"\0")
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))] if fd is not None else []
        self.socket.sendmsg([message], rights)
        while True:
            reply = self.socket.recv(8192)
            if not reply:
                raise AssertionError(f"the enforcer ended with {self.process.wait(5)}")
            if struct.unpack_from("<I", reply, 4)[0] != EVENT:
                return reply[16:]

    def load(self, data, seals=SEALS):
        """(errno or 0, why)"""
        fd = os.memfd_create("image", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
        try:
            os.write(fd, data)
            if seals:
                fcntl.fcntl(fd, F_ADD_SEALS, seals)
            reply = self.ask(LOAD, fd)
        finally:
            os.close(fd)
        return -struct.unpack_from("<i", reply)[0], reply[32:288].split(b"\0")[0].decode()

    def faults(self):
        counts = struct.unpack_from("<16Q", self.ask(STATUS), 40)
        return dict(zip(FAULTS, counts))

    def remove(self):
        self.socket.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        if os.path.isdir(self.pins):
            subprocess.run([build_file("src", "guardd", "netguard-enforcer"), "--remove", "--pins", self.pins], check=False)
