# SPDX-License-Identifier: MIT
"""The launcher's laboratory: tests/netns/lab.py's namespaces, with the namespace "client" as the machine that the launcher runs on.

Added to it: name servers that know a zone, host daemons on AF_UNIX, a process outside that may do all, an ordinary user, and
ways to run a command without the launcher (the control), with it, and with it on a machine that gives less (rungs B and C).

Whatever is sent to ports 20000 to 20999 of a peer arrives at its echo server, so that each vector has a port of its own, by
which its record is found.
"""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "netns"))

# pylint: disable=wrong-import-position
from lab import INET4, INET6, LAN4, LAN6, SHARED4, Lab, build_file, inside, mount, run_quiet, wait_for  # noqa: E402
from peers import DNS, ECHO, Peer  # noqa: E402
from tap import Skip, expect, skip_all  # noqa: E402

USER, ROOT = 64601, 0
PEOPLE = ((USER, "a user"), (ROOT, "root"))
MS_BIND = 4096
A, AAAA, CNAME = 1, 28, 5

# What the test's name servers answer. Names below example.org never leave the laboratory.
ZONE = {
    "api.example.org": [(A, INET4), (AAAA, INET6)],
    "four.example.org": [(A, INET4)],
    "other.example.org": [(A, INET4)],
    "npm.example.org": [(A, INET4)],
    "alias.example.org": [(CNAME, "four.example.org"), (A, INET4)],
    "loop.example.org": [(A, "127.0.0.1"), (AAAA, "::1")],
    "any.example.org": [(A, "0.0.0.0"), (AAAA, "::")],
    "mapped.example.org": [(AAAA, "::ffff:127.0.0.1")],
    "link.example.org": [(A, "169.254.7.7"), (AAAA, "fe80::1")],
    "meta.example.org": [(A, "169.254.169.254")],
    "lan.example.org": [(A, LAN4), (AAAA, LAN6)],
    "mixed.example.org": [(A, INET4), (A, "127.0.0.1"), (A, LAN4)],
    "forged.example.org": [(A, INET4)],
    "extra.example.org": [(A, INET4)],
}


def _name_bytes(name):
    return b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"


def _record(name, kind, value, ttl=60):
    if kind == CNAME:
        data = _name_bytes(value)
    else:
        data = socket.inet_pton(socket.AF_INET if kind == A else socket.AF_INET6, value)
    return _name_bytes(name) + struct.pack("!HHIH", kind, 1, ttl, len(data)) + data


def answer_query(query):
    """The answers to a query: usually one. A forged one comes before the right one."""
    end, labels = 12, []
    while query[end]:
        labels.append(query[end + 1:end + 1 + query[end]].decode())
        end += query[end] + 1
    name, kind = ".".join(labels).lower(), struct.unpack("!H", query[end + 1:end + 3])[0]
    question = query[12:end + 5]
    known = ZONE.get(name)
    found = [(CNAME, value) for rtype, value in known or [] if rtype == CNAME]
    found += [(rtype, value) for rtype, value in known or [] if rtype == kind]
    owner = found[0][1] if found and found[0][0] == CNAME else name
    records = b"".join(_record(name if rtype == CNAME else owner, rtype, value) for rtype, value in found)

    def message(number, answers, count, extra=b"", n_extra=0):
        return (number + (b"\x81\x80" if known else b"\x81\x83") + struct.pack("!HHHH", 1, count, 0, n_extra) + question +
                answers + extra)

    if name == "forged.example.org":
        wrong = struct.pack("!H", struct.unpack("!H", query[:2])[0] ^ 0x5555)
        return [message(wrong, _record(name, A, SHARED4), 1), message(query[:2], records, len(found))]
    if name == "extra.example.org":
        extra = _record("other.example.org", A, SHARED4)
        return [message(query[:2], records + extra, len(found) + 1, extra, 1)]
    return [message(query[:2], records, len(found))]


class NamePeer(Peer):
    """A peer whose name server knows ZONE, over UDP and TCP, and keeps what it was asked."""

    def __init__(self, lab, namespace):
        super().__init__(lab, namespace)
        self._serve_tcp(DNS, self._dns_tcp)

    @staticmethod
    def _dns(server, query, sender):
        for answer in answer_query(query):
            server.sendto(answer, sender)

    def _dns_tcp(self, connection):
        head = connection.recv(2, socket.MSG_WAITALL)
        while len(head) == 2:
            query = connection.recv(struct.unpack("!H", head)[0], socket.MSG_WAITALL)
            self.received.append((DNS, query))
            answer = answer_query(query)[-1]
            connection.sendall(struct.pack("!H", len(answer)) + answer)
            head = connection.recv(2, socket.MSG_WAITALL)

    def asked(self, word):
        return sum(1 for port, data in self.received if port == DNS and word in data)


class HostDaemon:
    """Daemons of the machine: a stream, a datagram and a packet socket by path, two abstract ones, and one (h) that hands out
    a socket connected to the Internet. Counts who came."""

    def __init__(self, lab, folder, name):
        self.lab, self.folder, self.abstract = lab, folder, name
        self.came = 0
        self.opened = []
        os.mkdir(folder, 0o777)
        os.chmod(folder, 0o777)
        for kind, address in ((socket.SOCK_STREAM, f"{folder}/s"), (socket.SOCK_SEQPACKET, f"{folder}/q"),
                              (socket.SOCK_STREAM, f"\0{name}-s"), (socket.SOCK_STREAM, f"{folder}/h")):
            threading.Thread(target=self._accept, args=(self._bind(kind, address), address), daemon=True).start()
        for address in (f"{folder}/d", f"\0{name}-d"):
            threading.Thread(target=self._receive, args=(self._bind(socket.SOCK_DGRAM, address),), daemon=True).start()

    def _bind(self, kind, address):
        with inside("client"):
            server = socket.socket(socket.AF_UNIX, kind)
        server.bind(address)
        if not address.startswith("\0"):
            os.chmod(address, 0o777)
        if kind != socket.SOCK_DGRAM:
            server.listen(1024)
        self.opened.append(server)
        return server

    def _accept(self, server, address):
        while True:
            connection = server.accept()[0]
            self.came += 1
            with connection, contextlib.suppress(OSError):
                if address.endswith("/h"):
                    with inside("client"):
                        given = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                    given.connect((INET4, ECHO))
                    socket.send_fds(connection, [b"x"], [given.fileno()])
                    given.close()
                connection.recv(100)

    def _receive(self, server):
        while True:
            server.recv(100)
            self.came += 1


_VICTIM = r"""
import ctypes, os, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect((sys.argv[1], 7001))
b = ctypes.create_string_buffer(b'as it was', 64)
print(os.getpid(), ctypes.addressof(b), s.fileno(), flush=True)
for line in sys.stdin: print(b.value.decode(), flush=True)
"""


class Victim:
    """A program outside, of the same user, that may reach the Internet, has a socket open to it, and can be debugged."""

    def __init__(self, lab, uid):
        self.child = lab.spawn([*as_user(uid), "/usr/bin/python3", "-I", "-c", _VICTIM, INET4], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
        self.pid, self.where, self.fd = (int(word) for word in self.child.stdout.readline().split())

    def memory(self):
        self.child.stdin.write(b"\n")
        self.child.stdin.flush()
        return self.child.stdout.readline().decode().strip()


def as_user(uid):
    return [] if uid == ROOT else ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]


class Run:
    """What came of one command: exit status, both outputs, and the launcher's records."""

    def __init__(self, code, out, err, seconds, late, records):
        self.code, self.out, self.err, self.seconds, self.late, self.records = code, out, err, seconds, late, records

    def lines(self):
        """The probe's lines: {vector: (port, result)}."""
        found = {}
        for line in self.out.splitlines():
            words = line.split(" ", 2)
            if len(words) >= 2 and words[1].isdigit():
                found[words[0]] = (int(words[1]), words[2] if len(words) > 2 else "")
        return found

    def attempts(self, **wanted):
        return [record for record in self.records if "verdict" in record and
                all(record.get(key) == value for key, value in wanted.items())]

    def __repr__(self):
        return (f"exit {self.code} after {self.seconds:.2f} s{' (ended by the test)' if self.late else ''}, out "
                f"{self.out.strip()[-300:]!r}, err {self.err.strip()[-300:]!r}")


def read_records(path):
    records = []
    with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            records.append(json.loads(line))
    return records


def require_run(programs=()):
    """End the test with a reason where it cannot run."""
    if os.geteuid() != 0:
        skip_all("needs root: network namespaces")
    missing = [name for name in ("ip", "nft", "nsenter", "setpriv", *programs) if not shutil.which(name)]
    if missing:
        skip_all("not installed: " + ", ".join(missing))
    if not is_bare() and not os.access(build_file("src", "run", "netguard-run"), os.X_OK):
        skip_all("not built: " + build_file("src", "run", "netguard-run"))


def is_bare():
    return bool(os.environ.get("NETGUARD_BARE"))


class RunLab(Lab):
    def __init__(self, names=True):
        super().__init__()
        self.number = 0
        os.chmod("/run", 0o755)
        for name in ("logs", "home", "work"):
            os.mkdir(f"{self.dir}/{name}", 0o777)
            os.chmod(f"{self.dir}/{name}", 0o1777)
        os.mkdir(f"{self.dir}/home/user", 0o700)
        os.chown(f"{self.dir}/home/user", USER, USER)
        self.home = {USER: f"{self.dir}/home/user", ROOT: f"{self.dir}/home"}
        self.work = {}
        for uid in (USER, ROOT):
            self.work[uid] = f"{self.dir}/work/{uid}"
            os.mkdir(self.work[uid], 0o700)
            os.chown(self.work[uid], uid, uid)
        self.launcher = None if is_bare() else self._install()
        for name in ("probe", "lower"):
            shutil.copyfile(self._helper(name), f"{self.dir}/bin/{name}")
            os.chmod(f"{self.dir}/bin/{name}", 0o755)
        self.probe, self.lower = f"{self.dir}/bin/probe", f"{self.dir}/bin/lower"
        self._own_files()
        self.peers = {name: (NamePeer if names else Peer)(self, name) for name in ("lan", "inet", "client")}
        for name in ("lan", "inet"):
            self._redirect(name)
        self.sysctl("router", {f"net.ipv4.conf.{name}.accept_source_route": 1 for name in ("all", "br0")})
        self.daemon = HostDaemon(self, f"{self.dir}/daemon", f"ng-lab-{os.getpid()}")
        self._victims = {}

    # -- files ---------------------------------------------------------------------------------------------------------

    def _install(self):
        """A copy that every user can start, under its three names; and what it hands other verbs to."""
        source = build_file("src", "run", "netguard-run")
        target = f"{self.dir}/bin/netguard-run"
        shutil.copyfile(source, target)
        os.chmod(target, 0o755)
        for name in ("netguard", "sandbox"):
            os.symlink("netguard-run", f"{self.dir}/bin/{name}")
        return target

    def _helper(self, name):
        built = build_file("tests", "run", name)
        if os.access(built, os.X_OK):
            return built
        target, here = f"{self.dir}/{name}", os.path.dirname(os.path.abspath(__file__))
        sources = sorted(f"{here}/{file}" for file in os.listdir(here)
                         if file.endswith(".c") and (file == name + ".c" or file.startswith(name + "-")))
        run_quiet(["cc", "-O1", "-D_GNU_SOURCE", "-pthread", "-o", target, *sources])
        return target

    def _bind(self, path, text):
        """The test's own text in place of a file of the machine, in the test's mount namespace alone."""
        own = f"{self.dir}/" + os.path.basename(path)
        with open(own, "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(own, 0o644)
        mount(own, os.path.realpath(path), None, flags=MS_BIND)

    def _own_files(self):
        self._bind("/etc/resolv.conf", f"nameserver {INET4}\noptions timeout:2 attempts:2\n")
        self._bind("/etc/hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost\n")
        with open("/etc/passwd", encoding="utf-8") as file:
            passwd = file.read()
        self._bind("/etc/passwd", passwd + f"ngtester:x:{USER}:{USER}::{self.home[USER]}:/bin/sh\n")

    def _redirect(self, namespace):
        run_quiet(["nsenter", f"--net=/run/netns/{namespace}", "nft", "-f", "-"], input=f"""
            table inet echoes {{ chain in {{ type nat hook prerouting priority -100;
              tcp dport 20000-20999 redirect to :{ECHO}
              udp dport 20000-20999 redirect to :{ECHO}
            }}
            }}""")

    # -- commands ------------------------------------------------------------------------------------------------------

    def victim(self, uid):
        if uid not in self._victims:
            self._victims[uid] = Victim(self, uid)
        return self._victims[uid]

    def confined(self, flags, argv, uid=USER, rung="A", log=None, name="netguard-run"):
        """The whole command line. Without flags (or without a guard at all) the command itself: the control."""
        if flags is None or is_bare():
            return [*as_user(uid), *argv]
        lower = [self.lower, rung.lower()] if rung != "A" else []
        log = ["--log", log] if log else []
        return [*as_user(uid), *lower, f"{self.dir}/bin/{name}", *flags, *log, "--", *argv]

    def new_log(self):
        self.number += 1
        return f"{self.dir}/logs/{self.number}.jsonl"

    def environment(self, uid, **more):
        return {"PATH": os.environ["PATH"], "HOME": self.home[uid], "LANG": "C", **more}

    def confine(self, flags, argv, uid=USER, rung="A", seconds=20, text=None, log=True, name="netguard-run", env=None, **options):
        """Run to the end, or until the time is up."""
        path = self.new_log() if log and (rung != "C" or "--best-effort" in (flags or ())) else None  # C has no log
        started = time.monotonic()
        options.setdefault("stdin", subprocess.PIPE if text is not None else subprocess.DEVNULL)
        child = self.spawn(self.confined(flags, argv, uid, rung, path, name), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           env=self.environment(uid, **(env or {})), **options)
        late = False
        try:
            out, err = child.communicate(text.encode() if text is not None else None, timeout=seconds)
        except subprocess.TimeoutExpired:
            late = True
            child.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                out, err = child.communicate(timeout=5)
            out, err = out or b"", err or b""
        self.children.remove(child)
        return Run(child.returncode, out.decode(errors="replace"), err.decode(errors="replace"), time.monotonic() - started, late,
                   read_records(path) if path else [])

    def quiet(self, *peers):
        """Wait until what went before has ended at the peers too: farewells of connections, answers to answers."""
        peers = peers or ("lan", "inet")
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            before = [self.counts(peer) for peer in peers]
            time.sleep(0.06)  # a span without packets is what is being looked for
            if before == [self.counts(peer) for peer in peers]:
                return

    def probe_words(self, uid, **settings):
        """The probe with what the laboratory knows; settings: near, far, base, times, fd, ..."""
        victim = self.victim(uid)
        known = {"daemon": self.daemon.folder, "work": self.work[uid], "abstract": self.daemon.abstract, "pid": victim.pid,
                 "where": victim.where, "fd": victim.fd, **settings}
        return [self.probe, *(f"{key}={value}" for key, value in known.items())]

    def vectors(self, group):
        return [line.split()[0] for line in run_quiet([self.probe, "list", group]).splitlines()]

    def number_of(self, vector, group):
        for line in run_quiet([self.probe, "list", group]).splitlines():
            if line.split()[0] == vector:
                return int(line.split()[1]) - 20000
        raise KeyError(vector)

    def rungs(self):
        """The rungs that can be had here, A only where user namespaces can."""
        return ("A", "B")


def alive(pid):
    """Is this process there, and not a zombie?"""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children_of(pid):
    with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]
    return []


def descendants(pid):
    found = []
    for child in children_of(pid):
        found += [child, *descendants(child)]
    return found
